//! shell: rows and reminders counted for the page, for statistics and for metrics.

use jiff::Timestamp;
use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

use super::columns::{micros, word};
use crate::ledger::{LedgerError, LedgerResult, LogCount, LogCountAsk, QUARTER_MICROS, QueueSlot, SLOT_MICROS};

/// The instant at which the unit of that number begins.
fn begins(number: i64, length: i64) -> Result<Timestamp, LedgerError> {
    Timestamp::from_microsecond(number * length)
        .map_err(|_| LedgerError::Storage("a row of the log has a time that no calendar has".into()))
}

/// Rows of the log by quarter of an hour, schedule, event and reason, out of the index alone.
pub(super) fn counts(conn: &Connection, ask: &LogCountAsk) -> LedgerResult<Vec<LogCount>> {
    let mut values: Vec<Value> = vec![micros(ask.since).into(), micros(ask.until).into()];
    let mut of_schedule = "";
    if let Some(schedule) = &ask.schedule {
        values.push(schedule.clone().into());
        of_schedule = " AND schedule = ?3";
    }
    let sql = format!(
        "SELECT at / {QUARTER_MICROS}, schedule, event, reason, count(*) FROM audit INDEXED BY audit_at \
         WHERE at >= ?1 AND at < ?2{of_schedule} GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4"
    );
    let mut statement = conn.prepare_cached(&sql)?;
    let rows = statement.query_map(params_from_iter(values), |row| {
        Ok((row.get::<_, i64>(0)?, row.get(1)?, word(row, 2)?, row.get(3)?, row.get(4)?))
    })?;
    rows.map(|row| {
        let (quarter, schedule, event, reason, count) = row?;
        Ok(LogCount { quarter: begins(quarter, QUARTER_MICROS)?, schedule, event, reason, count })
    })
    .collect()
}

/// Pending reminders that are due before `until`, by schedule and five minutes.
pub(super) fn queue(conn: &Connection, until: Timestamp) -> LedgerResult<Vec<QueueSlot>> {
    let sql = format!(
        "SELECT schedule, next_at / {SLOT_MICROS}, count(*) FROM reminder INDEXED BY pending_next \
         WHERE state = 'pending' AND next_at < ?1 GROUP BY 1, 2 ORDER BY 1, 2"
    );
    let mut statement = conn.prepare_cached(&sql)?;
    let rows = statement.query_map([micros(until)], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?, row.get(2)?)))?;
    rows.map(|row| {
        let (schedule, slot, count) = row?;
        Ok(QueueSlot { schedule, from: begins(slot, SLOT_MICROS)?, count })
    })
    .collect()
}
