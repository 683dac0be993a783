//! The page over a ledger of a million reminders: how long each page takes, also on a day with thousands of calls and after a
//! fortnight of 140,000, and what it takes from the delivery when it is used.
//!
//! `cargo bench --bench page`

#![expect(clippy::disallowed_methods, reason = "a benchmark measures the machine's own time")]

mod support;

use std::io::{Read, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use support::clinics::{SENDING, appointments};
use support::receiver::{ANSWERED, start_receiver};
use support::{THIS_BUILD, median, ratio};

/// Reminders that are settled already, over a year.
const SETTLED: u32 = 1_000_000;

/// What is sent while the page is used.
const SENT: u32 = 20_000;

/// What of a busy day has no phone.
const LEFT_OUT: u32 = 5_000;

/// Each page is asked for so often.
const TIMES: usize = 11;

/// How often the delivery is measured, with the page in use and without.
const ROUNDS: usize = 3;

/// A page is asked for this often while thousands are sent: as by several people who never stop.
const ASKED_EVERY: Duration = Duration::from_millis(250);

/// The day after the last settled reminder; a run is due two seconds later.
const NOW: &str = "2026-11-24T13:59:57Z";

const PAGES: [&str; 21] = [
    "/",
    "/calls",
    "/calls?before=1500000",
    "/calls?before=2000",
    "/calls?event=delivery&since=yesterday",
    "/calls?schedule=bench",
    "/calls?reason=no_phone",
    "/calls?appointment=old-77",
    "/calls?schedule=bench&reason=no_phone&until=2026-06-01",
    "/calls?run=01a20d74-fb00-7000-8000-00000000000f",
    "/appointment?schedule=bench&id=old-77",
    "/not-called?day=yesterday",
    "/outcomes",
    "/plan",
    "/plan?when=tomorrow",
    "/plan?when=week",
    "/schedules",
    "/schedules/bench",
    "/held",
    "/opt-outs",
    "/metrics",
];

fn main() {
    let address = start_receiver();
    let stage = Stage::new(&format!("http://{address}/webhook/automation/bench"));
    let begun = Instant::now();
    multiply(&stage.ledger());
    report(&stage.ledger());
    println!("a ledger of {SETTLED} reminders was made in {:.0} s", begun.elapsed().as_secs_f64());
    pages(&stage);
    let (mut alone, mut used) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        alone.push(stage.send(round * 2, false));
        used.push(stage.send(round * 2 + 1, true));
    }
    let (alone, used) = (median(alone), median(used));
    let rate = |wall: Duration| f64::from(SENT) / wall.as_secs_f64();
    println!("{SENT} sent by the service: {:.0}/s; while the page is used: {:.0}/s", rate(alone), rate(used));
    println!("rate while the page is used / rate alone  {:.2}   (at least 0.90)", ratio(alone, used));
    busy_day(&stage);
    busy_fortnight(&stage);
}

/// The pages that count a day's calls, at its end.
fn busy_day(stage: &Stage) {
    let day = 1 + 2 * ROUNDS;
    let service = stage.serve_day(day, &(appointments(SENT, "busy", &date(day + 1)) + &without_phone(day + 1)));
    println!("a day of {SENT} calls and {LEFT_OUT} appointments without a phone:");
    let counted = ["/", "/not-called?day=today", "/metrics"].map(|path| (path, middle(&service, path)));
    let quiet = middle(&service, "/not-called?day=2026-11-01");
    for (path, time) in counted {
        println!("{path:56} {:>7.1} ms   (at most 100)", time.as_secs_f64() * 1e3);
        println!(
            "  against the list of an earlier day, of 2,700 calls  {:.1}",
            time.as_secs_f64() / quiet.as_secs_f64()
        );
    }
}

/// Every page after a fortnight in which each of 140,000 calls was reported, with everybody of the last day in the source.
fn busy_fortnight(stage: &Stage) {
    report(&stage.ledger());
    let told = told_since(&stage.ledger(), &format!("{}T00:00:00Z", date(1)));
    let service = Service::start(stage, &format!("{}T20:00:00Z", date(1 + 2 * ROUNDS)));
    println!("after a fortnight with {told} reported calls:");
    slowest(&service, &[&PAGES[..], &["/outcomes?outcome=busy", "/outcomes?outcome=wrong_number"]].concat());
}

