//! shell: makes requests of payloads, and facts of responses. To add a target: a file here, a variant in
//! [`crate::schedule::TargetSpec`], an arm in [`open`].

use bytes::Bytes;
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use sha2::{Digest, Sha256};
use url::Url;

use crate::attempt::{Intent, StepRequest, TargetAddress};
use crate::http::{self, BodyEnd, HttpRequest, HttpResponse};
use crate::personal::Personal;
use crate::schedule::{Schedule, TargetSpec};
use crate::settings::{Account, Secrets};

pub mod account;
mod automation;
mod call;
#[cfg(test)]
mod tests;
mod webhook;

/// Maximum bytes of a response that are read; a longer one is judged by its status.
const ANSWER_LIMIT: usize = 64 * 1024;

/// Where Thoughtly's responses may have the id of a call or contact; none is documented for calls.
const THOUGHTLY_IDS: [&str; 3] = ["/data/id", "/data/call_id", "/data/response_id"];

/// The note about a response that is a web page.
pub const HTML: &str = "html";

/// What a target has parsed from a response; its meaning is decided by the sender.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// Whether the status means accepted.
    pub is_accepted_status: bool,
    /// The class of a non-null error in a response with an accepted status; no free text of the other side.
    pub error: Option<String>,
    /// The other side's id of the call, or of the contact in the contact step.
    pub remote_id: Option<String>,
    /// A remark about the response: [`HTML`], `not_json`, `no_envelope`, `too_long`.
    pub note: Option<&'static str>,
    /// Contact step: whether the contact exists already, whatever the status.
    pub is_conflict: bool,
    /// Contacts that a search found: phone and id.
    pub found: Vec<(Personal, String)>,
    /// Whether the sandbox responded: nobody is called.
    pub is_sandbox: bool,
}

/// The header that marks responses of the sandbox.
const SANDBOX_MARK: &str = "x-tickler-sandbox";

/// The facts of a response, and whether the sandbox sent it. Only this machine can be a sandbox: no other host can turn a
/// delivery into a trial, which would be repeated at the next address.
#[must_use]
pub fn facts(target: &dyn Target, step: StepRequest, answer: &HttpResponse) -> Facts {
    let is_sandbox = target.is_loopback() && answer.header(SANDBOX_MARK) == Some("1");
    Facts { is_sandbox, ..target.facts(step, answer) }
}

/// Why no request can be made; nothing is sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct TargetError(pub String);

/// A receiver of reminders.
pub trait Target: Send + Sync {
    /// The request for one step of an intent. `signed_at` is the timestamp of signatures.
    ///
    /// # Errors
    /// When the payload doesn't fit the step.
    fn request(&self, intent: &Intent, step: StepRequest, signed_at: Timestamp) -> Result<HttpRequest, TargetError>;
    /// Parses a response.
    fn facts(&self, step: StepRequest, answer: &HttpResponse) -> Facts;
    /// Whether a call needs a contact first.
    fn needs_contact(&self) -> bool;
    /// A hash of the credentials, to detect a change.
    fn credentials(&self) -> String;
    /// Whether it sends only to this machine, as `--now` requires.
    fn is_loopback(&self) -> bool;
    /// The URL's origin, for people: no path and no query.
    fn origin(&self) -> String;
    /// The address, to detect a change.
    fn address(&self) -> TargetAddress;
    /// The host that accepts requests; `None` for Thoughtly.
    fn accepted_by(&self) -> Option<String>;
}

/// Opens the schedule's target with resolved secrets.
///
/// # Errors
/// When a secret isn't set or an address is refused.
pub fn open(schedule: &Schedule, account: Option<&Account>, secrets: &Secrets) -> Result<Box<dyn Target>, TargetError> {
    let timeout = schedule.delivery.timeout.unsigned_abs();
    match &schedule.target {
        TargetSpec::Automation { url, api_token, .. } => {
            let written = automation::AutomationTerms { url, api_token: api_token.as_ref(), timeout };
            Ok(Box::new(automation::open(&written, account, secrets)?))
        }
        TargetSpec::Call { agent, account: name, .. } => {
            let written = call::CallTerms { agent, account: name, timeout };
            Ok(Box::new(call::Caller::open(&written, account, secrets)?))
        }
        TargetSpec::Webhook(spec) => Ok(Box::new(webhook::open(spec, timeout, secrets)?)),
    }
}

/// A header with a secret value.
pub type SecretHeader = (String, SecretString);

