//! Records of calls, posted to the real binary: what each shape comes to, who may post, and what a crash or a ledger that can't be
//! written leaves.

mod bad_input;
mod bad_leads;
#[path = "../daemon/binary.rs"]
#[allow(dead_code, reason = "other suites use the rest")]
mod binary;
mod canaries;
mod cases;
mod clinic;
#[path = "../support/command.rs"]
mod command;

mod faults;
mod lead_faults;
mod leads;
mod lists;
mod marked;
mod missing;
mod polling;
mod reports;
mod retries;
#[path = "../support/clinic.rs"]
mod sandboxed;
#[path = "../support/small_disk.rs"]
mod small_disk;
mod storm;
mod together;
mod write_backs;

use std::io::Write;
use std::net::TcpStream;

use binary::{export, tickler};
use clinic::*;
use rustix::process::Signal;
use serde_json::{Value, json};

/// A record about the reminder with that id, and what it comes to.
type Shape = (fn(&str) -> Value, &'static str);

#[test]
fn each_shape_alone_sets_the_outcome_and_a_hundred_repeats_change_nothing() {
    let shapes: [Shape; 3] = [
        (|id| json!({"reminder_id": id, "call_id": "c1", "status": "COMPLETED", "outcome": "yes"}), "confirmed"),
        (
            |id| json!({"call_id": "c1", "status": "COMPLETED", "variables": {"reminder_id": id, "outcome": "yes"}}),
            "confirmed",
        ),
        (
            |id| json!({"id": "c1", "interview": {"id": "a"}, "status": "COMPLETED", "metadata": {"reminder_id": id}}),
            "answered",
        ),
    ];
    for (record, outcome) in shapes {
        let clinic = Clinic::new("");
        let (service, id) = clinic.called();
        let address = service.inbound();
        assert_eq!(tell(&address, &record(&id)), received(Some(outcome), false));
        for _repeat in 0..100 {
            assert_eq!(tell(&address, &record(&id)), received(Some(outcome), true));
        }
        let row = clinic.until(|row| row["state"] == "delivered");
        assert_eq!((&row["outcome"], row["calls"].as_array().map(Vec::len)), (&json!(outcome), Some(1)), "{row}");
        assert_eq!(service.stop().code(), Some(0));
        let log = export(clinic.path());
        assert_eq!(log.matches("outcome.received").count(), 1, "{log}");
        assert!(log.contains(&format!("\"reason\":\"{outcome}\"")), "{log}");
    }
}

#[test]
fn whatever_is_wrong_with_a_request_it_gets_its_code_and_writes_nothing() {
    let clinic = Clinic::new("");
    let (service, id) = clinic.called();
    let address = service.inbound();
    let head = || clinic.json(&["status"])["audit"].clone();
    let before = head();
    let record = json!({"reminder_id": id, "call_id": "c1", "status": "COMPLETED"}).to_string();
    let secret = format!("x-tickler-secret: {SECRET}\r\n");
    let long = format!("{{\"reminder_id\":\"{id}\",\"transcript\":\"{}\"}}", "a".repeat(256 * 1024));
    let deep = format!("{}1{}", "{\"a\":".repeat(10_000), "}".repeat(10_000));
    let path = format!("/outcome/day-before/{SECRET}");
    let query = format!("/outcome/day-before?secret={SECRET}");
    let gzip = format!("{secret}content-encoding: gzip\r\n");
    let cases: [(&str, &str, &str, u16, &str); 17] = [
        ("/outcome/day-before", "", &record, 401, "unauthorized"),
        ("/outcome/day-before", "x-tickler-secret: \r\n", &record, 401, "unauthorized"),
        ("/outcome/day-before", "x-tickler-secret: kept-by-the-platfor\r\n", &record, 401, "unauthorized"),
        ("/outcome/day-before", "authorization: Bearer another\r\n", &record, 401, "unauthorized"),
        ("/outcome/day-before", "authorization: Basic a2VwdA==\r\n", &record, 401, "unauthorized"),
        ("/outcome/nobody", &secret, &record, 401, "unauthorized"),
        (&query, "", &record, 401, "unauthorized"),
        (&path, "", &record, 401, "unauthorized"),
        ("/outcome/day-before", "", &long, 401, "unauthorized"),
        ("/elsewhere", &secret, &record, 404, "not_found"),
        ("/healthz", &secret, &record, 404, "not_found"),
        ("/outcome/day-before", &secret, "[]", 400, "unreadable"),
        ("/outcome/day-before", &secret, "<call/>", 400, "unreadable"),
        ("/outcome/day-before", &secret, "{}", 400, "unreadable"),
        ("/outcome/day-before", &gzip, &record, 400, "unreadable"),
        ("/outcome/day-before", &secret, &long, 413, "too_large"),
        ("/outcome/day-before", &secret, &deep, 413, "too_large"),
    ];
    for (path, headers, body, status, reason) in cases {
        let (found, answer, text) = posted(&address, path, headers, body);
        assert_eq!((found, &answer["error"]["reason"]), (status, &json!(reason)), "{path} {headers}: {text}");
        assert!(!text.contains(SECRET), "{text}");
    }
    let chunk = "a".repeat(0x1000);
    let chunked = format!(
        "POST /outcome/day-before HTTP/1.1\r\nhost: here\r\n{secret}transfer-encoding: chunked\r\nconnection: close\r\n\r\n{}0\r\n\r\n",
        format!("1000\r\n{chunk}\r\n").repeat(65)
    );
    assert_eq!(exchange(&address, chunked.as_bytes()).0, 413, "256 KiB and more, without a length");
    let get = format!("GET /outcome/day-before HTTP/1.1\r\nhost: here\r\n{secret}connection: close\r\n\r\n");
    assert_eq!(exchange(&address, get.as_bytes()).0, 405);
    assert_eq!(head(), before, "no row of the log");
    for shown in [secret.as_str(), "authorization: bearer the-one-before\r\n"] {
        assert_eq!(posted(&address, "/outcome/day-before", shown, &record).0, 200, "{shown}");
    }
    assert_eq!(service.stop().code(), Some(0));
}

#[test]
fn a_secret_in_the_url_opens_only_where_the_schedule_allows_it() {
    let clinic = Clinic::new("");
    clinic.schedule("day-before", &SCHEDULE.replace("[outcome]\n", "[outcome]\nsecret_in_url = true\n"));
    let (service, id) = clinic.called();
    let record = json!({"reminder_id": id, "call_id": "c1", "status": "BUSY"}).to_string();
    let post = |secret: &str| posted(&service.inbound(), &format!("/outcome/day-before/{secret}"), "", &record).0;
    assert_eq!([post(SECRET), post("another"), post("")], [200, 401, 401]);
    service.stop();
}

#[test]
fn a_sign_of_life_proves_a_request_of_unknown_fate() {
    let alive = |id: &str| json!({"reminder_id": id, "call_id": "c1", "status": "IN_PROGRESS"});
    // after the time-out
    let clinic = Clinic::new("[delivery]\ntimeout = \"1s\"\n");
    let service = clinic.start(BEFORE_NINE);
    let hanging = clinic.receiver.request();
    clinic.until(|row| row["state"] == "uncertain");
    assert_eq!(tell(&service.inbound(), &alive(&reminder_id(&hanging.text))), received(None, false));
    clinic.until(|row| row["state"] == "delivered");
    service.stop();
    assert!(export(clinic.path()).contains("\"reason\":\"proof\""));
    // before the time-out
    let clinic = Clinic::new("[delivery]\ntimeout = \"3s\"\n");
    let service = clinic.start(BEFORE_NINE);
    let hanging = clinic.receiver.request();
    assert_eq!(tell(&service.inbound(), &alive(&reminder_id(&hanging.text))), received(None, false));
    clinic.until(|row| row["state"] == "delivered");
    service.stop();
    // before the process dies
    let clinic = Clinic::new("");
    let service = clinic.start(BEFORE_NINE);
    let hanging = clinic.receiver.request();
    assert_eq!(tell(&service.inbound(), &alive(&reminder_id(&hanging.text))), received(None, false));
    service.signal(Signal::KILL);
    service.wait();
    let again = clinic.start("2026-11-24T14:00:30Z");
    clinic.until(|row| row["state"] == "delivered");
    again.stop();
}

#[test]
fn what_was_being_sent_when_the_process_died_is_in_status_until_the_next_start() {
    let clinic = Clinic::new("");
    let service = clinic.start(BEFORE_NINE);
    let _hanging = clinic.receiver.request();
    service.signal(Signal::KILL);
    service.wait();
    let status = clinic.json(&["status"]);
    let problems = status["problems"].to_string();
    assert_eq!((&status["sending"], &status["uncertain"]), (&json!(1), &json!(0)), "{status}");
    assert!(problems.contains("1 being sent by a `trigger`, or when a process died"), "{problems}");
    let again = clinic.start("2026-11-24T14:00:30Z");
    clinic.until(|row| row["state"] == "uncertain");
    again.stop();
    let status = clinic.json(&["status"]);
    assert_eq!((&status["sending"], &status["uncertain"]), (&json!(0), &json!(1)), "{status}");
}

#[test]
fn what_was_acknowledged_stands_after_a_kill_and_what_cannot_be_written_is_not_acknowledged() {
    let clinic = Clinic::new("");
    let (service, id) = clinic.called();
    let said = |word: &str, ended: &str| json!({"reminder_id": id, "call_id": "c1", "status": "COMPLETED", "outcome": word, "ended_at": ended});
    let ledger = rusqlite::Connection::open(clinic.path().join("tickler.db")).expect("the ledger");
    ledger.execute_batch("BEGIN IMMEDIATE").expect("another program holds it");
    let headers = format!("x-tickler-secret: {SECRET}\r\n");
    let record = said("cancel", "2026-11-24T14:00:01Z").to_string();
    let (status, answer, text) = posted(&service.inbound(), "/outcome/day-before", &headers, &record);
    ledger.execute_batch("ROLLBACK").expect("it lets go");
    assert_eq!((status, &answer["error"]["reason"]), (429, &json!("unavailable")), "{text}");
    assert!(text.to_ascii_lowercase().contains("retry-after: 30"), "{text}");
    let mut service = service;
    for (word, outcome, ended) in [
        ("cancel", "declined", "2026-11-24T14:00:01Z"),
        ("yes", "confirmed", "2026-11-24T14:00:02Z"),
        ("move", "reschedule", "2026-11-24T14:00:03Z"),
    ] {
        assert_eq!(tell(&service.inbound(), &said(word, ended)), received(Some(outcome), false));
        service.signal(Signal::KILL);
        service.wait();
        service = clinic.start("2026-11-24T14:01:00Z");
        assert_eq!(tell(&service.inbound(), &said(word, ended)), received(Some(outcome), true), "it was kept");
    }
    service.stop();
}

#[test]
fn two_reminders_to_one_phone_are_not_told_apart_and_nothing_changes() {
    let clinic = Clinic::new("");
    clinic.schedule("day-before", &SCHEDULE.replace("days_before = 1", "days_before = 1\nmax_per_person_per_day = 2"));
    clinic.table("A-1,(202) 555-0143,2026-11-25 10:00\nA-2,(202) 555-0143,2026-11-25 15:00\n");
    let service = clinic.start(BEFORE_NINE);
    let calls = [clinic.receiver.request(), clinic.receiver.request()];
    calls.into_iter().for_each(binary::Call::accept);
    let all_delivered =
        |rows: &Value| rows.as_array().is_some_and(|rows| rows.iter().all(|row| row["state"] == "delivered"));
    while !all_delivered(&clinic.json(&["outcome", "list"])) {}
    let (status, answer) = tell(&service.inbound(), &json!({"status": "NO_ANSWER", "phone_number": "202-555-0143"}));
    let expected = json!({"received": true, "matched": false, "outcome": null, "duplicate": false});
    assert_eq!((status, answer), (200, expected));
    service.stop();
    let log = export(clinic.path());
    assert!(log.contains("outcome.unmatched") && log.contains("\"reason\":\"ambiguous\""), "{log}");
    assert!(!log.contains("outcome.received"), "{log}");
}

#[test]
fn who_says_stop_is_opted_out_of_every_schedule() {
    let clinic = Clinic::new("");
    let evening = SCHEDULE.replace("0 9 * * *", "0 18 * * *");
    clinic.schedule("evening", &evening[..evening.find("[outcome]").expect("a table")]);
    let (service, id) = clinic.called();
    let stop = json!({"reminder_id": id, "call_id": "c1", "status": "COMPLETED", "outcome": "stop"});
    assert_eq!(tell(&service.inbound(), &stop), received(Some("opted_out"), false));
    let told = clinic.json(&["explain", "evening", "A-1", "--now", "2026-11-24T23:00:00Z"]);
    assert_eq!((&told["verdict"], &told["reason"]), (&json!("skip"), &json!("opted_out")), "{told}");
    service.stop();
    let log = export(clinic.path());
    assert!(log.contains("optout.added") && log.contains("said so in a call"), "{log}");
}

#[test]
fn a_person_sets_an_outcome_above_every_record() {
    let clinic = Clinic::new("");
    let (service, id) = clinic.called();
    let row = clinic.json(&["outcome", "set", &id, "declined", "--reason", "she rang"]);
    assert_eq!(row[0]["outcome"], "declined", "{row}");
    let yes = json!({"reminder_id": id, "call_id": "c1", "status": "COMPLETED", "outcome": "yes"});
    assert_eq!(tell(&service.inbound(), &yes), received(Some("declined"), false));
    let wrong = tickler(clinic.path()).args(["outcome", "set", &id, "confirmd"]).output().expect("tickler runs");
    assert_eq!(wrong.status.code(), Some(2));
    service.stop();
    assert!(export(clinic.path()).contains("operator.outcome"));
}

#[test]
fn slow_senders_are_let_go_and_the_page_has_another_address() {
    let clinic = Clinic::new("");
    let (service, id) = clinic.called();
    let address = service.inbound();
    let record = json!({"reminder_id": id, "call_id": "c1", "status": "BUSY"}).to_string();
    let slow: Vec<_> = (0..100)
        .map(|_| {
            let mut stream = TcpStream::connect(&address).expect("a connection");
            stream.write_all(b"POST /outcome/day-before HTTP/1.1\r\nhost: here\r\n").expect("half a header");
            stream
        })
        .collect();
    let headers = format!("x-tickler-secret: {SECRET}\r\n");
    assert_eq!(posted(&address, "/outcome/day-before", &headers, &record).0, 200, "others are answered meanwhile");
    drop(slow);
    let body = format!("POST /outcome/day-before HTTP/1.1\r\nhost: here\r\n{headers}content-length: 100\r\n\r\n{{");
    assert_eq!(exchange(&address, body.as_bytes()).0, 408, "a body that does not come");
    service.stop();
    let refused = tickler(clinic.path())
        .env("TICKLER_WEB__LISTEN", "127.0.0.1:18467")
        .env("TICKLER_INBOUND__LISTEN", "127.0.0.1:18467")
        .arg("run")
        .output()
        .expect("tickler runs");
    assert_eq!(refused.status.code(), Some(78), "{}", String::from_utf8_lossy(&refused.stderr));
}
