//! pure: who was not called on a day, by reason.

use std::collections::BTreeMap;

use askama::Template;

use super::charts::{ChartTitle, LyingBars, Quantity};
use super::frame::PageFrame;
use super::moments::{Moments, ShownMoment};
use super::rows::LogRow;
use super::wording::without_commands;
use crate::audit::fates::{CallFate, DecidedFate};
use crate::audit::words::counted;
use crate::audit::{AuditRow, Event, words};
use crate::ledger::RunRow;
use crate::reminder::RunState;
use crate::verbs::labels::Labels;

/// Maximum rows under each heading; the log has them all.
pub const MAX_UNDER_HEADING: usize = 500;

/// The page.
#[derive(Template)]
#[template(path = "not_called.html")]
pub struct NotCalledPage {
    /// What surrounds it.
    pub frame: PageFrame,
    /// The day, for people.
    pub day: String,
    /// The day in an address.
    pub iso_day: String,
    /// The day before.
    pub earlier: String,
    /// The day after, unless it is still to come.
    pub later: Option<String>,
    /// The only reason that is shown; `None`: all are.
    pub reason: Option<String>,
    /// How many for which reason.
    pub chart: LyingBars,
    /// The people, grouped by reason.
    pub groups: Vec<ReasonGroup>,
    /// Calls of that day that are neither made nor left out.
    pub open: Vec<OpenCalls>,
    /// What is said where nobody is listed.
    pub nobody: &'static str,
    /// Whether there are more than are shown.
    pub is_cut: bool,
}

/// Calls of which nobody can say yet whether they are made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenCalls {
    /// How many, and what they wait for.
    pub text: String,
    /// Where that is decided.
    pub link: Option<String>,
}

impl OpenCalls {
    /// The open calls of a day with these held runs.
    #[must_use]
    pub fn of_day(held: &[RunRow], fates: &[DecidedFate], moments: &Moments) -> Vec<Self> {
        let of_run = |run: &RunRow| {
            let at = moments.of(Some(&run.schedule), run.nominal_at);
            let calls = counted(run.counts.planned, "call waits", "calls wait");
            let text = format!("{calls} in the held run of {}, {at}: approve or reject it", run.schedule);
            Self { text, link: Some(format!("/held#{}", run.id)) }
        };
        let count = |fate| fates.iter().filter(|decided| decided.fate == fate).count() as u64;
        let mut open: Vec<Self> = held.iter().map(of_run).collect();
        let unknown = count(CallFate::Unknown);
        open.extend((unknown > 0).then(|| Self {
            text: format!(
                "{} of unknown fate: find out whether the phone rang",
                counted(unknown, "call is", "calls are")
            ),
            link: Some("/held#unknown".to_owned()),
        }));
        let waiting = count(CallFate::Waiting);
        open.extend((waiting > 0).then(|| Self {
            text: format!("{} planned and not made yet", counted(waiting, "call is", "calls are")),
            link: None,
        }));
        open
    }
}

/// What is said of a day on which nobody is listed.
#[must_use]
pub fn nobody(open: &[OpenCalls], fates: &[DecidedFate]) -> &'static str {
    match (open.is_empty(), fates.iter().any(|decided| decided.fate == CallFate::Called)) {
        (false, _) => "Nobody else was left out.",
        (true, true) => "Everybody who was due that day was called.",
        (true, false) => "No call was due that day.",
    }
}

/// The people of one reason.
#[derive(Debug, Clone)]
pub struct ReasonGroup {
    /// The reason in words.
    pub reason: String,
    /// How many.
    pub count: usize,
    /// Whether it is about runs that called nobody.
    pub is_of_runs: bool,
    /// Who, once each; the newest, if there are too many for a page.
    pub people: Vec<NotCalledPerson>,
}

/// Somebody who was not called.
#[derive(Debug, Clone)]
pub struct NotCalledPerson {
    /// The row of the log.
    pub row: LogRow,
    /// The appointment's start.
    pub starts_at: Option<ShownMoment>,
    /// Whether the row is about a run, not about somebody.
    pub is_run: bool,
}

