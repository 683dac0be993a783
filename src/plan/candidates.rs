//! pure: the whole read is known: payloads are rendered, persons are counted, and the plan is made.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::case::{Case, LeadDue, Sighting};
use super::explain::WatchedAppointment;
use super::merging::{self, MergedAppointment};
use super::payload::{self, PayloadScope};
use super::people::People;
use super::row_judge::Share;
use super::rules::{Block, Why};
use super::terms::Terms;
use super::whole_rules::{self, WholeCase};
use super::window::Saturating as _;
use super::{
    Cancellation, Counts, KnownReminder, LastCalledStarts, Plan, PlannedReminder, Reminded, SkippedRow, SourceStarts,
    Standing, first_sights, guard, label, restored_gap,
};
use crate::appointment::mapping::trimmed;
use crate::appointment::{Phone, Start};
use crate::parallel;
use crate::personal::Personal;
use crate::reminder::{CallKind, Priority, ReminderId, State};
use crate::row::Row;
use crate::schedule::{Merging, Schedule};
use crate::template::{Payload, RenderError};
use crate::zones::Zone;

/// A row in one of its leads that passed every rule about rows.
pub(super) struct Candidate {
    pub(super) number: u64,
    pub(super) id: String,
    pub(super) start: Start,
    pub(super) lead: LeadDue,
    /// Boxed: few have one, and it is large.
    pub(super) known: Option<Box<KnownReminder>>,
    pub(super) zone: Zone,
    pub(super) phone: Phone,
    /// Who it is, for the person limit.
    pub(super) person: Personal,
    /// The recipient's calendar day of the due time.
    pub(super) due_day: Date,
    pub(super) priority: Priority,
    pub(super) share: Share,
}

/// Sorting tens of thousands moves pointers, not candidates.
pub(super) type BoxedCandidate = Box<Candidate>;

/// A candidate with its row as the source has it. Payloads are rendered from rows; then the rows are let go, which are a good
/// part of what a large plan takes of memory.
pub(super) struct CandidateRow {
    row: Row,
    candidate: BoxedCandidate,
}

impl CandidateRow {
    /// What a row becomes that passed in the lead that decides how it is counted.
    pub(super) fn of(
        terms: &Terms,
        sighting: Sighting,
        lead: Option<LeadDue>,
        known: Option<KnownReminder>,
    ) -> Option<Self> {
        Self::with_share(&terms.schedule, sighting, lead, known, Share::Main)
    }

    /// What a row becomes that passed in another lead.
    pub(super) fn further(case: &Case<'_>) -> Option<Self> {
        let known = case.known.cloned();
        Self::with_share(case.schedule(), case.sighting.clone(), case.lead, known, Share::Further)
    }

    fn with_share(
        schedule: &Schedule,
        sighting: Sighting,
        lead: Option<LeadDue>,
        known: Option<KnownReminder>,
        share: Share,
    ) -> Option<Self> {
        let (row, zone, lead) = (sighting.row.ok()?, sighting.recipient_zone.ok()?, lead?);
        let phone = sighting.phone.into_inner()?.ok()?;
        let person = schedule.appointment.person.as_ref();
        let person = person.and_then(|column| row.as_record().text(column)).and_then(trimmed);
        let candidate = Candidate {
            number: sighting.number,
            person: person.map_or_else(|| phone.e164.clone(), |person| person.into_owned().into()),
            id: sighting.id?,
            start: sighting.start.ok()?,
            lead,
            known: known.map(Box::new),
            phone,
            due_day: zone.date(lead.due_at),
            priority: sighting.priority,
            zone,
            share,
        };
        Some(Self { row, candidate: Box::new(candidate) })
    }
}

impl Candidate {
    /// The reminder of this key, when it is pending.
    pub(super) fn pending(&self) -> Option<&KnownReminder> {
        self.known.as_deref().filter(|known| known.state == State::Pending)
    }

    /// What its templates are filled with: its id and the start that was announced before, and the appointments of a call that
    /// several share.
    pub(super) fn scope<'a>(
        &'a self,
        schedule: &'a Schedule,
        row: &'a Row,
        (reminder_id, previous_starts_at): (ReminderId, Option<Timestamp>),
        appointments: &'a [Value],
    ) -> PayloadScope<'a> {
        PayloadScope {
            schedule,
            row,
            phone: &self.phone,
            zone: &self.zone,
            starts_at: self.start.at,
            appointment_id: &self.id,
            lead: self.lead.lead,
            reminder_id,
            previous_starts_at,
            previous_outcome: self.known.as_ref().and_then(|known| known.previous_outcome),
            appointments,
        }
    }

    /// The first moment at which it may be sent no more (UTC). The last second counts whole: a clock that is read twice
    /// within it says the same. Never after the start.
    fn expires_at(&self) -> Timestamp {
        let after = self.lead.last_second.saturating_add_duration(SignedDuration::from_secs(1));
        match self.lead.lead.kind() {
            CallKind::Reminder => after.min(self.start.at),
            CallKind::Request => after,
        }
    }

    fn note(&self) -> Option<String> {
        let lacks_zero = || format!("it has no leading 0, and was read as {}", self.phone.national());
        let notes = [
            self.start.is_ambiguous.then(|| "ambiguous_time".to_owned()),
            self.phone.is_unassigned.then(|| "unassigned range".to_owned()),
            self.phone.lacks_zero.then(lacks_zero),
        ];
        let notes: Vec<String> = notes.into_iter().flatten().collect();
        (!notes.is_empty()).then(|| notes.join(", "))
    }
}

