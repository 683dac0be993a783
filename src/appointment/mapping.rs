//! pure: maps a record to id, start, zone, status and phone by `[appointment]`, compiled once for each read.

use std::borrow::Cow;
use std::collections::HashMap;

use jiff::civil::{DateTime, Time};
use jiff::{SignedDuration, Timestamp};

use super::ids::{self, IdPart};
use super::{AppointmentColumns, CallTimes, DateFormat, Start, StartColumns, StartText, dates};
use crate::reminder::Priority;
use crate::row::{Column, OCCURRENCE_START, RECEIVED_AT, Record, unseen};
use crate::zones::{DayCache, WallMeaning, Zone, Zones};

/// Separates the parts of an id that consists of several columns; inside a part it is escaped as `\|`, so that two different rows
/// never get the same id.
const ID_SEPARATOR: char = '|';

/// A call that is wanted later than this is a mistake.
const FURTHEST_CALL: SignedDuration = SignedDuration::from_hours(366 * 24);

/// The number of unreadable rows after which messages propose no format any more: each proposal tries hundreds of formats.
const MAX_PROPOSALS: usize = 100;

/// Reads records by `[appointment]`. Caches zones and days from row to row.
#[derive(Debug, Clone)]
pub struct Mapping {
    columns: AppointmentColumns,
    zones: Zones,
    /// Each zone name met so far, with its zone, or with what to write instead.
    row_zones: HashMap<String, Result<Zone, String>>,
    /// Cached days of the zone in which starts are written.
    days: DayCache,
    /// The schedule's zone.
    home: Zone,
    proposals: usize,
    /// The column with the start of one occurrence of a series.
    series_start: Column,
}

/// Why a row has no start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TimeProblem {
    /// It fits no format, or its zone is unknown; a sentence.
    Invalid(String),
    /// The wall clock skips it; a sentence.
    NoSuchTime(String),
}

impl Mapping {
    /// A mapping for one read; `zone` is the schedule's.
    #[must_use]
    pub fn new(columns: &AppointmentColumns, zone: &Zone, zones: &Zones) -> Self {
        Self {
            columns: columns.clone(),
            zones: zones.clone(),
            row_zones: HashMap::new(),
            days: DayCache::new(columns.source_timezone.as_ref().unwrap_or(zone).clone()),
            home: zone.clone(),
            proposals: MAX_PROPOSALS,
            series_start: Column::new(OCCURRENCE_START),
        }
    }

    /// The mapping as before the first record, but with its cache of zones and days.
    #[must_use]
    pub fn anew(&self) -> Self {
        Self { proposals: MAX_PROPOSALS, ..self.clone() }
    }

    /// The columns it maps.
    #[must_use]
    pub fn columns(&self) -> &AppointmentColumns {
        &self.columns
    }

