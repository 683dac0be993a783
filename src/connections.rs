//! shell: accepts the connections of the service's HTTP servers and limits those of every listener; at the limit a new
//! connection replaces the oldest idle one. How many there may be follows from the limit of open files.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;

use crate::clock::SharedClock;

/// Maximum time for a request's header, or for a request of one line.
pub const HEADER_TIMEOUT: Duration = Duration::from_secs(5);

/// Maximum number of connections to one listener; fewer where the process may open few files.
pub const MAX_CONNECTIONS: usize = 64;

/// The pause after a failed `accept`, which mostly means that no file descriptors are left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Files that a process with a listener needs besides connections: ledger, sources, targets, runtime.
const OWN_FILES: u64 = 48;

/// Raises the soft limit of open files to the hard one if that is allowed; returns the limit.
pub fn raise_open_files() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    if limit.current != limit.maximum
        && let Err(error) = setrlimit(Resource::Nofile, raised)
    {
        tracing::debug!(%error, "the limit of open files can't be raised");
    }
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

/// Maximum connections of a listener that is all there is in its process.
#[must_use]
pub fn max_connections_alone(open_files: u64) -> usize {
    let rest = open_files.saturating_sub(OWN_FILES / 2);
    usize::try_from(rest).unwrap_or(MAX_CONNECTIONS).clamp(2, MAX_CONNECTIONS)
}

/// Maximum connections of each of a service's listeners; with few files most are left to everything else.
#[must_use]
pub fn max_connections(open_files: u64) -> usize {
    let share = open_files.saturating_sub(OWN_FILES) / 4;
    usize::try_from(share).unwrap_or(MAX_CONNECTIONS).clamp(2, MAX_CONNECTIONS)
}

/// Whether a request of a connection is being answered.
#[derive(Debug, Clone, Default)]
pub struct Busy(Arc<AtomicUsize>);

impl Busy {
    /// A request is being answered until the guard is dropped.
    #[must_use]
    pub fn begin(&self) -> Answering {
        self.0.fetch_add(1, Ordering::Relaxed);
        Answering(self.clone())
    }
}

/// A connection that is being answered until this is dropped; see [`Busy::begin`].
#[derive(Debug)]
pub struct Answering(Busy);

impl Drop for Answering {
    fn drop(&mut self) {
        (self.0.0).fetch_sub(1, Ordering::Relaxed);
    }
}

/// The open connections, oldest first.
#[derive(Debug)]
pub struct Connections {
    open: VecDeque<(Busy, AbortHandle)>,
    max: usize,
}

impl Connections {
    /// An empty list that never holds more than `max` connections.
    #[must_use]
    pub const fn new(max: usize) -> Self {
        Self { open: VecDeque::new(), max }
    }

    /// Makes room for one more by closing the oldest idle one; `false` when all are busy.
    pub fn make_room(&mut self) -> bool {
        self.open.retain(|(_, task)| !task.is_finished());
        if self.open.len() < self.max {
            return true;
        }
        let idle = self.open.iter().position(|(busy, _)| busy.0.load(Ordering::Relaxed) == 0);
        match idle.and_then(|at| self.open.remove(at)) {
            Some((_, task)) => {
                task.abort();
                true
            }
            None => false,
        }
    }

    /// Adds a connection that this task serves.
    pub fn add(&mut self, busy: Busy, task: AbortHandle) {
        self.open.push_back((busy, task));
    }
}

/// An HTTP server of the service.
pub struct HttpServer {
    /// Its name in the log.
    pub name: &'static str,
    /// Bound to its address.
    pub listener: TcpListener,
    /// Maximum connections at once.
    pub max_connections: usize,
}

impl HttpServer {
    /// Serves until it is dropped, each connection with [`HEADER_TIMEOUT`] for a request's header and with the router made
    /// for its peer.
    pub async fn serve(self, clock: SharedClock, router_for: impl Fn(SocketAddr) -> Router) {
        let mut connections = Connections::new(self.max_connections);
        loop {
            let (stream, peer) = match self.listener.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "{} could not accept a connection", self.name);
                    clock.sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            if connections.make_room() {
                let busy = Busy::default();
                let router = router_for(peer).layer(from_fn_with_state(busy.clone(), mark_as_busy));
                connections.add(busy, tokio::spawn(serve_connection(self.name, stream, router)).abort_handle());
            }
        }
    }
}

async fn serve_connection(server: &'static str, stream: TcpStream, router: Router) {
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router))
        .await;
    if let Err(error) = served {
        tracing::debug!(%error, "a connection to {server} ended early");
    }
}

async fn mark_as_busy(State(busy): State<Busy>, request: Request, next: Next) -> Response {
    let _until_answered = busy.begin();
    next.run(request).await
}

#[cfg(test)]
mod tests {
    use tokio::task::JoinHandle;

    use super::*;

    #[test]
    fn with_few_files_the_listeners_take_few_connections() {
        for (files, expected) in [(0, 2), (64, 4), (256, 52), (1_024, MAX_CONNECTIONS), (u64::MAX, MAX_CONNECTIONS)] {
            assert_eq!(max_connections(files), expected, "{files}");
        }
        assert_eq!([0, 64, 1_024].map(max_connections_alone), [2, 40, MAX_CONNECTIONS]);
    }

    #[tokio::test]
    async fn the_oldest_idle_connection_makes_room_and_a_busy_one_never() {
        let mut connections = Connections::new(2);
        let tasks: Vec<JoinHandle<()>> = (0..2).map(|_| tokio::spawn(std::future::pending())).collect();
        let busy = [Busy::default(), Busy::default()];
        for (busy, task) in busy.iter().zip(&tasks) {
            assert!(connections.make_room());
            connections.add(busy.clone(), task.abort_handle());
        }
        let first_answers = busy[0].begin();
        assert!(connections.make_room());
        tokio::task::yield_now().await;
        assert_eq!((tasks[0].is_finished(), tasks[1].is_finished()), (false, true));
        let third: JoinHandle<()> = tokio::spawn(std::future::pending());
        let third_busy = Busy::default();
        connections.add(third_busy.clone(), third.abort_handle());
        let third_answers = third_busy.begin();
        assert!(!connections.make_room(), "both are being answered");
        drop((first_answers, third_answers));
        assert!(connections.make_room());
    }
}
