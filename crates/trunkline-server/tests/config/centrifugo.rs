//! Files and variables that were made for Centrifugo.

use trunkline_server::config::Sources;

use crate::{options, problems, toml, warnings};

/// As the docker-compose file of centrifuge-python has it.
#[test]
fn a_docker_compose_file_for_centrifugo_starts_trunkline() {
    let variables = [
        ("CLIENT_TOKEN_HMAC_SECRET_KEY", "secret"),
        ("LOG_LEVEL", "trace"),
        ("CHANNEL_WITHOUT_NAMESPACE_ALLOWED_DELTA_TYPES", "fossil"),
        ("CHANNEL_WITHOUT_NAMESPACE_DELTA_PUBLISH", "true"),
        ("CHANNEL_WITHOUT_NAMESPACE_PRESENCE", "true"),
        ("CHANNEL_WITHOUT_NAMESPACE_JOIN_LEAVE", "true"),
        ("CHANNEL_WITHOUT_NAMESPACE_FORCE_PUSH_JOIN_LEAVE", "true"),
        ("CHANNEL_WITHOUT_NAMESPACE_HISTORY_SIZE", "100"),
        ("CHANNEL_WITHOUT_NAMESPACE_HISTORY_TTL", "300s"),
        ("CHANNEL_WITHOUT_NAMESPACE_FORCE_RECOVERY", "true"),
        ("CLIENT_SUBSCRIBE_TO_USER_PERSONAL_CHANNEL_ENABLED", "true"),
        ("CHANNEL_NAMESPACES", "smallhistory"),
        ("CHANNEL_NAMESPACES_SMALLHISTORY_FORCE_RECOVERY", "true"),
        ("CHANNEL_NAMESPACES_SMALLHISTORY_HISTORY_SIZE", "2"),
        ("CHANNEL_NAMESPACES_SMALLHISTORY_HISTORY_TTL", "300s"),
    ];
    let variables = variables.map(|(name, value)| (format!("CENTRIFUGO_{name}"), value.into()));
    let loaded = Sources::new().env(variables).with_centrifugo_env().load().expect("it holds");
    assert_eq!(options(&loaded.config.namespaces(), "smallhistory:a").history.size, 2);
    let delta = "deltas are declined for now: whole publications are sent";
    let place = "environment variable CENTRIFUGO_CHANNEL_WITHOUT_NAMESPACE";
    assert_eq!(
        warnings(&loaded),
        [
            format!("channel.without_namespace.allowed_delta_types: {delta} ({place}_ALLOWED_DELTA_TYPES)"),
            format!("channel.without_namespace.delta_publish: {delta} ({place}_DELTA_PUBLISH)"),
            "client.token.hmac_secret_key: has fewer than 32 bytes: whoever has a token can try secrets until one \
             fits (environment variable CENTRIFUGO_CLIENT_TOKEN_HMAC_SECRET_KEY)"
                .into(),
        ]
    );
}

#[test]
fn a_setting_of_centrifugo_that_is_missed_is_refused() {
    for text in [
        "engine.type = 'redis'",
        "broker.type = 'nats'",
        "broker.enabled = true",
        "client.proxy.connect.enabled = true",
        "client.insecure_skip_token_signature_verify = true",
        "client.user_id_http_header = 'X-User'",
        "client.token.audience_regex = '.*'",
        "client.subscription_token.issuer_regex = '.*'",
        "client.channel_position_max_time_lag = '1s'",
        "channel.private_prefix = '!'",
        "channel.max_length = 512",
        "channel.without_namespace.channel_regex = '^a'",
        "channel.without_namespace.subscribe_proxy_enabled = true",
        "channel.without_namespace.subscription_type = 'map'",
        "channel.without_namespace.allow_tags_filter = true",
        "channel.without_namespace.publication_data_format = 'json'",
        "[[channel.namespaces]]\nname = 'ab'\nsubscribe_stream_proxy_enabled = true",
        "http_server.internal_port = '9000'",
        "http_server.tls_autocert.enabled = true",
        "grpc_api.enabled = true",
        "sse.enabled = true",
        "uni_websocket.enabled = true",
        "consumers = [{name = 'k', enabled = true, type = 'kafka'}]",
        "rpc.without_namespace.proxy_enabled = true",
        "rpc.namespaces = [{name = 'x'}]",
    ] {
        let lines = problems(text);
        assert_eq!(lines.len(), 1, "{text}: {lines:?}");
        assert!(lines[0].contains(": is not supported: "), "{}", lines[0]);
    }
}

#[test]
fn a_setting_of_centrifugo_that_is_off_or_changes_nothing_is_taken() {
    for text in [
        "engine.type = 'memory'",
        "engine.redis.address = 'redis://127.0.0.1:6379'",
        "broker.enabled = false",
        "client.proxy.connect.enabled = false\nclient.proxy.connect.endpoint = 'http://a'",
        "proxies = [{name = 'unused', endpoint = 'http://a'}]",
        "client.insecure_skip_token_signature_verify = false",
        "channel.private_prefix = '$'",
        "channel.max_length = 255",
        "channel.without_namespace.subscription_type = ''",
        "channel.without_namespace.subscribe_proxy_name = 'default'",
        "channel.without_namespace.map.mode = ''",
        "http_server.internal_port = ''",
        "grpc_api.enabled = false\ngrpc_api.port = 10000",
        "sse.handler_prefix = '/connection/sse'",
        "consumers = []",
        "consumers = [{name = 'k', enabled = false}]",
        "usage_stats.disabled = true",
    ] {
        assert_eq!(warnings(&toml(text)), [""; 0], "{text}");
    }
    for text in [
        "channel.without_namespace.delta_publish = true",
        "swagger.enabled = true",
        "log.file = '/var/log/x'",
        "client.concurrency = 8",
        "websocket.read_buffer_size = 512",
    ] {
        assert_eq!(warnings(&toml(text)).len(), 1, "{text}");
    }
}
