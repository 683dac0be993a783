//! shell: the ledger over plain maps, without a file: a second store under the same verbs.
//!
//! It shows that the verbs need nothing of SQLite but [`Store`](super::store::Store) and
//! [`Transaction`](super::store::Transaction): every test of the ledger that isn't about files runs over both stores, and
//! random sequences of verbs must get the same answers and the same audit log from both. It also serves simulations that need
//! a ledger for a moment. The program itself always keeps its ledger in a file, because one in memory forgets its calls.
//!
//! A transaction works on a copy of the tables, whose rows are shared with the committed state until they are changed. Every
//! question is a walk through a table: simple before fast.

mod answers;
mod calls;
mod canaries;
mod erasure;
mod finding;
mod labels;
mod log;
mod outcomes;
mod posts;
mod reads;
mod store;
mod tables;
mod told;
mod write_backs;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use super::chain::{PhoneKey, Sealing};
use super::opened::Ledger;
use super::writer::Writer;
use super::{LedgerError, LedgerResult};
use crate::zones::Zones;
use reads::MemoryReads;
use store::MemoryStore;
use tables::Tables;

/// The place of a ledger in memory, as a path is that of a ledger in a file: what was committed outlives the opened ledger.
#[derive(Clone)]
pub struct Memory {
    committed: Arc<Mutex<Arc<Tables>>>,
    is_open: Arc<AtomicBool>,
    key: [u8; 32],
}

impl Memory {
    /// An empty one with a random key.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn new() -> LedgerResult<Self> {
        Ok(Self { committed: Arc::default(), is_open: Arc::default(), key: random()? })
    }

    /// What is committed now.
    fn tables(&self) -> Arc<Tables> {
        Arc::clone(&self.committed.lock().expect("no holder of this lock can panic"))
    }

    fn commit(&self, tables: Arc<Tables>) {
        *self.committed.lock().expect("no holder of this lock can panic") = tables;
    }

    fn sealing(&self) -> Sealing {
        Sealing::keyed(&self.key)
    }

    fn phone_key(&self) -> PhoneKey {
        PhoneKey::new(&self.key)
    }
}

/// Opens the ledger for writing.
///
/// # Errors
/// [`LedgerError::Busy`] while another opened ledger writes it.
pub fn open(memory: &Memory, zones: Zones) -> LedgerResult<Arc<Ledger>> {
    let lock = Lock::of(memory)?;
    let of_writer = memory.clone();
    let writer = Writer::start(zones, move |jobs| {
        jobs.work(&MemoryStore::new(of_writer));
        drop(lock);
    })?;
    Ok(Ledger::new(Some(writer), MemoryReads { memory: memory.clone() }))
}

/// Lets one ledger at a time write.
struct Lock(Arc<AtomicBool>);

impl Lock {
    fn of(memory: &Memory) -> LedgerResult<Self> {
        match memory.is_open.swap(true, Ordering::AcqRel) {
            true => Err(LedgerError::Busy("this ledger in memory is open already".into())),
            false => Ok(Self(Arc::clone(&memory.is_open))),
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

fn random<const N: usize>() -> LedgerResult<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| LedgerError::Storage("the system gives no random bytes".into()))?;
    Ok(bytes)
}
