//! What verbs that send do.

use std::process::Stdio;

use crate::clinic::*;
use crate::support::{Conduct, Receiver};

#[test]
fn a_trigger_delivers_once_and_tells_every_state() {
    let sandbox = Sandbox::start(&[]);
    let clinic = Clinic::with_target(&sandbox.url);
    let (exit, first) = clinic.json(&["trigger", "day-before", "--now", MORNING]);
    assert_eq!(exit, 0, "{first}");
    assert_eq!(&keys(&first)[..6], ["run_id", "schedule", "nominal_at", "state", "counts", "reminders"]);
    let counts = serde_json::json!({
        "rows": 5, "outside_window": 1, "planned": 2, "delivered": 2, "failed": 0, "uncertain": 0, "dropped": 0,
        "expired": 0, "pending": 0, "skipped": 2, "already_reminded": 0, "trials": 2,
    });
    assert_eq!(first["counts"], counts);
    assert_eq!(
        keys(&first["reminders"][0]),
        ["reminder_id", "appointment_id", "state", "attempts", "http_status", "outcome", "trial"]
    );
    let (exit, second) = clinic.json(&["trigger", "day-before", "--now", "2026-11-24T14:05:00Z"]);
    assert_eq!((exit, &second["counts"]["already_reminded"]), (0, &2.into()), "{second}");
    assert_eq!(second["counts"]["planned"], 0);
    let (_, told) = clinic.json(&["explain", "day-before", "A-1", "--now", "2026-11-24T14:05:00Z"]);
    assert_eq!((&told["verdict"], &told["reason"]), (&"reminded".into(), &"already_reminded".into()), "{told}");
    let run = first["run_id"].as_str().expect("an id");
    let (_, then) = clinic.json(&["explain", "day-before", "A-1", "--run", run]);
    assert_eq!(then["verdict"], "call", "{then}");
    // it was added after the run had read the export of that day
    let (_, absent) = clinic.json(&["explain", "day-before", "A-77", "--run", run]);
    assert_eq!(absent["verdict"], "absent", "{absent}");
    assert!(absent["steps"].to_string().contains("not in that day's export, read 2026-"), "{absent}");
    let (_, then) = clinic.json(&["explain", "day-before", "A-3", "--run", run]);
    assert_eq!((&then["verdict"], &then["reason"]), (&"skip".into(), &"cancelled".into()), "{then}");
    let posts = sandbox.received();
    assert_eq!(posts.len(), 2, "{posts:?}");
}

#[test]
fn a_trigger_looks_after_what_waited_before_but_not_after_what_it_cancels() {
    let clinic = Clinic::new();
    let appointments = |answer: &serde_json::Value| -> Vec<(String, String)> {
        let rows = answer["reminders"].as_array().expect("reminders").iter();
        let text = |row: &serde_json::Value, field: &str| row[field].as_str().expect("a text").to_owned();
        rows.map(|row| (text(row, "appointment_id"), text(row, "reminder_id"))).collect()
    };
    let (_, first) = clinic.json(&["trigger", "day-before", "--wait", "0s", "--now", MORNING]);
    assert_eq!(first["counts"]["pending"], 2, "nobody listens there: {first}");
    let waits = appointments(&first).pop().expect("two wait");
    assert_eq!(waits.0, "A-2");

    let cancelled = CLINIC.replacen("Check-up,confirmed", "Check-up,cancelled", 1);
    clinic.write(
        "appointments.csv",
        &format!("{cancelled}A-6,Eve Invented,+12025550177,2026-11-25 12:00,X-ray,confirmed\n"),
    );
    let (_, second) = clinic.json(&["trigger", "day-before", "--wait", "0s", "--now", "2026-11-24T14:05:00Z"]);
    let looked_after = appointments(&second);
    assert_eq!(looked_after[0], waits, "once, under its id: {second}");
    assert_eq!((looked_after.len(), looked_after[1].0.as_str()), (2, "A-6"), "{second}");
}

