//! Where settings come from, and which source wins.

use std::time::Duration;

use trunkline::handshake::OriginPolicy;
use trunkline_hub::limits::Limits;
use trunkline_hub::{ChannelOptions, Overflow, RecoveryMode};
use trunkline_server::config::{Config, Fsync, LogLevel, Sources};

use crate::{load, options, toml, warnings};

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
