//! pure: who will be called, and who will not: the next runs, tomorrow, the week.

use askama::Template;

use super::frame::PageFrame;
use super::links;
use super::moments::{Moments, ShownMoment};
use super::not_called::OpenCalls;
use super::wording::without_commands;
use crate::audit::words::{self, counted};
use crate::personal::Personal;
use crate::verbs::plan::ShownPlan;
use crate::verbs::waiting::WaitingCall;

/// What is planned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlanSpan {
    /// Each schedule's next run.
    Next,
    /// Every run of tomorrow.
    Tomorrow,
    /// The numbers of the next seven days.
    Week,
}

impl PlanSpan {
    /// The span of that word; the next runs for any other.
    #[must_use]
    pub fn of(word: Option<&str>) -> Self {
        match word {
            Some("tomorrow") => Self::Tomorrow,
            Some("week") => Self::Week,
            Some(_) | None => Self::Next,
        }
    }

    /// The heading.
    #[must_use]
    pub fn title(self, moments: &Moments) -> String {
        let tomorrow = moments.today().tomorrow().unwrap_or(moments.today());
        match self {
            Self::Next => "Plan: the next run of each schedule".to_owned(),
            Self::Tomorrow => format!("Plan: tomorrow, {}", moments.day(tomorrow)),
            Self::Week => "Plan: the week".to_owned(),
        }
    }
}

/// The page.
#[derive(Template)]
#[template(path = "plan.html")]
pub struct PlanPage {
    /// What surrounds it.
    pub frame: PageFrame,
    /// What is planned.
    pub span: PlanSpan,
    /// The runs in their order.
    pub runs: Vec<PlannedRun>,
    /// Why some couldn't be planned.
    pub failures: Vec<String>,
    /// How many further runs are not shown.
    pub left_out: usize,
    /// Earlier runs that wait for a decision.
    pub held: Vec<OpenCalls>,
    /// Calls that an earlier run has planned already.
    pub waiting: Vec<PlannedCall>,
    /// How many further calls wait, whenever they are due.
    pub further: u64,
}

impl PlanPage {
    /// All runs together, in a sentence.
    #[must_use]
    pub fn summary(&self) -> String {
        summary(&self.runs, self.waiting.len() as u64)
    }
}

fn summary(runs: &[PlannedRun], waiting: u64) -> String {
    let (held, free): (Vec<&PlannedRun>, Vec<&PlannedRun>) = runs.iter().partition(|run| run.held.is_some());
    let calls = free.iter().map(|run| run.count as u64).sum();
    let skipped = runs.iter().map(|run| run.skipped.len() as u64).sum();
    let mut parts = vec![
        format!("{} by {}", counted(calls, "call", "calls"), counted(free.len() as u64, "run", "runs")),
        format!("{} not called", counted(skipped, "appointment is", "appointments are")),
    ];
    if !held.is_empty() {
        parts.push(format!("{} be held", counted(held.len() as u64, "run would", "runs would")));
    }
    if waiting > 0 {
        parts.push(format!("{} from earlier runs", counted(waiting, "call waits", "calls wait")));
    }
    format!("{}.", parts.join(" · "))
}

/// Maximum calls of one run that are listed; each costs about 10 µs to plan for a page and to show.
pub const CALLS_LISTED: usize = 1_000;

/// One run that is to come.
#[derive(Debug, Clone)]
pub struct PlannedRun {
    /// The schedule's name.
    pub schedule: String,
    /// The schedule's page.
    pub link: String,
    /// The time that its cron line names.
    pub at: ShownMoment,
    /// Its zone.
    pub zone: String,
    /// How many would be called.
    pub count: usize,
    /// Who, as far as they are listed.
    pub calls: Vec<PlannedCall>,
    /// Who would not.
    pub skipped: Vec<UncalledRow>,
    /// How many have been reminded before.
    pub reminded: u64,
    /// Why nobody would be called although the read succeeded.
    pub held: Option<String>,
    /// Remarks about the read.
    pub notes: Vec<String>,
}

/// One call.
#[derive(Debug, Clone)]
pub struct PlannedCall {
    /// When it would be sent.
    pub due_at: ShownMoment,
    /// The appointment.
    pub appointment: String,
    /// Its page.
    pub link: String,
    /// How the schedule names it.
    pub name: Personal,
    /// Its start.
    pub starts_at: ShownMoment,
    /// The phone, masked.
    pub phone: Personal,
    /// A remark.
    pub note: String,
}

