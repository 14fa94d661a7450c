//! [`Shortcuts`]: who can be written to past their connections.
//!
//! A publication goes to thousands of clients, and most of what is known of them has left the caches since the one
//! before. A connection that has nothing to say need not be asked for a frame that is the same for all: there is a
//! shortcut to its socket for as long as that is so. Shortcuts and [`Sockets`](super::Sockets) take 48 bytes of a client,
//! each beside those of the others.

use std::cell::RefCell;

use trunkline_hub::SessionId;

use super::sockets::Place;
use crate::dialect::centrifugo::Encoding;

/// The way to the socket of one client.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shortcut {
    pub(super) place: Place,
    /// What the client reads.
    pub(super) encoding: Encoding,
}

/// The shortcuts there are, by the session's index.
#[derive(Debug, Default)]
pub(super) struct Shortcuts(RefCell<Vec<Option<Shortcut>>>);

impl Shortcuts {
    #[inline]
    pub(super) fn to(&self, session: SessionId) -> Option<Shortcut> {
        self.0.borrow().get(session.index()).copied().flatten()
    }

    pub(super) fn set(&self, session: SessionId, shortcut: Option<Shortcut>) {
        let mut all = self.0.borrow_mut();
        if all.len() <= session.index() {
            all.resize(session.index() + 1, None);
        }
        if let Some(place) = all.get_mut(session.index()) {
            *place = shortcut;
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpStream;

    use super::*;

    #[test]
    fn what_a_write_past_a_connection_touches_is_forty_eight_bytes() {
        assert_eq!((size_of::<Option<Shortcut>>(), size_of::<Option<TcpStream>>()), (8, 40));
    }
}
