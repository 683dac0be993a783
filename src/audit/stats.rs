//! pure: a day, a week or a month of the log in numbers.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use super::fates::{CallFate, fates};
use super::{AuditRow, Event};
use crate::zones::Zone;

/// A word and how often it was there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WordCount {
    /// An event or a reason.
    pub word: String,
    /// How many rows.
    pub count: u64,
}

/// What a time came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PeriodNumbers {
    /// The beginning of the time that is counted (UTC).
    pub since: Timestamp,
    /// The end of the time that is counted (UTC).
    pub until: Timestamp,
    /// The number of rows of each event, the most frequent first.
    pub events: Vec<WordCount>,
    /// The number of appointments that were not called for each reason, the most frequent first.
    pub reasons: Vec<WordCount>,
    /// Accepted calls by the hour of the day, in the schedule's zone.
    pub hours: [u64; 24],
    /// Calls that failed, were given up or came too late.
    pub failures: u64,
    /// Calls whose fate is still unknown at the end.
    pub uncertain: u64,
    /// How often whole numbers were shown.
    pub reveals: u64,
    /// How often the log was exported.
    pub exports: u64,
    /// Times in which nobody was called although a schedule wanted it: missed, held, left out and failed runs, stops and
    /// clock jumps, oldest first.
    pub gaps: Vec<NumberedGap>,
}

/// An event because of which nobody was called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NumberedGap {
    /// When it was recorded (UTC).
    pub at: Timestamp,
    /// What happened.
    pub event: Event,
    /// The schedule that the rows name; `None` for rows of the service.
    pub schedule: Option<String>,
    /// A sentence.
    pub detail: Option<String>,
}

/// The numbers of these rows; hours are those of each row's zone.
#[must_use]
pub fn numbers<'z>(
    rows: &[AuditRow],
    (since, until): (Timestamp, Timestamp),
    zone: impl Fn(Option<&str>) -> &'z Zone,
) -> PeriodNumbers {
    let mut events = BTreeMap::new();
    let mut reasons = BTreeMap::new();
    let mut hours = [0; 24];
    for row in rows {
        *events.entry(row.event.as_str().to_owned()).or_insert(0_u64) += 1;
    }
    let fates = fates(rows);
    let count = |fate| fates.iter().filter(|decided| decided.fate == fate).count() as u64;
    for decided in &fates {
        if let (CallFate::NotCalled, Some(reason)) = (decided.fate, &decided.reason) {
            *reasons.entry(reason.clone()).or_insert(0_u64) += 1;
        }
        if decided.fate == CallFate::Called {
            let hour = zone(decided.schedule.as_deref()).wall(decided.at).hour();
            hours[usize::try_from(hour).unwrap_or_default()] += 1;
        }
    }
    let of = |wanted: &[Event]| rows.iter().filter(|row| wanted.contains(&row.event)).count() as u64;
    PeriodNumbers {
        since,
        until,
        events: by_count(events),
        reasons: by_count(reasons),
        hours,
        failures: count(CallFate::Failed),
        uncertain: count(CallFate::Unknown),
        reveals: of(&[Event::OperatorRevealed]),
        exports: of(&[Event::OperatorExported]),
        gaps: rows.iter().filter(|row| is_gap(row)).map(gap).collect(),
    }
}

fn by_count(counts: BTreeMap<String, u64>) -> Vec<WordCount> {
    let mut counts: Vec<WordCount> = counts.into_iter().map(|(word, count)| WordCount { word, count }).collect();
    counts.sort_by_key(|row| std::cmp::Reverse(row.count));
    counts
}

fn is_gap(row: &AuditRow) -> bool {
    let has_failed = matches!(row.reason.as_deref(), Some("failed" | "crashed"));
    let is_event = matches!(
        row.event,
        Event::RunMissed | Event::RunHeld | Event::RunSkipped | Event::ServiceStopped | Event::ClockJumped
    );
    is_event || (row.event == Event::RunFinished && has_failed)
}

