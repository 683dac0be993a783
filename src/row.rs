//! pure: one record of a source, its values with their types, and how a column is named.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::hash::Hasher;
use std::sync::Arc;

use serde_json::Value;

pub use column::Column;
use column::HeaderNumber;
pub use flat::{JsonRow, JsonTape, JsonValue, Nesting};
pub use lines::Lines;
pub use place::{JsonPlace, PathColumn, is_path};
use unseen::column_name;

mod column;
mod flat;
mod lines;
mod place;
pub mod unseen;

/// The columns of a text table by place.
#[derive(Debug)]
pub struct Header {
    number: HeaderNumber,
    names: Vec<String>,
    places: HashMap<String, usize>,
}

/// The number of names up to which a linear search is faster than hashing.
const MAX_SEARCHED_NAMES: usize = 12;

impl Header {
    /// Names in their order. Blanks and invisible characters around a name don't count, and a line break inside it is
    /// `\n` however the file writes it; every other blank inside is a plain one.
    #[must_use]
    pub fn new(names: Vec<String>) -> Self {
        let names: Vec<String> = names.iter().map(|name| column_name(name).into_owned()).collect();
        let mut places = HashMap::with_capacity(names.len());
        for (place, name) in names.iter().enumerate() {
            places.entry(name.clone()).or_insert(place);
        }
        Self { number: HeaderNumber::new(), names, places }
    }

    /// The columns, in their order.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The place of the first column with this name.
    #[must_use]
    pub fn place(&self, name: &str) -> Option<usize> {
        self.exact_place(name).or_else(|| match column_name(name) {
            Cow::Borrowed(_) => None,
            Cow::Owned(cleaned) => self.exact_place(&cleaned),
        })
    }

    fn exact_place(&self, name: &str) -> Option<usize> {
        if self.names.len() <= MAX_SEARCHED_NAMES {
            return self.names.iter().position(|column| column == name);
        }
        self.places.get(name).copied()
    }

    /// The places of the first two columns with this name, when there are two.
    #[must_use]
    pub fn two_places(&self, name: &str) -> Option<(usize, usize)> {
        let first = self.place(name)?;
        let is_same = |(_, other): &(usize, &String)| **other == self.names[first];
        let (second, _) = self.names.iter().enumerate().skip(first + 1).find(is_same)?;
        Some((first, second))
    }

    /// The place of a column, remembered from the last record of this table.
    fn place_of(&self, column: &Column) -> Option<usize> {
        let remembered = column.remembered_place(self.number);
        remembered.or_else(|| {
            let place = self.place(column.as_str())?;
            column.remember(self.number, place);
            Some(place)
        })
    }
}

/// A table of no columns.
impl Default for Header {
    fn default() -> Self {
        Self::new(Vec::new())
    }
}

/// A row kept beyond the read: compact for text tables, a tree for JSON and SQLite.
#[derive(Clone)]
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
#[derive(Clone, Copy)]
pub struct Fields<'a> {
    text: &'a [u8],
    ends: &'a [usize],
    /// Bytes between one field's end and the next one's begin.
    gap: usize,
}

impl<'a> Fields<'a> {
    /// Fields in `text` without anything between them; each ends where `ends` says.
    #[must_use]
    pub fn adjacent(text: &'a [u8], ends: &'a [usize]) -> Self {
        Self { text, ends, gap: 0 }
    }

    /// Fields as written in `text`, a delimiter of one byte after each but the last.
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

    /// The field at a place; `None` when the line is shorter, and for what isn't UTF-8.
    #[must_use]
    pub fn get(self, place: usize) -> Option<&'a str> {
        std::str::from_utf8(self.bytes(place)?).ok()
    }

    /// The bytes of the field at a place; `None` when the line is shorter.
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
#[derive(Clone, PartialEq, Eq)]
pub struct Line {
    text: Box<[u8]>,
    ends: Box<[usize]>,
    gap: usize,
}

impl Line {
    /// The line's fields.
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

/// The columns alone: everything may be in a value.
impl fmt::Debug for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Row").field("columns", &self.columns()).finish_non_exhaustive()
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

