//! Settings: where they come from, what they come to, what is said about mistakes.

use std::time::Duration;

use trunkline::handshake::OriginPolicy;
use trunkline_hub::limits::Limits;
use trunkline_hub::{ChannelName, ChannelOptions, Namespaces, Overflow, RecoveryMode};
use trunkline_server::config::{
    Change, Config, Fsync, Loaded, LogLevel, Place, Problem, Problems, Secret, Sources,
};

fn load(path: &str, text: &str) -> Result<Loaded, Problems> {
    Sources::new().text(path, text).load()
}

#[track_caller]
fn toml(text: &str) -> Loaded {
    load("trunkline.toml", text).unwrap_or_else(|problems| panic!("{problems}"))
}

/// All lines about a configuration that does not hold.
#[track_caller]
fn problems(text: &str) -> Vec<String> {
    load("t.toml", text).expect_err("something is wrong").iter().map(Problem::to_string).collect()
}

/// The warnings about a configuration, apart from those about having no keys.
#[track_caller]
fn warnings(loaded: &Loaded) -> Vec<String> {
    let about_keys = ["client.token", "http_api.key"];
    let others = loaded.warnings.iter().filter(|it| !about_keys.contains(&it.key.as_str()));
    others.map(Problem::to_string).collect()
}

#[track_caller]
fn options(namespaces: &Namespaces, channel: &str) -> ChannelOptions {
    let channel = ChannelName::new(channel).expect("a name");
    namespaces.options(&channel).expect("its namespace exists").as_ref().clone()
}

#[test]
fn without_any_source_all_is_as_the_hub_has_it() {
    let config = Sources::new().load().expect("defaults hold").config;
    assert_eq!(config, Config::default());
    assert_eq!(config.limits(), Limits::default());
    assert_eq!(config.http_server.listen(), "127.0.0.1:8000".parse().expect("an address"));
    let without = options(&config.namespaces(), "news");
    let meta_ttl = Duration::from_secs(720 * 3600);
    assert_eq!(without.history.meta_ttl, meta_ttl);
    assert_eq!(
        ChannelOptions { history: Default::default(), ..without },
        ChannelOptions::default()
    );
    assert!(matches!(config.origins(), Ok(OriginPolicy::SameOrigin)));
}

#[test]
fn each_source_wins_over_those_before_it() {
    let key = "client.channel_limit";
    let place = |config: &Config| {
        let setting = config.describe().into_iter().find(|it| it.key == key).expect("it is there");
        (setting.value, setting.place.to_string())
    };
    let sources = Sources::new();
    let check = |sources: &Sources, value: &str, from: &str| {
        let config = sources.load().expect("it holds").config;
        assert_eq!(place(&config), (value.into(), from.into()));
    };
    check(&sources, "128", "default");
    let sources = sources.text("a.toml", "\n[client]\nchannel_limit = 1");
    check(&sources, "1", "a.toml, line 3");
    let sources = sources.env([("TRUNKLINE_CLIENT_CHANNEL_LIMIT".into(), "2".into())]);
    check(&sources, "2", "environment variable TRUNKLINE_CLIENT_CHANNEL_LIMIT");
    let sources = sources.set(key, "3");
    check(&sources, "3", "flag");
}

const IN_TOML: &str = r#"
client.allowed_origins = ["https://*.example.com"]
client.token.hmac_secret_key = "0123456789abcdef0123456789abcdef"
client.ping_interval = "1m30s"
client.command_rate = 2.5
http_server.address = "::1"
http_server.port = 1234
log.level = "warn"
data = { dir = "/var/lib/trunkline", fsync = "always" }

[channel.without_namespace]
presence = true

[[channel.namespaces]]
name = "chat"
history_size = 100
history_ttl = "24h"
force_recovery = true
force_recovery_mode = "cache"
allow_publish_for_subscriber = true

[[channel.namespaces]]
name = "market.eu-1"
overflow = "latest_only"
overflow_interval = "250ms"
"#;

