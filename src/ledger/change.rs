//! pure: a reminder as decisions see it, and what they want to have written of it.
//!
//! A decision answers a [`Change`]; the store writes it whole or not at all. Each change of a held reminder names the state
//! and the attempt it was decided on: where the store finds others, nothing is written and nothing is logged.

use std::borrow::Cow;
use std::fmt;

use jiff::Timestamp;
use jiff::civil::Date;
use sha2::{Digest, Sha256};

use super::chain::Hash;
use super::life::Moved;
use super::returning;
use super::{ReminderTerms, Step};
use crate::audit::{Entry, Event, LoggedPhone};
use crate::outcome::ReportedOutcome;
use crate::personal::Personal;
use crate::plan::PlannedReminder;
use crate::reminder::{Lead, Priority, ReminderId, RunId, State};

/// A reminder as it was loaded from the ledger for a decision.
#[derive(Debug, Clone)]
pub struct LoadedReminder {
    /// The store's own number: it grows with each planned reminder.
    pub nr: i64,
    /// The reminder's id.
    pub id: ReminderId,
    /// The run that planned it first.
    pub run_id: RunId,
    /// The schedule's name.
    pub schedule: String,
    /// The appointment's id.
    pub appointment_id: String,
    /// The appointment's start (UTC).
    pub starts_at: Timestamp,
    /// The lead before the start.
    pub lead: Lead,
    /// The account whose people and rate it shares.
    pub account: String,
    /// E.164; `None` once purged.
    pub phone: Option<Personal>,
    /// Its state.
    pub state: State,
    /// The number of its last attempt; 0 before the first.
    pub attempt: u32,
    /// Refusals counted.
    pub tries: u32,
    /// Attempts of which nobody knows whether they placed a call. A cancelled reminder with any is not brought back by a
    /// plan.
    pub unknown_fates: u32,
    /// A person cancelled it: no plan brings it back.
    pub withdrawn: bool,
    /// It is not sent at or after this (UTC).
    pub expires_at: Timestamp,
    /// Whom it counts for.
    pub person: Personal,
    /// The calling hours as the schedule wrote them.
    pub calling_hours: String,
    /// The recipient's zone (IANA).
    pub recipient_zone: String,
    /// Whether the contact was made anew for it after a 404.
    pub contact_renewed: bool,
    /// The recipient's day of the due time.
    pub due_day: Date,
    /// When it is due by its lead (UTC).
    pub due_at: Timestamp,
    /// It is not sent before this (UTC).
    pub next_at: Timestamp,
    /// Whether it was put off to an opening: the source may say otherwise by then.
    pub waited_for_opening: bool,
    /// When its state was last changed (UTC).
    pub updated_at: Timestamp,
    /// The address at which a sandbox accepted it, as a hash under the ledger's key; `None` where no sandbox did.
    pub trial: Option<Hash>,
    /// What became of its call.
    pub outcome: Option<ReportedOutcome>,
    /// When the first record of its call came (UTC): a request had arrived.
    pub heard_at: Option<Timestamp>,
    /// The first reminder of the chain that it belongs to, for a retry.
    pub root: Option<ReminderId>,
    /// Whether it comes before the others of its account.
    pub priority: Priority,
}

impl LoadedReminder {
    /// The first reminder of its chain: a call and its retries.
    #[must_use]
    pub fn chain(&self) -> ReminderId {
        self.root.unwrap_or(self.id)
    }

    /// Whether it takes one of its person's calls of the day, for a plan that sends to this address (under the ledger's key).
    #[must_use]
    pub fn counts_for_person(&self, target: Option<&Hash>) -> bool {
        self.state.counts_for_person() && !returning::is_past_trial(self.trial.as_ref(), target)
    }

    /// A row of the audit log about this reminder.
    #[must_use]
    pub fn entry(&self, at: Timestamp, event: Event) -> Entry<'_> {
        Entry {
            schedule: Some(self.schedule.as_str().into()),
            run_id: Some(self.run_id),
            reminder_id: Some(self.id),
            appointment_id: Some(self.appointment_id.as_str().into()),
            phone: self.phone.as_deref().map(LoggedPhone::whole),
            starts_at: Some(self.starts_at),
            lead: Some(self.lead),
            ..Entry::new(at, event)
        }
    }

    /// The state in which the reminder must still be when a change of it is written.
    #[must_use]
    pub const fn expected_state(&self) -> ExpectedState {
        ExpectedState { nr: self.nr, state: self.state, attempt: self.attempt }
    }
}

