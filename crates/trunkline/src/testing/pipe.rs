//! A pair of streams in memory.

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Two connected streams with room for so many bytes in each direction: what one end writes, the
/// other reads. An end that writes into a full pipe waits, as with the buffers of a socket.
///
/// ```
/// use tokio::io::{AsyncReadExt, AsyncWriteExt};
///
/// # async fn run() -> std::io::Result<()> {
/// let (mut a, mut b) = trunkline::testing::pipe(1024);
/// a.write_all(b"hello").await?;
/// drop(a);
/// let mut heard = String::new();
/// b.read_to_string(&mut heard).await?;
/// assert_eq!(heard, "hello");
/// # Ok(()) }
/// # tokio::runtime::Runtime::new().unwrap().block_on(run()).unwrap();
/// ```
pub fn pipe(room: usize) -> (Pipe, Pipe) {
    let [a, b] = [(); 2].map(|()| Arc::new(Mutex::new(Flow { room, ..Flow::default() })));
    let pipe = |reads: &Arc<_>, writes: &Arc<_>| {
        Pipe(PipeControl { reads: Arc::clone(reads), writes: Arc::clone(writes) })
    };
    (pipe(&a, &b), pipe(&b, &a))
}

/// One end of a [`pipe`]. Dropping it ends the stream for the other end, whose writes then fail.
///
/// It takes no part in tokio's budget for tasks, so it does what it is told when it is polled by hand.
pub struct Pipe(PipeControl);

/// A handle on one end of a [`pipe`], to look at what has gone through it, to put bytes into it, and
/// to break it, while the [`Pipe`] itself belongs to the code under test.
#[derive(Clone)]
pub struct PipeControl {
    reads: Arc<Mutex<Flow>>,
    writes: Arc<Mutex<Flow>>,
}

/// One direction.
#[derive(Default)]
struct Flow {
    bytes: VecDeque<u8>,
    room: usize,
    /// Nobody writes any more.
    ended: bool,
    /// Nobody reads any more.
    deaf: bool,
    read_error: Option<io::ErrorKind>,
    write_error: Option<io::ErrorKind>,
    /// Bytes that were written altogether, and by how many writes.
    written: u64,
    writes: u64,
    /// How often it was read from and written to, or could not be.
    read_polls: u64,
    write_polls: u64,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

impl Flow {
    fn wake(&mut self) {
        [self.reader.take(), self.writer.take()].into_iter().flatten().for_each(Waker::wake);
    }

    fn read(&mut self, buf: &mut ReadBuf<'_>) {
        let len = self.bytes.len().min(buf.remaining());
        let (front, back) = self.bytes.as_slices();
        let from_front = len.min(front.len());
        buf.put_slice(&front[..from_front]);
        buf.put_slice(&back[..len - from_front]);
        self.bytes.drain(..len);
    }

    fn write(&mut self, slices: &[IoSlice<'_>], room: usize) -> usize {
        let mut taken = 0;
        for slice in slices {
            let len = slice.len().min(room - taken);
            self.bytes.extend(&slice[..len]);
            taken += len;
        }
        self.written += taken as u64;
        self.writes += 1;
        taken
    }
}

fn lock(flow: &Mutex<Flow>) -> MutexGuard<'_, Flow> {
    flow.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Pipe {
    /// A handle on this end, which stays good when the end itself has been given away.
    pub fn control(&self) -> PipeControl {
        self.0.clone()
    }
}

impl PipeControl {
    /// How many bytes fit into what this end writes, from now on. With 0 it takes nothing.
    pub fn set_room(&self, room: usize) {
        let mut flow = lock(&self.writes);
        flow.room = room;
        flow.wake();
    }

    /// Reads of this end fail from now on, after what has come already.
    pub fn fail_reads(&self, kind: io::ErrorKind) {
        let mut flow = lock(&self.reads);
        flow.read_error = Some(kind);
        flow.wake();
    }

    /// Writes of this end fail from now on.
    pub fn fail_writes(&self, kind: io::ErrorKind) {
        let mut flow = lock(&self.writes);
        flow.write_error = Some(kind);
        flow.wake();
    }

    /// What this end has written and the other has not read, which thereby is taken from it.
    pub fn take_written(&self) -> Vec<u8> {
        let mut flow = lock(&self.writes);
        let bytes = flow.bytes.drain(..).collect();
        flow.wake();
        bytes
    }

    /// How many bytes this end has written altogether.
    pub fn written(&self) -> u64 {
        lock(&self.writes).written
    }

    /// By how many writes.
    pub fn writes(&self) -> u64 {
        lock(&self.writes).writes
    }

    /// How often this end has tried to read or to write, in vain or not: who waits should not try again
    /// before it is woken.
    pub fn polls(&self) -> u64 {
        lock(&self.reads).read_polls + lock(&self.writes).write_polls
    }

    /// How many bytes this end could read and has not.
    pub fn unread(&self) -> usize {
        lock(&self.reads).bytes.len()
    }

    /// Whether this end has stopped writing.
    pub fn has_ended(&self) -> bool {
        lock(&self.writes).ended
    }

    /// Puts bytes before this end as if the other had written them, whatever room there is.
    pub fn push(&self, bytes: &[u8]) {
        let mut flow = lock(&self.reads);
        flow.bytes.extend(bytes);
        flow.wake();
    }

    /// Ends the stream for this end, after what has come already, as if the other had stopped writing.
    pub fn end_reads(&self) {
        let mut flow = lock(&self.reads);
        flow.ended = true;
        flow.wake();
    }

    /// Throws away all bytes that are on their way, and gives their memory back.
    pub fn discard(&self) {
        for flow in [&self.reads, &self.writes] {
            let mut flow = lock(flow);
            flow.bytes = VecDeque::new();
            flow.wake();
        }
    }
}

impl AsyncRead for Pipe {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut flow = lock(&self.0.reads);
        flow.read_polls += 1;
        if !flow.bytes.is_empty() {
            flow.read(buf);
            if let Some(writer) = flow.writer.take() {
                writer.wake();
            }
            return Poll::Ready(Ok(()));
        }
        if let Some(kind) = flow.read_error {
            return Poll::Ready(Err(kind.into()));
        }
        if flow.ended {
            return Poll::Ready(Ok(()));
        }
        flow.reader = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl AsyncWrite for Pipe {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut flow = lock(&self.0.writes);
        flow.write_polls += 1;
        if let Some(kind) = flow.write_error {
            return Poll::Ready(Err(kind.into()));
        }
        if flow.deaf || flow.ended {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let room = flow.room.saturating_sub(flow.bytes.len());
        if room == 0 && slices.iter().any(|slice| !slice.is_empty()) {
            flow.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let taken = flow.write(slices, room);
        if let Some(reader) = flow.reader.take() {
            reader.wake();
        }
        Poll::Ready(Ok(taken))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut flow = lock(&self.0.writes);
        flow.ended = true;
        flow.wake();
        Poll::Ready(Ok(()))
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        let mut writes = lock(&self.0.writes);
        writes.ended = true;
        writes.wake();
        drop(writes);
        let mut reads = lock(&self.0.reads);
        reads.deaf = true;
        reads.wake();
    }
}

impl fmt::Debug for Pipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt_ends("Pipe", &self.0, f)
    }
}

impl fmt::Debug for PipeControl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt_ends("PipeControl", self, f)
    }
}

fn fmt_ends(name: &str, of: &PipeControl, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let (unread, written) = (of.unread(), of.written());
    f.debug_struct(name).field("unread", &unread).field("written", &written).finish_non_exhaustive()
}
