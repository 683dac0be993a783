//! shell: Thoughtly's REST API: create the contact (or find it, when it exists), then call it.

use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value, json};
use url::Url;

use super::{
    ANSWER_LIMIT, Envelope, Facts, SecretHeader, THOUGHTLY_IDS, Target, TargetError, error_class, fingerprint, id_text,
    is_no_error, json_header, parse_url, read_body, storable, value_at,
};
use crate::attempt::{Intent, StepRequest, TargetAddress};
use crate::http::{self, BodyEnd, HttpRequest, HttpResponse};
use crate::personal::Personal;
use crate::settings::{Account, SecretError, Secrets, TextOrSecret};

/// The fields of a new contact besides the phone; Thoughtly refuses others.
const CONTACT_FIELDS: [&str; 4] = ["name", "email", "tags", "attributes"];

/// Maximum contacts on one page of a search.
const SEARCH_LIMIT: &str = "50";

/// The settings of `[target.call]`.
pub(super) struct CallTerms<'a> {
    pub(super) agent: &'a TextOrSecret,
    pub(super) account: &'a str,
    pub(super) timeout: Duration,
}

/// Calls by contact id.
pub(super) struct Caller {
    base: Url,
    token: SecretString,
    team: SecretString,
    agent: SecretString,
    timeout: Duration,
}

impl Caller {
    /// Opens `[target.call]` and its account.
    pub(super) fn open(
        written: &CallTerms<'_>,
        account: Option<&Account>,
        secrets: &Secrets,
    ) -> Result<Self, TargetError> {
        let name = written.account;
        let missing = |missing: SecretError| TargetError(missing.0);
        let lacks = |key: &str| TargetError(format!("account `{name}` has no `{key}`: set [accounts.{name}] {key}"));
        let account = account.ok_or_else(|| {
            TargetError(format!("there is no account `{name}`: add [accounts.{name}] to the settings"))
        })?;
        let base_url = account.base_url.as_str().into();
        Ok(Self {
            base: parse_url(&base_url, &format!("`accounts.{name}.base_url`"))?,
            token: secrets.token(account.api_token.as_ref().ok_or_else(|| lacks("api_token"))?).map_err(missing)?,
            team: secrets.for_header(account.team_id.as_ref().ok_or_else(|| lacks("team_id"))?).map_err(missing)?,
            agent: secrets.text(written.agent).map_err(missing)?,
            timeout: written.timeout,
        })
    }

    /// The base URL and two more segments, whatever path the base has.
    fn url(&self, segments: &[&str]) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        url
    }

    fn ask(&self, method: reqwest::Method, url: Url, body: Option<&Value>) -> HttpRequest {
        let mut headers: Vec<SecretHeader> =
            vec![("x-api-token".to_owned(), self.token.clone()), ("team_id".to_owned(), self.team.clone())];
        if body.is_some() {
            headers.push(json_header());
        }
        let body = body.map_or_else(Bytes::new, |body| Bytes::from(body.to_string()));
        HttpRequest { method, url, headers, body, timeout: self.timeout, max_bytes: ANSWER_LIMIT }
    }
}

impl Target for Caller {
    fn request(&self, intent: &Intent, step: StepRequest, _: Timestamp) -> Result<HttpRequest, TargetError> {
        let mut ask = match step {
            StepRequest::CreateContact => {
                let body = new_contact(&intent.phone, intent.contact.as_deref())?;
                self.ask(reqwest::Method::POST, self.url(&["contact", "create"]), Some(&body))
            }
            StepRequest::FindContact => {
                let mut url = self.url(&["contact"]);
                url.query_pairs_mut().append_pair("search", &intent.phone).append_pair("limit", SEARCH_LIMIT);
                self.ask(reqwest::Method::GET, url, None)
            }
            StepRequest::Call => {
                let contact = intent
                    .contact_id
                    .as_ref()
                    .ok_or_else(|| TargetError("the contact must be known before it is called".to_owned()))?;
                let body = json!({
                    "contact_id": contact,
                    "interview_id": self.agent.expose_secret(),
                    "metadata": metadata(&intent.payload)?,
                });
                self.ask(reqwest::Method::POST, self.url(&["contact", "call"]), Some(&body))
            }
        };
        ask.headers.push(("idempotency-key".to_owned(), intent.reminder_id.to_string().into()));
        Ok(ask)
    }

