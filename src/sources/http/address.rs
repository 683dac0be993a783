//! pure: addresses of an API: fills the window in, resolves links to the next page and redirects, and refuses other origins.

use url::Url;

use crate::sources::WindowTexts;

/// The expressions that an address may contain.
const NAMES: &str = "`from`, `until`, `from | utc`, `until | utc`, `day`";

/// Fills `{{ from }}` and the like into an address, percent-encoded.
///
/// # Errors
/// With the remedy, for any other expression and for braces that aren't closed.
pub fn fill(template: &str, texts: &WindowTexts) -> Result<String, String> {
    let (mut filled, mut rest) = (String::with_capacity(template.len() + 64), template);
    while let Some((before, after)) = rest.split_once("{{") {
        let (expression, behind) = after
            .split_once("}}")
            .ok_or_else(|| format!("the address has a `{{{{` that isn't closed; it may use {NAMES}"))?;
        filled.push_str(before);
        push_encoded(&mut filled, value(expression, texts)?);
        rest = behind;
    }
    filled.push_str(rest);
    Ok(filled)
}

fn value<'t>(expression: &str, texts: &'t WindowTexts) -> Result<&'t str, String> {
    let words: Vec<&str> = expression.split('|').map(str::trim).collect();
    match words[..] {
        ["from"] => Ok(&texts.local[0]),
        ["until"] => Ok(&texts.local[1]),
        ["from", "utc"] => Ok(&texts.utc[0]),
        ["until", "utc"] => Ok(&texts.utc[1]),
        ["day"] => Ok(&texts.day),
        _ => {
            Err(format!("the address uses `{{{{ {} }}}}`, which doesn't exist; it may use {NAMES}", expression.trim()))
        }
    }
}

/// Percent-encodes everything but RFC 3986's unreserved characters.
pub(super) fn push_encoded(out: &mut String, text: &str) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
}

/// The same address with one query parameter set; earlier values of that parameter are removed.
pub(super) fn with_parameter(address: &Url, name: &str, value: &str) -> Url {
    let mut changed = address.clone();
    let is_other = |pair: &&str| url::form_urlencoded::parse(pair.as_bytes()).next().is_none_or(|(key, _)| key != name);
    // the other pairs stay byte for byte as the author wrote them
    let others: Vec<&str> =
        address.query().unwrap_or("").split('&').filter(|pair| !pair.is_empty()).filter(is_other).collect();
    let mut query = others.join("&");
    if !query.is_empty() {
        query.push('&');
    }
    push_encoded(&mut query, name);
    query.push('=');
    push_encoded(&mut query, value);
    changed.set_query(Some(&query));
    changed
}

/// Makes a link found in an answer absolute. A link that differs from the source's address only in `http` or `https`, as a
/// server behind a proxy that terminates TLS writes it, gets the source's own scheme.
///
/// # Errors
/// When the link isn't an address, or its origin (scheme, host and port) isn't the source's.
pub(super) fn follow(current: &Url, link: &str) -> Result<Url, String> {
    let mut next = joined(current, link)?;
    if differs_by_scheme(current, &next) {
        let _set = (next.set_scheme(current.scheme()), next.set_port(current.port()));
    }
    if next.origin() != current.origin() {
        return Err("it leads to another scheme, host or port than the source's own".to_owned());
    }
    Ok(next)
}

/// Where a redirect leads.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Redirect {
    /// It leads to the source itself.
    Own(Url),
    /// It leads to another host that is allowed.
    Foreign(Url),
}

/// The target of a redirect: on the source's own origin, from `http` to `https` of its host (on any port), or to a host
/// that is listed.
///
/// # Errors
/// With the remedy, when it leads anywhere else.
pub(super) fn redirected(current: &Url, location: &str, allowed: &[String]) -> Result<Redirect, String> {
    let next = joined(current, location)?;
    // on any port: TLS may listen anywhere, and the headers were already sent in clear text
    let is_upgrade = current.scheme() == "http" && next.scheme() == "https" && current.host() == next.host();
    if next.origin() == current.origin() || is_upgrade {
        return Ok(Redirect::Own(next));
    }
    let host = next.host_str().unwrap_or("").to_ascii_lowercase();
    let is_downgrade = current.scheme() == "https" && next.scheme() != "https";
    if is_downgrade || !["http", "https"].contains(&next.scheme()) {
        return Err("it leads away from `https`".to_owned());
    }
    if allowed.iter().any(|pattern| matches_host(pattern, &host)) {
        return Ok(Redirect::Foreign(next));
    }
    Err("it leads to another scheme, host or port; if that host belongs to the service, list it in \
         `allow_redirect_to` (it then receives no headers and no login)"
        .to_owned())
}

