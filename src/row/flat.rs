//! pure: one object of a JSON text as a flat list of its names and values, borrowed from the text. Most rows of a large
//! answer are read once and not kept, and a tree of each would cost more than reading it.

use std::borrow::Cow;
use std::hash::Hasher;

use serde_json::{Map, Value};

/// A name or a value of a JSON text. A nested value is followed by the tokens inside it.
#[derive(Clone, Copy, PartialEq)]
enum JsonToken<'t> {
    Null,
    Bool(bool),
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    /// A name or a text that has no escapes.
    Text(&'t str),
    /// A name or a text that had escapes: its place among the unescaped texts.
    Unescaped {
        from: usize,
        until: usize,
    },
    /// An object: the number of tokens that follow and are its names and values in turn.
    Object(usize),
    /// A list: the number of tokens that follow and are its elements.
    Array(usize),
}

impl JsonToken<'_> {
    /// How many tokens the value takes, those inside it included.
    fn length(self) -> usize {
        match self {
            Self::Object(inside) | Self::Array(inside) => inside + 1,
            Self::Null
            | Self::Bool(_)
            | Self::Unsigned(_)
            | Self::Signed(_)
            | Self::Float(_)
            | Self::Text(_)
            | Self::Unescaped { .. } => 1,
        }
    }
}

/// The kinds of nested values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nesting {
    /// An object.
    Object,
    /// A list.
    Array,
}

/// Takes the names and values of one row after the other; the memory is used again for each.
#[derive(Default)]
pub struct JsonTape<'t> {
    tokens: Vec<JsonToken<'t>>,
    unescaped: String,
}

impl<'t> JsonTape<'t> {
    /// Forgets the row before.
    pub fn clear(&mut self) {
        self.tokens.clear();
        self.unescaped.clear();
    }

    /// What was taken so far, as the names and values of one object.
    #[must_use]
    pub fn row(&self) -> JsonRow<'_> {
        JsonRow { tokens: &self.tokens, unescaped: &self.unescaped }
    }

    /// Adds `null`.
    pub fn null(&mut self) {
        self.tokens.push(JsonToken::Null);
    }

    /// Adds `true` or `false`.
    pub fn truth(&mut self, truth: bool) {
        self.tokens.push(JsonToken::Bool(truth));
    }

    /// A whole number that isn't negative.
    pub fn unsigned(&mut self, number: u64) {
        self.tokens.push(JsonToken::Unsigned(number));
    }

    /// A whole number.
    pub fn signed(&mut self, number: i64) {
        self.tokens.push(JsonToken::Signed(number));
    }

    /// Adds any other number.
    pub fn float(&mut self, number: f64) {
        self.tokens.push(JsonToken::Float(number));
    }

    /// A name or a text as it stands in the JSON text.
    pub fn text(&mut self, text: &'t str) {
        self.tokens.push(JsonToken::Text(text));
    }

    /// A name or a text whose escapes were resolved.
    pub fn unescaped(&mut self, text: &str) {
        let from = self.unescaped.len();
        self.unescaped.push_str(text);
        self.tokens.push(JsonToken::Unescaped { from, until: self.unescaped.len() });
    }

    /// Begins an object or a list; the answer is what [`JsonTape::end`] needs.
    #[must_use]
    pub fn begin(&mut self) -> usize {
        self.tokens.push(JsonToken::Null);
        self.tokens.len()
    }

    /// Ends the object or list that begins there.
    pub fn end(&mut self, begun: usize, nesting: Nesting) {
        let inside = self.tokens.len() - begun;
        self.tokens[begun - 1] = match nesting {
            Nesting::Object => JsonToken::Object(inside),
            Nesting::Array => JsonToken::Array(inside),
        };
    }

    /// The name or text that was taken last.
    #[must_use]
    pub fn last_text(&self) -> &str {
        self.tokens.last().and_then(|token| text_of(*token, &self.unescaped)).unwrap_or("")
    }
}

