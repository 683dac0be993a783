//! pure, on threads: a text table becomes rows, in one pass and without holding it: UTF-8, UTF-16, Windows-1252 or a DOS code page;
//! comma, semicolon, tab or pipe. A row that can't be read is reported with its line, and no quote swallows what follows
//! unnoticed.

use std::ops::ControlFlow;
use std::sync::Arc;

use super::{Bytes, FormatError, FormatReport, Wanted, two_columns};
use crate::parallel;
use crate::row::{Header, Record, RecordSink, Restarts};
use crate::schedule::CsvDialect;

use batches::RowBatch;
use encoding::{DetectedEncoding, Utf8Check};
use rows::TableRows;
use window::Window;

pub use likely::likely_encoding;

mod batches;
mod codepages;
mod encoding;
mod header;
mod likely;
mod rows;
mod splitter;
#[cfg(test)]
mod tests;
mod window;

/// A table of 1 GiB is no appointment list.
const MAX_FILE: u64 = 1 << 30;
/// A row longer than 1 MiB means a quote that swallows the rest.
const MAX_ROW: usize = 1 << 20;
/// The longest field of a row that is used.
const MAX_FIELD: usize = 1 << 16;
/// The most line breaks in the fields of a row that is used: a note has some, a table that a quote has swallowed has more.
const MAX_BREAKS: u64 = 100;
/// Rows of a table.
const MAX_ROWS: u64 = 10_000_000;
/// Each row with a stray quote is read twice; a table full of them is no table.
const MAX_STRAY_QUOTES: u32 = 100;
/// Ctrl-Z: programs that come from DOS write it behind the last line.
const END_MARK: u8 = 0x1a;

/// How a table is read.
#[derive(Debug, Clone, Copy)]
struct CsvTerms<'a> {
    dialect: &'a CsvDialect,
    wanted: &'a Wanted,
}

/// Reads every row. An empty input is an empty table.
///
/// # Errors
/// When the whole can't be trusted: no header with the mapped columns, an encoding that doesn't fit, a limit; with
/// `may_pass` when the end seems cut. What the sink was given by then is to be thrown away.
pub fn read(
    input: &dyn Bytes,
    dialect: &CsvDialect,
    wanted: &Wanted,
    sink: &mut dyn RecordSink,
) -> Result<FormatReport, FormatError> {
    let table = CsvTerms { dialect, wanted };
    let found = encoding::of_first_bytes(input, dialect.encoding.as_deref())?;
    if !found.is_utf8() || sink.restarts() == Restarts::No {
        let text = Text { input, found: encoding::of_all_bytes(input, found)?, check: None };
        return Ok(text.read(table, sink)?);
    }
    match (Text { input, found, check: Some(found.check()) }).read(table, sink) {
        Err(TableFailure::NotUtf8(flaw)) => {
            let found = found.settled(flaw)?;
            sink.restart();
            Ok(Text { input, found, check: None }.read(table, sink)?)
        }
        read => Ok(read?),
    }
}

/// The columns in their order, whether or not the mapped ones are among them; empty for an empty input.
///
/// # Errors
/// Those of [`read`], but for the rows and for mapped columns that are nowhere near the table's beginning.
pub fn columns(input: &dyn Bytes, dialect: &CsvDialect, wanted: &Wanted) -> Result<Vec<String>, FormatError> {
    let table = CsvTerms { dialect, wanted };
    let found = encoding::of_first_bytes(input, dialect.encoding.as_deref())?;
    let text = Text { input, found: encoding::of_all_bytes(input, found)?, check: None };
    let Some(mut rows) = text.open(table)? else { return Ok(Vec::new()) };
    header::is_elsewhere(&mut rows, table)?;
    Ok(rows.header.names().to_vec())
}

/// Says that another encoding makes more of the text's letters than the one that is taken.
pub fn doubtful_encoding(input: &dyn Bytes, dialect: &CsvDialect) -> Option<String> {
    let is_taken = dialect.encoding.is_none();
    let mut sample = vec![0; likely::SAMPLE_SIZE];
    let filled = input.read_at(0, &mut sample).ok().filter(|_| is_taken)?;
    let name = likely::likely_encoding(&sample[..filled])?;
    Some(format!(
        "its letters beyond ASCII make words in the encoding `{name}` and none in Windows-1252, in which it is read: write \
         `encoding = \"{name}\"`"
    ))
}

