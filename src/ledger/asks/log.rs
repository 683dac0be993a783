//! pure: the audit log's end and its checks, what is too old, what a restore came to.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::audit::Event;
use crate::personal::Personal;

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
    /// Where the former ledger is.
    pub kept: Option<std::path::PathBuf>,
    /// Numbers that were taken over from the former ledger's opt-out list; `None` where there is none that could be read.
    pub optouts: Option<u64>,
}

/// What is too old.
#[derive(Debug, Clone, Copy)]
pub struct Prune {
    /// Payloads settled before this instant are removed (UTC).
    pub payloads_before: Timestamp,
    /// Rows written before this instant are removed (UTC).
    pub audit_before: Timestamp,
    /// The current instant (UTC).
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

/// Which rows of the log are counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogCountAsk {
    /// At or after (UTC).
    pub since: Timestamp,
    /// Before (UTC).
    pub until: Timestamp,
    /// Of that schedule; of all without one.
    pub schedule: Option<String>,
}

/// Rows are counted by quarters of an hour, because every zone's offset is a multiple of one.
pub const QUARTER_MICROS: i64 = 15 * 60 * 1_000_000;

/// Rows of the log that have schedule, event, reason and quarter of an hour in common.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct LogCount {
    /// Where the quarter begins (UTC).
    pub quarter: Timestamp,
    /// The schedule's name.
    pub schedule: Option<String>,
    /// What happened.
    pub event: Event,
    /// A skip's reason, an error's class.
    pub reason: Option<String>,
    /// How many rows.
    pub count: u64,
}

/// A person to be erased.
#[derive(Debug, Clone)]
pub struct Forget {
    /// E.164.
    pub phone: Personal,
    /// The current instant (UTC).
    pub now: Timestamp,
    /// The user or component that did it.
    pub actor: String,
}

/// What was erased.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Forgotten {
    /// Rows of the log that have lost their personal fields.
    pub rows: u64,
    /// Reminders that have lost phone, payload and label.
    pub reminders: u64,
    /// Pending ones among them, which are cancelled.
    pub cancelled: u64,
    /// The contacts that were remembered: account and id.
    pub contacts: Vec<(String, String)>,
}
