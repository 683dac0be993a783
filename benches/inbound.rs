//! What the listener takes: records of calls and requests for calls, each durable before its answer, beside a bare server
//! of the same framework that reads the JSON and answers 200.
//!
//! `cargo bench --bench inbound` measures six parts; `-- --part NAME` measures one of them:
//!
//! - `rates`: posts a second over 64 connections, and their ratio to the bare server's;
//! - `paced`: how long an answer takes at 1,000 posts a second;
//! - `delivery`: how much 10,000 calls are slowed by 1,000 records a second;
//! - `alone`: how long a request that is posted at idle takes until the receiver has its call;
//! - `behind`: how long it takes behind 1,000 calls that wait for the rate of the account;
//! - `flat`: the rates over a ledger of 1,000,000 reminders against one of 10,000.
#![expect(clippy::disallowed_methods, reason = "a benchmark measures the machine's own time")]

mod support;

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use axum::Json;
use axum::routing::post;
use serde_json::{Value, json};
use support::clinics::{SENDING, appointments, phone_of};
use support::posts::{CONNECTIONS, connected, of_hundred, paced, post_one, request, time_of_posts};
use support::receiver::{ANSWERED, ANSWERED_LEADS, start_receiver};
use support::settled::multiply;
use support::{THIS_BUILD, median, ratio};

const SECRET: &str = "kept-by-the-bench";
const POSTS: u32 = 10_000;
const ROUNDS: usize = 3;
/// Posts a second where a pace is kept.
const PACE: u32 = 1_000;
/// Requests that are posted one by one.
const ALONE: u32 = 1_000;
/// Requests that are posted behind others.
const BEHIND: u32 = 10;
/// When a reminder is sent of which a ledger is filled with copies.
const TWO_DAYS_BEFORE: &str = "2026-11-22T14:00:00Z";
/// When the calls are made that records are about: nine in New York.
const DAY_BEFORE: &str = "2026-11-23T14:00:00Z";
/// Half past eight in New York, shortly before nine, and eleven in the evening.
const MORNING: &str = "2026-11-24T13:30:00Z";
const BEFORE_NINE: &str = "2026-11-24T13:59:57Z";
const NIGHT: &str = "2026-11-25T04:00:00Z";

const OUTCOME: &str = "[outcome]\nsecret = { env = \"BENCH_SECRET\" }\n[outcome.values]\nyes = \"confirmed\"\n";

const LEADS: &str = r#"
timezone = "America/New_York"
[source.inbound]
secret = { env = "BENCH_SECRET" }
max_per_hour = 1000000
[appointment]
id = "id"
phone = "phone"
[remind]
now = true
allowed_countries = ["US"]
max_per_person_per_day = 1000
[target.automation]
url = { env = "BENCH_URL" }
[payload]
contact_phone = "{{ phone }}"
lead_id = "{{ appointment_id }}"
[guard]
max_calls = 1000000
"#;

/// A part's name, and what measures it with the receiver at that address.
type BenchPart = (&'static str, fn(&str));

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if arguments.iter().any(|word| word == "--bare") {
        return serve_bare();
    }
    let asked = arguments.iter().skip_while(|word| *word != "--part").nth(1);
    let url = format!("http://{}/webhook/automation/bench", start_receiver());
    let parts: [BenchPart; 6] = [
        ("rates", rates),
        ("paced", at_a_pace),
        ("delivery", delivery),
        ("alone", alone),
        ("behind", behind),
        ("flat", flat),
    ];
    for (name, part) in parts {
        if asked.is_none_or(|asked| asked == name) {
            part(&url);
        }
    }
}

