//! How many connections there may be, in all and from one address.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};

use trunkline_proto::Limit;

/// The room for connections, and who takes it.
#[derive(Debug)]
pub(super) struct Seats {
    pub(super) max: Limit,
    pub(super) max_per_address: Limit,
    taken: usize,
    by_address: HashMap<Address, usize>,
}

/// Why there is no seat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoSeat {
    Full,
    AddressFull,
}

/// What one subscriber has to himself: an address of IPv4, or a /64 of IPv6, the least that providers
/// hand out and of whose 2^64 addresses anyone may use as many as he likes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Address {
    V4(Ipv4Addr),
    V6([u16; 4]),
}

impl From<IpAddr> for Address {
    fn from(ip: IpAddr) -> Self {
        // A socket for both families shows IPv4 as ::ffff:a.b.c.d: one /64 for all of them.
        match ip.to_canonical() {
            IpAddr::V4(ip) => Self::V4(ip),
            IpAddr::V6(ip) => {
                let [a, b, c, d, ..] = ip.segments();
                Self::V6([a, b, c, d])
            }
        }
    }
}

impl Seats {
    pub(super) fn new(max: Limit, max_per_address: Limit) -> Self {
        Self { max, max_per_address, taken: 0, by_address: HashMap::new() }
    }

    /// Takes a seat. A Unix socket has no address, so that only the number in all counts.
    pub(super) fn take(&mut self, address: Option<Address>) -> Result<(), NoSeat> {
        if !self.max.allows(self.taken + 1) {
            return Err(NoSeat::Full);
        }
        if let Some(address) = address {
            let from_there = self.by_address.get(&address).map_or(1, |taken| taken + 1);
            if !self.max_per_address.allows(from_there) {
                return Err(NoSeat::AddressFull);
            }
            self.by_address.insert(address, from_there);
        }
        self.taken += 1;
        Ok(())
    }

    /// Gives a seat back.
    pub(super) fn free(&mut self, address: Option<Address>) {
        self.taken -= 1;
        let Some(address) = address else { return };
        if let Some(taken) = self.by_address.get_mut(&address) {
            *taken -= 1;
            if *taken == 0 {
                self.by_address.remove(&address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(ip: &str) -> Option<Address> {
        Some(ip.parse::<IpAddr>().unwrap().into())
    }

    #[test]
    fn ipv6_counts_by_the_64_bits_of_its_network() {
        assert_eq!(address("2001:db8:1:2::1"), address("2001:db8:1:2:ffff:ffff:ffff:ffff"));
        assert_ne!(address("2001:db8:1:2::1"), address("2001:db8:1:3::1"));
    }

    #[test]
    fn ipv4_counts_by_address_however_it_is_written() {
        assert_eq!(address("::ffff:192.0.2.1"), address("192.0.2.1"));
        assert_ne!(address("::ffff:192.0.2.1"), address("::ffff:192.0.2.2"));
    }

    #[test]
    fn seats_run_out_in_all_and_for_an_address_and_come_back() {
        let mut seats = Seats::new(Limit::at_most(3), Limit::at_most(2));
        let (a, b) = (address("192.0.2.1"), address("192.0.2.2"));
        assert_eq!([seats.take(a), seats.take(a)], [Ok(()); 2]);
        assert_eq!(seats.take(a), Err(NoSeat::AddressFull));
        assert_eq!(seats.take(b), Ok(()));
        assert_eq!(seats.take(None), Err(NoSeat::Full));
        seats.free(a);
        assert_eq!(seats.take(a), Ok(()));
        for address in [a, a, b] {
            seats.free(address);
        }
        assert_eq!((seats.taken, seats.by_address.len()), (0, 0));
    }
}
