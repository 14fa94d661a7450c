//! [`Address`]: by what strangers are counted.

use std::net::{IpAddr, Ipv4Addr};

/// What one subscriber of a provider has to himself: an address of IPv4, or a /64 of IPv6.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Address {
    V4(Ipv4Addr),
    V6([u16; 4]),
}

impl From<IpAddr> for Address {
    fn from(ip: IpAddr) -> Self {
        match ip.to_canonical() {
            IpAddr::V4(ip) => Self::V4(ip),
            IpAddr::V6(ip) => {
                let [a, b, c, d, ..] = ip.segments();
                Self::V6([a, b, c, d])
            }
        }
    }
}
