//! Replies of the twin into what the hub leaves in an outbox.

use std::rc::Rc;
use std::sync::Arc;

use trunkline_hub::{
    ChannelName, ClientId, ClientInfo, CommandError, Connected, Entry, Epoch, HistoryPage,
    PresenceStats, Publication, Push, PushBody, Refresh, Reply, ReplyBody, SharedPush,
    StreamPosition, Subscribed, Unsubscribed,
};
use trunkline_server::dialect::centrifugo::Encoded;

use crate::twin;

/// What has to be written as `reply`.
pub fn entry_of(reply: &twin::Reply) -> Entry<Encoded> {
    if let Some(push) = &reply.push {
        return Entry::Push(Rc::new(SharedPush {
            push: push_of(push),
            encoded: Encoded::default(),
        }));
    }
    if *reply == twin::Reply::default() {
        return Entry::Ping;
    }
    let result = match &reply.error {
        Some(error) => Err(error_of(error)),
        None => Ok(body_of(reply)),
    };
    Entry::Reply(Box::new(Reply { id: reply.id, result }))
}

fn error_of(error: &twin::Error) -> CommandError {
    use CommandError::*;
    let all = [
        Internal,
        Unauthorized,
        UnknownChannel,
        PermissionDenied,
        MethodNotFound,
        AlreadySubscribed,
        LimitExceeded,
        BadRequest,
        NotAvailable,
        TokenExpired,
        Expired,
        TooManyRequests,
        UnrecoverablePosition,
    ];
    all.into_iter().find(|it| it.code() == error.code).expect("an error that we know")
}

fn body_of(reply: &twin::Reply) -> ReplyBody {
    if let Some(it) = &reply.connect {
        let subs = it.subs.iter();
        return ReplyBody::Connect(Box::new(Connected {
            client: client(&it.client),
            ttl_s: it.expires.then_some(it.ttl),
            data: it.data.clone().into(),
            subscriptions: subs.map(|(name, it)| (channel(name), subscribed_of(it))).collect(),
            ping_s: it.ping,
            pong: it.pong,
        }));
    }
    if let Some(it) = &reply.subscribe {
        return ReplyBody::Subscribe(Box::new(subscribed_of(it)));
    }
    if let Some(it) = &reply.presence {
        return ReplyBody::Presence(it.presence.values().map(|it| Arc::new(info_of(it))).collect());
    }
    if let Some(it) = &reply.presence_stats {
        let stats = PresenceStats { clients: it.num_clients, users: it.num_users };
        return ReplyBody::PresenceStats(stats);
    }
    if let Some(it) = &reply.history {
        return ReplyBody::History(HistoryPage {
            publications: it.publications.iter().map(|it| Arc::new(publication_of(it))).collect(),
            top: position(it.offset, &it.epoch),
        });
    }
    if let Some(it) = &reply.refresh {
        let client = ClientId::from_entropy(0);
        return ReplyBody::Refresh(Refresh { client, ttl_s: it.expires.then_some(it.ttl) });
    }
    if let Some(it) = &reply.sub_refresh {
        return ReplyBody::SubRefresh { ttl_s: it.expires.then_some(it.ttl) };
    }
    if reply.unsubscribe.is_some() { ReplyBody::Unsubscribe } else { ReplyBody::Publish }
}

fn push_of(push: &twin::Push) -> Push {
    let channel = (!push.channel.is_empty()).then(|| channel(&push.channel));
    let who = |it: &twin::Join| Arc::new(info_of(it.info.as_ref().expect("somebody")));
    let body = if let Some(it) = &push.publication {
        PushBody::Publication(Arc::new(publication_of(it)))
    } else if let Some(it) = &push.join {
        PushBody::Join(who(it))
    } else if let Some(it) = &push.leave {
        PushBody::Leave(who(it))
    } else if let Some(it) = &push.unsubscribe {
        PushBody::Unsubscribe(unsubscribed_of(it))
    } else if let Some(it) = &push.message {
        PushBody::Message(it.data.clone().into())
    } else if let Some(it) = &push.subscribe {
        PushBody::Subscribe(Box::new(Subscribed {
            recoverable: it.recoverable,
            positioned: it.positioned,
            position: Some(position(it.offset, &it.epoch)),
            data: it.data.clone().into(),
            ..Default::default()
        }))
    } else {
        let it = push.refresh.as_ref().expect("a push that we know");
        PushBody::Refresh { ttl_s: it.expires.then_some(it.ttl) }
    };
    Push { channel, body }
}

fn unsubscribed_of(it: &twin::Unsubscribe) -> Unsubscribed {
    use Unsubscribed::*;
    let all = [ByServer, InsufficientState, Expired];
    all.into_iter().find(|known| known.code() == it.code).expect("a code that we know")
}

fn subscribed_of(it: &twin::SubscribeResult) -> Subscribed {
    Subscribed {
        ttl_s: it.expires.then_some(it.ttl),
        recoverable: it.recoverable,
        positioned: it.positioned,
        position: Some(position(it.offset, &it.epoch)),
        publications: it.publications.iter().map(|it| Arc::new(publication_of(it))).collect(),
        recovered: it.recovered,
        was_recovering: it.was_recovering,
        data: it.data.clone().into(),
    }
}

fn publication_of(it: &twin::Publication) -> Publication {
    let tags = it.tags.iter();
    Publication {
        offset: it.offset,
        data: it.data.clone().into(),
        info: it.info.as_ref().map(|it| Arc::new(info_of(it))),
        tags: tags.map(|(key, value)| (key.as_str().into(), value.as_str().into())).collect(),
        time_ms: it.time,
    }
}

fn info_of(it: &twin::ClientInfo) -> ClientInfo {
    ClientInfo {
        user: it.user.as_str().into(),
        client: client(&it.client),
        conn_info: it.conn_info.as_slice().into(),
        chan_info: it.chan_info.as_slice().into(),
    }
}

fn position(offset: u64, epoch: &str) -> StreamPosition {
    StreamPosition { offset, epoch: Epoch::parse(epoch).expect("a short epoch") }
}

fn channel(name: &str) -> ChannelName {
    ChannelName::new(name).expect("the name of a channel")
}

fn client(id: &str) -> ClientId {
    ClientId::parse(id).expect("the id of a client")
}
