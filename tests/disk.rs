//! The real binary on a ledger that can't be written: a full disk, a lock, a folder that is read-only. Nobody is called,
//! nothing is lost, and the complaint names the remedy.

#[path = "daemon/binary.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod binary;
mod support;

use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use rusqlite::Connection;
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

/// A file system of that size; dropped, it is gone.
struct SmallDisk {
    folder: tempfile::TempDir,
}

impl SmallDisk {
    /// `None` where this process may not mount one.
    fn mount(kibibytes: u32) -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder");
        let size = format!("size={kibibytes}k");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(folder.path()).output();
        mounted.is_ok_and(|output| output.status.success()).then_some(Self { folder })
    }

    /// Takes all the room that is left but so much.
    fn fill_but(&self, kibibytes: u64) {
        let space = rustix::fs::statvfs(self.folder.path()).expect("a file system");
        let size = (space.f_bavail * space.f_frsize).saturating_sub(kibibytes * 1024);
        std::fs::write(self.folder.path().join("ballast"), vec![0; usize::try_from(size).expect("a small disk")])
            .expect("the ballast fits");
    }

    fn lighten(&self) {
        std::fs::remove_file(self.folder.path().join("ballast")).expect("the ballast goes");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _unmounted = Command::new("umount").arg("-l").arg(self.folder.path()).status();
    }
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
    let (receiver, ledger) = (receiver(), disk.folder.path().join("tickler.db"));
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

/// Polls until `holds`; how long that took.
fn wait_until(what: &str, holds: impl Fn() -> bool) -> Duration {
    let clock = SystemClock::new();
    while !holds() {
        assert!(clock.monotonic() < Duration::from_secs(30), "{what} in vain");
    }
    clock.monotonic()
}

#[test]
fn a_service_on_a_full_disk_is_down_within_five_seconds_and_up_again_as_soon() {
    const PROMISED: Duration = Duration::from_secs(5);
    let Some(disk) = SmallDisk::mount(48 * 1024) else {
        eprintln!("SKIPPED: this process may not mount a small file system (it takes root)");
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    clinic(folder.path());
    let (alerts, ledger) = (receiver(), disk.folder.path().join("tickler.db"));
    let (place, webhook) = (ledger.display().to_string(), alerts.url("/alerts"));
    let variables = [
        ("TICKLER_LEDGER", place.as_str()),
        ("TICKLER_SOCKET", "control.sock"),
        ("TICKLER_WEB__LISTEN", "127.0.0.1:0"),
        ("TICKLER_NOTIFY__WEBHOOK", webhook.as_str()),
        ("THOUGHTLY_AUTOMATION_URL", "http://127.0.0.1:9/"),
    ];
    let service = binary::Service::start(folder.path(), &[], &variables);
    let page = service.page();
    let ask = |arguments: &[&str]| {
        let output = command::tickler(folder.path(), arguments).envs(variables).output().expect("tickler runs");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let is_in_state = |state: &str| ask(&["status", "--format", "json"]).contains(&format!("\"state\": \"{state}\""));
    let is_alerted =
        |text: &str| alerts.received().iter().any(|sent| String::from_utf8_lossy(&sent.body).contains(text));
    assert!(is_in_state("ok"));
    disk.fill_but(0);
    let took = wait_until("down", || is_in_state("down"));
    assert!(took < PROMISED, "down after {took:?}");
    assert_eq!(binary::get(&page, "/readyz", &page), "HTTP/1.1 503 Service Unavailable");
    assert_eq!(binary::get(&page, "/healthz", &page), "HTTP/1.1 200 OK", "it is no reason to restart");
    wait_until("an alert", || is_alerted("tickler: the ledger can't be written"));
    disk.lighten();
    let took = wait_until("ok", || is_in_state("ok"));
    assert!(took < PROMISED, "ok after {took:?}");
    assert_eq!(binary::get(&page, "/readyz", &page), "HTTP/1.1 200 OK");
    wait_until("a recovery message", || is_alerted("tickler: over: the ledger can't be written"));
    assert_eq!(service.stop().code(), Some(0));
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
