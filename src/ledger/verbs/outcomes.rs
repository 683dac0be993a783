//! shell: takes records of calls: finds the reminder to which each belongs, and writes what it changes, in one transaction.

use jiff::Timestamp;

use super::Tx;
use super::retries::{NextCall, RaisedOutcome};
use crate::audit::{Entry, Event};
use crate::ledger::change::LoadedReminder;
use crate::ledger::outcomes::{self, CallRow, Digest};
use crate::ledger::store::{LearntNumber, ManyReminders, OneReminder, Put};
use crate::ledger::write_backs::NewOutcome;
use crate::ledger::{
    LedgerError, LedgerResult, NumbersList, OptOutChange, OptOutSide, OutcomeByHand, OutcomeTerms, RecordOrigin,
    RecordedCall, ReminderRow, ReportTaken, Unreported,
};
use crate::outcome::Report;
use crate::outcome::matching::{self, Unmatched, was_sent};
use crate::reminder::{CallOutcome, ReminderId};

impl Tx<'_> {
    pub(in crate::ledger) fn take_report(&self, record: &RecordedCall) -> LedgerResult<ReportTaken> {
        let digest = record.facts.digest();
        let known = self.store.call(&record.account, &CallRow::id_of(record, &digest))?;
        let is_duplicate = known.as_ref().is_some_and(|call| call.knows(&digest));
        let held = match self.reminder_of(record, known.as_ref())? {
            Ok(held) => held,
            Err(why) => {
                return match self.hear_canary(record, why)? {
                    Some(taken) => Ok(taken),
                    None => self.without_reminder(record, known, (digest, is_duplicate), why),
                };
            }
        };
        if is_duplicate && known.as_ref().is_some_and(|call| call.reminder == Some(held.id)) {
            let outcome = held.outcome.map(|holds| holds.outcome);
            return Ok(ReportTaken { reminder: Ok(held.id), outcome, is_duplicate, is_proof: false });
        }
        let report = report_of(record, &held);
        let raised = outcomes::raised(&held, record, &report);
        let next = match raised {
            Some(raised) => self.follow(&RaisedOutcome {
                held: &held,
                outcome: raised.outcome,
                ended_at: record.facts.ended_at.unwrap_or(record.now),
                terms: terms_of(record, &held).unwrap_or(&OutcomeTerms::default()),
                now: record.now,
                actor: &record.actor,
            })?,
            None => NextCall::None,
        };
        let told = outcomes::told(&held, record, &report, next.in_words())?;
        if let Some(change) = &told.change {
            self.apply(change)?;
        }
        if let (Some(told), Some(terms)) = (raised, terms_of(record, &held)) {
            let (call_id, on) = (record.facts.call_id.as_deref(), terms.write_back.as_slice());
            self.queue_write_back(&NewOutcome {
                held: &held,
                told,
                call_id,
                on,
                now: record.now,
                actor: &record.actor,
            })?;
        }
        let mut call = CallRow::after(known, record, digest, Some(&report));
        call.reminder = Some(held.id);
        self.store.put(&Put::Call(&call))?;
        self.learn(&held, report.outcome, (record.now, &record.actor))?;
        Ok(ReportTaken { reminder: Ok(held.id), outcome: told.outcome, is_duplicate: false, is_proof: told.is_proof })
    }

    /// A record of no reminder is kept by its digest, so that a repeat is not logged again; one that points to nothing is
    /// not kept.
    fn without_reminder(
        &self,
        record: &RecordedCall,
        known: Option<CallRow>,
        (digest, is_duplicate): (Digest, bool),
        why: Unmatched,
    ) -> LedgerResult<ReportTaken> {
        let taken = ReportTaken { reminder: Err(why), outcome: None, is_duplicate, is_proof: false };
        if record.origin == RecordOrigin::Polled {
            return Ok(taken);
        }
        let Some(entry) = outcomes::unmatched_entry(record, why).filter(|_| !is_duplicate) else { return Ok(taken) };
        self.store.append(&entry)?;
        self.store.put(&Put::Call(&CallRow::after(known, record, digest, None)))?;
        Ok(taken)
    }

    /// The reminder that a record belongs to: by its id; by the call's; by contact and agent; by phone and agent.
    fn reminder_of(
        &self,
        record: &RecordedCall,
        known: Option<&CallRow>,
    ) -> LedgerResult<Result<LoadedReminder, Unmatched>> {
        let facts = &record.facts;
        let named = facts.reminder_id.as_deref().map(str::parse::<ReminderId>);
        if let Some(Ok(id)) = named
            && let Some(held) = self.of_account(id, record)?
        {
            return Ok(if is_sent(&held) { Ok(held) } else { Err(Unmatched::NotSent) });
        }
        if let Some(id) = known.and_then(|call| call.reminder)
            && let Some(held) = self.of_account(id, record)?
        {
            return Ok(Ok(held));
        }
        if let Some(call_id) = facts.call_id.as_deref() {
            let found = self.store.reminders(&ManyReminders::WithRemoteId(call_id))?;
            let found = found.into_iter().filter(|held| held.account == record.account).collect();
            if let Some(found) = only(found) {
                return Ok(found);
            }
        }
        if named.is_some() {
            return Ok(Err(Unmatched::UnknownReminder));
        }
        self.called_person(record)
    }

    fn of_account(&self, id: ReminderId, record: &RecordedCall) -> LedgerResult<Option<LoadedReminder>> {
        Ok(self.store.reminder(&OneReminder::Id(id))?.filter(|held| held.account == record.account))
    }

    /// The reminder whose call reached the person that the record names: only calls that were sent shortly before the record's
    /// are looked at.
    fn called_person(&self, record: &RecordedCall) -> LedgerResult<Result<LoadedReminder, Unmatched>> {
        let facts = &record.facts;
        // an old record of a list that doesn't say when its call was is nobody's
        let is_undated = facts.started_at.is_none() && facts.ended_at.is_none();
        let is_nobodys = record.origin == RecordOrigin::Polled && is_undated;
        if is_nobodys || facts.contact.is_none() && facts.phone.is_none() {
            return Ok(Err(Unmatched::Nothing));
        }
        let (from, until) = matching::intents_of(facts, record.match_within, record.now);
        let called = self.store.reminders(&ManyReminders::CalledBetween { account: &record.account, from, until })?;
        let is_by_agent = |held: &&LoadedReminder| {
            let agent = record.terms.get(&held.schedule).and_then(|terms| terms.agent.as_ref());
            agent.is_none() || facts.agent.is_none() || agent == facts.agent.as_ref()
        };
        let called: Vec<&LoadedReminder> = called.iter().filter(is_by_agent).filter(|held| is_sent(held)).collect();
        if let Some(contact) = &facts.contact {
            let mut with_contact = Vec::new();
            for held in &called {
                let Some(phone) = held.phone.as_deref() else { continue };
                if self.store.contact(&record.account, phone)?.as_ref() == Some(contact) {
                    with_contact.push((*held).clone());
                }
            }
            if let Some(found) = only(with_contact) {
                return Ok(found);
            }
        }
        let to_phone = |held: &&&LoadedReminder| held.phone.is_some() && held.phone == facts.phone;
        let to_phone = called.iter().filter(to_phone).map(|held| (*held).clone()).collect();
        Ok(only(to_phone).unwrap_or(Err(Unmatched::Nothing)))
    }

    /// What an outcome says of the person or of the number, whatever else holds.
    fn learn(
        &self,
        held: &LoadedReminder,
        outcome: Option<CallOutcome>,
        (now, actor): (Timestamp, &str),
    ) -> LedgerResult<()> {
        match outcome {
            Some(CallOutcome::OptedOut) => self.learn_opt_out(held, now, actor),
            Some(CallOutcome::WrongNumber) => self.learn_wrong_number(held, now, actor),
            Some(_) | None => Ok(()),
        }
    }

    /// Keeps the number as a wrong one. Reminders that wait to be sent to it are planned again before they are sent: with the
    /// next phone column of their row, if it has one.
    fn learn_wrong_number(&self, held: &LoadedReminder, now: Timestamp, actor: &str) -> LedgerResult<()> {
        let Some(phone) = held.phone.as_ref() else { return Ok(()) };
        let (account, person) = (held.account.as_str(), &held.person);
        if self.store.is_wrong_number(account, person, phone)? {
            return Ok(());
        }
        self.store.put(&Put::WrongNumber(LearntNumber { account, person, phone, since: now }))?;
        self.store.append(&Entry {
            reason: Some(CallOutcome::WrongNumber.as_str().into()),
            actor: Some(actor.into()),
            detail: Some("somebody else answered at this number".into()),
            ..held.entry(now, Event::OptoutAdded)
        })
    }

    /// Puts somebody who asked for it in a call on the opt-out list: no schedule calls there any more.
    fn learn_opt_out(&self, held: &LoadedReminder, now: Timestamp, actor: &str) -> LedgerResult<()> {
        let Some(phone) = held.phone.clone() else { return Ok(()) };
        let reason = Some("said so in a call".to_owned());
        let (list, phones, to) = (NumbersList::OptedOut, vec![phone], OptOutSide::On);
        self.opt_out(&OptOutChange { list, phones, to, reason, now, actor: actor.to_owned() }).map(drop)
    }

    /// What ended with an unknown fate is delivered where a record of its call had come before.
    pub(super) fn prove(&self, id: ReminderId, now: Timestamp, actor: &str) -> LedgerResult<()> {
        let Some(held) = self.store.reminder(&OneReminder::Id(id))? else { return Ok(()) };
        match outcomes::proved_before(&held, now, actor)? {
            Some(change) => self.apply(&change).map(drop),
            None => Ok(()),
        }
    }

    pub(in crate::ledger) fn pass_unreported(&self, ask: &Unreported) -> LedgerResult<u64> {
        let called = ManyReminders::CalledBetween { account: &ask.account, from: ask.from, until: ask.until };
        let mut passed = 0;
        for held in self.store.reminders(&called)? {
            if let Some(change) = outcomes::unreported(&held, ask) {
                self.apply(&change)?;
                let told = outcomes::unreported_at(ask.now);
                let (on, actor) = (ask.write_back.as_slice(), ask.actor.as_str());
                self.queue_write_back(&NewOutcome { held: &held, told, call_id: None, on, now: ask.now, actor })?;
                passed += 1;
            }
        }
        Ok(passed)
    }

    pub(in crate::ledger) fn set_outcome(&self, word: &OutcomeByHand) -> LedgerResult<ReminderRow> {
        let id = word.reminder_id;
        let none = || LedgerError::Refused(format!("there is no reminder {id}"));
        let held = self.store.reminder(&OneReminder::Id(id))?.ok_or_else(none)?;
        let change = outcomes::set_by_hand(&held, word)?;
        self.follow(&RaisedOutcome {
            held: &held,
            outcome: word.outcome,
            ended_at: word.now,
            terms: word.terms.get(&held.schedule).unwrap_or(&OutcomeTerms::default()),
            now: word.now,
            actor: &word.actor,
        })?;
        self.apply(&change)?;
        if held.outcome.map(|holds| holds.outcome) != Some(word.outcome) {
            let told = outcomes::by_person(word);
            let terms = word.terms.get(&held.schedule);
            let on = terms.map_or(&[][..], |terms| &terms.write_back);
            let (now, actor) = (word.now, word.actor.as_str());
            self.queue_write_back(&NewOutcome { held: &held, told, call_id: None, on, now, actor })?;
        }
        self.learn(&held, Some(word.outcome), (word.now, &word.actor))?;
        self.store.reminder_row(id)?.ok_or_else(none)
    }
}

fn is_sent(held: &LoadedReminder) -> bool {
    was_sent(held.state, held.attempt, held.unknown_fates)
}

/// What the record means to the schedule of its reminder, else to the one it was posted to.
fn report_of(record: &RecordedCall, held: &LoadedReminder) -> Report {
    let terms = terms_of(record, held).or_else(|| record.terms.get(&record.schedule));
    let unmapped = OutcomeTerms::default();
    terms.unwrap_or(&unmapped).vocabulary.report(&record.facts)
}

fn terms_of<'r>(record: &'r RecordedCall, held: &LoadedReminder) -> Option<&'r OutcomeTerms> {
    record.terms.get(&held.schedule)
}

/// The only one; `None` when nothing was found.
fn only(found: Vec<LoadedReminder>) -> Option<Result<LoadedReminder, Unmatched>> {
    match matching::only_one(found.iter().map(|held| held.id)) {
        Ok(id) => found.into_iter().find(|held| Some(held.id) == id).map(Ok),
        Err(why) => Some(Err(why)),
    }
}
