//! shell: a backup becomes the ledger. What it has forgotten is marked in a draft; one rename decides; what follows is
//! finished by whoever opens the ledger next.
//!
//! | a crash | finds | and the next start |
//! |---|---|---|
//! | before `.restoring` is renamed to `.restored` | the old ledger untouched | removes the draft |
//! | after it | the new ledger whole in `.restored` | keeps the old one as `.before-restore`, puts the new one in its place |

use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rusqlite::OptionalExtension;

use super::errors::file_fault;
use super::files::{self, KeyBytes, beside, free_place};
use super::schema::Copies;
use super::steps::Steps;
use super::store::SqliteStore;
use super::{chain_table, schema};
use crate::audit::{Entry, Event};
use crate::disk::{self, Links, NotRegular};
use crate::ledger::openings::Openings;
use crate::ledger::store::{Store, Transaction};
use crate::ledger::verbs::Tx;
use crate::ledger::{LedgerError, LedgerResult, Restored};
use crate::zones::Zones;

/// A row of the opt-out list as it is stored: hash, last digits, since, actor, reason.
pub(super) type OptOutRow = (Vec<u8>, String, i64, String, Option<String>);

/// A restoring to be made.
#[derive(Debug, Clone)]
pub struct Restore {
    /// The copy.
    pub copy: PathBuf,
    /// The ledger's place.
    pub path: PathBuf,
    /// The current instant (UTC).
    pub now: Timestamp,
    /// The user who restores it.
    pub actor: String,
}

/// Puts the copy into the ledger's place; the present one stays as `.before-restore`.
///
/// # Errors
/// [`LedgerError::Busy`] while another process writes the ledger; refused when the file is not a copy made by `backup`.
pub fn restore(ask: &Restore, zones: Zones) -> LedgerResult<Restored> {
    restore_by(ask, zones, &Steps::default())
}

/// Like [`restore`], by steps that can be watched.
///
/// # Errors
/// Those of [`restore`].
pub fn restore_by(ask: &Restore, zones: Zones, steps: &Steps) -> LedgerResult<Restored> {
    // before anything is made or changed in the ledger's folder
    let copy = disk::open(&ask.copy, Links::Followed).map_err(|error| unreadable(&ask.copy, &error))?;
    let lock = files::lock(&ask.path)?;
    finish(&ask.path, steps)?;
    let draft = draft(&ask.path);
    let marked = mark(ask, copy, &draft, zones, steps);
    let Ok(restored) = marked else {
        let _the_first_error_is_reported = clear(&draft, steps);
        return marked;
    };
    steps.sync(&draft)?;
    steps.rename(&draft, &ready(&ask.path))?;
    let kept = put_in_place(&ask.path, steps)?;
    drop(lock);
    Ok(Restored { kept, ..restored })
}

/// The path of the unfinished file, on which nothing depends.
fn draft(path: &Path) -> PathBuf {
    beside(path, ".restoring")
}

/// The path of the finished file: it is the ledger from here on.
fn ready(path: &Path) -> PathBuf {
    beside(path, ".restored")
}

/// Finishes or undoes what a crash left in the ledger's folder; its lock is held.
pub(super) fn finish(path: &Path, steps: &Steps) -> LedgerResult<()> {
    clear(&draft(path), steps)?;
    for suffix in [".key.new", ".witness.new"] {
        steps.remove(&beside(path, suffix))?;
    }
    (1..schema::VERSION).try_for_each(|version| steps.remove(&schema::unfinished_copy(path, version)))?;
    if ready(path).exists() {
        put_in_place(path, steps)?;
    }
    Ok(())
}

/// Whether a restore was cut off after its decision, so that the file in the ledger's place is no longer the ledger.
pub(super) fn is_unfinished(path: &Path) -> bool {
    ready(path).exists()
}

/// Removes a draft and SQLite's files next to it.
fn clear(draft: &Path, steps: &Steps) -> LedgerResult<()> {
    ["", "-wal", "-shm", "-journal"].iter().try_for_each(|suffix| steps.remove(&beside(draft, suffix)))
}

fn unreadable(copy: &Path, error: &std::io::Error) -> LedgerError {
    let (place, why) =
        (copy.display(), NotRegular::behind(error).map_or_else(|| error.to_string(), |what| what.to_string()));
    LedgerError::Refused(format!("the copy {place} can't be read: {why}; nothing was changed"))
}

