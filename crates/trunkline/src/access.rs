//! How a method reaches the driver: it owns it, or shares it with the other half.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use tokio::io::{AsyncRead, AsyncWrite};

use crate::driver::{Driver, OwnedDriver};

/// Which half waits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Half {
    Reader,
    Writer,
}

impl Half {
    pub(crate) fn other(self) -> Self {
        match self {
            Self::Reader => Self::Writer,
            Self::Writer => Self::Reader,
        }
    }
}

/// A driver that two halves share. The lock is held for one poll, never while either waits.
pub(crate) struct Shared<S> {
    driver: Mutex<OwnedDriver<S>>,
    waiting: Arc<Waiting>,
    /// Wakes whichever half waits: the stream and the timer know one task only.
    waker: Waker,
    reader_is_gone: AtomicBool,
}

/// The tasks of the halves that wait at the moment.
#[derive(Default)]
pub(crate) struct Waiting {
    reader: Mutex<Option<Waker>>,
    writer: Mutex<Option<Waker>>,
}

impl Waiting {
    fn slot(&self, half: Half) -> MutexGuard<'_, Option<Waker>> {
        let slot = match half {
            Half::Reader => &self.reader,
            Half::Writer => &self.writer,
        };
        slot.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// This half waits from now on.
    pub(crate) fn register(&self, half: Half, waker: &Waker) {
        *self.slot(half) = Some(waker.clone());
    }

    /// It does not wait any more.
    pub(crate) fn forget(&self, half: Half) {
        self.slot(half).take();
    }

    pub(crate) fn wake_half(&self, half: Half) {
        let waker = self.slot(half).take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl Wake for Waiting {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.wake_half(Half::Reader);
        self.wake_half(Half::Writer);
    }
}

impl<S> Shared<S> {
    pub(crate) fn new(driver: OwnedDriver<S>) -> Self {
        let waiting = Arc::new(Waiting::default());
        let waker = Waker::from(Arc::clone(&waiting));
        let reader_is_gone = AtomicBool::new(false);
        Self { driver: Mutex::new(driver), waiting, waker, reader_is_gone }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, OwnedDriver<S>> {
        self.driver.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes the other half, if it waits, because something has changed that it cannot see.
    pub(crate) fn wake(&self, half: Half) {
        self.waiting.wake_half(half);
    }

    pub(crate) fn poll<R>(
        &self,
        half: Half,
        cx: &Context<'_>,
        poll: impl FnOnce(&mut Driver<S>, &mut Context<'_>) -> Poll<R>,
    ) -> Poll<R> {
        self.waiting.register(half, cx.waker());
        let mut driver = self.lock();
        let was_running = driver.is_running();
        let result = poll(&mut driver, &mut Context::from_waker(&self.waker));
        let ended = was_running && !driver.is_running();
        drop(driver);
        if ended {
            self.wake(half.other());
        }
        if result.is_ready() {
            self.waiting.forget(half);
        }
        result
    }

    /// Nobody receives any more.
    pub(crate) fn drop_reader(&self) {
        self.reader_is_gone.store(true, Ordering::Release);
        self.wake(Half::Writer);
    }

    pub(crate) fn reader_is_gone(&self) -> bool {
        self.reader_is_gone.load(Ordering::Acquire)
    }

    pub(crate) fn into_driver(self) -> OwnedDriver<S> {
        self.driver.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Shared<S> {
    /// The same for the half that sends: without a reader, it throws away what comes in, so that the
    /// peer can go on.
    pub(crate) fn poll_writer<R>(
        &self,
        cx: &Context<'_>,
        poll: impl FnOnce(&mut Driver<S>, &mut Context<'_>) -> Poll<R>,
    ) -> Poll<R> {
        let reader_is_gone = self.reader_is_gone();
        self.poll(Half::Writer, cx, |driver, cx| {
            if reader_is_gone {
                driver.discard_input(cx);
            }
            poll(driver, cx)
        })
    }
}

/// A driver, owned or shared by the half that uses it.
pub(crate) enum Access<'a, S> {
    Owned(&'a mut Driver<S>),
    Reader(&'a Shared<S>),
    Writer(&'a Shared<S>),
}

impl<S> Access<'_, S> {
    pub(crate) fn with<R>(&mut self, act: impl FnOnce(&mut Driver<S>) -> R) -> R {
        match self {
            Self::Owned(driver) => act(driver),
            Self::Reader(shared) | Self::Writer(shared) => act(&mut shared.lock()),
        }
    }

    /// Wakes the half that receives, if it is another one and waits.
    pub(crate) fn wake_reader(&self) {
        if let Self::Writer(shared) = self {
            shared.wake(Half::Reader);
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Access<'_, S> {
    pub(crate) fn poll<R>(
        &mut self,
        cx: &mut Context<'_>,
        poll: impl FnOnce(&mut Driver<S>, &mut Context<'_>) -> Poll<R>,
    ) -> Poll<R> {
        match self {
            Self::Owned(driver) => poll(driver, cx),
            Self::Reader(shared) => shared.poll(Half::Reader, cx, poll),
            Self::Writer(shared) => shared.poll_writer(cx, poll),
        }
    }
}
