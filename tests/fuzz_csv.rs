//! pure: the table reader against bytes nobody would write: it never panics, never hangs, numbers rows upwards, and loses
//! no line of a well-written table whatever bytes its fields have.

use std::ops::ControlFlow;

use proptest::prelude::*;
use tickler::formats::csv::{columns, read};
use tickler::formats::{FormatError, FormatReport, Wanted};
use tickler::row::{Record, RecordSink};
use tickler::schedule::CsvDialect;

#[derive(Default)]
struct Rows {
    numbers: Vec<u64>,
    fields: Vec<Vec<String>>,
}

impl RecordSink for Rows {
    fn record(&mut self, number: u64, record: Record<'_>) -> ControlFlow<()> {
        self.numbers.push(number);
        if let Record::Text { fields, .. } = record {
            self.fields.push(fields.iter().map(str::to_owned).collect());
        }
        ControlFlow::Continue(())
    }
}

fn read_all(bytes: &[u8], dialect: &CsvDialect, mapped: &[String]) -> (Result<FormatReport, FormatError>, Rows) {
    let mut rows = Rows::default();
    let wanted = Wanted { mapped: mapped.to_vec(), ..Wanted::default() };
    let _columns = columns(&bytes, dialect, &wanted);
    (read(&bytes, dialect, &wanted, &mut rows), rows)
}

fn dialect(delimiter: Option<u8>, header_row: u32) -> CsvDialect {
    CsvDialect { encoding: None, delimiter, header_row }
}

/// Bytes that mean something to a table reader, and some that don't.
fn hostile() -> impl Strategy<Value = Vec<u8>> {
    let pieces = prop_oneof![
        4 => Just(b"\"".to_vec()),
        4 => Just(b",".to_vec()),
        3 => Just(b"\n".to_vec()),
        1 => Just(b"\r\n".to_vec()),
        1 => Just(b"\r".to_vec()),
        1 => Just(b";".to_vec()),
        1 => Just(b"\0".to_vec()),
        1 => Just(b"\xef\xbb\xbf".to_vec()),
        1 => Just("ë".as_bytes().to_vec()),
        3 => Just(b"id,name\n".to_vec()),
        3 => Just(b"1,a\n".to_vec()),
        2 => proptest::collection::vec(any::<u8>(), 0..4),
    ];
    proptest::collection::vec(pieces, 0..60).prop_map(|pieces| pieces.concat())
}

fn quoted(field: &str) -> String {
    format!("\"{}\"", field.replace('"', "\"\""))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_end_in_rows_or_in_a_reason(bytes in hostile(), header_row in 0_u32..4, is_mapped: bool) {
        let mapped = if is_mapped { vec!["id".to_owned()] } else { Vec::new() };
        let (outcome, rows) = read_all(&bytes, &dialect(None, header_row), &mapped);
        if let Ok(report) = outcome {
            prop_assert_eq!(report.rows, rows.numbers.len() as u64);
        }
        prop_assert!(rows.numbers.windows(2).all(|pair| pair[0] < pair[1]), "{:?}", rows.numbers);
        let lines = bytes.iter().filter(|byte| matches!(byte, b'\n' | b'\r')).count() as u64 + 1;
        prop_assert!(rows.numbers.iter().all(|number| *number <= lines + u64::from(header_row)));
    }

    #[test]
    fn a_well_written_table_comes_back_as_it_was(
        table in proptest::collection::vec(proptest::collection::vec("[a-zë ,;\"\n]{0,8}", 3), 0..30),
        delimiter in proptest::sample::select(vec![b',', b';', b'\t', b'|']),
        line_end in proptest::sample::select(vec!["\n", "\r\n"]),
    ) {
        let separator = char::from(delimiter).to_string();
        let mut text = ["id", "name", "note"].join(&separator) + line_end;
        for row in &table {
            let needs_quotes = |field: &String| field.contains([char::from(delimiter), '"', '\n', '\r']) || field.is_empty();
            let written = |field: &String| if needs_quotes(field) { quoted(field) } else { field.clone() };
            text += &row.iter().map(written).collect::<Vec<_>>().join(&separator);
            text += line_end;
        }
        let mapped = ["id", "name", "note"].map(str::to_owned);
        let (outcome, rows) = read_all(text.as_bytes(), &dialect(None, 1), &mapped);
        prop_assert!(outcome.is_ok(), "{outcome:?}");
        prop_assert_eq!(rows.fields, table);
    }

    #[test]
    fn plain_and_quoted_lines_in_any_mixture_are_what_another_reader_makes_of_them(
        pieces in proptest::collection::vec(
            proptest::sample::select(vec!["a", ",", "b,c\n", "\n", "\r\n", "d,\"e\"\n", "\"f\ng\",h\r\n", "i,\"j\r\n\"\n", " ", "é"]),
            0..60,
        ),
        header_end in proptest::sample::select(vec!["\n", "\r\n"]),
    ) {
        let text = format!("id,name{header_end}{}\n", pieces.concat());
        let (outcome, rows) = read_all(text.as_bytes(), &dialect(Some(b','), 1), &["id".to_owned()]);
        prop_assert!(outcome.is_ok(), "{outcome:?}");
        let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(text.as_bytes());
        let is_blank = |record: &csv::StringRecord| record.len() == 1 && record[0].trim().is_empty();
        let others: Vec<csv::StringRecord> =
            reader.records().map(|record| record.expect("UTF-8")).filter(|record| !is_blank(record)).collect();
        let is_whole = |record: &&csv::StringRecord| {
            record.len() >= 2 && record.iter().skip(2).all(|extra| extra.trim().is_empty())
        };
        let wanted: Vec<Vec<String>> =
            others.iter().filter(is_whole).map(|record| record.iter().map(str::to_owned).collect()).collect();
        prop_assert_eq!(&rows.fields, &wanted);
        prop_assert_eq!(rows.numbers.len(), others.len());
        let line_of = |at: usize| 1 + text[..at].matches('\n').count() as u64;
        let begins = others.iter().map(|record| {
            let at = usize::try_from(record.position().expect("it was read").byte()).expect("a short text");
            line_of(at + text[at..].len() - text[at..].trim_start_matches(['\r', '\n']).len())
        });
        prop_assert_eq!(rows.numbers, begins.collect::<Vec<_>>());
    }

    #[test]
    fn a_table_cut_anywhere_gives_rows_of_the_whole_or_says_that_it_is_cut(
        count in 1_usize..20,
        share in 0.0_f64..1.0,
    ) {
        let text: String = (0..count).map(|id| format!("{id},\"Zoë, {id}\",x{id}\n")).collect();
        let text = format!("id,name,note\n{text}");
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "a part of a length, rounded")]
        let end = 13 + ((text.len() - 13) as f64 * share) as usize;
        let (whole, all) = read_all(text.as_bytes(), &dialect(None, 1), &["id".to_owned()]);
        prop_assert!(whole.is_ok());
        let (outcome, rows) = read_all(&text.as_bytes()[..end], &dialect(None, 1), &["id".to_owned()]);
        match outcome {
            Err(error) => prop_assert!(error.may_pass, "{error}"),
            // only the last field of the last row can be short: nothing tells that from a table without a final line end
            Ok(_) => for (row, wanted) in rows.fields.iter().zip(&all.fields) {
                prop_assert_eq!(&row[..2], &wanted[..2]);
            },
        }
    }
}
