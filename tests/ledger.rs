//! The conformance suite of every kind of ledger: written over an opened [`Ledger`], made by a [`Maker`].

use std::sync::Arc;

use tickler::ledger::memory::{self, Memory};
use tickler::ledger::{Ledger, LedgerError};
use tickler::zones::Zones;

#[path = "ledger/calls.rs"]
mod calls;
#[path = "support/chance.rs"]
mod chance;
#[path = "ledger/equal.rs"]
mod equal;
#[path = "ledger/files.rs"]
mod files;
#[path = "ledger/groups.rs"]
mod groups;
#[path = "ledger/inbox.rs"]
mod inbox;
#[path = "ledger/interruptions.rs"]
mod interruptions;
#[path = "ledger/labels.rs"]
mod labels;
#[path = "ledger/limits.rs"]
mod limits;
#[path = "ledger/losses.rs"]
mod losses;
#[path = "ledger/merged.rs"]
mod merged;
#[path = "ledger/optouts.rs"]
mod optouts;
#[path = "ledger/orders.rs"]
mod orders;
#[path = "ledger/outcomes.rs"]
mod outcomes;
#[path = "ledger/planning.rs"]
mod planning;
#[path = "ledger/questions.rs"]
mod questions;
#[path = "ledger/rate.rs"]
mod rate;
#[path = "ledger/runs.rs"]
mod runs;
#[path = "ledger/spellings.rs"]
mod spellings;
#[path = "ledger/states.rs"]
mod states;
#[path = "ledger/tampering.rs"]
mod tampering;
#[path = "ledger/trail.rs"]
mod trail;
#[path = "ledger/trials.rs"]
mod trials;

/// One database of one kind; `open` may be called again after the last handle was dropped.
trait Maker {
    fn open(&self) -> Arc<Ledger>;
}

/// A ledger in memory.
struct MemoryMaker(Memory);

impl MemoryMaker {
    fn new() -> Self {
        Self(Memory::new().expect("random bytes"))
    }
}

impl Maker for MemoryMaker {
    fn open(&self) -> Arc<Ledger> {
        memory::open(&self.0, Zones::newest()).expect("the ledger opens")
    }
}

/// The kinds a suite is run for.
fn makers() -> Vec<Box<dyn Maker>> {
    vec![Box::new(files::SqliteMaker::new()), Box::new(MemoryMaker::new())]
}

#[tokio::test]
async fn a_ledger_in_memory_has_one_writer_at_a_time_and_is_there_when_it_is_opened_again() {
    let maker = MemoryMaker::new();
    let first = maker.open();
    let id = calls::one_pending(&first).await;
    assert!(matches!(memory::open(&maker.0, Zones::newest()), Err(LedgerError::Busy(_))));
    drop(first);
    assert_eq!(calls::row(&maker.open(), id).await.id, id);
}
