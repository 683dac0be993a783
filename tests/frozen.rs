//! The real binary, frozen over the closing of the calling hours with many requests on their way: nobody is called after
//! the closing, and whoever wasn't called is called the next morning, once.

#[path = "support/command.rs"]
mod command;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use command::tickler;
use rusqlite::{Connection, OpenFlags};
use rustix::process::{Pid, Signal, kill_process};
use tickler::clock::{Clock, SystemClock};

const ROUNDS: u32 = 10;
const REMINDERS: usize = 300;
const MAX_IN_FLIGHT: usize = 256;

/// Four seconds before nine in the evening in New York, when the hours close, and the next morning.
const EVENING: &str = "2036-11-25T01:59:56Z";
const UNTIL_CLOSING: Duration = Duration::from_secs(4);
const MORNING: &str = "2036-11-25T13:00:05Z";

fn clinic(url: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join("schedules")).expect("a folder for schedules");
    let row = |n: usize| {
        let (area, line, minute) = (201 + n / 100, n % 100, n % 60);
        format!("A{n},+1{area}55501{line:02},Person {n},2036-11-25T15:{minute:02}:00\n")
    };
    let rows: String = (0..REMINDERS).map(row).collect();
    std::fs::write(folder.path().join("appointments.csv"), format!("id,phone,name,starts_at\n{rows}"))
        .expect("a table");
    let schedule = format!(
        "cron = \"0 9 * * *\"\ntimezone = \"America/New_York\"\n[source.csv]\npath = \"../appointments.csv\"\n\
         [appointment]\nid = \"id\"\nphone = \"phone\"\nstarts_at = \"starts_at\"\n\
         [remind]\ndays_before = 1\ncalling_hours = \"08:00-21:00\"\nmax_lateness = \"20h\"\n\
         [target.webhook]\naccount = \"webhook\"\nurl = \"{url}\"\n[payload]\nphone = \"{{{{ phone }}}}\"\n\
         [delivery]\ntimeout = \"60s\"\nmax_in_flight = {MAX_IN_FLIGHT}\n"
    );
    std::fs::write(folder.path().join("schedules/clinic.toml"), schedule).expect("a schedule");
    folder
}

fn trigger(folder: &Path, now: &str) -> Child {
    let mut command = tickler(folder, &["trigger", "clinic", "--now", now, "--wait", "2s"]);
    command.env("TICKLER_ACCOUNTS__WEBHOOK__RATE", "unlimited").stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().expect("tickler runs")
}

/// Lets nobody in until it opens; from then on it accepts every request and writes down whose it is.
struct Receiver {
    listener: TcpListener,
    guests: Vec<TcpStream>,
    received: Arc<Mutex<Vec<String>>>,
}

impl Receiver {
    fn full() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        rustix::net::listen(&listener, 0).expect("it lets in as few as it can");
        let address = listener.local_addr().expect("an address");
        let patience = Duration::from_millis(100);
        let guests = std::iter::from_fn(|| TcpStream::connect_timeout(&address, patience).ok()).collect();
        Self { listener, guests, received: Arc::default() }
    }

    fn open(&mut self) {
        self.guests.clear();
        rustix::net::listen(&self.listener, 1_024).expect("it lets in everybody");
        let (listener, received) = (self.listener.try_clone().expect("the same listener"), Arc::clone(&self.received));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (stream, received) = (stream.expect("a client"), Arc::clone(&received));
                std::thread::spawn(move || serve(stream, &received));
            }
        });
    }

    fn received(&self) -> Vec<String> {
        self.received.lock().expect("the list").clone()
    }
}

fn serve(stream: TcpStream, received: &Mutex<Vec<String>>) {
    let mut reader = BufReader::new(stream);
    loop {
        let (mut id, mut length) = (None, 0);
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            let line = line.trim_end().to_ascii_lowercase();
            if let Some(value) = line.strip_prefix("idempotency-key: ") {
                id = Some(value.to_owned());
            } else if let Some(value) = line.strip_prefix("content-length: ") {
                length = value.parse().expect("a number");
            } else if line.is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        if reader.read_exact(&mut body).is_err() {
            return;
        }
        received.lock().expect("the list").push(id.expect("every request has an id"));
        if reader.get_mut().write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").is_err() {
            return;
        }
    }
}

fn states(folder: &Path) -> BTreeMap<String, usize> {
    let Ok(ledger) = Connection::open_with_flags(folder.join("tickler.db"), OpenFlags::SQLITE_OPEN_READ_ONLY) else {
        return BTreeMap::new();
    };
    let Ok(mut statement) = ledger.prepare("SELECT state, count(*) FROM reminder GROUP BY state") else {
        return BTreeMap::new();
    };
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
    rows.map(|rows| rows.flatten().collect()).unwrap_or_default()
}

fn unsent(folder: &Path) -> usize {
    let ledger = Connection::open(folder.join("tickler.db")).expect("the ledger opens");
    let sql = "SELECT count(*) FROM audit WHERE event = 'delivery.refused' AND reason = 'unsent'";
    ledger.query_row(sql, [], |row| row.get(0)).expect("the log is read")
}

/// One evening and the next morning; `false` when this machine was too slow for it to be one.
async fn round(clock: &SystemClock) -> bool {
    let mut receiver = Receiver::full();
    let folder = clinic(&format!("http://{}/in", receiver.listener.local_addr().expect("an address")));
    let mut evening = trigger(folder.path(), EVENING);
    while states(folder.path()).get("sending") != Some(&MAX_IN_FLIGHT) {
        if evening.try_wait().expect("it is watched").is_some() {
            return false;
        }
        clock.sleep(Duration::from_millis(10)).await;
    }
    kill_process(Pid::from_child(&evening), Signal::STOP).expect("it is frozen");
    clock.sleep(UNTIL_CLOSING).await;
    receiver.open();
    kill_process(Pid::from_child(&evening), Signal::CONT).expect("it goes on");
    evening.wait().expect("it ends");
    assert_eq!(receiver.received(), [""; 0], "after the closing nobody is called");
    let pending = BTreeMap::from([("pending".to_owned(), REMINDERS)]);
    assert_eq!(states(folder.path()), pending);
    assert_eq!(unsent(folder.path()), MAX_IN_FLIGHT);

    let status = trigger(folder.path(), MORNING).wait().expect("it ends");
    assert!(status.success(), "{status}");
    let mut received = receiver.received();
    received.sort();
    received.dedup();
    assert_eq!((receiver.received().len(), received.len()), (REMINDERS, REMINDERS), "everybody is called, once");
    assert_eq!(states(folder.path()), BTreeMap::from([("delivered".to_owned(), REMINDERS)]));
    true
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_frozen_over_the_closing_of_the_hours_calls_nobody_before_the_morning() {
    let clock = SystemClock::new();
    let mut rounds = 0;
    for _ in 0..2 * ROUNDS {
        rounds += u32::from(round(&clock).await);
        if rounds == ROUNDS {
            return;
        }
    }
    panic!("this machine is too slow: only {rounds} evenings of {ROUNDS} came about");
}
