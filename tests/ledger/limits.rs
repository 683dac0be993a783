//! Pauses, rates, calling hours: what an intent waits for.

use tickler::ledger::gate::Hold;
use tickler::ledger::*;
use tickler::plan::PlannedReminder;
use tickler::reminder::State;
use tickler::settings::Rate;

use crate::calls::*;
use crate::makers;

fn two() -> tickler::plan::Plan {
    plan_of(vec![planned("A1"), planned("A2")])
}

#[tokio::test]
async fn at_most_one_hundred_start_in_any_minute_over_restarts_too() {
    for maker in makers() {
        let ledger = maker.open();
        run_plan(&ledger, at(0), plan_of((0..150).map(|number| planned(&format!("A{number}"))).collect())).await;
        drop(ledger);
        let rate = Rate::Every { interval_us: 60_000_000 / 95 };
        let mut starts = Vec::new();
        let mut now = at(1);
        for _restart in 0..6 {
            let ledger = maker.open();
            for _ in 0..40 {
                let taken =
                    ledger.take_intents(asking(now, vec![Lane { rate, ..lane(SCHEDULE) }])).await.expect("taken");
                starts.extend(taken.intents.iter().map(|_| now));
                now += jiff::SignedDuration::from_millis(333);
            }
        }
        let minute = jiff::SignedDuration::from_secs(60);
        let most =
            starts.iter().map(|from| starts.iter().filter(|at| *at >= from && **at < *from + minute).count()).max();
        assert!((80..=100).contains(&most.expect("some started")), "{most:?}");
    }
}

#[tokio::test]
async fn two_schedules_of_one_account_share_its_rate_and_the_sooner_start_goes_first() {
    for maker in makers() {
        let ledger = maker.open();
        run_plan(&ledger, at(0), plan_of(vec![planned("late")])).await;
        let soon = PlannedReminder { starts_at: start() - jiff::SignedDuration::from_hours(1), ..planned("soon") };
        run_plan_of(&ledger, "garage", at(0), plan_of(vec![soon])).await;
        let rate = Rate::Every { interval_us: 1_000_000 };
        let lanes = || vec![Lane { rate, ..lane(SCHEDULE) }, Lane { rate, ..lane("garage") }];
        let first = ledger.take_intents(asking(at(1), lanes())).await.expect("taken");
        assert_eq!(first.intents.len(), 1);
        assert_eq!((first.intents[0].appointment_id.as_str(), first.wake_at), ("soon", Some(at(2))));
        let second = ledger.take_intents(asking(at(2), lanes())).await.expect("taken");
        assert_eq!(second.intents[0].appointment_id, "late");
    }
}

#[tokio::test]
async fn a_429_holds_the_whole_account_and_a_401_until_the_credentials_change() {
    for maker in makers() {
        let ledger = maker.open();
        run_plan(&ledger, at(0), two()).await;
        let one = || vec![Lane { free: 1, ..lane(SCHEDULE) }];
        let intent = ledger.take_intents(asking(at(1), one())).await.expect("taken").intents.remove(0);
        let effect = Effect::PauseAccountUntil(at(60));
        ledger.settle(Settlement { effect, ..settlement(&intent, at(2), again(at(10))) }).await.expect("settled");
        let held = take(&ledger, at(20)).await;
        assert_eq!((held.intents.len(), held.wake_at), (0, Some(at(60))));
        drop(ledger);
        let ledger = maker.open();
        let intent = ledger.take_intents(asking(at(60), one())).await.expect("taken").intents.remove(0);
        let effect = Effect::PauseAccount { credentials: "c1".to_owned() };
        ledger.settle(Settlement { effect, ..settlement(&intent, at(61), again(at(62))) }).await.expect("settled");
        assert_eq!(take(&ledger, at(70)).await.intents.len(), 0);
        let holds = ledger.holds(Machine::default()).await.expect("read");
        assert_eq!(holds.accounts["thoughtly"].refused_credentials.as_deref(), Some("c1"));
        let changed = vec![Lane { credentials: "c2".to_owned(), ..lane(SCHEDULE) }];
        assert_eq!(ledger.take_intents(asking(at(71), changed)).await.expect("taken").intents.len(), 2);
    }
}

