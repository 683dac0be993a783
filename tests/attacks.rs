//! The real binary as a service under attack: in half a GiB of address space with sources that never end beside a sound one,
//! each of which fails with its remedy, in time, while the sound one's runs are made on time, after a restart too; and
//! without a file descriptor left, until there is one again.
//!
//! Sources that are far too large take gigabytes and minutes: `tests/attacks/run` tries those on demand.

#[path = "daemon/binary.rs"]
#[allow(dead_code, reason = "shared with the service's suite, of which this takes a part")]
mod binary;
mod support;

#[path = "field/server.rs"]
#[allow(dead_code, reason = "shared with the field's suite, of which this takes a part")]
mod server;

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::ops::Deref;
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::time::Duration;

use binary::{Service, tickler};
use rusqlite::{Connection, OpenFlags};
use rustix::process::{Pid, Resource, Rlimit, prlimit};
use serde_json::Value;
use server::{Server, json};
use support::chance::Chance;
use support::clinic::{Clinic, PARTS, Parts};
use support::command;
use support::expressions::{expression, sound_expression};
use support::{Conduct, Receiver, answer};
use tickler::audit::{Entry, Event};
use tickler::clock::{Clock as _, SystemClock};
use tickler::ledger::Log as _;
use tickler::ledger::sqlite::{self, LedgerAccess};
use tickler::zones::Zones;

/// Two runs a minute, and then most of a minute in which the second one may be retried.
const TWICE_A_MINUTE: &str = "8,14 * * * * *";
/// Nine and ten o'clock in New York, of a first start and of a second; rows of the 25th are in the window.
const STARTS: [&str; 2] = ["2026-11-24T14:00:00Z", "2026-11-24T15:00:00Z"];
/// Kibibytes of address space.
const HALF_A_GIB: &str = "524288";
/// The machine may be busy; a run that waits for another source waits for seconds or minutes.
const ON_TIME_MICROS: i64 = 3_000_000;

/// The variable that limits glibc's arenas: each one reserves address space, and keeps what the largest run that used it has
/// needed.
const ARENAS: &str = "MALLOC_ARENA_MAX";

/// The number of arenas that the shipped unit allows.
fn shipped_arenas() -> &'static str {
    let set = format!("Environment={ARENAS}=");
    tickler::verbs::service::UNIT.lines().find_map(|line| line.strip_prefix(&set)).expect("the unit sets it")
}

/// A clinic with one schedule whose table is small.
struct SoundClinic(Clinic);

impl Deref for SoundClinic {
    type Target = Clinic;
    fn deref(&self) -> &Clinic {
        &self.0
    }
}

impl SoundClinic {
    fn new() -> Self {
        let clinic = Self(Clinic::bare("http://127.0.0.1:9/"));
        clinic.write("appointments.csv", "id,phone,starts_at\n");
        clinic.schedule("sound", "*/2 * * * * *", PARTS.source);
        clinic
    }

    fn schedule(&self, name: &str, cron: &str, source: &str) {
        let parts = Parts { cron, source, target: "[target.webhook]\nurl = \"http://127.0.0.1:9/\"", ..PARTS };
        self.0.schedule(name, &parts.text());
    }

    fn database(&self, name: &str, script: &str) {
        let database = Connection::open(self.file(name)).expect("a database");
        database.execute_batch(script).expect("it is filled");
    }

    fn service(&self, now: &str) -> Service {
        let service = tickler(self.path());
        let mut bounded = Command::new("sh");
        bounded.args(["-c", &format!("ulimit -v {HALF_A_GIB}; exec \"$0\" run --now {now}")]);
        bounded.arg(service.get_program()).current_dir(self.path());
        bounded.env_clear().envs(service.get_envs().filter_map(|(name, value)| Some((name, value?))));
        bounded.env(ARENAS, shipped_arenas());
        Service::of(bounded)
    }

    fn status_of(&self, schedule: &str) -> Value {
        let status = tickler(self.path()).args(["status", "--format", "json"]).output().expect("an answer");
        let status: Value = serde_json::from_slice(&status.stdout).expect("JSON");
        let schedules = status["schedules"].as_array().expect("schedules");
        schedules.iter().find(|one| one["name"] == schedule).expect("it is loaded").clone()
    }

