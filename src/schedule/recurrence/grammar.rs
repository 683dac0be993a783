//! pure: which cron lines may be used, and what to write instead of the others. croner would take more (years, `+`,
//! `?`, steps that never step); what it takes differently from other crons is refused here rather than guessed.

use super::CronProblem;

/// The remedy when nothing better is known.
pub(super) const SHAPE: &str = "write five fields, minute hour day-of-month month weekday, such as `0 9 * * MON-FRI`";

/// A line that croner can be given.
pub(super) struct CronFields {
    /// Five or six fields, no nickname.
    pub(super) line: String,
    /// How the hours are written.
    pub(super) hour_field: HourField,
    /// Whether day of month and weekday have to match both, or one of them, when both are given.
    pub(super) day_fields: DayFields,
}

/// What two day fields mean together: Vixie cron's rule, which decides by how they are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DayFields {
    /// One of them begins with `*` (also `*/2`): a day must fit both.
    Both,
    /// Neither does: a day that fits one of them runs.
    Either,
}

/// How the hours are written, which decides what a change of the clocks does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HourField {
    /// Numbers, lists and ranges: fixed times, each once a day.
    Fixed,
    /// `*` or a step: elapsed time.
    Elapsed,
}

/// One field's name and bounds.
struct Field {
    name: &'static str,
    low: u16,
    high: u16,
    names: &'static [&'static str],
    /// Values that a step can walk over; weekdays count Sunday once.
    count: u16,
}

const MONTHS: [&str; 12] = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const WEEKDAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

const FIELDS: [Field; 6] = [
    Field { name: "second", low: 0, high: 59, names: &[], count: 60 },
    Field { name: "minute", low: 0, high: 59, names: &[], count: 60 },
    Field { name: "hour", low: 0, high: 23, names: &[], count: 24 },
    Field { name: DAY_OF_MONTH, low: 1, high: 31, names: &[], count: 31 },
    Field { name: "month", low: 1, high: 12, names: &MONTHS, count: 12 },
    Field { name: WEEKDAY, low: 0, high: 7, names: &WEEKDAYS, count: 7 },
];
const DAY_OF_MONTH: &str = "day-of-month";
const WEEKDAY: &str = "weekday";

const NICKNAMES: [(&str, &str); 7] = [
    ("@hourly", "0 * * * *"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@weekly", "0 0 * * 0"),
    ("@monthly", "0 0 1 * *"),
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
];

/// Reads the line as far as needed to refuse it with a remedy.
pub(super) fn check(text: &str) -> Result<CronFields, CronProblem> {
    let line = text.trim();
    refuse_variables(line)?;
    if line.starts_with('@') {
        return check(nickname(line)?);
    }
    let parts: Vec<&str> = line.split_whitespace().collect();
    let first = first_field(line, &parts)?;
    for (field, part) in FIELDS[first..].iter().zip(&parts) {
        check_field(field, part).map_err(|problem| explain_six(problem, &parts))?;
    }
    let hours = parts[2 - first];
    let hour_field = if hours.contains(['*', '/']) { HourField::Elapsed } else { HourField::Fixed };
    let is_star = |place: usize| parts[place - first].starts_with('*');
    let day_fields = if is_star(3) || is_star(5) { DayFields::Both } else { DayFields::Either };
    Ok(CronFields { line: parts.join(" "), hour_field, day_fields })
}

/// `CRON_TZ=Europe/Berlin 0 9 * * *`, as some crons take it.
fn refuse_variables(line: &str) -> Result<(), CronProblem> {
    let Some((name, rest)) = line
        .split_once('=')
        .filter(|(name, _)| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'_'))
    else {
        return Ok(());
    };
    let (zone, fields) = rest.split_once(char::is_whitespace).unwrap_or((rest, "0 9 * * *"));
    let message = format!("`{name}=` is not read in a cron line");
    Err(match name.to_ascii_uppercase().as_str() {
        "CRON_TZ" | "TZ" => problem(
            message,
            format!("write `timezone = \"{zone}\"` in a line of its own, and `cron = \"{}\"`", fields.trim()),
        ),
        _ => problem(message, SHAPE),
    })
}

