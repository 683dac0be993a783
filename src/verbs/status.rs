//! shell: one screen: health, schedules loaded and refused, last and next runs, what is pending, uncertain, held, paused.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::ToSpan;
use serde::{Deserialize, Serialize};

use super::app::refusal;
use super::outcome::signs;
use super::traffic::TrafficStatus;
use super::{App, VerbError, VerbResult, holds, last_run, retrying};
use crate::audit::words::counted;
use crate::audit::{AuditFilter, Event};
use crate::ledger::gate::Hold;
use crate::ledger::{CanariesAsk, CanaryRow, Head, Holds, Ledger, Questions, RunRow, RunsAsk, Tally, WriteBacksAsk};
use crate::reminder::{CanaryState, RunState};
use crate::schedule::{Schedule, ScheduleMode};

/// The screen, as `status --format json` prints it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct StatusAnswer {
    /// The health of the service, in a word.
    pub state: Health,
    /// Every file of the folder.
    pub schedules: Vec<ScheduleStatus>,
    /// Pending reminders.
    pub pending: u64,
    /// Reminders being sent, or that were when a process died.
    #[serde(default)]
    pub sending: u64,
    /// Reminders of unknown fate.
    pub uncertain: u64,
    /// Held runs.
    pub held_runs: u64,
    /// Whether everything is paused, by an operator or by the `STOP` file.
    pub paused: bool,
    /// The `STOP` file if it exists: then nobody is called, whatever is resumed.
    pub stop_file: Option<String>,
    /// The log's end.
    pub audit: Head,
    /// Waiting runs.
    pub waiting_runs: u64,
    /// The time of the process that made this answer.
    pub now: String,
    /// The zone rules in use.
    pub zone_rules: String,
    /// Whether the running service made this answer.
    pub service: bool,
    /// The program's version.
    pub version: String,
    /// What became of calls.
    #[serde(default)]
    pub outcomes: OutcomeTally,
    /// What the server of records has answered.
    #[serde(default)]
    pub inbound: TrafficStatus,
    /// Everything that isn't as it should be, in words.
    pub problems: Vec<String>,
}

/// What became of calls, counted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutcomeTally {
    /// Calls whose outcome may still come, of schedules with `[outcome]`.
    pub awaited: u64,
    /// Calls of which no report came, about appointments that are still ahead.
    pub unreported: u64,
    /// Outcomes that could not be written back, and that nobody has acknowledged.
    pub write_backs: u64,
}

/// The health of the service.
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
    /// Its state.
    pub state: LoadState,
    /// What is wrong with it.
    pub problem: Option<String>,
    /// The next run, with the schedule's offset.
    pub next_run: Option<String>,
    /// The latest run of any kind: its nominal time, with the schedule's offset.
    pub last_run: Option<String>,
    /// How the latest run ended.
    pub last_state: Option<crate::reminder::RunState>,
    /// How many reminders the latest run that read its source has planned.
    #[serde(default)]
    pub last_planned: Option<u64>,
    /// How many appointments of its window it did not call.
    #[serde(default)]
    pub last_skipped: Option<u64>,
    /// The most frequent reason for that.
    #[serde(default)]
    pub last_reason: Option<String>,
    /// Why a run waits for its source.
    #[serde(default)]
    pub waits: Option<String>,
    /// Whether a read of its source didn't come back and was given up.
    #[serde(default)]
    pub stuck: bool,
    /// When its pause ends (UTC); null: until resumed.
    #[serde(default)]
    pub paused_until: Option<String>,
    /// Why it is paused.
    #[serde(default)]
    pub pause_reason: Option<String>,
    /// The version in use: the first twelve digits of its text's hash.
    pub text_version: Option<String>,
    /// `live`, or `shadow` for a rehearsal; null for a refused file.
    #[serde(default)]
    pub mode: Option<ScheduleMode>,
    /// Its canary; null without `[canary]`.
    #[serde(default)]
    pub canary: Option<CanaryStatus>,
}

/// The canary of a schedule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CanaryStatus {
    /// How the latest stands; null while none was sent.
    pub state: Option<CanaryState>,
    /// When the latest was sent, with the schedule's offset.
    pub sent_at: Option<String>,
    /// When the next is sent, with the schedule's offset.
    pub next: Option<String>,
}

/// Whether a schedule is loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LoadState {
    /// It runs.
    Loaded,
    /// Its file has errors.
    Refused,
    /// `enabled = false`.
    Disabled,
    /// Until it is resumed.
    Paused,
}

