//! shell: a Thoughtly account's voice agents, and its contacts with a phone number.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::redact::{self, Reveal};
use super::{VerbError, VerbResult};
use crate::http::Http;
use crate::settings::Settings;
use crate::targets::account::{AccountApi, AccountError, Agent, Contact};

/// Contacts with a phone number, as `contacts find --format json` prints them.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct FoundContact {
    /// The account's id.
    pub id: String,
    /// The last four digits.
    pub phone: String,
    /// Its other texts, phone numbers in them masked.
    #[serde(flatten)]
    pub fields: BTreeMap<String, String>,
}

/// The account's agents.
///
/// # Errors
/// When there is no such account, or it can't be reached.
pub async fn agents(settings: &Settings, http: &Http, account: &str) -> VerbResult<Vec<Agent>> {
    let agents = open(settings, account)?.agents(http).await.map_err(|error| VerbError::Failed(error.message))?;
    agents.ok_or_else(|| VerbError::Failed(format!("the account `{account}` returned no list of agents")))
}

/// The account's contacts with a phone (E.164).
///
/// # Errors
/// As [`agents`].
pub async fn contacts(settings: &Settings, http: &Http, account: &str, phone: &str) -> VerbResult<Vec<FoundContact>> {
    let found =
        open(settings, account)?.contacts(http, phone).await.map_err(|error| VerbError::Failed(error.message))?;
    Ok(found.into_iter().map(masked).collect())
}

/// Deletes the contacts of an account that have a phone (E.164) or one of these ids; how many.
///
/// # Errors
/// As [`agents`]; those before it are deleted then.
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

/// The detail of such a search in the audit log.
#[must_use]
pub fn revealed(account: &str, phone: &str) -> String {
    format!("what the account `{account}` knows of {}", redact::phone(phone, Reveal::LastFour))
}

fn masked(contact: Contact) -> FoundContact {
    FoundContact {
        id: contact.id,
        phone: redact::phone(&contact.phone, Reveal::LastFour),
        fields: contact.fields.into_iter().map(|(name, text)| (name.to_owned(), redact::text(&text))).collect(),
    }
}

fn open(settings: &Settings, account: &str) -> VerbResult<AccountApi> {
    AccountApi::open(account, settings.accounts.get(account), &settings.secrets)
        .map_err(|error| VerbError::Configuration(error.message))
}

/// The problem of a schedule's agent that the account doesn't have, with the account's agents as the remedy.
#[must_use]
pub fn unknown_agent(agent: &str, agents: &[Agent]) -> Option<String> {
    if agents.iter().any(|known| known.id == agent) {
        return None;
    }
    let known: Vec<String> = agents.iter().take(10).map(|known| format!("{} ({})", known.id, known.title)).collect();
    let known = if known.is_empty() { "it has none".to_owned() } else { format!("it has {}", known.join(", ")) };
    Some(format!("the account has no agent of the id that `target.call.agent` names: {known}"))
}
