//! shell: HTTP APIs as sources: pages, redirects, and what goes wrong with them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use jiff::SignedDuration;
use tickler::clock::SystemClock;
use tickler::formats::Wanted;
use tickler::http::Http;
use tickler::schedule::{CsvDialect, FormatSpec, HttpSpec, JsonShape, Paging, ReadLimits, ReadMethod};
use tickler::settings::{Secrets, TextOrSecret};
use tickler::sources::http::Api;
use tickler::sources::{ReadReport, RepeatRead, Source as _, SourceError, SourceTools};

use crate::rows::{Seen, wanted, window, zone};
use crate::server::{Reply, Server, Then, answer, json};

pub fn spec(url: &str) -> HttpSpec {
    HttpSpec {
        url: TextOrSecret::Text(url.to_owned()),
        format: FormatSpec::Json(JsonShape { items: "/data".into(), ..JsonShape::default() }),
        method: ReadMethod::Get,
        body: None,
        headers: vec![("x-key".into(), TextOrSecret::Text("canary-key".into()))],
        timeout: SignedDuration::from_millis(600),
        max_bytes: 100_000,
        auth: None,
        paging: None,
        joins: Vec::new(),
        allow_redirect_to: Vec::new(),
    }
}

pub async fn read(spec: HttpSpec) -> Result<Vec<String>, SourceError> {
    read_reported(spec).await.map(|(rows, _)| rows)
}

async fn read_reported(spec: HttpSpec) -> Result<(Vec<String>, ReadReport), SourceError> {
    let tools = SourceTools {
        http: Http::new(Arc::new(SystemClock::new())).expect("TLS can be set up"),
        secrets: Secrets::default(),
        runtime: tokio::runtime::Handle::current(),
        answers: tickler::sources::http::KeptAnswers::default(),
        inbox: None,
    };
    let api = Api::new(spec, wanted(&["id"]), zone(), ReadLimits::default(), tools);
    let reading = tokio::task::spawn_blocking(move || {
        let mut seen = Seen::default();
        api.read(&window(), &mut seen).map(|report| (seen.0, report))
    });
    reading.await.expect("reading doesn't panic")
}

async fn fails(spec: HttpSpec, again: RepeatRead, words: &str) {
    let error = read(spec).await.expect_err(words);
    assert_eq!(error.again, again, "{error}");
    assert!(error.message.contains(words), "{error}");
    for leak in ["127.0.0.1", "canary", "http:"] {
        assert!(!error.message.contains(leak), "{error}");
    }
}

