//! pure: one calendar of calling hours, closed weekdays and holidays: it says when phones may ring, and which days count.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use jiff::civil::{Date, Weekday};

use super::{CallingHours, CallingHoursError, Zone};

/// Days on which nobody is called.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClosedDays {
    /// Whether each weekday is closed, from Monday on.
    weekdays: [bool; 7],
    holidays: BTreeSet<Date>,
}

/// The weekdays as they are written, from Monday on.
const WEEKDAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// The number of closed days in a row after which a calendar counts as never open.
const MOST_CLOSED: u32 = 800;

impl ClosedDays {
    /// The closed days with these weekdays (`sat`, `Sunday`) and dates.
    ///
    /// # Errors
    /// The word that is no weekday.
    pub fn of<'w>(weekdays: impl IntoIterator<Item = &'w str>, holidays: BTreeSet<Date>) -> Result<Self, String> {
        let mut closed = Self { weekdays: [false; 7], holidays };
        for word in weekdays {
            let place = weekday(word).ok_or_else(|| word.to_owned())?;
            closed.weekdays[place] = true;
        }
        Ok(closed)
    }

    /// The same with further holidays.
    #[must_use]
    pub fn with(&self, holidays: impl IntoIterator<Item = Date>) -> Self {
        let mut closed = self.clone();
        closed.holidays.extend(holidays);
        closed
    }

    /// The same without its dates.
    #[must_use]
    pub fn weekdays_alone(&self) -> Self {
        Self { weekdays: self.weekdays, holidays: BTreeSet::new() }
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.holidays.is_empty() && !self.weekdays.contains(&true)
    }

    /// Whether no weekday is left.
    #[must_use]
    pub fn is_every_day(&self) -> bool {
        !self.weekdays.contains(&false)
    }

    /// Whether nobody is called on this date.
    #[must_use]
    pub fn holds(&self, date: Date) -> bool {
        self.weekdays[place_of(date.weekday())] || self.holidays.contains(&date)
    }

    /// The latest open day at or before this one; the day itself when there is none.
    #[must_use]
    pub fn open_at_or_before(&self, date: Date) -> Date {
        let days = std::iter::successors(Some(date), |day| day.yesterday().ok()).take(MOST_CLOSED as usize);
        days.into_iter().find(|day| !self.holds(*day)).unwrap_or(date)
    }

    /// The closed days that follow this one without an open day between.
    pub fn closed_after(&self, date: Date) -> impl Iterator<Item = Date> {
        let days = std::iter::successors(date.tomorrow().ok(), |day| day.tomorrow().ok()).take(MOST_CLOSED as usize);
        days.take_while(|day| self.holds(*day))
    }
}

fn place_of(day: Weekday) -> usize {
    usize::from(day.to_monday_zero_offset().unsigned_abs())
}

/// A weekday by its English name or the first three letters of it.
fn weekday(word: &str) -> Option<usize> {
    const NAMES: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
    let word = word.trim().to_ascii_lowercase();
    NAMES.iter().zip(WEEKDAYS).position(|(name, short)| word == *name || word == short)
}

/// When phones may ring, in the recipient's zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Calendar {
    hours: CallingHours,
    /// `None`: no day is closed.
    closed: Option<Arc<ClosedDays>>,
}

/// What stands between the hours and the closed days of a calendar.
const EXCEPT: &str = " except ";

impl Calendar {
    /// The calendar that has these hours on every day but the closed ones.
    #[must_use]
    pub fn new(hours: CallingHours, closed: &ClosedDays) -> Self {
        Self { hours, closed: (!closed.is_empty()).then(|| Arc::new(closed.clone())) }
    }

    /// Reads `08:00-21:00`, `always`, or `08:00-21:00 except sat,sun,2026-12-25`.
    ///
    /// # Errors
    /// A sentence.
    pub fn parse(text: &str) -> Result<Self, String> {
        let Some((hours, days)) = text.split_once(EXCEPT) else {
            return Ok(Self { hours: hours_of(text)?, closed: None });
        };
        let (dates, words): (Vec<&str>, Vec<&str>) =
            days.split(',').partition(|day| day.starts_with(|c: char| c.is_ascii_digit()));
        let dates: Result<BTreeSet<Date>, _> = dates.into_iter().map(str::parse::<Date>).collect();
        let dates = dates.map_err(|error| format!("`{text}` holds no dates: {error}"))?;
        let closed = ClosedDays::of(words, dates).map_err(|word| format!("`{word}` is no weekday"))?;
        Ok(Self::new(hours_of(hours)?, &closed))
    }

    /// Whether phones may ring on this date at all.
    #[must_use]
    pub fn is_open_day(&self, date: Date) -> bool {
        self.closed.as_ref().is_none_or(|closed| !closed.holds(date))
    }

    /// Whether phones may ring at this instant.
    #[must_use]
    pub fn is_open(&self, at: Timestamp, zone: &Zone) -> bool {
        self.hours.is_open(at, zone) && (self.closed.is_none() || self.is_open_day(zone.date(at)))
    }

