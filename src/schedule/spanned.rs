//! pure: a TOML text as a tree in which every key and value knows its place.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A value and where it stands (bytes). A table made by `[header]` stands at its header.
#[derive(Debug, Clone)]
pub struct Node {
    /// Bytes in the file.
    pub span: Range<usize>,
    /// What it is.
    pub value: Value,
}

/// A TOML value.
#[derive(Debug, Clone)]
pub enum Value {
    /// A string, its escapes resolved.
    Text(String),
    /// `None`: beyond 64 bits.
    Whole(Option<i64>),
    /// A number with a fraction or an exponent.
    Float(f64),
    /// `true` or `false`.
    Boolean(bool),
    /// A date or time that TOML knows by itself, as written.
    Moment(String),
    /// A list.
    List(Vec<Node>),
    /// A table.
    Table(Vec<KeyValue>),
}

/// A key and its value.
#[derive(Debug, Clone)]
pub struct KeyValue {
    /// The key, quotes removed.
    pub key: String,
    /// Where the key stands.
    pub key_span: Range<usize>,
    /// What it holds.
    pub node: Node,
}

/// One thing that isn't TOML.
#[derive(Debug, Clone)]
pub struct SyntaxProblem {
    /// Where (bytes).
    pub span: Range<usize>,
    /// The parser's sentence.
    pub message: String,
}

/// Reads a text as far as it can be read, with everything that isn't TOML.
#[must_use]
pub fn read(text: &str) -> (Node, Vec<SyntaxProblem>) {
    let (root, errors) = DeTable::parse_recoverable(text);
    let problems = errors
        .into_iter()
        .map(|error| SyntaxProblem { span: error.span().unwrap_or(0..0), message: error.message().to_owned() })
        .collect();
    (Node { span: 0..0, value: table(root.into_inner()) }, problems)
}

fn table(table: DeTable<'_>) -> Value {
    let entries = table.into_iter().map(|(key, value)| KeyValue {
        key_span: key.span(),
        key: key.into_inner().into_owned(),
        node: node(value),
    });
    Value::Table(entries.collect())
}

fn node(spanned: Spanned<DeValue<'_>>) -> Node {
    let span = spanned.span();
    let value = match spanned.into_inner() {
        DeValue::String(text) => Value::Text(text.into_owned()),
        DeValue::Integer(number) => Value::Whole(i64::from_str_radix(number.as_str(), number.radix()).ok()),
        DeValue::Float(number) => Value::Float(number.as_str().parse().unwrap_or(f64::NAN)),
        DeValue::Boolean(truth) => Value::Boolean(truth),
        DeValue::Datetime(moment) => Value::Moment(moment.to_string()),
        DeValue::Array(items) => Value::List(items.into_iter().map(node).collect()),
        DeValue::Table(inner) => table(inner),
    };
    Node { span, value }
}

impl Node {
    /// The value of a key, when this is a table that has it.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|entry| &entry.node)
    }

    /// The entry of a key, when this is a table that has it.
    #[must_use]
    pub fn entry(&self, key: &str) -> Option<&KeyValue> {
        self.entries().iter().find(|entry| entry.key == key)
    }

    /// The value at a path of keys.
    #[must_use]
    pub fn at(&self, path: &[&str]) -> Option<&Node> {
        path.iter().try_fold(self, |node, key| node.get(key))
    }

    /// The entries of a table; nothing for anything else.
    #[must_use]
    pub fn entries(&self) -> &[KeyValue] {
        match &self.value {
            Value::Table(entries) => entries,
            Value::Text(_)
            | Value::Whole(_)
            | Value::Float(_)
            | Value::Boolean(_)
            | Value::Moment(_)
            | Value::List(_) => &[],
        }
    }

    /// The text of a string.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        if let Value::Text(text) = &self.value { Some(text) } else { None }
    }

    /// What it is, for people.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self.value {
            Value::Text(_) => "a text",
            Value::Whole(_) => "a whole number",
            Value::Float(_) => "a number with a fraction",
            Value::Boolean(_) => "`true` or `false`",
            Value::Moment(_) => "a date or time",
            Value::List(_) => "a list",
            Value::Table(_) => "a table",
        }
    }

    /// Every string below this value, in the order of the file.
    #[must_use]
    pub fn strings(&self) -> Vec<&Node> {
        match &self.value {
            Value::Text(_) => vec![self],
            Value::List(items) => items.iter().flat_map(Node::strings).collect(),
            Value::Table(entries) => entries.iter().flat_map(|entry| entry.node.strings()).collect(),
            Value::Whole(_) | Value::Float(_) | Value::Boolean(_) | Value::Moment(_) => Vec::new(),
        }
    }

    /// The value as JSON; TOML's own dates become texts.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        match &self.value {
            Value::Text(text) | Value::Moment(text) => text.clone().into(),
            Value::Whole(number) => (*number).into(),
            Value::Float(number) => (*number).into(),
            Value::Boolean(truth) => (*truth).into(),
            Value::List(items) => items.iter().map(Node::to_json).collect(),
            Value::Table(entries) => {
                let pairs = entries.iter().map(|entry| (entry.key.clone(), entry.node.to_json()));
                serde_json::Value::Object(pairs.collect())
            }
        }
    }

    /// The bytes of a part of a string's value: the part itself where the string is written on one line without
    /// escapes, else the whole string.
    #[must_use]
    pub fn part(&self, file: &str, part: Option<Range<usize>>) -> Range<usize> {
        let (Some(part), Some(text)) = (part, self.text()) else { return self.span.clone() };
        let inner = self.span.start + 1..self.span.end.saturating_sub(1);
        let fits = part.start < part.end && text.get(part.clone()).is_some();
        if fits && file.get(inner.clone()) == Some(text) {
            inner.start + part.start..inner.start + part.end
        } else {
            self.span.clone()
        }
    }
}
