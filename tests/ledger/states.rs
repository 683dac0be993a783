//! Each way through the state diagram.

use std::time::Duration;

use tickler::audit::AuditFilter;
use tickler::ledger::*;
use tickler::reminder::State;

use crate::calls::*;
use crate::makers;

#[tokio::test]
async fn each_answer_leads_to_its_state_and_its_line_in_the_log() {
    let unknown = |next_at| SettleTo::Again { next_at, counts: true, resend: true };
    let cases = [
        (SettleTo::Delivered, State::Delivered, "delivery.delivered"),
        (SettleTo::Failed, State::Failed, "delivery.failed"),
        (SettleTo::Uncertain, State::Uncertain, "delivery.uncertain"),
        (SettleTo::Dropped, State::Dropped, "delivery.dropped"),
        (again(at(30)), State::Pending, "delivery.refused"),
        (unknown(at(30)), State::Pending, "delivery.uncertain"),
        (again(at(30_000)), State::Expired, "reminder.expired"),
        (unknown(at(30_000)), State::Uncertain, "delivery.uncertain"),
    ];
    for (to, expected, event) in cases {
        for maker in makers() {
            let ledger = maker.open();
            let id = one_pending(&ledger).await;
            send(&ledger, at(1), to.clone()).await;
            assert_eq!(state(&ledger, id).await, expected, "{to:?}");
            assert_eq!(events(&ledger).await.last().map(|(word, _)| word.as_str()), Some(event), "{to:?}");
            verified(&ledger).await;
        }
    }
}

#[tokio::test]
async fn a_late_writer_changes_nothing_and_logs_nothing() {
    for maker in makers() {
        let ledger = maker.open();
        let id = one_pending(&ledger).await;
        let intent = send(&ledger, at(1), again(at(5))).await;
        let before = events(&ledger).await;
        let late = ledger.settle(settlement(&intent, at(6), SettleTo::Delivered)).await;
        assert_eq!(late, Ok(false));
        assert_eq!((state(&ledger, id).await, events(&ledger).await), (State::Pending, before.clone()));
        let second = take(&ledger, at(7)).await.intents.remove(0);
        assert_eq!((second.attempt, second.tries), (2, 1));
        assert_eq!(ledger.settle(settlement(&intent, at(8), SettleTo::Failed)).await, Ok(false));
        assert_eq!(state(&ledger, id).await, State::Sending);
    }
}

#[tokio::test]
async fn a_retry_waits_for_its_time_and_says_when() {
    for maker in makers() {
        let ledger = maker.open();
        one_pending(&ledger).await;
        send(&ledger, at(1), again(at(30))).await;
        let taken = take(&ledger, at(29)).await;
        assert_eq!((taken.intents.len(), taken.wake_at), (0, Some(at(30))));
        assert_eq!(ledger.next_due(vec![SCHEDULE.to_owned()]).await, Ok(Some(at(30))));
        assert_eq!(take(&ledger, at(30)).await.intents.len(), 1);
    }
}

#[tokio::test]
async fn what_a_crash_left_is_uncertain_at_the_next_start() {
    for maker in makers() {
        let ledger = maker.open();
        let id = one_pending(&ledger).await;
        take(&ledger, at(1)).await;
        drop(ledger);
        let ledger = maker.open();
        let found = ledger.recover(recover(at(2), &[])).await;
        assert_eq!(found, Ok(Recovered { uncertain: 1, resent: 0 }));
        assert_eq!(state(&ledger, id).await, State::Uncertain);
        assert_eq!(ledger.recover(recover(at(3), &[])).await, Ok(Recovered::default()));
        assert_eq!(count_of(&ledger, "service.recovered").await, 1);
    }
}

