//! shell: the addresses to which platforms post, and the requests that came.

use std::collections::HashMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::super::{App, VerbResult, newest};
use crate::audit::words;
use crate::ledger::{PostRow, PostStanding, PostsAsk, Questions, ReminderAsk, ReminderRow};
use crate::reminder::{CallOutcome, Lead, ReminderId, SkipReason, State};
use crate::schedule::Schedule;

/// The number of requests up to which their calls are asked for one by one.
const MAX_ONE_BY_ONE: usize = 200;

type CallsOfRequests = HashMap<(String, String, Timestamp), ReminderRow>;

/// An address to which something is posted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InboundUrl {
    /// The schedule's name.
    pub schedule: String,
    /// `call` or `outcome`.
    pub kind: String,
    /// The URL without the secret.
    pub url: String,
    /// Whether the secret may follow as the last part of the URL.
    pub secret_in_url: bool,
}

/// The requests that are listed. What is absent selects nothing, so that an older program's ask is understood.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RequestListAsk {
    /// Requests to this schedule; `None`: to all.
    pub schedule: Option<String>,
    /// Requests with this id.
    pub appointment: Option<String>,
    /// Requests received at or after this (UTC).
    pub since: Option<Timestamp>,
    /// Requests received before this (UTC).
    pub until: Option<Timestamp>,
    /// Requests in this standing.
    pub standing: Option<PostStanding>,
    /// Requests refused for this reason.
    pub reason: Option<SkipReason>,
    /// Only this number of the newest.
    pub limit: Option<usize>,
}

/// A request that came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListedRequest {
    /// The schedule's name.
    pub schedule: String,
    /// Its id.
    pub appointment_id: String,
    /// When it was received (UTC).
    pub received_at: Timestamp,
    /// `accepted`, `refused` or `withdrawn`.
    pub standing: PostStanding,
    /// Why it was refused.
    pub reason: Option<SkipReason>,
    /// Its reminder.
    pub reminder_id: Option<ReminderId>,
    /// The reminder's state.
    pub state: Option<State>,
    /// What became of its call.
    pub outcome: Option<CallOutcome>,
    /// Whether a sandbox accepted it.
    #[serde(default)]
    pub trial: bool,
}

impl ListedRequest {
    /// The request's call, or why there is none, in words for people.
    #[must_use]
    pub fn call_in_words(&self) -> String {
        match (self.standing, self.reason, self.state) {
            (PostStanding::Refused, Some(reason), _) => format!("not called: {}", words::reason(reason.as_str())),
            (PostStanding::Refused, None, _) => "not called".to_owned(),
            (PostStanding::Withdrawn, _, _) => "withdrawn".to_owned(),
            (PostStanding::Accepted, _, Some(State::Delivered)) if self.trial => words::TRIAL.to_owned(),
            (PostStanding::Accepted, _, Some(state)) => words::state(state).to_owned(),
            (PostStanding::Accepted, _, None) => "shadowed".to_owned(),
        }
    }
}

/// Where requests and records of these schedules are posted, in their order.
///
/// # Errors
/// When there is no such schedule.
pub fn urls(app: &App, schedule: Option<&str>) -> VerbResult<Vec<InboundUrl>> {
    let names: Vec<String> = schedule.map(str::to_owned).into_iter().collect();
    let base = base(app);
    let of = |schedule: &Schedule| {
        let url = |kind: &str, secret_in_url| InboundUrl {
            schedule: schedule.name.clone(),
            kind: kind.to_owned(),
            url: format!("{base}/{kind}/{}", schedule.name),
            secret_in_url,
        };
        let call = schedule.inbound().map(|spec| url("call", spec.secret_in_url));
        let outcome = schedule.outcome.as_ref().filter(|spec| !spec.secrets.is_empty());
        call.into_iter().chain(outcome.map(|spec| url("outcome", spec.secret_in_url))).collect::<Vec<_>>()
    };
    Ok(app.named(&names)?.iter().flat_map(|schedule| of(schedule)).collect())
}

/// What stands before the paths: where a proxy is reached, else where the service listens.
fn base(app: &App) -> String {
    let settings = &app.settings;
    match (&settings.inbound_url, settings.inbound_listen) {
        (Some(url), _) => url.as_str().trim_end_matches('/').to_owned(),
        (None, Some(listen)) => format!("http://{listen}"),
        (None, None) => "http://[inbound].listen-is-off".to_owned(),
    }
}

/// Requests, in the order of their receipts. Without a ledger there are none.
///
/// # Errors
/// When there is no such schedule, or the ledger can't be read.
pub async fn list(app: &App, ask: &RequestListAsk) -> VerbResult<Vec<ListedRequest>> {
    let Some(ledger) = &app.env.ledger else { return Ok(Vec::new()) };
    if let Some(name) = &ask.schedule {
        app.schedule(name)?;
    }
    let wanted = PostsAsk {
        schedule: ask.schedule.clone(),
        appointment_id: ask.appointment.clone(),
        from: ask.since,
        until: ask.until,
    };
    let mut posts = ledger.posts(wanted).await?;
    posts.retain(|post| ask.standing.is_none_or(|standing| post.standing == standing));
    posts.retain(|post| ask.reason.is_none_or(|reason| post.reason == Some(reason)));
    let posts = newest(posts, ask.limit);
    let mut calls = calls_of(ledger, &posts, ask).await?;
    let listed = posts.into_iter().map(|post| {
        let call = calls.remove(&(post.schedule.clone(), post.appointment_id.clone(), post.received_at));
        ListedRequest {
            schedule: post.schedule,
            appointment_id: post.appointment_id,
            received_at: post.received_at,
            standing: post.standing,
            reason: post.reason,
            reminder_id: call.as_ref().map(|row| row.id),
            state: call.as_ref().map(|row| row.state),
            trial: call.as_ref().is_some_and(|row| row.trial),
            outcome: call.and_then(|row| row.outcome),
        }
    });
    Ok(listed.collect())
}

/// The first calls of requests, by schedule, id and receipt. Few are asked for one by one, many are read at once.
async fn calls_of(ledger: &Questions, posts: &[PostRow], ask: &RequestListAsk) -> VerbResult<CallsOfRequests> {
    let all = ReminderAsk { schedule: ask.schedule.clone(), ..ReminderAsk::default() };
    let one_by_one = |post: &PostRow| ReminderAsk {
        schedule: Some(post.schedule.clone()),
        appointment_id: Some(post.appointment_id.clone()),
        ..ReminderAsk::default()
    };
    let asks = if posts.len() > MAX_ONE_BY_ONE { vec![all] } else { posts.iter().map(one_by_one).collect() };
    let mut calls = CallsOfRequests::new();
    for ask in asks {
        let found = ledger.reminders(ask).await?.into_iter().filter(|row| row.lead == Lead::NOW);
        calls.extend(found.map(|row| ((row.schedule.clone(), row.appointment_id.clone(), row.starts_at), row)));
    }
    Ok(calls)
}
