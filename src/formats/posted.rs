//! pure: a request that is posted becomes a row: a JSON object, or a form.

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::outcome::{MAX_DEPTH, depth};
use crate::row::{IDEMPOTENCY_KEY, RECEIVED_AT};

/// How a body is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PostedForm {
    /// A JSON object.
    Json,
    /// `application/x-www-form-urlencoded`, as a browser sends it.
    Fields,
}

impl PostedForm {
    /// What a `Content-Type` says; anything that is no form is read as JSON.
    #[must_use]
    pub fn of_content_type(written: Option<&str>) -> Self {
        let kind = written.and_then(|written| written.split(';').next()).map(str::trim);
        match kind {
            Some(kind) if kind.eq_ignore_ascii_case("application/x-www-form-urlencoded") => Self::Fields,
            Some(_) | None => Self::Json,
        }
    }
}

/// Why a body is no request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoRequest {
    /// Nested too deeply.
    #[error("the body is nested too deeply")]
    TooDeep,
    /// Neither a JSON object nor a form.
    #[error("the body is neither a JSON object nor a form")]
    NoObject,
    /// It has no field.
    #[error("the body has no field")]
    Empty,
}

/// The fields of a body, and the `Idempotency-Key` that came with it, as a row. Of several fields with one name the last
/// counts. Invisible control characters end no line of a log: they stay in the values, which are escaped where they are shown.
///
/// # Errors
/// [`NoRequest`].
pub fn read(body: &[u8], form: PostedForm, key: Option<&str>) -> Result<Map<String, Value>, NoRequest> {
    let mut row = match form {
        PostedForm::Json => json(body)?,
        // a form writes a brace as %7B: this is JSON from a sender that names no type, such as `curl -d`
        PostedForm::Fields if body.trim_ascii_start().starts_with(b"{") => json(body)?,
        PostedForm::Fields => {
            let fields = url::form_urlencoded::parse(body);
            fields.map(|(name, value)| (name.into_owned(), Value::String(value.into_owned()))).collect()
        }
    };
    for own in [RECEIVED_AT, IDEMPOTENCY_KEY] {
        row.remove(own);
    }
    if row.is_empty() {
        return Err(NoRequest::Empty);
    }
    if let Some(key) = key {
        row.insert(IDEMPOTENCY_KEY.to_owned(), key.into());
    }
    Ok(row)
}

fn json(body: &[u8]) -> Result<Map<String, Value>, NoRequest> {
    if depth(body) > MAX_DEPTH {
        return Err(NoRequest::TooDeep);
    }
    match serde_json::from_slice(body) {
        Ok(Value::Object(row)) => Ok(row),
        Ok(_) | Err(_) => Err(NoRequest::NoObject),
    }
}

/// The row of a request that was received then (UTC).
#[must_use]
pub fn with_receipt(mut row: Map<String, Value>, received_at: Timestamp) -> Map<String, Value> {
    row.insert(RECEIVED_AT.to_owned(), received_at.to_string().into());
    row
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_object_and_a_form_are_rows_and_nothing_else_is() {
        use PostedForm::{Fields, Json};
        let deep = format!("{}1{}", "{\"a\":".repeat(33), "}".repeat(33));
        for (body, form, expected) in [
            (r#"{"id":"L1","n":2}"#, Json, Ok(json!({"id": "L1", "n": 2}))),
            (r#"{"id":"L1","id":"L2"}"#, Json, Ok(json!({"id": "L2"}))),
            (r#"{"id":"L1","@received_at":"2000-01-01T00:00:00Z"}"#, Json, Ok(json!({"id": "L1"}))),
            (
                "id=L1&name=Ann+Lee&phone=%2B12025550143",
                Fields,
                Ok(json!({"id": "L1", "name": "Ann Lee", "phone": "+12025550143"})),
            ),
            ("id=L1&id=L2", Fields, Ok(json!({"id": "L2"}))),
            ("", Fields, Err(NoRequest::Empty)),
            (r#" {"id":"L1"}"#, Fields, Ok(json!({"id": "L1"}))),
            (r#"{"id":"L1""#, Fields, Err(NoRequest::NoObject)),
            ("%7B%22id%22=L1", Fields, Ok(json!({"{\"id\"": "L1"}))),
            ("{}", Json, Err(NoRequest::Empty)),
            ("[]", Json, Err(NoRequest::NoObject)),
            ("<lead/>", Json, Err(NoRequest::NoObject)),
            ("", Json, Err(NoRequest::NoObject)),
            (&deep, Json, Err(NoRequest::TooDeep)),
        ] {
            assert_eq!(read(body.as_bytes(), form, None).map(Value::Object), expected, "{body}");
        }
        let row = read(br#"{"phone":"1"}"#, Json, Some("K1")).expect("a row");
        assert_eq!(Value::Object(row), json!({"phone": "1", "@idempotency_key": "K1"}));
    }

    #[test]
    fn a_content_type_says_whether_it_is_a_form() {
        for (written, form) in [
            (None, PostedForm::Json),
            (Some("application/json"), PostedForm::Json),
            (Some("text/plain"), PostedForm::Json),
            (Some("application/x-www-form-urlencoded"), PostedForm::Fields),
            (Some("Application/X-WWW-Form-Urlencoded; charset=utf-8"), PostedForm::Fields),
        ] {
            assert_eq!(PostedForm::of_content_type(written), form, "{written:?}");
        }
    }
}
