//! pure: whether a reminder that is over returns when it is planned again: after a cancellation, or after a trial.
//!
//! A sandbox marks its answers. What it accepted counts as reminded only while the target has the address to which it went.

use std::sync::Arc;

use super::chain::Hash;
use super::change::LoadedReminder;
use super::life::{self, Move, Moved, NoMove};
use crate::plan::KnownReminder;
use crate::reminder::{ReminderKey, State};

/// Whether a sandbox accepted it at another address than the target's (both under the ledger's key): nobody was phoned, and
/// it no longer counts as reminded. An address that can't be known, since a secret isn't set, is another one.
#[must_use]
pub fn is_past_trial(trial: Option<&Hash>, target: Option<&Hash>) -> bool {
    trial.is_some_and(|trial| Some(trial) != target)
}

/// What decides whether a reminder that is over returns when it is planned again.
#[derive(Debug, Clone, Copy)]
pub struct Returning<'a> {
    /// Its state.
    pub state: State,
    /// Attempts of which nobody knows whether they placed a call.
    pub unknown_fates: u32,
    /// Whether a person cancelled it.
    pub withdrawn: bool,
    /// The address at which a sandbox accepted it, as a hash under the ledger's key.
    pub trial: Option<&'a Hash>,
    /// Its target's address now, under the same key.
    pub target: Option<&'a Hash>,
}

/// The condition of [`Move::Return`]: certainly nobody was phoned.
#[must_use]
pub fn may_return(of: Returning<'_>) -> bool {
    match of.state {
        State::Cancelled => of.unknown_fates == 0 && !of.withdrawn,
        State::Delivered => of.unknown_fates == 0 && is_past_trial(of.trial, of.target),
        State::Pending | State::Sending | State::Uncertain | State::Failed | State::Expired | State::Dropped => false,
    }
}

/// The move by which a reminder is planned again for a target with this address (under the ledger's key); `None` where it may not
/// return.
///
/// # Errors
/// Never for what the table of moves has.
pub fn returned(held: &LoadedReminder, target: Option<&Hash>) -> Result<Option<Moved>, NoMove> {
    let LoadedReminder { state, unknown_fates, withdrawn, .. } = *held;
    match may_return(Returning { state, unknown_fates, withdrawn, trial: held.trial.as_ref(), target }) {
        true => life::go(Move::Return, Some(state), State::Pending).map(Some),
        false => Ok(None),
    }
}

/// What a plan knows of a reminder, for a target with this address (under the ledger's key).
#[must_use]
pub fn known(held: &LoadedReminder, schedule: &Arc<str>, target: Option<&Hash>) -> (ReminderKey, KnownReminder) {
    let key = ReminderKey {
        schedule: Arc::clone(schedule),
        appointment_id: held.appointment_id.clone(),
        starts_at: held.starts_at,
        lead: held.lead,
    };
    let LoadedReminder { state, unknown_fates, withdrawn, .. } = *held;
    let known = KnownReminder {
        id: held.id,
        state,
        due_at: held.due_at,
        updated_at: held.updated_at,
        may_return: may_return(Returning { state, unknown_fates, withdrawn, trial: held.trial.as_ref(), target }),
        is_trial: held.trial.is_some(),
        outcome: held.outcome.map(|told| told.outcome),
        previous_outcome: None,
        told_with: None,
        is_shadow: false,
        person: held.person.clone(),
        due_day: held.due_day,
    };
    (key, known)
}