/// A URL that receives the payload as it is. Thoughtly's automation is a preset of it.
struct Endpoint {
    method: reqwest::Method,
    /// May be a secret as a whole: only its origin is ever shown.
    url: Url,
    headers: Vec<SecretHeader>,
    signature: Option<webhook::SigningKey>,
    /// `None`: any 2xx.
    accept_status: Option<Vec<u16>>,
    /// The JSON pointer whose value must be null or absent.
    error_pointer: Option<String>,
    id_pointers: Vec<String>,
    envelope: Envelope,
    credentials: String,
    timeout: std::time::Duration,
}

/// Whether an accepted response should have Thoughtly's form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Envelope {
    /// `{"error": …, "data": …}`; for another form there is a note.
    Expected,
    /// Any form is right.
    Free,
}

impl Target for Endpoint {
    fn request(&self, intent: &Intent, _: StepRequest, signed_at: Timestamp) -> Result<HttpRequest, TargetError> {
        let id = intent.reminder_id.to_string();
        let mut headers = Vec::with_capacity(self.headers.len() + 4);
        headers.extend(self.headers.iter().cloned());
        if let Some(key) = &self.signature {
            headers.extend(key.headers(&id, signed_at, &intent.payload));
        }
        headers.push(("idempotency-key".to_owned(), id.into()));
        Ok(HttpRequest {
            method: self.method.clone(),
            url: self.url.clone(),
            headers,
            body: Bytes::copy_from_slice(intent.payload.as_bytes()),
            timeout: self.timeout,
            max_bytes: ANSWER_LIMIT,
        })
    }

    fn facts(&self, _: StepRequest, answer: &HttpResponse) -> Facts {
        let is_accepted_status = match &self.accept_status {
            Some(listed) => listed.contains(&answer.status),
            None => answer.is_success(),
        };
        let asks_the_body =
            self.envelope == Envelope::Expected || self.error_pointer.is_some() || !self.id_pointers.is_empty();
        if !is_accepted_status || !asks_the_body {
            let note = match answer.end {
                BodyEnd::TooLong => Some("too_long"),
                BodyEnd::Whole | BodyEnd::Cut => html_note(answer),
            };
            return Facts { is_accepted_status, note, ..Facts::default() };
        }
        let (body, note) = read_body(answer, self.envelope);
        let error = self.error_pointer.as_deref().and_then(|at| value_at(&body, at)).and_then(error_class);
        let remote_id = self.id_pointers.iter().find_map(|at| id_text(value_at(&body, at)?)).map(storable);
        Facts { is_accepted_status, error, remote_id, note, ..Facts::default() }
    }

    fn needs_contact(&self) -> bool {
        false
    }

    fn credentials(&self) -> String {
        self.credentials.clone()
    }

    fn is_loopback(&self) -> bool {
        http::is_loopback(&self.url)
    }

    fn origin(&self) -> String {
        self.url.origin().ascii_serialization()
    }

    fn address(&self) -> TargetAddress {
        TargetAddress::of(self.url.as_str())
    }

    fn accepted_by(&self) -> Option<String> {
        match self.envelope {
            Envelope::Expected => None,
            Envelope::Free => self.url.host_str().map(str::to_owned),
        }
    }
}

/// Whether this text is the signing secret of a webhook.
///
/// # Errors
/// With the form that it must have; never with the text.
pub fn check_signing_secret(secret: &SecretString) -> Result<(), TargetError> {
    webhook::SigningKey::read(secret).map(drop)
}

/// The headers that sign a body as Standard Webhooks.
///
/// # Errors
/// When the text is not a signing secret.
pub fn signature(
    secret: &SecretString,
    id: &str,
    now: Timestamp,
    body: &str,
) -> Result<[SecretHeader; 3], TargetError> {
    Ok(webhook::SigningKey::read(secret)?.headers(id, now, body))
}

/// The body as JSON (null when it isn't JSON or wasn't read completely), and a note about it.
fn read_body(answer: &HttpResponse, envelope: Envelope) -> (Value, Option<&'static str>) {
    match answer.end {
        BodyEnd::TooLong => return (Value::Null, Some("too_long")),
        BodyEnd::Cut => return (Value::Null, None),
        BodyEnd::Whole => {}
    }
    match serde_json::from_slice::<Value>(&answer.body) {
        Err(_) => (Value::Null, html_note(answer).or(Some("not_json"))),
        Ok(body) => {
            let has_envelope = body.get("error").is_some() || body.get("data").is_some();
            let note = (envelope == Envelope::Expected && !has_envelope).then_some("no_envelope");
            (body, note)
        }
    }
}

