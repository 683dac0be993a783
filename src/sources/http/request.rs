//! shell: fetches one page: sets its headers, follows redirects, and keeps to the read's deadline.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use reqwest::Method;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::address::{self, Redirect};
use super::kept::{ConditionalAnswer, KeptAnswers};
use super::login::Login;
use super::page_request::{FilledBody, PageRequest};
use super::{Api, answers, fill, never};
use crate::http::{BodyEnd, Http, HttpRequest, HttpResponse};
use crate::schedule::{FormatSpec, HttpSpec, ReadLimits, ReadMethod};
use crate::settings::TextOrSecret;
use crate::sources::{SourceError, WindowTexts};

/// Maximum redirects of one request.
const MAX_REDIRECTS: u32 = 3;

/// Header names and values.
pub(super) type Headers = Vec<(String, SecretString)>;

/// The result of fetching a page.
pub(super) enum Fetched {
    /// An answer that may hold rows, and the address against which links to later pages are resolved.
    Page(Url, HttpResponse),
    /// The source answered with 404.
    Missing,
}

/// Fetches pages; cheap to clone, so that a page can be fetched while another one is used.
#[derive(Debug, Clone)]
pub(super) struct Fetcher {
    pub(super) spec: Arc<HttpSpec>,
    pub(super) limits: ReadLimits,
    pub(super) http: Http,
    pub(super) kept: KeptAnswers,
}

/// A request that was changed by the redirects so far.
struct RedirectedRequest {
    method: Method,
    address: Url,
    headers: Headers,
    body: Bytes,
}

impl Api {
    fn secret(&self, value: &TextOrSecret) -> Result<SecretString, SourceError> {
        match value {
            TextOrSecret::Text(text) => Ok(text.clone().into()),
            TextOrSecret::Secret(place) => self.tools.secrets.resolve(place).map_err(|error| never(error.to_string())),
        }
    }

    pub(super) fn first_address(&self, texts: &WindowTexts) -> Result<Url, SourceError> {
        let template = self.secret(&self.spec.url)?;
        let filled = fill(template.expose_secret(), texts).map_err(never)?;
        let address = Url::parse(&filled)
            .map_err(|error| never(format!("the source's `url` is not a valid address: {error}")))?;
        match address.scheme() {
            "http" | "https" => Ok(address),
            _ => Err(never("the source's `url` must begin with `https://` or `http://`")),
        }
    }

    /// The headers of every request to the source; other hosts never receive them.
    pub(super) async fn headers(&self, address: &Url, body: &FilledBody) -> Result<Headers, SourceError> {
        let mut headers = Vec::new();
        for (name, value) in &self.spec.headers {
            headers
                .push((name.clone(), self.tools.secrets.for_header(value).map_err(|error| never(error.to_string()))?));
        }
        let is_set = |wanted: &str| self.spec.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case(wanted));
        if !is_set("accept") {
            headers.push(accept(&self.spec));
        }
        if self.spec.method == ReadMethod::Report && !is_set("depth") {
            // CalDAV: depth 1 returns the calendar's events, depth 0 only its properties
            headers.push(("depth".to_owned(), "1".to_owned().into()));
        }
        if let Some(kind) = body.content_type().filter(|_| !is_set("content-type")) {
            headers.push(("content-type".to_owned(), kind.to_owned().into()));
        }
        if let Some(login) = self.login().authorization(self.spec.auth.as_ref(), address).await? {
            headers.push(("authorization".to_owned(), login));
        }
        Ok(headers)
    }

    fn login(&self) -> Login<'_> {
        let tools = &self.tools;
        Login { http: &tools.http, secrets: &tools.secrets, timeout: self.spec.timeout.unsigned_abs() }
    }
}

impl Fetcher {
    /// Fetches one page. An answer that is kept is asked for only if it changed.
    pub(super) async fn fetch(
        &self,
        request: PageRequest,
        headers: &Headers,
        page: usize,
        stop_at: Duration,
    ) -> Result<Fetched, SourceError> {
        let now = self.http.clock().monotonic();
        if let Some(kept) = self.kept.find(&request, headers, now) {
            let mut hop = RedirectedRequest::of(&request, headers);
            let conditions = kept.conditions().into_iter();
            hop.headers.extend(conditions.map(|(name, value)| (name.to_owned(), value.into())));
            match kept.judge(self.send(&hop, page, stop_at).await?) {
                ConditionalAnswer::Unchanged(answer) => {
                    self.kept.renew(&kept, &answer, now);
                    return Ok(Fetched::Page(request.address, answer));
                }
                ConditionalAnswer::Anew(answer) => return self.received(answer, &request, headers, (page, stop_at)),
                ConditionalAnswer::Unclear => {}
            }
        }
        let answer = self.send(&RedirectedRequest::of(&request, headers), page, stop_at).await?;
        match redirection(&answer) {
            None => self.received(answer, &request, headers, (page, stop_at)),
            Some(_) => self.follow(answer, request, headers, (page, stop_at)).await,
        }
    }

    /// Takes an answer that is no redirect, and keeps it if the server allows that.
    fn received(
        &self,
        answer: HttpResponse,
        request: &PageRequest,
        headers: &Headers,
        (page, stop_at): (usize, Duration),
    ) -> Result<Fetched, SourceError> {
        let fetched = self.accepted(answer, request.address.clone(), page, stop_at)?;
        if let Fetched::Page(_, answer) = &fetched {
            self.kept.keep(request, headers, answer, self.http.clock().monotonic());
        }
        Ok(fetched)
    }

