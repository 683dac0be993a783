//! The fault matrix: what each answer, and each broken exchange, leaves in the ledger and in its log.

use std::time::Duration;

use tickler::clock::Clock;
use tickler::ledger::{HoldChange, Machine, Outbox, Resume};
use tickler::reminder::State;

use crate::plain;
use crate::support::bench::{Bench, bench, bench_for, in_seconds, webhook};
use crate::support::{Conduct, Receiver, answer, closed_port};

/// What one fault comes to.
struct Expected {
    state: State,
    /// The row of the log that ends the attempt.
    event: &'static str,
    reason: Option<&'static str>,
    status: Option<u16>,
    /// Whether it used up one of the attempts.
    tries: u32,
    /// What an undisturbed quarter of an hour later had been received, all told.
    requests: usize,
}

fn terminal(state: State, event: &'static str, status: u16, reason: impl Into<Option<&'static str>>) -> Expected {
    Expected { state, event, reason: reason.into(), status: Some(status), tries: 0, requests: 1 }
}

fn delivered(status: u16) -> Expected {
    terminal(State::Delivered, "delivery.delivered", status, None)
}

fn failed(status: u16, reason: &'static str) -> Expected {
    terminal(State::Failed, "delivery.failed", status, reason)
}

fn uncertain(status: impl Into<Option<u16>>, reason: &'static str) -> Expected {
    Expected { status: status.into(), ..terminal(State::Uncertain, "delivery.uncertain", 0, reason) }
}

fn refused(status: u16, reason: &'static str, tries: u32) -> Expected {
    Expected { tries, requests: 2, ..terminal(State::Pending, "delivery.refused", status, reason) }
}

/// Meets one fault, then a receiver that accepts everything.
async fn meet(name: &str, conduct: Conduct, expected: Expected) {
    let receiver = Receiver::start(vec![conduct, plain("200 OK")]);
    let bench = bench_for(&receiver, "");
    let id = bench.plan(7).await;
    bench.deliver().await.expect("a ledger that works");
    let row = bench.row(id).await;
    assert_eq!((row.state, row.tries), (expected.state, expected.tries), "{name}");
    assert_eq!(row.http_status, expected.status, "{name}");
    let log: Vec<_> = bench
        .log()
        .await
        .into_iter()
        .map(|row| (row.event.to_string(), row.attempt, row.reason.as_deref().map(str::to_owned), row.http_status))
        .collect();
    let intent = ("delivery.intent".to_owned(), Some(1), None, None);
    let end = (expected.event.to_owned(), Some(1), expected.reason.map(str::to_owned), expected.status);
    assert_eq!(log, [intent, end], "{name}");
    assert!(receiver.connections() <= 1, "{name}: one connection at most");
    let mut requests = receiver.received().len();
    if requests == 0 {
        return;
    }
    later(&bench).await;
    requests = receiver.received().len();
    assert_eq!(requests, expected.requests, "{name}: what is repeated");
    let ids: Vec<_> = receiver.received().iter().map(|r| r.header("idempotency-key").map(str::to_owned)).collect();
    assert!(ids.iter().all(|sent| *sent == Some(id.to_string())), "{name}: {ids:?}");
}

/// Ten minutes pass, in which what waits may go.
async fn later(bench: &Bench) {
    bench.clock.advance(Duration::from_secs(600));
    bench.deliver().await.expect("a ledger that works");
}

