//! shell: the named tokens by which people sign in at the page: only their hashes are kept, in a file beside the ledger, so that
//! no copy of the ledger brings a removed one back.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::{App, VerbError, VerbResult, entry_of};
use crate::audit::Event;
use crate::disk::{self, Links};
use crate::ledger::Log;
use crate::ledger::chain::hex;
use crate::settings::Settings;

/// Maximum size of the file.
const MAX_FILE: u64 = 1 << 20;

/// Maximum length of a name, in characters.
const LONGEST_NAME: usize = 40;

/// Names that the log gives to the program itself.
const RESERVED: [&str; 3] = ["service", "trigger", "page"];

/// What somebody who is signed in may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PageRights {
    /// Look at everything that is shown masked.
    Read,
    /// Decide, too: approve, pause, resolve, reveal.
    Act,
}

/// A token as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageToken {
    /// The owner's name in the log.
    pub name: String,
    /// What its owner may do.
    pub may: PageRights,
    /// SHA-256 of the token, hex. The token has 256 random bits, so nothing slower is needed.
    pub hash: String,
    /// When it was added (UTC).
    pub since: jiff::Timestamp,
    /// Who added it.
    pub by: String,
}

/// A change of the tokens. A new token itself never leaves the process that makes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum PageTokenChange {
    /// Adds one.
    Add {
        /// The owner's name.
        name: String,
        /// What its owner may do.
        may: PageRights,
        /// SHA-256 of the token, hex.
        hash: String,
    },
    /// Removes one; its owner is signed out at once.
    Remove {
        /// The owner's name.
        name: String,
    },
}

/// A token as it is listed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListedToken {
    /// The owner's name.
    pub name: String,
    /// What its owner may do.
    pub may: PageRights,
    /// Since when (UTC).
    pub since: String,
    /// Who added it.
    pub by: String,
}

/// A new token: 256 random bits, hex.
///
/// # Errors
/// When the system gives no random bytes.
pub fn fresh() -> VerbResult<String> {
    let mut bytes = [0_u8; 32];
    getrandom::fill(&mut bytes).map_err(|error| VerbError::Failed(format!("no random bytes: {error}")))?;
    Ok(hex(&bytes))
}

/// The hash under which a token is kept.
#[must_use]
pub fn hash_of(token: &str) -> String {
    hex(&Sha256::digest(token.trim().as_bytes()))
}

/// The file of a ledger's tokens.
#[must_use]
pub fn file(settings: &Settings) -> PathBuf {
    let mut name = settings.ledger.clone().into_os_string();
    name.push(".page-tokens");
    name.into()
}

/// Every token; none where there is no file.
///
/// # Errors
/// When the file can't be read.
pub fn known(settings: &Settings) -> VerbResult<Vec<PageToken>> {
    let path = file(settings);
    let fault = |error: &dyn std::fmt::Display| {
        VerbError::Failed(format!("the file of the page's tokens {} can't be used: {error}", path.display()))
    };
    match disk::read(&path, Links::Refused, MAX_FILE) {
        Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| fault(&error)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(fault(&error)),
    }
}

/// The token's entry, which names its owner. All hashes are compared, each in constant time.
#[must_use]
pub fn owner<'t>(tokens: &'t [PageToken], token: &str) -> Option<&'t PageToken> {
    let hash = hash_of(token);
    let mut found = None;
    for known in tokens {
        if bool::from(known.hash.as_bytes().ct_eq(hash.as_bytes())) {
            found = Some(known);
        }
    }
    found
}

/// Refuses a name that can't be one, that is there already or that isn't there.
///
/// # Errors
/// When it is so, or the file can't be read.
pub fn refuse(settings: &Settings, change: &PageTokenChange) -> VerbResult<()> {
    let tokens = known(settings)?;
    let has = |name: &str| tokens.iter().any(|token| token.name == name);
    match change {
        PageTokenChange::Add { name, .. } if has(name) => {
            Err(VerbError::Usage(format!("`{name}` has a token already: remove it first")))
        }
        PageTokenChange::Add { name, .. } => check_name(name),
        PageTokenChange::Remove { name } if has(name) => Ok(()),
        PageTokenChange::Remove { name } => {
            let shown = crate::audit::escape(name);
            Err(VerbError::Usage(format!("`{shown}` has no token (see `tickler page token list`)")))
        }
    }
}

