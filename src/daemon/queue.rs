//! pure: the run queue: for each schedule, which nominal times have been handled, and which runs are under way, waiting or
//! queued.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use self::passed::{Passed, TimeWithoutRun};
use super::due::{Decision, DueInput, Occupancy, Permission, decide};
use crate::evaluation::next_read_at;
use crate::ledger::{FoldedTimes, PassedOver, RunRow};
use crate::reminder::{RunId, RunKind, RunState};
use crate::schedule::Schedule;

mod passed;
#[cfg(test)]
mod tests;

/// Maximum nominal times handled by one poll, so that one schedule does not delay the others. Later ticks take the rest.
const MAX_TIMES_PER_POLL: usize = 10_000;

/// Maximum nominal times without a run for which one poll writes a row each; the earlier ones share one row with their
/// count.
const MAX_OWN_ROWS: usize = 20;

/// The pause of a schedule after the ledger failed to write.
const LEDGER_PAUSE: SignedDuration = SignedDuration::from_secs(10);

/// The run queue of all loaded schedules.
#[derive(Debug, Default)]
pub struct RunQueue {
    entries: BTreeMap<String, QueueEntry>,
    /// Schedules whose new version is being loaded.
    suspended: BTreeSet<String>,
}

/// One schedule of the queue.
#[derive(Debug)]
struct QueueEntry {
    schedule: Arc<Schedule>,
    position: Position,
    /// When it is polled next.
    poll_at: Option<Timestamp>,
}

/// How far one schedule has got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Position {
    /// Nominal times up to and including this one have been handled by this process.
    cursor: Timestamp,
    /// The ledger's cursor, or an earlier instant.
    recorded: Timestamp,
    place: QueuePlace,
    /// The latest nominal time that a pause skipped and that has had no catch-up run.
    latest_skipped_by_pause: Option<Timestamp>,
    /// Times without a run that are counted and not recorded yet, since more follow at the next tick.
    folded: Option<FoldedTimes>,
}

/// The runs of a schedule that have not ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum QueuePlace {
    /// There is none.
    Idle,
    /// One is to be continued later.
    Waiting(Waiting),
    /// One is under way; at most one is queued.
    Running { now: DueRun, next: Option<DueRun> },
}

impl QueuePlace {
    const fn waiting(self) -> Option<Waiting> {
        match self {
            Self::Waiting(waiting) => Some(waiting),
            Self::Idle | Self::Running { .. } => None,
        }
    }

    /// The runs that have not ended.
    fn starts(self) -> impl Iterator<Item = DueRun> {
        let (now, next) = match self {
            Self::Idle | Self::Waiting(_) => (None, None),
            Self::Running { now, next } => (Some(now), next),
        };
        now.into_iter().chain(next)
    }

    /// Drops the queued run, unless `keeps` returns true for it.
    fn retain_next(&mut self, keeps: impl Fn(&DueRun) -> bool) {
        if let Self::Running { next, .. } = self {
            *next = next.filter(keeps);
        }
    }
}

/// A run to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DueRun {
    /// The nominal time.
    pub nominal: Timestamp,
    /// Scheduled or catch-up.
    pub kind: RunKind,
    /// Whether its row exists already.
    pub turn: Turn,
}

/// Whether a run begins or continues.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// It begins.
    First,
    /// It continues under its id: its source is read again, or a crash interrupted it.
    Again,
}

impl DueRun {
    const fn new(nominal: Timestamp, kind: RunKind) -> Self {
        Self { nominal, kind, turn: Turn::First }
    }
}

/// A run that is to be continued.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waiting {
    /// The run's id.
    pub run: RunId,
    /// Its nominal time and kind.
    pub start: DueRun,
    /// Why it has not ended.
    pub cause: Cause,
    /// When its source is read again.
    pub again_at: Timestamp,
}

/// Why a run has not ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// Its source can't be read yet. The run of the next nominal time replaces it.
    Source,
    /// A crash or a stop interrupted it. It continues, and the run of the next nominal time is queued behind it.
    Crash,
}

/// How a turn of a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Its row is final.
    Recorded,
    /// Its source cannot be read yet.
    Waiting {
        /// The run's id.
        run: RunId,
        /// When the source is read again.
        again_at: Timestamp,
    },
    /// The ledger wrote nothing: the nominal time has still to be handled.
    NotBegun,
}

/// What is to be done for one schedule, in the order of the fields.
#[derive(Debug, Clone)]
pub struct ScheduleSteps {
    /// The schedule.
    pub schedule: Arc<Schedule>,
    /// A run that has waited too long, to be recorded as failed.
    pub give_up: Option<Waiting>,
    /// Nominal times without a run and the cursor, to be recorded.
    pub passed: Option<PassedOver>,
    /// The run to begin.
    pub start: Option<DueRun>,
    /// The position before and after this poll, for [`RunQueue::take_back`].
    before: Position,
    after: Position,
}

