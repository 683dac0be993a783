//! pure: bytes become the fields of a row: one pass of a small state machine that also judges the quotes and counts the
//! lines, so that no second reader has to agree with it.
//!
//! Quotes are read leniently, as tables in the field need: a quote inside an unquoted field is an ordinary character, and
//! what follows a closing quote belongs to the field. Both is noted, because a quote that was never meant to open a field
//! swallows the lines below it.

use memchr::{memchr, memchr3};

/// Where the machine is within a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum State {
    #[default]
    FieldStart,
    Unquoted,
    Quoted,
    /// Behind a quote inside a quoted field: its end, or the first half of a doubled quote.
    AfterQuote,
    /// Behind the closing quote.
    Tail,
}

/// How the quotes of a row stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quoting {
    /// Every quote that opens a field closes it.
    Sound,
    /// Something other than blanks follows a closing quote: that quote was meant to open a field.
    Loose,
    /// The last field is never closed.
    Unclosed,
}

/// One row as it is split: its text without quotes, and where each field ends.
#[derive(Default)]
pub(super) struct Splitter {
    delimiter: u8,
    state: State,
    text: Vec<u8>,
    ends: Vec<usize>,
    /// Where what follows the field's closing quote begins in the text.
    tail_from: Option<usize>,
    /// Raw bytes of the row so far, its line end included.
    length: usize,
    /// Line breaks inside quoted fields.
    breaks: u64,
    /// Raw bytes up to and including the first of them.
    first_line: Option<usize>,
    /// The last byte was a carriage return inside a quoted field: a line feed behind it is no second break.
    is_after_return: bool,
    is_loose: bool,
}

impl Splitter {
    pub(super) fn new(delimiter: u8) -> Self {
        Self { delimiter, ..Self::default() }
    }

    /// Forgets the last row.
    pub(super) fn begin(&mut self) {
        self.text.clear();
        self.ends.clear();
        *self = Self {
            delimiter: self.delimiter,
            text: std::mem::take(&mut self.text),
            ends: std::mem::take(&mut self.ends),
            ..Self::default()
        };
    }

    /// Takes more of a row. Returns how many bytes belong to it when its line ends among them (a `\n` that follows a
    /// `\r` is left to the caller), and `None` when the row continues after them.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut at = 0;
        while at < bytes.len() {
            at += match self.state {
                State::FieldStart if bytes[at] == b'"' => {
                    self.state = State::Quoted;
                    1
                }
                State::FieldStart | State::Unquoted | State::Tail => {
                    let (used, is_end) = self.unquoted(&bytes[at..]);
                    if is_end {
                        self.length += at + used;
                        return Some(at + used);
                    }
                    used
                }
                State::Quoted => self.quoted(&bytes[at..], self.length + at),
                State::AfterQuote if bytes[at] == b'"' => {
                    self.text.push(b'"');
                    self.state = State::Quoted;
                    1
                }
                State::AfterQuote => {
                    self.tail_from = Some(self.text.len());
                    self.state = State::Tail;
                    0
                }
            };
        }
        self.length += bytes.len();
        None
    }

    /// Takes the rest of an unquoted field: how many bytes it has, and whether its end is that of the row.
    fn unquoted(&mut self, bytes: &[u8]) -> (usize, bool) {
        let Some(end) = memchr3(self.delimiter, b'\n', b'\r', bytes) else {
            self.text.extend_from_slice(bytes);
            if self.state == State::FieldStart {
                self.state = State::Unquoted;
            }
            return (bytes.len(), false);
        };
        self.text.extend_from_slice(&bytes[..end]);
        self.end_field();
        (end + 1, bytes[end] != self.delimiter)
    }

    /// Takes what stands inside quotes, up to the next quote; `before` bytes of the row precede these.
    fn quoted(&mut self, bytes: &[u8], before: usize) -> usize {
        let end = memchr(b'"', bytes).unwrap_or(bytes.len());
        let inside = &bytes[..end];
        self.text.extend_from_slice(inside);
        self.count_breaks(inside, before);
        if end == bytes.len() {
            return end;
        }
        self.is_after_return = false;
        self.state = State::AfterQuote;
        end + 1
    }

    fn count_breaks(&mut self, inside: &[u8], before: usize) {
        if !self.is_after_return && memchr::memchr2(b'\n', b'\r', inside).is_none() {
            return;
        }
        for (at, byte) in inside.iter().enumerate() {
            let ends_a_return = *byte == b'\n' && self.is_after_return;
            if matches!(byte, b'\n' | b'\r') && !ends_a_return {
                self.breaks += 1;
            }
            if matches!(byte, b'\n' | b'\r') && self.breaks == 1 {
                self.first_line = Some(before + at + 1);
            }
            self.is_after_return = *byte == b'\r';
        }
    }

    /// Blanks behind a closing quote are no part of the value; anything else is, and makes the quotes doubtful.
    fn end_field(&mut self) {
        if let Some(from) = self.tail_from.take() {
            let is_blank = std::str::from_utf8(&self.text[from..]).is_ok_and(|tail| tail.trim().is_empty());
            if is_blank {
                self.text.truncate(from);
            }
            self.is_loose = self.is_loose || !is_blank;
        }
        self.ends.push(self.text.len());
        self.state = State::FieldStart;
    }

    /// The input ends within this row: so does its last field.
    pub(super) fn end(&mut self) -> Quoting {
        let is_open = self.state == State::Quoted;
        self.end_field();
        if is_open { Quoting::Unclosed } else { self.quoting() }
    }

    /// How the quotes of a row stand whose line has ended.
    pub(super) fn quoting(&self) -> Quoting {
        if self.is_loose { Quoting::Loose } else { Quoting::Sound }
    }

    /// Whether nothing of a row was taken yet.
    pub(super) fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// The number of line breaks inside the row's fields.
    pub(super) fn breaks(&self) -> u64 {
        self.breaks
    }

    /// The number of raw bytes of the row's first line, its end included.
    pub(super) fn first_line(&self) -> usize {
        self.first_line.unwrap_or(self.length)
    }

    /// The fields' text, one right after another.
    pub(super) fn text(&self) -> &[u8] {
        &self.text
    }

    /// Where each field ends in the text.
    pub(super) fn ends(&self) -> &[usize] {
        &self.ends
    }

    /// Takes DOS end-of-file marks off the end of the last field; whether there were any.
    pub(super) fn take_end_marks(&mut self) -> bool {
        let from = self.ends.len().checked_sub(2).map_or(0, |place| self.ends[place]);
        let before = self.text.len();
        while self.text.len() > from && self.text.last() == Some(&super::END_MARK) {
            self.text.pop();
        }
        if let Some(end) = self.ends.last_mut() {
            *end = self.text.len();
        }
        self.text.len() < before
    }
}

