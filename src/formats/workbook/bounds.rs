//! pure: what a workbook is by its bytes, and whether it may be unpacked at all: a small file can hold gigabytes of nothing.

use std::io::{Cursor, Read, Write as _};

use zip::result::ZipError;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

use crate::formats::FormatError;

/// The kinds of workbooks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WorkbookKind {
    /// Since 2007, with macros too.
    Xlsx,
    /// OpenDocument.
    Ods,
    /// Before 2007.
    Xls,
}

/// Bytes of all parts together, unpacked: a sheet of 200,000 rows and 20 columns has about 150 MiB.
const MAX_UNPACKED: u64 = 256 << 20;

/// The size up to which the parts of a workbook are unpacked once and kept so; the reading crate would unpack them a second time.
const MAX_KEPT: u64 = 32 << 20;

/// Bytes of the part with all texts, which is held in memory.
const MAX_TEXTS: u64 = 64 << 20;

/// Parts of an archive.
const MAX_PARTS: usize = 5_000;

/// Cells of an OpenDocument sheet, which is held as a whole with the empty ones between.
const MAX_CELLS: u64 = 4_000_000;

/// The kind, and the workbook's bytes, once the size of its parts was checked. A small archive's parts are no longer compressed.
///
/// # Errors
/// When it is no workbook, or larger than the limits; with `may_pass` when the archive's end is missing.
pub(super) fn checked(bytes: Vec<u8>) -> Result<(WorkbookKind, Vec<u8>), FormatError> {
    let (kind, unpacked) = kind(&bytes)?;
    Ok((kind, unpacked.unwrap_or(bytes)))
}

fn kind(bytes: &[u8]) -> Result<(WorkbookKind, Option<Vec<u8>>), FormatError> {
    if bytes.starts_with(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1") {
        let name: Vec<u8> = "EncryptedPackage".encode_utf16().flat_map(u16::to_le_bytes).collect();
        if memchr::memmem::find(bytes, &name).is_some() {
            return Err(FormatError::wrong("the workbook is protected by a password: save it without one"));
        }
        return Ok((WorkbookKind::Xls, None));
    }
    if !bytes.starts_with(b"PK") {
        return Err(FormatError::wrong("this is no workbook (xlsx, xls or ods)"));
    }
    let mut archive = match ZipArchive::new(Cursor::new(bytes)) {
        Ok(archive) => archive,
        Err(ZipError::InvalidArchive(_) | ZipError::Io(_)) => {
            return Err(FormatError::cut("the workbook's end is missing: it is being written, or it was cut"));
        }
        Err(_) => return Err(FormatError::wrong("the workbook's archive can't be read")),
    };
    if archive.len() > MAX_PARTS {
        return Err(FormatError::wrong(format!("the workbook has more than {MAX_PARTS} parts")));
    }
    let has = |name: &str, archive: &ZipArchive<Cursor<&[u8]>>| archive.index_for_name(name).is_some();
    let kind = match () {
        () if has("xl/workbook.bin", &archive) => {
            return Err(FormatError::wrong("this is a binary workbook (xlsb): save it as xlsx"));
        }
        () if has("content.xml", &archive) => WorkbookKind::Ods,
        () if has("[Content_Types].xml", &archive) => WorkbookKind::Xlsx,
        () => return Err(FormatError::wrong("this is a zip archive, no workbook: unpack it first")),
    };
    let mut left = MAX_UNPACKED;
    let mut unpacked = Unpacked::of(&mut archive);
    for part in 0..archive.len() {
        left = unpack(&mut archive, part, left, &mut unpacked)?;
    }
    Ok((kind, unpacked.finished()))
}

/// The archive's parts, not compressed.
struct Unpacked {
    /// `None` where they are too large to be kept, or can't be.
    parts: Option<ZipWriter<Cursor<Vec<u8>>>>,
    /// Their size as the archive says: one that has more is not kept.
    room: u64,
}

impl Unpacked {
    fn of(archive: &mut ZipArchive<Cursor<&[u8]>>) -> Self {
        // what a part takes beside its bytes: its name twice, and what is known of it
        const PART: usize = 256;
        let mut sizes = (0..archive.len()).map(|part| archive.by_index_raw(part).map(|part| part.size()));
        let size = sizes.try_fold(0_u64, |sum, size| Some(sum.saturating_add(size.ok()?)));
        drop(sizes);
        let size = size.filter(|size| *size <= MAX_KEPT);
        let room = size.and_then(|size| usize::try_from(size).ok()).map(|room| room + PART * archive.len());
        let parts = room.map(|room| ZipWriter::new(Cursor::new(Vec::with_capacity(room))));
        Self { parts, room: size.unwrap_or(0) }
    }

