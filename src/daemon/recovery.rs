//! shell: runs that can't end by themselves: they waited too long, panicked, or were left open by a crash or a stop.

use std::sync::Arc;

use super::queue::{DueRun, Ended, Waiting};
use super::runs::{ACTOR, Daemon};
use crate::audit::{AuditFilter, Event};
use crate::evaluation::terms_of;
use crate::ledger::{LedgerResult, ReminderTerms, RunEnd, RunRecord, RunRow, Runs, RunsAsk};
use crate::notify::RunResult;
use crate::reminder::{RunId, RunKind, RunState};
use crate::schedule::Schedule;
use crate::schedule::{Merging, ScheduleMode};

const TOO_LONG: &str = "its source could not be read in time; its appointments were not called by this run";

impl Daemon {
    pub(super) async fn give_up(&self, schedule: &Schedule, waiting: Waiting) {
        self.fail_run(schedule, waiting.run, TOO_LONG).await;
    }

    async fn fail_run(&self, schedule: &Schedule, run: RunId, sentence: &str) {
        tracing::error!(schedule = schedule.name, run = %run, "{}: the run failed: {sentence}", schedule.name);
        if let Err(error) = self.record_failure(run, terms_of(schedule, None), sentence).await {
            self.note_ledger_failure(&error.to_string());
        }
        self.notifier.run_ended(&schedule.name, RunResult::Failed);
    }

    async fn record_failure(&self, run: RunId, terms: ReminderTerms, sentence: &str) -> LedgerResult<()> {
        let now = self.now();
        let record = RunRecord {
            id: run,
            finished_at: now,
            end: RunEnd::Failed(sentence.to_owned()),
            source_fingerprint: None,
            read_at: now,
            terms,
            actor: ACTOR.to_owned(),
        };
        self.ledger.record_run(record).await.map(|_recorded| ())
    }

    pub(super) async fn run_panicked(&self, schedule: &Schedule, start: DueRun) -> Ended {
        let open = self.ledger.runs(RunsAsk::Open).await.unwrap_or_default();
        let row = open.iter().find(|row| row.schedule == schedule.name && row.nominal_at == start.nominal);
        match row {
            Some(row) => {
                self.fail_run(schedule, row.id, "internal error: the run panicked; the service continues").await;
                Ended::Recorded
            }
            None => Ended::NotBegun,
        }
    }

    /// Continues the runs that a crash or a stop left open, or fails those that are too old. Called once, after the first
    /// load.
    pub async fn resume_open_runs(self: &Arc<Self>) -> LedgerResult<()> {
        let now = self.now();
        let has_died = self.has_died().await?;
        for mut row in self.ledger.runs(RunsAsk::Open).await? {
            if has_died && row.state == RunState::Running && row.kind.is_of_cron() {
                row = self.ledger.interrupt_run(row.id, now, ACTOR).await?;
            }
            if row.state == RunState::Failed {
                let (name, because) = (row.schedule.as_str(), row.detail.as_deref().unwrap_or_default());
                tracing::error!(schedule = name, run = %row.id, "{name}: the run failed: {because}");
                self.notifier.run_ended(name, RunResult::Failed);
                continue;
            }
            let is_made_again = match row.kind {
                RunKind::Scheduled | RunKind::CatchUp => self.queue().resume(&row, now).is_some(),
                RunKind::Trigger | RunKind::Inbound => false,
            };
            if !is_made_again {
                self.fail_orphan(&row).await?;
            }
        }
        Ok(())
    }

    /// Whether the previous service ended without a shutdown.
    async fn has_died(&self) -> LedgerResult<bool> {
        let latest = async |event: Event| -> LedgerResult<Option<u64>> {
            let event = Some(event.as_str().to_owned());
            let filter = AuditFilter { event, limit: Some(1), newest: true, ..AuditFilter::default() };
            Ok(self.ledger.audit(filter).await?.first().map(|row| row.seq))
        };
        let stopped = latest(Event::ServiceStopped).await?;
        Ok(stopped.is_none() || latest(Event::ServiceStarted).await? > stopped)
    }

    async fn fail_orphan(&self, row: &RunRow) -> LedgerResult<()> {
        let sentence = match row.state {
            RunState::Waiting => TOO_LONG,
            RunState::Running
            | RunState::Done
            | RunState::Failed
            | RunState::Held
            | RunState::Skipped
            | RunState::Missed => "the service ended during the run, and it is too late for a catch-up run",
        };
        // the schedule may not be loaded; a failed run plans nothing, so the terms are not used
        let terms = ReminderTerms {
            account: String::new(),
            calling_hours: "always".to_owned(),
            max_per_person_per_day: 1,
            target: None,
            mode: ScheduleMode::Live,
            merge: Merging::Never,
        };
        self.record_failure(row.id, terms, sentence).await
    }
}
