//! shell: what kind of source it is, and how it is declared: a file by its bytes, an address by its answer.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use super::mapping::known_names;
use super::{InitAsk, lists, written_path};
use crate::disk::{self, Links};
use crate::formats::{self, FileKind, Wanted, kind_of};
use crate::http::{HttpRequest, Sent};
use crate::schedule::{CalendarShape, CsvDialect, FormatSpec, WorkbookShape};
use crate::verbs::toml_text::quoted;
use crate::verbs::{VerbError, VerbResult};
use crate::zones::{Zone, Zones};

/// The largest file or answer that is drafted from.
const MAX_BYTES: usize = 64 << 20;

/// Lines before the header that are tried: titles, dates of the export, blanks.
const MAX_HEADER_ROW: u32 = 10;

/// A source, declared.
#[derive(Debug)]
pub(super) struct Probed {
    /// Its table, as TOML.
    pub(super) source: String,
    pub(super) columns: Vec<String>,
    /// Lines of `[columns]`.
    pub(super) computed: Vec<String>,
    pub(super) is_calendar: bool,
    /// The zone that the source itself names.
    pub(super) zone: Option<String>,
}

impl Probed {
    fn table(source: String, columns: Vec<String>) -> Self {
        Self { source, columns, computed: Vec::new(), is_calendar: false, zone: None }
    }
}

/// Looks at a source.
pub(super) fn probe(ask: &InitAsk<'_>) -> VerbResult<Probed> {
    if ask.source.starts_with("http://") || ask.source.starts_with("https://") {
        return address(ask);
    }
    let path = Path::new(ask.source);
    let bytes = disk::read(path, Links::Followed, MAX_BYTES as u64)
        .map_err(|error| VerbError::Failed(format!("{} can't be read: {error}", path.display())))?;
    let written = quoted(&written_path(ask.folder, path).display().to_string());
    match kind_of(&bytes) {
        Some(FileKind::Workbook | FileKind::OldWorkbook) => workbook(&bytes, &written),
        Some(FileKind::Calendar) => calendar(&bytes, ask, format!("[source.ical]\npath = {written}")),
        Some(FileKind::Sqlite) => Err(VerbError::Failed(format!(
            "{} is a SQLite database: write `[source.sqlite]` with its query by hand; `tickler help query` shows how",
            path.display()
        ))),
        Some(kind) => Err(VerbError::Failed(format!("{}: {}", path.display(), kind.instead_of("a source")))),
        None => table(&bytes, &written),
    }
}

/// The delimiter and the header's line by which most names are known.
fn table(bytes: &[u8], written: &str) -> VerbResult<Probed> {
    let mut best: Option<(usize, usize, CsvDialect, Vec<String>)> = None;
    let encoding = formats::csv::likely_encoding(bytes);
    for header_row in 1..=MAX_HEADER_ROW {
        for delimiter in [b',', b';', b'\t', b'|'] {
            let dialect = CsvDialect { encoding: encoding.map(str::to_owned), delimiter: Some(delimiter), header_row };
            let format = FormatSpec::Csv(dialect.clone());
            let Ok(Some(columns)) = formats::columns(&format, &bytes, &Wanted::default()) else { continue };
            let (known, count) = (known_names(&columns), columns.len());
            if count > 1 && best.as_ref().is_none_or(|(best, most, ..)| (known, count) > (*best, *most)) {
                best = Some((known, count, dialect, columns));
            }
        }
    }
    let (_, _, dialect, columns) = best.ok_or_else(|| {
        VerbError::Failed(
            "it is no table: no line of its first ten has two columns, by comma, semicolon, tab or pipe".to_owned(),
        )
    })?;
    let mut source = format!("[source.csv]\npath = {written}\n");
    if let Some(encoding) = encoding {
        source.push_str(&format!("encoding = {}\n", quoted(encoding)));
    }
    if dialect.header_row > 1 {
        source.push_str(&format!("header_row = {}\n", dialect.header_row));
    }
    Ok(Probed::table(source, named(columns)))
}

