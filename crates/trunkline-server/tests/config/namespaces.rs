//! What is allowed in a namespace, and what does not go together.

use trunkline_server::config::Sources;

use crate::{options, problems, toml};

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
        ("http_api.handler_prefix = '/a/:b'", "is no path"),
        ("health.handler_prefix = '/{a}'", "is no path"),
        ("health.handler_prefix = '/a/../b'", "is no path"),
        ("http_api.handler_prefix = '/health'", "is the path of"),
        ("websocket.handler_prefix = '/dashboard'", "is the path of the server's own pages"),
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
