//! Requests as they were decoded, back into structures of the twin.

use trunkline_server::dialect::centrifugo::{
    Action, ConnectRequest, Incoming, Request, SubscribeRequest,
};

use super::twin;

/// The command that `incoming` was decoded from, if it was no pong and had no field that is passed over.
pub fn command_of(incoming: &Incoming<'_>) -> twin::Command {
    let mut command = twin::Command { id: incoming.id, ..Default::default() };
    let channel = |it: &str| Some(twin::ChannelRequest { channel: it.into() });
    match &incoming.request {
        Request::Connect(it) => command.connect = Some(connect_of(it)),
        Request::Subscribe(it) => command.subscribe = Some(subscribe_of(it)),
        Request::Action(Action::Unsubscribe { channel: it }) => command.unsubscribe = channel(it),
        Request::Action(Action::Publish(it)) => {
            command.publish = Some(twin::PublishRequest {
                channel: it.channel.to_string(),
                data: it.data.into(),
                kind: it.kind,
            });
        }
        Request::Action(Action::Presence { channel: it }) => command.presence = channel(it),
        Request::Action(Action::PresenceStats { channel: it }) => {
            command.presence_stats = channel(it);
        }
        Request::Action(Action::History(it)) => {
            let since = it.since.clone();
            command.history = Some(twin::HistoryRequest {
                channel: it.channel.to_string(),
                limit: it.limit,
                since: since.map(|(offset, epoch)| twin::StreamPosition {
                    offset,
                    epoch: epoch.to_string(),
                }),
                reverse: it.reverse,
            });
        }
        Request::Action(Action::Send { data }) => {
            command.send = Some(twin::Data { data: data.to_vec() });
        }
        Request::Action(Action::Rpc { method, data }) => {
            command.rpc =
                Some(twin::RpcRequest { data: data.to_vec(), method: method.to_string() });
        }
        Request::Refresh { token } => {
            command.refresh = Some(twin::RefreshRequest { token: token.to_string() });
        }
        Request::SubRefresh(it) => {
            command.sub_refresh = Some(twin::SubRefreshRequest {
                channel: it.channel.to_string(),
                token: it.token.to_string(),
            });
        }
        Request::Ping => command.ping = Some(twin::Empty {}),
        Request::Pong | Request::Unknown => {}
    }
    command
}

fn connect_of(it: &ConnectRequest<'_>) -> twin::ConnectRequest {
    twin::ConnectRequest {
        token: it.token.to_string(),
        data: it.data.into(),
        subs: it.subs.iter().map(|(name, it)| (name.to_string(), subscribe_of(it))).collect(),
        name: it.name.to_string(),
        version: it.version.to_string(),
        headers: it.headers.iter().map(|(name, it)| (name.to_string(), it.to_string())).collect(),
        flag: it.flag,
    }
}

fn subscribe_of(it: &SubscribeRequest<'_>) -> twin::SubscribeRequest {
    twin::SubscribeRequest {
        channel: it.channel.to_string(),
        token: it.token.to_string(),
        recover: it.recover,
        epoch: it.epoch.to_string(),
        offset: it.offset,
        data: it.data.into(),
        positioned: it.positioned,
        recoverable: it.recoverable,
        join_leave: it.join_leave,
        delta: it.delta.to_string(),
        tf: it.is_filtered.then(twin::Empty::default),
        flag: it.flag,
        kind: it.kind,
    }
}
