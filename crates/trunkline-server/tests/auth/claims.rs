//! What tokens claim, and what is made of it.

use trunkline_hub::{CommandError, Connect, Disconnect, SubscribeRights};
use trunkline_server::auth::{Denied, NewToken, Refusal, generate_secret, sign_hs256};
use trunkline_server::config::Secret;

use super::{NOW_S, SECRET, connect, now, signed, with_secret};

/// With these claims and a user.
#[track_caller]
fn alice(claims: &str, expect: Result<(), Denied>) {
    let claims = format!(r#"{{"sub":"alice",{claims}}}"#);
    assert_eq!(connect(&claims).map(|_| ()), expect, "{claims}");
}

/// SEC-HB-23: dates are whole seconds, and anything else is a damaged token, not one without a date.
#[test]
fn dates_are_whole_seconds() {
    for name in ["exp", "nbf", "iat", "expire_at"] {
        for value in [
            r#""1900000000""#,
            r#""""#,
            "1900000000.5",
            "1900000000.0",
            "1.9e9",
            "1e18",
            "-1",
            "-1.0",
            "1000000000000000000",
            "253402300800",
            "18446744073709551616",
            "[1900000000]",
            "[]",
            "{}",
            "true",
            "null",
        ] {
            alice(&format!(r#""{name}":{value}"#), Err(Denied::Claims));
        }
    }
    alice(r#""exp":253402300799"#, Ok(()));
    alice(r#""exp":1900000000,"exp":1900000000"#, Err(Denied::Claims));
}

#[test]
fn a_token_ends_when_it_says() {
    alice(&format!(r#""exp":{}"#, NOW_S + 1), Ok(()));
    alice(&format!(r#""exp":{NOW_S}"#), Err(Denied::Expired));
    alice(r#""exp":0"#, Err(Denied::Expired));
}

/// Up to a minute, clocks may differ: a token that was made just now must not come too early.
#[test]
fn a_token_begins_when_it_says_give_or_take_a_minute() {
    for (name, denied) in [("nbf", Denied::NotYet), ("iat", Denied::FromTheFuture)] {
        alice(&format!(r#""{name}":{NOW_S}"#), Ok(()));
        alice(&format!(r#""{name}":{}"#, NOW_S + 60), Ok(()));
        alice(&format!(r#""{name}":{}"#, NOW_S + 61), Err(denied));
    }
}

#[test]
fn expiry_may_be_required() {
    let strict = with_secret("token.require_exp = true");
    let judge = |claims: &str| strict.connect(&signed(claims), now()).map(|_| ());
    assert_eq!(judge(r#"{"sub":"alice"}"#), Err(Denied::NoExpiry));
    assert_eq!(judge(r#"{"sub":"alice","exp":1900000000}"#), Ok(()));
}

#[test]
fn expire_at_wins_over_exp_and_zero_is_never() {
    for (claims, expect) in [
        (r#"{}"#, None),
        (r#"{"exp":1900000000}"#, Some(1_900_000_000)),
        (r#"{"exp":1900000000,"expire_at":1850000000}"#, Some(1_850_000_000)),
        (r#"{"exp":1900000000,"expire_at":0}"#, None),
        (r#"{"expire_at":1850000000}"#, Some(1_850_000_000)),
    ] {
        assert_eq!(connect(claims).map(|it| it.expire_at), Ok(expect), "{claims}");
    }
    // A token that was good for a moment may open a connection that lasts, and not the other way round.
    let long = r#"{"exp":1,"expire_at":1900000000}"#;
    assert_eq!(connect(long).err(), Some(Denied::Expired));
}

/// SEC-HB-23: `aud` as text, list, missing.
#[test]
fn the_audience_is_the_one_that_is_configured() {
    let strict = with_secret("token.audience = 'chat'");
    for (claims, expect) in [
        (r#"{"aud":"chat"}"#, Ok(())),
        (r#"{"aud":["other","chat"]}"#, Ok(())),
        (r#"{}"#, Err(Denied::Audience)),
        (r#"{"aud":"Chat"}"#, Err(Denied::Audience)),
        (r#"{"aud":""}"#, Err(Denied::Audience)),
        (r#"{"aud":"other chat"}"#, Err(Denied::Audience)),
        (r#"{"aud":[]}"#, Err(Denied::Audience)),
        (r#"{"aud":["other"]}"#, Err(Denied::Audience)),
        (r#"{"aud":["chat",1]}"#, Err(Denied::Claims)),
        (r#"{"aud":[["chat"]]}"#, Err(Denied::Claims)),
        (r#"{"aud":{"chat":true}}"#, Err(Denied::Claims)),
        (r#"{"aud":1}"#, Err(Denied::Claims)),
    ] {
        let got = strict.connect(&signed(claims), now()).map(|_| ());
        assert_eq!(got, expect, "{claims}");
    }
    alice(r#""aud":"whoever""#, Ok(()));
    alice(r#""aud":1"#, Err(Denied::Claims));
}

#[test]
fn the_issuer_is_the_one_that_is_configured() {
    let strict = with_secret("token.issuer = 'https://id.example'");
    for (claims, expect) in [
        (r#"{"iss":"https://id.example"}"#, Ok(())),
        (r#"{}"#, Err(Denied::Issuer)),
        (r#"{"iss":"https://id.example/"}"#, Err(Denied::Issuer)),
        (r#"{"iss":["https://id.example"]}"#, Err(Denied::Claims)),
    ] {
        let got = strict.connect(&signed(claims), now()).map(|_| ());
        assert_eq!(got, expect, "{claims}");
    }
}

#[test]
fn a_user_is_text() {
    assert_eq!(connect(r#"{"sub":"Ж 1"}"#).map(|it| it.user), Ok("Ж 1".into()));
    assert_eq!(connect("{}").map(|it| it.user), Ok("".into()));
    for claims in [r#"{"sub":1}"#, r#"{"sub":["a"]}"#, r#"{"jti":1}"#, "[]", "1", "", "{", "{} x"] {
        assert_eq!(connect(claims).err(), Some(Denied::Claims), "{claims}");
    }
    let named = with_secret("token.user_id_claim = 'user'");
    let user = |claims: &str| named.connect(&signed(claims), now()).map(|it| it.user);
    assert_eq!(user(r#"{"sub":"other","user":"alice"}"#), Ok("alice".into()));
    assert_eq!(user(r#"{"sub":"other"}"#), Ok("".into()));
    assert_eq!(user(r#"{"user":1}"#), Err(Denied::User));
}

#[test]
fn nobody_in_particular_is_let_in_where_that_is_allowed() {
    let anonymous = signed("{}");
    let judge =
        |settings: &str, token: &str| with_secret(settings).connect(token, now()).map(|it| it.user);
    assert_eq!(judge("", ""), Err(Denied::NoToken));
    assert_eq!(judge("", &anonymous), Ok("".into()));
    assert_eq!(judge("allow_anonymous_connect_without_token = true", ""), Ok("".into()));
    let strict = "disallow_anonymous_connection_tokens = true";
    assert_eq!(judge(strict, &anonymous), Err(Denied::Anonymous));
    // A bad token does not become none.
    assert!(judge("allow_anonymous_connect_without_token = true", "x").is_err());
    assert!(judge("insecure = true", "x").is_err());
    let expiring = signed(r#"{"sub":"alice","exp":1900000000}"#);
    let insecure = with_secret("insecure = true").connect(&expiring, now()).expect("it is good");
    assert_eq!((&*insecure.user, insecure.expire_at), ("alice", None));
}

/// Also where nobody looks: another reader might find something else there.
#[test]
fn claims_are_utf_8() {
    let connect = |claims: &[u8]| {
        let token = sign_hs256(claims, &Secret::new(SECRET));
        with_secret("").connect(&token, now()).err()
    };
    assert_eq!(connect("{\"sub\":\"alice\",\"x\":\"\u{b7}\"}".as_bytes()), None);
    assert_eq!(connect(b"{\"sub\":\"alice\",\"x\":\"\xb7\"}"), Some(Denied::Claims));
    assert_eq!(connect(b"{\"sub\":\"alice\",\"\xb7\":1}"), Some(Denied::Claims));
}

#[test]
fn a_token_for_a_channel_does_not_connect() {
    alice(r#""channel":"news""#, Err(Denied::IsForChannel));
    alice(r#""channel":"""#, Ok(()));
    alice(r#""channel":1"#, Err(Denied::Claims));
}

#[test]
fn info_is_passed_on_as_it_stands_on_one_line() {
    for (claims, info) in [
        (r#""info":{"b": 1.0, "a": "x\ny"}"#, r#"{"b": 1.0, "a": "x\ny"}"#),
        ("\"info\":{\n\t\"a\":\r\n1}", "{\t\"a\":1}"),
        (r#""info":null"#, ""),
        (r#""info":1e400"#, "1e400"),
        (r#""b64info":"AAEC""#, "\0\x01\x02"),
        (r#""info":1,"b64info":"AAEC""#, "\0\x01\x02"),
        (r#""info":1,"b64info":"""#, "1"),
    ] {
        let got = connect(&format!("{{{claims}}}")).map(|it| it.info);
        assert_eq!(got.as_deref(), Ok(info.as_bytes()), "{claims}");
    }
    for claims in [r#"{"b64info":"AAE"}"#, r#"{"b64info":"*"}"#, r#"{"b64info":"-_8="}"#] {
        assert_eq!(connect(claims).err(), Some(Denied::Base64), "{claims}");
    }
}

#[test]
fn channels_and_subs_are_subscribed_to_without_asking() {
    let names = |connect: &Connect| -> Vec<String> {
        connect.subscriptions.iter().map(|it| it.channel.to_string()).collect()
    };
    let plain = connect(r#"{"channels":["b","a","b"]}"#).expect("it is good");
    assert_eq!(names(&plain), ["a", "b"]);
    assert_eq!(plain.subscriptions[0].rights, SubscribeRights::default());

    let subs = connect(
        r#"{"channels":["a"],"subs":{"x":{"info":1,"b64data":"AAEC","override":{
            "presence":{"value":true},"join_leave":{"value":false},"force_push_join_leave":{},
            "force_recovery":{"value":true},"force_positioning":null}},"y":{}}}"#,
    )
    .expect("it is good");
    assert_eq!(names(&subs), ["x", "y"]);
    let expect = SubscribeRights {
        info: "1".into(),
        data: vec![0, 1, 2].into(),
        expire_at: None,
        presence: Some(true),
        join_leave: Some(false),
        force_push_join_leave: Some(false),
        force_recovery: Some(true),
        force_positioning: None,
    };
    assert_eq!(subs.subscriptions[0].rights, expect);

    for (claims, denied) in [
        (r#"{"channels":["a b"]}"#, Denied::ChannelName),
        (r#"{"channels":[""]}"#, Denied::ChannelName),
        (r#"{"channels":"a"}"#, Denied::Claims),
        (r#"{"subs":{"a*":{}}}"#, Denied::ChannelName),
        (r#"{"subs":["a"]}"#, Denied::Claims),
        (r#"{"subs":{"a":{"override":{"presence":true}}}}"#, Denied::Claims),
        (r#"{"subs":{"a":{"override":{"presence":[true]}}}}"#, Denied::Claims),
        (r#"{"subs":{"a":{"override":[{"value":true}]}}}"#, Denied::Claims),
        (r#"{"subs":{"a":[1]}}"#, Denied::Claims),
    ] {
        assert_eq!(connect(claims).err(), Some(denied), "{claims}");
    }
}

#[test]
fn a_user_may_have_a_channel_of_its_own() {
    let settings = "subscribe_to_user_personal_channel.enabled = true";
    let channels = |authenticator: trunkline_server::auth::Authenticator, claims: &str| {
        let connect = authenticator.connect(&signed(claims), now());
        connect
            .map(|it| it.subscriptions.iter().map(|it| it.channel.to_string()).collect::<Vec<_>>())
    };
    let names = |claims: &str| channels(with_secret(settings), claims);
    assert_eq!(names(r#"{"sub":"alice"}"#), Ok(vec!["#alice".into()]));
    assert_eq!(names(r##"{"sub":"alice","channels":["#alice"]}"##), Ok(vec!["#alice".into()]));
    assert_eq!(names("{}"), Ok(vec![]));
    assert_eq!(names(r#"{"sub":"a b"}"#), Err(Denied::PersonalChannel));

    let in_namespace = with_secret(&format!(
        "{settings}\nsubscribe_to_user_personal_channel.personal_channel_namespace = 'me'\n\
         [[channel.namespaces]]\nname = 'me'"
    ));
    assert_eq!(channels(in_namespace, r#"{"sub":"alice"}"#), Ok(vec!["me:#alice".into()]));
}

#[test]
fn a_refresh_is_for_the_same_user() {
    let authenticator = with_secret("");
    let refresh = |claims: &str| authenticator.refresh(&signed(claims), "alice", now());
    let refreshed = refresh(r#"{"sub":"alice","exp":1900000000,"info":1}"#).expect("it is good");
    assert_eq!(
        (refreshed.expire_at, refreshed.info.as_deref()),
        (Some(1_900_000_000), Some(&b"1"[..]))
    );
    assert_eq!(refresh(r#"{"sub":"alice"}"#).map(|it| it.info), Ok(None));
    assert_eq!(refresh(r#"{"sub":"bob"}"#).map(|_| ()), Err(Denied::OtherUser));
    assert_eq!(refresh(r#"{"sub":"alice","exp":1}"#).map(|_| ()), Err(Denied::Expired));
    assert_eq!(authenticator.refresh("", "alice", now()).map(|_| ()), Err(Denied::NoToken));
}

/// What SDKs act upon.
#[test]
fn each_refusal_has_its_answer() {
    let error = Refusal::Error;
    let gone = Refusal::Disconnect;
    for (denied, on_connect, on_refresh) in [
        (Denied::Expired, error(CommandError::TokenExpired), gone(Disconnect::EXPIRED)),
        (Denied::NotYet, error(CommandError::TokenExpired), gone(Disconnect::EXPIRED)),
        (Denied::KeysUnavailable, error(CommandError::Internal), error(CommandError::Internal)),
        (Denied::NoToken, gone(Disconnect::BAD_REQUEST), gone(Disconnect::INVALID_TOKEN)),
        (Denied::Anonymous, gone(Disconnect::PERMISSION_DENIED), gone(Disconnect::INVALID_TOKEN)),
        (Denied::Signature, gone(Disconnect::INVALID_TOKEN), gone(Disconnect::INVALID_TOKEN)),
    ] {
        assert_eq!(denied.on_connect(), on_connect, "{denied:?}");
        assert_eq!(denied.on_refresh(), on_refresh, "{denied:?}");
    }
    for (denied, on_subscribe, on_sub_refresh) in [
        (Denied::Expired, error(CommandError::TokenExpired), error(CommandError::Expired)),
        (Denied::KeysUnavailable, error(CommandError::Internal), error(CommandError::Internal)),
        (Denied::Signature, error(CommandError::PermissionDenied), gone(Disconnect::INVALID_TOKEN)),
        (Denied::OtherUser, gone(Disconnect::INVALID_TOKEN), gone(Disconnect::INVALID_TOKEN)),
        (Denied::OtherChannel, gone(Disconnect::INVALID_TOKEN), gone(Disconnect::INVALID_TOKEN)),
    ] {
        assert_eq!(denied.on_subscribe(), on_subscribe, "{denied:?}");
        assert_eq!(denied.on_sub_refresh(), on_sub_refresh, "{denied:?}");
    }
}

#[test]
fn tokens_made_here_are_good_here() {
    let token = NewToken {
        exp: Some(NOW_S + 60),
        iat: Some(NOW_S),
        channels: vec!["news".into()],
        info: Some(serde_json::json!({"name": "A"})),
        ..NewToken::for_user("alice")
    };
    let connect = with_secret("").connect(&token.sign(&Secret::new(SECRET)), now()).expect("good");
    assert_eq!((&*connect.user, connect.expire_at), ("alice", Some(NOW_S + 60)));
    assert_eq!(&*connect.info, br#"{"name":"A"}"#);
    assert_eq!(connect.subscriptions.len(), 1);
}

#[test]
fn secrets_are_long_and_new_each_time() {
    let (one, other) = (generate_secret().expect("randomness"), generate_secret().expect("more"));
    assert_ne!(one, other);
    let plain = |it: char| it.is_ascii_alphanumeric() || it == '-' || it == '_';
    assert!(one.reveal().len() == 43 && one.reveal().chars().all(plain));
}

/// SEC-HB-40: what a token says of its user goes to others, who are sent nothing deeper than 64.
#[test]
fn sec_hb_40_claims_are_no_deeper_than_clients_may_be_sent() {
    let lists = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    for claim in ["info", "meta", "nobody looks"] {
        alice(&format!(r#""{claim}":{}"#, lists(63)), Ok(()));
        alice(&format!(r#""{claim}":{}"#, lists(64)), Err(Denied::Claims));
        alice(&format!(r#""{claim}":{}"#, lists(2_000)), Err(Denied::Claims));
    }
}
