//! shell: cancels one pending reminder by hand; no run plans it again.

use serde::{Deserialize, Serialize};

use super::{App, VerbResult, ids};
use crate::ledger::{ByHand, CancelByHand, Outbox};
use crate::reminder::{ReminderId, State};

/// The reminder that is to be cancelled, and why.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CancelAsk {
    /// Its id or the unique beginning of it, or the id of `schedule`'s appointment.
    pub id: String,
    /// The schedule whose appointment `id` may name.
    pub schedule: Option<String>,
    /// The reason given.
    pub reason: String,
}

/// The reminder as it is then.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CancelledReminder {
    /// The reminder's id.
    pub reminder_id: ReminderId,
    /// The schedule's name.
    pub schedule: String,
    /// Its appointment.
    pub appointment_id: String,
    /// Its state.
    pub state: State,
}

/// Cancels it.
///
/// # Errors
/// When there is no such reminder, it isn't pending, or the ledger fails.
pub async fn cancel(app: &App, actor: &str, ask: CancelAsk) -> VerbResult<CancelledReminder> {
    let reminder_id = ids::reminder(app, &ask.id, ask.schedule.as_deref(), &[State::Pending]).await?;
    let now = app.env.clock.now();
    let cancel = CancelByHand { reminder_id, reason: ask.reason, actor: actor.to_owned(), now };
    let row = app.ledger()?.by_hand(ByHand::Cancel(cancel)).await?;
    Ok(CancelledReminder {
        reminder_id: row.id,
        schedule: row.schedule,
        appointment_id: row.appointment_id,
        state: row.state,
    })
}
