//! shell: the HTTP server that takes records of calls, with limits of its own: strangers learn nothing and write nothing.
//!
//! It is never the page's server: its address may be reachable by the whole world, through a proxy that speaks TLS.

mod answer;
mod gate;
mod outcome;
mod server;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::verbs::App;

pub use server::{InboundError, InboundServer, bind};

/// What the routes work with.
pub struct Inbound {
    app: Arc<App>,
    is_stopping: AtomicBool,
    counts: InboundCounts,
}

/// Requests since the start.
#[derive(Debug, Default)]
pub struct InboundCounts {
    accepted: AtomicU64,
    refused: AtomicU64,
}

impl Inbound {
    /// Takes records for the schedules of this app.
    #[must_use]
    pub fn new(app: Arc<App>) -> Arc<Self> {
        Arc::new(Self { app, is_stopping: AtomicBool::new(false), counts: InboundCounts::default() })
    }

    /// From now on every request is answered 429: its sender tries again, at the next start.
    pub fn begin_stop(&self) {
        self.is_stopping.store(true, Ordering::Release);
    }

    /// Requests that were taken, and those that were refused.
    #[must_use]
    pub fn counts(&self) -> (u64, u64) {
        (self.counts.accepted.load(Ordering::Relaxed), self.counts.refused.load(Ordering::Relaxed))
    }
}
