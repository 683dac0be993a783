//! shell: notifications: alerts by webhook and e-mail, in one grouped message when something fails and one when it is
//! resolved, and heartbeat pings for every run. None has personal data.

mod alerts;
mod kept;
mod mail;
mod pings;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bytes::Bytes;
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use url::Url;

use crate::audit::AuditFilter;
use crate::clock::SharedClock;
use crate::http::{Http, HttpRequest, Sent};
use crate::ledger::{LedgerResult, Questions};
use crate::reminder::RunId;
use crate::settings::{Settings, TextOrSecret};

pub use alerts::{AlertKey, AlertKind, Alerts, Conditions, FOUND_BY_POLL, Message};
pub use pings::{Ping, RunResult};

/// How often the audit log is read. An alert is promised within five seconds; failures in one interval are reported together.
const POLL_INTERVAL: Duration = Duration::from_secs(2);

/// Maximum time of one message or ping.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// Rows of the audit log per read.
const PAGE_SIZE: u64 = 10_000;

/// The channels, as the service uses them; cheap to clone. Without channels it does nothing.
#[derive(Clone, Default)]
pub struct Notifier(Option<Arc<Open>>);

struct Open {
    outside: Outside,
    heartbeats: pings::Heartbeats,
    channels: Vec<Arc<Channel>>,
}

impl Notifier {
    /// A run of this schedule begins.
    pub fn run_begun(&self, schedule: &str) {
        if let Some(open) = &self.0 {
            open.heartbeats.begun(schedule);
        }
    }

    /// A run of this schedule has ended.
    pub fn run_ended(&self, schedule: &str, result: RunResult) {
        if let Some(open) = &self.0 {
            open.heartbeats.ended(schedule, result);
        }
    }

    /// Sets the result of a schedule's last run before this process began.
    pub fn remember_run(&self, schedule: &str, last: RunResult) {
        if let Some(open) = &self.0 {
            open.heartbeats.remember(schedule, last);
        }
    }

    /// The schedules whose last run failed or is held, by name.
    #[must_use]
    pub fn failing(&self) -> Vec<String> {
        self.0.as_ref().map(|open| open.heartbeats.failing()).unwrap_or_default()
    }

    /// Sets the heartbeat URLs of the loaded schedules.
    pub fn set_heartbeats(&self, urls: BTreeMap<String, Url>) {
        if let Some(open) = &self.0 {
            open.heartbeats.set(urls, &open.outside);
        }
    }

    /// A schedule's file was removed.
    pub fn forget_schedule(&self, schedule: &str) {
        if let Some(open) = &self.0 {
            open.heartbeats.forget(schedule);
        }
    }

    /// A run waits for its source. The audit log has no row about it.
    pub fn waiting(&self, schedule: &str, run: RunId, because: &str) {
        for channel in self.channels() {
            channel.alerts().waits(schedule, run, because);
        }
    }

    /// Opens and resolves alerts by the conditions that hold now. These have no row in the audit log, so this works in any
    /// state of the ledger.
    pub fn observe(&self, conditions: &Conditions) {
        for channel in self.channels() {
            if channel.alerts().observe(conditions) {
                channel.wake.notify_one();
            }
        }
    }

    fn channels(&self) -> impl Iterator<Item = &Arc<Channel>> {
        self.0.iter().flat_map(|open| &open.channels)
    }
}

/// The dependencies of notifications.
#[derive(Clone)]
pub struct Outside {
    /// The clock.
    pub clock: SharedClock,
    /// The HTTP client.
    pub http: Http,
    /// Asks the ledger, from whose audit log most alerts come.
    pub ledger: Questions,
}

/// The loops that send alerts; run them with the service.
pub struct Reporters {
    outside: Outside,
    channels: Vec<Arc<Channel>>,
}

/// One channel for alerts. Each has its own state, so that a channel that fails does not delay others.
struct Channel {
    transport: Transport,
    alerts: Mutex<Alerts>,
    /// The file that keeps the alerts over restarts.
    file: PathBuf,
    /// Signalled when an alert was opened or resolved by a condition.
    wake: Notify,
}

enum Transport {
    Webhook(Url),
    Mail(mail::Mail),
}

