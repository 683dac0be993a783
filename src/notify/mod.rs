//! shell: telling people outside: one grouped message when something is wrong, one when it is over; a ping at the start
//! and end of every run. No personal data in either.

mod wrongs;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::mpsc;
use url::Url;

use crate::audit::AuditFilter;
use crate::clock::SharedClock;
use crate::http::{Ask, Exchange, Http};
use crate::ledger::{Ledger, LedgerResult};
use crate::settings::Settings;

pub use wrongs::{Kind, Message, Wrongs};

/// How often the log is looked through: with the request it stays within the five seconds that are promised, and what
/// goes wrong together is told together.
const LOOK: Duration = Duration::from_secs(2);

/// One message or ping.
const PATIENCE: Duration = Duration::from_secs(10);

/// Rows of the log taken at once.
const PAGE: u64 = 10_000;

/// Pings that may wait: thousands of runs begin in one second, and none of their ends is to be lost.
const PINGS: usize = 65_536;

/// What a run tells the heartbeat address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ping {
    /// It begins.
    Start,
    /// It is over.
    End,
    /// It failed, or is held.
    Fail,
}

/// What the rest of the service tells; cheap to clone. Without addresses everything is dropped.
#[derive(Clone, Default)]
pub struct Notifier {
    pings: Option<mpsc::Sender<Ping>>,
    wrongs: Option<Arc<Mutex<Wrongs>>>,
}

impl Notifier {
    /// A notifier that tells nobody.
    #[must_use]
    pub fn silent() -> Self {
        Self::default()
    }

    /// A run begins or ends.
    pub fn ping(&self, ping: Ping) {
        if let Some(pings) = &self.pings {
            let _full_or_closed = pings.try_send(ping);
        }
    }

    /// A run waits for its source: the log has no row for that.
    pub fn waiting(&self, schedule: &str, because: &str) {
        if let Some(wrongs) = &self.wrongs {
            lock(wrongs).waits(schedule, because);
        }
    }
}

fn lock(wrongs: &Mutex<Wrongs>) -> std::sync::MutexGuard<'_, Wrongs> {
    wrongs.lock().expect("no holder of this lock can panic")
}

/// What telling needs of the world.
#[derive(Clone)]
pub struct Outside {
    /// Time.
    pub clock: SharedClock,
    /// The one way out.
    pub http: Http,
    /// Its log is what is told.
    pub ledger: Arc<dyn Ledger>,
}

/// The two tellers at work; run them beside the service.
pub struct Tellers {
    outside: Outside,
    webhook: Option<Webhook>,
    heartbeat: Option<(Url, mpsc::Receiver<Ping>)>,
}

struct Webhook {
    url: Url,
    wrongs: Arc<Mutex<Wrongs>>,
    memory: PathBuf,
}

/// Opens what the settings name.
///
/// # Errors
/// When a secret isn't set or an address is no URL; the sentence names the key.
pub fn open(settings: &Settings, outside: Outside) -> Result<(Notifier, Tellers), String> {
    let address = |key: &str, value: &Option<crate::settings::TextOrSecret>| -> Result<Option<Url>, String> {
        let Some(value) = value else { return Ok(None) };
        let text: SecretString = settings.secrets.text(value).map_err(|error| format!("notify.{key}: {error}"))?;
        let url = Url::parse(text.expose_secret()).map_err(|error| format!("notify.{key} is no URL: {error}"))?;
        Ok(Some(url))
    };
    let webhook = address("webhook", &settings.notify_webhook)?.map(|url| {
        let memory = memory_beside(&settings.ledger);
        Webhook { url, wrongs: Arc::new(Mutex::new(Wrongs::remembered(&memory))), memory }
    });
    let heartbeat = address("heartbeat", &settings.notify_heartbeat)?.map(|url| (url, mpsc::channel(PINGS)));
    let notifier = Notifier {
        pings: heartbeat.as_ref().map(|(_, (sender, _))| sender.clone()),
        wrongs: webhook.as_ref().map(|webhook| Arc::clone(&webhook.wrongs)),
    };
    let heartbeat = heartbeat.map(|(url, (_, receiver))| (url, receiver));
    Ok((notifier, Tellers { outside, webhook, heartbeat }))
}

fn memory_beside(ledger: &Path) -> PathBuf {
    let mut name = ledger.file_name().unwrap_or_default().to_owned();
    name.push(".told");
    ledger.with_file_name(name)
}

impl Tellers {
    /// Tells until it is dropped.
    pub async fn run(self) {
        let Self { outside, webhook, heartbeat } = self;
        let messages = async {
            match webhook {
                Some(webhook) => webhook.tell_forever(&outside).await,
                None => std::future::pending().await,
            }
        };
        let pings = async {
            match heartbeat {
                Some((url, pings)) => ping_forever(url, pings, &outside).await,
                None => std::future::pending().await,
            }
        };
        tokio::join!(messages, pings);
    }
}

