//! pure: records of calls as they are passed to the ledger, and what it answers.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::outcome::matching::Unmatched;
use crate::outcome::{CallFacts, Vocabulary};
use crate::reminder::{CallOutcome, ReminderId};

/// A record of a call.
#[derive(Debug, Clone)]
pub struct RecordedCall {
    /// The account to which its sender belongs.
    pub account: String,
    /// The schedule to which it was posted.
    pub schedule: String,
    /// What it says; the phone as E.164.
    pub facts: CallFacts,
    /// How long before a call its intent was committed at most.
    pub match_within: SignedDuration,
    /// By schedule of the account, how its calls' records are understood.
    pub terms: Arc<BTreeMap<String, OutcomeTerms>>,
    /// When it arrived (UTC).
    pub now: Timestamp,
    /// Who brought it.
    pub actor: String,
}

/// What a schedule makes of the outcomes of its calls.
#[derive(Debug, Clone, Default)]
pub struct OutcomeTerms {
    /// What its sender's words mean.
    pub vocabulary: Vocabulary,
    /// Its agent, where it is known.
    pub agent: Option<String>,
}

/// What a record came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReportTaken {
    /// The reminder that it belongs to, or why it belongs to none.
    pub reminder: Result<ReminderId, Unmatched>,
    /// The outcome of that reminder afterwards.
    pub outcome: Option<CallOutcome>,
    /// The same facts were reported before.
    pub is_duplicate: bool,
    /// It showed that a request of unknown fate had arrived.
    pub is_proof: bool,
}

/// A person's word about what became of a call.
#[derive(Debug, Clone)]
pub struct OutcomeByHand {
    /// Which reminder.
    pub reminder_id: ReminderId,
    /// What they say.
    pub outcome: CallOutcome,
    /// The reason given.
    pub reason: Option<String>,
    /// The user that said it.
    pub actor: String,
    /// The current instant (UTC).
    pub now: Timestamp,
}

/// Which calls are listed.
#[derive(Debug, Clone, Default)]
pub struct CallsOf {
    /// Of these reminders.
    pub reminders: Vec<ReminderId>,
}

/// A call that was reported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportedCall {
    /// Of which reminder.
    pub reminder_id: ReminderId,
    /// The other side's id of it.
    pub call_id: String,
    /// What the greatest of its records means; null while it goes on.
    pub outcome: Option<CallOutcome>,
    /// A word of what was said that no key maps.
    pub unmapped: Option<String>,
    /// When it ended (UTC).
    pub ended_at: Option<Timestamp>,
    /// When its first record came (UTC).
    pub first_at: Timestamp,
    /// When its last one came (UTC).
    pub last_at: Timestamp,
}
