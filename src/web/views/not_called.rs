//! pure: who was not called on a day, by reason.

use std::collections::{BTreeMap, BTreeSet};

use askama::Template;

use super::charts::LyingBars;
use super::frame::PageFrame;
use super::moments::{Moments, ShownMoment};
use super::rows::{LogRow, RowNames};
use crate::audit::{AuditRow, Event, words};

/// Maximum rows of each kind on the page; the log has them all.
pub const MOST: u64 = 500;

/// The page.
#[derive(Template)]
#[template(path = "not_called.html")]
pub struct NotCalledPage {
    /// What surrounds it.
    pub frame: PageFrame,
    /// The day, for people.
    pub day: String,
    /// The day before.
    pub earlier: String,
    /// The day after, unless it is still to come.
    pub later: Option<String>,
    /// Which reason alone is shown.
    pub reason: Option<String>,
    /// How many for which reason.
    pub chart: LyingBars,
    /// By reason.
    pub groups: Vec<ReasonGroup>,
    /// Whether there are more than are shown.
    pub is_cut: bool,
}

/// Everybody for one reason.
#[derive(Debug, Clone)]
pub struct ReasonGroup {
    /// The reason in words.
    pub reason: String,
    /// Who, once each.
    pub people: Vec<NotCalledPerson>,
}

/// Somebody who was not called.
#[derive(Debug, Clone)]
pub struct NotCalledPerson {
    /// The row of the log.
    pub row: LogRow,
    /// The appointment's start.
    pub starts_at: Option<ShownMoment>,
}

/// The events that mean that somebody was not called, or that nobody was.
pub const EVENTS: [Event; 8] = [
    Event::ReminderSkipped,
    Event::ReminderExpired,
    Event::DeliveryFailed,
    Event::DeliveryDropped,
    Event::OperatorCancelled,
    Event::RunMissed,
    Event::RunHeld,
    Event::RunSkipped,
];

/// The rows by reason, each appointment once for a reason, the largest group first.
#[must_use]
pub fn groups(rows: &[AuditRow], names: &RowNames, moments: &Moments) -> Vec<ReasonGroup> {
    let mut seen = BTreeSet::new();
    let mut groups: BTreeMap<String, Vec<NotCalledPerson>> = BTreeMap::new();
    for row in rows.iter().rev() {
        let reason = match (row.event, row.reason.as_deref()) {
            (Event::ReminderSkipped, Some(reason)) => words::reason(reason),
            (event, Some(reason)) => format!("{}: {}", words::event(event), words::reason(reason)),
            (event, None) => words::event(event).to_owned(),
        };
        let schedule = row.schedule.as_deref().unwrap_or_default().to_owned();
        let appointment = row.appointment_id.as_deref().map(str::to_owned);
        // a row without an id is somebody of its own
        let key = appointment.unwrap_or_else(|| row.seq.to_string());
        if seen.insert((reason.clone(), schedule, key)) {
            let starts_at = row.starts_at.map(|at| moments.of(row.schedule.as_deref(), at));
            let person = NotCalledPerson { row: LogRow::of(row, names, moments), starts_at };
            groups.entry(reason).or_default().push(person);
        }
    }
    let mut groups: Vec<ReasonGroup> =
        groups.into_iter().map(|(reason, people)| ReasonGroup { reason, people }).collect();
    groups.sort_by_key(|group| std::cmp::Reverse(group.people.len()));
    groups
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::Entry;
    use crate::schedule::load::Folder;
    use crate::verbs::ScheduleZones;
    use crate::zones::Zones;

    #[test]
    fn an_appointment_that_several_runs_left_out_is_listed_once_for_a_reason() {
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
        let groups = groups(&rows, &RowNames::new(), &moments);
        let told: Vec<(&str, usize)> = groups.iter().map(|group| (group.reason.as_str(), group.people.len())).collect();
        assert_eq!(told, [("bad row", 2), ("no phone", 1), ("refused for good: http 400", 1)]);
    }
}
