//! The real binary over a ledger that has lost rows: an older copy put back by hand, a write-ahead log deleted after a kill,
//! an emptied, missing or exchanged file. Nobody is called twice, with a restart and without one, and a person who accepts
//! the loss finds exactly those uncertain whom the ledger has forgotten.

#[path = "daemon/binary.rs"]
#[allow(dead_code, reason = "shared with the service's suite, of which this takes a part")]
mod binary;
mod support;

use std::io::{BufRead, BufReader, Write};
use std::ops::Deref;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Output;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use binary::{Service, tickler};
use rustix::process::Signal;
use serde_json::Value;
use support::answered::AnsweredClinic;
use support::clinic::Parts;
use support::command;

const PATIENTS: &str = "id,phone,starts_at\nA-1,+12025550143,2026-11-25 09:30\nA-2,+12025550164,2026-11-25 10:00\n\
    A-3,+12025550117,2026-11-25 10:30\n";
/// Hours before anybody is due.
const DAWN: &str = "2026-11-24T11:00:00Z";
/// Nine o'clock in New York is two seconds later.
const BEFORE_NINE: &str = "2026-11-24T13:59:58Z";
/// A time after the morning's calls.
const LATER: &str = "2026-11-24T14:05:00Z";

/// A clinic whose ledger was made at dawn.
struct DawnClinic(AnsweredClinic);

impl Deref for DawnClinic {
    type Target = AnsweredClinic;
    fn deref(&self) -> &AnsweredClinic {
        &self.0
    }
}

impl DawnClinic {
    fn new() -> Self {
        let clinic = Self(AnsweredClinic::new());
        let always = Parts { remind: "days_before = 1\ncalling_hours = \"always\"", ..support::clinic::PARTS };
        clinic.schedule("day-before", &always.text());
        clinic.write("appointments.csv", "id,phone,starts_at\n");
        assert_eq!(clinic.trigger(DAWN).0, 0);
        std::fs::copy(clinic.file("tickler.db"), clinic.file("older.db")).expect("a copy by hand");
        clinic.write("appointments.csv", PATIENTS);
        clinic
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut verb = tickler(self.path());
        verb.args(arguments).env("THOUGHTLY_AUTOMATION_URL", self.receiver.url("/hook"));
        verb.output().expect("tickler runs")
    }

    fn trigger(&self, now: &str) -> (i32, String) {
        let output = self.run(&["trigger", "day-before", "--now", now]);
        let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code().expect("an exit code"), complaint)
    }

    fn json(&self, arguments: &[&str]) -> Value {
        let output = self.run(&[arguments, &["--format", "json"]].concat());
        serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)))
    }

    fn service(&self, now: &str) -> Service {
        let url = self.receiver.url("/hook");
        Service::start(self.path(), &["--now", now], &[("THOUGHTLY_AUTOMATION_URL", &url)])
    }

    /// Waits until the ledger holds so many deliveries.
    fn until_delivered(&self, count: usize) {
        let delivered = || binary::export(self.path()).matches("delivery.delivered").count();
        assert!((0..2_000).any(|_poll| delivered() >= count), "{count} deliveries");
    }

    /// All verbs, a running service and its restart find the loss; a person accepts it; nobody is called by any of it.
    fn is_safe_until_accepted(&self, what: &str) {
        let before = self.receiver.connections();
        let (exit, complaint) = self.trigger(LATER);
        assert_eq!(exit, 7, "{what}: {complaint}");
        for remedy in ["tickler restore", "accept-loss"] {
            assert!(complaint.contains(remedy), "{what}: {complaint}");
        }
        assert_eq!(self.run(&["test-call", "day-before", "--to", "+12025550151"]).status.code(), Some(7), "{what}");
        assert_eq!(self.run(&["audit", "verify"]).status.code(), Some(5), "{what}");
        for _restart in 0..2 {
            let service = self.service(LATER);
            service.says("nobody is called");
            let status = self.json(&["status"]);
            let problems = status["problems"].to_string();
            assert_eq!(status["state"], "degraded", "{what}: {status}");
            assert!(problems.contains("accept-loss") && problems.contains("tickler restore"), "{what}: {problems}");
            assert_eq!(service.stop().code(), Some(0), "{what}");
        }
        let accepted = self.json(&["ledger", "accept-loss", "--reason", "the disk died", "--now", LATER]);
        assert_eq!(accepted["uncertain"], 3, "{what}: {accepted}");
        let again = self.json(&["trigger", "day-before", "--now", LATER]);
        assert_eq!(
            (&again["counts"]["already_reminded"], &again["counts"]["planned"]),
            (&3.into(), &0.into()),
            "{what}"
        );
        let new = format!("{PATIENTS}N-1,+12025550151,2026-11-26 09:30\n");
        self.write("appointments.csv", &new);
        let tomorrow = self.json(&["trigger", "day-before", "--now", "2026-11-25T14:05:00Z"]);
        assert_eq!(tomorrow["counts"]["delivered"], 1, "whoever was not forgotten is called: {what}: {tomorrow}");
        assert_eq!(self.receiver.connections(), before + 1, "{what}");
        assert_eq!(self.run(&["audit", "verify"]).status.code(), Some(0), "{what}");
        let log = binary::export(self.path());
        assert!(log.contains("loss_accepted") && log.contains("the disk died"), "{what}: {log}");
    }
}

