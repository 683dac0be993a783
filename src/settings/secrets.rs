//! shell: reads secrets from the environment, systemd's credentials and files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretString};

use super::environment::ProcessEnvironment;
use super::{SecretRef, TextOrSecret};
use crate::disk::{self, Links};

/// A secret that can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SecretError(pub String);

/// The remedy for a malformed secret.
const MALFORMED: &str = "write the secret in one line, and nothing else";

impl SecretError {
    /// Whether the secret exists and is malformed: that is wrong on every machine.
    #[must_use]
    pub fn is_malformed(&self) -> bool {
        self.0.ends_with(MALFORMED)
    }
}

/// Resolves secrets: the process environment over `.env`, systemd credentials, files.
#[derive(Debug, Clone, Default)]
pub struct Secrets {
    environment: BTreeMap<String, SecretString>,
    credentials_directory: Option<PathBuf>,
}

/// Maximum size of a secret.
const MAX_SECRET: u64 = 64 << 10;

/// Whether a text can be the name of an environment variable, as shells write them (POSIX, section 8.1).
#[must_use]
pub fn is_variable_name(text: &str) -> bool {
    let is_letter = |c: char| c.is_ascii_alphabetic() || c == '_';
    text.starts_with(is_letter) && text.chars().all(|c| is_letter(c) || c.is_ascii_digit())
}

impl Secrets {
    /// Reads secrets of this environment.
    #[must_use]
    pub fn of(environment: &ProcessEnvironment) -> Self {
        let variables = environment.all().filter(|(_, value)| !value.is_empty());
        Self {
            environment: variables.map(|(name, value)| (name.to_owned(), value.to_owned().into())).collect(),
            credentials_directory: environment.credentials_directory(),
        }
    }

    /// Secrets given as environment variables.
    #[must_use]
    pub fn from_values<N: Into<String>, V: Into<String>>(values: impl IntoIterator<Item = (N, V)>) -> Self {
        let environment = values.into_iter().map(|(name, value)| (name.into(), SecretString::from(value.into())));
        Self { environment: environment.collect(), credentials_directory: None }
    }

    /// The secret's value, without a byte order mark before it and line ends after it.
    ///
    /// # Errors
    /// When it isn't set or holds a line break or control character; the message names the variable, credential or file and the remedy, never a value.
    pub fn resolve(&self, secret: &SecretRef) -> Result<SecretString, SecretError> {
        match secret {
            SecretRef::Env(name) => {
                let value = self.environment.get(name).ok_or_else(|| {
                    SecretError(format!("the environment variable `{name}` isn't set: set it, or write it into `.env`"))
                })?;
                clean(value.expose_secret(), &format!("the environment variable `{name}`"))
            }
            SecretRef::Credential(name) => self.credential(name),
            SecretRef::File(path) => read(path, &format!("the secret file `{}`", path.display())),
        }
    }

    /// The text itself, or the secret's value.
    ///
    /// # Errors
    /// Those of [`Secrets::resolve`].
    pub fn text(&self, value: &TextOrSecret) -> Result<SecretString, SecretError> {
        match value {
            TextOrSecret::Text(text) => Ok(SecretString::from(text.clone())),
            TextOrSecret::Secret(secret) => self.resolve(secret),
        }
    }

    /// Like [`Secrets::text`], for the value of a header, which is ASCII.
    ///
    /// # Errors
    /// Those of [`Secrets::resolve`]; when it holds another letter.
    pub fn for_header(&self, value: &TextOrSecret) -> Result<SecretString, SecretError> {
        let text = self.text(value)?;
        let whose = match value {
            _ if text.expose_secret().is_ascii() => return Ok(text),
            TextOrSecret::Text(_) => "the value of a header".to_owned(),
            TextOrSecret::Secret(secret) => secret.to_string(),
        };
        Err(SecretError(format!("{whose} holds a letter that no header can carry: write it in ASCII")))
    }

    /// Like [`Secrets::for_header`], for a secret.
    ///
    /// # Errors
    /// Those of [`Secrets::for_header`].
    pub fn token(&self, secret: &SecretRef) -> Result<SecretString, SecretError> {
        self.for_header(&TextOrSecret::Secret(secret.clone()))
    }

    fn credential(&self, name: &str) -> Result<SecretString, SecretError> {
        let Some(folder) = &self.credentials_directory else {
            return Err(SecretError(format!(
                "the credential `{name}` can't be read: $CREDENTIALS_DIRECTORY isn't set; \
                 it is under systemd, with `LoadCredential={name}:…` in the unit"
            )));
        };
        let is_plain = Path::new(name).components().count() == 1 && !name.starts_with('.') && !name.contains('/');
        if !is_plain {
            return Err(SecretError(format!("`{name}` is not a valid name of a credential: it is a path")));
        }
        read(&folder.join(name), &format!("the credential `{name}`"))
    }
}

fn read(path: &Path, what: &str) -> Result<SecretString, SecretError> {
    let text = disk::read_text(path, Links::Followed, MAX_SECRET).map_err(|error| match error.kind() {
        std::io::ErrorKind::FileTooLarge => SecretError(format!("{what} is not a regular file of at most 64 KiB")),
        _ => SecretError(format!("{what} can't be read: {error}")),
    })?;
    clean(&text, what)
}

/// Removes what editors add: a byte order mark before the value, line ends after it. A line break or a control character
/// inside is an error, except in a PEM key.
fn clean(text: &str, what: &str) -> Result<SecretString, SecretError> {
    let value = text.trim_start_matches('\u{feff}').trim_end_matches(['\r', '\n']);
    if value.trim().is_empty() {
        return Err(SecretError(format!("{what} is empty")));
    }
    let is_pem = value.starts_with("-----BEGIN ");
    if !is_pem && value.contains(char::is_control) {
        let inside = if value.contains(['\r', '\n']) { "a line break" } else { "a control character" };
        return Err(SecretError(format!("{what} has {inside} inside: {MALFORMED}")));
    }
    Ok(SecretString::from(value.to_owned()))
}
