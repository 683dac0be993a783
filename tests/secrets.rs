//! The real binary with a marked secret in every place that takes one: whatever is run, however it fails and however much
//! is logged, none of them comes out again, and no patient's name or whole number either.

#[path = "secrets/clinic.rs"]
mod clinic;
#[path = "secrets/names.rs"]
mod names;
mod support;

use clinic::{Clinic, MARK, NOW};
use support::{Conduct, Receiver, answer, closed_port};

const READS: &str =
    r#"[{"id":"H-1","phone":"+12025550143","starts_at":"2026-11-25T09:00:00","name":"Ada Canarypatient"}]"#;

/// What a monitor reads, then every page.
const PAGES: [&str; 18] = [
    "/healthz",
    "/readyz",
    "/metrics",
    "/",
    "/calls",
    "/calls?event=delivery",
    "/calls?event=config",
    "/appointment?schedule=webhook&id=H-1",
    "/appointment?schedule=automation&id=A-1&judge=now",
    "/appointment?schedule=automation&id=A-4",
    "/not-called?day=2026-11-24",
    "/plan",
    "/plan?when=week",
    "/schedules/webhook",
    "/schedules/written-out",
    "/held",
    "/opt-outs",
    "/outcomes",
];

/// Answers the call for rows as it should be, and everything else with a fault.
fn rows() -> Receiver {
    Receiver::start(vec![Conduct::Answer(answer("200 OK", &[("content-type", "application/json")], READS))])
}

#[test]
fn no_verb_no_fault_and_no_log_level_shows_a_secret_a_name_or_a_whole_number() {
    let source = rows();
    let refusing = [
        Conduct::Answer(answer("404 Not Found", &[], "nobody knows +12025550143")),
        Conduct::Answer(answer("307 Temporary Redirect", &[("location", "http://127.0.0.1:9/elsewhere")], "")),
        Conduct::Answer(answer("200 OK", &[], r#"{"error":{"message":"no"}}"#)),
        Conduct::ResetAfterReading,
        Conduct::Answer(answer("200 OK", &[], r#"{"error":null,"data":{"id":"c-1"}}"#)),
    ];
    let target = Receiver::start(refusing.to_vec());
    let clinic = Clinic::new(&source.url(""), &target.url(""), &format!("http://{}", closed_port()));
    let faults: [&[&str]; 9] = [
        &["trigger", "automation", "--now", NOW],
        &["trigger", "webhook", "--now", NOW],
        &["trigger", "automation", "--now", NOW, "--format", "json"],
        &["trigger", "call", "--now", NOW],
        &["test-call", "webhook", "--to", "+12025550164", "--now", NOW],
        &["trigger", "webhook"],
        &["trigger", "no-address", "--now", NOW],
        &["trigger", "metadata", "--now", NOW],
        &["trigger", "written-out", "--now", NOW],
    ];
    for arguments in faults {
        clinic.run(arguments);
    }
    let reads: [&[&str]; 22] = [
        &["check"],
        &["check", "--connect"],
        &["check", "--format", "json"],
        &["plan", "--now", NOW],
        &["plan", "unreachable", "--now", NOW],
        &["plan", "unset", "--now", NOW],
        &["plan", "webhook", "--now", NOW, "--format", "json"],
        &["plan", "webhook", "--now", NOW, "--format", "csv"],
        &["explain", "webhook", "H-1", "--now", NOW],
        &["next"],
        &["config"],
        &["config", "--format", "json"],
        &["status"],
        &["status", "--format", "json"],
        &["doctor"],
        &["audit", "list"],
        &["audit", "show", "H-1"],
        &["audit", "verify"],
        &["audit", "export", "--format", "jsonl"],
        &["uncertain", "list"],
        &["service", "print"],
        &["schema"],
    ];
    std::thread::scope(|all| reads.iter().for_each(|arguments| drop(all.spawn(|| clinic.run(arguments)))));
    let reads_before = source.received().len();
    clinic.run_service(&PAGES, || source.received().len() > reads_before);
    clinic.run(&["backup", "copy.db"]);
    for arguments in [
        &["audit", "stats"][..],
        &["audit", "stats", "--period", "month"],
        &["audit", "list", "--format", "csv"],
        &["audit", "export", "--format", "csv"],
        &["audit", "export", "--format", "sqlite", "--output", "export.db"],
        &["notify", "test"],
        &["simulate", "automation", "--days", "2"],
    ] {
        clinic.run(arguments);
    }
    clinic.hear_file("export.db");
    clinic.assert_silent();
    let seen = target.received();
    let is_marked = |name: &str| seen.iter().any(|request| request.header(name).is_some_and(|it| it.contains(MARK)));
    assert!(seen.iter().any(|request| request.line.contains(MARK)), "the secrets were used: {seen:?}");
    assert!(is_marked("x-api-token") && is_marked("x-key"), "the secrets were used: {seen:?}");
    assert!(source.received().iter().any(|request| request.line.contains(MARK)), "the secrets were used");
}
