//! A ledger that has lost rows: found at the opening, sends nothing, and goes on when a person accepts it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tickler::ledger::sqlite::{self, LedgerAccess};
use tickler::ledger::{AcceptLoss, Ledger, LedgerError, Loss, Outbox, Recover, SettleTo};
use tickler::reminder::State;
use tickler::zones::Zones;

use crate::Maker;
use crate::calls::*;
use crate::files::SqliteMaker;

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// A ledger with one delivered and one pending reminder, closed, and a copy from before the delivery.
async fn with_older_copy(maker: &SqliteMaker) -> PathBuf {
    let ledger = maker.open();
    run_plan(&ledger, at(0), plan_of(vec![planned("A1"), planned("A2")])).await;
    drop(ledger);
    let copy = beside(&maker.path(), ".older");
    std::fs::copy(maker.path(), &copy).expect("it is copied");
    let ledger = maker.open();
    let taken = take(&ledger, at(1)).await;
    let ended = taken.intents.iter().map(|intent| settlement(intent, at(2), SettleTo::Delivered)).collect();
    ledger.exchange(ended, None).await.expect("settled");
    drop(ledger);
    copy
}

async fn recovered(maker: &SqliteMaker) -> Arc<Ledger> {
    let ledger = maker.open();
    let recover = Recover { now: at(3), resend: Default::default(), actor: "service".into() };
    ledger.recover(recover).await.expect("it is recovered");
    ledger
}

fn accepted() -> AcceptLoss {
    AcceptLoss { reason: "the disk died".into(), now: at(4), actor: "maria".into() }
}

async fn states(ledger: &Arc<Ledger>) -> Vec<State> {
    let rows = ledger.reminders(Default::default()).await.expect("reminders");
    rows.into_iter().map(|row| row.state).collect()
}

#[tokio::test]
async fn an_older_copy_put_back_sends_nothing_over_restarts_until_the_loss_is_accepted() {
    let maker = SqliteMaker::new();
    let copy = with_older_copy(&maker).await;
    std::fs::copy(copy, maker.path()).expect("it is put back");
    for _restart in 0..2 {
        let ledger = recovered(&maker).await;
        assert!(matches!(ledger.loss(), Some(Loss::Behind { .. } | Loss::OtherRow { .. })), "{:?}", ledger.loss());
        assert_eq!(take(&ledger, at(3)).await.intents.len(), 0);
        assert!(ledger.verify().await.expect("a walk").broken.is_some());
        ledger.expire(at(3)).await.expect("other work goes on");
    }
    let reader = sqlite::open(maker.path(), LedgerAccess::Read, Zones::newest()).expect("it is read");
    assert!(reader.loss().is_some());
    drop(reader);
    let ledger = recovered(&maker).await;
    let restored = ledger.accept_loss(accepted()).await.expect("it is accepted");
    assert_eq!((restored.uncertain, states(&ledger).await), (2, vec![State::Uncertain, State::Uncertain]));
    assert!(restored.gap.from <= at(1) && restored.gap.until <= at(4), "{:?}", restored.gap);
    assert_eq!((ledger.loss(), take(&ledger, at(5)).await.intents.len()), (None, 0));
    assert!(matches!(ledger.accept_loss(accepted()).await, Err(LedgerError::Refused(_))), "there is none any more");
    verified(&ledger).await;
    drop(ledger);
    let ledger = recovered(&maker).await;
    assert_eq!(ledger.loss(), None, "after a restart, too");
    verified(&ledger).await;
}

#[tokio::test]
async fn what_is_planned_after_the_loss_was_found_is_judged_by_its_gap_alone() {
    let maker = SqliteMaker::new();
    let copy = with_older_copy(&maker).await;
    std::fs::copy(copy, maker.path()).expect("it is put back");
    let ledger = recovered(&maker).await;
    run_plan(&ledger, at(3), plan_of(vec![planned("A1"), planned("A2"), planned("A3")])).await;
    let restored = ledger.accept_loss(accepted()).await.expect("it is accepted");
    assert_eq!(restored.uncertain, 2);
    assert_eq!(states(&ledger).await, [State::Uncertain, State::Uncertain, State::Pending]);
}

