//! pure: the reference of schedule files, generated from the table that also validates them.

use super::{ReferenceEntry, ReferenceSection};
use crate::schedule::keys::{Key, KeyTable, Need, SCHEDULE, Shape};

/// A section for the file itself, and one for each table with keys of its own.
pub(super) fn sections() -> Vec<ReferenceSection> {
    let mut sections = Vec::new();
    collect(&SCHEDULE, "", "A schedule file", &mut sections);
    sections
}

fn collect(table: &KeyTable, path: &str, heading: &str, sections: &mut Vec<ReferenceSection>) {
    let leaves: Vec<ReferenceEntry> =
        table.keys.iter().filter(|key| !matches!(key.shape, Shape::Table(_))).map(|key| entry(key, path)).collect();
    if !leaves.is_empty() {
        sections.push(ReferenceSection { heading: heading.to_owned(), intro: one_of(table), entries: leaves });
    }
    for key in table.keys {
        if let Shape::Table(inner) = key.shape {
            let path = joined(path, key.name);
            let heading = format!("`[{path}]`: {}", lowered(key.doc));
            collect(inner, &path, &heading, sections);
        }
    }
}

fn one_of(table: &KeyTable) -> String {
    let supported = |name: &&&str| table.key(name).is_some_and(|key| key.need != Need::Later);
    let names: Vec<String> = table.one_of.iter().filter(supported).map(|name| format!("`{name}`")).collect();
    if names.len() < 2 { String::new() } else { format!("Exactly one of {}.", names.join(", ")) }
}

fn entry(key: &Key, path: &str) -> ReferenceEntry {
    let path = joined(path, key.name);
    let takes = match key.need {
        Need::Required => format!("{}; required", key.shape.wanted()),
        Need::RequiredButInbound => format!("{}; required without `[source.inbound]`", key.shape.wanted()),
        Need::Optional => key.shape.wanted(),
        Need::Default(written) => format!("{}; default `{written}`", key.shape.wanted()),
        Need::Later => "not yet supported".to_owned(),
    };
    ReferenceEntry {
        takes,
        meaning: key.doc.to_owned(),
        example: key.example(&path).unwrap_or_default().to_owned(),
        name: path,
    }
}

fn joined(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// A text that follows a colon: its first letter in lower case, except in abbreviations and names.
fn lowered(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().unwrap_or_default();
    let is_name = letters.clone().next().is_some_and(char::is_uppercase) || text.starts_with("Thoughtly");
    if is_name { text.to_owned() } else { first.to_lowercase().chain(letters).collect() }
}