/// The problem that a line names no day there is.
pub(super) fn never(text: &str) -> CronProblem {
    problem(
        format!("`{}` never fires: no month it names has such a day", text.trim()),
        "the last day of a month is `L`, such as `0 9 L 2 *`",
    )
}

fn problem(message: String, help: impl Into<String>) -> CronProblem {
    CronProblem { message, help: help.into() }
}

fn nickname(line: &str) -> Result<&'static str, CronProblem> {
    let name = line.to_ascii_lowercase();
    if let Some((_, fields)) = NICKNAMES.iter().find(|(known, _)| *known == name) {
        return Ok(fields);
    }
    if name.starts_with("@every") {
        let help = "write a step instead: `*/15 * * * *` is every 15 minutes, `0 */2 * * *` every two hours";
        return Err(problem(
            format!("`{line}`: `@every` counts from a start, which is not the same after a restart"),
            help,
        ));
    }
    if name == "@reboot" {
        let help = "write the time of day at which to run; a run missed while the service was down is made up for";
        return Err(problem("`@reboot` names no time".to_owned(), help));
    }
    let near = crate::spelling::did_you_mean(&name, NICKNAMES.iter().map(|(known, _)| *known));
    let help = near.map_or_else(
        || "there are @hourly, @daily, @weekly, @monthly and @yearly".to_owned(),
        |known| format!("did you mean `{known}`?"),
    );
    Err(problem(format!("`{line}` is not a valid nickname of a cron line"), help))
}

/// Where in [`FIELDS`] the line begins.
fn first_field(line: &str, parts: &[&str]) -> Result<usize, CronProblem> {
    let is_year = |part: &&str| part.len() == 4 && part.starts_with(['1', '2']) && part.parse::<u16>().is_ok();
    match parts.len() {
        0 => Err(problem("the cron line is empty".to_owned(), SHAPE)),
        6 if is_year(&parts[5]) => Err(years(line)),
        5 => Ok(1),
        6 => Ok(0),
        7 => Err(years(line)),
        count => {
            let (plural, joined) = (if count == 1 { "" } else { "s" }, line);
            Err(problem(format!("`{joined}` has {count} field{plural}, not five (or six, with seconds first)"), SHAPE))
        }
    }
}

fn years(line: &str) -> CronProblem {
    let help = "leave the year out, and set `enabled = false` when the schedule is over";
    problem(format!("`{line}` names a year: a schedule recurs every year"), help)
}

/// Adds an explanation to the refusal of six fields: often they are five with something appended, or made for a cron that has
/// seconds.
fn explain_six(problem: CronProblem, parts: &[&str]) -> CronProblem {
    if parts.len() != 6 {
        return problem;
    }
    let CronProblem { message, help } = problem;
    let five = parts[..5].join(" ");
    CronProblem {
        message,
        help: format!("{help}; with six fields the first is the second: for five, write as in `{five}`"),
    }
}

fn check_field(field: &Field, part: &str) -> Result<(), CronProblem> {
    if part.contains('?') {
        let help = "write `*`; if the line was made for Quartz, write weekdays as names, since its Sunday is 1, here 0";
        return Err(problem(format!("`{part}` in the {} field: `?` is not used here", field.name), help));
    }
    part.split(',').try_for_each(|item| check_item(field, item).map_err(|refusal| refusal.of(field, part)))
}

/// What is wrong with one item of a list.
enum ItemRefusal {
    Shape,
    Name(String),
    Outside(u16),
    Backwards(String),
    StepBeyond(u16),
    StepFromNumber(String),
}

impl ItemRefusal {
    fn of(self, field: &Field, part: &str) -> CronProblem {
        let (name, low, high) = (field.name, field.low, field.high);
        let place = format!("`{part}` in the {name} field");
        match self {
            Self::Shape => problem(format!("{place} can't be read"), shapes(field)),
            Self::Name(word) => problem(format!("{place}: there is no {name} `{word}`"), names_of(field, &word)),
            Self::Outside(value) => {
                problem(format!("{place}: {value} is outside {low} to {high}"), format!("write {low} to {high}"))
            }
            Self::Backwards(range) => problem(
                format!("{place}: the range `{range}` runs backwards"),
                "write its two parts as a list, such as `FRI,SAT,SUN,MON` or `22-23,0-5`",
            ),
            Self::StepBeyond(step) => {
                let most = field.count;
                let message = format!("{place}: a step of {step} exceeds the field, which has {most} values");
                problem(message, format!("a step is 1 to {most}; longer pauses are a matter of the next field"))
            }
            Self::StepFromNumber(item) => {
                let (start, step) = item.split_once('/').unwrap_or((&item, "1"));
                let help = format!("write `{start}-{high}/{step}`, or `*/{step}` from the field's beginning");
                problem(format!("{place}: crons disagree about `{item}`"), help)
            }
        }
    }
}

