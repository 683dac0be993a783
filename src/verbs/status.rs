//! shell: one screen: health, schedules loaded and refused, last and next runs, what is pending, uncertain, held, paused.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::house::refusal;
use super::{House, VerbResult};
use crate::ledger::{Head, Ledger, ScheduleStanding, Tally};
use crate::schedule::Schedule;

/// The screen, as `status --format json` prints it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct StatusAnswer {
    /// In a word.
    pub state: Health,
    /// Every file of the folder.
    pub schedules: Vec<ScheduleStatus>,
    /// Pending reminders.
    pub pending: u64,
    /// Reminders of unknown fate.
    pub uncertain: u64,
    /// Held runs.
    pub held_runs: u64,
    /// Whether everything is paused, by an operator or by the `STOP` file.
    pub paused: bool,
    /// The `STOP` file, while it is there: nobody is called, whatever else is resumed.
    pub stop_file: Option<String>,
    /// The log's end.
    pub audit: Head,
    /// Waiting runs.
    pub waiting_runs: u64,
    /// The clock of whoever answers (UTC).
    pub now: String,
    /// The zone rules in use.
    pub zone_rules: String,
    /// Whether the running service answers.
    pub service: bool,
    /// The program's version.
    pub version: String,
    /// Everything that isn't as it should be, in words.
    pub problems: Vec<String>,
}

/// How it goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Health {
    /// Nothing needs a person.
    Ok,
    /// It runs, and something needs a person.
    Degraded,
    /// Nobody is called by itself: no service is running, or it can't write.
    Down,
}

/// One file of the folder.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ScheduleStatus {
    /// The schedule's name.
    pub name: String,
    /// How it stands.
    pub state: Standing,
    /// What is wrong with it.
    pub problem: Option<String>,
    /// With the schedule's offset.
    pub next_run: Option<String>,
    /// The latest run of any kind: its nominal time, with the schedule's offset.
    pub last_run: Option<String>,
    /// How the latest run ended.
    pub last_state: Option<crate::reminder::RunState>,
    /// The version in use: the first twelve digits of its text's hash.
    pub text_version: Option<String>,
}

/// How a schedule stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    /// It runs.
    Loaded,
    /// Its file has errors.
    Refused,
    /// `enabled = false`.
    Disabled,
    /// Until somebody resumes it.
    Paused,
}

/// What the ledger says for the screen.
struct Known {
    standings: BTreeMap<String, ScheduleStanding>,
    /// Their schedules are loaded or not.
    paused_targets: BTreeSet<String>,
    /// Why some schedules can't send.
    unsendable: BTreeMap<String, String>,
    tally: Tally,
    head: Head,
    problems: Vec<String>,
    is_paused: bool,
    is_alive: bool,
}

/// The screen of this house. A missing ledger reads as an empty one.
///
/// # Errors
/// When the ledger is there and can't be read.
pub async fn status(house: &House) -> VerbResult<StatusAnswer> {
    let known = known(house).await?;
    let folder = house.folder();
    let mut schedules = Vec::new();
    for schedule in folder.schedules.values() {
        schedules.push(of_loaded(house, schedule, &known).await?);
    }
    let without_good_version = folder.refused.iter().filter(|name| !folder.schedules.contains_key(*name));
    schedules.extend(without_good_version.map(|name| refused(name, refusal(&folder, name))));
    for status in schedules.iter_mut().filter(|status| folder.refuses(&status.name)) {
        status.problem = Some(refusal(&folder, &status.name));
        status.state = Standing::Refused;
    }
    schedules.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(screen(house, schedules, known))
}

fn screen(house: &House, schedules: Vec<ScheduleStatus>, known: Known) -> StatusAnswer {
    let stop_file = stop_file(house);
    let problems = problems(house, &schedules, &known);
    let state = match (house.is_service && known.is_alive, problems.is_empty()) {
        (false, _) => Health::Down,
        (true, true) => Health::Ok,
        (true, false) => Health::Degraded,
    };
    StatusAnswer {
        state,
        schedules,
        pending: known.tally.pending,
        uncertain: known.tally.uncertain,
        held_runs: known.tally.held_runs,
        paused: known.is_paused || stop_file.is_some(),
        stop_file,
        audit: known.head,
        waiting_runs: known.tally.waiting_runs,
        now: crate::evaluation::nominal_now(house.around.clock.as_ref()).to_string(),
        zone_rules: house.around.zones.version().to_owned(),
        service: house.is_service,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        problems,
    }
}

