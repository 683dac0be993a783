//! shell: performs what a tick decides: each run as a supervised task, the rest as rows in the ledger.

use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use futures_util::{FutureExt, StreamExt, stream};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::{Semaphore, watch};

use super::due::Permission;
use super::queue::{DueRun, Ended, RunQueue, ScheduleSteps, Tick, Turn};
use super::tick_gap::{TickGap, TickMonitor};
use crate::audit::{Entry, Event};
use crate::evaluation::{BegunRun, RunAsk, RunOutcome, begin_run, clock_is_set, next_read_at};
use crate::ledger::gate::{GateSubject, Hold};
use crate::ledger::{Holds, Ledger, LedgerResult, Log, RunRow, Runs, RunsAsk};
use crate::notify::{AlertKind, Conditions, Notifier, RunResult};
use crate::plan::{Counts, Rehearsed};
use crate::reminder::{RunId, RunState};
use crate::schedule::{Schedule, ScheduleMode};
use crate::verbs::vitals::Vitals;
use crate::verbs::{App, last_run};

/// Maximum runs that are evaluated at the same time; each may keep the rows of a source in memory.
const MAX_CONCURRENT_RUNS: u32 = 64;

/// The service as an actor in the audit log.
pub const ACTOR: &str = "service";

/// The running service, on which ticks, reloads and signals act.
pub struct Daemon {
    /// The opened app.
    pub app: Arc<App>,
    /// The state behind `/healthz`, `/readyz` and the watchdog.
    pub vitals: Arc<Vitals>,
    pub(super) ledger: Arc<Ledger>,
    pub(super) notifier: Notifier,
    pub(super) reloading: tokio::sync::Mutex<super::last_good::ReportedRefusals>,
    queue: Mutex<RunQueue>,
    of_runs: Mutex<Conditions>,
    silences: Mutex<Conditions>,
    ticks: Mutex<TickMonitor>,
    /// Held during a tick.
    ticking: tokio::sync::Mutex<()>,
    slots: Semaphore,
    under_way: watch::Sender<usize>,
    /// The number of runs whose rows are being written. Evaluations wait until it is zero.
    beginning: watch::Sender<usize>,
    pub(super) is_stopping: AtomicBool,
    is_clock_unset: AtomicBool,
    is_ledger_failing: AtomicBool,
}

impl Daemon {
    /// A service without schedules.
    ///
    /// # Panics
    /// When the app has no ledger: a service is never opened without one.
    #[must_use]
    pub fn new(app: Arc<App>, notifier: Notifier) -> Arc<Self> {
        let ledger = app.env.ledger.clone().expect("the service opens its ledger before anything else");
        let clock = Arc::clone(&app.env.clock);
        Arc::new(Self {
            vitals: Arc::new(Vitals::new(Arc::clone(&clock), Arc::clone(&ledger))),
            ledger,
            notifier,
            reloading: tokio::sync::Mutex::default(),
            queue: Mutex::default(),
            of_runs: Mutex::default(),
            silences: Mutex::default(),
            ticks: Mutex::new(TickMonitor::starting_at(clock.now(), clock.monotonic())),
            ticking: tokio::sync::Mutex::new(()),
            slots: Semaphore::new(MAX_CONCURRENT_RUNS as usize),
            under_way: watch::Sender::new(0),
            beginning: watch::Sender::new(0),
            is_stopping: AtomicBool::new(false),
            is_clock_unset: AtomicBool::new(false),
            is_ledger_failing: AtomicBool::new(false),
            app,
        })
    }

    pub(super) fn now(&self) -> Timestamp {
        self.app.env.clock.now()
    }

