//! shell: approves or rejects a run that a guard holds.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::plan::{self, ShownPlan};
use super::trigger::{self, TriggerAnswer};
use super::{App, VerbError, VerbResult, ids};
use crate::delivery::DeliveryScope;
use crate::evaluation::{Approval, RunOutcome, approve_run, evaluate, occasion_of_approval};
use crate::ledger::{RejectRun, RunRow, Runs, RunsAsk, held_runs};
use crate::reminder::{RunId, RunState};

/// The approval of a held run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ApproveAsk {
    /// Its id, or the unique beginning of it.
    pub run: String,
    /// The reason given.
    pub reason: Option<String>,
    /// How long to wait for what isn't due yet, in seconds.
    pub wait_seconds: u64,
}

/// The rejection of a held run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RejectAsk {
    /// Its id, or the unique beginning of it.
    pub run: String,
    /// The reason given.
    pub reason: Option<String>,
}

/// The run as it is then.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RejectedRun {
    /// The run's id.
    pub run_id: RunId,
    /// The schedule's name.
    pub schedule: String,
    /// Its state.
    pub state: RunState,
    /// What is known of it: the reason given.
    pub detail: Option<String>,
}

/// The reason if none is given.
const NO_REASON: &str = "no reason given";

/// Evaluates it again without the guards that hold it, records the result, and delivers.
///
/// # Errors
/// When there is no such run, it isn't held, nobody may be called now, or the source or the ledger fails: then it is
/// still held.
pub async fn approve(app: &App, actor: &str, ask: ApproveAsk) -> VerbResult<TriggerAnswer> {
    let schedule = app.schedule(&held(app, &ask.run).await?.schedule)?;
    let turn = app.turn(&schedule.name);
    let _at_work = turn.lock().await;
    let sender = trigger::sender_of(app, &schedule).await?;
    // another person may have decided meanwhile
    let held = held(app, &ask.run).await?;
    let nominal_at = held.nominal_at;
    let open_before = trigger::open_reminders(app, &schedule, None).await?;
    let approval = Approval { held, reason: ask.reason, actor: actor.to_owned() };
    let outcome = approve_run(&schedule, approval, &app.env)
        .await
        .map_err(|error| VerbError::Evaluation { schedule: schedule.name.clone(), error })?;
    let mut looked_after = Vec::new();
    if let RunOutcome::Done { recorded, .. } = &outcome {
        looked_after = trigger::still_open(open_before, recorded);
        let scope = DeliveryScope { schedule: schedule.name.clone(), only: None };
        trigger::deliver(&sender, &schedule, &scope, Duration::from_secs(ask.wait_seconds)).await?;
    }
    trigger::answer(app, &schedule, nominal_at, outcome, looked_after).await
}

/// The plan of an approval: whom it would call now. Sends and records nothing.
///
/// # Errors
/// When its schedule isn't loaded, or the source or the ledger can't be read.
pub async fn preview(app: &App, held: &RunRow) -> VerbResult<ShownPlan> {
    let schedule = app.schedule(&held.schedule)?;
    let evaluation = evaluate(&schedule, occasion_of_approval(held, &app.env), &app.env)
        .await
        .map_err(|error| VerbError::Evaluation { schedule: schedule.name.clone(), error })?;
    Ok(plan::masked(app, &schedule, held.nominal_at, evaluation.plan))
}

/// Ends it without calling anybody.
///
/// # Errors
/// When there is no such run, it isn't held, or the ledger fails.
pub async fn reject(app: &App, actor: &str, ask: RejectAsk) -> VerbResult<RejectedRun> {
    let reject = RejectRun {
        id: ids::run(app, &ask.run).await?,
        reason: ask.reason.unwrap_or_else(|| NO_REASON.to_owned()),
        now: app.env.clock.now(),
        actor: actor.to_owned(),
    };
    let row = app.ledger()?.reject_run(reject).await?;
    Ok(RejectedRun { run_id: row.id, schedule: row.schedule, state: row.state, detail: row.detail })
}

/// Finds the run, if a guard holds it.
///
/// # Errors
/// When there is no such run, it isn't held, or it was of one appointment alone.
pub(super) async fn held(app: &App, text: &str) -> VerbResult<RunRow> {
    let id = ids::run(app, text).await?;
    let held = held_runs::held_back(id, app.ledger()?.runs(RunsAsk::Id(id)).await?.pop())?;
    if held.in_window.is_none() {
        let schedule = &held.schedule;
        return Err(VerbError::Failed(format!(
            "run {id} was of one appointment alone: `tickler reject {id}`, then `tickler trigger {schedule} --only …`"
        )));
    }
    Ok(held)
}
