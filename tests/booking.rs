//! Every recipe of `examples/booking/` by the real binary, against a replay of its system's documented answers: the plan calls
//! whom it should, and what is asked is what the system expects.

#[path = "support/command.rs"]
mod command;

use std::io::{BufRead, BufReader, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use command::tickler;
use serde_json::Value;

/// A request that is expected, and what is answered.
#[derive(Debug, Clone)]
struct Replayed {
    /// The method and the beginning of the target.
    asked: String,
    /// What the request must have: a header (`name: value`), or words of its body (`body: …`).
    carries: Vec<String>,
    body: String,
}

/// Answers each request by the first block not yet used that fits it.
struct Replay {
    origin: String,
    left: Arc<Mutex<Vec<Replayed>>>,
    unexpected: Arc<Mutex<Vec<String>>>,
}

impl Replay {
    fn start(blocks: Vec<Replayed>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let origin = format!("http://{}", listener.local_addr().expect("an address"));
        let (left, unexpected) = (Arc::new(Mutex::new(blocks)), Arc::new(Mutex::new(Vec::new())));
        let (waiting, strange, own) = (Arc::clone(&left), Arc::clone(&unexpected), origin.clone());
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let (request, carried) = received(&mut BufReader::new(stream.try_clone().expect("a second handle")));
                let mut blocks = waiting.lock().expect("no holder panics");
                let answer = match blocks.iter().position(|block| request.starts_with(&block.asked)) {
                    Some(at) => {
                        let Replayed { carries, body, .. } = blocks.remove(at);
                        let lacks = carries.iter().filter(|wanted| !carried.iter().any(|has| has.contains(*wanted)));
                        let lacks = lacks.map(|wanted| format!("{request} lacks {wanted}: {carried:?}"));
                        strange.lock().expect("no holder panics").extend(lacks);
                        let body = body.replace("{origin}", &own);
                        let kind = match body.as_bytes().first() {
                            Some(b'{' | b'[') => "application/json",
                            Some(b'<') => "application/xml",
                            Some(_) | None => "text/csv",
                        };
                        format!(
                            "200 OK\r\ncontent-type: {kind}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
                            body.len()
                        )
                    }
                    None => {
                        strange.lock().expect("no holder panics").push(request);
                        "404 Not Found\r\nconnection: close\r\ncontent-length: 0\r\n\r\n".to_owned()
                    }
                };
                let _gone = write!(stream, "HTTP/1.1 {answer}");
            }
        });
        Self { origin, left, unexpected }
    }
}

/// The method and target of a request, and all that it carries: each header in small letters before its colon, and the body.
fn received(reader: &mut impl BufRead) -> (String, Vec<String>) {
    let (mut line, mut request, mut carried, mut length) = (String::new(), String::new(), Vec::new(), 0);
    while reader.read_line(&mut line).expect("a line") > 2 {
        match line.trim().split_once(": ") {
            _ if request.is_empty() => line.trim().trim_end_matches(" HTTP/1.1").clone_into(&mut request),
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                length = value.parse().expect("a length");
            }
            Some((name, value)) => carried.push(format!("{}: {value}", name.to_ascii_lowercase())),
            None => {}
        }
        line.clear();
    }
    let mut body = vec![0_u8; length];
    reader.read_exact(&mut body).expect("a body");
    carried.push(format!("body: {}", String::from_utf8_lossy(&body)));
    (request, carried)
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/booking")
}

/// The text with every `https://host` led to the replay.
fn led_to(text: &str, origin: &str) -> String {
    let (mut led, mut rest) = (String::new(), text);
    while let Some((before, after)) = rest.split_once("https://") {
        let end = after.find(|c: char| !(c.is_ascii_alphanumeric() || ".-".contains(c))).unwrap_or(after.len());
        led.push_str(before);
        // the scope of a token is a name and no address
        led.push_str(if before.ends_with("scope         = \"") { "https://scope.test" } else { origin });
        rest = &after[end..];
    }
    led + rest
}

/// Every environment variable that a schedule names.
fn variables(text: &str) -> Vec<String> {
    text.split("env = \"").skip(1).filter_map(|rest| Some(rest.split_once('"')?.0.to_owned())).collect()
}

