//! pure: what a record of a call changes in its reminder and in the account's table of calls.

use std::borrow::Cow;

use jiff::Timestamp;

use super::change::{Change, LoadedReminder, RowChange, RowUpdate};
use super::life::{self, Move, Moved, NoMove};
use super::{LedgerError, OutcomeByHand, RecordedCall, Unreported};
use crate::audit::fates::PROOF;
use crate::audit::{Entry, Event};
use crate::outcome::matching::{self, Unmatched};
use crate::outcome::{Report, ReportedOutcome, Teller, standing};
use crate::reminder::{CallOutcome, ReminderId, State};

/// Digests kept of one call. A platform repeats a record a few times; one that is repeated after this many others is taken
/// for a new one, which changes nothing either.
const MAX_DIGESTS: usize = 64;

/// SHA-256 of a record's facts.
pub type Digest = [u8; 32];

/// A call of an account as its records report it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallRow {
    /// The account.
    pub account: String,
    /// The other side's id, or one made of the record where it has none.
    pub call_id: String,
    /// `None` while it belongs to no reminder.
    pub reminder: Option<ReminderId>,
    /// What the greatest of its records means.
    pub outcome: Option<CallOutcome>,
    /// A word of what was said that no key maps.
    pub unmapped: Option<String>,
    /// When it ended (UTC).
    pub ended_at: Option<Timestamp>,
    /// When its first record came (UTC).
    pub first_at: Timestamp,
    /// When its last one came (UTC).
    pub last_at: Timestamp,
    /// The digests of the facts that were reported.
    pub digests: Vec<Digest>,
}

impl CallRow {
    /// The id under which the call of a record is kept.
    #[must_use]
    pub fn id_of(record: &RecordedCall, digest: &Digest) -> String {
        let facts = &record.facts;
        let own = || format!("record {}", super::chain::hex(digest));
        facts.call_id.clone().or_else(|| facts.reminder_id.clone()).unwrap_or_else(own)
    }

    /// Whether these facts were reported before.
    #[must_use]
    pub fn knows(&self, digest: &Digest) -> bool {
        self.digests.contains(digest)
    }

    /// The row after one record more.
    #[must_use]
    pub fn after(known: Option<Self>, record: &RecordedCall, digest: Digest, report: Option<&Report>) -> Self {
        let mut row = known.unwrap_or_else(|| Self {
            account: record.account.clone(),
            call_id: Self::id_of(record, &digest),
            reminder: None,
            outcome: None,
            unmapped: None,
            ended_at: None,
            first_at: record.now,
            last_at: record.now,
            digests: Vec::new(),
        });
        if !row.knows(&digest) {
            row.digests.push(digest);
            let surplus = row.digests.len().saturating_sub(MAX_DIGESTS);
            row.digests.drain(..surplus);
        }
        row.last_at = row.last_at.max(record.now);
        row.ended_at = row.ended_at.max(record.facts.ended_at);
        let Some(report) = report else { return row };
        let rank = |outcome: Option<CallOutcome>| outcome.map(CallOutcome::rank);
        if rank(report.outcome) >= rank(row.outcome) {
            row.outcome = report.outcome;
            row.unmapped.clone_from(&report.unmapped);
        }
        row
    }
}

/// What a record changes of its reminder.
#[derive(Debug)]
pub struct OutcomeChange<'a> {
    /// `None`: nothing.
    pub change: Option<Change<'a>>,
    /// The outcome afterwards.
    pub outcome: Option<CallOutcome>,
    /// Whether it showed that a request of unknown fate had arrived.
    pub is_proof: bool,
}

/// The outcome that holds from now on, if the record changes it.
fn told_now(held: &LoadedReminder, record: &RecordedCall, report: &Report) -> Option<ReportedOutcome> {
    let at = record.facts.own_time().unwrap_or(record.now);
    let reported = report.outcome.map(|outcome| ReportedOutcome { outcome, teller: Teller::Record, at });
    reported.and_then(|reported| standing::raised(held.outcome, reported))
}

/// The same, if it is another word than the one that holds.
#[must_use]
pub fn raised(held: &LoadedReminder, record: &RecordedCall, report: &Report) -> Option<ReportedOutcome> {
    told_now(held, record, report).filter(|raised| held.outcome.map(|held| held.outcome) != Some(raised.outcome))
}

/// A record that belongs to the reminder; `next` says what follows.
///
/// # Errors
/// Never for what the table of moves has.
pub fn told<'a>(
    held: &'a LoadedReminder,
    record: &'a RecordedCall,
    report: &Report,
    next: Option<String>,
) -> Result<OutcomeChange<'a>, NoMove> {
    let raised = told_now(held, record, report);
    let moved = proved(held)?;
    let holds = raised.or(held.outcome);
    let mut entries = Vec::new();
    if moved.is_some() {
        entries.push(proof_entry(held, record.now, &record.actor));
    }
    if let Some(raised) = raised.filter(|raised| held.outcome.map(|held| held.outcome) != Some(raised.outcome)) {
        entries.push(outcome_entry(held, record, raised, next));
    }
    let is_news = moved.is_some() || raised.is_some() || held.heard_at.is_none();
    let set = RowUpdate::Told {
        moved: moved.unwrap_or_else(|| Moved::none(held)),
        outcome: holds,
        heard_at: Some(held.heard_at.unwrap_or(record.now)),
    };
    let row = RowChange::Update(held.expected_state(), set);
    Ok(OutcomeChange {
        change: is_news.then_some(Change { row, attempt: None, at: record.now, entries }),
        outcome: holds.map(|holds| holds.outcome),
        is_proof: moved.is_some(),
    })
}

