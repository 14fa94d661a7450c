//! Answers that point elsewhere (RFC 9110 §15.4), for those who want them followed.

use std::sync::Arc;

use trunkline_proto::handshake::{Headers, InvalidUrl, Url};

use super::Connector;
use super::error::{ConnectError, Fault, Stage};
use super::target::Target;

/// Headers that are meant for one origin alone: credentials, and the name to ask it by.
const OF_ONE_ORIGIN: [&str; 4] = ["Authorization", "Cookie", "Host", "Proxy-Authorization"];

/// Characters of a URL that are shown in a message.
const SHOWN_MAX: usize = 200;

/// Why a redirect is not followed.
enum Refusal {
    Repeated,
    Location(InvalidUrl),
    Credentials,
    Downgrade(Url),
    TooMany(Url, usize),
}

impl Connector {
    /// Where the answer in `error` sends a client that has followed so many redirects; the error itself if it
    /// sends it nowhere, or if redirects are not followed.
    pub(super) fn follow(
        &self,
        from: &Target,
        error: ConnectError,
        followed: usize,
    ) -> Result<Target, ConnectError> {
        let Some(next) = self.judge(&from.url, &error, followed) else { return Err(error) };
        match next {
            Ok(url) => Ok(from.redirected(url)),
            Err(refusal) => {
                let message = format!("{} {}", from.url.authority(), refusal.tell());
                Err(error.replaced_by(Stage::Handshake, Fault::Peer, message))
            }
        }
    }

    fn judge(
        &self,
        from: &Url,
        error: &ConnectError,
        followed: usize,
    ) -> Option<Result<Url, Refusal>> {
        let response = error.response().filter(|_| error.stage() == Stage::Handshake)?;
        if self.redirects == 0 || !matches!(response.status(), 301..=303 | 307 | 308) {
            return None;
        }
        let mut locations = response.headers().values("Location");
        let location = locations.next()?;
        Some(match locations.next() {
            Some(_) => Err(Refusal::Repeated),
            None => next(from, location, followed, self.redirects),
        })
    }

    /// What may go to another origin.
    pub(super) fn without_credentials(&self) -> Self {
        let mut connector = self.clone();
        let mut headers = Headers::new();
        let is_for_all = |name: &str| !OF_ONE_ORIGIN.iter().any(|it| it.eq_ignore_ascii_case(name));
        for (name, value) in self.config.headers.iter().filter(|(name, _)| is_for_all(name)) {
            headers.push(name, value).expect("it was a header before");
        }
        Arc::make_mut(&mut connector.config).headers = headers;
        connector
    }
}

/// The URL that `location` means in an answer of `from`, if it may be followed.
fn next(from: &Url, location: &[u8], followed: usize, max: usize) -> Result<Url, Refusal> {
    let location =
        std::str::from_utf8(location).map_err(|_| Refusal::Location(InvalidUrl::Character))?;
    let bare = from.clone().with_credentials(None);
    let url = bare.join(location).map_err(Refusal::Location)?;
    if url.credentials().is_some() {
        return Err(Refusal::Credentials);
    }
    if from.is_secure() && !url.is_secure() {
        return Err(Refusal::Downgrade(url));
    }
    if followed >= max {
        return Err(Refusal::TooMany(url, max));
    }
    let credentials = from.credentials().filter(|_| url.is_same_origin(from)).cloned();
    Ok(url.with_credentials(credentials))
}

impl Refusal {
    /// A sentence whose subject is the server.
    fn tell(&self) -> String {
        match self {
            Self::Repeated => "redirects to more than one location".into(),
            Self::Location(error) => {
                format!("redirects to something that is no URL of a WebSocket: {error}")
            }
            Self::Credentials => {
                "redirects to a URL with a user or a password, which no server may choose".into()
            }
            Self::Downgrade(url) => {
                format!("redirects to {}, which is not encrypted, unlike wss://", shown(url))
            }
            Self::TooMany(url, max) => format!(
                "redirects to {}, one more than the {max} that `with_redirects` allows: is it a circle?",
                shown(url)
            ),
        }
    }
}

