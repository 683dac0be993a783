//! shell: the sandbox over real sockets, asked with the program's own HTTP client.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;
use url::Url;

use super::*;
use crate::clock::SystemClock;
use crate::http::{HttpRequest, Sent};

const PHONE: &str = "+12025550102";

const CREDENTIALS: [(&str, &str); 2] = [("x-api-token", "t"), ("team_id", "g")];

struct Bench {
    running: Running,
    http: Http,
    events: mpsc::UnboundedReceiver<ReceivedRequest>,
}

async fn bench(options: Options) -> Bench {
    let clock: SharedClock = Arc::new(SystemClock::new());
    let http = Http::new(Arc::clone(&clock)).expect("a client");
    let (told, events) = mpsc::unbounded_channel();
    let events_to = Box::new(move |event| told.send(event).expect("somebody listens"));
    let around = Surroundings { clock, http: http.clone(), events: events_to };
    Bench { running: start(options, around).await.expect("a sandbox"), http, events }
}

impl Bench {
    async fn exchange(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &Value) -> Sent {
        let url = Url::parse(&format!("http://{}{path}", self.running.address)).expect("a URL");
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())).collect();
        let body = if body.is_null() { Bytes::new() } else { Bytes::from(body.to_string()) };
        let method = method.parse().expect("a method");
        self.http
            .send(HttpRequest { method, url, headers, body, timeout: Duration::from_secs(10), max_bytes: 65_536 })
            .await
    }

    async fn ask(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        match self.exchange(method, path, &CREDENTIALS, body).await {
            Sent::Answered(answer) => (answer.status, serde_json::from_slice(&answer.body).unwrap_or(Value::Null)),
            other => panic!("an answer, not {other:?}"),
        }
    }

    async fn contact(&self, phone: &str) -> (u16, Value) {
        self.ask("POST", "/contact/create", &json!({ "phone_number": phone })).await
    }
}

#[tokio::test]
async fn an_automation_takes_any_object_and_tells_no_more_than_four_digits() {
    let mut bench = bench(Options::default()).await;
    let id = "01997c3e-8a00-7000-8000-000000000001";
    let body = json!({ "contact_phone": PHONE, "service_name": "Cleaning" });
    let exchange = bench.exchange("POST", "/webhook/automation/hidden", &[("idempotency-key", id)], &body).await;
    assert!(matches!(exchange, Sent::Answered(answer) if answer.status == 200));
    let event = bench.events.recv().await.expect("an event");
    assert_eq!(event.outcome, Outcome::Answered(200));
    let line = event.to_string();
    assert!(line.ends_with(&format!("POST /webhook/automation/{{id}} 200 phone …0102 reminder {id}")), "{line}");
    assert_eq!(bench.ask("POST", "/webhook/automation/hidden", &json!(["no object"])).await.0, 400);
}

#[tokio::test]
async fn a_draft_answers_200_and_calls_nobody() {
    let bench = bench(Options { draft: true, ..Options::default() }).await;
    assert_eq!(bench.ask("POST", "/webhook/automation/x", &json!({ "phone": PHONE })).await.0, 200);
    let (_, calls) = bench.ask("GET", "/interview/sandbox-agent/responses", &Value::Null).await;
    assert_eq!(calls["data"]["responses"], json!([]));
}

#[tokio::test]
async fn a_contact_that_is_created_twice_follows_the_reading_that_was_chosen() {
    for (reading, status, is_same) in [
        (DuplicateContact::Reuse, 200, true),
        (DuplicateContact::New, 200, false),
        (DuplicateContact::Conflict, 409, false),
    ] {
        let bench = bench(Options { duplicate_contact: reading, ..Options::default() }).await;
        let (_, first) = bench.contact(PHONE).await;
        let (second_status, second) = bench.contact(PHONE).await;
        assert_eq!((second_status, first["data"]["id"] == second["data"]["id"]), (status, is_same), "{reading:?}");
    }
}

#[tokio::test]
async fn contacts_are_found_shown_and_deleted() {
    let bench = bench(Options::default()).await;
    let (_, created) = bench.contact(PHONE).await;
    let id = created["data"]["id"].as_str().expect("an id").to_owned();
    let (_, found) = bench.ask("GET", "/contact?search=%2B12025550102&limit=50", &Value::Null).await;
    assert_eq!(found["data"]["contacts"][0]["id"], json!(id));
    assert_eq!(bench.ask("GET", "/contact?limit=51", &Value::Null).await.0, 400);
    assert_eq!(bench.ask("DELETE", &format!("/contact/{id}"), &Value::Null).await.0, 200);
    assert_eq!(bench.ask("GET", &format!("/contact/{id}"), &Value::Null).await.0, 404);
    let refused = bench.ask("POST", "/contact/create", &json!({ "phone_number": PHONE, "custom_fields": {} })).await;
    assert_eq!(refused.0, 400);
}

