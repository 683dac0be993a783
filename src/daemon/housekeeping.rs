//! shell: what is done every now and then: expiry, retention, the line for `systemctl status`.

use std::sync::Arc;
use std::time::Duration;

use super::runs::Daemon;
use super::systemd;
use crate::ledger::Prune;

/// Expiry of reminders whose schedule isn't loaded, and the status line.
const ROUND: Duration = Duration::from_secs(60);

/// Retention counts in days; once an hour spreads its work.
const ROUNDS_TO_PRUNE: u32 = 60;

/// Keeps house until it is dropped.
pub async fn keep(daemon: Arc<Daemon>) {
    let mut rounds = 0_u32;
    loop {
        daemon.expire().await;
        if rounds.is_multiple_of(ROUNDS_TO_PRUNE) {
            daemon.prune().await;
        }
        systemd::status(&daemon.status_line());
        rounds = rounds.wrapping_add(1);
        daemon.house.around.clock.sleep(ROUND).await;
    }
}

impl Daemon {
    async fn expire(&self) {
        if let Err(error) = self.ledger.expire(self.now()).await {
            self.ledger_ails(&error.to_string());
        }
    }

    /// Under `--now` nothing is purged: a wrong date would purge everything.
    async fn prune(&self) {
        let clock = &self.house.around.clock;
        if clock.is_shifted() || !crate::evaluation::clock_is_set(clock.as_ref()) {
            return;
        }
        let (now, settings) = (clock.now(), &self.house.settings);
        let (Ok(payloads_before), Ok(audit_before)) =
            (now.checked_sub(settings.keep_payloads), now.checked_sub(settings.keep_audit))
        else {
            return;
        };
        match self.ledger.prune(Prune { payloads_before, audit_before, now }).await {
            Ok(pruned) if pruned.payloads + pruned.audit_rows > 0 => {
                tracing::info!(
                    payloads = pruned.payloads,
                    audit_rows = pruned.audit_rows,
                    "what is too old was removed"
                );
            }
            Ok(_nothing) => {}
            Err(error) => self.ledger_ails(&error.to_string()),
        }
    }
}
