//! [`Users`]: which sessions each user has.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use crate::entropy::Keyed;
use crate::session::SessionId;

/// The sessions of each user that has one. Those without a user are not in it.
#[derive(Debug)]
pub(crate) struct Users(HashMap<Arc<str>, OfUser, Keyed>);

/// Mostly a user has one session, which needs no list.
#[derive(Debug)]
enum OfUser {
    One(SessionId),
    #[expect(clippy::box_collection, reason = "every user takes as much of the table as this one")]
    Many(Box<Vec<SessionId>>),
}

impl Users {
    pub(crate) fn new(keys: Keyed) -> Self {
        Self(HashMap::with_hasher(keys))
    }

    /// `user` has another session.
    pub(crate) fn add(&mut self, user: &Arc<str>, session: SessionId) {
        if user.is_empty() {
            return;
        }
        match self.0.entry(Arc::clone(user)) {
            Entry::Vacant(place) => {
                place.insert(OfUser::One(session));
            }
            Entry::Occupied(place) => match place.into_mut() {
                OfUser::Many(sessions) => sessions.push(session),
                one @ OfUser::One(_) => {
                    let sessions = one.sessions().iter().copied().chain([session]).collect();
                    *one = OfUser::Many(Box::new(sessions));
                }
            },
        }
    }

    /// A session of `user` is gone.
    pub(crate) fn remove(&mut self, user: &str, session: SessionId) {
        let Some(it) = self.0.get_mut(user) else { return };
        let has_none_left = match it {
            OfUser::One(one) => *one == session,
            OfUser::Many(sessions) => {
                sessions.retain(|it| *it != session);
                sessions.is_empty()
            }
        };
        if has_none_left {
            self.0.remove(user);
        }
    }

    pub(crate) fn sessions(&self, user: &str) -> &[SessionId] {
        self.0.get(user).map_or(&[], OfUser::sessions)
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &Arc<str>> {
        self.0.keys()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

impl OfUser {
    fn sessions(&self) -> &[SessionId] {
        match self {
            Self::One(session) => std::slice::from_ref(session),
            Self::Many(sessions) => sessions,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::Entropy;

    fn session(slot: u32) -> SessionId {
        SessionId { slot, generation: 0 }
    }

    #[test]
    fn sessions_of_a_user_come_and_go_in_any_order() {
        let mut users = Users::new(Entropy::new(|| 1).keys());
        let anna: Arc<str> = "anna".into();
        for slot in 0..3 {
            users.add(&anna, session(slot));
        }
        assert_eq!(users.sessions("anna"), [session(0), session(1), session(2)]);
        users.remove("anna", session(1));
        users.remove("anna", session(0));
        assert_eq!((users.sessions("anna"), users.len()), (&[session(2)][..], 1));
        // Of another user, and one that is gone.
        users.remove("bert", session(2));
        users.remove("anna", session(0));
        assert_eq!(users.len(), 1);
        users.remove("anna", session(2));
        assert_eq!((users.sessions("anna"), users.len()), (&[][..], 0));
    }

    #[test]
    fn nobody_is_no_user() {
        let mut users = Users::new(Entropy::new(|| 1).keys());
        users.add(&Arc::default(), session(0));
        assert_eq!(users.names().count(), 0);
    }
}
