//! pure: what the service knows of each schedule between two beats, and what is to be done next.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::heartbeat::{Decision, Occupancy, Permission, View, decide};
use crate::evaluation::next_look;
use crate::ledger::{PassedOver, RunRow};
use crate::reminder::{RunId, RunKind, RunState};
use crate::schedule::Schedule;

#[cfg(test)]
mod tests;

/// Nominal times dealt with in one look: a commit of more would hold the ledger up. What is left is for the next beats.
const LONGEST_LIST: usize = 10_000;

/// After the ledger refused to write, a schedule is looked at again this much later.
const AFTER_REFUSAL: SignedDuration = SignedDuration::from_secs(10);

/// All schedules that are loaded.
#[derive(Debug, Default)]
pub struct Board {
    entries: BTreeMap<String, Entry>,
}

/// One schedule.
#[derive(Debug)]
struct Entry {
    schedule: Arc<Schedule>,
    /// Nominal times up to and including this are dealt with, in this process at least (UTC).
    cursor: Timestamp,
    /// What the ledger holds as cursor, or something earlier (UTC).
    recorded: Timestamp,
    /// When there is something to look at again (UTC).
    look_at: Option<Timestamp>,
    going: Option<Start>,
    next: Option<Start>,
    waiting: Option<Waiting>,
    owed: Option<Timestamp>,
}

/// A run to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Start {
    /// The time it stands for (UTC).
    pub nominal: Timestamp,
    /// What brings it about.
    pub kind: RunKind,
    /// Whether its row was begun before: it goes on under its id.
    pub turn: Turn,
}

/// Whether a run begins or goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// It begins.
    First,
    /// Its source is read again, or a crash had ended it.
    Again,
}

impl Start {
    const fn new(nominal: Timestamp, kind: RunKind) -> Self {
        Self { nominal, kind, turn: Turn::First }
    }
}

/// A run that is to be taken up again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waiting {
    /// Which.
    pub run: RunId,
    /// What it is.
    pub start: Start,
    /// What keeps it.
    pub cause: Cause,
    /// When the source is read again (UTC).
    pub again_at: Timestamp,
}

/// Why a run isn't over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// Its source can't be read yet: the next nominal time takes its place.
    Source,
    /// A crash or a stop ended it: it goes on, and the next nominal time waits for its end.
    Crash,
}

/// How a run left its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Its row is settled.
    Recorded,
    /// Its source can't be read yet.
    Waiting {
        /// Which.
        run: RunId,
        /// When the source is read again (UTC).
        again_at: Timestamp,
    },
    /// The ledger took nothing: the nominal time is still to be dealt with.
    NotBegun,
}

/// What is to be done for one schedule, in this order.
#[derive(Debug, Clone)]
pub struct Steps {
    /// Which.
    pub schedule: Arc<Schedule>,
    /// A waiting run that has waited long enough: it has failed.
    pub give_up: Option<Waiting>,
    /// Nominal times to be recorded without a run, and the cursor.
    pub passed: Option<PassedOver>,
    /// The run to begin.
    pub start: Option<Start>,
    /// The cursor before these steps, for [`Board::take_back`].
    before: Timestamp,
    recorded_before: Timestamp,
    read_again: Option<Waiting>,
}

/// One beat, as far as all schedules share it.
#[derive(Debug, Clone, Copy)]
pub struct Beat {
    /// UTC.
    pub now: Timestamp,
    /// Since when beats have followed each other (UTC).
    pub watched_since: Timestamp,
}

/// What is known of a schedule when it is loaded.
#[derive(Debug, Clone)]
pub struct Arrival {
    /// The schedule.
    pub schedule: Arc<Schedule>,
    /// The ledger's cursor (UTC).
    pub cursor: Timestamp,
    /// Its latest nominal time that a pause skipped, where nothing has run since (UTC).
    pub owed: Option<Timestamp>,
}

impl Board {
    /// A schedule was loaded or edited. What is going goes on.
    pub fn put(&mut self, arrival: Arrival) {
        let name = arrival.schedule.name.clone();
        if let Some(entry) = self.entries.get_mut(&name) {
            // Any other edit keeps the cursor, and the one in memory may be further than the ledger's.
            if fires_otherwise(&entry.schedule, &arrival.schedule) {
                (entry.cursor, entry.recorded) = (arrival.cursor, arrival.cursor);
                entry.owed = None;
                // what came before the change and stands in line isn't lost with it
                entry.next = entry.next.filter(|_| arrival.schedule.enabled);
            }
            entry.schedule = arrival.schedule;
            entry.find_next_look();
            return;
        }
        let mut entry = Entry {
            schedule: arrival.schedule,
            cursor: arrival.cursor,
            recorded: arrival.cursor,
            look_at: None,
            going: None,
            next: None,
            waiting: None,
            owed: arrival.owed,
        };
        entry.find_next_look();
        self.entries.insert(name, entry);
    }

