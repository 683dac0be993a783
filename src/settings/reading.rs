//! shell: converts merged layers to [`Settings`]; reports all problems together.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use figment::value::Value;
use jiff::SignedDuration;

use super::environment::ProcessEnvironment;
use super::layers::{Leaf, Merged, Origin, Takes};
use super::secrets::is_variable_name;
use super::{
    Account, Email, Flags, LogFormat, MAX_FILE_SIZE, Network, OriginRow, Origins, Rate, SecretRef, Secrets, Settings,
    SettingsError, TextOrSecret,
};
use crate::disk::{self, Links};

const BASE_URL: &str = "https://api.thoughtly.com";
const RATE: &str = "95/min";
const SYSTEM_FILE: &str = "/etc/tickler/tickler.toml";
/// The account that exists without being written.
const THOUGHTLY: &str = "thoughtly";

/// The settings file: `--config`, `$TICKLER_CONFIG`, `./tickler.toml`, `/etc/tickler/tickler.toml`. One that is named
/// must be there.
pub fn find_file(flags: &Flags, environment: &ProcessEnvironment) -> Result<Option<(PathBuf, String)>, SettingsError> {
    let named = flags.config.clone().or_else(|| environment.get("TICKLER_CONFIG").map(PathBuf::from));
    if let Some(path) = named {
        let path = environment.folder().join(path);
        return read(&path).map(|text| Some((path, text)));
    }
    for path in [environment.folder().join("tickler.toml"), PathBuf::from(SYSTEM_FILE)] {
        if path.exists() {
            return read(&path).map(|text| Some((path, text)));
        }
    }
    Ok(None)
}

fn read(path: &Path) -> Result<String, SettingsError> {
    disk::read_text(path, Links::Followed, MAX_FILE_SIZE)
        .map_err(|error| SettingsError(vec![format!("the settings file {} can't be read: {error}", path.display())]))
}

/// What the flags set.
pub fn flag_values(flags: &Flags) -> Vec<(&'static str, String, &'static str)> {
    let shown = |path: &PathBuf| path.display().to_string();
    [
        ("schedules", flags.schedules.as_ref().map(shown), "--schedules"),
        ("ledger", flags.ledger.as_ref().map(shown), "--ledger"),
        ("web.listen", flags.listen.clone(), "--listen"),
    ]
    .into_iter()
    .filter_map(|(path, value, flag)| Some((path, value?, flag)))
    .collect()
}

/// Reads the merged layers.
pub fn settings(
    merged: Merged,
    environment: &ProcessEnvironment,
    file: Option<PathBuf>,
) -> Result<(Settings, Origins), SettingsError> {
    let mut leaves = Leaves { leaves: merged.leaves, environment, problems: merged.problems, rows: BTreeMap::new() };
    let schedules = leaves.path("schedules").unwrap_or_else(|| "schedules".into());
    let ledger = leaves.ledger(file.as_deref(), &schedules).unwrap_or_else(|| "tickler.db".into());
    let settings = Settings {
        socket: leaves.socket(&ledger),
        schedules,
        ledger,
        listen: leaves.read("web.listen", listen).flatten(),
        inbound_listen: leaves.read("inbound.listen", listen).flatten(),
        inbound_url: leaves.read("inbound.public_url", public_url),
        web_token: leaves.secret("web.token"),
        web_url: leaves.read("web.url", web_url),
        log_level: leaves.read("log.level", |text| Ok(text.to_owned())).unwrap_or_default(),
        log_format: leaves.read("log.format", log_format).unwrap_or(LogFormat::Auto),
        accounts: leaves.accounts(),
        notify_webhook: leaves.text_or_secret("notify.webhook"),
        notify_heartbeat: leaves.text_or_secret("notify.heartbeat"),
        notify_email: leaves.email(),
        network: Network {
            proxy: leaves.text_or_secret("network.proxy"),
            ca_file: leaves.leaves.contains_key("network.ca_file").then(|| leaves.path("network.ca_file")).flatten(),
        },
        keep_payloads: leaves.read("retention.payloads", keep).unwrap_or_default(),
        keep_audit: leaves.read("retention.audit", keep).unwrap_or_default(),
        secrets: Secrets::of(environment),
    };
    if !leaves.problems.is_empty() {
        return Err(SettingsError(leaves.problems));
    }
    Ok((settings, Origins { file, rows: leaves.rows.into_values().collect() }))
}

fn listen(text: &str) -> Result<Option<SocketAddr>, String> {
    if text == "off" {
        return Ok(None);
    }
    let text = text.replacen("localhost:", "127.0.0.1:", 1);
    text.parse().map(Some).map_err(|_| format!("`{text}` is not a valid address: write `127.0.0.1:8467`, or `off`"))
}