    /// Roughly how many bytes of memory the row takes.
    #[must_use]
    pub fn size(&self) -> usize {
        match self {
            Self::Text { line, .. } => line.text.len() + line.ends.len() * size_of::<usize>(),
            Self::Tree(tree) => tree_size(tree),
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

fn tree_size(tree: &serde_json::Map<String, Value>) -> usize {
    // an entry of the map, its hash and its place in the order
    const ENTRY: usize = size_of::<(String, Value)>() + 24;
    tree.iter().map(|(name, value)| name.len() + ENTRY + value_size(value)).sum()
}

fn value_size(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
        Value::String(text) => text.len(),
        Value::Array(list) => list.iter().map(|item| size_of::<Value>() + value_size(item)).sum(),
        Value::Object(tree) => tree_size(tree),
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

/// The column in which a row that is one occurrence of a series has its original start in UTC: part of its id.
pub const OCCURRENCE: &str = "@occurrence";

/// The column in which a row that was made of a recurrence rule has its own start (RFC 3339).
pub const OCCURRENCE_START: &str = "@starts_at";

/// The column in which a request that was posted has its receipt (RFC 3339).
pub const RECEIVED_AT: &str = "@received_at";

/// The column in which it has the `Idempotency-Key` of its sender.
pub const IDEMPOTENCY_KEY: &str = "@idempotency_key";

/// One record as its format read it, borrowed: cheap to read, copied only when it is kept.
#[derive(Clone, Copy)]
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
    /// An object of a JSON text, borrowed from it.
    Json(JsonRow<'a>),
    /// A record that can't be read, and why (no personal data in the reason).
    Broken(&'a str),
}

/// The columns of a line and the reason of what can't be read: everything may be in a value, and in the name of a key.
impl fmt::Debug for Record<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Record");
        match self {
            Self::Text { header, .. } => shown.field("columns", &header.names()).finish_non_exhaustive(),
            Self::Tree(tree) => shown.field("fields", &tree.len()).finish_non_exhaustive(),
            Self::Json(_) => shown.finish_non_exhaustive(),
            Self::Broken(reason) => shown.field("broken", reason).finish(),
        }
    }
}

impl<'a> Record<'a> {
    /// A scalar of this record as text, borrowed where it can be: `None` when missing, null or empty.
    /// Numbers and booleans read as their JSON text; lists and objects are no scalar and read as `None`.
    #[must_use]
    pub fn text(&self, column: &Column) -> Option<Cow<'a, str>> {
        match *self {
            Self::Text { header, fields } => {
                let text = fields.get(header.place_of(column)?)?;
                (!text.is_empty()).then_some(Cow::Borrowed(text))
            }
            Self::Tree(tree) => scalar_text(column.in_tree(tree)?),
            Self::Json(row) => column.in_flat(row)?.scalar_text(),
            Self::Broken(_) => None,
        }
    }

    /// The bytes of a field of a text table, or of a text in an object; `None` for other values, and when there is no such
    /// column.
    #[must_use]
    pub fn field(&self, column: &Column) -> Option<&'a [u8]> {
        match *self {
            Self::Text { header, fields } => fields.bytes(header.place_of(column)?),
            Self::Tree(tree) => column.in_tree(tree)?.as_str().map(str::as_bytes),
            Self::Json(row) => column.in_flat(row)?.as_text().map(str::as_bytes),
            Self::Broken(_) => None,
        }
    }

    /// Whether the record has this column, empty or not.
    #[must_use]
    pub fn has(&self, column: &Column) -> bool {
        match *self {
            Self::Text { header, .. } => header.place_of(column).is_some(),
            Self::Tree(tree) => column.in_tree(tree).is_some(),
            Self::Json(row) => column.in_flat(row).is_some(),
            Self::Broken(_) => false,
        }
    }

    /// Adds the record's content to a hash.
    pub fn hash_into(&self, hasher: &mut impl Hasher) {
        match *self {
            Self::Text { fields, .. } => {
                for field in fields.iter() {
                    hasher.write_usize(field.len());
                    hasher.write(field.as_bytes());
                }
            }
            Self::Tree(tree) => flat::hash_tree(tree, hasher),
            Self::Json(row) => row.hash_into(hasher),
            Self::Broken(reason) => hasher.write(reason.as_bytes()),
        }
    }

    /// The object or list that stands where a scalar is wanted.
    #[must_use]
    pub fn nested(&self, column: &Column) -> Option<Cow<'a, Value>> {
        match *self {
            Self::Tree(tree) => {
                column.in_tree(tree).filter(|value| value.is_object() || value.is_array()).map(Cow::Borrowed)
            }
            Self::Json(row) => {
                column.in_flat(row).filter(|value| value.is_nested()).map(|value| Cow::Owned(value.to_value()))
            }
            Self::Text { .. } | Self::Broken(_) => None,
        }
    }

