//! shell: `/healthz` and `/readyz`, loopback by default.

pub mod connections;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::set_header::SetResponseHeaderLayer;
use tower_http::timeout::TimeoutLayer;

use crate::clock::SharedClock;
use crate::verbs::vitals::Vitals;
use connections::{Busy, Connections, HEAD_PATIENCE};

/// Nothing that is served here takes longer.
const PATIENCE: Duration = Duration::from_secs(10);

/// After a connection was lost (no file descriptors are left), the next is waited for so long.
const AFTER_A_LOSS: Duration = Duration::from_millis(100);

/// Nothing that is served here takes a body.
const LONGEST_BODY: usize = 64 * 1024;

/// Why the page can't be opened.
#[derive(Debug, thiserror::Error)]
pub enum WebError {
    /// Anybody in the network could look.
    #[error("web.listen is {0}, which others can reach, and no web.token is set: set one, or listen on 127.0.0.1")]
    TokenMissing(SocketAddr),
    /// Such as a port in use.
    #[error("web.listen: {0} can't be listened on: {1}; choose another address, or \"off\"")]
    NotBound(SocketAddr, std::io::Error),
}

/// The page, bound and not yet served.
pub struct StatusPage {
    listener: tokio::net::TcpListener,
    address: SocketAddr,
    router: Router,
}

/// Which requests may see the page.
struct AccessCheck {
    address: SocketAddr,
    token: Option<SecretString>,
}

/// Binds `listen`. A token is demanded on every address but loopback.
///
/// # Errors
/// When the token is missing there, or the address can't be bound.
pub async fn bind(
    listen: SocketAddr,
    token: Option<SecretString>,
    vitals: Arc<Vitals>,
) -> Result<StatusPage, WebError> {
    let token = token.filter(|token| !token.expose_secret().is_empty());
    let is_local = is_local(listen);
    if !is_local && token.is_none() {
        return Err(WebError::TokenMissing(listen));
    }
    let not_bound = |error| WebError::NotBound(listen, error);
    let listener = tokio::net::TcpListener::bind(listen).await.map_err(not_bound)?;
    let address = listener.local_addr().map_err(not_bound)?;
    let gate = Arc::new(AccessCheck { address, token: token.filter(|_| !is_local) });
    Ok(StatusPage { listener, address, router: router(gate, vitals) })
}

/// Whether only this machine can reach an address.
fn is_local(listen: SocketAddr) -> bool {
    listen.ip().to_canonical().is_loopback()
}

impl StatusPage {
    /// Where it listens (the port the system chose, where 0 was asked for).
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until it is dropped: at most `most` connections at once, and no request whose head takes its time.
    pub async fn serve(self, clock: SharedClock, most: usize) {
        let mut connections = Connections::up_to(most);
        loop {
            let stream = match self.listener.accept().await {
                Ok((stream, _peer)) => stream,
                Err(error) => {
                    tracing::debug!(%error, "a visitor of the page was lost");
                    clock.sleep(AFTER_A_LOSS).await;
                    continue;
                }
            };
            if connections.make_room() {
                let busy = Busy::default();
                let router = self.router.clone().layer(from_fn_with_state(busy.clone(), mark_as_busy));
                connections.add(busy, &tokio::spawn(converse(stream, router)));
            }
        }
    }
}

async fn converse(stream: tokio::net::TcpStream, router: Router) {
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_PATIENCE)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router))
        .await;
    if let Err(error) = served {
        tracing::debug!(%error, "a visitor of the page broke off");
    }
}

async fn mark_as_busy(State(busy): State<Busy>, request: Request, next: Next) -> Response {
    let _answering = busy.begin();
    next.run(request).await
}