/// An address of the page: scheme and host, nothing behind them.
fn web_url(text: &str) -> Result<url::Url, String> {
    let url = text.parse::<url::Url>().ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    let url = url.filter(|url| url.host().is_some() && url.path() == "/" && url.query().is_none());
    url.ok_or_else(|| {
        let shown = crate::row::unseen::shown(text);
        format!("`{shown}` is not a valid address of the page: write `https://reminders.example.com`")
    })
}

fn public_url(text: &str) -> Result<url::Url, String> {
    web_url(text).map_err(|_| {
        let shown = crate::row::unseen::shown(text);
        format!("`{shown}` is not a valid address without a path: write `https://calls.example.com`")
    })
}

fn log_format(text: &str) -> Result<LogFormat, String> {
    match text {
        "auto" => Ok(LogFormat::Auto),
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err(format!("`{text}` is not a valid log format: write `auto`, `text` or `json`")),
    }
}

/// A time to keep something: days and years besides what schedules know. A year has 366 days: rather a day too long.
fn keep(text: &str) -> Result<SignedDuration, String> {
    if let Some(years) = text.trim().strip_suffix('y') {
        let years = years.trim_end().parse::<i64>().ok().filter(|years| (1..=100).contains(years));
        let years = years.ok_or_else(|| format!("`{text}` is not a valid time: write `30d` or `6y`"))?;
        return Ok(SignedDuration::from_hours(years * 366 * 24));
    }
    crate::duration::read(text)
}

fn base_url(text: &str) -> Result<url::Url, String> {
    match url::Url::parse(text) {
        Ok(url) if ["http", "https"].contains(&url.scheme()) && url.has_host() => Ok(url),
        _ => Err(format!("`{text}` is not a valid http or https address")),
    }
}

struct Leaves<'a> {
    leaves: BTreeMap<String, Leaf>,
    environment: &'a ProcessEnvironment,
    problems: Vec<String>,
    rows: BTreeMap<String, OriginRow>,
}

