//! pure: the words for people: what states, events and reasons are called on the terminal and the page.

use super::{AuditRow, Event};
use crate::reminder::State;

/// A reminder's state.
#[must_use]
pub const fn state(state: State) -> &'static str {
    match state {
        State::Delivered => "accepted by Thoughtly",
        State::Uncertain => "fate unknown",
        State::Pending => "pending",
        State::Sending => "being sent",
        State::Failed => "failed",
        State::Expired => "expired",
        State::Cancelled => "cancelled",
        State::Dropped => "given up",
    }
}

/// What an accepted reminder is called: `host` is whose word it is, where it isn't Thoughtly's.
#[must_use]
pub fn accepted_by(host: Option<&str>) -> String {
    host.map_or_else(|| self::state(State::Delivered).to_owned(), |host| format!("{ACCEPTED_BY}{host}"))
}

/// A count with its noun: `1 run`, `2 runs`.
#[must_use]
pub fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// What a reminder is called that was delivered in a trial; its row of the log has this detail.
pub const TRIAL: &str = "accepted by the sandbox";

/// How the detail of an acceptance begins that isn't Thoughtly's.
const ACCEPTED_BY: &str = "accepted by ";

/// Who accepted a reminder, out of its row of the log, where it isn't Thoughtly: its detail up to what else it says.
#[must_use]
pub fn acceptance(row: &AuditRow) -> Option<&str> {
    let detail = row.detail.as_deref()?;
    let is_acceptance = row.event == Event::DeliveryDelivered && detail.starts_with(ACCEPTED_BY);
    if is_acceptance { detail.split(';').next() } else { None }
}

/// A reason of the closed set, or an error's class: `no_phone` reads *no phone*.
#[must_use]
pub fn reason(word: &str) -> String {
    word.replace('_', " ")
}

/// An event in words for people.
#[must_use]
pub const fn event(event: Event) -> &'static str {
    match event {
        Event::RunStarted => "the run began",
        Event::RunFinished => "the run was over",
        Event::RunHeld => "the run was held",
        Event::RunMissed => "the run was missed",
        Event::RunSkipped => "the run was left out",
        Event::ReminderPlanned => "planned",
        Event::ReminderSkipped => "not called",
        Event::ReminderShadowed => "would have been called",
        Event::ReminderCancelled => "cancelled",
        Event::ReminderExpired => "not sent in time",
        Event::DeliveryIntent => "about to be sent",
        Event::DeliveryDelivered => "accepted by Thoughtly",
        Event::DeliveryRefused => "refused for now",
        Event::DeliveryFailed => "refused for good",
        Event::DeliveryUncertain => "fate unknown",
        Event::DeliveryDropped => "given up",
        Event::OutcomeReceived => "the other side reported",
        Event::OutcomeMissing => "no report of the call came in time",
        Event::InboundReceived => "a request was posted",
        Event::OutcomeUnmatched => "a report belongs to no reminder",
        Event::OperatorOutcome => "a person said what became of the call",
        Event::OperatorRetried => "a person has somebody called again",
        Event::WriteBackSent => "the outcome was written back",
        Event::WriteBackFailed => "the outcome could not be written back",
        Event::WriteBackDropped => "the outcome is not written back",
        Event::CanarySent => "the canary was sent",
        Event::CanaryHeard => "the canary was heard",
        Event::CanarySilent => "nothing was heard of the canary",
        Event::DeliveryPrepared => "the contact is ready",
        Event::OperatorApproved => "the held run was let go",
        Event::OperatorRejected => "the held run was ended",
        Event::OperatorResolved => "settled by a person",
        Event::OperatorCancelled => "cancelled by a person",
        Event::OperatorPaused => "paused",
        Event::OperatorResumed => "resumed",
        Event::OptoutAdded => "put on the opt-out list",
        Event::OptoutRemoved => "taken off the opt-out list",
        Event::OperatorForgot => "a person was erased",
        Event::OperatorPruned => "old rows were removed",
        Event::OperatorExported => "the log was exported",
        Event::OperatorRevealed => "whole phone numbers were shown",
        Event::PageTokenAdded => "a token for the page was added",
        Event::PageTokenRemoved => "a token for the page was removed",
        Event::PageSignedIn => "signed in at the page",
        Event::ServiceStarted => "the service began",
        Event::ServiceStopped => "the service ended",
        Event::ServiceRecovered => "what a crash left was found",
        Event::ConfigLoaded => "a schedule file was taken",
        Event::ConfigRejected => "a schedule file was refused",
        Event::ClockJumped => "the wall clock stepped",
    }
}
