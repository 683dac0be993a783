//! shell: the control socket: one JSON request a line, one JSON answer a line. The caller's user is the actor in the audit
//! log.

use std::fs::File;
use std::future::Future;
use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, select};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::watch;

use super::handover::{self, HandoverReader};
use crate::clock::SharedClock;
use crate::connections::{Busy, Connections, HEADER_TIMEOUT};
use crate::verbs::{Answer, Request};

/// Maximum length of a request.
const MAX_REQUEST: u64 = 64 * 1024;

/// The socket's permissions: only members of the service's group may connect.
const SOCKET_MODE: u32 = 0o660;

/// The pause after a failed `accept`, which mostly means that no file descriptors are left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Why the running service did not answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ControlError {
    /// No service runs: the verb does the work itself, or ends with 6.
    #[error("no service listens at `{}`", .0.display())]
    NobodyThere(PathBuf),
    /// It runs, but the caller is not in its group.
    #[error("you may not speak to the service at `{}`: become a member of its group", .0.display())]
    Forbidden(PathBuf),
    /// The connection failed.
    #[error("the service did not answer: {0}")]
    Broken(String),
}

/// Sends a request to the running service and waits for the answer, which may take as long as the verb does.
///
/// # Errors
/// When no service runs, the caller has no permission, or the connection fails.
pub async fn ask(socket: &Path, request: &Request) -> Result<Answer, ControlError> {
    ask_with(socket, request, None).await
}

/// Like [`ask`], and passes an open file that the service is to write.
///
/// # Errors
/// Those of [`ask`].
pub async fn ask_with(socket: &Path, request: &Request, file: Option<&File>) -> Result<Answer, ControlError> {
    let stream = UnixStream::connect(socket).await.map_err(|error| not_connected(socket, &error))?;
    let broken = |error: io::Error| ControlError::Broken(error.to_string());
    let mut line = serde_json::to_string(request).map_err(|error| ControlError::Broken(error.to_string()))?;
    line.push('\n');
    let (reading, mut writing) = stream.into_split();
    let written = match file {
        Some(file) => handover::write_with(&writing, line.as_bytes(), file).await.map_err(broken)?,
        None => 0,
    };
    writing.write_all(&line.as_bytes()[written..]).await.map_err(broken)?;
    let mut answer = String::new();
    BufReader::new(reading).read_line(&mut answer).await.map_err(broken)?;
    if answer.is_empty() {
        return Err(ControlError::Broken("it closed the connection; see its log".to_owned()));
    }
    serde_json::from_str(&answer).map_err(|error| ControlError::Broken(error.to_string()))
}

fn not_connected(socket: &Path, error: &io::Error) -> ControlError {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused | io::ErrorKind::NotADirectory => {
            ControlError::NobodyThere(socket.to_owned())
        }
        io::ErrorKind::PermissionDenied => ControlError::Forbidden(socket.to_owned()),
        _ => ControlError::Broken(error.to_string()),
    }
}

/// The bound socket. Dropping it removes its file.
#[derive(Debug)]
pub struct ControlSocket {
    listener: UnixListener,
    path: PathBuf,
    requests: PendingRequests,
}

/// The requests that were read and are not answered yet.
#[derive(Debug, Clone)]
pub struct PendingRequests(Arc<watch::Sender<usize>>);

impl PendingRequests {
    /// Waits until every request that was read is answered.
    pub async fn finished(&self) {
        let mut under_way = self.0.subscribe();
        // the sender lives in `self`, so it is never closed
        let _never_closed = under_way.wait_for(|count| *count == 0).await;
    }

    fn begin(&self) -> PendingRequest {
        self.0.send_modify(|count| *count += 1);
        PendingRequest(self.clone())
    }
}

/// One pending request; it is counted until it is dropped.
struct PendingRequest(PendingRequests);

impl Drop for PendingRequest {
    fn drop(&mut self) {
        (self.0.0).send_modify(|count| *count -= 1);
    }
}

