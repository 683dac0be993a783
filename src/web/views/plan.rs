//! pure: who will be called, and who will not: the next runs, tomorrow, the week.

use askama::Template;

use super::frame::PageFrame;
use super::links;
use super::moments::{Moments, ShownMoment};
use super::wording::without_commands;
use crate::audit::words;
use crate::personal::Personal;
use crate::verbs::plan::ShownPlan;

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

    /// Its heading.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Next => "Plan: the next run of each schedule",
            Self::Tomorrow => "Plan: tomorrow",
            Self::Week => "Plan: the week",
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
}

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
    /// Who would be called.
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
    pub name: String,
    /// Its start.
    pub starts_at: ShownMoment,
    /// The phone, masked.
    pub phone: Personal,
    /// A remark.
    pub note: String,
}

/// One row that would not be called.
#[derive(Debug, Clone)]
pub struct UncalledRow {
    /// The appointment, if the row has one.
    pub appointment: String,
    /// How the schedule names it.
    pub name: String,
    /// Its start, if it could be read.
    pub starts_at: Option<ShownMoment>,
    /// The reason in words: `no phone`.
    pub reason: String,
    /// What was read, the rule, the remedy.
    pub detail: String,
}

impl PlannedRun {
    /// Of a plan.
    #[must_use]
    pub fn of(plan: ShownPlan, moments: &Moments) -> Self {
        let schedule = plan.schedule;
        let call = |call: crate::verbs::plan::ShownCall| PlannedCall {
            due_at: moments.of_text(&call.due_at),
            link: links::appointment(Some(&schedule), &call.appointment_id),
            appointment: call.appointment_id,
            name: call.label.unwrap_or_default(),
            starts_at: moments.of_text(&call.starts_at),
            phone: call.phone.into(),
            note: call.note.unwrap_or_default(),
        };
        let skip = |skipped: crate::verbs::plan::SkippedCall| UncalledRow {
            appointment: skipped.appointment_id.unwrap_or_default(),
            name: skipped.label.unwrap_or_default(),
            starts_at: skipped.starts_at.map(|at| moments.of_text(&at)),
            reason: words::reason(skipped.reason.as_str()),
            detail: skipped.detail,
        };
        Self {
            link: links::schedule(&schedule),
            at: moments.of_text(&plan.nominal_at),
            zone: plan.timezone,
            calls: plan.reminders.into_iter().map(call).collect(),
            skipped: plan.skipped.into_iter().map(skip).collect(),
            reminded: plan.counts.already_reminded,
            held: plan.held.map(|held| without_commands(&held.detail)),
            notes: plan.notes.iter().map(|note| without_commands(note)).collect(),
            schedule: schedule.clone(),
        }
    }
}
