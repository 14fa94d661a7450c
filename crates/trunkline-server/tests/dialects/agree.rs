//! Property: whatever is said, both encodings and the twin agree on it.

use prost::Message;
use trunkline_server::dialect::centrifugo::{Encoding, Request};

use crate::decode;
use crate::entries_twin::entry_of;
use crate::random::Random;
use crate::requests_twin::command_of;
use crate::twin;

const ROUNDS: u64 = 5_000;

fn frames_of(commands: &[twin::Command]) -> (String, Vec<u8>) {
    let lines: Vec<_> = commands.iter().map(|it| serde_json::to_string(it).unwrap()).collect();
    let mut binary = Vec::new();
    commands.iter().for_each(|it| it.encode_length_delimited(&mut binary).unwrap());
    (lines.join("\n"), binary)
}

#[test]
fn commands_are_what_others_encoded() {
    for seed in 0..ROUNDS {
        let mut random = Random::new(seed);
        let commands: Vec<_> = (0..1 + random.below(3)).map(|_| random.command()).collect();
        let (text, binary) = frames_of(&commands);
        let from_json = decode(Encoding::Json, &text);
        let from_protobuf = decode(Encoding::Protobuf, &binary);
        assert_eq!(from_json, from_protobuf, "seed {seed}: {text}");
        let back: Vec<_> = from_json.iter().map(command_of).collect();
        assert_eq!(back, commands, "seed {seed}: {text}");
    }
}

#[test]
fn a_command_without_an_id_is_a_pong_unless_it_is_a_message() {
    for seed in 0..1000 {
        let command = twin::Command { id: 0, ..Random::new(seed).command() };
        let (text, binary) = frames_of(std::slice::from_ref(&command));
        for (encoding, frame) in [(Encoding::Json, text.as_bytes()), (Encoding::Protobuf, &binary)]
        {
            let all = decode(encoding, frame);
            assert_eq!(all[0].request != Request::Pong, command.send.is_some(), "{text}");
        }
    }
}

#[test]
fn replies_are_byte_for_byte_what_others_encode() {
    for seed in 0..ROUNDS {
        let mut random = Random::new(seed);
        let replies: Vec<_> = (0..1 + random.below(3)).map(|_| random.reply()).collect();
        let (mut text, mut binary) = (Vec::new(), Vec::new());
        for reply in &replies {
            let entry = entry_of(reply);
            Encoding::Json.append(&mut text, &entry).unwrap();
            Encoding::Protobuf.append(&mut binary, &entry).unwrap();
        }
        let lines: Vec<_> = replies.iter().map(|it| serde_json::to_string(it).unwrap()).collect();
        assert_eq!(String::from_utf8(text).unwrap(), lines.join("\n"), "seed {seed}");
        let mut expected = Vec::new();
        replies.iter().for_each(|it| it.encode_length_delimited(&mut expected).unwrap());
        assert_eq!(binary, expected, "seed {seed}: {replies:?}");
    }
}
