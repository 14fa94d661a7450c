//! A frame of commands in Centrifugo's protocol, in JSON or in Protobuf.

use bytes::Bytes;
use prost::Message;
use serde_json::value::RawValue;
use trunkline_hub::{Push, PushBody, SharedPush};
use trunkline_server::dialect::centrifugo::limits::COMMANDS_MAX;
use trunkline_server::dialect::centrifugo::{Encoded, Encoding, Incoming, Request};

use crate::dialects::requests_twin::command_of;
use crate::dialects::twin::Command;

/// The first byte chooses the encoding, or that the rest is a payload; the rest comes from the client.
///
/// - A frame gives commands and then at most one error.
/// - What is borrowed from a frame lies in it, no byte of a payload twice.
/// - What is understood, prost and serde understand too, and as the same.
/// - Written by them again it is understood as before.
/// - A payload reaches clients that read JSON if serde says that it is JSON.
pub fn check(bytes: &[u8]) {
    let [kind, bytes @ ..] = bytes else { return };
    match kind % 3 {
        0 => check_frame(Encoding::Json, bytes),
        1 => check_frame(Encoding::Protobuf, bytes),
        _ => check_payload(bytes),
    }
}

fn check_frame(encoding: Encoding, frame: &[u8]) {
    let mut requests = encoding.decode(frame);
    let mut good = Vec::new();
    let error = loop {
        match requests.next() {
            Some(Ok(incoming)) => good.push(incoming),
            Some(Err(error)) => break Some(error),
            None => break None,
        }
    };
    assert!(requests.next().is_none());
    assert!(good.len() <= COMMANDS_MAX);
    assert!(error.is_some() || !good.is_empty(), "an empty frame is an error");
    if let Some(error) = error {
        assert!(!error.to_string().is_empty());
    }
    match encoding {
        Encoding::Json => check_lines(frame, &good),
        Encoding::Protobuf => check_messages(frame, &good),
    }
    for incoming in good {
        into_command(incoming);
    }
}

fn check_lines(frame: &[u8], good: &[Incoming<'_>]) {
    for (line, incoming) in frame.split(|it| *it == b'\n').zip(good) {
        serde_json::from_slice::<&RawValue>(line).expect("serde takes it for JSON");
        if incoming.request == Request::Pong {
            continue;
        }
        let again = serde_json::to_vec(&command_of(incoming)).unwrap();
        let again: Vec<_> = Encoding::Json.decode(&again).collect();
        assert_eq!(again.len(), 1);
        // Not as they were decoded: the channels of a connect come in the order in which they were written, and a map
        // of serde's has none.
        assert_eq!(command_of(again[0].as_ref().unwrap()), command_of(incoming));
    }
}

fn check_messages(mut frame: &[u8], good: &[Incoming<'_>]) {
    for incoming in good {
        let theirs = Command::decode_length_delimited(&mut frame).expect("prost reads it");
        if incoming.request == Request::Pong {
            assert!(theirs.id == 0 && theirs.send.is_none());
            continue;
        }
        assert_eq!(command_of(incoming), theirs);
        let again = theirs.encode_length_delimited_to_vec();
        let again: Vec<_> = Encoding::Protobuf.decode(&again).collect();
        assert_eq!(again.len(), 1);
        assert_eq!(command_of(again[0].as_ref().unwrap()), theirs);
    }
}

/// It may be refused, but nothing panics.
fn into_command(incoming: Incoming<'_>) {
    match incoming.request {
        Request::Connect(it) => drop(it.positions()),
        Request::Subscribe(it) => drop(it.into_command(None)),
        Request::Action(it) => drop(it.into_command()),
        Request::SubRefresh(it) => drop(it.into_command(Default::default())),
        Request::Refresh { .. } | Request::Ping | Request::Pong | Request::Unknown => {}
    }
}

fn check_payload(payload: &[u8]) {
    if payload.is_empty() {
        return;
    }
    let push = Push { channel: None, body: PushBody::Message(Bytes::copy_from_slice(payload)) };
    let shared = SharedPush { push, encoded: Encoded::default() };
    let ours = Encoded::of(&shared, Encoding::Json);
    let is_json = serde_json::from_slice::<&RawValue>(payload).is_ok();
    let brackets = payload.iter().filter(|it| matches!(it, b'[' | b'{')).count();
    assert!(is_json || ours.is_err());
    // Deeper than 64 it is refused, although it is JSON.
    assert!(!is_json || ours.is_ok() || brackets > 64);
    if let Ok(prepared) = ours {
        let line = prepared.message().as_text().expect("JSON is text");
        assert!(!line.contains('\n'));
        serde_json::from_str::<&RawValue>(line).expect("the frame is JSON");
    }
    let binary = Encoded::of(&shared, Encoding::Protobuf).unwrap();
    let mut binary = binary.message().as_bytes();
    let reply = crate::dialects::twin::Reply::decode_length_delimited(&mut binary).unwrap();
    assert!(binary.is_empty());
    assert_eq!(reply.push.unwrap().message.unwrap().data, payload);
}
