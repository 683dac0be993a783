//! shell: reads what the ledger keeps of schedules: the texts of their versions, up to where they were dealt with, and their runs.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::columns::{micros, time, time_or_null};
use crate::ledger::store::StoredSchedule;
use crate::ledger::{LedgerResult, ScheduleStanding};

/// The query whose rows [`standing`] reads.
const STANDING: &str = "SELECT s.name, s.cursor, \
    (SELECT max(r.started_at) FROM run r WHERE r.schedule = s.name AND r.state = 'done'), \
    s.text_hash FROM schedule s";

fn standing(row: &Row<'_>) -> rusqlite::Result<ScheduleStanding> {
    Ok(ScheduleStanding {
        name: row.get(0)?,
        cursor: time(row, 1)?,
        previous_evaluation: time_or_null(row, 2)?,
        text_hash: row.get(3)?,
    })
}

/// How loaded schedules stand, in the order of their names: all of them, or the one with this name.
pub(super) fn standings(conn: &Connection, name: Option<&str>) -> LedgerResult<Vec<ScheduleStanding>> {
    let rows: rusqlite::Result<Vec<ScheduleStanding>> = match name {
        None => {
            let mut statement = conn.prepare_cached(&format!("{STANDING} WHERE s.removed = 0 ORDER BY s.name"))?;
            statement.query_map([], standing)?.collect()
        }
        Some(name) => {
            let mut statement = conn.prepare_cached(&format!("{STANDING} WHERE s.removed = 0 AND s.name = ?1"))?;
            statement.query_map([name], standing)?.collect()
        }
    };
    Ok(rows?)
}

/// What is stored of a schedule, also of one whose file was removed; `None` for one that was never loaded.
pub(super) fn stored(conn: &Connection, name: &str) -> LedgerResult<Option<StoredSchedule>> {
    let sql =
        "SELECT name, cron, timezone, enabled, text_hash, first_loaded, cursor, removed FROM schedule WHERE name = ?1";
    let read = |row: &Row<'_>| {
        Ok(StoredSchedule {
            name: row.get(0)?,
            cron: row.get(1)?,
            timezone: row.get(2)?,
            enabled: row.get(3)?,
            text_hash: row.get(4)?,
            first_loaded: time(row, 5)?,
            cursor: time(row, 6)?,
            is_removed: row.get(7)?,
        })
    };
    Ok(conn.prepare_cached(sql)?.query_row([name], read).optional()?)
}

/// The text of the version with this hash.
pub(super) fn text(conn: &Connection, hash: &str) -> LedgerResult<Option<String>> {
    let mut statement = conn.prepare_cached("SELECT text FROM schedule_text WHERE hash = ?1")?;
    Ok(statement.query_row([hash], |row| row.get(0)).optional()?)
}

/// When the last evaluation of all of a schedule's rows began (UTC), among those up to `now`.
pub(super) fn seen_until(conn: &Connection, schedule: &str, now: Timestamp) -> LedgerResult<Option<Timestamp>> {
    let sql = "SELECT max(started_at) FROM run WHERE schedule = ?1 AND state = 'done' AND in_window IS NOT NULL \
        AND started_at <= ?2";
    Ok(conn.prepare_cached(sql)?.query_row(params![schedule, end_of_second(now)], |row| time_or_null(row, 0))?)
}

/// When the last evaluation of a schedule began (UTC), of all rows or of one appointment, among those up to `now`.
pub(super) fn last_evaluation(conn: &Connection, schedule: &str, now: Timestamp) -> LedgerResult<Option<Timestamp>> {
    let sql = "SELECT max(started_at) FROM run WHERE schedule = ?1 AND state = 'done' AND started_at <= ?2";
    Ok(conn.prepare_cached(sql)?.query_row(params![schedule, end_of_second(now)], |row| time_or_null(row, 0))?)
}

/// The end of the second of `now` (µs UTC): people name an evaluation by the second in which it began.
fn end_of_second(now: Timestamp) -> i64 {
    micros(now).saturating_add(999_999)
}
