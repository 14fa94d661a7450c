//! Entries of an outbox into frames.

use std::cell::OnceCell;
use std::fmt;

use trunkline::{Message, Prepared};
use trunkline_hub::{Disconnect, Entry, Push, Reply, SharedPush};

use crate::dialect::json::as_value;
use crate::dialect::protobuf::{close, open};

use super::encoding::Encoding;
use super::reply;
use super::target::{Json, Protobuf};

/// A payload that is no JSON is to go to a client that speaks JSON. The connection is closed with
/// [`Inappropriate::DISCONNECT`]: left out, the client would miss it without a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "there is nothing more to say")]
pub struct Inappropriate;

impl Inappropriate {
    /// How the connection is closed.
    pub const DISCONNECT: Disconnect = Disconnect::INAPPROPRIATE_PROTOCOL;

    /// Whether `payload` is what clients that speak JSON cannot be sent. Takes one pass over it.
    pub fn is(payload: &[u8]) -> bool {
        as_value(payload).is_none()
    }
}

impl fmt::Display for Inappropriate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a payload is not JSON, which is all that the client reads")
    }
}

impl std::error::Error for Inappropriate {}

/// The encoded forms of one push, each made when the first client needs it and then shared by all:
/// where the hub keeps what it does not understand, `E` of [`SharedPush`].
#[derive(Debug, Default)]
pub struct Encoded {
    json: OnceCell<Result<Prepared, Inappropriate>>,
    protobuf: OnceCell<Prepared>,
}

impl Encoded {
    /// The WebSocket message that says `shared`, with its frame.
    ///
    /// # Errors
    /// If it is to be JSON and a payload is not.
    pub fn of(shared: &SharedPush<Self>, encoding: Encoding) -> Result<&Prepared, Inappropriate> {
        let SharedPush { push, encoded } = shared;
        match encoding {
            Encoding::Json => {
                encoded.json.get_or_init(|| push_as_json(push)).as_ref().map_err(|it| *it)
            }
            Encoding::Protobuf => Ok(encoded.protobuf.get_or_init(|| push_as_protobuf(push))),
        }
    }
}

/// Room for what stands around a payload, so that the buffer of a push does not grow step by step.
const AROUND_PAYLOAD: usize = 128;

fn push_as_json(push: &Push) -> Result<Prepared, Inappropriate> {
    let mut out = Vec::with_capacity(AROUND_PAYLOAD + payload_len(push));
    append_json(&mut out, |target| reply::push(target, push))?;
    Ok(Prepared::new(Encoding::Json.message(out)?))
}

fn push_as_protobuf(push: &Push) -> Prepared {
    let mut out = Vec::with_capacity(AROUND_PAYLOAD + payload_len(push));
    append_protobuf(&mut out, |target| reply::push(target, push));
    Prepared::new(out)
}

fn payload_len(push: &Push) -> usize {
    match &push.body {
        trunkline_hub::PushBody::Publication(it) => it.data.len(),
        trunkline_hub::PushBody::Message(data) => data.len(),
        _ => 0,
    }
}

/// Nothing stays in `out` of what could not be encoded.
fn append_json(
    out: &mut Vec<u8>,
    content: impl FnOnce(&mut Json<'_>),
) -> Result<(), Inappropriate> {
    let start = out.len();
    let mut target = Json::new(out);
    target.object(content);
    if target.is_broken {
        out.truncate(start);
        return Err(Inappropriate);
    }
    Ok(())
}

fn append_protobuf(out: &mut Vec<u8>, content: impl FnOnce(&mut Protobuf<'_>)) {
    let start = open(out);
    content(&mut Protobuf(out));
    close(out, start);
}

impl Encoding {
    /// Appends `entry` to `frame`, behind those that are there. A frame takes any number: what bounds it
    /// is up to whoever writes it.
    ///
    /// # Errors
    /// If it is to be JSON and a payload in it is not. `frame` is as it was then.
    pub fn append(self, frame: &mut Vec<u8>, entry: &Entry<Encoded>) -> Result<(), Inappropriate> {
        let start = frame.len();
        if self == Self::Json && start > 0 {
            frame.push(b'\n');
        }
        let appended = match entry {
            Entry::Reply(it) => self.append_reply(frame, it),
            Entry::Push(it) => {
                Encoded::of(it, self).map(|it| frame.extend_from_slice(it.message().as_bytes()))
            }
            Entry::Ping => {
                frame.extend_from_slice(self.ping());
                Ok(())
            }
        };
        if appended.is_err() {
            frame.truncate(start);
        }
        appended
    }

    fn append_reply(self, frame: &mut Vec<u8>, it: &Reply) -> Result<(), Inappropriate> {
        match self {
            Self::Json => append_json(frame, |target| reply::reply(target, it)),
            Self::Protobuf => {
                append_protobuf(frame, |target| reply::reply(target, it));
                Ok(())
            }
        }
    }

    /// The WebSocket message that `frame` is: text for JSON, binary for Protobuf.
    ///
    /// # Errors
    /// If it is to be text and is not UTF-8, which no frame of ours is.
    pub fn message(self, frame: Vec<u8>) -> Result<Message, Inappropriate> {
        match self {
            Self::Json => String::from_utf8(frame).map(Message::from).map_err(|_| Inappropriate),
            Self::Protobuf => Ok(Message::from(frame)),
        }
    }

    /// The frame that asks "are you there?": a reply in which there is nothing.
    pub const fn ping(self) -> &'static [u8] {
        match self {
            Self::Json => b"{}",
            Self::Protobuf => &[0],
        }
    }
}