impl Transport {
    const fn key(&self) -> &'static str {
        match self {
            Self::Webhook(_) => "notify.webhook",
            Self::Mail(_) => "notify.email",
        }
    }

    async fn send(&self, http: &Http, message: &Message) -> Result<(), String> {
        match self {
            Self::Webhook(url) => {
                let body = serde_json::to_vec(message).expect("a message of texts and numbers is JSON");
                post(http, url.clone(), body).await
            }
            Self::Mail(mail) => mail.send(&subject(message), &message.text).await,
        }
    }
}

fn subject(message: &Message) -> String {
    let alerts = |count: usize| if count == 1 { "1 alert".to_owned() } else { format!("{count} alerts") };
    match (message.firing.len(), message.resolved.len()) {
        (0, over) => format!("tickler: {} over", alerts(over)),
        (firing, 0) => format!("tickler: {}", alerts(firing)),
        (firing, over) => format!("tickler: {}, {over} over", alerts(firing)),
    }
}

/// Opens the channels and heartbeats of the settings.
///
/// # Errors
/// When a secret isn't set or an address isn't valid; the message names the key.
pub fn open(settings: &Settings, outside: Outside) -> Result<(Notifier, Reporters), String> {
    let heartbeat = address(settings, "notify.heartbeat", settings.notify_heartbeat.as_ref())?;
    let channels: Vec<Arc<Channel>> = transports(settings)?
        .into_iter()
        .map(|transport| {
            let file = reported_file(&settings.ledger, &transport);
            let alerts = Mutex::new(kept::load(&file));
            Arc::new(Channel { transport, alerts, file, wake: Notify::new() })
        })
        .collect();
    let heartbeats = pings::Heartbeats::open(heartbeat, &outside);
    let open = Open { outside: outside.clone(), heartbeats, channels: channels.clone() };
    Ok((Notifier(Some(Arc::new(open))), Reporters { outside, channels }))
}

/// The channels of the settings.
fn transports(settings: &Settings) -> Result<Vec<Transport>, String> {
    let webhook = address(settings, "notify.webhook", settings.notify_webhook.as_ref())?.map(Transport::Webhook);
    let mail = match &settings.notify_email {
        Some(email) => Some(Transport::Mail(mail::Mail::open(email, settings)?)),
        None => None,
    };
    Ok(webhook.into_iter().chain(mail).collect())
}

fn address(settings: &Settings, key: &str, value: Option<&TextOrSecret>) -> Result<Option<Url>, String> {
    let Some(value) = value else { return Ok(None) };
    let text: SecretString = settings.secrets.text(value).map_err(|error| format!("{key}: {error}"))?;
    let url = Url::parse(text.expose_secret()).map_err(|error| format!("{key} is not a valid URL: {error}"))?;
    Ok(Some(url))
}

fn reported_file(ledger: &Path, transport: &Transport) -> PathBuf {
    let mut name = ledger.file_name().unwrap_or_default().to_owned();
    name.push(match transport {
        Transport::Webhook(_) => ".told",
        Transport::Mail(_) => ".told-email",
    });
    ledger.with_file_name(name)
}

/// Sends a test message through every channel; each by its key, with what went wrong.
///
/// # Errors
/// Those of [`open`].
pub async fn send_test(settings: &Settings, http: &Http) -> Result<Vec<(&'static str, Result<(), String>)>, String> {
    let text = "tickler: a test message: alerts reach you".to_owned();
    let message = Message { text, firing: Vec::new(), resolved: Vec::new() };
    let mut sent = Vec::new();
    for transport in transports(settings)? {
        let result = match &transport {
            Transport::Webhook(_) => transport.send(http, &message).await,
            Transport::Mail(mail) => mail.send("tickler: a test message", &message.text).await,
        };
        sent.push((transport.key(), result));
    }
    Ok(sent)
}

impl Reporters {
    /// Sends alerts until it is dropped.
    pub async fn run(self) {
        let mut loops = JoinSet::new();
        for channel in self.channels {
            let outside = self.outside.clone();
            loops.spawn(async move { channel.report_forever(&outside).await });
        }
        while loops.join_next().await.is_some() {}
        std::future::pending::<()>().await;
    }
}

