//! shell: reads sources again before reminders that have waited long are sent; keeps which reads are under way and when
//! each source was read last.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::task::{Id, JoinSet};

use super::Sender;
use super::lanes::Lanes;
use super::wakeup::{Wakeup, sooner};
use crate::evaluation;
use crate::reminder::RunId;

/// Minimum time between two fresh reads for the same run, whether or not the first succeeded.
pub(super) const BETWEEN_READS: Duration = Duration::from_secs(60);

/// A schedule, and the run that planned the reminders that wait.
type ReadFor = (String, RunId);

/// The fresh reads of one dispatcher. Dropping it aborts those under way: they leave nothing behind.
#[derive(Default)]
pub(super) struct FreshReads {
    under_way: ReadsUnderWay,
    /// When (monotonic) each was read last.
    last: HashMap<ReadFor, Duration>,
}

/// A fresh read that has ended.
#[derive(Debug, PartialEq, Eq)]
struct FinishedRead {
    read_for: ReadFor,
    failure: Option<String>,
}

/// The tasks of the reads under way. A task returns why its read failed, if it did.
#[derive(Default)]
struct ReadsUnderWay {
    tasks: JoinSet<Option<String>>,
    read_for: HashMap<Id, ReadFor>,
}

impl ReadsUnderWay {
    fn contains(&self, read_for: &ReadFor) -> bool {
        self.read_for.values().any(|under_way| under_way == read_for)
    }

    fn spawn(&mut self, read_for: ReadFor, read: impl Future<Output = Option<String>> + Send + 'static) {
        self.read_for.insert(self.tasks.spawn(read).id(), read_for);
    }

    /// Waits for the next read to end; `None` when none is under way. Cancel safe. A task that was aborted or panicked is
    /// a read that failed: its source may be read again.
    async fn next(&mut self) -> Option<FinishedRead> {
        loop {
            let (id, failure) = match self.tasks.join_next_with_id().await? {
                Ok(ended) => ended,
                Err(error) => (error.id(), Some(format!("internal error: its task ended early: {error}"))),
            };
            if let Some(read_for) = self.read_for.remove(&id) {
                return Some(FinishedRead { read_for, failure });
            }
        }
    }
}

impl FreshReads {
    /// Whether none is under way.
    pub(super) fn is_empty(&self) -> bool {
        self.under_way.tasks.is_empty()
    }

    /// Starts those of `wanted` that may start now; returns when the next of the others may.
    pub(super) fn start(&mut self, sender: &Sender, lanes: &Lanes, wanted: Vec<ReadFor>) -> Wakeup {
        let now = sender.parts.env.clock.monotonic();
        let mut next = Wakeup::Nothing;
        for read_for in wanted {
            let Some(lane) = lanes.get(&read_for.0) else { continue };
            if self.under_way.contains(&read_for) {
                continue;
            }
            let wait = self.last.get(&read_for).map_or(Duration::ZERO, |at| (*at + BETWEEN_READS).saturating_sub(now));
            if !wait.is_zero() {
                next = sooner(next, wait);
                continue;
            }
            let (schedule, env, run) = (Arc::clone(&lane.schedule), sender.parts.env.clone(), read_for.1);
            self.under_way.spawn(read_for, async move {
                match AssertUnwindSafe(evaluation::fresh_read(&schedule, run, &env)).catch_unwind().await {
                    Ok(Ok(())) => None,
                    Ok(Err(failure)) => Some(failure.to_string()),
                    Err(_panic) => Some("internal error: the read ended by a panic".to_owned()),
                }
            });
        }
        next
    }

    /// Waits for the next read to end and notes its result; `None` when none is under way. Cancel safe: a read that
    /// ended is noted in the same step.
    pub(super) async fn next(&mut self, sender: &Sender) -> Option<()> {
        let finished = self.under_way.next().await?;
        self.note(sender, finished);
        Some(())
    }

    /// Aborts those under way.
    pub(super) fn abort(&mut self) {
        self.under_way.tasks.abort_all();
    }

    fn note(&mut self, sender: &Sender, finished: FinishedRead) {
        let FinishedRead { read_for, failure } = finished;
        let now = sender.parts.env.clock.monotonic();
        let mut failed = sender.failed_reads.lock().expect(super::UNPOISONED);
        match failure {
            Some(failure) => {
                tracing::warn!(
                    schedule = read_for.0,
                    failure,
                    "the source could not be read again: reminders that wait for a fresh read are not sent"
                );
                failed.insert(read_for.0.clone(), now);
            }
            None => drop(failed.remove(&read_for.0)),
        }
        drop(failed);
        self.last.retain(|_, at| *at + BETWEEN_READS > now);
        self.last.insert(read_for, now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_for(schedule: &str) -> ReadFor {
        (schedule.to_owned(), RunId(uuid::Uuid::from_u128(7)))
    }

    #[tokio::test]
    async fn a_read_whose_task_was_aborted_or_panicked_has_failed_and_is_no_longer_under_way() {
        let mut under_way = ReadsUnderWay::default();
        under_way.spawn(read_for("aborted"), std::future::pending());
        under_way.tasks.abort_all();
        under_way.spawn(read_for("panicked"), async { panic!("on purpose") });
        under_way.spawn(read_for("good"), async { None });
        let mut failed = Vec::new();
        while let Some(finished) = under_way.next().await {
            assert!(!under_way.contains(&finished.read_for));
            failed.push((finished.read_for.0, finished.failure.is_some()));
        }
        failed.sort();
        assert_eq!(failed, [("aborted".to_owned(), true), ("good".to_owned(), false), ("panicked".to_owned(), true)]);
    }
}
