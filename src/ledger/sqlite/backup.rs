//! shell: a consistent copy with its key, in one new file.

use std::fs::OpenOptions;
use std::path::Path;

use rusqlite::{Connection, OpenFlags, params};

use super::errors::file_fault;
use super::readers::Reader;
use crate::disk;
use crate::ledger::{LedgerError, LedgerResult};

/// Copies the ledger as the reader sees it. A copy that can't be finished is removed again.
pub(super) fn copy(reader: &Reader, path: &Path, file: &Path) -> LedgerResult<()> {
    let Some(key) = reader.key else {
        let place = path.display();
        return Err(LedgerError::Storage(format!("the key of {place} can't be read, so no whole copy can be made")));
    };
    disk::open_private(file, OpenOptions::new().write(true).create_new(true))
        .map_err(|error| file_fault(file, &error))?;
    let copied = write(reader, file, &key);
    if copied.is_err() {
        let _nothing_more_to_do = std::fs::remove_file(file);
    }
    copied
}

fn write(reader: &Reader, file: &Path, key: &[u8; 32]) -> LedgerResult<()> {
    reader.conn.backup("main", file, None::<fn(rusqlite::backup::Progress)>)?;
    let copy = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    // one file: no `-wal` beside it
    copy.pragma_update(None, "journal_mode", "DELETE")?;
    copy.pragma_update(None, "synchronous", "FULL")?;
    copy.execute("INSERT INTO carried_key (key) VALUES (?1)", params![key])?;
    copy.close().map_err(|(_, error)| error)?;
    Ok(())
}
