//! What tokens claim (RFC 7519 §4.1, and Centrifugo's own), with types taken at their word: an `exp` in
//! quotes is not one that nobody set.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use trunkline_hub::{ChannelName, ServerSubscription, SubscribeRights};

use super::Denied;
use super::object::Object;
use crate::config::{NUMERIC_DATE_MAX, Token};
use crate::dialect::json::is_too_deep;

/// How far the clock of whoever makes tokens may be ahead of ours, in seconds. One that is behind makes
/// tokens that expire early, which costs a client one more.
const SKEW_S: i64 = 60;

/// Those of the RFC.
#[derive(Debug, Deserialize)]
pub(super) struct Registered {
    #[serde(default)]
    sub: Option<String>,
    #[serde(default, deserialize_with = "date")]
    pub(super) exp: Option<i64>,
    #[serde(default, deserialize_with = "date")]
    nbf: Option<i64>,
    #[serde(default, deserialize_with = "date")]
    iat: Option<i64>,
    #[serde(default)]
    aud: Option<Audience>,
    #[serde(default)]
    iss: Option<String>,
    // Nobody looks at it, but it has a type.
    #[serde(default, rename = "jti")]
    _jti: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Some(Vec<String>),
}

impl Registered {
    pub(super) fn parse(payload: &[u8]) -> Result<Self, Denied> {
        parse(payload)
    }

    /// Checks all but the user.
    pub(super) fn check(&self, settings: &Token, unix_s: i64) -> Result<(), Denied> {
        if !settings.audience.is_empty() {
            let named = match &self.aud {
                Some(Audience::One(one)) => *one == settings.audience,
                Some(Audience::Some(list)) => list.contains(&settings.audience),
                None => false,
            };
            named.then_some(()).ok_or(Denied::Audience)?;
        }
        if !settings.issuer.is_empty() && self.iss.as_ref() != Some(&settings.issuer) {
            return Err(Denied::Issuer);
        }
        match self.exp {
            None if settings.require_exp => return Err(Denied::NoExpiry),
            Some(exp) if unix_s >= exp => return Err(Denied::Expired),
            _ => {}
        }
        let latest = unix_s.saturating_add(SKEW_S);
        if self.nbf.is_some_and(|nbf| nbf > latest) {
            return Err(Denied::NotYet);
        }
        if self.iat.is_some_and(|iat| iat > latest) {
            return Err(Denied::FromTheFuture);
        }
        Ok(())
    }

    /// The user; empty if the token names none.
    pub(super) fn user(&self, settings: &Token, payload: &[u8]) -> Result<String, Denied> {
        if settings.user_id_claim.is_empty() {
            return Ok(self.sub.clone().unwrap_or_default());
        }
        let claims: BTreeMap<String, serde_json::Value> = parse(payload)?;
        match claims.get(&settings.user_id_claim) {
            None => Ok(String::new()),
            Some(serde_json::Value::String(user)) => Ok(user.clone()),
            Some(_) => Err(Denied::User),
        }
    }

    /// When what was opened with the token ends: `expire_at` wins over `exp`, and 0 is never.
    pub(super) fn expire_at(&self, expire_at: Option<i64>) -> Option<i64> {
        match expire_at {
            Some(0) => None,
            Some(at) => Some(at),
            None => self.exp,
        }
    }
}

/// Those of a connection token.
#[derive(Debug, Deserialize)]
pub(super) struct OfConnection<'a> {
    #[serde(default, borrow)]
    info: Option<&'a RawValue>,
    #[serde(default)]
    b64info: Option<String>,
    #[serde(default, borrow)]
    meta: Option<&'a RawValue>,
    #[serde(default)]
    channels: Option<Vec<String>>,
    #[serde(default, borrow)]
    subs: Option<BTreeMap<String, Object<Subscription<'a>>>>,
    #[serde(default, deserialize_with = "date")]
    pub(super) expire_at: Option<i64>,
    #[serde(default)]
    channel: Option<String>,
}

impl<'a> OfConnection<'a> {
    pub(super) fn parse(payload: &'a [u8]) -> Result<Self, Denied> {
        let claims: Self = parse(payload)?;
        // A token for one channel is not to open everything that its user may do.
        match &claims.channel {
            Some(channel) if !channel.is_empty() => Err(Denied::IsForChannel),
            _ => Ok(claims),
        }
    }

    pub(super) fn info(&self) -> Result<Bytes, Denied> {
        json_or_base64(self.info, self.b64info.as_deref())
    }

    pub(super) fn meta(&self) -> Bytes {
        self.meta.map(one_line).unwrap_or_default()
    }

