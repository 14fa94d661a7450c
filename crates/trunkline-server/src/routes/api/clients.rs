//! `subscribe`, `unsubscribe`, `disconnect`, `refresh`: what becomes of the connections of a user; and
//! `connections` and `connection`, which show them.

use std::net::IpAddr;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use trunkline_hub::{
    ClientId, CommandError, Disconnect, Refreshed, Selector, ServerSubscription, SessionView,
    SubscribeRights,
};

use super::error::channel;
use super::read::Since;
use super::{Api, ApiError, Nothing};
use crate::auth::NewToken;
use crate::dialect::centrifugo::Encoding;
use crate::profile::Profile;

/// Connections in one answer.
const PAGE_MAX: usize = 1_000;
/// How long the token lives that the dashboard gets to follow a channel, in seconds.
const TAIL_TOKEN_TTL_S: i64 = 3_600;

#[derive(Deserialize)]
pub(super) struct SubscribeRequest<'a> {
    user: String,
    channel: String,
    #[serde(default)]
    client: String,
    #[serde(borrow)]
    info: Option<&'a RawValue>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    #[serde(default)]
    expire_at: i64,
    recover_since: Option<Since>,
    #[serde(default, rename = "override")]
    overrides: Override,
}

/// What is to be other than the options of the channel say.
#[derive(Deserialize, Default)]
struct Override {
    presence: Option<Is>,
    join_leave: Option<Is>,
    force_push_join_leave: Option<Is>,
    force_recovery: Option<Is>,
    force_positioning: Option<Is>,
}

#[derive(Deserialize)]
struct Is {
    value: bool,
}

#[derive(Deserialize)]
pub(super) struct UnsubscribeRequest {
    user: String,
    #[serde(default)]
    channel: String,
    #[serde(default)]
    client: String,
}

#[derive(Deserialize)]
pub(super) struct DisconnectRequest {
    user: String,
    #[serde(default)]
    client: String,
    #[serde(default)]
    whitelist: Vec<String>,
    disconnect: Option<CodeAndReason>,
}

#[derive(Deserialize)]
struct CodeAndReason {
    code: u16,
    #[serde(default)]
    reason: String,
}

#[derive(Deserialize)]
pub(super) struct RefreshRequest {
    user: String,
    #[serde(default)]
    client: String,
    #[serde(default)]
    expired: bool,
    #[serde(default)]
    expire_at: i64,
}

#[derive(Deserialize)]
pub(super) struct ConnectionsRequest {
    #[serde(default)]
    limit: usize,
    #[serde(default)]
    cursor: String,
    #[serde(default)]
    user: String,
}

#[derive(Deserialize)]
pub(super) struct ConnectionRequest {
    client: String,
}

#[derive(Deserialize)]
pub(super) struct TailTokenRequest {
    channel: String,
}

#[derive(Serialize)]
pub(super) struct Connections {
    connections: Vec<Connection>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<String>,
}

#[derive(Serialize)]
pub(super) struct Connection {
    client: String,
    user: String,
    #[serde(skip_serializing_if = "str::is_empty")]
    name: String,
    #[serde(skip_serializing_if = "str::is_empty")]
    version: String,
    transport: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    protocol: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subprotocol: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<IpAddr>,
    channels: Vec<String>,
    connected_at: i64,
    outbox_bytes: usize,
}

#[derive(Serialize)]
pub(super) struct TailToken {
    token: String,
    subscription_token: String,
}

impl Api {
    pub(super) async fn subscribe(
        &self,
        request: SubscribeRequest<'_>,
    ) -> Result<Nothing, ApiError> {
        let selector = selector(&request.user, &request.client)?;
        let raw = |it: Option<&RawValue>| {
            it.map_or_else(Bytes::new, |it| Bytes::copy_from_slice(it.get().as_bytes()))
        };
        let overrides = request.overrides;
        let says = |it: Option<Is>| it.map(|it| it.value);
        let rights = SubscribeRights {
            info: raw(request.info),
            data: raw(request.data),
            expire_at: (request.expire_at > 0).then_some(request.expire_at),
            presence: says(overrides.presence),
            join_leave: says(overrides.join_leave),
            force_push_join_leave: says(overrides.force_push_join_leave),
            force_recovery: says(overrides.force_recovery),
            force_positioning: says(overrides.force_positioning),
        };
        let subscription = ServerSubscription { channel: channel(&request.channel)?, rights };
        let since = request.recover_since.map(|it| it.position()).transpose()?;
        let done = self.node.on_each(move |state, now| {
            state.hub.subscribe_by_server(now, &selector, &subscription, since)
        });
        for result in done.await {
            result?;
        }
        Ok(Nothing {})
    }

    /// From one channel, or from all of them if none is named.
    pub(super) async fn unsubscribe(
        &self,
        request: UnsubscribeRequest,
    ) -> Result<Nothing, ApiError> {
        let selector = selector(&request.user, &request.client)?;
        let name = &request.channel;
        let channel = if name.is_empty() { None } else { Some(channel(name)?) };
        let done = self.node.on_each(move |state, _| {
            state.hub.unsubscribe_by_server(&selector, channel.as_ref());
        });
        done.await;
        Ok(Nothing {})
    }

