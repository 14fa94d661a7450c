//! What a URL leads to: a host, or a Unix socket.

use trunkline_proto::handshake::Url;

use super::error::ConnectError;

/// Where a client wants to go.
pub(super) struct Target {
    /// What to ask for, once there.
    pub(super) url: Url,
    /// The socket to ask at, instead of the host and port of the URL.
    #[cfg(unix)]
    pub(super) socket: Option<std::path::PathBuf>,
}

impl Target {
    /// Reads `ws:`, `wss:` and `ws+unix:` URLs.
    pub(super) fn parse(text: &str) -> Result<Self, ConnectError> {
        match text.split_once(':') {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("ws+unix") => unix(rest),
            _ => Ok(Self {
                url: Url::parse(text).map_err(ConnectError::url)?,
                #[cfg(unix)]
                socket: None,
            }),
        }
    }

    /// The same way to another resource, or the way to another host.
    pub(super) fn redirected(&self, url: Url) -> Self {
        #[cfg(unix)]
        let socket = self.socket.clone().filter(|_| url.is_same_origin(&self.url));
        Self {
            url,
            #[cfg(unix)]
            socket,
        }
    }

    #[cfg(unix)]
    pub(super) fn at_socket(socket: std::path::PathBuf, url: &str) -> Result<Self, ConnectError> {
        Ok(Self { url: Url::parse(url).map_err(ConnectError::url)?, socket: Some(socket) })
    }
}

/// `///path/of.sock:/resource`, as npm's ws has it: everything up to the first colon is the path of the
/// socket, the host is `localhost`.
#[cfg(unix)]
fn unix(rest: &str) -> Result<Target, ConnectError> {
    let invalid = || {
        ConnectError::caller(
            super::Stage::Url,
            "a ws+unix: URL has an absolute path of a socket, then a colon and what to ask for: \
             ws+unix:///run/app.sock:/chat",
        )
    };
    let rest = rest.strip_prefix("//").unwrap_or(rest);
    let (path, resource) = rest.split_once(':').unwrap_or((rest, ""));
    if !path.starts_with('/') || path.contains(['?', '#']) || path.starts_with("//") {
        return Err(invalid());
    }
    if !(resource.is_empty() || resource.starts_with(['/', '?'])) {
        return Err(invalid());
    }
    let socket = percent_decode(path).ok_or_else(invalid)?;
    Target::at_socket(socket, &format!("ws://localhost{resource}"))
}

#[cfg(not(unix))]
fn unix(_: &str) -> Result<Target, ConnectError> {
    let message = "ws+unix: URLs need a system with Unix sockets";
    Err(ConnectError::caller(super::Stage::Url, message))
}

/// `None` if there is no path with such a name.
#[cfg(unix)]
fn percent_decode(text: &str) -> Option<std::path::PathBuf> {
    use std::os::unix::ffi::OsStringExt;

    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let decoded = match byte {
            b'%' => {
                let digit = |byte: u8| char::from(byte).to_digit(16);
                let value = digit(rest.next()?)? * 16 + digit(rest.next()?)?;
                u8::try_from(value).ok()?
            }
            byte => byte,
        };
        bytes.push(decoded);
    }
    (!bytes.contains(&0)).then(|| std::ffi::OsString::from_vec(bytes).into())
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: Option<(&str, &str)>) {
        let got = Target::parse(text).ok();
        let got = got.as_ref().map(|it| {
            assert_eq!((it.url.is_secure(), it.url.host()), (false, "localhost"));
            (it.socket.as_ref().unwrap().to_str().unwrap(), it.url.target())
        });
        assert_eq!(got, expect, "{text:?}");
    }

    #[test]
    fn ws_unix_url_has_a_socket_and_a_resource() {
        check("ws+unix:///run/app.sock:/chat?room=1", Some(("/run/app.sock", "/chat?room=1")));
        check("ws+unix:/run/app.sock:/chat", Some(("/run/app.sock", "/chat")));
        check("WS+UNIX:/a", Some(("/a", "/")));
        check("ws+unix:/a:", Some(("/a", "/")));
        check("ws+unix:/a:?b", Some(("/a", "/?b")));
        check("ws+unix:/a:/b:c", Some(("/a", "/b:c")));
        check("ws+unix:/a%20b%3ac%25:/d%20e", Some(("/a b:c%", "/d%20e")));
    }

    #[test]
    fn ws_unix_url_without_an_absolute_path_is_refused() {
        for text in [
            "ws+unix:",
            "ws+unix://",
            "ws+unix:a",
            "ws+unix://a/b:/c",
            "ws+unix:////a:/b",
            "ws+unix:/a:b",
            "ws+unix:/a?b:/c",
            "ws+unix:/a#b:/c",
            "ws+unix:/a%00:/b",
            "ws+unix:/a%0:/b",
            "ws+unix:/a%zz:/b",
            "ws+unix:/a:/b c",
            "ws+unix:/a:/b\r\n",
            "ws+unix:/a:/b#c",
            "wss+unix:/a:/b",
        ] {
            check(text, None);
        }
    }
}
