//! shell: the client behind [`super::Http`]: resolves names, sends one request, and classifies the result.

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{ACCEPT_ENCODING, HeaderName, HeaderValue};
use reqwest::{Certificate, Client, ClientBuilder, Method, NoProxy, Proxy, Request, Response};
use secrecy::{ExposeSecret, SecretString};

use super::addresses::{RefusedAddress, check_address, check_host, check_name, is_localhost};
use super::{BodyEnd, FirstByteCheck, HttpRequest, HttpResponse, Outbound, Sent};
use crate::clock::SharedClock;

/// Maximum time of name resolution, TCP and TLS together; the request's own time-out may be shorter.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// The time after which idle connections are closed, before common servers do it (Node's default is 5 s): when the server closes
/// a connection while a request is sent on it, nobody knows whether the request arrived.
const IDLE_CONNECTION: Duration = Duration::from_secs(3);

/// Makes the client. Without root certificates on the system it supports plain HTTP only.
pub(super) fn build(outbound: &Outbound) -> Result<Client, String> {
    // fails only when a provider is installed already
    let _already_installed = rustls::crypto::ring::default_provider().install_default();
    let own = match &outbound.ca_pem {
        Some(pem) => Certificate::from_pem_bundle(pem).map_err(|_| "network.ca_file holds no usable certificate")?,
        None => Vec::new(),
    };
    let has_own = !own.is_empty();
    let fault = |error: reqwest::Error| {
        // a PEM block without a certificate is detected only here
        let what = if has_own { "network.ca_file can't be used" } else { "TLS can't be set up" };
        format!("{what}: {}", chain_text(&error.without_url()))
    };
    settings(outbound)?
        .tls_certs_merge(own.clone())
        .build()
        .or_else(|error| match settings(outbound) {
            Ok(settings) => settings.tls_certs_only(own).build(),
            Err(_the_same_proxy) => Err(error),
        })
        .map_err(fault)
}