/// Each call has its outcome: nobody answers three of ten.
fn report(path: &Path) {
    let ledger = Connection::open(path).expect("the ledger opens");
    ledger
        .execute_batch(
            "PRAGMA synchronous = OFF; UPDATE reminder SET outcome = CASE nr % 10 WHEN 0 THEN 'no_answer' WHEN 1 THEN 'busy' WHEN 2 THEN 'voicemail' \
             WHEN 3 THEN 'declined' WHEN 4 THEN 'reschedule' WHEN 5 THEN 'answered' ELSE 'confirmed' END, \
             outcome_at = updated_at + 60000000, heard_at = updated_at + 60000000, called_at = (SELECT a.intent_at \
             FROM attempt a WHERE a.reminder = reminder.nr AND a.number = reminder.attempt) \
             WHERE state = 'delivered' AND outcome IS NULL; PRAGMA wal_checkpoint(TRUNCATE);",
        )
        .expect("outcomes");
}

/// How many calls since then have an outcome.
fn told_since(path: &Path, since: &str) -> u64 {
    let ledger = Connection::open(path).expect("the ledger opens");
    let sql = "SELECT count(*) FROM reminder WHERE outcome IS NOT NULL AND called_at > unixepoch(?1) * 1000000";
    ledger.query_row(sql, [since], |row| row.get(0)).expect("a number")
}

/// The date of a day in December.
fn date(day: usize) -> String {
    format!("2026-12-{day:02}")
}

/// Appointments of that day that can't be called.
fn without_phone(day: usize) -> String {
    let row = |row: u32| format!("none-{row},,{}T{:02}:00:00\n", date(day), 9 + row % 9);
    (0..LEFT_OUT).map(row).collect()
}

/// The middle one of the times that a page takes.
fn middle(service: &Service, path: &str) -> Duration {
    let mut times: Vec<Duration> = (0..TIMES).map(|_| service.get(path)).collect();
    times.sort_unstable();
    times[TIMES / 2]
}

fn pages(stage: &Stage) {
    let service = Service::start(stage, "2026-11-24T15:00:00Z");
    slowest(&service, &PAGES);
}

fn slowest(service: &Service, paths: &[&str]) {
    let mut slowest = Duration::ZERO;
    for path in paths {
        let mut times: Vec<Duration> = (0..TIMES).map(|_| service.get(path)).collect();
        times.sort_unstable();
        let (middle, most) = (times[TIMES / 2], times[TIMES - 1]);
        slowest = slowest.max(middle);
        println!("{path:56} {:>7.1} ms   (at most {:.1})", middle.as_secs_f64() * 1e3, most.as_secs_f64() * 1e3);
    }
    println!("the slowest page: {:.1} ms   (at most 100)", slowest.as_secs_f64() * 1e3);
}

/// A folder with a schedule, its appointments, and the ledger.
struct Stage {
    folder: tempfile::TempDir,
    url: String,
}