    /// The instant itself when open, else the next opening.
    #[must_use]
    pub fn next_opening(&self, at: Timestamp, zone: &Zone) -> Timestamp {
        let mut from = at;
        for _ in 0..MOST_CLOSED {
            let opening = self.hours.next_opening(from, zone);
            if self.closed.is_none() || opening == Timestamp::MAX || self.is_open_day(zone.date(opening)) {
                return opening;
            }
            let Ok(tomorrow) = zone.date(opening).tomorrow() else { break };
            from = zone.day_start(tomorrow);
        }
        Timestamp::MAX
    }
}

fn hours_of(text: &str) -> Result<CallingHours, String> {
    text.parse().map_err(|error: CallingHoursError| error.to_string())
}

/// Calendars by their text, each parsed once: a text with a year's holidays is long, and every reminder has one.
#[derive(Debug, Default)]
pub struct Calendars(Mutex<HashMap<String, Calendar>>);

/// How many calendars are kept. A schedule has one, a column of hours may have more.
const MOST_CALENDARS: usize = 64;

impl Calendars {
    /// The calendar of a text.
    ///
    /// # Errors
    /// Those of [`Calendar::parse`].
    pub fn of(&self, text: &str) -> Result<Calendar, String> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(calendar) = known.get(text) {
            return Ok(calendar.clone());
        }
        let calendar = Calendar::parse(text)?;
        if known.len() >= MOST_CALENDARS {
            known.clear();
        }
        known.insert(text.to_owned(), calendar.clone());
        Ok(calendar)
    }
}

impl fmt::Display for Calendar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.hours)?;
        let Some(closed) = &self.closed else { return Ok(()) };
        write!(f, "{EXCEPT}{closed}")
    }
}

impl fmt::Display for ClosedDays {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let weekdays = WEEKDAYS.iter().zip(self.weekdays).filter(|(_, is_closed)| *is_closed);
        let days: Vec<String> =
            weekdays.map(|(name, _)| (*name).to_owned()).chain(self.holidays.iter().map(ToString::to_string)).collect();
        f.write_str(&days.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zones::Zones;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("an instant")
    }

    #[test]
    fn a_calendar_opens_on_the_next_open_day_at_its_hour() {
        let zone = Zones::newest().zone("America/New_York").expect("a zone");
        // 2026-11-26 is a Thursday, the 27th a Friday, the 30th a Monday
        for (calendar, asked, opening) in [
            ("08:00-21:00 except sat,sun", "2026-11-27T14:00:00Z", "2026-11-27T14:00:00Z"),
            ("08:00-21:00 except sat,sun", "2026-11-28T02:00:00Z", "2026-11-30T13:00:00Z"),
            ("08:00-21:00 except sat,sun", "2026-11-28T15:00:00Z", "2026-11-30T13:00:00Z"),
            ("08:00-21:00 except sat,sun,2026-11-30", "2026-11-28T15:00:00Z", "2026-12-01T13:00:00Z"),
            ("always except 2026-11-26", "2026-11-26T15:00:00Z", "2026-11-27T05:00:00Z"),
            ("always except 2026-11-26", "2026-11-26T04:59:59Z", "2026-11-26T04:59:59Z"),
            ("08:00-21:00", "2026-11-28T15:00:00Z", "2026-11-28T15:00:00Z"),
        ] {
            let calendar = Calendar::parse(calendar).expect("a calendar");
            let found = calendar.next_opening(at(asked), &zone);
            assert_eq!(found, at(opening), "{calendar} at {asked}");
            assert!(calendar.is_open(found, &zone), "{calendar} at {asked}");
            assert_eq!(calendar.is_open(at(asked), &zone), asked == opening, "{calendar} at {asked}");
        }
    }

    #[test]
    fn a_calendar_reads_back_what_it_writes() {
        for text in ["always", "08:00-21:00", "08:00-21:00 except sat,sun", "always except mon,2026-12-25,2027-01-01"] {
            assert_eq!(Calendar::parse(text).map(|calendar| calendar.to_string()).as_deref(), Ok(text));
        }
        for text in
            ["08:00-21:00 except", "08:00-21:00 except blurday", "08:00-21:00 except 2026-02-30", "x except sat"]
        {
            assert!(Calendar::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn open_days_are_found_before_and_closed_ones_after_a_date() {
        let closed = ClosedDays::of(["Saturday", "sun"], [jiff::civil::date(2026, 11, 26)].into()).expect("days");
        let date = |day| jiff::civil::date(2026, 11, day);
        assert_eq!(closed.open_at_or_before(date(29)), date(27));
        assert_eq!(closed.open_at_or_before(date(26)), date(25));
        assert_eq!(closed.open_at_or_before(date(27)), date(27));
        assert_eq!(closed.closed_after(date(27)).collect::<Vec<_>>(), [date(28), date(29)]);
        assert_eq!(closed.closed_after(date(26)).count(), 0);
    }

    #[test]
    fn a_calendar_is_what_its_text_says_however_many_there_were() {
        let calendars = Calendars::default();
        for day in 0..3 * MOST_CALENDARS {
            let text = format!("08:00-21:00 except 2026-{:02}-{:02}", 1 + day / 28, 1 + day % 28);
            for _again in 0..2 {
                assert_eq!(calendars.of(&text).expect("a calendar").to_string(), text);
            }
        }
        assert!(calendars.0.lock().expect("no panic").len() <= MOST_CALENDARS);
        assert!(calendars.of("whenever").is_err());
    }
}
