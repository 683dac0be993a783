//! A plan is carried out in a ledger that holds reminders already.

use std::sync::Arc;

use tickler::audit::AuditFilter;
use tickler::ledger::*;
use tickler::plan::{
    ComparableRuns, Counted, FirstSight, Held, MergedAppointment, Plan, PlannedReminder, Standing, WatchedLead,
};
use tickler::reminder::{RunId, RunKind, RunState, State};
use tickler::schedule::ScheduleMode;

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
async fn the_last_look_before_a_call_puts_it_off_on_a_closed_day_of_its_recipient() {
    for maker in makers() {
        let ledger = maker.open();
        let run =
            ledger.begin_run(run_start(SCHEDULE, RunKind::Trigger, at(0))).await.expect("it begins").expect("a run");
        let calling_hours = "08:00-21:00 except sat,sun,2026-11-24".to_owned();
        let late = PlannedReminder { expires_at: at(400_000), ..planned("A1") };
        let end = RunEnd::Planned(Box::new(plan_of(vec![late])));
        let record = RunRecord { terms: ReminderTerms { calling_hours, ..terms() }, ..record(run, at(0), end) };
        let id = ledger.record_run(record).await.expect("it is recorded").reminders[0];
        assert_eq!(take(&ledger, at(1)).await.intents.len(), 0);
        let opening = "2026-11-25T08:00:00-05:00".parse().expect("an instant");
        assert_eq!(row(&ledger, id).await.next_at, opening);
    }
}

