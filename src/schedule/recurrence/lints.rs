//! pure: what is worth a warning about a cron line in its zone, and how far apart its runs lie.

use jiff::{SignedDuration, Timestamp};

use super::grammar::HourField;
use super::pattern::{DAY, civil, civil_seconds};
use super::walk::{floor, pause};
use super::{ClockChange, Nominal, Recurrence};
use crate::zones::{OffsetChange, Zone};

/// Something to know about a cron line that may be as meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CronLint {
    /// What is so.
    pub message: String,
    /// What to write if it isn't meant.
    pub help: String,
}

/// The number of runs a day above which a warning is given: more are rarely intended, since each reads the source.
const MAX_RUNS_A_DAY: u32 = 24;

/// Hours in which a run is no surprise.
const DAYTIME: std::ops::Range<u8> = 6..22;

/// How far ahead intervals and changes are searched: a yearly pattern has its two runs in 400 days. One that is rarer
/// (29 February) is reported as this far apart.
const LOOK_AHEAD: i64 = 400 * DAY;

impl Recurrence {
    /// Warnings: both day fields set, more than 24 runs a day, a time inside the zone's next gap or overlap after `now`.
    #[must_use]
    pub fn lints(&self, zone: &Zone, now: Timestamp) -> Vec<CronLint> {
        let mut lints = Vec::new();
        lints.extend(self.lint_days());
        lints.extend(self.lint_frequency());
        lints.extend(self.lint_changes(zone, now));
        lints
    }

    /// The longest pause between two runs in the year to come, changes of the clocks included; 400 days when there are
    /// no two.
    #[must_use]
    pub fn longest_interval(&self, zone: &Zone, now: Timestamp) -> SignedDuration {
        let start = civil_seconds(zone.wall(now));
        let even = self.longest_even_interval(start).min(LOOK_AHEAD);
        let odd = changes(zone, now).map(|(_, change)| self.longest_around(zone, change.at, even)).max();
        pause(even.max(odd.unwrap_or(0)))
    }

    fn lint_days(&self) -> Option<CronLint> {
        let message = match self.pattern.needs_both_days() {
            false => "day of month and weekday are both set: a day that fits either runs, as in cron",
            true => "day of month and weekday are both set, one with `*/`: only a day that fits both runs, as in cron",
        };
        self.pattern.names_day_and_weekday().then(|| CronLint {
            message: message.to_owned(),
            help: "write `*` in one of the two fields; the first Monday of a month is `* * MON#1`".to_owned(),
        })
    }

    /// A warning when a run at a fixed time is at night, which often is a line whose minute and hour are swapped.
    /// `line` is the line as it was written.
    #[must_use]
    pub fn night_lint(&self, line: &str) -> Option<CronLint> {
        let is_night = |hour: u8| !DAYTIME.contains(&hour);
        if self.pattern.hour_field == HourField::Elapsed || self.pattern.has_every_hour() {
            return None;
        }
        let at = self.pattern.hours().find(|hour| is_night(*hour)).and_then(|hour| self.pattern.first_within(hour))?;
        let swapped = self.pattern.only_time().filter(|(_, minute)| DAYTIME.contains(minute)).map(|_| swapped(line));
        let help = swapped.map_or_else(
            || "write an hour of the day, unless that is meant; the hour follows the minute".to_owned(),
            |swapped| format!("did you mean `{swapped}`? The minute comes first, then the hour"),
        );
        Some(CronLint { message: format!("it runs at night, at {at}"), help })
    }

    fn lint_frequency(&self) -> Option<CronLint> {
        let runs = self.pattern.runs_a_day();
        (runs > MAX_RUNS_A_DAY).then(|| CronLint {
            message: format!("{runs} runs a day: the source is read at each"),
            help: "write a number instead of `*` in the minute field, if one run an hour is enough".to_owned(),
        })
    }

    fn lint_changes(&self, zone: &Zone, now: Timestamp) -> Vec<CronLint> {
        let mut lints = Vec::new();
        for odd in [ClockChange::Gap, ClockChange::Overlap] {
            lints.extend(
                changes(zone, now).find(|(kind, _)| *kind == odd).and_then(|(_, c)| self.lint_change(zone, odd, c)),
            );
        }
        lints
    }

