//! pure: the objects of an array in a JSON text become rows, one after the other: the text is never held as one tree. What
//! stands around the array is kept, because an answer says there whether it is whole.

use serde::de::DeserializeSeed as _;
use serde_json::Value;

use super::{FormatAsk, FormatError, FormatReport, two_columns};
use crate::row::{JsonPlace, JsonTape, PathColumn, Record, RecordSink};
use crate::schedule::JsonShape;
use flat::UsedNames;
use walk::JsonWalk;

mod each;
mod flat;
mod joined;
mod rows;
#[cfg(test)]
mod tests;
mod text;
mod tree;
mod walk;

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

/// Reads the items one by one; the text is never held as one tree.
fn read_stream(
    text: &[u8],
    shape: &JsonShape,
    ask: &FormatAsk<'_>,
    sink: &mut dyn RecordSink,
) -> Result<FormatReport, FormatError> {
    let mut given = 0;
    if shape.has_plain_rows()
        && let Ok(text) = std::str::from_utf8(text)
    {
        let form = RowForm::Flat { tape: JsonTape::default(), names: UsedNames::new(ask.wanted) };
        let mut search = Search::new(shape, ask, &mut *sink, form)?;
        match search.walk(serde_json::Deserializer::from_str(text)) {
            Ok(around) => return search.report(around),
            Err(_) if search.is_stopped => return search.report(Value::Null),
            Err(_) => given = search.rows,
        }
    }
    read_trees(text, shape, ask, sink, given)
}

/// Reads the items one by one, each as a tree. `given` is how many rows the sink has already.
fn read_trees(
    text: &[u8],
    shape: &JsonShape,
    ask: &FormatAsk<'_>,
    sink: &mut dyn RecordSink,
    given: u64,
) -> Result<FormatReport, FormatError> {
    let mut search = Search::new(shape, ask, sink, RowForm::Tree { given })?;
    match search.walk(serde_json::Deserializer::from_slice(text)) {
        Ok(around) => search.report(around),
        Err(_) if search.is_stopped => search.report(Value::Null),
        Err(error) => Err(search.fault.take().unwrap_or_else(|| unreadable(&error, text, search.rows))),
    }
}

/// Reads the whole text as one tree, for places that only a tree shows.
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
    let mut search = Search::new(shape, ask, sink, RowForm::Tree { given: 0 })?;
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

/// The error that nothing stands where the array of rows should be.
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

/// How a row is read.
enum RowForm<'s, 'de> {
    /// Rows as lists of values borrowed from the text, the memory used again for each row.
    Flat { tape: JsonTape<'de>, names: UsedNames<'s> },
    /// Rows as trees. `given` is how many rows the sink has already: they were flat.
    Tree { given: u64 },
}

struct Search<'s, 'de> {
    form: RowForm<'s, 'de>,
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

impl<'s, 'de> Search<'s, 'de> {
    fn new(
        shape: &'s JsonShape,
        ask: &'s FormatAsk<'s>,
        sink: &'s mut dyn RecordSink,
        form: RowForm<'s, 'de>,
    ) -> Result<Self, FormatError> {
        // of a JSONPath the names before its first filter: whatever lies below them is kept
        let steps = |place: &JsonPlace| match place.pointer() {
            Some(text) => pointer(text),
            None => pointer(&place.trunk()),
        };
        Ok(Self {
            form,
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

    /// Reads the whole text; returns what stands around the rows.
    fn walk<R: serde_json::de::Read<'de>>(
        &mut self,
        mut deserializer: serde_json::Deserializer<R>,
    ) -> Result<Value, serde_json::Error> {
        let around = JsonWalk { search: self, path: Vec::new() }.deserialize(&mut deserializer)?;
        deserializer.end().map(|()| around)
    }

    fn report(&self, around: Value) -> Result<FormatReport, FormatError> {
        let items = self.shape.items.pointer().unwrap_or_default();
        match (self.arrays, self.found_instead) {
            (0, Some(kind)) => Err(wrong_kind(items, kind)),
            (0 | 1, _) => Ok(FormatReport {
                columns: Vec::new(),
                rows: self.rows,
                is_stopped: self.is_stopped,
                marks: marks(&around, self.ask.places),
                around,
                has_rows_place: self.arrays == 1,
            }),
            (2.., _) => Err(FormatError::wrong(format!("the JSON has `{items}` more than once"))),
        }
    }

    /// Gives the item on the tape to the sink; `false` ends the read.
    fn give_flat(&mut self) -> bool {
        let number = self.ask.first_row + self.rows;
        self.rows += 1;
        if let RowForm::Flat { tape, .. } = &self.form {
            self.is_stopped = self.sink.record(number, Record::Json(tape.row())).is_break();
        }
        !self.is_stopped
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
        if let RowForm::Tree { given } = self.form
            && self.rows <= given
        {
            return;
        }
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
