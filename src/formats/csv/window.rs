//! pure: the bytes around the row being read, kept so that it can be read again from its second line on.

use std::io::Read;

use wide::u8x16;

use super::encoding::{Utf8Check, unreadable};
use super::{MAX_FILE, MAX_ROW, TableFailure};
use crate::formats::FormatError;

/// Bytes read from the input at once.
const CHUNK: usize = 1 << 16;

/// A reader that keeps the bytes from the current row on. Places count decoded bytes from where the header begins.
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
    /// Checks that the input is UTF-8 while it is read; the last `unfinished` bytes are the beginning of a character.
    check: Option<Utf8Check>,
    unfinished: usize,
    /// Whether the window has any quotes, any carriage returns, any NUL bytes.
    has_quotes: bool,
    has_returns: bool,
    has_nuls: bool,
}

impl<R: Read> Window<R> {
    /// A window over the input. With a check, the input must be UTF-8.
    pub(super) fn new(input: R, check: Option<Utf8Check>) -> Self {
        Self {
            input,
            room: vec![0; 4 * CHUNK],
            filled: 0,
            kept_from: 0,
            place: 0,
            row_from: 0,
            is_at_end: false,
            check,
            unfinished: 0,
            has_quotes: false,
            has_returns: false,
            has_nuls: false,
        }
    }

