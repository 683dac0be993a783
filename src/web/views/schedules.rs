//! pure: the schedule files: how each stands, its problems, its text, its next runs.

use askama::Template;

use super::frame::PageFrame;
use super::links;
use super::moments::{Moments, ShownMoment};
use super::wording::without_commands;
use crate::audit::words::{self, counted};
use crate::schedule::problems::{Paint, Problem, Severity};
use crate::verbs::next::{NextRun, Note};
use crate::verbs::status::{LoadState, ScheduleStatus};

/// The list.
#[derive(Template)]
#[template(path = "schedules.html")]
pub struct SchedulesPage {
    /// What surrounds it.
    pub frame: PageFrame,
    /// Every file of the folder.
    pub schedules: Vec<ListedSchedule>,
    /// Why the folder can't be read.
    pub fault: Option<String>,
}

/// One file of the folder.
#[derive(Debug, Clone)]
pub struct ListedSchedule {
    /// The schedule.
    pub name: String,
    /// Its page.
    pub link: String,
    /// Its state in words.
    pub state: &'static str,
    /// A word for the colour.
    pub kind: &'static str,
    /// What is wrong.
    pub problem: String,
    /// Its next run.
    pub next: Option<ShownMoment>,
    /// Its last run.
    pub last: Option<ShownMoment>,
    /// What its last run came to, in numbers.
    pub last_came_to: String,
}

/// The page about one schedule.
#[derive(Template)]
#[template(path = "schedule.html")]
pub struct SchedulePage {
    /// What surrounds it.
    pub frame: PageFrame,
    /// How it stands.
    pub listed: ListedSchedule,
    /// Whether it is paused by a person.
    pub is_paused: bool,
    /// The problems of its file, as code frames.
    pub problems: Vec<ShownProblem>,
    /// Its text, secrets masked.
    pub text: Option<String>,
    /// The version in force.
    pub version: String,
    /// Its next runs.
    pub next: Vec<ShownNext>,
}

/// A problem of a file.
#[derive(Debug, Clone)]
pub struct ShownProblem {
    /// The code frame.
    pub frame: String,
    /// Whether it refuses the file.
    pub is_error: bool,
}

/// A run that is to come.
#[derive(Debug, Clone)]
pub struct ShownNext {
    /// The time in the schedule's zone.
    pub at: ShownMoment,
    /// The time in UTC.
    pub utc: String,
    /// What is odd about that day.
    pub note: &'static str,
}

impl ListedSchedule {
    /// Whether its run waits for a person.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.problem.starts_with("a run is held")
    }

    /// The file as the page shows it, from its status.
    #[must_use]
    pub fn of(row: &ScheduleStatus, moments: &Moments) -> Self {
        let (state, kind) = match row.state {
            LoadState::Loaded => ("loaded", if row.problem.is_some() { "unsure" } else { "good" }),
            LoadState::Refused => ("refused", "bad"),
            LoadState::Disabled => ("switched off", "plain"),
            LoadState::Paused => ("paused", "unsure"),
        };
        Self {
            name: row.name.clone(),
            link: links::schedule(&row.name),
            state,
            kind,
            problem: row.problem.as_deref().map(without_commands).unwrap_or_default(),
            next: row.next_run.as_deref().map(|at| moments.of_text(at)),
            last: row.last_run.as_deref().map(|at| moments.of_text(at)),
            last_came_to: came_to(row),
        }
    }
}

/// The numbers of a schedule's last run.
fn came_to(row: &ScheduleStatus) -> String {
    let Some(planned) = row.last_planned else { return String::new() };
    let calls = counted(planned, "call planned", "calls planned");
    let reason = row.last_reason.as_deref().map(words::reason);
    match (row.last_skipped.unwrap_or(0), reason) {
        (0, _) => calls,
        (skipped, None) => format!("{calls}, {skipped} not called"),
        (1, Some(reason)) => format!("{calls}, 1 not called: {reason}"),
        (skipped, Some(reason)) => format!("{calls}, {skipped} not called, most of them: {reason}"),
    }
}

impl ShownProblem {
    /// The problem as the page shows it.
    #[must_use]
    pub fn of(problem: &Problem) -> Self {
        Self { frame: problem.frame(Paint::Plain), is_error: problem.severity == Severity::Error }
    }
}

impl ShownNext {
    /// The run as the page shows it.
    #[must_use]
    pub fn of(run: &NextRun, moments: &Moments) -> Self {
        let note = match run.note {
            None => "",
            Some(Note::Gap) => "the clocks skip this hour",
            Some(Note::Overlap) => "the clocks show this hour twice",
        };
        Self { at: moments.of_text(&run.at), utc: run.at_utc.clone(), note }
    }
}