    /// A schedule's file is gone. A run that is going ends by itself and is forgotten.
    pub fn remove(&mut self, name: &str) {
        self.entries.remove(name);
    }

    /// A run found `running` or `waiting` at the start: `None` when it is too old or its schedule isn't loaded.
    pub fn resume(&mut self, row: &RunRow, now: Timestamp) -> Option<()> {
        let entry = self.entries.get_mut(&row.schedule)?;
        let lateness = row.nominal_at.duration_until(now);
        if lateness > entry.schedule.remind.max_lateness || entry.waiting.is_some() {
            return None;
        }
        let is_waiting = row.state == RunState::Waiting;
        let (kind, cause) = if is_waiting { (row.kind, Cause::Source) } else { (RunKind::CatchUp, Cause::Crash) };
        entry.waiting = Some(Waiting { run: row.id, start: Start::new(row.nominal_at, kind), cause, again_at: now });
        entry.cursor = entry.cursor.max(row.nominal_at);
        entry.find_next_look();
        Some(())
    }

    /// The schedules that need a look.
    #[must_use]
    pub fn due(&self, now: Timestamp) -> Vec<String> {
        self.entries.iter().filter(|(_, entry)| entry.is_due(now)).map(|(name, _)| name.clone()).collect()
    }

    /// Decides over one schedule and takes what is to be done as begun.
    pub fn look(&mut self, name: &str, beat: Beat, permission: Permission) -> Option<Steps> {
        self.entries.get_mut(name).map(|entry| entry.look(beat, permission))
    }

    /// A run has left its place: what comes next.
    pub fn ended(&mut self, name: &str, start: Start, ended: Ended, now: Timestamp) -> Option<Steps> {
        self.entries.get_mut(name).map(|entry| entry.ended(start, ended, now))
    }

    /// The ledger could not record what was passed over: everything of these steps is still to be done.
    pub fn take_back(&mut self, steps: &Steps, now: Timestamp) {
        let Some(entry) = self.entries.get_mut(&steps.schedule.name) else { return };
        (entry.cursor, entry.recorded) = (steps.before, steps.recorded_before);
        entry.next = entry.next.filter(|next| next.nominal <= steps.before);
        if steps.start.is_some() {
            entry.going = None;
            entry.waiting = steps.read_again.or(entry.waiting);
        }
        entry.waiting = steps.give_up.or(entry.waiting);
        entry.look_at = now.checked_add(AFTER_REFUSAL).ok();
    }

    /// The wall clock stepped: waiting runs count from the new time.
    pub fn clock_stepped(&mut self, now: Timestamp) {
        for entry in self.entries.values_mut() {
            if let Some(waiting) = &mut entry.waiting {
                waiting.again_at = next_look(&entry.schedule, waiting.start.nominal, now).unwrap_or(now);
            }
        }
    }

    /// The earliest next nominal time over all schedules (UTC), for people.
    #[must_use]
    pub fn next_look(&self) -> Option<(Timestamp, &str)> {
        self.entries.iter().filter_map(|(name, entry)| Some((entry.look_at?, name.as_str()))).min()
    }

    /// Schedules whose source can't be read yet.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.entries.values().filter(|entry| entry.waiting.is_some()).count()
    }
}

/// Whether two versions of a schedule differ in when they fire: then the new one starts at its loading.
fn fires_otherwise(before: &Schedule, after: &Schedule) -> bool {
    before.cron != after.cron || before.zone.name() != after.zone.name() || before.enabled != after.enabled
}

impl Entry {
    fn find_next_look(&mut self) {
        self.look_at = self.schedule.recurrence.next(&self.schedule.zone, self.cursor, 1).first().map(|next| next.at);
    }

    fn is_due(&self, now: Timestamp) -> bool {
        now < self.cursor
            || self.look_at.is_some_and(|look_at| look_at <= now)
            || (self.going.is_none() && self.waiting.is_some_and(|waiting| waiting.again_at <= now))
            || (self.owed.is_some() && self.next.is_none())
    }

    fn occupancy(&self) -> Occupancy {
        match (self.going, self.next) {
            (None, _) => Occupancy::Idle,
            (Some(_), None) => Occupancy::Running,
            (Some(_), Some(next)) => Occupancy::RunningAndNext(next.nominal),
        }
    }

