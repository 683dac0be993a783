//! pure: rows by the batch, so that one thread can split a large table while another looks into its rows.

use std::io::Read;
use std::ops::ControlFlow;

use super::TableFailure;
use super::rows::TableRows;
use crate::row::{Fields, Lines};

/// Rows of a batch. A table of fewer rows is one batch. With a few hundred, waking the other thread costs a sixth of the splitting.
const ROWS: usize = 1536;

/// A batch of more bytes than this takes no further row.
const BYTES: usize = 1 << 18;

/// Rows that were split, in their order.
#[derive(Default)]
pub(super) struct RowBatch {
    lines: Lines,
    rows: Vec<SplitRow>,
    /// Why no row follows these, when that isn't the table's end.
    failure: Option<TableFailure>,
}

/// What is known of a row besides its fields.
pub(super) struct SplitRow {
    /// The line on which it begins, from 1.
    pub(super) line: u64,
    /// Why it can't be used.
    pub(super) broken: Option<String>,
}

impl RowBatch {
    /// Replaces its rows by the table's next ones. Breaks when no row follows these.
    pub(super) fn fill<R: Read>(&mut self, table: &mut TableRows<R>) -> ControlFlow<()> {
        self.lines.clear();
        self.rows.clear();
        while self.rows.len() < ROWS && self.lines.size() < BYTES {
            match table.next() {
                Ok(Some(line)) => {
                    self.lines.push(table.fields());
                    self.rows.push(SplitRow { line, broken: table.broken.take() });
                }
                Ok(None) => return ControlFlow::Break(()),
                Err(failure) => {
                    self.failure = Some(failure);
                    return ControlFlow::Break(());
                }
            }
        }
        ControlFlow::Continue(())
    }

    /// The rows with their fields.
    pub(super) fn rows(&self) -> impl Iterator<Item = (&SplitRow, Fields<'_>)> {
        self.rows.iter().zip(self.lines.iter())
    }

    /// Why no row follows these, when that isn't the table's end.
    pub(super) fn take_failure(&mut self) -> Option<TableFailure> {
        self.failure.take()
    }
}
