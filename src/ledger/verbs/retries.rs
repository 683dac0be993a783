//! shell: plans and cancels retries, in the transaction of the outcome that asks for it.

use jiff::Timestamp;

use super::Tx;
use crate::audit::{Entry, Event};
use crate::ledger::change::LoadedReminder;
use crate::ledger::gate::Opening;
use crate::ledger::retries::{self, NewRetry};
use crate::ledger::store::{Applied, CallsAsk, ManyReminders, OneReminder};
use crate::ledger::{CallAgain, CalledAgain, LedgerError, LedgerResult, OutcomeTerms, ReminderRow};
use crate::outcome::matching::was_sent;
use crate::outcome::retry::{DueRetry, EndedCall, NoRetry, RetryTerms};
use crate::reminder::{CallKind, CallOutcome, ReminderId, State};

/// An outcome that holds from now on.
pub(super) struct RaisedOutcome<'a> {
    /// The call that is repeated.
    pub(super) held: &'a LoadedReminder,
    /// What became of it.
    pub(super) outcome: CallOutcome,
    /// When the call ended (UTC).
    pub(super) ended_at: Timestamp,
    /// What its schedule makes of outcomes.
    pub(super) terms: &'a OutcomeTerms,
    /// Now (UTC).
    pub(super) now: Timestamp,
    /// Who brought it.
    pub(super) actor: &'a str,
}

/// What a call that is to be repeated came to.
pub(super) enum NextCall {
    /// No retry is asked for.
    None,
    /// A retry is planned, now or before.
    At(Timestamp),
    /// No retry can be made.
    Impossible(NoRetry),
}

impl NextCall {
    /// A sentence for people; `None` where there is nothing to say.
    pub(super) fn in_words(&self) -> Option<String> {
        match self {
            Self::None => None,
            Self::At(at) => Some(format!("called again from {at}")),
            Self::Impossible(why) => Some(format!("not called again: {}", why.as_str())),
        }
    }
}

