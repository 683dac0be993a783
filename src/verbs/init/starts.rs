//! pure: the columns in which an appointment's start is written, and its format.

use super::headers::{ColumnRole, fit, is_named_utc, is_other_date};
use super::mapping::{Found, Sample, StartFound};
use crate::appointment::DateFormat;
use crate::appointment::dates::{self, DateGuess, guess_of_most};

/// What a column's values are, by their form.
fn form(values: &[&str]) -> Option<(StartForm, DateGuess)> {
    let guess = most_starts(values).0;
    let is_whole = match &guess {
        DateGuess::Proposed(format) | DateGuess::Ambiguous(format, _) => {
            !format.contains('%') || format.contains("%H") || format.contains("%I")
        }
        DateGuess::Mixed => values.iter().all(|text| text.contains(':')),
        DateGuess::Unknown => false,
    };
    if is_whole {
        return Some((StartForm::Whole, guess));
    }
    with(values, "", " 09:00", StartForm::Date).or_else(|| with(values, "2026-01-28 ", "", StartForm::Time))
}

/// The guess over a column, and how many of its values it leaves out: a few cells that are written otherwise hide no ISO 8601 that
/// all others have, and a few that are no dates at all no other format.
fn most_starts<S: AsRef<str>>(values: &[S]) -> (DateGuess, usize) {
    let (guess, left_out) = guess_of_most(values);
    if !matches!(guess, DateGuess::Unknown | DateGuess::Mixed) {
        return (guess, left_out);
    }
    let unread = values.iter().filter(|text| dates::read(text.as_ref(), &DateFormat::Iso).is_none()).count();
    let is_rare = unread * 5 <= values.len() || unread <= 2 && unread * 2 < values.len();
    if is_rare { (DateGuess::Proposed("iso8601".to_owned()), unread) } else { (guess, 0) }
}

