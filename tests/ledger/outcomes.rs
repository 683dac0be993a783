//! What becomes of calls: records matched, counted once, in any order; proof of an unknown fate; a person's word.

use std::sync::Arc;

use serde_json::{Value, json};
use tickler::ledger::*;
use tickler::outcome::matching::Unmatched;
use tickler::plan::PlannedReminder;
use tickler::reminder::{CallOutcome, CanaryState, ReminderId, State};

use crate::calls::*;
use crate::makers;

const YES: &str = "yes";

async fn report(ledger: &Arc<Ledger>, body: Value, second: i64) -> ReportTaken {
    ledger.take_report(recorded(body, at(second))).await.expect("it is taken")
}

/// A reminder that was sent and accepted.
async fn delivered(ledger: &Arc<Ledger>) -> ReminderId {
    let id = one_pending(ledger).await;
    send(ledger, at(1), SettleTo::Delivered).await;
    id
}

async fn outcome(ledger: &Arc<Ledger>, id: ReminderId) -> Option<CallOutcome> {
    row(ledger, id).await.outcome
}

#[tokio::test]
async fn a_record_sets_the_outcome_once_and_repeats_of_it_change_nothing() {
    for maker in makers() {
        let ledger = maker.open();
        let id = delivered(&ledger).await;
        let body = json!({"reminder_id": id.to_string(), "call_id": "k1", "status": "COMPLETED", "outcome": YES});
        let first = report(&ledger, body.clone(), 60).await;
        assert_eq!((first.reminder, first.outcome, first.is_duplicate), (Ok(id), Some(CallOutcome::Confirmed), false));
        let head = ledger.head().await.expect("the log's end");
        for second in 61..161 {
            let again = report(&ledger, body.clone(), second).await;
            assert_eq!((again.outcome, again.is_duplicate), (Some(CallOutcome::Confirmed), true));
        }
        assert_eq!(ledger.head().await.expect("the log's end"), head, "a repeat writes nothing");
        assert_eq!((count_of(&ledger, "outcome.received").await, state(&ledger, id).await), (1, State::Delivered));
        let calls = ledger.reported_calls(CallsOf { reminders: vec![id] }).await.expect("calls");
        assert_eq!((calls.len(), calls[0].call_id.as_str(), calls[0].last_at), (1, "k1", at(60)));
        verified(&ledger).await;
    }
}

#[tokio::test]
async fn records_end_in_one_outcome_in_whatever_order_they_come() {
    let records = |id: ReminderId| {
        let record = |status: &str, said: &str, second| json!({"reminder_id": id.to_string(), "call_id": "k1", "status": status, "outcome": said, "ended_at": at(second).to_string()});
        [
            json!({"reminder_id": id.to_string(), "call_id": "k1", "status": "IN_PROGRESS"}),
            record("NO_ANSWER", "", 20),
            record("COMPLETED", YES, 30),
        ]
    };
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        for maker in makers() {
            let ledger = maker.open();
            let id = delivered(&ledger).await;
            for (second, place) in order.into_iter().enumerate() {
                report(&ledger, records(id)[place].clone(), 40 + i64::try_from(second).expect("a small number")).await;
            }
            assert_eq!(outcome(&ledger, id).await, Some(CallOutcome::Confirmed), "{order:?}");
        }
    }
}

