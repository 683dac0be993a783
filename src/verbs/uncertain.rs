//! shell: what nobody can know but a person.

use serde::{Deserialize, Serialize};

use super::redact::{self, Reveal};
use super::{App, VerbResult};
use crate::ledger::{ReminderAsk, ReminderRow, Resolve, Verdict};
use crate::reminder::{Lead, ReminderId, State};

/// One reminder of unknown fate; times in UTC.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct UncertainReminder {
    /// Its id, which `resolve` takes.
    pub reminder_id: ReminderId,
    /// Of which schedule.
    pub schedule: String,
    /// Its appointment.
    pub appointment_id: String,
    /// The appointment's start (UTC).
    pub starts_at: String,
    /// Which lead.
    pub lead: Lead,
    /// The last four digits; null once purged.
    pub phone: Option<String>,
    /// Where it stands.
    pub state: State,
    /// Attempts made.
    pub attempts: u32,
    /// The last attempt's status.
    pub http_status: Option<u16>,
    /// Since when (UTC).
    pub since: String,
    /// Not sent after this (UTC).
    pub expires_at: String,
}

/// Every reminder of unknown fate, oldest first.
///
/// # Errors
/// When the ledger can't be read.
pub async fn list(app: &App) -> VerbResult<Vec<UncertainReminder>> {
    let Some(ledger) = &app.around.ledger else { return Ok(Vec::new()) };
    let ask = ReminderAsk { states: vec![State::Uncertain], ..ReminderAsk::default() };
    Ok(ledger.reminders(ask).await?.iter().map(shown).collect())
}

/// A person's verdict on a reminder.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ResolveAsk {
    /// Which reminder.
    pub reminder_id: ReminderId,
    /// What they say.
    pub verdict: Verdict,
    /// Why.
    pub reason: String,
}

/// Settles a reminder by a person's verdict; returns the reminder as it is then.
///
/// # Errors
/// When there is no such reminder, its state doesn't allow it, or the ledger fails.
pub async fn resolve(app: &App, actor: &str, ask: ResolveAsk) -> VerbResult<UncertainReminder> {
    let resolve = Resolve {
        reminder_id: ask.reminder_id,
        verdict: ask.verdict,
        reason: ask.reason,
        actor: actor.to_owned(),
        now: app.around.clock.now(),
    };
    let row = app.ledger()?.resolve(resolve).await?;
    if let Some(sender) = &app.sender {
        sender.nudge();
    }
    Ok(shown(&row))
}

fn shown(row: &ReminderRow) -> UncertainReminder {
    UncertainReminder {
        reminder_id: row.id,
        schedule: row.schedule.clone(),
        appointment_id: row.appointment_id.clone(),
        starts_at: row.starts_at.to_string(),
        lead: row.lead,
        phone: row.phone.as_deref().map(|phone| redact::phone(phone, Reveal::LastFour)),
        state: row.state,
        attempts: row.attempts,
        http_status: row.http_status,
        since: row.updated_at.to_string(),
        expires_at: row.expires_at.to_string(),
    }
}
