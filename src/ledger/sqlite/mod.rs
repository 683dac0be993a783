//! shell: the ledger in one SQLite file: one writer thread with group commit, read-only readers beside it.

mod append;
mod apply;
mod appointment_filter;
mod backup;
mod chain_table;
mod columns;
mod continuity;
mod errors;
mod files;
mod held;
mod knowledge;
mod loss;
mod maintenance;
mod pauses;
mod put;
mod queries;
mod readers;
mod restore;
mod runs;
mod schedules;
mod schema;
mod statements;
mod steps;
mod store;
mod wal;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use tokio::sync::Semaphore;

use super::verbs::Tx;
use super::writer::Writer;
use super::{
    AcceptLoss, CancelByHand, FreshRead, Head, Holds, KnowledgeAsk, Ledger, LedgerError, LedgerResult, LoadedSchedule,
    Loss, Machine, PassedOver, Pause, Prune, Pruned, RecordedRun, Recover, Recovered, ReminderAsk, ReminderBrief,
    ReminderRow, Resolve, Restored, RunRecord, RunRow, RunStart, RunsAsk, ScheduleStanding, SettledAndTaken,
    Settlement, TakeIntents, Taken, Tally, Verification, Writing,
};
use crate::audit::{AuditFilter, AuditRow, Entry};
use crate::clock::Clock;
use crate::plan::Knowledge;
use crate::reminder::RunId;
use crate::zones::Zones;
use continuity::{Before, Continuity};
use readers::Readers;
pub use restore::{Restore, restore, restore_by};
use schema::Copies;
pub use steps::Steps;

/// From so many reminders on, asked for by their ids, two readers look them up side by side: fewer are found sooner than a
/// second thread is on its way.
const WORTH_TWO_READERS: usize = 1_000;

/// What the ledger is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// To change it: takes the lock, creates what is missing.
    Write,
    /// To read it beside a running service; nothing is created.
    Read,
}

/// A ledger in one SQLite file. Beside it: `.lock` (who writes), `.key` (for the phone hashes), `-wal` and `-shm`.
pub struct SqliteLedger {
    path: PathBuf,
    writer: Option<Writer>,
    readers: Arc<Readers>,
    /// Places for reads that end soon: as many as there are connections kept, so that a burst of reads opens no more.
    places: Semaphore,
    /// What was found when it was opened for reading.
    found: Option<Loss>,
    continuity: Option<Arc<Continuity>>,
    steps: Steps,
}

/// Whether there is no ledger at `path`: no file, or one without a byte. In a folder that may not be looked into there may
/// be one: opening it shows that.
#[must_use]
pub fn is_missing(path: &Path) -> bool {
    !SqliteLedger::exists(path) || std::fs::metadata(path).is_ok_and(|file| file.len() == 0)
}

/// What was lost of a ledger that [`is_missing`], if there was one.
#[must_use]
pub fn loss_of_missing(path: &Path) -> Option<Loss> {
    Before::of(path).ok().and_then(Before::lost)
}

/// How often a process that waits for the lock looks again.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

impl SqliteLedger {
    /// Whether there is a ledger at `path`; where there is none it counts as empty. In a folder that may not be looked
    /// into there may be one: opening it tells.
    #[must_use]
    pub fn exists(path: &Path) -> bool {
        path.try_exists().unwrap_or(true)
    }

    /// Opens the ledger; [`Access::Write`] creates it when it is missing and brings its schema up to date (after a copy).
    ///
    /// # Errors
    /// [`LedgerError::Busy`] when another process writes it, [`LedgerError::Refused`] when it is to be read and isn't
    /// there, [`LedgerError::NewerSchema`], and [`LedgerError::Storage`] for everything the disk has against it.
    pub fn open(path: impl AsRef<Path>, access: Access, zones: Zones) -> LedgerResult<Arc<Self>> {
        let path = path.as_ref().to_owned();
        match access {
            Access::Read => Self::open_for_reading(path),
            Access::Write => Self::open_for_writing(path, zones, Steps::default()),
        }
    }

    /// As [`SqliteLedger::open`] for writing, by steps that can be watched.
    ///
    /// # Errors
    /// As [`SqliteLedger::open`].
    pub fn open_by(path: impl AsRef<Path>, zones: Zones, steps: Steps) -> LedgerResult<Arc<Self>> {
        Self::open_for_writing(path.as_ref().to_owned(), zones, steps)
    }

