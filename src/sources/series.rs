//! shell: `appointment.recurrence`: a row of a table that holds a recurrence rule becomes its occurrences in the window.

use std::ops::ControlFlow;
use std::sync::Mutex;

use jiff::civil::{Date, DateTime};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::{ReadReport, ReadWindow, Source, SourceError};
use crate::appointment::mapping::Mapping;
use crate::row::{Column, Kept, OCCURRENCE, OCCURRENCE_START, Record, RecordSink, Restarts};
use crate::schedule::Schedule;
use crate::zones::{SeriesEnd, SeriesRule, WallMeaning, Zone, Zones};

/// A margin that is greater than any difference between a wall clock and UTC.
const MAX_OFFSET: SignedDuration = SignedDuration::from_hours(36);

/// A source that expands rows with a recurrence rule.
pub(super) struct SeriesSource {
    inner: Box<dyn Source>,
    /// Reads a row's start and zone; it remembers zones from row to row.
    mapping: Mutex<Mapping>,
    /// The zone of rows that name none.
    zone: Zone,
    rule: Column,
    exceptions: Option<Column>,
}

impl SeriesSource {
    pub(super) fn new(inner: Box<dyn Source>, schedule: &Schedule, rule: Column) -> Self {
        let columns = &schedule.appointment;
        Self {
            inner,
            mapping: Mutex::new(Mapping::new(columns, &schedule.zone, &Zones::newest())),
            zone: columns.source_timezone.as_ref().unwrap_or(&schedule.zone).clone(),
            rule,
            exceptions: columns.recurrence_exceptions.clone(),
        }
    }
}

impl Source for SeriesSource {
    fn read(&self, window: &ReadWindow, sink: &mut dyn RecordSink) -> Result<ReadReport, SourceError> {
        self.inner.read(window, &mut Expanding { source: self, window, sink })
    }

    fn columns(&self) -> Result<Option<Vec<String>>, SourceError> {
        self.inner.columns()
    }

    fn doubts(&self) -> Vec<String> {
        self.inner.doubts()
    }

    fn framework_in_utc(&self, column: &str) -> Option<&'static str> {
        self.inner.framework_in_utc(column)
    }
}

/// A sink that passes on a row with a recurrence rule once for each occurrence in the window.
struct Expanding<'s> {
    source: &'s SeriesSource,
    window: &'s ReadWindow,
    sink: &'s mut dyn RecordSink,
}

impl Expanding<'_> {
    /// The occurrences of a row in the window: the instant of each, and its original wall-clock time as an instant. `None` for a
    /// row without a rule, and for one whose start can't be read: the mapping reports that.
    fn occurrences(&self, record: &Record<'_>) -> Result<Option<Vec<Timestamp>>, String> {
        let Some(text) = record.text(&self.source.rule).filter(|text| !text.trim().is_empty()) else { return Ok(None) };
        let mut mapping = self.source.mapping.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let Ok(start) = mapping.start(record) else { return Ok(None) };
        let zone = mapping.row_zone(record).ok().flatten().unwrap_or_else(|| self.source.zone.clone());
        let rule = SeriesRule::read(&text)?;
        let first = zone.wall(start.at);
        let utc = |at: Timestamp| jiff::tz::Offset::UTC.to_datetime(at);
        let (from, until) =
            (utc(self.window.from).saturating_sub(MAX_OFFSET), utc(self.window.until).saturating_add(MAX_OFFSET));
        let exceptions = self.source.exceptions.as_ref().and_then(|column| record.text(column));
        let exceptions = exceptions.map_or(Ok(Vec::new()), |text| read_exceptions(&text))?;
        let starts =
            rule.starts(first, from, until)?.into_iter().filter(|wall| !is_excepted(*wall, &zone, &exceptions));
        let ends = |at: &Timestamp| matches!(rule.end(), SeriesEnd::At(last) if *at > last);
        let instants = starts.filter_map(|wall| instant(&zone, wall)).filter(|at| !ends(at));
        Ok(Some(instants.filter(|at| (self.window.from..self.window.until).contains(at)).collect()))
    }
}

impl RecordSink for Expanding<'_> {
    fn record(&mut self, number: u64, record: Record<'_>) -> ControlFlow<()> {
        let occurrences = match self.occurrences(&record) {
            Ok(None) => return self.sink.record(number, record),
            Ok(Some(occurrences)) => occurrences,
            Err(reason) => return self.sink.record(number, Record::Broken(&reason)),
        };
        let Some(row) = record.to_row() else { return ControlFlow::Continue(()) };
        let mut tree = row.to_object();
        for at in occurrences {
            tree.insert(OCCURRENCE.to_owned(), Value::from(at.strftime("%Y%m%dT%H%M%SZ").to_string()));
            tree.insert(OCCURRENCE_START.to_owned(), Value::from(at.to_string()));
            self.sink.record(number, Record::Tree(&tree))?;
        }
        ControlFlow::Continue(())
    }

    fn restarts(&self) -> Restarts {
        self.sink.restarts()
    }

    fn kept(&self) -> Kept {
        self.sink.kept()
    }

    fn restart(&mut self) {
        self.sink.restart();
    }
}

/// The instant of a wall-clock time: the first one where the clock shows it twice, none where the clock skips it.
fn instant(zone: &Zone, wall: DateTime) -> Option<Timestamp> {
    match zone.resolve(wall) {
        WallMeaning::Once(at) | WallMeaning::Twice { first: at, .. } => Some(at),
        WallMeaning::Gap { .. } => None,
    }
}

/// An occurrence that is cancelled, named by its day, wall-clock time or instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SeriesException {
    Day(Date),
    Wall(DateTime),
    At(Timestamp),
}

/// Reads a list of dates and times (ISO 8601 or iCalendar's notation) separated by commas, semicolons or blanks.
fn read_exceptions(text: &str) -> Result<Vec<SeriesException>, String> {
    let text = text.trim().trim_start_matches("EXDATE:");
    // the blank between a date and its time doesn't separate two entries
    let parts = text.split([',', ';', '\n', '|']).map(str::trim).filter(|part| !part.is_empty());
    parts.map(|part| read_exception(part).ok_or_else(|| "a date of its exceptions can't be read".to_owned())).collect()
}

fn read_exception(part: &str) -> Option<SeriesException> {
    if let Ok(at) = part.parse() {
        return Some(SeriesException::At(at));
    }
    if let Some(utc) = part.strip_suffix('Z') {
        let wall = DateTime::strptime("%Y%m%dT%H%M%S", utc).ok()?;
        return jiff::tz::Offset::UTC.to_timestamp(wall).ok().map(SeriesException::At);
    }
    if let Ok(date) = Date::strptime("%Y%m%d", part).or_else(|_| Date::strptime("%Y-%m-%d", part)) {
        return Some(SeriesException::Day(date));
    }
    let formats = ["%Y%m%dT%H%M%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M"];
    formats.iter().find_map(|format| DateTime::strptime(format, part).ok()).map(SeriesException::Wall)
}

fn is_excepted(wall: DateTime, zone: &Zone, exceptions: &[SeriesException]) -> bool {
    exceptions.iter().any(|exception| match exception {
        SeriesException::Day(date) => wall.date() == *date,
        SeriesException::Wall(at) => wall == *at,
        SeriesException::At(at) => instant(zone, wall) == Some(*at),
    })
}
