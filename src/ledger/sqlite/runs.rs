//! shell: runs: begun once for each nominal time, waiting, passed over, over.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::stored::{id_text, micros, time, time_or_null, uuid, word};
use super::writer::Desk;
use crate::audit::{Entry, Event};
use crate::ledger::{FoldedTimes, LedgerError, LedgerResult, PassedOver, RunRow, RunStart};
use crate::plan::Counts;
use crate::reminder::{RunId, RunKind, RunState, uuid_v7};

/// The columns of [`run_row`].
const RUN: &str = "SELECT id, schedule, nominal_at, kind, started_at, finished_at, state, row_count, outside_window, \
    planned, skipped, already_reminded, skipped_by_reason, detail, text_hash, zone_rules, read_at FROM run";

fn run_row(row: &Row<'_>) -> rusqlite::Result<RunRow> {
    let skipped: String = row.get(12)?;
    Ok(RunRow {
        id: RunId(uuid(row, 0)?),
        schedule: row.get(1)?,
        nominal_at: time(row, 2)?,
        kind: word(row, 3)?,
        started_at: time(row, 4)?,
        finished_at: time_or_null(row, 5)?,
        state: word(row, 6)?,
        counts: Counts {
            rows: row.get(7)?,
            outside_window: row.get(8)?,
            planned: row.get(9)?,
            skipped: row.get(10)?,
            already_reminded: row.get(11)?,
        },
        skipped: serde_json::from_str::<BTreeMap<String, u64>>(&skipped).unwrap_or_default(),
        detail: row.get(13)?,
        text_hash: row.get(14)?,
        zone_rules: row.get(15)?,
        read_at: time_or_null(row, 16)?,
    })
}

/// Runs found `running` or `waiting`, oldest first.
pub(super) fn open(conn: &Connection) -> LedgerResult<Vec<RunRow>> {
    let mut statement = conn.prepare_cached(&format!("{RUN} WHERE state IN ('running', 'waiting') ORDER BY nr"))?;
    Ok(statement.query_map([], run_row)?.collect::<Result<_, _>>()?)
}

/// A run by its id.
pub(super) fn by_id(conn: &Connection, run: RunId) -> LedgerResult<Option<RunRow>> {
    let mut statement = conn.prepare_cached(&format!("{RUN} WHERE id = ?1"))?;
    Ok(statement.query_row([id_text(run.0)], run_row).optional()?)
}

/// A schedule's latest run of any kind.
pub(super) fn last(conn: &Connection, schedule: &str) -> LedgerResult<Option<RunRow>> {
    let sql = format!("{RUN} WHERE schedule = ?1 ORDER BY started_at DESC, nr DESC LIMIT 1");
    Ok(conn.prepare_cached(&sql)?.query_row([schedule], run_row).optional()?)
}

/// What the ledger says of a nominal time.
struct Earlier {
    id: RunId,
    state: RunState,
    word: Option<String>,
}

impl Earlier {
    /// Whether this nominal time may be evaluated after all. `is_ahead`: the cursor went back before it.
    fn may_begin(&self, kind: RunKind, is_ahead: bool) -> bool {
        match self.state {
            RunState::Running | RunState::Waiting => true,
            RunState::Missed => is_ahead,
            RunState::Skipped => is_ahead || (kind == RunKind::CatchUp && self.word.as_deref() == Some("paused")),
            RunState::Done | RunState::Failed | RunState::Held => false,
        }
    }
}

