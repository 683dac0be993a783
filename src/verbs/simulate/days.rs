//! pure: runs of a schedule on a virtual clock: what each would plan after what the runs before it planned and sent.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::plan::{
    ComparableRuns, Knowledge, KnownReminder, LastCalledStarts, MeasuredRun, Occasion, PersonCall, Plan,
    PlannedReminder, UsualRows, WatchedLead,
};
use crate::reminder::{ReminderKey, SkipReason, State};
use crate::schedule::Schedule;
use crate::settings::Rate;

/// What a simulation found.
#[derive(Debug, Clone, Serialize)]
pub struct Simulation {
    /// The schedule's name.
    pub schedule: String,
    /// The first day.
    pub from: Date,
    /// The last day.
    pub to: Date,
    /// The zone of days and hours.
    pub timezone: String,
    /// How many runs there were.
    pub runs: u64,
    /// How many calls were made.
    pub calls: u64,
    /// Calls on each day.
    pub days: Vec<CallsOfDay>,
    /// Calls in each hour of the day that has any, all days together.
    pub hours: Vec<CallsOfHour>,
    /// Appointments that were not called, by reason.
    pub skipped: BTreeMap<SkipReason, u64>,
    /// Calls that the rate limit delayed beyond their time.
    pub expired: u64,
    /// The longest time that a call waited for the rate limit, in seconds.
    pub longest_wait_seconds: i64,
    /// Runs that a guard would hold: nobody is called by them.
    pub held: Vec<HeldRun>,
}

/// The calls of a day.
#[derive(Debug, Clone, Serialize)]
pub struct CallsOfDay {
    /// The day in the schedule's zone.
    pub date: Date,
    /// How many.
    pub calls: u64,
}

/// The calls of an hour.
#[derive(Debug, Clone, Serialize)]
pub struct CallsOfHour {
    /// The hour from 0 to 23, in the schedule's zone.
    pub hour: i8,
    /// How many.
    pub calls: u64,
}

/// A run that a guard would hold.
#[derive(Debug, Clone, Serialize)]
pub struct HeldRun {
    /// Its nominal time, with the schedule's offset.
    pub at: String,
    /// The guard.
    pub guard: String,
    /// What it saw.
    pub detail: String,
}

/// A call that was planned, and when it goes out.
struct SimulatedCall {
    known: KnownReminder,
    at: Timestamp,
    expires_at: Timestamp,
}

/// A virtual ledger: what the runs so far planned, over what was known before them.
pub struct Days {
    schedule: Arc<Schedule>,
    rate: Rate,
    /// What the ledger knew before the first run.
    before: Knowledge,
    reminders: BTreeMap<ReminderKey, SimulatedCall>,
    first_sights: BTreeMap<String, Option<Timestamp>>,
    watched_leads: Vec<WatchedLead>,
    /// Nominal time and rows in the window of each run that was not held.
    runs: Vec<(Timestamp, u64)>,
    previous_run: Option<Timestamp>,
    /// Before when no next call may start.
    free_at: Timestamp,
    skipped: BTreeSet<(SkipReason, Option<String>, Option<Timestamp>, u64)>,
    held: Vec<HeldRun>,
    count: u64,
    longest_wait: SignedDuration,
}

impl Days {
    /// The state before the first run.
    pub fn new(schedule: &Arc<Schedule>, rate: Rate, before: Knowledge) -> Self {
        Self {
            schedule: Arc::clone(schedule),
            rate,
            before,
            reminders: BTreeMap::new(),
            first_sights: BTreeMap::new(),
            watched_leads: Vec::new(),
            runs: Vec::new(),
            previous_run: None,
            free_at: Timestamp::MIN,
            skipped: BTreeSet::new(),
            held: Vec::new(),
            count: 0,
            longest_wait: SignedDuration::ZERO,
        }
    }

    /// When the run before was.
    pub const fn previous_run(&self) -> Option<Timestamp> {
        self.previous_run
    }

    /// What a ledger would know at that run.
    pub fn knowledge(&self, occasion: &Occasion) -> Knowledge {
        let now = occasion.now;
        let mut knowledge = Knowledge {
            previous_evaluation: self.previous_run,
            seen_until: self.previous_run,
            watched_leads: self.watched_leads.clone(),
            first_sights: self.first_sights.iter().map(|(id, unseen_at)| (id.clone(), *unseen_at)).collect(),
            usual_rows: self.usual_rows(occasion),
            opted_out: self.before.opted_out.clone(),
            reminders: self.before.reminders.clone(),
            ..Knowledge::default()
        };
        // appointments that started days ago have no influence any more
        let oldest = now.saturating_sub(SignedDuration::from_hours(48)).unwrap_or(Timestamp::MIN);
        for (key, sent) in self.reminders.iter().filter(|(key, _)| key.starts_at >= oldest) {
            let known = KnownReminder { state: sent.state(now), ..sent.known.clone() };
            if known.state.counts_for_person() {
                let call = PersonCall {
                    id: known.id,
                    chain: known.id,
                    due_at: known.due_at,
                    schedule: None,
                    is_shadow: known.is_shadow,
                    appointment: Some((key.appointment_id.clone(), key.starts_at)),
                };
                knowledge.people.entry((known.person.clone(), known.due_day)).or_default().push(call);
            }
            knowledge.reminders.insert(key.clone(), known);
        }
        knowledge
    }

