//! pure: `[appointment]`: which column means what.

use jiff::fmt::strtime::BrokenDownTime;

use super::Reading;
use super::section::{Section, items};
use crate::appointment::{AppointmentColumns, DateFormat, StartColumns};
use crate::row::ColumnName;
use crate::schedule::keys::{SCHEDULE, Shape};
use crate::schedule::problems::did_you_mean;
use crate::schedule::tree::Node;

pub fn read(node: Option<&Node>, reading: &mut Reading<'_>) -> Option<AppointmentColumns> {
    let Shape::Table(keys) = SCHEDULE.key("appointment")?.shape else { return None };
    let section = Section::of(node, keys);
    let default_region = match section.given("default_region") {
        Some(node) => Some(country(node, reading)),
        None => None,
    };
    let date_format = date_format(section.given("date_format"), reading);
    Some(AppointmentColumns {
        id: section.columns("id")?,
        phone: section.columns("phone")?,
        default_region: match default_region {
            Some(read) => Some(read?),
            None => None,
        },
        starts_at: start(section.given("starts_at")?)?,
        date_format: date_format?,
        timezone: section.column("timezone"),
        recipient_timezone: section.column("recipient_timezone"),
        status: section.column("status"),
        person: section.column("person"),
        language: section.column("language"),
        do_not_call: section.column("do_not_call"),
        consent: section.column("consent"),
    })
}

fn start(node: &Node) -> Option<StartColumns> {
    if let Some(column) = node.text() {
        return Some(StartColumns::One(ColumnName::new(column)));
    }
    let column = |key| node.get(key).and_then(Node::text).map(ColumnName::new);
    Some(StartColumns::DateAndTime { date: column("date")?, time: column("time")? })
}

/// An ISO 3166 region the numbering plans know, in capitals.
pub fn country(node: &Node, reading: &mut Reading<'_>) -> Option<String> {
    let text = node.text()?;
    let capitals = text.to_ascii_uppercase();
    let capitals = if capitals == "UK" { "GB".to_owned() } else { capitals };
    let is_known = rlibphonenumber::Region::from_code(&capitals)
        .is_ok_and(|region| rlibphonenumber::PHONE_NUMBER_UTIL.get_supported_regions().any(|known| known == region));
    if is_known && capitals == text {
        return Some(capitals);
    }
    let help = if is_known {
        format!("did you mean `\"{capitals}\"`?")
    } else {
        "write a country's two letters (ISO 3166), such as `\"US\"` or `\"CA\"`".to_owned()
    };
    reading.invalid(node, format!("`{text}` is no country"), help);
    None
}

fn date_format(node: Option<&Node>, reading: &mut Reading<'_>) -> Option<DateFormat> {
    let Some(node) = node else { return Some(DateFormat::Iso) };
    if node.text() == Some("excel") {
        return Some(DateFormat::Excel);
    }
    let patterns: Vec<Option<String>> = items(node).into_iter().map(|item| pattern(item, reading)).collect();
    patterns.into_iter().collect::<Option<Vec<String>>>().map(DateFormat::Patterns)
}

/// A strftime pattern that can be read back: one moment, written by it, must read as itself.
fn pattern(node: &Node, reading: &mut Reading<'_>) -> Option<String> {
    let text = node.text()?;
    if let Err((message, help)) = judge_pattern(text) {
        reading.invalid(node, message, help);
        return None;
    }
    if !has_time_of_day(text) {
        reading
            .problems
            .warning("no-time-of-day", node.span.clone(), format!("`{text}` has no time of day"))
            .help("every appointment would start at midnight: add `%H:%M`");
    }
    Some(text.to_owned())
}

fn has_time_of_day(pattern: &str) -> bool {
    ["%H", "%I", "%k", "%l", "%T", "%R", "%s", "%-H", "%-I", "%X", "%r", "%c", "%_H", "%_I"]
        .iter()
        .any(|directive| pattern.contains(directive))
}

/// 2026-11-24T09:30:00Z: its day, month, hour and minute all differ.
const TRIED_AT: i64 = 1_795_512_600;

fn judge_pattern(text: &str) -> Result<(), (String, String)> {
    let example = "such as `\"%d/%m/%Y %H:%M\"` or `\"%m/%d/%Y %I:%M %p\"`";
    if !text.contains('%') {
        let words = [("excel", "excel"), ("iso", "")];
        let help = match did_you_mean(text, words.iter().map(|(word, _)| *word)) {
            Some("excel") => "did you mean `\"excel\"`?".to_owned(),
            Some(_) => "ISO 8601 is read when `date_format` is left out".to_owned(),
            None => format!("write a strftime pattern, {example}"),
        };
        return Err((format!("`{text}` has no `%` directive"), help));
    }
    let moment =
        jiff::Timestamp::from_second(TRIED_AT).expect("a second of 2026").to_zoned_datetime(jiff::tz::TimeZone::UTC);
    let written = jiff::fmt::strtime::format(text, &moment)
        .map_err(|error| (format!("`{text}` is no strftime pattern: {error}"), format!("write one {example}")))?;
    let read = BrokenDownTime::parse(text, &written)
        .map_err(|error| (format!("`{text}` can't be read back: {error}"), format!("write a pattern {example}")))?;
    match read.to_date().or_else(|error| read.to_timestamp().map(|_| moment.date()).map_err(|_| error)) {
        Ok(date) if date == moment.date() => Ok(()),
        _ => Err((format!("`{text}` doesn't name day, month and year"), format!("a date needs all three, {example}"))),
    }
}
