//! shell: what an earlier run decided, from the audit and the schedule text it ran with.

use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;

use super::{in_words, reminders_of};
use crate::audit::{AuditFilter, AuditRow, Event};
use crate::ledger::{ReminderRow, RunRow};
use crate::plan::explain::{Explanation, Step, StepResult, Verdict};
use crate::reminder::{RunId, RunState, SkipReason};
use crate::schedule::{Schedule, load};
use crate::verbs::{House, VerbError, VerbResult, audit};

/// The rules in their order, as the plan names them; before them what keeps a whole run from deciding anything.
const RULES: [&str; 18] = [
    "run",
    "row",
    "time",
    "window",
    "already_reminded",
    "duplicate_row",
    "status",
    "filtered",
    "phone",
    "opted_out",
    "no_consent",
    "already_started",
    "too_late",
    "late_booking",
    "outside_calling_hours",
    "payload_error",
    "merged",
    "person_limit",
];

/// The rule that gives a reason.
const fn rule_of(reason: SkipReason) -> &'static str {
    match reason {
        SkipReason::BadRow | SkipReason::MissingId => "row",
        SkipReason::InvalidTime | SkipReason::NoSuchTime => "time",
        SkipReason::Cancelled | SkipReason::UnknownStatus => "status",
        SkipReason::NoPhone | SkipReason::InvalidPhone => "phone",
        SkipReason::DuplicateRow
        | SkipReason::Filtered
        | SkipReason::OptedOut
        | SkipReason::NoConsent
        | SkipReason::AlreadyStarted
        | SkipReason::TooLate
        | SkipReason::LateBooking
        | SkipReason::OutsideCallingHours
        | SkipReason::Merged
        | SkipReason::PersonLimit
        | SkipReason::PayloadError => reason.as_str(),
    }
}

/// What that run decided for this appointment.
///
/// # Errors
/// When the ledger has no such run of this schedule, or can't be read.
pub async fn explain_run(house: &House, name: &str, appointment: &str, run: RunId) -> VerbResult<Explanation> {
    let ledger = house.ledger()?;
    let row = ledger.run(run).await?.filter(|row| row.schedule == name);
    let row = row.ok_or_else(|| VerbError::Failed(format!("the ledger has no run {run} of `{name}`")))?;
    let text = ledger.schedule_text(&row.text_hash).await?;
    let then = text.and_then(|text| load::one(Path::new(&format!("{name}.toml")), &text, &house.around.zones).schedule);
    let filter = AuditFilter { run: Some(run), appointment: Some(appointment.to_owned()), ..AuditFilter::default() };
    let log = audit::list(house, filter).await?;
    let reminders = reminders_of(house, name, appointment).await?;
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
    block: Option<(&'static str, String)>,
}

impl Earlier<'_> {
    fn decide(&self) -> Explanation {
        let decision = self.by_run().unwrap_or_else(|| self.by_log());
        Explanation {
            schedule: self.run.schedule.clone(),
            appointment_id: self.appointment.to_owned(),
            verdict: decision.verdict,
            reason: decision.reason,
            steps: self.steps(decision.block),
        }
    }

    /// A run that decided nothing.
    fn by_run(&self) -> Option<Decision> {
        let detail = |what: &str| self.run.detail.clone().unwrap_or_else(|| what.to_owned());
        let (reason, rule, detail) = match self.run.state {
            RunState::Held => ("run_held", "run", detail("a guard held the run")),
            RunState::Failed => ("run_failed", "run", detail("the run failed")),
            RunState::Missed => ("run_missed", "run", detail("nobody was there at that time")),
            RunState::Skipped => ("paused", "run", detail("the run was left out")),
            RunState::Running | RunState::Waiting => ("run_failed", "run", detail("the run isn't over")),
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
            let rule = reason.parse::<SkipReason>().map_or("row", rule_of);
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
                block: Some(("already_reminded", self.told(reminder))),
            },
            None => Decision {
                verdict: Verdict::Absent,
                reason: None,
                block: Some(("row", "that run's read had no such row, or not in its window".to_owned())),
            },
        }
    }

    fn told(&self, reminder: &ReminderRow) -> String {
        match &self.then {
            Some(schedule) => in_words(reminder, &schedule.zone),
            None => format!("reminder {} is {}, due {}", reminder.id, reminder.state, reminder.due_at),
        }
    }

    /// What the log kept of each rule; of one that let the row through it kept no more than its place.
    fn steps(&self, block: Option<(&'static str, String)>) -> Vec<Step> {
        let mut is_reached = true;
        let step = |rule: &&str| {
            let (result, detail) = match &block {
                Some((blocking, detail)) if blocking == rule => (StepResult::Block, Some(detail.clone())),
                Some(_) | None if is_reached => (StepResult::Pass, self.input(rule)),
                Some(_) | None => (StepResult::NotReached, None),
            };
            is_reached &= result == StepResult::Pass;
            Step { rule: (*rule).to_owned(), result, detail }
        };
        RULES.iter().map(step).collect()
    }

    fn input(&self, rule: &str) -> Option<String> {
        let planned = self.log.iter().find(|row| row.event == Event::ReminderPlanned);
        let show = |at: Timestamp| match &self.then {
            Some(schedule) => schedule.zone.rfc3339(at),
            None => at.to_string(),
        };
        match rule {
            "run" => Some(format!("{} of {}", self.run.kind, show(self.run.nominal_at))),
            "time" => self.log.iter().find_map(|row| row.starts_at).map(|at| format!("it starts {}", show(at))),
            "window" => planned.and_then(|row| row.lead).map(|lead| format!("in the window of lead {lead}")),
            "phone" => planned.and_then(|row| row.phone_last4.as_ref()).map(|last| format!("***{last}")),
            "outside_calling_hours" => {
                self.then.as_ref().map(|schedule| format!("calling hours were {}", schedule.remind.calling_hours))
            }
            _ => None,
        }
    }
}
