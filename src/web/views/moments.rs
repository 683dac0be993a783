//! pure: times as people read them: in the zone of their schedule, to the minute.

use jiff::Timestamp;
use jiff::civil::Date;

use crate::audit::times;
use crate::verbs::ScheduleZones;
use crate::zones::Zone;

/// How times are shown at one moment.
#[derive(Debug, Clone)]
pub struct Moments {
    zones: ScheduleZones,
    now: Timestamp,
}

/// A time on a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownMoment {
    /// RFC 3339, with the zone's offset.
    pub exact: String,
    /// The text for people.
    pub text: String,
}

impl std::fmt::Display for ShownMoment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

impl Moments {
    /// The moments of these zones, seen at `now`.
    #[must_use]
    pub const fn new(zones: ScheduleZones, now: Timestamp) -> Self {
        Self { zones, now }
    }

    /// The moment at which the page is made (UTC).
    #[must_use]
    pub const fn now(&self) -> Timestamp {
        self.now
    }

    /// The zone of a schedule, or the one that all share.
    #[must_use]
    pub fn zone(&self, schedule: Option<&str>) -> &Zone {
        self.zones.of(schedule)
    }

    /// A moment of this schedule.
    #[must_use]
    pub fn of(&self, schedule: Option<&str>, at: Timestamp) -> ShownMoment {
        let zone = self.zone(schedule);
        let this_year = zone.date(self.now).year();
        ShownMoment { exact: zone.rfc3339(at), text: times::short(zone.wall(at), this_year).replace("  ", " ") }
    }

    /// Like [`Moments::of`], for an RFC 3339 text, in the offset it is written in.
    #[must_use]
    pub fn of_text(&self, text: &str) -> ShownMoment {
        let this_year = self.zone(None).date(self.now).year();
        ShownMoment { exact: text.to_owned(), text: times::short_text(text, this_year).replace("  ", " ") }
    }

    /// A moment with its zone's name.
    #[must_use]
    pub fn exact(&self, at: Timestamp) -> String {
        let zone = self.zone(None);
        format!("{} ({})", self.of(None, at), zone.name())
    }

    /// The date of today in the zone that all schedules share.
    #[must_use]
    pub fn today(&self) -> Date {
        self.zone(None).date(self.now)
    }

    /// A day: its first instant and the next day's.
    #[must_use]
    pub fn bounds(&self, day: Date) -> (Timestamp, Timestamp) {
        let zone = self.zone(None);
        (zone.day_start(day), zone.day_start(day.tomorrow().unwrap_or(day)))
    }

    /// A day as people write it.
    #[must_use]
    pub fn day(&self, day: Date) -> String {
        let format = if day.year() == self.today().year() { "%a %-d %b" } else { "%a %-d %b %Y" };
        day.strftime(format).to_string()
    }

    /// How far ahead a moment is: `in 3 h 12 min`.
    #[must_use]
    pub fn ahead(&self, at: Timestamp) -> String {
        let minutes = (at.as_second() - self.now.as_second()).div_euclid(60);
        match minutes {
            ..0 => "now".to_owned(),
            0 => "within a minute".to_owned(),
            1..60 => format!("in {minutes} min"),
            60..1440 => format!("in {} h {} min", minutes / 60, minutes % 60),
            _ => format!("in {} d {} h", minutes / 1440, minutes % 1440 / 60),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::load::Folder;
    use crate::zones::Zones;

    #[test]
    fn people_read_how_far_ahead_a_moment_is() {
        let zones = ScheduleZones::of_folder(&Folder::default(), &Zones::newest());
        let now: Timestamp = "2026-11-24T14:00:00Z".parse().expect("an instant");
        let moments = Moments::new(zones, now);
        for (at, text) in [
            ("2026-11-24T13:59:00Z", "now"),
            ("2026-11-24T14:00:30Z", "within a minute"),
            ("2026-11-24T14:12:00Z", "in 12 min"),
            ("2026-11-24T17:12:59Z", "in 3 h 12 min"),
            ("2026-11-26T15:00:00Z", "in 2 d 1 h"),
        ] {
            assert_eq!(moments.ahead(at.parse().expect("an instant")), text, "{at}");
        }
        assert_eq!(moments.of(None, now).text, "Tue 24 Nov 14:00");
        assert_eq!(moments.day("2027-01-02".parse().expect("a date")), "Sat 2 Jan 2027");
    }
}
