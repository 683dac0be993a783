//! pure: the objects of an array in a JSON text become rows, one after the other: the text is never held as one tree.

use std::fmt;

use serde::de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use crate::formats::FormatError;
use crate::row::{Record, RecordSink};

/// What is looked for in a JSON text.
#[derive(Debug, Clone, Copy)]
pub struct Places<'a> {
    /// JSON pointer (RFC 6901) to the array of rows; empty: the text itself.
    pub items: &'a str,
    /// JSON pointers to single values beside the array, such as the next page's.
    pub beside: &'a [&'a str],
}

/// What a whole read found.
#[derive(Debug, Clone, PartialEq)]
pub struct JsonReport {
    /// Rows given to the sink, broken ones included.
    pub rows: u64,
    /// The values at [`Places::beside`], in their order.
    pub beside: Vec<Option<Value>>,
    /// Whether the sink ended the read.
    pub is_stopped: bool,
}

/// Reads every item; the first is numbered `first`. An item that is no object is a broken record.
///
/// # Errors
/// When the text is no JSON, is nested deeper than 128 levels, or has no array at `items`; with `may_pass` when it ends
/// too early.
pub fn read(
    text: &[u8],
    places: &Places<'_>,
    first: u64,
    sink: &mut dyn RecordSink,
) -> Result<JsonReport, FormatError> {
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    if text.trim_ascii().is_empty() {
        return Err(FormatError::wrong("the answer is empty where JSON is wanted"));
    }
    let mut search = Search::new(places, first, sink)?;
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let outcome = Walk { search: &mut search, path: Vec::new() }.deserialize(&mut deserializer);
    let outcome = outcome.and_then(|()| deserializer.end());
    if let Err(error) = outcome
        && !search.is_stopped
    {
        return Err(unreadable(&error, &search));
    }
    match search.arrays {
        0 => Err(no_array(places.items, search.found_instead)),
        1 => Ok(JsonReport { rows: search.rows, beside: search.beside, is_stopped: search.is_stopped }),
        _ => Err(FormatError::wrong(format!("the JSON has `{}` more than once", places.items))),
    }
}

/// The steps of a JSON pointer.
///
/// # Errors
/// When it is neither empty nor begins with a slash.
pub fn pointer(text: &str) -> Result<Vec<String>, FormatError> {
    match text.strip_prefix('/') {
        None if text.is_empty() => Ok(Vec::new()),
        None => Err(FormatError::wrong(format!("`{text}` is no JSON pointer: write it like `/data/rows`"))),
        Some(steps) => Ok(steps.split('/').map(|step| step.replace("~1", "/").replace("~0", "~")).collect()),
    }
}

fn unreadable(error: &serde_json::Error, search: &Search<'_>) -> FormatError {
    let (line, column) = (error.line(), error.column());
    let message = format!("the JSON can't be read beyond line {line}, column {column} ({} rows)", search.rows);
    match error.classify() {
        serde_json::error::Category::Eof => FormatError::cut(format!("{message}: it ends too early")),
        serde_json::error::Category::Io | serde_json::error::Category::Syntax | serde_json::error::Category::Data => {
            FormatError::wrong(message)
        }
    }
}

fn no_array(items: &str, instead: Option<&'static str>) -> FormatError {
    let place = if items.is_empty() { "the JSON itself".to_owned() } else { format!("`{items}`") };
    FormatError::wrong(match instead {
        Some(kind) => format!("{place} should be the array of rows and is {kind}: look at `items`"),
        None => format!(
            "the JSON has nothing at {place}, where the array of rows should be: an error message, perhaps; look at `items`"
        ),
    })
}

struct Search<'s> {
    items: Vec<String>,
    wanted: Vec<Vec<String>>,
    beside: Vec<Option<Value>>,
    first: u64,
    rows: u64,
    arrays: u32,
    found_instead: Option<&'static str>,
    is_stopped: bool,
    sink: &'s mut dyn RecordSink,
}

impl<'s> Search<'s> {
    fn new(places: &Places<'_>, first: u64, sink: &'s mut dyn RecordSink) -> Result<Self, FormatError> {
        let wanted = places.beside.iter().map(|place| pointer(place)).collect::<Result<Vec<_>, _>>()?;
        Ok(Self {
            items: pointer(places.items)?,
            beside: vec![None; wanted.len()],
            wanted,
            first,
            rows: 0,
            arrays: 0,
            found_instead: None,
            is_stopped: false,
            sink,
        })
    }

    fn give(&mut self, item: &Value) -> bool {
        let number = self.first + self.rows;
        self.rows += 1;
        let record = match item {
            Value::Object(tree) => Record::Tree(tree),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
                Record::Broken("it is no JSON object")
            }
        };
        self.is_stopped = self.sink.record(number, record).is_break();
        !self.is_stopped
    }
}

/// One value of the text, reached by `path`.
struct Walk<'w, 's> {
    search: &'w mut Search<'s>,
    path: Vec<String>,
}

impl Walk<'_, '_> {
    fn is_items(&self) -> bool {
        self.path == self.search.items
    }

    fn instead(self, kind: &'static str) {
        if self.is_items() {
            self.search.found_instead = Some(kind);
        }
    }

