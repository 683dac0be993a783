//! pure: `[source.http]`: what is asked, how, and where the rows are in the answer.

use super::section::{OptionalPart, Section, optional};
use super::{Reading, templates};
use crate::schedule::spanned::Node;
use crate::schedule::validate::parse_size;
use crate::schedule::{
    CalendarShape, CsvDialect, FormatSpec, HttpAuth, HttpSpec, JsonShape, OAuth2Spec, Paging, ReadBody, ReadMethod,
    SourceSpec,
};
use crate::settings::TextOrSecret;
use crate::template::Template;
use crate::zones::Zones;

/// Names a URL may use.
const URL_NAMES: [&str; 3] = ["from", "until", "day"];

pub fn read(section: &Section<'_>, zones: &Zones, reading: &mut Reading<'_>) -> Option<SourceSpec> {
    let url = section.text_or_secret("url", reading);
    if let (Some(TextOrSecret::Text(_)), Some(node)) = (&url, section.given("url")) {
        templates::url(node, &URL_NAMES, reading);
    }
    let timeout = section.positive_duration("timeout", reading);
    let headers = headers(section, reading);
    let format = match section.text("format").as_deref() {
        Some("json") => json(section),
        Some("csv") => Some(FormatSpec::Csv(CsvDialect::default())),
        Some("ical") => Some(FormatSpec::Calendar(CalendarShape::new(zones))),
        _ => None,
    };
    if !matches!(format, Some(FormatSpec::Json(_)) | None) {
        json_alone(section, reading);
    }
    let body = optional(section.given("body"), |node| templates::body(node, &URL_NAMES, reading));
    let method = method(section, reading);
    let body = body.map(|body| body.or_else(|| default_body(method?, format.as_ref()?)));
    let auth = optional(section.given("auth"), |_| auth(&section.inner("auth"), reading));
    let paging = optional(section.given("paging"), |node| {
        places_in_body(node, &body, reading);
        paging(&section.inner("paging"))
    });
    Some(SourceSpec::Http(Box::new(HttpSpec {
        url: url?,
        format: format?,
        method: method?,
        body: body.ok()?,
        headers: headers?,
        timeout: timeout?,
        max_bytes: parse_size(&section.text("max_bytes")?)?,
        auth: auth.ok()?,
        paging: paging.ok()?,
        joins: Vec::new(),
        allow_redirect_to: redirect_hosts(section, reading),
    })))
}

fn json(section: &Section<'_>) -> Option<FormatSpec> {
    Some(FormatSpec::Json(JsonShape {
        items: section.place("items")?,
        items_optional: section.truth("items_optional").unwrap_or(false),
        each: match section.given("each") {
            Some(_) => Some(section.place("each")?),
            None => None,
        },
        columns: Vec::new(),
        joins: Vec::new(),
        keeps_digits: false,
    }))
}

/// What a CalDAV server is asked for unless `body` says otherwise: the events of the window (RFC 4791, 7.8).
const CALENDAR_QUERY: &str = "<?xml version=\"1.0\" encoding=\"utf-8\"?>\
    <c:calendar-query xmlns:d=\"DAV:\" xmlns:c=\"urn:ietf:params:xml:ns:caldav\">\
    <d:prop><d:getetag/><c:calendar-data/></d:prop><c:filter><c:comp-filter name=\"VCALENDAR\"><c:comp-filter name=\"VEVENT\">\
    <c:time-range start=\"{{ from | utc | date('%Y%m%dT%H%M%SZ') }}\" end=\"{{ until | utc | date('%Y%m%dT%H%M%SZ') }}\"/>\
    </c:comp-filter></c:comp-filter></c:filter></c:calendar-query>";

fn default_body(method: ReadMethod, format: &FormatSpec) -> Option<ReadBody> {
    match (method, format) {
        (ReadMethod::Report, FormatSpec::Calendar(_)) => {
            Some(ReadBody::Text(Template::compile(CALENDAR_QUERY).expect("it is written above")))
        }
        _ => None,
    }
}

/// How a read asks: with a body by `POST` unless it says otherwise. A body on a `GET` would be ignored by most servers.
fn method(section: &Section<'_>, reading: &mut Reading<'_>) -> Option<ReadMethod> {
    if section.given("method").is_none() && section.given("body").is_some() {
        return Some(ReadMethod::Post);
    }
    let method = match section.text("method")?.as_str() {
        "GET" => ReadMethod::Get,
        "POST" => ReadMethod::Post,
        "REPORT" => ReadMethod::Report,
        _ => return None,
    };
    if let (ReadMethod::Get, Some(node)) = (method, section.given("body")) {
        reading.invalid(node, "a `GET` has no body", "write `method = \"POST\"`, or remove `body`");
    }
    Some(method)
}

