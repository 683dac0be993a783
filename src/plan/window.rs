//! pure: the half-open ranges of starts that an evaluation's leads cover.

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp, ToSpan as _};

use super::usual::WindowReach;
use super::{Occasion, Rehearsed, leads};
use crate::appointment::mapping::to_micros;
use crate::reminder::Lead;
use crate::schedule::{LateBooking, Leads, Schedule};

/// One lead's window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeadWindow {
    /// The lead before the start.
    pub lead: Lead,
    /// The rows that the window holds.
    pub kind: WindowKind,
    /// First start in it (UTC).
    pub from: Timestamp,
    /// First start after it (UTC).
    pub until: Timestamp,
}

/// The rows that a window holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WindowKind {
    /// All rows: the lead is due in this run.
    Due,
    /// Only rows that were booked when the lead had passed.
    LateBookings,
}

impl LeadWindow {
    /// Whether a start is in it.
    #[must_use]
    pub fn holds(&self, start: Timestamp) -> bool {
        self.from <= start && start < self.until
    }
}

/// Days in a row that are closed, rarely more.
const LONGEST_CLOSURE: i64 = 21;

/// The smallest step of a key's time: a closed end becomes an open one by it.
pub(super) const MICROSECOND: SignedDuration = SignedDuration::from_micros(1);

/// The window of each lead, the lead nearest the start first, then those of late bookings.
#[must_use]
pub fn lead_windows(
    schedule: &Schedule,
    occasion: &Occasion,
    previous_evaluation: Option<Timestamp>,
) -> Vec<LeadWindow> {
    match occasion.rehearsed {
        Rehearsed::CountAsMade | Rehearsed::ArePlanned => {}
        Rehearsed::AreCompleted => return Vec::new(),
    }
    let mut windows = due_windows(schedule, occasion, previous_evaluation);
    if schedule.remind.late_booking == LateBooking::Nearest {
        windows.extend(windows_of_late_bookings(schedule, occasion, &windows));
    }
    windows
}

/// The windows of late bookings: from the run's date, or from now, to where each lead is due.
fn windows_of_late_bookings(schedule: &Schedule, occasion: &Occasion, due: &[LeadWindow]) -> Vec<LeadWindow> {
    let from = match &schedule.remind.leads {
        Leads::Days(_) => {
            let nominal = schedule.recurrence.nominal_date(&schedule.zone, occasion.nominal_at);
            schedule.zone.day_start(nominal)
        }
        Leads::Hours(_) | Leads::Now => to_micros(occasion.now),
    };
    let mut late: Vec<LeadWindow> = Vec::new();
    for window in due {
        let until = window.from;
        match late.last_mut().filter(|last| last.lead == window.lead) {
            // days brought forward lie behind the others
            Some(last) => last.until = last.until.min(until),
            None => late.push(LeadWindow { lead: window.lead, kind: WindowKind::LateBookings, from, until }),
        }
    }
    late.retain(|window| window.from < window.until);
    late
}

/// The window of each lead that is due, the lead nearest the start first.
#[must_use]
pub fn due_windows(
    schedule: &Schedule,
    occasion: &Occasion,
    previous_evaluation: Option<Timestamp>,
) -> Vec<LeadWindow> {
    match &schedule.remind.leads {
        Leads::Days(days) => {
            let nominal = schedule.recurrence.nominal_date(&schedule.zone, occasion.nominal_at);
            nearest_first(days).filter_map(|days| day_window(schedule, nominal, days)).collect()
        }
        Leads::Hours(hours) => {
            let now = to_micros(occasion.now);
            let since = due_since(schedule, now, previous_evaluation);
            nearest_first(hours)
                .flat_map(|hours| {
                    leads::starts_by_hours(schedule, (since, now), hours).into_iter().map(move |(from, last)| {
                        let until = last.saturating_add_duration(MICROSECOND);
                        LeadWindow { lead: Lead::hours(hours), kind: WindowKind::Due, from, until }
                    })
                })
                .collect()
        }
        Leads::Now => {
            let now = to_micros(occasion.now);
            let closed = SignedDuration::from_hours(24 * LONGEST_CLOSURE);
            let from = due_since(schedule, now, None).saturating_sub_duration(closed);
            vec![LeadWindow {
                lead: Lead::NOW,
                kind: WindowKind::Due,
                from,
                until: now.saturating_add_duration(MICROSECOND),
            }]
        }
    }
}

fn nearest_first(leads: &[u32]) -> impl Iterator<Item = u32> {
    let mut sorted = leads.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    sorted.into_iter()
}

fn day_window(schedule: &Schedule, nominal: Date, days: u32) -> Option<LeadWindow> {
    let lead = Lead::days(days);
    let Some((first, last)) = leads::dates(schedule, nominal, days) else {
        let from = schedule.zone.day_start(nominal);
        return Some(LeadWindow { lead, kind: WindowKind::Due, from, until: from });
    };
    let (from, until) = (schedule.zone.day_start(first), schedule.zone.day_start(last.tomorrow().ok()?));
    Some(LeadWindow { lead, kind: WindowKind::Due, from, until })
}

/// The half-open ranges of starts (UTC) that this evaluation's leads cover.
#[must_use]
pub fn windows(
    schedule: &Schedule,
    occasion: &Occasion,
    previous_evaluation: Option<Timestamp>,
) -> Vec<(Timestamp, Timestamp)> {
    lead_windows(schedule, occasion, previous_evaluation).iter().map(|window| (window.from, window.until)).collect()
}

