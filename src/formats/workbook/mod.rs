//! pure: a sheet of a workbook (xlsx, xlsm, xls, ods) becomes rows. Dates and times are what their cells' types say; a number
//! is read as the sheet shows it where that is exact, and else as what a phone or an id refuses.

use std::io::Cursor;

use calamine::{Data, Ods, Reader, Sheet, SheetType, SheetVisible, Xls, Xlsx};
use serde_json::{Map, Value};

use super::{FormatAsk, FormatError, FormatReport, Wanted, two_columns};
use crate::row::{Header, Record, RecordSink};
use crate::schedule::WorkbookShape;

mod bounds;
mod cells;
mod old;

/// One row of a sheet: its number from 1, and its cells by column from 0.
type SheetRow = (u64, Vec<(usize, Value)>);

/// Reads every row below the header.
///
/// # Errors
/// When it is no workbook, is too large unpacked, is protected by a password, or has no such sheet or column; with
/// `may_pass` when its end is missing.
pub fn read(
    bytes: Vec<u8>,
    shape: &WorkbookShape,
    ask: &FormatAsk<'_>,
    sink: &mut dyn RecordSink,
) -> Result<FormatReport, FormatError> {
    let mut table = SheetTable { shape, wanted: ask.wanted, header: None, rows: 0, sink, is_stopped: false };
    each_row(bytes, shape, &mut |row| table.take(row))?;
    let columns = table.header.as_ref().map(|header| header.names().to_vec()).unwrap_or_default();
    Ok(FormatReport {
        columns,
        rows: table.rows,
        is_stopped: table.is_stopped,
        has_rows_place: true,
        ..FormatReport::default()
    })
}

/// The names in the header's row.
///
/// # Errors
/// As [`read`].
pub fn columns(bytes: Vec<u8>, shape: &WorkbookShape) -> Result<Vec<String>, FormatError> {
    let mut names = Vec::new();
    each_row(bytes, shape, &mut |(number, cells)| {
        if number < u64::from(shape.header_row) {
            return Ok(Flow::GoOn);
        }
        if number == u64::from(shape.header_row) {
            names = header_names(&cells);
        }
        Ok(Flow::Stop)
    })?;
    Ok(names)
}

/// What becomes of the rows after one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flow {
    GoOn,
    Stop,
}

type RowSink<'s> = &'s mut dyn FnMut(SheetRow) -> Result<Flow, FormatError>;

/// Gives every row of the sheet that has a cell, in order.
fn each_row(bytes: Vec<u8>, shape: &WorkbookShape, sink: RowSink<'_>) -> Result<(), FormatError> {
    if bytes.is_empty() {
        return Err(FormatError::cut("the workbook is empty"));
    }
    match bounds::kind(&bytes)? {
        bounds::WorkbookKind::Xlsx => xlsx(bytes, shape, sink),
        bounds::WorkbookKind::Ods => {
            let mut book = Ods::new(Cursor::new(bytes)).map_err(|error| unreadable(&error))?;
            let sheet = chosen(book.sheets_metadata(), shape)?;
            ranged(book.worksheet_range(&sheet).map_err(|error| unreadable(&error))?, sink)
        }
        bounds::WorkbookKind::Xls => {
            old::check(&bytes)?;
            let mut book = Xls::new(Cursor::new(bytes)).map_err(|error| unreadable(&error))?;
            let sheet = chosen(book.sheets_metadata(), shape)?;
            ranged(book.worksheet_range(&sheet).map_err(|error| unreadable(&error))?, sink)
        }
    }
}

/// The rows of an xlsx sheet one after the other: it is never held as a whole, however wide a single cell makes it.
fn xlsx(bytes: Vec<u8>, shape: &WorkbookShape, sink: RowSink<'_>) -> Result<(), FormatError> {
    let mut book = Xlsx::new(Cursor::new(bytes)).map_err(|error| unreadable(&error))?;
    let sheet = chosen(book.sheets_metadata(), shape)?;
    let mut reader = book.worksheet_cells_reader(&sheet).map_err(|error| unreadable(&error))?;
    let padding: Vec<usize> = reader.styles().iter().map(cells::zeros_shown).collect();
    let mut row: SheetRow = (0, Vec::new());
    while let Some((cell, style)) = reader.next_cell_with_style_id().map_err(|error| unreadable(&error))? {
        let (at, column) = cell.get_position();
        let number = u64::from(at) + 1;
        if number != row.0 {
            if !row.1.is_empty() && sink(std::mem::replace(&mut row, (number, Vec::new())))? == Flow::Stop {
                return Ok(());
            }
            row.0 = number;
        }
        let value = cells::padded(cells::of_xlsx(cell.get_value()), padding.get(style).copied().unwrap_or(0));
        if !value.is_null() {
            row.1.push((column as usize, value));
        }
    }
    if !row.1.is_empty() {
        sink(row)?;
    }
    Ok(())
}

