//! `host` and `host:port`, as they stand in `Host`, in `Origin` and in URLs (RFC 3986 §3.2).

use std::fmt;
use std::net::Ipv6Addr;

use super::syntax;

/// A host and perhaps a port.
///
/// Stricter than RFC 3986: no user, no empty port, no port 0, no percent-encoding in the host (two
/// readers may decode it differently, and no name in the DNS needs it), no comma (two `Host` fields
/// joined into one have it), and of the literals in brackets only IPv6.
///
/// Two authorities are equal if host and port are; letters of the host count in either case, and
/// spellings of one IPv6 address are one host.
#[derive(Clone, Copy, Debug, Eq)]
pub struct Authority<'a> {
    host: &'a str,
    port: Option<u16>,
}

impl<'a> Authority<'a> {
    /// Reads the whole of `bytes`, or gives `None` if they are something else.
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let host_bytes = match bytes {
            [b'[', ..] => bytes.iter().position(|&byte| byte == b']')? + 1,
            _ => bytes.iter().position(|&byte| byte == b':').unwrap_or(bytes.len()),
        };
        let (host, rest) = bytes.split_at_checked(host_bytes)?;
        let port = match rest {
            [] => None,
            [b':', port @ ..] => Some(parse_port(port)?),
            _ => return None,
        };
        is_host(host).then(|| Self { host: syntax::ascii(host), port })
    }

    pub(super) const fn new(host: &'a str, port: Option<u16>) -> Self {
        Self { host, port }
    }

    /// The host: a name, an IPv4 address, or an IPv6 address in brackets.
    pub const fn host(&self) -> &'a str {
        self.host
    }

    /// The port, if there is one.
    pub const fn port(&self) -> Option<u16> {
        self.port
    }

    /// The same with a port for where there is none.
    pub(super) fn or_port(self, port: Option<u16>) -> Self {
        Self { port: self.port.or(port), ..self }
    }
}

impl PartialEq for Authority<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.port == other.port && is_same_host(self.host, other.host)
    }
}

impl fmt::Display for Authority<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.host)?;
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

/// Whether two hosts that were checked are one.
pub(super) fn is_same_host(a: &str, b: &str) -> bool {
    a.eq_ignore_ascii_case(b)
        || matches!((ipv6(a.as_bytes()), ipv6(b.as_bytes())), (Some(a), Some(b)) if a == b)
}

fn is_host(host: &[u8]) -> bool {
    match host {
        [b'[', ..] => ipv6(host).is_some(),
        _ => !host.is_empty() && host.iter().all(|&byte| is_name_byte(byte)),
    }
}

fn ipv6(host: &[u8]) -> Option<Ipv6Addr> {
    let [b'[', address @ .., b']'] = host else {
        return None;
    };
    std::str::from_utf8(address).ok()?.parse().ok()
}

/// `unreserved` and `sub-delims` of RFC 3986 §2, but for the comma.
const fn is_name_byte(byte: u8) -> bool {
    matches!(byte,
        b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'-' | b'.' | b'_' | b'~'
        | b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b';' | b'=')
}

/// 1 to 65535 in at most five digits.
fn parse_port(digits: &[u8]) -> Option<u16> {
    if digits.len() > 5 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    syntax::ascii(digits).parse().ok().filter(|&port| port != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: Option<(&str, Option<u16>)>) {
        let got = Authority::parse(text.as_bytes());
        assert_eq!(got.map(|it| (it.host(), it.port())), expect, "{text:?}");
    }

    #[test]
    fn an_authority_is_a_host_and_perhaps_a_port() {
        check("example.com", Some(("example.com", None)));
        check("Example.com:1", Some(("Example.com", Some(1))));
        check("a_b:65535", Some(("a_b", Some(65535))));
        check("127.0.0.1:80", Some(("127.0.0.1", Some(80))));
        check("[::1]", Some(("[::1]", None)));
        check("[2001:db8::1]:8080", Some(("[2001:db8::1]", Some(8080))));
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            ":80",
            "a:",
            "a:0",
            "a:65536",
            "a:000080",
            "a:+1",
            "a:8o",
            "a b",
            "a b[::",
            "a/b",
            "a@b",
            "user:pw@a",
            "%zz",
            "%41",
            "a?b",
            "ä",
            "[::1",
            "[]",
            "[::1]x",
            "[::1]:",
            "[::1%25eth0]",
            "[v1.x]",
            "::1",
            "a,b",
            "\0",
        ] {
            check(text, None);
        }
    }

    #[test]
    fn hosts_are_compared_without_regard_to_spelling() {
        let parse = |text: &'static str| Authority::parse(text.as_bytes()).expect(text);
        assert_eq!(parse("A.example"), parse("a.EXAMPLE"));
        assert_eq!(parse("[::1]:80"), parse("[0:0::0:1]:80"));
        assert_ne!(parse("a:80"), parse("a:81"));
        assert_ne!(parse("a"), parse("a:80"));
        assert_eq!(parse("a").or_port(Some(80)), parse("a:80").or_port(Some(443)));
    }
}