fn blocks(text: &str) -> (Vec<String>, Vec<Replayed>) {
    let (first, rest) = text.split_once('\n').expect("whom the plan calls stands first");
    let called = first.trim_start_matches("called:").split(',').map(|id| id.trim().to_owned()).collect();
    let blocks = rest.split("=== ").filter(|block| !block.trim().is_empty()).map(|block| {
        let (asked, rest) = block.split_once('\n').expect("an answer behind its request");
        let carried = rest.lines().take_while(|line| line.starts_with("> "));
        let carries: Vec<String> = carried.map(|line| line[2..].trim().to_owned()).collect();
        let body: Vec<&str> = rest.lines().skip(carries.len()).collect();
        Replayed { asked: asked.trim().to_owned(), carries, body: body.join("\n").trim_end().to_owned() }
    });
    (called, blocks.collect())
}

/// Whom the recipe's plan calls, and what was wrong on the way.
fn run(name: &str) -> Result<(), String> {
    let text = std::fs::read_to_string(folder().join(format!("{name}.toml"))).expect("a recipe");
    let answers = std::fs::read_to_string(folder().join(format!("{name}.answers"))).expect("its answers");
    let (called, blocks) = blocks(&answers);
    let place = tempfile::tempdir().expect("a folder");
    let schedules = place.path().join("schedules");
    std::fs::create_dir(&schedules).expect("a folder");
    let (tables, requests): (Vec<_>, Vec<_>) = blocks.into_iter().partition(|block| block.asked.starts_with("SQL "));
    for Replayed { asked, body, .. } in &tables {
        let file = schedules.join(asked.trim_start_matches("SQL "));
        rusqlite::Connection::open(file).and_then(|database| database.execute_batch(body)).expect("a database");
    }
    let replay = Replay::start(requests);
    std::fs::write(schedules.join(format!("{name}.toml")), led_to(&text, &replay.origin)).expect("a file");
    let mut command = tickler(place.path(), &["plan", name, "--now", "2026-11-24T14:00:00Z", "--format", "json"]);
    for variable in variables(&text) {
        command.env(variable, "replayed");
    }
    command.env("THOUGHTLY_AUTOMATION_URL", "http://127.0.0.1:9/webhook/automation/nobody");
    let output = command.output().expect("tickler runs");
    let plans: Value = serde_json::from_slice(&output.stdout)
        .map_err(|_| format!("no plan: {} {:?}", String::from_utf8_lossy(&output.stderr), replay.unexpected))?;
    let reminders = plans[0]["reminders"].as_array().cloned().unwrap_or_default();
    let found: Vec<String> =
        reminders.iter().filter_map(|call| call["appointment_id"].as_str().map(str::to_owned)).collect();
    let called: Vec<String> = called.iter().map(|id| id.replace("{origin}", &replay.origin)).collect();
    if found != called {
        return Err(format!("{found:?} are called instead of {called:?}: {}", plans[0]));
    }
    let (left, unexpected) = (replay.left.lock().expect("no holder panics"), replay.unexpected.lock());
    let unexpected = unexpected.expect("no holder panics");
    match (left.is_empty(), unexpected.is_empty()) {
        (true, true) => Ok(()),
        (true, false) => Err(format!("{unexpected:?}")),
        (false, _) => Err(format!("never asked for: {:?}", left.iter().map(|block| &block.asked).collect::<Vec<_>>())),
    }
}

#[test]
fn every_recipe_plans_its_systems_answers_and_is_short() {
    let mut names: Vec<String> = std::fs::read_dir(folder())
        .expect("the recipes")
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.strip_suffix(".toml").map(str::to_owned))
        .collect();
    names.sort();
    assert!(names.len() >= 12, "{names:?}");
    let mut wrong = Vec::new();
    for name in names {
        let text = std::fs::read_to_string(folder().join(format!("{name}.toml"))).expect("a recipe");
        if text.lines().count() > 40 {
            wrong.push(format!("{name}: {} lines", text.lines().count()));
        }
        wrong.extend(run(&name).err().map(|error| format!("{name}: {error}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
