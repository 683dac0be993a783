//! shell: opens the database file and brings its schema up to date.

use std::fs::OpenOptions;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::errors::file_fault;
use super::files::beside;
use super::steps::Steps;
use crate::disk;
use crate::ledger::{LedgerError, LedgerResult};

/// Append only: number n brings the schema from version n to n + 1.
const MIGRATIONS: &[&str] = &[
    include_str!("../migrations/0001.sql"),
    include_str!("../migrations/0002.sql"),
    include_str!("../migrations/0003.sql"),
    include_str!("../migrations/0004.sql"),
    include_str!("../migrations/0005.sql"),
    include_str!("../migrations/0006.sql"),
    include_str!("../migrations/0007.sql"),
    include_str!("../migrations/0008.sql"),
    include_str!("../migrations/0009.sql"),
    include_str!("../migrations/0010.sql"),
    include_str!("../migrations/0011.sql"),
    include_str!("../migrations/0012.sql"),
    include_str!("../migrations/0013.sql"),
    include_str!("../migrations/0014.sql"),
    include_str!("../migrations/0015.sql"),
    include_str!("../migrations/0016.sql"),
    include_str!("../migrations/0017.sql"),
    include_str!("../migrations/0018.sql"),
    include_str!("../migrations/0019.sql"),
    include_str!("../migrations/0020.sql"),
    include_str!("../migrations/0021.sql"),
    include_str!("../migrations/0022.sql"),
    include_str!("../migrations/0023.sql"),
    include_str!("../migrations/0024.sql"),
    include_str!("../migrations/0025.sql"),
    include_str!("../migrations/0026.sql"),
    include_str!("../migrations/0027.sql"),
    include_str!("../migrations/0028.sql"),
];

/// What all migrations make together, of which a new ledger is made: changing tables again and again takes several times as long.
const NEWEST_SCHEMA: &str = include_str!("../migrations/newest.sql");

/// What the newest migration makes.
pub(super) const VERSION: usize = MIGRATIONS.len();

/// The time for which another program (a backup, a shell) may hold the file.
const BUSY_MILLIS: u32 = 5_000;
/// The time for which the end waits for readers; only a backup needs longer.
const READERS_MILLIS: u32 = 1_000;
/// The number of distinct statements of all verbs, with room for more.
const STATEMENTS: usize = 192;

/// Whether one of the migrations contains this statement, as SQLite keeps it.
pub(super) fn has_statement(sql: &str) -> bool {
    MIGRATIONS.iter().any(|migration| migration.contains(sql))
}

/// Whether a migration keeps the file as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Copies {
    /// A copy of each version stays, as `.schema-N`.
    Kept,
    /// No copy is made: the file is one itself.
    None,
}

/// Opens for writing; creates the file and brings its schema up to date.
pub(super) fn open(path: &Path, copies: Copies, steps: &Steps) -> LedgerResult<Connection> {
    disk::open_private(path, OpenOptions::new().read(true).write(true).create(true).truncate(false))
        .map_err(|error| file_fault(path, &error))?;
    let conn = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    if version(&conn)? == 0 && has_tables(&conn)? {
        return Err(foreign(path));
    }
    set(
        &conn,
        &[
            ("busy_timeout", &BUSY_MILLIS.to_string()),
            // for new files: rows of the log are long, and pages of twice the usual size mean half as many to write
            ("page_size", "8192"),
            ("journal_mode", "WAL"),
            ("synchronous", "FULL"),
            ("foreign_keys", "ON"),
            ("recursive_triggers", "ON"),
            ("trusted_schema", "OFF"),
            // a checkpoint syncs twice and copies pages that soon change again: with this many pages none is made while thousands are sent
            ("wal_autocheckpoint", "8000"),
            ("journal_size_limit", "67108864"),
            // in KiB: enough for what is sent next and for the ends of the tables; other pages are in the system's cache
            ("cache_size", "-4096"),
            ("temp_store", "MEMORY"),
        ],
    )?;
    // a statement is planned once, whatever values it gets
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    conn.set_prepared_statement_cache_capacity(STATEMENTS);
    migrate(&Migration { path, migrations: MIGRATIONS, copies, steps }, &conn)?;
    Ok(conn)
}