/// A candidate with its id and what its templates gave.
pub(super) struct RenderedCandidate {
    pub(super) candidate: BoxedCandidate,
    pub(super) id: ReminderId,
    pub(super) previous_starts_at: Option<Timestamp>,
    label: Option<Personal>,
    /// Kept where several appointments may share a call.
    pub(super) row: Option<Row>,
    /// The other appointments that its call is about.
    pub(super) merged: Vec<MergedAppointment>,
    /// The payload and the contact fields.
    pub(super) rendered: Result<(Payload, Option<Payload>), RenderError>,
}

/// What every row of the read is known to be.
pub(super) struct Candidates {
    pub(super) terms: Arc<Terms>,
    pub(super) counts: Counts,
    pub(super) reminded: Reminded,
    pub(super) elsewhere: Option<SourceStarts>,
    pub(super) skipped: Vec<SkippedRow>,
    pub(super) candidates: Vec<CandidateRow>,
    /// Id and start of appointments whose lead had passed before anybody looked for them.
    pub(super) passed: Vec<(String, Timestamp)>,
    pub(super) cancellations: Vec<Cancellation>,
    /// Id and start of calls whose rows the read has no more.
    pub(super) corrected: HashSet<(String, Timestamp)>,
    /// What was said of the appointment to be explained.
    pub(super) watch: Option<WatchedAppointment>,
}

impl Candidates {
    /// The appointments that may be called, each once.
    pub(super) fn appointment_ids(&self) -> Vec<String> {
        let mut ids: Vec<String> = self.candidates.iter().map(|kept| kept.candidate.id.clone()).collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    }

    /// Renders payloads, counts persons, and decides.
    pub(super) fn plan(
        self,
        last_called: &LastCalledStarts,
        as_of: Option<Timestamp>,
        new_id: &mut dyn FnMut() -> ReminderId,
    ) -> Plan {
        let Self {
            terms,
            counts,
            reminded,
            elsewhere,
            skipped,
            candidates,
            passed,
            cancellations,
            corrected,
            mut watch,
        } = self;
        let mut calls = calls(&terms, candidates, last_called, new_id);
        let heads = merging::merge(&terms, &mut calls);
        let unrenderable =
            calls.iter().filter(|call| call.rendered.is_err()).filter_map(|call| call.candidate.pending());
        let leaving =
            cancellations.iter().map(|cancellation| cancellation.id).chain(unrenderable.map(|known| known.id));
        let mut people = People::new(&terms.knowledge, leaving, &corrected, calls.iter().map(|call| &*call.candidate));
        let of_other_dates = skipped.iter().filter(|row| guard::is_of_other_date(row, &terms)).count() as u64;
        let in_window = terms.occasion.only.is_none().then(|| counts.rows - counts.outside_window - of_other_dates);
        let mut plan = Plan { counts, in_window, reminded, elsewhere, skipped, cancellations, ..Plan::default() };
        plan.reminders.reserve_exact(calls.len());
        let mut judging = JudgedCalls { terms: &terms, people: &mut people, plan: &mut plan, watch: &mut watch };
        judging.all(calls, &heads);
        plan.skipped.sort_by_key(|skipped| skipped.row);
        plan.cancellations.sort_by_key(|cancellation| cancellation.id);
        plan.cancellations.dedup_by_key(|cancellation| cancellation.id);
        restored_gap::set_apart(&mut plan, &terms.knowledge, &terms.schedule);
        plan.first_sights = first_sights::of_plan(&plan, &passed, &terms);
        plan.newly_watched = terms.newly_watched();
        guard::ask(&mut plan, &terms, as_of);
        plan.explanation = watch.map(|watch| watch.explanation(&terms.schedule, &terms.knowledge, &plan));
        plan
    }
}

/// The rules about the whole, asked of one call after another.
struct JudgedCalls<'a, 'k> {
    terms: &'a Terms,
    people: &'a mut People<'k>,
    plan: &'a mut Plan,
    watch: &'a mut Option<WatchedAppointment>,
}