impl ControlSocket {
    /// Binds it. A socket that a crash left is replaced: the holder of the ledger's lock is the only service.
    ///
    /// # Errors
    /// When the folder doesn't exist or isn't writable, or the path is another kind of file.
    pub fn bind(path: &Path) -> io::Result<Self> {
        match std::fs::symlink_metadata(path) {
            Ok(found) if found.file_type().is_socket() => std::fs::remove_file(path)?,
            Ok(_other_file) => {
                return Err(io::Error::new(
                    io::ErrorKind::AlreadyExists,
                    "a file of this name exists and is not a socket",
                ));
            }
            Err(_none) => {}
        }
        let listener = UnixListener::bind(path)?;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(SOCKET_MODE))?;
        Ok(Self { listener, path: path.to_owned(), requests: PendingRequests(Arc::default()) })
    }

    /// The requests that are not answered yet; outlives the socket.
    #[must_use]
    pub fn pending_requests(&self) -> PendingRequests {
        self.requests.clone()
    }

    /// Answers every request with `perform(caller, request)` until it is dropped.
    pub async fn serve<P, F>(&self, clock: SharedClock, max_connections: usize, perform: P)
    where
        P: Fn(ControlCaller, Request) -> F + Send + Sync + 'static,
        F: Future<Output = Answer> + Send + 'static,
    {
        let perform = Arc::new(perform);
        let mut connections = Connections::new(max_connections);
        loop {
            match self.listener.accept().await {
                Ok(_) if !connections.make_room() => {}
                Ok((stream, _address)) => {
                    let (perform, requests, clock) =
                        (Arc::clone(&perform), self.pending_requests(), Arc::clone(&clock));
                    let busy = Busy::default();
                    let caller = ControlConnection { requests, busy: busy.clone(), clock };
                    let task = tokio::spawn(async move { serve_connection(stream, &caller, perform.as_ref()).await });
                    connections.add(busy, task.abort_handle());
                }
                Err(error) => {
                    tracing::warn!(%error, "the control socket could not accept a connection");
                    clock.sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }
}

impl Drop for ControlSocket {
    fn drop(&mut self) {
        let _gone_already = std::fs::remove_file(&self.path);
    }
}

/// The sender of a request, and the file that came with it.
#[derive(Debug)]
pub struct ControlCaller {
    /// The name of the user.
    pub actor: String,
    /// An open file that is to be written.
    pub file: Option<File>,
}

/// What belongs to one connection.
struct ControlConnection {
    requests: PendingRequests,
    busy: Busy,
    clock: SharedClock,
}

/// Reads a line; `None` when the connection was closed or the line took too long.
async fn request_line(reading: &mut (impl AsyncBufReadExt + Unpin), clock: &SharedClock) -> Option<String> {
    let mut line = String::new();
    let mut limited = reading.take(MAX_REQUEST);
    let read = std::pin::pin!(limited.read_line(&mut line));
    match select(read, clock.sleep(HEADER_TIMEOUT)).await {
        Either::Left((Ok(length), _)) if length > 0 => Some(line),
        Either::Left(_) | Either::Right(_) => None,
    }
}

async fn serve_connection<P, F>(stream: UnixStream, who: &ControlConnection, perform: &P)
where
    P: Fn(ControlCaller, Request) -> F,
    F: Future<Output = Answer> + Send + 'static,
{
    let Ok(peer) = stream.peer_cred() else { return };
    let actor = user_name(peer.uid());
    let (reading, mut writing) = stream.into_split();
    let mut reading = BufReader::new(HandoverReader::new(reading));
    loop {
        let Some(line) = request_line(&mut reading, &who.clock).await else { return };
        let _until_it_is_answered = (who.requests.begin(), who.busy.begin());
        let answer = match serde_json::from_str(&line) {
            Ok(request) => {
                let caller = ControlCaller { actor: actor.clone(), file: reading.get_mut().take_file() };
                perform_safely(perform(caller, request)).await
            }
            Err(error) => Answer::refusal(2, format!("not a valid request: {error}")),
        };
        let mut answer = serde_json::to_string(&answer).expect("an answer is JSON already");
        answer.push('\n');
        if writing.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

/// Runs a verb in a task of its own: it continues when the caller disconnects, and a panic does not end the service.
async fn perform_safely<F: Future<Output = Answer> + Send + 'static>(verb: F) -> Answer {
    tokio::spawn(verb).await.unwrap_or_else(|_panic| {
        tracing::error!("internal error: a verb panicked");
        Answer::refusal(1, "internal error: the verb panicked; the service continues".to_owned())
    })
}

/// The user's name from this machine's user database, otherwise its number.
#[must_use]
pub fn user_name(uid: u32) -> String {
    let known = uzers::get_user_by_uid(uid);
    known.map_or_else(|| format!("uid {uid}"), |user| user.name().to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemClock;
    use crate::verbs::Exit;

    #[test]
    fn a_user_is_named_as_the_machine_names_them_else_by_number() {
        assert_eq!(user_name(0), "root");
        assert_eq!(user_name(4_000_000_001), "uid 4000000001");
    }

    #[tokio::test]
    async fn a_request_is_answered_for_the_user_at_the_other_end() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("tickler.sock");
        assert_eq!(ask(&path, &Request::Status).await.err(), Some(ControlError::NobodyThere(path.clone())));
        let socket = ControlSocket::bind(&path).expect("a socket");
        let mode = std::fs::metadata(&path).expect("the socket's file").permissions().mode() & 0o777;
        assert_eq!(mode, 0o660);
        let serving = tokio::spawn(async move {
            let answer = |caller: ControlCaller, _request| async move { Answer::of(Exit::of_code(3), &caller.actor) };
            socket.serve(Arc::new(SystemClock::new()), 8, answer).await;
        });
        let answer = ask(&path, &Request::Reload).await.expect("an answer");
        let me = user_name(rustix::process::getuid().as_raw());
        assert_eq!((answer.exit, answer.body.get()), (3, format!("\"{me}\"").as_str()));
        serving.abort();
    }

    #[tokio::test]
    async fn a_fault_in_a_verb_is_an_answer_and_the_next_request_is_served() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("tickler.sock");
        let socket = ControlSocket::bind(&path).expect("a socket");
        let serving = tokio::spawn(async move {
            let answer = |_actor, request| async move {
                assert!(matches!(request, Request::Reload), "only a reload is answered here");
                Answer::of(Exit::Done, &())
            };
            socket.serve(Arc::new(SystemClock::new()), 8, answer).await;
        });
        assert_eq!(ask(&path, &Request::Status).await.expect("an answer").exit, 1);
        assert_eq!(ask(&path, &Request::Reload).await.expect("an answer").exit, 0);
        serving.abort();
    }

    #[tokio::test]
    async fn what_is_no_request_is_refused_and_a_stale_socket_is_replaced() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("tickler.sock");
        std::fs::write(&path, "somebody's").expect("a file");
        assert_eq!(ControlSocket::bind(&path).err().map(|error| error.kind()), Some(io::ErrorKind::AlreadyExists));
        std::fs::remove_file(&path).expect("the file goes");
        drop(std::os::unix::net::UnixListener::bind(&path).expect("a socket left behind"));
        assert_eq!(ask(&path, &Request::Status).await.err(), Some(ControlError::NobodyThere(path.clone())));
        let socket = ControlSocket::bind(&path).expect("the stale file is replaced");
        let serving = tokio::spawn(async move {
            socket.serve(Arc::new(SystemClock::new()), 8, |_, _| async { Answer::of(Exit::Done, &()) }).await;
        });
        let stream = UnixStream::connect(&path).await.expect("a connection");
        let (reading, mut writing) = stream.into_split();
        writing.write_all(b"{\"verb\":\"dance\"}\n").await.expect("written");
        let mut line = String::new();
        BufReader::new(reading).read_line(&mut line).await.expect("an answer");
        assert!(line.contains("\"exit\":2") && line.contains("not a valid request"), "{line}");
        serving.abort();
    }
}
