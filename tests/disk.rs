//! The real binary on a ledger that can't be written: a full disk, a lock, a folder that is read-only. Nobody is called,
//! nothing is lost, and the complaint names the remedy.

#[path = "daemon/binary.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod binary;
#[path = "support/small_disk.rs"]
mod small_disk;
mod support;

use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rusqlite::Connection;
use small_disk::SmallDisk;
use support::clinic::{PARTS, Parts};
use support::command;
use support::{Conduct, Receiver, answer};
use tickler::clock::{Clock, SystemClock};

const ROWS: u32 = 400;

fn clinic(folder: &Path) {
    std::fs::create_dir(folder.join("schedules")).expect("a folder for schedules");
    let rows: String = (0..ROWS)
        .map(|n| format!("A{n},+1{}55501{:02},2036-11-25T1{}:00:00\n", 201 + n / 100, n % 100, n % 8))
        .collect();
    std::fs::write(folder.join("appointments.csv"), format!("id,phone,starts_at\n{rows}")).expect("a table");
    let remind = "days_before = 1\ncalling_hours = \"always\"";
    let schedule = Parts { remind, more: "[delivery]\nmax_in_flight = 8", ..PARTS }.text();
    std::fs::write(folder.join("schedules/clinic.toml"), schedule).expect("a schedule");
}

