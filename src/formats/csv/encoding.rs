//! pure: how a text is encoded, decided for the whole of it before any row is read: never a mixture.

use std::io::{self, Read};

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};
use encoding_rs_io::{DecodeReaderBytes, DecodeReaderBytesBuilder};

use super::{Bytes, MAX_FILE};
use crate::formats::FormatError;

/// An encoding, and how many bytes of byte order mark stand before the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Found {
    encoding: &'static Encoding,
    mark: u64,
}

/// How much is looked at to see whether NULs give UTF-16 away.
const SAMPLE: usize = 4096;

/// Opens the input as UTF-8 text without its byte order mark. UTF-8 is looked through once from end to end first, since
/// the last line alone may say that it is Windows-1252 after all.
///
/// # Errors
/// An unknown encoding, a text that isn't in the encoding demanded, a cut one, an input too long.
pub(super) fn decoded<'i, B: Bytes + ?Sized>(
    input: &'i B,
    demanded: Option<&str>,
) -> Result<Decoded<'i, B>, FormatError> {
    let found = find(input, demanded.map(named).transpose()?)?;
    let text = InOrder { input, place: found.mark };
    if found.encoding == UTF_8 {
        return Ok(Decoded::Plain(text));
    }
    let mut decoder = DecodeReaderBytesBuilder::new();
    decoder.encoding(Some(found.encoding)).bom_sniffing(false).strip_bom(false);
    Ok(Decoded::Transcoded(Box::new(decoder.build(text))))
}

/// The input as UTF-8.
pub(super) enum Decoded<'i, B: ?Sized> {
    /// It is UTF-8 already.
    Plain(InOrder<'i, B>),
    /// It is being transcoded.
    Transcoded(Box<DecodeReaderBytes<InOrder<'i, B>, Vec<u8>>>),
}

impl<B: Bytes + ?Sized> Read for Decoded<'_, B> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(input) => input.read(out),
            Self::Transcoded(decoder) => decoder.read(out),
        }
    }
}

/// Bytes read one after another.
pub(super) struct InOrder<'i, B: ?Sized> {
    input: &'i B,
    place: u64,
}

impl<B: Bytes + ?Sized> Read for InOrder<'_, B> {
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

fn named(label: &str) -> Result<&'static Encoding, FormatError> {
    Encoding::for_label(label.trim().as_bytes()).ok_or_else(|| {
        FormatError::wrong(format!(
            "`{label}` is no known encoding: write `utf-8`, `utf-16le`, `utf-16be`, `windows-1252` or another WHATWG label, or leave it out"
        ))
    })
}

pub(super) fn unreadable(error: &io::Error) -> FormatError {
    FormatError::cut(format!("the table can't be read: {}", error.kind()))
}

fn find<B: Bytes + ?Sized>(input: &B, demanded: Option<&'static Encoding>) -> Result<Found, FormatError> {
    let length = input.length().map_err(|error| unreadable(&error))?;
    if length > MAX_FILE {
        return Err(FormatError::wrong(format!("the table has {length} bytes; {MAX_FILE} are the most that is read")));
    }
    let mut sample = Vec::with_capacity(SAMPLE);
    let start = InOrder { input, place: 0 };
    start.take(SAMPLE as u64).read_to_end(&mut sample).map_err(|error| unreadable(&error))?;
    let found = match Encoding::for_bom(&sample) {
        Some((encoding, mark)) => Found { encoding, mark: mark as u64 },
        None => Found { encoding: demanded.or_else(|| utf16_by_nuls(&sample)).unwrap_or(UTF_8), mark: 0 },
    };
    if (found.encoding == UTF_16LE || found.encoding == UTF_16BE) && (length - found.mark) % 2 == 1 {
        return Err(FormatError::cut("the UTF-16 text ends in half a character: it is cut"));
    }
    if found.encoding != UTF_8 {
        return Ok(found);
    }
    let is_certain = found.mark > 0 || demanded.is_some();
    let windows = Found { encoding: WINDOWS_1252, mark: 0 };
    match whole(input, found.mark, length)? {
        Validity::Utf8 { .. } => Ok(found),
        Validity::CutInside { is_ascii_before } if is_ascii_before && !is_certain => Ok(windows),
        Validity::CutInside { .. } => Err(FormatError::cut("the UTF-8 text ends inside a character: it is cut")),
        Validity::Broken { .. } if !is_certain => Ok(windows),
        Validity::Broken { at } => Err(FormatError::wrong(format!(
            "the text should be UTF-8 and isn't at byte {at}: write its true encoding (`windows-1252`, perhaps), or export it again"
        ))),
    }
}

/// Latin text in UTF-16 has a NUL in every second byte, text in any other encoding has none.
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

/// Whether a stretch of the input is UTF-8.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Validity {
    Utf8 {
        is_ascii: bool,
    },
    /// The last character lacks bytes; a Windows-1252 text may end so too, but hardly after other UTF-8 characters.
    CutInside {
        is_ascii_before: bool,
    },
    /// The first byte that can't be, counted from the input's start.
    Broken {
        at: u64,
    },
}

