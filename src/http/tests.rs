//! shell: what the HTTP client refuses, and how it tells failures apart, against real loopback sockets.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use reqwest::Method;
use reqwest::dns::Resolve as _;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use url::Url;

use super::client::GuardedResolver;
use super::{BodyEnd, Http, HttpRequest, HttpResponse, Outbound, Sent, check_host, is_loopback};
use crate::clock::SystemClock;

fn url(text: &str) -> Url {
    text.parse().expect("a valid URL")
}

fn http() -> Http {
    Http::new(Arc::new(SystemClock::new())).expect("TLS can be set up")
}

fn post(url: Url) -> HttpRequest {
    HttpRequest {
        method: Method::POST,
        url,
        headers: vec![("x-api-token".into(), "s3cret-canary".to_owned().into())],
        body: Bytes::from_static(b"{}"),
        timeout: Duration::from_millis(400),
        max_bytes: 65_536,
    }
}

fn get(url: Url, max_bytes: usize) -> HttpRequest {
    HttpRequest { method: Method::GET, body: Bytes::new(), max_bytes, ..post(url) }
}

/// Reads a request's head and, by its `content-length`, its body.
async fn read_request(stream: &mut TcpStream) -> String {
    let mut text = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let count = stream.read(&mut buffer).await.expect("the client writes");
        text.extend_from_slice(&buffer[..count]);
        let seen = String::from_utf8_lossy(&text).into_owned();
        let wanted = seen
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "))
            .map_or(0, |length| length.parse().expect("a number"));
        if count == 0 || seen.split_once("\r\n\r\n").is_some_and(|(_, body)| body.len() >= wanted) {
            return seen;
        }
    }
}

/// A receiver that reads one request, writes these bytes and closes.
async fn answering(answer: Vec<u8>) -> (Url, tokio::task::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = url(&format!("http://{}/a-secret-path", listener.local_addr().expect("bound")));
    let task = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a client");
        let request = read_request(&mut stream).await;
        stream.write_all(&answer).await.expect("the client reads");
        request
    });
    (address, task)
}

async fn answer_to(ask: HttpRequest) -> HttpResponse {
    match http().send(ask).await {
        Sent::Answered(answer) => answer,
        other => panic!("an answer was written: {other:?}"),
    }
}

#[track_caller]
fn assert_not_sent(exchange: &Sent, wanted: &str) {
    match exchange {
        Sent::NotSent { class, detail } => {
            assert_eq!(*class, wanted, "{detail}");
            assert!(!detail.contains("secret") && !detail.contains("127.0.0.1"), "{detail}");
        }
        other => panic!("nothing can have been sent: {other:?}"),
    }
}

#[track_caller]
fn assert_unknown(exchange: &Sent, wanted: &str) {
    match exchange {
        Sent::Unknown { class, detail, .. } => {
            assert_eq!(*class, wanted, "{detail}");
            assert!(!detail.contains("secret") && !detail.contains("127.0.0.1"), "{detail}");
        }
        other => panic!("the fate is unknown: {other:?}"),
    }
}

#[test]
fn metadata_and_link_local_hosts_are_refused_in_every_spelling() {
    for host in [
        "169.254.169.254",
        "169.254.169.254.",
        "0xa9fea9fe",
        "2852039166",
        "0251.0376.0251.0376",
        "169.254.43518",
        "0xa9.0xfe.1",
        "[::ffff:169.254.169.254]",
        "[::ffff:a9fe:a9fe]",
        "[::169.254.169.254]",
        "[64:ff9b::a9fe:a9fe]",
        "[2002:a9fe:a9fe::1]",
        "[fe80::1]",
        "[febf::1]",
        "[fd00:ec2::254]",
        "[fd00:0ec2:0:0::254]",
        "100.100.100.200",
        "[::ffff:100.100.100.200]",
        "metadata.google.internal",
        "METADATA.google.internal.",
        "metadata",
    ] {
        assert!(check_host(&url(&format!("http://{host}/x"))).is_err(), "{host}");
    }
}

#[test]
fn loopback_private_and_public_hosts_may_be_asked() {
    for host in ["127.0.0.1", "0x7f.1", "2130706433", "[::1]", "10.0.0.5", "192.168.1.1", "172.16.0.1", "[fd12::1]"] {
        assert_eq!(check_host(&url(&format!("http://{host}/"))), Ok(()), "{host}");
    }
    for host in ["example.com", "api.thoughtly.com", "100.100.100.201", "8.8.8.8"] {
        assert_eq!(check_host(&url(&format!("https://{host}/"))), Ok(()), "{host}");
    }
}

