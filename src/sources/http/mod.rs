//! shell: an HTTP API: its pages, all or none. Links and redirects stay on the source's origin, and so do its headers.

use std::collections::HashSet;

use base64::Engine as _;
use bytes::Bytes;
use reqwest::Method;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use sha2::{Digest, Sha256};
use url::Url;

pub use address::fill;

use super::{Again, ReadReport, ReadWindow, Source, SourceError, SourceTools, WindowTexts};
use crate::formats::FormatError;
use crate::formats::csv::{self, Table};
use crate::formats::json::{self, Places};
use crate::http::{Answer, Ask};
use crate::row::{Record, RecordSink};
use crate::schedule::{CsvDialect, HttpAuth, HttpFormat, HttpSpec, Paging};
use crate::settings::TextOrSecret;
use crate::zones::Zone;

mod address;
mod answers;

/// More pages than that are a loop, or no appointment list.
const MAX_PAGES: usize = 10_000;
/// Decoded bytes of all pages together.
const MAX_TOTAL: usize = 1 << 30;
/// Redirects of one request.
const MAX_REDIRECTS: u32 = 3;

/// The dialect of tables that come by HTTP: everything automatic.
const AUTOMATIC: CsvDialect = CsvDialect { encoding: None, delimiter: None, header_row: 1 };

/// `[source.http]`.
#[derive(Debug)]
pub struct Api {
    spec: HttpSpec,
    mapped: Vec<String>,
    zone: Option<Zone>,
    tools: SourceTools,
}

/// One page, parsed.
struct Page {
    rows: u64,
    /// The value at the paging's place, for cursors and next links.
    onward: Option<Value>,
    is_stopped: bool,
    hash: [u8; 32],
}

/// What a read remembers from page to page.
struct Progress {
    pages: usize,
    rows: u64,
    bytes: usize,
    seen: HashSet<String>,
    last_hash: Option<[u8; 32]>,
    hash: Sha256,
}

impl Api {
    /// An API whose tables, when it answers with tables, must have the `mapped` columns.
    #[must_use]
    pub fn new(spec: HttpSpec, mapped: Vec<String>, zone: Zone, tools: SourceTools) -> Self {
        Self { spec, mapped, zone: Some(zone), tools }
    }

    /// An API that is read by [`Api::read_window`] alone.
    #[must_use]
    pub fn without_zone(spec: HttpSpec, mapped: Vec<String>, tools: SourceTools) -> Self {
        Self { spec, mapped, zone: None, tools }
    }

    /// As [`Source::read`], with the window already written out.
    ///
    /// # Errors
    /// As [`SourceError`] says; no message holds an address, which may be a secret.
    pub fn read_window(&self, texts: &WindowTexts, sink: &mut dyn RecordSink) -> Result<ReadReport, SourceError> {
        self.tools.runtime.clone().block_on(self.read_pages(texts, sink))
    }

    async fn read_pages(&self, texts: &WindowTexts, sink: &mut dyn RecordSink) -> Result<ReadReport, SourceError> {
        let first = self.first_address(texts)?;
        let headers = self.headers(&first)?;
        let mut progress = Progress::new();
        let mut next = Some(self.first_page(without_login(&first)));
        while let Some(address) = next {
            progress.begin_page(&address)?;
            let (address, answer) = self.fetch(address, &headers, progress.pages).await?;
            let page = self.parse(&answer, &mut progress, sink)?;
            if page.is_stopped {
                break;
            }
            next = self.next_page(&address, &answer, &page, &mut progress)?;
        }
        let fingerprint = progress.hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        Ok(ReadReport { columns: None, fingerprint })
    }

    fn secret(&self, value: &TextOrSecret) -> Result<SecretString, SourceError> {
        match value {
            TextOrSecret::Text(text) => Ok(text.clone().into()),
            TextOrSecret::Secret(place) => self.tools.secrets.resolve(place).map_err(|error| never(error.to_string())),
        }
    }

    fn first_address(&self, texts: &WindowTexts) -> Result<Url, SourceError> {
        let template = self.secret(&self.spec.url)?;
        let filled = fill(template.expose_secret(), texts).map_err(never)?;
        let address =
            Url::parse(&filled).map_err(|error| never(format!("the source's `url` is no address: {error}")))?;
        match address.scheme() {
            "http" | "https" => Ok(address),
            _ => Err(never("the source's `url` must begin with `https://` or `http://`")),
        }
    }

