//! shell: pings of heartbeat URLs (in the manner of healthchecks.io) at the start and the end of every run.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard};

use tokio::sync::mpsc;
use url::Url;

use super::{Outside, empty_ask, is_accepted};
use crate::http::HttpRequest;

/// Maximum queued pings: thousands of runs may begin in one second, and the end of each is reported.
const QUEUE_SIZE: usize = 65_536;

/// What a heartbeat URL receives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ping {
    /// A run begins.
    Start,
    /// It has ended well.
    End,
    /// It failed, or is held.
    Fail,
}

/// How a run ended, for heartbeats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunResult {
    /// Its plan is recorded.
    Succeeded,
    /// It failed, or is held.
    Failed,
}

/// The service's heartbeat and those of single schedules.
#[derive(Debug, Default)]
pub(super) struct Heartbeats {
    service: Option<Heartbeat>,
    known: Mutex<PingState>,
}

#[derive(Debug, Default)]
struct PingState {
    of_schedules: BTreeMap<String, Heartbeat>,
    /// Schedules whose last run failed. While there is one, the service's heartbeat reports a failure.
    failing: BTreeSet<String>,
}

/// One URL. A task sends its pings in order, and ends when this is dropped.
#[derive(Debug)]
struct Heartbeat {
    url: Url,
    pings: mpsc::Sender<Ping>,
}

impl Heartbeat {
    fn start(what: String, url: Url, outside: &Outside) -> Self {
        let (pings, waiting) = mpsc::channel(QUEUE_SIZE);
        tokio::spawn(send_in_order(what, url.clone(), waiting, outside.clone()));
        Self { url, pings }
    }

    fn ping(&self, ping: Ping) {
        let _full_or_closed = self.pings.try_send(ping);
    }
}

impl Heartbeats {
    pub(super) fn open(service: Option<Url>, outside: &Outside) -> Self {
        let service = service.map(|url| Heartbeat::start("notify.heartbeat".to_owned(), url, outside));
        Self { service, known: Mutex::default() }
    }

    fn known(&self) -> MutexGuard<'_, PingState> {
        self.known.lock().expect("no holder of this lock can panic")
    }

    /// Sets the heartbeats of the loaded schedules. Those that did not change keep their queued pings.
    pub(super) fn set(&self, urls: BTreeMap<String, Url>, outside: &Outside) {
        let mut known = self.known();
        known.of_schedules.retain(|name, heartbeat| urls.get(name) == Some(&heartbeat.url));
        for (name, url) in urls {
            let start = || Heartbeat::start(format!("the heartbeat of `{name}`"), url, outside);
            known.of_schedules.entry(name.clone()).or_insert_with(start);
        }
    }

    /// Sets the result of a schedule's last run.
    pub(super) fn remember(&self, schedule: &str, last: RunResult) {
        let mut known = self.known();
        match last {
            RunResult::Succeeded => known.failing.remove(schedule),
            RunResult::Failed => known.failing.insert(schedule.to_owned()),
        };
    }

    /// The schedules whose last run failed.
    pub(super) fn failing(&self) -> Vec<String> {
        self.known().failing.iter().cloned().collect()
    }

    /// A schedule's file was removed: its last run does not count any more.
    pub(super) fn forget(&self, schedule: &str) {
        self.known().failing.remove(schedule);
    }

    pub(super) fn begun(&self, schedule: &str) {
        self.send(schedule, Ping::Start, Ping::Start);
    }

    pub(super) fn ended(&self, schedule: &str, result: RunResult) {
        self.remember(schedule, result);
        let are_all_well = self.known().failing.is_empty();
        let own = match result {
            RunResult::Succeeded => Ping::End,
            RunResult::Failed => Ping::Fail,
        };
        self.send(schedule, own, if are_all_well { Ping::End } else { Ping::Fail });
    }

    fn send(&self, schedule: &str, own: Ping, of_service: Ping) {
        if let Some(service) = &self.service {
            service.ping(of_service);
        }
        if let Some(heartbeat) = self.known().of_schedules.get(schedule) {
            heartbeat.ping(own);
        }
    }
}

async fn send_in_order(what: String, url: Url, mut pings: mpsc::Receiver<Ping>, outside: Outside) {
    let mut was_accepted = true;
    while let Some(ping) = pings.recv().await {
        let is_accepted_now = is_accepted(&outside, HttpRequest { url: ping_url(&url, ping), ..empty_ask() }).await;
        match (was_accepted, is_accepted_now) {
            (true, false) => tracing::warn!("{what} does not respond: its pings are lost until it does"),
            (false, true) => tracing::info!("{what} responds again"),
            (true, true) | (false, false) => {}
        }
        was_accepted = is_accepted_now;
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

    /// A heartbeat whose pings are read by the test.
    fn heartbeat() -> (Heartbeat, mpsc::Receiver<Ping>) {
        let (pings, waiting) = mpsc::channel(QUEUE_SIZE);
        (Heartbeat { url: Url::parse("https://hc.example/ping/abc").expect("a URL"), pings }, waiting)
    }

    fn read(pings: &mut mpsc::Receiver<Ping>) -> Vec<Ping> {
        std::iter::from_fn(|| pings.try_recv().ok()).collect()
    }

    #[tokio::test]
    async fn of_ten_thousand_runs_that_begin_at_once_no_end_is_lost() {
        let (service, mut pings) = heartbeat();
        let heartbeats = Heartbeats { service: Some(service), known: Mutex::default() };
        (0..10_000).for_each(|_run| heartbeats.begun("day-before"));
        (0..10_000).for_each(|_run| heartbeats.ended("day-before", RunResult::Failed));
        assert_eq!(read(&mut pings).iter().filter(|ping| **ping == Ping::Fail).count(), 10_000);
    }

    #[tokio::test]
    async fn the_services_heartbeat_succeeds_only_when_no_schedules_last_run_failed() {
        let (service, mut of_service) = heartbeat();
        let (own, mut of_schedule) = heartbeat();
        let known = PingState { of_schedules: BTreeMap::from([("b".to_owned(), own)]), failing: BTreeSet::new() };
        let heartbeats = Heartbeats { service: Some(service), known: Mutex::new(known) };
        heartbeats.ended("a", RunResult::Failed);
        heartbeats.ended("b", RunResult::Succeeded);
        heartbeats.ended("a", RunResult::Succeeded);
        assert_eq!(read(&mut of_service), [Ping::Fail, Ping::Fail, Ping::End]);
        assert_eq!(read(&mut of_schedule), [Ping::End]);
    }

    #[test]
    fn pings_append_to_the_path_and_keep_the_query() {
        let url = Url::parse("https://hc.example/ping/abc/?create=1").expect("a URL");
        assert_eq!(ping_url(&url, Ping::Start).as_str(), "https://hc.example/ping/abc/start?create=1");
        assert_eq!(ping_url(&url, Ping::End).as_str(), "https://hc.example/ping/abc?create=1");
        assert_eq!(ping_url(&url, Ping::Fail).as_str(), "https://hc.example/ping/abc/fail?create=1");
    }
}
