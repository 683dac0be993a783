//! shell: what the server answers: JSON, and never why a secret was refused.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// Why a request was not taken. Senders repeat only what is answered 429, so everything that passes is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// No such schedule, no secret, or another one: nobody learns which.
    Unauthorized,
    /// The body is no record.
    Unreadable(&'static str),
    /// The body is too long or nested too deeply.
    TooLarge,
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
    /// The path takes POST.
    Method,
}

/// Seconds after which a sender may try again.
const RETRY_AFTER: &str = "30";

impl Refusal {
    const fn parts(self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::Unauthorized => (StatusCode::UNAUTHORIZED, "unauthorized", "the secret is missing or wrong"),
            Self::Unreadable(why) => (StatusCode::BAD_REQUEST, "unreadable", why),
            Self::TooLarge => {
                (StatusCode::PAYLOAD_TOO_LARGE, "too_large", "a body has at most 256 KiB and 32 levels of nesting")
            }
            Self::TooSlow => (StatusCode::REQUEST_TIMEOUT, "too_slow", "the request did not arrive in time"),
            Self::TooMany => (StatusCode::TOO_MANY_REQUESTS, "too_many", "too many requests at once; try again"),
            Self::Unavailable => {
                (StatusCode::TOO_MANY_REQUESTS, "unavailable", "the record can't be written now; try again")
            }
            Self::Stopping => (StatusCode::TOO_MANY_REQUESTS, "stopping", "the service stops; try again"),
            Self::NotFound => (StatusCode::NOT_FOUND, "not_found", "there is nothing here"),
            Self::Method => (StatusCode::METHOD_NOT_ALLOWED, "method", "this path takes POST"),
        }
    }

    /// The word in its answer.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        self.parts().1
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, reason, detail) = self.parts();
        let mut response = (status, Json(json!({"error": {"reason": reason, "detail": detail}}))).into_response();
        if status == StatusCode::TOO_MANY_REQUESTS {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER));
        }
        response
    }
}