/// Hosts by name, or all below a name; never a scheme or a path, which would look like more of a bound than it is.
fn redirect_hosts(section: &Section<'_>, reading: &mut Reading<'_>) -> Vec<String> {
    let Some(node) = section.given("allow_redirect_to") else { return Vec::new() };
    let mut hosts = Vec::new();
    for entry in node.strings() {
        let Some(text) = entry.text() else { continue };
        let host = text.strip_prefix("*.").unwrap_or(text);
        let is_host = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']');
        if host.is_empty() || !host.chars().all(is_host) || text.starts_with("*.") && !host.contains('.') {
            let message = format!("`{text}` is not a valid host");
            reading.invalid(entry, message, "write `docs.example.com`, or `*.example.com` for all below it");
        } else {
            hosts.push(text.to_ascii_lowercase());
        }
    }
    hosts
}

/// Refuses keys that name places in an answer where the format is not JSON: only JSON has places.
fn json_alone(section: &Section<'_>, reading: &mut Reading<'_>) {
    let format = section.text("format").unwrap_or_default();
    if let Some(items) = section.given("items")
        && items.text().is_some_and(|text| !text.is_empty())
    {
        reading.invalid(items, format!("`items` has no meaning with `format = \"{format}\"`"), "remove it");
    }
    if let Some(each) = section.given("each") {
        reading.invalid(each, format!("`each` has no meaning with `format = \"{format}\"`"), "remove it");
    }
    let Some(paging) = section.given("paging") else { return };
    for name in ["cursor", "next"] {
        if let Some(node) = paging.get(name) {
            reading.invalid(node, format!("`{name}` paging needs JSON pages"), "use `page` or `link_header`");
        }
    }
}

/// Names that no HTTP library takes are found here, not at nine in the morning.
pub fn headers(section: &Section<'_>, reading: &mut Reading<'_>) -> Option<Vec<(String, TextOrSecret)>> {
    for entry in section.given("headers").map(Node::entries).unwrap_or_default() {
        let is_token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
        if entry.key.is_empty() || !entry.key.chars().all(is_token) {
            reading
                .problems
                .error(
                    "invalid-value",
                    entry.key_span.clone(),
                    format!("`{}` is not a valid name of a header", entry.key),
                )
                .help("letters, digits and dashes");
        }
        if let Some(text) = entry.node.text()
            && text.chars().any(|c| c.is_control() && c != '\t')
        {
            reading.invalid(&entry.node, format!("the header `{}` has control characters", entry.key), "remove them");
        }
    }
    section.secret_map("headers", reading)
}

fn oauth2(section: &Section<'_>, reading: &mut Reading<'_>) -> Option<OAuth2Spec> {
    let token_url = section.text_or_secret("token_url", reading);
    if let (Some(TextOrSecret::Text(text)), Some(node)) = (&token_url, section.given("token_url")) {
        templates::address(node, text, reading)?;
    }
    let secret = |name: &str, reading: &Reading<'_>| section.given(name).and_then(|_| section.secret(name, reading));
    Some(OAuth2Spec {
        token_url: token_url?,
        client_id: section.text_or_secret("client_id", reading)?,
        client_secret: secret("client_secret", reading),
        private_key: secret("private_key", reading),
        scope: section.text("scope"),
        refresh_token: secret("refresh_token", reading),
    })
}

pub fn auth(section: &Section<'_>, reading: &mut Reading<'_>) -> Option<HttpAuth> {
    if let Some(bearer) = section.secret("bearer", reading) {
        return Some(HttpAuth::Bearer(bearer));
    }
    if section.given("oauth2").is_some() {
        return oauth2(&section.inner("oauth2"), reading).map(|spec| HttpAuth::OAuth2(Box::new(spec)));
    }
    section.given("basic")?;
    let basic = section.inner("basic");
    Some(HttpAuth::Basic { user: basic.text_or_secret("user", reading)?, password: basic.secret("password", reading)? })
}

/// A parameter that begins with a slash is a place in a body.
fn places_in_body(paging: &Node, body: &OptionalPart<ReadBody>, reading: &mut Reading<'_>) {
    for node in ["page", "offset", "cursor"].into_iter().filter_map(|kind| paging.at(&[kind, "parameter"])) {
        if node.text().is_some_and(|text| text.starts_with('/')) && !matches!(body, Ok(Some(ReadBody::Tree(_)))) {
            let message = "a parameter that begins with `/` is a place in `body`, which is no table here";
            reading.invalid(node, message, "write `body` as a table, or name a parameter of the address");
        }
    }
}

fn paging(section: &Section<'_>) -> Option<Paging> {
    if section.given("page").is_some() {
        let page = section.inner("page");
        return Some(Paging::Page {
            parameter: page.text("parameter")?,
            start: page.whole("start")?,
            size: page.whole("size")?,
        });
    }
    if section.given("offset").is_some() {
        let offset = section.inner("offset");
        return Some(Paging::Offset { parameter: offset.text("parameter")?, size: offset.whole("size")? });
    }
    if section.given("cursor").is_some() {
        let cursor = section.inner("cursor");
        return Some(Paging::Cursor { parameter: cursor.text("parameter")?, at: cursor.place("at")? });
    }
    if section.given("next").is_some() {
        return Some(Paging::Next { at: section.inner("next").place("at")? });
    }
    section.truth("link_header")?.then_some(Paging::LinkHeader)
}