fn settings(outbound: &Outbound) -> Result<ClientBuilder, String> {
    let settings = Client::builder()
        .user_agent(concat!("tickler/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .no_proxy()
        // HTTP/2 would send the header before the body is polled, hence before the final check
        .http1_only()
        .connect_timeout(CONNECT_TIMEOUT)
        .pool_idle_timeout(IDLE_CONNECTION)
        .dns_resolver(GuardedResolver);
    let Some(proxy) = &outbound.proxy else { return Ok(settings) };
    let proxy = Proxy::all(proxy.expose_secret())
        .map_err(|_| "network.proxy is not a valid address of a proxy: write http://proxy.example:3128")?;
    Ok(settings.proxy(proxy.no_proxy(NoProxy::from_string(THIS_MACHINE))))
}

/// The hosts that are connected to without a proxy.
const THIS_MACHINE: &str = "localhost,127.0.0.0/8,::1";

/// Whether a name can be resolved to allowed addresses only.
pub(super) async fn judge_name(name: &str) -> Result<(), String> {
    let name = name.parse::<Name>().map_err(|_| "its host's name is none".to_owned())?;
    match GuardedResolver.resolve(name).await {
        Ok(_addresses) => Ok(()),
        Err(error) => Err(match error.downcast_ref::<RefusedAddress>() {
            Some(refused) => refused.0.clone(),
            None => "the host's name can't be resolved".to_owned(),
        }),
    }
}

/// The system's resolver; a name is refused if any of its addresses is.
#[derive(Debug)]
pub(super) struct GuardedResolver;

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            check_name(name.as_str())?;
            let mut found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            if is_localhost(name.as_str()) {
                found.retain(|address| address.ip().to_canonical().is_loopback());
            }
            for address in &found {
                check_address(address.ip())?;
            }
            if found.is_empty() {
                return Err(io::Error::new(io::ErrorKind::NotFound, "the name has no usable address").into());
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

/// The state of a request's body: once it was taken, a part of the request may have been sent.
#[derive(Clone)]
struct BodyWatch {
    taken: Arc<AtomicBool>,
    /// Why it was not passed on.
    refused: Arc<OnceLock<String>>,
    check: FirstByteCheck,
}

impl BodyWatch {
    fn may_be_taken(&self) -> Result<(), RefusedEarly> {
        (self.check)().map_err(|reason| {
            self.refused.get_or_init(|| reason);
            RefusedEarly
        })
    }
}

/// The final check failed.
#[derive(Debug, thiserror::Error)]
#[error("refused before its first byte")]
struct RefusedEarly;

/// A body that makes the final check before it is passed on. HTTP/1.1 writes the header together with the body's first bytes,
/// so a failed check keeps the whole request from being sent.
struct WatchedBody {
    bytes: Option<Bytes>,
    watch: BodyWatch,
}

impl http_body::Body for WatchedBody {
    type Data = Bytes;
    type Error = RefusedEarly;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, RefusedEarly>>> {
        // once it is given out it may be on its way: then nothing is refused any more
        let Some(bytes) = self.bytes.take() else { return Poll::Ready(None) };
        if let Err(refused) = self.watch.may_be_taken() {
            return Poll::Ready(Some(Err(refused)));
        }
        self.watch.taken.store(true, Ordering::Release);
        Poll::Ready(Some(Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
    }
}

/// Sends one request and reads its response.
pub(super) async fn exchange(client: &Client, clock: &SharedClock, ask: HttpRequest, check: FirstByteCheck) -> Sent {
    if let Err(refused) = check_host(&ask.url) {
        return not_sent("refused_address", refused.0);
    }
    let max_bytes = ask.max_bytes;
    // an empty body is never polled, so its request is checked before it connects and counts as sent from then on
    let has_body = !ask.body.is_empty();
    let taken = Arc::new(AtomicBool::new(!has_body));
    let watch = BodyWatch { taken, refused: Arc::default(), check };
    let request = match write_request(ask, &watch) {
        Ok(request) => request,
        Err(detail) => return not_sent("invalid_request", detail),
    };
    if has_body || watch.may_be_taken().is_ok() {
        let begun = clock.monotonic();
        let sent = client.execute(request).await;
        match (sent, watch.refused.get()) {
            (Ok(response), _) => return read_answer(response, max_bytes, clock, begun).await,
            (Err(_), Some(_)) => {}
            (Err(error), None) => {
                let latency = clock.monotonic().saturating_sub(begun);
                return classify(&error.without_url(), watch.taken.load(Ordering::Acquire), latency);
            }
        }
    }
    not_sent("unsent", watch.refused.get().cloned().unwrap_or_default())
}

fn not_sent(class: &'static str, detail: String) -> Sent {
    Sent::NotSent { class, detail }
}

fn write_request(ask: HttpRequest, watch: &BodyWatch) -> Result<Request, String> {
    let is_read = ask.method == Method::GET;
    let mut request = Request::new(ask.method, ask.url);
    for (name, value) in &ask.headers {
        let (name, value) = write_header(name, value)?;
        request.headers_mut().append(name, value);
    }
    if !is_read {
        request.headers_mut().entry(ACCEPT_ENCODING).or_insert(HeaderValue::from_static("identity"));
    }
    *request.timeout_mut() = Some(ask.timeout);
    if !ask.body.is_empty() {
        let body = WatchedBody { bytes: Some(ask.body), watch: watch.clone() };
        *request.body_mut() = Some(reqwest::Body::wrap(body));
    }
    Ok(request)
}

fn write_header(name: &str, value: &SecretString) -> Result<(HeaderName, HeaderValue), String> {
    let written =
        HeaderName::from_bytes(name.as_bytes()).map_err(|_| format!("`{name}` is not a valid header name"))?;
    let mut value = HeaderValue::from_str(value.expose_secret()).map_err(|_| {
        format!("the value of the header `{name}` has characters that no header may have (a line break, perhaps)")
    })?;
    value.set_sensitive(true);
    Ok((written, value))
}

async fn read_answer(mut response: Response, max_bytes: usize, clock: &SharedClock, begun: Duration) -> Sent {
    let status = response.status().as_u16();
    let headers = response
        .headers()
        .iter()
        .map(|(name, value)| (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        .collect();
    let (body, end) = read_body(&mut response, max_bytes).await;
    let latency = clock.monotonic().saturating_sub(begun);
    Sent::Answered(HttpResponse { status, headers, body, end, latency })
}

/// The size of a body for which room is made at once if the server announces it.
const COMMON_BODY: usize = 1 << 20;

/// Reads decoded bytes up to the limit. At no time is the body in memory twice.
async fn read_body(response: &mut Response, max_bytes: usize) -> (Bytes, BodyEnd) {
    let announced = response.content_length().and_then(|length| usize::try_from(length).ok()).unwrap_or(0);
    let mut first = Bytes::new();
    let mut whole = Vec::new();
    let end = loop {
        let mut chunk = match response.chunk().await {
            Ok(Some(chunk)) => chunk,
            Ok(None) => break BodyEnd::Whole,
            Err(_) => break BodyEnd::Cut,
        };
        let room = max_bytes - first.len().max(whole.len());
        let is_too_long = chunk.len() > room;
        chunk.truncate(room);
        if first.is_empty() {
            first = chunk; // most responses are one chunk, which is not copied
        } else {
            if whole.is_empty() {
                // what a server announces may be a lie: it gets no more room for it than for a common page
                whole.reserve_exact(announced.min(max_bytes).min(COMMON_BODY));
                extend_within(&mut whole, &first, max_bytes);
            }
            extend_within(&mut whole, &chunk, max_bytes);
        }
        if is_too_long {
            break BodyEnd::TooLong;
        }
    };
    (if whole.is_empty() { first } else { whole.into() }, end)
}

/// Appends bytes; room for more of them is made by doubling, but never for more than `max_bytes`.
fn extend_within(whole: &mut Vec<u8>, bytes: &[u8], max_bytes: usize) {
    let needed = whole.len() + bytes.len();
    if needed > whole.capacity() {
        let wanted = needed.max(2 * whole.capacity()).min(max_bytes.max(needed));
        whole.reserve_exact(wanted - whole.len());
    }
    whole.extend_from_slice(bytes);
}

/// Classifies a failed request: `Unknown` unless it is certain that nothing was sent.
fn classify(error: &reqwest::Error, is_body_taken: bool, latency: Duration) -> Sent {
    if error.is_connect() {
        return not_connected(error);
    }
    if error.is_builder() {
        return not_sent("invalid_request", "the address can't be asked by HTTP".into());
    }
    if error.is_timeout() {
        if !is_body_taken {
            return not_sent("connect_timeout", "no connection came about within the time-out".into());
        }
        return Sent::Unknown { class: "timeout", detail: "no answer came within the time-out".into(), latency };
    }
    let (class, detail) = match is_broken_off(error) {
        true => ("reset", "the connection was closed before an answer came"),
        false => ("protocol", "the response is not HTTP"),
    };
    Sent::Unknown { class, detail: detail.into(), latency }
}

fn not_connected(error: &reqwest::Error) -> Sent {
    if let Some(refused) = causes(error).find_map(|cause| cause.downcast_ref::<RefusedAddress>()) {
        return not_sent("refused_address", refused.0.clone());
    }
    if error.is_dns() {
        return not_sent("dns", "the host's name can't be resolved".into());
    }
    if let Some(tls) = causes(error).find_map(find_tls) {
        return not_sent("tls", format!("no secure connection: {}", tls_text(tls)));
    }
    if error.is_timeout() {
        return not_sent("connect_timeout", "no connection came about in time".into());
    }
    let reason = causes(error).filter_map(|cause| cause.downcast_ref::<io::Error>()).last();
    let reason = reason.map_or_else(|| "no connection".to_owned(), |io| io.kind().to_string());
    not_sent("connect", format!("no connection: {reason}"))
}

/// Finds a TLS error inside I/O errors, whose `source` skips it.
fn find_tls<'a>(cause: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    match cause.downcast_ref::<io::Error>() {
        Some(io) => find_tls(io.get_ref()?),
        None => cause.downcast_ref(),
    }
}

/// What is wrong with a certificate, for people, without the names in it: the host may be a secret.
fn tls_text(error: &rustls::Error) -> String {
    match error {
        rustls::Error::InvalidCertificate(_) => {
            "the certificate isn't accepted (expired, made for another name, or of an issuer this machine doesn't know)"
                .into()
        }
        other => other.to_string(),
    }
}

fn is_broken_off(error: &reqwest::Error) -> bool {
    causes(error).any(|cause| match cause.downcast_ref::<io::Error>() {
        Some(io) => matches!(
            io.kind(),
            io::ErrorKind::ConnectionReset
                | io::ErrorKind::ConnectionAborted
                | io::ErrorKind::BrokenPipe
                | io::ErrorKind::UnexpectedEof
                | io::ErrorKind::NotConnected
        ),
        // hyper does not export this kind; its text is part of hyper's tests
        None => cause.to_string() == "connection closed before message completed",
    })
}

fn causes<'a>(error: &'a reqwest::Error) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    let mut next = error.source();
    std::iter::from_fn(move || {
        let cause = next?;
        next = cause.source();
        Some(cause)
    })
}

fn chain_text(error: &reqwest::Error) -> String {
    causes(error).last().map_or_else(|| error.to_string(), ToString::to_string)
}

#[cfg(test)]
mod tests {
    use http_body::Body as _;

    use super::*;

    #[test]
    fn a_body_is_checked_before_it_is_given_out_and_not_again() {
        let may_leave = Arc::new(AtomicBool::new(true));
        let asked = Arc::clone(&may_leave);
        let check: FirstByteCheck = Arc::new(move || match asked.load(Ordering::Relaxed) {
            true => Ok(()),
            false => Err("it is stopped".to_owned()),
        });
        let watch = BodyWatch { taken: Arc::default(), refused: Arc::default(), check };
        let body = || WatchedBody { bytes: Some(Bytes::from_static(b"x")), watch: watch.clone() };
        let mut context = Context::from_waker(std::task::Waker::noop());

        let (mut sent, mut late) = (body(), body());
        assert!(matches!(Pin::new(&mut sent).poll_frame(&mut context), Poll::Ready(Some(Ok(_)))));
        may_leave.store(false, Ordering::Relaxed);
        assert!(matches!(Pin::new(&mut sent).poll_frame(&mut context), Poll::Ready(None)));
        assert_eq!(watch.refused.get(), None);
        assert!(matches!(Pin::new(&mut late).poll_frame(&mut context), Poll::Ready(Some(Err(RefusedEarly)))));
        assert_eq!(watch.refused.get().map(String::as_str), Some("it is stopped"));
    }
}
