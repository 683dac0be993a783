//! shell: the state of the service that `/healthz`, `/readyz` and systemd's watchdog use.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use futures_util::future::{Either, select};

use crate::clock::SharedClock;
use crate::ledger::Ledger;

/// Maximum time without a tick. Ticks come every second; after five without one a timer replaces the scheduler.
const TICK_TIMEOUT: Duration = Duration::from_secs(15);

/// Maximum time in which the ledger's writer must respond.
const WRITER_TIMEOUT: Duration = Duration::from_secs(5);

/// Whether the service is alive and ready.
pub struct Vitals {
    clock: SharedClock,
    ledger: Arc<Ledger>,
    last_tick_ms: AtomicU64,
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
            last_tick_ms: AtomicU64::new(0),
            is_ready: AtomicBool::new(false),
            is_stand_in: AtomicBool::new(false),
        };
        vitals.tick();
        vitals
    }

    /// Records a tick.
    pub fn tick(&self) {
        let now = u64::try_from(self.clock.monotonic().as_millis()).unwrap_or(u64::MAX);
        self.last_tick_ms.store(now, Ordering::Relaxed);
    }

    /// The time since the last tick (monotonic).
    #[must_use]
    pub fn silence(&self) -> Duration {
        self.clock.monotonic().saturating_sub(Duration::from_millis(self.last_tick_ms.load(Ordering::Relaxed)))
    }

    /// A plain timer has replaced the scheduler.
    pub fn set_stand_in(&self) {
        self.is_stand_in.store(true, Ordering::Relaxed);
    }

    /// Whether a plain timer has replaced the scheduler.
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

    /// Whether ticks come and the ledger's writer responds.
    pub async fn are_live(&self) -> bool {
        if self.silence() > TICK_TIMEOUT {
            return false;
        }
        match select(std::pin::pin!(self.ledger.is_alive()), self.clock.sleep(WRITER_TIMEOUT)).await {
            Either::Left((responds, _)) => responds,
            Either::Right(_) => false,
        }
    }
}
