//! pure: what the ledger is asked about reminders to send, attempts that have ended and decisions of persons, and what it
//! answers.

use std::collections::HashMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::OutcomeByHand;
use crate::attempt::{Intent, Settlement};
use crate::ledger::gate::{Hold, Machine};
use crate::personal::Personal;
use crate::reminder::{CallOutcome, Lead, ReminderId, RunId, State};
use crate::seeded::SeededMap;
use crate::settings::Rate;

/// What may be sent now.
#[derive(Debug, Clone)]
pub struct TakeIntents {
    /// The current instant (UTC).
    pub now: Timestamp,
    /// One for each schedule that may send.
    pub lanes: Vec<Lane>,
    /// The id of the only appointment whose reminders are taken; `None`: of all.
    pub only: Option<String>,
    /// A row whose source was last read longer ago needs a fresh read first.
    pub fresh_for: Duration,
    /// The state of this machine, which may keep everybody from being called.
    pub machine: Machine,
    /// Who takes them.
    pub actor: String,
}

/// A schedule that may send, with what the ledger must know of it to hand its reminders out.
#[derive(Debug, Clone)]
pub struct Lane {
    /// The schedule's name.
    pub schedule: String,
    /// The account whose rate the schedule shares.
    pub account: String,
    /// The account's rate.
    pub rate: Rate,
    /// How many requests may be added.
    pub free: u32,
    /// Whether a contact must be known before the call.
    pub needs_contact: bool,
    /// Fingerprint of the account's credentials: a pause after 401 ends when it changes.
    pub credentials: String,
}

/// What taking intents came to.
#[derive(Debug, Clone, Default)]
pub struct Taken {
    /// The intents, to be sent at once.
    pub intents: Vec<Intent>,
    /// Due, but only after a fresh read: which run's read, of which schedule.
    pub stale: Vec<(String, RunId)>,
    /// Became `expired` on the way.
    pub expired: u64,
    /// When to ask again (UTC), if nothing else happens.
    pub wake_at: Option<Timestamp>,
    /// Nobody could be called, and the end of the reason has to be looked for: no reminder was touched.
    pub held: Option<Hold>,
}

/// One request of a test call that is about to be sent.
#[derive(Debug, Clone)]
pub struct TestAsk {
    /// The current instant (UTC).
    pub now: Timestamp,
    /// The way out of its schedule.
    pub lane: Lane,
    /// The state of this machine.
    pub machine: Machine,
}

/// Whether a request of a test call may be sent now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TestSlot {
    /// It may: a slot of its account's rate is taken.
    Taken,
    /// Other requests of its account go first: not before this instant (UTC).
    NotBefore(Timestamp),
    /// Nobody may be called: the gravest reason.
    Held(Hold),
}

/// How a request of a test call was answered.
#[derive(Debug, Clone)]
pub struct TestAnswered {
    /// The schedule's name.
    pub schedule: String,
    /// The account that it was sent with.
    pub account: String,
    /// How it ended.
    pub settlement: Settlement,
}

/// What an exchange came to.
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
    /// The current instant (UTC).
    pub now: Timestamp,
    /// Schedules with `on_uncertain = "resend"`, with their attempts.
    pub resend: HashMap<String, u32>,
    /// The user or component that did it.
    pub actor: String,
}

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recovered {
    /// How many reminders were `sending` and are uncertain now.
    pub uncertain: u64,
    /// How many of those are pending again by `resend`.
    pub resent: u64,
}

/// A person's word.
#[derive(Debug, Clone)]
pub struct Resolve {
    /// The reminder.
    pub reminder_id: ReminderId,
    /// What they say.
    pub verdict: Resolution,
    /// The reason given.
    pub reason: String,
    /// The user or component that did it.
    pub actor: String,
    /// The current instant (UTC).
    pub now: Timestamp,
}

/// A person's cancellation.
#[derive(Debug, Clone)]
pub struct CancelByHand {
    /// The reminder.
    pub reminder_id: ReminderId,
    /// The reason given.
    pub reason: String,
    /// The user or component that did it.
    pub actor: String,
    /// The current instant (UTC).
    pub now: Timestamp,
}

