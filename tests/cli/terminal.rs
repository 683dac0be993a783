//! What somebody in front of a terminal sees.

use rustix::process::{Pid, Signal, kill_process};

use crate::clinic::*;
use crate::support::terminal::OnTerminal;
use crate::support::{Conduct, Receiver, answer};

/// Answers the first call, and refuses the second for good.
fn one_accepted_one_refused() -> Receiver {
    let accepted = answer("200 OK", &[], r#"{"error":null,"data":{"id":"r-1"}}"#);
    let refused = answer("400 Bad Request", &[], r#"{"error":"no such number"}"#);
    Receiver::start(vec![Conduct::Answer(accepted), Conduct::Answer(refused)])
}

#[test]
fn a_service_on_a_terminal_logs_its_day_in_sentences_and_in_its_own_clock() {
    let receiver = one_accepted_one_refused();
    let clinic = Clinic::with_target(&receiver.url("/webhook/automation/x"));
    let mut service = OnTerminal::start(clinic.command(&["run", "--now", "2026-11-24T13:59:58Z"]), 120);
    let lines = service.lines_until("the last call for now");
    let pid = Pid::from_child(&service.process);
    kill_process(pid, Signal::INT).expect("it is there");
    let after = service.lines_until("the service has stopped");
    assert_eq!(service.end().0, 0);
    let sentence = |part: &str| {
        let found = lines.iter().find(|line| line.contains(part));
        found.unwrap_or_else(|| panic!("no line has {part:?}: {lines:#?}")).clone()
    };
    for line in lines.iter().chain(&after).filter(|line| !line.starts_with("    ")) {
        assert!(line.starts_with("Tue 24 Nov 08:59:") || line.starts_with("Tue 24 Nov 09:00:"), "{line}");
        assert!(!line.contains('{') && !line.contains("schedule=") && line.chars().count() <= 120, "{line}");
    }
    assert!(sentence("the run begins").ends_with("  day-before: the run begins"), "{lines:#?}");
    assert!(
        sentence("the run is done").ends_with("day-before: the run is done: 2 planned, 2 not called"),
        "{lines:#?}"
    );
    assert!(sentence("the first call").contains("day-before: the first call: 1 "), "{lines:#?}");
    assert!(sentence("WARNING").contains("day-before: a delivery failed ("), "{lines:#?}");
    let last = sentence("the last call");
    assert!(last.ends_with("day-before: the last call for now: 1 accepted by Thoughtly, 1 failed"), "{last}");
}
