//! shell: queries on other people's SQLite files.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rusqlite::Connection;
use tempfile::TempDir;
use tickler::clock::{Clock, ManualClock, SharedClock, SystemClock};
use tickler::schedule::{ReadLimits, SqliteSpec};
use tickler::sources::sqlite::Database;
use tickler::sources::{ReadReport, RepeatRead, Source as _, SourceError};

use crate::rows::{Seen, wanted, window, zone};

struct Book {
    folder: TempDir,
    writer: Connection,
}

impl Book {
    fn new(journal: &str) -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let writer = Connection::open(folder.path().join("book.db")).expect("a database");
        writer.pragma_update(None, "journal_mode", journal).expect("a journal mode");
        writer
            .execute_batch(
                "CREATE TABLE visits (id INTEGER, phone TEXT, starts_at TEXT, price REAL, note TEXT);
                 INSERT INTO visits VALUES
                   (1, '+12025550143', '2026-11-24T23:59:59', 1.5, ''),
                   (2, '+12025550144', '2026-11-25 00:00:00', 2, NULL),
                   (3, '+12025550145', '2026-11-25T09:00:00', 2, 'x'),
                   (4, '+12025550146', '2026-11-25 23:30:00', 2, 'x'),
                   (5, '+12025550147', '2026-11-26T00:00:00', 2, 'x');",
            )
            .expect("a table");
        Self { folder, writer }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("book.db")
    }

    fn source(&self, query: &str) -> Database {
        database(&self.path(), query, Arc::new(SystemClock::new()))
    }

    fn read(&self, query: &str) -> Result<(Vec<String>, ReadReport), SourceError> {
        let mut seen = Seen::default();
        let report = self.source(query).read(&window(), &mut seen)?;
        Ok((seen.0, report))
    }

    fn ids(&self, condition: &str) -> Vec<String> {
        let rows = self.read(&format!("SELECT id FROM visits WHERE {condition} ORDER BY id")).expect("a query").0;
        rows.iter().map(|row| row.split(':').next_back().expect("a value").trim_end_matches('}').to_owned()).collect()
    }

    fn refuses(&self, query: &str) -> String {
        let error = self.read(query).expect_err(query);
        assert_eq!(error.again, RepeatRead::Never, "{query}: {error}");
        error.message
    }
}

fn database(path: &Path, query: &str, clock: SharedClock) -> Database {
    let limits = ReadLimits { deadline: jiff::SignedDuration::from_secs(20), ..ReadLimits::default() };
    let spec = SqliteSpec { path: path.to_owned(), query: query.to_owned() };
    Database::new(spec, wanted(&["id"]), zone(), limits, clock)
}

fn bytes_and_time(path: &Path) -> (Vec<u8>, SystemTime) {
    let modified = fs::metadata(path).and_then(|facts| facts.modified()).expect("the file is there");
    (fs::read(path).expect("the file is there"), modified)
}

#[test]
fn values_keep_their_types() {
    let book = Book::new("delete");
    let query = "SELECT id, phone AS \"Phone no\", price, note, x'00ff' AS raw, note FROM visits WHERE id < 3";
    let (rows, report) = book.read(query).expect("a query");
    assert_eq!(
        rows,
        [
            r#"1 {"id":1,"Phone no":"+12025550143","price":1.5,"note":"","raw":"00FF"}"#,
            r#"2 {"id":2,"Phone no":"+12025550144","price":2.0,"note":null,"raw":"00FF"}"#,
        ]
    );
    assert_eq!(report.columns.expect("fixed columns")[..2], ["id", "Phone no"]);
    assert_eq!(book.read(query).expect("again").1.fingerprint, report.fingerprint);
}