/// The recipients' calendar days, first and last, on which anything this evaluation plans or reads again can be due: what
/// the ledger is asked for to count persons' calls. From the due time of the windows' earliest start, or `max_lateness`
/// ago, to now; every zone's day is within two days of the schedule's.
#[must_use]
pub fn due_days(schedule: &Schedule, occasion: &Occasion, windows: &[(Timestamp, Timestamp)]) -> (Date, Date) {
    let late = occasion.now.saturating_sub_duration(schedule.remind.max_lateness);
    let earliest = match &schedule.remind.leads {
        Leads::Days(_) => late,
        Leads::Hours(hours) => {
            let furthest = SignedDuration::from_hours(i64::from(hours.iter().max().copied().unwrap_or(0)));
            let start = windows.iter().map(|(from, _)| *from).min().unwrap_or(late);
            start.saturating_sub_duration(furthest)
        }
        Leads::Now => late,
    };
    // closed days make a reminder due so much earlier at most
    let early = if schedule.remind.closed.is_empty() { 0 } else { LONGEST_CLOSURE };
    let first =
        earliest.min(late).min(occasion.nominal_at).saturating_sub_duration(SignedDuration::from_hours(24 * early));
    let last = occasion.now.max(occasion.nominal_at);
    (schedule.zone.date(first).saturating_sub(2.days()), schedule.zone.date(last).saturating_add(2.days()))
}

/// The date whose weekday comparable runs share: a lead in days counts from the nominal date, whenever the run is made up
/// for; one in hours from the moment of the evaluation.
pub(super) fn comparable_date(schedule: &Schedule, occasion: &Occasion) -> Date {
    match schedule.remind.leads {
        Leads::Days(_) => schedule.recurrence.nominal_date(&schedule.zone, occasion.nominal_at),
        Leads::Hours(_) | Leads::Now => schedule.zone.date(occasion.now),
    }
}

/// The instant from which on a due time is caught: within `max_lateness`, or since the previous evaluation, whichever reaches
/// further back.
pub(super) fn due_since(schedule: &Schedule, now: Timestamp, previous_evaluation: Option<Timestamp>) -> Timestamp {
    let oldest = now.saturating_sub_duration(schedule.remind.max_lateness);
    previous_evaluation.map_or(oldest, |previous| oldest.min(to_micros(previous)))
}

/// Whether the windows reach further back than those of other runs: leads count hours, and no run was evaluated for longer
/// than `max_lateness` although the schedule has some in that time.
pub(super) fn reach(schedule: &Schedule, occasion: &Occasion, previous_evaluation: Option<Timestamp>) -> WindowReach {
    let counts_hours = match schedule.remind.leads {
        Leads::Hours(_) => true,
        Leads::Days(_) | Leads::Now => false,
    };
    let oldest = occasion.now.saturating_sub_duration(schedule.remind.max_lateness);
    let Some(previous) = previous_evaluation.filter(|previous| counts_hours && *previous < oldest) else {
        return WindowReach::AsUsual;
    };
    // its own time may be one of the two
    let times = schedule.recurrence.between(&schedule.zone, previous, occasion.now, 2);
    if times.iter().any(|time| time.at != occasion.nominal_at) { WindowReach::Further } else { WindowReach::AsUsual }
}

/// What a source is asked for: whole days of the schedule's zone (half open, UTC) that cover the windows and the starts
/// of pending reminders, with a day more on each side where rows name a zone of their own.
#[must_use]
pub fn read_span(
    schedule: &Schedule,
    windows: &[(Timestamp, Timestamp)],
    pending_starts: &[Timestamp],
) -> (Timestamp, Timestamp) {
    let firsts = windows.iter().map(|(from, _)| *from).chain(pending_starts.iter().copied());
    let lasts = windows
        .iter()
        .map(|(from, until)| until.saturating_sub_duration(MICROSECOND).max(*from))
        .chain(pending_starts.iter().copied());
    let first = firsts.min().unwrap_or(Timestamp::UNIX_EPOCH);
    let last = lasts.max().unwrap_or(first);
    let around = i64::from(schedule.appointment.timezone.is_some());
    let from = schedule.zone.date(first).saturating_sub(around.days());
    let until = schedule.zone.date(last).saturating_add((around + 1).days());
    (schedule.zone.day_start(from), schedule.zone.day_start(until))
}

/// Sums that stop at the ends of time: a schedule may say ten years, a source year 9999.
pub(super) trait Saturating {
    /// The instant so much later; the last one there is, where it would be later still.
    fn saturating_add_duration(self, by: SignedDuration) -> Timestamp;
    /// The instant so much earlier; the first one there is, where it would be earlier still.
    fn saturating_sub_duration(self, by: SignedDuration) -> Timestamp;
}

impl Saturating for Timestamp {
    fn saturating_add_duration(self, by: SignedDuration) -> Timestamp {
        self.as_duration().checked_add(by).and_then(|sum| Self::from_duration(sum).ok()).unwrap_or(Self::MAX)
    }

    fn saturating_sub_duration(self, by: SignedDuration) -> Timestamp {
        self.as_duration().checked_sub(by).and_then(|rest| Self::from_duration(rest).ok()).unwrap_or(Self::MIN)
    }
}
