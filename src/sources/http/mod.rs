//! shell: reads an HTTP API page by page; when one page fails, the whole read fails. The source's headers are sent to its own
//! origin only, and links to later pages must stay on it.

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::sync::Arc;

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};
use url::Url;

pub use address::fill;
pub use login::Login;

use super::{ReadReport, ReadWindow, RepeatRead, Source, SourceError, SourceTools, WindowTexts};
use crate::formats::{self, FormatAsk, FormatReport, Wanted};
use crate::http::HttpResponse;
use crate::row::{Column, Record, RecordSink};
use crate::schedule::{FormatSpec, HttpSpec, Paging, ReadLimits};
use crate::zones::Zone;

pub(super) use joins::JoinRows;
pub use kept::KeptAnswers;

use ahead::{FetchedPage, PageFetches};
use joins::WaitingRows;
use page_request::{FilledBody, PageRequest};
use paging::{Mark, Next, PAGING_LOOP, Page, PageCheck, Pages};
use presence::Presence;
use repetition::{FirstRows, HashedRows};
use request::{Fetched, Fetcher};
use signs::Signs;

mod address;
mod ahead;
mod answers;
mod joins;
mod kept;
mod login;
mod oauth;
mod page_request;
mod paging;
mod presence;
mod repetition;
mod request;
mod signs;

/// Maximum decoded bytes of all pages together.
const MAX_TOTAL: usize = 1 << 30;

/// `[source.http]`.
#[derive(Debug)]
pub struct Api {
    spec: Arc<HttpSpec>,
    wanted: Wanted,
    alternatives: Vec<Column>,
    zone: Zone,
    limits: ReadLimits,
    tools: SourceTools,
    /// Decides which rows are joined; `None` when the schedule has no `[join]`.
    join_rows: Option<JoinRows>,
}

/// The state of one read.
struct PagedRead<'r> {
    window: &'r ReadWindow,
    pages: Pages<'r>,
    /// The requests that were sent, by [`PageRequest::key`]: a second one means that the paging loops.
    requested: HashSet<String>,
    /// The scheme (`http`, `https`) of the address that returned the current page.
    scheme: String,
    bytes: usize,
    /// The hash of the bodies so far.
    hash: Sha256,
    /// The first rows of the numbered pages so far.
    first_rows: FirstRows,
    /// The earliest time at which a page was last changed, according to its headers (UTC).
    as_of: Option<Timestamp>,
}

impl Api {
    /// A source that reads the `wanted` columns; `{{ from }}` and `{{ until }}` are written as wall-clock times of `zone`.
    #[must_use]
    pub fn new(spec: HttpSpec, wanted: Wanted, zone: Zone, limits: ReadLimits, tools: SourceTools) -> Self {
        Self { spec: Arc::new(spec), wanted, alternatives: Vec::new(), zone, limits, tools, join_rows: None }
    }

    /// Sets the mapped columns that stand in for each other (several phone columns): one of them has to appear in the rows.
    #[must_use]
    pub fn with_alternatives(self, alternatives: Vec<Column>) -> Self {
        Self { alternatives, ..self }
    }

    /// Sets which rows are joined.
    #[must_use]
    pub(super) fn with_join_rows(self, rows: JoinRows) -> Self {
        Self { join_rows: Some(rows), ..self }
    }

    fn read_checked(&self, window: &ReadWindow, sink: &mut dyn RecordSink) -> Result<ReadReport, SourceError> {
        let runtime = self.tools.runtime.clone();
        // the other formats name their columns; in JSON the rows have to show which ones exist
        if !matches!(self.spec.format, FormatSpec::Json(_)) {
            return runtime.block_on(self.read_pages(window, sink));
        }
        let mut presence = Presence::new(&self.wanted.mapped, &self.alternatives, sink);
        let report = runtime.block_on(self.read_joined(window, &mut presence))?;
        match presence.missing() {
            None => Ok(report),
            Some(column) => Err(never(format!(
                "no row has `{column}`: check the names of the columns in `[appointment]`, and `items`"
            ))
            .at("items")),
        }
    }

    /// Reads the pages, then fetches what `[join]` adds to their rows.
    async fn read_joined(&self, window: &ReadWindow, sink: &mut dyn RecordSink) -> Result<ReadReport, SourceError> {
        let Some(rows) = self.join_rows.as_ref().filter(|_| !self.spec.joins.is_empty()) else {
            return self.read_pages(window, sink).await;
        };
        let first = self.first_address(&WindowTexts::new(window, &self.zone))?;
        let stop_at = self.tools.http.clock().monotonic() + self.limits.deadline.unsigned_abs();
        let mut waiting = WaitingRows::new(sink, &self.spec.joins, rows, (window, without_login(&first)));
        let report = self.read_pages(window, &mut waiting).await?;
        let headers = self.headers(&first, &FilledBody::None).await?;
        self.join(waiting, &headers, stop_at).await?;
        Ok(report)
    }

