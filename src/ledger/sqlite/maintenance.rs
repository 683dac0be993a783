//! shell: what time does to rows: they expire, and what is older than its retention goes.

use std::collections::BTreeSet;

use jiff::Timestamp;
use rusqlite::params;

use super::chained::{hash_at, prune_mark};
use super::records::{CARD, Card, card};
use super::stored::micros;
use super::writer::Desk;
use crate::audit::{Entry, Event};
use crate::ledger::{LedgerResult, Prune, Pruned};
use crate::reminder::State;

impl Desk<'_> {
    /// Pending ones of every schedule, loaded or not, that are past their expiry.
    pub(super) fn expire_all(&self, now: Timestamp) -> LedgerResult<u64> {
        self.end_pauses(now, "service")?;
        let names = self.schedules_with_pending()?;
        names.iter().try_fold(0, |expired, name| Ok(expired + self.expire(name, now, "service")?))
    }

    /// Names of schedules that have something pending.
    pub(super) fn schedules_with_pending(&self) -> LedgerResult<BTreeSet<String>> {
        // from name to name along the index of pending ones: their number doesn't matter
        let sql = "WITH RECURSIVE names (name) AS (SELECT min(schedule) FROM reminder WHERE state = 'pending' \
            UNION ALL SELECT (SELECT min(schedule) FROM reminder WHERE state = 'pending' AND schedule > name) FROM names \
            WHERE name NOT NULL) SELECT name FROM names WHERE name NOT NULL";
        let mut statement = self.conn.prepare_cached(sql)?;
        Ok(statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?)
    }

    /// Those of one schedule.
    pub(super) fn expire(&self, schedule: &str, now: Timestamp, actor: &str) -> LedgerResult<u64> {
        let sql = format!(
            "SELECT {CARD} FROM reminder r INDEXED BY pending_expiry WHERE r.schedule = ?1 AND r.state = 'pending' \
            AND r.expires_at <= ?2 ORDER BY r.nr"
        );
        let mut statement = self.conn.prepare_cached(&sql)?;
        let over: Vec<Card> = statement.query_map(params![schedule, micros(now)], card)?.collect::<Result<_, _>>()?;
        for reminder in &over {
            self.set_state(reminder.nr, State::Expired, now)?;
            self.log(&Entry {
                actor: Some(actor.into()),
                detail: Some(format!("not sent by {}", reminder.expires_at).into()),
                ..reminder.entry(now, Event::ReminderExpired)
            })?;
        }
        Ok(over.len() as u64)
    }

    pub(super) fn prune(&self, prune: Prune) -> LedgerResult<Pruned> {
        let payloads = self.prune_payloads(prune)?;
        let (audit_rows, mark) = self.prune_audit(prune.audit_before)?;
        if payloads == 0 && audit_rows == 0 {
            return Ok(Pruned::default());
        }
        let rest = format!("{payloads} payloads with their phones removed");
        let detail = match &mark {
            Some(mark) => format!("{mark}; {rest}"),
            None => rest,
        };
        self.log(&Entry {
            reason: Some(if mark.is_some() { "audit" } else { "payloads" }.into()),
            actor: Some("service".into()),
            detail: Some(detail.into()),
            ..Entry::new(prune.now, Event::OperatorPruned)
        })?;
        Ok(Pruned { payloads, audit_rows })
    }

    fn prune_payloads(&self, prune: Prune) -> LedgerResult<u64> {
        let sql = "DELETE FROM content WHERE reminder IN (SELECT c.reminder FROM content c JOIN reminder r \
            ON r.nr = c.reminder WHERE r.updated_at < ?1 AND r.state NOT IN ('pending', 'sending')) RETURNING reminder";
        let mut statement = self.conn.prepare_cached(sql)?;
        let before = [micros(prune.payloads_before)];
        let gone: Vec<i64> = statement.query_map(before, |row| row.get(0))?.collect::<Result<_, _>>()?;
        let mut blank = self.conn.prepare_cached("UPDATE reminder SET phone = NULL, person = '' WHERE nr = ?1")?;
        for nr in &gone {
            blank.execute([nr])?;
        }
        Ok(gone.len() as u64)
    }

    /// Removes the log's beginning up to the first row that is young enough, never its last row.
    fn prune_audit(&self, before: Timestamp) -> LedgerResult<(u64, Option<String>)> {
        let sql = "SELECT coalesce((SELECT min(seq) FROM audit WHERE at >= ?1), (SELECT max(seq) FROM audit)) - 1";
        let last: Option<u64> = self.conn.query_row(sql, [micros(before)], |row| row.get(0))?;
        let Some(last) = last.filter(|seq| *seq > 0) else { return Ok((0, None)) };
        let Some(hash) = hash_at(self.conn, last)? else { return Ok((0, None)) };
        self.conn.execute("INSERT INTO permit (what) VALUES ('prune')", [])?;
        let rows = self.conn.execute("DELETE FROM audit WHERE seq <= ?1", [last])?;
        self.conn.execute("DELETE FROM permit", [])?;
        self.conn.execute("UPDATE head SET pruned_seq = ?1, pruned_hash = ?2", params![last, hash])?;
        Ok((rows as u64, Some(prune_mark(last, &hash))))
    }
}