/// One tick, for all schedules.
#[derive(Debug, Clone, Copy)]
pub struct Tick {
    /// The current instant.
    pub now: Timestamp,
    /// The first tick after the last break.
    pub ticking_since: Timestamp,
}

/// A schedule that was loaded, with its state in the ledger.
#[derive(Debug, Clone)]
pub struct Arrival {
    /// The schedule.
    pub schedule: Arc<Schedule>,
    /// The ledger's cursor.
    pub cursor: Timestamp,
    /// The latest nominal time that a pause skipped, if there was no run since.
    pub latest_skipped_by_pause: Option<Timestamp>,
}

impl RunQueue {
    /// Adds a schedule or its new version. A run that is under way continues.
    pub fn put(&mut self, arrival: Arrival) {
        let Arrival { schedule, cursor, latest_skipped_by_pause } = arrival;
        let Some(entry) = self.entries.get_mut(&schedule.name) else {
            let position =
                Position { cursor, recorded: cursor, place: QueuePlace::Idle, latest_skipped_by_pause, folded: None };
            let mut entry = QueueEntry { schedule: Arc::clone(&schedule), position, poll_at: None };
            entry.find_next_poll();
            self.entries.insert(schedule.name.clone(), entry);
            return;
        };
        // any other edit keeps the cursor; the one in memory may be ahead of the ledger's
        if has_other_times(&entry.schedule, &schedule) {
            let mut place = entry.position.place;
            // a queued run came due before the change
            place.retain_next(|_| schedule.enabled);
            entry.position = Position { cursor, recorded: cursor, place, latest_skipped_by_pause: None, folded: None };
        }
        entry.schedule = schedule;
        entry.find_next_poll();
    }

    /// Removes a schedule. A run that is under way ends by itself.
    pub fn remove(&mut self, name: &str) {
        self.entries.remove(name);
    }

    /// Continues a run that was `running` or `waiting` at the start of the service; `None` when it is too old or its schedule
    /// is not loaded.
    pub fn resume(&mut self, row: &RunRow, now: Timestamp) -> Option<()> {
        let entry = self.entries.get_mut(&row.schedule)?;
        let lateness = row.nominal_at.duration_until(now);
        if lateness > entry.schedule.remind.max_lateness || entry.position.place != QueuePlace::Idle {
            return None;
        }
        let is_waiting = row.state == RunState::Waiting;
        let (kind, cause) = if is_waiting { (row.kind, Cause::Source) } else { (RunKind::CatchUp, Cause::Crash) };
        let start = DueRun::new(row.nominal_at, kind);
        entry.position.place = QueuePlace::Waiting(Waiting { run: row.id, start, cause, again_at: now });
        entry.position.cursor = entry.position.cursor.max(row.nominal_at);
        entry.find_next_poll();
        Some(())
    }

    /// Polls none of these schedules until [`RunQueue::end_suspension`]: what comes due meanwhile is decided by their new
    /// versions.
    pub fn suspend(&mut self, names: impl IntoIterator<Item = String>) {
        self.suspended.extend(names);
    }

    /// Polls every schedule again.
    pub fn end_suspension(&mut self) {
        self.suspended.clear();
    }

    /// The schedules that are to be polled.
    #[must_use]
    pub fn due(&self, now: Timestamp) -> Vec<String> {
        let is_due = |name: &String, entry: &QueueEntry| entry.is_due(now) && !self.suspended.contains(name);
        self.entries.iter().filter(|(name, entry)| is_due(name, entry)).map(|(name, _)| name.clone()).collect()
    }

    /// Decides what is to be done for one schedule, and records that as begun.
    pub fn poll(&mut self, name: &str, tick: Tick, permission: Permission) -> Option<ScheduleSteps> {
        if self.suspended.contains(name) {
            return None;
        }
        self.entries.get_mut(name).map(|entry| entry.poll(tick, permission))
    }

    /// A run or its continuation has ended: returns what follows.
    pub fn ended(&mut self, name: &str, start: DueRun, ended: Ended, now: Timestamp) -> Option<ScheduleSteps> {
        self.entries.get_mut(name).map(|entry| entry.ended(start, ended, now))
    }

    /// The ledger could not record the times without a run: undoes the poll that returned these steps.
    pub fn take_back(&mut self, steps: &ScheduleSteps, now: Timestamp) {
        let Some(entry) = self.entries.get_mut(&steps.schedule.name) else { return };
        let position = &mut entry.position;
        if *position == steps.after {
            *position = steps.before;
        } else if !has_other_times(&steps.schedule, &entry.schedule) {
            // a run has ended meanwhile: the place that it left stays
            (position.cursor, position.recorded) = (steps.before.cursor, steps.before.recorded);
            (position.latest_skipped_by_pause, position.folded) =
                (steps.before.latest_skipped_by_pause, steps.before.folded);
            position.place.retain_next(|next| next.nominal <= steps.before.cursor);
        }
        entry.poll_at = now.checked_add(LEDGER_PAUSE).ok();
    }

