//! pure: who may send which request: the policies of routes, and the rules about `Host`, `Origin` and where a request began.

use std::net::{IpAddr, SocketAddr};

use axum::http::{HeaderMap, HeaderName, Method, header};
use url::Url;

use crate::verbs::page_token::PageRights;

/// What a route asks of whoever sends a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RoutePolicy {
    /// Nothing but an own `Host`: style sheet, script, the form to sign in.
    Open,
    /// A sign-in: an own `Origin` and the form's token; the token of a person is checked by the route.
    SignIn,
    /// Health and metrics: this machine, or a bearer token.
    Machine,
    /// A person who may look.
    Read,
    /// A person who may decide; an own `Origin` and the form's token.
    Act,
}

/// The addresses under which the server may be reached.
#[derive(Debug, Clone)]
pub struct EntryPoints {
    /// Where it listens.
    pub address: SocketAddr,
    /// Where a proxy publishes it.
    pub published: Option<Url>,
}

/// The kind of address under which a request has reached the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryPoint {
    /// A loopback address: only this machine comes that way.
    ThisMachine,
    /// An address in the network, without a proxy.
    Network,
    /// `web.url`, through a proxy.
    Published,
}

/// Why a request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denied {
    /// Its `Host` header names another host.
    ForeignHost,
    /// Another site's page has sent it.
    ForeignOrigin,
    /// It has no token, or another one.
    BearerMissing,
    /// Nobody is signed in.
    SignedOut,
    /// The person may only look.
    ReadOnly,
    /// Its form was not made for this person by this process.
    ForgedForm,
    /// It needs more than is allowed.
    TooLarge,
}

/// Who has signed in, and what they may.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// The name in the log.
    pub name: String,
    /// What they may do.
    pub may: PageRights,
}

/// Whether only this machine can reach an address.
#[must_use]
pub fn is_local(listen: SocketAddr) -> bool {
    listen.ip().to_canonical().is_loopback()
}

impl EntryPoints {
    /// The entry point by which a request came; `None` where its `Host` header has a foreign name. A foreign name that resolves to
    /// this machine belongs to a web page that tries to read what only this machine may (DNS rebinding).
    #[must_use]
    pub fn entry_point(&self, headers: &HeaderMap) -> Option<EntryPoint> {
        let host = text(headers, &header::HOST)?;
        if self.published.as_ref().is_some_and(|url| host.eq_ignore_ascii_case(&authority(url))) {
            return Some(EntryPoint::Published);
        }
        let port = self.address.port();
        let named = host.strip_suffix(&format!(":{port}"))?;
        if is_local(self.address) {
            let own = ip_text(self.address.ip());
            let is_own = named.eq_ignore_ascii_case(&own) || named.eq_ignore_ascii_case("localhost");
            return is_own.then_some(EntryPoint::ThisMachine);
        }
        let ip = named.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        // a name can be made to lead here by whoever owns it; an address can't
        ip.is_ok().then_some(EntryPoint::Network)
    }

    /// The origin of the pages that are served at an entry point.
    fn origin(&self, entry_point: EntryPoint, headers: &HeaderMap) -> Option<String> {
        match (entry_point, &self.published) {
            (EntryPoint::Published, Some(url)) => Some(url.origin().ascii_serialization()),
            (EntryPoint::Published, None) => None,
            (EntryPoint::ThisMachine | EntryPoint::Network, _) => {
                text(headers, &header::HOST).map(|host| format!("http://{host}"))
            }
        }
    }

    /// Whether a cookie may leave the browser over TLS alone.
    #[must_use]
    pub fn is_over_tls(&self, entry_point: EntryPoint) -> bool {
        entry_point == EntryPoint::Published && self.published.as_ref().is_some_and(|url| url.scheme() == "https")
    }

    /// Whether a page of another site has sent the request. A link may lead here; nothing else may.
    #[must_use]
    pub fn is_foreign(&self, entry_point: EntryPoint, method: &Method, headers: &HeaderMap) -> bool {
        let site = text(headers, &SEC_FETCH_SITE);
        if *method == Method::GET || *method == Method::HEAD {
            let is_navigation = text(headers, &SEC_FETCH_MODE) == Some("navigate");
            return site.is_some_and(|site| site == "cross-site" || site == "same-site") && !is_navigation;
        }
        let origin = text(headers, &header::ORIGIN);
        let own = self.origin(entry_point, headers);
        match (site, origin) {
            (None, None) => true,
            (site, origin) => {
                site.is_some_and(|site| site != "same-origin")
                    || origin.is_some_and(|origin| !own.is_some_and(|own| own.eq_ignore_ascii_case(origin)))
            }
        }
    }
}

