//! What goes wrong around requests for calls: a disk that is full, a ledger that is held, a stop with posts in flight, a clock
//! that goes back, schedules that are paused, changed or removed. Nothing is acknowledged that is not kept, and whatever
//! was acknowledged is called once.

use std::collections::BTreeSet;
use std::sync::Mutex;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::binary::{Service, export, tickler};
use crate::clinic::*;
use crate::leads::{
    ELEVEN_AT_NIGHT, LEADS, LEADS_SECRET, TEN, ask, clinic_with, lead, lead_of, of_id, secret, started,
};
use crate::small_disk::SmallDisk;

/// A minute after eight in New York, when leads of the night are called.
const MORNING: &str = "2026-11-25T13:01:00Z";

/// Leads with numbers of their own.
fn numbered(number: usize) -> Value {
    json!({"id": format!("L{number}"), "phone": format!("(202) 555-01{number:02}")})
}

/// A clinic of leads that may post and be called as often as they like.
fn busy_clinic(more: &str) -> Clinic {
    let many = LEADS.replace("[source.inbound]\n", "[source.inbound]\nmax_per_hour = 100000\n");
    let clinic = clinic_with(&format!("{many}{more}"));
    let settings = "[accounts.thoughtly]\nrate = \"unlimited\"\n";
    std::fs::write(clinic.path().join("tickler.toml"), settings).expect("settings");
    clinic
}

/// Accepts so many calls; answers whose they were.
fn accepted(clinic: &Clinic, count: usize) -> BTreeSet<String> {
    let call = |_| {
        let call = clinic.receiver.request();
        let lead = lead_of(&call);
        call.accept();
        lead
    };
    (0..count).map(call).collect()
}

#[test]
fn on_a_full_disk_no_lead_and_no_report_is_acknowledged_and_with_room_again_each_is_taken() {
    let Some(disk) = SmallDisk::mount(48 * 1024) else {
        eprintln!("SKIPPED: this process may not mount a small file system (it takes root)");
        return;
    };
    let clinic = busy_clinic("[outcome]\nsecret = { env = \"OUTCOME_SECRET\" }\n");
    let ledger = disk.path().join("tickler.db").display().to_string();
    let start = |now| clinic.start_with(now, &[("LEADS_SECRET", LEADS_SECRET), ("TICKLER_LEDGER", &ledger)]);
    let service = start(TEN);
    let address = service.inbound();
    assert_eq!(ask(&address, &numbered(0)).0, 202);
    let call = clinic.receiver.request();
    let id = reminder_id(&call.text);
    call.accept();
    disk.fill_but(0);
    // what room the ledger's own files have left is used up first
    let (mut taken, mut refused) = (1, 0);
    for number in 1..100 {
        let (status, answer, text) = posted(&address, "/call/leads", &secret(), &numbered(number).to_string());
        match status {
            202 => taken += 1,
            429 => {
                assert_eq!(answer["error"]["reason"], "unavailable", "{text}");
                assert!(text.to_ascii_lowercase().contains("retry-after: "), "{text}");
                refused = number;
                break;
            }
            _ => panic!("{text}"),
        }
    }
    assert!(refused > 0, "a full disk takes nothing: {taken} were taken");
    let headers = format!("x-tickler-secret: {SECRET}\r\n");
    let record = json!({"reminder_id": id, "call_id": "c1", "status": "BUSY"}).to_string();
    let (status, _, text) = posted(&address, "/outcome/leads", &headers, &record);
    assert_eq!(status, 429, "{text}");
    disk.lighten();
    // what was refused is repeated by its sender, and nobody is lost or called twice
    for number in refused..100 {
        assert_eq!(until_taken(&address, &numbered(number)), 202, "{number}");
    }
    let calls = accepted(&clinic, 99);
    assert_eq!(calls, (1..100).map(|number| format!("L{number}")).collect());
    let (status, answer, text) = posted(&address, "/outcome/leads", &headers, &record);
    assert_eq!((status, &answer["outcome"], &answer["duplicate"]), (200, &json!("busy"), &json!(false)), "{text}");
    assert_eq!(service.stop().code(), Some(0));
    assert!(clinic.receiver.is_untouched(), "nobody is called twice");
}

/// The status of the first answer that is not to be repeated.
fn until_taken(address: &str, lead: &Value) -> u16 {
    for _try in 0..2_000 {
        let (status, _) = ask(address, lead);
        if status != 429 {
            return status;
        }
    }
    429
}

