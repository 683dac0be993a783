//! pure: the events that take place within a window: single ones, and the occurrences of series with their exceptions.

use std::collections::{BTreeSet, HashMap};

use jiff::civil::DateTime;
use jiff::{SignedDuration, Timestamp};

use super::events::CalendarEvent;
use super::times::EventTime;
use crate::formats::ReadWindow;
use crate::zones::SeriesEnd;

/// One time at which an event takes place; an event of a series has many.
pub(super) struct Occurrence<'e> {
    pub(super) event: &'e CalendarEvent,
    pub(super) start: EventTime,
    /// The original start of an occurrence that belongs to a series.
    pub(super) original: Option<EventTime>,
}

/// A series and the events that replace some of its occurrences.
#[derive(Default)]
pub(super) struct Series {
    pub(super) master: Option<CalendarEvent>,
    pub(super) replacing: Vec<CalendarEvent>,
}

/// The margin around the window: wall clocks differ from UTC by less than this, and whole days are as long.
const MAX_OFFSET: SignedDuration = SignedDuration::from_hours(36);

impl Series {
    /// Takes a version of an event; of two versions the one with the higher sequence counts.
    pub(super) fn take(&mut self, event: CalendarEvent) {
        let Some(replaced) = &event.replaces else {
            if self.master.as_ref().is_none_or(|before| before.sequence <= event.sequence) {
                self.master = Some(event);
            }
            return;
        };
        let same = |other: &CalendarEvent| other.replaces.as_ref().is_some_and(|original| is_same(original, replaced));
        match self.replacing.iter().position(same) {
            Some(at) if self.replacing[at].sequence <= event.sequence => self.replacing[at] = event,
            Some(_) => {}
            None => self.replacing.push(event),
        }
    }

    /// Everything of it that happens in the window.
    ///
    /// # Errors
    /// A sentence, when a rule has too many occurrences or contradicts itself.
    pub(super) fn occurrences(&self, window: &ReadWindow) -> Result<Vec<Occurrence<'_>>, String> {
        let replacing = self.replacing.iter().filter_map(|event| {
            let start = event.start.clone()?;
            Some(Occurrence { event, start, original: event.replaces.clone() })
        });
        let mut found: Vec<Occurrence<'_>> = replacing.filter(|found| touches(&found.start, window)).collect();
        if let Some(master) = &self.master {
            found.extend(self.of_master(master, window)?);
        }
        Ok(found)
    }

    fn of_master<'e>(&'e self, master: &'e CalendarEvent, window: &ReadWindow) -> Result<Vec<Occurrence<'e>>, String> {
        let Some(first) = &master.start else { return Ok(Vec::new()) };
        let is_replaced = |original: &EventTime| {
            self.replacing
                .iter()
                .any(|event| event.replaces.as_ref().is_some_and(|replaced| is_same(replaced, original)))
        };
        if !master.is_series() {
            // what isn't a series by its rules may still have one occurrence that was replaced
            let is_single = !is_replaced(first);
            return Ok(is_single
                .then(|| Occurrence { event: master, start: first.clone(), original: None })
                .into_iter()
                .collect());
        }
        let excluded = |original: &EventTime| master.excluded.iter().any(|excluded| is_same(excluded, original));
        let mut found = Vec::new();
        for wall in self.originals(master, first, window)? {
            let original = first.at(wall);
            if excluded(&original) || is_replaced(&original) {
                continue;
            }
            let occurrence = self.with_future(master, original);
            if touches(&occurrence.start, window) {
                found.push(occurrence);
            }
        }
        Ok(found)
    }

    /// The original starts, on the wall clock of the first one, from which something may happen in the window.
    fn originals(
        &self,
        master: &CalendarEvent,
        first: &EventTime,
        window: &ReadWindow,
    ) -> Result<BTreeSet<DateTime>, String> {
        let shifts = self.replacing.iter().filter(|event| event.and_future).filter_map(shift);
        let margin = MAX_OFFSET.saturating_add(shifts.map(SignedDuration::abs).max().unwrap_or_default());
        let utc = |at: Timestamp| jiff::tz::Offset::UTC.to_datetime(at);
        let (from, until) = (utc(window.from).saturating_sub(margin), utc(window.until).saturating_add(margin));
        let mut found: BTreeSet<DateTime> = master.dates.iter().filter_map(|date| first.wall_of(date)).collect();
        for rule in &master.rules {
            let last = match rule.end() {
                SeriesEnd::At(at) => first.wall_of(&EventTime::Utc(at)),
                SeriesEnd::Open | SeriesEnd::AtWall(_) => None,
            };
            let starts = rule.starts(first.wall(), from, until)?;
            found.extend(starts.into_iter().filter(|wall| last.is_none_or(|last| *wall <= last)));
        }
        // the first start is an occurrence whatever the rule says
        found.insert(first.wall());
        found.retain(|wall| (from..until).contains(wall));
        Ok(found)
    }

    /// An occurrence as the latest change of it and all later ones wants it.
    fn with_future<'e>(&'e self, master: &'e CalendarEvent, original: EventTime) -> Occurrence<'e> {
        let is_before = |event: &&CalendarEvent| {
            event.and_future && event.replaces.as_ref().is_some_and(|from| order(from) <= order(&original))
        };
        let latest = self.replacing.iter().filter(is_before).max_by_key(|event| event.replaces.as_ref().map(order));
        match latest.and_then(|event| Some((event, shift(event)?))) {
            Some((event, shift)) => {
                let start = original.at(original.wall().saturating_add(shift));
                Occurrence { event, start, original: Some(original) }
            }
            None => Occurrence { event: master, start: original.clone(), original: Some(original) },
        }
    }
}

