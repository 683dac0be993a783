//! shell: finds rows of the log by their filter without walking through the log.
//!
//! The table `kind_row` holds each combination of schedule, event and reason as one range of numbers, with an empty text for
//! none. A filter that names any of the three is answered from the ranges that fit: as many rows of each as are wanted, of which
//! the first or last are kept. Runs and phones have a table each. Times become numbers: see [`Bounds`]. What is too young to be
//! in the tables ([`log_index`]) is left to the caller.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use super::columns::micros;
use super::log_index;
use super::readers::Reader;
use crate::audit::{AuditFilter, Event};
use crate::ledger::{LedgerResult, chain};

/// How many rows are looked up at a time.
pub(super) const ROWS_AT_ONCE: u64 = 2_000;

/// The numbers between which every row of a filter is, both excluded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bounds {
    pub(super) after: i64,
    pub(super) before: i64,
}

/// The first row, in the order of time, that is at or after that time.
const FIRST_SINCE: &str = "SELECT seq FROM audit INDEXED BY audit_at WHERE at >= ?1 ORDER BY at, seq LIMIT 1";
/// The last row, in the order of time, that is earlier.
const LAST_BEFORE: &str = "SELECT seq FROM audit INDEXED BY audit_at WHERE at < ?1 ORDER BY at DESC, seq DESC LIMIT 1";
/// Finds the next schedule's name: with it the distinct names are read one after another.
const NEXT_SCHEDULE: &str = "SELECT min(schedule) FROM kind_row WHERE schedule > ?1";
/// Whether a schedule (or none) has that event, and with which reason the combination begins.
const HAS_EVENT: &str = "SELECT 1 FROM kind_row WHERE schedule = ?1 AND event = ?2 LIMIT 1";
const HAS_NO_REASON: &str = "SELECT 1 FROM kind_row WHERE schedule = ?1 AND event = ?2 AND reason = '' LIMIT 1";
const NEXT_REASON: &str = "SELECT min(reason) FROM kind_row WHERE schedule = ?1 AND event = ?2 AND reason > ?3";
const OF_KIND: &str = "SELECT seq FROM kind_row WHERE schedule = ?1 AND event = ?2 AND reason = ?3 \
    AND seq > ?4 AND seq < ?5 ORDER BY seq";
/// Rows of a run.
const OF_RUN: &str = "SELECT seq FROM run_row WHERE run_id = ?1 AND seq > ?2 AND seq < ?3 ORDER BY seq";
/// Whether a run has more rows than are read one by one.
const IS_LONG_RUN: &str = "SELECT 1 FROM run_row WHERE run_id = ?1 LIMIT 1 OFFSET ?2";
/// The first and the last row of a run.
const RUN_ENDS: &str =
    "SELECT (SELECT min(seq) FROM run_row WHERE run_id = ?1), (SELECT max(seq) FROM run_row WHERE run_id = ?1)";

impl Bounds {
    /// The bounds of a filter. The clock may have been set back: a row is never more than `set_back` before one that was written
    /// earlier, so that rows further away in time are further away in number, too.
    pub(super) fn of(conn: &Connection, filter: &AuditFilter) -> LedgerResult<Self> {
        let number = |seq: u64| i64::try_from(seq).unwrap_or(i64::MAX);
        let mut bounds =
            Self { after: filter.after_seq.map_or(0, number), before: filter.before_seq.map_or(i64::MAX, number) };
        if filter.since.is_none() && filter.until.is_none() {
            return Ok(bounds);
        }
        let set_back: i64 =
            conn.prepare_cached("SELECT coalesce(max(micros), 0) FROM set_back")?.query_row([], |row| row.get(0))?;
        let seq = |sql: &str, at: i64| conn.prepare_cached(sql)?.query_row([at], |row| row.get::<_, i64>(0)).optional();
        if let Some(since) = filter.since
            && let Some(last) = seq(LAST_BEFORE, micros(since).saturating_sub(set_back))?
        {
            bounds.after = bounds.after.max(last);
        }
        if let Some(until) = filter.until
            && let Some(first) = seq(FIRST_SINCE, micros(until).saturating_add(set_back))?
        {
            bounds.before = bounds.before.min(first);
        }
        Ok(bounds)
    }

    /// The bounds of the rows that were written from `since` until `until`.
    pub(super) fn of_time(conn: &Connection, since: Timestamp, until: Option<Timestamp>) -> LedgerResult<Self> {
        Self::of(conn, &AuditFilter { since: Some(since), until, ..AuditFilter::default() })
    }

