//! [`Users`]: who is connected, over all shards: how often each may be, and what all its connections
//! may do together.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use trunkline_hub::limits::Rate;
use trunkline_hub::{Disconnect, UserRates};

use crate::config::Config;

/// How many connections one user may have.
#[derive(Clone, Copy, Debug)]
pub(crate) struct UserLimits {
    /// At the same time; `None` for as many as it likes.
    pub(crate) connections: Option<u32>,
    /// New ones.
    pub(crate) connection_rate: Rate,
}

impl UserLimits {
    /// As the configuration has it.
    pub(crate) fn of(config: &Config) -> Self {
        let client = &config.client;
        Self {
            connections: client.user_connection_limit,
            connection_rate: Rate {
                per_second: client.user_connection_rate,
                burst: client.user_connection_burst,
            },
        }
    }
}

/// Users who have gone, but whose buckets are not full again: 65 536, some 10 MiB. Beyond, the next is
/// forgotten at once, and comes back with full buckets. It takes as many users' tokens to get there.
const GONE_MAX: usize = 65_536;

/// How many of those are looked at when somebody comes. More than one can be added meanwhile, so they
/// become fewer.
const LOOKED_AT: usize = 2;

/// Every user who is connected, or was not long ago. Cheap to clone.
///
/// The lock is taken when a connection comes and when it goes. What is counted in between is in the
/// [`UserRates`] that its session holds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Users(Arc<Mutex<Known>>);

#[derive(Debug, Default)]
struct Known {
    by_name: HashMap<Arc<str>, User>,
    /// Those who have gone, the longest first. Who has come back is still in here, once.
    gone: VecDeque<Arc<str>>,
}

#[derive(Debug)]
struct User {
    rates: Arc<UserRates>,
    connections: u32,
    is_listed_as_gone: bool,
}

/// A connection of a user that counts until this is dropped.
#[derive(Debug)]
pub(crate) struct UserSeat {
    user: Arc<str>,
    users: Users,
}

impl Users {
    /// Counts another connection of `user`. With it comes what its sessions may do together.
    ///
    /// # Errors
    /// If it has as many as it may have (3504), or comes too often (3013).
    pub(crate) fn take(
        &self,
        user: &Arc<str>,
        limits: UserLimits,
        now: Instant,
    ) -> Result<(UserSeat, Arc<UserRates>), Disconnect> {
        let mut known = self.known();
        known.forget_gone(now);
        let it = known.by_name.entry(Arc::clone(user)).or_insert_with(|| User {
            rates: Arc::new(UserRates::full(now)),
            connections: 0,
            is_listed_as_gone: false,
        });
        if limits.connections.is_some_and(|max| it.connections >= max) {
            return Err(Disconnect::CONNECTION_LIMIT);
        }
        if !it.rates.take_connection(limits.connection_rate, now) {
            return Err(Disconnect::TOO_MANY_REQUESTS);
        }
        it.connections += 1;
        let rates = Arc::clone(&it.rates);
        Ok((UserSeat { user: Arc::clone(user), users: self.clone() }, rates))
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    /// A connection of `user` has gone.
    fn leave(&mut self, user: &Arc<str>, now: Instant) {
        let Some(it) = self.by_name.get_mut(user) else { return };
        it.connections -= 1;
        if it.connections > 0 || it.is_listed_as_gone {
            return;
        }
        if it.rates.are_full(now) || self.gone.len() >= GONE_MAX {
            self.by_name.remove(user);
        } else {
            it.is_listed_as_gone = true;
            self.gone.push_back(Arc::clone(user));
        }
    }

    /// Forgets some of those who have gone and whose buckets are full again.
    fn forget_gone(&mut self, now: Instant) {
        for _ in 0..LOOKED_AT {
            let Some(user) = self.gone.pop_front() else { return };
            let Some(it) = self.by_name.get_mut(&user) else { continue };
            if it.connections > 0 {
                it.is_listed_as_gone = false;
            } else if it.rates.are_full(now) {
                self.by_name.remove(&user);
            } else {
                self.gone.push_back(user);
            }
        }
    }
}

impl Drop for UserSeat {
    fn drop(&mut self) {
        self.users.known().leave(&self.user, Instant::now());
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const PLENTY: Rate = Rate { per_second: 1e6, burst: 1e6 };

    fn at_most(connections: u32) -> UserLimits {
        UserLimits { connections: Some(connections), connection_rate: PLENTY }
    }

    fn often(per_second: f64, burst: f64) -> UserLimits {
        UserLimits { connections: None, connection_rate: Rate { per_second, burst } }
    }

    fn name(text: &str) -> Arc<str> {
        text.into()
    }

    #[test]
    fn a_user_has_so_many_seats_and_gets_them_back() {
        let (users, anna, now) = (Users::default(), name("anna"), Instant::now());
        let first = users.take(&anna, at_most(2), now).unwrap();
        let second = users.take(&anna, at_most(2), now).unwrap();
        assert!(Arc::ptr_eq(&first.1, &second.1), "both count in the same buckets");
        let refused = users.take(&anna, at_most(2), now).unwrap_err();
        assert_eq!(refused, Disconnect::CONNECTION_LIMIT);
        let _bert = users.take(&name("bert"), at_most(2), now).unwrap();
        drop(first);
        users.take(&anna, at_most(2), now).unwrap();
    }

    #[test]
    fn a_user_who_comes_too_often_is_refused_and_nobody_else() {
        let (users, anna, now) = (Users::default(), name("anna"), Instant::now());
        let limits = often(1.0, 2.0);
        users.take(&anna, limits, now).unwrap();
        users.take(&anna, limits, now).unwrap();
        let refused = users.take(&anna, limits, now).unwrap_err();
        assert_eq!(refused, Disconnect::TOO_MANY_REQUESTS, "it has gone, and is not forgotten");
        users.take(&name("bert"), limits, now).unwrap();
        users.take(&anna, limits, now + Duration::from_secs(1)).unwrap();
    }

    #[test]
    fn who_has_gone_is_forgotten_once_the_buckets_are_full_again() {
        let (users, now) = (Users::default(), Instant::now());
        let limits = often(0.001, 2.0);
        for number in 0..100 {
            drop(users.take(&name(&format!("user{number}")), limits, now).unwrap());
        }
        assert_eq!(users.known().by_name.len(), 100);
        let later = now + Duration::from_secs(1001);
        for _ in 0..100 {
            drop(users.take(&name("anna"), often(1e6, 1e6), later).unwrap());
        }
        let known = users.known();
        assert!(known.by_name.keys().all(|it| &**it == "anna"));
        assert!(known.gone.len() <= 1);
    }

    #[test]
    fn who_comes_back_is_listed_once_and_keeps_its_buckets() {
        let (users, anna, now) = (Users::default(), name("anna"), Instant::now());
        let limits = often(0.001, 50.0);
        let (_, rates) = users.take(&anna, limits, now).unwrap();
        for _ in 1..50 {
            let (_seat, again) = users.take(&anna, limits, now).unwrap();
            assert!(Arc::ptr_eq(&rates, &again));
        }
        assert_eq!(users.known().gone.len(), 1);
    }

    #[test]
    fn there_is_a_bound_to_those_who_are_remembered() {
        let (users, now) = (Users::default(), Instant::now());
        let limits = often(0.001, 1.0);
        for number in 0..GONE_MAX + 10 {
            drop(users.take(&name(&number.to_string()), limits, now).unwrap());
        }
        let known = users.known();
        assert_eq!((known.gone.len(), known.by_name.len()), (GONE_MAX, GONE_MAX));
    }
}
