//! What the listener takes: records of calls and requests for calls, each durable before its answer, beside a bare server
//! of the same framework that reads the JSON and answers 200.
//!
//! `cargo bench --bench inbound` prints posts a second over 64 connections and the ratio to the bare server's (limits: 0.15
//! for records, 0.10 for requests, never below 1,000 a second), and how long a request that is posted while nothing else
//! happens takes until the receiver has it (limit: 250 ms, of 99 in 100).
#![expect(clippy::disallowed_methods, reason = "a benchmark measures the machine's own time")]

mod support;

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use axum::Json;
use axum::routing::post;
use serde_json::{Value, json};
use support::clinics::{SENDING, appointments, phone_of};
use support::receiver::{ANSWERED, start_receiver};
use support::{THIS_BUILD, median};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const SECRET: &str = "kept-by-the-bench";
const POSTS: u32 = 10_000;
const CONNECTIONS: usize = 64;
const ROUNDS: usize = 3;
/// Requests that are posted one by one.
const ALONE: u32 = 1_000;
/// Ten in the morning in New York, and eleven in the evening.
const MORNING: &str = "2026-11-24T15:00:00Z";
const NIGHT: &str = "2026-11-25T04:00:00Z";

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

fn main() {
    if std::env::args().any(|word| word == "--bare") {
        return serve_bare();
    }
    let url = format!("http://{}/webhook/automation/bench", start_receiver());
    let (mut bare, mut records, mut requests) = (Vec::new(), Vec::new(), Vec::new());
    for _round in 0..ROUNDS {
        let server = Server::bare();
        bare.push(time_of_posts(server.address, "/outcome/bench", (0..POSTS).map(lead).collect()));
        drop(server);
        records.push(of_records(&url));
        requests.push(of_requests(&url));
    }
    let (bare, records, requests) = (median(bare), median(records), median(requests));
    println!("{POSTS} posts over {CONNECTIONS} connections on loopback, {ROUNDS} rounds, medians");
    print_rate("a bare server that reads JSON", bare);
    print_rate("records of calls, durable", records);
    print_rate("requests for calls, durable", requests);
    println!("records / bare rate     {:.2}   (limit 0.15, goal 0.30)", support::ratio(bare, records));
    println!("requests / bare rate    {:.2}   (limit 0.10)", support::ratio(bare, requests));
    print_alone(&url);
}

