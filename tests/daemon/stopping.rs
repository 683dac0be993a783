//! A stop while somebody waits for an answer.

use std::path::Path;
use std::process::{Child, Output, Stdio};

use rustix::process::Signal;
use serde_json::Value;

use crate::binary::{Call, Receiver, Service, export, tickler};
use crate::{clinic, schedule, write};

/// Midday in New York: the cron is far away, and calls may be made.
const MIDDAY: &str = "2026-11-24T17:00:00Z";

fn trigger(folder: &Path, name: &str) -> Child {
    let mut command = tickler(folder);
    command.args(["trigger", name, "--format", "json"]).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().expect("it starts")
}

/// A service that was told to stop, the trigger it works for, and that one's request, which has no answer yet.
fn stopped_amid_a_trigger(folder: &Path) -> (Service, Child, Call) {
    let receiver = Receiver::listen();
    let url = receiver.url();
    let service = Service::start(folder, &["--now", MIDDAY], &[("THOUGHTLY_AUTOMATION_URL", &url)]);
    let trigger = trigger(folder, "day-before");
    let call = receiver.request();
    service.signal(Signal::TERM);
    service.line_with("the service stops");
    (service, trigger, call)
}

fn told(output: &Output) -> (Option<i32>, Value, String) {
    let answer = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
    (output.status.code(), answer, String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn a_trigger_gets_its_answer_though_the_service_stops_meanwhile() {
    let folder = clinic("0 3 * * *");
    let (service, first, call) = stopped_amid_a_trigger(folder.path());
    call.accept();
    let (exit, answer, said) = told(&first.wait_with_output().expect("it ends"));
    assert_eq!(
        (exit, &answer["state"], &answer["counts"]["delivered"]),
        (Some(0), &"done".into(), &1.into()),
        "{said}"
    );
    assert_eq!(service.wait().code(), Some(0));
}

#[test]
fn a_stopping_service_begins_no_trigger_and_no_test_call_and_says_so() {
    let folder = clinic("0 3 * * *");
    write(folder.path(), "other", &schedule("0 3 * * *"));
    let (service, first, call) = stopped_amid_a_trigger(folder.path());
    let (exit, _, said) = told(&trigger(folder.path(), "other").wait_with_output().expect("it ends"));
    assert!(exit == Some(75) && said.contains("is stopping"), "{exit:?}: {said}");
    let to_oneself = ["test-call", "other", "--to", "+12025550199"];
    let (exit, _, said) = told(&tickler(folder.path()).args(to_oneself).output().expect("it ends"));
    assert!(exit == Some(75) && said.contains("is stopping"), "{exit:?}: {said}");
    // what changes nothing is answered still
    let status = tickler(folder.path()).args(["status", "--format", "json"]).output().expect("an answer");
    assert_eq!(told(&status).1["service"], Value::from(true));
    call.accept();
    assert_eq!(first.wait_with_output().expect("it ends").status.code(), Some(0));
    assert_eq!(service.wait().code(), Some(0));
    assert_eq!(export(folder.path()).matches("run.started").count(), 1);
}

#[test]
fn what_a_trigger_can_no_longer_send_is_left_to_the_next_start_and_told() {
    let folder = clinic("0 3 * * *");
    let rows = "id,phone,starts_at,service\nA-1,+12025550143,2026-11-25 10:00,x\nA-2,+12025550144,2026-11-25 11:00,x\n";
    std::fs::write(folder.path().join("appointments.csv"), rows).expect("a table");
    write(folder.path(), "day-before", &(schedule("0 3 * * *") + "[delivery]\nmax_in_flight = 1\n"));
    let (service, trigger, call) = stopped_amid_a_trigger(folder.path());
    call.accept();
    let (exit, answer, said) = told(&trigger.wait_with_output().expect("it ends"));
    assert_eq!((exit, &answer["counts"]["delivered"], &answer["counts"]["pending"]), (Some(7), &1.into(), &1.into()));
    assert!(said.contains("is stopping"), "{said}");
    assert_eq!(service.wait().code(), Some(0));
    assert_eq!(export(folder.path()).matches("delivery.intent").count(), 1);
}
