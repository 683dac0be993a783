//! pure: one row after another: split in place when it is plain, by the splitter otherwise; judged, numbered by line.

use std::io::Read;
use std::sync::Arc;

use super::splitter::{Quoting, Splitter};
use super::window::{PlainLine, Window, too_long_row};
use super::{END_MARK, MAX_BREAKS, MAX_FIELD, MAX_ROW, MAX_STRAY_QUOTES, TableFailure};
use crate::formats::FormatError;
use crate::row::{Fields, Header};

/// A table whose header was read.
pub(super) struct TableRows<R> {
    pub(super) window: Window<R>,
    pub(super) delimiter: u8,
    pub(super) header: Arc<Header>,
    /// Why the current row can't be used.
    pub(super) broken: Option<String>,
    /// Fields of the header line, unnamed ones at its end included: what a row may have.
    width: usize,
    /// Places of columns in which a lost last character would be a wrong call.
    cut_matters: Vec<usize>,
    splitter: Splitter,
    /// The current row, when it was split in place.
    plain: Option<PlainLine>,
    plain_ends: Vec<usize>,
    /// The line at which reading is, from 1.
    line: u64,
    stray_quotes: u32,
    /// A line above the declared header that has every mapped column.
    pub(super) header_above: Option<u64>,
}

/// Where a row is in the file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    /// The line on which it begins, from 1.
    line: u64,
    /// Line breaks within it.
    breaks: u64,
    /// Whether a line end follows it.
    is_ended: bool,
}

impl<R: Read> TableRows<R> {
    /// Reads on from the window's place, which is in that line.
    pub(super) fn new(window: Window<R>, delimiter: u8, line: u64) -> Self {
        Self {
            window,
            delimiter,
            header: Arc::default(),
            broken: None,
            width: 0,
            cut_matters: Vec::new(),
            splitter: Splitter::new(delimiter),
            plain: None,
            plain_ends: Vec::new(),
            line,
            stray_quotes: 0,
            header_above: None,
        }
    }

    /// The row just taken was the header.
    pub(super) fn set_header(&mut self, header: Arc<Header>, cut_matters: &[String]) {
        self.width = self.fields().len();
        self.cut_matters = cut_matters.iter().filter_map(|name| header.place(name)).collect();
        self.header = header;
    }

