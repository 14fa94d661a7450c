//! How a method reaches the driver: it owns it, or shares it with the other half.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

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
        Self { driver: Mutex::new(driver), waiting, waker }
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

    pub(crate) fn into_driver(self) -> OwnedDriver<S> {
        self.driver.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A driver, owned or shared.
pub(crate) enum Access<'a, S> {
    Owned(&'a mut Driver<S>),
    Shared(&'a Shared<S>, Half),
}

impl<S> Access<'_, S> {
    pub(crate) fn poll<R>(
        &mut self,
        cx: &mut Context<'_>,
        poll: impl FnOnce(&mut Driver<S>, &mut Context<'_>) -> Poll<R>,
    ) -> Poll<R> {
        match self {
            Self::Owned(driver) => poll(driver, cx),
            Self::Shared(shared, half) => shared.poll(*half, cx, poll),
        }
    }

    pub(crate) fn with<R>(&mut self, act: impl FnOnce(&mut Driver<S>) -> R) -> R {
        match self {
            Self::Owned(driver) => act(driver),
            Self::Shared(shared, _) => act(&mut shared.lock()),
        }
    }
}
