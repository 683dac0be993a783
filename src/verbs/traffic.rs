//! shell: what the server of records and requests has answered since the start: for `status` and metrics.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Counts that the server keeps.
#[derive(Debug, Default)]
pub struct Traffic {
    listen: OnceLock<SocketAddr>,
    accepted: AtomicU64,
    refused: AtomicU64,
    /// For each schedule that accepts no new requests, until when (UTC).
    floods: Mutex<BTreeMap<String, Timestamp>>,
}

/// The same, as `status` shows it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrafficStatus {
    /// Where it listens; null when it is off, or in a process that is no service.
    pub listen: Option<String>,
    /// Requests that were taken.
    pub accepted: u64,
    /// Requests that were refused.
    pub refused: u64,
}

impl Traffic {
    /// Notes the address at which the server listens from now on.
    pub fn listens(&self, at: SocketAddr) {
        // once for a process
        let _known = self.listen.set(at);
    }

    /// Counts one answer.
    pub fn count(&self, is_accepted: bool) {
        let counter = if is_accepted { &self.accepted } else { &self.refused };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// A schedule accepts no new requests until then (UTC).
    pub fn floods_until(&self, schedule: &str, until: Timestamp) {
        self.flooded().insert(schedule.to_owned(), until);
    }

    /// The schedules that accept no new requests at `now` (UTC).
    #[must_use]
    pub fn floods(&self, now: Timestamp) -> Vec<String> {
        let mut flooded = self.flooded();
        flooded.retain(|_, until| *until > now);
        flooded.keys().cloned().collect()
    }

    fn flooded(&self) -> MutexGuard<'_, BTreeMap<String, Timestamp>> {
        self.floods.lock().expect("no holder of this lock can panic")
    }

    /// The counts so far.
    #[must_use]
    pub fn status(&self) -> TrafficStatus {
        TrafficStatus {
            listen: self.listen.get().map(ToString::to_string),
            accepted: self.accepted.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
        }
    }
}
