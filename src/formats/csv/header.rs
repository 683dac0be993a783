//! pure: where the header is, which delimiter separates its names, and whether the mapped columns are among them.

use std::io::Read;

use super::rows::TableRows;
use super::splitter::first_row;
use super::window::Window;
use super::{CsvTerms, MAX_ROW, TableFailure};
use crate::formats::FormatError;
use crate::row::Header;
use crate::row::unseen;

/// The delimiters that are tried, the likeliest first.
const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// Lines that are searched for a header below the declared one, to propose a `header_row`.
const LINES_SEARCHED: usize = 30;

/// Where the header begins, and what separates its names.
pub(super) struct HeaderStart {
    pub(super) delimiter: u8,
    /// Its line, from 1.
    pub(super) line: u64,
    /// A line above it that has every mapped column.
    pub(super) better: Option<u64>,
}

/// Skips the lines above the header and decides on the delimiter; `None` when nothing but blanks is there.
pub(super) fn find<R: Read>(window: &mut Window<R>, table: CsvTerms<'_>) -> Result<Option<HeaderStart>, TableFailure> {
    let declared = delimiter_line(window.peek(MAX_ROW)?);
    // a spreadsheet's `sep=;` above the header is no row of the table
    let above = u64::from(table.dialect.header_row.max(1)) - 1;
    let above = if declared.is_some() { above.max(1) } else { above };
    let better = if above > 0 { header_above(window.peek(MAX_ROW)?, above, table) } else { None };
    skip_lines(window, above)?;
    let prefix = window.peek(MAX_ROW)?;
    if prefix.trim_ascii().is_empty() {
        return Ok(None);
    }
    let given = table.dialect.delimiter.or(declared);
    Ok(Some(HeaderStart { delimiter: given.unwrap_or_else(|| best_delimiter(prefix, table)), line: above + 1, better }))
}

/// The delimiter that a first line of `sep=;` declares, as spreadsheets write and obey it.
fn delimiter_line(prefix: &[u8]) -> Option<u8> {
    let line = &prefix[..line_end(prefix)];
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let line = line.strip_prefix(b"\"").and_then(|line| line.strip_suffix(b"\"")).unwrap_or(line);
    let (name, rest) = line.split_at_checked(4)?;
    match rest {
        [delimiter] if name.eq_ignore_ascii_case(b"sep=") && is_delimiter(*delimiter) => Some(*delimiter),
        _ => None,
    }
}

fn is_delimiter(byte: u8) -> bool {
    byte == b'\t' || byte.is_ascii_punctuation() && byte != b'"'
}

fn skip_lines<R: Read>(window: &mut Window<R>, count: u64) -> Result<(), TableFailure> {
    for _ in 0..count {
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

fn best_delimiter(prefix: &[u8], table: CsvTerms<'_>) -> u8 {
    let mut best = (DELIMITERS[0], 0, 0);
    for delimiter in DELIMITERS {
        let header = header_of(prefix, delimiter);
        let found = table.wanted.mapped.iter().filter(|column| header.place(column).is_some()).count();
        if (found, header.names().len()) > (best.1, best.2) {
            best = (delimiter, found, header.names().len());
        }
    }
    best.0
}

fn header_of(text: &[u8], delimiter: u8) -> Header {
    let fields = first_row(text, delimiter);
    Header::new(names(fields.iter().map(String::as_str)))
}

/// A header line's names without outer blanks and without the unnamed columns at its end.
pub(super) fn names<'f>(fields: impl Iterator<Item = &'f str>) -> Vec<String> {
    let mut names: Vec<String> = fields.map(|name| unseen::trim(name).to_owned()).collect();
    while names.last().is_some_and(String::is_empty) {
        names.pop();
    }
    names
}

/// Demands that every mapped column is there.
pub(super) fn confirm<R: Read>(rows: &mut TableRows<R>, table: CsvTerms<'_>) -> Result<(), TableFailure> {
    is_elsewhere(rows, table)?;
    let missing = missing(&rows.header, table);
    let Some(first) = missing.first() else { return Ok(()) };
    // Without a single name found, line one may be somebody's row: it is not repeated.
    let remedy = match missing.len() == table.wanted.mapped.len() {
        true => "none of the mapped columns is there: check `header_row` and `delimiter`".to_owned(),
        false => format!("the header has: {}", rows.header.names().join(", ")),
    };
    let row = table.dialect.header_row;
    Err(FormatError::wrong(format!("the header (line {row}) has no column `{first}`; {remedy}")).into())
}

fn missing<'t>(header: &Header, table: CsvTerms<'t>) -> Vec<&'t String> {
    table.wanted.mapped.iter().filter(|column| header.place(column).is_none()).collect()
}

/// Fails when mapped columns are missing because a lower line is the header.
pub(super) fn is_elsewhere<R: Read>(rows: &mut TableRows<R>, table: CsvTerms<'_>) -> Result<(), TableFailure> {
    if missing(&rows.header, table).is_empty() {
        return Ok(());
    }
    let delimiter = rows.delimiter;
    let row = table.dialect.header_row;
    let text = rows.window.peek(0)?;
    if let Some(right) = right_delimiter(text, table, delimiter) {
        let message = format!(
            "`{}` separates the names in line {row}, and not `{}`: remove `delimiter`, so that it is found out",
            shown_delimiter(right),
            shown_delimiter(delimiter)
        );
        return Err(FormatError::wrong(message).at("delimiter").into());
    }
    let below = line_of_header(text, table, delimiter).map(|line| u64::from(row) + line);
    let Some(line) = rows.header_above.or(below) else { return Ok(()) };
    Err(FormatError::wrong(format!(
        "line {row} isn't the header: the column names are on line {line}; write `header_row = {line}`"
    ))
    .at("header_row")
    .into())
}

/// The delimiter by which the header has every mapped column, where another one was declared.
fn right_delimiter(text: &[u8], table: CsvTerms<'_>, declared: u8) -> Option<u8> {
    table.dialect.delimiter?;
    DELIMITERS.into_iter().find(|other| *other != declared && missing(&header_of(text, *other), table).is_empty())
}

fn shown_delimiter(delimiter: u8) -> String {
    if delimiter == b'\t' { "tab".to_owned() } else { char::from(delimiter).to_string() }
}

/// The line of a header among those that were declared to stand above it.
fn header_above(text: &[u8], above: u64, table: CsvTerms<'_>) -> Option<u64> {
    let candidates = table.dialect.delimiter.map_or(DELIMITERS.to_vec(), |delimiter| vec![delimiter]);
    let mut rest = text;
    for line in 1..=above.min(LINES_SEARCHED as u64) {
        if !table.wanted.mapped.is_empty()
            && candidates.iter().any(|delimiter| missing(&header_of(rest, *delimiter), table).is_empty())
        {
            return Some(line);
        }
        rest = &rest[line_end(rest)..];
    }
    None
}

/// How many lines below the first one the header really is.
fn line_of_header(prefix: &[u8], table: CsvTerms<'_>, delimiter: u8) -> Option<u64> {
    let candidates = table.dialect.delimiter.map_or(DELIMITERS.to_vec(), |_| vec![delimiter]);
    let mut rest = prefix;
    for line in 0..LINES_SEARCHED as u64 {
        let (here, below) = rest.split_at(line_end(rest));
        let has_all = |delimiter: &u8| missing(&header_of(here, *delimiter), table).is_empty();
        if line > 0 && candidates.iter().any(has_all) {
            return Some(line);
        }
        rest = below;
    }
    None
}