/// What `status` reads from the ledger.
struct LedgerView {
    holds: Holds,
    /// Why some schedules can't send.
    unsendable: BTreeMap<String, String>,
    /// Why what some schedules have tried waits.
    troubles: BTreeMap<String, String>,
    /// Reminders that expired within the last day.
    expired: u64,
    outcomes: OutcomeTally,
    /// For each schedule of whose calls nothing is heard, the sentence about that.
    silences: BTreeMap<String, String>,
    /// For each schedule, the canary that was sent last.
    canaries: BTreeMap<String, CanaryRow>,
    tally: Tally,
    head: Head,
    problems: Vec<String>,
    /// Why nothing can be written.
    failure: Option<String>,
}

/// The screen of this app. A missing ledger reads as an empty one.
///
/// # Errors
/// When the ledger is there and can't be read.
pub async fn status(app: &App) -> VerbResult<StatusAnswer> {
    let known = match known(app).await {
        Err(VerbError::Ledger(error)) if app.is_service => LedgerView::of_failed_ledger(error.to_string()),
        known => known?,
    };
    let folder = app.folder();
    let mut runs = last_runs(app, folder.schedules.keys().cloned().collect(), &known).await?;
    let mut schedules: Vec<ScheduleStatus> =
        folder.schedules.values().map(|schedule| of_loaded(app, schedule, &known, &mut runs)).collect();
    let without_good_version = folder.refused.iter().filter(|name| !folder.schedules.contains_key(*name));
    schedules.extend(without_good_version.map(|name| refused(name, refusal(&folder, name))));
    for status in schedules.iter_mut().filter(|status| folder.refuses(&status.name)) {
        status.problem = Some(refusal(&folder, &status.name));
        status.state = LoadState::Refused;
    }
    schedules.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(screen(app, schedules, known))
}

fn screen(app: &App, schedules: Vec<ScheduleStatus>, known: LedgerView) -> StatusAnswer {
    let stop_file = known.holds.machine.stop_file.as_ref().map(|path| path.display().to_string());
    let on_everybody = known.holds.on_everybody(app.env.clock.now());
    let mut problems = problems(&schedules, &known, &on_everybody);
    if !app.is_service && known.tally.sending > 0 {
        problems.push(format!(
            "{} being sent by a `trigger`, or when a process died: the next start finds out what became of them",
            known.tally.sending
        ));
    }
    let state = match (app.is_service && known.failure.is_none(), problems.is_empty()) {
        (false, _) => Health::Down,
        (true, true) => Health::Ok,
        (true, false) => Health::Degraded,
    };
    StatusAnswer {
        state,
        schedules,
        pending: known.tally.pending,
        sending: known.tally.sending,
        uncertain: known.tally.uncertain,
        held_runs: known.tally.held_runs,
        paused: on_everybody.iter().any(|hold| matches!(hold, Hold::AllPaused(_) | Hold::StopFile(_))),
        stop_file,
        audit: known.head,
        waiting_runs: known.tally.waiting_runs,
        now: crate::evaluation::nominal_now(app.env.clock.as_ref()).to_string(),
        zone_rules: app.env.zones.version().to_owned(),
        service: app.is_service,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        outcomes: known.outcomes,
        inbound: app.traffic.status(),
        problems,
    }
}

async fn known(app: &App) -> VerbResult<LedgerView> {
    let unsendable = app.sender.as_ref().map(|sender| sender.problems()).unwrap_or_default();
    let holds = holds::all(app).await?;
    let mut problems: Vec<String> = app.folder().fault.iter().cloned().collect();
    problems.extend(account_problems(app, &holds));
    let unread = LedgerView { holds, unsendable, problems, ..LedgerView::unread() };
    let Some(ledger) = &app.env.ledger else { return Ok(unread) };
    let failure = writing_failure(ledger.as_ref()).await;
    if let (Some(_), Err(_)) = (&unread.holds.lost, ledger.head().await) {
        // its file is gone, which is the problem that is reported
        return Ok(LedgerView { failure, ..unread });
    }
    let tally = ledger.tally().await?;
    let now = app.env.clock.now();
    let signs = signs::of(app, ledger, now).await?;
    let awaited = signs.values().map(|signs| signs.awaited).sum();
    let write_backs = ledger.write_backs(WriteBacksAsk::Failed).await?.len() as u64;
    let outcomes = OutcomeTally { awaited, unreported: ledger.unreported(now).await?, write_backs };
    let silences = signs.into_iter().filter_map(|(name, signs)| Some((name, signs.silence_in_words()?))).collect();
    let canaries = ledger.canaries(CanariesAsk::Latest).await?.into_iter();
    Ok(LedgerView {
        canaries: canaries.map(|row| (row.schedule.clone(), row)).collect(),
        tally,
        head: ledger.head().await?,
        outcomes,
        silences,
        expired: expired_lately(ledger.as_ref(), app.env.clock.now()).await?,
        troubles: retrying::reasons(app, ledger, tally).await?,
        failure,
        ..unread
    })
}

