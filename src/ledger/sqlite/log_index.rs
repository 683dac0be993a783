//! shell: the log's rows by phone, by run, and by schedule, event and reason.
//!
//! Three tables take many rows of the log at a time, in each table's own order. As indexes of the log they would have to be
//! written with each commit, and nearly all pages of one by phone, since the keyed hashes of phones lie anywhere in it. The rows
//! that the tables don't have yet are few, and whoever searches reads them one by one.

use rusqlite::{Connection, params};

use super::store::SqliteStore;
use crate::ledger::LedgerResult;
use crate::ledger::chain::Hash;

/// How many rows of the log at most are in none of the tables. Reading them takes some 3 ms.
const MOST_NOT_INDEXED: u64 = 32_768;

/// The rows about the phone with that keyed hash, between two numbers. The table knows the first four bytes of a hash.
const OF_PHONE: &str = "SELECT l.seq FROM phone_row p CROSS JOIN audit l ON l.seq = p.seq \
    WHERE p.mark = substr(?1, 1, 4) AND p.seq > ?2 AND p.seq < ?3 AND l.phone_hash = ?1";
/// The rows about this phone that the table doesn't have yet.
const YOUNGER_OF_PHONE: &str =
    "SELECT seq FROM audit WHERE seq > (SELECT seq FROM log_indexed_until) AND phone_hash = ?1";
const INDEX: [&str; 3] = [
    "INSERT INTO phone_row SELECT substr(phone_hash, 1, 4), seq FROM audit \
     WHERE seq > (SELECT seq FROM log_indexed_until) AND phone_hash IS NOT NULL ORDER BY 1, 2",
    "INSERT INTO kind_row SELECT coalesce(schedule, ''), event, coalesce(reason, ''), seq FROM audit \
     WHERE seq > (SELECT seq FROM log_indexed_until) ORDER BY 1, 2, 3, 4",
    "INSERT INTO run_row SELECT run_id, seq FROM audit \
     WHERE seq > (SELECT seq FROM log_indexed_until) AND run_id IS NOT NULL ORDER BY 1, 2",
];
const FORGET: &str = "DELETE FROM phone_row WHERE seq = ?1 \
    AND mark = (SELECT substr(phone_hash, 1, 4) FROM audit WHERE seq = ?1)";

/// The last row of the log that was looked at for the tables.
pub(super) fn indexed_until(conn: &Connection) -> LedgerResult<u64> {
    Ok(conn.query_row("SELECT seq FROM log_indexed_until", [], |row| row.get(0))?)
}

/// The numbers of the rows about a phone that the table has, in their order, between two numbers that are excluded.
pub(super) fn of_phone(conn: &Connection, hash: &[u8], after: i64, before: i64) -> LedgerResult<Vec<i64>> {
    let mut statement = conn.prepare_cached(OF_PHONE)?;
    let found = statement.query_map(params![hash, after, before], |row| row.get(0))?;
    let mut seqs: Vec<i64> = found.collect::<Result<_, _>>()?;
    seqs.sort_unstable();
    Ok(seqs)
}

/// All rows about a phone, in their order.
pub(super) fn all_of_phone(conn: &Connection, hash: &Hash) -> LedgerResult<Vec<i64>> {
    let mut seqs = of_phone(conn, hash, 0, i64::MAX)?;
    let mut younger = conn.prepare_cached(YOUNGER_OF_PHONE)?;
    seqs.extend(younger.query_map([hash], |row| row.get(0))?.collect::<Result<Vec<i64>, _>>()?);
    Ok(seqs)
}

/// Removes from the tables what they have of a row, before the log's row loses its phone's hash.
pub(super) fn forget(conn: &Connection, seq: u64) -> LedgerResult<()> {
    Ok(conn.prepare_cached(FORGET)?.execute([seq]).map(drop)?)
}

/// When the log's beginning up to that row has been removed.
pub(super) fn prune(conn: &Connection, last: u64) -> LedgerResult<()> {
    for table in ["phone_row", "kind_row", "run_row"] {
        conn.execute(&format!("DELETE FROM {table} WHERE seq <= ?1"), [last])?;
    }
    Ok(())
}

