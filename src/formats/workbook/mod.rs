//! pure: a sheet of a workbook (xlsx, xlsm, xls, ods) becomes rows. Dates and times are what their cells' types say; a number
//! is read as the sheet shows it where that is exact, and else as what a phone or an id refuses.

use std::collections::HashMap;
use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};

use calamine::{Data, Ods, Reader, Sheet, SheetType, SheetVisible, Xls, Xlsx};
use serde_json::{Map, Value};

use super::{FormatAsk, FormatError, FormatReport, Wanted, two_columns};
use crate::row::{Header, Record, RecordSink};
use crate::schedule::WorkbookShape;

mod bounds;
mod cells;
mod formulas;
mod old;

pub use self::formulas::without_results;

/// The cells of one row, by column from 0.
type Cells = Vec<(usize, Value)>;

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
    let mut table = SheetTable {
        shape,
        wanted: ask.wanted,
        header: None,
        row: SheetRow::default(),
        rows: 0,
        sink,
        is_stopped: false,
    };
    each_row(bytes, shape, &mut |number, cells| table.take(number, cells))?;
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
/// Those of [`read`].
pub fn columns(bytes: Vec<u8>, shape: &WorkbookShape) -> Result<Vec<String>, FormatError> {
    let mut names = Vec::new();
    each_row(bytes, shape, &mut |number, cells| {
        if number < u64::from(shape.header_row) {
            return Ok(Flow::GoOn);
        }
        if number == u64::from(shape.header_row) {
            names = header_names(cells);
        }
        Ok(Flow::Stop)
    })?;
    Ok(names)
}

/// The names of the sheets that people see, in their order; of all when they see none.
///
/// # Errors
/// Those of [`read`], but for sheets and columns.
pub fn sheets(bytes: Vec<u8>) -> Result<Vec<String>, FormatError> {
    let (kind, bytes) = bounds::checked(bytes)?;
    let sheets = match kind {
        bounds::WorkbookKind::Xlsx => guarded(|| Xlsx::new(Cursor::new(bytes)))?.sheets_metadata().to_owned(),
        bounds::WorkbookKind::Ods => guarded(|| Ods::new(Cursor::new(bytes)))?.sheets_metadata().to_owned(),
        bounds::WorkbookKind::Xls => {
            old::check(&bytes)?;
            guarded(|| Xls::new(Cursor::new(bytes)))?.sheets_metadata().to_owned()
        }
    };
    let tables = || sheets.iter().filter(|sheet| sheet.typ == SheetType::WorkSheet);
    let seen: Vec<String> =
        tables().filter(|sheet| sheet.visible == SheetVisible::Visible).map(|sheet| sheet.name.clone()).collect();
    Ok(if seen.is_empty() { tables().map(|sheet| sheet.name.clone()).collect() } else { seen })
}

/// What becomes of the rows after one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flow {
    GoOn,
    Stop,
}

/// Takes the cells of each row with the row's number from 1.
type RowSink<'s> = &'s mut dyn FnMut(u64, &mut Cells) -> Result<Flow, FormatError>;

/// Gives every row of the sheet that has a cell, in order.
fn each_row(bytes: Vec<u8>, shape: &WorkbookShape, sink: RowSink<'_>) -> Result<(), FormatError> {
    if bytes.is_empty() {
        return Err(FormatError::cut("the workbook is empty"));
    }
    let (kind, bytes) = bounds::checked(bytes)?;
    match kind {
        bounds::WorkbookKind::Xlsx => xlsx(bytes, shape, sink),
        bounds::WorkbookKind::Ods => {
            let mut book = guarded(|| Ods::new(Cursor::new(bytes)))?;
            let sheet = chosen(book.sheets_metadata(), shape)?;
            ranged(guarded(|| book.worksheet_range(&sheet))?, sink)
        }
        bounds::WorkbookKind::Xls => {
            old::check(&bytes)?;
            let mut book = guarded(|| Xls::new(Cursor::new(bytes)))?;
            let sheet = chosen(book.sheets_metadata(), shape)?;
            ranged(guarded(|| book.worksheet_range(&sheet))?, sink)
        }
    }
}

