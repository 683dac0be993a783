//! shell: rows and reminders counted for the page, for statistics and for metrics.

use std::sync::LazyLock;

use jiff::Timestamp;
use rusqlite::{Connection, Row, ToSql};

use super::columns::{micros, time, uuid_or_null, word};
use super::lookups::Bounds;
use crate::audit::fates::{DECIDING, DecidedFate, FateCount, FateRow, SETTLING};
use crate::ledger::{FatesAsk, LedgerError, LedgerResult, QueueSlot, SLOT_MICROS};
use crate::reminder::ReminderId;

/// The instant at which the unit of this number begins.
fn begins(number: i64, length: i64) -> Result<Timestamp, LedgerError> {
    Timestamp::from_microsecond(number * length)
        .map_err(|_| LedgerError::Storage("a row of the log has a time that no calendar has".into()))
}

/// How the calls of a time stand. A detail is read where it alone tells two rows apart.
pub(super) fn fates(conn: &Connection, ask: &FatesAsk) -> LedgerResult<Vec<DecidedFate>> {
    let Bounds { after, before } = Bounds::of_time(conn, ask.since, Some(ask.until))?;
    let mut statement = conn.prepare_cached(&FATES)?;
    let mut rows = statement.query([micros(ask.since), micros(ask.until), after, before])?;
    let mut count = FateCount::default();
    while let Some(row) = rows.next()? {
        count.add(&fate_row(row)?);
    }
    settle(conn, ask, &mut count)?;
    Ok(count.decide())
}

/// Adds what was written after that time about calls of unknown fate.
fn settle(conn: &Connection, ask: &FatesAsk, count: &mut FateCount) -> LedgerResult<()> {
    let unsettled = count.unsettled();
    if unsettled.is_empty() {
        return Ok(());
    }
    let numbers = |sql: &str, values: &[&dyn ToSql]| {
        conn.prepare_cached(sql)?.query_map(values, |row| row.get(0))?.collect::<Result<Vec<i64>, _>>()
    };
    let later = micros(ask.until);
    let mut seqs = numbers(&SETTLED_NOT_INDEXED, &[&later])?;
    for schedule in unsettled {
        for (event, reason) in SETTLING {
            seqs.extend(numbers(
                SETTLED_LATER,
                &[&schedule.as_deref().unwrap_or(""), &event.as_str(), &reason, &later],
            )?);
        }
    }
    seqs.sort_unstable();
    let mut statement = conn.prepare_cached(FATE)?;
    for seq in seqs {
        statement.query_row([seq], |row| {
            count.settle(&fate_row(row)?);
            Ok(())
        })?;
    }
    Ok(())
}

fn fate_row<'r>(row: &'r Row<'_>) -> rusqlite::Result<FateRow<'r>> {
    let text = |place| row.get_ref(place)?.as_str_or_null().map_err(rusqlite::Error::from);
    Ok(FateRow {
        seq: row.get(0)?,
        at: time(row, 1)?,
        event: word(row, 2)?,
        schedule: text(3)?,
        appointment: text(4)?,
        reminder: uuid_or_null(row, 5)?.map(ReminderId),
        reason: text(6)?,
        detail: text(7)?,
    })
}

/// The rows of one kind that were written at or after a time, of those that the log's index has.
pub(super) const SETTLED_LATER: &str = "SELECT l.seq FROM kind_row k CROSS JOIN audit l ON l.seq = k.seq \
    WHERE k.schedule = ?1 AND k.event = ?2 AND k.reason = ?3 AND l.at >= ?4";

/// The rows of those kinds, of every schedule, that the log's index doesn't have yet.
pub(super) static SETTLED_NOT_INDEXED: LazyLock<String> = LazyLock::new(|| {
    // words of closed sets need no quoting
    let kinds = SETTLING.map(|(event, reason)| format!("(event = '{event}' AND reason = '{reason}')"));
    format!(
        "SELECT seq FROM audit NOT INDEXED WHERE seq > (SELECT seq FROM log_indexed_until) AND at >= ?1 AND ({})",
        kinds.join(" OR ")
    )
});

/// The columns of one row that decide a fate.
const FATE: &str = "SELECT seq, at, event, schedule, appointment_id, reminder_id, reason, \
    CASE WHEN appointment_id IS NULL THEN detail END FROM audit WHERE seq = ?1";

/// The rows of a time that decide a fate. They lie beside each other: by number they are read in half the time that the index of
/// times takes, which leads to each row by itself.
pub(super) static FATES: LazyLock<String> = LazyLock::new(|| {
    // words of a closed set need no quoting
    let events: Vec<String> = DECIDING.iter().map(|event| format!("'{event}'")).collect();
    format!(
        "SELECT seq, at, event, schedule, appointment_id, reminder_id, reason, CASE WHEN appointment_id IS NULL THEN detail END \
         FROM audit NOT INDEXED WHERE seq > ?3 AND seq < ?4 AND at >= ?1 AND at < ?2 AND event IN ({})",
        events.join(", ")
    )
});

/// The pending reminders that are due before `until`, counted for each schedule and every five minutes.
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
