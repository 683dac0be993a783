//! shell: the answers to requests that may not pass.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};

use super::sentence;
use crate::web::access::Denied;
use crate::web::views::links::{link, own_path};

/// The answer; whoever only needs to sign in is led there.
pub fn answer(denied: Denied, wants: &str, is_reading: bool) -> Response {
    let said = |status, title: &str, why: &str| sentence(status, title, why.to_owned(), "/");
    match denied {
        Denied::ForeignHost => (StatusCode::MISDIRECTED_REQUEST, "this host name is not served here\n").into_response(),
        Denied::ForeignOrigin => {
            said(StatusCode::FORBIDDEN, "Refused", "Another site has sent this request, or it doesn't say who has.")
        }
        Denied::BearerMissing => {
            let scheme = [(header::WWW_AUTHENTICATE, "Bearer")];
            (StatusCode::UNAUTHORIZED, scheme, "a token is required: Authorization: Bearer …\n").into_response()
        }
        Denied::SignedOut if is_reading => {
            Redirect::to(&link("/sign-in", &[("next", Some(own_path(Some(wants))))])).into_response()
        }
        Denied::SignedOut => said(StatusCode::FORBIDDEN, "Refused", "Nobody is signed in: sign in and try again."),
        Denied::ReadOnly => {
            said(StatusCode::FORBIDDEN, "Refused", "Your token lets you look, not decide: `--may act` is for deciding.")
        }
        Denied::ForgedForm => said(
            StatusCode::FORBIDDEN,
            "Refused",
            "This form is of an earlier sign-in or start of the service: go back, reload the page, and try again.",
        ),
        Denied::TooLarge => said(StatusCode::PAYLOAD_TOO_LARGE, "Too long", "The form is too long."),
    }
}

/// The answer to a path that isn't served.
pub async fn unknown() -> Response {
    sentence(StatusCode::NOT_FOUND, "No such page", "There is no page at this address.".to_owned(), "/")
}
