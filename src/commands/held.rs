//! shell: `tickler approve` and `tickler reject`.

use super::arguments::Globals;
use super::context::Context;
use super::held_arguments::{ApproveArguments, RejectArguments};
use super::output::{Rows, Shown};
use super::{dispatch, trigger};
use crate::verbs::held::{ApproveAsk, RejectAsk, RejectedRun};
use crate::verbs::trigger::TriggerAnswer;
use crate::verbs::{Exit, Request};

/// Approves a held run, in the service when one is running.
pub async fn approve(globals: &Globals, ask: ApproveArguments) -> anyhow::Result<Exit> {
    let context = Context::of(globals)?.sending_at(&ask.now, None)?;
    let wait_seconds = u64::try_from(ask.wait.as_secs()).unwrap_or_default();
    let request = Request::Approve(ApproveAsk { run: ask.run, reason: ask.reason, wait_seconds });
    let (answer, exit): (TriggerAnswer, Exit) = dispatch::change(&context, request).await?;
    trigger::tell(&context, &answer).await?;
    Ok(exit)
}

/// Ends a held run.
pub async fn reject(globals: &Globals, ask: RejectArguments) -> anyhow::Result<Exit> {
    let context = Context::of(globals)?.sending_at(&ask.now, None)?;
    let request = Request::Reject(RejectAsk { run: ask.run, reason: ask.reason });
    let (answer, exit): (RejectedRun, Exit) = dispatch::change(&context, request).await?;
    let people = || format!("run {} of {} is ended: nobody is called by it", answer.run_id, answer.schedule);
    let rows = || {
        let mut rows = Rows::of(&["run_id", "schedule", "state", "detail"]);
        let detail = answer.detail.clone().unwrap_or_default();
        rows.push(vec![answer.run_id.to_string(), answer.schedule.clone(), answer.state.to_string(), detail]);
        rows
    };
    Shown { answer: &answer, people: &people, rows: &rows }.print(context.format)?;
    Ok(exit)
}
