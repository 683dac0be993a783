//! pure: the request for each page of a read: its method, address and body, with the window filled in.

use bytes::Bytes;
use serde_json::Value;
use url::Url;

use super::paging::Next;
use super::{address, never};
use crate::schedule::{ReadBody, ReadMethod};
use crate::sources::{SourceError, WindowTexts};
use crate::template::Scope;

/// The request for one page.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct PageRequest {
    pub(super) address: Url,
    pub(super) body: Bytes,
    pub(super) method: ReadMethod,
}

impl PageRequest {
    /// What tells two requests of one read apart.
    pub(super) fn key(&self) -> String {
        format!("{}\n{}", self.address, String::from_utf8_lossy(&self.body))
    }
}

/// The body of a read, filled in.
#[derive(Clone)]
pub(super) enum FilledBody {
    None,
    Text(String),
    Tree(Value),
}

/// The names that a body may use.
struct WindowScope<'t>(&'t WindowTexts);

impl Scope for WindowScope<'_> {
    fn lookup(&self, name: &str) -> Option<Value> {
        match name {
            "from" => Some(Value::from(self.0.local[0].as_str())),
            "until" => Some(Value::from(self.0.local[1].as_str())),
            "day" => Some(Value::from(self.0.day.as_str())),
            _ => None,
        }
    }

    fn row(&self) -> Value {
        Value::Null
    }
}

impl FilledBody {
    /// Fills in the window.
    ///
    /// # Errors
    /// When a template fails.
    pub(super) fn of(body: Option<&ReadBody>, texts: &WindowTexts) -> Result<Self, SourceError> {
        let failed = |error: String| never(format!("the source's `body` can't be filled in: {error}")).at("body");
        match body {
            None => Ok(Self::None),
            Some(ReadBody::Text(template)) => match template.render(&WindowScope(texts)) {
                Ok(Value::String(text)) => Ok(Self::Text(text)),
                Ok(other) => Ok(Self::Text(other.to_string())),
                Err(error) => Err(failed(error.0)),
            },
            Some(ReadBody::Tree(tree)) => {
                let filled = tree.render(&WindowScope(texts)).map_err(|error| failed(error.0))?;
                filled.to_value().map(Self::Tree).map_err(|error| failed(error.to_string()))
            }
        }
    }

    /// The `Content-Type` to send when the schedule's headers set none.
    pub(super) fn content_type(&self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::Tree(_) => Some("application/json"),
            Self::Text(text) => Some(match text.trim_start().as_bytes().first() {
                Some(b'{' | b'[') => "application/json",
                Some(b'<') => "application/xml; charset=utf-8",
                Some(_) | None => "application/x-www-form-urlencoded",
            }),
        }
    }

    fn bytes(&self) -> Bytes {
        match self {
            Self::None => Bytes::new(),
            Self::Text(text) => Bytes::from(text.clone()),
            Self::Tree(tree) => Bytes::from(tree.to_string()),
        }
    }

    /// The request for the next page; `last` is the address of the page before it, against which links are resolved. A
    /// parameter that begins with a slash is a JSON pointer into the body.
    ///
    /// # Errors
    /// When a link leads away from the source, or the body has no such place.
    pub(super) fn request(
        &self,
        method: ReadMethod,
        last: &Url,
        (next, page): (&Next, usize),
    ) -> Result<PageRequest, SourceError> {
        let (address, body) = match next {
            Next::End => (last.clone(), self.bytes()),
            Next::Parameter(place, value) if place.starts_with('/') => (last.clone(), self.with(place, value)?),
            Next::Parameter(name, value) => (address::with_parameter(last, name, value), self.bytes()),
            Next::Link(link) => {
                let followed = address::follow(last, link)
                    .map_err(|reason| never(format!("the link from page {page} to the next isn't followed: {reason}")));
                (followed?, self.bytes())
            }
        };
        Ok(PageRequest { address, body, method })
    }

    /// The body with `value` at the JSON pointer `place`: as a number if it is one, unless the body has a text there.
    fn with(&self, place: &str, value: &str) -> Result<Bytes, SourceError> {
        let no_place = || never(format!("the source's `body` has no place `{place}` for the next page")).at("body");
        let Self::Tree(tree) = self else { return Err(no_place()) };
        let mut tree = tree.clone();
        let (outer, name) = place.rsplit_once('/').ok_or_else(no_place)?;
        let name = name.replace("~1", "/").replace("~0", "~");
        let outer = tree.pointer_mut(outer).and_then(Value::as_object_mut).ok_or_else(no_place)?;
        let is_text = outer.get(&name).is_some_and(Value::is_string);
        let number = value.parse::<i64>().ok().filter(|_| !is_text);
        outer.insert(name, number.map_or_else(|| Value::from(value), Value::from));
        Ok(Bytes::from(tree.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_next_page_is_asked_for_in_the_body_where_the_parameter_is_a_place() {
        let here: Url = "https://x.test/graphql".parse().expect("a URL");
        let body = FilledBody::Tree(json!({"query": "q", "variables": {"first": 2, "after": null, "page": "1"}}));
        for (place, value, wanted) in [
            ("/variables/after", "abc", json!({"first": 2, "after": "abc", "page": "1"})),
            ("/variables/first", "3", json!({"first": 3, "after": null, "page": "1"})),
            ("/variables/page", "2", json!({"first": 2, "after": null, "page": "2"})),
            ("/variables/skip", "40", json!({"first": 2, "after": null, "page": "1", "skip": 40})),
        ] {
            let ask = body
                .request(ReadMethod::Post, &here, (&Next::Parameter(place.into(), value.into()), 2))
                .expect("an ask");
            let sent: Value = serde_json::from_slice(&ask.body).expect("JSON");
            assert_eq!((ask.address.as_str(), &sent["variables"]), ("https://x.test/graphql", &wanted), "{place}");
        }
        assert!(
            body.request(ReadMethod::Post, &here, (&Next::Parameter("/none/at/all".into(), "1".into()), 2)).is_err()
        );
        let ask =
            body.request(ReadMethod::Post, &here, (&Next::Parameter("page".into(), "2".into()), 2)).expect("an ask");
        assert_eq!(ask.address.as_str(), "https://x.test/graphql?page=2");
    }

    #[test]
    fn a_body_says_what_it_is() {
        for (text, wanted) in [
            ("{\"a\":1}", "application/json"),
            ("a=1&b=2", "application/x-www-form-urlencoded"),
            (" <?xml version=\"1.0\"?>", "application/xml; charset=utf-8"),
        ] {
            assert_eq!(FilledBody::Text(text.into()).content_type(), Some(wanted), "{text}");
        }
        assert_eq!(FilledBody::None.content_type(), None);
    }
}
