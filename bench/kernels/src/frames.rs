//! Bytes and frames.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use trunkline_proto::frame::{FrameHeader, HEADER_BYTES_MAX, MaskKey, OpCode};
use trunkline_proto::limits::Settings;
use trunkline_proto::{Connection, Input, Outgoing, Role};

use crate::{Kernel, Round, naive};

const KEY: [u8; 4] = [0x5a, 0x31, 0xc7, 0x0e];

pub(crate) const ALL: &[Kernel] = &[
    ("header-parse", 64, || headers(ours)),
    ("header-parse-naive", 64, || headers(|bytes| naive::header(bytes).map_or(0, |it| it.0))),
    ("mask-32", 64, || mask(32, |bytes| MaskKey::new(KEY).apply(bytes))),
    ("mask-32-naive", 64, || mask(32, |bytes| naive::mask(bytes, KEY))),
    ("mask-64k", 64, || mask(65536, |bytes| MaskKey::new(KEY).apply(bytes))),
    ("mask-64k-naive", 64, || mask(65536, |bytes| naive::mask(bytes, KEY))),
    ("receive-binary-32", 64, || receive(frames(64, OpCode::Binary, &[7; 32]))),
    ("receive-text-32", 64, || receive(frames(64, OpCode::Text, &[b'a'; 32]))),
    ("receive-text-32-naive", 64, || receive_naive(frames(64, OpCode::Text, &[b'a'; 32]))),
    ("receive-utf8-4k", 4, || receive(frames(4, OpCode::Text, utf8().as_bytes()))),
    ("receive-utf8-4k-naive", 4, || receive_naive(frames(4, OpCode::Text, utf8().as_bytes()))),
    ("send-32", 64, || send(32)),
    ("send-1k", 64, || send(1024)),
];

fn ours(bytes: &[u8]) -> usize {
    FrameHeader::parse(bytes).ok().flatten().map_or(0, |(_, taken)| taken)
}

/// 4 KiB of words with letters of one to four bytes.
fn utf8() -> String {
    let mut text = "Straße, naïve, 語, 😀, plain words in between. ".repeat(80);
    text.truncate((0..=4096).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0));
    text
}

/// Masked frames, as a client sends them.
pub(crate) fn frames(count: usize, opcode: OpCode, payload: &[u8]) -> Vec<u8> {
    let header = FrameHeader {
        fin: true,
        rsv1: false,
        opcode,
        mask: Some(MaskKey::new(KEY)),
        payload_len: payload.len() as u64,
    };
    let mut head = [0; HEADER_BYTES_MAX];
    let taken = header.encode(&mut head);
    let mut frame = head[..taken].to_vec();
    frame.extend_from_slice(payload);
    naive::mask(&mut frame[taken..], KEY);
    frame.repeat(count)
}

fn headers(parse: fn(&[u8]) -> usize) -> Round {
    let lengths = [5, 32, 125, 126, 1024, 65535, 65536, 1 << 20];
    let heads: Vec<Vec<u8>> = lengths
        .iter()
        .map(|len| {
            let mask = Some(MaskKey::new(KEY));
            let header = FrameHeader {
                fin: true,
                rsv1: false,
                opcode: OpCode::Text,
                mask,
                payload_len: *len,
            };
            let mut head = [0; HEADER_BYTES_MAX];
            header.encode(&mut head);
            head.to_vec()
        })
        .collect();
    Box::new(move || {
        for head in heads.iter().cycle().take(64) {
            black_box(parse(black_box(head)));
        }
    })
}

fn mask(len: usize, apply: fn(&mut [u8])) -> Round {
    let mut payload = vec![7; len];
    Box::new(move || (0..64).for_each(|_| apply(black_box(&mut payload))))
}

/// As a driver does with what one read brought.
fn receive(bytes: Vec<u8>) -> Round {
    let now = Instant::now();
    let mut connection = Connection::server(Arc::new(Settings::for_role(Role::Server)), now);
    let mut buffer = bytes.clone();
    let mut out = Vec::with_capacity(bytes.len());
    Box::new(move || {
        buffer.copy_from_slice(&bytes);
        out.clear();
        connection.poll_messages(&mut Input::new(&mut buffer), now, |message, _| {
            out.extend_from_slice(black_box(message.unmask()).as_bytes());
            true
        });
        assert!(out.len() * 8 > bytes.len() * 6, "all messages were taken");
    })
}

fn receive_naive(bytes: Vec<u8>) -> Round {
    let mut buffer = bytes.clone();
    let mut out = Vec::with_capacity(bytes.len());
    Box::new(move || {
        buffer.copy_from_slice(&bytes);
        out.clear();
        naive::texts(&mut buffer, |text| out.extend_from_slice(black_box(text).as_bytes()));
        assert!(out.len() * 8 > bytes.len() * 6, "all messages were taken");
    })
}

/// Queues 64 messages, and takes them out as one write.
fn send(len: usize) -> Round {
    let now = Instant::now();
    let mut connection = Connection::server(Arc::new(Settings::for_role(Role::Server)), now);
    let payload = vec![7; len];
    Box::new(move || {
        connection.lend_buffer(Vec::with_capacity(65536 * 2));
        for _ in 0..64 {
            connection.queue(Outgoing::Binary(black_box(&payload))).expect("there is room");
        }
        let written = connection.poll_transmit_contiguous().map_or(0, <[u8]>::len);
        connection.transmitted(written, now);
        black_box(connection.reclaim_buffer());
        assert!(!connection.wants_transmit(), "all was written at once");
    })
}