fn rates(url: &str) {
    let (mut bare, mut records, mut requests) = (Vec::new(), Vec::new(), Vec::new());
    for _round in 0..ROUNDS {
        let server = Server::bare();
        bare.push(time_of_posts(server.address, leads(0)));
        drop(server);
        records.push(of_records(url, 0));
        requests.push(of_leads(url, 0));
    }
    let (bare, records, requests) = (median(bare), median(records), median(requests));
    println!("{POSTS} posts over {CONNECTIONS} connections on loopback, {ROUNDS} rounds, medians");
    print_rate("a bare server that reads JSON", bare);
    print_rate("records of calls, durable", records);
    print_rate("requests for calls, durable", requests);
    println!("records / bare rate     {:.2}   (at least 0.15, goal 0.30; never below 1,000/s)", ratio(bare, records));
    println!("requests / bare rate    {:.2}   (at least 0.10; never below 1,000/s)", ratio(bare, requests));
}

fn at_a_pace(url: &str) {
    let stage = Stage::new(url, 0);
    let records = stage.records();
    let waits = paced(stage.serve(MORNING, &[]).address, records, PACE, Arc::default());
    print_waits("records of calls", &waits);
    let waits = paced(Stage::new(url, 0).serve(NIGHT, &[]).address, leads(0), PACE, Arc::default());
    print_waits("requests for calls", &waits);
}

fn print_waits(what: &str, waits: &[Duration]) {
    let (middle, most) = (of_hundred(waits, 50), of_hundred(waits, 99));
    println!(
        "{what} at {PACE} a second, until answered: median {middle:.1} ms, 99 of 100 {most:.1} ms   (at most 100)"
    );
}

/// Ten thousand calls that are due at nine, with records of earlier calls meanwhile and without.
fn delivery(url: &str) {
    let (mut quiet, mut busy) = (Vec::new(), Vec::new());
    for _round in 0..ROUNDS {
        quiet.push(time_of_calls(url, false));
        busy.push(time_of_calls(url, true));
    }
    let (quiet, busy) = (median(quiet), median(busy));
    print_rate("calls of a run", quiet);
    print_rate("calls of a run, 1,000 records a second", busy);
    println!("with records / without  {:.2}   (at most 1.15)", ratio(busy, quiet));
}

/// From the first call's arrival until the last one's.
fn time_of_calls(url: &str, with_records: bool) -> Duration {
    let stage = Stage::new(url, 0);
    let records = stage.records();
    stage.write_table(&appointments(POSTS, "C", "2026-11-25"));
    let before = ANSWERED.load(Ordering::Relaxed);
    let server = stage.serve(BEFORE_NINE, &[]);
    let stop = Arc::new(AtomicBool::new(false));
    let posting = with_records.then(|| {
        let (address, stop) = (server.address, Arc::clone(&stop));
        std::thread::spawn(move || paced(address, records, PACE, stop))
    });
    until(&ANSWERED, before + 1);
    let begun = Instant::now();
    until(&ANSWERED, before + POSTS);
    let wall = begun.elapsed();
    stop.store(true, Ordering::Relaxed);
    if let Some(posting) = posting {
        assert!(!posting.join().expect("it posts").is_empty(), "records were posted meanwhile");
    }
    wall
}

/// Waits until the receiver has counted so far.
fn until(counter: &AtomicU32, number: u32) {
    let begun = Instant::now();
    while counter.load(Ordering::Relaxed) < number {
        assert!(begun.elapsed() < Duration::from_secs(60), "the receiver waits for call {number}");
        std::thread::sleep(Duration::from_micros(200));
    }
}

/// Requests one by one: from the first byte of the post until the receiver has answered the call.
fn alone(url: &str) {
    let stage = Stage::new(url, 0);
    let server = stage.serve(MORNING, &[]);
    let mut waits: Vec<Duration> =
        leads(0).iter().take(ALONE as usize).map(|lead| until_called(server.address, lead).0).collect();
    waits.sort_unstable();
    let (middle, most) = (of_hundred(&waits, 50), of_hundred(&waits, 99));
    println!(
        "{ALONE} requests one by one, until the receiver has each: median {middle:.1} ms, 99 of 100 {most:.1} ms   \
         (at most 250, goal 50)"
    );
}

