//! pure: how many calls a person gets on one of their calendar days, over all schedules of an account.

use std::collections::{HashMap, HashSet};

use jiff::civil::Date;

use super::planner::Candidate;
use super::{Knowledge, Seed};
use crate::reminder::{ReminderId, State};

/// The calls of each person and day: those the ledger holds, without those that this plan takes away, and those accepted.
pub(super) struct People<'a> {
    held: &'a HashMap<(String, Date), Vec<ReminderId>>,
    leaving: HashSet<ReminderId>,
    accepted: HashMap<Date, HashMap<String, usize, Seed>, Seed>,
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
        Self { held: &knowledge.people, leaving, accepted: HashMap::default() }
    }

    /// The person's other calls of that day; `None` for a pending reminder that keeps the place it has.
    pub(super) fn other_calls(&self, candidate: &Candidate) -> Option<usize> {
        if is_pending(candidate) && keeps_place(candidate) {
            return None;
        }
        let own = candidate.known.as_ref().map(|known| known.id);
        let others =
            self.held_of(candidate).iter().filter(|id| Some(**id) != own && !self.leaving.contains(id)).count();
        let accepted = self.accepted.get(&candidate.due_day).and_then(|day| day.get(&candidate.person));
        Some(others + accepted.copied().unwrap_or(0))
    }

    /// It is called.
    pub(super) fn accept(&mut self, candidate: &Candidate) {
        let own = candidate.known.as_ref().map(|known| known.id);
        let keeps = is_pending(candidate) && keeps_place(candidate);
        if keeps && self.held_of(candidate).iter().any(|id| Some(*id) == own) {
            return;
        }
        let day = self.accepted.entry(candidate.due_day).or_default();
        match day.get_mut(&candidate.person) {
            Some(calls) => *calls += 1,
            None => drop(day.insert(candidate.person.clone(), 1)),
        }
    }

    /// The calls of that person and day that the ledger holds.
    fn held_of(&self, candidate: &Candidate) -> &'a [ReminderId] {
        if self.held.is_empty() {
            return &[];
        }
        self.held.get(&(candidate.person.clone(), candidate.due_day)).map_or(&[], Vec::as_slice)
    }
}

fn is_pending(candidate: &Candidate) -> bool {
    candidate.known.as_ref().is_some_and(|known| known.state == State::Pending)
}

fn keeps_place(candidate: &Candidate) -> bool {
    let place = candidate.known.as_ref().map(|known| (known.person.as_str(), known.due_day));
    place == Some((candidate.person.as_str(), candidate.due_day))
}