fn receiver() -> Receiver {
    Receiver::start(vec![Conduct::Answer(answer("200 OK", &[], r#"{"error":null,"data":{}}"#))])
}

fn tickler(folder: &Path, ledger: &Path, receiver: &Receiver, arguments: &[&str]) -> Output {
    command::tickler(folder, arguments)
        .env("TICKLER_LEDGER", ledger)
        .env("TICKLER_ACCOUNTS__THOUGHTLY__RATE", "unlimited")
        .env("THOUGHTLY_AUTOMATION_URL", receiver.url("/webhook/automation/x"))
        .output()
        .expect("tickler runs")
}

fn trigger(folder: &Path, ledger: &Path, receiver: &Receiver) -> (i32, String) {
    let arguments = ["trigger", "clinic", "--now", "2036-11-24T14:00:00Z", "--format", "json"];
    let output = tickler(folder, ledger, receiver, &arguments);
    (output.status.code().expect("an exit code"), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// Reminders by state, and how many rows the log says were sent.
fn books(ledger: &Path) -> (u32, u32, u32) {
    let conn = Connection::open(ledger).expect("the ledger opens");
    let count = |sql: &str| conn.query_row(sql, [], |row| row.get(0)).expect("a count");
    (
        count("SELECT count(*) FROM reminder WHERE state = 'delivered'"),
        count("SELECT count(*) FROM reminder WHERE state = 'uncertain'"),
        count("SELECT count(*) FROM reminder WHERE state IN ('pending', 'sending')"),
    )
}

#[test]
fn a_full_disk_stops_the_calls_and_ends_a_trigger_with_one() {
    let Some(disk) = SmallDisk::mount(48 * 1024) else {
        eprintln!("SKIPPED: this process may not mount a small file system (it takes root)");
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    clinic(folder.path());
    let (receiver, ledger) = (receiver(), disk.path().join("tickler.db"));
    // opened once, so that its schema is there
    let paused = tickler(folder.path(), &ledger, &receiver, &["pause", "--all", "--reason", "not yet"]);
    assert!(paused.status.success(), "{}", String::from_utf8_lossy(&paused.stderr));
    assert!(tickler(folder.path(), &ledger, &receiver, &["resume", "--all"]).status.success());
    for room in [0, 64, 512, 900, 1_300] {
        disk.fill_but(room);
        let (exit, complaint) = trigger(folder.path(), &ledger, &receiver);
        disk.lighten();
        assert_eq!(exit, 1, "{room} KiB: {complaint}");
        assert!(complaint.contains("disk is full"), "{room} KiB: {complaint}");
        assert!(!complaint.contains("panicked"), "{room} KiB: {complaint}");
    }
    let (exit, complaint) = trigger(folder.path(), &ledger, &receiver);
    let (delivered, uncertain, open) = books(&ledger);
    assert_eq!((delivered + uncertain, open), (ROWS, 0), "{complaint}");
    assert_eq!(exit, 0, "what a full disk left unsettled is told by the run that met it: {complaint}");
    let mut ids: Vec<_> =
        receiver.received().iter().filter_map(|sent| sent.header("idempotency-key").map(str::to_owned)).collect();
    assert_eq!(ids.len(), ROWS as usize, "each was received");
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), ROWS as usize, "nobody twice");
    assert!(tickler(folder.path(), &ledger, &receiver, &["audit", "verify"]).status.success());
}

/// What is sent to systemd, as the unit's status shows it.
struct UnitStatus {
    socket: PathBuf,
    latest: Arc<Mutex<String>>,
}

impl UnitStatus {
    fn listen(folder: &Path) -> Self {
        let socket = folder.join("notify.sock");
        let receiving = UnixDatagram::bind(&socket).expect("a socket");
        let latest = Arc::new(Mutex::new(String::new()));
        std::thread::spawn({
            let latest = Arc::clone(&latest);
            move || {
                let mut bytes = [0; 4_096];
                while let Ok(length) = receiving.recv(&mut bytes) {
                    let text = String::from_utf8_lossy(&bytes[..length]).into_owned();
                    if let Some(status) = text.lines().find_map(|line| line.strip_prefix("STATUS=")) {
                        *latest.lock().expect("the list") = status.to_owned();
                    }
                }
            }
        });
        Self { socket, latest }
    }

    fn is_down(&self) -> bool {
        self.latest.lock().expect("the list").starts_with("DOWN")
    }
}

/// Polls until each has held once; panics over one that took longer than is promised.
fn all_hold_in_time(signs: &[(&str, &dyn Fn() -> bool)]) {
    const PROMISED: Duration = Duration::from_secs(5);
    let clock = SystemClock::new();
    let mut missing: Vec<_> = signs.iter().collect();
    while !missing.is_empty() {
        missing.retain(|(what, holds)| match holds() {
            true => {
                let took = clock.monotonic();
                eprintln!("{what}: after {} ms", took.as_millis());
                assert!(took <= PROMISED, "{what} after {took:?}");
                false
            }
            false => true,
        });
        let names: Vec<_> = missing.iter().map(|(what, _)| what).collect();
        assert!(clock.monotonic() < Duration::from_secs(30), "{names:?} in vain");
    }
}

#[test]
fn a_service_on_a_full_disk_says_so_everywhere_within_five_seconds_takes_it_back_as_soon_and_loses_nothing() {
    let Some(disk) = SmallDisk::mount(48 * 1024) else {
        eprintln!("SKIPPED: this process may not mount a small file system (it takes root)");
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    clinic(folder.path());
    let (alerts, calls, ledger) = (receiver(), receiver(), disk.path().join("tickler.db"));
    let unit = UnitStatus::listen(folder.path());
    let (place, webhook, target) = (ledger.display().to_string(), alerts.url("/alerts"), calls.url("/hook"));
    let variables = [
        ("TICKLER_LEDGER", place.as_str()),
        ("TICKLER_SOCKET", "control.sock"),
        ("TICKLER_WEB__LISTEN", "127.0.0.1:0"),
        ("TICKLER_NOTIFY__WEBHOOK", webhook.as_str()),
        ("TICKLER_ACCOUNTS__THOUGHTLY__RATE", "unlimited"),
        ("THOUGHTLY_AUTOMATION_URL", target.as_str()),
        ("NOTIFY_SOCKET", unit.socket.to_str().expect("UTF-8")),
    ];
    // everybody is due ten seconds later
    let service = binary::Service::start(folder.path(), &["--now", "2036-11-24T13:59:50Z"], &variables);
    let page = service.page();
    let ask = |arguments: &[&str]| {
        let output = command::tickler(folder.path(), arguments).envs(variables).output().expect("tickler runs");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let status = || ask(&["status", "--format", "json"]);
    let is_in_state = |state: &str| status().contains(&format!("\"state\": \"{state}\""));
    let readiness = || binary::get(&page, "/readyz", &page);
    let is_alerted =
        |text: &str| alerts.received().iter().any(|sent| String::from_utf8_lossy(&sent.body).contains(text));
    assert!(is_in_state("ok") && !unit.is_down());
    disk.fill_but(0);
    all_hold_in_time(&[
        ("the unit's status", &|| unit.is_down()),
        ("/readyz", &|| readiness() == "HTTP/1.1 503 Service Unavailable"),
        ("the webhook", &|| is_alerted("tickler: the ledger can't be written")),
        ("status", &|| is_in_state("down")),
    ]);
    assert_eq!(binary::get(&page, "/healthz", &page), "HTTP/1.1 200 OK", "it is no reason to restart");
    let is_past_nine = || {
        let status: serde_json::Value = serde_json::from_str(&status()).expect("JSON");
        status["now"].as_str().is_some_and(|now| now > "2036-11-24T14:00:03Z")
    };
    assert!((0..20_000).any(|_poll| is_past_nine()), "nine o'clock comes");
    assert_eq!(calls.connections(), 0, "nobody is called without an intent on the disk");
    disk.lighten();
    all_hold_in_time(&[
        ("the unit's status is back", &|| !unit.is_down()),
        ("/readyz is back", &|| readiness() == "HTTP/1.1 200 OK"),
        ("the webhook takes it back", &|| is_alerted("tickler: over: the ledger can't be written")),
        ("status is back", &|| is_in_state("ok")),
    ]);
    let clock = SystemClock::new();
    while books(&ledger) != (ROWS, 0, 0) {
        assert!(clock.monotonic() < Duration::from_secs(30), "the run is made up for: {:?}", books(&ledger));
    }
    eprintln!("everybody is called: after {} ms", clock.monotonic().as_millis());
    let mut ids: Vec<_> =
        calls.received().iter().filter_map(|sent| sent.header("idempotency-key").map(str::to_owned)).collect();
    assert_eq!(ids.len(), ROWS as usize, "each was received");
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), ROWS as usize, "nobody twice");
    assert_eq!(service.stop().code(), Some(0));
    assert!(tickler(folder.path(), &ledger, &calls, &["audit", "verify"]).status.success());
}

#[test]
fn a_ledger_that_another_program_has_locked_is_told_and_nobody_is_called() {
    let folder = tempfile::tempdir().expect("a folder");
    clinic(folder.path());
    let (receiver, ledger) = (receiver(), folder.path().join("tickler.db"));
    assert!(tickler(folder.path(), &ledger, &receiver, &["resume", "--all"]).status.success());
    let other = Connection::open(&ledger).expect("the ledger opens");
    other.execute_batch("BEGIN IMMEDIATE").expect("it is locked");
    let (exit, complaint) = trigger(folder.path(), &ledger, &receiver);
    assert_eq!((exit, receiver.connections()), (1, 0), "{complaint}");
    assert!(complaint.contains("locked by another program"), "{complaint}");
}

#[test]
fn a_second_writer_a_newer_schema_and_a_folder_without_rights_are_refused_with_their_exit_codes() {
    let folder = tempfile::tempdir().expect("a folder");
    clinic(folder.path());
    let (receiver, ledger) = (receiver(), folder.path().join("tickler.db"));
    assert!(tickler(folder.path(), &ledger, &receiver, &["resume", "--all"]).status.success());
    Connection::open(&ledger).expect("it opens").pragma_update(None, "user_version", 99).expect("it is set");
    let (exit, complaint) = trigger(folder.path(), &ledger, &receiver);
    assert_eq!((exit, receiver.connections()), (1, 0), "{complaint}");
    assert!(complaint.contains("schema 99"), "{complaint}");
    // the kernel's own file system takes no files from anybody, root included
    let (exit, complaint) = trigger(folder.path(), Path::new("/proc/tickler/tickler.db"), &receiver);
    assert_eq!((exit, receiver.connections()), (1, 0), "{complaint}");
    assert!(complaint.contains("/proc/tickler"), "{complaint}");
}
