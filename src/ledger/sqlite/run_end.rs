//! shell: the end of a run: its plan recorded, held, or nothing but a sentence why not.

use std::collections::BTreeMap;

use rusqlite::{OptionalExtension, params};

use super::reconcile::{Bringer, Inserts, skip_entry};
use super::stored::{id_text, micros};
use super::writer::Desk;
use crate::audit::{Entry, Event};
use crate::ledger::{LedgerError, LedgerResult, RecordedRun, RunEnd, RunRecord};
use crate::plan::{Counts, Held, Plan, SkippedRow};
use crate::reminder::RunId;

impl Desk<'_> {
    pub(super) fn record_run(&self, record: &RunRecord) -> LedgerResult<RecordedRun> {
        let schedule = self.running(record.id)?;
        match &record.end {
            RunEnd::Failed(sentence) => {
                self.fail_run(record, &schedule, sentence)?;
                Ok(RecordedRun::default())
            }
            RunEnd::Planned(plan) => match &plan.held {
                Some(held) => {
                    self.hold_run(record, &schedule, plan, held)?;
                    Ok(RecordedRun::default())
                }
                None => self.finish_run(record, &schedule, plan),
            },
        }
    }

    /// The schedule of a run that is under way.
    fn running(&self, run: RunId) -> LedgerResult<String> {
        let sql = "SELECT schedule FROM run WHERE id = ?1 AND state IN ('running', 'waiting')";
        let found = self.conn.prepare_cached(sql)?.query_row([id_text(run.0)], |row| row.get(0)).optional()?;
        found.ok_or_else(|| LedgerError::Refused(format!("run {run} is not under way")))
    }

    fn fail_run(&self, record: &RunRecord, schedule: &str, sentence: &str) -> LedgerResult<()> {
        let sql =
            "UPDATE run SET state = 'failed', finished_at = ?2, detail = ?3, source_fingerprint = ?4 WHERE id = ?1";
        let values = params![id_text(record.id.0), micros(record.finished_at), sentence, record.source_fingerprint];
        self.conn.prepare_cached(sql)?.execute(values)?;
        self.log(&Entry {
            reason: Some("failed".into()),
            detail: Some(sentence.into()),
            ..of_run(record, schedule, Event::RunFinished)
        })
    }

    fn hold_run(&self, record: &RunRecord, schedule: &str, plan: &Plan, held: &Held) -> LedgerResult<()> {
        let skipped = by_reason(&plan.skipped);
        self.close_run(
            record,
            &Closing { state: "held", counts: plan.counts, skipped: &skipped, detail: Some(&held.detail) },
        )?;
        self.log(&Entry {
            reason: Some(held.guard.as_str().into()),
            detail: Some(held.detail.as_str().into()),
            ..of_run(record, schedule, Event::RunHeld)
        })
    }

    fn finish_run(&self, record: &RunRecord, schedule: &str, plan: &Plan) -> LedgerResult<RecordedRun> {
        let bringer = Bringer {
            run: record.id,
            schedule,
            now: record.finished_at,
            read_at: record.read_at,
            terms: &record.terms,
            actor: &record.actor,
            inserts: Inserts::Yes,
        };
        let mut counts = plan.counts;
        let mut skipped = by_reason(&plan.skipped);
        let recorded = self.take_plan(&bringer, plan, &mut |reason| {
            counts.planned = counts.planned.saturating_sub(1);
            match reason {
                Some(reason) => {
                    counts.skipped += 1;
                    *skipped.entry(reason.to_string()).or_default() += 1;
                }
                None => counts.already_reminded += 1,
            }
        })?;
        for row in &plan.skipped {
            self.log(&skip_entry(&bringer, row))?;
        }
        self.close_run(record, &Closing { state: "done", counts, skipped: &skipped, detail: None })?;
        self.log(&Entry {
            detail: Some(in_words(counts, recorded.cancelled.len()).into()),
            ..of_run(record, schedule, Event::RunFinished)
        })?;
        Ok(recorded)
    }

    fn close_run(&self, record: &RunRecord, closing: &Closing<'_>) -> LedgerResult<()> {
        let sql = "UPDATE run SET state = ?2, finished_at = ?3, row_count = ?4, outside_window = ?5, planned = ?6, \
            skipped = ?7, already_reminded = ?8, skipped_by_reason = ?9, source_fingerprint = ?10, read_at = ?11, \
            detail = ?12 WHERE id = ?1";
        let skipped = serde_json::to_string(closing.skipped).expect("words and numbers are always JSON");
        let counts = closing.counts;
        self.conn.prepare_cached(sql)?.execute(params![
            id_text(record.id.0),
            closing.state,
            micros(record.finished_at),
            counts.rows,
            counts.outside_window,
            counts.planned,
            counts.skipped,
            counts.already_reminded,
            skipped,
            record.source_fingerprint,
            micros(record.read_at),
            closing.detail
        ])?;
        Ok(())
    }
}

/// A run's last words.
struct Closing<'a> {
    state: &'a str,
    counts: Counts,
    skipped: &'a BTreeMap<String, u64>,
    detail: Option<&'a str>,
}

fn by_reason(skipped: &[SkippedRow]) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for row in skipped {
        *counts.entry(row.reason.as_str()).or_insert(0) += 1;
    }
    counts.into_iter().map(|(word, count)| (word.to_owned(), count)).collect()
}

fn in_words(counts: Counts, cancelled: usize) -> String {
    let Counts { rows, outside_window, planned, skipped, already_reminded } = counts;
    format!(
        "{rows} rows: {planned} planned, {skipped} skipped, {already_reminded} already reminded, {outside_window} outside \
         the window; {cancelled} cancelled"
    )
}

fn of_run<'a>(record: &'a RunRecord, schedule: &'a str, event: Event) -> Entry<'a> {
    Entry {
        schedule: Some(schedule.into()),
        run_id: Some(record.id),
        actor: Some(record.actor.as_str().into()),
        ..Entry::new(record.finished_at, event)
    }
}
