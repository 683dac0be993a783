//! shell: evaluate now, record, deliver what is due, and wait until each is settled.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{App, Exit, VerbError, VerbResult, explain, holds, redact};
use crate::delivery::{DeliveryScope, Sender};
use crate::evaluation::{RunAsk, RunOutcome, evaluate, nominal_now, run_once};
use crate::ledger::gate::Hold;
use crate::ledger::{LedgerError, RecordedRun, RunsAsk};
use crate::personal::Personal;
use crate::plan::explain::Verdict;
use crate::plan::{Counts, Occasion, Plan, Rehearsed, Reminded};
use crate::reminder::{CallOutcome, ReminderId, RunId, RunKind, RunState, State};
use crate::schedule::{Schedule, ScheduleMode};

const STOPPING: &str = "the service is stopping";

/// How a trigger is asked for.
#[derive(Debug, Clone)]
pub struct TriggerAsk {
    /// The schedule's name.
    pub schedule: String,
    /// The id of the only appointment that is looked at; `None`: all are.
    pub only: Option<String>,
    /// What becomes of calls that a run in shadow mode would have made.
    pub rehearsed: Rehearsed,
    /// How long to wait for what isn't due yet.
    pub wait: Duration,
}

/// What became of it, as `trigger --format json` prints it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TriggerAnswer {
    /// Null for a dry run.
    pub run_id: Option<RunId>,
    /// The schedule's name.
    pub schedule: String,
    /// The nominal time with the schedule's offset.
    pub nominal_at: String,
    /// `done`, `held` or `failed`.
    pub state: RunState,
    /// Rows by fate, and reminders by state.
    pub counts: TriggerCounts,
    /// The rows reminded before, by what is known of them.
    #[serde(default, skip_serializing_if = "Reminded::is_none")]
    pub reminded: Reminded,
    /// The reminders of this trigger.
    pub reminders: Vec<TriggeredReminder>,
    /// Whether something pending waits for a pause to be lifted or for the next start of the service, not for its hour.
    pub paused: bool,
    /// Why it failed or is held.
    pub detail: Option<String>,
    /// What a person should know of the read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// Whether a service is running: it sends what this trigger leaves pending.
    #[serde(default)]
    pub service: bool,
    /// Who accepted what was delivered: null for Thoughtly.
    #[serde(default)]
    pub accepted_by: Option<String>,
    /// Why what is pending was refused last.
    #[serde(default)]
    pub refusal: Option<String>,
}

/// Counts of rows, and of this trigger's reminders by their state at its end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TriggerCounts {
    /// All rows read.
    pub rows: u64,
    /// Rows not in any lead's window.
    pub outside_window: u64,
    /// Rows to be called about.
    pub planned: u64,
    /// Calls that were accepted, trials among them.
    pub delivered: u64,
    /// Calls that were refused for good.
    pub failed: u64,
    /// Calls of unknown fate.
    pub uncertain: u64,
    /// Calls that were given up.
    pub dropped: u64,
    /// Calls that were not sent in time.
    pub expired: u64,
    /// Calls that are left for later.
    pub pending: u64,
    /// Rows nobody is called about.
    pub skipped: u64,
    /// Rows of which somebody was reminded before.
    pub already_reminded: u64,
    /// Calls that shadow mode only wrote down: nobody was phoned.
    #[serde(default, skip_serializing_if = "is_none")]
    pub shadowed: u64,
    /// How many of the accepted calls the sandbox accepted: nobody was phoned.
    #[serde(default, skip_serializing_if = "is_none")]
    pub trials: u64,
}

/// Whether a count is left out of the answer: it is shown only where there is any.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_none(count: &u64) -> bool {
    *count == 0
}

/// One reminder at a trigger's end.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TriggeredReminder {
    /// Null for one a dry run would make.
    pub reminder_id: Option<ReminderId>,
    /// Its appointment.
    pub appointment_id: String,
    /// Its state.
    pub state: State,
    /// Attempts made.
    pub attempts: u32,
    /// The last attempt's status.
    pub http_status: Option<u16>,
    /// What became of its call; null while that isn't known.
    #[serde(default)]
    pub outcome: Option<CallOutcome>,
    /// Whether a sandbox accepted it: nobody was phoned.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub trial: bool,
    /// How the schedule names the appointment (`appointment.label`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<Personal>,
}

