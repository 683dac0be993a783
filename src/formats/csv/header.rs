//! pure: where the header stands, which delimiter separates its names, and whether the mapped columns are among them.

use std::io::Read;

use super::window::Window;
use super::{Failure, MAX_ROW, Table};
use crate::formats::FormatError;

/// The delimiters that are tried, the likeliest first.
const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// So many lines are looked through for a header that stands elsewhere, to propose a `header_row`.
const LINES_LOOKED_AT: usize = 30;

/// Skips the lines above the header and decides on the delimiter; `None` when nothing but blanks is there.
pub(super) fn find<R: Read>(window: &mut Window<R>, table: &Table<'_>) -> Result<Option<u8>, Failure> {
    skip_lines(window, table.dialect.header_row)?;
    let prefix = window.peek(MAX_ROW)?;
    if prefix.trim_ascii().is_empty() {
        return Ok(None);
    }
    Ok(Some(best_delimiter(prefix, table)))
}

fn skip_lines<R: Read>(window: &mut Window<R>, header_row: u32) -> Result<(), Failure> {
    for _ in 1..header_row {
        let prefix = window.peek(MAX_ROW)?;
        let end = line_end(prefix);
        if end == 0 {
            break;
        }
        window.skip(end);
    }
    Ok(())
}

/// How many bytes the first line has, its end included.
fn line_end(text: &[u8]) -> usize {
    match text.iter().position(|byte| matches!(byte, b'\n' | b'\r')) {
        None => text.len(),
        Some(at) if text[at..].starts_with(b"\r\n") => at + 2,
        Some(at) => at + 1,
    }
}

fn best_delimiter(prefix: &[u8], table: &Table<'_>) -> u8 {
    if let Some(given) = table.dialect.delimiter {
        return given;
    }
    let mut best = (DELIMITERS[0], 0, 0);
    for delimiter in DELIMITERS {
        let names = names(first_record(prefix, delimiter).iter());
        let found = table.mapped.iter().filter(|column| names.contains(column)).count();
        if (found, names.len()) > (best.1, best.2) {
            best = (delimiter, found, names.len());
        }
    }
    best.0
}

fn first_record(text: &[u8], delimiter: u8) -> csv::StringRecord {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).delimiter(delimiter).from_reader(text);
    let mut record = csv::ByteRecord::new();
    let _is_there = reader.read_byte_record(&mut record);
    csv::StringRecord::from_byte_record_lossy(record)
}

/// A header line's names without outer blanks and without the unnamed columns at its end.
pub(super) fn names<'f>(fields: impl Iterator<Item = &'f str>) -> Vec<String> {
    let clean = |name: &str| name.trim_matches(|c: char| c.is_whitespace() || c == '\u{feff}').to_owned();
    let mut names: Vec<String> = fields.map(clean).collect();
    while names.last().is_some_and(String::is_empty) {
        names.pop();
    }
    names
}

/// Demands that every mapped column is there.
pub(super) fn confirm(names: &[String], prefix: &[u8], table: &Table<'_>, delimiter: u8) -> Result<(), FormatError> {
    let missing: Vec<_> = table.mapped.iter().filter(|column| !names.contains(column)).collect();
    let Some(first) = missing.first() else { return Ok(()) };
    let row = table.dialect.header_row;
    if let Some(line) = line_of_header(prefix, table, delimiter) {
        let line = u64::from(row) + line;
        return Err(FormatError::wrong(format!(
            "line {row} isn't the header: the column names stand on line {line}; write `header_row = {line}`"
        )));
    }
    // Without a single name found, line one may be somebody's row: it is not repeated.
    let remedy = match missing.len() == table.mapped.len() {
        true => "none of the mapped columns is there: look at `header_row` and `delimiter`".to_owned(),
        false => format!("the header has: {}", names.join(", ")),
    };
    Err(FormatError::wrong(format!("the header (line {row}) has no column `{first}`; {remedy}")))
}

/// How many lines below the first one the header really stands.
fn line_of_header(prefix: &[u8], table: &Table<'_>, delimiter: u8) -> Option<u64> {
    let candidates = table.dialect.delimiter.map_or(DELIMITERS.to_vec(), |_| vec![delimiter]);
    let mut rest = prefix;
    for line in 0..LINES_LOOKED_AT as u64 {
        let (here, below) = rest.split_at(line_end(rest));
        let has_all = |delimiter: &u8| {
            let names = names(first_record(here, *delimiter).iter());
            table.mapped.iter().all(|column| names.contains(column))
        };
        if line > 0 && candidates.iter().any(has_all) {
            return Some(line);
        }
        rest = below;
    }
    None
}
