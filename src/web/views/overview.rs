//! pure: the overview: how things stand, in words and at a glance.

use std::collections::BTreeMap;

use askama::Template;

use super::charts::{ChartTitle, LyingBars, Quantity, UprightBars};
use super::frame::PageFrame;
use super::links;
use super::moments::{Moments, ShownMoment};
use super::standing::ServiceStanding;
use super::strip::RunStrip;
use super::wording::without_commands;
use crate::audit::Event;
use crate::audit::fates::{CallFate, DecidedFate};
use crate::audit::words;
use crate::schedule::ScheduleMode;
use crate::verbs::status::{LoadState, ScheduleStatus};

/// The page.
#[derive(Template)]
#[template(path = "overview.html")]
pub struct OverviewPage {
    /// What surrounds it.
    pub frame: PageFrame,
    /// How things stand.
    pub standing: ServiceStanding,
    /// Today's numbers.
    pub tallies: Vec<TodayTally>,
    /// The schedules with their next runs, the nearest first.
    pub next: Vec<ComingRun>,
    /// Fourteen days of each.
    pub strips: Vec<RunStrip>,
    /// Today's calls.
    pub by_hour: UprightBars,
    /// Today's skips.
    pub reasons: LyingBars,
    /// The next two hours.
    pub queue: UprightBars,
}

/// One of today's numbers.
#[derive(Debug, Clone)]
pub struct TodayTally {
    /// What is counted.
    pub name: &'static str,
    /// How many.
    pub count: u64,
    /// Their list.
    pub link: String,
    /// A word for the colour.
    pub kind: &'static str,
}

/// A schedule's next run.
#[derive(Debug, Clone)]
pub struct ComingRun {
    /// The schedule.
    pub schedule: String,
    /// Its page.
    pub link: String,
    /// The run's time, where one is planned.
    pub at: Option<ShownMoment>,
    /// How far ahead.
    pub ahead: String,
    /// Why there is none, or what its last run came to.
    pub remark: String,
}

/// Today's numbers, each with the list of what it counts. A call of unknown fate waits for a person, whatever its day.
#[must_use]
pub fn tallies(fates: &[DecidedFate], unknown: u64) -> Vec<TodayTally> {
    let count = |fate| fates.iter().filter(|decided| decided.fate == fate).count() as u64;
    let accepted = links::link("/calls", &[("event", Some("delivery.delivered")), ("since", Some("today"))]);
    let of = |name, count, link: String, kind| TodayTally { name, count, link, kind };
    let today = || "/not-called?day=today".to_owned();
    let is_by_word = |decided: &&DecidedFate| decided.event == Event::OperatorResolved;
    let by_word = fates.iter().filter(|decided| decided.fate == CallFate::Called).filter(is_by_word).count() as u64;
    let resolved = links::link("/calls", &[("event", Some("operator.resolved")), ("since", Some("today"))]);
    let settled = of("called, as a person found out", by_word, resolved, "good");
    let mut tallies = vec![
        of("accepted", count(CallFate::Called) - by_word, accepted, "good"),
        of("not called", count(CallFate::NotCalled), today(), "plain"),
        of("failed", count(CallFate::Failed), today(), "bad"),
        of("fate unknown, to be settled", unknown, "/held".to_owned(), "unsure"),
    ];
    tallies.extend((by_word > 0).then_some(settled));
    tallies
}

/// The schedules' next runs, the nearest first, then those without one.
#[must_use]
pub fn coming(schedules: &[ScheduleStatus], moments: &Moments) -> Vec<ComingRun> {
    let mut runs: Vec<(Option<jiff::Timestamp>, ComingRun)> =
        schedules.iter().map(|row| coming_run(row, moments)).collect();
    runs.sort_by(|(one, first), (other, second)| {
        (one.is_none(), one, &first.schedule).cmp(&(other.is_none(), other, &second.schedule))
    });
    runs.into_iter().map(|(_, run)| run).collect()
}

