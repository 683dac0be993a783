//! pure: when an appointment was seen for the first time, and which of its leads had passed by then.

use std::collections::HashSet;

use jiff::Timestamp;

use super::terms::Terms;
use super::{Knowledge, Plan, leads};
use crate::reminder::{Lead, LeadTime};
use crate::schedule::Schedule;
use crate::seeded::SeededSet;

/// An appointment that no evaluation saw before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FirstSight {
    /// The appointment's id.
    pub appointment_id: String,
    /// Its start, when it could be read (UTC).
    pub starts_at: Option<Timestamp>,
    /// The last evaluation, which did not see it; `None` when there was none, or it is known to be older (UTC).
    pub unseen_at: Option<Timestamp>,
}

/// The appointments that have a reminder, when it matters who was seen before.
pub(super) fn reminded_before(schedule: &Schedule, knowledge: &Knowledge) -> HashSet<String> {
    if !schedule.remind.needs_first_sights() {
        return HashSet::new();
    }
    knowledge.reminders.keys().map(|key| key.appointment_id.clone()).collect()
}

impl Terms {
    /// The last evaluation that did not see the appointment; `None` when none is known to have missed it.
    fn unseen_at(&self, id: &str) -> Option<Timestamp> {
        match self.knowledge.first_sights.get(id) {
            Some(unseen_at) => *unseen_at,
            None if self.reminded_before.contains(id) => None,
            None => self.knowledge.seen_until,
        }
    }

    /// The evaluation that shows that a lead of the appointment had passed when it was booked, or moved to this start: it read
    /// the source after the lead was due and would have found it.
    pub(super) fn missed_by(&self, id: &str, start: Timestamp, lead: Lead) -> Option<Timestamp> {
        let watched = self.watched.iter().find(|watched| watched.lead.before == lead.before)?;
        let unseen_at = self.unseen_at(id)?;
        due_at(&self.schedule, start, lead).filter(|due_at| watched.proves(*due_at, unseen_at)).map(|_| unseen_at)
    }

    /// Whether a lead of the appointment had passed when it was booked.
    pub(super) fn is_late(&self, id: &str, start: Timestamp, lead: Lead) -> bool {
        self.missed_by(id, start, lead).is_some()
    }

    /// Whether this evaluation is the first that sees the appointment.
    pub(super) fn is_new(&self, id: &str) -> bool {
        !self.knowledge.first_sights.contains_key(id) && !self.reminded_before.contains(id)
    }
}

/// When a lead is due, whichever run makes the call.
fn due_at(schedule: &Schedule, start: Timestamp, lead: Lead) -> Option<Timestamp> {
    match lead.before {
        LeadTime::Now => None,
        LeadTime::Hours(hours) => Some(leads::due_by_hours(schedule, start, hours)),
        LeadTime::Days(days) => {
            let date = leads::date_of_run(schedule, schedule.zone.date(start), days)?;
            let run = schedule.recurrence.first_on(&schedule.zone, date);
            Some(run.map_or_else(|| schedule.zone.day_start(date), |run| run.at))
        }
    }
}

/// The appointments of a plan that no evaluation saw before. `passed` are those outside every window whose lead had passed.
pub(super) fn of_plan(plan: &Plan, passed: &[(String, Timestamp)], terms: &Terms) -> Vec<FirstSight> {
    if !terms.schedule.remind.needs_first_sights() {
        return Vec::new();
    }
    let called = plan.reminders.iter().chain(&plan.forgotten);
    let called = called.map(|call| (&call.appointment_id, Some(call.starts_at)));
    let skipped = plan.skipped.iter().filter_map(|row| Some((row.appointment_id.as_ref()?, row.starts_at)));
    let passed = passed.iter().map(|(id, starts_at)| (id, Some(*starts_at)));
    let mut seen: SeededSet<&str> = SeededSet::default();
    let is_new = |id: &str| !terms.knowledge.first_sights.contains_key(id);
    let found = called.chain(skipped).chain(passed).filter(|(id, _)| is_new(id) && seen.insert(id.as_str()));
    let sight = |(id, starts_at): (&String, Option<Timestamp>)| FirstSight {
        appointment_id: id.clone(),
        starts_at,
        unseen_at: terms.unseen_at(id),
    };
    found.map(sight).collect()
}
