//! shell: Thoughtly's automation webhook: one POST of the payload to a URL that is itself a secret.

use std::time::Duration;

use super::{Endpoint, Envelope, THOUGHTLY_IDS, TargetError, fingerprint, json_header, parse_url};
use crate::settings::{Account, SecretRef, Secrets};

/// The settings of `[target.automation]`.
pub(super) struct AutomationTerms<'a> {
    pub(super) url: &'a SecretRef,
    pub(super) api_token: Option<&'a SecretRef>,
    pub(super) timeout: Duration,
}

/// A preset of the general webhook. It has its own token; without webhook verification none is sent.
pub(super) fn open(
    written: &AutomationTerms<'_>,
    account: Option<&Account>,
    secrets: &Secrets,
) -> Result<Endpoint, TargetError> {
    let address = secrets.resolve(written.url).map_err(|missing| TargetError(missing.0))?;
    let url = parse_url(&address, "`target.automation.url`")?;
    let token =
        written.api_token.map(|token| secrets.token(token)).transpose().map_err(|missing| TargetError(missing.0))?;
    // one fingerprint for all schedules of an account that send no token: otherwise a pause caused by one of them would see
    // new credentials in another
    let accounts_token = account.and_then(|account| secrets.resolve(account.api_token.as_ref()?).ok());
    let credentials = fingerprint([token.as_ref().or(accounts_token.as_ref())]);
    let mut headers = vec![json_header()];
    headers.extend(token.map(|token| ("x-api-token".to_owned(), token)));
    Ok(Endpoint {
        method: reqwest::Method::POST,
        url,
        headers,
        signature: None,
        accept_status: None,
        error_pointer: Some("/error".to_owned()),
        id_pointers: THOUGHTLY_IDS.map(str::to_owned).to_vec(),
        envelope: Envelope::Expected,
        credentials,
        timeout: written.timeout,
    })
}
