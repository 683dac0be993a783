//! pure: a text table becomes rows, in one pass and without holding it: UTF-8, UTF-16 or Windows-1252; comma, semicolon,
//! tab or pipe. A row that can't be read is told with its line, and no quote swallows what follows in silence.

use std::io::{self, Read};
use std::sync::Arc;

use csv_core::ReadRecordResult;

use crate::formats::FormatError;
use crate::row::{Fields, Header, Record, RecordSink, Restarts};
use crate::schedule::CsvDialect;

use encoding::{Decoded, Found, Look};
use quoting::Quoting;
use window::{PlainLine, Window, too_long_row};

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

/// Bytes that can be read from any place, by two threads at once.
pub trait Bytes: Sync {
    /// How many there are.
    ///
    /// # Errors
    /// When the machine can't tell.
    fn length(&self) -> io::Result<u64>;

    /// Reads some from that place on; none at the end.
    ///
    /// # Errors
    /// When the machine can't read.
    fn read_at(&self, place: u64, out: &mut [u8]) -> io::Result<usize>;
}

impl Bytes for [u8] {
    fn length(&self) -> io::Result<u64> {
        Ok(self.len() as u64)
    }

    fn read_at(&self, place: u64, out: &mut [u8]) -> io::Result<usize> {
        let rest = usize::try_from(place).ok().and_then(|place| self.get(place..)).unwrap_or(&[]);
        let count = rest.len().min(out.len());
        out[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }
}

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
pub fn read<B: Bytes + ?Sized>(
    input: &B,
    table: &Table<'_>,
    sink: &mut dyn RecordSink,
) -> Result<TableReport, FormatError> {
    let found = encoding::first_look(input, table.dialect.encoding.as_deref())?;
    if !found.is_utf8() || sink.restarts() == Restarts::No {
        let text = Text { input, found: encoding::whole_look(input, found)?, look: None };
        return Ok(text.read(table, sink)?);
    }
    match (Text { input, found, look: Some(found.look()) }).read(table, sink) {
        Err(Failure::NotUtf8(flaw)) => {
            let found = found.settled(flaw)?;
            sink.restart();
            Ok(Text { input, found, look: None }.read(table, sink)?)
        }
        read => Ok(read?),
    }
}

/// The columns of a table, whether or not the mapped ones are among them; empty for an empty input.
///
/// # Errors
/// As [`read`], but for the rows.
pub fn columns<B: Bytes + ?Sized>(input: &B, table: &Table<'_>) -> Result<Vec<String>, FormatError> {
    let found = encoding::first_look(input, table.dialect.encoding.as_deref())?;
    let text = Text { input, found: encoding::whole_look(input, found)?, look: None };
    let header = text.open(table)?.map(|rows| rows.header);
    Ok(header.map_or_else(Vec::new, |header| named(header.names())))
}

/// Why a table isn't read to its end.
enum Failure {
    /// It isn't what it should be.
    Format(FormatError),
    /// It turned out not to be UTF-8.
    NotUtf8(encoding::Flaw),
}

impl From<FormatError> for Failure {
    fn from(error: FormatError) -> Self {
        Self::Format(error)
    }
}

impl From<Failure> for FormatError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Format(error) => error,
            // it was UTF-8 when it was looked through
            Failure::NotUtf8(_) => Self::cut("the table changed while it was read"),
        }
    }
}

/// An input whose encoding is known, or is being looked at while it is read.
struct Text<'i, B: ?Sized> {
    input: &'i B,
    found: Found,
    look: Option<Look>,
}

impl<'i, B: Bytes + ?Sized> Text<'i, B> {
    fn read(self, table: &Table<'_>, sink: &mut dyn RecordSink) -> Result<TableReport, Failure> {
        let Some(mut rows) = self.open(table)? else { return Ok(TableReport::default()) };
        let prefix = rows.window.peek(0)?;
        header::confirm(rows.header.names(), prefix, table, rows.delimiter)?;
        let mut count = 0;
        while let Some(number) = rows.next()? {
            count += 1;
            if count > MAX_ROWS {
                return Err(FormatError::wrong(format!("the table has more than {MAX_ROWS} rows")).into());
            }
            let record = match &rows.broken {
                Some(reason) => Record::Broken(reason),
                None => Record::Text { header: &rows.header, fields: rows.fields() },
            };
            if sink.record(number, record).is_break() {
                break;
            }
        }
        Ok(TableReport { columns: named(rows.header.names()), rows: count })
    }