fn shapes(field: &Field) -> String {
    let more = match field.name {
        DAY_OF_MONTH => ", `L` (the last), `15W` (the working day nearest the 15th), `LW`",
        WEEKDAY => ", `FRI#2` (the second Friday), `FRI#L` or `5L` (the last)",
        _ => "",
    };
    format!("a field is `*`, a number, a range `1-5`, a step `*/2` or `1-9/2`, or a list of these{more}")
}

fn names_of(field: &Field, word: &str) -> String {
    if field.names.is_empty() {
        return shapes(field);
    }
    let upper = word.to_ascii_uppercase();
    match field.names.iter().find(|name| upper.starts_with(**name)) {
        Some(name) => format!("did you mean `{name}`?"),
        None => format!("names are {}", field.names.join(", ")),
    }
}

fn check_item(field: &Field, item: &str) -> Result<(), ItemRefusal> {
    let item = item.to_ascii_uppercase();
    if is_special(field, &item)? {
        return Ok(());
    }
    let (range, step) = match item.split_once('/') {
        Some((range, step)) => (range, Some(number(step).ok_or(ItemRefusal::Shape)?)),
        None => (item.as_str(), None),
    };
    match step {
        Some(0) => return Err(ItemRefusal::Shape),
        Some(step) if step > field.count => return Err(ItemRefusal::StepBeyond(step)),
        Some(_) if range != "*" && !range.contains('-') => {
            value(field, range)?;
            return Err(ItemRefusal::StepFromNumber(item.clone()));
        }
        Some(_) | None => {}
    }
    check_range(field, range)
}

fn check_range(field: &Field, range: &str) -> Result<(), ItemRefusal> {
    if range == "*" {
        return Ok(());
    }
    let Some((from, to)) = range.split_once('-') else { return value(field, range).map(drop) };
    let (low, mut high) = (value(field, from)?, value(field, to)?);
    if field.name == WEEKDAY && to == "SUN" {
        high = 7;
    }
    if low > high { Err(ItemRefusal::Backwards(range.to_owned())) } else { Ok(()) }
}

/// `L`, `LW`, `15W` of a month; `FRI#2`, `5L` of weekdays.
fn is_special(field: &Field, item: &str) -> Result<bool, ItemRefusal> {
    match field.name {
        DAY_OF_MONTH if item == "L" || item == "LW" => Ok(true),
        DAY_OF_MONTH => match item.strip_suffix('W') {
            Some(day) => value(field, day).map(|_| true),
            None => Ok(false),
        },
        WEEKDAY if item == "L" => Err(ItemRefusal::Shape),
        WEEKDAY => match item.split_once('#').or_else(|| Some((item.strip_suffix('L')?, "L"))) {
            Some((day, "1" | "2" | "3" | "4" | "5" | "L")) => value(field, day).map(|_| true),
            Some(_) => Err(ItemRefusal::Shape),
            None => Ok(false),
        },
        _ => Ok(false),
    }
}

fn value(field: &Field, text: &str) -> Result<u16, ItemRefusal> {
    if let Some(place) = field.names.iter().position(|name| *name == text) {
        return Ok(u16::try_from(place).expect("a field has at most 12 names") + u16::from(field.low == 1));
    }
    if !text.is_empty() && text.bytes().all(|letter| letter.is_ascii_alphabetic()) {
        return Err(ItemRefusal::Name(text.to_owned()));
    }
    let value = number(text).ok_or(ItemRefusal::Shape)?;
    if (field.low..=field.high).contains(&value) { Ok(value) } else { Err(ItemRefusal::Outside(value)) }
}

/// Digits only: `parse` alone would take `+5`.
fn number(text: &str) -> Option<u16> {
    text.bytes().all(|digit| digit.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}
