//! Trials: what is sent with a given clock, or with `--trial`, leaves the real ledger alone.

use std::process::Output;

use tickler::clock::{Clock, SystemClock};

use crate::clinic::*;
use crate::support::{Conduct, Receiver, answer, command};

/// Runs the program without naming a ledger.
fn unnamed(clinic: &Clinic, arguments: &[&str]) -> Ended {
    let mut command = command::bare(clinic.path(), arguments);
    let output: Output = command.env("THOUGHTLY_AUTOMATION_URL", &clinic.url).output().expect("the program runs");
    Ended::of(output)
}

fn planned(ended: &Ended) -> u64 {
    let plans: serde_json::Value =
        serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {ended:?}"));
    plans[0]["counts"]["planned"].as_u64().expect("a count")
}

#[test]
fn what_is_sent_with_a_given_clock_is_a_trial_unless_a_ledger_is_named() {
    let sandbox = Sandbox::start(&[]);
    let clinic = Clinic::with_target(&sandbox.url);
    let trial = unnamed(&clinic, &["trigger", "day-before", "--now", MORNING, "--format", "json"]);
    assert_eq!(trial.exit, 0, "{trial:?}");
    assert_eq!(trial.stderr.matches("tickler.trial.db").count(), 1, "{trial:?}");
    assert!(clinic.path().join("tickler.trial.db").exists() && !clinic.path().join("tickler.db").exists());
    let plan = ["plan", "day-before", "--now", MORNING, "--format", "json"];
    assert_eq!(planned(&unnamed(&clinic, &plan)), 2, "the real ledger knows of no call");
    let in_trial = unnamed(&clinic, &[&plan[..], &["--trial"]].concat());
    assert_eq!(planned(&in_trial), 0, "a trial's ledger knows its own");
    let reads = "a trial: what is known of earlier calls is read from ";
    assert!(
        in_trial.stderr.starts_with(reads) && in_trial.stderr.trim_end().ends_with("tickler.trial.db"),
        "{in_trial:?}"
    );
    for verb in
        [&["plan", "day-before"][..], &["explain", "day-before", "A-1"], &["trigger", "day-before", "--dry-run"]]
    {
        let beside = unnamed(&clinic, &[verb, &["--now", MORNING]].concat()).stderr;
        assert!(
            beside.contains("tickler.db; what trials did is in ") && beside.contains("`--trial` plans with that"),
            "{beside}"
        );
    }

    let named = ["trigger", "day-before", "--now", MORNING, "--ledger", "mine.db", "--format", "json"];
    let named = unnamed(&clinic, &named);
    assert!(named.exit == 0 && !named.stderr.contains("trial"), "{named:?}");
    assert!(clinic.path().join("mine.db").exists() && !clinic.path().join("mine.trial.db").exists());
    assert_eq!(sandbox.received().len(), 4, "two in the trial, two for the named ledger");
}

#[test]
fn every_verb_takes_trial_and_a_named_ledger_has_a_trial_of_its_own() {
    let clinic = Clinic::new();
    let pause = ["pause", "--all", "--reason", "a fire drill", "--trial"];
    assert_eq!(unnamed(&clinic, &pause).exit, 0);
    assert_eq!(clinic.run(&[&pause[..], &["--ledger", "mine.db"]].concat()).exit, 0);
    for trial in ["tickler.trial.db", "mine.trial.db"] {
        assert!(clinic.path().join(trial).exists(), "{trial}");
    }
    let status = |arguments: &[&str]| unnamed(&clinic, &[&["status", "--format", "json"], arguments].concat()).stdout;
    assert!(status(&["--trial"]).contains("\"paused\": true") && status(&[]).contains("\"paused\": false"));
}

/// What an answering program that is no sandbox sends.
const ACCEPTED: &str = r#"{"error":null,"data":{"id":"r-1"}}"#;

/// Who answers at an address of this machine as the real Thoughtly does, or a relay to it.
fn real() -> Receiver {
    Receiver::start(vec![Conduct::Answer(answer("200 OK", &[], ACCEPTED))])
}

/// Every delivery of the log: whose, and for what reason.
fn deliveries(clinic: &Clinic) -> Vec<(String, String)> {
    let (_, rows) = clinic.json(&["audit", "list", "--event", "delivery.delivered"]);
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let rows = rows.as_array().expect("rows").iter();
    // two are under way at the same time, and either may be first
    let mut found: Vec<_> = rows.map(|row| (text(&row["appointment_id"]), text(&row["reason"]))).collect();
    found.sort();
    found
}

fn pairs(of: &[(&str, &str)]) -> Vec<(String, String)> {
    of.iter().map(|(one, other)| ((*one).to_owned(), (*other).to_owned())).collect()
}

