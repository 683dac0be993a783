//! pure: which places of a schedule's text may hold a secret that was written out by mistake: code frames, which go to
//! terminals, logs and pages, don't show them.

use std::ops::Range;

use super::keys::{KeyTable, SCHEDULE, Shape};
use super::spanned::{self, KeyValue, Node, Value};
use crate::settings::is_variable_name;

/// What a frame shows in place of what may be a secret in the file.
const MASK: &str = "***";

/// Keys behind which a secret is likely, where the text isn't TOML and no tree is known.
const SECRET_KEYS: [&str; 8] = ["url", "token", "secret", "bearer", "password", "authorization", "key", "basic"];

/// Parts of an unknown key's name behind which a secret is likely.
const SECRET_WORDS: [&str; 11] = [
    "token",
    "secret",
    "bearer",
    "password",
    "passwd",
    "passphrase",
    "authorization",
    "api_key",
    "apikey",
    "credential",
    "webhook",
];

/// Whether the text was TOML throughout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Syntax {
    /// The tree has all of it.
    Sound,
    /// Parts of it may be missing from the tree.
    Broken,
}

/// The places (bytes) of a schedule's text that no frame shows.
#[must_use]
pub fn hidden(root: &Node, text: &str, syntax: Syntax) -> Vec<Range<usize>> {
    let mut hidden = Vec::new();
    in_table(root, &SCHEDULE, Unknown::HiddenIfLikely, &mut hidden);
    if syntax == Syntax::Broken {
        likely(text, &mut hidden);
    }
    hidden
}

/// What becomes of values under unknown keys.
#[derive(Clone, Copy)]
enum Unknown {
    /// Inside a source or a target any of them may be a misspelt `api_token`.
    Hidden,
    /// Elsewhere those whose key or text looks like a secret.
    HiddenIfLikely,
}

fn in_table(node: &Node, keys: &'static KeyTable, unknown: Unknown, hidden: &mut Vec<Range<usize>>) {
    for entry in node.entries() {
        match keys.key(&entry.key).map(|key| &key.shape) {
            Some(Shape::Table(inner)) if matches!(entry.node.value, Value::Table(_)) => {
                let is_outward = matches!(entry.key.as_str(), "source" | "target" | "write_back");
                in_table(&entry.node, inner, if is_outward { Unknown::Hidden } else { unknown }, hidden);
            }
            Some(Shape::Secrets) => match &entry.node.value {
                Value::List(items) => items.iter().for_each(|item| secret(item, hidden)),
                _ => secret(&entry.node, hidden),
            },
            Some(Shape::Table(_) | Shape::Secret) => secret(&entry.node, hidden),
            Some(Shape::SecretMap) => entry.node.entries().iter().for_each(|header| secret(&header.node, hidden)),
            Some(Shape::TextOrSecret) if has_login(&entry.node) || entry.node.text().is_none() => {
                secret(&entry.node, hidden);
            }
            None => match unknown {
                Unknown::Hidden => texts(&entry.node, hidden),
                Unknown::HiddenIfLikely => likely_texts(entry, hidden),
            },
            Some(_) => {}
        }
    }
}

/// The values under an unknown key that look like secrets.
fn likely_texts(entry: &KeyValue, hidden: &mut Vec<Range<usize>>) {
    let key = entry.key.to_ascii_lowercase();
    if SECRET_WORDS.iter().any(|word| key.contains(word)) {
        return texts(&entry.node, hidden);
    }
    match &entry.node.value {
        Value::Table(entries) => entries.iter().for_each(|entry| likely_texts(entry, hidden)),
        _ => {
            let secrets = entry.node.strings().into_iter().filter(|node| node.text().is_some_and(looks_secret));
            hidden.extend(secrets.map(|node| node.span.clone()));
        }
    }
}

/// A token: long, without blanks, letters and digits mixed; or an address with a login or a long path.
fn looks_secret(text: &str) -> bool {
    const LONG: usize = 16;
    let is_token = |text: &str| {
        let has = |is: fn(&u8) -> bool| text.bytes().any(|byte| is(&byte));
        text.len() >= LONG && has(u8::is_ascii_digit) && has(u8::is_ascii_alphabetic)
    };
    if text.starts_with("Bearer ") || text.starts_with("Basic ") {
        return true;
    }
    !text.contains(char::is_whitespace)
        && match text.split_once("://") {
            Some((_, rest)) => rest.contains('@') || rest.split(['/', '?', '=', '&']).any(is_token),
            None => is_token(text),
        }
}

