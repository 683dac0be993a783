//! shell: what the server answers: JSON, and never why a secret was refused.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::reminder::SkipReason;

/// Why a request was not taken. Senders repeat only what is answered 429, so everything that passes is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// No such schedule, no secret, or another one: nobody learns which.
    Unauthorized,
    /// The body is no record.
    Unreadable(&'static str),
    /// The body is longer than this, or nested too deeply.
    TooLarge(&'static str),
    /// The body came too slowly.
    TooSlow,
    /// The limit of requests at once is reached; this one is to be repeated later.
    TooMany,
    /// The ledger can't be written now.
    Unavailable,
    /// The service stops.
    Stopping,
    /// There is nothing at this path.
    NotFound,
    /// The path takes another method.
    Method,
    /// The schedule is switched off.
    Disabled,
    /// The call was made, or may have been.
    AlreadySent,
    /// A rule of the schedule says no.
    Rule {
        /// The reason.
        reason: SkipReason,
        /// A sentence.
        detail: String,
    },
    /// The schedule accepts no more requests until that number of seconds has passed.
    Flood(u64),
}

/// Seconds after which a sender may try again.
const RETRY_AFTER: u64 = 30;

impl Refusal {
    fn parts(&self) -> (StatusCode, &'static str, &str) {
        match self {
            Self::Unauthorized => (StatusCode::UNAUTHORIZED, "unauthorized", "the secret is missing or wrong"),
            Self::Unreadable(why) => (StatusCode::BAD_REQUEST, "unreadable", why),
            Self::TooLarge(limit) => (StatusCode::PAYLOAD_TOO_LARGE, "too_large", limit),
            Self::TooSlow => (StatusCode::REQUEST_TIMEOUT, "too_slow", "the request did not arrive in time"),
            Self::TooMany => (StatusCode::TOO_MANY_REQUESTS, "too_many", "too many requests at once; try again"),
            Self::Unavailable => {
                (StatusCode::TOO_MANY_REQUESTS, "unavailable", "the record can't be written now; try again")
            }
            Self::Stopping => (StatusCode::TOO_MANY_REQUESTS, "stopping", "the service stops; try again"),
            Self::NotFound => (StatusCode::NOT_FOUND, "not_found", "there is nothing here"),
            Self::Method => (StatusCode::METHOD_NOT_ALLOWED, "method", "this path doesn't take that method"),
            Self::Disabled => (StatusCode::CONFLICT, "disabled", "the schedule is switched off by `enabled = false`"),
            Self::AlreadySent => (StatusCode::CONFLICT, "already_sent", "the call was made, or may have been"),
            Self::Rule { reason, detail } => (StatusCode::UNPROCESSABLE_ENTITY, reason.as_str(), detail),
            Self::Flood(_) => {
                (StatusCode::TOO_MANY_REQUESTS, "too_many", "`max_per_hour` requests were accepted; try again later")
            }
        }
    }

    /// The number of seconds after which a sender may try again.
    const fn retry_after(&self) -> u64 {
        match self {
            Self::Flood(seconds) => *seconds,
            Self::Unauthorized
            | Self::Unreadable(_)
            | Self::TooLarge(_)
            | Self::TooSlow
            | Self::TooMany
            | Self::Unavailable
            | Self::Stopping
            | Self::NotFound
            | Self::Method
            | Self::Disabled
            | Self::AlreadySent
            | Self::Rule { .. } => RETRY_AFTER,
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, reason, detail) = self.parts();
        let mut response = (status, Json(json!({"error": {"reason": reason, "detail": detail}}))).into_response();
        if status == StatusCode::TOO_MANY_REQUESTS {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(self.retry_after()));
        }
        response
    }
}
