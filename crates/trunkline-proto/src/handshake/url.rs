//! `ws:` and `wss:` URLs (RFC 6455 §3).

use std::error::Error;
use std::fmt;

use super::authority::Authority;
use super::credentials::Credentials;

/// Where a client wants to connect to, read from a URL.
///
/// What is percent-encoded stays so; nothing is encoded or decoded on the way to the wire, other than
/// a name and a password before the host. These go out as `Authorization`, and only so: they are in
/// neither [`authority`](Self::authority) nor `Debug`.
///
/// # Examples
///
/// ```
/// use trunkline_proto::handshake::Url;
///
/// let url: Url = "wss://example.com/chat?room=1".parse()?;
/// assert_eq!((url.is_secure(), url.host(), url.port()), (true, "example.com", 443));
/// assert_eq!(url.target(), "/chat?room=1");
/// # Ok::<_, trunkline_proto::handshake::InvalidUrl>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Url {
    is_secure: bool,
    credentials: Option<Credentials>,
    host: String,
    port: u16,
    target: String,
}

impl Url {
    /// Reads a whole URL.
    ///
    /// # Errors
    ///
    /// If it is not a WebSocket URL, with the part that is wrong.
    pub fn parse(text: &str) -> Result<Self, InvalidUrl> {
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(InvalidUrl::Character);
        }
        if text.contains('#') {
            return Err(InvalidUrl::Fragment);
        }
        let (scheme, rest) = text.split_once("://").ok_or(InvalidUrl::Scheme)?;
        let is_secure = match scheme {
            _ if scheme.eq_ignore_ascii_case("ws") => false,
            _ if scheme.eq_ignore_ascii_case("wss") => true,
            _ => return Err(InvalidUrl::Scheme),
        };
        let authority_bytes = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, target) = rest.split_at_checked(authority_bytes).ok_or(InvalidUrl::Host)?;
        // The last `@`: one before it is not encoded, so that no reader takes another host from this.
        let (user, authority) = match authority.rsplit_once('@') {
            Some((user, authority)) => (Some(user), authority),
            None => (None, authority),
        };
        let credentials =
            user.map(|user| Credentials::parse(user).ok_or(InvalidUrl::User)).transpose()?;
        let authority = Authority::parse(authority.as_bytes()).ok_or(InvalidUrl::Host)?;
        Ok(Self {
            is_secure,
            credentials,
            host: authority.host().into(),
            port: authority.port().unwrap_or_else(|| default_port(is_secure)),
            // The resource name begins with a slash even if the URL has none (§3).
            target: if target.starts_with('/') { target.into() } else { format!("/{target}") },
        })
    }

    pub(super) fn with_target(self, target: String) -> Self {
        Self { target, ..self }
    }

    /// Whether the scheme is `wss`, so that TLS goes below.
    pub const fn is_secure(&self) -> bool {
        self.is_secure
    }

    /// The name and the password before the host, which the handshake sends as `Authorization`.
    pub const fn credentials(&self) -> Option<&Credentials> {
        self.credentials.as_ref()
    }

    /// The same URL with other credentials, or with none.
    #[must_use]
    pub fn with_credentials(self, credentials: Option<Credentials>) -> Self {
        Self { credentials, ..self }
    }

    /// The host to look up; an IPv6 address is in brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port to connect to: the one that is written, 443 for `wss` or 80 for `ws`.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Path and query, which RFC 6455 calls the resource name.
    pub fn target(&self) -> &str {
        &self.target
    }

    /// The value of `Host`: without the port if it is the scheme's own (§4.1 point 4).
    pub fn authority(&self) -> Authority<'_> {
        let port = (self.port != default_port(self.is_secure)).then_some(self.port);
        Authority::new(&self.host, port)
    }
}

impl std::str::FromStr for Url {
    type Err = InvalidUrl;

    fn from_str(text: &str) -> Result<Self, InvalidUrl> {
        Self::parse(text)
    }
}

impl fmt::Debug for Url {
    /// Shows no query, as people put tokens there, and no credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_secure { "wss" } else { "ws" };
        let path = self.target.split('?').next().unwrap_or_default();
        write!(f, "{scheme}://{}{path}", self.authority())
    }
}

