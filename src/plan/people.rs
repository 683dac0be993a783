//! pure: how many calls a person gets on one of their calendar days, over all schedules of an account.

use std::collections::HashSet;

use jiff::Timestamp;
use jiff::civil::Date;

use super::candidates::{Candidate, CandidateCall};
use super::{Knowledge, KnownReminder, PersonCall};
use crate::personal::Personal;
use crate::reminder::ReminderId;
use crate::seeded::{Seed, SeededMap, SeededSet};

/// The calls of each person and day: those the ledger holds, without those that this plan takes away, and those accepted.
pub(super) struct People<'a> {
    held: &'a SeededMap<(Personal, Date), Vec<PersonCall>>,
    leaving: SeededSet<ReminderId>,
    /// Id and start of calls whose rows the read has no more: a new call about that appointment corrects them.
    corrected: &'a HashSet<(String, Timestamp)>,
    accepted: SeededMap<Date, SeededMap<Personal, AcceptedCalls>>,
    /// How many candidates there are: the first day has room for all, since most plans look at one day.
    expected: usize,
}

/// The calls of a person and day that this plan makes. Small, since a large plan has as many as calls.
#[derive(Clone, Copy)]
struct AcceptedCalls {
    count: u32,
    /// The place of the first of them among the calls that are judged.
    first: u32,
}

/// A call that counts for the same person and day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct OtherCall<'a> {
    /// Its schedule, when it is another one.
    pub(super) schedule: Option<&'a str>,
    /// The start of its appointment (UTC), when it is of this schedule.
    pub(super) starts_at: Option<Timestamp>,
    /// When it is or was due (UTC).
    pub(super) due_at: Timestamp,
    /// A run in shadow mode would have made it.
    pub(super) is_shadow: bool,
}

impl<'a> People<'a> {
    /// Counts what is known. `cancelled` are this plan's cancellations; `candidates` may contain pending ones that now belong to
    /// another person or day.
    pub(super) fn new<'c>(
        knowledge: &'a Knowledge,
        cancelled: impl Iterator<Item = ReminderId>,
        corrected: &'a HashSet<(String, Timestamp)>,
        candidates: impl ExactSizeIterator<Item = &'c Candidate>,
    ) -> Self {
        let count = candidates.len();
        let mut leaving: SeededSet<ReminderId> = cancelled.collect();
        let changed = candidates.filter(|candidate| !keeps_place(candidate)).filter_map(Candidate::pending);
        leaving.extend(changed.map(|known| known.id));
        Self { held: &knowledge.people, leaving, corrected, accepted: SeededMap::default(), expected: count }
    }

    /// The person's other calls of that day; `None` for a pending reminder that keeps the place it has.
    pub(super) fn other_calls(&self, candidate: &Candidate) -> Option<usize> {
        if keeps_place(candidate) {
            return None;
        }
        let others = chains(self.held_others(candidate));
        Some(others + self.accepted_of(candidate).map_or(0, |accepted| accepted.count as usize))
    }

    /// One of the person's other calls of that day. `calls` has those that this plan has accepted.
    pub(super) fn other_call(&self, candidate: &Candidate, calls: &[CandidateCall]) -> Option<OtherCall<'a>> {
        let held = self.held_others(candidate).next().map(|call| OtherCall {
            schedule: call.schedule.as_deref(),
            starts_at: call.appointment.as_ref().map(|(_, start)| *start),
            due_at: call.due_at,
            is_shadow: call.is_shadow,
        });
        held.or_else(|| {
            let first = &calls.get(self.accepted_of(candidate)?.first as usize)?.candidate;
            let (starts_at, due_at) = (Some(first.start.at), first.lead.due_at);
            Some(OtherCall { schedule: None, starts_at, due_at, is_shadow: false })
        })
    }

    /// What the ledger holds of the person's other calls of that day.
    fn held_others(&self, candidate: &Candidate) -> impl Iterator<Item = &'a PersonCall> {
        let own = candidate.known.as_ref().map(|known| known.id);
        self.held_of(candidate).iter().filter(move |call| {
            Some(call.id) != own && !self.leaving.contains(&call.id) && !self.is_corrected(call, candidate)
        })
    }

    fn accepted_of(&self, candidate: &Candidate) -> Option<&AcceptedCalls> {
        self.accepted.get(&candidate.due_day)?.get(&candidate.person)
    }

    /// Calls of that person and day about the same appointment that this one corrects.
    pub(super) fn corrected_by(&self, candidate: &Candidate) -> Vec<ReminderId> {
        let corrected = self.held_of(candidate).iter().filter(|call| self.is_corrected(call, candidate));
        corrected.map(|call| call.id).collect()
    }

    fn is_corrected(&self, call: &PersonCall, candidate: &Candidate) -> bool {
        let Some((id, start)) = &call.appointment else { return false };
        *id == candidate.id && *start != candidate.start.at && self.corrected.contains(&(id.clone(), *start))
    }

    /// Counts a call that is made; `place` is its place among the calls that are judged.
    pub(super) fn accept(&mut self, candidate: &Candidate, place: usize) {
        let own = candidate.known.as_ref().map(|known| known.id);
        if keeps_place(candidate) && self.held_of(candidate).iter().any(|call| Some(call.id) == own) {
            return;
        }
        let room = if self.accepted.is_empty() { self.expected } else { 0 };
        let day = self.accepted.entry(candidate.due_day);
        let day = day.or_insert_with(|| SeededMap::with_capacity_and_hasher(room, Seed::default()));
        // no plan has more calls
        let first = u32::try_from(place).unwrap_or(u32::MAX);
        day.entry(candidate.person.clone()).or_insert(AcceptedCalls { count: 0, first }).count += 1;
    }

    /// The calls of that person and day that the ledger holds.
    fn held_of(&self, candidate: &Candidate) -> &'a [PersonCall] {
        if self.held.is_empty() {
            return &[];
        }
        self.held.get(&(candidate.person.clone(), candidate.due_day)).map_or(&[], Vec::as_slice)
    }
}

/// How many chains these calls are of: a call and its retries count once.
fn chains<'c>(calls: impl Iterator<Item = &'c PersonCall>) -> usize {
    let calls: Vec<ReminderId> = calls.map(|call| call.chain).collect();
    match calls.as_slice() {
        [] | [_] => calls.len(),
        several => several.iter().enumerate().filter(|(place, chain)| !several[..*place].contains(chain)).count(),
    }
}

/// Whether it is pending for the same person and day.
fn keeps_place(candidate: &Candidate) -> bool {
    let is_same = |known: &KnownReminder| known.person == candidate.person && known.due_day == candidate.due_day;
    candidate.pending().is_some_and(is_same)
}
