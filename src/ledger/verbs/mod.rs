//! shell: the ledger's verbs over any store: each loads what a decision needs, asks pure code, and writes its answer.

mod canaries;
mod holds;
mod inbox;
mod log;
mod loss;
mod optouts;
mod outbox;
mod outcomes;
mod retries;
mod runs;
mod taking;
mod write_backs;

use super::LedgerResult;
use super::change::Change;
use super::openings::Openings;
use super::store::{Applied, Store};

/// What a verb works with inside one transaction.
#[derive(Clone, Copy)]
pub struct Tx<'a> {
    /// The database.
    pub store: &'a dyn Store,
    /// Calling hours, understood once.
    pub openings: &'a Openings,
}

impl Tx<'_> {
    /// Writes a change that was decided on what this transaction loaded.
    fn apply(&self, change: &Change<'_>) -> LedgerResult<Applied> {
        self.store.apply(change)
    }
}