    /// As [`SqliteLedger::open`] for writing, but waits up to `patience` of the clock's monotonic time for whoever holds
    /// the ledger.
    ///
    /// # Errors
    /// As [`SqliteLedger::open`].
    pub async fn open_waiting(
        path: impl AsRef<Path>,
        zones: Zones,
        clock: &dyn Clock,
        patience: Duration,
    ) -> LedgerResult<Arc<Self>> {
        let until = clock.monotonic() + patience;
        loop {
            match Self::open(path.as_ref(), Access::Write, zones.clone()) {
                Err(LedgerError::Busy(_)) if clock.monotonic() < until => clock.sleep(LOOK_AGAIN).await,
                opened => return opened,
            }
        }
    }

    fn open_for_reading(path: PathBuf) -> LedgerResult<Arc<Self>> {
        if is_missing(&path) {
            let place = path.display();
            return Err(LedgerError::Refused(format!("there is no ledger at {place} yet")));
        }
        if restore::is_unfinished(&path) {
            // whoever opens it for writing finishes it
            return Err(LedgerError::Refused(format!(
                "a restore of {} was cut short: start the service, or any verb that changes something, to finish it",
                path.display()
            )));
        }
        // before the log is read: a service that goes on meanwhile only adds to it
        let testimony = continuity::testimony(&path)?;
        let readers = Arc::new(Readers::new(path.clone(), files::read_key(&path)?));
        readers.check_schema()?;
        let found = readers.read(|reader| {
            reader.key.iter().try_for_each(|key| files::check_key(&path, &reader.conn, key))?;
            continuity::loss_for_reader(&path, &reader.conn, testimony)
        })?;
        let places = Semaphore::new(readers::KEPT);
        Ok(Arc::new(Self { path, writer: None, readers, places, found, continuity: None, steps: Steps::default() }))
    }

    fn open_for_writing(path: PathBuf, zones: Zones, steps: Steps) -> LedgerResult<Arc<Self>> {
        let lock = files::lock(&path)?;
        restore::finish(&path, &steps)?;
        let before = Before::of(&path)?;
        before.keep_traces(&path)?;
        let conn = schema::open(&path, Copies::Kept, &steps)?;
        let key = files::key(&path, &conn, &steps)?;
        let continuity = Arc::new(Continuity::begin(&path, &conn, &before)?);
        let readers = Arc::new(Readers::new(path.clone(), Some(key)));
        let watch = Arc::clone(&continuity);
        let writer = Writer::start(zones, move |jobs| {
            match store::SqliteStore::new(&conn, &key) {
                Ok(store) => jobs.work(&store.watched(Arc::clone(&watch))),
                // whoever asks is answered that the writer has ended
                Err(error) => tracing::error!(%error, "the ledger's writer can't begin"),
            }
            watch.close(conn);
            drop(lock); // last: whoever takes it next finds the file closed
        })?;
        let places = Semaphore::new(readers::KEPT);
        Ok(Arc::new(Self {
            path,
            writer: Some(writer),
            readers,
            places,
            found: None,
            continuity: Some(continuity),
            steps,
        }))
    }

    pub(in crate::ledger) async fn write<T: Send + 'static>(
        &self,
        work: impl Fn(&Tx<'_>) -> LedgerResult<T> + Send + 'static,
    ) -> LedgerResult<T> {
        self.writer.as_ref().ok_or(LedgerError::ReadOnly)?.perform(work).await
    }

    /// A read that ends soon; it waits for its place among the others.
    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&readers::Reader) -> LedgerResult<T> + Send + 'static,
    ) -> LedgerResult<T> {
        let _place = self.places.acquire().await.expect("the places are never closed");
        self.read_aside(work).await
    }

    /// A read that may take long: it takes no other's place.
    async fn read_aside<T: Send + 'static>(
        &self,
        work: impl FnOnce(&readers::Reader) -> LedgerResult<T> + Send + 'static,
    ) -> LedgerResult<T> {
        let readers = Arc::clone(&self.readers);
        let reading = tokio::task::spawn_blocking(move || readers.read(work));
        reading.await.map_err(|_| LedgerError::Storage("a read of the ledger broke off".into()))?
    }
}