fn gap(row: &AuditRow) -> NumberedGap {
    let text = |value: &Option<std::borrow::Cow<'static, str>>| value.as_deref().map(str::to_owned);
    NumberedGap { at: row.at, event: row.event, schedule: text(&row.schedule), detail: text(&row.detail) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::Entry;
    use crate::zones::Zones;

    fn row(at: &str, event: Event, reason: Option<&'static str>) -> AuditRow {
        let at: Timestamp = at.parse().expect("an instant");
        let entry = Entry { reason: reason.map(Into::into), ..Entry::new(at, event) };
        AuditRow { seq: 1, entry, hash: String::new() }
    }

    #[test]
    fn a_time_is_counted_by_event_reason_and_hour_with_its_gaps() {
        let zone = Zones::newest().zone("America/New_York").expect("a zone");
        let rows = [
            row("2026-11-24T14:00:01Z", Event::DeliveryDelivered, None),
            row("2026-11-24T14:59:59Z", Event::DeliveryDelivered, None),
            row("2026-11-24T15:00:00Z", Event::DeliveryDelivered, None),
            row("2026-11-24T14:00:00Z", Event::ReminderSkipped, Some("no_phone")),
            row("2026-11-24T14:00:00Z", Event::ReminderSkipped, Some("cancelled")),
            row("2026-11-24T14:00:00Z", Event::ReminderSkipped, Some("no_phone")),
            row("2026-11-24T14:00:00Z", Event::DeliveryFailed, Some("http_400")),
            row("2026-11-24T14:00:00Z", Event::ReminderExpired, None),
            row("2026-11-24T14:00:00Z", Event::RunMissed, Some("down")),
            row("2026-11-24T14:00:00Z", Event::RunFinished, Some("failed")),
            row("2026-11-24T14:00:00Z", Event::RunFinished, None),
            row("2026-11-24T14:00:00Z", Event::OperatorRevealed, None),
        ];
        let rows: Vec<AuditRow> = rows.into_iter().zip(1..).map(|(row, seq)| AuditRow { seq, ..row }).collect();
        let day = (rows[0].at, rows[0].at);
        let numbers = numbers(&rows, day, |_| &zone);
        assert_eq!((numbers.hours[9], numbers.hours[10], numbers.hours.iter().sum::<u64>()), (2, 1, 3));
        let reasons: Vec<(&str, u64)> = numbers.reasons.iter().map(|row| (row.word.as_str(), row.count)).collect();
        assert_eq!(reasons, [("no_phone", 2), ("cancelled", 1)]);
        assert_eq!((numbers.failures, numbers.reveals, numbers.exports, numbers.uncertain), (2, 1, 0, 0));
        let gaps: Vec<Event> = numbers.gaps.iter().map(|gap| gap.event).collect();
        assert_eq!(gaps, [Event::RunMissed, Event::RunFinished]);
    }

    #[test]
    fn an_appointment_that_three_runs_left_out_is_one_and_what_was_settled_is_unknown_no_more() {
        let zone = Zones::newest().zone("America/New_York").expect("a zone");
        let of = |seq, event, appointment: &'static str, reason| {
            let row = row("2026-11-24T14:00:00Z", event, reason);
            AuditRow { seq, entry: Entry { appointment_id: Some(appointment.into()), ..row.entry }, ..row }
        };
        let rows = [
            of(1, Event::ReminderSkipped, "A-1", Some("no_phone")),
            of(2, Event::ReminderSkipped, "A-1", Some("no_phone")),
            of(3, Event::ReminderSkipped, "A-1", Some("no_phone")),
            of(4, Event::DeliveryUncertain, "A-2", Some("timeout")),
            of(5, Event::OperatorResolved, "A-2", Some("delivered")),
        ];
        let reminder = "01920000-0000-7000-8000-000000000001".parse().ok();
        let rows = rows.map(|row| match row.seq {
            4.. => AuditRow { entry: Entry { reminder_id: reminder, ..row.entry }, ..row },
            _ => row,
        });
        let numbers = numbers(&rows, (rows[0].at, rows[0].at), |_| &zone);
        assert_eq!((numbers.reasons[0].count, numbers.uncertain, numbers.hours[9]), (1, 0, 1));
    }
}
