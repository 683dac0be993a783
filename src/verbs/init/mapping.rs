//! pure: which column means what, and how its starts are written: by the names of columns and by the whole column's values.
//! What can't be decided is told, never guessed.

use std::collections::BTreeSet;

use super::headers::{ColumnRole, fit, is_named_utc, is_other_date, regions_of};
use crate::appointment::dates::{self, DateGuess, guess_formats};
use crate::appointment::{DateFormat, phone};

/// A table as it was read: its columns, and of each row its texts in their order.
#[derive(Debug, Default)]
pub(super) struct Sample {
    pub(super) columns: Vec<String>,
    pub(super) rows: Vec<Vec<Option<String>>>,
}

/// The start's columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum StartFound {
    One(String),
    Two { date: String, time: String },
}

/// What was found, and what is in doubt.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) id: Option<String>,
    pub(super) phone: Vec<String>,
    pub(super) region: Option<&'static str>,
    pub(super) start: Option<StartFound>,
    /// One `date_format`, or both readings.
    pub(super) formats: Vec<String>,
    pub(super) status: Option<String>,
    /// The words of the status column.
    pub(super) statuses: Vec<String>,
    pub(super) others: Vec<(&'static str, String)>,
    pub(super) name: Option<String>,
    pub(super) service: Option<String>,
    pub(super) doubts: Vec<String>,
}

/// Regions of national numbers that are tried, in this order, and the zone most people there live in.
pub(super) const REGIONS: &[(&str, &str)] = &[
    ("US", "America/New_York"),
    ("GB", "Europe/London"),
    ("DE", "Europe/Berlin"),
    ("FR", "Europe/Paris"),
    ("ES", "Europe/Madrid"),
    ("IT", "Europe/Rome"),
    ("PT", "Europe/Lisbon"),
    ("BR", "America/Sao_Paulo"),
    ("NL", "Europe/Amsterdam"),
    ("AU", "Australia/Sydney"),
    ("IN", "Asia/Kolkata"),
    ("AT", "Europe/Vienna"),
    ("CH", "Europe/Zurich"),
    ("MX", "America/Mexico_City"),
];

/// Words of a status that say that somebody is expected.
const EXPECTED: &[&str] = &[
    "booked",
    "fest",
    "ok",
    "confirmed",
    "scheduled",
    "active",
    "accepted",
    "approved",
    "arranged",
    "gebucht",
    "bestaetigt",
    "bestätigt",
    "geplant",
    "confirmé",
    "confirme",
    "réservé",
    "planifié",
    "prévu",
    "confirmada",
    "confirmado",
    "reservada",
    "reservado",
    "programada",
    "agendado",
    "agendada",
    "confermato",
    "confermata",
    "prenotato",
    "prenotata",
    "bevestigd",
    "gepland",
    "geboekt",
];

/// A column may hold more different words than a status has.
const MAX_STATUSES: usize = 15;

impl Sample {
    fn values(&self, column: &str) -> Vec<&str> {
        let Some(place) = self.columns.iter().position(|name| name == column) else { return Vec::new() };
        self.rows.iter().filter_map(|row| row.get(place)?.as_deref()).collect()
    }

    /// The column that fits a role best, among those that pass a look at their values.
    fn best(&self, role: ColumnRole, fits: impl Fn(&[&str]) -> bool) -> Option<String> {
        self.ranked(role).into_iter().find(|name| fits(&self.values(name)))
    }

    fn ranked(&self, role: ColumnRole) -> Vec<String> {
        let mut fitting: Vec<(usize, &String)> =
            self.columns.iter().map(|name| (fit(name, role), name)).filter(|(fit, _)| *fit > 0).collect();
        fitting.sort_by_key(|(fit, _)| std::cmp::Reverse(*fit));
        fitting.into_iter().map(|(_, name)| name.clone()).collect()
    }
}

/// How many roles the names alone fit: of several readings of a file the one with more is right.
pub(super) fn known_names(columns: &[String]) -> usize {
    let roles = [
        ColumnRole::Id,
        ColumnRole::Phone,
        ColumnRole::Start,
        ColumnRole::Time,
        ColumnRole::Status,
        ColumnRole::Name,
        ColumnRole::Service,
    ];
    roles.iter().filter(|role| columns.iter().any(|name| fit(name, **role) > 0)).count()
}

/// Finds everything.
pub(super) fn find(sample: &Sample) -> Found {
    let mut found = Found::default();
    phones(sample, &mut found);
    starts(sample, &mut found);
    ids(sample, &mut found);
    statuses(sample, &mut found);
    for (key, role) in [
        ("timezone", ColumnRole::Zone),
        ("person", ColumnRole::Person),
        ("do_not_call", ColumnRole::DoNotCall),
        ("consent", ColumnRole::Consent),
    ] {
        if let Some(column) = sample.best(role, |values| !values.is_empty()) {
            found.others.push((key, column));
        }
    }
    let taken = [found.id.clone(), found.status.clone()];
    let free = |name: &String| !taken.contains(&Some(name.clone()));
    found.name = sample.ranked(ColumnRole::Name).into_iter().find(free);
    found.service = sample.ranked(ColumnRole::Service).into_iter().find(free);
    found
}