/// Whether somebody may pass, once the request is known to be no other site's.
///
/// # Errors
/// Why not.
pub fn may_pass(
    policy: RoutePolicy,
    entry_point: EntryPoint,
    has_bearer: bool,
    person: Option<&Person>,
) -> Result<(), Denied> {
    let is_trusted = entry_point == EntryPoint::ThisMachine;
    match policy {
        RoutePolicy::Open | RoutePolicy::SignIn => Ok(()),
        RoutePolicy::Machine if is_trusted || has_bearer || person.is_some() => Ok(()),
        RoutePolicy::Machine => Err(Denied::BearerMissing),
        RoutePolicy::Read if is_trusted || person.is_some() => Ok(()),
        RoutePolicy::Read => Err(Denied::SignedOut),
        RoutePolicy::Act => match person.map(|person| person.may) {
            Some(PageRights::Act) => Ok(()),
            Some(PageRights::Read) => Err(Denied::ReadOnly),
            None if is_trusted => Ok(()),
            None => Err(Denied::SignedOut),
        },
    }
}

/// The token of an `Authorization` header. The scheme's case doesn't matter (RFC 9110, 11.1).
#[must_use]
pub fn bearer_token(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = text(headers, &header::AUTHORIZATION)?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("Bearer").then(|| token.trim_start_matches(' '))
}

/// The value of a cookie.
#[must_use]
pub fn cookie<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let all = headers.get_all(header::COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    let pairs = all.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.into_iter().find(|(known, _)| *known == name).map(|(_, value)| value)
}

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");

fn text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn ip_text(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    }
}

fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry_points(address: &str) -> EntryPoints {
        let published = "https://reminders.example".parse().ok();
        EntryPoints { address: address.parse().expect("an address"), published }
    }

    type Pairs<'p> = &'p [(&'static str, &'p str)];

    fn headers(pairs: Pairs<'_>) -> HeaderMap {
        let read =
            |(name, value): &(&'static str, &str)| (HeaderName::from_static(name), value.parse().expect("a header"));
        pairs.iter().map(read).collect()
    }

    #[test]
    fn only_own_names_are_doors() {
        let cases = [
            ("127.0.0.1:8467", "127.0.0.1:8467", Some(EntryPoint::ThisMachine)),
            ("127.0.0.1:8467", "LOCALHOST:8467", Some(EntryPoint::ThisMachine)),
            ("[::1]:8467", "[::1]:8467", Some(EntryPoint::ThisMachine)),
            ("127.0.0.1:8467", "rebound.example:8467", None),
            ("127.0.0.1:8467", "127.0.0.1", None),
            ("127.0.0.1:8467", "127.0.0.1:80", None),
            ("127.0.0.1:8467", "127.0.0.1.evil.example:8467", None),
            ("127.0.0.1:8467", "reminders.example", Some(EntryPoint::Published)),
            ("127.0.0.1:8467", "reminders.example.evil.example", None),
            ("0.0.0.0:8467", "10.0.0.5:8467", Some(EntryPoint::Network)),
            ("0.0.0.0:8467", "127.0.0.1:8467", Some(EntryPoint::Network)),
            ("0.0.0.0:8467", "rebound.example:8467", None),
            ("0.0.0.0:8467", "reminders.example", Some(EntryPoint::Published)),
        ];
        for (address, host, expected) in cases {
            assert_eq!(entry_points(address).entry_point(&headers(&[("host", host)])), expected, "{address} {host}");
        }
        assert_eq!(entry_points("127.0.0.1:8467").entry_point(&HeaderMap::new()), None);
    }

    #[test]
    fn a_form_comes_from_a_page_of_its_own_origin_and_a_page_may_be_linked_to() {
        let own = "http://127.0.0.1:8467";
        let cases: [(&Method, Pairs<'_>, bool); 11] = [
            (&Method::POST, &[], true),
            (&Method::POST, &[("origin", own)], false),
            (&Method::POST, &[("origin", "null")], true),
            (&Method::POST, &[("origin", "http://evil.example")], true),
            (&Method::POST, &[("origin", "https://127.0.0.1:8467")], true),
            (&Method::POST, &[("sec-fetch-site", "same-origin")], false),
            (&Method::POST, &[("sec-fetch-site", "cross-site"), ("origin", own)], true),
            (&Method::POST, &[("sec-fetch-site", "none"), ("origin", own)], true),
            (&Method::GET, &[], false),
            (&Method::GET, &[("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "no-cors")], true),
            (&Method::GET, &[("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate")], false),
        ];
        for (method, pairs, is_foreign) in cases {
            let mut all = headers(pairs);
            all.insert(header::HOST, "127.0.0.1:8467".parse().expect("a header"));
            assert_eq!(
                entry_points("127.0.0.1:8467").is_foreign(EntryPoint::ThisMachine, method, &all),
                is_foreign,
                "{pairs:?}"
            );
        }
        let published = headers(&[("host", "reminders.example"), ("origin", "https://reminders.example")]);
        assert!(!entry_points("127.0.0.1:8467").is_foreign(EntryPoint::Published, &Method::POST, &published));
        let downgraded = headers(&[("host", "reminders.example"), ("origin", "http://reminders.example")]);
        assert!(entry_points("127.0.0.1:8467").is_foreign(EntryPoint::Published, &Method::POST, &downgraded));
    }

    #[test]
    fn each_policy_asks_for_its_person() {
        let reader = Person { name: "tom".to_owned(), may: PageRights::Read };
        let actor = Person { name: "maria".to_owned(), may: PageRights::Act };
        use EntryPoint::{Network, Published, ThisMachine};
        use RoutePolicy::{Act, Machine, Open, Read, SignIn};
        let cases = [
            (Open, Network, None, Ok(())),
            (SignIn, Network, None, Ok(())),
            (Read, ThisMachine, None, Ok(())),
            (Read, Network, None, Err(Denied::SignedOut)),
            (Read, Published, None, Err(Denied::SignedOut)),
            (Read, Network, Some(&reader), Ok(())),
            (Act, ThisMachine, None, Ok(())),
            (Act, ThisMachine, Some(&reader), Err(Denied::ReadOnly)),
            (Act, Network, None, Err(Denied::SignedOut)),
            (Act, Network, Some(&reader), Err(Denied::ReadOnly)),
            (Act, Published, Some(&actor), Ok(())),
            (Machine, ThisMachine, None, Ok(())),
            (Machine, Network, None, Err(Denied::BearerMissing)),
            (Machine, Network, Some(&reader), Ok(())),
        ];
        for (policy, entry_point, person, expected) in cases {
            assert_eq!(may_pass(policy, entry_point, false, person), expected, "{policy:?} {entry_point:?} {person:?}");
        }
        assert_eq!(may_pass(Machine, Network, true, None), Ok(()));
        assert_eq!(may_pass(Read, Network, true, None), Err(Denied::SignedOut), "a machine's token is no person");
    }

    #[test]
    fn a_token_is_read_whatever_the_case_of_its_scheme() {
        for (value, token) in [
            ("Bearer open sesame", Some("open sesame")),
            ("bearer open", Some("open")),
            ("BEARER  open", Some("open")),
            ("Basic open", None),
            ("Bearer", None),
            ("Beareropen", None),
        ] {
            assert_eq!(bearer_token(&headers(&[("authorization", value)])), token, "{value}");
        }
    }

    #[test]
    fn a_cookie_is_found_among_others() {
        let given = headers(&[("cookie", "a=1; tickler_session=abc;b=2")]);
        assert_eq!(cookie(&given, "tickler_session"), Some("abc"));
        assert_eq!(cookie(&given, "session"), None);
    }

    #[test]
    fn only_loopback_addresses_are_local() {
        let cases = [
            ("127.0.0.1:1", true),
            ("[::1]:1", true),
            ("[::ffff:127.0.0.1]:1", true),
            ("0.0.0.0:1", false),
            ("[::]:1", false),
            ("10.0.0.1:1", false),
        ];
        for (listen, local) in cases {
            assert_eq!(is_local(listen.parse().expect("an address")), local, "{listen}");
        }
    }
}