/// Whether a run in that state is over, and called nobody.
#[must_use]
pub const fn called_nobody(state: RunState) -> bool {
    match state {
        RunState::Missed | RunState::Skipped | RunState::Failed => true,
        RunState::Running | RunState::Waiting | RunState::Done | RunState::Held => false,
    }
}

/// Whether the row is about a run.
fn is_of_run(row: &AuditRow) -> bool {
    row.event.as_str().starts_with("run.")
}

/// Whether the row says why a run in that state called nobody: one that was held was rejected afterwards.
#[must_use]
pub fn is_of_uncalled(row: &AuditRow, state: RunState) -> bool {
    match state {
        RunState::Missed => row.event == Event::RunMissed,
        RunState::Skipped => row.event == Event::RunSkipped || row.event == Event::RunHeld,
        RunState::Failed => row.event == Event::RunFinished,
        RunState::Running | RunState::Waiting | RunState::Done | RunState::Held => false,
    }
}

/// Whether a fate is listed here: somebody was to be called and was not.
#[must_use]
pub fn is_listed(decided: &DecidedFate) -> bool {
    match decided.fate {
        CallFate::NotCalled | CallFate::Failed => true,
        CallFate::Called | CallFate::Unknown | CallFate::Waiting => false,
    }
}

/// The heading under which a row is listed.
fn heading(event: Event, reason: Option<&str>) -> String {
    match (event, reason) {
        (Event::ReminderSkipped, Some(reason)) => words::reason(reason),
        (Event::RunFinished, Some(_)) => "the run failed".to_owned(),
        (Event::RunHeld, _) => "the run was held, and rejected".to_owned(),
        (Event::RunMissed, Some("down")) => "the run was missed: the service was not running".to_owned(),
        (Event::OperatorResolved, Some("drop")) => "fate unknown, given up by a person".to_owned(),
        (event, Some(reason)) => format!("{}: {}", words::event(event), words::reason(reason)),
        (event, None) => words::event(event).to_owned(),
    }
}

/// A run that did nothing has no more in its row than the time at which it was due.
fn of_nominal_time(detail: &str) -> String {
    match detail.strip_prefix("nominal time ") {
        Some(at) => format!("the run of {at}"),
        None => detail.to_owned(),
    }
}

/// How many appointments are listed under each heading, with a link where a reason tells them apart.
#[must_use]
pub fn by_heading(fates: &[DecidedFate], nothing: &'static str, link: impl Fn(&str) -> String) -> LyingBars {
    let mut headings: BTreeMap<String, (u64, Option<&str>)> = BTreeMap::new();
    for decided in fates.iter().filter(|decided| is_listed(decided)) {
        let reason = decided.reason.as_deref();
        headings.entry(heading(decided.event, reason)).or_insert((0, reason)).0 += 1;
    }
    let total = headings.values().map(|(count, _)| count).sum();
    let quantity =
        |(label, (count, reason)): (String, (u64, Option<&str>))| Quantity { label, count, link: reason.map(&link) };
    let title = ChartTitle {
        title: match total {
            0 => "By reason".to_owned(),
            total => counted(total, "appointment was not called", "appointments were not called"),
        },
        of: "Reason",
        counts: "Appointments",
        nothing,
    };
    LyingBars::over(title, headings.into_iter().map(quantity).collect())
}

/// What a day's list holds, by heading.
#[derive(Debug, Default)]
pub struct ListedDay {
    counts: BTreeMap<String, usize>,
    /// The rows that are shown: under each heading the newest.
    pub shown: Vec<u64>,
}

impl ListedDay {
    /// The listed day of these fates.
    #[must_use]
    pub fn of(fates: &[DecidedFate]) -> Self {
        let mut listed = Self::default();
        for decided in fates.iter().rev().filter(|decided| is_listed(decided)) {
            let count = listed.counts.entry(heading(decided.event, decided.reason.as_deref())).or_default();
            *count += 1;
            if *count <= MAX_UNDER_HEADING {
                listed.shown.push(decided.seq);
            }
        }
        listed
    }

