//! shell: reads the folder of schedules again and loads what changed; a refused file keeps its last good version.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use futures_util::{StreamExt, stream};
use jiff::Timestamp;
use secrecy::ExposeSecret;
use url::Url;

use super::last_good::ReportedRefusals;
use super::merge::{Merge, keep_former, merge};
use super::queue::Arrival;
use super::reload_report::ReloadReport;
use super::runs::{ACTOR, Daemon};
use super::systemd;
use crate::ledger::{LedgerError, LedgerResult, LoadedSchedule, RunRow, RunsAsk};
use crate::schedule::Schedule;
use crate::schedule::load::{self, Folder};
use crate::settings::{SecretRef, Secrets};

/// Schedules loaded into the ledger at the same time: its writer commits them together.
const MAX_CONCURRENT_LOADS: usize = 1_024;

impl Daemon {
    /// Reads the folder and loads what is good; returns when that is in force. `unsettled`: schedules whose files are
    /// being written at this moment.
    pub async fn reload(&self, actor: &str, unsettled: BTreeSet<String>) -> ReloadReport {
        let mut reported = self.reloading.lock().await;
        systemd::reloading();
        let report = match self.read_folder().await {
            Ok(read) => self.put_in_force(read, &unsettled, actor, &mut reported).await,
            Err(failure) => {
                tracing::error!("{failure}");
                self.mark_folder_unreadable(&failure);
                ReloadReport { failures: vec![failure], ..ReloadReport::default() }
            }
        };
        systemd::ready(&self.status_line());
        report
    }

    /// Like [`Daemon::reload`], for somebody who asks for it: waits for files that are being written at this moment.
    pub async fn reload_now(&self, actor: &str) -> ReloadReport {
        let unsettled = super::watch::wait_until_settled(&self.app.settings.schedules).await;
        self.reload(actor, unsettled).await
    }

    /// The load at the start, of a folder that was read already.
    pub async fn load_first(&self, read: Folder) -> ReloadReport {
        let mut reported = self.reloading.lock().await;
        self.put_in_force(read, &BTreeSet::new(), ACTOR, &mut reported).await
    }

    /// What is loaded stays in force; `status` shows why.
    fn mark_folder_unreadable(&self, fault: &str) {
        let before = self.app.folder();
        self.replace_folder(Folder { fault: Some(fault.to_owned()), ..(*before).clone() });
    }

    fn replace_folder(&self, folder: Folder) {
        *self.app.folder.write().expect("no holder of the folder's lock can panic") = Arc::new(folder);
    }

    async fn read_folder(&self) -> Result<Folder, String> {
        let path = self.app.settings.schedules.clone();
        let zones = self.app.env.zones.clone();
        let shown = path.display().to_string();
        let read = tokio::task::spawn_blocking(move || load::folder(&path, &zones)).await;
        match read {
            Ok(Ok(folder)) => Ok(folder),
            Ok(Err(error)) => Err(format!("the folder of schedules `{shown}` can't be read: {error}")),
            Err(_panic) => Err(format!("internal error: reading the folder of schedules `{shown}` panicked")),
        }
    }

    async fn put_in_force(
        &self,
        read: Folder,
        unsettled: &BTreeSet<String>,
        actor: &str,
        reported: &mut ReportedRefusals,
    ) -> ReloadReport {
        let before = self.app.folder();
        let Merge { mut folder, taken, removed } = merge(&before, read, unsettled);
        let mut report = ReloadReport {
            refused: folder.refused.clone(),
            problems: folder.problems.clone(),
            ..ReloadReport::default()
        };
        let suspension = Suspension::begin(self, &taken);
        let mut arrivals = Vec::new();
        for (name, loaded) in self.load_all(taken, actor).await {
            match loaded {
                Ok(arrival) => {
                    tracing::info!(schedule = name, "the schedule is loaded");
                    arrivals.push(arrival);
                    report.taken.push(name);
                }
                Err(error) => {
                    keep_former(&mut folder, &before, &name);
                    report.failures.push(format!("the ledger can't load the schedule `{name}`: {error}"));
                    self.note_ledger_failure(&error.to_string());
                }
            }
        }
        report.notes = self.rekeyed(&before, &folder, &removed).await;
        self.switch_to(folder.clone(), arrivals, &removed);
        drop(suspension);
        let not_removed = self.remove(&removed, actor).await;
        report.removed = removed.into_iter().filter(|name| not_removed.iter().all(|(not, _)| not != name)).collect();
        let remain = |(name, error)| format!("the ledger can't remove the schedule `{name}`: {error}");
        report.failures.extend(not_removed.into_iter().map(remain));
        report.mended = self.report_mended(&folder, &report.taken, actor, reported).await;
        self.report_refusals(&folder, actor, reported).await;
        self.set_heartbeats();
        self.update_sender();
        report
    }

