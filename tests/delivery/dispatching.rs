//! The dispatcher: how many requests at once, when it ends, what stops it, what a failing ledger does to it.

use std::sync::Arc;
use std::time::Duration;

use tickler::attempt::SettleTo;
use tickler::clock::Clock;
use tickler::delivery::{DeliveryScope, TestReminder};
use tickler::reminder::{ReminderId, State};
use tokio::sync::watch;

use crate::plain;
use crate::support::bench::{NAME, bench, bench_for, webhook};
use crate::support::{Conduct, Receiver, answer};

#[tokio::test]
async fn never_more_requests_at_once_than_the_schedule_allows_and_each_once() {
    let receiver = Receiver::start(vec![plain("200 OK")]);
    let bench = bench_for(&receiver, "max_in_flight = 3");
    let mut ids = Vec::new();
    for number in 1..=40 {
        ids.push(bench.plan(number).await.to_string());
    }
    bench.deliver().await.expect("a ledger that works");
    let (mut now, mut most) = (0_i32, 0);
    for row in bench.log().await {
        now += if row.event.as_str() == "delivery.intent" { 1 } else { -1 };
        most = most.max(now);
    }
    assert_eq!((now, most), (0, 3), "in flight at the end, and at most");
    let mut sent: Vec<_> =
        receiver.received().iter().filter_map(|r| r.header("idempotency-key").map(str::to_owned)).collect();
    sent.sort();
    ids.sort();
    assert_eq!(sent, ids);
}

#[tokio::test]
async fn deliver_waits_for_what_becomes_due_within_its_patience() {
    let receiver = Receiver::start(vec![plain("503 Service Unavailable"), plain("200 OK")]);
    let bench = bench_for(&receiver, "");
    let id = bench.plan(7).await;
    let scope = DeliveryScope { schedule: NAME.to_owned(), only: None };
    let (sender, clock) = (Arc::clone(&bench.sender), Arc::clone(&bench.clock));
    let delivering = tokio::spawn(async move { sender.deliver(&scope, Duration::from_secs(60)).await });
    while bench.row(id).await.tries == 0 {
        tokio::task::yield_now().await;
    }
    let until_due = clock.now().duration_until(bench.row(id).await.next_at).unsigned_abs();
    clock.advance(until_due + Duration::from_secs(1));
    delivering.await.expect("no panic").expect("a ledger that works");
    assert_eq!(bench.state(id).await, State::Delivered);
}

#[tokio::test]
async fn one_appointment_alone_can_be_delivered() {
    let receiver = Receiver::start(vec![plain("200 OK")]);
    // the others' turns come all the time: they are no reason to wait
    let target = webhook(&receiver.url("/in")).replace("\"test\"", "\"slow\"");
    let bench = bench(&target, "", "http://127.0.0.1:9");
    let (_, second) = (bench.plan(1).await, bench.plan(2).await);
    let scope = DeliveryScope { schedule: NAME.to_owned(), only: Some("a2".to_owned()) };
    bench.sender.deliver(&scope, Duration::ZERO).await.expect("a ledger that works");
    assert_eq!((bench.state(second).await, receiver.received().len()), (State::Delivered, 1));
}

#[tokio::test]
async fn while_the_stop_file_exists_nothing_is_taken() {
    let receiver = Receiver::start(vec![plain("200 OK")]);
    let bench = bench_for(&receiver, "");
    let id = bench.plan(7).await;
    std::fs::write(bench.folder.path().join("STOP"), "").expect("a stop file");
    bench.deliver().await.expect("a ledger that works");
    assert_eq!((bench.state(id).await, bench.log().await.len()), (State::Pending, 0));
    std::fs::remove_file(bench.folder.path().join("STOP")).expect("it goes");
    bench.deliver().await.expect("a ledger that works");
    assert_eq!(bench.state(id).await, State::Delivered);
}

#[tokio::test]
async fn a_real_host_is_never_sent_to_with_a_given_time() {
    let bench = bench(&webhook("https://hooks.example.com/hidden-path"), "", "http://127.0.0.1:9");
    let id = bench.plan(7).await;
    bench.deliver().await.expect("a ledger that works");
    assert_eq!((bench.state(id).await, bench.log().await.len()), (State::Pending, 0));
    let problem = bench.sender.problems().remove(NAME).expect("a problem");
    assert!(problem.contains("https://hooks.example.com") && !problem.contains("hidden-path"), "{problem}");
}

#[tokio::test]
async fn a_ledger_that_takes_no_intents_sends_nothing_and_is_told() {
    let receiver = Receiver::start(vec![plain("200 OK")]);
    let bench = bench_for(&receiver, "");
    bench.plan(7).await;
    bench.sabotage("CREATE TRIGGER trap BEFORE INSERT ON attempt BEGIN SELECT raise(ABORT, 'no room'); END");
    assert!(bench.deliver().await.is_err());
    assert_eq!(receiver.connections(), 0);
    bench.sabotage("DROP TRIGGER trap");
    bench.deliver().await.expect("a ledger that works");
    assert_eq!(receiver.received().len(), 1);
}

