//! pure: calling hours, as minutes of a day on the recipient's wall clock.

use jiff::Timestamp;
use jiff::civil::{Date, Time};

use super::Zone;

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

/// 24:00, the latest closing.
const END_OF_DAY: u16 = 24 * 60;

impl CallingHours {
    /// Reads `08:00-21:00` or `always`.
    ///
    /// # Errors
    /// A sentence with the remedy.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text == "always" {
            return Ok(Self::Always);
        }
        let (from, to) = text.split_once('-').ok_or_else(|| {
            format!("`{text}` is no calling hours: write \"08:00-21:00\", or \"always\" to let phones ring at any time")
        })?;
        let (open, close) = (minute_of_day(from.trim())?, minute_of_day(to.trim())?);
        if open >= close {
            return Err(format!(
                "calling hours open before they close on the same day, `{text}` does not: write \"08:00-21:00\"; \
                 the latest closing is 24:00"
            ));
        }
        Ok(Self::Daily { open, close })
    }

    /// Whether phones may ring at this instant.
    #[must_use]
    pub fn is_open(self, at: Timestamp, zone: &Zone) -> bool {
        match self {
            Self::Always => true,
            Self::Daily { open, close } => {
                let minute = minute_at(zone.wall(at).time());
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

    /// The first open instant after a closed one. Phones may become free to ring in two ways: the clock reads the
    /// opening, or it jumps over it into the open hours.
    fn opening_after(self, at: Timestamp, zone: &Zone, open: u16) -> Timestamp {
        let jump = zone.change_after(at).map(|change| change.at).filter(|jump| self.is_open(*jump, zone));
        let mut date = zone.date(at);
        let read = loop {
            let Some(opening) = opening_on(date, open, zone, at) else {
                match date.tomorrow() {
                    Ok(tomorrow) => date = tomorrow,
                    Err(_) => break Timestamp::MAX,
                }
                continue;
            };
            break opening;
        };
        jump.map_or(read, |jump| read.min(jump))
    }
}

/// The first time after `at` that the clock reads the opening of this date; `None` when that is past or skipped.
fn opening_on(date: Date, open: u16, zone: &Zone, at: Timestamp) -> Option<Timestamp> {
    let opening = date.to_datetime(time_of(open));
    match zone.resolve(opening) {
        super::Wall::Once(opening) => Some(opening),
        super::Wall::Twice { first, second } => Some(if first > at { first } else { second }),
        super::Wall::Gap { .. } => None,
    }
    .filter(|opening| *opening > at)
}

fn minute_at(time: Time) -> u16 {
    u16::from(time.hour().unsigned_abs()) * 60 + u16::from(time.minute().unsigned_abs())
}

fn time_of(minute: u16) -> Time {
    let part = |value: u16| i8::try_from(value).expect("an hour or a minute is below 60");
    Time::constant(part(minute / 60), part(minute % 60), 0, 0)
}

fn minute_of_day(text: &str) -> Result<u16, String> {
    let refusal = || format!("`{text}` is no time of day: write two digits each, like 08:00 or 21:30, at most 24:00");
    let (hour, minute) = text.split_once(':').ok_or_else(refusal)?;
    let two_digits = |part: &str| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
    if !two_digits(hour) || !two_digits(minute) {
        return Err(refusal());
    }
    let (hour, minute): (u16, u16) = (hour.parse().map_err(|_| refusal())?, minute.parse().map_err(|_| refusal())?);
    let total = hour * 60 + minute;
    if minute > 59 || total > END_OF_DAY { Err(refusal()) } else { Ok(total) }
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
