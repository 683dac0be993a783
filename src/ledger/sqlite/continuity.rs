//! shell: whether an open ledger is the one that was written last: its witness, and the file its name leads to.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::chain_table::{Chain, hash_at};
use super::errors::file_fault;
use super::files::beside;
use super::steps::Steps;
use super::wal;
use crate::disk::{self, Links};
use crate::ledger::chain::Hash;
use crate::ledger::witness::{self, FileFound, FileId, LogExtent, Loss, Testimony, Witness, WitnessVerdict};
use crate::ledger::{LedgerError, LedgerResult};

/// The witness reaches the disk at least this often, and at an orderly end.
const FLUSHED_EVERY: Duration = Duration::from_millis(900);

fn place(path: &Path) -> PathBuf {
    beside(path, ".witness")
}

/// What is found at the witness's path.
pub(super) fn testimony(path: &Path) -> LedgerResult<Testimony> {
    match disk::read_text(&place(path), Links::Refused, witness::LENGTH as u64) {
        Ok(text) => Ok(Witness::parse(&text).map_or(Testimony::Unreadable, Testimony::Of)),
        Err(error) => match error.kind() {
            io::ErrorKind::NotFound => Ok(Testimony::None),
            io::ErrorKind::FileTooLarge | io::ErrorKind::InvalidData => Ok(Testimony::Unreadable),
            _ => Err(file_fault(&place(path), &error)),
        },
    }
}

/// What a ledger's files say before its database is opened.
pub(super) struct FilesBeforeOpening {
    testimony: Testimony,
    lost: Option<Loss>,
    /// The log's end in the database file alone, where there is a write-ahead log next to it.
    base: Option<Base>,
}

impl FilesBeforeOpening {
    /// Looks at the files.
    pub(super) fn of(path: &Path) -> LedgerResult<Self> {
        let testimony = testimony(path)?;
        let lost = witness::judge_file(found(path), testimony, is_known(path));
        let has_log = std::fs::metadata(beside(path, "-wal")).is_ok_and(|log| log.len() > 0);
        let base = if has_log && lost.is_none() { Base::of(path) } else { None };
        Ok(Self { testimony, lost, base })
    }

    /// What is lost if nothing is there any more.
    pub(super) fn lost(self) -> Option<Loss> {
        self.lost
    }

    /// Moves what SQLite would discard out of its way: the log of a database that is gone may hold the only trace of its
    /// last calls.
    ///
    /// A ledger that has no witness either gets one that says so first: a start that is cut off once the new database is
    /// there must not take it for one that was never witnessed.
    pub(super) fn keep_traces(&self, path: &Path, steps: &Steps) -> LedgerResult<()> {
        if self.lost.is_none() {
            return Ok(());
        }
        if self.testimony == Testimony::None {
            WitnessFile::create(path, Witness::LOST, steps)?;
        }
        for suffix in ["-wal", "-journal"] {
            let from = beside(path, suffix);
            if from.exists() {
                let to = super::files::free_place(path, &format!(".lost{suffix}"));
                steps.rename(&from, &to)?;
            }
        }
        Ok(())
    }

    /// Judges the database that was opened then.
    pub(super) fn judge(&self, conn: &Connection) -> LedgerResult<WitnessVerdict> {
        if let Some(loss) = &self.lost {
            return Ok(WitnessVerdict::Lost(loss.clone()));
        }
        Ok(witness::judge(self.testimony, &log(conn, self.testimony, self.base)?))
    }
}

fn found(path: &Path) -> FileFound {
    match std::fs::metadata(path) {
        Ok(file) if file.len() == 0 || super::schema::is_blank(path) => FileFound::Empty,
        Ok(_) => FileFound::Filled,
        Err(_) => FileFound::Missing,
    }
}

/// Whether a file that only a ledger leaves is in its place. A pipe or a directory there is refused where the ledger is opened.
fn is_known(path: &Path) -> bool {
    let copies = (1..super::schema::VERSION).map(|version| format!(".schema-{version}"));
    [".key", ".before-restore"]
        .map(str::to_owned)
        .into_iter()
        .chain(copies)
        .any(|suffix| beside(path, &suffix).is_file())
}

/// A database file without its write-ahead log.
#[derive(Debug, Clone, Copy)]
struct Base {
    seq: u64,
    hash: Hash,
    /// Whether the first transaction of the write-ahead log continues it.
    is_continued: bool,
}