/// Checkpoints the write-ahead log into the file. Busy if a reader holds an older snapshot all the while: then the newest
/// rows may stay in the log.
pub(super) fn checkpoint(path: &Path) -> LedgerResult<()> {
    let conn = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    set(&conn, &[("busy_timeout", &READERS_MILLIS.to_string()), ("synchronous", "FULL"), ("trusted_schema", "OFF")])?;
    match conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))? {
        0 => Ok(()),
        _ => Err(LedgerError::Busy(format!(
            "somebody reads {}: its newest rows stay in the file next to it",
            path.display()
        ))),
    }
}

/// Opens for reading while a writer may be active.
pub(super) fn open_reader(path: &Path) -> LedgerResult<Connection> {
    let conn = connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    set(&conn, &[("busy_timeout", &BUSY_MILLIS.to_string()), ("query_only", "ON"), ("trusted_schema", "OFF")])?;
    // as the writer's: a statement is planned once, not once for each schedule that is asked about
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    conn.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(conn)
}

/// A connection for one thread at a time, to a file that is no link.
fn connect(path: &Path, mode: OpenFlags) -> LedgerResult<Connection> {
    disk::check_database(path).map_err(|(place, special)| file_fault(&place, &special.into()))?;
    let flags = mode | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    Ok(Connection::open_with_flags(absolute(path)?, flags)?)
}

/// `NOFOLLOW` applies to every part of a path; only the file itself must not be a link.
fn absolute(path: &Path) -> LedgerResult<std::path::PathBuf> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        Some(_) | None => Path::new("."),
    };
    let folder = folder.canonicalize().map_err(|error| file_fault(folder, &error))?;
    Ok(folder.join(path.file_name().unwrap_or_default()))
}

fn set(conn: &Connection, pragmas: &[(&str, &str)]) -> LedgerResult<()> {
    pragmas.iter().try_for_each(|(name, value)| Ok(conn.pragma_update(None, name, value)?))
}

/// The schema's version; 0 for a new file.
fn version(conn: &Connection) -> LedgerResult<usize> {
    let version: i64 = conn.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    usize::try_from(version)
        .map_err(|_| LedgerError::Storage("the ledger's schema version is no number of ours".into()))
}

/// Refuses what this version can't read.
pub(super) fn check(path: &Path, conn: &Connection) -> LedgerResult<()> {
    let found = version(conn)?;
    let place = path.display();
    if found == 0 {
        return Err(foreign(path));
    }
    match found.cmp(&MIGRATIONS.len()) {
        std::cmp::Ordering::Equal => Ok(()),
        std::cmp::Ordering::Greater => Err(newer(path, found)),
        std::cmp::Ordering::Less => Err(LedgerError::Storage(format!(
            "the ledger {place} has the older schema {found}: start the service once, or run a command that changes something, such \
             as `tickler trigger`: it brings the ledger up to date"
        ))),
    }
}

fn newer(path: &Path, found: usize) -> LedgerError {
    LedgerError::NewerSchema(format!(
        "the ledger {} has schema {found}, this version knows {}: install the newer version, or restore the copy it made",
        path.display(),
        MIGRATIONS.len()
    ))
}

/// A schema brought up to date.
struct Migration<'a> {
    path: &'a Path,
    migrations: &'a [&'a str],
    copies: Copies,
    steps: &'a Steps,
}

fn migrate(migration: &Migration<'_>, conn: &Connection) -> LedgerResult<()> {
    let Migration { path, migrations, copies, steps } = *migration;
    let found = version(conn)?;
    if found > migrations.len() {
        return Err(newer(path, found));
    }
    if found == 0 {
        return create(migration, conn);
    }
    for (from, sql) in migrations.iter().enumerate().skip(found) {
        if copies == Copies::Kept {
            keep_copy(path, conn, from, steps)?;
        }
        let to = from + 1;
        in_one_transaction(migration, conn, &format!("{sql} PRAGMA user_version = {to};"))?;
    }
    Ok(())
}