    /// Whether the log has every row behind them: its beginning may have been removed.
    pub(super) fn are_whole(self, conn: &Connection) -> LedgerResult<bool> {
        // with a row before them nothing is missing behind it
        let is_whole = "SELECT pruned_seq = 0 FROM head";
        Ok(self.after > 0 || conn.prepare_cached(is_whole)?.query_row([], |row| row.get(0))?)
    }

    /// What both allow.
    fn within(self, other: Self) -> Self {
        Self { after: self.after.max(other.after), before: self.before.min(other.before) }
    }
}

/// Numbers of rows, in their order.
pub(super) struct FoundRows {
    pub(super) seqs: Vec<i64>,
    /// Whether no further row can be wanted.
    pub(super) is_all: bool,
}

impl FoundRows {
    /// The first or the last of what several ranges have, each of which was asked for as many.
    fn of(mut seqs: Vec<i64>, most: u64, newest: bool) -> Self {
        seqs.sort_unstable();
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        let is_all = seqs.len() < most;
        if seqs.len() > most {
            match newest {
                true => drop(seqs.drain(..seqs.len() - most)),
                false => seqs.truncate(most),
            }
        }
        Self { seqs, is_all }
    }
}

/// Whether a filter names anything that an index knows.
pub(super) fn knows(filter: &AuditFilter) -> bool {
    let AuditFilter { schedule, event, reason, phone, phone_mark, run, runs, .. } = filter;
    let is_of_kind = schedule.is_some() || event.is_some() || reason.is_some();
    is_of_kind || phone.is_some() || phone_mark.is_some() || run.is_some() || !runs.is_empty()
}

/// The numbers of at most `most` rows within bounds that a filter may want, the newest or the oldest. What else the filter
/// asks is left to whoever reads the rows.
pub(super) fn find(reader: &Reader, filter: &AuditFilter, mut bounds: Bounds, most: u64) -> LedgerResult<FoundRows> {
    let conn = &reader.conn;
    let order = if filter.newest { "DESC" } else { "ASC" };
    if let Some(mark) = phone_mark(reader, filter)? {
        let seqs = log_index::of_phone(conn, &mark, bounds.after, bounds.before)?;
        return Ok(FoundRows { seqs, is_all: true });
    }
    if let Some(run) = filter.run.map(|run| run.to_string()) {
        let is_of_kind = filter.event.is_some() || filter.reason.is_some();
        match is_of_kind && is_long(conn, &run)? {
            // the rows of a kind between its first and its last
            true => bounds = bounds.within(ends_of_run(conn, &run)?),
            false => return of_run(conn, &run, (bounds, most), order),
        }
    }
    if !filter.runs.is_empty() {
        let mut seqs = Vec::new();
        for run in &filter.runs {
            seqs.extend(of_run(conn, &run.to_string(), (bounds, most), order)?.seqs);
        }
        return Ok(FoundRows::of(seqs, most, filter.newest));
    }
    let mut statement = conn.prepare_cached(&format!("{OF_KIND} {order} LIMIT {most}"))?;
    let mut seqs: Vec<i64> = Vec::new();
    for (schedule, event, reason) in kinds(conn, filter)? {
        let values = params![schedule, event, reason, bounds.after, bounds.before];
        seqs.extend(statement.query_map(values, |row| row.get::<_, i64>(0))?.collect::<Result<Vec<_>, _>>()?);
    }
    Ok(FoundRows::of(seqs, most, filter.newest))
}

fn phone_mark(reader: &Reader, filter: &AuditFilter) -> LedgerResult<Option<Vec<u8>>> {
    match (&filter.phone, &filter.phone_mark) {
        (Some(phone), _) => Ok(Some(chain::phone_hash(super::queries::key(reader)?, phone).to_vec())),
        (None, Some(mark)) => Ok(Some(bytes_of(mark))),
        (None, None) => Ok(None),
    }
}

/// The bytes of a hex text; of any other none, which no row has.
pub(super) fn bytes_of(hex: &str) -> Vec<u8> {
    let pairs = hex.as_bytes().chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok());
    pairs.collect::<Option<_>>().unwrap_or_default()
}

/// A run of more rows than this is not read row by row where an event or a reason is asked for, too.
const LONG_RUN: i64 = 5_000;

fn is_long(conn: &Connection, run: &str) -> LedgerResult<bool> {
    Ok(conn.prepare_cached(IS_LONG_RUN)?.exists(params![run, LONG_RUN])?)
}