impl Stage {
    /// With one reminder that was sent.
    fn new(url: &str) -> Self {
        let stage = Self { folder: tempfile::tempdir().expect("a folder"), url: url.to_owned() };
        std::fs::create_dir(stage.path("schedules")).expect("a folder");
        std::fs::write(
            stage.path("schedules/bench.toml"),
            format!("{SENDING}max_change = \"100000x\"\nmax_invalid = \"100%\"\n[outcome]\nsecret = {{ env = \"BENCH_SECRET\" }}\n"),
        )
        .expect("a schedule");
        std::fs::write(stage.path("appointments.csv"), appointments(1, "seed", "2026-11-25")).expect("a table");
        let mut trigger = stage.command(&["trigger", "bench", "--now", "2026-11-24T13:00:00Z"]);
        assert!(trigger.stdout(Stdio::null()).status().expect("it runs").success());
        let mut rows = String::new();
        for day in 25..30 {
            let more = appointments(200, &format!("next-{day}"), &format!("2026-11-{day}"));
            rows.push_str(if rows.is_empty() { &more } else { more.split_once('\n').expect("a header").1 });
        }
        std::fs::write(stage.path("appointments.csv"), rows).expect("a table");
        stage
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn ledger(&self) -> PathBuf {
        self.path("tickler.db")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(THIS_BUILD);
        command
            .args(arguments)
            .args(["--ledger", "tickler.db"])
            .current_dir(self.folder.path())
            .env("TICKLER_ACCOUNTS__THOUGHTLY__RATE", "unlimited")
            .env("TICKLER_LOG__LEVEL", "error")
            .env("BENCH_SECRET", "a secret of sixteen bytes")
            .env("BENCH_URL", &self.url);
        command
    }

    /// A service that has sent everything of that day.
    fn serve_day(&self, day: usize, table: &str) -> Service {
        report(&self.ledger());
        std::fs::write(self.path("appointments.csv"), table).expect("a table");
        let before = ANSWERED.load(Ordering::Relaxed);
        let service = Service::start(self, &NOW.replace("2026-11-24", &date(day)));
        let begun = Instant::now();
        while ANSWERED.load(Ordering::Relaxed) - before < SENT {
            assert!(begun.elapsed() < Duration::from_secs(120), "the day's calls are not made after two minutes");
            std::thread::sleep(Duration::from_millis(5));
        }
        // the last answers are settled
        std::thread::sleep(Duration::from_secs(1));
        service
    }

    /// How long the service takes to send a day's reminders, from the first that arrives to the last.
    fn send(&self, round: usize, is_page_used: bool) -> Duration {
        report(&self.ledger());
        // each round has a day of its own
        let day = 1 + round;
        let rows = appointments(SENT, &format!("round-{round}"), &format!("2026-12-{:02}", day + 1));
        std::fs::write(self.path("appointments.csv"), rows).expect("a table");
        let before = ANSWERED.load(Ordering::Relaxed);
        let service = Service::start(self, &NOW.replace("2026-11-24", &format!("2026-12-{day:02}")));
        let is_over = Arc::new(AtomicBool::new(false));
        let user = is_page_used.then(|| service.used(Arc::clone(&is_over)));
        let answered = || ANSWERED.load(Ordering::Relaxed) - before;
        let wait_for = |count: u32| {
            let begun = Instant::now();
            while answered() < count {
                assert!(begun.elapsed() < Duration::from_secs(120), "{} of {count} after two minutes", answered());
                std::thread::sleep(Duration::from_millis(1));
            }
            Instant::now()
        };
        let first = wait_for(1);
        let last = wait_for(SENT);
        is_over.store(true, Ordering::Relaxed);
        if let Some(user) = user {
            println!("  meanwhile {} pages were shown", user.join().expect("the pages were shown"));
        }
        last - first
    }
}

/// A running service.
struct Service {
    child: Child,
    page: String,
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

impl Service {
    fn start(stage: &Stage, now: &str) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port").port();
        let page = format!("127.0.0.1:{port}");
        let mut command = stage.command(&["run", "--listen", &page, "--now", now]);
        let child = command.stdout(Stdio::null()).spawn().expect("the service starts");
        let service = Self { child, page };
        let begun = Instant::now();
        while asked(&service.page, "/readyz").is_none() {
            assert!(begun.elapsed() < Duration::from_secs(60), "the service isn't ready after a minute");
            std::thread::sleep(Duration::from_millis(5));
        }
        service
    }

    fn get(&self, path: &str) -> Duration {
        let begun = Instant::now();
        let answer = asked(&self.page, path);
        let took = begun.elapsed();
        let answer = answer.unwrap_or_else(|| panic!("{path} is answered"));
        assert!(!path.starts_with("/calls") || answer.contains("<tr id=\"row-"), "{path} shows rows");
        took
    }