#[tokio::test]
async fn a_schedule_that_resends_gets_its_reminders_back_until_its_attempts_are_used_up() {
    for maker in makers() {
        let ledger = maker.open();
        let id = one_pending(&ledger).await;
        for second in [1, 3] {
            take(&ledger, at(second)).await;
            ledger.recover(recover(at(second + 1), &[(SCHEDULE, 3)])).await.expect("it recovers");
            assert_eq!(state(&ledger, id).await, State::Pending);
        }
        take(&ledger, at(5)).await;
        ledger.recover(recover(at(6), &[(SCHEDULE, 3)])).await.expect("it recovers");
        assert_eq!(state(&ledger, id).await, State::Dropped);
        let announced: Vec<_> = events(&ledger)
            .await
            .into_iter()
            .filter(|(word, _)| word == "delivery.intent")
            .map(|(_, why)| why)
            .collect();
        assert_eq!(announced, [None, Some("resend".to_owned()), Some("resend".to_owned())]);
    }
}

#[tokio::test]
async fn a_person_settles_only_what_nobody_else_can_know() {
    for maker in makers() {
        let ledger = maker.open();
        let id = one_pending(&ledger).await;
        for verdict in [Resolution::Delivered, Resolution::Resend, Resolution::Drop] {
            let refused = ledger.resolve(resolve(id, verdict, at(1))).await;
            assert!(matches!(refused, Err(LedgerError::Refused(_))), "{verdict:?}");
        }
        send(&ledger, at(1), SettleTo::Uncertain).await;
        ledger.resolve(resolve(id, Resolution::Drop, at(2))).await.expect("it is dropped");
        assert_eq!(state(&ledger, id).await, State::Dropped);
        let resent = ledger.resolve(resolve(id, Resolution::Resend, at(3))).await.expect("it is sent again");
        assert_eq!(resent.state, State::Pending);
        send(&ledger, at(4), SettleTo::Uncertain).await;
        ledger.resolve(resolve(id, Resolution::Delivered, at(5))).await.expect("it was delivered");
        assert_eq!(state(&ledger, id).await, State::Delivered);
        assert_eq!(count_of(&ledger, "operator.resolved").await, 3);
        let too_late = ledger.resolve(resolve(id, Resolution::Resend, at(6))).await;
        assert!(matches!(too_late, Err(LedgerError::Refused(_))));
    }
}

#[tokio::test]
async fn a_pending_one_past_its_time_expires_even_while_all_is_paused() {
    for maker in makers() {
        let ledger = maker.open();
        let id = one_pending(&ledger).await;
        let pause = Pause {
            schedule: None,
            reason: "fire drill".to_owned(),
            until: None,
            now: at(1),
            actor: "maria".to_owned(),
        };
        ledger.pause(pause).await.expect("it pauses");
        assert_eq!(take(&ledger, at(21_599)).await.intents.len(), 0);
        let taken = take(&ledger, at(21_600)).await;
        assert_eq!((taken.intents.len(), taken.expired), (0, 1));
        assert_eq!(state(&ledger, id).await, State::Expired);
        assert_eq!(ledger.expire(at(21_600)).await, Ok(0));
    }
}

#[tokio::test]
async fn one_past_its_time_is_never_taken_and_expires_once_whatever_goes_out_beside_it() {
    for maker in makers() {
        let ledger = maker.open();
        let late = one_pending(&ledger).await;
        let mut later = planned("L-2");
        later.expires_at = at(40_000);
        run_plan(&ledger, at(21_590), plan_of(vec![later.clone()])).await;
        let take = async || {
            let lane = Lane { free: 1, ..lane(SCHEDULE) };
            ledger.take_intents(asking(at(21_600), vec![lane])).await.expect("taken")
        };
        let first = take().await;
        assert_eq!(first.intents.iter().map(|intent| intent.reminder_id).collect::<Vec<_>>(), [later.id]);
        let second = take().await;
        assert_eq!((second.intents.len(), first.expired + second.expired), (0, 1));
        assert_eq!(state(&ledger, late).await, State::Expired);
        assert_eq!(count_of(&ledger, "reminder.expired").await, 1);
    }
}

