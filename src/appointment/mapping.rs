//! pure: which column means what, compiled once for a read: a borrowed record → id, start, zone, status, phone.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use jiff::civil::{Date, DateTime, Time};
use jiff::{SignedDuration, Timestamp, ToSpan as _};

use super::{AppointmentColumns, DateFormat, Start, StartColumns, StartText, dates};
use crate::row::{ColumnName, Header, Record};
use crate::zones::{Wall, Zone, Zones};

/// Stands between the parts of an id that is made of several columns; inside a part it is written `\|`, so that two
/// different rows never join to the same id.
const ID_SEPARATOR: char = '|';

/// Proposing a format tries hundreds of them: after so many unreadable rows the message does without.
const PROPOSALS: usize = 100;

/// Reads records by `[appointment]`. Keeps what it learned about zones and days from row to row.
#[derive(Debug, Clone)]
pub struct Mapping {
    columns: AppointmentColumns,
    zone: Zone,
    zones: Zones,
    row_zones: HashMap<String, Option<Zone>>,
    days: Vec<Day>,
    written_days: WrittenDays,
    places: Places,
    joined: String,
    proposals: usize,
}

/// What daylight saving does to a calendar day of the schedule's zone.
#[derive(Debug, Clone, Copy)]
enum Day {
    /// Not asked for yet.
    Unknown,
    /// It has 24 hours; its midnight in seconds (UTC).
    Regular(i64),
    /// The offset changes: each time is looked up by itself.
    Odd,
}

/// The years whose days are remembered; any other is looked up each time.
const REMEMBERED_YEARS: std::ops::Range<i16> = 1990..2110;

