//! pure: formulas whose results a workbook doesn't hold. Libraries write them so; a spreadsheet computes them when it opens the file, and
//! a person sees values where a reader finds empty cells.

use std::io::{Cursor, Read as _};

use zip::ZipArchive;

use super::bounds;

/// How the end of such a cell is written.
const WITHOUT_RESULT: [&[u8]; 5] =
    [b"</f></c>", b"</f><v></v></c>", b"</f><v/></c>", b"</f><v /></c>", b"</f>\n<v></v></c>"];

/// A warning where a sheet (xlsx) has a formula without its result.
#[must_use]
pub fn without_results(bytes: Vec<u8>) -> Option<String> {
    let (bounds::WorkbookKind::Xlsx, bytes) = bounds::checked(bytes).ok()? else { return None };
    let mut archive = ZipArchive::new(Cursor::new(bytes)).ok()?;
    let mut sheet = Vec::new();
    for place in 0..archive.len() {
        let mut part = archive.by_index(place).ok()?;
        let is_sheet = part.name().is_ok_and(|name| name.starts_with("xl/worksheets/") && name.ends_with(".xml"));
        sheet.clear();
        // the size of all parts was checked
        if is_sheet && part.read_to_end(&mut sheet).is_ok() && has_one(&sheet) {
            return Some(
                "the workbook has formulas without their results, which are read as empty cells: open it in a spreadsheet and \
                 save it, or have the program that writes it write values"
                    .to_owned(),
            );
        }
    }
    None
}

fn has_one(sheet: &[u8]) -> bool {
    WITHOUT_RESULT.iter().any(|end| memchr::memmem::find(sheet, end).is_some())
}
