//! pure: the final check before the first byte of a request: whether it may still be sent.
//!
//! Between the commit of an intent and the first byte, the process can be frozen, the machine can sleep, connecting can
//! take long, and an operator can pause. A request that fails the check was provably not sent and goes back to pending.

use std::time::Duration;

use jiff::Timestamp;

use crate::zones::{Calendar, Zone};

/// Maximum time between the commit and the first byte: more than a commit and a usual connection take.
const MAX_DELAY: Duration = Duration::from_secs(5);

/// What is read before the commit of an intent, and again for the final check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Readings {
    /// The wall clock.
    pub now: Timestamp,
    /// Time since the machine was started, including sleep.
    pub since_boot: Duration,
    /// The number of pauses that this process has set.
    pub pauses: u64,
}

/// The conditions under which a request was committed.
#[derive(Debug, Clone)]
pub struct Commitment {
    /// Read before its intent was committed.
    pub readings: Readings,
    /// It must be sent before this instant.
    pub expires_at: Timestamp,
    /// The calling hours of the recipient …
    pub hours: Calendar,
    /// … and the zone that they are read in.
    pub zone: Zone,
}

/// Why the request must not be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unsent {
    /// The process was frozen, the machine slept, the clock was stepped, or connecting was slow.
    #[error("more than 5 s passed between its commit and its first byte")]
    Late,
    /// The calling hours have closed.
    #[error("the calling hours closed before its first byte")]
    Closed,
    /// The reminder has expired.
    #[error("it expired before its first byte")]
    Expired,
    /// Something was paused. Whether it was this schedule is decided when the reminder is taken again.
    #[error("a pause was set before its first byte")]
    Paused,
    /// The `STOP` file exists.
    #[error("the STOP file was created before its first byte")]
    Stopped,
}

impl Commitment {
    /// Compares with `readings` of the moment before the first byte.
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
        } else if stepped > MAX_DELAY || passed > MAX_DELAY {
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
            hours: Calendar::parse(hours).expect("calling hours"),
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
