//! shell: whole phone numbers of the log's reminders, recorded before they are shown.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::{App, VerbResult, entry_of};
use crate::audit::Event;
use crate::audit::words::counted;
use crate::ledger::{Log, ReminderAsk};
use crate::personal::Personal;
use crate::reminder::ReminderId;

/// Maximum reminders of one request.
pub const AT_ONCE: usize = 1_000;

/// A reminder's number.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct WholePhone {
    /// The reminder's id.
    pub reminder_id: ReminderId,
    /// E.164.
    pub phone: Personal,
}

/// The numbers of these reminders that are still kept. The log has it first.
///
/// # Errors
/// When the ledger can't be read, or the record can't be written: then nothing is shown.
pub async fn whole_phones(app: &App, actor: &str, ids: Vec<ReminderId>) -> VerbResult<Vec<WholePhone>> {
    let ledger = app.ledger()?;
    let found = ledger.reminders(ReminderAsk { ids, ..ReminderAsk::default() }).await?;
    let kept: HashMap<ReminderId, Personal> = found.into_iter().filter_map(|row| Some((row.id, row.phone?))).collect();
    let detail = format!("{} in a list of the log", counted(kept.len() as u64, "number", "numbers"));
    ledger.append(vec![entry_of(app, actor, Event::OperatorRevealed, &detail)]).await?;
    Ok(kept.into_iter().map(|(reminder_id, phone)| WholePhone { reminder_id, phone }).collect())
}
