//! shell: who may post to a schedule: whoever shows one of its secrets.

use axum::http::{HeaderMap, HeaderName, header};
use secrecy::ExposeSecret;
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

use crate::settings::{SecretRef, Secrets};

/// The header for senders that keep `Authorization` for themselves.
const OWN_HEADER: HeaderName = HeaderName::from_static("x-tickler-secret");

/// The secret that a request shows.
#[derive(Clone, Copy)]
pub struct ShownSecret<'a>(&'a [u8]);

impl<'a> ShownSecret<'a> {
    /// The secret in a header.
    #[must_use]
    pub fn of_headers(headers: &'a HeaderMap) -> Option<Self> {
        let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let bearer = bearer.and_then(|value| value.split_once(' '));
        let bearer = bearer.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("Bearer"));
        let bearer = bearer.map(|(_, token)| token.trim_start_matches(' ').as_bytes());
        let own = || headers.get(&OWN_HEADER).map(axum::http::HeaderValue::as_bytes);
        bearer.or_else(own).filter(|secret| !secret.is_empty()).map(Self)
    }

    /// The secret in the last part of a URL's path.
    #[must_use]
    pub fn of_path(secret: &'a str) -> Option<Self> {
        (!secret.is_empty()).then_some(Self(secret.as_bytes()))
    }
}

/// Whether it is one of the schedule's. Digests are compared, all of them and in constant time, so that the time an answer
/// takes says nothing about a secret; for an unknown schedule one is compared as well.
#[must_use]
pub fn opens(shown: Option<ShownSecret<'_>>, of_schedule: &[SecretRef], secrets: &Secrets) -> bool {
    let shown_digest = Sha256::digest(shown.map_or(&b""[..], |shown| shown.0));
    // a secret that isn't set, or is empty, opens nothing
    let resolved = of_schedule.iter().filter_map(|secret| secrets.resolve(secret).ok());
    let digests = resolved.filter(|secret| !secret.expose_secret().is_empty());
    let digests: Vec<_> = digests.map(|secret| Sha256::digest(secret.expose_secret().as_bytes())).collect();
    let decoy = Choice::from(0) & shown_digest.ct_eq(&Sha256::digest(b"no schedule"));
    let is_one = digests.iter().fold(decoy, |found, digest| found | shown_digest.ct_eq(digest));
    shown.is_some() && bool::from(is_one)
}
