//! shell: checks the service every second: whether the ledger can be written, and which conditions need a person and have no
//! row in the audit log. Changes are reported in alerts, the unit's status and the log.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::select;
use rustix::fs::{StatVfsMountFlags, statvfs};

use super::runs::Daemon;
use super::systemd;
use crate::audit::words::counted;
use crate::ledger::gate::Hold;
use crate::ledger::{Holds, Loss, RunsAsk, WriteBacksAsk, Writing};
use crate::notify::{AlertKind, Conditions};
use crate::verbs::holds;
use crate::verbs::retrying::end_settled;
use crate::verbs::status::SEE_WRITE_BACKS;

/// How often the conditions are checked.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// When nothing was committed for this time, a test commit is made.
const PROBE_AFTER: Duration = Duration::from_secs(30);

/// The same while commits fail or the disk reports that it is full or read-only.
const PROBE_AFTER_IN_DOUBT: Duration = Duration::from_secs(2);

/// Maximum wait for the test commit; a writer that hangs is detected by the watchdog.
const PROBE_TIMEOUT: Duration = Duration::from_secs(5);

/// The time and the result of the ledger's latest commit.
#[derive(Debug, Clone, Default)]
struct CommitWatch {
    writing: Writing,
    /// When the latest commit was made or tried (monotonic).
    at: Duration,
}

impl CommitWatch {
    /// Whether a test commit is due (`now` is monotonic).
    fn is_probe_due(&self, now: Duration, has_room: bool) -> bool {
        let is_in_doubt = self.writing.failure.is_some() || !has_room;
        now.saturating_sub(self.at) >= if is_in_doubt { PROBE_AFTER_IN_DOUBT } else { PROBE_AFTER }
    }

    /// Updates the state (`now` is monotonic).
    fn update(&mut self, writing: Writing, now: Duration) {
        if writing.commits != self.writing.commits {
            self.at = now;
        }
        self.writing = writing;
    }
}

/// Calls that are retried for this time are an alert: a short failure of the other side is not.
const RETRIED_FOR: Duration = Duration::from_secs(120);

/// Checks until it is dropped.
pub async fn observe(daemon: Arc<Daemon>) {
    let clock = Arc::clone(&daemon.app.env.clock);
    let mut watch = CommitWatch { writing: daemon.ledger.writing(), at: clock.monotonic() };
    let (mut lost, mut shown) = (None, String::new());
    loop {
        if watch.is_probe_due(clock.monotonic(), daemon.has_room()) {
            // the result is in `writing`
            let _done_or_late = select(std::pin::pin!(daemon.ledger.probe()), clock.sleep(PROBE_TIMEOUT)).await;
            watch.at = clock.monotonic();
        }
        let before = watch.writing.failure.clone();
        watch.update(daemon.ledger.writing(), clock.monotonic());
        if before.is_some() != watch.writing.failure.is_some() {
            report(watch.writing.failure.as_deref());
        }
        let loss = daemon.ledger.loss();
        if loss != lost {
            daemon.report_loss(loss.as_ref());
            lost = loss;
        }
        let line = daemon.status_line();
        if line != shown {
            systemd::status(&line);
            shown = line;
        }
        daemon.notifier.observe(&daemon.conditions().await);
        clock.sleep(POLL_INTERVAL).await;
    }
}

fn report(failure: Option<&str>) {
    match failure {
        Some(error) => tracing::error!(error, "the ledger can't be written: nobody is called until it can"),
        None => tracing::warn!("the ledger can be written again"),
    }
}

impl Daemon {
    /// Whether the ledger's disk reports free space. `false` when it can't be queried: then a test commit decides.
    fn has_room(&self) -> bool {
        let folder = self.app.settings.ledger.parent().filter(|folder| !folder.as_os_str().is_empty());
        match statvfs(folder.unwrap_or(std::path::Path::new("."))) {
            Ok(disk) => disk.f_bavail > 0 && !disk.f_flag.contains(StatVfsMountFlags::RDONLY),
            Err(_) => false,
        }
    }

    fn report_loss(&self, loss: Option<&Loss>) {
        match loss {
            Some(loss) => tracing::error!("{}", loss.sentence()),
            None => {
                tracing::warn!("the ledger is complete again, or its loss was accepted: calls continue");
                if let Some(sender) = &self.app.sender {
                    sender.nudge();
                }
            }
        }
    }

    /// Judges the latest runs again after something else than a scheduled run has made one: of this schedule, and of those
    /// that have an alert.
    pub(super) async fn recheck_runs(&self, also: Option<String>) {
        let mut names: BTreeSet<String> = self.of_runs().keys().map(|(_, schedule)| schedule.clone()).collect();
        names.extend(also);
        let latest = self.ledger.runs(RunsAsk::LatestEvaluated(names.into_iter().collect())).await;
        latest.iter().flatten().for_each(|run| self.note_conditions(run));
    }