#[tokio::test]
async fn every_answer_settles_its_reminder_as_the_table_says() {
    let erring = Conduct::Answer(answer("200 OK", &[], r#"{"error":{"code":"no_agent"},"data":null}"#));
    let page = Conduct::Answer(answer("200 OK", &[("content-type", "text/html")], "<html>sign in</html>"));
    // its account stays paused: nothing is repeated
    let unauthorized = Expected { requests: 1, ..refused(401, "http_401", 0) };
    for (name, conduct, expected) in [
        ("200", plain("200 OK"), delivered(200)),
        ("204", Conduct::Answer(answer("204 No Content", &[], "")), delivered(204)),
        ("400", plain("400 Bad Request"), failed(400, "http_400")),
        ("401", plain("401 Unauthorized"), unauthorized),
        ("403", plain("403 Forbidden"), failed(403, "http_403")),
        ("404", plain("404 Not Found"), failed(404, "http_404")),
        ("408", plain("408 Request Timeout"), uncertain(408, "http_408")),
        ("410", plain("410 Gone"), failed(410, "http_410")),
        ("429", plain("429 Too Many Requests"), refused(429, "http_429", 0)),
        ("500", plain("500 Internal Server Error"), uncertain(500, "http_500")),
        ("502", plain("502 Bad Gateway"), uncertain(502, "http_502")),
        ("503", plain("503 Service Unavailable"), refused(503, "http_503", 1)),
        ("504", plain("504 Gateway Timeout"), uncertain(504, "http_504")),
        ("200 with an error", erring, failed(200, "error_in_200")),
        ("200 with a page", page, delivered(200)),
        ("200 with a gibibyte", Conduct::Huge(1 << 30), delivered(200)),
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
        meet(name, conduct, uncertain(status, class)).await;
    }
}

#[tokio::test]
async fn a_redirect_is_a_failure_and_nothing_reaches_where_it_points() {
    let elsewhere = Receiver::start(vec![plain("200 OK")]);
    for (status, code, class) in
        [("301 Moved Permanently", 301, "http_301"), ("307 Temporary Redirect", 307, "http_307")]
    {
        let there = elsewhere.url("/in");
        let conduct = Conduct::Answer(answer(status, &[("location", &there)], ""));
        meet(status, conduct, failed(code, class)).await;
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
        let (first, second) = (bench.plan(1).await, bench.plan(2).await);
        bench.deliver().await.expect("a ledger that works");
        assert_eq!(receiver.received().len(), 1, "the other reminder of the account waits too");
        let holds = bench.ledger.holds(Machine::default()).await.expect("holds");
        let until = holds.accounts["test"].paused_until.expect("the account is paused");
        assert!((in_seconds(soonest)..=in_seconds(latest)).contains(&until), "{until}");
        bench.clock.advance(Duration::from_secs(u64::try_from(latest).expect("a positive number")));
        bench.deliver().await.expect("a ledger that works");
        assert_eq!((bench.state(first).await, bench.state(second).await), (State::Delivered, State::Delivered));
        assert_eq!(bench.row(first).await.tries, 0);
    }
}

#[tokio::test]
async fn a_reset_before_the_request_is_uncertain_unless_it_provably_came_first() {
    let receiver = Receiver::start(vec![Conduct::ResetAtOnce]);
    let bench = bench_for(&receiver, "");
    let id = bench.plan(7).await;
    bench.deliver().await.expect("a ledger that works");
    let settled = bench.settled().await.remove(0);
    // the kernel decides whether the reset meets the connecting or the sending
    match settled.reason.as_deref() {
        Some("connect") => assert_eq!(bench.state(id).await, State::Pending),
        other => assert_eq!((other, bench.state(id).await), (Some("reset"), State::Uncertain)),
    }
    assert_eq!((receiver.received().len(), bench.row(id).await.tries), (0, 0));
}

#[tokio::test]
async fn an_answer_of_a_gibibyte_is_judged_by_its_status_and_noted() {
    let receiver = Receiver::start(vec![Conduct::Huge(1 << 30)]);
    let bench = bench_for(&receiver, "");
    let id = bench.plan(7).await;
    bench.deliver().await.expect("a ledger that works");
    assert_eq!(bench.state(id).await, State::Delivered);
    let detail = bench.settled().await.remove(0).entry.detail.expect("a note");
    assert!(detail.contains("too_long"), "{detail}");
}

#[tokio::test]
async fn a_refused_connection_is_tried_again_and_never_counted() {
    let address = closed_port();
    let bench = bench(&webhook(&format!("http://{address}/in")), "attempts = 1", "http://127.0.0.1:9");
    let id = bench.plan(7).await;
    bench.deliver().await.expect("a ledger that works");
    let row = bench.row(id).await;
    assert_eq!((row.state, row.tries, row.http_status), (State::Pending, 0, None));
    assert!((in_seconds(10)..=in_seconds(12)).contains(&row.next_at), "{}", row.next_at);
    let settled = bench.settled().await.remove(0);
    assert_eq!((settled.event.as_str(), settled.reason.as_deref()), ("delivery.refused", Some("connect")));
}

#[tokio::test]
async fn a_503_is_repeated_with_growing_pauses_until_its_attempts_are_used_up() {
    let receiver = Receiver::start(vec![plain("503 Service Unavailable")]);
    let bench = bench_for(&receiver, "attempts = 3");
    let id = bench.plan(7).await;
    for (sent, pause) in [(1, 10), (2, 20), (3, 40)] {
        bench.deliver().await.expect("a ledger that works");
        assert_eq!(receiver.received().len(), sent);
        bench.clock.advance(Duration::from_secs(pause * 6 / 5));
    }
    assert_eq!(bench.state(id).await, State::Dropped);
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
        let id = bench.plan(7).await;
        bench.deliver().await.expect("a ledger that works");
        bench.clock.advance(Duration::from_secs(12));
        bench.deliver().await.expect("a ledger that works");
        assert_eq!((receiver.received().len(), bench.state(id).await), (sent, state), "{terms}");
    }
    assert_eq!(holding.connections(), 1);
}

#[tokio::test]
async fn a_401_stops_the_account_and_burns_nobody() {
    let receiver = Receiver::start(vec![plain("401 Unauthorized"), plain("200 OK")]);
    let bench = bench_for(&receiver, "max_in_flight = 1");
    let (first, second) = (bench.plan(1).await, bench.plan(2).await);
    bench.deliver().await.expect("a ledger that works");
    bench.clock.advance(Duration::from_secs(3_600));
    bench.deliver().await.expect("a ledger that works");
    assert_eq!((bench.state(first).await, bench.state(second).await), (State::Pending, State::Pending));
    assert_eq!(receiver.received().len(), 1);
    bench
        .ledger
        .hold(HoldChange::Resume(Resume {
            reason: None,
            schedule: None,
            now: bench.clock.now(),
            actor: "maria".to_owned(),
        }))
        .await
        .expect("resumed");
    bench.deliver().await.expect("a ledger that works");
    assert_eq!((bench.state(first).await, bench.state(second).await), (State::Delivered, State::Delivered));
}

#[tokio::test]
async fn three_answers_in_a_row_that_speak_of_the_endpoint_pause_the_target_and_the_rest_stays_pending() {
    for status in ["402 Payment Required", "403 Forbidden", "404 Not Found", "410 Gone"] {
        let receiver = Receiver::start(vec![plain(status)]);
        let bench = bench_for(&receiver, "max_in_flight = 1");
        for number in 1..=5 {
            bench.plan(number).await;
        }
        bench.deliver().await.expect("a ledger that works");
        later(&bench).await;
        assert_eq!(receiver.received().len(), 3);
        let tally = bench.ledger.tally().await.expect("a tally");
        assert_eq!((tally.pending, tally.sending), (2, 0));
    }
}
