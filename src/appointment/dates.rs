//! pure: the start of an appointment as its source writes it. Nothing is guessed at a run: a text that fits no format is
//! refused, and the refusal proposes one.

use jiff::civil::{Date, DateTime, Time};
use jiff::fmt::strtime;
use jiff::tz::Offset;

use super::{DateFormat, StartText};

/// Reads a start; `None` when it fits the format in no way.
#[must_use]
pub fn read(text: &str, format: &DateFormat) -> Option<StartText> {
    let text = text.trim();
    match format {
        DateFormat::Iso => iso(text),
        DateFormat::Patterns(patterns) => patterns.iter().find_map(|pattern| by_pattern(text, pattern)),
        DateFormat::Excel => excel(text).map(StartText::Wall),
    }
}

/// Whether a strftime pattern can be read and names both a date and a time.
///
/// # Errors
/// A sentence with the remedy.
pub fn check_pattern(pattern: &str) -> Result<(), String> {
    let sample = DateTime::constant(2026, 11, 24, 15, 46, 58, 0);
    let instant = Offset::UTC.to_timestamp(sample).map_err(|error| error.to_string())?;
    let written = strtime::format(pattern, instant)
        .map_err(|_| format!("`{pattern}` is no strftime pattern: see `%Y-%m-%d %H:%M` for the shape"))?;
    match by_pattern(&written, pattern) {
        None => Err(format!("`{pattern}` doesn't tell a date and a time: it wants day, month, year, and hour")),
        Some(StartText::Instant(at)) if at.as_second() / 3_600 != instant.as_second() / 3_600 => {
            Err(format!("`{pattern}` doesn't tell the whole date and hour"))
        }
        Some(StartText::Wall(wall)) if wall.date() != sample.date() || wall.hour() != sample.hour() => {
            Err(format!("`{pattern}` doesn't tell the whole date and hour: `%I` wants `%p` beside it"))
        }
        Some(StartText::Instant(_) | StartText::Wall(_)) => Ok(()),
    }
}

/// ISO 8601 by hand: this is asked once for every row of a source. `2026-11-24T09:30`, a blank for the `T`, seconds and
/// a fraction or none, `Z`, `+01:00`, `+0100`, `+01` or no offset.
fn iso(text: &str) -> Option<StartText> {
    let bytes = text.as_bytes();
    if bytes.len() < 16 || bytes[4] != b'-' || bytes[7] != b'-' || !matches!(bytes[10], b'T' | b't' | b' ') {
        return None;
    }
    let date = Date::new(
        digits(&bytes[..4])?,
        digits(&bytes[5..7])?.try_into().ok()?,
        digits(&bytes[8..10])?.try_into().ok()?,
    );
    let (time, rest) = clock(&bytes[11..])?;
    let wall = date.ok()?.to_datetime(time);
    match rest {
        [] => Some(StartText::Wall(wall)),
        [b'Z' | b'z'] => Offset::UTC.to_timestamp(wall).ok().map(StartText::Instant),
        rest => offset(rest)?.to_timestamp(wall).ok().map(StartText::Instant),
    }
}

/// The date as it is written, and the time, of a wall-clock time in ISO 8601: asked for every row, of which many have
/// the same date.
pub(super) fn iso_wall(text: &str) -> Option<([u8; 10], Time)> {
    let bytes = text.as_bytes();
    let date = bytes.first_chunk::<10>().filter(|_| matches!(bytes.get(10), Some(b'T' | b' ')))?;
    let (time, rest) = clock(&bytes[11..])?;
    rest.is_empty().then_some((*date, time))
}

/// `09:30`, `09:30:00`, `09:30:00.123`; answers what follows.
fn clock(bytes: &[u8]) -> Option<(Time, &[u8])> {
    if bytes.len() < 5 || bytes[2] != b':' {
        return None;
    }
    let (hour, minute) = (digits(&bytes[..2])?, digits(&bytes[3..5])?);
    let (second, rest) = match &bytes[5..] {
        [b':', rest @ ..] if rest.len() >= 2 => (digits(&rest[..2])?, &rest[2..]),
        rest => (0, rest),
    };
    let (nanos, rest) = match rest {
        [b'.' | b',', rest @ ..] if bytes.len() - rest.len() > 8 => fraction(rest)?,
        rest => (0, rest),
    };
    let second = second.min(59 + i16::from(second != 60)); // a leap second is told as the last one of its minute
    let time = Time::new(hour.try_into().ok()?, minute.try_into().ok()?, second.try_into().ok()?, nanos).ok()?;
    let rest = rest.strip_prefix(b" ").filter(|rest| !rest.is_empty()).unwrap_or(rest);
    Some((time, rest))
}

fn fraction(bytes: &[u8]) -> Option<(i32, &[u8])> {
    let length = bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if length == 0 {
        return None;
    }
    let padded = bytes[..length].iter().map(|byte| byte - b'0').chain(std::iter::repeat(0));
    let nanos = padded.take(9).fold(0_i32, |nanos, digit| nanos * 10 + i32::from(digit));
    Some((nanos, &bytes[length..]))
}

fn offset(bytes: &[u8]) -> Option<Offset> {
    let sign = match bytes.first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let (hours, minutes) = match &bytes[1..] {
        [_, _] => (digits(&bytes[1..])?, 0),
        [_, _, b':', _, _] => (digits(&bytes[1..3])?, digits(&bytes[4..])?),
        [_, _, _, _] => (digits(&bytes[1..3])?, digits(&bytes[3..])?),
        _ => return None,
    };
    if hours > 23 || minutes > 59 {
        return None;
    }
    Offset::from_seconds(sign * (i32::from(hours) * 3_600 + i32::from(minutes) * 60)).ok()
}