    /// Whether there are more than are shown.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        self.counts.values().any(|count| *count > MAX_UNDER_HEADING)
    }

    /// The rows by heading, the newest first, the largest group first; rows of runs come last, under headings of their own.
    #[must_use]
    pub fn groups(&self, rows: &[AuditRow], labels: &Labels, moments: &Moments) -> Vec<ReasonGroup> {
        let mut groups: BTreeMap<String, Vec<NotCalledPerson>> = BTreeMap::new();
        for row in rows.iter().rev() {
            let starts_at = row.starts_at.map(|at| moments.of(row.schedule.as_deref(), at));
            let row_of_log = LogRow::of(row, labels, moments);
            let detail = of_nominal_time(&without_commands(&row_of_log.detail));
            let person = NotCalledPerson { row: LogRow { detail, ..row_of_log }, starts_at, is_run: is_of_run(row) };
            groups.entry(heading(row.event, row.reason.as_deref())).or_default().push(person);
        }
        let group = |(reason, people): (String, Vec<NotCalledPerson>)| {
            let is_of_runs = people.iter().all(|person| person.is_run);
            let count = self.counts.get(&reason).copied().unwrap_or(people.len());
            ReasonGroup { reason, count, is_of_runs, people }
        };
        let mut groups: Vec<ReasonGroup> = groups.into_iter().map(group).collect();
        groups.sort_by_key(|group| (group.is_of_runs, std::cmp::Reverse(group.count)));
        groups
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::{Entry, fates};
    use crate::schedule::load::Folder;
    use crate::verbs::ScheduleZones;
    use crate::zones::Zones;

    #[test]
    fn an_appointment_that_several_runs_left_out_is_listed_once() {
        let row = |seq, event, reason: Option<&'static str>, appointment: Option<&'static str>| AuditRow {
            seq,
            entry: Entry {
                schedule: Some("clinic".into()),
                reason: reason.map(Into::into),
                appointment_id: appointment.map(Into::into),
                ..Entry::new(jiff::Timestamp::UNIX_EPOCH, event)
            },
            hash: String::new(),
        };
        let rows = [
            row(1, Event::ReminderSkipped, Some("no_phone"), Some("A-4")),
            row(2, Event::ReminderSkipped, Some("no_phone"), Some("A-4")),
            row(3, Event::ReminderSkipped, Some("bad_row"), None),
            row(4, Event::ReminderSkipped, Some("bad_row"), None),
            row(5, Event::DeliveryFailed, Some("http_400"), Some("A-1")),
        ];
        let zones = ScheduleZones::of_folder(&Folder::default(), &Zones::newest());
        let moments = Moments::new(zones, jiff::Timestamp::UNIX_EPOCH);
        let listed = ListedDay::of(&fates::fates(&rows));
        let shown: Vec<AuditRow> = rows.into_iter().filter(|row| listed.shown.contains(&row.seq)).collect();
        let groups = listed.groups(&shown, &Labels::default(), &moments);
        let told: Vec<(&str, usize)> = groups.iter().map(|group| (group.reason.as_str(), group.people.len())).collect();
        assert_eq!(told, [("bad row", 2), ("no phone", 1), ("refused for good: http 400", 1)]);
        let fates = fates::fates(&shown);
        let chart = by_heading(&fates, "nobody", |reason| format!("/not-called?reason={reason}")).to_string();
        for part in ["4 appointments were not called", "/not-called?reason=http_400", "refused for good: http 400"] {
            assert!(chart.contains(part), "whoever was refused is in the sum: {chart}");
        }
    }

    #[test]
    fn a_heading_with_more_than_a_page_holds_shows_its_whole_number() {
        let decided = |seq: usize| DecidedFate {
            seq: seq as u64,
            at: jiff::Timestamp::UNIX_EPOCH,
            fate: CallFate::NotCalled,
            event: Event::ReminderSkipped,
            schedule: None,
            reason: Some("no_phone".to_owned()),
        };
        let fates: Vec<DecidedFate> = (1..=MAX_UNDER_HEADING + 10).map(decided).collect();
        let listed = ListedDay::of(&fates);
        assert_eq!(
            (listed.shown.len(), listed.shown[0], listed.is_cut()),
            (MAX_UNDER_HEADING, MAX_UNDER_HEADING as u64 + 10, true)
        );
        assert_eq!(listed.counts["no phone"], MAX_UNDER_HEADING + 10);
    }
}