/// Whether an address names a user, and so perhaps a password.
fn has_login(node: &Node) -> bool {
    node.text().and_then(|text| text.split_once("://")).is_some_and(|(_, rest)| rest.contains('@'))
}

/// Everything but the names of the places where secrets live.
fn secret(node: &Node, hidden: &mut Vec<Range<usize>>) {
    // an `env` that can't be a variable's name is likely the secret itself
    let is_place = |entry: &&KeyValue| match entry.key.as_str() {
        "credential" | "file" => false,
        "env" => !entry.node.text().is_some_and(is_variable_name),
        _ => true,
    };
    match &node.value {
        Value::Table(entries) => entries.iter().filter(is_place).for_each(|entry| texts(&entry.node, hidden)),
        _ => texts(node, hidden),
    }
}

fn texts(node: &Node, hidden: &mut Vec<Range<usize>>) {
    match &node.value {
        Value::Table(entries) => entries.iter().for_each(|entry| texts(&entry.node, hidden)),
        Value::List(nodes) => nodes.iter().for_each(|node| texts(node, hidden)),
        Value::Boolean(_) => {}
        Value::Text(_) | Value::Whole(_) | Value::Float(_) | Value::Moment(_) => hidden.push(node.span.clone()),
    }
}

/// The rests of lines behind a likely key.
fn likely(text: &str, hidden: &mut Vec<Range<usize>>) {
    let mut from = 0;
    for line in text.split_inclusive('\n') {
        let is_likely = |at: &usize| {
            let before = line[..*at].trim_end_matches([' ', '\t', '"', '\'']).as_bytes();
            SECRET_KEYS.iter().any(|word| {
                let end = before.len().checked_sub(word.len()).map(|from| &before[from..]);
                end.is_some_and(|end| end.eq_ignore_ascii_case(word.as_bytes()))
            })
        };
        if let Some(at) = line.match_indices('=').map(|(at, _)| at).find(is_likely) {
            let rest = line[at + 1..].trim_end();
            let blanks = rest.len() - rest.trim_start().len();
            hidden.push(from + at + 1 + blanks..from + at + 1 + rest.len());
        }
        from += line.len();
    }
}

/// The places in order, those that overlap as one: [`masked`] finds them by their order.
#[must_use]
pub fn merged(mut places: Vec<Range<usize>>) -> Vec<Range<usize>> {
    places.sort_by_key(|place| (place.start, place.end));
    let mut merged: Vec<Range<usize>> = Vec::with_capacity(places.len());
    for place in places {
        match merged.last_mut().filter(|last| place.start < last.end) {
            Some(last) => last.end = last.end.max(place.end),
            None => merged.push(place),
        }
    }
    merged
}

/// A schedule's whole text, with secrets that were written out masked.
#[must_use]
pub fn shown(text: &str) -> String {
    let (root, problems) = spanned::read(text);
    let syntax = if problems.is_empty() { Syntax::Sound } else { Syntax::Broken };
    masked(text, 0..text.len(), &merged(hidden(&root, text, syntax)))
}

/// A part of a text with its hidden places masked; line ends and the quotes around a text stay.
#[must_use]
pub fn masked(text: &str, part: Range<usize>, hidden: &[Range<usize>]) -> String {
    let mut shown = String::new();
    let mut is_masking = false;
    for (at, c) in text[part.clone()].char_indices().map(|(at, c)| (at + part.start, c)) {
        let before = hidden.partition_point(|place| place.start <= at);
        let place = before.checked_sub(1).map(|last| &hidden[last]).filter(|place| place.contains(&at));
        let is_shown = place.is_none_or(|place| {
            let is_edge = at == place.start || at + c.len_utf8() == place.end;
            c == '\n' || (is_edge && matches!(c, '"' | '\''))
        });
        if is_shown {
            shown.push(c);
        } else if !is_masking {
            shown.push_str(MASK);
        }
        is_masking = !is_shown;
    }
    shown
}
