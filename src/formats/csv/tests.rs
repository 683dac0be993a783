//! pure: tables as real programs export them.

use std::ops::ControlFlow;

use super::{MAX_FIELD, MAX_ROW, columns, read};
use crate::formats::{FormatError, FormatReport, Wanted};
use crate::row::{Column, Record, RecordSink, Restarts};
use crate::schedule::CsvDialect;

const AUTO: CsvDialect = CsvDialect { encoding: None, delimiter: None, header_row: 1 };

/// Each row as `line: id|name`, or `line! reason`.
struct Seen {
    rows: Vec<String>,
    restarts: Restarts,
}

impl RecordSink for Seen {
    fn record(&mut self, number: u64, record: Record<'_>) -> ControlFlow<()> {
        let text = |column: &str| record.text(&Column::new(column)).unwrap_or_default().into_owned();
        self.rows.push(match record {
            Record::Broken(reason) => format!("{number}! {reason}"),
            Record::Text { .. } | Record::Tree(_) | Record::Json(_) => {
                format!("{number}: {}|{}", text("id"), text("name"))
            }
        });
        ControlFlow::Continue(())
    }

    fn restarts(&self) -> Restarts {
        self.restarts
    }

    fn restart(&mut self) {
        self.rows.clear();
    }
}

fn read_with(dialect: &CsvDialect, bytes: &[u8]) -> Result<(Vec<String>, FormatReport), FormatError> {
    read_wanted(dialect, bytes, &Wanted::mapped(&["id", "name"]))
}

fn read_wanted(
    dialect: &CsvDialect,
    bytes: &[u8],
    wanted: &Wanted,
) -> Result<(Vec<String>, FormatReport), FormatError> {
    let [at_once, after_a_look] = [Restarts::Yes, Restarts::No].map(|restarts| {
        let mut seen = Seen { rows: Vec::new(), restarts };
        let report = read(&bytes, dialect, wanted, &mut seen)?;
        Ok((seen.rows, report))
    });
    assert_eq!(at_once, after_a_look, "looked at while it is read, or before");
    at_once
}

fn rows(bytes: impl AsRef<[u8]>) -> Vec<String> {
    read_with(&AUTO, bytes.as_ref()).expect("a readable table").0
}

fn refused(bytes: impl AsRef<[u8]>) -> FormatError {
    read_with(&AUTO, bytes.as_ref()).expect_err("the table is refused")
}

fn utf16(text: &str, to_bytes: impl Fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(to_bytes).collect()
}

#[test]
fn one_table_reads_the_same_in_every_encoding_delimiter_and_line_end() {
    let plain = "id;\"last, first\";name\n1;x;Zoë Müßig\n2;\"a;b\";\"two\nlines\"\n3;;Ann\n";
    let wanted = ["2: 1|Zoë Müßig", "3: 2|two\nlines", "5: 3|Ann"];
    for delimiter in [";", ",", "\t", "|"] {
        let text = match delimiter {
            "," => "id,\"last, first\",name\n1,x,Zoë Müßig\n2,\"a,b\",\"two\nlines\"\n3,,Ann\n".to_owned(),
            other => plain.replace(';', other),
        };
        let windows = encoding_rs::WINDOWS_1252.encode(&text).0.into_owned();
        for (name, bytes) in [
            ("UTF-8", text.clone().into_bytes()),
            ("UTF-8 with mark", [b"\xef\xbb\xbf", text.as_bytes()].concat()),
            ("UTF-16LE", utf16(&text, u16::to_le_bytes)),
            ("UTF-16LE with mark", [b"\xff\xfe".to_vec(), utf16(&text, u16::to_le_bytes)].concat()),
            ("UTF-16BE with mark", [b"\xfe\xff".to_vec(), utf16(&text, u16::to_be_bytes)].concat()),
            ("UTF-16BE", utf16(&text, u16::to_be_bytes)),
            ("Windows-1252", windows),
        ] {
            assert_eq!(rows(&bytes), wanted, "{name} with {delimiter:?}");
        }
        let crlf = text.replace('\n', "\r\n");
        assert_eq!(rows(&crlf), wanted.map(|row| row.replace('\n', "\r\n")), "CRLF with {delimiter:?}");
    }
}

