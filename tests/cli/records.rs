//! The log, its chain, its export and its copies.

use std::process::Stdio;

use serde_json::Value;

use crate::clinic::*;

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
fn what_was_sent_is_shown_whole_only_when_the_log_knows_of_it() {
    let sandbox = Sandbox::start(&[]);
    let clinic = Clinic::with_target(&sandbox.url);
    let (_, told) = clinic.json(&["trigger", "day-before", "--now", MORNING]);
    let id = told["reminders"][0]["reminder_id"].as_str().expect("a reminder");
    let story = clinic.run(&["audit", "show", id]).stdout;
    assert!(story.contains("***0143") && !story.contains("2025550143"), "{story}");
    let whole = clinic.run(&["audit", "show", id, "--reveal"]).stdout;
    let in_one_line = whole.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(in_one_line.contains("to +12025550143"), "{whole}");
    assert!(whole.contains(r#""national":"(202) 555-0143""#), "what was sent is one line: {whole}");
    let (_, log) = clinic.json(&["audit", "list", "--event", "operator.revealed"]);
    assert_eq!(log.as_array().map(Vec::len), Some(1), "{log}");
}

#[test]
fn a_list_of_the_log_shows_whole_phones_only_when_the_log_knows_of_it() {
    let sandbox = Sandbox::start(&[]);
    let clinic = Clinic::with_target(&sandbox.url);
    assert_eq!(clinic.run(&["trigger", "day-before", "--now", MORNING]).exit, 0);
    let revealed = || clinic.json(&["audit", "list", "--event", "operator.revealed"]).1.as_array().map_or(0, Vec::len);
    let delivered = ["audit", "list", "--event", "delivery.delivered"];
    let masked = clinic.run(&[&delivered[..], &["--format", "json"]].concat()).stdout;
    assert!(masked.contains("0143") && !masked.contains("555014") && !masked.contains("\"phone\""), "{masked}");
    assert_eq!(revealed(), 0);
    let (exit, rows) = clinic.json(&[&delivered[..], &["--reveal"]].concat());
    let of_ada = rows.as_array().expect("rows").iter().find(|row| row["phone_last4"] == "0143").expect("her row");
    assert_eq!((exit, &of_ada["phone"]), (0, &"+12025550143".into()), "{rows}");
    assert_eq!(revealed(), 1, "{rows}");
    let table = clinic.run(&[&delivered[..], &["--reveal", "--wide"]].concat()).stdout;
    assert!(table.contains("+12025550143"), "{table}");
    let csv = clinic.run(&["audit", "--reveal", "--event", "delivery", "--format", "csv"]).stdout;
    assert!(csv.lines().next().is_some_and(|header| header.ends_with(",hash,phone")), "{csv}");
    assert_eq!(revealed(), 3);
    // an export is kept and passed on, so it never has them, and says where they are
    let refused = clinic.run(&["audit", "export", "--reveal"]);
    assert!(refused.exit == 2 && refused.stderr.contains("audit list --reveal"), "{refused:?}");
    assert_eq!(revealed(), 3);
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
fn a_reader_that_goes_away_is_no_failure() {
    let clinic = Clinic::new();
    let mut child =
        clinic.command(&["completions", "bash"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("runs");
    drop(child.stdout.take());
    let ended = Ended::of(child.wait_with_output().expect("it ends"));
    assert_eq!((ended.exit, ended.stderr.as_str()), (0, ""));
}
