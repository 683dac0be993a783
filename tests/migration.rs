//! The real binary, SIGKILLed while it brings a ledger of the first schema up to date: the next start finds the old
//! schema or the new one, whole, and nothing is lost.
//!
//! That it catches a wrong build was seen with one that leaves out `BEGIN IMMEDIATE` and `COMMIT` in `migrate`
//! (`src/ledger/sqlite/schema.rs`).

#[path = "ledger/calls.rs"]
#[allow(dead_code, reason = "shared with the ledger's suite, of which this takes a part")]
mod calls;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use calls::{at, plan_of, planned, run_plan, settlement, take};
use rusqlite::{Connection, OpenFlags};
use tickler::ledger::sqlite::{self, LedgerAccess};
use tickler::ledger::{Ledger, Outbox, SettleTo};
use tickler::zones::Zones;

const REMINDERS: usize = 6_000;
/// How many of the reminders are delivered; the rest is pending.
const DELIVERED: usize = 2_048;
const KILLS: u64 = 24;
const FIRST_SCHEMA: &str = include_str!("../src/ledger/migrations/0001.sql");

/// Bytes of a migration so far.
#[derive(Debug, Clone, Copy, Default)]
struct Written {
    /// The size of the copies it makes first.
    copies: u64,
    /// The size of the file's log, where its steps are committed.
    log: u64,
}

impl Written {
    /// The `kill`-th instant of a whole migration: first along its copies, then along its steps.
    fn at(self, kill: u64) -> Self {
        let half = KILLS / 2;
        match kill.checked_sub(half) {
            None => Self { copies: self.copies * kill / half, log: 0 },
            Some(later) => Self { copies: 0, log: self.log * later / half },
        }
    }
}

/// A folder with a ledger of the first schema that is put back before each round.
struct Stage {
    folder: tempfile::TempDir,
    newest: i64,
}

impl Stage {
    async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(folder.path().join("schedules")).expect("a folder for schedules");
        let stage = Self { newest: fill(&folder.path().join("modern.db")).await, folder };
        make_old(&stage.path("modern.db"), &stage.path("old.db"));
        std::fs::copy(stage.path("modern.db.key"), stage.path("tickler.db.key")).expect("its key");
        stage
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Where each step keeps a copy of what was before it.
    fn copies(&self) -> Vec<PathBuf> {
        (1..self.newest).map(|version| self.path(&format!("tickler.db.schema-{version}"))).collect()
    }

    fn put_back(&self) {
        for left in self
            .copies()
            .into_iter()
            .chain(["tickler.db-wal", "tickler.db-shm", "tickler.db.witness"].map(|name| self.path(name)))
        {
            // what isn't there needn't go
            let _gone = std::fs::remove_file(left);
        }
        std::fs::copy(self.path("old.db"), self.path("tickler.db")).expect("the old ledger");
    }

