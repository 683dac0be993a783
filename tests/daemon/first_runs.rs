//! Whoever is due by hours between two evaluations is called by the next one, whatever the evaluation before was: none, a
//! trigger, a rehearsal, or a service that was down meanwhile.

use std::path::Path;

use tempfile::TempDir;

use crate::binary::{Receiver, Service, export, tickler};

/// An evaluation before the service starts at 13:59:58; all see the appointment, which is due at 13:50.
enum Before {
    Trigger(&'static str),
    Rehearsal(&'static str),
    /// A service that starts two seconds before that time, makes a run and stops.
    Service(&'static str),
}

const CASES: &[(&str, &[Before])] = &[
    ("a new ledger", &[]),
    ("a trigger", &[Before::Trigger("2026-11-24T13:40:00Z")]),
    ("a rehearsal by trigger", &[Before::Rehearsal("2026-11-24T13:40:00Z")]),
    ("a service that was down while it was due", &[Before::Service("2026-11-24T13:39:58Z")]),
    (
        "a rehearsal, a trigger and a service",
        &[
            Before::Rehearsal("2026-11-24T13:30:00Z"),
            Before::Trigger("2026-11-24T13:35:00Z"),
            Before::Service("2026-11-24T13:39:58Z"),
        ],
    ),
];

const SCHEDULE: &str = r#"
cron = "* * * * *"
timezone = "America/New_York"
source.csv.path = "../appointments.csv"
appointment = { id = "id", phone = "phone", starts_at = "starts_at" }
remind = { hours_before = 24, calling_hours = "always" }
target.automation.url = { env = "THOUGHTLY_AUTOMATION_URL" }
payload = { id = "{{ appointment_id }}" }
"#;

const START: &str = "2026-11-24T13:59:58Z";
/// Due at 13:50, and at 13:59:59: the one that is asked about, and the sign that the service has evaluated.
const LATER: &str = "A-1,+12025550143,2026-11-25T13:50:00Z\nA-2,+12025550164,2026-11-25T13:59:59Z\n";
/// Due at 13:39:59.
const EARLIER: &str = "A-0,+12025550117,2026-11-25T13:39:59Z\n";

fn table(folder: &Path, rows: &str) {
    std::fs::write(folder.join("appointments.csv"), format!("id,phone,starts_at\n{rows}")).expect("a table");
}

fn schedule(folder: &Path, mode: &str) {
    let text = format!("mode = \"{mode}\"\n{SCHEDULE}");
    std::fs::write(folder.join("schedules/hourly.toml"), text).expect("a schedule");
}

fn clinic(rows: &str) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join("schedules")).expect("a folder for schedules");
    table(folder.path(), rows);
    schedule(folder.path(), "live");
    folder
}

fn trigger(folder: &Path, url: &str, now: &str) {
    let mut command = tickler(folder);
    command.args(["trigger", "hourly", "--wait", "0s", "--now", now]).env("THOUGHTLY_AUTOMATION_URL", url);
    let ended = command.output().expect("it runs");
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
}

/// Serves from `now` on until that many calls were made; answers whom they were about, in order.
fn served(folder: &Path, receiver: &Receiver, now: &str, calls: usize) -> Vec<String> {
    let service = Service::start(folder, &["--now", now], &[("THOUGHTLY_AUTOMATION_URL", &receiver.url())]);
    let mut called = Vec::new();
    for _call in 0..calls {
        let call = receiver.request();
        let (_, id) = call.text.split_once(r#""id":""#).expect("an id");
        called.push(id.chars().take_while(|c| *c != '"').collect());
        call.accept();
    }
    assert_eq!(service.stop().code(), Some(0));
    called.sort();
    called
}

#[test]
fn nobody_who_is_due_between_two_evaluations_is_taken_for_a_late_booking() {
    for (what, before) in CASES {
        let folder = clinic(LATER);
        let (path, receiver) = (folder.path(), Receiver::listen());
        for evaluation in *before {
            match evaluation {
                Before::Trigger(now) => trigger(path, &receiver.url(), now),
                Before::Rehearsal(now) => {
                    schedule(path, "shadow");
                    trigger(path, &receiver.url(), now);
                    schedule(path, "live");
                }
                Before::Service(now) => {
                    table(path, &format!("{EARLIER}{LATER}"));
                    assert_eq!(served(path, &receiver, now, 1), ["A-0"], "{what}");
                }
            }
        }
        assert_eq!(served(path, &receiver, START, 2), ["A-1", "A-2"], "{what}");
        let log = export(path);
        assert!(!log.contains("late_booking"), "{what}: {log}");
    }
}

#[test]
fn whoever_books_after_a_run_that_was_due_to_see_the_appointment_is_a_late_booking_by_trigger_and_by_service() {
    for is_by_service in [false, true] {
        let folder = clinic(EARLIER);
        let (path, receiver) = (folder.path(), Receiver::listen());
        if is_by_service {
            let rows = EARLIER.replace("13:39:59", "13:54:59");
            table(path, &rows);
            assert_eq!(served(path, &receiver, "2026-11-24T13:54:58Z", 1), ["A-0"]);
            table(path, &format!("{rows}{LATER}"));
        } else {
            table(path, "");
            trigger(path, &receiver.url(), "2026-11-24T13:55:00Z");
            table(path, LATER);
        }
        assert_eq!(served(path, &receiver, START, 1), ["A-2"]);
        let log = export(path);
        let late = log.lines().find(|line| line.contains("late_booking")).unwrap_or_else(|| panic!("no reason: {log}"));
        assert!(late.contains("A-1") && late.contains("the run of 2026-11-24 08:5"), "{late}");
        // a run that is made up for at the start says so, too
        assert!(log.lines().filter(|line| line.contains("late_booking")).all(|line| line.contains("A-1")), "{log}");
    }
}
