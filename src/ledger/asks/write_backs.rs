//! pure: write-backs of outcomes as the ledger keeps them, and what it is asked and told about them.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::reminder::{CallOutcome, ReminderId, WriteBackState};

/// An outcome on its way to where the appointment comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WriteBackRow {
    /// The reminder whose call had the outcome.
    pub reminder_id: ReminderId,
    /// Counts the write-backs of this reminder from 1; with its id the idempotency key.
    pub number: u32,
    /// The schedule's name.
    pub schedule: String,
    /// The appointment.
    pub appointment_id: String,
    /// The start that was called about (UTC).
    pub starts_at: Timestamp,
    /// What is written.
    pub outcome: CallOutcome,
    /// The outcome's own time (UTC).
    pub outcome_at: Timestamp,
    /// The other side's id of the call.
    pub call_id: Option<String>,
    /// How it stands.
    pub state: WriteBackState,
    /// Requests that were made for it.
    pub tries: u32,
    /// The earliest time of the next request (UTC).
    pub next_at: Timestamp,
    /// When the outcome came (UTC).
    pub created_at: Timestamp,
    /// A word on how it ended, or on why it is tried again.
    pub reason: Option<String>,
}

impl WriteBackRow {
    /// The key that is sent with each of its requests: the receiver may get one twice.
    #[must_use]
    pub fn idempotency_key(&self) -> String {
        format!("{}.{}", self.reminder_id, self.number)
    }
}

/// The write-backs that are asked for.
#[derive(Debug, Clone)]
pub enum WriteBacksAsk {
    /// The write-backs of a reminder, by number.
    Of(ReminderId),
    /// The write-backs of these reminders, by reminder and number.
    OfMany(Vec<ReminderId>),
    /// The pending write-backs of an appointment of a schedule.
    Waiting {
        /// The schedule's name.
        schedule: String,
        /// The appointment's id.
        appointment_id: String,
    },
    /// The pending write-backs that are due, the oldest first.
    Due {
        /// The current instant (UTC).
        now: Timestamp,
        /// At most this many write-backs.
        limit: u32,
    },
    /// The write-backs that failed and that nobody has acknowledged, the oldest first.
    Failed,
}

/// How an attempt to write an outcome ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WriteBackEnd {
    /// The other side accepted it.
    Sent,
    /// It is tried again, not before this (UTC).
    Again(Timestamp),
    /// It is given up.
    Failed,
    /// It is not sent any more.
    Dropped,
}

/// An attempt to write an outcome, and how it ended.
#[derive(Debug, Clone)]
pub struct SettledWriteBack {
    /// The reminder.
    pub reminder_id: ReminderId,
    /// The number of the write-back among those of the reminder.
    pub number: u32,
    /// How it ended.
    pub to: WriteBackEnd,
    /// Why it is tried again, given up or dropped: a word.
    pub reason: Option<String>,
    /// A sentence about it, without personal data.
    pub detail: Option<String>,
    /// The HTTP status, when one came.
    pub http_status: Option<u16>,
    /// How long the request took; `None` where none was made.
    pub latency: Option<Duration>,
    /// Who wrote it.
    pub actor: String,
    /// The current instant (UTC).
    pub now: Timestamp,
}

/// A person has seen that outcomes could not be written.
#[derive(Debug, Clone)]
pub struct AcknowledgeWriteBacks {
    /// The reminder whose failed write-backs are meant; `None`: those of all reminders.
    pub reminder_id: Option<ReminderId>,
    /// The reason given.
    pub reason: Option<String>,
    /// The user.
    pub actor: String,
    /// The current instant (UTC).
    pub now: Timestamp,
}
