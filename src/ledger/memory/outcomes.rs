//! pure: what became of calls, counted and listed for people, in memory.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use jiff::Timestamp;

use super::tables::{Tables, floor};
use crate::ledger::change::LoadedReminder;
use crate::ledger::{CALL_SLOT_MICROS, CalledWith, OutcomeCount, OutcomesAsk, Unanswered, UnansweredAsk};
use crate::reminder::{CallOutcome, ReminderId};

/// A call of which something was reported.
#[derive(Debug, Clone, Copy)]
struct ToldCall<'t> {
    held: &'t LoadedReminder,
    at: Timestamp,
    outcome: CallOutcome,
}

impl ToldCall<'_> {
    fn unanswered(self, calls: u64) -> Unanswered {
        let phone = self.held.phone.as_deref();
        Unanswered {
            latest: self.held.id,
            schedule: self.held.schedule.clone(),
            appointment_id: self.held.appointment_id.clone(),
            phone_last4: phone.map(|phone| phone[phone.len().saturating_sub(4)..].to_owned()),
            last_at: self.at,
            calls,
        }
    }
}

impl Tables {
    /// The calls with an outcome that were made at or after an instant, as far as whole quarters of an hour can say so.
    fn told_calls(&self, since: Timestamp, schedule: Option<&str>) -> impl Iterator<Item = ToldCall<'_>> {
        let since = floor(since, CALL_SLOT_MICROS);
        let told = self.reminders.values().filter_map(|kept| {
            Some(ToldCall { held: &kept.held, at: kept.called_at?, outcome: kept.held.outcome?.outcome })
        });
        told.filter(move |call| call.at >= since && schedule.is_none_or(|schedule| call.held.schedule == schedule))
    }

    pub(super) fn outcome_counts(&self, ask: &OutcomesAsk) -> Vec<OutcomeCount> {
        let mut counts: BTreeMap<(Timestamp, &str, &str), OutcomeCount> = BTreeMap::new();
        for ToldCall { held, at, outcome } in self.told_calls(ask.since, ask.schedule.as_deref()) {
            let from = floor(at, CALL_SLOT_MICROS);
            let none = || OutcomeCount { from, schedule: held.schedule.clone(), outcome, count: 0 };
            counts.entry((from, &held.schedule, outcome.as_str())).or_insert_with(none).count += 1;
        }
        counts.into_values().collect()
    }

    pub(super) fn called_with(&self, ask: &CalledWith) -> Vec<ReminderId> {
        let told = self.told_calls(ask.since, ask.schedule.as_deref());
        let mut told: Vec<_> = told.filter(|call| call.outcome == ask.outcome).collect();
        told.sort_by_key(|call| Reverse((call.at, call.held.nr)));
        told.truncate(usize::try_from(ask.limit).unwrap_or(usize::MAX));
        told.into_iter().map(|call| call.held.id).collect()
    }

    pub(super) fn unanswered(&self, ask: &UnansweredAsk) -> Vec<Unanswered> {
        let mut persons: BTreeMap<(&str, &str), Vec<ToldCall<'_>>> = BTreeMap::new();
        for call in self.told_calls(ask.since, ask.schedule.as_deref()) {
            if call.outcome != CallOutcome::Unreported && !call.held.person.as_str().is_empty() {
                persons.entry((&call.held.account, call.held.person.as_str())).or_default().push(call);
            }
        }
        let person = |calls: Vec<ToldCall<'_>>| {
            let is_listed = calls.len() > 1 && calls.iter().all(|call| call.outcome.is_unanswered());
            let latest = calls.iter().max_by_key(|call| (call.at, call.held.nr)).filter(|_| is_listed)?;
            Some(latest.unanswered(calls.len() as u64))
        };
        let mut found: Vec<Unanswered> = persons.into_values().filter_map(person).collect();
        found.sort_by_key(|person| (Reverse((person.calls, person.last_at)), person.latest));
        found.truncate(usize::try_from(ask.limit).unwrap_or(usize::MAX));
        found
    }
}
