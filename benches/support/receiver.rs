//! A target that answers every POST at once.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// How many requests were answered.
pub static ANSWERED: AtomicU32 = AtomicU32::new(0);

/// How many of them are calls that somebody asked for: their payloads have a `lead_id`.
pub static ANSWERED_LEADS: AtomicU32 = AtomicU32::new(0);

/// Answers every POST at once; a thread of its own with its own runtime.
pub fn start_receiver() -> SocketAddr {
    let (told, address) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
            told.send(listener.local_addr().expect("an address")).expect("somebody waits for it");
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer_all(stream));
            }
        });
    });
    address.recv().expect("the receiver starts")
}

async fn answer_all(mut stream: TcpStream) {
    const LEAD: &[u8] = b"\"lead_id\"";
    const ANSWER: &[u8] =
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 24\r\n\r\n{\"error\":null,\"data\":{}}";
    let _slower = stream.set_nodelay(true);
    let mut buffer = Vec::with_capacity(4096);
    loop {
        while let Some(length) = request_length(&buffer) {
            let is_lead = buffer[..length].windows(LEAD.len()).any(|window| window == LEAD);
            buffer.drain(..length);
            ANSWERED_LEADS.fetch_add(u32::from(is_lead), Ordering::Relaxed);
            ANSWERED.fetch_add(1, Ordering::Relaxed);
            if stream.write_all(ANSWER).await.is_err() {
                return;
            }
        }
        if !matches!(stream.read_buf(&mut buffer).await, Ok(1..)) {
            return;
        }
    }
}

/// The length of the first whole request in the buffer, if there is one.
fn request_length(buffer: &[u8]) -> Option<usize> {
    let head = buffer.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(&buffer[..head]).ok()?.to_ascii_lowercase();
    let length = text.lines().find_map(|line| line.strip_prefix("content-length:"))?.trim().parse::<usize>().ok()?;
    (buffer.len() >= head + length).then_some(head + length)
}
