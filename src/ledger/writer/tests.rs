use std::sync::Arc;

use super::*;
use crate::audit::{AuditFilter, Entry, Event};
use crate::ledger::sqlite::{self, LedgerAccess};
use crate::ledger::{Ledger, Log, memory};
use crate::zones::Zones;

impl Writer {
    /// Makes every commit fail, as a full disk would, or lets them succeed again.
    pub(in crate::ledger) fn refuse_commits(&self, refusal: bool) {
        self.commits.are_refused.store(refusal, std::sync::atomic::Ordering::Relaxed);
    }

    /// Ends the thread by a panic where none is caught.
    pub(in crate::ledger) async fn break_off(&self) {
        struct Fault;
        impl Job for Fault {
            fn run(&mut self, _: &Tx<'_>) -> Result<(), JobError> {
                Ok(())
            }
            fn forget(&mut self) {}
            fn after_commit(&mut self, _: &dyn Transaction) {}
            fn answer(self: Box<Self>, _: Option<&LedgerError>) {
                panic!("a fault of the writer itself");
            }
        }
        let sent = self.jobs.as_ref().map(|jobs| jobs.send(Box::new(Fault)));
        assert!(matches!(sent, Some(Ok(()))), "the writer lived until now");
        self.ended().await;
    }
}

fn ledger() -> (tempfile::TempDir, Arc<Ledger>) {
    let folder = tempfile::tempdir().expect("a folder");
    let ledger = sqlite::open(folder.path().join("ledger.db"), LedgerAccess::Write, Zones::newest()).expect("it opens");
    (folder, ledger)
}

/// One of each store.
fn ledgers() -> [(Option<tempfile::TempDir>, Arc<Ledger>); 2] {
    let (folder, in_file) = ledger();
    let in_memory = memory::open(&memory::Memory::new().expect("random bytes"), Zones::newest()).expect("it opens");
    [(Some(folder), in_file), (None, in_memory)]
}

fn entry(detail: &'static str) -> Entry<'static> {
    Entry { detail: Some(detail.into()), ..Entry::new(jiff::Timestamp::UNIX_EPOCH, Event::ServiceStarted) }
}

async fn details(ledger: &Ledger) -> Vec<String> {
    let rows = ledger.audit(AuditFilter::default()).await.expect("the log is read");
    rows.into_iter().filter_map(|row| row.entry.detail.map(Into::into)).collect()
}

async fn is_whole(ledger: &Ledger) -> bool {
    ledger.verify().await.expect("a walk").broken.is_none()
}

/// One that writes, and then panics or refuses.
fn write_then(tx: &Tx<'_>, end: fn() -> LedgerResult<()>) -> LedgerResult<()> {
    tx.store.append(&entry("never kept"))?;
    end()
}

fn fault() -> LedgerResult<()> {
    panic!("a fault in a verb")
}

fn refusal() -> LedgerResult<()> {
    Err(LedgerError::Refused("not this one".into()))
}

/// What is asked while the writer is busy shares one transaction.
async fn at_once(ledger: &Ledger, end: fn() -> LedgerResult<()>) -> [LedgerResult<()>; 3] {
    let (go, gate) = std::sync::mpsc::channel::<()>();
    let gate = std::sync::Mutex::new(gate);
    let busy = ledger.write(move |_| {
        let _opened = gate.lock().expect("one holder").recv();
        Ok(())
    });
    let asked = async {
        tokio::join!(
            biased;
            ledger.append(vec![entry("before")]),
            ledger.write(move |tx| write_then(tx, end)),
            ledger.append(vec![entry("after")]),
            // polled last: then all of them wait in one line
            async { drop(go) },
        )
    };
    let (busy, (before, middle, after, ())) = tokio::join!(biased; busy, asked);
    busy.expect("it only waited");
    [before, middle, after]
}

#[tokio::test]
async fn a_verb_that_panics_is_undone_alone_and_its_caller_is_told() {
    for (_folder, ledger) in ledgers() {
        let [before, broken, after] = at_once(&ledger, fault).await;
        assert_eq!((before, broken, after), (Ok(()), Err(broke_off()), Ok(())));
        assert_eq!(details(&ledger).await, ["before", "after"]);
        assert!(is_whole(&ledger).await && ledger.is_alive().await);
    }
}

#[tokio::test]
async fn a_verb_that_is_refused_after_it_wrote_is_undone_alone() {
    for (_folder, ledger) in ledgers() {
        let [before, refused, after] = at_once(&ledger, refusal).await;
        assert_eq!((before, refused, after), (Ok(()), refusal(), Ok(())));
        assert_eq!(details(&ledger).await, ["before", "after"]);
        assert!(is_whole(&ledger).await);
    }
}

#[tokio::test]
async fn a_verb_alone_that_panics_or_is_refused_leaves_nothing_behind() {
    for (_folder, ledger) in ledgers() {
        assert_eq!(ledger.write(|tx| write_then(tx, fault)).await, Err(broke_off()));
        assert_eq!(ledger.write(|tx| write_then(tx, refusal)).await, refusal());
        ledger.append(vec![entry("later")]).await.expect("the writer goes on");
        assert_eq!(details(&ledger).await, ["later"]);
        assert!(is_whole(&ledger).await);
    }
}

#[tokio::test]
async fn a_writer_that_broke_off_refuses_everything_and_lets_another_process_write() {
    let (folder, ledger) = ledger();
    ledger.append(vec![entry("kept")]).await.expect("it is written");
    ledger.break_off().await;
    assert_eq!(ledger.append(vec![entry("lost")]).await, Err(has_ended()));
    assert!(!ledger.is_alive().await);
    let path = folder.path().join("ledger.db");
    let next = sqlite::open(path, LedgerAccess::Write, Zones::newest()).expect("the lock is free");
    assert_eq!(details(&next).await, ["kept"]);
    assert!(is_whole(&next).await);
}

#[tokio::test]
async fn whether_it_can_be_written_is_what_the_latest_commit_that_writes_something_came_to() {
    for (_folder, ledger) in ledgers() {
        let opened = ledger.writing();
        assert!(ledger.is_alive().await);
        assert_eq!(ledger.writing(), opened, "a commit of nothing proves nothing");
        ledger.probe().await.expect("it can be written");
        assert_eq!((ledger.writing().commits, ledger.writing().failure), (opened.commits + 1, None));
        let end = ledger.head().await.expect("the log's end");

        ledger.refuse_commits(true).await;
        ledger.probe().await.expect_err("no commit succeeds");
        assert!(ledger.writing().failure.is_some() && ledger.is_alive().await, "{:?}", ledger.writing());
        ledger.refuse_commits(false).await;
        ledger.probe().await.expect("it can be written again");
        assert_eq!(ledger.writing().failure, None);
        assert_eq!(ledger.head().await, Ok(end), "a probe changes nothing");
    }
}
