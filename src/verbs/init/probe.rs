//! shell: what kind of source it is, and how it is declared: a file by its bytes, an address by its answer.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use super::mapping::known_names;
use super::{InitAsk, written_path};
use crate::disk::{self, Links};
use crate::formats::{self, FileKind, Wanted, kind_of};
use crate::http::{HttpRequest, Sent};
use crate::schedule::{CalendarShape, CsvDialect, FormatSpec, WorkbookShape};
use crate::verbs::toml_text::quoted;
use crate::verbs::{VerbError, VerbResult};

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
    pub(super) computed: Option<String>,
    pub(super) is_calendar: bool,
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
        Some(FileKind::Workbook | FileKind::OldWorkbook) => workbook(bytes, &written),
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
    for header_row in 1..=MAX_HEADER_ROW {
        for delimiter in [b',', b';', b'\t', b'|'] {
            let dialect = CsvDialect { encoding: None, delimiter: Some(delimiter), header_row };
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
    if dialect.header_row > 1 {
        source.push_str(&format!("header_row = {}\n", dialect.header_row));
    }
    Ok(Probed { source, columns: named(columns), computed: None, is_calendar: false })
}

fn workbook(bytes: Vec<u8>, written: &str) -> VerbResult<Probed> {
    let mut best: Option<(usize, u32, Vec<String>)> = None;
    for header_row in 1..=MAX_HEADER_ROW {
        let shape = WorkbookShape { sheet: None, header_row };
        let columns = formats::workbook::columns(bytes.clone(), &shape);
        let columns = columns.map_err(|error| VerbError::Failed(error.message))?;
        let known = known_names(&columns);
        if !columns.is_empty() && best.as_ref().is_none_or(|(best, ..)| known > *best) {
            best = Some((known, header_row, columns));
        }
        if known > 3 {
            break;
        }
    }
    let (_, header_row, columns) =
        best.ok_or_else(|| VerbError::Failed("the first ten rows of the workbook's sheet are empty".to_owned()))?;
    let mut source = format!("[source.xlsx]\npath = {written}\n");
    if header_row > 1 {
        source.push_str(&format!("header_row = {header_row}\n"));
    }
    Ok(Probed { source, columns: named(columns), computed: None, is_calendar: false })
}

fn calendar(bytes: &[u8], ask: &InitAsk<'_>, source: String) -> VerbResult<Probed> {
    let columns = formats::ical::columns(bytes, &CalendarShape::new(ask.zones));
    let columns = columns.map_err(|error| VerbError::Failed(error.message))?;
    Ok(Probed { source, columns, computed: None, is_calendar: true })
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

/// The list of objects whose fields are known best.
fn json(body: &[u8], written: &str) -> VerbResult<Probed> {
    let tree: Value = serde_json::from_slice(body)
        .map_err(|error| VerbError::Failed(format!("the answer is no JSON: line {}", error.line())))?;
    let mut lists = Vec::new();
    collect_lists(&tree, String::new(), 4, &mut lists);
    let best = lists.into_iter().max_by_key(|(place, columns)| (known_names(columns), std::cmp::Reverse(place.len())));
    let (place, columns) =
        best.ok_or_else(|| VerbError::Failed("the answer has no list of objects: nothing can be a row".to_owned()))?;
    let items = if place.is_empty() { String::new() } else { format!("items = {}\n", quoted(&place)) };
    Ok(Probed { source: format!("{written}{items}"), columns, computed: None, is_calendar: false })
}

fn collect_lists(value: &Value, place: String, depth: usize, lists: &mut Vec<(String, Vec<String>)>) {
    match value {
        Value::Array(items) if items.iter().any(Value::is_object) => {
            let mut columns = Vec::new();
            items.iter().take(50).for_each(|item| scalars(item, "", 3, &mut columns));
            lists.push((place, columns));
        }
        Value::Object(tree) if depth > 0 => {
            for (name, inner) in tree {
                let step = name.replace('~', "~0").replace('/', "~1");
                collect_lists(inner, format!("{place}/{step}"), depth - 1, lists);
            }
        }
        _ => {}
    }
}

/// The paths of all scalars of an object.
fn scalars(value: &Value, path: &str, depth: usize, columns: &mut Vec<String>) {
    let Value::Object(tree) = value else { return };
    for (name, inner) in tree {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        match inner {
            Value::Object(_) if depth > 1 => scalars(inner, &path, depth - 1, columns),
            Value::Object(_) | Value::Array(_) => {}
            _ if !columns.contains(&path) => columns.push(path),
            _ => {}
        }
    }
}
