//! The lists of requests and outcomes, on the command line and on the page, each with its filters.

use serde_json::{Value, json};

use crate::binary::{Service, tickler};
use crate::clinic::*;
use crate::leads::{LEADS, LEADS_SECRET, TEN, ask, clinic_with, of_id};

const OUTCOME: &str = r#"
[outcome]
secret = { env = "OUTCOME_SECRET" }
[outcome.values]
yes = "confirmed"
"#;

/// L1 was called and confirmed, L2 is refused for its phone, L3 was withdrawn, L4 was called and nothing is known of it.
fn after_four_requests() -> (Clinic, Service) {
    let clinic = clinic_with(&format!("{LEADS}{OUTCOME}"));
    let service = clinic.start_with(TEN, &[("LEADS_SECRET", LEADS_SECRET), ("TICKLER_WEB__LISTEN", "127.0.0.1:0")]);
    let post = |lead: Value| ask(&service.inbound(), &lead).0;
    assert_eq!(post(json!({"id": "L1", "phone": "(202) 555-0141"})), 202);
    let call = clinic.receiver.request();
    let id = reminder_id(&call.text);
    call.accept();
    assert_eq!(post(json!({"id": "L2", "phone": "911"})), 422);
    assert_eq!(post(json!({"id": "L3", "phone": "(202) 555-0143", "call_at": "2026-11-24T15:00:00-05:00"})), 202);
    assert_eq!(of_id(&service.inbound(), "DELETE", "L3").0, 200);
    clinic.until(|row| row["state"] == "delivered");
    let record = json!({"reminder_id": id, "call_id": "c-1", "status": "COMPLETED", "outcome": "yes"}).to_string();
    let headers = format!("x-tickler-secret: {SECRET}\r\n");
    assert_eq!(posted(&service.inbound(), "/outcome/leads", &headers, &record).0, 200);
    assert_eq!(post(json!({"id": "L4", "phone": "(202) 555-0144"})), 202);
    clinic.receiver.request().accept();
    clinic.until(|_| clinic.json(&["outcome", "list"]).as_array().is_some_and(|rows| rows.len() == 2));
    (clinic, service)
}

/// The ids of what a list shows.
fn ids(listed: &Value) -> Vec<&str> {
    let rows = listed.as_array().expect("rows").iter();
    rows.map(|row| row["appointment_id"].as_str().expect("an id")).collect()
}

fn exit_of(clinic: &Clinic, arguments: &[&str]) -> Option<i32> {
    tickler(clinic.path()).args(arguments).output().expect("tickler runs").status.code()
}

#[test]
fn requests_and_outcomes_are_listed_by_standing_reason_id_time_and_number() {
    let (clinic, service) = after_four_requests();
    for (filters, expected) in [
        (&[][..], &["L1", "L2", "L3", "L4"][..]),
        (&["leads"], &["L1", "L2", "L3", "L4"]),
        (&["--standing", "accepted"], &["L1", "L4"]),
        (&["--standing", "refused"], &["L2"]),
        (&["--standing", "withdrawn"], &["L3"]),
        (&["--reason", "invalid_phone"], &["L2"]),
        (&["--reason", "opted_out"], &[]),
        (&["--appointment", "L3"], &["L3"]),
        (&["--since", "2026-11-24T15:00:00Z", "--until", "2026-11-24T16:00:00Z"], &["L1", "L2", "L3", "L4"]),
        (&["--since", "2026-11-24T16:00:00Z"], &[]),
        (&["--until", "2026-11-24T15:00:00Z"], &[]),
        (&["--limit", "2"], &["L3", "L4"]),
    ] {
        let listed = clinic.json(&[&["inbound", "list"], filters].concat());
        assert_eq!(ids(&listed), expected, "inbound list {filters:?}: {listed}");
    }
    for (filters, expected) in [
        (&[][..], &["L1", "L4"][..]),
        (&["--outcome", "confirmed"], &["L1"]),
        (&["--outcome", "none"], &["L4"]),
        (&["--outcome", "no_answer"], &[]),
        (&["--appointment", "L4"], &["L4"]),
        (&["--since", "2026-11-24T15:00:00Z", "--until", "2026-11-24T16:00:00Z"], &["L1", "L4"]),
        (&["--since", "2026-11-24T16:00:00Z"], &[]),
        (&["--waiting"], &[]),
        (&["--limit", "1"], &["L4"]),
    ] {
        let listed = clinic.json(&[&["outcome", "list"], filters].concat());
        assert_eq!(ids(&listed), expected, "outcome list {filters:?}: {listed}");
    }
    let logged = clinic.json(&["audit", "list", "--event", "outcome", "--reason", "confirmed"]);
    assert_eq!(ids(&logged), ["L1"], "{logged}");
    let logged = clinic.json(&["audit", "list", "--event", "inbound.received", "--reason", "refused"]);
    assert_eq!(ids(&logged), ["L2"], "{logged}");
    for wrong in [
        &["inbound", "list", "--standing", "lost"][..],
        &["inbound", "list", "--reason", "bad_luck"],
        &["inbound", "list", "--since", "soonish"],
        &["inbound", "list", "nobody"],
        &["outcome", "list", "--outcome", "happy"],
        &["outcome", "list", "--until", "soonish"],
    ] {
        assert_eq!(exit_of(&clinic, wrong), Some(2), "{wrong:?}");
    }
    service.stop();
}

#[test]
fn the_page_lists_the_requests_that_came_and_the_story_of_each_has_its_outcome() {
    let (_clinic, service) = after_four_requests();
    let page = |path: &str| {
        let address = service.page();
        let get = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
        let (status, _, text) = exchange(&address, get.as_bytes());
        (status, text)
    };
    let requests = |path: &str| {
        let (status, text) = page(path);
        assert_eq!(status, 200, "{path}: {text}");
        text.split_once("Requests that came in").expect("the requests").1.to_owned()
    };
    let all = requests("/outcomes");
    for words in [">L1<", ">L2<", ">L3<", ">L4<", "confirmed", "not called: invalid phone", "withdrawn"] {
        assert!(all.contains(words), "{words}: {all}");
    }
    let refused = requests("/outcomes?requests=refused&schedule=leads");
    assert!(refused.contains(">L2<") && !refused.contains(">L1<") && !refused.contains(">L3<"), "{refused}");
    assert!(requests("/outcomes?requests=withdrawn").contains(">L3<"));
    assert_eq!(page("/outcomes?requests=lost").0, 400);
    let (status, story) = page("/appointment?schedule=leads&id=L1");
    assert!(status == 200 && story.contains("confirmed"), "{story}");
    let (status, story) = page("/appointment?schedule=leads&id=L2");
    assert!(status == 200 && story.contains("invalid phone"), "{story}");
    service.stop();
}
