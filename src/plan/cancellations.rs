//! pure: what a complete read says about reminders that are pending: there, moved, no longer passing, or missing.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;

use super::window::LeadWindow;
use super::{Cancellation, Knowledge};
use crate::appointment::Start;
use crate::appointment::mapping::TimeProblem;
use crate::reminder::{Lead, ReminderId, SkipReason, State};
use crate::seeded::{Seed, SeededMap};

/// The pending reminders of a schedule, and what the read shows of each.
pub(super) struct Evidence {
    by_appointment: SeededMap<String, Vec<Pending>>,
    blocked: HashMap<ReminderId, (SkipReason, String)>,
    /// For each appointment, the starts that somebody was called about, and whether the read has a row with that start.
    called: SeededMap<String, Vec<(Timestamp, RowOfCall)>>,
    /// For each appointment, the starts and leads of the rehearsed calls that are still to come.
    to_come: SeededMap<String, Vec<(Timestamp, Lead)>>,
}

/// Whether the read has a row with an appointment's id and the start that somebody was called about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RowOfCall {
    Seen,
    Unseen,
}

struct Pending {
    id: ReminderId,
    starts_at: Timestamp,
    lead: Lead,
    shown: ShownRow,
}

/// What the read showed so far; a row with the key itself outweighs any other row of the appointment.
#[derive(Debug, Clone, PartialEq, Eq)]
enum ShownRow {
    /// No row of this appointment.
    Nothing,
    /// A row of it whose start can't be read.
    Unreadable(SkipReason, String),
    /// A row of it with another start.
    Elsewhere,
    /// Its row.
    Here,
}

impl Evidence {
    /// The pending ones among what is known; `only` leaves every other appointment alone.
    pub(super) fn of(knowledge: &Knowledge, only: Option<&str>) -> Self {
        let mut by_appointment: SeededMap<String, Vec<Pending>> = SeededMap::default();
        for (key, known) in &knowledge.reminders {
            if known.state != State::Pending || only.is_some_and(|only| only != key.appointment_id) {
                continue;
            }
            by_appointment.entry(key.appointment_id.clone()).or_default().push(Pending {
                id: known.id,
                starts_at: key.starts_at,
                lead: key.lead,
                shown: ShownRow::Nothing,
            });
        }
        let mut called: SeededMap<String, Vec<(Timestamp, RowOfCall)>> =
            SeededMap::with_capacity_and_hasher(knowledge.people.len(), Seed::default());
        for (id, start) in knowledge.people.values().flatten().filter_map(|call| call.appointment.as_ref()) {
            let starts = called.entry(id.clone()).or_insert_with(|| Vec::with_capacity(1));
            starts.push((*start, RowOfCall::Unseen));
        }
        let mut to_come: SeededMap<String, Vec<(Timestamp, Lead)>> = SeededMap::default();
        let asked = knowledge.rehearsed_to_come.keys().filter(|key| only.is_none_or(|only| only == key.appointment_id));
        for key in asked {
            to_come.entry(key.appointment_id.clone()).or_default().push((key.starts_at, key.lead));
        }
        Self { by_appointment, blocked: HashMap::new(), called, to_come }
    }

    /// Whether no row matters by its id alone.
    pub(super) fn is_empty(&self) -> bool {
        self.by_appointment.is_empty() && self.called.is_empty() && self.to_come.is_empty()
    }

    /// Takes out the calls whose rows the read has no more: a row with the same id and another start corrects them.
    pub(super) fn corrected(&mut self) -> HashSet<(String, Timestamp)> {
        let called = std::mem::take(&mut self.called).into_iter();
        let unseen = called.flat_map(|(id, starts)| {
            let starts = starts.into_iter().filter(|(_, row)| *row == RowOfCall::Unseen);
            starts.map(move |(start, _)| (id.clone(), start)).collect::<Vec<_>>()
        });
        unseen.collect()
    }

