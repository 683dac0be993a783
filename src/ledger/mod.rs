//! shell: what was planned, tried and settled: nobody is phoned twice by accident, nobody is forgotten in silence.
//!
//! [`Ledger`] has few verbs, named for the work, so that another database can stand behind it. Every verb that changes
//! something commits before it answers, together with the audit rows that report it: no audit, no call.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::audit::{AuditFilter, AuditRow, Entry};
use crate::plan::{Knowledge, Plan};
use crate::reminder::{Lead, ReminderId, RunId, RunKind, RunState, State};
use crate::schedule::Schedule;
use crate::settings::Rate;

pub mod chain;
pub mod change;
pub mod effects;
pub mod gate;
pub mod life;
pub mod openings;
mod passed;
pub mod rate;
pub mod reconcile;
pub mod runs;
pub mod schedules;
pub mod sqlite;
pub mod store;
mod verbs;
pub mod witness;
mod writer;
mod writing;

pub use crate::attempt::{Effect, Intent, SettleTo, Settlement, Step};
pub use gate::{Holds, Machine};
pub use passed::{FoldedTimes, PassedOver};
pub use runs::RunsAsk;
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

/// The verbs of a ledger.
#[async_trait]
pub trait Ledger: Send + Sync {
    /// A schedule was loaded (at start, by reload): its text version is kept; a new schedule, or one whose cron, zone
    /// or `enabled` changed, gets its cursor at `now`. Answers its cursor and standing.
    async fn load_schedule(&self, loaded: LoadedSchedule) -> LedgerResult<ScheduleStanding>;
    /// A schedule's file is gone: its pending reminders are cancelled, it is no longer listed.
    async fn remove_schedule(&self, name: &str, now: Timestamp, actor: &str) -> LedgerResult<u64>;
    /// What is known of every schedule ever loaded and not removed.
    async fn schedules(&self) -> LedgerResult<Vec<ScheduleStanding>>;
    /// What is known of one of them; `None` when it was never loaded, or removed.
    async fn schedule(&self, name: &str) -> LedgerResult<Option<ScheduleStanding>>;

    /// A run begins: row and audit, and for the cron's runs the cursor. `None`: this nominal time was evaluated before.
    async fn begin_run(&self, start: RunStart) -> LedgerResult<Option<RunId>>;
    /// A run is over: its plan is reconciled, in one transaction with the run's row and its audit rows.
    async fn record_run(&self, record: RunRecord) -> LedgerResult<RecordedRun>;
    /// Nominal times that are not evaluated (missed, paused, overlap), or a cursor moved back with the clock.
    async fn pass_over(&self, passed: PassedOver) -> LedgerResult<()>;
    /// A scheduled run whose source can't be read yet: `waiting`.
    async fn postpone_run(&self, run: RunId, at: Timestamp, detail: &str) -> LedgerResult<()>;
    /// Runs found `running` or `waiting`, oldest first.
    async fn open_runs(&self) -> LedgerResult<Vec<RunRow>>;
    /// A run by its id.
    async fn run(&self, run: RunId) -> LedgerResult<Option<RunRow>>;
    /// Up to ten runs whose id begins so.
    async fn runs_beginning(&self, prefix: &str) -> LedgerResult<Vec<RunId>>;
    /// A schedule's latest run of any kind.
    async fn last_run(&self, schedule: &str) -> LedgerResult<Option<RunRow>>;
    /// A schedule's latest run that read its source or tried to.
    async fn last_evaluated(&self, schedule: &str) -> LedgerResult<Option<RunRow>>;
    /// The text of a schedule's version.
    async fn schedule_text(&self, text_hash: &str) -> LedgerResult<Option<String>>;

    /// What a plan needs to know. `windows`: half-open ranges of starts (UTC).
    async fn knowledge(&self, ask: KnowledgeAsk) -> LedgerResult<Knowledge>;
    /// For each of these appointments: the latest start (UTC) that was told (delivered, sending or uncertain).
    async fn told_starts(&self, schedule: &str, ids: &[String]) -> LedgerResult<HashMap<String, Timestamp>>;
    /// A fresh read's plan: updates and cancels what is pending, inserts nothing, is no run.
    async fn reconcile(&self, fresh: FreshRead) -> LedgerResult<RecordedRun>;