    /// At least this many runs of the sound schedule were made, and all of them on time.
    fn sound_runs_are_on_time(&self, least: u32) {
        let ledger = Connection::open_with_flags(self.file("tickler.db"), OpenFlags::SQLITE_OPEN_READ_ONLY);
        let sql = "SELECT count(*), coalesce(max(finished_at - nominal_at), 0) FROM run WHERE schedule = 'sound' AND state = 'done'";
        let ledger = ledger.expect("the ledger opens");
        let (made, latest): (u32, i64) =
            ledger.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?))).expect("the runs");
        eprintln!("{made} runs of the sound schedule, the latest over after {} ms", latest / 1_000);
        assert!(made >= least, "{made} runs of the sound schedule");
        assert!(latest <= ON_TIME_MICROS, "one was over {latest} µs after its time");
    }
}

/// Checks how the log says that each read of a source ended.
fn each_ends(service: &Service, endings: &[(&str, &str)]) {
    let mut missing: Vec<_> = endings.to_vec();
    for _line in 0..LINES {
        let line = service.line_with("the run ");
        missing.retain(|(schedule, words)| !(line.contains(&format!("{schedule}: the run ")) && line.contains(words)));
        if missing.is_empty() {
            return;
        }
    }
    panic!("not in the log: {missing:?}");
}

/// The log of about a minute.
const LINES: u32 = 100;

/// Half a million letters, each compared with 80,000 others: minutes within one step of SQLite's machine, where nothing can
/// stop it.
const FOR_EVER: &str = "SELECT id, phone, starts_at FROM visit \
    WHERE trim(note, substr(replace(note, 'a', 'b'), 1, 80000) || 'a') = ''";

