//! pure: the inputs of a plan besides the rows: the schedule, the moment, the windows, what the ledger knows.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use jiff::Timestamp;

use super::candidates::Candidate;
use super::watched::{self, WatchedLead};
use super::window::{LeadWindow, WindowKind, lead_windows};
use super::{Knowledge, KnownReminder, Occasion, first_sights};
use crate::appointment::mapping::to_micros;
use crate::personal::Personal;
use crate::reminder::{CallOutcome, Lead, LeadTime, ReminderId, ReminderKey, State};
use crate::schedule::Schedule;
use crate::seeded::{Seed, SeededMap};
use crate::zones::Zones;

/// What a plan is made of besides the rows.
#[derive(Debug, Clone)]
pub struct PlanRequest {
    /// The schedule that is planned.
    pub schedule: Arc<Schedule>,
    /// The circumstances.
    pub occasion: Occasion,
    /// What the ledger knows.
    pub knowledge: Arc<Knowledge>,
    /// Zones that rows may name.
    pub zones: Zones,
    /// The schedule's own do-not-call list, E.164.
    pub do_not_call: HashSet<Personal>,
    /// The appointment of which every rule's answer is wanted.
    pub explained: Option<String>,
}

/// What every row of a read is judged by.
pub(super) struct Terms {
    pub(super) schedule: Arc<Schedule>,
    /// The schedule's name as keys hold it.
    name: Arc<str>,
    pub(super) occasion: Occasion,
    pub(super) knowledge: Arc<Knowledge>,
    pub(super) do_not_call: HashSet<Personal>,
    pub(super) explained: Option<String>,
    /// The window of each lead, the lead nearest the start first.
    pub(super) windows: Vec<LeadWindow>,
    /// The appointments that have a reminder, when it matters who was seen before.
    pub(super) reminded_before: HashSet<String>,
    /// The leads of which earlier evaluations wrote down whom they found.
    pub(super) watched: Vec<WatchedLead>,
    /// What persons said after which nobody is called by another lead, by appointment and start.
    said: Sayings,
    /// For each appointment, the starts that somebody was called about, or may have been.
    called: SeededMap<String, Vec<CalledStart>>,
}

/// A start that somebody was called about.
pub(super) struct CalledStart {
    pub(super) starts_at: Timestamp,
    lead: Lead,
}

/// The starts of calls, when small moves from them matter.
fn called(schedule: &Schedule, knowledge: &Knowledge) -> SeededMap<String, Vec<CalledStart>> {
    if schedule.remind.min_change.is_zero() {
        return SeededMap::default();
    }
    let mut called: SeededMap<String, Vec<CalledStart>> =
        SeededMap::with_capacity_and_hasher(knowledge.reminders.len(), Seed::default());
    let was_called = |known: &KnownReminder| match known.state {
        State::Delivered => !known.may_return,
        State::Sending | State::Uncertain => true,
        State::Pending | State::Cancelled | State::Failed | State::Expired | State::Dropped => false,
    };
    for (key, _) in knowledge.reminders.iter().filter(|(_, known)| was_called(known)) {
        let start = CalledStart { starts_at: key.starts_at, lead: key.lead };
        // nearly every appointment has one, and a list that grows begins with room for four
        called.entry(key.appointment_id.clone()).or_insert_with(|| Vec::with_capacity(1)).push(start);
    }
    called
}

/// For each appointment and start, the leads in whose calls persons said something that counts for other leads.
type Sayings = HashMap<(String, Timestamp), Vec<(Lead, CallOutcome)>>;

fn said(schedule: &Schedule, knowledge: &Knowledge) -> Sayings {
    let mut said = Sayings::new();
    let skips = schedule.skips_later_leads();
    for (key, known) in &knowledge.reminders {
        if let Some(outcome) = known.outcome.filter(|outcome| !known.may_return && skips.contains(outcome)) {
            said.entry((key.appointment_id.clone(), key.starts_at)).or_default().push((key.lead, outcome));
        }
    }
    said
}

/// How far before the start a lead is, to compare days with hours.
pub(super) fn hours_of(lead: Lead) -> u64 {
    match lead.before {
        LeadTime::Days(days) => u64::from(days) * 24,
        LeadTime::Hours(hours) => u64::from(hours),
        LeadTime::Now => 0,
    }
}

