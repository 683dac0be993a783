//! shell: the steps by which files in a ledger's folder are exchanged. Each can be the last one before a crash, so all of
//! them go through one place, where a test can inspect the folder before each, or make one fail.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;
use std::sync::Arc;

use rusqlite::Connection;

use super::errors::file_fault;
use crate::disk;
use crate::ledger::LedgerResult;

/// What a test does before a step: it sees the step's name, and an error makes the step fail.
type StepHook = dyn Fn(&str) -> io::Result<()> + Send + Sync;

/// Does the steps.
#[derive(Clone, Default)]
pub struct Steps(Option<Arc<StepHook>>);

impl Steps {
    /// Asks `watch` before each step. Files written so far are as a process killed there would leave them.
    #[must_use]
    pub fn watched(watch: impl Fn(&str) -> io::Result<()> + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(watch)))
    }

    pub(super) fn before(&self, step: &str, path: &Path) -> LedgerResult<()> {
        let Some(watch) = &self.0 else { return Ok(()) };
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        watch(&format!("{step} {name}")).map_err(|error| file_fault(path, &error))
    }

    fn file(&self, step: &str, path: &Path, work: impl FnOnce() -> io::Result<()>) -> LedgerResult<()> {
        self.before(step, path)?;
        work().map_err(|error| file_fault(path, &error))
    }

    /// Creates an empty private file, in the place of an unfinished one.
    pub(super) fn create(&self, path: &Path) -> LedgerResult<File> {
        self.remove(path)?;
        self.before("create", path)?;
        disk::open_private(path, OpenOptions::new().read(true).write(true).create_new(true))
            .map_err(|error| file_fault(path, &error))
    }

    /// Writes a private file whole and brings it to the disk.
    pub(super) fn write(&self, path: &Path, bytes: &[u8]) -> LedgerResult<()> {
        let mut file = self.create(path)?;
        self.file("write", path, || io::Write::write_all(&mut file, bytes))?;
        self.file("sync", path, || file.sync_all())
    }

    /// Brings a file to the disk.
    pub(super) fn sync(&self, path: &Path) -> LedgerResult<()> {
        self.file("sync", path, || File::open(path)?.sync_all())
    }

    /// Brings the names in a file's folder to the disk.
    pub(super) fn sync_folder_of(&self, path: &Path) -> LedgerResult<()> {
        let folder = disk::folder_of(path);
        self.file("sync the folder of", path, || File::open(folder)?.sync_all())
    }

    /// Gives a file another name, in the place of what had it.
    pub(super) fn rename(&self, from: &Path, to: &Path) -> LedgerResult<()> {
        self.file("rename", from, || std::fs::rename(from, to))
    }

    /// Gives a file a name that nothing has yet.
    pub(super) fn rename_to_new(&self, from: &Path, to: &Path) -> LedgerResult<()> {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        self.file("rename", from, || match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
            // file systems that can't promise it
            Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) if !to.exists() => std::fs::rename(from, to),
            renamed => renamed.map_err(io::Error::from),
        })
    }

    /// Keeps a file under a second name, in the place of what had it; by a copy where a file has one name only.
    pub(super) fn keep(&self, from: &Path, to: &Path) -> LedgerResult<()> {
        self.remove(to)?;
        self.file("keep", from, || {
            std::fs::hard_link(from, to).or_else(|_| {
                std::fs::copy(from, to)?;
                File::open(to)?.sync_all()
            })
        })
    }

    /// Removes a file that may be there.
    pub(super) fn remove(&self, path: &Path) -> LedgerResult<()> {
        if path.symlink_metadata().is_err() {
            return Ok(());
        }
        self.file("remove", path, || std::fs::remove_file(path))
    }

    /// Runs statements of which the last one commits.
    pub(super) fn commit(&self, conn: &Connection, path: &Path, sql: &str) -> LedgerResult<()> {
        self.before("commit in", path)?;
        Ok(conn.execute_batch(sql)?)
    }

    /// Copies a whole database.
    pub(super) fn copy_database(&self, conn: &Connection, to: &Path) -> LedgerResult<()> {
        self.before("copy to", to)?;
        Ok(conn.backup("main", to, None::<fn(rusqlite::backup::Progress)>)?)
    }
}
