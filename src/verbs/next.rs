//! shell: the next runs of a schedule, local and UTC, odd daylight-saving days marked.

use serde::{Deserialize, Serialize};

use super::App;
use crate::schedule::Schedule;
use crate::schedule::recurrence::ClockChange;

/// One run to come, as `next --format json` prints it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct NextRun {
    /// The schedule's name.
    pub schedule: String,
    /// The nominal time with the schedule's offset.
    pub at: String,
    /// The same instant, `Z`.
    pub at_utc: String,
    /// `gap` or `overlap`.
    pub note: Option<Note>,
}

/// What daylight saving does to a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Note {
    /// The named time doesn't exist that day.
    Gap,
    /// The named time comes twice that day.
    Overlap,
}

/// The next `count` runs from now; none for a schedule that is switched off.
#[must_use]
pub fn next(app: &App, schedule: &Schedule, count: usize) -> Vec<NextRun> {
    if !schedule.enabled {
        return Vec::new();
    }
    let runs = schedule.recurrence.next(&schedule.zone, app.env.clock.now(), count);
    runs.into_iter()
        .map(|run| NextRun {
            schedule: schedule.name.clone(),
            at: schedule.zone.rfc3339(run.at),
            at_utc: run.at.to_string(),
            note: run.odd.map(|odd| match odd {
                ClockChange::Gap => Note::Gap,
                ClockChange::Overlap => Note::Overlap,
            }),
        })
        .collect()
}
