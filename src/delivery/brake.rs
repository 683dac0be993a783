//! shell: what may stop a request after its intent was committed: both clocks, a pause set in this process, the `STOP` file.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::SenderParts;
use super::final_check::{Commitment, Readings};
use crate::attempt::Intent;
use crate::clock::SharedClock;
use crate::evaluation::machine;
use crate::http::FirstByteCheck;
use crate::ledger::Machine;
use crate::zones::{Calendars, Zones};

/// How long it is taken for granted that there is no `STOP` file, after one was searched for: a thousandth of the time that
/// somebody needs to create one, and hundreds of requests may begin meanwhile.
const NO_STOP_FOR: Duration = Duration::from_millis(1);

/// Read before each commit of intents, and again before each first byte.
pub(super) struct Brake {
    clock: SharedClock,
    zones: Zones,
    stop_file: PathBuf,
    /// The number of pauses set by this process. A running service is the only writer of its ledger, so these are all.
    pauses: AtomicU64,
    /// Nanoseconds from the machine's start until nothing last stopped a request.
    free_at: AtomicU64,
    calendars: Calendars,
}

impl Brake {
    pub(super) fn new(parts: &SenderParts) -> Arc<Self> {
        Arc::new(Self {
            clock: Arc::clone(&parts.env.clock),
            zones: parts.env.zones.clone(),
            stop_file: parts.stop_file.clone(),
            pauses: AtomicU64::new(0),
            free_at: AtomicU64::new(0),
            calendars: Calendars::default(),
        })
    }

    /// A pause was committed: requests that have not sent their first byte are held back, whatever was paused.
    pub(super) fn pause_was_set(&self) {
        self.pauses.fetch_add(1, Ordering::AcqRel);
    }

    pub(super) fn readings(&self) -> Readings {
        Readings {
            now: self.clock.now(),
            since_boot: self.clock.since_boot(),
            pauses: self.pauses.load(Ordering::Acquire),
        }
    }

    /// The conditions of this machine under which nobody is called.
    pub(super) fn machine(&self) -> Machine {
        machine(&self.stop_file, self.clock.as_ref())
    }

    fn is_stopped(&self) -> bool {
        self.machine() != Machine::default()
    }

    /// The same before a first byte, with the time since the machine was started.
    fn is_stopped_at(&self, since_boot: Duration) -> bool {
        let now = u64::try_from(since_boot.as_nanos()).unwrap_or(u64::MAX);
        let age = now.wrapping_sub(self.free_at.load(Ordering::Acquire));
        // a clock that stands still says nothing about an age
        if age > 0 && u128::from(age) < NO_STOP_FOR.as_nanos() {
            return false;
        }
        let is_stopped = self.is_stopped();
        if !is_stopped {
            self.free_at.store(now, Ordering::Release);
        }
        is_stopped
    }

    /// The conditions under which a request of this intent may be sent.
    ///
    /// # Errors
    /// When its calling hours or their zone can't be parsed: then nothing is sent.
    pub(super) fn commitment(&self, intent: &Intent, readings: Readings) -> Result<Commitment, String> {
        Ok(Commitment {
            readings,
            expires_at: intent.expires_at,
            hours: self.calendars.of(&intent.calling_hours)?,
            zone: self.zones.zone_of_row(&intent.recipient_zone).map_err(|error| error.to_string())?,
        })
    }

    /// The check that the HTTP client makes before the first byte.
    pub(super) fn check(self: &Arc<Self>, commitment: Commitment) -> FirstByteCheck {
        let brake = Arc::clone(self);
        Arc::new(move || {
            let readings = brake.readings();
            let is_stopped = brake.is_stopped_at(readings.since_boot);
            commitment.check(readings, is_stopped).map_err(|unsent| unsent.to_string())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;

    fn brake(stop_file: PathBuf) -> Brake {
        Brake {
            clock: Arc::new(ManualClock::starting_at("2026-11-24T14:00:00Z".parse().expect("an instant"))),
            zones: Zones::bundled(),
            stop_file,
            pauses: AtomicU64::new(0),
            free_at: AtomicU64::new(0),
            calendars: Calendars::default(),
        }
    }

    #[test]
    fn a_stop_file_is_seen_within_a_millisecond_and_at_once_by_a_clock_that_stands_still() {
        let folder = tempfile::tempdir().expect("a folder");
        let stop_file = folder.path().join("STOP");
        let brake = brake(stop_file.clone());
        let hour = Duration::from_secs(3_600);
        assert!(!brake.is_stopped_at(hour));
        std::fs::write(&stop_file, "").expect("a stop file");
        assert!(!brake.is_stopped_at(hour + Duration::from_micros(999)), "not searched for again yet");
        assert!(brake.is_stopped_at(hour), "no time has passed");
        assert!(brake.is_stopped_at(hour + NO_STOP_FOR));
        assert!(
            brake.is_stopped_at(hour + Duration::from_micros(1_001)),
            "a file that was found is never assumed away"
        );
        std::fs::remove_file(&stop_file).expect("it goes");
        assert!(!brake.is_stopped_at(hour + 2 * NO_STOP_FOR));
    }
}
