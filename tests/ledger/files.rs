//! What is SQLite's alone: its files, lock, migrations, and tampering.

use std::path::PathBuf;
use std::sync::Arc;

use rusqlite::Connection;
use tickler::ledger::sqlite::{self, LedgerAccess, Restore, restore};
use tickler::ledger::{Ledger, LedgerError, Outbox};
use tickler::zones::Zones;

use crate::Maker;
use crate::calls::*;

pub struct SqliteMaker {
    folder: tempfile::TempDir,
}

impl SqliteMaker {
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder") }
    }

    pub fn path(&self) -> PathBuf {
        self.folder.path().join("state").join("ledger.db")
    }
}

impl Maker for SqliteMaker {
    fn open(&self) -> Arc<Ledger> {
        sqlite::open(self.path(), LedgerAccess::Write, Zones::newest()).expect("the ledger opens")
    }
}

fn mode(path: &std::path::Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).expect("it is there").permissions().mode() & 0o777
}

#[tokio::test]
async fn the_ledger_and_what_lies_beside_it_are_for_our_own_eyes() {
    let maker = SqliteMaker::new();
    let ledger = maker.open();
    one_pending(&ledger).await;
    for suffix in ["", ".lock", ".key", "-wal"] {
        let mut name = maker.path().into_os_string();
        name.push(suffix);
        assert_eq!(mode(&PathBuf::from(name)), 0o600, "{suffix}");
    }
    assert_eq!(mode(maker.path().parent().expect("a folder")), 0o700);
}

#[tokio::test]
async fn a_second_writer_is_told_who_holds_the_ledger() {
    let maker = SqliteMaker::new();
    let first = maker.open();
    let Err(LedgerError::Busy(sentence)) = sqlite::open(maker.path(), LedgerAccess::Write, Zones::newest()) else {
        panic!("the second is turned away")
    };
    assert!(sentence.contains(&format!("process {}", std::process::id())), "{sentence}");
    drop(first);
    maker.open();
}

#[tokio::test]
async fn a_ledger_that_is_not_there_is_not_created_by_reading() {
    let maker = SqliteMaker::new();
    assert!(!sqlite::exists(&maker.path()));
    let found = sqlite::open(maker.path(), LedgerAccess::Read, Zones::newest());
    assert!(matches!(found, Err(LedgerError::Refused(_))));
    assert!(!sqlite::exists(&maker.path()));
}

/// A database as it is between its making and the first commit of a ledger.
fn blank(path: &std::path::Path) {
    let conn = Connection::open(path).expect("it opens");
    conn.pragma_update(None, "journal_mode", "WAL").expect("the first page is written");
    assert!(std::fs::metadata(path).is_ok_and(|file| file.len() > 0));
}

#[tokio::test]
async fn a_ledger_that_is_being_made_counts_as_none_and_beside_a_witness_as_lost() {
    let maker = SqliteMaker::new();
    std::fs::create_dir_all(maker.path().parent().expect("a folder")).expect("it is made");
    blank(&maker.path());
    assert!(sqlite::is_missing(&maker.path()));
    assert_eq!(sqlite::loss_of_missing(&maker.path()), None);
    assert!(matches!(sqlite::open(maker.path(), LedgerAccess::Read, Zones::newest()), Err(LedgerError::Refused(_))));
    one_pending(&maker.open()).await;
    assert!(!sqlite::is_missing(&maker.path()));
    for suffix in ["", "-wal", "-shm"] {
        let _gone_already = std::fs::remove_file(maker.path().with_file_name(format!("ledger.db{suffix}")));
    }
    blank(&maker.path());
    assert!(sqlite::is_missing(&maker.path()) && sqlite::loss_of_missing(&maker.path()).is_some());
    assert!(maker.open().loss().is_some());
}

#[test]
fn readers_beside_a_ledger_that_is_made_find_none_or_the_whole_of_it() {
    for _ledger in 0..20 {
        let maker = SqliteMaker::new();
        std::thread::scope(|scope| {
            let reading = scope.spawn(|| {
                loop {
                    if sqlite::is_missing(&maker.path()) {
                        continue;
                    }
                    match sqlite::open(maker.path(), LedgerAccess::Read, Zones::newest()) {
                        Ok(_whole) => return,
                        Err(error) => panic!("{error}"),
                    }
                }
            });
            drop(maker.open());
            reading.join().expect("no other answer");
        });
    }
}