/// What a person decides about one reminder.
#[derive(Debug, Clone)]
pub enum ByHand {
    /// What nobody else can know.
    Resolve(Resolve),
    /// The cancellation of a pending one: it is not sent, and no plan brings it back.
    Cancel(CancelByHand),
    /// What became of its call.
    Outcome(OutcomeByHand),
}

/// How a person resolves an uncertain reminder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resolution {
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
    /// The reminder's id.
    pub id: ReminderId,
    /// The schedule's name.
    pub schedule: String,
    /// The run that planned it first.
    pub run_id: RunId,
    /// Its appointment.
    pub appointment_id: String,
    /// The appointment's start (UTC).
    pub starts_at: Timestamp,
    /// The lead before the start.
    pub lead: Lead,
    /// E.164; `None` once purged.
    pub phone: Option<Personal>,
    /// Its state.
    pub state: State,
    /// When the call is due (UTC).
    pub due_at: Timestamp,
    /// The earliest time of the next attempt (UTC).
    pub next_at: Timestamp,
    /// It is not sent at or after this (UTC).
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
    pub payload: Option<Personal>,
    /// When it last changed (UTC).
    pub updated_at: Timestamp,
    /// Whether a sandbox accepted it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub trial: bool,
    /// How lists name the appointment; `None` once purged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<Personal>,
    /// What became of its call.
    #[serde(default)]
    pub outcome: Option<CallOutcome>,
    /// The outcome's own time (UTC).
    #[serde(default)]
    pub outcome_at: Option<Timestamp>,
    /// The recipient's calling hours, as the schedule wrote them.
    #[serde(skip)]
    pub calling_hours: String,
    /// The recipient's zone (IANA).
    #[serde(skip)]
    pub recipient_zone: String,
}

/// The conditions that reminders have to meet to be listed; what is not set selects nothing.
#[derive(Debug, Clone, Default)]
pub struct ReminderAsk {
    /// The reminder with this id.
    pub id: Option<ReminderId>,
    /// Reminders whose id begins with this.
    pub id_prefix: Option<String>,
    /// Reminders with one of these ids (empty: any), answered in this order without those that aren't there.
    pub ids: Vec<ReminderId>,
    /// Reminders of this schedule.
    pub schedule: Option<String>,
    /// Reminders in one of these states (empty: any).
    pub states: Vec<State>,
    /// Reminders of this appointment.
    pub appointment_id: Option<String>,
    /// Whether only calls that are made again are meant.
    pub only_retries: bool,
    /// At most this many reminders.
    pub limit: Option<u64>,
}

impl ReminderAsk {
    /// What was found, in the order of the ids that were asked for, if any were; no more than were asked for.
    pub(in crate::ledger) fn in_order<T>(&self, mut found: Vec<T>, id: impl Fn(&T) -> ReminderId) -> Vec<T> {
        if !self.ids.is_empty() {
            let place: SeededMap<ReminderId, usize> =
                self.ids.iter().enumerate().map(|(place, id)| (*id, place)).collect();
            found.sort_by_cached_key(|row| place.get(&id(row)).copied());
        }
        found.truncate(self.limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX));
        found
    }
}

/// Where a reminder stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReminderBrief {
    /// The reminder's id.
    pub id: ReminderId,
    /// Its appointment.
    pub appointment_id: String,
    /// Its state.
    pub state: State,
    /// Whether a sandbox accepted it.
    pub is_trial: bool,
    /// How lists name the appointment; `None` once purged.
    pub label: Option<Personal>,
    /// Attempts made.
    pub attempts: u32,
    /// The last attempt's status.
    pub http_status: Option<u16>,
    /// What became of its call.
    pub outcome: Option<CallOutcome>,
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

/// Pending reminders of one schedule that are due within the same five minutes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct QueueSlot {
    /// The schedule's name.
    pub schedule: String,
    /// Where the five minutes begin (UTC).
    pub from: Timestamp,
    /// How many.
    pub count: u64,
}

/// The length of a [`QueueSlot`].
pub const SLOT_MICROS: i64 = 5 * 60 * 1_000_000;
