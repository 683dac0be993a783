//! shell: the table of write-backs of outcomes.

use rusqlite::{Connection, Row, params};

use super::columns::{id_text, micros, time, uuid, word};
use super::store::SqliteStore;
use crate::ledger::{LedgerResult, WriteBackRow, WriteBacksAsk};
use crate::reminder::{ReminderId, WriteBackState};

const COLUMNS: &str = "reminder, number, schedule, appointment_id, starts_at, outcome, outcome_at, call_id, state, tries, \
    next_at, created_at, reason";

fn write_back(row: &Row<'_>) -> rusqlite::Result<WriteBackRow> {
    Ok(WriteBackRow {
        reminder_id: ReminderId(uuid(row, 0)?),
        number: row.get(1)?,
        schedule: row.get(2)?,
        appointment_id: row.get(3)?,
        starts_at: time(row, 4)?,
        outcome: word(row, 5)?,
        outcome_at: time(row, 6)?,
        call_id: row.get(7)?,
        state: word(row, 8)?,
        tries: row.get(9)?,
        next_at: time(row, 10)?,
        created_at: time(row, 11)?,
        reason: row.get(12)?,
    })
}

/// The write-backs that are asked for.
pub(super) fn select(conn: &Connection, which: &WriteBacksAsk) -> LedgerResult<Vec<WriteBackRow>> {
    // words of a closed set need no quoting; a partial index serves each of these states
    let pending = format!("state = '{}'", WriteBackState::Pending);
    let failed = format!("state = '{}'", WriteBackState::Failed);
    let rows: rusqlite::Result<Vec<WriteBackRow>> = match which {
        WriteBacksAsk::Of(id) => {
            let sql = format!("SELECT {COLUMNS} FROM write_back WHERE reminder = ?1 ORDER BY number");
            conn.prepare_cached(&sql)?.query_map([id_text(id.0)], write_back)?.collect()
        }
        WriteBacksAsk::OfMany(ids) => {
            let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
            let ids = serde_json::Value::from(ids).to_string();
            let sql = format!(
                "SELECT {COLUMNS} FROM write_back WHERE reminder IN (SELECT value FROM json_each(?1)) \
                 ORDER BY reminder, number"
            );
            conn.prepare_cached(&sql)?.query_map([ids], write_back)?.collect()
        }
        WriteBacksAsk::Waiting { schedule, appointment_id } => {
            let sql = format!(
                "SELECT {COLUMNS} FROM write_back INDEXED BY write_back_waiting WHERE {pending} AND schedule = ?1 \
                 AND appointment_id = ?2 ORDER BY reminder, number"
            );
            conn.prepare_cached(&sql)?.query_map(params![schedule, appointment_id], write_back)?.collect()
        }
        WriteBacksAsk::Due { now, limit } => {
            let sql = format!(
                "SELECT {COLUMNS} FROM write_back INDEXED BY write_back_next WHERE {pending} AND next_at <= ?1 \
                 ORDER BY next_at, reminder, number LIMIT ?2"
            );
            conn.prepare_cached(&sql)?.query_map(params![micros(*now), limit], write_back)?.collect()
        }
        WriteBacksAsk::Failed => {
            let sql = format!(
                "SELECT {COLUMNS} FROM write_back INDEXED BY write_back_failed WHERE {failed} \
                 ORDER BY created_at, reminder, number"
            );
            conn.prepare_cached(&sql)?.query_map([], write_back)?.collect()
        }
    };
    Ok(rows?)
}

impl SqliteStore<'_> {
    pub(super) fn put_write_back(&self, row: &WriteBackRow) -> LedgerResult<()> {
        let sql = "INSERT INTO write_back (reminder, number, schedule, appointment_id, starts_at, outcome, outcome_at, \
            call_id, state, tries, next_at, created_at, reason) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13) \
            ON CONFLICT (reminder, number) DO UPDATE SET state = excluded.state, tries = excluded.tries, \
            next_at = excluded.next_at, reason = excluded.reason";
        let values = params![
            id_text(row.reminder_id.0),
            row.number,
            row.schedule,
            row.appointment_id,
            micros(row.starts_at),
            row.outcome.as_str(),
            micros(row.outcome_at),
            row.call_id,
            row.state.as_str(),
            row.tries,
            micros(row.next_at),
            micros(row.created_at),
            row.reason,
        ];
        self.statements.run(sql, values)?;
        Ok(())
    }
}
