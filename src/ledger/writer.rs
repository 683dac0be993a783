//! shell: group commit over any store: the one thread that writes takes all jobs that wait, commits once, then answers all.
//!
//! A job is a function that may run twice. What became of a group that ran in one transaction:
//!
//! | in the group | the transaction | each caller gets |
//! |---|---|---|
//! | every job did its work, or was refused before it wrote anything | is committed: [`GroupEnd::Committed`] | its job's result or refusal |
//! | all well, but it could not begin, or its commit failed | is rolled back: [`GroupEnd::NotCommitted`] | its job's refusal, or that error |
//! | a job wrote something and then failed, or panicked | is rolled back: [`GroupEnd::Undone`] | alone: its job's failure; among others: all run again |
//!
//! When they run again, each job has a savepoint of its own, so that what fails undoes nothing of the others. They don't run
//! so at once because a savepoint makes SQLite copy every page that is changed after it. A store may give a transaction up
//! by itself (a full disk): those that were in it get that error, and the rest a new transaction.

#[cfg(test)]
pub(super) mod tests;

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, mpsc};
use std::thread::JoinHandle;

use tokio::sync::{oneshot, watch};

use super::openings::Openings;
use super::store::Transaction;
use super::verbs::Tx;
use super::{LedgerError, LedgerResult, Writing};
use crate::zones::Zones;

/// Jobs of one commit, so that none waits for long.
const MAX_JOBS: usize = 1_024;

/// A job that waits for its transaction.
trait Job: Send {
    /// Runs inside the transaction.
    fn run(&mut self, tx: &Tx<'_>) -> Result<(), JobError>;
    /// What it came to is undone.
    fn forget(&mut self);
    /// Does what a job may only do outside a transaction; its own is committed.
    fn after_commit(&mut self, store: &dyn Transaction);
    /// Answers its caller: what it came to, or what became of its transaction.
    fn answer(self: Box<Self>, failure: Option<&LedgerError>);
}

/// The job has an error for its caller.
struct JobError {
    /// Whether it could not read or write: then it is to be found out whether anything can be written.
    is_of_storage: bool,
}

/// What one caller asked.
struct AskedJob<T, W> {
    work: W,
    /// `None` when it has not run, or panicked.
    result: Option<LedgerResult<T>>,
    caller: oneshot::Sender<LedgerResult<T>>,
    afterwards: Afterwards,
}

/// What follows a job's commit, before its caller is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Afterwards {
    Nothing,
    /// The store's files are written anew: see [`Transaction::overwrite`].
    Overwrite,
}

impl<T: Send, W: Fn(&Tx<'_>) -> LedgerResult<T> + Send> Job for AskedJob<T, W> {
    fn run(&mut self, tx: &Tx<'_>) -> Result<(), JobError> {
        self.result = None;
        let result = (self.work)(tx);
        let refused = |error: &LedgerError| JobError { is_of_storage: matches!(error, LedgerError::Storage(_)) };
        let ran = result.as_ref().map(drop).map_err(refused);
        self.result = Some(result);
        ran
    }

    fn forget(&mut self) {
        self.result = None;
    }

    fn after_commit(&mut self, store: &dyn Transaction) {
        if self.afterwards == Afterwards::Overwrite
            && matches!(self.result, Some(Ok(_)))
            && let Err(error) = store.overwrite()
        {
            self.result = Some(Err(error));
        }
    }

    fn answer(self: Box<Self>, failure: Option<&LedgerError>) {
        let answer = match (self.result, failure) {
            (Some(Ok(result)), None) => Ok(result),
            (Some(Err(refusal)), _) => Err(refusal),
            (Some(Ok(_)) | None, Some(failure)) => Err(failure.clone()),
            (None, None) => Err(broke_off()),
        };
        // a caller that went away needs no answer
        let _gone = self.caller.send(answer);
    }
}

fn broke_off() -> LedgerError {
    LedgerError::Storage("a bug in tickler interrupted the ledger's work; nothing was changed".into())
}

fn has_ended() -> LedgerError {
    LedgerError::Storage(
        "the ledger's writer has ended because of a bug in tickler: what it was asked was written whole or not at all, and \
         nothing more is until the program is started again"
            .into(),
    )
}

fn given_up() -> LedgerError {
    LedgerError::Storage(
        "the ledger's transaction was rolled back; check for a full or failing disk; nothing was changed".into(),
    )
}

/// The thread's handle. Dropping it lets the thread end its work, and whatever it was started with.
pub(super) struct Writer {
    jobs: Option<mpsc::Sender<Box<dyn Job>>>,
    thread: Option<JoinHandle<()>>,
    /// Closed by the thread's end.
    end: watch::Receiver<()>,
    commits: Arc<Commits>,
}