    /// Replaces the folder and the queue's entries in one step. A tick between the two would find a schedule queued that
    /// the folder does not have or has as disabled, and would skip its nominal time.
    fn switch_to(&self, folder: Folder, arrivals: Vec<Arrival>, removed: &[String]) {
        let mut queue = self.queue();
        self.replace_folder(folder);
        arrivals.into_iter().for_each(|arrival| queue.put(arrival));
        removed.iter().for_each(|name| queue.remove(name));
    }

    /// Sets the URLs that are pinged for single schedules. One whose secret isn't set is reported and left out: calls
    /// don't depend on it.
    fn set_heartbeats(&self) {
        let folder = self.app.folder();
        let mut urls = BTreeMap::new();
        for (name, schedule) in &folder.schedules {
            let Some(secret) = &schedule.heartbeat else { continue };
            match heartbeat_url(secret, &self.app.settings.secrets) {
                Ok(url) => drop(urls.insert(name.clone(), url)),
                Err(error) => tracing::warn!(schedule = name, "{name}: its heartbeat can't be pinged: {error}"),
            }
        }
        self.notifier.set_heartbeats(urls);
    }

    /// Loads the schedules into the ledger; the results have the order of `schedules`.
    async fn load_all(&self, schedules: Vec<Arc<Schedule>>, actor: &str) -> Vec<(String, LedgerResult<Arrival>)> {
        let names: Vec<String> = schedules.iter().map(|schedule| schedule.name.clone()).collect();
        let loads = stream::iter(schedules.clone()).map(|schedule| async move { self.load(&schedule, actor).await });
        let loaded: Vec<LedgerResult<Timestamp>> = loads.buffered(MAX_CONCURRENT_LOADS).collect().await;
        let latest = self.latest_runs(&names).await;
        let arrivals = schedules.into_iter().zip(loaded).map(|(schedule, cursor)| {
            let (cursor, latest) = (cursor?, latest.as_ref().map_err(LedgerError::clone)?);
            let latest_skipped_by_pause = skipped_by_pause(latest.get(&schedule.name), &schedule, cursor);
            Ok(Arrival { schedule, cursor, latest_skipped_by_pause })
        });
        names.into_iter().zip(arrivals).collect()
    }

    /// Loads a schedule into the ledger and returns its cursor there.
    async fn load(&self, schedule: &Schedule, actor: &str) -> LedgerResult<Timestamp> {
        Ok(self.ledger.load_schedule(LoadedSchedule::of(schedule, self.now(), actor)).await?.cursor)
    }

    /// The latest run of each schedule that has one. What their latest evaluations came to is remembered.
    async fn latest_runs(&self, schedules: &[String]) -> LedgerResult<HashMap<String, RunRow>> {
        let latest = self.ledger.runs(RunsAsk::Latest(schedules.to_vec())).await?;
        let (evaluated, others): (Vec<&RunRow>, Vec<&RunRow>) = latest.iter().partition(|run| run.was_evaluated());
        let others = others.into_iter().map(|run| run.schedule.clone()).collect();
        let earlier = self.ledger.runs(RunsAsk::LatestEvaluated(others)).await?;
        evaluated.into_iter().chain(&earlier).for_each(|run| self.remember_run(run));
        Ok(latest.into_iter().map(|run| (run.schedule.clone(), run)).collect())
    }
}

/// The nominal time that a pause skipped, if that is the schedule's latest run: the pause may have ended while the service was
/// down. A new cron, zone or `enabled` has set the cursor beyond it.
fn skipped_by_pause(latest: Option<&RunRow>, schedule: &Schedule, cursor: Timestamp) -> Option<Timestamp> {
    let skipped = latest.filter(|run| run.was_skipped_by_pause()).map(|run| run.nominal_at);
    skipped.filter(|nominal| schedule.enabled && *nominal >= cursor)
}

/// While schedules are loaded into the ledger they are not polled: the ledger has their new versions already, the queue
/// still the old ones. Ends when it is dropped, also when the reload is.
struct Suspension<'a>(&'a Daemon);

impl<'a> Suspension<'a> {
    fn begin(daemon: &'a Daemon, loading: &[Arc<Schedule>]) -> Self {
        daemon.queue().suspend(loading.iter().map(|schedule| schedule.name.clone()));
        Self(daemon)
    }
}

impl Drop for Suspension<'_> {
    fn drop(&mut self) {
        self.0.queue().end_suspension();
    }
}

fn heartbeat_url(secret: &SecretRef, secrets: &Secrets) -> Result<Url, String> {
    let text = secrets.resolve(secret).map_err(|error| error.to_string())?;
    Url::parse(text.expose_secret()).map_err(|error| format!("it is not a valid URL: {error}"))
}
