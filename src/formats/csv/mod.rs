//! pure: a text table becomes rows, in one pass and without holding it: UTF-8, UTF-16 or Windows-1252; comma, semicolon,
//! tab or pipe. A row that can't be read is told with its line, and no quote swallows what follows in silence.

use std::io::{Read, Seek};
use std::sync::Arc;

use crate::formats::FormatError;
use crate::row::{Header, Record, RecordSink};
use crate::schedule::CsvDialect;

use quoting::Quoting;
use window::{CHUNK, Window};

mod encoding;
mod header;
mod quoting;
#[cfg(test)]
mod tests;
mod window;

/// A table of 1 GiB is no appointment list.
const MAX_FILE: u64 = 1 << 30;
/// A row longer than 1 MiB means a quote that swallows the rest.
const MAX_ROW: usize = 1 << 20;
/// The longest field of a row that is used.
const MAX_FIELD: usize = 1 << 16;
/// Line breaks in the fields of a row that is used; a note has some, a swallowed table has more.
const MAX_BREAKS: u64 = 100;
/// Rows of a table.
const MAX_ROWS: u64 = 10_000_000;
/// Each row with a stray quote is read twice; a table full of them is no table.
const MAX_STRAY_QUOTES: u32 = 100;

/// How a table is read.
#[derive(Debug, Clone, Copy)]
pub struct Table<'a> {
    /// Encoding, delimiter, header row.
    pub dialect: &'a CsvDialect,
    /// Names that the header must have; they confirm the delimiter too.
    pub mapped: &'a [String],
}

/// What a whole read says of the table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TableReport {
    /// The named columns; empty when there isn't even a header.
    pub columns: Vec<String>,
    /// Rows given to the sink, broken ones included.
    pub rows: u64,
}

/// Reads every row. An empty input is an empty table.
///
/// # Errors
/// When the whole can't be trusted: no header with the mapped columns, an encoding that doesn't fit, a limit; with
/// `may_pass` when the end looks cut. What the sink was given by then is to be thrown away.
pub fn read<R: Read + Seek>(
    input: R,
    table: &Table<'_>,
    sink: &mut dyn RecordSink,
) -> Result<TableReport, FormatError> {
    let Some(mut rows) = open(input, table)? else { return Ok(TableReport::default()) };
    let prefix = rows.reader.get_mut().peek(0).map_err(|error| encoding::unreadable(&error))?;
    header::confirm(rows.header.names(), prefix, table, rows.delimiter)?;
    let mut count = 0;
    while let Some(number) = rows.next()? {
        count += 1;
        if count > MAX_ROWS {
            return Err(FormatError::wrong(format!("the table has more than {MAX_ROWS} rows")));
        }
        let record = match &rows.broken {
            Some(reason) => Record::Broken(reason),
            None => Record::Text { header: &rows.header, fields: &rows.fields },
        };
        if sink.record(number, record).is_break() {
            break;
        }
    }
    Ok(TableReport { columns: named(rows.header.names()), rows: count })
}

/// The columns of a table, whether or not the mapped ones are among them; empty for an empty input.
///
/// # Errors
/// As [`read`], but for the rows.
pub fn columns<R: Read + Seek>(input: R, table: &Table<'_>) -> Result<Vec<String>, FormatError> {
    Ok(open(input, table)?.map_or_else(Vec::new, |rows| named(rows.header.names())))
}

fn named(names: &[String]) -> Vec<String> {
    names.iter().filter(|name| !name.is_empty()).cloned().collect()
}

/// A table whose header was read.
struct Rows<R> {
    reader: csv::Reader<Window<R>>,
    delimiter: u8,
    header: Arc<Header>,
    /// Fields of the header line, unnamed ones at its end included: what a row may have.
    width: usize,
    /// The row in hand, and why it can't be used.
    fields: csv::StringRecord,
    broken: Option<String>,
    /// Lines that the table reader doesn't count: those above the header, and those ended by a lone carriage return.
    lines_before: u64,
    ended_by_return: bool,
    stray_quotes: u32,
}

fn open<R: Read + Seek>(input: R, table: &Table<'_>) -> Result<Option<Rows<impl Read>>, FormatError> {
    let mut window = Window::new(encoding::decoded(input, table.dialect.encoding.as_deref())?);
    let Some(delimiter) = header::find(&mut window, table)? else { return Ok(None) };
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter)
        .buffer_capacity(CHUNK)
        .from_reader(window);
    let mut fields = csv::StringRecord::new();
    reader.read_record(&mut fields).map_err(failed)?;
    let ended_by_return = reader.get_ref().raw(reader.position().byte()).ends_with(b"\r");
    Ok(Some(Rows {
        delimiter,
        header: Arc::new(Header::new(header::names(&fields))),
        width: fields.len(),
        reader,
        fields,
        broken: None,
        lines_before: u64::from(table.dialect.header_row.max(1)) - 1,
        ended_by_return,
        stray_quotes: 0,
    }))
}