    /// Somebody who asks for page after page.
    fn used(&self, is_over: Arc<AtomicBool>) -> std::thread::JoinHandle<usize> {
        let page = self.page.clone();
        std::thread::spawn(move || {
            let mut shown = 0;
            for path in PAGES.iter().filter(|path| !path.starts_with("/plan")).cycle() {
                if is_over.load(Ordering::Relaxed) {
                    break;
                }
                shown += usize::from(asked(&page, path).is_some());
                std::thread::sleep(ASKED_EVERY);
            }
            shown
        })
    }
}

/// The answer, if it is a good one.
fn asked(page: &str, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(page).ok()?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {page}\r\nConnection: close\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    answer.starts_with("HTTP/1.1 200").then_some(answer)
}

/// Fills the ledger with copies of its one delivered reminder over a year, with attempts and rows of the log. The rows are
/// written by SQL alone: their chain does not matter here.
fn multiply(path: &Path) {
    let ledger = Connection::open(path).expect("the ledger opens");
    let columns: Vec<String> = {
        let mut query = ledger.prepare("SELECT name FROM pragma_table_info('reminder') WHERE pk = 0").expect("a query");
        query.query_map([], |row| row.get(0)).expect("columns").collect::<Result<_, _>>().expect("names")
    };
    let protection = "SELECT sql FROM sqlite_master WHERE name = 'audit_only_grows'";
    let grows: String = ledger.query_row(protection, [], |row| row.get(0)).expect("the log is protected");
    let earlier = format!("86400000000 * 365 / {SETTLED} * ({SETTLED} - n)");
    let picked: Vec<String> = columns
        .iter()
        .map(|column| match column.as_str() {
            "id" => "printf('00000000-0000-7000-8000-%012x', n)".to_owned(),
            "run_id" => "printf('01a20d74-fb00-7000-8000-%012x', n / 2740)".to_owned(),
            "appointment_id" => "'old-' || n".to_owned(),
            "person" => "'person-' || n".to_owned(),
            "starts_at" | "due_at" | "next_at" | "expires_at" | "updated_at" => format!("{column} - {earlier}"),
            "due_day" => format!("date('2026-11-24', '-' || (365 * ({SETTLED} - n) / {SETTLED}) || ' days')"),
            "state" => {
                "CASE WHEN n % 97 = 0 THEN 'failed' WHEN n % 99991 = 0 THEN 'uncertain' ELSE 'delivered' END".to_owned()
            }
            "trial" => "NULL".to_owned(),
            other => other.to_owned(),
        })
        .collect();
    ledger
        .execute_batch(&format!(
            "DROP TRIGGER audit_only_grows; PRAGMA synchronous = OFF; PRAGMA cache_size = -400000; BEGIN;
             CREATE TEMP TABLE seed AS SELECT * FROM reminder;
             WITH RECURSIVE counter(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counter WHERE n < {SETTLED})
             INSERT INTO reminder ({}) SELECT {} FROM seed, counter;
             INSERT INTO attempt (reminder, number, step, intent_at, finished_at, outcome, http_status, latency_us)
             SELECT nr, 1, 'call', due_at, due_at + 30000, 'delivered', 200, 30000 FROM reminder WHERE id LIKE '00000000-%';
             WITH k (i) AS (VALUES (0), (1), (2), (3))
             INSERT INTO audit (at, event, schedule, run_id, reminder_id, appointment_id, phone_last4, starts_at, lead, attempt,
                reason, http_status, latency_ms, detail, phone_hash, salt, commitment, prev, hash)
             SELECT CASE i WHEN 0 THEN r.due_at - 1000 WHEN 3 THEN r.due_at + 30000 ELSE r.due_at END,
                CASE i WHEN 0 THEN 'reminder.planned' WHEN 1 THEN 'reminder.skipped' WHEN 2 THEN 'delivery.intent'
                    ELSE CASE r.state WHEN 'failed' THEN 'delivery.failed' WHEN 'uncertain' THEN 'delivery.uncertain'
                    ELSE 'delivery.delivered' END END,
                r.schedule, r.run_id, CASE WHEN i <> 1 THEN r.id END, CASE WHEN i = 1 THEN 'left-' || r.nr ELSE r.appointment_id END,
                '0143', r.starts_at, r.lead, CASE WHEN i >= 2 THEN 1 END,
                CASE WHEN i = 1 THEN 'no_phone' WHEN i = 3 AND r.state = 'failed' THEN 'http_400' END,
                CASE WHEN i = 3 THEN 200 END, CASE WHEN i = 3 THEN 30 END,
                CASE WHEN i = 1 THEN 'the column `phone` is empty: fill it in the source' END,
                unhex(printf('%08x%056x', r.nr * 2654435761 % 4294967296, r.nr)), zeroblob(16), zeroblob(32), zeroblob(32), zeroblob(32)
             FROM reminder r CROSS JOIN k WHERE r.id LIKE '00000000-%' AND (i <> 1 OR r.nr % 10 = 0) ORDER BY r.nr, i;
             UPDATE head SET seq = (SELECT max(seq) FROM audit), hash = zeroblob(32); COMMIT;",
            columns.join(", "),
            picked.join(", ")
        ))
        .expect("a million reminders");
    ledger.execute_batch(&grows).expect("the log is protected again");
    ledger.execute_batch("PRAGMA wal_checkpoint(TRUNCATE);").expect("a checkpoint");
}
