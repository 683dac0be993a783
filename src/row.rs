//! pure: one record of a source, its values with their types, and how a column is named.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value;

/// The columns of a table, and where each stands.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Header {
    names: Vec<String>,
    places: HashMap<String, usize>,
}

/// Among so many names one is found sooner by looking than by hashing.
const FEW: usize = 12;

impl Header {
    /// Names in their order; of two columns with one name the first is meant.
    #[must_use]
    pub fn new(names: Vec<String>) -> Self {
        let mut places = HashMap::with_capacity(names.len());
        for (place, name) in names.iter().enumerate() {
            places.entry(name.clone()).or_insert(place);
        }
        Self { names, places }
    }

    /// The columns, in their order.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Where the column stands.
    #[must_use]
    pub fn place(&self, name: &str) -> Option<usize> {
        if self.names.len() <= FEW {
            return self.names.iter().position(|column| column == name);
        }
        self.places.get(name).copied()
    }
}

/// A row kept beyond the read: compact for text tables, a tree for JSON and SQLite.
#[derive(Debug, Clone)]
pub enum Row {
    /// A line of a text table. An empty field reads as null.
    Text {
        /// The table's columns.
        header: Arc<Header>,
        /// The fields of this line.
        line: Line,
    },
    /// An object with typed values.
    Tree(serde_json::Map<String, Value>),
}

/// The fields of one line of a text table, borrowed from whoever read it.
#[derive(Debug, Clone, Copy)]
pub struct Fields<'a> {
    text: &'a [u8],
    ends: &'a [usize],
    /// Bytes between one field's end and the next one's begin.
    gap: usize,
}

impl<'a> Fields<'a> {
    /// Fields that stand in `text` one right after another; each ends where `ends` says.
    #[must_use]
    pub fn adjacent(text: &'a [u8], ends: &'a [usize]) -> Self {
        Self { text, ends, gap: 0 }
    }

    /// Fields as they stand in `text`, a delimiter of one byte after each but the last.
    #[must_use]
    pub fn delimited(text: &'a [u8], ends: &'a [usize]) -> Self {
        Self { text, ends, gap: 1 }
    }

    /// How many there are.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a line has at least one field")]
    pub fn len(self) -> usize {
        self.ends.len()
    }

    /// One field; `None` when the line is shorter, and for what isn't UTF-8.
    #[must_use]
    pub fn get(self, place: usize) -> Option<&'a str> {
        std::str::from_utf8(self.bytes(place)?).ok()
    }

    /// One field's bytes; `None` when the line is shorter.
    #[must_use]
    pub fn bytes(self, place: usize) -> Option<&'a [u8]> {
        let end = *self.ends.get(place)?;
        let begin = if place == 0 { 0 } else { self.ends[place - 1] + self.gap };
        Some(&self.text[begin..end])
    }

    /// Every field, in order.
    pub fn iter(self) -> impl Iterator<Item = &'a str> {
        (0..self.len()).map(move |place| self.get(place).unwrap_or(""))
    }

    /// All fields in one, with their delimiters or without.
    #[must_use]
    pub fn text(self) -> &'a [u8] {
        self.text
    }
}

/// One line of a text table, kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    text: Box<[u8]>,
    ends: Box<[usize]>,
    gap: usize,
}

impl Line {
    /// Its fields.
    #[must_use]
    pub fn fields(&self) -> Fields<'_> {
        Fields { text: &self.text, ends: &self.ends, gap: self.gap }
    }
}

impl From<Fields<'_>> for Line {
    fn from(fields: Fields<'_>) -> Self {
        Self { text: fields.text.into(), ends: fields.ends.into(), gap: fields.gap }
    }
}

impl<S: AsRef<str>> FromIterator<S> for Line {
    fn from_iter<I: IntoIterator<Item = S>>(fields: I) -> Self {
        let (mut text, mut ends) = (Vec::new(), Vec::new());
        for field in fields {
            text.extend_from_slice(field.as_ref().as_bytes());
            ends.push(text.len());
        }
        Self { text: text.into(), ends: ends.into(), gap: 0 }
    }
}

impl Row {
    /// The value of a column: null when it is there but empty, `None` when there is no such column.
    /// A name with dots (`customer.phone`) that is no column by itself is looked up level by level.
    #[must_use]
    pub fn get(&self, column: &str) -> Option<Cow<'_, Value>> {
        match self {
            Self::Text { header, line } => {
                header.place(column).map(|place| Cow::Owned(text_value(line.fields().get(place))))
            }
            Self::Tree(tree) => in_tree(tree, column).map(Cow::Borrowed),
        }
    }

    /// The row as it was read.
    #[must_use]
    pub fn as_record(&self) -> Record<'_> {
        match self {
            Self::Text { header, line } => Record::Text { header, fields: line.fields() },
            Self::Tree(tree) => Record::Tree(tree),
        }
    }

    /// The columns of this row, in their order.
    #[must_use]
    pub fn columns(&self) -> Vec<String> {
        match self {
            Self::Text { header, .. } => header.names().to_vec(),
            Self::Tree(tree) => tree.keys().cloned().collect(),
        }
    }

    /// The row as one JSON object.
    #[must_use]
    pub fn to_object(&self) -> serde_json::Map<String, Value> {
        match self {
            Self::Text { header, line } => header
                .names()
                .iter()
                .enumerate()
                .rev() // of two columns with one name the first is meant: it is inserted last
                .map(|(place, name)| (name.clone(), text_value(line.fields().get(place))))
                .collect(),
            Self::Tree(tree) => tree.clone(),
        }
    }
}

