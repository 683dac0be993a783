//! pure: whether a phone may ring under calling hours as a schedule wrote them.

use jiff::Timestamp;
use jiff::civil::Date;

use super::gate::Opening;
use super::{LedgerError, LedgerResult};
use crate::zones::{Calendars, Zone, Zones};

/// The calling hours of reminders, found by their text and the zone's name; each is parsed once.
pub struct Openings {
    zones: Zones,
    calendars: Calendars,
}

impl Openings {
    /// Knows no hours yet.
    #[must_use]
    pub fn new(zones: Zones) -> Self {
        Self { zones, calendars: Calendars::default() }
    }

    /// Whether phones may ring at `now` under hours as a schedule writes them, in this zone.
    ///
    /// # Errors
    /// When the store holds hours or a zone that this version doesn't know.
    pub fn opening(&self, hours: &str, zone: &str, now: Timestamp) -> LedgerResult<Opening> {
        if hours == "always" {
            return Ok(Opening::Open);
        }
        let hours = self.calendars.of(hours).map_err(LedgerError::Storage)?;
        let zone = self.zone(zone)?;
        Ok(match hours.is_open(now, &zone) {
            true => Opening::Open,
            false => Opening::At(hours.next_opening(now, &zone)),
        })
    }

    /// The calendar day of an instant in this zone.
    ///
    /// # Errors
    /// When the store holds a zone that this version doesn't know.
    pub fn day(&self, zone: &str, at: Timestamp) -> LedgerResult<Date> {
        Ok(self.zone(zone)?.date(at))
    }

    fn zone(&self, name: &str) -> LedgerResult<Zone> {
        self.zones.zone_of_row(name).map_err(|error| LedgerError::Storage(error.to_string()))
    }
}
