//! shell: answers of sources that are kept in memory, so that a server may say "unchanged" (304) instead of sending them
//! again (RFC 9110, section 13; RFC 9111, section 4.3.4). They hold personal data: none is ever written to a disk, and what
//! was not used for [`LIFETIME`] is dropped.
//!
//! Only a proof counts: a strong entity tag, or a time of change that was long over when the answer was sent. With anything
//! weaker two versions of a list could pass for one, and somebody would be called by the older one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use jiff::fmt::rfc2822;
use jiff::{SignedDuration, Timestamp};
use secrecy::ExposeSecret as _;
use sha2::{Digest, Sha256};

use super::page_request::PageRequest;
use super::request::Headers;
use crate::http::{BodyEnd, HttpResponse};
use crate::schedule::ReadMethod;

/// Maximum bytes of one answer that is kept.
const MAX_ANSWER: usize = 8 << 20;

/// Maximum bytes of all answers that are kept.
const MAX_TOTAL: usize = 32 << 20;

/// What an entry takes beside its body.
const ENTRY: usize = 2 << 10;

/// An answer that was not asked for again within this time is dropped at the next read: a daily schedule gains nothing from it.
const LIFETIME: Duration = Duration::from_secs(2 * 3600);

/// `Last-Modified` counts whole seconds: a change this close to the answer could be followed by another one in the same second
/// (RFC 9110, section 8.8.2.2).
const SETTLED_AFTER: SignedDuration = SignedDuration::from_secs(60);

/// The answers that the sources of one process keep.
#[derive(Debug, Clone, Default)]
pub struct KeptAnswers(Arc<Mutex<AnswerStore>>);

#[derive(Default)]
struct AnswerStore {
    answers: HashMap<RequestKey, KeptAnswer>,
    bytes: usize,
}

/// Says how much is kept, and nothing of what.
impl std::fmt::Debug for AnswerStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} answers, {} bytes", self.answers.len(), self.bytes)
    }
}

/// SHA-256 of the address and of every header that is sent, the login included.
type RequestKey = [u8; 32];

/// An answer, and what proves that it still holds.
#[derive(Clone)]
pub(super) struct KeptAnswer {
    key: RequestKey,
    headers: Vec<(String, String)>,
    body: Bytes,
    /// When it was used last, on the process's monotonic clock.
    used_at: Duration,
}

/// What an answer to a conditional request means.
pub(super) enum ConditionalAnswer {
    /// The kept answer holds.
    Unchanged(HttpResponse),
    /// It is an answer of its own.
    Anew(HttpResponse),
    /// It contradicts what was asked: the page is requested again, without conditions.
    Unclear,
}

impl KeptAnswers {
    /// The answer to this request, if one is kept.
    pub(super) fn find(&self, request: &PageRequest, headers: &Headers, now: Duration) -> Option<KeptAnswer> {
        let key = key(request, headers)?;
        let mut store = self.lock();
        store.drop_unused(now);
        store.answers.get(&key).cloned()
    }

    /// Keeps the answer to this request if the server gives a proof by which it can be asked for again; forgets the one before.
    pub(super) fn keep(&self, request: &PageRequest, headers: &Headers, answer: &HttpResponse, now: Duration) {
        let Some(key) = key(request, headers) else { return };
        let mut store = self.lock();
        store.remove(&key);
        // without a length, chunks or TLS a connection that broke off looks like the end of the body
        let is_whole = ["content-length", "transfer-encoding"].iter().any(|name| answer.header(name).is_some())
            || request.address.scheme() == "https";
        let is_usable = answer.status == 200 && answer.end == BodyEnd::Whole && answer.body.len() <= MAX_ANSWER;
        if is_usable && is_whole && may_be_kept(&answer.headers) && !conditions(&answer.headers).is_empty() {
            let (headers, body) = (answer.headers.clone(), answer.body.clone());
            store.insert(KeptAnswer { key, headers, body, used_at: now });
        }
    }

