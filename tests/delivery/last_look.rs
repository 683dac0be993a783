//! What is found out between an intent and its first byte keeps the request from leaving.

use std::io::Read;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use tickler::delivery::DeliveryScope;
use tickler::reminder::State;

use crate::support::bench::{Bench, NAME, bench, webhook};

/// A listener that lets nobody in until somebody accepts: a connection to it takes as long as that.
struct FullHouse {
    listener: TcpListener,
    /// Who fills it up.
    _guests: Vec<TcpStream>,
}

impl FullHouse {
    fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        rustix::net::listen(&listener, 0).expect("it lets in as few as it can");
        let address = listener.local_addr().expect("an address");
        let patience = Duration::from_millis(100);
        let guests = std::iter::from_fn(|| TcpStream::connect_timeout(&address, patience).ok()).collect();
        Self { listener, _guests: guests }
    }

    fn address(&self) -> SocketAddr {
        self.listener.local_addr().expect("an address")
    }

    /// Lets everybody in; all bytes that come.
    fn bytes(self) -> std::sync::mpsc::Receiver<Vec<u8>> {
        let (heard, bytes) = std::sync::mpsc::channel();
        drop(self._guests);
        std::thread::spawn(move || {
            for stream in self.listener.incoming() {
                let (mut stream, heard) = (stream.expect("a client"), heard.clone());
                std::thread::spawn(move || {
                    let mut bytes = vec![0; 4_096];
                    let count = stream.read(&mut bytes).unwrap_or_default();
                    bytes.truncate(count);
                    heard.send(bytes)
                });
            }
        });
        bytes
    }
}

/// A reminder whose connection comes about only when the house lets it in, after what happened meanwhile.
async fn connecting(happens: impl AsyncFnOnce(&Bench)) -> (State, Option<String>, u32, Vec<u8>) {
    let house = FullHouse::open();
    let bench = bench(&webhook(&format!("http://{}/in", house.address())), "timeout = \"20s\"", "http://127.0.0.1:9");
    let id = bench.plan(7).await;
    let sender = Arc::clone(&bench.sender);
    let delivering = tokio::spawn(async move {
        let scope = DeliveryScope { schedule: NAME.to_owned(), only: None };
        sender.deliver(&scope, Duration::ZERO).await
    });
    while bench.state(id).await != State::Sending {
        tokio::task::yield_now().await;
    }
    happens(&bench).await;
    let bytes = house.bytes();
    delivering.await.expect("no panic").expect("a ledger that works");
    let sent = bytes.try_iter().flatten().collect();
    let row = bench.row(id).await;
    let reason = bench.settled().await.remove(0).reason.clone().map(std::borrow::Cow::into_owned);
    (row.state, reason, row.tries, sent)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_takes_longer_than_five_seconds_sends_nothing() {
    let end = connecting(async |bench| bench.clock.advance(Duration::from_secs(6))).await;
    assert_eq!(end, (State::Pending, Some("unsent".to_owned()), 0, Vec::new()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_and_the_stop_file_keep_back_what_is_connecting() {
    let pause = connecting(async |bench| bench.sender.pause_was_set()).await;
    assert_eq!(pause, (State::Pending, Some("unsent".to_owned()), 0, Vec::new()));
    let stop = connecting(async |bench| {
        std::fs::write(bench.folder.path().join("STOP"), "").expect("a stop file");
    });
    assert_eq!(stop.await, (State::Pending, Some("unsent".to_owned()), 0, Vec::new()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_connection_within_its_time_is_used() {
    let (_, reason, _, sent) = connecting(async |bench| bench.clock.advance(Duration::from_secs(4))).await;
    assert!(sent.starts_with(b"POST /in") && reason.as_deref() != Some("unsent"), "{reason:?}");
}
