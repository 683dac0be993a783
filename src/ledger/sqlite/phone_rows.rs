//! shell: finds the rows of the log about a phone.
//!
//! A phone is found by the first four bytes of its keyed hash. Such hashes lie anywhere in an index: while thousands of
//! reminders are sent, each commit would write nearly all pages of the index again. So the table `phone_row` gets many rows of
//! the log at a time, in the order of the hashes. The rows that it doesn't have yet are few and are read one by one.

use rusqlite::{Connection, params};

use super::store::SqliteStore;
use crate::ledger::LedgerResult;
use crate::ledger::chain::Hash;

/// How many rows of the log at most are in no index. Reading them takes some 10 ms.
const MOST_NOT_INDEXED: u64 = 32_768;

/// The rows about the phone with that keyed hash, between two numbers: first those of the table, then younger ones.
const OF_PHONE: &str = "SELECT l.seq FROM phone_row p CROSS JOIN audit l ON l.seq = p.seq \
    WHERE p.mark = substr(?1, 1, 4) AND p.seq > ?2 AND p.seq < ?3 AND l.phone_hash = ?1 \
    UNION ALL SELECT seq FROM audit \
    WHERE seq > max(?2, (SELECT seq FROM phone_rows_until)) AND seq < ?3 AND phone_hash = ?1";
const INDEX: &str = "INSERT INTO phone_row SELECT substr(phone_hash, 1, 4), seq FROM audit \
    WHERE seq > (SELECT seq FROM phone_rows_until) AND phone_hash IS NOT NULL ORDER BY 1, 2";
const FORGET: &str = "DELETE FROM phone_row WHERE seq = ?1 \
    AND mark = (SELECT substr(phone_hash, 1, 4) FROM audit WHERE seq = ?1)";

/// The last row of the log that was looked at for the table.
pub(super) fn indexed_until(conn: &Connection) -> LedgerResult<u64> {
    Ok(conn.query_row("SELECT seq FROM phone_rows_until", [], |row| row.get(0))?)
}

/// The numbers of the rows about a phone, in their order, between two numbers that are excluded.
pub(super) fn find(conn: &Connection, hash: &[u8], after: i64, before: i64) -> LedgerResult<Vec<i64>> {
    let mut statement = conn.prepare_cached(OF_PHONE)?;
    let found = statement.query_map(params![hash, after, before], |row| row.get(0))?;
    let mut seqs: Vec<i64> = found.collect::<Result<_, _>>()?;
    seqs.sort_unstable();
    Ok(seqs)
}

/// All rows about a phone.
pub(super) fn all(conn: &Connection, hash: &Hash) -> LedgerResult<Vec<i64>> {
    find(conn, hash, 0, i64::MAX)
}

/// Before a row of the log loses its phone's hash.
pub(super) fn forget(conn: &Connection, seq: u64) -> LedgerResult<()> {
    Ok(conn.prepare_cached(FORGET)?.execute([seq]).map(drop)?)
}

/// When the log's beginning up to that row has been removed.
pub(super) fn prune(conn: &Connection, last: u64) -> LedgerResult<()> {
    Ok(conn.execute("DELETE FROM phone_row WHERE seq <= ?1", [last]).map(drop)?)
}

