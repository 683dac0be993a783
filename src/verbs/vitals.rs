//! shell: the signs of life that `/healthz` answers by and systemd's watchdog is fed by.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use futures_util::future::{Either, select};

use crate::clock::SharedClock;
use crate::ledger::Ledger;

/// A heartbeat is expected every second; its stand-in comes after five. Without either for so long it is dead.
const LONGEST_SILENCE: Duration = Duration::from_secs(15);

/// A writer that doesn't answer within this time is dead.
const WRITER_PATIENCE: Duration = Duration::from_secs(5);

/// What is seen of the service's life.
pub struct Vitals {
    clock: SharedClock,
    ledger: Arc<Ledger>,
    last_beat_ms: AtomicU64,
    is_ready: AtomicBool,
    is_stand_in: AtomicBool,
}

impl Vitals {
    /// A service that has just begun.
    #[must_use]
    pub fn new(clock: SharedClock, ledger: Arc<Ledger>) -> Self {
        let vitals = Self {
            clock,
            ledger,
            last_beat_ms: AtomicU64::new(0),
            is_ready: AtomicBool::new(false),
            is_stand_in: AtomicBool::new(false),
        };
        vitals.beat();
        vitals
    }

    /// The heart beats.
    pub fn beat(&self) {
        let now = u64::try_from(self.clock.monotonic().as_millis()).unwrap_or(u64::MAX);
        self.last_beat_ms.store(now, Ordering::Relaxed);
    }

    /// How long no beat came (monotonic).
    #[must_use]
    pub fn silence(&self) -> Duration {
        self.clock.monotonic().saturating_sub(Duration::from_millis(self.last_beat_ms.load(Ordering::Relaxed)))
    }

    /// The scheduler fell silent: a plain timer beats in its place from now on.
    pub fn set_stand_in(&self) {
        self.is_stand_in.store(true, Ordering::Relaxed);
    }

    /// Whether a plain timer beats in the scheduler's place: a fault, and not the end.
    #[must_use]
    pub fn is_stand_in(&self) -> bool {
        self.is_stand_in.load(Ordering::Relaxed)
    }

    /// The folder was read.
    pub fn set_ready(&self) {
        self.is_ready.store(true, Ordering::Relaxed);
    }

    /// Why the service is not ready; `None` once the folder was read, while the ledger can be written.
    #[must_use]
    pub fn unready(&self) -> Option<String> {
        if !self.is_ready.load(Ordering::Relaxed) {
            return Some("the folder of schedules was not read yet".to_owned());
        }
        self.ledger.writing().failure
    }

    /// Whether heartbeat and writer both live, whatever schedules are refused or paused.
    pub async fn are_live(&self) -> bool {
        if self.silence() > LONGEST_SILENCE {
            return false;
        }
        match select(std::pin::pin!(self.ledger.is_alive()), self.clock.sleep(WRITER_PATIENCE)).await {
            Either::Left((answers, _)) => answers,
            Either::Right(_) => false,
        }
    }
}
