//! shell: the one thread that writes: it takes all verbs that wait, commits once, then answers all.

#[cfg(test)]
mod tests;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;
use std::thread::JoinHandle;

use rusqlite::Connection;
use tokio::sync::{oneshot, watch};

use super::chained::{Chain, Salts};
use super::files::Key;
use super::kept::Kept;
use super::records::Card;
use super::stored::Hours;
use crate::ledger::chain::PhoneKey;
use crate::ledger::{LedgerError, LedgerResult};
use crate::reminder::ReminderId;
use crate::zones::Zones;

/// What the writer works with; verbs are its methods, each in the file of its subject.
pub(super) struct Desk<'c> {
    pub(super) conn: &'c Connection,
    pub(super) kept: Kept<'c>,
    pub(super) phone_key: PhoneKey,
    pub(super) chain: Cell<Chain>,
    pub(super) salts: RefCell<Salts>,
    pub(super) hours: Hours,
    /// What is being sent, as it was taken: nothing that settling reads of it changes meanwhile.
    pub(super) sending: RefCell<HashMap<ReminderId, Card>>,
}

impl<'c> Desk<'c> {
    pub(super) fn new(conn: &'c Connection, key: &Key, chain: Chain, zones: Zones) -> Self {
        Self {
            conn,
            kept: Kept::new(conn),
            phone_key: PhoneKey::new(key),
            chain: Cell::new(chain),
            salts: RefCell::default(),
            hours: Hours::new(zones),
            sending: RefCell::default(),
        }
    }
}

/// A verb that waits for its transaction.
trait Verb: Send {
    /// Runs inside the transaction.
    fn run(&mut self, desk: &Desk<'_>) -> Ran;
    /// What it came to is undone.
    fn forget(&mut self);
    /// Tells its caller what it came to, or what became of its transaction.
    fn answer(self: Box<Self>, failure: Option<&LedgerError>);
}

/// How a verb ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ran {
    Well,
    Refused,
}

/// What one caller asked.
struct Asked<T, W> {
    work: W,
    /// `None` when it has not run, or broke off.
    result: Option<LedgerResult<T>>,
    caller: oneshot::Sender<LedgerResult<T>>,
}

impl<T: Send, W: Fn(&Desk<'_>) -> LedgerResult<T> + Send> Verb for Asked<T, W> {
    fn run(&mut self, desk: &Desk<'_>) -> Ran {
        self.result = None;
        let result = (self.work)(desk);
        let ran = if result.is_ok() { Ran::Well } else { Ran::Refused };
        self.result = Some(result);
        ran
    }

    fn forget(&mut self) {
        self.result = None;
    }

    fn answer(self: Box<Self>, failure: Option<&LedgerError>) {
        let answer = match (self.result, failure) {
            (Some(Ok(result)), None) => Ok(result),
            (Some(Err(refusal)), _) => Err(refusal),
            (Some(Ok(_)) | None, Some(failure)) => Err(failure.clone()),
            (None, None) => Err(verb_broke_off()),
        };
        // a caller that went away needs no answer
        let _gone = self.caller.send(answer);
    }
}

fn verb_broke_off() -> LedgerError {
    LedgerError::Storage("a fault of this program broke the ledger's work off; nothing was changed".into())
}

fn has_ended() -> LedgerError {
    LedgerError::Storage(
        "the ledger's writer has ended by a fault of this program: what it was asked was written whole or not at all, and \
         nothing more is until the program is started again"
            .into(),
    )
}

/// The thread's handle. Dropping it lets the thread end its work, close the file and give up the lock.
pub(super) struct Writer {
    verbs: Option<mpsc::Sender<Box<dyn Verb>>>,
    thread: Option<JoinHandle<()>>,
    /// Closed by the thread's end.
    end: watch::Receiver<()>,
}

/// What the thread gets to begin with.
pub(super) struct Start {
    pub(super) conn: Connection,
    pub(super) key: Key,
    pub(super) zones: Zones,
    /// Given up when the thread ends.
    pub(super) lock: File,
}

/// Verbs of one commit, so that none waits for long.
const GROUP: usize = 1_024;

impl Writer {
    pub(super) fn start(start: Start) -> LedgerResult<Self> {
        let chain = Chain::load(&start.conn)?;
        let (verbs, waiting) = mpsc::channel::<Box<dyn Verb>>();
        let (living, end) = watch::channel(());
        let thread = std::thread::Builder::new()
            .name("ledger".into())
            .spawn(move || {
                let Start { conn, key, zones, lock } = start;
                work(&Desk::new(&conn, &key, chain, zones), &waiting);
                drop(conn);
                drop(lock);
                drop(living);
            })
            .map_err(|error| LedgerError::Storage(format!("the ledger's writer can't start: {error}")))?;
        Ok(Self { verbs: Some(verbs), thread: Some(thread), end })
    }

    /// Does `work` in the next transaction and answers after its commit. It may be done twice: when something that shares
    /// its transaction fails, the transaction is undone, and each verb gets another chance.
    pub(super) async fn perform<T: Send + 'static>(
        &self,
        work: impl Fn(&Desk<'_>) -> LedgerResult<T> + Send + 'static,
    ) -> LedgerResult<T> {
        let (caller, answer) = oneshot::channel();
        let asked = Box::new(Asked { work, result: None, caller });
        self.verbs.as_ref().and_then(|verbs| verbs.send(asked).ok()).ok_or_else(has_ended)?;
        answer.await.map_err(|_| has_ended())?
    }

