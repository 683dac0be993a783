//! shell: periodic work: expiry, retention, the line for `systemctl status`.

use std::sync::Arc;
use std::time::Duration;

use super::runs::Daemon;
use super::systemd;
use crate::ledger::{Outbox, Pruned};
use crate::verbs::{VerbError, audit};

/// How often reminders of schedules that aren't loaded expire, and the status line is updated.
const CHECK_INTERVAL: Duration = Duration::from_secs(60);

/// The number of rounds between two removals of what is too old: an hour.
const ROUNDS_TO_PRUNE: u32 = 60;

/// Runs until it is dropped.
pub async fn keep(daemon: Arc<Daemon>) {
    let mut rounds = 0_u32;
    loop {
        daemon.expire().await;
        if rounds.is_multiple_of(ROUNDS_TO_PRUNE) {
            daemon.prune().await;
        }
        systemd::status(&daemon.status_line());
        rounds = rounds.wrapping_add(1);
        daemon.app.env.clock.sleep(CHECK_INTERVAL).await;
    }
}

impl Daemon {
    async fn expire(&self) {
        match self.ledger.expire(self.now()).await {
            Ok(0) => {}
            Ok(expired) => tracing::warn!(expired, "reminders expired before they could be sent"),
            Err(error) => self.note_ledger_failure(&error.to_string()),
        }
    }

    /// Applies the retention, unless the clock may be wrong (`--now` is given, or it was never set).
    async fn prune(&self) {
        match audit::prune(&self.app).await {
            Ok(pruned) if pruned.payloads + pruned.audit_rows > 0 => {
                tracing::info!(payloads = pruned.payloads, audit_rows = pruned.audit_rows, "old rows were removed");
            }
            Ok(Pruned { .. }) | Err(VerbError::Unsafe(_)) => {}
            Err(error) => self.note_ledger_failure(&error.to_string()),
        }
    }
}