fn text_of<'a>(token: JsonToken<'a>, unescaped: &'a str) -> Option<&'a str> {
    match token {
        JsonToken::Text(text) => Some(text),
        JsonToken::Unescaped { from, until } => Some(&unescaped[from..until]),
        JsonToken::Null
        | JsonToken::Bool(_)
        | JsonToken::Unsigned(_)
        | JsonToken::Signed(_)
        | JsonToken::Float(_)
        | JsonToken::Object(_)
        | JsonToken::Array(_) => None,
    }
}

/// The names and values of one object.
#[derive(Clone, Copy)]
pub struct JsonRow<'a> {
    tokens: &'a [JsonToken<'a>],
    unescaped: &'a str,
}

/// One value of an object.
#[derive(Clone, Copy)]
pub struct JsonValue<'a> {
    /// The value's first token and those inside it.
    tokens: &'a [JsonToken<'a>],
    unescaped: &'a str,
}

impl<'a> JsonRow<'a> {
    /// Every name with its value, in the order of the text. A name may stand there twice; the last one counts.
    pub fn members(self) -> impl Iterator<Item = (&'a str, JsonValue<'a>)> {
        let (mut at, Self { tokens, unescaped }) = (0, self);
        std::iter::from_fn(move || {
            let name = text_of(*tokens.get(at)?, unescaped)?;
            let value = at + 1;
            at = value + tokens.get(value)?.length();
            Some((name, JsonValue { tokens: &tokens[value..at], unescaped }))
        })
    }

    /// The value of a name.
    #[must_use]
    pub fn get(self, name: &str) -> Option<JsonValue<'a>> {
        self.members().filter(|(member, _)| *member == name).last().map(|(_, value)| value)
    }

    /// The row as a tree.
    #[must_use]
    pub fn to_tree(self) -> Map<String, Value> {
        self.members().map(|(name, value)| (name.to_owned(), value.to_value())).collect()
    }

    /// Adds the row to a hash. A tree with the same content has the same hash.
    pub fn hash_into(self, hasher: &mut impl Hasher) {
        for (name, value) in self.members() {
            hash_text(name, hasher);
            value.hash_into(hasher);
        }
    }
}