    /// The wall clock was stepped: waiting runs are scheduled from the new time.
    pub fn clock_stepped(&mut self, now: Timestamp) {
        for entry in self.entries.values_mut() {
            if let QueuePlace::Waiting(waiting) = &mut entry.position.place {
                waiting.again_at = next_read_at(&entry.schedule, waiting.start.nominal, now).unwrap_or(now);
            }
        }
    }

    /// The earliest time at which a schedule is polled, and its name.
    #[must_use]
    pub fn next_poll(&self) -> Option<(Timestamp, &str)> {
        self.entries.iter().filter_map(|(name, entry)| Some((entry.poll_at?, name.as_str()))).min()
    }

    /// The number of schedules with a run that is to be continued.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.entries.values().filter(|entry| entry.position.place.waiting().is_some()).count()
    }
}

/// Whether two versions of a schedule have different nominal times: then the new version starts at the time of its load.
fn has_other_times(before: &Schedule, after: &Schedule) -> bool {
    before.cron != after.cron || before.zone.name() != after.zone.name() || before.enabled != after.enabled
}

/// The instant before another, at the ledger's resolution.
fn just_before(at: Timestamp) -> Timestamp {
    at.checked_sub(SignedDuration::from_micros(1)).unwrap_or(at)
}

impl Position {
    fn occupancy(&self) -> Occupancy {
        match self.place {
            QueuePlace::Idle | QueuePlace::Waiting(_) => Occupancy::Idle,
            QueuePlace::Running { next: None, .. } => Occupancy::Running,
            QueuePlace::Running { next: Some(next), .. } => Occupancy::RunningAndQueued(next.nominal),
        }
    }

    fn begin(&mut self, start: DueRun) -> DueRun {
        self.place = QueuePlace::Running { now: start, next: None };
        start
    }
}

/// The nominal times of one poll.
struct Listed {
    times: Vec<Timestamp>,
    /// Whether more follow than one poll handles: none of these gets a catch-up run.
    has_more: bool,
}

impl QueueEntry {
    fn find_next_poll(&mut self) {
        let cursor = self.position.cursor;
        self.poll_at = self.schedule.recurrence.next(&self.schedule.zone, cursor, 1).first().map(|next| next.at);
    }

    fn is_due(&self, now: Timestamp) -> bool {
        let Position { cursor, place, latest_skipped_by_pause, .. } = self.position;
        let is_full = matches!(place, QueuePlace::Running { next: Some(_), .. });
        now < cursor
            || self.poll_at.is_some_and(|poll_at| poll_at <= now)
            || place.waiting().is_some_and(|waiting| waiting.again_at <= now)
            || (latest_skipped_by_pause.is_some() && !is_full)
    }

    fn listed(&self, now: Timestamp) -> Listed {
        let Schedule { recurrence, zone, .. } = self.schedule.as_ref();
        let mut listed = recurrence.between(zone, self.position.cursor, now, MAX_TIMES_PER_POLL);
        let has_more = listed.len() == MAX_TIMES_PER_POLL;
        if has_more {
            listed = recurrence.next(zone, self.position.cursor, MAX_TIMES_PER_POLL);
        }
        Listed { times: listed.iter().map(|nominal| nominal.at).collect(), has_more }
    }

    fn poll(&mut self, tick: Tick, permission: Permission) -> ScheduleSteps {
        let mut steps = self.steps();
        let Listed { times, has_more } = self.listed(tick.now);
        if self.position.place.waiting().is_some_and(|waiting| waiting.cause == Cause::Crash) {
            self.read_again(tick.now, permission, &mut steps);
        }
        let max_lateness = self.schedule.remind.max_lateness;
        let decisions = decide(&DueInput {
            cursor: self.position.cursor,
            now: tick.now,
            ticking_since: if has_more { tick.now } else { tick.ticking_since },
            max_lateness: if has_more { SignedDuration::ZERO } else { max_lateness },
            times: &times,
            occupancy: self.position.occupancy(),
            permission,
            latest_skipped_by_pause: self.position.latest_skipped_by_pause,
        });
        let mut passed = Vec::new();
        for decision in decisions {
            self.take(decision, &mut passed, &mut steps);
        }
        self.position.cursor = times.last().map_or(self.position.cursor, |last| self.position.cursor.max(*last));
        self.remember_skipped(permission, &times);
        self.read_again(tick.now, permission, &mut steps);
        let own_rows = if has_more { 0 } else { MAX_OWN_ROWS };
        let passed = Passed::new(self.position.folded.take(), passed, own_rows);
        match passed.as_only_folded().filter(|_| has_more) {
            Some(folded) => self.position.folded = Some(folded),
            None => self.pass(passed, tick.now, &mut steps),
        }
        self.find_next_poll();
        steps.after = self.position;
        steps
    }