#[tokio::test]
async fn a_record_proves_that_a_request_of_unknown_fate_had_arrived() {
    let alive = |id: ReminderId| json!({"reminder_id": id.to_string(), "call_id": "k1", "status": "IN_PROGRESS"});
    for maker in makers() {
        // after its time-out
        let ledger = maker.open();
        let id = one_pending(&ledger).await;
        send(&ledger, at(1), SettleTo::Uncertain).await;
        let taken = report(&ledger, alive(id), 60).await;
        assert_eq!((taken.is_proof, taken.outcome, state(&ledger, id).await), (true, None, State::Delivered));
        let proof = ("delivery.delivered".to_owned(), Some("proof".to_owned()));
        assert_eq!(events(&ledger).await.last(), Some(&proof));
    }
    for maker in makers() {
        // before its time-out
        let ledger = maker.open();
        let id = one_pending(&ledger).await;
        let intent = take(&ledger, at(1)).await.intents.remove(0);
        report(&ledger, alive(id), 2).await;
        assert_eq!(state(&ledger, id).await, State::Sending, "its request is still under way");
        assert!(ledger.settle(settlement(&intent, at(31), SettleTo::Uncertain)).await.expect("it settles"));
        assert_eq!(state(&ledger, id).await, State::Delivered);
    }
    for maker in makers() {
        // before the process dies, and where unknown fates are repeated
        let ledger = maker.open();
        let id = one_pending(&ledger).await;
        take(&ledger, at(1)).await;
        report(&ledger, alive(id), 2).await;
        let found = ledger.recover(recover(at(60), &[(SCHEDULE, 3)])).await.expect("it recovers");
        assert_eq!((found.uncertain, state(&ledger, id).await), (0, State::Delivered));
        assert_eq!(take(&ledger, at(120)).await.intents.len(), 0, "nobody is phoned again");
    }
    for maker in makers() {
        // while it waits to be sent again
        let ledger = maker.open();
        let id = one_pending(&ledger).await;
        send(&ledger, at(1), SettleTo::Again { next_at: at(600), counts: true, resend: true }).await;
        report(&ledger, alive(id), 60).await;
        assert_eq!(state(&ledger, id).await, State::Delivered);
        assert_eq!(take(&ledger, at(700)).await.intents.len(), 0, "nobody is phoned again");
    }
}

#[tokio::test]
async fn a_record_belongs_to_its_reminder_by_call_contact_or_phone_and_to_none_when_two_could_be_meant() {
    for maker in makers() {
        let ledger = maker.open();
        let id = one_pending(&ledger).await;
        let intent = take(&ledger, at(1)).await.intents.remove(0);
        let accepted =
            Settlement { remote_id: Some("k7".to_owned()), ..settlement(&intent, at(2), SettleTo::Delivered) };
        ledger.settle(accepted).await.expect("it settles");
        assert_eq!(report(&ledger, json!({"call_id": "k7", "status": "BUSY"}), 60).await.reminder, Ok(id));
        let by_phone = json!({"call_id": "k8", "status": "BUSY", "phone_number": PHONE});
        assert_eq!(report(&ledger, by_phone, 61).await.reminder, Ok(id));
        assert_eq!(report(&ledger, json!({"call_id": "k8", "status": "COMPLETED"}), 62).await.reminder, Ok(id));
        let late = json!({"call_id": "k9", "status": "BUSY", "phone_number": PHONE});
        assert_eq!(report(&ledger, late, 3_600).await.reminder, Err(Unmatched::Nothing), "too long after its intent");
        let stranger = json!({"call_id": "k10", "status": "BUSY", "phone_number": "+12025550199"});
        assert_eq!(report(&ledger, stranger, 63).await.reminder, Err(Unmatched::Nothing));
        assert_eq!(count_of(&ledger, "outcome.unmatched").await, 0, "what names no reminder is only counted");
    }
    for maker in makers() {
        let ledger = maker.open();
        let other = PlannedReminder { person: "somebody else".into(), ..planned("A2") };
        let ids = run_plan(&ledger, at(0), plan_of(vec![planned("A1"), other])).await.reminders;
        for intent in take(&ledger, at(1)).await.intents {
            ledger.settle(settlement(&intent, at(2), SettleTo::Delivered)).await.expect("it settles");
        }
        let body = json!({"status": "NO_ANSWER", "phone_number": PHONE});
        for second in [60, 61] {
            assert_eq!(report(&ledger, body.clone(), second).await.reminder, Err(Unmatched::Ambiguous));
        }
        for id in ids {
            assert_eq!(outcome(&ledger, id).await, None);
        }
        let told = events(&ledger).await;
        let ambiguous = ("outcome.unmatched".to_owned(), Some("ambiguous".to_owned()));
        assert_eq!(told.iter().filter(|row| **row == ambiguous).count(), 1, "once, though it came twice");
    }
}

