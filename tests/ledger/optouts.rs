//! The opt-out list: at once, over all schedules, kept as hashes.

use tickler::ledger::*;
use tickler::personal::Personal;
use tickler::plan::PlannedReminder;
use tickler::reminder::State;

use crate::calls::*;
use crate::makers;

fn change(phones: &[&str], to: OptOutSide, second: i64) -> OptOutChange {
    OptOutChange {
        list: NumbersList::OptedOut,
        phones: phones.iter().map(|phone| Personal::from(*phone)).collect(),
        to,
        reason: Some("she asked".to_owned()),
        now: at(second),
        actor: "maria".to_owned(),
    }
}

/// What a plan of the suite's schedule asks.
pub fn knowledge_ask() -> KnowledgeAsk {
    KnowledgeAsk {
        schedule: SCHEDULE.to_owned(),
        target: None,
        account: "thoughtly".to_owned(),
        windows: Vec::new(),
        due_days: (jiff::civil::date(2026, 11, 24), jiff::civil::date(2026, 11, 24)),
        comparable: tickler::plan::ComparableRuns::default(),
        kind: tickler::reminder::CallKind::Reminder,
        now: jiff::Timestamp::MAX,
        first_sights_from: Some(jiff::Timestamp::MIN),
        mode: tickler::schedule::ScheduleMode::Live,
        rehearsed: tickler::plan::Rehearsed::CountAsMade,
    }
}

async fn is_known(ledger: &Ledger, phone: &str) -> bool {
    ledger.knowledge(knowledge_ask()).await.expect("knowledge").opted_out.holds(phone)
}

#[tokio::test]
async fn a_number_on_the_list_has_its_pending_reminders_of_every_schedule_cancelled_at_once() {
    for maker in makers() {
        let ledger = maker.open();
        let other = PlannedReminder { phone: "+12025550144".into(), ..planned("B1") };
        run_plan(&ledger, at(0), plan_of(vec![planned("A1"), other])).await;
        run_plan_of(&ledger, "garage", at(0), plan_of(vec![planned("C1")])).await;
        let done = ledger.opt_out(change(&[PHONE, PHONE], OptOutSide::On, 5)).await.expect("it is written");
        assert_eq!(done, OptOutsChanged { changed: 1, unchanged: 1, cancelled: 2 });
        let rows = ledger.reminders(ReminderAsk::default()).await.expect("reminders");
        let states: Vec<_> = rows.iter().map(|row| (row.appointment_id.as_str(), row.state)).collect();
        assert_eq!(states, [("A1", State::Cancelled), ("B1", State::Pending), ("C1", State::Cancelled)]);
        assert!(is_known(&ledger, PHONE).await && !is_known(&ledger, "+12025550144").await);
        let told = events(&ledger).await;
        let of = |event: &str| told.iter().filter(|(name, _)| name == event).count();
        assert_eq!((of("optout.added"), of("reminder.cancelled")), (1, 2));
        assert!(told.contains(&("reminder.cancelled".to_owned(), Some("opted_out".to_owned()))));
    }
}

#[tokio::test]
async fn the_last_look_before_a_call_cancels_what_was_planned_for_a_number_that_is_on_the_list() {
    for maker in makers() {
        let ledger = maker.open();
        ledger.opt_out(change(&[PHONE], OptOutSide::On, 0)).await.expect("it is written");
        // as a plan that was made from what was known before
        let planned = run_plan(&ledger, at(1), plan_of(vec![planned("A1")])).await.reminders;
        assert_eq!(take(&ledger, at(2)).await.intents.len(), 0);
        assert_eq!(row(&ledger, planned[0]).await.state, State::Cancelled);
        ledger.opt_out(change(&[PHONE], OptOutSide::Off, 3)).await.expect("it is written");
        run_plan(&ledger, at(4), plan_of(vec![crate::calls::planned("A2")])).await;
        assert_eq!(take(&ledger, at(5)).await.intents.len(), 1, "who is taken off the list is called again");
        assert!(!is_known(&ledger, PHONE).await);
    }
}

#[tokio::test]
async fn the_list_shows_who_and_why_but_no_number() {
    for maker in makers() {
        let ledger = maker.open();
        ledger.opt_out(change(&["+12025550144"], OptOutSide::On, 1)).await.expect("it is written");
        ledger.opt_out(change(&[PHONE], OptOutSide::On, 0)).await.expect("it is written");
        let listed = ledger.optouts().await.expect("the list");
        let shown: Vec<_> = listed.iter().map(|one| (one.phone_last4.as_str(), one.since)).collect();
        assert_eq!(shown, [(&PHONE[PHONE.len() - 4..], at(0)), ("0144", at(1))]);
        assert_eq!((listed[0].actor.as_str(), listed[0].reason.as_deref()), ("maria", Some("she asked")));
        let gone = ledger.opt_out(change(&["+12025550199"], OptOutSide::Off, 2)).await.expect("it is written");
        assert_eq!(gone, OptOutsChanged { unchanged: 1, ..OptOutsChanged::default() });
    }
}