    pub(super) fn queue(&self) -> MutexGuard<'_, RunQueue> {
        self.queue.lock().expect("no holder of the queue's lock can panic")
    }

    /// Decides about every schedule that is due, and starts runs without waiting for them.
    pub async fn tick(self: &Arc<Self>) {
        self.vitals.tick();
        let Ok(_alone) = self.ticking.try_lock() else { return };
        if self.is_stopping.load(Ordering::Relaxed) {
            return;
        }
        let tick = self.observe_tick().await;
        if !self.is_clock_plausible() {
            return;
        }
        let due = self.queue().due(tick.now);
        if due.is_empty() {
            return;
        }
        let permits = match self.permits(tick.now).await {
            Ok(permits) => permits,
            Err(error) => return self.note_ledger_failure(&error.to_string()),
        };
        let steps: Vec<ScheduleSteps> = due.iter().filter_map(|name| self.poll(name, tick, &permits)).collect();
        // no run is evaluated before each of this tick is there: the first could end before the last
        let _until_all_are_there = Beginning::of(self);
        stream::iter(steps).for_each_concurrent(MAX_CONCURRENT_RUNS as usize, |steps| self.perform(steps)).await;
    }

    fn poll(&self, name: &str, tick: Tick, permits: &RunPermissions) -> Option<ScheduleSteps> {
        // the lock comes first: a reload replaces the folder and the queue's entry under it
        let mut queue = self.queue();
        let permission = self.schedule(name).map_or(Permission::Disabled, |schedule| permits.of(&schedule));
        queue.poll(name, tick, permission)
    }

    pub(super) fn schedule(&self, name: &str) -> Option<Arc<Schedule>> {
        self.app.folder().schedules.get(name).cloned()
    }

    async fn observe_tick(&self) -> Tick {
        let clock = &self.app.env.clock;
        let (now, monotonic) = (clock.now(), clock.monotonic());
        let (gap, ticking_since) = {
            let mut ticks = self.ticks.lock().expect("no holder of this lock can panic");
            (ticks.tick(now, monotonic), ticks.ticking_since())
        };
        match gap {
            TickGap::Regular => {}
            TickGap::Suspended(pause) => tracing::warn!(seconds = pause.as_secs(), "the service was suspended"),
            TickGap::ClockStepped(by) => self.clock_stepped(now, by).await,
        }
        Tick { now, ticking_since }
    }

    async fn clock_stepped(&self, now: Timestamp, by: SignedDuration) {
        self.queue().clock_stepped(now);
        let direction = if by.is_negative() { "back" } else { "forward" };
        let detail = format!("the clock was set {direction} by {} s", by.abs().as_secs());
        tracing::warn!(seconds = by.as_secs(), "the clock was stepped, or the machine slept");
        let entry = Entry {
            actor: Some(ACTOR.into()),
            reason: Some(direction.into()),
            detail: Some(detail.into()),
            ..Entry::new(now, Event::ClockJumped)
        };
        if let Err(error) = self.ledger.append(vec![entry]).await {
            self.note_ledger_failure(&error.to_string());
        }
    }

    /// Whether the system clock can be right. While it can't, nothing is planned; the sender's own gate is shut.
    fn is_clock_plausible(&self) -> bool {
        let is_unset = !clock_is_set(self.app.env.clock.as_ref());
        if self.is_clock_unset.swap(is_unset, Ordering::Relaxed) != is_unset {
            if is_unset {
                tracing::error!("the system clock isn't set: nobody is called until it is; check the time service");
            } else {
                tracing::warn!("the system clock is set");
            }
        }
        !is_unset
    }

    /// Passes the sender the schedules; what keeps them from sending it asks itself.
    pub(super) fn update_sender(&self) {
        if let Some(sender) = &self.app.sender {
            sender.set_schedules(&self.app.folder().schedules);
        }
    }

    pub(super) async fn permits(&self, now: Timestamp) -> LedgerResult<RunPermissions> {
        Ok(RunPermissions { holds: self.ledger.holds(self.app.machine()).await?, now })
    }

    pub(super) fn note_ledger_failure(&self, error: &str) {
        if !self.is_ledger_failing.swap(true, Ordering::Relaxed) {
            tracing::error!(error, "the ledger can't be used: nothing is planned or sent until it can");
        }
    }

    fn note_ledger_success(&self) {
        if self.is_ledger_failing.swap(false, Ordering::Relaxed) {
            tracing::warn!("the ledger can be used again");
        }
    }

    async fn perform(self: &Arc<Self>, steps: ScheduleSteps) {
        if let Some(passed) = steps.passed.clone() {
            if let Err(error) = self.ledger.pass_over(passed).await {
                self.note_ledger_failure(&error.to_string());
                return self.queue().take_back(&steps, self.now());
            }
            self.note_ledger_success();
        }
        if let Some(waiting) = steps.give_up {
            self.give_up(&steps.schedule, waiting).await;
        }
        if let Some(start) = steps.start {
            self.start(Arc::clone(&steps.schedule), start);
        }
    }

    fn start(self: &Arc<Self>, schedule: Arc<Schedule>, start: DueRun) {
        self.under_way.send_modify(|count| *count += 1);
        let beginning = Beginning::of(self);
        let daemon = Arc::clone(self);
        tokio::spawn(async move {
            let steps = daemon.run_in_turn(&schedule, start, beginning).await;
            if let Some(steps) = steps {
                daemon.perform(steps).await;
            }
            daemon.under_way.send_modify(|count| *count -= 1);
        });
    }

    async fn run_in_turn(
        &self,
        schedule: &Arc<Schedule>,
        start: DueRun,
        beginning: Beginning,
    ) -> Option<ScheduleSteps> {
        let run = AssertUnwindSafe(self.run_once(schedule, start, beginning)).catch_unwind();
        let ended = match run.await {
            Ok(Some(outcome)) => self.conclude(schedule, start, outcome).await,
            Ok(None) => return None,
            Err(_panic) => self.run_panicked(schedule, start).await,
        };
        let steps = self.queue().ended(&schedule.name, start, ended, self.now());
        if steps.is_none() {
            // its file was removed meanwhile: what this run has planned is cancelled, too; a failure is logged
            let _logged = self.remove(std::slice::from_ref(&schedule.name), ACTOR).await;
        }
        steps
    }

    /// Begins and evaluates a run. All runs that are due begin before the first is evaluated. `None`: the service stops, and
    /// the next start continues the run.
    async fn run_once(&self, schedule: &Arc<Schedule>, start: DueRun, beginning: Beginning) -> Option<RunOutcome> {
        if self.is_stopping.load(Ordering::Relaxed) {
            return None;
        }
        let (actor, only, rehearsed) = (ACTOR.to_owned(), None, Rehearsed::CountAsMade);
        let ask = RunAsk { kind: start.kind, nominal_at: start.nominal, actor, only, rehearsed };
        let begun = match begin_run(schedule, ask, &self.app.env).await {
            Ok(begun) => begun,
            Err(not_begun) => return Some(not_begun),
        };
        drop(beginning);
        if start.turn == Turn::First {
            tracing::info!(schedule = schedule.name, nominal_at = %start.nominal, "the run begins");
            self.notifier.run_begun(&schedule.name);
        }
        self.evaluate_in_turn(begun).await
    }

    async fn evaluate_in_turn(&self, begun: BegunRun<'_>) -> Option<RunOutcome> {
        self.all_begun().await;
        let _slot = self.slots.acquire().await.expect("the slots are never closed");
        if self.is_stopping.load(Ordering::Relaxed) {
            return None;
        }
        // boxed, so that only the runs with a slot allocate the memory of an evaluation
        Some(Box::pin(begun.evaluated()).await)
    }

    async fn all_begun(&self) {
        let mut beginning = self.beginning.subscribe();
        // its sender lives as long as the daemon, so it is never closed
        let _never_closed = beginning.wait_for(|count| *count == 0).await;
    }

    async fn conclude(&self, schedule: &Schedule, start: DueRun, outcome: RunOutcome) -> Ended {
        if let Some(sender) = &self.app.sender {
            sender.nudge();
        }
        let ended = match &outcome {
            RunOutcome::Waiting { run, again_at, .. } => Ended::Waiting { run: *run, again_at: *again_at },
            RunOutcome::NotBegun { .. } => Ended::NotBegun,
            RunOutcome::Failed { run, .. } => self.after_failure(schedule, start, *run).await,
            RunOutcome::Done { .. } | RunOutcome::Held { .. } | RunOutcome::EvaluatedBefore => Ended::Recorded,
        };
        self.report(schedule, start, &outcome);
        if let RunOutcome::Done { run, .. } | RunOutcome::Failed { run, .. } = outcome
            && let Ok(Some(row)) = self.ledger.runs(RunsAsk::Id(run)).await.map(|mut found| found.pop())
        {
            self.note_conditions(&row);
        }
        ended
    }

    /// Takes over the state of a schedule's latest run when the schedule is loaded, for heartbeats and alerts.
    pub(super) fn remember_run(&self, run: &RunRow) {
        match run.state {
            RunState::Failed | RunState::Held => self.notifier.remember_run(&run.schedule, RunResult::Failed),
            RunState::Done | RunState::Running | RunState::Waiting | RunState::Skipped | RunState::Missed => {}
        }
        self.note_conditions(run);
    }

    pub(super) fn note_conditions(&self, run: &RunRow) {
        let set = |kind: AlertKind, sentence: Option<String>| {
            let key = (kind, run.schedule.clone());
            let mut of_runs = self.of_runs();
            match sentence {
                Some(sentence) => drop(of_runs.insert(key, sentence)),
                None => drop(of_runs.remove(&key)),
            }
        };
        match run.state {
            RunState::Done => {
                set(AlertKind::NobodyCallable, last_run::nobody_callable(run));
                set(AlertKind::SourceStuck, None);
            }
            RunState::Failed | RunState::Held => set(AlertKind::SourceStuck, last_run::stuck(run).map(str::to_owned)),
            RunState::Running | RunState::Waiting | RunState::Skipped | RunState::Missed => {}
        }
    }

    /// The conditions of schedules' last runs that need a person.
    pub(super) fn of_runs(&self) -> MutexGuard<'_, Conditions> {
        self.of_runs.lock().expect("no holder of this lock can panic")
    }

    /// The schedules of whose calls nothing is heard.
    pub(super) fn silences(&self) -> MutexGuard<'_, Conditions> {
        self.silences.lock().expect("no holder of this lock can panic")
    }

    /// A run whose end could not be recorded is still `running` in the ledger: it is evaluated again under its id.
    async fn after_failure(&self, schedule: &Schedule, start: DueRun, run: RunId) -> Ended {
        let is_recorded = self
            .ledger
            .runs(RunsAsk::Id(run))
            .await
            .is_ok_and(|found| found.iter().all(|row| !matches!(row.state, RunState::Running | RunState::Waiting)));
        if is_recorded {
            return Ended::Recorded;
        }
        let now = self.now();
        Ended::Waiting { run, again_at: next_read_at(schedule, start.nominal, now).unwrap_or(now) }
    }

    /// The log's messages contain the schedule, because `journalctl` shows only the message.
    fn report(&self, schedule: &Schedule, start: DueRun, outcome: &RunOutcome) {
        let name = schedule.name.as_str();
        let because = outcome.why().unwrap_or_default();
        let nominal_at = start.nominal;
        match outcome {
            RunOutcome::NotBegun { .. } => self.note_ledger_failure(because),
            RunOutcome::Waiting { run, .. } => {
                if start.turn == Turn::First {
                    tracing::warn!(schedule = name, %nominal_at, "{name}: the run waits and is tried again: {because}");
                }
                self.notifier.waiting(name, *run, because);
            }
            RunOutcome::Failed { .. } => {
                tracing::error!(schedule = name, %nominal_at, "{name}: the run failed: {because}");
                self.notifier.run_ended(name, RunResult::Failed);
            }
            RunOutcome::Held { .. } => {
                tracing::warn!(schedule = name, %nominal_at, "{name}: the run is held: {because}");
                self.notifier.run_ended(name, RunResult::Failed);
            }
            RunOutcome::EvaluatedBefore => {
                self.note_ledger_success();
                tracing::debug!(schedule = name, %nominal_at, "{name}: {because}");
            }
            RunOutcome::Done { counts, .. } => {
                self.note_ledger_success();
                let planned = counts.planned;
                tracing::info!(schedule = name, %nominal_at, kind = %start.kind, planned, "{name}: the run is done: {}", counted(schedule.mode, counts));
                self.notifier.run_ended(name, RunResult::Succeeded);
            }
        }
    }

    /// The number of runs that have started and not ended.
    #[must_use]
    pub fn under_way(&self) -> usize {
        *self.under_way.borrow()
    }

    /// Waits until no run is under way.
    pub async fn quiet(&self) {
        let mut under_way = self.under_way.subscribe();
        let _closed = under_way.wait_for(|count| *count == 0).await;
    }

    /// Lets no further run begin; those that have not begun are left to the next start.
    pub fn stop_runs(&self) {
        self.is_stopping.store(true, Ordering::Relaxed);
    }
}

