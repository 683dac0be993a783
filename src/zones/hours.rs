//! pure: calling hours, as minutes of a day on the recipient's wall clock.

use jiff::Timestamp;
use jiff::civil::{Date, Time};

use super::Zone;

/// When calls may be placed, in the recipient's zone: from `open` until just before `close`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallingHours {
    /// At any time.
    Always,
    /// In one part of each day; `open < close <= 24:00`.
    Daily {
        /// Minutes after midnight.
        open: u16,
        /// Minutes after midnight, at most 1440.
        close: u16,
    },
}

/// Why a text is not valid calling hours, with the remedy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallingHoursError {
    /// It has no `-`.
    #[error("`{0}` is not valid calling hours: write \"08:00-21:00\", or \"always\" to allow calls at any time")]
    NoRange(String),
    /// One side of the `-` is not a time.
    #[error("`{0}` is not a valid time of day: write two digits each, like 08:00 or 21:30, at most 24:00")]
    InvalidTime(String),
    /// They would be empty, or reach over midnight.
    #[error(
        "calling hours must open before they close on the same day, `{0}` does not: write \"08:00-21:00\"; the latest \
         closing is 24:00"
    )]
    NotInOrder(String),
}

/// 24:00, the latest closing.
const END_OF_DAY: u16 = 24 * 60;

impl std::str::FromStr for CallingHours {
    type Err = CallingHoursError;

    /// Parses `08:00-21:00` or `always`.
    fn from_str(text: &str) -> Result<Self, CallingHoursError> {
        if text == "always" {
            return Ok(Self::Always);
        }
        let (from, to) = text.split_once('-').ok_or_else(|| CallingHoursError::NoRange(text.to_owned()))?;
        let (open, close) = (parse_minute(from.trim())?, parse_minute(to.trim())?);
        if open >= close {
            return Err(CallingHoursError::NotInOrder(text.to_owned()));
        }
        Ok(Self::Daily { open, close })
    }
}

impl CallingHours {
    /// Whether calls may be placed at this instant.
    #[must_use]
    pub fn is_open(self, at: Timestamp, zone: &Zone) -> bool {
        match self {
            Self::Always => true,
            Self::Daily { open, close } => {
                let minute = minute_of(zone.wall(at).time());
                open <= minute && minute < close
            }
        }
    }

    /// The instant itself when open, else the next opening (after a gap if the opening is skipped that day).
    #[must_use]
    pub fn next_opening(self, at: Timestamp, zone: &Zone) -> Timestamp {
        match self {
            Self::Always => at,
            Self::Daily { .. } if self.is_open(at, zone) => at,
            Self::Daily { open, .. } => self.opening_after(at, zone, open),
        }
    }

    /// The first open instant after a closed one: the clock reads the opening, or it jumps over it into the open hours.
    fn opening_after(self, at: Timestamp, zone: &Zone, open: u16) -> Timestamp {
        let jump = zone.change_after(at).map(|change| change.at).filter(|jump| self.is_open(*jump, zone));
        let mut dates = std::iter::successors(Some(zone.date(at)), |date| date.tomorrow().ok());
        let opening = dates.find_map(|date| opening_on(date, open, zone, at)).unwrap_or(Timestamp::MAX);
        jump.map_or(opening, |jump| opening.min(jump))
    }
}

/// The first time after `at` that the clock reads the opening of this date; `None` when that has passed or is skipped.
fn opening_on(date: Date, open: u16, zone: &Zone, at: Timestamp) -> Option<Timestamp> {
    let opening = date.to_datetime(time_at(open));
    match zone.resolve(opening) {
        super::WallMeaning::Once(opening) => Some(opening),
        super::WallMeaning::Twice { first, second } => Some(if first > at { first } else { second }),
        super::WallMeaning::Gap { .. } => None,
    }
    .filter(|opening| *opening > at)
}

fn minute_of(time: Time) -> u16 {
    u16::from(time.hour().unsigned_abs()) * 60 + u16::from(time.minute().unsigned_abs())
}

fn time_at(minute: u16) -> Time {
    let part = |value: u16| i8::try_from(value).expect("an hour or a minute is below 60");
    Time::constant(part(minute / 60), part(minute % 60), 0, 0)
}

/// Parses `08:00` as a minute of the day.
fn parse_minute(text: &str) -> Result<u16, CallingHoursError> {
    let invalid = || CallingHoursError::InvalidTime(text.to_owned());
    let (hour, minute) = text.split_once(':').ok_or_else(invalid)?;
    let two_digits = |part: &str| -> Option<u16> {
        let are_digits = part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
        are_digits.then(|| part.parse().ok()).flatten()
    };
    let (hour, minute) = (two_digits(hour).ok_or_else(invalid)?, two_digits(minute).ok_or_else(invalid)?);
    let total = hour * 60 + minute;
    if minute > 59 || total > END_OF_DAY { Err(invalid()) } else { Ok(total) }
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
