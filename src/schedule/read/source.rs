//! pure: `[source]`: a text table, a workbook, calendars, SQLite, an HTTP API, or requests that are posted.

use super::Reading;
use super::section::{NoValue, OptionalPart, Section};
use super::{http, inbound};
use crate::schedule::keys::{SCHEDULE, Shape};
use crate::schedule::spanned::Node;
use crate::schedule::{
    CalendarShape, CsvDialect, FileSpec, FormatSpec, ReadLimits, SourceSpec, SqliteSpec, WorkbookShape, code_page,
};
use crate::zones::Zones;

pub fn read(node: Option<&Node>, zones: &Zones, reading: &mut Reading<'_>) -> Option<SourceSpec> {
    let Shape::Table(keys) = SCHEDULE.key("source")?.shape else { return None };
    let section = Section::of(node, keys);
    let (kind, read) = given_kind(&section)?;
    read(&section.inner(kind), zones, reading)
}

type SourceReader = fn(&Section<'_>, &Zones, &mut Reading<'_>) -> Option<SourceSpec>;

/// The kinds of sources: the name of the table, and what reads it.
const KINDS: [(&str, SourceReader); 6] = [
    ("csv", csv),
    ("xlsx", workbook),
    ("ical", calendar),
    ("sqlite", sqlite),
    ("http", http::read),
    ("inbound", inbound::read),
];

/// The kind that a schedule has.
fn given_kind(section: &Section<'_>) -> Option<(&'static str, SourceReader)> {
    KINDS.into_iter().find(|(kind, _)| section.given(kind).is_some())
}

fn csv(section: &Section<'_>, _: &Zones, reading: &mut Reading<'_>) -> Option<SourceSpec> {
    let encoding = encoding(section, reading);
    let delimiter = delimiter(section, reading);
    let dialect =
        CsvDialect { encoding: encoding.ok()?, delimiter: delimiter.ok()?, header_row: section.whole("header_row")? };
    file(section, FormatSpec::Csv(dialect), reading)
}

/// A file, or the files that a pattern matches.
fn file(section: &Section<'_>, format: FormatSpec, reading: &mut Reading<'_>) -> Option<SourceSpec> {
    let written = section.text("path")?;
    let is_pattern = written.contains(['*', '?', '[']);
    let pattern = is_pattern.then(|| {
        // only what the schedule writes is a pattern, its folder isn't
        let folder = glob::Pattern::escape(&reading.folder.display().to_string());
        std::path::Path::new(&folder).join(&written).display().to_string()
    });
    if let Some(Err(error)) = pattern.as_deref().map(glob::Pattern::new)
        && let Some(node) = section.given("path")
    {
        let help = "a pattern is written like `export-*.csv`; the match changed last is read";
        reading.invalid(node, format!("`{written}` is not a valid pattern: {}", error.msg), help);
    }
    Some(SourceSpec::File(FileSpec { path: section.path("path", reading)?, pattern, format }))
}

fn workbook(section: &Section<'_>, _: &Zones, reading: &mut Reading<'_>) -> Option<SourceSpec> {
    let shape = WorkbookShape { sheet: section.text("sheet"), header_row: section.whole("header_row")? };
    file(section, FormatSpec::Workbook(shape), reading)
}

fn calendar(section: &Section<'_>, zones: &Zones, reading: &mut Reading<'_>) -> Option<SourceSpec> {
    file(section, FormatSpec::Calendar(CalendarShape::new(zones)), reading)
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

fn sqlite(section: &Section<'_>, _: &Zones, reading: &mut Reading<'_>) -> Option<SourceSpec> {
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

/// The bounds of a read, which every source has.
pub fn limits(node: Option<&Node>, reading: &mut Reading<'_>) -> Option<ReadLimits> {
    let Shape::Table(keys) = SCHEDULE.key("source")?.shape else { return None };
    let section = Section::of(node, keys);
    let (kind, _) = given_kind(&section)?;
    if reading.is_inbound {
        return Some(ReadLimits::default());
    }
    let section = section.inner(kind);
    Some(ReadLimits { deadline: section.positive_duration("deadline", reading)?, max_rows: section.whole("max_rows")? })
}