#[test]
fn an_older_copy_put_back_by_hand() {
    let clinic = DawnClinic::new();
    assert_eq!(clinic.trigger(BEFORE_NINE).0, 0);
    assert_eq!(clinic.receiver.connections(), 3);
    std::fs::copy(clinic.file("older.db"), clinic.file("tickler.db")).expect("it is put back");
    clinic.is_safe_until_accepted("an older copy");
}

#[test]
fn a_write_ahead_log_deleted_after_a_kill() {
    let clinic = DawnClinic::new();
    let service = clinic.service(BEFORE_NINE);
    clinic.until_delivered(3);
    service.signal(Signal::KILL);
    service.wait();
    for suffix in ["-wal", "-shm"] {
        std::fs::remove_file(clinic.file(&format!("tickler.db{suffix}"))).expect("it was there");
    }
    clinic.is_safe_until_accepted("a deleted log");
}

#[test]
fn an_emptied_and_a_missing_file() {
    type Harm = fn(&Path);
    let harms: [(&str, Harm); 2] = [
        ("emptied", |path| std::fs::write(path, "").expect("it is emptied")),
        ("missing", |path| std::fs::remove_file(path).expect("it is removed")),
    ];
    for (what, harm) in harms {
        let clinic = DawnClinic::new();
        assert_eq!(clinic.trigger(BEFORE_NINE).0, 0);
        harm(&clinic.file("tickler.db"));
        assert_eq!(clinic.run(&["audit", "verify"]).status.code(), Some(5), "{what}");
        clinic.is_safe_until_accepted(what);
    }
}

#[test]
fn a_file_that_was_moved_away_and_is_put_back_is_whole_whatever_ran_meanwhile() {
    let clinic = DawnClinic::new();
    assert_eq!(clinic.trigger(BEFORE_NINE).0, 0);
    let called = clinic.receiver.connections();
    let (file, away) = (clinic.file("tickler.db"), clinic.file("away.db"));
    std::fs::rename(&file, &away).expect("it is moved");
    for verb in [
        &["trigger", "day-before", "--now", LATER][..],
        &["pause", "--all", "--reason", "what is going on?"],
        &["optout", "add", "+12025550151"],
    ] {
        let refused = clinic.run(verb);
        let complaint = String::from_utf8_lossy(&refused.stderr);
        assert_eq!(refused.status.code(), Some(7), "{verb:?}: {complaint}");
        assert!(complaint.contains("put the newest file back"), "{verb:?}: {complaint}");
        assert!(!file.exists() && !clinic.file("tickler.db.lost-wal").exists(), "{verb:?} leaves no file behind");
    }
    std::fs::rename(&away, &file).expect("it is put back");
    assert_eq!(clinic.trigger(LATER), (0, String::new()));
    // a service has to keep something that holds the calls: what the message says leads back
    std::fs::rename(&file, &away).expect("it is moved");
    let service = clinic.service(LATER);
    service.says("nobody is called");
    assert_eq!(service.stop().code(), Some(0));
    std::fs::rename(&away, &file).expect("it is put back");
    let (exit, complaint) = clinic.trigger(LATER);
    if exit == 7 {
        assert!(complaint.contains("remove `-wal` and `-shm`, and name it `-wal`"), "{complaint}");
        for beside in ["tickler.db-wal", "tickler.db-shm"] {
            let _not_there = std::fs::remove_file(clinic.file(beside));
        }
        std::fs::rename(clinic.file("tickler.db.lost-wal"), clinic.file("tickler.db-wal")).expect("it was kept");
        assert_eq!(clinic.trigger(LATER).0, 0);
    }
    assert_eq!(clinic.receiver.connections(), called, "nobody is called twice");
    assert_eq!(clinic.run(&["audit", "verify"]).status.code(), Some(0));
}

