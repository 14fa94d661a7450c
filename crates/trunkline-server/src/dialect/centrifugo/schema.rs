//! The schema of all that clients send, in both encodings.

use std::borrow::Cow;

use super::bad_frame::BadFrame;
use super::limits::{HEADERS_MAX, NAME_BYTES_MAX, RECOVERED_MAX};
use super::request::{
    Action, ConnectRequest, HistoryRequest, Incoming, PublishRequest, Request, SubRefreshRequest,
    SubscribeRequest,
};
use super::source::{Schema, Source};

/// The only form of deltas that there is.
const FOSSIL: &str = "fossil";

const COMMAND: &Schema = &[
    (1, "id"),
    (4, "connect"),
    (5, "subscribe"),
    (6, "unsubscribe"),
    (7, "publish"),
    (8, "presence"),
    (9, "presence_stats"),
    (10, "history"),
    (11, "ping"),
    (12, "send"),
    (13, "rpc"),
    (14, "refresh"),
    (15, "sub_refresh"),
];
const CONNECT: &Schema = &[
    (1, "token"),
    (2, "data"),
    (3, "subs"),
    (4, "name"),
    (5, "version"),
    (6, "headers"),
    (7, "flag"),
];
const SUBSCRIBE: &Schema = &[
    (1, "channel"),
    (2, "token"),
    (3, "recover"),
    (6, "epoch"),
    (7, "offset"),
    (8, "data"),
    (9, "positioned"),
    (10, "recoverable"),
    (11, "join_leave"),
    (12, "delta"),
    (13, "tf"),
    (14, "flag"),
    (15, "type"),
];
const PUBLISH: &Schema = &[(1, "channel"), (2, "data"), (3, "type")];
const HISTORY: &Schema = &[(1, "channel"), (7, "limit"), (8, "since"), (9, "reverse")];
const POSITION: &Schema = &[(1, "offset"), (2, "epoch")];
const SUB_REFRESH: &Schema = &[(1, "channel"), (2, "token")];
const RPC: &Schema = &[(1, "data"), (2, "method")];
const CHANNEL: &Schema = &[(1, "channel")];
const DATA: &Schema = &[(1, "data")];
const TOKEN: &Schema = &[(1, "token")];

/// One command.
pub(super) fn command<'a>(source: &mut impl Source<'a>) -> Result<Incoming<'a>, BadFrame> {
    let mut id = 0;
    let mut found = None;
    source.message(COMMAND, |source, field| {
        if field == 1 {
            return set(&mut id, source.u32());
        }
        let Some(request) = request(source, field)? else { return Ok(()) };
        // The protocol leaves open whether the first of two counts or none; nobody sends two.
        if found.replace(request).is_some() { Err(BadFrame::TwoRequests) } else { Ok(()) }
    })?;
    let is_send = matches!(found, Some(Request::Action(Action::Send { .. })));
    let request = match found {
        // What cannot be answered and is no message is a pong, whatever else is in it.
        _ if id == 0 && !is_send => Request::Pong,
        Some(request) => request,
        None => Request::Unknown,
    };
    Ok(Incoming { id, request })
}

/// The request in the field with this number; `None` if it is `null`.
fn request<'a>(source: &mut impl Source<'a>, field: u32) -> Result<Option<Request<'a>>, BadFrame> {
    match field {
        4 => connect(source),
        5 => subscribe(source),
        6 => channel_alone(source, |channel| Action::Unsubscribe { channel }),
        7 => publish(source),
        8 => channel_alone(source, |channel| Action::Presence { channel }),
        9 => channel_alone(source, |channel| Action::PresenceStats { channel }),
        10 => history(source),
        11 => Ok(source.message(&[], |_, _| Ok(()))?.then_some(Request::Ping)),
        12 => send(source),
        13 => rpc(source),
        14 => refresh(source),
        _ => sub_refresh(source),
    }
}

fn connect<'a>(source: &mut impl Source<'a>) -> Result<Option<Request<'a>>, BadFrame> {
    let mut it = ConnectRequest::default();
    let there = source.message(CONNECT, |source, field| match field {
        1 => set(&mut it.token, source.text()),
        2 => set(&mut it.data, source.payload()),
        3 => source.entries(|source, channel| {
            let mut sub = SubscribeRequest::default();
            subscription(source, &mut sub)?;
            add(&mut it.subs, channel, sub, RECOVERED_MAX, "subs")
        }),
        4 => set(&mut it.name, name(source, "name")),
        5 => set(&mut it.version, name(source, "version")),
        6 => source.entries(|source, name| {
            let value = source.text()?;
            add(&mut it.headers, name, value, HEADERS_MAX, "headers")
        }),
        _ => set(&mut it.flag, source.i64()),
    })?;
    Ok(there.then(|| Request::Connect(Box::new(it))))
}

fn subscribe<'a>(source: &mut impl Source<'a>) -> Result<Option<Request<'a>>, BadFrame> {
    let mut it = SubscribeRequest::default();
    if !subscription(source, &mut it)? {
        return Ok(None);
    }
    named(&it.channel)?;
    Ok(Some(Request::Subscribe(Box::new(it))))
}

