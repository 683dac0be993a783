//! pure: what a lead reaches on a calendar with closed days: the dates that a run covers, and when hours before a start are.

use jiff::civil::{Date, Time};
use jiff::{SignedDuration, Timestamp, ToSpan as _};

use super::window::Saturating as _;
use crate::schedule::{Leads, OnClosedDay, Schedule};
use crate::zones::{WallMeaning, Zone};

/// The longest row of closed days that is followed.
const MOST_DAYS: u32 = 1_000;

/// The dates of appointments, first and last, that the run on `nominal` covers with a lead of `days` days; `None` when it
/// covers none.
pub(super) fn dates(schedule: &Schedule, nominal: Date, days: u32) -> Option<(Date, Date)> {
    let closed = &schedule.remind.closed;
    let ahead = |days: u32| nominal.checked_add(i64::from(days).days()).ok();
    match schedule.remind.on_closed_day {
        _ if closed.is_empty() => Some((ahead(days)?, ahead(days)?)),
        OnClosedDay::CallAnyway => Some((ahead(days)?, ahead(days)?)),
        OnClosedDay::Previous | OnClosedDay::CountOpenDays if closed.holds(nominal) => None,
        OnClosedDay::Previous => {
            let following = u32::try_from(closed.closed_after(nominal).count()).ok()?;
            Some((ahead(days)?, ahead(days.checked_add(following)?)?))
        }
        OnClosedDay::CountOpenDays if days == 0 => Some((nominal, nominal)),
        OnClosedDay::CountOpenDays => {
            let mut open = std::iter::successors(Some(nominal), |day| day.tomorrow().ok())
                .take(MOST_DAYS as usize)
                .filter(|day| !closed.holds(*day));
            // the run's own day is the first that counts
            let last_counted = open.nth(usize::try_from(days).ok()?.checked_sub(1)?)?;
            Some((last_counted.tomorrow().ok()?, open.next()?))
        }
    }
}

/// Why a run whose leads count days covers no date: its own day is closed. For people, with the runs that cover them instead.
#[must_use]
pub fn closed_run_in_words(schedule: &Schedule, nominal_at: Timestamp) -> Option<String> {
    let (closed, nominal) = (&schedule.remind.closed, schedule.recurrence.nominal_date(&schedule.zone, nominal_at));
    let counts_days = match schedule.remind.leads {
        Leads::Days(_) => true,
        Leads::Hours(_) | Leads::Now => false,
    };
    if !counts_days || schedule.remind.on_closed_day == OnClosedDay::CallAnyway || !closed.holds(nominal) {
        return None;
    }
    let before = closed.open_at_or_before(nominal);
    let following = std::iter::successors(nominal.tomorrow().ok(), |day| day.tomorrow().ok());
    let next = following.take(MOST_DAYS as usize).find(|day| !closed.holds(*day));
    let next = next.map(|next| format!(", the next one that does is that of {next}")).unwrap_or_default();
    Some(format!(
        "{nominal} is a closed day (`closed_days`, `holidays`): its run calls nobody; the last one before it was that of \
         {before}{next}"
    ))
}

/// The date of the run that covers an appointment on `date` with a lead of `days` days.
#[must_use]
pub fn date_of_run(schedule: &Schedule, date: Date, days: u32) -> Option<Date> {
    let closed = &schedule.remind.closed;
    let before = date.checked_sub(i64::from(days).days()).ok();
    match schedule.remind.on_closed_day {
        OnClosedDay::CallAnyway => before,
        OnClosedDay::Previous => before.map(|day| closed.open_at_or_before(day)),
        OnClosedDay::CountOpenDays if days == 0 => Some(date),
        OnClosedDay::CountOpenDays => std::iter::successors(date.yesterday().ok(), |day| day.yesterday().ok())
            .take(MOST_DAYS as usize)
            .filter(|day| !closed.holds(*day))
            .nth(usize::try_from(days).ok()?.checked_sub(1)?),
    }
}

