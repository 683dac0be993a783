//! Every step of a restore, a backup, a migration and an accepted loss as the last one before a crash: what a process killed
//! there leaves is copied away before each step, and whoever opens it next finds the old ledger whole or the new one.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use tickler::ledger::sqlite::{self, LedgerAccess, Restore, Steps, restore_by};
use tickler::ledger::{AcceptLoss, Ledger, Log, Outbox, Recover, SettleTo};
use tickler::reminder::State;
use tickler::zones::Zones;

use crate::Maker;
use crate::calls::*;
use crate::files::SqliteMaker;

/// Copies a folder's files, as they are at this instant.
fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for file in std::fs::read_dir(from).expect("it is read").flatten() {
        // what was removed meanwhile isn't there
        let _copied = std::fs::copy(file.path(), to.join(file.file_name()));
    }
}

/// A folder as each step of some work finds it.
struct Album {
    folder: tempfile::TempDir,
    steps: Arc<Mutex<Vec<String>>>,
}

impl Album {
    fn of(state: &Path, work: impl FnOnce(&Steps)) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let steps = Arc::new(Mutex::new(Vec::new()));
        let watched = Steps::watched({
            let (from, to, seen) = (state.to_owned(), folder.path().to_owned(), Arc::clone(&steps));
            move |step| {
                let mut seen = seen.lock().expect("no watcher panics");
                copy_folder(&from, &to.join(seen.len().to_string()));
                seen.push(step.to_owned());
                Ok(())
            }
        });
        work(&watched);
        Self { folder, steps }
    }

    /// Each instant: the step that would have come next, and the folder.
    fn pictures(&self) -> Vec<(String, PathBuf)> {
        let steps = self.steps.lock().expect("no watcher panics").clone();
        let at = |place: usize| self.folder.path().join(place.to_string());
        steps.into_iter().enumerate().map(|(place, step)| (step, at(place))).collect()
    }
}

/// Names in the folder that only something unfinished leaves.
fn drafts(folder: &Path) -> BTreeSet<String> {
    let names = std::fs::read_dir(folder).expect("it is read").flatten();
    let names = names.map(|file| file.file_name().into_string().expect("UTF-8"));
    names
        .filter(|name| [".restoring", ".restored", ".new", ".unfinished"].iter().any(|end| name.contains(end)))
        .collect()
}

async fn states(ledger: &Arc<Ledger>) -> Vec<State> {
    let rows = ledger.reminders(Default::default()).await.expect("reminders");
    rows.into_iter().map(|row| row.state).collect()
}

/// A ledger whose two reminders were delivered, closed, and a backup from before that.
async fn with_backup(maker: &SqliteMaker) -> PathBuf {
    let ledger = maker.open();
    run_plan(&ledger, at(0), plan_of(vec![planned("A1"), planned("A2")])).await;
    let backup = maker.path().with_file_name("copy.db");
    ledger.backup(&backup).await.expect("a backup");
    let taken = take(&ledger, at(1)).await;
    let ended = taken.intents.iter().map(|intent| settlement(intent, at(2), SettleTo::Delivered)).collect();
    ledger.exchange(ended, None).await.expect("settled");
    drop(ledger);
    backup
}

fn state_of(maker: &SqliteMaker) -> PathBuf {
    maker.path().parent().expect("a folder").to_owned()
}

fn asked(path: PathBuf, copy: PathBuf) -> Restore {
    Restore { copy, path, now: at(60), actor: "an operator".into() }
}

/// What the next start finds, and that it leaves nothing unfinished.
async fn opened(folder: &Path, what: &str) -> Vec<State> {
    let ledger: Arc<Ledger> = sqlite::open(folder.join("ledger.db"), LedgerAccess::Write, Zones::newest())
        .unwrap_or_else(|error| panic!("{what}: {error}"));
    assert_eq!(ledger.loss(), None, "{what}");
    assert_eq!(drafts(folder), BTreeSet::new(), "{what}");
    verified(&ledger).await;
    let by_phone = tickler::audit::AuditFilter { phone: Some(PHONE.into()), ..Default::default() };
    assert!(!ledger.audit(by_phone).await.expect("a log").is_empty(), "its own key: {what}");
    states(&ledger).await
}

#[tokio::test]
async fn a_restore_cut_off_at_any_step_leaves_the_old_ledger_or_the_new_one() {
    let maker = SqliteMaker::new();
    let backup = with_backup(&maker).await;
    let (old, new) = (vec![State::Delivered; 2], vec![State::Uncertain; 2]);
    let album = Album::of(&state_of(&maker), |steps| {
        let restored = restore_by(&asked(maker.path(), backup.clone()), Zones::newest(), steps).expect("restored");
        assert!(restored.kept.is_some());
        sqlite::open_by(maker.path(), Zones::newest(), steps.clone()).map(drop).expect("it opens");
    });
    let mut found = Vec::new();
    for (step, folder) in album.pictures() {
        // the start that finishes it may be cut off, too
        let again = Album::of(&folder, |steps| {
            let opened = sqlite::open_by(folder.join("ledger.db"), Zones::newest(), steps.clone());
            opened.map(drop).unwrap_or_else(|error| panic!("{step}: {error}"));
        });
        let states = opened(&folder, &step).await;
        assert!(states == old || states == new, "{step}: {states:?}");
        for (second, folder) in again.pictures() {
            assert_eq!(opened(&folder, &format!("{step}, then {second}")).await, states);
        }
        found.push(states);
    }
    assert!(found.len() > 20, "{} steps", found.len());
    assert!(found.is_sorted_by_key(|states| *states == new), "once it is decided it stays so");
    assert!(found.first() == Some(&old) && found.last() == Some(&new));
}