/// Where the columns that every row is asked for stand in a text table: a name is looked up once a table, not a row.
#[derive(Debug, Clone, Default)]
struct Places {
    header: Option<Arc<Header>>,
    id: Option<usize>,
    start: Option<usize>,
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
            zone: zone.clone(),
            zones: zones.clone(),
            row_zones: HashMap::new(),
            days: Vec::new(),
            written_days: WrittenDays::default(),
            places: Places::default(),
            joined: String::new(),
            proposals: PROPOSALS,
        }
    }

    /// The same mapping before the first record, what it learned of zones and days kept.
    #[must_use]
    pub fn anew(&self) -> Self {
        Self { proposals: PROPOSALS, ..self.clone() }
    }

    /// The columns it was made of.
    #[must_use]
    pub fn columns(&self) -> &AppointmentColumns {
        &self.columns
    }

    /// The appointment's id without outer blanks; `None` when every column of it is empty.
    #[must_use]
    pub fn id<'r>(&mut self, record: &Record<'r>) -> Option<Cow<'r, str>> {
        if let [column] = self.columns.id.as_slice() {
            return match *record {
                Record::Text { header, fields } => {
                    self.places.learn(header, &self.columns);
                    trimmed(Cow::Borrowed(fields.get(self.places.id?)?))
                }
                Record::Tree(_) | Record::Broken(_) => trimmed(record.text(column)?),
            };
        }
        let parts: Vec<_> = self.columns.id.iter().map(|column| record.text(column).and_then(trimmed)).collect();
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

    /// Whether the record has an id, without making it where that can be seen sooner.
    #[must_use]
    pub fn has_id(&mut self, record: &Record<'_>) -> bool {
        if let (Record::Text { header, fields }, [_]) = (*record, self.columns.id.as_slice()) {
            self.places.learn(header, &self.columns);
            let first = self.places.id.and_then(|place| fields.bytes(place)).and_then(<[u8]>::first);
            if first.is_some_and(u8::is_ascii_graphic) {
                return true;
            }
        }
        self.id(record).is_some()
    }

    /// The start, cut to the microsecond (the ledger's resolution).
    ///
    /// # Errors
    /// When it fits no format, its zone is unknown, or the wall clock skips it.
    pub fn start(&mut self, record: &Record<'_>) -> Result<Start, TimeProblem> {
        let Some((date, time)) = self.iso_wall(record) else { return self.start_in_full(record) };
        if let Some(midnight) = self.written_days.midnight(date) {
            return start_on(midnight, time);
        }
        let start = self.start_in_full(record)?;
        if let Some(Day::Regular(midnight)) = self.day_of(date) {
            self.written_days.learn(date, midnight);
        }
        Ok(start)
    }

    /// The date and time of a plain column in ISO 8601, when they are told in the schedule's zone.
    fn iso_wall(&mut self, record: &Record<'_>) -> Option<([u8; 10], Time)> {
        let Record::Text { header, fields } = *record else { return None };
        if self.columns.date_format != DateFormat::Iso || self.columns.timezone.is_some() {
            return None;
        }
        self.places.learn(header, &self.columns);
        dates::iso_wall(fields.get(self.places.start?)?)
    }

    /// The day of a date that was read before.
    fn day_of(&mut self, date: [u8; 10]) -> Option<Day> {
        let date: Date = std::str::from_utf8(&date).ok()?.parse().ok()?;
        Some(self.day(date))
    }

    fn start_in_full(&mut self, record: &Record<'_>) -> Result<Start, TimeProblem> {
        match self.start_text(record)? {
            StartText::Instant(at) => Ok(Start { at: to_micros(at), is_ambiguous: false }),
            StartText::Wall(wall) => match self.row_zone(record).map_err(TimeProblem::Invalid)? {
                None => self.in_schedule_zone(wall),
                Some(zone) => resolved(&zone, wall),
            },
        }
    }

    fn start_text(&mut self, record: &Record<'_>) -> Result<StartText, TimeProblem> {
        let read = match &self.columns.starts_at {
            StartColumns::One(column) => {
                let text = match *record {
                    Record::Text { header, fields } => {
                        self.places.learn(header, &self.columns);
                        self.places.start.and_then(|place| fields.get(place)).map(Cow::Borrowed)
                    }
                    Record::Tree(_) | Record::Broken(_) => record.text(column),
                };
                text.as_deref().and_then(|text| dates::read(text, &self.columns.date_format))
            }
            StartColumns::DateAndTime { date, time } => match (record.text(date), record.text(time)) {
                (Some(date), Some(time)) => {
                    self.joined.clear();
                    self.joined.push_str(date.trim());
                    self.joined.push(' ');
                    self.joined.push_str(time.trim());
                    joined_start(&self.joined, &self.columns.date_format)
                }
                _ => None,
            },
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
        };
        let Some(value) = value.filter(|value| !value.trim().is_empty()) else {
            return format!("{name}: there is no date and time");
        };
        let expected = match &self.columns.date_format {
            DateFormat::Iso => "ISO 8601".to_owned(),
            DateFormat::Excel => "a spreadsheet's serial number".to_owned(),
            DateFormat::Patterns(patterns) => format!("`{}`", patterns.join("`, `")),
        };
        if self.proposals == 0 {
            return format!("{name} doesn't read as {expected}");
        }
        self.proposals -= 1;
        format!("{name} doesn't read as {expected}; {}", dates::proposal(&value))
    }

    /// The zone that the row's own column names; `None` when the schedule's is meant.
    ///
    /// # Errors
    /// A sentence, when there is no such zone.
    pub fn row_zone(&mut self, record: &Record<'_>) -> Result<Option<Zone>, String> {
        zone_in(record, self.columns.timezone.as_ref(), &self.zones, &mut self.row_zones)
    }

    /// Where the person is: `recipient_timezone`, else the row's zone, else the schedule's.
    ///
    /// # Errors
    /// A sentence, when a zone is named that doesn't exist.
    pub fn recipient_zone(&mut self, record: &Record<'_>) -> Result<Zone, String> {
        let own = zone_in(record, self.columns.recipient_timezone.as_ref(), &self.zones, &mut self.row_zones)?;
        match own {
            Some(zone) => Ok(zone),
            None => Ok(self.row_zone(record)?.unwrap_or_else(|| self.zone.clone())),
        }
    }

    /// A wall-clock time in the schedule's zone: most days have one offset from midnight to midnight, which is learned once.
    fn in_schedule_zone(&mut self, wall: DateTime) -> Result<Start, TimeProblem> {
        match self.day(wall.date()) {
            Day::Odd | Day::Unknown => resolved(&self.zone, wall),
            Day::Regular(midnight) => start_on(midnight, wall.time()),
        }
    }

    fn day(&mut self, date: Date) -> Day {
        if !REMEMBERED_YEARS.contains(&date.year()) {
            return Day::Unknown;
        }
        let years = usize::try_from(date.year() - REMEMBERED_YEARS.start).unwrap_or(0);
        let in_year = usize::try_from((i16::from(date.month()) - 1) * 31 + i16::from(date.day()) - 1).unwrap_or(0);
        let place = years * DAY_PLACES + in_year;
        if self.days.is_empty() {
            self.days = vec![Day::Unknown; REMEMBERED_YEARS.len() * DAY_PLACES];
        }
        match self.days[place] {
            Day::Unknown => {
                let day = day_in(&self.zone, date);
                self.days[place] = day;
                day
            }
            known @ (Day::Regular(_) | Day::Odd) => known,
        }
    }

    /// The status, as written.
    #[must_use]
    pub fn status<'r>(&self, record: &Record<'r>) -> Option<Cow<'r, str>> {
        record.text(self.columns.status.as_ref()?)
    }
}

/// A time of a day that has 24 hours.
fn start_on(midnight: i64, time: Time) -> Result<Start, TimeProblem> {
    let (hour, minute, second) = (i64::from(time.hour()), i64::from(time.minute()), i64::from(time.second()));
    match Timestamp::new(midnight + hour * 3600 + minute * 60 + second, time.subsec_nanosecond()) {
        Ok(at) => Ok(Start { at: to_micros(at), is_ambiguous: false }),
        Err(_) => Err(TimeProblem::Invalid("the date lies outside the years that can be told".into())),
    }
}