fn phones(sample: &Sample, found: &mut Found) {
    let readable =
        |values: &[&str], region: Option<&str>| values.iter().filter(|text| phone::read(text, region).is_ok()).count();
    let like_phones = |values: &[&str]| {
        let digits = |text: &&&str| (7..=16).contains(&text.bytes().filter(u8::is_ascii_digit).count());
        !values.is_empty() && values.iter().filter(digits).count() * 2 >= values.len()
    };
    let named: Vec<String> =
        sample.ranked(ColumnRole::Phone).into_iter().filter(|name| like_phones(&sample.values(name))).take(2).collect();
    found.phone = named;
    if found.phone.is_empty() {
        let by_value = sample.columns.iter().find(|name| {
            let values = sample.values(name);
            !values.is_empty() && readable(&values, None) * 2 > values.len()
        });
        match by_value {
            Some(name) => {
                found
                    .doubts
                    .push(format!("no column is named like a phone; `{name}` holds numbers that can be called"));
                found.phone.push(name.clone());
            }
            None => found.doubts.push("no column holds phone numbers: name one in `phone`".to_owned()),
        }
    }
    let values: Vec<&str> = found.phone.iter().flat_map(|name| sample.values(name)).collect();
    let international = readable(&values, None);
    if international == values.len() {
        return;
    }
    let near = regions_of(&sample.columns);
    let mut counts: Vec<(usize, &'static str)> =
        REGIONS.iter().map(|(region, _)| (readable(&values, Some(region)), *region)).collect();
    // whoever writes German headers has German numbers, even if a few of them read better elsewhere
    let best = counts.iter().map(|(count, _)| *count).max().unwrap_or(0);
    if counts.iter().any(|(count, region)| near.contains(region) && *count * 5 >= best * 4 && *count > international) {
        counts.retain(|(_, region)| near.contains(region));
    }
    let most = counts.iter().map(|(count, _)| *count).max().unwrap_or(0);
    if most <= international {
        return;
    }
    let best: Vec<&'static str> =
        counts.iter().filter(|(count, _)| *count == most).map(|(_, region)| *region).collect();
    found.region = best.first().copied();
    if best.len() > 1 {
        let all = best.join("`, `");
        found
            .doubts
            .push(format!("numbers without a country's code read in several countries (`{all}`): which one is it?"));
    }
}

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

/// The guess over a column, and how many of its values it leaves out: a few cells that are no dates at all hide no format
/// that all others have.
fn most_starts<S: AsRef<str>>(values: &[S]) -> (DateGuess, usize) {
    let guess = guess_formats(values);
    if !matches!(guess, DateGuess::Unknown | DateGuess::Mixed) {
        return (guess, 0);
    }
    let unread = values.iter().filter(|text| dates::read(text.as_ref(), &DateFormat::Iso).is_none()).count();
    let is_rare = unread * 5 <= values.len();
    if is_rare { (DateGuess::Proposed("iso8601".to_owned()), unread) } else { (guess, 0) }
}

fn with(values: &[&str], before: &str, after: &str, form: StartForm) -> Option<(StartForm, DateGuess)> {
    let whole: Vec<String> = values.iter().map(|text| format!("{before}{}{after}", text.trim())).collect();
    let guess = guess_formats(&whole);
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

fn starts(sample: &Sample, found: &mut Found) {
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

fn ids(sample: &Sample, found: &mut Found) {
    let is_unique = |values: &[&str]| values.iter().collect::<BTreeSet<_>>().len() == values.len();
    let is_whole = |values: &[&str]| values.len() == sample.rows.len() && is_unique(values);
    // a start is no id: it changes when the appointment moves
    let starts = match &found.start {
        Some(StartFound::One(column)) => vec![column],
        Some(StartFound::Two { date, time }) => vec![date, time],
        None => Vec::new(),
    };
    let is_free = |name: &&String| !starts.contains(name) && !found.phone.contains(name);
    let ranked = sample.ranked(ColumnRole::Id);
    if let Some(column) = ranked.iter().filter(is_free).find(|name| is_whole(&sample.values(name))) {
        found.id = Some(column.clone());
        return;
    }
    let named = ranked.iter().find(is_free).cloned();
    let other = sample.columns.iter().find(|name| is_free(name) && is_whole(&sample.values(name)));
    match (named, other) {
        (Some(named), _) => {
            found.doubts.push(format!(
                "`{named}` is not different in every row: an id must name one appointment, and stay when it moves"
            ));
            found.id = Some(named);
        }
        (None, Some(other)) => {
            found.doubts.push(format!("no column is named like an id; `{other}` is different in every row: does it stay when an appointment moves?"));
            found.id = Some(other.clone());
        }
        (None, None) => {
            found.doubts.push("no column is an id: name what stays when an appointment moves in `id`".to_owned());
        }
    }
}

fn statuses(sample: &Sample, found: &mut Found) {
    let words = |values: &[&str]| -> BTreeSet<String> {
        values.iter().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()).collect()
    };
    let Some(column) = sample.best(ColumnRole::Status, |values| (1..=MAX_STATUSES).contains(&words(values).len()))
    else {
        return;
    };
    let all = words(&sample.values(&column));
    let expected: Vec<String> =
        all.iter().filter(|word| EXPECTED.contains(&word.to_lowercase().as_str())).cloned().collect();
    let left: Vec<&String> = all.iter().filter(|word| !expected.contains(word)).collect();
    if !left.is_empty() {
        let few = left.iter().take(6).map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ");
        found.doubts.push(format!("these words of `{column}` are not called: {few}"));
    }
    found.statuses = expected;
    found.status = Some(column);
}
