//! shell: `tickler check`: every problem of every file: what the text alone shows, what the cron line means in its zone,
//! whether secrets are set and sources have the columns that are mapped. With `--connect` sources are read and hosts
//! asked.

mod columns;
mod connect;
mod coverage;
mod found;
mod payload;
mod placeholders;
mod rendering;
mod sample;
mod secrets;
#[cfg(test)]
mod tests;
mod unheard;
mod written_zone;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::disk::{self, Links};
use crate::duration;
use crate::evaluation::{read_do_not_call, with_holidays};
use crate::schedule::load::{self, Folder};
use crate::schedule::problems::{Problem, Problems, Severity, shown};
use crate::schedule::read::source_alone;
use crate::schedule::spanned::{self, Node};
use crate::schedule::{Leads, Merging, Schedule};
use crate::settings::Account;
use crate::sources::SourceTools;
use crate::verbs::schedule_tests;
use crate::verbs::secrets::ServiceSecrets;
use crate::zones::Zones;

pub use found::ColumnReport;

/// What is checked.
#[derive(Debug, Clone)]
pub enum Files {
    /// Every schedule of this folder.
    Folder(PathBuf),
    /// These files and folders.
    Paths(Vec<PathBuf>),
}

/// How much a check covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckReach {
    /// Files on this machine only.
    Local,
    /// Sources are read and hosts asked; what can't be read is an error.
    Connect,
}

/// What a warning means for the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Warnings {
    /// Warnings alone are fine.
    Allowed,
    /// `--deny-warnings`.
    Denied,
}

/// What a check needs. It blocks: call it on a thread that may.
#[derive(Debug, Clone)]
pub struct CheckAsk<'a> {
    /// What is checked.
    pub files: Files,
    /// How much it covers.
    pub reach: CheckReach,
    /// What warnings mean.
    pub warnings: Warnings,
    /// The current instant.
    pub now: Timestamp,
    /// The zone rules in use.
    pub zones: &'a Zones,
    /// What opening a source needs; its secrets are those that must be set.
    pub tools: &'a SourceTools,
    /// The settings' accounts.
    pub accounts: &'a BTreeMap<String, Account>,
    /// Whether the running service has a secret that isn't set here.
    pub service: ServiceSecrets<'a>,
    /// Whether the settings have an address at which posts are taken.
    pub takes_posts: bool,
}

/// What was found.
#[derive(Debug, Clone)]
pub struct CheckReport {
    /// Whether there is no error (exit 0; otherwise 78).
    pub ok: bool,
    /// The number of files that were checked.
    pub files: usize,
    /// The problems in the order of files and places.
    pub problems: Vec<Problem>,
    /// What each mapped column holds, in the order of files and keys; only with `--connect`.
    pub columns: Vec<ColumnReport>,
}

impl CheckReport {
    /// The machine-readable shape.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let problems: Vec<_> = self.problems.iter().map(Problem::placed).collect();
        json!({"ok": self.ok, "files": self.files, "problems": problems, "columns": self.columns})
    }

    /// How many files, errors and warnings there are.
    #[must_use]
    pub fn summary(&self) -> String {
        let count = |severity| {
            let shown = self.problems.iter().filter(|problem| problem.severity == severity).count();
            let further = self.problems.iter().map(|problem| match severity {
                Severity::Error => problem.further.errors,
                Severity::Warning => problem.further.warnings,
            });
            shown + further.sum::<usize>()
        };
        let plural = |count: usize, word: &str| format!("{count} {word}{}", if count == 1 { "" } else { "s" });
        format!(
            "{}: {}, {}",
            plural(self.files, "file"),
            plural(count(Severity::Error), "error"),
            plural(count(Severity::Warning), "warning")
        )
    }
}

/// Schedules that are checked at the same time: most of a check is waiting for files and hosts.
const MAX_CONCURRENT_CHECKS: usize = 16;

/// Checks files.
#[must_use]
pub fn check(ask: &CheckAsk<'_>) -> CheckReport {
    let mut folder = read(ask);
    let mut problems = std::mem::take(&mut folder.problems);
    let refused = columns_of_refused(&problems, ask);
    let mut columns = Vec::new();
    // concurrently, since one may wait for a file that is being written
    let schedules: Vec<&Arc<Schedule>> = folder.schedules.values().collect();
    for together in schedules.chunks(MAX_CONCURRENT_CHECKS) {
        std::thread::scope(|scope| {
            let checks: Vec<_> = together.iter().map(|schedule| scope.spawn(|| one(schedule, ask))).collect();
            for check in checks {
                let (found, of_columns) = check.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
                problems.extend(found);
                columns.extend(of_columns);
            }
        });
    }
    for schedule in schedules {
        problems.extend(schedule_tests::run(schedule, ask.zones).map(|tested| tested.problems).unwrap_or_default());
    }
    problems.extend(refused);
    problems.extend(unheard::of(&folder, ask));
    problems.extend(look_alikes(ask));
    problems.extend(orphans(ask));
    // Stable: problems without a text to point into stay where they are.
    problems.sort_by(|a, b| (&a.file, a.span.start).cmp(&(&b.file, b.span.start)));
    let refused = |problem: &Problem| {
        problem.severity == Severity::Error || problem.further.errors > 0 || ask.warnings == Warnings::Denied
    };
    let problems = shown(problems);
    CheckReport { ok: !problems.iter().any(refused), files: folder.files, problems, columns }
}

