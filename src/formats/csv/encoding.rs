//! pure: how a text is encoded, decided for the whole of it before any row is read: never a mixture.

use std::io::{self, Read, Seek, SeekFrom};

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};
use encoding_rs_io::DecodeReaderBytesBuilder;

use super::MAX_FILE;
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
pub(super) fn decoded<R: Read + Seek>(mut input: R, demanded: Option<&str>) -> Result<impl Read, FormatError> {
    let demanded = demanded.map(named).transpose()?;
    let found = find(&mut input, demanded)?;
    input.seek(SeekFrom::Start(found.mark)).map_err(|error| unreadable(&error))?;
    let mut decoder = DecodeReaderBytesBuilder::new();
    decoder.encoding(Some(found.encoding)).utf8_passthru(true).bom_sniffing(false).strip_bom(false);
    Ok(decoder.build(input))
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

fn find<R: Read + Seek>(input: &mut R, demanded: Option<&'static Encoding>) -> Result<Found, FormatError> {
    let length = input.seek(SeekFrom::End(0)).map_err(|error| unreadable(&error))?;
    if length > MAX_FILE {
        return Err(FormatError::wrong(format!("the table has {length} bytes; {MAX_FILE} are the most that is read")));
    }
    input.seek(SeekFrom::Start(0)).map_err(|error| unreadable(&error))?;
    let mut sample = Vec::with_capacity(SAMPLE);
    input.by_ref().take(SAMPLE as u64).read_to_end(&mut sample).map_err(|error| unreadable(&error))?;
    let found = match Encoding::for_bom(&sample) {
        Some((encoding, mark)) => Found { encoding, mark: mark as u64 },
        None => Found { encoding: demanded.or_else(|| utf16_by_nuls(&sample)).unwrap_or(UTF_8), mark: 0 },
    };
    if (found.encoding == UTF_16LE || found.encoding == UTF_16BE) && (length - found.mark) % 2 == 1 {
        return Err(FormatError::cut("the UTF-16 text ends in half a character: it is cut"));
    }
    let is_certain = found.mark > 0 || demanded.is_some();
    match found.encoding == UTF_8 {
        true => look_through(input, found, is_certain),
        false => Ok(found),
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

/// Whether the whole input is UTF-8; what isn't, is Windows-1252 unless UTF-8 is certain.
fn look_through<R: Read + Seek>(input: &mut R, found: Found, is_certain: bool) -> Result<Found, FormatError> {
    input.seek(SeekFrom::Start(found.mark)).map_err(|error| unreadable(&error))?;
    let windows = Found { encoding: WINDOWS_1252, mark: 0 };
    match validity(input)? {
        Validity::Utf8 => Ok(found),
        Validity::CutInside { is_ascii_before } if is_ascii_before && !is_certain => Ok(windows),
        Validity::CutInside { .. } => Err(FormatError::cut("the UTF-8 text ends inside a character: it is cut")),
        Validity::Broken { .. } if !is_certain => Ok(windows),
        Validity::Broken { at } => Err(FormatError::wrong(format!(
            "the text should be UTF-8 and isn't at byte {}: write its true encoding (`windows-1252`, perhaps), or export it again",
            at + found.mark
        ))),
    }
}

enum Validity {
    Utf8,
    /// The last character lacks bytes; a Windows-1252 text may end so too, but hardly after other UTF-8 characters.
    CutInside {
        is_ascii_before: bool,
    },
    Broken {
        at: u64,
    },
}

fn validity(input: &mut impl Read) -> Result<Validity, FormatError> {
    let mut buffer = vec![0; 1 << 16];
    let (mut kept, mut done, mut is_ascii) = (0, 0_u64, true);
    loop {
        let count = match input.read(&mut buffer[kept..]) {
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(unreadable(&error)),
        };
        let filled = kept + count;
        let valid = Encoding::utf8_valid_up_to(&buffer[..filled]);
        let rest = &buffer[valid..filled];
        let is_unfinished = rest.is_empty() || std::str::from_utf8(rest).is_err_and(|e| e.error_len().is_none());
        is_ascii = is_ascii && Encoding::ascii_valid_up_to(&buffer[..valid]) == valid;
        match (count, rest.is_empty()) {
            _ if !is_unfinished => return Ok(Validity::Broken { at: done + valid as u64 }),
            (0, true) => return Ok(Validity::Utf8),
            (0, false) => return Ok(Validity::CutInside { is_ascii_before: is_ascii }),
            _ => {}
        }
        kept = rest.len();
        done += valid as u64;
        buffer.copy_within(valid..filled, 0);
    }
}
