//! The simulated Thoughtly reports its calls to the real service: in each shape, however often and in whatever order.

use std::collections::BTreeMap;
use std::net::TcpListener;

use serde_json::Value;

use crate::binary::export;
use crate::clinic::*;
use crate::sandboxed::Sandbox;

/// The last two digits of the phones that decide how a call ends, and what is said.
const DIGITS: [&str; 9] = ["01", "02", "07", "11", "12", "13", "14", "15", "16"];

/// What becomes of them where what was said is reported, and where it isn't.
const SAID: [&str; 9] = [
    "answered",
    "no_answer",
    "no_answer",
    "confirmed",
    "declined",
    "reschedule",
    "opted_out",
    "wrong_number",
    "answered",
];
const UNSAID: [&str; 9] =
    ["answered", "no_answer", "no_answer", "answered", "answered", "answered", "answered", "answered", "answered"];

/// The outcomes of all first calls, and of the calls that were repeated, by appointment.
fn outcomes(clinic: &Clinic) -> BTreeMap<String, String> {
    let text = |row: &Value, name: &str| row[name].as_str().unwrap_or_default().to_owned();
    let listed = clinic.json(&["outcome", "list"]);
    let rows = listed.as_array().expect("rows").iter();
    rows.map(|row| (format!("{} {}", text(row, "appointment_id"), text(row, "lead")), text(row, "outcome"))).collect()
}

#[test]
fn each_shape_and_each_course_of_reports_comes_to_the_same_outcomes() {
    for (tell, told, expected) in [
        ("callback", "once", SAID),
        ("callback", "twice", SAID),
        ("guide", "early", SAID),
        ("guide", "reversed", SAID),
        ("subscription", "early", UNSAID),
    ] {
        // a free port that both sides can be told of
        let place =
            TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("an address").to_string();
        let callback = format!("http://{place}/outcome/day-before");
        let header = format!("X-Tickler-Secret: {SECRET}");
        let flags =
            ["--callback", &callback, "--tell", tell, "--told", told, "--tell-header", &header, "--metadata-echo"];
        let sandbox = Sandbox::start(&flags);
        let clinic = Clinic::new("");
        let row = |digits: &str| format!("A-{digits},(202) 555-01{digits},2026-11-25 10:00\n");
        clinic.table(&DIGITS.map(row).concat());
        let automation = [("THOUGHTLY_AUTOMATION_URL", &*sandbox.url), ("TICKLER_INBOUND__LISTEN", &place)];
        let service = clinic.start_with(BEFORE_NINE, &automation);
        let expected: BTreeMap<String, String> =
            DIGITS.iter().zip(expected).map(|(digits, word)| (format!("A-{digits} 1d"), word.to_owned())).collect();
        let mut found = outcomes(&clinic);
        for _look in 0..600 {
            if expected.iter().all(|(key, word)| found.get(key) == Some(word)) {
                break;
            }
            found = outcomes(&clinic);
        }
        for (key, word) in &expected {
            assert_eq!(found.get(key), Some(word), "{tell} {told}: {found:?}");
        }
        if told == "once" {
            let unmapped = clinic.json(&["outcome", "list", "--unmapped"]);
            assert_eq!(unmapped[0]["calls"][0]["unmapped"], "maybe", "{unmapped}");
        }
        service.stop();
        let log = export(clinic.path());
        assert_eq!(log.matches("outcome.received").count(), DIGITS.len(), "{tell} {told}: a repeat writes nothing");
        assert!(!log.contains("outcome.unmatched"), "{tell} {told}");
    }
}

#[test]
fn a_report_that_is_turned_away_for_now_is_repeated_once() {
    let crm = crate::binary::Receiver::listen();
    let callback = format!("http://{}/outcome/day-before", crm.address());
    let sandbox = Sandbox::start(&["--callback", &callback]);
    let clinic = Clinic::new("");
    clinic.table("A-01,(202) 555-0101,2026-11-25 10:00\n");
    let service = clinic.start_with(BEFORE_NINE, &[("THOUGHTLY_AUTOMATION_URL", &*sandbox.url)]);
    let body = |call: &crate::binary::Call| call.text.split_once("\r\n\r\n").expect("a body").1.to_owned();
    let first = crm.request();
    let text = body(&first);
    first.answer("429 Too Many Requests", "retry-after: 1\r\n");
    let second = crm.request();
    assert_eq!(body(&second), text);
    second.answer("200 OK", "");
    service.stop();
}
