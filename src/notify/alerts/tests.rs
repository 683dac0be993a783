use uuid::Uuid;

use super::*;
use crate::audit::{Entry, LoggedPhone};

/// The run that waits.
const WAITING: RunId = RunId(Uuid::from_u128(7));

fn row(seq: u64, event: Event, reason: Option<&str>, reminder: Option<u128>) -> AuditRow {
    let at = "2026-11-24T09:00:00Z".parse().expect("a valid instant");
    let entry = Entry {
        schedule: Some("day-before".into()),
        reminder_id: reminder.map(|number| ReminderId(Uuid::from_u128(number))),
        appointment_id: Some("A-1".into()),
        phone: Some(LoggedPhone::LastFour("0143".into())),
        reason: reason.map(|word| word.to_owned().into()),
        detail: Some(if reminder.is_some() { "Zoë at 0143" } else { "no connection" }.into()),
        ..Entry::new(at, event)
    };
    AuditRow { seq, entry, hash: String::new() }
}

fn after(rows: &[AuditRow]) -> Alerts {
    let mut alerts = Alerts::default();
    let unread = alerts.unread(0).expect("never read");
    alerts.have_read(unread, 0);
    rows.iter().for_each(|row| alerts.note(row));
    alerts
}

fn message(alerts: &mut Alerts) -> Option<String> {
    let (message, reported) = alerts.unreported()?;
    alerts.set_reported(reported);
    Some(message.text)
}

#[test]
fn what_fails_together_is_reported_together_and_once() {
    let mut alerts = after(&[
        row(1, Event::RunFinished, Some("failed"), None),
        row(2, Event::DeliveryFailed, None, Some(1)),
        row(3, Event::DeliveryFailed, None, Some(2)),
    ]);
    let text = message(&mut alerts).expect("news");
    assert_eq!(text, "tickler: day-before: run failed: no connection\ntickler: day-before: failed (2×)");
    assert_eq!(message(&mut alerts), None);
}

#[test]
fn the_end_of_a_reported_alert_is_reported() {
    let mut alerts = after(&[row(1, Event::RunFinished, Some("failed"), None)]);
    let _heard = message(&mut alerts);
    alerts.note(&row(2, Event::RunFinished, None, None));
    assert_eq!(message(&mut alerts).as_deref(), Some("tickler: day-before: over: run failed"));
    assert_eq!(message(&mut alerts), None);
}

#[test]
fn what_is_resolved_before_it_was_reported_is_reported_all_the_same() {
    let cases = [
        (
            vec![row(1, Event::RunFinished, Some("failed"), None), row(2, Event::RunFinished, None, None)],
            "tickler: day-before: run failed: no connection\ntickler: day-before: over: run failed",
        ),
        (
            vec![
                row(1, Event::RunMissed, None, None),
                row(2, Event::RunMissed, None, None),
                row(3, Event::RunFinished, None, None),
            ],
            "tickler: day-before: runs missed (2×)\ntickler: day-before: over: runs missed",
        ),
        (
            vec![row(1, Event::DeliveryFailed, None, Some(1)), row(2, Event::DeliveryDelivered, None, Some(2))],
            "tickler: day-before: failed\ntickler: day-before: over: failed",
        ),
    ];
    for (rows, text) in cases {
        let mut alerts = after(&rows);
        assert_eq!(message(&mut alerts).as_deref(), Some(text));
        assert_eq!(message(&mut alerts), None);
    }
}

#[test]
fn an_unknown_fate_is_resolved_when_every_reminder_is_settled() {
    let mut alerts =
        after(&[row(1, Event::DeliveryUncertain, None, Some(1)), row(2, Event::DeliveryUncertain, None, Some(2))]);
    assert_eq!(message(&mut alerts).as_deref(), Some("tickler: day-before: fate unknown (2×)"));
    alerts.note(&row(3, Event::OperatorResolved, None, Some(1)));
    assert_eq!(message(&mut alerts), None);
    alerts.note(&row(4, Event::DeliveryDelivered, None, Some(2)));
    assert_eq!(message(&mut alerts).as_deref(), Some("tickler: day-before: over: fate unknown"));
}

#[test]
fn a_wait_is_reported_once_however_often_the_source_is_read() {
    let mut alerts = after(&[]);
    alerts.waits("day-before", WAITING, "503");
    alerts.waits("day-before", WAITING, "503");
    assert_eq!(message(&mut alerts).as_deref(), Some("tickler: day-before: run waits for its source: 503"));
    alerts.waits("day-before", WAITING, "503");
    assert_eq!(message(&mut alerts), None);
    let ended = |seq, run| {
        let mut row = row(seq, Event::RunFinished, None, None);
        row.entry.run_id = Some(run);
        row
    };
    alerts.note(&ended(1, RunId(Uuid::from_u128(8))));
    assert_eq!(message(&mut alerts), None, "a run that a person made meanwhile ends no wait");
    alerts.note(&ended(2, WAITING));
    assert_eq!(message(&mut alerts).as_deref(), Some("tickler: day-before: over: run waits for its source"));
}

#[test]
fn a_restart_neither_repeats_nor_forgets() {
    let mut before = after(&[row(1, Event::RunFinished, Some("failed"), None)]);
    let _heard = message(&mut before);
    before.note(&row(2, Event::RunHeld, None, None));
    let mut restarted = Alerts::of_stored(&before.to_stored());
    assert_eq!(restarted, before);
    assert_eq!(restarted.unread(5).map(|unread| unread.after), Some(2));
    assert_eq!(message(&mut restarted).as_deref(), Some("tickler: day-before: run held: no connection"));
}

#[test]
fn of_a_log_read_for_the_first_time_only_what_still_fires_is_reported() {
    let mut alerts = Alerts::default();
    let unread = alerts.unread(3).expect("never read");
    assert_eq!(unread.after, 0);
    for past in [
        row(1, Event::RunFinished, Some("failed"), None),
        row(2, Event::RunFinished, None, None),
        row(3, Event::DeliveryUncertain, None, Some(1)),
    ] {
        alerts.note(&past);
    }
    alerts.have_read(unread, 3);
    assert_eq!(message(&mut alerts).as_deref(), Some("tickler: day-before: fate unknown"));
    assert_eq!(alerts.unread(3), None);
    assert_eq!(alerts.unread(4).map(|unread| unread.after), Some(3));
}

#[test]
fn a_condition_is_reported_when_it_begins_and_when_it_ends_over_restarts_too() {
    let mut alerts = after(&[]);
    let full = Conditions::from([((AlertKind::LedgerDown, String::new()), "the disk is full".to_owned())]);
    assert!(alerts.observe(&full));
    let text = "tickler: the ledger can't be written, nobody is called: the disk is full";
    assert_eq!(message(&mut alerts).as_deref(), Some(text));
    assert!(!alerts.observe(&full), "it still holds");
    assert_eq!(message(&mut alerts), None);
    let mut restarted = Alerts::of_stored(&alerts.to_stored());
    assert!(restarted.observe(&Conditions::new()));
    let text = "tickler: over: the ledger can't be written, nobody is called";
    assert_eq!(message(&mut restarted).as_deref(), Some(text));
}

#[test]
fn a_run_that_is_given_up_after_crashes_is_a_failed_run() {
    let mut alerts = after(&[row(1, Event::RunFinished, Some("crashed"), None)]);
    assert_eq!(message(&mut alerts).as_deref(), Some("tickler: day-before: run failed: no connection"));
}
