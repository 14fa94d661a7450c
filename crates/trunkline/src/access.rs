//! How a method reaches the driver: it owns it, or shares it with the other half.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite};

use crate::driver::{Driver, OwnedDriver};
use crate::tasks::{Half, Tasks};

/// A driver that two halves share. The lock is held for one poll, never while either waits.
pub(crate) struct Shared<S> {
    driver: Mutex<OwnedDriver<S>>,
    tasks: Tasks,
    reader_is_gone: AtomicBool,
}

impl<S> Shared<S> {
    pub(crate) fn new(driver: OwnedDriver<S>) -> Self {
        let reader_is_gone = AtomicBool::new(false);
        Self { driver: Mutex::new(driver), tasks: Tasks::default(), reader_is_gone }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, OwnedDriver<S>> {
        self.driver.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes the other half, if it waits, because something has changed that it cannot see.
    pub(crate) fn wake(&self, half: Half) {
        self.tasks.wake(half);
    }

    pub(crate) fn poll<R>(
        &self,
        half: Half,
        cx: &Context<'_>,
        poll: impl FnOnce(&mut Driver<S>, &mut Context<'_>) -> Poll<R>,
    ) -> Poll<R> {
        self.tasks.about_to_poll(half, cx);
        let mut driver = self.lock();
        let was_running = driver.is_running();
        let result = poll(&mut driver, &mut self.tasks.context());
        let has_ended = was_running && !driver.is_running();
        drop(driver);
        self.tasks.polled(half, result.is_ready(), has_ended);
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
