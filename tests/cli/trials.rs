//! Trials: what is sent with a given clock, or with `--trial`, leaves the real ledger alone.

use std::process::Output;

use crate::clinic::*;
use crate::support::command;

/// With no ledger named.
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
    assert_eq!((planned(&in_trial), in_trial.stderr.as_str()), (0, ""), "a trial's ledger knows its own");

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