const IN_YAML: &str = r#"
client:
  allowed_origins: ["https://*.example.com"]
  token:
    hmac_secret_key: 0123456789abcdef0123456789abcdef
  ping_interval: 1m30s
  command_rate: 2.5
http_server:
  address: "::1"
  port: 1234
log: {level: warn}
data:
  dir: /var/lib/trunkline
  fsync: always
channel:
  without_namespace:
    presence: true
  namespaces:
    - name: chat
      history_size: 100
      history_ttl: 24h
      force_recovery: true
      force_recovery_mode: cache
      allow_publish_for_subscriber: true
    - name: market.eu-1
      overflow: latest_only
      overflow_interval: 250ms
"#;

const IN_JSON: &str = r#"{
  "client": {
    "allowed_origins": ["https://*.example.com"],
    "token": {"hmac_secret_key": "0123456789abcdef0123456789abcdef"},
    "ping_interval": "1m30s",
    "command_rate": 2.5
  },
  "http_server": {"address": "::1", "port": 1234},
  "log": {"level": "warn"},
  "data": {"dir": "/var/lib/trunkline", "fsync": "always"},
  "channel": {
    "without_namespace": {"presence": true},
    "namespaces": [
      {
        "name": "chat", "history_size": 100, "history_ttl": "24h", "force_recovery": true,
        "force_recovery_mode": "cache", "allow_publish_for_subscriber": true
      },
      {"name": "market.eu-1", "overflow": "latest_only", "overflow_interval": "250ms"}
    ]
  }
}"#;

const IN_THE_ENVIRONMENT: &[(&str, &str)] = &[
    ("CLIENT_ALLOWED_ORIGINS", "https://*.example.com"),
    ("CLIENT_TOKEN_HMAC_SECRET_KEY", "0123456789abcdef0123456789abcdef"),
    ("CLIENT_PING_INTERVAL", "1m30s"),
    ("CLIENT_COMMAND_RATE", "2.5"),
    ("HTTP_SERVER_ADDRESS", "::1"),
    ("HTTP_SERVER_PORT", "1234"),
    ("LOG_LEVEL", "warn"),
    ("DATA_DIR", "/var/lib/trunkline"),
    ("DATA_FSYNC", "always"),
    ("CHANNEL_WITHOUT_NAMESPACE_PRESENCE", "true"),
    ("CHANNEL_NAMESPACES_CHAT_HISTORY_SIZE", "100"),
    ("CHANNEL_NAMESPACES_CHAT_HISTORY_TTL", "24h"),
    ("CHANNEL_NAMESPACES_CHAT_FORCE_RECOVERY", "true"),
    ("CHANNEL_NAMESPACES_CHAT_FORCE_RECOVERY_MODE", "cache"),
    ("CHANNEL_NAMESPACES_CHAT_ALLOW_PUBLISH_FOR_SUBSCRIBER", "true"),
    ("CHANNEL_NAMESPACES_MARKET_EU_1_OVERFLOW", "latest_only"),
    ("CHANNEL_NAMESPACES_MARKET_EU_1_OVERFLOW_INTERVAL", "250ms"),
    ("CHANNEL_NAMESPACES", "chat market.eu-1"),
];

fn variables(prefix: &str) -> Vec<(String, String)> {
    let named = |(name, value): &(&str, &str)| (format!("{prefix}{name}"), String::from(*value));
    IN_THE_ENVIRONMENT.iter().map(named).collect()
}

/// The values alone: places differ.
fn values(config: &Config) -> Vec<(String, String)> {
    config.describe().into_iter().map(|it| (it.key, it.value)).collect()
}

