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

#[test]
fn a_plan_longer_than_the_screen_is_paged_where_somebody_sits_in_front_of_it() {
    let clinic = Clinic::empty("http://127.0.0.1:9/");
    clinic.schedule("day-before", &PARTS.text());
    let row = |number: u32| format!("A-{number},+1202555{:04},2026-11-25 10:00\n", 100 + number);
    let write = |count: u32| {
        clinic.write("appointments.csv", &format!("id,phone,starts_at\n{}", (0..count).map(row).collect::<String>()));
    };
    let command = |pager: &str| {
        let mut command = clinic.command(&["plan", "day-before", "--now", MORNING]);
        command.env("PAGER", pager);
        command
    };
    write(100);
    // the program that pages says how many lines it was given
    let (exit, shown) = OnTerminal::attended(command("wc -l"), 80).end();
    assert_eq!(exit, 0);
    assert!(shown.trim().parse::<u32>().is_ok_and(|lines| lines > 100), "{shown}");
    for (pager, why) in [("cat", "no pager is wanted"), ("/nowhere/pager", "it can't be started")] {
        let (_, shown) = OnTerminal::attended(command(pager), 80).end();
        assert!(shown.contains("A-99"), "{why}: {shown}");
    }
    let (_, shown) = OnTerminal::start(command("wc -l"), 80).end();
    assert!(shown.contains("A-99"), "nobody sits there: {shown}");
    write(3);
    let (_, shown) = OnTerminal::attended(command("wc -l"), 80).end();
    assert!(shown.contains("A-2"), "it fits the screen: {shown}");
}