fn coming_run(row: &ScheduleStatus, moments: &Moments) -> (Option<jiff::Timestamp>, ComingRun) {
    let next = row.next_run.as_deref();
    let at: Option<jiff::Timestamp> = next.and_then(|text| text.parse().ok());
    let last = row.last_run.as_deref().map(|text| {
        let planned = match row.mode {
            Some(ScheduleMode::Shadow) => "would have been called",
            Some(ScheduleMode::Live) | None => "planned",
        };
        let planned = row.last_planned.map(|count| format!(", {count} {planned}")).unwrap_or_default();
        let state = row.last_state.map(|state| format!(", {state}")).unwrap_or_default();
        format!("last run {}{state}{planned}", moments.of_text(text))
    });
    let remark = match row.state {
        LoadState::Loaded => row.problem.clone().or(last).unwrap_or_default(),
        LoadState::Refused => format!("refused: {}", row.problem.as_deref().unwrap_or("its file has errors")),
        LoadState::Disabled => "switched off in its file".to_owned(),
        LoadState::Paused => row.problem.clone().unwrap_or_else(|| "paused".to_owned()),
    };
    let run = ComingRun {
        schedule: row.name.clone(),
        link: links::schedule(&row.name),
        at: next.map(|text| moments.of_text(text)),
        ahead: at.map(|at| moments.ahead(at)).unwrap_or_default(),
        remark: without_commands(&remark),
    };
    (at, run)
}

/// Today's accepted calls by the hour.
#[must_use]
pub fn by_hour(fates: &[DecidedFate], moments: &Moments) -> UprightBars {
    let mut hours = [0_u64; 24];
    for decided in fates.iter().filter(|decided| decided.fate == CallFate::Called) {
        let hour = moments.zone(None).wall(decided.at).hour();
        hours[usize::try_from(hour).unwrap_or_default()] += 1;
    }
    let title = ChartTitle {
        title: "Calls today by hour".to_owned(),
        of: "Hour",
        counts: "Accepted",
        nothing: "No call has been accepted today.",
    };
    let named = |(hour, count): (usize, u64)| Quantity::new(hour.to_string(), count);
    UprightBars::over(title, hours.into_iter().enumerate().map(named).collect(), 3)
}

/// What a chart of reasons says where there are none; with held runs it is not over yet.
#[must_use]
pub const fn nobody_left_out(is_any_held: bool) -> &'static str {
    match is_any_held {
        true => "Nobody was left out so far; calls wait in a held run.",
        false => "Nobody was left out.",
    }
}

/// What the chart of the queue says where it is empty.
#[must_use]
pub const fn nobody_queued(is_any_held: bool) -> &'static str {
    match is_any_held {
        true => "Nobody is in the queue; calls wait in a held run.",
        false => "Nobody waits to be called.",
    }
}

/// Why appointments of some time were not called.
#[must_use]
pub fn reasons(
    (title, nothing): (&str, &'static str),
    fates: &[DecidedFate],
    link: impl Fn(&str) -> String,
) -> LyingBars {
    let mut reasons: BTreeMap<&str, u64> = BTreeMap::new();
    for decided in fates.iter().filter(|decided| decided.fate == CallFate::NotCalled) {
        *reasons.entry(decided.reason.as_deref().unwrap_or("unknown")).or_default() += 1;
    }
    let quantity =
        |(reason, count): (&str, u64)| Quantity { label: words::reason(reason), count, link: Some(link(reason)) };
    let title = ChartTitle { title: title.to_owned(), of: "Reason", counts: "Appointments", nothing };
    LyingBars::over(title, reasons.into_iter().map(quantity).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn todays_numbers_count_appointments_and_whatever_waits_for_a_person() {
        let fate = |fate, reason: Option<&str>| DecidedFate {
            seq: 1,
            at: jiff::Timestamp::UNIX_EPOCH,
            fate,
            event: crate::audit::Event::ReminderSkipped,
            schedule: Some("clinic".to_owned()),
            reason: reason.map(str::to_owned),
        };
        let fates = [
            fate(CallFate::Called, None),
            fate(CallFate::Called, None),
            fate(CallFate::NotCalled, Some("no_phone")),
            fate(CallFate::Failed, Some("http_400")),
            fate(CallFate::Unknown, Some("timeout")),
            fate(CallFate::Waiting, None),
        ];
        let numbers: Vec<(&str, u64)> = tallies(&fates, 3).iter().map(|tally| (tally.name, tally.count)).collect();
        let expected = [("accepted", 2), ("not called", 1), ("failed", 1), ("fate unknown, to be settled", 3)];
        assert_eq!(numbers, expected);
        let settled = DecidedFate { event: Event::OperatorResolved, ..fates[0].clone() };
        let numbers: Vec<(&str, u64)> =
            tallies(&[settled, fates[1].clone()], 0).iter().map(|tally| (tally.name, tally.count)).collect();
        assert_eq!((numbers[0], numbers[4]), (("accepted", 1), ("called, as a person found out", 1)));
        let chart =
            reasons(("Not called", nobody_left_out(false)), &fates, |reason| format!("/not-called?reason={reason}"))
                .to_string();
        assert!(chart.contains("no phone") && chart.contains("reason=no_phone"), "{chart}");
        assert!(!chart.contains("http 400"), "a failure is no reason not to call: {chart}");
    }
}
