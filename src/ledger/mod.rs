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
//! | [`opened`] | the opened [`Ledger`]: the four traits below, over a writer and readers |
//! | [`sqlite`], [`memory`] | two stores: a file, and plain maps |
//!
//! Every verb that changes something commits before it answers, together with the rows of the audit log that report it: no
//! audit, no call.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::audit::fates::DecidedFate;
use crate::audit::{AuditFilter, AuditRow, Entry};
use crate::outcome::signs::AcceptedCall;
use crate::personal::Personal;
use crate::plan::Knowledge;
use crate::reminder::{ReminderId, RunId};
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

/// Schedules and their runs.
#[async_trait]
pub trait Runs: Send + Sync {
    /// A schedule was loaded (at start, by reload): its text version is kept; a new schedule, or one whose cron, zone
    /// or `enabled` changed, gets its cursor at `now`. Returns its cursor and standing.
    async fn load_schedule(&self, loaded: LoadedSchedule) -> LedgerResult<ScheduleStanding>;
    /// A schedule's file is gone: its pending reminders are cancelled, it is no longer listed.
    async fn remove_schedule(&self, name: &str, now: Timestamp, actor: &str) -> LedgerResult<u64>;
    /// What is known of every schedule ever loaded and not removed, or of that one.
    async fn schedules(&self, name: Option<&str>) -> LedgerResult<Vec<ScheduleStanding>>;
    /// The text of a schedule's version.
    async fn schedule_text(&self, text_hash: &str) -> LedgerResult<Option<String>>;
    /// A run begins: row and audit, and for the cron's runs the cursor. `None`: this nominal time was evaluated before.
    async fn begin_run(&self, start: RunStart) -> LedgerResult<Option<RunId>>;
    /// A run's source was read: its plan is reconciled, in one transaction with the run's row and its audit rows.
    async fn record_run(&self, record: RunRecord) -> LedgerResult<RecordedRun>;
    /// The service died while this run was being evaluated: counted, and the third time it fails. Returns it as it is then.
    async fn interrupt_run(&self, id: RunId, now: Timestamp, actor: &str) -> LedgerResult<RunRow>;
    /// A person ends a run that a guard holds. Returns it as it is then.
    async fn reject_run(&self, reject: RejectRun) -> LedgerResult<RunRow>;
    /// Records nominal times that are not evaluated (missed, paused, overlap), or moves the cursor back with the clock.
    async fn pass_over(&self, passed: PassedOver) -> LedgerResult<()>;
    /// Runs.
    async fn runs(&self, which: RunsAsk) -> LedgerResult<Vec<RunRow>>;
    /// What a plan needs to know. `windows`: half-open ranges of starts (UTC).
    async fn knowledge(&self, ask: KnowledgeAsk) -> LedgerResult<Knowledge>;
    /// For each appointment, the latest start with a reminder that is `delivered` (unless a sandbox at another address accepted
    /// it), `sending` or `uncertain`.
    async fn last_called_starts(&self, ask: LastCalledAsk) -> LedgerResult<HashMap<String, Timestamp>>;
    /// For each schedule, the number of calls that a run in shadow mode wrote down for a time to come and that have no reminder
    /// yet: once the schedule is live, nobody else makes them.
    async fn rehearsed_to_come(&self, now: Timestamp) -> LedgerResult<BTreeMap<String, u64>>;
}

