//! A schedule that leaves shadow mode makes the rehearsed calls whose time is still to come, even where its next run looks at other
//! days or comes too late; those whose time has passed were the other system's.

use std::path::Path;

use crate::binary::{Receiver, Service, tickler};

struct Case {
    what: &'static str,
    cron: &'static str,
    remind: &'static str,
    /// A-1's call is still to come, A-2's was to be made at once.
    rows: &'static str,
    /// The times of the runs in shadow mode, in UTC; New York is five hours behind.
    rehearsed_at: &'static [&'static str],
}

const CASES: &[Case] = &[
    Case {
        what: "a day before, by a run in the evening",
        cron: "0 20 * * *",
        remind: r#"{ days_before = 1, calling_hours = "09:00-18:00" }"#,
        rows: "A-1,+12025550143,2026-11-25 14:00\nA-2,+12025550164,2026-11-24 14:00\n",
        rehearsed_at: &["2026-11-24T01:00:00Z", "2026-11-25T01:00:00Z"],
    },
    Case {
        what: "some hours before, the lead longer ago than `max_lateness`",
        cron: "0 10-20 * * *",
        remind: r#"{ hours_before = 24, calling_hours = "09:00-18:00" }"#,
        rows: "A-1,+12025550143,2026-11-25 19:30\nA-2,+12025550164,2026-11-25 12:30\n",
        rehearsed_at: &["2026-11-24T18:00:00Z", "2026-11-25T01:00:00Z"],
    },
];

fn schedule(folder: &Path, case: &Case, mode: &str) {
    let Case { cron, remind, .. } = case;
    let text = format!(
        "mode = \"{mode}\"\ncron = \"{cron}\"\ntimezone = \"America/New_York\"\nsource.csv.path = \"../appointments.csv\"\n\
         appointment = {{ id = \"id\", phone = \"phone\", starts_at = \"starts_at\" }}\nremind = {remind}\n\
         target.automation.url = {{ env = \"THOUGHTLY_AUTOMATION_URL\" }}\npayload = {{ id = \"{{{{ appointment_id }}}}\" }}\n"
    );
    std::fs::write(folder.join("schedules/visits.toml"), text).expect("a schedule");
}

fn run(folder: &Path, receiver: &Receiver, arguments: &[&str]) -> String {
    let mut command = tickler(folder);
    command.args(arguments).env("THOUGHTLY_AUTOMATION_URL", receiver.url());
    let ended = command.output().expect("it runs");
    assert!(ended.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&ended.stderr));
    String::from_utf8(ended.stdout).expect("UTF-8")
}

/// The appointments that the log has with that event.
fn logged(folder: &Path, receiver: &Receiver, event: &str) -> Vec<String> {
    let log = run(folder, receiver, &["audit", "--event", event, "--format", "json"]);
    let log: serde_json::Value = serde_json::from_str(&log).expect("JSON");
    log.as_array().expect("rows").iter().map(|row| row["appointment_id"].as_str().unwrap_or("-").to_owned()).collect()
}

/// Rehearsed, and live now.
fn gone_live(case: &Case, receiver: &Receiver) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join("schedules")).expect("a folder for schedules");
    let table = format!("id,phone,starts_at\n{}", case.rows);
    std::fs::write(folder.path().join("appointments.csv"), table).expect("a table");
    schedule(folder.path(), case, "shadow");
    for at in case.rehearsed_at {
        run(folder.path(), receiver, &["trigger", "visits", "--now", at]);
    }
    let mut shadowed = logged(folder.path(), receiver, "reminder.shadowed");
    shadowed.sort();
    assert_eq!(shadowed, ["A-1", "A-2"], "{}", case.what);
    schedule(folder.path(), case, "live");
    folder
}

#[test]
fn a_schedule_that_goes_live_makes_the_rehearsed_calls_that_are_still_to_come_once() {
    for case in CASES {
        let receiver = Receiver::listen();
        let folder = gone_live(case, &receiver);
        // three seconds before the calling hours of the next morning
        let url = receiver.url();
        let variables = [("THOUGHTLY_AUTOMATION_URL", url.as_str())];
        let service = Service::start(folder.path(), &["--now", "2026-11-25T13:59:57Z"], &variables);
        let call = receiver.request();
        assert!(call.text.contains(r#""id":"A-1""#), "{}: {}", case.what, call.text);
        call.accept();
        assert_eq!(service.stop().code(), Some(0));
        run(folder.path(), &receiver, &["trigger", "visits", "--now", "2026-11-25T14:10:00Z"]);
        for event in ["reminder.planned", "delivery.intent", "delivery.delivered"] {
            assert_eq!(logged(folder.path(), &receiver, event), ["A-1"], "{}: {event}", case.what);
        }
    }
}

#[test]
fn a_live_run_makes_the_rehearsed_calls_that_are_still_to_come_whatever_its_window() {
    for case in CASES {
        let receiver = Receiver::listen();
        let folder = gone_live(case, &receiver);
        let (path, now) = (folder.path(), "2026-11-25T13:30:00Z");
        let plan = run(path, &receiver, &["plan", "visits", "--now", now, "--format", "json"]);
        let plan: serde_json::Value = serde_json::from_str(&plan).expect("JSON");
        assert_eq!(plan[0]["reminders"][0]["appointment_id"], "A-1", "{}: {plan}", case.what);
        assert_eq!(plan[0]["counts"]["planned"], 1, "{}: {plan}", case.what);
        run(path, &receiver, &["trigger", "visits", "--wait", "0s", "--now", now]);
        assert_eq!(logged(path, &receiver, "reminder.planned"), ["A-1"], "{}", case.what);
    }
}

#[test]
fn what_is_rehearsed_once_more_is_completed_once_more_by_the_same_service() {
    let (case, receiver) = (&CASES[0], Receiver::listen());
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join("schedules")).expect("a folder for schedules");
    std::fs::write(folder.path().join("appointments.csv"), format!("id,phone,starts_at\n{}", case.rows))
        .expect("a table");
    schedule(folder.path(), case, "live");
    let url = receiver.url();
    // eight seconds before the run of the evening, which is a rehearsal
    let now = ["--now", "2026-11-25T00:59:52Z"];
    let service = Service::start(folder.path(), &now, &[("THOUGHTLY_AUTOMATION_URL", url.as_str())]);
    schedule(folder.path(), case, "shadow");
    service.line_with("the schedule is loaded");
    service.line_with("the run is done");
    schedule(folder.path(), case, "live");
    service.line_with("makes 1 rehearsed calls");
    service.line_with("1 rehearsed calls are planned");
    assert_eq!(service.stop().code(), Some(0));
    assert_eq!(logged(folder.path(), &receiver, "reminder.shadowed"), ["A-1"]);
    assert_eq!(logged(folder.path(), &receiver, "reminder.planned"), ["A-1"]);
}
