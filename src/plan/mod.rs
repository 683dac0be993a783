//! pure: the rules in their order decide who is called, when, and why not.
//!
//! A record of the source becomes a `Sighting` when it matters (`intake`), a `Candidate` in one of
//! the schedule's leads when no rule about the row blocks it (`row_judge`, `row_rules`), and a [`PlannedReminder`] when
//! the whole read is known and no rule about the whole blocks it (`candidates`, `whole_rules`).

mod cancellations;
mod candidates;
mod case;
pub mod explain;
mod first_sights;
mod guard;
mod intake;
mod label;
mod leads;
mod merging;
pub mod payload;
mod people;
mod reminded;
mod restored_gap;
mod row_judge;
mod row_rules;
pub mod rules;
mod spoken;
mod terms;
mod usual;
mod watched;
mod whole_rules;
mod window;

use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;

use crate::appointment::phone;
use crate::personal::Personal;
use crate::reminder::{CallOutcome, Lead, Priority, ReminderId, ReminderKey, RunId, SkipReason, State};
use crate::row::RecordSink;
use crate::seeded::SeededMap;
use crate::template::Payload;

pub use explain::Explanation;
pub use first_sights::FirstSight;
pub use guard::{Held, MAX_CHANGE};
pub use leads::{closed_run_in_words, date_of_run};
pub use merging::MergedAppointment;
pub use reminded::{Reminded, SourceStarts};
pub use restored_gap::Gap;
pub use row_rules::{ConditionScope, is_cancelled};
pub use terms::PlanRequest;
pub use usual::{ComparableRuns, Counted, MeasuredRun, RowRange, USUAL_RUNS, UsualRows};
pub use watched::WatchedLead;
pub use window::{LeadWindow, due_days, due_windows, read_span, windows};

/// For each appointment, the latest start for which a reminder was sent, is being sent, or may have been sent (`delivered`,
/// `sending`, `uncertain`).
pub type LastCalledStarts = HashMap<String, Timestamp>;

/// Plans one complete read.
///
/// `rows` passes every record of the source to a sink and returns the source's report. `last_called_starts` returns the
/// [`LastCalledStarts`] of these appointments. `new_id` makes the id of each new reminder.
///
/// # Errors
/// What `rows` or `last_called_starts` fails with: an incomplete read is no plan.
pub fn plan<R: SourceAge, E>(
    request: PlanRequest,
    rows: impl FnOnce(&mut dyn RecordSink) -> Result<R, E>,
    last_called_starts: impl FnOnce(Vec<String>) -> Result<LastCalledStarts, E>,
    new_id: &mut dyn FnMut() -> ReminderId,
) -> Result<(Plan, R), E> {
    let mut intake = intake::Intake::new(request);
    let report = rows(&mut intake)?;
    let candidates = intake.finish();
    let last_called = last_called_starts(candidates.appointment_ids())?;
    Ok((candidates.plan(&last_called, report.as_of(), new_id), report))
}

/// What a source says of its own age.
pub trait SourceAge {
    /// When it was last changed (UTC), where that is known.
    fn as_of(&self) -> Option<Timestamp>;
}

/// A source that says nothing of itself.
impl SourceAge for () {
    fn as_of(&self) -> Option<Timestamp> {
        None
    }
}

/// The circumstances of one evaluation.
#[derive(Debug, Clone)]
pub struct Occasion {
    /// The run's nominal time (UTC).
    pub nominal_at: Timestamp,
    /// The moment of evaluation (UTC).
    pub now: Timestamp,
    /// Plan only the appointment with this id.
    pub only: Option<String>,
    /// Guards that may not hold the run, because a person approved it: `max_calls` and the like.
    pub waived: Vec<String>,
    /// Plan as this run did: what it planned itself, and what was planned after it, counts for nothing.
    pub as_of_run: Option<RunId>,
    /// What becomes of calls that the schedule's own runs in shadow mode would have made.
    pub rehearsed: Rehearsed,
}

/// What becomes of calls that the schedule's own runs in shadow mode would have made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rehearsed {
    /// They count as made: the system that tickler is to replace has made them.
    #[default]
    CountAsMade,
    /// They are planned like any other: a person asked for that.
    ArePlanned,
    /// The calls whose time is still to come are planned, and nothing else: the schedule has just gone live.
    AreCompleted,
}

impl Occasion {
    /// An evaluation whose nominal time is its own moment, as `plan` and `trigger` make it.
    #[must_use]
    pub const fn at(moment: Timestamp) -> Self {
        Self {
            nominal_at: moment,
            now: moment,
            only: None,
            waived: Vec::new(),
            as_of_run: None,
            rehearsed: Rehearsed::CountAsMade,
        }
    }

