//! Which web pages may connect (RFC 6455 §10.2).
//!
//! A browser lets any page open a WebSocket to any server and sends the cookies of that server
//! along. What keeps a hostile page from acting as its visitor is this check alone, so it is on by
//! default. Programs other than browsers send no `Origin`, or any that they like: the check guards
//! visitors, not the server.

use std::error::Error;
use std::fmt;

use super::authority::Authority;
use super::syntax;

/// Which values of `Origin` a server accepts.
///
/// ```
/// use trunkline_proto::handshake::OriginPolicy;
///
/// let policy = OriginPolicy::list(["https://example.com", "https://*.example.com"])?;
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Default, Debug)]
#[non_exhaustive]
pub enum OriginPolicy {
    /// Pages of the host and port that the request itself names in `Host`.
    ///
    /// A server behind TLS that ends elsewhere cannot know which scheme the page was loaded by, so
    /// `http` and `https` both pass; where `Host` has no port it means the default one of the
    /// scheme in `Origin`. List the origins to be exact.
    #[default]
    SameOrigin,
    /// Every page on the web, for a service that gives nothing to those who bring cookies.
    Any,
    /// These.
    List(OriginList),
}

impl OriginPolicy {
    /// A policy of [`OriginList::new`].
    ///
    /// # Errors
    ///
    /// As [`OriginList::new`].
    pub fn list<'a>(origins: impl IntoIterator<Item = &'a str>) -> Result<Self, InvalidOrigin> {
        OriginList::new(origins).map(Self::List)
    }

    /// Whether a page of `origin` may ask for something at `host`: the values of `Origin` and `Host` in a
    /// request that is no handshake, for servers that answer such requests by the same rules. A
    /// [handshake](super::ServerHandshake) judges its own.
    ///
    /// Whoever sends no `Origin` is no page. Of two of them, neither counts: refuse the request.
    ///
    /// ```
    /// use trunkline_proto::handshake::OriginPolicy;
    ///
    /// let policy = OriginPolicy::SameOrigin;
    /// assert!(policy.permits(b"https://example.com", b"example.com"));
    /// assert!(!policy.permits(b"https://evil.example", b"example.com"));
    /// ```
    pub fn permits(&self, origin: &[u8], host: &[u8]) -> bool {
        let host = Authority::parse(host);
        origin.is_ascii() && host.is_some_and(|host| self.allows(origin, host))
    }

    /// Whether the header value `origin` of a request to `host` may pass.
    pub(super) fn allows(&self, origin: &[u8], host: Authority<'_>) -> bool {
        if matches!(self, Self::Any) {
            return true;
        }
        match (self, Parsed::parse(origin)) {
            (Self::SameOrigin, Some(Parsed::Site(site))) => {
                let port = default_port(site.scheme);
                port.is_some() && site.authority == host.or_port(port)
            }
            (Self::List(list), Some(parsed)) => list.allows(parsed),
            (_, Some(Parsed::Null) | None) | (Self::Any, _) => false,
        }
    }
}

/// Origins that are allowed by name.
///
/// An entry is a full origin: scheme, host and, unless it is the scheme's own, port. A first label
/// of `*` stands for exactly one label: `https://*.example.com` is `https://a.example.com`, but
/// neither `https://example.com` nor `https://a.b.example.com`. Pages without an origin, such as
/// sandboxed frames and local files, call themselves `null`, and so does whoever wants to look like
/// one; `null` passes only if it is in the list.
///
/// # Examples
///
/// ```
/// use trunkline_proto::handshake::OriginList;
///
/// let list = OriginList::new(["https://app.example.com", "http://localhost:3000"])?;
/// assert!(OriginList::new(["app.example.com"]).is_err());
/// # Ok::<_, trunkline_proto::handshake::InvalidOrigin>(())
/// ```
#[derive(Clone, Default, Debug)]
pub struct OriginList {
    null: bool,
    patterns: Vec<Pattern>,
}

