//! An echo through the library: one read brings a message, or many, and the answers leave in one write.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use trunkline::{Batch, SendError, WebSocket};

use crate::handshake::REQUEST;
use crate::{Kernel, Round, frames};

const MESSAGES: u32 = 64;

pub(crate) const ALL: &[Kernel] = &[
    ("echo-32", MESSAGES, || echo(32, 1, answer)),
    ("echo-1k", MESSAGES, || echo(1024, 1, answer)),
    ("echo-together-32", MESSAGES, || echo(32, MESSAGES, answer)),
    ("echo-together-1k", MESSAGES, || echo(1024, MESSAGES, answer)),
    ("echo-batch-32", MESSAGES, || echo(32, 1, batches)),
];

async fn answer(mut ws: WebSocket<Peer>) -> Result<(), SendError> {
    ws.answer(|message, answers| answers.feed(message)).await
}

async fn batches(mut ws: WebSocket<Peer>) -> Result<(), SendError> {
    let mut batch = Batch::new();
    while ws.recv_many(&mut batch).await? > 0 {
        ws.feed_all(&batch).await?;
    }
    Ok(())
}

/// A peer that speaks when it is told to, and takes whatever it is sent.
struct Peer {
    /// What it says first.
    request: Option<&'static [u8]>,
    /// What it says ever after.
    frame: Vec<u8>,
    counts: Arc<Counts>,
}

#[derive(Default)]
struct Counts {
    /// How often it may speak.
    due: AtomicUsize,
    /// Bytes that it was sent.
    taken: AtomicUsize,
}

impl AsyncRead for Peer {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.counts.due.load(Relaxed) == 0 {
            return Poll::Pending;
        }
        self.counts.due.fetch_sub(1, Relaxed);
        match self.request.take() {
            Some(request) => buf.put_slice(request),
            None => buf.put_slice(&self.frame),
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Peer {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.counts.taken.fetch_add(bytes.len(), Relaxed);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Messages of `len` bytes, so many in each read.
fn echo<F>(len: usize, together: u32, serve: fn(WebSocket<Peer>) -> F) -> Round
where
    F: Future<Output = Result<(), SendError>> + 'static,
{
    // For the timer of the connection, which nobody drives: it stays as it was set.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let runtime = runtime.expect("a runtime needs memory alone");
    let counts = Arc::new(Counts::default());
    let frame =
        frames::frames(together as usize, trunkline_proto::frame::OpCode::Binary, &vec![7; len]);
    let peer = Peer { request: Some(REQUEST), frame, counts: Arc::clone(&counts) };
    let mut connection = Box::pin(async move {
        let ws = trunkline::accept(peer).await.expect("a good request");
        serve(ws).await.expect("it is open");
    });
    let mut go_on = move |counts: &Counts| {
        let _entered = runtime.enter();
        counts.due.store(1, Relaxed);
        let polled = connection.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(polled.is_pending(), "the peer goes on");
    };
    go_on(&counts);
    Box::new(move || {
        counts.taken.store(0, Relaxed);
        (0..MESSAGES / together).for_each(|_| go_on(&counts));
        assert!(counts.taken.load(Relaxed) > len * MESSAGES as usize, "all was answered");
    })
}
