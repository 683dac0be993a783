//! pure: JSON texts as senders write them, well-formed and not.

use std::ops::ControlFlow;

use proptest::prelude::*;

use super::walk::MAX_LISTED;
use super::*;
use crate::formats::{ReadWindow, Wanted};

#[derive(Default)]
struct Seen(Vec<String>);

impl RecordSink for Seen {
    fn record(&mut self, number: u64, record: Record<'_>) -> ControlFlow<()> {
        self.0.push(match record {
            Record::Tree(_) | Record::Json(_) => {
                format!("{number} {}", Value::Object(record.to_row().expect("a row").to_object()))
            }
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
    let places: Vec<JsonPlace> = places.iter().map(|place| JsonPlace::from(*place)).collect();
    let places: Vec<&JsonPlace> = places.iter().collect();
    let ask = FormatAsk { wanted: &wanted, window: &window, first_row: 1, places: &places };
    let report = read(text.as_bytes(), &JsonShape { items: items.into(), ..JsonShape::default() }, &ask, &mut seen)?;
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

fn read_shape(text: &str, shape: &JsonShape, places: &[&str]) -> Result<(Vec<String>, FormatReport), FormatError> {
    let mut seen = Seen::default();
    let (wanted, window) = (Wanted::mapped(&["id"]), window());
    let places: Vec<JsonPlace> = places.iter().map(|place| JsonPlace::from(*place)).collect();
    let places: Vec<&JsonPlace> = places.iter().collect();
    let ask = FormatAsk { wanted: &wanted, window: &window, first_row: 1, places: &places };
    read(text.as_bytes(), shape, &ask, &mut seen).map(|report| (seen.0, report))
}

#[test]
fn rows_and_the_next_page_are_found_by_json_paths() {
    let text = r#"{"link":[{"relation":"self","url":"/1"},{"relation":"next","url":"/2"}],
        "entry":[{"resource":{"kind":"A","id":12345678901234567890123}},{"resource":{"kind":"P","id":2}}]}"#;
    let shape = JsonShape { items: "$.entry[?@.resource.kind=='A'].resource".into(), ..JsonShape::default() };
    let next = "$.link[?@.relation=='next'].url";
    let (seen, report) = read_shape(text, &shape, &[next]).expect("rows");
    assert_eq!(seen, [r#"1 {"kind":"A","id":"12345678901234567890123"}"#]);
    assert_eq!((report.marks, report.rows, report.has_rows_place), (vec![Some(Value::from("/2"))], 1, true));
    let streamed = JsonShape { items: "$.entry".into(), ..JsonShape::default() };
    let (seen, report) = read_shape(text, &streamed, &[next]).expect("rows");
    assert_eq!((seen.len(), report.marks), (2, vec![Some(Value::from("/2"))]));
}

#[test]
fn an_element_of_each_item_is_a_row_with_path_columns_and_the_items_count_as_rows() {
    let text = r#"[{"day":"25","slots":[{"id":1,"tel":[{"v":"a"}]},{"id":2}]},{"day":"26","slots":[]}]"#;
    let column = |name| PathColumn::compile(name).expect("a path").expect("a path");
    let columns = vec![column("$.tel[0].v"), column("$.parent.day")];
    let shape = JsonShape { each: Some("/slots".into()), columns, ..JsonShape::default() };
    let (seen, report) = read_shape(text, &shape, &[]).expect("rows");
    assert_eq!(
        seen,
        [
            r#"1 {"id":1,"tel":[{"v":"a"}],"parent":{"day":"25","slots":null},"$.tel[0].v":"a","$.parent.day":"25"}"#,
            r#"1 {"id":2,"parent":{"day":"25","slots":null},"$.parent.day":"25"}"#
        ]
    );
    assert_eq!(report.rows, 2, "the sender's pages count items");
}

#[test]
fn a_tree_with_two_fields_of_a_name_in_use_fails_the_read() {
    let shape = JsonShape { items: "$.a[?@.id]".into(), ..JsonShape::default() };
    let error = read_shape(r#"{"a":[{"id":1,"id":2}]}"#, &shape, &[]).expect_err("two ids");
    assert!(error.message.contains("two fields `id`"), "{error}");
    assert!(read_shape(r#"{"a":[{"id":1,"x":2,"x":3}]}"#, &shape, &[]).is_ok(), "nobody uses it");
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

/// What is read, and what is read with a tree of each row from the first on.
fn both_ways(text: &str, mapped: &[&str]) -> [Result<(Vec<String>, FormatReport), String>; 2] {
    let (wanted, window, shape) =
        (Wanted::mapped(mapped), window(), JsonShape { items: "/data".into(), ..JsonShape::default() });
    let wanted = Wanted { named: vec!["name".into(), "a.name".into()], ..wanted };
    let ask = FormatAsk { wanted: &wanted, window: &window, first_row: 1, places: &[] };
    let mut seen = Seen::default();
    let flat = read(text.as_bytes(), &shape, &ask, &mut seen).map(|report| (seen.0, report));
    let mut seen = Seen::default();
    let repaired = text::without_lone_surrogates(text.as_bytes());
    let trees = read_trees(&repaired, &shape, &ask, &mut seen, 0).map(|report| (seen.0, report));
    [flat, trees].map(|read| read.map_err(|error| error.message))
}

#[test]
fn a_row_is_the_same_whether_or_not_a_tree_is_made_of_it() {
    for text in [
        r#"{"data":[{"id":1,"a":{"id":"x","b":[1,{"c":null}]},"name":"\u00e4"},{"id":-2}],"n":1}"#,
        r#"{"data":[{"id":1},{"id":2.50},{"id":1e5,"x":1.0},{"id":-0,"x":12345678901234567890}]}"#,
        r#"{"data":[{"id":1},7,null,{"id":2},[3]]}"#,
        r#"{"data":[{"x":1,"x":2,"id":3},{"id":4,"name":5,"name":6}]}"#,
        r#"{"data":[{"a":{"id":1,"id":2}},{"a":{"id":3}}]}"#,
        r#"{"data":[{"a":{"name":1,"name":2}}]}"#,
        r#"{"data":[{"\u0069d":1,"name":"\ud83d"},{"id":"\ud83d\ude00"}]}"#,
        r#"{"data":[{"id":1},{"id":1e999}]}"#,
        r#"{"data":[{"id":1}, oops]}"#,
        r#"{"data":[{"id":1},{"id"#,
        r#"{"data":[{"id":{"id":1.5}},{"id":[2.50]}]}"#,
        r#"{"data":[{"a.id":1.50,"a":{"id":2}}]}"#,
        r#"{"data":[],"data":[{"id":1}]}"#,
        r#"{"data":[{"id":"1"}]} x"#,
    ] {
        for mapped in [&["id"][..], &["a.id", "id"], &["a"], &[]] {
            let [flat, trees] = both_ways(text, mapped);
            assert_eq!(flat, trees, "{text} with {mapped:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_rows_are_the_same_whether_or_not_trees_are_made_of_them(
        pieces in proptest::collection::vec(
            proptest::sample::select(vec![
                r#""id":"#, r#""name":"#, r#""a":"#, r#""a.id":"#, "{", "}", "},{", "[", "]", ",", "1", "2.50", "-0", "1e5", "null",
                "true", r#""x""#, r#""\u0041""#, r#""id":1"#, r#""a":{"id":2},"#, "12345678901234567890", " ",
            ]),
            0..16,
        ),
    ) {
        let text = format!("{{\"data\":[{{{}}}]}}", pieces.concat());
        let [flat, trees] = both_ways(&text, &["id", "a.id"]);
        prop_assert_eq!(flat, trees, "{}", text);
    }
}