fn subscription<'a>(
    source: &mut impl Source<'a>,
    it: &mut SubscribeRequest<'a>,
) -> Result<bool, BadFrame> {
    let there = source.message(SUBSCRIBE, |source, field| match field {
        1 => set(&mut it.channel, source.text()),
        2 => set(&mut it.token, source.text()),
        3 => set(&mut it.recover, source.boolean()),
        6 => set(&mut it.epoch, source.text()),
        7 => set(&mut it.offset, source.u64()),
        8 => set(&mut it.data, source.payload()),
        9 => set(&mut it.positioned, source.boolean()),
        10 => set(&mut it.recoverable, source.boolean()),
        11 => set(&mut it.join_leave, source.boolean()),
        12 => set(&mut it.delta, source.text()),
        // Whoever asks for a filter is refused: what it says does not matter.
        13 => set(&mut it.is_filtered, source.message(&[], |_, _| Ok(()))),
        14 => set(&mut it.flag, source.i64()),
        _ => set(&mut it.kind, source.i32()),
    })?;
    if it.delta.is_empty() || it.delta == FOSSIL { Ok(there) } else { Err(BadFrame::UnknownDelta) }
}

fn channel_alone<'a>(
    source: &mut impl Source<'a>,
    action: impl FnOnce(Cow<'a, str>) -> Action<'a>,
) -> Result<Option<Request<'a>>, BadFrame> {
    let mut channel = Cow::Borrowed("");
    if !source.message(CHANNEL, |source, _| set(&mut channel, source.text()))? {
        return Ok(None);
    }
    named(&channel)?;
    Ok(Some(Request::Action(action(channel))))
}

fn publish<'a>(source: &mut impl Source<'a>) -> Result<Option<Request<'a>>, BadFrame> {
    let mut it = PublishRequest::default();
    let there = source.message(PUBLISH, |source, field| match field {
        1 => set(&mut it.channel, source.text()),
        2 => set(&mut it.data, source.payload()),
        _ => set(&mut it.kind, source.i32()),
    })?;
    if !there {
        return Ok(None);
    }
    named(&it.channel)?;
    Ok(Some(Request::Action(Action::Publish(it))))
}

fn history<'a>(source: &mut impl Source<'a>) -> Result<Option<Request<'a>>, BadFrame> {
    let mut it = HistoryRequest::default();
    let there = source.message(HISTORY, |source, field| match field {
        1 => set(&mut it.channel, source.text()),
        7 => set(&mut it.limit, source.i32()),
        8 => position(source, &mut it),
        _ => set(&mut it.reverse, source.boolean()),
    })?;
    if !there {
        return Ok(None);
    }
    named(&it.channel)?;
    Ok(Some(Request::Action(Action::History(it))))
}

fn position<'a>(source: &mut impl Source<'a>, it: &mut HistoryRequest<'a>) -> Result<(), BadFrame> {
    let (mut offset, mut epoch) = it.since.take().unwrap_or_default();
    let there = source.message(POSITION, |source, field| match field {
        1 => set(&mut offset, source.u64()),
        _ => set(&mut epoch, source.text()),
    })?;
    it.since = there.then_some((offset, epoch));
    Ok(())
}

fn send<'a>(source: &mut impl Source<'a>) -> Result<Option<Request<'a>>, BadFrame> {
    let mut data = &b""[..];
    let there = source.message(DATA, |source, _| set(&mut data, source.payload()))?;
    Ok(there.then_some(Request::Action(Action::Send { data })))
}

fn rpc<'a>(source: &mut impl Source<'a>) -> Result<Option<Request<'a>>, BadFrame> {
    let (mut method, mut data) = (Cow::Borrowed(""), &b""[..]);
    let there = source.message(RPC, |source, field| match field {
        1 => set(&mut data, source.payload()),
        _ => set(&mut method, name(source, "method")),
    })?;
    Ok(there.then_some(Request::Action(Action::Rpc { method, data })))
}

fn refresh<'a>(source: &mut impl Source<'a>) -> Result<Option<Request<'a>>, BadFrame> {
    let mut it = Cow::Borrowed("");
    let there = source.message(TOKEN, |source, _| set(&mut it, source.text()))?;
    Ok(there.then_some(Request::Refresh { token: it }))
}

fn sub_refresh<'a>(source: &mut impl Source<'a>) -> Result<Option<Request<'a>>, BadFrame> {
    let mut it = SubRefreshRequest::default();
    let there = source.message(SUB_REFRESH, |source, field| match field {
        1 => set(&mut it.channel, source.text()),
        _ => set(&mut it.token, source.text()),
    })?;
    if !there {
        return Ok(None);
    }
    named(&it.channel)?;
    Ok(Some(Request::SubRefresh(it)))
}

fn set<T>(field: &mut T, value: Result<T, BadFrame>) -> Result<(), BadFrame> {
    *field = value?;
    Ok(())
}

/// Adds an entry of a map. Protobuf would let it replace one with the same key, of which nobody sends
/// two; here that is refused in both encodings.
fn add<'a, T>(
    map: &mut Vec<(Cow<'a, str>, T)>,
    key: Cow<'a, str>,
    value: T,
    max: usize,
    field: &'static str,
) -> Result<(), BadFrame> {
    // Few enough for a search that needs no memory.
    if map.iter().any(|(known, _)| *known == key) {
        return Err(BadFrame::Repeated(field));
    }
    if map.len() == max {
        return Err(BadFrame::TooLong(field));
    }
    map.push((key, value));
    Ok(())
}

fn name<'a>(source: &mut impl Source<'a>, field: &'static str) -> Result<Cow<'a, str>, BadFrame> {
    bounded(source.text()?, NAME_BYTES_MAX, field)
}

fn bounded<'a>(
    text: Cow<'a, str>,
    bytes_max: usize,
    field: &'static str,
) -> Result<Cow<'a, str>, BadFrame> {
    if text.len() > bytes_max { Err(BadFrame::TooLong(field)) } else { Ok(text) }
}

fn named(channel: &str) -> Result<(), BadFrame> {
    if channel.is_empty() { Err(BadFrame::NoChannel) } else { Ok(()) }
}
