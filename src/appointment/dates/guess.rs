//! pure: which `date_format` would fit a value or a whole column. Formats are proposed, never used by themselves.

use jiff::civil::Date;
use jiff::tz::Offset;

use super::{
    SENSIBLE_YEARS, StartText, TimeOfDay, UNKNOWN_ZONE, epoch, excel, iso, pattern, plain, remedy_without_format, words,
};

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
const DATE_PATTERNS: &[&str] = &[
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
    "%a %b %d %Y",
    "%a, %b %d, %Y",
    "%A %d %B %Y",
    "%A, %d %B %Y",
    "%d. %B %Y",
    "%d. %b %Y",
    "%A, %d. %B %Y",
    "%a, %d. %b %Y",
    "%d de %B de %Y",
    "%A, %d de %B de %Y",
    "%d/%b/%Y",
    "%a %d.%m.%Y",
    "%a, %d.%m.%Y",
    "%A, %d.%m.%Y",
    "%a %d/%m/%Y",
    "%a, %d/%m/%Y",
    "%a %m/%d/%Y",
    "%a, %m/%d/%Y",
];

/// The times that are tried after a date.
const TIME_PATTERNS: &[&str] = &[
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
    ", %H:%M:%S",
    ", %I:%M %p",
    ", %I:%M:%S %p",
    ", %I:%M%p",
    ", %Hh%M",
    ", %H:%M Uhr",
    ", um %H:%M Uhr",
    ", %H:%M h",
    " - %H:%M",
    " - %I:%M %p",
    " %H:%M h",
    " %H.%M Uhr",
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
    let may_fit = |_: &String| may_be_date(first);
    let mut fitting: Vec<String> = patterns().take_while(may_fit).filter(|it| is_reading(first, it)).collect();
    let mut each_fits = !fitting.is_empty();
    for value in &values[1..] {
        let has_reading = || fitting.iter().any(|pattern| is_reading(value, pattern)) || is_date(value);
        each_fits = each_fits && has_reading();
        fitting.retain(|pattern| is_reading(value, pattern));
    }
    match different(fitting, &values).as_slice() {
        [] if each_fits => DateGuess::Mixed,
        [] => DateGuess::Unknown,
        [only] => DateGuess::Proposed(only.clone()),
        [one, other, ..] => DateGuess::Ambiguous(one.clone(), other.clone()),
    }
}

/// The format of all values but a few that are no dates at all (`to be agreed`, a line of totals), and how many these are. A value
/// that only another format reads is not such a one.
#[must_use]
pub fn guess_of_most<S: AsRef<str>>(values: &[S]) -> (DateGuess, usize) {
    /// The number of values at the beginning among which a date is searched for: each takes thousands of attempts.
    const FIRST: usize = 5;
    const MAX_OTHERS: usize = 50;
    let guess = guess_formats(values);
    if guess != DateGuess::Unknown {
        return (guess, 0);
    }
    let values: Vec<_> = values.iter().map(|value| plain(value.as_ref())).collect();
    let values: Vec<&str> = values.iter().map(AsRef::as_ref).filter(|value: &&str| !value.is_empty()).collect();
    let Some(date) = values.iter().take(FIRST).find(|value| guess_formats(&[value]) != DateGuess::Unknown) else {
        return (DateGuess::Unknown, 0);
    };
    let is_alike = alike(date);
    let (dates, others): (Vec<&str>, Vec<&str>) = values.iter().partition(|value| is_alike(value));
    let is_rare = others.len() * 5 <= values.len() || others.len() <= 2 && others.len() < dates.len();
    if !is_rare || others.len() > MAX_OTHERS {
        return (DateGuess::Unknown, 0);
    }
    match others.iter().any(|value| guess_formats(&[value]) != DateGuess::Unknown) {
        true => (DateGuess::Mixed, 0),
        false => (guess_formats(&dates), others.len()),
    }
}

