//! shell: the listener with its limits: slow headers and bodies, long bodies, many requests at once.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use bytes::Bytes;
use http_body_util::BodyExt as _;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::Semaphore;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::set_header::SetResponseHeaderLayer;

use super::answer::Refusal;
use super::call::Posted;
use super::gate::ShownSecret;
use super::{Inbound, PostRoute, ShownIn};
use crate::clock::SharedClock;
use crate::connections::HttpServer;
use crate::schedule::Schedule;

/// Maximum time for a request's body.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// Maximum size of a record: platforms send whole transcripts along.
const MAX_RECORD: usize = 256 * 1024;

/// Maximum size of a request for a call.
const MAX_REQUEST: usize = 64 * 1024;

/// What is answered to a longer record.
pub const RECORD_LIMIT: &str = "a body has at most 256 KiB and 32 levels of nesting";

/// What is answered to a longer request.
pub const REQUEST_LIMIT: &str = "a body has at most 64 KiB and 32 levels of nesting";

/// Maximum number of requests that are answered at once; further ones get 429.
const MAX_AT_ONCE: usize = 64;

/// Connections that may wait to be accepted. Whoever comes when it is full waits a second until the next try; the usual 128 are
/// full in a burst long before the service is busy.
const BACKLOG: u32 = 1_024;

/// Connections for each connection that another listener may have: idle ones and slow senders do not keep others out.
const CONNECTIONS_PER_PLACE: usize = 4;

/// Why the server can't listen.
#[derive(Debug, thiserror::Error)]
pub enum InboundError {
    /// Whoever reaches one must not reach the other.
    #[error(
        "inbound.listen and web.listen are both {0}: the page is for few, records and requests come from anywhere; choose two addresses"
    )]
    IsThePages(SocketAddr),
    /// The address can't be bound: a port in use, for example.
    #[error("inbound.listen: can't listen on {0}: {1}; choose another address, or \"off\"")]
    NotBound(SocketAddr, std::io::Error),
}

/// The server, bound and not yet serving.
pub struct InboundServer {
    listener: TcpListener,
    address: SocketAddr,
    router: Router,
    inbound: Arc<Inbound>,
}

/// Binds `listen`, which is not where the page is.
///
/// # Errors
/// When it is, or can't be bound.
pub async fn bind(
    listen: SocketAddr,
    page: Option<SocketAddr>,
    inbound: Arc<Inbound>,
) -> Result<InboundServer, InboundError> {
    if page.is_some_and(|page| page == listen && page.port() != 0) {
        return Err(InboundError::IsThePages(listen));
    }
    let not_bound = |error| InboundError::NotBound(listen, error);
    let listener = listening(listen).map_err(not_bound)?;
    let address = listener.local_addr().map_err(not_bound)?;
    inbound.app.traffic.listens(address);
    Ok(InboundServer { listener, address, router: router(&inbound), inbound })
}

fn listening(listen: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if listen.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // as every listener of the runtime: a restart must not wait for the last connections of the one before
    socket.set_reuseaddr(true)?;
    socket.bind(listen)?;
    socket.listen(BACKLOG)
}

impl InboundServer {
    /// Where it listens; with port 0 the one that the system chose.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// What its routes work with.
    #[must_use]
    pub fn inbound(&self) -> Arc<Inbound> {
        Arc::clone(&self.inbound)
    }

    /// Serves until it is dropped.
    pub async fn serve(self, clock: SharedClock, max_connections: usize) {
        let max_connections = max_connections.saturating_mul(CONNECTIONS_PER_PLACE);
        let server = HttpServer { name: "the server of records", listener: self.listener, max_connections };
        server.serve(clock, |_peer| self.router.clone()).await;
    }
}

