//! What comes together: reports while the account is asked for the same call, an opt-out beside another schedule's pending call,
//! calls that a draft accepted, and requests beside reminders that wait.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::{Arc, Condvar, Mutex};

use serde_json::{Value, json};

use crate::binary::{Receiver, export};
use crate::clinic::*;
use crate::leads::{LEADS, LEADS_SECRET, lead_of, secret};
use crate::retries::{await_event, events, has};
use crate::sandboxed::Sandbox;

/// How many polls began, how many reports were acknowledged.
type Progress = Arc<(Mutex<(usize, usize)>, Condvar)>;

fn advance(progress: &Progress, change: impl Fn(&mut (usize, usize))) {
    change(&mut progress.0.lock().expect("nobody panics"));
    progress.1.notify_all();
}

fn await_progress(progress: &Progress, is_so: impl Fn(&(usize, usize)) -> bool) {
    let held = progress.0.lock().expect("nobody panics");
    drop(progress.1.wait_while(held, |now| !is_so(now)).expect("nobody panics"));
}

/// An account that knows one call. It answers a poll only when a hundred reports were acknowledged after the poll had begun.
fn account(record: Value, progress: &Progress) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let progress = Arc::clone(progress);
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut request = Vec::new();
            let mut chunk = [0; 1024];
            while !request.windows(4).any(|end| end == b"\r\n\r\n") {
                match stream.read(&mut chunk) {
                    Ok(count) if count > 0 => request.extend_from_slice(&chunk[..count]),
                    Ok(_) | Err(_) => return,
                }
            }
            advance(&progress, |now| now.0 += 1);
            await_progress(&progress, |now| now.1 >= 100);
            let body = json!({"data": {"responses": [record]}}).to_string();
            let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close";
            let _gone = write!(stream, "{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        }
    });
    url
}

#[test]
fn two_hundred_reports_while_the_account_is_asked_for_the_same_call_make_one_retry() {
    let clinic = Clinic::new("");
    clinic.schedule(
        "day-before",
        &format!("{SCHEDULE}[outcome.poll]\nagent = \"a1\"\nevery = \"1s\"\n[outcome.retry]\n"),
    );
    let (service, id) = clinic.called();
    service.stop();
    let progress = Progress::default();
    let silent = |second: usize| json!({"reminder_id": id, "call_id": "c1", "status": "NO_ANSWER", "ended_at": format!("2026-11-24T14:02:0{second}Z")});
    let known = json!({"id": "c1", "interview": {"id": "a1"}, "status": "NO_ANSWER", "end_time": "2026-11-24T14:02:05Z",
        "metadata": {"reminder_id": id}});
    let url = account(known, &progress);
    let settings =
        format!("[accounts.thoughtly]\nbase_url = \"{url}\"\napi_token = {{ env = \"TOKEN\" }}\nteam_id = \"team\"\n");
    std::fs::write(clinic.path().join("tickler.toml"), settings).expect("settings");
    let token = [("TOKEN", "token-1")];
    // what is eleven minutes old is asked for at once
    let service = clinic.start_with("2026-11-24T14:11:00Z", &token);
    let address = service.inbound();
    await_progress(&progress, |now| now.0 >= 1);
    std::thread::scope(|scope| {
        for _connection in 0..20 {
            scope.spawn(|| {
                for second in 0..10 {
                    assert_eq!(tell(&address, &silent(second)).0, 200);
                    advance(&progress, |now| now.1 += 1);
                }
            });
        }
    });
    service.stop();
    let service = clinic.start_with("2026-11-24T15:02:15Z", &token);
    clinic.receiver.request().accept();
    await_event(&clinic, "delivery.delivered", "1d+1", "");
    service.stop();
    let log = export(clinic.path());
    assert_eq!(log.matches("\"delivery.intent\"").count(), 2, "{log}");
    assert_eq!(log.matches("outcome.received").count(), 1, "{log}");
    assert!(clinic.receiver.is_untouched());
}

