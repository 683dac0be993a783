//! shell: the uncertain reminders, about which a person decides.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::redact::{self, Reveal};
use super::{App, VerbError, VerbResult, ids};
use crate::ledger::gate::Opening;
use crate::ledger::life::too_late_to_resend;
use crate::ledger::openings::Openings;
use crate::ledger::{ByHand, Outbox, ReminderAsk, ReminderRow, Resolution, Resolve};
use crate::personal::Personal;
use crate::reminder::{CallOutcome, Lead, ReminderId, State};

/// One reminder of unknown fate; times in UTC.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct UncertainReminder {
    /// Its id, which `resolve` takes.
    pub reminder_id: ReminderId,
    /// The schedule's name.
    pub schedule: String,
    /// Its appointment.
    pub appointment_id: String,
    /// The appointment's start (UTC).
    pub starts_at: String,
    /// The lead before the start.
    pub lead: Lead,
    /// The last four digits; null once purged.
    pub phone: Option<Personal>,
    /// Its state.
    pub state: State,
    /// Attempts made.
    pub attempts: u32,
    /// The last attempt's status.
    pub http_status: Option<u16>,
    /// What a person said that became of its call.
    #[serde(default)]
    pub outcome: Option<CallOutcome>,
    /// When its fate became unknown (UTC).
    pub since: String,
    /// It is not sent after this (UTC).
    pub expires_at: String,
    /// How the schedule names the appointment (`appointment.label`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<Personal>,
    /// Why it can't be sent again in time; null where it can.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub too_late: Option<String>,
}

/// Every reminder of unknown fate, oldest first.
///
/// # Errors
/// When the ledger can't be read.
pub async fn list(app: &App) -> VerbResult<Vec<UncertainReminder>> {
    let Some(ledger) = &app.env.ledger else { return Ok(Vec::new()) };
    let ask = ReminderAsk { states: vec![State::Uncertain], ..ReminderAsk::default() };
    let rows = ledger.reminders(ask).await?;
    let (openings, now) = (Openings::new(app.env.zones.clone()), app.env.clock.now());
    let shown = |row: &ReminderRow| UncertainReminder { too_late: too_late(row, &openings, now), ..shown(row) };
    Ok(rows.iter().map(shown).collect())
}

fn too_late(row: &ReminderRow, openings: &Openings, now: Timestamp) -> Option<String> {
    // calling hours that this version can't read are no reason here: they are reported when the reminder is sent again
    let opening = openings.opening(&row.calling_hours, &row.recipient_zone, now).unwrap_or(Opening::Open);
    too_late_to_resend(row.expires_at, opening, now)
}

/// A person's verdict on reminders.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ResolveAsk {
    /// The reminders: their ids or unique beginnings, or ids of `schedule`'s appointments.
    pub ids: Vec<String>,
    /// The schedule whose appointments `ids` may name.
    pub schedule: Option<String>,
    /// All of unknown fate of this schedule, instead of `ids`.
    pub all_of: Option<String>,
    /// What they say.
    pub verdict: Resolution,
    /// The reason given.
    pub reason: String,
}

/// Settles reminders by a person's verdict; returns them as they are then. Nothing is settled unless all of them are found.
///
/// # Errors
/// When one isn't found, its state doesn't allow it, or the ledger fails; those before it are settled then.
pub async fn resolve(app: &App, actor: &str, ask: ResolveAsk) -> VerbResult<Vec<UncertainReminder>> {
    let ids = match &ask.all_of {
        Some(schedule) => all_of(app, schedule).await?,
        None => named(app, &ask).await?,
    };
    if ask.verdict == Resolution::Resend {
        refuse_too_late(app, &ids).await?;
    }
    let mut resolved = Vec::with_capacity(ids.len());
    for reminder_id in &ids {
        let resolve = Resolve {
            reminder_id: *reminder_id,
            verdict: ask.verdict,
            reason: ask.reason.clone(),
            actor: actor.to_owned(),
            now: app.env.clock.now(),
        };
        match app.ledger()?.by_hand(ByHand::Resolve(resolve)).await {
            Ok(row) => resolved.push(shown(&row)),
            Err(error) if resolved.is_empty() => return Err(error.into()),
            Err(error) => {
                let (done, all) = (resolved.len(), ids.len());
                return Err(VerbError::Failed(format!("{done} of {all} are settled, then: {error}")));
            }
        }
    }
    if let Some(sender) = &app.sender {
        sender.nudge();
    }
    Ok(resolved)
}

/// Refuses what would only wait for calling hours that open when its time is over.
async fn refuse_too_late(app: &App, ids: &[ReminderId]) -> VerbResult<()> {
    if ids.is_empty() {
        return Ok(());
    }
    let ask = ReminderAsk { ids: ids.to_vec(), ..ReminderAsk::default() };
    let rows = app.ledger()?.reminders(ask).await?;
    let (openings, now) = (Openings::new(app.env.zones.clone()), app.env.clock.now());
    // what is over is refused by the ledger, with its remedy
    let open = rows.iter().filter(|row| row.expires_at > now);
    match open.filter_map(|row| Some((row.id, too_late(row, &openings, now)?))).next() {
        Some((id, why)) => Err(VerbError::Failed(format!(
            "reminder {id} may not be sent again: {why}. Phone the person yourself; nothing was settled"
        ))),
        None => Ok(()),
    }
}

async fn all_of(app: &App, schedule: &str) -> VerbResult<Vec<ReminderId>> {
    if app.ledger()?.schedules(Some(schedule.to_owned())).await?.is_empty() {
        app.schedule(schedule)?;
    }
    let states = vec![State::Uncertain];
    let ask = ReminderAsk { states, schedule: Some(schedule.to_owned()), ..ReminderAsk::default() };
    Ok(app.ledger()?.briefs(ask).await?.into_iter().map(|row| row.id).collect())
}

async fn named(app: &App, ask: &ResolveAsk) -> VerbResult<Vec<ReminderId>> {
    let mut found = Vec::with_capacity(ask.ids.len());
    for text in &ask.ids {
        let id = ids::reminder(app, text, ask.schedule.as_deref(), &[State::Uncertain]).await?;
        if !found.contains(&id) {
            found.push(id);
        }
    }
    Ok(found)
}

pub(super) fn shown(row: &ReminderRow) -> UncertainReminder {
    UncertainReminder {
        reminder_id: row.id,
        schedule: row.schedule.clone(),
        appointment_id: row.appointment_id.clone(),
        starts_at: row.starts_at.to_string(),
        lead: row.lead,
        phone: row.phone.as_deref().map(|phone| redact::phone(phone, Reveal::LastFour).into()),
        state: row.state,
        attempts: row.attempts,
        http_status: row.http_status,
        outcome: row.outcome,
        since: row.updated_at.to_string(),
        expires_at: row.expires_at.to_string(),
        label: redact::label(row.label.as_deref()),
        too_late: None,
    }
}
