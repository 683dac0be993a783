//! shell: what became of calls: lists it, and records what a person says of it.

pub mod records;
pub mod signs;
pub mod terms;
pub mod trying;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{App, VerbResult, ids};
use crate::ledger::{
    AcknowledgeWriteBacks, ByHand, CallAgain, CalledAgain, CallsOf, Outbox, OutcomeByHand, Outcomes, ReminderAsk,
    ReminderRow, ReportedCall, WriteBackRow, WriteBacksAsk,
};
use crate::reminder::{CallOutcome, Lead, ReminderId, State, WriteBackState};

/// A person's word about what became of a call.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SetOutcomeAsk {
    /// Its reminder's id, or the unique beginning of it.
    pub id: String,
    /// What they say.
    pub outcome: CallOutcome,
    /// The reason given.
    pub reason: Option<String>,
}

/// The calls that are listed. What is absent selects nothing, so that an older program's ask is understood.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct OutcomeListAsk {
    /// Calls of this schedule.
    pub schedule: Option<String>,
    /// Only those in which something was said that no key maps.
    pub unmapped: bool,
    /// Calls with this outcome.
    pub outcome: Option<OutcomeSought>,
    /// Calls about this appointment.
    pub appointment: Option<String>,
    /// Due at or after (UTC).
    pub since: Option<Timestamp>,
    /// Due before (UTC).
    pub until: Option<Timestamp>,
    /// Only retries that wait for their time.
    pub waiting: bool,
    /// Only this number of the newest.
    pub limit: Option<usize>,
}

/// The outcome of the calls that are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutcomeSought {
    /// Calls of which nothing was reported yet.
    None,
    /// Calls with this outcome.
    Word(CallOutcome),
}

impl OutcomeListAsk {
    /// Whether it selects that reminder, as far as the reminder alone shows it.
    fn selects(&self, row: &ReminderRow) -> bool {
        let is_waiting = row.state == State::Pending;
        let is_outcome = match self.outcome {
            None => true,
            Some(OutcomeSought::None) => row.outcome.is_none() && !is_waiting,
            Some(OutcomeSought::Word(word)) => row.outcome == Some(word),
        };
        is_outcome
            && (!is_waiting || row.lead.is_retry())
            && (!self.waiting || is_waiting)
            && self.since.is_none_or(|since| row.due_at >= since)
            && self.until.is_none_or(|until| row.due_at < until)
    }
}

/// A person has seen that outcomes could not be written back.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AcknowledgeAsk {
    /// The reminder's id, or the unique beginning of it; `None`: all reminders.
    pub id: Option<String>,
    /// The reason given.
    pub reason: Option<String>,
}

/// What became of one reminder's calls.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutcomeRow {
    /// The reminder's id.
    pub reminder_id: ReminderId,
    /// The schedule's name.
    pub schedule: String,
    /// Its appointment.
    pub appointment_id: String,
    /// The appointment's start (UTC).
    pub starts_at: Timestamp,
    /// The lead before the start.
    pub lead: Lead,
    /// Its state.
    pub state: State,
    /// What became of it; null while nobody reported it.
    pub outcome: Option<CallOutcome>,
    /// The outcome's own time (UTC).
    pub outcome_at: Option<Timestamp>,
    /// Its calls that were reported.
    pub calls: Vec<OutcomeCall>,
    /// Its latest write-back; null without one.
    #[serde(default)]
    pub write_back: Option<OutcomeWriteBack>,
}

/// A write-back of an outcome.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutcomeWriteBack {
    /// Counts the write-backs of the reminder.
    pub number: u32,
    /// What is written.
    pub outcome: CallOutcome,
    /// How it stands.
    pub state: WriteBackState,
    /// A word on how it ended, or on why it is tried again.
    pub reason: Option<String>,
}

/// A call that was reported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutcomeCall {
    /// The other side's id of it.
    pub call_id: String,
    /// What became of it; null while it goes on.
    pub outcome: Option<CallOutcome>,
    /// A word of what was said that no key maps.
    pub unmapped: Option<String>,
    /// When it ended (UTC).
    pub ended_at: Option<Timestamp>,
}

/// Sets it; returns the reminder.
///
/// # Errors
/// When the reminder was never sent, or the ledger fails.
pub async fn set(app: &App, actor: &str, ask: SetOutcomeAsk) -> VerbResult<OutcomeRow> {
    let SetOutcomeAsk { id, outcome, reason } = ask;
    let reminder_id = ids::reminder(app, &id, None, &[]).await?;
    let (terms, now) = (terms::of(app, None), app.env.clock.now());
    let word = OutcomeByHand { reminder_id, outcome, reason, terms, actor: actor.to_owned(), now };
    let row = app.ledger()?.by_hand(ByHand::Outcome(word)).await?;
    nudge(app);
    Ok(with_calls(app, vec![row]).await?.remove(0))
}

/// Wakes the sender: something may be due.
fn nudge(app: &App) {
    if let Some(sender) = &app.sender {
        sender.nudge();
    }
}

