//! shell: the leads of which a schedule's evaluations write down whom they find.

use rusqlite::{Connection, params};

use super::columns::{micros, time, time_or_null, word};
use crate::ledger::LedgerResult;
use crate::plan::WatchedLead;

/// Replaces those of a schedule.
pub(super) fn put(conn: &Connection, schedule: &str, watched: &[WatchedLead]) -> LedgerResult<()> {
    conn.prepare_cached("DELETE FROM watched_lead WHERE schedule = ?1")?.execute([schedule])?;
    let sql = "INSERT INTO watched_lead (schedule, lead, since, due_from, rules) VALUES (?1, ?2, ?3, ?4, ?5)";
    for WatchedLead { lead, since, due_from, rules } in watched {
        let values = params![schedule, lead.to_string(), micros(*since), due_from.map(micros), rules];
        conn.prepare_cached(sql)?.execute(values)?;
    }
    Ok(())
}

/// The watched leads of a schedule, the nearest to the start first.
pub(super) fn of(conn: &Connection, schedule: &str) -> LedgerResult<Vec<WatchedLead>> {
    let mut statement =
        conn.prepare_cached("SELECT lead, since, due_from, rules FROM watched_lead WHERE schedule = ?1")?;
    let rows = statement.query_map([schedule], |row| {
        let (lead, since, due_from) = (word(row, 0)?, time(row, 1)?, time_or_null(row, 2)?);
        Ok(WatchedLead { lead, since, due_from, rules: row.get(3)? })
    })?;
    let mut found = rows.collect::<Result<Vec<_>, _>>()?;
    found.sort_unstable_by_key(|watched| watched.lead);
    Ok(found)
}
