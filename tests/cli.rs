//! The real binary: what it prints for programs, and how it ends.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// 09:00 in New York; the clinic's appointments are on the 25th.
const MORNING: &str = "2026-11-24T14:00:00Z";

const CLINIC: &str = "\
id,name,phone,starts_at,service,status
A-1,Ada Example,+12025550143,2026-11-25 09:30,Check-up,confirmed
A-2,Ben Sample,(202) 555-0164,2026-11-25 10:00,Cleaning,confirmed
A-3,Cleo Testing,202-555-0117,2026-11-25 10:30,X-ray,cancelled
A-4,Dan Nobody,,2026-11-25 11:00,Check-up,confirmed
A-5,Ivo Madeup,+12025550151,2026-12-02 09:00,Cleaning,confirmed
";

const DAY_BEFORE: &str = r#"
cron = "0 9 * * *"
timezone = "America/New_York"
[source.csv]
path = "../appointments.csv"
[appointment]
id = "id"
phone = "phone"
default_region = "US"
starts_at = "starts_at"
status = "status"
[remind]
days_before = 1
statuses = ["confirmed"]
[target.automation]
url = { env = "THOUGHTLY_AUTOMATION_URL" }
[payload]
contact_phone = "{{ phone }}"
national = "{{ phone_national }}"
appointment_time = "{{ starts_at }}"
service_name = "{{ service }}"
"#;

/// A clinic in a folder of its own.
struct Clinic {
    folder: TempDir,
    url: String,
}

impl Clinic {
    fn new() -> Self {
        Self::with_target("http://127.0.0.1:9/webhook/automation/nobody")
    }

    fn with_target(url: &str) -> Self {
        let clinic = Self { folder: TempDir::new().expect("a folder"), url: url.to_owned() };
        std::fs::create_dir(clinic.path().join("schedules")).expect("a folder of schedules");
        clinic.write("tickler.toml", "[web]\nlisten = \"off\"\n");
        clinic.write("appointments.csv", CLINIC);
        clinic.write("schedules/day-before.toml", DAY_BEFORE);
        clinic
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path().join(name), text).expect("a file is written");
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tickler"));
        command.args(arguments).current_dir(self.path()).env_clear();
        command.env("THOUGHTLY_AUTOMATION_URL", &self.url).env("RUST_BACKTRACE", "0").stdin(Stdio::null());
        command
    }

    fn run(&self, arguments: &[&str]) -> Ended {
        Ended::of(self.command(arguments).output().expect("the program runs"))
    }

    fn json(&self, arguments: &[&str]) -> (i32, Value) {
        let ended = self.run(&[arguments, &["--format", "json"]].concat());
        let value = serde_json::from_str(&ended.stdout);
        (ended.exit, value.unwrap_or_else(|error| panic!("{error}: {ended:?}")))
    }

    fn has_ledger(&self) -> bool {
        let files = std::fs::read_dir(self.path()).expect("the folder is there");
        files.flatten().any(|file| file.file_name().to_string_lossy().starts_with("tickler.db"))
    }
}

#[derive(Debug)]
struct Ended {
    exit: i32,
    stdout: String,
    stderr: String,
}

impl Ended {
    fn of(output: Output) -> Self {
        Self {
            exit: output.status.code().expect("it ended by itself"),
            stdout: String::from_utf8(output.stdout).expect("UTF-8"),
            stderr: String::from_utf8(output.stderr).expect("UTF-8"),
        }
    }
}

/// A sandbox as a process of its own.
struct Sandbox {
    process: Child,
    url: String,
}

