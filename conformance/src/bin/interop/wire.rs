//! [`Wire`]: a stream that counts its bytes, and can bring the end of the handshake and the first
//! message together.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Bytes that went over a connection so far, the handshake included.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    read: AtomicUsize,
    written: AtomicUsize,
}

impl Counts {
    pub(crate) fn read(&self) -> usize {
        self.read.load(Ordering::Relaxed)
    }

    pub(crate) fn written(&self) -> usize {
        self.written.load(Ordering::Relaxed)
    }
}

/// What to do about early data: a message in one segment with the 101 that it follows. TCP decides
/// for itself which writes share a segment; `Hold` and `Await` leave it no choice.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Early {
    AsItComes,
    /// A server holds its 101 back until it has more to write.
    Hold,
    /// A client reads nothing until there is more than a 101.
    Await,
}

#[derive(Debug)]
pub(crate) struct Wire<S> {
    stream: S,
    counts: Arc<Counts>,
    early: Early,
    /// Was given to this stream and waits to be written.
    outgoing: Vec<u8>,
    /// Was read and waits to be asked for.
    incoming: Vec<u8>,
}

impl<S> Wire<S> {
    pub(crate) fn new(stream: S, early: Early) -> (Self, Arc<Counts>) {
        let counts = Arc::new(Counts::default());
        let shared = Arc::clone(&counts);
        (Self { stream, counts: shared, early, outgoing: Vec::new(), incoming: Vec::new() }, counts)
    }
}

impl<S: AsyncRead + Unpin> Wire<S> {
    /// Reads until a head is whole and something follows it.
    fn poll_await(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.early == Early::Await {
            let mut bytes = [0; 2048];
            let mut buffer = ReadBuf::new(&mut bytes);
            ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer))?;
            self.incoming.extend_from_slice(buffer.filled());
            self.counts.read.fetch_add(buffer.filled().len(), Ordering::Relaxed);
            let head_ends = self.incoming.windows(4).position(|four| four == b"\r\n\r\n");
            let more = head_ends.is_some_and(|at| at + 4 < self.incoming.len());
            if more || buffer.filled().is_empty() {
                self.early = Early::AsItComes;
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> Wire<S> {
    fn poll_write_outgoing(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.early != Early::Hold && !self.outgoing.is_empty() {
            let written = ready!(Pin::new(&mut self.stream).poll_write(cx, &self.outgoing))?;
            self.counts.written.fetch_add(written, Ordering::Relaxed);
            self.outgoing.drain(..written);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Wire<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(self.poll_await(cx))?;
        if !self.incoming.is_empty() {
            let taken = buffer.remaining().min(self.incoming.len());
            buffer.put_slice(&self.incoming[..taken]);
            self.incoming.drain(..taken);
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        self.counts.read.fetch_add(buffer.filled().len() - before, Ordering::Relaxed);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Wire<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.early == Early::Hold {
            if !self.outgoing.is_empty() {
                self.early = Early::AsItComes;
            }
            for slice in slices {
                self.outgoing.extend_from_slice(slice);
            }
            return Poll::Ready(Ok(slices.iter().map(|slice| slice.len()).sum()));
        }
        ready!(self.poll_write_outgoing(cx))?;
        let written = ready!(Pin::new(&mut self.stream).poll_write_vectored(cx, slices))?;
        self.counts.written.fetch_add(written, Ordering::Relaxed);
        Poll::Ready(Ok(written))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_write_outgoing(cx))?;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_write_outgoing(cx))?;
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    /// The first write waits for the second, then both leave together.
    #[tokio::test]
    async fn a_server_that_holds_writes_head_and_message_at_once() {
        let (near, mut far) = duplex(1024);
        let (mut wire, counts) = Wire::new(near, Early::Hold);
        wire.write_all(b"101\r\n\r\n").await.unwrap();
        wire.flush().await.unwrap();
        assert_eq!(counts.written(), 0);
        wire.write_all(b"early").await.unwrap();
        wire.flush().await.unwrap();
        let mut bytes = [0; 64];
        let read = far.read(&mut bytes).await.unwrap();
        assert_eq!(&bytes[..read], b"101\r\n\r\nearly");
        assert_eq!(counts.written(), 12);
    }

    /// Nothing is given out before something has followed the head.
    #[tokio::test]
    async fn a_client_that_awaits_reads_head_and_message_at_once() {
        let (near, mut far) = duplex(1024);
        let (mut wire, counts) = Wire::new(near, Early::Await);
        let mut bytes = [0; 64];
        for part in [&b"101\r\n\r"[..], b"\n"] {
            far.write_all(part).await.unwrap();
            let mut read = Box::pin(wire.read(&mut bytes));
            assert!(poll_once(read.as_mut()).is_pending());
        }
        far.write_all(b"early").await.unwrap();
        let read = wire.read(&mut bytes).await.unwrap();
        assert_eq!(&bytes[..read], b"101\r\n\r\nearly");
        assert_eq!(counts.read(), 12);
    }

    fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
        future.poll(&mut Context::from_waker(std::task::Waker::noop()))
    }
}
