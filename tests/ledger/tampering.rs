//! The tampering table: every stored column in every spelling, rows deleted, swapped and added, tails cut with the head
//! adapted, all rows gone. `verify` finds each; what it can't find is found with a checkpoint (`tests/losses.rs`).

use rusqlite::Connection;
use tickler::ledger::SettleTo;

use crate::Maker;
use crate::calls::*;
use crate::files::SqliteMaker;

/// A log of some rows, tampered with by somebody who takes the triggers off and puts them back.
async fn tampered(sql: &str) -> Option<(u64, String)> {
    let maker = SqliteMaker::new();
    let ledger = maker.open();
    one_pending(&ledger).await;
    send(&ledger, at(1), SettleTo::Delivered).await;
    verified(&ledger).await;
    drop(ledger);
    let conn = Connection::open(maker.path()).expect("it opens");
    let triggers: Vec<(String, String)> = conn
        .prepare("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
        .expect("a query")
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .expect("triggers")
        .collect::<Result<_, _>>()
        .expect("names");
    for (name, _) in &triggers {
        conn.execute_batch(&format!("DROP TRIGGER {name}")).expect("it goes");
    }
    conn.execute_batch(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
    for (_, trigger) in &triggers {
        conn.execute_batch(trigger).expect("it is back");
    }
    drop(conn);
    maker.open().verify().await.expect("the log is walked").broken
}

/// The row of the intent, in which no column that a call has is empty.
const INTENT: u64 = 4;

async fn is_found_at(edit: &str) -> u64 {
    let found = tampered(&format!("UPDATE audit SET {edit} WHERE seq = {INTENT}")).await;
    found.unwrap_or_else(|| panic!("{edit} is found")).0
}

#[tokio::test]
async fn nothing_is_found_where_nothing_was_changed() {
    assert_eq!(tampered("UPDATE audit SET detail = detail, lead = lead").await, None);
}

#[tokio::test]
async fn any_other_value_of_any_column_is_found_in_its_row() {
    for edit in [
        "at = at + 1",
        "event = 'run.held'",
        "schedule = 'other'",
        "run_id = '01a20e12-2580-79a8-a56d-39a3a73475a0'",
        "reminder_id = '01a20e12-2580-79a8-a56d-39a3a73475a0'",
        "appointment_id = 'A2'",
        "phone_last4 = '0199'",
        "starts_at = starts_at + 1",
        "lead = '2d'",
        "lead = '24h'",
        "attempt = 9",
        "reason = 'x'",
        "http_status = 500",
        "latency_ms = 1",
        "actor = 'x'",
        "detail = 'x'",
        "phone_hash = zeroblob(32)",
        "salt = zeroblob(16)",
        "commitment = zeroblob(32)",
        "prev = zeroblob(32)",
        "hash = zeroblob(32)",
    ] {
        assert_eq!(is_found_at(edit).await, INTENT, "{edit}");
    }
}

#[tokio::test]
async fn any_other_spelling_or_type_of_the_same_value_is_found_in_its_row() {
    let mut edits: Vec<String> = [
        "lead = '+1d'",
        "lead = '01d'",
        "lead = '1D'",
        "lead = ' 1d'",
        "event = upper(event)",
        "reminder_id = upper(reminder_id)",
        "reminder_id = replace(reminder_id, '-', '')",
        "reminder_id = '{' || reminder_id || '}'",
        "at = CAST(at AS BLOB)",
        "at = at + 0.5",
        "attempt = CAST(attempt AS BLOB)",
        "starts_at = CAST(starts_at AS BLOB)",
    ]
    .map(str::to_owned)
    .into();
    for text in ["event", "schedule", "reminder_id", "appointment_id", "phone_last4", "lead", "actor"] {
        edits.push(format!("{text} = CAST({text} AS BLOB)"));
        edits.push(format!("{text} = {text} || ' '"));
        edits.push(format!("{text} = {text} || char(0)"));
    }
    for bytes in ["phone_hash", "salt", "commitment", "prev", "hash"] {
        edits.push(format!("{bytes} = hex({bytes})"));
        edits.push(format!("{bytes} = substr({bytes}, 2)"));
        edits.push(format!("{bytes} = {bytes} || x'00'"));
    }
    for edit in edits {
        assert_eq!(is_found_at(&edit).await, INTENT, "{edit}");
    }
}

#[tokio::test]
async fn nothing_where_something_was_and_something_where_nothing_was_is_found_in_its_row() {
    for column in [
        "schedule",
        "reminder_id",
        "appointment_id",
        "phone_last4",
        "starts_at",
        "lead",
        "attempt",
        "actor",
        "phone_hash",
        "salt",
    ] {
        assert_eq!(is_found_at(&format!("{column} = NULL")).await, INTENT, "{column}");
    }
    for edit in [
        "run_id = ''",
        "reason = ''",
        "http_status = 0",
        "latency_ms = 0",
        "detail = ''",
        "schedule = ''",
        "actor = ''",
    ] {
        assert_eq!(is_found_at(edit).await, INTENT, "{edit}");
    }
}

#[tokio::test]
async fn rows_deleted_swapped_added_or_renumbered_are_found() {
    let swap = "UPDATE audit SET seq = 1000 WHERE seq = 3; UPDATE audit SET seq = 3 WHERE seq = 4; \
        UPDATE audit SET seq = 4 WHERE seq = 1000";
    let add = "UPDATE audit SET seq = -seq WHERE seq >= 3; UPDATE audit SET seq = 1 - seq WHERE seq < 0; \
        INSERT INTO audit SELECT 3, at, event, schedule, run_id, reminder_id, appointment_id, phone_last4, starts_at, lead, \
        attempt, reason, http_status, latency_ms, actor, detail, phone_hash, salt, commitment, prev, hash FROM audit \
        WHERE seq = 2";
    for (edit, seq) in [
        ("DELETE FROM audit WHERE seq = 3", 4),
        ("DELETE FROM audit WHERE seq >= 4", 4),
        ("DELETE FROM audit", 1),
        ("DELETE FROM audit WHERE seq <= 2", 3),
        (
            "UPDATE head SET pruned_seq = 2, pruned_hash = (SELECT hash FROM audit WHERE seq = 2); \
             DELETE FROM audit WHERE seq <= 2",
            2,
        ),
        (swap, 3),
        ("DELETE FROM audit WHERE seq = 3; UPDATE audit SET seq = seq - 1 WHERE seq > 3", 3),
    ] {
        assert_eq!(tampered(edit).await.map(|(seq, _)| seq), Some(seq), "{edit}");
    }
    // the table takes no row with a hole behind it without its check
    let added = format!("PRAGMA ignore_check_constraints = ON; {add}");
    assert_eq!(tampered(&added).await.map(|(seq, _)| seq), Some(3));
}

#[tokio::test]
async fn a_cut_tail_with_an_adapted_head_and_an_emptied_log_are_found_by_the_witness() {
    let adapted = |last: u64| {
        format!(
            "DELETE FROM audit WHERE seq > {last}; UPDATE head SET seq = {last}, \
             hash = coalesce((SELECT hash FROM audit WHERE seq = {last}), zeroblob(32))"
        )
    };
    for last in [0, 1, 4] {
        let found = tampered(&adapted(last)).await;
        assert!(found.as_ref().is_some_and(|(seq, _)| *seq == last + 1), "{last}: {found:?}");
    }
}

#[tokio::test]
async fn a_log_without_one_of_its_triggers_is_not_whole() {
    for trigger in ["audit_only_grows", "audit_is_not_changed", "audit_is_not_cut"] {
        let maker = SqliteMaker::new();
        one_pending(&maker.open()).await;
        let conn = Connection::open(maker.path()).expect("it opens");
        conn.execute_batch(&format!("DROP TRIGGER {trigger}")).expect("it goes");
        drop(conn);
        let broken = maker.open().verify().await.expect("the log is walked").broken;
        assert!(broken.is_some_and(|(_, sentence)| sentence.contains(trigger)), "{trigger}");
    }
}

#[tokio::test]
async fn hashes_made_without_the_key_do_not_fit() {
    // as somebody would who can write the file, and can't read the key beside it
    let found = tampered("UPDATE head SET keyed = 0").await;
    assert_eq!(found.map(|(seq, _)| seq), Some(1));
}

#[tokio::test]
async fn the_table_has_exactly_the_columns_of_an_entry_and_of_its_seal() {
    let maker = SqliteMaker::new();
    drop(maker.open());
    let conn = Connection::open(maker.path()).expect("it opens");
    let mut statement = conn.prepare("SELECT name FROM pragma_table_info('audit')").expect("a query");
    let names = statement.query_map([], |row| row.get::<_, String>(0)).expect("columns");
    let found: std::collections::BTreeSet<String> = names.collect::<Result<_, _>>().expect("names");
    let entry = tickler::audit::entry::AUDIT_COLUMNS.iter().map(|column| column.name);
    let sealed = ["seq", "phone_hash", "salt", "commitment", "prev", "hash"];
    let expected = entry.chain(sealed).map(str::to_owned).collect();
    assert_eq!(found, expected, "a new column of the log needs a migration");
}
