//! pure: what the ledger is asked about records and outcomes of calls, and what it answers.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::attempt::TargetAddress;
use crate::outcome::matching::Unmatched;
use crate::outcome::retry::RetryTerms;
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
    /// For each schedule of the account, how the records of its calls are understood.
    pub terms: Arc<BTreeMap<String, OutcomeTerms>>,
    /// When it arrived (UTC).
    pub now: Timestamp,
    /// How it came.
    pub origin: RecordOrigin,
    /// Who brought it.
    pub actor: String,
}

/// How a record came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordOrigin {
    /// Its sender posted it.
    Posted,
    /// It is one of a list that was asked for: others of the list are of calls that are not ours.
    Polled,
}

/// What a schedule makes of the outcomes of its calls.
#[derive(Debug, Clone, Default)]
pub struct OutcomeTerms {
    /// What its sender's words mean.
    pub vocabulary: Vocabulary,
    /// Its agent, where it is known.
    pub agent: Option<String>,
    /// Who is called again, and when.
    pub retry: Option<RetryTerms>,
    /// Outcomes after which nobody is called by another lead about the same start.
    pub skip_later_leads: Vec<CallOutcome>,
    /// Outcomes that are written back.
    pub write_back: Vec<CallOutcome>,
    /// `max_lateness` and `min_notice`; `None` for a schedule that is not loaded.
    pub lateness: Option<(SignedDuration, SignedDuration)>,
    /// How many calls a person gets on one day at most.
    pub max_per_person_per_day: u32,
    /// Where its target sends; `None` when that isn't known.
    pub target: Option<TargetAddress>,
}

impl OutcomeTerms {
    /// How a person has somebody called again where `[outcome.retry]` isn't set: once; `None` for a schedule that is not
    /// loaded.
    #[must_use]
    pub fn by_hand(&self) -> Option<RetryTerms> {
        let (max_lateness, min_notice) = self.lateness?;
        Some(RetryTerms { on: Vec::new(), times: 1, after: Vec::new(), max_lateness, min_notice })
    }
}

/// What a record came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReportTaken {
    /// The reminder that it belongs to, or why it belongs to none.
    pub reminder: Result<ReminderId, Unmatched>,
    /// The outcome of this reminder afterwards.
    pub outcome: Option<CallOutcome>,
    /// The same facts were reported before.
    pub is_duplicate: bool,
    /// It showed that a request of unknown fate had arrived.
    pub is_proof: bool,
}

/// A person's word about what became of a call.
#[derive(Debug, Clone)]
pub struct OutcomeByHand {
    /// The reminder whose call it was.
    pub reminder_id: ReminderId,
    /// What they say.
    pub outcome: CallOutcome,
    /// The reason given.
    pub reason: Option<String>,
    /// For each schedule, what outcomes lead to.
    pub terms: Arc<BTreeMap<String, OutcomeTerms>>,
    /// The user that said it.
    pub actor: String,
    /// The current instant (UTC).
    pub now: Timestamp,
}

/// Calls whose time to be reported is over.
#[derive(Debug, Clone)]
pub struct Unreported {
    /// The schedule that made them.
    pub schedule: String,
    /// Its account.
    pub account: String,
    /// Calls whose intents were committed at or after this (UTC) …
    pub from: Timestamp,
    /// … and before this (UTC).
    pub until: Timestamp,
    /// Outcomes that its schedule writes back.
    pub write_back: Vec<CallOutcome>,
    /// The current instant (UTC).
    pub now: Timestamp,
    /// Who writes it down.
    pub actor: String,
}

/// The people whom a person has called again.
#[derive(Debug, Clone)]
pub enum CalledAgain {
    /// The person of this call.
    Of(ReminderId),
    /// Everybody whom this schedule called, whose appointment is in the future, and whose call was never reported.
    Silent(String),
}

/// A person has somebody called again.
#[derive(Debug, Clone)]
pub struct CallAgain {
    /// The people to be called.
    pub whom: CalledAgain,
    /// For each schedule, what outcomes lead to.
    pub terms: Arc<BTreeMap<String, OutcomeTerms>>,
    /// The reason given.
    pub reason: Option<String>,
    /// The user that asks for it.
    pub actor: String,
    /// The current instant (UTC).
    pub now: Timestamp,
}

/// The reminders whose calls are listed.
#[derive(Debug, Clone, Default)]
pub struct CallsOf {
    /// The reminders' ids.
    pub reminders: Vec<ReminderId>,
}

/// The calls that are counted by their outcomes.
#[derive(Debug, Clone)]
pub struct OutcomesAsk {
    /// Made at or after (UTC).
    pub since: Timestamp,
    /// Calls of this schedule; `None`: of all.
    pub schedule: Option<String>,
}

/// How many of a schedule's calls of one quarter of an hour have an outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutcomeCount {
    /// When the quarter begins (UTC).
    pub from: Timestamp,
    /// The schedule.
    pub schedule: String,
    /// The outcome.
    pub outcome: CallOutcome,
    /// How many.
    pub count: u64,
}

/// The length of the time of an [`OutcomeCount`]: every zone's offset is a whole number of quarters, so that each of them is in
/// one hour and on one day of whatever zone.
pub const CALL_SLOT_MICROS: i64 = 15 * 60 * 1_000_000;

/// The calls with an outcome that are listed, the latest first.
#[derive(Debug, Clone)]
pub struct CalledWith {
    /// Calls made at or after this (UTC).
    pub since: Timestamp,
    /// Calls of this schedule; `None`: of all.
    pub schedule: Option<String>,
    /// Calls with this outcome.
    pub outcome: CallOutcome,
    /// At most this many calls.
    pub limit: u64,
}

/// The calls among which people are looked for who were called twice or more and never answered.
#[derive(Debug, Clone)]
pub struct UnansweredAsk {
    /// Calls made at or after this (UTC).
    pub since: Timestamp,
    /// Calls of this schedule; `None`: of all.
    pub schedule: Option<String>,
    /// At most this many persons.
    pub limit: u64,
}

/// A person of whose calls two or more were reported, each as not answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unanswered {
    /// The latest call's reminder.
    pub latest: ReminderId,
    /// Its schedule.
    pub schedule: String,
    /// Its appointment.
    pub appointment_id: String,
    /// The last four digits of the phone; `None` once purged.
    pub phone_last4: Option<String>,
    /// When that call was made (UTC).
    pub last_at: Timestamp,
    /// How many calls were reported.
    pub calls: u64,
}

/// A call that was reported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportedCall {
    /// The reminder whose call it is.
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
