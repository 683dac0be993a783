//! pure: the occurrences of a recurrence rule (RFC 5545) on the wall clock, counted with bounded effort.

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use rrule::{RRule, RRuleSet, Tz, Unvalidated};

/// Occurrences from a series' first one to the end of the window: an hourly one of eleven years has fewer.
const MAX_OCCURRENCES: usize = 100_000;

/// Letters of a rule.
const MAX_RULE: usize = 2_000;

/// Where a rule ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SeriesEnd {
    /// Never, or by its count.
    Open,
    /// With the last occurrence at or before this instant (UTC).
    At(Timestamp),
    /// With the last occurrence at or before this time on the series' wall clock.
    AtWall(DateTime),
}

/// A recurrence rule, read.
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesRule {
    rule: RRule<Unvalidated>,
    end: SeriesEnd,
}

impl SeriesRule {
    /// Reads `FREQ=WEEKLY;BYDAY=MO`, with or without `RRULE:` before it.
    ///
    /// # Errors
    /// A sentence, when it is no rule.
    pub fn read(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let text = text.get(..6).filter(|name| name.eq_ignore_ascii_case("RRULE:")).map_or(text, |_| &text[6..]);
        if text.len() > MAX_RULE {
            return Err(format!("the recurrence rule is longer than {MAX_RULE} letters"));
        }
        if !text.is_ascii() {
            // the crate cuts `BYDAY=-1ÁU` in the middle of a letter, and panics
            return Err("the recurrence rule has letters that no rule has".to_owned());
        }
        let upper = text.to_ascii_uppercase();
        let mut end = SeriesEnd::Open;
        let mut parts = Vec::new();
        for part in upper.split(';').map(str::trim).filter(|part| !part.is_empty()) {
            match part.strip_prefix("UNTIL=") {
                Some(until) => end = read_end(until)?,
                // an empty part, as some programs write it, says nothing
                None if part.ends_with('=') => {}
                None => parts.push(part),
            }
        }
        // the end is kept apart: the crate wants it in the zone of the start
        let rule = parts.join(";").parse().map_err(|_| "the recurrence rule can't be read".to_owned())?;
        Ok(Self { rule, end })
    }

    /// Where it ends.
    #[must_use]
    pub fn end(&self) -> SeriesEnd {
        self.end
    }

    /// The starts on the wall clock of a series that begins at `start`: those from `from` on and before `until`. The end by
    /// an instant is the caller's to apply, who knows the zone.
    ///
    /// # Errors
    /// A sentence, when the rule contradicts itself or has too many occurrences before the window's end.
    pub fn starts(&self, start: DateTime, from: DateTime, until: DateTime) -> Result<BTreeSet<DateTime>, String> {
        let first = as_chrono(start).ok_or("the series begins outside the calendar")?;
        let rule =
            self.rule.clone().validate(first).map_err(|_| "the recurrence rule contradicts itself".to_owned())?;
        let series = RRuleSet::new(first).rrule(rule).limit();
        let mut found = BTreeSet::new();
        for (count, at) in series.into_iter().enumerate() {
            let at = as_civil(at).ok_or("the series leaves the calendar")?;
            let is_over = matches!(self.end, SeriesEnd::AtWall(last) if at > last);
            if at >= until || is_over {
                break;
            }
            if count >= MAX_OCCURRENCES {
                return Err(format!("the series has more than {MAX_OCCURRENCES} occurrences before the window's end"));
            }
            if at >= from {
                found.insert(at);
            }
        }
        Ok(found)
    }
}

/// `20281224T090000Z`, `20281224T090000`, or a date, whose whole day counts.
fn read_end(text: &str) -> Result<SeriesEnd, String> {
    let wrong = || "the recurrence rule's `UNTIL` can't be read".to_owned();
    if let Some(utc) = text.strip_suffix('Z') {
        let wall = DateTime::strptime("%Y%m%dT%H%M%S", utc).map_err(|_| wrong())?;
        let at = jiff::tz::Offset::UTC.to_timestamp(wall).map_err(|_| wrong())?;
        return Ok(SeriesEnd::At(at));
    }
    if let Ok(wall) = DateTime::strptime("%Y%m%dT%H%M%S", text) {
        return Ok(SeriesEnd::AtWall(wall));
    }
    let date = Date::strptime("%Y%m%d", text).map_err(|_| wrong())?;
    Ok(SeriesEnd::AtWall(date.at(23, 59, 59, 999_999_999)))
}

