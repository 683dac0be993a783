//! The log's filters over a million rows: each alone, any two together, and deep pages, against one walk through the log.
//!
//! `cargo bench --bench log`. The rows are written by SQL alone: only their columns matter here, not their chain.

#![expect(clippy::disallowed_methods, reason = "a benchmark measures the machine's own time")]

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tickler::audit::AuditFilter;
use tickler::ledger::sqlite::{self, LedgerAccess};
use tickler::ledger::{Ledger, Log};
use tickler::reminder::RunId;
use tickler::zones::Zones;

/// Rows of the log.
const ROWS: u64 = 1_000_000;

/// What the page asks for at once.
const PAGE: u64 = 100;

/// Each question is asked so often; the median is shown.
const TIMES: usize = 5;

/// Ten schedules, runs of a thousand rows each, ten seconds from row to row, and a few rare words among many common ones.
fn fill(path: &Path) {
    let conn = Connection::open(path).expect("the ledger");
    conn.execute_batch(&format!(
        "DROP TRIGGER audit_only_grows; PRAGMA synchronous = OFF; BEGIN;
         WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ROWS})
         INSERT INTO audit (seq, at, event, schedule, run_id, reminder_id, appointment_id, phone_last4, reason, attempt,
            phone_hash, salt, commitment, prev, hash)
         SELECT i, 1700000000000000 + i * 10000000,
            CASE WHEN i % 50000 = 7 THEN 'delivery.failed' WHEN i % 4 = 0 THEN 'reminder.planned'
                 WHEN i % 4 = 1 THEN 'delivery.intent' WHEN i % 4 = 2 THEN 'delivery.delivered' ELSE 'reminder.skipped' END,
            's' || (i / 1000 % 10), printf('01a20d74-fb00-7000-8000-%012x', i / 1000), NULL, 'A-' || (i / 4), '0143',
            CASE WHEN i % 4 = 3 AND i / 1000 % 10 < 5 THEN 'no_phone' WHEN i % 4 = 3 THEN 'cancelled' END,
            CASE WHEN i % 4 IN (1, 2) THEN 1 END,
            CASE WHEN i % 4 = 0 THEN unhex(printf('%064x', i / 400)) END, zeroblob(16), zeroblob(32), zeroblob(32), zeroblob(32)
         FROM n;
         UPDATE head SET seq = {ROWS}; COMMIT;"
    ))
    .expect("a million rows");
}

/// Each filter by its name.
fn filters() -> Vec<(&'static str, AuditFilter)> {
    let empty = AuditFilter::default;
    let time = |text: &str| text.parse().expect("an instant");
    let run: RunId = "01a20d74-fb00-7000-8000-00000000000f".parse().expect("an id");
    vec![
        ("since", AuditFilter { since: Some(time("2024-01-01T00:00:00Z")), ..empty() }),
        ("until", AuditFilter { until: Some(time("2023-12-01T00:00:00Z")), ..empty() }),
        ("schedule", AuditFilter { schedule: Some("s3".into()), ..empty() }),
        ("event", AuditFilter { event: Some("delivery.failed".into()), ..empty() }),
        ("family", AuditFilter { event: Some("operator".into()), ..empty() }),
        ("reason", AuditFilter { reason: Some("no_phone".into()), ..empty() }),
        ("appointment", AuditFilter { appointment: Some("A-77".into()), ..empty() }),
        ("phone", AuditFilter { phone_mark: Some(format!("{:064x}", 77)), ..empty() }),
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
        phone_mark: one.phone_mark.clone().or_else(|| other.phone_mark.clone()),
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

fn main() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("tickler.db");
    drop(sqlite::open(&path, LedgerAccess::Write, Zones::newest()).expect("a ledger"));
    fill(&path);
    let walk = Connection::open(&path).expect("the ledger");
    let begun = Instant::now();
    let sql = "SELECT count(*) FROM audit NOT INDEXED WHERE detail = 'nothing'";
    walk.query_row(sql, [], |row| row.get::<_, i64>(0)).expect("a walk");
    println!("one walk through the log: {:.0} ms", begun.elapsed().as_secs_f64() * 1_000.0);
    let ledger = sqlite::open(&path, LedgerAccess::Read, Zones::newest()).expect("the ledger opens");
    tokio::runtime::Runtime::new().expect("a runtime").block_on(measure(&ledger));
}