impl Webhook {
    async fn tell_forever(&self, outside: &Outside) {
        let mut is_unheard = false;
        loop {
            let is_heard = self.tell(outside).await;
            if !is_heard && !is_unheard {
                tracing::error!("notify.webhook doesn't take the message; it is tried again");
            }
            is_unheard = !is_heard;
            outside.clock.sleep(LOOK).await;
        }
    }

    /// Looks through the log and tells what is new; `false` when the message was not taken.
    async fn tell(&self, outside: &Outside) -> bool {
        if self.follow_log(outside).await.is_err() {
            return true; // The log tells of an ailing ledger; there is nothing to be told from it.
        }
        let Some((message, told)) = lock(&self.wrongs).news() else { return true };
        let body = serde_json::to_vec(&message).expect("a message of texts and numbers is JSON");
        let is_taken = post(outside, self.url.clone(), body).await;
        if is_taken {
            let mut wrongs = lock(&self.wrongs);
            wrongs.set_told(told);
            wrongs.remember(&self.memory);
        }
        is_taken
    }

    async fn follow_log(&self, outside: &Outside) -> LedgerResult<()> {
        let head = outside.ledger.head().await?;
        let Some(following) = lock(&self.wrongs).begin_at(head.seq) else { return Ok(()) };
        let mut seen = following.after;
        while seen < head.seq {
            let filter = AuditFilter { after_seq: Some(seen), limit: Some(PAGE), ..AuditFilter::default() };
            let rows = outside.ledger.audit(filter).await?;
            let Some(last) = rows.last() else { break };
            seen = last.seq;
            let mut wrongs = lock(&self.wrongs);
            rows.iter().for_each(|row| wrongs.note(row));
        }
        let mut wrongs = lock(&self.wrongs);
        wrongs.followed(following, seen.max(head.seq));
        wrongs.remember(&self.memory);
        Ok(())
    }
}

async fn post(outside: &Outside, url: Url, body: Vec<u8>) -> bool {
    let headers = vec![("content-type".to_owned(), SecretString::from("application/json"))];
    is_taken(outside, Ask { method: reqwest::Method::POST, url, headers, body: Bytes::from(body), ..empty_ask() }).await
}

fn empty_ask() -> Ask {
    Ask {
        method: reqwest::Method::GET,
        url: Url::parse("http://localhost/").expect("a URL written here"),
        headers: Vec::new(),
        body: Bytes::new(),
        timeout: PATIENCE,
        max_bytes: 4_096,
    }
}

async fn is_taken(outside: &Outside, ask: Ask) -> bool {
    match outside.http.send(ask).await {
        Exchange::Answered(answer) => (200..300).contains(&answer.status),
        Exchange::NotSent { .. } | Exchange::Unknown { .. } => false,
    }
}

async fn ping_forever(url: Url, mut pings: mpsc::Receiver<Ping>, outside: &Outside) {
    let mut is_heard = true;
    while let Some(ping) = pings.recv().await {
        let was_heard = is_heard;
        is_heard = is_taken(outside, Ask { url: ping_url(&url, ping), ..empty_ask() }).await;
        match (was_heard, is_heard) {
            (true, false) => tracing::warn!("notify.heartbeat doesn't answer: its pings are lost until it does"),
            (false, true) => tracing::info!("notify.heartbeat answers again"),
            (true, true) | (false, false) => {}
        }
    }
}

fn ping_url(url: &Url, ping: Ping) -> Url {
    let suffix = match ping {
        Ping::Start => "/start",
        Ping::End => "",
        Ping::Fail => "/fail",
    };
    let mut url = url.clone();
    let path = format!("{}{suffix}", url.path().trim_end_matches('/'));
    url.set_path(&path);
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_ten_thousand_runs_that_begin_at_once_no_end_is_lost() {
        let (sender, mut pings) = mpsc::channel(PINGS);
        let notifier = Notifier { pings: Some(sender), wrongs: None };
        for ping in [Ping::Start, Ping::Fail] {
            (0..10_000).for_each(|_run| notifier.ping(ping));
        }
        let waiting: Vec<Ping> = std::iter::from_fn(|| pings.try_recv().ok()).collect();
        assert_eq!(waiting.iter().filter(|ping| **ping == Ping::Fail).count(), 10_000);
    }

    #[test]
    fn pings_append_to_the_path_and_keep_the_query() {
        let url = Url::parse("https://hc.example/ping/abc/?create=1").expect("a URL");
        assert_eq!(ping_url(&url, Ping::Start).as_str(), "https://hc.example/ping/abc/start?create=1");
        assert_eq!(ping_url(&url, Ping::End).as_str(), "https://hc.example/ping/abc?create=1");
        assert_eq!(ping_url(&url, Ping::Fail).as_str(), "https://hc.example/ping/abc/fail?create=1");
    }
}