    /// A warning when a wall-clock time of the pattern is skipped or repeated by a change. Times that run in every hour
    /// anyway miss nothing and double nothing.
    fn lint_change(&self, zone: &Zone, odd: ClockChange, change: OffsetChange) -> Option<CronLint> {
        if self.pattern.hour_field == HourField::Elapsed && self.pattern.has_every_hour() {
            return None;
        }
        let before = i64::from(zone.offset(Timestamp::from_second(change.at.as_second() - 1).ok()?));
        let (left, reached) = (change.at.as_second() + before, change.at.as_second() + i64::from(change.offset));
        let time = civil(self.pattern.first_in(left.min(reached), left.max(reached))?)?;
        let (name, clock, date) = (zone.name(), time.strftime("%H:%M"), time.date());
        let (what, then) = match odd {
            ClockChange::Gap => ("doesn't exist", civil(reached).map(|reached| reached.strftime("%H:%M").to_string())),
            ClockChange::Overlap => ("comes twice", None),
        };
        let consequence = match (self.pattern.hour_field, then) {
            (HourField::Fixed, Some(reached)) => format!("it runs once, when the clocks jump to {reached}"),
            (HourField::Fixed, None) => "it runs once, the first time".to_owned(),
            (HourField::Elapsed, Some(_)) => "with `*` or a step in the hours it doesn't run then".to_owned(),
            (HourField::Elapsed, None) => "with `*` or a step in the hours it runs both times".to_owned(),
        };
        Some(CronLint {
            message: format!("{clock} {what} in {name} on {date}: {consequence}"),
            help: "choose a time outside the hours in which the clocks are set, if that is not meant".to_owned(),
        })
    }

    /// The longest time between two runs on a clock without changes, in seconds.
    fn longest_even_interval(&self, start: i64) -> i64 {
        let mut longest = 0;
        let mut previous: Option<i64> = None;
        let mut day = start.div_euclid(DAY) * DAY;
        let mut within = None;
        while day < start + LOOK_AHEAD {
            let Some(first) = self.pattern.first_in(day, start + 2 * LOOK_AHEAD) else { break };
            day = first.div_euclid(DAY) * DAY + DAY;
            let last = self.pattern.last_in(first, day).unwrap_or(first);
            let within = *within.get_or_insert_with(|| self.longest_within(first, last));
            longest = longest.max(within).max(previous.map_or(0, |previous| first - previous));
            previous = Some(last);
        }
        if longest == 0 { LOOK_AHEAD } else { longest }
    }

    /// Every day has the same times.
    fn longest_within(&self, first: i64, last: i64) -> i64 {
        let (mut longest, mut time) = (0, first);
        while let Some(following) = self.pattern.first_in(time + 1, last + 1) {
            longest = longest.max(following - time);
            time = following;
        }
        longest
    }

    fn longest_around(&self, zone: &Zone, change: Timestamp, even: i64) -> i64 {
        let reach = pause(even + 26 * 3600);
        let (Ok(from), Ok(to)) = (change.checked_sub(reach), change.checked_add(reach)) else { return 0 };
        let runs: Vec<Nominal> = self.between(zone, from, to, usize::MAX);
        runs.windows(2).map(|pair| floor(pair[1].at) - floor(pair[0].at)).max().unwrap_or(0)
    }
}

/// The changes of the clocks in the year to come.
fn changes(zone: &Zone, now: Timestamp) -> impl Iterator<Item = (ClockChange, OffsetChange)> {
    let until = floor(now) + LOOK_AHEAD;
    let mut at = now;
    let mut offset = zone.offset(now);
    std::iter::from_fn(move || {
        loop {
            let change = zone.change_after(at).filter(|change| change.at.as_second() <= until)?;
            let before = std::mem::replace(&mut offset, change.offset);
            at = change.at;
            match change.offset.cmp(&before) {
                std::cmp::Ordering::Greater => return Some((ClockChange::Gap, change)),
                std::cmp::Ordering::Less => return Some((ClockChange::Overlap, change)),
                std::cmp::Ordering::Equal => {}
            }
        }
    })
}

/// A line with its minute and hour exchanged.
fn swapped(line: &str) -> String {
    let mut fields: Vec<&str> = line.split_whitespace().collect();
    let minute = fields.len().saturating_sub(5); // with six fields the first is the second
    if fields.len() > minute + 1 {
        fields.swap(minute, minute + 1);
    }
    fields.join(" ")
}
