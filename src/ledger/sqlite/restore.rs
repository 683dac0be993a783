//! shell: a copy becomes the ledger again; what it has forgotten is marked before it takes its place.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension};

use super::columns::time;
use super::errors::file_fault;
use super::files::{self, Key, beside};
use super::store::SqliteStore;
use super::{chain_table, schema};
use crate::disk::{self, Links};
use crate::ledger::openings::Openings;
use crate::ledger::store::Transaction;
use crate::ledger::verbs::Tx;
use crate::ledger::{LedgerError, LedgerResult, Restored};
use crate::plan::Gap;
use crate::zones::Zones;

/// A restoring to be made.
#[derive(Debug, Clone)]
pub struct Restore {
    /// The copy.
    pub copy: PathBuf,
    /// The ledger's place.
    pub path: PathBuf,
    /// Now (UTC).
    pub now: Timestamp,
    /// Who.
    pub actor: String,
}

/// Puts the copy into the ledger's place; the present one stays beside it.
///
/// # Errors
/// [`LedgerError::Busy`] while another process writes the ledger; refused when the file is no copy made by `backup`.
pub fn restore(ask: &Restore, zones: Zones) -> LedgerResult<Restored> {
    let lock = files::lock(&ask.path)?;
    let draft = beside(&ask.path, ".restoring");
    clear(&draft)?;
    let marked = mark(ask, &draft, zones);
    let Ok((key, restored)) = marked else {
        let _the_first_error_is_told = clear(&draft);
        return marked.map(|(_, restored)| restored);
    };
    let kept = keep_present(&ask.path)?;
    std::fs::rename(&draft, &ask.path).map_err(|error| file_fault(&ask.path, &error))?;
    files::write_key(&ask.path, &key)?;
    clear(&draft)?;
    sync_folder(&ask.path)?;
    drop(lock);
    Ok(Restored { kept, ..restored })
}

/// Removes a draft with everything beside it: its log, and the copies that migrating an older one kept. The copy that is
/// restored from is the user's; no second one may outlive its retention.
fn clear(draft: &Path) -> LedgerResult<()> {
    let older = (1..schema::VERSION).map(|version| format!(".schema-{version}"));
    for suffix in ["", "-wal", "-shm"].map(str::to_owned).into_iter().chain(older) {
        let place = beside(draft, &suffix);
        match std::fs::remove_file(&place) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(file_fault(&place, &error)),
            Ok(()) | Err(_) => {}
        }
    }
    Ok(())
}

/// A draft of the new ledger, with its gap written.
fn mark(ask: &Restore, draft: &Path, zones: Zones) -> LedgerResult<(Key, Restored)> {
    let mut from = disk::open(&ask.copy, Links::Followed).map_err(|error| file_fault(&ask.copy, &error))?;
    let mut to = disk::open_private(draft, OpenOptions::new().write(true).create_new(true))
        .map_err(|error| file_fault(draft, &error))?;
    std::io::copy(&mut from, &mut to).and_then(|_| to.sync_all()).map_err(|error| file_fault(draft, &error))?;
    let no_copy = || {
        LedgerError::Refused(format!("{} is no copy made by `tickler backup`, nothing is changed", ask.copy.display()))
    };
    let conn = schema::open(draft).map_err(|error| match error {
        LedgerError::NewerSchema(_) => error,
        LedgerError::Busy(_) | LedgerError::ReadOnly | LedgerError::Refused(_) | LedgerError::Storage(_) => no_copy(),
    })?;
    let carried: Option<Vec<u8>> =
        conn.query_row("SELECT key FROM carried_key", [], |row| row.get(0)).optional().map_err(|_| no_copy())?;
    let key = carried.and_then(|bytes| Key::try_from(bytes).ok()).ok_or_else(no_copy)?;
    if chain_table::verify(&conn)?.broken.is_some() {
        return Err(LedgerError::Refused(format!("the log in {} is broken, nothing is changed", ask.copy.display())));
    }
    let store = SqliteStore::new(&conn, &key, chain_table::Chain::load(&conn)?);
    let openings = Openings::new(zones);
    store.begin()?;
    let (gap, uncertain) = Tx { store: &store, openings: &openings }.mark_restored(ask.now, &ask.actor)?;
    conn.execute_batch("DELETE FROM carried_key")?;
    store.commit()?;
    drop(store);
    conn.pragma_update(None, "journal_mode", "DELETE")?;
    let restored = Restored { gap, uncertain, kept: None };
    Ok((key, restored))
}

/// Moves the present ledger beside as `.before-restore`; an earlier one kept so stays.
fn keep_present(path: &Path) -> LedgerResult<Option<PathBuf>> {
    if !path.exists() {
        return Ok(None);
    }
    let place = (1..)
        .map(|n| beside(path, &if n == 1 { ".before-restore".to_owned() } else { format!(".before-restore-{n}") }))
        .find(|place| !place.exists())
        .expect("some number is free");
    let key = beside(path, ".key");
    if key.exists() {
        std::fs::copy(&key, beside(&place, ".key")).map_err(|error| file_fault(&key, &error))?;
    }
    for suffix in ["-wal", "-shm", ""] {
        let (from, to) = (beside(path, suffix), beside(&place, suffix));
        if from.exists() {
            std::fs::rename(&from, &to).map_err(|error| file_fault(&from, &error))?;
        }
    }
    Ok(Some(place))
}

fn sync_folder(path: &Path) -> LedgerResult<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(|error| file_fault(folder, &error))
}

/// The gaps that restorings left.
pub(super) fn gaps(conn: &Connection) -> LedgerResult<Vec<Gap>> {
    let mut statement = conn.prepare_cached("SELECT from_at, until_at FROM gap")?;
    let gap = |row: &rusqlite::Row<'_>| Ok(Gap { from: time(row, 0)?, until: time(row, 1)? });
    Ok(statement.query_map([], gap)?.collect::<Result<_, _>>()?)
}
