//! pure: the rule about what earlier runs did for the same appointment, start and lead.

use super::{Block, BlockedAs, Case, lead_name, learnt};
use crate::duration;
use crate::plan::KnownReminder;
use crate::plan::reminded::state_in_words;
use crate::plan::terms::CalledStart;
use crate::reminder::State;
use crate::schedule::ScheduleMode;

pub(super) fn already_reminded(case: &Case<'_>) -> Result<(), Block> {
    let is_pending = case.known.is_some_and(|known| known.state == State::Pending);
    if let Some(called) = case.moved_little.filter(|_| !is_pending) {
        return reminded(case, |case| moved_little_in_words(case, called));
    }
    let Some(known) = case.known else { return Ok(()) };
    let is_over = match known.state {
        State::Pending => false,
        State::Cancelled | State::Delivered => !known.may_return,
        State::Sending | State::Failed | State::Uncertain | State::Expired | State::Dropped => true,
    };
    if is_over { reminded(case, over_in_words) } else { Ok(()) }
}

/// The block of a row of which somebody was reminded before. Only an explanation shows the detail; the other rows, of which a
/// later run has many, are counted.
fn reminded(case: &Case<'_>, in_words: impl Fn(&Case<'_>) -> String) -> Result<(), Block> {
    let is_explained = case.terms.is_explained(case.sighting.id.as_deref());
    let detail = if is_explained { in_words(case) } else { String::new() };
    Err(Block { why: BlockedAs::AlreadyReminded, detail, remedy: None })
}

fn moved_little_in_words(case: &Case<'_>, called: &CalledStart) -> String {
    let known = case.sighting.id.as_deref().and_then(|id| case.terms.known_of(id, called));
    let was_called = match known {
        Some(known) if known.is_shadow => "a run in shadow mode would have called",
        Some(_) | None => "somebody was called",
    };
    format!(
        "{was_called} about its start {}, and it moved by less than `min_change` ({}). {SENT_ONLY_ONCE}",
        case.wall(called.starts_at),
        duration::write(case.schedule().remind.min_change),
    )
}

/// Why a reminder that is over is not sent again.
const SENT_ONLY_ONCE: &str = "A reminder goes out once";

fn over_in_words(case: &Case<'_>) -> String {
    match case.known {
        Some(known) if known.is_shadow => rehearsed_in_words(case, known),
        Some(_) | None => format!("{}. {SENT_ONLY_ONCE}", known_in_words(case)),
    }
}

/// A call that a run in shadow mode would have made: whose it is, and how to make it nevertheless.
fn rehearsed_in_words(case: &Case<'_>, known: &KnownReminder) -> String {
    let rehearsed = format!(
        "at {} a run in shadow mode would have called it (lead {})",
        case.wall(known.updated_at),
        lead_name(case)
    );
    let (name, id) = (&case.schedule().name, case.sighting.id.as_deref().unwrap_or_default());
    let is_plain = |id: &str| id.chars().all(|char| char.is_ascii_alphanumeric() || "-_.".contains(char));
    let id = if is_plain(id) { id } else { "ID" };
    match case.schedule().mode {
        ScheduleMode::Shadow => format!("{rehearsed}, and each call is listed once"),
        ScheduleMode::Live => format!(
            "{rehearsed}: the call counts as made by the system that tickler replaces. If no other system made it, \
             `tickler trigger {name} --rehearsed --only {id}` does"
        ),
    }
}

pub(super) fn known_in_words(case: &Case<'_>) -> String {
    match case.known {
        None => format!("no reminder {} of this appointment and start yet", lead_name(case)),
        Some(known) => format!(
            "its reminder {}{} is {}, due {}, last touched {}{}{}",
            lead_name(case),
            known.told_with.as_deref().map(|id| format!(" (told in the call of `{id}`)")).unwrap_or_default(),
            state_in_words(known),
            case.wall(known.due_at),
            case.wall(known.updated_at),
            learnt::outcome_in_words(case, known),
            remedy_of_reminder(known.state),
        ),
    }
}

/// What somebody can do about a reminder that doesn't go out again by itself.
const fn remedy_of_reminder(state: State) -> &'static str {
    match state {
        State::Pending | State::Sending | State::Delivered | State::Cancelled => "",
        State::Uncertain => "; find out whether the person was called, then `tickler uncertain resolve` settles it",
        State::Failed | State::Dropped => "; `tickler uncertain resolve` with `--resend` sends it again",
        State::Expired => {
            "; it is too late to send it: phone the person yourself, or add a lead to `[remind]` that is still to come"
        }
    }
}
