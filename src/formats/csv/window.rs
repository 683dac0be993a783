//! pure: the bytes around the row being read, kept so that it can be looked at again and read from its second line on.

use std::io::Read;

use super::encoding::unreadable;
use super::{MAX_FILE, MAX_ROW};
use crate::formats::FormatError;

/// What is asked of the input at once.
const CHUNK: usize = 1 << 16;

/// A reader that remembers from the row in hand on. Places count decoded bytes from where the header begins.
#[derive(Debug)]
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
}

impl<R: Read> Window<R> {
    pub(super) fn new(input: R) -> Self {
        Self { input, room: vec![0; 4 * CHUNK], filled: 0, kept_from: 0, place: 0, row_from: 0, is_at_end: false }
    }

    /// The first bytes, at least `wanted` of them unless the input is shorter. Only before the first row.
    pub(super) fn peek(&mut self, wanted: usize) -> Result<&[u8], FormatError> {
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
    pub(super) fn ahead(&mut self) -> Result<&[u8], FormatError> {
        if self.offset(self.place) == self.filled && !self.is_at_end {
            self.within_limits()?;
            self.fetch()?;
        }
        Ok(&self.room[self.offset(self.place)..self.filled])
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

    fn fetch(&mut self) -> Result<(), FormatError> {
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
        self.filled += read;
        self.is_at_end = read == 0;
        Ok(())
    }
}

pub(super) fn too_long_row() -> FormatError {
    FormatError::wrong(format!("a row is longer than {MAX_ROW} bytes: a quote that is never closed, perhaps"))
}