#[tokio::test]
async fn a_call_wants_a_known_contact_an_agent_and_flat_metadata() {
    let bench = bench(Options::default()).await;
    let (_, created) = bench.contact(PHONE).await;
    let id = &created["data"]["id"];
    let call = async |body: Value| bench.ask("POST", "/contact/call", &body).await;
    let (status, placed) = call(json!({ "contact_id": id, "interview_id": "a", "metadata": { "k": "v" } })).await;
    assert!(status == 200 && placed["data"]["id"].is_string());
    assert_eq!(call(json!({ "contact_id": "nobody", "interview_id": "a" })).await.0, 404);
    assert_eq!(call(json!({ "contact_id": id })).await.0, 400);
    assert_eq!(call(json!({ "contact_id": id, "interview_id": "a", "metadata": { "k": 1 } })).await.0, 400);
}

#[tokio::test]
async fn the_api_demands_both_credentials_and_names_the_missing_one() {
    let given = Options { api_token: Some("t".into()), team_id: Some("g".into()), ..Options::default() };
    type Headers = [(&'static str, &'static str)];
    let cases: [(&Options, &Headers, u16, &str); 7] = [
        (&given, &[], 401, "`x-api-token` is missing"),
        (&given, &[("x-api-token", "t")], 401, "`team_id` is missing"),
        (&given, &[("x-api-token", "t"), ("team_id", "")], 401, "`team_id` is missing"),
        (&given, &[("x-api-token", "t"), ("team_id", "wrong")], 401, "`team_id` is wrong"),
        (&given, &CREDENTIALS, 200, ""),
        (&Options::default(), &[("team_id", "g")], 401, "`x-api-token` is missing"),
        (&Options::default(), &[("x-api-token", "any"), ("team_id", "any")], 200, ""),
    ];
    for (options, headers, status, message) in cases {
        let bench = bench(options.clone()).await;
        match bench.exchange("GET", "/interview", headers, &Value::Null).await {
            Sent::Answered(answer) => {
                let text = String::from_utf8_lossy(&answer.body);
                assert!(answer.status == status && text.contains(message), "{headers:?}: {} {text}", answer.status);
            }
            other => panic!("an answer, not {other:?}"),
        }
        assert_eq!(bench.ask("POST", "/webhook/automation/x", &json!({})).await.0, 200);
    }
}