#[derive(Clone, Debug)]
struct Pattern {
    scheme: String,
    /// Behind the `*.`, if it begins with one.
    host: String,
    port: Option<u16>,
    any_label: bool,
}

impl OriginList {
    /// Reads every entry; an empty list lets no page in.
    ///
    /// # Errors
    ///
    /// If an entry is not an origin, with the entry.
    pub fn new<'a>(origins: impl IntoIterator<Item = &'a str>) -> Result<Self, InvalidOrigin> {
        let mut list = Self::default();
        for origin in origins {
            let invalid = || InvalidOrigin(origin.into());
            match Parsed::parse(origin.as_bytes()).ok_or_else(invalid)? {
                Parsed::Null => list.null = true,
                Parsed::Site(site) => list.patterns.push(Pattern::new(site).ok_or_else(invalid)?),
            }
        }
        Ok(list)
    }

    fn allows(&self, origin: Parsed<'_>) -> bool {
        match origin {
            Parsed::Null => self.null,
            Parsed::Site(site) => self.patterns.iter().any(|pattern| pattern.matches(site)),
        }
    }
}

impl Pattern {
    fn new(site: Site<'_>) -> Option<Self> {
        let host = site.authority.host();
        let (host, any_label) = host.strip_prefix("*.").map_or((host, false), |rest| (rest, true));
        (!host.is_empty() && !host.contains('*')).then(|| Self {
            scheme: site.scheme.into(),
            host: host.into(),
            port: site.authority.port(),
            any_label,
        })
    }

    fn matches(&self, site: Site<'_>) -> bool {
        let host = match self.any_label {
            false => Some(site.authority.host()),
            true => site.authority.host().split_once('.').and_then(|(label, rest)| {
                // The name `.example.com` has an empty first label: no host is called that.
                (!label.is_empty()).then_some(rest)
            }),
        };
        site.scheme.eq_ignore_ascii_case(&self.scheme)
            && host.is_some_and(|host| {
                Authority::new(host, site.authority.port()) == Authority::new(&self.host, self.port)
            })
    }
}

/// An origin that a client sends, for servers that ask for one: `https://example.com` or `null`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Origin(String);

impl Origin {
    /// Reads a full origin.
    ///
    /// # Errors
    ///
    /// If it is none, as [`OriginList::new`].
    pub fn parse(text: &str) -> Result<Self, InvalidOrigin> {
        let parsed = Parsed::parse(text.as_bytes());
        parsed.map(|_| Self(text.into())).ok_or_else(|| InvalidOrigin(text.into()))
    }

    /// As it stands in the header.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A serialised origin (RFC 6454 §6.2).
#[derive(Clone, Copy)]
enum Parsed<'a> {
    Null,
    Site(Site<'a>),
}

#[derive(Clone, Copy)]
struct Site<'a> {
    scheme: &'a str,
    /// With the scheme's own port where none was given.
    authority: Authority<'a>,
}

impl<'a> Parsed<'a> {
    /// A list of origins, which RFC 6454 §7.1 has room for and nobody sends, is not taken.
    fn parse(bytes: &'a [u8]) -> Option<Self> {
        if bytes == b"null" {
            return Some(Self::Null);
        }
        let scheme_bytes = bytes.iter().position(|&byte| byte == b':')?;
        let (scheme, rest) = bytes.split_at_checked(scheme_bytes)?;
        let is_scheme = scheme.first().is_some_and(u8::is_ascii_alphabetic)
            && scheme.iter().all(|&it| it.is_ascii_alphanumeric() || b"+-.".contains(&it));
        if !is_scheme {
            return None;
        }
        let scheme = syntax::ascii(scheme);
        let authority = Authority::parse(rest.strip_prefix(b"://")?)?;
        Some(Self::Site(Site { scheme, authority: authority.or_port(default_port(scheme)) }))
    }
}

fn default_port(scheme: &str) -> Option<u16> {
    match scheme {
        _ if scheme.eq_ignore_ascii_case("https") => Some(443),
        _ if scheme.eq_ignore_ascii_case("http") => Some(80),
        _ => None,
    }
}

