//! Keys that an endpoint publishes.

use std::time::Duration;

use trunkline_hub::Now;
use trunkline_server::auth::{Authenticator, Denied, Endpoint, FetchError, InvalidEndpoint};

use super::server::{Server, ok};
use super::signatures::token;
use super::{SECRET, authenticator, now};

const KEYS: &str = include_str!("keys.json");

fn keys_of(server: &Server) -> Authenticator {
    let url = server.url();
    authenticator(&format!(
        "token.jwks_public_endpoint = '{url}'\ntoken.jwks_allow_private_address = true"
    ))
}

/// What a driver does: ask, fetch, ask again.
async fn judge(by: &Authenticator, name: &str, now: Now) -> Result<(), Denied> {
    match by.connect(token(name), now) {
        Err(Denied::KeysNeeded) => {
            let _ = by.fetch_keys(now).await;
            by.connect(token(name), now).map(|_| ())
        }
        verdict => verdict.map(|_| ()),
    }
}

fn later(now: Now, seconds: u64) -> Now {
    Now { instant: now.instant + Duration::from_secs(seconds), ..now }
}

#[tokio::test]
async fn every_kind_of_public_key_is_taken_and_found_by_its_id_and_algorithm() {
    let server = Server::new(ok(KEYS)).await;
    let authenticator = keys_of(&server);
    let now = now();
    for (name, expect) in [
        ("RS256+kid", Ok(())),
        ("RS512+kid", Ok(())),
        ("PS384+kid", Ok(())),
        ("ES256+kid", Ok(())),
        ("ES384+kid", Ok(())),
        ("EdDSA+kid", Ok(())),
        ("ES512+kid", Err(Denied::Algorithm)),
        ("RS256", Err(Denied::NoKeyId)),
        // Secrets are never asked for there.
        ("HS256+kid", Err(Denied::NoKey)),
        ("HS256 with the RSA key", Err(Denied::NoKey)),
    ] {
        assert_eq!(judge(&authenticator, name, now).await, expect, "{name}");
    }
    assert_eq!(server.requests(), 1);
}

/// RFC 7517 §5: what is of no use is left out, and the rest counts.
#[tokio::test]
async fn keys_that_are_not_for_signatures_are_left_out() {
    let key = |kty: &str| {
        let set: serde_json::Value = serde_json::from_str(KEYS).expect("it is JSON");
        let keys = set["keys"].as_array().expect("a list").clone();
        keys.into_iter().find(|it| it["kty"] == kty).expect("it is there")
    };
    let with = |name: &str, value: serde_json::Value| {
        let mut key = key("RSA");
        key[name] = value;
        key
    };
    let secret = serde_json::json!({"kty": "oct", "kid": "the-key", "k": "eA"});
    for (keys, expect) in [
        (vec![serde_json::json!(1), secret, serde_json::json!({"kty": "RSA"}), key("RSA")], Ok(())),
        (vec![with("use", "enc".into())], Err(Denied::UnknownKey)),
        (vec![with("use", "sig".into())], Ok(())),
        (vec![with("alg", "RS256".into())], Ok(())),
        (vec![with("alg", "RS384".into())], Err(Denied::UnknownKey)),
        (vec![with("alg", "HS256".into())], Err(Denied::UnknownKey)),
        (vec![with("alg", "none".into())], Err(Denied::UnknownKey)),
        (vec![with("kid", "The-Key".into())], Err(Denied::UnknownKey)),
        (vec![with("n", "AQAB".into())], Err(Denied::UnknownKey)),
        (vec![with("e", "".into())], Err(Denied::UnknownKey)),
        (vec![key("OKP")], Err(Denied::UnknownKey)),
        (vec![], Err(Denied::UnknownKey)),
    ] {
        let body = serde_json::json!({"keys": keys}).to_string();
        let server = Server::new(ok(&body)).await;
        assert_eq!(judge(&keys_of(&server), "RS256+kid", now()).await, expect, "{body}");
    }
}

