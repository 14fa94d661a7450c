//! [`Handed`]: a stream that an HTTP server hands over in a box of its own.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};

use ::hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A stream of a type that only the server knows.
pub(crate) struct Handed {
    /// Never locked, for whoever uses it has it alone. It makes the stream `Sync`, which hyper's is
    /// not, so that a [`WebSocket`](crate::WebSocket) is `Sync` with this feature as it is without.
    stream: Mutex<TokioIo<Upgraded>>,
    is_write_vectored: bool,
}

impl Handed {
    pub(super) fn new(upgraded: Upgraded) -> Self {
        let stream = TokioIo::new(upgraded);
        Self { is_write_vectored: stream.is_write_vectored(), stream: Mutex::new(stream) }
    }

    fn stream(&mut self) -> Pin<&mut TokioIo<Upgraded>> {
        Pin::new(self.stream.get_mut().unwrap_or_else(PoisonError::into_inner))
    }
}

impl AsyncRead for Handed {
    #[inline]
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.stream().poll_read(cx, buf)
    }
}

impl AsyncWrite for Handed {
    #[inline]
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.stream().poll_write(cx, buf)
    }

    #[inline]
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.stream().poll_write_vectored(cx, bufs)
    }

    #[inline]
    fn is_write_vectored(&self) -> bool {
        self.is_write_vectored
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_shutdown(cx)
    }
}