#[tokio::test]
async fn a_record_of_what_was_never_sent_or_of_nobody_is_logged_and_changes_nothing() {
    for maker in makers() {
        let ledger = maker.open();
        let id = one_pending(&ledger).await;
        let named = |id: ReminderId| json!({"reminder_id": id.to_string(), "call_id": "k1", "status": "COMPLETED"});
        assert_eq!(report(&ledger, named(id), 1).await.reminder, Err(Unmatched::NotSent));
        let unknown = report(&ledger, named(ReminderId(new_id())), 2).await;
        assert_eq!(unknown.reminder, Err(Unmatched::UnknownReminder));
        let of_another = RecordedCall { account: "other".to_owned(), ..recorded(named(id), at(3)) };
        let taken = ledger.take_report(of_another).await.expect("it is taken");
        assert_eq!(taken.reminder, Err(Unmatched::UnknownReminder), "an account does not reach another's reminders");
        let reasons: Vec<_> = events(&ledger)
            .await
            .into_iter()
            .filter(|(event, _)| event == "outcome.unmatched")
            .map(|it| it.1)
            .collect();
        assert_eq!(reasons, ["not_sent", "unknown_reminder", "unknown_reminder"].map(|word| Some(word.to_owned())));
        assert_eq!((state(&ledger, id).await, outcome(&ledger, id).await), (State::Pending, None));
        send(&ledger, at(4), SettleTo::Delivered).await;
        let taken = report(&ledger, named(id), 60).await;
        assert_eq!((taken.reminder, taken.is_duplicate), (Ok(id), false), "it counts as soon as it was sent");
        assert_eq!(outcome(&ledger, id).await, Some(CallOutcome::Answered));
    }
}

#[tokio::test]
async fn who_opts_out_in_a_call_is_called_by_no_schedule_also_against_a_persons_word() {
    for maker in makers() {
        let ledger = maker.open();
        let id = delivered(&ledger).await;
        let other = run_plan_of(&ledger, "garage", at(2), plan_of(vec![planned("C1")])).await.reminders[0];
        let word = OutcomeByHand {
            reminder_id: id,
            outcome: CallOutcome::Confirmed,
            reason: None,
            terms: Arc::default(),
            actor: "maria".to_owned(),
            now: at(30),
        };
        assert_eq!(
            ledger.by_hand(ByHand::Outcome(word)).await.expect("it is set").outcome,
            Some(CallOutcome::Confirmed)
        );
        let stop = json!({"reminder_id": id.to_string(), "call_id": "k1", "status": "COMPLETED", "outcome": "stop"});
        assert_eq!(report(&ledger, stop, 60).await.outcome, Some(CallOutcome::Confirmed), "a person is above a record");
        assert_eq!(state(&ledger, other).await, State::Cancelled);
        assert_eq!(ledger.optouts().await.expect("the list").len(), 1);
    }
}

#[tokio::test]
async fn a_person_says_what_became_of_a_call_that_was_sent() {
    for maker in makers() {
        let ledger = maker.open();
        let id = one_pending(&ledger).await;
        let word = |outcome, second| OutcomeByHand {
            reminder_id: id,
            outcome,
            reason: Some("she rang".to_owned()),
            terms: Arc::default(),
            actor: "maria".to_owned(),
            now: at(second),
        };
        let refused =
            ledger.by_hand(ByHand::Outcome(word(CallOutcome::Confirmed, 0))).await.expect_err("it was not sent");
        assert!(refused.to_string().contains("was not sent"), "{refused}");
        send(&ledger, at(1), SettleTo::Delivered).await;
        for (outcome, second) in [(CallOutcome::Confirmed, 60), (CallOutcome::NoAnswer, 61)] {
            let row = ledger.by_hand(ByHand::Outcome(word(outcome, second))).await.expect("it is set");
            assert_eq!((row.outcome, row.outcome_at), (Some(outcome), Some(at(second))), "the later word holds");
        }
        assert_eq!(count_of(&ledger, "operator.outcome").await, 2);
    }
}

