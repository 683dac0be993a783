//! Requests for calls, posted to the real binary: who may post what, what each request comes to, and that one id is one call.

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::binary::{Call, Service, export, tickler};
use crate::clinic::*;

pub const LEADS_SECRET: &str = "kept-by-the-crm";
/// A minute before ten in New York.
pub const TEN: &str = "2026-11-24T15:00:00Z";
/// Eleven in the evening in New York.
pub const ELEVEN_AT_NIGHT: &str = "2026-11-25T04:00:00Z";

pub const LEADS: &str = r#"
timezone = "America/New_York"
[source.inbound]
secret = { env = "LEADS_SECRET" }
[appointment]
id = "id"
phone = "phone"
default_region = "US"
call_at = "call_at"
expires = "call_until"
priority = "priority"
[remind]
now = true
allowed_countries = ["US"]
[target.automation]
url = { env = "THOUGHTLY_AUTOMATION_URL" }
[payload]
contact_phone = "{{ phone }}"
reminder_id = "{{ reminder_id }}"
lead_id = "{{ appointment_id }}"
"#;

/// A clinic with a schedule of requests alone.
pub fn clinic_with(text: &str) -> Clinic {
    let clinic = Clinic::new("");
    std::fs::remove_file(clinic.path().join("schedules/day-before.toml")).expect("the schedule of appointments");
    clinic.schedule("leads", text);
    clinic
}

pub fn started(clinic: &Clinic, now: &str) -> Service {
    clinic.start_with(now, &[("LEADS_SECRET", LEADS_SECRET)])
}

pub fn secret() -> String {
    format!("x-tickler-secret: {LEADS_SECRET}\r\n")
}

pub fn ask(address: &str, lead: &Value) -> (u16, Value) {
    let (status, answer, _) = posted(address, "/call/leads", &secret(), &lead.to_string());
    (status, answer)
}

pub fn of_id(address: &str, method: &str, id: &str) -> (u16, Value) {
    let request = format!("{method} /call/leads/{id} HTTP/1.1\r\nhost: here\r\n{}connection: close\r\n\r\n", secret());
    let (status, answer, _) = exchange(address, request.as_bytes());
    (status, answer)
}

pub fn lead(id: &str) -> Value {
    json!({"id": id, "phone": "(202) 555-0143", "name": "Ann Lee"})
}

pub fn lead_of(call: &Call) -> String {
    let body = call.text.split_once("\r\n\r\n").expect("a body").1;
    let body: Value = serde_json::from_str(body).expect("JSON");
    body["lead_id"].as_str().unwrap_or("a reminder").to_owned()
}

/// How often the log has that event and that reason.
fn times(log: &str, event: &str, reason: &str) -> usize {
    let has = |line: &&str| {
        line.contains(&format!("\"event\":\"{event}\"")) && line.contains(&format!("\"reason\":\"{reason}\""))
    };
    log.lines().filter(has).count()
}