/// Says that the last line has no line end, where a value cut there would be a wrong call.
pub fn open_end(input: &dyn Bytes, dialect: &CsvDialect, wanted: &Wanted) -> Option<String> {
    let names = columns(input, dialect, wanted).ok()?;
    let last = names.last().filter(|name| wanted.cut_matters.contains(name))?;
    let length = input.length().ok()?;
    let mut begin = vec![0; MAX_FIELD];
    let filled = input.read_at(0, &mut begin).ok()?;
    // a header alone has no row that could be cut
    memchr::memchr2(b'\n', b'\r', begin[..filled].trim_ascii_start())?;
    let mut end = [0; 2];
    let count = input.read_at(length.checked_sub(2)?, &mut end).ok()?;
    // UTF-16 has a NUL next to each ASCII character
    let mut ends = end[..count].iter().filter(|byte| **byte != 0).rev();
    let is_closed = ends.next().is_some_and(|byte| matches!(*byte, b'\n' | b'\r' | b'"' | END_MARK));
    (!is_closed).then(|| {
        format!(
            "the last line has no line end and ends inside `{last}`: its row isn't called, because the file may be cut there; \
             have the export end every line"
        )
    })
}

/// Why a table isn't read to its end.
enum TableFailure {
    /// It isn't what it should be.
    Format(FormatError),
    /// It turned out not to be UTF-8.
    NotUtf8(encoding::Flaw),
}

impl From<FormatError> for TableFailure {
    fn from(error: FormatError) -> Self {
        Self::Format(error)
    }
}

impl From<TableFailure> for FormatError {
    fn from(failure: TableFailure) -> Self {
        match failure {
            TableFailure::Format(error) => error,
            // it was UTF-8 when it was checked
            TableFailure::NotUtf8(_) => Self::cut("the table changed while it was read"),
        }
    }
}

/// The rows of a table on their way to the sink.
struct RowsToSink<'a> {
    header: &'a Arc<Header>,
    sink: &'a mut dyn RecordSink,
    count: u64,
    /// Whether the sink ended the read.
    is_stopped: bool,
}

impl RowsToSink<'_> {
    /// Breaks when no further row is wanted.
    fn take(&mut self, batch: &mut RowBatch) -> Result<ControlFlow<()>, TableFailure> {
        for (row, fields) in batch.rows() {
            self.count += 1;
            if self.count > MAX_ROWS {
                return Err(FormatError::wrong(format!("the table has more than {MAX_ROWS} rows")).into());
            }
            let record = match &row.broken {
                Some(reason) => Record::Broken(reason),
                None => Record::Text { header: self.header, fields },
            };
            if self.sink.record(row.line, record).is_break() {
                self.is_stopped = true;
                return Ok(ControlFlow::Break(()));
            }
        }
        batch.take_failure().map_or(Ok(ControlFlow::Continue(())), Err)
    }
}

/// An input whose encoding is known, or is being checked while it is read.
struct Text<'i> {
    input: &'i dyn Bytes,
    found: DetectedEncoding,
    check: Option<Utf8Check>,
}

impl<'i> Text<'i> {
    fn read(self, table: CsvTerms<'_>, sink: &mut dyn RecordSink) -> Result<FormatReport, TableFailure> {
        let Some(mut rows) = self.open(table)? else { return Ok(FormatReport::default()) };
        header::confirm(&mut rows, table)?;
        if let Some((name, places)) = table.wanted.doubled(&rows.header) {
            return Err(FormatError::wrong(two_columns(name, places)).into());
        }
        let header = Arc::clone(&rows.header);
        let mut rows_to_sink = RowsToSink { header: &header, sink, count: 0, is_stopped: false };
        parallel::fill_ahead(|batch: &mut RowBatch| batch.fill(&mut rows), |batch| rows_to_sink.take(batch))?;
        let RowsToSink { count, is_stopped, .. } = rows_to_sink;
        let columns = header.names().to_vec();
        Ok(FormatReport { columns, rows: count, is_stopped, has_rows_place: true, ..FormatReport::default() })
    }

    /// The table, its header read; `None` when nothing but blanks is there.
    fn open(self, table: CsvTerms<'_>) -> Result<Option<TableRows<encoding::Decoded<'i>>>, TableFailure> {
        let mut window = Window::new(self.found.decoded(self.input), self.check);
        let Some(begin) = header::find(&mut window, table)? else { return Ok(None) };
        let mut rows = TableRows::new(window, begin.delimiter, begin.line);
        rows.header_above = begin.better;
        if rows.take_row()?.is_none() {
            return Ok(None);
        }
        let names = header::names(rows.fields().iter());
        rows.set_header(Arc::new(Header::new(names)), &table.wanted.cut_matters);
        Ok(Some(rows))
    }
}