impl Sandbox {
    fn start(arguments: &[&str]) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_tickler"))
            .args(["sandbox", "--listen", "127.0.0.1:0"])
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the sandbox starts");
        let stderr = process.stderr.take().expect("it was piped");
        let lines = BufReader::new(stderr).lines().map_while(Result::ok);
        let url = lines.into_iter().find_map(|line| Some(line.split_once("URL=")?.1.to_owned()));
        Self { process, url: url.expect("it tells its address") }
    }

    /// Ends it; what it received, one line each.
    fn received(mut self) -> Vec<String> {
        let id = rustix::process::Pid::from_child(&self.process);
        rustix::process::kill_process(id, rustix::process::Signal::TERM).expect("it is there");
        let mut text = String::new();
        self.process.stdout.take().expect("it was piped").read_to_string(&mut text).expect("UTF-8");
        self.process.wait().expect("it ends");
        text.lines().map(str::to_owned).collect()
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        let _ended_already = self.process.kill();
        let _reaped_already = self.process.wait();
    }
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().expect("an object").keys().map(String::as_str).collect()
}

#[test]
fn what_is_mistyped_ends_with_two_and_the_likely_word() {
    let clinic = Clinic::new();
    let mistyped = clinic.run(&["trigge", "day-before"]);
    assert_eq!(mistyped.exit, 2);
    assert!(mistyped.stderr.contains("'trigger'"), "{mistyped:?}");
    let mistyped = clinic.run(&["plan", "--revel"]);
    assert_eq!(mistyped.exit, 2);
    assert!(mistyped.stderr.contains("--reveal"), "{mistyped:?}");
    for verb in ["plan", "next", "trigger", "explain", "pause"] {
        let arguments: &[&str] = match verb {
            "explain" => &["explain", "day-befor", "A-1"],
            "pause" => &["pause", "day-befor", "--reason", "snow"],
            verb => &[verb, "day-befor"],
        };
        let ended = clinic.run(arguments);
        assert_eq!(ended.exit, 2, "{verb}: {ended:?}");
        assert!(ended.stderr.contains("did you mean `day-before`?"), "{verb}: {ended:?}");
    }
}

#[test]
fn verbs_that_are_not_there_yet_say_so() {
    let clinic = Clinic::new();
    let later: [&[&str]; 9] = [
        &["approve", "x"],
        &["reject", "x"],
        &["optout", "list"],
        &["init", "x.csv"],
        &["test"],
        &["forget", "--phone", "+12025550143"],
        &["restore", "x"],
        &["audit", "stats"],
        &["audit", "prune"],
    ];
    for arguments in later {
        let ended = clinic.run(arguments);
        assert_eq!(ended.exit, 2, "{arguments:?}: {ended:?}");
        assert!(ended.stderr.contains("not yet supported"), "{arguments:?}: {ended:?}");
    }
    assert!(!clinic.run(&["--help"]).stdout.contains("optout"));
}

#[test]
fn a_plan_has_its_shape_and_shows_no_phone() {
    let clinic = Clinic::new();
    let (exit, plans) = clinic.json(&["plan", "--now", MORNING]);
    assert_eq!(exit, 0);
    let plan = &plans[0];
    assert_eq!(keys(plan), ["schedule", "nominal_at", "timezone", "counts", "reminders", "skipped", "held"]);
    assert_eq!(plan["nominal_at"], "2026-11-24T09:00:00-05:00");
    assert_eq!(
        plan["counts"],
        serde_json::json!({"rows": 5, "outside_window": 1, "planned": 2, "skipped": 2, "already_reminded": 0})
    );
    let call = &plan["reminders"][0];
    assert_eq!(keys(call), ["appointment_id", "starts_at", "lead", "due_at", "phone", "payload", "note"]);
    assert_eq!((call["starts_at"].as_str(), call["lead"].as_str()), (Some("2026-11-25T09:30:00-05:00"), Some("1d")));
    assert_eq!(call["due_at"], "2026-11-24T09:00:00-05:00");
    assert_eq!(call["payload"]["contact_phone"], "***0143");
    let skips: Vec<_> = plan["skipped"].as_array().expect("a list").iter().collect();
    assert_eq!(keys(skips[0]), ["appointment_id", "starts_at", "reason", "detail"]);
    assert_eq!((&skips[0]["reason"], &skips[1]["reason"]), (&"cancelled".into(), &"no_phone".into()));
    let text = plans.to_string();
    assert!(!text.contains("5550143") && !text.contains("555-0143"), "{text}");
    let plain = clinic.run(&["plan", "day-before", "--now", MORNING]).stdout;
    assert!(plain.contains("***0164") && !plain.contains("5550164") && !plain.contains('\u{1b}'), "{plain}");
}

