//! What follows an outcome: a person who didn't answer is called again, one who answered isn't, and a wrong number gives way.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::binary::{Call, export};
use crate::clinic::*;

/// One retry an hour after the call, in a payload that says so.
const RETRY: &str = "[outcome.retry]\n";

/// A clinic with one appointment whose calls say which they are.
fn clinic(remind: &str, retry: &str) -> Clinic {
    let clinic = Clinic::new("");
    let payload = "[payload]\nlead = \"{{ lead }}\"\nretry = \"{{ retry }}\"\nlast_try = \"{{ last_try }}\"\n\
        previous = \"{{ previous_outcome }}\"\n";
    let text =
        SCHEDULE.replace("[payload]\n", payload).replace("days_before = 1\n", &format!("days_before = 1\n{remind}"));
    clinic.schedule("day-before", &format!("{text}{retry}"));
    clinic
}

fn body(call: &Call) -> Value {
    serde_json::from_str(call.text.split_once("\r\n\r\n").expect("a body").1).expect("JSON")
}

fn record(id: &str, status: &str, said: Option<&str>, ended_at: &str) -> Value {
    json!({"reminder_id": id, "call_id": format!("of {id}"), "status": status, "outcome": said, "ended_at": ended_at})
}

/// The events of the log about reminders, with lead and reason.
pub fn events(clinic: &Clinic) -> Vec<(String, String, String)> {
    let text = |row: &Value, name: &str| row[name].as_str().unwrap_or_default().to_owned();
    let rows = export(clinic.path());
    let rows = rows.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    rows.map(|row| (text(&row, "event"), text(&row, "lead"), text(&row, "reason"))).collect()
}

pub fn has(clinic: &Clinic, event: &str, lead: &str, reason: &str) -> bool {
    events(clinic).contains(&(event.to_owned(), lead.to_owned(), reason.to_owned()))
}

/// Waits until the log holds such a row.
pub fn await_event(clinic: &Clinic, event: &str, lead: &str, reason: &str) {
    for _look in 0..600 {
        if has(clinic, event, lead, reason) {
            return;
        }
    }
    panic!("no {event} {lead} {reason}: {:?}", events(clinic));
}

#[test]
fn who_does_not_answer_is_called_again_by_a_reminder_of_its_own() {
    let clinic = clinic("", RETRY);
    let (service, id) = clinic.called();
    let answer = tell(&service.inbound(), &record(&id, "NO_ANSWER", None, "2026-11-24T14:02:00Z"));
    assert_eq!(answer, received(Some("no_answer"), false));
    let told = clinic.json(&["explain", "day-before", "A-1", "--now", "2026-11-24T14:03:00Z"]);
    assert_eq!(told["outcome"], "no_answer", "{told}");
    assert!(told.to_string().contains("it is called again (1d+1) at 2026-11-24 10:02"), "{told}");
    let listed = clinic.json(&["outcome", "list"]);
    assert_eq!((&listed[1]["lead"], &listed[1]["state"]), (&json!("1d+1"), &json!("pending")), "{listed}");
    assert_eq!(service.stop().code(), Some(0));

    let service = clinic.start("2026-11-24T15:01:58Z");
    let call = clinic.receiver.request();
    let again = body(&call);
    let expected = json!({"lead": "1d+1", "retry": 1, "last_try": true, "previous": "no_answer"});
    for (name, value) in expected.as_object().expect("an object") {
        assert_eq!(&again[name], value, "{again}");
    }
    let second = reminder_id(&call.text);
    assert_ne!(second, id, "a receiver drops an id that it knows");
    call.accept();
    await_event(&clinic, "delivery.delivered", "1d+1", "");
    // `times` is 1: nobody is called a third time; a late record of the first call isn't taken for the second
    let no_answer = record(&second, "NO_ANSWER", None, "2026-11-24T15:03:00Z");
    assert_eq!(tell(&service.inbound(), &no_answer), received(Some("no_answer"), false));
    let late = record(&id, "COMPLETED", Some("yes"), "2026-11-24T14:02:30Z");
    assert_eq!(tell(&service.inbound(), &late), received(Some("confirmed"), false));
    assert_eq!(service.stop().code(), Some(0));
    assert!(has(&clinic, "reminder.planned", "1d+1", "retry"), "{:?}", events(&clinic));
    assert!(!events(&clinic).iter().any(|(_, lead, _)| lead == "1d+2"), "{:?}", events(&clinic));
}

#[test]
fn a_retry_whose_appointment_was_cancelled_meanwhile_is_not_sent() {
    let clinic = clinic("", RETRY);
    let (service, id) = clinic.called();
    tell(&service.inbound(), &record(&id, "NO_ANSWER", None, "2026-11-24T14:02:00Z"));
    service.stop();
    clinic.table("A-9,(202) 555-0149,2026-12-24 10:00\n");
    let service = clinic.start("2026-11-24T15:01:58Z");
    await_event(&clinic, "reminder.cancelled", "1d+1", "missing");
    service.stop();
    assert!(!has(&clinic, "delivery.intent", "1d+1", ""), "{:?}", events(&clinic));
}

