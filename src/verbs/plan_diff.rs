//! shell: who gains and who loses a call: against another version of a schedule's file, or against its last run.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;

use super::{App, VerbError, VerbResult, audit};
use crate::audit::{AuditFilter, Event};
use crate::evaluation::{Env, evaluate, nominal_now};
use crate::ledger::{KnowledgeAsk, ReminderAsk, RunsAsk};
use crate::personal::Personal;
use crate::plan::{Occasion, Plan, PlannedReminder};
use crate::reminder::State;
use crate::schedule::problems::Severity;
use crate::schedule::{Schedule, load};

/// What a plan is compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ComparedWith {
    /// The last run that read its source.
    LastRun,
    /// Another version of the schedule's file, at this path: it is the one that would come into force.
    File(PathBuf),
}

/// The difference of two plans.
#[derive(Debug, Clone, Serialize)]
pub struct PlanDifference {
    /// The schedule's name.
    pub schedule: String,
    /// What its plan was compared with, for people.
    pub against: String,
    /// The moment of both plans, with the schedule's offset.
    pub at: String,
    /// How many are called by both.
    pub same: usize,
    /// Who is called, and was not.
    pub gains: Vec<ChangedCall>,
    /// Who is not called, and was.
    pub loses: Vec<ChangedCall>,
}

/// A call that one of two plans has.
#[derive(Debug, Clone, Serialize)]
pub struct ChangedCall {
    /// The appointment's id.
    pub appointment_id: String,
    /// Its start, with the schedule's offset.
    pub starts_at: String,
    /// Why the other plan doesn't have it, as far as that is known.
    pub why: Option<String>,
    /// Whether somebody was called about it already, or a rehearsal would have called them: then the change calls them again.
    pub again: bool,
}

/// Why an appointment isn't called, by its id.
type ReasonsById = BTreeMap<String, String>;

/// Compares the plan of a schedule.
///
/// # Errors
/// When the file or the source can't be read, or there is no run to compare with.
pub async fn plan_diff(app: &App, name: &str, with: &ComparedWith) -> VerbResult<PlanDifference> {
    let schedule = app.schedule(name)?;
    match with {
        ComparedWith::File(file) => against_file(app, &schedule, file).await,
        ComparedWith::LastRun => against_last_run(app, &schedule).await,
    }
}

async fn against_file(app: &App, schedule: &Arc<Schedule>, file: &Path) -> VerbResult<PlanDifference> {
    let loaded = load::one_file(file, &app.env.zones);
    let Some(other) = loaded.schedule else {
        let first = loaded.problems.iter().find(|problem| problem.severity == Severity::Error);
        let why = first.map_or_else(|| "it has errors".to_owned(), |problem| problem.message.clone());
        return Err(VerbError::Configuration(format!("{}: {why} (see `tickler check`)", file.display())));
    };
    let occasion = Occasion::at(nominal_now(app.env.clock.as_ref()));
    let now = planned(schedule, occasion.clone(), &app.env).await?;
    let then = planned(&other, occasion.clone(), &app.env).await?;
    let called = called(app, schedule, occasion.now).await?;
    let (before, after) = (PlanSide::of(now), PlanSide::of(then));
    Ok(difference(schedule, (&before, &after), &called, (format!("{}", file.display()), occasion.now)))
}

async fn against_last_run(app: &App, schedule: &Arc<Schedule>) -> VerbResult<PlanDifference> {
    let name = &schedule.name;
    let run = app.ledger()?.runs(RunsAsk::LatestEvaluated(vec![name.clone()])).await?.pop();
    let run = run.ok_or_else(|| VerbError::Failed(format!("`{name}` has no run yet to compare with")))?;
    let filter = AuditFilter { run: Some(run.id), ..AuditFilter::default() };
    let mut before = PlanSide::default();
    for row in audit::list(app, filter).await? {
        let Some(id) = row.appointment_id.as_deref() else { continue };
        if row.event == Event::ReminderPlanned || row.event == Event::ReminderShadowed {
            before.calls.extend(row.starts_at.map(|start| (id.to_owned(), start)));
        } else if row.event == Event::ReminderSkipped {
            before.whys.insert(id.to_owned(), row.reason.as_deref().unwrap_or_default().to_owned());
        }
    }
    // calls that an earlier run planned and that still wait are on both sides, unless the new plan takes them back
    let waiting = ReminderAsk { schedule: Some(name.clone()), states: vec![State::Pending], ..ReminderAsk::default() };
    let waiting = app.ledger()?.reminders(waiting).await?;
    before.calls.extend(waiting.into_iter().map(|row| (row.appointment_id, row.starts_at)));
    // the plan is made as of that run: what it called counts as not called yet, what earlier runs called counts as called
    let moment = Occasion::at(run.started_at);
    let occasion = Occasion { nominal_at: run.nominal_at, as_of_run: Some(run.id), ..moment };
    let after = PlanSide::of(planned(schedule, occasion, &app.env).await?);
    let against = format!("the run of {}", schedule.zone.rfc3339(run.nominal_at));
    Ok(difference(schedule, (&before, &after), &[], (against, run.nominal_at)))
}

