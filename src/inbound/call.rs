//! shell: `POST /call/{schedule}`, and `GET` and `DELETE /call/{schedule}/{id}`: somebody is to be called, answered after its
//! commit.

use std::sync::Arc;

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::Inbound;
use super::answer::Refusal;
use super::server;
use crate::evaluation::NotPosted;
use crate::formats::posted::{NoRequest, PostedForm};
use crate::ledger::PostTaken;
use crate::schedule::Schedule;
use crate::verbs::VerbError;
use crate::verbs::inbound::{self as requests, NewRequest, Withdrawn};

/// Who posts, in the audit log.
const ACTOR: &str = "inbound";

/// A request as it came.
#[derive(Clone, Copy)]
pub struct Posted<'a> {
    /// The whole body.
    pub body: &'a [u8],
    /// How it is written.
    pub content_type: Option<&'a str>,
    /// The `Idempotency-Key`.
    pub key: Option<&'a str>,
}

impl Inbound {
    /// Has somebody called as the posted request asks.
    ///
    /// # Errors
    /// [`Refusal`]: why nobody is called.
    pub(super) async fn request(&self, schedule: &Arc<Schedule>, posted: Posted<'_>) -> Result<Response, Refusal> {
        let form = PostedForm::of_content_type(posted.content_type);
        let key = posted.key.filter(|key| !key.is_empty());
        let new = NewRequest { body: posted.body, form, key, actor: ACTOR };
        let taken = requests::take(&self.app, schedule, new).await.map_err(|error| refusal_of(&error))?;
        let (answer, status) = match taken {
            PostTaken::Accepted(call) => (requests::answer(&self.app, schedule, &call).await, StatusCode::ACCEPTED),
            PostTaken::Duplicate { call, has_other_phone } => {
                (requests::answer_again(&self.app, schedule, (&call, has_other_phone)).await, StatusCode::OK)
            }
            PostTaken::Refused { reason, detail } => return Err(Refusal::Rule { reason, detail }),
            PostTaken::TooMany { retry_after } => return Err(Refusal::Flood(retry_after)),
        };
        let answer = answer.map_err(|_| Refusal::Unavailable)?;
        Ok((status, Json(json!(answer))).into_response())
    }

    /// How a request stands, by its id or its reminder's.
    ///
    /// # Errors
    /// When there is none.
    pub(super) async fn call_status(&self, schedule: &Schedule, id: &str) -> Result<Response, Refusal> {
        let found = requests::status(&self.app, schedule, id).await.map_err(|_| Refusal::Unavailable)?;
        let call = found.ok_or(Refusal::NotFound)?;
        let answer = requests::answer(&self.app, schedule, &call).await.map_err(|_| Refusal::Unavailable)?;
        Ok(Json(answer.with_outcome(call.outcome)).into_response())
    }

    /// Withdraws a request: nobody is called for it any more.
    ///
    /// # Errors
    /// When there is none, or its call was made.
    pub(super) async fn withdraw(&self, schedule: &Schedule, id: String) -> Result<Response, Refusal> {
        let withdrawn = requests::withdraw(&self.app, schedule, (id, ACTOR)).await;
        match withdrawn.map_err(|_| Refusal::Unavailable)? {
            Withdrawn::Unknown => Err(Refusal::NotFound),
            Withdrawn::AlreadySent => Err(Refusal::AlreadySent),
            Withdrawn::Done(call) => {
                let answer = requests::answer(&self.app, schedule, &call).await.map_err(|_| Refusal::Unavailable)?;
                Ok(Json(answer.with_outcome(call.outcome)).into_response())
            }
        }
    }
}

fn refusal_of(error: &requests::NotTaken) -> Refusal {
    match error {
        requests::NotTaken::Body(NoRequest::TooDeep) => Refusal::TooLarge(server::REQUEST_LIMIT),
        requests::NotTaken::Body(NoRequest::NoObject) => {
            Refusal::Unreadable("the body is neither a JSON object nor a form")
        }
        requests::NotTaken::Body(NoRequest::Empty) => Refusal::Unreadable("the body has no field"),
        requests::NotTaken::Post(NotPosted::LongId) => Refusal::Unreadable("the id has more than 256 characters"),
        requests::NotTaken::Post(NotPosted::Evaluation(error)) => {
            tracing::error!(%error, "a request for a call could not be judged; its sender is asked to repeat it");
            Refusal::Unavailable
        }
    }
}

impl From<VerbError> for Refusal {
    fn from(_: VerbError) -> Self {
        Self::Unavailable
    }
}
