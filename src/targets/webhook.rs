//! shell: any other endpoint, signed as Standard Webhooks (<https://www.standardwebhooks.com>) when a secret is given.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretBox, SecretString};
use sha2::Sha256;

use super::{Endpoint, Envelope, SecretHeader, TargetError, fingerprint, json_header, parse_url};
use crate::schedule::WebhookSpec;
use crate::settings::{SecretError, Secrets};

/// Opens `[target.webhook]`.
pub(super) fn open(spec: &WebhookSpec, timeout: Duration, secrets: &Secrets) -> Result<Endpoint, TargetError> {
    let missing = |missing: SecretError| TargetError(missing.0);
    let address = secrets.text(&spec.url).map_err(missing)?;
    let url = parse_url(&address, "`target.webhook.url`")?;
    let method = reqwest::Method::from_bytes(spec.method.as_bytes())
        .map_err(|_| TargetError(format!("`{}` is not a valid HTTP method", spec.method)))?;
    let mut headers: Vec<SecretHeader> = Vec::with_capacity(spec.headers.len() + 1);
    for (name, value) in &spec.headers {
        headers.push((name.to_ascii_lowercase(), secrets.for_header(value).map_err(missing)?));
    }
    let secret = spec.secret.as_ref().map(|secret| secrets.resolve(secret)).transpose().map_err(missing)?;
    let credentials =
        fingerprint(headers.iter().map(|(_, value)| Some(value)).chain([secret.as_ref(), Some(&address)]));
    if !headers.iter().any(|(name, _)| name == "content-type") {
        headers.push(json_header());
    }
    Ok(Endpoint {
        method,
        url,
        headers,
        signature: secret.as_ref().map(SigningKey::read).transpose()?,
        accept_status: spec.accept_status.clone(),
        error_pointer: spec.error_pointer.clone(),
        id_pointers: spec.id_pointer.iter().cloned().collect(),
        envelope: Envelope::Free,
        credentials,
        timeout,
    })
}

/// The symmetric key of Standard Webhooks, decoded.
pub(super) struct SigningKey(SecretBox<Vec<u8>>);

impl SigningKey {
    /// Parses `whsec_` and base64; the prefix may be missing, as in the specification's own libraries.
    pub(super) fn read(secret: &SecretString) -> Result<Self, TargetError> {
        let text = secret.expose_secret().trim();
        let key = STANDARD.decode(text.strip_prefix("whsec_").unwrap_or(text)).ok().filter(|key| !key.is_empty());
        let key = key.ok_or_else(|| {
            TargetError(
                "`target.webhook.secret` is not a valid signing secret: it reads `whsec_` and base64".to_owned(),
            )
        })?;
        Ok(Self(SecretBox::new(Box::new(key))))
    }

    /// `webhook-id`, `webhook-timestamp` (seconds) and `webhook-signature` over `id.timestamp.body`.
    pub(super) fn headers(&self, id: &str, now: jiff::Timestamp, body: &str) -> [SecretHeader; 3] {
        let seconds = now.as_second().to_string();
        let mut mac = Hmac::<Sha256>::new_from_slice(self.0.expose_secret()).expect("HMAC takes keys of every length");
        for part in [id, ".", &seconds, ".", body] {
            mac.update(part.as_bytes());
        }
        let signature = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
        [
            ("webhook-id".to_owned(), id.into()),
            ("webhook-timestamp".to_owned(), seconds.into()),
            ("webhook-signature".to_owned(), signature.into()),
        ]
    }
}