/// A record of a call shows that its request arrived: one of unknown fate, or one that waits for a resend, is delivered.
fn proved(held: &LoadedReminder) -> Result<Option<Moved>, NoMove> {
    match held.state {
        State::Uncertain => life::go(Move::Prove, Some(held.state), State::Delivered).map(Some),
        State::Pending if held.unknown_fates > 0 => life::go(Move::Prove, Some(held.state), State::Delivered).map(Some),
        State::Pending
        | State::Sending
        | State::Delivered
        | State::Failed
        | State::Expired
        | State::Cancelled
        | State::Dropped => Ok(None),
    }
}

/// The outcome of a call of which no report came by `now` (UTC).
#[must_use]
pub const fn unreported_at(now: Timestamp) -> ReportedOutcome {
    ReportedOutcome { outcome: CallOutcome::Unreported, teller: Teller::Record, at: now }
}

/// What a person says.
#[must_use]
pub const fn by_person(word: &OutcomeByHand) -> ReportedOutcome {
    ReportedOutcome { outcome: word.outcome, teller: Teller::Person, at: word.now }
}

/// No report of its call came in time; `None` where that isn't so.
#[must_use]
pub fn unreported<'a>(held: &'a LoadedReminder, ask: &'a Unreported) -> Option<Change<'a>> {
    let is_over = held.schedule == ask.schedule
        && held.state == State::Delivered
        && held.outcome.is_none()
        && held.updated_at < ask.until;
    let outcome = unreported_at(ask.now);
    let entry = Entry {
        reason: Some(CallOutcome::Unreported.as_str().into()),
        actor: Some(ask.actor.as_str().into()),
        ..held.entry(ask.now, Event::OutcomeMissing)
    };
    let set = RowUpdate::Told { moved: Moved::none(held), outcome: Some(outcome), heard_at: held.heard_at };
    let row = RowChange::Update(held.expected_state(), set);
    is_over.then(|| Change { row, attempt: None, at: ask.now, entries: vec![entry] })
}

/// The change of a reminder whose request ended with an unknown fate after a record of the call had come: it is delivered.
///
/// # Errors
/// Never for what the table of moves has.
pub fn proved_before<'a>(
    held: &'a LoadedReminder,
    now: Timestamp,
    actor: &'a str,
) -> Result<Option<Change<'a>>, NoMove> {
    let Some(moved) = proved(held)? else { return Ok(None) };
    let set = RowUpdate::Told { moved, outcome: held.outcome, heard_at: held.heard_at };
    let entries = vec![proof_entry(held, now, actor)];
    Ok(Some(Change { row: RowChange::Update(held.expected_state(), set), attempt: None, at: now, entries }))
}

fn proof_entry<'a>(held: &'a LoadedReminder, now: Timestamp, actor: &'a str) -> Entry<'a> {
    Entry {
        // without the attempt's number: lists by appointment and phone find deliveries with one by the time of their attempt
        reason: Some(PROOF.into()),
        actor: Some(actor.into()),
        detail: Some("a record of the call came: its request had arrived".into()),
        ..held.entry(now, Event::DeliveryDelivered)
    }
}

fn outcome_entry<'a>(
    held: &'a LoadedReminder,
    record: &'a RecordedCall,
    raised: ReportedOutcome,
    next: Option<String>,
) -> Entry<'a> {
    let call = record.facts.call_id.as_ref().map(|id| format!("call {id}"));
    let detail = match (call, next) {
        (Some(call), Some(next)) => Some(format!("{call}; {next}")),
        (call, next) => call.or(next),
    };
    Entry {
        reason: Some(raised.outcome.as_str().into()),
        actor: Some(record.actor.as_str().into()),
        detail: detail.map(Into::into),
        ..held.entry(record.now, Event::OutcomeReceived)
    }
}

/// The row of the audit log about a record that belongs to no reminder; `None` for what is only counted.
#[must_use]
pub fn unmatched_entry(record: &RecordedCall, why: Unmatched) -> Option<Entry<'_>> {
    let call = record.facts.call_id.as_ref().map(|id| Cow::from(format!("call {id}")));
    Some(Entry {
        schedule: Some(record.schedule.as_str().into()),
        reason: Some(why.reason()?.into()),
        actor: Some(record.actor.as_str().into()),
        detail: call,
        ..Entry::new(record.now, Event::OutcomeUnmatched)
    })
}

/// A person says what became of a call.
///
/// # Errors
/// When the reminder was never sent.
pub fn set_by_hand<'a>(held: &'a LoadedReminder, word: &'a OutcomeByHand) -> Result<Change<'a>, LedgerError> {
    let (id, is) = (held.id, held.state);
    if !matching::was_sent(held.state, held.attempt, held.unknown_fates) {
        return Err(LedgerError::Refused(format!("reminder {id} is {is} and was not sent: it has no outcome")));
    }
    let told = by_person(word);
    let set = RowUpdate::Told { moved: Moved::none(held), outcome: Some(told), heard_at: held.heard_at };
    let entry = Entry {
        reason: Some(word.outcome.as_str().into()),
        actor: Some(word.actor.as_str().into()),
        detail: word.reason.as_deref().map(Into::into),
        ..held.entry(word.now, Event::OperatorOutcome)
    };
    Ok(Change { row: RowChange::Update(held.expected_state(), set), attempt: None, at: word.now, entries: vec![entry] })
}