    /// Copies the record; `None` when it is broken.
    #[must_use]
    pub fn to_row(&self) -> Option<Row> {
        match *self {
            Self::Text { header, fields } => Some(Row::Text { header: Arc::clone(header), line: fields.into() }),
            Self::Tree(tree) => Some(Row::Tree(tree.clone())),
            Self::Json(row) => Some(Row::Tree(row.to_tree())),
            Self::Broken(_) => None,
        }
    }
}

/// Takes each record as it is read. `Break` ends the read early on purpose.
pub trait RecordSink {
    /// Takes one record; `number` counts records from 1 (for a text table it is the line in the file).
    fn record(&mut self, number: u64, record: Record<'_>) -> std::ops::ControlFlow<()>;

    /// Whether [`RecordSink::restart`] may be called. One that can't is given no record before all of its text was seen.
    fn restarts(&self) -> Restarts {
        Restarts::No
    }

    /// How much of the records so far it keeps.
    fn kept(&self) -> Kept {
        Kept::default()
    }

    /// Forgets every record so far: late bytes of the text showed that it is encoded otherwise, and it is read anew.
    fn restart(&mut self) {}
}

/// How much a sink keeps of what it was given.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Kept {
    /// Rows that the run is about.
    pub rows: u64,
    /// Bytes of all rows kept, those with a fault too.
    pub bytes: usize,
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
    fn a_column_finds_its_value_whatever_table_it_was_used_on_before() {
        let column = Column::new("phone");
        for names in [["id", "phone", "x"], ["phone", "id", "x"], ["x", "\u{feff}phone\u{a0}", "phone"]] {
            let header = Arc::new(Header::new(names.map(str::to_owned).to_vec()));
            let line = Line::from_iter(names.map(|name| format!("[{}]", unseen::trim(name))));
            let record = Record::Text { header: &header, fields: line.fields() };
            assert_eq!(record.text(&column).as_deref(), Some("[phone]"), "{names:?}");
        }
        let without = Arc::new(Header::new(vec!["id".into()]));
        let line = Line::from_iter(["1"]);
        assert_eq!(Record::Text { header: &without, fields: line.fields() }.text(&column), None);
    }

    #[test]
    fn a_path_is_followed_as_deep_as_whole_names_allow() {
        let tree = serde_json::json!({"a": {"b.c": 1, "d": {"e": "x"}}, "f": {"g": {"h": [2]}}});
        let Value::Object(tree) = tree else { unreachable!("an object was written") };
        let text = |name: &str| Record::Tree(&tree).text(&Column::new(name)).map(Cow::into_owned);
        assert_eq!(text("a.b.c").as_deref(), Some("1"));
        assert_eq!(text("a.d.e").as_deref(), Some("x"));
        for nothing in ["a", "a.d", "a.d.e.f", "a..d", ".a", "f.g.h", ""] {
            assert_eq!(text(nothing), None, "{nothing}");
        }
        assert!(Record::Tree(&tree).nested(&Column::new("f.g.h")).is_some());
    }

    #[test]
    fn the_second_of_two_columns_with_one_name_is_found() {
        let header = Header::new(["id", "Phone\r\nno", "x", "Phone\nno "].map(str::to_owned).to_vec());
        assert_eq!(header.two_places("Phone\r\nno"), Some((1, 3)));
        assert_eq!(header.two_places("x"), None);
    }

    #[test]
    fn an_empty_field_is_null_and_a_missing_column_is_nothing() {
        let header = Arc::new(Header::new(vec!["id".into(), "name".into()]));
        let row = Row::Text { header, line: Line::from_iter(["7", ""]) };
        assert_eq!(row.get("name").as_deref(), Some(&Value::Null));
        assert_eq!(row.get("age"), None);
    }
}