    /// Commits intents for what may be sent now. The send follows at once.
    async fn take_intents(&self, ask: TakeIntents) -> LedgerResult<Taken>;
    /// Settles one attempt by compare-and-set; `false`: it was not ours to settle any more, nothing changed.
    async fn settle(&self, settlement: Settlement) -> LedgerResult<bool>;
    /// Settles each as [`Ledger::settle`] does, then takes intents as [`Ledger::take_intents`] does where that is asked for,
    /// all in one transaction: what ends makes room for what begins with the same commit.
    async fn settle_and_take(
        &self,
        ended: Arc<[Settlement]>,
        ask: Option<TakeIntents>,
    ) -> LedgerResult<SettledAndTaken>;
    /// At the start: every `sending` becomes uncertain, then what may be resent returns to pending.
    async fn recover(&self, recover: Recover) -> LedgerResult<Recovered>;
    /// A person settles what nobody else can know.
    async fn resolve(&self, resolve: Resolve) -> LedgerResult<ReminderRow>;
    /// A person cancels a pending reminder; no plan brings it back.
    async fn cancel(&self, cancel: CancelByHand) -> LedgerResult<ReminderRow>;
    /// When something may next be sent or expires, over those schedules.
    async fn next_due(&self, schedules: &[String]) -> LedgerResult<Option<Timestamp>>;
    /// Pending ones past their expiry become `expired`, also of schedules that aren't loaded. Answers how many.
    async fn expire(&self, now: Timestamp) -> LedgerResult<u64>;

    /// Reminders by schedule, state or appointment, oldest first.
    async fn reminders(&self, ask: ReminderAsk) -> LedgerResult<Vec<ReminderRow>>;
    /// The same of each as `reminders` with only what tells where it stands: for thousands of them.
    async fn briefs(&self, ask: ReminderAsk) -> LedgerResult<Vec<ReminderBrief>>;
    /// Pending, uncertain, held: counts for `status`.
    async fn tally(&self) -> LedgerResult<Tally>;

    /// Pauses a schedule, or all when `schedule` is `None`.
    async fn pause(&self, pause: Pause) -> LedgerResult<()>;
    /// Lifts it; for all, accounts' pauses too.
    async fn resume(&self, schedule: Option<&str>, now: Timestamp, actor: &str) -> LedgerResult<()>;
    /// Everything that keeps somebody from being called, completed by this machine's part.
    async fn holds(&self, machine: Machine) -> LedgerResult<Holds>;

