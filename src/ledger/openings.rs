//! pure: whether a phone may ring under calling hours as a schedule wrote them. Hours and zones are understood once each.

use std::cell::RefCell;
use std::collections::HashMap;

use jiff::Timestamp;
use jiff::civil::Date;

use super::gate::Opening;
use super::{LedgerError, LedgerResult};
use crate::zones::{Calendar, Zone, Zones};

/// By the hours' text and the zone's name.
type HoursByZone = HashMap<(String, String), (Calendar, Zone)>;

/// Calling hours by their text and zone name.
pub struct Openings {
    zones: Zones,
    known: RefCell<HoursByZone>,
}

impl Openings {
    /// None is known yet.
    #[must_use]
    pub fn new(zones: Zones) -> Self {
        Self { zones, known: RefCell::default() }
    }

    /// Whether phones may ring at `now` under hours as a schedule writes them, in that zone.
    ///
    /// # Errors
    /// When the store holds hours or a zone that this version doesn't know.
    pub fn opening(&self, hours: &str, zone: &str, now: Timestamp) -> LedgerResult<Opening> {
        if hours == "always" {
            return Ok(Opening::Open);
        }
        let mut known = self.known.borrow_mut();
        let key = (hours.to_owned(), zone.to_owned());
        let entry = match known.entry(key) {
            std::collections::hash_map::Entry::Occupied(found) => found.into_mut(),
            std::collections::hash_map::Entry::Vacant(free) => free.insert(self.parsed(hours, zone)?),
        };
        Ok(match entry {
            (hours, zone) if hours.is_open(now, zone) => Opening::Open,
            (hours, zone) => Opening::At(hours.next_opening(now, zone)),
        })
    }

    /// The calendar day of an instant in that zone.
    ///
    /// # Errors
    /// When the store holds a zone that this version doesn't know.
    pub fn day(&self, zone: &str, at: Timestamp) -> LedgerResult<Date> {
        let zone = self.zones.zone_of_row(zone).map_err(|error| LedgerError::Storage(error.to_string()))?;
        Ok(zone.date(at))
    }

    fn parsed(&self, hours: &str, zone: &str) -> LedgerResult<(Calendar, Zone)> {
        let hours = Calendar::parse(hours).map_err(LedgerError::Storage)?;
        let zone = self.zones.zone_of_row(zone).map_err(|error| LedgerError::Storage(error.to_string()))?;
        Ok((hours, zone))
    }
}