impl TriggerAnswer {
    /// How the verb ends.
    #[must_use]
    pub const fn exit(&self) -> Exit {
        match self.state {
            RunState::Held | RunState::Skipped => Exit::Refused,
            RunState::Failed | RunState::Running | RunState::Waiting | RunState::Missed => Exit::Failed,
            RunState::Done if self.counts.undelivered() > 0 => Exit::Undelivered,
            RunState::Done if self.paused => Exit::Refused,
            RunState::Done => Exit::Done,
        }
    }
}

/// Evaluates now and delivers. A second trigger of the schedule waits for the first.
///
/// # Errors
/// When there is no such schedule, nobody may be called now, or the ledger fails.
pub async fn trigger(app: &App, actor: &str, ask: TriggerAsk) -> VerbResult<TriggerAnswer> {
    let schedule = app.schedule(&ask.schedule)?;
    refuse_rehearsing(&schedule, ask.rehearsed)?;
    let turn = app.turn(&schedule.name);
    let _at_work = turn.lock().await;
    let sender = sender_of(app, &schedule).await?;
    let nominal_at = nominal_now(app.env.clock.as_ref());
    let (actor, only, rehearsed) = (actor.to_owned(), ask.only.clone(), ask.rehearsed);
    let run = RunAsk { kind: RunKind::Trigger, nominal_at, actor, only, rehearsed };
    let open_before = open_reminders(app, &schedule, ask.only.as_deref());
    let (outcome, open_before) = tokio::join!(run_once(&schedule, run, &app.env), open_before);
    let mut looked_after = Vec::new();
    if let RunOutcome::Done { recorded, counts, .. } = &outcome {
        looked_after = still_open(open_before?, recorded);
        if looked_after.is_empty() {
            refuse_absent(app, &schedule, ask.only.as_deref(), *counts).await?;
        }
        let scope = DeliveryScope { schedule: schedule.name.clone(), only: ask.only };
        deliver(&sender, &schedule, &scope, ask.wait).await?;
    }
    answer(app, &schedule, nominal_at, outcome, looked_after).await
}

/// Delivers what is due of a live schedule, and waits until it is settled.
pub(super) async fn deliver(
    sender: &Sender,
    schedule: &Schedule,
    scope: &DeliveryScope,
    wait: Duration,
) -> VerbResult<()> {
    match schedule.mode {
        ScheduleMode::Live => Ok(sender.deliver(scope, wait).await?),
        ScheduleMode::Shadow => Ok(()),
    }
}

/// What sends the schedule's reminders, when they may be sent now.
///
/// # Errors
/// When they may not.
pub(super) async fn sender_of(app: &App, schedule: &Arc<Schedule>) -> VerbResult<Arc<Sender>> {
    refuse_when_unsafe(app, schedule).await?;
    let sender = app.sender.clone().ok_or_else(|| VerbError::Failed("nothing may be sent from here".into()))?;
    refuse_when_stopping(app)?;
    if !app.is_service {
        sender.set_schedules(&[(schedule.name.clone(), Arc::clone(schedule))].into());
        match schedule.mode {
            // nothing is sent
            ScheduleMode::Shadow => {}
            ScheduleMode::Live => {
                if let Some(problem) = sender.problems().remove(&schedule.name) {
                    return Err(VerbError::Failed(problem));
                }
            }
        }
    }
    Ok(sender)
}

/// Refuses a trigger that would begin no run: of an unknown schedule, of an appointment that the source doesn't have, or
/// while nobody may be called.
///
/// # Errors
/// When it is one.
pub(super) async fn refuse(app: &App, ask: &TriggerAsk) -> VerbResult<()> {
    let schedule = app.schedule(&ask.schedule)?;
    refuse_rehearsing(&schedule, ask.rehearsed)?;
    refuse_when_unsafe(app, &schedule).await?;
    match schedule.mode {
        ScheduleMode::Live => refuse_closed_target(app, &schedule)?,
        ScheduleMode::Shadow => {}
    }
    let absent = refuse_absent(app, &schedule, ask.only.as_deref(), Counts::default()).await;
    // a source that can't be read is a failed run, and that is recorded
    if matches!(absent, Err(VerbError::Evaluation { .. })) { Ok(()) } else { absent }
}

