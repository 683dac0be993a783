//! pure: the secrets that a schedule names.

use super::{HttpAuth, Schedule, SourceSpec, TargetSpec};
use crate::settings::{SecretRef, TextOrSecret};

impl Schedule {
    /// Every secret that its source, its target, its heartbeat, its write-back, and senders of outcomes and of requests need.
    #[must_use]
    pub fn secrets(&self) -> Vec<SecretRef> {
        let mut found: Vec<SecretRef> = self.heartbeat.iter().cloned().collect();
        found.extend(self.canary.iter().map(|canary| canary.to.clone()));
        found.extend(self.outcome.iter().flat_map(|outcome| outcome.secrets.iter().cloned()));
        found.extend(self.inbound().into_iter().flat_map(|inbound| inbound.secrets.iter().cloned()));
        let mut texts: Vec<&TextOrSecret> = Vec::new();
        if let SourceSpec::Http(http) = &self.source {
            texts.push(&http.url);
            texts.extend(http.headers.iter().map(|(_, value)| value));
            of_auth(http.auth.as_ref(), &mut texts, &mut found);
        }
        if let Some(write_back) = self.outcome.as_ref().and_then(|outcome| outcome.write_back.as_ref()) {
            texts.push(&write_back.url);
            texts.extend(write_back.headers.iter().map(|(_, value)| value));
            found.extend(write_back.secret.clone());
            of_auth(write_back.auth.as_ref(), &mut texts, &mut found);
        }
        match &self.target {
            TargetSpec::Automation { url, api_token, .. } => {
                found.push(url.clone());
                found.extend(api_token.clone());
            }
            TargetSpec::Call { agent, .. } => texts.push(agent),
            TargetSpec::Webhook(webhook) => {
                texts.push(&webhook.url);
                texts.extend(webhook.headers.iter().map(|(_, value)| value));
                found.extend(webhook.secret.clone());
            }
        }
        found.extend(texts.into_iter().filter_map(|text| match text {
            TextOrSecret::Secret(secret) => Some(secret.clone()),
            TextOrSecret::Text(_) => None,
        }));
        found
    }
}

fn of_auth<'a>(auth: Option<&'a HttpAuth>, texts: &mut Vec<&'a TextOrSecret>, found: &mut Vec<SecretRef>) {
    match auth {
        Some(HttpAuth::Bearer(token)) => found.push(token.clone()),
        Some(HttpAuth::Basic { user, password }) => {
            texts.push(user);
            found.push(password.clone());
        }
        Some(HttpAuth::OAuth2(spec)) => {
            texts.extend([&spec.token_url, &spec.client_id]);
            found.extend(spec.secrets().cloned());
        }
        None => {}
    }
}
