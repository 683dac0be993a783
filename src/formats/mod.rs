//! pure: bytes become rows. One file per format; [`read`], [`columns`] and [`doubts`] distinguish them. README's
//! *For developers* lists what a new format needs.

use std::fmt;
use std::io;

use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::Value;

use crate::row::{Header, JsonPlace, RecordSink};
use crate::schedule::FormatSpec;

pub use kind::{FileKind, kind_of};

pub mod csv;
pub mod ical;
pub mod json;
mod kind;
pub mod posted;
pub mod workbook;

/// A text or tree that isn't what its format demands; nothing of it is used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct FormatError {
    /// What is wrong and where, without personal data.
    pub message: String,
    /// Whether reading again may help (a last line that is cut).
    pub may_pass: bool,
    /// The key of the source's table that is at fault, when one is.
    pub key: Option<&'static str>,
}

impl FormatError {
    /// A format that stays wrong however often it is read.
    pub(crate) fn wrong(message: impl Into<String>) -> Self {
        Self { message: message.into(), may_pass: false, key: None }
    }

    /// The same, with the key that is at fault.
    pub(crate) fn at(self, key: &'static str) -> Self {
        Self { key: Some(key), ..self }
    }

    /// The error for an input that seems half written: a later read may succeed.
    pub(crate) fn cut(message: impl Into<String>) -> Self {
        Self { message: message.into(), may_pass: true, key: None }
    }
}

/// What a read asks for: the run's date and the half-open range of starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadWindow {
    /// The first instant of the first day, in the schedule's zone (UTC).
    pub from: Timestamp,
    /// The first instant of the day after the last, in the schedule's zone (UTC): starts from then on are outside.
    pub until: Timestamp,
    /// The run's nominal date.
    pub day: Date,
    /// The moment of the run (UTC).
    pub now: Timestamp,
}

/// The columns that a schedule uses, and what for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Columns that `[appointment]` maps: they must be there.
    pub mapped: Vec<String>,
    /// Columns that templates and expressions name.
    pub named: Vec<String>,
    /// Mapped columns in which a lost last character would be a wrong call: ids, phones, starts. Empty where the
    /// transport proves that the text is whole.
    pub cut_matters: Vec<String>,
}

impl Wanted {
    /// The mapped columns and no other ones.
    #[must_use]
    pub fn mapped(names: &[&str]) -> Self {
        Self { mapped: names.iter().map(|name| (*name).to_owned()).collect(), ..Self::default() }
    }

    /// The first name in use that names two columns, and their places.
    pub(crate) fn doubled(&self, header: &Header) -> Option<(&str, (usize, usize))> {
        let used = self.mapped.iter().chain(&self.named);
        used.filter_map(|name| Some((name.as_str(), header.two_places(name)?))).next()
    }

    /// Whether a name is a step of a path that the schedule uses.
    fn uses_step(&self, step: &str) -> bool {
        self.mapped.iter().chain(&self.named).any(|name| name.split('.').any(|part| part == step))
    }

    /// Whether a place in an object (a name, or a path with dots) is one that the schedule uses.
    fn uses(&self, path: &str) -> bool {
        self.mapped.iter().chain(&self.named).any(|name| name == path)
    }
}

/// Says that one name names two columns (their places count from 0).
#[must_use]
pub fn two_columns(name: &str, (first, second): (usize, usize)) -> String {
    format!("there are two columns `{name}`, {} and {}: which of them is meant can't be known", first + 1, second + 1)
}

/// Bytes that can be read from any place.
pub trait Bytes: Sync {
    /// How many there are.
    ///
    /// # Errors
    /// When the machine can't say.
    fn length(&self) -> io::Result<u64>;

    /// Reads some from that place on; none at the end.
    ///
    /// # Errors
    /// When the machine can't read.
    fn read_at(&self, place: u64, out: &mut [u8]) -> io::Result<usize>;

    /// All of them, where they are in memory.
    fn in_memory(&self) -> Option<&[u8]> {
        None
    }
}

impl Bytes for [u8] {
    fn length(&self) -> io::Result<u64> {
        Ok(self.len() as u64)
    }

    fn read_at(&self, place: u64, out: &mut [u8]) -> io::Result<usize> {
        let rest = usize::try_from(place).ok().and_then(|place| self.get(place..)).unwrap_or(&[]);
        let count = rest.len().min(out.len());
        out[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }

    fn in_memory(&self) -> Option<&[u8]> {
        Some(self)
    }
}

impl Bytes for &[u8] {
    fn length(&self) -> io::Result<u64> {
        (**self).length()
    }

    fn read_at(&self, place: u64, out: &mut [u8]) -> io::Result<usize> {
        (**self).read_at(place, out)
    }

