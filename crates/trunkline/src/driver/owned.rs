//! Who owns a driver, and what becomes of it when nobody does any more.

use std::ops::{Deref, DerefMut};

use super::Driver;

/// A driver, on the heap, so that a connection can be moved about, from one async function to the next,
/// as a pointer: each would otherwise keep room for it.
///
/// When it is dropped, the driver goes back to the server that accepted the connection, if one did: it
/// sees to the rest of the closing.
pub(crate) struct OwnedDriver<S>(Option<Box<Driver<S>>>);

/// It is taken out only by dropping the owner.
const THERE: &str = "a driver is there until its owner is dropped";

impl<S> From<Driver<S>> for OwnedDriver<S> {
    fn from(driver: Driver<S>) -> Self {
        Self(Some(Box::new(driver)))
    }
}

impl<S> Deref for OwnedDriver<S> {
    type Target = Driver<S>;

    #[inline]
    fn deref(&self) -> &Driver<S> {
        self.0.as_deref().expect(THERE)
    }
}

impl<S> DerefMut for OwnedDriver<S> {
    #[inline]
    fn deref_mut(&mut self) -> &mut Driver<S> {
        self.0.as_deref_mut().expect(THERE)
    }
}

#[cfg(feature = "server")]
impl<S> Drop for OwnedDriver<S> {
    fn drop(&mut self) {
        if let Some(mut driver) = self.0.take()
            && let Some(end) = driver.untie()
        {
            end.give_back(driver);
        }
    }
}
