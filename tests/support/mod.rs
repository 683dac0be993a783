//! A raw TCP receiver for faults that no HTTP server commits on purpose: it resets, hangs, drips, and cuts.
#![allow(dead_code, reason = "every test takes what it needs of it")]

pub mod answered;
pub mod bench;
pub mod chance;
pub mod clinic;
pub mod command;
pub mod expressions;
pub mod opened;
pub mod terminal;

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver as Channel, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What becomes of one request.
#[derive(Debug, Clone)]
pub enum Conduct {
    /// This answer, byte for byte, then an orderly end.
    Answer(String),
    /// The connection is reset as soon as it was accepted, nothing is read.
    ResetAtOnce,
    /// The request is read, then the connection is reset without an answer.
    ResetAfterReading,
    /// The request is read; no answer comes as long as the receiver lives.
    Hang,
    /// One byte of this answer each 100 ms.
    Drip(String),
    /// This beginning of an answer, then a reset.
    Cut(String),
    /// A 200 with so many bytes of body.
    Huge(u64),
}

/// One request as it came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// `POST /path HTTP/1.1`.
    pub line: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body: as many bytes as `content-length` says.
    pub body: Vec<u8>,
}

impl Received {
    /// The first header of that name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(have, _)| have == name).map(|(_, value)| value.as_str())
    }
}

/// Receives requests on a loopback port, each in its own thread, and treats them by its script: the n-th request as the
/// n-th entry says, all later ones as the last.
pub struct Receiver {
    /// Where it listens.
    pub address: SocketAddr,
    books: Arc<Books>,
    // dropped with the receiver: hanging connections end then
    _alive: Sender<()>,
}

struct Books {
    script: Vec<Conduct>,
    received: Mutex<Vec<Received>>,
    connections: Mutex<usize>,
    ended: Mutex<Channel<()>>,
}

impl Receiver {
    /// Starts with a script of at least one entry.
    pub fn start(script: Vec<Conduct>) -> Self {
        assert!(!script.is_empty(), "a script has at least one entry");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let (alive, ended) = channel();
        let books = Arc::new(Books {
            script,
            received: Mutex::default(),
            connections: Mutex::default(),
            ended: Mutex::new(ended),
        });
        let shared = Arc::clone(&books);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let books = Arc::clone(&shared);
                std::thread::spawn(move || books.treat(stream));
            }
        });
        Self { address, books, _alive: alive }
    }

    /// An address below it.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// What was received so far, in order.
    pub fn received(&self) -> Vec<Received> {
        self.books.received.lock().expect("whole books").clone()
    }

    /// How many connections were accepted.
    pub fn connections(&self) -> usize {
        *self.books.connections.lock().expect("whole books")
    }
}

/// A loopback port at which nobody listens.
pub fn closed_port() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("an address")
}

/// A whole answer; `close` so that each request is a connection of its own.
pub fn answer(status: &str, headers: &[(&str, &str)], body: &str) -> String {
    let mut text = format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {}\r\n", body.len());
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str("\r\n");
    text.push_str(body);
    text
}

impl Books {
    fn treat(&self, mut stream: TcpStream) {
        let number = {
            let mut connections = self.connections.lock().expect("whole books");
            *connections += 1;
            *connections
        };
        let conduct = &self.script[(number - 1).min(self.script.len() - 1)];
        if matches!(conduct, Conduct::ResetAtOnce) {
            return reset(stream);
        }
        let Some(request) = read_request(&mut stream) else { return };
        self.received.lock().expect("whole books").push(request);
        // a caller that has gone meanwhile is no fault of the receiver
        let _sent = self.answer(stream, conduct);
    }

    fn answer(&self, mut stream: TcpStream, conduct: &Conduct) -> std::io::Result<()> {
        match conduct {
            Conduct::Answer(text) => {
                stream.write_all(text.as_bytes())?;
                stream.shutdown(Shutdown::Write)
            }
            Conduct::ResetAtOnce | Conduct::ResetAfterReading => {
                reset(stream);
                Ok(())
            }
            Conduct::Hang => {
                while !self.has_ended_within(Duration::from_millis(100)) {}
                Ok(())
            }
            Conduct::Drip(text) => {
                for byte in text.as_bytes() {
                    stream.write_all(std::slice::from_ref(byte))?;
                    if self.has_ended_within(Duration::from_millis(100)) {
                        break;
                    }
                }
                Ok(())
            }
            Conduct::Cut(text) => {
                stream.write_all(text.as_bytes())?;
                // an orderly end, short of the length that was promised: a reset could swallow what was written
                stream.shutdown(Shutdown::Both)
            }
            Conduct::Huge(bytes) => {
                write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {bytes}\r\n\r\n")?;
                std::io::copy(&mut std::io::repeat(b' ').take(*bytes), &mut stream).map(drop)
            }
        }
    }

    fn has_ended_within(&self, pause: Duration) -> bool {
        let ended = self.ended.lock().expect("whole books").recv_timeout(pause);
        ended == Err(RecvTimeoutError::Disconnected)
    }
}

/// Closes with RST instead of FIN.
fn reset(stream: TcpStream) {
    rustix::net::sockopt::set_socket_linger(&stream, Some(Duration::ZERO)).expect("a socket that lingers");
    drop(stream);
}

fn read_request(stream: &mut TcpStream) -> Option<Received> {
    let mut bytes = Vec::new();
    let mut chunk = [0_u8; 4096];
    loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let mut received = read_head(&bytes[..end]);
            let length: usize = received.header("content-length").map_or(0, |text| text.parse().expect("a length"));
            if bytes.len() >= end + 4 + length {
                received.body = bytes[end + 4..end + 4 + length].to_vec();
                return Some(received);
            }
        }
        match stream.read(&mut chunk) {
            Ok(0) | Err(_) => return None,
            Ok(read) => bytes.extend_from_slice(&chunk[..read]),
        }
    }
}

fn read_head(head: &[u8]) -> Received {
    let text = String::from_utf8_lossy(head);
    let mut lines = text.split("\r\n");
    let line = lines.next().unwrap_or_default().to_owned();
    let headers = lines.filter_map(|line| line.split_once(':'));
    let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned())).collect();
    Received { line, headers, body: Vec::new() }
}
