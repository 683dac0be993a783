//! shell: the one thread that writes: it takes all verbs that wait, commits once, then answers all.

use std::cell::{Cell, RefCell};
use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;
use std::thread::JoinHandle;

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::chained::{Chain, Salts};
use super::files::Key;
use super::stored::Hours;
use crate::ledger::{LedgerError, LedgerResult};
use crate::zones::Zones;

/// What the writer works with; verbs are its methods, each in the file of its subject.
pub(super) struct Desk {
    pub(super) conn: Connection,
    pub(super) key: Key,
    pub(super) chain: Cell<Chain>,
    pub(super) salts: RefCell<Salts>,
    pub(super) hours: Hours,
}

impl Desk {
    pub(super) fn new(conn: Connection, key: Key, zones: Zones) -> LedgerResult<Self> {
        let chain = Cell::new(Chain::load(&conn)?);
        Ok(Self { conn, key, chain, salts: RefCell::default(), hours: Hours::new(zones) })
    }
}

/// Runs inside the transaction (or is told why there is none); what it gives back is told the transaction's end.
type Job = Box<dyn FnOnce(LedgerResult<&Desk>) -> Done + Send>;

struct Done {
    is_refused: bool,
    answer: Box<dyn FnOnce(Option<LedgerError>) + Send>,
}

/// The thread's handle. Dropping it lets the thread end its work, close the file and give up the lock.
pub(super) struct Writer {
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

/// Verbs of one commit, so that none waits for long.
const GROUP: usize = 1_024;

impl Writer {
    pub(super) fn start(desk: Desk, lock: File) -> LedgerResult<Self> {
        let (jobs, waiting) = mpsc::channel::<Job>();
        let thread = std::thread::Builder::new()
            .name("ledger".into())
            .spawn(move || {
                work(&desk, &waiting);
                drop(desk);
                drop(lock);
            })
            .map_err(|error| LedgerError::Storage(format!("the ledger's writer can't start: {error}")))?;
        Ok(Self { jobs: Some(jobs), thread: Some(thread) })
    }

    /// Does `work` in the next transaction and answers after its commit.
    pub(super) async fn perform<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Desk) -> LedgerResult<T> + Send + 'static,
    ) -> LedgerResult<T> {
        let (sender, answer) = oneshot::channel();
        let job: Job = Box::new(move |desk| {
            let result = desk.and_then(work);
            Done {
                is_refused: result.is_err(),
                answer: Box::new(move |failure| {
                    // a caller that went away needs no answer
                    let _gone = sender.send(failure.map_or(result, Err));
                }),
            }
        });
        let gone = || LedgerError::Storage("the ledger's writer broke off; nothing was changed".into());
        self.jobs.as_ref().and_then(|jobs| jobs.send(job).ok()).ok_or_else(gone)?;
        answer.await.map_err(|_| gone())?
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

fn work(desk: &Desk, waiting: &mpsc::Receiver<Job>) {
    while let Ok(first) = waiting.recv() {
        let group = std::iter::once(first).chain(waiting.try_iter()).take(GROUP);
        commit_group(desk, group);
    }
}

/// Runs a group in one transaction. When SQLite gives the whole transaction up (a full disk), those that were in it are
/// told so, and the rest gets a new one.
fn commit_group(desk: &Desk, group: impl Iterator<Item = Job>) {
    let mut answers = Vec::new();
    for job in group {
        if desk.conn.is_autocommit()
            && let Err(error) = desk.begin()
        {
            answers.push(job(Err(error)));
            continue;
        }
        answers.extend(desk.run_apart(job));
        if desk.conn.is_autocommit() {
            answer_all(&mut answers, Some(&lost()));
            desk.reload_chain();
        }
    }
    let end = if desk.conn.is_autocommit() { None } else { desk.commit().err() };
    answer_all(&mut answers, end.as_ref());
}

fn answer_all(answers: &mut Vec<Done>, failure: Option<&LedgerError>) {
    for done in answers.drain(..) {
        (done.answer)(failure.filter(|_| !done.is_refused).cloned());
    }
}

fn lost() -> LedgerError {
    LedgerError::Storage(
        "the ledger's transaction was given up; look for a full or failing disk; nothing was changed".into(),
    )
}

impl Desk {
    fn begin(&self) -> LedgerResult<()> {
        Ok(self.conn.prepare_cached("BEGIN IMMEDIATE")?.execute([]).map(drop)?)
    }

    fn commit(&self) -> LedgerResult<()> {
        let committed = self.save_head().and_then(|()| Ok(self.conn.prepare_cached("COMMIT")?.execute([])?));
        if committed.is_err() {
            // SQLite may have rolled back by itself already
            let _gone = self.conn.execute_batch("ROLLBACK");
            self.reload_chain();
        }
        committed.map(drop)
    }

    /// One verb in its own savepoint: what it refuses, or a panic in it, undoes nothing of the others.
    fn run_apart(&self, job: Job) -> Option<Done> {
        let before = self.chain.get();
        let done =
            self.step("SAVEPOINT verb").ok().and_then(|()| catch_unwind(AssertUnwindSafe(|| job(Ok(self)))).ok());
        let is_kept = done.as_ref().is_some_and(|done| !done.is_refused);
        if !is_kept && !self.conn.is_autocommit() {
            self.chain.set(before);
            let undone = self.step("ROLLBACK TO verb");
            if undone.is_err() {
                let _gone = self.conn.execute_batch("ROLLBACK");
                return done;
            }
        }
        if !self.conn.is_autocommit() && self.step("RELEASE verb").is_err() {
            let _gone = self.conn.execute_batch("ROLLBACK");
        }
        done
    }

    fn step(&self, sql: &str) -> LedgerResult<()> {
        Ok(self.conn.prepare_cached(sql)?.execute([]).map(drop)?)
    }

    /// The log's end as the file has it, after a transaction was lost.
    fn reload_chain(&self) {
        if let Ok(chain) = Chain::load(&self.conn) {
            self.chain.set(chain);
        }
    }
}
