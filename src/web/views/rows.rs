//! pure: a row of the log as the pages show it.

use super::links;
use super::moments::{Moments, ShownMoment};
use super::wording::without_commands;
use crate::audit::{AuditRow, Event, words};
use crate::personal::Personal;
use crate::verbs::labels::Labels;

/// A row of the log for people.
#[derive(Debug, Clone)]
pub struct LogRow {
    /// Its number.
    pub seq: u64,
    /// When it was written, in its schedule's zone.
    pub at: ShownMoment,
    /// What happened.
    pub what: String,
    /// A word for its colour: `good`, `bad`, `unsure` or `plain`.
    pub kind: &'static str,
    /// The schedule's name; empty where the row is about none.
    pub schedule: String,
    /// The appointment's id.
    pub appointment: String,
    /// The appointment's page.
    pub link: Option<String>,
    /// How the schedule names it.
    pub name: String,
    /// The appointment's start.
    pub starts_at: Option<ShownMoment>,
    /// The last four digits.
    pub phone: Personal,
    /// The reason in words: `no phone`; empty where the row has none.
    pub reason: String,
    /// A sentence.
    pub detail: String,
    /// Who did it.
    pub by: String,
}

impl LogRow {
    /// That row.
    #[must_use]
    pub fn of(row: &AuditRow, labels: &Labels, moments: &Moments) -> Self {
        let schedule = row.schedule.as_deref();
        let text = |value: &Option<std::borrow::Cow<'static, str>>| value.as_deref().unwrap_or_default().to_owned();
        Self {
            seq: row.seq,
            at: moments.of(schedule, row.at),
            what: words::acceptance(row).unwrap_or(words::event(row.event)).to_owned(),
            kind: kind(row.event),
            schedule: text(&row.schedule),
            appointment: text(&row.appointment_id),
            link: row.appointment_id.as_deref().map(|id| links::appointment(schedule, id)),
            name: labels.of_row(row).unwrap_or_default().to_owned(),
            starts_at: row.starts_at.map(|at| moments.of(schedule, at)),
            phone: row.phone_last4().map(|last| format!("***{last}").into()).unwrap_or_default(),
            reason: row.reason.as_deref().map(words::reason).unwrap_or_default(),
            detail: moments.localised(schedule, &without_commands(row.detail.as_deref().unwrap_or_default())),
            by: text(&row.actor),
        }
    }
}

/// What a row says of whoever was to be called.
const fn kind(event: Event) -> &'static str {
    match event {
        Event::DeliveryDelivered | Event::OperatorApproved | Event::OperatorResumed => "good",
        Event::DeliveryFailed
        | Event::DeliveryDropped
        | Event::WriteBackFailed
        | Event::CanarySilent
        | Event::ReminderExpired
        | Event::RunMissed
        | Event::ConfigRejected => "bad",
        Event::DeliveryUncertain
        | Event::DeliveryRefused
        | Event::RunHeld
        | Event::RunSkipped
        | Event::ReminderSkipped
        | Event::ReminderCancelled
        | Event::OperatorPaused
        | Event::ClockJumped => "unsure",
        Event::RunStarted
        | Event::RunFinished
        | Event::ReminderPlanned
        | Event::ReminderShadowed
        | Event::DeliveryIntent
        | Event::OutcomeReceived
        | Event::OutcomeMissing
        | Event::InboundReceived
        | Event::OutcomeUnmatched
        | Event::OperatorOutcome
        | Event::OperatorRetried
        | Event::CanarySent
        | Event::CanaryHeard
        | Event::WriteBackSent
        | Event::WriteBackDropped
        | Event::DeliveryPrepared
        | Event::OperatorRejected
        | Event::OperatorResolved
        | Event::OperatorCancelled
        | Event::OptoutAdded
        | Event::OptoutRemoved
        | Event::OperatorForgot
        | Event::OperatorPruned
        | Event::OperatorExported
        | Event::OperatorRevealed
        | Event::PageTokenAdded
        | Event::PageTokenRemoved
        | Event::PageSignedIn
        | Event::ServiceStarted
        | Event::ServiceStopped
        | Event::ServiceRecovered
        | Event::ConfigLoaded => "plain",
    }
}
