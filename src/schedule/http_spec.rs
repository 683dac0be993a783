//! pure: `[source.http]`, checked: what is asked, how, and where the rows are in the answer.

use jiff::SignedDuration;

use super::FormatSpec;
use crate::row::{JsonPlace, PathColumn};
use crate::settings::{SecretRef, TextOrSecret};
use crate::template::{PayloadTemplate, Template};

/// Where the rows of a JSON text are.
#[derive(Debug, Clone, Default)]
pub struct JsonShape {
    /// The array; empty: the text itself.
    pub items: JsonPlace,
    /// Whether the sender leaves the array out on an empty day.
    pub items_optional: bool,
    /// The list inside an item whose elements are the rows.
    pub each: Option<JsonPlace>,
    /// The columns in use that are JSONPaths.
    pub columns: Vec<PathColumn>,
}

impl JsonShape {
    /// Whether anything is found by a path, so that the columns in use are not known by name while the text is read.
    #[must_use]
    pub fn has_paths(&self) -> bool {
        self.needs_tree() || self.each.is_some() || !self.columns.is_empty()
    }

    /// Whether rows are found only in the whole text.
    #[must_use]
    pub fn needs_tree(&self) -> bool {
        self.items.pointer().is_none()
    }
}

/// The method of a read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ReadMethod {
    /// `GET`.
    #[default]
    Get,
    /// `POST`: searches, GraphQL.
    Post,
    /// `REPORT`: calendars by CalDAV (RFC 4791).
    Report,
}

/// What a read sends along.
#[derive(Debug, Clone)]
pub enum ReadBody {
    /// A text, filled in.
    Text(Template),
    /// A tree, sent as JSON.
    Tree(PayloadTemplate),
}

/// `[source.http]`.
#[derive(Debug, Clone)]
pub struct HttpSpec {
    /// A template text (with `{{ from }}` …), or a secret holding one.
    pub url: TextOrSecret,
    /// What the body is. Text tables have automatic encoding and delimiter.
    pub format: FormatSpec,
    /// How it is asked.
    pub method: ReadMethod,
    /// What the request carries.
    pub body: Option<ReadBody>,
    /// Names and values.
    pub headers: Vec<(String, TextOrSecret)>,
    /// For one page.
    pub timeout: SignedDuration,
    /// Of one page, decoded.
    pub max_bytes: usize,
    /// `[source.http.auth]`.
    pub auth: Option<HttpAuth>,
    /// `[source.http.paging]`.
    pub paging: Option<Paging>,
    /// Hosts other than the source's own to which it may redirect: `docs.example.com`, `*.example.com`.
    pub allow_redirect_to: Vec<String>,
}

/// `[source.http.auth]`.
#[derive(Debug, Clone)]
pub enum HttpAuth {
    /// `Authorization: Bearer …`.
    Bearer(SecretRef),
    /// `Authorization: Basic …`.
    Basic {
        /// The user.
        user: TextOrSecret,
        /// The password.
        password: SecretRef,
    },
}

/// `[source.http.paging]`.
#[derive(Debug, Clone)]
pub enum Paging {
    /// `parameter=start`, `start+1`, … until an empty page.
    Page {
        /// The query parameter; `/a/b`: a place in the body.
        parameter: String,
        /// The first page's number.
        start: i64,
        /// A full page's length.
        size: usize,
    },
    /// `parameter=0`, then the rows received so far, … until an empty page.
    Offset {
        /// The query parameter; `/a/b`: a place in the body.
        parameter: String,
        /// A full page's length.
        size: usize,
    },
    /// `parameter=` what the last page had at `at`, until that is null, empty or missing.
    Cursor {
        /// The query parameter; `/a/b`: a place in the body.
        parameter: String,
        /// Where it stands in a page.
        at: JsonPlace,
    },
    /// The next page's URL is at `at`; same origin only.
    Next {
        /// Where it stands in a page.
        at: JsonPlace,
    },
    /// `Link: <…>; rel="next"`.
    LinkHeader,
}