    /// Writes entries that report nothing but themselves (service, config, clock, export).
    async fn append(&self, entries: Vec<Entry<'static>>) -> LedgerResult<()>;
    /// One page of the log, oldest first; at most 10,000 rows a page.
    async fn audit(&self, filter: AuditFilter) -> LedgerResult<Vec<AuditRow>>;
    /// Last sequence number and hash (0 and the empty chain's hash when there is none).
    async fn head(&self) -> LedgerResult<Head>;
    /// Why nothing may be sent from this ledger, if rows of it are lost.
    fn loss(&self) -> Option<Loss>;
    /// A person accepts that rows are lost: whoever may have been called since the last row is of unknown fate.
    async fn accept_loss(&self, accepted: AcceptLoss) -> LedgerResult<Restored>;
    /// Walks the whole chain.
    async fn verify(&self) -> LedgerResult<Verification>;
    /// Removes payloads and phones, and audit rows, older than these instants.
    async fn prune(&self, prune: Prune) -> LedgerResult<Pruned>;
    /// A consistent copy with its key, into one new file.
    async fn backup(&self, file: &std::path::Path) -> LedgerResult<()>;
    /// At a planned end: brings all that was committed to the one place that people copy, where it lies elsewhere meanwhile.
    /// Busy, when somebody who reads keeps it from that.
    async fn tidy(&self) -> LedgerResult<()>;
    /// What the latest commits came to.
    fn writing(&self) -> Writing;
    /// Makes a commit that leaves everything as it is: whether the ledger can be written.
    async fn probe(&self) -> LedgerResult<()>;
    /// The group-commit writer answers: what the watchdog asks.
    async fn is_alive(&self) -> bool;
    /// Returns when this process can write no more, whatever is tried: the writer broke off. A new process can.
    async fn ended(&self);
    /// Makes every commit fail, as a full disk would, or lets them succeed again.
    #[cfg(test)]
    async fn refuse_commits(&self, refusal: bool);
    /// Breaks the writer off as a fault of this program would.
    #[cfg(test)]
    async fn break_off(&self);
}

/// A schedule as loaded.
#[derive(Debug, Clone)]
pub struct LoadedSchedule {
    /// Its name.
    pub name: String,
    /// As written.
    pub cron: String,
    /// IANA.
    pub timezone: String,
    /// Whether it fires.
    pub enabled: bool,
    /// SHA-256, hex.
    pub text_hash: String,
    /// The file's text.
    pub text: String,
    /// Loading (UTC).
    pub now: Timestamp,
    /// Who loaded it.
    pub actor: String,
}

impl LoadedSchedule {
    /// That schedule, loaded at `now` (UTC) by `actor`.
    #[must_use]
    pub fn of(schedule: &Schedule, now: Timestamp, actor: &str) -> Self {
        Self {
            name: schedule.name.clone(),
            cron: schedule.cron.clone(),
            timezone: schedule.zone.name().to_owned(),
            enabled: schedule.enabled,
            text_hash: schedule.text_hash.clone(),
            text: schedule.text.clone(),
            now,
            actor: actor.to_owned(),
        }
    }
}

/// What the ledger knows of a schedule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScheduleStanding {
    /// Its name.
    pub name: String,
    /// Nominal times up to and including this were dealt with (UTC).
    pub cursor: Timestamp,
    /// The last evaluation, run or trigger (UTC).
    pub previous_evaluation: Option<Timestamp>,
    /// The version that was loaded last.
    pub text_hash: String,
}

/// A run begins.
#[derive(Debug, Clone)]
pub struct RunStart {
    /// A new id.
    pub id: RunId,
    /// Of which schedule.
    pub schedule: String,
    /// The time it stands for (UTC).
    pub nominal_at: Timestamp,
    /// What brought it about.
    pub kind: RunKind,
    /// Now (UTC).
    pub started_at: Timestamp,
    /// The schedule's version.
    pub text_hash: String,
    /// Its text.
    pub text: String,
    /// Such as `2026f (bundled)`.
    pub zone_rules: String,
    /// Who.
    pub actor: String,
}

/// What a run came to.
#[derive(Debug, Clone)]
pub enum RunEnd {
    /// Evaluated; the plan may be held.
    Planned(Box<Plan>),
    /// Its source could not be read, or something else broke; a sentence.
    Failed(String),
}

/// The end of a run.
#[derive(Debug, Clone)]
pub struct RunRecord {
    /// Which.
    pub id: RunId,
    /// Now (UTC).
    pub finished_at: Timestamp,
    /// What it came to.
    pub end: RunEnd,
    /// Hash or version of what was read.
    pub source_fingerprint: Option<String>,
    /// When the source was read (UTC).
    pub read_at: Timestamp,
    /// What the rows of new reminders take from their schedule.
    pub terms: ReminderTerms,
    /// Who.
    pub actor: String,
}

/// What a reminder takes from its schedule when it is planned.
#[derive(Debug, Clone)]
pub struct ReminderTerms {
    /// The account whose people and rate it shares.
    pub account: String,
    /// As written: `08:00-21:00`.
    pub calling_hours: String,
    /// Over all schedules of the account.
    pub max_per_person_per_day: u32,
}

/// What the ledger made of a plan.
#[derive(Debug, Clone, Default)]
pub struct RecordedRun {
    /// The plan's reminders that stand now, with their ids (new, pending, returned).
    pub reminders: Vec<ReminderId>,
    /// Planned, but another schedule was faster: `person_limit` or already reminded.
    pub overruled: Vec<ReminderId>,
    /// Cancelled on evidence, or pending until now for a person who has had the calls of that day.
    pub cancelled: Vec<ReminderId>,
}

