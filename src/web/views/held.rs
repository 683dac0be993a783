//! pure: what waits for a person: held runs and unknown fates.

use std::collections::BTreeMap;

use askama::Template;

use super::frame::PageFrame;
use super::links;
use super::moments::{Moments, ShownMoment};
use super::plan::{PlannedCall, PlannedRun};
use super::wording::without_commands;
use crate::audit::words::counted;
use crate::ledger::RunRow;
use crate::personal::Personal;
use crate::verbs::VerbError;
use crate::verbs::plan::ShownPlan;
use crate::verbs::uncertain::UncertainReminder;

/// Maximum unknown fates on the page; `tickler uncertain list` has them all.
pub const MAX_UNKNOWN: usize = 200;

/// The page.
#[derive(Template)]
#[template(path = "held.html")]
pub struct HeldPage {
    /// What surrounds it.
    pub frame: PageFrame,
    /// The held runs, oldest first.
    pub runs: Vec<ShownHeldRun>,
    /// The unknown fates, oldest first.
    pub unknown: Vec<UnknownFate>,
    /// How many more there are.
    pub further: usize,
}

/// A run that a guard holds.
#[derive(Debug, Clone)]
pub struct ShownHeldRun {
    /// Its id.
    pub id: String,
    /// The schedule's name.
    pub schedule: String,
    /// The schedule's page.
    pub link: String,
    /// The time it stands for.
    pub at: ShownMoment,
    /// What may be wrong, one sentence a guard.
    pub worries: Vec<&'static str>,
    /// What the guards found, and what is usual.
    pub detail: String,
    /// Its numbers when it was held.
    pub counts: String,
    /// What an approval is called.
    pub approve: String,
    /// Whom an approval would call now.
    pub preview: HeldPreview,
    /// Why it can't be approved, if it can't.
    pub only_rejected: Option<&'static str>,
}

/// The people whom an approval would call now.
#[derive(Debug, Clone)]
pub enum HeldPreview {
    /// It would make these calls.
    Calls(Box<PreviewedCalls>),
    /// Nobody has asked, or it can't be told: the text says why.
    Unknown(String),
}

/// The calls of a run that is approved now.
#[derive(Debug, Clone)]
pub struct PreviewedCalls {
    /// How many.
    pub count: usize,
    /// The first of them.
    pub calls: Vec<PlannedCall>,
    /// How many more there are.
    pub further: usize,
    /// How many would be left out, by reason.
    pub left_out: String,
    /// The sentence of another guard that would hold the run again.
    pub held_again: Option<String>,
}

/// Maximum calls of a held run that are shown.
const CALLS_SHOWN: usize = 100;

impl HeldPreview {
    /// The preview that shows the plan of an approval.
    #[must_use]
    pub fn of(planned: Result<ShownPlan, VerbError>, moments: &Moments) -> Self {
        let plan = match planned {
            Ok(plan) => PlannedRun::of(plan, moments),
            Err(error) => return Self::Unknown(without_commands(&error.to_string())),
        };
        let mut reasons: BTreeMap<&str, u64> = BTreeMap::new();
        for row in &plan.skipped {
            *reasons.entry(&row.reason).or_default() += 1;
        }
        let reasons: Vec<String> = reasons.iter().map(|(reason, count)| format!("{count} {reason}")).collect();
        let count = plan.calls.len();
        Self::Calls(Box::new(PreviewedCalls {
            count,
            further: count.saturating_sub(CALLS_SHOWN),
            left_out: reasons.join(", "),
            held_again: plan.held,
            calls: plan.calls.into_iter().take(CALLS_SHOWN).collect(),
        }))
    }
}

/// What a guard is worried about, for whoever has never seen its setting.
fn worry(guard: &str) -> Option<&'static str> {
    Some(match guard {
        "max_age" => "The source has not been changed for a long time: this may be an old export.",
        "max_invalid" => "Too many rows have no usable id, phone or time: the export may be broken.",
        "max_change" => {
            "The source has far more or far fewer appointments than usual: it may be incomplete, or of another day."
        }
        "max_calls" => "This run would make more calls at once than the schedule allows.",
        _ => return None,
    })
}

/// A reminder of unknown fate.
#[derive(Debug, Clone)]
pub struct UnknownFate {
    /// Its id.
    pub id: String,
    /// The schedule's name.
    pub schedule: String,
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
    /// Since when.
    pub since: ShownMoment,
    /// How often it was tried, in words.
    pub attempts: String,
    /// Why it can't be called again, if it can't.
    pub too_late: Option<String>,
}

impl ShownHeldRun {
    /// The run as the page shows it.
    #[must_use]
    pub fn of(run: &RunRow, preview: HeldPreview, moments: &Moments) -> Self {
        let counts = &run.counts;
        let of_one =
            "It was a trigger of one appointment alone, which can't be approved: reject it and trigger it again.";
        Self {
            id: run.id.to_string(),
            schedule: run.schedule.clone(),
            link: links::schedule(&run.schedule),
            at: moments.of(Some(&run.schedule), run.nominal_at),
            worries: run.guards.iter().filter_map(|guard| worry(guard)).collect(),
            detail: run.detail.as_deref().map(without_commands).unwrap_or_default(),
            counts: format!(
                "When it was held, {} read: {}, {} not called, {} of other days or called before.",
                counted(counts.rows, "row was", "rows were"),
                counted(counts.planned, "person to be called", "people to be called"),
                counts.skipped,
                counts.rows.saturating_sub(counts.planned + counts.skipped)
            ),
            approve: approve(&preview),
            preview,
            only_rejected: run.in_window.is_none().then_some(of_one),
        }
    }
}

/// What an approval is called: with the number that it calls, where that is known.
fn approve(preview: &HeldPreview) -> String {
    match preview {
        HeldPreview::Calls(calls) if calls.count > 1 => format!("Approve: call these {}", calls.count),
        HeldPreview::Calls(_) | HeldPreview::Unknown(_) => "Approve: call them".to_owned(),
    }
}

impl UnknownFate {
    /// The reminder as the page shows it.
    #[must_use]
    pub fn of(row: &UncertainReminder, moments: &Moments) -> Self {
        let schedule = Some(row.schedule.as_str());
        let moment = |text: &str| match text.parse() {
            Ok(at) => moments.of(schedule, at),
            Err(_) => moments.of_text(text),
        };
        Self {
            id: row.reminder_id.to_string(),
            schedule: row.schedule.clone(),
            appointment: row.appointment_id.clone(),
            link: links::appointment(schedule, &row.appointment_id),
            name: row.label.clone().unwrap_or_default(),
            starts_at: moment(&row.starts_at),
            phone: row.phone.clone().unwrap_or_default(),
            since: moment(&row.since),
            attempts: counted(u64::from(row.attempts), "attempt", "attempts"),
            too_late: row.too_late.as_deref().map(|why| moments.localised(schedule, why)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::worry;

    #[test]
    fn every_guard_is_explained_to_whoever_approves() {
        for guard in ["max_age", "max_invalid", "max_change", "max_calls"] {
            assert!(worry(guard).is_some_and(|worry| !worry.contains(guard)), "{guard}");
        }
        assert_eq!(worry("of_a_newer_version"), None);
    }
}
