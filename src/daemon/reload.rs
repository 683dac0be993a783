//! shell: reads the folder again; each file by itself is taken whole or keeps its last good version.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures_util::{StreamExt, stream};
use secrecy::ExposeSecret;
use serde_json::json;
use url::Url;

use super::last_good::ReportedRefusals;
use super::queue::Arrival;
use super::runs::{ACTOR, Daemon};
use super::systemd;
use crate::ledger::{LedgerResult, LoadedSchedule, Runs, RunsAsk};
use crate::reminder::RunState;
use crate::schedule::Schedule;
use crate::schedule::load::{self, Folder};
use crate::schedule::problems::{PlacedProblem, Problem};
use crate::settings::{SecretRef, Secrets};
use crate::verbs::{Answer, Exit, refusal};

/// Schedules loaded into the ledger at once; its writer commits them in groups. Each also reads the ledger through a
/// connection of its own, which stays open: more at once cost memory for good.
const AT_ONCE: usize = 64;

/// What a reading of the folder came to.
#[derive(Debug, Default)]
pub struct Reloaded {
    /// New and changed schedules that were taken.
    pub taken: Vec<String>,
    /// Schedules whose files were refused and hold the version again that stayed in force.
    pub mended: Vec<String>,
    /// Schedules whose file is gone.
    pub removed: Vec<String>,
    /// Files that were refused; their last good version stays in force.
    pub refused: Vec<String>,
    /// Their problems, warnings of taken files among them.
    pub problems: Vec<Problem>,
    /// The folder or the ledger could not be used: nothing changed.
    pub failed: Option<String>,
}

/// A folder read again, beside what was loaded before.
struct Merge {
    folder: Folder,
    taken: Vec<Arc<Schedule>>,
    removed: Vec<String>,
}

/// Every file by itself: a refused or restless one keeps its last good version, a missing one goes.
fn merge(before: &Folder, mut read: Folder, restless: &BTreeSet<String>) -> Merge {
    let mut taken = Vec::new();
    read.schedules.retain(|name, _| !restless.contains(name));
    leave_out(&mut read, before, restless);
    for (name, schedule) in &read.schedules {
        if before.schedules.get(name).is_none_or(|loaded| loaded.text_hash != schedule.text_hash) {
            taken.push(Arc::clone(schedule));
        }
    }
    let mut removed = Vec::new();
    for (name, schedule) in &before.schedules {
        if read.schedules.contains_key(name) {
            continue;
        }
        if read.refuses(name) || restless.contains(name) {
            read.schedules.insert(name.clone(), Arc::clone(schedule));
        } else {
            removed.push(name.clone());
        }
    }
    Merge { folder: read, taken, removed }
}

/// What is being written at this moment isn't judged: what was said of those files before still holds.
fn leave_out(read: &mut Folder, before: &Folder, restless: &BTreeSet<String>) {
    let is_of =
        |problem: &Problem| problem.file.file_stem().is_some_and(|stem| restless.contains(&*stem.to_string_lossy()));
    read.refused.retain(|name| !restless.contains(name));
    read.problems.retain(|problem| !is_of(problem));
    read.refused.extend(before.refused.iter().filter(|name| restless.contains(*name)).cloned());
    read.problems.extend(before.problems.iter().filter(|problem| is_of(problem)).cloned());
    read.refused.sort();
}

impl Daemon {
    /// Reads the folder and takes what is good; answers when it is in force. `restless`: schedules whose files are
    /// being written at this moment.
    pub async fn reload(&self, actor: &str, restless: BTreeSet<String>) -> Reloaded {
        let mut told = self.reloading.lock().await;
        systemd::reloading();
        let reloaded = match self.read_folder().await {
            Ok(read) => self.put_in_force(read, &restless, actor, &mut told).await,
            Err(failed) => {
                tracing::error!("{failed}");
                self.keep_folder(&failed);
                Reloaded { failed: Some(failed), ..Reloaded::default() }
            }
        };
        systemd::ready(&self.status_line());
        reloaded
    }