impl SqliteStore<'_> {
    /// Puts the log's new rows into the table once they are many.
    pub(super) fn index_phones(&self) -> LedgerResult<()> {
        let last = self.chain.get().seq;
        if last.saturating_sub(self.phones_until.get()) > MOST_NOT_INDEXED {
            self.statements.run(INDEX, [])?;
            self.statements.run("UPDATE phone_rows_until SET seq = ?1", [last])?;
            self.phones_until.set(last);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use rusqlite::params_from_iter;
    use rusqlite::types::Value;

    use super::*;
    use crate::audit::{Entry, Event, LoggedPhone};
    use crate::ledger::sqlite::{schema, steps};
    use crate::ledger::store::{Store as _, Transaction as _};
    use crate::ledger::{Prune, chain};

    const KEY: [u8; 32] = [7; 32];

    fn ledger(folder: &tempfile::TempDir) -> Connection {
        let path = folder.path().canonicalize().expect("a real path").join("ledger.db");
        schema::open(&path, schema::Copies::Kept, &steps::Steps::default()).expect("a ledger")
    }

    fn phone(place: u64) -> String {
        format!("+1202555{:04}", 100 + place % 90)
    }

    /// Appends rows up to that number, and more than the table waits for in one commit.
    fn append_until(store: &SqliteStore<'_>, last: u64) {
        let from = store.chain.get().seq;
        store.begin().expect("it begins");
        for place in from + 1..=last {
            let entry = Entry {
                phone: (place % 3 != 0).then(|| LoggedPhone::whole(phone(place))),
                ..Entry::new(Timestamp::UNIX_EPOCH, Event::ReminderPlanned)
            };
            store.append(&entry).expect("it is appended");
        }
        store.commit().expect("it is committed");
    }

    #[test]
    fn a_phones_rows_are_found_whether_the_table_has_them_or_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let conn = ledger(&folder);
        let store = SqliteStore::new(&conn, &KEY).expect("a store");
        let hash = |place| chain::phone_hash(&KEY, &phone(place));
        let expected = |place: u64, last: u64, erased: u64| -> Vec<i64> {
            let rows = (erased + 1..=last).filter(|row| row % 3 != 0 && phone(*row) == phone(place));
            rows.map(|row| i64::try_from(row).expect("few")).collect()
        };
        // none is in the table, then all are, then some, then all again
        for (last, until) in [
            (20, 0),
            (MOST_NOT_INDEXED + 1, MOST_NOT_INDEXED + 1),
            (MOST_NOT_INDEXED + 30, MOST_NOT_INDEXED + 1),
            (2 * MOST_NOT_INDEXED + 2, 2 * MOST_NOT_INDEXED + 2),
        ] {
            append_until(&store, last);
            assert_eq!(indexed_until(&conn).expect("a number"), until, "{last}");
            for place in [1, 7, 13] {
                assert_eq!(all(&conn, &hash(place)).expect("rows"), expected(place, last, 0), "{last}");
            }
        }
        append_until(&store, 2 * MOST_NOT_INDEXED + 40);
        let found = find(&conn, &hash(1), 91, i64::try_from(2 * MOST_NOT_INDEXED).expect("few")).expect("rows");
        let between = expected(1, 2 * MOST_NOT_INDEXED - 1, 91);
        assert!(!between.is_empty() && found == between, "between two numbers, both excluded");
        let rows_of_table = || conn.query_row("SELECT count(*) FROM phone_row", [], |row| row.get::<_, u64>(0));
        let before = rows_of_table().expect("a count");
        store.erase(&phone(1)).expect("the person is erased");
        assert!(all(&conn, &hash(1)).expect("rows").is_empty(), "neither the old rows nor the new ones");
        let indexed = expected(1, 2 * MOST_NOT_INDEXED + 2, 0).len() as u64;
        assert_eq!(rows_of_table().expect("a count"), before - indexed, "nothing about it is left in the table");
        let last = 2 * MOST_NOT_INDEXED + 40;
        let age = Timestamp::UNIX_EPOCH + jiff::SignedDuration::from_secs(1);
        store.prune(&Prune { payloads_before: age, audit_before: age, now: age }).expect("it is pruned");
        assert_eq!(rows_of_table().expect("a count"), 0, "rows that were pruned are in no table");
        assert_eq!(all(&conn, &hash(7)).expect("rows"), expected(7, last, last - 1));
    }

    #[test]
    fn a_lost_commit_indexes_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let conn = ledger(&folder);
        let store = SqliteStore::new(&conn, &KEY).expect("a store");
        append_until(&store, MOST_NOT_INDEXED);
        store.begin().expect("it begins");
        let entry = Entry {
            phone: Some(LoggedPhone::whole(phone(1))),
            ..Entry::new(Timestamp::UNIX_EPOCH, Event::ReminderPlanned)
        };
        store.append(&entry).expect("it is appended");
        store.index_phones().expect("it is indexed");
        store.rollback();
        assert_eq!((store.phones_until.get(), indexed_until(&conn).expect("a number")), (0, 0));
        append_until(&store, MOST_NOT_INDEXED + 1);
        assert_eq!(store.phones_until.get(), MOST_NOT_INDEXED + 1);
    }

    #[test]
    fn only_the_youngest_rows_are_walked_through() {
        let folder = tempfile::tempdir().expect("a folder");
        let conn = ledger(&folder);
        for sql in [OF_PHONE, INDEX, FORGET] {
            let mut plan = conn.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).expect("a statement");
            let values = vec![Value::Null; plan.parameter_count()];
            let steps = plan.query_map(params_from_iter(values), |row| row.get("detail")).expect("a plan");
            let steps: Vec<String> = steps.collect::<Result<_, _>>().expect("its steps");
            let walks = |step: &&String| step.starts_with("SCAN") && !step.contains("phone_rows_until");
            assert_eq!(steps.iter().find(walks), None, "{sql}: {steps:?}");
        }
    }
}
