//! Settings of Centrifugo that we lack.
//!
//! Its files load here. What would leave the server less safe, or clients with less than its owner
//! thinks, is refused; what only looks different is a warning; what says "off" says nothing.

use super::node::{Kind, Node};

/// What to do about a key that is no setting of ours.
#[derive(Debug)]
pub(super) enum Judgement {
    /// It changes nothing.
    Inert,
    /// It is left out, and that is worth a line.
    Warn(String),
    /// It cannot be left out.
    Refuse(String),
    /// Nobody knows it.
    Unknown,
}

/// Another name of a setting of ours.
pub(super) fn other_name(key: String) -> String {
    for (old, new) in [
        ("http_server.tls.cert_pem_file", "http_server.tls.cert_pem"),
        ("http_server.tls.key_pem_file", "http_server.tls.key_pem"),
        ("http_server.tls.client_ca_pem_file", "http_server.tls.client_ca_pem"),
    ] {
        if key == old {
            return new.into();
        }
    }
    key
}

enum Rule {
    /// Refused, unless it says "off".
    Refuse,
    /// Refused, unless it is one of these.
    RefuseUnless(&'static [&'static str]),
    /// A warning, unless it says "off".
    Warn,
    /// Nothing depends on it.
    Ignore,
}
use Rule::{Ignore, Refuse, RefuseUnless, Warn};

const ONE_PORT: &str = "everything is served on one port: what must not be public has to be kept from the public in \
                        front of it, or by a key";
const NO_PROXY: &str =
    "backends are not asked: let clients bring tokens, or allow it in the namespace";
const NO_DELTA: &str = "deltas are declined for now: whole publications are sent";
const FIXED_NAMES: &str = "how the parts of a channel's name are separated cannot be changed";
const OWN_BUFFERS: &str = "has no effect: buffers grow and shrink with what is in them";

