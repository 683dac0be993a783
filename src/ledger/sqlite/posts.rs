//! shell: the table of requests that were posted.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::columns::{micros, time, word, word_or_null};
use super::store::SqliteStore;
use crate::ledger::chain::Hash;
use crate::ledger::{LedgerError, LedgerResult, MINUTES_OF_RATE, PostRow, PostsAsk, Prune};
use crate::personal::Personal;

/// The columns of [`post`].
const POST: &str = "SELECT schedule, appointment_id, received_at, posted_at, body, digest, standing, reason FROM inbox";

fn post(row: &Row<'_>) -> rusqlite::Result<PostRow> {
    Ok(PostRow {
        schedule: row.get(0)?,
        appointment_id: row.get(1)?,
        received_at: time(row, 2)?,
        posted_at: time(row, 3)?,
        body: row.get::<_, Option<String>>(4)?.map(Personal::from),
        digest: row.get(5)?,
        standing: word(row, 6)?,
        reason: word_or_null(row, 7)?,
    })
}

impl SqliteStore<'_> {
    pub(super) fn post_row(&self, schedule: &str, appointment_id: &str) -> LedgerResult<Option<PostRow>> {
        let sql = format!("{POST} WHERE schedule = ?1 AND appointment_id = ?2");
        Ok(self.conn.prepare_cached(&sql)?.query_row(params![schedule, appointment_id], post).optional()?)
    }

    pub(super) fn put_post(&self, row: &PostRow, phone: Option<&str>) -> LedgerResult<()> {
        let sql = "INSERT INTO inbox (schedule, appointment_id, received_at, posted_at, body, digest, phone_hash, standing, \
            reason) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT (schedule, appointment_id) DO UPDATE SET \
            received_at = excluded.received_at, posted_at = excluded.posted_at, body = excluded.body, \
            digest = excluded.digest, phone_hash = excluded.phone_hash, standing = excluded.standing, \
            reason = excluded.reason";
        let values = params![
            row.schedule,
            row.appointment_id,
            micros(row.received_at),
            micros(row.posted_at),
            row.body.as_deref(),
            row.digest,
            phone.map(|phone| self.phone_key.hash(phone)),
            row.standing.as_str(),
            row.reason.map(crate::reminder::SkipReason::as_str),
        ];
        self.conn.prepare_cached(sql)?.execute(values)?;
        Ok(())
    }

    pub(super) fn count_accepted_post(&self, schedule: &str, minute: i64) -> LedgerResult<()> {
        let old = "DELETE FROM accepted_request WHERE schedule = ?1 AND minute < ?2";
        self.conn.prepare_cached(old)?.execute(params![schedule, minute - MINUTES_OF_RATE])?;
        let sql = "INSERT INTO accepted_request (schedule, minute, count) VALUES (?1, ?2, 1) \
            ON CONFLICT (schedule, minute) DO UPDATE SET count = count + 1";
        self.conn.prepare_cached(sql)?.execute(params![schedule, minute])?;
        Ok(())
    }

    pub(super) fn accepted_since(&self, schedule: &str, since: i64) -> LedgerResult<(u64, Option<i64>)> {
        let sql =
            "SELECT coalesce(sum(count), 0), min(minute) FROM accepted_request WHERE schedule = ?1 AND minute >= ?2";
        let mut statement = self.conn.prepare_cached(sql)?;
        Ok(statement.query_row(params![schedule, since], |row| Ok((row.get(0)?, row.get(1)?)))?)
    }
}

/// The requests that are asked for, in the order of their receipts.
pub(super) fn select(conn: &Connection, ask: &PostsAsk) -> LedgerResult<Vec<PostRow>> {
    let (from, until) = (ask.from.map_or(i64::MIN, micros), ask.until.map_or(i64::MAX, micros));
    const ORDER: &str = "ORDER BY received_at, schedule, appointment_id";
    let found: rusqlite::Result<Vec<PostRow>> = match (&ask.schedule, &ask.appointment_id) {
        (Some(schedule), Some(id)) => {
            let sql = format!(
                "{POST} WHERE schedule = ?1 AND appointment_id = ?2 AND received_at >= ?3 AND received_at < ?4 {ORDER}"
            );
            conn.prepare_cached(&sql)?.query_map(params![schedule, id, from, until], post)?.collect()
        }
        (Some(schedule), None) => {
            let sql = format!("{POST} WHERE schedule = ?1 AND received_at >= ?2 AND received_at < ?3 {ORDER}");
            conn.prepare_cached(&sql)?.query_map(params![schedule, from, until], post)?.collect()
        }
        (None, id) => {
            let sql = format!(
                "{POST} WHERE (?1 IS NULL OR appointment_id = ?1) AND received_at >= ?2 AND received_at < ?3 {ORDER}"
            );
            conn.prepare_cached(&sql)?.query_map(params![id, from, until], post)?.collect()
        }
    };
    found.map_err(LedgerError::from)
}

/// Removes what was posted, unless its call is still to be made.
pub(super) fn prune(conn: &Connection, prune: &Prune) -> LedgerResult<()> {
    let sql = "UPDATE inbox SET body = NULL, phone_hash = NULL WHERE posted_at < ?1 AND body IS NOT NULL AND NOT EXISTS \
        (SELECT 1 FROM reminder r WHERE r.schedule = inbox.schedule AND r.appointment_id = inbox.appointment_id \
        AND r.state IN ('pending', 'sending'))";
    conn.prepare_cached(sql)?.execute([micros(prune.payloads_before)])?;
    Ok(())
}

/// Removes what somebody with this phone has posted.
pub(super) fn erase_of_phone(conn: &Connection, hash: &Hash) -> LedgerResult<()> {
    conn.execute("UPDATE inbox SET body = NULL, phone_hash = NULL WHERE phone_hash = ?1", [hash])?;
    Ok(())
}

/// Removes what was posted for the appointment of this reminder.
pub(super) fn erase_of_reminder(conn: &Connection, nr: i64) -> LedgerResult<()> {
    let sql = "UPDATE inbox SET body = NULL, phone_hash = NULL WHERE (schedule, appointment_id) = \
        (SELECT schedule, appointment_id FROM reminder WHERE nr = ?1)";
    conn.execute(sql, [nr])?;
    Ok(())
}
