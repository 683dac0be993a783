//! Outcomes are written back to where the appointments come from: at least once, with one key, after a fresh read.

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::binary::{Call, Receiver, Service, export, tickler};
use crate::clinic::*;
use crate::retries::{await_event, events, has};

/// A clinic whose outcomes are written to `crm`: those that `on` lists.
fn clinic(crm: &Receiver, on: &str, more: &str) -> Clinic {
    let clinic = Clinic::new("");
    let write_back = format!(
        "[outcome.write_back]\non = {on}\nurl = \"http://{}/visits/{{{{ appointment_id }}}}\"\n{more}",
        crm.address()
    );
    clinic.schedule("day-before", &format!("{SCHEDULE}{write_back}"));
    clinic
}

const BODY: &str = "body = { status = \"{{ outcome }}\", at = \"{{ outcome_at }}\", call = \"{{ call_id }}\", \
    sent = \"{{ payload.reminder_id }}\", start = \"{{ row.starts_at }}\" }\n";

fn said(id: &str, word: &str, ended_at: &str) -> Value {
    json!({"reminder_id": id, "call_id": "c1", "status": "COMPLETED", "outcome": word, "ended_at": ended_at})
}

fn header(call: &Call, name: &str) -> String {
    let head = call.text.split_once("\r\n\r\n").expect("a head").0;
    let found =
        head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix(&format!("{name}: ")).map(str::to_owned));
    found.unwrap_or_default()
}

fn body(call: &Call) -> Value {
    serde_json::from_str(call.text.split_once("\r\n\r\n").expect("a body").1).expect("JSON")
}

/// Posts a record, which is taken.
fn post(service: &Service, record: &Value, outcome: &str) {
    assert_eq!(tell(&service.inbound(), record), received(Some(outcome), false));
}

#[test]
fn a_confirmation_that_is_refused_twice_is_written_by_three_requests_with_one_key() {
    let crm = Receiver::listen();
    let clinic = clinic(&crm, "[\"confirmed\"]", BODY);
    let (service, id) = clinic.called();
    post(&service, &said(&id, "yes", "2026-11-24T14:01:00Z"), "confirmed");
    let mut keys = Vec::new();
    for status in ["503 Service Unavailable", "503 Service Unavailable", "204 No Content"] {
        let call = crm.request();
        assert!(call.text.starts_with("PATCH /visits/A-1 HTTP/1.1\r\n"), "{}", call.text);
        let expected = json!({"status": "confirmed", "at": "2026-11-24T09:01:00-05:00", "call": "c1", "sent": id,
                              "start": "2026-11-25 10:00"});
        assert_eq!(body(&call), expected);
        keys.push(header(&call, "idempotency-key"));
        call.answer(status, "");
    }
    assert_eq!(keys, [(); 3].map(|()| format!("{id}.1")));
    await_event(&clinic, "write_back.sent", "1d", "confirmed");
    let told = clinic.json(&["explain", "day-before", "A-1", "--now", "2026-11-24T14:03:00Z"]).to_string();
    assert!(told.contains("The outcome confirmed was written back"), "{told}");
    let shown = tickler(clinic.path()).args(["audit", "show", &id]).output().expect("tickler runs");
    let shown = String::from_utf8_lossy(&shown.stdout).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(shown.contains("the outcome was written back: confirmed"), "{shown}");
    let row = clinic.json(&["outcome", "list"])[0].clone();
    assert_eq!(row["write_back"], json!({"number": 1, "outcome": "confirmed", "state": "sent", "reason": null}));
    service.stop();
    assert!(crm.is_untouched(), "three requests, no more");
    assert_eq!(events(&clinic).iter().filter(|(event, ..)| event.starts_with("write_back")).count(), 1);
}

#[test]
fn what_the_source_shows_otherwise_is_not_written_back() {
    for (rows, reason) in [
        ("A-1,(202) 555-0143,2026-11-25 11:00,booked\n", "moved"),
        ("A-1,(202) 555-0143,2026-11-25 10:00,cancelled\n", "cancelled"),
        ("A-9,(202) 555-0149,2026-12-24 10:00,booked\n", "missing"),
    ] {
        let crm = Receiver::listen();
        let clinic = clinic(&crm, "[\"confirmed\"]", "");
        let text = std::fs::read_to_string(clinic.path().join("schedules/day-before.toml")).expect("a schedule");
        clinic.schedule(
            "day-before",
            &text.replace("[remind]\n", "status = \"status\"\n[remind]\nstatuses = [\"booked\"]\n"),
        );
        let table = |rows: &str| {
            let text = format!("id,phone,starts_at,status\n{rows}");
            std::fs::write(clinic.path().join("appointments.csv"), text).expect("a table");
        };
        table("A-1,(202) 555-0143,2026-11-25 10:00,booked\n");
        let (service, id) = clinic.called();
        table(rows);
        post(&service, &said(&id, "yes", "2026-11-24T14:01:00Z"), "confirmed");
        await_event(&clinic, "write_back.dropped", "1d", reason);
        service.stop();
        assert!(crm.is_untouched(), "{reason}");
        if reason == "moved" {
            let told = clinic.json(&["explain", "day-before", "A-1", "--now", "2026-11-24T14:03:00Z"]);
            assert_eq!(told["verdict"], "call", "it is called about the new start: {told}");
        }
    }
}