#[tokio::test]
async fn the_database_of_another_program_is_no_ledger_and_is_left_alone() {
    let maker = SqliteMaker::new();
    std::fs::create_dir_all(maker.path().parent().expect("a folder")).expect("it is made");
    let conn = Connection::open(maker.path()).expect("it opens");
    conn.execute_batch("CREATE TABLE visit (id)").expect("somebody's table");
    for access in [LedgerAccess::Write, LedgerAccess::Read] {
        let Err(LedgerError::Refused(sentence)) = sqlite::open(maker.path(), access, Zones::newest()) else {
            panic!("{access:?}: it is refused")
        };
        assert!(sentence.contains("another program"), "{sentence}");
    }
    let sql = "SELECT count(*), (SELECT journal_mode FROM pragma_journal_mode) FROM sqlite_schema";
    let found: (u32, String) = conn.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?))).expect("its state");
    assert_eq!(found, (1, "delete".to_owned()));
}

#[tokio::test]
async fn a_reader_beside_a_writer_sees_what_is_committed_and_changes_nothing() {
    let maker = SqliteMaker::new();
    let ledger = maker.open();
    let id = one_pending(&ledger).await;
    let reader: Arc<Ledger> = sqlite::open(maker.path(), LedgerAccess::Read, Zones::newest()).expect("it opens");
    assert_eq!(row(&reader, id).await.id, id);
    assert_eq!(reader.expire(at(0)).await, Err(LedgerError::ReadOnly));
}

#[tokio::test]
async fn a_newer_schema_is_refused_and_left_alone() {
    let maker = SqliteMaker::new();
    drop(maker.open());
    let conn = Connection::open(maker.path()).expect("it opens");
    conn.pragma_update(None, "user_version", 99).expect("it is set");
    drop(conn);
    for access in [LedgerAccess::Write, LedgerAccess::Read] {
        let found = sqlite::open(maker.path(), access, Zones::newest());
        assert!(matches!(found, Err(LedgerError::NewerSchema(_))), "{access:?}");
    }
}

#[tokio::test]
async fn the_first_schema_of_all_opens_and_its_pending_reminder_goes_out() {
    let maker = SqliteMaker::new();
    std::fs::create_dir_all(maker.path().parent().expect("a folder")).expect("it is made");
    let conn = Connection::open(maker.path()).expect("it opens");
    conn.execute_batch(include_str!("schema-1.sql")).expect("the dump is read");
    drop(conn);
    let mut key = maker.path().into_os_string();
    key.push(".key");
    std::fs::write(key, [7; 32]).expect("the key is there");
    let ledger = maker.open();
    verified(&ledger).await;
    let taken = take(&ledger, at(60)).await;
    assert_eq!(taken.intents.len(), 1);
    assert_eq!(taken.intents[0].appointment_id, "A1");
}

#[tokio::test]
async fn a_copy_of_an_older_schema_is_restored_and_leaves_no_second_copy_behind() {
    let maker = SqliteMaker::new();
    drop(maker.open());
    let (path, folder) = (maker.path(), maker.path().parent().expect("a folder").to_owned());
    let copy = folder.join("copy.db");
    let conn = Connection::open(&copy).expect("it opens");
    conn.execute_batch(include_str!("schema-1.sql")).expect("the dump is read");
    conn.execute("INSERT INTO carried_key (key) VALUES (?1)", [[7_u8; 32]]).expect("the key is carried");
    drop(conn);
    let ask = Restore { copy, path, now: at(60), actor: "an operator".to_owned() };
    let restored = restore(&ask, Zones::newest()).expect("it is restored");
    let mut names: Vec<String> = std::fs::read_dir(&folder)
        .expect("the folder is read")
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8"))
        .filter(|name| name.contains(".restoring"))
        .collect();
    names.sort();
    assert_eq!(names, Vec::<String>::new());
    assert!(restored.kept.is_some());
    verified(&maker.open()).await;
}