#[test]
fn lines_are_numbered_as_an_editor_numbers_them() {
    assert_eq!(rows("id,name\n\n\n1,a\n\n2,b\n"), ["4: 1|a", "6: 2|b"]);
    assert_eq!(rows("id,name\r\n\r\n1,a\r\n2,\"b\r\nc\"\r\n3,d\r\n"), ["3: 1|a", "4: 2|b\r\nc", "6: 3|d"]);
    assert_eq!(rows("id,name\r1,a\r2,b\r"), ["2: 1|a", "3: 2|b"]);
}

#[test]
fn an_invalid_byte_in_the_last_line_makes_the_whole_table_windows_1252() {
    let mut bytes = b"id,name\n".to_vec();
    for id in 0..100_000 {
        bytes.extend_from_slice(format!("{id},plain\n").as_bytes());
    }
    bytes.extend_from_slice(b"x,M\xfc\xdfig\n");
    assert_eq!(rows(&bytes).last().map(String::as_str), Some("100002: x|Müßig"));
}

#[test]
fn a_utf8_text_cut_inside_a_character_is_cut_and_no_windows_1252() {
    let text = "id,name\n1,Zoë\n2,Zoë";
    let error = refused(&text.as_bytes()[..text.len() - 1]);
    assert!(error.may_pass, "{error}");
    assert_eq!(rows(b"id,name\n1,Caf\xe9"), ["2: 1|Café"], "a last letter of Windows-1252 is no cut");
}

#[test]
fn a_demanded_encoding_that_does_not_fit_is_refused() {
    let utf8 = CsvDialect { encoding: Some("utf-8".into()), ..AUTO };
    let error = read_with(&utf8, b"id,name\n1,M\xfcller\n").expect_err("no UTF-8");
    assert!(!error.may_pass && error.message.contains("byte 11"), "{error}");
    let latin = CsvDialect { encoding: Some("latin1".into()), ..AUTO };
    assert_eq!(read_with(&latin, b"id,name\n1,M\xfcller\n").expect("a table").0, ["2: 1|Müller"]);
    let unknown = CsvDialect { encoding: Some("klingon".into()), ..AUTO };
    assert!(read_with(&unknown, b"id,name\n").expect_err("unknown").message.contains("klingon"));
}

#[test]
fn empty_tables_and_headers_alone_are_tables_of_no_rows() {
    for text in ["", "\n\n", "\u{feff}", "id,name", "id,name\n", "id,name\r\n\r\n"] {
        assert_eq!(rows(text), Vec::<String>::new(), "{text:?}");
    }
}

#[test]
fn a_title_above_the_header_is_skipped_when_told_and_found_when_not() {
    let text = "Appointments of \"Tuesday\n\nid,name\n1,a\n";
    let third = CsvDialect { header_row: 3, ..AUTO };
    assert_eq!(read_with(&third, text.as_bytes()).expect("a table").0, ["4: 1|a"]);
    let text = "Appointments of Tuesday\n\nid;name\n1;a\n";
    let error = refused(text);
    assert!(error.message.contains("header_row = 3") && !error.may_pass, "{error}");
}

#[test]
fn a_missing_column_is_named_and_a_file_without_header_is_not_repeated() {
    let error = refused("id,first\n1,a\n");
    assert!(error.message.contains("no column `name`") && error.message.contains("id, first"), "{error}");
    let error = refused("17,Jane Doe,+12025550143\n");
    assert!(!error.message.contains("Jane"), "{error}");
    let found = columns(&b"id; first ;\n".as_slice(), &AUTO, &Wanted::mapped(&["id", "name"]));
    assert_eq!(found, Ok(vec!["id".to_owned(), "first".to_owned()]));
}

#[test]
fn names_are_trimmed_and_unnamed_columns_are_tolerated() {
    assert_eq!(rows(" id ,, name\t,,\n1,x,a,,\n2,x,b,note,\n3,x,c\n"), ["2: 1|a", "3: 2|b", "4: 3|c"]);
}

