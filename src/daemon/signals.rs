//! shell: SIGHUP reads the folder again, SIGTERM and SIGINT stop the service, a second one ends it at once.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// What a signal asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignalRequest {
    /// Read the folder again.
    Reload,
    /// Stop; the signal's number.
    Stop(i32),
}

/// The signals that the service handles.
pub struct Signals {
    hangup: Signal,
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Installs the handlers.
    ///
    /// # Errors
    /// When the operating system refuses.
    pub fn listen() -> io::Result<Self> {
        Ok(Self {
            hangup: signal(SignalKind::hangup())?,
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Waits for the next signal.
    pub async fn next(&mut self) -> SignalRequest {
        tokio::select! {
            _ = self.hangup.recv() => SignalRequest::Reload,
            _ = self.terminate.recv() => SignalRequest::Stop(SignalKind::terminate().as_raw_value()),
            _ = self.interrupt.recv() => SignalRequest::Stop(SignalKind::interrupt().as_raw_value()),
        }
    }

    /// Ends the process at once when a second signal to stop comes during the shutdown. For the ledger this is a crash.
    pub async fn end_at_second(&mut self) {
        loop {
            match self.next().await {
                SignalRequest::Reload => {}
                SignalRequest::Stop(number) => {
                    tracing::error!("a second signal: the service ends at once");
                    std::process::exit(128 + number);
                }
            }
        }
    }
}