impl LedgerView {
    /// What is known when the ledger can't even be read.
    fn of_failed_ledger(failure: String) -> Self {
        Self { failure: Some(failure), ..Self::unread() }
    }

    fn unread() -> Self {
        Self {
            holds: Holds::default(),
            unsendable: BTreeMap::new(),
            troubles: BTreeMap::new(),
            expired: 0,
            outcomes: OutcomeTally::default(),
            silences: BTreeMap::new(),
            canaries: BTreeMap::new(),
            tally: Tally::default(),
            head: Head { seq: 0, hash: String::new() },
            problems: Vec::new(),
            failure: None,
        }
    }
}

/// The number of reminders that expired within the last day.
async fn expired_lately(ledger: &Questions, now: jiff::Timestamp) -> VerbResult<u64> {
    let since = now.saturating_sub(24.hours()).unwrap_or(now);
    let event = Some(Event::ReminderExpired.as_str().to_owned());
    let filter = AuditFilter { since: Some(since), event, ..AuditFilter::default() };
    Ok(ledger.audit(filter).await?.len() as u64)
}

/// Why nothing can be written: what the latest commit came to, or that the writer doesn't answer.
async fn writing_failure(ledger: &Ledger) -> Option<String> {
    match ledger.writing().failure {
        None if !ledger.is_alive().await => Some("the ledger's writer does not respond".to_owned()),
        failure => failure,
    }
}

/// What holds accounts: for the credentials of their schedules, and whatever they are for an account without any.
fn account_problems(app: &App, holds: &Holds) -> BTreeSet<String> {
    let folder = app.folder();
    let schedules = || folder.schedules.values();
    let of_used = schedules().flat_map(|schedule| holds::on(app, schedule, holds)).filter(Hold::is_of_account);
    let used: BTreeSet<&str> = schedules().map(|schedule| schedule.target.account()).collect();
    let unused = holds.accounts.keys().filter(|name| !used.contains(name.as_str()));
    let now = app.env.clock.now();
    let of_unused = unused.flat_map(|name| holds.on_account(name, None, now));
    of_used.chain(of_unused).map(|hold| hold.to_string()).collect()
}

/// The latest runs of schedules, by their names.
#[derive(Default)]
struct LastRuns {
    of_any_kind: HashMap<String, RunRow>,
    /// Those that read their source.
    evaluated: HashMap<String, RunRow>,
}

async fn last_runs(app: &App, schedules: Vec<String>, known: &LedgerView) -> VerbResult<LastRuns> {
    let Some(ledger) = &app.env.ledger else { return Ok(LastRuns::default()) };
    let by_name = |runs: Vec<RunRow>| runs.into_iter().map(|run| (run.schedule.clone(), run)).collect();
    let read = async {
        let of_any_kind = by_name(ledger.runs(RunsAsk::Latest(schedules.clone())).await?);
        let evaluated = by_name(ledger.runs(RunsAsk::LatestEvaluated(schedules)).await?);
        Ok(LastRuns { of_any_kind, evaluated })
    };
    match read.await {
        // one that can't be written, or has lost its file, may still be read, or not
        Err(VerbError::Ledger(_)) if known.failure.is_some() || known.holds.lost.is_some() => Ok(LastRuns::default()),
        runs => runs,
    }
}

