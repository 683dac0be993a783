//! shell: signing in and out.

use std::sync::Arc;

use axum::extract::{Extension, RawQuery, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};

use super::{asked_for, failure, html};
use crate::audit::Event;
use crate::ledger::Log;
use crate::verbs::{VerbResult, entry_of, page_token};
use crate::web::guard::SubmittedForm;
use crate::web::sessions::{COOKIE, LIFETIME};
use crate::web::site::{Site, Visitor};
use crate::web::views::links::own_path;
use crate::web::views::signing::SignInPage;

/// The form.
pub async fn form(Extension(visitor): Extension<Visitor>, RawQuery(query): RawQuery) -> Response {
    let next = own_path(asked_for(query).get("next")).to_owned();
    html(StatusCode::OK, &SignInPage { form_token: visitor.form_token, next, fault: None })
}

/// Signs whoever has a token in.
pub async fn sign_in(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Extension(form): Extension<SubmittedForm>,
) -> Response {
    let next = own_path(form.get("next")).to_owned();
    match begin(&site, &visitor, form.get("token").unwrap_or_default()).await {
        Ok(SignInResult::Begun(cookie)) => ([(header::SET_COOKIE, cookie)], Redirect::to(&next)).into_response(),
        Ok(SignInResult::Wrong) => {
            let fault = Some("No token is like this one.".to_owned());
            html(StatusCode::UNAUTHORIZED, &SignInPage { form_token: visitor.form_token, next, fault })
        }
        Ok(SignInResult::TooOften(seconds)) => {
            let fault = Some(format!("Too many wrong tokens: try again in {seconds} s."));
            let page = SignInPage { form_token: visitor.form_token, next, fault };
            ([(header::RETRY_AFTER, HeaderValue::from(seconds))], html(StatusCode::TOO_MANY_REQUESTS, &page))
                .into_response()
        }
        Err(error) => failure(&error, "/sign-in"),
    }
}

/// What a token came to.
enum SignInResult {
    Begun(HeaderValue),
    Wrong,
    TooOften(u64),
}

async fn begin(site: &Site, visitor: &Visitor, token: &str) -> VerbResult<SignInResult> {
    let tokens = page_token::known(&site.app.settings)?;
    let now = site.app.env.clock.monotonic();
    let owner = match site.sessions.try_token(&tokens, token, (visitor.peer, now)) {
        Ok(Some(owner)) => owner,
        Ok(None) => {
            tracing::warn!("a wrong token was tried at the page");
            return Ok(SignInResult::Wrong);
        }
        Err(wait) => return Ok(SignInResult::TooOften(wait.as_secs() + 1)),
    };
    let entry = entry_of(&site.app, &owner.name, Event::PageSignedIn, owner.may.as_str());
    site.app.ledger()?.append(vec![entry]).await?;
    if let Some(former) = &visitor.session {
        site.sessions.end(former);
    }
    let id = site.sessions.begin(owner, now)?;
    Ok(SignInResult::Begun(cookie(&id, LIFETIME.as_secs(), visitor.is_over_tls)))
}

/// Ends the session.
pub async fn sign_out(State(site): State<Arc<Site>>, Extension(visitor): Extension<Visitor>) -> Response {
    if let Some(session) = &visitor.session {
        site.sessions.end(session);
    }
    ([(header::SET_COOKIE, cookie("", 0, visitor.is_over_tls))], Redirect::to("/sign-in")).into_response()
}

fn cookie(id: &str, seconds: u64, is_over_tls: bool) -> HeaderValue {
    let secure = if is_over_tls { "; Secure" } else { "" };
    let text = format!("{COOKIE}={id}; Path=/; HttpOnly; SameSite=Strict; Max-Age={seconds}{secure}");
    HeaderValue::try_from(text).expect("an id is made of digits and letters")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_script_and_no_other_site_sees_the_cookie() {
        let plain = cookie("ab12", 60, false);
        assert_eq!(plain, "tickler_session=ab12; Path=/; HttpOnly; SameSite=Strict; Max-Age=60");
        assert!(cookie("ab12", 60, true).to_str().is_ok_and(|text| text.ends_with("; Secure")));
    }
}
