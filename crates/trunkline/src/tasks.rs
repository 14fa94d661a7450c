//! Two tasks that use one connection: one that receives, and one that sends.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Wake, Waker};

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

/// Has both tasks woken by whatever wakes one: a stream and a timer know one task only, and either task
/// may have moved what the other one waits for.
pub(crate) struct Tasks {
    waiting: Arc<Waiting>,
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

impl Default for Tasks {
    fn default() -> Self {
        let waiting = Arc::new(Waiting::default());
        let waker = Waker::from(Arc::clone(&waiting));
        Self { waiting, waker }
    }
}

impl Tasks {
    /// Before a poll: the task of this half waits, unless [`polled`](Self::polled) says otherwise.
    pub(crate) fn about_to_poll(&self, half: Half, cx: &Context<'_>) {
        self.waiting.register(half, cx.waker());
    }

    /// What to poll with.
    pub(crate) fn context(&self) -> Context<'_> {
        Context::from_waker(&self.waker)
    }

    /// After a poll: the other half learns if that has ended the connection.
    pub(crate) fn polled(&self, half: Half, is_ready: bool, has_ended: bool) {
        if has_ended {
            self.wake(half.other());
        }
        if is_ready {
            self.waiting.forget(half);
        }
    }

    /// Wakes a half, if it waits, because something has changed that it cannot see.
    pub(crate) fn wake(&self, half: Half) {
        self.waiting.wake_half(half);
    }
}