#[tokio::test]
async fn what_this_machine_says_shuts_the_senders_gate_and_nothing_is_touched() {
    let path = std::path::PathBuf::from("/srv/tickler/STOP");
    for (machine, hold) in [
        (Machine { stop_file: Some(path.clone()), ..Machine::default() }, Hold::StopFile(path.clone())),
        (Machine { clock_is_unset: true, ..Machine::default() }, Hold::ClockUnset),
    ] {
        for maker in makers() {
            let ledger = maker.open();
            let id = one_pending(&ledger).await;
            let rows = events(&ledger).await.len();
            // long after its time: by such a clock nothing expires either
            for now in [at(1), start() + jiff::SignedDuration::from_hours(48)] {
                let ask = TakeIntents { machine: machine.clone(), ..asking(now, vec![lane(SCHEDULE)]) };
                let taken = ledger.take_intents(ask).await.expect("an answer");
                assert_eq!((taken.held.as_ref(), taken.intents.len(), taken.expired), (Some(&hold), 0, 0));
                let test = TestAsk { now, lane: lane(SCHEDULE), machine: machine.clone() };
                assert_eq!(ledger.admit_test(test).await, Ok(TestSlot::Held(hold.clone())));
            }
            assert_eq!((state(&ledger, id).await, events(&ledger).await.len()), (State::Pending, rows));
            let taken = take(&ledger, at(2)).await;
            assert_eq!((taken.held, taken.intents.len()), (None, 1));
        }
    }
}

#[tokio::test]
async fn a_test_call_is_refused_by_whatever_holds_its_schedule_and_forgets_refused_credentials_as_a_reminder_does() {
    for maker in makers() {
        let ledger = maker.open();
        let intent = {
            one_pending(&ledger).await;
            take(&ledger, at(1)).await.intents.remove(0)
        };
        let answered = |effect| TestAnswered {
            schedule: SCHEDULE.to_owned(),
            account: "thoughtly".to_owned(),
            settlement: Settlement { effect, ..settlement(&intent, at(2), SettleTo::Failed) },
        };
        let test = |now, credentials: &str| TestAsk {
            now,
            lane: Lane { credentials: credentials.to_owned(), ..lane(SCHEDULE) },
            machine: Machine::default(),
        };
        let refused = Effect::PauseAccount { credentials: "c1".to_owned() };
        ledger.take_test_answer(answered(refused)).await.expect("kept");
        assert_eq!(count_of(&ledger, "operator.paused").await, 1);
        let hold = Hold::CredentialsRefused("thoughtly".to_owned());
        assert_eq!(ledger.admit_test(test(at(3), "c1")).await, Ok(TestSlot::Held(hold)));
        assert_eq!(ledger.admit_test(test(at(3), "c2")).await, Ok(TestSlot::Taken));
        let holds = ledger.holds(Machine::default()).await.expect("read");
        assert_eq!(holds.accounts["thoughtly"].refused_credentials, None);
        ledger.take_test_answer(answered(Effect::PauseAccountUntil(at(60)))).await.expect("kept");
        let hold = Hold::AccountWaits("thoughtly".to_owned(), at(60));
        assert_eq!(ledger.admit_test(test(at(59), "c2")).await, Ok(TestSlot::Held(hold)));
        assert_eq!(ledger.admit_test(test(at(60), "c2")).await, Ok(TestSlot::Taken));
        for _ in 0..3 {
            ledger.take_test_answer(answered(Effect::Forbidden)).await.expect("kept");
        }
        let hold = Hold::TargetPaused(SCHEDULE.to_owned());
        assert_eq!(ledger.admit_test(test(at(61), "c2")).await, Ok(TestSlot::Held(hold)));
        verified(&ledger).await;
    }
}

