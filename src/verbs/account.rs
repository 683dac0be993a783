//! shell: lists a Thoughtly account's voice agents, and finds or deletes its contacts that have a given phone number.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::redact::{self, Reveal};
use super::{VerbError, VerbResult};
use crate::http::Http;
use crate::personal::Personal;
use crate::settings::Settings;
use crate::targets::account::{AccountApi, AccountError, Agent, Contact};

/// A contact that was found by its phone number, as `contacts find --format json` prints it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct FoundContact {
    /// The contact's id in the account.
    pub id: String,
    /// The last four digits of its phone number.
    pub phone: Personal,
    /// The contact's other fields by name; phone numbers in them are masked.
    #[serde(flatten)]
    pub fields: BTreeMap<String, Personal>,
}

/// The account's voice agents.
///
/// # Errors
/// When there is no such account, or it can't be reached.
pub async fn agents(settings: &Settings, http: &Http, account: &str) -> VerbResult<Vec<Agent>> {
    let agents = open(settings, account)?.agents(http).await.map_err(|error| VerbError::Failed(error.message))?;
    agents.ok_or_else(|| VerbError::Failed(format!("the account `{account}` returned no list of agents")))
}

/// The account's contacts with this phone number (E.164).
///
/// # Errors
/// The same as those of [`agents`].
pub async fn contacts(settings: &Settings, http: &Http, account: &str, phone: &str) -> VerbResult<Vec<FoundContact>> {
    let found =
        open(settings, account)?.contacts(http, phone).await.map_err(|error| VerbError::Failed(error.message))?;
    Ok(found.into_iter().map(masked).collect())
}

/// Deletes the contacts of an account that have this phone number (E.164) or one of the `known` ids; returns how many there were.
///
/// # Errors
/// The same as those of [`agents`]. Contacts that were deleted before the failure stay deleted.
pub async fn delete_contacts(
    settings: &Settings,
    http: &Http,
    (account, phone): (&str, &str),
    known: impl IntoIterator<Item = String>,
) -> VerbResult<u64> {
    let api = open(settings, account)?;
    let failed = |error: AccountError| VerbError::Failed(error.message);
    let mut ids: BTreeSet<String> = known.into_iter().collect();
    ids.extend(api.contacts(http, phone).await.map_err(failed)?.into_iter().map(|contact| contact.id));
    for id in &ids {
        api.delete_contact(http, id).await.map_err(failed)?;
    }
    Ok(ids.len() as u64)
}

/// What the audit log says about a search for the contacts of a phone number.
#[must_use]
pub fn reveal_detail(account: &str, phone: &str) -> String {
    format!("what the account `{account}` knows of {}", redact::phone(phone, Reveal::LastFour))
}

fn masked(contact: Contact) -> FoundContact {
    FoundContact {
        id: contact.id,
        phone: redact::phone(&contact.phone, Reveal::LastFour).into(),
        fields: contact.fields.into_iter().map(|(name, text)| (name.to_owned(), redact::text(&text).into())).collect(),
    }
}

fn open(settings: &Settings, account: &str) -> VerbResult<AccountApi> {
    AccountApi::open(account, settings.accounts.get(account), &settings.secrets)
        .map_err(|error| VerbError::Configuration(error.message))
}

/// The problem that a schedule names an agent that the account doesn't have, with the account's agents as the remedy; `None`
/// where the account has it.
#[must_use]
pub fn unknown_agent(agent: &str, agents: &[Agent]) -> Option<String> {
    if agents.iter().any(|known| known.id == agent) {
        return None;
    }
    let listed: Vec<String> = agents.iter().take(10).map(|known| format!("{} ({})", known.id, known.title)).collect();
    let remedy = if listed.is_empty() { "it has none".to_owned() } else { format!("it has {}", listed.join(", ")) };
    Some(format!("the account has no agent of the id that `target.call.agent` names: {remedy}"))
}