#[test]
fn a_ledger_copied_after_a_trigger_knows_whom_it_called() {
    let sandbox = Sandbox::start(&[]);
    let clinic = Clinic::with_target(&sandbox.url);
    assert_eq!(clinic.run(&["trigger", "day-before", "--now", MORNING]).exit, 0);
    let copy = Clinic::with_target(&sandbox.url);
    for file in ["tickler.db", "tickler.db.key"] {
        std::fs::copy(clinic.path().join(file), copy.path().join(file)).expect("the file alone");
    }
    let (_, told) = copy.json(&["trigger", "day-before", "--now", MORNING]);
    assert_eq!((&told["counts"]["already_reminded"], &told["counts"]["planned"]), (&2.into(), &0.into()), "{told}");
    assert_eq!(sandbox.received().len(), 2);
}

#[test]
fn a_refusal_for_good_ends_with_three() {
    let sandbox = Sandbox::start(&["--fail", "400:1"]);
    let clinic = Clinic::with_target(&sandbox.url);
    let (exit, answer) = clinic.json(&["trigger", "day-before", "--now", MORNING]);
    assert_eq!(exit, 3, "{answer}");
    assert_eq!((&answer["counts"]["failed"], &answer["counts"]["delivered"]), (&1.into(), &1.into()), "{answer}");
}

#[test]
fn a_given_clock_phones_nobody_but_this_machine() {
    let clinic = Clinic::with_target("https://api.thoughtly.com/webhook/automation/x");
    let ended = clinic.run(&["trigger", "day-before", "--now", MORNING]);
    assert_eq!(ended.exit, 7, "{ended:?}");
    let ended = clinic.run(&["test-call", "day-before", "--to", "+12025550143", "--now", MORNING]);
    assert_eq!(ended.exit, 7, "{ended:?}");
    assert_eq!(clinic.run(&["trigger", "day-before", "--dry-run", "--now", MORNING]).exit, 0);
}

#[test]
fn what_is_paused_is_not_triggered_until_it_is_resumed() {
    let sandbox = Sandbox::start(&[]);
    let clinic = Clinic::with_target(&sandbox.url);
    assert_eq!(clinic.run(&["pause", "--all", "--reason", "snow"]).exit, 0);
    assert_eq!(clinic.json(&["status"]).1["paused"], true);
    let refused = clinic.run(&["trigger", "day-before", "--now", MORNING]);
    assert_eq!(refused.exit, 7, "{refused:?}");
    let (_, told) = clinic.json(&["explain", "day-before", "A-1", "--now", MORNING]);
    assert_eq!((&told["verdict"], &told["reason"]), (&"skip".into(), &"paused".into()), "{told}");
    assert_eq!(clinic.run(&["resume", "--all"]).exit, 0);
    assert_eq!(clinic.run(&["pause", "day-before", "--reason", "snow"]).exit, 0);
    assert_eq!(clinic.run(&["trigger", "day-before", "--now", MORNING]).exit, 7);
    assert_eq!(clinic.run(&["resume", "day-before"]).exit, 0);
    assert_eq!(clinic.run(&["trigger", "day-before", "--now", MORNING]).exit, 0);
}

#[test]
fn too_many_calls_hold_the_run() {
    let sandbox = Sandbox::start(&[]);
    let clinic = Clinic::with_target(&sandbox.url);
    clinic.write("schedules/day-before.toml", &format!("{DAY_BEFORE}\n[guard]\nmax_calls = 1\n"));
    let (exit, plan) = clinic.json(&["plan", "day-before", "--now", MORNING]);
    assert_eq!((exit, &plan[0]["held"]["guard"]), (0, &"max_calls".into()), "{plan}");
    let (exit, answer) = clinic.json(&["trigger", "day-before", "--now", MORNING]);
    assert_eq!((exit, &answer["state"]), (7, &"held".into()), "{answer}");
    assert_eq!(sandbox.received(), Vec::<String>::new());
}