#[tokio::test]
async fn the_log_refuses_every_statement_but_its_next_row() {
    let maker = SqliteMaker::new();
    let ledger = maker.open();
    one_pending(&ledger).await;
    drop(ledger);
    let conn = Connection::open(maker.path()).expect("it opens");
    for sql in [
        "UPDATE audit SET detail = 'x'",
        "DELETE FROM audit",
        "INSERT OR REPLACE INTO audit SELECT * FROM audit WHERE seq = 1",
        "REPLACE INTO audit (seq, at, event, commitment, prev, hash) VALUES (2, 0, 'x', x'', x'', x'')",
        "INSERT INTO audit (seq, at, event, commitment, prev, hash) SELECT max(seq) + 2, 0, 'x', x'', hash, x'' FROM audit",
        "INSERT INTO audit (seq, at, event, commitment, prev, hash) SELECT max(seq) + 1, 0, 'x', x'', x'', x'' FROM audit",
    ] {
        assert!(conn.execute_batch(sql).is_err(), "{sql}");
    }
}

#[tokio::test]
async fn a_backup_is_one_file_that_opens_with_the_same_key_and_an_intact_log() {
    let maker = SqliteMaker::new();
    let ledger = maker.open();
    let id = one_pending(&ledger).await;
    let other = SqliteMaker::new();
    std::fs::create_dir_all(other.path().parent().expect("a folder")).expect("it is made");
    ledger.backup(&other.path()).await.expect("it is copied");
    assert_eq!(mode(&other.path()), 0o600);
    assert!(ledger.backup(&other.path()).await.is_err(), "nothing is overwritten");
    let copy = other.open();
    assert_eq!(row(&copy, id).await.phone.as_deref(), Some(PHONE));
    verified(&copy).await;
    let by_phone = tickler::audit::AuditFilter { phone: Some(PHONE.into()), ..Default::default() };
    assert_eq!(copy.audit(by_phone).await.expect("the key came along").len(), 1);
}

#[tokio::test]
async fn a_lost_key_is_told_and_never_replaced_in_silence() {
    let maker = SqliteMaker::new();
    one_pending(&maker.open()).await;
    let mut key = maker.path().into_os_string();
    key.push(".key");
    std::fs::remove_file(key).expect("it is removed");
    let found = sqlite::open(maker.path(), LedgerAccess::Write, Zones::newest());
    assert!(matches!(found, Err(LedgerError::Storage(sentence)) if sentence.contains("key")));
}

#[tokio::test]
async fn a_write_that_fails_changes_nothing_and_the_writer_lives_on() {
    let maker = SqliteMaker::new();
    let ledger = maker.open();
    let id = one_pending(&ledger).await;
    let saboteur = Connection::open(maker.path()).expect("it opens");
    let trap = "CREATE TRIGGER trap BEFORE INSERT ON attempt BEGIN SELECT raise(ROLLBACK, 'no room'); END";
    saboteur.execute_batch(trap).expect("the trap is set");
    let failed = ledger.take_intents(asking(at(1), vec![lane(SCHEDULE)])).await;
    assert!(matches!(failed, Err(LedgerError::Storage(_))), "{failed:?}");
    saboteur.execute_batch("DROP TRIGGER trap").expect("the trap is gone");
    assert!(ledger.is_alive().await);
    assert_eq!(state(&ledger, id).await, tickler::reminder::State::Pending);
    send(&ledger, at(2), tickler::ledger::SettleTo::Delivered).await;
    verified(&ledger).await;
}

#[tokio::test]
async fn who_reads_an_older_state_keeps_the_newest_rows_out_of_the_file_and_that_is_told() {
    let file = SqliteMaker::new();
    let ledger = file.open();
    one_pending(&ledger).await;
    let reader = Connection::open(file.path()).expect("it opens");
    reader.execute_batch("BEGIN; SELECT count(*) FROM audit").expect("it reads");
    send(&ledger, at(1), tickler::ledger::SettleTo::Delivered).await;
    assert!(matches!(ledger.checkpoint().await, Err(LedgerError::Busy(_))));
    reader.execute_batch("COMMIT").expect("it has read");
    assert_eq!(ledger.checkpoint().await, Ok(()));
}