#[tokio::test]
async fn every_answer_is_marked_as_the_sandboxs() {
    let faults = Faults { fail: vec![FailingRequests { status: 503, count: 1 }], ..Faults::default() };
    let bench = bench(Options { faults, ..Options::default() }).await;
    for path in ["/webhook/automation/x", "/webhook/automation/x", "/interview", "/nowhere"] {
        match bench.exchange("POST", path, &[], &json!({})).await {
            Sent::Answered(answer) => assert_eq!(answer.header("x-tickler-sandbox"), Some("1"), "{path}"),
            other => panic!("an answer, not {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_reset_leaves_its_caller_without_an_answer() {
    let faults = Faults { reset_after: Some(1), ..Faults::default() };
    let mut bench = bench(Options { faults, ..Options::default() }).await;
    let body = json!({ "phone": PHONE });
    assert_eq!(bench.ask("POST", "/webhook/automation/x", &body).await.0, 200);
    let exchange = bench.exchange("POST", "/webhook/automation/x", &[], &body).await;
    assert!(matches!(exchange, Sent::Unknown { class: "reset", .. }), "{exchange:?}");
    bench.events.recv().await.expect("the first event");
    assert_eq!(bench.events.recv().await.expect("the second event").outcome, Outcome::Reset);
}

#[tokio::test]
async fn a_reset_is_abrupt_and_not_an_orderly_end() {
    let faults = Faults { reset_after: Some(0), ..Faults::default() };
    let bench = bench(Options { faults, ..Options::default() }).await;
    let mut stream = tokio::net::TcpStream::connect(bench.running.address).await.expect("a connection");
    let request = b"POST /webhook/automation/x HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}";
    stream.write_all(request).await.expect("a sent request");
    let end = stream.read(&mut [0]).await;
    assert_eq!(end.map_err(|broken| broken.kind()), Err(io::ErrorKind::ConnectionReset));
}

#[tokio::test]
async fn a_sandbox_that_was_asked_ends_when_it_is_told_to() {
    let Bench { running, http, events } = {
        let bench = bench(Options::default()).await;
        assert_eq!(bench.ask("GET", "/interview", &Value::Null).await.0, 200);
        bench
    };
    let address = running.address;
    running.stop().await;
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
    drop((http, events));
}

#[tokio::test]
async fn refusals_name_a_time_only_when_told_to() {
    for (retry_after, named) in [(None, None), (Some(7), Some("7"))] {
        let faults = Faults { rate_per_minute: Some(0), ..Faults::default() };
        let bench = bench(Options { faults, retry_after, ..Options::default() }).await;
        let exchange = bench.exchange("POST", "/webhook/automation/x", &[], &json!({})).await;
        let Sent::Answered(answer) = exchange else { panic!("an answer, not {exchange:?}") };
        assert_eq!((answer.status, answer.header("retry-after")), (429, named));
    }
}

#[tokio::test]
async fn errors_in_200_and_pages_come_as_told() {
    let faults = Faults { error_in_200: true, ..Faults::default() };
    let erring = bench(Options { faults, ..Options::default() }).await;
    let (status, body) = erring.ask("POST", "/webhook/automation/x", &json!({})).await;
    assert!(status == 200 && body["error"].is_object());
    let faults = Faults { html: true, ..Faults::default() };
    let paging = bench(Options { faults, ..Options::default() }).await;
    assert_eq!(paging.ask("POST", "/webhook/automation/x", &json!({})).await, (200, Value::Null));
}

#[tokio::test]
async fn a_calls_end_follows_the_last_two_digits_and_is_posted_to_the_callback() {
    let mut receiver = bench(Options::default()).await;
    let callback = Url::parse(&format!("http://{}/webhook/automation/back", receiver.running.address));
    let options = Options { callback: callback.ok(), call_pace: Duration::ZERO, ..Options::default() };
    let bench = bench(options).await;
    bench.ask("POST", "/webhook/automation/x", &json!({ "phone": PHONE })).await;
    let told = receiver.events.recv().await.expect("the callback comes");
    assert_eq!((told.outcome, told.phone_last4.as_deref()), (Outcome::Answered(200), Some("0102")));
    let (_, calls) = bench.ask("GET", "/interview/sandbox-agent/responses", &Value::Null).await;
    assert_eq!(calls["data"]["responses"][0]["status"], "NO_ANSWER");
    let endings =
        ["01", "02", "03", "04", "05", "06", "77"].map(|end| calls::ending(Some(&format!("+120255501{end}"))));
    let expected = ["COMPLETED", "NO_ANSWER", "BUSY", "LEFT_VOICEMAIL", "FAILED", "SUPPRESSED", "COMPLETED"];
    assert_eq!(endings, expected);
}

#[tokio::test]
async fn only_this_machine_can_be_listened_at() {
    let clock: SharedClock = Arc::new(SystemClock::new());
    let http = Http::new(Arc::clone(&clock)).expect("a client");
    let around = Surroundings { clock, http, events: Box::new(drop) };
    let listen = "0.0.0.0:0".parse().expect("an address");
    assert!(start(Options { listen, ..Options::default() }, around).await.is_err());
}

#[tokio::test]
async fn a_thousand_connections_that_say_nothing_keep_nobody_from_an_answer() {
    let bench = bench(Options::default()).await;
    let mut silent = Vec::new();
    for _connection in 0..1_100 {
        let mut stream = tokio::net::TcpStream::connect(bench.running.address).await.expect("a connection");
        let _closed_already = stream.write_all(b"POST /contact/create HTTP/1.1\r\nhost: ").await;
        silent.push(stream);
    }
    assert_eq!(bench.contact(PHONE).await.0, 200);
    let mut rest = Vec::new();
    // the oldest was closed to make room; it was told nothing
    let closed = silent[0].read_to_end(&mut rest).await;
    assert!(closed.is_err() || rest.is_empty(), "{rest:?}");
    bench.running.stop().await;
}

#[tokio::test]
async fn more_requests_than_connections_are_all_answered() {
    let slow = Faults { latency: Duration::from_millis(20), ..Faults::default() };
    let bench = bench(Options { faults: slow, ..Options::default() }).await;
    let asked = (0..200).map(|number| {
        let (bench, phone) = (&bench, format!("+1{}55501{:02}", 201 + number / 100, number % 100));
        async move { bench.contact(&phone).await.0 }
    });
    let answers: Vec<u16> = futures_util::future::join_all(asked).await;
    assert_eq!(answers, [200; 200]);
}

#[tokio::test]
async fn a_payload_without_a_number_in_e164_says_why_its_call_fails() {
    const WHY: &str = "no phone number in E.164: reported as failed";
    let mut bench = bench(Options::default()).await;
    for (body, is_said) in [
        (json!({ "phone": "202 555 0102" }), true),
        (json!({ "phone": "" }), true),
        (json!({ "person": { "phones": [PHONE] } }), false),
    ] {
        assert_eq!(bench.ask("POST", "/webhook/automation/hidden", &body).await.0, 200);
        let line = bench.events.recv().await.expect("an event").to_string();
        assert_eq!(line.contains(WHY), is_said, "{body}: {line}");
    }
    assert_eq!(bench.ask("GET", "/contact", &Value::Null).await.0, 200);
    let line = bench.events.recv().await.expect("an event").to_string();
    assert!(!line.contains(WHY), "this places no call: {line}");
}