fn digits(bytes: &[u8]) -> Option<i16> {
    let mut number = 0_i16;
    for byte in bytes {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        number = number * 10 + i16::from(digit);
    }
    Some(number)
}

/// A strftime pattern; the hour must be told (a date alone is no start), minutes and seconds may be missing.
/// A year of less than four digits is none: `%Y` takes `26` for the year 26, and the appointment would be lost in it.
fn by_pattern(text: &str, pattern: &str) -> Option<StartText> {
    let read = parsed_by(text, pattern)?;
    let year = match read {
        StartText::Instant(at) => Offset::UTC.to_datetime(at).year(),
        StartText::Wall(wall) => wall.year(),
    };
    (year >= 1_000).then_some(read)
}

fn parsed_by(text: &str, pattern: &str) -> Option<StartText> {
    let parsed = strtime::parse(pattern, text).ok()?;
    if let Some(instant) = parsed.timestamp() {
        return Some(StartText::Instant(instant));
    }
    parsed.hour()?;
    if parsed.meridiem().is_none() && pattern.contains("%I") | pattern.contains("%l") {
        return None; // nine in the morning or in the evening: nobody can tell
    }
    let time = Time::new(
        parsed.hour()?,
        parsed.minute().unwrap_or(0),
        parsed.second().unwrap_or(0),
        parsed.subsec_nanosecond().unwrap_or(0),
    );
    let wall = parsed.to_date().ok()?.to_datetime(time.ok()?);
    match parsed.offset() {
        Some(offset) => offset.to_timestamp(wall).ok().map(StartText::Instant),
        None => Some(StartText::Wall(wall)),
    }
}

/// Day 1 of a spreadsheet's calendar is 1900-01-01, and it believes in 1900-02-29 (day 60): from day 61 on, days count
/// from 1899-12-30. Earlier days are refused, no appointment lies there. Rounded to the second: fractions are inexact.
fn excel(text: &str) -> Option<DateTime> {
    let serial: f64 = text.parse().ok()?;
    if !(61.0..2_958_466.0).contains(&serial) || !text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return None;
    }
    if serial.fract() == 0.0 && !text.contains('.') && serial > 200_000.0 {
        return None; // a number such as 20261124 or a Unix time is no serial
    }
    #[expect(clippy::cast_possible_truncation, reason = "below 2,958,466 days of 86,400 seconds")]
    let seconds = (serial * 86_400.0).round() as i64;
    Date::constant(1899, 12, 30).at(0, 0, 0, 0).checked_add(jiff::SignedDuration::from_secs(seconds)).ok()
}

/// What a column of starts looks like as a whole.
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
    ", %H:%M",
    ", %I:%M %p",
    " %H.%M",
    " at %H:%M",
    " at %I:%M %p",
    " %H:%M %z",
    " %H:%M:%S %z",
    " %I %p",
    "%H%M",
    " %H%M",
];

/// Looks at a whole column (`check --connect`, `init`). Formats are proposed, never used by themselves.
#[must_use]
pub fn guess_formats<S: AsRef<str>>(values: &[S]) -> DateGuess {
    let values: Vec<&str> =
        values.iter().map(|value| value.as_ref().trim()).filter(|value| !value.is_empty()).collect();
    let Some(first) = values.first() else { return DateGuess::Unknown };
    if values.iter().all(|value| iso(value).is_some()) {
        return DateGuess::Proposed("iso8601".into());
    }
    if values.iter().all(|value| excel(value).is_some()) {
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
    let year = match by_pattern(value, pattern) {
        Some(StartText::Wall(wall)) => wall.year(),
        Some(StartText::Instant(at)) => Offset::UTC.to_datetime(at).year(),
        None if tells_time(pattern) => return false,
        None => match strtime::parse(pattern, value).and_then(|parsed| parsed.to_date()) {
            Ok(date) => date.year(),
            Err(_) => return false,
        },
    };
    (1990..2100).contains(&year)
}

fn tells_time(pattern: &str) -> bool {
    ["%H", "%I"].iter().any(|hour| pattern.contains(hour))
}

/// What to write into `date_format` for a value that fits none, for an `invalid_time`'s detail. One value alone often
/// allows two readings: then both are named. The value itself isn't repeated.
#[must_use]
pub fn proposal(value: &str) -> String {
    let trimmed = value.trim();
    if trimmed.is_empty() {
        return "the column is empty".into();
    }
    if trimmed.len() > 64 {
        return "the value is too long to be a date and a time".into();
    }
    let a_date_alone = "it holds a date without a time: `starts_at = { date = …, time = … }` joins two columns";
    match guess_formats(&[trimmed]) {
        DateGuess::Proposed(format) if format == "iso8601" => "it is ISO 8601: leave `date_format` out".into(),
        DateGuess::Proposed(format) if format == "excel" => "it would fit `date_format = \"excel\"`".into(),
        DateGuess::Proposed(format) if !tells_time(&format) => format!("{a_date_alone} (the date reads as `{format}`)"),
        DateGuess::Proposed(format) => format!("it would fit `date_format = \"{format}\"`"),
        DateGuess::Ambiguous(one, other) if !tells_time(&one) => {
            format!("{a_date_alone} (the date reads as `{one}` or `{other}`)")
        }
        DateGuess::Ambiguous(one, other) => {
            format!(
                "it would fit `date_format = \"{one}\"` or `date_format = \"{other}\"`: the whole column tells which"
            )
        }
        DateGuess::Mixed | DateGuess::Unknown => "no common format fits it: write one with `date_format`".into(),
    }
}
