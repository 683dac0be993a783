//! shell: a loss that was found and isn't accepted yet, and the gaps that losses and restores left.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::columns::{micros, time};
use crate::ledger::witness::NotedLoss;
use crate::ledger::{LedgerError, LedgerResult};
use crate::plan::Gap;

fn gap(row: &Row<'_>) -> rusqlite::Result<Gap> {
    Ok(Gap { from: time(row, 0)?, until: time(row, 1)? })
}

/// The loss that was noted.
pub(super) fn noted(conn: &Connection) -> LedgerResult<Option<NotedLoss>> {
    let sql = "SELECT since, until, last_nr FROM loss";
    let noted = conn.query_row(sql, [], |row| Ok(NotedLoss { gap: gap(row)?, last_nr: row.get(2)? }));
    Ok(noted.optional()?)
}

/// Notes one, or that there is none any more.
pub(super) fn note(conn: &Connection, loss: Option<&NotedLoss>) -> LedgerResult<()> {
    conn.execute("DELETE FROM loss", [])?;
    if let Some(NotedLoss { gap, last_nr }) = loss {
        let sql = "INSERT INTO loss (since, until, last_nr) VALUES (?1, ?2, ?3)";
        conn.execute(sql, params![micros(gap.from), micros(gap.until), last_nr])?;
    }
    Ok(())
}

/// The times of which this ledger has forgotten the calls.
pub(super) fn gaps(conn: &Connection) -> LedgerResult<Vec<Gap>> {
    let sql = "SELECT from_at, until_at FROM gap UNION ALL SELECT since, until FROM loss";
    let mut statement = conn.prepare_cached(sql)?;
    Ok(statement.query_map([], gap)?.collect::<Result<_, _>>()?)
}

/// Refuses a database whose pages contradict each other.
pub(super) fn check_pages(conn: &Connection) -> LedgerResult<()> {
    let fault: String = conn.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    match fault == "ok" {
        true => Ok(()),
        false => Err(LedgerError::Refused(format!(
            "the ledger is damaged ({fault}): only `tickler restore FILE` puts it right"
        ))),
    }
}
