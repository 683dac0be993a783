//! shell: the files next to the ledger: its lock and its key.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension};

use super::errors::file_fault;
use super::steps::Steps;
use crate::disk::{self, Links};
use crate::ledger::chain::key_check;
use crate::ledger::{LedgerError, LedgerResult};

/// The key of the phone hashes.
pub(super) type KeyBytes = [u8; 32];

/// Maximum size of a key file.
const MAX_KEY: u64 = 4_096;

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

/// The key for a ledger that is written: the one a copy carries, the file's, or a new one for a new ledger. Any other than
/// this ledger's is refused.
pub(super) fn key(path: &Path, conn: &Connection, steps: &Steps) -> LedgerResult<KeyBytes> {
    let carried: Option<Vec<u8>> = conn.query_row("SELECT key FROM carried_key", [], |row| row.get(0)).optional()?;
    if let Some(key) = carried.and_then(|bytes| KeyBytes::try_from(bytes).ok()) {
        check_key(path, conn, &key)?;
        write_key(path, &key, steps)?;
        keep_check(conn, &key)?;
        steps.commit(conn, path, "DELETE FROM carried_key")?;
        return Ok(key);
    }
    if let Some(key) = read_key(path)? {
        check_key(path, conn, &key)?;
        keep_check(conn, &key)?;
        return Ok(key);
    }
    let sql = "SELECT EXISTS (SELECT 1 FROM audit WHERE phone_hash NOT NULL) OR (SELECT keyed FROM head) AND \
        EXISTS (SELECT 1 FROM audit)";
    if conn.query_row(sql, [], |row| row.get(0))? {
        let place = beside(path, ".key");
        let place = place.display();
        return Err(LedgerError::Storage(format!(
            "{place} is missing: put the ledger's key back, or restore a backup"
        )));
    }
    let mut key = KeyBytes::default();
    getrandom::fill(&mut key).map_err(|_| LedgerError::Storage("the system gives no random bytes".into()))?;
    write_key(path, &key, steps)?;
    keep_check(conn, &key)?;
    Ok(key)
}

/// Refuses a key that isn't this ledger's. A ledger of an older version has no check value until it is opened for writing.
pub(super) fn check_key(path: &Path, conn: &Connection, key: &KeyBytes) -> LedgerResult<()> {
    let check: Option<Vec<u8>> = conn.query_row("SELECT key_check FROM head", [], |row| row.get(0))?;
    match check.is_none_or(|check| check == key_check(key)) {
        true => Ok(()),
        false => Err(LedgerError::Storage(format!(
            "{} is the key of another ledger: put this ledger's key back, or restore a backup",
            beside(path, ".key").display()
        ))),
    }
}

fn keep_check(conn: &Connection, key: &KeyBytes) -> LedgerResult<()> {
    let sql = "UPDATE head SET key_check = ?1, prev_seq = seq WHERE key_check IS NOT ?1";
    conn.execute(sql, [key_check(key)])?;
    Ok(())
}

/// The first of these names next to the ledger that is free: `suffix`, `suffix-2`, and so on.
pub(super) fn free_place(path: &Path, suffix: &str) -> PathBuf {
    (1..)
        .map(|n| beside(path, &if n == 1 { suffix.to_owned() } else { format!("{suffix}-{n}") }))
        .find(|place| place.symlink_metadata().is_err())
        .expect("some number is free")
}

/// The key's file, if it is there.
pub(super) fn read_key(path: &Path) -> LedgerResult<Option<KeyBytes>> {
    let place = beside(path, ".key");
    match disk::read(&place, Links::Refused, MAX_KEY) {
        Ok(bytes) => match KeyBytes::try_from(bytes) {
            Ok(key) => Ok(Some(key)),
            Err(_) => Err(LedgerError::Storage(format!("{} is no key: put the right one back", place.display()))),
        },
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(file_fault(&place, &error)),
    }
}

fn write_key(path: &Path, key: &KeyBytes, steps: &Steps) -> LedgerResult<()> {
    let (place, draft) = (beside(path, ".key"), beside(path, ".key.new"));
    steps.write(&draft, key)?;
    steps.rename(&draft, &place)?;
    steps.sync_folder_of(path)
}
