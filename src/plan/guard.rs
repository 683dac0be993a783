//! pure: what holds a run whose source seems wrong: nobody is called and nothing is cancelled until a person decides.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::terms::Terms;
use super::usual::{self, UnusualRows};
use super::{Plan, SkippedRow, Standing, window};
use crate::duration;
use crate::reminder::{RunId, SkipReason};
use crate::schedule::{Factor, Leads, Percent};

/// Guards that hold a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// The first of them: `max_age`, `max_invalid`, `max_change` or `max_calls`.
    pub guard: String,
    /// What was seen, what is usual or allowed, and what to check.
    pub detail: String,
    /// The others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<String>,
}

impl Held {
    /// All guards that hold it.
    pub fn guards(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.guard.as_str()).chain(self.also.iter().map(String::as_str))
    }

    /// Why that run is held, with what a person can do about it.
    #[must_use]
    pub fn of_run(&self, run: RunId) -> String {
        format!(
            "{}; `tickler approve {run}` plans it all the same, `tickler reject {run}` ends it: nobody is called by it until then",
            self.detail
        )
    }
}

/// A guard: its name as a schedule writes it, and why it holds a plan.
type GuardRule = (&'static str, fn(&Seen<'_>) -> Option<String>);

/// The guard that compares a run's rows with those of earlier ones.
pub const MAX_CHANGE: &str = "max_change";

/// All of them, in the order in which they are named.
const GUARDS: [GuardRule; 4] =
    [("max_age", max_age), ("max_invalid", max_invalid), (MAX_CHANGE, max_change), ("max_calls", max_calls)];

/// What guards see of a finished plan.
struct Seen<'a> {
    plan: &'a Plan,
    terms: &'a Terms,
    /// When the source was last changed (UTC), where it says so.
    as_of: Option<Timestamp>,
}

/// Asks the guards of a finished plan that are not waived; those that hold it take its cancellations away.
pub(super) fn ask(plan: &mut Plan, terms: &Terms, as_of: Option<Timestamp>) {
    let is_waived = |name: &str| terms.occasion.waived.iter().any(|waived| waived == name);
    let seen = Seen { plan, terms, as_of };
    let holding: Vec<(&str, String)> = GUARDS
        .iter()
        .filter(|(name, _)| !is_waived(name))
        .filter_map(|(name, guard)| Some((*name, guard(&seen)?)))
        .collect();
    let Some((first, _)) = holding.first() else { return };
    let details: Vec<&str> = holding.iter().map(|(_, detail)| detail.as_str()).collect();
    plan.held = Some(Held {
        guard: (*first).to_owned(),
        detail: details.join("; "),
        also: holding.iter().skip(1).map(|(name, _)| (*name).to_owned()).collect(),
    });
    plan.cancellations.clear();
}

/// A source that was last changed longer ago than `max_age`.
fn max_age(seen: &Seen<'_>) -> Option<String> {
    let limit = seen.terms.schedule.guard.max_age?;
    let changed = seen.as_of?;
    let age = changed.duration_until(seen.terms.occasion.now);
    (age > limit).then(|| {
        let at = seen.terms.schedule.zone.wall(changed).strftime("%Y-%m-%d %H:%M");
        let (hours, minutes) = (age.as_hours(), age.as_mins() % 60);
        format!(
            "the source was last changed at {at}, {hours} h {minutes} min ago, `max_age` is {}: check whether its export still runs",
            duration::write(limit)
        )
    })
}

/// The fewest unusable rows that hold a run.
const FEWEST_INVALID: u64 = 3;

/// The sentence that too large a share of the window's rows has no usable id, phone or time; `None` where it is not.
fn max_invalid(seen: &Seen<'_>) -> Option<String> {
    // requests that can't be called say nothing of the others: whoever posted them was told
    if seen.terms.schedule.remind.leads == Leads::Now {
        return None;
    }
    let rows = seen.plan.in_window?;
    let Percent(limit) = seen.terms.schedule.guard.max_invalid;
    let unusable: Vec<SkipReason> = seen
        .plan
        .skipped
        .iter()
        .filter(|row| is_unusable(row) && !is_of_other_date(row, seen.terms))
        .map(|row| row.reason)
        .collect();
    let count = unusable.len() as u64;
    if count < FEWEST_INVALID || count * 10_000 <= rows * u64::from(limit) {
        return None;
    }
    let most = SkipReason::ALL.iter().max_by_key(|reason| unusable.iter().filter(|it| it == reason).count())?;
    Some(format!(
        "{count} of {rows} rows in the window have no usable id, phone or time (mostly `{most}`), `max_invalid` is {}: check \
         the source and `[appointment]`",
        seen.terms.schedule.guard.max_invalid
    ))
}

