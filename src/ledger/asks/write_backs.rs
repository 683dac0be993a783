//! pure: write-backs of outcomes as the ledger keeps them, and what it is asked and told about them.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::reminder::{CallOutcome, ReminderId, WriteBackState};

/// An outcome on its way to where the appointment comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WriteBackRow {
    /// Of which reminder.
    pub reminder_id: ReminderId,
    /// Counts the write-backs of that reminder from 1; with its id the idempotency key.
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
    /// Not before (UTC).
    pub next_at: Timestamp,
    /// When the outcome came (UTC).
    pub created_at: Timestamp,
    /// A word on how it ended, or on why it is tried again.
    pub reason: Option<String>,
}

impl WriteBackRow {
    /// Sent with each of its requests: the receiver may get one twice.
    #[must_use]
    pub fn idempotency_key(&self) -> String {
        format!("{}.{}", self.reminder_id, self.number)
    }
}

/// Which write-backs.
#[derive(Debug, Clone)]
pub enum WriteBacksAsk {
    /// Those of a reminder, by number.
    Of(ReminderId),
    /// Those of these reminders, by reminder and number.
    OfMany(Vec<ReminderId>),
    /// Those of an appointment of a schedule that wait.
    Waiting {
        /// The schedule's name.
        schedule: String,
        /// The appointment's id.
        appointment_id: String,
    },
    /// Those that wait and are due, the oldest first.
    Due {
        /// By now (UTC).
        now: Timestamp,
        /// At most this many.
        limit: u32,
    },
    /// Those that failed and that nobody has acknowledged, the oldest first.
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
    /// Of which reminder.
    pub reminder_id: ReminderId,
    /// Which of its write-backs.
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
    /// Of that reminder; `None`: all.
    pub reminder_id: Option<ReminderId>,
    /// The reason given.
    pub reason: Option<String>,
    /// The user.
    pub actor: String,
    /// The current instant (UTC).
    pub now: Timestamp,
}
