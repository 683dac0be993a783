//! shell: a server that says that an answer is unchanged (304) is believed where that is proved, and then the rows are those of
//! the answer before: none is lost, and none is read twice.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tickler::clock::SystemClock;
use tickler::http::Http;
use tickler::schedule::{HttpSpec, Paging, ReadLimits};
use tickler::settings::Secrets;
use tickler::sources::http::{Api, KeptAnswers};
use tickler::sources::{Source as _, SourceError, SourceTools};

use crate::api::spec;
use crate::rows::{Seen, wanted, window, zone};
use crate::server::{Reply, Server, answer};

/// Reads the same source again and again, as a service does.
struct Reader {
    spec: HttpSpec,
    answers: KeptAnswers,
}

impl Reader {
    fn of(spec: HttpSpec) -> Self {
        Self { spec, answers: KeptAnswers::default() }
    }

    async fn read(&self) -> Result<Vec<String>, SourceError> {
        let tools = SourceTools {
            http: Http::new(Arc::new(SystemClock::new())).expect("TLS can be set up"),
            secrets: Secrets::default(),
            runtime: tokio::runtime::Handle::current(),
            answers: self.answers.clone(),
            inbox: None,
        };
        let api = Api::new(self.spec.clone(), wanted(&["id"]), zone(), ReadLimits::default(), tools);
        let reading = tokio::task::spawn_blocking(move || {
            let mut seen = Seen::default();
            api.read(&window(), &mut seen).map(|_| seen.0)
        });
        reading.await.expect("reading doesn't panic")
    }
}

fn tagged(tag: &str, body: &str) -> Reply {
    answer(200, &format!("content-type: application/json\r\netag: {tag}\r\n"), body)
}

fn conditions(server: &Server) -> Vec<bool> {
    server.requests().iter().map(|request| request.contains("\r\nif-none-match:")).collect()
}

