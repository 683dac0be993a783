//! pure: how the appointments of a day stand, each counted once however many runs wrote about it.
//!
//! A log has a row for each run that left somebody out and for each attempt. People ask how many appointments were called, and
//! how many were not: of each reminder its last row decides, and of an appointment without a reminder that still counts its last
//! row.
//!
//! What settles an unknown fate later (a person, or a report of the call) is about the call's own day: it decides nothing about
//! the day on which it was written, and completes the day of the call.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;

use super::{AuditRow, Event};
use crate::reminder::ReminderId;

/// What became of a call that somebody waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CallFate {
    /// The other side accepted it.
    Called,
    /// Nobody tried: a rule, a cancellation, a person.
    NotCalled,
    /// Refused for good, given up, or too late.
    Failed,
    /// It may have arrived.
    Unknown,
    /// It is planned, or another attempt is.
    Waiting,
}

/// The events that decide a fate.
pub const DECIDING: [Event; 11] = [
    Event::ReminderPlanned,
    Event::ReminderShadowed,
    Event::ReminderSkipped,
    Event::ReminderCancelled,
    Event::ReminderExpired,
    Event::DeliveryDelivered,
    Event::DeliveryFailed,
    Event::DeliveryDropped,
    Event::DeliveryUncertain,
    Event::OperatorCancelled,
    Event::OperatorResolved,
];

/// What decides a fate, taken from a row of the log.
#[derive(Debug, Clone, Copy)]
pub struct FateRow<'a> {
    /// Its number.
    pub seq: u64,
    /// When it was written (UTC).
    pub at: Timestamp,
    /// What happened.
    pub event: Event,
    /// The schedule's name.
    pub schedule: Option<&'a str>,
    /// The appointment's id.
    pub appointment: Option<&'a str>,
    /// The reminder.
    pub reminder: Option<ReminderId>,
    /// The reason's word, such as `no_phone`.
    pub reason: Option<&'a str>,
    /// The sentence about it. Two rows without an appointment's id are of the same appointment if it is the same.
    pub detail: Option<&'a str>,
}

/// How one call stands, and the row that says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecidedFate {
    /// The number of the deciding row.
    pub seq: u64,
    /// When the call had that fate (UTC): for one that was settled later, when its fate became unknown.
    pub at: Timestamp,
    /// What became of the call.
    pub fate: CallFate,
    /// What happened last.
    pub event: Event,
    /// The schedule's name.
    pub schedule: Option<String>,
    /// The reason's word, such as `no_phone`.
    pub reason: Option<String>,
}

impl<'a> FateRow<'a> {
    /// The deciding part of a row that was read as a whole.
    #[must_use]
    pub fn of(row: &'a AuditRow) -> Self {
        Self {
            seq: row.seq,
            at: row.at,
            event: row.event,
            schedule: row.schedule.as_deref(),
            appointment: row.appointment_id.as_deref(),
            reminder: row.reminder_id,
            reason: row.reason.as_deref(),
            detail: row.detail.as_deref(),
        }
    }

    fn decided(&self, fate: CallFate) -> DecidedFate {
        DecidedFate {
            seq: self.seq,
            at: self.at,
            fate,
            event: self.event,
            schedule: self.schedule.map(str::to_owned),
            reason: self.reason.map(str::to_owned),
        }
    }
}

