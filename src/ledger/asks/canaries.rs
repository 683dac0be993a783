//! pure: canaries as the ledger keeps them: calls to the operator of which a sign of life is awaited.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::personal::Personal;
use crate::reminder::{CanaryState, ReminderId};

/// A call to the operator of which a sign of life is awaited. It is no reminder and is in no count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CanaryRow {
    /// Sent as its reminder's id.
    pub id: ReminderId,
    /// The schedule's name.
    pub schedule: String,
    /// The account that called.
    pub account: String,
    /// What it was sent for.
    pub purpose: CanaryPurpose,
    /// When (UTC).
    pub sent_at: Timestamp,
    /// The end of the wait for a sign of life (UTC).
    pub until: Timestamp,
    /// How it stands.
    pub state: CanaryState,
    /// The other side's id of the call.
    pub remote_id: Option<String>,
}

/// What a canary was sent for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CanaryPurpose {
    /// `[canary]` of the schedule.
    Schedule,
    /// `test-call --wait`: the log has rows of its own about it.
    TestCall,
}

/// The canaries that are asked for.
#[derive(Debug, Clone)]
pub enum CanariesAsk {
    /// The canary with this id.
    Of(ReminderId),
    /// The canaries for whose sign of life somebody waits.
    Waiting,
    /// For each schedule, the canary that its `[canary]` sent last.
    Latest,
    /// The canaries of an account whose call has this id at the other side.
    WithRemoteId(String, String),
    /// The canaries of an account to a number (E.164) that were sent from one instant until another (UTC).
    CalledBetween(String, Personal, (Timestamp, Timestamp)),
}

/// A canary that is about to be sent.
#[derive(Debug, Clone)]
pub struct BeginCanary {
    /// The canary.
    pub row: CanaryRow,
    /// The operator's number (E.164).
    pub phone: Personal,
    /// Who sends it.
    pub actor: String,
}

/// What its request came to.
#[derive(Debug, Clone)]
pub struct SettledCanary {
    /// The canary's id.
    pub id: ReminderId,
    /// The other side's id of the call.
    pub remote_id: Option<String>,
    /// Why nothing can be heard of it: a word, and the HTTP status when one came.
    pub failure: Option<(String, Option<u16>)>,
    /// Who sent it.
    pub actor: String,
    /// The current instant (UTC).
    pub now: Timestamp,
}
