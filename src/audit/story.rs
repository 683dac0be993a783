//! pure: one appointment's story in words, from the plan to the outcome.

use jiff::{Timestamp, Unit};

use super::{AuditRow, Event, safe};
use crate::zones::Zone;

/// One line of a story.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// When, to the second, in the zone that was asked for (RFC 3339).
    pub at: String,
    /// What happened, safe for a terminal.
    pub words: String,
}

/// Tells the rows of one appointment or reminder, in their order.
#[must_use]
pub fn tell(rows: &[AuditRow], zone: &Zone) -> Vec<Line> {
    let second = |at: Timestamp| at.round(Unit::Second).unwrap_or(at);
    rows.iter().map(|row| Line { at: zone.rfc3339(second(row.at)), words: safe::escape(&sentence(row)) }).collect()
}

fn sentence(row: &AuditRow) -> String {
    let mut words = words(row.event).to_owned();
    if let Some(attempt) = row.attempt {
        words.push_str(&format!(" (attempt {attempt})"));
    }
    for part in [&row.reason, &row.detail].into_iter().flatten() {
        words.push_str(": ");
        words.push_str(part);
    }
    if let Some(status) = row.http_status {
        words.push_str(&format!(", HTTP {status}"));
    }
    if let Some(actor) = &row.actor {
        words.push_str(&format!(", by {actor}"));
    }
    words
}

/// An event in words for people.
#[must_use]
pub const fn words(event: Event) -> &'static str {
    match event {
        Event::RunStarted => "the run began",
        Event::RunFinished => "the run was over",
        Event::RunHeld => "the run was held",
        Event::RunMissed => "the run's time passed while nobody was there",
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
        Event::OutcomeReceived => "the other side told",
        Event::OperatorApproved => "the held run was let go",
        Event::OperatorRejected => "the held run was ended",
        Event::OperatorResolved => "settled by a person",
        Event::OperatorPaused => "paused",
        Event::OperatorResumed => "resumed",
        Event::OperatorForgot => "a person was erased",
        Event::OperatorPruned => "old rows were removed",
        Event::OperatorExported => "the log was exported",
        Event::OperatorRevealed => "whole phone numbers were shown",
        Event::ServiceStarted => "the service began",
        Event::ServiceStopped => "the service ended",
        Event::ServiceRecovered => "what a crash left was found",
        Event::ConfigLoaded => "a schedule file was taken",
        Event::ConfigRejected => "a schedule file was refused",
        Event::ClockJumped => "the wall clock stepped",
    }
}
