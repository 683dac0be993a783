//! shell: requests that are posted: judged by their schedule's rules, kept, planned and withdrawn. One request asks for one
//! id and one phone, however many there are.

use std::collections::HashSet;
use std::sync::Arc;

use jiff::Timestamp;

use super::Tx;
use crate::formats::posted;
use crate::ledger::change::LoadedReminder;
use crate::ledger::inbox::{self, Receipt};
use crate::ledger::store::{ManyReminders, OneReminder, Put};
use crate::ledger::{
    LedgerError, LedgerResult, PostRow, PostStanding, PostTaken, RecordedRun, ReminderTerms, RequestedCall, RunEnd,
    RunRecord, TakePost, Withdraw, Withdrawal, life, returning,
};
use crate::personal::Personal;
use crate::plan::{Knowledge, LastCalledStarts, Occasion, OptOuts, Plan, PlanRequest, WrongNumbers, plan};
use crate::reminder::{Lead, ReminderId, SkipReason, State};
use crate::row::Record;
use crate::seeded::SeededMap;

impl Tx<'_> {
    pub(in crate::ledger) fn take_post(&self, post: &TakePost) -> LedgerResult<PostTaken> {
        let before = match &post.id {
            Some(id) => self.store.post(&post.schedule.name, id)?,
            None => None,
        };
        let calls = match &before {
            Some(before) => self.calls_of_post(before)?,
            None => Vec::new(),
        };
        let received_at = match inbox::receipt(before.as_ref(), &calls, &post.digest) {
            Receipt::Known => {
                let call = known_call(before.as_ref(), &calls)?;
                let has_other_phone = inbox::has_other_phone(&calls, &post.phones);
                return Ok(PostTaken::Duplicate { call, has_other_phone });
            }
            Receipt::Renews(received_at) => received_at,
            Receipt::New => post.run.started_at,
        };
        let is_new = received_at == post.run.started_at;
        let plan = self.plan_of_post(post, received_at, if is_new { &[] } else { &calls })?;
        if is_new
            && !plan.reminders.is_empty()
            && let Some(retry_after) = self.is_full(post)?
        {
            return Ok(PostTaken::TooMany { retry_after });
        }
        let taken = self.record_post(post, plan, (received_at, is_new))?;
        if let (PostTaken::Refused { reason, .. }, false) = (&taken, is_new) {
            self.cancel_renewed(post, &calls, *reason)?;
        }
        Ok(taken)
    }

    /// Cancels the pending call of an earlier request when its renewal is refused: the answer to the renewal says that nobody is called.
    fn cancel_renewed(&self, post: &TakePost, calls: &[LoadedReminder], reason: SkipReason) -> LedgerResult<()> {
        let Some(first) = inbox::first_call(calls) else { return Ok(()) };
        let pending = self.store.reminder(&OneReminder::Id(first.id))?.filter(|held| held.state == State::Pending);
        let Some(held) = pending else { return Ok(()) };
        self.apply(&life::cancelled(&held, inbox::refused_anew(&held, post, reason))?).map(drop)
    }

    fn calls_of_post(&self, post: &PostRow) -> LedgerResult<Vec<LoadedReminder>> {
        self.store.reminders(&ManyReminders::OfStart(&post.schedule, &post.appointment_id, post.received_at))
    }

    /// The number of seconds until the schedule accepts requests again; `None` if it does now.
    fn is_full(&self, post: &TakePost) -> LedgerResult<Option<u64>> {
        let now = post.run.started_at;
        let (accepted, first) = self.store.accepted_posts(&post.schedule.name, inbox::first_minute(now))?;
        let is_full = accepted >= u64::from(post.max_per_hour);
        Ok(first.filter(|_| is_full).map(|first| inbox::seconds_until_room(first, now)))
    }

    /// The plan of this request alone.
    fn plan_of_post(&self, post: &TakePost, received_at: Timestamp, calls: &[LoadedReminder]) -> LedgerResult<Plan> {
        let target = post.target.as_ref().map(|address| self.store.address_hash(address));
        let name: Arc<str> = post.schedule.name.as_str().into();
        let reminders: SeededMap<_, _> =
            calls.iter().map(|held| returning::known(held, &name, target.as_ref())).collect();
        let knowledge = Knowledge {
            reminders,
            opted_out: self.opted_out_of(&post.phones)?,
            wrong_numbers: self.wrong_numbers_of(post)?,
            ..Knowledge::default()
        };
        let request = PlanRequest {
            schedule: Arc::clone(&post.schedule),
            occasion: Occasion::at(post.run.started_at),
            knowledge: Arc::new(knowledge),
            zones: post.zones.clone(),
            do_not_call: post.do_not_call.clone(),
            explained: None,
        };
        let row = posted::with_receipt(post.row.clone(), received_at);
        let rows = |sink: &mut dyn crate::row::RecordSink| {
            let _one_row = sink.record(1, Record::Tree(&row));
            Ok::<_, LedgerError>(())
        };
        let (plan, ()) = plan(request, rows, |_| Ok(LastCalledStarts::new()), &mut || post.reminder_id)?;
        Ok(plan.without_numbers())
    }

    fn opted_out_of(&self, phones: &[Personal]) -> LedgerResult<OptOuts> {
        let mut listed = HashSet::new();
        if self.store.has_optouts()? {
            for phone in phones {
                if self.store.is_opted_out(phone)? {
                    listed.insert(phone.clone());
                }
            }
        }
        Ok(if listed.is_empty() { OptOuts::default() } else { OptOuts::new(move |phone| listed.contains(phone)) })
    }

    fn wrong_numbers_of(&self, post: &TakePost) -> LedgerResult<WrongNumbers> {
        let mut wrong = HashSet::new();
        if self.store.has_wrong_numbers()? {
            for phone in &post.phones {
                let person = post.person.as_ref().unwrap_or(phone);
                if self.store.is_wrong_number(post.schedule.target.account(), person, phone)? {
                    wrong.insert(phone.clone());
                }
            }
        }
        // a person who isn't named is the phone itself
        Ok(match wrong.is_empty() {
            true => WrongNumbers::default(),
            false => WrongNumbers::new(move |_, phone| wrong.contains(phone)),
        })
    }

    /// Keeps the request, and makes a run of its plan.
    fn record_post(
        &self,
        post: &TakePost,
        plan: Plan,
        (received_at, is_new): (Timestamp, bool),
    ) -> LedgerResult<PostTaken> {
        let refusal = plan.skipped.first().map(inbox::refused);
        let planned = plan.reminders.iter().find(|planned| planned.lead == Lead::NOW).cloned();
        self.begin_run(&post.run)?;
        let recorded = self.record_run(&record_of(post, plan))?;
        let taken = match (&planned, refusal) {
            (Some(planned), _) if recorded.shadowed > 0 => PostTaken::Accepted(inbox::of_shadow(planned)),
            (Some(_), _) => self.planned_call(&recorded)?,
            (None, Some(refused)) => refused,
            (None, None) => PostTaken::Refused { reason: SkipReason::TooLate, detail: "it is over".to_owned() },
        };
        self.keep_post(post, &taken, (received_at, is_new))?;
        Ok(taken)
    }

    fn planned_call(&self, recorded: &RecordedRun) -> LedgerResult<PostTaken> {
        for id in &recorded.reminders {
            if let Some(held) = self.store.reminder(&OneReminder::Id(*id))?.filter(|held| held.lead == Lead::NOW) {
                return Ok(PostTaken::Accepted(inbox::of_call(&held)));
            }
        }
        let detail = "the person has had the calls of that day".to_owned();
        Ok(PostTaken::Refused { reason: SkipReason::PersonLimit, detail })
    }

    fn keep_post(
        &self,
        post: &TakePost,
        taken: &PostTaken,
        (received_at, is_new): (Timestamp, bool),
    ) -> LedgerResult<()> {
        let (standing, reason) = match taken {
            PostTaken::Refused { reason, .. } => (PostStanding::Refused, Some(*reason)),
            PostTaken::Accepted(_) | PostTaken::Duplicate { .. } | PostTaken::TooMany { .. } => {
                (PostStanding::Accepted, None)
            }
        };
        let word = match (standing, is_new) {
            (PostStanding::Refused, _) => Some("refused"),
            (PostStanding::Accepted | PostStanding::Withdrawn, true) => None,
            (PostStanding::Accepted | PostStanding::Withdrawn, false) => Some("renewed"),
        };
        self.store.append(&inbox::received(post, received_at, word))?;
        if standing == PostStanding::Accepted && is_new {
            self.store.put(&Put::AcceptedPost(&post.schedule.name, inbox::minute(post.run.started_at)))?;
        }
        let Some(id) = &post.id else { return Ok(()) };
        let row = PostRow {
            schedule: post.schedule.name.clone(),
            appointment_id: id.clone(),
            received_at,
            posted_at: post.run.started_at,
            body: Some(post.body.clone()),
            digest: post.digest,
            standing,
            reason,
        };
        self.store.put(&Put::Post(&row, post.phone.as_ref()))
    }

    pub(in crate::ledger) fn withdraw(&self, withdraw: &Withdraw) -> LedgerResult<Withdrawal> {
        let Some(post) = self.post_named(withdraw)? else { return Ok(Withdrawal::Unknown) };
        let calls = self.calls_of_post(&post)?;
        let Some(first) = inbox::first_call(&calls) else {
            return match post.standing {
                PostStanding::Refused => Ok(Withdrawal::Unknown),
                PostStanding::Accepted | PostStanding::Withdrawn => {
                    self.mark_withdrawn(&post)?;
                    Ok(Withdrawal::Done(inbox::of_post(&post)))
                }
            };
        };
        if first.state != State::Pending {
            return Ok(inbox::withdrawal(first));
        }
        self.apply(&life::cancelled(first, inbox::withdrawn(first, withdraw))?)?;
        self.mark_withdrawn(&post)?;
        let call = inbox::of_call(first);
        Ok(Withdrawal::Done(RequestedCall { state: Some(State::Cancelled), ..call }))
    }

    /// The request of this id, or of the reminder of this id.
    fn post_named(&self, withdraw: &Withdraw) -> LedgerResult<Option<PostRow>> {
        if let Some(post) = self.store.post(&withdraw.schedule, &withdraw.id)? {
            return Ok(Some(post));
        }
        let Ok(id) = withdraw.id.parse::<ReminderId>() else { return Ok(None) };
        let held = self.store.reminder(&OneReminder::Id(id))?.filter(|held| held.schedule == withdraw.schedule);
        match held {
            Some(held) => self.store.post(&withdraw.schedule, &held.appointment_id),
            None => Ok(None),
        }
    }

    fn mark_withdrawn(&self, post: &PostRow) -> LedgerResult<()> {
        let row = PostRow { standing: PostStanding::Withdrawn, ..post.clone() };
        self.store.put(&Put::Post(&row, None))
    }
}

/// How the known request stands.
fn known_call(before: Option<&PostRow>, calls: &[LoadedReminder]) -> LedgerResult<RequestedCall> {
    let of_post = || before.map(inbox::of_post);
    let none = || LedgerError::Refused("there is no such request".to_owned());
    inbox::first_call(calls).map(inbox::of_call).or_else(of_post).ok_or_else(none)
}

fn record_of(post: &TakePost, plan: Plan) -> RunRecord {
    let schedule = &post.schedule;
    let now = post.run.started_at;
    RunRecord {
        id: post.run.id,
        finished_at: now,
        end: RunEnd::Planned(Box::new(plan)),
        source_fingerprint: None,
        read_at: now,
        terms: ReminderTerms::of(schedule, post.target),
        actor: post.actor.clone(),
    }
}
