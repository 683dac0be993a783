//! pure, on threads: makes the plan once the whole source was read: renders payloads, counts the calls of each person, and decides about each
//! call.

use std::collections::HashSet;
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
use super::rules::{Block, BlockedAs};
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

/// A candidate on its way to a call: at first with its row as the source has it, then with what its templates gave. One type for
/// both, larger than a planned reminder: a large plan is made in the room that its candidates took.
pub(super) struct CandidateCall {
    pub(super) candidate: Candidate,
    /// Payloads are rendered from rows; then the rows are let go, which are a good part of what a large plan takes of memory.
    /// Kept where several appointments may share a call.
    pub(super) row: Option<Row>,
    /// `None` until the whole read is known.
    pub(super) rendered: Option<Rendered>,
}

/// What the templates of a candidate gave.
pub(super) struct Rendered {
    /// The id of the reminder.
    pub(super) id: ReminderId,
    pub(super) previous_starts_at: Option<Timestamp>,
    label: Option<Personal>,
    /// The other appointments that its call is about.
    pub(super) merged: Vec<MergedAppointment>,
    /// The payload and the contact fields.
    pub(super) payload: Result<(Payload, Option<Payload>), RenderError>,
}

impl CandidateCall {
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
        Some(Self { candidate, row: Some(row), rendered: None })
    }

    /// Why its templates gave no payload.
    pub(super) fn payload_error(&self) -> Option<&str> {
        match &self.rendered {
            Some(Rendered { payload: Ok(_), .. }) => None,
            Some(Rendered { payload: Err(error), .. }) => Some(error.0.as_str()),
            None => Some("no payload was rendered"),
        }
    }

    /// Fills its templates.
    fn render(&mut self, terms: &Terms, id: ReminderId, previous_starts_at: Option<Timestamp>) {
        let Some(row) = self.row.take() else { return };
        let scope = self.candidate.scope(&terms.schedule, &row, (id, previous_starts_at), &[]);
        let payload = payload::rendered(&terms.schedule, &scope);
        let label = label::of(&terms.schedule, &scope);
        self.rendered = Some(Rendered { id, previous_starts_at, label, merged: Vec::new(), payload });
        self.row = (terms.schedule.remind.merge != Merging::Never).then_some(row);
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
        notes.into_iter().flatten().reduce(|all, note| format!("{all}, {note}"))
    }
}

/// What every row of the read is known to be.
pub(super) struct Candidates {
    pub(super) terms: Arc<Terms>,
    pub(super) counts: Counts,
    pub(super) reminded: Reminded,
    pub(super) rehearsed: Vec<String>,
    pub(super) elsewhere: Option<SourceStarts>,
    pub(super) skipped: Vec<SkippedRow>,
    /// The calls in the order of their rows.
    pub(super) calls: Vec<CandidateCall>,
    /// Id and start of appointments whose lead had passed before anybody looked for them.
    pub(super) passed: Vec<(String, Timestamp)>,
    pub(super) cancellations: Vec<Cancellation>,
    /// Id and start of calls whose rows the read has no more.
    pub(super) corrected: HashSet<(String, Timestamp)>,
    /// What was said of the appointment to be explained.
    pub(super) watch: Option<WatchedAppointment>,
}

impl Candidates {
    /// The appointments that may be called, each once: the leads of a row follow one another.
    pub(super) fn appointment_ids(&self) -> Vec<String> {
        let mut ids: Vec<&str> = self.calls.iter().map(|call| call.candidate.id.as_str()).collect();
        ids.dedup();
        ids.into_iter().map(str::to_owned).collect()
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
            rehearsed,
            elsewhere,
            skipped,
            mut calls,
            passed,
            cancellations,
            corrected,
            mut watch,
        } = self;
        render(&terms, &mut calls, last_called, new_id);
        let heads = merging::merge(&terms, &mut calls);
        let unrenderable = calls.iter().filter(|call| call.payload_error().is_some());
        let unrenderable = unrenderable.filter_map(|call| call.candidate.pending());
        let leaving =
            cancellations.iter().map(|cancellation| cancellation.id).chain(unrenderable.map(|known| known.id));
        let mut people = People::new(&terms.knowledge, leaving, &corrected, calls.iter().map(|call| &call.candidate));
        let of_other_dates = skipped.iter().filter(|row| guard::is_of_other_date(row, &terms)).count() as u64;
        let in_window = terms.occasion.is_of_all_rows().then(|| counts.rows - counts.outside_window - of_other_dates);
        let mut plan =
            Plan { counts, in_window, reminded, rehearsed, elsewhere, skipped, cancellations, ..Plan::default() };
        let mut judging = JudgedCalls { terms: &terms, people: &mut people, calls: &calls, watch: &mut watch };
        let blocks = judging.all(&heads);
        // collecting puts the reminders into the room of the calls
        let reminders = calls.into_iter().zip(blocks).filter_map(|(call, block)| match block {
            None => plan.accept(call, &people, &terms),
            Some(block) => plan.skip(call, block),
        });
        plan.reminders = reminders.collect();
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
    calls: &'a [CandidateCall],
    watch: &'a mut Option<WatchedAppointment>,
}