#[tokio::test]
async fn at_a_stop_what_is_in_flight_is_settled_and_nothing_new_is_taken() {
    let receiver = Receiver::start(vec![Conduct::Drip(answer("200 OK", &[], "")[..30].to_owned()), plain("200 OK")]);
    let bench = bench_for(&receiver, "max_in_flight = 1");
    let (first, second) = (bench.plan(1).await, bench.plan(2).await);
    let (stop, stopped) = watch::channel(false);
    let sender = Arc::clone(&bench.sender);
    let running = tokio::spawn(async move { sender.run(stopped).await });
    while receiver.received().is_empty() {
        tokio::task::yield_now().await;
    }
    stop.send_replace(true);
    running.await.expect("no panic");
    assert_eq!((bench.state(first).await, bench.state(second).await), (State::Uncertain, State::Pending));
    assert_eq!(receiver.connections(), 1);
}

#[tokio::test]
async fn a_fresh_read_that_fails_keeps_its_reminder() {
    let receiver = Receiver::start(vec![plain("200 OK")]);
    let bench = bench_for(&receiver, "");
    let id = bench.plan(7).await;
    std::fs::remove_file(bench.folder.path().join("appointments.csv")).expect("the source goes");
    bench.clock.advance(Duration::from_secs(16 * 60));
    bench.deliver().await.expect("a ledger that works");
    assert_eq!((bench.state(id).await, receiver.connections()), (State::Pending, 0));
}

#[tokio::test]
async fn an_outcome_that_could_not_be_settled_is_settled_later_and_nothing_is_sent_before() {
    let receiver = Receiver::start(vec![plain("200 OK")]);
    let bench = bench_for(&receiver, "max_in_flight = 1");
    let (first, second) = (bench.plan(1).await, bench.plan(2).await);
    let log = bench.folder.path().join("log");
    let file = std::fs::File::create(&log).expect("a log");
    tracing_subscriber::fmt().with_writer(Arc::new(file)).init();
    bench.sabotage(
        "CREATE TRIGGER trap BEFORE UPDATE OF finished_at ON attempt BEGIN SELECT raise(ABORT, 'no room'); END",
    );
    let (stop, stopped) = watch::channel(false);
    let sender = Arc::clone(&bench.sender);
    let running = tokio::spawn(async move { sender.run(stopped).await });
    let says = |word: &str| std::fs::read_to_string(&log).expect("the log").contains(word);
    while !says("could not be settled") || !says("nothing is sent") {
        tokio::task::yield_now().await;
    }
    assert_eq!((bench.state(first).await, receiver.connections()), (State::Sending, 1));
    bench.sabotage("DROP TRIGGER trap");
    while bench.state(second).await != State::Delivered {
        bench.clock.advance(Duration::from_secs(1));
        tokio::task::yield_now().await;
    }
    assert_eq!((bench.state(first).await, receiver.received().len()), (State::Delivered, 2));
    stop.send_replace(true);
    running.await.expect("no panic");
}

#[tokio::test]
async fn while_the_service_runs_a_delivery_waits_for_it() {
    let receiver = Receiver::start(vec![plain("200 OK")]);
    let bench = bench_for(&receiver, "");
    let (stop, stopped) = watch::channel(false);
    let sender = Arc::clone(&bench.sender);
    let running = tokio::spawn(async move { sender.run(stopped).await });
    let sign_of_life = bench.plan(50).await;
    bench.sender.nudge();
    while bench.state(sign_of_life).await != State::Delivered {
        tokio::task::yield_now().await;
    }
    for number in 1..=9 {
        bench.plan(number).await;
    }
    bench.deliver().await.expect("a ledger that works");
    assert_eq!(bench.ledger.tally().await.expect("a tally").pending, 0);
    assert_eq!(receiver.received().len(), 10);
    stop.send_replace(true);
    running.await.expect("no panic");
}

/// The row is looked at again when it waited: gone, it is cancelled; there with another phone, that one is called.
#[tokio::test]
async fn what_waited_goes_out_only_after_a_fresh_read_of_its_source() {
    for (table, state, phone) in [
        ("id,phone,starts_at\na7,+12025550107,2026-11-25T09:00:00\n", State::Delivered, Some("+12025550107")),
        ("id,phone,starts_at\na7,+12025550199,2026-11-25T09:00:00\n", State::Delivered, Some("+12025550199")),
        ("id,phone,starts_at\na8,+12025550108,2026-11-25T09:00:00\n", State::Cancelled, None),
        ("id,phone,starts_at\na7,+12025550107,2026-11-26T09:00:00\n", State::Cancelled, None),
    ] {
        let receiver = Receiver::start(vec![plain("200 OK")]);
        let bench = bench_for(&receiver, "");
        let id = bench.plan(7).await;
        std::fs::write(bench.folder.path().join("appointments.csv"), table).expect("the source changes");
        bench.clock.advance(Duration::from_secs(16 * 60));
        bench.deliver().await.expect("a ledger that works");
        assert_eq!(bench.state(id).await, state, "{table}");
        let sent: Vec<_> =
            receiver.received().into_iter().map(|sent| String::from_utf8_lossy(&sent.body).into_owned()).collect();
        assert_eq!(sent.len(), usize::from(phone.is_some()), "{table}");
        assert!(phone.is_none_or(|phone| sent[0].contains(phone)), "{sent:?}");
    }
}

