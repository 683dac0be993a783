//! shell: the control socket: one JSON request a line, one JSON answer a line; the caller's user is the audit's actor.

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
use crate::verbs::{Answer, Request};
use crate::web::connections::{Busy, Connections, HEADER_TIMEOUT};

/// No request is longer.
const LONGEST_REQUEST: u64 = 64 * 1024;

/// Members of the service's group may speak to it, nobody else.
const MODE: u32 = 0o660;

/// After a caller was lost (no file descriptors are left), the next is waited for so long.
const AFTER_A_LOSS: Duration = Duration::from_millis(100);

/// Why the running service did not answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ControlError {
    /// No service runs: the verb does the work itself, or ends with 6.
    #[error("no service listens at `{}`", .0.display())]
    NobodyThere(PathBuf),
    /// It runs, but the caller is not in its group.
    #[error("you may not speak to the service at `{}`: become a member of its group", .0.display())]
    Forbidden(PathBuf),
    /// It broke off.
    #[error("the service did not answer: {0}")]
    Broken(String),
}

/// Asks the running service and waits for its answer, which may take as long as the verb does.
///
/// # Errors
/// When nobody is there, the caller may not, or the connection breaks.
pub async fn ask(socket: &Path, request: &Request) -> Result<Answer, ControlError> {
    ask_with(socket, request, None).await
}

/// As [`ask`], with a file beside the request that the service is to write.
///
/// # Errors
/// As [`ask`].
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
        return Err(ControlError::Broken("it closed the connection; its log tells more".to_owned()));
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

/// The socket, bound; its file goes with it.
#[derive(Debug)]
pub struct ControlSocket {
    listener: UnixListener,
    path: PathBuf,
    talks: Talks,
}

/// The requests that are read and not yet answered.
#[derive(Debug, Clone)]
pub struct Talks(Arc<watch::Sender<usize>>);

impl Talks {
    /// Returns once every request that was read has its answer.
    pub async fn over(&self) {
        let mut under_way = self.0.subscribe();
        // the sender lives in `self`, so it is never closed
        let _never_closed = under_way.wait_for(|count| *count == 0).await;
    }

    fn begin(&self) -> Talk {
        self.0.send_modify(|count| *count += 1);
        Talk(self.clone())
    }
}

/// One of them, until it is dropped.
struct Talk(Talks);

impl Drop for Talk {
    fn drop(&mut self) {
        (self.0.0).send_modify(|count| *count -= 1);
    }
}

impl ControlSocket {
    /// Binds it. A socket left by a crash is replaced: whoever holds the ledger's lock is the one service.
    ///
    /// # Errors
    /// When the folder isn't there or may not be written, or the file is somebody's and no socket.
    pub fn bind(path: &Path) -> io::Result<Self> {
        match std::fs::symlink_metadata(path) {
            Ok(found) if found.file_type().is_socket() => std::fs::remove_file(path)?,
            Ok(_somebodys) => return Err(io::Error::new(io::ErrorKind::AlreadyExists, "it is there and no socket")),
            Err(_none) => {}
        }
        let listener = UnixListener::bind(path)?;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(MODE))?;
        Ok(Self { listener, path: path.to_owned(), talks: Talks(Arc::default()) })
    }

    /// What is asked and not yet answered; outlives the socket.
    #[must_use]
    pub fn talks(&self) -> Talks {
        self.talks.clone()
    }

    /// Answers every caller with `perform(caller, request)` until it is dropped.
    pub async fn serve<P, F>(&self, clock: SharedClock, most: usize, perform: P)
    where
        P: Fn(Asker, Request) -> F + Send + Sync + 'static,
        F: Future<Output = Answer> + Send + 'static,
    {
        let perform = Arc::new(perform);
        let mut connections = Connections::new(most);
        loop {
            match self.listener.accept().await {
                Ok(_) if !connections.make_room() => {}
                Ok((stream, _address)) => {
                    let (perform, talks, clock) = (Arc::clone(&perform), self.talks(), Arc::clone(&clock));
                    let busy = Busy::default();
                    let caller = ControlConnection { talks, busy: busy.clone(), clock };
                    let task = tokio::spawn(async move { converse(stream, &caller, perform.as_ref()).await });
                    connections.add(busy, &task);
                }
                Err(error) => {
                    tracing::warn!(%error, "a caller of the control socket was lost");
                    clock.sleep(AFTER_A_LOSS).await;
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

/// Who asks, and what came with the request.
#[derive(Debug)]
pub struct Asker {
    /// The user, as this machine names them.
    pub actor: String,
    /// A file that was handed over, to be written.
    pub file: Option<File>,
}

/// What belongs to one connection.
struct ControlConnection {
    talks: Talks,
    busy: Busy,
    clock: SharedClock,
}

/// A whole line; `None` when the caller went away or took too long over it.
async fn request_line(reading: &mut (impl AsyncBufReadExt + Unpin), clock: &SharedClock) -> Option<String> {
    let mut line = String::new();
    let mut limited = reading.take(LONGEST_REQUEST);
    let read = std::pin::pin!(limited.read_line(&mut line));
    match select(read, clock.sleep(HEADER_TIMEOUT)).await {
        Either::Left((Ok(length), _)) if length > 0 => Some(line),
        Either::Left(_) | Either::Right(_) => None,
    }
}

async fn converse<P, F>(stream: UnixStream, who: &ControlConnection, perform: &P)
where
    P: Fn(Asker, Request) -> F,
    F: Future<Output = Answer> + Send + 'static,
{
    let Ok(peer) = stream.peer_cred() else { return };
    let actor = user_name(peer.uid());
    let (reading, mut writing) = stream.into_split();
    let mut reading = BufReader::new(HandoverReader::new(reading));
    loop {
        let Some(line) = request_line(&mut reading, &who.clock).await else { return };
        let _until_it_is_answered = (who.talks.begin(), who.busy.begin());
        let answer = match serde_json::from_str(&line) {
            Ok(request) => {
                let caller = Asker { actor: actor.clone(), file: reading.get_mut().take_file() };
                perform_safely(perform(caller, request)).await
            }
            Err(error) => Answer::refusal(2, format!("this is no request: {error}")),
        };
        let mut answer = serde_json::to_string(&answer).expect("an answer is JSON already");
        answer.push('\n');
        if writing.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

/// A caller that goes away doesn't end what it asked for, and a fault in a verb doesn't end the service.
async fn perform_safely<F: Future<Output = Answer> + Send + 'static>(verb: F) -> Answer {
    tokio::spawn(verb).await.unwrap_or_else(|_panic| {
        tracing::error!("a verb broke off: a fault of this program");
        Answer::refusal(1, "the verb broke off: a fault of this program; the service goes on".to_owned())
    })
}

/// The user's name as this machine knows it (its directory services too), else its number.
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
            let answer = |caller: Asker, _request| async move { Answer::of(Exit::of_code(3), &caller.actor) };
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
        assert!(line.contains("\"exit\":2") && line.contains("this is no request"), "{line}");
        serving.abort();
    }
}
