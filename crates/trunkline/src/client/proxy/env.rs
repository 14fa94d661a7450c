//! Proxies as the environment names them.
//!
//! | URL | variables, the first one that is there counts |
//! |---|---|
//! | `ws://` | `http_proxy`, `HTTP_PROXY`, `all_proxy`, `ALL_PROXY` |
//! | `wss://` | `https_proxy`, `HTTPS_PROXY`, `all_proxy`, `ALL_PROXY` |
//!
//! One that is empty means no proxy, whatever the next one says. What `no_proxy` or `NO_PROXY` lists is
//! connected to directly, and so is this machine itself (`localhost` and loopback addresses): what a
//! proxy calls by these names is another machine.

use super::no_proxy::{NoProxy, parse_address};
use super::server::{InvalidProxy, ProxyServer};

/// What the environment says about one scheme.
pub(super) type Rule = Result<Option<ProxyServer>, InvalidProxy>;

/// The variable that every program of a CGI server finds set.
const CGI: &str = "REQUEST_METHOD";

/// The proxy for `ws://`.
pub(super) fn plain(var: impl Fn(&str) -> Option<String>) -> Rule {
    // A CGI server hands the header `Proxy` of a request on as HTTP_PROXY, so that whoever sends the request
    // chooses the proxy (CVE-2016-5385, "httpoxy"). No header becomes a variable in lower case, but Windows
    // does not tell the two apart.
    match var(CGI) {
        Some(_) if cfg!(windows) => first(&["all_proxy"], var),
        Some(_) => first(&["http_proxy", "all_proxy", "ALL_PROXY"], var),
        None => first(&["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"], var),
    }
}

/// The proxy for `wss://`.
pub(super) fn secure(var: impl Fn(&str) -> Option<String>) -> Rule {
    first(&["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"], var)
}

/// The hosts that are connected to directly.
pub(super) fn no_proxy(var: impl Fn(&str) -> Option<String>) -> NoProxy {
    let list = ["no_proxy", "NO_PROXY"].into_iter().find_map(var);
    NoProxy::parse(&list.unwrap_or_default())
}

/// Whether `host` is this machine by its name or address.
pub(super) fn is_this_machine(host: &str) -> bool {
    let name = host.trim_end_matches('.').to_ascii_lowercase();
    name == "localhost"
        || name.ends_with(".localhost")
        || parse_address(host).is_some_and(|address| address.is_loopback())
}

fn first(names: &[&'static str], var: impl Fn(&str) -> Option<String>) -> Rule {
    let found = names.iter().find_map(|&name| Some((name, var(name)?)));
    match found {
        Some((name, url)) if !url.trim().is_empty() => {
            ProxyServer::parse(&url).map(Some).map_err(|error| error.in_variable(name))
        }
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lookup<'a>(vars: &'a [(&'a str, &'a str)]) -> impl Fn(&str) -> Option<String> + 'a {
        move |name| Some(vars.iter().find(|(it, _)| *it == name)?.1.to_owned())
    }

    #[track_caller]
    fn check(vars: &[(&str, &str)], expect_plain: Option<&str>, expect_secure: Option<&str>) {
        let host = |rule: Rule| rule.expect("a proxy").map(|it| it.host);
        assert_eq!(host(plain(lookup(vars))).as_deref(), expect_plain, "ws, {vars:?}");
        assert_eq!(host(secure(lookup(vars))).as_deref(), expect_secure, "wss, {vars:?}");
    }

    #[test]
    fn each_scheme_has_its_variables() {
        check(&[], None, None);
        check(&[("http_proxy", "a")], Some("a"), None);
        check(&[("HTTP_PROXY", "a")], Some("a"), None);
        check(&[("https_proxy", "a")], None, Some("a"));
        check(&[("HTTPS_PROXY", "a")], None, Some("a"));
        check(&[("all_proxy", "a")], Some("a"), Some("a"));
        check(&[("ALL_PROXY", "a")], Some("a"), Some("a"));
    }

    #[test]
    fn the_first_variable_counts_even_if_it_is_empty() {
        let all = [("ALL_PROXY", "d"), ("all_proxy", "c")];
        check(&all, Some("c"), Some("c"));
        check(&[("HTTP_PROXY", "b"), all[0], all[1]], Some("b"), Some("c"));
        check(&[("http_proxy", "a"), ("HTTP_PROXY", "b"), all[0]], Some("a"), Some("d"));
        check(&[("http_proxy", ""), ("HTTP_PROXY", "b"), all[0]], None, Some("d"));
        check(&[("HTTPS_PROXY", " "), all[1]], Some("c"), None);
    }

    /// CVE-2016-5385.
    #[test]
    fn a_request_to_a_cgi_server_chooses_no_proxy() {
        let cgi = ("REQUEST_METHOD", "GET");
        check(&[cgi, ("HTTP_PROXY", "evil")], None, None);
        check(&[cgi, ("HTTP_PROXY", "evil"), ("http_proxy", "a")], Some("a"), None);
        check(&[cgi, ("HTTP_PROXY", "evil"), ("ALL_PROXY", "a")], Some("a"), Some("a"));
        check(&[cgi, ("HTTPS_PROXY", "a")], None, Some("a"));
    }

    #[test]
    fn what_names_no_proxy_is_told_with_its_variable() {
        let vars = [("HTTP_PROXY", "socks://geheim:x@a"), ("all_proxy", "http://geheim@")];
        let told = |rule: Rule| rule.expect_err("it is no proxy").to_string();
        assert_eq!(
            told(plain(lookup(&vars))),
            "the proxy in the environment variable HTTP_PROXY has to begin with http://, https://, \
             socks5:// or socks5h://"
        );
        assert_eq!(
            told(secure(lookup(&vars))),
            "the proxy in the environment variable all_proxy has no valid host and port"
        );
    }

    #[test]
    fn no_proxy_is_read_in_lower_case_first() {
        let vars = [("NO_PROXY", "b"), ("no_proxy", "a")];
        assert!(no_proxy(lookup(&vars)).covers("a", 1));
        assert!(!no_proxy(lookup(&vars)).covers("b", 1));
        assert!(no_proxy(lookup(&vars[..1])).covers("b", 1));
        assert!(!no_proxy(lookup(&[])).covers("b", 1));
    }

    #[test]
    fn this_machine_is_localhost_and_the_loopback() {
        for host in [
            "localhost",
            "LOCALHOST.",
            "a.localhost",
            "127.0.0.1",
            "127.8.8.8",
            "[::1]",
            "[::ffff:127.0.0.1]",
        ] {
            assert!(is_this_machine(host), "{host}");
        }
        for host in ["notlocalhost", "localhost.example", "128.0.0.1", "0.0.0.0", "[::2]", "a"] {
            assert!(!is_this_machine(host), "{host}");
        }
    }
}