    /// Channels that the client is subscribed to without asking. With `subs`, `channels` says nothing.
    pub(super) fn subscriptions(&self) -> Result<Vec<ServerSubscription>, Denied> {
        let name = |it: &String| ChannelName::new(it).map_err(|_| Denied::ChannelName);
        if let Some(subs) = self.subs.as_ref().filter(|subs| !subs.is_empty()) {
            let one = |(channel, Object(claims)): (&String, &Object<Subscription<'_>>)| {
                Ok(ServerSubscription { channel: name(channel)?, rights: claims.rights(None)? })
            };
            return subs.iter().map(one).collect();
        }
        let mut channels =
            self.channels.iter().flatten().map(name).collect::<Result<Vec<_>, _>>()?;
        channels.sort_unstable();
        channels.dedup();
        let one = |channel| ServerSubscription { channel, rights: SubscribeRights::default() };
        Ok(channels.into_iter().map(one).collect())
    }
}

/// Those of a subscription token that say what it is for.
#[derive(Debug, Deserialize)]
pub(super) struct ForChannel {
    #[serde(default)]
    pub(super) channel: String,
    #[serde(default)]
    pub(super) client: String,
    #[serde(default, deserialize_with = "date")]
    pub(super) expire_at: Option<i64>,
}

impl ForChannel {
    pub(super) fn parse(payload: &[u8]) -> Result<Self, Denied> {
        parse(payload)
    }
}

/// What a token says about one subscription.
#[derive(Debug, Deserialize)]
pub(super) struct Subscription<'a> {
    #[serde(default, borrow)]
    info: Option<&'a RawValue>,
    #[serde(default)]
    b64info: Option<String>,
    #[serde(default, borrow)]
    data: Option<&'a RawValue>,
    #[serde(default)]
    b64data: Option<String>,
    #[serde(default, rename = "override")]
    options: Option<Object<Options>>,
}

/// Each is `{"value": true}`, so that "not said" and "no" are two things in every language.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
struct Options {
    #[serde(default)]
    presence: Option<Object<Flag>>,
    #[serde(default)]
    join_leave: Option<Object<Flag>>,
    #[serde(default)]
    force_push_join_leave: Option<Object<Flag>>,
    #[serde(default)]
    force_recovery: Option<Object<Flag>>,
    #[serde(default)]
    force_positioning: Option<Object<Flag>>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
struct Flag {
    #[serde(default)]
    value: bool,
}

impl<'a> Subscription<'a> {
    pub(super) fn parse(payload: &'a [u8]) -> Result<Self, Denied> {
        parse(payload)
    }

    pub(super) fn rights(&self, expire_at: Option<i64>) -> Result<SubscribeRights, Denied> {
        let options = self.options.map(|Object(it)| it).unwrap_or_default();
        let value = |flag: Option<Object<Flag>>| flag.map(|Object(flag)| flag.value);
        Ok(SubscribeRights {
            info: json_or_base64(self.info, self.b64info.as_deref())?,
            data: json_or_base64(self.data, self.b64data.as_deref())?,
            expire_at,
            presence: value(options.presence),
            join_leave: value(options.join_leave),
            force_push_join_leave: value(options.force_push_join_leave),
            force_recovery: value(options.force_recovery),
            force_positioning: value(options.force_positioning),
        })
    }
}

fn parse<'a, T: Deserialize<'a>>(payload: &'a [u8]) -> Result<T, Denied> {
    // serde_json takes any bytes in the strings that it skips, and JSON is UTF-8 everywhere (RFC 7519 §7.2).
    let payload = std::str::from_utf8(payload).map_err(|_| Denied::Claims)?;
    // What is told of a user goes to other clients, and they are sent nothing deeper.
    if is_too_deep(payload) {
        return Err(Denied::Claims);
    }
    let claims = serde_json::from_str(payload).map_err(|_| Denied::Claims);
    claims.map(|Object(claims)| claims)
}

/// Base64 wins, as it does in Centrifugo: it is there for clients that speak Protobuf.
fn json_or_base64(json: Option<&RawValue>, base64: Option<&str>) -> Result<Bytes, Denied> {
    match base64 {
        Some(text) if !text.is_empty() => {
            STANDARD.decode(text).map(Bytes::from).map_err(|_| Denied::Base64)
        }
        _ => Ok(json.map(one_line).unwrap_or_default()),
    }
}

/// Clients get JSON a line each. Between the parts of a value the end of a line is a space, and inside
/// a text it cannot stand, so leaving it out changes nothing.
fn one_line(json: &RawValue) -> Bytes {
    json.get().bytes().filter(|it| !b"\r\n".contains(it)).collect()
}

/// Whole seconds from 1970 to 9999, or nothing: neither a text, nor a fraction, nor `null`.
fn date<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    struct Date;
    impl Visitor<'_> for Date {
        type Value = Option<i64>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("whole seconds since 1970")
        }

        fn visit_u64<E: Error>(self, seconds: u64) -> Result<Option<i64>, E> {
            let date = i64::try_from(seconds).ok().filter(|it| *it <= NUMERIC_DATE_MAX);
            date.map(Some).ok_or_else(|| E::invalid_value(Unexpected::Unsigned(seconds), &self))
        }
    }
    deserializer.deserialize_u64(Date)
}
