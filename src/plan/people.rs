//! pure: how many calls a person gets on one of their calendar days, over all schedules of an account.

use std::collections::{HashMap, HashSet};

use jiff::civil::Date;

use super::Knowledge;
use super::planner::Candidate;
use crate::reminder::{ReminderId, State};

/// The calls of each person and day: those the ledger holds, without those that this plan takes away, and those accepted.
pub(super) struct People<'a> {
    held: &'a HashMap<(String, Date), Vec<ReminderId>>,
    leaving: HashSet<ReminderId>,
    accepted: HashMap<(String, Date), usize>,
}

impl<'a> People<'a> {
    /// `cancelled`: this plan's; `candidates`: pending ones among them may now belong to another person or day.
    pub(super) fn new<'c>(
        knowledge: &'a Knowledge,
        cancelled: impl Iterator<Item = ReminderId>,
        candidates: impl Iterator<Item = &'c Candidate>,
    ) -> Self {
        let mut leaving: HashSet<ReminderId> = cancelled.collect();
        let changed = candidates.filter(|candidate| is_pending(candidate) && !keeps_place(candidate));
        leaving.extend(changed.filter_map(|candidate| candidate.known.as_ref().map(|known| known.id)));
        Self { held: &knowledge.people, leaving, accepted: HashMap::new() }
    }

    /// The person's other calls of that day; `None` for a pending reminder that keeps the place it has.
    pub(super) fn other_calls(&self, candidate: &Candidate) -> Option<usize> {
        if is_pending(candidate) && keeps_place(candidate) {
            return None;
        }
        let key = (candidate.person.clone(), candidate.due_day);
        let own = candidate.known.as_ref().map(|known| known.id);
        let held = self.held.get(&key).map_or(&[][..], Vec::as_slice);
        let others = held.iter().filter(|id| Some(**id) != own && !self.leaving.contains(id)).count();
        Some(others + self.accepted.get(&key).copied().unwrap_or(0))
    }

    /// It is called.
    pub(super) fn accept(&mut self, candidate: &Candidate) {
        let key = (candidate.person.clone(), candidate.due_day);
        let own = candidate.known.as_ref().map(|known| known.id);
        let is_held = is_pending(candidate)
            && keeps_place(candidate)
            && self.held.get(&key).is_some_and(|ids| ids.iter().any(|id| Some(*id) == own));
        if !is_held {
            *self.accepted.entry(key).or_default() += 1;
        }
    }
}

fn is_pending(candidate: &Candidate) -> bool {
    candidate.known.as_ref().is_some_and(|known| known.state == State::Pending)
}

fn keeps_place(candidate: &Candidate) -> bool {
    let place = candidate.known.as_ref().map(|known| (known.person.as_str(), known.due_day));
    place == Some((candidate.person.as_str(), candidate.due_day))
}