#[test]
fn reading_verbs_create_nothing() {
    let clinic = Clinic::new();
    let verbs: [&[&str]; 8] = [
        &["plan", "--now", MORNING],
        &["explain", "day-before", "A-1", "--now", MORNING],
        &["next"],
        &["check"],
        &["status"],
        &["audit"],
        &["uncertain"],
        &["trigger", "day-before", "--dry-run", "--now", MORNING],
    ];
    for arguments in verbs {
        let ended = clinic.run(arguments);
        assert_eq!(ended.exit, 0, "{arguments:?}: {ended:?}");
        assert!(!clinic.has_ledger(), "{arguments:?} created a ledger");
    }
}

#[test]
fn explain_names_the_first_rule_that_blocks() {
    let clinic = Clinic::new();
    for (appointment, verdict, reason) in [
        ("A-1", "call", Value::Null),
        ("A-3", "skip", "cancelled".into()),
        ("A-4", "skip", "no_phone".into()),
        ("A-5", "skip", "outside_window".into()),
        ("A-9", "absent", Value::Null),
    ] {
        let (exit, told) = clinic.json(&["explain", "day-before", appointment, "--now", MORNING]);
        assert_eq!((exit, &told["verdict"], &told["reason"]), (0, &verdict.into(), &reason), "{told}");
        assert_eq!(keys(&told), ["schedule", "appointment_id", "verdict", "reason", "steps"]);
        let blocks = told["steps"].as_array().expect("steps").iter().filter(|step| step["result"] == "block").count();
        assert_eq!(blocks, usize::from(verdict != "call"), "{told}");
    }
}

#[test]
fn the_next_runs_are_local_and_utc_and_odd_days_are_marked() {
    let clinic = Clinic::new();
    let half_past_two = DAY_BEFORE.replace("0 9 * * *", "30 2 * * *");
    clinic.write("schedules/day-before.toml", &half_past_two);
    let (exit, runs) = clinic.json(&["next", "-n", "2", "--now", "2026-03-07T12:00:00Z"]);
    assert_eq!(exit, 0);
    let expected = serde_json::json!([
        {"schedule": "day-before", "at": "2026-03-08T03:00:00-04:00", "at_utc": "2026-03-08T07:00:00Z", "note": "gap"},
        {"schedule": "day-before", "at": "2026-03-09T02:30:00-04:00", "at_utc": "2026-03-09T06:30:00Z", "note": null},
    ]);
    assert_eq!(runs, expected);
}

#[test]
fn a_refused_file_hinders_no_verb_that_names_another() {
    let clinic = Clinic::new();
    clinic.write("schedules/broken.toml", "crom = \"0 9 * * *\"\n");
    let (exit, found) = clinic.json(&["check"]);
    assert_eq!((exit, &found["ok"], &found["files"]), (78, &Value::Bool(false), &2.into()));
    let problem = &found["problems"][0];
    assert_eq!(
        keys(problem),
        ["severity", "code", "file", "line", "column", "end_line", "end_column", "message", "help"]
    );
    assert_eq!(clinic.json(&["plan", "day-before", "--now", MORNING]).0, 0);
    assert_eq!(clinic.json(&["plan", "--now", MORNING]).0, 78);
    assert_eq!(clinic.run(&["plan", "broken"]).exit, 78);
    let (_, status) = clinic.json(&["status"]);
    assert_eq!(status["schedules"][0]["state"], "refused");
}