#[tokio::test]
async fn an_emptied_or_missing_file_and_a_damaged_witness_are_losses() {
    type Harm = fn(&Path);
    let harms: [(&str, Harm); 5] = [
        ("emptied", |path| std::fs::write(path, "").expect("emptied")),
        ("missing", |path| std::fs::remove_file(path).expect("removed")),
        ("missing, without a witness", |path| {
            std::fs::remove_file(path).expect("removed");
            std::fs::remove_file(beside(path, ".witness")).expect("removed");
        }),
        ("damaged witness", |path| std::fs::write(beside(path, ".witness"), "x").expect("damaged")),
        ("emptied witness", |path| std::fs::write(beside(path, ".witness"), "").expect("damaged")),
    ];
    for (what, harm) in harms {
        let maker = SqliteMaker::new();
        with_older_copy(&maker).await;
        harm(&maker.path());
        for _restart in 0..2 {
            let ledger = recovered(&maker).await;
            assert!(ledger.loss().is_some(), "{what}");
            assert_eq!(take(&ledger, at(3)).await.intents.len(), 0, "{what}");
        }
        let ledger = recovered(&maker).await;
        ledger.accept_loss(accepted()).await.expect("it is accepted");
        assert_eq!(ledger.loss(), None, "{what}");
        drop(ledger);
        assert_eq!(recovered(&maker).await.loss(), None, "{what}");
    }
}

#[tokio::test]
async fn a_ledger_that_was_never_witnessed_gets_a_witness_for_its_own_eyes() {
    use std::os::unix::fs::PermissionsExt;
    let maker = SqliteMaker::new();
    with_older_copy(&maker).await;
    let witness = beside(&maker.path(), ".witness");
    std::fs::remove_file(&witness).expect("it is removed");
    assert_eq!(recovered(&maker).await.loss(), None);
    assert_eq!(std::fs::metadata(&witness).expect("it is there").permissions().mode() & 0o777, 0o600);
}

#[tokio::test]
async fn a_file_that_is_removed_replaced_or_cut_while_it_is_open_stops_the_intents_until_it_is_back() {
    let maker = SqliteMaker::new();
    with_older_copy(&maker).await;
    let path = maker.path();
    let ledger = recovered(&maker).await;
    run_plan(&ledger, at(3), plan_of(vec![planned("A3")])).await;
    let away = beside(&path, ".away");
    std::fs::rename(&path, &away).expect("it is moved");
    assert!(matches!(ledger.loss(), Some(Loss::Exchanged(_))));
    assert_eq!(take(&ledger, at(3)).await.intents.len(), 0);
    assert!(matches!(ledger.accept_loss(accepted()).await, Err(LedgerError::Refused(_))));
    std::fs::copy(&away, &path).expect("another file has its name");
    assert_eq!(take(&ledger, at(3)).await.intents.len(), 0);
    std::fs::rename(&away, &path).expect("it is back");
    assert_eq!((ledger.loss(), take(&ledger, at(3)).await.intents.len()), (None, 1));
    let file = std::fs::OpenOptions::new().write(true).open(&path).expect("it opens");
    file.set_len(0).expect("it is cut");
    assert!(matches!(ledger.loss(), Some(Loss::Exchanged(_))));
    assert_eq!(take(&ledger, at(4)).await.intents.len(), 0);
}

#[tokio::test]
async fn a_write_ahead_log_that_continues_another_state_is_found() {
    let maker = SqliteMaker::new();
    let copy = with_older_copy(&maker).await;
    // as a kill leaves it: the newest rows lie in the write-ahead log, and rows before them were moved into the file
    let ledger = maker.open();
    run_plan(&ledger, at(3), plan_of(vec![planned("A3")])).await;
    ledger.checkpoint().await.expect("a checkpoint");
    run_plan(&ledger, at(4), plan_of(vec![planned("A4")])).await;
    let left = SqliteMaker::new();
    std::fs::create_dir_all(left.path().parent().expect("a folder")).expect("a folder");
    for suffix in ["-wal", ".key", ".witness"] {
        std::fs::copy(beside(&maker.path(), suffix), beside(&left.path(), suffix)).expect("what a kill leaves");
    }
    std::fs::copy(copy, left.path()).expect("the older copy");
    match sqlite::open(left.path(), LedgerAccess::Write, Zones::newest()) {
        Ok(ledger) => assert!(ledger.loss().is_some(), "nothing is sent"),
        Err(LedgerError::Storage(_)) => {}
        Err(other) => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_key_of_another_ledger_is_refused() {
    let (maker, other) = (SqliteMaker::new(), SqliteMaker::new());
    one_pending(&maker.open()).await;
    one_pending(&other.open()).await;
    std::fs::copy(beside(&other.path(), ".key"), beside(&maker.path(), ".key")).expect("another key");
    for access in [LedgerAccess::Write, LedgerAccess::Read] {
        let refused = sqlite::open(maker.path(), access, Zones::newest());
        assert!(matches!(&refused, Err(LedgerError::Storage(sentence)) if sentence.contains("another ledger")));
    }
}
