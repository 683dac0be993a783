//! shell: a pool of read-only connections.

use std::path::PathBuf;
use std::sync::Mutex;

use rusqlite::Connection;

use super::files::KeyBytes;
use super::schema;
use crate::ledger::LedgerResult;

/// This many connections wait for the next read; what a burst opened beyond them is closed again. Each holds a page cache
/// of its own (2 MiB), and two cores never read through many at once.
pub(super) const IDLE_CONNECTIONS: usize = 4;

/// A connection with what reads need.
pub(super) struct Reader {
    pub(super) conn: Connection,
    /// The key of the phone hashes, where it may be read.
    pub(super) key: Option<KeyBytes>,
}

/// Connections that wait for the next read.
pub(super) struct Readers {
    path: PathBuf,
    key: Option<KeyBytes>,
    idle: Mutex<Vec<Reader>>,
}

impl Readers {
    pub(super) fn new(path: PathBuf, key: Option<KeyBytes>) -> Self {
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
        self.keep(reader);
        result
    }

    fn keep(&self, reader: Reader) {
        let mut idle = self.idle.lock().expect("no holder of the readers' lock can panic");
        if idle.len() < IDLE_CONNECTIONS {
            idle.push(reader);
        } else {
            drop(idle);
            drop(reader); // closing takes a while, and nobody waits for it
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use super::*;

    /// How often this process has the file open.
    fn descriptors_of(path: &std::path::Path) -> usize {
        let all = std::fs::read_dir("/proc/self/fd").expect("a Linux machine");
        let targets = all.filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok());
        targets.filter(|target| target == path).count()
    }

    #[test]
    fn what_a_burst_of_reads_opened_is_closed_but_for_a_few() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().canonicalize().expect("a real path").join("ledger.db");
        drop(schema::open(&path, schema::Copies::Kept, &super::super::steps::Steps::default()).expect("a ledger"));
        let readers = Readers::new(path.clone(), None);
        let burst = 32;
        let (all_read, all_seen) = (Barrier::new(burst + 1), Barrier::new(burst + 1));
        std::thread::scope(|scope| {
            for _reader in 0..burst {
                scope.spawn(|| {
                    let work = |_: &Reader| {
                        all_read.wait();
                        all_seen.wait();
                        Ok(())
                    };
                    readers.read(work).expect("a read");
                });
            }
            all_read.wait();
            assert_eq!(descriptors_of(&path), burst, "each read has a connection of its own");
            all_seen.wait();
        });
        assert_eq!(descriptors_of(&path), IDLE_CONNECTIONS);
    }
}
