//! pure: a row of the log as the pages show it.

use std::collections::HashMap;

use super::links;
use super::moments::{Moments, ShownMoment};
use super::wording::without_commands;
use crate::audit::{AuditRow, Event, words};
use crate::personal::Personal;
use crate::reminder::ReminderId;
use crate::verbs::labels::Labels;

/// The service's own name in the log: whatever nobody else is named for, it did.
const SERVICE: &str = "service";

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
    pub name: Personal,
    /// The appointment's start.
    pub starts_at: Option<ShownMoment>,
    /// The last four digits.
    pub phone: Personal,
    /// The reason in words: `no phone`; empty where the row has none.
    pub reason: String,
    /// A sentence.
    pub detail: String,
    /// Who did it; empty where the service did.
    pub by: String,
}

impl LogRow {
    /// The row as the page shows it.
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
            name: labels.of_row(row).unwrap_or_default().into(),
            starts_at: row.starts_at.map(|at| moments.of(schedule, at)),
            phone: row.phone_last4().map(|last| format!("***{last}").into()).unwrap_or_default(),
            reason: row.reason.as_deref().map(words::reason).unwrap_or_default(),
            detail: moments.localised(schedule, &without_commands(row.detail.as_deref().unwrap_or_default())),
            by: row.actor.as_deref().filter(|actor| *actor != SERVICE).unwrap_or_default().to_owned(),
        }
    }
}

/// A row of the log with the earlier ones about the same call.
#[derive(Debug, Clone)]
pub struct FoldedRow {
    /// The newest one.
    pub row: LogRow,
    /// The earlier ones, the newest first.
    pub steps: Vec<LogRow>,
}

impl FoldedRow {
    /// The rows as the page shows them, the newest first: one for each call, and one for each row about no call.
    #[must_use]
    pub fn all(rows: &[AuditRow], labels: &Labels, moments: &Moments) -> Vec<Self> {
        let mut folded: Vec<Self> = Vec::new();
        let mut places: HashMap<ReminderId, usize> = HashMap::new();
        for row in rows {
            let shown = LogRow::of(row, labels, moments);
            let known = row.reminder_id.and_then(|id| places.get(&id)).and_then(|place| folded.get_mut(*place));
            if let Some(call) = known {
                call.steps.push(shown);
                continue;
            }
            if let Some(id) = row.reminder_id {
                places.insert(id, folded.len());
            }
            folded.push(Self { row: shown, steps: Vec::new() });
        }
        folded
    }

    /// `3 earlier steps`.
    #[must_use]
    pub fn summary(&self) -> String {
        words::counted(self.steps.len() as u64, "earlier step", "earlier steps")
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::Entry;
    use crate::schedule::load::Folder;
    use crate::verbs::ScheduleZones;
    use crate::zones::Zones;

    #[test]
    fn the_rows_about_one_call_are_one_row_that_has_its_steps() {
        let row = |seq, event, reminder: &str| AuditRow {
            seq,
            entry: Entry { reminder_id: reminder.parse().ok(), ..Entry::new(jiff::Timestamp::UNIX_EPOCH, event) },
            hash: String::new(),
        };
        let (one, two) = ("01920000-0000-7000-8000-000000000001", "01920000-0000-7000-8000-000000000002");
        let rows = [
            row(8, Event::RunFinished, ""),
            row(7, Event::DeliveryDelivered, one),
            row(6, Event::DeliveryFailed, two),
            row(5, Event::DeliveryIntent, two),
            row(4, Event::DeliveryIntent, one),
            row(3, Event::RunStarted, ""),
            row(2, Event::ReminderPlanned, one),
        ];
        let zones = ScheduleZones::of_folder(&Folder::default(), &Zones::newest());
        let moments = Moments::new(zones, jiff::Timestamp::UNIX_EPOCH);
        let folded = FoldedRow::all(&rows, &Labels::default(), &moments);
        let steps = |call: &FoldedRow| call.steps.iter().map(|step| step.seq).collect::<Vec<_>>();
        let shown: Vec<(u64, Vec<u64>)> = folded.iter().map(|call| (call.row.seq, steps(call))).collect();
        assert_eq!(shown, [(8, vec![]), (7, vec![4, 2]), (6, vec![5]), (3, vec![])]);
        assert_eq!((folded[1].summary().as_str(), folded[2].summary().as_str()), ("2 earlier steps", "1 earlier step"));
    }
}
