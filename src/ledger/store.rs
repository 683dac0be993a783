//! pure: what a database must be able to do inside one transaction, for the ledger's verbs to be built on it.
//!
//! A store loads, and writes what pure code decided; it decides nothing itself. [`Store::apply`] and [`Store::append`] write
//! reminders and the audit log, [`Store::put`] everything else. The writer's side, [`Transaction`], begins and ends what they
//! work in.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};

use super::chain::Hash;
use super::change::{Change, LoadedReminder};
use super::effects::TargetState;
use super::gate::{AccountHold, Holds, Machine, PauseRow};
use super::outcomes::CallRow;
use super::witness::{Loss, NotedLoss};
use super::{
    CanariesAsk, CanaryRow, LedgerResult, OptOut, PostRow, Prune, ReminderRow, RunRow, RunsAsk, ScheduleStanding, Step,
    WriteBackRow, WriteBacksAsk,
};
use crate::attempt::TargetAddress;
use crate::audit::Entry;
use crate::personal::Personal;
use crate::plan::{FirstSight, Gap, MergedAppointment, PlannedReminder, WatchedLead};
use crate::reminder::{CallKind, Priority, ReminderId, State};
use crate::seeded::SeededMap;

/// What the ledger's verbs read and write in one transaction.
pub trait Store {
    /// One reminder.
    fn reminder(&self, which: &OneReminder<'_>) -> LedgerResult<Option<LoadedReminder>>;
    /// Several reminders, in the order of their planning.
    fn reminders(&self, which: &ManyReminders<'_>) -> LedgerResult<Vec<LoadedReminder>>;
    /// What `resolve` answers.
    fn reminder_row(&self, id: ReminderId) -> LedgerResult<Option<ReminderRow>>;
    /// The pending reminders that are due: those of high priority first, then those that start soonest.
    fn due(&self, ask: &DueAsk<'_>) -> LedgerResult<Vec<DueRow>>;
    /// Whether a pending reminder of the schedule is due.
    fn is_anything_due(&self, schedule: &str, now: Timestamp) -> LedgerResult<bool>;
    /// When the next pending reminder of the schedule is due after `now`, or expires.
    fn next_time(&self, schedule: &str, now: Timestamp) -> LedgerResult<Option<Timestamp>>;
    /// Schedules with pending reminders.
    fn schedules_with_pending(&self) -> LedgerResult<BTreeSet<String>>;
    /// How many reminders of this account and day count for each of these persons.
    fn calls_of(&self, ask: &CallsAsk<'_>) -> LedgerResult<SeededMap<String, u32>>;
    /// A target's address under the ledger's key.
    fn address_hash(&self, address: &TargetAddress) -> Hash;
    /// The request that the last attempt of a reminder made.
    fn step_of(&self, held: &LoadedReminder) -> LedgerResult<Option<Step>>;

    /// Whether the opt-out list of all schedules holds any number.
    fn has_optouts(&self) -> LedgerResult<bool>;
    /// Whether it holds this one (E.164).
    fn is_opted_out(&self, phone: &str) -> LedgerResult<bool>;
    /// Whether any number is known to be somebody else's.
    fn has_wrong_numbers(&self) -> LedgerResult<bool>;
    /// Whether somebody else answered at this number (E.164) when an account's person was called.
    fn is_wrong_number(&self, account: &str, person: &str, phone: &str) -> LedgerResult<bool>;
    /// Forgets that somebody else answered at a number (E.164); returns whether it was known.
    fn forget_wrong_number(&self, phone: &str) -> LedgerResult<bool>;
    /// The remembered contact of a phone (E.164).
    fn contact(&self, account: &str, phone: &str) -> LedgerResult<Option<String>>;
    /// A call that a record reported before.
    fn call(&self, account: &str, call_id: &str) -> LedgerResult<Option<CallRow>>;
    /// Canaries.
    fn canaries(&self, which: &CanariesAsk) -> LedgerResult<Vec<CanaryRow>>;
    /// Write-backs of outcomes.
    fn write_backs(&self, which: &WriteBacksAsk) -> LedgerResult<Vec<WriteBackRow>>;
    /// The request of this schedule and id that was posted last.
    fn post(&self, schedule: &str, appointment_id: &str) -> LedgerResult<Option<PostRow>>;
    /// How many requests of a schedule were accepted in that minute (counted from 1970) and since, and in which of these
    /// minutes the first was.
    fn accepted_posts(&self, schedule: &str, since: i64) -> LedgerResult<(u64, Option<i64>)>;
    /// Everything that keeps somebody from being called.
    fn holds(&self, machine: Machine) -> LedgerResult<Holds>;
    /// For each account, the earliest time at which its next request may start (µs UTC).
    fn rates(&self) -> LedgerResult<BTreeMap<String, i64>>;
    /// How targets have answered: that of one schedule, or all.
    fn targets(&self, schedule: Option<&str>) -> LedgerResult<BTreeMap<String, TargetState>>;

    /// Runs.
    fn runs(&self, which: &RunsAsk) -> LedgerResult<Vec<RunRow>>;
    /// A schedule that was ever loaded, removed or not.
    fn schedule(&self, name: &str) -> LedgerResult<Option<StoredSchedule>>;
    /// What is answered about it.
    fn standing(&self, name: &str) -> LedgerResult<Option<ScheduleStanding>>;
    /// When the last row of the audit log was written.
    fn last_entry_at(&self) -> LedgerResult<Option<Timestamp>>;

    /// Why nothing may be sent, if rows are lost.
    fn loss(&self) -> Option<Loss>;
    /// The loss that was noted and isn't accepted yet.
    fn noted_loss(&self) -> LedgerResult<Option<NotedLoss>>;
    /// The number of the reminder that was planned last.
    fn last_nr(&self) -> LedgerResult<i64>;
    /// Refuses a database that is damaged.
    fn check_soundness(&self) -> LedgerResult<()>;

    /// Writes the change, its attempt and its entries, if the reminder is still in the state that the change expects.
    fn apply(&self, change: &Change<'_>) -> LedgerResult<Applied>;
    /// Appends one row to the audit log.
    fn append(&self, entry: &Entry<'_>) -> LedgerResult<()>;
    /// Writes what is no reminder.
    fn put(&self, put: &Put<'_>) -> LedgerResult<()>;
    /// Removes what is too old.
    fn prune(&self, prune: &Prune) -> LedgerResult<Removed>;
    /// Removes every field about whoever has this phone (E.164).
    fn erase(&self, phone: &str) -> LedgerResult<Erased>;
    /// Changes something and changes it back, so that the commit has something to write.
    fn touch(&self) -> LedgerResult<()>;
    /// Keeps a reminder, as it was taken, for its settling: a store may then spare the read.
    fn keep_taken(&self, taken: LoadedReminder);
}

/// Begins and ends what a store works in. Savepoints let one job of a group be undone by itself.
pub trait Transaction: Store {
    /// Begins a transaction.
    fn begin(&self) -> LedgerResult<()>;
    /// Ends it, durably. When it fails, the transaction is rolled back.
    fn commit(&self) -> LedgerResult<()>;
    /// Undoes it.
    fn rollback(&self);
    /// Begins a savepoint.
    fn savepoint(&self) -> LedgerResult<()>;
    /// Keeps what was written since the savepoint.
    fn release(&self) -> LedgerResult<()>;
    /// Undoes what was written since the savepoint, and ends it.
    fn undo(&self) -> LedgerResult<()>;
    /// Whether a transaction is under way: a database may have given it up by itself.
    fn is_open(&self) -> bool;
    /// A number that grows with everything that is written.
    fn writes(&self) -> u64;
    /// Leaves no copy of removed rows in the store's files. It is called between transactions.
    fn overwrite(&self) -> LedgerResult<()>;
}

/// The reminder that is asked for.
#[derive(Debug, Clone, Copy)]
pub enum OneReminder<'a> {
    /// The one with this id.
    Id(ReminderId),
    /// The one with this key: the schedule, and what was planned.
    Key(&'a str, &'a PlannedReminder),
    /// The one of which this very attempt is being made.
    Sending(ReminderId, u32),
}

/// The reminders that are asked for.
#[derive(Debug, Clone, Copy)]
pub enum ManyReminders<'a> {
    /// All in one of these states, of every schedule.
    In(&'a [State]),
    /// The pending ones to a number (E.164), of every schedule.
    PendingTo(&'a Personal),
    /// All to a number (E.164), of every schedule.
    OfPhone(&'a Personal),
    /// All of an appointment of a schedule with that start (UTC).
    OfStart(&'a str, &'a str, Timestamp),
    /// The accepted ones of a schedule of whose calls no sign came, and that start after this (UTC).
    Silent(&'a str, Timestamp),
    /// The pending ones of a schedule.
    PendingOf(&'a str),
    /// The reminders of which an attempt has this id at the other side.
    WithRemoteId(&'a str),
    /// The reminders of an account of which a call's intent was committed from one instant until another (UTC).
    CalledBetween {
        /// The account.
        account: &'a str,
        /// The first instant of that time (UTC).
        from: Timestamp,
        /// The end of that time (UTC), which is not in it.
        until: Timestamp,
    },
    /// The pending ones of a schedule that are past their expiry (UTC).
    Overdue(&'a str, Timestamp),
}

/// The due reminders that are asked for.
#[derive(Debug, Clone, Copy)]
pub struct DueAsk<'a> {
    /// The schedule's name.
    pub schedule: &'a str,
    /// Due by now (UTC).
    pub now: Timestamp,
    /// The id of the only appointment whose reminders are asked for; `None`: of all.
    pub only: Option<&'a str>,
    /// The place after which they follow in the order of taking.
    pub after: Option<OrderOfTaking>,
    /// At most this many reminders.
    pub limit: u32,
}

/// The calls that are counted for each person.
#[derive(Debug, Clone, Copy)]
pub struct CallsAsk<'a> {
    /// The account that makes them.
    pub account: &'a str,
    /// The calendar day on which they are due.
    pub day: Date,
    /// The persons whose calls are counted.
    pub persons: &'a [&'a Personal],
    /// The address to which the plan sends (under the ledger's key): what a sandbox accepted at another one doesn't count.
    pub target: Option<Hash>,
    /// The kind of calls that are counted.
    pub kind: CallKind,
}

/// A place in the order of taking: high before normal, then the soonest start first; the rest makes the order whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct OrderOfTaking {
    /// High comes first.
    pub priority: Priority,
    /// The appointment's start (UTC).
    pub starts_at: Timestamp,
    /// Due since (UTC).
    pub next_at: Timestamp,
    /// The store's number.
    pub nr: i64,
}

impl OrderOfTaking {
    /// That of a reminder.
    #[must_use]
    pub const fn of(held: &LoadedReminder) -> Self {
        let LoadedReminder { priority, starts_at, next_at, nr, .. } = *held;
        Self { priority, starts_at, next_at, nr }
    }
}

/// A due reminder with what its request needs.
#[derive(Debug, Clone)]
pub struct DueRow {
    /// The reminder.
    pub held: LoadedReminder,
    /// What is sent; `None`: its source is still to be read for it.
    pub rendered: Option<RenderedRequest>,
}

/// What is sent of a reminder, as it was rendered from its row.
#[derive(Debug, Clone)]
pub struct RenderedRequest {
    /// When its source was last read (UTC).
    pub read_at: Timestamp,
    /// The exact bytes.
    pub payload: Personal,
    /// The rendered contact fields (JSON).
    pub contact: Option<Personal>,
}

impl DueRow {
    /// The row's place in the order of taking.
    #[must_use]
    pub const fn place(&self) -> OrderOfTaking {
        OrderOfTaking::of(&self.held)
    }
}

/// Whether a change was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applied {
    /// It was written, with its entries.
    Hit,
    /// Nothing was written: the reminder has changed since the decision, or the store holds its key already.
    Miss,
}

/// Everything that is written but reminders and the audit log.
#[derive(Debug, Clone)]
pub enum Put<'a> {
    /// A run, new or known.
    Run(&'a RunRow),
    /// A schedule, new or known.
    Schedule(&'a StoredSchedule),
    /// A version's text under its hash, first seen then (UTC).
    Text(&'a str, &'a str, Timestamp),
    /// What an account's answers have led to.
    Account(&'a str, &'a AccountHold),
    /// An account, and the earliest time at which its next request may start (µs UTC).
    Rate(&'a str, i64),
    /// How a schedule's target has answered.
    Target(&'a str, TargetState),
    /// The pause of a schedule, or of everything; `None` lifts it.
    Pause(Option<&'a str>, Option<&'a PauseRow>),
    /// The contact of an account's phone (E.164), known since then (UTC); `None` forgets it.
    Contact(&'a str, &'a Personal, Option<(&'a str, Timestamp)>),
    /// A number (E.164) on the opt-out list; `None` takes it off.
    OptOut(&'a Personal, Option<&'a OptOut>),
    /// Somebody else answered at this number.
    WrongNumber(LearntNumber<'a>),
    /// An appointment of a schedule that was seen then for the first time (UTC); one that is known already stays as it is.
    FirstSight(&'a str, &'a FirstSight, Timestamp),
    /// The leads of a schedule of which its evaluations write down whom they find; those it had before are replaced.
    WatchedLeads(&'a str, &'a [WatchedLead]),
    /// The other appointments of a schedule that are told in a reminder's call; those it had before are replaced.
    Merged(&'a str, ReminderId, &'a [MergedAppointment]),
    /// A call that a schedule in shadow mode would have made; one that is known already stays as it is.
    Shadow(&'a ShadowedCall<'a>),
    /// How a schedule names an appointment of which the log speaks and no reminder does.
    Label(&'a NamedAppointment<'a>),
    /// A call that a record reports, new or known.
    Call(&'a CallRow),
    /// A canary, new or known; with its number (E.164) when it is new.
    Canary(&'a CanaryRow, Option<&'a Personal>),
    /// A write-back of an outcome, new or known.
    WriteBack(&'a WriteBackRow),
    /// A request, new or known, and the number (E.164) that it wants to be called, where it has one.
    Post(&'a PostRow, Option<&'a Personal>),
    /// One more request of this schedule was accepted in that minute (counted from 1970); what is older than an hour is
    /// forgotten.
    AcceptedPost(&'a str, i64),
    /// A time whose calls the ledger has forgotten.
    Gap(Gap),
    /// The loss that was found and isn't accepted yet, or that there is none.
    Loss(Option<&'a NotedLoss>),
}

/// A number at which somebody else answered.
#[derive(Debug, Clone, Copy)]
pub struct LearntNumber<'a> {
    /// The account.
    pub account: &'a str,
    /// Who was called.
    pub person: &'a Personal,
    /// E.164.
    pub phone: &'a Personal,
    /// When that was learnt (UTC).
    pub since: Timestamp,
}

/// A call that a schedule in shadow mode would have made.
#[derive(Debug, Clone, Copy)]
pub struct ShadowedCall<'a> {
    /// The schedule's name.
    pub schedule: &'a str,
    /// The account whose people it would count for.
    pub account: &'a str,
    /// The call.
    pub planned: &'a PlannedReminder,
    /// When it was written down (UTC).
    pub at: Timestamp,
}

impl<'a> ShadowedCall<'a> {
    /// The appointments that it would have told of, each with the person for whom it counts: the call's own, and those merged
    /// into it, which count for nobody.
    pub fn calls(&self) -> impl Iterator<Item = (MergedAppointment, &'a str)> {
        let PlannedReminder { appointment_id, starts_at, lead, .. } = self.planned;
        let own = MergedAppointment { appointment_id: appointment_id.clone(), starts_at: *starts_at, lead: *lead };
        let merged = self.planned.merged.iter().map(|merged| (merged.clone(), ""));
        std::iter::once((own, self.planned.person.as_str())).chain(merged)
    }
}

/// How a schedule names an appointment.
#[derive(Clone, Copy)]
pub struct NamedAppointment<'a> {
    /// The schedule's name.
    pub schedule: &'a str,
    /// The appointment's id.
    pub appointment_id: &'a str,
    /// Its label.
    pub label: &'a str,
    /// The phone of the person whose label it is (E.164), where it is known.
    pub phone: Option<&'a str>,
    /// When it was written (UTC).
    pub at: Timestamp,
}

impl NamedAppointment<'_> {
    /// A label that hasn't changed is written again this long after the last time: every run names whoever it leaves out.
    pub const WRITTEN_AGAIN_AFTER: SignedDuration = SignedDuration::from_hours(24);
}

/// Shows everything but the label.
impl fmt::Debug for NamedAppointment<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NamedAppointment").field("at", &self.at).finish_non_exhaustive()
    }
}

/// A schedule as it was loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredSchedule {
    /// The schedule's name.
    pub name: String,
    /// The cron line as written.
    pub cron: String,
    /// IANA.
    pub timezone: String,
    /// Whether it fires.
    pub enabled: bool,
    /// The version loaded last.
    pub text_hash: String,
    /// When it was loaded for the first time (UTC).
    pub first_loaded: Timestamp,
    /// Nominal times up to and including this were dealt with (UTC).
    pub cursor: Timestamp,
    /// Its file is gone.
    pub is_removed: bool,
}

/// What was erased of a person.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Erased {
    /// The rows of the log that have lost their personal fields.
    pub rows: Vec<u64>,
    /// How many reminders have lost phone, payload and label.
    pub reminders: u64,
    /// The remembered contacts: account and id.
    pub contacts: Vec<(String, String)>,
}

/// What pruning removed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Removed {
    /// Payloads with their phones.
    pub payloads: u64,
    /// Rows of the audit log.
    pub audit_rows: u64,
    /// The row up to which the audit log was removed, in the words that `verify` expects.
    pub mark: Option<String>,
}
