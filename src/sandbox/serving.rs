//! shell: the sandbox's listener, with a limit for connections and for the time that a request's head takes. When all of them
//! are answering a request, the next one waits to be accepted. A connection that was accepted or answered just now is not
//! idle yet: a request may be on its way, and whoever sent it could not know what became of it.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{ConnectInfo, Extension, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

use super::connection::CuttableStream;
use crate::clock::SharedClock;
use crate::connections::{Answering, Busy, Connections, HEADER_TIMEOUT, max_connections_alone, raise_open_files};

/// The pause after a failed `accept`, which mostly means that no file descriptors are left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The time after it was accepted or answered during which a connection is not closed to make room.
const PROTECTED_TIME: Duration = Duration::from_millis(250);

/// Serves until `stopped` turns true; then requests in progress are answered.
pub(super) async fn serve(
    listener: TcpListener,
    router: Router,
    stopped: watch::Receiver<bool>,
    clock: SharedClock,
) -> io::Result<()> {
    let mut connections = Connections::new(max_connections_alone(raise_open_files()));
    let mut tasks = JoinSet::new();
    let freed = Arc::new(Notify::new());
    let accepting = async {
        loop {
            let stream = match listener.accept().await {
                Ok((stream, _peer)) => stream,
                Err(error) => {
                    tracing::warn!(%error, "a connection to the sandbox was lost");
                    clock.sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            while !connections.make_room() {
                freed.notified().await;
            }
            while tasks.try_join_next().is_some() {}
            let busy = Busy::default();
            let in_use = ConnectionUse { busy: busy.clone(), freed: Arc::clone(&freed), clock: Arc::clone(&clock) };
            in_use.clone().linger(busy.begin());
            connections.add(busy, tasks.spawn(converse(stream, in_use, router.clone(), stopped.clone())));
        }
    };
    tokio::select! {
        () = told_to_stop(stopped.clone()) => {}
        () = accepting => {}
    }
    while tasks.join_next().await.is_some() {}
    Ok(())
}

async fn told_to_stop(mut stopped: watch::Receiver<bool>) {
    // a sender that is gone means that nobody will ever say stop
    if stopped.wait_for(|stop| *stop).await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Whether a connection is in use.
#[derive(Clone)]
struct ConnectionUse {
    busy: Busy,
    freed: Arc<Notify>,
    clock: SharedClock,
}

impl ConnectionUse {
    /// Keeps the connection in use for a while after its answer ([`PROTECTED_TIME`]).
    fn linger(self, answering: Answering) {
        tokio::spawn(async move {
            self.clock.sleep(PROTECTED_TIME).await;
            drop(answering);
            self.freed.notify_one();
        });
    }
}

async fn converse(stream: TcpStream, in_use: ConnectionUse, router: Router, stopped: watch::Receiver<bool>) {
    let freed = Arc::clone(&in_use.freed);
    let (stream, cut) = CuttableStream::of(stream);
    let router = router.layer(from_fn_with_state(in_use, mark_as_busy)).layer(Extension(ConnectInfo(cut)));
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let mut served = std::pin::pin!(served);
    let ended = tokio::select! {
        ended = served.as_mut() => ended,
        () = told_to_stop(stopped) => {
            served.as_mut().graceful_shutdown();
            served.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a caller of the sandbox closed its connection");
    }
    freed.notify_one();
}

async fn mark_as_busy(State(in_use): State<ConnectionUse>, request: Request, next: Next) -> Response {
    let answering = in_use.busy.begin();
    let response = next.run(request).await;
    in_use.linger(answering);
    response
}
