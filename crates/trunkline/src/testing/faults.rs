//! Faults: a stream that breaks, dawdles and stalls when it is told to.

use std::fmt;
use std::future::Future;
use std::io::{self, IoSlice};
use std::ops::RangeInclusive;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

/// Wraps a stream so that it can be told to misbehave: until then it behaves as it is. What is left to
/// chance, the sizes of pieces and the lengths of pauses, follows from `seed` alone.
///
/// ```
/// use tokio::io::AsyncWriteExt;
///
/// # async fn run() -> std::io::Result<()> {
/// let (ours, peers) = trunkline::testing::pipe(1024);
/// let (mut ours, faults) = trunkline::testing::faulty(ours, 7);
/// faults.split_writes(1..=3).cut_after_writing(10);
/// let error = ours.write_all(b"more than ten bytes").await.unwrap_err();
/// assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
/// assert_eq!(peers.control().unread(), 10);
/// # Ok(()) }
/// # tokio::runtime::Runtime::new().unwrap().block_on(run()).unwrap();
/// ```
pub fn faulty<S>(stream: S, seed: u64) -> (Faulty<S>, Faults) {
    let faults = Faults(Arc::new(Mutex::new(Plan { random: Random(seed), ..Plan::default() })));
    let wrapped = Faulty {
        stream: Some(stream),
        faults: faults.clone(),
        reads: Pace::default(),
        writes: Pace::default(),
    };
    (wrapped, faults)
}

/// A stream that [`Faults`] control.
pub struct Faulty<S> {
    /// `None` once it has been cut.
    stream: Option<S>,
    faults: Faults,
    reads: Pace,
    writes: Pace,
}

/// What goes wrong with a [`Faulty`] stream. Each method changes that from now on, also while the stream
/// is in use elsewhere. Byte numbers count from the first byte that ever went through the stream.
#[derive(Clone)]
pub struct Faults(Arc<Mutex<Plan>>);

#[derive(Default)]
struct Plan {
    random: Random,
    stutters: bool,
    cut: bool,
    reads: Direction,
    writes: Direction,
}

#[derive(Default)]
struct Direction {
    /// Bytes so far.
    bytes: u64,
    /// Bytes that one call moves.
    pieces: Option<RangeInclusive<usize>>,
    /// How long each call takes.
    delay: Option<RangeInclusive<Duration>>,
    /// What happens at which byte.
    then: Option<(u64, Then)>,
    /// Who waits, and is to hear of changes.
    waiting: Option<Waker>,
}

#[derive(Clone, Copy)]
enum Then {
    Cut,
    Fail(io::ErrorKind),
    Stall,
}

impl Plan {
    fn wake(&mut self) {
        let waiting = [self.reads.waiting.take(), self.writes.waiting.take()];
        waiting.into_iter().flatten().for_each(Waker::wake);
    }
}

impl Direction {
    fn is_at_cut(&self) -> bool {
        matches!(self.then, Some((at, Then::Cut)) if self.bytes >= at)
    }
}

/// Whether the next call of one direction goes through.
#[derive(Default)]
struct Pace {
    has_stuttered: bool,
    delay: Option<Pin<Box<Sleep>>>,
    has_waited: bool,
}

/// What a call may do.
enum Turn {
    /// Move this many bytes at most.
    Go(usize),
    Wait,
    Cut,
    Fail(io::ErrorKind),
}

impl Faults {
    /// Each read brings so many bytes at most.
    pub fn split_reads(&self, bytes: RangeInclusive<usize>) -> &Self {
        self.set(|plan| plan.reads.pieces = Some(bytes))
    }

    /// Each write takes so many bytes at most.
    pub fn split_writes(&self, bytes: RangeInclusive<usize>) -> &Self {
        self.set(|plan| plan.writes.pieces = Some(bytes))
    }

    /// Says "not now" before each read and each write that it does, and wakes the task at once. So a
    /// future is suspended wherever it can be, which finds what is lost when it is dropped there.
    pub fn stutter(&self) -> &Self {
        self.set(|plan| plan.stutters = true)
    }

    /// One byte at a time, with a "not now" before each: the strictest of [`split_reads`](Self::split_reads),
    /// [`split_writes`](Self::split_writes) and [`stutter`](Self::stutter).
    pub fn one_byte_at_a_time(&self) -> &Self {
        self.split_reads(1..=1).split_writes(1..=1).stutter()
    }

    /// Each read waits so long first.
    pub fn delay_reads(&self, time: RangeInclusive<Duration>) -> &Self {
        self.set(|plan| plan.reads.delay = Some(time))
    }

