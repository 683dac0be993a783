//! shell: read-only connections beside the writer, kept for the next read.

use std::path::PathBuf;
use std::sync::Mutex;

use rusqlite::Connection;

use super::files::Key;
use super::schema;
use crate::ledger::LedgerResult;

/// A connection with what reads need.
pub(super) struct Reader {
    pub(super) conn: Connection,
    /// The key of the phone hashes, where it may be read.
    pub(super) key: Option<Key>,
}

/// Connections that wait for the next read.
pub(super) struct Readers {
    path: PathBuf,
    key: Option<Key>,
    idle: Mutex<Vec<Reader>>,
}

impl Readers {
    pub(super) fn new(path: PathBuf, key: Option<Key>) -> Self {
        Self { path, key, idle: Mutex::default() }
    }

    /// Refuses a schema this version can't read.
    pub(super) fn check_schema(&self) -> LedgerResult<()> {
        self.read(|reader| schema::check(&self.path, &reader.conn))
    }

    /// Runs `work` over one unchanging state of the ledger.
    pub(super) fn read<T>(&self, work: impl FnOnce(&Reader) -> LedgerResult<T>) -> LedgerResult<T> {
        let idle = self.idle.lock().expect("no holder of the readers' lock can panic").pop();
        let reader = match idle {
            Some(reader) => reader,
            None => Reader { conn: schema::open_reader(&self.path)?, key: self.key },
        };
        reader.conn.execute_batch("BEGIN")?;
        let result = work(&reader);
        reader.conn.execute_batch("COMMIT")?;
        self.idle.lock().expect("no holder of the readers' lock can panic").push(reader);
        result
    }
}