#[tokio::test]
async fn an_unchanged_answer_is_not_sent_again_and_its_rows_are_read_from_the_one_before() {
    let reads = AtomicUsize::new(0);
    let server = Server::answering(move |_| match reads.fetch_add(1, Ordering::Relaxed) {
        0 => tagged("\"one\"", r#"{"data":[{"id":1},{"id":2}]}"#),
        1 | 2 => answer(304, "etag: \"one\"\r\n", ""),
        3 => tagged("\"two\"", r#"{"data":[{"id":2},{"id":3}]}"#),
        _ => answer(304, "etag: \"two\"\r\n", ""),
    })
    .await;
    let reader = Reader::of(spec(&server.origin));
    let (before, after) = ([r#"1 {"id":1}"#, r#"2 {"id":2}"#], [r#"1 {"id":2}"#, r#"2 {"id":3}"#]);
    for wanted in [before, before, before, after, after] {
        assert_eq!(reader.read().await.expect("rows"), wanted);
    }
    assert_eq!(conditions(&server), [false, true, true, true, true]);
    assert!(server.requests()[4].contains("if-none-match: \"two\""));
}

#[tokio::test]
async fn a_time_of_change_long_before_the_answer_proves_that_it_is_unchanged() {
    let (changed, sent) = ("Tue, 24 Nov 2026 13:00:00 GMT", "Tue, 24 Nov 2026 14:00:00 GMT");
    let reads = AtomicUsize::new(0);
    let server = Server::answering(move |_| match reads.fetch_add(1, Ordering::Relaxed) {
        0 => {
            let headers = format!("content-type: application/json\r\nlast-modified: {changed}\r\ndate: {sent}\r\n");
            answer(200, &headers, r#"{"data":[{"id":1}]}"#)
        }
        _ => answer(304, &format!("last-modified: {changed}\r\n"), ""),
    })
    .await;
    let reader = Reader::of(spec(&server.origin));
    for _ in 0..2 {
        assert_eq!(reader.read().await.expect("rows"), [r#"1 {"id":1}"#]);
    }
    let condition = format!("if-modified-since: {}", changed.to_lowercase());
    let conditions: Vec<bool> = server.requests().iter().map(|request| request.contains(&condition)).collect();
    assert_eq!(conditions, [false, true]);
    // nothing is kept on a disk: after a restart the whole answer is asked for
    let restarted = Reader::of(spec(&server.origin));
    let error = restarted.read().await.expect_err("nobody asked about an unchanged answer");
    assert!(error.message.contains("304"), "{error}");
    assert!(!server.requests()[2].contains("if-modified-since"));
}

#[tokio::test]
async fn each_page_of_a_read_is_the_kept_one_or_the_new_one() {
    let reads = AtomicUsize::new(0);
    let server = Server::answering(move |target| {
        let page = target.split("page=").nth(1).expect("a page");
        match (page, reads.fetch_add(1, Ordering::Relaxed) / 3) {
            ("1", 0) => tagged("\"p1\"", r#"{"data":[{"id":1}]}"#),
            ("1", _) => answer(304, "", ""),
            ("2", 0) => tagged("\"p2\"", r#"{"data":[{"id":2}]}"#),
            ("2", _) => tagged("\"p2b\"", r#"{"data":[{"id":4}]}"#),
            _ => tagged("\"end\"", r#"{"data":[]}"#),
        }
    })
    .await;
    let paging = Some(Paging::Page { parameter: "page".into(), start: 1, size: 1 });
    let reader = Reader::of(HttpSpec { paging, ..spec(&format!("{}/", server.origin)) });
    assert_eq!(reader.read().await.expect("rows"), [r#"1 {"id":1}"#, r#"2 {"id":2}"#]);
    assert_eq!(reader.read().await.expect("rows"), [r#"1 {"id":1}"#, r#"2 {"id":4}"#]);
}

#[tokio::test]
async fn what_proves_nothing_is_asked_for_as_a_whole() {
    for headers in [
        "etag: W/\"weak\"\r\n",
        "etag: \"one\"\r\ncache-control: no-store\r\n",
        "last-modified: Tue, 24 Nov 2026 13:59:59 GMT\r\ndate: Tue, 24 Nov 2026 14:00:00 GMT\r\n",
    ] {
        let server = Server::answering(move |_| {
            answer(200, &format!("content-type: application/json\r\n{headers}"), r#"{"data":[{"id":1}]}"#)
        })
        .await;
        let reader = Reader::of(spec(&server.origin));
        for _ in 0..2 {
            reader.read().await.expect("rows");
        }
        let has_condition = |request: &String| request.contains("\r\nif-");
        assert!(!server.requests().iter().any(has_condition), "{headers}");
    }
}

#[tokio::test]
async fn an_unchanged_answer_nobody_asked_about_fails_the_read() {
    let server = Server::answering(|_| answer(304, "etag: \"one\"\r\n", "")).await;
    let error = Reader::of(spec(&server.origin)).read().await.expect_err("there are no rows");
    assert!(error.message.contains("304"), "{error}");
}

#[tokio::test]
async fn a_304_about_another_version_is_no_proof_and_a_failed_read_forgets_what_was_kept() {
    let reads = AtomicUsize::new(0);
    let server = Server::answering(move |_| match reads.fetch_add(1, Ordering::Relaxed) {
        0 => tagged("\"one\"", r#"{"data":[{"id":1}]}"#),
        1 => answer(304, "etag: \"two\"\r\n", ""),
        2 => tagged("\"two\"", r#"{"data":[{"id":2}]}"#),
        3 => answer(403, "", ""),
        _ => tagged("\"two\"", r#"{"data":[{"id":3}]}"#),
    })
    .await;
    let reader = Reader::of(spec(&server.origin));
    assert_eq!(reader.read().await.expect("rows"), [r#"1 {"id":1}"#]);
    assert_eq!(reader.read().await.expect("rows"), [r#"1 {"id":2}"#]);
    reader.read().await.expect_err("forbidden");
    assert_eq!(reader.read().await.expect("rows"), [r#"1 {"id":3}"#]);
    assert_eq!(conditions(&server), [false, true, false, true, false]);
}

#[tokio::test]
async fn a_large_numbered_page_is_used_while_the_next_one_is_fetched_and_the_list_is_whole() {
    let padding = "x".repeat(40_000);
    let server = Server::answering(move |target| {
        let page: u32 = target.split("page=").nth(1).and_then(|page| page.parse().ok()).expect("a page");
        match page {
            1..=4 => crate::server::json(&format!(r#"{{"data":[{{"id":{page},"x":"{padding}"}}]}}"#)),
            5 => crate::server::json(&format!(r#"{{"data":[],"x":"{padding}"}}"#)),
            _ => answer(500, "", ""),
        }
    })
    .await;
    let paging = Some(Paging::Page { parameter: "page".into(), start: 1, size: 1 });
    let reader = Reader::of(HttpSpec { paging, ..spec(&format!("{}/", server.origin)) });
    let rows = reader.read().await.expect("rows");
    let ids: Vec<&str> = rows.iter().filter_map(|row| row.split(['{', ',']).nth(1)).collect();
    assert_eq!(ids, [r#""id":1"#, r#""id":2"#, r#""id":3"#, r#""id":4"#]);
}
