//! Canaries and test calls that wait: calls to the operator that show whether reports come. They are in no count.

use serde_json::{Value, json};

use crate::binary::{Receiver, Service, tickler};
use crate::clinic::*;
use crate::retries::{await_event, events};

/// The canary is due with the first run.
const CANARY: &str = "[canary]\nto = { env = \"OPERATOR_PHONE\" }\ncron = \"0 9 * * *\"\n";

const OPERATOR: (&str, &str) = ("OPERATOR_PHONE", "+12025550187");

/// A clinic whose only appointment is next year, so that the canary alone is sent.
fn clinic(more: &str) -> Clinic {
    let clinic = Clinic::new(&format!("{CANARY}{more}"));
    clinic.table("A-1,(202) 555-0143,2027-11-25 10:00\n");
    clinic
}

fn alive(id: &str) -> Value {
    json!({"reminder_id": id, "call_id": "c1", "status": "IN_PROGRESS"})
}

fn canary(clinic: &Clinic) -> Value {
    clinic.json(&["status"])["schedules"][0]["canary"].clone()
}

/// The service with the canary's id once its request was accepted.
fn sent(clinic: &Clinic, more: &[(&str, &str)]) -> (Service, String) {
    let service = clinic.start_with(BEFORE_NINE, &[&[OPERATOR], more].concat());
    let call = clinic.receiver.request();
    let body: Value = serde_json::from_str(call.text.split_once("\r\n\r\n").expect("a body").1).expect("JSON");
    assert_eq!((&body["test"], &body["contact_phone"]), (&json!(true), &json!(OPERATOR.1)), "{body}");
    let id = reminder_id(&call.text);
    call.accept();
    (service, id)
}

#[test]
fn a_sign_of_life_is_heard_and_the_canary_is_in_no_count() {
    let clinic = clinic("");
    let (service, id) = sent(&clinic, &[]);
    assert_eq!(canary(&clinic)["state"], "waiting", "{}", canary(&clinic));
    let answer = json!({"received": true, "matched": true, "outcome": null, "duplicate": false});
    assert_eq!(tell(&service.inbound(), &alive(&id)), (200, answer));
    let repeated = json!({"received": true, "matched": true, "outcome": null, "duplicate": true});
    assert_eq!(tell(&service.inbound(), &alive(&id)), (200, repeated));
    let found = canary(&clinic);
    assert_eq!(found["state"], "heard", "{found}");
    assert!(found["sent_at"].as_str().is_some_and(|at| at.starts_with("2026-11-24T09:00:0")), "{found}");
    assert_eq!(found["next"], "2026-11-25T09:00:00-05:00", "{found}");
    let status = clinic.json(&["status"]);
    assert_eq!(status["outcomes"], json!({"awaited": 0, "unreported": 0, "write_backs": 0}), "{status}");
    assert_eq!((&status["pending"], &status["uncertain"]), (&json!(0), &json!(0)), "{status}");
    assert_eq!(clinic.json(&["outcome", "list"]), json!([]));
    service.stop();
    let of_canary: Vec<String> =
        events(&clinic).into_iter().map(|(event, ..)| event).filter(|event| event.starts_with("canary")).collect();
    assert_eq!(of_canary, ["canary.sent", "canary.heard"]);
}

#[test]
fn a_canary_of_which_nothing_is_heard_is_an_alert_and_pauses_its_schedule_where_it_is_told_to() {
    let people = Receiver::listen();
    let clinic = clinic("within = \"1s\"\non_silence = \"pause\"\n");
    let (service, id) = sent(&clinic, &[("TICKLER_NOTIFY__WEBHOOK", &people.url())]);
    await_event(&clinic, "canary.silent", "", "no_sign");
    let mut told = String::new();
    while !told.contains("canary_silent") {
        let message = people.request();
        told = message.text.clone();
        message.accept();
    }
    let mut status = clinic.json(&["status"]);
    while status["schedules"][0]["state"] != "paused" {
        status = clinic.json(&["status"]);
    }
    let schedule = &status["schedules"][0];
    assert!(schedule["pause_reason"].to_string().contains("nothing was heard of the canary"), "{schedule}");
    assert_eq!(schedule["canary"]["state"], "silent", "{schedule}");
    // one that comes late is heard all the same; a person resumes the schedule
    assert_eq!(tell(&service.inbound(), &alive(&id)).0, 200);
    assert_eq!(canary(&clinic)["state"], "heard");
    service.stop();
}

#[test]
fn a_canary_that_is_not_accepted_or_cannot_be_filled_is_silent_at_once() {
    for (more, payload, status, reason) in [
        ("", "", "401 Unauthorized", "http_401"),
        ("", "service = \"{{ service }}\"\n", "", "payload_error"),
        ("row = { service = \"Check-up\" }\n", "service = \"{{ service }}\"\n", "403 Forbidden", "http_403"),
    ] {
        let clinic = clinic("");
        let text = SCHEDULE.replace("[payload]\n", &format!("[payload]\n{payload}"));
        clinic.schedule("day-before", &format!("{text}{CANARY}{more}"));
        let service = clinic.start_with(BEFORE_NINE, &[OPERATOR]);
        if !status.is_empty() {
            clinic.receiver.request().answer(status, "");
        }
        await_event(&clinic, "canary.silent", "", reason);
        let screen = clinic.json(&["status"]);
        let problem = screen["schedules"][0]["problem"].to_string();
        assert!(problem.contains("canary"), "{problem}");
        // the answer says as much about the account as one to a reminder
        let refused = screen["problems"].to_string().contains("credentials were refused");
        assert_eq!(refused, status.starts_with("401"), "{screen}");
        service.stop();
        assert!(clinic.receiver.is_untouched(), "one request at most: {reason}");
    }
}

#[test]
fn a_test_call_waits_for_a_record_of_its_call() {
    let clinic = Clinic::new("");
    let test_call = |wait: &str| {
        let mut command = tickler(clinic.path());
        command.args(["test-call", "day-before", "--to", OPERATOR.1, "--wait", wait, "--format", "json"]);
        command.env("THOUGHTLY_AUTOMATION_URL", clinic.receiver.url()).stdout(std::process::Stdio::piped());
        command
    };
    let alone = test_call("1s").output().expect("tickler runs");
    assert_eq!(alone.status.code(), Some(6), "nobody would take the record: {alone:?}");
    let service = clinic.start("2026-11-24T12:00:00Z");
    for (wait, is_heard, exit) in [("30s", true, 0), ("1s", false, 1)] {
        let waiting = test_call(wait).spawn().expect("tickler runs");
        let call = clinic.receiver.request();
        let id = reminder_id(&call.text);
        call.accept();
        if is_heard {
            assert_eq!(tell(&service.inbound(), &alive(&id)).1["matched"], true);
        }
        let ended = waiting.wait_with_output().expect("it ends");
        let answer: Value = serde_json::from_slice(&ended.stdout).expect("JSON");
        assert_eq!((ended.status.code(), &answer["heard"]), (Some(exit), &json!(is_heard)), "{answer}");
    }
    service.stop();
    assert!(!events(&clinic).iter().any(|(event, ..)| event.starts_with("canary")), "{:?}", events(&clinic));
}
