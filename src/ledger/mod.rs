//! shell: what was planned, tried and settled: nobody is phoned twice by accident, nobody is forgotten in silence.
//!
//! | file | what it holds |
//! |---|---|
//! | [`asks`] | what the ledger is asked and answers, by subject |
//! | [`life`], [`reconcile`], [`gate`], [`runs`], [`held_runs`], [`outcomes`], [`retries`], [`write_backs`], [`inbox`], [`canaries`], `effects`, `schedules` | pure decisions, which answer a [`change::Change`] |
//! | [`chain`], [`walk`], [`rate`], [`openings`] | pure: the hash chain and its check, the rate limit, calling hours |
//! | `verbs` | each verb: load what a decision needs, decide, write its answer |
//! | [`store`] | what a database must be able to do inside one transaction |
//! | `writer` | group commit over any store |
//! | [`questions`] | every question, once: [`Questions`] asks it, a store answers it |
//! | [`opened`] | the opened [`Ledger`]: the four traits below, over a writer and a store's answers |
//! | [`sqlite`], [`memory`] | two stores: a file, and plain maps |
//!
//! Every verb that changes something commits before it answers, together with the rows of the audit log that report it: no
//! audit, no call.
//!
//! # Who sees what
//!
//! Asking is free, changing is by subject:
//!
//! | whoever … | holds | and can |
//! |---|---|---|
//! | only looks (alerts, exports, the inbox as a source) | [`Questions`] | ask everything, change nothing |
//! | evaluates | `dyn` [`Runs`] | ask, and change runs and requests |
//! | sends | `dyn` [`Outbox`] | ask, and change reminders and what keeps them from being sent |
//! | learns what became of calls | [`Outcomes`] | ask, and write reports, canaries and write-backs |
//! | reports itself, or removes what is old | [`Log`] | ask, append and prune |
//! | performs a person's verbs, opens and closes the ledger | [`Ledger`] | all of that, and what concerns the ledger as a whole: which schedules there are, recovery, loss, erasing a person, copies, whether it works |
//!
//! A file sees the verbs of the traits that it imports. A question is in no trait of these four, so that it has three places
//! and not five: its line in [`questions`] and the answers of the two stores. A verb has three as well: its line below, its
//! transaction in `verbs`, and the line in [`opened`] that sends it to the writer. The traits have one implementation; they
//! are there to show what a caller can change, not to be replaced. What is replaced is the store, below the verbs.

use std::ops::Deref;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::audit::Entry;
use crate::reminder::RunId;
use crate::settings::Rate;

pub mod asks;
pub mod canaries;
pub mod chain;
pub mod change;
pub mod doubt;
mod effects;
pub mod gate;
pub mod held_runs;
pub mod inbox;
pub mod life;
pub mod memory;
pub mod opened;
pub mod openings;
pub mod outcomes;
pub mod questions;
pub mod rate;
pub mod reconcile;
pub mod retries;
pub mod returning;
pub mod runs;
mod schedules;
pub mod sqlite;
pub mod store;
mod verbs;
pub mod walk;
pub mod witness;
pub mod write_backs;
mod writer;
mod writing;

pub use crate::attempt::{Effect, Intent, SettleTo, Settlement, Step};
pub use asks::*;
pub use gate::{Holds, Machine};
pub use opened::Ledger;
pub use questions::Questions;
pub use witness::{AcceptLoss, Loss};
pub use writing::Writing;

/// Why the ledger could not do it. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    /// Another process holds it (exit 75).
    #[error("{0}")]
    Busy(String),
    /// The disk is full, the file is damaged or can't be written; the remedy is in the text.
    #[error("{0}")]
    Storage(String),
    /// Written by a newer version.
    #[error("{0}")]
    NewerSchema(String),
    /// Opened for reading only.
    #[error("the ledger was opened for reading only")]
    ReadOnly,
    /// There is no such reminder, run or schedule, or it isn't in a state that allows this.
    #[error("{0}")]
    Refused(String),
}

/// What every verb answers.
pub type LedgerResult<T> = Result<T, LedgerError>;

