//! A receiver that writes each reminder's id down, with fsync, before it answers; that refuses, hangs and cuts
//! connections; and that says when it is time to pull the plug.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{self, Receiver as Channel, Sender};
use std::sync::{Arc, Mutex};

use crate::chance::Chance;

/// What the receiver does with one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conduct {
    /// Writes the id down and answers 200.
    Accept,
    /// Answers 503 and writes nothing down.
    Refuse,
    /// Writes the id down and never answers.
    Hang,
    /// Writes the id down and closes in the middle of the answer.
    Cut,
}

/// Where in an exchange the plug is pulled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// The request was read, nothing is written down yet.
    BeforeRecord,
    /// The id is written down, no answer was sent.
    BeforeAnswer,
    /// The answer was sent.
    AfterAnswer,
}

/// When the next kill is due: after so many more requests, at that moment of the exchange.
struct Fuse {
    requests: u64,
    moment: Moment,
    spark: Sender<()>,
}

/// The receiver's books.
pub struct Receiver {
    /// Where it listens.
    pub address: SocketAddr,
    books: Arc<Books>,
}

struct Books {
    received: Mutex<(File, HashMap<String, u32>)>,
    chance: Mutex<Chance>,
    fuse: Mutex<Option<Fuse>>,
}

impl Receiver {
    /// Listens on a free loopback port and writes into `journal`.
    pub fn start(journal: &std::path::Path, seed: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let books = Arc::new(Books {
            received: Mutex::new((File::create(journal).expect("a journal"), HashMap::new())),
            chance: Mutex::new(Chance(seed)),
            fuse: Mutex::new(None),
        });
        let shared = Arc::clone(&books);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let books = Arc::clone(&shared);
                std::thread::spawn(move || {
                    // a connection that breaks is what a storm is made of
                    let _broken = serve(&books, stream);
                });
            }
        });
        Self { address, books }
    }

    /// Lights the fuse; the channel speaks when it is time to kill.
    pub fn light_fuse(&self, requests: u64, moment: Moment) -> Channel<()> {
        let (spark, channel) = mpsc::channel();
        *self.books.fuse.lock().expect("no holder panics") = Some(Fuse { requests, moment, spark });
        channel
    }

    /// Puts the fuse out.
    pub fn put_out(&self) {
        *self.books.fuse.lock().expect("no holder panics") = None;
    }

    /// How often each id was received (refused ones apart).
    pub fn receipts(&self) -> HashMap<String, u32> {
        self.books.received.lock().expect("no holder panics").1.clone()
    }
}

impl Books {
    fn write_down(&self, id: &str) {
        let mut received = self.received.lock().expect("no holder panics");
        writeln!(received.0, "{id}").expect("the journal takes a line");
        received.0.sync_data().expect("the journal is on disk");
        *received.1.entry(id.to_owned()).or_default() += 1;
    }

    fn conduct(&self) -> Conduct {
        match self.chance.lock().expect("no holder panics").below(100) {
            0..=3 => Conduct::Refuse,
            4 => Conduct::Hang,
            5..=6 => Conduct::Cut,
            _ => Conduct::Accept,
        }
    }

    /// Counts one request at one moment; sparks when it was the last one.
    fn burn(&self, moment: Moment) {
        let mut fuse = self.fuse.lock().expect("no holder panics");
        if let Some(lit) = fuse.as_mut().filter(|lit| lit.moment == moment) {
            lit.requests = lit.requests.saturating_sub(1);
            if lit.requests == 0 {
                let _nobody_listens = lit.spark.send(());
                *fuse = None;
            }
        }
    }
}

fn serve(books: &Books, stream: TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut writer = stream;
    while let Some(id) = read_request(&mut reader)? {
        books.burn(Moment::BeforeRecord);
        let conduct = books.conduct();
        if conduct != Conduct::Refuse {
            books.write_down(&id);
        }
        books.burn(Moment::BeforeAnswer);
        match conduct {
            Conduct::Accept => answer(&mut writer, "200 OK", r#"{"error":null,"data":{}}"#)?,
            Conduct::Refuse => answer(&mut writer, "503 Service Unavailable", "{}")?,
            Conduct::Hang => {
                // until the other side gives up
                let _closed = reader.read(&mut [0_u8; 1])?;
                return Ok(());
            }
            Conduct::Cut => {
                writer.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{\"err")?;
                return Ok(());
            }
        }
        books.burn(Moment::AfterAnswer);
    }
    Ok(())
}

fn answer(writer: &mut TcpStream, status: &str, body: &str) -> std::io::Result<()> {
    let length = body.len();
    writer.write_all(
        format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}")
            .as_bytes(),
    )
}

/// Reads one request and answers its idempotency key; `None` when the connection ended.
fn read_request(reader: &mut BufReader<TcpStream>) -> std::io::Result<Option<String>> {
    let mut length = 0_usize;
    let mut id = None;
    let mut line = String::new();
    loop {
        line.clear();
        if reader.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        let header = line.trim_end();
        if header.is_empty() {
            break;
        }
        if let Some((name, value)) = header.split_once(':') {
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.trim().parse().map_err(std::io::Error::other)?,
                "idempotency-key" => id = Some(value.trim().to_owned()),
                _ => {}
            }
        }
    }
    let mut body = vec![0_u8; length];
    reader.read_exact(&mut body)?;
    Ok(id)
}
