//! Calls of which nothing is heard: one by one when their time is over, and at once when a whole row of them is silent.

use serde_json::{Value, json};

use crate::binary::{Call, Receiver};
use crate::clinic::*;
use crate::retries::{await_event, has};

#[test]
fn a_call_without_a_report_in_time_is_unreported_until_a_later_record_says_more() {
    let clinic = Clinic::new("");
    let text = SCHEDULE.replace("[outcome]\n", "[outcome]\nreport_within = \"12h\"\n");
    clinic.schedule("day-before", &text);
    let (service, id) = clinic.called();
    let status = clinic.json(&["status"]);
    assert_eq!(status["outcomes"], json!({"awaited": 1, "unreported": 0, "write_backs": 0}), "{status}");
    service.stop();

    let service = clinic.start("2026-11-25T02:00:30Z");
    await_event(&clinic, "outcome.missing", "1d", "unreported");
    let status = clinic.json(&["status"]);
    assert_eq!(status["outcomes"], json!({"awaited": 0, "unreported": 1, "write_backs": 0}), "{status}");
    let late = json!({"reminder_id": id, "call_id": "c1", "status": "COMPLETED", "outcome": "yes"});
    assert_eq!(tell(&service.inbound(), &late), received(Some("confirmed"), false));
    let status = clinic.json(&["status"]);
    assert_eq!(status["outcomes"]["unreported"], 0, "{status}");
    assert_eq!((&status["inbound"]["accepted"], &status["inbound"]["refused"]), (&json!(1), &json!(0)), "{status}");
    assert_eq!(status["inbound"]["listen"], json!(service.inbound()), "{status}");
    service.stop();
}

/// The alerts that a message tells of, once it is taken.
fn kinds(message: Call) -> Vec<String> {
    let body: Value = serde_json::from_str(message.text.split_once("\r\n\r\n").expect("a body").1).expect("JSON");
    message.accept();
    let lines = body["wrong"].as_array().expect("alerts");
    lines.iter().map(|line| line["kind"].as_str().expect("a kind").to_owned()).collect()
}

#[test]
fn five_accepted_calls_of_which_nothing_is_heard_are_one_alert_after_half_an_hour() {
    let clinic = Clinic::new("");
    let rows: String = (1..=5).map(|n| format!("A-{n},(202) 555-014{n},2026-11-25 10:00\n")).collect();
    clinic.table(&rows);
    let people = Receiver::listen();
    let notify = [("TICKLER_NOTIFY__WEBHOOK", &*people.url())];
    let service = clinic.start_with(BEFORE_NINE, &notify);
    let calls: Vec<String> = (1..=5)
        .map(|_call| {
            let call = clinic.receiver.request();
            let id = reminder_id(&call.text);
            call.accept();
            id
        })
        .collect();
    let is_silent = |status: &Value| status["problems"].to_string().contains("nothing was heard of any");
    assert!(!is_silent(&clinic.json(&["status"])), "a report may take half an hour");
    service.stop();

    let service = clinic.start_with("2026-11-24T14:30:30Z", &notify);
    assert_eq!(kinds(people.request()), ["outcome_silent"]);
    assert!(is_silent(&clinic.json(&["status"])), "{}", clinic.json(&["status"]));
    // a sign of life ends it, and who asks to cancel is told to the desk
    let declined = json!({"reminder_id": calls[4], "call_id": "c5", "status": "COMPLETED", "outcome": "cancel"});
    assert_eq!(tell(&service.inbound(), &declined), received(Some("declined"), false));
    assert!(!is_silent(&clinic.json(&["status"])));
    assert_eq!(kinds(people.request()), ["desk"]);
    service.stop();
    assert!(!has(&clinic, "outcome.missing", "1d", "unreported"), "they are still awaited");
}