    /// As [`Daemon::reload`], for somebody who asks: a file that is being written at this moment is awaited, or left out.
    pub async fn reload_now(&self, actor: &str) -> Reloaded {
        let restless = super::watch::rest(&self.app.settings.schedules).await;
        self.reload(actor, restless).await
    }

    /// The start's own reload: the folder was read already.
    pub async fn load_first(&self, read: Folder) -> Reloaded {
        let mut told = self.reloading.lock().await;
        self.put_in_force(read, &BTreeSet::new(), ACTOR, &mut told).await
    }

    /// What was loaded stays in force while the folder itself can't be read.
    fn keep_folder(&self, fault: &str) {
        let before = self.app.folder();
        let kept = Folder { fault: Some(fault.to_owned()), ..(*before).clone() };
        *self.app.folder.write().expect("no holder of the folder's lock can panic") = Arc::new(kept);
    }

    async fn read_folder(&self) -> Result<Folder, String> {
        let path = self.app.settings.schedules.clone();
        let zones = self.app.around.zones.clone();
        let place = path.display().to_string();
        let read = tokio::task::spawn_blocking(move || load::folder(&path, &zones)).await;
        match read {
            Ok(Ok(folder)) => Ok(folder),
            Ok(Err(error)) => Err(format!("the folder of schedules `{place}` can't be read: {error}")),
            Err(_panic) => Err(format!("reading the folder of schedules `{place}` broke off: a fault of this program")),
        }
    }

    async fn put_in_force(
        &self,
        read: Folder,
        restless: &BTreeSet<String>,
        actor: &str,
        told: &mut ReportedRefusals,
    ) -> Reloaded {
        let before = self.app.folder();
        let merge = merge(&before, read, restless);
        let mut reloaded = Reloaded {
            refused: merge.folder.refused.clone(),
            problems: merge.folder.problems.clone(),
            removed: merge.removed.clone(),
            ..Reloaded::default()
        };
        let mut folder = merge.folder;
        for (schedule, loaded) in self.load_all(merge.taken, actor).await {
            match loaded {
                Ok(arrival) => {
                    tracing::info!(schedule = schedule.name, "the schedule is loaded");
                    self.queue().put(arrival);
                    reloaded.taken.push(schedule.name.clone());
                }
                Err(error) => {
                    keep_former(&mut folder, &before, &schedule.name);
                    reloaded.failed = Some(format!("the ledger can't take a schedule: {error}"));
                    self.ledger_ails(&error.to_string());
                }
            }
        }
        self.remove(&reloaded.removed, actor).await;
        reloaded.mended = self.tell_mended(&folder, &reloaded.taken, actor, told).await;
        self.tell_refusals(&folder, actor, told).await;
        *self.app.folder.write().expect("no holder of the folder's lock can panic") = Arc::new(folder);
        self.set_heartbeats();
        self.tell_sender();
        reloaded
    }

    /// A heartbeat whose secret isn't set is reported and left out: calls don't depend on it.
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

    async fn load_all(&self, taken: Vec<Arc<Schedule>>, actor: &str) -> Vec<(Arc<Schedule>, LedgerResult<Arrival>)> {
        stream::iter(taken)
            .map(|schedule| async move { (Arc::clone(&schedule), self.load(schedule, actor).await) })
            .buffer_unordered(AT_ONCE)
            .collect()
            .await
    }

    async fn load(&self, schedule: Arc<Schedule>, actor: &str) -> LedgerResult<Arrival> {
        let loaded = LoadedSchedule::of(&schedule, self.now(), actor);
        let standing = self.ledger.load_schedule(loaded).await?;
        let last = self.ledger.runs(RunsAsk::Latest(schedule.name.clone())).await?.pop();
        if let Some(evaluated) = self.ledger.runs(RunsAsk::LatestEvaluated(schedule.name.clone())).await?.pop() {
            self.remember_run(&evaluated);
        }
        // A pause that ended while nobody was there; a cursor beyond it was set by a new cron, zone or `enabled`.
        let owed = last
            .filter(|run| run.state == RunState::Skipped && run.detail.as_deref() == Some("paused"))
            .map(|run| run.nominal_at)
            .filter(|nominal| schedule.enabled && *nominal >= standing.cursor);
        Ok(Arrival { schedule, cursor: standing.cursor, owed })
    }