/// Single keys. `options` stands for a namespace or `channel.without_namespace`, `token` for either of
/// the two kinds of tokens.
const KEYS: &[(&str, Rule, &str)] = &[
    ("http_server.internal_address", Refuse, ONE_PORT),
    ("http_server.internal_port", Refuse, ONE_PORT),
    ("http_server.tls_external", Refuse, ONE_PORT),
    ("http_server.h2c_external", Warn, "HTTP/2 is not spoken"),
    ("http_server.tls.server_ca_pem", Ignore, ""),
    ("http_server.tls.server_name", Ignore, ""),
    ("http_server.tls.insecure_skip_verify", Ignore, ""),
    ("http_api.external", Ignore, ""),
    ("http_api.error_mode", Refuse, "errors are told as without this setting"),
    ("admin.enabled", Ignore, ""),
    ("admin.external", Ignore, ""),
    ("admin.handler_prefix", Warn, "the dashboard is at /dashboard/"),
    ("admin.insecure", Refuse, "the dashboard always asks for a key of the HTTP API"),
    ("admin.password", Warn, "the dashboard asks for a key of the HTTP API"),
    ("admin.secret", Ignore, ""),
    ("admin.web_path", Warn, "the dashboard is built in"),
    ("admin.web_proxy_address", Warn, "the dashboard is built in"),
    ("client.insecure_skip_token_signature_verify", Refuse, "tokens are always verified"),
    ("client.user_id_http_header", Refuse, "a header names no user here: let clients bring tokens"),
    (
        "client.expired_sub_close_delay",
        Warn,
        "client.expired_close_delay counts for subscriptions, too",
    ),
    ("client.concurrency", Warn, "commands of one connection are done in order"),
    ("client.channel_position_max_time_lag", Refuse, "lag is not measured"),
    ("client.connect_include_server_time", Warn, "the time is not told"),
    (
        "client.subscribe_to_user_personal_channel.single_connection",
        Refuse,
        "earlier connections of a user are not closed; client.user_connection_limit = 1 refuses later ones",
    ),
    ("token.audience_regex", Refuse, "patterns are not matched: use audience"),
    ("token.issuer_regex", Refuse, "patterns are not matched: use issuer"),
    ("token.insecure_skip_jwks_endpoint_safety_check", Ignore, ""),
    ("channel.publication_data_format", Refuse, "what publications look like is not checked"),
    ("channel.max_length", RefuseUnless(&["255"]), "names of channels have at most 255 bytes"),
    ("channel.private_prefix", RefuseUnless(&["$"]), FIXED_NAMES),
    ("channel.namespace_boundary", RefuseUnless(&[":"]), FIXED_NAMES),
    ("channel.user_boundary", RefuseUnless(&["#"]), FIXED_NAMES),
    ("channel.user_separator", RefuseUnless(&[","]), FIXED_NAMES),
    ("options.allowed_delta_types", Warn, NO_DELTA),
    ("options.delta_publish", Warn, NO_DELTA),
    (
        "options.allow_tags_filter",
        Refuse,
        "publications are not filtered: clients would get all of them",
    ),
    ("options.auto_cache_recover", Refuse, "clients have to ask for recovery"),
    ("options.channel_regex", Refuse, "names of channels are not matched: any would be allowed"),
    ("options.publication_data_format", Refuse, "what publications look like is not checked"),
    (
        "options.subscription_type",
        RefuseUnless(&["", "stream"]),
        "subscriptions are streams of publications; maps and polls are not there",
    ),
    ("options.map_clients_presence_channel_prefix", Refuse, "maps are not there"),
    ("options.map_users_presence_channel_prefix", Refuse, "maps are not there"),
    ("options.subscribe_proxy_enabled", Refuse, NO_PROXY),
    ("options.publish_proxy_enabled", Refuse, NO_PROXY),
    ("options.sub_refresh_proxy_enabled", Refuse, NO_PROXY),
    ("options.subscribe_stream_proxy_enabled", Refuse, NO_PROXY),
    ("options.subscribe_stream_proxy_bidirectional", Ignore, ""),
    ("options.subscribe_proxy_name", Ignore, ""),
    ("options.publish_proxy_name", Ignore, ""),
    ("options.sub_refresh_proxy_name", Ignore, ""),
    ("options.subscribe_stream_proxy_name", Ignore, ""),
    ("websocket.read_buffer_size", Warn, OWN_BUFFERS),
    ("websocket.write_buffer_size", Warn, OWN_BUFFERS),
    ("websocket.use_write_buffer_pool", Warn, OWN_BUFFERS),
    ("websocket.write_timeout", Warn, "has no effect: client.queue_max_size bounds what waits"),
    (
        "websocket.decompressed_message_size_limit",
        Warn,
        "has no effect: websocket.message_size_limit counts what was decompressed",
    ),
    ("log.file", Warn, "the log goes to standard error: let the system write it to a file"),
    ("prometheus.instrument_http_handlers", Warn, "has no effect"),
    ("prometheus.recovered_publications_histogram", Warn, "has no effect"),
    ("prometheus.native_histograms", Warn, "has no effect"),
    ("node.info_metrics_aggregate_interval", Warn, "has no effect"),
    ("pid_file", Warn, "no such file is written"),
    ("enable_unreleased_features", Warn, "there are none"),
];

const MEMORY: &str =
    "allowed: \"memory\". Histories are kept in memory, or in data.dir; there is one node";
const NO_TRANSPORT: &str =
    "this transport is not there; clients that have others as well use WebSocket";

/// Whole sections: off, they say nothing; on, or of a type other than `memory`, they are judged.
const SECTIONS: &[(&str, Rule, &str)] = &[
    ("engine", Refuse, MEMORY),
    ("broker", Refuse, MEMORY),
    ("presence_manager", Refuse, MEMORY),
    ("map_broker", Refuse, "maps are not there"),
    ("controller", Refuse, MEMORY),
    ("shared_poll", Ignore, ""),
    ("options.map", Ignore, ""),
    ("options.shared_poll", Ignore, ""),
    ("client.proxy", Refuse, NO_PROXY),
    ("client.connect_code_to_unidirectional_disconnect", Ignore, ""),
    ("channel.proxy", Ignore, ""),
    ("proxies", Ignore, ""),
    ("rpc", Refuse, "no method is there to be called"),
    (
        "consumers",
        Refuse,
        "nothing is consumed from queues: let a backend publish through the HTTP API",
    ),
    ("grpc_api", Refuse, "there is no gRPC API: use the HTTP API"),
    ("sse", Refuse, NO_TRANSPORT),
    ("http_stream", Refuse, NO_TRANSPORT),
    ("webtransport", Refuse, NO_TRANSPORT),
    ("uni_websocket", Refuse, NO_TRANSPORT),
    ("uni_sse", Refuse, NO_TRANSPORT),
    ("uni_http_stream", Refuse, NO_TRANSPORT),
    ("uni_grpc", Refuse, NO_TRANSPORT),
    ("emulation", Ignore, ""),
    (
        "http_server.tls_autocert",
        Refuse,
        "certificates are not ordered: give http_server.tls.cert_pem",
    ),
    ("http_server.internal_tls", Refuse, ONE_PORT),
    ("http_server.http3", Warn, "HTTP/3 is not spoken"),
    ("swagger", Warn, "there is no such page"),
    ("debug", Warn, "there are no such pages"),
    ("init", Warn, "there is no such endpoint"),
    ("opentelemetry", Warn, "traces are not exported"),
    ("graphite", Warn, "metrics are served for Prometheus"),
    ("usage_stats", Ignore, ""),
];

