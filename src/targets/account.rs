//! shell: reads from a Thoughtly account: its voice agents, and its contacts with a phone number.

use std::time::Duration;

use bytes::Bytes;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::Url;

use super::{Envelope, SecretHeader, error_class, id_text, parse_url, read_body, value_at};
use crate::http::{Http, HttpRequest, HttpResponse, Sent};
use crate::personal::Personal;
use crate::settings::{Account, SecretError, Secrets};

/// Maximum time of a request for a list.
const LIST_TIMEOUT: Duration = Duration::from_secs(10);

/// Maximum size of a list; lists are longer than the responses to calls.
const LIST_LIMIT: usize = 4 << 20;

/// Maximum contacts on one page.
const PAGE_SIZE: &str = "50";

/// An account's API, with its credentials.
pub struct AccountApi {
    name: String,
    base: Url,
    token: SecretString,
    team: SecretString,
}

/// Why an account did not answer what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct AccountError {
    /// What kind of fault it is.
    pub fault: AccountFault,
    /// A sentence with the remedy.
    pub message: String,
}

/// What keeps an account from answering.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountFault {
    /// It is not in the settings, or a credential isn't set.
    Unset,
    /// It can't be reached.
    Unreachable,
    /// It refuses the credentials.
    Refused,
    /// It answered something else, which may pass by itself.
    OtherAnswer,
}

/// A voice agent (an *interview* in Thoughtly's API).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Agent {
    /// The value for `target.call.agent`.
    pub id: String,
    /// The name in the dashboard.
    pub title: String,
}

/// A contact: personal data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contact {
    /// The account's id.
    pub id: String,
    /// E.164.
    pub phone: Personal,
    /// Its other texts that are set: `name`, `email`, `status`, `created`, `updated`.
    pub fields: Vec<(&'static str, Personal)>,
}

impl AccountApi {
    /// Opens an account of the settings.
    ///
    /// # Errors
    /// When there is none of this name, or a credential isn't set.
    pub fn open(name: &str, account: Option<&Account>, secrets: &Secrets) -> Result<Self, AccountError> {
        let unset = |message: String| AccountError { fault: AccountFault::Unset, message };
        let missing = |missing: SecretError| unset(missing.0);
        let lacks = |key: &str| unset(format!("account `{name}` has no `{key}`: set [accounts.{name}] {key}"));
        let account = account
            .ok_or_else(|| unset(format!("there is no account `{name}`: add [accounts.{name}] to the settings")))?;
        let base = account.base_url.as_str().into();
        Ok(Self {
            name: name.to_owned(),
            base: parse_url(&base, &format!("`accounts.{name}.base_url`")).map_err(|error| unset(error.0))?,
            token: secrets.token(account.api_token.as_ref().ok_or_else(|| lacks("api_token"))?).map_err(missing)?,
            team: secrets.for_header(account.team_id.as_ref().ok_or_else(|| lacks("team_id"))?).map_err(missing)?,
        })
    }

    /// The account's agents; `None` when it accepts the credentials and the response has no list.
    ///
    /// # Errors
    /// When the account can't be reached, refuses the credentials, or returns an error.
    pub async fn agents(&self, http: &Http) -> Result<Option<Vec<Agent>>, AccountError> {
        let body = self.get(http, &["interview"], &[]).await?;
        let list = value_at(&body, "/data/interviews").and_then(Value::as_array);
        Ok(list.map(|list| list.iter().filter_map(agent).collect()))
    }

    /// One page of the records of an agent's calls.
    ///
    /// # Errors
    /// Those of [`AccountApi::agents`].
    pub async fn records(
        &self,
        http: &Http,
        agent: &str,
        (page, limit): (usize, usize),
    ) -> Result<Vec<Value>, AccountError> {
        let (page, limit) = (page.to_string(), limit.to_string());
        let path = ["interview", agent, "responses"];
        let mut body = self.get(http, &path, &[("page", &page), ("limit", &limit)]).await?;
        let list = body.pointer_mut("/data/responses").and_then(Value::as_array_mut);
        let list = list.ok_or_else(|| self.error(AccountFault::OtherAnswer, "answers without a list of records"))?;
        Ok(std::mem::take(list))
    }