impl SqliteStore<'_> {
    /// Puts the log's new rows into the tables once they are many.
    pub(super) fn index_log(&self) -> LedgerResult<()> {
        let last = self.chain.get().seq;
        if last.saturating_sub(self.indexed_until.get()) > MOST_NOT_INDEXED {
            for statement in INDEX {
                self.statements.run(statement, [])?;
            }
            self.statements.run("UPDATE log_indexed_until SET seq = ?1", [last])?;
            self.indexed_until.set(last);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::audit::{AuditFilter, Entry, Event, LoggedPhone};
    use crate::ledger::sqlite::readers::Reader;
    use crate::ledger::sqlite::statement_tests::{new_ledger, plan_of};
    use crate::ledger::sqlite::{queries, schema};
    use crate::ledger::store::{Store as _, Transaction as _};
    use crate::ledger::{Prune, chain};
    use crate::reminder::RunId;

    const KEY: [u8; 32] = [7; 32];

    fn phone(place: u64) -> String {
        format!("+1202555{:04}", 100 + place % 90)
    }

    /// Appends rows up to this number, and more than the table waits for in one commit.
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
        let conn = new_ledger(&folder);
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
                assert_eq!(all_of_phone(&conn, &hash(place)).expect("rows"), expected(place, last, 0), "{last}");
            }
        }
        append_until(&store, 2 * MOST_NOT_INDEXED + 40);
        let found = of_phone(&conn, &hash(1), 91, i64::try_from(2 * MOST_NOT_INDEXED).expect("few")).expect("rows");
        let between = expected(1, 2 * MOST_NOT_INDEXED - 1, 91);
        assert!(!between.is_empty() && found == between, "between two numbers, both excluded");
        let rows_of_table = || conn.query_row("SELECT count(*) FROM phone_row", [], |row| row.get::<_, u64>(0));
        let before = rows_of_table().expect("a count");
        store.erase(&phone(1)).expect("the person is erased");
        assert!(all_of_phone(&conn, &hash(1)).expect("rows").is_empty(), "neither the old rows nor the new ones");
        let indexed = expected(1, 2 * MOST_NOT_INDEXED + 2, 0).len() as u64;
        assert_eq!(rows_of_table().expect("a count"), before - indexed, "nothing about it is left in the table");
        let last = 2 * MOST_NOT_INDEXED + 40;
        let age = Timestamp::UNIX_EPOCH + jiff::SignedDuration::from_secs(1);
        store.prune(&Prune { payloads_before: age, audit_before: age, now: age }).expect("it is pruned");
        assert_eq!(rows_of_table().expect("a count"), 0, "rows that were pruned are in no table");
        assert_eq!(all_of_phone(&conn, &hash(7)).expect("rows"), expected(7, last, last - 1));
    }

    /// Number, schedule, event, reason and run of a row.
    type PlainRow = (u64, Option<String>, String, Option<String>, Option<String>);

    /// The log's rows by what a filter may ask, read without the tables.
    fn plain(conn: &Connection) -> Vec<PlainRow> {
        let mut all = conn.prepare("SELECT seq, schedule, event, reason, run_id FROM audit ORDER BY seq").expect("SQL");
        let rows = all.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?)));
        rows.expect("rows").collect::<Result<_, _>>().expect("rows")
    }

    fn run(place: u64) -> RunId {
        RunId(uuid::Uuid::from_u128(u128::from(place % 5)))
    }

    fn varied(place: u64) -> Entry<'static> {
        let events = [Event::ReminderPlanned, Event::ReminderSkipped, Event::DeliveryDelivered, Event::ServiceStarted];
        let schedules = [None, Some("barber"), Some("clinic")];
        let reasons = [None, None, Some("no_phone"), Some("stale")];
        let pick = |length: usize, by: u64| usize::try_from(place / by % length as u64).expect("few");
        Entry {
            schedule: schedules[pick(3, 1)].map(Into::into),
            reason: reasons[pick(4, 2)].map(Into::into),
            run_id: (!place.is_multiple_of(7)).then(|| run(place / 3)),
            ..Entry::new(Timestamp::UNIX_EPOCH, events[pick(4, 5)])
        }
    }

    fn filters(last: u64) -> Vec<AuditFilter> {
        let empty = AuditFilter::default;
        let kinds = [
            AuditFilter { schedule: Some("clinic".into()), ..empty() },
            AuditFilter { event: Some("delivery".into()), ..empty() },
            AuditFilter { event: Some("reminder.skipped".into()), reason: Some("stale".into()), ..empty() },
            AuditFilter { run: Some(run(1)), ..empty() },
            AuditFilter { run: Some(run(2)), event: Some("service".into()), ..empty() },
        ];
        let ways =
            [(false, None, None), (true, Some(3), None), (false, Some(40), Some(9)), (true, Some(25), Some(last - 6))];
        let each = |kind: &AuditFilter| {
            let kind = kind.clone();
            ways.map(|(newest, limit, bound)| AuditFilter {
                newest,
                limit,
                after_seq: bound.filter(|_| !newest),
                before_seq: bound.filter(|_| newest),
                ..kind.clone()
            })
        };
        kinds.iter().flat_map(each).collect()
    }

    #[test]
    fn a_filter_finds_the_same_rows_whether_the_tables_have_them_or_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let conn = new_ledger(&folder);
        let path = folder.path().canonicalize().expect("a real path").join("ledger.db");
        let reader = Reader { conn: schema::open_reader(&path).expect("a reader"), key: None };
        let store = SqliteStore::new(&conn, &KEY).expect("a store");
        // none is in the tables, then all are, then some
        for last in [200, MOST_NOT_INDEXED + 1, MOST_NOT_INDEXED + 60] {
            let from = store.chain.get().seq;
            store.begin().expect("it begins");
            for place in from + 1..=last {
                store.append(&varied(place)).expect("it is appended");
            }
            store.commit().expect("it is committed");
            let rows = plain(&conn);
            for filter in filters(last) {
                let is_wanted = |row: &&PlainRow| {
                    let event = filter.event.as_ref().is_none_or(|event| row.2.starts_with(event.as_str()));
                    let reason = filter.reason.is_none() || row.3 == filter.reason;
                    let of_run = filter.run.is_none_or(|run| row.4.as_deref() == Some(run.to_string().as_str()));
                    let schedule = filter.schedule.is_none() || row.1 == filter.schedule;
                    let within = filter.after_seq.is_none_or(|after| row.0 > after)
                        && filter.before_seq.is_none_or(|before| row.0 < before);
                    event && reason && of_run && schedule && within
                };
                let mut expected: Vec<u64> = rows.iter().filter(is_wanted).map(|row| row.0).collect();
                let most = usize::try_from(filter.limit.unwrap_or(10_000)).expect("few");
                match filter.newest {
                    true => drop(expected.drain(..expected.len().saturating_sub(most))),
                    false => expected.truncate(most),
                }
                assert!(!expected.is_empty(), "{last}: {filter:?} asks for something");
                let found = queries::audit(&reader, &filter).expect("rows");
                assert_eq!(found.iter().map(|row| row.seq).collect::<Vec<_>>(), expected, "{last}: {filter:?}");
            }
        }
    }

    #[test]
    fn a_lost_commit_indexes_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let conn = new_ledger(&folder);
        let store = SqliteStore::new(&conn, &KEY).expect("a store");
        append_until(&store, MOST_NOT_INDEXED);
        store.begin().expect("it begins");
        let entry = Entry {
            phone: Some(LoggedPhone::whole(phone(1))),
            ..Entry::new(Timestamp::UNIX_EPOCH, Event::ReminderPlanned)
        };
        store.append(&entry).expect("it is appended");
        store.index_log().expect("it is indexed");
        store.rollback();
        assert_eq!((store.indexed_until.get(), indexed_until(&conn).expect("a number")), (0, 0));
        append_until(&store, MOST_NOT_INDEXED + 1);
        assert_eq!(store.indexed_until.get(), MOST_NOT_INDEXED + 1);
    }

    #[test]
    fn only_the_youngest_rows_are_walked_through() {
        let folder = tempfile::tempdir().expect("a folder");
        let conn = new_ledger(&folder);
        for sql in [OF_PHONE, YOUNGER_OF_PHONE, FORGET].into_iter().chain(INDEX) {
            let steps = plan_of(&conn, sql);
            let walks = |step: &&String| step.starts_with("SCAN") && !step.contains("log_indexed_until");
            assert_eq!(steps.iter().find(walks), None, "{sql}: {steps:?}");
        }
    }
}