/// How long that takes, and how many other calls the receiver gets between the answer and this call.
fn until_called(address: SocketAddr, lead: &str) -> (Duration, u32) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let before = ANSWERED_LEADS.load(Ordering::Relaxed);
    let begun = Instant::now();
    runtime.block_on(async { post_one(&mut connected(address).await, lead).await });
    let answered = ANSWERED.load(Ordering::Relaxed);
    until(&ANSWERED_LEADS, before + 1);
    (begun.elapsed(), (ANSWERED.load(Ordering::Relaxed) - answered).saturating_sub(1))
}

/// Requests behind a thousand calls that wait for the account's rate.
fn behind(url: &str) {
    const SLOT: Duration = Duration::from_millis(60_000 / 95);
    let stage = Stage::new(url, 0);
    stage.write_table(&appointments(1_000, "C", "2026-11-25"));
    let before = ANSWERED.load(Ordering::Relaxed);
    let server = stage.serve(BEFORE_NINE, &[("TICKLER_ACCOUNTS__THOUGHTLY__RATE", "95/min")]);
    until(&ANSWERED, before + 1);
    let mut waits = Vec::new();
    for (number, lead) in (0..BEHIND).zip(leads(0)) {
        // at another moment of the slot each time
        std::thread::sleep(SLOT + SLOT * number / BEHIND);
        waits.push(until_called(server.address, &lead));
    }
    let longest = waits.iter().map(|(wait, _)| *wait).max().unwrap_or_default();
    let most = waits.iter().map(|(_, others)| *others).max().unwrap_or_default();
    println!(
        "{BEHIND} requests behind 1,000 calls at 95/min: the longest wait {:.0} ms, {most} other calls before it   \
         (the next slot: at most {} ms, 0)",
        longest.as_secs_f64() * 1e3,
        SLOT.as_millis()
    );
}

fn flat(url: &str) {
    let both = |settled| {
        let (mut records, mut requests) = (Vec::new(), Vec::new());
        let stage = Stage::new(url, settled);
        let posts = stage.records();
        let server = stage.serve(MORNING, &[]);
        for part in posts.chunks(POSTS as usize / ROUNDS) {
            records.push(time_of_posts(server.address, part.to_vec()));
        }
        drop(server);
        let server = stage.serve(NIGHT, &[]);
        for part in leads(0).chunks(POSTS as usize / ROUNDS) {
            requests.push(time_of_posts(server.address, part.to_vec()));
        }
        records.truncate(ROUNDS);
        requests.truncate(ROUNDS);
        (median(records), median(requests))
    };
    let (small, large) = (both(10_000), both(1_000_000));
    let (of_records, of_requests) = (ratio(large.0, small.0), ratio(large.1, small.1));
    println!("1,000,000 reminders / 10,000: records {of_records:.2}, requests {of_requests:.2}   (at most 1.30)");
}

fn print_rate(what: &str, wall: Duration) {
    println!("{what:<40} {:>7.0} ms  {:>7.0}/s", wall.as_secs_f64() * 1e3, f64::from(POSTS) / wall.as_secs_f64());
}

/// One record of each of the calls that were made before.
fn of_records(url: &str, settled: u32) -> Duration {
    let stage = Stage::new(url, settled);
    let records = stage.records();
    time_of_posts(stage.serve(MORNING, &[]).address, records)
}

/// Requests that wait for the morning: nothing is sent meanwhile.
fn of_leads(url: &str, settled: u32) -> Duration {
    time_of_posts(Stage::new(url, settled).serve(NIGHT, &[]).address, leads(0))
}

/// Requests for calls, each with an id and a phone of its own.
fn leads(first: u32) -> Vec<String> {
    let lead = |row: u32| {
        let body =
            json!({"id": format!("L-{row}"), "phone": phone_of(row), "name": "Ann Lee", "about": "a first visit"});
        request("/call/leads", SECRET, &body.to_string())
    };
    (first..first + POSTS).map(lead).collect()
}

/// A folder with a schedule of appointments, one of requests, and a ledger.
struct Stage {
    folder: tempfile::TempDir,
    url: String,
}

