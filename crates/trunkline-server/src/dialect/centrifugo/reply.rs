//! The schema of all that clients are sent, in both encodings.

use std::sync::Arc;

use trunkline_hub::{
    ClientId, ClientInfo, CommandError, Connected, HistoryPage, PresenceStats, Publication, Push,
    PushBody, Reply, ReplyBody, Subscribed, Unsubscribed,
};

use super::target::{Target, field};

/// What clients are told that they talk to.
const VERSION: &str = concat!("trunkline ", env!("CARGO_PKG_VERSION"));

/// The answer to a command.
pub(super) fn reply(out: &mut impl Target, it: &Reply) {
    out.number(field!(1, "id"), it.id.into());
    match &it.result {
        Ok(body) => reply_body(out, body),
        Err(it) => out.message(field!(2, "error"), |out| error(out, *it)),
    }
}

fn error(out: &mut impl Target, it: CommandError) {
    out.number(field!(1, "code"), it.code().into());
    out.text(field!(2, "message"), it.message());
    out.boolean(field!(3, "temporary"), it.is_temporary());
}

fn reply_body(out: &mut impl Target, body: &ReplyBody) {
    match body {
        ReplyBody::Connect(it) => out.message(field!(5, "connect"), |out| connected(out, it)),
        ReplyBody::Subscribe(it) => out.message(field!(6, "subscribe"), |out| subscribed(out, it)),
        ReplyBody::Unsubscribe => out.message(field!(7, "unsubscribe"), |_| {}),
        ReplyBody::Publish => out.message(field!(8, "publish"), |_| {}),
        ReplyBody::Presence(it) => out.message(field!(9, "presence"), |out| presence(out, it)),
        ReplyBody::PresenceStats(it) => {
            out.message(field!(10, "presence_stats"), |out| presence_stats(out, *it));
        }
        ReplyBody::History(it) => out.message(field!(11, "history"), |out| history(out, it)),
        // The schema has the client and a version here, too; Centrifugo tells neither again.
        ReplyBody::Refresh(it) => out.message(field!(14, "refresh"), |out| {
            out.boolean(field!(3, "expires"), it.ttl_s.is_some());
            out.number(field!(4, "ttl"), it.ttl_s.unwrap_or(0).into());
        }),
        ReplyBody::SubRefresh { ttl_s } => {
            out.message(field!(15, "sub_refresh"), |out| expiry(out, *ttl_s));
        }
    }
}

fn connected(out: &mut impl Target, it: &Connected) {
    out.text(field!(1, "client"), IdText::new(it.client).as_str());
    out.text(field!(2, "version"), VERSION);
    out.boolean(field!(3, "expires"), it.ttl_s.is_some());
    out.number(field!(4, "ttl"), it.ttl_s.unwrap_or(0).into());
    out.payload(field!(5, "data"), &it.data);
    let subs = it.subscriptions.iter().map(|(channel, it)| (channel.as_str(), it));
    out.map(field!(6, "subs"), subs, false, subscribed);
    out.number(field!(7, "ping"), it.ping_s.into());
    out.boolean(field!(8, "pong"), it.pong);
}

/// The first two fields of several messages.
fn expiry(out: &mut impl Target, ttl_s: Option<u32>) {
    out.boolean(field!(1, "expires"), ttl_s.is_some());
    out.number(field!(2, "ttl"), ttl_s.unwrap_or(0).into());
}

fn subscribed(out: &mut impl Target, it: &Subscribed) {
    let position = it.position.unwrap_or_default();
    expiry(out, it.ttl_s);
    out.boolean(field!(3, "recoverable"), it.recoverable);
    out.text(field!(6, "epoch"), position.epoch.as_str());
    let publications = it.publications.iter();
    out.messages(field!(7, "publications"), publications, false, |out, it| publication(out, it));
    out.boolean(field!(8, "recovered"), it.recovered);
    out.number(field!(9, "offset"), position.offset);
    out.boolean(field!(10, "positioned"), it.positioned);
    out.payload(field!(11, "data"), &it.data);
    out.boolean(field!(12, "was_recovering"), it.was_recovering);
}

