//! shell: what a sender or an account says of a call, in the form that the ledger takes.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use super::terms;
use crate::evaluation::phone_of;
use crate::ledger::{OutcomeTerms, RecordOrigin, RecordedCall};
use crate::outcome::CallFacts;
use crate::schedule::{OutcomeSpec, Schedule};
use crate::verbs::App;

/// What the records of one schedule have in common.
pub struct RecordsOf<'a> {
    schedule: &'a Schedule,
    spec: &'a OutcomeSpec,
    terms: Arc<BTreeMap<String, OutcomeTerms>>,
    origin: RecordOrigin,
    actor: &'a str,
}

impl<'a> RecordsOf<'a> {
    /// The way in which records come; `actor` is who brings them, in the audit log.
    #[must_use]
    pub fn new(app: &App, schedule: &'a Schedule, spec: &'a OutcomeSpec, origin: RecordOrigin, actor: &'a str) -> Self {
        Self { schedule, spec, terms: terms::of(app, Some(schedule.target.account())), origin, actor }
    }

    /// The record with these facts, which came at `now` (UTC). Its phone is read as those of the schedule's rows are.
    #[must_use]
    pub fn record(&self, mut facts: CallFacts, now: Timestamp) -> RecordedCall {
        let region = self.schedule.appointment.default_region.as_deref();
        facts.phone = facts.phone.and_then(|phone| phone_of(&phone, region)).map(|phone| phone.e164);
        RecordedCall {
            account: self.schedule.target.account().to_owned(),
            schedule: self.schedule.name.clone(),
            facts,
            match_within: self.spec.match_within,
            terms: Arc::clone(&self.terms),
            now,
            origin: self.origin,
            actor: self.actor.to_owned(),
        }
    }
}
