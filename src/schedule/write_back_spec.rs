//! pure: `[outcome.write_back]` of a schedule, and the address that it writes to.

use url::Url;

use super::HttpAuth;
use crate::reminder::CallOutcome;
use crate::settings::{SecretRef, TextOrSecret};
use crate::template::{BUILT_IN_NAMES, PayloadTemplate, Scope, Template, TemplateProblem};

/// `[outcome.write_back]`.
#[derive(Debug, Clone)]
pub struct WriteBackSpec {
    /// The outcomes that are written.
    pub on: Vec<CallOutcome>,
    /// The text of a [`WriteBackAddress`], or a secret holding one.
    pub url: TextOrSecret,
    /// `PATCH`, `PUT` or `POST`.
    pub method: String,
    /// Names and values.
    pub headers: Vec<(String, TextOrSecret)>,
    /// How the request proves who writes.
    pub auth: Option<HttpAuth>,
    /// Signs as Standard Webhooks.
    pub secret: Option<SecretRef>,
    /// What is sent; `None`: what is known of the call.
    pub body: Option<WriteBackBody>,
}

/// What a write-back sends.
#[derive(Debug, Clone)]
pub enum WriteBackBody {
    /// A text, filled in.
    Text(Template),
    /// A tree, sent as JSON.
    Tree(PayloadTemplate),
}

/// The names of a write-back besides those of every payload.
pub const WRITE_BACK_NAMES: [&str; 4] = ["outcome", "outcome_at", "call_id", "payload"];

/// Every name that an address or a body of a write-back may use.
#[must_use]
pub fn write_back_names() -> Vec<&'static str> {
    BUILT_IN_NAMES.iter().copied().chain(WRITE_BACK_NAMES).collect()
}

/// An address whose scheme and host are written out: no value can send an outcome, or its credentials, to another host.
#[derive(Debug, Clone)]
pub struct WriteBackAddress {
    pieces: Vec<UrlPiece>,
}

#[derive(Debug, Clone)]
enum UrlPiece {
    Literal(String),
    /// Percent-encoded.
    Value(Template),
}

impl WriteBackAddress {
    /// Reads the text.
    ///
    /// # Errors
    /// When a part of it is no template, or when scheme and host aren't written out.
    pub fn read(text: &str) -> Result<Self, TemplateProblem> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((before, inside)) = rest.split_once("{{") {
            let Some((expression, behind)) = inside.split_once("}}") else {
                return Err(problem("the address has a `{{` that isn't closed"));
            };
            if !before.is_empty() {
                pieces.push(UrlPiece::Literal(before.to_owned()));
            }
            pieces.push(UrlPiece::Value(Template::compile(&format!("{{{{{expression}}}}}"))?));
            rest = behind;
        }
        if !rest.is_empty() {
            pieces.push(UrlPiece::Literal(rest.to_owned()));
        }
        let address = Self { pieces };
        address.written_origin().map(|_| address.clone())
    }

    /// The scheme, host and port of the URL, from the text alone.
    fn written_origin(&self) -> Result<Url, TemplateProblem> {
        let whole = || problem("the scheme and the host of this address must be written out, up to the first `/`");
        let Some(UrlPiece::Literal(first)) = self.pieces.first() else { return Err(whole()) };
        let (_, behind) = first.split_once("://").ok_or_else(whole)?;
        if self.pieces.len() > 1 && !behind.contains(['/', '?', '#']) {
            return Err(whole());
        }
        if behind.starts_with(['/', '?', '#']) {
            return Err(whole());
        }
        let url = Url::parse(first).map_err(|error| problem(&format!("this is not a valid URL: {error}")))?;
        match url.scheme() {
            "http" | "https" if url.has_host() => Ok(url),
            _ => Err(problem("this is not a valid http or https address")),
        }
    }

    /// The address for one outcome. A value fills its place, and no more: one that would change the path (`..`) is refused.
    ///
    /// # Errors
    /// A sentence without the address.
    pub fn filled(&self, scope: &dyn Scope) -> Result<Url, String> {
        let mut filled = String::new();
        for piece in &self.pieces {
            match piece {
                UrlPiece::Literal(text) => filled.push_str(text),
                UrlPiece::Value(template) => {
                    let value = template.render(scope).map_err(|error| error.0)?;
                    match crate::row::scalar_text(&value).filter(|text| !text.is_empty()) {
                        Some(text) => push_encoded(&mut filled, &text),
                        None => return Err("a value that its address needs is empty".to_owned()),
                    }
                }
            }
        }
        let url = Url::parse(&filled).map_err(|error| format!("its address is not a valid URL: {error}"))?;
        let origin = self.written_origin().map_err(|problem| problem.message)?;
        if url.origin() != origin.origin() || slashes(url.as_str()) < slashes(&filled) {
            return Err("a value would change the path of its address".to_owned());
        }
        Ok(url)
    }
}

/// A path loses slashes where `..` or `.` is resolved.
fn slashes(address: &str) -> usize {
    address.split(['?', '#']).next().unwrap_or_default().matches('/').count()
}

fn problem(message: &str) -> TemplateProblem {
    TemplateProblem {
        message: message.to_owned(),
        at: None,
        help: Some("write it such as `https://crm.clinic.example/visits/{{ appointment_id }}`".to_owned()),
    }
}

/// Percent-encodes everything but RFC 3986's unreserved characters.
fn push_encoded(out: &mut String, text: &str) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    struct Id(&'static str);

    impl Scope for Id {
        fn lookup(&self, name: &str) -> Option<Value> {
            (name == "appointment_id").then(|| self.0.into())
        }

        fn row(&self) -> Value {
            Value::Null
        }
    }

    #[test]
    fn a_value_fills_its_place_and_reaches_no_other_host_or_path() {
        let cases = [
            ("https://crm.example/visits/{{ appointment_id }}", "A-1", Some("https://crm.example/visits/A-1")),
            (
                "https://crm.example/v?id={{ appointment_id }}&x=1",
                "a b&c=d",
                Some("https://crm.example/v?id=a%20b%26c%3Dd&x=1"),
            ),
            (
                "https://crm.example/visits/{{ appointment_id }}/status",
                "1/2",
                Some("https://crm.example/visits/1%2F2/status"),
            ),
            (
                "https://crm.example/{{ appointment_id }}",
                "@evil.example/",
                Some("https://crm.example/%40evil.example%2F"),
            ),
            ("https://crm.example/visits/{{ appointment_id }}", "..", None),
            ("https://crm.example/visits/{{ appointment_id }}/x", ".", None),
            ("https://crm.example/visits/.{{ appointment_id }}/x", ".", None),
            ("https://crm.example/visits/{{ appointment_id }}", "", None),
            ("https://crm.example", "A-1", Some("https://crm.example/")),
        ];
        for (text, id, expected) in cases {
            let filled = WriteBackAddress::read(text).expect("an address").filled(&Id(id));
            assert_eq!(filled.ok().as_ref().map(Url::as_str), expected, "{text} {id}");
        }
    }

    #[test]
    fn scheme_and_host_are_written_out() {
        for text in [
            "{{ appointment_id }}",
            "https://{{ appointment_id }}/visits",
            "https://crm.example{{ appointment_id }}",
            "https://crm.example:{{ appointment_id }}/visits",
            "{{ appointment_id }}://crm.example/visits",
            "ftp://crm.example/visits",
            "https:///visits",
            "crm.example/visits",
            "https://crm.example/{{ appointment_id",
            "https://crm.example/{{ appointment_id | nothing }}",
        ] {
            assert!(WriteBackAddress::read(text).is_err(), "{text}");
        }
    }
}