    /// Keeps what a 304 made of a kept answer.
    pub(super) fn renew(&self, kept: &KeptAnswer, answer: &HttpResponse, now: Duration) {
        let mut store = self.lock();
        store.remove(&kept.key);
        let (headers, body) = (answer.headers.clone(), answer.body.clone());
        store.insert(KeptAnswer { key: kept.key, headers, body, used_at: now });
    }

    /// Forgets everything: after a read that failed nothing is trusted that was kept, and whoever is erased is in none of it.
    pub fn clear(&self) {
        *self.lock() = AnswerStore::default();
    }

    fn lock(&self) -> MutexGuard<'_, AnswerStore> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AnswerStore {
    fn insert(&mut self, answer: KeptAnswer) {
        self.bytes += answer.size();
        self.answers.insert(answer.key, answer);
        while self.bytes > MAX_TOTAL {
            let Some(oldest) = self.answers.values().min_by_key(|kept| kept.used_at).map(|kept| kept.key) else {
                return;
            };
            self.remove(&oldest);
        }
    }

    fn remove(&mut self, key: &RequestKey) {
        if let Some(removed) = self.answers.remove(key) {
            self.bytes -= removed.size();
        }
    }

    fn drop_unused(&mut self, now: Duration) {
        self.answers.retain(|_, kept| now.saturating_sub(kept.used_at) <= LIFETIME);
        self.bytes = self.answers.values().map(KeptAnswer::size).sum();
    }
}

impl KeptAnswer {
    fn size(&self) -> usize {
        self.body.len() + ENTRY
    }

    /// The headers that ask for a new answer only if this one no longer holds.
    pub(super) fn conditions(&self) -> Vec<(&'static str, String)> {
        conditions(&self.headers)
    }

    /// What the answer to a request with those headers means.
    pub(super) fn judge(&self, answer: HttpResponse) -> ConditionalAnswer {
        match answer.status {
            304 if !self.is_contradicted_by(&answer) => ConditionalAnswer::Unchanged(self.renewed(answer)),
            301 | 302 | 303 | 304 | 307 | 308 => ConditionalAnswer::Unclear,
            _ => ConditionalAnswer::Anew(answer),
        }
    }

    fn is_contradicted_by(&self, answer: &HttpResponse) -> bool {
        ["etag", "last-modified"].into_iter().any(|name| match (header(&self.headers, name), answer.header(name)) {
            (Some(kept), Some(now)) => opaque(kept) != opaque(now),
            _ => false,
        })
    }

    /// The kept answer with the newer headers of the 304.
    fn renewed(&self, answer: HttpResponse) -> HttpResponse {
        let is_of_body = |name: &str| name.starts_with("content-") || name == "transfer-encoding";
        let newer: Vec<(String, String)> = answer.headers.into_iter().filter(|(name, _)| !is_of_body(name)).collect();
        // `Age` is about the copy that this answer came from
        let is_older = |name: &str| name == "age" || header(&newer, name).is_some();
        let kept = self.headers.iter().filter(|(name, _)| !is_older(name)).cloned();
        let headers = kept.chain(newer.iter().cloned()).collect();
        HttpResponse { status: 200, headers, body: self.body.clone(), end: BodyEnd::Whole, latency: answer.latency }
    }
}

fn header<'h>(headers: &'h [(String, String)], name: &str) -> Option<&'h str> {
    headers.iter().find(|(have, _)| have == name).map(|(_, value)| value.trim())
}

/// An entity tag without its mark of weakness.
fn opaque(tag: &str) -> &str {
    let tag = tag.trim();
    tag.strip_prefix("W/").unwrap_or(tag)
}

/// Identifies a request by all that is sent; `None` for one that is no plain GET, or that has conditions of its own.
fn key(request: &PageRequest, headers: &Headers) -> Option<RequestKey> {
    if request.method != ReadMethod::Get || !request.body.is_empty() {
        return None;
    }
    let mut hash = Sha256::new();
    let mut add = |text: &str| {
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text);
    };
    add(request.address.as_str());
    for (name, value) in headers {
        let name = name.to_ascii_lowercase();
        if name.starts_with("if-") || name == "range" || name == "cache-control" {
            return None;
        }
        add(&name);
        add(value.expose_secret());
    }
    Some(hash.finalize().into())
}