    /// The table, its header read; `None` when nothing but blanks is there.
    fn open(self, table: &Table<'_>) -> Result<Option<Rows<Decoded<'i, B>>>, Failure> {
        let mut window = Window::new(self.found.decoded(self.input), self.look);
        let Some(delimiter) = header::find(&mut window, table)? else { return Ok(None) };
        let mut rows = Rows {
            window,
            core: csv_core::ReaderBuilder::new().delimiter(delimiter).build(),
            delimiter,
            header: Arc::default(),
            width: 0,
            text: vec![0; 1024],
            ends: vec![0; 64],
            text_length: 0,
            field_count: 0,
            plain: None,
            plain_ends: Vec::new(),
            broken: None,
            lines_before: u64::from(table.dialect.header_row.max(1)) - 1,
            ended_by_return: false,
            stray_quotes: 0,
        };
        rows.take_fields()?;
        rows.header = Arc::new(Header::new(header::names(rows.fields().iter())));
        rows.width = rows.field_count;
        rows.ended_by_return = rows.window.raw().ends_with(b"\r");
        Ok(Some(rows))
    }
}

fn named(names: &[String]) -> Vec<String> {
    names.iter().filter(|name| !name.is_empty()).cloned().collect()
}

/// A table whose header was read.
struct Rows<R> {
    window: Window<R>,
    core: csv_core::Reader,
    delimiter: u8,
    header: Arc<Header>,
    /// Fields of the header line, unnamed ones at its end included: what a row may have.
    width: usize,
    /// The row in hand: room for its fields' text and ends, how much of each is used, and why it can't be.
    text: Vec<u8>,
    ends: Vec<usize>,
    text_length: usize,
    field_count: usize,
    /// The row in hand instead, where it lies in the window.
    plain: Option<PlainLine>,
    plain_ends: Vec<usize>,
    broken: Option<String>,
    /// Lines that the table reader doesn't count: those above the header, and those ended by a lone carriage return.
    lines_before: u64,
    ended_by_return: bool,
    stray_quotes: u32,
}

/// Where a row begins.
#[derive(Debug, Clone, Copy)]
struct Begin {
    /// Its place in the table.
    place: u64,
    /// Its line, as the table reader counts.
    line: u64,
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
    fn fields(&self) -> Fields<'_> {
        match self.plain {
            Some(line) => Fields::delimited(&self.window.raw()[..line.text_length], &self.plain_ends),
            None => Fields::adjacent(&self.text[..self.text_length], &self.ends[..self.field_count]),
        }
    }

    /// Takes the next row's fields in hand; `false` at the end.
    fn take_fields(&mut self) -> Result<bool, Failure> {
        self.window.begin_row();
        self.plain = None;
        (self.text_length, self.field_count) = (0, 0);
        loop {
            let ahead = self.window.ahead()?;
            let (text, ends) = (&mut self.text[self.text_length..], &mut self.ends[self.field_count..]);
            let (result, read, written, ended) = self.core.read_record(ahead, text, ends);
            self.window.advance(read);
            self.text_length += written;
            self.field_count += ended;
            match result {
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull => self.text.resize(self.text.len() * 2, 0),
                ReadRecordResult::OutputEndsFull => self.ends.resize(self.ends.len() * 2, 0),
                ReadRecordResult::Record => return Ok(true),
                ReadRecordResult::End => return Ok(false),
            }
        }
    }

    /// Takes the next row in hand if it can be split where it lies; tells where it stands.
    fn take_plain_line(&mut self) -> Option<Span> {
        if self.ended_by_return && self.window.next_is(b'\n') {
            // the second half of a line's end; the table reader takes its state after the first half for a row's begin
            self.window.advance(1);
            self.core.set_line(self.core.line() + 1);
            self.ended_by_return = false;
        }
        if self.ended_by_return {
            return None;
        }
        let line = self.window.plain_line(self.delimiter, &mut self.plain_ends)?;
        let span = Span { line: self.core.line() + self.lines_before, breaks: 0, lead: 0, is_ended: true };
        self.core.set_line(self.core.line() + 1);
        self.window.begin_row();
        self.window.advance(line.length);
        self.plain = Some(line);
        Some(span)
    }

