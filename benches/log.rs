//! The log of a million rows: its filters, each alone and any two together, and deep pages, against one walk through the log;
//! and its verification, against a bare loop that reads and hashes every row.
//!
//! `cargo bench --bench log`

#![expect(clippy::disallowed_methods, reason = "a benchmark measures the machine's own time")]

mod support;

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use hmac::{Hmac, KeyInit, Mac};
use rusqlite::Connection;
use sha2::Sha256;
use support::{THIS_BUILD, peak_kib_of, ratio};
use tickler::audit::{AuditFilter, Entry, Event, LoggedPhone};
use tickler::ledger::sqlite::{self, LedgerAccess};
use tickler::ledger::{Ledger, Log};
use tickler::reminder::RunId;
use tickler::zones::Zones;

/// Rows of the log.
const ROWS: u64 = 1_000_000;

/// Rows that are written at once.
const AT_ONCE: u64 = 10_000;

/// As many rows as the log's index may lack: they are read one by one.
const NOT_INDEXED: u64 = 32_000;

/// What the page asks for at once.
const PAGE: u64 = 100;

/// Each question is asked so often; the median is shown.
const TIMES: usize = 5;

/// Ten seconds from row to row.
const STEP_MICROS: i64 = 10_000_000;

/// Of the first row.
const BEGIN_MICROS: i64 = 1_700_000_000_000_000;

/// Rows of a run.
const OF_RUN: u64 = 1_000;

fn run_of(row: u64) -> RunId {
    format!("01a20d74-fb00-7000-8000-{:012x}", row / OF_RUN).parse().expect("an id")
}

fn phone_of(row: u64) -> String {
    format!("+1202{:07}", 5_550_000 + row / 400)
}

/// Ten schedules, runs of a thousand rows each, and a few rare words among many common ones.
fn entry(row: u64) -> Entry<'static> {
    let event = match row % 4 {
        _ if row % 50_000 == 7 => Event::DeliveryFailed,
        0 => Event::ReminderPlanned,
        1 => Event::DeliveryIntent,
        2 => Event::DeliveryDelivered,
        _ => Event::ReminderSkipped,
    };
    let is_skip = event == Event::ReminderSkipped;
    let schedule = row / OF_RUN % 10;
    let reason = if schedule < 5 { "no_phone" } else { "cancelled" };
    let micros = BEGIN_MICROS + STEP_MICROS * row.cast_signed();
    let at = jiff::Timestamp::from_microsecond(micros).expect("an instant");
    Entry {
        schedule: Some(format!("s{schedule}").into()),
        run_id: Some(run_of(row)),
        appointment_id: Some(format!("A-{}", row / 4).into()),
        phone: Some(LoggedPhone::whole(phone_of(row))),
        starts_at: Some(at),
        attempt: matches!(event, Event::DeliveryIntent | Event::DeliveryDelivered).then_some(1),
        reason: is_skip.then(|| reason.into()),
        detail: is_skip.then(|| "the column `phone` is empty: fill it in the source".into()),
        ..Entry::new(at, event)
    }
}

async fn fill(ledger: &Ledger) {
    for first in (0..ROWS).step_by(usize::try_from(AT_ONCE).expect("a number")) {
        ledger.append((first..first + AT_ONCE).map(entry).collect()).await.expect("rows are written");
    }
    ledger.append((ROWS..ROWS + NOT_INDEXED).map(entry).collect()).await.expect("rows are written");
}

/// Each filter by its name.
fn filters() -> Vec<(&'static str, AuditFilter)> {
    let empty = AuditFilter::default;
    let time = |text: &str| text.parse().expect("an instant");
    let run = run_of(15_000);
    vec![
        ("since", AuditFilter { since: Some(time("2024-01-01T00:00:00Z")), ..empty() }),
        ("until", AuditFilter { until: Some(time("2023-12-01T00:00:00Z")), ..empty() }),
        ("schedule", AuditFilter { schedule: Some("s3".into()), ..empty() }),
        ("event", AuditFilter { event: Some("delivery.failed".into()), ..empty() }),
        ("family", AuditFilter { event: Some("operator".into()), ..empty() }),
        ("reason", AuditFilter { reason: Some("no_phone".into()), ..empty() }),
        ("appointment", AuditFilter { appointment: Some("A-77".into()), ..empty() }),
        ("phone", AuditFilter { phone: Some(phone_of(30_800).into()), ..empty() }),
        ("run", AuditFilter { run: Some(run), ..empty() }),
    ]
}

/// Both of two filters.
fn both(one: &AuditFilter, other: &AuditFilter) -> AuditFilter {
    AuditFilter {
        since: one.since.or(other.since),
        until: one.until.or(other.until),
        schedule: one.schedule.clone().or_else(|| other.schedule.clone()),
        event: one.event.clone().or_else(|| other.event.clone()),
        reason: one.reason.clone().or_else(|| other.reason.clone()),
        appointment: one.appointment.clone().or_else(|| other.appointment.clone()),
        phone: one.phone.clone().or_else(|| other.phone.clone()),
        run: one.run.or(other.run),
        ..AuditFilter::default()
    }
}

