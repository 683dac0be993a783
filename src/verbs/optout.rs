//! shell: the opt-out list of all schedules: whoever is on it is called by none, from that moment on.

use serde::{Deserialize, Serialize};

use super::{App, VerbError, VerbResult};
use crate::evaluation::phone_of;
use crate::ledger::{NumbersList, OptOut, OptOutChange, OptOutSide, OptOutsChanged, Outbox};
use crate::personal::Personal;

/// Numbers to be put on the list or taken off it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct OptOutAsk {
    /// E.164.
    pub phones: Vec<Personal>,
    /// Whether the numbers are put on the list or taken off it.
    pub to: OptOutSide,
    /// The list.
    #[serde(default)]
    pub list: NumbersList,
    /// The reason given.
    pub reason: Option<String>,
}

/// Changes the list; what is pending to a number that is put on it is cancelled.
///
/// # Errors
/// When a text is no number, or the ledger fails: then nothing was changed.
pub async fn change(app: &App, actor: &str, ask: OptOutAsk) -> VerbResult<OptOutsChanged> {
    refuse(&ask)?;
    let OptOutAsk { phones, to, list, reason } = ask;
    let change = OptOutChange { list, phones, to, reason, now: app.env.clock.now(), actor: actor.to_owned() };
    Ok(app.ledger()?.opt_out(change).await?)
}

/// Refuses a list in which a text is no number.
///
/// # Errors
/// When one is.
pub(super) fn refuse(ask: &OptOutAsk) -> VerbResult<()> {
    match ask.phones.iter().any(|phone| phone_of(phone, None).is_none()) {
        true => {
            Err(VerbError::Usage("not every text is a phone number such as +12025550143; nothing was changed".into()))
        }
        false => Ok(()),
    }
}

/// The whole list, the oldest first. Without a ledger it is empty.
///
/// # Errors
/// When the ledger can't be read.
pub async fn list(app: &App) -> VerbResult<Vec<OptOut>> {
    match &app.env.ledger {
        Some(ledger) => Ok(ledger.optouts().await?),
        None => Ok(Vec::new()),
    }
}
