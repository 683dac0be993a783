//! A second opinion on nominal times, written without croner and without the planner's way of walking: it goes from
//! minute to minute. It knows a zone only as a list of offset changes.

use jiff::Timestamp;
use jiff::civil::DateTime;
use tickler::zones::Zone;

/// A five-field cron line as five lists.
pub struct Line {
    minutes: Vec<bool>,
    hours: Vec<bool>,
    days: String,
    months: Vec<bool>,
    weekdays: String,
    elapsed: bool,
}

impl Line {
    pub fn read(text: &str) -> Self {
        let parts: Vec<&str> = text.split(' ').collect();
        assert_eq!(parts.len(), 5, "{text}");
        Self {
            minutes: set(parts[0], 0, 59),
            hours: set(parts[1], 0, 23),
            days: parts[2].into(),
            months: set(parts[3], 1, 12),
            weekdays: parts[4].into(),
            elapsed: parts[1].contains('*') || parts[1].contains('/'),
        }
    }

    fn fits_day(&self, civil: DateTime) -> bool {
        if !self.months[usize::try_from(civil.month()).expect("it is valid")] {
            return false;
        }
        let by_day = self.days.split(',').any(|item| fits_day_of_month(item, civil));
        let by_weekday = self.weekdays.split(',').any(|item| fits_weekday(item, civil));
        match (self.days.as_str(), self.weekdays.as_str()) {
            ("*", _) => by_weekday,
            (_, "*") => by_day,
            (days, weekdays) if days.starts_with('*') || weekdays.starts_with('*') => by_day && by_weekday,
            _ => by_day || by_weekday,
        }
    }

    /// The times of one calendar day, in minutes since the epoch of the wall clock.
    fn day(&self, first_minute: i64) -> Vec<bool> {
        let fits = self.fits_day(civil(first_minute * 60));
        let minute = |minute: usize| fits && self.hours[minute / 60] && self.minutes[minute % 60];
        (0..1440).map(minute).collect()
    }
}

fn set(field: &str, low: usize, high: usize) -> Vec<bool> {
    let mut values = vec![false; 61];
    for item in field.split(',') {
        let (range, step) =
            item.split_once('/').map_or((item, 1), |(range, step)| (range, step.parse().expect("it is valid")));
        let (from, to) = match range.split_once('-') {
            None if range == "*" => (low, high),
            None => (range.parse().expect("it is valid"), range.parse().expect("it is valid")),
            Some((from, to)) => (from.parse().expect("it is valid"), to.parse().expect("it is valid")),
        };
        (from..=to).step_by(step).for_each(|value| values[value] = true);
    }
    values
}

fn fits_day_of_month(item: &str, civil: DateTime) -> bool {
    let date = civil.date();
    let last = date.last_of_month();
    let working = |day: jiff::civil::Date| day.weekday().to_monday_one_offset() <= 5;
    match item.strip_suffix('W') {
        Some("L") => {
            date == (0..3)
                .map(|back| last - jiff::Span::new().days(back))
                .find(|day| working(*day))
                .expect("it is valid")
        }
        Some(day) => {
            let day: i8 = day.parse().expect("it is valid");
            if day > last.day() {
                return false;
            }
            let wanted = date.with().day(day).build().expect("it is valid");
            let near = [0, -1, 1, -2, 2].map(|days| wanted + jiff::Span::new().days(days));
            date == *near.iter().find(|near| near.month() == date.month() && working(**near)).expect("it is valid")
        }
        None if item == "L" => date == last,
        None => set(item, 1, 31)[usize::try_from(civil.day()).expect("it is valid")],
    }
}

fn fits_weekday(item: &str, civil: DateTime) -> bool {
    let weekday = usize::try_from(civil.weekday().to_sunday_zero_offset()).expect("it is valid");
    let is = |day: &str| day.parse::<usize>().expect("it is valid") % 7 == weekday;
    if let Some((day, nth)) = item.split_once('#') {
        return is(day) && (civil.day() - 1) / 7 + 1 == nth.parse::<i8>().expect("it is valid");
    }
    if let Some(day) = item.strip_suffix('L') {
        return is(day) && civil.day() + 7 > civil.days_in_month();
    }
    let values = set(item, 0, 7);
    values[weekday] || weekday == 0 && values[7]
}

fn civil(seconds: i64) -> DateTime {
    jiff::tz::Offset::UTC.to_datetime(Timestamp::from_second(seconds).expect("it is valid"))
}

/// A zone's wall clock over some days, minute by minute of elapsed time, as (instant, wall clock) in seconds.
pub struct Days {
    minutes: Vec<(i64, i64)>,
    first_day: i64,
    days: usize,
    asked: (i64, i64),
}

/// What the oracle says of one run: instant and wall clock named, in seconds.
pub type Run = (i64, i64);

impl Days {
    /// The days around an instant. Six hours more before than are asked of, for what the clock has shown
    /// already: no change of these years is longer than two.
    pub fn around(zone: &Zone, at: i64, reach: i64) -> Self {
        let (from, until) = (at - reach, at + reach);
        let mut minutes = Vec::new();
        let start = (from - 6 * 3600).div_euclid(60) * 60;
        let mut change = zone.change_after(Timestamp::from_second(start).expect("it is valid"));
        let mut offset = i64::from(zone.offset(Timestamp::from_second(start).expect("it is valid")));
        for instant in (start..=until).step_by(60) {
            while let Some(next) = change.filter(|next| next.at.as_second() <= instant) {
                offset = i64::from(next.offset);
                change = zone.change_after(next.at);
            }
            minutes.push((instant, instant + offset));
        }
        let first_day = minutes.iter().map(|minute| minute.1).min().expect("it is valid").div_euclid(86_400);
        let last_day = minutes.iter().map(|minute| minute.1).max().expect("it is valid").div_euclid(86_400);
        Self {
            minutes,
            first_day,
            days: usize::try_from(last_day - first_day + 1).expect("it is valid"),
            asked: (from, until),
        }
    }

    pub fn asked(&self) -> (i64, i64) {
        self.asked
    }

    /// What a wall clock's own minutes are to a line.
    fn matches(&self, line: &Line) -> Vec<bool> {
        (0..i64::try_from(self.days).expect("it is valid"))
            .flat_map(|day| line.day((self.first_day + day) * 1440))
            .collect()
    }

    /// The runs in (from, until].
    pub fn runs(&self, line: &Line) -> Vec<Run> {
        let matches = self.matches(line);
        let place = |wall: i64| usize::try_from(wall / 60 - self.first_day * 1440).expect("it is valid");
        let mut runs = Vec::new();
        let mut shown = place(self.minutes[0].1);
        for (instant, wall) in &self.minutes {
            let here = place(*wall);
            let named = if line.elapsed {
                Some(here).filter(|here| matches[*here])
            } else {
                let skipped = (shown..here).find(|minute| matches[*minute]);
                Some(here).filter(|here| *here >= shown && matches[*here]).or(skipped)
            };
            shown = shown.max(here + 1);
            if let Some(named) = named.filter(|_| *instant > self.asked.0) {
                runs.push((*instant, (i64::try_from(named).expect("it is valid") + self.first_day * 1440) * 60));
            }
        }
        runs
    }
}
