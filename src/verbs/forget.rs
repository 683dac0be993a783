//! shell: erases a person: what the ledger holds of a phone number, and on request the contact at Thoughtly.

use serde::{Deserialize, Serialize};

use super::{App, VerbError, VerbResult, account};
use crate::evaluation::phone_of;
use crate::ledger::Forget;
use crate::personal::Personal;

/// Who is to be erased.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ForgetAsk {
    /// E.164.
    pub phone: Personal,
    /// Whether the contacts of every account with this phone are deleted, too.
    pub remote: bool,
}

/// What was erased.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForgottenPerson {
    /// Rows of the log that have lost their personal fields; the chain stays whole.
    pub audit_rows: u64,
    /// Reminders that have lost phone, payload and label.
    pub reminders: u64,
    /// Pending ones among them, which are cancelled.
    pub cancelled: u64,
    /// Contacts that were deleted at Thoughtly; null unless that was asked for.
    pub contacts_deleted: Option<u64>,
    /// Accounts at which a contact may be left, and why.
    pub failures: Vec<String>,
}

/// Refuses what is no phone number.
///
/// # Errors
/// When it is none.
pub fn refuse(ask: &ForgetAsk) -> VerbResult<()> {
    match phone_of(&ask.phone, None) {
        Some(_) => Ok(()),
        None => Err(VerbError::Usage("--phone is not a valid phone number: write it as +12025550143".to_owned())),
    }
}

/// Erases the person here first, then at the accounts: a failure there is reported and undoes nothing.
///
/// # Errors
/// When it is no phone number, a call to it is being sent, or the ledger can't be written.
pub async fn forget(app: &App, actor: &str, ask: ForgetAsk) -> VerbResult<ForgottenPerson> {
    refuse(&ask)?;
    let now = app.env.clock.now();
    let forgotten = app.ledger()?.forget(Forget { phone: ask.phone.clone(), now, actor: actor.to_owned() }).await?;
    app.env.reads.forget_answers();
    let mut person = ForgottenPerson {
        audit_rows: forgotten.rows,
        reminders: forgotten.reminders,
        cancelled: forgotten.cancelled,
        ..ForgottenPerson::default()
    };
    if !ask.remote {
        return Ok(person);
    }
    let mut deleted = 0;
    // an account that has no credentials was never given a contact
    for (name, _) in app.settings.accounts.iter().filter(|(_, account)| account.api_token.is_some()) {
        let known = forgotten.contacts.iter().filter(|(account, _)| account == name).map(|(_, id)| id.clone());
        let subject = (name.as_str(), ask.phone.as_str());
        match account::delete_contacts(&app.settings, &app.env.http, subject, known).await {
            Ok(count) => deleted += count,
            Err(error) => person.failures.push(error.to_string()),
        }
    }
    person.contacts_deleted = Some(deleted);
    Ok(person)
}