#[test]
fn an_accepted_loss_of_everything_names_no_day_of_1970() {
    let clinic = DawnClinic::new();
    assert_eq!(clinic.trigger(BEFORE_NINE).0, 0);
    std::fs::remove_file(clinic.file("tickler.db")).expect("it was there");
    let accepted = clinic.run(&["ledger", "accept-loss", "--reason", "the disk died", "--now", LATER]);
    let said = String::from_utf8_lossy(&accepted.stdout).replace('\n', " ");
    assert!(said.contains("all calls to ") && !said.contains("19"), "{said}");
    let log = binary::export(clinic.path());
    assert!(log.contains("all calls to 2026-11-24") && !log.contains("1970"), "{log}");
}

#[test]
fn a_kill_alone_loses_nothing() {
    let clinic = DawnClinic::new();
    let service = clinic.service(BEFORE_NINE);
    clinic.until_delivered(3);
    service.signal(Signal::KILL);
    service.wait();
    let (exit, complaint) = clinic.trigger(LATER);
    assert_eq!((exit, clinic.receiver.connections()), (0, 3), "{complaint}");
    assert_eq!(clinic.run(&["audit", "verify"]).status.code(), Some(0));
}

/// Some seconds before nine, so that there is time to harm the file.
const WELL_BEFORE_NINE: &str = "2026-11-24T13:59:50Z";

/// Asks for the status again and again until it is dropped: the reads of the ledger overlap, and some open the file anew.
struct Questions {
    enough: Arc<AtomicBool>,
    askers: Vec<JoinHandle<()>>,
}

impl Questions {
    fn begin(clinic: &DawnClinic) -> Self {
        let enough = Arc::new(AtomicBool::new(false));
        let socket = clinic.file("tickler.sock");
        let ask = || {
            let (enough, socket) = (Arc::clone(&enough), socket.clone());
            std::thread::spawn(move || {
                let mut stream = UnixStream::connect(socket).expect("the service listens");
                let mut answers = BufReader::new(stream.try_clone().expect("a second handle"));
                while !enough.load(Ordering::Relaxed) {
                    stream.write_all(b"{\"verb\":\"status\"}\n").expect("it is asked");
                    answers.read_line(&mut String::new()).expect("it answers");
                }
            })
        };
        let askers = std::iter::repeat_with(ask).take(8).collect();
        Self { enough, askers }
    }
}

impl Drop for Questions {
    fn drop(&mut self) {
        self.enough.store(true, Ordering::Relaxed);
        self.askers.drain(..).for_each(|asker| asker.join().expect("every question was answered"));
    }
}

/// Waits until the service's clock has passed nine.
fn until_past_nine(clinic: &DawnClinic) {
    let now = || clinic.json(&["status"])["now"].as_str().unwrap_or_default().to_owned();
    assert!((0..2_000).any(|_poll| now().as_str() > "2026-11-24T14:00:02Z"), "nine o'clock comes");
}