/// `2 planned, 1 not called`; of a run in shadow mode `2 would have been called, 1 not`.
fn counted(mode: ScheduleMode, counts: &Counts) -> String {
    if mode == ScheduleMode::Shadow {
        return format!("{} would have been called (shadow mode), {} not", counts.planned, counts.skipped);
    }
    let not_called = match counts.skipped {
        0 => String::new(),
        skipped => format!(", {skipped} not called"),
    };
    format!("{} planned{not_called}", counts.planned)
}

/// Counts a run among those whose rows are being written, until it is dropped.
struct Beginning(Arc<Daemon>);

impl Beginning {
    fn of(daemon: &Arc<Daemon>) -> Self {
        daemon.beginning.send_if_modified(|count| {
            *count += 1;
            false
        });
        Self(Arc::clone(daemon))
    }
}

impl Drop for Beginning {
    fn drop(&mut self) {
        // waiting tasks are woken once, by the last
        self.0.beginning.send_if_modified(|count| {
            *count -= 1;
            *count == 0
        });
    }
}

/// Decides which schedules may run.
pub(super) struct RunPermissions {
    holds: Holds,
    now: Timestamp,
}

impl RunPermissions {
    pub(super) fn of(&self, schedule: &Schedule) -> Permission {
        let subject = GateSubject {
            schedule: &schedule.name,
            account: schedule.target.account(),
            credentials: None,
            is_enabled: schedule.enabled,
        };
        if !schedule.enabled {
            Permission::Disabled
        } else if self.holds.on(&subject, self.now).iter().any(Hold::stops_runs) {
            Permission::Paused
        } else {
            Permission::Granted
        }
    }
}