#[test]
fn a_lead_is_called_at_once_and_its_repeats_are_the_same_call() {
    let clinic = clinic_with(LEADS);
    let service = started(&clinic, TEN);
    let address = service.inbound();
    let (status, answer) = ask(&address, &lead("L1"));
    let call = clinic.receiver.request();
    assert_eq!(status, 202, "{answer}");
    assert_eq!(
        (&answer["appointment_id"], &answer["duplicate"], &answer["note"]),
        (&json!("L1"), &json!(false), &json!(null)),
        "{answer}"
    );
    assert_eq!(answer["reminder_id"], json!(reminder_id(&call.text)), "{answer}");
    call.accept();
    let again: Vec<(u16, Value)> = std::thread::scope(|scope| {
        let asked: Vec<_> = (0..20).map(|_| scope.spawn(|| ask(&address, &lead("L1")))).collect();
        asked.into_iter().map(|asked| asked.join().expect("an answer")).collect()
    });
    for (status, repeated) in again {
        assert_eq!((status, &repeated["duplicate"]), (200, &json!(true)), "{repeated}");
        assert_eq!(repeated["reminder_id"], answer["reminder_id"]);
    }
    let changed = json!({"id": "L1", "phone": "(202) 555-0144"});
    let (_, corrected) = ask(&address, &changed);
    assert_eq!(corrected["duplicate"], json!(true), "its call was made");
    let note = corrected["note"].as_str().unwrap_or_default();
    assert!(note.contains("the other phone of this request isn't called"), "{corrected}");
    for same in [lead("L1"), json!({"id": "L1", "phone": "+12025550143"}), json!({"id": "L1", "phone": ""})] {
        assert_eq!(ask(&address, &same).1["note"], json!(null), "{same} has no other phone");
    }
    assert_eq!(service.stop().code(), Some(0));
    let log = export(clinic.path());
    assert_eq!(log.matches("\"event\":\"delivery.intent\"").count(), 1, "{log}");
    assert_eq!(log.matches("\"event\":\"inbound.received\"").count(), 1, "{log}");
    assert!(log.contains("\"reason\":\"inbound\""), "a run of its own: {log}");
}

#[test]
fn a_request_without_a_mapped_name_is_told_which_names_it_has_and_no_value() {
    let clinic = clinic_with(LEADS);
    let service = started(&clinic, TEN);
    let address = service.inbound();
    for (lead, reason, wanted) in [
        (json!({"id": "L1", "tel": "+12025550143"}), "no_phone", "the request has no `phone`; it has `id`, `tel`"),
        (json!({"phone": "+12025550143", "key": "L1"}), "missing_id", "the request has no `id`; it has `phone`, `key`"),
        (json!({"id": "L1", "+12025550143": ""}), "no_phone", "it has `id`, `"),
        (json!({"id": "L1", "phone": null, "tel": "+12025550143"}), "no_phone", "`phone` is empty"),
    ] {
        let (status, answer) = ask(&address, &lead);
        assert_eq!((status, &answer["error"]["reason"]), (422, &json!(reason)), "{answer}");
        let detail = answer["error"]["detail"].as_str().unwrap_or_default();
        assert!(detail.contains(wanted), "{lead}: {detail}");
        assert!(!detail.contains("2025550143"), "no value: {detail}");
    }
    assert_eq!(service.stop().code(), Some(0));
    let log = export(clinic.path());
    assert!(!log.contains("`tel`") && !log.contains("`key`"), "a sender's own names stay out of the log: {log}");
}

#[test]
fn twenty_posts_of_one_lead_at_once_are_one_call() {
    let clinic = clinic_with(LEADS);
    let service = started(&clinic, TEN);
    let address = service.inbound();
    let answers: Vec<(u16, Value)> = std::thread::scope(|scope| {
        let asked: Vec<_> = (0..20).map(|_| scope.spawn(|| ask(&address, &lead("L1")))).collect();
        asked.into_iter().map(|asked| asked.join().expect("an answer")).collect()
    });
    let mut codes: Vec<u16> = answers.iter().map(|(status, _)| *status).collect();
    codes.sort_unstable();
    assert_eq!(codes, [[200; 19].as_slice(), &[202]].concat(), "{answers:?}");
    clinic.receiver.request().accept();
    service.stop();
    assert_eq!(export(clinic.path()).matches("\"event\":\"delivery.intent\"").count(), 1);
}

