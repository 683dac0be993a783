//! pure: the bytes around the row being read, kept so that it can be looked at again and read from its second line on.

use std::io::Read;

use super::encoding::{Look, unreadable};
use super::{Failure, MAX_FILE, MAX_ROW};
use crate::formats::FormatError;

/// What is asked of the input at once.
const CHUNK: usize = 1 << 16;

/// A reader that remembers from the row in hand on. Places count decoded bytes from where the header begins.
pub(super) struct Window<R> {
    input: R,
    /// The first `filled` bytes of it are the window; the rest is room, so that it needn't be cleared again and again.
    room: Vec<u8>,
    filled: usize,
    /// The place of the window's first byte.
    kept_from: u64,
    /// What was read of the table ends here.
    place: u64,
    row_from: u64,
    is_at_end: bool,
    /// Whether it is UTF-8 at all is found out while it is read; so many bytes at its end are an unfinished character.
    look: Option<Look>,
    unfinished: usize,
    /// Whether the window has any of them.
    has_quotes: bool,
    has_returns: bool,
}

impl<R: Read> Window<R> {
    /// With a look, the input is checked as it comes.
    pub(super) fn new(input: R, look: Option<Look>) -> Self {
        Self {
            input,
            room: vec![0; 4 * CHUNK],
            filled: 0,
            kept_from: 0,
            place: 0,
            row_from: 0,
            is_at_end: false,
            look,
            unfinished: 0,
            has_quotes: false,
            has_returns: false,
        }
    }

    /// The first bytes, at least `wanted` of them unless the input is shorter. Only before the first row.
    pub(super) fn peek(&mut self, wanted: usize) -> Result<&[u8], Failure> {
        while self.filled < wanted && !self.is_at_end {
            self.fetch()?;
        }
        Ok(&self.room[..self.filled])
    }

    /// Forgets the window's first bytes: the table begins behind them. Only before the first row.
    pub(super) fn skip(&mut self, count: usize) {
        self.room.copy_within(count..self.filled, 0);
        self.filled -= count;
    }

    /// A row begins here; what is before it is no longer needed.
    pub(super) fn begin_row(&mut self) {
        self.row_from = self.place;
    }

    /// Where reading is.
    pub(super) fn place(&self) -> u64 {
        self.place
    }

    /// The bytes of the row in hand, as far as they were read.
    pub(super) fn raw(&self) -> &[u8] {
        &self.room[self.offset(self.row_from)..self.offset(self.place)]
    }

    /// What lies ahead: nothing only at the end.
    pub(super) fn ahead(&mut self) -> Result<&[u8], Failure> {
        if self.offset(self.place) == self.filled && !self.is_at_end {
            self.within_limits()?;
            self.fetch()?;
        }
        Ok(&self.room[self.offset(self.place)..self.filled])
    }

    /// Whether that byte comes next, as far as was read.
    pub(super) fn next_is(&self, byte: u8) -> bool {
        self.room[self.offset(self.place)..self.filled].first() == Some(&byte)
    }

    /// Where the next line's delimiters are, and its end: for a line without quotes and other line ends than `\n` and
    /// `\r\n` that lies in the window whole and isn't empty. Then it is what the table reader would make of it, sooner.
    pub(super) fn plain_line(&self, delimiter: u8, ends: &mut Vec<usize>) -> Option<PlainLine> {
        let ahead = &self.room[self.offset(self.place)..self.filled];
        ends.clear();
        let length = match self.has_quotes {
            false => line_of(memchr::memchr2_iter(delimiter, b'\n', ahead), ahead, ends)?,
            true => line_of(memchr::memchr3_iter(delimiter, b'\n', b'"', ahead), ahead, ends)?,
        };
        let line = &ahead[..length];
        let text = if self.has_returns { line.strip_suffix(b"\r").unwrap_or(line) } else { line };
        if text.is_empty() || self.has_returns && memchr::memchr(b'\r', text).is_some() {
            return None;
        }
        ends.push(text.len());
        Some(PlainLine { text_length: text.len(), length: length + 1 })
    }

    /// So many bytes of what lies ahead were read.
    pub(super) fn advance(&mut self, count: usize) {
        self.place += count as u64;
    }

    /// Goes back to a place in the row in hand, to read it again from there.
    pub(super) fn return_to(&mut self, place: u64) {
        self.place = place;
    }

    fn within_limits(&self) -> Result<(), FormatError> {
        if self.place - self.row_from > MAX_ROW as u64 {
            return Err(too_long_row());
        }
        if self.place > MAX_FILE {
            return Err(FormatError::wrong(format!("the table is longer than {MAX_FILE} bytes")));
        }
        Ok(())
    }

    fn offset(&self, place: u64) -> usize {
        usize::try_from(place - self.kept_from).expect("the window is a few MiB wide")
    }

    fn fetch(&mut self) -> Result<(), Failure> {
        let before = self.offset(self.row_from);
        if before > 0 {
            // all but the row in hand was read: little is moved, and the window stays in the processor's cache
            self.skip(before);
            self.kept_from = self.row_from;
        }
        if self.room.len() < self.filled + CHUNK {
            self.room.resize(self.filled + 4 * CHUNK, 0);
        }
        let room = &mut self.room[self.filled..self.filled + CHUNK];
        let read = loop {
            match self.input.read(room) {
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                other => break other.map_err(|error| unreadable(&error))?,
            }
        };
        let from = if before > 0 { 0 } else { self.filled };
        let unchecked = self.filled.saturating_sub(self.unfinished);
        self.filled += read;
        self.is_at_end = read == 0;
        if let Some(look) = &mut self.look {
            self.unfinished =
                look.step(&self.room[unchecked..self.filled], self.is_at_end).map_err(Failure::NotUtf8)?;
        }
        let fresh = &self.room[from..self.filled];
        let has = |byte, before: bool| before && from > 0 || memchr::memchr(byte, fresh).is_some();
        (self.has_quotes, self.has_returns) = (has(b'"', self.has_quotes), has(b'\r', self.has_returns));
        Ok(())
    }
}

/// A line that can be split where it lies.
#[derive(Debug, Clone, Copy)]
pub(super) struct PlainLine {
    /// Bytes without its end.
    pub(super) text_length: usize,
    /// Bytes with its end.
    pub(super) length: usize,
}

/// Takes delimiters until the line's end and tells where that is; `None` when a quote or nothing comes first.
fn line_of(marks: impl Iterator<Item = usize>, text: &[u8], ends: &mut Vec<usize>) -> Option<usize> {
    for at in marks {
        match text[at] {
            b'\n' => return Some(at),
            b'"' => return None,
            _ => ends.push(at),
        }
    }
    None
}

pub(super) fn too_long_row() -> FormatError {
    FormatError::wrong(format!("a row is longer than {MAX_ROW} bytes: a quote that is never closed, perhaps"))
}