    async fn read_pages(&self, window: &ReadWindow, sink: &mut dyn RecordSink) -> Result<ReadReport, SourceError> {
        let texts = WindowTexts::new(window, &self.zone);
        let first = self.first_address(&texts)?;
        let body = FilledBody::of(self.spec.body.as_ref(), &texts)?;
        let headers = self.headers(&first, &body).await?;
        let stop_at = self.tools.http.clock().monotonic() + self.limits.deadline.unsigned_abs();
        let mut reading = PagedRead {
            window,
            pages: Pages::new(self.spec.paging.as_ref()),
            requested: HashSet::new(),
            scheme: first.scheme().to_owned(),
            bytes: 0,
            hash: Sha256::new(),
            first_rows: FirstRows::default(),
            as_of: None,
        };
        let mut last_address = without_login(&first);
        let mut next = reading.pages.first();
        let mut fetches = PageFetches::new(self.fetcher(), headers, self.tools.runtime.clone(), stop_at);
        loop {
            let request = body.request(self.spec.method, &last_address, (&next, reading.pages.number))?;
            reading.begin_page(&request)?;
            let FetchedPage { answer, hash } = fetches.fetch(request, reading.pages.number, &reading.hash).await?;
            reading.hash = hash;
            let answer = match answer {
                Fetched::Page(address, answer) => {
                    address.scheme().clone_into(&mut reading.scheme);
                    last_address = address;
                    answer
                }
                Fetched::Missing if reading.pages.may_be_missing() => {
                    reading.pages.missing();
                    break;
                }
                Fetched::Missing => {
                    let page = reading.pages.number;
                    return Err(never(format!("the source answered page {page} with 404")));
                }
            };
            if let Some(following) = reading.pages.next_if_filled().filter(|_| ahead::is_worth_it(&self.spec, &answer))
            {
                let number = reading.pages.number + 1;
                let request = body.request(self.spec.method, &last_address, (&following, number))?;
                fetches.begin(request, number, &reading.hash);
            }
            match self.use_page(&answer, &mut reading, sink)? {
                ControlFlow::Continue(Next::End) => break,
                ControlFlow::Continue(step) => next = step,
                ControlFlow::Break(()) => return Ok(reading.report()),
            }
        }
        reading.pages.end()?;
        Ok(reading.report())
    }

    /// Passes a page's rows to the sink unless the page repeats the one before; `Break` when the sink needs no more rows.
    fn use_page(
        &self,
        answer: &HttpResponse,
        reading: &mut PagedRead<'_>,
        sink: &mut dyn RecordSink,
    ) -> Result<ControlFlow<(), Next>, SourceError> {
        reading.bytes += answer.body.len();
        if reading.bytes > MAX_TOTAL {
            return Err(never(format!("the source answers with more than {MAX_TOTAL} bytes")));
        }
        reading.as_of = [reading.as_of, answers::changed_at(answer, reading.window.now)].into_iter().flatten().min();
        if reading.pages.is_numbered() {
            return self.use_numbered_page(answer, reading, sink);
        }
        let (page, is_stopped) = self.parse_page(answer, reading, sink)?;
        if is_stopped {
            return Ok(ControlFlow::Break(()));
        }
        reading.pages.after(page).map(ControlFlow::Continue)
    }

    /// Like [`Api::use_page`], for a page that may have the rows of an earlier one.
    fn use_numbered_page(
        &self,
        answer: &HttpResponse,
        reading: &mut PagedRead<'_>,
        sink: &mut dyn RecordSink,
    ) -> Result<ControlFlow<(), Next>, SourceError> {
        let mut rows = HashedRows::unless_seen(&reading.first_rows, &mut *sink);
        let (mut page, mut is_stopped) = self.parse_page(answer, reading, &mut rows)?;
        let (mut hash, first, is_used) = (rows.all(), rows.first(), !rows.begins_like_another());
        if !is_used {
            // whether the page is a repetition must be known before any row is used
            let mut rows = HashedRows::alone(&reading.first_rows);
            page = self.parse_page(answer, reading, &mut rows)?.0;
            hash = rows.all();
        }
        reading.first_rows.add(first);
        if is_used && is_stopped {
            return Ok(ControlFlow::Break(()));
        }
        match reading.pages.check_repetition(hash, &page)? {
            PageCheck::New => {}
            PageCheck::Repeated => return Ok(ControlFlow::Continue(reading.pages.skip_repeated(page))),
            PageCheck::End => {
                let _no_further_page = reading.pages.skip_repeated(page);
                return Ok(ControlFlow::Continue(Next::End));
            }
        }
        if !is_used {
            (page, is_stopped) = self.parse_page(answer, reading, sink)?;
            if is_stopped {
                return Ok(ControlFlow::Break(()));
            }
        }
        reading.pages.after(page).map(ControlFlow::Continue)
    }

    fn fetcher(&self) -> Fetcher {
        Fetcher {
            spec: Arc::clone(&self.spec),
            limits: self.limits,
            http: self.tools.http.clone(),
            kept: self.tools.answers.clone(),
        }
    }