    /// Returns when the thread has ended, which it does by itself only by a fault of this program.
    pub(super) async fn ended(&self) {
        let mut end = self.end.clone();
        while end.changed().await.is_ok() {}
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.verbs.take());
        if let Some(thread) = self.thread.take() {
            let _panicked = thread.join();
        }
    }
}

fn work(desk: &Desk<'_>, waiting: &mpsc::Receiver<Box<dyn Verb>>) {
    while let Ok(first) = waiting.recv() {
        let mut group: Vec<_> = std::iter::once(first).chain(waiting.try_iter()).take(GROUP).collect();
        match desk.run_together(&mut group) {
            Together::Over(failure) => answer_all(&mut group, failure.as_ref()),
            Together::Undone => run_one_by_one(desk, group),
        }
    }
}

/// How a group in one transaction went.
enum Together {
    /// Committed, or failed with this.
    Over(Option<LedgerError>),
    /// One of several can't be kept: nothing was changed.
    Undone,
}

/// Runs a group in one transaction, each verb by itself. When SQLite gives the whole transaction up (a full disk), those
/// that were in it are told so, and the rest gets a new one.
fn run_one_by_one(desk: &Desk<'_>, group: Vec<Box<dyn Verb>>) {
    let mut done = Vec::with_capacity(group.len());
    for mut verb in group {
        if desk.conn.is_autocommit()
            && let Err(error) = desk.begin()
        {
            verb.answer(Some(&error));
            continue;
        }
        desk.run_apart(verb.as_mut());
        done.push(verb);
        if desk.conn.is_autocommit() {
            answer_all(&mut done, Some(&lost()));
            desk.forget();
        }
    }
    let end = if desk.conn.is_autocommit() { None } else { desk.commit().err() };
    answer_all(&mut done, end.as_ref());
}

fn answer_all(verbs: &mut Vec<Box<dyn Verb>>, failure: Option<&LedgerError>) {
    verbs.drain(..).for_each(|verb| verb.answer(failure));
}

fn lost() -> LedgerError {
    LedgerError::Storage(
        "the ledger's transaction was given up; look for a full or failing disk; nothing was changed".into(),
    )
}

impl Desk<'_> {
    fn begin(&self) -> LedgerResult<()> {
        Ok(self.kept.run("BEGIN IMMEDIATE", []).map(drop)?)
    }

    fn commit(&self) -> LedgerResult<()> {
        let committed = self.save_head().and_then(|()| Ok(self.kept.run("COMMIT", [])?));
        if committed.is_err() {
            self.undo();
        }
        committed.map(drop)
    }

    /// Gives the transaction up.
    fn undo(&self) {
        // SQLite may have rolled back by itself already
        let _gone = self.conn.execute_batch("ROLLBACK");
        self.forget();
    }

    /// After a transaction was lost: the log's end is what the file says, and what was taken in it is not being sent.
    fn forget(&self) {
        if let Ok(chain) = Chain::load(self.conn) {
            self.chain.set(chain);
        }
        self.sending.borrow_mut().clear();
    }

    /// All of a group without a savepoint for each (SQLite keeps a copy of every page that is changed after one). One that
    /// was refused before it changed anything does no harm; where one of several does, all of them are undone.
    fn run_together(&self, group: &mut [Box<dyn Verb>]) -> Together {
        if let Err(error) = self.begin() {
            return Together::Over(Some(error));
        }
        let is_alone = group.len() == 1;
        for at in 0..group.len() {
            let before = self.conn.total_changes();
            let ran = catch_unwind(AssertUnwindSafe(|| group[at].run(self)));
            let is_open = !self.conn.is_autocommit();
            let is_harmless = match ran {
                Ok(Ran::Well) => true,
                Ok(Ran::Refused) => self.conn.total_changes() == before,
                Err(_panic) => false,
            };
            if is_open && is_harmless {
                continue;
            }
            self.undo();
            if is_alone {
                return Together::Over((!is_open).then(lost));
            }
            group.iter_mut().for_each(|verb| verb.forget());
            return Together::Undone;
        }
        Together::Over(self.commit().err())
    }

    /// One verb in its own savepoint: what it refuses, or a panic in it, undoes nothing of the others.
    fn run_apart(&self, verb: &mut dyn Verb) {
        let before = self.chain.get();
        let ran = self
            .kept
            .run("SAVEPOINT verb", [])
            .ok()
            .and_then(|_| catch_unwind(AssertUnwindSafe(|| verb.run(self))).ok());
        if ran != Some(Ran::Well) && !self.conn.is_autocommit() {
            self.chain.set(before);
            self.sending.borrow_mut().clear();
            if self.kept.run("ROLLBACK TO verb", []).is_err() {
                let _gone = self.conn.execute_batch("ROLLBACK");
                return;
            }
        }
        if !self.conn.is_autocommit() && self.kept.run("RELEASE verb", []).is_err() {
            let _gone = self.conn.execute_batch("ROLLBACK");
        }
    }
}
