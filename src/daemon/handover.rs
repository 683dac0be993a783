//! shell: files that are handed over through the control socket together with a request (`SCM_RIGHTS`): the caller opens what the
//! service is to write, so that neither needs to see the other's folders.

use std::fs::File;
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
    recvmsg, sendmsg,
};
use tokio::io::{AsyncRead, Interest, ReadBuf};
use tokio::net::unix::OwnedReadHalf;
use tokio::net::{UnixStream, unix::OwnedWriteHalf};

/// Writes the beginning of a request together with a file; returns how many bytes were written.
///
/// # Errors
/// When the connection takes nothing more.
pub(super) async fn write_with(writing: &OwnedWriteHalf, bytes: &[u8], file: &File) -> io::Result<usize> {
    let stream: &UnixStream = writing.as_ref();
    stream
        .async_io(Interest::WRITABLE, || {
            let files = [file.as_fd()];
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
            let mut control = SendAncillaryBuffer::new(&mut space);
            control.push(SendAncillaryMessage::ScmRights(&files));
            sendmsg(stream, &[IoSlice::new(bytes)], &mut control, SendFlags::NOSIGNAL).map_err(io::Error::from)
        })
        .await
}

/// What a caller writes; a file that comes with it is kept until it is taken.
#[derive(Debug)]
pub(super) struct HandoverReader {
    reading: OwnedReadHalf,
    file: Option<OwnedFd>,
}

impl HandoverReader {
    pub(super) const fn new(reading: OwnedReadHalf) -> Self {
        Self { reading, file: None }
    }

    /// The file that was handed over last, once.
    pub(super) fn take_file(&mut self) -> Option<File> {
        self.file.take().map(File::from)
    }
}

impl AsyncRead for HandoverReader {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        loop {
            let stream: &UnixStream = self.reading.as_ref();
            ready!(stream.poll_read_ready(cx))?;
            let read = stream.try_io(Interest::READABLE, || receive(stream, buffer));
            match read {
                Ok(file) => {
                    self.file = file.or(self.file.take());
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}

/// Reads what is there; of files that come with it one is kept, others are closed.
fn receive(stream: &UnixStream, buffer: &mut ReadBuf<'_>) -> io::Result<Option<OwnedFd>> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let unfilled = buffer.initialize_unfilled();
    let got = recvmsg(stream, &mut [IoSliceMut::new(unfilled)], &mut control, RecvFlags::CMSG_CLOEXEC)?;
    buffer.advance(got.bytes);
    let files = control.drain().filter_map(|message| match message {
        RecvAncillaryMessage::ScmRights(files) => Some(files),
        _ => None,
    });
    Ok(files.flatten().last())
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Seek, Write};

    use tokio::io::{AsyncBufReadExt, BufReader};

    use super::*;

    #[tokio::test]
    async fn a_file_goes_beside_a_line_and_is_taken_once() {
        let (one, other) = UnixStream::pair().expect("a connection");
        let (_, writing) = one.into_split();
        let (reading, _open) = other.into_split();
        let mut kept = tempfile::tempfile().expect("a file");
        let line = b"a request\n";
        assert_eq!(write_with(&writing, line, &kept).await.expect("it is written"), line.len());
        let mut reading = BufReader::new(HandoverReader::new(reading));
        let mut read = String::new();
        reading.read_line(&mut read).await.expect("a line");
        assert_eq!(read.as_bytes(), line);
        let mut handed = reading.get_mut().take_file().expect("a file came with it");
        assert!(reading.get_mut().take_file().is_none());
        handed.write_all(b"by the other side").expect("it is open for writing");
        let mut text = String::new();
        kept.rewind().and_then(|()| kept.read_to_string(&mut text)).expect("it is read");
        assert_eq!(text, "by the other side");
    }
}