    /// Whether it is on this machine.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        crate::http::is_loopback(&self.base)
    }

    /// The account's contacts with this phone (E.164).
    ///
    /// # Errors
    /// Those of [`AccountApi::agents`].
    pub async fn contacts(&self, http: &Http, phone: &str) -> Result<Vec<Contact>, AccountError> {
        let body = self.get(http, &["contact"], &[("search", phone), ("limit", PAGE_SIZE)]).await?;
        let list = value_at(&body, "/data/contacts").and_then(Value::as_array);
        let list = list.ok_or_else(|| self.error(AccountFault::OtherAnswer, "answers without a list of contacts"))?;
        Ok(list.iter().filter_map(contact).filter(|contact| contact.phone == phone).collect())
    }

    /// Deletes a contact. One that isn't there is deleted already.
    ///
    /// # Errors
    /// Those of [`AccountApi::agents`].
    pub async fn delete_contact(&self, http: &Http, id: &str) -> Result<(), AccountError> {
        let answer = self.ask(http, reqwest::Method::DELETE, self.url(&["contact", id])).await?;
        if answer.status == 404 || answer.is_success() {
            return Ok(());
        }
        Err(self.error(AccountFault::OtherAnswer, &refusal(answer.status)))
    }

    fn url(&self, path: &[&str]) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        url
    }

    async fn ask(&self, http: &Http, method: reqwest::Method, url: Url) -> Result<HttpResponse, AccountError> {
        let headers: Vec<SecretHeader> =
            vec![("x-api-token".to_owned(), self.token.clone()), ("team_id".to_owned(), self.team.clone())];
        let ask =
            HttpRequest { method, url, headers, body: Bytes::new(), timeout: LIST_TIMEOUT, max_bytes: LIST_LIMIT };
        match http.send(ask).await {
            Sent::Answered(answer) => Ok(answer),
            Sent::NotSent { detail, .. } | Sent::Unknown { detail, .. } => {
                Err(self.error(AccountFault::Unreachable, &format!("can't be asked: {detail}")))
            }
        }
    }

    async fn get(&self, http: &Http, path: &[&str], query: &[(&str, &str)]) -> Result<Value, AccountError> {
        let mut url = self.url(path);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let answer = self.ask(http, reqwest::Method::GET, url).await?;
        if !answer.is_success() {
            let fault = if answer.status == 401 { AccountFault::Refused } else { AccountFault::OtherAnswer };
            return Err(self.error(fault, &refusal(answer.status)));
        }
        let (body, _) = read_body(&answer, Envelope::Expected);
        match body.get("error").and_then(error_class) {
            Some(class) => Err(self.error(AccountFault::OtherAnswer, &format!("answers an error ({class})"))),
            None => Ok(body),
        }
    }

    fn error(&self, fault: AccountFault, what: &str) -> AccountError {
        AccountError { fault, message: format!("the account `{}` {what}", self.name) }
    }
}

fn refusal(status: u16) -> String {
    match status {
        401 => {
            "refuses the credentials (401): set THOUGHTLY_API_TOKEN and THOUGHTLY_TEAM_ID anew; if they are right, a \
            proxy on the way may drop the header `team_id` (for its underscore)"
                .to_owned()
        }
        429 => "answers 429: too many requests; try again in a minute".to_owned(),
        status => format!("answers {status}"),
    }
}

fn agent(value: &Value) -> Option<Agent> {
    let title = value.get("title").and_then(Value::as_str).unwrap_or_default().to_owned();
    Some(Agent { id: id_text(value.get("id")?)?, title })
}

fn contact(value: &Value) -> Option<Contact> {
    let text = |name: &'static str| {
        let text = value.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())?;
        Some((name, text.into()))
    };
    let phone = value.get("phone_number").and_then(Value::as_str)?.into();
    let fields = ["name", "email", "status", "created", "updated"].into_iter().filter_map(text).collect();
    Some(Contact { id: id_text(value.get("id")?)?, phone, fields })
}
