use uuid::Uuid;

use super::*;
use crate::audit::{Entry, LoggedPhone};

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

fn following(rows: &[AuditRow]) -> Wrongs {
    let mut wrongs = Wrongs::default();
    let following = wrongs.begin_at(0).expect("a first look");
    wrongs.followed(following, 0);
    rows.iter().for_each(|row| wrongs.note(row));
    wrongs
}

fn told(wrongs: &mut Wrongs) -> Option<String> {
    let (message, told) = wrongs.news()?;
    wrongs.set_told(told);
    Some(message.text)
}

#[test]
fn what_goes_wrong_together_is_told_together_and_once() {
    let mut wrongs = following(&[
        row(1, Event::RunFinished, Some("failed"), None),
        row(2, Event::DeliveryFailed, None, Some(1)),
        row(3, Event::DeliveryFailed, None, Some(2)),
    ]);
    let text = told(&mut wrongs).expect("news");
    assert_eq!(text, "tickler: day-before: run failed: no connection\ntickler: day-before: failed (2×)");
    assert_eq!(told(&mut wrongs), None);
}

#[test]
fn the_end_of_a_trouble_is_told_to_those_who_heard_of_it() {
    let mut wrongs = following(&[row(1, Event::RunFinished, Some("failed"), None)]);
    let _heard = told(&mut wrongs);
    wrongs.note(&row(2, Event::RunFinished, None, None));
    assert_eq!(told(&mut wrongs).as_deref(), Some("tickler: day-before: over: run failed"));
    assert_eq!(told(&mut wrongs), None);
}

#[test]
fn what_came_and_went_between_two_looks_is_told_all_the_same() {
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
        let mut wrongs = following(&rows);
        assert_eq!(told(&mut wrongs).as_deref(), Some(text));
        assert_eq!(told(&mut wrongs), None);
    }
}

#[test]
fn an_unknown_fate_is_over_when_every_reminder_is_settled() {
    let mut wrongs =
        following(&[row(1, Event::DeliveryUncertain, None, Some(1)), row(2, Event::DeliveryUncertain, None, Some(2))]);
    assert_eq!(told(&mut wrongs).as_deref(), Some("tickler: day-before: fate unknown (2×)"));
    wrongs.note(&row(3, Event::OperatorResolved, None, Some(1)));
    assert_eq!(told(&mut wrongs), None);
    wrongs.note(&row(4, Event::DeliveryDelivered, None, Some(2)));
    assert_eq!(told(&mut wrongs).as_deref(), Some("tickler: day-before: over: fate unknown"));
}

#[test]
fn a_wait_is_told_once_however_often_the_source_is_read() {
    let mut wrongs = following(&[]);
    wrongs.waits("day-before", "503");
    wrongs.waits("day-before", "503");
    assert_eq!(told(&mut wrongs).as_deref(), Some("tickler: day-before: run waits for its source: 503"));
    wrongs.waits("day-before", "503");
    assert_eq!(told(&mut wrongs), None);
    wrongs.note(&row(1, Event::RunFinished, None, None));
    assert_eq!(told(&mut wrongs).as_deref(), Some("tickler: day-before: over: run waits for its source"));
}

#[test]
fn a_restart_neither_repeats_nor_forgets() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("tickler.db.told");
    let mut before = following(&[row(1, Event::RunFinished, Some("failed"), None)]);
    let _heard = told(&mut before);
    before.note(&row(2, Event::RunHeld, None, None));
    before.remember(&file);
    let mut after = Wrongs::remembered(&file);
    assert_eq!(after, before);
    assert_eq!(after.begin_at(5).map(|following| following.after), Some(2));
    assert_eq!(told(&mut after).as_deref(), Some("tickler: day-before: run held: no connection"));
}

#[test]
fn a_first_look_at_an_old_log_tells_what_is_still_wrong_and_nothing_else() {
    let mut wrongs = Wrongs::remembered(Path::new("/nowhere/tickler.db.told"));
    let following = wrongs.begin_at(3).expect("a first look");
    assert_eq!(following.after, 0);
    for past in [
        row(1, Event::RunFinished, Some("failed"), None),
        row(2, Event::RunFinished, None, None),
        row(3, Event::DeliveryUncertain, None, Some(1)),
    ] {
        wrongs.note(&past);
    }
    wrongs.followed(following, 3);
    assert_eq!(told(&mut wrongs).as_deref(), Some("tickler: day-before: fate unknown"));
    assert_eq!(wrongs.begin_at(3), None);
    assert_eq!(wrongs.begin_at(4).map(|following| following.after), Some(3));
}