impl JudgedCalls<'_, '_> {
    /// `heads` has for each call the one whose call tells of it. That one is judged first: an appointment is told in a call
    /// only if that call is made.
    fn all(&mut self, calls: Vec<RenderedCandidate>, heads: &[Option<usize>]) {
        let mut made: HashMap<usize, String> = HashMap::new();
        let mut members = Vec::new();
        for (place, (call, head)) in calls.into_iter().zip(heads).enumerate() {
            if let Some(head) = head {
                members.push((*head, call));
                continue;
            }
            let id = (!call.merged.is_empty()).then(|| call.candidate.id.clone());
            if self.one(call, None) {
                made.extend(id.map(|id| (place, id)));
            }
        }
        if members.is_empty() {
            return;
        }
        for (head, call) in members {
            self.one(call, made.get(&head).map(String::as_str));
        }
        self.plan.reminders.sort_by_key(|reminder| reminder.starts_at);
    }

    /// Whether the call is made.
    fn one(&mut self, call: RenderedCandidate, told_with: Option<&str>) -> bool {
        let other_calls = self.people.other_calls(&call.candidate);
        let other_call = other_calls
            .filter(|calls| *calls > 0)
            .and_then(|_| self.people.other_call(&call.candidate, &self.plan.reminders));
        let case = WholeCase { terms: self.terms, call: &call, told_with, other_calls, other_call };
        if let Some(watch) = self.watch {
            watch.see_whole(&case);
        }
        match whole_rules::ask(&case) {
            Ok(()) => {
                self.people.accept(&call.candidate, self.plan.reminders.len());
                let corrects = self.people.corrected_by(&call.candidate);
                self.plan.accept(call, corrects, self.terms);
                true
            }
            Err(block) => {
                self.plan.skip(*call.candidate, call.label, block);
                false
            }
        }
    }
}

/// The candidates with their payloads, soonest start first.
fn calls(
    terms: &Terms,
    mut candidates: Vec<CandidateRow>,
    last_called: &LastCalledStarts,
    new_id: &mut dyn FnMut() -> ReminderId,
) -> Vec<RenderedCandidate> {
    candidates.sort_by_cached_key(|CandidateRow { candidate, .. }| {
        (candidate.start.at, candidate.number, candidate.lead.due_at)
    });
    let mut id_of = |candidate: &Candidate| candidate.known.as_ref().map_or_else(&mut *new_id, |known| known.id);
    let named = candidates.into_iter().map(|kept| (id_of(&kept.candidate), kept)).collect();
    parallel::map(named, |(id, CandidateRow { row, candidate })| {
        let previous_starts_at = last_called.get(&candidate.id).copied().filter(|start| *start != candidate.start.at);
        let scope = candidate.scope(&terms.schedule, &row, (id, previous_starts_at), &[]);
        let rendered = payload::rendered(&terms.schedule, &scope);
        let label = label::of(&terms.schedule, &scope);
        let row = (terms.schedule.remind.merge != Merging::Never).then_some(row);
        RenderedCandidate { candidate, id, previous_starts_at, label, row, merged: Vec::new(), rendered }
    })
}

impl Plan {
    fn accept(&mut self, call: RenderedCandidate, corrects: Vec<ReminderId>, terms: &Terms) {
        let takes_over = terms.told_by_pending(&call.candidate);
        let RenderedCandidate {
            candidate,
            id,
            previous_starts_at,
            label,
            row: _,
            merged,
            rendered: Ok((payload, contact)),
        } = call
        else {
            return; // `payload_error` blocks it
        };
        self.counts.planned += u64::from(candidate.share == Share::Main);
        self.reminders.push(PlannedReminder {
            id,
            standing: match candidate.known.as_ref().map(|known| known.state) {
                None => Standing::New,
                Some(State::Pending) => Standing::Pending,
                Some(_) => Standing::Returning,
            },
            starts_at: candidate.start.at,
            lead: candidate.lead.lead,
            due_at: candidate.lead.due_at,
            send_at: candidate.lead.send_at,
            expires_at: candidate.expires_at(),
            note: candidate.note(),
            appointment_id: candidate.id,
            phone: candidate.phone.e164,
            person: candidate.person,
            due_day: candidate.due_day,
            recipient_zone: candidate.zone.shared_name(),
            priority: candidate.priority,
            payload,
            label,
            contact,
            previous_starts_at,
            merged,
            takes_over,
            corrects,
        });
    }

    fn skip(&mut self, candidate: Candidate, label: Option<Personal>, block: Block) {
        let reason = match block.why {
            Why::Skip(reason) => reason,
            Why::OutsideWindow | Why::AlreadyReminded => return,
        };
        if let Some(pending) = candidate.pending() {
            let detail = block.detail.clone();
            self.cancellations.push(Cancellation { id: pending.id, reason: reason.as_str().to_owned(), detail });
        }
        if candidate.share == Share::Further {
            return;
        }
        self.counts.skipped += 1;
        self.skipped.push(SkippedRow {
            label_phone: label.as_ref().map(|_| candidate.phone.e164.clone()),
            label,
            row: candidate.number,
            appointment_id: Some(candidate.id),
            starts_at: Some(candidate.start.at),
            lead: Some(candidate.lead.lead),
            reason,
            detail: block.detail,
            phone: Some(candidate.phone.e164),
            recipient_zone: Some(candidate.zone.name().to_owned()),
        });
    }
}
