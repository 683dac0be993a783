//! shell: the sources that are read again before what waited long goes out: what is being read, and what was read last.

use std::collections::{HashMap, HashSet};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::task::{JoinError, JoinSet};

use super::Sender;
use super::lanes::Lanes;
use super::wakeup::{Wakeup, sooner};
use crate::evaluation;
use crate::reminder::RunId;

/// A run's source isn't read again sooner than this for what waits, whatever came of the last read.
pub(super) const BETWEEN_READS: Duration = Duration::from_secs(60);

/// A schedule, and the run that planned what waits.
type ReadFor = (String, RunId);

/// The fresh reads of one dispatcher. Dropping it gives up those under way: they leave nothing behind.
#[derive(Default)]
pub(super) struct FreshReads {
    tasks: JoinSet<FinishedRead>,
    under_way: HashSet<ReadFor>,
    /// When (monotonic) each was read last.
    last: HashMap<ReadFor, Duration>,
}

/// A fresh read that is over.
struct FinishedRead {
    read_for: ReadFor,
    failure: Option<String>,
}

impl FreshReads {
    /// Whether none is under way.
    pub(super) fn is_empty(&self) -> bool {
        self.tasks.is_empty()
    }

    /// Starts those that are `wanted` and may start; answers when the next of the others may.
    pub(super) fn start(&mut self, sender: &Sender, lanes: &Lanes, wanted: Vec<ReadFor>) -> Wakeup {
        let now = sender.parts.around.clock.monotonic();
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
            self.under_way.insert(read_for.clone());
            let (schedule, around) = (Arc::clone(&lane.schedule), sender.parts.around.clone());
            self.tasks.spawn(async move {
                let read =
                    AssertUnwindSafe(evaluation::fresh_read(&schedule, read_for.1, &around)).catch_unwind().await;
                let failure = match read {
                    Ok(Ok(())) => None,
                    Ok(Err(failure)) => Some(failure.to_string()),
                    Err(_panic) => Some("the program failed while it was reading".to_owned()),
                };
                FinishedRead { read_for, failure }
            });
        }
        next
    }

    /// Waits for the next read to end and notes what came of it; `None` when none is under way. Cancel safe: a read that
    /// ended is noted in the same step.
    pub(super) async fn next(&mut self, sender: &Sender) -> Option<()> {
        let ended = self.tasks.join_next().await?;
        self.note(sender, ended);
        Some(())
    }

    /// Gives up those under way.
    pub(super) fn abort(&mut self) {
        self.tasks.abort_all();
    }

    fn note(&mut self, sender: &Sender, ended: Result<FinishedRead, JoinError>) {
        let Ok(FinishedRead { read_for, failure }) = ended else { return };
        let now = sender.parts.around.clock.monotonic();
        let mut failed = sender.failed_reads.lock().expect(super::UNPOISONED);
        match failure {
            Some(failure) => {
                tracing::warn!(
                    schedule = read_for.0,
                    failure,
                    "the source could not be read again: what waits for that is not sent"
                );
                failed.insert(read_for.0.clone(), now);
            }
            None => drop(failed.remove(&read_for.0)),
        }
        drop(failed);
        self.last.retain(|_, at| *at + BETWEEN_READS > now);
        self.under_way.remove(&read_for);
        self.last.insert(read_for, now);
    }
}