#[test]
fn a_test_call_goes_to_ones_own_phone_and_is_no_reminder() {
    let sandbox = Sandbox::start(&[]);
    let clinic = Clinic::with_target(&sandbox.url);
    let (exit, answer) = clinic.json(&["test-call", "day-before", "--to", "+12025550199", "--now", MORNING]);
    assert_eq!((exit, &answer["state"]), (0, &"delivered".into()), "{answer}");
    assert_eq!((&answer["payload"]["test"], &answer["payload"]["contact_phone"]), (&true.into(), &"***0199".into()));
    let time = answer["payload"]["appointment_time"].as_str().expect("a time");
    assert!(time.starts_with("2026-11-25T09:00:0") && !time.contains('.'), "as a source writes it: {time}");
    let (_, plan) = clinic.json(&["plan", "--now", MORNING]);
    assert_eq!(plan[0]["counts"]["planned"], 2, "the test call is outside dedup");
    let (_, log) = clinic.json(&["audit", "list", "--reason", "test"]);
    let events: Vec<_> = log.as_array().expect("rows").iter().map(|row| &row["event"]).collect();
    assert_eq!(events, ["delivery.intent", "delivery.delivered"]);
    assert_eq!(clinic.run(&["test-call", "day-before", "--to", "911"]).exit, 2);
    assert_eq!(sandbox.received().len(), 1);
}

#[test]
fn a_trigger_that_is_interrupted_says_what_is_left_and_how_it_goes_on() {
    let sandbox = Sandbox::start(&["--latency", "300ms"]);
    let clinic = Clinic::with_target(&sandbox.url);
    clinic.write("tickler.toml", "[web]\nlisten = \"off\"\n[accounts.thoughtly]\nrate = \"1/min\"\n");
    let mut command = clinic.command(&["trigger", "day-before", "--now", MORNING]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it runs");
    // a ledger that is just being made can't be read yet
    let delivered = || {
        let list = clinic.run(&["audit", "list", "--event", "delivery.delivered", "--format", "json"]);
        serde_json::from_str::<serde_json::Value>(&list.stdout).unwrap_or_default()
    };
    while delivered().as_array().is_none_or(Vec::is_empty) {
        std::thread::yield_now(); // each turn is a process that reads the log
    }
    let id = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(id, rustix::process::Signal::INT).expect("it is there");
    let ended = Ended::of(child.wait_with_output().expect("it ends"));
    assert_eq!(ended.exit, 1, "{ended:?}");
    assert!(ended.words().contains("1 accepted by the sandbox, 1 wait"), "{ended:?}");
    assert!(
        ended.stderr.contains("what is pending is sent by the service or by `tickler trigger day-before`"),
        "{ended:?}"
    );
    let (_, again) = clinic.json(&["trigger", "day-before", "--now", "2026-11-24T14:05:00Z"]);
    assert_eq!(
        (&again["counts"]["delivered"], &again["counts"]["already_reminded"]),
        (&1.into(), &1.into()),
        "{again}"
    );
}

#[test]
fn a_run_planned_the_call_whose_fate_became_unknown_later() {
    let receiver = Receiver::start(vec![Conduct::ResetAfterReading]);
    let clinic = Clinic::with_target(&receiver.url("/webhook/automation/a"));
    let (exit, answer) = clinic.json(&["trigger", "day-before", "--now", MORNING]);
    assert_eq!((exit, &answer["counts"]["uncertain"]), (3, &2.into()), "{answer}");
    let run = answer["run_id"].as_str().expect("an id");
    let (_, then) = clinic.json(&["explain", "day-before", "A-1", "--run", run]);
    assert_eq!((&then["verdict"], &then["reason"]), (&"call".into(), &serde_json::Value::Null), "{then}");
}
