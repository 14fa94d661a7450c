//! Which proxy to go through, and how a tunnel through it is made.

mod connect;
mod detour;
mod early;
mod env;
mod error;
mod no_proxy;
mod server;
mod socks5;
mod tunnel;

use std::fmt;
use std::sync::Arc;

use trunkline_proto::handshake::Url;

pub(super) use self::detour::Detour;
pub(crate) use self::early::Early;
use self::no_proxy::NoProxy;
pub use self::server::InvalidProxy;
use self::server::ProxyServer;
#[cfg(feature = "rustls")]
use crate::tls::ClientTls;

/// Which proxy a [`Connector`](crate::Connector) goes through.
///
/// HTTP proxies make a tunnel with CONNECT, for `ws://` as for `wss://`: they pass bytes on and see
/// nothing of a `wss://` connection but its host. SOCKS5 proxies do the same.
///
/// # Examples
/// ```
/// use trunkline::{Connector, Proxy};
///
/// let proxy = Proxy::parse("socks5h://user:p%40ss@proxy.example:1080")?;
/// let connector = Connector::new().with_proxy(proxy);
/// # Ok::<_, trunkline::InvalidProxy>(())
/// ```
#[derive(Clone)]
pub struct Proxy(Arc<Rules>);

#[derive(Clone)]
struct Rules {
    plain: env::Rule,
    secure: env::Rule,
    no_proxy: NoProxy,
    /// Whether this machine is reached without a proxy.
    spares_this_machine: bool,
    /// For `https` proxies.
    #[cfg(feature = "rustls")]
    tls: ClientTls,
}

impl Proxy {
    /// What the environment says, now. That is the default of a connector.
    ///
    /// For `ws://` URLs `http_proxy`, `HTTP_PROXY`, `all_proxy` and `ALL_PROXY` are looked at, for `wss://` those
    /// with `https`; the first one that is there counts, and means no proxy if it is empty. `HTTP_PROXY` is
    /// ignored where `REQUEST_METHOD` is set: in a CGI program, whoever sends a request could set it.
    ///
    /// Hosts in `no_proxy` or `NO_PROXY` are connected to directly: a list of names (`example.com`, which
    /// covers `a.example.com` too), addresses, networks (`10.0.0.0/8`), each with or without a port, or `*`.
    /// So is this machine itself, by `localhost` or a loopback address.
    ///
    /// A variable that names no proxy fails the connections that would go through it.
    pub fn from_env() -> Self {
        // What is not Unicode is refused as a URL, not passed over as if it were not there.
        Self::from_vars(|name| Some(std::env::var_os(name)?.to_string_lossy().into_owned()))
    }

    /// The same with the variables of another environment: `var` gives what one of them is set to.
    ///
    /// # Examples
    /// ```
    /// use trunkline::Proxy;
    ///
    /// let proxy = Proxy::from_vars(|name| match name {
    ///     "ALL_PROXY" => Some("http://proxy.example:3128".into()),
    ///     "NO_PROXY" => Some("internal.example, 10.0.0.0/8".into()),
    ///     _ => None,
    /// });
    /// ```
    pub fn from_vars(var: impl Fn(&str) -> Option<String>) -> Self {
        Self(Arc::new(Rules {
            plain: env::plain(&var),
            secure: env::secure(&var),
            no_proxy: env::no_proxy(&var),
            spares_this_machine: true,
            #[cfg(feature = "rustls")]
            tls: ClientTls::new(),
        }))
    }

    /// No proxy, whatever the environment says.
    pub fn none() -> Self {
        Self::always(None)
    }

    /// One proxy for all hosts, this machine included. `url` has the scheme
    ///
    /// - `http`, spoken to in plain text (port 80 if none is given), or `https`, over TLS (443);
    /// - `socks5`, where names are looked up here, or `socks5h`, where the proxy does it (1080);
    ///
    /// and may have a user and a password, percent-encoded: `http://user:p%40ss@proxy.example:3128`.
    ///
    /// # Errors
    /// If it is something else. The error does not show it.
    pub fn parse(url: &str) -> Result<Self, InvalidProxy> {
        ProxyServer::parse(url).map(Some).map(Self::always)
    }

    /// Connects directly to the hosts of `list`, which is written like `NO_PROXY`; see
    /// [`from_env`](Self::from_env). What was in that variable no longer counts.
    #[must_use]
    pub fn with_no_proxy(mut self, list: &str) -> Self {
        Arc::make_mut(&mut self.0).no_proxy = NoProxy::parse(list);
        self
    }