fn of_loaded(app: &App, schedule: &Schedule, known: &LedgerView, runs: &mut LastRuns) -> ScheduleStatus {
    let last = runs.of_any_kind.remove(&schedule.name);
    let evaluated = runs.evaluated.remove(&schedule.name);
    let holds = holds::on(app, schedule, &known.holds);
    let own = holds.iter().find(|hold| hold.is_of_schedule());
    let pause = holds.iter().find_map(|hold| match hold {
        Hold::SchedulePaused(_, pause) => Some(pause),
        Hold::ClockUnset
        | Hold::RowsLost(_)
        | Hold::StopFile(_)
        | Hold::AllPaused(_)
        | Hold::SwitchedOff(_)
        | Hold::TargetPaused(_)
        | Hold::CredentialsRefused(_)
        | Hold::AccountWaits(..) => None,
    });
    let next = super::next::next(app, schedule, 1).into_iter().next();
    let state = match (schedule.enabled, own) {
        (false, _) => LoadState::Disabled,
        (true, Some(_)) => LoadState::Paused,
        (true, None) => LoadState::Loaded,
    };
    let unsendable = known.unsendable.get(&schedule.name).cloned();
    let of_run = || evaluated.as_ref().filter(|_| schedule.enabled).and_then(last_run::problem);
    let evaluated_counts = evaluated.as_ref().map(|run| &run.counts);
    ScheduleStatus {
        name: schedule.name.clone(),
        state,
        problem: unsendable
            .or_else(|| own.map(Hold::to_string))
            .or_else(|| known.troubles.get(&schedule.name).cloned())
            .or_else(|| known.silences.get(&schedule.name).cloned())
            .or_else(|| canary_problem(known.canaries.get(&schedule.name).filter(|_| schedule.canary.is_some())))
            .or_else(of_run),
        next_run: next.map(|run| run.at),
        last_state: last.as_ref().map(|run| run.state),
        last_run: last.map(|run| schedule.zone.rfc3339(run.nominal_at)),
        last_planned: evaluated_counts.map(|counts| counts.planned),
        last_skipped: evaluated_counts.map(|counts| counts.skipped),
        last_reason: evaluated.as_ref().and_then(last_run::most_frequent).map(|(reason, _)| reason.to_owned()),
        waits: evaluated.as_ref().filter(|run| run.state == RunState::Waiting).and_then(|run| run.detail.clone()),
        stuck: evaluated.as_ref().is_some_and(|run| last_run::stuck(run).is_some()),
        paused_until: pause.and_then(|pause| pause.until).map(|until| until.to_string()),
        pause_reason: pause.map(|pause| pause.reason.clone()),
        text_version: Some(schedule.text_hash.chars().take(12).collect()),
        mode: Some(schedule.mode),
        canary: canary(app, schedule, known.canaries.get(&schedule.name)),
    }
}

fn canary_problem(latest: Option<&CanaryRow>) -> Option<String> {
    let row = latest?;
    match row.state {
        CanaryState::Silent => Some(format!("nothing was heard of the canary of {}", row.sent_at)),
        CanaryState::Failed => Some(format!("the canary of {} was not accepted", row.sent_at)),
        CanaryState::Waiting | CanaryState::Heard => None,
    }
}

fn canary(app: &App, schedule: &Schedule, latest: Option<&CanaryRow>) -> Option<CanaryStatus> {
    let spec = schedule.canary.as_ref()?;
    let next = spec.recurrence.next(&schedule.zone, app.env.clock.now(), 1);
    Some(CanaryStatus {
        state: latest.map(|row| row.state),
        sent_at: latest.map(|row| schedule.zone.rfc3339(row.sent_at)),
        next: next.first().filter(|_| schedule.enabled).map(|next| schedule.zone.rfc3339(next.at)),
    })
}

fn refused(name: &str, problem: String) -> ScheduleStatus {
    ScheduleStatus {
        name: name.to_owned(),
        state: LoadState::Refused,
        problem: Some(problem),
        next_run: None,
        last_run: None,
        last_state: None,
        last_planned: None,
        last_skipped: None,
        last_reason: None,
        waits: None,
        stuck: false,
        paused_until: None,
        pause_reason: None,
        text_version: None,
        mode: None,
        canary: None,
    }
}

/// Where outcomes are listed that could not be written back, and what ends the matter.
pub const SEE_WRITE_BACKS: &str =
    "`tickler audit list --event write_back.failed` shows which, `tickler outcome acknowledge` ends this notice";

fn problems(schedules: &[ScheduleStatus], known: &LedgerView, on_everybody: &[Hold]) -> Vec<String> {
    let mut problems: Vec<String> = known.failure.iter().chain(&known.problems).cloned().collect();
    problems.extend(
        schedules
            .iter()
            .filter_map(|schedule| schedule.problem.as_ref().map(|problem| format!("{}: {problem}", schedule.name))),
    );
    problems.extend(on_everybody.iter().map(Hold::to_string));
    if known.expired > 0 {
        let expired = known.expired;
        problems
            .push(format!("{expired} expired within a day, not called: `tickler audit list --event reminder.expired` shows whom to phone yourself"));
    }
    if known.tally.uncertain > 0 {
        problems.push(format!("{} of unknown fate: `tickler uncertain list`", known.tally.uncertain));
    }
    if known.tally.held_runs > 0 {
        let held = counted(known.tally.held_runs, "held run", "held runs");
        problems.push(format!(
            "{held} (`tickler audit list --event run.held`): `tickler approve` or `tickler reject` each"
        ));
    }
    if known.outcomes.write_backs > 0 {
        let failed = counted(known.outcomes.write_backs, "outcome", "outcomes");
        problems.push(format!("{failed} could not be written back: {SEE_WRITE_BACKS}"));
    }
    if known.tally.waiting_runs > 0 {
        let waiting = counted(known.tally.waiting_runs, "run waits for its source", "runs wait for their source");
        problems.push(waiting);
    }
    problems
}
