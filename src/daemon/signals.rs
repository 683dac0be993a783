//! shell: SIGHUP reads the folder again, SIGTERM and SIGINT stop the service, a second one ends it at once.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// What a signal asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// Read the folder again.
    Reload,
    /// Stop, by that signal's number.
    Stop(i32),
}

/// The signals the service listens to.
pub struct Signals {
    hangup: Signal,
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Listens from now on.
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

    /// The next one.
    pub async fn next(&mut self) -> Wish {
        tokio::select! {
            _ = self.hangup.recv() => Wish::Reload,
            _ = self.terminate.recv() => Wish::Stop(SignalKind::terminate().as_raw_value()),
            _ = self.interrupt.recv() => Wish::Stop(SignalKind::interrupt().as_raw_value()),
        }
    }

    /// After a first stop: ends the process at the second, as a crash would. The ledger copes.
    pub async fn end_at_second(&mut self) {
        loop {
            match self.next().await {
                Wish::Reload => {}
                Wish::Stop(number) => {
                    tracing::error!("a second signal: the service ends at once");
                    std::process::exit(128 + number);
                }
            }
        }
    }
}
