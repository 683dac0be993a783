//! The conformance suite of every kind of ledger: written over an opened [`Ledger`], made by a [`Maker`].

use std::sync::Arc;

use tickler::ledger::Ledger;

#[path = "ledger/calls.rs"]
mod calls;
#[path = "ledger/files.rs"]
mod files;
#[path = "ledger/groups.rs"]
mod groups;
#[path = "ledger/interruptions.rs"]
mod interruptions;
#[path = "ledger/limits.rs"]
mod limits;
#[path = "ledger/losses.rs"]
mod losses;
#[path = "ledger/planning.rs"]
mod planning;
#[path = "ledger/rate.rs"]
mod rate;
#[path = "ledger/runs.rs"]
mod runs;
#[path = "ledger/states.rs"]
mod states;
#[path = "ledger/tampering.rs"]
mod tampering;
#[path = "ledger/trail.rs"]
mod trail;

/// One database of one kind; `open` may be called again after the last handle was dropped.
trait Maker {
    fn open(&self) -> Arc<Ledger>;
}

/// The kinds a suite is run for.
fn makers() -> Vec<Box<dyn Maker>> {
    vec![Box::new(files::SqliteMaker::new())]
}