/// Where a row stands in the file.
#[derive(Debug, Clone, Copy)]
struct Span {
    /// The line on which it begins, from 1.
    line: u64,
    /// Line breaks within it.
    breaks: u64,
    /// Blank bytes before it, line ends among them.
    lead: usize,
    /// Whether a line end follows it.
    is_ended: bool,
}

impl<R: Read> Rows<R> {
    /// Takes the next row in hand and tells its line; `None` at the end.
    fn next(&mut self) -> Result<Option<u64>, FormatError> {
        loop {
            let begin = self.reader.position().clone();
            self.reader.get_mut().begin_row(begin.byte());
            if !self.reader.read_record(&mut self.fields).map_err(failed)? {
                return Ok(None);
            }
            let span = self.span(&begin);
            self.broken = None;
            // a field that ends with a line break was quoted, or swallowed the line's end
            if span.breaks > 0 || !span.is_ended || self.fields.as_slice().ends_with(['\n', '\r']) {
                self.look_at_quotes(&begin, span)?;
            }
            if self.broken.is_none() && !self.is_blank() {
                self.broken = self.problem(span)?;
            } else if self.broken.is_none() {
                continue;
            }
            return Ok(Some(span.line));
        }
    }

    fn span(&mut self, begin: &csv::Position) -> Span {
        let end = self.reader.position();
        let raw = self.reader.get_ref().raw(end.byte());
        let lead = raw.iter().take_while(|byte| matches!(byte, b'\n' | b'\r')).count();
        let blank_lines = raw[..lead].iter().filter(|byte| **byte == b'\n').count() as u64;
        if self.ended_by_return && raw.first() != Some(&b'\n') {
            self.lines_before += 1;
        }
        let last = raw.last().copied();
        self.ended_by_return = last == Some(b'\r');
        let first_line = begin.line() + blank_lines;
        let breaks = end.line() - first_line - u64::from(last == Some(b'\n'));
        let is_ended = matches!(last, Some(b'\n' | b'\r'));
        Span { line: first_line + self.lines_before, breaks, lead, is_ended }
    }

    /// Of a row that spans lines, or is the last and has no line end: whether its quotes are to be trusted. A row with a
    /// stray one ends with its first line, and reading goes on at the next.
    fn look_at_quotes(&mut self, begin: &csv::Position, span: Span) -> Result<(), FormatError> {
        let raw = &self.reader.get_ref().raw(self.reader.position().byte())[span.lead..];
        match quoting::judge(raw, self.delimiter) {
            Quoting::Sound => Ok(()),
            Quoting::Unclosed => {
                Err(FormatError::cut(format!("a quote opened in the row of line {} is never closed", span.line)))
            }
            Quoting::Loose if span.breaks == 0 => Ok(()),
            Quoting::Loose => {
                let first_line = raw.iter().position(|byte| *byte == b'\n').map_or(raw.len(), |at| at + 1);
                self.go_on_at(begin, span, first_line)
            }
        }
    }

    fn go_on_at(&mut self, begin: &csv::Position, span: Span, first_line: usize) -> Result<(), FormatError> {
        self.stray_quotes += 1;
        if self.stray_quotes > MAX_STRAY_QUOTES {
            return Err(FormatError::wrong(format!(
                "more than {MAX_STRAY_QUOTES} rows have quotes that aren't closed"
            )));
        }
        let mut next = begin.clone();
        next.set_byte(begin.byte() + (span.lead + first_line) as u64).set_line(span.line - self.lines_before + 1);
        self.reader.seek(next).map_err(failed)?;
        self.ended_by_return = false;
        self.broken = Some("a quote is opened and not closed".into());
        Ok(())
    }

    /// A line of blanks only is no row.
    fn is_blank(&self) -> bool {
        self.fields.len() == 1 && self.width > 1 && self.fields[0].trim().is_empty()
    }

    fn problem(&self, span: Span) -> Result<Option<String>, FormatError> {
        let (have, want) = (self.fields.len(), self.header.names().len());
        if have < want && !span.is_ended {
            return Err(FormatError::cut(format!(
                "the last line ({}) has {have} of {want} fields and no line end: it is cut",
                span.line
            )));
        }
        let is_ragged = have < want || self.fields.iter().skip(self.width).any(|field| !field.trim().is_empty());
        let text = self.fields.as_slice();
        Ok(match () {
            () if is_ragged => Some(format!("it has {have} fields where the header has {want}")),
            () if span.breaks > MAX_BREAKS => {
                Some(format!("it has {} line breaks: an unclosed quote, perhaps", span.breaks))
            }
            () if text.as_bytes().contains(&0) => Some("it has a NUL byte".into()),
            () if text.len() > MAX_FIELD && self.fields.iter().any(|field| field.len() > MAX_FIELD) => {
                Some(format!("it has a field of more than {MAX_FIELD} bytes"))
            }
            () => None,
        })
    }
}

fn failed(error: csv::Error) -> FormatError {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => match error.get_ref().and_then(|inner| inner.downcast_ref::<FormatError>()) {
            Some(limit) => limit.clone(),
            None => encoding::unreadable(&error),
        },
        // it was UTF-8 when it was looked through
        _ => FormatError::cut("the table changed while it was read"),
    }
}
