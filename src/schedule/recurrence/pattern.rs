//! pure: the cron line as a set of wall-clock times, without any zone. croner reads the fields and decides about days
//! (`L`, `W`, `#`, either-or); the time of day is kept as bits, since a tick checks thousands of patterns at once.

use croner::CronPattern;
use croner::parser::{CronParser, Seconds, Year};
use croner::time::Weekday;
use jiff::civil::{Date, DateTime};

use super::CronProblem;
use super::grammar::{self, DayFields, HourField};

/// Seconds of a day.
pub(super) const DAY: i64 = 86_400;

/// Days of the 400 years after which the calendar repeats, weekdays among it.
const CALENDAR_CYCLE: i64 = 146_097;

/// Wall-clock times, in whole seconds since 1970-01-01 00:00 on that clock.
#[derive(Debug, Clone)]
pub(super) struct Pattern {
    days: Box<CronPattern>,
    hours: u64,
    minutes: u64,
    seconds: u64,
    /// How the hours are written.
    pub(super) hour_field: HourField,
}

impl Pattern {
    /// Reads a cron line whose fields may be used here.
    pub(super) fn parse(text: &str) -> Result<Self, CronProblem> {
        let fields = grammar::check(text)?;
        let parser = CronParser::builder()
            .seconds(Seconds::Optional)
            .year(Year::Disallowed)
            .dom_and_dow(fields.day_fields == DayFields::Both)
            .build();
        let cron = parser.parse(&fields.line).map_err(|error| CronProblem {
            message: format!("`{}` is not a valid cron line: {error}", text.trim()),
            help: grammar::SHAPE.to_owned(),
        })?;
        let mut days = Box::new(cron.pattern);
        // no line names a year, and a byte for each of 5,000 years is most of what a schedule takes of memory
        days.years = Default::default();
        let bits = |values: Vec<u16>| values.into_iter().fold(0_u64, |bits, value| bits | 1 << value);
        let pattern = Self {
            hours: bits(days.hours.values()),
            minutes: bits(days.minutes.values()),
            seconds: bits(days.seconds.values()),
            days,
            hour_field: fields.hour_field,
        };
        let century = DateTime::constant(2000, 1, 1, 0, 0, 0, 0);
        let start = civil_seconds(century);
        match pattern.first_in(start, start + CALENDAR_CYCLE * DAY) {
            Some(_) => Ok(pattern),
            None => Err(grammar::never(text)),
        }
    }

    /// The first time in `from` ≤ time < `end`.
    pub(super) fn first_in(&self, from: i64, end: i64) -> Option<i64> {
        let mut day = from.div_euclid(DAY);
        let mut clock = self.clock_from(from.rem_euclid(DAY));
        loop {
            if day * DAY >= end {
                return None;
            }
            if let Some(found) = clock.map(|clock| day * DAY + clock) {
                if found >= end {
                    return None;
                }
                match self.look_at(day) {
                    DayMatch::Matches => return Some(found),
                    DayMatch::No => {}
                    DayMatch::NoneThisMonth { next_month, .. } => day = next_month - 1,
                }
            }
            day += 1;
            clock = self.clock_from(0);
        }
    }

    /// The last time in `from` ≤ time < `end`.
    pub(super) fn last_in(&self, from: i64, end: i64) -> Option<i64> {
        let latest = end - 1;
        let mut day = latest.div_euclid(DAY);
        let mut clock = self.clock_until(latest.rem_euclid(DAY));
        loop {
            if (day + 1) * DAY <= from {
                return None;
            }
            if let Some(found) = clock.map(|clock| day * DAY + clock) {
                if found < from {
                    return None;
                }
                match self.look_at(day) {
                    DayMatch::Matches => return Some(found),
                    DayMatch::No => {}
                    DayMatch::NoneThisMonth { this_month, .. } => day = this_month,
                }
            }
            day -= 1;
            clock = self.clock_until(DAY - 1);
        }
    }

    /// Runs of a full day, as the clock has 24 hours.
    pub(super) fn runs_a_day(&self) -> u32 {
        self.hours.count_ones() * self.minutes.count_ones() * self.seconds.count_ones()
    }

    /// Whether day of month and weekday are both given.
    pub(super) fn names_day_and_weekday(&self) -> bool {
        !self.days.is_dom_wildcard() && !self.days.is_dow_wildcard()
    }

    /// Whether a day must fit both of them.
    pub(super) fn needs_both_days(&self) -> bool {
        self.days.matches_dom_and_dow()
    }

    /// The hours of the day in which it runs.
    pub(super) fn hours(&self) -> impl Iterator<Item = u8> {
        (0..24).filter(|hour| bit(self.hours, i64::from(*hour)))
    }

    /// The first run of a day within an hour of it, as `HH:MM`.
    pub(super) fn first_within(&self, hour: u8) -> Option<String> {
        let minute = lowest(self.minutes, 0).filter(|_| bit(self.hours, i64::from(hour)))?;
        Some(format!("{hour:02}:{minute:02}"))
    }