impl Channel {
    fn alerts(&self) -> MutexGuard<'_, Alerts> {
        self.alerts.lock().expect("no holder of this lock can panic")
    }

    async fn report_forever(&self, outside: &Outside) {
        let mut was_delivered = true;
        loop {
            let delivered = self.report(outside).await;
            if let (Err(error), true) = (&delivered, was_delivered) {
                tracing::error!(error, "{} doesn't take the message; it is tried again", self.transport.key());
            }
            was_delivered = delivered.is_ok();
            tokio::select! {
                () = self.wake.notified() => {}
                () = outside.clock.sleep(POLL_INTERVAL) => {}
            }
        }
    }

    /// Reads what is new in the audit log and sends what has not been reported.
    async fn report(&self, outside: &Outside) -> Result<(), String> {
        if let Err(error) = self.read_audit_log(outside).await {
            // conditions are reported all the same: that the ledger fails is one of them
            tracing::debug!(%error, "alerts could not be read from the audit log");
        }
        let Some((message, reported)) = self.alerts().unreported() else { return Ok(()) };
        self.transport.send(&outside.http, &message).await?;
        let mut alerts = self.alerts();
        alerts.set_reported(reported);
        kept::save(&alerts, &self.file);
        Ok(())
    }

    async fn read_audit_log(&self, outside: &Outside) -> LedgerResult<()> {
        let head = outside.ledger.head().await?;
        let Some(unread) = self.alerts().unread(head.seq) else { return Ok(()) };
        let mut seen = unread.after;
        while seen < head.seq {
            let filter = AuditFilter { after_seq: Some(seen), limit: Some(PAGE_SIZE), ..AuditFilter::default() };
            let rows = outside.ledger.audit(filter).await?;
            let Some(last) = rows.last() else { break };
            seen = last.seq;
            let mut alerts = self.alerts();
            rows.iter().for_each(|row| alerts.note(row));
        }
        let mut alerts = self.alerts();
        alerts.have_read(unread, seen.max(head.seq));
        kept::save(&alerts, &self.file);
        Ok(())
    }
}

async fn post(http: &Http, url: Url, body: Vec<u8>) -> Result<(), String> {
    let headers = vec![("content-type".to_owned(), SecretString::from("application/json"))];
    let ask = HttpRequest { method: reqwest::Method::POST, url, headers, body: Bytes::from(body), ..empty_ask() };
    match http.send(ask).await {
        Sent::Answered(answer) if answer.is_success() => Ok(()),
        Sent::Answered(answer) => Err(format!("it answered {}", answer.status)),
        Sent::NotSent { detail, .. } | Sent::Unknown { detail, .. } => Err(detail),
    }
}

fn empty_ask() -> HttpRequest {
    HttpRequest {
        method: reqwest::Method::GET,
        url: Url::parse("http://localhost/").expect("a URL written here"),
        headers: Vec::new(),
        body: Bytes::new(),
        timeout: REQUEST_TIMEOUT,
        max_bytes: 4_096,
    }
}

async fn is_accepted(outside: &Outside, ask: HttpRequest) -> bool {
    match outside.http.send(ask).await {
        Sent::Answered(answer) => answer.is_success(),
        Sent::NotSent { .. } | Sent::Unknown { .. } => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_counts_what_fires_and_what_is_over() {
        let line = |kind| alerts::AlertLine { kind, schedule: "day-before".to_owned(), count: 1, detail: None };
        let message = |firing: &[AlertKind], resolved: &[AlertKind]| Message {
            text: String::new(),
            firing: firing.iter().copied().map(line).collect(),
            resolved: resolved.iter().copied().map(line).collect(),
        };
        let cases = [
            (message(&[AlertKind::RunFailed], &[]), "tickler: 1 alert"),
            (
                message(&[AlertKind::RunFailed, AlertKind::RunHeld], &[AlertKind::RunMissed]),
                "tickler: 2 alerts, 1 over",
            ),
            (message(&[], &[AlertKind::RunFailed]), "tickler: 1 alert over"),
        ];
        for (message, expected) in cases {
            assert_eq!(subject(&message), expected);
        }
    }
}
