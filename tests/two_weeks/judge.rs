//! The judge: knows the exports, the calls and the log, and rules in words of its own.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::{Date, Time, Weekday};
use jiff::{SignedDuration, Timestamp, ToSpan as _};
use tickler::audit::{AuditRow, Event};
use tickler::ledger::{ReminderRow, RunRow};
use tickler::reminder::{Lead, LeadTime, ReminderId, RunState, State};
use tickler::zones::{WallMeaning, Zone};

use crate::export::{Booking, Version};
use crate::walk::{Call, HOLIDAY, LIMIT, STEP, Walked};

const MINUTE: SignedDuration = SignedDuration::from_mins(1);
const LATENESS: SignedDuration = SignedDuration::from_hours(6);
const NOTICE: SignedDuration = SignedDuration::from_hours(1);
const MIN_CHANGE: SignedDuration = SignedDuration::from_mins(15);
/// A source that was read at most this long ago is not read again before a call.
const FRESH: SignedDuration = SignedDuration::from_mins(16);
/// Undisturbed from so long before a run that the run before it saw the appointment.
const BEFORE: SignedDuration = SignedDuration::from_mins(70);

/// One call that there could be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key<'a> {
    pub schedule: &'a str,
    pub id: &'a str,
    pub starts_at: Timestamp,
    pub lead: Lead,
}

/// When it is to be called.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    pub due: Timestamp,
    /// The first run that knows of it.
    run: Timestamp,
    /// The first moment at which the phone may ring.
    call: Timestamp,
    pub expires: Timestamp,
}

pub struct Judge<'a> {
    pub walked: &'a Walked,
    pub reminders: BTreeMap<ReminderId, &'a ReminderRow>,
    calls: BTreeMap<Key<'a>, Vec<&'a Call>>,
    pub faults: Vec<String>,
}

pub fn key(row: &ReminderRow) -> Key<'_> {
    Key { schedule: &row.schedule, id: &row.appointment_id, starts_at: row.starts_at, lead: row.lead }
}

/// An appointment that a call tells of.
#[derive(Debug, serde::Deserialize)]
struct Told {
    id: String,
    starts_at: Timestamp,
}

/// The appointments that a call told of.
fn told(row: &ReminderRow) -> Vec<Told> {
    #[derive(serde::Deserialize)]
    struct Payload {
        all: Vec<Told>,
    }
    let payload = row.payload.as_ref().and_then(|payload| serde_json::from_str::<Payload>(payload.as_str()).ok());
    payload.map(|payload| payload.all).unwrap_or_default()
}

fn leads(schedule: &str) -> &'static [Lead] {
    const DAY: &[Lead] = &[Lead::days(1)];
    const HOURS: &[Lead] = &[Lead::hours(24), Lead::hours(2)];
    const OTHER: &[Lead] = &[Lead::days(3)];
    match schedule {
        "day" => DAY,
        "hours" => HOURS,
        _ => OTHER,
    }
}

impl<'a> Judge<'a> {
    pub fn of(walked: &'a Walked) -> Self {
        let reminders: BTreeMap<ReminderId, &ReminderRow> = walked.reminders.iter().map(|row| (row.id, row)).collect();
        let mut calls: BTreeMap<Key<'_>, Vec<&Call>> = BTreeMap::new();
        for call in &walked.calls {
            calls.entry(key(reminders[&call.reminder])).or_default().push(call);
        }
        Self { walked, reminders, calls, faults: Vec::new() }
    }

    pub fn faults(mut self) -> Vec<String> {
        for call in &self.walked.calls {
            self.judge_call(call);
        }
        self.judge_deliveries();
        self.judge_repetitions();
        self.judge_days();
        self.judge_reasons();
        self.judge_holds();
        self.judge_who_was_left_out();
        self.faults
    }

    pub fn opening(&self, schedule: &str, mut at: Timestamp, zone: &Zone) -> Timestamp {
        while !self.may_ring(schedule, at, zone) {
            at += MINUTE;
        }
        at
    }

    fn is_open(&self, schedule: &str, date: Date) -> bool {
        schedule == "hours" || !(matches!(date.weekday(), Weekday::Saturday | Weekday::Sunday) || date == HOLIDAY)
    }

    fn may_ring(&self, schedule: &str, at: Timestamp, zone: &Zone) -> bool {
        let wall = zone.wall(at);
        self.is_open(schedule, wall.date()) && (8..21).contains(&wall.hour())
    }

    pub fn zone_of(&self, booking: &Booking) -> Zone {
        self.walked.zones.zone(booking.zone).expect("a zone")
    }