#[test]
fn an_appointments_newest_outcome_alone_is_written_and_only_those_that_are_listed() {
    let crm = Receiver::listen();
    let clinic = clinic(&crm, "[\"confirmed\", \"declined\"]", "method = \"POST\"\n");
    let (service, id) = clinic.called();
    post(&service, &json!({"reminder_id": id, "call_id": "c1", "status": "NO_ANSWER"}), "no_answer");
    post(&service, &said(&id, "yes", "2026-11-24T14:01:00Z"), "confirmed");
    let first = crm.request();
    assert_eq!(header(&first, "idempotency-key"), format!("{id}.1"));
    assert_eq!(body(&first)["outcome"], "confirmed", "the answer that nobody wrote a body for");
    post(&service, &said(&id, "cancel", "2026-11-24T14:02:00Z"), "declined");
    first.answer("503 Service Unavailable", "");
    let second = crm.request();
    assert!(second.text.starts_with("POST /visits/A-1 "), "{}", second.text);
    assert_eq!(
        (header(&second, "idempotency-key"), &body(&second)["outcome"]),
        (format!("{id}.2"), &json!("declined"))
    );
    second.answer("200 OK", "");
    await_event(&clinic, "write_back.sent", "1d", "declined");
    assert!(has(&clinic, "write_back.dropped", "1d", "superseded"), "{:?}", events(&clinic));
    // what isn't listed is not written, and makes an earlier answer that still waits pointless
    post(&service, &said(&id, "yes", "2026-11-24T14:03:00Z"), "confirmed");
    let third = crm.request();
    post(&service, &said(&id, "move", "2026-11-24T14:04:00Z"), "reschedule");
    third.answer("503 Service Unavailable", "");
    service.stop();
    let dropped = events(&clinic)
        .iter()
        .filter(|(event, _, reason)| event == "write_back.dropped" && reason == "superseded")
        .count();
    assert_eq!(dropped, 2, "{:?}", events(&clinic));
    assert!(crm.is_untouched());
}

#[test]
fn what_is_refused_for_good_is_in_status_and_alerted_until_a_person_acknowledges_it() {
    let crm = Receiver::listen();
    let people = Receiver::listen();
    let clinic = clinic(&crm, "[\"confirmed\"]", "");
    let notify = [("TICKLER_NOTIFY__WEBHOOK", &*people.url()), ("TICKLER_WEB__LISTEN", "127.0.0.1:0")];
    let service = clinic.start_with(BEFORE_NINE, &notify);
    let call = clinic.receiver.request();
    let id = reminder_id(&call.text);
    call.accept();
    clinic.until(|row| row["state"] == "delivered");
    let nothing = tickler(clinic.path()).args(["outcome", "acknowledge", &id]).output().expect("tickler runs");
    assert_eq!(nothing.status.code(), Some(1), "nothing has failed: {nothing:?}");
    post(&service, &said(&id, "yes", "2026-11-24T14:01:00Z"), "confirmed");
    crm.request().answer("307 Temporary Redirect", "location: http://127.0.0.1:9/elsewhere\r\n");
    await_event(&clinic, "write_back.failed", "1d", "http_307");
    let alert = people.request();
    assert!(alert.text.contains("write_back_failed"), "{}", alert.text);
    alert.accept();
    let status = clinic.json(&["status"]);
    assert_eq!(status["outcomes"]["write_backs"], 1, "{status}");
    assert!(status["problems"].to_string().contains("1 outcome could not be written back"), "{status}");
    let page = service.page();
    let metrics =
        exchange(&page, format!("GET /metrics HTTP/1.1\r\nhost: {page}\r\nconnection: close\r\n\r\n").as_bytes()).2;
    assert!(metrics.contains("tickler_write_backs_total{schedule=\"day-before\",result=\"failed\"} 1\n"), "{metrics}");
    let seen = clinic.json(&["outcome", "acknowledge", "--all", "--reason", "written by hand"]);
    assert_eq!(seen[0]["write_back"]["state"], "acknowledged", "{seen}");
    assert_eq!(clinic.json(&["status"])["outcomes"]["write_backs"], 0);
    assert_eq!(clinic.json(&["outcome", "acknowledge", "--all"]), json!([]), "nothing is left");
    people.request().accept();
    service.stop();
    assert!(has(&clinic, "operator.outcome", "1d", "acknowledged"), "{:?}", events(&clinic));
    assert!(crm.is_untouched(), "a redirect is not followed, and not tried again");
    let neither = tickler(clinic.path()).args(["outcome", "acknowledge"]).output().expect("tickler runs");
    assert_eq!(neither.status.code(), Some(2));
}

