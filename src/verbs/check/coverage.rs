//! pure: runs that can call nobody, and days whose appointments no run covers.

use jiff::civil::{Date, Weekday};
use jiff::{SignedDuration, Timestamp, ToSpan as _};

use crate::duration;
use crate::plan::{Occasion, date_of_run, due_windows};
use crate::reminder::Lead;
use crate::schedule::recurrence::CronLint;
use crate::schedule::{Leads, Schedule};

/// The number of runs that are tried before reporting that none can call anybody: more than a year of daily ones.
const RUNS_TRIED: usize = 400;

/// Days of appointments that are held against the runs: eight weeks show every weekday often enough to see a pattern.
const DAYS_COMPARED: i32 = 56;

/// A warning when none of the coming runs can call anybody: each is over before phones may ring.
pub(super) fn nobody(schedule: &Schedule, now: Timestamp) -> Option<CronLint> {
    let runs = schedule.recurrence.next(&schedule.zone, now, RUNS_TRIED);
    let first = runs.first()?;
    let callable = |run: &crate::schedule::recurrence::Nominal| {
        let opening = schedule.remind.calendar().next_opening(run.at, &schedule.zone);
        latest_calls(schedule, run.at).iter().any(|(_, latest)| opening <= *latest)
    };
    if runs.iter().any(callable) || !short_leads(schedule, now).is_empty() {
        return None;
    }
    let opening = schedule.remind.calendar().next_opening(first.at, &schedule.zone);
    let wall = |at| schedule.zone.wall(at).strftime("%Y-%m-%d %H:%M").to_string();
    Some(CronLint {
        message: format!(
            "no run can call anybody: at {} phones may ring only from {} on, which is too late for every appointment of \
             its leads (`min_notice` {})",
            wall(first.at),
            wall(opening),
            duration::write(schedule.remind.min_notice)
        ),
        help: format!(
            "run inside the calling hours ({}), or set a longer lead, other `calling_hours` or a shorter `min_notice`",
            schedule.remind.calendar()
        ),
    })
}

/// For each lead, the latest moment at which the last start that the run covers may be called about.
fn latest_calls(schedule: &Schedule, run: Timestamp) -> Vec<(Lead, Timestamp)> {
    const LAST: SignedDuration = SignedDuration::from_micros(1);
    let windows = due_windows(schedule, &Occasion::at(run), None).into_iter();
    let covered = windows.filter(|window| window.from < window.until);
    let latest = covered.map(|window| {
        let last = window.until.saturating_sub(LAST).unwrap_or(window.from);
        (window.lead, last.saturating_sub(schedule.remind.min_notice).unwrap_or(Timestamp::MIN))
    });
    latest.collect()
}

/// The leads by which none of the coming runs can call anybody, because every start it covers is nearer than `min_notice`.
pub(super) fn short_leads(schedule: &Schedule, now: Timestamp) -> Vec<Lead> {
    let mut short: Vec<Lead> = match &schedule.remind.leads {
        Leads::Days(days) => days.iter().copied().map(Lead::days).collect(),
        Leads::Hours(hours) => hours.iter().copied().map(Lead::hours).collect(),
        Leads::Now => return Vec::new(),
    };
    let runs = schedule.recurrence.next(&schedule.zone, now, RUNS_TRIED);
    if runs.is_empty() {
        return Vec::new();
    }
    for run in &runs {
        let latest = latest_calls(schedule, run.at);
        short.retain(|lead| !latest.iter().any(|(of, latest)| of == lead && run.at <= *latest));
        if short.is_empty() {
            break;
        }
    }
    short
}

/// A warning when appointments of some days are in no run's lead. With hours every day is covered by a run soon after.
pub(super) fn uncovered_days(schedule: &Schedule, now: Timestamp) -> Option<CronLint> {
    let Leads::Days(leads) = &schedule.remind.leads else { return None };
    let first = schedule.zone.date(now).checked_add((i64::from(*leads.iter().max()?) + 1).days()).ok()?;
    let is_covered_by = |leads: &[u32], date: Date| {
        let runs = leads.iter().filter_map(|lead| date_of_run(schedule, date, *lead));
        runs.into_iter().any(|date| schedule.recurrence.first_on(&schedule.zone, date).is_some())
    };
    let dates: Vec<Date> = (0..DAYS_COMPARED).filter_map(|ahead| first.checked_add(ahead.days()).ok()).collect();
    let uncovered: Vec<Date> = dates.iter().copied().filter(|date| !is_covered_by(leads, *date)).collect();
    let further = (1..=7).chain([0]).find(|lead| uncovered.iter().all(|date| is_covered_by(&[*lead], *date)));
    let message = match (uncovered.first(), weekdays(&dates, &uncovered)) {
        (None, _) => return None,
        (Some(_), Some(names)) => format!("appointments on {names} are in no run's lead: nobody reminds them"),
        (Some(next), None) => format!(
            "appointments on {} of {} days are in no run's lead, the next on {next}: nobody reminds them",
            uncovered.len(),
            dates.len()
        ),
    };
    let written = |leads: &[u32]| leads.iter().map(u32::to_string).collect::<Vec<_>>().join(", ");
    let further = further.map_or_else(String::new, |lead| {
        format!(", or write `days_before = [{}]`", written(&[leads.as_slice(), &[lead]].concat()))
    });
    Some(CronLint {
        message,
        help: format!(
            "with `days_before` {} let the cron run every day (`*` in its three last fields){further}; nothing is to do if \
             nobody has appointments on these days",
            written(leads)
        ),
    })
}

/// The weekdays whose dates are all uncovered, when these are all that is uncovered.
fn weekdays(dates: &[Date], uncovered: &[Date]) -> Option<String> {
    let every = Weekday::Monday.cycle_forward().take(7);
    let whole: Vec<Weekday> = every
        .filter(|day| dates.iter().filter(|date| date.weekday() == *day).all(|date| uncovered.contains(date)))
        .collect();
    if whole.len() == 7 || !uncovered.iter().all(|date| whole.contains(&date.weekday())) {
        return None;
    }
    let names: Vec<String> = whole.into_iter().map(|day| format!("{}s", name(day))).collect();
    match names.split_last() {
        Some((last, [])) => Some(last.clone()),
        Some((last, others)) => Some(format!("{} and {last}", others.join(", "))),
        None => None,
    }
}

const fn name(day: Weekday) -> &'static str {
    match day {
        Weekday::Monday => "Monday",
        Weekday::Tuesday => "Tuesday",
        Weekday::Wednesday => "Wednesday",
        Weekday::Thursday => "Thursday",
        Weekday::Friday => "Friday",
        Weekday::Saturday => "Saturday",
        Weekday::Sunday => "Sunday",
    }
}