fn router(inbound: &Arc<Inbound>) -> Router {
    let header = |name, value| SetResponseHeaderLayer::overriding(name, HeaderValue::from_static(value));
    let places = Arc::new(Semaphore::new(MAX_AT_ONCE));
    Router::new()
        .route("/outcome/{schedule}/", post(by_header).fallback(|| async { Refusal::Method }))
        .route("/outcome/{schedule}", post(by_header).fallback(|| async { Refusal::Method }))
        .route("/outcome/{schedule}/{secret}", post(by_path).fallback(|| async { Refusal::Method }))
        .route("/call/{schedule}/", post(call_by_header).fallback(|| async { Refusal::Method }))
        .route("/call/{schedule}", post(call_by_header).fallback(|| async { Refusal::Method }))
        .route(
            "/call/{schedule}/{last}",
            post(call_by_path).get(call_status).delete(withdraw).fallback(|| async { Refusal::Method }),
        )
        .fallback(|| async { Refusal::NotFound })
        .with_state(Arc::clone(inbound))
        .layer(from_fn_with_state((Arc::clone(inbound), places), take_place))
        .layer(CatchPanicLayer::new())
        .layer(header(header::CACHE_CONTROL, "no-store"))
        .layer(header(header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .layer(header(header::REFERRER_POLICY, "no-referrer"))
        .layer(header(HeaderName::from_static("cross-origin-resource-policy"), "same-origin"))
}

type WorkPlaces = (Arc<Inbound>, Arc<Semaphore>);

/// Counts, and turns away what is too much at once or comes when the service stops.
async fn take_place(State((inbound, places)): State<WorkPlaces>, request: Request, next: Next) -> Response {
    let response = match places.try_acquire() {
        _ if inbound.is_stopping.load(Ordering::Acquire) => Refusal::Stopping.into_response(),
        Ok(_place) => next.run(request).await,
        Err(_) => Refusal::TooMany.into_response(),
    };
    inbound.app.traffic.count(response.status().is_success());
    response
}

async fn by_header(State(inbound): State<Arc<Inbound>>, Path(schedule): Path<String>, request: Request) -> Response {
    posted(&inbound, (&schedule, PostRoute::Outcome), None, request).await
}

async fn by_path(
    State(inbound): State<Arc<Inbound>>,
    Path((schedule, secret)): Path<(String, String)>,
    request: Request,
) -> Response {
    posted(&inbound, (&schedule, PostRoute::Outcome), Some(&secret), request).await
}

async fn call_by_header(
    State(inbound): State<Arc<Inbound>>,
    Path(schedule): Path<String>,
    request: Request,
) -> Response {
    posted(&inbound, (&schedule, PostRoute::Call), None, request).await
}

async fn call_by_path(
    State(inbound): State<Arc<Inbound>>,
    Path((schedule, secret)): Path<(String, String)>,
    request: Request,
) -> Response {
    posted(&inbound, (&schedule, PostRoute::Call), Some(&secret), request).await
}

/// Checks the secret before anything of the body is read: that of the path, or of a header.
async fn posted(
    inbound: &Inbound,
    (schedule, route): (&str, PostRoute),
    in_path: Option<&str>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let shown = match in_path {
        Some(secret) => (ShownSecret::of_path(secret), ShownIn::Path),
        None => (ShownSecret::of_headers(&parts.headers), ShownIn::Header),
    };
    let authorized = inbound.authorized(schedule, route, shown);
    let answer = async {
        match route {
            PostRoute::Outcome => inbound.take(&*authorized?, &read(&parts.headers, body, RECORD).await?).await,
            PostRoute::Call => request_call(inbound, authorized?, (&parts.headers, body)).await,
        }
    };
    answered(answer.await)
}

async fn request_call(
    inbound: &Inbound,
    schedule: Arc<Schedule>,
    (headers, body): (&HeaderMap, Body),
) -> Result<Response, Refusal> {
    if !schedule.enabled {
        return Err(Refusal::Disabled);
    }
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let body = read(headers, body, REQUEST).await?;
    let posted =
        Posted { body: &body, content_type: text(header::CONTENT_TYPE), key: text(IDEMPOTENCY_KEY).map(str::trim) };
    inbound.request(&schedule, posted).await
}

async fn call_status(
    State(inbound): State<Arc<Inbound>>,
    Path((schedule, id)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    let shown = ShownSecret::of_headers(&headers);
    let authorized = inbound.authorized(&schedule, PostRoute::Call, (shown, ShownIn::Header));
    answered(async { inbound.call_status(&*authorized?, &id).await }.await)
}

async fn withdraw(
    State(inbound): State<Arc<Inbound>>,
    Path((schedule, id)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    let shown = ShownSecret::of_headers(&headers);
    let authorized = inbound.authorized(&schedule, PostRoute::Call, (shown, ShownIn::Header));
    answered(async { inbound.withdraw(&*authorized?, id).await }.await)
}

/// The header in which a sender names its request.
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// The maximum size of a body, and what is answered to a longer one.
type BodyLimit = (usize, &'static str);

const RECORD: BodyLimit = (MAX_RECORD, RECORD_LIMIT);
const REQUEST: BodyLimit = (MAX_REQUEST, REQUEST_LIMIT);

fn answered(result: Result<Response, Refusal>) -> Response {
    result.unwrap_or_else(IntoResponse::into_response)
}

/// The maximum size of the beginning of a body that is read to be thrown away.
const MAX_DISCARDED: usize = 1024 * 1024;

/// Reads a body that is too long and throws it away: a proxy that still sends it when the connection is closed reports that, and
/// not the answer.
async fn discard(mut body: Body) {
    let reading = async {
        let mut bytes = 0;
        while bytes < MAX_DISCARDED
            && let Some(Ok(frame)) = body.frame().await
        {
            bytes += frame.data_ref().map_or(0, Bytes::len);
        }
    };
    let _too_slow = tokio::time::timeout(BODY_TIMEOUT, reading).await;
}

/// The whole body, read only once its sender is known: a stranger's is not.
async fn read(headers: &HeaderMap, body: Body, (max, limit): BodyLimit) -> Result<Bytes, Refusal> {
    if headers.contains_key(header::CONTENT_ENCODING) {
        return Err(Refusal::Unreadable("a compressed body is not read"));
    }
    let length = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if length.is_some_and(|length| length > max) {
        discard(body).await;
        return Err(Refusal::TooLarge(limit));
    }
    match tokio::time::timeout(BODY_TIMEOUT, to_bytes(body, max)).await {
        Err(_) => Err(Refusal::TooSlow),
        Ok(Ok(body)) => Ok(body),
        Ok(Err(error)) => {
            use std::error::Error as _;
            let is_too_long =
                error.source().is_some_and(<dyn std::error::Error>::is::<http_body_util::LengthLimitError>);
            Err(if is_too_long { Refusal::TooLarge(limit) } else { Refusal::Unreadable("the body ended early") })
        }
    }
}