    fn start(&self, arguments: &[&str]) -> Child {
        Command::new(env!("CARGO_BIN_EXE_tickler"))
            .args(arguments)
            .current_dir(self.folder.path())
            .env("TICKLER_SCHEDULES", self.path("schedules"))
            .env("TICKLER_LEDGER", self.path("tickler.db"))
            .env("TICKLER_SOCKET", self.path("none.sock"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("tickler starts")
    }

    /// A verb that opens the ledger to write it.
    fn migrate(&self) -> Child {
        self.start(&["resume", "--all"])
    }

    /// Waits until a migration has written so much (`true`) or the child is at its end.
    fn reaches(&self, aim: Written, child: &mut Child) -> bool {
        let mut now = self.written();
        while now.copies < aim.copies || now.log < aim.log {
            if child.try_wait().expect("the child can be asked").is_some() {
                return false;
            }
            std::thread::yield_now();
            now = self.written();
        }
        true
    }

    fn written(&self) -> Written {
        let length = |place: PathBuf| std::fs::metadata(place).map_or(0, |file| file.len());
        Written { copies: self.copies().into_iter().map(length).sum(), log: length(self.path("tickler.db-wal")) }
    }

    /// The most that an undisturbed migration writes.
    fn whole(&self) -> Written {
        self.put_back();
        let mut child = self.migrate();
        let mut most = Written::default();
        while child.try_wait().expect("the child can be asked").is_none() {
            let now = self.written();
            most = Written { copies: most.copies.max(now.copies), log: most.log.max(now.log) };
        }
        assert_eq!(self.look(), (self.newest, REMINDERS, DELIVERED));
        most
    }

    /// The schema's version, reminders and deliveries, as the file has them. Nothing is brought up to date by looking.
    fn look(&self) -> (i64, usize, usize) {
        let conn =
            Connection::open_with_flags(self.path("tickler.db"), OpenFlags::SQLITE_OPEN_READ_ONLY).expect("it opens");
        let check: String = conn.query_row("PRAGMA integrity_check", [], |row| row.get(0)).expect("a check");
        assert_eq!(check, "ok");
        let count = |sql: &str| conn.query_row(sql, [], |row| row.get(0)).expect("a number");
        let version = conn.query_row("PRAGMA user_version", [], |row| row.get(0)).expect("a version");
        let pending: usize = count("SELECT count(*) FROM reminder WHERE state = 'pending'");
        let delivered: usize = count("SELECT count(*) FROM reminder WHERE state = 'delivered'");
        assert_eq!(count("SELECT count(*) FROM content"), REMINDERS);
        assert_eq!(count("SELECT count(*) FROM attempt WHERE outcome = 'delivered'"), delivered);
        (version, pending + delivered, delivered)
    }
}

/// The last schema whose log was sealed without the ledger's key; its rows fit every older schema.
const UNKEYED_SCHEMAS: [&str; 4] = [
    FIRST_SCHEMA,
    include_str!("../src/ledger/migrations/0002.sql"),
    include_str!("../src/ledger/migrations/0003.sql"),
    include_str!("../src/ledger/migrations/0004.sql"),
];

/// Plans, delivers some, and answers the newest version.
async fn fill(path: &Path) -> i64 {
    let conn = Connection::open(path).expect("it is made");
    conn.execute_batch(&format!("{} PRAGMA user_version = 4;", UNKEYED_SCHEMAS.concat())).expect("the schema");
    drop(conn);
    let ledger: Arc<Ledger> = sqlite::open(path, LedgerAccess::Write, Zones::newest()).expect("the ledger opens");
    let many = (0..REMINDERS).map(|number| planned(&format!("A{number}"))).collect();
    run_plan(&ledger, at(0), plan_of(many)).await;
    let mut delivered = 0;
    while delivered < DELIVERED {
        let taken = take(&ledger, at(1)).await;
        delivered += taken.intents.len();
        let ended = taken.intents.iter().map(|intent| settlement(intent, at(2), SettleTo::Delivered)).collect();
        ledger.exchange(ended, None).await.expect("they are settled");
    }
    drop(ledger);
    let conn = Connection::open(path).expect("it opens");
    conn.query_row("PRAGMA user_version", [], |row| row.get(0)).expect("a version")
}

/// The same rows in a file of the first schema.
fn make_old(modern: &Path, old: &Path) {
    let conn = Connection::open(old).expect("it is made");
    conn.pragma_update(None, "journal_mode", "WAL").expect("as ledgers are");
    conn.execute_batch(&format!("BEGIN; {FIRST_SCHEMA} DELETE FROM head; PRAGMA user_version = 1; COMMIT;"))
        .expect("the schema");
    conn.execute("ATTACH ?1 AS modern", [modern.to_str().expect("a plain path")]).expect("the rows");
    let names = |sql: &str, of: &[&str]| -> Vec<String> {
        let mut query = conn.prepare(sql).expect("a query");
        query
            .query_map(rusqlite::params_from_iter(of), |row| row.get(0))
            .expect("names")
            .map(|name| name.expect("a name"))
            .collect()
    };
    // `optout` had other columns then, and nothing filled it
    for table in names("SELECT name FROM main.sqlite_master WHERE type = 'table' AND name <> 'optout'", &[]) {
        let columns = names("SELECT name FROM pragma_table_info(?1)", &[&table]).join(", ");
        // the log takes its rows in order alone
        let order = if table == "audit" { "ORDER BY seq" } else { "" };
        conn.execute_batch(&format!(
            "INSERT INTO main.{table} ({columns}) SELECT {columns} FROM modern.{table} {order}"
        ))
        .expect("rows");
    }
}

#[tokio::test]
async fn a_ledger_whose_migration_is_killed_at_any_instant_is_old_or_new_and_whole() {
    let stage = Stage::new().await;
    let whole = stage.whole();
    let mut found = std::collections::BTreeMap::<i64, u64>::new();
    for kill in 0..KILLS {
        stage.put_back();
        let mut child = stage.migrate();
        let was_under_way = stage.reaches(whole.at(kill), &mut child);
        child.kill().expect("SIGKILL is sent");
        child.wait().expect("the child is reaped");
        let (version, reminders, delivered) = stage.look();
        assert_eq!((reminders, delivered), (REMINDERS, DELIVERED), "nothing is lost");
        assert!((1..=stage.newest).contains(&version), "{version}");
        *found.entry(version).or_default() += u64::from(was_under_way);

        assert!(stage.migrate().wait().expect("it ends").success(), "the next start brings it up to date");
        assert_eq!(stage.look(), (stage.newest, REMINDERS, DELIVERED));
        assert!(stage.start(&["audit", "verify"]).wait().expect("it ends").success(), "the log is whole");
    }
    let before_its_end: u64 = found.range(..stage.newest).map(|(_, kills)| kills).sum();
    assert!(before_its_end >= KILLS / 3, "most kills are to meet the migration under way: {found:?}");
}