/// Adds or removes a token, and records it.
///
/// # Errors
/// When the name is no name, is there already or isn't there; when the file or the log can't be written.
pub async fn change(app: &App, actor: &str, change: PageTokenChange) -> VerbResult<Vec<ListedToken>> {
    refuse(&app.settings, &change)?;
    let mut tokens = known(&app.settings)?;
    let entry = match change {
        PageTokenChange::Add { name, may, hash } => {
            let entry = entry_of(app, actor, Event::PageTokenAdded, &format!("{name}, who may {}", may.as_str()));
            tokens.push(PageToken { name, may, hash, since: app.env.clock.now(), by: actor.to_owned() });
            entry
        }
        PageTokenChange::Remove { name } => {
            tokens.retain(|token| token.name != name);
            entry_of(app, actor, Event::PageTokenRemoved, &name)
        }
    };
    app.ledger()?.append(vec![entry]).await?;
    let bytes = serde_json::to_vec_pretty(&tokens).expect("tokens are plain trees");
    let path = file(&app.settings);
    disk::replace_private(&path, &bytes)
        .map_err(|error| VerbError::Failed(format!("{} can't be written: {error}", path.display())))?;
    Ok(listed(&tokens))
}

/// The tokens without their hashes.
#[must_use]
pub fn listed(tokens: &[PageToken]) -> Vec<ListedToken> {
    let shown = |token: &PageToken| ListedToken {
        name: token.name.clone(),
        may: token.may,
        since: token.since.to_string(),
        by: token.by.clone(),
    };
    tokens.iter().map(shown).collect()
}

impl PageRights {
    /// The word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Act => "act",
        }
    }
}

fn check_name(name: &str) -> VerbResult<()> {
    let is_of_names = |c: char| c.is_alphanumeric() || "-_.@".contains(c);
    let is_proper = !name.is_empty() && name.chars().count() <= LONGEST_NAME && name.chars().all(is_of_names);
    if is_proper && !RESERVED.contains(&name) {
        return Ok(());
    }
    let shown = crate::audit::escape(name);
    Err(VerbError::Usage(format!(
        "`{shown}` can't be the name of a token: letters, digits and `-_.@`, at most {LONGEST_NAME}, and none of {}",
        RESERVED.join(", ")
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_belongs_to_the_one_whose_hash_it_has() {
        let of = |name: &str, token: &str| PageToken {
            name: name.to_owned(),
            may: PageRights::Read,
            hash: hash_of(token),
            since: jiff::Timestamp::UNIX_EPOCH,
            by: "root".to_owned(),
        };
        let tokens = [of("maria", "one"), of("tom", "two")];
        for (token, owner_of_it) in [("one", Some("maria")), (" two\n", Some("tom")), ("three", None), ("", None)] {
            assert_eq!(owner(&tokens, token).map(|token| token.name.as_str()), owner_of_it, "{token:?}");
        }
        let kept = serde_json::to_string(&tokens).expect("tokens are JSON");
        assert!(!kept.contains("one\"") && !kept.contains("two\""), "{kept}");
    }

    #[test]
    fn a_name_is_no_word_of_the_program_and_nothing_that_a_page_or_terminal_obeys() {
        for name in ["maria", "front-desk", "maria@clinic.example", "Zoë"] {
            assert!(check_name(name).is_ok(), "{name}");
        }
        for name in ["", "service", "trigger", "a b", "<b>", "a\u{1b}[31m", &"x".repeat(41)] {
            assert!(check_name(name).is_err(), "{name:?}");
        }
    }
}