/// What the commits of the thread have come to.
#[derive(Debug, Default)]
struct Commits {
    writing: Mutex<Writing>,
    /// Whether commits fail as on a full disk.
    #[cfg(test)]
    are_refused: std::sync::atomic::AtomicBool,
}

impl Commits {
    fn writing(&self) -> MutexGuard<'_, Writing> {
        self.writing.lock().expect("no holder of this lock can panic")
    }
}

/// The jobs, for the thread that writes.
pub(super) struct Jobs {
    waiting: mpsc::Receiver<Box<dyn Job>>,
    openings: Openings,
    commits: Arc<Commits>,
}

impl Writer {
    /// Starts the thread: `run` opens the store's side of it and hands it to [`Jobs::work`].
    pub(super) fn start(zones: Zones, run: impl FnOnce(&Jobs) + Send + 'static) -> LedgerResult<Self> {
        let (jobs, waiting) = mpsc::channel();
        let (living, end) = watch::channel(());
        let commits = Arc::<Commits>::default();
        let shared = Arc::clone(&commits);
        let work = move || {
            let _living = living;
            run(&Jobs { waiting, openings: Openings::new(zones), commits: shared });
        };
        let thread = std::thread::Builder::new()
            .name("ledger".into())
            .spawn(work)
            .map_err(|error| LedgerError::Storage(format!("the ledger's writer can't start: {error}")))?;
        Ok(Self { jobs: Some(jobs), thread: Some(thread), end, commits })
    }

    /// Does `work` in the next transaction and answers after its commit. It may be done twice: see the module's table.
    pub(super) async fn perform<T: Send + 'static>(
        &self,
        work: impl Fn(&Tx<'_>) -> LedgerResult<T> + Send + 'static,
        afterwards: Afterwards,
    ) -> LedgerResult<T> {
        let (caller, answer) = oneshot::channel();
        let asked = Box::new(AskedJob { work, result: None, caller, afterwards });
        self.jobs.as_ref().and_then(|jobs| jobs.send(asked).ok()).ok_or_else(has_ended)?;
        answer.await.map_err(|_| has_ended())?
    }

    /// Whether the thread answers at all, be it that nothing can be written.
    pub(super) async fn answers(&self) -> bool {
        let (caller, answer) = oneshot::channel();
        let asked =
            Box::new(AskedJob { work: |_: &Tx<'_>| Ok(()), result: None, caller, afterwards: Afterwards::Nothing });
        self.jobs.as_ref().is_some_and(|jobs| jobs.send(asked).is_ok()) && answer.await.is_ok()
    }

    /// What the latest commits came to.
    pub(super) fn writing(&self) -> Writing {
        self.commits.writing().clone()
    }

    /// Returns when the thread has ended, which only a bug makes it do.
    pub(super) async fn ended(&self) {
        let mut end = self.end.clone();
        while end.changed().await.is_ok() {}
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.jobs.take());
        if let Some(thread) = self.thread.take() {
            let _panicked = thread.join();
        }
    }
}

/// How a job ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum JobEnd {
    /// It did its work.
    Done,
    /// It was refused and had written nothing.
    Refused,
    /// It had written something and then failed, it panicked, or the transaction was given up under it.
    Failed,
}

/// What became of a group that ran in one transaction.
enum GroupEnd {
    /// Everything that was done is durable.
    Committed,
    /// The store could not begin or commit; nothing was written.
    NotCommitted(LedgerError),
    /// A job failed; nothing was written.
    Undone,
}

impl Jobs {
    /// Works until the writer's handle is dropped.
    pub(super) fn work(&self, store: &dyn Transaction) {
        let tx = Tx { store, openings: &self.openings };
        let (writes_before, is_suspect) = (Cell::new(0), Cell::new(false));
        let group = Group { store, tx, commits: &self.commits, writes_before, is_suspect };
        while let Ok(first) = self.waiting.recv() {
            let mut jobs: Vec<_> = std::iter::once(first).chain(self.waiting.try_iter()).take(MAX_JOBS).collect();
            match group.run_together(&mut jobs) {
                GroupEnd::Committed => {
                    jobs.iter_mut().for_each(|job| job.after_commit(store));
                    answer_all(&mut jobs, None);
                }
                GroupEnd::NotCommitted(error) => answer_all(&mut jobs, Some(&error)),
                GroupEnd::Undone if jobs.len() == 1 => answer_all(&mut jobs, None),
                GroupEnd::Undone => {
                    jobs.iter_mut().for_each(|job| job.forget());
                    group.run_apart(jobs);
                }
            }
            if group.is_suspect.take()
                && let Err(error) = group.try_to_write()
            {
                tracing::debug!(%error, "the ledger cannot be written");
            }
        }
    }
}

