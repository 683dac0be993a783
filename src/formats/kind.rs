//! pure: recognises by its first bytes a file that is not the text it was declared to be, so that one error names it instead of a
//! hundred bad rows.

use super::{Bytes, FormatError};
use crate::schedule::FormatSpec;

/// How many bytes are inspected.
const SAMPLE_SIZE: usize = 4096;

/// The kind of a file that is neither a table nor JSON nor a database, although one of them was declared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// xlsx, xlsm, ods.
    Workbook,
    /// The binary format of spreadsheets before 2007.
    OldWorkbook,
    /// Any other zip archive.
    Zip,
    /// gzip, bzip2, xz or Zstandard.
    Compressed,
    /// A PDF document.
    Pdf,
    /// A web page.
    Html,
    /// Another XML text.
    Xml,
    /// A SQLite database.
    Sqlite,
    /// A calendar (iCalendar).
    Calendar,
    /// A picture.
    Picture,
    /// JSON.
    Json,
}

impl FileKind {
    /// What it is, and how its rows can be had.
    fn sentence(self) -> &'static str {
        match self {
            Self::Workbook => "this is a workbook (xlsx or ods): read it with `[source.xlsx]`",
            Self::OldWorkbook => "this is a workbook of an old spreadsheet (xls): read it with `[source.xlsx]`",
            Self::Zip => "this is a zip archive: unpack it first",
            Self::Compressed => "this is a compressed file (gzip or the like): unpack it first",
            Self::Pdf => "this is a PDF document: have the appointments exported as CSV or JSON",
            Self::Html => {
                "this is an HTML page, a login page or an error message, perhaps: open it in a browser, and check the address \
                 and login by which it was fetched"
            }
            Self::Xml => "this is XML: have the appointments exported as CSV or JSON",
            Self::Sqlite => "this is a SQLite database: read it with `[source.sqlite]`",
            Self::Calendar => "this is a calendar (iCalendar): read it with `[source.ical]`",
            Self::Picture => "this is a picture: have the appointments exported as CSV or JSON",
            Self::Json => {
                "this is JSON: read it from its address with `[source.http]` and `format = \"json\"`, or export CSV"
            }
        }
    }

    /// The sentence as an error of the text that was wanted.
    #[must_use]
    pub fn instead_of(self, wanted: &str) -> String {
        format!("{wanted} is expected here, and {}", self.sentence())
    }
}

/// What these first bytes begin; `None` for a text that may be a table, and for a database where one is wanted.
#[must_use]
pub fn kind_of(first: &[u8]) -> Option<FileKind> {
    let has = |needle: &[u8]| memchr::memmem::find(first, needle).is_some();
    for (magic, kind) in [
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".as_slice(), FileKind::OldWorkbook),
        (b"\x1f\x8b", FileKind::Compressed),
        (b"BZh", FileKind::Compressed),
        (b"\xfd7zXZ\0", FileKind::Compressed),
        (b"\x28\xb5\x2f\xfd", FileKind::Compressed),
        (b"7z\xbc\xaf\x27\x1c", FileKind::Zip),
        (b"Rar!\x1a\x07", FileKind::Zip),
        (b"SQLite format 3\0", FileKind::Sqlite),
        (b"\x89PNG\r\n", FileKind::Picture),
        (b"\xff\xd8\xff", FileKind::Picture),
    ] {
        if first.starts_with(magic) && (magic != b"BZh" || first.get(3).is_some_and(u8::is_ascii_digit)) {
            return Some(kind);
        }
    }
    if first.starts_with(b"PK\x03\x04") || first.starts_with(b"PK\x05\x06") {
        let is_workbook = has(b"[Content_Types].xml") || has(b"xl/") || has(b"opendocument.spreadsheet");
        return Some(if is_workbook { FileKind::Workbook } else { FileKind::Zip });
    }
    of_text(&text_of(first))
}

/// The beginning as text, UTF-16 too, in lower case and without what stands before its first mark.
fn text_of(first: &[u8]) -> String {
    let (encoding, mark) = encoding_rs::Encoding::for_bom(first).unwrap_or((encoding_rs::UTF_8, 0));
    let (text, _) = encoding.decode_without_bom_handling(&first[mark..]);
    text.trim_start().to_lowercase()
}

