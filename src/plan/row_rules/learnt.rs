//! pure: the rules about what was learnt in earlier calls: that a number is somebody else's, and what the person said.

use crate::plan::KnownReminder;
use crate::plan::case::Case;
use crate::plan::rules::{Block, skip};
use crate::reminder::{CallOutcome, Lead, SkipReason, State};

pub(super) fn wrong_number(case: &Case<'_>) -> Result<(), Block> {
    if case.sighting.is_wrong_number(case.terms) {
        return skip(SkipReason::WrongNumber, "somebody else answered at this number, and the row has no other one");
    }
    Ok(())
}

pub(super) fn right_number_in_words(case: &Case<'_>) -> String {
    match case.terms.knowledge.wrong_numbers.is_empty() {
        true => "no number is known to be somebody else's".into(),
        false => "the number is not known to be somebody else's".into(),
    }
}

pub(super) fn confirmed(case: &Case<'_>) -> Result<(), Block> {
    said(case, CallOutcome::Confirmed, SkipReason::Confirmed, "the person confirmed the appointment")
}

pub(super) fn declined(case: &Case<'_>) -> Result<(), Block> {
    said(case, CallOutcome::Declined, SkipReason::Declined, "the person asked to cancel the appointment")
}

pub(super) fn reschedule(case: &Case<'_>) -> Result<(), Block> {
    said(case, CallOutcome::Reschedule, SkipReason::Reschedule, "the person asked for another time")
}

fn said(case: &Case<'_>, what: CallOutcome, reason: SkipReason, in_words: &str) -> Result<(), Block> {
    match case.said {
        Some((lead, outcome)) if outcome == what => skip(reason, format!("{in_words} in the call of the lead {lead}")),
        Some(_) | None => Ok(()),
    }
}

/// What became of the call, and of the retry that follows it.
pub(super) fn outcome_in_words(case: &Case<'_>, known: &KnownReminder) -> String {
    let outcome = known.outcome.map(|outcome| format!("; its outcome is {outcome}")).unwrap_or_default();
    format!("{outcome}{}", next_in_words(case).unwrap_or_default())
}

fn next_in_words(case: &Case<'_>) -> Option<String> {
    let (id, start) = (case.sighting.id.as_deref()?, case.sighting.start.as_ref().ok()?);
    let lead = case.lead?.lead;
    let (number, known) = (lead.retry + 1..=u8::MAX)
        .map_while(|retry| Some((retry, case.terms.known(id, start.at, Lead { retry, ..lead })?)))
        .last()?;
    let what = match known.state {
        State::Pending => format!("it is called again ({}) at {}", lead.at_retry(number), case.wall(known.due_at)),
        State::Sending
        | State::Delivered
        | State::Failed
        | State::Uncertain
        | State::Expired
        | State::Cancelled
        | State::Dropped => {
            let outcome = known.outcome.map(|outcome| format!(", its outcome is {outcome}")).unwrap_or_default();
            format!("its retry {} is {}{outcome}", lead.at_retry(number), known.state)
        }
    };
    Some(format!("; {what}"))
}