/// Refuses to plan rehearsed calls anew where nobody is called.
fn refuse_rehearsing(schedule: &Schedule, rehearsed: Rehearsed) -> VerbResult<()> {
    match (schedule.mode, rehearsed) {
        (ScheduleMode::Shadow, Rehearsed::ArePlanned) => Err(VerbError::Usage(format!(
            "`{}` is in shadow mode, in which nobody is called: take its line `mode` out, then `--rehearsed` calls",
            schedule.name
        ))),
        (ScheduleMode::Live, _) | (ScheduleMode::Shadow, Rehearsed::CountAsMade | Rehearsed::AreCompleted) => Ok(()),
    }
}

/// Refuses a schedule whose target can't be opened, for want of a secret or an account.
///
/// # Errors
/// When it can't.
pub(super) fn refuse_closed_target(app: &App, schedule: &Schedule) -> VerbResult<()> {
    let account = app.settings.accounts.get(schedule.target.account());
    let opened = crate::targets::open(schedule, account, &app.env.secrets);
    opened.map(drop).map_err(|problem| VerbError::Failed(problem.to_string()))
}

/// Refuses an appointment that isn't in the source. Only where nothing was found of it is the source read again for that.
async fn refuse_absent(app: &App, schedule: &Schedule, only: Option<&str>, counts: Counts) -> VerbResult<()> {
    let Some(appointment) = only else { return Ok(()) };
    if counts.planned + counts.skipped + counts.already_reminded > 0 {
        return Ok(());
    }
    let name = &schedule.name;
    match explain::asked(app, name, appointment, None).await?.verdict {
        Verdict::Absent => Err(VerbError::Failed(format!("{name}: the source has no appointment `{appointment}`"))),
        Verdict::Call | Verdict::Skip | Verdict::Reminded => Ok(()),
    }
}

/// What a trigger would do: the plan in a trigger's shape. Nothing is sent or written.
///
/// # Errors
/// When there is no such schedule, or its source or the ledger can't be read.
pub async fn dry_run(app: &App, name: &str, only: Option<String>, rehearsed: Rehearsed) -> VerbResult<TriggerAnswer> {
    let schedule = app.schedule(name)?;
    refuse_rehearsing(&schedule, rehearsed)?;
    let nominal_at = nominal_now(app.env.clock.as_ref());
    let occasion = Occasion { only: only.clone(), rehearsed, ..Occasion::at(nominal_at) };
    let plan = evaluate(&schedule, occasion, &app.env)
        .await
        .map_err(|error| VerbError::Evaluation { schedule: schedule.name.clone(), error })?
        .plan;
    refuse_absent(app, &schedule, only.as_deref(), plan.counts).await?;
    let mut counts = of_rows(plan.counts);
    let mut notes = plan.notes.clone();
    notes.extend(plan.rehearsed_in_words(&schedule));
    notes.extend(plan.rehearsed_by_id(&schedule));
    match schedule.mode {
        ScheduleMode::Live => counts.pending = plan.reminders.len() as u64,
        ScheduleMode::Shadow => counts.shadowed = plan.reminders.len() as u64,
    }
    Ok(TriggerAnswer {
        run_id: None,
        schedule: schedule.name.clone(),
        nominal_at: schedule.zone.rfc3339(nominal_at),
        state: if plan.held.is_some() { RunState::Held } else { RunState::Done },
        counts,
        reminders: would_be(&plan),
        paused: false,
        detail: plan.held.map(|held| held.detail),
        reminded: plan.reminded,
        notes,
        service: app.is_service,
        accepted_by: None,
        refusal: None,
    })
}

