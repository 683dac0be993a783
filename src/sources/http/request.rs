//! shell: fetches one page: sets its headers, follows redirects, and keeps to the read's deadline.

use std::time::Duration;

use base64::Engine as _;
use bytes::Bytes;
use reqwest::Method;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::address::{self, Redirect};
use super::page_request::{FilledBody, PageRequest};
use super::{Api, answers, fill, never};
use crate::http::{BodyEnd, HttpRequest, HttpResponse};
use crate::schedule::{FormatSpec, HttpAuth, ReadMethod};
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
            headers.push(self.accept());
        }
        if self.spec.method == ReadMethod::Report && !is_set("depth") {
            // CalDAV: depth 1 returns the calendar's events, depth 0 only its properties
            headers.push(("depth".to_owned(), "1".to_owned().into()));
        }
        if let Some(kind) = body.content_type().filter(|_| !is_set("content-type")) {
            headers.push(("content-type".to_owned(), kind.to_owned().into()));
        }
        if let Some(login) = self.authorization(address).await? {
            headers.push(("authorization".to_owned(), login));
        }
        Ok(headers)
    }

    fn accept(&self) -> (String, SecretString) {
        let accept = match self.spec.format {
            FormatSpec::Json(_) => "application/json",
            FormatSpec::Csv(_) => "text/csv",
            FormatSpec::Calendar(_) if self.spec.method == ReadMethod::Report => "application/xml, text/xml",
            FormatSpec::Calendar(_) => "text/calendar",
            FormatSpec::Workbook(_) => "*/*",
        };
        ("accept".to_owned(), accept.to_owned().into())
    }

    async fn authorization(&self, address: &Url) -> Result<Option<SecretString>, SourceError> {
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
            Some(HttpAuth::OAuth2(spec)) => Some(format!("Bearer {}", self.token(spec).await?.expose_secret()).into()),
            None if address.username().is_empty() && address.password().is_none() => None,
            None => basic(address.username(), address.password().unwrap_or("")),
        })
    }

    /// Fetches one page and follows its redirects: on the source's own host with all headers, to another host only if the
    /// schedule lists it, and then with `Accept` alone.
    pub(super) async fn fetch(
        &self,
        request: PageRequest,
        headers: &Headers,
        page: usize,
        stop_at: Duration,
    ) -> Result<Fetched, SourceError> {
        let PageRequest { mut address, mut body, method } = request;
        let (mut own_address, mut sent_headers, mut method) = (address.clone(), headers.clone(), method_of(method));
        let mut is_on_own_host = true;
        for _ in 0..=MAX_REDIRECTS {
            let request = HttpRequest {
                method: method.clone(),
                url: address.clone(),
                headers: sent_headers.clone(),
                body: body.clone(),
                timeout: self.time_for_a_page(stop_at)?,
                max_bytes: self.spec.max_bytes,
            };
            let answer = answers::answered(self.tools.http.send(request).await, page);
            // the deadline shortens the request's time-out, so what failed after it is reported as a missed deadline
            let or_too_slow = |error| if self.is_late(stop_at) { self.too_slow() } else { error };
            let answer = answer.map_err(or_too_slow)?;
            let location = answer.header("location").filter(|_| matches!(answer.status, 301 | 302 | 303 | 307 | 308));
            let Some(location) = location else {
                if answer.status == 404 {
                    return Ok(Fetched::Missing);
                }
                let is_cut = matches!(answer.end, BodyEnd::Cut);
                let accepted = answers::accept(answer, page, &self.spec);
                let accepted = accepted.map_err(|error| if is_cut { or_too_slow(error) } else { error });
                return accepted.map(|answer| Fetched::Page(own_address, answer));
            };
            if method != Method::GET && !matches!(answer.status, 307 | 308) {
                // 301, 302 and 303: the target is fetched by GET, without the body
                (method, body) = (Method::GET, Bytes::new());
                sent_headers.retain(|(name, _)| name != "content-type");
            }
            let redirect = address::redirected(&address, location, &self.spec.allow_redirect_to);
            address = match redirect.map_err(|reason| refused_redirect(page, &reason))? {
                Redirect::Own(url) => {
                    own_address = if is_on_own_host { url.clone() } else { own_address };
                    url
                }
                Redirect::Foreign(url) => {
                    if method != Method::GET {
                        return Err(refused_redirect(page, "it leads to another host, which never receives the body"));
                    }
                    (is_on_own_host, sent_headers) = (false, vec![self.accept()]);
                    url
                }
            };
        }
        Err(never(format!("page {page} was redirected more than {MAX_REDIRECTS} times")))
    }

    fn time_for_a_page(&self, stop_at: Duration) -> Result<Duration, SourceError> {
        if self.is_late(stop_at) {
            return Err(self.too_slow());
        }
        let left = stop_at.saturating_sub(self.tools.http.clock().monotonic());
        Ok(left.min(self.spec.timeout.unsigned_abs()))
    }

    fn is_late(&self, stop_at: Duration) -> bool {
        self.tools.http.clock().monotonic() >= stop_at
    }

    pub(super) fn too_slow(&self) -> SourceError {
        let deadline = crate::duration::write(self.limits.deadline);
        never(format!(
            "the source takes longer than `deadline` ({deadline}) over all its pages: ask for fewer rows, or raise it"
        ))
        .at("deadline")
    }
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