#[tokio::test]
async fn what_is_past_its_time_expires_and_the_log_says_so() {
    let receiver = Receiver::start(vec![plain("200 OK")]);
    let bench = bench_for(&receiver, "");
    let id = bench.plan(7).await;
    bench.clock.advance(Duration::from_secs(6 * 3_600));
    bench.deliver().await.expect("a ledger that works");
    assert_eq!((bench.state(id).await, receiver.connections()), (State::Expired, 0));
    let rows = bench.ledger.audit(tickler::audit::AuditFilter::default()).await.expect("the log is read");
    let told = rows.iter().filter(|row| row.event.as_str() == "reminder.expired" && row.reminder_id == Some(id));
    assert_eq!(told.count(), 1);
}

fn test_reminder() -> TestReminder {
    TestReminder {
        reminder_id: ReminderId(uuid::Uuid::from_u128(9)),
        phone: "+12025550199".into(),
        payload: "{}".into(),
        contact: None,
    }
}

#[tokio::test]
async fn what_answers_a_test_call_holds_the_reminders_of_its_account_too() {
    let throttled = || Conduct::Answer(answer("429 Too Many Requests", &[("retry-after", "120")], ""));
    for (answers, effect, hold) in [
        (vec![plain("401 Unauthorized")], "refused", "its credentials were refused"),
        (vec![throttled()], "waits", "waits until 2026-11-24T14:02:00Z"),
    ] {
        let requests = answers.len();
        let receiver = Receiver::start([answers, vec![plain("200 OK")]].into_iter().flatten().collect());
        let bench = bench_for(&receiver, "");
        let id = bench.plan(1).await;
        for _ in 0..requests {
            let ended = bench.sender.test_call(&bench.schedule, &test_reminder()).await.expect("it is sent");
            assert_ne!(ended.to, SettleTo::Delivered, "{effect}");
        }
        bench.deliver().await.expect("a ledger that works");
        assert_eq!((bench.state(id).await, receiver.received().len()), (State::Pending, requests), "{effect}");
        let refusal = bench.sender.test_call(&bench.schedule, &test_reminder()).await.expect_err("it is held, too");
        assert!(refusal.is_unsent() && refusal.to_string().contains(hold), "{effect}: {refusal}");
        assert_eq!(receiver.received().len(), requests, "{effect}");
    }
}

#[tokio::test]
async fn a_test_call_that_the_target_refuses_pauses_nothing_and_one_that_it_accepts_ends_a_row_of_refusals() {
    let refused = || plain("403 Forbidden");
    let by_test = [refused(), plain("404 Not Found"), plain("410 Gone")];
    let then = [refused(), refused(), plain("200 OK"), refused(), plain("200 OK")];
    let receiver = Receiver::start(by_test.into_iter().chain(then).collect());
    let bench = bench_for(&receiver, "max_in_flight = 1");
    for _ in 0..3 {
        bench.sender.test_call(&bench.schedule, &test_reminder()).await.expect("it is sent");
    }
    bench.plan(1).await;
    bench.plan(2).await;
    bench.deliver().await.expect("a ledger that works");
    assert_eq!(receiver.received().len(), 5, "both reminders were sent");
    let accepted = bench.sender.test_call(&bench.schedule, &test_reminder()).await.expect("it is sent");
    assert_eq!(accepted.to, SettleTo::Delivered);
    bench.plan(3).await;
    bench.plan(4).await;
    bench.deliver().await.expect("a ledger that works");
    assert_eq!(receiver.received().len(), 8, "the refusals before the accepted test call don't count any more");
}

#[tokio::test]
async fn a_test_call_takes_its_turn_in_the_rate_of_its_account() {
    let receiver = Receiver::start(vec![plain("200 OK")]);
    let target = webhook(&receiver.url("/in")).replace("\"test\"", "\"slow\"");
    let bench = bench(&target, "", "http://127.0.0.1:9");
    bench.plan(1).await;
    bench.deliver().await.expect("a ledger that works");
    let test = test_reminder();
    let call = bench.sender.test_call(&bench.schedule, &test);
    tokio::pin!(call);
    for _ in 0..200 {
        tokio::select! {
            biased;
            settled = &mut call => panic!("it was sent without waiting: {settled:?}"),
            tally = bench.ledger.tally() => assert!(tally.is_ok()),
        }
    }
    assert_eq!(receiver.received().len(), 1, "the reminder alone was sent");
    bench.clock.advance(Duration::from_millis(600));
    assert_eq!(call.await.expect("a ledger that works").to, SettleTo::Delivered);
    assert_eq!(receiver.received().len(), 2);
}