#[test]
fn a_source_that_is_not_there_fails_the_plan_and_the_trigger() {
    let clinic = Clinic::new();
    std::fs::remove_file(clinic.path().join("appointments.csv")).expect("it was there");
    let planned = clinic.run(&["plan", "day-before", "--now", MORNING]);
    assert_eq!(planned.exit, 1, "{planned:?}");
    let (exit, answer) = clinic.json(&["trigger", "day-before", "--now", MORNING]);
    assert_eq!((exit, &answer["state"]), (1, &"failed".into()), "{answer}");
}

#[test]
fn a_trigger_delivers_once_and_tells_every_state() {
    let sandbox = Sandbox::start(&[]);
    let clinic = Clinic::with_target(&sandbox.url);
    let (exit, first) = clinic.json(&["trigger", "day-before", "--now", MORNING]);
    assert_eq!(exit, 0, "{first}");
    assert_eq!(&keys(&first)[..6], ["run_id", "schedule", "nominal_at", "state", "counts", "reminders"]);
    let counts = serde_json::json!({
        "rows": 5, "outside_window": 1, "planned": 2, "delivered": 2, "failed": 0, "uncertain": 0, "dropped": 0,
        "expired": 0, "pending": 0, "skipped": 2, "already_reminded": 0,
    });
    assert_eq!(first["counts"], counts);
    assert_eq!(keys(&first["reminders"][0]), ["reminder_id", "appointment_id", "state", "attempts", "http_status"]);
    let (exit, second) = clinic.json(&["trigger", "day-before", "--now", "2026-11-24T14:05:00Z"]);
    assert_eq!((exit, &second["counts"]["already_reminded"]), (0, &2.into()), "{second}");
    assert_eq!(second["counts"]["planned"], 0);
    let (_, told) = clinic.json(&["explain", "day-before", "A-1", "--now", "2026-11-24T14:05:00Z"]);
    assert_eq!((&told["verdict"], &told["reason"]), (&"reminded".into(), &"already_reminded".into()), "{told}");
    let run = first["run_id"].as_str().expect("an id");
    let (_, then) = clinic.json(&["explain", "day-before", "A-1", "--run", run]);
    assert_eq!(then["verdict"], "call", "{then}");
    let (_, then) = clinic.json(&["explain", "day-before", "A-3", "--run", run]);
    assert_eq!((&then["verdict"], &then["reason"]), (&"skip".into(), &"cancelled".into()), "{then}");
    let posts = sandbox.received();
    assert_eq!(posts.len(), 2, "{posts:?}");
}

#[test]
fn a_refusal_for_good_ends_with_three() {
    let sandbox = Sandbox::start(&["--fail", "400:1"]);
    let clinic = Clinic::with_target(&sandbox.url);
    let (exit, answer) = clinic.json(&["trigger", "day-before", "--now", MORNING]);
    assert_eq!(exit, 3, "{answer}");
    assert_eq!((&answer["counts"]["failed"], &answer["counts"]["delivered"]), (&1.into(), &1.into()), "{answer}");
}

#[test]
fn a_given_clock_phones_nobody_but_this_machine() {
    let clinic = Clinic::with_target("https://api.thoughtly.com/webhook/automation/x");
    let ended = clinic.run(&["trigger", "day-before", "--now", MORNING]);
    assert_eq!(ended.exit, 7, "{ended:?}");
    let ended = clinic.run(&["test-call", "day-before", "--to", "+12025550143", "--now", MORNING]);
    assert_eq!(ended.exit, 7, "{ended:?}");
    assert_eq!(clinic.run(&["trigger", "day-before", "--dry-run", "--now", MORNING]).exit, 0);
}

