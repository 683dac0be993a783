//! pure: `[appointment]`: which column means what.

use super::section::{Section, items};
use super::{Reading, templates};
use crate::appointment::{AppointmentColumns, DateFormat, StartColumns, dates, phone};
use crate::row::{Column, IDEMPOTENCY_KEY, OCCURRENCE};
use crate::schedule::keys::{SCHEDULE, Shape};
use crate::schedule::spanned::Node;
use crate::schedule::{FormatSpec, SourceSpec};
use crate::spelling::did_you_mean;
use crate::zones::{Zone, Zones};

pub fn read(node: Option<&Node>, zones: &Zones, reading: &mut Reading<'_>) -> Option<AppointmentColumns> {
    let Shape::Table(keys) = SCHEDULE.key("appointment")?.shape else { return None };
    let section = Section::of(node, keys);
    let default_region = section.given("default_region").map(|node| country(node, reading));
    let date_format = date_format(section.given("date_format"), reading);
    let label = section.given("label").map(|node| templates::template(node, reading));
    let source_timezone = section.given("source_timezone").map(|node| source_timezone(node, zones, reading));
    Some(AppointmentColumns {
        id: ids(&section, reading)?,
        phone: section.columns("phone")?,
        default_region: match default_region {
            Some(read) => Some(read?),
            None => None,
        },
        starts_at: if reading.is_inbound { StartColumns::Receipt } else { start(section.given("starts_at")?)? },
        date_format: date_format?,
        timezone: section.column("timezone"),
        source_timezone: match source_timezone {
            Some(read) => Some(read?),
            None => None,
        },
        recipient_timezone: section.column("recipient_timezone"),
        status: section.column("status"),
        label: match label {
            Some(read) => Some(read?),
            None => None,
        },
        person: section.column("person"),
        language: section.column("language"),
        do_not_call: section.column("do_not_call"),
        consent: section.column("consent"),
        recurrence: section.column("recurrence"),
        recurrence_exceptions: section.column("recurrence_exceptions"),
        call_at: section.column("call_at"),
        expires: section.column("expires"),
        priority: section.column("priority"),
        occurrence: section.given("recurrence").map(|_| Column::new(OCCURRENCE)),
    })
}

/// The columns of the id; a request without one has its `Idempotency-Key`.
fn ids(section: &Section<'_>, reading: &Reading<'_>) -> Option<Vec<Column>> {
    match section.given("id") {
        None if reading.is_inbound => Some(vec![Column::new(IDEMPOTENCY_KEY)]),
        Some(_) | None => section.columns("id"),
    }
}

/// What a format knows of its own columns: a calendar marks the occurrences of its series and has a status; a workbook's
/// dates by type are ISO 8601 whatever format its texts have.
pub fn suit_format(columns: &mut AppointmentColumns, source: &SourceSpec) {
    match source.format() {
        Some(FormatSpec::Calendar(_)) => {
            columns.occurrence = Some(Column::new(OCCURRENCE));
            columns.status.get_or_insert_with(|| Column::new("status"));
        }
        Some(FormatSpec::Workbook(_)) => {
            if let DateFormat::Patterns(patterns) = &mut columns.date_format {
                patterns.extend(TYPED_DATES.map(str::to_owned));
            }
        }
        Some(FormatSpec::Csv(_) | FormatSpec::Json(_)) | None => {}
    }
}

/// How a workbook's cell of a date with a time is written, and cells of a date and of a time joined.
const TYPED_DATES: [&str; 2] = ["%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S"];

fn start(node: &Node) -> Option<StartColumns> {
    if let Some(column) = node.text() {
        return Some(StartColumns::One(Column::new(column)));
    }
    let column = |key| node.get(key).and_then(Node::text).map(Column::new);
    Some(StartColumns::DateAndTime { date: column("date")?, time: column("time")? })
}

fn source_timezone(node: &Node, zones: &Zones, reading: &mut Reading<'_>) -> Option<Zone> {
    match zones.zone(node.text()?) {
        Ok(zone) => Some(zone),
        Err(error) => {
            reading.invalid(node, format!("`{}` is no IANA time zone", error.name), error.remedy);
            None
        }
    }
}

