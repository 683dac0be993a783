//! pure: wall clock ↔ instant by the newest zone rules: gaps, overlaps, opening hours.

use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;

/// The zone rules in use: the bundled ones or the system's, whichever are newer.
#[derive(Debug, Clone)]
pub struct Zones {
    version: Arc<str>,
    database: jiff::tz::TimeZoneDatabase,
}

/// One zone with its rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone {
    name: Arc<str>,
    rules: TimeZone,
}

/// What a wall-clock time means in a zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wall {
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

/// A zone name that can't be used, with the likely one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` is no IANA time zone: {remedy}")]
pub struct ZoneError {
    /// The name as written.
    pub name: String,
    /// What to write instead.
    pub remedy: String,
}

impl Zones {
    /// The newest of the bundled rules and the system's (compared by version, `2026f` > `2025b`).
    #[must_use]
    pub fn newest() -> Self {
        todo!()
    }

    /// The version in use, such as `2026f (bundled)`.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// A zone by its IANA name (any case; the canonical spelling is kept). `EST`, `CET`-like abbreviations and Windows
    /// names are refused with the likely IANA name.
    ///
    /// # Errors
    /// When there is no such zone; the remedy names the likely one.
    pub fn zone(&self, _name: &str) -> Result<Zone, ZoneError> {
        todo!()
    }

    /// A zone by its IANA or Windows name, as rows of a source may have it.
    ///
    /// # Errors
    /// When it is neither.
    pub fn zone_of_row(&self, _name: &str) -> Result<Zone, ZoneError> {
        todo!()
    }
}

impl Zone {
    /// Its IANA name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
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

    /// What a wall-clock time means here.
    #[must_use]
    pub fn resolve(&self, _wall: DateTime) -> Wall {
        todo!()
    }

    /// The first instant of a calendar day (after the gap when midnight is skipped; the whole day is skipped in Apia
    /// on 2011-12-30: then the first instant after it).
    #[must_use]
    pub fn day_start(&self, _date: Date) -> Timestamp {
        todo!()
    }

    /// RFC 3339 with this zone's offset at that instant, in whole seconds unless there is a fraction.
    #[must_use]
    pub fn rfc3339(&self, _at: Timestamp) -> String {
        todo!()
    }
}

/// When phones may ring, in the recipient's zone: half open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallingHours {
    /// At any time.
    Always,
    /// From one minute of the day to another; `open < close <= 24:00`.
    Daily {
        /// Minutes after midnight.
        open: u16,
        /// Minutes after midnight, 1440 at most.
        close: u16,
    },
}

impl CallingHours {
    /// Reads `08:00-21:00` or `always`.
    ///
    /// # Errors
    /// A sentence with the remedy.
    pub fn parse(_text: &str) -> Result<Self, String> {
        todo!()
    }

    /// Whether phones may ring at this instant.
    #[must_use]
    pub fn is_open(self, _at: Timestamp, _zone: &Zone) -> bool {
        todo!()
    }

    /// The instant itself when open, else the next opening (after a gap if the opening is skipped that day).
    #[must_use]
    pub fn next_opening(self, _at: Timestamp, _zone: &Zone) -> Timestamp {
        todo!()
    }
}

impl std::fmt::Display for CallingHours {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Always => f.write_str("always"),
            Self::Daily { open, close } => {
                write!(f, "{:02}:{:02}-{:02}:{:02}", open / 60, open % 60, close / 60, close % 60)
            }
        }
    }
}
