//! Every scenario of `examples/` by the real binary: its plan is the one that stands beside it, and a trigger does what
//! the plan said.
//!
//! A scenario is a folder with the moment (`now`), the expected plan (`plan.json`), and a schedule with its source; the
//! clinic's schedule is the one that is shipped.

#[path = "support/command.rs"]
mod command;

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Output;

use command::tickler;
use serde_json::Value;

struct Scenario {
    name: &'static str,
    schedules: &'static str,
    schedule: &'static str,
}

const SCENARIOS: &[Scenario] = &[
    Scenario { name: "clinic", schedules: "schedules", schedule: "day-before" },
    Scenario { name: "salon", schedules: "examples/salon", schedule: "salon" },
    Scenario { name: "dealership", schedules: "examples/dealership", schedule: "service-bay" },
    Scenario { name: "agency", schedules: "examples/agency", schedule: "viewings" },
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// One scenario at work: a ledger of its own, and servers on loopback.
struct Stage<'a> {
    scenario: &'a Scenario,
    folder: tempfile::TempDir,
    bookings: String,
    automation: Automation,
}

impl<'a> Stage<'a> {
    fn set(scenario: &'a Scenario) -> Self {
        let bookings = serve_folder(root().join("examples/agency"));
        Self { scenario, folder: tempfile::tempdir().expect("a folder"), bookings, automation: Automation::start() }
    }

    fn now(&self) -> String {
        let file = root().join("examples").join(self.scenario.name).join("now");
        std::fs::read_to_string(file).expect("the scenario's moment").trim().to_owned()
    }

    fn tickler(&self, arguments: &[&str]) -> Output {
        tickler(self.folder.path(), arguments)
            .args(["--now", &self.now()])
            .env("TICKLER_SCHEDULES", root().join(self.scenario.schedules))
            .env("TICKLER_LEDGER", self.folder.path().join("tickler.db"))
            .env("TICKLER_ACCOUNTS__THOUGHTLY__RATE", "unlimited")
            .env("BOOKINGS_URL", format!("{}/pages/1.json", self.bookings))
            .env("THOUGHTLY_AUTOMATION_URL", &self.automation.url)
            .output()
            .expect("tickler runs")
    }

    fn plan(&self) -> Value {
        let output = self.tickler(&["plan", self.scenario.schedule, "--format", "json", "--reveal"]);
        assert!(output.status.success(), "{}: {}", self.scenario.name, String::from_utf8_lossy(&output.stderr));
        let mut plan: Value = serde_json::from_slice(&output.stdout).expect("the plan is JSON");
        blank_ids(&mut plan);
        plan
    }
}

/// Ids of reminders are new in every plan: they are compared as being there.
fn blank_ids(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields.iter_mut() {
                if name == "reminder_id" && field.is_string() {
                    *field = Value::from("(new)");
                } else {
                    blank_ids(field);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(blank_ids),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Serves a folder's files by GET, one connection for each request.
fn serve_folder(folder: PathBuf) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut line = String::new();
            let mut reader = BufReader::new(stream.try_clone().expect("a second handle"));
            reader.read_line(&mut line).expect("a request line");
            let path = line.split(' ').nth(1).unwrap_or("/").trim_start_matches('/').to_owned();
            let mut rest = String::new();
            while reader.read_line(&mut rest).expect("a header") > 2 {
                rest.clear();
            }
            let answer = match std::fs::read_to_string(folder.join(path)) {
                Ok(body) => {
                    format!("200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}", body.len())
                }
                Err(_) => "404 Not Found\r\ncontent-length: 0\r\n\r\n".to_owned(),
            };
            let _gone = write!(stream, "HTTP/1.1 {}", answer.replacen("\r\n", "\r\nconnection: close\r\n", 1));
        }
    });
    format!("http://{address}")
}

/// An automation that accepts everything and keeps the bodies.
struct Automation {
    url: String,
    bodies: std::sync::Arc<std::sync::Mutex<Vec<Value>>>,
}

