//! shell: the addresses to which platforms post, and the requests that came.

use std::collections::HashMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::super::{App, VerbResult};
use crate::ledger::{Inbox as _, Outbox as _, PostStanding, PostsAsk, ReminderAsk};
use crate::reminder::{CallOutcome, Lead, ReminderId, SkipReason, State};
use crate::schedule::Schedule;

/// An address to which something is posted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InboundUrl {
    /// The schedule's name.
    pub schedule: String,
    /// `call` or `outcome`.
    pub kind: String,
    /// Without the secret.
    pub url: String,
    /// Whether the secret may follow as the last part of the URL.
    pub secret_in_url: bool,
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
pub async fn list(app: &App, schedule: Option<&str>) -> VerbResult<Vec<ListedRequest>> {
    let Some(ledger) = &app.around.ledger else { return Ok(Vec::new()) };
    if let Some(name) = schedule {
        app.schedule(name)?;
    }
    let schedule = schedule.map(str::to_owned);
    let posts = ledger.posts(PostsAsk { schedule: schedule.clone(), ..PostsAsk::default() }).await?;
    if posts.is_empty() {
        return Ok(Vec::new());
    }
    let reminders = ledger.reminders(ReminderAsk { schedule, ..ReminderAsk::default() }).await?;
    let calls = reminders.into_iter().filter(|row| row.lead == Lead::NOW);
    let mut calls: HashMap<(String, String, Timestamp), _> =
        calls.map(|row| ((row.schedule.clone(), row.appointment_id.clone(), row.starts_at), row)).collect();
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
            outcome: call.and_then(|row| row.outcome),
        }
    });
    Ok(listed.collect())
}