/// A draft of the new ledger, with its gap written. It carries its key until it is opened in its place.
fn mark(ask: &Restore, mut from: File, draft: &Path, zones: Zones, steps: &Steps) -> LedgerResult<Restored> {
    let mut to = steps.create(draft)?;
    std::io::copy(&mut from, &mut to).and_then(|_| to.sync_all()).map_err(|error| file_fault(draft, &error))?;
    let no_copy = || {
        LedgerError::Refused(format!(
            "{} is not a copy made by `tickler backup`, nothing is changed",
            ask.copy.display()
        ))
    };
    let conn = schema::open(draft, Copies::None, steps).map_err(|error| match error {
        LedgerError::NewerSchema(_) => error,
        LedgerError::Busy(_) | LedgerError::ReadOnly | LedgerError::Refused(_) | LedgerError::Storage(_) => no_copy(),
    })?;
    let carried: Option<Vec<u8>> =
        conn.query_row("SELECT key FROM carried_key", [], |row| row.get(0)).optional().map_err(|_| no_copy())?;
    let key = carried.and_then(|bytes| KeyBytes::try_from(bytes).ok()).ok_or_else(no_copy)?;
    files::check_key(draft, &conn, &key)?;
    if chain_table::verify(&conn, Some(&key))?.broken.is_some() {
        return Err(LedgerError::Refused(format!("the log in {} is broken, nothing is changed", ask.copy.display())));
    }
    let store = SqliteStore::new(&conn, &key)?;
    let openings = Openings::new(zones);
    store.begin()?;
    let restored = Tx { store: &store, openings: &openings }.mark_restored(ask.now, &ask.actor)?;
    let optouts = take_over_optouts(ask, &key, &store)?;
    steps.before("commit in", draft)?;
    store.commit()?;
    drop(store);
    // one file: no write-ahead log next to it
    steps.commit(&conn, draft, "PRAGMA journal_mode = DELETE")?;
    Ok(Restored { optouts, ..restored })
}

/// Who has asked not to be called since the copy was made is not called by the copy either: the numbers on the present
/// ledger's opt-out list are taken over. `None` where there is no such ledger with the same key, or it can't be read.
fn take_over_optouts(ask: &Restore, key: &KeyBytes, store: &SqliteStore<'_>) -> LedgerResult<Option<u64>> {
    let is_same_key =
        ask.path.exists() && files::read_key(&ask.path).is_ok_and(|present| present.as_ref() == Some(key));
    let Some(listed) = is_same_key.then(|| optouts_of(&ask.path).ok()).flatten() else { return Ok(None) };
    let taken = store.take_over_optouts(&listed)?;
    if taken > 0 {
        store.append(&Entry {
            reason: Some("restored".into()),
            actor: Some(ask.actor.as_str().into()),
            detail: Some(format!("taken over from the replaced ledger's list: {taken}").into()),
            ..Entry::new(ask.now, Event::OptoutAdded)
        })?;
    }
    Ok(Some(taken))
}

/// The rows of a ledger's opt-out list.
fn optouts_of(path: &Path) -> LedgerResult<Vec<OptOutRow>> {
    let conn = schema::open_reader(path)?;
    let mut statement = conn.prepare("SELECT phone_hash, phone_last4, since, actor, reason FROM optout")?;
    let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?));
    Ok(statement.query_map([], row)?.collect::<Result<_, _>>()?)
}

/// Keeps the present ledger and puts the new one in its place. Whatever it was cut off at, it can be done again.
fn put_in_place(path: &Path, steps: &Steps) -> LedgerResult<Option<PathBuf>> {
    // the decision is on the disk before anything of the old ledger is removed
    steps.sync_folder_of(path)?;
    let kept = keep_present(path, steps)?;
    // what belongs to the old database must not be taken for the new one's
    for suffix in ["-wal", "-shm", "-journal", ".witness"] {
        steps.remove(&beside(path, suffix))?;
    }
    steps.sync_folder_of(path)?;
    steps.rename(&ready(path), path)?;
    steps.sync_folder_of(path)?;
    Ok(kept)
}

/// Keeps the present ledger as `.before-restore`, with its log and its key; an earlier one kept so stays.
fn keep_present(path: &Path, steps: &Steps) -> LedgerResult<Option<PathBuf>> {
    let Ok(present) = path.metadata() else { return Ok(None) };
    let is_same =
        |place: &Path| place.metadata().is_ok_and(|kept| (kept.dev(), kept.ino()) == (present.dev(), present.ino()));
    let free = free_place(path, ".before-restore");
    // an earlier attempt may have kept it already, under the number before the free one
    let earlier = earlier_places(path).into_iter().find(|place| is_same(place));
    let place = earlier.clone().unwrap_or(free);
    for suffix in ["-wal", "-journal", ".key"] {
        let from = beside(path, suffix);
        if from.exists() {
            steps.keep(&from, &beside(&place, suffix))?;
        }
    }
    if earlier.is_none() {
        steps.keep(path, &place)?;
    }
    steps.sync_folder_of(path)?;
    Ok(Some(place))
}

/// The places of the ledgers that were kept, up to the first free one.
fn earlier_places(path: &Path) -> Vec<PathBuf> {
    let named =
        |n: u32| beside(path, &if n == 1 { ".before-restore".to_owned() } else { format!(".before-restore-{n}") });
    (1..).map(named).take_while(|place| place.exists()).collect()
}