fn would_be(plan: &Plan) -> Vec<TriggeredReminder> {
    plan.reminders
        .iter()
        .map(|reminder| TriggeredReminder {
            reminder_id: match reminder.standing {
                crate::plan::Standing::New => None,
                crate::plan::Standing::Pending | crate::plan::Standing::Returning => Some(reminder.id),
            },
            appointment_id: reminder.appointment_id.clone(),
            state: State::Pending,
            trial: false,
            label: redact::label(reminder.label.as_deref()),
            attempts: 0,
            http_status: None,
            outcome: None,
        })
        .collect()
}

/// Rejects a trigger that could call somebody at the wrong time.
async fn refuse_when_unsafe(app: &App, schedule: &Schedule) -> VerbResult<()> {
    if app.env.clock.is_shifted() && schedule.mode == ScheduleMode::Live {
        only_loopback(app, schedule)?;
    }
    // an account's credentials or wait may have changed by the time of sending: the sender asks again
    match holds::first(app, schedule, |hold| !hold.is_of_account()).await? {
        Some(reason) => Err(VerbError::Unsafe(reason)),
        None => Ok(()),
    }
}

/// A service that is about to end begins nothing.
///
/// # Errors
/// Busy, while it is.
pub(super) fn refuse_when_stopping(app: &App) -> VerbResult<()> {
    match &app.sender {
        Some(sender) if sender.is_stopping() => {
            Err(LedgerError::Busy(format!("{STOPPING}: ask again when it has stopped or restarted")).into())
        }
        Some(_) | None => Ok(()),
    }
}

/// A clock given by `--now` may send to this machine alone: a wrong clock can't phone anybody.
///
/// # Errors
/// When the schedule's target is any other host, or can't be opened.
pub fn only_loopback(app: &App, schedule: &Schedule) -> VerbResult<()> {
    let account = app.settings.accounts.get(schedule.target.account());
    let target = crate::targets::open(schedule, account, &app.env.secrets)
        .map_err(|error| VerbError::Failed(format!("{}: {error}", schedule.name)))?;
    if target.is_loopback() {
        return Ok(());
    }
    Err(VerbError::Unsafe(format!(
        "--now sends only to this machine, and `{}` sends to {}: try it with `tickler sandbox`",
        schedule.name,
        target.origin()
    )))
}

/// The reminders of a trigger: those that were open before and are not cancelled by its run, and those that it planned.
pub(super) fn still_open(mut open: Vec<ReminderId>, recorded: &RecordedRun) -> Vec<ReminderId> {
    let cancelled: HashSet<_> = recorded.cancelled.iter().collect();
    open.retain(|id| !cancelled.contains(id));
    let known: HashSet<_> = open.iter().copied().collect();
    open.extend(recorded.reminders.iter().filter(|id| !known.contains(id)));
    open
}

/// What of the schedule isn't settled yet.
pub(super) async fn open_reminders(app: &App, schedule: &Schedule, only: Option<&str>) -> VerbResult<Vec<ReminderId>> {
    let ask = crate::ledger::ReminderAsk {
        schedule: Some(schedule.name.clone()),
        states: vec![State::Pending, State::Sending],
        appointment_id: only.map(str::to_owned),
        ..Default::default()
    };
    Ok(app.ledger()?.briefs(ask).await?.into_iter().map(|row| row.id).collect())
}