    /// The fields of the current row.
    pub(super) fn fields(&self) -> Fields<'_> {
        match self.plain {
            Some(line) => Fields::delimited(&self.window.raw()[..line.text_length], &self.plain_ends),
            None => Fields::adjacent(self.splitter.text(), self.splitter.ends()),
        }
    }

    /// Goes to the next row and returns its line; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<u64>, TableFailure> {
        loop {
            let Some(span) = self.take_row()? else { return Ok(None) };
            if self.is_sound() {
                debug_assert!(!self.is_blank() && matches!(self.problem(span), Ok(None)), "nothing is wrong with it");
                return Ok(Some(span.line));
            }
            if self.broken.is_none() && self.is_blank() {
                continue;
            }
            if self.broken.is_none() {
                self.broken = self.problem(span)?;
            }
            return Ok(Some(span.line));
        }
    }

    /// Goes to the next row, blank or not; `None` at the end.
    pub(super) fn take_row(&mut self) -> Result<Option<Span>, TableFailure> {
        self.broken = None;
        if let Some(span) = self.take_plain_line() {
            return Ok(Some(span));
        }
        while let Some(length) = self.window.line_end()? {
            self.window.advance(length);
            self.line += 1;
        }
        match self.take_plain_line() {
            Some(span) => Ok(Some(span)),
            None => self.take_split_row(),
        }
    }

    fn take_plain_line(&mut self) -> Option<Span> {
        let line = self.window.plain_line(self.delimiter, &mut self.plain_ends)?;
        let span = Span { line: self.line, breaks: 0, is_ended: true };
        self.line += 1;
        self.window.begin_row();
        self.window.advance(line.length);
        self.plain = Some(line);
        Some(span)
    }

    fn take_split_row(&mut self) -> Result<Option<Span>, TableFailure> {
        self.window.begin_row();
        self.splitter.begin();
        self.plain = None;
        let is_ended = self.split()?;
        if !is_ended && self.splitter.is_empty() {
            return Ok(None);
        }
        let quoting = if is_ended { self.splitter.quoting() } else { self.splitter.end() };
        let mut span = Span { line: self.line, breaks: self.splitter.breaks(), is_ended };
        if quoting != Quoting::Sound && self.has_stray_quote(quoting, span)? {
            return Ok(Some(span));
        }
        self.line += span.breaks + 1;
        // a quote that closes the last field proves it whole
        span.is_ended = is_ended || self.splitter.take_end_marks() || self.window.raw().ends_with(b"\"");
        Ok(Some(span))
    }

    /// Feeds the splitter until the row's line ends; `false` when the input ends first.
    fn split(&mut self) -> Result<bool, TableFailure> {
        loop {
            let ahead = self.window.ahead()?;
            if ahead.is_empty() {
                return Ok(false);
            }
            let (length, used) = (ahead.len(), self.splitter.take(ahead));
            self.window.advance(used.unwrap_or(length));
            if used.is_some() {
                if self.window.raw().ends_with(b"\r") && self.window.next_is(b'\n')? {
                    self.window.advance(1);
                }
                return Ok(true);
            }
        }
    }

    /// Whether the row has doubtful quotes and spans several lines: then it ends with its first line, and reading continues at
    /// the next.
    fn has_stray_quote(&mut self, quoting: Quoting, span: Span) -> Result<bool, FormatError> {
        match (quoting, span.breaks) {
            (Quoting::Unclosed, _) => {
                Err(FormatError::cut(format!("a quote opened in the row of line {} is never closed", span.line)))
            }
            (Quoting::Sound | Quoting::Loose, 0) | (Quoting::Sound, _) => Ok(false),
            (Quoting::Loose, _) => {
                self.stray_quotes += 1;
                if self.stray_quotes > MAX_STRAY_QUOTES {
                    let message = format!("more than {MAX_STRAY_QUOTES} rows have quotes that aren't closed");
                    return Err(FormatError::wrong(message));
                }
                self.window.return_into_row(self.splitter.first_line());
                self.line = span.line + 1;
                self.broken = Some("a quote is opened and not closed".into());
                Ok(true)
            }
        }
    }

    /// Whether a plain line shows at first glance that it is no blank one and that nothing is wrong with it, as nearly all do.
    fn is_sound(&self) -> bool {
        let Some(line) = self.plain else { return false };
        let have = self.plain_ends.len();
        let has_all_fields = have > 1 && have == self.width && have == self.header.names().len();
        has_all_fields && line.text_length <= MAX_FIELD && !self.window.has_nuls()
    }

    /// A line of blanks, or of a DOS end-of-file mark, is no row.
    fn is_blank(&self) -> bool {
        let fields = self.fields();
        if fields.len() != 1 {
            return false;
        }
        let Some(field) = fields.get(0) else { return false };
        let is_mark = |c: char| c == char::from(END_MARK);
        let has_mark = field.contains(is_mark) || self.plain.is_none() && self.window.raw().contains(&END_MARK);
        (self.width > 1 || has_mark) && field.trim_matches(|c: char| c.is_whitespace() || is_mark(c)).is_empty()
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
            () if self.window.has_nuls() && memchr::memchr(0, fields.text()).is_some() => {
                Some("it has a NUL byte".into())
            }
            () if fields.text().len() > MAX_FIELD && fields.iter().any(|field| field.len() > MAX_FIELD) => {
                Some(format!("it has a field of more than {MAX_FIELD} bytes"))
            }
            () if !span.is_ended && self.cut_matters.contains(&(have - 1)) => Some(self.may_be_cut(have - 1)),
            () => None,
        })
    }

    fn may_be_cut(&self, place: usize) -> String {
        format!(
            "the last line ends inside `{}` and has no line end: the file may be cut here; have the export end every line",
            self.header.names()[place]
        )
    }
}
