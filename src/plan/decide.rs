//! pure: the whole read is known: payloads are rendered, persons judged, and the plan is made.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

use super::evidence_order;
use super::explain::{Explanation, Watch};
use super::halves::in_halves;
use super::payload::{self, PayloadScope};
use super::people::People;
use super::planner::{Candidate, Kept, Share, Terms};
use super::rules::{self, Block, Case, Stage, Why};
use super::{Cancellation, Counts, Held, Plan, PlannedReminder, SkippedRow, Standing};
use crate::reminder::{ReminderId, SkipReason, State};
use crate::row::Row;
use crate::template::{Payload, RenderError};

/// Every row of the read is known; what is left needs one more look into the ledger.
pub struct Candidates {
    pub(super) terms: Arc<Terms>,
    pub(super) counts: Counts,
    pub(super) skipped: Vec<SkippedRow>,
    pub(super) candidates: Vec<Kept>,
    pub(super) cancellations: Vec<Cancellation>,
    pub(super) watch: Option<Watch>,
}

/// A candidate with its id and what its templates gave.
struct Rendered {
    candidate: Kept,
    id: ReminderId,
    previous_starts_at: Option<Timestamp>,
    outcome: Result<(Payload, Value), RenderError>,
}

impl Candidates {
    /// The appointments that may be called: the ledger is asked which starts they were told before.
    #[must_use]
    pub fn appointment_ids(&self) -> Vec<String> {
        let mut ids: Vec<String> = self.candidates.iter().map(|candidate| candidate.id.clone()).collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    }

    /// Renders payloads, judges persons, and decides. `told`: the start last told for an appointment; `new_id` makes
    /// the id of each new reminder (time and chance are arguments).
    #[must_use]
    pub fn decide(self, told: &HashMap<String, Timestamp>, new_id: &mut dyn FnMut() -> ReminderId) -> Plan {
        self.decided(told, new_id).0
    }

    /// Decides as [`Candidates::decide`] would, and tells what the rules said of the watched appointment.
    #[must_use]
    pub fn explain(
        self,
        told: &HashMap<String, Timestamp>,
        new_id: &mut dyn FnMut() -> ReminderId,
    ) -> (Plan, Explanation) {
        let schedule = self.terms.schedule.name.clone();
        let (plan, watch) = self.decided(told, new_id);
        let explanation = watch.unwrap_or_else(|| Watch::of("")).explanation(&schedule, plan.held.as_ref());
        (plan, explanation)
    }

    fn decided(
        mut self,
        told: &HashMap<String, Timestamp>,
        new_id: &mut dyn FnMut() -> ReminderId,
    ) -> (Plan, Option<Watch>) {
        let mut candidates = std::mem::take(&mut self.candidates);
        candidates.sort_by_cached_key(|candidate| (candidate.start.at, candidate.number, candidate.lead.due_at));
        let mut id_of = |candidate: &Kept| candidate.known.as_ref().map_or_else(&mut *new_id, |known| known.id);
        let named = candidates.into_iter().map(|candidate| (id_of(&candidate), candidate)).collect();
        let rendered = in_halves(named, |(id, candidate)| self.rendered(id, candidate, told));
        let unrenderable = rendered.iter().filter(|it| it.outcome.is_err()).filter_map(|it| it.candidate.pending_id());
        let leaving = self.cancellations.iter().map(|cancellation| cancellation.id).chain(unrenderable);
        let terms = Arc::clone(&self.terms);
        let mut people = People::new(&terms.knowledge, leaving, rendered.iter().map(|it| &*it.candidate));
        let mut plan = Plan { counts: self.counts, skipped: std::mem::take(&mut self.skipped), ..Plan::default() };
        plan.reminders.reserve_exact(rendered.len());
        plan.cancellations = std::mem::take(&mut self.cancellations);
        for it in rendered {
            self.judge(it, &mut people, &mut plan);
        }
        plan.skipped.sort_by_key(|skipped| skipped.row);
        evidence_order(&mut plan.cancellations);
        self.hold(&mut plan);
        (plan, self.watch)
    }

    fn rendered(&self, id: ReminderId, candidate: Kept, told: &HashMap<String, Timestamp>) -> Rendered {
        let previous_starts_at = told.get(&candidate.id).copied().filter(|told| *told != candidate.start.at);
        let schedule = &self.terms.schedule;
        let scope = PayloadScope {
            schedule,
            row: &candidate.row,
            phone: &candidate.phone,
            zone: &candidate.zone,
            starts_at: candidate.start.at,
            appointment_id: &candidate.id,
            lead: candidate.lead.lead,
            reminder_id: id,
            previous_starts_at,
        };
        let outcome = payload::rendered(schedule, &scope);
        let is_watched = self.watch.as_ref().is_some_and(|watch| watch.appointment_id() == candidate.id);
        let mut candidate = candidate;
        if !is_watched {
            // nothing asks for the columns any more, and they are most of what tens of thousands take
            candidate.row = Row::Tree(serde_json::Map::new());
        }
        Rendered { candidate, id, previous_starts_at, outcome }
    }

