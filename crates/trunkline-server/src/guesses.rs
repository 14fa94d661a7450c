//! [`Guesses`]: who shows wrong keys of the API, and how often.
//!
//! A key that somebody made up is found by trying. Each address has so many tries a minute; after that nothing it
//! shows is looked at until it may try again, for whoever could go on would learn from an answer that differs.
//! Others are not held up: a right key is never refused for what comes from elsewhere.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::address::Address;
use crate::bucket::Bucket;

/// Addresses that are remembered: 1 MiB or so. Who has more of them has more tries than this could count, and is
/// not to push others out.
const ADDRESSES_MAX: usize = 16_384;

/// Wrong keys that were shown lately, by address: one of IPv4, or 64 bits of IPv6.
#[derive(Debug, Default)]
pub(crate) struct Guesses(Mutex<HashMap<Address, Bucket>>);

impl Guesses {
    /// Whether a key that comes from `from` is to be looked at.
    ///
    /// # Errors
    /// How long not.
    pub(crate) fn may_try(
        &self,
        from: IpAddr,
        a_minute: u32,
        now: Instant,
    ) -> Result<(), Duration> {
        let (rate, burst) = rate(a_minute);
        let level = self.lock().get(&from.into()).map_or(burst, |it| it.level(rate, burst, now));
        if level >= 1.0 { Ok(()) } else { Err(Duration::from_secs_f64((1.0 - level) / rate)) }
    }

    /// It was a wrong one.
    pub(crate) fn missed(&self, from: IpAddr, a_minute: u32, now: Instant) {
        let (rate, burst) = rate(a_minute);
        let mut addresses = self.lock();
        let address = Address::from(from);
        if addresses.len() >= ADDRESSES_MAX && !addresses.contains_key(&address) {
            addresses.retain(|_, it| !it.is_full(rate, burst, now));
        }
        if addresses.len() < ADDRESSES_MAX || addresses.contains_key(&address) {
            let bucket = addresses.entry(address).or_insert_with(|| Bucket::full(burst, now));
            bucket.take(rate, burst, now);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Address, Bucket>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tries a second, and tries at once.
fn rate(a_minute: u32) -> (f64, f64) {
    (f64::from(a_minute) / 60.0, f64::from(a_minute))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn an_address_has_so_many_tries_a_minute_and_others_have_theirs() {
        let (guesses, now) = (Guesses::default(), Instant::now());
        for _ in 0..3 {
            assert_eq!(guesses.may_try(ip("2001:db8::1"), 3, now), Ok(()));
            guesses.missed(ip("2001:db8::1"), 3, now);
        }
        let wait = guesses.may_try(ip("2001:db8::ffff:2"), 3, now).unwrap_err();
        assert_eq!(wait, Duration::from_secs(20));
        assert_eq!(guesses.may_try(ip("2001:db8:0:1::1"), 3, now), Ok(()));
        assert_eq!(guesses.may_try(ip("192.0.2.1"), 3, now), Ok(()));
        assert_eq!(guesses.may_try(ip("2001:db8::1"), 3, now + wait), Ok(()));
    }

    #[test]
    fn there_is_a_bound_to_the_addresses_that_are_remembered() {
        let (guesses, now) = (Guesses::default(), Instant::now());
        let address = |index: usize| IpAddr::from((index as u32).to_be_bytes());
        (0..2 * ADDRESSES_MAX).for_each(|index| guesses.missed(address(index), 1, now));
        assert_eq!(guesses.lock().len(), ADDRESSES_MAX);
        assert!(guesses.may_try(address(0), 1, now).is_err(), "nobody was pushed out");
        let later = now + Duration::from_secs(60);
        guesses.missed(address(3 * ADDRESSES_MAX), 1, later);
        assert_eq!(guesses.lock().len(), 1);
    }
}
