//! shell: how a request proves who asks: the value of its `Authorization` header.

use std::time::Duration;

use base64::Engine as _;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::never;
use crate::http::Http;
use crate::schedule::HttpAuth;
use crate::settings::{Secrets, TextOrSecret};
use crate::sources::SourceError;

/// What a login needs.
#[derive(Clone, Copy)]
pub struct Login<'a> {
    /// Asks for tokens.
    pub http: &'a Http,
    /// Resolves secrets.
    pub secrets: &'a Secrets,
    /// Maximum time of a request for a token.
    pub timeout: Duration,
}

impl Login<'_> {
    /// The `Authorization` header by the source's own terms, else by the user and password of the address itself; `None` where
    /// neither has any.
    ///
    /// # Errors
    /// When a secret isn't set, or no token is given.
    pub async fn authorization(
        &self,
        auth: Option<&HttpAuth>,
        address: &Url,
    ) -> Result<Option<SecretString>, SourceError> {
        let basic = |user: &str, password: &str| {
            let both = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
            Some(SecretString::from(format!("Basic {both}")))
        };
        let secret = |value: &TextOrSecret| self.secrets.text(value).map_err(|error| never(error.to_string()));
        let resolve = |place| secret(&TextOrSecret::Secret(place));
        Ok(match auth {
            Some(HttpAuth::Bearer(token)) => Some(format!("Bearer {}", resolve(token.clone())?.expose_secret()).into()),
            Some(HttpAuth::Basic { user, password }) => {
                basic(secret(user)?.expose_secret(), resolve(password.clone())?.expose_secret())
            }
            Some(HttpAuth::OAuth2(spec)) => Some(format!("Bearer {}", self.token(spec).await?.expose_secret()).into()),
            None if address.username().is_empty() && address.password().is_none() => None,
            None => basic(address.username(), address.password().unwrap_or("")),
        })
    }
}
