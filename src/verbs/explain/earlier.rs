//! shell: what an earlier run decided, from the audit and the schedule text it ran with.

use std::path::Path;
use std::sync::Arc;

use super::steps::{Block, Rule, Step, steps};
use super::{ExplainAnswer, Verdict, told};
use crate::audit::{AuditFilter, AuditRow, Event};
use crate::ledger::{ReminderAsk, ReminderRow, RunRow};
use crate::reminder::{RunId, RunState, SkipReason};
use crate::schedule::{Schedule, load};
use crate::verbs::{House, VerbError, VerbResult, audit};

/// What that run decided for this appointment.
///
/// # Errors
/// When the ledger has no such run of this schedule, or can't be read.
pub async fn explain_run(house: &House, name: &str, appointment: &str, run: RunId) -> VerbResult<ExplainAnswer> {
    let ledger = house.ledger()?;
    let row = ledger.run(run).await?.filter(|row| row.schedule == name);
    let row = row.ok_or_else(|| VerbError::Failed(format!("the ledger has no run {run} of `{name}`")))?;
    let text = ledger.schedule_text(&row.text_hash).await?;
    let then = text.and_then(|text| load::one(Path::new(&format!("{name}.toml")), &text, &house.around.zones).schedule);
    let filter = AuditFilter { run: Some(run), appointment: Some(appointment.to_owned()), ..AuditFilter::default() };
    let log = audit::list(house, filter).await?;
    let ask = ReminderAsk {
        schedule: Some(name.to_owned()),
        appointment_id: Some(appointment.to_owned()),
        ..ReminderAsk::default()
    };
    let reminders = ledger.reminders(ask).await?;
    Ok(Earlier { run: &row, then, appointment, log: &log, reminders: &reminders }.decide())
}

struct Earlier<'a> {
    run: &'a RunRow,
    then: Option<Arc<Schedule>>,
    appointment: &'a str,
    log: &'a [AuditRow],
    reminders: &'a [ReminderRow],
}

/// A decision before it is dressed in steps.
struct Decision {
    verdict: Verdict,
    reason: Option<String>,
    block: Option<(Rule, String)>,
}

impl Earlier<'_> {
    fn decide(&self) -> ExplainAnswer {
        let decision = self.by_run().unwrap_or_else(|| self.by_log());
        let block = decision.block.map(|(rule, detail)| Block { rule, detail });
        ExplainAnswer {
            schedule: self.run.schedule.clone(),
            appointment_id: self.appointment.to_owned(),
            verdict: decision.verdict,
            reason: decision.reason,
            steps: self.steps(block),
        }
    }

    /// A run that decided nothing.
    fn by_run(&self) -> Option<Decision> {
        let detail = |what: &str| self.run.detail.clone().unwrap_or_else(|| what.to_owned());
        let (reason, rule, detail) = match self.run.state {
            RunState::Held => ("run_held", Rule::Guard, detail("a guard held the run")),
            RunState::Failed => ("run_failed", Rule::Row, detail("the run failed")),
            RunState::Missed => ("run_missed", Rule::Row, detail("nobody was there at that time")),
            RunState::Skipped => ("paused", Rule::Pause, detail("the run was left out")),
            RunState::Running | RunState::Waiting => ("run_failed", Rule::Row, detail("the run isn't over")),
            RunState::Done => return None,
        };
        Some(Decision { verdict: Verdict::Skip, reason: Some(reason.to_owned()), block: Some((rule, detail)) })
    }

    fn by_log(&self) -> Decision {
        if self.log.iter().any(|row| row.event == Event::ReminderPlanned) {
            return Decision { verdict: Verdict::Call, reason: None, block: None };
        }
        let skipped = self.log.iter().find(|row| row.event == Event::ReminderSkipped);
        if let Some((row, reason)) = skipped.and_then(|row| Some((row, row.reason.as_deref()?))) {
            let rule = reason.parse::<SkipReason>().map_or(Rule::Row, Rule::of);
            let detail = row.detail.clone().unwrap_or_else(|| reason.to_owned());
            let block = Some((rule, detail));
            return Decision { verdict: Verdict::Skip, reason: Some(reason.to_owned()), block };
        }
        // reminders' ids are made in the order of time, as runs' are: an earlier one was there before this run
        let before = self.reminders.iter().rfind(|reminder| reminder.run_id < self.run.id);
        match before {
            Some(reminder) => Decision {
                verdict: Verdict::Reminded,
                reason: Some("already_reminded".to_owned()),
                block: Some((Rule::AlreadyReminded, self.told(reminder))),
            },
            None => Decision {
                verdict: Verdict::Absent,
                reason: None,
                block: Some((Rule::Row, "that run's read had no such row, or not in its window".to_owned())),
            },
        }
    }

    fn told(&self, reminder: &ReminderRow) -> String {
        match &self.then {
            Some(schedule) => told(reminder, &schedule.zone),
            None => format!("reminder {} is {}, due {}", reminder.id, reminder.state, reminder.due_at),
        }
    }

    fn steps(&self, block: Option<Block>) -> Vec<Step> {
        let hours = self.then.as_ref().map(|schedule| schedule.remind.calling_hours.to_string());
        let planned = self.log.iter().find(|row| row.event == Event::ReminderPlanned);
        let show = |at: jiff::Timestamp| match &self.then {
            Some(schedule) => schedule.zone.rfc3339(at),
            None => at.to_string(),
        };
        steps(block, |rule| match rule {
            Rule::Id => format!("`{}`", self.appointment),
            Rule::Time => self.log.iter().find_map(|row| row.starts_at).map(|at| format!("starts {}", show(at))).unwrap_or_default(),
            Rule::Window => planned.and_then(|row| row.lead).map(|lead| format!("lead {lead}")).unwrap_or_default(),
            Rule::Phone => planned.and_then(|row| row.phone_last4.clone()).map(|last| format!("***{last}")).unwrap_or_default(),
            Rule::CallingHours => hours.clone().unwrap_or_default(),
            Rule::AlreadyStarted => format!("the run's nominal time was {}", show(self.run.nominal_at)),
            _ => String::new(),
        })
    }
}