    /// The appointment's id without outer blanks; `None` when all its columns are empty. An occurrence of a series has its original
    /// start appended.
    #[must_use]
    pub fn id<'r>(&mut self, record: &Record<'r>) -> Option<Cow<'r, str>> {
        let id = self.mapped_id(record)?;
        let original = self.columns.occurrence.as_ref().and_then(|column| record.text(column));
        Some(match original {
            Some(original) => Cow::Owned(format!("{id}@{original}")),
            None => id,
        })
    }

    fn mapped_id<'r>(&mut self, record: &Record<'r>) -> Option<Cow<'r, str>> {
        if let [column] = self.columns.id.as_slice() {
            return id_part(record.text(column)?);
        }
        if self.id_problem(record).is_some() {
            return None;
        }
        let parts: Vec<_> = self.columns.id.iter().map(|column| record.text(column).and_then(id_part)).collect();
        if parts.iter().all(Option::is_none) {
            return None;
        }
        let mut id = String::new();
        for (place, part) in parts.iter().enumerate() {
            if place > 0 {
                id.push(ID_SEPARATOR);
            }
            for letter in part.as_deref().unwrap_or("").chars() {
                if letter == ID_SEPARATOR || letter == '\\' {
                    id.push('\\');
                }
                id.push(letter);
            }
        }
        Some(Cow::Owned(id))
    }

    /// Why the id can't be used although its columns aren't empty.
    #[must_use]
    pub fn id_problem(&self, record: &Record<'_>) -> Option<String> {
        if let Some(sentence) = nested_in(record, &self.columns.id) {
            return Some(sentence);
        }
        let is_rounded = |column: &&Column| record.text(column).is_some_and(|cell| ids::read(cell) == IdPart::Rounded);
        let column = self.columns.id.iter().find(is_rounded)?;
        Some(format!(
            "`{}` is a number with an exponent: a spreadsheet has rounded it; export the column as text",
            column.as_str()
        ))
    }

    /// Whether the record has an id; faster than reading it.
    #[must_use]
    pub fn has_id(&mut self, record: &Record<'_>) -> bool {
        if let [column] = self.columns.id.as_slice()
            && record.field(column).is_some_and(ids::is_surely_text)
        {
            return true;
        }
        self.id(record).is_some()
    }

    /// The start, cut to the microsecond (the ledger's resolution).
    ///
    /// # Errors
    /// When it fits no format, its zone is unknown, or the wall clock skips it.
    pub fn start(&mut self, record: &Record<'_>) -> Result<Start, TimeProblem> {
        if let Some((date, time)) = self.iso_wall(record)
            && let Some(at) = self.days.instant_of_written(date, time)
        {
            return Ok(Start { at: to_micros(at), is_ambiguous: false });
        }
        self.start_in_full(record)
    }

    /// The date and time of a plain column in ISO 8601, when they count in the source's zone.
    fn iso_wall(&self, record: &Record<'_>) -> Option<([u8; 10], Time)> {
        let StartColumns::One(column) = &self.columns.starts_at else { return None };
        let has_own_start = self.columns.recurrence.is_some();
        if self.columns.date_format != DateFormat::Iso || self.columns.timezone.is_some() || has_own_start {
            return None;
        }
        dates::iso_wall(record.field(column)?)
    }

    fn start_in_full(&mut self, record: &Record<'_>) -> Result<Start, TimeProblem> {
        if let Some(start) = self.occurrence_start(record) {
            return Ok(start);
        }
        match self.start_text(record)? {
            StartText::Instant(at) => Ok(Start { at: to_micros(at), is_ambiguous: false }),
            StartText::Wall(wall) => match self.row_zone(record).map_err(TimeProblem::Invalid)? {
                None => self.in_source_zone(wall),
                Some(zone) => resolved(&zone, wall),
            },
        }
    }

    /// The start of a row that was expanded from a recurrence rule.
    fn occurrence_start(&self, record: &Record<'_>) -> Option<Start> {
        self.columns.recurrence.as_ref()?;
        let text = record.text(&self.series_start)?;
        Some(Start { at: to_micros(text.parse().ok()?), is_ambiguous: false })
    }

    fn start_text(&mut self, record: &Record<'_>) -> Result<StartText, TimeProblem> {
        let read = match &self.columns.starts_at {
            StartColumns::One(column) => {
                let text = record.text(column);
                text.as_deref().and_then(|text| dates::read(text, &self.columns.date_format))
            }
            StartColumns::DateAndTime { date, time } => match (record.text(date), record.text(time)) {
                (Some(date), Some(time)) => dates::read_both(&date, &time, &self.columns.date_format),
                _ => None,
            },
            StartColumns::Receipt => {
                let receipt = record.text(&Column::new(RECEIVED_AT));
                receipt.and_then(|text| text.parse().ok()).map(StartText::Instant)
            }
        };
        read.ok_or_else(|| TimeProblem::Invalid(self.unreadable(record)))
    }

    /// The sentence of an `invalid_time`: which column, which format, and a proposal; never the value.
    fn unreadable(&mut self, record: &Record<'_>) -> String {
        let (name, value) = match &self.columns.starts_at {
            StartColumns::One(column) => (format!("`{}`", column.as_str()), record.text(column).map(Cow::into_owned)),
            StartColumns::DateAndTime { date, time } => {
                let value = record.text(date).zip(record.text(time)).map(|(date, time)| format!("{date} {time}"));
                (format!("`{}` with `{}`", date.as_str(), time.as_str()), value)
            }
            StartColumns::Receipt => ("its receipt".to_owned(), None),
        };
        let Some(value) = value.filter(|value| !value.trim().is_empty()) else {
            let nested = nested_in(record, self.columns.starts_at.columns());
            return nested.unwrap_or_else(|| format!("{name}: there is no date and time"));
        };
        let expected = match &self.columns.date_format {
            DateFormat::Iso => "ISO 8601".to_owned(),
            DateFormat::Excel => "a spreadsheet's serial number with a time of day".to_owned(),
            DateFormat::Epoch => "seconds since 1970".to_owned(),
            DateFormat::EpochMs => "milliseconds since 1970".to_owned(),
            DateFormat::Patterns(patterns) => format!("`{}`", patterns.join("`, `")),
        };
        if self.proposals == 0 {
            return format!("{name} doesn't read as {expected}");
        }
        self.proposals -= 1;
        format!("{name} doesn't read as {expected}; {}", dates::proposal(&value))
    }

    /// The zone that the row's own column names; `None` when the source's is meant.
    ///
    /// # Errors
    /// A sentence, when there is no such zone.
    pub fn row_zone(&mut self, record: &Record<'_>) -> Result<Option<Zone>, String> {
        zone_in(record, self.columns.timezone.as_ref(), &self.zones, &mut self.row_zones)
    }

    /// Where the person is: `recipient_timezone`, else the row's zone, else the schedule's. A zone that is no place (`UTC`,
    /// `-05:00`) says only how the time is written.
    ///
    /// # Errors
    /// A sentence, when a zone is named that doesn't exist.
    pub fn recipient_zone(&mut self, record: &Record<'_>) -> Result<Zone, String> {
        let own = zone_in(record, self.columns.recipient_timezone.as_ref(), &self.zones, &mut self.row_zones)?;
        match own.filter(Zone::is_place) {
            Some(zone) => Ok(zone),
            None => {
                let of_row = self.row_zone(record)?.filter(Zone::is_place);
                Ok(of_row.unwrap_or_else(|| self.home.clone()))
            }
        }
    }

    fn in_source_zone(&mut self, wall: DateTime) -> Result<Start, TimeProblem> {
        match self.days.instant(wall.date(), wall.time()) {
            Some(at) => Ok(Start { at: to_micros(at), is_ambiguous: false }),
            None => resolved(self.days.zone(), wall),
        }
    }

    /// When the row wants its call, in the columns that requests have.
    ///
    /// # Errors
    /// When one of them doesn't read as a time, or is too far ahead of `now` (UTC).
    pub fn call_times(&mut self, record: &Record<'_>, now: Timestamp) -> Result<CallTimes, TimeProblem> {
        if self.columns.call_at.is_none() && self.columns.expires.is_none() {
            return Ok(CallTimes::default());
        }
        let (call_at, expires) = (self.columns.call_at.clone(), self.columns.expires.clone());
        let call_at = self.moment(record, call_at.as_ref())?;
        if call_at.is_some_and(|at| now.duration_until(at) > FURTHEST_CALL) {
            return Err(TimeProblem::Invalid("the time of the call is more than a year ahead".to_owned()));
        }
        Ok(CallTimes { call_at, expires: self.moment(record, expires.as_ref())? })
    }

    /// The instant in a column; `None` where the column is empty or not mapped.
    fn moment(&mut self, record: &Record<'_>, column: Option<&Column>) -> Result<Option<Timestamp>, TimeProblem> {
        let Some(column) = column else { return Ok(None) };
        if let Some(sentence) = nested_in(record, [column]) {
            return Err(TimeProblem::Invalid(sentence));
        }
        let Some(text) = record.text(column).and_then(trimmed) else { return Ok(None) };
        let Some(read) = dates::read(&text, &self.columns.date_format) else {
            return Err(TimeProblem::Invalid(format!("`{}` doesn't read as a date and time", column.as_str())));
        };
        Ok(Some(match read {
            StartText::Instant(at) => to_micros(at),
            StartText::Wall(wall) => match self.row_zone(record).map_err(TimeProblem::Invalid)? {
                None => self.in_source_zone(wall)?.at,
                Some(zone) => resolved(&zone, wall)?.at,
            },
        }))
    }

    /// The priority that the row asks for: which calls of an account are made first.
    #[must_use]
    pub fn priority(&self, record: &Record<'_>) -> Priority {
        let text = self.columns.priority.as_ref().and_then(|column| record.text(column));
        text.map_or(Priority::Normal, |text| Priority::of_word(&text))
    }

    /// The status, as written.
    #[must_use]
    pub fn status<'r>(&self, record: &Record<'r>) -> Option<Cow<'r, str>> {
        record.text(self.columns.status.as_ref()?)
    }
}

