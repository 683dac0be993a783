//! pure: times as people type them: `yesterday 06:00`, `-2h`, RFC 3339.

use jiff::civil::{Date, DateTime, Time};
use jiff::{SignedDuration, Timestamp, ToSpan};

use crate::reminder::parse_duration;
use crate::zones::{Wall, Zone};

/// The instant (UTC) a text means at `now`, wall-clock times in that zone.
///
/// # Errors
/// A sentence with the remedy.
pub fn read(text: &str, now: Timestamp, zone: &Zone) -> Result<Timestamp, String> {
    let text = text.trim();
    let remedy = || {
        format!("`{text}` is no time: write RFC 3339, `2026-11-24 06:00`, `yesterday 06:00`, `today`, `-2h` or `+30m`")
    };
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(at);
    }
    if let Some(at) = relative(text, now) {
        return at.ok_or_else(remedy);
    }
    let wall = on_wall(text, zone.date(now)).ok_or_else(remedy)?;
    Ok(match zone.resolve(wall) {
        Wall::Once(at) | Wall::Gap { after: at } | Wall::Twice { first: at, .. } => at,
    })
}

/// `-2h`, `+30m`, `2h ago`, `now`; the inner `None` lies beyond all years.
fn relative(text: &str, now: Timestamp) -> Option<Option<Timestamp>> {
    if text == "now" {
        return Some(Some(now));
    }
    let (sign, amount) = match (text.strip_prefix('-'), text.strip_prefix('+'), text.strip_suffix(" ago")) {
        (Some(amount), _, _) | (None, None, Some(amount)) => (-1, amount),
        (None, Some(amount), _) => (1, amount),
        (None, None, None) => return None,
    };
    let amount: SignedDuration = parse_duration(amount).ok()?;
    Some(now.checked_add(amount * sign).ok())
}

/// A day, and midnight or a time of it.
fn on_wall(text: &str, today: Date) -> Option<DateTime> {
    if let Ok(whole) = text.parse::<DateTime>() {
        return Some(whole);
    }
    let (day, time) = match text.split_once(' ') {
        Some((day, time)) => (day, time.trim().parse::<Time>().ok()?),
        None => (text, Time::midnight()),
    };
    let date = match day {
        "today" => today,
        "yesterday" => today.checked_sub(1.day()).ok()?,
        "tomorrow" => today.checked_add(1.day()).ok()?,
        written => written.parse::<Date>().ok()?,
    };
    Some(date.to_datetime(time))
}