/// The state of a reminder on which a change was decided: where the reminder has another one, nothing is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExpectedState {
    /// The reminder's number.
    pub nr: i64,
    /// The state that it was in.
    pub state: State,
    /// The number of its last attempt.
    pub attempt: u32,
}

/// What a decision wants to have written: the reminder, its attempt and the rows of the audit log, together or not at all.
#[derive(Debug, Clone)]
pub struct Change<'a> {
    /// The reminder.
    pub row: RowChange<'a>,
    /// Its attempt.
    pub attempt: Option<AttemptChange<'a>>,
    /// When it is written (UTC).
    pub at: Timestamp,
    /// What the audit log says of it.
    pub entries: Vec<Entry<'a>>,
}

/// What is written of a reminder.
#[derive(Debug, Clone)]
pub enum RowChange<'a> {
    /// A new reminder; where the store has one with its key, nothing is written.
    Insert(Box<NewRow<'a>>),
    /// A reminder that the store has, if it is still in the expected state.
    Update(ExpectedState, RowUpdate<'a>),
}

/// A new reminder.
#[derive(Debug, Clone)]
pub struct NewRow<'a> {
    /// The reminder's id.
    pub id: ReminderId,
    /// The run that plans it.
    pub run_id: RunId,
    /// Its schedule: with the next three the key.
    pub schedule: &'a str,
    /// Its appointment.
    pub appointment_id: &'a str,
    /// The appointment's start (UTC).
    pub starts_at: Timestamp,
    /// The lead before the start.
    pub lead: Lead,
    /// The first reminder of the chain, and the address at which a sandbox took that one (under the ledger's key); for a retry.
    pub chain: Option<(ReminderId, Option<Hash>)>,
    /// Everything else.
    pub columns: Columns<'a>,
}

/// What is changed of a reminder that the store has.
#[derive(Debug, Clone)]
pub enum RowUpdate<'a> {
    /// What a plan knows of it, and the state.
    Columns(Box<Columns<'a>>),
    /// An intent.
    Taken {
        /// Pending to sending.
        moved: Moved,
        /// The attempt's number.
        attempt: u32,
        /// The account that it is sent with, where the schedule's has changed since it was planned.
        account: Option<&'a str>,
    },
    /// Its state, and nothing that a later attempt needs.
    State {
        /// The state before and the one afterwards.
        moved: Moved,
        /// How many requests of unknown fate it has had by then.
        unknown_fates: u32,
        /// The address at which a sandbox accepts it now, as a hash under the ledger's key.
        trial: Option<Hash>,
    },
    /// Its state with all that a later attempt needs.
    Retry {
        /// The state before and the one afterwards.
        moved: Moved,
        /// The earliest time of the next attempt (UTC).
        next_at: Timestamp,
        /// How many refusals are counted by then.
        tries: u32,
        /// How many requests of unknown fate it has had by then.
        unknown_fates: u32,
        /// Whether the contact was made anew.
        contact_renewed: bool,
    },
    /// A person cancels it.
    Withdrawn {
        /// Pending to cancelled.
        moved: Moved,
    },
    /// What a record of its call, or a person, says.
    Told {
        /// The state before and the one afterwards: delivered where the record shows that a request had arrived.
        moved: Moved,
        /// The outcome that holds now.
        outcome: Option<ReportedOutcome>,
        /// When the first record came (UTC).
        heard_at: Option<Timestamp>,
    },
    /// It waits for its recipient's calling hours.
    PutOff {
        /// Their opening (UTC).
        next_at: Timestamp,
    },
}

/// What becomes of an attempt.
#[derive(Debug, Clone)]
pub enum AttemptChange<'a> {
    /// It is about to be made.
    Begin {
        /// Its number.
        number: u32,
        /// The request that the attempt makes.
        step: Step,
    },
    /// It is over.
    End {
        /// Its number.
        number: u32,
        /// How, in a word.
        outcome: &'static str,
        /// What the exchange brought.
        came: ExchangeResult<'a>,
    },
}