fn answer_all(jobs: &mut Vec<Box<dyn Job>>, failure: Option<&LedgerError>) {
    jobs.drain(..).for_each(|job| job.answer(failure));
}

/// Runs jobs that share a transaction.
struct Group<'a> {
    store: &'a dyn Transaction,
    tx: Tx<'a>,
    commits: &'a Commits,
    /// [`Transaction::writes`] when the transaction began: a commit of nothing proves nothing.
    writes_before: Cell<u64>,
    /// A job could not read or write: whether anything can be written is to be tried.
    is_suspect: Cell<bool>,
}

impl Group<'_> {
    fn run(&self, job: &mut dyn Job) -> JobEnd {
        let before = self.store.writes();
        let ran = catch_unwind(AssertUnwindSafe(|| job.run(&self.tx)));
        match ran {
            _ if !self.store.is_open() => JobEnd::Failed,
            Ok(Ok(())) => JobEnd::Done,
            Ok(Err(refused)) => {
                self.is_suspect.set(self.is_suspect.get() || refused.is_of_storage);
                if self.store.writes() == before { JobEnd::Refused } else { JobEnd::Failed }
            }
            Err(_) => JobEnd::Failed,
        }
    }

    fn begin(&self) -> LedgerResult<()> {
        self.writes_before.set(self.store.writes());
        self.store.begin().inspect_err(|error| self.note_failure(error))
    }

    fn commit(&self) -> LedgerResult<()> {
        #[cfg(test)]
        if self.commits.are_refused.load(std::sync::atomic::Ordering::Relaxed) {
            self.store.rollback();
            self.note_failure(&given_up());
            return Err(given_up());
        }
        let has_written = self.store.writes() != self.writes_before.get();
        let committed = self.store.commit();
        match &committed {
            Ok(()) if has_written => self.commits.writing().succeeded(),
            Ok(()) => {}
            Err(error) => self.note_failure(error),
        }
        committed
    }

    fn note_failure(&self, error: &LedgerError) {
        self.commits.writing().failed(error.to_string());
    }

    /// A commit of its own, for nobody.
    fn try_to_write(&self) -> LedgerResult<()> {
        self.begin()?;
        match self.store.touch() {
            Ok(()) => self.commit(),
            Err(error) => {
                self.note_failure(&error);
                self.store.rollback();
                Err(error)
            }
        }
    }

    fn run_together(&self, jobs: &mut [Box<dyn Job>]) -> GroupEnd {
        if let Err(error) = self.begin() {
            return GroupEnd::NotCommitted(error);
        }
        let is_alone = jobs.len() == 1;
        for job in jobs {
            match self.run(job.as_mut()) {
                JobEnd::Done | JobEnd::Refused => {}
                JobEnd::Failed => {
                    let was_given_up = !self.store.is_open();
                    self.store.rollback();
                    if was_given_up {
                        self.note_failure(&given_up());
                    }
                    return match is_alone && was_given_up {
                        true => GroupEnd::NotCommitted(given_up()),
                        false => GroupEnd::Undone,
                    };
                }
            }
        }
        match self.commit() {
            Ok(()) => GroupEnd::Committed,
            Err(error) => GroupEnd::NotCommitted(error),
        }
    }

    /// Runs each job in a savepoint of its own.
    fn run_apart(&self, jobs: Vec<Box<dyn Job>>) {
        let mut done = Vec::with_capacity(jobs.len());
        for mut job in jobs {
            if !self.store.is_open()
                && let Err(error) = self.begin()
            {
                job.answer(Some(&error));
                continue;
            }
            self.run_in_savepoint(job.as_mut());
            done.push(job);
            if !self.store.is_open() {
                self.note_failure(&given_up());
                answer_all(&mut done, Some(&given_up()));
                self.store.rollback();
            }
        }
        let end = if self.store.is_open() { self.commit().err() } else { None };
        if end.is_none() {
            done.iter_mut().for_each(|job| job.after_commit(self.store));
        }
        answer_all(&mut done, end.as_ref());
    }

    /// A store that can't begin, keep or undo a savepoint has lost its transaction.
    fn run_in_savepoint(&self, job: &mut dyn Job) {
        let ended = self.store.savepoint().and_then(|()| match self.run(job) {
            _ if !self.store.is_open() => Ok(()),
            JobEnd::Done => self.store.release(),
            JobEnd::Refused | JobEnd::Failed => self.store.undo(),
        });
        if ended.is_err() {
            self.store.rollback();
        }
    }
}
