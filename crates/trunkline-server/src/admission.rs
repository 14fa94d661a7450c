//! Who may come in: connections in all, from one address, and how fast.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::address::Address;
use crate::bucket::Bucket;
use crate::config::Config;

/// How many connections there may be.
#[derive(Clone, Copy, Debug, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "configurations make them")]
pub struct AdmissionLimits {
    /// Connections in all. Default: nine tenths of the file descriptors that this process may have,
    /// so that there are some for everything else.
    pub connections: usize,
    /// Connections from one IPv4 address, or from one /64 of IPv6, which is the least that providers
    /// hand out. Default 1 000: a company behind one address, or a machine under attack.
    pub connections_per_address: usize,
    /// New connections a second from one such address. Default 100.
    pub rate_per_address: f64,
    /// How many of those may come at once. Default 200.
    pub burst_per_address: f64,
    /// New connections a second in all; 0 means as many as come. Default 0: those who come back after
    /// a deploy all come at once, and are spread by their own backoff.
    pub rate: f64,
}

impl Default for AdmissionLimits {
    fn default() -> Self {
        Self {
            connections: 100_000,
            connections_per_address: 1_000,
            rate_per_address: 100.0,
            burst_per_address: 200.0,
            rate: 0.0,
        }
    }
}

impl AdmissionLimits {
    /// As the configuration has it.
    pub fn of(config: &Config) -> Self {
        let default = Self::default();
        let client = &config.client;
        Self {
            connections: client.connection_limit.map_or(default.connections, |max| max as usize),
            connections_per_address: client.address_connection_limit,
            rate_per_address: client.address_connection_rate,
            burst_per_address: client.address_connection_burst,
            rate: client.connection_rate_limit.map_or(default.rate, f64::from),
        }
    }
}

/// Why somebody may not come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NoSeat {
    /// There are as many connections as there may be.
    Full,
    /// There are as many from this address as there may be.
    AddressFull,
    /// They come too fast.
    TooFast,
}

/// Counts who is in. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Admission(Arc<Mutex<Taken>>);

#[derive(Debug)]
struct Taken {
    limits: AdmissionLimits,
    all: usize,
    bucket: Bucket,
    by_address: HashMap<Address, FromAddress>,
    swept: Instant,
}

#[derive(Debug)]
struct FromAddress {
    seats: usize,
    bucket: Bucket,
}

/// How often addresses are forgotten that nobody is connected from.
const SWEEP_INTERVAL: Duration = Duration::from_secs(10);

/// A seat that is taken until this is dropped.
#[derive(Debug)]
pub struct Seat {
    admission: Admission,
    address: Address,
}

impl Admission {
    /// With nobody in it.
    pub fn new(limits: AdmissionLimits) -> Self {
        let now = Instant::now();
        Self(Arc::new(Mutex::new(Taken {
            limits,
            all: 0,
            bucket: Bucket::full(limits.rate.max(1.0), now),
            by_address: HashMap::new(),
            swept: now,
        })))
    }

    /// Other limits hold from now on. Those who are in stay.
    pub fn configure(&self, limits: AdmissionLimits) {
        self.taken().limits = limits;
    }

    /// Takes a seat for a connection from `ip`.
    ///
    /// # Errors
    /// Why there is none.
    pub fn take(&self, ip: IpAddr, now: Instant) -> Result<Seat, NoSeat> {
        let address = Address::from(ip);
        let mut taken = self.taken();
        taken.sweep(now);
        let limits = taken.limits;
        if taken.all >= limits.connections {
            return Err(NoSeat::Full);
        }
        if limits.rate > 0.0 && !taken.bucket.take(limits.rate, limits.rate, now) {
            return Err(NoSeat::TooFast);
        }
        let from = taken.by_address.entry(address).or_insert_with(|| FromAddress {
            seats: 0,
            bucket: Bucket::full(limits.burst_per_address, now),
        });
        if from.seats >= limits.connections_per_address {
            return Err(NoSeat::AddressFull);
        }
        if !from.bucket.take(limits.rate_per_address, limits.burst_per_address, now) {
            return Err(NoSeat::TooFast);
        }
        from.seats += 1;
        taken.all += 1;
        drop(taken);
        Ok(Seat { admission: self.clone(), address })
    }

    /// How many are in.
    pub fn connections(&self) -> usize {
        self.taken().all
    }

    fn taken(&self) -> std::sync::MutexGuard<'_, Taken> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Taken {
    /// Forgets the addresses that have nobody in and a full bucket.
    fn sweep(&mut self, now: Instant) {
        if now.saturating_duration_since(self.swept) < SWEEP_INTERVAL {
            return;
        }
        self.swept = now;
        let AdmissionLimits { rate_per_address: rate, burst_per_address: burst, .. } = self.limits;
        self.by_address.retain(|_, it| it.seats > 0 || !it.bucket.is_full(rate, burst, now));
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.admission.taken();
        taken.all -= 1;
        if let Some(from) = taken.by_address.get_mut(&self.address) {
            from.seats -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> AdmissionLimits {
        AdmissionLimits { connections: 3, connections_per_address: 2, ..AdmissionLimits::default() }
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn seats_are_counted_in_all_and_by_address_and_given_back() {
        let (admission, now) = (Admission::new(limits()), Instant::now());
        let first = admission.take(ip("192.0.2.1"), now).unwrap();
        let _second = admission.take(ip("::ffff:192.0.2.1"), now).unwrap();
        assert_eq!(admission.take(ip("192.0.2.1"), now).unwrap_err(), NoSeat::AddressFull);
        let _third = admission.take(ip("192.0.2.2"), now).unwrap();
        assert_eq!(admission.take(ip("192.0.2.3"), now).unwrap_err(), NoSeat::Full);
        drop(first);
        let _fourth = admission.take(ip("192.0.2.1"), now).unwrap();
        assert_eq!(admission.connections(), 3);
    }

    #[test]
    fn a_64_of_ipv6_counts_as_one_address() {
        let (admission, now) = (Admission::new(limits()), Instant::now());
        let _first = admission.take(ip("2001:db8:0:1::1"), now).unwrap();
        let _second = admission.take(ip("2001:db8:0:1:ffff::2"), now).unwrap();
        assert_eq!(admission.take(ip("2001:db8:0:1::3"), now).unwrap_err(), NoSeat::AddressFull);
    }

    #[test]
    fn an_address_that_comes_too_fast_is_refused_and_forgotten_later() {
        let limits = AdmissionLimits { burst_per_address: 2.0, rate_per_address: 1.0, ..limits() };
        let (admission, now) = (Admission::new(limits), Instant::now());
        for _ in 0..2 {
            drop(admission.take(ip("192.0.2.1"), now).unwrap());
        }
        assert_eq!(admission.take(ip("192.0.2.1"), now).unwrap_err(), NoSeat::TooFast);
        let later = now + Duration::from_secs(60);
        drop(admission.take(ip("192.0.2.2"), later).unwrap());
        assert_eq!(admission.taken().by_address.len(), 1);
    }
}
