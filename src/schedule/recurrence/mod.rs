//! pure: the cron line: which nominal times lie in a stretch of time.

mod grammar;
mod lints;
mod pattern;
#[cfg(test)]
mod tests;
mod walk;

use std::cmp::Ordering;

use jiff::civil::{Date, DateTime};
use jiff::{SignedDuration, Timestamp};

use crate::zones::Zone;

pub use lints::CronLint;

/// A cron line that was read.
#[derive(Debug, Clone)]
pub struct Recurrence {
    pattern: pattern::Pattern,
    /// Where there is no cron line, no time fits.
    is_never: bool,
}

/// One nominal time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Nominal {
    /// The instant (UTC).
    pub at: Timestamp,
    /// The wall-clock time the pattern names (its date is the run's nominal date).
    pub civil: DateTime,
    /// `gap` or `overlap` when the day is odd.
    pub odd: Option<ClockChange>,
}

/// What daylight saving did to a nominal time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ClockChange {
    /// The named time doesn't exist; it runs at the first instant after the gap.
    Gap,
    /// The named time exists twice.
    Overlap,
}

/// A cron line that is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct CronProblem {
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub help: String,
}

impl Recurrence {
    /// Reads five fields, six with seconds first, or `@hourly` … `@yearly`.
    ///
    /// # Errors
    /// With the remedy: steps beyond the field, patterns that never fire, `@every`, `@reboot`, years.
    pub fn parse(text: &str) -> Result<Self, CronProblem> {
        Ok(Self { pattern: pattern::Pattern::parse(text)?, is_never: false })
    }

    /// The recurrence of a schedule without a cron line: it has no nominal times.
    ///
    /// # Panics
    /// Never.
    #[must_use]
    pub fn never() -> Self {
        let pattern = pattern::Pattern::parse("@yearly").expect("a pattern that is written here");
        Self { pattern, is_never: true }
    }

    /// Whether it has no nominal times at all.
    #[must_use]
    pub const fn is_never(&self) -> bool {
        self.is_never
    }

    /// The nominal times in (`after`, `until`], in order, at most `limit` of the latest.
    #[must_use]
    pub fn between(&self, zone: &Zone, after: Timestamp, until: Timestamp, limit: usize) -> Vec<Nominal> {
        if self.is_never {
            return Vec::new();
        }
        let mut found = self.on(zone).backward(walk::floor(after), walk::floor(until), limit);
        found.reverse();
        found
    }

    /// The next `count` nominal times after an instant (fewer when the pattern ends beyond year 9000).
    #[must_use]
    pub fn next(&self, zone: &Zone, after: Timestamp, count: usize) -> Vec<Nominal> {
        if self.is_never { Vec::new() } else { self.on(zone).forward(walk::floor(after), count) }
    }

    /// The first nominal time of a date. One whose wall-clock time is skipped belongs to the date it names, though it runs
    /// after it.
    #[must_use]
    pub fn first_on(&self, zone: &Zone, date: Date) -> Option<Nominal> {
        let mut after = Timestamp::from_second(zone.day_start(date).as_second() - 1).ok()?;
        loop {
            let next = *self.next(zone, after, 1).first()?;
            match next.civil.date().cmp(&date) {
                Ordering::Less => after = next.at,
                Ordering::Equal => return Some(next),
                Ordering::Greater => return None,
            }
        }
    }

    /// The date a nominal time belongs to: that of the wall-clock time the cron line names, which a gap around midnight can
    /// put a day before the instant's own date. Any other time belongs to its own date.
    #[must_use]
    pub fn nominal_date(&self, zone: &Zone, nominal_at: Timestamp) -> Date {
        let just_before = nominal_at.checked_sub(SignedDuration::from_nanos(1)).unwrap_or(nominal_at);
        let named = self.between(zone, just_before, nominal_at, 1);
        named.last().map_or_else(|| zone.date(nominal_at), |nominal| nominal.civil.date())
    }

    fn on<'a>(&'a self, zone: &'a Zone) -> walk::ClockWalk<'a> {
        walk::ClockWalk { pattern: &self.pattern, zone }
    }
}
