//! shell: the HTTP server of `/healthz` and `/readyz`, on loopback by default.

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
use crate::connections::{Busy, Connections, HEADER_TIMEOUT};
use crate::verbs::vitals::Vitals;

/// Maximum time of a request; every answer here is fast.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// The pause after a failed `accept`, which mostly means that no file descriptors are left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Maximum size of a request's body; none is needed here.
const MAX_BODY: usize = 64 * 1024;

/// Why the server can't listen.
#[derive(Debug, thiserror::Error)]
pub enum WebError {
    /// Without a token anybody in the network could read it.
    #[error("web.listen is {0}, which others can reach, and no web.token is set: set one, or listen on 127.0.0.1")]
    TokenMissing(SocketAddr),
    /// Such as a port in use.
    #[error("web.listen: can't listen on {0}: {1}; choose another address, or \"off\"")]
    NotBound(SocketAddr, std::io::Error),
}

/// The server of `/healthz` and `/readyz`, bound and not yet serving.
pub struct HealthServer {
    listener: tokio::net::TcpListener,
    address: SocketAddr,
    router: Router,
}

/// Which requests are answered.
struct AccessCheck {
    address: SocketAddr,
    token: Option<SecretString>,
}

/// Binds `listen`. Every address but loopback requires a token.
///
/// # Errors
/// When the token is missing there, or the address can't be bound.
pub async fn bind(
    listen: SocketAddr,
    token: Option<SecretString>,
    vitals: Arc<Vitals>,
) -> Result<HealthServer, WebError> {
    let token = token.filter(|token| !token.expose_secret().is_empty());
    let is_local = is_local(listen);
    if !is_local && token.is_none() {
        return Err(WebError::TokenMissing(listen));
    }
    let not_bound = |error| WebError::NotBound(listen, error);
    let listener = tokio::net::TcpListener::bind(listen).await.map_err(not_bound)?;
    let address = listener.local_addr().map_err(not_bound)?;
    let gate = Arc::new(AccessCheck { address, token: token.filter(|_| !is_local) });
    Ok(HealthServer { listener, address, router: router(gate, vitals) })
}

/// Whether only this machine can reach an address.
fn is_local(listen: SocketAddr) -> bool {
    listen.ip().to_canonical().is_loopback()
}

impl HealthServer {
    /// Where it listens; with port 0 the one that the system chose.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until it is dropped: at most `max_connections` at once, each with [`HEADER_TIMEOUT`] for a request's header.
    pub async fn serve(self, clock: SharedClock, max_connections: usize) {
        let mut connections = Connections::new(max_connections);
        loop {
            let stream = match self.listener.accept().await {
                Ok((stream, _peer)) => stream,
                Err(error) => {
                    tracing::warn!(%error, "the health server could not accept a connection");
                    clock.sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            if connections.make_room() {
                let busy = Busy::default();
                let router = self.router.clone().layer(from_fn_with_state(busy.clone(), mark_as_busy));
                connections.add(busy, tokio::spawn(serve_connection(stream, router)).abort_handle());
            }
        }
    }
}

async fn serve_connection(stream: tokio::net::TcpStream, router: Router) {
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router))
        .await;
    if let Err(error) = served {
        tracing::debug!(%error, "a connection to the health server ended early");
    }
}

async fn mark_as_busy(State(busy): State<Busy>, request: Request, next: Next) -> Response {
    let _until_answered = busy.begin();
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
        .layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, REQUEST_TIMEOUT))
        .layer(RequestBodyLimitLayer::new(MAX_BODY))
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
        (StatusCode::SERVICE_UNAVAILABLE, "the scheduler or the ledger's writer does not respond\n").into_response()
    }
}

async fn readiness(State(vitals): State<Arc<Vitals>>) -> Response {
    match vitals.unready() {
        None => (StatusCode::OK, "ready\n").into_response(),
        Some(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")).into_response(),
    }
}

async fn check_gate(State(gate): State<Arc<AccessCheck>>, request: Request, next: Next) -> Response {
    match gate.denied(request.headers()) {
        None => next.run(request).await,
        Some(denied) => denied.into_response(),
    }
}

/// Why a request is not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Denied {
    /// Its `Host` header names another host.
    ForeignHost,
    /// It has no token, or another one.
    Token,
}

impl IntoResponse for Denied {
    fn into_response(self) -> Response {
        match self {
            Self::ForeignHost => {
                (StatusCode::MISDIRECTED_REQUEST, "this host name is not served here\n").into_response()
            }
            Self::Token => {
                let scheme = [(header::WWW_AUTHENTICATE, "Bearer")];
                (StatusCode::UNAUTHORIZED, scheme, "a token is required: Authorization: Bearer …\n").into_response()
            }
        }
    }
}

impl AccessCheck {
    fn denied(&self, headers: &HeaderMap) -> Option<Denied> {
        match &self.token {
            None => (!self.is_own_name(headers)).then_some(Denied::ForeignHost),
            Some(token) => (!carries(headers, token)).then_some(Denied::Token),
        }
    }

    /// Whether the `Host` header is this server's. A foreign name that resolves to this machine belongs to a web page that
    /// tries to read what only this machine may (DNS rebinding).
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
    let given = given.and_then(bearer_token).unwrap_or_default();
    given.as_bytes().ct_eq(token.expose_secret().as_bytes()).into()
}

/// The token of an `Authorization` header. The scheme's case doesn't matter (RFC 9110, 11.1).
fn bearer_token(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("Bearer").then(|| token.trim_start_matches(' '))
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
            assert_eq!(gate.denied(&headers(&[(header::HOST, host)])).is_none(), is_served, "{host}");
        }
        assert!(gate.denied(&HeaderMap::new()).is_some());
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
    fn elsewhere_a_token_is_required() {
        let gate = gate("10.0.0.5:8467", Some("open sesame"));
        let refused = |pairs: &[(HeaderName, &str)]| gate.denied(&headers(pairs));
        assert_eq!(refused(&[(header::HOST, "10.0.0.5:8467")]), Some(Denied::Token));
        assert_eq!(refused(&[(header::AUTHORIZATION, "Bearer close sesame")]), Some(Denied::Token));
        for accepted in ["Bearer open sesame", "bearer open sesame", "BEARER  open sesame"] {
            assert_eq!(refused(&[(header::AUTHORIZATION, accepted)]), None, "{accepted}");
        }
        for refused_value in ["open sesame", "Bearer", "Basic open sesame", "Bearer open", "Beareropen sesame"] {
            assert_eq!(refused(&[(header::AUTHORIZATION, refused_value)]), Some(Denied::Token), "{refused_value}");
        }
        let response = Denied::Token.into_response();
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
        assert_eq!(response.headers().get(header::WWW_AUTHENTICATE), Some(&HeaderValue::from_static("Bearer")));
    }
}