#[tokio::test]
async fn three_403_in_a_row_pause_the_target_and_an_accepted_one_between_them_does_not() {
    for (effects, left) in [
        ([Effect::Forbidden, Effect::Forbidden, Effect::Forbidden], 0),
        ([Effect::Forbidden, Effect::Accepted, Effect::Forbidden], 1),
    ] {
        for maker in makers() {
            let ledger = maker.open();
            run_plan(&ledger, at(0), plan_of((0..4).map(|number| planned(&format!("A{number}"))).collect())).await;
            for effect in effects.clone() {
                let lanes = vec![Lane { free: 1, ..lane(SCHEDULE) }];
                let intent = ledger.take_intents(asking(at(1), lanes)).await.expect("taken").intents.remove(0);
                let ended = Settlement { effect, ..settlement(&intent, at(2), SettleTo::Failed) };
                ledger.settle(ended).await.expect("settled");
            }
            assert_eq!(take(&ledger, at(3)).await.intents.len(), left);
            ledger.resume(Some(SCHEDULE), at(4), "maria").await.expect("resumed");
            assert_eq!(take(&ledger, at(5)).await.intents.len(), 1 - left);
        }
    }
}

#[tokio::test]
async fn a_pause_survives_a_restart_and_ends_at_its_time_or_by_hand() {
    for schedule in [None, Some(SCHEDULE.to_owned())] {
        for maker in makers() {
            let ledger = maker.open();
            one_pending(&ledger).await;
            let pause = Pause {
                schedule: schedule.clone(),
                reason: "holiday".to_owned(),
                until: Some(at(100)),
                now: at(1),
                actor: "maria".to_owned(),
            };
            ledger.pause(pause).await.expect("paused");
            drop(ledger);
            let ledger = maker.open();
            let held = take(&ledger, at(2)).await;
            assert_eq!((held.intents.len(), held.wake_at), (0, Some(at(100))));
            assert_eq!(take(&ledger, at(100)).await.intents.len(), 1);
            assert_eq!(count_of(&ledger, "operator.resumed").await, 1);
        }
    }
}

#[tokio::test]
async fn outside_the_hours_nothing_goes_out_and_the_opening_wants_a_fresh_read() {
    for maker in makers() {
        let ledger = maker.open();
        let start = run_start(SCHEDULE, tickler::reminder::RunKind::Trigger, at(0));
        let run = ledger.begin_run(start).await.expect("it begins").expect("a run");
        // 15:00 UTC is 10:00 in New York
        let hours = ReminderTerms { calling_hours: "11:00-21:00".to_owned(), ..terms() };
        let plan = Box::new(plan_of(vec![planned("A1")]));
        let recorded = RunRecord { terms: hours, ..record(run, at(0), RunEnd::Planned(plan)) };
        let id = ledger.record_run(recorded).await.expect("recorded").reminders[0];
        let early = take(&ledger, at(1)).await;
        assert_eq!((early.intents.len(), early.wake_at), (0, Some(at(3_600))));
        assert_eq!(row(&ledger, id).await.next_at, at(3_600));
        let open = take(&ledger, at(3_600)).await;
        assert_eq!((open.intents.len(), open.stale), (0, vec![(SCHEDULE.to_owned(), run)]));
        assert_eq!(state(&ledger, id).await, State::Pending);
    }
}

#[tokio::test]
async fn only_one_appointment_is_taken_when_only_one_is_asked_for() {
    for maker in makers() {
        let ledger = maker.open();
        run_plan(&ledger, at(0), two()).await;
        let ask = TakeIntents { only: Some("A2".to_owned()), ..asking(at(1), vec![lane(SCHEDULE)]) };
        let taken = ledger.take_intents(ask).await.expect("taken");
        assert_eq!(taken.intents.iter().map(|intent| intent.appointment_id.as_str()).collect::<Vec<_>>(), ["A2"]);
    }
}
