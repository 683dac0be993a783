//! shell: tests of the sender: what every kind of answer means, and waiting for a sender that begins only now.

use std::time::Duration;

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};

use super::classify::{Attempt, Judgement, judge};
use crate::attempt::{Effect, Intent, SettleTo, Step, StepRequest, TargetAddress};
use crate::http::{BodyEnd, HttpResponse, Sent};
use crate::reminder::ReminderId;
use crate::schedule::{DeliveryTerms, OnUncertain};
use crate::targets::Facts;

fn now() -> Timestamp {
    "2026-11-24T14:00:00Z".parse().expect("a valid instant")
}

fn in_seconds(seconds: i64) -> Timestamp {
    now() + SignedDuration::from_secs(seconds)
}

fn intent(step: Step) -> Intent {
    Intent {
        reminder_id: ReminderId(uuid::Uuid::from_u128(7)),
        schedule: "day-before".to_owned(),
        appointment_id: "a1".to_owned(),
        attempt: 1,
        tries: 0,
        step,
        phone: "+12025550143".into(),
        payload: "{}".into(),
        contact: None,
        contact_id: None,
        contact_renewed: false,
        expires_at: in_seconds(3_600),
        starts_at: in_seconds(86_400),
        calling_hours: "always".to_owned(),
        recipient_zone: "America/New_York".to_owned(),
    }
}

fn terms(on_uncertain: OnUncertain) -> DeliveryTerms {
    DeliveryTerms { timeout: SignedDuration::from_secs(30), max_in_flight: 4, attempts: 6, on_uncertain }
}

fn answer(status: u16, headers: &[(&str, &str)], end: BodyEnd) -> Sent {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Sent::Answered(HttpResponse { status, headers, body: Bytes::new(), end, latency: Duration::from_millis(40) })
}

fn plain(status: u16) -> Sent {
    answer(status, &[], BodyEnd::Whole)
}

fn timeout() -> Sent {
    Sent::Unknown { class: "timeout", detail: "no answer".to_owned(), latency: Duration::from_secs(30) }
}

fn accepted() -> Facts {
    Facts { is_accepted_status: true, ..Facts::default() }
}

/// Judges with the usual facts of the status: 2xx is accepted.
fn judged(intent: &Intent, on_uncertain: OnUncertain, sent: &Sent, facts: Option<Facts>) -> Judgement {
    let is_accepted_status = matches!(sent, Sent::Answered(answer) if (200..300).contains(&answer.status));
    let facts = facts.unwrap_or(Facts { is_accepted_status, ..Facts::default() });
    let attempt = Attempt {
        intent,
        terms: &terms(on_uncertain),
        request: StepRequest::of(intent.step),
        accepted_by: None,
        credentials: "c1",
        address: &TargetAddress::of("http://127.0.0.1:1/"),
        actor: "service",
        now: now(),
        jitter: || 0.0,
    };
    judge(&attempt, sent, &facts)
}

fn held(sent: &Sent) -> (SettleTo, Effect) {
    let settlement = judged(&intent(Step::Call), OnUncertain::Hold, sent, None).settlement;
    (settlement.to, settlement.effect)
}

fn again(seconds: i64, counts: bool, resend: bool) -> SettleTo {
    SettleTo::Again { next_at: in_seconds(seconds), counts, resend }
}

#[test]
fn every_status_has_its_meaning() {
    for status in [200, 201, 202, 204] {
        assert_eq!(held(&plain(status)), (SettleTo::Delivered, Effect::Accepted), "{status}");
    }
    for status in [301, 302, 303, 304, 307, 308, 400, 405, 409, 413, 422, 451] {
        assert_eq!(held(&plain(status)), (SettleTo::Failed, Effect::None), "{status}");
    }
    for status in [408, 500, 501, 502, 504, 520, 599, 600, 999] {
        assert_eq!(held(&plain(status)), (SettleTo::Uncertain, Effect::None), "{status}");
    }
    assert_eq!(held(&plain(401)), (again(10, false, false), Effect::PauseAccount { credentials: "c1".to_owned() }));
    // they speak of the endpoint, not of the person
    for status in [402, 403, 404, 410] {
        assert_eq!(held(&plain(status)), (SettleTo::Failed, Effect::Forbidden), "{status}");
    }
    assert_eq!(held(&plain(429)), (again(10, false, false), Effect::PauseAccountUntil(in_seconds(10))));
    assert_eq!(held(&plain(503)), (again(10, true, false), Effect::None));
}

