//! permessage-deflate of 1 KiB of JSON.

use std::hint::black_box;

use trunkline_proto::Role;
use trunkline_proto::deflate::{
    Compressor, Decompressor, DeflateConfig, DeflateParams, Memory, WindowBits,
};
use trunkline_proto::handshake::Extension;

use crate::{Kernel, Round};

pub(crate) const ALL: &[Kernel] = &[
    ("deflate-stateless-1k", 4, || deflate(&config())),
    ("deflate-hibernating-1k", 4, || deflate(&taking_over(Memory::Hibernating))),
    ("deflate-dedicated-1k", 4, || deflate(&taking_over(Memory::Dedicated))),
    ("inflate-stateless-1k", 4, || inflate(&config())),
];

fn config() -> DeflateConfig {
    DeflateConfig::new().threshold(0)
}

fn taking_over(memory: Memory) -> DeflateConfig {
    config().context_takeover(true).window_bits(WindowBits::MAX).memory(memory)
}

/// Four messages of 1 KiB that are alike, as those of one connection are.
fn messages() -> Vec<Vec<u8>> {
    let item = |n: u32| {
        format!(
            r#"{{"id":{},"name":"sensor-{}","value":{}.{:02},"ok":true}},"#,
            n * 7919 % 10007,
            n % 6,
            n * 31 % 1000,
            n % 100
        )
    };
    (0..4)
        .map(|m| {
            let mut text: String = (0..24).map(|n| item(m * 24 + n)).collect();
            text.truncate(1024);
            text.into_bytes()
        })
        .collect()
}

/// What such a server agrees on with a client that offers no more than the extension.
fn params(config: &DeflateConfig) -> DeflateParams {
    let offer = Extension::new("permessage-deflate", Vec::new());
    config.negotiate(&[offer]).expect("a bare offer suits all").0
}

fn deflate(config: &DeflateConfig) -> Round {
    let mut compressor = Compressor::new(config, params(config), Role::Server);
    let (messages, mut out) = (messages(), Vec::with_capacity(8192));
    Box::new(move || {
        for message in &messages {
            out.clear();
            compressor.compress(black_box(message), &mut out);
            assert!(!out.is_empty() && out.len() < message.len(), "it got shorter");
        }
    })
}

/// What a compressor without context made of them, so that each round can read the same.
fn inflate(config: &DeflateConfig) -> Round {
    let params = params(config);
    let mut compressor = Compressor::new(config, params, Role::Client);
    let compressed: Vec<Vec<u8>> = messages()
        .iter()
        .map(|message| {
            let mut out = Vec::new();
            compressor.compress(message, &mut out);
            out
        })
        .collect();
    let mut decompressor = Decompressor::new(config, params, Role::Server);
    let mut out = Vec::with_capacity(8192);
    Box::new(move || {
        for message in &compressed {
            out.clear();
            decompressor.decompress(&mut &black_box(message)[..], &mut out, 8192).expect("good");
            assert!(decompressor.finish(&mut out, 8192).expect("whole"), "there is room for all");
            assert_eq!(out.len(), 1024);
        }
    })
}