impl Base {
    /// `None` when it has no such table yet.
    fn of(path: &Path) -> Option<Self> {
        let file = std::path::absolute(path).ok()?;
        let mut uri = url::Url::from_file_path(file).ok()?;
        uri.set_query(Some("immutable=1"));
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let conn = Connection::open_with_flags(uri.as_str(), flags).ok()?;
        let Chain { seq, hash, .. } = Chain::load(&conn).ok()?;
        let sql = "SELECT rootpage FROM sqlite_master WHERE name = 'head'";
        let page = conn.query_row(sql, [], |row| row.get(0)).ok()?;
        let log = disk::open(&beside(path, "-wal"), Links::Refused).ok()?;
        let first = wal::first_head(std::io::BufReader::new(log), page);
        Some(Self { seq, hash, is_continued: first.is_none_or(|first| first.continues(seq)) })
    }
}

fn log(conn: &Connection, testimony: Testimony, base: Option<Base>) -> LedgerResult<LogExtent> {
    let sql = "SELECT pruned_seq, pruned_hash, (SELECT coalesce(max(seq), 0) FROM audit) FROM head";
    let (pruned, pruned_hash, last): (u64, Hash, u64) =
        conn.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    let witnessed = match testimony {
        Testimony::Of(witness) if witness.seq == pruned => Some(pruned_hash),
        Testimony::Of(witness) if i64::try_from(witness.seq).is_ok() => hash_at(conn, witness.seq)?,
        Testimony::Of(_) | Testimony::None | Testimony::Unreadable => None,
    };
    let is_of_one_piece = match base {
        Some(base) if !base.is_continued => false,
        Some(Base { seq, hash, .. }) if seq >= pruned => follows(conn, seq, hash).unwrap_or(false),
        Some(_) => follows(conn, pruned, pruned_hash).unwrap_or(false),
        None => true,
    };
    Ok(LogExtent { last, pruned, witnessed, is_of_one_piece })
}

/// Whether the rows after that one follow each other up to the head: the rows in the write-ahead log continue those of the file.
fn follows(conn: &Connection, seq: u64, hash: Hash) -> LedgerResult<bool> {
    let mut at = (seq, hash);
    let mut statement = conn.prepare("SELECT seq, prev, hash FROM audit WHERE seq > ?1 ORDER BY seq")?;
    let mut rows = statement.query([seq])?;
    while let Some(row) = rows.next()? {
        let (seq, prev): (u64, Hash) = (row.get(0)?, row.get(1)?);
        if seq != at.0 + 1 || prev != at.1 {
            return Ok(false);
        }
        at = (seq, row.get(2)?);
    }
    let head = Chain::load(conn)?;
    Ok((head.seq, head.hash) == at)
}

/// What a reader finds: it changes nothing.
pub(super) fn loss_for_reader(path: &Path, conn: &Connection, testimony: Testimony) -> LedgerResult<Option<Loss>> {
    if let Some(loss) = witness::judge_file(found(path), testimony, is_known(path)) {
        return Ok(Some(loss));
    }
    Ok(match witness::judge(testimony, &log(conn, testimony, None)?) {
        WitnessVerdict::Unwitnessed | WitnessVerdict::Whole => None,
        WitnessVerdict::Lost(loss) => Some(loss),
    })
}

/// Watches over an open ledger.
pub(super) struct Continuity {
    path: PathBuf,
    opened: FileId,
    largest: AtomicU64,
    /// What the opening found, until a person accepts it; or why the witness can't be written.
    found: Mutex<Option<Loss>>,
    witness: WitnessFile,
    /// The row that was witnessed last.
    written: AtomicU64,
    steps: Steps,
}

impl Continuity {
    /// Begins to watch. A ledger without a witness gets one; that of a lost one stays as it is.
    pub(super) fn begin(
        path: &Path,
        conn: &Connection,
        before: &FilesBeforeOpening,
        steps: &Steps,
    ) -> LedgerResult<Self> {
        let chain = Chain::load(conn)?;
        let verdict = before.judge(conn)?;
        let found = match verdict {
            WitnessVerdict::Whole => None,
            WitnessVerdict::Unwitnessed => {
                WitnessFile::create(path, Witness { seq: chain.seq, hash: chain.hash }, steps)?;
                None
            }
            WitnessVerdict::Lost(loss) => {
                if before.testimony == Testimony::None && before.lost.is_none() {
                    WitnessFile::create(path, Witness::LOST, steps)?;
                }
                Some(loss)
            }
        };
        let file = std::fs::metadata(path).map_err(|error| file_fault(path, &error))?;
        Ok(Self {
            path: path.to_owned(),
            opened: FileId { device: file.dev(), inode: file.ino() },
            largest: AtomicU64::new(file.len()),
            found: Mutex::new(found),
            witness: WitnessFile::open(path)?,
            written: AtomicU64::new(u64::MAX),
            steps: steps.clone(),
        })
    }

