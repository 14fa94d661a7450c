//! [`Early`]: a stream of which some bytes have been read already.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Gives the bytes that came behind a proxy's answer, then those of the stream.
pub(crate) struct Early<S> {
    bytes: Vec<u8>,
    given: usize,
    stream: S,
}

impl<S> Early<S> {
    pub(crate) const fn new(bytes: Vec<u8>, stream: S) -> Self {
        Self { bytes, given: 0, stream }
    }

    /// The stream below.
    pub(crate) const fn get_ref(&self) -> &S {
        &self.stream
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Early<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let left = this.bytes.get(this.given..).unwrap_or_default();
        if left.is_empty() {
            return Pin::new(&mut this.stream).poll_read(cx, buf);
        }
        let (now, later) = left.split_at(left.len().min(buf.remaining()));
        buf.put_slice(now);
        this.given += now.len();
        if later.is_empty() {
            // A connection may live for weeks.
            (this.bytes, this.given) = (Vec::new(), 0);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Early<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    #[tokio::test]
    async fn early_bytes_come_first_however_they_are_read() {
        for step in 1..=12 {
            let (ours, mut theirs) = duplex(64);
            theirs.write_all(b"stream").await.unwrap();
            drop(theirs);
            let mut early = Early::new(b"early".to_vec(), ours);
            let (mut all, mut part) = (Vec::new(), vec![0; step]);
            loop {
                let read = early.read(&mut part).await.unwrap();
                if read == 0 {
                    break;
                }
                all.extend_from_slice(&part[..read]);
            }
            assert_eq!(all, b"earlystream");
            assert_eq!(early.bytes.capacity(), 0);
        }
    }
}
