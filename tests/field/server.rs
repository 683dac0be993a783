//! shell: an API on loopback that answers by path and query, one request a connection.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

/// The server; it ends with the test's process.
pub struct Server {
    pub origin: String,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Answers each request with a whole HTTP answer, made of its path and query.
    pub fn answering(answer: impl Fn(&str) -> Vec<u8> + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let origin = format!("http://{}", listener.local_addr().expect("bound"));
        let heads = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&heads);
        std::thread::spawn(move || {
            for mut stream in listener.incoming().map_while(Result::ok) {
                let mut head = Vec::new();
                let mut byte = [0];
                while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|count| count == 1) {
                    head.push(byte[0]);
                }
                let head = String::from_utf8_lossy(&head).into_owned();
                let target = head.split(' ').nth(1).unwrap_or("/").to_owned();
                seen.lock().expect("no holder panics").push(head.to_lowercase());
                let _gone = stream.write_all(&answer(&target));
            }
        });
        Self { origin, heads }
    }

    /// The heads of all requests so far, in lower case.
    pub fn requests(&self) -> Vec<String> {
        self.heads.lock().expect("no holder panics").clone()
    }
}

/// A whole answer.
pub fn answer(status: u16, headers: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let head = format!("HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: {}\r\n{headers}\r\n", body.len());
    [head.as_bytes(), body].concat()
}

/// JSON with 200.
pub fn json(body: &str) -> Vec<u8> {
    answer(200, "content-type: application/json\r\n", body)
}