/// The URL without what may be secret, and not all of a long one.
pub(super) fn shown(url: &Url) -> String {
    format!("{url:?}").chars().take(SHOWN_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(from: &str, location: &str, expect: Result<&str, &str>) {
        let from = Url::parse(from).expect(from);
        let next = next(&from, location.as_bytes(), 1, 2).map_err(|refusal| refusal.tell());
        let expect = expect.map(|it| Url::parse(it).expect(it)).map_err(str::to_owned);
        assert_eq!(next, expect, "{location:?}");
    }

    #[test]
    fn location_is_followed_as_a_url_of_a_websocket() {
        check("ws://a/b", "/c", Ok("ws://a/c"));
        check("ws://a/b", "http://a/c", Ok("ws://a/c"));
        check("ws://a/b", "https://a/c", Ok("wss://a/c"));
        check("ws://a/b", "wss://b:8443/c#d", Ok("wss://b:8443/c"));
        check("wss://a/b", "//b/c", Ok("wss://b/c"));
        check("wss://a/b", "https://b/c", Ok("wss://b/c"));
    }

    /// SEC-TL-03.
    #[test]
    fn sec_tl_03_wss_never_becomes_ws() {
        for location in ["ws://a/?x", "http://a/", "HTTP://a:443/", "ws://u@a"] {
            let url = Url::parse("wss://a/").expect("a URL");
            assert!(next(&url, location.as_bytes(), 0, 9).is_err(), "{location}");
        }
        let told = "redirects to ws://b/c, which is not encrypted, unlike wss://";
        check("wss://a/", "http://b/c?secret", Err(told));
    }

    /// SEC-HC-11.
    #[test]
    fn sec_hc_11_credentials_of_the_url_stay_with_their_origin() {
        check("ws://u:p@a/b", "/c", Ok("ws://u:p@a/c"));
        check("ws://u:p@a/b", "http://A:80/c", Ok("ws://u:p@A/c"));
        check("ws://u:p@a/b", "//b/c", Ok("ws://b/c"));
        check("ws://u:p@a/b", "ws://a:81/", Ok("ws://a:81/"));
        check("ws://u:p@a/b", "wss://a/", Ok("wss://a/"));
        let told = "redirects to a URL with a user or a password, which no server may choose";
        check("ws://u:p@a/b", "ws://u:p@a/", Err(told));
        check("ws://a/b", "//u@a/", Err(told));
    }

    #[test]
    fn location_that_is_no_url_of_a_websocket_is_refused() {
        let told = |why| format!("redirects to something that is no URL of a WebSocket: {why}");
        let scheme = told("the URL does not begin with ws:// or wss://");
        let character =
            told("the URL holds a space, a control or a character beyond ASCII: percent-encode it");
        for location in ["ftp://a/", "javascript:alert(1)", "data:,x", "file:///etc/passwd"] {
            check("ws://a/", location, Err(&scheme));
        }
        for location in ["/a b", "/\u{e4}", "http://a/\u{7f}"] {
            check("ws://a/", location, Err(&character));
        }
        let url = Url::parse("ws://a/").expect("a URL");
        assert!(next(&url, b"/\xff", 0, 9).is_err());
    }

    #[test]
    fn number_of_redirects_is_bounded() {
        let url = Url::parse("ws://a/").expect("a URL");
        assert!(next(&url, b"/b", 1, 2).is_ok());
        let told = next(&url, b"/b?secret", 2, 2).map_err(|it| it.tell());
        let expect = "redirects to ws://a/b, one more than the 2 that `with_redirects` allows: \
                      is it a circle?";
        assert_eq!(told, Err(expect.into()));
    }

    #[test]
    fn headers_of_one_origin_are_left_out() {
        let mut connector = Connector::new();
        for name in ["authorization", "COOKIE", "Host", "Proxy-Authorization", "X-Is", "Origin"] {
            connector = connector.with_header(name, "a").expect("a header");
        }
        let connector = connector.without_credentials();
        let names: Vec<_> = connector.config.headers.iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["X-Is", "Origin"]);
    }
}
