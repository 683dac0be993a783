//! shell: merges the layers of the settings: defaults, the file, `TICKLER_…`, flags; every value has its origin.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use figment::providers::Format;
use figment::value::{Dict, Map, Value};
use figment::{Figment, Metadata, Profile, Provider};

use super::SettingsError;
use super::environment::ProcessEnvironment;

/// The form of a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Takes {
    /// A text.
    Text,
    /// A table with the place of the secret; in an environment variable, the value itself.
    Secret,
    /// Like [`Takes::Secret`], or the text itself in the file.
    TextOrSecret,
}

/// Every setting; `*` is an account's name.
pub const KEYS: [(&str, Takes); 23] = [
    ("schedules", Takes::Text),
    ("ledger", Takes::Text),
    ("socket", Takes::Text),
    ("web.listen", Takes::Text),
    ("web.token", Takes::Secret),
    ("web.url", Takes::Text),
    ("inbound.listen", Takes::Text),
    ("inbound.public_url", Takes::Text),
    ("log.level", Takes::Text),
    ("log.format", Takes::Text),
    ("accounts.*.base_url", Takes::Text),
    ("accounts.*.api_token", Takes::Secret),
    ("accounts.*.team_id", Takes::TextOrSecret),
    ("accounts.*.rate", Takes::Text),
    ("notify.webhook", Takes::TextOrSecret),
    ("notify.heartbeat", Takes::TextOrSecret),
    ("notify.email.to", Takes::Text),
    ("notify.email.from", Takes::Text),
    ("notify.email.url", Takes::Secret),
    ("network.proxy", Takes::TextOrSecret),
    ("network.ca_file", Takes::Text),
    ("retention.payloads", Takes::Text),
    ("retention.audit", Takes::Text),
];

/// Built-in values.
pub const DEFAULTS: [(&str, &str); 8] = [
    ("schedules", "schedules"),
    ("ledger", "tickler.db"),
    ("web.listen", "127.0.0.1:8467"),
    ("inbound.listen", "off"),
    ("log.level", "info"),
    ("log.format", "auto"),
    ("retention.payloads", "30d"),
    ("retention.audit", "6y"),
];

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Built in.
    Default,
    /// The settings file.
    File(PathBuf),
    /// An environment variable (`.env` counts).
    Environment(String),
    /// A flag.
    Flag(String),
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => path.display().fmt(f),
            Self::Environment(name) => f.write_str(name),
            Self::Flag(flag) => f.write_str(flag),
        }
    }
}

/// One setting with its value and where it came from.
#[derive(Debug, Clone)]
pub struct Leaf {
    /// What it takes.
    pub takes: Takes,
    /// The value as its layer had it. A secret from the environment is the variable's name, never the value.
    pub value: Value,
    /// Its layer.
    pub origin: Origin,
}

/// TOML 1.1 by the crate that reads schedules too.
struct Toml;

impl Format for Toml {
    type Error = toml::de::Error;
    const NAME: &'static str = "TOML";
    fn from_str<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, toml::de::Error> {
        toml::from_str(text)
    }
}

struct Layer {
    origin: Origin,
    values: Dict,
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.origin.to_string())
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Map::from([(Profile::Default, self.values.clone())]))
    }
}

fn nested(path: &str, value: Value) -> Dict {
    match path.split_once('.') {
        Some((first, rest)) => Dict::from([(first.to_owned(), Value::from(nested(rest, value)))]),
        None => Dict::from([(path.to_owned(), value)]),
    }
}

/// All layers, merged; by the setting's path, with all unknown keys.
pub struct Merged {
    /// The settings by path, such as `web.listen`.
    pub leaves: BTreeMap<String, Leaf>,
    /// What is wrong.
    pub problems: Vec<String>,
}

/// The settings file and the flags.
pub struct UpperLayers<'a> {
    /// The settings file and its text.
    pub file: Option<(&'a Path, &'a str)>,
    /// The environment, `.env` included.
    pub environment: &'a ProcessEnvironment,
    /// Setting, value and flag.
    pub flags: Vec<(&'static str, String, &'static str)>,
}

/// Merges all layers.
///
/// # Errors
/// When the file isn't TOML.
pub fn merge(above: UpperLayers<'_>) -> Result<Merged, SettingsError> {
    let mut layers = Vec::new();
    for (path, value) in DEFAULTS {
        layers.push(Layer { origin: Origin::Default, values: nested(path, Value::from(value)) });
    }
    if let Some((path, text)) = above.file {
        layers.push(Layer { origin: Origin::File(path.to_owned()), values: file_values(path, text)? });
    }
    for (name, value) in above.environment.all() {
        layers.extend(variable(name, value));
    }
    for (path, value, flag) in above.flags {
        layers.push(Layer { origin: Origin::Flag(flag.to_owned()), values: nested(path, Value::from(value)) });
    }
    let figment = layers.iter().fold(Figment::new(), |figment, layer| figment.merge(layer));
    let origins: BTreeMap<String, Origin> =
        layers.into_iter().map(|layer| (layer.origin.to_string(), layer.origin)).collect();
    let mut merged = Merged { leaves: BTreeMap::new(), problems: Vec::new() };
    let root: Value = figment.extract().map_err(|error| SettingsError(vec![error.to_string()]))?;
    let origin_of = |value: &Value| {
        let name = figment.get_metadata(value.tag()).map(|layer| layer.name.to_string()).unwrap_or_default();
        origins.get(&name).cloned().unwrap_or(Origin::Default)
    };
    if let Value::Dict(_, dict) = root {
        flatten("", dict, &origin_of, &mut merged);
    }
    Ok(merged)
}

