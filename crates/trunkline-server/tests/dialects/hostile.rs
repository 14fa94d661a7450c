//! What an attacker tries: each bound at and beyond, every cut, garbage.

use bytes::Bytes;
use prost::Message;
use serde_json::value::RawValue;
use trunkline_hub::{Push, PushBody, SharedPush};
use trunkline_server::dialect::centrifugo::{
    BadFrame, Encoded, Encoding, JsonError, ProtobufError, limits,
};

use crate::random::Random;
use crate::{decode, one, refused};

#[track_caller]
fn refused_json(frame: impl AsRef<[u8]>) -> BadFrame {
    refused(Encoding::Json, frame).1
}

#[track_caller]
fn problem(frame: &str) -> &'static str {
    match refused_json(frame) {
        BadFrame::Json(JsonError { problem, at }) => {
            assert!(at <= frame.len());
            problem
        }
        other => panic!("{other:?}"),
    }
}

fn publish(data: &str) -> String {
    format!(r#"{{"id":1,"publish":{{"channel":"a","data":{data}}}}}"#)
}

#[test]
fn a_frame_without_a_command_is_bad() {
    for encoding in [Encoding::Json, Encoding::Protobuf] {
        assert_eq!(refused(encoding, ""), (0, BadFrame::Empty));
    }
    for blank in ["\n", " ", "{}\n\n", "\n{}"] {
        assert_eq!(problem(blank), "no object");
    }
}

#[test]
fn a_frame_has_at_most_256_commands() {
    let frame = "{}\n".repeat(limits::COMMANDS_MAX);
    assert_eq!(decode(Encoding::Json, &frame).len(), limits::COMMANDS_MAX);
    assert_eq!(refused(Encoding::Json, frame + "{}"), (256, BadFrame::TooManyCommands));
    assert_eq!(decode(Encoding::Protobuf, &[0; 256]).len(), 256);
    assert_eq!(refused(Encoding::Protobuf, [0; 257]), (256, BadFrame::TooManyCommands));
}

#[test]
fn a_payload_is_at_most_64_deep() {
    let deep = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
    one(&publish(&deep(64)));
    assert_eq!(problem(&publish(&deep(65))), "too many arrays and objects in each other");
    let mixed = |levels: usize| r#"{"a":["#.repeat(levels) + &"]}".repeat(levels);
    one(&publish(&mixed(32)));
    let deeper = mixed(32).replacen('[', "[[", 1);
    assert_eq!(problem(&publish(&deeper)), "too many arrays and objects in each other");
    // What is passed over is no deeper, and takes no stack.
    assert_eq!(
        problem(&format!(r#"{{"x":{}}}"#, "[".repeat(60_000))),
        problem(&publish(&deep(65)))
    );
}

#[test]
fn brackets_close_as_they_were_opened() {
    for data in [
        "[}",
        "{]",
        "[[}]",
        r#"{"a":[}]"#,
        "[1,]",
        "[,1]",
        "{,}",
        r#"{"a"}"#,
        r#"{"a":1,}"#,
        "[1 2]",
    ] {
        assert!(matches!(refused_json(publish(data)), BadFrame::Json(_)), "{data}");
    }
}

#[test]
fn strings_numbers_and_words_are_those_of_rfc_8259() {
    let bad = [
        "01",
        "-",
        "1.",
        ".5",
        "1e",
        "+1",
        "0x1",
        "NaN",
        "Infinity",
        "tru",
        "nul",
        "True",
        "''",
        r#""\x""#,
        r#""\u12g4""#,
        r#""\u12""#,
        "\"\t\"",
        "\"",
        r#""\"#,
        "",
        "undefined",
        "1_000",
        "//",
    ];
    for data in bad {
        assert!(matches!(refused_json(publish(data)), BadFrame::Json(_)), "{data}");
    }
    assert_eq!(problem(r#"{"id":1,"refresh":{"token":"\ud800"}}"#), "half a surrogate pair");
    assert_eq!(problem(r#"{"id":1,"refresh":{"token":"\ud800\u0041"}}"#), "half a surrogate pair");
    assert_eq!(problem(r#"{"id":1,"refresh":{"token":"\udc00"}}"#), "half a surrogate pair");
}

#[test]
fn a_field_has_the_type_of_the_schema() {
    let bad = [
        "[]",
        "1",
        "null",
        r#""x""#,
        r#"{"id":"1"}"#,
        r#"{"id":1.0}"#,
        r#"{"id":-1}"#,
        r#"{"id":1e3}"#,
        r#"{"id":4294967296}"#,
        r#"{"id":1e400}"#,
        r#"{"id":1,"publish":["a",1]}"#,
        r#"{"id":1,"publish":{"channel":1}}"#,
        r#"{"id":1,"subscribe":{"channel":"a","recover":1}}"#,
        r#"{"id":1,"subscribe":{"channel":"a","offset":"1"}}"#,
        r#"{"id":1,"subscribe":{"channel":"a","offset":18446744073709551616}}"#,
        r#"{"id":1,"subscribe":{"channel":"a","flag":9223372036854775808}}"#,
        r#"{"id":1,"history":{"channel":"a","limit":2147483648}}"#,
        r#"{"id":1,"connect":{"subs":[]}}"#,
        r#"{"id":1,"connect":{"headers":{"a":1}}}"#,
    ];
    for frame in bad {
        if frame != "null" {
            assert!(matches!(refused_json(frame), BadFrame::Json(_)), "{frame}");
        }
    }
    // The id as bytes, as four bytes; the request as a number; a string that is not UTF-8.
    for (message, error) in [
        (&[10, 1, 9][..], ProtobufError::FieldType),
        (&[13, 0, 0, 0, 0], ProtobufError::FieldType),
        (&[0x38, 1], ProtobufError::FieldType),
        (&[8, 1, 0x3a, 3, 10, 1, 0xff], ProtobufError::Utf8),
        (&[0, 1], ProtobufError::FieldNumber),
        (&[0x80, 0x80, 0x80, 0x80, 0x10, 1], ProtobufError::FieldNumber),
        (&[0x0b], ProtobufError::WireType),
        (&[0x0c], ProtobufError::WireType),
        (&[0x0e], ProtobufError::WireType),
        (&[8], ProtobufError::Truncated),
        (&[0x3a, 5, 10, 3], ProtobufError::Truncated),
        (&[8, 255, 255, 255, 255, 255, 255, 255, 255, 255, 2], ProtobufError::Varint),
        (&[8, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 1], ProtobufError::Varint),
    ] {
        let mut frame = vec![message.len() as u8];
        frame.extend(message);
        assert_eq!(
            refused(Encoding::Protobuf, &frame),
            (0, BadFrame::Protobuf(error)),
            "{message:?}"
        );
    }
    let huge = [255, 255, 255, 255, 255, 255, 255, 255, 255, 1, 0];
    let truncated = BadFrame::Protobuf(ProtobufError::Truncated);
    assert_eq!(refused(Encoding::Protobuf, huge), (0, truncated));
}

#[test]
fn nothing_can_be_understood_in_two_ways() {
    assert_eq!(refused_json(r#"{"id":1,"id":2,"ping":{}}"#), BadFrame::Repeated("id"));
    let twice = r#"{"id":1,"publish":{"channel":"a","\u0063hannel":"b","data":1}}"#;
    assert_eq!(refused_json(twice), BadFrame::Repeated("channel"));
    let twice = r#"{"id":1,"connect":{"subs":{"a":{},"a":{}}}}"#;
    assert_eq!(refused_json(twice), BadFrame::Repeated("subs"));
    let both = r#"{"id":1,"publish":{"channel":"a","data":1},"presence":{"channel":"a"}}"#;
    assert_eq!(refused_json(both), BadFrame::TwoRequests);
    assert_eq!(
        refused_json(r#"{"id":1,"presence":null,"presence":null}"#),
        BadFrame::Repeated("presence")
    );
    assert_eq!(problem(r#"{"id":1,"ping":{}} {}"#), "something behind the value");
    assert_eq!(problem(r#"{"id":1,"ping":{}}garbage"#), "something behind the value");
    assert_eq!(refused(Encoding::Protobuf, [6, 8, 1, 0x5a, 0, 0x5a, 0]).1, BadFrame::TwoRequests);
}

#[test]
fn strings_are_bounded() {
    let field = |request: &str, field: &str, len: usize| {
        format!(r#"{{"id":1,"{request}":{{"channel":"a","{field}":"{}"}}}}"#, "x".repeat(len))
    };
    for (request, name, max) in [
        ("connect", "name", limits::NAME_BYTES_MAX),
        ("connect", "version", limits::NAME_BYTES_MAX),
        ("rpc", "method", limits::NAME_BYTES_MAX),
    ] {
        one(&field(request, name, max));
        assert_eq!(refused_json(field(request, name, max + 1)), BadFrame::TooLong(name));
    }
    assert_eq!(refused_json(field("subscribe", "delta", 1)), BadFrame::UnknownDelta);
}

#[test]
fn maps_are_bounded() {
    let connect = |field: &str, value: &str, entries: usize| {
        let entries: Vec<_> = (0..entries).map(|it| format!(r#""{it}":{value}"#)).collect();
        format!(r#"{{"id":1,"connect":{{"{field}":{{{}}}}}}}"#, entries.join(","))
    };
    one(&connect("subs", "{}", limits::RECOVERED_MAX));
    let frame = connect("subs", "{}", limits::RECOVERED_MAX + 1);
    assert_eq!(refused_json(frame), BadFrame::TooLong("subs"));
    one(&connect("headers", r#""x""#, limits::HEADERS_MAX));
    let frame = connect("headers", r#""x""#, limits::HEADERS_MAX + 1);
    assert_eq!(refused_json(frame), BadFrame::TooLong("headers"));
}

#[test]
fn a_cut_command_is_refused() {
    for seed in 0..300 {
        let command = Random::new(seed).command();
        let text = serde_json::to_string(&command).unwrap();
        for cut in 0..text.len() {
            let error = refused_json(&text.as_bytes()[..cut]);
            assert!(
                matches!(error, BadFrame::Empty | BadFrame::Json(_) | BadFrame::NotUtf8),
                "{error:?} for {cut} bytes of {text}"
            );
        }
        let binary = command.encode_length_delimited_to_vec();
        for cut in 1..binary.len() {
            let (good, error) = refused(Encoding::Protobuf, &binary[..cut]);
            assert_eq!((good, error), (0, BadFrame::Protobuf(ProtobufError::Truncated)));
        }
    }
}

/// Bytes changed, doubled, moved and left out: nothing panics, and what is understood is understood by
/// the twin's reader too.
#[test]
fn garbage_is_refused_or_means_what_the_twin_says() {
    for seed in 0..10_000 {
        let mut random = Random::new(seed);
        let command = random.command();
        let mut text = serde_json::to_vec(&command).unwrap();
        let mut binary = command.encode_to_vec();
        for _ in 0..1 + random.below(3) {
            spoil(&mut random, &mut text);
            spoil(&mut random, &mut binary);
        }
        if Encoding::Json.decode(&text).all(|it| it.is_ok()) {
            for line in text.split(|it| *it == b'\n').filter(|it| !it.is_empty()) {
                serde_json::from_slice::<&RawValue>(line)
                    .unwrap_or_else(|it| panic!("{seed}: {it}"));
            }
        }
        let mut frame = Vec::new();
        prost::encoding::encode_varint(binary.len() as u64, &mut frame);
        frame.extend(&binary);
        if Encoding::Protobuf.decode(&frame).all(|it| it.is_ok()) {
            crate::twin::Command::decode(&binary[..]).unwrap();
        }
    }
}

#[test]
fn a_payload_is_json_if_others_say_so() {
    let (mut good, mut bad) = (0, 0);
    for seed in 0..10_000 {
        let mut random = Random::new(seed);
        let mut payload = random.payload();
        for _ in 0..random.below(3) {
            spoil(&mut random, &mut payload);
        }
        if payload.is_empty() {
            continue;
        }
        let is_json = serde_json::from_slice::<&RawValue>(&payload).is_ok();
        let ours = reaches_json(Bytes::from(payload.clone()));
        assert_eq!(ours, is_json, "seed {seed}: {:?}", String::from_utf8_lossy(&payload));
        *if is_json { &mut good } else { &mut bad } += 1;
    }
    assert!(good > 1000 && bad > 1000, "{good} {bad}");
}

fn reaches_json(payload: Bytes) -> bool {
    let push = Push { channel: None, body: PushBody::Message(payload) };
    let shared = SharedPush { push, encoded: Encoded::default() };
    Encoded::of(&shared, Encoding::Json).is_ok()
}

fn spoil(random: &mut Random, bytes: &mut Vec<u8>) {
    if bytes.is_empty() {
        return;
    }
    let at = random.below(bytes.len());
    let letters = b"{}[]\":,\\\n 01-etnu\x00\x7f\x80\xff";
    match random.below(4) {
        0 => bytes[at] = *random.pick(letters),
        1 => bytes.insert(at, *random.pick(letters)),
        2 => drop(bytes.remove(at)),
        _ => bytes[at] ^= 1 << random.below(8),
    }
}
