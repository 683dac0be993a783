//! Bodies that are no honest records, each by somebody who knows the secret: every one gets its code, nobody is called, nothing is
//! logged that a terminal obeys, and the service goes on.

use serde_json::{Value, json};

use crate::binary::{export, get};
use crate::clinic::*;

#[test]
fn whatever_a_sender_with_the_secret_writes_it_gets_its_code_and_calls_nobody() {
    let clinic = Clinic::new("");
    let service = clinic.start_with(BEFORE_NINE, &[("TICKLER_WEB__LISTEN", "127.0.0.1:0")]);
    let call = clinic.receiver.request();
    let id = reminder_id(&call.text);
    call.accept();
    clinic.until(|row| row["state"] == "delivered");
    let address = service.inbound();
    let headers = format!("x-tickler-secret: {SECRET}\r\n");
    let long = "a".repeat(1 << 20);
    let text =
        |name: &str, value: &str| json!({"reminder_id": id, "call_id": format!("of {name}"), name: value}).to_string();
    // the body, its status, the outcome of the reminder afterwards
    let cases: Vec<(&str, String, u16, Value)> = vec![
        ("nothing", String::new(), 400, Value::Null),
        ("a text", "\"yes\"".into(), 400, Value::Null),
        ("an array", "[{\"reminder_id\":1}]".into(), 400, Value::Null),
        ("XML", "<?xml version=\"1.0\"?><call/>".into(), 400, Value::Null),
        ("a form", format!("reminder_id={id}&status=COMPLETED"), 400, Value::Null),
        ("JSON that is cut", format!("{{\"reminder_id\":\"{id}\",\"status\":\"COMP"), 400, Value::Null),
        ("two objects", format!("{{\"reminder_id\":\"{id}\"}}{{}}"), 400, Value::Null),
        ("no UTF-8 in words", "{\"status\":\"\\ud800\"}".into(), 400, Value::Null),
        ("a megabyte of what was said", json!({"reminder_id": id, "outcome": long}).to_string(), 413, Value::Null),
        ("an id of a megabyte", json!({"reminder_id": long}).to_string(), 413, Value::Null),
        ("deep", format!("{{\"a\":{}1{}}}", "[".repeat(10_000), "]".repeat(10_000)), 413, Value::Null),
        (
            "32 levels",
            format!("{{\"reminder_id\":\"{id}\",\"a\":{}1{}}}", "[".repeat(31), "]".repeat(31)),
            200,
            Value::Null,
        ),
        (
            "33 levels",
            format!("{{\"reminder_id\":\"{id}\",\"a\":{}1{}}}", "[".repeat(32), "]".repeat(32)),
            413,
            Value::Null,
        ),
        ("NUL", text("status", "COMP\u{0}LETED"), 200, Value::Null),
        (
            "an id of a stranger",
            json!({"reminder_id": "00000000-0000-7000-8000-000000000000", "status": "BUSY"}).to_string(),
            200,
            Value::Null,
        ),
        (
            "an id that is none",
            json!({"reminder_id": {"a": 1}, "call_id": [], "status": "BUSY"}).to_string(),
            200,
            Value::Null,
        ),
        (
            "year 9999",
            json!({"reminder_id": id, "call_id": "y", "ended_at": "9999-12-31T23:59:59Z"}).to_string(),
            200,
            Value::Null,
        ),
        (
            "a phone as an exponent",
            json!({"phone_number": "1.20255E+10", "status": "BUSY"}).to_string(),
            200,
            Value::Null,
        ),
        ("a premium number", json!({"phone_number": "+19005550143", "status": "BUSY"}).to_string(), 200, Value::Null),
        ("a short number", json!({"phone_number": "911", "status": "BUSY"}).to_string(), 200, Value::Null),
        ("ESC and bidi as what was said", text("outcome", "\u{1b}[2Jyes\u{202e}"), 200, Value::Null),
        ("a formula as what was said", text("outcome", "=1+1"), 200, json!("unknown")),
        (
            "keys twice: the last counts",
            format!(
                "{{\"reminder_id\":\"{id}\",\"call_id\":\"d\",\"status\":\"BUSY\",\"status\":\"COMPLETED\",\"outcome\":\"yes\"}}"
            ),
            200,
            json!("confirmed"),
        ),
    ];
    for (name, body, status, outcome) in cases {
        let (found, _, answer) = posted(&address, "/outcome/day-before", &headers, &body);
        assert_eq!(found, status, "{name}: {answer}");
        assert!(!answer.contains(SECRET) && !answer.contains("555"), "{name}: {answer}");
        assert_eq!(clinic.json(&["outcome", "list"])[0]["outcome"], outcome, "{name}");
    }
    let page = service.page();
    assert!(get(&page, "/healthz", &page).contains("200"));
    service.stop();
    let log = export(clinic.path());
    assert!(log.bytes().all(|byte| byte >= 0x20 || byte == b'\n') && !log.contains('\u{202e}'), "{log}");
    assert_eq!(log.matches("delivery.intent").count(), 1, "nobody was called");
}

#[test]
fn one_in_twelve_spellings_of_a_phone_finds_its_call() {
    let clinic = Clinic::new("");
    let service = clinic.start(BEFORE_NINE);
    let call = clinic.receiver.request();
    call.accept();
    clinic.until(|row| row["state"] == "delivered");
    for (number, spelling) in SPELLINGS.iter().enumerate() {
        let record = json!({"call_id": format!("s{number}"), "phone_number": spelling, "status": "BUSY"});
        let (status, answer) = tell(&service.inbound(), &record);
        assert_eq!(status, 200, "{spelling}");
        assert_eq!(answer["matched"], true, "{spelling}: {answer}");
    }
    service.stop();
}
