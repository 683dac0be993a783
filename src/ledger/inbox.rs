//! pure: what a request that is posted means beside what the ledger holds under its id, and how its call stands.

use jiff::Timestamp;

use super::change::LoadedReminder;
use super::{
    BodyDigest, MINUTES_OF_RATE, PostRow, PostStanding, PostTaken, RequestedCall, TakePost, Withdraw, Withdrawal,
};
use crate::audit::{Entry, Event, LoggedPhone};
use crate::personal::Personal;
use crate::plan::{PlannedReminder, SkippedRow};
use crate::reminder::{Lead, SkipReason, State};

/// The reason with which a request is cancelled by its sender.
const WITHDRAWN: &str = "withdrawn";

/// What a request is beside what was posted before under its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Receipt {
    /// The same was posted before, or its call was made: one id is one call.
    Known,
    /// It renews the request that was received at this instant (UTC) and whose call is still to be made.
    Renews(Timestamp),
    /// It is judged by itself.
    New,
}

/// Decides what a request is. `calls` are the reminders of the one that was posted before.
#[must_use]
pub fn receipt(before: Option<&PostRow>, calls: &[LoadedReminder], digest: &BodyDigest) -> Receipt {
    let Some(before) = before else { return Receipt::New };
    let stands = match before.standing {
        PostStanding::Accepted | PostStanding::Withdrawn => true,
        PostStanding::Refused => false,
    };
    let is_repeat = stands && before.digest == *digest;
    let Some(first) = first_call(calls) else {
        return if is_repeat { Receipt::Known } else { Receipt::New };
    };
    match first.state {
        State::Pending if !is_repeat => Receipt::Renews(before.received_at),
        // nobody was called: a new request is another one
        State::Cancelled if !is_repeat && first.unknown_fates == 0 && !first.withdrawn => Receipt::New,
        State::Pending
        | State::Sending
        | State::Delivered
        | State::Failed
        | State::Uncertain
        | State::Expired
        | State::Cancelled
        | State::Dropped => Receipt::Known,
    }
}

/// The call itself, without its retries.
#[must_use]
pub fn first_call(calls: &[LoadedReminder]) -> Option<&LoadedReminder> {
    calls.iter().find(|held| held.lead == Lead::NOW)
}

/// Whether these phones of a request leave out the one that its call is about.
#[must_use]
pub fn has_other_phone(calls: &[LoadedReminder], phones: &[Personal]) -> bool {
    let called = first_call(calls).and_then(|held| held.phone.as_ref());
    called.is_some_and(|called| !phones.is_empty() && !phones.contains(called))
}

/// How a request stands of which the ledger holds this call.
#[must_use]
pub fn of_call(held: &LoadedReminder) -> RequestedCall {
    RequestedCall {
        reminder_id: Some(held.id),
        appointment_id: held.appointment_id.clone(),
        state: Some(held.state),
        due_at: held.due_at.max(if held.state == State::Pending { held.next_at } else { held.due_at }),
        expires_at: held.expires_at,
        outcome: held.outcome.map(|told| told.outcome),
    }
}

/// How a request stands that shadow mode wrote down.
#[must_use]
pub fn of_shadow(planned: &PlannedReminder) -> RequestedCall {
    RequestedCall {
        reminder_id: None,
        appointment_id: planned.appointment_id.clone(),
        state: None,
        due_at: planned.send_at,
        expires_at: planned.expires_at,
        outcome: None,
    }
}

/// How a request stands of which the ledger holds no call, as in shadow mode.
#[must_use]
pub fn of_post(post: &PostRow) -> RequestedCall {
    RequestedCall {
        reminder_id: None,
        appointment_id: post.appointment_id.clone(),
        state: None,
        due_at: post.received_at,
        expires_at: post.received_at,
        outcome: None,
    }
}

/// A rule's no.
#[must_use]
pub fn refused(row: &SkippedRow) -> PostTaken {
    PostTaken::Refused { reason: row.reason, detail: row.detail.clone() }
}

/// The minute of an instant, counted from 1970.
#[must_use]
pub fn minute(at: Timestamp) -> i64 {
    at.as_second().div_euclid(60)
}

/// The first of the minutes whose accepted requests count at an instant.
#[must_use]
pub fn first_minute(now: Timestamp) -> i64 {
    minute(now) - MINUTES_OF_RATE
}

/// The number of seconds after which the requests of the minute `first` count no more.
#[must_use]
pub fn seconds_until_room(first: i64, now: Timestamp) -> u64 {
    let ends = (first + MINUTES_OF_RATE + 1) * 60;
    u64::try_from(ends - now.as_second()).unwrap_or_default().max(1)
}

/// The row of the audit log about a request; `word` says what it was besides new.
#[must_use]
pub fn received<'a>(post: &'a TakePost, received_at: Timestamp, word: Option<&'static str>) -> Entry<'a> {
    Entry {
        schedule: Some(post.schedule.name.as_str().into()),
        run_id: Some(post.run.id),
        appointment_id: post.id.as_deref().map(Into::into),
        phone: post.phone.as_deref().map(LoggedPhone::whole),
        starts_at: Some(received_at),
        lead: Some(Lead::NOW),
        reason: word.map(Into::into),
        actor: Some(post.actor.as_str().into()),
        ..Entry::new(post.run.started_at, Event::InboundReceived)
    }
}

/// The row of the audit log about a call whose request was withdrawn.
#[must_use]
pub fn withdrawn<'a>(held: &'a LoadedReminder, withdraw: &'a Withdraw) -> Entry<'a> {
    Entry {
        reason: Some(WITHDRAWN.into()),
        actor: Some(withdraw.actor.as_str().into()),
        ..held.entry(withdraw.now, Event::ReminderCancelled)
    }
}

/// The row of the audit log about a call whose request was renewed by one that a rule refuses.
#[must_use]
pub fn refused_anew<'a>(held: &'a LoadedReminder, post: &'a TakePost, reason: SkipReason) -> Entry<'a> {
    Entry {
        reason: Some(reason.as_str().into()),
        actor: Some(post.actor.as_str().into()),
        ..held.entry(post.run.started_at, Event::ReminderCancelled)
    }
}

/// What is answered to a withdrawal whose request has this call.
#[must_use]
pub fn withdrawal(held: &LoadedReminder) -> Withdrawal {
    let call = of_call(held);
    match held.state {
        State::Sending | State::Delivered | State::Uncertain => Withdrawal::AlreadySent(call),
        State::Pending | State::Failed | State::Expired | State::Cancelled | State::Dropped => Withdrawal::Done(call),
    }
}