    /// Whether every row counts that is in a window: nobody asked for one appointment, or for rehearsed calls alone.
    #[must_use]
    pub fn is_of_all_rows(&self) -> bool {
        self.only.is_none() && self.rehearsed != Rehearsed::AreCompleted
    }
}

/// What the ledger knows that a plan needs. Loaded before the read.
#[derive(Debug, Clone, Default)]
pub struct Knowledge {
    /// This schedule's reminders whose start is in the windows, and all its pending ones.
    pub reminders: SeededMap<ReminderKey, KnownReminder>,
    /// The account's reminders that count for the person limit, by person and calendar day of the due time.
    pub people: SeededMap<(Personal, Date), Vec<PersonCall>>,
    /// The opt-out list of all schedules, E.164.
    pub opted_out: OptOuts,
    /// Numbers at which somebody else answered.
    pub wrong_numbers: WrongNumbers,
    /// Times of which the ledger lost its rows by a restore.
    pub gaps: Vec<Gap>,
    /// When this schedule was last evaluated (run or trigger).
    pub previous_evaluation: Option<Timestamp>,
    /// When its last evaluation of all rows was (UTC).
    pub seen_until: Option<Timestamp>,
    /// Its leads of which that evaluation and those before it wrote down whom they found.
    pub watched_leads: Vec<WatchedLead>,
    /// For each appointment, the last evaluation that did not see it; `None` for what the first evaluation saw. Loaded where the
    /// schedule needs it.
    pub first_sights: SeededMap<String, Option<Timestamp>>,
    /// Appointments that are to be told in the call of another one, which is pending.
    pub told_by_pending: SeededMap<ReminderKey, ReminderId>,
    /// How many rows the windows of comparable earlier runs held.
    pub usual_rows: UsualRows,
    /// The calls of this live schedule that a run in shadow mode wrote down for a time to come, with their due times (UTC), as far
    /// as they have no reminder yet: nobody else makes them.
    pub rehearsed_to_come: SeededMap<ReminderKey, Timestamp>,
}

impl Knowledge {
    /// Takes out what this run planned and what was planned after it. Of earlier evaluations nothing is known then.
    pub fn forget_since(&mut self, run: RunId) {
        // ids of reminders and runs are made in the order of time
        let is_earlier = |id: &ReminderId| id.0 < run.0;
        self.reminders.retain(|_, known| is_earlier(&known.id));
        self.people.values_mut().for_each(|calls| calls.retain(|call| is_earlier(&call.id)));
        self.told_by_pending.retain(|_, id| is_earlier(id));
        self.first_sights.clear();
        self.watched_leads.clear();
        self.usual_rows.approved = None;
        (self.previous_evaluation, self.seen_until) = (None, None);
    }
}

/// The opt-out list of all schedules: it says of a number whether it is on it, and never which ones are.
#[derive(Clone, Default)]
pub struct OptOuts(Option<Arc<IsListed>>);

/// Whether a number (E.164) is on the list.
type IsListed = dyn Fn(&str) -> bool + Send + Sync;

impl OptOuts {
    /// A list that isn't empty.
    pub fn new(is_listed: impl Fn(&str) -> bool + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(is_listed)))
    }

    /// Whether it holds this number (E.164).
    #[must_use]
    pub fn holds(&self, phone: &str) -> bool {
        self.0.as_ref().is_some_and(|is_listed| is_listed(phone))
    }
}

impl std::fmt::Debug for OptOuts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.0.is_some() { "a list" } else { "an empty list" })
    }
}

/// Numbers of an account at which somebody else answered: they say it of a person and a number, and never which ones they are.
#[derive(Clone, Default)]
pub struct WrongNumbers(Option<Arc<IsWrongNumber>>);

/// Whether a number (E.164) is not that person's.
type IsWrongNumber = dyn Fn(&str, &str) -> bool + Send + Sync;

impl WrongNumbers {
    /// A list of known wrong numbers: `is_wrong` is asked with the person and the number (E.164).
    pub fn new(is_wrong: impl Fn(&str, &str) -> bool + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(is_wrong)))
    }

    /// Whether somebody else answered at this number (E.164) when the person was called.
    #[must_use]
    pub fn hold(&self, person: &str, phone: &str) -> bool {
        self.0.as_ref().is_some_and(|is_wrong| is_wrong(person, phone))
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }
}

impl std::fmt::Debug for WrongNumbers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.is_empty() { "no wrong number" } else { "wrong numbers" })
    }
}