/// How much earlier or later an event takes place than the occurrence that it replaces.
fn shift(event: &CalendarEvent) -> Option<SignedDuration> {
    let (from, to) = (event.replaces.as_ref()?, event.start.as_ref()?);
    Some(from.wall_of(to)?.duration_since(from.wall()))
}

fn order(time: &EventTime) -> DateTime {
    time.instant().map_or_else(|| time.wall(), |at| jiff::tz::Offset::UTC.to_datetime(at))
}

/// Whether two times mean one start: a date means whatever begins on it.
fn is_same(one: &EventTime, other: &EventTime) -> bool {
    match (one, other) {
        (EventTime::Day(date), other) | (other, EventTime::Day(date)) => other.wall().date() == *date,
        (one, other) => match (one.instant(), other.instant()) {
            (Some(one), Some(other)) => one == other,
            _ => one.wall() == other.wall(),
        },
    }
}

/// Whether a start lies in the window; one without an instant is taken generously.
pub(super) fn touches(start: &EventTime, window: &ReadWindow) -> bool {
    if let Some(at) = start.instant() {
        return (window.from..window.until).contains(&at);
    }
    let at = jiff::tz::Offset::UTC.to_timestamp(start.wall()).unwrap_or(Timestamp::MIN);
    let from = window.from.saturating_sub(MAX_OFFSET).unwrap_or(window.from);
    let until = window.until.saturating_add(MAX_OFFSET).unwrap_or(window.until);
    (from..until).contains(&at)
}

/// The series and their exceptions by uid, in the order in which they were met.
#[derive(Default)]
pub(super) struct AllSeries {
    order: Vec<Series>,
    places: HashMap<String, usize>,
}

impl AllSeries {
    pub(super) fn of(&mut self, uid: &str) -> &mut Series {
        let place = match self.places.get(uid).filter(|_| !uid.is_empty()) {
            Some(place) => *place,
            None => {
                self.order.push(Series::default());
                self.places.insert(uid.to_owned(), self.order.len() - 1);
                self.order.len() - 1
            }
        };
        &mut self.order[place]
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Series> {
        self.order.iter()
    }

    pub(super) fn has(&self, uid: &str) -> bool {
        self.places.contains_key(uid)
    }
}
