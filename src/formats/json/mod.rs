//! pure: the objects of an array in a JSON text become rows, one after the other: the text is never held as one tree. What
//! stands around the array is kept, because an answer says there whether it is whole.

use std::fmt;

use serde::de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::{FormatAsk, FormatError, FormatReport, two_columns};
use crate::row::{JsonPlace, PathColumn, Record, RecordSink};
use crate::schedule::JsonShape;
use rows::ItemSeed;

mod each;
mod joined;
mod rows;
#[cfg(test)]
mod tests;
mod text;
mod tree;

/// Maximum values that are kept of the lists around the rows: enough for links, too few for a second list of records.
const MAX_LISTED: usize = 10_000;

/// Reads every item. An item that is no object is a broken record.
///
/// # Errors
/// When the text is no JSON, is nested deeper than 128 levels, has something other than an array at `items`, or holds
/// arrays as rows; with `may_pass` when it ends too early. Nothing at `items` is no error here: the report says so.
pub fn read(
    text: &[u8],
    shape: &JsonShape,
    ask: &FormatAsk<'_>,
    sink: &mut dyn RecordSink,
) -> Result<FormatReport, FormatError> {
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    if text.trim_ascii().is_empty() {
        return Err(FormatError::wrong("the answer is empty where JSON is wanted"));
    }
    let text = text::without_lone_surrogates(text);
    // what a path leads to can't be known while the text is read: every number keeps its digits
    let text = if shape.has_paths() { text::long_numbers_as_texts(text) } else { text };
    if shape.needs_tree() { read_tree(&text, shape, ask, sink) } else { read_stream(&text, shape, ask, sink) }
}

/// Item by item; the text is never held as one tree.
fn read_stream(
    text: &[u8],
    shape: &JsonShape,
    ask: &FormatAsk<'_>,
    sink: &mut dyn RecordSink,
) -> Result<FormatReport, FormatError> {
    let items = shape.items.pointer().unwrap_or_default();
    let mut search = Search::new(shape, ask, sink)?;
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let outcome = JsonWalk { search: &mut search, path: Vec::new() }.deserialize(&mut deserializer);
    let outcome = outcome.and_then(|around| deserializer.end().map(|()| around));
    let around = match outcome {
        Ok(around) => around,
        Err(_) if search.is_stopped => Value::Null,
        Err(error) => return Err(search.fault.take().unwrap_or_else(|| unreadable(&error, text, search.rows))),
    };
    match (search.arrays, search.found_instead) {
        (0, Some(kind)) => Err(wrong_kind(items, kind)),
        (0 | 1, _) => Ok(FormatReport {
            columns: Vec::new(),
            rows: search.rows,
            is_stopped: search.is_stopped,
            marks: marks(&around, ask.places),
            around,
            has_rows_place: search.arrays == 1,
        }),
        (2.., _) => Err(FormatError::wrong(format!("the JSON has `{items}` more than once"))),
    }
}

/// With the whole text as a tree, for places that only a tree shows.
fn read_tree(
    text: &[u8],
    shape: &JsonShape,
    ask: &FormatAsk<'_>,
    sink: &mut dyn RecordSink,
) -> Result<FormatReport, FormatError> {
    if let Some(fault) = shape.items.fault() {
        return Err(FormatError::wrong(format!("`items` is not a valid JSONPath: {fault}")));
    }
    let mut doubled = None;
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let seed = tree::TreeSeed { wanted: ask.wanted, doubled: &mut doubled };
    let tree = seed.deserialize(&mut deserializer).and_then(|tree| deserializer.end().map(|()| tree));
    let mut around = tree.map_err(|error| unreadable(&error, text, 0))?;
    if let Some(name) = doubled {
        return Err(FormatError::wrong(format!(
            "an object has two fields `{name}`: which of them is meant can't be known"
        )));
    }
    let marks = marks(&around, ask.places);
    let joins: Vec<_> = shape.joins.iter().map(|join| joined::JoinTable::of(join, &around)).collect();
    let taken = tree::take_rows(&mut around, &shape.items);
    let mut search = Search::new(shape, ask, sink)?;
    for mut row in taken.rows {
        joins.iter().for_each(|join| join.add(&mut row));
        if !search.give(row, None) {
            break;
        }
    }
    let (rows, is_stopped) = (search.rows, search.is_stopped);
    match search.fault {
        Some(fault) => Err(fault),
        None => {
            Ok(FormatReport { columns: Vec::new(), rows, is_stopped, marks, around, has_rows_place: taken.has_place })
        }
    }
}

