//! Where a `Location` points, seen from the URL that answered with it (RFC 3986 §5, RFC 9110 §10.2.2).

use super::url::{InvalidUrl, Url};

impl Url {
    /// Reads `reference`, a URL or a part of one, as it is meant in an answer to this URL (RFC 3986 §5.2).
    ///
    /// `http` and `https` mean `ws` and `wss`, since that is what a redirect of an upgrade says. A fragment is
    /// left out: it is for readers of pages. Credentials are those of the reference, or of this URL
    /// if the reference names no host.
    ///
    /// Whoever follows a redirect has to see to it that no credentials go to another
    /// [origin](Self::is_same_origin) and that no `wss` becomes `ws`.
    ///
    /// # Errors
    ///
    /// If what comes out is no URL of a WebSocket.
    ///
    /// # Examples
    ///
    /// ```
    /// use trunkline_proto::handshake::Url;
    ///
    /// let url = Url::parse("wss://example.com/chat/room?id=1")?;
    /// assert_eq!(url.join("../v2/room")?, Url::parse("wss://example.com/v2/room")?);
    /// assert_eq!(url.join("https://b.example/")?, Url::parse("wss://b.example/")?);
    /// # Ok::<_, trunkline_proto::handshake::InvalidUrl>(())
    /// ```
    pub fn join(&self, reference: &str) -> Result<Self, InvalidUrl> {
        if !reference.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(InvalidUrl::Character);
        }
        let reference = reference.split('#').next().unwrap_or_default();
        if let Some((scheme, rest)) = split_scheme(reference) {
            return Self::parse_tidy(scheme, rest);
        }
        if reference.starts_with("//") {
            return Self::parse_tidy(if self.is_secure() { "wss" } else { "ws" }, reference);
        }
        let (path, query) = split_query(self.target());
        let (reference_path, reference_query) = split_query(reference);
        let target = match reference_path {
            "" if reference_query.is_empty() => format!("{path}{query}"),
            "" => format!("{path}{reference_query}"),
            _ if reference_path.starts_with('/') => tidy(reference),
            // In place of what stands behind the last slash (RFC 3986 §5.2.3).
            _ => {
                let folder = path.rfind('/').and_then(|slash| path.get(..=slash));
                tidy(&format!("{}{reference}", folder.unwrap_or("/")))
            }
        };
        Ok(self.clone().with_target(target))
    }

    /// Whether both have the same scheme, host and port, and so may know the same secrets
    /// (RFC 6454 §4). An address and the name of it are two hosts.
    pub fn is_same_origin(&self, other: &Self) -> bool {
        self.is_secure() == other.is_secure()
            && self.authority().or_port(Some(self.port()))
                == other.authority().or_port(Some(other.port()))
    }

    fn parse_tidy(scheme: &str, rest: &str) -> Result<Self, InvalidUrl> {
        let scheme = match () {
            () if scheme.eq_ignore_ascii_case("http") => "ws",
            () if scheme.eq_ignore_ascii_case("https") => "wss",
            () => scheme,
        };
        let url = Self::parse(&format!("{scheme}:{rest}"))?;
        let target = tidy(url.target());
        Ok(url.with_target(target))
    }
}

/// What stands before the first colon and what behind it, if that makes a scheme (RFC 3986 §3.1).
fn split_scheme(reference: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = reference.split_once(':')?;
    let is_scheme = scheme.starts_with(|it: char| it.is_ascii_alphabetic())
        && scheme.bytes().all(|it| it.is_ascii_alphanumeric() || matches!(it, b'+' | b'-' | b'.'));
    is_scheme.then_some((scheme, rest))
}

/// The path, and the query with its question mark.
fn split_query(target: &str) -> (&str, &str) {
    target.split_at_checked(target.find('?').unwrap_or(target.len())).unwrap_or((target, ""))
}

