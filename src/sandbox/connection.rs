//! shell: connections that can be broken off as a crashing server would: reset, without a byte of an answer.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// One connection.
pub(super) struct CuttableStream {
    stream: TcpStream,
    cut: ConnectionCut,
}

/// Cuts its connection: the next byte to be written resets it instead.
#[derive(Debug, Clone, Default)]
pub(super) struct ConnectionCut(Arc<AtomicBool>);

impl ConnectionCut {
    pub(super) fn cut(&self) {
        self.0.store(true, Ordering::Release);
    }

    fn is_cut(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

impl CuttableStream {
    /// A connection, and what cuts it.
    pub(super) fn of(stream: TcpStream) -> (Self, ConnectionCut) {
        if let Err(failure) = stream.set_nodelay(true) {
            tracing::debug!(%failure, "a sandbox connection stays with Nagle's algorithm");
        }
        let cut = ConnectionCut::default();
        (Self { stream, cut: cut.clone() }, cut)
    }
}

impl AsyncRead for CuttableStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for CuttableStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.cut.is_cut() {
            // without a linger time the kernel answers the close with RST, not FIN
            self.stream.set_zero_linger()?;
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.cut.is_cut() {
            return Poll::Ready(Ok(())); // a FIN now would be an orderly end
        }
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
