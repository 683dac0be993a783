//! The real binary meets a pipe, a directory or a device where it expects a file: it refuses it at once, names it, and
//! calls nobody. It never writes a core file.

mod support;

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::time::Duration;

use support::answered::AnsweredClinic;
use support::clinic::{Ended, PARTS, Parts};

/// A verb that waits for a pipe waits for ever; any of these ends within a second.
const PATIENCE: Duration = Duration::from_secs(20);

/// A clinic with one appointment in a table and one in a database.
fn clinic() -> AnsweredClinic {
    let clinic = AnsweredClinic::new();
    clinic.write("appointments.csv", "id,phone,starts_at\nA1,+12025550143,2036-11-25T10:00:00\n");
    clinic.write("token", "not a real one");
    clinic.write("refused.txt", "");
    let parts = Parts {
        remind: "days_before = 1\ncalling_hours = \"always\"\ndo_not_call = \"../refused.txt\"",
        target: "[target.webhook]\nurl = { env = \"THOUGHTLY_AUTOMATION_URL\" }\nheaders = { x-token = { file = \"../token\" } }",
        ..PARTS
    };
    clinic.schedule("table", &parts.text());
    let source = "[source.sqlite]\npath = \"../app.db\"\nquery = \"SELECT id, phone, starts_at FROM visit\"";
    clinic.schedule("database", &Parts { source, ..parts }.text());
    let app = rusqlite::Connection::open(clinic.file("app.db")).expect("a database");
    app.execute_batch(
        "CREATE TABLE visit (id, phone, starts_at); \
         INSERT INTO visit VALUES ('D1', '+12025550164', '2036-11-25T10:30:00')",
    )
    .expect("a visit");
    clinic
}

fn trigger(clinic: &AnsweredClinic, schedule: &str) -> Ended {
    run(clinic, &["trigger", schedule, "--now", "2036-11-24T14:00:00Z"])
}

/// What a verb prints; it fails where the verb waits.
fn run(clinic: &AnsweredClinic, arguments: &[&str]) -> Ended {
    let mut verb = clinic.command(arguments);
    let child = verb.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("tickler runs");
    let (done, ended) = channel();
    std::thread::spawn(move || done.send(child.wait_with_output()));
    Ended::of(ended.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("{arguments:?} waits")).expect("its output"))
}

fn pipe(path: &Path) {
    // what lay there may be missing
    let _gone = std::fs::remove_file(path);
    rustix::fs::mkfifoat(rustix::fs::CWD, path, rustix::fs::Mode::from_raw_mode(0o600)).expect("a pipe");
}

#[test]
fn a_pipe_in_the_place_of_any_file_is_named_at_once_and_nobody_is_called() {
    let cases = [
        ("tickler.toml", "table"),
        (".env", "table"),
        ("token", "table"),
        ("refused.txt", "table"),
        ("appointments.csv", "table"),
        ("app.db", "database"),
        ("app.db-wal", "database"),
        ("app.db-journal", "database"),
        ("tickler.db", "table"),
        ("tickler.db.key", "table"),
        ("tickler.db.lock", "table"),
        ("tickler.db-wal", "table"),
        ("tickler.db-journal", "table"),
    ];
    for (file, schedule) in cases {
        let clinic = clinic();
        pipe(&clinic.file(file));
        let ended = trigger(&clinic, schedule);
        let complaint = &ended.stderr;
        assert_ne!(ended.exit, 0, "{file}: {complaint}");
        assert!(complaint.contains("is a pipe, no regular file"), "{file}: {complaint}");
        assert_eq!(clinic.receiver.connections(), 0, "{file}: {complaint}");
    }
    for schedule in ["table", "database"] {
        let clinic = clinic();
        let ended = trigger(&clinic, schedule);
        let complaint = &ended.stderr;
        assert_eq!((ended.exit, clinic.receiver.connections()), (0, 1), "{complaint}");
    }
}

#[test]
fn a_directory_and_a_device_are_refused_as_a_backup_to_restore_from() {
    let clinic = clinic();
    assert_eq!(run(&clinic, &["resume", "--all"]).exit, 0);
    pipe(&clinic.file("pipe.db"));
    for (file, kind) in [("schedules", "a directory"), ("/dev/zero", "a device"), ("pipe.db", "a pipe")] {
        let ended = run(&clinic, &["restore", file]);
        let complaint = &ended.stderr;
        assert_eq!(ended.exit, 1, "{file}: {complaint}");
        assert!(complaint.contains(&format!("is {kind}, no regular file")), "{file}: {complaint}");
    }
}

#[test]
fn no_verb_leaves_a_core_file() {
    let clinic = clinic();
    let script = "ulimit -S -c \"$(ulimit -H -c)\"; exec \"$0\" sandbox --listen 127.0.0.1:0";
    let mut shell = Command::new("sh");
    shell.args(["-c", script, env!("CARGO_BIN_EXE_tickler")]).current_dir(clinic.path());
    let mut child = shell.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("it starts");
    // its first line says that it listens
    let mut first = String::new();
    let output = child.stderr.take().expect("its output");
    std::io::BufRead::read_line(&mut std::io::BufReader::new(output), &mut first).expect("a line");
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", child.id())).expect("its limits");
    child.kill().expect("it is ended");
    child.wait().expect("it is reaped");
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).expect("a line of it");
    assert_eq!(core.split_whitespace().nth(4), Some("0"), "the soft limit in: {core}");
}