/// A call that counts for its person on a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonCall {
    /// Its reminder.
    pub id: ReminderId,
    /// The first reminder of its chain: a call and its retries count as one.
    pub chain: ReminderId,
    /// When it is or was due (UTC).
    pub due_at: Timestamp,
    /// Its schedule, when it is another one.
    pub schedule: Option<Arc<str>>,
    /// Whether a run in shadow mode would have made it.
    pub is_shadow: bool,
    /// Its appointment's id and start (UTC), when it is of this schedule.
    pub appointment: Option<(String, Timestamp)>,
}

/// What the ledger holds under a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownReminder {
    /// The reminder's id.
    pub id: ReminderId,
    /// Its state.
    pub state: State,
    /// When it was due; kept when it is planned again.
    pub due_at: Timestamp,
    /// Settled, or when it was last touched.
    pub updated_at: Timestamp,
    /// Nobody was phoned for it and it is over: planning it again returns it to pending. So it is for a cancelled one without
    /// attempts of unknown fate, and for one that a sandbox accepted while the target had another address.
    pub may_return: bool,
    /// Whether a sandbox accepted it.
    pub is_trial: bool,
    /// The appointment in whose call this one was told.
    pub told_with: Option<String>,
    /// Whether a run in shadow mode would have made the call: tickler called nobody.
    pub is_shadow: bool,
    /// What became of its call.
    pub outcome: Option<CallOutcome>,
    /// What became of the call before, for a retry.
    pub previous_outcome: Option<CallOutcome>,
    /// The person it counts for and the recipient's day of its due time.
    pub person: Personal,
    /// The calendar day of the due time.
    pub due_day: Date,
}

impl KnownReminder {
    /// A call that a run in shadow mode at `at` (UTC) would have made: it counts as made.
    #[must_use]
    pub const fn shadowed(id: ReminderId, person: Personal, due_day: Date, due_at: Timestamp, at: Timestamp) -> Self {
        Self {
            id,
            state: State::Delivered,
            due_at,
            updated_at: at,
            may_return: false,
            is_trial: false,
            told_with: None,
            is_shadow: true,
            outcome: None,
            previous_outcome: None,
            person,
            due_day,
        }
    }
}

impl Knowledge {
    /// Adds an appointment that the call of another appointment names, be that call made or pending.
    pub fn add_merged(&mut self, key: ReminderKey, told: KnownReminder) {
        match told.state {
            State::Pending => drop(self.told_by_pending.insert(key, told.id)),
            State::Sending | State::Delivered | State::Uncertain if !told.may_return => self.add_told((key, told)),
            State::Sending
            | State::Delivered
            | State::Uncertain
            | State::Failed
            | State::Expired
            | State::Cancelled
            | State::Dropped => {}
        }
    }

    /// Adds a call that a run in shadow mode would have made, unless a pending call names the appointment.
    pub fn add_rehearsed(&mut self, (key, rehearsed): (ReminderKey, KnownReminder)) {
        if !self.told_by_pending.contains_key(&key) {
            self.add_told((key, rehearsed));
        }
    }

    /// Adds what counts as a call (a run in shadow mode would have made it, or another appointment's call told it), unless a
    /// reminder of the same key is on its way or over.
    pub fn add_told(&mut self, (key, told): (ReminderKey, KnownReminder)) {
        match self.reminders.get(&key) {
            Some(known) if !known.may_return => {}
            Some(_) | None => drop(self.reminders.insert(key, told)),
        }
    }
}

/// The whole decision of one evaluation.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// Rows by fate; `rows` is the sum of the other four.
    pub counts: Counts,
    /// Rows of the windows; `None` when one appointment alone was planned.
    pub in_window: Option<u64>,
    /// The rows counted as reminded already, by what is known of them.
    pub reminded: Reminded,
    /// The first appointments of those that count as called because a run in shadow mode would have called them.
    pub rehearsed: Vec<String>,
    /// The starts that the source has, when none of its rows is in a window.
    pub elsewhere: Option<SourceStarts>,
    /// Who is called, soonest start first.
    pub reminders: Vec<PlannedReminder>,
    /// Who may have been called in a time of which the ledger lost its rows; a person resolves them.
    pub forgotten: Vec<PlannedReminder>,
    /// Who isn't, in the order of the rows.
    pub skipped: Vec<SkippedRow>,
    /// Pending reminders that the read gives evidence against.
    pub cancellations: Vec<Cancellation>,
    /// Why nobody is called although the read succeeded.
    pub held: Option<Held>,
    /// What each rule answered for the appointment that was to be explained.
    pub explanation: Option<Explanation>,
    /// Appointments of the windows that no evaluation saw before.
    pub first_sights: Vec<FirstSight>,
    /// The leads whose appointments are written down from this evaluation on, where that is new.
    pub newly_watched: Option<Vec<WatchedLead>>,
    /// What a person should know of the read although it is used: signs that it may be a part.
    pub notes: Vec<String>,
}

