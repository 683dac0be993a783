//! What operators are told by the program: where its ledger is, why calls wait, what only the service can see.

use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use tickler::clock::{Clock, SystemClock};
use tickler::zones::Zones;

use crate::server::{Server, answer};
use crate::support::clinic::{Clinic, Ended, MORNING, PARTS, Parts};
use crate::support::command::bare;

fn clinic(target: &str) -> Clinic {
    let clinic = Clinic::empty("http://127.0.0.1:9/");
    clinic.write("appointments.csv", "id,phone,starts_at\n1,+12025550143,2026-11-25 10:30\n");
    clinic.schedule("day", &Parts { target, ..PARTS }.text());
    clinic
}

fn webhook(url: &str) -> String {
    format!("[target.webhook]\nurl = \"{url}\"")
}

/// Runs the program from a folder beside the clinic's, where an operator may happen to be.
fn from_elsewhere(clinic: &Clinic, arguments: &[&str]) -> Ended {
    let elsewhere = clinic.path().join("elsewhere");
    std::fs::create_dir_all(&elsewhere).expect("a folder");
    Ended::of(bare(&elsewhere, arguments).output().expect("tickler runs"))
}

#[test]
fn one_ledger_is_used_from_whatever_folder_and_its_place_is_said_by_whoever_creates_it() {
    let server = Server::answering(|_| answer(200, "", "{}"));
    let clinic = clinic(&webhook(&server.origin));
    let place = std::fs::canonicalize(clinic.path()).expect("a folder").join("tickler.db");
    let created = format!("a new ledger was created: {}", place.display());
    let pause = ["pause", "day", "--reason", "a test"];
    let config = ["--config", "../tickler.toml", "--schedules", "../schedules"];
    let first = from_elsewhere(&clinic, &[&config[..], &pause].concat());
    assert!(first.exit == 0 && first.stderr.contains(&created), "{first:?}");
    assert!(clinic.path().join("tickler.db").exists() && !clinic.path().join("elsewhere/tickler.db").exists());
    let second =
        from_elsewhere(&clinic, &[&["--schedules", "../schedules"][..], &["status", "--format", "json"]].concat());
    assert!(second.stdout.contains("a test"), "without a settings file it lies beside the schedules: {second:?}");
    let third = clinic.run(&["resume", "day"]);
    assert!(third.exit == 0 && !third.stderr.contains(&created), "{third:?}");
}

#[test]
fn a_vanished_ledger_names_all_three_ways_on_and_beginning_anew_works() {
    let server = Server::answering(|_| answer(200, "", "{}"));
    let clinic = clinic(&webhook(&server.origin));
    let trigger = ["trigger", "day", "--now", MORNING];
    assert_eq!(clinic.run(&trigger).exit, 0);
    for file in ["tickler.db", "tickler.db-wal", "tickler.db-shm"] {
        let _not_there = std::fs::remove_file(clinic.path().join(file));
    }
    let refused = clinic.run(&trigger);
    for remedy in ["tickler restore FILE", "tickler ledger accept-loss", "to begin anew", "`.key`", "`.witness`"] {
        assert!(refused.exit == 7 && refused.stderr.contains(remedy), "{remedy}: {refused:?}");
    }
    assert_eq!(server.requests().len(), 1, "nobody is called");
    for file in std::fs::read_dir(clinic.path()).expect("it is read").flatten() {
        if file.file_name().to_string_lossy().starts_with("tickler.db") {
            std::fs::remove_file(file.path()).expect("it is removed");
        }
    }
    let anew = clinic.run(&trigger);
    assert!(anew.exit == 0 && anew.stderr.contains("a new ledger was created"), "{anew:?}");
    assert_eq!(server.requests().len(), 2);
}

/// A clinic in which somebody is called tomorrow, by the machine's own clock.
fn clinic_of_tomorrow(url: &str) -> Clinic {
    let clinic = clinic(&webhook(url));
    let text = Parts { target: &webhook(url), remind: "days_before = 1\ncalling_hours = \"always\"", ..PARTS }.text();
    clinic.schedule("day", &text);
    let zone = Zones::newest().zone(PARTS.zone).expect("a zone");
    let tomorrow = zone.date(SystemClock::new().now()).tomorrow().expect("a date");
    clinic.write("appointments.csv", &format!("id,phone,starts_at\n1,+12025550143,{tomorrow} 10:30\n"));
    clinic
}