/// Whether a row without a readable id is known to start outside every window. It is left out for having none, in every run,
/// and says nothing about the rows of this one.
pub(super) fn is_of_other_date(row: &SkippedRow, terms: &Terms) -> bool {
    matches!(row.reason, SkipReason::BadRow | SkipReason::MissingId)
        && row.starts_at.is_some_and(|start| !terms.is_in_a_window(start))
}

/// Whether a row has no usable id, phone or time. A phone that was read and belongs to a country that isn't called is usable.
fn is_unusable(row: &SkippedRow) -> bool {
    match row.reason {
        SkipReason::BadRow | SkipReason::MissingId | SkipReason::InvalidTime | SkipReason::NoSuchTime => true,
        SkipReason::NoPhone | SkipReason::InvalidPhone => row.phone.is_none(),
        SkipReason::DuplicateRow
        | SkipReason::Cancelled
        | SkipReason::UnknownStatus
        | SkipReason::Filtered
        | SkipReason::WrongNumber
        | SkipReason::OptedOut
        | SkipReason::NoConsent
        | SkipReason::Confirmed
        | SkipReason::Declined
        | SkipReason::Reschedule
        | SkipReason::AlreadyStarted
        | SkipReason::TooLate
        | SkipReason::LateBooking
        | SkipReason::OutsideCallingHours
        | SkipReason::Merged
        | SkipReason::PersonLimit
        | SkipReason::PayloadError => false,
    }
}

/// The sentence that the window has far more or far fewer rows than earlier comparable runs had; `None` where it has not.
fn max_change(seen: &Seen<'_>) -> Option<String> {
    let rows = seen.plan.in_window?;
    let (schedule, occasion, knowledge) = (&seen.terms.schedule, &seen.terms.occasion, &seen.terms.knowledge);
    let factor = schedule.guard.max_change;
    let reach = window::reach(schedule, occasion, knowledge.previous_evaluation);
    let change = usual::change(rows, &knowledge.usual_rows, factor, reach)?;
    let (difference, usual_twice, end) = match change {
        UnusualRows::More(twice) => (format!("more than {factor} the usual"), twice, "most"),
        UnusualRows::Fewer(twice) => (fewer_in_words(factor), twice, "fewest"),
    };
    let half = if usual_twice % 2 == 1 { ".5" } else { "" };
    let weekday = window::comparable_date(schedule, occasion).strftime("%A");
    let count = knowledge.usual_rows.earlier.len();
    let whence = match schedule.remind.leads {
        Leads::Days(_) | Leads::Now => format!("the median of the last {count} runs on a {weekday}"),
        Leads::Hours(_) => {
            format!("the median of the {end} that each of the last {count} {weekday}s had at about this time")
        }
    };
    Some(format!(
        "{rows} rows in the window are {difference} {}{half} ({whence}, `max_change` is {factor}): check whether the source \
         is whole and of the right day",
        usual_twice / 2,
    ))
}

fn fewer_in_words(factor: Factor) -> String {
    match factor {
        Factor(300) => "fewer than a third of the usual".to_owned(),
        Factor(_) => format!("fewer than the usual divided by {}", factor.to_string().trim_end_matches('x')),
    }
}

/// The sentence that there are more new calls than `max_calls`; `None` where there are not.
fn max_calls(seen: &Seen<'_>) -> Option<String> {
    let limit = seen.terms.schedule.guard.max_calls;
    let calls = seen.plan.reminders.iter().filter(|reminder| reminder.standing != Standing::Pending).count();
    let is_too_many = calls > usize::try_from(limit).unwrap_or(usize::MAX);
    is_too_many.then(|| {
        format!(
            "{calls} calls are more than `max_calls` = {limit}: check the source, or raise `max_calls` under `[guard]`"
        )
    })
}