    fn facts(&self, step: StepRequest, answer: &HttpResponse) -> Facts {
        let is_accepted_status = answer.is_success();
        let may_conflict = step == StepRequest::CreateContact && matches!(answer.status, 400 | 409 | 422);
        if !is_accepted_status && !may_conflict {
            let note = (answer.end == BodyEnd::TooLong).then_some("too_long");
            return Facts { is_accepted_status, note, ..Facts::default() };
        }
        let (body, note) = read_body(answer, Envelope::Expected);
        let failure = body.get("error").filter(|error| !is_no_error(error));
        let is_conflict =
            step == StepRequest::CreateContact && (answer.status == 409 || failure.is_some_and(says_it_exists));
        Facts {
            is_accepted_status,
            error: failure.filter(|_| is_accepted_status).and_then(error_class),
            remote_id: THOUGHTLY_IDS.iter().find_map(|at| usable(step, id_text(value_at(&body, at)?)?)),
            note: note.filter(|_| is_accepted_status),
            is_conflict,
            found: if step == StepRequest::FindContact { found(&body) } else { Vec::new() },
            ..Facts::default()
        }
    }

    fn needs_contact(&self) -> bool {
        true
    }

    /// The token only: a 401 doesn't mean a wrong team or agent, and the account's automations, which have no team, share the
    /// token.
    fn credentials(&self) -> String {
        fingerprint([Some(&self.token)])
    }

    fn is_loopback(&self) -> bool {
        http::is_loopback(&self.base)
    }

    fn origin(&self) -> String {
        self.base.origin().ascii_serialization()
    }

    fn address(&self) -> TargetAddress {
        TargetAddress::of(self.base.as_str())
    }

    fn accepted_by(&self) -> Option<String> {
        None
    }
}

/// The id of a call is only stored. The id of a contact is sent again, so it can't be stored as a hash.
fn usable(step: StepRequest, id: String) -> Option<String> {
    let stored = storable(id.clone());
    match step {
        StepRequest::Call => Some(stored),
        StepRequest::CreateContact | StepRequest::FindContact => (stored == id).then_some(id),
    }
}

fn new_contact(phone: &str, rendered: Option<&str>) -> Result<Value, TargetError> {
    let unreadable = |_| TargetError("the rendered contact is not JSON".to_owned());
    let rendered: Value = rendered.map_or(Ok(Value::Null), serde_json::from_str).map_err(unreadable)?;
    let mut body = Map::new();
    body.insert("phone_number".to_owned(), phone.into());
    for name in CONTACT_FIELDS {
        if let Some(value) = rendered.get(name).filter(|value| !value.is_null()) {
            body.insert(name.to_owned(), value.clone());
        }
    }
    Ok(Value::Object(body))
}

/// The payload as a flat object of strings: null fields are left out, lists and objects become JSON text.
fn metadata(payload: &str) -> Result<Value, TargetError> {
    let tree: Value = serde_json::from_str(payload).map_err(|_| TargetError("the payload is not JSON".to_owned()))?;
    let Value::Object(fields) = tree else {
        return Err(TargetError("a call's payload must be a table: it becomes the call's metadata".to_owned()));
    };
    let flat = fields.into_iter().filter_map(|(name, value)| match value {
        Value::Null => None,
        Value::String(text) => Some((name, Value::String(text))),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            Some((name, Value::String(value.to_string())))
        }
    });
    Ok(Value::Object(flat.collect()))
}

/// Whether an error means that the contact exists already. The form of such an error is not documented.
fn says_it_exists(error: &Value) -> bool {
    let text = error.to_string().to_ascii_lowercase();
    ["already", "conflict", "duplicate", "exists"].iter().any(|word| text.contains(word))
}

fn found(body: &Value) -> Vec<(Personal, String)> {
    let contacts = body.pointer("/data/contacts").and_then(Value::as_array);
    let pair = |contact: &Value| {
        let phone = id_text(contact.get("phone_number")?)?;
        Some((phone.into(), usable(StepRequest::FindContact, id_text(contact.get("id")?)?)?))
    };
    contacts.into_iter().flatten().filter_map(pair).collect()
}