#[test]
fn sources_that_never_end_fail_at_their_deadline_and_the_other_runs_are_made_on_time() {
    let clinic = SoundClinic::new();
    clinic.database(
        "app.db",
        "CREATE TABLE visit (id, phone, starts_at, note);
         INSERT INTO visit VALUES ('D1', '+12025550143', '2026-11-25 10:30', replace(hex(zeroblob(250000)), '0', 'a'));
         CREATE VIEW endless AS WITH RECURSIVE n (id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n)
         SELECT max(id) AS id, '+12025550143' AS phone, '2026-11-25 10:30' AS starts_at FROM n;",
    );
    let query = |query: &str| format!("[source.sqlite]\npath = \"../app.db\"\nquery = \"{query}\"\ndeadline = \"1s\"");
    clinic.schedule("function", "*/5 * * * * *", &query(FOR_EVER));
    clinic.schedule("view", "*/5 * * * * *", &query("SELECT id, phone, starts_at FROM endless"));
    let drip = answer("200 OK", &[("content-type", "application/json")], &" ".repeat(100_000));
    let drips = Receiver::start(vec![Conduct::Drip(drip)]);
    let http = format!("[source.http]\nurl = \"{}\"\ndeadline = \"1s\"", drips.url("/"));
    clinic.schedule("drip", "*/5 * * * * *", &http);
    let pages = Server::answering(|target| {
        let number: u64 = target.rsplit('=').next().and_then(|number| number.parse().ok()).unwrap_or(0);
        let row = format!(r#"{{"id":"P-{number}","phone":"+12025550143","starts_at":"2026-11-25 10:30"}}"#);
        json(&format!(r#"{{"rows":[{row}],"next":{}}}"#, number + 1))
    });
    let paging = "items = \"/rows\"\n[source.http.paging.cursor]\nparameter = \"at\"\nat = \"/next\"";
    let http = format!("[source.http]\nurl = \"{}/\"\ndeadline = \"1s\"\n{paging}", pages.origin);
    clinic.schedule("pages", "*/5 * * * * *", &http);
    for now in STARTS {
        let asked = pages.requests().len();
        let service = clinic.service(now);
        each_ends(
            &service,
            &[
                ("function", "the source is stuck: a read of it didn't come back within `deadline` (1s)"),
                ("view", "the query was stopped after 1s"),
                ("drip", "the source takes longer than `deadline` (1s)"),
                ("pages", "the source takes longer than `deadline` (1s)"),
                // the fourth read is not begun while three go on
                ("function", "nor did others after it"),
            ],
        );
        assert_eq!(clinic.status_of("function")["stuck"], true);
        assert_eq!(clinic.status_of("view")["stuck"], false);
        assert!(pages.requests().len() > asked + 10, "each page was answered in time");
        eprintln!("{}", service.memory());
        assert_eq!(service.stop().code(), Some(0), "a read that goes on keeps no service from its end");
    }
    clinic.sound_runs_are_on_time(12);
}

/// Takes from a process every descriptor that isn't in use; dropped, it gives them back.
struct NoDescriptorLeft {
    pid: Pid,
    before: Rlimit,
}

impl NoDescriptorLeft {
    fn of(pid: Pid) -> Self {
        let taken = Self { pid, before: getrlimit_of(pid) };
        taken.again();
        taken
    }

    /// Takes those, too, that were closed meanwhile.
    fn again(&self) {
        let open = std::fs::read_dir(format!("/proc/{}/fd", self.pid.as_raw_nonzero())).expect("a running process");
        let open: BTreeSet<u64> = open.flatten().filter_map(|fd| fd.file_name().to_str()?.parse().ok()).collect();
        // a new descriptor takes the lowest free number, which must lie below the limit
        let free = (0..).find(|number| !open.contains(number)).expect("there is one");
        let none = Rlimit { current: Some(free), maximum: self.before.maximum };
        prlimit(Some(self.pid), Resource::Nofile, none).expect("it is set");
    }
}

fn getrlimit_of(pid: Pid) -> Rlimit {
    let text = std::fs::read_to_string(format!("/proc/{}/limits", pid.as_raw_nonzero())).expect("a running process");
    let line = text.lines().find(|line| line.starts_with("Max open files")).expect("that limit");
    let mut numbers = line.split_whitespace().filter_map(|word| word.parse().ok());
    Rlimit { current: numbers.next(), maximum: numbers.next() }
}

impl Drop for NoDescriptorLeft {
    fn drop(&mut self) {
        let before = Rlimit { current: self.before.current, maximum: self.before.maximum };
        prlimit(Some(self.pid), Resource::Nofile, before).expect("it is set back");
    }
}

#[test]
fn without_a_descriptor_left_a_run_waits_and_is_made_and_every_listener_answers_when_there_is_one_again() {
    let clinic = SoundClinic::new();
    clinic.database(
        "app.db",
        "CREATE TABLE visit (id, phone, starts_at); INSERT INTO visit VALUES ('D1', '+12025550143', '2026-11-30 10:30');",
    );
    let query = "[source.sqlite]\npath = \"../app.db\"\nquery = \"SELECT id, phone, starts_at FROM visit\"";
    // a run that waits fails when the next one is due: there is time for its retries, on a busy machine too
    clinic.schedule("database", TWICE_A_MINUTE, query);
    clinic.schedule("sound", TWICE_A_MINUTE, PARTS.source);
    let mut command = tickler(&clinic.file("."));
    command.args(["run", "--now", "2026-11-24T14:00:06Z"]).env("TICKLER_WEB__LISTEN", "127.0.0.1:0");
    let service = Service::of(command);
    let page = service.page();
    each_ends(&service, &[("sound", "is done"), ("database", "is done")]);
    let none_left = NoDescriptorLeft::of(service.pid());
    let mut visitor = TcpStream::connect(&page).expect("it waits in line");
    write!(visitor, "GET /healthz HTTP/1.1\r\nhost: {page}\r\nconnection: close\r\n\r\n").expect("a request");
    let mut caller = UnixStream::connect(clinic.file("tickler.sock")).expect("it waits in line");
    caller.write_all(b"{\"verb\":\"status\"}\n").expect("a request");
    let mut missing = vec![
        "the web server could not accept a connection",
        "the control socket could not accept a connection",
        "sound",
        "database",
    ];
    let mut seen = String::new();
    while !missing.is_empty() {
        none_left.again();
        let line = service.line_with("");
        seen.push_str(&line);
        assert!(seen.len() < 200_000, "{missing:?} in vain");
        let retried = |name: &str| line.contains(name) && line.contains("can't be read and is retried");
        missing.retain(|what| !(line.contains(what) && line.contains("accept") || retried(what)));
    }
    drop(none_left);
    let mut answer = String::new();
    visitor.read_to_string(&mut answer).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    let mut answer = String::new();
    BufReader::new(caller).read_line(&mut answer).expect("an answer");
    assert!(answer.contains("\"exit\":0"), "{answer}");
    each_ends(&service, &[("sound", "is done"), ("database", "is done")]);
    assert_eq!(service.stop().code(), Some(0));
    let ledger = Connection::open(clinic.file("tickler.db")).expect("the ledger opens");
    let sql = "SELECT count(*) FROM run WHERE state NOT IN ('done', 'running')";
    let lost: u32 = ledger.query_row(sql, [], |row| row.get(0)).expect("a count");
    assert_eq!(lost, 0, "no run failed or was missed for want of a descriptor");
}

#[test]
fn a_sandbox_with_few_files_answers_beside_a_thousand_connections_that_say_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let binary = tickler(folder.path());
    let mut bounded = Command::new("sh");
    bounded.args(["-c", "ulimit -n 64; exec \"$0\" sandbox --listen 127.0.0.1:0"]).arg(binary.get_program());
    bounded.current_dir(folder.path()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut sandbox = bounded.spawn().expect("it starts");
    let mut said = String::new();
    let stderr = sandbox.stderr.take().expect("a pipe");
    BufReader::new(stderr).read_line(&mut said).expect("it says where it listens");
    let address = said.split_once("http://").expect("an address").1;
    let address: String = address.chars().take_while(|c| c.is_ascii_digit() || matches!(c, '.' | ':')).collect();
    let mut silent = Vec::new();
    for _connection in 0..1_100 {
        let mut stream = TcpStream::connect(&address).expect("a connection");
        let _closed_already = stream.write_all(b"POST /contact/create HTTP/1.1\r\nhost: ");
        silent.push(stream);
    }
    let answer = binary::get(&address, "/nothing", &address);
    assert!(answer.starts_with("HTTP/1.1 4"), "{answer}");
    sandbox.kill().expect("it runs still");
    sandbox.wait().expect("it ends");
}

/// How many expressions are made: 10,000 on demand, by this variable.
#[expect(clippy::disallowed_methods, reason = "no settings say how many a test makes")]
fn wanted_expressions() -> u64 {
    std::env::var("MADE_EXPRESSIONS").map_or(300, |count| count.parse().expect("a number of expressions"))
}

/// How many of them are in one folder at most.
const IN_ONE_FOLDER: u64 = 500;

impl SoundClinic {
    /// A clinic with one person to be called, and this many schedules with an expression each, beside the sound one.
    fn with_expressions(count: u64, chance: &mut Chance) -> Self {
        let clinic = Self::new();
        clinic.write("appointments.csv", "id,phone,starts_at\nA-1,+12025550143,2026-11-25 10:30\n");
        for number in 0..count {
            let text = if number % 3 == 0 { sound_expression(chance) } else { expression(chance) };
            let quoted = |text: &str| serde_json::to_string(text).expect("a text");
            let (remind, payload) = match number % 2 {
                0 => (format!("days_before = 1\nonly_if = {}", quoted(&text)), "to = 1".to_owned()),
                _ => ("days_before = 1".to_owned(), format!("to = {}", quoted(&format!("{{{{ {text} }}}}")))),
            };
            let target = "[target.webhook]\nurl = \"http://127.0.0.1:9/\"";
            // again and again: a busy machine may need long for the start
            let text = Parts { cron: "*/15 * * * * *", remind: &remind, payload: &payload, target, ..PARTS }.text();
            clinic.0.schedule(&format!("made-{number:04}"), &text);
        }
        clinic
    }

    /// A verb that ends by itself, with this exit code and JSON.
    fn ends(&self, arguments: &[&str]) -> (Option<i32>, Value) {
        let ended = tickler(self.path()).args(arguments).args(["--format", "json"]).output().expect("it runs");
        let complaint = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert!(ended.status.code().is_some() && !complaint.contains("panicked"), "{arguments:?}: {complaint}");
        (ended.status.code(), serde_json::from_slice(&ended.stdout).expect("JSON"))
    }

    /// How many schedules are in force, and how many of them have had a run.
    fn in_force_and_run(&self) -> (usize, usize) {
        let (_, status) = self.ends(&["status"]);
        let schedules = status["schedules"].as_array().expect("schedules");
        let in_force: Vec<_> = schedules.iter().filter(|one| one["state"] != "refused").collect();
        (in_force.len(), in_force.iter().filter(|one| one["last_run"] != Value::Null).count())
    }
}

#[test]
fn no_made_expression_ends_check_or_plan_or_the_service_or_keeps_another_file_from_being_read() {
    let mut chance = Chance(20_261_128);
    let (mut left, mut evaluated) = (wanted_expressions(), 0);
    while left > 0 {
        let count = left.min(IN_ONE_FOLDER);
        left -= count;
        let clinic = SoundClinic::with_expressions(count, &mut chance);
        let (exit, found) = clinic.ends(&["check"]);
        assert_eq!((exit, found["files"].as_u64()), (Some(78), Some(count + 1)), "some are refused");
        let (_, plans) = clinic.ends(&["plan", "--now", STARTS[0]]);
        assert!(plans.as_array().expect("a list").iter().any(|plan| plan["schedule"] == "sound"));
        let service = clinic.service(STARTS[0]);
        let clock = SystemClock::new();
        let mut counts = clinic.in_force_and_run();
        while counts.0 > counts.1 && clock.monotonic() < Duration::from_secs(60) {
            counts = clinic.in_force_and_run();
        }
        assert!(counts.0 == counts.1 && counts.0 as u64 > count / 10, "{counts:?} of {count} were evaluated");
        evaluated += counts.1;
        assert_eq!(service.stop().code(), Some(0));
    }
    eprintln!("of {} expressions {evaluated} were in force and evaluated by a service", wanted_expressions());
}

/// What a long answer may take of the service's memory.
const LONG_ANSWER_KIB: u64 = 16 * 1024;

#[tokio::test]
async fn a_long_answer_at_the_socket_takes_little_of_the_services_memory() {
    const SHORT: usize = 8_000;
    const LONG: usize = 800;
    let clinic = SoundClinic::new();
    let path = clinic.file("tickler.db");
    let ledger = sqlite::open(&path, LedgerAccess::Write, Zones::newest()).expect("a ledger");
    let now: jiff::Timestamp = STARTS[0].parse().expect("an instant");
    let row = |length: usize| Entry {
        actor: Some("maria".into()),
        detail: Some("x".repeat(length).into()),
        ..Entry::new(now, Event::OperatorPaused)
    };
    // reasons that operators gave: as long as a request may be, and of some lines
    ledger.append((0..SHORT).map(|_| row(1_000)).collect()).await.expect("written");
    for _part in 0..8 {
        ledger.append((0..LONG / 8).map(|_| row(60_000)).collect()).await.expect("written");
    }
    drop(ledger);
    let service = clinic.service(STARTS[0]);
    let socket = clinic.file("tickler.sock");
    // code that runs for the first time is read from the program's file
    let mut small = tickler(clinic.path());
    let ended = small.args(["audit", "export", "--event", "service", "--format", "jsonl"]).output().expect("an export");
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    let before = service.kibibytes("VmRSS");
    service.forget_peak();
    let mut exporting = tickler(clinic.path());
    let exported = exporting.args(["audit", "export", "--event", "operator.paused", "--format", "jsonl"]).output();
    let exported = exported.expect("an export");
    assert!(exported.status.success(), "{}", String::from_utf8_lossy(&exported.stderr));
    let lines = exported.stdout.split(|byte| *byte == b'\n').filter(|line| line.ends_with(b"}")).count();
    assert_eq!(lines, SHORT + LONG + 1, "all rows, and the end");
    for newest in [false, true] {
        let mut caller = UnixStream::connect(&socket).expect("a caller");
        let ask = serde_json::json!({"verb": "audit_page", "filter": {"limit": 1_000_000, "newest": newest}});
        writeln!(caller, "{ask}").expect("a request");
        let mut answer = String::new();
        BufReader::new(caller).read_line(&mut answer).expect("an answer");
        let answer: Value = serde_json::from_str(&answer).expect("JSON");
        let page = answer["body"].as_array().expect("rows");
        assert!((1..=1_000).contains(&page.len()), "{} rows", page.len());
    }
    let grown = service.kibibytes("VmHWM").saturating_sub(before);
    eprintln!("56 MB of log exported, and the service grew by {grown} KiB");
    assert!(grown < LONG_ANSWER_KIB, "{grown} KiB");
    assert_eq!(service.stop().code(), Some(0));
}
