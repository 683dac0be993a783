//! shell: text tables in files.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::ops::ControlFlow;
use std::path::PathBuf;

use tempfile::TempDir;
use tickler::row::{Record, RecordSink};
use tickler::schedule::{CsvDialect, FileSpec, FormatSpec};
use tickler::sources::file::FileSource;
use tickler::sources::{RepeatRead, Source as _};

use crate::rows::{Seen, wanted, window};

struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(TempDir::new().expect("a temporary folder"))
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("appointments.csv")
    }

    fn holding(text: impl AsRef<[u8]>) -> Self {
        let folder = Self::new();
        fs::write(folder.path(), text).expect("a writable folder");
        folder
    }

    fn source(&self) -> FileSource {
        let format = FormatSpec::Csv(CsvDialect::default());
        FileSource::new(FileSpec { path: self.path(), pattern: None, format }, wanted(&["id", "phone", "starts_at"]))
    }
}

/// Does something to the file at the second row.
struct Meddling<F: FnMut()> {
    rows: u32,
    meddle: F,
}

impl<F: FnMut()> RecordSink for Meddling<F> {
    fn record(&mut self, _: u64, _: Record<'_>) -> ControlFlow<()> {
        self.rows += 1;
        if self.rows == 2 {
            (self.meddle)();
        }
        ControlFlow::Continue(())
    }
}

const TABLE: &str = "id,phone,starts_at,note\n1,+12025550143,2026-11-25T09:00,\n2,+12025550144,2026-11-25T10:00,x\n";

#[test]
fn a_table_is_read_with_its_columns_and_an_empty_field_is_null() {
    let folder = Folder::holding(TABLE);
    let mut seen = Seen::default();
    let report = folder.source().read(&window(), &mut seen).expect("a readable table");
    assert_eq!(seen.0[0], r#"2 {"note":null,"starts_at":"2026-11-25T09:00","phone":"+12025550143","id":"1"}"#);
    let columns = ["id", "phone", "starts_at", "note"].map(str::to_owned).to_vec();
    assert_eq!(report.columns, Some(columns.clone()));
    assert!(report.fingerprint.starts_with(&format!("{} bytes of 2", TABLE.len())), "{}", report.fingerprint);
    assert_eq!(folder.source().columns(), Ok(Some(columns)));
}

#[test]
fn a_table_that_grows_changes_or_is_replaced_while_it_is_read_is_not_used() {
    type Change = fn(&std::path::Path);
    let changes: [(&str, Change); 4] = [
        ("appended", |path| {
            let mut file = OpenOptions::new().append(true).open(path).expect("the table");
            file.write_all(b"3,+12025550145,2026-11-25T11:00,\n").expect("a writable table");
        }),
        ("rewritten", |path| fs::write(path, TABLE.replace("09:00", "08:00")).expect("a writable table")),
        ("replaced", |path| {
            let other = path.with_extension("new");
            fs::write(&other, TABLE).expect("a writable folder");
            fs::rename(other, path).expect("a writable folder");
        }),
        ("removed", |path| fs::remove_file(path).expect("a writable folder")),
    ];
    for (name, change) in changes {
        let folder = Folder::holding(TABLE);
        let path = folder.path();
        let mut sink = Meddling { rows: 0, meddle: || change(&path) };
        let error = folder.source().read(&window(), &mut sink).expect_err(name);
        assert_eq!(error.again, RepeatRead::Soon, "{name}: {error}");
    }
}

#[test]
fn a_cut_last_line_may_pass_and_an_untouched_one_is_read() {
    let cut = Folder::holding(&TABLE[..TABLE.len() - 22]);
    let error = cut.source().read(&window(), &mut Seen::default()).expect_err("cut");
    assert_eq!(error.again, RepeatRead::Soon, "{error}");
    let whole = Folder::holding(TABLE.trim_end());
    let mut seen = Seen::default();
    whole.source().read(&window(), &mut seen).expect("whole");
    assert_eq!(seen.0.len(), 2);
}

#[test]
fn a_missing_file_is_waited_for_and_what_is_no_file_is_refused() {
    let folder = Folder::new();
    let error = folder.source().read(&window(), &mut Seen::default()).expect_err("not there");
    assert_eq!(error.again, RepeatRead::Later, "{error}");
    fs::create_dir(folder.path()).expect("a writable folder");
    let error = folder.source().read(&window(), &mut Seen::default()).expect_err("a folder");
    assert_eq!(error.again, RepeatRead::Never, "{error}");
    fs::remove_dir(folder.path()).expect("a writable folder");
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    rustix::fs::mknodat(rustix::fs::CWD, folder.path(), rustix::fs::FileType::Fifo, mode, 0).expect("a pipe");
    let error = folder.source().read(&window(), &mut Seen::default()).expect_err("a pipe");
    assert_eq!(error.again, RepeatRead::Never, "{error}");
}

#[test]
fn a_mapped_column_that_is_missing_fails_the_read_at_once() {
    let folder = Folder::holding("id,phone,when\n1,+12025550143,2026-11-25T09:00\n");
    let error = folder.source().read(&window(), &mut Seen::default()).expect_err("no such column");
    assert_eq!(error.again, RepeatRead::Never);
    assert!(error.message.contains("`starts_at`") && !error.message.contains("+1202"), "{error}");
    assert_eq!(folder.source().columns().expect("columns").map(|names| names.len()), Some(3), "check sees them all");
}

#[test]
fn an_empty_table_is_a_table_of_no_rows() {
    for text in ["", "id,phone,starts_at\n"] {
        let mut seen = Seen::default();
        Folder::holding(text).source().read(&window(), &mut seen).expect("an empty table");
        assert_eq!(seen.0, Vec::<String>::new());
    }
}
