//! pure: what the wall clock did between two ticks of the heartbeat: stepped, or the process was suspended.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// Up to this difference between wall clock and monotonic time, NTP has slewed the clock: no step.
const SLEW: SignedDuration = SignedDuration::from_secs(2);

/// Ticks come every second; after a longer break, what came due meanwhile passed unwatched.
const AWAY: Duration = Duration::from_secs(30);

/// What happened between two ticks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rhythm {
    /// Nothing unusual.
    Steady,
    /// The process did not run for so long.
    Away(Duration),
    /// The wall clock was stepped by so much (negative: back), or the machine slept.
    Jumped(SignedDuration),
}

/// Compares each tick with the one before.
#[derive(Debug, Clone, Copy)]
pub struct Pulse {
    last: (Timestamp, Duration),
    ticking_since: Timestamp,
}

impl Pulse {
    /// Starts at this instant (wall clock and monotonic).
    #[must_use]
    pub const fn starting_at(now: Timestamp, monotonic: Duration) -> Self {
        Self { last: (now, monotonic), ticking_since: now }
    }

    /// Takes one tick; answers what happened since the last.
    pub fn beat(&mut self, now: Timestamp, monotonic: Duration) -> Rhythm {
        let (last_now, last_monotonic) = self.last;
        self.last = (now, monotonic);
        let passed = monotonic.saturating_sub(last_monotonic);
        let step = last_now.duration_until(now) - SignedDuration::try_from(passed).unwrap_or(SignedDuration::MAX);
        let rhythm = if step.abs() > SLEW {
            Rhythm::Jumped(step)
        } else if passed > AWAY {
            Rhythm::Away(passed)
        } else {
            return Rhythm::Steady;
        };
        self.ticking_since = now;
        rhythm
    }

    /// Since when the ticks have come without a break (UTC).
    #[must_use]
    pub const fn ticking_since(&self) -> Timestamp {
        self.ticking_since
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(clock: &str) -> Timestamp {
        format!("2026-11-24T{clock}Z").parse().expect("a valid instant")
    }

    #[test]
    fn a_step_of_the_clock_differs_from_a_slew_and_from_a_suspended_process() {
        let seconds = Duration::from_secs;
        let cases = [
            ("a beat", "09:00:01", seconds(1), Rhythm::Steady),
            ("a slew", "09:00:02", seconds(1), Rhythm::Steady),
            ("stood still", "09:02:00", seconds(120), Rhythm::Away(seconds(120))),
            ("forward", "10:00:01", seconds(1), Rhythm::Jumped(SignedDuration::from_hours(1))),
            ("back", "08:00:01", seconds(1), Rhythm::Jumped(SignedDuration::from_hours(-1))),
        ];
        for (told, now, monotonic, rhythm) in cases {
            let mut pulse = Pulse::starting_at(day("09:00:00"), Duration::ZERO);
            assert_eq!(pulse.beat(day(now), monotonic), rhythm, "{told}");
            let since = if rhythm == Rhythm::Steady { "09:00:00" } else { now };
            assert_eq!(pulse.ticking_since(), day(since), "{told}");
        }
    }
}