impl JudgedCalls<'_, '_> {
    /// For each call, what blocks it; `None` for one that is made. `heads` has for each call the one that covers it, which is
    /// judged first: an appointment is covered by a call only if that call is made.
    fn all(&mut self, heads: &[Option<usize>]) -> Vec<Option<Block>> {
        let alone = heads.iter().enumerate();
        let mut blocks: Vec<Option<Block>> =
            alone.map(|(place, head)| if head.is_none() { self.block(place, None) } else { None }).collect();
        for (place, head) in heads.iter().enumerate() {
            let Some(head) = *head else { continue };
            let told_with = blocks[head].is_none().then(|| self.calls[head].candidate.id.as_str());
            blocks[place] = self.block(place, told_with);
        }
        blocks
    }

    fn block(&mut self, place: usize, told_with: Option<&str>) -> Option<Block> {
        let call = &self.calls[place];
        let other_calls = self.people.other_calls(&call.candidate);
        let other_call =
            other_calls.filter(|calls| *calls > 0).and_then(|_| self.people.other_call(&call.candidate, self.calls));
        let case = WholeCase { terms: self.terms, call, told_with, other_calls, other_call };
        if let Some(watch) = self.watch {
            watch.see_whole(&case);
        }
        let block = whole_rules::ask(&case).err();
        if block.is_none() {
            self.people.accept(&call.candidate, place);
        }
        block
    }
}

/// Sorts the calls, soonest start first, and renders their payloads.
fn render(
    terms: &Terms,
    calls: &mut [CandidateCall],
    last_called: &LastCalledStarts,
    new_id: &mut dyn FnMut() -> ReminderId,
) {
    calls.sort_by_cached_key(|CandidateCall { candidate, .. }| {
        (candidate.start.at, candidate.number, candidate.lead.due_at)
    });
    let ids: Vec<ReminderId> =
        calls.iter().map(|call| call.candidate.known.as_ref().map_or_else(&mut *new_id, |known| known.id)).collect();
    parallel::change(calls, ids, |call, id| {
        let candidate = &call.candidate;
        let previous_starts_at = last_called.get(&candidate.id).copied().filter(|start| *start != candidate.start.at);
        call.render(terms, id, previous_starts_at);
    });
}

impl Plan {
    fn accept(&mut self, call: CandidateCall, people: &People<'_>, terms: &Terms) -> Option<PlannedReminder> {
        let CandidateCall { candidate, rendered: Some(rendered), row: _ } = call else { return None };
        // `payload_error` blocks any other
        let (payload, contact) = rendered.payload.ok()?;
        self.counts.planned += u64::from(candidate.share == Share::Main);
        Some(PlannedReminder {
            id: rendered.id,
            takes_over: terms.told_by_pending(&candidate),
            corrects: people.corrected_by(&candidate),
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
            label: rendered.label,
            contact,
            previous_starts_at: rendered.previous_starts_at,
            merged: rendered.merged,
        })
    }

    /// No reminder comes of it.
    fn skip(&mut self, call: CandidateCall, block: Block) -> Option<PlannedReminder> {
        let CandidateCall { candidate, rendered, row: _ } = call;
        let BlockedAs::Skip(reason) = block.why else { return None };
        if let Some(pending) = candidate.pending() {
            let detail = block.detail.clone();
            self.cancellations.push(Cancellation { id: pending.id, reason: reason.as_str().to_owned(), detail });
        }
        if candidate.share == Share::Further {
            return None;
        }
        let label = rendered.and_then(|rendered| rendered.label);
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
            cell: None,
            phone: Some(candidate.phone.e164),
            recipient_zone: Some(candidate.zone.name().to_owned()),
        });
        None
    }
}