    /// The conditions that need a person and have no row in the audit log.
    pub(super) async fn conditions(&self) -> Conditions {
        let mut conditions = Conditions::new();
        if let Some(failure) = self.ledger.writing().failure {
            conditions.insert((AlertKind::LedgerDown, String::new()), failure);
        }
        conditions.extend(self.of_runs().clone());
        conditions.extend(self.retried().await);
        conditions.extend(self.silences().clone());
        conditions.extend(self.unwritten().await);
        conditions.extend(self.floods());
        if let Some(loss) = self.ledger.loss() {
            conditions.insert((AlertKind::LedgerLost, String::new()), loss.sentence());
        }
        // a ledger that can't be read has an alert of its own
        if let Ok(holds) = self.ledger.holds(self.app.machine()).await {
            conditions.extend(self.blocked(&holds));
        }
        conditions
    }

    /// The schedules whose outcomes could not be written back, until a person acknowledges that.
    async fn unwritten(&self) -> Conditions {
        // a ledger that can't be read has an alert of its own
        let failed = self.ledger.write_backs(WriteBacksAsk::Failed).await.unwrap_or_default();
        let mut counts: BTreeMap<String, u64> = BTreeMap::new();
        for row in failed {
            *counts.entry(row.schedule).or_default() += 1;
        }
        let sentence = |count: u64| format!("{}: {SEE_WRITE_BACKS}", counted(count, "outcome", "outcomes"));
        counts.into_iter().map(|(name, count)| ((AlertKind::WriteBackFailed, name), sentence(count))).collect()
    }

    /// The schedules to which more requests are posted than they accept.
    fn floods(&self) -> Conditions {
        let sentence = "more requests are posted than `max_per_hour` allows: the others are refused for now and have to be repeated";
        let floods = self.app.traffic.floods(self.now()).into_iter();
        floods.map(|schedule| ((AlertKind::InboundFlood, schedule), sentence.to_owned())).collect()
    }

    /// The schedules whose calls have been retried for a while, before any of them expires.
    async fn retried(&self) -> Conditions {
        let Some(sender) = &self.app.sender else { return Conditions::new() };
        // a ledger that can't be read has an alert of its own
        if end_settled(&self.app, &self.ledger).await.is_err() {
            return Conditions::new();
        }
        let lasting = sender.lasting_troubles(RETRIED_FOR);
        lasting.into_iter().map(|(schedule, why)| ((AlertKind::SendingRetried, schedule), why)).collect()
    }

    /// The holds that only a person can lift, and those that a person has asked for: on everybody, or on single schedules.
    fn blocked(&self, holds: &Holds) -> Conditions {
        let of = |whose: &str, holds: Vec<Hold>| {
            let sentence = |kind, hold: &Hold| ((kind, whose.to_owned()), hold.to_string());
            let blocked = holds.iter().find(|hold| hold.needs_a_person());
            let paused = holds.iter().find(|hold| hold.is_pause());
            let blocked = blocked.map(|hold| sentence(AlertKind::SendingBlocked, hold));
            blocked.into_iter().chain(paused.map(|hold| sentence(AlertKind::Paused, hold))).collect::<Conditions>()
        };
        let everybody = of("", holds.on_everybody(self.now()));
        if !everybody.is_empty() {
            return everybody;
        }
        let folder = self.app.folder();
        let enabled = folder.schedules.values().filter(|schedule| schedule.enabled);
        enabled.flat_map(|schedule| of(&schedule.name, holds::on(&self.app, schedule, holds))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_is_tried_after_thirty_seconds_without_one_and_soon_while_in_doubt() {
        let at = Duration::from_secs;
        let working = Writing { commits: 3, failure: None };
        let failing = Writing { commits: 3, failure: Some("full".to_owned()) };
        let cases = [
            (working.clone(), at(29), true, false),
            (working.clone(), at(30), true, true),
            (working.clone(), at(1), false, false),
            (working, at(2), false, true),
            (failing.clone(), at(1), true, false),
            (failing, at(2), true, true),
        ];
        for (writing, now, has_room, expected) in cases {
            let watch = CommitWatch { writing, at: at(0) };
            assert_eq!(watch.is_probe_due(now, has_room), expected, "{watch:?} at {now:?}");
        }
        let mut watch = CommitWatch::default();
        watch.update(Writing { commits: 1, failure: None }, at(20));
        assert!(!watch.is_probe_due(at(49), true), "somebody else's commit counts");
    }
}
