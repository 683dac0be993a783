//! shell: the rules in order for one appointment: each with its input and result, the first that blocks, and what would
//! let it through.

mod earlier;
mod forgotten;

use jiff::Timestamp;

use super::plan::SHADOW_NOTE;
use super::{App, VerbError, VerbResult, holds, redact};
use crate::evaluation::{self, nominal_now};
use crate::ledger::gate::Hold;
use crate::ledger::{ReminderAsk, ReminderRow, RunsAsk, WriteBacksAsk};
use crate::plan::Occasion;
use crate::plan::explain::{Explanation, RuleStep, StepResult, Verdict};
use crate::plan::rules::rule_of;
use crate::reminder::{RunId, SkipReason, WriteBackState};
use crate::schedule::{Schedule, ScheduleMode};
use crate::zones::Zone;

pub use earlier::explain_run;

/// The step that says of a call that shadow mode doesn't make it.
pub const SHADOW_STEP: &str = "mode";

/// What would be decided for this appointment at this moment.
///
/// # Errors
/// When the source or the ledger can't be read.
pub async fn explain(app: &App, name: &str, appointment: &str) -> VerbResult<Explanation> {
    let schedule = app.schedule(name)?;
    let nominal_at = nominal_now(app.env.clock.as_ref());
    let occasion = Occasion::at(nominal_at);
    let mut explanation = evaluation::explain(&schedule, occasion, appointment, &app.env)
        .await
        .map_err(|error| VerbError::Evaluation { schedule: schedule.name.clone(), error })?;
    // the cell of a start that can't be read may hold anything
    let time = explanation.steps.iter_mut().find(|step| step.rule == rule_of(SkipReason::InvalidTime));
    if let Some(detail) = time.and_then(|step| step.detail.as_mut()) {
        *detail = redact::text(detail);
    }
    match explanation.verdict {
        Verdict::Reminded => explain_reminders(app, &schedule, &mut explanation).await?,
        Verdict::Call => hold_back(app, &schedule, &mut explanation).await?,
        Verdict::Skip if explanation.reason.as_deref() == Some("outside_window") => {
            explain_earlier(app, &schedule, &mut explanation).await?;
        }
        Verdict::Skip if explanation.reason.as_deref() == Some("run_held") => {
            name_held_run(app, &schedule, &mut explanation).await?;
        }
        Verdict::Skip | Verdict::Absent => {}
    }
    Ok(explanation)
}

/// The explanation by the rules as they stand now, or as an earlier run decided.
///
/// # Errors
/// Those of [`explain`] and [`explain_run`].
pub async fn asked(app: &App, name: &str, appointment: &str, run: Option<RunId>) -> VerbResult<Explanation> {
    match run {
        None => explain(app, name, appointment).await,
        Some(run) => explain_run(app, name, appointment, run).await,
    }
}

/// A call that passes every rule and still isn't made, because everything or its schedule is paused.
async fn hold_back(app: &App, schedule: &Schedule, explanation: &mut Explanation) -> VerbResult<()> {
    if schedule.mode == ScheduleMode::Shadow {
        let (rule, detail) = (SHADOW_STEP.to_owned(), Some(SHADOW_NOTE.to_owned()));
        explanation.steps.push(RuleStep { rule, result: StepResult::Pass, detail });
    }
    if let Some(detail) = holds::first(app, schedule, |hold| !matches!(hold, Hold::AccountWaits(..))).await? {
        explanation.verdict = Verdict::Skip;
        explanation.reason = Some("paused".to_owned());
        explanation.steps.push(RuleStep { rule: "pause".to_owned(), result: StepResult::Block, detail: Some(detail) });
    }
    Ok(())
}

/// Names the run that waits for a person now, where the next one would be held as well.
async fn name_held_run(app: &App, schedule: &Schedule, explanation: &mut Explanation) -> VerbResult<()> {
    let Some(ledger) = &app.env.ledger else { return Ok(()) };
    let held = ledger.runs(RunsAsk::Held).await?;
    let last = held.into_iter().rfind(|run| run.schedule == schedule.name);
    let step = explanation.steps.iter_mut().find(|step| step.result == StepResult::Block);
    if let (Some(step), Some(run)) = (step, last) {
        let detail = step.detail.take().unwrap_or_default();
        let at = wall(run.nominal_at, &schedule.zone);
        step.detail = Some(format!("{detail}. The run of {at} is held now: `tickler approve {}`", run.id));
    }
    Ok(())
}

