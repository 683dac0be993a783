//! pure: whether a sheet of an old workbook (xls) fits into memory: the crate that reads it makes room for every cell between
//! the first and the last one, and two cells in opposite corners would take gigabytes.

use crate::formats::FormatError;

/// Cells of one sheet, with the empty ones between.
const MAX_CELLS: u64 = 1_000_000;

/// Records that hold a cell: its row and column stand first.
const CELLS: [u16; 13] =
    [0x0006, 0x0203, 0x0204, 0x0205, 0x0201, 0x00fd, 0x027e, 0x00bd, 0x00be, 0x00d6, 0x0003, 0x0004, 0x0002];

/// Where a sheet, or another part, begins.
const BEGIN: u16 = 0x0809;

/// The record that says how large a sheet is: the crate makes room for that many cells before it reads one.
const DIMENSIONS: u16 = 0x0200;

/// The end of a chain of sectors; what is larger is no sector.
const LAST_SECTOR: u32 = 0xffff_fff0;

/// Checks every sheet.
///
/// # Errors
/// When it is no such workbook, or one sheet is too large.
pub(super) fn check(bytes: &[u8]) -> Result<(), FormatError> {
    let stream = workbook_stream(bytes)
        .ok_or_else(|| FormatError::wrong("this is no workbook of an old spreadsheet (xls), or it is damaged"))?;
    if stream.is_empty() {
        return Err(FormatError::wrong(
            "the old workbook (xls) is too small for its sheets to be checked: save it as xlsx",
        ));
    }
    let (mut at, mut corners): (usize, Option<[u64; 4]>) = (0, None);
    while let (Some(kind), Some(length)) = (half(&stream, at), half(&stream, at + 2)) {
        let content = at + 4;
        if kind == BEGIN {
            corners = None;
        } else if kind == DIMENSIONS && declared_cells(&stream, content, length).is_none_or(|cells| cells > MAX_CELLS) {
            return Err(too_many());
        } else if CELLS.contains(&kind)
            && let (Some(row), Some(column)) = (half(&stream, content), half(&stream, content + 2))
        {
            let last = match kind {
                // several cells in a row: the last column stands at the end
                0x00bd | 0x00be => half(&stream, (content + usize::from(length)).saturating_sub(2)).unwrap_or(column),
                _ => column,
            };
            let (row, column, last) = (u64::from(row), u64::from(column), u64::from(last));
            let [top, left, bottom, right] = corners.unwrap_or([row, column, row, last]);
            let grown = [top.min(row), left.min(column), bottom.max(row), right.max(last)];
            if (grown[2] - grown[0] + 1).saturating_mul(grown[3].saturating_sub(grown[1]) + 1) > MAX_CELLS {
                return Err(too_many());
            }
            corners = Some(grown);
        }
        at = content + usize::from(length);
    }
    Ok(())
}

fn too_many() -> FormatError {
    FormatError::wrong(format!("a sheet has more than {MAX_CELLS} cells: delete what isn't needed, or save it as xlsx"))
}

/// How many cells a sheet says it has; `None` when it ends before it begins.
fn declared_cells(stream: &[u8], at: usize, length: u16) -> Option<u64> {
    let short = |place: usize| half(stream, at + place).map(u64::from);
    let long = |place: usize| word(stream, at + place).map(u64::from);
    let [first_row, end_row, first_column, end_column] = match length {
        10 => [short(0)?, short(2)?, short(4)?, short(6)?],
        14 | 16 => [long(0)?, long(4)?, short(8)?, short(10)?],
        // the crate refuses a record of another length
        _ => return Some(0),
    };
    // as the crate reads it
    let first_column = if first_column > 0xff || end_column < first_column { 0 } else { first_column };
    Some(end_row.checked_sub(first_row)?.saturating_mul(end_column - first_column))
}

fn half(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

/// The stream `Workbook` or `Book` of a compound file (MS-CFB). Empty for one of less than 4096 bytes, which lies in small
/// sectors: spreadsheets write none, and such a one may still say that it has billions of cells.
fn workbook_stream(bytes: &[u8]) -> Option<Vec<u8>> {
    let shift = half(bytes, 30).filter(|shift| [9, 12].contains(shift))?;
    let size = 1_usize << shift;
    let sector = |number: u32| {
        let from = (usize::try_from(number).ok()? + 1).checked_mul(size)?;
        bytes.get(from..(from + size).min(bytes.len()))
    };
    let table = sector_table(bytes, size, &sector)?;
    let chain = |first: u32| {
        let (mut next, mut whole) = (first, Vec::new());
        while next < LAST_SECTOR && whole.len() <= bytes.len() {
            whole.extend_from_slice(sector(next)?);
            next = *table.get(usize::try_from(next).ok()?)?;
        }
        Some(whole)
    };
    let directory = chain(word(bytes, 48)?)?;
    for entry in directory.chunks_exact(128) {
        let length = usize::from(half(entry, 64)?).saturating_sub(2).min(64);
        let units: Vec<u16> = (0..length / 2).filter_map(|at| half(entry, at * 2)).collect();
        let name = String::from_utf16_lossy(&units);
        if ["workbook", "book"].contains(&name.to_lowercase().as_str()) {
            let length = usize::try_from(word(entry, 120)?).ok()?;
            if length < 4_096 {
                return Some(Vec::new());
            }
            let mut stream = chain(word(entry, 116)?)?;
            stream.truncate(length);
            return Some(stream);
        }
    }
    None
}

/// For each sector, the one that follows it.
fn sector_table<'b>(bytes: &'b [u8], size: usize, sector: &impl Fn(u32) -> Option<&'b [u8]>) -> Option<Vec<u32>> {
    let mut parts: Vec<u32> = (0..109).filter_map(|at| word(bytes, 76 + at * 4)).collect();
    let mut further = word(bytes, 68)?;
    while further < LAST_SECTOR && parts.len() * size <= bytes.len() {
        let more = sector(further)?;
        let count = more.len() / 4;
        parts.extend((0..count.saturating_sub(1)).filter_map(|at| word(more, at * 4)));
        further = word(more, count.saturating_sub(1) * 4)?;
    }
    let mut table = Vec::new();
    for part in parts.into_iter().take_while(|part| *part < LAST_SECTOR) {
        table.extend(sector(part)?.chunks_exact(4).filter_map(|entry| word(entry, 0)));
    }
    Some(table)
}
