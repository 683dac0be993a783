//! The tampering table, generated: every stored value of the log and of its head in every other spelling and type, rows
//! replaced by their key, and a permit left behind.

use std::sync::Arc;

use rusqlite::Connection;
use tickler::audit::{Entry, Event, LoggedPhone};
use tickler::ledger::sqlite::{self, LedgerAccess};
use tickler::ledger::{Ledger, Log, SettleTo};
use tickler::reminder::{Lead, ReminderId, RunId};
use tickler::zones::Zones;
use uuid::Uuid;

use crate::Maker;
use crate::calls::*;
use crate::files::SqliteMaker;

/// The log of one call from its plan to its delivery and of a test call, with every kind of value in some row; a connection
/// that tampers with it, and another that reads it.
struct Tampering {
    maker: SqliteMaker,
    reader: Arc<Ledger>,
    conn: Connection,
    triggers: Vec<(String, String)>,
}

impl Tampering {
    async fn begin() -> Self {
        let maker = SqliteMaker::new();
        let ledger = maker.open();
        one_pending(&ledger).await;
        send(&ledger, at(1), SettleTo::Delivered).await;
        let full = Entry {
            schedule: Some(SCHEDULE.into()),
            run_id: Some(RunId(Uuid::from_u128(7))),
            reminder_id: Some(ReminderId(Uuid::from_u128(8))),
            appointment_id: Some("A1".into()),
            phone: Some(LoggedPhone::whole(PHONE)),
            starts_at: Some(at(60)),
            lead: Some(Lead::days(1)),
            attempt: Some(1),
            reason: Some("test".into()),
            http_status: Some(200),
            latency_ms: Some(12),
            actor: Some("maria".into()),
            detail: Some("a test call".into()),
            ..Entry::new(at(3), Event::DeliveryDelivered)
        };
        ledger.append(vec![full]).await.expect("it is written");
        verified(&ledger).await;
        drop(ledger);
        let conn = Connection::open(maker.path()).expect("it opens");
        conn.execute_batch(
            "PRAGMA synchronous = OFF; PRAGMA ignore_check_constraints = ON;
             CREATE TEMP TABLE log AS SELECT * FROM audit; CREATE TEMP TABLE end AS SELECT * FROM head;",
        )
        .expect("they are kept");
        let triggers = conn
            .prepare("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
            .expect("a query")
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
            .expect("triggers")
            .collect::<Result<_, _>>()
            .expect("names");
        let reader = sqlite::open(maker.path(), LedgerAccess::Read, Zones::newest()).expect("it is read");
        Self { maker, reader, conn, triggers }
    }

    fn column_names(&self, table: &str) -> Vec<String> {
        let mut statement = self.conn.prepare("SELECT name FROM pragma_table_info(?1)").expect("a query");
        let names = statement.query_map([table], |row| row.get(0)).expect("columns");
        names.collect::<Result<_, _>>().expect("names")
    }

    /// Everything as it was, and then changed so; `false` where the table takes no such change, or nothing is changed.
    fn change(&self, table: &str, seq: u64, column: &str, value: &str) -> bool {
        let stored = |conn: &Connection| -> Option<(String, String)> {
            let sql = format!("SELECT typeof({column}), quote({column}) FROM {table} WHERE rowid = {seq}");
            conn.query_row(&sql, [], |row| Ok((row.get(0)?, row.get(1)?))).ok()
        };
        let drops: String = self.triggers.iter().map(|(name, _)| format!("DROP TRIGGER {name};")).collect();
        let again: String = self.triggers.iter().map(|(_, sql)| format!("{sql};")).collect();
        let restored = format!(
            "BEGIN; {drops} DELETE FROM audit; INSERT INTO audit SELECT * FROM log; DELETE FROM head; INSERT INTO head \
             SELECT * FROM end;"
        );
        self.conn.execute_batch(&restored).expect("as it was");
        let before = stored(&self.conn);
        let changed = self.conn.execute(&format!("UPDATE {table} SET {column} = {value} WHERE rowid = {seq}"), []);
        let after = stored(&self.conn);
        self.conn.execute_batch(&format!("{again} COMMIT;")).expect("committed");
        changed.is_ok() && before != after
    }

    async fn is_found(&self) -> bool {
        self.reader.verify().await.map_or(true, |verified| verified.broken.is_some())
    }
}

/// Other values and other spellings of the same value of a column.
fn spellings(column: &str) -> Vec<String> {
    let fixed = ["NULL", "''", "'x'", "' '", "0", "1", "-1", "1.5", "x''", "x'00'", "zeroblob(16)", "zeroblob(32)"];
    let derived = [
        "CAST(@ AS TEXT)",
        "CAST(@ AS BLOB)",
        "CAST(@ AS REAL)",
        "CAST(@ AS INTEGER)",
        "@ || ''",
        "@ || ' '",
        "' ' || @",
        "upper(@)",
        "lower(@)",
        "hex(@)",
        "quote(@)",
        "@ + 1",
        "@ + 0.0",
        "'0' || @",
        "'+' || @",
        "@ || '.0'",
        "@ || char(0)",
        "CAST(@ || ' ' AS BLOB)",
        "substr(@, 2)",
        "replace(@, '-', '')",
        "'{' || @ || '}'",
        "(SELECT @ FROM log WHERE seq = 1)",
        "(SELECT @ FROM log WHERE seq = 2)",
        "(SELECT @ FROM log ORDER BY seq DESC LIMIT 1)",
    ];
    fixed.map(str::to_owned).into_iter().chain(derived.map(|spelling| spelling.replace('@', column))).collect()
}

#[tokio::test]
async fn every_stored_value_of_the_log_in_every_other_spelling_is_found() {
    let tampering = Tampering::begin().await;
    let rows: u64 = tampering.conn.query_row("SELECT max(seq) FROM log", [], |row| row.get(0)).expect("a count");
    let mut changed = 0;
    for column in tampering.column_names("audit") {
        let mut of_column = 0;
        for (seq, spelling) in (1..=rows).flat_map(|seq| spellings(&column).into_iter().map(move |value| (seq, value)))
        {
            if tampering.change("audit", seq, &column, &spelling) {
                of_column += 1;
                assert!(tampering.is_found().await, "row {seq}: {column} = {spelling}");
            }
        }
        assert!(of_column >= 4, "{column}: {of_column} other values");
        changed += of_column;
    }
    assert!(!tampering.change("audit", 1, "detail", "detail") && !tampering.is_found().await, "nothing was changed");
    assert!(changed > 1_500, "{changed} changes");
}

#[tokio::test]
async fn every_value_of_the_logs_head_in_every_other_spelling_is_found_or_refused_or_put_right() {
    let tampering = Tampering::begin().await;
    for column in tampering.column_names("head") {
        for spelling in spellings(&column) {
            let spelling =
                spelling.replace("FROM log WHERE seq = 1", "FROM end").replace("FROM log WHERE seq = 2", "FROM end");
            if spelling.contains("FROM log") || !tampering.change("head", 1, &column, &spelling) {
                continue;
            }
            let is_found = tampering.is_found().await;
            match column.as_str() {
                // the table's own key, of its only row
                "one" => assert!(!is_found, "{spelling}"),
                // where the log's end was before the last transaction is asked of a write-ahead log alone
                "prev_seq" => assert!(!is_found, "{spelling}"),
                "key_check" => {
                    let opened = sqlite::open(tampering.maker.path(), LedgerAccess::Read, Zones::newest());
                    assert_eq!(opened.is_err(), spelling != "NULL", "{spelling}");
                }
                _ => assert!(is_found, "{column} = {spelling}"),
            }
        }
    }
}

#[tokio::test]
async fn rows_of_the_log_are_not_replaced_by_key_while_its_triggers_are_there() {
    let tampering = Tampering::begin().await;
    let columns = tampering.column_names("audit");
    let others = columns.iter().filter(|name| *name != "seq").cloned().collect::<Vec<_>>().join(", ");
    let from = |seq: &str| format!("SELECT {seq}, {} FROM log WHERE seq = 2", others.replace("detail", "'other'"));
    for key in ["seq", "rowid", "_rowid_", "oid"] {
        for (verb, seq) in [("INSERT OR REPLACE", "2"), ("REPLACE", "2"), ("INSERT OR REPLACE", "-1"), ("INSERT", "9")]
        {
            let refused = tampering.conn.execute(&format!("{verb} INTO audit ({key}, {others}) {}", from(seq)), []);
            assert!(refused.is_err(), "{verb} {key} = {seq}");
        }
    }
    for sql in [
        "UPDATE audit SET detail = 'other' WHERE seq = 2",
        "UPDATE OR REPLACE audit SET seq = 2 WHERE seq = 3",
        "DELETE FROM audit WHERE seq = 2",
        "INSERT INTO audit SELECT * FROM log WHERE seq = 2 ON CONFLICT (seq) DO UPDATE SET detail = 'other'",
    ] {
        assert!(tampering.conn.execute(sql, []).is_err(), "{sql}");
    }
    assert!(!tampering.is_found().await, "nothing was changed");
    let unique = "SELECT count(*) FROM pragma_index_list('audit') WHERE \"unique\"";
    let count: u32 = tampering.conn.query_row(unique, [], |row| row.get(0)).expect("a count");
    assert_eq!(count, 0, "no other column is unique: one that is must be tried here, too");
}

#[tokio::test]
async fn a_permit_that_is_left_in_the_log_is_found_since_its_triggers_protect_nothing_then() {
    let tampering = Tampering::begin().await;
    tampering.conn.execute_batch("INSERT INTO permit VALUES ('prune')").expect("it is written");
    let broken = tampering.reader.verify().await.expect("the log is walked").broken;
    assert!(broken.is_some_and(|(_, sentence)| sentence.contains("permit")));
    tampering.conn.execute_batch("DELETE FROM permit").expect("it goes");
    assert!(!tampering.is_found().await);
}