#[test]
fn a_write_back_under_way_at_a_kill_is_repeated_with_its_key_and_an_endless_answer_is_not_read() {
    let crm = Receiver::listen();
    let clinic = clinic(&crm, "[\"confirmed\"]", "secret = { env = \"CRM_HOOK_SECRET\" }\n");
    let signed = [("CRM_HOOK_SECRET", "whsec_c2VjcmV0LWZvci10ZXN0cw==")];
    let service = clinic.start_with(BEFORE_NINE, &signed);
    let call = clinic.receiver.request();
    let id = reminder_id(&call.text);
    call.accept();
    clinic.until(|row| row["state"] == "delivered");
    post(&service, &said(&id, "yes", "2026-11-24T14:01:00Z"), "confirmed");
    let hanging = crm.request();
    service.signal(Signal::KILL);
    service.wait();
    let again = clinic.start_with("2026-11-24T14:02:00Z", &signed);
    let repeated = crm.request();
    assert_eq!(header(&repeated, "idempotency-key"), header(&hanging, "idempotency-key"));
    assert_eq!(header(&repeated, "webhook-id"), format!("{id}.1"));
    assert!(header(&repeated, "webhook-signature").starts_with("v1,"), "{}", repeated.text);
    let taken = repeated.answer_at_length(1 << 30);
    assert!(taken < 64 << 20, "{taken} bytes were read");
    await_event(&clinic, "write_back.sent", "1d", "confirmed");
    assert_eq!(again.stop().code(), Some(0));
    drop(hanging);
}

#[test]
fn a_schedule_in_shadow_mode_or_without_the_table_writes_nothing() {
    for (change, reason) in [("mode = \"shadow\"\ncron", "shadow"), ("cron", "switched_off")] {
        let crm = Receiver::listen();
        let clinic = clinic(&crm, "[\"confirmed\"]", "");
        let (service, id) = clinic.called();
        post(&service, &said(&id, "yes", "2026-11-24T14:01:00Z"), "confirmed");
        let refused = crm.request();
        service.signal(Signal::KILL);
        service.wait();
        drop(refused);
        let text = match reason {
            "shadow" => std::fs::read_to_string(clinic.path().join("schedules/day-before.toml")).expect("a schedule"),
            _ => SCHEDULE.to_owned(),
        };
        clinic.schedule("day-before", &text.replacen("cron", change, 1));
        let service = clinic.start("2026-11-24T14:02:00Z");
        await_event(&clinic, "write_back.dropped", "1d", reason);
        service.stop();
        assert!(crm.is_untouched(), "{reason}");
        assert!(!export(clinic.path()).contains("write_back.sent"));
    }
}

#[test]
fn a_write_back_that_hangs_or_is_cut_holds_nothing_up_and_is_repeated_with_its_key() {
    let crm = Receiver::listen();
    let clinic = clinic(&crm, "[\"confirmed\"]", "");
    let (service, id) = clinic.called();
    post(&service, &said(&id, "yes", "2026-11-24T14:01:00Z"), "confirmed");
    let hanging = crm.request();
    // the same answer again, a new call and the page of states go on meanwhile
    let again = said(&id, "yes", "2026-11-24T14:01:30Z");
    assert_eq!(tell(&service.inbound(), &again), received(Some("confirmed"), false));
    assert_eq!(clinic.json(&["outcome", "list"])[0]["write_back"]["state"], "pending");
    assert_eq!(service.stop().code(), Some(0), "a stop does not wait for it");
    let service = clinic.start("2026-11-24T14:02:00Z");
    let cut = crm.request();
    let key = header(&cut, "idempotency-key");
    assert_eq!((header(&hanging, "idempotency-key"), format!("{id}.1")), (key.clone(), key.clone()));
    drop(cut);
    let whole = crm.request();
    assert_eq!(header(&whole, "idempotency-key"), key);
    whole.answer("204 No Content", "");
    await_event(&clinic, "write_back.sent", "1d", "confirmed");
    service.stop();
    drop(hanging);
    assert!(crm.is_untouched());
}
