//! [`Rewind`]: a stream from which some bytes have been read already, and which gives them again, screened.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::screen::Screen;
use crate::stall::Moved;

/// Stands for what must not pass: no reader takes it for anything, so hyper answers 400 and hangs up. It ends as a
/// head does, as hyper looks at no other once it has seen a part of one.
const NOTHING_AT_ALL: &[u8] = b"\0\r\n\r\n";

/// First `read`, then what comes from `stream`, as far as it passes the [`Screen`].
#[derive(Debug)]
pub(crate) struct Rewind<S> {
    read: Vec<u8>,
    given: usize,
    stream: S,
    screen: Screen,
    moved: Moved,
}

impl<S> Rewind<S> {
    pub(crate) fn new(read: Vec<u8>, stream: S) -> Self {
        Self { read, given: 0, stream, screen: Screen::new(), moved: Moved::default() }
    }

    /// What says how many bytes have gone through, to whoever does not have the stream.
    pub(crate) fn moved(&self) -> Moved {
        self.moved.clone()
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Rewind<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.screen.has_refused() && self.read.is_empty() {
            // Who is told 400 is not heard any more.
            return Poll::Ready(Ok(()));
        }
        let before = into.filled().len();
        ready!(self.poll_fill(cx, into))?;
        let came = into.filled().get(before..).unwrap_or_default();
        match self.screen.look_at(came) {
            Ok(()) => Poll::Ready(Ok(())),
            Err(passes) => {
                into.set_filled(before + passes);
                (self.read, self.given) = (NOTHING_AT_ALL.into(), 0);
                self.poll_fill(cx, into)
            }
        }
    }
}

impl<S: AsyncRead + Unpin> Rewind<S> {
    fn poll_fill(&mut self, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let rest = self.read.get(self.given..).unwrap_or_default();
        if rest.is_empty() {
            let before = into.filled().len();
            ready!(Pin::new(&mut self.stream).poll_read(cx, into))?;
            self.moved.add(into.filled().len() - before);
            return Poll::Ready(Ok(()));
        }
        let taken = rest.len().min(into.remaining());
        into.put_slice(rest.get(..taken).unwrap_or_default());
        self.given += taken;
        if self.given == self.read.len() {
            (self.read, self.given) = (Vec::new(), 0);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Rewind<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write(cx, bytes))?;
        self.moved.add(written);
        Poll::Ready(Ok(written))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write_vectored(cx, slices))?;
        self.moved.add(written);
        Poll::Ready(Ok(written))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
