//! shell: a simulated Thoughtly on loopback, so that anybody can try a schedule without phoning anybody.
//!
//! It serves the routes that are known of the real API. What is not known of it is an option, so that the sender can be
//! tested against every interpretation; faults can be requested. It prints nothing: every request is handed out as a
//! [`ReceivedRequest`].

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use jiff::Timestamp;
use secrecy::SecretString;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use url::Url;

use crate::clock::SharedClock;
use crate::http::Http;

mod calls;
mod connection;
mod faults;
mod reports;
mod routes;
mod serving;
mod state;
#[cfg(test)]
mod tests;

pub use reports::{ReportCourse, ReportShape, Reporting};

/// How the sandbox behaves.
#[derive(Debug, Clone)]
pub struct Options {
    /// A loopback address; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The `x-api-token` that the API takes, and automations when `verify_automations` is set. `None`: any value.
    pub api_token: Option<SecretString>,
    /// The `team_id` that the API takes. `None`: any value.
    pub team_id: Option<SecretString>,
    /// Webhook verification is switched on: automations demand the token too.
    pub verify_automations: bool,
    /// Call records show the metadata that came with the call.
    pub metadata_echo: bool,
    /// The automation is a draft: it answers 200 and calls nobody.
    pub draft: bool,
    /// What becomes of a contact that is created twice.
    pub duplicate_contact: DuplicateContact,
    /// Seconds that 429 and 503 name in `Retry-After`; `None`: they name none.
    pub retry_after: Option<u32>,
    /// Where finished calls are posted to.
    pub callback: Option<Url>,
    /// How they are posted.
    pub reporting: Reporting,
    /// What the persons at numbers with these last two digits say, in place of what the digits mean by themselves.
    pub answers: Vec<(&'static str, &'static str)>,
    /// How long a call stays in each state before its last.
    pub call_pace: Duration,
    /// What goes wrong.
    pub faults: Faults,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            api_token: None,
            team_id: None,
            verify_automations: false,
            metadata_echo: false,
            draft: false,
            duplicate_contact: DuplicateContact::Reuse,
            retry_after: None,
            callback: None,
            reporting: Reporting::default(),
            answers: Vec::new(),
            call_pace: Duration::from_secs(1),
            faults: Faults::default(),
        }
    }
}

/// What becomes of a contact that is created twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DuplicateContact {
    /// The first is answered again.
    Reuse,
    /// There are two of one phone.
    New,
    /// It is refused with 409.
    Conflict,
}

/// What goes wrong. Each request meets them in this order: latency, rate, failures, reset, error, HTML.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    /// Every answer takes so much longer.
    pub latency: Duration,
    /// More requests in any minute are refused with 429.
    pub rate_per_minute: Option<u32>,
    /// The first requests fail with these statuses, one after the other; nothing is done for them.
    pub fail: Vec<FailingRequests>,
    /// After this many requests every connection is reset once its request was read (and obeyed: the caller can't know).
    pub reset_after: Option<u64>,
    /// Every answer is 200 with an error inside; nothing is done.
    pub error_in_200: bool,
    /// Every answer to what was done is 200 with an HTML page.
    pub html: bool,
}

/// How many of the next requests fail, and with which status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FailingRequests {
    /// The HTTP status.
    pub status: u16,
    /// How many requests.
    pub count: u64,
}

/// One request received. No personal data but the phone's last four digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceivedRequest {
    /// When it arrived (UTC).
    pub at: Timestamp,
    /// `POST`, …
    pub method: String,
    /// The route; ids in it are left out.
    pub route: String,
    /// What became of it.
    pub outcome: Outcome,
    /// The last four digits of the phone that the request is about.
    pub phone_last4: Option<String>,
    /// The `Idempotency-Key`.
    pub reminder_id: Option<String>,
    /// A call was placed to no number at all: none in the payload is in E.164.
    pub has_no_number: bool,
}

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was answered with that status.
    Answered(u16),
    /// It was read, and its connection reset.
    Reset,
}

impl fmt::Display for ReceivedRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reminder = self.reminder_id.as_ref().map(|id| format!(" reminder {id}")).unwrap_or_default();
        write!(f, "{:.0} {}{reminder}", self.at, self.summary())
    }
}

impl ReceivedRequest {
    /// What happened, without its time and the reminder's id.
    #[must_use]
    pub fn summary(&self) -> String {
        let outcome = match self.outcome {
            Outcome::Answered(status) => status.to_string(),
            Outcome::Reset => "reset".to_owned(),
        };
        let phone = self.phone_last4.as_ref().map(|last4| format!(" phone …{last4}")).unwrap_or_default();
        let remark = if self.has_no_number { " no phone number in E.164: reported as failed" } else { "" };
        format!("{} {} {outcome}{phone}{remark}", self.method, self.route)
    }
}

/// What the sandbox needs from outside.
pub struct Surroundings {
    /// The clock for latency, the rate, and the pace of calls.
    pub clock: SharedClock,
    /// Posts what calls come to.
    pub http: Http,
    /// Takes every event, at once; must not block.
    pub events: Box<dyn Fn(ReceivedRequest) + Send + Sync>,
}

/// A sandbox at work.
#[derive(Debug)]
pub struct Running {
    /// Where it listens.
    pub address: SocketAddr,
    callback: Arc<OnceLock<Url>>,
    stop: watch::Sender<bool>,
    task: JoinHandle<io::Result<()>>,
}

impl Running {
    /// Posts ended calls to this address from now on, unless the options name another.
    pub fn report_to(&self, callback: Url) {
        let _known = self.callback.set(callback);
    }

    /// Ends it, once requests in progress are answered.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        if let Err(failure) = self.task.await {
            tracing::warn!(%failure, "the sandbox ended with an error");
        }
    }

    /// Returns when it ends by itself, which it only does when the listener fails.
    ///
    /// # Errors
    /// The listener's.
    pub async fn ended(self) -> io::Result<()> {
        self.task.await.unwrap_or_else(|broken| Err(io::Error::other(broken)))
    }
}

/// Starts a sandbox; it is ready for requests when this returns.
///
/// # Errors
/// When the address isn't a loopback one, or can't be listened at.
pub async fn start(options: Options, around: Surroundings) -> io::Result<Running> {
    if !options.listen.ip().is_loopback() {
        let reason = format!("{} is not a loopback address: the sandbox is for this machine alone", options.listen);
        return Err(io::Error::new(io::ErrorKind::InvalidInput, reason));
    }
    let listener = TcpListener::bind(options.listen).await?;
    let address = listener.local_addr()?;
    let (stop, stopped) = watch::channel(false);
    let clock = Arc::clone(&around.clock);
    let sandbox = Arc::new(state::Sandbox::new(options, around));
    let callback = Arc::clone(&sandbox.callback);
    let router = routes::router(sandbox);
    let task = tokio::spawn(serving::serve(listener, router, stopped, clock));
    Ok(Running { address, callback, stop, task })
}
