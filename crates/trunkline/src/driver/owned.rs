//! Who owns a driver, and what becomes of it when nobody does any more.

#[cfg(feature = "hyper")]
use std::future::poll_fn;
use std::ops::{Deref, DerefMut};

#[cfg(feature = "hyper")]
use tokio::io::{AsyncRead, AsyncWrite};

use super::Driver;
#[cfg(feature = "server")]
use super::Phase;
#[cfg(feature = "server")]
use crate::tether::Tie;

/// A driver, on the heap, so that a connection can be moved about, from one async function to the next,
/// as a pointer: each would otherwise keep room for it.
///
/// When it is dropped, the driver goes back to the server that accepted the connection, if one did: it
/// sees to the rest of the closing. So does a task, if a drain has begun to close a connection that an
/// HTTP server has upgraded.
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
            && let Some(tie) = driver.untie()
        {
            match tie {
                Tie::Server(end) => end.give_back(driver),
                Tie::Handle(member, Some(see_through))
                    if driver.is_closing() && member.is_told() =>
                {
                    driver.tie(Tie::Handle(member, None));
                    see_through(driver);
                }
                Tie::Handle(member, _) => member.leave(driver.close_info().is_some()),
            }
        }
    }
}

#[cfg(feature = "server")]
impl<S> Driver<S> {
    /// Whether closing has begun and has not come to its end.
    fn is_closing(&self) -> bool {
        !self.conn.is_open() && !matches!(self.phase, Phase::Ended)
    }
}

/// Closes a connection that nobody owns, where there is a runtime to do so.
#[cfg(feature = "hyper")]
pub(crate) fn see_through<S>(driver: Box<Driver<S>>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut driver = OwnedDriver(Some(driver));
    if let Ok(runtime) = tokio::runtime::Handle::try_current() {
        runtime.spawn(async move { poll_fn(|cx| driver.poll_close(cx)).await });
    }
}