#[test]
fn what_never_left_is_tried_again_and_what_may_have_arrived_is_not() {
    let refused = Sent::NotSent { class: "connect", detail: "connection refused".to_owned() };
    assert_eq!(held(&refused), (again(10, false, false), Effect::None));
    assert_eq!(held(&timeout()), (SettleTo::Uncertain, Effect::None));
    assert_eq!(held(&answer(200, &[], BodyEnd::Cut)), (SettleTo::Uncertain, Effect::None));
    assert_eq!(held(&answer(200, &[], BodyEnd::TooLong)), (SettleTo::Delivered, Effect::Accepted));
    assert_eq!(held(&answer(400, &[], BodyEnd::Cut)), (SettleTo::Failed, Effect::None));
}

#[test]
fn a_429_waits_for_the_larger_of_its_wish_and_the_back_off() {
    let wishing = |wish| held(&answer(429, &[("retry-after", wish)], BodyEnd::Whole));
    assert_eq!(wishing("120"), (again(120, false, false), Effect::PauseAccountUntil(in_seconds(120))));
    assert_eq!(wishing("1"), (again(10, false, false), Effect::PauseAccountUntil(in_seconds(10))));
    let date = "Tue, 24 Nov 2026 14:01:00 GMT";
    assert_eq!(wishing(date), (again(60, false, false), Effect::PauseAccountUntil(in_seconds(60))));
    assert_eq!(held(&answer(503, &[("retry-after", "45")], BodyEnd::Whole)).0, again(45, true, false));
}

#[test]
fn the_last_counted_refusal_drops_and_others_never_do() {
    let tired = Intent { tries: 5, attempt: 6, ..intent(Step::Call) };
    let to = |sent: &Sent, on_uncertain| judged(&tired, on_uncertain, sent, None).settlement.to;
    assert_eq!(to(&plain(503), OnUncertain::Hold), SettleTo::Dropped);
    assert_eq!(to(&plain(429), OnUncertain::Hold), again(320, false, false));
    assert_eq!(to(&timeout(), OnUncertain::Hold), SettleTo::Uncertain);
    assert_eq!(to(&timeout(), OnUncertain::Resend), SettleTo::Dropped);
    let before_last = Intent { tries: 4, attempt: 5, ..intent(Step::Call) };
    let settlement = judged(&before_last, OnUncertain::Hold, &plain(503), None).settlement;
    assert_eq!(settlement.to, again(160, true, false));
}

#[test]
fn resend_repeats_what_is_unknown_and_says_so() {
    for sent in [timeout(), plain(500), plain(408), answer(200, &[], BodyEnd::Cut)] {
        let settlement = judged(&intent(Step::Call), OnUncertain::Resend, &sent, None).settlement;
        assert_eq!(settlement.to, again(10, true, true));
        assert!(settlement.detail.is_some_and(|detail| detail.contains("fate unknown")));
    }
    let settlement = judged(&intent(Step::Call), OnUncertain::Resend, &plain(503), None).settlement;
    assert_eq!(settlement.to, again(10, true, false));
}

#[test]
fn an_error_inside_an_accepted_answer_is_a_failure() {
    let facts = Facts { error: Some("invalid_agent".to_owned()), ..accepted() };
    let settlement = judged(&intent(Step::Call), OnUncertain::Resend, &plain(200), Some(facts)).settlement;
    assert_eq!(settlement.to, SettleTo::Failed);
    assert_eq!(settlement.class.as_deref(), Some("error_in_200"));
    assert!(settlement.detail.expect("a detail").contains("invalid_agent"));
}

#[test]
fn a_listed_status_is_accepted_and_an_unlisted_one_is_not() {
    let listed = judged(&intent(Step::Call), OnUncertain::Hold, &plain(409), Some(accepted())).settlement;
    assert_eq!(listed.to, SettleTo::Delivered);
    let unlisted = judged(&intent(Step::Call), OnUncertain::Hold, &plain(204), Some(Facts::default())).settlement;
    assert_eq!((unlisted.to, unlisted.class.as_deref()), (SettleTo::Failed, Some("http_204")));
}

#[test]
fn a_noted_answer_is_accepted_with_its_note() {
    let facts = Facts { note: Some("not_json"), ..accepted() };
    let settlement = judged(&intent(Step::Call), OnUncertain::Hold, &plain(200), Some(facts)).settlement;
    assert_eq!((settlement.to, settlement.class), (SettleTo::Delivered, None));
    assert!(settlement.detail.expect("a detail").contains("not_json"));
}

#[test]
fn a_403_says_what_it_most_likely_means() {
    let settlement = judged(&intent(Step::Call), OnUncertain::Hold, &plain(403), None).settlement;
    assert!(settlement.detail.expect("a detail").contains("calling may be disabled for this agent"));
}

