//! pure: open reminders in a ledger that has lost rows: they may have been sent already, so they become uncertain.

use jiff::Timestamp;

use super::change::{AttemptChange, Change, ExchangeResult, LoadedReminder, RowChange, RowUpdate};
use super::life::{Move, NoMove, go_on};
use crate::audit::{Entry, Event};
use crate::reminder::{LeadTime, State};

/// Why a ledger doubts what it holds as open.
#[derive(Debug, Clone, Copy)]
pub struct Doubt<'a> {
    /// The current instant (UTC).
    pub now: Timestamp,
    /// The user or component that did it.
    pub actor: &'a str,
    /// `restored` or `loss_accepted`.
    pub reason: &'static str,
}

/// Whether it waits and no request of it can have been sent before that instant: exact hours before a start, and retries, are
/// due at one moment, whatever became of the reminder in a time that is forgotten. With days, a changed schedule may have
/// brought it forward; a request, another post.
#[must_use]
pub fn is_due_after(held: &LoadedReminder, at: Timestamp) -> bool {
    let is_due_once = match held.lead.before {
        LeadTime::Hours(_) => true,
        LeadTime::Days(_) | LeadTime::Now => held.lead.is_retry(),
    };
    is_due_once && held.state == State::Pending && held.due_at >= at
}

/// The change by which an open reminder becomes uncertain: the ledger that holds it has forgotten calls that were made.
///
/// # Errors
/// When it is neither pending nor sending.
pub fn doubted<'a>(held: &'a LoadedReminder, doubt: &Doubt<'a>) -> Result<Change<'a>, NoMove> {
    let moved = match held.state {
        State::Pending | State::Sending => go_on(held, Move::Doubt, State::Uncertain)?,
        State::Cancelled | State::Delivered | State::Uncertain | State::Failed | State::Expired | State::Dropped => {
            return Err(NoMove { of: Move::Doubt, from: Some(held.state), to: State::Uncertain });
        }
    };
    let entry = Entry {
        reason: Some(doubt.reason.into()),
        actor: Some(doubt.actor.into()),
        detail: Some("this ledger has lost rows and doesn't know whether it was called".into()),
        ..held.entry(doubt.now, Event::DeliveryUncertain)
    };
    let came = ExchangeResult { class: Some(doubt.reason), ..ExchangeResult::default() };
    let attempt = AttemptChange::End { number: held.attempt, outcome: "uncertain", came };
    let set = RowUpdate::State { moved, unknown_fates: held.unknown_fates + 1, trial: None };
    Ok(Change {
        row: RowChange::Update(held.expected_state(), set),
        attempt: (held.state == State::Sending).then_some(attempt),
        at: doubt.now,
        entries: vec![entry],
    })
}
