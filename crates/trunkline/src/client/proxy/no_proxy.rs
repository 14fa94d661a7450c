//! The hosts that are connected to directly, as `NO_PROXY` lists them.

use std::net::IpAddr;

/// A list of hosts that no proxy is for.
///
/// Nobody has ever written down what `NO_PROXY` means. This is what curl makes of it, and the ports of Go.
#[derive(Clone, Default)]
pub(super) struct NoProxy {
    everything: bool,
    entries: Vec<Entry>,
}

#[derive(Clone)]
struct Entry {
    hosts: Hosts,
    /// Every port, if there is none.
    port: Option<u16>,
}

#[derive(Clone)]
enum Hosts {
    /// This domain, in lower case, and those below it.
    Domain(String),
    /// Addresses that begin with the same bits.
    Net { address: IpAddr, bits: u32 },
}

impl NoProxy {
    /// Reads names, addresses and networks between commas or spaces. What is none of them matches
    /// nothing, as everywhere else: one typing error should not keep a program from all its hosts.
    pub(super) fn parse(list: &str) -> Self {
        let words = || list.split([',', ' ', '\t', '\r', '\n']).filter(|word| !word.is_empty());
        Self {
            everything: words().any(|word| word == "*"),
            entries: words().filter_map(Entry::parse).collect(),
        }
    }

    /// Whether `host` at `port` is in the list. An IPv6 address may be in brackets.
    pub(super) fn covers(&self, host: &str, port: u16) -> bool {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        self.everything || self.entries.iter().any(|entry| entry.covers(&host, port))
    }
}

impl Entry {
    fn parse(word: &str) -> Option<Self> {
        if let Some(hosts) = Hosts::parse_net(word) {
            return Some(Self { hosts, port: None });
        }
        let (host, port) = match word.rsplit_once(':') {
            Some((host, port)) => (host, Some(port.parse().ok()?)),
            None => (word, None),
        };
        let hosts = Hosts::parse_net(host).or_else(|| Hosts::parse_domain(host))?;
        Some(Self { hosts, port })
    }

    fn covers(&self, host: &str, port: u16) -> bool {
        self.port.is_none_or(|it| it == port) && self.hosts.covers(host)
    }
}

impl Hosts {
    /// `10.0.0.1`, `10.0.0.0/8`, `::1`, `[::1]`, `fd00::/8`.
    fn parse_net(word: &str) -> Option<Self> {
        let (address, bits) = match word.split_once('/') {
            Some((address, bits)) => (parse_address(address)?, Some(bits.parse().ok()?)),
            None => (parse_address(word)?, None),
        };
        let bits_max = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.unwrap_or(bits_max);
        (bits <= bits_max).then_some(Self::Net { address, bits })
    }

    /// `example.com`, `.example.com` and `*.example.com`, which all mean the same.
    fn parse_domain(word: &str) -> Option<Self> {
        let domain = word.strip_prefix('*').unwrap_or(word);
        let domain = domain.strip_prefix('.').unwrap_or(domain).trim_end_matches('.');
        let is_domain = !domain.is_empty() && !domain.contains(['*', '/', ':', '[', ']']);
        is_domain.then(|| Self::Domain(domain.to_ascii_lowercase()))
    }

    fn covers(&self, host: &str) -> bool {
        match self {
            Self::Domain(domain) => host
                .strip_suffix(domain.as_str())
                .is_some_and(|below| below.is_empty() || below.ends_with('.')),
            Self::Net { address, bits } => {
                parse_address(host).is_some_and(|host| begins_alike(host, *address, *bits))
            }
        }
    }
}

/// An address, IPv6 with or without brackets. An IPv4 address that is written as one of IPv6 is the
/// IPv4 address.
pub(super) fn parse_address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    Some(bare.parse::<IpAddr>().ok()?.to_canonical())
}

