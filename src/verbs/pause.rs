//! shell: the kill switch: while a pause is set, nobody is called, over restarts, too.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{App, VerbError, VerbResult};
use crate::ledger::{HoldChange, LoadedSchedule, Outbox, Pause, Resume};

/// The state after the change.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Paused {
    /// `null`: all.
    pub schedule: Option<String>,
    /// Whether it is paused now.
    pub paused: bool,
    /// Until (UTC); null: until resumed.
    pub until: Option<String>,
    /// The reason given.
    pub reason: Option<String>,
}

/// The request for a pause.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PauseAsk {
    /// `None`: all.
    pub schedule: Option<String>,
    /// The reason given.
    pub reason: String,
    /// Until (UTC), or until resumed.
    pub until: Option<Timestamp>,
}

/// Pauses a schedule, or all.
///
/// # Errors
/// When there is no such schedule, the end is in the past, or the ledger fails.
pub async fn pause(app: &App, actor: &str, ask: PauseAsk) -> VerbResult<Paused> {
    refuse(app, &ask).await?;
    if let Some(name) = &ask.schedule {
        introduce(app, actor, name).await?;
    }
    let now = app.env.clock.now();
    let pause = Pause {
        schedule: ask.schedule.clone(),
        reason: ask.reason.clone(),
        until: ask.until,
        now,
        actor: actor.to_owned(),
    };
    app.ledger()?.hold(HoldChange::Pause(pause)).await?;
    if let Some(sender) = &app.sender {
        sender.pause_was_set();
    }
    let until = ask.until.map(|until| until.to_string());
    Ok(Paused { schedule: ask.schedule, paused: true, until, reason: Some(ask.reason) })
}

/// Lifts a schedule's pause, or that of everything with the accounts' pauses.
///
/// # Errors
/// When there is no such schedule, or the ledger fails.
pub async fn resume(app: &App, actor: &str, schedule: Option<String>, reason: Option<String>) -> VerbResult<Paused> {
    refuse_unknown(app, schedule.as_deref()).await?;
    let now = app.env.clock.now();
    let resume =
        HoldChange::Resume(Resume { reason: reason.clone(), schedule: schedule.clone(), now, actor: actor.to_owned() });
    app.ledger()?.hold(resume).await?;
    if let Some(sender) = &app.sender {
        sender.nudge();
    }
    Ok(Paused { schedule, paused: false, until: None, reason })
}

/// Refuses a pause of an unknown schedule, and one that would be over already.
///
/// # Errors
/// When it is one, or the ledger can't be read.
pub(super) async fn refuse(app: &App, ask: &PauseAsk) -> VerbResult<()> {
    refuse_unknown(app, ask.schedule.as_deref()).await?;
    if ask.until.is_some_and(|until| until <= app.env.clock.now()) {
        return Err(VerbError::Usage("--until is in the past: such a pause would end before it begins".into()));
    }
    Ok(())
}

/// A schedule may be paused or resumed if its file exists, even a refused one, or if the ledger knows it.
///
/// # Errors
/// When neither is so, or the ledger can't be read.
pub(super) async fn refuse_unknown(app: &App, schedule: Option<&str>) -> VerbResult<()> {
    let Some(name) = schedule else { return Ok(()) };
    match (app.schedule(name), &app.env.ledger) {
        (Ok(_) | Err(VerbError::RefusedSchedule { .. }), _) => Ok(()),
        (Err(_), Some(ledger)) if !ledger.schedules(Some(name.to_owned())).await?.is_empty() => Ok(()),
        (Err(unknown), _) => Err(unknown),
    }
}

/// A pause needs a schedule that the ledger knows: one that no service has loaded yet is loaded first.
async fn introduce(app: &App, actor: &str, name: &str) -> VerbResult<()> {
    let ledger = app.ledger()?;
    let is_known = !ledger.schedules(Some(name.to_owned())).await?.is_empty();
    let Ok(schedule) = app.schedule(name) else { return Ok(()) };
    if !is_known {
        let loaded = LoadedSchedule::of(&schedule, app.env.clock.now(), actor);
        ledger.load_schedule(loaded).await?;
    }
    Ok(())
}