impl Desk<'_> {
    pub(super) fn begin_run(&self, start: &RunStart) -> LedgerResult<Option<RunId>> {
        self.keep_text(&start.text_hash, &start.text, start.started_at)?;
        match start.kind {
            RunKind::Trigger => {
                self.insert_run(start)?;
                Ok(Some(start.id))
            }
            RunKind::Scheduled | RunKind::CatchUp => self.begin_nominal(start),
        }
    }

    fn begin_nominal(&self, start: &RunStart) -> LedgerResult<Option<RunId>> {
        let earlier = self.earlier(&start.schedule, start.nominal_at)?;
        let is_ahead = self.cursor(&start.schedule)?.is_some_and(|cursor| start.nominal_at > cursor);
        let sql = "UPDATE schedule SET cursor = max(cursor, ?2) WHERE name = ?1";
        self.conn.prepare_cached(sql)?.execute(params![start.schedule, micros(start.nominal_at)])?;
        let Some(earlier) = earlier else {
            self.insert_run(start)?;
            return Ok(Some(start.id));
        };
        if !earlier.may_begin(start.kind, is_ahead) {
            return Ok(None);
        }
        self.take_up(&earlier, start)?;
        Ok(Some(earlier.id))
    }

    fn earlier(&self, schedule: &str, nominal_at: Timestamp) -> LedgerResult<Option<Earlier>> {
        let sql = "SELECT id, state, detail FROM run WHERE schedule = ?1 AND nominal_at = ?2 AND kind <> 'trigger'";
        let mut statement = self.conn.prepare_cached(sql)?;
        let found = statement.query_row(params![schedule, micros(nominal_at)], |row| {
            Ok(Earlier { id: RunId(uuid(row, 0)?), state: word(row, 1)?, word: row.get(2)? })
        });
        Ok(found.optional()?)
    }

    fn cursor(&self, schedule: &str) -> LedgerResult<Option<Timestamp>> {
        let mut statement = self.conn.prepare_cached("SELECT cursor FROM schedule WHERE name = ?1")?;
        Ok(statement.query_row([schedule], |row| time(row, 0)).optional()?)
    }

    fn insert_run(&self, start: &RunStart) -> LedgerResult<()> {
        let sql = "INSERT INTO run (id, schedule, nominal_at, kind, started_at, state, text_hash, zone_rules) \
            VALUES (?1, ?2, ?3, ?4, ?5, 'running', ?6, ?7)";
        self.conn.prepare_cached(sql)?.execute(params![
            id_text(start.id.0),
            start.schedule,
            micros(start.nominal_at),
            start.kind.as_str(),
            micros(start.started_at),
            start.text_hash,
            start.zone_rules
        ])?;
        self.log(&started(start, start.id))
    }

    /// A nominal time that was begun, waits or was passed over is evaluated under its id. Only what was waiting isn't told
    /// again.
    fn take_up(&self, earlier: &Earlier, start: &RunStart) -> LedgerResult<()> {
        let sql = "UPDATE run SET state = 'running', kind = ?2, started_at = ?3, finished_at = NULL, detail = NULL, \
            text_hash = ?4, zone_rules = ?5 WHERE id = ?1";
        self.conn.prepare_cached(sql)?.execute(params![
            id_text(earlier.id.0),
            start.kind.as_str(),
            micros(start.started_at),
            start.text_hash,
            start.zone_rules
        ])?;
        match earlier.state {
            RunState::Waiting => Ok(()),
            RunState::Running
            | RunState::Done
            | RunState::Failed
            | RunState::Held
            | RunState::Skipped
            | RunState::Missed => self.log(&started(start, earlier.id)),
        }
    }

    pub(super) fn postpone_run(&self, run: RunId, at: Timestamp, detail: &str) -> LedgerResult<()> {
        let sql = "UPDATE run SET state = 'waiting', detail = ?2, started_at = max(started_at, ?3) \
            WHERE id = ?1 AND state IN ('running', 'waiting')";
        let changed = self.conn.prepare_cached(sql)?.execute(params![id_text(run.0), detail, micros(at)])?;
        if changed == 0 {
            return Err(LedgerError::Refused(format!("run {run} is not under way")));
        }
        Ok(())
    }

    pub(super) fn pass_over(&self, passed: &PassedOver) -> LedgerResult<()> {
        for folded in &passed.folded {
            self.pass_folded(passed, folded)?;
        }
        for (nominal_at, state, word) in &passed.times {
            let sentence = format!("nominal time {nominal_at}");
            self.pass_one(passed, (*nominal_at, *state, word), sentence)?;
        }
        let sql = "UPDATE schedule SET cursor = ?2 WHERE name = ?1";
        self.conn.prepare_cached(sql)?.execute(params![passed.schedule, micros(passed.cursor)])?;
        Ok(())
    }

    /// One row, at the last of these times, for all of them that have none yet.
    fn pass_folded(&self, passed: &PassedOver, folded: &FoldedTimes) -> LedgerResult<()> {
        let sql = "SELECT COUNT(*) FROM run WHERE schedule = ?1 AND nominal_at BETWEEN ?2 AND ?3 AND kind <> 'trigger'";
        let range = params![passed.schedule, micros(folded.first), micros(folded.last)];
        let known: u64 = self.conn.prepare_cached(sql)?.query_row(range, |row| row.get(0))?;
        let count = folded.count.saturating_sub(known);
        let sentence = format!("{count} nominal times from {} to {}", folded.first, folded.last);
        self.pass_one(passed, (folded.last, folded.state, folded.why), sentence)
    }

    fn pass_one(
        &self,
        passed: &PassedOver,
        (nominal_at, state, word): (Timestamp, RunState, &str),
        sentence: String,
    ) -> LedgerResult<()> {
        let event = match state {
            RunState::Missed => Event::RunMissed,
            RunState::Skipped => Event::RunSkipped,
            RunState::Running | RunState::Waiting | RunState::Done | RunState::Failed | RunState::Held => {
                return Err(LedgerError::Refused(format!("a run is not passed over as `{state}`")));
            }
        };
        let mut random = [0; 10];
        getrandom::fill(&mut random).map_err(|_| LedgerError::Storage("the system gives no random bytes".into()))?;
        let id = RunId(uuid_v7(passed.now, random));
        let sql = "INSERT INTO run (id, schedule, nominal_at, kind, started_at, finished_at, state, detail, text_hash, \
            zone_rules) VALUES (?1, ?2, ?3, 'scheduled', ?4, ?4, ?5, ?6, \
            coalesce((SELECT text_hash FROM schedule WHERE name = ?2), ''), '') \
            ON CONFLICT (schedule, nominal_at) WHERE kind <> 'trigger' DO NOTHING";
        let (nominal, now) = (micros(nominal_at), micros(passed.now));
        let values = params![id_text(id.0), passed.schedule, nominal, now, state.as_str(), word];
        if self.conn.prepare_cached(sql)?.execute(values)? == 0 {
            return Ok(());
        }
        self.log(&Entry {
            schedule: Some(passed.schedule.as_str().into()),
            run_id: Some(id),
            reason: Some(word.into()),
            actor: Some("service".into()),
            detail: Some(sentence.into()),
            ..Entry::new(passed.now, event)
        })
    }
}

fn started(start: &RunStart, id: RunId) -> Entry<'_> {
    Entry {
        schedule: Some(start.schedule.as_str().into()),
        run_id: Some(id),
        reason: Some(start.kind.as_str().into()),
        actor: Some(start.actor.as_str().into()),
        detail: Some(format!("nominal time {}", start.nominal_at).into()),
        ..Entry::new(start.started_at, Event::RunStarted)
    }
}
