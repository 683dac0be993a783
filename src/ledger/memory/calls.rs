//! pure: the table of calls that records report, in memory.

use std::collections::HashSet;

use jiff::Timestamp;

use super::tables::{KeptAttempt, Tables, micro};
use crate::ledger::chain::{Hash, PhoneKey};
use crate::ledger::change::LoadedReminder;
use crate::ledger::outcomes::CallRow;
use crate::ledger::{CallsOf, ReportedCall, Step};
use crate::outcome::signs::AcceptedCall;
use crate::plan::{Knowledge, WrongNumbers};
use crate::reminder::{CallOutcome, State};

impl Tables {
    pub(super) fn of_start(&self, schedule: &str, appointment_id: &str, starts_at: Timestamp) -> Vec<LoadedReminder> {
        let starts_at = micro(starts_at);
        let is_of = |held: &&LoadedReminder| {
            held.schedule == schedule && held.appointment_id == appointment_id && held.starts_at == starts_at
        };
        self.held().filter(is_of).cloned().collect()
    }

    pub(super) fn silent(&self, schedule: &str, after: Timestamp) -> Vec<LoadedReminder> {
        let after = micro(after);
        let is_silent = |held: &&LoadedReminder| {
            let outcome = held.outcome.map(|told| told.outcome);
            held.schedule == schedule
                && held.starts_at > after
                && held.state == State::Delivered
                && held.heard_at.is_none()
                && outcome.is_none_or(|outcome| outcome == CallOutcome::Unreported)
        };
        self.held().filter(is_silent).cloned().collect()
    }

    pub(super) fn add_previous_outcomes(&self, knowledge: &mut Knowledge) {
        for (key, known) in knowledge.reminders.iter_mut().filter(|(key, _)| key.lead.is_retry()) {
            let previous = key.lead.at_retry(key.lead.retry - 1);
            let is_previous = |held: &&LoadedReminder| {
                held.appointment_id == key.appointment_id
                    && held.starts_at == key.starts_at
                    && held.lead == previous
                    && held.schedule == *key.schedule
            };
            let outcome = self.held().find(is_previous).and_then(|held| held.outcome);
            known.previous_outcome = outcome.map(|told| told.outcome).filter(|_| known.state == State::Pending);
        }
    }

    pub(super) fn wrong_numbers(&self, account: &str, phones: PhoneKey) -> WrongNumbers {
        let of_account = self.wrong_numbers.iter().filter(|(of, _, _)| of == account);
        let hashes: HashSet<(Hash, Hash)> = of_account.map(|(_, person, phone)| (*person, *phone)).collect();
        if hashes.is_empty() {
            return WrongNumbers::default();
        }
        WrongNumbers::new(move |person, phone| hashes.contains(&(phones.hash(person), phones.hash(phone))))
    }

    pub(super) fn accepted_calls(&self, since: Timestamp) -> Vec<AcceptedCall> {
        let since = micro(since);
        let called = self.reminders.values().filter(|kept| kept.held.state == State::Delivered).filter_map(|kept| {
            let attempt = kept.attempts.get(&kept.held.attempt)?;
            let call = AcceptedCall {
                id: kept.held.id,
                schedule: kept.held.schedule.clone(),
                at: attempt.intent_at,
                is_heard: kept.held.heard_at.is_some(),
                outcome: kept.held.outcome.map(|told| told.outcome),
            };
            (attempt.intent_at >= since).then_some(call)
        });
        let mut called: Vec<AcceptedCall> = called.collect();
        called.sort_by_key(|call| call.at);
        called
    }

    pub(super) fn unreported(&self, after: Timestamp) -> u64 {
        let after = micro(after);
        let is_unreported = |held: &&LoadedReminder| {
            held.starts_at > after && held.outcome.is_some_and(|told| told.outcome == CallOutcome::Unreported)
        };
        self.held().filter(is_unreported).count() as u64
    }

    pub(super) fn call(&self, account: &str, call_id: &str) -> Option<CallRow> {
        self.calls.get(&(account.to_owned(), call_id.to_owned())).cloned()
    }

    pub(super) fn put_call(&mut self, row: &CallRow) {
        let key = (row.account.clone(), row.call_id.clone());
        let first_at = self.calls.get(&key).map_or(micro(row.first_at), |known| known.first_at);
        let (ended_at, last_at) = (row.ended_at.map(micro), micro(row.last_at));
        self.calls.insert(key, CallRow { first_at, last_at, ended_at, ..row.clone() });
    }

    /// The calls of these reminders, in the order of their ids.
    pub(super) fn reported(&self, ask: &CallsOf) -> Vec<ReportedCall> {
        let reported = |call: &CallRow| {
            let reminder_id = call.reminder.filter(|id| ask.reminders.contains(id))?;
            let CallRow { call_id, outcome, unmapped, ended_at, first_at, last_at, .. } = call.clone();
            Some(ReportedCall { reminder_id, call_id, outcome, unmapped, ended_at, first_at, last_at })
        };
        let mut found: Vec<ReportedCall> = self.calls.values().filter_map(reported).collect();
        found.sort_by(|one, other| (one.reminder_id, &one.call_id).cmp(&(other.reminder_id, &other.call_id)));
        found
    }

    /// Reminders of which an attempt has this id at the other side.
    pub(super) fn with_remote_id(&self, remote_id: &str) -> Vec<LoadedReminder> {
        self.with_attempt(&|attempt| attempt.remote_id.as_deref() == Some(remote_id))
    }

    /// The numbers of an account's reminders of which a call's intent was committed in this time (UTC).
    pub(super) fn called_between(&self, account: &str, from: Timestamp, until: Timestamp) -> Vec<LoadedReminder> {
        let times = micro(from)..micro(until);
        let is_call = |attempt: &KeptAttempt| attempt.step == Step::Call && times.contains(&attempt.intent_at);
        self.with_attempt(&is_call).into_iter().filter(|held| held.account == account).collect()
    }

    fn with_attempt(&self, is_one: &dyn Fn(&KeptAttempt) -> bool) -> Vec<LoadedReminder> {
        let found = self.reminders.values().filter(|kept| kept.attempts.values().any(is_one));
        found.map(|kept| kept.held.clone()).collect()
    }
}
