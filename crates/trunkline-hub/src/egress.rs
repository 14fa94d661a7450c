//! [`Egress`]: what goes out of a session, and all that a publication changes of one.
//!
//! It lies apart from the rest of the session: a publication goes to thousands of them, and by the next one the caches
//! have forgotten them all. So much of each, 64 bytes, has to come out of memory, and no more.

use crate::error::Disconnect;
use crate::gather::Rest;
use crate::outbox::{Newest, Outbox};

/// What goes out of one session.
#[derive(Debug)]
pub(crate) struct Egress<E> {
    /// Which of the sessions that have been at this place it is.
    pub(crate) generation: u32,
    pub(crate) outbox: Outbox<E>,
    /// Of channels that send no more than the newest publication. Few sessions are on one.
    pub(crate) latest: Option<Box<Newest<E>>>,
    /// Why it is to be closed, as soon as its outbox is empty.
    pub(crate) ending: Option<Box<Disconnect>>,
    /// It is in the list of those that have something to write.
    pub(crate) is_marked: bool,
    /// It was told a publication a moment ago, and the next one waits: see [`Gather`](crate::gather::Gather).
    pub(crate) rest: Rest,
}

impl<E> Default for Egress<E> {
    fn default() -> Self {
        Self {
            generation: 0,
            outbox: Outbox::default(),
            latest: None,
            ending: None,
            is_marked: false,
            rest: Rest::Awake,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_publication_changes_of_a_session_is_sixty_four_bytes() {
        assert_eq!(size_of::<Egress<()>>(), 64);
    }
}
