//! shell: OAuth 2 (RFC 6749): fetches an access token before a read, with the client's secret, a signed assertion (RFC 7523) or a
//! refresh token. A refresh token that the server replaces is stored.

use std::collections::HashMap;
use std::path::Path;
use std::sync::LazyLock;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use reqwest::Method;
use ring::rand::{SecureRandom as _, SystemRandom};
use ring::signature::{self, EcdsaKeyPair, RsaKeyPair};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use tokio::sync::Mutex;
use url::Url;

use super::login::Login;
use super::never;
use crate::disk;
use crate::http::{HttpRequest, Sent};
use crate::schedule::OAuth2Spec;
use crate::settings::{SecretRef, TextOrSecret};
use crate::sources::{RepeatRead, SourceError};

/// A token that expires sooner than this is not used: all pages of a read are fetched with the same token.
const RENEWAL_MARGIN: Duration = Duration::from_secs(120);

/// Lifetime of a token in seconds when the server doesn't name one.
const DEFAULT_LIFETIME: u64 = 300;

/// Lifetime of a signed assertion in seconds.
const ASSERTION_LIFETIME: i64 = 300;

/// Access tokens and replaced refresh tokens, by token address, client, scope and the place of the refresh token: one client may read
/// for several people. The lock is held during a fetch, because many servers revoke a refresh token that is used twice.
static TOKENS: LazyLock<Mutex<HashMap<String, KeptToken>>> = LazyLock::new(Mutex::default);

struct KeptToken {
    access: SecretString,
    /// When it is no longer used, on this process's monotonic clock.
    until: Duration,
    refresh: Option<SecretString>,
    /// Whether the refresh token still has to be written to its file.
    is_unstored: bool,
}

impl KeptToken {
    /// Writes a replaced refresh token where the schedule keeps it: after a restart the old one may be invalid. One that can't be written
    /// is kept, and written as soon as it can be.
    fn store(&mut self, place: Option<&SecretRef>) -> Result<(), SourceError> {
        if let (true, Some(changed), Some(SecretRef::File(path))) = (self.is_unstored, &self.refresh, place) {
            replace_file(path, changed)?;
            self.is_unstored = false;
        }
        Ok(())
    }
}