    fn begin(&mut self, name: &str) {
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
        let parts = self.parts.take();
        self.parts = parts.and_then(|mut parts| parts.start_file(name, options).is_ok().then_some(parts));
    }

    fn add(&mut self, bytes: &[u8], total: u64) {
        let parts = self.parts.take().filter(|_| total <= self.room);
        self.parts = parts.and_then(|mut parts| parts.write_all(bytes).is_ok().then_some(parts));
    }

    fn finished(self) -> Option<Vec<u8>> {
        Some(self.parts?.finish().ok()?.into_inner())
    }
}

/// Unpacks one part; returns what is left of the limit.
fn unpack(
    archive: &mut ZipArchive<Cursor<&[u8]>>,
    part: usize,
    left: u64,
    unpacked: &mut Unpacked,
) -> Result<u64, FormatError> {
    let broken =
        |_| FormatError::cut("a part of the workbook can't be unpacked: it is being written, or it is damaged");
    let part = archive.by_index(part).map_err(|_| FormatError::wrong("a part of the workbook can't be unpacked"))?;
    let name = part.name().unwrap_or_default().into_owned();
    let (is_texts, is_content) = (name.ends_with("sharedStrings.xml"), name == "content.xml");
    let limit = if is_texts { left.min(MAX_TEXTS) } else { left };
    let mut cells = is_content.then(SheetSize::default);
    unpacked.begin(&name);
    let mut part = part.take(limit + 1);
    let (mut total, mut room) = (0, vec![0; 64 << 10]);
    loop {
        let count = part.read(&mut room).map_err(broken)?;
        if count == 0 {
            break;
        }
        total += count as u64;
        unpacked.add(&room[..count], MAX_UNPACKED - left + total);
        if let Some(cells) = &mut cells {
            cells.take(&room[..count])?;
        }
    }
    if total <= limit && cells.is_some_and(|cells| !cells.nesting.is_whole()) {
        // the reading crate would look for the missing end for ever
        return Err(FormatError::wrong("the workbook is damaged: open it in a spreadsheet, and save it again"));
    }
    if total > limit {
        let mebibytes = limit >> 20;
        return Err(FormatError::wrong(format!(
            "the workbook is larger than {mebibytes} MiB when unpacked: delete what isn't needed, or export CSV"
        )));
    }
    Ok(left - total)
}

/// The open elements of a part: each has to end, and in the order in which they began.
#[derive(Debug, Default)]
struct OpenElements {
    open: Vec<String>,
    is_crossed: bool,
    has_begun: bool,
}

impl OpenElements {
    fn take(&mut self, tag: &str, is_empty: bool) {
        let name = |tag: &str| tag.split(|c: char| c.is_whitespace() || c == '/').next().unwrap_or_default().to_owned();
        match tag.as_bytes().first() {
            // comments, declarations, processing instructions
            Some(b'!' | b'?') | None => {}
            Some(b'/') => self.is_crossed |= self.open.pop() != Some(name(&tag[1..])),
            Some(_) if is_empty => self.has_begun = true,
            Some(_) if self.open.len() < MAX_DEPTH => {
                self.has_begun = true;
                self.open.push(name(tag));
            }
            Some(_) => self.is_crossed = true,
        }
    }

    fn is_whole(&self) -> bool {
        self.has_begun && self.open.is_empty() && !self.is_crossed
    }
}

/// Elements within each other; a spreadsheet has some ten.
const MAX_DEPTH: usize = 256;

/// How many cells an OpenDocument sheet has with those that are only repeated: counted tag by tag.
#[derive(Debug, Default)]
struct SheetSize {
    /// The beginning of a tag that the next bytes end.
    open: Vec<u8>,
    is_inside: bool,
    /// The last byte of the tag, which may be too long to be kept.
    last: u8,
    /// The quote that ends the value of an attribute: until then `>` is a letter like others.
    quote: Option<u8>,
    nesting: OpenElements,
    row_repeats: u64,
    /// Cells of the row up to its last one with content, and empty ones behind it.
    filled: u64,
    empty: u64,
    empty_rows: u64,
    width: u64,
    height: u64,
}

/// Bytes of one tag that are looked at.
const MAX_TAG: usize = 4_096;