/// Makes a new ledger in one transaction: a concurrent reader sees none of it, or all.
fn create(migration: &Migration<'_>, conn: &Connection) -> LedgerResult<()> {
    // a log that begins with the newest schema is sealed with the key
    let script = format!("{NEWEST_SCHEMA} UPDATE head SET keyed = 1; PRAGMA user_version = {VERSION};");
    in_one_transaction(migration, conn, &script)
}

fn in_one_transaction(migration: &Migration<'_>, conn: &Connection, script: &str) -> LedgerResult<()> {
    let script = format!("BEGIN IMMEDIATE; {script} COMMIT;");
    migration.steps.commit(conn, migration.path, &script).inspect_err(|_| {
        // the first error is the one to report; a transaction that is gone already can't be rolled back
        let _gone = conn.execute_batch("ROLLBACK");
    })
}

fn has_tables(conn: &Connection) -> LedgerResult<bool> {
    Ok(conn.query_row("SELECT EXISTS (SELECT 1 FROM sqlite_schema)", [], |row| row.get(0))?)
}

fn foreign(path: &Path) -> LedgerError {
    LedgerError::Refused(format!(
        "{} is the database of another program: `--ledger`, or `ledger` in tickler.toml, names a file of its own",
        path.display()
    ))
}

/// Where a database's header has its `user_version` (<https://sqlite.org/fileformat2.html>, section 1.3).
const VERSION_AT: std::ops::Range<usize> = 60..64;

/// A write-ahead log of more bytes than this holds more than the making of a ledger, which takes some hundred KiB.
const MAX_LOG_OF_A_NEW_LEDGER: u64 = 4 << 20;

/// Whether a file is a database without anything in it, as a ledger is that is just being made.
pub(super) fn is_blank(path: &Path) -> bool {
    let mut header = [0; VERSION_AT.end];
    let read = disk::open(path, disk::Links::Refused).and_then(|mut file| file.read_exact(&mut header));
    if read.is_err() || header[VERSION_AT] != [0; 4] {
        return false;
    }
    // of a ledger that was never checkpointed all is in the write-ahead log, which SQLite reads whole each time that it opens
    // the file first: it is asked only where the log is as short as that of a ledger that is being made
    if std::fs::metadata(beside(path, "-wal")).is_ok_and(|log| log.len() > MAX_LOG_OF_A_NEW_LEDGER) {
        return false;
    }
    let found = open_reader(path).and_then(|conn| Ok(version(&conn)? == 0 && !has_tables(&conn)?));
    found.unwrap_or(false)
}

/// A copy of that version while it is made.
pub(super) fn unfinished_copy(path: &Path, version: usize) -> PathBuf {
    beside(path, &format!(".schema-{version}.new"))
}