impl Leaves<'_> {
    fn row(&mut self, key: &str, value: Option<String>, origin: impl std::fmt::Display) {
        self.rows.insert(key.to_owned(), OriginRow { key: key.to_owned(), value, origin: origin.to_string() });
    }

    fn problem(&mut self, key: &str, origin: &Origin, message: &str) {
        self.problems.push(format!("{origin}: `{key}`: {message}"));
    }

    /// A text and its layer.
    fn text(&mut self, key: &str) -> Option<(String, Origin)> {
        let leaf = self.leaves.get(key)?.clone();
        if let Value::String(_, text) = leaf.value {
            self.row(key, Some(text.clone()), &leaf.origin);
            return Some((text, leaf.origin));
        }
        self.problem(key, &leaf.origin, "takes a text between quotes");
        None
    }

    fn read<T>(&mut self, key: &str, read: impl Fn(&str) -> Result<T, String>) -> Option<T> {
        let (text, origin) = self.text(key)?;
        match read(&text) {
            Ok(value) => Some(value),
            Err(message) => {
                self.problem(key, &origin, &message);
                None
            }
        }
    }

    /// The path that a setting names. Relative paths of the file count from the file's folder, others from the working directory.
    fn path(&mut self, key: &str) -> Option<PathBuf> {
        let (text, origin) = self.text(key)?;
        if text.is_empty() {
            self.problem(key, &origin, "is empty");
            return None;
        }
        let path = self.base(&origin).join(text);
        self.row(key, Some(path.display().to_string()), &origin);
        Some(path)
    }

    /// Where nothing names it, it is next to the settings file, else next to the schedules: it is the same one from
    /// whatever folder a command is given.
    fn ledger(&mut self, file: Option<&Path>, schedules: &Path) -> Option<PathBuf> {
        match self.leaves.get("ledger") {
            Some(Leaf { origin: Origin::Default, value: Value::String(_, name), .. }) => {
                let path = file.unwrap_or(schedules).with_file_name(name);
                self.row("ledger", Some(path.display().to_string()), Origin::Default);
                Some(path)
            }
            Some(_) | None => self.path("ledger"),
        }
    }

    fn base(&self, origin: &Origin) -> PathBuf {
        match origin {
            Origin::File(file) => file.parent().unwrap_or(Path::new("")).to_owned(),
            Origin::Default | Origin::Environment(_) | Origin::Flag(_) => self.environment.folder().to_owned(),
        }
    }

    fn socket(&mut self, ledger: &Path) -> PathBuf {
        if self.leaves.contains_key("socket") {
            return self.path("socket").unwrap_or_default();
        }
        let (folder, origin) = match self.environment.runtime_directory() {
            Some(folder) => (folder, "RUNTIME_DIRECTORY"),
            None => (ledger.parent().unwrap_or(Path::new("")).to_owned(), "default"),
        };
        let socket = folder.join("tickler.sock");
        self.row("socket", Some(socket.display().to_string()), origin);
        socket
    }

    fn secret(&mut self, key: &str) -> Option<SecretRef> {
        match self.text_or_secret(key)? {
            TextOrSecret::Secret(secret) => Some(secret),
            TextOrSecret::Text(_) => unreachable!("a text was refused, for this key takes a secret"),
        }
    }

    fn text_or_secret(&mut self, key: &str) -> Option<TextOrSecret> {
        let leaf = self.leaves.get(key)?.clone();
        self.row(key, Some("***".to_owned()), &leaf.origin);
        match (&leaf.value, leaf.takes, &leaf.origin) {
            // From the environment the leaf holds the variable's name.
            (Value::String(_, name), _, Origin::Environment(_)) => {
                Some(TextOrSecret::Secret(SecretRef::Env(name.clone())))
            }
            (Value::String(_, text), Takes::TextOrSecret, _) => Some(TextOrSecret::Text(text.clone())),
            (Value::Dict(_, dict), _, _) if dict.len() == 1 => {
                let (place, value) = dict.iter().next().expect("there is one");
                let secret = value.as_str().and_then(|text| self.secret_ref(place, text, &leaf.origin));
                if secret.is_none() {
                    self.problem(key, &leaf.origin, SECRET_FORM);
                }
                secret.map(TextOrSecret::Secret)
            }
            _ => {
                self.problem(key, &leaf.origin, SECRET_FORM);
                None
            }
        }
    }

    fn secret_ref(&self, place: &str, text: &str, origin: &Origin) -> Option<SecretRef> {
        match place {
            "env" => is_variable_name(text).then(|| SecretRef::Env(text.to_owned())),
            "credential" => Some(SecretRef::Credential(text.to_owned())),
            "file" => Some(SecretRef::File(self.base(origin).join(text))),
            _ => None,
        }
    }

    /// All three keys or none.
    fn email(&mut self) -> Option<Email> {
        const KEYS: [&str; 3] = ["notify.email.to", "notify.email.from", "notify.email.url"];
        let missing: Vec<&str> = KEYS.into_iter().filter(|key| !self.leaves.contains_key(*key)).collect();
        if missing.len() == KEYS.len() {
            return None;
        }
        for key in &missing {
            self.problems.push(format!("`{key}` is missing: alerts by e-mail need `to`, `from` and `url`"));
        }
        let address = |text: &str| match text.contains('@') {
            true => Ok(text.to_owned()),
            false => Err(format!("`{text}` is not a valid e-mail address")),
        };
        let (to, from) = (self.read("notify.email.to", address), self.read("notify.email.from", address));
        let url = self.leaves.contains_key("notify.email.url").then(|| self.secret("notify.email.url")).flatten();
        Some(Email { to: to?, from: from?, url: url? })
    }

    fn accounts(&mut self) -> BTreeMap<String, Account> {
        let named = |path: &String| path.strip_prefix("accounts.")?.split('.').next().map(str::to_owned);
        let mut names: BTreeSet<String> = self.leaves.keys().filter_map(named).collect();
        names.insert(THOUGHTLY.to_owned());
        names.into_iter().map(|name| (name.clone(), self.account(&name))).collect()
    }

    fn account(&mut self, name: &str) -> Account {
        let key = |field: &str| format!("accounts.{name}.{field}");
        for (field, value) in [("base_url", BASE_URL), ("rate", RATE)] {
            let leaf = Leaf { takes: Takes::Text, value: Value::from(value), origin: Origin::Default };
            self.leaves.entry(key(field)).or_insert(leaf);
        }
        if name == THOUGHTLY {
            for (field, variable) in [("api_token", "THOUGHTLY_API_TOKEN"), ("team_id", "THOUGHTLY_TEAM_ID")] {
                if self.environment.get(variable).is_some() {
                    let origin = Origin::Environment(variable.to_owned());
                    let leaf = Leaf { takes: Takes::TextOrSecret, value: Value::from(variable), origin };
                    self.leaves.entry(key(field)).or_insert(leaf);
                }
            }
        }
        let fallback = || url::Url::parse(BASE_URL).expect("a constant URL is well formed");
        Account {
            base_url: self.read(&key("base_url"), base_url).unwrap_or_else(fallback),
            api_token: self.secret(&key("api_token")),
            team_id: self.text_or_secret(&key("team_id")),
            rate: self.read(&key("rate"), Rate::parse).unwrap_or(Rate::Unlimited),
        }
    }
}

const SECRET_FORM: &str =
    "is a secret: write `{ env = \"NAME\" }`, `{ credential = \"name\" }` or `{ file = \"path\" }`, never the value";