/// A fresh read before a late send.
#[derive(Debug, Clone)]
pub struct FreshRead {
    /// The run that planned what waits.
    pub run: RunId,
    /// Of which schedule.
    pub schedule: String,
    /// Now (UTC).
    pub read_at: Timestamp,
    /// Planned as that run was.
    pub plan: Plan,
    /// Current terms.
    pub terms: ReminderTerms,
}

/// A run as the ledger holds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunRow {
    /// Its id.
    pub id: RunId,
    /// Of which schedule.
    pub schedule: String,
    /// The time it stands for (UTC).
    pub nominal_at: Timestamp,
    /// What brought it about.
    pub kind: RunKind,
    /// UTC.
    pub started_at: Timestamp,
    /// UTC.
    pub finished_at: Option<Timestamp>,
    /// Where it stands.
    pub state: RunState,
    /// Rows by fate.
    pub counts: crate::plan::Counts,
    /// Skips by reason.
    pub skipped: BTreeMap<String, u64>,
    /// Why it failed, is held or waits.
    pub detail: Option<String>,
    /// The schedule's version.
    pub text_hash: String,
    /// The zone rules' version.
    pub zone_rules: String,
    /// When the source was read (UTC).
    pub read_at: Option<Timestamp>,
}

/// What to load for a plan.
#[derive(Debug, Clone)]
pub struct KnowledgeAsk {
    /// Of which schedule.
    pub schedule: String,
    /// Of which account.
    pub account: String,
    /// Half-open ranges of starts (UTC).
    pub windows: Vec<(Timestamp, Timestamp)>,
    /// Calendar days of due times that may be asked for, first and last.
    pub due_days: (jiff::civil::Date, jiff::civil::Date),
}

/// What may be sent now.
#[derive(Debug, Clone)]
pub struct TakeIntents {
    /// UTC.
    pub now: Timestamp,
    /// One for each schedule that may send.
    pub lanes: Vec<Lane>,
    /// That appointment alone.
    pub only: Option<String>,
    /// A row whose source was last read longer ago needs a fresh read first.
    pub fresh_for: Duration,
    /// Who takes them.
    pub actor: String,
}

/// One schedule's way out.
#[derive(Debug, Clone)]
pub struct Lane {
    /// Whose.
    pub schedule: String,
    /// The account whose rate it shares.
    pub account: String,
    /// That rate.
    pub rate: Rate,
    /// How many requests may be added.
    pub free: u32,
    /// Whether a contact must be known before the call.
    pub needs_contact: bool,
    /// Fingerprint of the account's credentials: a pause after 401 ends when it changes.
    pub credentials: String,
}

/// What `take_intents` answers.
#[derive(Debug, Clone, Default)]
pub struct Taken {
    /// To be sent at once.
    pub intents: Vec<Intent>,
    /// Due, but only after a fresh read: which run's read, of which schedule.
    pub stale: Vec<(String, RunId)>,
    /// Became `expired` on the way.
    pub expired: u64,
    /// When to ask again (UTC), if nothing else happens.
    pub wake_at: Option<Timestamp>,
}

/// What `settle_and_take` answers.
#[derive(Debug, Clone, Default)]
pub struct SettledAndTaken {
    /// For each settlement what `settle` answers.
    pub settled: Vec<bool>,
    /// Nothing, when nothing was asked for.
    pub taken: Taken,
}

/// How to recover.
#[derive(Debug, Clone)]
pub struct Recover {
    /// UTC.
    pub now: Timestamp,
    /// Schedules with `on_uncertain = "resend"`, with their attempts.
    pub resend: HashMap<String, u32>,
    /// Who.
    pub actor: String,
}

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Were `sending`.
    pub uncertain: u64,
    /// Of those, pending again by `resend`.
    pub resent: u64,
}

/// A person's word.
#[derive(Debug, Clone)]
pub struct Resolve {
    /// Which reminder.
    pub reminder_id: ReminderId,
    /// What they say.
    pub verdict: Verdict,
    /// Why.
    pub reason: String,
    /// Who.
    pub actor: String,
    /// UTC.
    pub now: Timestamp,
}