/// The reminders that went out, and of which time their calls are forgotten.
async fn explain_reminders(app: &App, schedule: &Schedule, explanation: &mut Explanation) -> VerbResult<()> {
    let reminders = reminders_of(app, &schedule.name, &explanation.appointment_id).await?;
    let step = explanation.steps.iter_mut().find(|step| step.rule == "already_reminded");
    if let (Some(step), false) = (step, reminders.is_empty()) {
        let named = |reminder: &ReminderRow| {
            let start = wall(reminder.starts_at, &schedule.zone);
            format!("reminder {} ({} before {start}) is {}", reminder.id, reminder.lead, reminder.state)
        };
        let mut sentences = vec![step.detail.take().unwrap_or_default()];
        sentences.extend(forgotten::sentence(app, schedule, &reminders).await?);
        let named: Vec<String> = reminders.iter().map(named).collect();
        sentences.push(format!("In the ledger: {}", named.join("; ")));
        sentences.extend(written_back(app, &reminders).await?);
        step.detail = Some(sentences.join(". "));
    }
    Ok(())
}

/// The reminders of an appointment whose window has moved on.
async fn explain_earlier(app: &App, schedule: &Schedule, explanation: &mut Explanation) -> VerbResult<()> {
    let reminders = reminders_of(app, &schedule.name, &explanation.appointment_id).await?;
    let written = written_back(app, &reminders).await?;
    let block = explanation.steps.iter_mut().find(|step| step.result == StepResult::Block);
    if let (Some(step), false) = (block, reminders.is_empty()) {
        let reminders: Vec<String> = reminders.iter().map(|reminder| in_words(reminder, &schedule.zone)).collect();
        let rule = step.detail.take().unwrap_or_default();
        step.detail = Some(format!("{rule}. So far: {}", reminders.join("; ")));
        if let (Some(detail), Some(written)) = (&mut step.detail, written) {
            detail.push_str(&format!(". {written}"));
        }
    }
    Ok(())
}

/// How the latest write-back of their outcomes stands; `None` without one.
async fn written_back(app: &App, reminders: &[ReminderRow]) -> VerbResult<Option<String>> {
    let Some(ledger) = &app.env.ledger else { return Ok(None) };
    let ids = reminders.iter().map(|reminder| reminder.id).collect();
    let rows = ledger.write_backs(WriteBacksAsk::OfMany(ids)).await?;
    let Some(row) = rows.iter().max_by_key(|row| row.created_at) else { return Ok(None) };
    let why = row.reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default();
    let sentence = match row.state {
        WriteBackState::Pending => format!("The outcome {} is to be written back{why}", row.outcome),
        WriteBackState::Sent => format!("The outcome {} was written back", row.outcome),
        WriteBackState::Failed | WriteBackState::Acknowledged => {
            format!("The outcome {} could not be written back{why}", row.outcome)
        }
        WriteBackState::Dropped => format!("The outcome {} is not written back{why}", row.outcome),
    };
    Ok(Some(sentence))
}

/// A reminder's state and times, for people.
fn in_words(reminder: &ReminderRow, zone: &Zone) -> String {
    format!(
        "reminder {} ({} before {}) is {}, due {}, last touched {}",
        reminder.id,
        reminder.lead,
        wall(reminder.starts_at, zone),
        reminder.state,
        wall(reminder.due_at, zone),
        wall(reminder.updated_at, zone)
    )
}

/// The time to the minute, as the rules write times.
fn wall(at: Timestamp, zone: &Zone) -> String {
    zone.wall(at).strftime("%Y-%m-%d %H:%M").to_string()
}

async fn reminders_of(app: &App, schedule: &str, appointment: &str) -> VerbResult<Vec<ReminderRow>> {
    let Some(ledger) = &app.env.ledger else { return Ok(Vec::new()) };
    let ask = ReminderAsk {
        schedule: Some(schedule.to_owned()),
        appointment_id: Some(appointment.to_owned()),
        ..ReminderAsk::default()
    };
    Ok(ledger.reminders(ask).await?)
}