#[test]
fn the_contact_step_is_repeated_whatever_is_unknown_and_never_pauses_the_way_to_three_403() {
    for sent in [timeout(), plain(500), plain(408), answer(200, &[], BodyEnd::Cut)] {
        for on_uncertain in [OnUncertain::Hold, OnUncertain::Resend] {
            let settlement = judged(&intent(Step::Contact), on_uncertain, &sent, None).settlement;
            assert_eq!(settlement.to, again(10, false, false));
        }
    }
    let facts = Facts { remote_id: Some("c-9".to_owned()), ..accepted() };
    let settlement = judged(&intent(Step::Contact), OnUncertain::Hold, &plain(200), Some(facts)).settlement;
    assert_eq!(settlement.to, SettleTo::ContactReady { contact_id: "c-9".to_owned() });
    assert_eq!((settlement.effect, settlement.remote_id), (Effect::None, None));
}

#[test]
fn a_contact_that_exists_is_searched_for_and_found_by_its_number() {
    let conflict = Facts { is_conflict: true, ..Facts::default() };
    let judgement = judged(&intent(Step::Contact), OnUncertain::Hold, &plain(409), Some(conflict));
    assert!(judgement.search_next);
    assert_eq!(judgement.settlement.to, again(0, false, false));
    let searched = |found: &[(&str, &str)]| {
        let found = found.iter().map(|(phone, id)| ((*phone).into(), (*id).to_owned())).collect();
        let intent = intent(Step::Contact);
        let attempt = Attempt {
            intent: &intent,
            terms: &terms(OnUncertain::Hold),
            request: StepRequest::FindContact,
            accepted_by: None,
            credentials: "c1",
            address: &TargetAddress::of("http://127.0.0.1:1/"),
            actor: "service",
            now: now(),
            jitter: || 0.0,
        };
        judge(&attempt, &plain(200), &Facts { found, ..accepted() }).settlement.to
    };
    let ready = SettleTo::ContactReady { contact_id: "c-2".to_owned() };
    assert_eq!(searched(&[("+12025550144", "c-1"), ("+1 (202) 555-0143", "c-2")]), ready);
    assert_eq!(searched(&[("+12025550144", "c-1")]), SettleTo::Failed);
}

#[test]
fn a_remembered_contact_that_is_gone_is_renewed_once() {
    let remembered = Intent { contact_id: Some("c-1".to_owned()), ..intent(Step::Call) };
    let to = |intent: &Intent| judged(intent, OnUncertain::Hold, &plain(404), None).settlement.to;
    assert_eq!(to(&remembered), SettleTo::ContactForgotten);
    assert_eq!(to(&Intent { contact_renewed: true, ..remembered }), SettleTo::Failed);
}

#[tokio::test]
async fn whoever_is_in_line_when_the_service_begins_to_send_waits_for_it_and_not_for_its_end() {
    let clock: crate::clock::SharedClock = std::sync::Arc::new(crate::clock::ManualClock::starting_at(
        "2026-11-24T14:00:00Z".parse().expect("an instant"),
    ));
    let zones = crate::zones::Zones::bundled();
    let memory = crate::ledger::memory::Memory::new().expect("random bytes");
    let env = crate::evaluation::Env {
        http: crate::http::Http::new(std::sync::Arc::clone(&clock)).expect("a client"),
        clock,
        secrets: crate::settings::Secrets::from_values::<String, String>([]),
        accounts: std::sync::Arc::default(),
        ledger: Some(crate::ledger::memory::open(&memory, zones.clone()).expect("it opens")),
        zones,
        reads: crate::evaluation::SharedReads::default(),
    };
    let actor = "service".to_owned();
    let sender = super::Sender::new(super::SenderParts { env, stop_file: "/nowhere/STOP".into(), actor });
    // `run` takes the lock after `deliver` has found that nobody sends, and keeps it
    let lock = sender.at_work.lock().await;
    let scope = super::DeliveryScope { schedule: "day-before".to_owned(), only: None };
    let deliver = sender.deliver(&scope, Duration::ZERO);
    tokio::pin!(deliver);
    let first = std::future::poll_fn(|context| std::task::Poll::Ready(deliver.as_mut().poll(context))).await;
    assert!(first.is_pending(), "it is in line");
    let _running = super::AtWork::begin(&sender);
    let ended = tokio::time::timeout(Duration::from_secs(20), deliver).await;
    ended.expect("it does not wait for the end of the service").expect("a ledger that works");
    drop(lock);
}
