//! shell: whether the secrets a schedule names are set, and whether addresses among them may be asked.

use secrecy::ExposeSecret;

use super::{CheckAsk, CheckReach, Checked};
use crate::http::check_host;
use crate::schedule::lookup::{self, PlacedSecret};
use crate::schedule::{SourceSpec, TargetSpec, read::without_templates};
use crate::settings::{SecretRef, TextOrSecret};
use crate::targets;

/// The code of a secret that isn't set.
const NOT_SET: &str = "secret-not-set";

pub fn check(checked: &mut Checked<'_>, ask: &CheckAsk<'_>) {
    let folder = checked.schedule.path.parent().unwrap_or(std::path::Path::new(""));
    for placed in lookup::secrets(&checked.root, folder) {
        match ask.tools.secrets.resolve(&placed.secret) {
            Err(malformed) if malformed.is_malformed() => {
                checked.problems.error("invalid-value", placed.span, malformed.0).help("no request could carry it");
            }
            Err(missing) => {
                let at = UnsetSecret { span: placed.span, secret: &placed.secret, loss: loss(&placed.path) };
                not_set(checked, ask, at, missing.0);
            }
            Ok(value) if placed.is_url => address(checked, &placed, value.expose_secret()),
            Ok(value) if !value.expose_secret().is_ascii() => {
                let message = format!("{} holds a letter that no header can carry", placed.secret);
                checked.problems.error("invalid-value", placed.span, message).help("write it in ASCII: copy it anew");
            }
            Ok(_) => {}
        }
    }
    written_headers(checked);
    match &checked.schedule.target {
        TargetSpec::Call { agent, account, .. } => {
            let (agent, account) = (agent.clone(), account.clone());
            call(checked, ask, &agent, &account);
        }
        TargetSpec::Webhook(spec) => {
            signing_secret(checked, ask, spec.secret.as_ref(), &["target", "webhook", "secret"]);
        }
        TargetSpec::Automation { .. } => {}
    }
    let write_back = checked.schedule.outcome.as_ref().and_then(|outcome| outcome.write_back.as_ref());
    let secret = write_back.and_then(|write_back| write_back.secret.as_ref());
    signing_secret(checked, ask, secret, &["outcome", "write_back", "secret"]);
}

/// One that isn't set is reported with the other secrets.
fn signing_secret(checked: &mut Checked<'_>, ask: &CheckAsk<'_>, secret: Option<&SecretRef>, path: &[&str]) {
    if let Some(Ok(secret)) = secret.map(|secret| ask.tools.secrets.resolve(secret))
        && let Err(malformed) = targets::check_signing_secret(&secret)
    {
        let span = checked.span(path);
        let message = malformed.to_string().replace("target.webhook.secret", &path.join("."));
        checked.problems.error("invalid-value", span, message).help(SIGNING_SECRET);
    }
}

/// Values of headers that are written out.
fn written_headers(checked: &mut Checked<'_>) {
    let schedule = checked.schedule;
    if let SourceSpec::Http(http) = &schedule.source {
        in_ascii(checked, &["source", "http", "headers"], &http.headers);
    }
    if let TargetSpec::Webhook(webhook) = &schedule.target {
        in_ascii(checked, &["target", "webhook", "headers"], &webhook.headers);
    }
    if let Some(write_back) = schedule.outcome.as_ref().and_then(|outcome| outcome.write_back.as_ref()) {
        in_ascii(checked, &["outcome", "write_back", "headers"], &write_back.headers);
    }
}

fn in_ascii(checked: &mut Checked<'_>, path: &[&str], values: &[(String, TextOrSecret)]) {
    let is_bad = |value: &TextOrSecret| matches!(value, TextOrSecret::Text(text) if !text.is_ascii());
    for (name, _) in values.iter().filter(|(_, value)| is_bad(value)) {
        let message = format!("the value of `{name}` holds a letter that no header can carry");
        let span = checked.span(path);
        checked.problems.error("invalid-value", span, message).help("write it in ASCII");
    }
}

const SIGNING_SECRET: &str = "copy it whole from the receiver's settings: `whsec_` and base64";

/// A secret that isn't set here.
struct UnsetSecret<'a> {
    /// Where it is named.
    span: std::ops::Range<usize>,
    secret: &'a SecretRef,
    /// What doesn't happen without it.
    loss: &'static str,
}

