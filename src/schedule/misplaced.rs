//! pure: keys that a table doesn't have: misspelt ones, and those that are in another table than theirs.

use std::ops::Range;

use super::keys::{Key, KeyTable, SCHEDULE, Shape};
use super::problems::Problems;
use super::spanned::{KeyValue, Node};
use crate::spelling::did_you_mean;

/// Reports a key that its table doesn't have; returns the one that was likely meant.
pub(super) fn unknown_key<'a>(
    entry: &KeyValue,
    names: impl Iterator<Item = &'a str>,
    place: &str,
    problems: &mut Problems,
) -> Option<&'a str> {
    if problems.is_full() {
        problems.error("unknown-key", entry.key_span.clone(), "");
        return None;
    }
    let names: Vec<&str> = names.collect();
    let likely = did_you_mean(&entry.key, names.iter().copied());
    let takes =
        || format!("{place} takes {}", names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "));
    let help = match (home_of(&entry.key), likely) {
        (Some(home), None) => format!("`{}` belongs {home}", entry.key),
        (Some(home), Some(likely)) => format!("did you mean `{likely}`? `{}` belongs {home}", entry.key),
        (None, Some(likely)) => format!("did you mean `{likely}`?"),
        (None, None) => takes(),
    };
    problems.error("unknown-key", entry.key_span.clone(), format!("{place} has no key `{}`", entry.key)).help(help);
    likely
}

/// Where a key of a schedule belongs that is elsewhere: above the tables, or in one of them.
fn home_of(key: &str) -> Option<String> {
    if SCHEDULE.key(key).is_some_and(|key| !matches!(key.shape, Shape::Table(_) | Shape::TemplateTree)) {
        return Some("above the first `[table]`".to_owned());
    }
    let tables = SCHEDULE.keys.iter().filter_map(|outer| match outer.shape {
        Shape::Table(inner) => Some((outer.name, inner)),
        _ => None,
    });
    let homes: Vec<&str> = tables.filter(|(_, inner)| inner.key(key).is_some()).map(|(name, _)| name).collect();
    match homes.as_slice() {
        [home] => Some(format!("under `[{home}]`")),
        _ => None,
    }
}

/// Keys of the schedule itself that stand in one of its tables that takes any key, where they mean something else.
pub(super) fn stray_keys<'n>(node: &'n Node, keys: &'static KeyTable) -> Vec<(&'static str, &'n KeyValue)> {
    let any_key = keys.keys.iter().filter(|key| matches!(key.shape, Shape::TemplateTree));
    let entries = any_key.filter_map(|key| node.get(key.name)).flat_map(Node::entries);
    let of_schedule = |entry: &'n KeyValue| Some((keys.key(&entry.key)?.name, entry));
    entries.filter_map(of_schedule).collect()
}

/// Reports a key that is missing because it is elsewhere.
pub(super) fn stray_key(key: &Key, stray: &KeyValue, problems: &mut Problems) {
    problems
        .error(
            "missing-key",
            stray.key_span.clone(),
            format!("`{}` is in a table, and not in the schedule itself", key.name),
        )
        .help("a key belongs to the `[table]` above it: move the line above the first table");
}

/// Where a missing key is shown: the table's header, or the file's first line.
pub(super) fn header_of(node: &Node, problems: &Problems) -> Range<usize> {
    if node.span.is_empty() {
        0..problems.text().find(['\r', '\n']).unwrap_or(problems.text().len())
    } else {
        node.span.clone()
    }
}