    /// Parses a page into the sink; returns also whether the sink stopped the read.
    fn parse_page(
        &self,
        answer: &HttpResponse,
        reading: &PagedRead<'_>,
        sink: &mut dyn RecordSink,
    ) -> Result<(Page, bool), SourceError> {
        let number = reading.pages.number;
        let at = match &self.spec.paging {
            Some(Paging::Cursor { at, .. } | Paging::Next { at }) => vec![at],
            Some(Paging::Page { .. } | Paging::Offset { .. } | Paging::LinkHeader) | None => Vec::new(),
        };
        let wanted = self.wanted_in(answer, &reading.scheme);
        let ask = FormatAsk { wanted: &wanted, window: reading.window, first_row: reading.pages.rows + 1, places: &at };
        let mut numbered = ContinuedNumbers { sink, before: reading.pages.rows, format: &self.spec.format };
        let report = formats::read(&self.spec.format, &answer.body.as_ref(), &ask, &mut numbered)
            .map_err(|error| SourceError::of_format(&format!("the source's page {number}"), &error))?;
        let signs = Signs::of(&report.around, &answer.headers);
        if !report.is_stopped {
            self.check_for_rows(&report, &signs, number)?;
        }
        let links = answer.headers.iter().filter(|(name, _)| name == "link").map(|(_, value)| value.as_str());
        let mark = report.marks.into_iter().next().flatten();
        let page = Page {
            rows: report.rows,
            mark: mark.map_or(Mark::Missing, Mark::There),
            next_link: address::next_link(links).map(str::to_owned),
            signs,
        };
        Ok((page, report.is_stopped))
    }

    /// The wanted columns for this answer. An incomplete last line proves that a text was cut only where the transport can't
    /// prove the opposite: a length, chunks and TLS each report a cut connection. (The scheme is checked because decompression
    /// has removed `content-length`.)
    fn wanted_in(&self, answer: &HttpResponse, scheme: &str) -> Wanted {
        let has = |name: &str| answer.header(name).is_some();
        let is_delimited = has("content-length") || has("transfer-encoding") || scheme == "https";
        let cut_matters = if is_delimited { Vec::new() } else { self.wanted.cut_matters.clone() };
        Wanted { cut_matters, ..self.wanted.clone() }
    }

    /// Fails when the answer reports an error, or when the place where its rows should be is missing.
    fn check_for_rows(&self, report: &FormatReport, signs: &Signs, number: usize) -> Result<(), SourceError> {
        if signs.has_error && report.has_rows_place {
            return Err(never(format!(
                "the source's page {number}: the answer has an `error` next to its rows, so rows may be missing"
            )));
        }
        if let Some(failed) = signs.failed.as_ref().filter(|_| report.rows == 0) {
            return Err(never(format!("the source's page {number} has no rows and says that it failed: {failed}")));
        }
        let FormatSpec::Json(shape) = &self.spec.format else { return Ok(()) };
        let may_lack_rows = !signs.has_error && (shape.items_optional || signs.says_empty());
        if report.has_rows_place || may_lack_rows {
            return Ok(());
        }
        let error = formats::json::nothing_there(shape.items.as_str());
        Err(SourceError::of_format(&format!("the source's page {number}"), &error).at("items"))
    }
}

impl Source for Api {
    fn read(&self, window: &ReadWindow, sink: &mut dyn RecordSink) -> Result<ReadReport, SourceError> {
        // a read that failed trusts nothing that was kept
        self.read_checked(window, sink).inspect_err(|_| self.tools.answers.clear())
    }

    fn columns(&self) -> Result<Option<Vec<String>>, SourceError> {
        Ok(None)
    }
}

impl PagedRead<'_> {
    fn begin_page(&mut self, request: &PageRequest) -> Result<(), SourceError> {
        self.pages.begin()?;
        if !self.requested.insert(request.key()) {
            let page = self.pages.number;
            return Err(never(format!(
                "{PAGING_LOOP}: the request for page {page} was already sent; check `[source.http.paging]`"
            )));
        }
        Ok(())
    }

    fn report(self) -> ReadReport {
        let fingerprint = self.hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        let as_of = self.as_of;
        ReadReport { columns: None, as_of, fingerprint, notes: self.pages.notes, hints: self.pages.hints }
    }
}

/// Adds the rows of earlier pages to the row numbers of tables, which begin at 1 on each page.
struct ContinuedNumbers<'s> {
    sink: &'s mut dyn RecordSink,
    before: u64,
    format: &'s FormatSpec,
}

impl RecordSink for ContinuedNumbers<'_> {
    fn record(&mut self, number: u64, record: Record<'_>) -> ControlFlow<()> {
        let before = match self.format {
            FormatSpec::Csv(_) | FormatSpec::Workbook(_) | FormatSpec::Calendar(_) => self.before,
            FormatSpec::Json(_) => 0,
        };
        self.sink.record(before + number, record)
    }
}

fn never(message: impl AsRef<str>) -> SourceError {
    SourceError::new(RepeatRead::Never, message)
}

fn without_login(address: &Url) -> Url {
    let mut plain = address.clone();
    let _cleared = (plain.set_username(""), plain.set_password(None));
    plain.set_fragment(None);
    plain
}