#[test]
fn ragged_rows_and_a_totals_line_are_bad_rows_by_line() {
    let seen = rows("id,name,age\n1,a,3\n2,b\n3,c,4,,\n4,d,5,x\n   \nTotal: 4\n");
    assert_eq!(
        seen,
        [
            "2: 1|a",
            "3! it has 2 fields where the header has 3",
            "4: 3|c",
            "5! it has 4 fields where the header has 3",
            "7! it has 1 fields where the header has 3",
        ]
    );
}

#[test]
fn a_last_line_without_fields_and_line_end_is_cut_and_a_whole_one_is_not() {
    let error = refused("id,name,age\n1,a,3\n2,b");
    assert!(error.may_pass && error.message.contains("(3)"), "{error}");
    assert_eq!(rows("id,name\n1,a\n2,b"), ["2: 1|a", "3: 2|b"]);
    let error = refused("id,name\n1,a\n2,\"b");
    assert!(error.may_pass, "{error}");
    let error = refused(&utf16("id,name\n1,a\n", u16::to_le_bytes)[..23]);
    assert!(error.may_pass, "{error}");
}

#[test]
fn a_stray_quote_costs_its_own_line_and_no_other() {
    let seen = rows("id,name,age\n1,\"a,3\n2,\"b\",4\n3,c,5\n");
    assert_eq!(seen, ["2! a quote is opened and not closed", "3: 2|b", "4: 3|c"]);
    let seen = rows("id,name,age\r\n\r\n1,\"a,3\r\n2,b,4\r\n3,\"c\",5\r\n4,d,6\r\n");
    assert_eq!(seen, ["3! a quote is opened and not closed", "4: 2|b", "5: 3|c", "6: 4|d"]);
    // the fields would add up by chance
    let seen = rows("id,name,age\n1,\"a,3\n2,\"c\",4\n");
    assert_eq!(seen, ["2! a quote is opened and not closed", "3: 2|c"]);
}

#[test]
fn an_unclosed_quote_never_swallows_the_rest_in_silence() {
    let mut text = "id,name\n1,\"a\n".to_owned();
    assert!(refused(&text).may_pass);
    while text.len() < 2 * MAX_ROW {
        text.push_str("2,b\n");
    }
    let error = refused(&text);
    assert!(!error.may_pass && error.message.contains("longer"), "{error}");
    let stray = "1,\"a,\n2,\"b\",\n".repeat(101);
    assert!(refused(format!("id,name,x\n{stray}")).message.contains("100 rows"));
}

#[test]
fn rows_beyond_the_limits_are_bad_rows() {
    let long = "x".repeat(MAX_FIELD + 1);
    let tall = "\n".repeat(101);
    let seen = rows(format!("id,name\n1,{long}\n2,\"{tall}\"\n3,a\0b\n4,d\n"));
    assert_eq!(seen[0], "2! it has a field of more than 65536 bytes");
    assert_eq!(seen[1], "3! it has 101 line breaks: an unclosed quote, perhaps");
    assert_eq!(seen[2], "105! it has a NUL byte");
    assert_eq!(seen[3], "106: 4|d");
}

#[test]
fn a_sink_that_breaks_ends_the_read() {
    struct Until(u64, Vec<u64>);
    impl RecordSink for Until {
        fn record(&mut self, number: u64, _: Record<'_>) -> ControlFlow<()> {
            self.1.push(number);
            if number < self.0 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        }
    }
    // the second is split on a thread of its own by then
    for (rows, last) in [(2, 2), (100_000, 1_001)] {
        let text = format!("id\n{}", "1\n".repeat(rows));
        let mut until = Until(last, Vec::new());
        let report = read(&text.as_bytes(), &AUTO, &Wanted::default(), &mut until).expect("a table");
        assert_eq!(until.1, (2..=last).collect::<Vec<_>>());
        assert_eq!((report.rows, report.is_stopped), (last - 1, true));
    }
}

