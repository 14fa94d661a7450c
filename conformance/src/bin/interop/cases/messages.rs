//! Messages as they are: text, binary, whole and in parts, pings between them.

use trunkline::{Message, MessageKind};

use super::finish;
use crate::Failure;
use crate::link::{Link, MESSAGE_BYTES};
use crate::noise::noise;

pub(super) async fn text(link: &mut Link<'_>) -> Result<(), Failure> {
    // One to four bytes a character, the first and last of each length, and a NUL.
    let characters = "a\0\u{7f}\u{80}\u{7ff}\u{800}\u{d7ff}\u{e000}\u{ffff}\u{10000}\u{10ffff}";
    for text in ["hello", "Grüße, 世界, 🦀, 𝄞", characters] {
        link.echo(Message::text(text.to_owned())).await?;
    }
    // Every length at which a header changes its form, in characters that straddle it.
    for bytes in [125, 126, 127, 65535, 65536] {
        let text: String = "é".repeat(bytes / 2) + if bytes % 2 == 1 { "x" } else { "" };
        link.echo(Message::text(text)).await?;
    }
    finish(link).await
}

/// A BOM is a character like any other.
pub(super) async fn text_with_bom(link: &mut Link<'_>) -> Result<(), Failure> {
    link.echo(Message::text("\u{feff}hello")).await?;
    link.echo(Message::text("\u{feff}")).await?;
    finish(link).await
}

pub(super) async fn binary(link: &mut Link<'_>) -> Result<(), Failure> {
    let all: Vec<u8> = (0..=u8::MAX).collect();
    link.echo(Message::binary(all)).await?;
    for bytes in [1, 125, 126, 127, 65535, 65536, 65537] {
        link.echo(Message::binary(noise(bytes))).await?;
    }
    finish(link).await
}

pub(super) async fn empty(link: &mut Link<'_>) -> Result<(), Failure> {
    link.echo(Message::text("")).await?;
    link.echo(Message::binary(Vec::new())).await?;
    finish(link).await
}

pub(super) async fn large_binary(link: &mut Link<'_>) -> Result<(), Failure> {
    link.echo(Message::binary(noise(MESSAGE_BYTES))).await?;
    finish(link).await
}

pub(super) async fn large_text(link: &mut Link<'_>) -> Result<(), Failure> {
    link.echo(Message::text("🦀".repeat(MESSAGE_BYTES / 4))).await?;
    finish(link).await
}

/// Sends a message in frames of `part_bytes`, with characters cut between them.
pub(super) async fn stream(
    link: &mut Link<'_>,
    text: &str,
    part_bytes: usize,
) -> Result<(), Failure> {
    let mut writer = link.ws.send_streamed(MessageKind::Text)?;
    for part in text.as_bytes().chunks(part_bytes) {
        writer.write(part).await?;
    }
    writer.finish().await?;
    link.expect_text(text).await
}

pub(super) async fn our_fragments(link: &mut Link<'_>) -> Result<(), Failure> {
    stream(link, &"Grüße, 世界, 🦀. ".repeat(1000), 101).await?;
    stream(link, &"é".repeat(1 << 20), 65535).await?;
    stream(link, "🦀", 1).await?;
    finish(link).await
}

pub(super) const FRAGMENTS: usize = 300;

/// The peer sends numbers of 100 digits, a fragment each.
pub(super) async fn expect_fragments(link: &mut Link<'_>) -> Result<usize, Failure> {
    let before = link.wire.read();
    link.tell(&format!("fragments {FRAGMENTS}")).await?;
    let whole: String = (0..FRAGMENTS).map(|n| format!("{n:0100}")).collect();
    link.expect_text(&whole).await?;
    Ok(link.wire.read() - before)
}

pub(super) async fn their_fragments(link: &mut Link<'_>) -> Result<(), Failure> {
    let bytes = expect_fragments(link).await?;
    // Each frame brings a header of two bytes or more: without them it was no message in parts.
    if bytes < FRAGMENTS * (100 + 2) {
        return Err(format!("{bytes} bytes cannot be {FRAGMENTS} fragments").into());
    }
    finish(link).await
}

pub(super) async fn our_ping(link: &mut Link<'_>) -> Result<(), Failure> {
    link.ws.ping().await?;
    // A browser answers from another process than the one that echoes.
    for _ in 0..1000 {
        link.echo(Message::text("still there?")).await?;
        if link.ws.round_trip().is_some() {
            return finish(link).await;
        }
    }
    Err("no pong has come".into())
}

pub(super) async fn their_ping(link: &mut Link<'_>) -> Result<(), Failure> {
    link.tell("ping").await?;
    link.expect_text("pong").await?;
    finish(link).await
}

pub(super) const BURST: usize = 1000;

pub(super) async fn our_burst(link: &mut Link<'_>) -> Result<(), Failure> {
    for n in 0..BURST {
        link.ws.feed(format!("message {n}")).await?;
    }
    for n in 0..BURST {
        link.expect_text(&format!("message {n}")).await?;
    }
    finish(link).await
}

pub(super) async fn expect_burst(link: &mut Link<'_>) -> Result<(), Failure> {
    link.tell(&format!("burst {BURST}")).await?;
    for n in 0..BURST {
        link.expect_text(&n.to_string()).await?;
    }
    Ok(())
}

pub(super) async fn their_burst(link: &mut Link<'_>) -> Result<(), Failure> {
    expect_burst(link).await?;
    finish(link).await
}

/// The server's first message comes in one segment with the end of the handshake.
pub(super) async fn early_data(link: &mut Link<'_>) -> Result<(), Failure> {
    if !link.peer_is_server {
        return match link.echo(Message::text("early")).await {
            Ok(()) => finish(link).await,
            failed => failed,
        };
    }
    link.expect_text("early").await?;
    link.echo(Message::text("late")).await?;
    finish(link).await
}