/// Keeps the file as it was, as `.schema-N`, in the place of an earlier copy of the same version.
fn keep_copy(path: &Path, conn: &Connection, version: usize, steps: &Steps) -> LedgerResult<()> {
    let (draft, place) = (unfinished_copy(path, version), beside(path, &format!(".schema-{version}")));
    drop(steps.create(&draft)?);
    steps.copy_database(conn, &draft)?;
    steps.sync(&draft)?;
    steps.rename(&draft, &place)?;
    steps.sync_folder_of(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The newest version.
    const NEWEST: usize = MIGRATIONS.len();

    /// A next version that adds a table, changes a row, and ends as the test says.
    fn next(end: &str) -> String {
        format!("CREATE TABLE later (x INTEGER); UPDATE head SET pruned_seq = 7; {end}")
    }

    fn migrated(path: &Path, conn: &Connection, migrations: &[&str]) -> LedgerResult<()> {
        migrate(&Migration { path, migrations, copies: Copies::Kept, steps: &Steps::default() }, conn)
    }

    fn opened(path: &Path) -> LedgerResult<Connection> {
        open(path, Copies::Kept, &Steps::default())
    }

    fn with(next: &str) -> Vec<&str> {
        MIGRATIONS.iter().copied().chain([next]).collect()
    }

    fn pruned(conn: &Connection) -> i64 {
        conn.query_row("SELECT pruned_seq FROM head", [], |row| row.get(0)).expect("a head")
    }

    /// Everything that a schema has: what, its name, and its statement without blanks and quotes. A table's indexes are in the order
    /// in which they were made, which is that in which SQLite tries them.
    fn objects(conn: &Connection) -> Vec<(String, String, Option<String>)> {
        let sql = "SELECT type, name, sql FROM sqlite_schema ORDER BY tbl_name, type, rowid";
        let mut statement = conn.prepare(sql).expect("a statement");
        let bare = |sql: String| sql.chars().filter(|c| !c.is_whitespace() && *c != '"').collect();
        let found = statement
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get::<_, Option<String>>(2)?.map(bare))))
            .expect("the schema");
        found.collect::<Result<_, _>>().expect("the schema")
    }

    fn rows(conn: &Connection, table: &str) -> Vec<Vec<rusqlite::types::Value>> {
        let mut statement = conn.prepare(&format!("SELECT * FROM {table}")).expect("a statement");
        let count = statement.column_count();
        let found = statement.query_map([], |row| (0..count).map(|column| row.get(column)).collect()).expect("rows");
        found.collect::<Result<_, _>>().expect("rows")
    }

    #[test]
    fn a_new_ledger_has_the_schema_that_all_migrations_make() {
        let [migrated, new] = [MIGRATIONS.concat(), NEWEST_SCHEMA.to_owned()].map(|script| {
            let conn = Connection::open_in_memory().expect("a database");
            conn.execute_batch(&script).expect("the schema is made");
            conn
        });
        assert_eq!(objects(&migrated), objects(&new), "change `migrations/newest.sql` as the newest migration does");
        let tables = objects(&new).into_iter().filter(|(kind, _, _)| kind == "table");
        for (_, table, _) in tables {
            assert_eq!(rows(&migrated, &table), rows(&new, &table), "{table}");
        }
    }

    #[test]
    fn a_statement_of_a_reader_is_planned_once_whatever_it_is_asked() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("ledger.db");
        drop(opened(&path).expect("a ledger"));
        let reader = open_reader(&path).expect("a reader");
        let sql = "SELECT id FROM run WHERE schedule = ?1 ORDER BY started_at DESC, nr DESC LIMIT 1";
        let mut statement = reader.prepare(sql).expect("a statement");
        for schedule in ["clinic", "dentist", "clinic"] {
            assert!(!statement.exists([schedule]).expect("an answer"));
        }
        assert_eq!(statement.get_status(rusqlite::StatementStatus::RePrepare), 0);
    }

    #[test]
    fn a_migration_that_breaks_off_leaves_the_ledger_and_a_copy_of_it_as_they_were() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("ledger.db");
        drop(opened(&path).expect("today's version"));
        let conn = Connection::open(&path).expect("it opens");
        let broken = next("SELECT nothing FROM nowhere;");
        assert!(migrated(&path, &conn, &with(&broken)).is_err());
        let copy = Connection::open(beside(&path, &format!(".schema-{NEWEST}"))).expect("the copy opens");
        for held in [&conn, &copy] {
            assert_eq!((version(held).expect("a version"), pruned(held)), (NEWEST, 0));
        }
        drop(copy);
        migrated(&path, &conn, &with(&next(""))).expect("the next start brings it up to date");
        assert_eq!((version(&conn).expect("a version"), pruned(&conn)), (NEWEST + 1, 7));
    }

    #[test]
    fn a_process_that_dies_in_a_migration_leaves_what_was_there() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("ledger.db");
        drop(opened(&path).expect("today's version"));
        let dying = Connection::open(&path).expect("it opens");
        dying.pragma_update(None, "cache_size", 1).expect("so that pages reach the file before the commit");
        dying
            .execute_batch(&format!("BEGIN IMMEDIATE; {} PRAGMA user_version = {}; ", next(""), NEWEST + 1))
            .expect("it is under way");
        // what is on the disk at that instant is what a SIGKILL leaves
        let left = tempfile::tempdir().expect("a folder");
        let found = left.path().join("ledger.db");
        std::fs::copy(&path, &found).expect("the file");
        std::fs::copy(beside(&path, "-wal"), beside(&found, "-wal")).expect("its log");
        let conn = opened(&found).expect("it opens again");
        assert_eq!((version(&conn).expect("a version"), pruned(&conn)), (NEWEST, 0));
    }
}