#[test]
fn the_rows_of_a_long_table_come_in_order_bad_ones_among_them_until_it_proves_to_be_cut() {
    let is_bad = |id: &usize| id % 100 == 99;
    let line = |id: usize| if is_bad(&id) { format!("{id}\n") } else { format!("{id},n\n") };
    let text: String = std::iter::once("id,name\n".to_owned()).chain((0..2_000).map(line)).collect();
    let expected = (0..2_000).map(|id| match is_bad(&id) {
        true => format!("{}! it has 1 fields where the header has 2", id + 2),
        false => format!("{}: {id}|n", id + 2),
    });
    assert_eq!(rows(&text), expected.collect::<Vec<_>>());
    assert!(refused(format!("{text}2000,\"n")).may_pass);
}

#[test]
fn the_window_moves_on_over_many_megabytes() {
    let mut text = "id,name\n".to_owned();
    for id in 0..100_000 {
        text.push_str(&format!("{id},\"a name that is \"\"quoted\"\" and {id}\"\n"));
    }
    text.push_str("x,\"stray\ny,\"z\"\n");
    let seen = rows(&text);
    assert_eq!(seen.len(), 100_002);
    assert_eq!(seen[99_999], "100001: 99999|a name that is \"quoted\" and 99999");
    assert_eq!(seen[100_000..], ["100002! a quote is opened and not closed", "100003: y|z"]);
}

#[test]
fn a_last_line_that_is_no_utf8_turns_the_whole_table_and_no_row_comes_twice() {
    let mut bytes = b"id,name\n".to_vec();
    for id in 0..100_000 {
        bytes.extend(format!("{id},plain\n").bytes());
    }
    bytes.extend(b"100000,Zo\xeb\n");
    let rows = rows(&bytes);
    assert_eq!((rows.len(), rows[0].as_str(), rows[100_000].as_str()), (100_001, "2: 0|plain", "100002: 100000|Zoë"));
}

#[test]
fn a_character_that_two_reads_share_is_one_character() {
    let plain = format!("id,name\n{}", "7,plain\n".repeat(150_000));
    for letter in ["é", "€", "😀"] {
        for (read, into) in [1, 17].into_iter().flat_map(|read| (0..=letter.len()).map(move |into| (read, into))) {
            let begin = read * (1 << 16) - into;
            let name = plain[..begin].rfind('p').expect("a name stands before");
            let filled = format!("{}{letter}", "x".repeat(begin - name));
            let text = format!("{}{filled}{}", &plain[..name], &plain[name..]);
            assert!(rows(&text).iter().any(|row| row.ends_with(&format!("{filled}plain"))), "{letter} at {begin}");
        }
    }
}

#[test]
fn a_dos_end_of_file_mark_ends_the_table() {
    for end in ["\n\u{1a}", "\u{1a}", "\r\n\u{1a}\u{1a}\u{1a}", "\n\u{1a}\r\n", "\n\u{1a}\n\n"] {
        let text = format!("id,name\n1,a\n2,b{end}");
        assert_eq!(rows(&text), ["2: 1|a", "3: 2|b"], "{end:?}");
        let utf16 = utf16(&format!("\u{feff}{text}"), u16::to_le_bytes);
        assert_eq!(rows(&utf16), ["2: 1|a", "3: 2|b"], "{end:?} in UTF-16");
    }
    let only_ids = Wanted::mapped(&["id"]);
    assert_eq!(read_wanted(&AUTO, b"id\n1\n\x1a", &only_ids).expect("a table").0, ["2: 1|"]);
    assert_eq!(rows("id,name\n1,a\u{1a}b\n"), ["2: 1|a\u{1a}b"], "inside a value it is a character");
}