/// Whether a host has that name, or is a subdomain of `*.name`.
fn matches_host(pattern: &str, host: &str) -> bool {
    match pattern.strip_prefix("*.") {
        Some(parent) => host.strip_suffix(parent).is_some_and(|below| below.len() > 1 && below.ends_with('.')),
        None => pattern == host,
    }
}

fn joined(current: &Url, link: &str) -> Result<Url, String> {
    let mut next = current.join(link.trim()).map_err(|_| "it isn't an address".to_owned())?;
    if !next.has_host() {
        return Err("it isn't an address of a host".to_owned());
    }
    // a login in a link is never sent
    let _cleared = (next.set_username(""), next.set_password(None));
    next.set_fragment(None);
    Ok(next)
}

/// Whether two addresses have the same host and explicit port, and one is `http`, the other `https`.
fn differs_by_scheme(one: &Url, other: &Url) -> bool {
    let schemes = [one.scheme(), other.scheme()];
    let is_web = schemes == ["http", "https"] || schemes == ["https", "http"];
    is_web && one.host() == other.host() && one.port() == other.port()
}

/// The target of `rel="next"` in `Link` headers (RFC 8288).
pub(super) fn next_link<'h>(headers: impl Iterator<Item = &'h str>) -> Option<&'h str> {
    headers.flat_map(links).find(|(_, parameters)| is_next(parameters)).map(|(target, _)| target)
}

/// Splits `<target>; parameters, <target>; …`; commas inside a target don't split it.
fn links(header: &str) -> Vec<(&str, &str)> {
    let mut found = Vec::new();
    let mut rest = header;
    while let Some((_, after)) = rest.split_once('<') {
        let Some((target, behind)) = after.split_once('>') else { break };
        let end = behind.find(", <").or_else(|| behind.find(",<")).unwrap_or(behind.len());
        found.push((target, &behind[..end]));
        rest = &behind[end..];
    }
    found
}