#[test]
fn what_cannot_be_committed_is_not_acknowledged_and_its_repeat_is_the_first_call() {
    let clinic = clinic_with(LEADS);
    let service = started(&clinic, TEN);
    let ledger = rusqlite::Connection::open(clinic.path().join("tickler.db")).expect("the ledger");
    ledger.execute_batch("BEGIN IMMEDIATE").expect("another program holds it");
    let (status, answer, text) = posted(&service.inbound(), "/call/leads", &secret(), &lead("L1").to_string());
    ledger.execute_batch("ROLLBACK").expect("it lets go");
    assert_eq!((status, &answer["error"]["reason"]), (429, &json!("unavailable")), "{text}");
    assert_eq!(clinic.json(&["inbound", "list"]), json!([]), "nothing is kept");
    let (status, answer) = ask(&service.inbound(), &lead("L1"));
    assert_eq!((status, &answer["duplicate"]), (202, &json!(false)), "{answer}");
    accepted(&clinic, 1);
    service.stop();
    assert!(clinic.receiver.is_untouched());
}

#[test]
fn a_lead_that_was_acknowledged_while_the_service_stopped_is_kept() {
    let clinic = busy_clinic("");
    let service = started(&clinic, ELEVEN_AT_NIGHT);
    let address = service.inbound();
    let kept = Mutex::new(BTreeSet::new());
    std::thread::scope(|scope| {
        for connection in 0..4 {
            let (address, kept) = (&address, &kept);
            scope.spawn(move || {
                for number in (connection..100).step_by(4) {
                    let posted = std::panic::catch_unwind(|| ask(address, &numbered(number)).0);
                    match posted {
                        Ok(202) => kept.lock().expect("no poison").insert(number),
                        // it stops: whoever posts is asked to repeat it, or the listener is gone
                        Ok(_) | Err(_) => return,
                    };
                }
            });
        }
        while kept.lock().expect("no poison").len() < 20 {
            std::thread::yield_now();
        }
        service.signal(Signal::TERM);
    });
    assert_eq!(service.wait().code(), Some(0));
    let kept = kept.into_inner().expect("no poison");
    let again = started(&clinic, ELEVEN_AT_NIGHT);
    for number in &kept {
        let (status, answer) = ask(&again.inbound(), &numbered(*number));
        let found = (status, &answer["duplicate"], &answer["state"]);
        assert_eq!(found, (200, &json!(true), &json!("pending")), "it was acknowledged: {answer}");
    }
    again.stop();
}

#[test]
fn a_clock_that_goes_back_an_hour_between_a_lead_and_its_call_makes_no_second_one() {
    let clinic = clinic_with(LEADS);
    let service = started(&clinic, ELEVEN_AT_NIGHT);
    let (status, first) = ask(&service.inbound(), &lead("L1"));
    assert_eq!(status, 202, "{first}");
    service.stop();
    let service = started(&clinic, "2026-11-25T03:00:00Z");
    let (status, again) = ask(&service.inbound(), &lead("L1"));
    assert_eq!((status, &again["reminder_id"]), (200, &first["reminder_id"]), "{again}");
    let (status, renewed) = ask(&service.inbound(), &json!({"id": "L1", "phone": "(202) 555-0144"}));
    assert_eq!((status, &renewed["reminder_id"]), (202, &first["reminder_id"]), "{renewed}");
    service.stop();
    let service = started(&clinic, MORNING);
    let call = clinic.receiver.request();
    assert!(call.text.contains("+12025550144"), "{}", call.text);
    call.accept();
    assert_eq!(ask(&service.inbound(), &lead("L1")).0, 200);
    service.stop();
    // and back again after the call
    let service = started(&clinic, ELEVEN_AT_NIGHT);
    assert_eq!(ask(&service.inbound(), &lead("L1")).0, 200);
    service.stop();
    let service = started(&clinic, MORNING);
    service.stop();
    assert!(clinic.receiver.is_untouched());
    let verified = tickler(clinic.path()).args(["audit", "verify"]).output().expect("tickler runs");
    assert_eq!(verified.status.code(), Some(0), "{verified:?}");
}

fn run(clinic: &Clinic, arguments: &[&str]) {
    let ended = tickler(clinic.path()).args(arguments).output().expect("tickler runs");
    assert!(ended.status.success(), "{arguments:?} {ended:?}");
}

