//! pure: a start by a strftime pattern.

use jiff::civil::{Date, DateTime, Time};
use jiff::fmt::strtime;
use jiff::tz::Offset;

use super::words;
use crate::appointment::StartText;

/// The words that say UTC where an offset may stand.
const UTC: [&str; 3] = ["UTC", "GMT", "Z"];

/// Whether a strftime pattern can be read, names both a date and a time, and leaves no zone unread.
///
/// # Errors
/// A sentence with the remedy.
pub fn check(pattern: &str) -> Result<(), String> {
    if let Some(zone) = literal_zone(pattern) {
        return Err(format!(
            "`{pattern}` would read past `{zone}` and take the time as one of the schedule's zone: leave `date_format` \
             out where the rest is ISO 8601, or write `%z` in its place, which reads `{zone}` too"
        ));
    }
    if pattern.contains("%Z") {
        return Err(format!(
            "`{pattern}`: an abbreviation names no one zone; `%z` reads offsets, `Z`, `UTC` and `GMT`"
        ));
    }
    let sample = DateTime::constant(2026, 11, 24, 15, 46, 58, 0);
    let instant = Offset::UTC.to_timestamp(sample).map_err(|error| error.to_string())?;
    let written = strtime::format(pattern, instant)
        .map_err(|_| format!("`{pattern}` is not a valid strftime pattern: see `%Y-%m-%d %H:%M` for the shape"))?;
    match read(&written, pattern) {
        None => Err(format!("`{pattern}` has no whole date and time: it needs day, month, year, and hour")),
        Some(StartText::Instant(at)) if at.as_second() / 3_600 != instant.as_second() / 3_600 => {
            Err(format!("`{pattern}` has no whole date and hour"))
        }
        Some(StartText::Wall(wall)) if wall.date() != sample.date() || wall.hour() != sample.hour() => {
            Err(format!("`{pattern}` has no whole date and hour: `%I` needs `%p` with it"))
        }
        Some(StartText::Instant(_) | StartText::Wall(_)) => Ok(()),
    }
}

/// A zone written out in the pattern; one right before an offset (`GMT%z`, as JavaScript writes it) says nothing more.
fn literal_zone(pattern: &str) -> Option<String> {
    let literal = without_directives(pattern);
    let says_nothing_more = |behind: &str| ["%z", "%:z"].iter().any(|offset| behind.starts_with(offset));
    words(&literal)
        .find(|(at, word)| is_utc(word) && !says_nothing_more(&pattern[at + word.len()..]))
        .map(|(_, word)| word.to_owned())
}

/// The pattern with a mark for each byte of a directive (`%Y`, `%-d`, `%:z`).
fn without_directives(pattern: &str) -> String {
    let mut is_directive = false;
    let mark = |letter: char| {
        let was_directive = is_directive;
        is_directive = match is_directive {
            // flags and widths belong to it, the first letter ends it
            true => matches!(letter, '-' | '_' | '^' | '#' | ':' | '.' | '0'..='9'),
            false => letter == '%',
        };
        if was_directive || is_directive { "%".repeat(letter.len_utf8()) } else { letter.to_string() }
    };
    pattern.chars().map(mark).collect()
}

/// Each run of letters with its place.
fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut rest = 0;
    std::iter::from_fn(move || {
        let from = rest + text[rest..].find(|c: char| c.is_ascii_alphabetic())?;
        let length = text[from..].find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(text.len() - from);
        rest = from + length;
        Some((from, &text[from..rest]))
    })
}

fn is_utc(word: &str) -> bool {
    UTC.iter().any(|utc| word.eq_ignore_ascii_case(utc))
}

/// Reads a text; the hour must be there (a date alone is no start), minutes and seconds may be missing. Names of months and weekdays
/// may be in other languages than English.
/// A year of less than four digits is none: `%Y` takes `26` for the year 26, and the appointment would be lost in it.
pub(super) fn read(text: &str, pattern: &str) -> Option<StartText> {
    read_english(text, pattern).or_else(|| read_english(&words::in_english(text, pattern)?, pattern))
}

/// Like [`read`], with English names only.
fn read_english(text: &str, pattern: &str) -> Option<StartText> {
    let read = parsed(text, pattern).or_else(|| parsed(&with_offset(text, pattern)?, pattern))?;
    let year = match read {
        StartText::Instant(at) => Offset::UTC.to_datetime(at).year(),
        StartText::Wall(wall) => wall.year(),
    };
    (year >= 1_000).then_some(read)
}

/// The text with `Z`, `UTC` or `GMT` as the offset that `%z` reads.
fn with_offset(text: &str, pattern: &str) -> Option<String> {
    let offset = match (pattern.contains("%:z"), pattern.contains("%z")) {
        (true, _) => "+00:00",
        (false, true) => "+0000",
        (false, false) => return None,
    };
    let is_zone = |(at, word): &(usize, &str)| {
        let is_time = text[..*at].ends_with(|c: char| c.is_ascii_digit() || c == ' ');
        is_time && is_utc(word)
    };
    let (at, word) = words(text).filter(is_zone).last()?;
    Some(format!("{}{offset}{}", &text[..at], &text[at + word.len()..]))
}

/// A date alone, for one column of two.
pub(super) fn date(text: &str, pattern: &str) -> Option<Date> {
    let read = |text: &str| strtime::parse(pattern, text).and_then(|parsed| parsed.to_date()).ok();
    read(text).or_else(|| read(&words::in_english(text, pattern)?))
}

fn parsed(text: &str, pattern: &str) -> Option<StartText> {
    let parsed = strtime::parse(pattern, text).ok()?;
    if let Some(instant) = parsed.timestamp() {
        return Some(StartText::Instant(instant));
    }
    parsed.hour()?;
    if parsed.meridiem().is_none() && pattern.contains("%I") | pattern.contains("%l") {
        return None; // nine in the morning or in the evening: it can't be known
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
