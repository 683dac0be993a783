//! pure: what a complete read says about reminders that are pending: there, moved, no longer passing, or missing.

use std::collections::HashMap;

use jiff::Timestamp;

use super::planner::ByAppointment;
use super::window::LeadWindow;
use super::{Cancellation, Knowledge};
use crate::appointment::Start;
use crate::appointment::mapping::TimeProblem;
use crate::reminder::{Lead, ReminderId, State};

/// The pending reminders of a schedule, and what was seen of each.
pub(super) struct Pendings {
    by_appointment: ByAppointment<Pending>,
    cancelled: HashMap<ReminderId, (String, String)>,
}

struct Pending {
    id: ReminderId,
    starts_at: Timestamp,
    lead: Lead,
    evidence: Evidence,
}

/// What the read showed so far; a row with the key itself outweighs any other row of the appointment.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Evidence {
    /// No row of this appointment.
    Nothing,
    /// A row of it whose start can't be read.
    Unreadable(&'static str, String),
    /// A row of it with another start.
    Elsewhere,
    /// Its row.
    Here,
}

impl Pendings {
    /// The pending ones among what is known; `only` leaves every other appointment alone.
    pub(super) fn of(knowledge: &Knowledge, only: Option<&str>) -> Self {
        let mut by_appointment: ByAppointment<Pending> = HashMap::new();
        for (key, known) in &knowledge.reminders {
            if known.state != State::Pending || only.is_some_and(|only| only != key.appointment_id) {
                continue;
            }
            by_appointment.entry(key.appointment_id.clone()).or_default().push(Pending {
                id: known.id,
                starts_at: key.starts_at,
                lead: key.lead,
                evidence: Evidence::Nothing,
            });
        }
        Self { by_appointment, cancelled: HashMap::new() }
    }

    /// Whether none is pending.
    pub(super) fn is_empty(&self) -> bool {
        self.by_appointment.is_empty()
    }

    /// Takes note of a row; answers whether a reminder with its id and start is pending.
    pub(super) fn witness(&mut self, id: &str, start: &Result<Start, TimeProblem>) -> bool {
        let Some(pendings) = self.by_appointment.get_mut(id) else { return false };
        let mut is_here = false;
        for pending in pendings {
            match start {
                Ok(start) if start.at == pending.starts_at => {
                    pending.evidence = Evidence::Here;
                    is_here = true;
                }
                Ok(_) if pending.evidence != Evidence::Here => pending.evidence = Evidence::Elsewhere,
                Err(problem) if pending.evidence == Evidence::Nothing => {
                    pending.evidence = match problem {
                        TimeProblem::Invalid(detail) => Evidence::Unreadable("invalid_time", detail.clone()),
                        TimeProblem::NoSuchTime(detail) => Evidence::Unreadable("no_such_time", detail.clone()),
                    };
                }
                Ok(_) | Err(_) => {}
            }
        }
        is_here
    }

    /// The leads that are pending for exactly this id and start.
    pub(super) fn leads_at(&self, id: &str, start: Timestamp) -> Vec<Lead> {
        let pendings = self.by_appointment.get(id).map_or(&[][..], Vec::as_slice);
        pendings.iter().filter(|pending| pending.starts_at == start).map(|pending| pending.lead).collect()
    }

    /// A rule blocks it now.
    pub(super) fn cancel(&mut self, id: ReminderId, reason: &str, detail: &str) {
        self.cancelled.insert(id, (reason.to_owned(), detail.to_owned()));
    }

    /// What the complete read gives evidence against, in the order of start. What is missing counts only where the
    /// windows of this read looked: a window that has moved on proves nothing.
    pub(super) fn cancellations(mut self, windows: &[LeadWindow]) -> Vec<Cancellation> {
        let mut found = Vec::new();
        for pending in self.by_appointment.into_values().flatten() {
            let blocked = self.cancelled.remove(&pending.id);
            let is_looked_at = windows.iter().any(|window| window.holds(pending.starts_at));
            let why = match (pending.evidence, blocked) {
                (_, Some(blocked)) => Some(blocked),
                (Evidence::Here, None) => None,
                (Evidence::Elsewhere, None) => {
                    Some(("moved".to_owned(), "the source now has another start for this appointment".to_owned()))
                }
                (Evidence::Unreadable(reason, detail), None) => Some((reason.to_owned(), detail)),
                (Evidence::Nothing, None) if is_looked_at => {
                    Some(("missing".to_owned(), "the source no longer has this appointment".to_owned()))
                }
                (Evidence::Nothing, None) => None,
            };
            if let Some((reason, detail)) = why {
                found.push((pending.starts_at, Cancellation { id: pending.id, reason, detail }));
            }
        }
        found.sort_by_key(|(starts_at, cancellation)| (*starts_at, cancellation.id));
        found.into_iter().map(|(_, cancellation)| cancellation).collect()
    }
}
