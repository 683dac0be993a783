//! pure: the last look before the first byte of a request: whether what was true at its intent still is.
//!
//! Between the commit of an intent and its first byte a process can be frozen, a machine can sleep, a connection can take
//! long, an operator can pause. What is found out then is provably unsent and goes back to pending.

use std::time::Duration;

use jiff::Timestamp;

use crate::zones::{CallingHours, Zone};

/// Longer than any commit and any usual connection, shorter than anybody notices.
const LATEST: Duration = Duration::from_secs(5);

/// What is read at the intent, and again at the last look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Readings {
    /// The wall clock (UTC).
    pub now: Timestamp,
    /// Time since the machine was started, its sleep included.
    pub since_boot: Duration,
    /// How many pauses were set in this process so far.
    pub pauses: u64,
}

/// What a request was committed under.
#[derive(Debug, Clone)]
pub struct Commitment {
    /// Read just before its intent was committed.
    pub readings: Readings,
    /// Not to be sent at or after this instant (UTC).
    pub expires_at: Timestamp,
    /// When the recipient's phone may ring …
    pub hours: CallingHours,
    /// … in this zone.
    pub zone: Zone,
}

/// Why nothing is sent after all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unsent {
    /// Frozen, asleep, a step of the clock, or a slow connection.
    #[error("more than 5 s went by between its intent and its first byte")]
    Late,
    /// The calling hours have closed.
    #[error("the calling hours closed before its first byte")]
    Closed,
    /// Its time is over.
    #[error("it expired before its first byte")]
    Expired,
    /// Something was paused since; whether it is this schedule is for the next intent to say.
    #[error("a pause came before its first byte")]
    Paused,
    /// The `STOP` file is there.
    #[error("the STOP file came before its first byte")]
    Stopped,
}

impl Commitment {
    /// Looks once more.
    ///
    /// # Errors
    /// When the request must not be sent any more, and why.
    pub fn check(&self, readings: Readings, is_stopped: bool) -> Result<(), Unsent> {
        let then = self.readings;
        let stepped = then.now.duration_until(readings.now).unsigned_abs();
        let passed = readings.since_boot.saturating_sub(then.since_boot);
        if is_stopped {
            Err(Unsent::Stopped)
        } else if readings.pauses != then.pauses {
            Err(Unsent::Paused)
        } else if readings.now >= self.expires_at {
            Err(Unsent::Expired)
        } else if !self.hours.is_open(readings.now, &self.zone) {
            Err(Unsent::Closed)
        } else if stepped > LATEST || passed > LATEST {
            Err(Unsent::Late)
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;
    use crate::zones::Zones;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a valid instant")
    }

    /// Committed a second before nine in the evening in New York, when its hours close.
    fn commitment(hours: &str) -> Commitment {
        Commitment {
            readings: Readings { now: at("2026-11-25T01:59:59Z"), since_boot: Duration::from_secs(1_000), pauses: 3 },
            expires_at: at("2026-11-25T01:59:59.900Z"),
            hours: CallingHours::parse(hours).expect("calling hours"),
            zone: Zones::newest().zone_of_row("America/New_York").expect("a zone"),
        }
    }

    #[test]
    fn what_was_true_at_the_intent_must_still_be_true_before_the_first_byte() {
        let late = |base: Commitment| Commitment { expires_at: Timestamp::MAX, ..base };
        let day = late(commitment("always"));
        let evening = late(commitment("08:00-21:00"));
        let then = day.readings;
        let after = |wall_ms: i64, boot_ms: u64| Readings {
            now: then.now + SignedDuration::from_millis(wall_ms),
            since_boot: then.since_boot + Duration::from_millis(boot_ms),
            ..then
        };
        for (name, commitment, readings, is_stopped, expected) in [
            ("at once", &day, then, false, Ok(())),
            ("after five seconds", &day, after(5_000, 5_000), false, Ok(())),
            ("later by both clocks", &day, after(5_001, 5_001), false, Err(Unsent::Late)),
            ("asleep, and the wall clock set back", &day, after(10, 3_600_000), false, Err(Unsent::Late)),
            ("the wall clock alone went on", &day, after(9_000, 10), false, Err(Unsent::Late)),
            ("the wall clock was set back", &day, after(-9_000, 10), false, Err(Unsent::Late)),
            ("the last millisecond of the hours", &evening, after(999, 999), false, Ok(())),
            ("the hours closed", &evening, after(1_000, 1_000), false, Err(Unsent::Closed)),
            ("frozen until morning", &evening, after(36_001_000, 36_001_000), false, Err(Unsent::Closed)),
            ("expired", &commitment("always"), after(900, 900), false, Err(Unsent::Expired)),
            ("a pause came", &day, Readings { pauses: 4, ..then }, false, Err(Unsent::Paused)),
            ("the STOP file came", &day, then, true, Err(Unsent::Stopped)),
        ] {
            assert_eq!(commitment.check(readings, is_stopped), expected, "{name}");
        }
    }
}
