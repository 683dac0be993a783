//! `target.call`: two steps, each with its own intent; the contact may be made twice, the call never.

use std::time::Duration;

use tickler::reminder::State;

use crate::plain;
use crate::support::bench::{Bench, bench};
use crate::support::{Conduct, Receiver, answer};

fn call_target() -> &'static str {
    "[target.call]\nagent = \"agent-1\"\naccount = \"test\""
}

/// How each request ended.
async fn steps(bench: &Bench) -> Vec<&'static str> {
    let rows = bench.settled().await;
    rows.iter()
        .map(|row| match (row.event.as_str(), row.reason.as_deref()) {
            ("delivery.delivered", _) => "delivered",
            ("delivery.failed", _) => "failed",
            ("delivery.uncertain", _) => "uncertain",
            ("delivery.prepared", Some("contact_ready")) => "contact ready",
            ("delivery.refused", Some("contact_unknown")) => "contact forgotten",
            ("delivery.refused", _) => "again",
            (other, _) => panic!("{other} ends no request"),
        })
        .collect()
}

#[tokio::test]
async fn a_call_is_two_steps_and_the_second_call_of_a_person_one() {
    let receiver = Receiver::start(vec![
        Conduct::Answer(answer("200 OK", &[], r#"{"error":null,"data":{"id":"c-1"}}"#)),
        plain("200 OK"),
    ]);
    let bench = bench(call_target(), "max_in_flight = 1", &receiver.url(""));
    bench.plan(7).await;
    bench.deliver().await.expect("a ledger that works");
    bench.plan(107).await;
    bench.deliver().await.expect("a ledger that works");
    assert_eq!(steps(&bench).await, ["contact ready", "delivered", "delivered"]);
    let lines: Vec<_> = receiver.received().into_iter().map(|received| received.line).collect();
    let (create, call) = ("POST /contact/create HTTP/1.1", "POST /contact/call HTTP/1.1");
    assert_eq!(lines, [create, call, call]);
}

#[tokio::test]
async fn a_contact_whose_making_has_an_unknown_fate_is_made_again_and_the_call_is_not() {
    let made = Conduct::Answer(answer("200 OK", &[], r#"{"error":null,"data":{"id":"c-1"}}"#));
    let receiver = Receiver::start(vec![Conduct::ResetAfterReading, made, Conduct::ResetAfterReading]);
    let bench = bench(call_target(), "", &receiver.url(""));
    let id = bench.plan(7).await;
    for _ in 0..4 {
        bench.deliver().await.expect("a ledger that works");
        bench.clock.advance(Duration::from_secs(60));
    }
    assert_eq!(steps(&bench).await, ["again", "contact ready", "uncertain"]);
    assert_eq!((bench.state(id).await, receiver.received().len()), (State::Uncertain, 3));
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
    bench.plan(7).await;
    bench.deliver().await.expect("a ledger that works");
    assert_eq!(steps(&bench).await, ["again", "contact ready", "delivered"]);
    assert_eq!(receiver.received()[1].line, "GET /contact?search=%2B12025550107&limit=50 HTTP/1.1");
}

#[tokio::test]
async fn a_remembered_contact_that_is_gone_is_made_again_once() {
    let made =
        |id: &str| Conduct::Answer(answer("200 OK", &[], &format!(r#"{{"error":null,"data":{{"id":"{id}"}}}}"#)));
    let gone = plain("404 Not Found");
    let receiver = Receiver::start(vec![made("c-1"), gone.clone(), made("c-2"), gone]);
    let bench = bench(call_target(), "", &receiver.url(""));
    let id = bench.plan(7).await;
    bench.deliver().await.expect("a ledger that works");
    assert_eq!(steps(&bench).await, ["contact ready", "contact forgotten", "contact ready", "failed"]);
    assert_eq!(bench.state(id).await, State::Failed);
}