#[test]
fn a_line_that_declares_the_delimiter_is_obeyed() {
    for (line, delimiter) in
        [("sep=;", ";"), ("SEP=;", ";"), ("\"sep=|\"", "|"), ("sep=\t", "\t"), ("sep=^", "^"), ("sep=,", ",")]
    {
        let text = format!("{line}\r\nid{delimiter}name\r\n1{delimiter}a\r\n");
        assert_eq!(rows(&text), ["3: 1|a"], "{line:?}");
    }
    let second = CsvDialect { header_row: 2, ..AUTO };
    assert_eq!(read_with(&second, b"sep=;\nid;name\n1;a\n").expect("a table").0, ["3: 1|a"], "as told before");
    assert_eq!(rows("name,id,sep=\na,1,\n"), ["2: 1|a"], "a column may be called so");
    assert!(refused("sep=ab\nid,name\n1,a\n").message.contains("header_row = 2"), "more than one character");
}

#[test]
fn a_name_in_use_that_stands_for_two_columns_fails_the_read() {
    let text = b"id,provider,phone,name,phone\n1,x,+12025550100,a,+12025550143\n";
    let phone = Wanted::mapped(&["id", "phone"]);
    let error = read_wanted(&AUTO, text, &phone).expect_err("two phones");
    assert!(error.message.contains("two columns `phone`, 3 and 5") && !error.may_pass, "{error}");
    let named = Wanted { named: vec!["phone".to_owned()], ..Wanted::mapped(&["id"]) };
    assert!(read_wanted(&AUTO, text, &named).is_err(), "a template uses it");
    assert!(read_wanted(&AUTO, text, &Wanted::mapped(&["id", "name"])).is_ok(), "nobody uses it");
    let unseen = "id,phone,phone\u{200b}\n1,a,b\n".as_bytes();
    assert!(read_wanted(&AUTO, unseen, &phone).is_err(), "they look the same");
}

#[test]
fn a_last_value_that_may_be_cut_is_no_value() {
    let wanted = Wanted { cut_matters: vec!["name".to_owned()], ..Wanted::mapped(&["id", "name"]) };
    let last = |text: &str| read_wanted(&AUTO, text.as_bytes(), &wanted).expect("a table").0.pop().expect("a row");
    assert!(last("id,name\n1,a\n2,+1202555014").starts_with("3! the last line ends inside `name`"));
    for whole in ["id,name\n2,b\n", "id,name\n2,\"b\"", "id,name\n2,b\r", "id,name\n2,b\u{1a}", "id,name,note\n2,b,no"]
    {
        assert_eq!(last(whole), "2: 2|b", "{whole:?}");
    }
    assert_eq!(rows("id,name\n2,b"), ["2: 2|b"], "where nothing vital is last");
}

#[test]
fn blanks_behind_a_closing_quote_are_no_fault() {
    let seen = rows("id,name\n1,\"a\" \n2,\"b\nc\"\t \n3,\"d\"\u{a0}\n");
    assert_eq!(seen, ["2: 1|a", "3: 2|b\nc", "5: 3|d"]);
}

#[test]
fn a_table_in_a_dos_code_page_is_read() {
    for (label, byte, wanted) in [("cp437", 0x81, "ü"), ("850", 0x9b, "ø"), ("IBM852", 0xa5, "ą"), ("cp866", 0x80, "А")]
    {
        let dialect = CsvDialect { encoding: Some(label.to_owned()), ..AUTO };
        let text = [b"id,name\n1,".as_slice(), &[byte], b"\n"].concat();
        assert_eq!(read_with(&dialect, &text).expect("a table").0, [format!("2: 1|{wanted}")], "{label}");
    }
}

#[test]
fn names_compare_without_what_nobody_sees() {
    assert_eq!(rows("\u{200b}id\u{a0},\u{202d}name\u{202c}\n1,a\n"), ["2: 1|a"]);
}

#[test]
fn a_header_on_another_line_is_found_by_check_as_by_the_run() {
    let wanted = Wanted::mapped(&["id", "name"]);
    for above in ["# exported today", ",,", "Appointments;;", "\u{200b}"] {
        let text = format!("{above}\nid,name\n1,a\n");
        let of_check = columns(&text.as_bytes(), &AUTO, &wanted).expect_err(above);
        assert_eq!(of_check, refused(&text), "{above}");
        assert!(of_check.message.contains("header_row = 2"), "{of_check}");
    }
}