/// An ISO 3166 region the numbering plans know, in capitals.
pub fn country(node: &Node, reading: &mut Reading<'_>) -> Option<String> {
    let text = node.text()?;
    let capitals = text.to_ascii_uppercase();
    let capitals = if capitals == "UK" { "GB".to_owned() } else { capitals };
    let is_known = phone::is_region(&capitals);
    if is_known && capitals == text {
        return Some(capitals);
    }
    let help = if is_known {
        format!("did you mean `\"{capitals}\"`?")
    } else {
        "write a country's two letters (ISO 3166), such as `\"US\"` or `\"CA\"`".to_owned()
    };
    reading.invalid(node, format!("`{text}` is not a valid country"), help);
    None
}

fn date_format(node: Option<&Node>, reading: &mut Reading<'_>) -> Option<DateFormat> {
    let Some(node) = node else { return Some(DateFormat::Iso) };
    match node.text() {
        Some("excel") => return Some(DateFormat::Excel),
        Some("epoch") => return Some(DateFormat::Epoch),
        Some("epoch_ms") => return Some(DateFormat::EpochMs),
        Some(_) | None => {}
    }
    let patterns: Vec<Option<String>> = items(node).into_iter().map(|item| pattern(item, reading)).collect();
    patterns.into_iter().collect::<Option<Vec<String>>>().map(DateFormat::Patterns)
}

/// The strftime pattern for one in the letters of Java, .NET and spreadsheets (`dd.MM.yyyy HH:mm`), when it reads a date and
/// a time.
fn pattern_of_letters(letters: &str) -> Option<String> {
    /// The longest first.
    const DIRECTIVES: [(&str, &str); 19] = [
        ("yyyy", "%Y"),
        ("YYYY", "%Y"),
        ("MMMM", "%B"),
        ("MMM", "%b"),
        ("yy", "%y"),
        ("YY", "%y"),
        ("MM", "%m"),
        ("dd", "%d"),
        ("DD", "%d"),
        ("HH", "%H"),
        ("hh", "%I"),
        ("mm", "%M"),
        ("ss", "%S"),
        ("tt", "%p"),
        ("M", "%m"),
        ("d", "%d"),
        ("H", "%H"),
        ("h", "%I"),
        ("a", "%p"),
    ];
    let (mut pattern, mut rest) = (String::new(), letters);
    while let Some(first) = rest.chars().next() {
        match DIRECTIVES.iter().find(|(letters, _)| rest.starts_with(letters)) {
            Some((letters, directive)) => {
                pattern.push_str(directive);
                rest = &rest[letters.len()..];
            }
            None => {
                pattern.push(first);
                rest = &rest[first.len_utf8()..];
            }
        }
    }
    dates::check_pattern(&pattern).is_ok().then_some(pattern)
}

/// A strftime pattern that reads a date and a time of day.
fn pattern(node: &Node, reading: &mut Reading<'_>) -> Option<String> {
    let text = node.text()?;
    let example = "write a strftime pattern, such as `\"%d/%m/%Y %H:%M\"` or `\"%m/%d/%Y %I:%M %p\"`";
    if !text.contains('%') {
        let help = match did_you_mean(text, ["excel", "epoch", "epoch_ms", "iso8601", "ISO 8601"]) {
            Some("excel") => "did you mean `\"excel\"`?",
            Some("epoch") => "did you mean `\"epoch\"`, seconds since 1970?",
            Some("epoch_ms") => "did you mean `\"epoch_ms\"`, milliseconds since 1970?",
            Some(_) => "ISO 8601 is read when `date_format` is left out",
            None => &pattern_of_letters(text)
                .map_or_else(|| example.to_owned(), |likely| format!("did you mean `\"{likely}\"`?")),
        };
        reading.invalid(node, format!("`{text}` has no `%` directive"), help);
        return None;
    }
    match dates::check_pattern(text) {
        Ok(()) => Some(text.to_owned()),
        Err(message) => {
            let help = if message.contains("%z") { "`%z` reads an offset, `Z`, `UTC` and `GMT`" } else { example };
            reading.invalid(node, message, help);
            None
        }
    }
}