    /// Why nothing may be sent, if something is lost.
    pub(super) fn loss(&self) -> Option<Loss> {
        self.found_at_opening().or_else(|| self.exchange().map(Loss::Exchanged))
    }

    /// What the opening found.
    pub(super) fn found_at_opening(&self) -> Option<Loss> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether the name still leads to the file that is open.
    fn exchange(&self) -> Option<witness::FileChange> {
        let now = std::fs::metadata(&self.path).ok();
        let now = now.map(|file| (FileId { device: file.dev(), inode: file.ino() }, file.len()));
        let exchange = witness::judge_open_file(self.opened, self.largest.load(Ordering::Relaxed), now);
        if let (None, Some((_, size))) = (exchange, now) {
            self.largest.fetch_max(size, Ordering::Relaxed);
        }
        exchange
    }

    /// A transaction of the writer is about to be committed.
    pub(super) fn before_commit(&self) -> LedgerResult<()> {
        self.steps.before("commit in", &self.path)
    }

    /// Witnesses a row after its commit and before anybody is answered. What was lost stays lost until it is accepted.
    pub(super) fn acknowledge(&self, row: Witness) {
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        if found.as_ref().is_some_and(|loss| !matches!(loss, Loss::Unwitnessed(_))) {
            return;
        }
        if found.is_none() && self.written.load(Ordering::Relaxed) == row.seq {
            return;
        }
        self.written.store(row.seq, Ordering::Relaxed);
        let step = self.steps.before("write", &place(&self.path)).map_err(|error| error.to_string());
        let written = step.and_then(|()| self.witness.write(row).map_err(|error| error.to_string()));
        *found = written.err().map(Loss::Unwitnessed);
    }

    /// Closes the connection that wrote. What was committed to a file that has lost its name stays in its write-ahead log: it
    /// doesn't belong into the file that has the name now.
    pub(super) fn close(&self, conn: Connection) {
        if matches!(self.loss(), Some(Loss::Exchanged(_))) {
            let _left_in_its_log = conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
        }
        drop(conn);
    }

    /// A person has accepted the loss; the next commit is witnessed.
    pub(super) fn accept(&self) {
        *self.found.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// The witness's file, written in place; a thread of its own brings it to the disk.
struct WitnessFile {
    file: File,
    dirty: Option<mpsc::SyncSender<()>>,
    end: Option<mpsc::Sender<()>>,
    flusher: Option<JoinHandle<()>>,
}

impl WitnessFile {
    fn create(path: &Path, witness: Witness, steps: &Steps) -> LedgerResult<()> {
        let (place, draft) = (place(path), beside(path, ".witness.new"));
        steps.write(&draft, witness.to_text().as_bytes())?;
        steps.rename(&draft, &place)?;
        steps.sync_folder_of(path)
    }

    fn open(path: &Path) -> LedgerResult<Self> {
        let place = place(path);
        let fault = |error: io::Error| file_fault(&place, &error);
        let file = disk::open_private(&place, OpenOptions::new().read(true).write(true)).map_err(fault)?;
        let (dirty, written) = mpsc::sync_channel(1);
        let (end, ended) = mpsc::channel();
        let own = file.try_clone().map_err(fault)?;
        let flusher = std::thread::Builder::new()
            .name("witness".into())
            .spawn(move || flush(&own, &written, &ended))
            .map_err(|error| LedgerError::Storage(format!("the witness's thread can't start: {error}")))?;
        Ok(Self { file, dirty: Some(dirty), end: Some(end), flusher: Some(flusher) })
    }

    /// One write over the whole text: it fits into one sector, so a reader finds either the old or the new one.
    fn write(&self, witness: Witness) -> io::Result<()> {
        self.file.write_all_at(witness.to_text().as_bytes(), 0)?;
        if let Some(dirty) = &self.dirty {
            // full: the flusher was already notified
            let _told = dirty.try_send(());
        }
        Ok(())
    }
}

/// Brings what was written to the disk, once in [`FLUSHED_EVERY`] at most, and at the end.
fn flush(file: &File, written: &mpsc::Receiver<()>, ended: &mpsc::Receiver<()>) {
    while written.recv().is_ok() {
        let is_at_its_end = ended.recv_timeout(FLUSHED_EVERY) == Err(mpsc::RecvTimeoutError::Disconnected);
        if let Err(error) = file.sync_data() {
            tracing::error!(%error, "the ledger's witness can't be brought to the disk");
        }
        if is_at_its_end {
            return;
        }
    }
}

impl Drop for WitnessFile {
    fn drop(&mut self) {
        // in this order: the flusher then syncs at once what was written last
        drop(self.end.take());
        drop(self.dirty.take());
        if let Some(flusher) = self.flusher.take() {
            let _panicked = flusher.join();
        }
    }
}
