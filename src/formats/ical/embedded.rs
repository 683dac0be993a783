//! pure: a zone that a calendar brings along (VTIMEZONE, RFC 5545, 3.6.5): used only for names that no database has.

use jiff::civil::DateTime;
use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp};

use super::lines::ContentLine;
use super::times::date_time;
use crate::zones::SeriesRule;

/// Changes are counted up to the beginning of this year.
const LAST_YEAR: i16 = 2100;

/// The changes of an embedded zone.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct EmbeddedZone {
    /// The changes in order, each on the wall clock before it.
    changes: Vec<ZoneChange>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct ZoneChange {
    at: DateTime,
    from: Offset,
    to: Offset,
}

/// One STANDARD or DAYLIGHT part as it is read.
#[derive(Debug, Default)]
pub(super) struct Observance {
    start: Option<DateTime>,
    from: Option<Offset>,
    to: Option<Offset>,
    rules: Vec<SeriesRule>,
    dates: Vec<DateTime>,
}

impl Observance {
    pub(super) fn take(&mut self, line: &ContentLine<'_>) {
        match line.name.to_ascii_uppercase().as_str() {
            "DTSTART" => self.start = date_time(line.value.trim().trim_end_matches('Z')),
            "TZOFFSETFROM" => self.from = offset(line.value),
            "TZOFFSETTO" => self.to = offset(line.value),
            "RRULE" => self.rules.extend(SeriesRule::read(line.value)),
            "RDATE" => self.dates.extend(line.value.split(',').filter_map(|date| date_time(date.trim()))),
            _ => {}
        }
    }

    fn changes(&self) -> Option<Vec<ZoneChange>> {
        let (start, from, to) = (self.start?, self.from?, self.to?);
        let until = DateTime::new(LAST_YEAR, 1, 1, 0, 0, 0, 0).ok()?;
        let mut starts: Vec<DateTime> = vec![start];
        starts.extend(&self.dates);
        for rule in &self.rules {
            starts.extend(rule.starts(start, start, until).ok()?);
        }
        Some(starts.into_iter().map(|at| ZoneChange { at, from, to }).collect())
    }
}

impl EmbeddedZone {
    /// `None` when a part of it can't be read: then its times are of an unknown zone.
    pub(super) fn of(parts: &[Observance]) -> Option<Self> {
        let mut changes = Vec::new();
        for part in parts {
            changes.extend(part.changes()?);
        }
        changes.sort_by_key(|change| change.at);
        changes.dedup();
        (!changes.is_empty()).then_some(Self { changes })
    }

    /// The offset that holds at a wall clock, and before its first change the one before.
    fn offset(&self, wall: DateTime) -> Option<Offset> {
        // a wall clock inside a gap still has the offset before it; one that is shown twice its first
        let is_past = |change: &&ZoneChange| {
            let gained = i64::from(change.to.seconds() - change.from.seconds()).max(0);
            change.at.saturating_add(SignedDuration::from_secs(gained)) <= wall
        };
        let last = self.changes.iter().take_while(|change| change.at <= wall).filter(is_past).last();
        last.map(|change| change.to).or_else(|| self.changes.first().map(|change| change.from))
    }

    pub(super) fn instant(&self, wall: DateTime) -> Option<Timestamp> {
        self.offset(wall)?.to_timestamp(wall).ok()
    }

    pub(super) fn wall(&self, at: Timestamp) -> DateTime {
        let is_past = |change: &&ZoneChange| change.from.to_timestamp(change.at).is_ok_and(|changed| changed <= at);
        let last = self.changes.iter().rfind(is_past).map(|change| change.to);
        let offset = last.or_else(|| self.changes.first().map(|change| change.from)).unwrap_or(Offset::UTC);
        offset.to_datetime(at)
    }
}

/// `-0500`, `+053000`.
fn offset(text: &str) -> Option<Offset> {
    let text = text.trim();
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    if digits.len() < 4 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let part = |from: usize| digits.get(from..from + 2).map_or(Some(0), |part| part.parse::<i32>().ok());
    Offset::from_seconds(sign * (part(0)? * 3_600 + part(2)? * 60 + part(4)?)).ok()
}
