//! `tickler run`, the real binary: when it fires, how it reloads, how it stops.

#[path = "daemon/binary.rs"]
mod binary;
#[path = "support/chance.rs"]
mod chance;
#[path = "support/command.rs"]
mod command;
#[path = "daemon/editing.rs"]
mod editing;
#[path = "daemon/first_runs.rs"]
mod first_runs;
#[path = "daemon/going_live.rs"]
mod going_live;
#[path = "daemon/mailing.rs"]
mod mailing;
#[path = "daemon/others.rs"]
mod others;
#[path = "daemon/stopping.rs"]
mod stopping;
#[path = "daemon/visible.rs"]
mod visible;

use std::path::Path;

use binary::{Receiver, Service, export, get, tickler};
use rustix::process::Signal;
use tempfile::TempDir;

const TABLE: &str = "id,phone,starts_at,service\nA-1,+12025550143,2026-11-25 10:00,Check-up\n";

fn schedule(cron: &str) -> String {
    format!(
        r#"
cron = "{cron}"
timezone = "America/New_York"
[source.csv]
path = "../appointments.csv"
[appointment]
id = "id"
phone = "phone"
starts_at = "starts_at"
[remind]
days_before = 1
calling_hours = "always"
[target.automation]
url = {{ env = "THOUGHTLY_AUTOMATION_URL" }}
[payload]
contact_phone = "{{{{ phone }}}}"
appointment_time = "{{{{ starts_at }}}}"
"#
    )
}

fn clinic(cron: &str) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join("schedules")).expect("a folder for schedules");
    std::fs::write(folder.path().join("appointments.csv"), TABLE).expect("a table");
    write(folder.path(), "day-before", &schedule(cron));
    folder
}

fn write(folder: &Path, name: &str, text: &str) {
    std::fs::write(folder.join("schedules").join(format!("{name}.toml")), text).expect("a schedule");
}

/// Two seconds before nine in New York.
const BEFORE_NINE: &str = "2026-11-24T13:59:58Z";

#[test]
fn it_fires_at_nine_in_the_schedules_zone_whatever_the_host_says() {
    std::thread::scope(|threads| {
        for host_zone in ["UTC", "Asia/Kolkata", "America/Los_Angeles"] {
            threads.spawn(move || fires_at_nine_under(host_zone));
        }
    });
}