impl Automation {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("http://{}/webhook/automation/example", listener.local_addr().expect("an address"));
        let bodies = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
        let kept = std::sync::Arc::clone(&bodies);
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let mut reader = BufReader::new(stream.try_clone().expect("a second handle"));
                let (mut line, mut length) = (String::new(), 0_usize);
                while reader.read_line(&mut line).expect("a line") > 2 {
                    if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                        length = value.trim().parse().expect("a length");
                    }
                    line.clear();
                }
                let mut body = vec![0_u8; length];
                reader.read_exact(&mut body).expect("a body");
                kept.lock().expect("no holder panics").push(serde_json::from_slice(&body).expect("a JSON body"));
                let answer = r#"{"error":null,"data":{}}"#;
                let _gone = write!(
                    stream,
                    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{answer}",
                    answer.len()
                );
            }
        });
        Self { url, bodies }
    }

    fn received(&self) -> BTreeSet<String> {
        let bodies = self.bodies.lock().expect("no holder panics");
        let texts: Vec<String> = bodies
            .iter()
            .cloned()
            .map(|mut body| {
                blank_ids(&mut body);
                body.to_string()
            })
            .collect();
        let distinct: BTreeSet<String> = texts.iter().cloned().collect();
        assert_eq!(distinct.len(), texts.len(), "every call arrived once");
        distinct
    }
}

#[test]
fn every_scenario_plans_what_stands_beside_it() {
    for scenario in SCENARIOS {
        let plan = Stage::set(scenario).plan();
        let file = root().join("examples").join(scenario.name).join("plan.json");
        let expected: Value = serde_json::from_slice(&std::fs::read(file).expect("an expected plan")).expect("JSON");
        assert_eq!(plan, expected, "{}: {}", scenario.name, serde_json::to_string_pretty(&plan).expect("JSON"));
    }
}

#[test]
fn a_trigger_sends_what_the_plan_said_and_a_second_one_nothing() {
    for scenario in SCENARIOS {
        let stage = Stage::set(scenario);
        let plan = stage.plan();
        let planned: BTreeSet<String> =
            plan[0]["reminders"].as_array().expect("reminders").iter().map(|r| r["payload"].to_string()).collect();
        assert!(!planned.is_empty(), "{} calls somebody", scenario.name);

        let first = stage.tickler(&["trigger", scenario.schedule, "--format", "json"]);
        assert!(first.status.success(), "{}: {}", scenario.name, String::from_utf8_lossy(&first.stderr));
        let told: Value = serde_json::from_slice(&first.stdout).expect("JSON");
        assert_eq!(stage.automation.received(), planned, "{}", scenario.name);
        for count in ["rows", "outside_window", "planned", "skipped", "already_reminded"] {
            assert_eq!(told["counts"][count], plan[0]["counts"][count], "{}: {count}", scenario.name);
        }
        assert_eq!(told["counts"]["delivered"], planned.len(), "{}", scenario.name);

        let second = stage.tickler(&["trigger", scenario.schedule, "--format", "json"]);
        let again: Value = serde_json::from_slice(&second.stdout).expect("JSON");
        assert_eq!(again["counts"]["already_reminded"], planned.len(), "{}", scenario.name);
        assert_eq!(
            stage.automation.received().len(),
            planned.len(),
            "{}: a second trigger sends nothing",
            scenario.name
        );
    }
}

#[test]
fn planning_leaves_the_dealerships_database_as_it_was() {
    let scenario = &SCENARIOS[2];
    let database = root().join("examples/dealership/workshop.db");
    let before = (std::fs::read(&database).expect("bytes"), modified(&database));
    Stage::set(scenario).plan();
    assert_eq!(before, (std::fs::read(&database).expect("bytes"), modified(&database)));
}

fn modified(path: &Path) -> std::time::SystemTime {
    path.metadata().and_then(|metadata| metadata.modified()).expect("a time of change")
}