#[test]
fn at_night_a_lead_waits_for_the_morning_is_renewed_and_can_be_withdrawn() {
    let clinic = clinic_with(LEADS);
    let service = started(&clinic, ELEVEN_AT_NIGHT);
    let address = service.inbound();
    let (status, first) = ask(&address, &lead("L1"));
    assert_eq!((status, &first["due_at"]), (202, &json!("2026-11-25T08:00:00-05:00")), "{first}");
    assert_eq!(
        (&first["state"], &first["expires_at"]),
        (&json!("pending"), &json!("2026-11-25T14:00:01-05:00")),
        "{first}"
    );
    assert_eq!(ask(&address, &lead("L1")).0, 200, "the same bytes");
    let later = json!({"id": "L1", "phone": "(202) 555-0144", "call_at": "2026-11-25T11:30:00"});
    let (status, renewed) = ask(&address, &later);
    assert_eq!((status, &renewed["reminder_id"]), (202, &first["reminder_id"]), "{renewed}");
    assert_eq!(
        (&renewed["due_at"], &renewed["duplicate"]),
        (&json!("2026-11-25T11:30:00-05:00"), &json!(false)),
        "{renewed}"
    );
    let (status, found) = of_id(&address, "GET", "L1");
    assert_eq!((status, &found["state"], &found["outcome"]), (200, &json!("pending"), &json!(null)), "{found}");
    let id = first["reminder_id"].as_str().expect("an id");
    assert_eq!(of_id(&address, "GET", id), (status, found), "by its reminder's id");
    assert_eq!(of_id(&address, "GET", "L2").0, 404);
    let (status, withdrawn) = of_id(&address, "DELETE", "L1");
    assert_eq!((status, &withdrawn["state"]), (200, &json!("cancelled")), "{withdrawn}");
    assert_eq!(of_id(&address, "DELETE", "L1").0, 200, "again");
    let (status, repeated) = ask(&address, &later);
    assert_eq!(
        (status, &repeated["state"]),
        (200, &json!("cancelled")),
        "a late repeat brings nothing back: {repeated}"
    );
    service.stop();
    let log = export(clinic.path());
    assert_eq!(
        (times(&log, "reminder.cancelled", "withdrawn"), times(&log, "inbound.received", "renewed")),
        (1, 1),
        "{log}"
    );
}

#[test]
fn a_call_that_was_made_cannot_be_withdrawn() {
    let clinic = clinic_with(LEADS);
    let service = started(&clinic, TEN);
    let address = service.inbound();
    assert_eq!(ask(&address, &lead("L1")).0, 202);
    clinic.receiver.request().accept();
    let (status, answer) = of_id(&address, "DELETE", "L1");
    assert_eq!((status, &answer["error"]["reason"]), (409, &json!("already_sent")), "{answer}");
    service.stop();
}

#[test]
fn the_rules_of_the_schedule_refuse_a_lead_with_their_reason_and_judge_it_anew() {
    let clinic = clinic_with(&format!("{LEADS}\n").replace("now = true", "now = true\nonly_if = 'name != \"Bot\"'"));
    let service = started(&clinic, TEN);
    let address = service.inbound();
    clinic.json(&["optout", "add", "+1 202-555-0150"]);
    let with = |change: &str, value: &str| {
        let mut lead = lead("L1");
        lead[change] = json!(value);
        lead
    };
    for (lead, reason) in [
        (with("phone", "+1 202-555-0150"), "opted_out"),
        (with("phone", "+44 20 7946 0958"), "invalid_phone"),
        (with("phone", "911"), "invalid_phone"),
        (with("phone", "1.2025550143E+10"), "invalid_phone"),
        (with("phone", "=1+1"), "invalid_phone"),
        (with("phone", ""), "no_phone"),
        (with("name", "Bot"), "filtered"),
        (with("id", ""), "missing_id"),
        (with("call_at", "tomorrow"), "invalid_time"),
        (with("call_at", "9999-12-01T10:00:00"), "invalid_time"),
        (with("call_until", "2026-11-24T09:00:00"), "too_late"),
    ] {
        let (status, answer) = ask(&address, &lead);
        assert_eq!((status, &answer["error"]["reason"]), (422, &json!(reason)), "{lead}: {answer}");
        assert!(!answer.to_string().contains("555"), "{answer}");
    }
    assert_eq!(of_id(&address, "GET", "L1").0, 404, "nobody is called for it");
    let told = clinic.json(&["explain", "leads", "L1", "--now", "2026-11-24T15:00:30Z"]);
    assert_eq!(told["reason"], json!("too_late"), "{told}");
    assert_eq!(ask(&address, &lead("L1")).0, 202, "judged anew");
    clinic.receiver.request().accept();
    // one request of a person a day; reminders are counted apart
    let (status, answer) = ask(&address, &lead("L2"));
    assert_eq!((status, &answer["error"]["reason"]), (422, &json!("person_limit")), "{answer}");
    service.stop();
    let log = export(clinic.path());
    assert_eq!(log.matches("\"event\":\"delivery.intent\"").count(), 1, "{log}");
    assert_eq!(times(&log, "inbound.received", "refused"), 12, "{log}");
}

