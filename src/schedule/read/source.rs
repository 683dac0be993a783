//! pure: `[source]`: a text table, SQLite or an HTTP API.

use super::Reading;
use super::section::{NoValue, OptionalPart, Section, optional};
use super::templates;
use crate::schedule::keys::{SCHEDULE, Shape};
use crate::schedule::spanned::Node;
use crate::schedule::validate::{NOT_YET, parse_size};
use crate::schedule::{
    CsvDialect, FileSpec, FormatSpec, HttpAuth, HttpSpec, JsonShape, Paging, ReadLimits, SourceSpec, SqliteSpec,
    code_page,
};
use crate::settings::TextOrSecret;

/// Names a URL may use.
const URL_NAMES: [&str; 3] = ["from", "until", "day"];

pub fn read(node: Option<&Node>, reading: &mut Reading<'_>) -> Option<SourceSpec> {
    let Shape::Table(keys) = SCHEDULE.key("source")?.shape else { return None };
    let section = Section::of(node, keys);
    let (kind, read) = given_kind(&section)?;
    read(&section.inner(kind), reading)
}

type SourceReader = fn(&Section<'_>, &mut Reading<'_>) -> Option<SourceSpec>;

/// The kinds of sources: the name of the table, and what reads it.
const KINDS: [(&str, SourceReader); 3] = [("csv", csv), ("sqlite", sqlite), ("http", http)];

/// The kind that a schedule has.
fn given_kind(section: &Section<'_>) -> Option<(&'static str, SourceReader)> {
    KINDS.into_iter().find(|(kind, _)| section.given(kind).is_some())
}

fn csv(section: &Section<'_>, reading: &mut Reading<'_>) -> Option<SourceSpec> {
    if let Some(node) = section.given("path")
        && node.text().is_some_and(|path| path.contains(['*', '?', '[']))
    {
        reading
            .problems
            .error(NOT_YET, node.span.clone(), "a pattern (`*`, `?`, `[`) in `path` is not yet supported")
            .help("name one file, such as `appointments.csv`");
    }
    let encoding = encoding(section, reading);
    let delimiter = delimiter(section, reading);
    let dialect =
        CsvDialect { encoding: encoding.ok()?, delimiter: delimiter.ok()?, header_row: section.whole("header_row")? };
    Some(SourceSpec::File(FileSpec { path: section.path("path", reading)?, format: FormatSpec::Csv(dialect) }))
}

/// `None`: found out at every read.
fn encoding(section: &Section<'_>, reading: &mut Reading<'_>) -> OptionalPart<String> {
    let node = section.node("encoding").ok_or(NoValue)?;
    let text = node.text().ok_or(NoValue)?;
    if text.eq_ignore_ascii_case("auto") {
        return Ok(None);
    }
    if encoding_rs::Encoding::for_label(text.as_bytes()).is_none() && code_page(text).is_none() {
        reading.invalid(
            &node,
            format!("`{text}` is not a valid encoding"),
            "write `\"auto\"`, `\"utf-8\"`, `\"utf-16le\"`, `\"windows-1252\"`, or a DOS code page (`\"437\"`, `\"850\"`, `\"852\"`, `\"866\"`)",
        );
        return Err(NoValue);
    }
    Ok(Some(text.to_owned()))
}

/// `None`: found out at every read.
fn delimiter(section: &Section<'_>, reading: &mut Reading<'_>) -> OptionalPart<u8> {
    let node = section.node("delimiter").ok_or(NoValue)?;
    match node.text().ok_or(NoValue)? {
        "auto" => Ok(None),
        "," | "comma" => Ok(Some(b',')),
        ";" | "semicolon" => Ok(Some(b';')),
        "\t" | "tab" => Ok(Some(b'\t')),
        "|" | "pipe" => Ok(Some(b'|')),
        other => {
            let message = format!("`{other}` is not a valid delimiter");
            reading.invalid(&node, message, "write `\"auto\"`, `\",\"`, `\";\"`, `\"\\t\"` or `\"|\"`");
            Err(NoValue)
        }
    }
}