/// What a row of that event says; `None`: nothing about a fate.
fn fate_of(event: Event, reason: Option<&str>) -> Option<CallFate> {
    let fate = match event {
        Event::ReminderPlanned | Event::ReminderShadowed => CallFate::Waiting,
        Event::ReminderSkipped | Event::ReminderCancelled | Event::OperatorCancelled => CallFate::NotCalled,
        Event::ReminderExpired | Event::DeliveryFailed | Event::DeliveryDropped => CallFate::Failed,
        Event::DeliveryDelivered => CallFate::Called,
        Event::DeliveryUncertain => CallFate::Unknown,
        Event::OperatorResolved => match reason {
            Some("delivered") => CallFate::Called,
            Some("drop") => CallFate::Failed,
            Some(_) | None => CallFate::Waiting,
        },
        Event::RunStarted
        | Event::RunFinished
        | Event::RunHeld
        | Event::RunMissed
        | Event::RunSkipped
        | Event::DeliveryIntent
        | Event::DeliveryPrepared
        | Event::DeliveryRefused
        | Event::OutcomeReceived
        | Event::OutcomeUnmatched
        | Event::OutcomeMissing
        | Event::InboundReceived
        | Event::OperatorOutcome
        | Event::OperatorRetried
        | Event::CanarySent
        | Event::CanaryHeard
        | Event::CanarySilent
        | Event::WriteBackSent
        | Event::WriteBackFailed
        | Event::WriteBackDropped
        | Event::OperatorApproved
        | Event::OperatorRejected
        | Event::OperatorPaused
        | Event::OperatorResumed
        | Event::OptoutAdded
        | Event::OptoutRemoved
        | Event::OperatorForgot
        | Event::OperatorPruned
        | Event::OperatorExported
        | Event::OperatorRevealed
        | Event::PageTokenAdded
        | Event::PageTokenRemoved
        | Event::PageSignedIn
        | Event::ServiceStarted
        | Event::ServiceStopped
        | Event::ServiceRecovered
        | Event::ConfigLoaded
        | Event::ConfigRejected
        | Event::ClockJumped => return None,
    };
    Some(fate)
}

/// The reason of a delivery that a report of the call proved later.
pub const PROOF: &str = "proof";

/// The kinds of rows that settle an unknown fate: the event and the reason.
pub const SETTLING: [(Event, &str); 4] = [
    (Event::OperatorResolved, "delivered"),
    (Event::OperatorResolved, "resend"),
    (Event::OperatorResolved, "drop"),
    (Event::DeliveryDelivered, PROOF),
];

fn is_settling(row: &FateRow<'_>) -> bool {
    SETTLING.iter().any(|(event, reason)| row.event == *event && row.reason == Some(*reason))
}

/// What is known of one reminder, or of an appointment that has none: the runs that left it out.
#[derive(Debug, Clone)]
struct LastRow {
    reminder: Option<ReminderId>,
    /// The row that decides.
    decided: DecidedFate,
    /// The number and the time of the last row that doesn't settle something earlier.
    own: Option<(u64, Timestamp)>,
}

impl LastRow {
    fn of(row: &FateRow<'_>, fate: CallFate) -> Self {
        let own = (!is_settling(row)).then_some((row.seq, row.at));
        Self { reminder: row.reminder, decided: row.decided(fate), own }
    }

    fn add(&mut self, row: &FateRow<'_>, fate: CallFate) {
        if !is_settling(row) {
            self.own = self.own.max(Some((row.seq, row.at)));
        }
        if row.seq > self.decided.seq {
            self.decided = row.decided(fate);
        }
    }

    /// The fate with the reminder it belongs to; `None` when the rows tell only of a call at another time.
    fn into_decided(self) -> Option<(Option<ReminderId>, DecidedFate)> {
        let (_, at) = self.own?;
        Some((self.reminder, DecidedFate { at, ..self.decided }))
    }
}

/// The last rows of one appointment: of each of its reminders, and of what has none.
type LastRows = Vec<LastRow>;

/// Collects rows, in whatever order.
#[derive(Debug, Default)]
pub struct FateCount {
    appointments: HashMap<String, LastRows>,
    /// The key of the row at hand.
    key: String,
}