fn fires_at_nine_under(host_zone: &str) {
    let cases = [
        ("America/New_York", BEFORE_NINE, "2026-11-24T14:00:00Z", "2026-11-25T10:00:00-05:00"),
        // by the law of 2026 it keeps its summer time
        ("America/Vancouver", "2026-11-24T15:59:58Z", "2026-11-24T16:00:00Z", "2026-11-25T10:00:00-07:00"),
    ];
    for (zone, start, nominal, told) in cases {
        let folder = clinic("0 9 * * *");
        write(folder.path(), "day-before", &schedule("0 9 * * *").replace("America/New_York", zone));
        let receiver = Receiver::listen();
        let variables = [("TZ", host_zone), ("THOUGHTLY_AUTOMATION_URL", &receiver.url())];
        let service = Service::start(folder.path(), &["--now", start], &variables);
        let call = receiver.request();
        assert!(call.text.contains(&format!(r#""appointment_time":"{told}""#)), "{}", call.text);
        call.accept();
        assert_eq!(service.stop().code(), Some(0));
        let log = export(folder.path());
        assert!(log.contains(&format!("nominal time {nominal}")), "{log}");
        assert_eq!(log.matches("delivery.delivered").count(), 1, "{log}");
    }
}

#[test]
fn a_stop_lets_the_request_in_flight_end_and_settles_it() {
    let folder = clinic("0 9 * * *");
    let receiver = Receiver::listen();
    let url = receiver.url();
    let service = Service::start(folder.path(), &["--now", BEFORE_NINE], &[("THOUGHTLY_AUTOMATION_URL", &url)]);
    let call = receiver.request();
    service.signal(Signal::TERM);
    service.line_with("the service stops");
    call.accept();
    assert_eq!(service.wait().code(), Some(0));
    let log = export(folder.path());
    assert_eq!(log.matches("delivery.delivered").count(), 1, "{log}");
    assert!(log.contains("service.stopped"), "{log}");
}

#[test]
fn what_is_copied_after_a_stop_knows_all_that_was_sent() {
    let folder = clinic("0 9 * * *");
    let receiver = Receiver::listen();
    let url = receiver.url();
    let service = Service::start(folder.path(), &["--now", BEFORE_NINE], &[("THOUGHTLY_AUTOMATION_URL", &url)]);
    receiver.request().accept();
    assert_eq!(service.stop().code(), Some(0));
    let copy = clinic("0 9 * * *");
    for file in ["tickler.db", "tickler.db.key"] {
        std::fs::copy(folder.path().join(file), copy.path().join(file)).expect("the file alone");
    }
    assert_eq!(export(copy.path()).matches("delivery.delivered").count(), 1);
}

#[test]
fn a_second_signal_ends_it_at_once_and_the_next_start_knows_that_a_fate_is_unknown() {
    let folder = clinic("0 9 * * *");
    let receiver = Receiver::listen();
    let url = receiver.url();
    let variables = [("THOUGHTLY_AUTOMATION_URL", url.as_str())];
    let service = Service::start(folder.path(), &["--now", BEFORE_NINE], &variables);
    let _never_answered = receiver.request();
    service.signal(Signal::TERM);
    service.line_with("the service stops");
    service.signal(Signal::INT);
    assert_eq!(service.wait().code(), Some(130));
    let again = Service::start(folder.path(), &["--now", "2026-11-24T14:00:30Z"], &variables);
    assert_eq!(again.stop().code(), Some(0));
    assert_eq!(export(folder.path()).matches("delivery.uncertain").count(), 1);
}

#[test]
fn files_are_taken_as_they_come_and_half_written_ones_call_nobody() {
    let folder = clinic("0 9 * * *");
    let service = Service::start(folder.path(), &[], &[]);
    let whole = schedule("30 8 * * *");
    // An editor without manners: the same file half, whole, gone, half … two hundred times within moments.
    for round in 0..200 {
        write(folder.path(), "other", &whole[..(round * 7) % whole.len()]);
        if round % 20 == 19 {
            std::fs::remove_file(folder.path().join("schedules/other.toml")).expect("the file goes");
        }
    }
    write(folder.path(), "other", &whole);
    let line = service.line_with("the schedule is loaded");
    assert!(line.contains("other"), "{line}");
    assert_eq!(service.stop().code(), Some(0));
    let log = export(folder.path());
    let rejected = log.matches("config.rejected").count();
    assert!(rejected <= 2, "{rejected} half-written versions were read");
}

#[test]
fn sighup_and_reload_read_the_folder_and_answer() {
    let folder = clinic("0 9 * * *");
    let service = Service::start(folder.path(), &[], &[]);
    write(folder.path(), "other", &schedule("30 8 * * *"));
    service.signal(Signal::HUP);
    let line = service.line_with("the schedule is loaded");
    assert!(line.contains("other"), "{line}");
    write(folder.path(), "broken", "cron = 5\n");
    let reload = tickler(folder.path()).args(["reload", "--format", "json"]).output().expect("an answer");
    assert_eq!(reload.status.code(), Some(78), "{}", String::from_utf8_lossy(&reload.stderr));
    let answer: serde_json::Value = serde_json::from_slice(&reload.stdout).expect("JSON");
    assert_eq!(answer["refused"], serde_json::json!(["broken"]));
    assert_eq!(service.stop().code(), Some(0));
    let nobody = tickler(folder.path()).arg("reload").output().expect("an answer");
    assert_eq!(nobody.status.code(), Some(6));
}

#[test]
fn a_verb_goes_through_the_running_service_and_a_second_service_is_turned_away() {
    let folder = clinic("0 9 * * *");
    let service = Service::start(folder.path(), &[], &[]);
    let status = tickler(folder.path()).args(["status", "--format", "json"]).output().expect("an answer");
    let answer: serde_json::Value = serde_json::from_slice(&status.stdout).expect("JSON");
    assert_eq!(answer["service"], serde_json::json!(true), "{answer}");
    let second = tickler(folder.path()).arg("run").output().expect("an answer");
    assert_eq!(second.status.code(), Some(75), "{}", String::from_utf8_lossy(&second.stderr));
    let pause =
        tickler(folder.path()).args(["pause", "--all", "--reason", "a fire drill"]).output().expect("an answer");
    assert_eq!(pause.status.code(), Some(0), "{}", String::from_utf8_lossy(&pause.stderr));
    assert_eq!(service.stop().code(), Some(0));
    assert!(export(folder.path()).contains("operator.paused"));
}

#[test]
fn health_and_readiness_are_told_on_loopback_to_those_who_ask_by_its_name() {
    let folder = clinic("0 9 * * *");
    let listen = [("TICKLER_WEB__LISTEN", "127.0.0.1:0")];
    let service = Service::start(folder.path(), &[], &listen);
    let address = service.page();
    for path in ["/healthz", "/readyz"] {
        assert_eq!(get(&address, path, &address), "HTTP/1.1 200 OK");
        assert_eq!(get(&address, path, "rebound.example"), "HTTP/1.1 421 Misdirected Request");
    }
    assert_eq!(service.stop().code(), Some(0));
}

#[test]
fn an_address_others_can_reach_is_refused_without_a_token() {
    let folder = clinic("0 9 * * *");
    let run = tickler(folder.path()).args(["run", "--listen", "0.0.0.0:0"]).output().expect("an answer");
    assert_eq!(run.status.code(), Some(78), "{}", String::from_utf8_lossy(&run.stderr));
}

#[test]
fn a_given_clock_and_a_real_host_are_refused() {
    let folder = clinic("0 9 * * *");
    let run = tickler(folder.path())
        .args(["run", "--now", BEFORE_NINE])
        .env("THOUGHTLY_AUTOMATION_URL", "https://api.thoughtly.example/webhook/automation/clinic")
        .output()
        .expect("an answer");
    assert_eq!(run.status.code(), Some(7), "{}", String::from_utf8_lossy(&run.stderr));
}

#[test]
fn a_secret_that_is_not_set_is_that_schedules_problem_and_hinders_no_start() {
    let folder = clinic("0 9 * * *");
    for arguments in [&[][..], &["--now", BEFORE_NINE]] {
        let service = Service::start(folder.path(), arguments, &[]);
        let status = tickler(folder.path()).args(["status", "--format", "json"]).output().expect("an answer");
        let text = String::from_utf8_lossy(&status.stdout);
        assert!(text.contains("THOUGHTLY_AUTOMATION_URL"), "{text}");
        assert_eq!(service.stop().code(), Some(0));
    }
}

#[test]
fn a_run_that_waits_for_its_source_is_told_outside_without_personal_data() {
    let folder = clinic("0 9 * * *");
    std::fs::remove_file(folder.path().join("appointments.csv")).expect("the table goes");
    let receiver = Receiver::listen();
    let url = receiver.url();
    let variables = [("TICKLER_NOTIFY__WEBHOOK", url.as_str()), ("THOUGHTLY_AUTOMATION_URL", url.as_str())];
    let service = Service::start(folder.path(), &["--now", BEFORE_NINE], &variables);
    let message = receiver.request();
    assert!(message.text.contains("day-before: run waits for its source"), "{}", message.text);
    assert!(message.text.contains(r#""kind":"run_waiting""#), "{}", message.text);
    message.accept();
    assert_eq!(service.stop().code(), Some(0));
}

#[test]
fn a_heartbeat_address_that_does_not_answer_is_told_once() {
    let folder = clinic("* * * * * *");
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port");
    let (nobody, receiver) = (format!("http://{nobody}/ping"), Receiver::listen());
    let url = receiver.url();
    let variables = [("TICKLER_NOTIFY__HEARTBEAT", nobody.as_str()), ("THOUGHTLY_AUTOMATION_URL", url.as_str())];
    let service = Service::start(folder.path(), &["--now", "2026-11-24T03:00:00Z"], &variables);
    let mut seen = Vec::new();
    for _run in 0..4 {
        let (before, line) = service.lines_until("the run is done");
        seen.extend(before);
        seen.push(line);
    }
    assert_eq!(seen.iter().filter(|line| line.contains("notify.heartbeat does not respond")).count(), 1, "{seen:?}");
    assert_eq!(service.stop().code(), Some(0));
}

#[test]
fn a_stop_file_is_named_by_status() {
    let folder = clinic("0 9 * * *");
    let stop = folder.path().join("STOP");
    std::fs::write(&stop, "").expect("a stop file");
    let service = Service::start(folder.path(), &[], &[("THOUGHTLY_AUTOMATION_URL", "http://127.0.0.1:9/")]);
    let status = |arguments: &[&str]| {
        let output = tickler(folder.path()).arg("status").args(arguments).output().expect("an answer");
        String::from_utf8(output.stdout).expect("UTF-8")
    };
    let answer: serde_json::Value = serde_json::from_str(&status(&["--format", "json"])).expect("JSON");
    let path = stop.to_string_lossy();
    assert_eq!((&answer["paused"], &answer["stop_file"]), (&true.into(), &(*path).into()), "{answer}");
    let screen = status(&["--format", "table", "--wide"]);
    assert!(screen.lines().next().is_some_and(|line| line.contains("nobody is called")), "{screen}");
    assert!(screen.contains(&format!("NOBODY IS CALLED: {path} IS THERE")), "{screen}");
    std::fs::remove_file(&stop).expect("it goes");
    let answer: serde_json::Value = serde_json::from_str(&status(&["--format", "json"])).expect("JSON");
    assert_eq!((&answer["paused"], &answer["stop_file"], &answer["state"]), (&false.into(), &().into(), &"ok".into()));
    assert_eq!(service.stop().code(), Some(0));
}

fn status(folder: &Path) -> serde_json::Value {
    let output = tickler(folder).args(["status", "--format", "json"]).output().expect("an answer");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

#[test]
fn a_folder_of_schedules_that_is_gone_degrades_the_service_and_hinders_no_verb_that_needs_none() {
    let folder = clinic("0 9 * * *");
    let service = Service::start(folder.path(), &[], &[("THOUGHTLY_AUTOMATION_URL", "http://127.0.0.1:9/")]);
    let (here, away) = (folder.path().join("schedules"), folder.path().join("elsewhere"));
    std::fs::rename(&here, &away).expect("the folder goes");
    let reload = tickler(folder.path()).arg("reload").output().expect("an answer");
    assert_eq!(reload.status.code(), Some(1));
    let gone = status(folder.path());
    assert_eq!(gone["state"], "degraded", "{gone}");
    assert!(gone["problems"].to_string().contains("the folder of schedules"), "{gone}");
    assert_eq!(gone["schedules"][0]["name"], "day-before", "what was loaded stays in force");
    let backup = folder.path().join("copy.db").display().to_string();
    let verbs: [&[&str]; 4] = [
        &["pause", "--all", "--reason", "a fire drill"],
        &["resume", "--all"],
        &["audit", "list"],
        &["backup", &backup],
    ];
    let verbs_work = || {
        for verb in verbs {
            let _former = std::fs::remove_file(&backup);
            let output = tickler(folder.path()).args(verb).output().expect("an answer");
            assert_eq!(output.status.code(), Some(0), "{verb:?}: {}", String::from_utf8_lossy(&output.stderr));
        }
    };
    verbs_work();
    std::fs::rename(&away, &here).expect("the folder is back");
    assert_eq!(tickler(folder.path()).arg("reload").output().expect("an answer").status.code(), Some(0));
    assert_eq!(status(folder.path())["state"], "ok");
    assert_eq!(service.stop().code(), Some(0));
    std::fs::rename(&here, &away).expect("the folder goes");
    verbs_work();
    let trigger = tickler(folder.path()).args(["trigger", "day-before"]).output().expect("an answer");
    assert_eq!(trigger.status.code(), Some(78), "{}", String::from_utf8_lossy(&trigger.stderr));
}

#[test]
fn a_failed_run_degrades_the_service_until_one_succeeds_and_says_what_it_planned() {
    let folder = clinic("*/2 * * * * *");
    std::fs::write(folder.path().join("appointments.csv"), "not,the,table\n").expect("a table");
    let receiver = Receiver::listen();
    let url = receiver.url();
    let variables = [("THOUGHTLY_AUTOMATION_URL", url.as_str())];
    let service = Service::start(folder.path(), &["--now", "2026-11-24T03:00:00Z"], &variables);
    service.line_with("day-before: the run failed");
    let failed = status(folder.path());
    assert_eq!(failed["state"], "degraded", "{failed}");
    assert!(failed["problems"].to_string().contains("day-before: the last run failed"), "{failed}");
    let unusable = "id,phone,starts_at,service\nA-1,none,2026-11-24 10:00,Check-up\nA-2,,2026-11-24 11:00,Check-up\n";
    std::fs::write(folder.path().join("appointments.csv"), unusable).expect("a table");
    service.line_with("day-before: the run is done");
    let nobody = status(folder.path());
    assert_eq!(nobody["state"], "degraded", "{nobody}");
    assert!(nobody["problems"].to_string().contains("none could be called"), "{nobody}");
    std::fs::write(folder.path().join("appointments.csv"), TABLE.replace("11-25", "11-24")).expect("a table");
    loop {
        service.line_with("day-before: the run is done");
        let called = status(folder.path());
        if called["schedules"][0]["last_planned"] == 1 {
            assert_eq!(
                (&called["state"], &called["schedules"][0]["last_skipped"]),
                (&"ok".into(), &0.into()),
                "{called}"
            );
            break;
        }
    }
    receiver.request().accept();
    assert_eq!(service.stop().code(), Some(0));
}

#[test]
fn with_few_files_and_a_thousand_connections_that_say_nothing_the_runs_are_made() {
    let folder = clinic("* * * * * *");
    let mut command = std::process::Command::new("sh");
    let binary = env!("CARGO_BIN_EXE_tickler");
    command
        .args(["-c", "ulimit -n 64; exec \"$0\" run --now 2026-11-24T03:00:00Z", binary])
        .current_dir(folder.path())
        .env_clear()
        .env("TICKLER_LEDGER", folder.path().join("tickler.db"))
        .env("TICKLER_SCHEDULES", folder.path().join("schedules"))
        .env("TICKLER_WEB__LISTEN", "127.0.0.1:0")
        .env("THOUGHTLY_AUTOMATION_URL", "http://127.0.0.1:9/");
    let service = Service::of(command);
    let page = service.page();
    let socket = folder.path().join("tickler.sock");
    let mut silent: Vec<Box<dyn std::any::Any>> = Vec::new();
    for number in 0..1_100 {
        let mut half_open = std::net::TcpStream::connect(&page).expect("a connection");
        let _closed_already = std::io::Write::write_all(&mut half_open, b"GET /healthz HTTP/1.1\r\nhost: ");
        silent.push(Box::new(half_open));
        if number < 1_000 {
            silent.push(Box::new(std::os::unix::net::UnixStream::connect(&socket).expect("a caller")));
        }
    }
    for _run in 0..3 {
        service.line_with("day-before: the run is done");
    }
    assert_eq!(get(&page, "/healthz", &page), "HTTP/1.1 200 OK", "a visitor who asks is answered");
    assert_eq!(status(folder.path())["service"], true, "and so is a caller");
    assert_eq!(service.stop().code(), Some(0));
}