    /// Goes one step down: into the array of rows, into a value that is wanted, towards one, or past it.
    fn step<'de, D: serde::Deserializer<'de>>(&mut self, step: String, deserializer: D) -> Result<(), D::Error> {
        self.path.push(step);
        let search = &mut *self.search;
        let leads_on = |place: &Vec<String>| place.starts_with(&self.path);
        let outcome = if let Some(at) = search.wanted.iter().position(|place| *place == self.path) {
            serde::Deserialize::deserialize(deserializer).map(|value| search.beside[at] = Some(value))
        } else if leads_on(&search.items) || search.wanted.iter().any(leads_on) {
            let path = self.path.clone();
            Walk { search, path }.deserialize(deserializer)
        } else {
            serde::Deserialize::deserialize(deserializer).map(|IgnoredAny| ())
        };
        self.path.pop();
        outcome
    }
}

impl<'de> DeserializeSeed<'de> for Walk<'_, '_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<(), A::Error> {
        if !self.is_items() {
            let mut place = 0_usize;
            while let Some(()) = list.next_element_seed(Step { walk: &mut self, step: place.to_string() })? {
                place += 1;
            }
            return Ok(());
        }
        self.search.arrays += 1;
        while let Some(item) = list.next_element::<Value>()? {
            if !self.search.give(&item) {
                return Err(A::Error::custom("stopped"));
            }
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        if self.is_items() {
            self.search.found_instead = Some("an object");
        }
        while let Some(step) = map.next_key::<String>()? {
            map.next_value_seed(Step { walk: &mut self, step })?;
        }
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        self.instead("true or false");
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        self.instead("a number");
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        self.instead("a number");
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        self.instead("a number");
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        self.instead("a text");
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        self.instead("null");
        Ok(())
    }
}

struct Step<'p, 'w, 's> {
    walk: &'p mut Walk<'w, 's>,
    step: String,
}

impl<'de> DeserializeSeed<'de> for Step<'_, '_, '_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        self.walk.step(self.step, deserializer)
    }
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use super::*;

    #[derive(Default)]
    struct Seen(Vec<String>);

    impl RecordSink for Seen {
        fn record(&mut self, number: u64, record: Record<'_>) -> ControlFlow<()> {
            self.0.push(match record {
                Record::Tree(tree) => format!("{number} {}", Value::Object(tree.clone())),
                Record::Broken(reason) => format!("{number}! {reason}"),
                Record::Text { .. } => unreachable!("JSON has no lines"),
            });
            if self.0.len() == 5 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        }
    }

    fn read_at(text: &str, items: &str, beside: &[&str]) -> Result<(Vec<String>, JsonReport), FormatError> {
        let mut seen = Seen::default();
        read(text.as_bytes(), &Places { items, beside }, 1, &mut seen).map(|report| (seen.0, report))
    }

    #[test]
    fn items_and_the_values_beside_them_are_found_in_any_order() {
        let text = r#"{"x":[[{"deep":1}]],"paging":{"next":"/p2","n":3},"data":{"a/b":[{"id":1},{"id":15550100123}]}}"#;
        let (seen, report) = read_at(text, "/data/a~1b", &["/paging/next", "/nothing"]).expect("an array");
        assert_eq!(seen, ["1 {\"id\":1}", "2 {\"id\":15550100123}"]);
        assert_eq!(report.beside, [Some(Value::from("/p2")), None]);
        let (seen, report) = read_at("\u{feff} [ ] ", "", &[]).expect("an array");
        assert_eq!((seen.len(), report.rows), (0, 0));
        assert_eq!(read_at(r#"[[{"id":1}]]"#, "/0", &[]).expect("an array").0, ["1 {\"id\":1}"]);
    }

    #[test]
    fn an_item_that_is_no_object_is_broken() {
        assert_eq!(read_at("[1,{}]", "", &[]).expect("an array").0, ["1! it is no JSON object", "2 {}"]);
    }

    #[test]
    fn what_has_no_array_in_its_place_is_refused() {
        for (text, items) in [
            (r#"{"error":"no"}"#, "/data"),
            (r#"{"error":"no"}"#, ""),
            (r#"{"data":{"id":1}}"#, "/data"),
            (r#"{"data":null}"#, "/data"),
            (r#"{"data":"x"}"#, "/data"),
            (r#"{"data":[],"data":[]}"#, "/data"),
            ("<html>", ""),
            ("", ""),
            ("[] []", ""),
            ("[]", "data.rows"),
        ] {
            let error = read_at(text, items, &[]).expect_err(text);
            assert!(!error.may_pass, "{text}: {error}");
        }
    }

    #[test]
    fn a_text_that_ends_early_may_pass_and_a_bottomless_one_does_not() {
        assert!(read_at(r#"[{"id":1},{"id""#, "", &[]).expect_err("cut").may_pass);
        assert!(!read_at(&"[".repeat(100_000), "", &[]).expect_err("deep").may_pass);
        assert!(!read_at(&"{\"a\":".repeat(100_000), &"/a".repeat(9_000), &[]).expect_err("deep").may_pass);
    }

    #[test]
    fn a_sink_that_breaks_ends_the_read() {
        let (seen, report) = read_at("[{},{},{},{},{},{},oops", "", &[]).expect("stopped in time");
        assert_eq!((seen.len(), report.rows, report.is_stopped), (5, 5, true));
    }
}
