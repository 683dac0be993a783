//! shell: a schedule that leaves shadow mode makes the rehearsed calls whose time is still to come, at once: its next run may come
//! too late for them, or look at other days.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::due::Permission;
use super::runs::{ACTOR, Daemon};
use crate::evaluation::{RunAsk, RunOutcome, begin_run, nominal_now};
use crate::plan::Rehearsed;
use crate::reminder::RunKind;
use crate::schedule::{Schedule, ScheduleMode};

/// How often schedules that were loaded are looked through.
const CHECK_INTERVAL: Duration = Duration::from_secs(5);

/// How long a schedule waits after an attempt that failed: each is a run in the log.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(60);

/// What became of the rehearsed calls of a schedule.
#[derive(Default)]
struct Attempts {
    /// For each schedule, the version of its file whose rehearsed calls are complete.
    complete: HashMap<String, String>,
    /// For each schedule, until when a failed attempt is not repeated (monotonic).
    failed: HashMap<String, Duration>,
}

/// Completes what was rehearsed until it is dropped.
pub async fn keep(daemon: Arc<Daemon>) {
    let mut attempts = Attempts::default();
    loop {
        daemon.complete_rehearsals(&mut attempts).await;
        daemon.app.env.clock.sleep(CHECK_INTERVAL).await;
    }
}

impl Daemon {
    async fn complete_rehearsals(&self, attempts: &mut Attempts) {
        let folder = self.app.folder();
        let is_live = |schedule: &&Arc<Schedule>| schedule.mode == ScheduleMode::Live;
        // a schedule that is in shadow mode again is forgotten: when it leaves it, its file may be the same as now
        attempts.complete.retain(|name, version| {
            folder.schedules.get(name).filter(is_live).is_some_and(|schedule| schedule.text_hash == *version)
        });
        let is_due = |schedule: &&Arc<Schedule>| !attempts.complete.contains_key(&schedule.name);
        let due: Vec<&Arc<Schedule>> = folder.schedules.values().filter(is_live).filter(is_due).collect();
        if due.is_empty() || self.is_stopping.load(Ordering::Relaxed) {
            return;
        }
        let now = self.now();
        // a ledger that can't be read is reported by the ticks
        let (Ok(to_come), Ok(permits)) = (self.ledger.rehearsed_to_come(now).await, self.permits(now).await) else {
            return;
        };
        for schedule in due {
            let (name, at) = (&schedule.name, self.app.env.clock.monotonic());
            let is_complete = match to_come.get(name) {
                None => true,
                // what is paused or stopped is completed when it goes on
                Some(_) if permits.of(schedule) != Permission::Granted => continue,
                Some(_) if attempts.failed.get(name).is_some_and(|again_at| at < *again_at) => continue,
                Some(count) => self.complete(schedule, *count).await,
            };
            match is_complete {
                true => drop(attempts.complete.insert(name.clone(), schedule.text_hash.clone())),
                false => drop(attempts.failed.insert(name.clone(), at + PAUSE_AFTER_FAILURE)),
            }
        }
    }

    /// Whether its rehearsed calls were planned; a failure that may pass is tried again.
    async fn complete(&self, schedule: &Arc<Schedule>, count: u64) -> bool {
        let name = schedule.name.as_str();
        tracing::info!(
            schedule = name,
            "{name} is live now and makes {count} rehearsed calls whose time is still to come"
        );
        let nominal_at = nominal_now(self.app.env.clock.as_ref());
        let (kind, actor, rehearsed) = (RunKind::Trigger, ACTOR.to_owned(), Rehearsed::AreCompleted);
        let ask = RunAsk { kind, nominal_at, actor, only: None, rehearsed };
        let outcome = match begin_run(schedule, ask, &self.app.env).await {
            Ok(begun) => begun.evaluated().await,
            Err(not_begun) => not_begun,
        };
        if let Some(sender) = &self.app.sender {
            sender.nudge();
        }
        match &outcome {
            RunOutcome::Done { counts, .. } => {
                tracing::info!(schedule = name, "{name}: {} rehearsed calls are planned", counts.planned);
                true
            }
            RunOutcome::Held { .. } | RunOutcome::EvaluatedBefore => true,
            RunOutcome::Waiting { .. } | RunOutcome::Failed { .. } | RunOutcome::NotBegun { .. } => {
                let why = outcome.why().unwrap_or_default();
                tracing::warn!(
                    schedule = name,
                    "{name}: its rehearsed calls could not be planned, and it is tried again: {why}"
                );
                false
            }
        }
    }
}
