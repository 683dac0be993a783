//! shell: the files beside the ledger: its lock and its key.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension};

use super::errors::file_fault;
use crate::disk::{self, Links};
use crate::ledger::{LedgerError, LedgerResult};

/// The key of the phone hashes.
pub(super) type Key = [u8; 32];

/// A longer file is no key, whatever else it is.
const LARGEST_KEY: u64 = 4_096;

/// The ledger's path with a suffix.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Takes the lock that keeps a second writer away; it ends with the file's closing, by a crash too.
pub(super) fn lock(path: &Path) -> LedgerResult<File> {
    create_folder(path)?;
    let place = beside(path, ".lock");
    let fault = |error: &std::io::Error| file_fault(&place, error);
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    let mut file = disk::open_private(&place, &mut options).map_err(|e| fault(&e))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(busy(path, &mut file)),
        Err(TryLockError::Error(error)) => return Err(fault(&error)),
    }
    let written = file.set_len(0).and_then(|()| file.rewind()).and_then(|()| write!(file, "{}", std::process::id()));
    written.map_err(|error| fault(&error))?;
    Ok(file)
}

fn busy(path: &Path, file: &mut File) -> LedgerError {
    let mut holder = String::new();
    let pid = file.take(20).read_to_string(&mut holder).ok().and_then(|_| holder.trim().parse::<u32>().ok());
    let who = pid.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"));
    LedgerError::Busy(format!("the ledger {} is in use by {who}", path.display()))
}

fn create_folder(path: &Path) -> LedgerResult<()> {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => {
            DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(|error| file_fault(folder, &error))
        }
        Some(_) | None => Ok(()),
    }
}

/// The key for a ledger that is written: the file's, the one a copy carries, or a new one for a new ledger.
pub(super) fn key(path: &Path, conn: &Connection) -> LedgerResult<Key> {
    let carried: Option<Vec<u8>> = conn.query_row("SELECT key FROM carried_key", [], |row| row.get(0)).optional()?;
    if let Some(key) = carried.and_then(|bytes| Key::try_from(bytes).ok()) {
        write_key(path, &key)?;
        conn.execute("DELETE FROM carried_key", [])?;
        return Ok(key);
    }
    if let Some(key) = read_key(path)? {
        return Ok(key);
    }
    let used: bool =
        conn.query_row("SELECT EXISTS (SELECT 1 FROM audit WHERE phone_hash NOT NULL)", [], |row| row.get(0))?;
    if used {
        let place = beside(path, ".key");
        let place = place.display();
        return Err(LedgerError::Storage(format!(
            "{place} is missing: put the ledger's key back, or restore a backup"
        )));
    }
    let mut key = Key::default();
    getrandom::fill(&mut key).map_err(|_| LedgerError::Storage("the system gives no random bytes".into()))?;
    write_key(path, &key)?;
    Ok(key)
}

/// The key's file, if it is there.
pub(super) fn read_key(path: &Path) -> LedgerResult<Option<Key>> {
    let place = beside(path, ".key");
    match disk::read(&place, Links::Refused, LARGEST_KEY) {
        Ok(bytes) => match Key::try_from(bytes) {
            Ok(key) => Ok(Some(key)),
            Err(_) => Err(LedgerError::Storage(format!("{} is no key: put the right one back", place.display()))),
        },
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(file_fault(&place, &error)),
    }
}

pub(super) fn write_key(path: &Path, key: &Key) -> LedgerResult<()> {
    let (place, draft) = (beside(path, ".key"), beside(path, ".key.new"));
    let written = disk::open_private(&draft, OpenOptions::new().write(true).create(true).truncate(true))
        .and_then(|mut file| file.write_all(key).and_then(|()| file.sync_all()))
        .and_then(|()| std::fs::rename(&draft, &place));
    written.map_err(|error| file_fault(&place, &error))
}
