//! pure: what became of calls: by day, by hour of the call and by outcome; who never answers; what waits for a retry; the
//! requests that came.

use std::collections::BTreeMap;

use askama::Template;
use jiff::civil::{Date, DateTime};

use super::charts::{ChartTitle, LyingBars, Quantity, UprightBars};
use super::frame::PageFrame;
use super::links;
use super::moments::{Moments, ShownMoment};
use crate::audit::words;
use crate::ledger::{OutcomeCount, PostStanding, ReminderRow, Unanswered};
use crate::personal::Personal;
use crate::reminder::CallOutcome;
use crate::verbs::inbound::listing::ListedRequest;
use crate::verbs::labels::Labels;

/// Maximum rows of each list.
pub const MAX_LISTED: usize = 200;

/// The page.
#[derive(Template)]
#[template(path = "outcomes.html")]
pub struct OutcomesPage {
    /// What surrounds it.
    pub frame: PageFrame,
    /// Its filter.
    pub asked: OutcomeFilter,
    /// The names of the schedules.
    pub schedules: Vec<String>,
    /// Calls with an outcome.
    pub by_day: UprightBars,
    /// The same by the hour in which they were made.
    pub by_hour: UprightBars,
    /// The number of calls of each outcome.
    pub by_outcome: LyingBars,
    /// The latest calls with the outcome that is asked for.
    pub listed: Vec<OutcomeLine>,
    /// Retries that wait.
    pub waiting: Vec<OutcomeLine>,
    /// Persons who were called more than once and never answered.
    pub unanswered: Vec<UnansweredLine>,
    /// The latest requests for calls; `None` where no schedule takes any.
    pub requests: Option<Vec<RequestLine>>,
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutcomeFilter {
    /// The number of days whose calls are shown, up to today.
    pub days: i64,
    /// The calls of which outcome are listed.
    pub outcome: Option<CallOutcome>,
    /// The schedule whose calls alone are shown; `None`: those of all.
    pub schedule: Option<String>,
    /// The requests that stand so.
    pub standing: Option<PostStanding>,
}

impl OutcomeFilter {
    /// The outcomes that may be chosen, in words, and whether each is.
    fn outcomes(&self) -> impl Iterator<Item = (&'static str, String, bool)> {
        let choice = |outcome: &CallOutcome| {
            (outcome.as_str(), words::reason(outcome.as_str()), self.outcome.as_ref() == Some(outcome))
        };
        CallOutcome::ALL.iter().map(choice)
    }

    /// The standings that may be chosen, and whether each is.
    fn standings(&self) -> [(&'static str, bool); 3] {
        [PostStanding::Accepted, PostStanding::Refused, PostStanding::Withdrawn]
            .map(|standing| (standing.as_str(), self.standing == Some(standing)))
    }
}

/// A call or a retry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutcomeLine {
    /// Its appointment.
    pub appointment: String,
    /// The appointment's page.
    pub link: String,
    /// How the schedule names it.
    pub name: Personal,
    /// The appointment's start.
    pub starts_at: ShownMoment,
    /// The lead.
    pub lead: String,
    /// The schedule.
    pub schedule: String,
    /// What became of it.
    pub outcome: String,
    /// When it is sent at the earliest, of one that waits.
    pub next_at: ShownMoment,
}

/// A request for a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestLine {
    /// Its id.
    pub appointment: String,
    /// Its page.
    pub link: String,
    /// How the schedule names it.
    pub name: Personal,
    /// When it was received.
    pub received_at: ShownMoment,
    /// Its call, or why there is none.
    pub call: String,
    /// What became of the call.
    pub outcome: String,
    /// The schedule.
    pub schedule: String,
}

/// A person who never answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnansweredLine {
    /// The latest appointment.
    pub appointment: String,
    /// Its page.
    pub link: String,
    /// How the schedule names it.
    pub name: Personal,
    /// The last four digits of the phone.
    pub phone: Personal,
    /// How many calls.
    pub calls: u64,
    /// When the latest was made.
    pub last_at: ShownMoment,
}

fn title(title: &str, of: &'static str) -> ChartTitle {
    ChartTitle { title: title.to_owned(), of, counts: "Calls", nothing: "No outcome was reported in this time." }
}

/// The calls of which something was reported.
fn reported(counts: &[OutcomeCount]) -> impl Iterator<Item = &OutcomeCount> {
    counts.iter().filter(|of| of.outcome != CallOutcome::Unreported)
}

/// The same with the time on the wall of each one's schedule. Counts of one quarter of an hour follow each other.
fn by_wall<'c>(counts: &'c [OutcomeCount], moments: &'c Moments) -> impl Iterator<Item = (&'c OutcomeCount, DateTime)> {
    let mut last: Option<(&OutcomeCount, DateTime)> = None;
    reported(counts).map(move |of| {
        let known = last.filter(|(last, _)| last.from == of.from && last.schedule == of.schedule);
        let wall = known.map_or_else(|| moments.zone(Some(&of.schedule)).wall(of.from), |(_, wall)| wall);
        last = Some((of, wall));
        (of, wall)
    })
}

/// Each day from `first` on, those without calls among them.
#[must_use]
pub fn by_day(outcomes: &[OutcomeCount], first: Date, moments: &Moments) -> UprightBars {
    let mut counts: BTreeMap<Date, u64> =
        first.series(jiff::Span::new().days(1)).take_while(|day| *day <= moments.today()).map(|day| (day, 0)).collect();
    for (of, wall) in by_wall(outcomes, moments) {
        if let Some(count) = counts.get_mut(&wall.date()) {
            *count += of.count;
        }
    }
    let days = counts.into_iter().map(|(day, count)| Quantity::new(day.strftime("%-d %b").to_string(), count));
    let days: Vec<Quantity> = days.collect();
    // a date is as wide as three bars
    let named = (days.len() / 5).max(4);
    UprightBars::over(title("Outcomes by day", "Day"), days, named)
}