fn print_rate(what: &str, wall: Duration) {
    println!("{what:<32} {:>7.0} ms  {:>7.0}/s", wall.as_secs_f64() * 1e3, f64::from(POSTS) / wall.as_secs_f64());
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
        let routes = axum::Router::new().route("/outcome/{schedule}", post(answer));
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

    fn tickler(folder: &Path, url: &str, now: &str) -> Self {
        Self::started(
            Command::new(THIS_BUILD)
                .args(["run", "--now", now, "--ledger", "tickler.db"])
                .current_dir(folder)
                .env("BENCH_URL", url)
                .env("BENCH_SECRET", SECRET)
                .env("TICKLER_ACCOUNTS__THOUGHTLY__RATE", "unlimited")
                .env("TICKLER_HEALTH__LISTEN", "off")
                .env("TICKLER_INBOUND__LISTEN", "127.0.0.1:0"),
        )
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

fn lead(row: u32) -> (String, String) {
    let id = format!("L-{row}");
    let body = json!({"id": id, "phone": phone_of(row), "name": "Ann Lee", "about": "a first visit"});
    (id, body.to_string())
}

/// A folder with that schedule.
fn stage(schedule: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join("schedules")).expect("a folder");
    std::fs::write(folder.path().join("schedules/bench.toml"), schedule).expect("a schedule");
    folder
}

/// One record of each of the calls that were made before.
fn of_records(url: &str) -> Duration {
    let outcome = "[outcome]\nsecret = { env = \"BENCH_SECRET\" }\n[outcome.values]\nyes = \"confirmed\"\n";
    let folder = stage(&format!("{SENDING}{outcome}"));
    std::fs::write(folder.path().join("appointments.csv"), appointments(POSTS, "B", "2026-11-25")).expect("a table");
    let mut trigger = Command::new(THIS_BUILD);
    trigger
        .args(["trigger", "bench", "--now", "2026-11-24T14:00:00Z", "--format", "json", "--ledger", "tickler.db"])
        .current_dir(folder.path())
        .env("TICKLER_ACCOUNTS__THOUGHTLY__RATE", "unlimited")
        .env("BENCH_SECRET", SECRET)
        .env("BENCH_URL", url);
    support::time_of(&mut trigger);
    let ledger = rusqlite::Connection::open(folder.path().join("tickler.db")).expect("the ledger opens");
    let mut ids = ledger.prepare("SELECT id FROM reminder WHERE state = 'delivered'").expect("a query");
    let ids = ids.query_map([], |row| row.get::<_, String>(0)).expect("rows").map(|id| id.expect("an id"));
    let record = |id: String| {
        let body = json!({"reminder_id": id, "call_id": format!("call-{id}"), "status": "COMPLETED", "outcome": "yes"});
        (id, body.to_string())
    };
    let posts: Vec<_> = ids.map(record).collect();
    assert_eq!(posts.len(), POSTS as usize, "every reminder was delivered");
    let server = Server::tickler(folder.path(), url, MORNING);
    time_of_posts(server.address, "/outcome/bench", posts)
}

/// Requests that wait for the morning: nothing is sent meanwhile.
fn of_requests(url: &str) -> Duration {
    let folder = stage(LEADS);
    let server = Server::tickler(folder.path(), url, NIGHT);
    time_of_posts(server.address, "/call/bench", (0..POSTS).map(lead).collect())
}

/// Until all were answered with 2xx.
fn time_of_posts(address: SocketAddr, path: &str, posts: Vec<(String, String)>) -> Duration {
    let requests: Arc<Vec<String>> = Arc::new(posts.iter().map(|(_, body)| request(path, body)).collect());
    let next = Arc::new(AtomicUsize::new(0));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let begun = Instant::now();
    runtime.block_on(async {
        let clients: Vec<_> = (0..CONNECTIONS)
            .map(|_| tokio::spawn(post_all(address, Arc::clone(&requests), Arc::clone(&next))))
            .collect();
        for client in clients {
            client.await.expect("a client");
        }
    });
    begun.elapsed()
}

fn request(path: &str, body: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nhost: here\r\nx-tickler-secret: {SECRET}\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    )
}

async fn post_all(address: SocketAddr, requests: Arc<Vec<String>>, next: Arc<AtomicUsize>) {
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    stream.set_nodelay(true).expect("a socket");
    while let Some(request) = requests.get(next.fetch_add(1, Ordering::Relaxed)) {
        post_one(&mut stream, request).await;
    }
}

async fn post_one(stream: &mut TcpStream, request: &str) {
    stream.write_all(request.as_bytes()).await.expect("it is sent");
    let mut answer = Vec::with_capacity(1024);
    loop {
        assert!(stream.read_buf(&mut answer).await.expect("an answer") > 0, "the server closed the connection");
        let text = String::from_utf8_lossy(&answer);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let head = head.to_ascii_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        if body.len() >= length.expect("a length").parse().expect("a number") {
            assert!(head.starts_with("http/1.1 20"), "{text}");
            return;
        }
    }
}

/// Requests one by one: from the first byte of the post until the receiver has answered the call.
fn print_alone(url: &str) {
    let folder = stage(LEADS);
    let server = Server::tickler(folder.path(), url, MORNING);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let mut waits: Vec<Duration> = runtime.block_on(async {
        let mut stream = TcpStream::connect(server.address).await.expect("a connection");
        stream.set_nodelay(true).expect("a socket");
        let mut waits = Vec::new();
        for row in 0..ALONE {
            let before = ANSWERED.load(Ordering::Relaxed);
            let begun = Instant::now();
            post_one(&mut stream, &request("/call/bench", &lead(row).1)).await;
            while ANSWERED.load(Ordering::Relaxed) == before {
                assert!(begun.elapsed() < Duration::from_secs(30), "request {row} isn't called");
                tokio::time::sleep(Duration::from_micros(200)).await;
            }
            waits.push(begun.elapsed());
        }
        waits
    });
    waits.sort_unstable();
    let of = |hundredth: usize| waits[waits.len() * hundredth / 100].as_secs_f64() * 1e3;
    println!(
        "{ALONE} requests one by one, until the receiver has each: median {:.1} ms, 99 of 100 {:.1} ms   (limit 250)",
        of(50),
        of(99)
    );
}
