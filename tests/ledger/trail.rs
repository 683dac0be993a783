//! The log asked for one appointment or reminder gives every row about it, and what ends together makes room for what
//! begins.

use tickler::audit::{AuditFilter, AuditRow};
use tickler::ledger::{Outbox, Resolution, SettleTo, TakeIntents};
use tickler::plan::PlannedReminder;
use tickler::reminder::State;

use crate::calls::*;
use crate::makers;

fn of(rows: &[AuditRow], appointment: &str) -> Vec<AuditRow> {
    rows.iter().filter(|row| row.appointment_id.as_deref() == Some(appointment)).cloned().collect()
}

#[tokio::test]
async fn the_log_of_an_appointment_is_every_row_about_it() {
    for maker in makers() {
        let ledger = maker.open();
        let two = || vec![planned("A1"), planned("A2")];
        run_plan(&ledger, at(0), plan_of(two())).await;
        // the same appointments of another schedule's person
        let others = two()
            .into_iter()
            .map(|one| PlannedReminder { person: format!("other {}", one.person.as_str()).into(), ..one });
        run_plan_of(&ledger, "evening", at(0), plan_of(others.collect())).await;
        let refused = take(&ledger, at(1)).await.intents;
        for intent in &refused {
            ledger.settle(settlement(intent, at(2), again(at(10)))).await.expect("it goes back");
        }
        let [first, second] = take(&ledger, at(10)).await.intents.try_into().expect("both once more");
        ledger.settle(settlement(&first, at(11), SettleTo::Delivered)).await.expect("it settles");
        ledger.settle(settlement(&second, at(12), SettleTo::Uncertain)).await.expect("it settles");
        ledger.resolve(resolve(second.reminder_id, Resolution::Resend, at(13))).await.expect("it is resolved");
        send(&ledger, at(14), SettleTo::Delivered).await;

        let rows = ledger.audit(AuditFilter::default()).await.expect("the log is read");
        for (intent, rows_of_it) in [(&first, 6), (&second, 9)] {
            let expected = of(&rows, &intent.appointment_id);
            assert_eq!(expected.len(), rows_of_it, "{expected:?}");
            let filter = AuditFilter { appointment: Some(intent.appointment_id.clone()), ..AuditFilter::default() };
            assert_eq!(ledger.audit(filter.clone()).await.expect("a page"), expected);
            let filter = AuditFilter { schedule: Some("evening".into()), ..filter };
            assert_eq!(ledger.audit(filter).await.expect("a page").len(), 1);
            let filter = AuditFilter { reminder: Some(intent.reminder_id), ..AuditFilter::default() };
            let of_reminder: Vec<AuditRow> =
                expected.into_iter().filter(|row| row.reminder_id == Some(intent.reminder_id)).collect();
            assert_eq!(ledger.audit(filter).await.expect("a page"), of_reminder);
        }
    }
}

#[tokio::test]
async fn what_ends_makes_room_for_what_begins_with_the_same_commit() {
    for maker in makers() {
        let ledger = maker.open();
        run_plan(&ledger, at(0), plan_of(vec![planned("A1"), planned("A2"), planned("A3")])).await;
        let one = |now| TakeIntents {
            lanes: vec![tickler::ledger::Lane { free: 1, ..lane(SCHEDULE) }],
            ..asking(now, vec![])
        };
        let first = ledger.exchange([].into(), Some(one(at(1)))).await.expect("a first one").taken.intents.remove(0);
        let ended = settlement(&first, at(2), SettleTo::Delivered);
        // somebody else's word on it comes a second time: it changes nothing, and keeps nothing else from being done
        let both =
            ledger.exchange([ended.clone(), ended].into(), Some(one(at(2)))).await.expect("one ends, one begins");
        assert_eq!((both.settled, both.taken.intents.len()), (vec![true, false], 1));
        let last = settlement(&both.taken.intents[0], at(3), SettleTo::Failed);
        let alone = ledger.exchange([last].into(), None).await.expect("it ends");
        assert_eq!((alone.settled, alone.taken.intents.len()), (vec![true], 0));
        assert_eq!(count_of(&ledger, "delivery.delivered").await, 1);
        assert_eq!(ledger.tally().await.expect("a tally").pending, 1);
        verified(&ledger).await;
    }
}

#[tokio::test]
async fn an_answer_that_comes_after_its_reminder_was_given_up_changes_nothing_and_logs_nothing() {
    for maker in makers() {
        let ledger = maker.open();
        let id = one_pending(&ledger).await;
        let intent = take(&ledger, at(1)).await.intents.remove(0);
        // the same process gives it up: what it remembers of the intent must not settle it
        ledger.recover(recover(at(2), &[])).await.expect("it is recovered");
        let rows = events(&ledger).await.len();
        assert_eq!(ledger.settle(settlement(&intent, at(3), SettleTo::Delivered)).await, Ok(false));
        assert_eq!((state(&ledger, id).await, events(&ledger).await.len()), (State::Uncertain, rows));
    }
}
