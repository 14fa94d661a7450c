//! What a reload changes, and what it names.

use trunkline_server::config::{Change, Place};

use crate::{options, toml};

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

/// What is switched on with the next start is not read before.
#[test]
fn certificates_wait_with_tls_for_a_restart() {
    let on =
        "[http_server.tls]\nenabled = true\ncert_pem = '-----BEGIN a'\nkey_pem = '-----BEGIN b'";
    let (old, new) = (toml("").config, toml(on).config);
    for (from, to) in [(&old, &new), (&new, &old)] {
        let reload = from.reload_from(to.clone());
        assert_eq!(
            reload.needs_restart,
            ["http_server.tls.enabled", "http_server.tls.cert_pem", "http_server.tls.key_pem"]
        );
        assert_eq!(reload.config.http_server.tls, from.http_server.tls);
    }
}

/// What one reload says of a namespace that stays: the options that differ.
#[test]
fn a_reload_names_the_options_of_a_namespace_that_differ() {
    let namespace =
        |presence| format!("[[channel.namespaces]]\nname = 'ns'\npresence = {presence}");
    let (old, new) = (toml(&namespace("false")).config, toml(&namespace("true")).config);
    assert_eq!(old.reload_from(new).changed, ["channel.namespaces[ns].presence"]);
}