/// Something that is not an origin of the form `https://example.com:8443`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct InvalidOrigin(String);

impl fmt::Display for InvalidOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} is not an origin: write scheme and host without a path, like https://example.com, \
             https://*.example.com:8443, or null",
            self.0
        )
    }
}

impl Error for InvalidOrigin {}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(policy: &OriginPolicy, origin: &str, host: &'static str, expect: bool) {
        let authority = Authority::parse(host.as_bytes()).expect("a host");
        assert_eq!(policy.allows(origin.as_bytes(), authority), expect, "{origin} at {host}");
        assert_eq!(
            policy.permits(origin.as_bytes(), host.as_bytes()),
            expect,
            "{origin} at {host}"
        );
    }

    #[test]
    fn the_same_origin_has_the_same_host_and_port() {
        let policy = OriginPolicy::SameOrigin;
        check(&policy, "https://a.example", "a.example", true);
        check(&policy, "http://a.example", "a.example", true);
        check(&policy, "HTTPS://A.example", "a.Example", true);
        check(&policy, "https://a.example", "a.example:443", true);
        check(&policy, "https://a.example:443", "a.example", true);
        check(&policy, "http://a.example", "a.example:443", false);
        check(&policy, "https://a.example:8443", "a.example:8443", true);
        check(&policy, "https://a.example:8443", "a.example", false);
        check(&policy, "https://[::1]:1", "[0::1]:1", true);
        for origin in [
            "null",
            "",
            " ",
            "a.example",
            "//a.example",
            "https:a.example",
            "https://a.example/",
            "https://a.example.evil.net",
            "https://evil-a.example",
            "https://u@a.example",
            "https://a.example https://a.example",
            "https://a.example,https://a.example",
            "ftp://a.example",
            "chrome-extension://a.example",
            "https://b.a.example",
            "https://",
            "https://a.example:",
            "https://a.example#",
            "https://a.example\\",
            "1https://a.example",
        ] {
            check(&policy, origin, "a.example", false);
        }
    }

    #[test]
    fn a_list_is_compared_in_full() {
        let list = ["https://a.example", "http://localhost:3000", "app://x"];
        let policy = OriginPolicy::list(list).expect("these are origins");
        check(&policy, "https://A.example:443", "other", true);
        check(&policy, "http://localhost:3000", "other", true);
        check(&policy, "app://x", "other", true);
        for origin in
            ["http://a.example", "https://a.example:444", "http://localhost", "null", "app://y"]
        {
            check(&policy, origin, "a.example", false);
        }
        check(&OriginPolicy::list([]).expect("nothing is wrong"), "https://a", "a", false);
        check(&OriginPolicy::list(["null"]).expect("an origin"), "null", "a", true);
        check(&OriginPolicy::Any, "null", "a", true);
    }

    #[test]
    fn bytes_that_are_no_origin_or_no_host_permit_nothing() {
        let policies = [OriginPolicy::SameOrigin, OriginPolicy::list(["https://a"]).expect("one")];
        for policy in policies {
            assert!(policy.permits(b"https://a", b"a"));
            assert!(!policy.permits("https://ä".as_bytes(), "ä".as_bytes()));
            for host in [&b""[..], b"a b", b"a,a", b"u@a", b"\xff"] {
                assert!(!policy.permits(b"https://a", host), "{}", host.escape_ascii());
            }
        }
    }

    #[test]
    fn entries_that_are_no_origins_are_told() {
        for entry in [
            "a.example",
            "https://",
            "https://a.example/",
            "https://*",
            "https://*.",
            "https://a.*.b",
            "https://*a.example",
            "https://**.a.example",
            "*",
            "",
            "Null",
            "https://u:p@a.example",
        ] {
            let error = OriginList::new([entry]).expect_err(entry);
            assert!(error.to_string().starts_with(&format!("{entry:?} is not an origin")));
        }
        assert!(Origin::parse("https://a.example/x").is_err());
    }
}
