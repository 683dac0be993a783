//! pure: a run that guards hold, until a person lets it go or ends it.

use super::runs::{WrittenRun, by_reason, of_run, read};
use super::{LedgerError, LedgerResult, REJECTED, RejectRun, RunRecord, RunRow};
use crate::audit::{Entry, Event};
use crate::plan::{Held, Plan};
use crate::reminder::{RunId, RunState};

/// Guards stopped it: its plan is not carried out.
#[must_use]
pub fn held<'a>(record: &'a RunRecord, run: RunRow, plan: &Plan, held: &'a Held) -> WrittenRun<'a> {
    let detail = held.of_run(run.id);
    let entry = Entry {
        reason: Some(held.guard.as_str().into()),
        detail: Some(detail.clone().into()),
        ..of_run(record, &run.schedule, Event::RunHeld)
    };
    let mut guards = run.guards;
    guards.extend(
        held.guards().filter(|name| !guards.iter().any(|known| known == name)).map(str::to_owned).collect::<Vec<_>>(),
    );
    let run = RunRow {
        state: RunState::Held,
        finished_at: Some(record.finished_at),
        counts: plan.counts,
        skipped: by_reason(&plan.skipped),
        detail: Some(detail),
        guards,
        ..read(record, RunRow { guards: Vec::new(), ..run }, plan)
    };
    WrittenRun { run, entry: Some(entry) }
}

/// The run, if a guard holds it.
///
/// # Errors
/// When none does, or there is no such run.
pub fn held_back(id: RunId, found: Option<RunRow>) -> LedgerResult<RunRow> {
    match found {
        Some(run) if run.state == RunState::Held => Ok(run),
        Some(run) => Err(LedgerError::Refused(format!("run {id} isn't held: it is {}", run.state))),
        None => Err(LedgerError::Refused(format!("there is no run {id}"))),
    }
}

/// A person lets a held run go: what it was evaluated to this time is recorded next.
#[must_use]
pub fn approved<'a>(record: &'a RunRecord, run: RunRow, reason: Option<&'a str>) -> WrittenRun<'a> {
    let guards = run.guards.join(", ");
    let because = reason.map(|reason| format!(": {reason}")).unwrap_or_default();
    let entry = Entry {
        reason: run.guards.first().cloned().map(Into::into),
        detail: Some(format!("approved in spite of {guards}{because}").into()),
        ..of_run(record, &run.schedule, Event::OperatorApproved)
    };
    let run = RunRow { started_at: run.started_at.max(record.read_at), ..run };
    WrittenRun { run, entry: Some(entry) }
}

/// A person ends a held run: nobody is called by it.
#[must_use]
pub fn rejected<'a>(run: RunRow, reject: &'a RejectRun) -> WrittenRun<'a> {
    let entry = Entry {
        schedule: Some(run.schedule.clone().into()),
        run_id: Some(run.id),
        reason: run.guards.first().cloned().map(Into::into),
        detail: Some(reject.reason.as_str().into()),
        actor: Some(reject.actor.as_str().into()),
        ..Entry::new(reject.now, Event::OperatorRejected)
    };
    let detail = Some(format!("{REJECTED}{}", reject.reason));
    let run = RunRow { state: RunState::Skipped, finished_at: Some(reject.now), detail, ..run };
    WrittenRun { run, entry: Some(entry) }
}