impl<'a> JsonValue<'a> {
    fn first(self) -> JsonToken<'a> {
        self.tokens.first().copied().unwrap_or(JsonToken::Null)
    }

    fn inside(self) -> JsonRow<'a> {
        JsonRow { tokens: self.tokens.get(1..).unwrap_or(&[]), unescaped: self.unescaped }
    }

    /// The names and values inside it, when it is an object.
    #[must_use]
    pub fn as_object(self) -> Option<JsonRow<'a>> {
        matches!(self.first(), JsonToken::Object(_)).then(|| self.inside())
    }

    /// Whether it is an object or a list.
    #[must_use]
    pub fn is_nested(self) -> bool {
        matches!(self.first(), JsonToken::Object(_) | JsonToken::Array(_))
    }

    /// The characters of a text; `None` for any other value.
    #[must_use]
    pub fn as_text(self) -> Option<&'a str> {
        text_of(self.first(), self.unescaped)
    }

    /// A scalar as text: `None` for null, the empty text, lists and objects.
    #[must_use]
    pub fn scalar_text(self) -> Option<Cow<'a, str>> {
        match self.first() {
            JsonToken::Null | JsonToken::Object(_) | JsonToken::Array(_) => None,
            JsonToken::Bool(truth) => Some(Cow::Borrowed(if truth { "true" } else { "false" })),
            JsonToken::Unsigned(number) => Some(Cow::Owned(number.to_string())),
            JsonToken::Signed(number) => Some(Cow::Owned(number.to_string())),
            JsonToken::Float(number) => Some(Cow::Owned(Value::from(number).to_string())),
            JsonToken::Text(text) => (!text.is_empty()).then_some(Cow::Borrowed(text)),
            JsonToken::Unescaped { .. } => self.as_text().filter(|text| !text.is_empty()).map(Cow::Borrowed),
        }
    }

    fn elements(self) -> impl Iterator<Item = Self> {
        let (mut at, JsonRow { tokens, unescaped }) = (0, self.inside());
        std::iter::from_fn(move || {
            let from = at;
            at += tokens.get(at)?.length();
            Some(Self { tokens: &tokens[from..at], unescaped })
        })
    }

    /// The value as a tree.
    #[must_use]
    pub fn to_value(self) -> Value {
        match self.first() {
            JsonToken::Null => Value::Null,
            JsonToken::Bool(truth) => Value::from(truth),
            JsonToken::Unsigned(number) => Value::from(number),
            JsonToken::Signed(number) => Value::from(number),
            JsonToken::Float(number) => Value::from(number),
            JsonToken::Text(text) => Value::from(text),
            JsonToken::Unescaped { .. } => Value::from(self.as_text().unwrap_or("")),
            JsonToken::Object(_) => Value::Object(self.inside().to_tree()),
            JsonToken::Array(_) => Value::Array(self.elements().map(Self::to_value).collect()),
        }
    }

    fn hash_into(self, hasher: &mut impl Hasher) {
        match self.first() {
            JsonToken::Null => hasher.write_u8(NULL),
            JsonToken::Bool(truth) => hasher.write_u8(if truth { TRUE } else { FALSE }),
            JsonToken::Unsigned(number) => hash_number(number, hasher),
            JsonToken::Signed(number) => hash_number(number.cast_unsigned(), hasher),
            JsonToken::Float(number) => hash_float(number, hasher),
            JsonToken::Text(text) => hash_text(text, hasher),
            JsonToken::Unescaped { .. } => hash_text(self.as_text().unwrap_or(""), hasher),
            JsonToken::Object(_) => {
                hasher.write_u8(OBJECT);
                self.inside().hash_into(hasher);
                hasher.write_u8(END);
            }
            JsonToken::Array(_) => {
                hasher.write_u8(ARRAY);
                self.elements().for_each(|element| element.hash_into(hasher));
                hasher.write_u8(END);
            }
        }
    }
}

// what distinguishes the kinds of values in a hash
const NULL: u8 = 0;
const FALSE: u8 = 1;
const TRUE: u8 = 2;
const NUMBER: u8 = 3;
const FLOAT: u8 = 4;
const OBJECT: u8 = 5;
const ARRAY: u8 = 6;
const END: u8 = 7;

fn hash_number(number: u64, hasher: &mut impl Hasher) {
    hasher.write_u8(NUMBER);
    hasher.write_u64(number);
}

fn hash_float(number: f64, hasher: &mut impl Hasher) {
    hasher.write_u8(FLOAT);
    hasher.write_u64(number.to_bits());
}

fn hash_text(text: &str, hasher: &mut impl Hasher) {
    // its length stands before its bytes, so that two texts are not the same as one
    hasher.write_usize(text.len());
    hasher.write(text.as_bytes());
}

/// Adds an object to a hash, as [`JsonRow::hash_into`] does.
pub fn hash_tree(tree: &Map<String, Value>, hasher: &mut impl Hasher) {
    for (name, value) in tree {
        hash_text(name, hasher);
        hash_value(value, hasher);
    }
}

