//! pure: when an event is: instants, wall clocks of known and of embedded zones, floating times, whole days.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::civil::{Date, DateTime};
use jiff::{SignedDuration, Timestamp};

use super::embedded::EmbeddedZone;
use super::lines::{ContentLine, unescaped};
use crate::appointment::dates::UNKNOWN_ZONE;
use crate::schedule::CalendarShape;
use crate::zones::{WallMeaning, Zone, Zones};

/// A date, or a time in its zone.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum EventTime {
    /// A whole day.
    Day(Date),
    /// An instant (UTC).
    Utc(Timestamp),
    /// A wall clock.
    Wall(DateTime, EventZone),
}

/// The zone on whose wall clock a time is written.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum EventZone {
    /// A zone of the database; the schedule's for floating times.
    Known(Zone),
    /// One that the calendar brings along.
    Embedded(Arc<EmbeddedZone>),
    /// A name that nobody explains.
    Unknown(Arc<str>),
}

impl EventZone {
    /// The instant of a wall clock; the first of two, and a skipped one by the offset before the gap (RFC 5545, 3.3.5).
    pub(super) fn instant(&self, wall: DateTime) -> Option<Timestamp> {
        match self {
            Self::Known(zone) => Some(in_zone(zone, wall)),
            Self::Embedded(zone) => zone.instant(wall),
            Self::Unknown(_) => None,
        }
    }

    /// The wall clock at an instant.
    pub(super) fn wall(&self, at: Timestamp) -> Option<DateTime> {
        match self {
            Self::Known(zone) => Some(zone.wall(at)),
            Self::Embedded(zone) => Some(zone.wall(at)),
            Self::Unknown(_) => None,
        }
    }
}

fn in_zone(zone: &Zone, wall: DateTime) -> Timestamp {
    match zone.resolve(wall) {
        WallMeaning::Once(at) => at,
        WallMeaning::Twice { first, .. } => first,
        WallMeaning::Gap { after } => {
            let second = SignedDuration::from_secs(1);
            let before = zone.wall(after.saturating_sub(second).unwrap_or(after));
            let gap_begins = before.saturating_add(second);
            after.saturating_add(wall.duration_since(gap_begins)).unwrap_or(after)
        }
    }
}

impl EventTime {
    /// The wall clock on which its series is counted.
    pub(super) fn wall(&self) -> DateTime {
        match self {
            Self::Day(date) => date.at(0, 0, 0, 0),
            Self::Utc(at) => jiff::tz::Offset::UTC.to_datetime(*at),
            Self::Wall(wall, _) => *wall,
        }
    }

    /// The same kind of time at another place of its wall clock.
    pub(super) fn at(&self, wall: DateTime) -> Self {
        match self {
            Self::Day(_) => Self::Day(wall.date()),
            Self::Utc(at) => Self::Utc(jiff::tz::Offset::UTC.to_timestamp(wall).unwrap_or(*at)),
            Self::Wall(_, zone) => Self::Wall(wall, zone.clone()),
        }
    }

    /// The instant (UTC); `None` for a whole day and for a zone that nobody knows.
    pub(super) fn instant(&self) -> Option<Timestamp> {
        match self {
            Self::Day(_) => None,
            Self::Utc(at) => Some(*at),
            Self::Wall(wall, zone) => zone.instant(*wall),
        }
    }

    /// The other time on the wall clock of this one.
    pub(super) fn wall_of(&self, other: &Self) -> Option<DateTime> {
        match (self, other) {
            (Self::Day(_), _) | (_, Self::Day(_)) => Some(other.wall().date().to_datetime(self.wall().time())),
            (Self::Utc(_), _) => Some(jiff::tz::Offset::UTC.to_datetime(other.instant()?)),
            (Self::Wall(_, zone), Self::Utc(at)) => zone.wall(*at),
            (Self::Wall(_, zone), Self::Wall(wall, other_zone)) if zone == other_zone => Some(*wall),
            (Self::Wall(_, zone), Self::Wall(..)) => zone.wall(other.instant()?),
        }
    }

    /// The time as a row shows it: RFC 3339, a date alone, or a wall clock with the name of a zone that nobody knows.
    pub(super) fn text(&self) -> String {
        match self {
            Self::Day(date) => date.to_string(),
            Self::Utc(at) => at.to_string(),
            Self::Wall(wall, EventZone::Known(zone)) => zone.rfc3339(in_zone(zone, *wall)),
            Self::Wall(wall, EventZone::Embedded(zone)) => match zone.instant(*wall) {
                Some(at) => at.to_string(),
                None => wall.to_string(),
            },
            Self::Wall(wall, EventZone::Unknown(name)) => format!("{wall}{UNKNOWN_ZONE}{name}"),
        }
    }
}