/// A field of a text table as a value: nothing and the empty text are both null, blanks around it stay.
fn text_value(field: Option<&str>) -> Value {
    match field {
        None | Some("") => Value::Null,
        Some(text) => Value::String(text.to_owned()),
    }
}

/// Looks a column up in an object: by its whole name first, then as a path with dots.
#[must_use]
pub fn in_tree<'a>(tree: &'a serde_json::Map<String, Value>, column: &str) -> Option<&'a Value> {
    if let Some(value) = tree.get(column) {
        return Some(value);
    }
    let (first, rest) = column.split_once('.')?;
    match tree.get(first)? {
        Value::Object(inner) => in_tree(inner, rest),
        _ => None,
    }
}

/// One record as its format read it, borrowed: cheap to look into, copied only when it is kept.
#[derive(Debug, Clone, Copy)]
pub enum Record<'a> {
    /// A line of a text table.
    Text {
        /// The table's columns.
        header: &'a Arc<Header>,
        /// The fields of this line.
        fields: Fields<'a>,
    },
    /// An object with typed values.
    Tree(&'a serde_json::Map<String, Value>),
    /// A record that can't be read, and why (no personal data in the reason).
    Broken(&'a str),
}

impl<'a> Record<'a> {
    /// A scalar of this record as text, borrowed where it can be: `None` when missing, null or empty.
    /// Numbers and booleans read as their JSON text; lists and objects are no scalar and read as `None`.
    #[must_use]
    pub fn text(&self, column: &ColumnName) -> Option<Cow<'a, str>> {
        match *self {
            Self::Text { header, fields } => {
                let text = fields.get(header.place(column.as_str())?)?;
                (!text.is_empty()).then_some(Cow::Borrowed(text))
            }
            Self::Tree(tree) => scalar_text(in_tree(tree, column.as_str())?),
            Self::Broken(_) => None,
        }
    }

    /// Copies the record; `None` when it is broken.
    #[must_use]
    pub fn to_row(&self) -> Option<Row> {
        match *self {
            Self::Text { header, fields } => Some(Row::Text { header: Arc::clone(header), line: fields.into() }),
            Self::Tree(tree) => Some(Row::Tree(tree.clone())),
            Self::Broken(_) => None,
        }
    }
}

/// Takes each record as it is read. `Break` ends the read early on purpose.
pub trait RecordSink {
    /// One record; `number` counts records from 1 (for a text table the line in the file).
    fn record(&mut self, number: u64, record: Record<'_>) -> std::ops::ControlFlow<()>;

    /// Whether [`RecordSink::restart`] may be called. One that can't is given no record before all of its text was seen.
    fn restarts(&self) -> Restarts {
        Restarts::No
    }

    /// Forgets every record so far: late bytes of the text showed that it is encoded otherwise, and it is read anew.
    fn restart(&mut self) {}
}

/// Whether a sink can begin anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Restarts {
    /// It can.
    Yes,
    /// It can't.
    No,
}

/// A scalar as text: `None` for null, empty text, lists and objects.
#[must_use]
pub fn scalar_text(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::Null | Value::Array(_) | Value::Object(_) => None,
        Value::String(text) => (!text.is_empty()).then_some(Cow::Borrowed(text.as_str())),
        Value::Bool(truth) => Some(Cow::Borrowed(if *truth { "true" } else { "false" })),
        Value::Number(number) => Some(Cow::Owned(number.to_string())),
    }
}

/// The name of a column as a schedule writes it: `Appt Date`, or a path with dots into objects (`customer.phone`).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ColumnName(String);

impl ColumnName {
    /// A name as written.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// The name as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dotted_name_is_a_column_first_and_a_path_second() {
        let tree = serde_json::json!({"a.b": 1, "a": {"b": 2, "c": {"d": 3}}});
        let Value::Object(tree) = tree else { unreachable!("an object was written") };
        let row = Row::Tree(tree);
        assert_eq!(row.get("a.b").as_deref(), Some(&Value::from(1)));
        assert_eq!(row.get("a.c.d").as_deref(), Some(&Value::from(3)));
        assert_eq!(row.get("a.x"), None);
    }

    #[test]
    fn an_empty_field_is_null_and_a_missing_column_is_nothing() {
        let header = Arc::new(Header::new(vec!["id".into(), "name".into()]));
        let row = Row::Text { header, line: Line::from_iter(["7", ""]) };
        assert_eq!(row.get("name").as_deref(), Some(&Value::Null));
        assert_eq!(row.get("age"), None);
    }
}
