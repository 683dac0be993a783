//! pure: pauses and the opt-out list: how the ledger is asked to change them, and how they stand.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::personal::Personal;

/// A pause to be set.
#[derive(Debug, Clone)]
pub struct Pause {
    /// `None`: all.
    pub schedule: Option<String>,
    /// The reason given.
    pub reason: String,
    /// The end of the pause (UTC); `None`: until somebody resumes.
    pub until: Option<Timestamp>,
    /// The current instant (UTC).
    pub now: Timestamp,
    /// The user or component that did it.
    pub actor: String,
}

/// What an operator changes of a pause.
#[derive(Debug, Clone)]
pub enum HoldChange {
    /// Sets it.
    Pause(Pause),
    /// Lifts it: of a schedule with its target, or of everything with all accounts and targets.
    Resume(Resume),
}

/// A pause to be lifted.
#[derive(Debug, Clone)]
pub struct Resume {
    /// `None`: all.
    pub schedule: Option<String>,
    /// The reason given.
    pub reason: Option<String>,
    /// The current instant (UTC).
    pub now: Timestamp,
    /// The user or component that did it.
    pub actor: String,
}

/// A number on the opt-out list. The number itself is kept as a keyed hash alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OptOut {
    /// Its last four digits.
    pub phone_last4: String,
    /// When the number was put on the list (UTC).
    pub since: Timestamp,
    /// Who put it there.
    pub actor: String,
    /// The reason given.
    pub reason: Option<String>,
}

/// Numbers put on a list of numbers that are not called, or taken off it.
#[derive(Debug, Clone)]
pub struct OptOutChange {
    /// Which list.
    pub list: NumbersList,
    /// E.164.
    pub phones: Vec<Personal>,
    /// Whether the numbers are put on the list or taken off it.
    pub to: OptOutSide,
    /// The reason given.
    pub reason: Option<String>,
    /// The current instant (UTC).
    pub now: Timestamp,
    /// The user or component that did it.
    pub actor: String,
}

/// A list of numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NumbersList {
    /// Whoever doesn't want to be called.
    #[default]
    OptedOut,
    /// At which somebody else answered; numbers are only taken off it, whatever side is asked for.
    WrongNumbers,
}

/// Whether a number is to be on the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OptOutSide {
    /// On the list.
    On,
    /// Not on the list.
    Off,
}

/// What a change of the opt-out list came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OptOutsChanged {
    /// Numbers put on the list or taken off it.
    pub changed: u64,
    /// Numbers that were as asked already.
    pub unchanged: u64,
    /// Pending reminders that were cancelled.
    pub cancelled: u64,
}