impl Tx<'_> {
    /// Cancels what an outcome makes pointless, and plans the retry that it asks for.
    pub(super) fn follow(&self, raised: &RaisedOutcome<'_>) -> LedgerResult<NextCall> {
        let RaisedOutcome { held, outcome, ended_at, terms, now, actor } = *raised;
        let others =
            self.store.reminders(&ManyReminders::OfStart(&held.schedule, &held.appointment_id, held.starts_at))?;
        let call = EndedCall { outcome, retry: held.lead.retry, ended_at, starts_at: held.starts_at };
        let aftermath = retries::aftermath(held, &call, &others, terms);
        for (other, reason) in &aftermath.cancelled {
            self.apply(&retries::cancelled(other, reason, now, actor)?)?;
        }
        let (Some(due), Some(retry)) = (aftermath.retry, &terms.retry) else { return Ok(NextCall::None) };
        let asked = AskedRetry { held, due, terms, retry, now, actor };
        Ok(match self.plan_retry(&asked)? {
            Ok(PlannedRetry { at: Some(at), .. }) => NextCall::At(at),
            Ok(PlannedRetry { at: None, .. }) => NextCall::None,
            Err(why) => NextCall::Impossible(why),
        })
    }

    fn plan_retry(&self, asked: &AskedRetry<'_>) -> LedgerResult<Result<PlannedRetry, NoRetry>> {
        let AskedRetry { held, due, terms, retry, now, actor } = *asked;
        let target = terms.target.as_ref().map(|address| self.store.address_hash(address));
        if let Some(why) = retries::forbidden(held, target.as_ref()) {
            return Ok(Err(why));
        }
        let Some(phone) = held.phone.as_ref() else { return Ok(Err(NoRetry::NoPhone)) };
        let earliest = due.due_at.max(now);
        let opening = match self.openings.opening(&held.calling_hours, &held.recipient_zone, earliest)? {
            Opening::Open => earliest,
            Opening::At(opening) => opening,
        };
        // a request has no start that would end its time
        let starts_at = match held.lead.kind() {
            CallKind::Reminder => held.starts_at,
            CallKind::Request => Timestamp::MAX,
        };
        let times = match retry.times(&due, starts_at, (now, opening)) {
            Ok(times) => times,
            Err(why) => return Ok(Err(why)),
        };
        let due_day = self.openings.day(&held.recipient_zone, due.due_at)?;
        let (account, person) = (held.account.as_str(), &held.person);
        let calls = self.store.calls_of(&CallsAsk {
            account,
            day: due_day,
            persons: &[person],
            target,
            kind: held.lead.kind(),
        })?;
        // on the day of the first call the retry takes the place of that call: a chain counts once
        let is_full = calls.get(person.as_str()).is_some_and(|calls| *calls >= terms.max_per_person_per_day);
        if due_day != held.due_day && is_full {
            return Ok(Err(NoRetry::PersonLimit));
        }
        let id = retries::id_of(held, due, now);
        let new = NewRetry { of: held, phone, id, due, times, due_day, now, actor };
        match self.apply(&new.inserted()?)? {
            Applied::Hit => Ok(Ok(PlannedRetry { id, at: Some(times.send_at), is_new: true })),
            Applied::Miss => self.known_retry(&new).map(Ok),
        }
    }

    /// The retry was planned before: it waits again if a record that came between had it cancelled, else it stays as it is.
    fn known_retry(&self, new: &NewRetry<'_>) -> LedgerResult<PlannedRetry> {
        let NewRetry { of, times, .. } = *new;
        let of_start = self.store.reminders(&ManyReminders::OfStart(&of.schedule, &of.appointment_id, of.starts_at))?;
        let Some(known) = of_start.into_iter().find(|other| other.lead == new.lead()) else {
            return Ok(PlannedRetry { id: new.id, at: None, is_new: false });
        };
        let is_back = match new.brought_back(&known)? {
            Some(change) => self.apply(&change)? == Applied::Hit,
            None => false,
        };
        let waits = (known.state == State::Pending).then_some(known.next_at);
        Ok(PlannedRetry { id: known.id, at: if is_back { Some(times.send_at) } else { waits }, is_new: is_back })
    }

    pub(in crate::ledger) fn call_again(&self, again: &CallAgain) -> LedgerResult<Vec<ReminderRow>> {
        let calls = match &again.whom {
            CalledAgain::Of(id) => {
                let none = || LedgerError::Refused(format!("there is no reminder {id}"));
                vec![self.store.reminder(&OneReminder::Id(*id))?.ok_or_else(none)?]
            }
            CalledAgain::Silent(schedule) => self.store.reminders(&ManyReminders::Silent(schedule, again.now))?,
        };
        let is_one = matches!(again.whom, CalledAgain::Of(_));
        let mut planned = Vec::new();
        for held in &calls {
            match self.call_one_again(held, again)? {
                Ok(id) => planned.extend(self.store.reminder_row(id)?),
                Err(why) if is_one => return Err(LedgerError::Refused(why)),
                Err(_) => {}
            }
        }
        Ok(planned)
    }

    /// The new reminder, or why there is none.
    fn call_one_again(&self, held: &LoadedReminder, again: &CallAgain) -> LedgerResult<Result<ReminderId, String>> {
        let (id, is) = (held.id, held.state);
        if !was_sent(held.state, held.attempt, held.unknown_fates) {
            return Ok(Err(format!("reminder {id} is {is} and was not sent: there is no call to repeat")));
        }
        let terms = again.terms.get(&held.schedule).cloned().unwrap_or_default();
        let Some(retry) = terms.retry.clone().or_else(|| terms.by_hand()) else {
            let schedule = &held.schedule;
            return Ok(Err(format!("schedule `{schedule}` is not loaded: nobody is called by it")));
        };
        let refused = |why: NoRetry| format!("reminder {id} is not called again: {}", why.as_str());
        if held.lead.retry >= retry.times {
            return Ok(Err(refused(NoRetry::UsedUp)));
        }
        let due = DueRetry { number: held.lead.retry + 1, due_at: again.now };
        let asked = AskedRetry { held, due, terms: &terms, retry: &retry, now: again.now, actor: &again.actor };
        match self.plan_retry(&asked)? {
            Err(why) => Ok(Err(refused(why))),
            Ok(PlannedRetry { is_new: false, .. }) => {
                let lead = held.lead.at_retry(due.number);
                Ok(Err(format!("reminder {id} has its retry {lead} already")))
            }
            Ok(planned) => {
                self.store.append(&Entry {
                    actor: Some(again.actor.as_str().into()),
                    detail: again.reason.as_deref().map(Into::into),
                    ..held.entry(again.now, Event::OperatorRetried)
                })?;
                Ok(Ok(planned.id))
            }
        }
    }
}

/// A retry that is asked for.
#[derive(Clone, Copy)]
struct AskedRetry<'a> {
    held: &'a LoadedReminder,
    due: DueRetry,
    terms: &'a OutcomeTerms,
    retry: &'a RetryTerms,
    now: Timestamp,
    actor: &'a str,
}

struct PlannedRetry {
    id: ReminderId,
    /// When it can be sent; `None` for one that was planned before and is over, or is being sent.
    at: Option<Timestamp>,
    /// Whether it waits only since now.
    is_new: bool,
}