#[test]
fn whoever_says_stop_is_not_called_by_another_schedule_either() {
    let clinic = Clinic::new("");
    let two_a_day = SCHEDULE.replace("days_before = 1\n", "days_before = 1\nmax_per_person_per_day = 2\n");
    clinic.schedule("day-before", &two_a_day);
    let hours = "days_before = 1\ncalling_hours = \"18:00-20:00\"\nmax_lateness = \"12h\"\n";
    let evening = two_a_day.replace("days_before = 1\n", hours);
    clinic.schedule("evening", &evening[..evening.find("[outcome]").expect("a table")]);
    let service = clinic.start(BEFORE_NINE);
    let call = clinic.receiver.request();
    let id = reminder_id(&call.text);
    call.accept();
    await_event(&clinic, "delivery.delivered", "1d", "");
    let pending = || clinic.json(&["status"])["pending"].clone();
    assert_eq!(pending(), 1, "the evening's call waits for its hour");
    let stop = json!({"reminder_id": id, "call_id": "c1", "status": "COMPLETED", "outcome": "stop"});
    assert_eq!(tell(&service.inbound(), &stop), received(Some("opted_out"), false));
    assert_eq!(pending(), 0);
    assert!(has(&clinic, "reminder.cancelled", "1d", "opted_out"), "{:?}", events(&clinic));
    service.stop();
    let service = clinic.start("2026-11-24T23:00:05Z");
    let told = clinic.json(&["explain", "evening", "A-1", "--now", "2026-11-24T23:00:10Z"]);
    assert_eq!((&told["verdict"], &told["reason"]), (&json!("skip"), &json!("opted_out")), "{told}");
    service.stop();
    assert!(clinic.receiver.is_untouched(), "nobody is called in the evening");
}

#[test]
fn a_draft_that_accepts_five_calls_is_one_alert_and_all_five_are_called_again_by_one_verb() {
    let sandbox = Sandbox::start(&["--draft"]);
    let people = Receiver::listen();
    let clinic = Clinic::new("");
    let rows: String = (1..=5).map(|n| format!("A-{n},(202) 555-010{n},2026-11-25 10:00\n")).collect();
    clinic.table(&rows);
    let variables = [("THOUGHTLY_AUTOMATION_URL", &*sandbox.url), ("TICKLER_NOTIFY__WEBHOOK", &*people.url())];
    let service = clinic.start_with(BEFORE_NINE, &variables);
    let delivered = || events(&clinic).iter().filter(|(event, ..)| event == "delivery.delivered").count();
    for _look in 0..600 {
        if delivered() == 5 {
            break;
        }
    }
    assert_eq!(delivered(), 5, "a draft accepts every call");
    service.stop();
    let service = clinic.start_with("2026-11-24T14:29:00Z", &variables);
    service.stop();
    assert!(people.is_untouched(), "a report may take half an hour");
    let service = clinic.start_with("2026-11-24T14:30:30Z", &variables);
    let alert = people.request();
    assert!(alert.text.contains("outcome_silent") && alert.text.contains("draft"), "{}", alert.text);
    alert.accept();
    let planned = clinic.json(&["outcome", "retry", "day-before", "--silent"]);
    let leads: Vec<&str> = planned.as_array().expect("rows").iter().filter_map(|row| row["lead"].as_str()).collect();
    assert_eq!(leads, ["1d+1"; 5], "{planned}");
    for _look in 0..600 {
        if delivered() == 10 {
            break;
        }
    }
    assert_eq!(delivered(), 10);
    service.stop();
    assert!(people.is_untouched(), "one alert");
    let ids = sandbox.received().iter().filter(|line| line.contains("/webhook/automation/")).count();
    assert_eq!(ids, 10);
}

#[test]
fn a_request_of_high_priority_and_then_another_one_come_before_thirty_reminders_that_wait() {
    let clinic = Clinic::new("");
    std::fs::write(clinic.path().join("tickler.toml"), "[accounts.thoughtly]\nrate = \"60/min\"\n").expect("settings");
    clinic.schedule("day-before", &format!("{SCHEDULE}[delivery]\nmax_in_flight = 1\n"));
    clinic.schedule("leads", LEADS);
    let rows: String = (10..41).map(|n| format!("A-{n},(202) 555-01{n},2026-11-25 10:00\n")).collect();
    clinic.table(&rows);
    let service = clinic.start_with(BEFORE_NINE, &[("LEADS_SECRET", LEADS_SECRET)]);
    let first = clinic.receiver.request();
    clinic.json(&["pause", "--all", "--reason", "while the queue is arranged"]);
    first.accept();
    for (id, phone, priority) in [("normal", "(202) 555-0150", "normal"), ("high", "(202) 555-0151", "high")] {
        let lead = json!({"id": id, "phone": phone, "priority": priority}).to_string();
        let (status, answer, text) = posted(&service.inbound(), "/call/leads", &secret(), &lead);
        assert_eq!((status, &answer["note"]), (202, &json!("paused")), "{text}");
    }
    assert_eq!(clinic.json(&["status"])["pending"], 32);
    clinic.json(&["resume", "--all"]);
    let next: Vec<String> = (0..4)
        .map(|_call| {
            let call = clinic.receiver.request();
            let lead = lead_of(&call);
            call.accept();
            lead
        })
        .collect();
    assert_eq!(next, ["high", "normal", "a reminder", "a reminder"]);
    service.stop();
}