/// Reminders on their way out.
#[async_trait]
pub trait Outbox: Send + Sync {
    /// Settles each attempt by compare-and-set, then commits intents for what may be sent now where that is asked for, all
    /// in one transaction: what ends makes room for what begins with the same commit. The sends follow at once.
    async fn exchange(&self, ended: Arc<[Settlement]>, ask: Option<TakeIntents>) -> LedgerResult<SettledAndTaken>;
    /// Asks the gate about one request of a test call, and takes a slot of its account's rate for it.
    async fn admit_test(&self, ask: TestAsk) -> LedgerResult<TestSlot>;
    /// Writes what the answer to a test call means for its account and its target, as for a reminder.
    async fn take_test_answer(&self, answered: TestAnswered) -> LedgerResult<()>;
    /// Settles what a crash left, when the service starts: every `sending` becomes uncertain, then what may be resent returns to
    /// pending.
    async fn recover(&self, recover: Recover) -> LedgerResult<Recovered>;
    /// A person decides about one reminder; returns it as it is then.
    async fn by_hand(&self, decision: ByHand) -> LedgerResult<ReminderRow>;
    /// Lets pending reminders past their expiry become `expired`, also those of schedules that aren't loaded. Returns how many.
    async fn expire(&self, now: Timestamp) -> LedgerResult<u64>;
    /// Reminders by schedule, state or appointment, oldest first.
    async fn reminders(&self, ask: ReminderAsk) -> LedgerResult<Vec<ReminderRow>>;
    /// The same with only what says how they are: for thousands of them.
    async fn briefs(&self, ask: ReminderAsk) -> LedgerResult<Vec<ReminderBrief>>;
    /// When something may next be sent or expires, over those schedules.
    async fn next_due(&self, schedules: &[String]) -> LedgerResult<Option<Timestamp>>;
    /// The counts for `status`: pending, uncertain, held.
    async fn tally(&self) -> LedgerResult<Tally>;
    /// How many pending reminders are due before `until` (UTC), by schedule and five minutes.
    async fn queue(&self, until: Timestamp) -> LedgerResult<Vec<QueueSlot>>;
}

/// What keeps reminders from being sent.
#[async_trait]
pub trait Pauses: Send + Sync {
    /// Pauses a schedule or everything, or lifts a pause.
    async fn hold(&self, change: HoldChange) -> LedgerResult<()>;
    /// Forgets that somebody else answered at these numbers.
    async fn forget_wrong_numbers(&self, change: OptOutChange) -> LedgerResult<OptOutsChanged>;
    /// Puts numbers on the opt-out list of all schedules and cancels what is pending to them, or takes them off it.
    async fn opt_out(&self, change: OptOutChange) -> LedgerResult<OptOutsChanged>;
    /// The opt-out list, the oldest first.
    async fn optouts(&self) -> LedgerResult<Vec<OptOut>>;
    /// Everything that keeps somebody from being called, completed by this machine's part.
    async fn holds(&self, machine: Machine) -> LedgerResult<Holds>;
    /// Takes one slot of an account's rate for a request that is no reminder's: `None` if it may start now, else the time
    /// before which it may not (UTC).
    async fn take_slot(&self, account: &str, rate: Rate, now: Timestamp) -> LedgerResult<Option<Timestamp>>;
}

