//! pure: how a text is encoded, decided for the whole of it: never a mixture.

use std::io::{self, Read};

use encoding_rs::{Encoding, IBM866, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};
use encoding_rs_io::{DecodeReaderBytes, DecodeReaderBytesBuilder};

use super::MAX_FILE;
use super::codepages::{self, CodePageReader};
use crate::formats::{Bytes, FormatError};

/// An encoding, and the length of the byte order mark before the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct DetectedEncoding {
    charset: Charset,
    mark: u64,
    /// Whether a mark or the schedule says so; UTF-8 may else turn out to be Windows-1252, by the last line alone.
    is_certain: bool,
}

/// What bytes mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Charset {
    /// One of the web's encodings.
    Web(&'static Encoding),
    /// A DOS code page, by the characters of its upper half.
    CodePage(&'static str),
}

/// How many bytes are searched for the NULs that give UTF-16 away.
const SAMPLE_SIZE: usize = 4096;

impl DetectedEncoding {
    pub(super) fn is_utf8(self) -> bool {
        self.charset == Charset::Web(UTF_8)
    }

    /// The encoding of a text that turned out not to be UTF-8, or why the text can't be used.
    pub(super) fn settled(self, flaw: Flaw) -> Result<Self, FormatError> {
        let windows = Self { charset: Charset::Web(WINDOWS_1252), mark: 0, is_certain: true };
        match flaw {
            Flaw::CutInside { is_ascii_before } if is_ascii_before && !self.is_certain => Ok(windows),
            Flaw::CutInside { .. } => Err(FormatError::cut("the UTF-8 text ends inside a character: it is cut")),
            Flaw::Broken { .. } if !self.is_certain => Ok(windows),
            Flaw::Broken { at } => Err(FormatError::wrong(format!(
                "the text should be UTF-8 and isn't at byte {at}: write its true encoding (`windows-1252`, perhaps), or export it again"
            ))),
        }
    }

    /// The input as UTF-8 text without its byte order mark.
    pub(super) fn decoded(self, input: &dyn Bytes) -> Decoded<'_> {
        let text = InOrder { input, place: self.mark };
        match self.charset {
            Charset::CodePage(page) => Decoded::CodePage(CodePageReader::new(text, page)),
            Charset::Web(encoding) if encoding == UTF_8 => Decoded::Plain(text),
            Charset::Web(encoding) => {
                let mut decoder = DecodeReaderBytesBuilder::new();
                decoder.encoding(Some(encoding)).bom_sniffing(false).strip_bom(false);
                Decoded::Transcoded(Box::new(decoder.build(text)))
            }
        }
    }

    /// The check made while it is read.
    pub(super) fn check(self) -> Utf8Check {
        Utf8Check { done: self.mark, is_ascii: true }
    }
}

/// The input as UTF-8.
pub(super) enum Decoded<'i> {
    /// It is UTF-8 already.
    Plain(InOrder<'i>),
    /// It is being transcoded.
    Transcoded(Box<DecodeReaderBytes<InOrder<'i>, Vec<u8>>>),
    /// It is in a DOS code page.
    CodePage(CodePageReader<InOrder<'i>>),
}

impl Read for Decoded<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(input) => input.read(out),
            Self::Transcoded(decoder) => decoder.read(out),
            Self::CodePage(decoder) => decoder.read(out),
        }
    }
}

/// Bytes read one after another.
pub(super) struct InOrder<'i> {
    input: &'i dyn Bytes,
    place: u64,
}

impl Read for InOrder<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.input.read_at(self.place, out) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
                Ok(count) => {
                    self.place += count as u64;
                    return Ok(count);
                }
            }
        }
    }
}

fn named(label: &str) -> Result<Charset, FormatError> {
    let label = label.trim();
    let of_dos = || match crate::schedule::code_page(label)? {
        866 => Some(Charset::Web(IBM866)),
        number => codepages::page(number).map(Charset::CodePage),
    };
    Encoding::for_label(label.as_bytes()).map(Charset::Web).or_else(of_dos).ok_or_else(|| {
        FormatError::wrong(format!(
            "`{label}` is not a known encoding: write `utf-8`, `utf-16le`, `utf-16be`, `windows-1252`, another WHATWG label or a DOS \
             code page (437, 850, 852, 866), or leave it out"
        ))
    })
}

pub(super) fn unreadable(error: &io::Error) -> FormatError {
    FormatError::cut(format!("the table can't be read: {}", error.kind()))
}