#[tokio::test]
async fn a_contact_is_made_first_remembered_and_made_anew_once_forgotten() {
    for maker in makers() {
        let ledger = maker.open();
        let id = one_pending(&ledger).await;
        let lanes = || vec![Lane { needs_contact: true, ..lane(SCHEDULE) }];
        let step =
            async |second| ledger.take_intents(asking(at(second), lanes())).await.expect("taken").intents.remove(0);
        let first = step(1).await;
        assert_eq!((first.step, first.contact_id.clone()), (Step::Contact, None));
        let ready = SettleTo::ContactReady { contact_id: "c-7".to_owned() };
        assert_eq!(ledger.settle(settlement(&first, at(2), ready)).await, Ok(true));
        let second = step(3).await;
        assert_eq!((second.step, second.contact_id.as_deref()), (Step::Call, Some("c-7")));
        assert_eq!(ledger.settle(settlement(&second, at(4), SettleTo::ContactForgotten)).await, Ok(true));
        let third = step(5).await;
        assert_eq!((third.step, third.contact_renewed), (Step::Contact, true));
        drop(third);
        ledger.recover(recover(at(6), &[])).await.expect("a contact step may be repeated");
        assert_eq!(state(&ledger, id).await, State::Pending);
        verified(&ledger).await;
    }
}

#[tokio::test]
async fn the_log_answers_by_phone_event_family_and_page() {
    for maker in makers() {
        let ledger = maker.open();
        let id = one_pending(&ledger).await;
        send(&ledger, at(1), SettleTo::Delivered).await;
        let ask = async |filter: AuditFilter| ledger.audit(filter).await.expect("the log is read").len();
        let none = AuditFilter::default;
        assert_eq!(ask(none()).await, 5);
        assert_eq!(ask(AuditFilter { phone: Some(PHONE.into()), ..none() }).await, 3);
        assert_eq!(ask(AuditFilter { phone: Some("+12025550144".into()), ..none() }).await, 0);
        assert_eq!(ask(AuditFilter { event: Some("delivery".to_owned()), ..none() }).await, 2);
        assert_eq!(ask(AuditFilter { reminder: Some(id), ..none() }).await, 3);
        assert_eq!(ask(AuditFilter { after_seq: Some(4), ..none() }).await, 1);
        assert_eq!(ask(AuditFilter { since: Some(at(1)), ..none() }).await, 2);
        assert_eq!(ask(AuditFilter { limit: Some(2), ..none() }).await, 2);
        let rows = ledger.audit(none()).await.expect("the log is read");
        assert_eq!(rows.last().expect("rows").phone_last4(), Some("0143"));
        assert_eq!(ledger.head().await.expect("a head").hash, rows.last().expect("rows").hash);
    }
}

#[tokio::test]
async fn what_is_old_goes_and_the_chain_is_whole_still() {
    for maker in makers() {
        let ledger = maker.open();
        let id = one_pending(&ledger).await;
        send(&ledger, at(100), SettleTo::Delivered).await;
        let prune = Prune { payloads_before: at(200), audit_before: at(50), now: at(300) };
        assert_eq!(ledger.prune(prune).await, Ok(Pruned { payloads: 1, audit_rows: 3 }));
        verified(&ledger).await;
        let left = row(&ledger, id).await;
        assert_eq!((left.phone, left.payload, left.state), (None, None, State::Delivered));
        assert_eq!(
            ledger.prune(Prune { audit_before: at(250), ..prune }).await,
            Ok(Pruned { payloads: 0, audit_rows: 2 })
        );
        verified(&ledger).await;
        assert_eq!(ledger.prune(prune).await, Ok(Pruned::default()));
    }
}

#[tokio::test]
async fn a_row_whose_source_was_read_long_ago_needs_a_fresh_read_and_goes_out_after_it() {
    for maker in makers() {
        let ledger = maker.open();
        let id = one_pending(&ledger).await;
        let run = row(&ledger, id).await.run_id;
        let stale = take(&ledger, at(901)).await;
        assert_eq!((stale.intents.len(), stale.stale), (0, vec![(SCHEDULE.to_owned(), run)]));
        let plan = Box::new(plan_of(vec![planned("A1"), planned("A2")]));
        let found = ledger.record_run(record(run, at(902), RunEnd::ReadAgain(plan))).await.expect("it reconciles");
        assert_eq!(found.reminders, [id], "a fresh read inserts nothing");
        let ask = asking(at(903), vec![lane(SCHEDULE)]);
        let taken = ledger.take_intents(TakeIntents { fresh_for: Duration::from_secs(900), ..ask }).await;
        assert_eq!(taken.expect("taken").intents.len(), 1);
    }
}
