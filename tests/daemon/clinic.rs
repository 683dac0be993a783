//! A clinic for tests: a folder with schedules, a table and a ledger, a clock moved by hand, a simulated Thoughtly, and
//! the service's own code over them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use tempfile::TempDir;
use tickler::audit::{AuditFilter, AuditRow, Event};
use tickler::clock::{ManualClock, SharedClock, SystemClock};
use tickler::daemon::runs::Daemon;
use tickler::daemon::startup::{Opened, open};
use tickler::delivery::DeliveryScope;
use tickler::http::Http;
use tickler::ledger::{Ledger, RunRow, RunsAsk};
use tickler::reminder::RunId;
use tickler::sandbox;
use tickler::settings::{Flags, ProcessEnvironment, Settings};

use crate::support::clinic::{PARTS, Parts};

/// The header of the clinic's table.
pub const HEADER: &str = "id,phone,starts_at,service\n";

pub struct Clinic {
    folder: TempDir,
    pub clock: Arc<ManualClock>,
    pub received: Arc<Mutex<Vec<sandbox::ReceivedRequest>>>,
    thoughtly: sandbox::Running,
}

pub fn at(text: &str) -> Timestamp {
    text.parse().expect("a valid instant")
}

/// A schedule over the clinic's table.
pub fn schedule_text(cron: &str, zone: &str, remind: &str) -> String {
    let payload = "contact_phone = \"{{ phone }}\"\nreminder_id = \"{{ reminder_id }}\"";
    Parts { cron, zone, remind, payload, ..PARTS }.text()
}

impl Clinic {
    /// A clinic without schedules, its table holding the header alone, its clock standing at `now`.
    pub async fn at(now: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(folder.path().join("schedules")).expect("a folder for schedules");
        let received = Arc::new(Mutex::new(Vec::new()));
        let events = Arc::clone(&received);
        let system = Arc::new(SystemClock::new());
        let around = sandbox::Surroundings {
            clock: system.clone(),
            http: Http::new(system).expect("a client"),
            events: Box::new(move |event| events.lock().expect("the list").push(event)),
        };
        let thoughtly = sandbox::start(sandbox::Options::default(), around).await.expect("a sandbox");
        let clinic = Self { folder, clock: Arc::new(ManualClock::starting_at(at(now))), received, thoughtly };
        clinic.write_table(HEADER);
        clinic
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn schedule_file(&self, name: &str) -> PathBuf {
        self.path().join("schedules").join(format!("{name}.toml"))
    }

    pub fn write_schedule(&self, name: &str, text: &str) {
        std::fs::write(self.schedule_file(name), text).expect("a schedule");
    }

    pub fn write_table(&self, text: &str) {
        std::fs::write(self.path().join("appointments.csv"), text).expect("a table");
    }

    pub fn remove_table(&self) {
        std::fs::remove_file(self.path().join("appointments.csv")).expect("a table that goes");
    }

    pub fn settings(&self) -> Settings {
        let url = format!("http://{}/webhook/automation/clinic", self.thoughtly.address);
        let environment = ProcessEnvironment::of([("THOUGHTLY_AUTOMATION_URL", url.as_str())], self.path());
        let flags = Flags {
            schedules: Some(self.path().join("schedules")),
            ledger: Some(self.path().join("tickler.db")),
            listen: Some("off".to_owned()),
            ..Flags::default()
        };
        Settings::load(flags, environment).expect("settings").0
    }

    /// The service, opened as `tickler run` opens it, its heart not yet beating.
    pub async fn open(&self) -> Opened {
        open(self.settings(), self.clock.clone()).await.expect("a service")
    }

    /// The same by another clock.
    pub async fn open_by(&self, clock: SharedClock) -> Opened {
        open(self.settings(), clock).await.expect("a service")
    }

    /// Lets a service go, and waits until the last of its tasks has let go of the ledger.
    pub async fn leave(&self, opened: Opened) {
        drop(opened);
        let lock = std::fs::File::open(self.path().join("tickler.db.lock")).expect("the ledger's lock");
        while lock.try_lock().is_err() {
            tokio::task::yield_now().await;
        }
        lock.unlock().expect("it is given back");
    }

    /// Sets the wall clock as waking from sleep or an administrator does, and beats.
    pub async fn beat_at(&self, daemon: &Arc<Daemon>, now: &str) {
        self.clock.set(at(now));
        beat(daemon).await;
    }

    /// Lets seconds pass one after the other, beating at each.
    pub async fn beat_for(&self, daemon: &Arc<Daemon>, seconds: u64) {
        for _second in 0..seconds {
            self.clock.advance(std::time::Duration::from_secs(1));
            beat(daemon).await;
        }
    }

    /// Delivers what is due of a schedule, and tells the last four digits of those who were called so far.
    pub async fn called(&self, daemon: &Daemon, schedule: &str) -> Vec<String> {
        let sender = daemon.app.sender.as_ref().expect("a service sends");
        let scope = DeliveryScope { schedule: schedule.to_owned(), only: None };
        sender.deliver(&scope, std::time::Duration::ZERO).await.expect("delivered");
        let received = self.received.lock().expect("the list");
        received.iter().filter_map(|event| event.phone_last4.clone()).collect()
    }
}

/// One beat, and the end of the runs it began.
pub async fn beat(daemon: &Arc<Daemon>) {
    daemon.tick().await;
    daemon.quiet().await;
}

pub fn ledger(daemon: &Daemon) -> Arc<Ledger> {
    daemon.app.env.ledger.clone().expect("a service has a ledger")
}

/// The whole log.
pub async fn log(daemon: &Daemon) -> Vec<AuditRow> {
    let mut rows: Vec<AuditRow> = Vec::new();
    loop {
        let filter = AuditFilter { after_seq: rows.last().map(|row| row.seq), ..AuditFilter::default() };
        let page = ledger(daemon).audit(filter).await.expect("a page of the log");
        if page.is_empty() {
            return rows;
        }
        rows.extend(page);
    }
}

/// Every run's row, in the order in which they came about.
pub async fn runs(daemon: &Daemon) -> Vec<RunRow> {
    let mut seen: BTreeSet<RunId> = BTreeSet::new();
    let mut rows = Vec::new();
    for entry in log(daemon).await {
        let Some(run) = entry.run_id.filter(|run| seen.insert(*run)) else { continue };
        rows.extend(ledger(daemon).runs(RunsAsk::Id(run)).await.expect("a look at a run").pop());
    }
    rows
}

/// Each run as one line: nominal time, kind, state.
pub async fn run_lines(daemon: &Daemon) -> Vec<String> {
    runs(daemon).await.iter().map(|run| format!("{} {} {}", run.nominal_at, run.kind, run.state)).collect()
}

/// How often each event is in the log.
pub async fn tally(daemon: &Daemon) -> BTreeMap<&'static str, usize> {
    let mut tally = BTreeMap::new();
    for row in log(daemon).await {
        *tally.entry(row.event.as_str()).or_default() += 1;
    }
    tally
}

pub async fn count(daemon: &Daemon, event: Event) -> usize {
    tally(daemon).await.get(event.as_str()).copied().unwrap_or(0)
}
