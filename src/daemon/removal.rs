//! shell: schedules whose files are gone: their pending reminders are cancelled in the ledger.

use super::runs::{ACTOR, Daemon};
use crate::ledger::{LedgerError, LedgerResult};

impl Daemon {
    /// Forgets these schedules and cancels their pending reminders. Returns those that the ledger could not remove.
    pub(super) async fn remove(&self, names: &[String], actor: &str) -> Vec<(String, LedgerError)> {
        let mut failed = Vec::new();
        for name in names {
            self.queue().remove(name);
            self.notifier.forget_schedule(name);
            self.of_runs().retain(|(_, schedule), _| schedule != name);
            match self.ledger.remove_schedule(name, self.now(), actor).await {
                Ok(cancelled) => tracing::warn!(schedule = name, cancelled, "the schedule's file is gone"),
                Err(error) => {
                    self.note_ledger_failure(&error.to_string());
                    failed.push((name.clone(), error));
                }
            }
        }
        failed
    }

    /// Removes the schedules whose files were deleted while the service was not running. Called once, after the first
    /// load.
    ///
    /// # Errors
    /// When the ledger can't be read or written.
    pub async fn remove_forgotten(&self) -> LedgerResult<()> {
        let folder = self.app.folder();
        let known = self.ledger.schedules(None).await?.into_iter().map(|standing| standing.name);
        let gone: Vec<String> =
            known.filter(|name| !folder.schedules.contains_key(name) && !folder.refuses(name)).collect();
        match self.remove(&gone, ACTOR).await.into_iter().next() {
            Some((_, error)) => Err(error),
            None => Ok(()),
        }
    }
}