impl SheetSize {
    fn take(&mut self, bytes: &[u8]) -> Result<(), FormatError> {
        for byte in bytes {
            match byte {
                b'<' if self.quote.is_none() => {
                    self.open.clear();
                    (self.is_inside, self.last) = (true, b'<');
                }
                b'>' if self.is_inside && self.quote.is_none() => {
                    self.is_inside = false;
                    let tag = std::mem::take(&mut self.open);
                    let text = String::from_utf8_lossy(&tag);
                    self.nesting.take(&text, self.last == b'/');
                    self.tag(&text);
                    drop(text);
                    self.open = tag;
                    if self.width.saturating_mul(self.height) > MAX_CELLS {
                        return Err(FormatError::wrong(format!("the sheet has more than {MAX_CELLS} cells")));
                    }
                }
                _ if self.is_inside => {
                    self.last = *byte;
                    let is_element = !matches!(self.open.first(), Some(b'!' | b'?'));
                    match self.quote {
                        Some(quote) if quote == *byte => self.quote = None,
                        None if is_element && matches!(byte, b'"' | b'\'') => self.quote = Some(*byte),
                        Some(_) | None => {}
                    }
                    if self.open.len() < MAX_TAG {
                        self.open.push(*byte);
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn tag(&mut self, tag: &str) {
        let repeats = |name: &str| {
            let after = tag.split_once(name)?.1.trim_start().strip_prefix('=')?.trim_start();
            let quote = after.chars().next().filter(|c| matches!(c, '"' | '\''))?;
            after[1..].split(quote).next()?.parse::<u64>().ok()
        };
        let name = tag.split([' ', '/', '\n', '\r', '\t']).find(|part| !part.is_empty()).unwrap_or("");
        let local = name.rsplit(':').next().unwrap_or(name);
        match local {
            "table" if !tag.starts_with('/') => (self.width, self.height, self.empty_rows) = (0, 0, 0),
            "table-row" if tag.starts_with('/') => self.end_row(),
            "table-row" => {
                self.row_repeats = repeats("number-rows-repeated").unwrap_or(1);
                (self.filled, self.empty) = (0, 0);
                if tag.ends_with('/') {
                    self.end_row();
                }
            }
            "table-cell" | "covered-table-cell" if !tag.starts_with('/') => {
                let count = repeats("number-columns-repeated").unwrap_or(1);
                if tag.contains("value-type") {
                    self.filled = self.filled.saturating_add(self.empty).saturating_add(count);
                    self.empty = 0;
                } else {
                    self.empty = self.empty.saturating_add(count);
                }
            }
            _ => {}
        }
    }

    fn end_row(&mut self) {
        if self.filled == 0 {
            self.empty_rows = self.empty_rows.saturating_add(self.row_repeats);
            return;
        }
        self.width = self.width.max(self.filled);
        self.height = self.height.saturating_add(self.empty_rows).saturating_add(self.row_repeats);
        (self.empty_rows, self.filled) = (0, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size(text: &str) -> Result<(u64, u64), FormatError> {
        let mut size = SheetSize::default();
        size.take(text.as_bytes())?;
        Ok((size.width, size.height))
    }

    #[test]
    fn every_element_of_a_sheet_has_to_end_in_its_place() {
        let is_whole = |text: &str| {
            let mut size = SheetSize::default();
            size.take(text.as_bytes()).expect("small");
            size.nesting.is_whole()
        };
        let long = format!("<a b=\"{}\"/>", "x".repeat(2 * MAX_TAG));
        for whole in ["<?xml a='?><!-- it's > a --><a><b c='/'/><b >it's</b\n></a>", "<a b='x>y'/>", long.as_str()] {
            assert!(is_whole(whole), "{whole}");
        }
        let deep = "<a>".repeat(MAX_DEPTH + 1) + &"</a>".repeat(MAX_DEPTH + 1);
        for damaged in
            ["", "text", "<a>", "<a><b></a></b>", "<a></b>", "</a>", "<a></a></a>", "<a><b></b>", deep.as_str()]
        {
            assert!(!is_whole(damaged), "{damaged}");
        }
    }

    #[test]
    fn repeated_cells_of_a_sheet_count_up_to_the_last_one_with_content() {
        let rows = r#"<table:table><table:table-row><table:table-cell office:value-type="string"/>
            <table:table-cell table:number-columns-repeated="16383"/></table:table-row>
            <table:table-row table:number-rows-repeated="1048574"><table:table-cell/></table:table-row></table:table>"#;
        assert_eq!(size(rows).expect("small"), (1, 1));
        let wide = r#"<table:table-row table:number-rows-repeated="1048576"><table:table-cell
            table:number-columns-repeated="16384" office:value-type="float"/></table:table-row>"#;
        assert!(size(wide).is_err());
        let deep = r#"<a:table-row b:number-rows-repeated="9000000"><c:table-cell/></a:table-row>
            <a:table-row><c:table-cell office:value-type='float'/></a:table-row>"#;
        assert!(size(deep).is_err());
    }

    #[test]
    fn what_is_no_workbook_is_named() {
        assert!(kind(b"id,phone\n").expect_err("a table").message.contains("no workbook"));
        assert!(kind(b"PK\x03\x04half").expect_err("cut").may_pass);
    }
}