#[test]
fn toml_yaml_json_and_variables_come_to_the_same() {
    let config = toml(IN_TOML).config;
    let limits = config.limits();
    assert_eq!(limits.ping_interval, Duration::from_secs(90));
    assert_eq!(limits.command_rate.per_second, 2.5);
    assert_eq!(config.http_server.listen(), "[::1]:1234".parse().expect("an address"));
    assert_eq!(config.client.token.hmac_secret_key.reveal().len(), 32);
    assert_eq!(config.data.fsync, Fsync::Always);
    assert_eq!(config.log.level, LogLevel::Warn);
    assert!(matches!(config.origins(), Ok(OriginPolicy::List(_))));

    let namespaces = config.namespaces();
    assert!(options(&namespaces, "news").presence);
    let chat = options(&namespaces, "chat:lobby");
    assert_eq!((chat.history.size, chat.history.ttl), (100, Duration::from_secs(86_400)));
    assert_eq!(chat.recovery_mode, RecoveryMode::Cache);
    assert!(chat.force_recovery && chat.publish.subscribers && !chat.publish.clients);
    let every = Duration::from_millis(250);
    assert_eq!(options(&namespaces, "market.eu-1:x").overflow, Overflow::LatestOnly { every });

    for (path, text) in [("a.yaml", IN_YAML), ("a.yml", IN_YAML), ("a.json", IN_JSON)] {
        let other = load(path, text).unwrap_or_else(|problems| panic!("{path}: {problems}"));
        assert_eq!(values(&other.config), values(&config), "{path}");
    }
    let env = Sources::new().env(variables("TRUNKLINE_")).load().expect("it holds").config;
    assert_eq!(values(&env), values(&config));
}

#[test]
fn variables_of_centrifugo_count_when_asked_for_and_give_way_to_ours() {
    let theirs = Sources::new().env(variables("CENTRIFUGO_"));
    assert_eq!(theirs.load().expect("they are not read").config, Config::default());
    let ours = [("TRUNKLINE_HTTP_SERVER_PORT".into(), "5".into())];
    let config = theirs.with_centrifugo_env().env(ours).load().expect("it holds").config;
    assert_eq!((config.http_server.port, config.channel.namespaces.len()), (5, 2));
}

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
fn everything_that_is_wrong_is_told_at_once_with_key_value_rule_and_place() {
    let text = r#"
[client]
ping_interval = 25
chanel_limit = 7
queue_max_size = "1MB"
history_max_publication_limit = 1000000000
[log]
level = "loud"
[[channel.namespaces]]
name = "chat"
history_size = 100001
presense = true
"#;
    assert_eq!(
        problems(text),
        [
            "channel.namespaces[chat].history_size = 100001: allowed: a whole number, from 0 to 100000 (t.toml, line 11)",
            "channel.namespaces[chat].presense: there is no such setting; did you mean \
             channel.namespaces[chat].presence? (t.toml, line 12)",
            "client.chanel_limit: there is no such setting; did you mean client.channel_limit? (t.toml, line 4)",
            "client.history_max_publication_limit = 1000000000: allowed: a whole number, from 1 to 100000 (t.toml, line 6)",
            "client.ping_interval = 25: allowed: a duration like `\"1h30m\"` or `\"500ms\"`, from \"0s\" to \
             \"1h\" (t.toml, line 3)",
            "client.queue_max_size = \"1MB\": allowed: a whole number, from 16384 to 1073741824 (t.toml, line 5)",
            "log.level = \"loud\": allowed: `\"none\"`, `\"error\"`, `\"warn\"`, `\"info\"`, `\"debug\"` or `\"trace\"` \
             (t.toml, line 8)",
        ]
    );
}

/// SEC-HB-21: what a mistyped number may cost has a cap.
#[test]
fn history_has_hard_caps() {
    let namespace = |options: &str| format!("[channel.without_namespace]\n{options}");
    let right = "history_size = 100000\nhistory_ttl = '8760h'\nhistory_meta_ttl = '8760h'";
    toml(&namespace(right));
    for (wrong, key) in [
        ("history_size = 100001\nhistory_ttl = '1h'", "history_size"),
        ("history_size = 1\nhistory_ttl = '8761h'", "history_ttl"),
        ("history_size = 1\nhistory_ttl = '876000h'", "history_ttl"),
        ("history_meta_ttl = '366d'", "history_meta_ttl"),
        ("history_size = -1\nhistory_ttl = '1h'", "history_size"),
        ("history_size = 99999999999999999999\nhistory_ttl = '1h'", "history_size"),
    ] {
        let lines = problems(&namespace(wrong));
        let begin = format!("channel.without_namespace.{key} = ");
        assert!(lines.iter().any(|it| it.starts_with(&begin)), "{wrong}: {lines:?}");
    }
}