/// The note about a response that is a web page: of a sign-in page or a proxy, or the address is wrong.
fn html_note(answer: &HttpResponse) -> Option<&'static str> {
    let is_declared = answer.header("content-type").is_some_and(|kind| kind.to_ascii_lowercase().contains("text/html"));
    let begins = answer.body.trim_ascii_start();
    let begins_so = |tag: &[u8]| begins.get(..tag.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(tag));
    let is_page = begins_so(b"<!doctype html") || begins_so(b"<html");
    (is_page || is_declared && !begins.is_empty()).then_some(HTML)
}

/// The value at a JSON pointer. `Value::pointer` would allocate two strings per step, which dominates parsing a response.
fn value_at<'v>(body: &'v Value, pointer: &str) -> Option<&'v Value> {
    if pointer.contains('~') {
        return body.pointer(pointer);
    }
    let mut steps = pointer.split('/');
    // a pointer begins with a slash, or is empty and selects the whole document
    if !steps.next()?.is_empty() {
        return None;
    }
    steps.try_fold(body, |value, step| match value {
        Value::Object(fields) => fields.get(step),
        Value::Array(_) => value.pointer(&format!("/{step}")),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    })
}

/// Whether the value of an error field means that there is none: null, false, 0, or something empty.
fn is_no_error(error: &Value) -> bool {
    match error {
        Value::Null | Value::Bool(false) => true,
        Value::Bool(true) => false,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
    }
}

/// The class of an error, without the other side's free text, which may have personal data.
fn error_class(error: &Value) -> Option<String> {
    if is_no_error(error) {
        return None;
    }
    let word = match error {
        Value::Null => None,
        Value::Object(fields) => ["code", "type", "name"].iter().find_map(|name| word(fields.get(*name)?)),
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => word(error),
    };
    Some(word.unwrap_or_else(|| "error".to_owned()))
}

/// An error code such as `invalid_agent` or `40012`: one short word with a letter in it, or a number too short for a phone.
fn word(value: &Value) -> Option<String> {
    const MAX_WORD: usize = 40;
    const MAX_NUMBER: usize = 6;
    let text = id_text(value)?;
    let is_plain = text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
    let digits = text.chars().filter(char::is_ascii_digit).count();
    (is_plain && text.len() <= MAX_WORD && digits <= MAX_NUMBER).then_some(text)
}

/// An id as text: strings and whole numbers; `None` for anything else.
fn id_text(value: &Value) -> Option<String> {
    const MAX_ID: usize = 200;
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return None,
    };
    let is_usable = !text.is_empty() && text.len() <= MAX_ID && !text.chars().any(char::is_control);
    is_usable.then_some(text)
}

/// Maximum length of an id that is stored as it is.
const MAX_STORED_ID: usize = 64;

/// An id of the other side as it is stored: up to 64 plain characters as they are, any other as a hash, so that no name or
/// number of a response is logged.
fn storable(id: String) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._:-".contains(&byte);
    if id.len() <= MAX_STORED_ID && id.bytes().all(is_plain) {
        return id;
    }
    format!("sha256:{}", hex(&Sha256::digest(id.as_bytes())[..16]))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Parses a URL that may be a secret; the error names its origin, never the text.
fn parse_url(text: &SecretString, what: &str) -> Result<Url, TargetError> {
    let complaint = |why: &str| TargetError(format!("{what} {why}: write an absolute address, http:// or https://"));
    let url = Url::parse(text.expose_secret().trim()).map_err(|_| complaint("is no URL"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(complaint("isn't an HTTP address"));
    }
    http::check_host(&url).map_err(|refused| TargetError(format!("{what} is refused: {refused}")))?;
    Ok(url)
}

/// A hash of the values.
fn fingerprint<'a>(values: impl IntoIterator<Item = Option<&'a SecretString>>) -> String {
    let mut hash = Sha256::new();
    for value in values {
        match value {
            None => hash.update([0]),
            Some(secret) => {
                let bytes = secret.expose_secret().as_bytes();
                hash.update([1]);
                hash.update((bytes.len() as u64).to_be_bytes());
                hash.update(bytes);
            }
        }
    }
    hex(&hash.finalize()[..8])
}

/// A header for JSON bodies.
fn json_header() -> SecretHeader {
    ("content-type".to_owned(), "application/json".into())
}