/// SEC-HB-17: two issuers may call their keys the same.
#[tokio::test]
async fn a_key_of_one_endpoint_is_not_one_of_another() {
    let other_key = KEYS.replace(r#""n": ""#, r#""n": "zz"#);
    assert_ne!(other_key, KEYS);
    let (theirs, ours) = (Server::new(ok(KEYS)).await, Server::new(ok(&other_key)).await);
    let both = authenticator(&format!(
        "token = {{ jwks_public_endpoint = '{}', jwks_allow_private_address = true }}\n\
         subscription_token = {{ enabled = true, jwks_public_endpoint = '{}', jwks_allow_private_address = true }}",
        ours.url(),
        theirs.url(),
    ));
    let now = now();
    assert_eq!(judge(&both, "RS256+kid", now).await, Err(Denied::Signature));
    assert_eq!((ours.requests(), theirs.requests()), (1, 1));
    // Nor does a reload that changes the endpoint keep the keys of the old one.
    let (a, b) = (keys_of(&theirs), keys_of(&ours));
    assert_eq!(judge(&a, "RS256+kid", now).await, Ok(()));
    assert_eq!(judge(&b, "RS256+kid", now).await, Err(Denied::Signature));
}

#[tokio::test]
async fn an_unknown_key_asks_the_endpoint_once_and_then_waits() {
    let server = Server::new(ok(r#"{"keys":[]}"#)).await;
    let authenticator = keys_of(&server);
    let begin = now();
    assert_eq!(judge(&authenticator, "RS256+kid", begin).await, Err(Denied::UnknownKey));
    assert_eq!(server.requests(), 1);
    // It may have come since: that is not for us to say, so the client is to try again.
    server.answer(ok(KEYS));
    let soon = later(begin, 5);
    assert_eq!(judge(&authenticator, "RS256+kid", soon).await, Err(Denied::KeysUnavailable));
    assert_eq!(server.requests(), 0);
    assert_eq!(judge(&authenticator, "RS256+kid", later(begin, 20)).await, Ok(()));
    assert_eq!(server.requests(), 1);
}

#[tokio::test]
async fn keys_are_fetched_again_after_an_hour_and_taken_back_then() {
    let server = Server::new(ok(KEYS)).await;
    let authenticator = keys_of(&server);
    let begin = now();
    assert_eq!(judge(&authenticator, "RS256+kid", begin).await, Ok(()));
    server.answer(ok(r#"{"keys":[]}"#));
    assert_eq!(judge(&authenticator, "RS256+kid", later(begin, 3590)).await, Ok(()));
    assert_eq!(server.requests(), 1);
    let hour = later(begin, 3610);
    assert_eq!(judge(&authenticator, "RS256+kid", hour).await, Err(Denied::UnknownKey));
    assert_eq!(server.requests(), 1);
}

#[tokio::test]
async fn an_endpoint_that_fails_does_not_take_its_keys_along_for_a_day() {
    let server = Server::new(ok(KEYS)).await;
    let authenticator = keys_of(&server);
    let begin = now();
    assert_eq!(judge(&authenticator, "RS256+kid", begin).await, Ok(()));
    server.answer("HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n");
    assert_eq!(judge(&authenticator, "RS256+kid", later(begin, 3_700)).await, Ok(()));
    assert_eq!(judge(&authenticator, "RS256+kid", later(begin, 80_000)).await, Ok(()));
    let next_day = judge(&authenticator, "RS256+kid", later(begin, 87_000)).await;
    assert_eq!(next_day, Err(Denied::KeysUnavailable));
}

#[tokio::test]
async fn many_who_need_a_key_wait_for_one_request() {
    let server = Server::new(ok(KEYS)).await;
    let authenticator = keys_of(&server);
    let now = now();
    let judges = (0..50).map(|_| judge(&authenticator, "ES256+kid", now));
    for verdict in futures_util::future::join_all(judges).await {
        assert_eq!(verdict, Ok(()));
    }
    assert_eq!(server.requests(), 1);
}

#[tokio::test]
async fn one_who_goes_leaves_the_request_to_those_who_wait() {
    let server = Server::new(ok(KEYS)).await;
    let authenticator = keys_of(&server);
    let now = now();
    {
        let mut gone = std::pin::pin!(authenticator.fetch_keys(now));
        assert!(futures_util::poll!(gone.as_mut()).is_pending());
    }
    assert_eq!(judge(&authenticator, "ES256+kid", now).await, Ok(()));
    assert_eq!(server.requests(), 1);
}

#[tokio::test]
async fn a_secret_beside_the_endpoint_is_as_good() {
    let server = Server::new(ok(KEYS)).await;
    let url = server.url();
    let both = authenticator(&format!(
        "token.hmac_secret_key = '{SECRET}'\ntoken.jwks_public_endpoint = '{url}'\n\
         token.jwks_allow_private_address = true"
    ));
    for name in ["HS256", "RS256+kid", "HS512+kid"] {
        assert_eq!(judge(&both, name, now()).await, Ok(()), "{name}");
    }
}

/// SEC-HB-25: what an endpoint may cost.
#[tokio::test]
async fn an_endpoint_that_does_not_behave_is_told_from_one_that_does() {
    let large = |bytes: usize| ok(&format!("{{\"keys\":[]{}}}", " ".repeat(bytes - 11)));
    let chunked = format!(
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{}",
        "1000\r\n".to_owned() + &" ".repeat(4096) + "\r\n"
    );
    let endless =
        chunked.clone() + &("1000\r\n".to_owned() + &" ".repeat(4096) + "\r\n").repeat(30);
    for (answer, expect) in [
        (large(65_536), "fetched"),
        (large(65_537), "the answer of the endpoint has more than 64 KiB"),
        (endless, "the answer of the endpoint has more than 64 KiB"),
        (ok("[]"), "the answer of the endpoint is no set of keys (JWKS)"),
        (ok(""), "the answer of the endpoint is no set of keys (JWKS)"),
        ("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n".into(), "the endpoint answered 404"),
        (
            "HTTP/1.1 302 Found\r\nlocation: http://10.0.0.1/\r\ncontent-length: 0\r\n\r\n".into(),
            "the endpoint redirects (302), which is not followed",
        ),
        ("SSH-2.0-x\r\n\r\n".into(), "HTTP with the endpoint failed"),
        (
            format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "x".repeat(20_000)),
            "HTTP with the endpoint failed",
        ),
    ] {
        let server = Server::new(answer.clone()).await;
        let result = keys_of(&server).fetch_keys(now()).await;
        let got = result.map_or_else(|error| error.to_string(), |()| "fetched".into());
        assert_eq!(got, expect, "{:.60}", answer);
    }
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_has_three_seconds() {
    let server = Server::new("").await;
    let before = tokio::time::Instant::now();
    let error = keys_of(&server).fetch_keys(now()).await.expect_err("nothing comes");
    assert!(matches!(error, FetchError::TimedOut), "{error}");
    assert_eq!(before.elapsed().as_secs(), 3);
}

/// SEC-HB-25: addresses that are not out on the internet, however they are written.
#[tokio::test]
async fn private_addresses_are_not_asked_unless_that_is_allowed() {
    for host in [
        "127.0.0.1",
        "localhost",
        "127.1",
        "0x7f.1",
        "2130706433",
        "0.0.0.0",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "192.0.0.1",
        "198.18.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "[::1]",
        "[::]",
        "[::ffff:10.0.0.1]",
        "[::ffff:7f00:1]",
        "[64:ff9b::a00:1]",
        "[2002:a00:1::]",
        "[2001::1]",
        "[fe80::1]",
        "[fd00::1]",
        "[ff02::1]",
        "[2001:db8::1]",
    ] {
        let url = format!("https://{host}:1/keys");
        let authenticator = authenticator(&format!("token.jwks_public_endpoint = '{url}'"));
        let error = authenticator.fetch_keys(now()).await.expect_err(host);
        let refused = matches!(error, FetchError::PrivateAddress);
        // Some resolvers take the odd spellings for names that do not exist.
        let unknown_name = matches!(error, FetchError::Connect(_))
            && !host.contains('[')
            && host.parse::<std::net::IpAddr>().is_err();
        assert!(refused || unknown_name, "{host}: {error}");
    }
}

#[test]
fn a_url_is_https_and_says_no_more_than_where() {
    for (url, allow_private, expect) in [
        ("https://id.example.com/keys", false, Ok(())),
        ("https://id.example.com", false, Ok(())),
        ("https://id.example.com:8443/a?b=c", false, Ok(())),
        ("http://localhost/keys", true, Ok(())),
        ("http://localhost/keys", false, Err(InvalidEndpoint::Scheme)),
        ("ftp://a.example/keys", true, Err(InvalidEndpoint::Scheme)),
        ("//a.example/keys", false, Err(InvalidEndpoint::NotAUrl)),
        ("/keys", false, Err(InvalidEndpoint::NotAUrl)),
        ("https:///keys", false, Err(InvalidEndpoint::NotAUrl)),
        ("https://a.example/a b", false, Err(InvalidEndpoint::NotAUrl)),
        ("https://a.example/\r\nx: y", false, Err(InvalidEndpoint::NotAUrl)),
        ("https://u:p@a.example/", false, Err(InvalidEndpoint::Credentials)),
        ("https://a.example/{{iss}}/keys", false, Err(InvalidEndpoint::Template)),
    ] {
        assert_eq!(Endpoint::new(url, allow_private).map(|_| ()), expect, "{url}");
    }
}

/// Plain HTTP stays on this machine, whatever is allowed.
#[tokio::test]
async fn without_tls_an_endpoint_is_on_loopback() {
    let elsewhere = authenticator(
        "token.jwks_public_endpoint = 'http://192.0.2.1/keys'\ntoken.jwks_allow_private_address = true",
    );
    let error = elsewhere.fetch_keys(now()).await.expect_err("it is elsewhere");
    assert!(matches!(error, FetchError::NoTls), "{error}");
}