fn is_next(parameters: &str) -> bool {
    parameters.split(';').any(|parameter| {
        let Some((name, value)) = parameter.split_once('=') else { return false };
        let relations = value.trim().trim_matches(|c| c == '"' || c == ',');
        name.trim().eq_ignore_ascii_case("rel")
            && relations.split_ascii_whitespace().any(|relation| relation.eq_ignore_ascii_case("next"))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn texts() -> WindowTexts {
        let two = |a: &str, b: &str| [a.to_owned(), b.to_owned()];
        WindowTexts {
            local: two("2026-11-25T00:00:00+05:30", "2026-11-26T00:00:00+05:30"),
            utc: two("2026-11-24T18:30:00Z", "2026-11-25T18:30:00Z"),
            sql_local: two("2026-11-25 00:00:00", "2026-11-26 00:00:00"),
            sql_utc: two("2026-11-24 18:30:00", "2026-11-25 18:30:00"),
            epoch: [1_795_545_000, 1_795_631_400],
            day: "2026-11-24".into(),
            sql_now_utc: "2026-11-24 03:30:00".into(),
        }
    }

    #[test]
    fn the_window_is_filled_in_percent_encoded() {
        let filled = fill("https://x.test/{{day}}?a={{ from }}&b={{ until|utc }}", &texts());
        let wanted = "https://x.test/2026-11-24?a=2026-11-25T00%3A00%3A00%2B05%3A30&b=2026-11-25T18%3A30%3A00Z";
        assert_eq!(filled.as_deref(), Ok(wanted));
        for wrong in ["{{ form }}", "{{ from | lower }}", "{{ from", "{{ day | utc }}"] {
            assert!(fill(wrong, &texts()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_parameter_is_replaced_and_the_others_stay_as_written() {
        let address: Url = "https://x.test/a?b=%2B+1&page=1&c".parse().expect("a URL");
        assert_eq!(with_parameter(&address, "page", "a b").as_str(), "https://x.test/a?b=%2B+1&c&page=a%20b");
        let bare: Url = "https://x.test/a".parse().expect("a URL");
        assert_eq!(with_parameter(&bare, "page", "0").as_str(), "https://x.test/a?page=0");
    }

    #[test]
    fn links_stay_on_the_origin() {
        let here: Url = "https://x.test/v1/list?page=1".parse().expect("a URL");
        for (link, wanted) in [
            ("?page=2", "https://x.test/v1/list?page=2"),
            ("/v2", "https://x.test/v2"),
            ("https://me:secret@x.test:443/v1#top", "https://x.test/v1"),
        ] {
            assert_eq!(follow(&here, link).expect("the same origin").as_str(), wanted);
        }
        for link in
            ["http://x.test:81/", "https://x.test:8443/", "//evil.test/", "https://x.test.evil.test/", "file:///etc"]
        {
            assert!(follow(&here, link).is_err(), "{link}");
        }
    }

    #[test]
    fn a_link_that_differs_by_its_scheme_alone_is_read_on_the_own_origin() {
        for (here, link, wanted) in [
            ("https://x.test/a", "http://x.test/b", Some("https://x.test/b")),
            ("http://x.test:5000/a", "https://x.test:5000/b", Some("http://x.test:5000/b")),
            ("https://x.test/a", "http://y.test/b", None),
            ("https://x.test/a", "http://x.test:8080/b", None),
            ("https://x.test/a", "ftp://x.test/b", None),
        ] {
            let here: Url = here.parse().expect("a URL");
            assert_eq!(follow(&here, link).ok().as_ref().map(Url::as_str), wanted, "{link}");
        }
    }

    #[test]
    fn a_redirect_stays_at_home_becomes_safer_or_is_allowed() {
        let allowed = ["*.googleusercontent.com".to_owned(), "files.x.test".to_owned()];
        let led = |here: &str, location: &str| redirected(&here.parse().expect("a URL"), location, &allowed);
        for (here, location) in [
            ("https://x.test/a", "/b"),
            ("http://x.test/a", "https://x.test/a"),
            ("http://x.test:81/a", "https://x.test:81/a"),
            ("http://x.test:8080/a", "https://x.test:8443/a"),
        ] {
            assert!(matches!(led(here, location), Ok(Redirect::Own(_))), "{location}");
        }
        for location in ["https://doc-0c.sheets.googleusercontent.com/x", "https://files.x.test:8443/x"] {
            assert!(matches!(led("https://x.test/a", location), Ok(Redirect::Foreign(_))), "{location}");
        }
        for (here, location) in [
            ("https://x.test/a", "http://x.test/a"),
            ("https://x.test/a", "https://x.test:8443/a"),
            ("http://x.test:8080/a", "http://x.test:81/a"),
            ("https://x.test/a", "http://files.x.test/"),
            ("https://x.test/a", "https://googleusercontent.com/"),
            ("https://x.test/a", "https://evilgoogleusercontent.com/"),
            ("https://x.test/a", "https://files.x.test.evil.test/"),
            ("https://x.test/a", "https://y.test/"),
            ("http://x.test/a", "file:///etc/passwd"),
        ] {
            assert!(led(here, location).is_err(), "{location}");
        }
        assert!(led("https://x.test/a", "https://y.test/").expect_err("elsewhere").contains("`allow_redirect_to`"));
    }

    #[test]
    fn the_next_link_is_found_among_others() {
        let headers = [r#"<https://x.test/a?ids=1,2>; rel="prev", </b?ids=3,4>; title="x"; REL="last next""#];
        assert_eq!(next_link(headers.into_iter()), Some("/b?ids=3,4"));
        assert_eq!(next_link([r#"<a>; rel=prev"#, "<c>; rel=next"].into_iter()), Some("c"));
        assert_eq!(next_link([r#"<a>; rel="prevnext""#, "nonsense <"].into_iter()), None);
    }

    proptest! {
        #[test]
        fn no_link_header_panics_or_leads_away(header in "[<>;,=\"/:a-z@ ]{0,30}|(</[a-z]{0,3}>; ?rel=\"?(next|x)\"?,? ?){0,4}") {
            let here: Url = "https://x.test/v1?page=1".parse().expect("a URL");
            if let Some(link) = next_link([header.as_str()].into_iter())
                && let Ok(next) = follow(&here, link)
            {
                prop_assert_eq!(next.origin(), here.origin());
                prop_assert!(next.username().is_empty() && next.password().is_none());
            }
        }

        #[test]
        fn no_address_makes_filling_in_panic(template in "[{}| a-z:/?&]{0,30}|https://x.test/[{}| froma-z]{0,20}") {
            let _filled = fill(&template, &texts());
        }
    }
}