fn begins_alike(a: IpAddr, b: IpAddr, bits: u32) -> bool {
    match (a, b) {
        // A shift by all bits leaves nothing that could differ.
        (IpAddr::V4(a), IpAddr::V4(b)) => {
            (a.to_bits() ^ b.to_bits()).checked_shr(32 - bits).unwrap_or(0) == 0
        }
        (IpAddr::V6(a), IpAddr::V6(b)) => {
            (a.to_bits() ^ b.to_bits()).checked_shr(128 - bits).unwrap_or(0) == 0
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(list: &str, covered: &[(&str, u16)], others: &[(&str, u16)]) {
        let no_proxy = NoProxy::parse(list);
        for &(host, port) in covered {
            assert!(no_proxy.covers(host, port), "{list:?} covers {host}:{port}");
        }
        for &(host, port) in others {
            assert!(!no_proxy.covers(host, port), "{list:?} does not cover {host}:{port}");
        }
    }

    #[test]
    fn a_name_covers_itself_and_what_is_below_it() {
        let covered = [("b.example", 80), ("a.b.example", 1), ("B.EXAMPLE.", 1)];
        let others = [("example", 80), ("ab.example", 80), ("b.example.com", 80), ("b", 80)];
        for list in
            ["b.example", ".b.example", "*.b.example", "B.Example.", "x, b.example", "x b.example"]
        {
            check(list, &covered, &others);
        }
    }

    #[test]
    fn a_port_narrows_an_entry() {
        check("a:81", &[("a", 81), ("b.a", 81)], &[("a", 80), ("b.a", 8181)]);
        check("10.0.0.1:81", &[("10.0.0.1", 81)], &[("10.0.0.1", 80)]);
        check("[::1]:81", &[("[::1]", 81)], &[("[::1]", 80)]);
    }

    #[test]
    fn an_address_covers_its_spellings() {
        check(
            "10.0.0.1",
            &[("10.0.0.1", 1), ("[::ffff:10.0.0.1]", 1)],
            &[("10.0.0.10", 1), ("a10.0.0.1", 1)],
        );
        check(
            "::1,[fd00::1]",
            &[("[0:0::1]", 1), ("[fd00::1]", 1)],
            &[("[::2]", 1), ("0.0.0.1", 1)],
        );
        check("::ffff:10.0.0.1", &[("10.0.0.1", 1)], &[]);
    }

    #[test]
    fn a_network_covers_what_begins_with_its_bits() {
        check("10.0.0.0/8", &[("10.255.0.1", 1)], &[("11.0.0.1", 1), ("a.10.0.0.1", 1)]);
        check(
            "192.168.6.0/23",
            &[("192.168.7.255", 1)],
            &[("192.168.8.0", 1), ("192.168.5.255", 1)],
        );
        check("10.0.0.1/32", &[("10.0.0.1", 1)], &[("10.0.0.0", 1)]);
        check("0.0.0.0/0", &[("1.2.3.4", 1)], &[("[::1]", 1), ("name", 1)]);
        check("fd00::/8", &[("[fdff::1]", 1)], &[("[fe00::1]", 1)]);
        check("::/0", &[("[::1]", 1)], &[("1.2.3.4", 1)]);
    }

    #[test]
    fn a_star_covers_everything() {
        check("*", &[("a", 1), ("10.0.0.1", 1), ("[::1]", 1)], &[]);
        check("a, *", &[("b", 1)], &[]);
    }

    #[test]
    fn what_is_no_entry_covers_nothing_and_leaves_the_others_alone() {
        let others = [("a", 1), ("10.0.0.1", 1), ("[::1]", 1), ("b.", 1)];
        for list in [
            "",
            " , ,",
            ".",
            "*.",
            "10.0.0.0/33",
            "10.0.0.0/",
            "10.0.0.0/x",
            "::/129",
            "a:x",
            "a:65536",
            "a:",
            "a/8",
            "[a",
            "**",
        ] {
            check(list, &[], &others);
            check(&format!("{list},c"), &[("c", 1)], &others);
        }
    }
}