    pub(super) async fn disconnect(&self, request: DisconnectRequest) -> Result<Nothing, ApiError> {
        let mut selector = selector(&request.user, &request.client)?;
        selector.except =
            request.whitelist.iter().map(|it| client(it)).collect::<Result<_, _>>()?;
        let disconnect = match request.disconnect {
            None => Disconnect::FORCE_DISCONNECT,
            Some(it) => Disconnect::custom(it.code, it.reason)
                .ok_or_else(|| ApiError::bad_request("a code is from 3000 to 4999"))?,
        };
        self.node.on_each(move |state, _| state.hub.disconnect(&selector, &disconnect)).await;
        Ok(Nothing {})
    }

    pub(super) async fn refresh(&self, request: RefreshRequest) -> Result<Nothing, ApiError> {
        let selector = selector(&request.user, &request.client)?;
        if request.expired {
            let done = self.node.on_each(move |state, _| {
                state.hub.disconnect(&selector, &Disconnect::EXPIRED);
            });
            done.await;
            return Ok(Nothing {});
        }
        let expire_at = (request.expire_at > 0).then_some(request.expire_at);
        let refreshed = Refreshed { info: None, expire_at };
        let done = self.node.on_each(move |state, now| {
            state.hub.refresh_by_server(now, &selector, &refreshed);
        });
        done.await;
        Ok(Nothing {})
    }

    /// In the order of the clients' ids; `cursor` is the last one of the page before.
    pub(super) async fn connections(
        &self,
        request: ConnectionsRequest,
    ) -> Result<Connections, ApiError> {
        let limit = if request.limit == 0 { 100 } else { request.limit.min(PAGE_MAX) };
        let after = match request.cursor.as_str() {
            "" => None,
            text => Some(client(text)?),
        };
        let user = request.user;
        let pages = self.node.on_each(move |state, _| {
            let sessions = state.hub.sessions_open();
            let views = sessions.into_iter().filter_map(|id| Some((id, state.hub.view(id)?)));
            let mut views: Vec<_> = views
                .filter(|(_, it)| after.is_none_or(|after| it.client > after))
                .filter(|(_, it)| user.is_empty() || *it.user == *user)
                .collect();
            views.sort_by_key(|(_, it)| it.client);
            views.truncate(limit + 1);
            views
                .into_iter()
                .map(|(id, view)| (view, state.profile(id).cloned()))
                .collect::<Vec<_>>()
        });
        let mut views: Vec<_> = pages.await.into_iter().flatten().collect();
        views.sort_by_key(|(it, _)| it.client);
        let has_more = views.len() > limit;
        views.truncate(limit);
        let cursor = views.last().filter(|_| has_more).map(|(it, _)| it.client.to_string());
        Ok(Connections { connections: views.into_iter().map(Connection::of).collect(), cursor })
    }

    pub(super) async fn connection(
        &self,
        request: ConnectionRequest,
    ) -> Result<Connection, ApiError> {
        let wanted = client(&request.client)?;
        let found = self.node.on_each(move |state, _| {
            let sessions = state.hub.sessions_open();
            let found = sessions.into_iter().find(|it| state.hub.client(*it) == Some(wanted))?;
            Some((state.hub.view(found)?, state.profile(found).cloned()))
        });
        let view = found.await.into_iter().flatten().next();
        view.map(Connection::of).ok_or(ApiError::not_found("no such connection"))
    }

    /// Tokens with which whoever has the key may follow one channel over a WebSocket.
    pub(super) async fn tail_token(
        &self,
        request: TailTokenRequest,
    ) -> Result<TailToken, ApiError> {
        let channel = channel(&request.channel)?;
        let rules = self.reception.rules();
        let secret = &rules.config.client.token.hmac_secret_key;
        if secret.is_empty() {
            return Err(CommandError::NotAvailable.into());
        }
        let mut token = NewToken::for_user("dashboard");
        token.exp = Some(crate::shard::now().unix_s() + TAIL_TOKEN_TTL_S);
        let connection = token.sign(secret);
        token.channel = Some(channel.as_str().to_owned());
        Ok(TailToken { token: connection, subscription_token: token.sign(secret) })
    }
}

impl Connection {
    fn of((view, profile): (SessionView, Option<Profile>)) -> Self {
        let software = profile.as_ref().and_then(|it| it.software.as_ref());
        Self {
            client: view.client.to_string(),
            user: view.user.to_string(),
            name: software.map_or_else(String::new, |it| it.name.to_string()),
            version: software.map_or_else(String::new, |it| it.version.to_string()),
            transport: "websocket",
            protocol: profile.as_ref().map(|it| it.encoding.name()),
            subprotocol: profile.as_ref().and_then(|it| it.subprotocol.map(Encoding::subprotocol)),
            address: profile.and_then(|it| it.address),
            channels: view.channels.iter().map(|it| it.as_str().to_owned()).collect(),
            connected_at: view.opened_unix_ms,
            outbox_bytes: view.outbox_bytes,
        }
    }
}

fn selector(user: &str, id: &str) -> Result<Selector, ApiError> {
    let client = if id.is_empty() { None } else { Some(client(id)?) };
    Ok(Selector { user: user.into(), client, except: Vec::new() })
}

fn client(id: &str) -> Result<ClientId, ApiError> {
    ClientId::parse(id).ok_or_else(|| ApiError::bad_request("a client is named by its UUID"))
}
