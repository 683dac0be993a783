//! shell: runs as they are read.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rusqlite::{Connection, Row, params};

use super::columns::{id_text, micros, time, time_or_null, uuid, word, word_or_null};
use crate::ledger::{LedgerResult, RunRow, RunsAsk, USUAL_RUNS};
use crate::plan::Counts;
use crate::reminder::RunId;

/// The columns of [`run_row`].
const RUN: &str = "SELECT id, schedule, nominal_at, kind, started_at, finished_at, state, row_count, outside_window, \
    planned, skipped, already_reminded, skipped_by_reason, detail, text_hash, zone_rules, read_at, crashes, \
    in_window, source_fingerprint, guards, failure FROM run";

fn run_row(row: &Row<'_>) -> rusqlite::Result<RunRow> {
    let (skipped, guards): (String, String) = (row.get(12)?, row.get(20)?);
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
        crashes: row.get(17)?,
        in_window: row.get(18)?,
        fingerprint: row.get(19)?,
        guards: serde_json::from_str(&guards).unwrap_or_default(),
        failure: word_or_null(row, 21)?,
    })
}

/// How many rows the windows of the last runs of those times held, the newest first.
pub(super) fn usual_rows(
    conn: &Connection,
    schedule: &str,
    times: &[(Timestamp, Timestamp)],
) -> LedgerResult<Vec<u64>> {
    let sql = "SELECT in_window FROM run WHERE schedule = ?1 AND nominal_at >= ?2 AND nominal_at < ?3 AND state = 'done' \
        AND in_window IS NOT NULL ORDER BY nominal_at DESC, nr DESC LIMIT 8";
    let mut statement = conn.prepare_cached(sql)?;
    let mut rows = Vec::with_capacity(USUAL_RUNS);
    for (from, until) in times {
        let found = statement.query_map(params![schedule, micros(*from), micros(*until)], |row| row.get(0))?;
        for count in found.take(USUAL_RUNS - rows.len()) {
            rows.push(count?);
        }
        if rows.len() == USUAL_RUNS {
            break;
        }
    }
    Ok(rows)
}

/// The runs of some days, triggers among them: each kind by an index of its own.
pub(super) fn days() -> String {
    format!(
        "{RUN} WHERE nr IN (SELECT nr FROM run WHERE schedule = ?1 AND nominal_at BETWEEN ?2 AND ?3 AND kind NOT IN ('trigger', 'inbound') \
         UNION ALL SELECT nr FROM run WHERE schedule = ?1 AND started_at BETWEEN ?2 AND ?3 AND kind IN ('trigger', 'inbound')) \
         ORDER BY nominal_at, nr"
    )
}

/// Those that are asked for, oldest first.
pub(super) fn select(conn: &Connection, ask: &RunsAsk) -> LedgerResult<Vec<RunRow>> {
    let rows: rusqlite::Result<Vec<RunRow>> = match ask {
        RunsAsk::Id(id) => {
            let mut statement = conn.prepare_cached(&format!("{RUN} WHERE id = ?1"))?;
            statement.query_map([id_text(id.0)], run_row)?.collect()
        }
        RunsAsk::Beginning(prefix) => {
            // every id is made of digits, small letters and hyphens, so `~` ends the range
            let mut statement = conn.prepare_cached(&format!("{RUN} WHERE id >= ?1 AND id < ?1 || '~' LIMIT 10"))?;
            statement.query_map([prefix], run_row)?.collect()
        }
        RunsAsk::Open => {
            let sql = format!("{RUN} WHERE state IN ('running', 'waiting') ORDER BY nr");
            conn.prepare_cached(&sql)?.query_map([], run_row)?.collect()
        }
        RunsAsk::Held => {
            let sql = format!("{RUN} WHERE state = 'held' ORDER BY nr");
            conn.prepare_cached(&sql)?.query_map([], run_row)?.collect()
        }
        RunsAsk::Latest(schedule) => {
            let sql = format!("{RUN} WHERE schedule = ?1 ORDER BY started_at DESC, nr DESC LIMIT 1");
            conn.prepare_cached(&sql)?.query_map([schedule], run_row)?.collect()
        }
        RunsAsk::LatestEvaluated(schedule) => {
            let sql = format!(
                "{RUN} WHERE schedule = ?1 AND state NOT IN ('running', 'missed', 'skipped') \
                 ORDER BY started_at DESC, nr DESC LIMIT 1"
            );
            conn.prepare_cached(&sql)?.query_map([schedule], run_row)?.collect()
        }
        RunsAsk::Nominal { schedule, first, last } => {
            let sql = format!(
                "{RUN} WHERE schedule = ?1 AND nominal_at BETWEEN ?2 AND ?3 AND kind NOT IN ('trigger', 'inbound') \
                 ORDER BY nominal_at"
            );
            let mut statement = conn.prepare_cached(&sql)?;
            statement.query_map(params![schedule, micros(*first), micros(*last)], run_row)?.collect()
        }
        RunsAsk::Days { schedule, first, last } => {
            let mut statement = conn.prepare_cached(&days())?;
            statement.query_map(params![schedule, micros(*first), micros(*last)], run_row)?.collect()
        }
    };
    Ok(rows?)
}
