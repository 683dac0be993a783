//! shell: the one way out: a client without redirects of its own and without retries, with bounded time, size and addresses.

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

/// One request.
#[derive(Debug)]
pub struct HttpRequest {
    /// `GET`, `POST`, …
    pub method: reqwest::Method,
    /// Where to. May itself be a secret: never printed whole.
    pub url: Url,
    /// Name and value; values may be secrets.
    pub headers: Vec<(String, SecretString)>,
    /// The exact bytes to send.
    pub body: Bytes,
    /// For everything: connecting, sending, reading.
    pub timeout: Duration,
    /// How many decoded bytes of the answer are read.
    pub max_bytes: usize,
}

/// What came of a request.
#[derive(Debug)]
pub enum Sent {
    /// Provably nothing was sent: DNS, connect or TLS failed, or the address is refused.
    NotSent {
        /// The class, a word for the audit: `dns`, `connect`, `tls`, `refused_address`, `connect_timeout`, `unsent` when
        /// it was checked and might not be sent any more, and `invalid_request` when a header or the URL can't be written on the wire.
        class: &'static str,
        /// For people; without URL, secrets and personal data.
        detail: String,
    },
    /// The request may have arrived; no answer came: `timeout`, `reset`, `protocol`.
    Unknown {
        /// The class, a word for the audit.
        class: &'static str,
        /// For people; without URL, secrets and personal data.
        detail: String,
        /// How long it took.
        latency: Duration,
    },
    /// A status line came.
    Answered(HttpResponse),
}

/// An answer: its status, headers and as much of its body as is read.
#[derive(Debug)]
pub struct HttpResponse {
    /// The HTTP status.
    pub status: u16,
    /// Lower-case names.
    pub headers: Vec<(String, String)>,
    /// Up to `max_bytes`, decoded.
    pub body: Bytes,
    /// How the body ended.
    pub end: BodyEnd,
    /// From sending to the end of what was read.
    pub latency: Duration,
}

/// How a body ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyEnd {
    /// It was read whole.
    Whole,
    /// There is more than `max_bytes`.
    TooLong,
    /// The connection broke off, timed out, or the encoding is broken.
    Cut,
}

impl HttpResponse {
    /// The first header of that (lower-case) name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(have, _)| have == name).map(|(_, value)| value.as_str())
    }
}

/// How requests leave this machine.
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

    /// The same, by that way out.
    ///
    /// # Errors
    /// When TLS can't be set up, or the proxy or a certificate can't be used.
    pub fn through(clock: SharedClock, outbound: Outbound) -> Result<Self, String> {
        let client = client::build(&outbound)?;
        Ok(Self { clock, outbound: Arc::new(outbound), client: Arc::new(Ok(client).into()) })
    }

    /// The same, made when it is first used: reading the system's TLS roots takes longer than most verbs that send nothing.
    /// When it can't be made then, every request fails as `tls`.
    #[must_use]
    pub fn at_first_use(clock: SharedClock, outbound: Outbound) -> Self {
        Self { clock, outbound: Arc::new(outbound), client: Arc::default() }
    }

    /// Whether a request to this URL would know where to go: its host's name can be resolved, and no address of it is
    /// refused. A proxy resolves names itself.
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

    /// Makes the client now, beside whatever the caller does next: something will be sent soon. Needs a tokio runtime.
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

    /// Sends exactly one request. Compressed answers are asked for by `GET` alone: they pay for what sources read, not
    /// for the few bytes a delivery is answered with.
    pub async fn send(&self, ask: HttpRequest) -> Sent {
        self.send_checked(ask, Arc::new(|| Ok(()))).await
    }

    /// The same, but once it is connected, right before its first byte leaves, `check` is asked whether it still may:
    /// if not, nothing was sent (`unsent`). A request without a body is checked before it connects.
    pub async fn send_checked(&self, ask: HttpRequest, check: FirstByteCheck) -> Sent {
        match self.client.get_or_init(|| client::build(&self.outbound)) {
            Ok(client) => client::exchange(client, &self.clock, ask, check).await,
            Err(detail) => Sent::NotSent { class: "tls", detail: detail.clone() },
        }
    }
}

/// Whether the first byte may leave now; the error is a sentence for people.
pub type FirstByteCheck = Arc<dyn Fn() -> Result<(), String> + Send + Sync>;