fn problems(clinic: &Clinic) -> Vec<String> {
    let (_, status) = clinic.json(&["status"]);
    let problems = status["problems"].as_array().expect("a list").iter();
    problems.map(|problem| problem.as_str().expect("a text").to_owned()).collect()
}

#[test]
fn why_calls_wait_is_in_status_over_a_restart_too() {
    for (told, url, words) in [
        ("an answer of a server in trouble", None, "503"),
        ("a port where nobody listens", Some("http://127.0.0.1:9/".to_owned()), "connection refused"),
    ] {
        let server = Server::answering(|_| answer(503, "", "busy"));
        let clinic = clinic_of_tomorrow(url.as_deref().unwrap_or(&server.origin));
        let ended = clinic.run(&["trigger", "day", "--wait", "0s"]);
        assert!(ended.stderr.contains("are retried") && ended.stderr.contains(words), "{told}: {ended:?}");
        // another process, which has sent nothing
        let (_, status) = clinic.json(&["status"]);
        let of_day = &status["schedules"][0]["problem"];
        let text = of_day.as_str().unwrap_or_default();
        assert!(text.contains("are retried") && text.contains(words), "{told}: {status}");
    }
}

#[test]
fn what_was_accepted_since_waits_for_nothing() {
    let is_well = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let at_server = std::sync::Arc::clone(&is_well);
    let server = Server::answering(move |_| match at_server.load(std::sync::atomic::Ordering::SeqCst) {
        true => answer(200, "", "{}"),
        false => answer(503, "retry-after: 1\r\n", "busy"),
    });
    let clinic = clinic_of_tomorrow(&server.origin);
    clinic.run(&["trigger", "day", "--wait", "0s"]);
    assert!(problems(&clinic).iter().any(|problem| problem.contains("503")), "{:?}", problems(&clinic));
    is_well.store(true, std::sync::atomic::Ordering::SeqCst);
    let later = clinic.run(&["trigger", "day", "--wait", "5m"]);
    assert_eq!(later.exit, 0, "{later:?}");
    assert!(!problems(&clinic).iter().any(|problem| problem.contains("503")), "{:?}", problems(&clinic));
}

/// The same command until it answers so, or for twenty seconds.
fn until(clinic: &Clinic, arguments: &[&str], is_so: impl Fn(&Value) -> bool) -> Value {
    let clock = SystemClock::new();
    loop {
        let (_, told) = clinic.json(arguments);
        if is_so(&told) || clock.monotonic() > Duration::from_secs(20) {
            return told;
        }
    }
}

#[test]
fn check_and_doctor_ask_the_running_service_for_the_secrets_that_it_alone_has() {
    let clinic = clinic("[target.automation]\nurl = { env = \"OF_THE_UNIT\" }");
    let secret = "http://127.0.0.1:9/webhook/automation/never-shown";
    let codes = |told: &Value| -> Vec<String> {
        let problems = told["problems"].as_array().expect("a list").iter();
        problems.map(|problem| problem["code"].as_str().expect("a code").to_owned()).collect()
    };
    assert_eq!(codes(&clinic.json(&["check"]).1), ["secret-not-set"], "no service: it is set nowhere");
    let mut service =
        clinic.command(&["run"]).env("OF_THE_UNIT", secret).stderr(Stdio::null()).spawn().expect("a service");
    let checked = until(&clinic, &["check"], |told| codes(told).is_empty());
    assert_eq!(codes(&checked), [""; 0], "{checked}");
    let doctored = clinic.json(&["doctor"]).1;
    let of = |subject: &str| {
        doctored["findings"].as_array().expect("a list").iter().find(|f| f["subject"] == subject).cloned()
    };
    let credentials = of("credentials").expect("it was looked at");
    assert_eq!(credentials["verdict"], json!("ok"), "{credentials}");
    assert!(credentials["detail"].as_str().expect("a text").contains("the running service has every secret"));
    assert!(!format!("{checked}{doctored}").contains("never-shown"), "an answer is yes or no");
    clinic.schedule("other", &Parts { target: "[target.automation]\nurl = { env = \"OF_NOBODY\" }", ..PARTS }.text());
    assert_eq!(codes(&clinic.json(&["check"]).1), ["secret-not-set"], "one that the service hasn't either");
    service.kill().and_then(|()| service.wait()).expect("the service ends");
}