/// Each hour of the day, in the zone of each call's schedule.
#[must_use]
pub fn by_hour(outcomes: &[OutcomeCount], moments: &Moments) -> UprightBars {
    let mut counts = [0_u64; 24];
    for (of, wall) in by_wall(outcomes, moments) {
        if let Some(count) = usize::try_from(wall.hour()).ok().and_then(|hour| counts.get_mut(hour)) {
            *count += of.count;
        }
    }
    let hours = counts.iter().enumerate().map(|(hour, count)| Quantity::new(hour.to_string(), *count));
    UprightBars::over(title("Outcomes by hour of the call", "Hour"), hours.collect(), 3)
}

/// Each outcome, with the list of its calls.
#[must_use]
pub fn by_outcome(outcomes: &[OutcomeCount], asked: &OutcomeFilter) -> LyingBars {
    let mut counts: BTreeMap<CallOutcome, u64> = BTreeMap::new();
    outcomes.iter().for_each(|of| *counts.entry(of.outcome).or_default() += of.count);
    let days = asked.days.to_string();
    let quantity = |(outcome, count): (CallOutcome, u64)| {
        let fields = [
            ("outcome", Some(outcome.as_str())),
            ("days", Some(days.as_str())),
            ("schedule", asked.schedule.as_deref()),
        ];
        let label = words::reason(outcome.as_str());
        Quantity { label, count, link: Some(links::link("/outcomes", &fields)) }
    };
    LyingBars::over(title("What became of calls", "Outcome"), counts.into_iter().map(quantity).collect())
}

/// Calls or retries as lines.
#[must_use]
pub fn rows(rows: &[ReminderRow], names: &Labels, moments: &Moments) -> Vec<OutcomeLine> {
    let line = |row: &ReminderRow| {
        let schedule = Some(row.schedule.as_str());
        OutcomeLine {
            appointment: row.appointment_id.clone(),
            link: links::appointment(schedule, &row.appointment_id),
            name: names.of_reminder(row.id).unwrap_or_default().into(),
            starts_at: moments.of(schedule, row.starts_at),
            lead: row.lead.to_string(),
            schedule: row.schedule.clone(),
            outcome: row.outcome.map(|outcome| words::reason(outcome.as_str())).unwrap_or_default(),
            next_at: moments.of(schedule, row.next_at),
        }
    };
    rows.iter().take(MAX_LISTED).map(line).collect()
}

/// Requests as lines, the newest first.
#[must_use]
pub fn requests(requests: &[ListedRequest], names: &Labels, moments: &Moments) -> Vec<RequestLine> {
    let line = |request: &ListedRequest| {
        let schedule = Some(request.schedule.as_str());
        let name = request.reminder_id.and_then(|id| names.of_reminder(id));
        RequestLine {
            appointment: request.appointment_id.clone(),
            link: links::appointment(schedule, &request.appointment_id),
            name: name.unwrap_or_default().into(),
            received_at: moments.of(schedule, request.received_at),
            call: request.call_in_words(),
            outcome: request.outcome.map(|outcome| words::reason(outcome.as_str())).unwrap_or_default(),
            schedule: request.schedule.clone(),
        }
    };
    requests.iter().rev().map(line).collect()
}

/// Who never answers, as lines.
#[must_use]
pub fn persons(persons: &[Unanswered], names: &Labels, moments: &Moments) -> Vec<UnansweredLine> {
    let line = |person: &Unanswered| UnansweredLine {
        appointment: person.appointment_id.clone(),
        link: links::appointment(Some(&person.schedule), &person.appointment_id),
        name: names.of_reminder(person.latest).unwrap_or_default().into(),
        phone: person.phone_last4.as_ref().map(|last| format!("***{last}").into()).unwrap_or_default(),
        calls: person.calls,
        last_at: moments.of(Some(&person.schedule), person.last_at),
    };
    persons.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::schedule::load::Folder;
    use crate::verbs::ScheduleZones;
    use crate::zones::Zones;

    #[test]
    fn each_day_and_each_hour_has_its_bar_and_each_outcome_its_list() {
        let now: Timestamp = "2026-11-24T14:00:00Z".parse().expect("an instant");
        let zones = ScheduleZones::of_folder(&Folder::default(), &Zones::newest());
        let moments = Moments::new(zones, now);
        let calls = |from: &str, outcome, count| OutcomeCount {
            from: from.parse().expect("an instant"),
            schedule: "clinic".into(),
            outcome,
            count,
        };
        let calls = [
            calls("2026-11-22T09:15:00Z", CallOutcome::NoAnswer, 1),
            calls("2026-11-24T09:45:00Z", CallOutcome::Confirmed, 2),
            calls("2026-11-24T11:00:00Z", CallOutcome::Unreported, 1),
        ];
        let first = "2026-11-22".parse().expect("a date");
        let days = by_day(&calls, first, &moments).to_string();
        assert!(days.contains("22 Nov: 1") && days.contains("23 Nov: 0") && days.contains("24 Nov: 2"), "{days}");
        let hours = by_hour(&calls, &moments).to_string();
        assert!(hours.contains("<title>9: 3</title>") && hours.contains("<title>10: 0</title>"), "{hours}");
        let asked = OutcomeFilter { days: 3, outcome: None, schedule: Some("clinic".to_owned()), standing: None };
        let outcomes = by_outcome(&calls, &asked).to_string();
        assert!(outcomes.contains("/outcomes?outcome=no_answer"), "{outcomes}");
        assert!(outcomes.contains("unreported"), "{outcomes}");
    }
}