impl FateCount {
    /// Counts one more row.
    pub fn add(&mut self, row: &FateRow<'_>) {
        let Some(fate) = fate_of(row.event, row.reason) else { return };
        self.set_key(row);
        if !self.appointments.contains_key(&self.key) {
            self.appointments.insert(self.key.clone(), LastRows::new());
        }
        let Some(last_rows) = self.appointments.get_mut(&self.key) else { return };
        match last_rows.iter_mut().find(|last| last.reminder == row.reminder) {
            Some(last) => last.add(row, fate),
            None => last_rows.push(LastRow::of(row, fate)),
        }
    }

    /// The schedules of calls whose fate is unknown so far.
    #[must_use]
    pub fn unsettled(&self) -> HashSet<Option<String>> {
        let unknown = self.appointments.values().flatten().filter(|last| last.decided.fate == CallFate::Unknown);
        unknown.map(|last| last.decided.schedule.clone()).collect()
    }

    /// What was written later, oldest first: the first row that settles a call's unknown fate decides.
    pub fn settle(&mut self, row: &FateRow<'_>) {
        let Some(fate) = fate_of(row.event, row.reason).filter(|_| is_settling(row)) else { return };
        self.set_key(row);
        let known = self.appointments.get_mut(&self.key);
        let unknown = known.and_then(|last_rows| {
            let is_unsettled = |last: &&mut LastRow| last.decided.fate == CallFate::Unknown;
            last_rows.iter_mut().find(|last| last.reminder == row.reminder).filter(is_unsettled)
        });
        if let Some(last) = unknown {
            last.decided = row.decided(fate);
        }
    }

    /// A row whose appointment has no id, or has been erased, is somebody of its own.
    fn set_key(&mut self, row: &FateRow<'_>) {
        use std::fmt::Write as _;
        self.key.clear();
        self.key.push_str(row.schedule.unwrap_or_default());
        // writing to a string can't fail
        let _written = match (row.appointment, row.reminder, row.detail) {
            (Some(appointment), _, _) => write!(self.key, "\0a{appointment}"),
            (None, Some(id), _) => write!(self.key, "\0r{id}"),
            (None, None, Some(detail)) => write!(self.key, "\0d{}\0{detail}", row.reason.unwrap_or_default()),
            (None, None, None) => write!(self.key, "\0s{}", row.seq),
        };
    }

    /// How they stand, in the order of the deciding rows.
    #[must_use]
    pub fn decide(self) -> Vec<DecidedFate> {
        let mut fates: Vec<DecidedFate> = self.appointments.into_values().flat_map(of_appointment).collect();
        fates.sort_unstable_by_key(|decided| decided.seq);
        fates
    }
}

/// Each reminder that still counts; without one, why nobody called.
fn of_appointment(last_rows: LastRows) -> Vec<DecidedFate> {
    type Decided = Vec<(Option<ReminderId>, DecidedFate)>;
    let counts =
        |(reminder, last): &(Option<ReminderId>, DecidedFate)| reminder.is_some() && last.fate != CallFate::NotCalled;
    let (counting, others): (Decided, Decided) =
        last_rows.into_iter().filter_map(LastRow::into_decided).partition(counts);
    let newest_other = || others.into_iter().max_by_key(|(_, last)| last.seq);
    let decided = if counting.is_empty() { newest_other().into_iter().collect() } else { counting };
    decided.into_iter().map(|(_, last)| last).collect()
}

