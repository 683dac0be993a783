//! pure: the objects of an array in a JSON text become rows, one after the other: the text is never held as one tree. What
//! stands around the array is kept, because an answer says there whether it is whole.

use std::fmt;

use serde::de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::{FormatAsk, FormatError, FormatReport, two_columns};
use crate::row::{Record, RecordSink};
use crate::schedule::JsonShape;
use rows::ItemSeed;

mod rows;
mod text;

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
    let mut search = Search::new(&shape.items, ask, sink)?;
    let mut deserializer = serde_json::Deserializer::from_slice(&text);
    let outcome = JsonWalk { search: &mut search, path: Vec::new() }.deserialize(&mut deserializer);
    let outcome = outcome.and_then(|around| deserializer.end().map(|()| around));
    let around = match outcome {
        Ok(around) => around,
        Err(_) if search.is_stopped => Value::Null,
        Err(error) => return Err(search.fault.take().unwrap_or_else(|| unreadable(&error, &text, search.rows))),
    };
    match (search.arrays, search.found_instead) {
        (0, Some(kind)) => Err(wrong_kind(&shape.items, kind)),
        (0 | 1, _) => Ok(FormatReport {
            columns: Vec::new(),
            rows: search.rows,
            is_stopped: search.is_stopped,
            around,
            has_rows_place: search.arrays == 1,
        }),
        (2.., _) => Err(FormatError::wrong(format!("the JSON has `{}` more than once", shape.items))),
    }
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
    fn new(items: &str, ask: &'s FormatAsk<'s>, sink: &'s mut dyn RecordSink) -> Result<Self, FormatError> {
        Ok(Self {
            items: pointer(items)?,
            places: ask.places.iter().map(|place| pointer(place)).collect::<Result<_, _>>()?,
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
    fn give(&mut self, item: &Value, doubled: Option<(String, (usize, usize))>) -> bool {
        let number = self.ask.first_row + self.rows;
        self.rows += 1;
        if let Some((name, places)) = doubled {
            let message = format!("row {number}: {}", two_columns(&name, places));
            self.fault = Some(FormatError::wrong(message));
            return false;
        }
        let record = match item {
            Value::Object(tree) => Record::Tree(tree),
            Value::Array(_) if self.rows == 1 => {
                self.fault = Some(FormatError::wrong(
                    "the rows are arrays, in which columns have no names: have the sender write objects \
                     (`{\"id\": …}`), or check `items`",
                ));
                return false;
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
                Record::Broken("it is not a JSON object")
            }
        };
        self.is_stopped = self.sink.record(number, record).is_break();
        !self.is_stopped
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
        let is_wanted = leads_on(&self.search.items) || self.search.places.iter().any(leads_on);
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
            if !self.search.give(&item, doubled) {
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

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use super::*;
    use crate::formats::{ReadWindow, Wanted};

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

    fn read_at(text: &str, items: &str, places: &[&str]) -> Result<(Vec<String>, FormatReport), FormatError> {
        read_mapped(text, items, places, &[])
    }

    fn read_mapped(
        text: &str,
        items: &str,
        places: &[&str],
        mapped: &[&str],
    ) -> Result<(Vec<String>, FormatReport), FormatError> {
        let mut seen = Seen::default();
        let (wanted, window) = (Wanted::mapped(mapped), window());
        let ask = FormatAsk { wanted: &wanted, window: &window, first_row: 1, places };
        let report =
            read(text.as_bytes(), &JsonShape { items: items.to_owned(), items_optional: false }, &ask, &mut seen)?;
        if !report.has_rows_place {
            return Err(nothing_there(items));
        }
        Ok((seen.0, report))
    }

    fn window() -> ReadWindow {
        let at: jiff::Timestamp = "2026-11-25T05:00:00Z".parse().expect("an instant");
        ReadWindow { from: at, until: at, day: jiff::civil::date(2026, 11, 24), now: at }
    }

    #[test]
    fn items_and_what_stands_around_them_are_found_in_any_order() {
        let text = r#"{"x":[[{"deep":1}]],"paging":{"next":"/p2","n":3},"data":{"a/b":[{"id":1},{"id":15550100123}]}}"#;
        let (seen, report) = read_at(text, "/data/a~1b", &[]).expect("an array");
        assert_eq!(seen, ["1 {\"id\":1}", "2 {\"id\":15550100123}"]);
        assert_eq!(report.around.pointer("/paging/next"), Some(&Value::from("/p2")));
        assert_eq!(report.around.pointer("/data/a~1b"), Some(&Value::Null), "the rows aren't kept");
        let (seen, report) = read_at("\u{feff} [ ] ", "", &[]).expect("an array");
        assert_eq!((seen.len(), report.rows), (0, 0));
        assert_eq!(read_at(r#"[[{"id":1}]]"#, "/0", &[]).expect("an array").0, ["1 {\"id\":1}"]);
    }

    #[test]
    fn a_second_long_list_is_passed_over_and_a_place_in_it_is_found_all_the_same() {
        let included = format!("[{}0]", "1,".repeat(MAX_LISTED + 5));
        let text = format!(r#"{{"included":{included},"data":[{{"id":1}}],"next":"/p2"}}"#);
        let last = format!("/included/{}", MAX_LISTED + 4);
        let (_, report) = read_at(&text, "/data", &[&last]).expect("an array");
        assert_eq!(report.around.pointer("/next"), Some(&Value::from("/p2")));
        assert_eq!(report.around.pointer(&last), Some(&Value::from(1)));
        assert_eq!(report.around.pointer(&format!("/included/{}", MAX_LISTED + 1)), Some(&Value::Null));
    }

    #[test]
    fn a_number_at_a_mapped_place_is_taken_as_it_is_written() {
        let text = r#"[{"id":123456789012345678901234567890,"n":{"id":1.5E3},"fee":1.50,"x":18446744073709551616}]"#;
        let (seen, _) = read_mapped(text, "", &[], &["id", "n.id"]).expect("an array");
        assert_eq!(
            seen,
            [r#"1 {"id":"123456789012345678901234567890","n":{"id":"1.5E3"},"fee":1.5,"x":1.8446744073709552e+19}"#]
        );
        let (seen, _) = read_mapped(r#"[{"id":1001,"n":null}]"#, "", &[], &["id", "n"]).expect("an array");
        assert_eq!(seen, [r#"1 {"id":1001,"n":null}"#], "other values keep their type");
    }

    #[test]
    fn a_name_in_use_that_stands_twice_in_a_row_fails_the_read() {
        let text = r#"[{"id":1},{"id":2,"x":1,"phone":"a","x":2,"phone":"b"}]"#;
        let error = read_mapped(text, "", &[], &["phone"]).expect_err("two phones");
        assert!(error.message.contains("row 2: there are two columns `phone`, 3 and 5"), "{error}");
        assert!(read_mapped(text, "", &[], &["id"]).is_ok(), "nobody uses it");
    }

    #[test]
    fn half_a_character_costs_no_row() {
        let (seen, _) = read_at(r#"[{"id":1,"name":"a\ud83d"},{"id":2}]"#, "", &[]).expect("an array");
        assert_eq!(seen, ["1 {\"id\":1,\"name\":\"a\u{fffd}\"}", "2 {\"id\":2}"]);
    }

    #[test]
    fn what_is_no_json_is_named_where_it_stands() {
        for (text, words) in [
            (r#"[{"id":1,"fee":NaN}]"#, "`NaN`"),
            ("[{\"id\":1,\n \"fee\": -Infinity}]", "`-Infinity`"),
            (r#"[{"id":undefined}]"#, "`undefined`"),
            (r#"[{"id":None}]"#, "`None`"),
            (r#"[{'id':1}]"#, "`'`"),
            (r#"[{"id":'1'}]"#, "`'`"),
            (r#"[{"id":1},]"#, "`,`"),
            (r#"[{"id":1,}]"#, "`,`"),
            ("[{\"id\":1} // the first\n]", "`/`"),
        ] {
            let error = read_at(text, "", &[]).expect_err(text);
            assert!(error.message.contains(words) && !error.may_pass, "{text}: {error}");
        }
        let error = read_at(r#"[{"id":1,"name":Jane}]"#, "", &[]).expect_err("a bare word");
        assert!(!error.message.contains("Jane"), "it may be personal: {error}");
    }

    #[test]
    fn rows_that_are_arrays_fail_with_the_remedy() {
        let error = read_at(r#"[["1","+12025550143"]]"#, "", &[]).expect_err("arrays");
        assert!(error.message.contains("arrays") && error.message.contains("objects"), "{error}");
        assert_eq!(read_at(r#"[{"id":1},["2"]]"#, "", &[]).expect("an array").0[1], "2! it is not a JSON object");
    }

    #[test]
    fn an_item_that_is_no_object_is_broken() {
        assert_eq!(read_at("[1,{}]", "", &[]).expect("an array").0, ["1! it is not a JSON object", "2 {}"]);
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
