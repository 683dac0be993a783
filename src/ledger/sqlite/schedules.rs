//! shell: schedules as loaded: their versions, cursors and standing.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::stored::{micros, time, time_or_null};
use super::writer::Desk;
use crate::audit::{Entry, Event};
use crate::ledger::{LedgerError, LedgerResult, LoadedSchedule, ScheduleStanding};

/// The columns of [`standing`].
const STANDING: &str = "SELECT s.name, s.cursor, \
    (SELECT max(r.started_at) FROM run r WHERE r.schedule = s.name AND r.state = 'done'), \
    s.text_hash FROM schedule s";

fn standing(row: &Row<'_>) -> rusqlite::Result<ScheduleStanding> {
    Ok(ScheduleStanding {
        name: row.get(0)?,
        cursor: time(row, 1)?,
        previous_evaluation: time_or_null(row, 2)?,
        text_hash: row.get(3)?,
    })
}

/// Every schedule that is loaded, by name.
pub(super) fn all(conn: &Connection) -> LedgerResult<Vec<ScheduleStanding>> {
    let mut statement = conn.prepare_cached(&format!("{STANDING} WHERE s.removed = 0 ORDER BY s.name"))?;
    Ok(statement.query_map([], standing)?.collect::<Result<_, _>>()?)
}

/// One of them.
pub(super) fn one(conn: &Connection, name: &str) -> LedgerResult<Option<ScheduleStanding>> {
    let mut statement = conn.prepare_cached(&format!("{STANDING} WHERE s.removed = 0 AND s.name = ?1"))?;
    Ok(statement.query_row([name], standing).optional()?)
}

/// The text of a version.
pub(super) fn text(conn: &Connection, hash: &str) -> LedgerResult<Option<String>> {
    let mut statement = conn.prepare_cached("SELECT text FROM schedule_text WHERE hash = ?1")?;
    Ok(statement.query_row([hash], |row| row.get(0)).optional()?)
}

/// The last evaluation of a schedule, run or trigger.
pub(super) fn previous_evaluation(conn: &Connection, schedule: &str) -> LedgerResult<Option<Timestamp>> {
    let sql = "SELECT max(started_at) FROM run WHERE schedule = ?1 AND state = 'done'";
    Ok(conn.prepare_cached(sql)?.query_row([schedule], |row| time_or_null(row, 0))?)
}

/// A new version is told; one that was in force before a restart isn't.
fn taken(loaded: &LoadedSchedule) -> Entry<'_> {
    let version: String = loaded.text_hash.chars().take(12).collect();
    Entry {
        schedule: Some(loaded.name.as_str().into()),
        actor: Some(loaded.actor.as_str().into()),
        detail: Some(format!("version {version}").into()),
        ..Entry::new(loaded.now, Event::ConfigLoaded)
    }
}

impl Desk<'_> {
    pub(super) fn load_schedule(&self, loaded: &LoadedSchedule) -> LedgerResult<ScheduleStanding> {
        self.keep_text(&loaded.text_hash, &loaded.text, loaded.now)?;
        if one(self.conn, &loaded.name)?.is_none_or(|known| known.text_hash != loaded.text_hash) {
            self.log(&taken(loaded))?;
        }
        let now = micros(loaded.now);
        // one whose cron, zone or `enabled` changed starts anew, and so does one that was gone
        let sql = "INSERT INTO schedule (name, cron, timezone, enabled, text_hash, first_loaded, cursor) \
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6) \
            ON CONFLICT (name) DO UPDATE SET cursor = CASE WHEN removed = 0 AND cron = excluded.cron \
                AND timezone = excluded.timezone AND enabled = excluded.enabled THEN cursor ELSE excluded.cursor END, \
            cron = excluded.cron, timezone = excluded.timezone, enabled = excluded.enabled, \
            text_hash = excluded.text_hash, removed = 0";
        let values = params![loaded.name, loaded.cron, loaded.timezone, loaded.enabled, loaded.text_hash, now];
        self.conn.prepare_cached(sql)?.execute(values)?;
        let mut statement = self.conn.prepare_cached(&format!("{STANDING} WHERE s.name = ?1"))?;
        Ok(statement.query_row([&loaded.name], standing)?)
    }

    /// Keeps a version's text under its hash.
    pub(super) fn keep_text(&self, hash: &str, text: &str, now: Timestamp) -> LedgerResult<()> {
        let sql =
            "INSERT INTO schedule_text (hash, text, first_seen) VALUES (?1, ?2, ?3) ON CONFLICT (hash) DO NOTHING";
        self.conn.prepare_cached(sql)?.execute(params![hash, text, micros(now)])?;
        Ok(())
    }

    pub(super) fn remove_schedule(&self, name: &str, now: Timestamp, actor: &str) -> LedgerResult<u64> {
        // again for one that is removed already: a run that was going at its removal may have planned since
        if self.conn.execute("UPDATE schedule SET removed = 1 WHERE name = ?1", [name])? == 0 {
            return Err(LedgerError::Refused(format!("no schedule `{name}` is known")));
        }
        self.end_waiting_runs(name, now, actor)?;
        let mut cancelled = 0;
        for pending in self.pending_of(name)? {
            let entry = Entry {
                reason: Some("schedule_removed".into()),
                actor: Some(actor.into()),
                ..pending.entry(now, Event::ReminderCancelled)
            };
            self.cancel(pending.nr, now)?;
            self.log(&entry)?;
            cancelled += 1;
        }
        Ok(cancelled)
    }

    fn end_waiting_runs(&self, name: &str, now: Timestamp, actor: &str) -> LedgerResult<()> {
        let sql = "UPDATE run SET state = 'failed', finished_at = ?2, detail = 'the schedule was removed' \
            WHERE schedule = ?1 AND state = 'waiting' RETURNING id";
        let mut statement = self.conn.prepare_cached(sql)?;
        let ended = statement
            .query_map(params![name, micros(now)], |row| super::stored::uuid(row, 0))?
            .collect::<Result<Vec<_>, _>>()?;
        ended.into_iter().try_for_each(|run| {
            self.log(&Entry {
                schedule: Some(name.into()),
                run_id: Some(crate::reminder::RunId(run)),
                reason: Some("failed".into()),
                detail: Some("the schedule was removed".into()),
                actor: Some(actor.into()),
                ..Entry::new(now, Event::RunFinished)
            })
        })
    }
}
