//! shell: a person accepts that the ledger has lost rows; reminders that may have been sent since become uncertain.

use serde::{Deserialize, Serialize};

use super::gap::{self, UnplannedGap};
use super::{App, VerbResult};
use crate::ledger::AcceptLoss;
use crate::plan::Gap;

/// The result.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AcceptLossAnswer {
    /// The time about which nothing is known.
    pub gap: Gap,
    /// The reminders that became uncertain.
    pub uncertain: u64,
    /// Schedules whose sources couldn't be read: their reminders of the gap become uncertain as soon as a run plans them.
    pub unread: Vec<UnplannedGap>,
}

/// Accepts the loss; sends nothing.
///
/// # Errors
/// Refused where nothing is lost, where the file is damaged, or where it was exchanged under a running service.
pub async fn accept_loss(app: &App, actor: &str, reason: String) -> VerbResult<AcceptLossAnswer> {
    let accepted = AcceptLoss { reason, now: app.env.clock.now(), actor: actor.to_owned() };
    let restored = app.ledger()?.accept_loss(accepted).await?;
    let planned = gap::plan(app, restored.gap, actor).await;
    if let Some(sender) = &app.sender {
        sender.nudge();
    }
    Ok(AcceptLossAnswer {
        gap: restored.gap,
        uncertain: restored.uncertain + planned.uncertain,
        unread: planned.unread,
    })
}
