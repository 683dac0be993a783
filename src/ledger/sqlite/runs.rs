//! shell: reads runs.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::columns::{id_text, micros, time, time_or_null, uuid, word, word_or_null};
use crate::ledger::{LedgerResult, RunRow, RunsAsk};
use crate::plan::Counts;
use crate::plan::{ComparableRuns, Counted, MAX_CHANGE, RowRange, USUAL_RUNS, UsualRows};
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

/// How many rows the windows of comparable earlier runs held.
pub(super) fn usual_rows(conn: &Connection, schedule: &str, comparable: &ComparableRuns) -> LedgerResult<UsualRows> {
    let mut earlier = Vec::with_capacity(USUAL_RUNS);
    for times in &comparable.times {
        match comparable.counted {
            Counted::Runs => earlier.extend(last_rows(conn, schedule, *times, USUAL_RUNS - earlier.len())?),
            Counted::Range => earlier.extend(row_range(conn, schedule, *times, None)?),
        }
        if earlier.len() == USUAL_RUNS {
            break;
        }
    }
    let approved = match comparable.day {
        Some(day) => row_range(conn, schedule, day, Some(MAX_CHANGE))?,
        None => None,
    };
    Ok(UsualRows { earlier, approved })
}

const MEASURED: &str = "FROM run WHERE schedule = ?1 AND nominal_at >= ?2 AND nominal_at < ?3 AND state = 'done' \
    AND in_window IS NOT NULL";

/// The rows of the last runs of those times, the latest first.
fn last_rows(
    conn: &Connection,
    schedule: &str,
    (from, until): (Timestamp, Timestamp),
    most: usize,
) -> LedgerResult<Vec<RowRange>> {
    let mut statement =
        conn.prepare_cached(&format!("SELECT in_window {MEASURED} ORDER BY nominal_at DESC, nr DESC LIMIT 8"))?;
    let found = statement.query_map(params![schedule, micros(from), micros(until)], |row| row.get(0))?;
    Ok(found.take(most).map(|rows| rows.map(RowRange::of_run)).collect::<rusqlite::Result<_>>()?)
}

/// The fewest and the most rows that a run of those times had; where a guard is named, one that was approved in spite of it.
fn row_range(
    conn: &Connection,
    schedule: &str,
    (from, until): (Timestamp, Timestamp),
    guard: Option<&str>,
) -> LedgerResult<Option<RowRange>> {
    let sql = format!(
        "SELECT min(in_window), max(in_window) {MEASURED} \
         AND (?4 IS NULL OR EXISTS (SELECT 1 FROM json_each(guards) WHERE value = ?4))"
    );
    let values = params![schedule, micros(from), micros(until), guard];
    let (fewest, most) = conn.prepare_cached(&sql)?.query_row(values, |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(Option::zip(fewest, most).map(|(fewest, most)| RowRange { fewest, most }))
}

/// The runs of some days, triggers among them: each kind by an index of its own.
pub(super) fn days() -> String {
    format!(
        "{RUN} WHERE nr IN (SELECT nr FROM run WHERE schedule = ?1 AND nominal_at BETWEEN ?2 AND ?3 AND kind NOT IN ('trigger', 'inbound') \
         UNION ALL SELECT nr FROM run WHERE schedule = ?1 AND started_at BETWEEN ?2 AND ?3 AND kind IN ('trigger', 'inbound')) \
         ORDER BY nominal_at, nr"
    )
}

/// The latest run of each schedule among those that `condition` holds for.
fn latest(conn: &Connection, schedules: &[String], condition: &str) -> rusqlite::Result<Vec<RunRow>> {
    let sql = format!("{RUN} WHERE schedule = ?1 AND {condition} ORDER BY started_at DESC, nr DESC LIMIT 1");
    let mut statement = conn.prepare_cached(&sql)?;
    let found = schedules.iter().filter_map(|schedule| statement.query_row([schedule], run_row).optional().transpose());
    found.collect()
}

/// The runs that are asked for, oldest first; the latest runs of schedules in the order in which these are named.
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
        RunsAsk::Latest(schedules) => latest(conn, schedules, "TRUE"),
        RunsAsk::LatestEvaluated(schedules) => latest(conn, schedules, "state NOT IN ('running', 'missed', 'skipped')"),
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
