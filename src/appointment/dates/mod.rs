//! pure: the start of an appointment as its source writes it. Nothing is guessed at a run: a text that fits no format is
//! refused, and the refusal proposes one.

mod epoch;
mod guess;
mod pattern;
mod remedies;
mod words;

use std::borrow::Cow;

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::Offset;

use super::cell::without_spreadsheet_guards;
use super::{DateFormat, StartText};
use crate::row::unseen;

pub use self::guess::{DateGuess, guess_formats, guess_of_most, proposal};
pub use self::pattern::check as check_pattern;
pub use self::remedies::{BEGIN_OF_RANGE, UNKNOWN_ZONE, is_range, remedy_without_format};

/// The years in which a start makes sense: a format that gives another one doesn't fit.
const SENSIBLE_YEARS: std::ops::Range<i16> = 1990..2101;

/// Reads a start; `None` when it fits the format in no way.
#[must_use]
pub fn read(text: &str, format: &DateFormat) -> Option<StartText> {
    let text = plain(text);
    let text = text.as_ref();
    match format {
        DateFormat::Iso => iso(text),
        DateFormat::Patterns(patterns) => patterns.iter().find_map(|it| pattern::read(text, it)),
        DateFormat::Excel => {
            excel(text).filter(|(_, time)| *time == TimeOfDay::Given).map(|(at, _)| StartText::Wall(at))
        }
        DateFormat::Epoch => epoch::seconds(text).map(StartText::Instant),
        DateFormat::EpochMs => epoch::milliseconds(text).map(StartText::Instant),
    }
}

/// The text without a spreadsheet's quoting, with every blank as a plain one.
fn plain(text: &str) -> Cow<'_, str> {
    match unseen::plain_blanks(without_spreadsheet_guards(text)) {
        Cow::Borrowed(text) => Cow::Borrowed(unseen::trim(text)),
        Cow::Owned(text) => Cow::Owned(unseen::trim(&text).to_owned()),
    }
}

/// Reads a date and a time of day from two cells; `None` when they fit the format in no way.
#[must_use]
pub fn read_both(date: &str, time: &str, format: &DateFormat) -> Option<StartText> {
    let (date, time) = (without_spreadsheet_guards(date), without_spreadsheet_guards(time));
    match format {
        DateFormat::Excel => excel_and_time(date, time).map(StartText::Wall),
        DateFormat::Iso | DateFormat::Patterns(_) | DateFormat::Epoch | DateFormat::EpochMs => {
            read(&format!("{date} {time}"), format)
        }
    }
}

/// Reads ISO 8601 without a library's help, because every row of a source asks for it: `2026-11-24T09:30`, a blank for the `T`,
/// seconds and a fraction or none, `Z`, ` UTC`, ` GMT`, `+01:00`, `+0100`, `+01` or no offset; behind an offset also a zone's
/// name, which adds nothing to it (RFC 9557, and Java's `ZonedDateTime`).
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
    match without_zone_name(rest) {
        [] => Some(StartText::Wall(wall)),
        [b'Z' | b'z'] => Offset::UTC.to_timestamp(wall).ok().map(StartText::Instant),
        rest => zone_at_end(rest)?.to_timestamp(wall).ok().map(StartText::Instant),
    }
}

/// What stands before `[America/New_York]`. A name alone stays: it would not say which of two equal times of a night is meant.
fn without_zone_name(rest: &[u8]) -> &[u8] {
    match rest.iter().position(|byte| *byte == b'[') {
        Some(at) if at > 0 && rest.ends_with(b"]") => &rest[..at],
        Some(_) | None => rest,
    }
}

/// `+01:00`, `UTC`, `GMT`; `+0000 UTC`, as Go writes it.
fn zone_at_end(rest: &[u8]) -> Option<Offset> {
    let is_utc = |word: &[u8]| [b"UTC", b"GMT"].iter().any(|utc| word.eq_ignore_ascii_case(*utc));
    if is_utc(rest) {
        return Some(Offset::UTC);
    }
    match rest.iter().position(|byte| *byte == b' ') {
        Some(blank) if is_utc(&rest[blank + 1..]) => offset(&rest[..blank]).filter(|offset| *offset == Offset::UTC),
        Some(_) => None,
        None => offset(rest),
    }
}