#[test]
fn only_loopback_literals_and_localhost_mean_this_machine() {
    for host in
        ["127.0.0.1", "127.9.9.9", "0x7f.1", "2130706433", "[::1]", "[::ffff:127.0.0.1]", "localhost", "LOCALHOST."]
    {
        assert!(is_loopback(&url(&format!("http://{host}/"))), "{host}");
    }
    for host in ["localhost.example.com", "notlocalhost", "10.0.0.1", "0.0.0.0", "[::]", "127.0.0.1.example.com"] {
        assert!(!is_loopback(&url(&format!("http://{host}/"))), "{host}");
    }
}

#[tokio::test]
async fn what_a_name_resolves_to_is_judged_as_well() {
    let resolved = async |name: &str| GuardedResolver.resolve(name.parse().expect("a name")).await;
    let refused = resolved("169.254.169.254").await.err().expect("link-local");
    assert!(refused.downcast_ref::<super::RefusedAddress>().is_some(), "{refused}");
    assert!(resolved("Metadata.Google.Internal").await.is_err());
    let local: Vec<_> = resolved("localhost").await.expect("this machine").collect();
    assert!(!local.is_empty() && local.iter().all(|address| address.ip().is_loopback()), "{local:?}");
}

#[tokio::test]
async fn a_refused_connection_a_refused_address_and_an_unknown_name_send_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    drop(listener);
    let http = http();
    assert_not_sent(&http.send(post(url(&format!("http://127.0.0.1:{port}/secret")))).await, "connect");
    assert_not_sent(&http.send(post(url("http://169.254.169.254/secret"))).await, "refused_address");
    assert_not_sent(&http.send(post(url("http://secret.invalid/"))).await, "dns");
    let ask = HttpRequest {
        headers: vec![("x".into(), "s3cret\ncanary".to_owned().into())],
        ..post(url("http://127.0.0.1:9/"))
    };
    assert_not_sent(&http.send(ask).await, "invalid_request");
}

#[tokio::test]
async fn a_server_that_never_finishes_tls_was_sent_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = url(&format!("https://{}/secret", listener.local_addr().expect("bound")));
    // nobody accepts: the kernel does, and the handshake is never answered
    assert_not_sent(&http().send(post(address)).await, "connect_timeout");
}

#[tokio::test]
async fn a_server_that_speaks_no_tls_was_sent_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = url(&format!("https://{}/secret", listener.local_addr().expect("bound")));
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a client");
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.expect("the client reads");
        let mut rest = Vec::new();
        let _closed = stream.read_to_end(&mut rest).await;
    });
    assert_not_sent(&http().send(post(address)).await, "tls");
    server.await.expect("the server ends");
}

#[tokio::test]
async fn a_server_that_hangs_after_accepting_leaves_the_fate_unknown() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = url(&format!("http://{}/secret", listener.local_addr().expect("bound")));
    assert_unknown(&http().send(post(address)).await, "timeout");
}

#[tokio::test]
async fn a_connection_closed_or_reset_before_an_answer_leaves_the_fate_unknown() {
    let (address, _server) = answering(Vec::new()).await;
    assert_unknown(&http().send(post(address)).await, "reset");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = url(&format!("http://{}/secret", listener.local_addr().expect("bound")));
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a client");
        let mut one = [0];
        let _read = stream.read(&mut one).await; // closing with unread bytes resets
    });
    assert_unknown(&http().send(post(address)).await, "reset");
    server.await.expect("the server ends");
}

#[tokio::test]
async fn what_is_no_http_leaves_the_fate_unknown() {
    let (address, _server) = answering(b"SSH-2.0-something\r\n\r\n".to_vec()).await;
    assert_unknown(&http().send(post(address)).await, "protocol");
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    let (elsewhere, other) = answering(b"HTTP/1.1 200 OK\r\n\r\n".to_vec()).await;
    let text = format!("HTTP/1.1 307 Temporary Redirect\r\nlocation: {elsewhere}\r\ncontent-length: 0\r\n\r\n");
    let (address, server) = answering(text.into_bytes()).await;
    let answer = answer_to(post(address)).await;
    assert_eq!((answer.status, answer.header("location")), (307, Some(elsewhere.as_str())));
    let request = server.await.expect("one request").to_lowercase();
    assert!(request.contains("accept-encoding: identity") && request.contains("content-length: 2"), "{request}");
    assert!(!other.is_finished(), "nobody asked the other host");
    other.abort();
}

