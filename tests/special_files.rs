//! The real binary meets a pipe, a directory or a device where it expects a file: it refuses it at once, names it, and
//! calls nobody. It never writes a core file.

mod support;

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::mpsc::channel;
use std::time::Duration;

use support::{Conduct, Receiver, answer, command};

/// A verb that waits for a pipe waits for ever; any of these ends within a second.
const PATIENCE: Duration = Duration::from_secs(20);

struct Clinic {
    folder: tempfile::TempDir,
    receiver: Receiver,
}

impl Clinic {
    /// A clinic with one appointment in a table and one in a database.
    fn new() -> Self {
        let clinic = Self {
            folder: tempfile::tempdir().expect("a folder"),
            receiver: Receiver::start(vec![Conduct::Answer(answer("200 OK", &[], r#"{"error":null,"data":{}}"#))]),
        };
        std::fs::create_dir(clinic.path("schedules")).expect("a folder for schedules");
        clinic.write("appointments.csv", "id,phone,starts_at\nA1,+12025550143,2036-11-25T10:00:00\n");
        clinic.write("token", "not a real one");
        let rest = "[appointment]\nid = \"id\"\nphone = \"phone\"\nstarts_at = \"starts_at\"\n[remind]\ndays_before = 1\n\
            calling_hours = \"always\"\ndo_not_call = \"../refused.txt\"\n[target.webhook]\nurl = { env = \"AUTOMATION\" }\n\
            headers = { x-token = { file = \"../token\" } }\n[payload]\ncontact_phone = \"{{ phone }}\"\n";
        let head = "cron = \"0 9 * * *\"\ntimezone = \"America/New_York\"\n";
        clinic.write("refused.txt", "");
        clinic.write("schedules/table.toml", &format!("{head}[source.csv]\npath = \"../appointments.csv\"\n{rest}"));
        let query = "SELECT id, phone, starts_at FROM visit";
        let database = format!("{head}[source.sqlite]\npath = \"../app.db\"\nquery = \"{query}\"\n{rest}");
        clinic.write("schedules/database.toml", &database);
        let app = rusqlite::Connection::open(clinic.path("app.db")).expect("a database");
        app.execute_batch(
            "CREATE TABLE visit (id, phone, starts_at); \
             INSERT INTO visit VALUES ('D1', '+12025550164', '2036-11-25T10:30:00')",
        )
        .expect("a visit");
        clinic
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).expect("a file");
    }

    fn trigger(&self, schedule: &str) -> Output {
        self.run(&["trigger", schedule, "--now", "2036-11-24T14:00:00Z"])
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut verb = command::tickler(self.folder.path(), arguments);
        verb.env("AUTOMATION", self.receiver.url("/hook")).env("TICKLER_ACCOUNTS__THOUGHTLY__RATE", "unlimited");
        let child = verb.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("tickler runs");
        let (done, ended) = channel();
        std::thread::spawn(move || done.send(child.wait_with_output()));
        ended.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("{arguments:?} waits")).expect("its output")
    }
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
        let clinic = Clinic::new();
        pipe(&clinic.path(file));
        let output = clinic.trigger(schedule);
        let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_ne!(output.status.code(), Some(0), "{file}: {complaint}");
        assert!(complaint.contains("is a pipe, no regular file"), "{file}: {complaint}");
        assert_eq!(clinic.receiver.connections(), 0, "{file}: {complaint}");
    }
    for schedule in ["table", "database"] {
        let clinic = Clinic::new();
        let output = clinic.trigger(schedule);
        let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!((output.status.code(), clinic.receiver.connections()), (Some(0), 1), "{complaint}");
    }
}

#[test]
fn a_directory_and_a_device_are_refused_as_a_backup_to_restore_from() {
    let clinic = Clinic::new();
    assert_eq!(clinic.run(&["resume", "--all"]).status.code(), Some(0));
    pipe(&clinic.path("pipe.db"));
    for (file, kind) in [("schedules", "a directory"), ("/dev/zero", "a device"), ("pipe.db", "a pipe")] {
        let output = clinic.run(&["restore", file]);
        let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{file}: {complaint}");
        assert!(complaint.contains(&format!("is {kind}, no regular file")), "{file}: {complaint}");
    }
}

#[test]
fn no_verb_leaves_a_core_file() {
    let clinic = Clinic::new();
    let script = "ulimit -S -c \"$(ulimit -H -c)\"; exec \"$0\" sandbox --listen 127.0.0.1:0";
    let mut shell = Command::new("sh");
    shell.args(["-c", script, env!("CARGO_BIN_EXE_tickler")]).current_dir(clinic.folder.path());
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
