//! shell: removes what is older than its retention.

use rusqlite::{Connection, params};

use super::chain_table::hash_at;
use super::columns::micros;
use super::log_index;
use crate::ledger::store::Removed;
use crate::ledger::walk::prune_mark;
use crate::ledger::{LedgerResult, Prune};

/// Removes payloads with their phones, and the beginning of the audit log.
pub(super) fn prune(conn: &Connection, prune: &Prune) -> LedgerResult<Removed> {
    let payloads = prune_payloads(conn, prune)?;
    let (audit_rows, mark) = prune_audit(conn, prune)?;
    Ok(Removed { payloads, audit_rows, mark })
}

fn prune_payloads(conn: &Connection, prune: &Prune) -> LedgerResult<u64> {
    let sql = "DELETE FROM content WHERE reminder IN (SELECT c.reminder FROM content c JOIN reminder r \
        ON r.nr = c.reminder WHERE r.updated_at < ?1 AND r.state NOT IN ('pending', 'sending')) RETURNING reminder";
    let mut statement = conn.prepare_cached(sql)?;
    super::shadow::prune(conn, prune)?;
    super::posts::prune(conn, prune)?;
    // whoever is erased is found by the log: no label outlives it
    super::labels::prune(conn, prune.payloads_before.max(prune.audit_before))?;
    let before = [micros(prune.payloads_before)];
    conn.prepare_cached("DELETE FROM first_sight WHERE coalesce(starts_at, seen_at) < ?1")?.execute(before)?;
    conn.prepare_cached("DELETE FROM call WHERE last_at < ?1")?.execute(before)?;
    let settled = "DELETE FROM write_back WHERE created_at < ?1 AND state NOT IN ('pending', 'failed')";
    conn.prepare_cached(settled)?.execute(before)?;
    conn.prepare_cached("DELETE FROM canary WHERE sent_at < ?1")?.execute(before)?;
    let gone: Vec<i64> = statement.query_map(before, |row| row.get(0))?.collect::<Result<_, _>>()?;
    let mut blank = conn.prepare_cached("UPDATE reminder SET phone = NULL, person = '' WHERE nr = ?1")?;
    for nr in &gone {
        blank.execute([nr])?;
    }
    Ok(gone.len() as u64)
}

/// Removes the log's beginning up to the first row that is young enough, never its last row.
fn prune_audit(conn: &Connection, prune: &Prune) -> LedgerResult<(u64, Option<String>)> {
    let sql = "SELECT coalesce((SELECT min(seq) FROM audit WHERE at >= ?1), (SELECT max(seq) FROM audit)) - 1";
    let last: Option<u64> = conn.query_row(sql, [micros(prune.audit_before)], |row| row.get(0))?;
    let Some(last) = last.filter(|seq| *seq > 0) else { return Ok((0, None)) };
    let Some(hash) = hash_at(conn, last)? else { return Ok((0, None)) };
    conn.execute("INSERT INTO permit (what) VALUES ('prune')", [])?;
    let rows = conn.execute("DELETE FROM audit WHERE seq <= ?1", [last])?;
    conn.execute("DELETE FROM permit", [])?;
    log_index::prune(conn, last)?;
    conn.execute("UPDATE head SET pruned_seq = ?1, pruned_hash = ?2", params![last, hash])?;
    Ok((rows as u64, Some(prune_mark(last, &hash))))
}
