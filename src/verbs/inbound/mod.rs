//! shell: requests that are posted: takes, withdraws and lists them, and names the addresses to which they are posted.

mod absent;
pub mod listing;

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{App, Exit, VerbError, VerbResult, holds};
use crate::evaluation::{NotPosted, Post, take_post};
use crate::formats::posted::{self, NoRequest, PostedForm};
use crate::ledger::inbox;
use crate::ledger::{PostRow, PostTaken, PostsAsk, ReminderAsk, ReminderRow, RequestedCall, Runs};
use crate::ledger::{PostStanding, Withdraw, Withdrawal};
use crate::personal::Personal;
use crate::reminder::{CallOutcome, Lead, ReminderId, State};
use crate::schedule::Schedule;

/// A request as it came.
#[derive(Clone, Copy)]
pub struct NewRequest<'a> {
    /// The whole body.
    pub body: &'a [u8],
    /// How it is written.
    pub form: PostedForm,
    /// The `Idempotency-Key`.
    pub key: Option<&'a str>,
    /// Who posts it, in the audit log.
    pub actor: &'a str,
}

/// Why a request was not judged.
#[derive(Debug, thiserror::Error)]
pub enum NotTaken {
    /// The body is no request.
    #[error(transparent)]
    Body(#[from] NoRequest),
    /// Its id can't be one, or something that is needed can't be used now.
    #[error(transparent)]
    Post(#[from] NotPosted),
}

/// What is answered about a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestAnswer {
    /// Its reminder; null in shadow mode.
    pub reminder_id: Option<ReminderId>,
    /// Its id.
    pub appointment_id: String,
    /// The reminder's state; `shadowed` in shadow mode.
    pub state: String,
    /// When the call is or was to be made, with the schedule's offset.
    pub due_at: String,
    /// The call is not made at or after this.
    pub expires_at: String,
    /// The same was posted before, or the call was made.
    pub duplicate: bool,
    /// `paused` while nothing is sent; a sentence where another phone came and isn't called.
    pub note: Option<String>,
}

/// The same with what became of the call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestWithOutcome {
    /// How it stands.
    #[serde(flatten)]
    pub answer: RequestAnswer,
    /// What became of its call; null while that isn't known.
    pub outcome: Option<CallOutcome>,
}

impl RequestAnswer {
    /// The answer together with what became of the call.
    #[must_use]
    pub const fn with_outcome(self, outcome: Option<CallOutcome>) -> RequestWithOutcome {
        RequestWithOutcome { answer: self, outcome }
    }
}

/// Takes a request for a schedule of requests, and wakes the sender.
///
/// # Errors
/// [`NotTaken`]: then nothing was changed.
pub async fn take(app: &App, schedule: &Arc<Schedule>, new: NewRequest<'_>) -> Result<PostTaken, NotTaken> {
    let Some(spec) = schedule.inbound() else { return Err(NoRequest::NoObject.into()) };
    let row = posted::read(new.body, new.form, new.key)?;
    let absent = absent::Absent::of(schedule, &row);
    let digest = Sha256::digest(new.body).into();
    let post = Post { row, digest, actor: new.actor.to_owned() };
    let taken = absent.named(take_post(schedule, spec, post, &app.env).await?);
    match &taken {
        PostTaken::Accepted(_) => {
            if let Some(sender) = &app.sender {
                sender.nudge();
            }
        }
        PostTaken::TooMany { retry_after } => {
            let seconds = i64::try_from(*retry_after).unwrap_or(i64::MAX);
            let until = app.env.clock.now().saturating_add(jiff::SignedDuration::from_secs(seconds));
            app.traffic.floods_until(&schedule.name, until.unwrap_or(jiff::Timestamp::MAX));
        }
        PostTaken::Duplicate { .. } | PostTaken::Refused { .. } => {}
    }
    Ok(taken)
}

/// What is answered about a request of this schedule.
///
/// # Errors
/// When the ledger can't be read.
pub async fn answer(app: &App, schedule: &Schedule, call: &RequestedCall) -> VerbResult<RequestAnswer> {
    let is_waiting = call.state == Some(State::Pending);
    let paused = if is_waiting { holds::first(app, schedule, |_| true).await? } else { None };
    Ok(RequestAnswer {
        reminder_id: call.reminder_id,
        appointment_id: call.appointment_id.clone(),
        state: call.state.map_or("shadowed", State::as_str).to_owned(),
        due_at: schedule.zone.rfc3339(call.due_at),
        expires_at: schedule.zone.rfc3339(call.expires_at),
        duplicate: false,
        note: paused.map(|_| "paused".to_owned()),
    })
}

/// What is answered about a request that is known, or whose call was made.
///
/// # Errors
/// When the ledger can't be read.
pub async fn answer_again(
    app: &App,
    schedule: &Schedule,
    (call, has_other_phone): (&RequestedCall, bool),
) -> VerbResult<RequestAnswer> {
    let first = answer(app, schedule, call).await?;
    let unused = has_other_phone.then(|| match call.state {
        Some(State::Sending | State::Delivered | State::Uncertain) => {
            "the call was made, or is being made: the other phone of this request isn't called".to_owned()
        }
        Some(State::Pending | State::Failed | State::Expired | State::Cancelled | State::Dropped) | None => {
            "one id is one call: the other phone of this request isn't called".to_owned()
        }
    });
    Ok(RequestAnswer { duplicate: true, note: unused.or(first.note), ..first })
}

