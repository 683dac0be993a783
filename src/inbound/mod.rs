//! shell: the HTTP server that takes records of calls, with limits of its own: strangers learn nothing and write nothing.
//!
//! It is never the page's server: its address may be reachable by the whole world, through a proxy that speaks TLS.

mod answer;
mod gate;
mod outcome;
mod server;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::verbs::App;

pub use server::{InboundError, InboundServer, bind};

/// What the routes work with.
pub struct Inbound {
    app: Arc<App>,
    is_stopping: AtomicBool,
}

impl Inbound {
    /// Takes records for the schedules of this app.
    #[must_use]
    pub fn new(app: Arc<App>) -> Arc<Self> {
        Arc::new(Self { app, is_stopping: AtomicBool::new(false) })
    }

    /// From now on every request is answered 429: its sender tries again, at the next start.
    pub fn begin_stop(&self) {
        self.is_stopping.store(true, Ordering::Release);
    }
}
