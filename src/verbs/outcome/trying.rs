//! pure: what a schedule makes of a record of a call, for who writes its `[outcome]`. Nothing is written.

use jiff::Timestamp;
use serde::Serialize;

use crate::appointment::phone;
use crate::audit::LoggedPhone;
use crate::outcome::CallFacts;
use crate::reminder::CallOutcome;
use crate::schedule::Schedule;
use crate::verbs::{VerbError, VerbResult};

/// What a record says and means.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TriedRecord {
    /// The schedule by whose keys it was read.
    pub schedule: String,
    /// What it says.
    pub facts: TriedFacts,
    /// Whether the call is over.
    pub is_final: bool,
    /// What became of it; null while it goes on.
    pub outcome: Option<CallOutcome>,
    /// What was said, if no key of `[outcome.values]` maps it.
    pub unmapped: Option<String>,
}

/// The facts, a phone as its last four digits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TriedFacts {
    /// The reminder's id.
    pub reminder_id: Option<String>,
    /// The other side's id of the call.
    pub call_id: Option<String>,
    /// How it ended.
    pub status: Option<String>,
    /// What was said.
    pub said: Option<String>,
    /// The last four digits of the number that was called.
    pub phone_last4: Option<String>,
    /// The other side's id of the person.
    pub contact: Option<String>,
    /// The agent that called.
    pub agent: Option<String>,
    /// When it began (UTC).
    pub started_at: Option<Timestamp>,
    /// When it ended (UTC).
    pub ended_at: Option<Timestamp>,
    /// When the record was last changed (UTC).
    pub updated_at: Option<Timestamp>,
}

/// Reads a record by the schedule's keys.
///
/// # Errors
/// When it is none.
pub fn record(schedule: &Schedule, body: &[u8], now: Timestamp) -> VerbResult<TriedRecord> {
    let spec = schedule.outcome.clone().unwrap_or_default();
    let facts = CallFacts::read(body, &spec.places, now).map_err(|error| VerbError::Failed(error.to_string()))?;
    let report = spec.vocabulary.report(&facts);
    let last4 = |text: &str| LoggedPhone::whole(text.to_owned()).last_four().to_owned();
    let shown = TriedFacts {
        phone_last4: facts.phone.as_deref().map(last4),
        said: facts.said.as_deref().map(|said| phone::masked(said).into_owned()),
        reminder_id: facts.reminder_id,
        call_id: facts.call_id,
        status: facts.status,
        contact: facts.contact,
        agent: facts.agent,
        started_at: facts.started_at,
        ended_at: facts.ended_at,
        updated_at: facts.updated_at,
    };
    Ok(TriedRecord {
        schedule: schedule.name.clone(),
        facts: shown,
        is_final: report.outcome.is_some(),
        outcome: report.outcome,
        unmapped: report.unmapped.map(|word| phone::masked(&word).into_owned()),
    })
}
