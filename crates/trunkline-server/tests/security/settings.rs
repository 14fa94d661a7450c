//! Limits and checks that a configuration cannot switch off in silence.

use trunkline_server::config::Sources;

/// SEC-RL-10: no limit of one client can be none by mistake. Where 0 means that there is no limit (of all connections,
/// of one user), the reference says so.
#[test]
fn sec_rl_10_no_limit_is_switched_off_by_a_number() {
    let keys = [
        "websocket.message_size_limit",
        "client.channel_limit",
        "client.queue_max_size",
        "client.queue_max_entries",
        "client.address_connection_limit",
        "client.address_connection_rate",
        "client.address_connection_burst",
        "client.history_max_publication_limit",
        "client.recovery_max_publication_limit",
        "client.recovery_buffer",
        "client.command_rate",
        "client.command_burst",
        "client.publish_rate",
        "client.publish_burst",
    ];
    for key in keys {
        for value in ["0", "-1", "1 TB", "", "inf", "NaN", "1e99", "99999999999999999999"] {
            let refused = Sources::new().set(key, value).load().expect_err(key).to_string();
            assert!(refused.contains(key) && refused.contains("allowed: "), "{value}: {refused}");
        }
    }
}

/// SEC-HB-24: whoever switches a check off is told so each time.
#[test]
fn sec_hb_24_what_switches_a_check_off_is_told() {
    let cases = [
        ("client.insecure", "true"),
        ("http_api.insecure", "true"),
        ("client.allowed_origins", "*"),
        ("client.token.hmac_secret_key", "short"),
    ];
    for (key, value) in cases {
        let loaded = Sources::new().set(key, value).load().unwrap_or_else(|it| panic!("{it}"));
        let told = loaded.warnings.iter().any(|it| it.key == key);
        assert!(told, "{key}: {:?}", loaded.warnings);
    }
}
