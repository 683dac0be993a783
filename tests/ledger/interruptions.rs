//! Every step of a restore, a backup, a migration and an accepted loss as the last one before a crash: what a process killed
//! there leaves is copied away before each step, and whoever opens it next finds the old ledger whole or the new one.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use tickler::ledger::sqlite::{self, LedgerAccess, Restore, Steps, restore_by};
use tickler::ledger::{AcceptLoss, Ledger, LedgerResult, Outbox, Recover, Restored, SettleTo};
use tickler::reminder::State;
use tickler::zones::Zones;

use crate::Maker;
use crate::calls::*;
use crate::files::SqliteMaker;
use crate::optouts::knowledge_ask;

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

/// A ledger that has lost the rows of its two deliveries, in one of the ways in which that happens.
async fn lost(how: &str) -> SqliteMaker {
    let maker = SqliteMaker::new();
    let backup = with_backup(&maker).await;
    let beside = |suffix: &str| maker.path().with_file_name(format!("ledger.db{suffix}"));
    // with the log that continues it an older copy would have lost nothing
    let _gone = ["-wal", "-shm"].map(|log| std::fs::remove_file(beside(log)));
    match how {
        "an older copy" => drop(std::fs::copy(&backup, maker.path()).expect("put back by hand")),
        "emptied" => std::fs::write(maker.path(), "").expect("it is emptied"),
        "missing" => std::fs::remove_file(maker.path()).expect("it goes"),
        "missing with its witness, its log left" => {
            std::fs::remove_file(maker.path()).expect("it goes");
            std::fs::remove_file(beside(".witness")).expect("it goes");
            std::fs::write(beside("-wal"), [7; 64]).expect("a log");
        }
        other => panic!("no way to lose rows: {other}"),
    }
    maker
}

/// Accepts the loss as an operator does: the verb opens the ledger, settles what a crash left, and accepts.
async fn accept(folder: &Path, steps: &Steps) -> LedgerResult<Restored> {
    let ledger = sqlite::open_by(folder.join("ledger.db"), Zones::newest(), steps.clone())?;
    ledger.recover(Recover { now: at(3), resend: Default::default(), actor: "maria".into() }).await?;
    ledger.accept_loss(AcceptLoss { reason: "known".into(), now: at(4), actor: "maria".into() }).await
}

/// Whether the loss was accepted in that folder. Until it was, nothing is sent; from then on nobody of the rows that are
/// lost is called: those that the ledger holds are uncertain, and those it doesn't lie in its gap.
async fn is_accepted(folder: &Path, what: &str) -> bool {
    let ledger: Arc<Ledger> = sqlite::open(folder.join("ledger.db"), LedgerAccess::Write, Zones::newest())
        .unwrap_or_else(|error| panic!("{what}: {error}"));
    assert_eq!(drafts(folder), BTreeSet::new(), "{what}");
    let is_accepted = ledger.loss().is_none();
    assert_eq!(take(&ledger, at(5)).await.intents.len(), 0, "{what}");
    let gaps = ledger.knowledge(knowledge_ask()).await.expect("knowledge").gaps;
    if is_accepted {
        assert!(!gaps.is_empty(), "{what}");
        assert!(states(&ledger).await.iter().all(|state| *state == State::Uncertain), "{what}");
        verified(&ledger).await;
    }
    is_accepted
}

#[tokio::test(flavor = "multi_thread")]
async fn an_accepted_loss_cut_off_at_any_step_is_lost_still_and_can_be_accepted_again_or_is_accepted_once() {
    for how in ["an older copy", "emptied", "missing", "missing with its witness, its log left"] {
        let maker = lost(how).await;
        let folder = state_of(&maker);
        let album = {
            let folder = folder.clone();
            tokio::task::spawn_blocking(move || {
                Album::of(&folder, |steps| {
                    let accepted = accept(&folder, steps);
                    tokio::runtime::Handle::current().block_on(accepted).expect("accepted");
                })
            })
        };
        let album = album.await.expect("it ends");
        let pictures = album.pictures();
        assert!(is_accepted(&folder, how).await);
        let mut found = Vec::new();
        for (step, folder) in &pictures {
            let what = format!("{how}, cut off before {step}");
            found.push(is_accepted(folder, &what).await);
            let again = accept(folder, &Steps::default()).await;
            assert_eq!(again.is_ok(), !found.last().expect("one"), "{what}: {again:?}");
            assert!(is_accepted(folder, &what).await, "{what}");
        }
        let names: Vec<_> = pictures.iter().map(|(step, _)| step.as_str()).collect();
        assert!(names.iter().filter(|step| step.starts_with("commit in")).count() >= 2, "{how}: {names:?}");
        assert!(names.iter().any(|step| step.starts_with("write")), "{how}: {names:?}");
        assert!(found.is_sorted(), "once it is accepted it stays so: {how}: {found:?}");
        assert!(found.first() == Some(&false), "{how}");
    }
}

#[tokio::test]
async fn an_accepted_loss_of_which_any_step_fails_leaves_the_loss_or_has_accepted_it() {
    for how in ["an older copy", "emptied", "missing", "missing with its witness, its log left"] {
        let mut failed = 0;
        for fails in 0.. {
            let maker = lost(how).await;
            let count = Mutex::new(0);
            let steps = Steps::watched(move |_step| {
                let mut count = count.lock().expect("no watcher panics");
                *count += 1;
                if *count > fails { Err(io::Error::other("the disk fails")) } else { Ok(()) }
            });
            let accepted = accept(&state_of(&maker), &steps).await;
            let what = format!("{how}, {fails} steps: {accepted:?}");
            let is_over = is_accepted(&state_of(&maker), &what).await;
            if accepted.is_ok() && is_over {
                break;
            }
            failed += 1;
            assert!(failed < 100, "{what}");
        }
        assert!(failed >= 3, "{how}: {failed}");
    }
}