#[test]
fn whom_the_sandbox_accepted_is_called_once_on_the_first_real_morning() {
    let (sandbox, real) = (Sandbox::start(&[]), real());
    let mut clinic = Clinic::with_target(&sandbox.url);
    let trigger = ["trigger", "day-before", "--now", MORNING];
    // in a trial's ledger, then in the real one
    assert_eq!(unnamed(&clinic, &trigger).exit, 0);
    let shown = clinic.run(&trigger);
    assert!(shown.words().contains("2 accepted by the sandbox") && !shown.stdout.contains("Thoughtly"), "{shown:?}");
    let again = clinic.run(&trigger);
    assert!(again.words().contains("2 accepted by the sandbox before"), "{again:?}");
    let explained = clinic.run(&["explain", "day-before", "A-1", "--now", MORNING]).stdout;
    let words: Vec<&str> = explained.split_whitespace().collect();
    assert!(words.join(" ").contains("accepted by the sandbox: nobody was phoned"), "{explained}");

    clinic.url = real.url("/webhook/automation/real");
    let (_, plans) = clinic.json(&["plan", "day-before", "--now", MORNING]);
    assert_eq!(plans[0]["counts"]["planned"], 2, "{plans}");
    let (exit, called) = clinic.json(&trigger);
    assert_eq!((exit, &called["counts"]["delivered"]), (0, &2.into()), "{called}");
    assert_eq!(called["counts"].get("trials"), None, "none of them was a trial: {called}");
    let (_, after) = clinic.json(&trigger);
    assert_eq!(after["counts"]["already_reminded"], 2, "{after}");
    clinic.url = sandbox.url.clone();
    let (_, back) = clinic.json(&trigger);
    assert_eq!(back["counts"]["already_reminded"], 2, "a real call counts whatever the address: {back}");

    assert_eq!(real.received().len(), 2, "everybody was called exactly once");
    assert_eq!(sandbox.received().len(), 4, "twice in each of the two ledgers");
    let expected = pairs(&[("A-1", ""), ("A-1", "sandbox"), ("A-2", ""), ("A-2", "sandbox")]);
    assert_eq!(deliveries(&clinic), expected);
    let story = clinic.run(&["audit", "show", "A-1"]).stdout;
    assert!(story.contains("accepted by the sandbox (attempt 1)"), "{story}");
    assert!(story.contains("planned: trial over: only the sandbox had accepted it"), "{story}");
    assert!(story.contains("accepted by Thoughtly (attempt 2)"), "{story}");
    assert_eq!(clinic.run(&["audit", "verify"]).exit, 0);
}

#[test]
fn a_trial_by_the_real_clock_returns_too() {
    let (sandbox, real) = (Sandbox::start(&[]), real());
    let mut clinic = Clinic::with_target(&sandbox.url);
    let in_two_days = SystemClock::new().now() + jiff::SignedDuration::from_hours(48);
    clinic.write("appointments.csv", &format!("id,phone,starts_at\nA-1,+12025550143,{in_two_days}\n"));
    let parts = Parts { zone: "UTC", remind: "days_before = [1, 2, 3]\ncalling_hours = \"always\"", ..PARTS };
    clinic.schedule("day-before", &parts.text());
    let trigger = |clinic: &Clinic| clinic.json(&["trigger", "day-before"]).1["counts"].clone();
    assert_eq!(trigger(&clinic)["trials"], 1);
    assert_eq!(trigger(&clinic)["already_reminded"], 1);
    clinic.url = real.url("/webhook/automation/real");
    assert_eq!(trigger(&clinic)["delivered"], 1);
    assert_eq!(trigger(&clinic)["already_reminded"], 1);
    assert_eq!(deliveries(&clinic), pairs(&[("A-1", ""), ("A-1", "sandbox")]));
    assert_eq!(real.received().len(), 1);
}

#[test]
fn a_relay_on_this_machine_is_no_sandbox() {
    let (relay, real) = (real(), real());
    let mut clinic = Clinic::with_target(&relay.url("/relay"));
    let trigger = ["trigger", "day-before", "--now", MORNING];
    let shown = clinic.run(&trigger);
    assert!(shown.words().contains("2 accepted by Thoughtly"), "{shown:?}");
    clinic.url = real.url("/webhook/automation/real");
    let (_, plans) = clinic.json(&["plan", "day-before", "--now", MORNING]);
    assert_eq!((&plans[0]["counts"]["planned"], &plans[0]["counts"]["already_reminded"]), (&0.into(), &2.into()));
    clinic.run(&trigger);
    assert_eq!((relay.received().len(), real.received().len()), (2, 0), "nobody is called twice");
    assert_eq!(deliveries(&clinic), pairs(&[("A-1", ""), ("A-2", "")]));
}

#[test]
fn an_appointment_that_began_after_its_trial_is_not_called_any_more() {
    let (sandbox, real) = (Sandbox::start(&[]), real());
    let mut clinic = Clinic::with_target(&sandbox.url);
    assert_eq!(clinic.run(&["trigger", "day-before", "--now", MORNING]).exit, 0);
    clinic.url = real.url("/webhook/automation/real");
    let later = clinic.run(&["trigger", "day-before", "--now", "2026-11-25T15:30:00Z"]);
    assert!(real.received().is_empty(), "{later:?}");
    let (_, plans) = clinic.json(&["plan", "day-before", "--now", "2026-11-25T15:30:00Z"]);
    assert_eq!(plans[0]["counts"]["planned"], 0, "{plans}");
}
