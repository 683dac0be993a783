//! A client that posts: as fast as it is answered, or at a pace of its own.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Over how many connections is posted.
pub const CONNECTIONS: usize = 64;

/// A request with that secret, as it is written to the socket.
pub fn request(path: &str, secret: &str, body: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nhost: here\r\nx-tickler-secret: {secret}\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Until each of them was answered with 2xx, as fast as they are answered.
pub fn time_of_posts(address: SocketAddr, requests: Vec<String>) -> Duration {
    let begun = Instant::now();
    post(address, Posts { requests, next: AtomicUsize::new(0), pace: None, stop: Arc::default() });
    begun.elapsed()
}

/// Posts so many a second, whether or not the earlier ones were answered, until all were posted or `stop` is set. Returns how long
/// each answer took, counted from the moment at which its post was due, shortest first.
pub fn paced(address: SocketAddr, requests: Vec<String>, a_second: u32, stop: Arc<AtomicBool>) -> Vec<Duration> {
    let pace = Some((Instant::now(), Duration::from_secs(1) / a_second));
    let mut waits = post(address, Posts { requests, next: AtomicUsize::new(0), pace, stop });
    waits.sort_unstable();
    waits
}

struct Posts {
    requests: Vec<String>,
    next: AtomicUsize,
    pace: Option<(Instant, Duration)>,
    stop: Arc<AtomicBool>,
}

fn post(address: SocketAddr, posts: Posts) -> Vec<Duration> {
    let posts = Arc::new(posts);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let clients: Vec<_> = (0..CONNECTIONS).map(|_| tokio::spawn(post_all(address, Arc::clone(&posts)))).collect();
        let mut waits = Vec::new();
        for client in clients {
            waits.extend(client.await.expect("a client"));
        }
        waits
    })
}

async fn post_all(address: SocketAddr, posts: Arc<Posts>) -> Vec<Duration> {
    let mut stream = connected(address).await;
    let mut waits = Vec::new();
    while !posts.stop.load(Ordering::Relaxed) {
        let number = posts.next.fetch_add(1, Ordering::Relaxed);
        let Some(request) = posts.requests.get(number) else { break };
        let mut due = Instant::now();
        if let Some((begun, every)) = posts.pace {
            due = begun + every * u32::try_from(number).expect("few posts");
            tokio::time::sleep_until(due.into()).await;
        }
        post_one(&mut stream, request).await;
        waits.push(due.elapsed());
    }
    waits
}

/// A connection.
pub async fn connected(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).await.expect("a connection");
    stream.set_nodelay(true).expect("a socket");
    stream
}

/// Posts one request and reads its answer, which is 2xx.
pub async fn post_one(stream: &mut TcpStream, request: &str) {
    stream.write_all(request.as_bytes()).await.expect("it is sent");
    let mut answer = Vec::with_capacity(1024);
    loop {
        assert!(stream.read_buf(&mut answer).await.expect("an answer") > 0, "the server closed the connection");
        let text = String::from_utf8_lossy(&answer);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let head = head.to_ascii_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        if body.len() >= length.expect("a length").parse().expect("a number") {
            assert!(head.starts_with("http/1.1 20"), "{text}");
            return;
        }
    }
}

/// The time that so many of a hundred don't exceed, in milliseconds; `waits` are sorted.
pub fn of_hundred(waits: &[Duration], hundredth: usize) -> f64 {
    waits[(waits.len() * hundredth / 100).min(waits.len() - 1)].as_secs_f64() * 1e3
}