async fn known(house: &House) -> VerbResult<Known> {
    let unsendable = house.sender.as_ref().map(|sender| sender.problems()).unwrap_or_default();
    let Some(ledger) = &house.around.ledger else {
        let head = Head { seq: 0, hash: String::new() };
        return Ok(Known {
            standings: BTreeMap::new(),
            paused_targets: BTreeSet::new(),
            unsendable,
            tally: Tally::default(),
            head,
            problems: Vec::new(),
            is_paused: false,
            is_alive: false,
        });
    };
    let now = house.around.clock.now();
    let standings = ledger.schedules().await?.into_iter().map(|known| (known.name.clone(), known)).collect();
    let pause = ledger.paused().await?.filter(|pause| pause.until.is_none_or(|until| now < until));
    Ok(Known {
        standings,
        paused_targets: ledger.paused_targets().await?.into_iter().collect(),
        unsendable,
        tally: ledger.tally().await?,
        head: ledger.head().await?,
        problems: account_problems(ledger.as_ref(), now).await?,
        is_paused: pause.is_some(),
        is_alive: ledger.is_alive().await,
    })
}

async fn account_problems(ledger: &dyn Ledger, now: jiff::Timestamp) -> VerbResult<Vec<String>> {
    let accounts = ledger.accounts().await?;
    let refused = accounts.iter().filter(|account| account.is_refused).map(|account| {
        format!(
            "account `{}`: its credentials were refused (401); put them right, then `tickler resume --all`",
            account.name
        )
    });
    let waiting = accounts.iter().filter_map(|account| {
        let until = account.paused_until.filter(|until| now < *until)?;
        Some(format!("account `{}` waits until {until} (429)", account.name))
    });
    Ok(refused.chain(waiting).collect())
}

async fn of_loaded(house: &House, schedule: &Schedule, known: &Known) -> VerbResult<ScheduleStatus> {
    let now = house.around.clock.now();
    let last = match &house.around.ledger {
        Some(ledger) => ledger.last_run(&schedule.name).await?,
        None => None,
    };
    let paused = known.standings.get(&schedule.name).and_then(|standing| standing.pause.as_ref());
    let paused = paused.filter(|pause| pause.until.is_none_or(|until| now < until));
    let target_paused = known.paused_targets.contains(&schedule.name);
    let problem = known.unsendable.get(&schedule.name).cloned();
    let next = super::next::next(house, schedule, 1).into_iter().next();
    let state = match (schedule.enabled, paused.is_some() || target_paused) {
        (false, _) => Standing::Disabled,
        (true, true) => Standing::Paused,
        (true, false) => Standing::Loaded,
    };
    let forbidden = target_paused
        .then(|| format!("403 three times in a row: calling may be disabled; `tickler resume {}`", schedule.name));
    Ok(ScheduleStatus {
        name: schedule.name.clone(),
        state,
        problem: problem.or(forbidden).or_else(|| paused.map(|pause| format!("paused: {}", pause.reason))),
        next_run: next.map(|run| run.at),
        last_state: last.as_ref().map(|run| run.state),
        last_run: last.map(|run| schedule.zone.rfc3339(run.nominal_at)),
        text_version: Some(schedule.text_hash.chars().take(12).collect()),
    })
}

fn refused(name: &str, problem: String) -> ScheduleStatus {
    ScheduleStatus {
        name: name.to_owned(),
        state: Standing::Refused,
        problem: Some(problem),
        next_run: None,
        last_run: None,
        last_state: None,
        text_version: None,
    }
}

fn stop_file(house: &House) -> Option<String> {
    let path = house.stop_file();
    // one that can't be looked for counts as there, as it does for the heartbeat
    let is_there = path.try_exists().unwrap_or(true);
    is_there.then(|| std::path::absolute(&path).unwrap_or(path).display().to_string())
}

fn problems(house: &House, schedules: &[ScheduleStatus], known: &Known) -> Vec<String> {
    let mut problems = known.problems.clone();
    problems.extend(
        schedules
            .iter()
            .filter_map(|schedule| schedule.problem.as_ref().map(|problem| format!("{}: {problem}", schedule.name))),
    );
    if known.is_paused {
        problems.push("everything is paused: `tickler resume --all` lifts it".into());
    }
    if let Some(path) = stop_file(house) {
        problems.push(format!("nobody is called while {path} exists: remove it to go on (`resume` doesn't)"));
    }
    if known.tally.uncertain > 0 {
        problems.push(format!("{} of unknown fate: `tickler uncertain list`", known.tally.uncertain));
    }
    if known.tally.held_runs > 0 {
        problems.push(format!("{} held runs: `tickler audit list --event run.held`", known.tally.held_runs));
    }
    if known.tally.waiting_runs > 0 {
        problems.push(format!("{} runs wait for their source", known.tally.waiting_runs));
    }
    if !crate::evaluation::clock_is_set(house.around.clock.as_ref()) {
        problems.push("this machine's clock isn't set: nobody is called".into());
    }
    problems
}