    fn in_memory(&self) -> Option<&[u8]> {
        (**self).in_memory()
    }
}

/// What is read, and for what.
#[derive(Debug, Clone, Copy)]
pub struct FormatAsk<'a> {
    /// The columns in use.
    pub wanted: &'a Wanted,
    /// The range of starts, for formats that expand series.
    pub window: &'a ReadWindow,
    /// The number of the first row: pages count on.
    pub first_row: u64,
    /// Places outside the rows that must be found however large the JSON around them is.
    pub places: &'a [&'a JsonPlace],
}

/// What a whole read found.
#[derive(Clone, Default, PartialEq)]
pub struct FormatReport {
    /// The columns in their order, unnamed ones too; empty where a format has no fixed ones.
    pub columns: Vec<String>,
    /// Rows given to the sink, broken ones included.
    pub rows: u64,
    /// Whether the sink ended the read.
    pub is_stopped: bool,
    /// What stands around the rows: for JSON the text with nothing at the rows' place.
    pub around: Value,
    /// What stands at each of the places that were asked for.
    pub marks: Vec<Option<Value>>,
    /// Whether there was a place for rows at all.
    pub has_rows_place: bool,
}

/// Without what stands around the rows, which may be about people.
impl fmt::Debug for FormatReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("FormatReport");
        shown.field("columns", &self.columns).field("rows", &self.rows).field("is_stopped", &self.is_stopped);
        shown.field("has_rows_place", &self.has_rows_place).finish_non_exhaustive()
    }
}

/// Reads every row. An empty text table is a table of no rows.
///
/// # Errors
/// When the whole can't be trusted; with `may_pass` when the end seems cut. What the sink was given by then is to be
/// thrown away.
pub fn read(
    format: &FormatSpec,
    input: &dyn Bytes,
    ask: &FormatAsk<'_>,
    sink: &mut dyn RecordSink,
) -> Result<FormatReport, FormatError> {
    kind::refuse_foreign(format, input)?;
    match format {
        FormatSpec::Csv(dialect) => csv::read(input, dialect, ask.wanted, sink),
        FormatSpec::Json(shape) => match input.in_memory() {
            Some(text) => json::read(text, shape, ask, sink),
            None => json::read(&whole(input)?, shape, ask, sink),
        },
        FormatSpec::Workbook(shape) => workbook::read(bounded(input, "workbook")?, shape, ask, sink),
        FormatSpec::Calendar(shape) => ical::read(&bounded(input, "calendar")?, shape, ask, sink),
    }
}

/// The columns, where they come before the rows, whether or not the mapped ones are among them.
///
/// # Errors
/// Those of [`read`], but for the rows.
pub fn columns(format: &FormatSpec, input: &dyn Bytes, wanted: &Wanted) -> Result<Option<Vec<String>>, FormatError> {
    kind::refuse_foreign(format, input)?;
    match format {
        FormatSpec::Csv(dialect) => csv::columns(input, dialect, wanted).map(Some),
        FormatSpec::Json(_) => Ok(None),
        FormatSpec::Workbook(shape) => workbook::columns(bounded(input, "workbook")?, shape).map(Some),
        FormatSpec::Calendar(shape) => ical::columns(&bounded(input, "calendar")?, shape).map(Some),
    }
}

/// What looks wrong at a file that can be read.
pub fn doubts(format: &FormatSpec, input: &dyn Bytes, wanted: &Wanted) -> Vec<String> {
    match format {
        FormatSpec::Csv(dialect) => {
            let doubts = [csv::open_end(input, dialect, wanted), csv::doubtful_encoding(input, dialect)];
            doubts.into_iter().flatten().collect()
        }
        FormatSpec::Workbook(_) => {
            bounded(input, "workbook").ok().and_then(workbook::without_results).into_iter().collect()
        }
        FormatSpec::Json(_) | FormatSpec::Calendar(_) => Vec::new(),
    }
}

/// The largest file that is held as a whole.
const MAX_WHOLE: u64 = 128 << 20;

/// All bytes of a file at once, when they aren't too many.
fn bounded(input: &dyn Bytes, what: &str) -> Result<Vec<u8>, FormatError> {
    match input.length() {
        Ok(length) if length > MAX_WHOLE => {
            Err(FormatError::wrong(format!("the {what} is larger than {} MiB", MAX_WHOLE >> 20)))
        }
        Ok(_) | Err(_) => whole(input),
    }
}

/// All bytes at once. Formats that need it come from transports that bound their length.
fn whole(input: &dyn Bytes) -> Result<Vec<u8>, FormatError> {
    let unreadable = |error: io::Error| FormatError::cut(format!("it can't be read: {}", error.kind()));
    let mut text = vec![0; usize::try_from(input.length().map_err(unreadable)?).unwrap_or(usize::MAX)];
    let mut filled = 0;
    while filled < text.len() {
        match input.read_at(filled as u64, &mut text[filled..]).map_err(unreadable)? {
            0 => break,
            count => filled += count,
        }
    }
    text.truncate(filled);
    Ok(text)
}