    /// The headers of every request, which go to the source's origin alone.
    fn headers(&self, address: &Url) -> Result<Vec<(String, SecretString)>, SourceError> {
        let mut headers = Vec::new();
        for (name, value) in &self.spec.headers {
            headers.push((name.clone(), self.secret(value)?));
        }
        if !self.spec.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("accept")) {
            let accept = match self.spec.format {
                HttpFormat::Json => "application/json",
                HttpFormat::Csv => "text/csv",
            };
            headers.push(("accept".to_owned(), accept.to_owned().into()));
        }
        if let Some(login) = self.authorization(address)? {
            headers.push(("authorization".to_owned(), login));
        }
        Ok(headers)
    }

    fn authorization(&self, address: &Url) -> Result<Option<SecretString>, SourceError> {
        let basic = |user: &str, password: &str| {
            let both = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
            Some(SecretString::from(format!("Basic {both}")))
        };
        let resolve = |place| self.secret(&TextOrSecret::Secret(place));
        Ok(match &self.spec.auth {
            Some(HttpAuth::Bearer(token)) => Some(format!("Bearer {}", resolve(token.clone())?.expose_secret()).into()),
            Some(HttpAuth::Basic { user, password }) => {
                basic(self.secret(user)?.expose_secret(), resolve(password.clone())?.expose_secret())
            }
            None if address.username().is_empty() && address.password().is_none() => None,
            None => basic(address.username(), address.password().unwrap_or("")),
        })
    }

    fn first_page(&self, address: Url) -> Url {
        match &self.spec.paging {
            Some(Paging::Page { parameter, start, .. }) => {
                address::with_parameter(&address, parameter, &start.to_string())
            }
            Some(Paging::Cursor { .. } | Paging::Next { .. } | Paging::LinkHeader) | None => address,
        }
    }

    /// Asks for one page, following redirects on the same origin by hand.
    async fn fetch(
        &self,
        mut address: Url,
        headers: &[(String, SecretString)],
        page: usize,
    ) -> Result<(Url, Answer), SourceError> {
        for _ in 0..=MAX_REDIRECTS {
            let ask = Ask {
                method: Method::GET,
                url: address.clone(),
                headers: headers.to_vec(),
                body: Bytes::new(),
                timeout: self.spec.timeout.unsigned_abs(),
                max_bytes: self.spec.max_bytes,
            };
            let answer = answers::answered(self.tools.http.send(ask).await, page)?;
            let location = answer.header("location").filter(|_| matches!(answer.status, 301 | 302 | 303 | 307 | 308));
            match location {
                None => return answers::accept(answer, page, &self.spec).map(|answer| (address, answer)),
                Some(location) => {
                    address = address::follow(&address, location)
                        .map_err(|reason| never(format!("page {page} is a redirect that isn't followed: {reason}")))?;
                }
            }
        }
        Err(never(format!("page {page} was redirected more than {MAX_REDIRECTS} times")))
    }

    fn parse(&self, answer: &Answer, progress: &mut Progress, sink: &mut dyn RecordSink) -> Result<Page, SourceError> {
        progress.bytes += answer.body.len();
        if progress.bytes > MAX_TOTAL {
            return Err(never(format!("the source answers with more than {MAX_TOTAL} bytes")));
        }
        progress.hash.update(&answer.body);
        let page = match self.spec.format {
            HttpFormat::Json => self.parse_json(&answer.body, progress.rows, sink),
            HttpFormat::Csv => self.parse_csv(&answer.body, progress.rows, sink),
        };
        let page =
            page.map_err(|error| SourceError::of_format(&format!("the source's page {}", progress.pages), &error))?;
        progress.rows += page.rows;
        Ok(page)
    }

    fn parse_json(&self, body: &[u8], rows: u64, sink: &mut dyn RecordSink) -> Result<Page, FormatError> {
        let at = match &self.spec.paging {
            Some(Paging::Cursor { at, .. } | Paging::Next { at }) => at.as_str(),
            Some(Paging::Page { .. } | Paging::LinkHeader) | None => "/error",
        };
        let places = Places { items: &self.spec.items, beside: &["/error", "/errors", at] };
        let report = json::read(body, &places, rows + 1, sink)?;
        let says_error = |value: &Option<Value>| value.as_ref().is_some_and(|value| !is_nothing(value));
        if report.beside[..2].iter().any(says_error) {
            return Err(FormatError::wrong("the answer has an `error` beside its rows: it is no whole answer"));
        }
        let onward = report.beside.into_iter().nth(2).flatten();
        Ok(Page { rows: report.rows, onward, is_stopped: report.is_stopped, hash: Sha256::digest(body).into() })
    }

    fn parse_csv(&self, body: &[u8], rows: u64, sink: &mut dyn RecordSink) -> Result<Page, FormatError> {
        let table = Table { dialect: &AUTOMATIC, mapped: &self.mapped };
        let mut onward = Onward { sink, before: rows, is_stopped: false };
        let report = csv::read(body, &table, &mut onward)?;
        let is_stopped = onward.is_stopped;
        Ok(Page { rows: report.rows, onward: None, is_stopped, hash: Sha256::digest(body).into() })
    }

    /// Where the next page is; `None` after the last.
    fn next_page(
        &self,
        here: &Url,
        answer: &Answer,
        page: &Page,
        progress: &mut Progress,
    ) -> Result<Option<Url>, SourceError> {
        let repeats = progress.last_hash.replace(page.hash) == Some(page.hash);
        match &self.spec.paging {
            None => Ok(None),
            Some(Paging::Page { size, .. }) if page.rows < *size as u64 => Ok(None),
            Some(Paging::Page { .. }) if repeats => Err(page_loop(progress.pages)),
            Some(Paging::Page { parameter, start, .. }) => {
                let number = start.saturating_add_unsigned(progress.pages as u64);
                Ok(Some(address::with_parameter(here, parameter, &number.to_string())))
            }
            Some(Paging::Cursor { parameter, .. }) => {
                let cursor = onward_text(page.onward.as_ref())?;
                Ok(cursor.map(|cursor| address::with_parameter(here, parameter, &cursor)))
            }
            Some(Paging::Next { .. }) => {
                onward_text(page.onward.as_ref())?.map(|link| next_address(here, &link, progress.pages)).transpose()
            }
            Some(Paging::LinkHeader) => {
                let lines = answer.headers.iter().filter(|(name, _)| name == "link").map(|(_, value)| value.as_str());
                address::next_link(lines).map(|link| next_address(here, link, progress.pages)).transpose()
            }
        }
    }
}