const fn default_port(is_secure: bool) -> u16 {
    if is_secure { 443 } else { 80 }
}

/// Something that is not a WebSocket URL. The URL itself is not shown: it may hold a secret.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum InvalidUrl {
    /// It holds a space, a control or something beyond ASCII.
    Character,
    /// It does not begin with `ws://` or `wss://`.
    Scheme,
    /// It has a fragment, which RFC 6455 §3 forbids.
    Fragment,
    /// The name or the password before the host cannot be sent: see [`Credentials::parse`].
    User,
    /// Host and port are not a name or an address, and a port from 1 to 65535.
    Host,
}

impl fmt::Display for InvalidUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Character => {
                "the URL holds a space, a control or a character beyond ASCII: percent-encode it"
            }
            Self::Scheme => "the URL does not begin with ws:// or wss://",
            Self::Fragment => "the URL has a fragment: leave it out, or write # as %23",
            Self::User => {
                "the user or the password in the URL cannot be sent: percent-encode both, \
                 and leave out controls and a colon in the user"
            }
            Self::Host => "the URL has no valid host and port",
        })
    }
}

impl Error for InvalidUrl {}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: (bool, &str, u16, &str, &str)) {
        let url = Url::parse(text).expect(text);
        let authority = url.authority().to_string();
        assert_eq!((url.is_secure(), url.host(), url.port(), url.target(), &*authority), expect);
    }

    #[test]
    fn s3_a_url_has_scheme_host_port_and_resource_name() {
        check("ws://a", (false, "a", 80, "/", "a"));
        check("wss://a", (true, "a", 443, "/", "a"));
        check("WSS://a:443/x", (true, "a", 443, "/x", "a"));
        check("ws://a:443/x/?y=z?&", (false, "a", 443, "/x/?y=z?&", "a:443"));
        check("ws://a?x", (false, "a", 80, "/?x", "a"));
        check("ws://[::1]:8080/%0d%0a%20", (false, "[::1]", 8080, "/%0d%0a%20", "[::1]:8080"));
    }

    #[test]
    fn s3_anything_else_is_refused() {
        use InvalidUrl::{Character, Fragment, Host, Scheme, User};
        for (text, expect) in [
            ("", Scheme),
            ("a", Scheme),
            ("ws:a", Scheme),
            ("http://a", Scheme),
            ("://a", Scheme),
            ("ws://", Host),
            ("ws:///x", Host),
            ("ws://a:0", Host),
            ("ws://a:", Host),
            ("ws://a:99999", Host),
            ("ws://%0d%0a", Host),
            ("ws://a\\b", Host),
            ("ws://::1", Host),
            ("ws://@a", User),
            ("ws://:@a", User),
            ("ws://a@b@c", User),
            ("ws://a\\@b", User),
            ("ws://a%3ab:c@d", User),
            ("ws://a%0d%0a@b", User),
            ("ws://a:b@", Host),
            ("ws://a:b/@c", Host),
            ("ws://a/#b", Fragment),
            ("ws://a#", Fragment),
            ("ws://a/ b", Character),
            ("ws://a/\r\nb", Character),
            ("ws://a\t", Character),
            ("ws://ä", Character),
            ("ws://a/\0", Character),
        ] {
            assert_eq!(Url::parse(text), Err(expect), "{text:?}");
        }
    }

    #[test]
    fn a_name_and_a_password_are_apart_from_the_host() {
        let url = Url::parse("ws://hans:ge%3Aheim@a:8080/b@c").expect("a URL");
        let credentials = url.credentials().expect("they are there");
        assert_eq!((credentials.name(), credentials.password()), (&b"hans"[..], &b"ge:heim"[..]));
        assert_eq!((url.host(), url.port(), url.target()), ("a", 8080, "/b@c"));
        assert_eq!(url.authority().to_string(), "a:8080");
        assert_eq!(format!("{url:?}"), "ws://a:8080/b@c");
        let bare = url.clone().with_credentials(None);
        assert_ne!(url, bare);
        assert_eq!(bare, Url::parse("ws://a:8080/b@c").expect("a URL"));
    }

    #[test]
    fn debug_shows_no_query() {
        assert_eq!(format!("{:?}", Url::parse("ws://a:1/b?token=c").expect("a URL")), "ws://a:1/b");
    }
}