/// The bounds of its rows.
fn ends_of_run(conn: &Connection, run: &str) -> LedgerResult<Bounds> {
    let ends = conn.prepare_cached(RUN_ENDS)?.query_row([run], |row| {
        let (first, last): (Option<i64>, Option<i64>) = (row.get(0)?, row.get(1)?);
        Ok((first.unwrap_or(1), last.unwrap_or(0)))
    })?;
    Ok(Bounds { after: ends.0 - 1, before: ends.1 + 1 })
}

fn of_run(conn: &Connection, run: &str, (bounds, most): (Bounds, u64), order: &str) -> LedgerResult<FoundRows> {
    let mut statement = conn.prepare_cached(&format!("{OF_RUN} {order} LIMIT {most}"))?;
    let values = params![run, bounds.after, bounds.before];
    let mut seqs: Vec<i64> = statement.query_map(values, |row| row.get(0))?.collect::<Result<_, _>>()?;
    seqs.sort_unstable();
    Ok(FoundRows { is_all: (seqs.len() as u64) < most, seqs })
}

/// The events that a filter wants: one, a family, or all.
fn events(filter: &AuditFilter) -> impl Iterator<Item = &'static str> {
    let wanted = filter.event.clone();
    let is_wanted = move |event: &&str| match wanted.as_deref() {
        None => true,
        Some(word) if word.contains('.') => *event == word,
        Some(family) => event.split('.').next() == Some(family),
    };
    Event::ALL.iter().map(|event| event.as_str()).filter(is_wanted)
}

/// A combination of schedule, event and reason, with an empty text for none.
type Kind = (String, &'static str, String);

/// The combinations that the log has and the filter wants.
fn kinds(conn: &Connection, filter: &AuditFilter) -> LedgerResult<Vec<Kind>> {
    let schedules = match &filter.schedule {
        Some(schedule) => vec![schedule.clone()],
        None => schedules(conn)?,
    };
    let mut kinds = Vec::new();
    for schedule in schedules {
        for event in events(filter) {
            let has = |sql: &str| conn.prepare_cached(sql)?.exists(params![schedule, event]);
            if !has(HAS_EVENT)? {
                continue;
            }
            if let Some(reason) = &filter.reason {
                kinds.push((schedule.clone(), event, reason.clone()));
                continue;
            }
            if has(HAS_NO_REASON)? {
                kinds.push((schedule.clone(), event, String::new()));
            }
            let mut last = String::new();
            let mut next = conn.prepare_cached(NEXT_REASON)?;
            while let Some(reason) =
                next.query_row(params![schedule, event, last], |row| row.get::<_, Option<String>>(0))?
            {
                kinds.push((schedule.clone(), event, reason.clone()));
                last = reason;
            }
        }
    }
    Ok(kinds)
}

/// Every schedule that the log names, and none.
fn schedules(conn: &Connection) -> LedgerResult<Vec<String>> {
    let mut found = vec![String::new()];
    let mut last = String::new();
    let mut next = conn.prepare_cached(NEXT_SCHEDULE)?;
    while let Some(name) = next.query_row([&last], |row| row.get::<_, Option<String>>(0))? {
        found.push(name.clone());
        last = name;
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::sqlite::statement_tests::{new_ledger, plan_of};

    #[test]
    fn no_lookup_walks_through_the_log() {
        let folder = tempfile::tempdir().expect("a folder");
        let conn = new_ledger(&folder);
        let of_kind = format!("{OF_KIND} DESC LIMIT 100");
        let of_run = format!("{OF_RUN} DESC LIMIT 100");
        let all = [
            FIRST_SINCE,
            LAST_BEFORE,
            NEXT_SCHEDULE,
            HAS_EVENT,
            HAS_NO_REASON,
            NEXT_REASON,
            OF_KIND,
            &of_kind,
            OF_RUN,
            &of_run,
            IS_LONG_RUN,
            RUN_ENDS,
        ];
        for sql in all {
            let steps = plan_of(&conn, sql);
            let walks = |step: &&String| {
                step.starts_with("SCAN audit") || step.starts_with("SCAN l") || step.starts_with("SCAN reminder")
            };
            assert_eq!(steps.iter().find(walks), None, "{sql}: {steps:?}");
            if [OF_KIND, OF_RUN].iter().any(|sorted| sql.starts_with(sorted)) {
                assert!(steps.iter().all(|step| !step.contains("TEMP B-TREE")), "sorted by the index: {steps:?}");
            }
        }
    }

    #[test]
    fn a_mark_that_is_no_hex_is_no_phones() {
        assert_eq!(bytes_of("00ff"), [0, 255]);
        assert_eq!(bytes_of("zz"), Vec::<u8>::new());
    }
}
