//! pure: each setting's meaning and an example, for the reference.

use super::layers::{DEFAULTS, KEYS, Takes};

/// A setting as the reference shows it.
#[derive(Debug, Clone, Copy)]
pub struct SettingDoc {
    /// Its path; `*` is an account's name.
    pub key: &'static str,
    /// What it takes.
    pub takes: &'static str,
    /// What it is when it isn't set.
    pub default: Option<&'static str>,
    /// What the setting does, in one sentence.
    pub meaning: &'static str,
    /// A value as the file writes it.
    pub example: &'static str,
}

/// Meanings and examples, in the order of [`KEYS`].
const DOCS: [(&str, &str); KEYS.len()] = [
    ("The folder of schedules", "\"/etc/tickler/schedules\""),
    (
        "The ledger's file; unless set it is next to this file, or next to the folder of schedules",
        "\"/var/lib/tickler/tickler.db\"",
    ),
    ("The control socket; unless set in the service's runtime folder, else next to the ledger", "\"tickler.sock\""),
    ("Where the page and the health checks are served; `off` for nowhere", "\"127.0.0.1:8467\""),
    (
        "What a caller of the page must show; required where it is not served to this machine alone",
        "{ env = \"WEB_TOKEN\" }",
    ),
    (
        "Where people reach the page when a proxy stands before it: its address there, without a path. Whoever comes that way \
         signs in",
        "\"https://reminders.clinic.example\"",
    ),
    (
        "Where records of calls and requests for calls are taken, never the page's address; `off` for nowhere. A proxy in front of it speaks TLS",
        "\"127.0.0.1:8469\"",
    ),
    (
        "Where platforms reach it through that proxy: its address there, without a path. `tickler inbound urls` shows it",
        "\"https://calls.clinic.example\"",
    ),
    ("The least important messages that are logged: error, warn, info, debug or trace", "\"info\""),
    ("How messages are logged: `auto`, `text` or `json`", "\"json\""),
    ("The address of an account's API", "\"https://api.thoughtly.com\""),
    ("The API token of an account", "{ env = \"THOUGHTLY_API_TOKEN\" }"),
    ("The team that an account's token belongs to", "{ env = \"THOUGHTLY_TEAM_ID\" }"),
    ("How many requests an account takes, such as `20/s`; `95/min` unless set, or `unlimited`", "\"95/min\""),
    ("Where alerts are posted as JSON", "{ env = \"ALERT_WEBHOOK\" }"),
    ("What is pinged at every run", "\"https://ping.clinic.example/tickler\""),
    ("Who gets alerts by e-mail", "\"front-desk@clinic.example\""),
    ("From whom they come", "\"tickler@clinic.example\""),
    ("The mail server, `smtps://user:password@host` or `smtp://` on this machine", "{ env = \"SMTP_URL\" }"),
    ("The proxy through which requests leave this machine", "\"http://proxy.clinic.example:3128\""),
    ("Certificates (PEM) that are trusted besides the system's", "\"/etc/tickler/ca.pem\""),
    ("How long payloads, phones and labels are kept", "\"30d\""),
    ("How long the audit log is kept", "\"6y\""),
];

/// Every setting.
#[must_use]
pub fn documented() -> Vec<SettingDoc> {
    let docs = KEYS.iter().zip(DOCS);
    docs.map(|((key, takes), (meaning, example))| SettingDoc {
        key,
        takes: match takes {
            Takes::Text => "text",
            Takes::Secret => "the place of a secret",
            Takes::TextOrSecret => "text, or the place of a secret",
        },
        // the ledger's depends on where the settings lie
        default: DEFAULTS.iter().find(|(name, _)| name == key && *key != "ledger").map(|(_, value)| *value),
        meaning,
        example,
    })
    .collect()
}
