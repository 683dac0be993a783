//! shell: the conductor: read → map → plan → render → record. `run`, `trigger`, `plan`, `explain`, the page and the fresh
//! read before a late send all go through it.

use std::sync::Arc;

use crate::clock::SharedClock;
use crate::http::Http;
use crate::ledger::{Ledger, LedgerError};
use crate::plan::{Occasion, Plan};
use crate::schedule::Schedule;
use crate::settings::Secrets;
use crate::sources::{ReadReport, SourceError};
use crate::zones::Zones;

/// What an evaluation needs of the world.
#[derive(Clone)]
pub struct Surroundings {
    /// The only reader of time.
    pub clock: SharedClock,
    /// The zone rules in use.
    pub zones: Zones,
    /// The one way out.
    pub http: Http,
    /// Where secrets live.
    pub secrets: Secrets,
    /// What is known; `None` when there is no ledger yet (`plan` before the first run).
    pub ledger: Option<Arc<dyn Ledger>>,
}

/// A complete read, planned.
#[derive(Debug)]
pub struct Evaluation {
    /// The decision.
    pub plan: Plan,
    /// What the source says of itself.
    pub report: ReadReport,
    /// When the read began (UTC).
    pub read_at: jiff::Timestamp,
}

/// Why there is no plan.
#[derive(Debug, Clone, thiserror::Error)]
pub enum EvaluationError {
    /// The source.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The do-not-call file, or anything else the rules need.
    #[error("{0}")]
    Rule(String),
}

/// Reads the schedule's source whole (again after 1, 2 and 4 s when that may help) and plans it.
///
/// # Errors
/// When the source, the ledger or a file the rules need can't be read: then nobody is planned.
pub async fn evaluate(
    _schedule: &Arc<Schedule>,
    _occasion: Occasion,
    _around: &Surroundings,
) -> Result<Evaluation, EvaluationError> {
    todo!()
}

/// Reads a schedule's source again before a late send, planned as the run that planned it first was; updates and cancels
/// what is pending, inserts nothing, is no run.
///
/// # Errors
/// As [`evaluate`]; what is pending stays so.
pub async fn fresh_read(
    _schedule: &Arc<Schedule>,
    _run: crate::reminder::RunId,
    _around: &Surroundings,
) -> Result<(), EvaluationError> {
    todo!()
}