#[tokio::test]
async fn one_answer_is_read_with_the_window_and_the_headers_asked_for() {
    let server = Server::answering(|_| json(r#"{"error":null,"data":[{"id":1,"phone":15550100143},7]}"#)).await;
    let url = format!(
        "{}/v1?a={{{{ from }}}}&b={{{{ until | utc }}}}&d={{{{ day }}}}",
        server.origin.replace("//", "//me:pa%2Fss@")
    );
    assert_eq!(
        read(spec(&url)).await.expect("rows"),
        [r#"1 {"id":1,"phone":15550100143}"#, "2! it is not a JSON object"]
    );
    let request = &server.requests()[0];
    assert!(
        request.starts_with("get /v1?a=2026-11-25t00%3a00%3a00-05%3a00&b=2026-11-26t05%3a00%3a00z&d=2026-11-24 "),
        "{request}"
    );
    for header in
        ["x-key: canary-key", "accept: application/json", "accept-encoding: zstd,gzip", "authorization: basic "]
    {
        assert!(request.contains(header), "{header} in {request}");
    }
}

#[tokio::test]
async fn numbered_pages_are_read_until_a_short_one() {
    let server = Server::answering(|target| match target {
        "/?q=1&page=0" => json(r#"{"data":[{"id":1},{"id":2}]}"#),
        "/?q=1&page=1" => json(r#"{"data":[{"id":3},{"id":4}]}"#),
        "/?q=1&page=2" => json(r#"{"data":[{"id":5}]}"#),
        _ => answer(404, "", ""),
    })
    .await;
    let paging = Some(Paging::Page { parameter: "page".into(), start: 0, size: 2 });
    let rows = read(HttpSpec { paging, ..spec(&format!("{}/?q=1", server.origin)) }).await.expect("rows");
    assert_eq!((rows.len(), rows[4].as_str()), (5, r#"5 {"id":5}"#));
}

#[tokio::test]
async fn cursors_are_followed_until_there_is_none() {
    let server = Server::answering(|target| match target {
        "/" => json(r#"{"data":[{"id":1}],"paging":{"next":"a=&b"}}"#),
        "/?cursor=a%3D%26b" => json(r#"{"paging":{"next":7},"data":[{"id":2}]}"#),
        "/?cursor=7" => json(r#"{"data":[{"id":3}],"paging":{"next":null}}"#),
        _ => answer(404, "", ""),
    })
    .await;
    let paging = Some(Paging::Cursor { parameter: "cursor".into(), at: "/paging/next".into() });
    let rows = read(HttpSpec { paging, ..spec(&format!("{}/", server.origin)) }).await.expect("rows");
    assert_eq!(rows.len(), 3);
}

#[tokio::test]
async fn next_links_are_followed_on_the_same_origin_alone() {
    let other = Server::answering(|_| json(r#"{"data":[]}"#)).await;
    let elsewhere = other.origin.clone();
    let server = Server::answering(move |target| match target {
        "/list" => json(r#"{"data":[{"id":1}],"next":"list?p=2"}"#),
        "/list?p=2" => json(r#"{"data":[{"id":2}],"next":""}"#),
        _ => json(&format!(r#"{{"data":[],"next":"{elsewhere}/list"}}"#)),
    })
    .await;
    let paging = || Some(Paging::Next { at: "/next".into() });
    let rows = read(HttpSpec { paging: paging(), ..spec(&format!("{}/list", server.origin)) }).await.expect("rows");
    assert_eq!(rows.len(), 2);
    let bad = HttpSpec { paging: paging(), ..spec(&format!("{}/bad", server.origin)) };
    fails(bad, RepeatRead::Never, "another scheme, host or port").await;
    assert_eq!(other.requests(), Vec::<String>::new());
}

#[tokio::test]
async fn link_headers_are_followed() {
    let server = Server::answering(|target| match target {
        "/" => answer(200, "content-type: text/csv\r\nlink: </?p=2>; rel=\"next\"\r\n", "id;x\n1;a\n"),
        _ => answer(200, "content-type: text/csv\r\nlink: </>; rel=\"first\"\r\n", "id;x\n2;b\n"),
    })
    .await;
    let csv = HttpSpec {
        paging: Some(Paging::LinkHeader),
        format: FormatSpec::Csv(CsvDialect::default()),
        ..spec(&format!("{}/", server.origin))
    };
    assert_eq!(read(csv).await.expect("rows"), [r#"2 {"x":"a","id":"1"}"#, r#"3 {"x":"b","id":"2"}"#]);
}

#[tokio::test]
async fn a_page_that_fails_fails_the_read() {
    let server = Server::answering(|target| match target.split_once("page=").expect("a page").1 {
        "3" => answer(500, "", "oops"),
        _ => json(
            r#"{"data":[{"id":1}],"more":true}"#.replace('1', target.split('=').next_back().expect("a page")).as_str(),
        ),
    })
    .await;
    let paging = Some(Paging::Page { parameter: "page".into(), start: 1, size: 1 });
    fails(HttpSpec { paging, ..spec(&server.origin) }, RepeatRead::Soon, "page 3 with 500").await;
    assert_eq!(server.requests().len(), 3);
}

#[tokio::test]
async fn a_loop_of_pages_is_an_error() {
    let server = Server::answering(|_| json(r#"{"data":[{"id":1}],"next":"/?cursor=a","cursor":"a"}"#)).await;
    for (paging, words) in [
        (Paging::Next { at: "/next".into() }, "loop"),
        (Paging::Cursor { parameter: "cursor".into(), at: "/cursor".into() }, "loop"),
        (Paging::Page { parameter: "page".into(), start: 1, size: 1 }, "ignores `page`"),
        (Paging::Offset { parameter: "skip".into(), size: 1 }, "ignores `skip`"),
    ] {
        fails(HttpSpec { paging: Some(paging), ..spec(&server.origin) }, RepeatRead::Never, words).await;
    }
}

#[tokio::test]
async fn an_error_with_200_a_login_page_and_a_foreign_type_are_no_rows() {
    let server = Server::answering(|target| match target {
        "/error" => json(r#"{"error":{"code":"expired"}}"#),
        "/both" => json(r#"{"error":"half of it failed","data":[{"id":1}]}"#),
        "/login" => answer(200, "content-type: text/html; charset=utf-8\r\n", "<html>Sign in</html>"),
        "/plain" => answer(200, "content-type: text/plain\r\n", "<html>Sign in</html>"),
        "/part" => answer(206, "content-type: application/json\r\n", r#"{"data":[]}"#),
        "/short" => json(r#"{"data":[{"id":1},{"id""#),
        _ => answer(200, "content-type: image/png\r\n", "x"),
    })
    .await;
    let at = |path: &str| spec(&format!("{}{path}", server.origin));
    fails(at("/error"), RepeatRead::Never, "nothing at `/data`").await;
    fails(at("/both"), RepeatRead::Never, "`error` next to its rows").await;
    fails(at("/login"), RepeatRead::Never, "login page").await;
    fails(at("/plain"), RepeatRead::Never, "HTML page").await;
    fails(at("/part"), RepeatRead::Never, "206").await;
    fails(at("/png"), RepeatRead::Never, "image/png").await;
    fails(at("/short"), RepeatRead::Soon, "ends too early").await;
}

#[tokio::test]
async fn statuses_that_may_pass_are_asked_again_and_others_are_not() {
    let server = Server::answering(|target| answer(target[1..].parse().expect("a status"), "", "")).await;
    for status in [408, 429, 500, 502, 503, 504] {
        fails(spec(&format!("{}/{status}", server.origin)), RepeatRead::Soon, &status.to_string()).await;
    }
    for status in [302, 400, 401, 403, 404, 410, 422] {
        fails(spec(&format!("{}/{status}", server.origin)), RepeatRead::Never, &status.to_string()).await;
    }
}

#[tokio::test]
async fn what_breaks_off_hangs_or_refuses_may_pass() {
    let server = Server::answering(|target| match target {
        "/reset" => Reply { bytes: Vec::new(), then: Then::Close },
        "/hang" => Reply { bytes: Vec::new(), then: Then::Hang },
        "/drip" => Reply { bytes: b"HTTP/1.1 200 X\r\ncontent-length: 99\r\n\r\n{".to_vec(), then: Then::Hang },
        _ => Reply { bytes: b"HTTP/1.1 200 X\r\ncontent-length: 99\r\n\r\n[]".to_vec(), then: Then::Close },
    })
    .await;
    fails(spec(&format!("{}/reset", server.origin)), RepeatRead::Soon, "closed").await;
    fails(spec(&format!("{}/hang", server.origin)), RepeatRead::Soon, "time-out").await;
    fails(spec(&format!("{}/drip", server.origin)), RepeatRead::Soon, "ended early").await;
    fails(spec(&format!("{}/cut", server.origin)), RepeatRead::Soon, "ended early").await;
    fails(spec("http://no-such-name.invalid/canary"), RepeatRead::Soon, "resolved").await;
    fails(spec("http://169.254.169.254/canary"), RepeatRead::Never, "link-local").await;
    fails(spec("http://[::ffff:169.254.169.254]/canary"), RepeatRead::Never, "link-local").await;
}

#[tokio::test]
async fn redirects_are_followed_on_the_same_origin_three_times_at_most() {
    let other = Server::answering(|_| json(r#"{"data":[]}"#)).await;
    let elsewhere = format!("location: {}/\r\n", other.origin);
    let server = Server::answering(move |target| match target {
        "/1" => answer(301, "location: /2\r\n", ""),
        "/2" => answer(307, "location: 3\r\n", ""),
        "/3" => answer(303, "location: ./ok\r\n", ""),
        "/0" => answer(302, "location: /1\r\n", ""),
        "/away" => answer(302, &elsewhere, ""),
        _ => json(r#"{"data":[{"id":1}]}"#),
    })
    .await;
    assert_eq!(read(spec(&format!("{}/1", server.origin))).await.expect("rows").len(), 1);
    assert!(server.requests().iter().all(|request| request.contains("x-key: canary-key")));
    fails(spec(&format!("{}/0", server.origin)), RepeatRead::Never, "more than 3 times").await;
    fails(spec(&format!("{}/away", server.origin)), RepeatRead::Never, "isn't followed").await;
    assert_eq!(other.requests(), Vec::<String>::new());
}

/// Four mebibytes of blanks, four kibibytes when compressed.
const BOMB: &[u8] = include_bytes!("blanks.gz");
/// The same in a hundred and fifty bytes.
const SMALL_BOMB: &[u8] = include_bytes!("blanks.zst");
/// One row.
const ROWS: &[u8] = include_bytes!("rows.zst");

#[tokio::test]
async fn decoded_bytes_are_counted() {
    let server = Server::answering(|target| match target {
        "/long" => json(&format!(r#"{{"data":[{}]}}"#, " ".repeat(100_000))),
        "/garbled" => answer(200, "content-encoding: gzip\r\n", "this is not gzip"),
        "/zstd" => answer(200, "content-encoding: zstd\r\n", ROWS),
        "/zstd-bomb" => answer(200, "content-encoding: zstd\r\n", SMALL_BOMB),
        _ => answer(200, "content-encoding: gzip\r\n", BOMB),
    })
    .await;
    assert!(BOMB.len() < 100_000);
    assert_eq!(read(spec(&format!("{}/zstd", server.origin))).await.expect("rows").len(), 1);
    fails(spec(&format!("{}/zstd-bomb", server.origin)), RepeatRead::Never, "max_bytes").await;
    fails(spec(&format!("{}/long", server.origin)), RepeatRead::Never, "max_bytes").await;
    fails(spec(&format!("{}/bomb", server.origin)), RepeatRead::Never, "max_bytes").await;
    fails(spec(&format!("{}/garbled", server.origin)), RepeatRead::Soon, "ended early").await;
    let large = HttpSpec { max_bytes: 5 << 20, ..spec(&format!("{}/bomb", server.origin)) };
    fails(large, RepeatRead::Never, "empty").await;
}

#[tokio::test]
async fn the_fingerprint_tells_one_answer_from_another() {
    let count = Arc::new(AtomicU32::new(0));
    let server = Server::answering(move |_| {
        let id = count.fetch_add(1, Ordering::Relaxed) / 2;
        json(&format!(r#"{{"data":[{{"id":{id}}}]}}"#))
    })
    .await;
    let mut prints = Vec::new();
    for _ in 0..3 {
        let tools = SourceTools {
            http: Http::new(Arc::new(SystemClock::new())).expect("TLS can be set up"),
            secrets: Secrets::default(),
            runtime: tokio::runtime::Handle::current(),
            answers: tickler::sources::http::KeptAnswers::default(),
            inbox: None,
        };
        let api = Api::new(spec(&server.origin), wanted(&[]), zone(), ReadLimits::default(), tools);
        let read = tokio::task::spawn_blocking(move || api.read(&window(), &mut Seen::default()));
        prints.push(read.await.expect("reading doesn't panic").expect("rows").fingerprint);
    }
    assert!(prints[0] == prints[1] && prints[1] != prints[2], "{prints:?}");
}

#[tokio::test]
async fn a_last_line_is_doubted_only_where_nothing_tells_that_the_text_is_whole() {
    let table = "id,phone\r\n1,+1202555014";
    let server = Server::answering(move |target| match target {
        "/whole" => answer(200, "content-type: text/csv\r\n", table),
        _ => {
            let head = "HTTP/1.1 200 X\r\nconnection: close\r\ncontent-type: text/csv\r\n\r\n";
            Reply { bytes: format!("{head}{table}").into_bytes(), then: Then::Close }
        }
    })
    .await;
    for (path, words) in [("/whole", r#"2 {"#), ("/open", "2! the last line ends inside `phone`")] {
        let csv =
            HttpSpec { format: FormatSpec::Csv(CsvDialect::default()), ..spec(&format!("{}{path}", server.origin)) };
        let tools = SourceTools {
            http: Http::new(Arc::new(SystemClock::new())).expect("TLS can be set up"),
            secrets: Secrets::default(),
            runtime: tokio::runtime::Handle::current(),
            answers: tickler::sources::http::KeptAnswers::default(),
            inbox: None,
        };
        let wanted = Wanted { cut_matters: vec!["phone".to_owned()], ..wanted(&["id", "phone"]) };
        let api = Api::new(csv, wanted, zone(), ReadLimits::default(), tools);
        let reading = tokio::task::spawn_blocking(move || {
            let mut seen = Seen::default();
            api.read(&window(), &mut seen).map(|_| seen.0)
        });
        let rows = reading.await.expect("reading doesn't panic").expect("rows");
        assert!(rows[0].starts_with(words), "{path}: {rows:?}");
    }
}
