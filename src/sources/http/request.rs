//! shell: one page asked for: its headers, its redirects, and the time that is left.

use std::time::Duration;

use base64::Engine as _;
use bytes::Bytes;
use reqwest::Method;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::address::{self, Redirect};
use super::asking::{FilledBody, PageAsk};
use super::{Api, answers, fill, never};
use crate::http::{BodyEnd, HttpRequest, HttpResponse};
use crate::schedule::{FormatSpec, HttpAuth, ReadMethod};
use crate::settings::TextOrSecret;
use crate::sources::{SourceError, WindowTexts};

/// Redirects of one request.
const MAX_REDIRECTS: u32 = 3;

/// Names and values.
pub(super) type Headers = Vec<(String, SecretString)>;

/// What came of asking for a page.
pub(super) enum Fetched {
    /// An answer that may hold rows, and the address from which later pages are reckoned.
    Page(Url, HttpResponse),
    /// 404.
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

    /// The headers of every request, which go to the source's origin alone.
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
            // the calendar's own events, and not only what it says of itself
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

    /// Asks for one page, following redirects by hand: on the source's own host with its headers, to other hosts that the
    /// schedule allows without any.
    pub(super) async fn fetch(
        &self,
        asked: PageAsk,
        headers: &Headers,
        page: usize,
        stop_at: Duration,
    ) -> Result<Fetched, SourceError> {
        let PageAsk { mut address, mut body, method } = asked;
        let (mut own, mut sent, mut method) = (address.clone(), headers.clone(), method_of(method));
        let mut is_home = true;
        for _ in 0..=MAX_REDIRECTS {
            let ask = HttpRequest {
                method: method.clone(),
                url: address.clone(),
                headers: sent.clone(),
                body: body.clone(),
                timeout: self.time_for_a_page(stop_at)?,
                max_bytes: self.spec.max_bytes,
            };
            let answer = answers::answered(self.tools.http.send(ask).await, page);
            // the deadline shortens the time-out: what it cuts off, an answer in the middle of its body too, is its doing
            let by_deadline = |error| if self.is_late(stop_at) { self.too_slow() } else { error };
            let answer = answer.map_err(by_deadline)?;
            let location = answer.header("location").filter(|_| matches!(answer.status, 301 | 302 | 303 | 307 | 308));
            let Some(location) = location else {
                if answer.status == 404 {
                    return Ok(Fetched::Missing);
                }
                let is_cut = matches!(answer.end, BodyEnd::Cut);
                let accepted = answers::accept(answer, page, &self.spec);
                let accepted = accepted.map_err(|error| if is_cut { by_deadline(error) } else { error });
                return accepted.map(|answer| Fetched::Page(own, answer));
            };
            if method != Method::GET && !matches!(answer.status, 307 | 308) {
                // other redirects of a body lead to a page that is fetched without it
                (method, body) = (Method::GET, Bytes::new());
                sent.retain(|(name, _)| name != "content-type");
            }
            let redirect = address::redirected(&address, location, &self.spec.allow_redirect_to);
            address = match redirect.map_err(|reason| refused_redirect(page, &reason))? {
                Redirect::Own(url) => {
                    own = if is_home { url.clone() } else { own };
                    url
                }
                Redirect::Foreign(url) => {
                    if method != Method::GET {
                        return Err(refused_redirect(page, "it leads to another host, which never receives the body"));
                    }
                    (is_home, sent) = (false, vec![self.accept()]);
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