/// What stands at each of the places outside the rows.
fn marks(around: &Value, places: &[&JsonPlace]) -> Vec<Option<Value>> {
    places.iter().map(|place| place.values(around).first().map(|value| (*value).clone())).collect()
}

/// The steps of a JSON pointer.
///
/// # Errors
/// When it is neither empty nor begins with a slash.
pub fn pointer(text: &str) -> Result<Vec<String>, FormatError> {
    match text.strip_prefix('/') {
        None if text.is_empty() => Ok(Vec::new()),
        None => Err(FormatError::wrong(format!("`{text}` is not a valid JSON pointer: write it like `/data/rows`"))),
        Some(steps) => Ok(steps.split('/').map(|step| step.replace("~1", "/").replace("~0", "~")).collect()),
    }
}

/// That there is nothing where the array of rows should be.
#[must_use]
pub fn nothing_there(items: &str) -> FormatError {
    let place = place_of(items);
    FormatError::wrong(format!(
        "the JSON has nothing at {place}, where the array of rows should be: an error message, perhaps; check `items`, or \
         write `items_optional = true` if the sender leaves it out on an empty day"
    ))
}

fn place_of(items: &str) -> String {
    if items.is_empty() { "the JSON itself".to_owned() } else { format!("`{items}`") }
}

fn wrong_kind(items: &str, kind: &str) -> FormatError {
    let place = place_of(items);
    FormatError::wrong(format!("{place} should be the array of rows and is {kind}: check `items`"))
}

fn unreadable(error: &serde_json::Error, text: &[u8], rows: u64) -> FormatError {
    let (line, column) = (error.line(), error.column());
    let message = format!("the JSON can't be read beyond line {line}, column {column} ({rows} rows)");
    match error.classify() {
        serde_json::error::Category::Eof => FormatError::cut(format!("{message}: it ends too early")),
        serde_json::error::Category::Io | serde_json::error::Category::Syntax | serde_json::error::Category::Data => {
            FormatError::wrong(match text::what_is_there(text, line, column) {
                Some(what) => format!("{message}: {what}"),
                None => message,
            })
        }
    }
}

struct Search<'s> {
    shape: &'s JsonShape,
    items: Vec<String>,
    places: Vec<Vec<String>>,
    ask: &'s FormatAsk<'s>,
    rows: u64,
    arrays: u32,
    found_instead: Option<&'static str>,
    is_stopped: bool,
    /// Why the read is given up although the text is JSON.
    fault: Option<FormatError>,
    listed: usize,
    sink: &'s mut dyn RecordSink,
}

impl<'s> Search<'s> {
    fn new(shape: &'s JsonShape, ask: &'s FormatAsk<'s>, sink: &'s mut dyn RecordSink) -> Result<Self, FormatError> {
        // of a JSONPath the names before its first filter: whatever lies below them is kept
        let steps = |place: &JsonPlace| match place.pointer() {
            Some(text) => pointer(text),
            None => pointer(&place.trunk()),
        };
        Ok(Self {
            shape,
            items: steps(&shape.items)?,
            places: ask.places.iter().map(|place| steps(place)).collect::<Result<_, _>>()?,
            ask,
            rows: 0,
            arrays: 0,
            found_instead: None,
            is_stopped: false,
            fault: None,
            listed: 0,
            sink,
        })
    }

    /// Gives one item to the sink; `false` ends the read.
    fn give(&mut self, item: Value, doubled: Option<(String, (usize, usize))>) -> bool {
        let number = self.ask.first_row + self.rows;
        self.rows += 1;
        if let Some((name, places)) = doubled {
            let message = format!("row {number}: {}", two_columns(&name, places));
            self.fault = Some(FormatError::wrong(message));
            return false;
        }
        match item {
            Value::Object(item) => match &self.shape.each {
                None => self.hand_on(number, Ok(item)),
                Some(place) => {
                    for row in each::rows_of(item, place) {
                        self.hand_on(number, row);
                        if self.is_stopped {
                            break;
                        }
                    }
                }
            },
            Value::Array(_) if self.rows == 1 => {
                self.fault = Some(FormatError::wrong(
                    "the rows are arrays, in which columns have no names: have the sender write objects \
                     (`{\"id\": …}`), or check `items`",
                ));
                return false;
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
                self.hand_on(number, Err("it is not a JSON object"));
            }
        }
        !self.is_stopped
    }