fn presence(out: &mut impl Target, clients: &[Arc<ClientInfo>]) {
    let names: Vec<_> = clients.iter().map(|it| IdText::new(it.client)).collect();
    let entries = names.iter().zip(clients).map(|(name, it)| (name.as_str(), it));
    out.map(field!(1, "presence"), entries, true, |out, it| client_info(out, it));
}

fn presence_stats(out: &mut impl Target, it: PresenceStats) {
    out.number_always(field!(1, "num_clients"), it.clients.into());
    out.number_always(field!(2, "num_users"), it.users.into());
}

fn history(out: &mut impl Target, it: &HistoryPage) {
    let publications = it.publications.iter();
    out.messages(field!(1, "publications"), publications, true, |out, it| publication(out, it));
    out.text_always(field!(2, "epoch"), it.top.epoch.as_str());
    out.number_always(field!(3, "offset"), it.top.offset);
}

fn publication(out: &mut impl Target, it: &Publication) {
    out.payload(field!(4, "data"), &it.data);
    if let Some(info) = &it.info {
        out.message(field!(5, "info"), |out| client_info(out, info));
    }
    out.number(field!(6, "offset"), it.offset);
    let tags = it.tags.iter().map(|(key, value)| (&**key, &**value));
    out.text_map(field!(7, "tags"), tags);
}

fn client_info(out: &mut impl Target, it: &ClientInfo) {
    out.text_always(field!(1, "user"), &it.user);
    out.text_always(field!(2, "client"), IdText::new(it.client).as_str());
    out.payload(field!(3, "conn_info"), &it.conn_info);
    out.payload(field!(4, "chan_info"), &it.chan_info);
}

/// A push, in the reply without an id that carries it.
pub(super) fn push(out: &mut impl Target, it: &Push) {
    out.message(field!(4, "push"), |out| {
        out.text(field!(2, "channel"), it.channel.as_ref().map_or("", |it| it.as_str()));
        push_body(out, &it.body);
    });
}

fn push_body(out: &mut impl Target, body: &PushBody) {
    match body {
        PushBody::Publication(it) => out.message(field!(4, "pub"), |out| publication(out, it)),
        PushBody::Join(it) => out.message(field!(5, "join"), |out| came_or_left(out, it)),
        PushBody::Leave(it) => out.message(field!(6, "leave"), |out| came_or_left(out, it)),
        PushBody::Unsubscribe(it) => {
            out.message(field!(7, "unsubscribe"), |out| unsubscribed(out, *it));
        }
        PushBody::Message(it) => {
            out.message(field!(8, "message"), |out| out.payload(field!(1, "data"), it));
        }
        PushBody::Subscribe(it) => {
            out.message(field!(9, "subscribe"), |out| subscribed_by_server(out, it));
        }
        PushBody::Refresh { ttl_s } => {
            out.message(field!(12, "refresh"), |out| expiry(out, *ttl_s));
        }
    }
}

fn came_or_left(out: &mut impl Target, it: &ClientInfo) {
    out.message(field!(1, "info"), |out| client_info(out, it));
}

fn unsubscribed(out: &mut impl Target, it: Unsubscribed) {
    out.number(field!(2, "code"), it.code().into());
    out.text(field!(3, "reason"), it.reason());
}

fn subscribed_by_server(out: &mut impl Target, it: &Subscribed) {
    let position = it.position.unwrap_or_default();
    out.boolean(field!(1, "recoverable"), it.recoverable);
    out.text(field!(4, "epoch"), position.epoch.as_str());
    out.number(field!(5, "offset"), position.offset);
    out.boolean(field!(6, "positioned"), it.positioned);
    out.payload(field!(7, "data"), &it.data);
}

/// The id of a client as text. Each publication of a client carries it, and `fmt` takes longer for it
/// than all else in a push.
struct IdText([u8; 36]);

impl IdText {
    fn new(id: ClientId) -> Self {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = [b'-'; 36];
        let mut at = 0;
        for (index, byte) in id.to_bits().to_be_bytes().into_iter().enumerate() {
            if matches!(index, 4 | 6 | 8 | 10) {
                at += 1;
            }
            text[at] = DIGITS[usize::from(byte >> 4)];
            text[at + 1] = DIGITS[usize::from(byte & 0xf)];
            at += 2;
        }
        Self(text)
    }

    fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}