    pub(super) async fn remove(&self, names: &[String], actor: &str) {
        for name in names {
            self.queue().remove(name);
            self.notifier.forget_schedule(name);
            self.of_runs().retain(|(_, schedule), _| schedule != name);
            match self.ledger.remove_schedule(name, self.now(), actor).await {
                Ok(cancelled) => tracing::warn!(schedule = name, cancelled, "the schedule's file is gone"),
                Err(error) => self.ledger_ails(&error.to_string()),
            }
        }
    }

    /// Schedules whose files went while the service was down: they stop as any other. Once, after the first load.
    pub async fn remove_forgotten(&self) -> LedgerResult<()> {
        let folder = self.app.folder();
        let known = self.ledger.schedules(None).await?.into_iter().map(|standing| standing.name);
        let gone: Vec<String> =
            known.filter(|name| !folder.schedules.contains_key(name) && !folder.refuses(name)).collect();
        self.remove(&gone, ACTOR).await;
        Ok(())
    }

    /// One line for `systemctl status`.
    #[must_use]
    pub fn status_line(&self) -> String {
        let folder = self.app.folder();
        let mut fault = match self.ledger.writing().failure {
            Some(why) => format!("DOWN: nobody is called: {why}; "),
            None => String::new(),
        };
        if let Some(loss) = self.ledger.loss() {
            fault += &format!("DOWN: nobody is called: {loss}; ");
        }
        if self.vitals.is_stand_in() {
            fault += "FAULT: the scheduler fell silent, a plain timer beats; ";
        }
        let mut line = match folder.schedules.len() {
            1 => format!("{fault}1 schedule loaded"),
            count => format!("{fault}{count} schedules loaded"),
        };
        if let Some(first) = folder.refused.first() {
            line += &format!(", {} refused ({first}: {})", folder.refused.len(), refusal(&folder, first));
        }
        if let Some(why) = &folder.fault {
            line += &format!(", {why}");
        }
        let unsendable = self.app.sender.as_ref().map(|sender| sender.problems()).unwrap_or_default();
        if let Some((name, why)) = unsendable.first_key_value() {
            line += &format!(", {} cannot send ({name}: {why})", unsendable.len());
        }
        let queue = self.queue();
        if queue.waiting() > 0 {
            line += &format!(", {} waiting for their source", queue.waiting());
        }
        if let Some((at, name)) = queue.next_poll() {
            let at = at.strftime("%Y-%m-%dT%H:%M:%SZ");
            line += &format!(", next run {at} ({name})");
        }
        line
    }
}

fn heartbeat_url(secret: &SecretRef, secrets: &Secrets) -> Result<Url, String> {
    let text = secrets.resolve(secret).map_err(|error| error.to_string())?;
    Url::parse(text.expose_secret()).map_err(|error| format!("it is no URL: {error}"))
}

fn keep_former(folder: &mut Folder, before: &Folder, name: &str) {
    match before.schedules.get(name) {
        Some(former) => folder.schedules.insert(name.to_owned(), Arc::clone(former)),
        None => folder.schedules.remove(name),
    };
}

impl Reloaded {
    /// What `tickler reload` answers: 78 when a file is refused.
    #[must_use]
    pub fn answer(&self) -> Answer {
        let is_ok = self.refused.is_empty() && self.failed.is_none();
        let problems: Vec<PlacedProblem> = self.problems.iter().map(Problem::placed).collect();
        let exit = match (&self.failed, self.refused.is_empty()) {
            (Some(_), _) => 1,
            (None, false) => 78,
            (None, true) => 0,
        };
        let body = json!({
            "ok": is_ok,
            "taken": self.taken,
            "mended": self.mended,
            "removed": self.removed,
            "refused": self.refused,
            "problems": problems,
        });
        Answer { exit, message: self.failed.clone(), ..Answer::of(Exit::Done, &body) }
    }
}
