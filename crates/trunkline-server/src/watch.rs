//! [`Watch`]: whoever may not end by a panic is watched, for the process is half dead without it.

use std::fmt;

use tokio::sync::mpsc::UnboundedSender;

/// A part of the server that all else stands on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Part {
    /// A thread with a hub, a part of the broker, and the sockets of its clients.
    Shard(u16),
    /// The task that accepts sockets.
    Listener,
    /// The market of the demos.
    Demo,
    /// The thread that writes the log on disk.
    Log,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shard(index) => write!(f, "shard {index}"),
            Self::Listener => f.write_str("the listener"),
            Self::Demo => f.write_str("the market of the demos"),
            Self::Log => f.write_str("the thread of the log on disk"),
        }
    }
}

/// Held by a part of the server while it lives: tells if it ends by a panic.
#[derive(Debug)]
pub(crate) struct Watch {
    pub(crate) part: Part,
    pub(crate) broken: UnboundedSender<Part>,
}

impl Drop for Watch {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // Whoever has gone does not care.
            let _ = self.broken.send(self.part);
        }
    }
}
