//! Subscription tokens: each is for one channel and one user, and may be for one connection.

use trunkline_hub::{ChannelName, ClientId, SubscribeRights};
use trunkline_server::auth::{Authenticator, Denied, Subscriber, sign_hs256};
use trunkline_server::config::Secret;

use super::signatures::token;
use super::{NOW_S, now, signed, with_secret};

fn judge(by: &Authenticator, token: &str) -> Result<SubscribeRights, Denied> {
    let subscriber = Subscriber { user: "alice", client: ClientId::from_entropy(7) };
    by.subscribe(token, subscriber, &ChannelName::new("chat:1").expect("a name"), now())
}

fn subscribe(claims: &str) -> Result<SubscribeRights, Denied> {
    judge(&with_secret(""), &signed(claims))
}

#[test]
fn it_opens_one_channel_for_one_user() {
    let client = ClientId::from_entropy(7);
    for (claims, expect) in [
        (r#"{"sub":"alice","channel":"chat:1"}"#, Ok(())),
        (r#"{"sub":"alice"}"#, Err(Denied::NoChannel)),
        (r#"{"sub":"alice","channel":""}"#, Err(Denied::NoChannel)),
        (r#"{"sub":"alice","channel":"chat:2"}"#, Err(Denied::OtherChannel)),
        (r#"{"sub":"alice","channel":"chat:1 "}"#, Err(Denied::OtherChannel)),
        (r#"{"sub":"alice","channel":["chat:1"]}"#, Err(Denied::Claims)),
        (r#"{"sub":"bob","channel":"chat:1"}"#, Err(Denied::OtherUser)),
        (r#"{"channel":"chat:1"}"#, Err(Denied::OtherUser)),
        (r#"{"sub":"alice","channel":"chat:1","client":""}"#, Ok(())),
        (r#"{"sub":"alice","channel":"chat:1","client":"x"}"#, Err(Denied::OtherClient)),
        (r#"{"sub":"alice","channel":"chat:1","client":1}"#, Err(Denied::Claims)),
        (r#"{"sub":"alice","channel":"chat:1","exp":1}"#, Err(Denied::Expired)),
    ] {
        assert_eq!(subscribe(claims).map(|_| ()), expect, "{claims}");
    }
    let own = format!(r#"{{"sub":"alice","channel":"chat:1","client":"{client}"}}"#);
    assert_eq!(subscribe(&own).map(|_| ()), Ok(()));
    assert_eq!(judge(&with_secret(""), token("subscription")).map(|_| ()), Ok(()));
    assert_eq!(judge(&with_secret(""), "").map(|_| ()), Err(Denied::NoToken));
}

#[test]
fn it_says_what_the_subscription_is_like() {
    let rights = subscribe(
        r#"{"sub":"alice","channel":"chat:1","exp":1900000000,"expire_at":1850000000,"info":{"a":1},
            "data":"hello","override":{"presence":{"value":false},"force_recovery":{"value":true}}}"#,
    );
    let expect = SubscribeRights {
        info: br#"{"a":1}"#.as_slice().into(),
        data: br#""hello""#.as_slice().into(),
        expire_at: Some(1_850_000_000),
        presence: Some(false),
        force_recovery: Some(true),
        ..SubscribeRights::default()
    };
    assert_eq!(rights, Ok(expect));
    let endless =
        format!(r#"{{"sub":"alice","channel":"chat:1","exp":{},"expire_at":0}}"#, NOW_S + 1);
    assert_eq!(subscribe(&endless).map(|it| it.expire_at), Ok(None));
}

#[test]
fn with_keys_of_their_own_the_keys_of_connections_open_nothing() {
    let other = "ffffffffffffffffffffffffffffffff";
    let separate = with_secret(&format!(
        "[client.subscription_token]\nenabled = true\nhmac_secret_key = '{other}'\naudience = 'subs'"
    ));
    let claims = r#"{"sub":"alice","channel":"chat:1","aud":"subs"}"#;
    assert_eq!(judge(&separate, &signed(claims)), Err(Denied::Signature));
    let with_other = |claims: &str| sign_hs256(claims.as_bytes(), &Secret::new(other));
    assert!(judge(&separate, &with_other(claims)).is_ok());
    let without_aud = with_other(r#"{"sub":"alice","channel":"chat:1"}"#);
    assert_eq!(judge(&separate, &without_aud), Err(Denied::Audience));
    assert!(separate.connect(&signed(r#"{"sub":"alice"}"#), now()).is_ok());
    assert!(separate.connect(&with_other(r#"{"sub":"alice"}"#), now()).is_err());
}