    /// Notes a row; returns the leads that are pending for exactly its id and start, and those whose rehearsed calls are to come.
    pub(super) fn witness(&mut self, id: &str, start: &Result<Start, TimeProblem>) -> Vec<Lead> {
        if let (Some(starts), Ok(start)) = (self.called.get_mut(id), start) {
            // the calls of several leads share a start
            let here = starts.iter_mut().filter(|(called, _)| *called == start.at);
            here.for_each(|(_, row)| *row = RowOfCall::Seen);
        }
        let mut leads = Vec::new();
        for pending in self.by_appointment.get_mut(id).into_iter().flatten() {
            match start {
                Ok(start) if start.at == pending.starts_at => {
                    pending.shown = ShownRow::Here;
                    leads.push(pending.lead);
                }
                Ok(_) if pending.shown != ShownRow::Here => pending.shown = ShownRow::Elsewhere,
                Err(problem) if pending.shown == ShownRow::Nothing => {
                    pending.shown = match problem {
                        TimeProblem::Invalid(detail) => ShownRow::Unreadable(SkipReason::InvalidTime, detail.clone()),
                        TimeProblem::NoSuchTime(detail) => ShownRow::Unreadable(SkipReason::NoSuchTime, detail.clone()),
                    };
                }
                Ok(_) | Err(_) => {}
            }
        }
        if let (Some(to_come), Ok(start)) = (self.to_come.get(id), start) {
            leads.extend(to_come.iter().filter(|(starts_at, _)| *starts_at == start.at).map(|(_, lead)| *lead));
        }
        leads
    }

    /// A rule blocks a pending reminder now.
    pub(super) fn block(&mut self, id: ReminderId, block: (SkipReason, String)) {
        self.blocked.insert(id, block);
    }

    /// What the complete read gives evidence against, in the order of start. A missing row counts only
    /// inside the windows of this read: a window that has moved on proves nothing.
    pub(super) fn cancellations(mut self, windows: &[LeadWindow]) -> Vec<Cancellation> {
        let mut found = Vec::new();
        for pending in self.by_appointment.into_values().flatten() {
            let blocked = self.blocked.remove(&pending.id);
            let was_read = windows.iter().any(|window| window.holds(pending.starts_at));
            let why = match (pending.shown, blocked) {
                (_, Some((reason, detail))) | (ShownRow::Unreadable(reason, detail), None) => {
                    Some((reason.as_str(), detail))
                }
                (ShownRow::Here, None) => None,
                (ShownRow::Elsewhere, None) => {
                    Some(("moved", "the source now has another start for this appointment".to_owned()))
                }
                (ShownRow::Nothing, None) if was_read => {
                    Some(("missing", "the source no longer has this appointment".to_owned()))
                }
                (ShownRow::Nothing, None) => None,
            };
            if let Some((reason, detail)) = why {
                found.push((pending.starts_at, Cancellation { id: pending.id, reason: reason.to_owned(), detail }));
            }
        }
        found.sort_by_key(|(starts_at, cancellation)| (*starts_at, cancellation.id));
        found.into_iter().map(|(_, cancellation)| cancellation).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::PersonCall;

    #[test]
    fn the_row_of_an_appointment_is_the_row_of_each_of_its_calls() {
        let start = Timestamp::UNIX_EPOCH;
        let call = |id| PersonCall {
            id: ReminderId(uuid::Uuid::from_u128(id)),
            chain: ReminderId(uuid::Uuid::from_u128(id)),
            due_at: start,
            schedule: None,
            is_shadow: false,
            appointment: Some(("A1".into(), start)),
        };
        let day = jiff::civil::date(1970, 1, 1);
        let people = [(("+12025550143".into(), day), vec![call(1), call(2)])].into_iter().collect();
        let mut evidence = Evidence::of(&Knowledge { people, ..Knowledge::default() }, None);
        let other = Ok(Start { at: Timestamp::MAX, is_ambiguous: false });
        assert!(evidence.witness("A1", &other).is_empty());
        assert_eq!(evidence.corrected(), HashSet::from([("A1".to_owned(), start)]));

        let people = [(("+12025550143".into(), day), vec![call(1), call(2)])].into_iter().collect();
        let mut evidence = Evidence::of(&Knowledge { people, ..Knowledge::default() }, None);
        assert!(evidence.witness("A1", &Ok(Start { at: start, is_ambiguous: false })).is_empty());
        assert!(evidence.corrected().is_empty());
    }
}