    /// For each appointment, the latest start somebody was called about.
    pub fn last_called(&self, ids: &[String], now: Timestamp) -> LastCalledStarts {
        let wanted: BTreeSet<&String> = ids.iter().collect();
        let called = self
            .reminders
            .iter()
            .filter(|(key, sent)| sent.state(now) == State::Delivered && wanted.contains(&key.appointment_id));
        let mut latest = LastCalledStarts::new();
        for (key, _) in called {
            let start = latest.entry(key.appointment_id.clone()).or_insert(key.starts_at);
            *start = (*start).max(key.starts_at);
        }
        latest
    }

    fn usual_rows(&self, occasion: &Occasion) -> UsualRows {
        let measured = |(nominal_at, rows): &(Timestamp, u64)| MeasuredRun {
            nominal_at: *nominal_at,
            rows: *rows,
            is_approved: false,
        };
        let runs: Vec<MeasuredRun> = self.runs.iter().rev().map(measured).collect();
        ComparableRuns::of(&self.schedule, occasion).usual(&runs)
    }

    /// Carries out the plan of a run.
    pub fn carry_out(&mut self, plan: Plan, occasion: &Occasion) {
        self.count += 1;
        if let Some(held) = plan.held {
            let at = self.schedule.zone.rfc3339(occasion.nominal_at);
            self.held.push(HeldRun { at, guard: held.guard, detail: held.detail });
            return;
        }
        self.previous_run = Some(occasion.now);
        self.runs.push((occasion.nominal_at, plan.in_window.unwrap_or_default()));
        for sight in plan.first_sights {
            self.first_sights.entry(sight.appointment_id).or_insert(sight.unseen_at);
        }
        if let Some(watched) = plan.newly_watched {
            self.watched_leads = watched;
        }
        for row in plan.skipped {
            // without an id it is the row itself that is counted
            let number = if row.appointment_id.is_none() { row.row } else { 0 };
            self.skipped.insert((row.reason, row.appointment_id, row.starts_at, number));
        }
        for cancellation in &plan.cancellations {
            self.reminders.retain(|_, sent| sent.known.id != cancellation.id);
        }
        for planned in plan.reminders {
            self.send(planned);
        }
    }

    /// Finds its place in the queue of the rate limit; one that waits keeps the one it has.
    fn send(&mut self, planned: PlannedReminder) {
        let key = ReminderKey {
            schedule: self.schedule.name.as_str().into(),
            appointment_id: planned.appointment_id,
            starts_at: planned.starts_at,
            lead: planned.lead,
        };
        if self.reminders.contains_key(&key) {
            return;
        }
        let at = planned.send_at.max(self.free_at);
        let known = KnownReminder {
            id: planned.id,
            state: State::Pending,
            due_at: planned.due_at,
            updated_at: at,
            may_return: false,
            is_trial: false,
            told_with: None,
            is_shadow: false,
            outcome: None,
            previous_outcome: None,
            person: planned.person,
            due_day: planned.due_day,
        };
        if at < planned.expires_at {
            self.longest_wait = self.longest_wait.max(planned.send_at.duration_until(at));
            let interval = match self.rate {
                Rate::Every { interval_us } => SignedDuration::from_micros(interval_us),
                Rate::Unlimited => SignedDuration::ZERO,
            };
            self.free_at = at.saturating_add(interval).unwrap_or(Timestamp::MAX);
        }
        self.reminders.insert(key, SimulatedCall { known, at, expires_at: planned.expires_at });
    }

    /// What came of all runs.
    pub fn result(self, from: Date, to: Date) -> Simulation {
        let zone = &self.schedule.zone;
        let mut days: BTreeMap<Date, u64> = BTreeMap::new();
        let mut hours: BTreeMap<i8, u64> = BTreeMap::new();
        let made = self.reminders.values().filter(|sent| sent.at < sent.expires_at);
        for sent in made {
            *days.entry(zone.date(sent.at)).or_default() += 1;
            *hours.entry(zone.wall(sent.at).hour()).or_default() += 1;
        }
        let calls = days.values().sum();
        let mut skipped: BTreeMap<SkipReason, u64> = BTreeMap::new();
        for (reason, ..) in &self.skipped {
            *skipped.entry(*reason).or_default() += 1;
        }
        let last = days.last_key_value().map_or(to, |(date, _)| to.max(*date));
        let dates = std::iter::successors(Some(from), |date| date.tomorrow().ok()).take_while(|date| *date <= last);
        Simulation {
            schedule: self.schedule.name.clone(),
            from,
            to,
            timezone: zone.name().to_owned(),
            runs: self.count,
            calls,
            days: dates.map(|date| CallsOfDay { date, calls: days.get(&date).copied().unwrap_or_default() }).collect(),
            hours: hours.into_iter().map(|(hour, calls)| CallsOfHour { hour, calls }).collect(),
            skipped,
            expired: self.reminders.len() as u64 - calls,
            longest_wait_seconds: self.longest_wait.as_secs(),
            held: self.held,
        }
    }
}

impl SimulatedCall {
    fn state(&self, now: Timestamp) -> State {
        if self.at >= self.expires_at {
            State::Expired
        } else if self.at <= now {
            State::Delivered
        } else {
            State::Pending
        }
    }
}