/// A shorter input isn't worth a second thread.
const WORTH_HALVING: u64 = 1 << 20;

/// Looks an input through, a long one from its start and from its middle at once.
fn whole<B: Bytes + ?Sized>(input: &B, from: u64, length: u64) -> Result<Validity, FormatError> {
    if length < WORTH_HALVING {
        return stretch(input, from, u64::MAX);
    }
    let middle = character_start(input, length / 2)?;
    let (first, second) = std::thread::scope(|threads| {
        let second = threads.spawn(|| stretch(input, middle, u64::MAX));
        let first = stretch(input, from, middle);
        (first, second.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    });
    Ok(match (first?, second?) {
        (Validity::Utf8 { is_ascii: true }, second) => second,
        (Validity::Utf8 { is_ascii: false }, Validity::CutInside { .. }) => {
            Validity::CutInside { is_ascii_before: false }
        }
        (Validity::Utf8 { is_ascii: false }, Validity::Utf8 { .. }) => Validity::Utf8 { is_ascii: false },
        (Validity::Utf8 { is_ascii: false }, broken @ Validity::Broken { .. }) => broken,
        // what follows begins a character, so the one before it is never finished
        (Validity::CutInside { .. }, _) => Validity::Broken { at: middle },
        (broken @ Validity::Broken { .. }, _) => broken,
    })
}

/// The first place from there on at which a character may begin.
fn character_start<B: Bytes + ?Sized>(input: &B, place: u64) -> Result<u64, FormatError> {
    let mut bytes = Vec::with_capacity(4);
    InOrder { input, place }.take(4).read_to_end(&mut bytes).map_err(|error| unreadable(&error))?;
    let continues = bytes.iter().take_while(|byte| (0x80..0xC0).contains(*byte)).count();
    Ok(place + continues as u64)
}

fn stretch<B: Bytes + ?Sized>(input: &B, from: u64, until: u64) -> Result<Validity, FormatError> {
    let mut input = InOrder { input, place: from }.take(until.saturating_sub(from));
    let mut buffer = vec![0; 1 << 16];
    let (mut kept, mut done, mut is_ascii) = (0, from, true);
    loop {
        let count = input.read(&mut buffer[kept..]).map_err(|error| unreadable(&error))?;
        let filled = kept + count;
        let ascii = Encoding::ascii_valid_up_to(&buffer[..filled]);
        let valid = ascii + Encoding::utf8_valid_up_to(&buffer[ascii..filled]);
        is_ascii = is_ascii && ascii == valid;
        let rest = &buffer[valid..filled];
        let is_unfinished = rest.is_empty() || std::str::from_utf8(rest).is_err_and(|e| e.error_len().is_none());
        match (count, rest.is_empty()) {
            _ if !is_unfinished => return Ok(Validity::Broken { at: done + valid as u64 }),
            (0, true) => return Ok(Validity::Utf8 { is_ascii }),
            (0, false) => return Ok(Validity::CutInside { is_ascii_before: is_ascii }),
            _ => {}
        }
        kept = rest.len();
        done += valid as u64;
        buffer.copy_within(valid..filled, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_halves_say_what_one_look_says_wherever_the_middle_falls() {
        let length = usize::try_from(WORTH_HALVING).expect("a megabyte") + 2;
        let middle = length / 2;
        for odd in ["é", "€", "😀", "\u{e9}\u{e9}"] {
            for from in middle - 5..middle + 3 {
                let whole_letters = [&vec![b'a'; from][..], odd.as_bytes()].concat();
                for cut in 0..=odd.len() {
                    let mut bytes = whole_letters[..from + cut].to_vec();
                    bytes.resize(length, b'b');
                    let expected = stretch(&bytes[..], 0, u64::MAX).expect("bytes in memory can be read");
                    let halves = whole(&bytes[..], 0, WORTH_HALVING).expect("bytes in memory can be read");
                    match (expected, halves) {
                        // where in the character is a matter of taste
                        (Validity::Broken { at: one }, Validity::Broken { at: two }) => {
                            assert!(one.abs_diff(two) < 4, "{odd} at {from}, cut after {cut}: {one}, {two}");
                        }
                        (one, two) => assert_eq!(one, two, "{odd} at {from}, cut after {cut}"),
                    }
                }
            }
        }
    }

    #[test]
    fn a_character_cut_at_the_end_of_a_long_text_is_seen_with_what_stands_before_it() {
        for (before, is_ascii) in [("plain", true), ("Müller", false)] {
            let mut bytes = before.as_bytes().to_vec();
            bytes.resize(usize::try_from(WORTH_HALVING).expect("a megabyte"), b'x');
            bytes.push(0xC3);
            let found = whole(&bytes[..], 0, bytes.len() as u64).expect("bytes in memory can be read");
            assert_eq!(found, Validity::CutInside { is_ascii_before: is_ascii });
        }
    }
}