/// The rows of an xlsx sheet one after the other: it is never held as a whole, however wide a single cell makes it.
fn xlsx(bytes: Vec<u8>, shape: &WorkbookShape, sink: RowSink<'_>) -> Result<(), FormatError> {
    let mut book = guarded(|| Xlsx::new(Cursor::new(bytes)))?;
    let sheet = chosen(book.sheets_metadata(), shape)?;
    let mut reader = guarded(|| book.worksheet_cells_reader(&sheet))?;
    let padding: Vec<usize> = reader.styles().iter().map(cells::zeros_shown).collect();
    let (mut row, mut cells) = (0, Cells::new());
    while let Some((cell, style)) = guarded(|| reader.next_cell_with_style_id())? {
        let (at, column) = cell.get_position();
        let number = u64::from(at) + 1;
        if number != row {
            if !cells.is_empty() && sink(row, &mut cells)? == Flow::Stop {
                return Ok(());
            }
            cells.clear();
            row = number;
        }
        let value = cells::padded(cells::of_xlsx(cell.get_value()), padding.get(style).copied().unwrap_or(0));
        if !value.is_null() {
            cells.push((column as usize, value));
        }
    }
    if !cells.is_empty() {
        sink(row, &mut cells)?;
    }
    Ok(())
}

fn ranged(range: calamine::Range<Data>, sink: RowSink<'_>) -> Result<(), FormatError> {
    let (first_row, first_column) = range.start().unwrap_or((0, 0));
    for (place, cells) in range.rows().enumerate() {
        let values = cells.iter().enumerate().map(|(at, cell)| (first_column as usize + at, cells::of(cell)));
        let mut row: Cells = values.filter(|(_, value)| !value.is_null()).collect();
        if !row.is_empty() && sink(u64::from(first_row) + place as u64 + 1, &mut row)? == Flow::Stop {
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

/// Runs a part of the reading crate. In some damaged files it follows an offset out of the file, and panics.
fn guarded<T, E: std::fmt::Display>(part: impl FnOnce() -> Result<T, E>) -> Result<T, FormatError> {
    match catch_unwind(AssertUnwindSafe(part)) {
        Ok(read) => read.map_err(|error| unreadable(&error)),
        Err(_panic) => Err(FormatError::wrong("the workbook is damaged: open it in a spreadsheet, and save it again")),
    }
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
    row: SheetRow,
    rows: u64,
    sink: &'t mut dyn RecordSink,
    is_stopped: bool,
}

/// The row that is given to the sink; its names and its memory are those of every row.
#[derive(Default)]
struct SheetRow {
    tree: Map<String, Value>,
    /// For each column, the place of its name among the names; `None` for a column without one.
    places: Vec<Option<usize>>,
    /// The values by their names' places.
    values: Vec<Value>,
}

impl SheetRow {
    fn new(header: &Header) -> Self {
        let mut tree = Map::with_capacity(header.names().len());
        for name in header.names().iter().filter(|name| !name.is_empty()) {
            tree.insert(name.clone(), Value::Null);
        }
        let names: HashMap<&str, usize> = tree.keys().enumerate().map(|(place, name)| (name.as_str(), place)).collect();
        let places = header.names().iter().map(|name| names.get(name.as_str()).copied()).collect();
        let values = vec![Value::Null; tree.len()];
        Self { tree, places, values }
    }

    fn fill(&mut self, cells: &mut Cells) {
        for (column, value) in cells.drain(..) {
            // of two columns with one name, which nobody uses, the first is kept
            if let Some(place) = self.places.get(column).copied().flatten()
                && let Some(slot) = self.values.get_mut(place).filter(|slot| slot.is_null())
            {
                *slot = value;
            }
        }
        for (slot, value) in self.tree.values_mut().zip(&mut self.values) {
            *slot = value.take();
        }
    }
}

impl SheetTable<'_> {
    fn take(&mut self, number: u64, cells: &mut Cells) -> Result<Flow, FormatError> {
        if number < u64::from(self.shape.header_row) {
            return Ok(Flow::GoOn);
        }
        if self.header.is_none() {
            if number > u64::from(self.shape.header_row) {
                let row = self.shape.header_row;
                return Err(FormatError::wrong(format!("row {row}, where the header should be, is empty")));
            }
            let header = self.checked(Header::new(header_names(cells)))?;
            self.row = SheetRow::new(&header);
            self.header = Some(header);
            return Ok(Flow::GoOn);
        }
        self.row.fill(cells);
        self.rows += 1;
        self.is_stopped = self.sink.record(number, Record::Tree(&self.row.tree)).is_break();
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
