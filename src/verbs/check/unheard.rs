//! shell: schedules whose `[outcome]` no report can reach, because nobody may post one and none is polled; and schedules that posts
//! can't reach, because the service listens nowhere.

use std::path::Path;
use std::sync::Arc;

use super::{CheckAsk, Files};
use crate::schedule::load::{self, Folder};
use crate::schedule::problems::{Problem, Problems};
use crate::schedule::{Schedule, TargetSpec, spanned};

/// An error for each of the former; a warning for each of the latter, in the folder that the settings are about.
pub(super) fn of(folder: &Folder, ask: &CheckAsk<'_>) -> Vec<Problem> {
    let unheard = folder.schedules.values().filter(|schedule| !is_heard(schedule));
    let unheard = unheard.filter(|schedule| !has_secret_of_account(folder, schedule, ask)).flat_map(problem);
    let has_listener = ask.takes_posts || !matches!(ask.files, Files::Folder(_));
    let unreached = folder.schedules.values().filter(|_| !has_listener).flat_map(without_listener);
    unheard.chain(unreached).collect()
}

fn without_listener(schedule: &Arc<Schedule>) -> Vec<Problem> {
    let is_of_requests = schedule.inbound().is_some();
    if !is_of_requests && schedule.outcome.as_ref().is_none_or(|spec| spec.secrets.is_empty()) {
        return Vec::new();
    }
    let (root, _) = spanned::read(&schedule.text);
    let mut problems = Problems::of(&schedule.path, Arc::from(schedule.text.as_str()));
    let tables = if is_of_requests { ["source", "inbound"] } else { ["outcome", "secret"] };
    let node = root.get(tables[0]).and_then(|table| table.get(tables[1]));
    let span = node.map_or(0..0, |node| node.span.clone());
    problems
        .warning("no-listener", span, "nothing that is posted arrives: the service listens nowhere")
        .help("write `[inbound]` and below it `listen = \"127.0.0.1:8469\"` into tickler.toml");
    problems.into_sorted()
}

/// Whether its own keys let a report reach it; so it is without `[outcome]`, too.
fn is_heard(schedule: &Schedule) -> bool {
    let Some(spec) = &schedule.outcome else { return true };
    let is_polled = spec.poll.agent.is_some() || matches!(schedule.target, TargetSpec::Call { .. });
    is_polled || !spec.secrets.is_empty()
}

/// Whether reports come by another schedule of its account: of the folder that it is in, where files are checked by name.
fn has_secret_of_account(folder: &Folder, schedule: &Schedule, ask: &CheckAsk<'_>) -> bool {
    let account = schedule.target.account();
    let has_secret = |other: &Arc<Schedule>| {
        other.target.account() == account && other.outcome.as_ref().is_some_and(|spec| !spec.secrets.is_empty())
    };
    let beside = || schedule.path.parent().unwrap_or(Path::new("")).to_owned();
    folder.schedules.values().any(has_secret)
        || load::folder(&beside(), ask.zones).is_ok_and(|beside| beside.schedules.values().any(has_secret))
}

fn problem(schedule: &Arc<Schedule>) -> Vec<Problem> {
    let (root, _) = spanned::read(&schedule.text);
    let mut problems = Problems::of(&schedule.path, Arc::from(schedule.text.as_str()));
    let span = root.get("outcome").map_or(0..0, |node| node.span.clone());
    problems.error("no-outcomes", span, "no report of a call can reach this schedule").help(
        "write `secret = { env = \"OUTCOME_SECRET\" }` for those who post reports, or `agent` in `[outcome.poll]`, or give \
         another schedule of the account a secret",
    );
    problems.into_sorted()
}