/// Reads the times of one calendar.
#[derive(Debug)]
pub(super) struct TimeReader<'z> {
    zones: &'z Zones,
    home: Option<&'z Zone>,
    embedded: HashMap<String, Arc<EmbeddedZone>>,
    known: HashMap<String, EventZone>,
}

impl<'z> TimeReader<'z> {
    pub(super) fn new(shape: &'z CalendarShape) -> Self {
        let (zones, home) = (&shape.zones, shape.home.as_ref());
        Self { zones, home, embedded: HashMap::new(), known: HashMap::new() }
    }

    /// A zone that the calendar brings along, for names that aren't known.
    pub(super) fn embed(&mut self, name: &str, zone: EmbeddedZone) {
        self.embedded.insert(name.to_owned(), Arc::new(zone));
        self.known.remove(name);
    }

    fn zone(&mut self, name: &str) -> EventZone {
        if let Some(zone) = self.known.get(name) {
            return zone.clone();
        }
        let zone = match (self.by_name(name), self.embedded.get(name)) {
            (Some(zone), _) => EventZone::Known(zone),
            (None, Some(zone)) => EventZone::Embedded(Arc::clone(zone)),
            (None, None) => EventZone::Unknown(name.into()),
        };
        self.known.insert(name.to_owned(), zone.clone());
        zone
    }

    /// IANA's name, also behind a path (`/mozilla.org/20050126_1/Europe/Berlin`), or Windows'.
    fn by_name(&self, name: &str) -> Option<Zone> {
        // IANA's links for the zones of North America; Outlook's address of UTC
        let links = [
            ("EST5EDT", "America/New_York"),
            ("CST6CDT", "America/Chicago"),
            ("MST7MDT", "America/Denver"),
            ("PST8PDT", "America/Los_Angeles"),
            ("tzone://Microsoft/Utc", "UTC"),
        ];
        let link = links.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        let name = link.map_or(name, |(_, zone)| zone);
        let tails = std::iter::successors(Some(name.trim_start_matches('/')), |tail| Some(tail.split_once('/')?.1));
        let mut tails = tails.filter(|tail| *tail == name || tail.contains('/'));
        tails.find_map(|tail| self.zones.zone_of_row(tail).ok())
    }

    /// A date or a time; `None` when it can't be read.
    pub(super) fn read(&mut self, line: &ContentLine<'_>, value: &str) -> Option<EventTime> {
        let value = value.trim();
        if let Some(utc) = value.strip_suffix(['Z', 'z']) {
            let wall = date_time(utc)?;
            return jiff::tz::Offset::UTC.to_timestamp(wall).ok().map(EventTime::Utc);
        }
        if let Some(wall) = date_time(value) {
            let zone = match line.parameter("TZID").filter(|name| !name.is_empty()) {
                // a parameter has no escapes (RFC 5545, 3.2), but programs write them there as they do in VTIMEZONE
                Some(name) => self.zone(unescaped(name).trim()),
                None => self.home.map_or_else(|| EventZone::Unknown("".into()), |home| EventZone::Known(home.clone())),
            };
            return Some(EventTime::Wall(wall, zone));
        }
        Date::strptime("%Y%m%d", value).or_else(|_| Date::strptime("%Y-%m-%d", value)).ok().map(EventTime::Day)
    }
}

/// `20280517T083000`; some programs leave the seconds out, or write separators.
pub(super) fn date_time(text: &str) -> Option<DateTime> {
    if let Some(plain) = plain_date_time(text.as_bytes()) {
        return Some(plain);
    }
    let formats = ["%Y%m%dT%H%M%S", "%Y%m%dT%H%M", "%Y-%m-%dT%H:%M:%S"];
    formats.iter().find_map(|format| DateTime::strptime(format, text).ok())
}

/// The one form that nearly every time has, without asking a pattern.
fn plain_date_time(text: &[u8]) -> Option<DateTime> {
    let (date, time) = (text.get(..8)?, text.get(9..).filter(|time| time.len() == 6)?);
    if text[8] != b'T' || !date.iter().chain(time).all(u8::is_ascii_digit) {
        return None;
    }
    let number = |digits: &[u8]| digits.iter().fold(0_i16, |number, digit| number * 10 + i16::from(digit - b'0'));
    let two = |digits: &[u8]| i8::try_from(number(digits)).ok();
    let (year, month, day) = (number(&date[..4]), two(&date[4..6])?, two(&date[6..])?);
    DateTime::new(year, month, day, two(&time[..2])?, two(&time[2..4])?, two(&time[4..])?, 0).ok()
}