fn with(values: &[&str], before: &str, after: &str, form: StartForm) -> Option<(StartForm, DateGuess)> {
    // a quick look: a date has four digits, a time of day one to six
    let digits = |text: &&str| text.bytes().filter(u8::is_ascii_digit).count();
    let may_be = |text: &&&str| match form {
        StartForm::Time => (1..=6).contains(&digits(text)) && text.trim().len() <= "10:30:00 a. m. Uhr".len(),
        StartForm::Whole | StartForm::Date => digits(text) >= 4,
    };
    values.iter().take(5).find(may_be)?;
    let whole: Vec<String> = values.iter().map(|text| format!("{before}{}{after}", text.trim())).collect();
    let guess = guess_of_most(&whole).0;
    (!matches!(guess, DateGuess::Unknown)).then_some((form, guess))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum StartForm {
    Whole,
    Date,
    Time,
}

/// The only column whose values have this form although its name doesn't say so; whoever reads the draft is asked.
fn by_values(sample: &Sample, found: &mut Found, wanted: StartForm) -> Option<String> {
    let may_be = |name: &&String| {
        let is_named_otherwise = is_other_date(name)
            || found.phone.contains(name)
            || [ColumnRole::Id, ColumnRole::Person].into_iter().any(|role| fit(name, role) > 0);
        let values = sample.values(name);
        // a number may read as a date or as a time of day
        let is_number = values.iter().all(|text| text.trim().bytes().all(|byte| byte.is_ascii_digit()));
        !is_named_otherwise && !is_number && form(&values).is_some_and(|(form, _)| form == wanted)
    };
    let mut columns = sample.columns.iter().filter(may_be);
    let (column, None) = (columns.next()?.clone(), columns.next()) else { return None };
    let what = match wanted {
        StartForm::Whole | StartForm::Date => "dates: is it the start?",
        StartForm::Time => "times of day: is it the start's?",
    };
    found.doubts.push(format!("`{column}` holds {what}"));
    Some(column)
}

/// Finds the start's column or columns, and how they are written.
pub(super) fn find(sample: &Sample, found: &mut Found) {
    // four digits read as a time of day: a column that is named like an id holds numbers
    let is_number =
        |name: &str| fit(name, ColumnRole::Id) > fit(name, ColumnRole::Start).max(fit(name, ColumnRole::Time));
    let forms: Vec<(String, StartForm)> = sample
        .ranked(ColumnRole::Start)
        .into_iter()
        .chain(sample.ranked(ColumnRole::Time))
        .filter_map(|name| Some((name.clone(), form(&sample.values(&name))?.0)))
        .filter(|(name, form)| *form != StartForm::Time || !is_number(name))
        .collect();
    let first = |wanted: StartForm| forms.iter().find(|(_, form)| *form == wanted).map(|(name, _)| name.clone());
    let (mut whole, mut date, mut time) = (first(StartForm::Whole), first(StartForm::Date), first(StartForm::Time));
    if whole.is_none() && date.is_none() {
        whole = by_values(sample, found, StartForm::Whole);
        date = if whole.is_none() { by_values(sample, found, StartForm::Date) } else { None };
    }
    if whole.is_none() && date.is_some() && time.is_none() {
        time = by_values(sample, found, StartForm::Time);
    }
    let texts: Vec<String> = match (whole, date, time) {
        (Some(column), _, _) => {
            let texts: Vec<String> = sample.values(&column).into_iter().map(str::to_owned).collect();
            // an offset says it by itself
            if is_named_utc(&column) && !texts.iter().any(|text| text.ends_with('Z') || text.contains('+')) {
                found.doubts.push(format!("`{column}` is named as UTC, so its times are read in UTC"));
                found.others.push(("source_timezone", "UTC".to_owned()));
            }
            found.start = Some(StartFound::One(column));
            texts
        }
        (None, Some(date), Some(time)) => {
            let both = sample.values(&date).into_iter().zip(sample.values(&time));
            let texts = both.map(|(date, time)| format!("{} {}", date.trim(), time.trim())).collect();
            found.start = Some(StartFound::Two { date, time });
            texts
        }
        (None, Some(date), None) => {
            found.doubts.push(format!("`{date}` has no time of day: name its column too, `{{ date = …, time = … }}`"));
            found.start = Some(StartFound::One(date));
            return;
        }
        (None, None, _) => {
            let named = sample.ranked(ColumnRole::Start).into_iter().next();
            match &named {
                Some(name) => found.doubts.push(format!(
                    "the starts in `{name}` fit no known format: write a strftime pattern in `date_format`"
                )),
                None => found.doubts.push("no column is named like a start: name one in `starts_at`".to_owned()),
            }
            found.start = named.map(StartFound::One);
            return;
        }
    };
    let (guess, left_out) = most_starts(&texts);
    if left_out > 0 {
        found.doubts.push(format!("{left_out} of {} starts can't be read: they are `invalid_time`", texts.len()));
    }
    format_of(guess, found);
}

/// The lines for `date_format`, and what is in doubt about them.
fn format_of(guess: DateGuess, found: &mut Found) {
    found.has_format = matches!(guess, DateGuess::Proposed(_) | DateGuess::Ambiguous(..));
    match guess {
        DateGuess::Proposed(format) if format == "iso8601" => {}
        DateGuess::Proposed(format) => found.formats = vec![format],
        DateGuess::Ambiguous(one, other) => {
            found.doubts.push(format!(
                "every start fits two readings, `{one}` and `{other}`: ask whoever writes the source, and remove the wrong line"
            ));
            found.formats = vec![one, other];
        }
        DateGuess::Mixed => found.doubts.push(
            "the starts are mixed: some read one way alone, others another; have the source write one form".to_owned(),
        ),
        DateGuess::Unknown => {
            found.doubts.push("the starts fit no known format: write a strftime pattern in `date_format`".to_owned());
        }
    }
}

/// The column of starts or of times of day that holds ranges (`10:30 - 11:00`).
pub(super) fn ranges(sample: &Sample) -> Option<String> {
    let is_range = |name: &String| {
        let values = sample.values(name);
        !values.is_empty() && values.iter().filter(|text| dates::is_range(text)).count() * 2 > values.len()
    };
    sample.ranked(ColumnRole::Start).into_iter().chain(sample.ranked(ColumnRole::Time)).find(is_range)
}