impl Source for Api {
    fn read(&self, window: &ReadWindow, sink: &mut dyn RecordSink) -> Result<ReadReport, SourceError> {
        let zone = self.zone.as_ref().ok_or_else(|| never("this source was opened without a zone"))?;
        self.read_window(&WindowTexts::new(window, zone), sink)
    }

    fn columns(&self) -> Result<Option<Vec<String>>, SourceError> {
        Ok(None)
    }
}

impl Progress {
    fn new() -> Self {
        Self { pages: 0, rows: 0, bytes: 0, seen: HashSet::new(), last_hash: None, hash: Sha256::new() }
    }

    fn begin_page(&mut self, address: &Url) -> Result<(), SourceError> {
        self.pages += 1;
        if self.pages > MAX_PAGES {
            return Err(never(format!("the source has more than {MAX_PAGES} pages")));
        }
        if !self.seen.insert(address.as_str().to_owned()) {
            return Err(page_loop(self.pages));
        }
        Ok(())
    }
}

/// Numbers the rows of later tables on from the earlier ones'.
struct Onward<'s> {
    sink: &'s mut dyn RecordSink,
    before: u64,
    is_stopped: bool,
}

impl RecordSink for Onward<'_> {
    fn record(&mut self, number: u64, record: Record<'_>) -> std::ops::ControlFlow<()> {
        let flow = self.sink.record(self.before + number, record);
        self.is_stopped = flow.is_break();
        flow
    }
}

fn never(message: impl Into<String>) -> SourceError {
    SourceError::new(Again::Never, message)
}

fn page_loop(page: usize) -> SourceError {
    never(format!("the pages go round in a circle: page {page} was already read; look at `[source.http.paging]`"))
}

fn next_address(here: &Url, link: &str, page: usize) -> Result<Url, SourceError> {
    address::follow(here, link)
        .map_err(|reason| never(format!("the link from page {page} to the next isn't followed: {reason}")))
}

fn without_login(address: &Url) -> Url {
    let mut plain = address.clone();
    let _cleared = (plain.set_username(""), plain.set_password(None));
    plain.set_fragment(None);
    plain
}

/// A cursor or a link as text; `None` when there is no next page.
fn onward_text(value: Option<&Value>) -> Result<Option<String>, SourceError> {
    match value {
        None | Some(Value::Null | Value::Bool(false)) => Ok(None),
        Some(Value::String(text)) => Ok((!text.is_empty()).then(|| text.clone())),
        Some(Value::Number(number)) => Ok(Some(number.to_string())),
        Some(Value::Bool(true) | Value::Array(_) | Value::Object(_)) => {
            Err(never("the paging's `at` leads to something that is neither text nor number"))
        }
    }
}

/// Whether an `error` field says that there was none.
fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(tree) => tree.is_empty(),
        Value::Number(number) => number.as_i64() == Some(0),
        Value::Bool(true) => false,
    }
}
