//! The log reviewed at the terminal: a time in numbers, new rows as they come, a database for others.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use crate::clinic::*;

/// The clinic after its morning.
fn after_a_morning() -> (Sandbox, Clinic) {
    let sandbox = Sandbox::start(&[]);
    let clinic = Clinic::with_target(&sandbox.url);
    assert_eq!(clinic.run(&["trigger", "day-before", "--now", MORNING]).exit, 0);
    (sandbox, clinic)
}

#[test]
fn a_day_in_numbers_has_events_reasons_hours_and_gaps() {
    let (_sandbox, clinic) = after_a_morning();
    let until = "2026-11-25T00:00:00-05:00";
    let (exit, day) = clinic.json(&["audit", "stats", "--period", "day", "--until", "2026-11-24T23:00:00-05:00"]);
    assert_eq!((exit, &day["hours"][9], &day["failures"]), (0, &2.into(), &0.into()), "{day}");
    let reasons: Vec<&str> =
        day["reasons"].as_array().expect("reasons").iter().filter_map(|row| row["word"].as_str()).collect();
    assert_eq!(reasons.len(), 2, "{day}");
    let shown = clinic.run(&["audit", "stats", "--period", "week", "--until", until]);
    for text in ["WHAT HAPPENED", "NOT CALLED BECAUSE", "ACCEPTED BY HOUR", "09:00", "█", "reveals: 0"] {
        assert!(shown.stdout.contains(text), "{text}: {}", shown.stdout);
    }
    let counted = clinic.json(&["audit", "stats"]).1;
    assert!(counted.as_array().is_some_and(|rows| rows.iter().all(|row| row["count"].is_u64())), "{counted}");
}

#[test]
fn new_rows_are_shown_as_they_come() {
    let (_sandbox, clinic) = after_a_morning();
    let mut command = clinic.command(&["audit", "--follow", "--event", "operator", "--format", "jsonl"]);
    let mut following = command.stdout(Stdio::piped()).spawn().expect("it starts");
    let lines = BufReader::new(following.stdout.take().expect("it was piped")).lines();
    // a row a second, until one has come after the following began
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let mut line = String::new();
    std::thread::scope(|scope| {
        let clinic = &clinic;
        scope.spawn(move || {
            let mut turn = 0;
            while stopped.recv_timeout(std::time::Duration::from_millis(300)).is_err() && turn < 100 {
                clinic.run(&["pause", "--all", "--reason", "drill"]);
                turn += 1;
            }
        });
        line = lines.map_while(Result::ok).find(|line| line.contains("operator.paused")).unwrap_or_default();
        let _has_ended = stop.send(());
    });
    following.kill().expect("it follows still");
    following.wait().expect("it ends");
    let row: serde_json::Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
    assert_eq!(row["detail"], "drill");
}

#[test]
fn a_database_for_others_has_neither_phones_nor_a_key_and_its_columns_are_read_as_they_are() {
    let (_sandbox, clinic) = after_a_morning();
    let refused = clinic.run(&["audit", "export", "--format", "sqlite"]);
    assert!(refused.exit == 2 && refused.stderr.contains("--output"), "{refused:?}");
    let exported = clinic.run(&["audit", "export", "--format", "sqlite", "--output", "log.db"]);
    assert_eq!(exported.exit, 0, "{exported:?}");
    assert_ne!(
        clinic.run(&["audit", "export", "--format", "sqlite", "--output", "log.db"]).exit,
        0,
        "nothing is written over"
    );
    let bytes = std::fs::read(clinic.path().join("log.db")).expect("the database");
    let key = std::fs::read_dir(clinic.path()).expect("the folder").flatten();
    let key = key.filter(|file| file.file_name().to_string_lossy().ends_with("key")).map(|file| file.path());
    let key = key.into_iter().next().map(|path| std::fs::read(path).expect("the key")).expect("a key");
    for secret in [&b"2025550143"[..], b"12025550164", &key] {
        assert!(!bytes.windows(secret.len()).any(|window| window == secret), "{secret:?}");
    }
    let conn = rusqlite::Connection::open(clinic.path().join("log.db")).expect("a database");
    let sql = "SELECT schedule, starts_at_utc, attempts, last_event FROM calls WHERE appointment_id = 'A-1'";
    let row: (String, String, i64, String) =
        conn.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))).expect("one row");
    let expected = ("day-before", "2026-11-25 14:30:00", 1, "delivery.delivered");
    assert_eq!((row.0.as_str(), row.1.as_str(), row.2, row.3.as_str()), expected);
    let recorded = clinic.json(&["audit", "list", "--event", "operator.exported"]).1;
    assert_eq!(recorded.as_array().map(Vec::len), Some(1));
}

#[test]
fn the_ledgers_own_view_of_calls_reads_as_text_and_masks_phones() {
    let (_sandbox, clinic) = after_a_morning();
    let conn = rusqlite::Connection::open(clinic.path().join("tickler.db")).expect("the ledger");
    let sql = "SELECT starts_at_utc, phone, state, attempts FROM calls WHERE appointment_id = 'A-1'";
    let row: (String, String, String, i64) =
        conn.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))).expect("one row");
    assert_eq!(row, ("2026-11-25 14:30:00".into(), "***0143".into(), "delivered".into(), 1));
}

#[test]
fn the_log_is_turned_page_by_page_both_ways() {
    let (_sandbox, clinic) = after_a_morning();
    let page = |more: &[&str]| -> Vec<u64> {
        let (exit, rows) = clinic.json(&[&["audit", "list"], more].concat());
        assert_eq!(exit, 0, "{more:?}");
        rows.as_array().expect("rows").iter().map(|row| row["seq"].as_u64().expect("a number")).collect()
    };
    let all = page(&[]);
    let end = all.len();
    assert!(end > 8, "{all:?}");
    let newest = page(&["--limit", "3"]);
    assert_eq!(newest, all[end - 3..]);
    let older = page(&["--limit", "3", "--before", &newest[0].to_string()]);
    assert_eq!(older, all[end - 6..end - 3], "the page before");
    let back = page(&["--limit", "3", "--after", &older[2].to_string()]);
    assert_eq!(back, newest, "the page after is the one that was left");
    assert_eq!(page(&["--after", &all[1].to_string(), "--before", &all[4].to_string()]), all[2..4]);
    assert_eq!(page(&["--event", "delivery.delivered", "--after", &all[end - 1].to_string()]), Vec::<u64>::new());
    let exported = clinic.run(&["audit", "export", "--format", "jsonl", "--before", &all[2].to_string()]);
    assert_eq!(exported.stdout.lines().count(), 3, "two rows and the end: {}", exported.stdout);
}