fn sqlite(section: &Section<'_>, reading: &mut Reading<'_>) -> Option<SourceSpec> {
    if let Some(node) = section.given("query")
        && let Some(query) = node.text()
        && let Some(first) = first_word(query)
        && !["select", "with", "values"].contains(&first.as_str())
    {
        reading.invalid(node, "the query isn't a SELECT", "write one SELECT; the file is opened read-only");
    }
    Some(SourceSpec::Sqlite(SqliteSpec { path: section.path("path", reading)?, query: section.text("query")? }))
}

/// The first word of a query, comments passed over, in lower case.
fn first_word(query: &str) -> Option<String> {
    let mut rest = query.trim_start();
    loop {
        if let Some(comment) = rest.strip_prefix("--") {
            rest = comment.split_once('\n')?.1.trim_start();
        } else if let Some(comment) = rest.strip_prefix("/*") {
            rest = comment.split_once("*/")?.1.trim_start();
        } else {
            break;
        }
    }
    let end = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
    Some(rest[..end].to_ascii_lowercase())
}

fn http(section: &Section<'_>, reading: &mut Reading<'_>) -> Option<SourceSpec> {
    let url = section.text_or_secret("url", reading);
    if let (Some(TextOrSecret::Text(_)), Some(node)) = (&url, section.given("url")) {
        templates::url(node, &URL_NAMES, reading);
    }
    let timeout = section.positive_duration("timeout", reading);
    let headers = headers(section, reading);
    let format = match section.text("format").as_deref() {
        Some("json") => json(section),
        Some("csv") => Some(FormatSpec::Csv(CsvDialect::default())),
        _ => None,
    };
    if matches!(format, Some(FormatSpec::Csv(_))) {
        pages_of_csv(section, reading);
    }
    let auth = optional(section.given("auth"), |_| auth(&section.inner("auth"), reading));
    let paging = optional(section.given("paging"), |_| paging(&section.inner("paging")));
    Some(SourceSpec::Http(Box::new(HttpSpec {
        url: url?,
        format: format?,
        headers: headers?,
        timeout: timeout?,
        max_bytes: parse_size(&section.text("max_bytes")?)?,
        auth: auth.ok()?,
        paging: paging.ok()?,
        allow_redirect_to: redirect_hosts(section, reading),
    })))
}

fn json(section: &Section<'_>) -> Option<FormatSpec> {
    Some(FormatSpec::Json(JsonShape {
        items: section.text("items")?,
        items_optional: section.truth("items_optional").unwrap_or(false),
    }))
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

/// The bounds of a read, which every source has.
pub fn limits(node: Option<&Node>, reading: &mut Reading<'_>) -> Option<ReadLimits> {
    let Shape::Table(keys) = SCHEDULE.key("source")?.shape else { return None };
    let section = Section::of(node, keys);
    let (kind, _) = given_kind(&section)?;
    let section = section.inner(kind);
    Some(ReadLimits { deadline: section.positive_duration("deadline", reading)?, max_rows: section.whole("max_rows")? })
}

/// A text table has no place for a pointer.
fn pages_of_csv(section: &Section<'_>, reading: &mut Reading<'_>) {
    if let Some(items) = section.given("items")
        && items.text().is_some_and(|text| !text.is_empty())
    {
        reading.invalid(items, "`items` has no meaning with `format = \"csv\"`", "remove it");
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

fn auth(section: &Section<'_>, reading: &Reading<'_>) -> Option<HttpAuth> {
    if let Some(bearer) = section.secret("bearer", reading) {
        return Some(HttpAuth::Bearer(bearer));
    }
    section.given("basic")?;
    let basic = section.inner("basic");
    Some(HttpAuth::Basic { user: basic.text_or_secret("user", reading)?, password: basic.secret("password", reading)? })
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
        return Some(Paging::Cursor { parameter: cursor.text("parameter")?, at: cursor.text("at")? });
    }
    if section.given("next").is_some() {
        return Some(Paging::Next { at: section.inner("next").text("at")? });
    }
    section.truth("link_header")?.then_some(Paging::LinkHeader)
}