#[tokio::test]
async fn what_became_of_a_trial_proves_nothing_about_the_call_that_follows() {
    use tickler::attempt::TargetAddress;
    let (sandbox, real) = (TargetAddress::of("http://127.0.0.1/a"), TargetAddress::of("https://hooks.example/a"));
    for maker in makers() {
        let ledger = maker.open();
        let id = one_pending(&ledger).await;
        let intent = take(&ledger, at(1)).await.intents.remove(0);
        let accepted = Settlement { trial: Some(sandbox), ..settlement(&intent, at(2), SettleTo::Delivered) };
        ledger.settle(accepted).await.expect("it settles");
        report(&ledger, json!({"reminder_id": id.to_string(), "call_id": "k1", "status": "COMPLETED"}), 3).await;
        let start = run_start(SCHEDULE, tickler::reminder::RunKind::Trigger, at(10));
        let run = ledger.begin_run(start).await.expect("a run").expect("a trigger");
        let plan = Box::new(plan_of(vec![PlannedReminder { id, ..planned("A1") }]));
        let terms = ReminderTerms { target: Some(real), ..terms() };
        let again = RunRecord { terms, ..crate::calls::record(run, at(10), RunEnd::Planned(plan)) };
        ledger.record_run(again).await.expect("it is planned again");
        assert_eq!((state(&ledger, id).await, outcome(&ledger, id).await), (State::Pending, None));
        send(&ledger, at(11), SettleTo::Uncertain).await;
        assert_eq!(state(&ledger, id).await, State::Uncertain, "nobody knows whether this call was placed");
    }
}

#[tokio::test]
async fn a_chain_counts_once_in_the_persons_day_and_its_retry_is_not_sent_before_a_fresh_read() {
    for maker in makers() {
        let ledger = maker.open();
        let id = delivered(&ledger).await;
        let silent = json!({"reminder_id": id.to_string(), "call_id": "k1", "status": "NO_ANSWER"});
        let unanswered = RecordedCall { terms: retrying(), ..recorded(silent, at(60)) };
        ledger.take_report(unanswered).await.expect("it is taken");
        let rows = ledger.reminders(ReminderAsk::default()).await.expect("the reminders");
        let retry = rows.iter().find(|row| row.lead.is_retry()).expect("a retry");
        assert_eq!((retry.lead.to_string().as_str(), retry.due_at), ("1d+1", at(660)));
        let taken = take(&ledger, at(660)).await;
        assert!(taken.intents.is_empty(), "its source was never read for it");
        assert_eq!(taken.stale.len(), 1, "{taken:?}");
        // however long ago a source may have been read: there is nothing to send yet
        let patient = TakeIntents { fresh_for: std::time::Duration::MAX, ..asking(at(660), vec![lane(SCHEDULE)]) };
        let taken = ledger.take_intents(patient).await.expect("an answer");
        assert_eq!((taken.intents.len(), taken.stale.len()), (0, 1), "{taken:?}");
        // the person may be called once more that day: the chain is one call
        let of_person = |id: &str, person: &str| PlannedReminder { person: person.into(), ..planned(id) };
        let person = "person of A1";
        for (appointment, second, is_called) in [("A2", 70, true), ("A3", 71, false)] {
            let run = ledger.begin_run(run_start(SCHEDULE, tickler::reminder::RunKind::Trigger, at(second)));
            let run = run.await.expect("it begins").expect("a run");
            let terms = ReminderTerms { max_per_person_per_day: 2, ..terms() };
            let plan = Box::new(plan_of(vec![of_person(appointment, person)]));
            let recorded = RunRecord { terms, ..record(run, at(second), RunEnd::Planned(plan)) };
            let planned = ledger.record_run(recorded).await.expect("recorded").reminders;
            assert_eq!(planned.len(), usize::from(is_called), "{appointment}");
        }
        verified(&ledger).await;
    }
}

