//! shell: a schedule that leaves shadow mode makes the rehearsed calls whose time is still to come, at once: its next run may come
//! too late for them, or look at other days.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::runs::{ACTOR, Daemon};
use crate::evaluation::{RunAsk, RunOutcome, begin_run, nominal_now};
use crate::ledger::gate::{Gate, Subject};
use crate::ledger::{Pauses, Runs};
use crate::plan::Rehearsed;
use crate::reminder::RunKind;
use crate::schedule::{Schedule, ScheduleMode};

/// How often schedules that were loaded are looked through.
const INTERVAL: Duration = Duration::from_secs(5);

/// By schedule, the version of its file whose rehearsed calls are complete.
type Complete = HashMap<String, String>;

/// Completes what was rehearsed until it is dropped.
pub async fn keep(daemon: Arc<Daemon>) {
    let mut complete = Complete::new();
    loop {
        daemon.complete_rehearsals(&mut complete).await;
        daemon.app.around.clock.sleep(INTERVAL).await;
    }
}

impl Daemon {
    async fn complete_rehearsals(&self, complete: &mut Complete) {
        let folder = self.app.folder();
        let is_due = |schedule: &&Arc<Schedule>| {
            schedule.enabled
                && schedule.mode == ScheduleMode::Live
                && complete.get(&schedule.name) != Some(&schedule.text_hash)
        };
        let due: Vec<&Arc<Schedule>> = folder.schedules.values().filter(is_due).collect();
        if due.is_empty() {
            return;
        }
        // a ledger that can't be read is reported by the ticks
        let Ok(to_come) = self.ledger.rehearsed_to_come(self.now()).await else { return };
        for schedule in due {
            let is_complete = match to_come.get(&schedule.name) {
                None => true,
                Some(count) => self.may_run(schedule).await && self.complete(schedule, *count).await,
            };
            if is_complete {
                complete.insert(schedule.name.clone(), schedule.text_hash.clone());
            }
        }
    }

    /// What is paused or stopped is completed when it goes on.
    async fn may_run(&self, schedule: &Schedule) -> bool {
        let subject = Subject {
            schedule: &schedule.name,
            account: schedule.target.account(),
            credentials: None,
            is_enabled: schedule.enabled,
        };
        let now = self.now();
        let holds = self.ledger.holds(self.app.machine()).await;
        !self.is_stopping.load(Ordering::Relaxed) && holds.is_ok_and(|holds| holds.gate(&subject, now) == Gate::Open)
    }

    /// Whether its rehearsed calls were planned; a failure that may pass is tried again.
    async fn complete(&self, schedule: &Arc<Schedule>, count: u64) -> bool {
        let name = schedule.name.as_str();
        tracing::info!(
            schedule = name,
            "{name} is live now and makes {count} rehearsed calls whose time is still to come"
        );
        let nominal_at = nominal_now(self.app.around.clock.as_ref());
        let (kind, actor, rehearsed) = (RunKind::Trigger, ACTOR.to_owned(), Rehearsed::AreCompleted);
        let ask = RunAsk { kind, nominal_at, actor, only: None, rehearsed };
        let outcome = match begin_run(schedule, ask, &self.app.around).await {
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