/// The sheet and the header's row by which most names are known, the first of equals.
fn workbook(bytes: &[u8], written: &str) -> VerbResult<Probed> {
    const MAX_SHEETS: usize = 12;
    const ENOUGH: usize = 4;
    let failed = |error: formats::FormatError| VerbError::Failed(error.message);
    let sheets = formats::workbook::sheets(bytes.to_vec()).map_err(failed)?;
    let mut best: Option<(usize, Option<&String>, u32, Vec<String>)> = None;
    for (place, name) in sheets.iter().take(MAX_SHEETS).enumerate() {
        for header_row in 1..=MAX_HEADER_ROW {
            let sheet = (place > 0).then_some(name);
            let shape = WorkbookShape { sheet: sheet.cloned(), header_row };
            let columns = formats::workbook::columns(bytes.to_vec(), &shape).map_err(failed)?;
            let known = known_names(&columns);
            if !columns.is_empty() && best.as_ref().is_none_or(|(best, ..)| known > *best) {
                best = Some((known, sheet, header_row, columns));
            }
            if known >= ENOUGH {
                break;
            }
        }
    }
    let (_, sheet, header_row, columns) =
        best.ok_or_else(|| VerbError::Failed("the first ten rows of the workbook's sheets are empty".to_owned()))?;
    let mut source = format!("[source.xlsx]\npath = {written}\n");
    if let Some(sheet) = sheet {
        source.push_str(&format!("sheet = {}\n", quoted(sheet)));
    }
    if header_row > 1 {
        source.push_str(&format!("header_row = {header_row}\n"));
    }
    Ok(Probed::table(source, named(columns)))
}

fn calendar(bytes: &[u8], ask: &InitAsk<'_>, source: String) -> VerbResult<Probed> {
    let columns = formats::ical::columns(bytes, &CalendarShape::new(ask.zones));
    let columns = columns.map_err(|error| VerbError::Failed(error.message))?;
    let zone = zone_of_calendar(&String::from_utf8_lossy(bytes), ask.zones);
    Ok(Probed { is_calendar: true, zone, ..Probed::table(source, columns) })
}

/// The zone that the calendar says it is shown in, else the first one of its events.
fn zone_of_calendar(text: &str, zones: &Zones) -> Option<String> {
    let shown = text.lines().filter_map(|line| line.trim().strip_prefix("X-WR-TIMEZONE:"));
    let starts = text.lines().filter(|line| line.starts_with("DTSTART;"));
    let of_starts = starts.filter_map(|line| Some(line.split_once("TZID=")?.1.rsplit_once(':')?.0.trim_matches('"')));
    let mut places = shown.chain(of_starts).filter_map(|name| zones.zone_of_row(name).ok()).filter(Zone::is_place);
    places.next().map(|zone| zone.name().to_owned())
}

/// Columns that have a name.
fn named(columns: Vec<String>) -> Vec<String> {
    columns.into_iter().filter(|name| !name.is_empty()).collect()
}

/// Asks for the address once.
fn address(ask: &InitAsk<'_>) -> VerbResult<Probed> {
    let url = url::Url::parse(ask.source).map_err(|error| VerbError::Usage(format!("this is no address: {error}")))?;
    let request = HttpRequest {
        method: reqwest::Method::GET,
        url,
        headers: vec![("accept".to_owned(), "application/json, text/csv, text/calendar".to_owned().into())],
        body: bytes::Bytes::new(),
        timeout: Duration::from_secs(30),
        max_bytes: MAX_BYTES,
    };
    let answer = match ask.tools.runtime.block_on(ask.tools.http.send(request)) {
        Sent::Answered(answer) if answer.is_success() => answer,
        Sent::Answered(answer) => {
            let hint = if matches!(answer.status, 401 | 403) { ": write its `auth` by hand" } else { "" };
            return Err(VerbError::Failed(format!("the source answers with {}{hint}", answer.status)));
        }
        Sent::NotSent { detail, .. } | Sent::Unknown { detail, .. } => {
            return Err(VerbError::Failed(format!("the source can't be asked: {detail}")));
        }
    };
    let written = format!("[source.http]\nurl = {}\n", quoted(ask.source));
    match kind_of(&answer.body) {
        Some(FileKind::Json) => json(&answer.body, &written),
        Some(FileKind::Calendar) => calendar(&answer.body, ask, format!("{written}format = \"ical\"")),
        Some(kind) => Err(VerbError::Failed(kind.instead_of("a source"))),
        None => {
            let table = table(&answer.body, "\"\"")?;
            Ok(Probed { source: format!("{written}format = \"csv\"\n"), ..table })
        }
    }
}

fn json(body: &[u8], written: &str) -> VerbResult<Probed> {
    let tree: Value = serde_json::from_slice(body)
        .map_err(|error| VerbError::Failed(format!("the answer is no JSON: line {}", error.line())))?;
    let list = lists::best(&tree).map_err(VerbError::Failed)?;
    Ok(Probed::table(format!("{written}{}", list.declared()), list.columns))
}
