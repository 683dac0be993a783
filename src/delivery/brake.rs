//! shell: what may stop a request after its intent was committed: both clocks, a pause set in this process, the `STOP` file.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::SenderParts;
use super::final_check::{Commitment, Readings};
use crate::attempt::Intent;
use crate::clock::SharedClock;
use crate::evaluation::machine;
use crate::http::FirstByteCheck;
use crate::ledger::Machine;
use crate::zones::{Calendar, Zones};

/// Read before each commit of intents, and again before each first byte.
pub(super) struct Brake {
    clock: SharedClock,
    zones: Zones,
    stop_file: PathBuf,
    /// The number of pauses set by this process. A running service is the only writer of its ledger, so these are all.
    pauses: AtomicU64,
}

impl Brake {
    pub(super) fn new(parts: &SenderParts) -> Arc<Self> {
        Arc::new(Self {
            clock: Arc::clone(&parts.around.clock),
            zones: parts.around.zones.clone(),
            stop_file: parts.stop_file.clone(),
            pauses: AtomicU64::new(0),
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

    pub(super) fn is_stopped(&self) -> bool {
        self.machine() != Machine::default()
    }

    /// The conditions under which a request of this intent may be sent.
    ///
    /// # Errors
    /// When its calling hours or their zone can't be parsed: then nothing is sent.
    pub(super) fn commitment(&self, intent: &Intent, readings: Readings) -> Result<Commitment, String> {
        Ok(Commitment {
            readings,
            expires_at: intent.expires_at,
            hours: Calendar::parse(&intent.calling_hours)?,
            zone: self.zones.zone_of_row(&intent.recipient_zone).map_err(|error| error.to_string())?,
        })
    }

    /// The check that the HTTP client makes before the first byte.
    pub(super) fn check(self: &Arc<Self>, commitment: Commitment) -> FirstByteCheck {
        let brake = Arc::clone(self);
        Arc::new(move || commitment.check(brake.readings(), brake.is_stopped()).map_err(|unsent| unsent.to_string()))
    }
}
