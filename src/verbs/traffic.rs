//! shell: what the server of records has answered since the start: for `status` and metrics.

use std::net::SocketAddr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

/// Counts that the server keeps.
#[derive(Debug, Default)]
pub struct Traffic {
    listen: OnceLock<SocketAddr>,
    accepted: AtomicU64,
    refused: AtomicU64,
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
    /// It listens there from now on.
    pub fn listens(&self, at: SocketAddr) {
        // once for a process
        let _known = self.listen.set(at);
    }

    /// Counts one answer.
    pub fn count(&self, is_accepted: bool) {
        let counter = if is_accepted { &self.accepted } else { &self.refused };
        counter.fetch_add(1, Ordering::Relaxed);
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