/// Runs, and the requests that are posted to schedules.
#[async_trait]
pub trait Runs: Deref<Target = Questions> + Send + Sync {
    /// A run begins: row and audit, and for the cron's runs the cursor. `None`: this nominal time was evaluated before.
    async fn begin_run(&self, start: RunStart) -> LedgerResult<Option<RunId>>;
    /// A run's source was read: its plan is reconciled, in one transaction with the run's row and its audit rows.
    async fn record_run(&self, record: RunRecord) -> LedgerResult<RecordedRun>;
    /// A person ends a run that a guard holds. Returns it as it is then.
    async fn reject_run(&self, reject: RejectRun) -> LedgerResult<RunRow>;
    /// Records nominal times that are not evaluated (missed, paused, overlap), or moves the cursor back with the clock.
    async fn pass_over(&self, passed: PassedOver) -> LedgerResult<()>;
    /// Judges a request by its schedule's rules and keeps it, with its run and its reminder, in one transaction.
    async fn take_post(&self, post: TakePost) -> LedgerResult<PostTaken>;
    /// Withdraws a request: nobody is to be called for it any more.
    async fn withdraw(&self, withdraw: Withdraw) -> LedgerResult<Withdrawal>;
}

/// Reminders on their way out, and what keeps them from it.
#[async_trait]
pub trait Outbox: Deref<Target = Questions> + Send + Sync {
    /// Settles each attempt by compare-and-set, then commits intents for what may be sent now where that is asked for, all
    /// in one transaction: what ends makes room for what begins with the same commit. The sends follow at once.
    async fn exchange(&self, ended: Arc<[Settlement]>, ask: Option<TakeIntents>) -> LedgerResult<SettledAndTaken>;
    /// Asks the gate about one request of a test call, and takes a slot of its account's rate for it.
    async fn admit_test(&self, ask: TestAsk) -> LedgerResult<TestSlot>;
    /// Records the effect of an answer to a test call on its account and its target, as for a reminder.
    async fn take_test_answer(&self, answered: TestAnswered) -> LedgerResult<()>;
    /// Takes one slot of an account's rate for a request that is no reminder's: `None` if it may start now, else the time
    /// before which it may not (UTC).
    async fn take_slot(&self, account: &str, rate: Rate, now: Timestamp) -> LedgerResult<Option<Timestamp>>;
    /// Lets pending reminders past their expiry become `expired`, also those of schedules that aren't loaded. Returns how many.
    async fn expire(&self, now: Timestamp) -> LedgerResult<u64>;
    /// A person decides about one reminder; returns it as it is then.
    async fn by_hand(&self, decision: ByHand) -> LedgerResult<ReminderRow>;
    /// Pauses a schedule or everything, or lifts a pause.
    async fn hold(&self, change: HoldChange) -> LedgerResult<()>;
    /// Puts numbers on a list of all schedules and cancels what is pending to them, or takes them off it.
    async fn opt_out(&self, change: OptOutChange) -> LedgerResult<OptOutsChanged>;
}

/// What became of calls.
#[async_trait]
pub trait Outcomes: Deref<Target = Questions> + Send + Sync {
    /// A record of a call: matched to its reminder, kept, and applied to it, once.
    async fn take_report(&self, record: RecordedCall) -> LedgerResult<ReportTaken>;
    /// Records accepted calls without an outcome as `unreported`. Returns how many.
    async fn pass_unreported(&self, unreported: Unreported) -> LedgerResult<u64>;
    /// A person has somebody called again; returns the new reminders.
    async fn call_again(&self, again: CallAgain) -> LedgerResult<Vec<ReminderRow>>;
    /// A canary is about to be sent.
    async fn begin_canary(&self, begin: BeginCanary) -> LedgerResult<()>;
    /// What its request came to.
    async fn settle_canary(&self, ended: SettledCanary) -> LedgerResult<()>;
    /// Canaries whose time to be heard is over are silent; returns those of schedules.
    async fn pass_canaries(&self, now: Timestamp, actor: &str) -> LedgerResult<Vec<CanaryRow>>;
    /// How an attempt to write an outcome ended; `false`: it doesn't wait any more.
    async fn settle_write_back(&self, ended: SettledWriteBack) -> LedgerResult<bool>;
    /// A person has seen that outcomes could not be written; returns those write-backs.
    async fn acknowledge_write_backs(&self, ask: AcknowledgeWriteBacks) -> LedgerResult<Vec<WriteBackRow>>;
}

/// The audit log.
#[async_trait]
pub trait Log: Deref<Target = Questions> + Send + Sync {
    /// Writes entries that report nothing but themselves (service, config, clock, export).
    async fn append(&self, entries: Vec<Entry<'static>>) -> LedgerResult<()>;
    /// Removes payloads and phones, and rows of the audit log, older than these instants.
    async fn prune(&self, prune: Prune) -> LedgerResult<Pruned>;
}