/// The wall clock as if it were UTC: a rule is about the wall clock, and its zone is looked at afterwards.
fn as_chrono(wall: DateTime) -> Option<chrono::DateTime<Tz>> {
    use chrono::TimeZone as _;
    let seconds = jiff::tz::Offset::UTC.to_timestamp(wall).ok()?.as_second();
    Tz::UTC.timestamp_opt(seconds, 0).single()
}

fn as_civil(at: chrono::DateTime<Tz>) -> Option<DateTime> {
    let at = Timestamp::from_second(at.timestamp()).ok()?;
    Some(jiff::tz::Offset::UTC.to_datetime(at))
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn starts(rule: &str, from: Date, until: Date) -> Result<Vec<String>, String> {
        let start = date(2026, 1, 5).at(9, 30, 0, 0);
        let found = SeriesRule::read(rule)?.starts(start, from.at(0, 0, 0, 0), until.at(0, 0, 0, 0))?;
        Ok(found.into_iter().map(|at| at.to_string()).collect())
    }

    #[test]
    fn a_rule_gives_the_starts_inside_a_window() {
        for (rule, wanted) in [
            ("FREQ=WEEKLY", &["2026-11-23T09:30:00", "2026-11-30T09:30:00"][..]),
            ("rrule:freq=weekly;byday=tu,th", &["2026-11-24T09:30:00", "2026-11-26T09:30:00"]),
            ("FREQ=MONTHLY;BYDAY=-1FR", &["2026-11-27T09:30:00"]),
            ("FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1", &["2026-11-30T09:30:00"]),
            ("FREQ=WEEKLY;COUNT=47", &["2026-11-23T09:30:00"]),
            ("FREQ=WEEKLY;UNTIL=20261123", &["2026-11-23T09:30:00"]),
            ("FREQ=WEEKLY;UNTIL=20261123T092959", &[]),
            ("FREQ=WEEKLY;UNTIL=20261123T093000", &["2026-11-23T09:30:00"]),
            ("FREQ=WEEKLY;INTERVAL=2;WKST=SU;BYDAY=", &["2026-11-23T09:30:00"]),
            ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", &[]),
        ] {
            let found =
                starts(rule, date(2026, 11, 22), date(2026, 12, 1)).unwrap_or_else(|error| panic!("{rule}: {error}"));
            assert_eq!(found, wanted, "{rule}");
        }
    }

    #[test]
    fn a_rule_of_a_second_for_a_century_is_refused_and_so_is_what_is_no_rule() {
        let error = starts("FREQ=SECONDLY;UNTIL=21260101T000000Z", date(2026, 11, 22), date(2026, 12, 1));
        assert!(error.expect_err("endless").contains("more than 100000"));
        for wrong in [
            "",
            "FREQ=SOMETIMES",
            "FREQ=DAILY;UNTIL=soon",
            "BYDAY=MO",
            "FREQ=DAILY;BYHOUR=99",
            "FREQ=MONTHLY;BYDAY=-1ÁU",
            "FREQ=WEEKLY;BYDAY=MÖ",
            "FREQ=DAILY\u{200b}",
        ] {
            assert!(starts(wrong, date(2026, 11, 22), date(2026, 12, 1)).is_err(), "{wrong}");
        }
        assert!(SeriesRule::read(&"X".repeat(5_000)).is_err());
        // without a match the search ends by itself
        assert_eq!(starts("FREQ=SECONDLY;BYMONTH=2;BYMONTHDAY=30", date(2026, 11, 22), date(2026, 12, 1)), Ok(vec![]));
    }
}
