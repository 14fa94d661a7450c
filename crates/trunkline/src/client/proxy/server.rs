//! One proxy, as its URL names it.

use std::error::Error;
use std::fmt;

use trunkline_proto::handshake::{Authority, Credentials};

/// A proxy to go through.
#[derive(Clone, PartialEq, Eq)]
pub(in crate::client) struct ProxyServer {
    pub(super) scheme: Scheme,
    /// An IPv6 address is in brackets.
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) credentials: Option<Credentials>,
}

/// How the proxy is spoken to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Scheme {
    /// CONNECT over TCP.
    Http,
    /// CONNECT over TLS.
    Https,
    /// SOCKS5 with addresses: names are looked up here.
    Socks5,
    /// SOCKS5 with names, which the proxy looks up.
    Socks5h,
}

impl Scheme {
    const ALL: [Self; 4] = [Self::Http, Self::Https, Self::Socks5, Self::Socks5h];

    const fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
            Self::Socks5 => "socks5",
            Self::Socks5h => "socks5h",
        }
    }

    /// Those of the schemes, as in Go; curl and Python leave it to the reader of their sources.
    const fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
            Self::Socks5 | Self::Socks5h => 1080,
        }
    }

    const fn is_socks(self) -> bool {
        matches!(self, Self::Socks5 | Self::Socks5h)
    }
}

impl ProxyServer {
    /// Reads `scheme://user:password@host:port`; without a scheme it is `http`.
    pub(super) fn parse(text: &str) -> Result<Self, InvalidProxy> {
        let text = text.trim();
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Fault::Character.into());
        }
        let (scheme, rest) = match text.split_once("://") {
            None => (Scheme::Http, text),
            Some((name, rest)) => {
                let scheme =
                    Scheme::ALL.into_iter().find(|it| it.name().eq_ignore_ascii_case(name));
                (scheme.ok_or(Fault::Scheme)?, rest)
            }
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        if rest.contains(['/', '?', '#']) {
            return Err(Fault::Path.into());
        }
        let (user, authority) = match rest.rsplit_once('@') {
            Some((user, authority)) => (Some(user), authority),
            None => (None, rest),
        };
        let credentials =
            user.map(|user| Credentials::parse(user).ok_or(Fault::User)).transpose()?;
        if scheme.is_socks() && !credentials.as_ref().is_none_or(fits_socks5) {
            return Err(Fault::SocksUser.into());
        }
        let authority = Authority::parse(authority.as_bytes()).ok_or(Fault::Host)?;
        let port = authority.port().unwrap_or_else(|| scheme.default_port());
        Ok(Self { scheme, host: authority.host().into(), port, credentials })
    }
}

/// RFC 1929 §2 gives each of them one byte for its length, and wants at least one byte.
fn fits_socks5(credentials: &Credentials) -> bool {
    [credentials.name(), credentials.password()].iter().all(|it| matches!(it.len(), 1..=255))
}

impl fmt::Display for ProxyServer {
    /// The URL without credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}:{}", self.scheme.name(), self.host, self.port)
    }
}

impl fmt::Debug for ProxyServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Something that names no proxy. The text itself is not shown: it may hold a password.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct InvalidProxy {
    variable: Option<&'static str>,
    fault: Fault,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fault {
    Character,
    Scheme,
    Path,
    User,
    SocksUser,
    Host,
}

impl InvalidProxy {
    /// The variable of the environment that it stands in, if it does.
    pub fn variable(&self) -> Option<&str> {
        self.variable
    }

    pub(super) fn in_variable(self, variable: &'static str) -> Self {
        Self { variable: Some(variable), ..self }
    }
}

impl From<Fault> for InvalidProxy {
    fn from(fault: Fault) -> Self {
        Self { variable: None, fault }
    }
}

impl fmt::Display for InvalidProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.variable {
            Some(variable) => write!(f, "the proxy in the environment variable {variable} ")?,
            None => f.write_str("the URL of the proxy ")?,
        }
        f.write_str(match self.fault {
            Fault::Character => {
                "holds a space, a control or a character beyond ASCII: percent-encode it"
            }
            Fault::Scheme => "has to begin with http://, https://, socks5:// or socks5h://",
            Fault::Path => "has a path: end it behind host and port",
            Fault::User => {
                "has a user or a password that cannot be sent: percent-encode both, \
                 and leave out controls and a colon in the user"
            }
            Fault::SocksUser => {
                "has a user or a password that SOCKS5 cannot send: each has to have 1 to 255 bytes"
            }
            Fault::Host => "has no valid host and port",
        })
    }
}

impl Error for InvalidProxy {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_has_scheme_host_and_port() {
        for (text, expect) in [
            ("http://a", "http://a:80"),
            ("a", "http://a:80"),
            ("a:3128", "http://a:3128"),
            (" http://a:3128/\n", "http://a:3128"),
            ("HTTPS://[::1]", "https://[::1]:443"),
            ("socks5://127.0.0.1", "socks5://127.0.0.1:1080"),
            ("socks5h://a:9050", "socks5h://a:9050"),
        ] {
            assert_eq!(ProxyServer::parse(text).expect(text).to_string(), expect);
        }
    }

    #[test]
    fn its_credentials_are_decoded_and_never_shown() {
        for text in ["http://hans:ge%40heim@a", "socks5://hans:ge%40heim@a", "hans:ge%40heim@a"] {
            let proxy = ProxyServer::parse(text).expect(text);
            let credentials = proxy.credentials.as_ref().expect("they are there");
            assert_eq!(
                (credentials.name(), credentials.password()),
                (&b"hans"[..], &b"ge@heim"[..])
            );
            let shown = format!("{proxy} {proxy:?} {proxy:#?}");
            assert!(!shown.contains("hans") && !shown.contains("heim"), "{shown}");
        }
    }

    #[test]
    fn anything_else_is_refused_without_being_shown() {
        let long = format!("socks5://a:{}@b", "x".repeat(256));
        for (text, expect) in [
            ("", Fault::Host),
            ("http://", Fault::Host),
            ("http://a:0", Fault::Host),
            ("http://a:b", Fault::Host),
            ("::1", Fault::Host),
            ("socks4://a", Fault::Scheme),
            ("socks://a", Fault::Scheme),
            ("ftp://a", Fault::Scheme),
            ("http://a/proxy.pac", Fault::Path),
            ("http://a?b", Fault::Path),
            ("http://a#b", Fault::Path),
            ("http://secret@b@c", Fault::User),
            ("http://@a", Fault::User),
            ("http://secret%0d%0a:b@c", Fault::User),
            ("http://a b", Fault::Character),
            ("http://secret\u{e4}@a", Fault::Character),
            ("socks5://secret@a", Fault::SocksUser),
            ("socks5h://:secret@a", Fault::SocksUser),
            (&long, Fault::SocksUser),
        ] {
            let refused = ProxyServer::parse(text).expect_err(text);
            assert_eq!(refused.fault, expect, "{text:?}");
            assert!(!format!("{refused} {refused:?}").contains("secret"), "{refused}");
        }
        let longest = format!("socks5://{0}:{0}@b", "x".repeat(255));
        assert!(ProxyServer::parse(&longest).is_ok());
    }
}
