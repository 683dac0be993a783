//! pure: converts between wall-clock times and instants by the newest zone rules; calling hours.

mod calendar;
mod database;
mod days;
mod holidays;
mod hours;
mod names;
mod series;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use jiff::civil::{Date, DateTime, Time};
use jiff::fmt::temporal::DateTimePrinter;
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};
use jiff::{SignedDuration, Timestamp};

pub use calendar::{Calendar, Calendars, ClosedDays};
pub use database::Zones;
pub use days::DayCache;
pub use holidays::dates_of;
pub use hours::{CallingHours, CallingHoursError};
pub use series::{SeriesEnd, SeriesRule};

/// One zone with its rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone {
    name: Arc<str>,
    rules: TimeZone,
    is_place: bool,
}

/// What a wall-clock time means in a zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WallMeaning {
    /// Exactly one instant.
    Once(Timestamp),
    /// Skipped by a forward change: `after` is the first instant after the gap.
    Gap {
        /// The first instant after the gap.
        after: Timestamp,
    },
    /// Repeated by a backward change.
    Twice {
        /// The first pass.
        first: Timestamp,
        /// The second pass.
        second: Timestamp,
    },
}

/// A moment at which a zone's rules may set its clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OffsetChange {
    /// The first instant under the new offset.
    pub at: Timestamp,
    /// The new offset in seconds, east of Greenwich positive.
    pub offset: i32,
}

/// A zone name that is not valid, with the remedy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` does not name the time zone of a place: {remedy}")]
pub struct ZoneError {
    /// The name as written.
    pub name: String,
    /// What to write instead.
    pub remedy: String,
}

/// Names of UTC at the top of the database; the others are in `Etc/`.
const NAMES_OF_UTC: [&str; 9] = ["UTC", "UCT", "GMT", "GMT0", "GMT+0", "GMT-0", "Greenwich", "Universal", "Zulu"];

impl Zone {
    fn of_rules(name: Arc<str>, rules: TimeZone) -> Self {
        let is_place = !name.starts_with("Etc/") && !NAMES_OF_UTC.contains(&&*name);
        Self { name, rules, is_place }
    }

    /// A zone whose clocks never change; its name is the offset.
    fn of_offset(offset: Offset) -> Self {
        let (sign, minutes) = (if offset.seconds() < 0 { '-' } else { '+' }, offset.seconds().abs() / 60);
        let name = format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60);
        Self { name: name.into(), rules: TimeZone::fixed(offset), is_place: false }
    }

    /// Whether it is the zone of a place. `UTC`, `Etc/…` and offsets only give the offset of a time.
    #[must_use]
    pub fn is_place(&self) -> bool {
        self.is_place
    }

    /// The IANA name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The IANA name, shared.
    #[must_use]
    pub fn shared_name(&self) -> Arc<str> {
        Arc::clone(&self.name)
    }

    /// The wall clock at an instant.
    #[must_use]
    pub fn wall(&self, at: Timestamp) -> DateTime {
        self.rules.to_datetime(at)
    }

    /// The calendar day at an instant.
    #[must_use]
    pub fn date(&self, at: Timestamp) -> Date {
        self.wall(at).date()
    }

    /// What a wall-clock time means here. At the very ends of the calendar (years −9999 and 9999) the nearest instant
    /// that can be written is taken.
    #[must_use]
    pub fn resolve(&self, wall: DateTime) -> WallMeaning {
        match self.rules.to_ambiguous_timestamp(wall).offset() {
            AmbiguousOffset::Unambiguous { offset } => WallMeaning::Once(instant(wall, offset)),
            AmbiguousOffset::Fold { before, after } => {
                WallMeaning::Twice { first: instant(wall, before), second: instant(wall, after) }
            }
            AmbiguousOffset::Gap { before, after } => {
                // Read with the later offset a skipped time lies before the change, with the earlier one at or after it.
                let (early, late) = (instant(wall, after), instant(wall, before));
                let change = self.rules.following(early).take_while(|change| change.timestamp() <= late);
                let after = change.filter(|change| change.offset() == after).map(|change| change.timestamp()).next();
                WallMeaning::Gap { after: after.unwrap_or(late) }
            }
        }
    }

    /// The first instant of a calendar day (after the gap when midnight is skipped; the whole day is skipped in Apia
    /// on 2011-12-30: then the first instant after it).
    #[must_use]
    pub fn day_start(&self, date: Date) -> Timestamp {
        match self.resolve(date.to_datetime(Time::midnight())) {
            WallMeaning::Once(start) | WallMeaning::Gap { after: start } => start,
            WallMeaning::Twice { first, .. } => first,
        }
    }

    /// The instant in RFC 3339 with this zone's offset, in whole seconds unless there is a fraction. Offsets are written to the
    /// minute; those with seconds (before 1972) are rounded.
    #[must_use]
    pub fn rfc3339(&self, at: Timestamp) -> String {
        const PRINTER: DateTimePrinter = DateTimePrinter::new();
        PRINTER.timestamp_with_offset_to_string(&at, self.rules.to_offset(at))
    }

    /// Seconds between the wall clock and UTC at an instant, east of Greenwich positive.
    #[must_use]
    pub fn offset(&self, at: Timestamp) -> i32 {
        self.rules.to_offset(at).seconds()
    }

    /// The latest change at or before an instant. The offset may be the one before, where only the rules' name changed.
    #[must_use]
    pub fn change_before(&self, at: Timestamp) -> Option<OffsetChange> {
        let beyond = at.checked_add(SignedDuration::from_nanos(1)).unwrap_or(Timestamp::MAX);
        self.rules.preceding(beyond).next().map(|change| OffsetChange::of(&change))
    }

    /// The first change after an instant. The offset may be the one before, where only the rules' name changed.
    #[must_use]
    pub fn change_after(&self, at: Timestamp) -> Option<OffsetChange> {
        self.rules.following(at).next().map(|change| OffsetChange::of(&change))
    }
}

impl OffsetChange {
    fn of(transition: &jiff::tz::TimeZoneTransition<'_>) -> Self {
        Self { at: transition.timestamp(), offset: transition.offset().seconds() }
    }
}

fn instant(wall: DateTime, offset: Offset) -> Timestamp {
    offset.to_timestamp(wall).unwrap_or(if wall.year() < 0 { Timestamp::MIN } else { Timestamp::MAX })
}
