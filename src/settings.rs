//! shell: `tickler.toml` through figment, secrets, and the only reader of the environment.

use std::collections::BTreeMap;
use std::path::PathBuf;

use secrecy::SecretString;
use serde::{Deserialize, Serialize};

/// Where a secret lives; the secret itself is never in a file of ours.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "lowercase")]
pub enum SecretRef {
    /// An environment variable (`.env` counts).
    Env(String),
    /// A file of that name in `$CREDENTIALS_DIRECTORY` (systemd).
    Credential(String),
    /// A file; relative paths count from the file that names it.
    File(PathBuf),
}

/// A value that is written out, or says where its secret lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TextOrSecret {
    /// The value itself.
    Text(String),
    /// Where the secret lives.
    Secret(SecretRef),
}

/// A secret that isn't there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SecretError(pub String);

/// Resolves secrets: the process environment over `.env`, systemd credentials, files.
#[derive(Debug, Clone, Default)]
pub struct Secrets {
    environment: BTreeMap<String, SecretString>,
    credentials_directory: Option<PathBuf>,
}

impl Secrets {
    /// The secret's value; trailing line ends of files are cut.
    ///
    /// # Errors
    /// When it isn't set; the message names the variable, credential or file and the remedy, never a value.
    pub fn resolve(&self, _secret: &SecretRef) -> Result<SecretString, SecretError> {
        todo!()
    }

    /// The text itself, or the secret's value.
    ///
    /// # Errors
    /// As [`Secrets::resolve`].
    pub fn text(&self, _value: &TextOrSecret) -> Result<SecretString, SecretError> {
        todo!()
    }
}

/// How many requests an account may start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Rate {
    /// One request each `interval_us` microseconds.
    Every {
        /// Microseconds between two requests.
        interval_us: i64,
    },
    /// As many as one likes.
    Unlimited,
}

/// One account with the other side: what its schedules share.
#[derive(Debug, Clone)]
pub struct Account {
    /// The API's address, `https://api.thoughtly.com` unless set.
    pub base_url: url::Url,
    /// `x-api-token`.
    pub api_token: Option<SecretRef>,
    /// `team_id`.
    pub team_id: Option<TextOrSecret>,
    /// `95/min` unless set.
    pub rate: Rate,
}

/// The service's own settings, layered: defaults, file, `TICKLER_…`, flags.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The folder of schedule files.
    pub schedules: PathBuf,
    /// The ledger's file.
    pub ledger: PathBuf,
    /// The control socket.
    pub socket: PathBuf,
    /// `None` when switched off.
    pub listen: Option<std::net::SocketAddr>,
    /// Demanded by the web page for any address but loopback.
    pub web_token: Option<SecretRef>,
    /// Log filter, such as `info`.
    pub log_level: String,
    /// Text lines, JSON lines, or by surroundings.
    pub log_format: LogFormat,
    /// By name; `thoughtly` always exists.
    pub accounts: BTreeMap<String, Account>,
    /// Where grouped messages for people go.
    pub notify_webhook: Option<TextOrSecret>,
    /// Pinged at start and end of each run.
    pub notify_heartbeat: Option<TextOrSecret>,
    /// How long payloads and phones are kept.
    pub keep_payloads: jiff::SignedDuration,
    /// How long the audit log is kept.
    pub keep_audit: jiff::SignedDuration,
    /// For secrets of settings and schedules alike.
    pub secrets: Secrets,
}

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// journald fields under systemd, text on a terminal, JSON otherwise.
    Auto,
    /// Lines for people.
    Text,
    /// One JSON object a line.
    Json,
}
