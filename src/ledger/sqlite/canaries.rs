//! shell: the table of canaries.

use rusqlite::{Connection, Row, params};

use super::columns::{id_text, micros, time, uuid, word};
use super::store::SqliteStore;
use crate::ledger::chain::PhoneKey;
use crate::ledger::{CanariesAsk, CanaryPurpose, CanaryRow, LedgerResult};
use crate::reminder::{CanaryState, ReminderId};

const COLUMNS: &str = "id, schedule, account, is_test, sent_at, until, state, remote_id";

fn canary(row: &Row<'_>) -> rusqlite::Result<CanaryRow> {
    Ok(CanaryRow {
        id: ReminderId(uuid(row, 0)?),
        schedule: row.get(1)?,
        account: row.get(2)?,
        purpose: if row.get(3)? { CanaryPurpose::TestCall } else { CanaryPurpose::Schedule },
        sent_at: time(row, 4)?,
        until: time(row, 5)?,
        state: word(row, 6)?,
        remote_id: row.get(7)?,
    })
}

/// The canaries that are asked for. `phones` hashes numbers: without it no canary is found by its number.
pub(super) fn select(
    conn: &Connection,
    phones: Option<&PhoneKey>,
    which: &CanariesAsk,
) -> LedgerResult<Vec<CanaryRow>> {
    let rows: rusqlite::Result<Vec<CanaryRow>> = match which {
        CanariesAsk::Of(id) => {
            let sql = format!("SELECT {COLUMNS} FROM canary WHERE id = ?1");
            conn.prepare_cached(&sql)?.query_map([id_text(id.0)], canary)?.collect()
        }
        CanariesAsk::Waiting => {
            let sql = format!("SELECT {COLUMNS} FROM canary WHERE state = '{}' ORDER BY id", CanaryState::Waiting);
            conn.prepare_cached(&sql)?.query_map([], canary)?.collect()
        }
        CanariesAsk::Latest => {
            let sql = format!(
                "SELECT {COLUMNS} FROM canary c WHERE NOT is_test AND NOT EXISTS (SELECT 1 FROM canary l WHERE \
                 l.schedule = c.schedule AND NOT l.is_test AND (l.sent_at, l.id) > (c.sent_at, c.id)) ORDER BY schedule"
            );
            conn.prepare_cached(&sql)?.query_map([], canary)?.collect()
        }
        CanariesAsk::WithRemoteId(account, remote_id) => {
            let sql = format!("SELECT {COLUMNS} FROM canary WHERE account = ?1 AND remote_id = ?2 ORDER BY id");
            conn.prepare_cached(&sql)?.query_map([account, remote_id], canary)?.collect()
        }
        CanariesAsk::CalledBetween(account, phone, (from, until)) => {
            let Some(phones) = phones else { return Ok(Vec::new()) };
            let sql = format!(
                "SELECT {COLUMNS} FROM canary WHERE account = ?1 AND phone_hash = ?2 AND sent_at >= ?3 AND sent_at < ?4 \
                 ORDER BY id"
            );
            let values = params![account, phones.hash(phone), micros(*from), micros(*until)];
            conn.prepare_cached(&sql)?.query_map(values, canary)?.collect()
        }
    };
    Ok(rows?)
}

impl SqliteStore<'_> {
    /// Writes a canary; `phone` is the number of a new one.
    pub(super) fn put_canary(&self, row: &CanaryRow, phone: Option<&str>) -> LedgerResult<()> {
        let sql = "INSERT INTO canary (id, schedule, account, is_test, sent_at, until, state, remote_id, phone_hash) \
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT (id) DO UPDATE SET state = excluded.state, \
            remote_id = excluded.remote_id";
        let values = params![
            id_text(row.id.0),
            row.schedule,
            row.account,
            row.purpose == CanaryPurpose::TestCall,
            micros(row.sent_at),
            micros(row.until),
            row.state.as_str(),
            row.remote_id,
            phone.map(|phone| self.phone_key.hash(phone)),
        ];
        self.conn.prepare_cached(sql)?.execute(values)?;
        Ok(())
    }
}