    fn hand_on(&mut self, number: u64, row: each::ElementRow) {
        let flow = match row {
            Ok(row) => {
                let row = PathColumn::add_all(&self.shape.columns, row);
                self.sink.record(number, Record::Tree(&row))
            }
            Err(reason) => self.sink.record(number, Record::Broken(reason)),
        };
        self.is_stopped = flow.is_break();
    }
}

/// One value of the text, reached by `path`; what it returns is kept around the rows.
struct JsonWalk<'w, 's> {
    search: &'w mut Search<'s>,
    path: Vec<String>,
}

impl JsonWalk<'_, '_> {
    fn is_items(&self) -> bool {
        self.path == self.search.items
    }

    fn scalar(self, kind: &'static str, value: Value) -> Value {
        if self.is_items() {
            self.search.found_instead = Some(kind);
        }
        value
    }

    /// Goes one step down.
    fn step<'de, D: serde::Deserializer<'de>>(&mut self, step: String, deserializer: D) -> Result<Value, D::Error> {
        self.path.push(step);
        let value = JsonWalk { search: &mut *self.search, path: self.path.clone() }.deserialize(deserializer);
        self.path.pop();
        value
    }

    /// Descends one step inside a list, unless enough was kept and nothing there is wanted.
    fn listed<'de, D: serde::Deserializer<'de>>(&mut self, step: String, deserializer: D) -> Result<Value, D::Error> {
        self.search.listed += 1;
        self.path.push(step);
        let leads_on = |place: &Vec<String>| place.starts_with(&self.path);
        let is_in = |place: &Vec<String>| leads_on(place) || self.path.starts_with(place);
        let is_wanted = leads_on(&self.search.items) || self.search.places.iter().any(is_in);
        let last = self.path.pop().unwrap_or_default();
        if is_wanted || self.search.listed < MAX_LISTED {
            return self.step(last, deserializer);
        }
        serde::Deserialize::deserialize(deserializer).map(|IgnoredAny| Value::Null)
    }
}

impl<'de> DeserializeSeed<'de> for JsonWalk<'_, '_> {
    type Value = Value;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for JsonWalk<'_, '_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<Value, A::Error> {
        if !self.is_items() {
            let mut kept = Vec::new();
            while let Some(value) = list.next_element_seed(MemberWalk {
                walk: &mut self,
                step: kept.len().to_string(),
                inside: Inside::List,
            })? {
                kept.push(value);
            }
            return Ok(Value::Array(kept));
        }
        self.search.arrays += 1;
        loop {
            let mut doubled = None;
            let seed = ItemSeed { wanted: self.search.ask.wanted, path: String::new(), doubled: &mut doubled };
            let Some(item) = list.next_element_seed(seed)? else { break };
            if !self.search.give(item, doubled) {
                return Err(A::Error::custom("stopped"));
            }
        }
        Ok(Value::Null)
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Value, A::Error> {
        if self.is_items() {
            self.search.found_instead = Some("an object");
        }
        let mut kept = Map::new();
        while let Some(step) = map.next_key::<String>()? {
            let value =
                map.next_value_seed(MemberWalk { walk: &mut self, step: step.clone(), inside: Inside::Object })?;
            kept.insert(step, value);
        }
        Ok(Value::Object(kept))
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Value, E> {
        Ok(self.scalar("true or false", truth.into()))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(self.scalar("a number", number.into()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(self.scalar("a number", number.into()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(self.scalar("a number", number.into()))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(self.scalar("a text", text.into()))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        // null at `items` is nothing there: some senders write it on an empty day
        Ok(Value::Null)
    }
}

/// What a value is inside of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Inside {
    Object,
    List,
}

struct MemberWalk<'p, 'w, 's> {
    walk: &'p mut JsonWalk<'w, 's>,
    step: String,
    inside: Inside,
}

impl<'de> DeserializeSeed<'de> for MemberWalk<'_, '_, '_> {
    type Value = Value;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        match self.inside {
            Inside::Object => self.walk.step(self.step, deserializer),
            Inside::List => self.walk.listed(self.step, deserializer),
        }
    }
}
