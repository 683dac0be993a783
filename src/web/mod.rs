//! shell: the web server of the service: the page, `/healthz`, `/readyz` and `/metrics`, on loopback by default.
//!
//! [`routes`] lists every route and who may use it, [`access`] decides who somebody is and what they may, `guard` asks it before
//! each request. `pages` has one file for each page, which reads what the page needs; `views` turns that into what is shown.

pub mod access;
mod exposition;
mod guard;
mod meters;
mod pages;
mod peer;
pub mod routes;
mod sessions;
mod site;
mod trial;
mod views;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Extension;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use secrecy::{ExposeSecret, SecretString};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::set_header::SetResponseHeaderLayer;
use tower_http::timeout::TimeoutLayer;
use url::Url;

use crate::clock::SharedClock;
use crate::connections::HttpServer;
use crate::verbs::vitals::Vitals;
use crate::verbs::{App, VerbError, page_token};
use access::{EntryPoints, is_local};
use guard::PeerAddress;
use meters::Meters;
use sessions::Sessions;
use site::Site;

/// Maximum time until the answer to a request begins. The request is given up then; work that it has started may go on.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// Maximum size of a request's body: forms are short.
const MAX_BODY: usize = 64 * 1024;

/// What a page may load: this server's own style sheet, script and icon. Nothing inline, nothing from elsewhere.
const CONTENT_POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; \
    form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Why the server can't listen.
#[derive(Debug, thiserror::Error)]
pub enum WebError {
    /// Nobody has a token, so that anybody in the network could read the page.
    #[error(
        "web.listen is {0}, which others can reach, and nobody has a token: set web.token, add one with `tickler page token \
         add NAME`, or listen on 127.0.0.1"
    )]
    TokenMissing(SocketAddr),
    /// The address can't be bound: a port in use, for example.
    #[error("web.listen: can't listen on {0}: {1}; choose another address, or \"off\"")]
    NotBound(SocketAddr, std::io::Error),
    /// The file of tokens can't be read, or the system gives no random bytes.
    #[error(transparent)]
    Opening(#[from] VerbError),
}

/// What the server works with.
pub struct WebParts {
    /// The address at which it listens.
    pub listen: SocketAddr,
    /// The URL at which a proxy publishes it.
    pub published: Option<Url>,
    /// The token that the setting `web.token` names.
    pub token: Option<SecretString>,
    /// The settings, schedules, ledger and clock that it shares with the service.
    pub app: Arc<App>,
    /// The service's signs of life, for `/healthz` and `/readyz`.
    pub vitals: Arc<Vitals>,
    /// Finds the name of a user of this machine by its number.
    pub user_name: fn(u32) -> String,
}

/// The server, bound and not yet serving.
pub struct WebServer {
    listener: tokio::net::TcpListener,
    address: SocketAddr,
    router: Router,
}

/// Binds the server to its address. Every address but loopback requires that somebody has a token.
///
/// # Errors
/// When nobody has one, or the address can't be bound.
pub async fn bind(parts: WebParts) -> Result<WebServer, WebError> {
    let WebParts { listen, published, token, app, vitals, user_name } = parts;
    let token = token.filter(|token| !token.expose_secret().is_empty());
    if !is_local(listen) && token.is_none() && page_token::known(&app.settings)?.is_empty() {
        return Err(WebError::TokenMissing(listen));
    }
    let not_bound = |error| WebError::NotBound(listen, error);
    let listener = tokio::net::TcpListener::bind(listen).await.map_err(not_bound)?;
    let address = listener.local_addr().map_err(not_bound)?;
    let entry_points = EntryPoints { address, published };
    let meters = Meters::begin(&app).await?;
    let site = Site { app, vitals, entry_points, token, sessions: Sessions::new()?, meters, user_name };
    Ok(WebServer { listener, address, router: router(Arc::new(site)) })
}

impl WebServer {
    /// The address at which it listens; with port 0 the one that the system chose.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until it is dropped: at most `max_connections` at once, each with a bounded time for a request's header.
    pub async fn serve(self, clock: SharedClock, max_connections: usize) {
        let server = HttpServer { name: "the web server", listener: self.listener, max_connections };
        server.serve(clock, |peer| self.router.clone().layer(Extension(PeerAddress(peer)))).await;
    }
}

fn router(site: Arc<Site>) -> Router {
    let header = |name, value| SetResponseHeaderLayer::overriding(name, HeaderValue::from_static(value));
    routes::router(&site)
        .layer(CatchPanicLayer::new())
        .layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, REQUEST_TIMEOUT))
        .layer(RequestBodyLimitLayer::new(MAX_BODY))
        .layer(header(header::CACHE_CONTROL, "no-store"))
        .layer(header(header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .layer(header(header::X_FRAME_OPTIONS, "DENY"))
        // with `no-referrer` a browser hides the origin of its own forms
        .layer(header(header::REFERRER_POLICY, "same-origin"))
        .layer(header(header::CONTENT_SECURITY_POLICY, CONTENT_POLICY))
        .layer(header(HeaderName::from_static("cross-origin-resource-policy"), "same-origin"))
        .layer(header(HeaderName::from_static("cross-origin-opener-policy"), "same-origin"))
        .layer(header(HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=()"))
}