/// A person's cancellation.
#[derive(Debug, Clone)]
pub struct CancelByHand {
    /// Which reminder.
    pub reminder_id: ReminderId,
    /// Why.
    pub reason: String,
    /// Who.
    pub actor: String,
    /// UTC.
    pub now: Timestamp,
}

/// What a person can say of an uncertain reminder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It was accepted after all.
    Delivered,
    /// Send it again (also failed and dropped ones).
    Resend,
    /// Give it up.
    Drop,
}

/// A reminder as the ledger holds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReminderRow {
    /// Its id.
    pub id: ReminderId,
    /// Of which schedule.
    pub schedule: String,
    /// The run that planned it first.
    pub run_id: RunId,
    /// Its appointment.
    pub appointment_id: String,
    /// UTC.
    pub starts_at: Timestamp,
    /// Which lead.
    pub lead: Lead,
    /// E.164; `None` once purged.
    pub phone: Option<String>,
    /// Where it stands.
    pub state: State,
    /// UTC.
    pub due_at: Timestamp,
    /// Not before (UTC).
    pub next_at: Timestamp,
    /// UTC.
    pub expires_at: Timestamp,
    /// Attempts made.
    pub attempts: u32,
    /// Refusals counted.
    pub tries: u32,
    /// The last attempt's status.
    pub http_status: Option<u16>,
    /// The other side's id.
    pub remote_id: Option<String>,
    /// The exact bytes; `None` once purged.
    pub payload: Option<String>,
    /// UTC.
    pub updated_at: Timestamp,
}

/// Which reminders.
#[derive(Debug, Clone, Default)]
pub struct ReminderAsk {
    /// By id.
    pub id: Option<ReminderId>,
    /// Whose id begins so.
    pub id_prefix: Option<String>,
    /// One of these (empty: any); answered in this order, those that are there.
    pub ids: Vec<ReminderId>,
    /// Of that schedule.
    pub schedule: Option<String>,
    /// In one of these states (empty: any).
    pub states: Vec<State>,
    /// Of that appointment.
    pub appointment_id: Option<String>,
    /// At most so many.
    pub limit: Option<u64>,
}

/// Where a reminder stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReminderBrief {
    /// Its id.
    pub id: ReminderId,
    /// Its appointment.
    pub appointment_id: String,
    /// Where it stands.
    pub state: State,
    /// Attempts made.
    pub attempts: u32,
    /// The last attempt's status.
    pub http_status: Option<u16>,
}

/// Counts for `status`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Pending reminders.
    pub pending: u64,
    /// Reminders being sent.
    pub sending: u64,
    /// Reminders of unknown fate.
    pub uncertain: u64,
    /// Held runs.
    pub held_runs: u64,
    /// Waiting runs.
    pub waiting_runs: u64,
}

/// A pause to be set.
#[derive(Debug, Clone)]
pub struct Pause {
    /// `None`: all.
    pub schedule: Option<String>,
    /// Why.
    pub reason: String,
    /// Until (UTC), or until resumed.
    pub until: Option<Timestamp>,
    /// UTC.
    pub now: Timestamp,
    /// Who.
    pub actor: String,
}

/// The log's end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The last sequence number.
    pub seq: u64,
    /// Hex.
    pub hash: String,
}

/// What a walk along the chain found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verification {
    /// Rows walked.
    pub rows: u64,
    /// The end.
    pub head: Head,
    /// The first break: the sequence number and a sentence.
    pub broken: Option<(u64, String)>,
}

/// A copy that became the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// The time whose calls are forgotten.
    pub gap: crate::plan::Gap,
    /// Reminders the copy held as pending or being sent.
    pub uncertain: u64,
    /// Where the former ledger lies.
    pub kept: Option<std::path::PathBuf>,
}

/// What is too old.
#[derive(Debug, Clone, Copy)]
pub struct Prune {
    /// UTC.
    pub payloads_before: Timestamp,
    /// UTC.
    pub audit_before: Timestamp,
    /// UTC.
    pub now: Timestamp,
}

/// What was removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pruned {
    /// Payloads with their phones.
    pub payloads: u64,
    /// Audit rows.
    pub audit_rows: u64,
}
