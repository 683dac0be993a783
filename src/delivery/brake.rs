//! shell: what stops a request that is committed already: both clocks, a pause set in this process, the `STOP` file.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::SenderParts;
use super::last_look::{Commitment, Readings};
use crate::attempt::Intent;
use crate::clock::SharedClock;
use crate::evaluation::machine;
use crate::http::FirstByteCheck;
use crate::ledger::Machine;
use crate::zones::{CallingHours, Zones};

/// Read at each intent and before each first byte.
pub(super) struct Brake {
    clock: SharedClock,
    zones: Zones,
    stop_file: PathBuf,
    /// While a service runs it alone writes the ledger, so this process has set every pause.
    pauses: AtomicU64,
}

impl Brake {
    pub(super) fn of(parts: &SenderParts) -> Arc<Self> {
        Arc::new(Self {
            clock: Arc::clone(&parts.around.clock),
            zones: parts.around.zones.clone(),
            stop_file: parts.stop_file.clone(),
            pauses: AtomicU64::new(0),
        })
    }

    /// A pause was committed: what is on its way to its first byte is held back, whatever it is paused for.
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

    /// What of this machine keeps everybody from being called.
    pub(super) fn machine(&self) -> Machine {
        machine(&self.stop_file, self.clock.as_ref())
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.machine() != Machine::default()
    }

    /// What a request of this intent is committed under.
    ///
    /// # Errors
    /// When its hours or their zone can't be read any more: then nothing is sent.
    pub(super) fn commitment(&self, intent: &Intent, readings: Readings) -> Result<Commitment, String> {
        Ok(Commitment {
            readings,
            expires_at: intent.expires_at,
            hours: CallingHours::parse(&intent.calling_hours)?,
            zone: self.zones.zone_of_row(&intent.recipient_zone).map_err(|error| error.to_string())?,
        })
    }

    /// The last look, for the way out.
    pub(super) fn check(self: &Arc<Self>, commitment: Commitment) -> FirstByteCheck {
        let brake = Arc::clone(self);
        Arc::new(move || commitment.check(brake.readings(), brake.is_stopped()).map_err(|unsent| unsent.to_string()))
    }
}
