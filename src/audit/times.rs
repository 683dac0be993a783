//! pure: the times people write: `-2h`, `yesterday 06:00`, `2026-11-24`, RFC 3339.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};

use crate::duration;
use crate::zones::{WallMeaning, Zone};

/// Reads a time. Dates and wall-clock times are those of `zone`; a date alone is its first instant, a time alone is
/// today's, and where the wall clock shows a time twice the first is meant.
///
/// # Errors
/// A sentence with the remedy.
pub fn read(text: &str, now: Timestamp, zone: &Zone) -> Result<Timestamp, String> {
    let trimmed = text.trim();
    if trimmed == "now" {
        return Ok(now);
    }
    if let Some(ago) = trimmed.strip_prefix('-') {
        let ago = duration::read(ago)?;
        return now.checked_sub(ago).map_err(|_| remedy(text));
    }
    if let Some(ahead) = trimmed.strip_prefix('+') {
        let ahead = duration::read(ahead)?;
        return now.checked_add(ahead).map_err(|_| remedy(text));
    }
    if let Ok(at) = trimmed.parse::<Timestamp>() {
        return Ok(at);
    }
    // a date's time would be read, too: `06:30` and `06:30:15` only
    if trimmed.len() <= 8
        && let Some(time) = time_of_day(trimmed)
    {
        return Ok(instant(zone.date(now).to_datetime(time), zone));
    }
    let (day, time) = match trimmed.split_once([' ', 'T']) {
        Some((day, time)) => (day, Some(time_of_day(time.trim()).ok_or_else(|| remedy(text))?)),
        None => (trimmed, None),
    };
    let date = date(day, now, zone).ok_or_else(|| remedy(text))?;
    Ok(match time {
        None => zone.day_start(date),
        Some(time) => instant(date.to_datetime(time), zone),
    })
}

/// A moment for people, to the minute: `Tue 24 Nov 09:30`, with the year where it isn't `this_year`.
#[must_use]
pub fn short(wall: DateTime, this_year: i16) -> String {
    let format = if wall.year() == this_year { "%a %e %b %H:%M" } else { "%a %e %b %Y %H:%M" };
    wall.strftime(format).to_string()
}

/// The short form ([`short`]) of an RFC 3339 text, in the offset it is written in; any other text stays as it is.
#[must_use]
pub fn short_text(text: &str, this_year: i16) -> String {
    let wall = text.get(..19).and_then(|wall| wall.parse().ok());
    wall.map_or_else(|| text.to_owned(), |wall| short(wall, this_year))
}

/// `9:00` is read as `09:00`.
fn time_of_day(text: &str) -> Option<Time> {
    let has_short_hour = text.find(':') == Some(1);
    if has_short_hour { format!("0{text}").parse().ok() } else { text.parse().ok() }
}

fn date(word: &str, now: Timestamp, zone: &Zone) -> Option<Date> {
    let today = zone.date(now);
    match word {
        "today" => Some(today),
        "yesterday" => today.yesterday().ok(),
        "tomorrow" => today.tomorrow().ok(),
        _ => word.parse().ok(),
    }
}

fn instant(wall: DateTime, zone: &Zone) -> Timestamp {
    match zone.resolve(wall) {
        WallMeaning::Once(at) | WallMeaning::Gap { after: at } | WallMeaning::Twice { first: at, .. } => at,
    }
}

fn remedy(text: &str) -> String {
    let shown = super::escape(text);
    format!(
        "`{shown}` is not a valid time: write `2026-11-24 09:00`, `09:00`, `tomorrow 09:00`, `-2h`, `+30m`, `2026-11-24`, or \
         `2026-11-24T09:00:00-05:00`"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zones::Zones;

    #[test]
    fn people_read_a_moment_to_the_minute_and_a_year_only_where_it_is_another() {
        for (text, shown) in [
            ("2026-11-24T09:30:00-05:00", "Tue 24 Nov 09:30"),
            ("2026-11-24T09:30:59.999Z", "Tue 24 Nov 09:30"),
            ("2026-11-03T00:00:00+01:00", "Tue  3 Nov 00:00"),
            ("2027-01-01T09:00:00-05:00", "Fri  1 Jan 2027 09:00"),
            ("soon", "soon"),
            ("until somebody resumes", "until somebody resumes"),
        ] {
            assert_eq!(short_text(text, 2026), shown);
        }
    }

    #[test]
    fn times_are_read_in_their_zone() {
        let zone = Zones::newest().zone("America/New_York").expect("a zone");
        let now: Timestamp = "2026-11-24T15:00:00Z".parse().expect("a valid instant");
        for (text, expected) in [
            ("now", "2026-11-24T15:00:00Z"),
            ("-2h", "2026-11-24T13:00:00Z"),
            ("+30m", "2026-11-24T15:30:00Z"),
            ("-7d", "2026-11-17T15:00:00Z"),
            ("yesterday 06:00", "2026-11-23T11:00:00Z"),
            ("yesterday", "2026-11-23T05:00:00Z"),
            ("today", "2026-11-24T05:00:00Z"),
            ("06:30", "2026-11-24T11:30:00Z"),
            ("6:30", "2026-11-24T11:30:00Z"),
            ("2026-11-24 9:00", "2026-11-24T14:00:00Z"),
            ("2026-11-01", "2026-11-01T04:00:00Z"),
            ("2026-11-01 01:30", "2026-11-01T05:30:00Z"),
            ("2026-11-24T09:00:00-05:00", "2026-11-24T14:00:00Z"),
            ("2026-03-08 02:30", "2026-03-08T07:00:00Z"),
        ] {
            assert_eq!(read(text, now, &zone).map(|at| at.to_string()).as_deref(), Ok(expected), "{text}");
        }
        for text in ["", "soon", "-2", "yesterday 6 o'clock", "2026-02-30", "--2h", "9:0", "::", ":30"] {
            assert!(read(text, now, &zone).is_err(), "{text}");
        }
    }
}
