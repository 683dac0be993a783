//! pure: one call for several appointments of a person, or of a phone, that are due on the same day.

use std::collections::HashMap;

use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::Value;

use super::candidates::{Candidate, CandidateCall};
use super::payload;
use super::terms::Terms;
use crate::reminder::Lead;
use crate::schedule::Merging;

/// An appointment that is told in the call of another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MergedAppointment {
    /// Its id.
    pub appointment_id: String,
    /// Its start (UTC).
    pub starts_at: Timestamp,
    /// The lead that it would have had.
    pub lead: Lead,
}

/// Finds the calls that belong together and fills the payload of each one's head with all of their appointments. Returns for
/// every call the place of its head; `None` for heads and for calls that stay alone.
pub(super) fn merge(terms: &Terms, calls: &mut [CandidateCall]) -> Vec<Option<usize>> {
    let mut heads = vec![None; calls.len()];
    match terms.schedule.remind.merge {
        Merging::Never => return heads,
        Merging::SameDay => {}
    }
    for group in groups(calls).into_iter().filter(|group| group.len() > 1) {
        // a call that is pending already becomes the head: it keeps its id and its place among the person's calls
        let is_pending = |place: &&usize| calls[**place].candidate.pending().is_some();
        let head = *group.iter().find(is_pending).unwrap_or(&group[0]);
        if fill(terms, calls, head, &group) {
            group.iter().filter(|place| **place != head).for_each(|place| heads[*place] = Some(head));
        }
    }
    heads
}

/// What calls have to have in common to be merged: a day, the zone in whose hours they go out, and a person or a phone. In
/// another zone a call would come at another time, perhaps at night or when it is too late.
type Recipient<'a> = (Date, &'a str, &'a str);

/// The places of calls that go to one person or phone on one day, in the order of start.
fn groups(calls: &[CandidateCall]) -> Vec<Vec<usize>> {
    let mut groups: Vec<Vec<usize>> = Vec::new();
    let mut of_person: HashMap<Recipient<'_>, usize> = HashMap::new();
    let mut of_phone: HashMap<Recipient<'_>, usize> = HashMap::new();
    for (place, call) in calls.iter().enumerate().filter(|(_, call)| call.payload_error().is_none()) {
        let candidate: &Candidate = &call.candidate;
        let (day, zone) = (candidate.due_day, candidate.zone.name());
        let person = (day, zone, candidate.person.as_str());
        let phone = (day, zone, candidate.phone.e164.as_str());
        let known = of_person.get(&person).or_else(|| of_phone.get(&phone)).copied();
        let group = known.unwrap_or_else(|| {
            groups.push(Vec::new());
            groups.len() - 1
        });
        groups[group].push(place);
        of_person.entry(person).or_insert(group);
        of_phone.entry(phone).or_insert(group);
    }
    groups
}

/// Fills the head's payload anew; `false`, and everything stays as it is, when that can't be done.
fn fill(terms: &Terms, calls: &mut [CandidateCall], head: usize, group: &[usize]) -> bool {
    let mut appointments: Vec<Value> = Vec::new();
    let mut merged: Vec<MergedAppointment> = Vec::new();
    for place in group {
        let call = &calls[*place];
        let candidate = &call.candidate;
        let Some(row) = &call.row else { return false };
        let listed = payload::listed(row, &candidate.zone, &candidate.id, candidate.start.at);
        // two leads of one appointment may be due on one day
        if !appointments.contains(&listed) {
            appointments.push(listed);
        }
        if *place != head {
            let (appointment_id, starts_at) = (candidate.id.clone(), candidate.start.at);
            merged.push(MergedAppointment { appointment_id, starts_at, lead: candidate.lead.lead });
        }
    }
    let CandidateCall { candidate, row: Some(row), rendered: Some(rendered) } = &mut calls[head] else { return false };
    let scope = candidate.scope(&terms.schedule, row, (rendered.id, rendered.previous_starts_at), &appointments);
    let payload = payload::rendered(&terms.schedule, &scope);
    if payload.is_err() {
        return false;
    }
    (rendered.payload, rendered.merged) = (payload, merged);
    true
}
