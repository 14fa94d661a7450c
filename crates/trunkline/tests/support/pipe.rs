//! An in-memory pipe that can be told how to behave: how many bytes it takes at a time, how often it
//! says "not now", and when it breaks. It knows no budget of tokio's, so it can be polled by hand.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// How an end of a pipe treats who uses it.
#[derive(Clone, Copy, Debug)]
pub struct Manner {
    /// Bytes that one read gives at most.
    pub read_max: usize,
    /// Bytes that one write takes at most.
    pub write_max: usize,
    /// Says "not now" before each read and each write that it does, and wakes at once.
    pub stutters: bool,
    /// Takes several slices in one write.
    pub vectored: bool,
}

/// As much as there is, at once.
pub const SMOOTH: Manner =
    Manner { read_max: usize::MAX, write_max: usize::MAX, stutters: false, vectored: true };

/// One byte at a time, and only every other time.
pub const ONE_BYTE: Manner = Manner { read_max: 1, write_max: 1, stutters: true, vectored: false };

/// One end of a pipe. Dropping it ends the stream for the other end; writing to it then fails.
pub struct End {
    manner: Arc<Mutex<Manner>>,
    reads: Arc<Mutex<Flow>>,
    writes: Arc<Mutex<Flow>>,
    /// Whether the next read, and the next write, goes through.
    ready: [bool; 2],
}

/// A handle on both directions of an end, to look at them and to break them.
#[derive(Clone)]
pub struct Control {
    manner: Arc<Mutex<Manner>>,
    reads: Arc<Mutex<Flow>>,
    writes: Arc<Mutex<Flow>>,
}

/// One direction.
#[derive(Default)]
struct Flow {
    bytes: VecDeque<u8>,
    room: usize,
    ended: bool,
    /// Nobody reads any more.
    deaf: bool,
    read_error: Option<io::ErrorKind>,
    write_error: Option<io::ErrorKind>,
    /// Bytes that were written altogether.
    written: u64,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

impl Flow {
    fn wake(&mut self) {
        [self.reader.take(), self.writer.take()].into_iter().flatten().for_each(Waker::wake);
    }
}

fn lock(flow: &Mutex<Flow>) -> MutexGuard<'_, Flow> {
    flow.lock().unwrap()
}

/// A pipe with `room` bytes in each direction: our end, which behaves in this manner, and the peer's.
pub fn pipe(room: usize, manner: Manner) -> (End, End) {
    let [a, b] = [(); 2].map(|()| Arc::new(Mutex::new(Flow { room, ..Flow::default() })));
    let end = |reads: &Arc<_>, writes: &Arc<_>, manner| End {
        manner: Arc::new(Mutex::new(manner)),
        reads: Arc::clone(reads),
        writes: Arc::clone(writes),
        ready: [false; 2],
    };
    (end(&a, &b, manner), end(&b, &a, SMOOTH))
}

impl End {
    pub fn control(&self) -> Control {
        Control {
            manner: Arc::clone(&self.manner),
            reads: Arc::clone(&self.reads),
            writes: Arc::clone(&self.writes),
        }
    }

    fn manner(&self) -> Manner {
        *self.manner.lock().unwrap()
    }

    fn is_ready(&mut self, direction: usize, cx: &Context<'_>) -> bool {
        let ready = !self.manner().stutters || self.ready[direction];
        self.ready[direction] = !ready;
        if !ready {
            cx.waker().wake_by_ref();
        }
        ready
    }
}

impl Control {
    /// From now on the end behaves like this.
    pub fn set_manner(&self, manner: Manner) {
        *self.manner.lock().unwrap() = manner;
    }

    /// How much fits in what this end writes, from now on.
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

    /// What was written and not read by the other end, which is thereby taken.
    pub fn take_written(&self) -> Vec<u8> {
        let mut flow = lock(&self.writes);
        let bytes = flow.bytes.drain(..).collect();
        flow.wake();
        bytes
    }

    /// How many bytes this end wrote altogether.
    pub fn written(&self) -> u64 {
        lock(&self.writes).written
    }

    /// Bytes that this end could read and has not.
    pub fn unread(&self) -> usize {
        lock(&self.reads).bytes.len()
    }

    /// Whether this end has stopped writing.
    pub fn has_ended(&self) -> bool {
        lock(&self.writes).ended
    }

    /// Puts bytes before this end, whatever room there is.
    pub fn push(&self, bytes: &[u8]) {
        let mut flow = lock(&self.reads);
        flow.bytes.extend(bytes);
        flow.wake();
    }

    /// Lets go of all bytes, and of the memory for them.
    pub fn forget(&self) {
        lock(&self.reads).bytes = VecDeque::new();
        lock(&self.writes).bytes = VecDeque::new();
    }

    /// The peer stops writing, if it does.
    pub fn end_after(&self, ended: bool) {
        if ended {
            self.end_reads();
        }
    }

    /// The peer stops writing.
    pub fn end_reads(&self) {
        let mut flow = lock(&self.reads);
        flow.ended = true;
        flow.wake();
    }
}

impl AsyncRead for End {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.is_ready(0, cx) {
            return Poll::Pending;
        }
        let read_max = self.manner().read_max;
        let mut flow = lock(&self.reads);
        if !flow.bytes.is_empty() {
            let len = flow.bytes.len().min(read_max).min(buf.remaining());
            let (front, back) = flow.bytes.as_slices();
            let from_front = len.min(front.len());
            buf.put_slice(&front[..from_front]);
            buf.put_slice(&back[..len - from_front]);
            flow.bytes.drain(..len);
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

impl AsyncWrite for End {
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
        if !self.is_ready(1, cx) {
            return Poll::Pending;
        }
        let write_max = self.manner().write_max;
        let mut flow = lock(&self.writes);
        if let Some(kind) = flow.write_error {
            return Poll::Ready(Err(kind.into()));
        }
        if flow.deaf || flow.ended {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let room = flow.room.saturating_sub(flow.bytes.len()).min(write_max);
        if room == 0 {
            flow.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let mut taken = 0;
        for slice in slices {
            let len = slice.len().min(room - taken);
            flow.bytes.extend(&slice[..len]);
            taken += len;
        }
        flow.written += taken as u64;
        if let Some(reader) = flow.reader.take() {
            reader.wake();
        }
        Poll::Ready(Ok(taken))
    }

    fn is_write_vectored(&self) -> bool {
        self.manner().vectored
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut flow = lock(&self.writes);
        flow.ended = true;
        flow.wake();
        Poll::Ready(Ok(()))
    }
}

impl Drop for End {
    fn drop(&mut self) {
        let mut writes = lock(&self.writes);
        writes.ended = true;
        writes.wake();
        drop(writes);
        let mut reads = lock(&self.reads);
        reads.deaf = true;
        reads.wake();
    }
}