/// When a reminder with a lead of `hours` hours before `start` is due, closed days considered (UTC).
pub(super) fn due_by_hours(schedule: &Schedule, start: Timestamp, hours: u32) -> Timestamp {
    let (closed, zone) = (&schedule.remind.closed, &schedule.zone);
    let lead = SignedDuration::from_hours(i64::from(hours));
    let plain = start.saturating_sub_duration(lead);
    match schedule.remind.on_closed_day {
        _ if closed.is_empty() => plain,
        OnClosedDay::CallAnyway => plain,
        OnClosedDay::Previous => {
            let date = zone.date(plain);
            if closed.holds(date) {
                at_time(zone, closed.open_at_or_before(date), zone.wall(plain).time())
            } else {
                plain
            }
        }
        OnClosedDay::CountOpenDays => open_time_before(schedule, start, lead),
    }
}

/// The instant that lies so much time before the start, of which only open days count.
fn open_time_before(schedule: &Schedule, start: Timestamp, lead: SignedDuration) -> Timestamp {
    let (closed, zone) = (&schedule.remind.closed, &schedule.zone);
    let (mut at, mut left, mut date) = (start, lead, zone.date(start));
    for _ in 0..MOST_DAYS {
        let begins = zone.day_start(date);
        if !closed.holds(date) {
            let of_day = begins.duration_until(at);
            if left <= of_day {
                return at.saturating_sub_duration(left);
            }
            left -= of_day;
        }
        at = begins;
        let Ok(yesterday) = date.yesterday() else { break };
        date = yesterday;
    }
    at
}

/// The instant that lies so much time after the due time, of which only open days count.
fn open_time_after(schedule: &Schedule, due: Timestamp, lead: SignedDuration) -> Timestamp {
    let (closed, zone) = (&schedule.remind.closed, &schedule.zone);
    let (mut at, mut left, mut date) = (due, lead, zone.date(due));
    for _ in 0..MOST_DAYS {
        let Ok(tomorrow) = date.tomorrow() else { break };
        let ends = zone.day_start(tomorrow);
        if !closed.holds(date) {
            let of_day = at.duration_until(ends);
            if left < of_day {
                return at.saturating_add_duration(left);
            }
            left -= of_day;
        }
        at = ends;
        date = tomorrow;
    }
    at
}

/// The first and the last start whose reminder, `hours` hours before, is due from `since` to `now`.
pub(super) fn starts_by_hours(
    schedule: &Schedule,
    (since, now): (Timestamp, Timestamp),
    hours: u32,
) -> Vec<(Timestamp, Timestamp)> {
    let lead = SignedDuration::from_hours(i64::from(hours));
    let plain = |(from, until): (Timestamp, Timestamp)| {
        (from.saturating_add_duration(lead), until.saturating_add_duration(lead))
    };
    match schedule.remind.on_closed_day {
        _ if schedule.remind.closed.is_empty() => vec![plain((since, now))],
        OnClosedDay::CallAnyway => vec![plain((since, now))],
        OnClosedDay::CountOpenDays => {
            vec![(open_time_after(schedule, since, lead), open_time_after(schedule, now, lead))]
        }
        OnClosedDay::Previous => {
            let brought_forward = brought_forward(schedule, (since, now));
            std::iter::once((since, now)).chain(brought_forward).map(plain).collect()
        }
    }
}

/// Times on closed days whose reminders are due, a day or several earlier, from `since` to `now`.
fn brought_forward(schedule: &Schedule, (since, now): (Timestamp, Timestamp)) -> Vec<(Timestamp, Timestamp)> {
    let (closed, zone) = (&schedule.remind.closed, &schedule.zone);
    let (first, last) = (zone.date(since), zone.date(now));
    let dates = std::iter::successors(Some(first), |day| day.tomorrow().ok()).take_while(|day| *day <= last);
    let mut found = Vec::new();
    for open in dates.filter(|day| !closed.holds(*day)).take(MOST_DAYS as usize) {
        let from = if open == first { zone.wall(since).time() } else { Time::midnight() };
        let until = if open == last { zone.wall(now).time() } else { Time::MAX };
        for day in closed.closed_after(open) {
            found.push((at_time(zone, day, from), at_time(zone, day, until)));
        }
    }
    found
}

/// The instant at which the clock of a zone reads this date and time; after a gap the first that follows it.
pub(super) fn at_time(zone: &Zone, date: Date, time: Time) -> Timestamp {
    match zone.resolve(date.to_datetime(time)) {
        WallMeaning::Once(at) | WallMeaning::Twice { first: at, .. } => at,
        WallMeaning::Gap { after } => after,
    }
}
