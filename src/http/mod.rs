//! shell: the HTTP client of the whole program: no redirects, no retries, limited time, size and addresses.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use secrecy::SecretString;
use url::Url;

use crate::clock::SharedClock;

pub use addresses::{RefusedAddress, check_host, is_loopback};

mod addresses;
mod client;
#[cfg(test)]
mod tests;

/// A request.
pub struct HttpRequest {
    /// `GET`, `POST`, …
    pub method: reqwest::Method,
    /// May be a secret as a whole: only its origin is ever shown.
    pub url: Url,
    /// Name and value; values may be secrets.
    pub headers: Vec<(String, SecretString)>,
    /// The exact bytes to send.
    pub body: Bytes,
    /// Maximum time of connecting, sending and reading together.
    pub timeout: Duration,
    /// Maximum decoded bytes of the response's body that are read.
    pub max_bytes: usize,
}

/// Without its body, which may be about people, its address and the values of its headers, which may be secrets.
impl fmt::Debug for HttpRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("HttpRequest");
        shown.field("method", &self.method).field("body_bytes", &self.body.len());
        shown.field("timeout", &self.timeout).finish_non_exhaustive()
    }
}

/// The result of a request.
#[derive(Debug)]
pub enum Sent {
    /// Provably nothing was sent: DNS, connect or TLS failed, or the address is refused.
    NotSent {
        /// The class, a word for the audit: `dns`, `connect`, `tls`, `refused_address`, `connect_timeout`, `unsent` when
        /// the final check failed, and `invalid_request` when a header or the URL can't be written on the wire.
        class: &'static str,
        /// A sentence for people, without URL, secrets and personal data.
        detail: String,
    },
    /// The request may have arrived, and there was no response: `timeout`, `reset`, `protocol`.
    Unknown {
        /// The class, a word for the audit.
        class: &'static str,
        /// A sentence for people, without URL, secrets and personal data.
        detail: String,
        /// How long it took.
        latency: Duration,
    },
    /// There was a response.
    Answered(HttpResponse),
}

/// A response: its status, headers and the part of its body that was read.
pub struct HttpResponse {
    /// The HTTP status.
    pub status: u16,
    /// Lower-case names.
    pub headers: Vec<(String, String)>,
    /// At most `max_bytes`, decoded.
    pub body: Bytes,
    /// How the body ended.
    pub end: BodyEnd,
    /// Time from sending to the end of reading.
    pub latency: Duration,
}

/// Without its body and headers, which may be about people.
impl fmt::Debug for HttpResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("HttpResponse");
        shown.field("status", &self.status).field("body_bytes", &self.body.len());
        shown.field("end", &self.end).field("latency", &self.latency).finish_non_exhaustive()
    }
}

/// How a body ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyEnd {
    /// It was read completely.
    Whole,
    /// It is longer than `max_bytes`.
    TooLong,
    /// The connection was closed or timed out, or the encoding is invalid.
    Cut,
}

impl HttpResponse {
    /// Whether the status is one of success (RFC 9110, 15.3).
    #[must_use]
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The first header of this (lower-case) name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(have, _)| have == name).map(|(_, value)| value.as_str())
    }
}

/// The settings of outbound connections.
#[derive(Debug, Clone, Default)]
pub struct Outbound {
    /// An HTTP proxy for every host but this machine; may hold a password.
    pub proxy: Option<SecretString>,
    /// Certificates in PEM form that are trusted besides the system's roots.
    pub ca_pem: Option<Vec<u8>>,
}

/// The client; cheap to clone.
#[derive(Debug, Clone)]
pub struct Http {
    clock: SharedClock,
    outbound: Arc<Outbound>,
    client: Arc<OnceLock<Result<reqwest::Client, String>>>,
}

impl Http {
    /// A client over the system's TLS roots, with pooled connections. Where the system has no roots at all, plain HTTP
    /// works and HTTPS fails as `tls`.
    ///
    /// # Errors
    /// When TLS can't be set up.
    pub fn new(clock: SharedClock) -> Result<Self, String> {
        Self::through(clock, Outbound::default())
    }

    /// The same, with these settings of outbound connections.
    ///
    /// # Errors
    /// When TLS can't be set up, or the proxy or a certificate can't be used.
    pub fn through(clock: SharedClock, outbound: Outbound) -> Result<Self, String> {
        let client = client::build(&outbound)?;
        Ok(Self { clock, outbound: Arc::new(outbound), client: Arc::new(Ok(client).into()) })
    }

    /// The same, but made at its first use: reading the system's TLS roots takes longer than most verbs that send nothing. If
    /// that fails, every request fails as `tls`.
    #[must_use]
    pub fn at_first_use(clock: SharedClock, outbound: Outbound) -> Self {
        Self { clock, outbound: Arc::new(outbound), client: Arc::default() }
    }

    /// Whether this URL's host name can be resolved and none of its addresses is refused. A proxy resolves names itself.
    ///
    /// # Errors
    /// A sentence without the URL.
    pub async fn judge_name(&self, url: &Url) -> Result<(), String> {
        check_host(url).map_err(|refused| refused.0)?;
        let Some(url::Host::Domain(name)) = url.host() else { return Ok(()) };
        if self.outbound.proxy.is_some() && !is_loopback(url) {
            return Ok(());
        }
        client::judge_name(name).await
    }

    /// Makes the client in the background, because a request follows soon. Needs a tokio runtime.
    pub fn get_ready(&self) {
        if self.client.get().is_none() {
            let (client, outbound) = (Arc::clone(&self.client), Arc::clone(&self.outbound));
            tokio::task::spawn_blocking(move || {
                client.get_or_init(|| client::build(&outbound));
            });
        }
    }

    /// The clock by which latencies are measured.
    #[must_use]
    pub fn clock(&self) -> &SharedClock {
        &self.clock
    }

    /// Sends exactly one request. Only `GET` accepts compressed responses: they are worthwhile for sources, not for the short
    /// responses to deliveries.
    pub async fn send(&self, ask: HttpRequest) -> Sent {
        self.send_checked(ask, Arc::new(|| Ok(()))).await
    }

    /// The same, with a final check when it is connected, before its first byte: if `check` fails, nothing is sent (`unsent`).
    /// A request without a body is checked before it connects.
    pub async fn send_checked(&self, ask: HttpRequest, check: FirstByteCheck) -> Sent {
        match self.client.get_or_init(|| client::build(&self.outbound)) {
            Ok(client) => client::exchange(client, &self.clock, ask, check).await,
            Err(detail) => Sent::NotSent { class: "tls", detail: detail.clone() },
        }
    }
}

/// Whether the first byte may be sent; the error is a sentence for people.
pub type FirstByteCheck = Arc<dyn Fn() -> Result<(), String> + Send + Sync>;