/// What became of calls.
#[async_trait]
pub trait Outcomes: Send + Sync {
    /// A record of a call: matched to its reminder, kept, and applied to it, once.
    async fn take_report(&self, record: RecordedCall) -> LedgerResult<ReportTaken>;
    /// A person says what became of a call; returns the reminder as it is then.
    async fn set_outcome(&self, word: OutcomeByHand) -> LedgerResult<ReminderRow>;
    /// A person has somebody called again; returns the new reminders.
    async fn call_again(&self, again: CallAgain) -> LedgerResult<Vec<ReminderRow>>;
    /// Records accepted calls without an outcome as `unreported`. Returns how many.
    async fn pass_unreported(&self, unreported: Unreported) -> LedgerResult<u64>;
    /// The accepted calls whose intents were committed at or after this (UTC), in their order.
    async fn accepted_calls(&self, since: Timestamp) -> LedgerResult<Vec<AcceptedCall>>;
    /// How many unreported calls are about appointments that start after this (UTC).
    async fn unreported(&self, after: Timestamp) -> LedgerResult<u64>;
    /// How many calls have which outcome, by the quarter of an hour in which they were made.
    async fn outcome_counts(&self, ask: OutcomesAsk) -> LedgerResult<Vec<OutcomeCount>>;
    /// The reminders of the latest calls with an outcome, the newest first.
    async fn called_with(&self, ask: CalledWith) -> LedgerResult<Vec<ReminderId>>;
    /// Persons of whose calls two or more were reported, each as not answered: the most called first. Calls of which nothing was
    /// reported don't count.
    async fn unanswered(&self, ask: UnansweredAsk) -> LedgerResult<Vec<Unanswered>>;
    /// The calls of these reminders that records report.
    async fn reported_calls(&self, ask: CallsOf) -> LedgerResult<Vec<ReportedCall>>;
    /// A canary is about to be sent.
    async fn begin_canary(&self, begin: BeginCanary) -> LedgerResult<()>;
    /// What its request came to.
    async fn settle_canary(&self, ended: SettledCanary) -> LedgerResult<()>;
    /// Canaries whose time to be heard is over are silent; returns those of schedules.
    async fn pass_canaries(&self, now: Timestamp, actor: &str) -> LedgerResult<Vec<CanaryRow>>;
    /// Canaries.
    async fn canaries(&self, ask: CanariesAsk) -> LedgerResult<Vec<CanaryRow>>;
    /// Write-backs of outcomes.
    async fn write_backs(&self, ask: WriteBacksAsk) -> LedgerResult<Vec<WriteBackRow>>;
    /// How an attempt to write an outcome ended; `false`: it doesn't wait any more.
    async fn settle_write_back(&self, ended: SettledWriteBack) -> LedgerResult<bool>;
    /// A person has seen that outcomes could not be written; returns those write-backs.
    async fn acknowledge_write_backs(&self, ask: AcknowledgeWriteBacks) -> LedgerResult<Vec<WriteBackRow>>;
}

/// Requests that are posted to the service.
#[async_trait]
pub trait Inbox: Send + Sync {
    /// Judges a request by its schedule's rules and keeps it, with its run and its reminder, in one transaction.
    async fn take_post(&self, post: TakePost) -> LedgerResult<PostTaken>;
    /// Withdraws a request: nobody is to be called for it any more.
    async fn withdraw(&self, withdraw: Withdraw) -> LedgerResult<Withdrawal>;
    /// Requests, in the order of their receipts.
    async fn posts(&self, ask: PostsAsk) -> LedgerResult<Vec<PostRow>>;
}

/// The audit log.
#[async_trait]
pub trait Log: Send + Sync {
    /// Writes entries that report nothing but themselves (service, config, clock, export).
    async fn append(&self, entries: Vec<Entry<'static>>) -> LedgerResult<()>;
    /// One page of the log, oldest first; at most 10,000 rows a page.
    async fn audit(&self, filter: AuditFilter) -> LedgerResult<Vec<AuditRow>>;
    /// The number and hash of the log's last row (0 and the empty chain's hash when there is none).
    async fn head(&self) -> LedgerResult<Head>;
    /// How the calls stand about which something was written in that time, each once, in the order of the deciding rows.
    async fn fates(&self, ask: FatesAsk) -> LedgerResult<Vec<DecidedFate>>;
    /// The keyed hash by which rows about a phone (E.164) are found, hex: it names the phone to this ledger alone.
    async fn phone_mark(&self, phone: &str) -> LedgerResult<String>;
    /// How schedules name appointments that have no reminder, as far as that is kept; by schedule and appointment's id.
    async fn labels(&self, ask: LabelsAsk) -> LedgerResult<HashMap<(String, String), Personal>>;
    /// The newest appointments of whoever somebody looks for.
    async fn find_people(&self, ask: PeopleAsk) -> LedgerResult<FoundPeople>;
    /// Removes payloads and phones, and rows of the audit log, older than these instants.
    async fn prune(&self, prune: Prune) -> LedgerResult<Pruned>;
}