/// What an exchange brought.
#[derive(Debug, Clone, Copy, Default)]
pub struct ExchangeResult<'a> {
    /// The HTTP status, when one came.
    pub http_status: Option<u16>,
    /// How long it took, in µs.
    pub latency_us: Option<i64>,
    /// The other side's id.
    pub remote_id: Option<&'a str>,
    /// A word: `timeout`, `http_503`, `crash`.
    pub class: Option<&'a str>,
}

/// What a plan has rendered of a reminder's row, with the reading that it was rendered from.
#[derive(Clone)]
pub struct RenderedColumns<'a> {
    /// When its source was read (UTC).
    pub read_at: Timestamp,
    /// The exact bytes to send.
    pub payload: &'a str,
    /// The rendered contact fields (JSON), for `target.call`.
    pub contact: Option<Cow<'a, str>>,
    /// How lists name the appointment.
    pub label: Option<&'a str>,
}

/// All that a plan sets in a reminder, new or held.
#[derive(Clone)]
pub struct Columns<'a> {
    /// The account whose people and rate it shares.
    pub account: &'a str,
    /// E.164.
    pub phone: &'a str,
    /// Whom it counts for.
    pub person: &'a str,
    /// The recipient's day of the due time.
    pub due_day: Date,
    /// The recipient's zone (IANA).
    pub recipient_zone: &'a str,
    /// The calling hours as the schedule writes them.
    pub calling_hours: &'a str,
    /// When it is due by its lead (UTC).
    pub due_at: Timestamp,
    /// It is not sent before this (UTC).
    pub next_at: Timestamp,
    /// It is not sent at or after this (UTC).
    pub expires_at: Timestamp,
    /// Its state.
    pub moved: Moved,
    /// Refusals counted.
    pub tries: u32,
    /// Attempts of which nobody knows whether they placed a call.
    pub unknown_fates: u32,
    /// Whether it waits for an opening.
    pub waited_for_opening: bool,
    /// The start that was last reported for this appointment, when it differs (UTC).
    pub previous_starts_at: Option<Timestamp>,
    /// `ambiguous_time`, `unassigned range`, or both.
    pub note: Option<&'a str>,
    /// When its state was last changed (UTC).
    pub updated_at: Timestamp,
    /// What is sent; `None`: its source is still to be read for it.
    pub rendered: Option<RenderedColumns<'a>>,
    /// Whether it comes before the others of its account.
    pub priority: Priority,
}

/// Shows neither phone nor person nor payload.
impl fmt::Debug for Columns<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut columns = f.debug_struct("Columns");
        columns.field("moved", &self.moved).field("due_at", &self.due_at).field("next_at", &self.next_at);
        columns.field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}

impl<'a> Columns<'a> {
    /// A reminder as it is planned now, from a source read at `read_at` (UTC).
    pub(super) fn planned(
        planned: &'a PlannedReminder,
        terms: &'a ReminderTerms,
        moved: Moved,
        now: Timestamp,
        read_at: Timestamp,
    ) -> Self {
        Self {
            account: &terms.account,
            phone: &planned.phone,
            person: &planned.person,
            due_day: planned.due_day,
            recipient_zone: &planned.recipient_zone,
            calling_hours: &terms.calling_hours,
            due_at: planned.due_at,
            next_at: planned.send_at,
            expires_at: planned.expires_at,
            moved,
            tries: 0,
            unknown_fates: 0,
            // the hours open later than it is due: the source may say otherwise by then
            waited_for_opening: planned.send_at > now && planned.send_at > planned.due_at,
            previous_starts_at: planned.previous_starts_at,
            note: planned.note.as_deref(),
            updated_at: now,
            rendered: Some(RenderedColumns {
                read_at,
                payload: planned.payload.as_str(),
                contact: planned.contact.as_ref().map(|contact| contact.as_str().into()),
                label: planned.label.as_deref(),
            }),
            priority: planned.priority,
        }
    }

    /// The SHA-256 of the payload: it outlives the payload.
    #[must_use]
    pub fn payload_hash(&self) -> [u8; 32] {
        Sha256::digest(self.kept_payload().as_bytes()).into()
    }

    /// The payload as a store keeps it: an empty tree until it is rendered, which is never sent.
    #[must_use]
    pub fn kept_payload(&self) -> &'a str {
        self.rendered.as_ref().map_or("{}", |rendered| rendered.payload)
    }
}
