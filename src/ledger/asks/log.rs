//! pure: what the ledger is asked about its audit log, about what is too old and about a restore, and what it answers.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

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

/// The time whose fates are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FatesAsk {
    /// The beginning of that time (UTC).
    pub since: Timestamp,
    /// The end of that time (UTC), which is not in it.
    pub until: Timestamp,
}

/// The appointments whose labels are asked for.
#[derive(Debug, Clone, Default)]
pub struct LabelsAsk {
    /// Appointments: the schedule's name and the id.
    pub appointments: BTreeSet<(String, String)>,
}

/// The description of a person by somebody who doesn't know the whole phone number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PeopleAsk {
    /// People whose phone ends with these four digits.
    LastFour(Personal),
    /// People whose appointment the schedule names with this text, in upper or lower case.
    Named(Personal),
}

/// An appointment of somebody who was looked for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FoundAppointment {
    /// The schedule's name.
    pub schedule: String,
    /// Its id.
    pub appointment_id: String,
}

/// Who was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FoundPeople {
    /// The newest first, [`FoundPeople::MAX_APPOINTMENTS`] at most.
    pub appointments: Vec<FoundAppointment>,
    /// Whatever was written before this (UTC) was not searched; `None` where everything that is kept was.
    pub since: Option<Timestamp>,
}

impl FoundPeople {
    /// How many appointments are found at most: a list for people.
    pub const MAX_APPOINTMENTS: usize = 50;
    /// How many of the log's rows are searched for four digits. No index knows them, since one would have to be written with each
    /// call; this many rows take about 40 ms.
    pub const ROWS: u64 = 500_000;
    /// How many names are searched, which takes about as long.
    pub const NAMES: u64 = 100_000;
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
