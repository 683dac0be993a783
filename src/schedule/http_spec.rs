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
    /// `[join.NAME]` with `items`.
    pub joins: Vec<AnswerJoin>,
    /// Whether any number may become an id or an address, and so keeps every digit that is written.
    pub keeps_digits: bool,
}

/// An object of the same answer, put into each row that has its key.
#[derive(Debug, Clone)]
pub struct AnswerJoin {
    /// Under this name.
    pub name: String,
    /// Where the objects are.
    pub items: JsonPlace,
    /// The row's column with the key: a name, a path with dots, or a place.
    pub column: String,
    /// Where an object has its key.
    pub at: String,
}

/// An object that is fetched for each distinct address of the rows in the window.
#[derive(Debug, Clone)]
pub struct AddressJoin {
    /// Under this name.
    pub name: String,
    /// The address, absolute or relative to the source's.
    pub address: Vec<AddressPiece>,
}

/// A part of an address.
#[derive(Debug, Clone)]
pub enum AddressPiece {
    /// The text as it is written.
    Literal(String),
    /// A value of the row, percent-encoded; alone it is the whole address.
    Value(Template),
}

impl JsonShape {
    /// Whether anything is found by a path, so that the columns in use are not known by name while the text is read.
    #[must_use]
    pub fn has_paths(&self) -> bool {
        self.keeps_digits || self.needs_tree() || self.each.is_some() || !self.columns.is_empty()
    }

    /// Whether each item is one row and its columns are names or paths with dots.
    #[must_use]
    pub fn has_plain_rows(&self) -> bool {
        self.each.is_none() && self.columns.is_empty()
    }

    /// Whether rows are found only in the whole text.
    #[must_use]
    pub fn needs_tree(&self) -> bool {
        self.items.pointer().is_none() || !self.joins.is_empty()
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
    /// The maximum time for one page.
    pub timeout: SignedDuration,
    /// The maximum size of one page, decoded.
    pub max_bytes: usize,
    /// `[source.http.auth]`.
    pub auth: Option<HttpAuth>,
    /// `[source.http.paging]`.
    pub paging: Option<Paging>,
    /// `[join.NAME]` with `url`.
    pub joins: Vec<AddressJoin>,
    /// Hosts other than the source's own to which it may redirect: `docs.example.com`, `*.example.com`.
    pub allow_redirect_to: Vec<String>,
}

impl HttpSpec {
    /// The names of everything that is joined.
    pub fn join_names(&self) -> impl Iterator<Item = &str> {
        let of_answer = match &self.format {
            FormatSpec::Json(shape) => shape.joins.as_slice(),
            FormatSpec::Csv(_) | FormatSpec::Workbook(_) | FormatSpec::Calendar(_) => &[],
        };
        self.joins.iter().map(|join| join.name.as_str()).chain(of_answer.iter().map(|join| join.name.as_str()))
    }
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
    /// A token that is fetched first.
    OAuth2(Box<OAuth2Spec>),
}

/// `[source.http.auth.oauth2]`.
#[derive(Debug, Clone)]
pub struct OAuth2Spec {
    /// Where tokens are given.
    pub token_url: TextOrSecret,
    /// Who asks.
    pub client_id: TextOrSecret,
    /// Proves it.
    pub client_secret: Option<SecretRef>,
    /// Or this: the key (PEM) by which an assertion is signed.
    pub private_key: Option<SecretRef>,
    /// What is asked for.
    pub scope: Option<String>,
    /// Where one is given, it is what is exchanged for a token.
    pub refresh_token: Option<SecretRef>,
}

impl OAuth2Spec {
    /// Everything that proves who asks.
    pub fn secrets(&self) -> impl Iterator<Item = &SecretRef> {
        [&self.client_secret, &self.private_key, &self.refresh_token].into_iter().flatten()
    }
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