/// The date as it is written, and the time, of a wall-clock time in ISO 8601: asked for every row, of which many have
/// the same date.
pub(super) fn iso_wall(bytes: &[u8]) -> Option<([u8; 10], Time)> {
    let date = bytes.first_chunk::<10>().filter(|_| matches!(bytes.get(10), Some(b'T' | b' ')))?;
    let (time, rest) = clock(&bytes[11..])?;
    rest.is_empty().then_some((*date, time))
}

/// `09:30`, `09:30:00`, `09:30:00.123`; returns what follows.
fn clock(bytes: &[u8]) -> Option<(Time, &[u8])> {
    let [hour, hours, b':', minute, minutes, rest @ ..] = bytes else { return None };
    let (hour, minute) = (two_digits(*hour, *hours)?, two_digits(*minute, *minutes)?);
    let (second, nanos, rest) = match rest {
        [b':', second, seconds, b'.' | b',', rest @ ..] => {
            let (nanos, rest) = fraction(rest)?;
            (two_digits(*second, *seconds)?, nanos, rest)
        }
        [b':', second, seconds, rest @ ..] => (two_digits(*second, *seconds)?, 0, rest),
        rest => (0, 0, rest),
    };
    // a leap second is read as its minute's last
    let second = if second == 60 { 59 } else { second };
    let time = Time::new(hour, minute, second, nanos).ok()?;
    let rest = rest.strip_prefix(b" ").filter(|rest| !rest.is_empty()).unwrap_or(rest);
    Some((time, rest))
}

fn two_digits(tens: u8, units: u8) -> Option<i8> {
    let (tens, units) = (tens.wrapping_sub(b'0'), units.wrapping_sub(b'0'));
    if tens <= 9 && units <= 9 { i8::try_from(tens * 10 + units).ok() } else { None }
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

/// Whether a spreadsheet's number has a time of day besides its date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TimeOfDay {
    Given,
    /// A whole number: a date alone.
    Missing,
}

/// Reads a day number of a spreadsheet. Day 1 of its calendar is 1900-01-01, and it believes in 1900-02-29 (day 60): from day 61
/// on, days count from 1899-12-30. Earlier days are refused: no appointment is that old. Rounded to the second: fractions are
/// inexact.
fn excel(text: &str) -> Option<(DateTime, TimeOfDay)> {
    let serial = serial_number(text).filter(|serial| (61.0..2_958_466.0).contains(serial))?;
    if serial.fract() == 0.0 && serial > 200_000.0 {
        return None; // a number such as 20261124 or a Unix time is no serial
    }
    let time = if serial.fract() == 0.0 { TimeOfDay::Missing } else { TimeOfDay::Given };
    Some((day_zero_and(serial)?, time))
}

/// A date in one cell, and in another a part of a day (`0.395833`) or a time (`09:30`).
fn excel_and_time(date: &str, time: &str) -> Option<DateTime> {
    let (day, TimeOfDay::Missing) = excel(date)? else { return None };
    if let Some((time, [])) = clock(time.as_bytes()) {
        return Some(day.date().to_datetime(time));
    }
    let part = serial_number(time).filter(|part| (0.0..1.0).contains(part))?;
    day_zero_and(serial_number(date)? + part)
}

fn serial_number(text: &str) -> Option<f64> {
    text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.').then(|| text.parse().ok()).flatten()
}

fn day_zero_and(days: f64) -> Option<DateTime> {
    #[expect(clippy::cast_possible_truncation, reason = "below 2,958,466 days of 86,400 seconds")]
    let seconds = (days * 86_400.0).round() as i64;
    Date::constant(1899, 12, 30).at(0, 0, 0, 0).checked_add(jiff::SignedDuration::from_secs(seconds)).ok()
}
