//! pure: what waits for a person: held runs and unknown fates.

use askama::Template;

use super::frame::PageFrame;
use super::links;
use super::moments::{Moments, ShownMoment};
use super::wording::without_commands;
use crate::audit::words::counted;
use crate::ledger::RunRow;
use crate::personal::Personal;
use crate::verbs::uncertain::UncertainReminder;

/// Maximum unknown fates on the page; `tickler uncertain list` has them all.
pub const MOST: usize = 200;

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
    /// What the guard found, and what is usual.
    pub detail: String,
    /// Its numbers.
    pub counts: String,
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
    pub name: String,
    /// Its start.
    pub starts_at: ShownMoment,
    /// The phone, masked.
    pub phone: Personal,
    /// Since when.
    pub since: ShownMoment,
    /// How often it was tried, in words.
    pub attempts: String,
}

impl ShownHeldRun {
    /// That run.
    #[must_use]
    pub fn of(run: &RunRow, moments: &Moments) -> Self {
        let counts = &run.counts;
        Self {
            id: run.id.to_string(),
            schedule: run.schedule.clone(),
            link: links::schedule(&run.schedule),
            at: moments.of(Some(&run.schedule), run.nominal_at),
            detail: run.detail.as_deref().map(without_commands).unwrap_or_default(),
            counts: format!("{} rows read, {} would be called, {} not", counts.rows, counts.planned, counts.skipped),
        }
    }
}

impl UnknownFate {
    /// That reminder.
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
            phone: row.phone.clone().unwrap_or_default().into(),
            since: moment(&row.since),
            attempts: counted(u64::from(row.attempts), "attempt", "attempts"),
        }
    }
}
