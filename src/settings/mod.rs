//! shell: the settings: `tickler.toml` through figment, secrets, and the only reader of the environment.

mod docs;
mod dotenv;
mod environment;
mod layers;
mod network;
mod rate;
mod reading;
mod secrets;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

pub use docs::{SettingDoc, documented};
pub use environment::ProcessEnvironment;
pub use layers::Origin;
pub use network::Network;
pub use rate::Rate;
pub use secrets::{SecretError, Secrets, is_variable_name};

/// Maximum size of the settings file and of `.env`.
const MAX_FILE_SIZE: u64 = 1 << 20;

/// Where a secret is stored; schedules and settings never contain the secret itself.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "lowercase")]
pub enum SecretRef {
    /// An environment variable (`.env` counts).
    Env(String),
    /// A file of this name in `$CREDENTIALS_DIRECTORY` (systemd).
    Credential(String),
    /// A file; relative paths count from the file that names it.
    File(PathBuf),
}

impl std::fmt::Display for SecretRef {
    /// Where it lives, for people.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Env(name) => write!(f, "the environment variable `{name}`"),
            Self::Credential(name) => write!(f, "the credential `{name}`"),
            Self::File(path) => write!(f, "the secret file `{}`", path.display()),
        }
    }
}

/// A value, or the place of a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TextOrSecret {
    /// The value itself.
    Text(String),
    /// The place of the secret.
    Secret(SecretRef),
}

/// An account at the target, shared by its schedules.
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

impl Account {
    /// The secrets that the settings name, without those that are written out.
    pub fn secrets(&self) -> impl Iterator<Item = SecretRef> {
        let team_id = match &self.team_id {
            Some(TextOrSecret::Secret(secret)) => Some(secret.clone()),
            Some(TextOrSecret::Text(_)) | None => None,
        };
        self.api_token.clone().into_iter().chain(team_id)
    }
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
    pub listen: Option<SocketAddr>,
    /// Where records of calls are taken; `None` when switched off.
    pub inbound_listen: Option<SocketAddr>,
    /// Where platforms reach it, when a proxy stands before it.
    pub inbound_url: Option<url::Url>,
    /// Required for any address but loopback.
    pub web_token: Option<SecretRef>,
    /// Where people reach the page, when a proxy stands before it.
    pub web_url: Option<url::Url>,
    /// Log filter, such as `info`.
    pub log_level: String,
    /// The format of the log.
    pub log_format: LogFormat,
    /// The accounts by name; `thoughtly` always exists.
    pub accounts: BTreeMap<String, Account>,
    /// The URL that receives alerts.
    pub notify_webhook: Option<TextOrSecret>,
    /// The URL that is pinged at the start and end of each run.
    pub notify_heartbeat: Option<TextOrSecret>,
    /// Alerts by e-mail.
    pub notify_email: Option<Email>,
    /// Proxy and certificates.
    pub network: Network,
    /// How long payloads and phones are kept.
    pub keep_payloads: jiff::SignedDuration,
    /// How long the audit log is kept.
    pub keep_audit: jiff::SignedDuration,
    /// Resolves the secrets of settings and schedules.
    pub secrets: Secrets,
}

/// Alerts by e-mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Email {
    /// One address, or several with commas between them.
    pub to: String,
    /// The sender's address.
    pub from: String,
    /// The mail server: `smtps://user:password@host`, or `smtp://host`.
    pub url: SecretRef,
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

/// Settings that can't be used: every problem found (exit 78).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the settings can't be used:\n  {}", .0.join("\n  "))]
pub struct SettingsError(pub Vec<String>);

/// The settings given on the command line.
#[derive(Debug, Clone, Default)]
pub struct Flags {
    /// `--config`.
    pub config: Option<PathBuf>,
    /// `--schedules`.
    pub schedules: Option<PathBuf>,
    /// `--ledger`.
    pub ledger: Option<PathBuf>,
    /// `--listen`.
    pub listen: Option<String>,
}

/// The origin of every setting.
#[derive(Debug, Clone, Default)]
pub struct Origins {
    /// The settings file in use.
    pub file: Option<PathBuf>,
    /// Every effective setting, sorted by key.
    pub rows: Vec<OriginRow>,
}

/// One effective setting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OriginRow {
    /// The setting's path, such as `web.listen`.
    pub key: String,
    /// The value; `***` for a secret, `null` if it isn't set.
    pub value: Option<String>,
    /// `default`, the file's path, a variable's name, or a flag.
    pub origin: String,
}

impl Settings {
    /// Reads all layers: defaults, the file, `TICKLER_…` variables, flags. `.env` is read from the file's folder, or from the
    /// working directory when there is no file.
    ///
    /// # Errors
    /// With every unknown key and every invalid value.
    pub fn load(flags: Flags, environment: ProcessEnvironment) -> Result<(Self, Origins), SettingsError> {
        let file = reading::find_file(&flags, &environment)?;
        let folder = match &file {
            Some((path, _)) => path.parent().unwrap_or(Path::new("")).to_owned(),
            None => environment.folder().to_owned(),
        };
        let environment =
            environment.with_file(&folder.join(".env")).map_err(|message| SettingsError(vec![message]))?;
        let merged = layers::merge(layers::UpperLayers {
            file: file.as_ref().map(|(path, text)| (path.as_path(), text.as_str())),
            environment: &environment,
            flags: reading::flag_values(&flags),
        })?;
        reading::settings(merged, &environment, file.map(|(path, _)| path))
    }

    /// The settings of a trial: with its own ledger and control socket, next to the real ones, so that a trial neither
    /// disturbs the service nor marks anybody as reminded.
    #[must_use]
    pub fn into_trial(self) -> Self {
        let ledger = trial_of(&self.ledger, "db");
        let socket = trial_of(&self.socket, "sock");
        Self { ledger, socket, ..self }
    }

    /// The file in the ledger's folder that stops all sending while it exists.
    #[must_use]
    pub fn stop_file(&self) -> PathBuf {
        self.ledger.with_file_name("STOP")
    }
}

/// `NAME.db` → `NAME.trial.db`, in the same folder.
fn trial_of(path: &Path, extension: &str) -> PathBuf {
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    if name.ends_with(".trial") {
        return path.to_owned();
    }
    path.with_file_name(format!("{name}.trial.{extension}"))
}
