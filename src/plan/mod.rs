//! pure: the rules in their order decide who is called, when, and why not.

mod decide;
mod evidence;
pub mod explain;
mod gap;
mod halves;
mod judging;
pub mod payload;
mod people;
mod planner;
mod rules;
mod window;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::Value;

use crate::appointment::phone;
use crate::reminder::{Lead, ReminderId, ReminderKey, SkipReason, State};
use crate::template::Payload;

pub use decide::Candidates;
pub use explain::Explanation;
pub use gap::{Gap, set_apart};
pub use planner::Planner;
pub use window::{LeadWindow, due_days, lead_windows, read_span, windows};

/// The circumstances of one evaluation.
#[derive(Debug, Clone)]
pub struct Occasion {
    /// The time the run stands for (UTC).
    pub nominal_at: Timestamp,
    /// The moment of evaluation (UTC).
    pub now: Timestamp,
    /// Touch that appointment alone.
    pub only: Option<String>,
}

/// What the ledger knows that a plan needs. Loaded before the read.
#[derive(Debug, Clone, Default)]
pub struct Knowledge {
    /// This schedule's reminders whose start lies in the windows, and all its pending ones.
    pub reminders: HashMap<ReminderKey, Known>,
    /// Per person key and calendar day of the due time: the account's reminders that count (`State::counts_for_person`).
    pub people: HashMap<(String, Date), Vec<ReminderId>>,
    /// The house's opt-out list, E.164.
    pub opted_out: HashSet<String>,
    /// Times whose calls the ledger has forgotten.
    pub gaps: Vec<Gap>,
    /// When this schedule was last evaluated (run or trigger).
    pub previous_evaluation: Option<Timestamp>,
}

/// What the ledger holds under a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// Its id.
    pub id: ReminderId,
    /// Where it stands.
    pub state: State,
    /// When it was due; kept when it is planned again.
    pub due_at: Timestamp,
    /// Settled, or when it was last touched.
    pub updated_at: Timestamp,
    /// For a cancelled one: none of its attempts has an unknown fate, so planning it again returns it to pending.
    pub may_return: bool,
    /// The person it counts for and the recipient's day of its due time.
    pub person: String,
    /// That day.
    pub due_day: Date,
}

/// The whole decision of one evaluation.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// Rows by fate; `rows` is the sum of the other four.
    pub counts: Counts,
    /// Who is called, soonest start first.
    pub reminders: Vec<PlannedReminder>,
    /// Who may have been called in a time that the ledger has forgotten; a person settles them.
    pub forgotten: Vec<PlannedReminder>,
    /// Who isn't, in the order of the rows.
    pub skipped: Vec<SkippedRow>,
    /// Pending reminders that the read gives evidence against.
    pub cancellations: Vec<Cancellation>,
    /// Why nobody is called although the read succeeded.
    pub held: Option<Held>,
}

impl Plan {
    /// The plan as it may be stored: where a phone has two readings, the sentence that shows both hides their middle.
    #[must_use]
    pub fn without_numbers(mut self) -> Self {
        let invalid = SkipReason::InvalidPhone;
        for row in self.skipped.iter_mut().filter(|row| row.reason == invalid) {
            row.detail = phone::masked(&row.detail).into_owned();
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
    /// Not in any lead's window.
    pub outside_window: u64,
    /// To be called, those already pending among them.
    pub planned: u64,
    /// Not to be called, with a reason.
    pub skipped: u64,
    /// Delivered, sending, uncertain, failed, expired or dropped already.
    pub already_reminded: u64,
}

/// One call to be made.
#[derive(Debug, Clone)]
pub struct PlannedReminder {
    /// A new id, or the pending one's.
    pub id: ReminderId,
    /// Whether it is new, pending already, or returns from `cancelled`.
    pub standing: Standing,
    /// The appointment's id.
    pub appointment_id: String,
    /// Its start (UTC).
    pub starts_at: Timestamp,
    /// Which lead.
    pub lead: Lead,
    /// When it is due by the lead (UTC); calling hours not yet applied.
    pub due_at: Timestamp,
    /// When it would really go out: not before now, after the hours' opening (UTC).
    pub send_at: Timestamp,
    /// Sent before this, or not at all (UTC).
    pub expires_at: Timestamp,
    /// E.164.
    pub phone: String,
    /// Who it is, for the person limit.
    pub person: String,
    /// The recipient's calendar day of the due time.
    pub due_day: Date,
    /// The recipient's zone (IANA).
    pub recipient_zone: Arc<str>,
    /// The rendered payload: the exact bytes to send.
    pub payload: Payload,
    /// The rendered contact fields of `target.call`, else null.
    pub contact: Value,
    /// `ambiguous_time`, `unassigned range`, or both.
    pub note: Option<String>,
    /// The start last told for this appointment, when it differs.
    pub previous_starts_at: Option<Timestamp>,
}

/// How a planned reminder stands to the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// No such key yet.
    New,
    /// Pending already: keeps id, due time and tries.
    Pending,
    /// Was cancelled and returns under its id.
    Returning,
}

/// One row in the window that isn't called.
#[derive(Debug, Clone)]
pub struct SkippedRow {
    /// The row's number in the source.
    pub row: u64,
    /// Empty when the row has none.
    pub appointment_id: Option<String>,
    /// When it could be read (UTC).
    pub starts_at: Option<Timestamp>,
    /// Which lead it would have been.
    pub lead: Option<Lead>,
    /// Why.
    pub reason: SkipReason,
    /// A sentence: the input, the rule, the remedy. Personal data only as the audit's `detail` may hold it; no phone.
    pub detail: String,
    /// E.164 when known.
    pub phone: Option<String>,
    /// The recipient's zone when known, for showing times.
    pub recipient_zone: Option<String>,
}

/// A pending reminder that goes no more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cancellation {
    /// Which.
    pub id: ReminderId,
    /// Why: `moved`, `missing`, or the skip reason's word.
    pub reason: String,
    /// A sentence.
    pub detail: String,
}

/// A guard that stopped a run.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Held {
    /// Which guard: `max_calls`.
    pub guard: String,
    /// Why, and what to do.
    pub detail: String,
}

/// Hashing for what is counted once a row: seeded anew in every process, and several times as fast as the standard one.
type Seed = foldhash::fast::RandomState;

/// Cancellations in one order, whatever the order of rules that found them.
fn evidence_order(cancellations: &mut Vec<Cancellation>) {
    cancellations.sort_by_key(|cancellation| cancellation.id);
    cancellations.dedup_by_key(|cancellation| cancellation.id);
}