#[tokio::test]
async fn a_canary_is_heard_by_its_id_its_call_or_its_number_and_silent_after_its_time() {
    let operator = "+12025550187";
    let begin = |number: u128, purpose| BeginCanary {
        row: CanaryRow {
            id: ReminderId(uuid::Uuid::from_u128(number)),
            schedule: SCHEDULE.to_owned(),
            account: "thoughtly".to_owned(),
            purpose,
            sent_at: at(60),
            until: at(900),
            state: CanaryState::Waiting,
            remote_id: None,
        },
        phone: operator.into(),
        actor: "service".to_owned(),
    };
    let states = async |ledger: &Arc<Ledger>| {
        let of = |number| CanariesAsk::Of(ReminderId(uuid::Uuid::from_u128(number)));
        let mut states = Vec::new();
        for number in [1, 2, 3] {
            states.push(ledger.canaries(of(number)).await.expect("they are read").pop().map(|row| row.state));
        }
        states
    };
    for maker in makers() {
        let ledger = maker.open();
        let first = begin(1, CanaryPurpose::Schedule);
        let id = first.row.id;
        ledger.begin_canary(first).await.expect("it begins");
        let by_phone = json!({"call_id": "k1", "status": "IN_PROGRESS", "phone_number": operator});
        let taken = report(&ledger, by_phone.clone(), 70).await;
        assert_eq!((taken.reminder, taken.outcome, taken.is_duplicate), (Ok(id), None, false));
        assert!(report(&ledger, by_phone, 71).await.is_duplicate);
        ledger.begin_canary(begin(2, CanaryPurpose::TestCall)).await.expect("it begins");
        let second = ReminderId(uuid::Uuid::from_u128(2));
        let settled = |id, failure| SettledCanary {
            id,
            remote_id: Some("k2".to_owned()),
            failure,
            actor: "service".to_owned(),
            now: at(61),
        };
        ledger.settle_canary(settled(second, None)).await.expect("it settles");
        assert_eq!(report(&ledger, json!({"call_id": "k2", "status": "COMPLETED"}), 80).await.reminder, Ok(second));
        ledger.begin_canary(begin(3, CanaryPurpose::Schedule)).await.expect("it begins");
        assert_eq!(ledger.pass_canaries(at(899), "service").await.expect("they pass"), []);
        let silent = ledger.pass_canaries(at(900), "service").await.expect("they pass");
        assert_eq!(silent.iter().map(|row| row.id.0.as_u128()).collect::<Vec<_>>(), [3]);
        let heard = Some(CanaryState::Heard);
        assert_eq!(states(&ledger).await, [heard, heard, Some(CanaryState::Silent)]);
        let latest = ledger.canaries(CanariesAsk::Latest).await.expect("they are read");
        assert_eq!(latest.iter().map(|row| row.id.0.as_u128()).collect::<Vec<_>>(), [3]);
        for (event, count) in [("canary.sent", 2), ("canary.heard", 1), ("canary.silent", 1), ("outcome.received", 0)] {
            assert_eq!(count_of(&ledger, event).await, count, "{event}");
        }
        let forget = Forget { phone: operator.into(), actor: "maria".to_owned(), now: at(1_000) };
        ledger.forget(forget).await.expect("it is erased");
        assert_eq!(states(&ledger).await, [None, None, None]);
    }
}

/// What the log says of the call that an outcome asks for.
async fn next_call(ledger: &Arc<Ledger>) -> String {
    let rows = ledger.audit(tickler::audit::AuditFilter::default()).await.expect("the log is read");
    let received = rows.into_iter().rfind(|row| row.event == tickler::audit::Event::OutcomeReceived);
    received.and_then(|row| row.detail.as_deref().map(str::to_owned)).unwrap_or_default()
}

/// The record that nobody answered the call of this reminder; it ended at `second`.
fn unanswered(id: ReminderId, second: i64) -> RecordedCall {
    let body = json!({"reminder_id": id.to_string(), "call_id": "k1", "status": "NO_ANSWER",
        "ended_at": at(second).to_string()});
    RecordedCall { terms: retrying(), ..recorded(body, at(second)) }
}