fn of_text(text: &str) -> Option<FileKind> {
    let begins = |starts: &[&str]| starts.iter().any(|start| text.starts_with(start));
    let after =
        |first: char, then: char| text.strip_prefix(first).is_some_and(|rest| rest.trim_start().starts_with(then));
    match () {
        () if begins(&["%pdf-"]) => Some(FileKind::Pdf),
        () if begins(&["begin:vcalendar"]) => Some(FileKind::Calendar),
        () if begins(&[
            "<!doctype html",
            "<html",
            "<head",
            "<body",
            "<table",
            "<!--",
            "<script",
            "<meta",
            "<title",
            "<center",
        ]) =>
        {
            Some(FileKind::Html)
        }
        () if begins(&["<?xml"]) && text.contains("<html") => Some(FileKind::Html),
        () if begins(&["<?xml"]) => Some(FileKind::Xml),
        () if after('{', '"') || after('[', '{') => Some(FileKind::Json),
        () => None,
    }
}

/// Whether a text begins with an object or a list, which only JSON does.
fn begins_like_json(text: &[u8]) -> bool {
    matches!(text.trim_ascii_start().first(), Some(b'{' | b'['))
}

/// Refuses what can't be of the declared format.
pub(super) fn refuse_foreign(format: &FormatSpec, input: &dyn Bytes) -> Result<(), FormatError> {
    if matches!(format, FormatSpec::Json(_)) && input.in_memory().is_some_and(begins_like_json) {
        return Ok(());
    }
    let mut sample = [0; SAMPLE_SIZE];
    let mut filled = 0;
    while filled < SAMPLE_SIZE {
        match input.read_at(filled as u64, &mut sample[filled..]) {
            Ok(0) | Err(_) => break,
            Ok(count) => filled += count,
        }
    }
    let wanted = match format {
        FormatSpec::Csv(_) => "a text table",
        FormatSpec::Json(_) => "JSON",
        FormatSpec::Workbook(_) => "a workbook",
        FormatSpec::Calendar(_) => "a calendar",
    };
    match (format, kind_of(&sample[..filled])) {
        (_, None)
        | (FormatSpec::Json(_), Some(FileKind::Json))
        | (FormatSpec::Workbook(_), Some(FileKind::Workbook | FileKind::OldWorkbook | FileKind::Zip))
        // what CalDAV answers is XML
        | (FormatSpec::Calendar(_), Some(FileKind::Calendar | FileKind::Xml)) => Ok(()),
        (_, Some(kind)) => Err(FormatError::wrong(kind.instead_of(wanted))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_known_by_its_first_bytes() {
        let utf16: Vec<u8> = "\u{feff}<html>".encode_utf16().flat_map(u16::to_le_bytes).collect();
        for (bytes, wanted) in [
            (b"PK\x03\x04....[Content_Types].xml".as_slice(), Some(FileKind::Workbook)),
            (b"PK\x03\x04....mimetypeapplication/vnd.oasis.opendocument.spreadsheet", Some(FileKind::Workbook)),
            (b"PK\x03\x04....readme.txt", Some(FileKind::Zip)),
            (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", Some(FileKind::OldWorkbook)),
            (b"\x1f\x8b\x08", Some(FileKind::Compressed)),
            (b"%PDF-1.7", Some(FileKind::Pdf)),
            (b"\xef\xbb\xbf\r\n <!DOCTYPE html>", Some(FileKind::Html)),
            (&utf16, Some(FileKind::Html)),
            (b"<?xml version=\"1.0\"?><Workbook>", Some(FileKind::Xml)),
            (b"SQLite format 3\0", Some(FileKind::Sqlite)),
            (b"BEGIN:VCALENDAR\r\nVERSION:2.0", Some(FileKind::Calendar)),
            (b"[ {\"id\":1}]", Some(FileKind::Json)),
            (b"{\"data\":[]}", Some(FileKind::Json)),
            (b"id,phone\n1,+12025550143\n", None),
            (b"\"id\";\"phone\"\n", None),
            (b"BZhou,phone\n", None),
            (b"<id>,phone\n", None),
            (b"[id],{phone}\n", None),
            (b"", None),
        ] {
            assert_eq!(kind_of(bytes), wanted, "{}", String::from_utf8_lossy(bytes));
        }
    }
}