    /// The first bytes, at least `wanted` of them unless the input is shorter. Only before the first row.
    pub(super) fn peek(&mut self, wanted: usize) -> Result<&[u8], TableFailure> {
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

    /// Whether a NUL byte is in the window, which holds the current row: searched once, not in every row.
    pub(super) fn has_nuls(&self) -> bool {
        self.has_nuls
    }

    /// The bytes of the current row, as far as they were read.
    pub(super) fn raw(&self) -> &[u8] {
        &self.room[self.offset(self.row_from)..self.offset(self.place)]
    }

    /// The unread bytes: empty only at the end.
    pub(super) fn ahead(&mut self) -> Result<&[u8], TableFailure> {
        if self.offset(self.place) == self.filled && !self.is_at_end {
            self.within_limits()?;
            self.fetch()?;
        }
        Ok(&self.room[self.offset(self.place)..self.filled])
    }

    /// Whether that byte comes next.
    pub(super) fn next_is(&mut self, byte: u8) -> Result<bool, TableFailure> {
        Ok(self.ahead()?.first() == Some(&byte))
    }

    /// How long the line end is that comes next; `None` when something else does.
    pub(super) fn line_end(&mut self) -> Result<Option<usize>, TableFailure> {
        self.begin_row();
        match self.ahead()? {
            [b'\n', ..] => Ok(Some(1)),
            [b'\r', b'\n', ..] => Ok(Some(2)),
            [b'\r'] => {
                // the second half may not be read yet
                self.advance(1);
                let length = if self.next_is(b'\n')? { 2 } else { 1 };
                self.place -= 1;
                Ok(Some(length))
            }
            [b'\r', ..] => Ok(Some(1)),
            _ => Ok(None),
        }
    }

    /// Finds the next line's delimiters and its end, when the line is not empty, has no quotes and no line end other than
    /// `\n` or `\r\n`, and is whole in the window. The splitter would return the same, more slowly.
    pub(super) fn plain_line(&self, delimiter: u8, ends: &mut Vec<usize>) -> Option<PlainLine> {
        let ahead = &self.room[self.offset(self.place)..self.filled];
        ends.clear();
        let length = match self.has_quotes {
            false => line_of::<false>(delimiter, ahead, ends)?,
            true => line_of::<true>(delimiter, ahead, ends)?,
        };
        let line = &ahead[..length];
        let text = if self.has_returns { line.strip_suffix(b"\r").unwrap_or(line) } else { line };
        if text.is_empty() || self.has_returns && memchr::memchr(b'\r', text).is_some() {
            return None;
        }
        ends.push(text.len());
        Some(PlainLine { text_length: text.len(), length: length + 1 })
    }

    /// Skips that many unread bytes.
    pub(super) fn advance(&mut self, count: usize) {
        self.place += count as u64;
    }

    /// Goes back into the current row, that many bytes behind its beginning.
    pub(super) fn return_into_row(&mut self, offset: usize) {
        self.place = self.row_from + offset as u64;
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

    fn fetch(&mut self) -> Result<(), TableFailure> {
        let before = self.offset(self.row_from);
        if before > 0 {
            // everything before the current row was read: little is moved, and the window stays in the processor's cache
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
        if let Some(check) = &mut self.check {
            self.unfinished =
                check.step(&self.room[unchecked..self.filled], self.is_at_end).map_err(TableFailure::NotUtf8)?;
        }
        let fresh = &self.room[from..self.filled];
        let has = |byte, before: bool| before && from > 0 || memchr::memchr(byte, fresh).is_some();
        (self.has_quotes, self.has_returns) = (has(b'"', self.has_quotes), has(b'\r', self.has_returns));
        self.has_nuls = has(0, self.has_nuls);
        Ok(())
    }
}

/// A line that can be split in place.
#[derive(Debug, Clone, Copy)]
pub(super) struct PlainLine {
    /// Bytes without its end.
    pub(super) text_length: usize,
    /// Bytes with its end.
    pub(super) length: usize,
}

/// Collects the places of the delimiters until the line's end and returns where that is; `None` when a quote or nothing
/// comes first. Quotes are looked for only where there may be any.
///
/// Sixteen bytes at once: a field is short, and a search that starts anew behind each delimiter takes four times as long.
fn line_of<const MAY_QUOTE: bool>(delimiter: u8, text: &[u8], ends: &mut Vec<usize>) -> Option<usize> {
    let (blocks, rest) = text.as_chunks::<BLOCK>();
    for (place, block) in blocks.iter().enumerate() {
        let (from, block) = (place * BLOCK, u8x16::from(*block));
        let line_ends = places_of(b'\n', block);
        // the bits below the first line end; all where there is none
        let before = (line_ends & line_ends.wrapping_neg()).wrapping_sub(1);
        if MAY_QUOTE && places_of(b'"', block) & before != 0 {
            return None;
        }
        let mut delimiters = places_of(delimiter, block) & before;
        while delimiters != 0 {
            ends.push(from + first_place(delimiters));
            delimiters &= delimiters - 1;
        }
        if line_ends != 0 {
            return Some(from + first_place(line_ends));
        }
    }
    for (at, byte) in text.iter().enumerate().skip(text.len() - rest.len()) {
        match *byte {
            b'\n' => return Some(at),
            b'"' if MAY_QUOTE => return None,
            byte if byte == delimiter => ends.push(at),
            _ => {}
        }
    }
    None
}

/// Bytes of a processor's vector.
const BLOCK: usize = 16;

/// One bit for each byte of the block, the lowest for the first byte: set where the byte is `mark`.
fn places_of(mark: u8, block: u8x16) -> u32 {
    block.simd_eq(u8x16::splat(mark)).to_bitmask()
}

/// The byte of the lowest bit.
const fn first_place(places: u32) -> usize {
    places.trailing_zeros() as usize
}

pub(super) fn too_long_row() -> FormatError {
    FormatError::wrong(format!("a row is longer than {MAX_ROW} bytes: a quote that is never closed, perhaps"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The same, one byte after the other.
    fn line_by_bytes(marks: &[u8], text: &[u8]) -> (Option<usize>, Vec<usize>) {
        let mut ends = Vec::new();
        for (at, byte) in text.iter().enumerate().filter(|(_, byte)| marks.contains(byte)) {
            match byte {
                b'\n' => return (Some(at), ends),
                b'"' => return (None, ends),
                _ => ends.push(at),
            }
        }
        (None, ends)
    }

    proptest! {
        #[test]
        fn a_line_is_split_by_blocks_as_it_is_by_bytes(
            text in prop::collection::vec(prop_oneof![8 => any::<u8>(), 4 => Just(b','), 1 => Just(b'\n'), 1 => Just(b'"')], 0..80),
            delimiter in prop::sample::select(vec![b',', b';', b'\t', b'|']),
        ) {
            // where no line ends, nobody asks for the delimiters
            let (found, expected) = line_by_bytes(&[delimiter, b'\n', b'"'], &text);
            let mut ends = Vec::new();
            prop_assert_eq!(line_of::<true>(delimiter, &text, &mut ends), found);
            prop_assert!(found.is_none() || ends == expected);
            // without quotes in the window they are not searched for
            if !text.contains(&b'"') {
                ends.clear();
                prop_assert_eq!(line_of::<false>(delimiter, &text, &mut ends), found);
                prop_assert!(found.is_none() || ends == expected);
            }
        }
    }
}