    /// Takes the next row in hand and tells its line; `None` at the end.
    fn next(&mut self) -> Result<Option<u64>, Failure> {
        loop {
            if let Some(span) = self.take_plain_line() {
                if self.is_blank() {
                    continue;
                }
                self.broken = self.problem(span)?;
                return Ok(Some(span.line));
            }
            let begin = Begin { place: self.window.place(), line: self.core.line() };
            if !self.take_fields()? {
                return Ok(None);
            }
            let span = self.span(begin);
            self.broken = None;
            // a field that ends with a line break was quoted, or swallowed the line's end
            let last = self.fields().text().last();
            if span.breaks > 0 || !span.is_ended || matches!(last, Some(b'\n' | b'\r')) {
                self.look_at_quotes(begin, span)?;
            }
            if self.broken.is_none() && !self.is_blank() {
                self.broken = self.problem(span)?;
            } else if self.broken.is_none() {
                continue;
            }
            return Ok(Some(span.line));
        }
    }

    fn span(&mut self, begin: Begin) -> Span {
        let raw = self.window.raw();
        let lead = raw.iter().take_while(|byte| matches!(byte, b'\n' | b'\r')).count();
        let blank_lines = raw[..lead].iter().filter(|byte| **byte == b'\n').count() as u64;
        if self.ended_by_return && raw.first() != Some(&b'\n') {
            self.lines_before += 1;
        }
        let last = raw.last().copied();
        self.ended_by_return = last == Some(b'\r');
        let first_line = begin.line + blank_lines;
        let breaks = self.core.line() - first_line - u64::from(last == Some(b'\n'));
        let is_ended = matches!(last, Some(b'\n' | b'\r'));
        Span { line: first_line + self.lines_before, breaks, lead, is_ended }
    }

    /// Of a row that spans lines, or is the last and has no line end: whether its quotes are to be trusted. A row with a
    /// stray one ends with its first line, and reading goes on at the next.
    fn look_at_quotes(&mut self, begin: Begin, span: Span) -> Result<(), FormatError> {
        let raw = &self.window.raw()[span.lead..];
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

    fn go_on_at(&mut self, begin: Begin, span: Span, first_line: usize) -> Result<(), FormatError> {
        self.stray_quotes += 1;
        if self.stray_quotes > MAX_STRAY_QUOTES {
            return Err(FormatError::wrong(format!(
                "more than {MAX_STRAY_QUOTES} rows have quotes that aren't closed"
            )));
        }
        self.window.return_to(begin.place + (span.lead + first_line) as u64);
        self.core.reset();
        self.core.set_line(span.line - self.lines_before + 1);
        self.ended_by_return = false;
        self.broken = Some("a quote is opened and not closed".into());
        Ok(())
    }

    /// A line of blanks only is no row.
    fn is_blank(&self) -> bool {
        let fields = self.fields();
        fields.len() == 1 && self.width > 1 && fields.get(0).is_some_and(|field| field.trim().is_empty())
    }

    fn problem(&self, span: Span) -> Result<Option<String>, FormatError> {
        let fields = self.fields();
        let (have, want) = (fields.len(), self.header.names().len());
        if have < want && !span.is_ended {
            return Err(FormatError::cut(format!(
                "the last line ({}) has {have} of {want} fields and no line end: it is cut",
                span.line
            )));
        }
        if fields.text().len() > MAX_ROW {
            return Err(too_long_row());
        }
        let is_extra = |at: usize| fields.get(at).is_none_or(|field| !field.trim().is_empty());
        let is_ragged = have < want || (self.width..have).any(is_extra);
        Ok(match () {
            () if is_ragged => Some(format!("it has {have} fields where the header has {want}")),
            () if span.breaks > MAX_BREAKS => {
                Some(format!("it has {} line breaks: an unclosed quote, perhaps", span.breaks))
            }
            () if memchr::memchr(0, fields.text()).is_some() => Some("it has a NUL byte".into()),
            () if fields.text().len() > MAX_FIELD && fields.iter().any(|field| field.len() > MAX_FIELD) => {
                Some(format!("it has a field of more than {MAX_FIELD} bytes"))
            }
            () => None,
        })
    }
}