fn hash_value(value: &Value, hasher: &mut impl Hasher) {
    match value {
        Value::Null => hasher.write_u8(NULL),
        Value::Bool(truth) => hasher.write_u8(if *truth { TRUE } else { FALSE }),
        Value::Number(number) => match (number.as_u64(), number.as_i64()) {
            (Some(number), _) => hash_number(number, hasher),
            (None, Some(number)) => hash_number(number.cast_unsigned(), hasher),
            (None, None) => hash_float(number.as_f64().unwrap_or(0.0), hasher),
        },
        Value::String(text) => hash_text(text, hasher),
        Value::Object(tree) => {
            hasher.write_u8(OBJECT);
            hash_tree(tree, hasher);
            hasher.write_u8(END);
        }
        Value::Array(list) => {
            hasher.write_u8(ARRAY);
            list.iter().for_each(|element| hash_value(element, hasher));
            hasher.write_u8(END);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::hash::DefaultHasher;

    use serde_json::json;

    use super::*;
    use crate::row::{Column, Record};

    /// Takes a tree as a JSON text's reader would; texts in upper case as if they had escapes.
    fn take<'t>(tape: &mut JsonTape<'t>, value: &'t Value) {
        match value {
            Value::Null => tape.null(),
            Value::Bool(truth) => tape.truth(*truth),
            Value::Number(number) => match (number.as_u64(), number.as_i64()) {
                (Some(number), _) => tape.unsigned(number),
                (None, Some(number)) => tape.signed(number),
                (None, None) => tape.float(number.as_f64().expect("a number")),
            },
            Value::String(text) if text.to_uppercase() == *text => tape.unescaped(text),
            Value::String(text) => tape.text(text),
            Value::Array(list) => {
                let begun = tape.begin();
                list.iter().for_each(|element| take(tape, element));
                tape.end(begun, Nesting::Array);
            }
            Value::Object(tree) => {
                let begun = tape.begin();
                take_members(tape, tree);
                tape.end(begun, Nesting::Object);
            }
        }
    }

    fn take_members<'t>(tape: &mut JsonTape<'t>, tree: &'t Map<String, Value>) {
        for (name, value) in tree {
            tape.text(name);
            take(tape, value);
        }
    }

    fn trees() -> Vec<Map<String, Value>> {
        let trees = [
            json!({"id": 7, "b": -3, "c": 1.5, "d": null, "e": true, "f": "", "g": "x", "h": "ÄÖ", "big": u64::MAX}),
            json!({"a": {"b.c": 1, "d": {"e": "x"}, "": 0}, "f": {"g": {"h": [2, [], {}, {"i": [null]}]}}, "last": "end"}),
            json!({}),
        ];
        let as_tree = |value| match value {
            Value::Object(tree) => tree,
            _ => unreachable!("objects were written"),
        };
        trees.into_iter().map(as_tree).collect()
    }

    #[test]
    fn a_flat_row_reads_as_its_tree_does() {
        let mut tape = JsonTape::default();
        for tree in &trees() {
            tape.clear();
            take_members(&mut tape, tree);
            let (flat, tree) = (Record::Json(tape.row()), Record::Tree(tree));
            for name in
                ["id", "b", "c", "d", "e", "f", "g", "h", "big", "a", "a.b.c", "a.d.e", "a.", "f.g.h", "last", "x"]
            {
                let column = Column::new(name);
                assert_eq!(flat.text(&column), tree.text(&column), "{name}");
                assert_eq!(flat.nested(&column), tree.nested(&column), "{name}");
                assert_eq!(flat.field(&column), tree.field(&column), "{name}");
                assert_eq!(flat.has(&column), tree.has(&column), "{name}");
            }
            let row = |record: Record<'_>| record.to_row().expect("a row").to_object();
            assert_eq!(row(flat), row(tree));
            let hash = |record: Record<'_>| {
                let mut hasher = DefaultHasher::new();
                record.hash_into(&mut hasher);
                hasher.finish()
            };
            assert_eq!(hash(flat), hash(tree));
        }
    }

    #[test]
    fn the_last_of_two_members_with_one_name_counts() {
        let mut tape = JsonTape::default();
        for (name, number) in [("a", 1), ("b", 2), ("a", 3)] {
            tape.text(name);
            tape.unsigned(number);
        }
        assert_eq!(tape.row().get("a").and_then(JsonValue::scalar_text).as_deref(), Some("3"));
        assert_eq!(Value::Object(tape.row().to_tree()), json!({"a": 3, "b": 2}));
    }
}