/// Whether another value is written like this one.
fn alike(value: &str) -> Box<dyn Fn(&str) -> bool> {
    if iso(value).is_some() {
        return Box::new(|other| iso(other).is_some());
    }
    if let Some(unit) = epoch::guess(&[value]) {
        return Box::new(move |other| epoch::guess(&[other]) == Some(unit));
    }
    if excel(value).is_some() {
        return Box::new(|other| excel(other).is_some());
    }
    let fitting: Vec<String> = patterns().filter(|pattern| is_reading(value, pattern)).collect();
    Box::new(move |other| fitting.iter().any(|pattern| is_reading(other, pattern)))
}

/// Every date with every time, and without one.
fn patterns() -> impl Iterator<Item = String> {
    let with_times =
        |date| std::iter::once("").chain(TIME_PATTERNS.iter().copied()).map(move |time| format!("{date}{time}"));
    DATE_PATTERNS.iter().flat_map(with_times)
}

fn is_date(value: &str) -> bool {
    may_be_date(value) && patterns().any(|pattern| is_reading(value, &pattern))
}

/// A quick look before thousands of formats are tried: the shortest date has four digits, `1/2/27`.
fn may_be_date(value: &str) -> bool {
    value.len() <= 64 && value.bytes().filter(u8::is_ascii_digit).count() >= 4
}

/// The formats that read some value differently: of those that read all alike, the one whose words are nearest to the
/// values', else the first.
fn different(fitting: Vec<String>, values: &[&str]) -> Vec<String> {
    let mut kept: Vec<String> = Vec::new();
    for pattern in fitting {
        let is_same = |kept: &String| values.iter().all(|value| reading(value, kept) == reading(value, &pattern));
        // how far the words of a pattern are from those of the value: `Wed` is further from `mercredi` than `Wednesday`
        let distance = |pattern: &str| {
            words::in_english(values[0], pattern).map_or(0, |english| 1 + english.len().abs_diff(values[0].len()))
        };
        match kept.iter_mut().find(|kept| is_same(kept)) {
            Some(same) if distance(&pattern) < distance(same) => *same = pattern,
            Some(_) => {}
            None => kept.push(pattern),
        }
    }
    kept
}

/// What a format makes of a value. A date alone is a reading too: the format of one column of two.
#[derive(Debug, PartialEq)]
enum DateReading {
    Start(StartText),
    Date(Date),
}

/// A reading that makes sense as a year of our days: `%Y` takes `26` for the year 26.
fn reading(value: &str, pattern: &str) -> Option<DateReading> {
    let reading = match pattern::read(value, pattern) {
        Some(start) => DateReading::Start(start),
        None if tells_time(pattern) => return None,
        None => DateReading::Date(pattern::date(value, pattern)?),
    };
    let year = match &reading {
        DateReading::Start(StartText::Wall(wall)) => wall.year(),
        DateReading::Start(StartText::Instant(at)) => Offset::UTC.to_datetime(*at).year(),
        DateReading::Date(date) => date.year(),
    };
    SENSIBLE_YEARS.contains(&year).then_some(reading)
}

fn is_reading(value: &str, pattern: &str) -> bool {
    reading(value, pattern).is_some()
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
    if trimmed.contains(UNKNOWN_ZONE)
        && let Some(remedy) = remedy_without_format(trimmed)
    {
        return remedy;
    }
    if trimmed.len() > 64 {
        return "the value is too long to be a date and a time".into();
    }
    let a_date_alone = "it holds a date without a time, as an event of a whole day does: where the time has a column of its own, \
                        `starts_at = { date = …, time = … }` joins both";
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
        DateGuess::Mixed | DateGuess::Unknown => match remedy_without_format(trimmed) {
            Some(remedy) => remedy,
            None => "no common format fits it: write one with `date_format`".into(),
        },
    }
}

/// What a single value shows: the other values decide whether the format is that of the column.
fn alone(format: &str) -> String {
    format!(
        "it would fit `date_format = \"{format}\"`; if the other rows are written otherwise, correct this one in the source"
    )
}
