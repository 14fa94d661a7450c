//! Messages there and back, with servers that echo (RFC 6455 §5.4 to §5.6, §6).

use crate::check::frame::{
    BINARY, BINARY_BEGINS, CONTINUATION, END, Length, PING, TEXT, TEXT_BEGINS, frame, frame_with,
};
use crate::check::probe::Probe;
use crate::check::rule::{Finding, Found, Rule, rule};
use crate::check::wire::{Heard, Wire};

pub(super) const RULES: &[Rule] = &[
    rule!("echo-text", "RFC 6455 §5.6", "texts come back as they went, whatever is in them", text),
    rule!(
        "echo-lengths",
        "RFC 6455 §5.2",
        "messages around each form of the length come back whole",
        lengths
    ),
    rule!(
        "echo-fragments",
        "RFC 6455 §5.4",
        "a message in fragments, some of them empty, comes back whole",
        fragments
    ),
    rule!(
        "echo-split-character",
        "RFC 6455 §5.6",
        "a character may be split between fragments",
        split_character
    ),
    rule!("echo-masks", "RFC 6455 §5.3", "every masking key is undone", masks),
    rule!("echo-order", "RFC 6455 §5.4", "messages sent at once come back in their order", order),
];

async fn text(probe: &Probe) -> Found {
    let mut wire = open(probe, true).await?;
    for text in ["hello", "", "κόσμε \u{10ffff} \u{fffe} \u{0} 👋"] {
        wire.send(&frame(TEXT, text.as_bytes())).await;
        expect(&mut wire, true, text.as_bytes()).await?;
    }
    Ok(Finding::ok())
}

async fn lengths(probe: &Probe) -> Found {
    let mut wire = open(probe, false).await?;
    for len in [0, 1, 125, 126, 127, 65_535, 65_536] {
        let payload: Vec<u8> = (0..=255).cycle().take(len).collect();
        wire.send(&frame(BINARY, &payload)).await;
        let expected = expect(&mut wire, false, &payload).await;
        expected.map_err(|finding| finding.of(&format!("{len} bytes")))?;
    }
    Ok(Finding::ok())
}

async fn fragments(probe: &Probe) -> Found {
    let mut wire = open(probe, false).await?;
    let parts = [
        frame(BINARY_BEGINS, b""),
        frame(CONTINUATION, b"one "),
        frame(PING, b""),
        frame(CONTINUATION, b""),
        frame(CONTINUATION, b"message"),
        frame(END | CONTINUATION, b""),
    ];
    wire.send(&parts.concat()).await;
    expect(&mut wire, false, b"one message").await?;
    Ok(Finding::ok())
}

async fn split_character(probe: &Probe) -> Found {
    let mut wire = open(probe, true).await?;
    let text = "a€👋z".as_bytes();
    for cut in 1..text.len() {
        let (head, tail) = text.split_at(cut);
        wire.send(&[frame(TEXT_BEGINS, head), frame(END | CONTINUATION, tail)].concat()).await;
        expect(&mut wire, true, text).await?;
    }
    Ok(Finding::ok())
}

async fn masks(probe: &Probe) -> Found {
    let mut wire = open(probe, false).await?;
    for key in [[0; 4], [0xff; 4], [0, 0, 0, 1], [0x80, 0x40, 0x20, 0x10]] {
        wire.send(&frame_with(BINARY, b"behind a mask", Length::Shortest, key)).await;
        expect(&mut wire, false, b"behind a mask").await?;
    }
    Ok(Finding::ok())
}

async fn order(probe: &Probe) -> Found {
    const MESSAGES: u32 = 100;
    let mut wire = open(probe, false).await?;
    let all: Vec<u8> =
        (0..MESSAGES).flat_map(|number| frame(BINARY, &number.to_be_bytes())).collect();
    wire.send(&all).await;
    for number in 0..MESSAGES {
        expect(&mut wire, false, &number.to_be_bytes()).await?;
    }
    Ok(Finding::ok())
}

async fn open(probe: &Probe, texts: bool) -> Result<Box<Wire>, Finding> {
    match texts {
        true if !probe.manner.echoes_text => {
            Err(Finding::untested("the server does not echo texts"))
        }
        false if !probe.manner.echoes_binary => {
            Err(Finding::untested("the server does not echo binary messages"))
        }
        _ => probe.open().await,
    }
}

/// The next message has to be this one.
pub(super) async fn expect(wire: &mut Wire, text: bool, payload: &[u8]) -> Result<(), Finding> {
    loop {
        return Err(match wire.hear().await {
            Heard::Message(is_text, back) if is_text == text && back == payload => return Ok(()),
            Heard::Message(..) => Finding::violation("something else came back"),
            Heard::Ping | Heard::Pong(_) => continue,
            // A limit of the server, which it may have.
            Heard::Close(Some(1009), _) => Finding::untested("the server takes no message as long"),
            Heard::Close(Some(code), _) => Finding::violation(format!("closed with {code}")),
            Heard::Close(None, _) => Finding::violation("closed"),
            Heard::End => Finding::violation("cut off"),
            Heard::Nothing => Finding::violation("nothing came back"),
            Heard::Broke(error) => Finding::violation(error),
        });
    }
}
