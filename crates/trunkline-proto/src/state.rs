//! Where a connection stands between open and closed (RFC 6455 §7).
//!
//! ```text
//!             we close                    peer's close comes in
//!     Open ─────────────▶ CloseSent ─────────────────────────────▶ Closed
//!      │                                                              ▲
//!      ├──────────────────────────────────────────────────────────────┘
//!      │            peer's close comes in, ours is queued at once
//!      │
//!      └─────────────▶ Failed     the peer broke a rule: we closed, what it still sends is not read
//! ```

use std::time::Instant;

use crate::event::CloseInfo;

/// All but the first are on the heap: a connection is open nearly all its life.
#[derive(Debug)]
pub(crate) enum State {
    /// Messages go both ways.
    Open,
    /// Our close frame is queued; the peer may still send messages until its own comes.
    CloseSent(Box<CloseSent>),
    /// Both close frames have been seen to. The transport ends next.
    Closed(Box<Closed>),
    /// Our close frame says what the peer did wrong. Nothing more is read (§7.1.7).
    Failed(Box<Failed>),
}

#[derive(Debug)]
pub(crate) struct CloseSent {
    pub(crate) info: CloseInfo,
    pub(crate) deadline: Option<Instant>,
}

#[derive(Debug)]
pub(crate) struct Closed {
    pub(crate) info: CloseInfo,
    /// When to stop waiting for the end of the transport.
    pub(crate) deadline: Option<Instant>,
}

#[derive(Debug)]
pub(crate) struct Failed {
    /// When to stop waiting for the end of the transport.
    pub(crate) deadline: Option<Instant>,
}

impl State {
    /// Whether messages can still be sent.
    #[inline]
    pub(crate) fn can_send(&self) -> bool {
        matches!(self, Self::Open)
    }

    /// Whether what the peer sends still matters.
    pub(crate) fn can_receive(&self) -> bool {
        matches!(self, Self::Open | Self::CloseSent(_))
    }

    /// The one deadline of the closing handshake, which also bounds the wait for the transport's end.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        match self {
            Self::Open => None,
            Self::CloseSent(state) => state.deadline,
            Self::Closed(state) => state.deadline,
            Self::Failed(state) => state.deadline,
        }
    }
}