    /// Each write waits so long first.
    pub fn delay_writes(&self, time: RangeInclusive<Duration>) -> &Self {
        self.set(|plan| plan.writes.delay = Some(time))
    }

    /// After so many bytes have been read the stream is gone, as if a cable had been cut: reads and writes
    /// fail with `ConnectionReset`, and the stream underneath is dropped.
    pub fn cut_after_reading(&self, bytes: u64) -> &Self {
        self.set(|plan| plan.reads.then = Some((bytes, Then::Cut)))
    }

    /// The same after so many bytes have been written.
    pub fn cut_after_writing(&self, bytes: u64) -> &Self {
        self.set(|plan| plan.writes.then = Some((bytes, Then::Cut)))
    }

    /// The same now. A task that waits for the stream is woken; the other end hears of it once that task,
    /// or another, has used the stream again.
    pub fn cut(&self) -> &Self {
        self.cut_after_reading(0).cut_after_writing(0)
    }

    /// Reads fail after so many bytes; writes go on.
    pub fn fail_reads_after(&self, bytes: u64, kind: io::ErrorKind) -> &Self {
        self.set(|plan| plan.reads.then = Some((bytes, Then::Fail(kind))))
    }

    /// Writes fail after so many bytes; reads go on.
    pub fn fail_writes_after(&self, bytes: u64, kind: io::ErrorKind) -> &Self {
        self.set(|plan| plan.writes.then = Some((bytes, Then::Fail(kind))))
    }

    /// Reads bring nothing more after so many bytes, and no end either, until [`heal`](Self::heal).
    pub fn stall_reads_after(&self, bytes: u64) -> &Self {
        self.set(|plan| plan.reads.then = Some((bytes, Then::Stall)))
    }

    /// Writes take nothing more after so many bytes, until [`heal`](Self::heal).
    pub fn stall_writes_after(&self, bytes: u64) -> &Self {
        self.set(|plan| plan.writes.then = Some((bytes, Then::Stall)))
    }

    /// Nothing goes wrong any more, and what has stalled goes on. What was cut stays cut.
    pub fn heal(&self) -> &Self {
        self.set(|plan| {
            plan.stutters = false;
            for direction in [&mut plan.reads, &mut plan.writes] {
                (direction.pieces, direction.delay, direction.then) = (None, None, None);
            }
        })
    }

    /// Bytes that have been read so far.
    pub fn bytes_read(&self) -> u64 {
        self.lock().reads.bytes
    }

    /// Bytes that have been written so far.
    pub fn bytes_written(&self) -> u64 {
        self.lock().writes.bytes
    }

    fn set(&self, change: impl FnOnce(&mut Plan)) -> &Self {
        let mut plan = self.lock();
        change(&mut plan);
        plan.cut |= plan.reads.is_at_cut() || plan.writes.is_at_cut();
        plan.wake();
        self
    }

    fn lock(&self) -> MutexGuard<'_, Plan> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Decides on the next read or write.
    fn turn(&self, cx: &mut Context<'_>, pace: &mut Pace, of: Which) -> Turn {
        let mut plan = self.lock();
        if plan.cut {
            return Turn::Cut;
        }
        if plan.stutters && !pace.has_stuttered {
            pace.has_stuttered = true;
            cx.waker().wake_by_ref();
            return Turn::Wait;
        }
        let Plan { random, reads, writes, .. } = &mut *plan;
        let direction = of.of(reads, writes);
        if !pace.is_over(cx, direction.delay.as_ref(), random) {
            return Turn::Wait;
        }
        // Whoever waits for the stream underneath hears of changes to the plan as well.
        direction.waiting = Some(cx.waker().clone());
        let piece = direction.pieces.clone().map_or(usize::MAX, |range| random.within(range));
        match direction.then {
            None => Turn::Go(piece.max(1)),
            Some((at, then)) => match (at.saturating_sub(direction.bytes), then) {
                (0, Then::Stall) => Turn::Wait,
                (0, Then::Fail(kind)) => Turn::Fail(kind),
                (0, Then::Cut) => Turn::Cut,
                (left, _) => {
                    Turn::Go(piece.max(1).min(usize::try_from(left).unwrap_or(usize::MAX)))
                }
            },
        }
    }

    /// Takes note that so many bytes have been moved.
    fn moved(&self, bytes: usize, pace: &mut Pace, of: Which) {
        let mut plan = self.lock();
        let Plan { reads, writes, .. } = &mut *plan;
        let direction = of.of(reads, writes);
        direction.bytes += bytes as u64;
        if direction.is_at_cut() {
            plan.cut = true;
            plan.wake();
        }
        (pace.has_stuttered, pace.has_waited) = (false, false);
    }
}