/// Whether the server allows that its answer is kept, and would give the same one to the same request.
fn may_be_kept(headers: &[(String, String)]) -> bool {
    let has = |name: &str, word: &str| {
        let values = headers.iter().filter(|(have, _)| have == name).flat_map(|(_, value)| value.split(','));
        values.map(str::trim).any(|value| value.eq_ignore_ascii_case(word))
    };
    !has("cache-control", "no-store") && !has("vary", "*")
}

/// The conditions by which an answer with these headers can be asked for again; none without a proof.
fn conditions(headers: &[(String, String)]) -> Vec<(&'static str, String)> {
    let time = |name| header(headers, name).and_then(|text| rfc2822::parse(text).ok()).map(|at| at.timestamp());
    let since = |changed: Timestamp, sent: Timestamp| sent.duration_since(changed);
    let is_settled =
        time("last-modified").zip(time("date")).is_some_and(|(changed, sent)| since(changed, sent) >= SETTLED_AFTER);
    let is_sendable = |text: &&str| text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
    let tag = header(headers, "etag").filter(is_sendable);
    let tag = tag.filter(|tag| opaque(tag).len() > 2 && opaque(tag).starts_with('"') && opaque(tag).ends_with('"'));
    match (tag, header(headers, "last-modified").filter(is_sendable)) {
        (Some(tag), _) if is_settled || !tag.starts_with("W/") => vec![("if-none-match", tag.to_owned())],
        (None, Some(changed)) if is_settled => vec![("if-modified-since", changed.to_owned())],
        (Some(_) | None, _) => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(status: u16, headers: &[(&str, &str)], body: &'static [u8]) -> HttpResponse {
        HttpResponse {
            status,
            headers: headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            body: Bytes::from_static(body),
            end: BodyEnd::Whole,
            latency: Duration::ZERO,
        }
    }

    fn request(address: &str) -> PageRequest {
        PageRequest { address: address.parse().expect("a URL"), body: Bytes::new(), method: ReadMethod::Get }
    }

    fn login(token: &str) -> Headers {
        vec![("authorization".to_owned(), token.to_owned().into())]
    }

    #[test]
    fn an_answer_is_asked_for_again_only_by_what_proves_that_it_holds() {
        let (old, new) = ("Tue, 24 Nov 2026 13:00:00 GMT", "Tue, 24 Nov 2026 14:00:00 GMT");
        for (headers, wanted) in [
            (&[("etag", "\"a\"")][..], Some(("if-none-match", "\"a\""))),
            (&[("etag", "W/\"a\"")][..], None),
            (&[("etag", "W/\"a\""), ("last-modified", old), ("date", new)][..], Some(("if-none-match", "W/\"a\""))),
            (&[("last-modified", old), ("date", new)][..], Some(("if-modified-since", old))),
            (&[("last-modified", new), ("date", new)][..], None),
            (&[("last-modified", old)][..], None),
            (&[("etag", "\"\"")][..], None),
            (&[("etag", "a")][..], None),
            (&[("etag", "\"ä\"")][..], None),
            (&[][..], None),
        ] {
            let found = conditions(&response(200, headers, b"").headers);
            let wanted: Vec<(&str, String)> =
                wanted.into_iter().map(|(name, value)| (name, value.to_owned())).collect();
            assert_eq!(found, wanted, "{headers:?}");
        }
    }

    #[test]
    fn an_answer_is_kept_for_the_same_request_alone_and_only_where_the_server_allows_it() {
        let tagged = |more: &[(&str, &str)]| {
            let headers = [&[("etag", "\"a\""), ("content-length", "2")], more].concat();
            response(200, &headers, b"[]")
        };
        let now = Duration::from_secs(10);
        let kept = KeptAnswers::default();
        let (here, elsewhere) = (request("https://x.test/a"), request("https://x.test/b"));
        kept.keep(&here, &login("one"), &tagged(&[]), now);
        assert!(kept.find(&here, &login("one"), now).is_some());
        assert!(kept.find(&here, &login("another"), now).is_none(), "another login may see other rows");
        assert!(kept.find(&elsewhere, &login("one"), now).is_none());
        let post = PageRequest { method: ReadMethod::Post, ..here.clone() };
        kept.keep(&post, &login("one"), &tagged(&[]), now);
        assert!(kept.find(&post, &login("one"), now).is_none());
        let unproved = response(200, &[("content-length", "2")], b"[]");
        let perhaps_cut = response(200, &[("etag", "\"a\"")], b"[]");
        let no_store = tagged(&[("cache-control", "private, no-store")]);
        let http = request("http://x.test/a");
        kept.keep(&http, &login("one"), &perhaps_cut, now);
        assert!(kept.find(&http, &login("one"), now).is_none());
        for refused in [no_store, tagged(&[("vary", "*")]), unproved] {
            kept.keep(&here, &login("one"), &refused, now);
            assert!(kept.find(&here, &login("one"), now).is_none(), "{:?}", refused.headers);
            kept.keep(&here, &login("one"), &tagged(&[]), now);
        }
        assert!(kept.find(&here, &login("one"), now + LIFETIME).is_some());
        assert!(kept.find(&here, &login("one"), now + LIFETIME + Duration::from_secs(1)).is_none(), "nobody used it");
        kept.keep(&here, &login("one"), &tagged(&[]), now);
        kept.clear();
        assert!(kept.find(&here, &login("one"), now).is_none() && kept.lock().bytes == 0);
    }

    #[test]
    fn what_is_kept_is_bounded_and_the_least_used_goes_first() {
        let kept = KeptAnswers::default();
        let answer = HttpResponse { body: vec![b' '; MAX_ANSWER].into(), ..response(200, &[("etag", "\"a\"")], b"") };
        let at = |number: u64| (request(&format!("https://x.test/{number}")), Duration::from_secs(number));
        for (page, now) in (1..=6).map(at) {
            kept.keep(&page, &login("one"), &answer, now);
        }
        let found = |number| kept.find(&at(number).0, &login("one"), Duration::from_secs(7)).is_some();
        assert_eq!((1..=6).map(found).collect::<Vec<_>>(), [false, false, false, true, true, true]);
        assert!(kept.lock().bytes <= MAX_TOTAL);
        let large = HttpResponse { body: vec![b' '; MAX_ANSWER + 1].into(), ..answer };
        kept.keep(&at(9).0, &login("one"), &large, Duration::from_secs(9));
        assert!(kept.find(&at(9).0, &login("one"), Duration::from_secs(9)).is_none());
    }

    #[test]
    fn an_unchanged_answer_is_the_kept_one_with_newer_headers_and_a_contradiction_is_no_proof() {
        let kept = KeptAnswers::default();
        let here = request("https://x.test/a");
        let first = response(200, &[("etag", "\"a\""), ("age", "9"), ("content-length", "2"), ("x-total", "1")], b"[]");
        kept.keep(&here, &login("one"), &first, Duration::ZERO);
        let answer = kept.find(&here, &login("one"), Duration::ZERO).expect("it is kept");
        let unchanged = response(304, &[("etag", "W/\"a\""), ("content-length", "0"), ("x-total", "2")], b"");
        let ConditionalAnswer::Unchanged(renewed) = answer.judge(unchanged) else { panic!("it is proved") };
        assert_eq!((renewed.status, &renewed.body[..]), (200, &b"[]"[..]));
        let header = |name| renewed.header(name);
        assert_eq!((header("age"), header("content-length"), header("x-total")), (None, Some("2"), Some("2")));
        for unclear in [response(304, &[("etag", "\"b\"")], b""), response(302, &[("location", "/b")], b"")] {
            assert!(matches!(answer.judge(unclear), ConditionalAnswer::Unclear));
        }
        assert!(matches!(answer.judge(response(200, &[], b"[1]")), ConditionalAnswer::Anew(_)));
        assert!(matches!(answer.judge(response(500, &[], b"")), ConditionalAnswer::Anew(_)));
    }
}
