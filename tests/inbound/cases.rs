//! What nobody ever posts, what is not reported in time, and what the page shows of calls.

use serde_json::json;

use crate::binary::{Receiver, Service};
use crate::clinic::*;
use crate::retries::{await_event, events};
use crate::sandboxed::Sandbox;

/// Settings by which the sandbox's records are asked for.
fn settings(clinic: &Clinic, sandbox: &Sandbox) {
    let base = sandbox.url.split_once("/webhook").map_or(sandbox.url.as_str(), |(base, _)| base).to_owned();
    let text =
        format!("[accounts.thoughtly]\nbase_url = \"{base}\"\napi_token = {{ env = \"TOKEN\" }}\nteam_id = \"team\"\n");
    std::fs::write(clinic.path().join("tickler.toml"), text).expect("settings");
}

fn start(clinic: &Clinic, sandbox: &Sandbox, now: &str, more: &[(&str, &str)]) -> Service {
    let own = [("TOKEN", "token-1"), ("THOUGHTLY_AUTOMATION_URL", &*sandbox.url)];
    clinic.start_with(now, &[&own, more].concat())
}

#[test]
fn what_is_never_posted_is_asked_for_after_ten_minutes_and_what_is_found_is_an_alert() {
    let sandbox = Sandbox::start(&["--told", "never", "--metadata-echo"]);
    let people = Receiver::listen();
    let clinic = Clinic::new("");
    settings(&clinic, &sandbox);
    let target = "[target.call]\nagent = \"sandbox-agent\"\n";
    let text = SCHEDULE.replace("[target.automation]\nurl = { env = \"THOUGHTLY_AUTOMATION_URL\" }\n", target);
    // the first poll may come before the sandbox's call is over
    clinic.schedule("day-before", &format!("{text}[outcome.poll]\nevery = \"1s\"\n"));
    clinic.table("A-1,(202) 555-0101,2026-11-25 10:00\n");
    let service = start(&clinic, &sandbox, BEFORE_NINE, &[]);
    clinic.until(|row| row["state"] == "delivered");
    service.stop();
    // the first poll asks for what is ten minutes old
    let notify = [("TICKLER_NOTIFY__WEBHOOK", &*people.url())];
    let service = start(&clinic, &sandbox, "2026-11-24T14:11:00Z", &notify);
    clinic.until(|row| row["outcome"] == "answered");
    let alert = people.request();
    assert!(alert.text.contains("webhook_lost"), "{}", alert.text);
    alert.accept();
    service.stop();
}

#[test]
fn calls_of_which_no_report_came_in_time_are_an_alert() {
    let people = Receiver::listen();
    let clinic = Clinic::new("");
    clinic.schedule("day-before", &SCHEDULE.replace("[outcome]\n", "[outcome]\nreport_within = \"12h\"\n"));
    let (service, _id) = clinic.called();
    service.stop();
    let notify = [("TICKLER_NOTIFY__WEBHOOK", &*people.url())];
    let service = clinic.start_with("2026-11-25T02:01:00Z", &notify);
    await_event(&clinic, "outcome.missing", "1d", "unreported");
    let alert = people.request();
    assert!(alert.text.contains("outcome_missing"), "{}", alert.text);
    assert!(!alert.text.contains("0143") && !alert.text.contains("A-1"), "{}", alert.text);
    alert.accept();
    service.stop();
    assert!(events(&clinic).iter().any(|(event, ..)| event == "outcome.missing"));
}

#[test]
fn the_page_shows_what_became_of_calls_who_never_answers_and_who_is_called_again() {
    let clinic = Clinic::new("");
    clinic.schedule("day-before", &format!("{SCHEDULE}[outcome.retry]\nafter = \"1s\"\n"));
    let service = clinic.start_with(BEFORE_NINE, &[("TICKLER_WEB__LISTEN", "127.0.0.1:0")]);
    let page = |path: &str| {
        let address = service.page();
        let get = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
        let (status, _, text) = exchange(&address, get.as_bytes());
        assert_eq!(status, 200, "{path}: {text}");
        text
    };
    for _call in 0..2 {
        let call = clinic.receiver.request();
        let id = reminder_id(&call.text);
        call.accept();
        clinic.until(|_| {
            let rows = clinic.json(&["outcome", "list"]);
            rows.as_array()
                .is_some_and(|rows| rows.iter().any(|row| row["reminder_id"] == id && row["state"] == "delivered"))
        });
        assert_eq!(tell(&service.inbound(), &json!({"reminder_id": id, "call_id": id, "status": "NO_ANSWER"})).0, 200);
    }
    let shown = page("/outcomes?outcome=no_answer&schedule=day-before");
    for words in
        ["Outcomes by day", "Outcomes by hour of the call", "no answer", "Never answered", "***0143", ">A-1<", "1d+1"]
    {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    assert!(!shown.contains("555") && shown.contains("<svg"), "{shown}");
    assert!(page("/outcomes?outcome=confirmed").contains("No call has this outcome"));
    let address = service.page();
    let wrong = format!("GET /outcomes?days=1000 HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    assert_eq!(exchange(&address, wrong.as_bytes()).0, 400);
    service.stop();
}