/// The people whom a person has called again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AgainAsk {
    /// The person of the call of this reminder (its id, or the unique beginning of it).
    Of(String),
    /// Everybody whom this schedule called, whose appointment is in the future, and whose call was never reported.
    Silent(String),
}

/// Has people called again; returns the new reminders, each of which waits for a fresh read of its source.
///
/// # Errors
/// When there is no such call or schedule, when nobody can be called again, or when the ledger fails.
pub async fn retry(app: &App, actor: &str, (ask, reason): (AgainAsk, Option<String>)) -> VerbResult<Vec<OutcomeRow>> {
    let whom = match ask {
        AgainAsk::Of(id) => CalledAgain::Of(ids::reminder(app, &id, None, &[]).await?),
        AgainAsk::Silent(schedule) => CalledAgain::Silent(app.schedule(&schedule)?.name.clone()),
    };
    let (terms, now) = (terms::of(app, None), app.env.clock.now());
    let again = CallAgain { whom, terms, reason, actor: actor.to_owned(), now };
    let planned = app.ledger()?.call_again(again).await?;
    nudge(app);
    with_calls(app, planned).await
}

/// Notes that a person has seen that outcomes could not be written back; returns their reminders.
///
/// # Errors
/// When nothing of this reminder failed, or the ledger fails.
pub async fn acknowledge(app: &App, actor: &str, ask: AcknowledgeAsk) -> VerbResult<Vec<OutcomeRow>> {
    let reminder_id = match &ask.id {
        Some(id) => Some(ids::reminder(app, id, None, &[]).await?),
        None => None,
    };
    let (actor, now) = (actor.to_owned(), app.env.clock.now());
    let acknowledge = AcknowledgeWriteBacks { reminder_id, reason: ask.reason, actor, now };
    let ledger = app.ledger()?;
    let seen = ledger.acknowledge_write_backs(acknowledge).await?;
    if seen.is_empty() {
        return Ok(Vec::new());
    }
    let ids = seen.iter().map(|row| row.reminder_id).collect();
    let rows = ledger.reminders(ReminderAsk { ids, ..ReminderAsk::default() }).await?;
    with_calls(app, rows).await
}

/// Reminders of which a call may have been placed, and retries that wait, oldest first. Without a ledger there are none.
///
/// # Errors
/// When there is no such schedule, or the ledger can't be read.
pub async fn list(app: &App, ask: &OutcomeListAsk) -> VerbResult<Vec<OutcomeRow>> {
    let Some(ledger) = &app.env.ledger else { return Ok(Vec::new()) };
    if let Some(name) = &ask.schedule {
        app.schedule(name)?;
    }
    let called = ReminderAsk {
        schedule: ask.schedule.clone(),
        states: vec![State::Pending, State::Delivered, State::Uncertain, State::Failed, State::Dropped],
        appointment_id: ask.appointment.clone(),
        ..ReminderAsk::default()
    };
    let mut reminders = ledger.reminders(called).await?;
    reminders.retain(|row| ask.selects(row));
    let mut rows = with_calls(app, reminders).await?;
    if ask.unmapped {
        rows.retain(|row| row.calls.iter().any(|call| call.unmapped.is_some()));
    }
    Ok(super::newest(rows, ask.limit))
}

async fn with_calls(app: &App, reminders: Vec<ReminderRow>) -> VerbResult<Vec<OutcomeRow>> {
    let ask = CallsOf { reminders: reminders.iter().map(|row| row.id).collect() };
    let mut calls: BTreeMap<ReminderId, Vec<OutcomeCall>> = BTreeMap::new();
    for ReportedCall { reminder_id, call_id, outcome, unmapped, ended_at, .. } in
        app.ledger()?.reported_calls(ask).await?
    {
        let unmapped = unmapped.map(|word| crate::appointment::phone::masked(&word).into_owned());
        calls.entry(reminder_id).or_default().push(OutcomeCall { call_id, outcome, unmapped, ended_at });
    }
    let ids = reminders.iter().map(|row| row.id).collect();
    let mut write_backs: BTreeMap<ReminderId, OutcomeWriteBack> = BTreeMap::new();
    for WriteBackRow { reminder_id, number, outcome, state, reason, .. } in
        app.ledger()?.write_backs(WriteBacksAsk::OfMany(ids)).await?
    {
        // by number: the latest is the last
        write_backs.insert(reminder_id, OutcomeWriteBack { number, outcome, state, reason });
    }
    let row = |row: ReminderRow| OutcomeRow {
        write_back: write_backs.remove(&row.id),
        calls: calls.remove(&row.id).unwrap_or_default(),
        reminder_id: row.id,
        schedule: row.schedule,
        appointment_id: row.appointment_id,
        starts_at: row.starts_at,
        lead: row.lead,
        state: row.state,
        outcome: row.outcome,
        outcome_at: row.outcome_at,
    };
    Ok(reminders.into_iter().map(row).collect())
}
