//! shell: the web server of the service: the page, `/healthz`, `/readyz` and `/metrics`, on loopback by default.
//!
//! [`routes`] has every route with its policy, `guard` stands before each, [`access`] decides. `pages` read and answer, one file
//! for each page; `views` decide what is shown there and hold no more than that.

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
use access::{Doors, is_local};
use guard::PeerAddress;
use meters::Meters;
use sessions::Sessions;
use site::Site;

/// Maximum time of a request until its answer begins; what takes longer goes on without it.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// Maximum size of a request's body: forms are short.
const MAX_BODY: usize = 64 * 1024;

/// What a page may load: this server's own style sheet, script and icon. Nothing inline, nothing from elsewhere.
const CONTENT_POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; \
    form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Why the server can't listen.
#[derive(Debug, thiserror::Error)]
pub enum WebError {
    /// Without a token anybody in the network could read it.
    #[error(
        "web.listen is {0}, which others can reach, and nobody has a token: set web.token, add one with `tickler page token \
         add NAME`, or listen on 127.0.0.1"
    )]
    TokenMissing(SocketAddr),
    /// Such as a port in use.
    #[error("web.listen: can't listen on {0}: {1}; choose another address, or \"off\"")]
    NotBound(SocketAddr, std::io::Error),
    /// Of random bytes, of the file of tokens.
    #[error(transparent)]
    Opening(#[from] VerbError),
}

/// What the server works with.
pub struct WebParts {
    /// Where it listens.
    pub listen: SocketAddr,
    /// Where a proxy publishes it.
    pub published: Option<Url>,
    /// `web.token`.
    pub token: Option<SecretString>,
    /// The service's app.
    pub app: Arc<App>,
    /// The service's vitals.
    pub vitals: Arc<Vitals>,
    /// The name of a user of this machine.
    pub user_name: fn(u32) -> String,
}

/// The server, bound and not yet serving.
pub struct WebServer {
    listener: tokio::net::TcpListener,
    address: SocketAddr,
    router: Router,
}

/// Binds it. Every address but loopback requires somebody's token.
///
/// # Errors
/// When there is no token there, or the address can't be bound.
pub async fn bind(parts: WebParts) -> Result<WebServer, WebError> {
    let WebParts { listen, published, token, app, vitals, user_name } = parts;
    let token = token.filter(|token| !token.expose_secret().is_empty());
    if !is_local(listen) && token.is_none() && page_token::known(&app.settings)?.is_empty() {
        return Err(WebError::TokenMissing(listen));
    }
    let not_bound = |error| WebError::NotBound(listen, error);
    let listener = tokio::net::TcpListener::bind(listen).await.map_err(not_bound)?;
    let address = listener.local_addr().map_err(not_bound)?;
    let doors = Doors { address, published };
    let meters = Meters::begin(&app).await?;
    let site = Site { app, vitals, doors, token, sessions: Sessions::new()?, meters, user_name };
    Ok(WebServer { listener, address, router: router(Arc::new(site)) })
}

impl WebServer {
    /// Where it listens; with port 0 the one that the system chose.
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
