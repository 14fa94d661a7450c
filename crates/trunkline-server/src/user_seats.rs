//! How many connections one user may have.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use trunkline_hub::Disconnect;

/// Counts the connections of each user, over all shards.
#[derive(Debug, Default)]
pub(crate) struct UserSeats(Arc<Mutex<HashMap<Arc<str>, u32>>>);

/// A connection of a user that counts until this is dropped.
#[derive(Debug)]
pub(crate) struct UserSeat {
    user: Arc<str>,
    seats: Arc<Mutex<HashMap<Arc<str>, u32>>>,
}

impl UserSeats {
    /// Counts another connection of `user`, of whom there may be `max`.
    ///
    /// # Errors
    /// If there are as many: the new one is closed with 3504.
    pub(crate) fn take(&self, user: &Arc<str>, max: u32) -> Result<UserSeat, Disconnect> {
        let mut seats = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = seats.entry(Arc::clone(user)).or_default();
        if *taken >= max {
            return Err(Disconnect::CONNECTION_LIMIT);
        }
        *taken += 1;
        Ok(UserSeat { user: Arc::clone(user), seats: Arc::clone(&self.0) })
    }
}

impl Drop for UserSeat {
    fn drop(&mut self) {
        let mut seats = self.seats.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(taken) = seats.get_mut(&self.user) {
            *taken -= 1;
            if *taken == 0 {
                seats.remove(&self.user);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_has_so_many_seats_and_gets_them_back() {
        let seats = UserSeats::default();
        let anna: Arc<str> = "anna".into();
        let first = seats.take(&anna, 2).unwrap();
        let _second = seats.take(&anna, 2).unwrap();
        assert_eq!(seats.take(&anna, 2).unwrap_err(), Disconnect::CONNECTION_LIMIT);
        let bert = seats.take(&"bert".into(), 2).unwrap();
        drop(first);
        let _third = seats.take(&anna, 2).unwrap();
        drop(bert);
        assert_eq!(seats.0.lock().unwrap().len(), 1, "who is gone is forgotten");
    }
}
