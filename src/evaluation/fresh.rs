//! shell: the fresh read before a delayed send: compares pending reminders with their source again, and plans nobody new.

use std::sync::Arc;

use super::{Env, EvaluationError, EvaluationRequest, nominal_now, terms_of};
use crate::ledger::{RunEnd, RunRecord, RunsAsk};
use crate::plan::Occasion;
use crate::reminder::RunId;
use crate::schedule::Schedule;

/// Reads the source with the date and range of the run that planned the reminders, and updates or cancels its pending
/// reminders. Inserts none, and records no run.
///
/// # Errors
/// When the read fails or a guard holds it: then pending reminders stay as they are until they expire.
pub async fn fresh_read(schedule: &Arc<Schedule>, run: RunId, env: &Env) -> Result<(), EvaluationError> {
    let ledger = env.run_ledger()?;
    let planned_by = ledger
        .runs(RunsAsk::Id(run))
        .await?
        .pop()
        .ok_or_else(|| EvaluationError::Rule(format!("the ledger has no run {run} to read again for")))?;
    let moment = Occasion::at(nominal_now(env.clock.as_ref()));
    // a guard that a person has waived for the run doesn't hold what it planned either
    let occasion = Occasion { nominal_at: planned_by.nominal_at, waived: planned_by.guards, ..moment };
    let request = EvaluationRequest { schedule, occasion, planned_at: Some(planned_by.started_at), explained: None };
    let evaluation = request.evaluate(env).await?;
    if let Some(held) = evaluation.plan.held {
        return Err(EvaluationError::Rule(held.detail));
    }
    let record = RunRecord {
        id: run,
        finished_at: evaluation.read_at,
        end: RunEnd::ReadAgain(Box::new(evaluation.plan.without_numbers())),
        source_fingerprint: None,
        read_at: evaluation.read_at,
        terms: terms_of(&evaluation.schedule, evaluation.target),
        actor: "service".to_owned(),
    };
    ledger.record_run(record).await?;
    Ok(())
}