impl Login<'_> {
    /// The token for this read's requests.
    pub(super) async fn token(&self, spec: &OAuth2Spec) -> Result<SecretString, SourceError> {
        let (address, client) = (self.text(&spec.token_url)?, self.text(&spec.client_id)?);
        let address = Url::parse(address.expose_secret())
            .map_err(|_| never("the `token_url` of `oauth2` is not a valid address").at("auth"))?;
        let place = spec.refresh_token.as_ref();
        let key = format!("{address}\n{}\n{}\n{place:?}", client.expose_secret(), spec.scope.as_deref().unwrap_or(""));
        let now = self.http.clock().monotonic();
        let mut tokens = TOKENS.lock().await;
        if let Some(kept) = tokens.get_mut(&key) {
            kept.store(place)?;
            if kept.until > now {
                return Ok(kept.access.clone());
            }
        }
        let refresh = self.refresh_token(place, tokens.get(&key))?;
        let (answer, refresh) = self.granted(spec, (&address, client.expose_secret()), refresh).await?;
        let access: SecretString = answer["access_token"]
            .as_str()
            .filter(|token| !token.is_empty())
            .ok_or_else(|| never("the token server's answer has no `access_token`").at("auth"))?
            .into();
        let seconds = answer["expires_in"].as_u64().or_else(|| answer["expires_in"].as_str()?.parse().ok());
        let until = now + Duration::from_secs(seconds.unwrap_or(DEFAULT_LIFETIME)).saturating_sub(RENEWAL_MARGIN);
        let before = refresh.as_ref().map(ExposeSecret::expose_secret);
        let changed = answer["refresh_token"].as_str().filter(|token| !token.is_empty() && Some(*token) != before);
        let is_unstored = changed.is_some() && is_in_file(place);
        if changed.is_some() && !is_unstored && place.is_some() {
            tracing::warn!(
                "the token server replaces the refresh token at each use, and the new one is lost when this program ends: \
                 write `refresh_token = {{ file = \"…\" }}`, with a file that tickler may write"
            );
        }
        let refresh = changed.map(SecretString::from).or(refresh);
        let kept = KeptToken { access: access.clone(), until, refresh, is_unstored };
        tokens.entry(key).insert_entry(kept).get_mut().store(place)?;
        Ok(access)
    }

    /// The refresh token in force. That of a file is read each time: another process of this program may have replaced it.
    fn refresh_token(
        &self,
        place: Option<&SecretRef>,
        kept: Option<&KeptToken>,
    ) -> Result<Option<SecretString>, SourceError> {
        let Some(place) = place else { return Ok(None) };
        let is_newer = |kept: &&KeptToken| kept.is_unstored || !is_in_file(Some(place));
        match kept.filter(is_newer).and_then(|kept| kept.refresh.clone()) {
            Some(newer) => Ok(Some(newer)),
            None => self.resolved(place).map(Some),
        }
    }

    /// The token server's answer, and the refresh token that it was asked with. Where that one isn't the schedule's any more, because another
    /// process or a person replaced it, the server is asked again with the schedule's.
    async fn granted(
        &self,
        spec: &OAuth2Spec,
        (address, client): (&Url, &str),
        refresh: Option<SecretString>,
    ) -> Result<(Value, Option<SecretString>), SourceError> {
        let refused = match self.ask_for_token(spec, address, client, refresh.as_ref()).await {
            Ok(answer) => return Ok((answer, refresh)),
            Err(refused) => refused,
        };
        let place = spec.refresh_token.as_ref().filter(|_| refused.is_of_grant);
        let Some(place) = place else { return Err(refused.error) };
        let now = self.resolved(place)?;
        if refresh.as_ref().is_some_and(|used| used.expose_secret() == now.expose_secret()) {
            return Err(refused.error);
        }
        let answer = self.ask_for_token(spec, address, client, Some(&now)).await.map_err(|refused| refused.error)?;
        Ok((answer, Some(now)))
    }

    fn text(&self, value: &TextOrSecret) -> Result<SecretString, SourceError> {
        match value {
            TextOrSecret::Text(text) => Ok(text.as_str().into()),
            TextOrSecret::Secret(place) => self.resolved(place),
        }
    }

    fn resolved(&self, place: &SecretRef) -> Result<SecretString, SourceError> {
        self.secrets.resolve(place).map_err(|error| never(error.to_string()).at("auth"))
    }

    async fn ask_for_token(
        &self,
        spec: &OAuth2Spec,
        address: &Url,
        client: &str,
        refresh: Option<&SecretString>,
    ) -> Result<Value, TokenRefused> {
        let plain = self.token_form(spec, (address, client), refresh).map_err(TokenRefused::of)?;
        let Some(secret) = &spec.client_secret else {
            let form = with_pairs(plain, &[("client_id", client)]);
            return self.post(address, form, None).await;
        };
        // servers must accept the secret in the `Authorization` header; some accept it only in the body
        let secret = self.resolved(secret).map_err(TokenRefused::of)?;
        let encoded = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        let login = STANDARD.encode(format!("{}:{}", encoded(client), encoded(secret.expose_secret())));
        match self.post(address, plain.clone(), Some(login)).await {
            Err(refused) if refused.is_of_client => {
                let form = with_pairs(plain, &[("client_id", client), ("client_secret", secret.expose_secret())]);
                self.post(address, form, None).await
            }
            other => other,
        }
    }

    /// What is asked for, without what proves who asks by a secret.
    fn token_form(
        &self,
        spec: &OAuth2Spec,
        (address, client): (&Url, &str),
        refresh: Option<&SecretString>,
    ) -> Result<String, SourceError> {
        let mut form = match refresh {
            Some(token) => {
                with_pairs(String::new(), &[("grant_type", "refresh_token"), ("refresh_token", token.expose_secret())])
            }
            None => with_pairs(String::new(), &[("grant_type", "client_credentials")]),
        };
        if let Some(scope) = &spec.scope {
            form = with_pairs(form, &[("scope", scope)]);
        }
        if let Some(place) = &spec.private_key {
            let now = self.http.clock().now().as_second();
            let assertion = assertion(self.resolved(place)?.expose_secret(), client, address, now)?;
            let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
            form = with_pairs(form, &[("client_assertion_type", kind), ("client_assertion", &assertion)]);
        }
        Ok(form)
    }

    async fn post(&self, address: &Url, form: String, login: Option<String>) -> Result<Value, TokenRefused> {
        let mut headers: Vec<(String, SecretString)> = vec![
            ("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned().into()),
            ("accept".to_owned(), "application/json".to_owned().into()),
        ];
        headers.extend(login.map(|login| ("authorization".to_owned(), format!("Basic {login}").into())));
        let request = HttpRequest {
            method: Method::POST,
            url: address.clone(),
            headers,
            body: form.into(),
            timeout: self.timeout,
            max_bytes: 64 << 10,
        };
        let refused = |again, message: String| TokenRefused::of(SourceError::new(again, message).at("auth"));
        let answer = match self.http.send(request).await {
            Sent::Answered(answer) => answer,
            Sent::NotSent { detail, .. } | Sent::Unknown { detail, .. } => {
                return Err(refused(RepeatRead::Soon, format!("the token server didn't answer: {detail}")));
            }
        };
        let tree: Value = serde_json::from_slice(&answer.body).unwrap_or(Value::Null);
        match answer.status {
            200..=299 if tree.is_object() => Ok(tree),
            200..=299 => Err(refused(RepeatRead::Never, "the token server's answer is not a JSON object".to_owned())),
            status @ (408 | 429 | 500..=599) => {
                Err(refused(RepeatRead::Soon, format!("the token server answered with {status}")))
            }
            status => {
                let known =
                    ["invalid_client", "invalid_grant", "invalid_scope", "invalid_request", "unauthorized_client"];
                let word = tree["error"].as_str().filter(|word| known.contains(word));
                let why = word.map_or(String::new(), |word| format!(" (`{word}`)"));
                let error = never(format!("the token server refuses ({status}){why}: check `auth.oauth2`")).at("auth");
                let is_of_client = status == 401 || word == Some("invalid_client");
                Err(TokenRefused { error, is_of_client, is_of_grant: word == Some("invalid_grant") })
            }
        }
    }
}