#[test]
fn what_is_paused_is_not_triggered_until_it_is_resumed() {
    let sandbox = Sandbox::start(&[]);
    let clinic = Clinic::with_target(&sandbox.url);
    assert_eq!(clinic.run(&["pause", "--all", "--reason", "snow"]).exit, 0);
    assert_eq!(clinic.json(&["status"]).1["paused"], true);
    let refused = clinic.run(&["trigger", "day-before", "--now", MORNING]);
    assert_eq!(refused.exit, 7, "{refused:?}");
    let (_, told) = clinic.json(&["explain", "day-before", "A-1", "--now", MORNING]);
    assert_eq!((&told["verdict"], &told["reason"]), (&"skip".into(), &"paused".into()), "{told}");
    assert_eq!(clinic.run(&["resume", "--all"]).exit, 0);
    assert_eq!(clinic.run(&["pause", "day-before", "--reason", "snow"]).exit, 0);
    assert_eq!(clinic.run(&["trigger", "day-before", "--now", MORNING]).exit, 7);
    assert_eq!(clinic.run(&["resume", "day-before"]).exit, 0);
    assert_eq!(clinic.run(&["trigger", "day-before", "--now", MORNING]).exit, 0);
}

#[test]
fn too_many_calls_hold_the_run() {
    let sandbox = Sandbox::start(&[]);
    let clinic = Clinic::with_target(&sandbox.url);
    clinic.write("schedules/day-before.toml", &format!("{DAY_BEFORE}\n[guard]\nmax_calls = 1\n"));
    let (exit, plan) = clinic.json(&["plan", "day-before", "--now", MORNING]);
    assert_eq!((exit, &plan[0]["held"]["guard"]), (0, &"max_calls".into()), "{plan}");
    let (exit, answer) = clinic.json(&["trigger", "day-before", "--now", MORNING]);
    assert_eq!((exit, &answer["state"]), (7, &"held".into()), "{answer}");
    assert_eq!(sandbox.received(), Vec::<String>::new());
}

#[test]
fn a_test_call_goes_to_ones_own_phone_and_is_no_reminder() {
    let sandbox = Sandbox::start(&[]);
    let clinic = Clinic::with_target(&sandbox.url);
    let (exit, answer) = clinic.json(&["test-call", "day-before", "--to", "+12025550199", "--now", MORNING]);
    assert_eq!((exit, &answer["state"]), (0, &"delivered".into()), "{answer}");
    assert_eq!((&answer["payload"]["test"], &answer["payload"]["contact_phone"]), (&true.into(), &"***0199".into()));
    let (_, plan) = clinic.json(&["plan", "--now", MORNING]);
    assert_eq!(plan[0]["counts"]["planned"], 2, "the test call is outside dedup");
    let (_, log) = clinic.json(&["audit", "list", "--reason", "test"]);
    let events: Vec<_> = log.as_array().expect("rows").iter().map(|row| &row["event"]).collect();
    assert_eq!(events, ["delivery.intent", "delivery.delivered"]);
    assert_eq!(clinic.run(&["test-call", "day-before", "--to", "911"]).exit, 2);
    assert_eq!(sandbox.received().len(), 1);
}

