//! pure: where in a schedule's text its columns, names and secrets stand: for checks that also look at sources and secrets.

use std::ops::Range;
use std::path::Path;

use super::keys::{KeyTable, SCHEDULE, Shape};
use super::spanned::{Node, Value};
use crate::settings::SecretRef;

/// Keys of `[appointment]` that name columns.
const COLUMN_KEYS: [&str; 15] = [
    "id",
    "phone",
    "starts_at",
    "timezone",
    "recipient_timezone",
    "status",
    "person",
    "language",
    "do_not_call",
    "consent",
    "recurrence",
    "recurrence_exceptions",
    "call_at",
    "expires",
    "priority",
];

/// A secret that a schedule names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlacedSecret {
    /// Where its table stands (bytes).
    pub span: Range<usize>,
    /// Where the secret lives.
    pub secret: SecretRef,
    /// Whether it is an address.
    pub is_url: bool,
    /// The names of the tables around it and its own.
    pub path: Vec<String>,
}

/// Every column that `[appointment]` maps, with the string that names it.
#[must_use]
pub fn mapped_columns(root: &Node) -> Vec<&Node> {
    let Some(appointment) = root.get("appointment") else { return Vec::new() };
    let mapped = appointment.entries().iter().filter(|entry| COLUMN_KEYS.contains(&entry.key.as_str()));
    mapped.flat_map(|entry| entry.node.strings()).collect()
}

/// The path of the source's file, as it is written, whatever kind of source it is.
#[must_use]
pub fn source_path(root: &Node) -> Option<&str> {
    root.get("source")?.entries().iter().find_map(|kind| kind.node.get("path")?.text())
}

/// Every template that is filled with a row: the payload's and the contact's strings, and the label.
#[must_use]
pub fn row_templates(root: &Node) -> Vec<&Node> {
    let trees = [root.get("payload"), root.at(&["target", "call", "contact"]), root.at(&["appointment", "label"])];
    trees.into_iter().flatten().flat_map(Node::strings).collect()
}

/// Every other text that is evaluated with a row: the condition, and the computed columns.
#[must_use]
pub fn row_expressions(root: &Node) -> Vec<&Node> {
    let trees = [root.at(&["remind", "only_if"]), root.get("columns")];
    trees.into_iter().flatten().flat_map(Node::strings).collect()
}

/// Names that a text reaches through the row: `row["Appt Date"]`, `row['x']`, `row.x`.
#[must_use]
pub fn row_keys(text: &str) -> Vec<String> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let begins_word = |at: usize| !text[..at].ends_with(is_word);
    let after = text.match_indices("row").filter(|(at, _)| begins_word(*at)).map(|(at, word)| &text[at + word.len()..]);
    after.filter_map(row_key).collect()
}

/// The name behind `row`, when it is reached.
fn row_key(after: &str) -> Option<String> {
    if let Some(rest) = after.strip_prefix('.') {
        let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
        return (end > 0).then(|| rest[..end].to_owned());
    }
    // a backslash: within a TOML text in double quotes
    let rest = after.trim_start().strip_prefix('[')?.trim_start().trim_start_matches('\\');
    let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let (name, _) = rest[1..].split_once(quote)?;
    Some(name.trim_end_matches('\\').to_owned())
}

/// Every secret the file names. Paths count from `folder`.
#[must_use]
pub fn secrets(root: &Node, folder: &Path) -> Vec<PlacedSecret> {
    let mut found = Vec::new();
    collect((root, &[]), &SCHEDULE, folder, &mut found);
    found
}

fn collect((node, above): (&Node, &[String]), keys: &KeyTable, folder: &Path, found: &mut Vec<PlacedSecret>) {
    for entry in node.entries() {
        let path = [above, std::slice::from_ref(&entry.key)].concat();
        let placed = |node: &Node, key: &str| placed_at(node, key, folder, &path);
        match keys.key(&entry.key).map(|key| &key.shape) {
            Some(Shape::Secret | Shape::TextOrSecret) => found.extend(placed(&entry.node, &entry.key)),
            Some(Shape::SecretMap) => {
                found.extend(entry.node.entries().iter().filter_map(|header| placed(&header.node, &header.key)));
            }
            Some(Shape::Secrets) => {
                found.extend(items(&entry.node).into_iter().filter_map(|node| placed(node, &entry.key)));
            }
            Some(Shape::Table(inner)) => collect((&entry.node, &path), inner, folder, found),
            _ => {}
        }
    }
}

fn placed_at(node: &Node, key: &str, folder: &Path, path: &[String]) -> Option<PlacedSecret> {
    let secret = secret_ref(node, folder)?;
    Some(PlacedSecret { span: node.span.clone(), secret, is_url: key == "url", path: path.to_vec() })
}

/// The items of a list, or the value itself.
fn items(node: &Node) -> Vec<&Node> {
    match &node.value {
        Value::List(items) => items.iter().collect(),
        _ => vec![node],
    }
}

/// The secret a table names; `None` when it names none, or several.
#[must_use]
pub fn secret_ref(node: &Node, folder: &Path) -> Option<SecretRef> {
    let Value::Table(entries) = &node.value else { return None };
    let [entry] = entries.as_slice() else { return None };
    let place = entry.node.text()?;
    match entry.key.as_str() {
        "env" => Some(SecretRef::Env(place.to_owned())),
        "credential" => Some(SecretRef::Credential(place.to_owned())),
        "file" => Some(SecretRef::File(folder.join(place))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_reached_through_the_row_are_found() {
        let text = r#"a = "{{ row[\"Appt Date\"] }}" b = '{{ row["x"] ~ row.y }}' c = "{{ row['z'] }} arrow.no" header_row = 1"#;
        assert_eq!(row_keys(text), ["Appt Date", "x", "y", "z"]);
    }
}