async fn median(ledger: &Ledger, filter: &AuditFilter) -> (Duration, usize) {
    let filter = AuditFilter { limit: Some(PAGE), newest: true, ..filter.clone() };
    let mut times = Vec::new();
    let mut rows = 0;
    for _ in 0..TIMES {
        let begun = Instant::now();
        rows = ledger.audit(filter.clone()).await.expect("rows").len();
        times.push(begun.elapsed());
    }
    times.sort_unstable();
    (times[TIMES / 2], rows)
}

async fn measure(ledger: &Ledger) {
    let all = filters();
    let mut slowest = Duration::ZERO;
    let mut show = |name: String, (time, rows): (Duration, usize)| {
        slowest = slowest.max(time);
        println!("{name:32} {:>8.2} ms {rows:>5} rows", time.as_secs_f64() * 1_000.0);
    };
    for (place, (name, filter)) in all.iter().enumerate() {
        show((*name).to_owned(), median(ledger, filter).await);
        for (other_name, other) in &all[place + 1..] {
            show(format!("{name} + {other_name}"), median(ledger, &both(filter, other)).await);
        }
    }
    for before in [ROWS, ROWS / 2, PAGE * 2] {
        let deep = AuditFilter { event: Some("delivery".into()), before_seq: Some(before), ..AuditFilter::default() };
        show(format!("page before row {before}"), median(ledger, &deep).await);
    }
    println!("the slowest: {:.2} ms (at most 50 ms)", slowest.as_secs_f64() * 1_000.0);
}

/// Reads every column of every row and hashes it as a row is sealed: once under its salt, once under a key.
fn bare_loop(path: &Path) -> Duration {
    let conn = Connection::open(path).expect("the ledger");
    let key = Hmac::<Sha256>::new_from_slice(&[7; 32]).expect("a key");
    let begun = Instant::now();
    let mut statement = conn.prepare("SELECT * FROM audit ORDER BY seq").expect("a statement");
    let columns = statement.column_count();
    let mut rows = statement.query([]).expect("rows");
    let mut bytes = Vec::new();
    let mut sum = 0_u64;
    while let Some(row) = rows.next().expect("a row") {
        bytes.clear();
        let mut salted =
            Hmac::<Sha256>::new_from_slice(row.get_ref("salt").and_then(|salt| Ok(salt.as_blob()?)).expect("a salt"))
                .expect("a key");
        for column in 0..columns {
            match row.get_ref(column).expect("a column") {
                rusqlite::types::ValueRef::Text(text) | rusqlite::types::ValueRef::Blob(text) => {
                    bytes.extend_from_slice(text);
                }
                rusqlite::types::ValueRef::Integer(number) => bytes.extend_from_slice(&number.to_be_bytes()),
                rusqlite::types::ValueRef::Null | rusqlite::types::ValueRef::Real(_) => bytes.push(0),
            }
        }
        // the personal columns are about a third of a row
        salted.update(&bytes[..bytes.len() / 3]);
        let mut sealed = key.clone();
        sealed.update(&bytes[bytes.len() / 3..]);
        sum += u64::from(salted.finalize().into_bytes()[0]) + u64::from(sealed.finalize().into_bytes()[0]);
    }
    assert!(sum > 0);
    begun.elapsed()
}

async fn verification(ledger: &Ledger, path: &Path) {
    let mut bare: Vec<Duration> = Vec::new();
    let mut whole: Vec<Duration> = Vec::new();
    for _ in 0..TIMES {
        bare.push(bare_loop(path));
        let begun = Instant::now();
        let found = ledger.verify().await.expect("it is verified");
        whole.push(begun.elapsed());
        assert!(found.broken.is_none() && found.rows == ROWS + NOT_INDEXED, "{found:?}");
    }
    let (bare, whole) = (support::median(bare), support::median(whole));
    println!("a bare loop that reads and hashes {:>8.0} ms", bare.as_secs_f64() * 1_000.0);
    println!("verify                            {:>8.0} ms", whole.as_secs_f64() * 1_000.0);
    println!("verify / bare loop                {:>8.2}    (at most 2)", ratio(whole, bare));
    let folder = path.parent().expect("a folder");
    let mut command = Command::new(THIS_BUILD);
    command.args(["audit", "verify", "--ledger", "tickler.db"]).current_dir(folder);
    println!("memory of `audit verify`          {:>8.1} MiB", peak_kib_of(&mut command) as f64 / 1024.0);
}

fn main() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().canonicalize().expect("a real path").join("tickler.db");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let ledger = sqlite::open(&path, LedgerAccess::Write, Zones::newest()).expect("a ledger");
    let begun = Instant::now();
    runtime.block_on(fill(&ledger));
    println!("{} rows were written in {:.1} s", ROWS + NOT_INDEXED, begun.elapsed().as_secs_f64());
    drop(ledger);
    let walk = Connection::open(&path).expect("the ledger");
    let begun = Instant::now();
    let sql = "SELECT count(*) FROM audit NOT INDEXED WHERE detail = 'nothing'";
    walk.query_row(sql, [], |row| row.get::<_, i64>(0)).expect("a walk");
    println!("one walk through the log: {:.0} ms", begun.elapsed().as_secs_f64() * 1_000.0);
    drop(walk);
    let ledger = sqlite::open(&path, LedgerAccess::Read, Zones::newest()).expect("the ledger opens");
    runtime.block_on(measure(&ledger));
    runtime.block_on(verification(&ledger, &path));
}