#[test]
fn in_every_order_of_its_records_a_call_ends_in_one_outcome_and_nobody_who_confirmed_is_called_again() {
    let clinic = clinic("", RETRY);
    let rows: String = (1..=7).map(|n| format!("A-{n},(202) 555-014{n},2026-11-25 10:00\n")).collect();
    clinic.table(&rows);
    let service = clinic.start(BEFORE_NINE);
    let mut ids = BTreeSet::new();
    for _call in 1..=7 {
        let call = clinic.receiver.request();
        ids.insert(reminder_id(&call.text));
        call.accept();
    }
    let address = service.inbound();
    let going_on = |id: &str| json!({"reminder_id": id, "call_id": format!("of {id}"), "status": "IN_PROGRESS"});
    let silent = |id: &str| record(id, "NO_ANSWER", None, "2026-11-24T14:02:00Z");
    let yes = |id: &str| record(id, "COMPLETED", Some("yes"), "2026-11-24T14:02:00Z");
    let records: [&dyn Fn(&str) -> Value; 3] = [&going_on, &silent, &yes];
    let orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
    let ids: Vec<String> = ids.into_iter().collect();
    for (id, order) in ids.iter().zip(orders) {
        let answers = order.map(|place| tell(&address, &records[place](id)).1["outcome"].clone());
        assert_eq!(answers[2], "confirmed", "{order:?} {answers:?}");
    }
    // what was said counts only where somebody spoke
    let unheard = record(&ids[6], "NO_ANSWER", Some("yes"), "2026-11-24T14:02:00Z");
    assert_eq!(tell(&address, &unheard), received(Some("no_answer"), false));
    let listed = clinic.json(&["outcome", "list"]);
    let waiting: Vec<&Value> =
        listed.as_array().expect("rows").iter().filter(|row| row["state"] == "pending").collect();
    assert_eq!(waiting.len(), 1, "only the one who did not answer: {listed}");
    service.stop();
    assert!(has(&clinic, "reminder.cancelled", "1d+1", "answered"), "{:?}", events(&clinic));
}

#[test]
fn calling_hours_and_lateness_apply_to_a_retry() {
    let evening = "2026-11-25T01:30:00Z";
    let patient = clinic("max_lateness = \"12h\"\n", RETRY);
    let (service, id) = patient.called();
    tell(&service.inbound(), &record(&id, "NO_ANSWER", None, evening));
    let listed = patient.json(&["explain", "day-before", "A-1", "--now", evening]).to_string();
    assert!(listed.contains("it is called again (1d+1)"), "{listed}");
    service.stop();
    let service = patient.start("2026-11-25T12:59:58Z");
    let call = patient.receiver.request();
    assert_eq!(body(&call)["retry"], 1, "at eight, when phones may ring");
    call.accept();
    service.stop();

    let strict = clinic("max_lateness = \"6h\"\n", RETRY);
    let (service, id) = strict.called();
    tell(&service.inbound(), &record(&id, "NO_ANSWER", None, evening));
    service.stop();
    let log = export(strict.path());
    assert!(log.contains("not called again: outside_calling_hours"), "{log}");
    assert!(!log.contains("1d+1"), "{log}");
}

#[test]
fn two_hundred_reports_over_twenty_connections_make_one_retry() {
    let clinic = clinic("", RETRY);
    let (service, id) = clinic.called();
    let address = service.inbound();
    std::thread::scope(|scope| {
        for _connection in 0..20 {
            scope.spawn(|| {
                for second in 0..10 {
                    let silent = record(&id, "NO_ANSWER", None, &format!("2026-11-24T14:02:0{second}Z"));
                    assert_eq!(tell(&address, &silent).0, 200);
                }
            });
        }
    });
    service.stop();
    let service = clinic.start("2026-11-24T15:02:15Z");
    clinic.receiver.request().accept();
    await_event(&clinic, "delivery.delivered", "1d+1", "");
    service.stop();
    let log = export(clinic.path());
    assert_eq!(log.matches("delivery.intent").count(), 2, "{log}");
}

