//! [`Cookies`]: the door for a jar of cookies.

use std::fmt;
use std::sync::Arc;

use trunkline_proto::handshake::{ClientConfig, Headers, InvalidHeader, Url};

/// A jar of cookies: [`Connector::with_cookies`](crate::Connector::with_cookies) takes one.
///
/// It is asked before each handshake and told after each answer, those to redirects and refusals included.
/// Which cookies go to which host, path and scheme is the jar's to say (RFC 6265); `ws` and `wss` URLs count
/// as `http` and `https`. Both methods are called between reads and writes, so they should not wait.
///
/// # Examples
/// A jar that knows hosts only, and cookies that live as long as the program:
/// ```
/// use std::collections::BTreeMap;
/// use std::sync::{Arc, Mutex};
/// use trunkline::{Connector, Cookies, handshake::Url};
///
/// #[derive(Default)]
/// struct Jar(Mutex<BTreeMap<(String, String), String>>);
///
/// impl Cookies for Jar {
///     fn header(&self, url: &Url) -> Option<String> {
///         let jar = self.0.lock().unwrap();
///         let of_host = jar.iter().filter(|((host, _), _)| host == url.host());
///         let pairs: Vec<_> = of_host.map(|((_, name), value)| format!("{name}={value}")).collect();
///         (!pairs.is_empty()).then(|| pairs.join("; "))
///     }
///
///     fn store(&self, url: &Url, set_cookie: &mut dyn Iterator<Item = &[u8]>) {
///         let mut jar = self.0.lock().unwrap();
///         for line in set_cookie.filter_map(|line| std::str::from_utf8(line).ok()) {
///             let pair = line.split(';').next().unwrap_or_default();
///             if let Some((name, value)) = pair.split_once('=') {
///                 let key = (url.host().to_owned(), name.trim().to_owned());
///                 jar.insert(key, value.trim().to_owned());
///             }
///         }
///     }
/// }
///
/// let jar = Arc::new(Jar::default());
/// let connector = Connector::new().with_cookies(Arc::clone(&jar));
/// ```
pub trait Cookies: Send + Sync {
    /// The value of `Cookie` in a request to `url`, such as `a=b; c=d`. It comes behind one of
    /// [`with_header`](crate::Connector::with_header), in the same line.
    ///
    /// A value with a line break or another control fails the connection.
    fn header(&self, url: &Url) -> Option<String>;

    /// Takes the values of all `Set-Cookie` in the answer of `url`; not called if there is none. They are what
    /// the server sent, in any encoding, up to the 16 KiB that its head may have.
    fn store(&self, url: &Url, set_cookie: &mut dyn Iterator<Item = &[u8]>);
}

impl<C: Cookies + ?Sized> Cookies for Arc<C> {
    fn header(&self, url: &Url) -> Option<String> {
        (**self).header(url)
    }

    fn store(&self, url: &Url, set_cookie: &mut dyn Iterator<Item = &[u8]>) {
        (**self).store(url, set_cookie);
    }
}

/// The jar of a connector, if it has one.
#[derive(Clone, Default)]
pub(super) struct Jar(pub(super) Option<Arc<dyn Cookies>>);

impl Jar {
    /// `config` with the cookies for `url`.
    pub(super) fn add_to(
        &self,
        config: &Arc<ClientConfig>,
        url: &Url,
    ) -> Result<Arc<ClientConfig>, InvalidHeader> {
        let Some(cookies) = self.0.as_ref().and_then(|jar| jar.header(url)) else {
            return Ok(Arc::clone(config));
        };
        let mut headers = Headers::new();
        let mut line = Vec::new();
        for (name, value) in config.headers.iter() {
            if name.eq_ignore_ascii_case("Cookie") {
                line.extend_from_slice(value);
                line.extend_from_slice(b"; ");
            } else {
                headers.push(name, value)?;
            }
        }
        line.extend_from_slice(cookies.as_bytes());
        headers.push("Cookie", line)?;
        let mut config = ClientConfig::clone(config);
        config.headers = headers;
        Ok(Arc::new(config))
    }

    /// Keeps the cookies in an answer of `url`.
    pub(super) fn store(&self, url: &Url, headers: &Headers) {
        let Some(jar) = &self.0 else { return };
        if headers.contains("Set-Cookie") {
            jar.store(url, &mut headers.values("Set-Cookie"));
        }
    }
}

impl fmt::Debug for Jar {
    /// Shows no cookies.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Cookies" } else { "None" })
    }
}
