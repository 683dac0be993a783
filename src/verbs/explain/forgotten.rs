//! shell: why it isn't known whether somebody was called: a restored copy, or a loss that was accepted.

use super::wall;
use crate::audit::{AuditFilter, AuditRow, Event};
use crate::ledger::{Questions, ReminderRow};
use crate::reminder::State;
use crate::schedule::Schedule;
use crate::verbs::{App, VerbResult};

/// Why the log has a reminder as of unknown fate although nothing was sent.
const CAUSES: [(&str, &str); 2] = [("restored", "a restore"), ("loss_accepted", "an accepted loss")];

/// A sentence for reminders that are uncertain because the ledger has forgotten a time: which time, and how that came.
pub(super) async fn sentence(app: &App, schedule: &Schedule, reminders: &[ReminderRow]) -> VerbResult<Option<String>> {
    let Some(ledger) = &app.env.ledger else { return Ok(None) };
    for reminder in reminders.iter().filter(|reminder| reminder.state == State::Uncertain) {
        let of_reminder = AuditFilter { reminder: Some(reminder.id), ..newest(Event::DeliveryUncertain) };
        let Some(doubt) = ledger.audit(of_reminder).await?.pop() else { continue };
        let cause = CAUSES.iter().find(|(reason, _)| doubt.reason.as_deref() == Some(*reason));
        if let Some((reason, cause)) = cause
            && let Some(row) = forgetting(ledger, reason, &doubt).await?
        {
            let detail = with_walls(row.detail.as_deref().unwrap_or_default(), schedule);
            return Ok(Some(format!("The reason is {cause} at {}: {detail}", wall(row.at, &schedule.zone))));
        }
    }
    Ok(None)
}

fn newest(event: Event) -> AuditFilter {
    AuditFilter { event: Some(event.as_str().to_owned()), limit: Some(1), newest: true, ..AuditFilter::default() }
}

/// The row of the restore or of the accepted loss before that doubt, or that came with it.
async fn forgetting(ledger: &Questions, reason: &str, doubt: &AuditRow) -> VerbResult<Option<AuditRow>> {
    let latest = AuditFilter { reason: Some(reason.to_owned()), ..newest(Event::ServiceRecovered) };
    let before = AuditFilter { before_seq: Some(doubt.seq), ..latest.clone() };
    Ok(match ledger.audit(before).await?.pop() {
        Some(row) => Some(row),
        None => ledger.audit(latest).await?.pop(),
    })
}

/// A sentence of the log with its instants on the schedule's clock.
fn with_walls(text: &str, schedule: &Schedule) -> String {
    let words =
        text.split(' ').map(|word| word.parse().map_or_else(|_| word.to_owned(), |at| wall(at, &schedule.zone)));
    words.collect::<Vec<_>>().join(" ")
}
