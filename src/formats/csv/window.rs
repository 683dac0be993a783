//! pure: the bytes around the row being read, kept so that it can be looked at again and read from its second line on.

use std::io::{self, Read, Seek, SeekFrom};

use super::{MAX_FILE, MAX_ROW};
use crate::formats::FormatError;

/// What the reader takes at once, and so what it may be ahead of the row it is in.
pub(super) const CHUNK: usize = 1 << 16;

/// A reader that remembers from the row in hand on. Places count decoded bytes from where the header begins.
#[derive(Debug)]
pub(super) struct Window<R> {
    input: R,
    kept: Vec<u8>,
    /// The place of `kept[0]`.
    kept_from: u64,
    /// What the table reader was given last ends here.
    given: u64,
    row_from: u64,
    is_at_end: bool,
}

impl<R: Read> Window<R> {
    pub(super) fn new(input: R) -> Self {
        Self { input, kept: Vec::with_capacity(3 * CHUNK), kept_from: 0, given: 0, row_from: 0, is_at_end: false }
    }

    /// The first bytes, at least `wanted` of them unless the input is shorter.
    pub(super) fn peek(&mut self, wanted: usize) -> io::Result<&[u8]> {
        while self.kept.len() < wanted && !self.is_at_end {
            self.fetch()?;
        }
        Ok(&self.kept)
    }

    /// Forgets the first bytes, before the table reader begins.
    pub(super) fn skip(&mut self, count: usize) {
        self.kept.drain(..count);
    }

    /// A row begins here; what is before it is no longer needed.
    pub(super) fn begin_row(&mut self, place: u64) {
        self.row_from = place;
        let before = self.offset(place);
        if before > 8 * CHUNK {
            self.kept.drain(..before);
            self.kept_from = place;
        }
    }

    /// The bytes of the row in hand.
    pub(super) fn raw(&self, until: u64) -> &[u8] {
        &self.kept[self.offset(self.row_from)..self.offset(until)]
    }

    fn offset(&self, place: u64) -> usize {
        usize::try_from(place - self.kept_from).expect("the window is a few MiB wide")
    }

    fn fetch(&mut self) -> io::Result<()> {
        let had = self.kept.len();
        self.kept.resize(had + CHUNK, 0);
        let read = loop {
            match self.input.read(&mut self.kept[had..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other,
            }
        };
        self.kept.truncate(had + *read.as_ref().unwrap_or(&0));
        self.is_at_end = read? == 0;
        Ok(())
    }
}

impl<R: Read> Read for Window<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let limit = |message: String| Err(io::Error::other(FormatError::wrong(message)));
        if self.given - self.row_from > (MAX_ROW + CHUNK) as u64 {
            return limit(format!("a row is longer than {MAX_ROW} bytes: a quote that is never closed, perhaps"));
        }
        if self.given > MAX_FILE {
            return limit(format!("the table is longer than {MAX_FILE} bytes"));
        }
        let from = self.offset(self.given);
        if from == self.kept.len() && !self.is_at_end {
            self.fetch()?;
        }
        let fresh = &self.kept[from..];
        let count = fresh.len().min(out.len());
        out[..count].copy_from_slice(&fresh[..count]);
        self.given += count as u64;
        Ok(count)
    }
}

/// Only back to a place in the row in hand, to read it again from there.
impl<R> Seek for Window<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        match to {
            SeekFrom::Start(place) if (self.kept_from..=self.given).contains(&place) => {
                self.given = place;
                Ok(place)
            }
            SeekFrom::Start(_) | SeekFrom::End(_) | SeekFrom::Current(_) => Err(io::ErrorKind::Unsupported.into()),
        }
    }
}