/// The fields of the first row of a text.
pub(super) fn first_row(text: &[u8], delimiter: u8) -> Vec<String> {
    let mut splitter = Splitter::new(delimiter);
    let begin = text.iter().take_while(|byte| matches!(byte, b'\n' | b'\r')).count();
    if splitter.take(&text[begin..]).is_none() {
        splitter.end();
    }
    let fields = crate::row::Fields::adjacent(splitter.text(), splitter.ends());
    (0..fields.len()).map(|at| String::from_utf8_lossy(fields.bytes(at).unwrap_or_default()).into_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_split_the_same_however_its_bytes_come() {
        for (text, wanted, quoting, breaks) in [
            ("a,b\n", vec!["a", "b"], Quoting::Sound, 0),
            ("a,\n", vec!["a", ""], Quoting::Sound, 0),
            ("\"a,b\",\"c\"\"d\"\n", vec!["a,b", "c\"d"], Quoting::Sound, 0),
            ("\"a\" \t,\"b\"\u{a0}\n", vec!["a", "b"], Quoting::Sound, 0),
            ("\"a\" b ,c\n", vec!["a b ", "c"], Quoting::Loose, 0),
            ("\"a\nb\r\nc\rd\",e\n", vec!["a\nb\r\nc\rd", "e"], Quoting::Sound, 3),
            ("\"a\"b,c\n", vec!["ab", "c"], Quoting::Loose, 0),
            ("a\"b\",c\n", vec!["a\"b\"", "c"], Quoting::Sound, 0),
            ("\"a\",\"b", vec!["a", "b"], Quoting::Unclosed, 0),
            ("\"\"", vec![""], Quoting::Sound, 0),
            ("\"\"\"\"\n", vec!["\""], Quoting::Sound, 0),
        ] {
            for piece in 1..=text.len() {
                let mut splitter = Splitter::new(b',');
                splitter.begin();
                let is_ended = text.as_bytes().chunks(piece).any(|bytes| splitter.take(bytes).is_some());
                let found = if is_ended { splitter.quoting() } else { splitter.end() };
                let fields = crate::row::Fields::adjacent(splitter.text(), splitter.ends());
                assert_eq!(fields.iter().collect::<Vec<_>>(), wanted, "{text:?} by {piece}");
                assert_eq!((found, splitter.breaks()), (quoting, breaks), "{text:?} by {piece}");
            }
        }
    }

    #[test]
    fn the_first_line_of_a_row_ends_with_its_first_break() {
        for (text, length) in [("\"a\r\nb\"\n", 4), ("\"a\nb\"\n", 3), ("\"a\rb\"\n", 3), ("a\n", 2)] {
            for piece in 1..=text.len() {
                let mut splitter = Splitter::new(b',');
                let _ended = text.as_bytes().chunks(piece).any(|bytes| splitter.take(bytes).is_some());
                assert_eq!(splitter.first_line(), length, "{text:?} by {piece}");
            }
        }
    }
}