#[async_trait]
impl Ledger for SqliteLedger {
    async fn load_schedule(&self, loaded: LoadedSchedule) -> LedgerResult<ScheduleStanding> {
        self.write(move |tx| tx.load_schedule(&loaded)).await
    }
    async fn remove_schedule(&self, name: &str, now: Timestamp, actor: &str) -> LedgerResult<u64> {
        let (name, actor) = (name.to_owned(), actor.to_owned());
        self.write(move |tx| tx.remove_schedule(&name, now, &actor)).await
    }
    async fn schedules(&self) -> LedgerResult<Vec<ScheduleStanding>> {
        self.read(|reader| schedules::standings(&reader.conn, None)).await
    }
    async fn schedule(&self, name: &str) -> LedgerResult<Option<ScheduleStanding>> {
        let name = name.to_owned();
        self.read(move |reader| Ok(schedules::standings(&reader.conn, Some(&name))?.pop())).await
    }
    async fn begin_run(&self, start: RunStart) -> LedgerResult<Option<RunId>> {
        self.write(move |tx| tx.begin_run(&start)).await
    }
    async fn record_run(&self, record: RunRecord) -> LedgerResult<RecordedRun> {
        self.write(move |tx| tx.record_run(&record)).await
    }
    async fn pass_over(&self, passed: PassedOver) -> LedgerResult<()> {
        self.write(move |tx| tx.pass_over(&passed)).await
    }
    async fn postpone_run(&self, run: RunId, at: Timestamp, detail: &str) -> LedgerResult<()> {
        let detail = detail.to_owned();
        self.write(move |tx| tx.postpone_run(run, at, &detail)).await
    }
    async fn open_runs(&self) -> LedgerResult<Vec<RunRow>> {
        self.read(|reader| runs::select(&reader.conn, &RunsAsk::Open)).await
    }
    async fn run(&self, run: RunId) -> LedgerResult<Option<RunRow>> {
        self.read(move |reader| Ok(runs::select(&reader.conn, &RunsAsk::Id(run))?.pop())).await
    }
    async fn runs_beginning(&self, prefix: &str) -> LedgerResult<Vec<RunId>> {
        let prefix = prefix.to_owned();
        self.read(move |reader| queries::runs_beginning(&reader.conn, &prefix)).await
    }
    async fn last_run(&self, schedule: &str) -> LedgerResult<Option<RunRow>> {
        let schedule = schedule.to_owned();
        self.read(move |reader| Ok(runs::select(&reader.conn, &RunsAsk::Latest(schedule.clone()))?.pop())).await
    }
    async fn last_evaluated(&self, schedule: &str) -> LedgerResult<Option<RunRow>> {
        let schedule = schedule.to_owned();
        self.read(move |reader| Ok(runs::select(&reader.conn, &RunsAsk::LatestEvaluated(schedule.clone()))?.pop()))
            .await
    }
    async fn schedule_text(&self, text_hash: &str) -> LedgerResult<Option<String>> {
        let hash = text_hash.to_owned();
        self.read(move |reader| schedules::text(&reader.conn, &hash)).await
    }
    async fn knowledge(&self, ask: KnowledgeAsk) -> LedgerResult<Knowledge> {
        self.read(move |reader| knowledge::load(&reader.conn, &ask)).await
    }
    async fn told_starts(&self, schedule: &str, ids: &[String]) -> LedgerResult<HashMap<String, Timestamp>> {
        let (schedule, ids) = (schedule.to_owned(), ids.to_vec());
        self.read(move |reader| knowledge::told_starts(&reader.conn, &schedule, ids)).await
    }
    async fn reconcile(&self, fresh: FreshRead) -> LedgerResult<RecordedRun> {
        self.write(move |tx| tx.reconcile(&fresh)).await
    }
    async fn take_intents(&self, ask: TakeIntents) -> LedgerResult<Taken> {
        self.write(move |tx| tx.take_intents(&ask)).await
    }
    async fn settle(&self, settlement: Settlement) -> LedgerResult<bool> {
        self.write(move |tx| tx.settle(&settlement)).await
    }
    async fn settle_and_take(
        &self,
        ended: Arc<[Settlement]>,
        ask: Option<TakeIntents>,
    ) -> LedgerResult<SettledAndTaken> {
        self.write(move |tx| tx.exchange(&ended, ask.as_ref())).await
    }
    async fn recover(&self, recover: Recover) -> LedgerResult<Recovered> {
        self.write(move |tx| tx.recover(&recover)).await
    }
    async fn resolve(&self, resolve: Resolve) -> LedgerResult<ReminderRow> {
        self.write(move |tx| tx.resolve(&resolve)).await
    }
    async fn cancel(&self, cancel: CancelByHand) -> LedgerResult<ReminderRow> {
        self.write(move |tx| tx.cancel(&cancel)).await
    }
    async fn next_due(&self, schedules: &[String]) -> LedgerResult<Option<Timestamp>> {
        let schedules = schedules.to_vec();
        self.read(move |reader| queries::next_due(&reader.conn, &schedules)).await
    }
    async fn expire(&self, now: Timestamp) -> LedgerResult<u64> {
        self.write(move |tx| tx.expire_all(now)).await
    }
    async fn reminders(&self, ask: ReminderAsk) -> LedgerResult<Vec<ReminderRow>> {
        self.read_aside(move |reader| queries::reminders(&reader.conn, &ask)).await
    }
    async fn briefs(&self, mut ask: ReminderAsk) -> LedgerResult<Vec<ReminderBrief>> {
        let read = |ask| self.read(move |reader| queries::briefs(&reader.conn, &ask));
        if ask.ids.len() < WORTH_TWO_READERS || ask.limit.is_some() {
            return read(ask).await;
        }
        let second = ReminderAsk { ids: ask.ids.split_off(ask.ids.len() / 2), ..ask.clone() };
        let (mut first, second) = tokio::try_join!(read(ask), read(second))?;
        first.extend(second);
        Ok(first)
    }
    async fn tally(&self) -> LedgerResult<Tally> {
        self.read(|reader| queries::tally(&reader.conn)).await
    }
    async fn pause(&self, pause: Pause) -> LedgerResult<()> {
        self.write(move |tx| tx.pause(&pause)).await
    }
    async fn resume(&self, schedule: Option<&str>, now: Timestamp, actor: &str) -> LedgerResult<()> {
        let (schedule, actor) = (schedule.map(str::to_owned), actor.to_owned());
        self.write(move |tx| tx.resume(schedule.as_deref(), now, &actor)).await
    }
    async fn holds(&self, machine: Machine) -> LedgerResult<Holds> {
        let (lost, of_machine) = (self.loss(), machine.clone());
        match self.read(move |reader| pauses::holds(&reader.conn, machine)).await {
            Ok(holds) => Ok(Holds { lost, ..holds }),
            // a file that is gone can't be read either, and the loss says why
            Err(_) if lost.is_some() => Ok(Holds { lost, machine: of_machine, ..Holds::default() }),
            Err(error) => Err(error),
        }
    }
    async fn append(&self, entries: Vec<Entry<'static>>) -> LedgerResult<()> {
        self.write(move |tx| entries.iter().try_for_each(|entry| tx.store.append(entry))).await
    }
    async fn audit(&self, filter: AuditFilter) -> LedgerResult<Vec<AuditRow>> {
        self.read_aside(move |reader| queries::audit(reader, &filter)).await
    }
    async fn head(&self) -> LedgerResult<Head> {
        self.read(|reader| chain_table::head(&reader.conn)).await
    }
    async fn verify(&self) -> LedgerResult<Verification> {
        let found = self.read_aside(|reader| chain_table::verify(&reader.conn, reader.key.as_ref())).await?;
        let lost = self.loss().filter(|_| found.broken.is_none());
        Ok(match lost {
            Some(loss) => Verification { broken: Some((found.head.seq + 1, loss.to_string())), ..found },
            None => found,
        })
    }
    fn loss(&self) -> Option<Loss> {
        self.continuity.as_ref().map_or_else(|| self.found.clone(), |watch| watch.loss())
    }
    async fn accept_loss(&self, accepted: AcceptLoss) -> LedgerResult<Restored> {
        let restored = self.write(move |tx| tx.accept_loss(&accepted)).await?;
        if let Some(watch) = &self.continuity {
            watch.accept();
        }
        // the next commit is witnessed
        self.write(|_| Ok(())).await?;
        Ok(restored)
    }
    async fn prune(&self, prune: Prune) -> LedgerResult<Pruned> {
        self.write(move |tx| tx.prune(&prune)).await
    }
    async fn backup(&self, file: &Path) -> LedgerResult<()> {
        let (path, file, steps) = (self.path.clone(), file.to_owned(), self.steps.clone());
        self.read_aside(move |reader| backup::copy(reader, &path, &file, &steps)).await
    }
    async fn tidy(&self) -> LedgerResult<()> {
        if let Some(loss @ Loss::Exchanged(_)) = self.loss() {
            return Err(LedgerError::Refused(loss.sentence()));
        }
        let path = self.path.clone();
        self.read_aside(move |_| schema::empty_log(&path)).await
    }
    fn writing(&self) -> Writing {
        self.writer.as_ref().map(Writer::writing).unwrap_or_default()
    }
    async fn probe(&self) -> LedgerResult<()> {
        self.write(|tx| tx.store.touch()).await
    }
    async fn is_alive(&self) -> bool {
        match &self.writer {
            Some(writer) => writer.answers().await,
            None => true,
        }
    }
    async fn ended(&self) {
        match &self.writer {
            Some(writer) => writer.ended().await,
            None => std::future::pending().await,
        }
    }
    #[cfg(test)]
    async fn refuse_commits(&self, refusal: bool) {
        self.writer.as_ref().expect("it is written").refuse_commits(refusal);
    }
    #[cfg(test)]
    async fn break_off(&self) {
        self.writer.as_ref().expect("it is written").break_off().await;
    }
}