impl Terms {
    pub(super) fn new(request: PlanRequest) -> Self {
        let PlanRequest { schedule, occasion, knowledge, zones: _, do_not_call, explained } = request;
        let windows = lead_windows(&schedule, &occasion, knowledge.previous_evaluation);
        let (nominal_at, now) = (to_micros(occasion.nominal_at), to_micros(occasion.now));
        let occasion = Occasion { nominal_at, now, ..occasion };
        let name = Arc::from(schedule.name.as_str());
        let called = called(&schedule, &knowledge);
        let reminded_before = first_sights::reminded_before(&schedule, &knowledge);
        let said = said(&schedule, &knowledge);
        let watched = watched::holding(&schedule, &occasion, &knowledge.watched_leads);
        Self {
            schedule,
            name,
            occasion,
            knowledge,
            do_not_call,
            explained,
            windows,
            reminded_before,
            watched,
            said,
            called,
        }
    }

    /// What the person said about this start in another lead's call, and in which: the greatest of several.
    pub(super) fn said(&self, id: &str, starts_at: Timestamp, lead: Lead) -> Option<(Lead, CallOutcome)> {
        if self.said.is_empty() {
            return None;
        }
        let said = self.said.get(&(id.to_owned(), starts_at))?;
        said.iter().copied().filter(|(other, _)| *other != lead).max()
    }

    /// Whether the run of that lead for this start is this one.
    pub(super) fn is_due(&self, start: Timestamp, lead: Lead) -> bool {
        let mut due = self.windows.iter().filter(|window| window.kind == WindowKind::Due && window.lead == lead);
        due.any(|window| window.holds(start))
    }

    pub(super) fn is_in_a_window(&self, start: Timestamp) -> bool {
        self.windows.iter().any(|window| window.holds(start))
    }

    pub(super) fn is_explained(&self, id: Option<&str>) -> bool {
        self.explained.is_some() && self.explained.as_deref() == id
    }

    /// The call about another start, by the same lead, from which this start is less than `min_change` away.
    pub(super) fn moved_little(&self, id: &str, starts_at: Timestamp, lead: Lead) -> Option<&CalledStart> {
        let is_near = |called: &&CalledStart| {
            let distance = called.starts_at.duration_until(starts_at).abs();
            called.lead == lead && !distance.is_zero() && distance < self.schedule.remind.min_change
        };
        self.called.get(id)?.iter().find(is_near)
    }

    /// The reminder by which somebody was called about that start of an appointment.
    pub(super) fn known_of(&self, id: &str, called: &CalledStart) -> Option<&KnownReminder> {
        self.known(id, called.starts_at, called.lead)
    }

    /// The pending call in which the appointment was to be told.
    pub(super) fn told_by_pending(&self, candidate: &Candidate) -> Option<ReminderId> {
        if self.knowledge.told_by_pending.is_empty() {
            return None;
        }
        let (schedule, appointment_id) = (Arc::clone(&self.name), candidate.id.clone());
        let key = ReminderKey { schedule, appointment_id, starts_at: candidate.start.at, lead: candidate.lead.lead };
        self.knowledge.told_by_pending.get(&key).copied()
    }

    /// When a rehearsed call that is still to come was due (UTC).
    pub(super) fn rehearsed_due(&self, id: &str, starts_at: Timestamp, lead: Lead) -> Option<Timestamp> {
        if self.knowledge.rehearsed_to_come.is_empty() {
            return None;
        }
        let (schedule, appointment_id) = (Arc::clone(&self.name), id.to_owned());
        self.knowledge.rehearsed_to_come.get(&ReminderKey { schedule, appointment_id, starts_at, lead }).copied()
    }

    /// What the ledger holds under a key.
    pub(super) fn known(&self, id: &str, starts_at: Timestamp, lead: Lead) -> Option<&KnownReminder> {
        if self.knowledge.reminders.is_empty() {
            return None;
        }
        let schedule = Arc::clone(&self.name);
        self.knowledge.reminders.get(&ReminderKey { schedule, appointment_id: id.to_owned(), starts_at, lead })
    }
}