#[tokio::test]
async fn nobody_is_called_again_too_late_too_often_without_a_number_or_after_a_trial_and_the_log_says_why() {
    use tickler::attempt::TargetAddress;
    for maker in makers() {
        let ledger = maker.open();
        let id = delivered(&ledger).await;
        ledger.take_report(unanswered(id, 86_000)).await.expect("it is taken");
        assert!(next_call(&ledger).await.ends_with("not called again: too_late"), "{}", next_call(&ledger).await);
    }
    for maker in makers() {
        // the retry would be on another day, which is full
        let ledger = maker.open();
        let id = delivered(&ledger).await;
        let day = jiff::civil::date(2026, 11, 25);
        let tomorrow = |name: &str| PlannedReminder {
            person: "person of A1".into(),
            due_day: day,
            send_at: at(50_000),
            ..planned(name)
        };
        let run = ledger.begin_run(run_start(SCHEDULE, tickler::reminder::RunKind::Trigger, at(10))).await;
        let plan = Box::new(plan_of(["B1", "B2", "B3"].map(tomorrow).into()));
        let terms = ReminderTerms { max_per_person_per_day: 3, ..terms() };
        let recorded =
            RunRecord { terms, ..record(run.expect("it begins").expect("a run"), at(10), RunEnd::Planned(plan)) };
        assert_eq!(ledger.record_run(recorded).await.expect("recorded").reminders.len(), 3);
        // 23:59 in New York
        ledger.take_report(unanswered(id, 50_340)).await.expect("it is taken");
        assert!(next_call(&ledger).await.ends_with("not called again: person_limit"), "{}", next_call(&ledger).await);
    }
    for maker in makers() {
        let ledger = maker.open();
        let id = delivered(&ledger).await;
        let prune = Prune { payloads_before: at(100), audit_before: at(0), now: at(200) };
        ledger.prune(prune).await.expect("it is pruned");
        ledger.take_report(unanswered(id, 300)).await.expect("it is taken");
        assert!(next_call(&ledger).await.ends_with("not called again: no_phone"), "{}", next_call(&ledger).await);
    }
    for maker in makers() {
        let ledger = maker.open();
        let id = one_pending(&ledger).await;
        let intent = take(&ledger, at(1)).await.intents.remove(0);
        let sandbox = Some(TargetAddress::of("http://127.0.0.1/a"));
        let accepted = Settlement { trial: sandbox, ..settlement(&intent, at(2), SettleTo::Delivered) };
        ledger.settle(accepted).await.expect("it settles");
        let mut report = unanswered(id, 60);
        let real = Some(TargetAddress::of("https://hooks.example/a"));
        let of_real =
            |(name, terms): (&String, &OutcomeTerms)| (name.clone(), OutcomeTerms { target: real, ..terms.clone() });
        report.terms = Arc::new(report.terms.iter().map(of_real).collect());
        ledger.take_report(report).await.expect("it is taken");
        assert!(next_call(&ledger).await.ends_with("not called again: trial_over"), "{}", next_call(&ledger).await);
    }
}

#[tokio::test]
async fn a_retry_that_a_person_cancelled_or_that_was_sent_is_not_brought_back_by_another_record() {
    let busy = |id: ReminderId| {
        let body =
            json!({"reminder_id": id.to_string(), "call_id": "k1", "status": "BUSY", "ended_at": at(90).to_string()});
        RecordedCall { terms: retrying(), ..recorded(body, at(90)) }
    };
    for maker in makers() {
        let ledger = maker.open();
        let id = delivered(&ledger).await;
        ledger.take_report(unanswered(id, 60)).await.expect("it is taken");
        assert!(next_call(&ledger).await.contains("called again from"), "{}", next_call(&ledger).await);
        let rows = ledger.reminders(ReminderAsk::default()).await.expect("the reminders");
        let retry = rows.iter().find(|row| row.lead.is_retry()).expect("a retry").id;
        let (reason, actor) = ("they asked".to_owned(), "maria".to_owned());
        let cancel = CancelByHand { reminder_id: retry, reason, actor, now: at(70) };
        ledger.by_hand(ByHand::Cancel(cancel)).await.expect("it is cancelled");
        ledger.take_report(busy(id)).await.expect("it is taken");
        assert_eq!(state(&ledger, retry).await, State::Cancelled);
        assert!(!next_call(&ledger).await.contains("called again"), "{}", next_call(&ledger).await);
        verified(&ledger).await;
    }
}