/// How a request stands, by its id or its reminder's; `None` when there is none, or it was refused.
///
/// # Errors
/// When the ledger can't be read.
pub async fn status(app: &App, schedule: &Schedule, id: &str) -> VerbResult<Option<RequestedCall>> {
    let ledger = app.ledger()?;
    let post = |id: String| PostsAsk {
        schedule: Some(schedule.name.clone()),
        appointment_id: Some(id),
        ..PostsAsk::default()
    };
    let mut found = ledger.posts(post(id.to_owned())).await?.pop();
    if found.is_none()
        && let Ok(reminder) = id.parse::<ReminderId>()
    {
        let ask = ReminderAsk { id: Some(reminder), schedule: Some(schedule.name.clone()), ..ReminderAsk::default() };
        if let Some(row) = ledger.reminders(ask).await?.pop() {
            found = ledger.posts(post(row.appointment_id)).await?.pop();
        }
    }
    let Some(found) = found else { return Ok(None) };
    let ask = ReminderAsk {
        schedule: Some(schedule.name.clone()),
        appointment_id: Some(found.appointment_id.clone()),
        ..ReminderAsk::default()
    };
    Ok(standing(&found, &ledger.reminders(ask).await?))
}

/// How a request stands beside the reminders of its id.
fn standing(post: &PostRow, reminders: &[ReminderRow]) -> Option<RequestedCall> {
    let own = reminders.iter().find(|row| row.starts_at == post.received_at && row.lead == Lead::NOW);
    match (own, post.standing) {
        (Some(row), _) => Some(RequestedCall {
            reminder_id: Some(row.id),
            appointment_id: row.appointment_id.clone(),
            state: Some(row.state),
            due_at: if row.state == State::Pending { row.due_at.max(row.next_at) } else { row.due_at },
            expires_at: row.expires_at,
            outcome: row.outcome,
        }),
        (None, PostStanding::Accepted | PostStanding::Withdrawn) => Some(inbox::of_post(post)),
        (None, PostStanding::Refused) => None,
    }
}

/// What a withdrawal came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Withdrawn {
    /// There is no such request.
    Unknown,
    /// Its call was made, or may have been.
    AlreadySent,
    /// Nobody is called for it any more.
    Done(RequestedCall),
}

/// Withdraws a request, known by its id or its reminder's: nobody is called for it any more. `actor` says so.
///
/// # Errors
/// When the ledger can't be written.
pub async fn withdraw(app: &App, schedule: &Schedule, (id, actor): (String, &str)) -> VerbResult<Withdrawn> {
    let now = app.env.clock.now();
    let withdraw = Withdraw { schedule: schedule.name.clone(), id, now, actor: actor.to_owned() };
    Ok(match app.ledger()?.withdraw(withdraw).await? {
        Withdrawal::Unknown => Withdrawn::Unknown,
        Withdrawal::AlreadySent(_) => Withdrawn::AlreadySent,
        Withdrawal::Done(call) => Withdrawn::Done(call),
    })
}

/// A request that a person posts.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PostAsk {
    /// The schedule to which it is posted.
    pub schedule: String,
    /// A JSON object.
    pub body: Personal,
    /// Its `Idempotency-Key`.
    pub key: Option<String>,
}

/// What a request that a person posted came to.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PostedRequest {
    /// How its call stands; null when there is none.
    pub call: Option<RequestAnswer>,
    /// Why there is none.
    pub reason: Option<String>,
    /// A sentence.
    pub detail: Option<String>,
    /// Whether a service took it: it makes the call.
    #[serde(default = "by_service")]
    pub service: bool,
}

/// The value of `service` in an answer that doesn't have it: only a service of an older version gives one.
const fn by_service() -> bool {
    true
}

impl PostedRequest {
    /// How the verb ends.
    #[must_use]
    pub const fn exit(&self) -> Exit {
        if self.call.is_some() { Exit::Done } else { Exit::Refused }
    }
}

/// The schedule to which a request is posted.
///
/// # Errors
/// When there is no such schedule, it takes no requests, or is switched off.
pub(super) fn schedule_of(app: &App, ask: &PostAsk) -> VerbResult<Arc<Schedule>> {
    let schedule = app.schedule(&ask.schedule)?;
    let name = &schedule.name;
    if schedule.inbound().is_none() {
        return Err(VerbError::Failed(format!("`{name}` takes no requests: it has no [source.inbound]")));
    }
    if !schedule.enabled {
        return Err(VerbError::Failed(format!("`{name}` is switched off by `enabled = false`")));
    }
    Ok(schedule)
}

/// Posts a request as its sender would.
///
/// # Errors
/// When there is no such schedule of requests, it is switched off, the body is no request, or the ledger fails.
pub async fn post(app: &App, actor: &str, ask: PostAsk) -> VerbResult<PostedRequest> {
    let schedule = schedule_of(app, &ask)?;
    let key = ask.key.as_deref().filter(|key| !key.is_empty());
    let new = NewRequest { body: ask.body.as_bytes(), form: PostedForm::Json, key, actor };
    let taken = take(app, &schedule, new).await.map_err(|error| VerbError::Failed(error.to_string()))?;
    let refused = |reason: &str, detail: String| PostedRequest {
        call: None,
        reason: Some(reason.to_owned()),
        detail: Some(detail),
        service: app.is_service,
    };
    let called = |call| PostedRequest { call: Some(call), reason: None, detail: None, service: app.is_service };
    Ok(match taken {
        PostTaken::Accepted(call) => called(answer(app, &schedule, &call).await?),
        PostTaken::Duplicate { call, has_other_phone } => {
            called(answer_again(app, &schedule, (&call, has_other_phone)).await?)
        }
        PostTaken::Refused { reason, detail } => refused(reason.as_str(), detail),
        PostTaken::TooMany { retry_after } => {
            refused("too_many", format!("`max_per_hour` requests were accepted; there is room in {retry_after} s"))
        }
    })
}