    /// Whom to trust as an `https` proxy, and what to show it. Default: whom the platform trusts, and nothing;
    /// what the connector trusts in servers does not count for proxies.
    #[cfg(feature = "rustls")]
    #[must_use]
    pub fn with_tls(mut self, tls: impl Into<ClientTls>) -> Self {
        Arc::make_mut(&mut self.0).tls = tls.into();
        self
    }

    /// The proxy for `url`, `None` if it is connected to directly.
    pub(super) fn choose(&self, url: &Url) -> Result<Option<&ProxyServer>, InvalidProxy> {
        let rules = &*self.0;
        let is_spared = rules.spares_this_machine && env::is_this_machine(url.host());
        if is_spared || rules.no_proxy.covers(url.host(), url.port()) {
            return Ok(None);
        }
        let rule = if url.is_secure() { &rules.secure } else { &rules.plain };
        rule.as_ref().map(Option::as_ref).map_err(Clone::clone)
    }

    fn always(server: Option<ProxyServer>) -> Self {
        Self(Arc::new(Rules {
            plain: Ok(server.clone()),
            secure: Ok(server),
            no_proxy: NoProxy::default(),
            spares_this_machine: false,
            #[cfg(feature = "rustls")]
            tls: ClientTls::new(),
        }))
    }
}

impl Default for Proxy {
    fn default() -> Self {
        Self::from_env()
    }
}

impl fmt::Debug for Proxy {
    /// Shows no credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Proxy");
        debug.field("ws", &self.0.plain).field("wss", &self.0.secure).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(proxy: &Proxy, url: &str, expect: Option<&str>) {
        let url = Url::parse(url).expect(url);
        let chosen = proxy.choose(&url).expect("a proxy").map(ToString::to_string);
        assert_eq!(chosen.as_deref(), expect, "{url:?}");
    }

    fn from_vars(vars: &[(&str, &str)]) -> Proxy {
        Proxy::from_vars(|name| Some(vars.iter().find(|(it, _)| *it == name)?.1.to_owned()))
    }

    #[test]
    fn the_environment_names_a_proxy_for_each_scheme() {
        let proxy = from_vars(&[
            ("http_proxy", "a:1"),
            ("HTTPS_PROXY", "socks5://b"),
            ("NO_PROXY", "c:80"),
        ]);
        check(&proxy, "ws://x/", Some("http://a:1"));
        check(&proxy, "wss://x/", Some("socks5://b:1080"));
        check(&proxy, "ws://c/", None);
        check(&proxy, "wss://c/", Some("socks5://b:1080"));
        check(&proxy, "ws://127.0.0.1/", None);
        check(&proxy, "wss://localhost/", None);
    }

    #[test]
    fn one_proxy_is_for_all_hosts_but_those_of_the_list() {
        let proxy = Proxy::parse("http://a:1").expect("a proxy");
        check(&proxy, "ws://x/", Some("http://a:1"));
        check(&proxy, "wss://127.0.0.1/", Some("http://a:1"));
        let proxy = proxy.with_no_proxy("127.0.0.0/8");
        check(&proxy, "wss://127.0.0.1/", None);
        check(&proxy, "wss://x/", Some("http://a:1"));
        check(&Proxy::none(), "ws://x/", None);
    }

    #[test]
    fn a_variable_that_names_no_proxy_fails_only_what_would_go_through_it() {
        let proxy = from_vars(&[("http_proxy", "gopher://hans:geheim@a"), ("no_proxy", "b")]);
        let url = Url::parse("ws://x/").expect("a URL");
        let error = proxy.choose(&url).expect_err("it is no proxy");
        assert_eq!(error.variable(), Some("http_proxy"));
        check(&proxy, "wss://x/", None);
        check(&proxy, "ws://b/", None);
        assert!(!format!("{proxy:?}").contains("geheim"), "{proxy:?}");
    }

    #[test]
    fn debug_shows_where_to_but_no_credentials() {
        let proxy = Proxy::parse("http://hans:geheim@a:1").expect("a proxy");
        let debug = format!("{proxy:?}");
        assert!(debug.contains("http://a:1"), "{debug}");
        assert!(!debug.contains("hans") && !debug.contains("geheim"), "{debug}");
    }
}