#[tokio::test]
async fn a_body_is_read_up_to_the_limit_and_its_end_is_told() {
    let (address, _server) = answering(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello".to_vec()).await;
    let answer = answer_to(get(address, 5)).await;
    assert_eq!((&answer.body[..], answer.end), (&b"hello"[..], BodyEnd::Whole));
    let (address, _server) = answering(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello".to_vec()).await;
    let answer = answer_to(get(address, 4)).await;
    assert_eq!((&answer.body[..], answer.end), (&b"hell"[..], BodyEnd::TooLong));
    let (address, _server) = answering(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhello".to_vec()).await;
    let answer = answer_to(get(address, 99)).await;
    assert_eq!((&answer.body[..], answer.end), (&b"hello"[..], BodyEnd::Cut));
}

#[tokio::test]
async fn a_body_that_drips_for_ever_is_cut_by_the_time_out() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = url(&format!("http://{}/", listener.local_addr().expect("bound")));
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a client");
        read_request(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 999\r\n\r\nx").await.expect("the client reads");
        stream // held open
    });
    let answer = answer_to(post(address)).await;
    assert_eq!((answer.status, answer.end), (200, BodyEnd::Cut));
    drop(server.await);
}

#[tokio::test]
async fn what_is_refused_once_it_is_connected_sends_not_one_byte() {
    // by a connection of its own, then by one that is kept open
    for is_kept in [false, true] {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = url(&format!("http://{}/", listener.local_addr().expect("bound")));
        let receiver = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.expect("a client");
            if is_kept {
                read_request(&mut stream).await;
                stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.expect("the client reads");
            }
            let mut rest = Vec::new();
            stream.read_to_end(&mut rest).await.expect("the client closes");
            rest
        });
        let http = http();
        if is_kept {
            assert!(matches!(http.send(post(address.clone())).await, Sent::Answered(_)));
        }
        let asked = Arc::new(std::sync::atomic::AtomicU32::new(0));
        let counts = Arc::clone(&asked);
        let check = Arc::new(move || {
            counts.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            Err("a pause came".to_owned())
        });
        assert_not_sent(&http.send_checked(post(address), check).await, "unsent");
        // a check before it connects would say nothing of what comes until its first byte
        assert_eq!(asked.load(std::sync::atomic::Ordering::Relaxed), 1);
        drop(http);
        assert_eq!(receiver.await.expect("no panic"), b"", "kept open: {is_kept}");
    }
}

#[tokio::test]
async fn a_proxy_is_asked_for_every_host_but_this_machine_and_metadata_stays_refused() {
    let (proxy, asked) = answering(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_vec()).await;
    let proxy = format!("http://{}", proxy.authority());
    let outbound = Outbound { proxy: Some(proxy.into()), ca_pem: None };
    let http = Http::through(Arc::new(SystemClock::new()), outbound).expect("a client");
    let (direct, received) = answering(b"HTTP/1.1 204 No Content\r\n\r\n".to_vec()).await;
    assert!(matches!(http.send(post(direct)).await, Sent::Answered(HttpResponse { status: 204, .. })));
    assert!(received.await.expect("no panic").starts_with("POST /a-secret-path HTTP/1.1"));
    assert_not_sent(&http.send(post(url("http://169.254.169.254/"))).await, "refused_address");
    assert_eq!(http.judge_name(&url("http://clinic.invalid/in")).await, Ok(()), "the proxy resolves it");
    assert!(matches!(http.send(post(url("http://clinic.invalid/in"))).await, Sent::Answered(_)));
    assert!(asked.await.expect("no panic").starts_with("POST http://clinic.invalid/in HTTP/1.1"));
}

#[tokio::test]
async fn a_proxy_or_a_certificate_that_is_none_is_refused_without_being_shown() {
    let clock = || Arc::new(SystemClock::new());
    for outbound in [
        Outbound { proxy: Some("http://user:hidden@".to_owned().into()), ca_pem: None },
        Outbound {
            proxy: None,
            ca_pem: Some(b"-----BEGIN CERTIFICATE-----\nhidden\n-----END CERTIFICATE-----\n".to_vec()),
        },
    ] {
        let refused = Http::through(clock(), outbound).expect_err("it is refused");
        assert!(refused.contains("network.") && !refused.contains("hidden"), "{refused}");
    }
}

#[tokio::test]
async fn a_name_is_judged_by_what_it_leads_to() {
    for (address, is_good) in [
        ("http://localhost/", true),
        ("http://127.0.0.1/", true),
        ("http://nowhere.invalid/", false),
        ("http://metadata.google.internal/", false),
        ("http://169.254.169.254/", false),
    ] {
        assert_eq!(http().judge_name(&url(address)).await.is_ok(), is_good, "{address}");
    }
}
