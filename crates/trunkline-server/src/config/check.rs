//! Settings that do not go together, and such as are worth a warning.

use trunkline::handshake::{InvalidOrigin, OriginPolicy};

use super::channel::namespace_key;
use super::client::Token;
use super::problem::Problem;
use super::reader::Reader;
use super::{Config, NamespaceOptions, OverflowName, Pem, Place, Secret, Tls};
use crate::auth::Keys;

/// Fewer bytes can be guessed from one token, off line (RFC 7518 §3.2).
const HMAC_BYTES_MIN: usize = 32;

/// Checks everything that takes more than one setting to see.
pub(super) fn check(config: &Config, reader: &mut Reader) {
    let mut check = Check { config, reader };
    check.tls();
    check.clients();
    check.token("client.token", &config.client.token);
    if config.client.subscription_token.separate.enabled {
        check.token("client.subscription_token", &config.client.subscription_token.token);
    }
    check.personal_channel();
    check.servers();
    check.namespace("channel.without_namespace", &config.channel.all.without_namespace);
    for namespace in &config.channel.namespaces {
        check.namespace(&namespace_key(&namespace.name), &namespace.options);
    }
}

struct Check<'a> {
    config: &'a Config,
    reader: &'a mut Reader,
}

impl Check<'_> {
    fn place(&self, key: &str) -> Place {
        self.config.places.get(key).cloned().unwrap_or_default()
    }

    fn refuse(&mut self, key: impl Into<String>, message: impl Into<String>) {
        let key = key.into();
        let place = self.place(&key);
        self.reader.problems.push(Problem::new(key, message, place));
    }

    fn warn(&mut self, key: impl Into<String>, message: impl Into<String>) {
        let key = key.into();
        let place = self.place(&key);
        self.reader.warnings.push(Problem::new(key, message, place));
    }

    fn tls(&mut self) {
        let tls = &self.config.http_server.tls;
        for (key, value) in [("cert_pem", &tls.cert_pem), ("key_pem", &tls.key_pem)] {
            let key = format!("http_server.tls.{key}");
            if tls.enabled && value.is_empty() {
                self.refuse(&key, "is needed with http_server.tls.enabled: a file, or PEM itself");
            } else if !tls.enabled && !value.is_empty() {
                self.warn(&key, "has no effect without http_server.tls.enabled");
            }
        }
        for (name, value) in [
            ("cert_pem", &tls.cert_pem),
            ("key_pem", &tls.key_pem),
            ("client_ca_pem", &tls.client_ca_pem),
        ] {
            if tls.enabled && !value.is_empty() {
                self.file_exists(&format!("http_server.tls.{name}"), value);
            }
        }
    }

    fn file_exists(&mut self, key: &str, value: &Secret) {
        if let Pem::File(path) = Tls::pem(value)
            && let Err(error) = std::fs::metadata(path)
        {
            self.refuse(key, format!("the file cannot be read: {error}"));
        }
    }

    fn origins(&mut self, key: &str, list: &[String], read: Result<OriginPolicy, InvalidOrigin>) {
        if let Err(error) = read {
            let hint = if list.iter().any(|it| it == "*") { "; `*` stands alone" } else { "" };
            self.refuse(key, format!("{error}{hint}"));
        }
    }

    fn clients(&mut self) {
        let client = &self.config.client;
        self.origins("client.allowed_origins", &client.allowed_origins, self.config.origins());
        if client.allowed_origins == ["*"] {
            let message = "lets every page of the web connect as its visitor; list yours";
            self.warn("client.allowed_origins", message);
        }
        if !client.ping_interval.is_zero() && client.pong_timeout >= client.ping_interval {
            let message = "has to be shorter than client.ping_interval, or two pings wait at once";
            self.refuse("client.pong_timeout", message);
        }
        if client.presence_ttl <= client.presence_update_interval {
            let message =
                "has to be longer than client.presence_update_interval, or clients flicker";
            self.refuse("client.presence_ttl", message);
        }
        if client.insecure {
            let message =
                "everybody may connect, subscribe and publish: for trying things out alone";
            self.warn("client.insecure", message);
        }
        let nobody = !client.insecure && !client.allow_anonymous_connect_without_token;
        if nobody && !has_key(&client.token) {
            let message = "there is no key for tokens, so no client can connect: set hmac_secret_key, a public key or \
                           jwks_public_endpoint, or client.allow_anonymous_connect_without_token";
            self.warn("client.token", message);
        }
    }

    fn token(&mut self, prefix: &str, token: &Token) {
        for error in Keys::problems(token) {
            self.refuse(format!("{prefix}.{}", error.setting), error.message);
        }
        for (name, secret) in [
            ("hmac_secret_key", &token.hmac_secret_key),
            ("hmac_previous_secret_key", &token.hmac_previous_secret_key),
        ] {
            if !secret.is_empty() && secret.reveal().len() < HMAC_BYTES_MIN {
                let message =
                    "has fewer than 32 bytes: whoever has a token can try secrets until one fits";
                self.warn(format!("{prefix}.{name}"), message);
            }
        }
        if prefix != "client.token" && !has_key(token) {
            let message = "with it, subscription tokens need a key of their own";
            self.refuse(format!("{prefix}.enabled"), message);
        }
    }

    fn personal_channel(&mut self) {
        let personal = &self.config.client.subscribe_to_user_personal_channel;
        let namespace = &personal.personal_channel_namespace;
        if personal.enabled
            && !namespace.is_empty()
            && self.config.channel.namespace(namespace).is_none()
        {
            let message = format!("there is no namespace {namespace:?} in channel.namespaces");
            let key = "client.subscribe_to_user_personal_channel.personal_channel_namespace";
            self.refuse(key, message);
        }
    }

    fn servers(&mut self) {
        let Config { http_api, .. } = self.config;
        let no_key = http_api.key.is_empty() && http_api.keys.is_empty();
        if http_api.insecure && !http_api.disabled {
            self.warn("http_api.insecure", "whoever reaches the port may publish and disconnect");
        } else if no_key && !http_api.disabled {
            let message = "there is no key, so the HTTP API refuses every request";
            self.warn("http_api.key", message);
        }
        let origins = self.config.api_origins();
        self.origins("http_api.allowed_origins", &http_api.allowed_origins, origins);
        if http_api.allowed_origins == ["*"] && http_api.insecure {
            let message =
                "does not go with http_api.insecure: every page of the web could do everything";
            self.refuse("http_api.allowed_origins", message);
        }
        if http_api.keys.iter().any(Secret::is_empty) {
            self.refuse("http_api.keys", "one of the keys is empty");
        }
        self.paths();
    }

    /// Each path stands for itself, and for one thing.
    fn paths(&mut self) {
        let Config { websocket, http_api, prometheus, health, .. } = self.config;
        let mut taken = vec![("the server's own pages", "/dashboard")];
        if health.enabled {
            taken.push(("the health check", "/ready"));
        }
        for (key, path, is_on) in [
            ("websocket.handler_prefix", &websocket.handler_prefix, !websocket.disabled),
            ("http_api.handler_prefix", &http_api.handler_prefix, !http_api.disabled),
            ("prometheus.handler_prefix", &prometheus.handler_prefix, prometheus.enabled),
            ("health.handler_prefix", &health.handler_prefix, health.enabled),
        ] {
            if !is_path(path) {
                self.refuse(key, format!("{path:?} is no path; allowed: like \"/name\""));
            } else if let Some((other, _)) = taken.iter().find(|(_, it)| it == path) {
                self.refuse(key, format!("{path:?} is the path of {other} already"));
            } else if is_on {
                taken.push((key, path));
            }
        }
    }

    fn namespace(&mut self, prefix: &str, options: &NamespaceOptions) {
        let key = |name: &str| format!("{prefix}.{name}");
        let meta_ttl = self.config.channel.all.history_meta_ttl;
        let history = options.to_hub(meta_ttl).history;
        match (history.size > 0, !history.ttl.is_zero()) {
            (true, false) => {
                self.refuse(key("history_size"), "needs history_ttl: nothing is kept for no time");
            }
            (false, true) => {
                self.refuse(key("history_ttl"), "needs history_size: nothing is kept for any time");
            }
            _ => {}
        }
        if history.ttl > history.meta_ttl {
            let message =
                "is longer than history_meta_ttl: publications would outlive their numbers";
            self.refuse(key("history_ttl"), message);
        }
        if options.force_recovery && !history.is_on() {
            let message =
                "needs history_size and history_ttl: what is not kept cannot be recovered";
            self.refuse(key("force_recovery"), message);
        }
        for (name, on) in [
            ("force_positioning", options.force_positioning),
            ("allow_positioning", options.allow_positioning),
            ("allow_recovery", options.allow_recovery),
        ] {
            if on && !history.is_on() {
                self.warn(key(name), "has no effect without history_size and history_ttl");
            }
        }
        if options.force_push_join_leave && !options.join_leave {
            self.warn(key("force_push_join_leave"), "has no effect without join_leave");
        }
        self.overflow(prefix, options);
    }

    /// A subscription that is positioned or recovers promises that nothing is missed in silence.
    fn overflow(&mut self, prefix: &str, options: &NamespaceOptions) {
        let key = |name: &str| format!("{prefix}.{name}");
        if options.overflow != OverflowName::LatestOnly && !options.overflow_interval.is_zero() {
            self.warn(key("overflow_interval"), "has no effect without overflow = \"latest_only\"");
        }
        if options.overflow == OverflowName::Disconnect {
            return;
        }
        for (name, on) in [
            ("force_recovery", options.force_recovery),
            ("allow_recovery", options.allow_recovery),
            ("force_positioning", options.force_positioning),
            ("allow_positioning", options.allow_positioning),
        ] {
            if on {
                let overflow = options.overflow.as_str();
                let message = format!(
                    "does not go with {name}: {overflow:?} leaves publications out, and a client that counts them \
                     would take it for a loss and come back for them; allowed with {name}: \"disconnect\""
                );
                self.refuse(key("overflow"), message);
            }
        }
    }
}

const fn has_key(token: &Token) -> bool {
    !token.hmac_secret_key.is_empty()
        || !token.rsa_public_key.is_empty()
        || !token.ecdsa_public_key.is_empty()
        || !token.ed25519_public_key.is_empty()
        || !token.jwks_public_endpoint.is_empty()
}

/// Segments of letters, digits and what else needs no thought: a router takes `:`, `*` and braces for
/// patterns, and browsers `//`, `.` and `..` for another path.
fn is_path(path: &str) -> bool {
    let plain = |it: u8| it.is_ascii_alphanumeric() || b"-_~.!$&'()+,;=@".contains(&it);
    let is_segment = |it: &str| !it.is_empty() && it != "." && it != ".." && it.bytes().all(plain);
    let rest = path.strip_prefix('/').map(|rest| rest.strip_suffix('/').unwrap_or(rest));
    rest.is_some_and(|rest| rest.split('/').all(is_segment))
}
