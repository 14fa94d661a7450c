//! Centrifugo's protocol in JSON: commands in, publications out.

use std::hint::black_box;
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Value, json};
use trunkline_hub::{ChannelName, Entry, Publication, Push, PushBody, SharedPush};
use trunkline_server::dialect::centrifugo::{Encoded, Encoding};

use crate::{Kernel, Round};

pub(crate) const ALL: &[Kernel] = &[
    ("decode-publish", 16, || decode(PUBLISH)),
    ("decode-publish-naive", 16, || decode_naive(PUBLISH)),
    ("decode-subscribe", 16, || decode(SUBSCRIBE)),
    ("decode-subscribe-naive", 16, || decode_naive(SUBSCRIBE)),
    ("encode-publication", 16, encode),
    ("encode-publication-naive", 16, encode_naive),
];

const PUBLISH: &str = r#"{"id":12,"publish":{"channel":"news:sports","data":{"text":"a goal in the last minute","minute":90,"by":"someone","crowd":"so many people that nobody counted them"}}}"#;
const SUBSCRIBE: &str =
    r#"{"id":3,"subscribe":{"channel":"news:sports","recover":true,"offset":1024,"epoch":"abcd"}}"#;
const DATA: &str = r#"{"text":"a goal in the last minute","minute":90,"by":"someone","crowd":"so many people that nobody counted them"}"#;

fn decode(frame: &'static str) -> Round {
    Box::new(move || {
        for _ in 0..16 {
            for command in Encoding::Json.decode(black_box(frame.as_bytes())) {
                black_box(command).expect("a good command");
            }
        }
    })
}

fn decode_naive(frame: &'static str) -> Round {
    Box::new(move || {
        for _ in 0..16 {
            black_box(serde_json::from_str::<Value>(black_box(frame)).expect("good JSON"));
        }
    })
}

/// From what the broker delivers to the frame that all subscribers share.
fn encode() -> Round {
    let channel = ChannelName::new("news:sports").expect("a good name");
    let data = Bytes::from_static(DATA.as_bytes());
    let publication = Arc::new(Publication { offset: 5, data, ..Publication::default() });
    let mut frame = Vec::with_capacity(1024);
    Box::new(move || {
        for _ in 0..16 {
            let body = PushBody::Publication(Arc::clone(&publication));
            let push = Push { channel: Some(channel.clone()), body };
            let entry = Entry::Push(Rc::new(SharedPush { push, encoded: Encoded::default() }));
            frame.clear();
            Encoding::Json.append(&mut frame, &entry).expect("the payload is JSON");
            black_box(&frame);
        }
    })
}

fn encode_naive() -> Round {
    Box::new(move || {
        for _ in 0..16 {
            let data: Value = serde_json::from_str(black_box(DATA)).expect("good JSON");
            let push =
                json!({"push": {"channel": "news:sports", "pub": {"data": data, "offset": 5}}});
            black_box(push.to_string());
        }
    })
}
