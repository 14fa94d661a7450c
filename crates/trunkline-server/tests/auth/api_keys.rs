//! Who may use the HTTP API.

use trunkline_server::auth::ApiKeys;
use trunkline_server::config::Sources;

fn keys(settings: &str) -> ApiKeys {
    let text = format!("[http_api]\n{settings}");
    ApiKeys::new(&Sources::new().text("t.toml", text).load().expect("it holds").config.http_api)
}

#[test]
fn any_of_the_keys_opens_in_either_header() {
    let keys = keys("key = 'first'\nkeys = ['second', 'third one']");
    for (x_api_key, authorization, expect) in [
        (Some("first"), None, true),
        (Some("second"), None, true),
        (None, Some("apikey third one"), true),
        (None, Some("ApiKey first"), true),
        (None, Some("apikey  first "), true),
        (None, None, false),
        (Some(""), None, false),
        (Some("firs"), None, false),
        (Some("firstx"), None, false),
        (Some("First"), None, false),
        (None, Some("first"), false),
        (None, Some("Bearer first"), false),
        (None, Some("apikeyfirst"), false),
        (None, Some("apikey "), false),
        // A wrong key is not made up for.
        (Some("x"), Some("apikey first"), false),
    ] {
        let bytes = |it: Option<&'static str>| it.map(str::as_bytes);
        let got = keys.allow(bytes(x_api_key), bytes(authorization));
        assert_eq!(got, expect, "{x_api_key:?} {authorization:?}");
    }
}

#[test]
fn without_a_key_nobody_is_let_in_unless_the_api_is_insecure() {
    assert!(!keys("").allow(Some(b""), Some(b"apikey ")));
    assert!(!keys("key = ''").allow(Some(b""), None));
    assert!(keys("insecure = true").allow(None, None));
}

#[test]
fn debug_output_shows_no_key() {
    assert_eq!(format!("{:?}", keys("key = 'planted'")), "ApiKeys { keys: 1, insecure: false }");
}
