//! What the driver asks its stream for.

mod support;

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use trunkline::testing::{Pipe, pipe};
use trunkline::{Acceptor, Connector, Message};

use support::*;

/// A pipe that keeps the largest room which a read offered.
struct Measured {
    pipe: Pipe,
    largest: Arc<AtomicUsize>,
}

impl AsyncRead for Measured {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.largest.fetch_max(buf.remaining(), Ordering::Relaxed);
        Pin::new(&mut self.pipe).poll_read(cx, buf)
    }
}

impl AsyncWrite for Measured {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.pipe).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.pipe).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.pipe).poll_shutdown(cx)
    }
}

/// Then it is unmasked while it is in the processor's cache, however large the message and the buffer are that
/// was made for one as large as the last.
#[tokio::test]
async fn a_read_takes_256_kib_at_most() {
    let (near, far) = pipe(4 << 20);
    let largest = Arc::new(AtomicUsize::new(0));
    let measured = Measured { pipe: far, largest: Arc::clone(&largest) };
    let (mut client, mut server) =
        connect(&Connector::new(), &Acceptor::new(), near, measured).await;
    for size in [1 << 20, 1 << 20, 300_000, 256 << 10, 1, 1 << 20, 600_000] {
        let message = Message::from(vec![7; size]);
        client.send(message.clone()).await.unwrap();
        assert_eq!(server.recv().await.unwrap(), Some(message));
    }
    assert_eq!(largest.load(Ordering::Relaxed), 256 << 10);
}