#[test]
fn whatever_is_wrong_with_a_request_for_a_call_it_gets_its_code_and_writes_nothing() {
    let clinic = clinic_with(LEADS);
    clinic.schedule("off", &format!("enabled = false\n{LEADS}"));
    let service = started(&clinic, TEN);
    let address = service.inbound();
    let head = || clinic.json(&["status"])["audit"].clone();
    let before = head();
    let (good, secret) = (lead("L1").to_string(), secret());
    let long = format!("{{\"id\":\"L1\",\"note\":\"{}\"}}", "a".repeat(64 * 1024));
    let deep = format!("{}1{}", "{\"a\":".repeat(10_000), "}".repeat(10_000));
    let long_id = json!({"id": "a".repeat(60_000), "phone": "(202) 555-0143"}).to_string();
    let path = format!("/call/leads/{LEADS_SECRET}");
    let query = format!("/call/leads?secret={LEADS_SECRET}");
    let gzip = format!("{secret}content-encoding: gzip\r\n");
    let form = format!("{secret}content-type: application/x-www-form-urlencoded\r\n");
    let cases: [(&str, &str, &str, u16, &str); 20] = [
        ("/call/leads", "", &good, 401, "unauthorized"),
        ("/call/leads", "x-tickler-secret: \r\n", &good, 401, "unauthorized"),
        ("/call/leads", "x-tickler-secret: kept-by-the-cr\r\n", &good, 401, "unauthorized"),
        ("/call/leads", "authorization: Bearer another\r\n", &good, 401, "unauthorized"),
        ("/call/nobody", &secret, &good, 401, "unauthorized"),
        ("/call/off", "", &good, 401, "unauthorized"),
        (&query, "", &good, 401, "unauthorized"),
        (&path, "", &good, 401, "unauthorized"),
        ("/call/leads", "", &long, 401, "unauthorized"),
        ("/outcome/leads", &secret, &good, 401, "unauthorized"),
        ("/call/off", &secret, &good, 409, "disabled"),
        ("/call/leads", &secret, "[]", 400, "unreadable"),
        ("/call/leads", &secret, "<lead/>", 400, "unreadable"),
        ("/call/leads", &secret, "{}", 400, "unreadable"),
        ("/call/leads", &secret, "", 400, "unreadable"),
        ("/call/leads", &secret, &long_id, 400, "unreadable"),
        ("/call/leads", &gzip, &good, 400, "unreadable"),
        ("/call/leads", &form, "", 400, "unreadable"),
        ("/call/leads", &secret, &long, 413, "too_large"),
        ("/call/leads", &secret, &deep, 413, "too_large"),
    ];
    for (path, headers, body, status, reason) in cases {
        let (found, answer, text) = posted(&address, path, headers, body);
        assert_eq!((found, &answer["error"]["reason"]), (status, &json!(reason)), "{path} {headers}: {text}");
        assert!(!text.contains(LEADS_SECRET), "{text}");
    }
    let chunk = "a".repeat(0x1000);
    let chunked = format!(
        "POST /call/leads HTTP/1.1\r\nhost: here\r\n{secret}transfer-encoding: chunked\r\nconnection: close\r\n\r\n{}0\r\n\r\n",
        format!("1000\r\n{chunk}\r\n").repeat(17)
    );
    assert_eq!(exchange(&address, chunked.as_bytes()).0, 413, "64 KiB and more, without a length");
    let put = format!("PUT /call/leads HTTP/1.1\r\nhost: here\r\n{secret}connection: close\r\n\r\n");
    assert_eq!(exchange(&address, put.as_bytes()).0, 405);
    for method in ["GET", "DELETE"] {
        let request = format!("{method} /call/leads/L1 HTTP/1.1\r\nhost: here\r\nconnection: close\r\n\r\n");
        assert_eq!(exchange(&address, request.as_bytes()).0, 401, "{method} without a secret");
    }
    assert_eq!(head(), before, "no row of the log");
    service.signal(rustix::process::Signal::TERM);
    let (lines, _) = service.lines_until("the service has stopped");
    let refused: Vec<&String> = lines.iter().filter(|line| line.contains("a post was refused with 401")).collect();
    assert!(refused[0].contains("it shows no secret") && refused[0].contains("leads"), "{refused:?}");
    assert_eq!(refused.len(), 1, "one a minute, since anybody may post");
    assert!(!lines.concat().contains(LEADS_SECRET) && !lines.concat().contains("kept-by-the-cr"), "no secret");
    service.wait();
}