#[test]
fn a_blob_is_its_text_or_what_hex_writes_of_a_short_one() {
    let book = Book::new("DELETE");
    for (blob, wanted) in [
        ("x'412D37'", r#""A-7""#),
        ("x'0102'", r#""0102""#),
        ("x'AABBCCDDEEFF00112233445566778899'", r#""AABBCCDDEEFF00112233445566778899""#),
        ("zeroblob(65)", "null"),
    ] {
        let rows = book.read(&format!("SELECT {blob} AS id")).expect("a query").0;
        assert_eq!(rows, [format!(r#"1 {{"id":{wanted}}}"#)], "{blob}");
    }
}

#[test]
fn a_range_of_texts_finds_the_day_in_both_spellings() {
    let book = Book::new("delete");
    assert_eq!(book.ids("starts_at >= :from AND starts_at < :until"), ["2", "3", "4"]);
    assert_eq!(
        book.ids("datetime(starts_at, '+5 hours') >= :from_utc AND datetime(starts_at, '+5 hours') < :until_utc"),
        ["2", "3", "4"]
    );
    assert_eq!(
        book.ids("unixepoch(starts_at, '+5 hours') >= :from_epoch AND unixepoch(starts_at, '+5 hours') < :until_epoch"),
        ["2", "3", "4"]
    );
    assert_eq!(book.ids("date(starts_at) = :day"), ["1"]);
}

#[test]
fn unknown_and_nameless_parameters_are_refused_by_name() {
    let book = Book::new("delete");
    assert!(book.refuses("SELECT id FROM visits WHERE starts_at > :form").contains(":form"));
    assert!(book.refuses("SELECT id FROM visits WHERE starts_at > ?").contains("nameless"));
    assert!(book.refuses("SELECT id FROM visits WHERE starts_at > @from").contains("@from"));
}

#[test]
fn anything_but_one_select_that_reads_is_refused() {
    let book = Book::new("delete");
    let before = bytes_and_time(&book.path());
    let elsewhere = book.folder.path().join("copy.db");
    for query in [
        "DELETE FROM visits",
        "DELETE FROM visits RETURNING id",
        "INSERT INTO visits (id) VALUES (9) RETURNING id",
        "UPDATE visits SET id = 9",
        "SELECT id FROM visits; DELETE FROM visits",
        "PRAGMA table_info(visits)",
        "PRAGMA journal_mode = wal",
        "SELECT name AS id FROM pragma_table_info('visits')",
        "ATTACH 'copy.db' AS c",
        "VACUUM",
        "EXPLAIN SELECT id FROM visits",
        "BEGIN",
        "CREATE TEMP TABLE t (id)",
        "SELECT load_extension('x') AS id",
        "SELECT pgno AS id FROM sqlite_dbpage",
        "SELECT fts3_tokenizer('simple') AS id",
        "",
        "-- nothing",
    ] {
        book.refuses(query);
    }
    book.refuses(&format!("VACUUM INTO '{}'", elsewhere.display()));
    assert!(!elsewhere.exists());
    assert_eq!(bytes_and_time(&book.path()), before);
    assert_eq!(
        book.read("WITH v AS (SELECT id FROM visits) SELECT id FROM v -- all\n;").expect("one SELECT").0.len(),
        5
    );
}

#[test]
fn a_view_may_not_do_what_the_query_may_not() {
    let book = Book::new("delete");
    book.writer.execute_batch("CREATE VIEW pages AS SELECT pgno AS id FROM sqlite_dbpage;").expect("a view");
    book.refuses("SELECT id FROM pages");
}

#[test]
fn values_beyond_the_limit_and_queries_without_end_are_stopped() {
    let book = Book::new("delete");
    assert!(book.refuses("SELECT length(zeroblob(900000000)) AS id").contains("longer"));
    assert!(book.refuses("SELECT replace(hex(zeroblob(8000000)), '00', '0123456789') AS id").contains("longer"));
    let clock = Arc::new(ManualClock::starting_at("2026-11-24T14:00:00Z".parse().expect("an instant")));
    let endless = "WITH RECURSIVE n (id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n) SELECT max(id) AS id FROM n";
    let source = database(&book.path(), endless, Arc::new(Hasty(clock)));
    let error = source.read(&window(), &mut Seen::default()).expect_err("endless");
    assert!(error.again == RepeatRead::Never && error.message.contains("20s"), "{error}");
}

/// A clock on which each look takes a second.
#[derive(Debug)]
struct Hasty(Arc<ManualClock>);

#[async_trait::async_trait]
impl Clock for Hasty {
    fn now(&self) -> jiff::Timestamp {
        self.0.now()
    }

    fn monotonic(&self) -> Duration {
        self.0.advance(Duration::from_secs(1));
        self.0.monotonic()
    }

    async fn sleep(&self, pause: Duration) {
        self.0.sleep(pause).await;
    }

    fn is_shifted(&self) -> bool {
        true
    }
}

#[test]
fn the_file_stays_untouched_in_every_journal_mode_with_its_application_writing() {
    for journal in ["delete", "truncate", "wal"] {
        let book = Book::new(journal);
        book.writer.execute_batch("INSERT INTO visits VALUES (6, '', '2026-11-25T12:00:00', 0, '')").expect("a row");
        let before = bytes_and_time(&book.path());
        assert_eq!(book.ids("1"), ["1", "2", "3", "4", "5", "6"], "{journal}: what is only in the log is seen");
        assert_eq!(bytes_and_time(&book.path()), before, "{journal}");
    }
}

#[test]
fn in_wal_mode_a_writer_in_the_middle_of_a_change_is_no_hindrance() {
    let book = Book::new("wal");
    book.writer.execute_batch("BEGIN IMMEDIATE; DELETE FROM visits;").expect("a change");
    assert_eq!(book.ids("1").len(), 5, "what isn't committed isn't seen");
    book.writer.execute_batch("COMMIT;").expect("a commit");
    assert_eq!(book.ids("1").len(), 0);
}

#[test]
fn a_wal_file_that_nobody_has_open_is_read_and_untouched() {
    let book = Book::new("wal");
    let path = book.path();
    book.writer.close().expect("closed");
    let before = bytes_and_time(&path);
    let mut seen = Seen::default();
    database(&path, "SELECT id FROM visits", Arc::new(SystemClock::new())).read(&window(), &mut seen).expect("rows");
    assert_eq!((seen.0.len(), bytes_and_time(&path)), (5, before));
}

#[test]
fn a_wal_file_whose_companions_cannot_be_made_is_refused_clearly() {
    let book = Book::new("wal");
    let path = book.path();
    book.writer.close().expect("closed");
    fs::create_dir(path.with_extension("db-wal")).expect("a writable folder");
    let source = database(&path, "SELECT id FROM visits", Arc::new(SystemClock::new()));
    let error = source.read(&window(), &mut Seen::default()).expect_err("no -wal can be made");
    assert!(error.again == RepeatRead::Never && error.message.contains("book.db-wal: it is a directory"), "{error}");
}

#[test]
fn a_locked_database_is_busy_and_may_pass() {
    let book = Book::new("delete");
    book.writer.execute_batch("BEGIN EXCLUSIVE").expect("a lock");
    let error = book.read("SELECT id FROM visits").expect_err("locked");
    assert!(error.again == RepeatRead::Soon && error.message.contains("busy"), "{error}");
}

#[test]
fn columns_are_told_without_running_the_query() {
    let book = Book::new("delete");
    let endless = "WITH RECURSIVE n (id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n) SELECT id, :day AS day FROM n";
    assert_eq!(book.source(endless).columns(), Ok(Some(vec!["id".to_owned(), "day".to_owned()])));
    assert!(book.refuses("SELECT phone FROM visits").contains("no column `id`"));
}

#[test]
fn missing_and_foreign_files_are_told_apart() {
    let folder = TempDir::new().expect("a temporary folder");
    let path = folder.path().join("none.db");
    let source = database(&path, "SELECT 1 AS id", Arc::new(SystemClock::new()));
    assert_eq!(source.read(&window(), &mut Seen::default()).expect_err("missing").again, RepeatRead::Later);
    assert!(!path.exists());
    fs::write(&path, "id,phone\n".repeat(200)).expect("a writable folder");
    let source = database(&path, "SELECT id FROM visits", Arc::new(SystemClock::new()));
    let error = source.read(&window(), &mut Seen::default()).expect_err("foreign");
    assert!(error.again == RepeatRead::Never && error.message.contains("not a SQLite"), "{error}");
}
