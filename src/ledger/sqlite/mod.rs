//! shell: the ledger in one SQLite file: a writer with one connection, and read-only connections.
//!
//! Beside the file: `.lock` (who writes), `.key` (for the phone hashes), `-wal` and `-shm`.

mod append;
mod apply;
mod appointment_filter;
mod backup;
mod calls;
mod canaries;
mod chain_table;
mod columns;
mod continuity;
mod counting;
mod erasure;
mod errors;
mod exported;
mod files;
mod finding;
mod held;
mod knowledge;
mod labels;
mod log_index;
mod lookups;
mod loss;
mod maintenance;
mod merged;
mod outcomes;
mod pauses;
mod posts;
mod put;
mod queries;
mod readers;
mod reads;
mod restore;
mod runs;
mod schedules;
mod schema;
mod shadow;
#[cfg(test)]
mod statement_tests;
mod statements;
mod steps;
mod store;
mod wal;
mod watched;
mod write_backs;

use std::path::Path;
use std::sync::Arc;

use super::opened::Ledger;
use super::writer::Writer;
use super::{LedgerError, LedgerResult, Loss};
use crate::zones::Zones;
use continuity::{Continuity, FilesBeforeOpening};
pub use exported::ExportedDatabase;
use readers::Readers;
use reads::SqliteReads;
pub use restore::{Restore, restore, restore_by};
use schema::Copies;
pub use steps::Steps;

/// What the ledger is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LedgerAccess {
    /// Opens it for changes: takes the lock, creates what is missing.
    Write,
    /// Opens it for reading while a service runs; nothing is created.
    Read,
}

/// Whether there is a ledger at `path`; where there is none it counts as empty. In a folder that may not be read there may
/// be one: only opening it shows that.
#[must_use]
pub fn exists(path: &Path) -> bool {
    path.try_exists().unwrap_or(true)
}

/// Whether there is no ledger at `path`: no file, one without a byte, or one that is just being made. In a folder that may not be
/// read there may be one: opening it shows that.
#[must_use]
pub fn is_missing(path: &Path) -> bool {
    !exists(path) || std::fs::metadata(path).is_ok_and(|file| file.len() == 0) || schema::is_blank(path)
}

/// What was lost with a ledger that [`is_missing`]; `None` where there never was one.
#[must_use]
pub fn loss_of_missing(path: &Path) -> Option<Loss> {
    FilesBeforeOpening::of(path).ok().and_then(FilesBeforeOpening::lost)
}

/// The loss because of which a missing ledger is refused instead of being created anew; `None` while another process is making or
/// restoring it.
#[must_use]
pub fn loss_to_refuse(path: &Path) -> Option<Loss> {
    loss_of_missing(path)?;
    let _nobody_else = files::lock(path).ok()?;
    let is_gone = is_missing(path) && !restore::is_unfinished(path);
    if is_gone { loss_of_missing(path) } else { None }
}

/// Opens the ledger; [`LedgerAccess::Write`] creates it when it is missing and migrates its schema (after a copy).
///
/// # Errors
/// [`LedgerError::Busy`] when another process writes it, [`LedgerError::Refused`] when it is to be read and isn't
/// there, [`LedgerError::NewerSchema`], and [`LedgerError::Storage`] for everything else that the disk refuses.
pub fn open(path: impl AsRef<Path>, access: LedgerAccess, zones: Zones) -> LedgerResult<Arc<Ledger>> {
    match access {
        LedgerAccess::Read => open_for_reading(path.as_ref()),
        LedgerAccess::Write => open_by(path, zones, Steps::default()),
    }
}

fn open_for_reading(path: &Path) -> LedgerResult<Arc<Ledger>> {
    if is_missing(path) {
        let place = path.display();
        return Err(LedgerError::Refused(format!("there is no ledger at {place} yet")));
    }
    if restore::is_unfinished(path) {
        // whoever opens it for writing finishes it
        return Err(LedgerError::Refused(format!(
            "a restore of {} was cut short: start the service, or any verb that changes something, to finish it",
            path.display()
        )));
    }
    // before the log is read: a service that runs meanwhile only adds to it
    let testimony = continuity::testimony(path)?;
    let readers = Readers::new(path.to_owned(), files::read_key(path)?);
    readers.check_schema()?;
    let found = readers.read(|reader| {
        reader.key.iter().try_for_each(|key| files::check_key(path, &reader.conn, key))?;
        continuity::loss_for_reader(path, &reader.conn, testimony)
    })?;
    let (path, steps) = (path.to_owned(), Steps::default());
    Ok(Ledger::new(None, SqliteReads { path, readers, found, continuity: None, steps }))
}

/// Like [`open`] for writing, by steps that can be watched.
///
/// # Errors
/// Those of [`open`].
pub fn open_by(path: impl AsRef<Path>, zones: Zones, steps: Steps) -> LedgerResult<Arc<Ledger>> {
    let path = path.as_ref();
    let lock = files::lock(path)?;
    restore::finish(path, &steps)?;
    let before = FilesBeforeOpening::of(path)?;
    before.keep_traces(path, &steps)?;
    let conn = schema::open(path, Copies::Kept, &steps)?;
    let key = files::key(path, &conn, &steps)?;
    let continuity = Arc::new(Continuity::begin(path, &conn, &before, &steps)?);
    let readers = Readers::new(path.to_owned(), Some(key));
    let watch = Arc::clone(&continuity);
    let writer = Writer::start(zones, move |jobs| {
        match store::SqliteStore::new(&conn, &key) {
            Ok(store) => jobs.work(&store.watched(Arc::clone(&watch))),
            // whoever asks is answered that the writer has ended
            Err(error) => tracing::error!(%error, "the ledger's writer can't begin"),
        }
        watch.close(conn);
        drop(lock); // last: whoever takes it next finds the file closed
    })?;
    let path = path.to_owned();
    let reads = SqliteReads { path, readers, found: None, continuity: Some(continuity), steps };
    Ok(Ledger::new(Some(writer), reads))
}
