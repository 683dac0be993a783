//! A plan meets the ledger.

use tickler::audit::AuditFilter;
use tickler::ledger::*;
use tickler::plan::{Held, PlannedReminder, Standing};
use tickler::reminder::{RunKind, RunState, State};

use crate::calls::*;
use crate::makers;

#[tokio::test]
async fn a_pending_one_that_is_planned_again_keeps_id_due_time_and_tries_and_takes_the_new_phone() {
    for maker in makers() {
        let ledger = maker.open();
        let id = one_pending(&ledger).await;
        send(&ledger, at(1), again(at(30))).await;
        let corrected = PlannedReminder {
            phone: "+12025550144".into(),
            due_at: at(20),
            payload: tickler::template::Payload::of(&serde_json::json!({"new": true})),
            expires_at: at(20_000),
            ..planned("A1")
        };
        let recorded = run_plan(&ledger, at(20), plan_of(vec![corrected])).await;
        assert_eq!((recorded.reminders, recorded.overruled.len()), (vec![id], 0));
        let row = row(&ledger, id).await;
        assert_eq!((row.due_at, row.next_at, row.tries, row.expires_at), (at(0), at(30), 1, at(20_000)));
        assert_eq!(row.phone.as_deref(), Some("+12025550144"));
        assert_eq!(row.payload.as_deref(), Some(r#"{"new":true}"#));
        assert_eq!(count_of(&ledger, "reminder.planned").await, 2, "a corrected phone is told");
        let same = PlannedReminder { phone: "+12025550144".into(), ..planned("A1") };
        run_plan(&ledger, at(21), plan_of(vec![same])).await;
        assert_eq!(count_of(&ledger, "reminder.planned").await, 2, "nothing new is not told");
    }
}

#[tokio::test]
async fn what_was_sent_is_not_planned_again_and_counted_as_reminded() {
    for maker in makers() {
        let ledger = maker.open();
        one_pending(&ledger).await;
        send(&ledger, at(1), SettleTo::Delivered).await;
        let recorded = run_plan(&ledger, at(2), plan_of(vec![planned("A1")])).await;
        assert_eq!((recorded.reminders.len(), recorded.overruled.len()), (0, 1));
        let run = ledger.last_run(SCHEDULE).await.expect("runs are read").expect("a run");
        assert_eq!((run.counts.planned, run.counts.already_reminded), (0, 1));
        assert_eq!(take(&ledger, at(3)).await.intents.len(), 0);
    }
}

#[tokio::test]
async fn moved_and_moved_back_is_one_call_under_the_first_id() {
    for maker in makers() {
        let ledger = maker.open();
        let id = one_pending(&ledger).await;
        let recorded = run_plan(&ledger, at(10), cancelling(&[id])).await;
        assert_eq!((recorded.cancelled, state(&ledger, id).await), (vec![id], State::Cancelled));
        let back = PlannedReminder { due_at: at(20), send_at: at(20), ..planned("A1") };
        assert_eq!(run_plan(&ledger, at(20), plan_of(vec![back])).await.reminders, [id]);
        let row = row(&ledger, id).await;
        assert_eq!((row.state, row.due_at), (State::Pending, at(20)));
        send(&ledger, at(21), SettleTo::Delivered).await;
        assert_eq!(count_of(&ledger, "delivery.intent").await, 1);
    }
}

#[tokio::test]
async fn a_cancelled_one_with_an_unknown_fate_does_not_return() {
    for maker in makers() {
        let ledger = maker.open();
        let id = one_pending(&ledger).await;
        send(&ledger, at(1), SettleTo::Again { next_at: at(30), counts: true, resend: true }).await;
        run_plan(&ledger, at(10), cancelling(&[id])).await;
        let recorded = run_plan(&ledger, at(20), plan_of(vec![planned("A1")])).await;
        assert_eq!((recorded.overruled.len(), state(&ledger, id).await), (1, State::Cancelled));
    }
}

#[tokio::test]
async fn only_what_is_pending_is_cancelled() {
    for maker in makers() {
        let ledger = maker.open();
        let id = one_pending(&ledger).await;
        take(&ledger, at(1)).await;
        assert_eq!(run_plan(&ledger, at(2), cancelling(&[id])).await.cancelled, []);
        assert_eq!(state(&ledger, id).await, State::Sending);
    }
}

#[tokio::test]
async fn two_schedules_at_the_same_minute_call_a_person_once_a_hundred_times_over() {
    for maker in makers() {
        let ledger = maker.open();
        for number in 0..100 {
            let person: tickler::personal::Personal = format!("person {number}").into();
            let of = |id: &str| plan_of(vec![PlannedReminder { person: person.clone(), ..planned(id) }]);
            let (one, other) = (format!("A{number}"), format!("B{number}"));
            let (first, second) = tokio::join!(
                run_plan_of(&ledger, "clinic", at(0), of(&one)),
                run_plan_of(&ledger, "garage", at(0), of(&other)),
            );
            assert_eq!(first.reminders.len() + second.reminders.len(), 1, "round {number}");
            assert_eq!(first.overruled.len() + second.overruled.len(), 1, "round {number}");
        }
        let limited = events(&ledger).await.into_iter().filter(|(_, why)| why.as_deref() == Some("person_limit"));
        assert_eq!(limited.count(), 100);
    }
}

#[tokio::test]
async fn a_held_plan_plans_nobody_and_a_failed_run_says_why() {
    for maker in makers() {
        let ledger = maker.open();
        let held = Held { guard: "max_calls".to_owned(), detail: "too many".to_owned() };
        let mut plan = plan_of(vec![planned("A1")]);
        plan.held = Some(held);
        assert_eq!(run_plan(&ledger, at(0), plan).await.reminders.len(), 0);
        assert_eq!(take(&ledger, at(1)).await.intents.len(), 0);
        assert_eq!(ledger.last_run(SCHEDULE).await.expect("read").expect("a run").state, RunState::Held);
        let start = run_start(SCHEDULE, RunKind::Trigger, at(5));
        let run = ledger.begin_run(start).await.expect("it begins").expect("a run");
        ledger.record_run(record(run, at(6), RunEnd::Failed("no such file".to_owned()))).await.expect("it is recorded");
        let told = events(&ledger).await;
        assert!(told.contains(&("run.held".to_owned(), Some("max_calls".to_owned()))));
        assert_eq!(told.last(), Some(&("run.finished".to_owned(), Some("failed".to_owned()))));
        assert_eq!(ledger.tally().await.expect("counted").held_runs, 1);
    }
}

#[tokio::test]
async fn reminders_asked_for_by_id_come_in_the_order_of_the_ids_and_unknown_ones_are_left_out() {
    for maker in makers() {
        let ledger = maker.open();
        let ids = run_plan(&ledger, at(0), plan_of(vec![planned("A1"), planned("A2"), planned("A3")])).await.reminders;
        let unknown = tickler::reminder::ReminderId(new_id());
        let ask = ReminderAsk { ids: vec![ids[2], unknown, ids[0]], ..ReminderAsk::default() };
        let found = ledger.reminders(ask).await.expect("reminders are read");
        assert_eq!(found.iter().map(|row| row.id).collect::<Vec<_>>(), [ids[2], ids[0]]);
        let ask = ReminderAsk { ids: vec![ids[1]], states: vec![State::Delivered], ..ReminderAsk::default() };
        assert!(ledger.reminders(ask).await.expect("reminders are read").is_empty());
    }
}

#[tokio::test]
async fn thousands_asked_for_in_brief_come_whole_and_in_the_order_of_their_ids() {
    for maker in makers() {
        let ledger = maker.open();
        let many = (0..1_501).map(|number| planned(&format!("L-{number}"))).collect();
        let mut ids = run_plan(&ledger, at(0), plan_of(many)).await.reminders;
        ids.reverse();
        ids.swap(3, 1_400);
        let found = ledger.briefs(ReminderAsk { ids: ids.clone(), ..ReminderAsk::default() }).await.expect("read");
        assert_eq!(found.iter().map(|row| row.id).collect::<Vec<_>>(), ids);
    }
}

#[tokio::test]
async fn one_pending_for_somebody_who_has_had_the_calls_of_the_day_is_cancelled_and_its_story_says_why() {
    for maker in makers() {
        let ledger = maker.open();
        let mut called = planned("L-1");
        called.person = "somebody".into();
        let waiting = planned("L-2");
        run_plan(&ledger, at(0), plan_of(vec![called, waiting.clone()])).await;
        let again = PlannedReminder { standing: Standing::Pending, person: "somebody".into(), ..waiting.clone() };
        let recorded = run_plan(&ledger, at(1), plan_of(vec![again])).await;
        assert_eq!((recorded.cancelled, recorded.reminders), (vec![waiting.id], vec![]));
        let asked = AuditFilter { reminder: Some(waiting.id), ..AuditFilter::default() };
        let story = ledger.audit(asked).await.expect("the log");
        let last = story.last().map(|row| (row.event.as_str().to_owned(), row.reason.as_deref().map(str::to_owned)));
        assert_eq!(last, Some(("reminder.cancelled".to_owned(), Some("person_limit".to_owned()))));
        verified(&ledger).await;
    }
}

#[tokio::test]
async fn a_tidied_ledger_goes_on() {
    for maker in makers() {
        let ledger = maker.open();
        let id = one_pending(&ledger).await;
        ledger.checkpoint().await.expect("nobody reads");
        send(&ledger, at(1), SettleTo::Delivered).await;
        assert_eq!(state(&ledger, id).await, State::Delivered);
        verified(&ledger).await;
    }
}