impl Plan {
    /// The plan as it may be stored: where a phone has two readings, or was read without its 0, the sentence that shows how
    /// hides its middle.
    #[must_use]
    pub fn without_numbers(mut self) -> Self {
        let invalid = SkipReason::InvalidPhone;
        for row in self.skipped.iter_mut().filter(|row| row.reason == invalid) {
            row.detail = phone::masked(&row.detail).into_owned();
        }
        for note in self.reminders.iter_mut().filter_map(|reminder| reminder.note.as_mut()) {
            *note = phone::masked(note).into_owned();
        }
        for cancellation in self.cancellations.iter_mut().filter(|it| it.reason == invalid.as_str()) {
            cancellation.detail = phone::masked(&cancellation.detail).into_owned();
        }
        self
    }
}

/// Rows by fate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Counts {
    /// All rows read.
    pub rows: u64,
    /// Rows in no lead's window.
    pub outside_window: u64,
    /// Rows to be called about, those that are pending already among them.
    pub planned: u64,
    /// Rows nobody is called about, each with a reason.
    pub skipped: u64,
    /// Delivered, sending, uncertain, failed, expired or dropped already.
    pub already_reminded: u64,
}

/// One call to be made.
#[derive(Debug, Clone)]
pub struct PlannedReminder {
    /// A new id, or the pending one's.
    pub id: ReminderId,
    /// Whether the ledger holds it.
    pub standing: Standing,
    /// The appointment's id.
    pub appointment_id: String,
    /// Its start (UTC).
    pub starts_at: Timestamp,
    /// The lead before the start.
    pub lead: Lead,
    /// When it is due by the lead (UTC); calling hours not yet applied.
    pub due_at: Timestamp,
    /// When it would really go out: not before now, after the hours' opening (UTC).
    pub send_at: Timestamp,
    /// Sent before this, or not at all (UTC).
    pub expires_at: Timestamp,
    /// E.164.
    pub phone: Personal,
    /// Who it is, for the person limit.
    pub person: Personal,
    /// The recipient's calendar day of the due time.
    pub due_day: Date,
    /// The recipient's zone (IANA).
    pub recipient_zone: Arc<str>,
    /// Whether it comes before the others of its account.
    pub priority: Priority,
    /// The rendered payload: the exact bytes to send.
    pub payload: Payload,
    /// How lists name the appointment, when the schedule says so.
    pub label: Option<Personal>,
    /// The rendered contact fields of `target.call`.
    pub contact: Option<Payload>,
    /// `ambiguous_time`, `unassigned range`, or both.
    pub note: Option<String>,
    /// The start this person was called about before, when it differs.
    pub previous_starts_at: Option<Timestamp>,
    /// Other appointments that are told in this call.
    pub merged: Vec<MergedAppointment>,
    /// The pending call that names the appointment and that may not be made any more.
    pub takes_over: Option<ReminderId>,
    /// Earlier calls about the same appointment that this one corrects: they don't count against it.
    pub corrects: Vec<ReminderId>,
}

/// What the ledger holds of a planned reminder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// No such key yet.
    New,
    /// Pending: keeps id, due time and tries.
    Pending,
    /// It was cancelled and returns under its id.
    Returning,
}

/// One row in the window that isn't called.
#[derive(Debug, Clone)]
pub struct SkippedRow {
    /// The row's number in the source.
    pub row: u64,
    /// Its id, when the row has one.
    pub appointment_id: Option<String>,
    /// Its start, when it could be read (UTC).
    pub starts_at: Option<Timestamp>,
    /// The lead with which it would have been called.
    pub lead: Option<Lead>,
    /// The rule that skips the row.
    pub reason: SkipReason,
    /// A sentence: the input, the rule, the remedy. Personal data only as the audit's `detail` may hold it; no phone.
    pub detail: String,
    /// What the cell of the start holds, where it can't be read as a time. It is shown to whoever plans, and stored nowhere.
    pub cell: Option<Personal>,
    /// E.164 when known.
    pub phone: Option<Personal>,
    /// The recipient's zone when known, for showing times.
    pub recipient_zone: Option<String>,
    /// How lists name the appointment, when the schedule says so and the row can be read.
    pub label: Option<Personal>,
    /// The phone of the person whose label it is (E.164), also where no rule asked for it. It is kept as a keyed hash alone.
    pub label_phone: Option<Personal>,
}

/// A pending reminder that is not sent any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cancellation {
    /// The reminder's id.
    pub id: ReminderId,
    /// Why: `moved`, `missing`, or the skip reason's word.
    pub reason: String,
    /// A sentence.
    pub detail: String,
}
