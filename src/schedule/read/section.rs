//! pure: one table of the file, read key by key with the defaults of the table of keys. What doesn't fit its key was
//! reported before, and reads as `None`.

use std::borrow::Cow;
use std::path::PathBuf;

use jiff::SignedDuration;

use super::Reading;
use crate::duration;
use crate::row::{Column, JsonPlace};
use crate::schedule::keys::{KeyTable, Need, Shape};
use crate::schedule::lookup::secret_ref;
use crate::schedule::spanned::{self, Node, Value};
use crate::settings::{SecretRef, TextOrSecret};

/// A part of the file has no value, and a problem that says why was reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoValue;

/// A part that may be left out: `Ok(None)` where it was, `Err` where it stands there and has no value.
pub type OptionalPart<T> = Result<Option<T>, NoValue>;

/// Reads a part that may be left out.
pub fn optional<G, T>(given: Option<G>, read: impl FnOnce(G) -> Option<T>) -> OptionalPart<T> {
    given.map(|given| read(given).ok_or(NoValue)).transpose()
}

/// A table of the file (or nothing where it was left out), and its keys.
#[derive(Clone, Copy)]
pub struct Section<'a> {
    node: Option<&'a Node>,
    keys: &'static KeyTable,
}

impl<'a> Section<'a> {
    /// A table, or nothing.
    pub fn of(node: Option<&'a Node>, keys: &'static KeyTable) -> Self {
        Self { node, keys }
    }

    /// The table under a key.
    pub fn inner(&self, name: &str) -> Section<'a> {
        let key = self.keys.key(name).expect("asked for keys of the table only");
        let Shape::Table(keys) = key.shape else { unreachable!("`{name}` is a table in the table of keys") };
        Section { node: self.given(name), keys }
    }

    /// What the file has under a key.
    pub fn given(&self, name: &str) -> Option<&'a Node> {
        self.node?.get(name)
    }

    /// What the file has under a key, else the default.
    pub fn node(&self, name: &str) -> Option<Cow<'a, Node>> {
        if let Some(given) = self.given(name) {
            return Some(Cow::Borrowed(given));
        }
        match self.keys.key(name).expect("asked for keys of the table only").need {
            Need::Default(written) => {
                let (root, _) = spanned::read(&format!("value = {written}"));
                root.get("value").cloned().map(Cow::Owned)
            }
            Need::Required | Need::RequiredButInbound | Need::Optional | Need::Later => None,
        }
    }

    pub fn text(&self, name: &str) -> Option<String> {
        self.node(name)?.text().map(str::to_owned)
    }

    pub fn truth(&self, name: &str) -> Option<bool> {
        match self.node(name)?.value {
            Value::Boolean(truth) => Some(truth),
            _ => None,
        }
    }

    pub fn whole<N: TryFrom<i64>>(&self, name: &str) -> Option<N> {
        whole(&*self.node(name)?)
    }

    /// One number or several.
    pub fn wholes<N: TryFrom<i64>>(&self, name: &str) -> Option<Vec<N>> {
        let node = self.node(name)?;
        items(&node).into_iter().map(whole).collect()
    }

    /// One text or several.
    pub fn texts(&self, name: &str) -> Option<Vec<String>> {
        let node = self.node(name)?;
        items(&node).into_iter().map(|item| item.text().map(str::to_owned)).collect()
    }

    pub fn duration(&self, name: &str) -> Option<SignedDuration> {
        duration::read(self.node(name)?.text()?).ok()
    }

    /// A duration that can't be nothing.
    pub fn positive_duration(&self, name: &str, reading: &mut Reading<'_>) -> Option<SignedDuration> {
        let duration = self.duration(name)?;
        if duration.is_zero() {
            reading.invalid(&*self.node(name)?, format!("`{name}` can't be nothing"), "write a longer time");
            return None;
        }
        Some(duration)
    }

    /// The path that a key names. Relative paths count from the folder of the schedule file.
    pub fn path(&self, name: &str, reading: &mut Reading<'_>) -> Option<PathBuf> {
        let written = self.text(name)?;
        if let (Some(node), true) = (self.given(name), written.contains(char::is_control)) {
            let help = "in double quotes `\\` begins an escape, and `\\t` is a tab: write a Windows path in single quotes, `'C:\\…'`, or with `/`";
            reading.invalid(node, format!("`{name}` holds a character that no path has"), help);
            return None;
        }
        Some(reading.path(&written))
    }

    pub fn column(&self, name: &str) -> Option<Column> {
        self.text(name).map(Column::new)
    }

    pub fn columns(&self, name: &str) -> Option<Vec<Column>> {
        Some(self.texts(name)?.into_iter().map(Column::new).collect())
    }

    /// A place in JSON.
    pub fn place(&self, name: &str) -> Option<JsonPlace> {
        self.text(name).map(JsonPlace::from).filter(|place| place.fault().is_none())
    }

    pub fn secret(&self, name: &str, reading: &Reading<'_>) -> Option<SecretRef> {
        secret(&*self.node(name)?, reading)
    }

    pub fn text_or_secret(&self, name: &str, reading: &Reading<'_>) -> Option<TextOrSecret> {
        text_or_secret(&*self.node(name)?, reading)
    }

    /// A table of names and values; empty when it was left out.
    pub fn secret_map(&self, name: &str, reading: &Reading<'_>) -> Option<Vec<(String, TextOrSecret)>> {
        let Some(node) = self.given(name) else { return Some(Vec::new()) };
        let pair = |entry: &spanned::KeyValue| Some((entry.key.clone(), text_or_secret(&entry.node, reading)?));
        node.entries().iter().map(pair).collect()
    }
}

fn whole<N: TryFrom<i64>>(node: &Node) -> Option<N> {
    match node.value {
        Value::Whole(number) => N::try_from(number?).ok(),
        _ => None,
    }
}

/// The items of a list, or the value itself.
pub fn items(node: &Node) -> Vec<&Node> {
    match &node.value {
        Value::List(items) => items.iter().collect(),
        _ => vec![node],
    }
}

fn text_or_secret(node: &Node, reading: &Reading<'_>) -> Option<TextOrSecret> {
    match node.text() {
        Some(text) => Some(TextOrSecret::Text(text.to_owned())),
        None => secret(node, reading).map(TextOrSecret::Secret),
    }
}

fn secret(node: &Node, reading: &Reading<'_>) -> Option<SecretRef> {
    secret_ref(node, reading.folder)
}