#[test]
fn a_file_that_vanishes_under_a_running_service_stops_all_calls_until_it_is_back() {
    let clinic = DawnClinic::new();
    let service = clinic.service(WELL_BEFORE_NINE);
    std::fs::rename(clinic.file("tickler.db"), clinic.file("away.db")).expect("it is moved");
    service.line_with("the ledger's file was removed while it is in use");
    let questions = Questions::begin(&clinic);
    until_past_nine(&clinic);
    drop(questions);
    let problems = clinic.json(&["status"])["problems"].to_string();
    assert!(problems.contains("was removed while it is in use"), "{problems}");
    assert_eq!(clinic.receiver.connections(), 0);
    std::fs::rename(clinic.file("away.db"), clinic.file("tickler.db")).expect("it is back");
    service.line_with("the ledger is complete again");
    clinic.until_delivered(3);
    assert_eq!(service.stop().code(), Some(0));
    assert_eq!(clinic.trigger(LATER).0, 0);
    assert_eq!(clinic.receiver.connections(), 3);
    assert_eq!(clinic.run(&["audit", "verify"]).status.code(), Some(0));
}

#[test]
fn another_file_in_the_place_of_the_open_one_stops_all_calls_and_is_found_after_a_restart() {
    let clinic = DawnClinic::new();
    // in the file, not in the write-ahead log
    assert_eq!(clinic.trigger(BEFORE_NINE).0, 0);
    let service = clinic.service(LATER);
    std::fs::copy(clinic.file("older.db"), clinic.file("other.db")).expect("another file");
    std::fs::rename(clinic.file("other.db"), clinic.file("tickler.db")).expect("it has the name now");
    service.line_with("the ledger's file was replaced while it is in use");
    assert_eq!(service.stop().code(), Some(0));
    clinic.is_safe_until_accepted("another file");
}

#[test]
fn an_older_copy_put_back_after_a_kill_beside_the_log_that_the_kill_left() {
    let clinic = DawnClinic::new();
    assert_eq!(clinic.trigger(BEFORE_NINE).0, 0);
    let service = clinic.service(LATER);
    service.signal(Signal::KILL);
    service.wait();
    assert!(clinic.file("tickler.db-wal").exists(), "the kill left a log");
    std::fs::copy(clinic.file("older.db"), clinic.file("tickler.db")).expect("it is put back");
    let (exit, complaint) = clinic.trigger(LATER);
    assert_eq!((exit, clinic.receiver.connections()), (7, 3), "{complaint}");
    assert_eq!(clinic.run(&["audit", "verify"]).status.code(), Some(5));
    let service = clinic.service(LATER);
    service.says("nobody is called");
    assert_eq!((service.stop().code(), clinic.receiver.connections()), (Some(0), 3));
}

#[test]
fn a_log_written_anew_with_the_key_is_found_with_a_checkpoint_alone() {
    let clinic = DawnClinic::new();
    assert_eq!(clinic.trigger(BEFORE_NINE).0, 0);
    let printed = clinic.run(&["audit", "checkpoint", "--format", "table"]).stdout;
    let checkpoint = String::from_utf8(printed).expect("UTF-8").trim().to_owned();
    clinic.write("checkpoint.txt", &format!("{checkpoint}\n"));
    clinic.write("checkpoint.json", &clinic.json(&["audit", "checkpoint"]).to_string());
    for held in [checkpoint.as_str(), "checkpoint.txt", "checkpoint.json"] {
        let verified = clinic.run(&["audit", "verify", "--checkpoint", held]);
        assert_eq!(verified.status.code(), Some(0), "{held}: {}", String::from_utf8_lossy(&verified.stderr));
    }
    // somebody with the key writes another log of the same length, and the witness to it
    let other = DawnClinic::new();
    assert_eq!(other.trigger(BEFORE_NINE).0, 0);
    for suffix in ["", ".key", ".witness"] {
        let file = format!("tickler.db{suffix}");
        std::fs::copy(other.file(&file), clinic.file(&file)).expect("it is written anew");
    }
    let verified = clinic.json(&["audit", "verify"]);
    assert_eq!(verified["ok"], true);
    assert!(verified["proves"].as_str().is_some_and(|proves| proves.contains("only a checkpoint")), "{verified}");
    for held in [checkpoint.as_str(), "checkpoint.txt", "checkpoint.json"] {
        assert_eq!(clinic.run(&["audit", "verify", "--checkpoint", held]).status.code(), Some(5), "{held}");
    }
    let refused = clinic.run(&["audit", "verify", "--checkpoint", "12:short"]);
    assert_eq!(refused.status.code(), Some(2));
}
