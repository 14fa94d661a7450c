//! What clients are told: what leaves out what, how frames are joined, what is shared.

use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use trunkline_hub::{
    Annotation, ChannelName, ClientId, ClientInfo, CommandError, Entry, Publication, Push,
    PushBody, Reply, ReplyBody, SharedPush, Unsubscribed,
};
use trunkline_server::dialect::centrifugo::{Encoded, Encoding, Inappropriate};

fn push(body: PushBody) -> Entry<Encoded> {
    let channel = Some(ChannelName::new("x").unwrap());
    let push = Push { channel, body };
    Entry::Push(Rc::new(SharedPush { push, encoded: Encoded::default() }))
}

fn publication(data: &'static [u8]) -> Entry<Encoded> {
    let data = Bytes::from_static(data);
    push(PushBody::Publication(Arc::new(Publication { offset: 5, data, ..Default::default() })))
}

fn reply(result: Result<ReplyBody, CommandError>) -> Entry<Encoded> {
    Entry::Reply(Box::new(Reply { id: 7, result }))
}

#[track_caller]
fn check(entry: &Entry<Encoded>, text: &str) {
    let mut frame = Vec::new();
    Encoding::Json.append(&mut frame, entry).unwrap();
    assert_eq!(String::from_utf8(frame).unwrap(), text);
}

#[test]
fn what_is_said_often_is_short() {
    check(
        &publication(br#"{"a":1}"#),
        r#"{"push":{"channel":"x","pub":{"data":{"a":1},"offset":5}}}"#,
    );
    check(&reply(Ok(ReplyBody::Publish)), r#"{"id":7,"publish":{}}"#);
    check(&reply(Ok(ReplyBody::Unsubscribe)), r#"{"id":7,"unsubscribe":{}}"#);
    check(&Entry::Ping, "{}");
    let mut frame = Vec::new();
    Encoding::Protobuf.append(&mut frame, &Entry::Ping).unwrap();
    Encoding::Protobuf.append(&mut frame, &reply(Ok(ReplyBody::Publish))).unwrap();
    assert_eq!(frame, [0, 4, 8, 7, 0x42, 0]);
}

#[test]
fn errors_say_whether_to_try_again() {
    let text = r#"{"id":7,"error":{"code":103,"message":"permission denied"}}"#;
    check(&reply(Err(CommandError::PermissionDenied)), text);
    let text =
        r#"{"id":7,"error":{"code":100,"message":"internal server error","temporary":true}}"#;
    check(&reply(Err(CommandError::Internal)), text);
}

#[test]
fn the_end_of_a_subscription_says_why() {
    let text =
        r#"{"push":{"channel":"x","unsubscribe":{"code":2500,"reason":"insufficient state"}}}"#;
    check(&push(PushBody::Unsubscribe(Unsubscribed::InsufficientState)), text);
    let text =
        r#"{"push":{"channel":"x","unsubscribe":{"code":2501,"reason":"subscription expired"}}}"#;
    check(&push(PushBody::Unsubscribe(Unsubscribed::Expired)), text);
}

#[test]
fn strings_are_escaped_where_json_wants_it() {
    let info = ClientInfo {
        user: "\"\\/<&\u{8}\u{c}\n\r\t\0\u{1f}\u{7f}é\u{2028}😀".into(),
        client: ClientId::from_entropy(0),
        conn_info: Annotation::default(),
        chan_info: Annotation::from(&b"1"[..]),
    };
    let text = concat!(
        r#"{"push":{"channel":"x","join":{"info":{"user":"\"\\/<&\b\f\n\r\t\u0000\u001f"#,
        "\u{7f}é\u{2028}😀",
        r#"","client":"00000000-0000-4000-8000-000000000000","chan_info":1}}}}"#
    );
    check(&push(PushBody::Join(Arc::new(info))), text);
}

#[test]
fn several_entries_make_one_frame() {
    let mut frame = Vec::new();
    for entry in [publication(b"1"), Entry::Ping, reply(Ok(ReplyBody::Publish))] {
        Encoding::Json.append(&mut frame, &entry).unwrap();
    }
    let text = "{\"push\":{\"channel\":\"x\",\"pub\":{\"data\":1,\"offset\":5}}}\n{}\n{\"id\":7,\"publish\":{}}";
    assert_eq!(String::from_utf8(frame).unwrap(), text);
}

#[test]
fn line_breaks_of_a_payload_do_not_end_the_line() {
    let entry = publication(b"\n{\n\t\"a\" :\r\n 1,\"b\":\"\\n\"}\n");
    check(
        &entry,
        "{\"push\":{\"channel\":\"x\",\"pub\":{\"data\":{\t\"a\" :\r 1,\"b\":\"\\n\"},\"offset\":5}}}",
    );
}

#[test]
fn what_is_no_json_does_not_reach_clients_that_read_json() {
    for data in [&b"\0\xff"[..], b"{", b"1 2", b"\"\xff\"", b" ", b"nan", &[b'['; 65]] {
        let entry = push(PushBody::Message(Bytes::copy_from_slice(data)));
        let mut frame = b"{}".to_vec();
        assert_eq!(Encoding::Json.append(&mut frame, &entry), Err(Inappropriate), "{data:?}");
        assert_eq!(frame, b"{}", "the frame is as it was");
        let Entry::Push(shared) = &entry else { unreachable!() };
        assert_eq!(Encoded::of(shared, Encoding::Json).err(), Some(Inappropriate));

        let mut frame = Vec::new();
        Encoding::Protobuf.append(&mut frame, &entry).unwrap();
        let is_whole = frame.windows(data.len()).any(|it| it == data);
        assert!(is_whole, "others get it as it is");
    }
}

#[test]
fn a_push_is_encoded_once_for_all() {
    let entry = publication(b"1");
    let Entry::Push(shared) = &entry else { unreachable!() };
    for encoding in [Encoding::Json, Encoding::Protobuf] {
        let first = Encoded::of(shared, encoding).unwrap().message().as_bytes();
        let second = Encoded::of(shared, encoding).unwrap().message();
        assert_eq!(first.as_ptr(), second.as_bytes().as_ptr());
        assert_eq!(second.as_text().is_some(), encoding == Encoding::Json);
        let mut frame = Vec::new();
        encoding.append(&mut frame, &entry).unwrap();
        assert_eq!(frame, first);
    }
}
