//! Many schedules in one service: how soon it is ready, what it costs while nothing is due, and how late the last of
//! those starts that are due in the same second.
//!
//! `cargo bench --bench fleet` measures 1,000 idle schedules (limits: ready within 300 ms, below 60 MiB, below 0.5 % of
//! a core) and 10,000 that are due at once (limit: the last starts within 5 s). `-- --against PATH` compares the idle
//! service with an earlier build's.
#![expect(clippy::disallowed_methods, reason = "a benchmark measures the machine's own time")]

mod support;

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long the idle service is watched.
const WATCHED: Duration = Duration::from_secs(20);

/// How long it is watched in each turn of a comparison.
const WATCHED_IN_TURN: Duration = Duration::from_secs(2);

/// Twenty seconds before the many are due, at 09:00 in New York: the service's clock starts there.
const BEFORE: &str = "2026-11-24T13:59:40Z";
const LEFT: Duration = Duration::from_secs(20);

fn main() {
    if let Some(earlier) = support::earlier_build() {
        let names = ["1,000 schedules: ready", "1,000 schedules: memory", "1,000 schedules: processor time, idle 2 s"];
        return support::compare(names, &earlier.display().to_string(), idle_figures);
    }
    idle(1_000);
    due_at_once(10_000);
}

/// Seconds until ready, resident KiB, and seconds of processor time from the start until two idle seconds have passed.
fn idle_figures(build: &str) -> [f64; 3] {
    let folder = tempfile::tempdir().expect("a folder");
    write_schedules(folder.path(), 1_000, "0 3 1 1 *");
    let mut service = Service::start_build(build, folder.path(), &[]);
    std::thread::sleep(WATCHED_IN_TURN);
    let kib = u32::try_from(service.resident_kib()).expect("less than 4 TiB");
    let figures = [service.ready_after.as_secs_f64(), f64::from(kib), service.cpu().as_secs_f64()];
    service.stop();
    figures
}

fn idle(count: u32) {
    let folder = tempfile::tempdir().expect("a folder");
    write_schedules(folder.path(), count, "0 3 1 1 *");
    let mut service = Service::start(folder.path(), &[]);
    std::thread::sleep(Duration::from_secs(3));
    let before = service.cpu();
    std::thread::sleep(WATCHED);
    let share = (service.cpu() - before).as_secs_f64() / WATCHED.as_secs_f64();
    println!("{count} schedules, nothing due");
    println!("  ready after        {:>8.0} ms   (limit 300)", service.ready_after.as_secs_f64() * 1e3);
    println!("  resident memory    {:>8.1} MiB  (limit 60)", service.resident_kib() as f64 / 1024.0);
    println!("  share of one core  {:>8.2} %    (limit 0.5)", share * 100.0);
    service.stop();
}

fn due_at_once(count: u32) {
    let folder = tempfile::tempdir().expect("a folder");
    write_schedules(folder.path(), count, "0 9 * * *");
    let mut service = Service::start(folder.path(), &["--now", BEFORE]);
    let ready = service.ready_after;
    let ledger = Ledger::open(&folder.path().join("tickler.db"));
    assert!(ready < LEFT, "the service is ready only after the many are due");
    let due = service.began + LEFT;
    let all_there = ledger.wait_for(count, "count(*)", due);
    let all_over = ledger.wait_for(count, "count(finished_at)", due);
    println!("{count} schedules due in the same second");
    println!("  ready after                  {:>8.0} ms", ready.as_secs_f64() * 1e3);
    println!("  the last row was there after {all_there:>8.2} s   (limit 5)");
    println!("  the last run was over after  {all_over:>8.2} s");
    println!("  resident memory              {:>8.1} MiB", service.resident_kib() as f64 / 1024.0);
    service.stop();
}

/// The service's ledger, looked at from outside.
struct Ledger(rusqlite::Connection);

impl Ledger {
    fn open(path: &Path) -> Self {
        Self(rusqlite::Connection::open(path).expect("the ledger opens"))
    }

    /// When the runs' rows counted so are that many: seconds after all were due. The rows are committed by then.
    fn wait_for(&self, many: u32, counted: &str, due: Instant) -> f64 {
        let sql = format!("SELECT {counted} FROM run");
        loop {
            let count: u32 = self.0.query_row(&sql, [], |row| row.get(0)).expect("a count");
            if count == many {
                return Instant::now().saturating_duration_since(due).as_secs_f64();
            }
            assert!(due.elapsed() < Duration::from_secs(180), "{count} of {many} after three minutes");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// A running service.
struct Service {
    child: Child,
    began: Instant,
    ready_after: Duration,
}

impl Service {
    fn start(folder: &Path, more: &[&str]) -> Self {
        Self::start_build(support::THIS_BUILD, folder, more)
    }

    fn start_build(build: &str, folder: &Path, more: &[&str]) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port").port();
        let page = format!("127.0.0.1:{port}");
        let began = Instant::now();
        let child = Command::new(build)
            .args(["run", "--listen", &page, "--ledger", "tickler.db"])
            .args(more)
            .current_dir(folder)
            .env("BENCH_URL", "http://127.0.0.1:9/")
            .env("TICKLER_LOG__LEVEL", "error")
            .stdout(Stdio::null())
            .spawn()
            .expect("the service starts");
        while !is_ready(&page) {
            assert!(began.elapsed() < Duration::from_secs(120), "the service isn't ready after two minutes");
            std::thread::sleep(Duration::from_millis(2));
        }
        Self { child, began, ready_after: began.elapsed() }
    }

    /// User and system time so far.
    fn cpu(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).expect("the service lives");
        let fields: Vec<&str> = stat.rsplit(')').next().expect("a line").split_whitespace().collect();
        let ticks: u64 = fields[11..13].iter().map(|field| field.parse::<u64>().expect("ticks")).sum();
        Duration::from_millis(ticks * 10)
    }

    fn resident_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("the service lives");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a resident set");
        line.trim().trim_end_matches(" kB").parse().expect("a number")
    }

    fn stop(&mut self) {
        self.child.kill().expect("the service can be ended");
        self.child.wait().expect("the service ends");
    }
}

fn is_ready(page: &str) -> bool {
    let Ok(mut stream) = TcpStream::connect(page) else { return false };
    let asked = write!(stream, "GET /readyz HTTP/1.1\r\nHost: {page}\r\nConnection: close\r\n\r\n");
    let mut answer = String::new();
    asked.is_ok() && stream.read_to_string(&mut answer).is_ok() && answer.starts_with("HTTP/1.1 200")
}

fn write_schedules(folder: &Path, count: u32, cron: &str) {
    std::fs::create_dir(folder.join("schedules")).expect("a folder");
    let mut table = String::from("id,phone,starts_at\n");
    for row in 0..20 {
        writeln!(table, "B-{row},+12015550{row:03},2026-12-24T09:30:00").expect("a string takes text");
    }
    std::fs::write(folder.join("appointments.csv"), table).expect("a table");
    for number in 0..count {
        let text = SCHEDULE.replace("CRON", cron);
        std::fs::write(folder.join(format!("schedules/s{number:05}.toml")), text).expect("a schedule");
    }
}

const SCHEDULE: &str = r#"
cron     = "CRON"
timezone = "America/New_York"

[source.csv]
path = "../appointments.csv"

[appointment]
id        = "id"
phone     = "phone"
starts_at = "starts_at"

[remind]
days_before = 1

[target.automation]
url = { env = "BENCH_URL" }

[payload]
contact_phone    = "{{ phone }}"
appointment_time = "{{ starts_at }}"
"#;