    /// The row as the files of the last minutes had it.
    fn recent(&self, key: Key<'_>, at: Timestamp) -> impl Iterator<Item = &'a Booking> {
        let versions = self.walked.export.between(at - FRESH, at);
        let id = key.id.to_owned();
        versions
            .iter()
            .filter_map(move |version| version.rows.as_ref()?.get(&id))
            .filter(move |it| it.starts_at == key.starts_at)
    }

    fn judge_call(&mut self, call: &'a Call) {
        let row = self.reminders[&call.reminder];
        let (key, at) = (key(row), call.at);
        let mut faults = Vec::new();
        let is_callable = |booking: &&Booking| booking.status == "ok" && booking.stop.is_empty();
        let Some(booking) = self.recent(key, at).find(|it| is_callable(it) && it.phone.ends_with(&call.last4)) else {
            self.faults.push(format!("{key:?} was called at {at} on {}, which no recent file asks for", call.last4));
            return;
        };
        let zone = self.zone_of(booking);
        if !self.may_ring(key.schedule, at, &zone) {
            faults.push(format!("at {} of the person's clock", zone.rfc3339(at)));
        }
        if at + NOTICE > key.starts_at {
            faults.push("too late before the start".to_owned());
        }
        let expires = self.times(key, &zone).expires;
        if at > expires {
            faults.push(format!("after it expired at {expires}"));
        }
        let is_out = |it: &&crate::walk::Stretch| it.of == booking.phone && it.covers(call);
        if let Some(out) = self.walked.optouts.iter().find(is_out) {
            let story = self.story(row);
            faults.push(format!("after the opt-out from {} to {:?}{story}", out.from, out.until));
        }
        if let Some(pause) = self.walked.pauses.iter().find(|it| it.of == key.schedule && it.covers(call)) {
            faults.push(format!("while its schedule was paused from {} to {:?}", pause.from, pause.until));
        }
        if key.schedule == "three" && !told(row).iter().any(|told| told.id == key.id) {
            faults.push(format!(
                "and did not tell of it: {:?}",
                row.payload.as_ref().map(tickler::personal::Personal::as_str)
            ));
        }
        for told in told(row).into_iter().filter(|told| told.id != key.id) {
            let told_key = Key { id: &told.id, starts_at: told.starts_at, ..key };
            if !self.recent(told_key, at).any(|it| is_callable(&it) && it.phone == booking.phone) {
                faults.push(format!("and told of {told:?}, which no recent file has for that phone"));
            }
        }
        if row.state != State::Delivered {
            faults.push(format!("and is {}", row.state));
        }
        self.faults.extend(faults.into_iter().map(|fault| format!("{key:?} was called at {at} {fault}")));
    }

    /// Checks that what the ledger holds as delivered was received.
    fn judge_deliveries(&mut self) {
        let received: BTreeSet<ReminderId> = self.walked.calls.iter().map(|call| call.reminder).collect();
        let delivered = self.walked.reminders.iter().filter(|row| row.state == State::Delivered);
        let lost = delivered.filter(|row| !received.contains(&row.id));
        let faults: Vec<String> =
            lost.map(|row| format!("{:?} is delivered, and nobody was called", key(row))).collect();
        self.faults.extend(faults);
    }

    fn judge_repetitions(&mut self) {
        let mut faults = Vec::new();
        let mut keys: Vec<(&Key<'_>, &Vec<&Call>)> = self.calls.iter().collect();
        // starts of one appointment and lead in a row
        keys.sort_by_key(|(key, _)| (key.schedule, key.id, key.lead, key.starts_at));
        for (key, calls) in &keys {
            if calls.len() > 1 {
                faults.push(format!("{key:?} was called {} times: {calls:?}", calls.len()));
            }
        }
        for pair in keys.windows(2) {
            let [(one, _), (other, _)] = pair else { continue };
            let is_same = (one.schedule, one.id, one.lead) == (other.schedule, other.id, other.lead);
            if is_same && other.starts_at.duration_since(one.starts_at).abs() < MIN_CHANGE {
                faults.push(format!("{one:?} and {other:?} were both called"));
            }
        }
        self.faults.extend(faults);
    }

    /// The person's day on which a reminder is due.
    pub fn due_day(&self, row: &ReminderRow) -> Option<Date> {
        let versions = self.walked.export.versions().iter();
        let booking = versions.filter_map(|version| version.rows.as_ref()?.get(&row.appointment_id)).next()?;
        Some(self.zone_of(booking).date(row.due_at))
    }

    fn judge_days(&mut self) {
        let mut calls: BTreeMap<(String, Date), Vec<&ReminderRow>> = BTreeMap::new();
        for row in self.walked.reminders.iter().filter(|row| row.state == State::Delivered) {
            let Some((day, phone)) = self.due_day(row).zip(row.phone.as_ref()) else { continue };
            calls.entry((phone.as_str().to_owned(), day)).or_default().push(row);
        }
        // a call that corrects an earlier one of the same appointment counts in its place
        let is_too_many = |rows: &[&ReminderRow]| {
            rows.iter().any(|row| {
                let is_other = |other: &&&ReminderRow| {
                    let is_same = |one: &ReminderRow| (one.schedule.clone(), one.appointment_id.clone(), one.lead);
                    let is_corrected = is_same(other) == is_same(row) && other.starts_at != row.starts_at;
                    other.updated_at <= row.updated_at && !is_corrected
                };
                rows.iter().filter(is_other).count() > LIMIT
            })
        };
        let many = calls.into_iter().filter(|(_, rows)| is_too_many(rows));
        let fault = |((phone, day), rows): ((String, Date), Vec<&ReminderRow>)| {
            let stories: Vec<String> = rows.iter().map(|row| self.story(row)).collect();
            format!("{phone} has {} calls on {day}:{}", rows.len(), stories.concat())
        };
        let faults: Vec<String> = many.map(fault).collect();
        self.faults.extend(faults);
    }

    /// What the log and the files have of a reminder, to understand a fault.
    fn story(&self, reminder: &ReminderRow) -> String {
        let mut lines = vec![format!("\n   {:?} due {}", key(reminder), reminder.due_at)];
        let of_it = |row: &&AuditRow| row.appointment_id.as_deref() == Some(&*reminder.appointment_id);
        for row in self.walked.log.iter().filter(of_it) {
            let (event, reason, last4) = (row.event.as_str(), &row.reason, row.phone_last4());
            lines.push(format!(
                "\n      {} {event} {:?} {:?} {reason:?} {last4:?}",
                row.at, row.schedule, row.starts_at
            ));
        }
        let mut before = None;
        for version in self.walked.export.versions() {
            let booking = version.rows.as_ref().and_then(|rows| rows.get(&reminder.appointment_id));
            if booking != before {
                lines.push(format!("\n      {} file {booking:?}", version.from));
                before = booking;
            }
        }
        lines.concat()
    }

    /// A run is held only while something is wrong with the export.
    fn judge_holds(&mut self) {
        for row in self.walked.log.iter().filter(|row| row.event == Event::RunHeld) {
            let Some(version) = self.walked.export.between(row.at, row.at).last() else { continue };
            let unusable = version.rows.iter().flatten().filter(|(_, booking)| booking.phone.len() < 8).count();
            // people mistype some numbers, and the window may hold few others
            let is_for_phones =
                unusable >= 3 && row.detail.as_ref().is_some_and(|detail| detail.contains("max_invalid"));
            if version.trouble.is_none() && !is_for_phones {
                let (schedule, at) = (&row.schedule, self.walked.zone.rfc3339(row.at));
                let counted = self.walked.runs.iter().filter(|run| Some(run.schedule.as_str()) == schedule.as_deref());
                let counted =
                    counted.map(|run| format!("\n      {} {} {:?}", run.nominal_at, run.state, run.in_window));
                let counted = counted.collect::<String>();
                self.faults.push(format!("{schedule:?} at {at} was held for nothing: {:?}{counted}", row.detail));
            }
        }
    }

    /// What happened around an appointment, to understand a fault.
    fn around(&self, key: Key<'_>, times: Times) -> String {
        let (from, until) = (times.run - BEFORE, times.expires.max(times.run) + BEFORE);
        let mut lines = Vec::new();
        for version in self.walked.export.between(from, until) {
            let row = version.rows.as_ref().and_then(|rows| rows.get(key.id));
            lines.push((version.from, format!("file {:?} {row:?}", version.trouble)));
        }
        for run in self
            .walked
            .runs
            .iter()
            .filter(|run| run.schedule == key.schedule && from <= run.nominal_at && run.nominal_at <= until)
        {
            lines
                .push((run.started_at, format!("run {} {} {} {:?}", run.nominal_at, run.kind, run.state, run.read_at)));
        }
        for row in self.walked.log.iter().filter(|row| row.appointment_id.as_deref() == Some(key.id)) {
            lines.push((
                row.at,
                format!(
                    "log {} {:?} {:?} {:?} {:?}",
                    row.event.as_str(),
                    row.schedule,
                    row.starts_at,
                    row.reason,
                    row.detail
                ),
            ));
        }
        for row in self.walked.reminders.iter().filter(|row| {
            row.schedule == key.schedule && row.payload.as_ref().is_some_and(|payload| payload.contains(key.id))
        }) {
            lines.push((
                row.updated_at,
                format!(
                    "reminder {} {} {:?}",
                    row.appointment_id,
                    row.state,
                    row.payload.as_ref().map(tickler::personal::Personal::as_str)
                ),
            ));
        }
        lines.sort();
        lines.dedup_by(|one, other| one.1 == other.1);
        lines.into_iter().map(|(at, line)| format!("\n      {at} {line}")).collect()
    }

    /// Every appointment that a file ever held, with every lead.
    fn keys(&self) -> BTreeMap<Key<'a>, &'a Booking> {
        let rows = self.walked.export.versions().iter().filter_map(|version| version.rows.as_ref()).flatten();
        let mut starts: BTreeMap<(&str, Timestamp), &Booking> = BTreeMap::new();
        for (id, booking) in rows {
            starts.entry((id.as_str(), booking.starts_at)).or_insert(booking);
        }
        let mut keys = BTreeMap::new();
        for ((id, starts_at), booking) in starts {
            for schedule in crate::walk::SCHEDULES {
                for lead in leads(schedule) {
                    keys.insert(Key { schedule, id, starts_at, lead: *lead }, booking);
                }
            }
        }
        keys
    }

    fn wall(&self, date: Date, hour: i8) -> Timestamp {
        match self.walked.zone.resolve(date.to_datetime(Time::constant(hour, 0, 0, 0))) {
            WallMeaning::Once(at) | WallMeaning::Twice { first: at, .. } | WallMeaning::Gap { after: at } => at,
        }
    }

    /// The day whose run finds it; `None` where another day's does for all that start then.
    fn day_of_run(&self, key: Key<'_>, days: i64) -> Date {
        let mut day = self.walked.zone.date(key.starts_at);
        if key.schedule == "three" {
            // counts open days alone
            let mut left = days;
            while left > 0 {
                day -= 1.days();
                left -= i64::from(self.is_open(key.schedule, day));
            }
            return day;
        }
        day -= days.days();
        while !self.is_open(key.schedule, day) {
            day -= 1.days();
        }
        day
    }

    pub fn times(&self, key: Key<'_>, zone: &Zone) -> Times {
        let (run, due) = match key.lead.before {
            LeadTime::Now => unreachable!("nothing is posted"),
            LeadTime::Hours(hours) => {
                let due = key.starts_at - SignedDuration::from_hours(i64::from(hours));
                let late = due.as_second().rem_euclid(1800);
                (due + SignedDuration::from_secs((1800 - late) % 1800), due)
            }
            LeadTime::Days(days) => {
                let hour = if key.schedule == "day" { 9 } else { 10 };
                let run = self.wall(self.day_of_run(key, i64::from(days)), hour);
                (run, run)
            }
        };
        let opening = |at: Timestamp| self.opening(key.schedule, at, zone);
        let expires = (opening(due) + LATENESS).min(key.starts_at - NOTICE);
        Times { due, run, call: opening(run), expires }
    }

    fn judge_who_was_left_out(&mut self) {
        let begin: Timestamp = crate::walk::BEGIN.parse().expect("an instant");
        let mut faults = Vec::new();
        let mut musts = 0;
        for (key, booking) in self.keys() {
            let times = self.times(key, &self.zone_of(booking));
            let is_outside = times.run < begin + BEFORE || times.expires.max(times.run) + STEP * 3 > self.walked.end;
            if is_outside {
                continue;
            }
            let must = times.call + STEP * 2 < times.expires && self.is_undisturbed(key, times);
            musts += usize::from(must);
            if self.calls.contains_key(&key) || self.is_a_small_move(key) {
                continue;
            }
            let excuse = self.excuse(key, times);
            match (must, &excuse) {
                (false, Some(_)) => {}
                (true, Some(reason)) if self.is_just(key, reason) => {}
                (true, _) => faults
                    .push(format!("{key:?} {times:?} should have been called; {excuse:?}{}", self.around(key, times))),
                (false, None) => faults
                    .push(format!("{key:?} {times:?} was not called, and nothing says why{}", self.around(key, times))),
            }
        }
        assert!(musts > 100, "{musts} are clear cases");
        self.faults.extend(faults);
    }

    /// The runs that a lead in hours concerns: those until it was due too long ago, and the first that was made.
    fn runs_after<'r>(runs: &[&'r RunRow], due: Timestamp) -> Vec<&'r RunRow> {
        let mut later: Vec<&RunRow> = runs.iter().copied().filter(|run| run.started_at >= due).collect();
        later.sort_by_key(|run| run.started_at);
        let first_done = later.iter().position(|run| run.state == RunState::Done).unwrap_or(later.len());
        let within = later.iter().take_while(|run| run.started_at <= due + LATENESS).count();
        later.truncate(within.max(first_done + 1));
        later
    }

    fn is_undisturbed(&self, key: Key<'_>, times: Times) -> bool {
        let (from, until) = (times.run - BEFORE, times.call + STEP * 2);
        let versions = self.walked.export.between(from, until);
        let row = |version: &'a Version| {
            let row = version.rows.as_ref().filter(|_| version.trouble.is_none())?.get(key.id)?;
            let is_callable = row.starts_at == key.starts_at && row.status == "ok" && row.stop.is_empty();
            (is_callable && row.phone.len() > 8).then_some(row.phone.as_str())
        };
        let phones: Option<BTreeSet<&str>> = versions.iter().map(row).collect();
        let Some(phones) = phones else { return false };
        let walked = self.walked;
        let is_out = walked.optouts.iter().any(|it| phones.contains(it.of.as_str()) && it.overlaps(from, until));
        let is_down = walked.downs.iter().any(|it| it.overlaps(from, until));
        let is_paused = walked.pauses.iter().any(|it| it.of == key.schedule && it.overlaps(from, until));
        let is_odd = |run: &RunRow| {
            run.schedule == key.schedule
                && run.state != RunState::Done
                && from <= run.nominal_at
                && run.nominal_at <= until
        };
        !(is_out || is_down || is_paused || walked.runs.iter().any(is_odd))
    }

    /// Whether somebody was called about nearly the same start.
    fn is_a_small_move(&self, key: Key<'_>) -> bool {
        let from = Key { starts_at: key.starts_at - MIN_CHANGE + MINUTE, lead: Lead::days(0), ..key };
        let until = Key { starts_at: key.starts_at + MIN_CHANGE, lead: Lead::days(0), ..key };
        self.calls.range(from..until).any(|(told, _)| told.lead == key.lead)
    }

    /// Why it was not called, as far as the log says.
    fn excuse(&self, key: Key<'_>, times: Times) -> Option<String> {
        let is_about = |row: &&AuditRow| {
            row.schedule.as_deref() == Some(key.schedule)
                && row.appointment_id.as_deref() == Some(key.id)
                && row.starts_at == Some(key.starts_at)
                && row.lead.is_none_or(|lead| lead == key.lead)
        };
        let is_end = |row: &&AuditRow| {
            matches!(row.event, Event::ReminderSkipped | Event::ReminderCancelled | Event::ReminderExpired)
        };
        if let Some(row) = self.walked.log.iter().find(|row| is_about(row) && is_end(row)) {
            return Some(row.reason.as_deref().unwrap_or(row.event.as_str()).to_owned());
        }
        let runs: Vec<&RunRow> = self.walked.runs.iter().filter(|run| run.schedule == key.schedule).collect();
        let runs = match key.lead.before {
            LeadTime::Days(_) | LeadTime::Now => runs.into_iter().filter(|run| run.nominal_at == times.run).collect(),
            LeadTime::Hours(_) => Self::runs_after(&runs, times.due),
        };
        // the log then has one row for the appointment, in the lead that was due last
        let was_possible = |run: &&RunRow| times.due <= run.nominal_at && run.nominal_at <= times.expires;
        let mut possible =
            self.walked.runs.iter().filter(|run| run.schedule == key.schedule).filter(was_possible).peekable();
        let decided_nothing =
            |run: &RunRow| matches!(run.state, RunState::Skipped | RunState::Failed | RunState::Missed);
        if possible.peek().is_some() && possible.all(decided_nothing) {
            return Some("every run in which it could have been called was skipped, failed or was missed".to_owned());
        }
        let has_read_it = |run: &&RunRow| {
            let read = run.read_at.filter(|_| run.state == RunState::Done);
            read.and_then(|at| self.walked.export.at(at, key.id)).is_some_and(|it| it.starts_at == key.starts_at)
        };
        if runs.is_empty() || runs.iter().any(has_read_it) {
            return None;
        }
        let states: BTreeSet<String> = runs.iter().map(|run| run.state.to_string()).collect();
        Some(format!("not in any export that was read; its runs: {states:?}"))
    }
}