    /// The only hour and minute of the pattern; `None` where it has several.
    pub(super) fn only_time(&self) -> Option<(u8, u8)> {
        let only = |bits: u64| (bits.count_ones() == 1).then(|| u8::try_from(bits.trailing_zeros()).ok()).flatten();
        Some((only(self.hours)?, only(self.minutes)?))
    }

    /// Whether every hour of the day is in it.
    pub(super) fn has_every_hour(&self) -> bool {
        self.hours.count_ones() == 24
    }

    /// The first second of a day at or after `from` that matches.
    fn clock_from(&self, from: i64) -> Option<i64> {
        let (hour, minute, second) = (from / 3600, from / 60 % 60, from % 60);
        let in_minute = bit(self.hours, hour) && bit(self.minutes, minute);
        if let Some(second) = lowest(self.seconds, second).filter(|_| in_minute) {
            return Some(hour * 3600 + minute * 60 + second);
        }
        let first_second = lowest(self.seconds, 0)?;
        if let Some(minute) = lowest(self.minutes, minute + 1).filter(|_| bit(self.hours, hour)) {
            return Some(hour * 3600 + minute * 60 + first_second);
        }
        Some(lowest(self.hours, hour + 1)? * 3600 + lowest(self.minutes, 0)? * 60 + first_second)
    }

    /// The last second of a day at or before `until` that matches.
    fn clock_until(&self, until: i64) -> Option<i64> {
        let (hour, minute, second) = (until / 3600, until / 60 % 60, until % 60);
        let in_minute = bit(self.hours, hour) && bit(self.minutes, minute);
        if let Some(second) = highest(self.seconds, second).filter(|_| in_minute) {
            return Some(hour * 3600 + minute * 60 + second);
        }
        let last_second = highest(self.seconds, 59)?;
        if let Some(minute) = highest(self.minutes, minute - 1).filter(|_| bit(self.hours, hour)) {
            return Some(hour * 3600 + minute * 60 + last_second);
        }
        Some(highest(self.hours, hour - 1)? * 3600 + highest(self.minutes, 59)? * 60 + last_second)
    }

    fn look_at(&self, day: i64) -> DayMatch {
        let Some(date) = date_of(day) else { return DayMatch::No };
        let part = |value: i8| u32::from(value.unsigned_abs());
        let (year, month, of_month) = (i32::from(date.year()), part(date.month()), part(date.day()));
        if !self.days.month_match(month).unwrap_or(false) {
            let first = day - i64::from(date.day()) + 1;
            return DayMatch::NoneThisMonth { this_month: first, next_month: first + i64::from(date.days_in_month()) };
        }
        match self.days.day_match(year, month, of_month, weekday(date)) {
            Ok(true) => DayMatch::Matches,
            Ok(false) | Err(_) => DayMatch::No,
        }
    }
}

/// What a calendar day is to a pattern.
enum DayMatch {
    Matches,
    No,
    /// Its whole month doesn't match; the days on which it and the one after begin.
    NoneThisMonth {
        this_month: i64,
        next_month: i64,
    },
}

/// The whole seconds since 1970-01-01 00:00 on the same wall clock.
pub(super) fn civil_seconds(wall: DateTime) -> i64 {
    jiff::tz::Offset::UTC.to_timestamp(wall).map_or(i64::MAX / 2, jiff::Timestamp::as_second)
}

/// The reverse of [`civil_seconds`]; `None` outside the calendar.
pub(super) fn civil(seconds: i64) -> Option<DateTime> {
    Some(jiff::tz::Offset::UTC.to_datetime(jiff::Timestamp::from_second(seconds).ok()?))
}

fn date_of(day: i64) -> Option<Date> {
    Some(civil(day * DAY)?.date())
}

fn weekday(date: Date) -> Weekday {
    match date.weekday() {
        jiff::civil::Weekday::Sunday => Weekday::Sunday,
        jiff::civil::Weekday::Monday => Weekday::Monday,
        jiff::civil::Weekday::Tuesday => Weekday::Tuesday,
        jiff::civil::Weekday::Wednesday => Weekday::Wednesday,
        jiff::civil::Weekday::Thursday => Weekday::Thursday,
        jiff::civil::Weekday::Friday => Weekday::Friday,
        jiff::civil::Weekday::Saturday => Weekday::Saturday,
    }
}

fn bit(bits: u64, place: i64) -> bool {
    bits >> place & 1 == 1
}

/// The lowest set bit at or above a place (0 to 60).
fn lowest(bits: u64, place: i64) -> Option<i64> {
    let above = bits >> place << place;
    (above != 0).then(|| i64::from(above.trailing_zeros()))
}

/// The highest set bit at or below a place (−1 to 59).
fn highest(bits: u64, place: i64) -> Option<i64> {
    let below = bits & ((1 << (place + 1)) - 1);
    (below != 0).then(|| 63 - i64::from(below.leading_zeros()))
}