#[test]
fn the_log_is_exported_with_its_end_and_tells_that_it_was() {
    let sandbox = Sandbox::start(&[]);
    let clinic = Clinic::with_target(&sandbox.url);
    clinic.json(&["trigger", "day-before", "--now", MORNING]);
    let export = clinic.run(&["audit", "export"]).stdout;
    let lines: Vec<Value> = export.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let (end, rows) = lines.split_last().expect("an end");
    assert_eq!(keys(end), ["event", "count", "last_seq", "last_hash"]);
    assert_eq!((&end["event"], end["count"].as_u64()), (&"end".into(), Some(rows.len() as u64)));
    assert_eq!((&rows.last().expect("rows")["seq"], &rows[0]["seq"]), (&end["last_seq"], &1.into()));
    assert_eq!(
        keys(&rows[0]),
        [
            "seq",
            "at",
            "event",
            "schedule",
            "run_id",
            "reminder_id",
            "appointment_id",
            "phone_last4",
            "starts_at",
            "lead",
            "attempt",
            "reason",
            "http_status",
            "latency_ms",
            "actor",
            "detail",
            "hash",
        ]
    );
    let csv = clinic.run(&["audit", "export", "--format", "csv"]).stdout;
    assert!(csv.starts_with("seq,at,event,schedule,run_id,reminder_id,appointment_id,phone_last4,"), "{csv}");
    let (_, log) = clinic.json(&["audit", "list", "--event", "operator.exported"]);
    assert_eq!(log.as_array().map(Vec::len), Some(2));
    let all = clinic.run(&["audit", "export"]).stdout;
    assert!(!all.contains("2025550143"), "no whole phone is in the log");
}

#[test]
fn a_broken_chain_ends_with_five() {
    let sandbox = Sandbox::start(&[]);
    let clinic = Clinic::with_target(&sandbox.url);
    clinic.json(&["trigger", "day-before", "--now", MORNING]);
    assert_eq!(clinic.run(&["audit", "verify"]).exit, 0);
    let ledger = rusqlite::Connection::open(clinic.path().join("tickler.db")).expect("the ledger opens");
    let triggers: Vec<String> = ledger
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = 'audit'")
        .expect("a query")
        .query_map([], |row| row.get(0))
        .expect("rows")
        .collect::<Result<_, _>>()
        .expect("names");
    for name in triggers {
        ledger.execute_batch(&format!("DROP TRIGGER \"{name}\"")).expect("dropped");
    }
    assert_eq!(ledger.execute("UPDATE audit SET reason = 'other' WHERE seq = 2", []), Ok(1));
    drop(ledger);
    let (exit, found) = clinic.json(&["audit", "verify"]);
    assert_eq!((exit, &found["ok"], &found["broken_at"]), (5, &false.into(), &2.into()), "{found}");
}

#[test]
fn whole_phones_are_shown_only_when_the_log_knows_of_it() {
    let clinic = Clinic::new();
    let (exit, plan) = clinic.json(&["plan", "day-before", "--now", MORNING, "--reveal"]);
    assert_eq!((exit, &plan[0]["reminders"][0]["phone"]), (0, &"+12025550143".into()), "{plan}");
    let (_, log) = clinic.json(&["audit", "list", "--event", "operator.revealed"]);
    assert_eq!(log.as_array().map(Vec::len), Some(1), "{log}");
}

#[test]
fn a_backup_is_one_new_file() {
    let clinic = Clinic::new();
    clinic.run(&["pause", "--all", "--reason", "snow"]);
    let copied = clinic.run(&["backup", "copy.db"]);
    assert_eq!(copied.exit, 0, "{copied:?}");
    assert!(clinic.path().join("copy.db").is_file());
    assert_eq!(clinic.run(&["backup", "copy.db"]).exit, 1, "nothing is overwritten");
}

#[test]
fn only_reload_needs_a_service() {
    let clinic = Clinic::new();
    let ended = clinic.run(&["reload"]);
    assert_eq!(ended.exit, 6, "{ended:?}");
}

#[test]
fn settings_that_make_no_sense_end_with_78() {
    let clinic = Clinic::new();
    clinic.write("tickler.toml", "schedulez = \"x\"\n");
    let ended = clinic.run(&["plan"]);
    assert_eq!(ended.exit, 78, "{ended:?}");
    assert!(ended.stderr.contains("schedulez"), "{ended:?}");
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let clinic = Clinic::new();
    let mut child =
        clinic.command(&["completions", "bash"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("runs");
    drop(child.stdout.take());
    let ended = Ended::of(child.wait_with_output().expect("it ends"));
    assert_eq!((ended.exit, ended.stderr.as_str()), (0, ""));
}
