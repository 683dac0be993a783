//! pure: the events of a calendar (iCalendar, RFC 5545) become rows: series expanded inside the window, exceptions applied.
//! A zone's name means its current law; what a calendar brings along decides only for names that nobody knows.

use std::collections::HashSet;
use std::ops::ControlFlow;

use serde_json::{Map, Value};

use super::{FormatAsk, FormatError, FormatReport};
use crate::row::{OCCURRENCE, Record, RecordSink};
use crate::schedule::CalendarShape;
use events::{CalendarEnd, each_event};
use occurrences::{AllSeries, Occurrence, touches};
use times::{EventTime, TimeReader};

mod caldav;
mod embedded;
mod events;
mod lines;
mod occurrences;
#[cfg(test)]
mod tests;
mod times;

/// The columns that every event has, empty or not.
const FIELDS: [&str; 9] =
    ["uid", "summary", "description", "location", "status", "attendee", "organizer", "starts_at", "ends_at"];

/// Reads every event: single ones, and of series what happens in the window.
///
/// # Errors
/// When it is no calendar; with `may_pass` when its end is missing.
pub fn read(
    bytes: &[u8],
    shape: &CalendarShape,
    ask: &FormatAsk<'_>,
    sink: &mut dyn RecordSink,
) -> Result<FormatReport, FormatError> {
    let text = text_of(bytes)?;
    let mut times = TimeReader::new(shape);
    let mut held = AllSeries::default();
    let mut out = EventSink { sink, rows: 0, number: ask.first_row - 1, is_stopped: false };
    let end = each_event(&text, &mut times, &mut |event, _| {
        out.number += 1;
        let in_window = event.start.as_ref().is_some_and(|start| touches(start, ask.window));
        let is_held = event.is_series() || event.replaces.is_some() || in_window || held.has(&event.uid);
        match (event.fault, &event.start) {
            (Some(fault), _) => out.broken(fault),
            (None, None) => out.broken("the event has no start"),
            (None, Some(_)) if is_held => held.of(&event.uid.clone()).take(event),
            // outside the window, only counted; a whole day has no time to be counted by
            (None, Some(EventTime::Day(_))) => {}
            (None, Some(start)) => out.give(&Occurrence { event: &event, start: start.clone(), original: None }),
        }
    });
    match end {
        CalendarEnd::Whole => {}
        CalendarEnd::Cut => {
            return Err(FormatError::cut("the calendar's end is missing: it is being written, or was cut"));
        }
        CalendarEnd::Absent if text.trim().is_empty() => {}
        CalendarEnd::Absent => return Err(FormatError::wrong("this is no calendar: it has no `BEGIN:VCALENDAR`")),
    }
    for series in held.iter() {
        match series.occurrences(ask.window) {
            Ok(occurrences) => occurrences.iter().for_each(|occurrence| out.give(occurrence)),
            Err(reason) => out.broken(&reason),
        }
    }
    Ok(FormatReport {
        rows: out.rows,
        is_stopped: out.is_stopped,
        columns: FIELDS.map(str::to_owned).to_vec(),
        has_rows_place: true,
        ..FormatReport::default()
    })
}

/// Refuses a text that is not empty and has no calendar: of several files that are read as one each must be one.
///
/// # Errors
/// When it is another kind of file, named for what it is, or a text without a calendar.
pub fn demand_calendar(bytes: &[u8]) -> Result<(), FormatError> {
    if bytes.trim_ascii().is_empty() {
        return Ok(());
    }
    if let Some(kind) = super::kind_of(bytes).filter(|kind| *kind != super::FileKind::Calendar) {
        return Err(FormatError::wrong(kind.instead_of("a calendar")));
    }
    match bytes.windows(BEGIN.len()).any(|part| part.eq_ignore_ascii_case(BEGIN)) {
        true => Ok(()),
        false => Err(FormatError::wrong("this is no calendar: it has no `BEGIN:VCALENDAR`")),
    }
}

/// How a calendar begins.
const BEGIN: &[u8] = b"BEGIN:VCALENDAR";

/// The columns that its events have.
///
/// # Errors
/// Those of [`read`].
pub fn columns(bytes: &[u8], shape: &CalendarShape) -> Result<Vec<String>, FormatError> {
    let text = text_of(bytes)?;
    let mut times = TimeReader::new(shape);
    let mut columns: Vec<String> = FIELDS.map(str::to_owned).to_vec();
    let mut known: HashSet<String> = columns.iter().cloned().collect();
    each_event(&text, &mut times, &mut |event, _| {
        let fresh: Vec<String> = event.fields.keys().filter(|name| !known.contains(*name)).cloned().collect();
        columns.extend(fresh.iter().cloned());
        known.extend(fresh);
    });
    Ok(columns)
}

/// The calendar's text; that of all calendars of a CalDAV answer.
fn text_of(bytes: &[u8]) -> Result<String, FormatError> {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text.trim_start_matches('\u{feff}').to_owned(),
        Err(_) => encoding_rs::WINDOWS_1252.decode(bytes).0.into_owned(),
    };
    if text.trim_start().starts_with('<') { caldav::calendars(&text) } else { Ok(text) }
}

/// Gives events to a sink as rows.
struct EventSink<'s> {
    sink: &'s mut dyn RecordSink,
    rows: u64,
    /// The number of the event in the text.
    number: u64,
    is_stopped: bool,
}

impl EventSink<'_> {
    fn broken(&mut self, reason: &str) {
        self.hand_on(Record::Broken(reason));
    }

    fn give(&mut self, occurrence: &Occurrence<'_>) {
        let row = row_of(occurrence);
        self.hand_on(Record::Tree(&row));
    }

    fn hand_on(&mut self, record: Record<'_>) {
        if self.is_stopped {
            return;
        }
        self.rows += 1;
        self.is_stopped = self.sink.record(self.rows, record) == ControlFlow::Break(());
    }
}

fn row_of(occurrence: &Occurrence<'_>) -> Map<String, Value> {
    let Occurrence { event, start, original } = occurrence;
    let mut row = Map::with_capacity(FIELDS.len() + 1);
    for name in FIELDS {
        row.insert(name.to_owned(), event.fields.get(name).cloned().unwrap_or(Value::Null));
    }
    row.insert("starts_at".to_owned(), Value::from(start.text()));
    row.insert("ends_at".to_owned(), event.end_of(start).map_or(Value::Null, |end| Value::from(end.text())));
    for (name, value) in &event.fields {
        row.entry(name.clone()).or_insert_with(|| value.clone());
    }
    if let Some(original) = original {
        row.insert(OCCURRENCE.to_owned(), Value::from(mark(original)));
    }
    row
}

/// The original start in UTC, as ids of occurrences carry it.
fn mark(original: &EventTime) -> String {
    match (original, original.instant()) {
        (_, Some(at)) => at.strftime("%Y%m%dT%H%M%SZ").to_string(),
        (EventTime::Day(date), None) => date.strftime("%Y%m%d").to_string(),
        (_, None) => original.wall().strftime("%Y%m%dT%H%M%S").to_string(),
    }
}