/// The midnights (seconds, UTC) of dates as they were written. One place serves several dates; the last one has it.
#[derive(Debug, Clone, Default)]
struct WrittenDays {
    places: Vec<Option<([u8; 10], i64)>>,
}

impl WrittenDays {
    const PLACES: usize = 512;

    fn place(date: [u8; 10]) -> usize {
        let digit = |at: usize| usize::from(date[at] & 15);
        (digit(5) * 310 + digit(6) * 31 + digit(8) * 10 + digit(9)) % Self::PLACES
    }

    fn midnight(&self, date: [u8; 10]) -> Option<i64> {
        let (known, midnight) = (*self.places.get(Self::place(date))?)?;
        (known == date).then_some(midnight)
    }

    fn learn(&mut self, date: [u8; 10], midnight: i64) {
        self.places.resize(Self::PLACES, None);
        self.places[Self::place(date)] = Some((date, midnight));
    }
}

/// Twelve months of 31 places: a date's place is found without a calendar.
const DAY_PLACES: usize = 12 * 31;

impl Places {
    fn learn(&mut self, header: &Arc<Header>, columns: &AppointmentColumns) {
        if self.header.as_ref().is_some_and(|known| Arc::ptr_eq(known, header)) {
            return;
        }
        self.id = columns.id.first().and_then(|column| header.place(column.as_str()));
        self.start = match &columns.starts_at {
            StartColumns::One(column) => header.place(column.as_str()),
            StartColumns::DateAndTime { .. } => None,
        };
        self.header = Some(Arc::clone(header));
    }
}

fn zone_in(
    record: &Record<'_>,
    column: Option<&ColumnName>,
    zones: &Zones,
    known: &mut HashMap<String, Option<Zone>>,
) -> Result<Option<Zone>, String> {
    let Some(column) = column else { return Ok(None) };
    let Some(name) = record.text(column).and_then(trimmed) else { return Ok(None) };
    let zone = match known.get(name.as_ref()) {
        Some(zone) => zone.clone(),
        None => {
            let zone = zones.zone_of_row(&name).ok();
            known.insert(name.clone().into_owned(), zone.clone());
            zone
        }
    };
    zone.map(Some).ok_or_else(|| format!("`{}` names no known time zone: `{name}`", column.as_str()))
}

/// Two columns joined by a blank; an ISO date column may carry a midnight of its own (`2026-11-24T00:00:00`).
fn joined_start(joined: &str, format: &DateFormat) -> Option<StartText> {
    dates::read(joined, format).or_else(|| match format {
        DateFormat::Excel => {
            let (date, time) = joined.split_once(' ')?;
            let sum: f64 = date.parse::<f64>().ok()? + time.parse::<f64>().ok()?;
            dates::read(&sum.to_string(), format)
        }
        DateFormat::Iso | DateFormat::Patterns(_) => None,
    })
}

pub(crate) fn trimmed(text: Cow<'_, str>) -> Option<Cow<'_, str>> {
    let cut = match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.trim()),
        Cow::Owned(text) if text.trim().len() == text.len() => Cow::Owned(text),
        Cow::Owned(text) => Cow::Owned(text.trim().to_owned()),
    };
    (!cut.is_empty()).then_some(cut)
}

/// The ledger keeps microseconds; a key must read back as it was written.
#[must_use]
pub fn to_micros(at: Timestamp) -> Timestamp {
    if at.subsec_nanosecond() % 1_000 == 0 {
        return at;
    }
    Timestamp::from_microsecond(at.as_microsecond()).unwrap_or(at)
}

fn day_in(zone: &Zone, date: Date) -> Day {
    let midnight = date.at(0, 0, 0, 0);
    let Ok(next) = midnight.checked_add(1.day()) else { return Day::Odd };
    let (Wall::Once(from), Wall::Once(until)) = (zone.resolve(midnight), zone.resolve(next)) else { return Day::Odd };
    if from.duration_until(until) != SignedDuration::from_hours(24) {
        return Day::Odd;
    }
    Day::Regular(from.as_second())
}

fn resolved(zone: &Zone, wall: DateTime) -> Result<Start, TimeProblem> {
    match zone.resolve(wall) {
        Wall::Once(at) => Ok(Start { at: to_micros(at), is_ambiguous: false }),
        Wall::Twice { first, second: _ } => Ok(Start { at: to_micros(first), is_ambiguous: true }),
        Wall::Gap { after } => Err(TimeProblem::NoSuchTime(format!(
            "{} doesn't exist in {}: clocks go forward to {}",
            wall.strftime("%Y-%m-%d %H:%M"),
            zone.name(),
            zone.wall(after).strftime("%H:%M"),
        ))),
    }
}

/// Whether a flag column says yes: `true`, `yes`, `y`, `x`, `1`, `on`, in any case.
#[must_use]
pub fn is_true(text: Option<&str>) -> bool {
    let Some(text) = text.map(str::trim) else { return false };
    ["true", "yes", "y", "x", "1", "on"].iter().any(|word| text.eq_ignore_ascii_case(word))
}