impl PlannedCall {
    /// A call that was planned before.
    #[must_use]
    pub fn of_waiting(call: WaitingCall, moments: &Moments) -> Self {
        let schedule = Some(call.schedule.as_str());
        let tried = match call.attempts {
            0 => String::new(),
            attempts => format!(", {} before", counted(u64::from(attempts), "attempt", "attempts")),
        };
        Self {
            due_at: moments.of(schedule, call.next_at),
            link: links::appointment(schedule, &call.appointment_id),
            name: call.label.unwrap_or_default(),
            starts_at: moments.of(schedule, call.starts_at),
            phone: call.phone.unwrap_or_default(),
            note: format!("schedule {}{tried}", call.schedule),
            appointment: call.appointment_id,
        }
    }
}

/// One row that would not be called.
#[derive(Debug, Clone)]
pub struct UncalledRow {
    /// The appointment, if the row has one.
    pub appointment: String,
    /// Its page.
    pub link: Option<String>,
    /// How the schedule names it.
    pub name: Personal,
    /// Its start, if it could be read.
    pub starts_at: Option<ShownMoment>,
    /// The reason in words: `no phone`.
    pub reason: String,
    /// What was read, the rule, the remedy.
    pub detail: String,
}

impl PlannedRun {
    /// How many calls are not listed.
    fn further(&self) -> usize {
        self.count.saturating_sub(self.calls.len())
    }

    /// Whether any of its calls has a remark.
    #[must_use]
    pub fn has_remarks(&self) -> bool {
        self.calls.iter().any(|call| !call.note.is_empty())
    }

    /// The plan as the page shows it.
    #[must_use]
    pub fn of(plan: ShownPlan, moments: &Moments) -> Self {
        let schedule = plan.schedule;
        let call = |call: crate::verbs::plan::ShownCall| PlannedCall {
            due_at: moments.of_text(&call.due_at),
            link: links::appointment(Some(&schedule), &call.appointment_id),
            appointment: call.appointment_id,
            name: call.label.unwrap_or_default(),
            starts_at: moments.of_text(&call.starts_at),
            phone: call.phone,
            note: call.note.unwrap_or_default(),
        };
        let skip = |skipped: crate::verbs::plan::SkippedCall| {
            let detail = skipped.detail_with_cell();
            UncalledRow {
                link: skipped.appointment_id.as_deref().map(|id| links::appointment(Some(&schedule), id)),
                appointment: skipped.appointment_id.unwrap_or_default(),
                name: skipped.label.unwrap_or_default(),
                starts_at: skipped.starts_at.map(|at| moments.of_text(&at)),
                reason: words::reason(skipped.reason.as_str()),
                detail,
            }
        };
        Self {
            link: links::schedule(&schedule),
            at: moments.of_text(&plan.nominal_at),
            zone: plan.timezone,
            count: plan.reminders.len(),
            calls: plan.reminders.into_iter().map(call).collect(),
            skipped: plan.skipped.into_iter().map(skip).collect(),
            reminded: plan.counts.already_reminded,
            held: plan.held.map(|held| without_commands(&held.detail)),
            notes: plan.notes.iter().map(|note| without_commands(note)).collect(),
            schedule: schedule.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(calls: usize, skipped: usize, held: Option<&str>) -> PlannedRun {
        let at = ShownMoment { exact: String::new(), text: String::new() };
        let call = PlannedCall {
            due_at: at.clone(),
            appointment: String::new(),
            link: String::new(),
            name: Personal::default(),
            starts_at: at.clone(),
            phone: String::new().into(),
            note: String::new(),
        };
        let row = UncalledRow {
            appointment: String::new(),
            link: None,
            name: Personal::default(),
            starts_at: None,
            reason: String::new(),
            detail: String::new(),
        };
        PlannedRun {
            schedule: String::new(),
            link: String::new(),
            at,
            zone: String::new(),
            count: calls,
            calls: vec![call; calls],
            skipped: vec![row; skipped],
            reminded: 0,
            held: held.map(str::to_owned),
            notes: Vec::new(),
        }
    }

    #[test]
    fn a_plan_is_summed_up_and_calls_of_a_run_that_would_be_held_are_no_calls() {
        for (runs, waiting, sentence) in [
            (vec![run(2, 1, None)], 0, "2 calls by 1 run · 1 appointment is not called."),
            (
                vec![run(2, 1, None), run(40, 3, Some("too many"))],
                1,
                "2 calls by 1 run · 4 appointments are not called · 1 run would be held · 1 call waits from earlier runs.",
            ),
            (vec![run(0, 0, None); 2], 0, "0 calls by 2 runs · 0 appointments are not called."),
        ] {
            assert_eq!(summary(&runs, waiting), sentence);
        }
    }
}
