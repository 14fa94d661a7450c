//! What the handshake agrees on: subprotocol and compression.

use trunkline::Message;

use super::finish;
use super::messages::{expect_burst, expect_fragments, stream};
use crate::Failure;
use crate::link::Link;
use crate::noise::noise;

/// What was negotiated, as the peer sees it: subprotocol and extensions. `None` if it cannot tell.
pub(super) async fn negotiated(link: &mut Link<'_>) -> Result<Option<(String, String)>, Failure> {
    if !link.peer.can("negotiated") {
        return Ok(None);
    }
    link.tell("negotiated").await?;
    let message = link.next().await?;
    let text = message.as_text().ok_or("what was negotiated is not text")?;
    let (subprotocol, extensions) = text.split_once('\n').ok_or("no line for the extensions")?;
    Ok(Some((subprotocol.to_owned(), extensions.to_owned())))
}

pub(super) async fn expect_subprotocol(
    link: &mut Link<'_>,
    name: Option<&str>,
) -> Result<(), Failure> {
    let ours = link.ws.subprotocol().map(str::to_owned);
    let theirs = negotiated(link).await?.map(|it| it.0);
    if ours.as_deref() != name || theirs.as_ref().is_some_and(|it| it != name.unwrap_or("")) {
        return Err(format!("we see {ours:?}, the peer sees {theirs:?}").into());
    }
    finish(link).await
}

pub(super) async fn no_compression(link: &mut Link<'_>) -> Result<(), Failure> {
    if link.ws.is_compressed() {
        return Err("compressed, though we did not agree to it".into());
    }
    let bytes = exchanged(link, Message::text("x".repeat(10_000))).await?;
    if bytes.0 < 10_000 || bytes.1 < 10_000 {
        return Err(format!("10000 bytes went out as {} and came as {}", bytes.0, bytes.1).into());
    }
    finish(link).await
}

/// Bytes on the wire for a message and for its echo.
pub(super) async fn exchanged(
    link: &mut Link<'_>,
    message: Message,
) -> Result<(usize, usize), Failure> {
    let before = (link.wire.written(), link.wire.read());
    link.echo(message).await?;
    Ok((link.wire.written() - before.0, link.wire.read() - before.1))
}

/// Bytes on the wire for a message of noise, ours and the echo, and for the same message again.
pub(super) async fn twice(link: &mut Link<'_>) -> Result<[(usize, usize); 2], Failure> {
    if !link.ws.is_compressed() {
        return Err("compression was not negotiated".into());
    }
    if let Some((_, extensions)) = negotiated(link).await?
        && link.peer.can("extensions")
        && !extensions.contains("permessage-deflate")
    {
        return Err("the peer does not know that compression was negotiated".into());
    }
    // Half of each byte is noise, so the message alone shrinks to about half. It fits into every window.
    let message: String = noise(1000).iter().map(|byte| format!("{byte:02x}")).collect();
    let first = exchanged(link, Message::text(message.clone())).await?;
    let second = exchanged(link, Message::text(message.clone())).await?;
    let small = message.len() * 3 / 4;
    if first.0 > small || link.peer.can("deflates") && first.1 > small {
        return Err(
            format!("{} bytes: {first:?} on the wire are not compressed", message.len()).into()
        );
    }
    Ok([first, second])
}

pub(super) async fn compression_with_takeover(link: &mut Link<'_>) -> Result<(), Failure> {
    // One that cannot do so declines it for both directions.
    if !link.peer.can("takeover") {
        return compression_without_takeover(link).await;
    }
    let [first, second] = twice(link).await?;
    if second.0 > first.0 / 5 || link.peer.can("deflates") && second.1 > first.1 / 5 {
        return Err(format!("{first:?} and then {second:?} bytes: no context taken over").into());
    }
    finish(link).await
}

pub(super) async fn compression_without_takeover(link: &mut Link<'_>) -> Result<(), Failure> {
    let [first, second] = twice(link).await?;
    if second.0 < first.0 / 2 || second.1 < first.1 / 2 {
        return Err(format!("{first:?} and then {second:?} bytes: context taken over").into());
    }
    finish(link).await
}

pub(super) async fn compressed_messages(link: &mut Link<'_>) -> Result<(), Failure> {
    let row = |n: usize| format!("{{\"id\":{n},\"name\":\"Zoë\",\"tags\":[\"a\",\"🦀\"]}}");
    link.echo(Message::text("")).await?;
    link.echo(Message::binary(Vec::new())).await?;
    for rows in [1, 3, 10, 100, 1000, 10_000] {
        link.echo(Message::text((0..rows).map(row).collect::<String>())).await?;
    }
    for n in 0..200 {
        link.echo(Message::text(row(n).repeat(1 + n % 5))).await?;
    }
    // What cannot be compressed, and what can more than anything.
    link.echo(Message::binary(noise(100_000))).await?;
    link.echo(Message::binary(vec![0; 1 << 20])).await?;
    link.echo(Message::binary(noise(1 << 20))).await?;
    expect_burst(link).await?;
    finish(link).await
}

pub(super) async fn compressed_fragments(link: &mut Link<'_>) -> Result<(), Failure> {
    stream(link, &"Grüße, 世界, 🦀. ".repeat(1000), 101).await?;
    stream(link, &"é".repeat(1 << 20), 65535).await?;
    link.echo(Message::text("and whole again ".repeat(100))).await?;
    finish(link).await
}

pub(super) async fn their_compressed_fragments(link: &mut Link<'_>) -> Result<(), Failure> {
    expect_fragments(link).await?;
    finish(link).await
}