fn zone_in(
    record: &Record<'_>,
    column: Option<&Column>,
    zones: &Zones,
    known: &mut HashMap<String, Result<Zone, String>>,
) -> Result<Option<Zone>, String> {
    let Some(column) = column else { return Ok(None) };
    if let Some(sentence) = nested_in(record, [column]) {
        return Err(sentence);
    }
    let Some(name) = record.text(column).and_then(trimmed) else { return Ok(None) };
    let zone = match known.get(name.as_ref()) {
        Some(zone) => zone.clone(),
        None => {
            let zone = zones.zone_of_row(&name).map_err(|error| error.remedy);
            known.insert(name.clone().into_owned(), zone.clone());
            zone
        }
    };
    zone.map(Some).map_err(|remedy| format!("`{}` names no known time zone: `{name}`; {remedy}", column.as_str()))
}

/// The message for the first of these columns that holds an object or a list, which can't be an id but isn't empty.
pub(crate) fn nested_in<'c>(record: &Record<'_>, columns: impl IntoIterator<Item = &'c Column>) -> Option<String> {
    columns.into_iter().find_map(|column| Some(column.nested_sentence(&*record.nested(column)?)))
}

/// The part of an id that one column gives; `None` where the cell is empty, holds a word for a missing value, or was rounded.
fn id_part(cell: Cow<'_, str>) -> Option<Cow<'_, str>> {
    match ids::read(cell) {
        IdPart::Text(text) => Some(text),
        IdPart::Nothing | IdPart::Rounded => None,
    }
}

pub(crate) fn trimmed(text: Cow<'_, str>) -> Option<Cow<'_, str>> {
    let cut = match text {
        Cow::Borrowed(text) => Cow::Borrowed(unseen::trim(text)),
        Cow::Owned(text) if unseen::trim(&text).len() == text.len() => Cow::Owned(text),
        Cow::Owned(text) => Cow::Owned(unseen::trim(&text).to_owned()),
    };
    (!cut.is_empty()).then_some(cut)
}

/// Cuts to microseconds, the ledger's resolution, so that a key read back equals the one written.
#[must_use]
pub fn to_micros(at: Timestamp) -> Timestamp {
    if at.subsec_nanosecond() % 1_000 == 0 {
        return at;
    }
    Timestamp::from_microsecond(at.as_microsecond()).unwrap_or(at)
}

fn resolved(zone: &Zone, wall: DateTime) -> Result<Start, TimeProblem> {
    match zone.resolve(wall) {
        WallMeaning::Once(at) => Ok(Start { at: to_micros(at), is_ambiguous: false }),
        WallMeaning::Twice { first, second: _ } => Ok(Start { at: to_micros(first), is_ambiguous: true }),
        WallMeaning::Gap { after } => Err(TimeProblem::NoSuchTime(format!(
            "{} doesn't exist in {}: clocks go forward to {}",
            wall.strftime("%Y-%m-%d %H:%M"),
            zone.name(),
            zone.wall(after).strftime("%H:%M"),
        ))),
    }
}
