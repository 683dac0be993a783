//! shell: the table of calls that records report.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::columns::{id_text, micros, time, time_or_null, uuid, uuid_or_null, word_or_null};
use super::lookups::Bounds;
use super::store::SqliteStore;
use crate::ledger::outcomes::{CallRow, Digest};
use crate::ledger::{CallsOf, LedgerResult, ReportedCall};
use crate::outcome::signs::AcceptedCall;
use crate::reminder::ReminderId;

fn call(row: &Row<'_>) -> rusqlite::Result<CallRow> {
    let digests: Vec<u8> = row.get(8)?;
    Ok(CallRow {
        account: row.get(0)?,
        call_id: row.get(1)?,
        reminder: uuid_or_null(row, 2)?.map(ReminderId),
        outcome: word_or_null(row, 3)?,
        unmapped: row.get(4)?,
        ended_at: time_or_null(row, 5)?,
        first_at: time(row, 6)?,
        last_at: time(row, 7)?,
        digests: digests.chunks_exact(32).filter_map(|digest| Digest::try_from(digest).ok()).collect(),
    })
}

impl SqliteStore<'_> {
    pub(super) fn call_row(&self, account: &str, call_id: &str) -> LedgerResult<Option<CallRow>> {
        let sql = "SELECT account, call_id, reminder, outcome, unmapped, ended_at, first_at, last_at, digests FROM call \
            WHERE account = ?1 AND call_id = ?2";
        Ok(self.statements.row(sql, params![account, call_id], call).optional()?)
    }

    pub(super) fn put_call(&self, row: &CallRow) -> LedgerResult<()> {
        let sql = "INSERT INTO call (account, call_id, reminder, outcome, unmapped, ended_at, first_at, last_at, digests) \
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT (account, call_id) DO UPDATE SET \
            reminder = excluded.reminder, outcome = excluded.outcome, unmapped = excluded.unmapped, \
            ended_at = excluded.ended_at, last_at = excluded.last_at, digests = excluded.digests";
        let values = params![
            row.account,
            row.call_id,
            row.reminder.map(|id| id_text(id.0)),
            row.outcome.map(crate::reminder::CallOutcome::as_str),
            row.unmapped,
            row.ended_at.map(micros),
            micros(row.first_at),
            micros(row.last_at),
            row.digests.concat(),
        ];
        self.statements.run(sql, values)?;
        Ok(())
    }
}

/// The accepted calls of a time, found by the intents that the log has of it. The log's rows lie in the order of their times; an
/// index of attempts by time would be written with each call. An accepted reminder's last attempt is its call.
pub(super) const ACCEPTED: &str = "SELECT r.schedule, l.at, r.heard_at IS NOT NULL, r.outcome, r.id \
    FROM audit l NOT INDEXED CROSS JOIN reminder r ON r.id = l.reminder_id \
    WHERE l.seq > ?2 AND l.at >= ?1 AND l.event = 'delivery.intent' AND l.attempt = r.attempt AND r.state = 'delivered' \
    ORDER BY l.at, r.nr";
/// The same where that part of the log was removed: every attempt is looked at.
const ACCEPTED_AND_PRUNED: &str = "SELECT r.schedule, t.intent_at, r.heard_at IS NOT NULL, r.outcome, r.id \
    FROM attempt t CROSS JOIN reminder r ON r.nr = t.reminder \
    WHERE t.intent_at >= ?1 AND ?2 IS NOT NULL AND t.number = r.attempt AND r.state = 'delivered' ORDER BY t.intent_at, r.nr";

/// The accepted calls of intents at or after an instant, in their order.
pub(super) fn accepted(conn: &Connection, since: Timestamp) -> LedgerResult<Vec<AcceptedCall>> {
    let bounds = Bounds::of_time(conn, since, None)?;
    let sql = if bounds.are_whole(conn)? { ACCEPTED } else { ACCEPTED_AND_PRUNED };
    let mut statement = conn.prepare_cached(sql)?;
    let rows = statement.query_map([micros(since), bounds.after], |row| {
        let (schedule, is_heard) = (row.get(0)?, row.get(2)?);
        let (id, outcome) = (ReminderId(uuid(row, 4)?), word_or_null(row, 3)?);
        Ok(AcceptedCall { id, schedule, at: time(row, 1)?, is_heard, outcome })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The number of unreported calls about appointments that start after an instant.
pub(super) fn unreported(conn: &Connection, after: Timestamp) -> LedgerResult<u64> {
    let sql =
        "SELECT count(*) FROM reminder INDEXED BY reminder_unreported WHERE outcome = 'unreported' AND starts_at > ?1";
    Ok(conn.prepare_cached(sql)?.query_row([micros(after)], |row| row.get(0))?)
}

/// The calls of these reminders, in the order of their ids.
pub(super) fn reported(conn: &Connection, ask: &CallsOf) -> LedgerResult<Vec<ReportedCall>> {
    let ids: Vec<String> = ask.reminders.iter().map(ToString::to_string).collect();
    let ids = serde_json::Value::from(ids).to_string();
    let sql = "SELECT reminder, call_id, outcome, unmapped, ended_at, first_at, last_at FROM call \
        WHERE reminder IN (SELECT value FROM json_each(?1)) ORDER BY reminder, call_id";
    let mut statement = conn.prepare_cached(sql)?;
    let rows = statement.query_map([ids], |row| {
        Ok(ReportedCall {
            reminder_id: ReminderId(uuid(row, 0)?),
            call_id: row.get(1)?,
            outcome: word_or_null(row, 2)?,
            unmapped: row.get(3)?,
            ended_at: time_or_null(row, 4)?,
            first_at: time(row, 5)?,
            last_at: time(row, 6)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