impl Stage {
    /// With so many settled reminders in the ledger.
    fn new(url: &str, settled: u32) -> Self {
        let stage = Self { folder: tempfile::tempdir().expect("a folder"), url: url.to_owned() };
        let folder = stage.folder.path();
        std::fs::create_dir(folder.join("schedules")).expect("a folder");
        std::fs::write(folder.join("schedules/bench.toml"), format!("{SENDING}{OUTCOME}")).expect("a schedule");
        std::fs::write(folder.join("schedules/leads.toml"), LEADS).expect("a schedule");
        if settled > 0 {
            stage.write_table(&appointments(1, "seed", "2026-11-23"));
            stage.trigger(TWO_DAYS_BEFORE);
            multiply(&stage.ledger(), settled);
        }
        stage.write_table("id,phone,starts_at\n");
        stage
    }

    fn ledger(&self) -> PathBuf {
        self.folder.path().join("tickler.db")
    }

    fn write_table(&self, rows: &str) {
        std::fs::write(self.folder.path().join("appointments.csv"), rows).expect("a table");
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(THIS_BUILD);
        command
            .args(arguments)
            .args(["--ledger", "tickler.db"])
            .current_dir(self.folder.path())
            .env("BENCH_URL", &self.url)
            .env("BENCH_SECRET", SECRET)
            .env("TICKLER_ACCOUNTS__THOUGHTLY__RATE", "unlimited")
            .env("TICKLER_WEB__LISTEN", "off")
            .env("TICKLER_INBOUND__LISTEN", "127.0.0.1:0");
        command
    }

    fn trigger(&self, now: &str) {
        support::time_of(&mut self.command(&["trigger", "bench", "--now", now, "--format", "json"]));
    }

    /// Calls people, and answers a record of each of their calls.
    fn records(&self) -> Vec<String> {
        self.write_table(&appointments(POSTS, "B", "2026-11-24"));
        self.trigger(DAY_BEFORE);
        let ledger = rusqlite::Connection::open(self.ledger()).expect("the ledger opens");
        let sql = "SELECT id FROM reminder WHERE state = 'delivered' AND appointment_id LIKE 'B-%'";
        let mut ids = ledger.prepare(sql).expect("a query");
        let ids = ids.query_map([], |row| row.get::<_, String>(0)).expect("rows").map(|id| id.expect("an id"));
        let record = |id: String| {
            let body =
                json!({"reminder_id": id, "call_id": format!("call-{id}"), "status": "COMPLETED", "outcome": "yes"});
            request("/outcome/bench", SECRET, &body.to_string())
        };
        let records: Vec<_> = ids.map(record).collect();
        assert_eq!(records.len(), POSTS as usize, "every reminder was delivered");
        records
    }

    fn serve(&self, now: &str, more: &[(&str, &str)]) -> Server {
        Server::started(self.command(&["run", "--now", now]).envs(more.iter().copied()))
    }
}

/// Reads the JSON and answers 200, on as many threads as the service.
fn serve_bare() {
    async fn answer(Json(body): Json<Value>) -> Json<Value> {
        Json(json!({"received": body.is_object()}))
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        eprintln!("taken at http://{}/", listener.local_addr().expect("an address"));
        let routes = axum::Router::new().route("/call/{schedule}", post(answer));
        axum::serve(listener, routes).await.expect("it serves");
    });
}

/// A server in a process of its own; it ends with this value.
struct Server {
    child: Child,
    address: SocketAddr,
}

impl Server {
    fn bare() -> Self {
        let this = std::env::current_exe().expect("this program");
        Self::started(Command::new(this).arg("--bare"))
    }

    /// Returns once it says where it takes posts.
    fn started(command: &mut Command) -> Self {
        let mut child = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().expect("the server starts");
        let mut lines = BufReader::new(child.stderr.take().expect("a pipe")).lines().map_while(Result::ok);
        let line = lines.find(|line| line.contains("taken at http://")).expect("an address");
        let (_, rest) = line.split_once("taken at http://").expect("an address");
        let address: String = rest.chars().take_while(|c| c.is_ascii_digit() || matches!(c, '.' | ':')).collect();
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, address: address.parse().expect("an address") }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}
