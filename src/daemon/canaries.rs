//! shell: sends the canary of each schedule when it is due, and records the canaries of which nothing was heard in time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::task::JoinSet;

use super::runs::{ACTOR, Daemon};
use crate::ledger::{CanariesAsk, CanaryRow, HoldChange, Outbox, Outcomes, Pause};
use crate::schedule::{OnSilence, Schedule};
use crate::verbs::canary;

/// How often it is checked whether a canary is due.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// When the canary of each schedule is sent next, by name and version of its text: one that came due while no service was running, or
/// before its file was changed, is left out.
type NextTimes = BTreeMap<(String, String), Timestamp>;

/// Runs until it is dropped.
pub async fn keep(daemon: Arc<Daemon>) {
    let (mut next, mut sending) = (NextTimes::new(), JoinSet::new());
    loop {
        for schedule in daemon.due_canaries(&mut next) {
            let daemon = Arc::clone(&daemon);
            sending.spawn(async move { daemon.send_canary(&schedule).await });
        }
        daemon.pass_canaries().await;
        daemon.app.env.clock.sleep(CHECK_INTERVAL).await;
        while sending.try_join_next().is_some() {}
    }
}

impl Daemon {
    fn due_canaries(&self, next: &mut NextTimes) -> Vec<Arc<Schedule>> {
        let (folder, now) = (self.app.folder(), self.now());
        let mut due = Vec::new();
        let mut times = NextTimes::new();
        for schedule in folder.schedules.values().filter(|schedule| schedule.enabled) {
            let Some(spec) = &schedule.canary else { continue };
            let key = (schedule.name.clone(), schedule.text_hash.clone());
            let is_due = next.get(&key).is_some_and(|at| *at <= now);
            let following = || spec.recurrence.next(&schedule.zone, now, 1).first().map(|nominal| nominal.at);
            let at = next.get(&key).copied().filter(|_| !is_due).or_else(following);
            times.extend(at.map(|at| (key, at)));
            if is_due {
                due.push(Arc::clone(schedule));
            }
        }
        *next = times;
        due
    }

    async fn send_canary(&self, schedule: &Arc<Schedule>) {
        if let Err(why) = canary::send(&self.app, ACTOR, schedule).await {
            let schedule = &schedule.name;
            tracing::warn!(schedule, %why, "the canary was not sent");
        }
    }

    async fn pass_canaries(&self) {
        let waiting = self.ledger.canaries(CanariesAsk::Waiting).await;
        // while nothing is awaited the ledger's writer is left alone
        if waiting.is_ok_and(|rows| rows.is_empty()) {
            return;
        }
        match self.ledger.pass_canaries(self.now(), ACTOR).await {
            Ok(silent) => {
                for row in silent {
                    self.fall_silent(&row).await;
                }
            }
            Err(error) => self.note_ledger_failure(&error.to_string()),
        }
    }

    /// What its schedule wants when nothing is heard.
    async fn fall_silent(&self, row: &CanaryRow) {
        tracing::warn!(schedule = row.schedule, "nothing was heard of the canary");
        let Some(schedule) = self.schedule(&row.schedule) else { return };
        match schedule.canary.as_ref().map(|spec| spec.on_silence) {
            Some(OnSilence::Pause) => {
                let pause = Pause {
                    schedule: Some(row.schedule.clone()),
                    reason: format!("nothing was heard of the canary of {}", row.sent_at),
                    until: None,
                    now: self.now(),
                    actor: ACTOR.to_owned(),
                };
                if let Err(error) = self.ledger.hold(HoldChange::Pause(pause)).await {
                    self.note_ledger_failure(&error.to_string());
                }
            }
            Some(OnSilence::Alert) | None => {}
        }
    }
}