#[test]
fn a_section_holds_settings() {
    for text in
        ["[client]", "client = {}", "[channel.without_namespace]", "channel = {}", "[engine]"]
    {
        toml(text);
    }
    let lines = problems("client.token = 'abc'\nlog = true\n[klient]");
    assert_eq!(
        lines,
        [
            "client.token: is not a setting but a section of them (t.toml, line 1)",
            "klient: there is no such setting (t.toml, line 3)",
            "log: is not a setting but a section of them (t.toml, line 2)",
        ]
    );
}

#[test]
fn durations_have_units() {
    for (text, expect_ms) in [
        ("'300s'", Some(300_000)),
        ("'1m'", Some(60_000)),
        ("'1m1s500ms'", Some(61_500)),
        ("'0'", Some(0)),
        ("'0s'", Some(0)),
        ("0", Some(0)),
        ("'60m'", Some(3_600_000)),
        ("300", None),
        ("'300'", None),
        ("''", None),
        ("'s'", None),
        ("'-1s'", None),
        ("'1.5s'", None),
        ("'1 s'", None),
        ("'1w'", None),
        ("'99999999999999999999h'", None),
        ("'18446744073709551615h'", None),
        ("'61m'", None),
        ("true", None),
    ] {
        let loaded = load("t.toml", &format!("client.expired_close_delay = {text}"));
        let got = loaded.ok().map(|it| it.config.client.expired_close_delay.as_millis());
        assert_eq!(got, expect_ms, "{text}");
    }
}

#[test]
fn what_leaves_publications_out_does_not_go_with_recovery_or_positioning() {
    let history = "history_size = 1\nhistory_ttl = '1h'";
    for overflow in ["drop_oldest", "latest_only"] {
        for option in ["force_recovery", "allow_recovery", "force_positioning", "allow_positioning"]
        {
            let text = format!(
                "[[channel.namespaces]]\nname = 'ns'\n{history}\n{option} = true\noverflow = '{overflow}'"
            );
            let lines = problems(&text);
            assert_eq!(lines.len(), 1, "{lines:?}");
            assert!(lines[0].starts_with(&format!(
                "channel.namespaces[ns].overflow: does not go with {option}: \"{overflow}\" leaves publications out"
            )));
        }
        toml(&format!("channel.without_namespace.overflow = '{overflow}'"));
    }
    toml(&format!(
        "[channel.without_namespace]\n{history}\nforce_recovery = true\noverflow = 'disconnect'"
    ));
}

#[test]
fn settings_that_need_each_other_are_checked_together() {
    for (text, expect) in [
        ("channel.without_namespace.history_size = 1", "needs history_ttl"),
        ("channel.without_namespace.history_ttl = '1s'", "needs history_size"),
        (
            "[channel.without_namespace]\nhistory_size = 1\nhistory_ttl = '2h'\nhistory_meta_ttl = '1h'",
            "is longer than history_meta_ttl",
        ),
        ("channel.without_namespace.force_recovery = true", "needs history_size and history_ttl"),
        ("client.pong_timeout = '25s'", "has to be shorter than client.ping_interval"),
        ("client.presence_ttl = '25s'", "has to be longer than client.presence_update_interval"),
        ("client.allowed_origins = ['example.com']", "is not an origin"),
        ("client.allowed_origins = ['*', 'https://a.example']", "`*` stands alone"),
        ("client.subscription_token.enabled = true", "need a key of their own"),
        (
            "[client.subscribe_to_user_personal_channel]\nenabled = true\npersonal_channel_namespace = 'me'",
            "there is no namespace \"me\"",
        ),
        ("http_server.tls.enabled = true", "is needed with http_server.tls.enabled"),
        (
            "[http_server.tls]\nenabled = true\ncert_pem = '/nowhere/cert.pem'\nkey_pem = '-----BEGIN PRIVATE KEY-----'",
            "cert_pem: the file cannot be read",
        ),
        ("admin.insecure = true", "always asks for a key"),
        ("http_api.keys = ['a', '']", "one of the keys is empty"),
        ("http_api.allowed_origins = ['app.example.com']", "is not an origin"),
        (
            "[http_api]\nallowed_origins = ['*']\ninsecure = true",
            "does not go with http_api.insecure",
        ),
        ("http_api.handler_prefix = 'api'", "is no path"),
        ("http_api.handler_prefix = '/a?b'", "is no path"),
        ("websocket.handler_prefix = '/'", "is no path"),
        ("client.token.rsa_public_key = 'x'", "allowed: a key in PEM"),
        (
            "client.token.jwks_public_endpoint = 'http://a.example/keys'",
            "keys that come without TLS",
        ),
    ] {
        let lines = problems(text);
        assert!(lines.iter().any(|it| it.contains(expect)), "{text}: {lines:?}");
    }
}