/// Sends everything that is due at `now`; the reminders by appointment.
async fn call_all(ledger: &Arc<Ledger>, now: jiff::Timestamp) -> std::collections::BTreeMap<String, ReminderId> {
    for intent in take(ledger, now).await.intents {
        assert!(ledger.settle(settlement(&intent, now, SettleTo::Delivered)).await.expect("it settles"));
    }
    let rows = ledger.reminders(ReminderAsk::default()).await.expect("the reminders");
    rows.into_iter().map(|row| (row.appointment_id, row.id)).collect()
}

#[tokio::test]
async fn outcomes_are_counted_by_the_quarters_of_an_hour_of_their_calls_and_whoever_never_answers_is_listed() {
    let of = |appointment: &str, person: &str, day: i8| PlannedReminder {
        person: person.into(),
        due_day: jiff::civil::date(2026, 11, day),
        ..planned(appointment)
    };
    for maker in makers() {
        let ledger = maker.open();
        run_plan(&ledger, at(0), plan_of(vec![of("A1", "ada", 24), of("B1", "ben", 24), of("C1", "cleo", 24)])).await;
        call_all(&ledger, at(1)).await;
        run_plan(&ledger, at(950), plan_of(vec![of("A2", "ada", 25), of("B2", "ben", 25), of("C2", "cleo", 25)])).await;
        let ids = call_all(&ledger, at(1_000)).await;
        // of the second call to Cleo nothing is reported
        for (name, status) in [("A1", "NO_ANSWER"), ("B1", "BUSY"), ("C1", "NO_ANSWER"), ("A2", "NO_ANSWER")] {
            report(&ledger, json!({"reminder_id": ids[name].to_string(), "call_id": name, "status": status}), 2_000)
                .await;
        }
        let said =
            json!({"reminder_id": ids["B2"].to_string(), "call_id": "B2", "status": "COMPLETED", "outcome": YES});
        report(&ledger, said, 2_000).await;
        let counts = async |since, schedule: Option<&str>| {
            let ask = OutcomesAsk { since, schedule: schedule.map(str::to_owned) };
            let counts = ledger.outcome_counts(ask).await.expect("counts");
            counts.into_iter().map(|of| (of.from, of.outcome.as_str(), of.count)).collect::<Vec<_>>()
        };
        let later = [(at(900), "confirmed", 1), (at(900), "no_answer", 1)];
        let all = [&[(at(0), "busy", 1), (at(0), "no_answer", 2)][..], &later].concat();
        assert_eq!(counts(at(0), None).await, all, "by the time of the call, not of its report");
        assert_eq!(counts(at(900), Some(SCHEDULE)).await, later);
        assert_eq!(counts(at(0), Some("another")).await, []);
        let latest = async |limit| {
            let (since, outcome) = (at(0), CallOutcome::NoAnswer);
            ledger.called_with(CalledWith { since, schedule: None, outcome, limit }).await.expect("calls")
        };
        assert_eq!(latest(9).await, ["A2", "C1", "A1"].map(|name| ids[name]));
        assert_eq!(latest(1).await, [ids["A2"]]);
        let unanswered = async |since| {
            let ask = UnansweredAsk { since, schedule: None, limit: 9 };
            ledger.unanswered(ask).await.expect("persons")
        };
        let ada = Unanswered {
            latest: ids["A2"],
            schedule: SCHEDULE.to_owned(),
            appointment_id: "A2".to_owned(),
            phone_last4: Some("0143".to_owned()),
            last_at: at(1_000),
            calls: 2,
        };
        assert_eq!(unanswered(at(0)).await, [ada], "Ben has answered, and of Cleo one call alone was reported");
        assert_eq!(unanswered(at(900)).await, []);
        verified(&ledger).await;
    }
}
