//! pure: what a plan is made of besides the rows.

use std::collections::HashSet;
use std::sync::Arc;

use jiff::Timestamp;

use super::window::{LeadWindow, lead_windows};
use super::{Knowledge, KnownReminder, Occasion};
use crate::appointment::mapping::to_micros;
use crate::personal::Personal;
use crate::reminder::{Lead, ReminderKey};
use crate::schedule::Schedule;
use crate::zones::Zones;

/// What a plan is made of besides the rows.
#[derive(Debug, Clone)]
pub struct PlanRequest {
    /// Whose plan.
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
}

impl Terms {
    pub(super) fn new(request: PlanRequest) -> Self {
        let PlanRequest { schedule, occasion, knowledge, zones: _, do_not_call, explained } = request;
        let windows = lead_windows(&schedule, &occasion, knowledge.previous_evaluation);
        let (nominal_at, now) = (to_micros(occasion.nominal_at), to_micros(occasion.now));
        let occasion = Occasion { nominal_at, now, ..occasion };
        let name = Arc::from(schedule.name.as_str());
        Self { schedule, name, occasion, knowledge, do_not_call, explained, windows }
    }

    pub(super) fn is_in_a_window(&self, start: Timestamp) -> bool {
        self.windows.iter().any(|window| window.holds(start))
    }

    pub(super) fn is_explained(&self, id: Option<&str>) -> bool {
        self.explained.is_some() && self.explained.as_deref() == id
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
