//! The sender over real sockets: every fault, what becomes of its reminder, and what is never sent twice.

mod support;

use std::sync::Arc;
use std::time::Duration;

use support::bench::{Bench, NAME, bench, bench_for, in_seconds, webhook};
use support::{Conduct, Receiver, answer, closed_port};
use tickler::delivery::Scope;
use tickler::ledger::{Effect, SettleTo};
use tickler::reminder::State;
use tokio::sync::watch;

/// What one fault comes to.
struct Expected {
    state: State,
    status: Option<u16>,
    class: Option<&'static str>,
}

fn expect(state: State, status: impl Into<Option<u16>>, class: impl Into<Option<&'static str>>) -> Expected {
    Expected { state, status: status.into(), class: class.into() }
}

fn plain(status: &str) -> Conduct {
    Conduct::Answer(answer(status, &[], r#"{"error":null,"data":{}}"#))
}

async fn meet(name: &str, conduct: Conduct, expected: Expected) {
    let receiver = Receiver::start(vec![conduct]);
    let bench = bench_for(&receiver, "");
    let id = bench.plan(7);
    bench.deliver().await.expect("a ledger that works");
    let settled = bench.pile.settled();
    assert_eq!(settled.len(), 1, "{name}: settled once");
    assert_eq!(bench.pile.row(id).state, expected.state, "{name}");
    assert_eq!((settled[0].http_status, settled[0].class.as_deref()), (expected.status, expected.class), "{name}");
    assert!(receiver.connections() <= 1, "{name}: one connection at most");
}

#[tokio::test]
async fn every_answer_settles_its_reminder_as_the_table_says() {
    use State::{Delivered, Failed, Pending, Uncertain};
    let erring = Conduct::Answer(answer("200 OK", &[], r#"{"error":{"code":"no_agent"},"data":null}"#));
    let page = Conduct::Answer(answer("200 OK", &[("content-type", "text/html")], "<html>sign in</html>"));
    for (name, conduct, expected) in [
        ("200", plain("200 OK"), expect(Delivered, 200, None)),
        ("204", Conduct::Answer(answer("204 No Content", &[], "")), expect(Delivered, 204, None)),
        ("400", plain("400 Bad Request"), expect(Failed, 400, "http_400")),
        ("401", plain("401 Unauthorized"), expect(Pending, 401, "http_401")),
        ("403", plain("403 Forbidden"), expect(Failed, 403, "http_403")),
        ("404", plain("404 Not Found"), expect(Failed, 404, "http_404")),
        ("408", plain("408 Request Timeout"), expect(Uncertain, 408, "http_408")),
        ("429", plain("429 Too Many Requests"), expect(Pending, 429, "http_429")),
        ("500", plain("500 Internal Server Error"), expect(Uncertain, 500, "http_500")),
        ("502", plain("502 Bad Gateway"), expect(Uncertain, 502, "http_502")),
        ("503", plain("503 Service Unavailable"), expect(Pending, 503, "http_503")),
        ("504", plain("504 Gateway Timeout"), expect(Uncertain, 504, "http_504")),
        ("200 with an error", erring, expect(Failed, 200, "error_in_200")),
        ("200 with a page", page, expect(Delivered, 200, None)),
    ] {
        meet(name, conduct, expected).await;
    }
}

#[tokio::test]
async fn every_broken_exchange_settles_its_reminder_as_the_table_says() {
    let cut = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"error\":null";
    let slow = answer("200 OK", &[], "{}");
    let half_a_head = "HTTP/1.1 200 OK\r\ncontent-le";
    for (name, conduct, status, class) in [
        ("reset after the request", Conduct::ResetAfterReading, None, "reset"),
        ("cut in the head", Conduct::Cut(half_a_head.to_owned()), None, "reset"),
        ("cut in the body", Conduct::Cut(cut.to_owned()), Some(200), "cut"),
        ("hang", Conduct::Hang, None, "timeout"),
        ("slow drip", Conduct::Drip(slow), None, "timeout"),
    ] {
        meet(name, conduct, expect(State::Uncertain, status, class)).await;
    }
}

#[tokio::test]
async fn a_reset_before_the_request_is_uncertain_unless_it_provably_came_first() {
    let receiver = Receiver::start(vec![Conduct::ResetAtOnce]);
    let bench = bench_for(&receiver, "");
    let id = bench.plan(7);
    bench.deliver().await.expect("a ledger that works");
    let settlement = bench.pile.settled().remove(0);
    // the kernel decides whether the reset meets the connecting or the sending
    match settlement.class.as_deref() {
        Some("connect") => assert_eq!(bench.pile.row(id).state, State::Pending),
        other => assert_eq!((other, bench.pile.row(id).state), (Some("reset"), State::Uncertain)),
    }
    assert_eq!((receiver.received().len(), bench.pile.row(id).tries), (0, 0));
}

#[tokio::test]
async fn an_answer_of_a_gibibyte_is_judged_by_its_status_and_noted() {
    let receiver = Receiver::start(vec![Conduct::Huge(1 << 30)]);
    let bench = bench_for(&receiver, "");
    let id = bench.plan(7);
    bench.deliver().await.expect("a ledger that works");
    assert_eq!(bench.pile.row(id).state, State::Delivered);
    let detail = bench.pile.settled().remove(0).detail.expect("a note");
    assert!(detail.contains("too_long"), "{detail}");
}

#[tokio::test]
async fn a_refused_connection_is_tried_again_and_never_counted() {
    let address = closed_port();
    let bench = bench(&webhook(&format!("http://{address}/in")), "attempts = 1", "http://127.0.0.1:9");
    let id = bench.plan(7);
    bench.deliver().await.expect("a ledger that works");
    let row = bench.pile.row(id);
    assert_eq!((row.state, row.tries, row.http_status), (State::Pending, 0, None));
    assert!((in_seconds(10)..=in_seconds(12)).contains(&row.next_at), "{}", row.next_at);
    let settlement = bench.pile.settled().remove(0);
    assert_eq!(settlement.class.as_deref(), Some("connect"));
}

#[tokio::test]
async fn a_redirect_is_a_failure_and_nothing_reaches_where_it_points() {
    let elsewhere = Receiver::start(vec![plain("200 OK")]);
    for status in ["301 Moved Permanently", "307 Temporary Redirect"] {
        let there = elsewhere.url("/in");
        let conduct = Conduct::Answer(answer(status, &[("location", &there)], ""));
        let code: u16 = status[..3].parse().expect("a status");
        let class = if code == 301 { "http_301" } else { "http_307" };
        meet(status, conduct, expect(State::Failed, code, class)).await;
    }
    assert_eq!(elsewhere.connections(), 0);
}

#[tokio::test]
async fn a_429_pauses_the_account_for_as_long_as_it_asks_and_no_less_than_the_back_off() {
    let date = [("retry-after", "Tue, 24 Nov 2026 14:05:00 GMT")];
    for (headers, soonest, latest) in
        [(&[("retry-after", "120")][..], 120, 120), (&date[..], 300, 300), (&[][..], 10, 12)]
    {
        let receiver =
            Receiver::start(vec![Conduct::Answer(answer("429 Too Many Requests", headers, "")), plain("200 OK")]);
        let bench = bench_for(&receiver, "max_in_flight = 1");
        let (first, second) = (bench.plan(1), bench.plan(2));
        bench.deliver().await.expect("a ledger that works");
        assert_eq!(receiver.received().len(), 1, "the other reminder of the account waits too");
        let Effect::PauseAccountUntil(until) = bench.pile.settled()[0].effect else { panic!("the account is paused") };
        assert!((in_seconds(soonest)..=in_seconds(latest)).contains(&until), "{until}");
        bench.clock.advance(Duration::from_secs(u64::try_from(latest).expect("a positive number")));
        bench.deliver().await.expect("a ledger that works");
        assert_eq!((bench.pile.row(first).state, bench.pile.row(second).state), (State::Delivered, State::Delivered));
        assert_eq!(bench.pile.row(first).tries, 0);
    }
}

#[tokio::test]
async fn a_503_is_repeated_with_growing_pauses_until_its_attempts_are_used_up() {
    let receiver = Receiver::start(vec![plain("503 Service Unavailable")]);
    let bench = bench_for(&receiver, "attempts = 3");
    let id = bench.plan(7);
    for (sent, pause) in [(1, 10), (2, 20), (3, 40)] {
        bench.deliver().await.expect("a ledger that works");
        assert_eq!(receiver.received().len(), sent);
        bench.clock.advance(Duration::from_secs(pause * 6 / 5));
    }
    assert_eq!(bench.pile.row(id).state, State::Dropped);
    let ids: Vec<_> = receiver.received().iter().map(|r| r.header("idempotency-key").map(str::to_owned)).collect();
    assert!(ids.iter().all(|sent| *sent == Some(id.to_string())), "every repeat carries the same id: {ids:?}");
}

#[tokio::test]
async fn an_unknown_fate_is_repeated_only_when_the_schedule_says_so() {
    let script = || Receiver::start(vec![Conduct::ResetAfterReading, plain("200 OK")]);
    let (holding, resending) = (script(), script());
    for (receiver, terms, sent, state) in [
        (&holding, "on_uncertain = \"hold\"", 1, State::Uncertain),
        (&resending, "on_uncertain = \"resend\"", 2, State::Delivered),
    ] {
        let bench = bench_for(receiver, terms);
        let id = bench.plan(7);
        bench.deliver().await.expect("a ledger that works");
        bench.clock.advance(Duration::from_secs(12));
        bench.deliver().await.expect("a ledger that works");
        assert_eq!((receiver.received().len(), bench.pile.row(id).state), (sent, state), "{terms}");
    }
    assert_eq!(holding.connections(), 1);
}

#[tokio::test]
async fn a_401_stops_the_account_and_burns_nobody() {
    let receiver = Receiver::start(vec![plain("401 Unauthorized")]);
    let bench = bench_for(&receiver, "max_in_flight = 1");
    let (first, second) = (bench.plan(1), bench.plan(2));
    bench.deliver().await.expect("a ledger that works");
    bench.clock.advance(Duration::from_secs(3_600));
    bench.deliver().await.expect("a ledger that works");
    assert_eq!((bench.pile.row(first).state, bench.pile.row(second).state), (State::Pending, State::Pending));
    assert_eq!(receiver.received().len(), 1);
}

#[tokio::test]
async fn never_more_requests_at_once_than_the_schedule_allows_and_each_once() {
    let receiver = Receiver::start(vec![plain("200 OK")]);
    let bench = bench_for(&receiver, "max_in_flight = 3");
    let ids: Vec<_> = (1..=40).map(|number| bench.plan(number).to_string()).collect();
    bench.deliver().await.expect("a ledger that works");
    assert_eq!(bench.pile.count(State::Delivered), 40);
    assert_eq!(bench.pile.most_in_flight(), 3);
    let mut sent: Vec<_> =
        receiver.received().iter().filter_map(|r| r.header("idempotency-key").map(str::to_owned)).collect();
    sent.sort();
    assert_eq!(sent, ids);
}

#[tokio::test]
async fn one_appointment_alone_can_be_delivered() {
    let receiver = Receiver::start(vec![plain("200 OK")]);
    // the others' turns come all the time: they are no reason to wait
    let target = webhook(&receiver.url("/in")).replace("\"test\"", "\"slow\"");
    let bench = bench(&target, "", "http://127.0.0.1:9");
    let (_, second) = (bench.plan(1), bench.plan(2));
    let scope = Scope { schedule: NAME.to_owned(), only: Some("a2".to_owned()) };
    bench.sender.deliver(&scope, Duration::ZERO).await.expect("a ledger that works");
    assert_eq!((bench.pile.row(second).state, receiver.received().len()), (State::Delivered, 1));
}

#[tokio::test]
async fn deliver_waits_for_what_becomes_due_within_its_patience() {
    let receiver = Receiver::start(vec![plain("503 Service Unavailable"), plain("200 OK")]);
    let bench = bench_for(&receiver, "");
    let id = bench.plan(7);
    let scope = Scope { schedule: NAME.to_owned(), only: None };
    let (sender, clock) = (Arc::clone(&bench.sender), Arc::clone(&bench.clock));
    let delivering = tokio::spawn(async move { sender.deliver(&scope, Duration::from_secs(60)).await });
    while bench.pile.settles.asked() == 0 || !delivering.is_finished() {
        tokio::task::yield_now().await;
        if bench.pile.settles.asked() > 0 {
            clock.advance(Duration::from_secs(1));
        }
    }
    delivering.await.expect("no panic").expect("a ledger that works");
    assert_eq!(bench.pile.row(id).state, State::Delivered);
}

#[tokio::test]
async fn while_the_stop_file_exists_nothing_is_taken() {
    let receiver = Receiver::start(vec![plain("200 OK")]);
    let bench = bench_for(&receiver, "");
    let id = bench.plan(7);
    std::fs::write(bench.folder.path().join("STOP"), "").expect("a stop file");
    bench.deliver().await.expect("a ledger that works");
    assert_eq!((bench.pile.row(id).state, bench.pile.takes.asked()), (State::Pending, 0));
    std::fs::remove_file(bench.folder.path().join("STOP")).expect("it goes");
    bench.deliver().await.expect("a ledger that works");
    assert_eq!(bench.pile.row(id).state, State::Delivered);
}

#[tokio::test]
async fn a_real_host_is_never_sent_to_with_a_given_time() {
    let bench = bench(&webhook("https://hooks.example.com/hidden-path"), "", "http://127.0.0.1:9");
    let id = bench.plan(7);
    bench.deliver().await.expect("a ledger that works");
    assert_eq!((bench.pile.row(id).state, bench.pile.takes.asked()), (State::Pending, 0));
    let problem = bench.sender.problems().remove(NAME).expect("a problem");
    assert!(problem.contains("https://hooks.example.com") && !problem.contains("hidden-path"), "{problem}");
}

#[tokio::test]
async fn a_ledger_that_takes_no_intents_sends_nothing_and_is_told() {
    let receiver = Receiver::start(vec![plain("200 OK")]);
    let bench = bench_for(&receiver, "");
    bench.plan(7);
    bench.pile.takes.next(1);
    assert!(bench.deliver().await.is_err());
    assert_eq!(receiver.connections(), 0);
}

#[tokio::test]
async fn an_outcome_that_could_not_be_settled_is_settled_later_and_nothing_is_sent_before() {
    let receiver = Receiver::start(vec![plain("200 OK")]);
    let bench = bench_for(&receiver, "max_in_flight = 1");
    let (first, second) = (bench.plan(1), bench.plan(2));
    bench.pile.settles.next(2);
    let (stop, stopped) = watch::channel(false);
    let sender = Arc::clone(&bench.sender);
    let running = tokio::spawn(async move { sender.run(stopped).await });
    while bench.pile.settles.asked() < 2 {
        tokio::task::yield_now().await;
    }
    assert_eq!((bench.pile.row(first).state, receiver.connections()), (State::Sending, 1));
    while bench.pile.row(second).state != State::Delivered {
        bench.clock.advance(Duration::from_secs(1));
        tokio::task::yield_now().await;
    }
    assert_eq!((bench.pile.row(first).state, receiver.received().len()), (State::Delivered, 2));
    stop.send_replace(true);
    running.await.expect("no panic");
}

#[tokio::test]
async fn at_a_stop_what_is_in_flight_is_settled_and_nothing_new_is_taken() {
    let receiver = Receiver::start(vec![Conduct::Drip(answer("200 OK", &[], "")[..30].to_owned()), plain("200 OK")]);
    let bench = bench_for(&receiver, "max_in_flight = 1");
    let (first, second) = (bench.plan(1), bench.plan(2));
    let (stop, stopped) = watch::channel(false);
    let sender = Arc::clone(&bench.sender);
    let running = tokio::spawn(async move { sender.run(stopped).await });
    while receiver.received().is_empty() {
        tokio::task::yield_now().await;
    }
    stop.send_replace(true);
    running.await.expect("no panic");
    assert_eq!((bench.pile.row(first).state, bench.pile.row(second).state), (State::Uncertain, State::Pending));
    assert_eq!(receiver.connections(), 1);
}

#[tokio::test]
async fn while_the_service_runs_a_delivery_waits_for_it() {
    let receiver = Receiver::start(vec![plain("200 OK")]);
    let bench = bench_for(&receiver, "");
    let (stop, stopped) = watch::channel(false);
    let sender = Arc::clone(&bench.sender);
    let running = tokio::spawn(async move { sender.run(stopped).await });
    while bench.pile.takes.asked() == 0 {
        tokio::task::yield_now().await;
    }
    let ids: Vec<_> = (1..=9).map(|number| bench.plan(number)).collect();
    bench.deliver().await.expect("a ledger that works");
    assert!(ids.iter().all(|id| bench.pile.row(*id).state == State::Delivered));
    assert_eq!(receiver.received().len(), 9);
    stop.send_replace(true);
    running.await.expect("no panic");
}

#[tokio::test]
async fn a_fresh_read_that_fails_keeps_its_reminder_and_is_not_asked_for_again_at_once() {
    let receiver = Receiver::start(vec![plain("200 OK")]);
    let bench = bench_for(&receiver, "");
    let id = bench.plan(7);
    bench.pile.make_stale(id);
    bench.deliver().await.expect("a ledger that works");
    assert_eq!((bench.pile.row(id).state, receiver.connections()), (State::Pending, 0));
    assert!(bench.pile.takes.asked() <= 6, "asked {} times", bench.pile.takes.asked());
}

fn call_target() -> &'static str {
    "[target.call]\nagent = \"agent-1\"\naccount = \"test\""
}

fn steps(bench: &Bench) -> Vec<&'static str> {
    let word = |to: &SettleTo| match to {
        SettleTo::Delivered => "delivered",
        SettleTo::Failed => "failed",
        SettleTo::Uncertain => "uncertain",
        SettleTo::Again { .. } => "again",
        SettleTo::Dropped => "dropped",
        SettleTo::ContactReady { .. } => "contact ready",
        SettleTo::ContactForgotten => "contact forgotten",
    };
    bench.pile.settled().iter().map(|settlement| word(&settlement.to)).collect()
}

#[tokio::test]
async fn a_call_is_two_steps_and_the_second_call_of_a_person_one() {
    let receiver = Receiver::start(vec![
        Conduct::Answer(answer("200 OK", &[], r#"{"error":null,"data":{"id":"c-1"}}"#)),
        plain("200 OK"),
    ]);
    let bench = bench(call_target(), "max_in_flight = 1", &receiver.url(""));
    bench.plan(7);
    bench.deliver().await.expect("a ledger that works");
    bench.plan(107);
    bench.deliver().await.expect("a ledger that works");
    assert_eq!(steps(&bench), ["contact ready", "delivered", "delivered"]);
    let lines: Vec<_> = receiver.received().into_iter().map(|received| received.line).collect();
    let (create, call) = ("POST /contact/create HTTP/1.1", "POST /contact/call HTTP/1.1");
    assert_eq!(lines, [create, call, call]);
}

#[tokio::test]
async fn a_contact_whose_making_has_an_unknown_fate_is_made_again_and_the_call_is_not() {
    let made = Conduct::Answer(answer("200 OK", &[], r#"{"error":null,"data":{"id":"c-1"}}"#));
    let receiver = Receiver::start(vec![Conduct::ResetAfterReading, made, Conduct::ResetAfterReading]);
    let bench = bench(call_target(), "", &receiver.url(""));
    let id = bench.plan(7);
    for _ in 0..4 {
        bench.deliver().await.expect("a ledger that works");
        bench.clock.advance(Duration::from_secs(60));
    }
    assert_eq!(steps(&bench), ["again", "contact ready", "uncertain"]);
    assert_eq!((bench.pile.row(id).state, receiver.received().len()), (State::Uncertain, 3));
}

#[tokio::test]
async fn a_contact_that_exists_is_found_by_a_search() {
    let found = r#"{"error":null,"data":{"contacts":[{"id":"c-1","phone_number":"+12025550107"}]}}"#;
    let receiver = Receiver::start(vec![
        Conduct::Answer(answer("409 Conflict", &[], "")),
        Conduct::Answer(answer("200 OK", &[], found)),
        plain("200 OK"),
    ]);
    let bench = bench(call_target(), "", &receiver.url(""));
    bench.plan(7);
    bench.deliver().await.expect("a ledger that works");
    assert_eq!(steps(&bench), ["again", "contact ready", "delivered"]);
    assert_eq!(receiver.received()[1].line, "GET /contact?search=%2B12025550107&limit=50 HTTP/1.1");
}

#[tokio::test]
async fn a_remembered_contact_that_is_gone_is_made_again_once() {
    let made =
        |id: &str| Conduct::Answer(answer("200 OK", &[], &format!(r#"{{"error":null,"data":{{"id":"{id}"}}}}"#)));
    let gone = plain("404 Not Found");
    let receiver = Receiver::start(vec![made("c-1"), gone.clone(), made("c-2"), gone]);
    let bench = bench(call_target(), "", &receiver.url(""));
    let id = bench.plan(7);
    bench.deliver().await.expect("a ledger that works");
    assert_eq!(steps(&bench), ["contact ready", "contact forgotten", "contact ready", "failed"]);
    assert_eq!(bench.pile.row(id).state, State::Failed);
}
