//! shell: stands before every route: asks [`access`](super::access) whether a request may pass, and reads its form.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method};
use axum::middleware::Next;
use axum::response::Response;
use secrecy::ExposeSecret;
use subtle::ConstantTimeEq;

use super::access::{Denied, EntryPoint, Person, RoutePolicy, bearer_token, cookie, may_pass};
use super::pages::denial;
use super::peer;
use super::sessions::COOKIE;
use super::site::{Site, Visitor};
use crate::verbs::page_token;

/// Maximum size of a form.
const MAX_FORM: usize = 64 * 1024;

/// What a form must carry besides its own fields.
pub const FORM_TOKEN: &str = "form_token";

/// The name of a visitor who has not signed in and whose user on this machine can't be named.
const SOMEBODY_HERE: &str = "somebody on this machine";

/// A route's guard.
#[derive(Clone)]
pub struct RouteGuard {
    /// The site.
    pub site: Arc<Site>,
    /// What the route asks.
    pub policy: RoutePolicy,
}

/// The other end of a connection.
#[derive(Debug, Clone, Copy)]
pub struct PeerAddress(pub SocketAddr);

/// The fields of a form, in their order.
#[derive(Clone, Default)]
pub struct SubmittedForm(Vec<(String, String)>);

impl SubmittedForm {
    /// Reads a body of `application/x-www-form-urlencoded`.
    #[must_use]
    pub fn of(body: &[u8]) -> Self {
        Self(url::form_urlencoded::parse(body).into_owned().collect())
    }

    /// A field's text without the blanks around it; `None` when it is missing or blank.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.trim());
        found.filter(|value| !value.is_empty())
    }

    /// Every field but the form's token.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        let pairs = self.0.iter().filter(|(name, _)| name != FORM_TOKEN);
        pairs.map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

/// Lets a request pass to its route, with its visitor and its form.
pub async fn pass(State(guard): State<RouteGuard>, request: Request, next: Next) -> Response {
    let wants = request.uri().path().to_owned();
    let is_reading = *request.method() == Method::GET;
    match admit(&guard, request).await {
        Ok(admitted) => next.run(admitted).await,
        Err(denied) => denial::answer(denied, &wants, is_reading),
    }
}

async fn admit(guard: &RouteGuard, request: Request) -> Result<Request, Denied> {
    let RouteGuard { site, policy } = guard;
    let headers = request.headers();
    let has_bearer = carries_token(site, headers);
    // a program that has the token may come by any name
    let by_bearer = has_bearer && *policy == RoutePolicy::Machine;
    let entry_point = site
        .entry_points
        .entry_point(headers)
        .or(by_bearer.then_some(EntryPoint::Network))
        .ok_or(Denied::ForeignHost)?;
    if !by_bearer && site.entry_points.is_foreign(entry_point, request.method(), headers) {
        return Err(Denied::ForeignOrigin);
    }
    let session = cookie(headers, COOKIE).map(str::to_owned);
    let person = session.as_deref().and_then(|id| person(site, id));
    may_pass(*policy, entry_point, has_bearer, person.as_ref())?;
    let visitor = visitor(guard, &request, (entry_point, session.filter(|_| person.is_some()), person));
    let is_form = *request.method() == Method::POST;
    let (parts, body) = request.into_parts();
    let mut admitted = Request::from_parts(parts, Body::empty());
    if is_form {
        let form = read_form(body).await?;
        let given = form.get(FORM_TOKEN).unwrap_or_default();
        if !site.sessions.is_own_form(visitor.session.as_deref(), given) {
            return Err(Denied::ForgedForm);
        }
        admitted.extensions_mut().insert(form);
    }
    admitted.extensions_mut().insert(visitor);
    Ok(admitted)
}

fn visitor(guard: &RouteGuard, request: &Request, found: (EntryPoint, Option<String>, Option<Person>)) -> Visitor {
    let (entry_point, session, person) = found;
    let site = &guard.site;
    let peer = request.extensions().get::<PeerAddress>().map(|peer| peer.0);
    // looked up only where the log may need it: the kernel's table of sockets is long
    let is_change = *request.method() == Method::POST;
    let user = peer.filter(|_| is_change && person.is_none() && entry_point == EntryPoint::ThisMachine);
    let user = user.and_then(|peer| peer::user_at(peer, site.entry_points.address));
    let here = user.map_or_else(|| SOMEBODY_HERE.to_owned(), site.user_name);
    Visitor {
        name: person.as_ref().map_or(here, |person| person.name.clone()),
        form_token: site.sessions.form_token(session.as_deref()),
        person,
        session,
        is_over_tls: site.entry_points.is_over_tls(entry_point),
        peer: peer.map_or(std::net::IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED), |peer| peer.ip()),
    }
}

fn person(site: &Site, session: &str) -> Option<Person> {
    let tokens = page_token::known(&site.app.settings).unwrap_or_else(|error| {
        tracing::warn!(%error, "nobody can be signed in at the page");
        Vec::new()
    });
    site.sessions.person(session, &tokens, site.app.env.clock.monotonic())
}

fn carries_token(site: &Site, headers: &HeaderMap) -> bool {
    match (&site.token, bearer_token(headers)) {
        (Some(token), Some(given)) => given.as_bytes().ct_eq(token.expose_secret().as_bytes()).into(),
        (_, _) => false,
    }
}

async fn read_form(body: Body) -> Result<SubmittedForm, Denied> {
    let bytes = axum::body::to_bytes(body, MAX_FORM).await.map_err(|_| Denied::TooLarge)?;
    Ok(SubmittedForm::of(&bytes))
}
