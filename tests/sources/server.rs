//! shell: a server on loopback that says exactly what a test wants said.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What a request is answered with: bytes, and whether the connection is then held open.
pub struct Reply {
    pub bytes: Vec<u8>,
    pub then: Then,
}

/// What happens after the bytes were written.
pub enum Then {
    Close,
    Hang,
}

/// The server; `requests` holds the head of each request.
pub struct Server {
    pub origin: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Answers each request by its path and query, one for a connection.
    pub async fn answering(reply: impl Fn(&str) -> Reply + Send + Sync + 'static) -> Self {
        Self::answering_at(move |target, _| reply(target)).await
    }

    /// Like [`Server::answering`], told its own origin as well.
    pub async fn answering_at(reply: impl Fn(&str, &str) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let origin = format!("http://{}", listener.local_addr().expect("bound"));
        let requests = Arc::new(Mutex::new(Vec::new()));
        let own = origin.clone();
        let (reply, seen) = (Arc::new(move |target: &str| reply(target, &own)), Arc::clone(&requests));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&reply), Arc::clone(&seen)));
            }
        });
        Self { origin, requests }
    }

    /// The heads of all requests so far, in lower case.
    pub fn requests(&self) -> Vec<String> {
        self.requests.lock().expect("no holder panics").clone()
    }
}

async fn serve(mut stream: TcpStream, reply: Arc<impl Fn(&str) -> Reply>, seen: Arc<Mutex<Vec<String>>>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    let head = String::from_utf8(head).expect("a request in ASCII");
    let target = head.split(' ').nth(1).expect("a target").to_owned();
    seen.lock().expect("no holder panics").push(head.to_lowercase());
    let reply = reply(&target);
    let _gone = stream.write_all(&reply.bytes).await;
    match reply.then {
        Then::Close => {}
        Then::Hang => std::future::pending().await,
    }
}

/// A whole answer.
pub fn answer(status: u16, headers: &str, body: impl AsRef<[u8]>) -> Reply {
    let body = body.as_ref();
    let mut bytes =
        format!("HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: {}\r\n{headers}\r\n", body.len())
            .into_bytes();
    bytes.extend_from_slice(body);
    Reply { bytes, then: Then::Close }
}

/// JSON with 200.
pub fn json(body: &str) -> Reply {
    answer(200, "content-type: application/json\r\n", body)
}
