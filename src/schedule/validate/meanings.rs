//! pure: the values of `[outcome]`: words with what they mean, pointers, secrets.

use super::{Named, OneAllowed, SecretForm, each, map, secret, text_value, wrong_type};
use crate::outcome::Meaning;
use crate::reminder::CallOutcome;
use crate::schedule::keys::Shape;
use crate::schedule::problems::Problems;
use crate::schedule::spanned::{KeyValue, Node, Value};
use crate::spelling::did_you_mean;

/// A value of one of these shapes.
pub(super) fn check(node: &Node, wanted: &Shape, named: &Named<'_>, problems: &mut Problems) {
    match wanted {
        Shape::Secrets => secrets(node, named, problems),
        Shape::Pointers => pointers(node, named, problems),
        Shape::Words(words) => some_words(node, words, named, problems),
        Shape::Durations => durations(node, named, problems),
        _ => meanings(node, named, problems),
    }
}

/// A table in which every word has an outcome or `ignore`.
fn meanings(node: &Node, named: &Named<'_>, problems: &mut Problems) {
    map(node, &Shape::Meanings, named, problems, |entry, problems| meaning(entry, named, problems));
    let entries = node.entries();
    for (place, entry) in entries.iter().enumerate() {
        let is_same = |other: &&KeyValue| same_word(&other.key) == same_word(&entry.key);
        if let Some(first) = entries[..place].iter().find(is_same) {
            let message = format!("`{}` is the same word as `{}`: case and blanks don't count", entry.key, first.key);
            problems.error("conflicting-keys", entry.key_span.clone(), message).help("remove one of them");
        }
    }
}

fn same_word(key: &str) -> String {
    key.trim().to_lowercase()
}

fn meaning(entry: &KeyValue, named: &Named<'_>, problems: &mut Problems) {
    let inner = Named { key: &entry.key, place: named.place };
    let Some(text) = entry.node.text() else { return wrong_type(&entry.node, &Shape::Text, &inner, problems) };
    if text.parse::<Meaning>().is_ok() {
        return;
    }
    let words: Vec<&str> = CallOutcome::ALL.iter().map(|outcome| outcome.as_str()).chain(["ignore"]).collect();
    let all = words.iter().map(|word| format!("`\"{word}\"`")).collect::<Vec<_>>().join(", ");
    let help = did_you_mean(text, words.iter().copied())
        .map_or_else(|| format!("write one of {all}"), |likely| format!("did you mean `\"{likely}\"`?"));
    let message = format!("`\"{text}\"` is no outcome");
    problems.error("invalid-value", entry.node.span.clone(), message).help(help);
}

/// A list of some of these words; the empty list is one.
fn some_words(node: &Node, words: &'static [&'static str], named: &Named<'_>, problems: &mut Problems) {
    let wanted = Shape::Word { now: words, later: &[] };
    let Value::List(items) = &node.value else {
        return wrong_type(node, &Shape::Texts, named, problems);
    };
    for item in items {
        match item.text() {
            Some(text) => text_value(item, text, &wanted, named, problems),
            None => wrong_type(item, &wanted, named, problems),
        }
    }
}

/// A duration, or a list of them.
fn durations(node: &Node, named: &Named<'_>, problems: &mut Problems) {
    each(node, OneAllowed::Yes, &Shape::Durations, named, problems, &mut |item, problems| match item.text() {
        Some(text) => text_value(item, text, &Shape::Duration, named, problems),
        None => wrong_type(item, &Shape::Durations, named, problems),
    });
}

/// A pointer, or a list of them.
fn pointers(node: &Node, named: &Named<'_>, problems: &mut Problems) {
    each(node, OneAllowed::Yes, &Shape::Pointers, named, problems, &mut |item, problems| match item.text() {
        Some(text) => text_value(item, text, &Shape::Pointer, named, problems),
        None => wrong_type(item, &Shape::Pointers, named, problems),
    });
}

/// One secret, or two while it changes.
fn secrets(node: &Node, named: &Named<'_>, problems: &mut Problems) {
    let Value::List(items) = &node.value else { return secret(node, SecretForm::TableOnly, named, problems) };
    if !(1..=2).contains(&items.len()) {
        let message = format!("`{}` takes one secret, or two while it changes", named.key);
        problems.error("invalid-value", node.span.clone(), message).help("remove the others");
    }
    items.iter().for_each(|item| secret(item, SecretForm::TableOnly, named, problems));
}