    fn steps(&self) -> ScheduleSteps {
        let schedule = Arc::clone(&self.schedule);
        ScheduleSteps {
            schedule,
            give_up: None,
            passed: None,
            start: None,
            before: self.position,
            after: self.position,
        }
    }

    fn take(&mut self, decision: Decision, passed: &mut Vec<TimeWithoutRun>, steps: &mut ScheduleSteps) {
        match decision {
            Decision::Run { nominal, kind } => {
                let waiting = self.position.place.waiting();
                steps.give_up = waiting.filter(|waiting| waiting.start.nominal != nominal);
                steps.start = Some(self.position.begin(DueRun::new(nominal, kind)));
            }
            Decision::Queue { nominal, kind } => {
                if let QueuePlace::Running { next, .. } = &mut self.position.place {
                    *next = Some(DueRun::new(nominal, kind));
                }
            }
            Decision::Missed(nominal) => passed.push((nominal, RunState::Missed, "down")),
            Decision::Skipped { nominal, why } => passed.push((nominal, RunState::Skipped, why.as_str())),
            Decision::ResetCursor(to) => {
                (self.position.cursor, self.position.recorded, self.position.folded) = (to, to, None);
                steps.before = self.position;
                let schedule = self.schedule.name.clone();
                let (times, folded) = (Vec::new(), Vec::new());
                steps.passed = Some(PassedOver { schedule, folded, times, cursor: to, now: to });
            }
        }
    }

    fn remember_skipped(&mut self, permission: Permission, times: &[Timestamp]) {
        let latest_skipped_by_pause = &mut self.position.latest_skipped_by_pause;
        match permission {
            Permission::Granted | Permission::Disabled => *latest_skipped_by_pause = None,
            Permission::Paused => *latest_skipped_by_pause = times.last().copied().or(*latest_skipped_by_pause),
        }
    }

    /// Continues a waiting run, unless the schedule is paused.
    fn read_again(&mut self, now: Timestamp, permission: Permission, steps: &mut ScheduleSteps) {
        let Some(waiting) = self.position.place.waiting().filter(|waiting| waiting.again_at <= now) else {
            return;
        };
        let is_too_old = waiting.start.nominal.duration_until(now) > self.schedule.remind.max_lateness;
        match permission {
            _ if is_too_old => {
                self.position.place = QueuePlace::Idle;
                steps.give_up = Some(waiting);
            }
            Permission::Granted => {
                steps.start = Some(self.position.begin(DueRun { turn: Turn::Again, ..waiting.start }));
            }
            Permission::Paused | Permission::Disabled => {
                let again_at = now.saturating_add(SignedDuration::from_secs(60)).unwrap_or(Timestamp::MAX);
                self.position.place = QueuePlace::Waiting(Waiting { again_at, ..waiting });
            }
        }
    }

    /// Records times without a run. The ledger's cursor stays before runs that have not begun: a crash would lose them.
    fn pass(&mut self, passed: Passed, now: Timestamp, steps: &mut ScheduleSteps) {
        let Some(last) = passed.last() else { return };
        let unbegun = self.position.place.starts().map(|start| start.nominal).min();
        let cursor = unbegun.map_or(last, |nominal| just_before(nominal).min(last)).max(self.position.recorded);
        self.position.recorded = cursor;
        let times = passed.times.into_iter().map(|(at, state, why)| (at, state, why.to_owned())).collect();
        let schedule = self.schedule.name.clone();
        steps.passed = Some(PassedOver { schedule, folded: passed.folded, times, cursor, now });
    }

    fn ended(&mut self, start: DueRun, ended: Ended, now: Timestamp) -> ScheduleSteps {
        let mut steps = self.steps();
        let next = match self.position.place {
            QueuePlace::Running { next, .. } => next,
            QueuePlace::Idle | QueuePlace::Waiting(_) => None,
        };
        self.position.place = QueuePlace::Idle;
        match ended {
            Ended::Recorded => self.position.recorded = self.position.recorded.max(start.nominal),
            Ended::NotBegun => {
                self.position.cursor = self.position.cursor.min(just_before(start.nominal));
                self.poll_at = now.checked_add(LEDGER_PAUSE).ok();
                return steps;
            }
            Ended::Waiting { run, again_at } => {
                let waiting = Waiting { run, start, cause: Cause::Source, again_at };
                match next {
                    Some(_) => steps.give_up = Some(waiting),
                    None => self.position.place = QueuePlace::Waiting(waiting),
                }
            }
        }
        steps.start = next.map(|next| self.position.begin(next));
        steps
    }
}
