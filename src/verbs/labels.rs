//! shell: how the schedules name appointments (`appointment.label`), as far as that is still kept. The log itself has no names:
//! a reminder keeps its label with its payload, and whoever has none is named by the run that left them out.

use std::collections::{BTreeSet, HashMap};

use super::{App, redact};
use crate::audit::AuditRow;
use crate::ledger::{LabelsAsk, Questions, ReminderAsk};
use crate::personal::Personal;
use crate::reminder::ReminderId;

/// The labels of some appointments.
#[derive(Debug, Clone, Default)]
pub struct Labels {
    reminders: HashMap<ReminderId, Personal>,
    /// The labels by schedule and appointment's id.
    appointments: HashMap<(String, String), Personal>,
}

impl Labels {
    /// The labels of the appointments of these rows of the log. Where the ledger can't be read there are none.
    pub async fn of_rows(app: &App, rows: &[AuditRow]) -> Self {
        let Some(ledger) = &app.env.ledger else { return Self::default() };
        let reminders = of_reminders(ledger, rows.iter().filter_map(|row| row.reminder_id)).await;
        let unnamed = rows.iter().filter(|row| row.reminder_id.is_none_or(|id| !reminders.contains_key(&id)));
        let appointments = of_appointments(ledger, unnamed.filter_map(appointment_of)).await;
        Self { reminders, appointments }
    }

    /// The labels of the appointments of these reminders. Where the ledger can't be read there are none.
    pub async fn of_reminders(app: &App, reminders: impl IntoIterator<Item = ReminderId>) -> Self {
        let Some(ledger) = &app.env.ledger else { return Self::default() };
        Self { reminders: of_reminders(ledger, reminders).await, appointments: HashMap::new() }
    }

    /// The label of the appointment of a row.
    #[must_use]
    pub fn of_row(&self, row: &AuditRow) -> Option<&str> {
        let by_reminder = row.reminder_id.and_then(|id| self.of_reminder(id));
        by_reminder.or_else(|| self.appointments.get(&appointment_of(row)?).map(Personal::as_str))
    }

    /// The label of a reminder's appointment.
    #[must_use]
    pub fn of_reminder(&self, id: ReminderId) -> Option<&str> {
        self.reminders.get(&id).map(Personal::as_str)
    }
}

fn appointment_of(row: &AuditRow) -> Option<(String, String)> {
    Some((row.schedule.as_deref()?.to_owned(), row.appointment_id.as_deref()?.to_owned()))
}

async fn of_reminders(
    ledger: &Questions,
    reminders: impl IntoIterator<Item = ReminderId>,
) -> HashMap<ReminderId, Personal> {
    let wanted: BTreeSet<ReminderId> = reminders.into_iter().collect();
    if wanted.is_empty() {
        return HashMap::new();
    }
    let ask = ReminderAsk { ids: wanted.into_iter().collect(), ..ReminderAsk::default() };
    let found = ledger.briefs(ask).await.unwrap_or_default();
    found.into_iter().filter_map(|row| Some((row.id, redact::label(row.label.as_deref())?))).collect()
}

async fn of_appointments(
    ledger: &Questions,
    appointments: impl Iterator<Item = (String, String)>,
) -> HashMap<(String, String), Personal> {
    let ask = LabelsAsk { appointments: appointments.collect() };
    if ask.appointments.is_empty() {
        return HashMap::new();
    }
    let found = ledger.labels(ask).await.unwrap_or_default();
    found.into_iter().filter_map(|(key, label)| Some((key, redact::label(Some(label.as_str()))?))).collect()
}