fn ranged(range: calamine::Range<Data>, sink: RowSink<'_>) -> Result<(), FormatError> {
    let (first_row, first_column) = range.start().unwrap_or((0, 0));
    for (place, cells) in range.rows().enumerate() {
        let values = cells.iter().enumerate().map(|(at, cell)| (first_column as usize + at, cells::of(cell)));
        let row: Vec<(usize, Value)> = values.filter(|(_, value)| !value.is_null()).collect();
        if !row.is_empty() && sink((u64::from(first_row) + place as u64 + 1, row))? == Flow::Stop {
            return Ok(());
        }
    }
    Ok(())
}

/// The sheet that is named, or the first one that people see.
fn chosen(sheets: &[Sheet], shape: &WorkbookShape) -> Result<String, FormatError> {
    let Some(wanted) = &shape.sheet else {
        let is_table = |sheet: &&Sheet| sheet.typ == SheetType::WorkSheet;
        let seen = sheets.iter().filter(is_table).find(|sheet| sheet.visible == SheetVisible::Visible);
        let first = seen.or_else(|| sheets.iter().find(is_table));
        return first.map(|sheet| sheet.name.clone()).ok_or_else(|| FormatError::wrong("the workbook has no sheet"));
    };
    let same = |sheet: &&Sheet| sheet.name.trim().eq_ignore_ascii_case(wanted.trim());
    let found = sheets.iter().find(|sheet| sheet.name == *wanted).or_else(|| sheets.iter().find(same));
    found.map(|sheet| sheet.name.clone()).ok_or_else(|| {
        let names: Vec<String> = sheets.iter().take(20).map(|sheet| format!("`{}`", sheet.name)).collect();
        FormatError::wrong(format!("the workbook has no sheet `{wanted}`; it has {}", names.join(", ")))
    })
}

/// The error of the reading crate, which names parts of the file and no cell's content.
fn unreadable(error: &dyn std::fmt::Display) -> FormatError {
    let text: String = error.to_string().chars().take(200).collect();
    if text.to_lowercase().contains("password") {
        return FormatError::wrong("the workbook is protected by a password: save it without one");
    }
    FormatError::wrong(format!("the workbook can't be read: {text}"))
}

fn header_names(cells: &[(usize, Value)]) -> Vec<String> {
    let width = cells.iter().map(|(column, _)| column + 1).max().unwrap_or(0);
    let mut names = vec![String::new(); width];
    for (column, value) in cells {
        names[*column] = crate::row::scalar_text(value).unwrap_or_default().into_owned();
    }
    names
}

/// The rows on their way to a sink.
struct SheetTable<'t> {
    shape: &'t WorkbookShape,
    wanted: &'t Wanted,
    header: Option<Header>,
    rows: u64,
    sink: &'t mut dyn RecordSink,
    is_stopped: bool,
}

impl SheetTable<'_> {
    fn take(&mut self, (number, cells): SheetRow) -> Result<Flow, FormatError> {
        if number < u64::from(self.shape.header_row) {
            return Ok(Flow::GoOn);
        }
        let Some(header) = &self.header else {
            if number > u64::from(self.shape.header_row) {
                let row = self.shape.header_row;
                return Err(FormatError::wrong(format!("row {row}, where the header should be, is empty")));
            }
            self.header = Some(self.checked(Header::new(header_names(&cells)))?);
            return Ok(Flow::GoOn);
        };
        let mut row = Map::with_capacity(header.names().len());
        for name in header.names().iter().filter(|name| !name.is_empty()) {
            row.insert(name.clone(), Value::Null);
        }
        for (column, value) in cells {
            let name = header.names().get(column).filter(|name| !name.is_empty());
            // of two columns with one name, which nobody uses, the first is kept
            if let Some(slot) = name.and_then(|name| row.get_mut(name.as_str()))
                && slot.is_null()
            {
                *slot = value;
            }
        }
        self.rows += 1;
        self.is_stopped = self.sink.record(number, Record::Tree(&row)).is_break();
        Ok(if self.is_stopped { Flow::Stop } else { Flow::GoOn })
    }

    fn checked(&self, header: Header) -> Result<Header, FormatError> {
        if let Some((name, places)) = self.wanted.doubled(&header) {
            return Err(FormatError::wrong(two_columns(name, places)));
        }
        match self.wanted.mapped.iter().find(|name| header.place(name).is_none()) {
            None => Ok(header),
            Some(name) => Err(FormatError::wrong(format!(
                "there is no column `{name}` in row {}; there are: {}",
                self.shape.header_row,
                header.names().join(", ")
            ))),
        }
    }
}
