//! pure: instants of wall-clock times in one zone, for readers of many rows: what daylight saving does to a calendar day
//! is worked out once a day, and a date written as ten bytes is not even parsed again.

use jiff::civil::{Date, Time};
use jiff::{SignedDuration, Timestamp, ToSpan as _};

use super::{WallMeaning, Zone};

/// The years whose days are remembered; other years are left to [`Zone::resolve`].
const REMEMBERED_YEARS: std::ops::Range<i16> = 1990..2110;

/// The places of a year: twelve months of 31, so that a date's place needs no calendar arithmetic.
const PLACES_A_YEAR: usize = 12 * 31;

/// Places for dates as they are written. The days of a whole year rarely share one.
const WRITTEN_PLACES: usize = 512;

/// A date as ISO 8601 writes it, `2026-11-25`.
pub type WrittenDate = [u8; 10];

/// Turns wall-clock times into instants, remembering the days it has seen.
#[derive(Debug, Clone)]
pub struct DayCache {
    zone: Zone,
    days: Vec<Day>,
    /// Midnights (seconds, UTC) by written date. One place serves several dates and holds the last one.
    written: Vec<Option<(WrittenDate, i64)>>,
}

/// What daylight saving does to a calendar day.
#[derive(Debug, Clone, Copy)]
enum Day {
    /// Nothing is known of it yet.
    Unknown,
    /// It has 24 hours; its midnight in seconds (UTC).
    Regular(i64),
    /// The offset changes within it.
    Irregular,
}

impl DayCache {
    /// An empty cache for a zone.
    #[must_use]
    pub fn new(zone: Zone) -> Self {
        Self { zone, days: Vec::new(), written: Vec::new() }
    }

    /// The zone.
    #[must_use]
    pub fn zone(&self) -> &Zone {
        &self.zone
    }

    /// The instant of a time on a day of 24 hours; `None` for any other day.
    #[must_use]
    pub fn instant(&mut self, date: Date, time: Time) -> Option<Timestamp> {
        self.midnight(date).and_then(|midnight| on_day(midnight, time))
    }

    /// Like [`DayCache::instant`], for a date that was not parsed yet.
    #[must_use]
    pub fn instant_of_written(&mut self, date: WrittenDate, time: Time) -> Option<Timestamp> {
        let place = written_place(date);
        if let Some(Some((known, midnight))) = self.written.get(place)
            && *known == date
        {
            return on_day(*midnight, time);
        }
        let parsed: Date = std::str::from_utf8(&date).ok()?.parse().ok()?;
        let midnight = self.midnight(parsed)?;
        self.written.resize(WRITTEN_PLACES, None);
        self.written[place] = Some((date, midnight));
        on_day(midnight, time)
    }

    /// The midnight (seconds, UTC) of a day of 24 hours.
    fn midnight(&mut self, date: Date) -> Option<i64> {
        if !REMEMBERED_YEARS.contains(&date.year()) {
            return None;
        }
        if self.days.is_empty() {
            self.days = vec![Day::Unknown; REMEMBERED_YEARS.len() * PLACES_A_YEAR];
        }
        let place = place(date);
        if let Day::Unknown = self.days[place] {
            self.days[place] = day_in(&self.zone, date);
        }
        match self.days[place] {
            Day::Regular(midnight) => Some(midnight),
            Day::Irregular | Day::Unknown => None,
        }
    }
}

fn place(date: Date) -> usize {
    let year = usize::try_from(date.year() - REMEMBERED_YEARS.start).unwrap_or(0);
    let in_year = usize::try_from((i16::from(date.month()) - 1) * 31 + i16::from(date.day()) - 1).unwrap_or(0);
    year * PLACES_A_YEAR + in_year
}

/// The place of a date by month and day; the year is left out because a table rarely holds the same day of two years.
fn written_place(date: WrittenDate) -> usize {
    let digit = |at: usize| usize::from(date[at] & 15);
    (digit(5) * 310 + digit(6) * 31 + digit(8) * 10 + digit(9)) % WRITTEN_PLACES
}

fn on_day(midnight: i64, time: Time) -> Option<Timestamp> {
    let (hour, minute, second) = (i64::from(time.hour()), i64::from(time.minute()), i64::from(time.second()));
    Timestamp::new(midnight + hour * 3600 + minute * 60 + second, time.subsec_nanosecond()).ok()
}

fn day_in(zone: &Zone, date: Date) -> Day {
    let midnight = date.at(0, 0, 0, 0);
    let Ok(next) = midnight.checked_add(1.day()) else { return Day::Irregular };
    match (zone.resolve(midnight), zone.resolve(next)) {
        (WallMeaning::Once(from), WallMeaning::Once(until))
            if from.duration_until(until) == SignedDuration::from_hours(24) =>
        {
            Day::Regular(from.as_second())
        }
        _ => Day::Irregular,
    }
}