/// What to do about `key`, which is no setting of ours.
pub(super) fn judge(key: &str, node: &Node) -> Judgement {
    let key = general(key);
    if let Some((_, rule, why)) = KEYS.iter().find(|(it, ..)| *it == key) {
        return by_rule(rule, why, node);
    }
    let in_section = |section: &str| {
        key.strip_prefix(section).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    match SECTIONS.iter().find(|(section, ..)| in_section(section)) {
        Some((_, rule, why)) if switches_on(&key, node) => by_rule(rule, why, node),
        Some(_) => Judgement::Inert,
        None => Judgement::Unknown,
    }
}

fn by_rule(rule: &Rule, why: &str, node: &Node) -> Judgement {
    let spelt = match &node.kind {
        Kind::Text(text) => text.clone(),
        _ => node.to_string(),
    };
    match rule {
        Ignore => Judgement::Inert,
        Refuse | Warn if node.is_empty() => Judgement::Inert,
        RefuseUnless(allowed) if allowed.contains(&spelt.as_str()) => Judgement::Inert,
        Refuse | RefuseUnless(_) => Judgement::Refuse(format!("is not supported: {why}")),
        Warn => Judgement::Warn(why.into()),
    }
}

/// Whether a key of a section is what makes the section do something.
fn switches_on(key: &str, node: &Node) -> bool {
    let name = key.rsplit('.').next().unwrap_or(key);
    match &node.kind {
        Kind::List(items) => items.iter().any(|item| match &item.kind {
            // Consumers have to be enabled; namespaces of methods are there for nothing but a backend.
            Kind::Table(entries) => {
                let enabled = entries.iter().find(|(key, _)| key == "enabled");
                enabled.map_or(key != "consumers", |(_, value)| !value.is_empty())
            }
            _ => false,
        }),
        Kind::Text(text) if name == "type" => text != "memory",
        _ => name.ends_with("enabled") && !node.is_empty(),
    }
}

/// The key with `options` for each namespace, and `token` for both kinds.
fn general(key: &str) -> String {
    let namespace = key.strip_prefix("channel.namespaces[").and_then(|it| it.split_once("]."));
    let option =
        key.strip_prefix("channel.without_namespace.").or_else(|| namespace.map(|(_, it)| it));
    if let Some(option) = option {
        return format!("options.{option}");
    }
    for prefix in ["client.token.", "client.subscription_token."] {
        if let Some(name) = key.strip_prefix(prefix) {
            return format!("token.{name}");
        }
    }
    key.into()
}

/// The single keys, for environment variables.
pub(super) fn exact_keys() -> impl Iterator<Item = String> {
    KEYS.iter().flat_map(|(key, ..)| {
        if let Some(option) = key.strip_prefix("options.") {
            return vec![format!("channel.without_namespace.{option}")];
        }
        if let Some(name) = key.strip_prefix("token.") {
            return vec![
                format!("client.token.{name}"),
                format!("client.subscription_token.{name}"),
            ];
        }
        vec![String::from(*key)]
    })
}

/// The key of a section that a variable sets. Where its dots were nobody knows any more.
pub(super) fn key_of_variable(rest: &str) -> Option<String> {
    SECTIONS.iter().find_map(|(section, ..)| {
        let section = section.replace("options.", "channel.without_namespace.");
        let variable = section.replace('.', "_").to_ascii_uppercase();
        let name = rest.strip_prefix(&variable)?.strip_prefix('_')?;
        Some(format!("{section}.{}", name.to_ascii_lowercase()))
    })
}
