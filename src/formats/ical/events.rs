//! pure: the events of a calendar as they are written, each with its properties and times.

use serde_json::{Map, Value};

use super::embedded::{EmbeddedZone, Observance};
use super::lines::{ContentLine, lines};
use super::times::{EventTime, TimeReader};
use crate::zones::SeriesRule;

/// One VEVENT.
#[derive(Clone, Default)]
pub(super) struct CalendarEvent {
    pub(super) uid: String,
    pub(super) start: Option<EventTime>,
    end: Option<EventTime>,
    duration: Option<jiff::SignedDuration>,
    pub(super) rules: Vec<SeriesRule>,
    pub(super) dates: Vec<EventTime>,
    pub(super) excluded: Vec<EventTime>,
    /// The original start of the one occurrence that it describes.
    pub(super) replaces: Option<EventTime>,
    /// Whether it describes every later one too.
    pub(super) and_future: bool,
    pub(super) sequence: u64,
    /// Texts by name in lower case.
    pub(super) fields: Map<String, Value>,
    /// Why it can't be used.
    pub(super) fault: Option<&'static str>,
}

impl CalendarEvent {
    pub(super) fn is_series(&self) -> bool {
        !self.rules.is_empty() || !self.dates.is_empty()
    }

    /// The event's end if it began at `start` instead of its own start.
    pub(super) fn end_of(&self, start: &EventTime) -> Option<EventTime> {
        let own = self.start.as_ref()?;
        let length = match (&self.end, self.duration) {
            (Some(end), _) => own.wall_of(end)?.duration_since(own.wall()),
            (None, Some(duration)) => duration,
            (None, None) => return None,
        };
        Some(start.at(start.wall().saturating_add(length)))
    }

    fn take(&mut self, line: &ContentLine<'_>, times: &mut TimeReader<'_>) {
        let mut read_all = |fault: &mut Option<&'static str>, word: &'static str| {
            let values = line.value.split(',').filter(|value| !value.trim().is_empty());
            let values = values.map(|value| value.split('/').next().unwrap_or(value));
            let read: Vec<Option<EventTime>> = values.map(|value| times.read(line, value)).collect();
            if read.iter().any(Option::is_none) {
                *fault = Some(word);
            }
            read.into_iter().flatten().collect::<Vec<_>>()
        };
        match line.name.to_ascii_uppercase().as_str() {
            "UID" => {
                self.uid = line.text().trim().to_owned();
                self.fields.insert("uid".to_owned(), Value::from(self.uid.as_str()));
            }
            "DTSTART" => self.start = read_all(&mut self.fault, "its start can't be read").pop(),
            "DTEND" => self.end = read_all(&mut self.fault, "its end can't be read").pop(),
            "RECURRENCE-ID" => {
                self.replaces = read_all(&mut self.fault, "its `RECURRENCE-ID` can't be read").pop();
                self.and_future =
                    line.parameter("RANGE").is_some_and(|range| range.eq_ignore_ascii_case("THISANDFUTURE"));
            }
            "RDATE" => self.dates.extend(read_all(&mut self.fault, "its `RDATE` can't be read")),
            "EXDATE" => self.excluded.extend(read_all(&mut self.fault, "its `EXDATE` can't be read")),
            "DURATION" => self.duration = line.value.trim().parse().ok(),
            "RRULE" => match SeriesRule::read(line.value) {
                Ok(rule) => self.rules.push(rule),
                Err(_) => self.fault = Some("its recurrence rule can't be read"),
            },
            "SEQUENCE" => self.sequence = line.value.trim().parse().unwrap_or(0),
            "DTSTAMP" | "CREATED" | "LAST-MODIFIED" | "TRANSP" | "CLASS" | "PRIORITY" | "ATTACH" => {}
            name => self.add_field(name, line),
        }
    }

    /// Adds any other property as text; several of one name are joined.
    fn add_field(&mut self, name: &str, line: &ContentLine<'_>) {
        let text = line.text();
        let text = without_scheme(text.trim());
        if text.is_empty() {
            return;
        }
        match self.fields.entry(name.to_ascii_lowercase()) {
            serde_json::map::Entry::Vacant(entry) => {
                entry.insert(Value::from(text));
            }
            serde_json::map::Entry::Occupied(mut entry) => {
                if let Value::String(before) = entry.get_mut() {
                    before.push_str(", ");
                    before.push_str(text);
                }
            }
        }
    }
}

/// An attendee is written as an address: `mailto:jane@x.test`, `tel:+12025550143`.
fn without_scheme(text: &str) -> &str {
    let known = ["mailto:", "tel:", "sms:"];
    let scheme =
        known.iter().find(|scheme| text.get(..scheme.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(scheme)));
    scheme.map_or(text, |scheme| &text[scheme.len()..])
}

/// Whether a text is whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CalendarEnd {
    Whole,
    /// A part that began has no end.
    Cut,
    /// There is no calendar at all.
    Absent,
}

/// Gives each event in the order of the text.
pub(super) fn each_event(
    text: &str,
    times: &mut TimeReader<'_>,
    sink: &mut dyn FnMut(CalendarEvent, &mut TimeReader<'_>),
) -> CalendarEnd {
    let mut open: Vec<String> = Vec::new();
    let mut event = CalendarEvent::default();
    let (mut zone_name, mut parts) = (String::new(), Vec::new());
    let (mut is_calendar, mut is_cancellation) = (false, false);
    for line in lines(text) {
        let Some(line) = ContentLine::split(&line) else { continue };
        let is_in = |name: &str| open.last().is_some_and(|last| last == name);
        if line.is("BEGIN") {
            let name = line.value.trim().to_ascii_uppercase();
            is_calendar |= name == "VCALENDAR";
            match name.as_str() {
                "VCALENDAR" => is_cancellation = false,
                "VEVENT" => event = CalendarEvent::default(),
                "VTIMEZONE" => (zone_name, parts) = (String::new(), Vec::new()),
                "STANDARD" | "DAYLIGHT" => parts.push(Observance::default()),
                _ => {}
            }
            open.push(name);
        } else if line.is("END") {
            let name = open.pop().unwrap_or_default();
            if name == "VEVENT" {
                if is_cancellation {
                    event.fields.insert("status".to_owned(), Value::from("CANCELLED"));
                }
                sink(std::mem::take(&mut event), times);
            } else if name == "VTIMEZONE"
                && let Some(zone) = EmbeddedZone::of(&parts)
            {
                times.embed(&zone_name, zone);
            }
        } else if is_in("VEVENT") {
            event.take(&line, times);
        } else if is_in("VCALENDAR") && line.is("METHOD") {
            // a message that withdraws its events (RFC 5546, 3.2.5)
            is_cancellation = line.value.trim().eq_ignore_ascii_case("CANCEL");
        } else if is_in("VTIMEZONE") && line.is("TZID") {
            line.text().trim().clone_into(&mut zone_name);
        } else if (is_in("STANDARD") || is_in("DAYLIGHT"))
            && let Some(part) = parts.last_mut()
        {
            part.take(&line);
        }
    }
    match (is_calendar, open.is_empty()) {
        (false, _) => CalendarEnd::Absent,
        (true, true) => CalendarEnd::Whole,
        (true, false) => CalendarEnd::Cut,
    }
}