/// What the first bytes say.
///
/// # Errors
/// An unknown encoding, a cut text, an input too long.
pub(super) fn of_first_bytes(input: &dyn Bytes, demanded: Option<&str>) -> Result<DetectedEncoding, FormatError> {
    let demanded = demanded.map(named).transpose()?;
    let length = length_of(input)?;
    let mut sample = Vec::with_capacity(SAMPLE_SIZE);
    let start = InOrder { input, place: 0 };
    start.take(SAMPLE_SIZE as u64).read_to_end(&mut sample).map_err(|error| unreadable(&error))?;
    let found = match Encoding::for_bom(&sample) {
        Some((encoding, mark)) => {
            DetectedEncoding { charset: Charset::Web(encoding), mark: mark as u64, is_certain: true }
        }
        None => DetectedEncoding {
            charset: demanded.unwrap_or_else(|| Charset::Web(utf16_by_nuls(&sample).unwrap_or(UTF_8))),
            mark: 0,
            is_certain: demanded.is_some(),
        },
    };
    let is_utf16 = [UTF_16LE, UTF_16BE].map(Charset::Web).contains(&found.charset);
    if is_utf16 && (length - found.mark) % 2 == 1 {
        return Err(FormatError::cut("the UTF-16 text ends in half a character: it is cut"));
    }
    Ok(found)
}

fn length_of(input: &dyn Bytes) -> Result<u64, FormatError> {
    let length = input.length().map_err(|error| unreadable(&error))?;
    if length > MAX_FILE {
        return Err(FormatError::wrong(format!("the table has {length} bytes; {MAX_FILE} are the most that is read")));
    }
    Ok(length)
}

/// What the whole text says, read from end to end.
///
/// # Errors
/// A text that isn't in the encoding demanded, a cut one.
pub(super) fn of_all_bytes(input: &dyn Bytes, found: DetectedEncoding) -> Result<DetectedEncoding, FormatError> {
    if !found.is_utf8() {
        return Ok(found);
    }
    let mut input = InOrder { input, place: found.mark };
    let mut check = found.check();
    let mut buffer = vec![0; 1 << 16];
    let mut kept = 0;
    loop {
        let count = input.read(&mut buffer[kept..]).map_err(|error| unreadable(&error))?;
        let filled = kept + count;
        match check.step(&buffer[..filled], count == 0) {
            Err(flaw) => return found.settled(flaw),
            Ok(_) if count == 0 => return Ok(found),
            Ok(rest) => {
                buffer.copy_within(filled - rest..filled, 0);
                kept = rest;
            }
        }
    }
}

/// Whether the text is UTF-16, by its NULs: Latin text in UTF-16 has one in every second byte, text in any other encoding has
/// none.
fn utf16_by_nuls(sample: &[u8]) -> Option<&'static Encoding> {
    let nuls = |first: usize| sample.iter().skip(first).step_by(2).filter(|byte| **byte == 0).count();
    let pairs = sample.len() / 2;
    let (even, odd) = (nuls(0), nuls(1));
    match pairs {
        0 => None,
        _ if odd * 5 >= pairs * 2 && even * 20 < pairs => Some(UTF_16LE),
        _ if even * 5 >= pairs * 2 && odd * 20 < pairs => Some(UTF_16BE),
        _ => None,
    }
}

/// The kind of bytes by which a text isn't UTF-8.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flaw {
    /// The last character lacks bytes; a Windows-1252 text may end so too, but hardly after other UTF-8 characters.
    CutInside { is_ascii_before: bool },
    /// The first byte that can't be, counted from the input's start.
    Broken { at: u64 },
}

/// Checks a text piece by piece.
#[derive(Debug)]
pub(super) struct Utf8Check {
    /// The input's bytes that are good.
    done: u64,
    is_ascii: bool,
}

impl Utf8Check {
    /// The next piece, which begins with what the last one left over; returns how many bytes at its end are an unfinished
    /// character.
    pub(super) fn step(&mut self, piece: &[u8], is_end: bool) -> Result<usize, Flaw> {
        let ascii = if piece.is_ascii() { piece.len() } else { Encoding::ascii_valid_up_to(piece) };
        let valid = ascii + Encoding::utf8_valid_up_to(&piece[ascii..]);
        self.is_ascii = self.is_ascii && ascii == valid;
        self.done += valid as u64;
        let rest = &piece[valid..];
        let is_unfinished = rest.is_empty() || std::str::from_utf8(rest).is_err_and(|e| e.error_len().is_none());
        match () {
            () if !is_unfinished => Err(Flaw::Broken { at: self.done }),
            () if is_end && !rest.is_empty() => Err(Flaw::CutInside { is_ascii_before: self.is_ascii }),
            () => Ok(rest.len()),
        }
    }
}
