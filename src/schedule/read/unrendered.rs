//! pure: `{{ … }}` where nothing is filled in: it would go out as it is written.

use std::ops::Range;

use super::Reading;
use crate::schedule::keys::{KeyTable, SCHEDULE, Shape};
use crate::schedule::spanned::{KeyValue, Node, Value};

/// The mark that begins a template.
const MARK: &str = "{{";

/// Addresses that are filled in: a source's with the window, a write-back's with its outcome.
const FILLED_ADDRESSES: [&[&str]; 2] = [&["source", "http", "url"], &["outcome", "write_back", "url"]];

/// Reports every mark in a key, and in every value that isn't a template.
pub fn check(root: &Node, reading: &mut Reading<'_>) {
    in_table(root, &SCHEDULE, &mut Vec::new(), reading);
}

fn in_table<'n>(node: &'n Node, keys: &'static KeyTable, path: &mut Vec<&'n str>, reading: &mut Reading<'_>) {
    for entry in node.entries() {
        path.push(&entry.key);
        match keys.key(&entry.key).map(|key| &key.shape) {
            Some(Shape::Table(inner)) => in_table(&entry.node, inner, path, reading),
            Some(Shape::TemplateTree | Shape::TemplateMap) => in_keys(&entry.node, reading),
            Some(
                Shape::Template
                | Shape::Templates
                | Shape::Condition
                | Shape::Body
                | Shape::TableMap(_)
                | Shape::Unread,
            ) => {}
            Some(Shape::TextOrSecret) if FILLED_ADDRESSES.contains(&path.as_slice()) => {}
            Some(_) => in_value(entry, reading),
            None => {}
        }
        path.pop();
    }
}

fn in_value(entry: &KeyValue, reading: &mut Reading<'_>) {
    for node in entry.node.strings() {
        if let Some(at) = node.text().and_then(|text| text.find(MARK)) {
            let span = node.part(&reading.problems.text(), Some(at..at + MARK.len()));
            report(span, &entry.key, reading);
        }
    }
}

/// The keys of a tree are sent as they are; only its values are filled in.
fn in_keys(node: &Node, reading: &mut Reading<'_>) {
    match &node.value {
        Value::Table(entries) => {
            for entry in entries {
                if entry.key.contains(MARK) {
                    report(entry.key_span.clone(), &entry.key, reading);
                }
                in_keys(&entry.node, reading);
            }
        }
        Value::List(items) => items.iter().for_each(|item| in_keys(item, reading)),
        Value::Text(_) | Value::Whole(_) | Value::Float(_) | Value::Boolean(_) | Value::Moment(_) => {}
    }
}

fn report(span: Range<usize>, key: &str, reading: &mut Reading<'_>) {
    reading
        .problems
        .error(
            "not-rendered",
            span,
            format!("`{{{{ … }}}}` is not filled in here: `{key}` would go out as it is written"),
        )
        .help("write it out, or put what differs from row to row into `[payload]`, whose values are filled in");
}