/// A secret that only the running service has is none here: nothing can be asked with it, and nothing is wrong.
fn not_set(checked: &mut Checked<'_>, ask: &CheckAsk<'_>, unset: UnsetSecret<'_>, message: String) {
    let UnsetSecret { span, secret, loss } = unset;
    if (ask.service.has)(secret) {
        if ask.reach == CheckReach::Connect {
            let message = format!("{secret} is set in the running service and not here");
            checked.problems.warning(NOT_SET, span, message).help("set it here too, for what needs it to be asked");
        }
        return;
    }
    missing(checked, ask, (span, loss), message);
}

/// What doesn't happen without the secret at that place.
fn loss(path: &[String]) -> &'static str {
    match path.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["source", "inbound", ..] => "without it every request that is posted is refused",
        ["outcome", "write_back", ..] => "without it no outcome is written back",
        ["outcome", ..] => "without it every record that is posted is refused",
        ["canary", ..] => "without it no canary is sent",
        _ => OF_CALLS,
    }
}

/// What doesn't happen without a secret of a source or a target.
const OF_CALLS: &str = "without it nobody can be called, or no appointment read";

fn missing(
    checked: &mut Checked<'_>,
    ask: &CheckAsk<'_>,
    (span, loss): (std::ops::Range<usize>, &'static str),
    message: String,
) {
    let problem = match ask.reach {
        CheckReach::Local => checked.problems.warning(NOT_SET, span, message),
        CheckReach::Connect => checked.problems.error(NOT_SET, span, message),
    };
    problem.help(loss);
}

/// An address out of a secret is judged like one that is written out, but never shown.
fn address(checked: &mut Checked<'_>, placed: &PlacedSecret, value: &str) {
    let remedy = "it must be a whole http or https address";
    match url::Url::parse(&without_templates(value)) {
        Ok(url) if ["http", "https"].contains(&url.scheme()) && url.has_host() => {
            if let Err(refused) = check_host(&url) {
                checked.problems.error("refused-address", placed.span.clone(), refused.0);
            }
        }
        Ok(_) | Err(_) => {
            checked.problems.error("invalid-value", placed.span.clone(), "this secret holds no URL").help(remedy);
        }
    }
}

/// What `[target.call]` needs besides what is written in it: the default agent and its account's credentials.
fn call(checked: &mut Checked<'_>, ask: &CheckAsk<'_>, agent: &TextOrSecret, account: &str) {
    let span = checked.span(&["target", "call"]);
    let is_written = checked.root.at(&["target", "call", "agent"]).is_some();
    if let (TextOrSecret::Secret(secret), false) = (agent, is_written)
        && let Err(unset) = ask.tools.secrets.resolve(secret)
    {
        let unset_here = UnsetSecret { span: span.clone(), secret, loss: OF_CALLS };
        not_set(checked, ask, unset_here, format!("no `agent` is named, and {}", unset.0));
    }
    let known = ask.accounts.get(account);
    let credentials: [(&str, Option<SecretRef>); 2] = [
        ("api_token", known.and_then(|account| account.api_token.clone())),
        (
            "team_id",
            known.and_then(|account| match &account.team_id {
                Some(TextOrSecret::Secret(secret)) => Some(secret.clone()),
                Some(TextOrSecret::Text(_)) | None => None,
            }),
        ),
    ];
    let has_text_team = known.is_some_and(|account| matches!(account.team_id, Some(TextOrSecret::Text(_))));
    for (name, secret) in credentials {
        match secret {
            Some(secret) => {
                if let Err(unset) = ask.tools.secrets.resolve(&secret) {
                    let message = format!("`{name}` of the account `{account}`: {}", unset.0);
                    not_set(checked, ask, UnsetSecret { span: span.clone(), secret: &secret, loss: OF_CALLS }, message);
                }
            }
            None if name == "team_id" && has_text_team => {}
            None => {
                let variable = if name == "api_token" { "THOUGHTLY_API_TOKEN" } else { "THOUGHTLY_TEAM_ID" };
                let remedy = format!("set {variable}, or `{name}` in [accounts.{account}] of tickler.toml");
                let message = format!("the account `{account}` has no `{name}`: {remedy}");
                missing(checked, ask, (span.clone(), OF_CALLS), message);
            }
        }
    }
}