#[test]
fn a_form_and_a_secret_in_the_url_and_an_idempotency_key_are_requests_too() {
    let text =
        LEADS.replace("id = \"id\"\n", "").replace("[source.inbound]\n", "[source.inbound]\nsecret_in_url = true\n");
    let clinic = clinic_with(&text);
    let service = started(&clinic, TEN);
    let path = format!("/call/leads/{LEADS_SECRET}");
    let headers = "content-type: application/x-www-form-urlencoded\r\nidempotency-key: K-1\r\n";
    let (status, answer, _) = posted(&service.inbound(), &path, headers, "phone=%28202%29+555-0143&name=Ann");
    assert_eq!((status, &answer["appointment_id"]), (202, &json!("K-1")), "{answer}");
    clinic.receiver.request().accept();
    let (status, answer, _) = posted(&service.inbound(), &path, "", "{\"phone\":\"(202) 555-0144\"}");
    assert_eq!((status, &answer["error"]["reason"]), (422, &json!("missing_id")), "{answer}");
    let other = format!("{path}-and-more");
    assert_eq!(posted(&service.inbound(), &other, headers, "phone=1").0, 401);
    service.stop();
}

#[test]
fn of_many_that_wait_high_ones_are_called_first() {
    let clinic = clinic_with(LEADS);
    let settings = "[accounts.thoughtly]\nrate = \"60/min\"\n";
    std::fs::write(clinic.path().join("tickler.toml"), settings).expect("settings");
    let service = started(&clinic, TEN);
    let address = service.inbound();
    let asked = |id: &str, number: usize, priority: &str| {
        let phone = format!("(202) 555-01{number:02}");
        assert_eq!(ask(&address, &json!({"id": id, "phone": phone, "priority": priority})).0, 202, "{id}");
    };
    clinic.json(&["pause", "leads", "--reason", "they pile up"]);
    for number in 10..40 {
        asked(&format!("W{number}"), number, "");
    }
    asked("normal", 50, "normal");
    asked("high", 51, "URGENT");
    clinic.json(&["resume", "leads"]);
    let calls: Vec<String> = (0..3)
        .map(|_| {
            let call = clinic.receiver.request();
            let lead = lead_of(&call);
            call.accept();
            lead
        })
        .collect();
    assert_eq!(calls, ["high", "W10", "W11"], "high first, then the soonest receipt");
    service.stop();
}

#[test]
fn what_was_acknowledged_is_called_once_after_a_kill() {
    let clinic = clinic_with(LEADS);
    let service = started(&clinic, ELEVEN_AT_NIGHT);
    assert_eq!(ask(&service.inbound(), &lead("L1")).0, 202);
    service.signal(Signal::KILL);
    service.wait();
    let again = started(&clinic, "2026-11-25T13:00:05Z");
    let call = clinic.receiver.request();
    assert_eq!(lead_of(&call), "L1");
    call.accept();
    let (status, answer) = ask(&again.inbound(), &lead("L1"));
    assert_eq!((status, &answer["duplicate"]), (200, &json!(true)), "{answer}");
    again.stop();
    assert_eq!(export(clinic.path()).matches("\"event\":\"delivery.intent\"").count(), 1);
}