#[tokio::test]
async fn a_held_plan_plans_nobody_and_a_failed_run_says_why() {
    for maker in makers() {
        let ledger = maker.open();
        let held = Held { guard: "max_calls".to_owned(), detail: "too many".to_owned(), also: Vec::new() };
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

/// A plan of one reminder that `guards` hold.
fn held_by(guards: &[&str]) -> Plan {
    let (first, others) = guards.split_first().expect("a guard");
    let also = others.iter().map(|name| (*name).to_owned()).collect();
    let held = Held { guard: (*first).to_owned(), detail: "too many".to_owned(), also };
    Plan { held: Some(held), in_window: Some(1), ..plan_of(vec![planned("A1")]) }
}

async fn latest(ledger: &Arc<Ledger>) -> RunRow {
    ledger.last_run(SCHEDULE).await.expect("read").expect("a run")
}

#[tokio::test]
async fn a_held_run_that_is_approved_plans_and_one_that_another_guard_holds_stays_held_with_both() {
    for maker in makers() {
        let ledger = maker.open();
        run_plan(&ledger, at(0), held_by(&["max_calls", "max_invalid"])).await;
        let run = latest(&ledger).await;
        assert_eq!(run.guards, ["max_calls", "max_invalid"]);
        assert!(run.detail.as_deref().is_some_and(|detail| detail.contains(&format!("tickler approve {}", run.id))));
        let approve = |plan: Plan, second: i64| {
            let end = RunEnd::Approved { plan: Box::new(plan), reason: Some("a fair".to_owned()) };
            ledger.record_run(record(run.id, at(second), end))
        };
        approve(held_by(&["max_age"]), 60).await.expect("it is recorded");
        let run = latest(&ledger).await;
        assert_eq!(
            (run.state, &run.guards[..]),
            (RunState::Held, &["max_calls", "max_invalid", "max_age"].map(str::to_owned)[..])
        );
        assert_eq!(approve(plan_of(vec![planned("A1")]), 120).await.expect("it is recorded").reminders.len(), 1);
        let run = latest(&ledger).await;
        assert_eq!(
            (run.state, run.started_at, ledger.tally().await.expect("counted").held_runs),
            (RunState::Done, at(120), 0)
        );
        assert_eq!(take(&ledger, at(121)).await.intents.len(), 1);
        let twice = approve(plan_of(vec![planned("A2")]), 180).await.expect_err("it isn't held any more");
        assert!(twice.to_string().contains("isn't held: it is done"), "{twice}");
        let told = events(&ledger).await;
        let approvals = told.iter().filter(|(event, _)| event == "operator.approved");
        assert_eq!(approvals.count(), 2);
    }
}

#[tokio::test]
async fn a_held_run_that_is_rejected_is_over_and_calls_nobody_even_when_the_clock_is_set_back() {
    for maker in makers() {
        let ledger = maker.open();
        let start = run_start(SCHEDULE, RunKind::Scheduled, at(0));
        let run = ledger.begin_run(start.clone()).await.expect("it begins").expect("a run");
        ledger.record_run(record(run, at(1), RunEnd::Planned(Box::new(held_by(&["max_change"]))))).await.expect("held");
        let reject = |id| RejectRun { id, reason: "an old export".to_owned(), now: at(2), actor: "maria".to_owned() };
        let row = ledger.reject_run(reject(run)).await.expect("it is ended");
        assert_eq!((row.state, row.detail.as_deref()), (RunState::Skipped, Some("rejected: an old export")));
        assert_eq!(take(&ledger, at(3)).await.intents.len(), 0);
        assert!(ledger.reject_run(reject(run)).await.is_err_and(|error| error.to_string().contains("it is skipped")));
        assert!(
            ledger.reject_run(reject(RunId(new_id()))).await.is_err_and(|error| error.to_string().contains("no run"))
        );
        ledger
            .pass_over(PassedOver {
                schedule: SCHEDULE.to_owned(),
                folded: vec![],
                times: vec![],
                cursor: at(-60),
                now: at(4),
            })
            .await
            .expect("the clock was set back");
        for kind in [RunKind::Scheduled, RunKind::CatchUp] {
            let again = ledger.begin_run(RunStart { kind, ..start.clone() }).await.expect("it is asked");
            assert_eq!(again, None, "a person has decided about this time: {kind}");
        }
        let told = events(&ledger).await;
        assert_eq!(told.last(), Some(&("operator.rejected".to_owned(), Some("max_change".to_owned()))));
    }
}

#[tokio::test]
async fn usual_rows_are_those_of_the_last_eight_whole_runs_or_ranges_and_of_what_a_person_approved_that_day() {
    for maker in makers() {
        let ledger = maker.open();
        for number in 0..10 {
            let plan = Plan { in_window: (number != 8).then_some(number), ..Plan::default() };
            run_plan(&ledger, at(i64::try_from(number).expect("few") * 100), plan).await;
        }
        run_plan(&ledger, at(850), held_by(&["max_change"])).await;
        run_plan_of(&ledger, "garage", at(860), Plan { in_window: Some(77), ..Plan::default() }).await;
        for (second, guard) in [(1_000, "max_change"), (1_010, "max_age")] {
            run_plan(&ledger, at(second), held_by(&[guard])).await;
            let plan = Box::new(Plan { in_window: Some(u64::try_from(second).expect("few")), ..Plan::default() });
            let run = latest(&ledger).await.id;
            ledger
                .record_run(record(run, at(second), RunEnd::Approved { plan, reason: None }))
                .await
                .expect("recorded");
        }
        let usual = async |counted, times| {
            let comparable = ComparableRuns { times, counted, day: Some((at(0), at(2_000))) };
            let (windows, due_days) = (Vec::new(), (jiff::civil::date(2026, 11, 24), jiff::civil::date(2026, 11, 24)));
            let (schedule, account) = (SCHEDULE.to_owned(), "thoughtly".to_owned());
            let ask = KnowledgeAsk {
                schedule,
                account,
                windows,
                due_days,
                comparable,
                kind: tickler::reminder::CallKind::Reminder,
                now: jiff::Timestamp::MAX,
                first_sights_from: None,
                target: None,
                mode: ScheduleMode::Live,
                rehearsed: tickler::plan::Rehearsed::CountAsMade,
            };
            ledger.knowledge(ask).await.expect("knowledge").usual_rows
        };
        let ranges = async |counted, times| -> Vec<(u64, u64)> {
            let usual = usual(counted, times).await.earlier;
            usual.iter().map(|range| (range.fewest, range.most)).collect()
        };
        let both = || vec![(at(500), at(901)), (at(0), at(500))];
        let each = ranges(Counted::Runs, both()).await;
        assert_eq!(each, [9, 7, 6, 5, 4, 3, 2, 1].map(|rows| (rows, rows)));
        let each = ranges(Counted::Runs, vec![(at(500), at(900))]).await;
        assert_eq!(each, [7, 6, 5].map(|rows| (rows, rows)), "the range is half open");
        assert_eq!(ranges(Counted::Runs, Vec::new()).await, []);
        // a range without a run counts for nothing
        let with_an_empty_one = [both(), vec![(at(750), at(790))], vec![(at(100), at(300)); 9]].concat();
        let counted = ranges(Counted::Range, with_an_empty_one).await;
        assert_eq!(counted, [vec![(5, 9), (0, 4)], vec![(1, 2); 6]].concat());
        let approved = usual(Counted::Range, Vec::new()).await.approved.expect("one was approved");
        assert_eq!((approved.fewest, approved.most), (1_000, 1_000), "not what another guard held");
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

#[tokio::test]
async fn who_was_seen_first_and_by_which_run_not_is_kept_and_a_run_of_one_appointment_is_no_look_at_all() {
    for maker in makers() {
        let ledger = maker.open();
        let known_at = async |now, from| {
            let (windows, due_days) = (Vec::new(), (jiff::civil::date(2026, 11, 24), jiff::civil::date(2026, 11, 24)));
            let (schedule, account) = (SCHEDULE.to_owned(), "thoughtly".to_owned());
            let (comparable, first_sights_from) = (ComparableRuns::default(), from);
            let (target, mode) = (None, ScheduleMode::Live);
            let ask = KnowledgeAsk {
                schedule,
                account,
                windows,
                due_days,
                comparable,
                kind: tickler::reminder::CallKind::Reminder,
                now,
                first_sights_from,
                target,
                mode,
                rehearsed: tickler::plan::Rehearsed::CountAsMade,
            };
            let known = ledger.knowledge(ask).await.expect("knowledge");
            let sights: std::collections::BTreeMap<_, _> = known.first_sights.into_iter().collect();
            assert_eq!(known.previous_evaluation, known.seen_until, "the next one goes on from there");
            (known.seen_until, sights.into_iter().collect::<Vec<_>>())
        };
        let known = async |from| known_at(jiff::Timestamp::MAX, from).await;
        let sight = |id: &str, unseen_at| FirstSight { appointment_id: id.into(), starts_at: Some(start()), unseen_at };
        assert_eq!(known(Some(at(0))).await, (None, Vec::new()));
        let whole = |first_sights| Plan { in_window: Some(1), first_sights, ..Plan::default() };
        run_plan(&ledger, at(10), whole(vec![sight("A1", None)])).await;
        run_plan(&ledger, at(20), Plan { first_sights: vec![sight("A2", Some(at(10)))], ..Plan::default() }).await;
        run_plan(&ledger, at(30), whole(vec![sight("A1", Some(at(10)))])).await;
        run_plan_of(&ledger, "garage", at(40), whole(vec![sight("A3", None)])).await;
        let (seen_until, sights) = known(Some(at(0))).await;
        assert_eq!(seen_until, Some(at(30)));
        assert_eq!(sights, [("A1".to_owned(), None), ("A2".to_owned(), Some(at(10)))]);
        run_plan(&ledger, at(50), Plan::default()).await;
        assert_eq!(known(None).await, (Some(at(30)), Vec::new()), "a run of one appointment sees no other");
        assert_eq!(
            known_at(at(29), None).await.0,
            Some(at(10)),
            "what was rehearsed of a day to come counts for nothing"
        );
        let past_start = start() + jiff::SignedDuration::from_secs(1);
        assert_eq!(known(Some(past_start)).await.1, []);
        let prune = Prune { payloads_before: past_start, audit_before: at(0), now: past_start };
        ledger.prune(prune).await.expect("pruning");
        assert_eq!(known(Some(at(0))).await.1, []);
    }
}

#[tokio::test]
async fn the_leads_that_runs_watch_are_kept_for_each_schedule_until_a_run_says_otherwise() {
    for maker in makers() {
        let ledger = maker.open();
        let watched = |lead: &str, due_from| WatchedLead {
            lead: lead.parse().expect("a lead"),
            since: at(10),
            due_from,
            rules: "skip".to_owned(),
        };
        let two = vec![watched("2h", None), watched("24h", Some(at(5)))];
        let says = |watched: &[WatchedLead]| Plan { newly_watched: Some(watched.to_vec()), ..Plan::default() };
        run_plan(&ledger, at(10), says(&two)).await;
        run_plan_of(&ledger, "garage", at(11), says(&two[..1])).await;
        run_plan(&ledger, at(20), Plan::default()).await;
        run_plan(&ledger, at(21), Plan { newly_watched: Some(Vec::new()), ..held_by(&["max_change"]) }).await;
        assert_eq!(known_now(&ledger).await.watched_leads, two, "a held run has seen nobody");
        run_plan(&ledger, at(30), says(&two[1..])).await;
        assert_eq!(known_now(&ledger).await.watched_leads, two[1..]);
        run_plan(&ledger, at(40), says(&[])).await;
        assert_eq!(known_now(&ledger).await.watched_leads, []);
    }
}

/// Records a plan of a schedule whose appointments share calls, as a run or as a fresh read for that run.
async fn merging(ledger: &Arc<Ledger>, run: Option<RunId>, now: i64, plan: Plan) -> (RunId, RecordedRun) {
    let (id, end) = match run {
        Some(run) => (run, RunEnd::ReadAgain(Box::new(plan))),
        None => {
            let start = run_start(SCHEDULE, RunKind::Trigger, at(now));
            (ledger.begin_run(start).await.expect("it begins").expect("a trigger"), RunEnd::Planned(Box::new(plan)))
        }
    };
    let terms = ReminderTerms { merge: tickler::schedule::Merging::SameDay, ..terms() };
    let recorded = ledger.record_run(RunRecord { terms, ..record(id, at(now), end) }).await.expect("it is recorded");
    (id, recorded)
}

fn telling_of(appointment: &str) -> PlannedReminder {
    let starts_at = start();
    let told = MergedAppointment { appointment_id: appointment.to_owned(), starts_at, lead: planned("A1").lead };
    PlannedReminder { merged: vec![told], ..planned("A1") }
}

async fn known_now(ledger: &Arc<Ledger>) -> tickler::plan::Knowledge {
    let day = jiff::civil::date(2026, 11, 24);
    let ask = KnowledgeAsk {
        schedule: SCHEDULE.to_owned(),
        account: "thoughtly".to_owned(),
        windows: vec![(start(), start() + jiff::SignedDuration::from_mins(30))],
        due_days: (day, day),
        comparable: ComparableRuns::default(),
        kind: tickler::reminder::CallKind::Reminder,
        now: jiff::Timestamp::MAX,
        first_sights_from: None,
        target: None,
        mode: ScheduleMode::Live,
        rehearsed: tickler::plan::Rehearsed::CountAsMade,
    };
    ledger.knowledge(ask).await.expect("knowledge")
}

#[tokio::test]
async fn an_appointment_that_is_told_in_another_call_is_reminded_once_that_call_is_made() {
    for maker in makers() {
        let ledger = maker.open();
        let (_, recorded) = merging(&ledger, None, 0, plan_of(vec![telling_of("A2")])).await;
        let known = known_now(&ledger).await;
        let waits: Vec<_> = known.told_by_pending.iter().map(|(key, id)| (key.appointment_id.as_str(), *id)).collect();
        assert_eq!(waits, [("A2", recorded.reminders[0])]);
        assert_eq!(known.reminders.len(), 1);
        send(&ledger, at(1), SettleTo::Delivered).await;
        let known = known_now(&ledger).await;
        let told = known.reminders.iter().find(|(key, _)| key.appointment_id == "A2").expect("it counts as reminded").1;
        assert_eq!((told.state, told.told_with.as_deref()), (State::Delivered, Some("A1")));
        assert!(known.told_by_pending.is_empty());
        let appointments = vec!["A2".to_owned(), "A3".to_owned()];
        let ask = LastCalledAsk { schedule: SCHEDULE.to_owned(), appointments, target: None };
        let latest = ledger.last_called_starts(ask).await.expect("an answer");
        assert_eq!(latest, std::collections::HashMap::from([("A2".to_owned(), start())]));
    }
}

#[tokio::test]
async fn a_call_that_is_planned_again_tells_of_whom_it_tells_now_and_one_that_failed_told_nobody() {
    for maker in makers() {
        let ledger = maker.open();
        merging(&ledger, None, 0, plan_of(vec![telling_of("A2")])).await;
        merging(&ledger, None, 10, plan_of(vec![telling_of("A3")])).await;
        let known = known_now(&ledger).await;
        assert_eq!(known.told_by_pending.keys().map(|key| key.appointment_id.as_str()).collect::<Vec<_>>(), ["A3"]);
        send(&ledger, at(11), SettleTo::Failed).await;
        let known = known_now(&ledger).await;
        assert_eq!((known.reminders.len(), known.told_by_pending.len()), (1, 0));
    }
}

#[tokio::test]
async fn a_fresh_read_plans_whoever_was_to_be_told_in_a_call_that_it_cancels_and_nobody_else() {
    for maker in makers() {
        let ledger = maker.open();
        let (run, recorded) = merging(&ledger, None, 0, plan_of(vec![telling_of("A2")])).await;
        let head = recorded.reminders[0];
        let orphan = PlannedReminder { takes_over: Some(head), person: "Ada".into(), ..planned("A2") };
        let new = PlannedReminder { person: "Ben".into(), ..planned("A4") };
        let plan = Plan { reminders: vec![orphan, new], ..cancelling(&[head]) };
        merging(&ledger, Some(run), 10, plan).await;
        assert_eq!(state(&ledger, head).await, State::Cancelled);
        let taken = take(&ledger, at(11)).await.intents;
        let taken: Vec<_> = taken.iter().map(|intent| intent.appointment_id.as_str()).collect();
        assert_eq!(taken, ["A2"]);
    }
}