/// A file that is refused for another reason gets the problems of its columns reported, too.
fn columns_of_refused(found: &[Problem], ask: &CheckAsk<'_>) -> Vec<Problem> {
    let refused = found.iter().filter(|problem| problem.severity == Severity::Error && !problem.text.is_empty());
    let texts: BTreeMap<&Path, &Arc<str>> = refused.map(|problem| (problem.file.as_path(), &problem.text)).collect();
    let mut more = Vec::new();
    for (path, text) in texts {
        let Some(schedule) = source_alone(path, text, ask.zones) else { continue };
        let (root, _) = spanned::read(text);
        let mut checked = Checked::new(&schedule, root, Problems::of(path, Arc::clone(text)));
        columns::check(&mut checked, ask);
        more.extend(checked.problems.into_sorted());
    }
    more
}

fn read(ask: &CheckAsk<'_>) -> Folder {
    match &ask.files {
        Files::Paths(paths) => {
            let paths: Vec<PathBuf> = paths.iter().map(|path| load::schedule_of_tests(path)).collect();
            load::paths(&paths, ask.zones)
        }
        Files::Folder(path) => load::folder(path, ask.zones).unwrap_or_else(|error| no_folder(path, &error)),
    }
}

/// Files that may be taken for schedules, and are not read.
fn look_alikes(ask: &CheckAsk<'_>) -> Vec<Problem> {
    let Files::Folder(folder) = &ask.files else { return Vec::new() };
    let note = |path: PathBuf| {
        let mut problems = Problems::of(&path, Arc::from(""));
        problems
            .warning("not-a-schedule", 0..0, "this file isn't read: only `.toml` files are schedules")
            .help("rename it if it is meant to be one, or move it elsewhere");
        problems.into_sorted()
    };
    load::look_alikes(folder).unwrap_or_default().into_iter().flat_map(note).collect()
}

/// Tests whose schedule isn't there: they would never be run.
fn orphans(ask: &CheckAsk<'_>) -> Vec<Problem> {
    let Files::Folder(folder) = &ask.files else { return Vec::new() };
    let note = |path: PathBuf| {
        let mut problems = Problems::of(&path, Arc::from(""));
        problems
            .warning("not-a-schedule", 0..0, "these are tests of a schedule that isn't there: nothing runs them")
            .help("name the file after its schedule: `day-before.test.toml` holds the tests of `day-before.toml`");
        problems.into_sorted()
    };
    load::orphaned_tests(folder).unwrap_or_default().into_iter().flat_map(note).collect()
}

fn no_folder(path: &Path, error: &std::io::Error) -> Folder {
    let mut problems = Problems::of(path, Arc::from(""));
    problems
        .error("unreadable-folder", 0..0, format!("the folder of schedules can't be read: {error}"))
        .help("name it with `--schedules`, or by `schedules` in tickler.toml");
    Folder { problems: problems.into_sorted(), ..Folder::default() }
}

/// A schedule that loads, with its text as a tree, while its sources, files and secrets are looked at.
struct Checked<'a> {
    schedule: &'a Schedule,
    root: Node,
    problems: Problems,
    /// What a read showed of the mapped columns.
    columns: Vec<ColumnReport>,
}

impl<'a> Checked<'a> {
    fn new(schedule: &'a Schedule, root: Node, problems: Problems) -> Self {
        Self { schedule, root, problems, columns: Vec::new() }
    }

    /// The span of the value at a path, otherwise of the closest table above it.
    fn span(&self, path: &[&str]) -> std::ops::Range<usize> {
        let found = (0..=path.len()).rev().find_map(|depth| self.root.at(&path[..depth]));
        found.map_or(0..0, |node| node.span.clone())
    }
}

fn one(schedule: &Arc<Schedule>, ask: &CheckAsk<'_>) -> (Vec<Problem>, Vec<ColumnReport>) {
    let (root, _) = spanned::read(&schedule.text);
    let problems = Problems::of(&schedule.path, Arc::from(schedule.text.as_str()));
    let mut checked = Checked::new(schedule, root, problems);
    cron(&mut checked, ask);
    merging(&mut checked);
    payload::check(&mut checked);
    secrets::check(&mut checked, ask);
    columns::check(&mut checked, ask);
    if !checked.problems.has_errors() {
        sample::check(&mut checked, ask);
    }
    do_not_call(&mut checked, ask);
    holidays(&mut checked, schedule, ask);
    if ask.reach == CheckReach::Connect {
        connect::check(&mut checked, ask);
    }
    (checked.problems.into_sorted(), checked.columns)
}