#[derive(Clone, Copy)]
enum Which {
    Reads,
    Writes,
}

impl Which {
    fn of<'a>(self, reads: &'a mut Direction, writes: &'a mut Direction) -> &'a mut Direction {
        match self {
            Self::Reads => reads,
            Self::Writes => writes,
        }
    }
}

impl Pace {
    /// Whether the pause before the next call is over.
    fn is_over(
        &mut self,
        cx: &mut Context<'_>,
        delay: Option<&RangeInclusive<Duration>>,
        random: &mut Random,
    ) -> bool {
        let Some(delay) = delay.filter(|_| !self.has_waited) else { return true };
        let (from, to) = (*delay.start(), *delay.end());
        let pause = self.delay.get_or_insert_with(|| {
            let nanos = to.saturating_sub(from).as_nanos().try_into().unwrap_or(u64::MAX);
            Box::pin(sleep(from + Duration::from_nanos(random.up_to(nanos))))
        });
        if pause.as_mut().poll(cx).is_pending() {
            return false;
        }
        self.delay = None;
        self.has_waited = true;
        true
    }
}

fn reset() -> io::Error {
    io::ErrorKind::ConnectionReset.into()
}

impl<S: AsyncRead + Unpin> AsyncRead for Faulty<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let room = match this.faults.turn(cx, &mut this.reads, Which::Reads) {
            Turn::Go(room) => room.min(buf.remaining()),
            Turn::Wait => return Poll::Pending,
            Turn::Fail(kind) => return Poll::Ready(Err(kind.into())),
            Turn::Cut => {
                this.stream = None;
                return Poll::Ready(Err(reset()));
            }
        };
        let Some(stream) = &mut this.stream else { return Poll::Ready(Err(reset())) };
        let before = buf.filled().len();
        if room == buf.remaining() {
            ready!(Pin::new(stream).poll_read(cx, buf))?;
        } else {
            let mut piece = ReadBuf::new(buf.initialize_unfilled_to(room));
            ready!(Pin::new(stream).poll_read(cx, &mut piece))?;
            let read = piece.filled().len();
            buf.advance(read);
        }
        let read = buf.filled().len() - before;
        this.faults.moved(read, &mut this.reads, Which::Reads);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Faulty<S> {
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
        let this = self.get_mut();
        let room = match this.faults.turn(cx, &mut this.writes, Which::Writes) {
            Turn::Go(room) => room,
            Turn::Wait => return Poll::Pending,
            Turn::Fail(kind) => return Poll::Ready(Err(kind.into())),
            Turn::Cut => {
                this.stream = None;
                return Poll::Ready(Err(reset()));
            }
        };
        let Some(stream) = &mut this.stream else { return Poll::Ready(Err(reset())) };
        let stream = Pin::new(stream);
        let total = slices.iter().map(|slice| slice.len()).sum::<usize>();
        let written = if room >= total {
            stream.poll_write_vectored(cx, slices)
        } else {
            let first = slices.iter().find(|slice| !slice.is_empty()).map_or(&[][..], |it| it);
            stream.poll_write(cx, &first[..room.min(first.len())])
        };
        let written = ready!(written)?;
        this.faults.moved(written, &mut this.writes, Which::Writes);
        Poll::Ready(Ok(written))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.as_ref().is_some_and(AsyncWrite::is_write_vectored)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().stream {
            Some(stream) => Pin::new(stream).poll_flush(cx),
            None => Poll::Ready(Err(reset())),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().stream {
            Some(stream) => Pin::new(stream).poll_shutdown(cx),
            None => Poll::Ready(Err(reset())),
        }
    }
}

impl<S: fmt::Debug> fmt::Debug for Faulty<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Faulty").field("stream", &self.stream).finish_non_exhaustive()
    }
}

impl fmt::Debug for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plan = self.lock();
        let (read, written) = (plan.reads.bytes, plan.writes.bytes);
        f.debug_struct("Faults")
            .field("bytes_read", &read)
            .field("bytes_written", &written)
            .field("cut", &plan.cut)
            .finish_non_exhaustive()
    }
}

/// Numbers that follow from a seed (SplitMix64): good enough to try many cases, and the same in each run.
#[derive(Default)]
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    fn up_to(&mut self, max: u64) -> u64 {
        match max.checked_add(1) {
            Some(count) => self.next() % count,
            None => self.next(),
        }
    }

    fn within(&mut self, range: RangeInclusive<usize>) -> usize {
        let more = range.end().saturating_sub(*range.start());
        let more = self.up_to(more.try_into().unwrap_or(u64::MAX));
        range.start().saturating_add(usize::try_from(more).unwrap_or(usize::MAX))
    }
}
