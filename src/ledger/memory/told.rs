//! pure: what a plan has to know besides reminders: who was seen first, told in another appointment's call, or written down by
//! shadow mode.

use std::collections::HashSet;
use std::sync::Arc;

use jiff::Timestamp;

use super::tables::{KeptShadow, Tables, micro};
use crate::ledger::chain::Hash;
use crate::ledger::change::LoadedReminder;
use crate::ledger::returning::known;
use crate::ledger::{KnowledgeAsk, RunRow};
use crate::plan::{Knowledge, KnownReminder, MergedAppointment, PersonCall, Rehearsed};
use crate::reminder::{ReminderKey, RunState};
use crate::schedule::ScheduleMode;
use crate::seeded::SeededMap;

impl Tables {
    /// The schedule's appointments that the call of another one covers, with that one's reminder.
    pub(super) fn told_elsewhere(&self, schedule: &str) -> impl Iterator<Item = (&MergedAppointment, &LoadedReminder)> {
        self.held().flat_map(move |held| {
            let merged = self.merged.get(&held.id).filter(|(of, _)| of == schedule);
            merged.into_iter().flat_map(move |(_, told)| told.iter().map(move |told| (told, held)))
        })
    }

    pub(super) fn add_merged(&self, ask: &KnowledgeAsk, target: Option<&Hash>, knowledge: &mut Knowledge) {
        if self.merged.is_empty() {
            return;
        }
        let schedule: Arc<str> = ask.schedule.as_str().into();
        let windows: Vec<_> = ask.windows.iter().map(|(from, until)| micro(*from)..micro(*until)).collect();
        for (told, held) in self.told_elsewhere(&ask.schedule) {
            if windows.iter().any(|window| window.contains(&told.starts_at)) {
                let (_, head) = known(held, &schedule, target);
                let key = ReminderKey {
                    schedule: Arc::clone(&schedule),
                    appointment_id: told.appointment_id.clone(),
                    starts_at: told.starts_at,
                    lead: told.lead,
                };
                let told_with = Some(held.appointment_id.clone());
                // what was said in that call was said about its own appointment
                let told = KnownReminder { told_with, outcome: None, previous_outcome: None, ..head };
                knowledge.add_merged(key, told);
            }
        }
    }

    /// The rehearsed calls whose time is still to come and of which no reminder was made, with their due times.
    pub(super) fn rehearsed_to_come(&self, now: Timestamp) -> impl Iterator<Item = (ReminderKey, Timestamp)> {
        let now = micro(now);
        let made: HashSet<_> =
            self.held().map(|held| (&held.schedule, &held.appointment_id, held.starts_at, held.lead)).collect();
        self.shadows.iter().filter_map(move |((schedule, appointment_id, starts_at, lead), shadow)| {
            let is_to_come = *starts_at > now && shadow.send_at > now;
            let is_made = made.contains(&(schedule, appointment_id, *starts_at, *lead));
            let (schedule, appointment_id) = (schedule.as_str().into(), appointment_id.clone());
            let key = ReminderKey { schedule, appointment_id, starts_at: *starts_at, lead: *lead };
            (is_to_come && !is_made).then_some((key, shadow.known.due_at))
        })
    }

    /// Adds the rehearsed calls, which count as made: in shadow mode those of every schedule, for a live schedule its own. In the
    /// limit of calls for each person they count where the call was not really made afterwards.
    pub(super) fn add_shadows(&self, ask: &KnowledgeAsk, target: Option<&Hash>, knowledge: &mut Knowledge) {
        match ask.rehearsed {
            Rehearsed::ArePlanned => return,
            Rehearsed::CountAsMade | Rehearsed::AreCompleted => {}
        }
        let is_shadow = match ask.mode {
            ScheduleMode::Live => false,
            ScheduleMode::Shadow => true,
        };
        if !is_shadow {
            let all = self.rehearsed_to_come(ask.now);
            knowledge.rehearsed_to_come = all.filter(|(key, _)| *key.schedule == *ask.schedule).collect();
        }
        let counted = self.held().filter(|held| held.counts_for_person(target));
        let made: HashSet<_> =
            counted.map(|held| (&held.schedule, &held.appointment_id, held.starts_at, held.lead)).collect();
        let name: Arc<str> = ask.schedule.as_str().into();
        let windows: Vec<_> = ask.windows.iter().map(|(from, until)| micro(*from)..micro(*until)).collect();
        let (first, last) = ask.due_days;
        // a live schedule makes those itself whose time is still to come
        let counts = |shadow: &KeptShadow| is_shadow || shadow.send_at <= micro(ask.now);
        for ((schedule, appointment_id, starts_at, lead), shadow) in self.shadows.iter().filter(|(_, it)| counts(it)) {
            let is_own = *schedule == ask.schedule;
            if is_own && windows.iter().any(|window| window.contains(starts_at)) {
                let (schedule, appointment_id) = (Arc::clone(&name), appointment_id.clone());
                let key = ReminderKey { schedule, appointment_id, starts_at: *starts_at, lead: *lead };
                knowledge.add_rehearsed((key, shadow.known.clone()));
            }
            let is_of_days = shadow.account == ask.account && (first..=last).contains(&shadow.known.due_day);
            let is_counted =
                (is_shadow || is_own) && lead.kind() == ask.kind && !shadow.known.person.as_str().is_empty();
            if is_of_days && is_counted && !made.contains(&(schedule, appointment_id, *starts_at, *lead)) {
                let call = PersonCall {
                    id: shadow.known.id,
                    chain: shadow.known.id,
                    due_at: shadow.known.due_at,
                    schedule: (!is_own).then(|| schedule.as_str().into()),
                    is_shadow: true,
                    appointment: is_own.then(|| (appointment_id.clone(), *starts_at)),
                };
                let person = (shadow.known.person.clone(), shadow.known.due_day);
                knowledge.people.entry(person).or_default().push(call);
            }
        }
    }

    /// The last evaluation of all rows of a schedule up to now.
    pub(super) fn seen_until(&self, schedule: &str, now: Timestamp) -> Option<Timestamp> {
        self.evaluations_until(schedule, now).filter(|run| run.in_window.is_some()).map(|run| run.started_at).max()
    }

    /// The last evaluation of a schedule at all up to now, of all rows or of one appointment.
    pub(super) fn last_evaluation(&self, schedule: &str, now: Timestamp) -> Option<Timestamp> {
        self.evaluations_until(schedule, now).map(|run| run.started_at).max()
    }

    /// An evaluation is said to be of the second in which it began.
    fn evaluations_until(&self, schedule: &str, now: Timestamp) -> impl Iterator<Item = &Arc<RunRow>> {
        let latest = now.as_microsecond().saturating_add(999_999);
        let is_of = move |run: &&Arc<RunRow>| {
            run.schedule == schedule && run.state == RunState::Done && run.started_at.as_microsecond() <= latest
        };
        self.runs.iter().filter(is_of)
    }

    pub(super) fn first_sights(&self, ask: &KnowledgeAsk) -> SeededMap<String, Option<Timestamp>> {
        let Some(from) = ask.first_sights_from else { return SeededMap::default() };
        let first = (ask.schedule.clone(), String::new());
        let of_schedule = self.first_sights.range(first..).take_while(|((schedule, _), _)| *schedule == ask.schedule);
        let is_recent = |starts_at: Option<Timestamp>| starts_at.is_none_or(|starts_at| starts_at >= micro(from));
        let recent = of_schedule.filter(|(_, sight)| is_recent(sight.starts_at));
        recent.map(|((_, id), sight)| (id.clone(), sight.unseen_at)).collect()
    }
}
