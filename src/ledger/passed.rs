//! pure: nominal times that are not evaluated, as the ledger records them.

use jiff::Timestamp;

use crate::reminder::RunState;

/// Nominal times that are not evaluated.
#[derive(Debug, Clone)]
pub struct PassedOver {
    /// Of which schedule.
    pub schedule: String,
    /// The earlier ones of many: one row for all that share a reason.
    pub folded: Vec<FoldedTimes>,
    /// Each with its state (`missed` or `skipped`) and a word (`paused`, `overlap`, `down`).
    pub times: Vec<(Timestamp, RunState, String)>,
    /// Where the cursor stands afterwards (UTC); may lie before the present one.
    pub cursor: Timestamp,
    /// Now (UTC).
    pub now: Timestamp,
}

/// Nominal times that were passed over for one reason, recorded by one row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FoldedTimes {
    /// The first (UTC).
    pub first: Timestamp,
    /// The last (UTC).
    pub last: Timestamp,
    /// How many.
    pub count: u64,
    /// `missed` or `skipped`.
    pub state: RunState,
    /// `paused`, `overlap` or `down`.
    pub why: &'static str,
}