fn file_values(path: &Path, text: &str) -> Result<Dict, SettingsError> {
    // The error's own text shows the line, which may hold a secret: the place and the message are enough.
    let problem = |error: &toml::de::Error| {
        let at = error.span().map_or(0, |span| span.start);
        let line = text.get(..at).unwrap_or_default().matches('\n').count() + 1;
        SettingsError(vec![format!("{}:{line}: {}", path.display(), error.message())])
    };
    Toml::from_str::<toml::Table>(text).map_err(|error| problem(&error))?;
    let data = figment::providers::Data::<Toml>::string(text).data();
    let unread = |error: figment::Error| SettingsError(vec![format!("{}: {}", path.display(), error.kind)]);
    Ok(data.map_err(unread)?.remove(&Profile::Default).unwrap_or_default())
}

/// Whether a variable is a setting: all with our prefix but the one that names the file.
fn variable(name: &str, value: &str) -> Option<Layer> {
    let rest = name.strip_prefix("TICKLER_").filter(|rest| *rest != "CONFIG")?;
    let path = rest.to_ascii_lowercase().replace("__", ".");
    // Never typed: `+49…` and `01234` stay texts. A secret's value stays where it is.
    let kept = match takes(&path) {
        Some(Takes::Secret | Takes::TextOrSecret) => name,
        Some(Takes::Text) | None => value,
    };
    Some(Layer { origin: Origin::Environment(name.to_owned()), values: nested(&path, Value::from(kept)) })
}

/// What the setting at a path takes; `None` when there is none.
#[must_use]
pub fn takes(path: &str) -> Option<Takes> {
    KEYS.iter().find(|(pattern, _)| matches(pattern, path)).map(|(_, takes)| *takes)
}

fn matches(pattern: &str, path: &str) -> bool {
    let (pattern, path): (Vec<&str>, Vec<&str>) = (pattern.split('.').collect(), path.split('.').collect());
    pattern.len() == path.len()
        && pattern.iter().zip(&path).all(|(want, have)| (*want == "*" && !have.is_empty()) || want == have)
}

/// Whether a path is a table on the way to settings.
fn is_table(path: &str) -> bool {
    let depth = path.split('.').count();
    KEYS.iter().any(|(pattern, _)| {
        let steps: Vec<&str> = pattern.split('.').collect();
        steps.len() > depth && matches(&steps[..depth].join("."), path)
    })
}

fn flatten(prefix: &str, dict: Dict, origin_of: &dyn Fn(&Value) -> Origin, merged: &mut Merged) {
    for (key, value) in dict {
        // An account's name may hold dots in the file; as a path it may not.
        let path = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
        if key.contains('.') || key.is_empty() {
            merged.problems.push(format!("{}: `{path}` is not a valid name: no dots", origin_of(&value)));
        } else if let Some(takes) = takes(&path) {
            let origin = leaf_origin(&value, origin_of);
            merged.leaves.insert(path, Leaf { takes, value, origin });
        } else if is_table(&path) {
            match value {
                Value::Dict(_, inner) => flatten(&path, inner, origin_of, merged),
                other => merged.problems.push(format!("{}: `{path}` is a table of settings", origin_of(&other))),
            }
        } else {
            let origin = leaf_origin(&value, origin_of);
            merged.problems.push(unknown(&path, &origin));
        }
    }
}

/// A table carries no layer of its own: its first value does.
fn leaf_origin(value: &Value, origin_of: &dyn Fn(&Value) -> Origin) -> Origin {
    match value {
        Value::Dict(_, inner) => match inner.values().next() {
            Some(first) => leaf_origin(first, origin_of),
            None => origin_of(value),
        },
        other => origin_of(other),
    }
}

fn unknown(path: &str, origin: &Origin) -> String {
    let spelled: Vec<String> = KEYS
        .iter()
        .map(|(pattern, _)| match (pattern.split_once('*'), path.split('.').nth(1)) {
            (Some((before, after)), Some(name)) => format!("{before}{name}{after}"),
            _ => (*pattern).to_owned(),
        })
        .collect();
    let tables = ["web", "log", "accounts", "notify", "retention"].map(str::to_owned);
    let likely = crate::spelling::did_you_mean(path, spelled.iter().chain(&tables).map(String::as_str));
    let hint = likely.map_or(String::new(), |known| format!(": did you mean `{known}`?"));
    format!("{origin}: there is no setting `{path}`{hint}")
}
