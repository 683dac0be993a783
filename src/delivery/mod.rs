//! shell: the sender: take intents → send → classify → settle.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::evaluation::Surroundings;
use crate::ledger::LedgerResult;
use crate::schedule::Schedule;
use crate::settings::Account;

/// Sends what is due. One for a process; its lanes are the schedules it was given last.
pub struct Sender {
    _around: Surroundings,
}

/// What a sender is made of.
pub struct SenderParts {
    /// Clock, ledger, the one way out. `around.ledger` is there.
    pub around: Surroundings,
    /// By name.
    pub accounts: BTreeMap<String, Account>,
    /// While this file exists no intent is taken.
    pub stop_file: PathBuf,
    /// Who the audit says it was: `service` or `trigger`.
    pub actor: String,
}

/// What `deliver` is about.
#[derive(Debug, Clone)]
pub struct Scope {
    /// That schedule.
    pub schedule: String,
    /// That appointment alone.
    pub only: Option<String>,
}

impl Sender {
    /// A sender without schedules.
    #[must_use]
    pub fn new(parts: SenderParts) -> Arc<Self> {
        Arc::new(Self { _around: parts.around })
    }

    /// The schedules that may send from now on (their targets are opened, problems are told in the log and by
    /// [`Sender::problems`]).
    pub fn set_schedules(&self, _schedules: &BTreeMap<String, Arc<Schedule>>) {
        todo!()
    }

    /// Schedules whose target can't be opened, and why.
    #[must_use]
    pub fn problems(&self) -> BTreeMap<String, String> {
        todo!()
    }

    /// Something new may be due: look at once.
    pub fn nudge(&self) {
        todo!()
    }

    /// Delivers until `stop` turns true; then takes no new intents, lets requests in flight end, settles them, returns.
    pub async fn run(&self, _stop: watch::Receiver<bool>) {
        todo!()
    }

    /// Delivers what of `scope` is due now, until each is settled or not due within `wait` (UTC clock time from now).
    /// While [`Sender::run`] is at work in the same process this only waits for it.
    ///
    /// # Errors
    /// When the ledger fails: nothing more is sent.
    pub async fn deliver(&self, _scope: &Scope, _wait: Duration) -> LedgerResult<()> {
        todo!()
    }
}