/// The answer about a run and its reminders.
///
/// # Errors
/// When the ledger can't be read.
pub(super) async fn answer(
    app: &App,
    schedule: &Schedule,
    nominal_at: jiff::Timestamp,
    outcome: RunOutcome,
    looked_after: Vec<ReminderId>,
) -> VerbResult<TriggerAnswer> {
    let mut counts = of_rows(recorded_counts(app, &outcome).await?);
    if let RunOutcome::Done { recorded, .. } = &outcome {
        counts.shadowed = recorded.shadowed;
    }
    let settled = match looked_after.is_empty() {
        true => Vec::new(),
        false => {
            let ask = crate::ledger::ReminderAsk { ids: looked_after, ..Default::default() };
            app.ledger()?.briefs(ask).await?
        }
    };
    let mut reminders = Vec::with_capacity(settled.len());
    for row in settled {
        counts.add(row.state);
        counts.trials += u64::from(row.is_trial);
        reminders.push(TriggeredReminder {
            reminder_id: Some(row.id),
            appointment_id: row.appointment_id,
            state: row.state,
            trial: row.is_trial,
            label: redact::label(row.label.as_deref()),
            attempts: row.attempts,
            http_status: row.http_status,
            outcome: row.outcome,
        });
    }
    let is_waiting = counts.pending > 0;
    let pause = if is_waiting { reason_of_pause(app, schedule).await? } else { None };
    Ok(TriggerAnswer {
        run_id: outcome.run(),
        schedule: schedule.name.clone(),
        nominal_at: schedule.zone.rfc3339(nominal_at),
        state: outcome.state(),
        counts,
        reminders,
        paused: pause.is_some(),
        detail: outcome.why().map(str::to_owned).or(pause),
        reminded: outcome.reminded(),
        notes: outcome.notes().to_vec(),
        service: app.is_service,
        accepted_by: app.sender.as_ref().and_then(|sender| sender.accepted_by(&schedule.name)),
        refusal: app.sender.as_ref().and_then(|sender| sender.troubles().remove(&schedule.name)).filter(|_| is_waiting),
    })
}

/// Why what is pending was not sent and won't be by itself: the service ends, it was paused meanwhile, or the account's
/// credentials are refused.
async fn reason_of_pause(app: &App, schedule: &Schedule) -> VerbResult<Option<String>> {
    if app.sender.as_ref().is_some_and(|sender| sender.is_stopping()) {
        let name = &schedule.name;
        return Ok(Some(match app.is_service {
            true => format!("{STOPPING}: what is pending is sent after its next start"),
            false => format!(
                "stopped: what is pending is sent by the service or by `tickler trigger {name}`, unless its time is over"
            ),
        }));
    }
    // a wait after a 429 ends by itself
    holds::first(app, schedule, |hold| !matches!(hold, Hold::AccountWaits(..))).await
}

/// The rows as the ledger recorded them: what another schedule was faster with is skipped there.
async fn recorded_counts(app: &App, outcome: &RunOutcome) -> VerbResult<Counts> {
    match outcome {
        RunOutcome::Done { run, counts, .. } | RunOutcome::Held { run, counts, .. } => {
            Ok(app.ledger()?.runs(RunsAsk::Id(*run)).await?.pop().map_or(*counts, |row| row.counts))
        }
        RunOutcome::Waiting { .. }
        | RunOutcome::Failed { .. }
        | RunOutcome::NotBegun { .. }
        | RunOutcome::EvaluatedBefore => Ok(Counts::default()),
    }
}

const fn of_rows(rows: Counts) -> TriggerCounts {
    TriggerCounts {
        rows: rows.rows,
        outside_window: rows.outside_window,
        planned: rows.planned,
        delivered: 0,
        trials: 0,
        shadowed: 0,
        failed: 0,
        uncertain: 0,
        dropped: 0,
        expired: 0,
        pending: 0,
        skipped: rows.skipped,
        already_reminded: rows.already_reminded,
    }
}

impl TriggerCounts {
    /// What was to be sent and won't be by itself.
    const fn undelivered(&self) -> u64 {
        self.failed + self.uncertain + self.dropped + self.expired
    }

    const fn add(&mut self, state: State) {
        match state {
            State::Delivered => self.delivered += 1,
            State::Failed => self.failed += 1,
            State::Uncertain => self.uncertain += 1,
            State::Dropped => self.dropped += 1,
            State::Expired => self.expired += 1,
            State::Pending | State::Sending => self.pending += 1,
            State::Cancelled => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u128) -> ReminderId {
        ReminderId(uuid::Uuid::from_u128(number))
    }

    #[test]
    fn what_was_open_comes_first_and_once_without_what_the_run_cancelled() {
        let recorded = RecordedRun {
            reminders: vec![id(2), id(4), id(5)],
            // taken by the sender meanwhile: it counts, too
            overruled: vec![id(3)],
            cancelled: vec![id(1)],
            shadowed: 0,
        };
        let open = still_open(vec![id(1), id(2), id(3)], &recorded);
        assert_eq!(open, [id(2), id(3), id(4), id(5)]);
    }
}