async fn planned(schedule: &Arc<Schedule>, occasion: Occasion, env: &Env) -> VerbResult<Plan> {
    let failed = |error| VerbError::Evaluation { schedule: schedule.name.clone(), error };
    Ok(evaluate(schedule, occasion, env).await.map_err(failed)?.plan)
}

/// A call about an appointment that lies ahead, made or counted as made.
struct FormerCall {
    appointment_id: String,
    starts_at: Timestamp,
    /// Who was called, where that is known.
    phone: Option<Personal>,
    person: Option<Personal>,
}

/// The people whom the schedule called, or may have called, about an appointment that lies ahead, or would have called in shadow
/// mode: the system that tickler replaces has called them.
async fn called(app: &App, schedule: &Schedule, now: Timestamp) -> VerbResult<Vec<FormerCall>> {
    let Some(ledger) = &app.env.ledger else { return Ok(Vec::new()) };
    let states = vec![State::Delivered, State::Sending, State::Uncertain];
    let ask = ReminderAsk { schedule: Some(schedule.name.clone()), states, ..ReminderAsk::default() };
    let mut rows = ledger.reminders(ask).await?;
    rows.retain(|row| row.starts_at > now && !row.trial);
    let made = rows.into_iter().map(|row| FormerCall {
        appointment_id: row.appointment_id,
        starts_at: row.starts_at,
        phone: row.phone,
        person: None,
    });
    let known = ledger.knowledge(KnowledgeAsk::about_all_ahead(schedule, None, now)).await?;
    let rehearsed = known.reminders.into_iter().filter(|(_, known)| known.is_shadow).map(|(key, known)| FormerCall {
        appointment_id: key.appointment_id,
        starts_at: key.starts_at,
        phone: None,
        person: Some(known.person).filter(|person| !person.as_str().is_empty()),
    });
    Ok(made.chain(rehearsed).collect())
}

/// What one of the plans says.
#[derive(Default)]
struct PlanSide {
    /// Appointments with their starts.
    calls: BTreeSet<(String, Timestamp)>,
    reminders: Vec<PlannedReminder>,
    whys: ReasonsById,
}

impl PlanSide {
    fn of(plan: Plan) -> Self {
        let whys = plan.skipped.into_iter().filter_map(|row| Some((row.appointment_id?, row.reason.to_string())));
        let calls = plan.reminders.iter().map(|call| (call.appointment_id.clone(), call.starts_at));
        Self { calls: calls.collect(), whys: whys.collect(), reminders: plan.reminders }
    }
}

fn difference(
    schedule: &Schedule,
    (before, after): (&PlanSide, &PlanSide),
    called: &[FormerCall],
    (against, at): (String, Timestamp),
) -> PlanDifference {
    let change = |(id, start): &(String, Timestamp), other: &PlanSide, again: bool| ChangedCall {
        appointment_id: id.clone(),
        starts_at: schedule.zone.rfc3339(*start),
        why: other.whys.get(id).cloned(),
        again,
    };
    let new = after.calls.iter().filter(|key| !before.calls.contains(*key));
    let gains: Vec<ChangedCall> = new.map(|key| change(key, before, is_called_again(key, after, called))).collect();
    let gone = before.calls.iter().filter(|key| !after.calls.contains(*key));
    let loses: Vec<ChangedCall> = gone.map(|key| change(key, after, false)).collect();
    PlanDifference {
        schedule: schedule.name.clone(),
        against,
        at: schedule.zone.rfc3339(at),
        same: after.calls.len() - gains.len(),
        gains,
        loses,
    }
}

/// Whether somebody was called about the appointment: known by its id, or where ids differ by phone or person and start.
fn is_called_again((id, start): &(String, Timestamp), after: &PlanSide, called: &[FormerCall]) -> bool {
    let is_key = |call: &&PlannedReminder| call.appointment_id == *id && call.starts_at == *start;
    let planned = after.reminders.iter().find(is_key);
    let is_of_same = |former: &FormerCall| {
        planned.is_some_and(|call| {
            former.phone.as_ref() == Some(&call.phone) || former.person.as_ref() == Some(&call.person)
        })
    };
    called.iter().any(|former| former.appointment_id == *id || (former.starts_at == *start && is_of_same(former)))
}