fn with_pairs(form: String, pairs: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(form).extend_pairs(pairs).finish()
}

/// Why there is no token.
struct TokenRefused {
    error: SourceError,
    /// The server didn't accept how the client authenticated.
    is_of_client: bool,
    /// The server didn't accept the refresh token.
    is_of_grant: bool,
}

impl TokenRefused {
    fn of(error: SourceError) -> Self {
        Self { error, is_of_client: false, is_of_grant: false }
    }
}

fn is_in_file(place: Option<&SecretRef>) -> bool {
    matches!(place, Some(SecretRef::File(_)))
}

fn replace_file(path: &Path, token: &SecretString) -> Result<(), SourceError> {
    disk::replace_private(path, token.expose_secret().as_bytes()).map_err(|error| {
        never(format!("the new refresh token can't be written to {}: {}", path.display(), error.kind())).at("auth")
    })
}

/// A JWT that authenticates the client, signed with its private key (RFC 7523, section 2.2).
fn assertion(pem: &str, client: &str, audience: &Url, now: i64) -> Result<String, SourceError> {
    let key = AssertionKey::read(pem)
        .ok_or_else(|| never("the `private_key` of `oauth2` is not an RSA or EC key in PEM (PKCS 8)").at("auth"))?;
    let mut id = [0; 16];
    SystemRandom::new().fill(&mut id).map_err(|_| never("the assertion can't be signed").at("auth"))?;
    let header = json!({"alg": key.algorithm(), "typ": "JWT"});
    let claims = json!({"iss": client, "sub": client, "aud": audience.as_str(), "iat": now, "nbf": now,
                        "exp": now + ASSERTION_LIFETIME, "jti": URL_SAFE_NO_PAD.encode(id)});
    let text = format!("{}.{}", URL_SAFE_NO_PAD.encode(header.to_string()), URL_SAFE_NO_PAD.encode(claims.to_string()));
    let signature = key.sign(text.as_bytes()).ok_or_else(|| never("the assertion can't be signed").at("auth"))?;
    Ok(format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature)))
}

enum AssertionKey {
    Rsa(Box<RsaKeyPair>),
    P256(EcdsaKeyPair),
    P384(EcdsaKeyPair),
}

impl AssertionKey {
    fn read(pem: &str) -> Option<Self> {
        let lines: String = pem.lines().map(str::trim).filter(|line| !line.starts_with("-----")).collect();
        let der = STANDARD.decode(lines).ok()?;
        let random = SystemRandom::new();
        let rsa = RsaKeyPair::from_pkcs8(&der).or_else(|_| RsaKeyPair::from_der(&der));
        let p256 = || EcdsaKeyPair::from_pkcs8(&signature::ECDSA_P256_SHA256_FIXED_SIGNING, &der, &random);
        let p384 = || EcdsaKeyPair::from_pkcs8(&signature::ECDSA_P384_SHA384_FIXED_SIGNING, &der, &random);
        let rsa = rsa.ok().map(|key| Self::Rsa(Box::new(key)));
        rsa.or_else(|| p256().ok().map(Self::P256)).or_else(|| p384().ok().map(Self::P384))
    }

    fn algorithm(&self) -> &'static str {
        match self {
            Self::Rsa(_) => "RS256",
            Self::P256(_) => "ES256",
            Self::P384(_) => "ES384",
        }
    }

    fn sign(&self, text: &[u8]) -> Option<Vec<u8>> {
        let random = SystemRandom::new();
        match self {
            Self::Rsa(key) => {
                let mut signature = vec![0; key.public().modulus_len()];
                key.sign(&signature::RSA_PKCS1_SHA256, &random, text, &mut signature).ok()?;
                Some(signature)
            }
            Self::P256(key) | Self::P384(key) => Some(key.sign(&random, text).ok()?.as_ref().to_vec()),
        }
    }
}