    /// Follows redirects: on the source's own host with all headers, to another host only if the schedule lists it, and then
    /// with `Accept` alone.
    async fn follow(
        &self,
        mut answer: HttpResponse,
        request: PageRequest,
        headers: &Headers,
        (page, stop_at): (usize, Duration),
    ) -> Result<Fetched, SourceError> {
        let mut hop = RedirectedRequest::of(&request, headers);
        let (mut own_address, mut is_on_own_host) = (request.address, true);
        for _ in 0..MAX_REDIRECTS {
            let Some(location) = redirection(&answer) else { break };
            if hop.method != Method::GET && !matches!(answer.status, 307 | 308) {
                // 301, 302 and 303: the target is fetched by GET, without the body
                (hop.method, hop.body) = (Method::GET, Bytes::new());
                hop.headers.retain(|(name, _)| name != "content-type");
            }
            let redirect = address::redirected(&hop.address, location, &self.spec.allow_redirect_to);
            hop.address = match redirect.map_err(|reason| refused_redirect(page, &reason))? {
                Redirect::Own(url) => {
                    own_address = if is_on_own_host { url.clone() } else { own_address };
                    url
                }
                Redirect::Foreign(url) => {
                    if hop.method != Method::GET {
                        return Err(refused_redirect(page, "it leads to another host, which never receives the body"));
                    }
                    (is_on_own_host, hop.headers) = (false, vec![accept(&self.spec)]);
                    url
                }
            };
            answer = self.send(&hop, page, stop_at).await?;
        }
        match redirection(&answer) {
            None => self.accepted(answer, own_address, page, stop_at),
            Some(_) => Err(never(format!("page {page} was redirected more than {MAX_REDIRECTS} times"))),
        }
    }

    async fn send(&self, hop: &RedirectedRequest, page: usize, stop_at: Duration) -> Result<HttpResponse, SourceError> {
        let request = HttpRequest {
            method: hop.method.clone(),
            url: hop.address.clone(),
            headers: hop.headers.clone(),
            body: hop.body.clone(),
            timeout: self.time_for_a_page(stop_at)?,
            max_bytes: self.spec.max_bytes,
        };
        let answer = answers::answered(self.http.send(request).await, page);
        // the deadline shortens the request's time-out, so what failed after it is reported as a missed deadline
        answer.map_err(|error| if self.is_late(stop_at) { self.too_slow() } else { error })
    }

    fn accepted(
        &self,
        answer: HttpResponse,
        own_address: Url,
        page: usize,
        stop_at: Duration,
    ) -> Result<Fetched, SourceError> {
        if answer.status == 404 {
            return Ok(Fetched::Missing);
        }
        let is_late = matches!(answer.end, BodyEnd::Cut) && self.is_late(stop_at);
        let accepted = answers::accept(answer, page, &self.spec);
        let answer = accepted.map_err(|error| if is_late { self.too_slow() } else { error })?;
        Ok(Fetched::Page(own_address, answer))
    }

    fn time_for_a_page(&self, stop_at: Duration) -> Result<Duration, SourceError> {
        if self.is_late(stop_at) {
            return Err(self.too_slow());
        }
        let left = stop_at.saturating_sub(self.http.clock().monotonic());
        Ok(left.min(self.spec.timeout.unsigned_abs()))
    }

    fn is_late(&self, stop_at: Duration) -> bool {
        self.http.clock().monotonic() >= stop_at
    }

    pub(super) fn too_slow(&self) -> SourceError {
        let deadline = crate::duration::write(self.limits.deadline);
        never(format!(
            "the source takes longer than `deadline` ({deadline}) over all its pages: ask for fewer rows, or raise it"
        ))
        .at("deadline")
    }
}

impl RedirectedRequest {
    fn of(request: &PageRequest, headers: &Headers) -> Self {
        Self {
            method: method_of(request.method),
            address: request.address.clone(),
            headers: headers.clone(),
            body: request.body.clone(),
        }
    }
}

/// Where the answer leads, when it is a redirect.
fn redirection(answer: &HttpResponse) -> Option<&str> {
    answer.header("location").filter(|_| matches!(answer.status, 301 | 302 | 303 | 307 | 308))
}

fn accept(spec: &HttpSpec) -> (String, SecretString) {
    let accept = match spec.format {
        FormatSpec::Json(_) => "application/json",
        FormatSpec::Csv(_) => "text/csv",
        FormatSpec::Calendar(_) if spec.method == ReadMethod::Report => "application/xml, text/xml",
        FormatSpec::Calendar(_) => "text/calendar",
        FormatSpec::Workbook(_) => "*/*",
    };
    ("accept".to_owned(), accept.to_owned().into())
}

fn refused_redirect(page: usize, reason: &str) -> SourceError {
    never(format!("page {page} is a redirect that isn't followed: {reason}"))
}

fn method_of(method: ReadMethod) -> Method {
    match method {
        ReadMethod::Get => Method::GET,
        ReadMethod::Post => Method::POST,
        ReadMethod::Report => Method::from_bytes(b"REPORT").expect("letters are a method's name"),
    }
}