    fn judge(&mut self, rendered: Rendered, people: &mut People<'_>, plan: &mut Plan) {
        let Rendered { candidate, id, previous_starts_at, outcome } = rendered;
        let problem = outcome.as_ref().err().map(ToString::to_string);
        let case = Case {
            id: Some(&candidate.id),
            start: Ok(candidate.start),
            recipient_zone: Ok(&candidate.zone),
            lead: Some(candidate.lead),
            known: candidate.known.as_deref(),
            row: Some(&candidate.row),
            payload_problem: problem.as_deref(),
            person_calls: people.other_calls(&candidate),
            ..self.terms.case()
        };
        if candidate.share == Share::Main
            && let Some(watch) = self.watch.as_mut().filter(|watch| watch.appointment_id() == candidate.id)
        {
            watch.see_whole(&case);
        }
        let verdict = rules::ask(&case, Stage::WholeRead);
        match (verdict, outcome) {
            (Ok(()), Ok((payload, contact))) => {
                people.accept(&candidate);
                plan.counts.planned += u64::from(candidate.share == Share::Main);
                plan.reminders.push(planned(*candidate, id, previous_starts_at, payload, contact));
            }
            (Err(block), _) => skip(*candidate, block, plan),
            (Ok(()), Err(error)) => {
                let why = Why::Skip(SkipReason::PayloadError);
                skip(*candidate, Block { why, detail: error.0 }, plan);
            }
        }
    }

    /// More calls than `max_calls` hold the run: nobody is called, nothing is cancelled.
    fn hold(&self, plan: &mut Plan) {
        let calls = plan.reminders.iter().filter(|reminder| reminder.standing != Standing::Pending).count();
        let limit = self.terms.schedule.max_calls;
        if calls > usize::try_from(limit).unwrap_or(usize::MAX) {
            plan.cancellations.clear();
            plan.held = Some(Held {
                guard: "max_calls".into(),
                detail: format!(
                    "{calls} calls are more than `max_calls` = {limit}: look at the source, or raise `max_calls` under `[guard]`"
                ),
            });
        }
    }
}

impl Candidate {
    pub(super) fn pending_id(&self) -> Option<ReminderId> {
        self.known.as_ref().filter(|known| known.state == State::Pending).map(|known| known.id)
    }
}

fn skip(candidate: Candidate, block: Block, plan: &mut Plan) {
    let reason = match block.why {
        Why::Skip(reason) => reason,
        Why::OutsideWindow | Why::AlreadyReminded => return,
    };
    if let Some(id) = candidate.pending_id() {
        let detail = block.detail.clone();
        plan.cancellations.push(Cancellation { id, reason: reason.as_str().to_owned(), detail });
    }
    if candidate.share == Share::Further {
        return;
    }
    plan.counts.skipped += 1;
    plan.skipped.push(SkippedRow {
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

fn planned(
    candidate: Candidate,
    id: ReminderId,
    previous_starts_at: Option<Timestamp>,
    payload: Payload,
    contact: Value,
) -> PlannedReminder {
    let note = note(&candidate);
    PlannedReminder {
        id,
        standing: match candidate.known.as_ref().map(|known| known.state) {
            None => Standing::New,
            Some(State::Pending) => Standing::Pending,
            Some(_) => Standing::Returning,
        },
        appointment_id: candidate.id,
        starts_at: candidate.start.at,
        lead: candidate.lead.lead,
        due_at: candidate.lead.due_at,
        send_at: candidate.send_at,
        expires_at: candidate.expires_at,
        phone: candidate.phone.e164,
        person: candidate.person,
        due_day: candidate.due_day,
        recipient_zone: candidate.zone.shared_name(),
        payload,
        contact,
        note,
        previous_starts_at,
    }
}

fn note(candidate: &Candidate) -> Option<String> {
    let notes = [
        candidate.start.is_ambiguous.then_some("ambiguous_time"),
        candidate.phone.is_unassigned.then_some("unassigned range"),
    ];
    let said: Vec<&str> = notes.into_iter().flatten().collect();
    (!said.is_empty()).then(|| said.join(", "))
}
