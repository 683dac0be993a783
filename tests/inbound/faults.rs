//! What goes wrong around reports: a taken port, a stop with posts in flight, a clock that goes back, schedules that are paused,
//! changed or removed.

use std::net::TcpListener;
use std::sync::Mutex;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::binary::tickler;
use crate::clinic::*;

fn record(id: &str, call: &str, status: &str) -> Value {
    json!({"reminder_id": id, "call_id": call, "status": status})
}

#[test]
fn a_service_whose_port_for_reports_is_taken_does_not_start_and_says_so() {
    let clinic = Clinic::new("");
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let place = taken.local_addr().expect("an address").to_string();
    let refused = tickler(clinic.path())
        .env("OUTCOME_SECRET", SECRET)
        .env("THOUGHTLY_AUTOMATION_URL", clinic.receiver.url())
        .env("TICKLER_INBOUND__LISTEN", &place)
        .arg("run")
        .output()
        .expect("tickler runs");
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success(), "{said}");
    assert!(said.contains("inbound.listen") && said.contains(&place), "{said}");
}

#[test]
fn what_was_acknowledged_while_the_service_stopped_is_kept_and_the_rest_is_to_be_repeated() {
    let clinic = Clinic::new("");
    let (service, id) = clinic.called();
    let address = service.inbound();
    let kept = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for connection in 0..8 {
            let (id, address, kept) = (&id, &address, &kept);
            scope.spawn(move || {
                for number in 0..10_000 {
                    let said = record(id, &format!("c{connection}-{number}"), "BUSY");
                    let headers = format!("x-tickler-secret: {SECRET}\r\n");
                    let posted = std::panic::catch_unwind(|| {
                        posted(address, "/outcome/day-before", &headers, &said.to_string())
                    });
                    match posted {
                        Ok((200, ..)) => kept.lock().expect("no poison").push(said),
                        // it stops: whoever posts is asked to repeat it, or the listener is gone
                        Ok(_) | Err(_) => return,
                    }
                }
            });
        }
        while kept.lock().expect("no poison").len() < 40 {
            std::thread::yield_now();
        }
        service.signal(Signal::TERM);
    });
    assert_eq!(service.wait().code(), Some(0));
    let kept = kept.into_inner().expect("no poison");
    assert!(kept.len() >= 40, "{}", kept.len());
    let again = clinic.start("2026-11-24T14:01:00Z");
    for said in &kept {
        assert_eq!(tell(&again.inbound(), said), received(Some("busy"), true), "it was acknowledged");
    }
    again.stop();
}

#[test]
fn a_clock_that_goes_back_an_hour_between_call_and_report_changes_nothing() {
    let clinic = Clinic::new("");
    let (service, id) = clinic.called();
    service.stop();
    let service = clinic.start("2026-11-24T13:00:00Z");
    assert_eq!(tell(&service.inbound(), &record(&id, "c1", "NO_ANSWER")), received(Some("no_answer"), false));
    let yes = json!({"call_id": "c1", "status": "COMPLETED", "outcome": "yes", "ended_at": "2026-11-24T14:02:00Z"});
    assert_eq!(tell(&service.inbound(), &yes), received(Some("confirmed"), false));
    service.stop();
    let verified = tickler(clinic.path()).args(["audit", "verify"]).output().expect("tickler runs");
    assert_eq!(verified.status.code(), Some(0), "{verified:?}");
}

#[test]
fn reports_are_taken_while_everything_is_paused_and_of_a_removed_schedule_by_another_of_its_account() {
    let clinic = Clinic::new("");
    let evening = SCHEDULE.replace("0 9 * * *", "0 18 * * *");
    clinic.schedule("evening", &evening);
    let (service, id) = clinic.called();
    let address = service.inbound();
    let run = |arguments: &[&str]| {
        let ended = tickler(clinic.path()).args(arguments).output().expect("tickler runs");
        assert!(ended.status.success(), "{arguments:?} {ended:?}");
    };
    run(&["pause", "--all", "--reason", "a holiday"]);
    assert_eq!(tell(&address, &record(&id, "c1", "NO_ANSWER")), received(Some("no_answer"), false));
    std::fs::write(clinic.path().join("STOP"), "").expect("a file");
    assert_eq!(tell(&address, &record(&id, "c2", "BUSY")).0, 200);
    std::fs::remove_file(clinic.path().join("STOP")).expect("it was there");
    run(&["resume", "--all"]);
    // changed: what its words mean counts from then on
    let text = std::fs::read_to_string(clinic.path().join("schedules/day-before.toml")).expect("a schedule");
    clinic.schedule("day-before", &text.replace("yes = \"confirmed\"", "ja = \"confirmed\""));
    run(&["reload"]);
    let said =
        |call: &str, word: &str| json!({"reminder_id": id, "call_id": call, "status": "COMPLETED", "outcome": word});
    assert_eq!(tell(&address, &said("c3", "yes")), received(Some("answered"), false));
    assert_eq!(tell(&address, &said("c4", "ja")), received(Some("confirmed"), false));
    // removed: its own address is nobody's any more, the account's other schedule takes what belongs to it
    std::fs::remove_file(clinic.path().join("schedules/day-before.toml")).expect("it was there");
    run(&["reload"]);
    assert_eq!(tell(&address, &said("c5", "ja")).0, 401);
    let headers = format!("x-tickler-secret: {SECRET}\r\n");
    let (status, answer, _) = posted(&address, "/outcome/evening", &headers, &said("c5", "cancel").to_string());
    assert_eq!((status, &answer["matched"], &answer["outcome"]), (200, &json!(true), &json!("declined")), "{answer}");
    service.stop();
}
