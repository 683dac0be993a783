//! pure: compares each tick with the one before: whether the wall clock was stepped or the process was suspended.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// The greatest difference between the wall clock and monotonic time that NTP makes by slewing the clock; more is a step.
const MAX_SLEW: SignedDuration = SignedDuration::from_secs(2);

/// Ticks come every second. After a longer gap, the service did not observe what came due in it.
const MAX_GAP: Duration = Duration::from_secs(30);

/// What happened since the tick before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TickGap {
    /// Nothing unusual.
    Regular,
    /// The process did not run for this time.
    Suspended(Duration),
    /// The wall clock was stepped by this time (negative: back), or the machine slept.
    ClockStepped(SignedDuration),
}

/// Compares each tick with the one before.
#[derive(Debug, Clone, Copy)]
pub struct TickMonitor {
    last: (Timestamp, Duration),
    ticking_since: Timestamp,
}

impl TickMonitor {
    /// Begins at this instant (wall clock and monotonic).
    #[must_use]
    pub const fn starting_at(now: Timestamp, monotonic: Duration) -> Self {
        Self { last: (now, monotonic), ticking_since: now }
    }

    /// Records a tick; returns what happened since the tick before.
    pub fn tick(&mut self, now: Timestamp, monotonic: Duration) -> TickGap {
        let (last_now, last_monotonic) = self.last;
        self.last = (now, monotonic);
        let passed = monotonic.saturating_sub(last_monotonic);
        let step = last_now.duration_until(now) - SignedDuration::try_from(passed).unwrap_or(SignedDuration::MAX);
        let gap = if step.abs() > MAX_SLEW {
            TickGap::ClockStepped(step)
        } else if passed > MAX_GAP {
            TickGap::Suspended(passed)
        } else {
            return TickGap::Regular;
        };
        self.ticking_since = now;
        gap
    }

    /// The first tick after the last break.
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
            ("a tick", "09:00:01", seconds(1), TickGap::Regular),
            ("a slew", "09:00:02", seconds(1), TickGap::Regular),
            ("suspended", "09:02:00", seconds(120), TickGap::Suspended(seconds(120))),
            ("forward", "10:00:01", seconds(1), TickGap::ClockStepped(SignedDuration::from_hours(1))),
            ("back", "08:00:01", seconds(1), TickGap::ClockStepped(SignedDuration::from_hours(-1))),
        ];
        for (case, now, monotonic, gap) in cases {
            let mut monitor = TickMonitor::starting_at(day("09:00:00"), Duration::ZERO);
            assert_eq!(monitor.tick(day(now), monotonic), gap, "{case}");
            let since = if gap == TickGap::Regular { "09:00:00" } else { now };
            assert_eq!(monitor.ticking_since(), day(since), "{case}");
        }
    }
}
