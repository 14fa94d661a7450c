//! What Centrifugo said is what we say, byte for byte, but for its version and for what we leave out.

use std::borrow::Cow;

use prost::Message;
use trunkline_server::dialect::centrifugo::{Action, Encoding, Incoming, Request};

use crate::decode;
use crate::entries_twin::entry_of;
use crate::random::version;
use crate::requests_twin::command_of;
use crate::twin::{Command, Publication, Reply};

const JSON: &str = include_str!("transcripts/json.txt");
const PROTOBUF: &str = include_str!("transcripts/protobuf.txt");

/// Frames that clients sent, or got, in JSON.
fn frames(direction: char) -> Vec<String> {
    let mut frames: Vec<String> = Vec::new();
    for line in JSON.lines().filter(|it| !it.starts_with('#')) {
        let Some((who, frame)) = line.split_once(&format!(" {direction} ")) else { continue };
        match frames.last_mut() {
            Some(last) if who == "+" => *last = format!("{last}\n{frame}"),
            _ => frames.push(frame.into()),
        }
    }
    frames
}

fn binary_frames(direction: char) -> Vec<Vec<u8>> {
    let frames = PROTOBUF.lines().filter(|it| !it.starts_with('#'));
    frames.filter_map(|it| it.split_once(&format!(" {direction} "))).map(|it| bytes(it.1)).collect()
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<_> = hex.chars().map(|it| it.to_digit(16).unwrap() as u8).collect();
    digits.chunks(2).map(|it| it[0] << 4 | it[1]).collect()
}

fn replies(mut binary: &[u8]) -> Vec<Reply> {
    let mut replies = Vec::new();
    while !binary.is_empty() {
        replies.push(Reply::decode_length_delimited(&mut binary).unwrap());
    }
    replies
}

/// As we would have said it: with our version; and without the epoch that Centrifugo tells again
/// with the first publication of a stream.
fn in_our_words(mut reply: Reply) -> Reply {
    let forget = |publications: &mut Vec<Publication>| {
        publications.iter_mut().for_each(|it| it.epoch.clear());
    };
    if let Some(it) = &mut reply.connect {
        it.version = version();
        it.subs.values_mut().for_each(|it| forget(&mut it.publications));
    }
    if let Some(it) = &mut reply.subscribe {
        forget(&mut it.publications);
    }
    if let Some(it) = &mut reply.history {
        forget(&mut it.publications);
    }
    if let Some(it) = reply.push.as_mut().and_then(|it| it.publication.as_mut()) {
        it.epoch.clear();
    }
    reply
}

#[test]
fn replies_in_json_are_those_of_centrifugo() {
    let frames = frames('<');
    assert!(frames.len() > 50);
    for frame in frames {
        let said: Reply = serde_json::from_str(&frame).unwrap();
        let again: serde_json::Value =
            serde_json::from_str(&serde_json::to_string(&said).unwrap()).unwrap();
        assert_eq!(again, serde_json::from_str::<serde_json::Value>(&frame).unwrap());

        let expected = in_our_words(said);
        let mut ours = Vec::new();
        Encoding::Json.append(&mut ours, &entry_of(&expected)).unwrap();
        let ours = String::from_utf8(ours).unwrap();
        assert_eq!(ours, serde_json::to_string(&expected).unwrap());
        if expected == serde_json::from_str(&frame).unwrap() && !frame.contains("\\u") {
            assert_eq!(ours, frame);
        }
    }
}

#[test]
fn replies_in_protobuf_are_those_of_centrifugo() {
    let frames = binary_frames('<');
    assert!(frames.len() > 50);
    for frame in frames {
        let (mut again, mut ours, mut expected) = (Vec::new(), Vec::new(), Vec::new());
        for said in replies(&frame) {
            said.encode_length_delimited(&mut again).unwrap();
            let in_our_words = in_our_words(said);
            in_our_words.encode_length_delimited(&mut expected).unwrap();
            Encoding::Protobuf.append(&mut ours, &entry_of(&in_our_words)).unwrap();
        }
        assert_eq!(again, frame, "the twin knows every field");
        assert_eq!(ours, expected);
    }
}

/// Without what differs between two recordings: tokens and epochs.
fn without_secrets(mut it: Incoming<'_>) -> Incoming<'_> {
    let none = Cow::Borrowed("");
    match &mut it.request {
        Request::Connect(it) => it.token = none,
        Request::Subscribe(it) => (it.token, it.epoch) = (none.clone(), none),
        Request::Refresh { token } => *token = none,
        Request::SubRefresh(it) => it.token = none,
        _ => {}
    }
    it
}

#[test]
fn commands_mean_the_same_in_both_recordings() {
    let (text, binary) = (frames('>'), binary_frames('>'));
    let said = |encoding, frames: Vec<Incoming<'_>>| {
        let frames = frames.into_iter().filter(|it| it.request != Request::Pong);
        // The one payload that JSON cannot have, and the last command, which comes after it.
        let frames = frames.filter(|it| {
            !matches!(&it.request, Request::Action(Action::Publish(it)) if it.data == [0, 255, 10])
        });
        let frames: Vec<_> = frames.map(|it| format!("{:?}", without_secrets(it))).collect();
        assert!(frames.len() > 35, "{encoding:?}");
        frames
    };
    let from_json =
        said(Encoding::Json, text.iter().flat_map(|it| decode(Encoding::Json, it)).collect());
    let from_protobuf = said(
        Encoding::Protobuf,
        binary.iter().flat_map(|it| decode(Encoding::Protobuf, it)).collect(),
    );
    assert_eq!(from_json, from_protobuf);
}

#[test]
fn commands_are_read_whole() {
    for frame in binary_frames('>') {
        let mut rest = &frame[..];
        for incoming in decode(Encoding::Protobuf, &frame) {
            let said = Command::decode_length_delimited(&mut rest).unwrap();
            assert_eq!(command_of(&incoming), said);
        }
    }
}