#[test]
fn a_wrong_number_gives_way_to_the_next_column_until_the_source_has_another() {
    let clinic = Clinic::new("");
    let text = SCHEDULE.replace("phone = \"phone\"\n", "phone = [\"mobile\", \"phone\"]\n");
    clinic.schedule(
        "day-before",
        &text.replace("days_before = 1\n", "days_before = [2, 1]\nmax_per_person_per_day = 5\n"),
    );
    let table = |mobile: &str, phone: &str| {
        let rows = format!("id,mobile,phone,starts_at\nA-1,{mobile},{phone},2026-11-26 10:00\n");
        std::fs::write(clinic.path().join("appointments.csv"), rows).expect("a table");
    };
    table("(202) 555-0143", "(202) 555-0144");
    let (service, id) = clinic.called();
    let wrong = record(&id, "COMPLETED", Some("wrong"), "2026-11-24T14:02:00Z");
    assert_eq!(tell(&service.inbound(), &wrong), received(Some("wrong_number"), false));
    service.stop();
    let next = ["plan", "day-before", "--now", "2026-11-25T14:00:00Z"];
    let explain = ["explain", "day-before", "A-1", "--now", "2026-11-25T14:00:00Z"];
    let phone = || clinic.json(&next)[0]["reminders"][0]["phone"].as_str().unwrap_or_default().to_owned();
    assert!(phone().ends_with("0144"), "{}", clinic.json(&next));
    table("(202) 555-0143", "");
    let told = clinic.json(&explain);
    assert_eq!((&told["verdict"], &told["reason"]), (&json!("skip"), &json!("wrong_number")), "{told}");
    let blocked = told["steps"].as_array().expect("steps").iter().find(|step| step["result"] == "block");
    assert_eq!(blocked.expect("a block")["rule"], "wrong_number", "{told}");
    table("(202) 555-0145", "");
    assert!(phone().ends_with("0145"), "{}", clinic.json(&next));
    table("(202) 555-0143", "");
    let removed = clinic.json(&["optout", "remove", "--wrong", "+12025550143"]);
    assert_eq!(removed["changed"], 1, "{removed}");
    assert!(phone().ends_with("0143"), "{}", clinic.json(&next));
}

#[test]
fn who_confirmed_seven_days_before_is_not_called_one_day_before_unless_the_appointment_moves() {
    for (word, reason) in [("yes", "confirmed"), ("cancel", "declined"), ("move", "reschedule")] {
        let clinic = Clinic::new("");
        clinic.schedule("day-before", &SCHEDULE.replace("days_before = 1\n", "days_before = [7, 1]\n"));
        clinic.table("A-1,(202) 555-0143,2026-12-01 10:00\n");
        let (service, id) = clinic.called();
        let said = record(&id, "COMPLETED", Some(word), "2026-11-24T14:02:00Z");
        assert_eq!(tell(&service.inbound(), &said).0, 200);
        service.stop();
        let day_before = ["explain", "day-before", "A-1", "--now", "2026-11-30T14:00:00Z"];
        let told = clinic.json(&day_before);
        assert_eq!((&told["verdict"], &told["reason"]), (&json!("skip"), &json!(reason)), "{told}");
        assert_eq!(told["outcome"], reason, "{told}");
        clinic.table("A-1,(202) 555-0143,2026-12-01 11:00\n");
        assert_eq!(clinic.json(&day_before)["verdict"], "call", "moved: called for the new start");
    }
}

#[test]
fn a_person_has_somebody_called_again() {
    let clinic = clinic("", "");
    let (service, id) = clinic.called();
    let planned = clinic.json(&["outcome", "retry", &id, "--reason", "she asked for it"]);
    assert_eq!((&planned[0]["lead"], &planned[0]["state"]), (&json!("1d+1"), &json!("pending")), "{planned}");
    let call = clinic.receiver.request();
    let second = reminder_id(&call.text);
    call.accept();
    await_event(&clinic, "delivery.delivered", "1d+1", "");
    let refused = crate::binary::tickler(clinic.path()).args(["outcome", "retry", &id]).output().expect("tickler runs");
    assert!(!refused.status.success(), "its retry is there already");
    let refused =
        crate::binary::tickler(clinic.path()).args(["outcome", "retry", &second]).output().expect("tickler runs");
    assert!(String::from_utf8_lossy(&refused.stderr).contains("used_up"), "{refused:?}");
    service.stop();
    assert!(has(&clinic, "operator.retried", "1d", ""), "{:?}", events(&clinic));
}

#[test]
fn all_of_whom_nothing_was_heard_are_called_again() {
    let clinic = clinic("", RETRY);
    clinic.table("A-1,(202) 555-0141,2026-11-25 10:00\nA-2,(202) 555-0142,2026-11-25 10:00\nA-3,(202) 555-0143,2026-11-25 10:00\n");
    let service = clinic.start(BEFORE_NINE);
    let mut ids = Vec::new();
    for _call in 1..=3 {
        let call = clinic.receiver.request();
        ids.push(reminder_id(&call.text));
        call.accept();
    }
    clinic.until(|row| row["state"] == "delivered");
    let alive = json!({"reminder_id": ids[0], "call_id": "c1", "status": "IN_PROGRESS"});
    assert_eq!(tell(&service.inbound(), &alive), received(None, false));
    let planned = clinic.json(&["outcome", "retry", "day-before", "--silent"]);
    assert_eq!(planned.as_array().map(Vec::len), Some(2), "{planned}");
    clinic.receiver.request().accept();
    clinic.receiver.request().accept();
    let none = clinic.json(&["outcome", "retry", "day-before", "--silent"]);
    assert_eq!(none, json!([]), "each once");
    service.stop();
}