fn router(gate: Arc<AccessCheck>, vitals: Arc<Vitals>) -> Router {
    let header = |name, value| SetResponseHeaderLayer::overriding(name, HeaderValue::from_static(value));
    Router::new()
        .route("/healthz", get(health))
        .route("/readyz", get(readiness))
        .with_state(vitals)
        .layer(from_fn_with_state(gate, check_gate))
        .layer(CatchPanicLayer::new())
        .layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, PATIENCE))
        .layer(RequestBodyLimitLayer::new(LONGEST_BODY))
        .layer(header(header::CACHE_CONTROL, "no-store"))
        .layer(header(header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .layer(header(header::REFERRER_POLICY, "no-referrer"))
        .layer(header(header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"))
        .layer(header(HeaderName::from_static("cross-origin-resource-policy"), "same-origin"))
}

async fn health(State(vitals): State<Arc<Vitals>>) -> Response {
    if vitals.are_live().await {
        (StatusCode::OK, "ok\n").into_response()
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "heartbeat or ledger writer don't answer\n").into_response()
    }
}

async fn readiness(State(vitals): State<Arc<Vitals>>) -> Response {
    match vitals.unready() {
        None => (StatusCode::OK, "ready\n").into_response(),
        Some(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")).into_response(),
    }
}

async fn check_gate(State(gate): State<Arc<AccessCheck>>, request: Request, next: Next) -> Response {
    match gate.refusal(request.headers()) {
        None => next.run(request).await,
        Some((status, sentence)) => (status, sentence).into_response(),
    }
}

impl AccessCheck {
    /// Why this caller is turned away.
    fn refusal(&self, headers: &HeaderMap) -> Option<(StatusCode, &'static str)> {
        match &self.token {
            None if self.is_own_name(headers) => None,
            None => Some((StatusCode::MISDIRECTED_REQUEST, "this name is not served here\n")),
            Some(token) if carries(headers, token) => None,
            Some(_) => Some((StatusCode::UNAUTHORIZED, "a token is demanded: Authorization: Bearer …\n")),
        }
    }

    /// A foreign name that resolves to this machine is a page of somebody else's trying to look in.
    fn is_own_name(&self, headers: &HeaderMap) -> bool {
        let Some(host) = headers.get(header::HOST).and_then(|host| host.to_str().ok()) else { return false };
        let port = self.address.port();
        let ip = match self.address {
            SocketAddr::V4(address) => format!("{}:{port}", address.ip()),
            SocketAddr::V6(address) => format!("[{}]:{port}", address.ip()),
        };
        host.eq_ignore_ascii_case(&ip) || host.eq_ignore_ascii_case(&format!("localhost:{port}"))
    }
}

fn carries(headers: &HeaderMap, token: &SecretString) -> bool {
    let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let given = given.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
    given.as_bytes().ct_eq(token.expose_secret().as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate(address: &str, token: Option<&str>) -> AccessCheck {
        AccessCheck { address: address.parse().expect("an address"), token: token.map(SecretString::from) }
    }

    fn headers(pairs: &[(HeaderName, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.clone(), value.parse().expect("a header"))).collect()
    }

    #[test]
    fn only_the_own_name_is_served_on_loopback() {
        let cases = [
            ("127.0.0.1:8467", true),
            ("localhost:8467", true),
            ("LOCALHOST:8467", true),
            ("rebound.example:8467", false),
            ("127.0.0.1", false),
            ("127.0.0.1:80", false),
        ];
        let gate = gate("127.0.0.1:8467", None);
        for (host, is_served) in cases {
            assert_eq!(gate.refusal(&headers(&[(header::HOST, host)])).is_none(), is_served, "{host}");
        }
        assert!(gate.refusal(&HeaderMap::new()).is_some());
    }

    #[test]
    fn only_loopback_addresses_are_local() {
        let cases = [
            ("127.0.0.1:1", true),
            ("[::1]:1", true),
            ("[::ffff:127.0.0.1]:1", true),
            ("0.0.0.0:1", false),
            ("[::]:1", false),
            ("10.0.0.1:1", false),
        ];
        for (listen, local) in cases {
            assert_eq!(is_local(listen.parse().expect("an address")), local, "{listen}");
        }
    }

    #[test]
    fn elsewhere_the_token_is_demanded() {
        let gate = gate("10.0.0.5:8467", Some("open sesame"));
        let refused = |pairs: &[(HeaderName, &str)]| gate.refusal(&headers(pairs)).map(|(status, _)| status);
        assert_eq!(refused(&[(header::HOST, "10.0.0.5:8467")]), Some(StatusCode::UNAUTHORIZED));
        assert_eq!(refused(&[(header::AUTHORIZATION, "Bearer close sesame")]), Some(StatusCode::UNAUTHORIZED));
        assert_eq!(refused(&[(header::AUTHORIZATION, "Bearer open sesame")]), None);
    }
}