#[test]
fn more_leads_than_the_hour_allows_are_told_to_come_again_and_a_pause_is_named() {
    let clinic = clinic_with(&LEADS.replace("[source.inbound]\n", "[source.inbound]\nmax_per_hour = 2\n"));
    let service = started(&clinic, ELEVEN_AT_NIGHT);
    let address = service.inbound();
    clinic.json(&["pause", "leads", "--reason", "the line is down"]);
    let (status, answer) = ask(&address, &json!({"id": "L1", "phone": "(202) 555-0141"}));
    assert_eq!((status, &answer["note"]), (202, &json!("paused")), "{answer}");
    assert_eq!(ask(&address, &json!({"id": "L2", "phone": "(202) 555-0142"})).0, 202);
    let third = json!({"id": "L3", "phone": "(202) 555-0143"}).to_string();
    let (status, answer, text) = posted(&address, "/call/leads", &secret(), &third);
    assert_eq!((status, &answer["error"]["reason"]), (429, &json!("too_many")), "{text}");
    let wait = text.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("retry-after: ").map(str::to_owned));
    let wait: u64 = wait.expect("a time").trim().parse().expect("seconds");
    assert!((3_500..=3_660).contains(&wait), "{wait}");
    assert_eq!(ask(&address, &json!({"id": "L1", "phone": "(202) 555-0141"})).0, 200, "a known one");
    assert_eq!(ask(&address, &json!({"id": "L4", "phone": "911"})).0, 422, "one that is refused takes no place");
    let status = clinic.json(&["status"]);
    assert_eq!((&status["inbound"]["accepted"], &status["inbound"]["refused"]), (&json!(3), &json!(2)), "{status}");
    service.stop();
    // an hour later there is room
    let service = started(&clinic, "2026-11-25T05:01:30Z");
    assert_eq!(ask(&service.inbound(), &json!({"id": "L3", "phone": "(202) 555-0143"})).0, 202);
    service.stop();
}

#[test]
fn a_plan_a_trigger_and_a_fresh_read_go_over_the_requests_that_came() {
    let clinic = clinic_with(LEADS);
    let service = started(&clinic, ELEVEN_AT_NIGHT);
    let address = service.inbound();
    assert_eq!(ask(&address, &json!({"id": "L1", "phone": "(202) 555-0141", "priority": "high"})).0, 202);
    assert_eq!(ask(&address, &json!({"id": "L2", "phone": "(202) 555-0142"})).0, 202);
    assert_eq!(of_id(&address, "DELETE", "L2").0, 200);
    let plan = clinic.json(&["plan", "leads", "--now", "2026-11-25T04:30:00Z"]);
    let planned = plan[0]["reminders"].as_array().expect("reminders").clone();
    assert_eq!(planned.len(), 1, "{plan}");
    assert_eq!(
        (&planned[0]["appointment_id"], &planned[0]["priority"], &planned[0]["lead"]),
        (&json!("L1"), &json!("high"), &json!("now")),
        "{plan}"
    );
    service.stop();
    let service = started(&clinic, "2026-11-25T13:00:05Z");
    let call = clinic.receiver.request();
    assert_eq!(lead_of(&call), "L1");
    call.accept();
    service.stop();
    let output = tickler(clinic.path())
        .env("THOUGHTLY_AUTOMATION_URL", clinic.receiver.url())
        .args(["trigger", "leads", "--now", "2026-11-25T13:05:00Z", "--format", "json"])
        .output()
        .expect("tickler runs");
    let answer: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(
        (&answer["counts"]["already_reminded"], &answer["counts"]["planned"]),
        (&json!(1), &json!(0)),
        "{answer}"
    );
}