    fn look(&mut self, beat: Beat, permission: Permission) -> Steps {
        let mut steps = self.steps();
        let mut beat = beat;
        let mut max_lateness = self.schedule.remind.max_lateness;
        let mut listed = self.schedule.recurrence.between(&self.schedule.zone, self.cursor, beat.now, LONGEST_LIST);
        if listed.len() == LONGEST_LIST {
            // Days of seconds: the oldest are passed over first, none of them is the one to be made up for.
            listed = self.schedule.recurrence.next(&self.schedule.zone, self.cursor, LONGEST_LIST);
            (beat.watched_since, max_lateness) = (beat.now, SignedDuration::ZERO);
        }
        let times: Vec<Timestamp> = listed.iter().map(|nominal| nominal.at).collect();
        if self.waiting.is_some_and(|waiting| waiting.cause == Cause::Crash) {
            self.read_again(beat.now, permission, &mut steps);
        }
        let decisions = decide(&View {
            cursor: self.cursor,
            now: beat.now,
            watched_since: beat.watched_since,
            max_lateness,
            times: &times,
            occupancy: self.occupancy(),
            permission,
            owed: self.owed,
        });
        let mut passed = Vec::new();
        for decision in decisions {
            self.take(decision, &mut passed, &mut steps);
        }
        self.cursor = times.last().map_or(self.cursor, |last| self.cursor.max(*last));
        self.owe(permission, &times);
        self.read_again(beat.now, permission, &mut steps);
        self.pass(passed, beat.now, &mut steps);
        self.find_next_look();
        steps
    }

    fn steps(&self) -> Steps {
        Steps {
            schedule: Arc::clone(&self.schedule),
            give_up: None,
            passed: None,
            start: None,
            before: self.cursor,
            recorded_before: self.recorded,
            read_again: None,
        }
    }

    fn take(&mut self, decision: Decision, passed: &mut Vec<(Timestamp, RunState, String)>, steps: &mut Steps) {
        match decision {
            Decision::Run { nominal, kind } => {
                steps.give_up = self.waiting.take_if(|waiting| waiting.start.nominal != nominal);
                self.waiting = None;
                steps.start = Some(Start::new(nominal, kind));
                self.going = steps.start;
            }
            Decision::Wait { nominal, kind } => self.next = Some(Start::new(nominal, kind)),
            Decision::Missed(nominal) => passed.push((nominal, RunState::Missed, "down".to_owned())),
            Decision::Skipped { nominal, why } => {
                passed.push((nominal, RunState::Skipped, why.as_str().to_owned()));
            }
            Decision::CursorBack(to) => {
                (self.cursor, self.recorded) = (to, to);
                (steps.before, steps.recorded_before) = (to, to);
                let schedule = self.schedule.name.clone();
                steps.passed = Some(PassedOver { schedule, times: Vec::new(), cursor: to, now: to });
            }
        }
    }

    fn owe(&mut self, permission: Permission, times: &[Timestamp]) {
        match permission {
            Permission::Granted | Permission::Disabled => self.owed = None,
            Permission::Paused => self.owed = times.last().copied().or(self.owed),
        }
    }

    /// A waiting run's source is read again, unless the schedule is paused or another run has taken the place.
    fn read_again(&mut self, now: Timestamp, permission: Permission, steps: &mut Steps) {
        let Some(waiting) = self.waiting.filter(|waiting| waiting.again_at <= now && self.going.is_none()) else {
            return;
        };
        let is_too_old = waiting.start.nominal.duration_until(now) > self.schedule.remind.max_lateness;
        match permission {
            _ if is_too_old => steps.give_up = self.waiting.take(),
            Permission::Granted => {
                steps.read_again = self.waiting.take();
                steps.start = Some(Start { turn: Turn::Again, ..waiting.start });
                self.going = steps.start;
            }
            Permission::Paused | Permission::Disabled => {
                let again_at = now.saturating_add(SignedDuration::from_secs(60)).unwrap_or(Timestamp::MAX);
                self.waiting = Some(Waiting { again_at, ..waiting });
            }
        }
    }

    /// The cursor in the ledger never passes a run that isn't begun yet: a crash would lose it.
    fn pass(&mut self, times: Vec<(Timestamp, RunState, String)>, now: Timestamp, steps: &mut Steps) {
        let Some(last) = times.iter().map(|(nominal, ..)| *nominal).max() else { return };
        let unbegun = [self.going, self.next].into_iter().flatten().map(|start| start.nominal).min();
        let ceiling = unbegun.and_then(|nominal| nominal.checked_sub(SignedDuration::from_micros(1)).ok());
        let cursor = ceiling.map_or(last, |ceiling| ceiling.min(last)).max(self.recorded);
        self.recorded = cursor;
        steps.passed = Some(PassedOver { schedule: self.schedule.name.clone(), times, cursor, now });
    }

    fn ended(&mut self, start: Start, ended: Ended, now: Timestamp) -> Steps {
        let mut steps = self.steps();
        self.going = None;
        match ended {
            Ended::Recorded => self.recorded = self.recorded.max(start.nominal),
            Ended::NotBegun => {
                self.next = None;
                let before = start.nominal.checked_sub(SignedDuration::from_micros(1)).unwrap_or(start.nominal);
                self.cursor = self.cursor.min(before);
                self.look_at = now.checked_add(AFTER_REFUSAL).ok();
                return steps;
            }
            Ended::Waiting { run, again_at } => {
                let waiting = Waiting { run, start, cause: Cause::Source, again_at };
                if self.next.is_some() {
                    steps.give_up = Some(waiting);
                } else {
                    self.waiting = Some(waiting);
                }
            }
        }
        steps.start = self.next.take();
        self.going = steps.start;
        steps
    }
}