/// How the calls of these rows stand.
#[must_use]
pub fn fates(rows: &[AuditRow]) -> Vec<DecidedFate> {
    let mut count = FateCount::default();
    rows.iter().for_each(|row| count.add(&FateRow::of(row)));
    count.decide()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "01920000-0000-7000-8000-000000000001";
    const TWO: &str = "01920000-0000-7000-8000-000000000002";

    /// A name, the rows, and how the calls of these rows stand.
    type FateCase = (&'static str, Vec<FateRow<'static>>, &'static [(u64, CallFate)]);

    fn row(event: Event, appointment: Option<&'static str>, reminder: &str, reason: &'static str) -> FateRow<'static> {
        FateRow {
            seq: 0,
            at: Timestamp::UNIX_EPOCH,
            event,
            schedule: Some("clinic"),
            appointment,
            reminder: reminder.parse().ok(),
            reason: Some(reason).filter(|reason| !reason.is_empty()),
            detail: None,
        }
    }

    fn decided(rows: &[FateRow<'_>]) -> Vec<(u64, CallFate)> {
        let numbered: Vec<FateRow<'_>> = rows.iter().zip(1..).map(|(row, seq)| FateRow { seq, ..*row }).collect();
        let mut count = FateCount::default();
        numbered.iter().for_each(|row| count.add(row));
        let forwards = count.decide();
        let mut count = FateCount::default();
        numbered.iter().rev().for_each(|row| count.add(row));
        assert_eq!(count.decide(), forwards, "the order of the rows changes nothing");
        forwards.into_iter().map(|decided| (decided.seq, decided.fate)).collect()
    }

    #[test]
    fn each_appointment_is_counted_once_and_its_last_row_decides() {
        use CallFate::{Called, NotCalled, Waiting};
        use Event::*;
        let a = |event, reminder, reason| row(event, Some("A-1"), reminder, reason);
        let skipped = || a(ReminderSkipped, "", "no_phone");
        let planned = || a(ReminderPlanned, ONE, "");
        let cases: [FateCase; 6] = [
            ("three triggers left it out", vec![skipped(), skipped(), skipped()], &[(3, NotCalled)]),
            (
                "left out, then it had a phone",
                vec![skipped(), planned(), a(DeliveryDelivered, ONE, "")],
                &[(3, Called)],
            ),
            (
                "called, then the source said cancelled",
                vec![planned(), a(DeliveryDelivered, ONE, ""), skipped()],
                &[(2, Called)],
            ),
            (
                "planned, then cancelled",
                vec![planned(), a(ReminderCancelled, ONE, "cancelled"), skipped()],
                &[(3, NotCalled)],
            ),
            (
                "moved: another reminder",
                vec![planned(), a(ReminderCancelled, ONE, "moved"), a(ReminderPlanned, TWO, "")],
                &[(3, Waiting)],
            ),
            ("cancelled by a person", vec![planned(), a(OperatorCancelled, ONE, "")], &[(2, NotCalled)]),
        ];
        for (name, rows, expected) in cases {
            assert_eq!(decided(&rows), expected, "{name}");
        }
    }

    #[test]
    fn of_each_reminder_the_last_row_decides() {
        use CallFate::{Called, Failed, NotCalled, Unknown, Waiting};
        use Event::*;
        let a = |event, reminder, reason| row(event, Some("A-1"), reminder, reason);
        let planned = || a(ReminderPlanned, ONE, "");
        let cases: [FateCase; 9] = [
            ("unknown, and still so", vec![planned(), a(DeliveryUncertain, ONE, "timeout")], &[(2, Unknown)]),
            (
                "unknown, then said to be called",
                vec![a(DeliveryUncertain, ONE, ""), a(OperatorResolved, ONE, "delivered")],
                &[(2, Called)],
            ),
            (
                "unknown, then given up",
                vec![a(DeliveryUncertain, ONE, ""), a(OperatorResolved, ONE, "drop")],
                &[(2, Failed)],
            ),
            (
                "unknown, then sent again",
                vec![a(DeliveryUncertain, ONE, ""), a(OperatorResolved, ONE, "resend")],
                &[(2, Waiting)],
            ),
            (
                "unknown, then proved",
                vec![a(DeliveryUncertain, ONE, ""), a(DeliveryDelivered, ONE, "")],
                &[(2, Called)],
            ),
            (
                "two leads of a day",
                vec![planned(), a(DeliveryDelivered, ONE, ""), a(DeliveryFailed, TWO, "")],
                &[(2, Called), (3, Failed)],
            ),
            (
                "rows without an id and a sentence",
                vec![row(ReminderSkipped, None, "", "bad_row"), row(ReminderSkipped, None, "", "bad_row")],
                &[(1, NotCalled), (2, NotCalled)],
            ),
            (
                "erased, of one reminder",
                vec![row(DeliveryUncertain, None, ONE, ""), row(DeliveryDelivered, None, ONE, "")],
                &[(2, Called)],
            ),
            ("what decides nothing", vec![a(DeliveryIntent, ONE, ""), a(DeliveryRefused, ONE, "")], &[]),
        ];
        for (name, rows, expected) in cases {
            assert_eq!(decided(&rows), expected, "{name}");
        }
    }

    #[test]
    fn what_settles_a_call_counts_on_the_day_of_the_call() {
        use CallFate::{Called, Failed, Unknown, Waiting};
        use Event::*;
        let a = |event, reason| row(event, Some("A-1"), ONE, reason);
        // the day on which it is settled
        for settled in ["delivered", "drop", "resend"] {
            assert_eq!(decided(&[a(OperatorResolved, settled)]), [], "{settled}");
        }
        assert_eq!(decided(&[a(DeliveryDelivered, PROOF)]), [], "proved by a report");
        let again = [a(OperatorResolved, "resend"), a(DeliveryDelivered, "")];
        assert_eq!(decided(&again), [(2, Called)], "the second call is of that day");
        // the day of the call
        let later = |rows: &[FateRow<'_>]| {
            let mut count = FateCount::default();
            let began = "2026-11-23T14:00:00Z".parse().expect("an instant");
            count.add(&FateRow { seq: 1, at: began, ..a(DeliveryUncertain, "timeout") });
            assert_eq!(count.unsettled(), HashSet::from([Some("clinic".to_owned())]));
            rows.iter().zip(2..).for_each(|(row, seq)| count.settle(&FateRow { seq, ..*row }));
            let fates = count.decide();
            assert_eq!(fates[0].at, began, "the time of the call");
            fates.iter().map(|decided| (decided.seq, decided.fate)).collect::<Vec<_>>()
        };
        let cases: [FateCase; 6] = [
            ("never", vec![], &[(1, Unknown)]),
            ("said to be called", vec![a(OperatorResolved, "delivered")], &[(2, Called)]),
            ("given up", vec![a(OperatorResolved, "drop")], &[(2, Failed)]),
            ("proved", vec![a(DeliveryDelivered, PROOF)], &[(2, Called)]),
            (
                "called again on another day, and settled again",
                vec![a(OperatorResolved, "resend"), a(OperatorResolved, "drop")],
                &[(2, Waiting)],
            ),
            ("another reminder's", vec![row(OperatorResolved, Some("A-1"), TWO, "drop")], &[(1, Unknown)]),
        ];
        for (name, rows, expected) in cases {
            assert_eq!(later(&rows), expected, "{name}");
        }
    }

    #[test]
    fn a_row_without_an_id_that_every_run_reads_again_is_one_row() {
        let of =
            |detail: &'static str| FateRow { detail: Some(detail), ..row(Event::ReminderSkipped, None, "", "bad_row") };
        let rows = [of("line 7 has 3 fields"), of("line 9 has 3 fields"), of("line 7 has 3 fields")];
        assert_eq!(decided(&rows), [(2, CallFate::NotCalled), (3, CallFate::NotCalled)]);
    }

    #[test]
    fn the_same_id_of_two_schedules_is_two_appointments() {
        let of =
            |schedule| FateRow { schedule: Some(schedule), ..row(Event::ReminderSkipped, Some("A-1"), "", "no_phone") };
        assert_eq!(decided(&[of("clinic"), of("dentist")]).len(), 2);
    }

    #[test]
    fn every_event_that_says_something_about_a_fate_is_read() {
        for event in Event::ALL {
            assert_eq!(fate_of(*event, None).is_some(), DECIDING.contains(event), "{event}");
        }
    }
}
