//! shell: SQLite's errors as the ledger's, each with its remedy.

use std::path::Path;

use rusqlite::ErrorCode;

use crate::ledger::LedgerError;

impl From<rusqlite::Error> for LedgerError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Storage(sentence(&error))
    }
}

const FULL: &str = "the ledger can't be written: the disk is full; free some space, nothing was changed and nobody is \
    called until it can be written";

/// A sentence with the remedy and without any value of a row.
fn sentence(error: &rusqlite::Error) -> String {
    // SQLite reports a lack of room for the file that readers and writer share as a failure of the disk
    if error.sqlite_error().is_some_and(|error| error.extended_code == rusqlite::ffi::SQLITE_IOERR_SHMSIZE) {
        return FULL.into();
    }
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => FULL.into(),
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
            format!("the ledger can't be written: {error}; check the owner and mode of the file and its folder")
        }
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            format!("the ledger is damaged: {error}; stop the service and restore a backup")
        }
        Some(ErrorCode::SystemIoFailure) => format!("the ledger's disk failed: {error}; read the system's log"),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            "the ledger is locked by another program; close whatever has the file open".into()
        }
        Some(ErrorCode::CannotOpen) => {
            format!("the ledger can't be opened: {error}; check the mode of the file and of its folder")
        }
        Some(_) | None => format!("the ledger failed: {error}"),
    }
}

/// A file of the ledger or of a copy that can't be used.
pub(super) fn file_fault(path: &Path, error: &std::io::Error) -> LedgerError {
    let place = path.display();
    if let Some(special) = crate::disk::NotRegular::behind(error) {
        return LedgerError::Storage(format!("{place}: {special}; move it somewhere else"));
    }
    LedgerError::Storage(format!("{place}: {error}; this user must be able to read and write it and its folder"))
}
