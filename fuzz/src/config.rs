//! Configuration files, and variables.

use trunkline_server::auth::Authenticator;
use trunkline_server::config::{Config, Sources};

/// The first byte chooses the format, the rest is a file, or lines of `NAME=VALUE`: variables behind
/// `TRUNKLINE_`.
///
/// - Whatever is in it, it is read or refused, and a refusal says something.
/// - What holds can be used: the hub's options and limits, the origins, the keys.
/// - History is within its caps, and nothing is both recovered and left out.
/// - A reload of the same changes nothing.
pub fn check(bytes: &[u8]) {
    let [choice, rest @ ..] = bytes else { return };
    let Ok(text) = std::str::from_utf8(rest) else { return };
    let sources = match choice % 4 {
        0 => Sources::new().text("a.toml", text),
        1 => Sources::new().text("a.yaml", text),
        2 => Sources::new().text("a.json", text),
        _ => Sources::new().env(variables(text)),
    };
    match sources.load() {
        Ok(loaded) => check_config(&loaded.config),
        Err(problems) => {
            assert!(problems.iter().count() > 0);
            assert!(problems.iter().all(|it| !it.message.is_empty()));
        }
    }
}

fn variables(text: &str) -> impl Iterator<Item = (String, String)> {
    let pairs = text.lines().filter_map(|line| line.split_once('='));
    pairs.map(|(name, value)| (format!("TRUNKLINE_{name}"), value.into()))
}

fn check_config(config: &Config) {
    let _ = config.namespaces();
    let limits = config.limits();
    assert!(limits.pong_timeout < limits.ping_interval || limits.ping_interval.is_zero());
    config.origins().expect("origins were checked");
    config.api_origins().expect("origins were checked");
    Authenticator::new(config).expect("keys were checked");
    let named = config.channel.namespaces.iter().map(|it| &it.options);
    for options in named.chain([&config.channel.all.without_namespace]) {
        let options = options.to_hub(config.channel.all.history_meta_ttl);
        assert!(options.history.size <= 100_000 && options.history.ttl <= options.history.meta_ttl);
        let counts = options.positions(true) || options.recovers(true);
        assert!(!counts || options.overflow == trunkline_hub::Overflow::Disconnect);
    }
    assert!(config.describe().iter().all(|it| !it.value.is_empty()));
    let reload = config.reload_from(config.clone());
    assert!(reload.changed.is_empty() && reload.needs_restart.is_empty());
    assert_eq!(reload.config, *config);
}