#[test]
fn namespaces_have_names_of_their_own() {
    for (names, expect) in [
        ("[{}]", "a namespace needs a name"),
        ("[{name = 1}]", "a namespace needs a name"),
        ("[{name = 'a'}]", "\"a\" names no namespace"),
        ("[{name = 'a:b'}]", "\"a:b\" names no namespace"),
        ("[{name = 'ab'}, {name = 'ab'}]", "there are two namespaces \"ab\""),
        ("['ab']", "a list of namespaces with a `name` each"),
        ("{ab = {}}", "a list of namespaces with a `name` each"),
        ("true", "a list of namespaces with a `name` each"),
    ] {
        let lines = problems(&format!("channel.namespaces = {names}"));
        assert!(lines.iter().any(|it| it.contains(expect)), "{names}: {lines:?}");
    }
    let config = Sources::new()
        .text("a.toml", "[[channel.namespaces]]\nname = 'one'\npresence = true")
        .set("channel.namespaces", r#"[{"name": "two", "presence": true}]"#)
        .set("channel.namespaces[one].join_leave", "true")
        .load()
        .expect("it holds")
        .config;
    let names: Vec<_> = config.channel.namespaces.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(names, ["one", "two"]);
    assert!(options(&config.namespaces(), "one:x").join_leave);
    assert!(options(&config.namespaces(), "two:x").presence);
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

#[test]
fn of_a_variable_that_sets_nothing_there_is_a_warning() {
    let told = |name: &str| {
        let named = ("TRUNKLINE_CHANNEL_NAMESPACES".into(), "chat".into());
        let loaded = Sources::new().env([(name.into(), "1".into()), named]).load();
        warnings(&loaded.unwrap_or_else(|problems| panic!("{name}: {problems}")))
    };
    for (name, hint) in [
        ("CLIENT_CHANNEL_LIMITS", "; did you mean TRUNKLINE_CLIENT_CHANNEL_LIMIT?"),
        (
            "CHANNEL_NAMESPACES_CHAT_HISTORY_SIZ",
            "; did you mean TRUNKLINE_CHANNEL_NAMESPACES_CHAT_HISTORY_SIZE?",
        ),
        (
            "CHANNEL_NAMESPACES_NEWS_PRESENCE",
            "; did you mean TRUNKLINE_CHANNEL_NAMESPACES_CHAT_PRESENCE?",
        ),
        ("SOMETHING_ELSE", ""),
    ] {
        let expect = format!("TRUNKLINE_{name}: there is no setting for this variable{hint}");
        assert_eq!(told(&format!("TRUNKLINE_{name}")), [expect]);
    }
    for name in ["PATH", "TRUNKLINE_CONFIG", "TRUNKLINE_URL"] {
        assert_eq!(told(name), [""; 0], "{name}");
    }
    // A key that somebody wrote down is another matter, in a variable too.
    let json = r#"[{"name":"chat","history_siz":1}]"#;
    let env = [("TRUNKLINE_CHANNEL_NAMESPACES".into(), json.into())];
    assert!(Sources::new().env(env).load().is_err());
    assert!(Sources::new().set("client.channel_limits", "1").load().is_err());
}

/// What Kubernetes tells a container about services by these names, in the same namespace.
#[test]
fn variables_that_kubernetes_makes_of_a_service_are_nobodys() {
    for service in ["TRUNKLINE", "TRUNKLINE_SERVER", "TRUNKLINE_HTTP_SERVER", "TRUNKLINE_NODE"] {
        let variables = [
            ("SERVICE_HOST", "10.0.0.11"),
            ("SERVICE_PORT", "8000"),
            ("SERVICE_PORT_HTTP", "8000"),
            ("PORT", "tcp://10.0.0.11:8000"),
            ("PORT_8000_TCP", "tcp://10.0.0.11:8000"),
            ("PORT_8000_TCP_PROTO", "tcp"),
            ("PORT_8000_TCP_PORT", "8000"),
            ("PORT_8000_TCP_ADDR", "10.0.0.11"),
        ];
        let env = variables.map(|(name, value)| (format!("{service}_{name}"), value.into()));
        let loaded = Sources::new().env(env).load().unwrap_or_else(|it| panic!("{service}: {it}"));
        assert_eq!(warnings(&loaded), [""; 0], "{service}");
        assert_eq!(loaded.config.http_server.port, 8000, "{service}");
    }
    let env = [("TRUNKLINE_HTTP_SERVER_PORT".into(), "9000".into())];
    assert_eq!(Sources::new().env(env).load().expect("a port").config.http_server.port, 9000);
}

#[test]
fn secrets_are_in_no_error_description_or_debug_output() {
    let planted = "planted-secret-0123456789abcdef0";
    let text = format!(
        "client.token.hmac_secret_key = '{planted}'\nclient.token.hmac_previous_secret_key = '{planted}'\n\
         http_api = {{ key = '{planted}', keys = ['{planted}'] }}\n\
         admin = {{ enabled = true, password = '{planted}', secret = '{planted}' }}\n\
         http_server.tls = {{ enabled = true, cert_pem = '-----BEGIN {planted}', key_pem = '-----BEGIN {planted}' }}"
    );
    let loaded = toml(&text);
    let shown = format!("{loaded:?} {:?} {:?}", loaded.config.describe(), loaded.warnings);
    assert!(!shown.contains("planted"), "{shown}");
    // Nor do errors repeat one that stands where another type belongs, or under a mistyped key.
    for text in [
        format!("client.token.hmac_secret_key = ['{planted}']"),
        format!("client.token.hmac_secret = '{planted}'"),
        format!("http_api.keys = {{ a = '{planted}' }}"),
    ] {
        let lines = problems(&text);
        assert!(!lines.is_empty() && lines.iter().all(|it| !it.contains("planted")), "{lines:?}");
    }
    assert_eq!(format!("{:?}", Secret::new("x")), "Secret(set, not shown)");
}

#[test]
fn files_that_are_damaged_are_told_with_the_line() {
    for (path, text, expect) in [
        ("a.toml", "a = 1\nb = \nc =", "(a.toml, line 2)"),
        ("a.toml", "a = 1\na = 2", "duplicate key (a.toml, line 2)"),
        ("a.yaml", "a: 1\n b: [", "(a.yaml, line 2)"),
        (
            "a.yaml",
            "log:\n  level: info\n  level: info",
            "the key \"level\" is there twice (a.yaml, line 3)",
        ),
        ("a.yaml", "a: &x 1\nb: *x", "aliases (`*name`) are not taken"),
        ("a.yaml", "a: !!binary x", "tags (`!name`) are not taken"),
        ("a.yaml", "<<: {}", "merge keys (`<<`) are not taken"),
        ("a.yaml", "log: {}\n---\nlog: {}", "there is a second document"),
        ("a.yaml", "? [a]\n: b", "keys are text"),
        ("a.json", "{\"log\": {\"level\": \"info\"}", "EOF while parsing an object"),
        ("a.json", "{\"log\": {}, \"log\": {}}", "the key \"log\" is there twice"),
        ("a.json", "[]", "a configuration is a table"),
        ("a.ini", "", "the end of the name says the format"),
    ] {
        let problems = load(path, text).expect_err(text).to_string();
        assert!(problems.contains(expect), "{path} {text:?}: {problems}");
    }
    let missing = Sources::new().file("/nowhere/trunkline.toml").load().expect_err("it is missing");
    assert!(missing.to_string().starts_with("the file cannot be read: "), "{missing}");
    assert!(load("empty.yaml", "").is_ok() && load("empty.toml", "").is_ok());
}

#[test]
fn deep_values_are_refused_in_every_format() {
    let deep = |open: &str, close: &str| open.repeat(10_000) + &close.repeat(10_000);
    for (path, text) in [
        ("a.toml", format!("a = {}", deep("[", "]"))),
        ("a.toml", format!("a{} = 1", ".a".repeat(10_000))),
        ("a.json", deep("{\"a\":", "}")),
        ("a.yaml", deep("[", "]")),
        ("a.yaml", deep("{a: ", "}")),
        ("a.yaml", deep("- ", "")),
    ] {
        assert!(load(path, &text).is_err(), "{path} {:.20}", text);
    }
}

#[test]
fn a_reload_changes_what_may_change_and_names_the_rest() {
    let old = toml(
        "http_server.port = 1\nclient.channel_limit = 1\n[[channel.namespaces]]\nname = 'gone'",
    )
    .config;
    let new = toml(
        "http_server.port = 2\nclient.channel_limit = 2\nclient.insecure = true\ndata.dir = '/x'\n\
         client.token.hmac_secret_key = '0123456789abcdef0123456789abcdef'\n\
         [[channel.namespaces]]\nname = 'here'\npresence = true",
    )
    .config;
    let reload = old.reload_from(new.clone());
    assert_eq!(reload.needs_restart, ["http_server.port", "client.insecure", "data.dir"]);
    assert_eq!(
        reload.changed,
        [
            "client.channel_limit",
            "client.token.hmac_secret_key",
            "channel.namespaces[gone]",
            "channel.namespaces[here]"
        ]
    );
    let config = reload.config;
    assert_eq!((config.http_server.port, config.client.insecure), (1, false));
    assert_eq!((config.client.channel_limit, config.data.dir.is_none()), (2, true));
    assert_eq!(config.client.token, new.client.token);
    assert!(options(&config.namespaces(), "here:x").presence);
    let unchanged = config.reload_from(config.clone());
    assert!(unchanged.changed.is_empty() && unchanged.needs_restart.is_empty());
    let setting =
        config.describe().into_iter().find(|it| it.key == "data.dir").expect("it is there");
    assert_eq!((setting.place, setting.change), (Place::Default, Change::Restart));
}

/// What one reload says of a namespace that stays: the options that differ.
#[test]
fn a_reload_names_the_options_of_a_namespace_that_differ() {
    let namespace =
        |presence| format!("[[channel.namespaces]]\nname = 'ns'\npresence = {presence}");
    let (old, new) = (toml(&namespace("false")).config, toml(&namespace("true")).config);
    assert_eq!(old.reload_from(new).changed, ["channel.namespaces[ns].presence"]);
}

#[test]
fn the_reference_page_is_what_the_settings_say() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/configuration.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(page, Config::reference()).expect("the page can be written");
    }
    let written = std::fs::read_to_string(page).expect("the page is there");
    assert!(
        written == Config::reference(),
        "docs/configuration.md is out of date: \
         UPDATE_DOCS=1 cargo test -p trunkline-server --test config reference"
    );
    for setting in Config::default().describe() {
        let name = setting.key.rsplit_once('.').map_or(&*setting.key, |(_, name)| name);
        assert!(written.contains(&format!("| `{name}` | ")), "{} is missing", setting.key);
        assert!(!setting.meaning.is_empty(), "{} says nothing", setting.key);
    }
}
