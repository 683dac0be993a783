//! pure: which `date_format` would fit a value or a whole column. Formats are proposed, never used by themselves.

use jiff::fmt::strtime;
use jiff::tz::Offset;

use super::{SENSIBLE_YEARS, StartText, TimeOfDay, epoch, excel, iso, pattern, plain};

/// What the starts of a whole column have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DateGuess {
    /// Every value reads by this `date_format` and by no other reading.
    Proposed(String),
    /// Both readings fit every value.
    Ambiguous(String, String),
    /// Some values fit one reading only, others another only.
    Mixed,
    /// No known format fits, or there is no value.
    Unknown,
}

/// The date parts that are tried, pairs of different readings among them.
const DATES: &[&str] = &[
    "%Y-%m-%d",
    "%Y/%m/%d",
    "%Y.%m.%d",
    "%Y%m%d",
    "%d/%m/%Y",
    "%m/%d/%Y",
    "%d.%m.%Y",
    "%m.%d.%Y",
    "%d-%m-%Y",
    "%m-%d-%Y",
    "%d/%m/%y",
    "%m/%d/%y",
    "%d.%m.%y",
    "%m.%d.%y",
    "%d-%m-%y",
    "%m-%d-%y",
    "%d %b %Y",
    "%d %B %Y",
    "%b %d, %Y",
    "%B %d, %Y",
    "%b %d %Y",
    "%B %d %Y",
    "%d-%b-%Y",
    "%d-%b-%y",
    "%a, %d %b %Y",
    "%a %d %b %Y",
    "%A, %B %d, %Y",
];

/// The times that are tried after a date.
const TIMES: &[&str] = &[
    " %H:%M",
    " %H:%M:%S",
    " %I:%M %p",
    " %I:%M:%S %p",
    " %I:%M%p",
    "T%H:%M",
    "T%H:%M:%S",
    "T%H%M%S",
    "T%H%M%S%z",
    ", %H:%M",
    ", %I:%M %p",
    " %H.%M",
    " at %H:%M",
    " at %I:%M %p",
    " %Hh%M",
    " à %Hh%M",
    " à %H:%M",
    " às %H:%M",
    " a las %H:%M",
    " alle %H:%M",
    " um %H:%M",
    " um %H:%M Uhr",
    " %H:%M Uhr",
    " %H:%M %z",
    " %H:%M:%S %z",
    " %I %p",
    "%H%M",
    "%H%M%S",
    " %H%M",
    " %H%M%S",
];

/// The format of a whole column (`check`, `init`).
#[must_use]
pub fn guess_formats<S: AsRef<str>>(values: &[S]) -> DateGuess {
    let values: Vec<_> = values.iter().map(|value| plain(value.as_ref())).collect();
    let values: Vec<&str> = values.iter().map(AsRef::as_ref).filter(|value: &&str| !value.is_empty()).collect();
    let Some(first) = values.first() else { return DateGuess::Unknown };
    if values.iter().all(|value| iso(value).is_some()) {
        return DateGuess::Proposed("iso8601".into());
    }
    if let Some(epoch) = epoch::guess(&values) {
        return DateGuess::Proposed(epoch.into());
    }
    if values.iter().all(|value| excel(value).is_some_and(|(at, _)| SENSIBLE_YEARS.contains(&at.year()))) {
        return DateGuess::Proposed("excel".into());
    }
    let readings = |value: &str| -> Vec<String> {
        let with_times =
            |date| std::iter::once("").chain(TIMES.iter().copied()).map(move |time| format!("{date}{time}"));
        DATES.iter().flat_map(with_times).filter(|pattern| is_reading(value, pattern)).collect()
    };
    let mut fitting = readings(first);
    let mut each_fits = !fitting.is_empty();
    for value in &values[1..] {
        each_fits =
            each_fits && (fitting.iter().any(|pattern| is_reading(value, pattern)) || !readings(value).is_empty());
        fitting.retain(|pattern| is_reading(value, pattern));
    }
    match fitting.as_slice() {
        [] if each_fits => DateGuess::Mixed,
        [] => DateGuess::Unknown,
        [only] => DateGuess::Proposed(only.clone()),
        [one, other, ..] => DateGuess::Ambiguous(one.clone(), other.clone()),
    }
}

/// A reading must also make sense as a year of our days: `%Y` takes `26` for the year 26. A date alone is a reading too:
/// the format of one column of two.
fn is_reading(value: &str, pattern: &str) -> bool {
    let year = match pattern::read(value, pattern) {
        Some(StartText::Wall(wall)) => wall.year(),
        Some(StartText::Instant(at)) => Offset::UTC.to_datetime(at).year(),
        None if tells_time(pattern) => return false,
        None => match strtime::parse(pattern, value).and_then(|parsed| parsed.to_date()) {
            Ok(date) => date.year(),
            Err(_) => return false,
        },
    };
    SENSIBLE_YEARS.contains(&year)
}

/// Whether a format says the time of day.
fn tells_time(pattern: &str) -> bool {
    ["%H", "%I", "epoch"].iter().any(|hour| pattern.contains(hour))
}

/// What to write into `date_format` for a value that fits none, for an `invalid_time`'s detail. One value alone often
/// allows two readings: then both are named. The value itself isn't repeated.
#[must_use]
pub fn proposal(value: &str) -> String {
    let trimmed = plain(value);
    let trimmed = trimmed.as_ref();
    if trimmed.is_empty() {
        return "the column is empty".into();
    }
    if trimmed.len() > 64 {
        return "the value is too long to be a date and a time".into();
    }
    let a_date_alone = "it holds a date without a time: `starts_at = { date = …, time = … }` joins two columns";
    match guess_formats(&[trimmed]) {
        DateGuess::Proposed(format) if format == "iso8601" => "it is ISO 8601: leave `date_format` out".into(),
        DateGuess::Proposed(format) if format == "excel" => match excel(trimmed) {
            Some((_, TimeOfDay::Missing)) => format!("{a_date_alone} (the date reads as `excel`)"),
            Some((_, TimeOfDay::Given)) | None => alone("excel"),
        },
        DateGuess::Proposed(format) if !tells_time(&format) => format!("{a_date_alone} (the date reads as `{format}`)"),
        DateGuess::Proposed(format) => alone(&format),
        DateGuess::Ambiguous(one, other) if !tells_time(&one) => {
            format!("{a_date_alone} (the date reads as `{one}` or `{other}`)")
        }
        DateGuess::Ambiguous(one, other) => {
            format!(
                "it would fit `date_format = \"{one}\"` or `date_format = \"{other}\"`: the whole column shows which"
            )
        }
        DateGuess::Mixed | DateGuess::Unknown => "no common format fits it: write one with `date_format`".into(),
    }
}

/// What a single value shows: the other values decide whether the format is that of the column.
fn alone(format: &str) -> String {
    format!(
        "it would fit `date_format = \"{format}\"`; if the other rows are written otherwise, correct this one in the source"
    )
}