#[test]
fn leads_are_kept_while_calls_are_stopped_and_called_when_they_may_be() {
    let clinic = clinic_with(LEADS);
    let service = started(&clinic, TEN);
    let address = service.inbound();
    let asked = |number: usize, note: Value| {
        let (status, answer) = ask(&address, &numbered(number));
        assert_eq!((status, &answer["note"], &answer["state"]), (202, &note, &json!("pending")), "{answer}");
    };
    run(&clinic, &["pause", "--all", "--reason", "a holiday"]);
    asked(1, json!("paused"));
    std::fs::write(clinic.path().join("STOP"), "").expect("a file");
    run(&clinic, &["resume", "--all"]);
    asked(2, json!("paused"));
    assert!(clinic.receiver.is_untouched(), "nobody is called meanwhile");
    std::fs::remove_file(clinic.path().join("STOP")).expect("it was there");
    assert_eq!(accepted(&clinic, 2), BTreeSet::from(["L1".to_owned(), "L2".to_owned()]));
    service.stop();
}

/// The service with one lead that waits for the morning, and its schedule's new text, loaded.
fn reloaded(text: Option<&str>) -> (Clinic, Service) {
    let clinic = clinic_with(LEADS);
    let service = started(&clinic, ELEVEN_AT_NIGHT);
    assert_eq!(ask(&service.inbound(), &lead("L1")).0, 202);
    match text {
        Some(text) => clinic.schedule("leads", text),
        None => {
            std::fs::remove_file(clinic.path().join("schedules/leads.toml")).expect("it was there");
        }
    }
    run(&clinic, &["reload"]);
    (clinic, service)
}

#[test]
fn a_lead_that_waits_is_judged_by_the_schedule_as_it_is_when_it_is_called() {
    // changed: another payload, the same call
    let (clinic, service) = reloaded(Some(&LEADS.replace("lead_id =", "greeting = \"hello\"\nlead_id =")));
    assert_eq!(ask(&service.inbound(), &lead("L1")).0, 200, "it is known");
    service.stop();
    let service = started(&clinic, MORNING);
    let call = clinic.receiver.request();
    assert!(call.text.contains("\"greeting\":\"hello\""), "{}", call.text);
    call.accept();
    service.stop();
    // a rule that refuses it now
    let stricter = LEADS.replace("now = true\n", "now = true\nonly_if = 'name == \"Ben\"'\n");
    let (clinic, service) = reloaded(Some(&stricter));
    service.stop();
    let service = started(&clinic, MORNING);
    crate::retries::await_event(&clinic, "reminder.cancelled", "now", "filtered");
    service.stop();
    assert!(clinic.receiver.is_untouched());
}

#[test]
fn a_schedule_that_is_switched_off_or_removed_calls_no_lead_and_takes_none() {
    let (clinic, service) = reloaded(Some(&format!("enabled = false\n{LEADS}")));
    let (status, answer) = ask(&service.inbound(), &lead("L2"));
    assert_eq!((status, &answer["error"]["reason"]), (409, &json!("disabled")), "{answer}");
    assert_eq!(of_id(&service.inbound(), "GET", "L1").0, 200);
    service.stop();
    started(&clinic, MORNING).stop();
    assert!(clinic.receiver.is_untouched(), "its time is not come while it is off");

    let (clinic, service) = reloaded(None);
    assert_eq!(ask(&service.inbound(), &lead("L1")).0, 401);
    service.stop();
    started(&clinic, MORNING).stop();
    assert!(clinic.receiver.is_untouched());
    let log = export(clinic.path());
    assert!(
        log.contains("\"event\":\"reminder.cancelled\""),
        "a removed schedule's call is cancelled, and says so: {log}"
    );
}

#[test]
fn more_leads_than_the_hour_has_room_for_are_an_alert_without_a_person() {
    let people = crate::binary::Receiver::listen();
    let clinic = clinic_with(&LEADS.replace("[source.inbound]\n", "[source.inbound]\nmax_per_hour = 1\n"));
    let variables = [("LEADS_SECRET", LEADS_SECRET), ("TICKLER_NOTIFY__WEBHOOK", &*people.url())];
    let service = clinic.start_with(ELEVEN_AT_NIGHT, &variables);
    let statuses = [41, 42].map(|number| ask(&service.inbound(), &numbered(number)).0);
    assert_eq!(statuses, [202, 429]);
    let alert = people.request();
    assert!(alert.text.contains("inbound_flood"), "{}", alert.text);
    assert!(!alert.text.contains("555") && !alert.text.contains("L42"), "{}", alert.text);
    alert.accept();
    service.stop();
}