/// A target whose path has no `.` and `..` left, which begins with a slash (RFC 3986 §5.2.4).
fn tidy(target: &str) -> String {
    let (path, query) = split_query(target);
    let mut segments = Vec::new();
    let mut rest = path.split('/').skip(1).peekable();
    while let Some(segment) = rest.next() {
        // What ends in one of the two names a folder: an empty segment stays behind the last slash.
        let is_last = rest.peek().is_none();
        match segment {
            "." | ".." => {
                if segment == ".." {
                    segments.pop();
                }
                if is_last {
                    segments.push("");
                }
            }
            _ => segments.push(segment),
        }
    }
    format!("/{}{query}", segments.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(base: &str, reference: &str, expect: Result<&str, InvalidUrl>) {
        let base = Url::parse(base).expect(base);
        let expect = expect.map(|text| Url::parse(text).expect(text));
        assert_eq!(base.join(reference), expect, "{reference:?}");
    }

    /// The examples of RFC 3986 §5.4, those without another scheme and without parameters.
    #[test]
    fn rfc_3986_s5_4_references_are_resolved() {
        for (reference, expect) in [
            ("g", "ws://a/b/c/g"),
            ("./g", "ws://a/b/c/g"),
            ("g/", "ws://a/b/c/g/"),
            ("/g", "ws://a/g"),
            ("//g", "ws://g"),
            ("?y", "ws://a/b/c/d;p?y"),
            ("g?y", "ws://a/b/c/g?y"),
            ("#s", "ws://a/b/c/d;p?q"),
            ("g#s", "ws://a/b/c/g"),
            ("g?y#s", "ws://a/b/c/g?y"),
            (";x", "ws://a/b/c/;x"),
            ("", "ws://a/b/c/d;p?q"),
            (".", "ws://a/b/c/"),
            ("./", "ws://a/b/c/"),
            ("..", "ws://a/b/"),
            ("../", "ws://a/b/"),
            ("../g", "ws://a/b/g"),
            ("../..", "ws://a/"),
            ("../../", "ws://a/"),
            ("../../g", "ws://a/g"),
            ("../../../g", "ws://a/g"),
            ("../../../../g", "ws://a/g"),
            ("/./g", "ws://a/g"),
            ("/../g", "ws://a/g"),
            ("g.", "ws://a/b/c/g."),
            (".g", "ws://a/b/c/.g"),
            ("g..", "ws://a/b/c/g.."),
            ("..g", "ws://a/b/c/..g"),
            ("./../g", "ws://a/b/g"),
            ("./g/.", "ws://a/b/c/g/"),
            ("g/./h", "ws://a/b/c/g/h"),
            ("g/../h", "ws://a/b/c/h"),
            ("g?y/./x", "ws://a/b/c/g?y/./x"),
            ("g?y/../x", "ws://a/b/c/g?y/../x"),
        ] {
            check("ws://a/b/c/d;p?q", reference, Ok(expect));
        }
    }

    #[test]
    fn http_and_https_mean_ws_and_wss() {
        check("ws://a/", "http://b:1/x/../y?z", Ok("ws://b:1/y?z"));
        check("ws://a/", "HTTPS://b", Ok("wss://b:443/"));
        check("wss://a/", "ws://b/", Ok("ws://b/"));
        check("wss://a/", "wss://b/", Ok("wss://b/"));
        check("wss://a/", "//b:2/x", Ok("wss://b:2/x"));
        check("ws://a:1/", "x", Ok("ws://a:1/x"));
    }

    #[test]
    fn what_is_no_url_of_a_websocket_is_refused() {
        use InvalidUrl::{Character, Host, Scheme, User};
        for (reference, expect) in [
            ("ftp://b/", Scheme),
            ("javascript:x", Scheme),
            ("http:b", Scheme),
            ("g:h", Scheme),
            ("http://", Host),
            ("//", Host),
            ("///x", Host),
            ("http://b:0/", Host),
            ("http://b\\@c/", User),
            ("/x y", Character),
            ("/x\r\nSet-Cookie: y", Character),
            ("/ä", Character),
        ] {
            check("ws://a/b", reference, Err(expect));
        }
    }

    #[test]
    fn credentials_stay_with_the_host_that_they_were_written_for() {
        let check = |reference, expect| check("ws://u:p@a/b", reference, Ok(expect));
        check("/c", "ws://u:p@a/c");
        check("?c", "ws://u:p@a/b?c");
        check("//a/c", "ws://a/c");
        check("ws://a/c", "ws://a/c");
        check("ws://v@a/c", "ws://v@a/c");
    }

    #[test]
    fn rfc_6454_s4_an_origin_is_scheme_host_and_port() {
        let is_same = |a, b| Url::parse(a).unwrap().is_same_origin(&Url::parse(b).unwrap());
        assert!(is_same("ws://a/b", "ws://u@A:80/c?d"));
        assert!(is_same("wss://[::1]/", "wss://[0::1]:443/"));
        for other in ["wss://a/", "ws://a:81/", "ws://b/", "ws://a.b/", "wss://a:80/"] {
            assert!(!is_same("ws://a/", other), "{other}");
        }
    }
}
