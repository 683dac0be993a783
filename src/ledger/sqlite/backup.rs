//! shell: a consistent copy with its key, in one new file. It gets its name when it is whole.

use std::path::Path;

use rusqlite::{Connection, OpenFlags, params};

use super::errors::file_fault;
use super::files::{KeyBytes, beside};
use super::readers::Reader;
use super::steps::Steps;
use crate::ledger::{LedgerError, LedgerResult};

/// Copies the ledger as the reader sees it. An unfinished copy is removed; one that a crash left is replaced.
pub(super) fn copy(reader: &Reader, path: &Path, file: &Path, steps: &Steps) -> LedgerResult<()> {
    let Some(key) = reader.key else {
        let place = path.display();
        return Err(LedgerError::Storage(format!("the key of {place} can't be read, so no whole copy can be made")));
    };
    if file.symlink_metadata().is_ok() {
        return Err(file_fault(file, &std::io::ErrorKind::AlreadyExists.into()));
    }
    let draft = beside(file, ".unfinished");
    let copied = write(reader, &draft, &key, steps).and_then(|()| steps.rename_to_new(&draft, file));
    if copied.is_err() {
        // the first error is reported
        for suffix in ["", "-wal", "-shm", "-journal"] {
            let _nothing_more_to_do = steps.remove(&beside(&draft, suffix));
        }
    }
    copied.and_then(|()| steps.sync_folder_of(file))
}

fn write(reader: &Reader, draft: &Path, key: &KeyBytes, steps: &Steps) -> LedgerResult<()> {
    drop(steps.create(draft)?);
    steps.copy_database(&reader.conn, draft)?;
    let copy = Connection::open_with_flags(draft, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    // one file: no `-wal` next to it
    steps.commit(&copy, draft, "PRAGMA journal_mode = DELETE")?;
    copy.pragma_update(None, "synchronous", "FULL")?;
    copy.execute("INSERT INTO carried_key (key) VALUES (?1)", params![key])?;
    copy.close().map_err(|(_, error)| error)?;
    steps.sync(draft)
}