#[tokio::test]
async fn a_restore_of_which_any_step_fails_leaves_the_old_ledger_or_the_new_one() {
    let (old, new) = (vec![State::Delivered; 2], vec![State::Uncertain; 2]);
    let mut failed = 0;
    for fails in 0.. {
        let maker = SqliteMaker::new();
        let backup = with_backup(&maker).await;
        let count = Mutex::new(0);
        let steps = Steps::watched(move |_step| {
            let mut count = count.lock().expect("no watcher panics");
            *count += 1;
            if *count > fails { Err(io::Error::other("the disk fails")) } else { Ok(()) }
        });
        let restored = restore_by(&asked(maker.path(), backup), Zones::newest(), &steps);
        let states = opened(&state_of(&maker), &format!("{fails} steps")).await;
        assert!(states == old || states == new, "{fails}: {states:?}");
        if restored.is_ok() {
            assert_eq!(states, new);
            break;
        }
        failed += 1;
    }
    assert!(failed > 10, "{failed}");
}

#[tokio::test]
async fn a_backup_cut_off_at_any_step_is_no_file_of_that_name_or_a_whole_one() {
    let maker = SqliteMaker::new();
    drop(with_backup(&maker).await);
    let state = state_of(&maker);
    let target = state.join("second.db");
    let album = tokio::task::spawn_blocking({
        let (path, state, target) = (maker.path(), state.clone(), target.clone());
        move || {
            Album::of(&state, |steps| {
                let ledger = sqlite::open_by(path, Zones::newest(), steps.clone()).expect("it opens");
                tokio::runtime::Handle::current().block_on(ledger.backup(&target)).expect("a backup");
            })
        }
    });
    for (step, folder) in album.await.expect("it ends").pictures() {
        let (copy, restored) = (folder.join("second.db"), SqliteMaker::new());
        if copy.exists() {
            std::fs::create_dir_all(state_of(&restored)).expect("a folder");
            let ask = asked(restored.path(), copy);
            restore_by(&ask, Zones::newest(), &Steps::default()).unwrap_or_else(|error| panic!("{step}: {error}"));
        }
    }
    assert!(target.exists() && !drafts(&state).iter().any(|name| name.contains("second")));
}

#[tokio::test]
async fn a_migration_cut_off_at_any_step_is_finished_by_the_next_start() {
    let maker = SqliteMaker::new();
    std::fs::create_dir_all(state_of(&maker)).expect("a folder");
    let conn = rusqlite::Connection::open(maker.path()).expect("it opens");
    conn.execute_batch(include_str!("schema-1.sql")).expect("the dump is read");
    drop(conn);
    std::fs::write(maker.path().with_file_name("ledger.db.key"), [7; 32]).expect("the key is there");
    let album = Album::of(&state_of(&maker), |steps| {
        sqlite::open_by(maker.path(), Zones::newest(), steps.clone()).map(drop).expect("it opens");
    });
    let pictures = album.pictures();
    assert!(pictures.len() > 10, "{}", pictures.len());
    for (step, folder) in pictures {
        let ledger: Arc<Ledger> = sqlite::open(folder.join("ledger.db"), LedgerAccess::Write, Zones::newest())
            .unwrap_or_else(|error| panic!("{step}: {error}"));
        assert_eq!((ledger.loss(), drafts(&folder)), (None, BTreeSet::new()), "{step}");
        verified(&ledger).await;
        assert_eq!(take(&ledger, at(60)).await.intents.len(), 1, "{step}");
    }
}

#[tokio::test]
async fn an_accepted_loss_cut_off_before_its_witness_is_lost_still_and_can_be_accepted_again() {
    let maker = SqliteMaker::new();
    let backup = with_backup(&maker).await;
    std::fs::copy(&backup, maker.path()).expect("put back by hand");
    for log in ["ledger.db-wal", "ledger.db-shm"] {
        // with the log that continues it nothing would be lost
        let _gone = std::fs::remove_file(maker.path().with_file_name(log));
    }
    let open =
        |path: PathBuf| -> Arc<Ledger> { sqlite::open(path, LedgerAccess::Write, Zones::newest()).expect("it opens") };
    let ledger = open(maker.path());
    let recover = Recover { now: at(3), resend: Default::default(), actor: "service".into() };
    ledger.recover(recover).await.expect("recovered");
    let witness = maker.path().with_file_name("ledger.db.witness");
    let before = std::fs::read(&witness).expect("a witness");
    let accepted = || AcceptLoss { reason: "known".into(), now: at(4), actor: "maria".into() };
    ledger.accept_loss(accepted()).await.expect("accepted");
    drop(ledger);
    // the commit is there, the witness is not
    std::fs::write(&witness, before).expect("as a kill leaves it");
    let ledger = open(maker.path());
    assert!(ledger.loss().is_some());
    assert_eq!(take(&ledger, at(5)).await.intents.len(), 0);
    ledger.accept_loss(accepted()).await.expect("accepted again");
    assert_eq!((ledger.loss(), states(&ledger).await), (None, vec![State::Uncertain; 2]));
}