/// Checks that the do-not-call list can be read: without it a run fails and calls nobody.
fn do_not_call(checked: &mut Checked<'_>, ask: &CheckAsk<'_>) {
    let Some(path) = checked.schedule.remind.do_not_call.as_deref() else { return };
    let span = checked.span(&["remind", "do_not_call"]);
    let Err(error) = disk::open(path, Links::Followed) else {
        if let Err(error) = read_do_not_call(checked.schedule) {
            let problem = checked.problems.error("unreadable-list", span, error.to_string());
            problem.help("a run fails, and nobody is called, until every line is a number or a remark");
        }
        return;
    };
    let message = format!("the do-not-call list can't be read: {error}");
    let problem = match ask.reach {
        CheckReach::Local => checked.problems.warning("list-not-there", span, message),
        CheckReach::Connect => checked.problems.error("list-not-there", span, message),
    };
    problem.help("a run fails, and nobody is called, until it is there: one number a line, an empty file is fine");
}

/// Checks that the holidays can be read: without them a run fails and calls nobody.
fn holidays(checked: &mut Checked<'_>, schedule: &Arc<Schedule>, ask: &CheckAsk<'_>) {
    let Err(error) = with_holidays(schedule, ask.now) else { return };
    let span = checked.span(&["remind", "holidays"]);
    let is_there = schedule.remind.holiday_files.iter().all(|file| disk::open(file, Links::Followed).is_ok());
    let problem = match (is_there, ask.reach) {
        (true, _) => checked.problems.error("unreadable-list", span, error.to_string()),
        (false, CheckReach::Local) => checked.problems.warning("list-not-there", span, error.to_string()),
        (false, CheckReach::Connect) => checked.problems.error("list-not-there", span, error.to_string()),
    };
    problem.help("a run fails, and nobody is called, until every file of holidays can be read");
}

/// A call for several appointments has to name them.
fn merging(checked: &mut Checked<'_>) {
    let schedule = checked.schedule;
    if schedule.remind.merge == Merging::Never || schedule.payload.names().contains("appointments") {
        return;
    }
    let span = checked.span(&["remind", "merge"]);
    let message = "`merge` makes one call for several appointments, and the payload has no `appointments`: the call would \
                   name one of them alone, also where they are those of different persons with one phone";
    let help = "add `appointments = \"{{ appointments }}\"` to [payload]; each has its id, date, time and columns";
    checked.problems.warning("appointments-not-named", span, message).help(help);
}

/// Leads by which nobody can be called, whatever the hour of the start.
fn short_leads(checked: &mut Checked<'_>, ask: &CheckAsk<'_>) {
    let schedule = checked.schedule;
    let key = match schedule.remind.leads {
        Leads::Days(_) => "days_before",
        Leads::Hours(_) => "hours_before",
        Leads::Now => return,
    };
    for lead in coverage::short_leads(schedule, ask.now) {
        let notice = duration::write(schedule.remind.min_notice);
        let message = format!("the lead `{lead}` isn't longer than `min_notice` ({notice}): nobody would be called");
        let span = checked.span(&["remind", key]);
        checked.problems.error("invalid-value", span, message).help("lengthen the lead, or set a shorter `min_notice`");
    }
}

fn cron(checked: &mut Checked<'_>, ask: &CheckAsk<'_>) {
    let schedule = checked.schedule;
    if schedule.recurrence.is_never() {
        return;
    }
    short_leads(checked, ask);
    let span = checked.span(&["cron"]);
    let night = schedule.recurrence.night_lint(&schedule.cron);
    for lint in schedule.recurrence.lints(&schedule.zone, ask.now).into_iter().chain(night) {
        checked.problems.warning("cron", span.clone(), lint.message).help(lint.help);
    }
    if let Some(lint) = coverage::nobody(schedule, ask.now) {
        checked.problems.warning("nobody-called", span.clone(), lint.message).help(lint.help);
    }
    if let Some(lint) = coverage::uncovered_days(schedule, ask.now) {
        checked.problems.warning("uncovered-days", span.clone(), lint.message).help(lint.help);
    }
    let Leads::Hours(_) = schedule.remind.leads else { return };
    let longest = schedule.recurrence.longest_interval(&schedule.zone, ask.now);
    if longest > schedule.remind.max_lateness {
        let message = format!(
            "runs are up to {} apart, which is more than `max_lateness` ({}): some reminders would come too late",
            duration::write(longest),
            duration::write(schedule.remind.max_lateness)
        );
        checked
            .problems
            .warning(
                "runs-too-far-apart",
                checked.root.at(&["remind", "hours_before"]).map_or(span, |node| node.span.clone()),
                message,
            )
            .help("with `hours_before` let the cron run often, such as `*/15 * * * *`");
    }
}
