//! What every peer is asked, whether it is the server or the client.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use trunkline::{CloseCode, Initiator, Message, MessageKind};

use crate::Failure;
use crate::link::{Compression, Link, MESSAGE_BYTES, Terms};
use crate::noise::noise;

type Run = for<'a> fn(&'a mut Link<'_>) -> Pin<Box<dyn Future<Output = Result<(), Failure>> + 'a>>;

pub(crate) struct Case {
    /// Also the path that the client asks for.
    pub(crate) name: &'static str,
    /// What the peer must be able to do, in the words that it uses for it.
    pub(crate) needs: &'static [&'static str],
    /// Which connections this is about.
    pub(crate) about: About,
    pub(crate) terms: Terms,
    pub(crate) run: Run,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum About {
    All,
    /// Those that pass a proxy which forgets them after this much silence.
    Forgetful,
    /// None: the client is refused, with this status or by our server's own judgement.
    Refusal(Option<u16>),
}

/// After how much silence the proxy of [`About::Forgetful`] forgets a connection.
pub(crate) const FORGETS_AFTER: Duration = Duration::from_secs(2);

const PLAIN: Terms = Terms {
    compression: Compression::Off,
    subprotocols: &[],
    early: false,
    keepalive: None,
    foreign: false,
};
const STATELESS: Terms = Terms { compression: Compression::Stateless, ..PLAIN };
const TAKEOVER: Terms = Terms { compression: Compression::Takeover, ..PLAIN };

const fn offering(subprotocols: &'static [&'static str]) -> Terms {
    Terms { subprotocols, ..PLAIN }
}

macro_rules! case {
    ($name:literal, $terms:expr, $needs:expr, $run:expr) => {
        case!($name, About::All, $terms, $needs, $run)
    };
    ($name:literal, $about:expr, $terms:expr, $needs:expr, $run:expr) => {
        Case {
            name: $name,
            needs: $needs,
            about: $about,
            terms: $terms,
            run: |link| Box::pin($run(link)),
        }
    };
}

pub(crate) const CASES: &[Case] = &[
    case!("text", PLAIN, &[], text),
    case!("text-with-bom", PLAIN, &["bom"], text_with_bom),
    case!("binary", PLAIN, &[], binary),
    case!("empty", PLAIN, &[], empty),
    case!("16-mib-binary", PLAIN, &[], large_binary),
    case!("16-mib-text", PLAIN, &[], large_text),
    case!("our-fragments", PLAIN, &[], our_fragments),
    case!("their-fragments", PLAIN, &["fragments"], their_fragments),
    case!("our-ping", PLAIN, &[], our_ping),
    case!("their-ping", PLAIN, &["ping"], their_ping),
    case!("our-burst", PLAIN, &[], our_burst),
    case!("their-burst", PLAIN, &[], their_burst),
    case!("early-data", Terms { early: true, ..PLAIN }, &[], early_data),
    case!("subprotocol", offering(&["interop.v0", "interop.v1"]), &[], |link| expect_subprotocol(
        link,
        Some("interop.v1")
    )),
    case!("subprotocol-unknown", offering(&["interop.v0"]), &["goes-without"], |link| {
        expect_subprotocol(link, None)
    }),
    case!("no-compression", PLAIN, &[], no_compression),
    case!(
        "compression-without-takeover",
        STATELESS,
        &["compression"],
        compression_without_takeover
    ),
    case!(
        "compression-with-takeover",
        TAKEOVER,
        &["compression", "takeover"],
        compression_with_takeover
    ),
    case!(
        "compression-takeover-declined",
        TAKEOVER,
        &["compression", "declines-takeover"],
        compression_without_takeover
    ),
    case!("compressed-messages", STATELESS, &["compression"], compressed_messages),
    case!("compressed-messages-with-takeover", TAKEOVER, &["compression"], compressed_messages),
    case!("compressed-fragments", STATELESS, &["compression"], compressed_fragments),
    case!(
        "their-compressed-fragments",
        STATELESS,
        &["compression", "fragments"],
        their_compressed_fragments
    ),
    case!("we-close-1000", PLAIN, &[], |link| we_close(link, 1000, "")),
    case!("we-close-1001", PLAIN, &[], |link| we_close(link, 1001, "restart")),
    case!("we-close-3000", PLAIN, &[], |link| we_close(link, 3000, "zu spät: 再见 👋")),
    case!("we-close-4999", PLAIN, &[], |link| we_close(link, 4999, LONGEST_REASON)),
    case!("they-close", PLAIN, &["bare-close"], they_close_without_a_code),
    case!("they-close-1000", PLAIN, &[], |link| they_close(link, 1000, "done")),
    case!("they-close-1001", PLAIN, &["any-close"], |link| they_close(link, 1001, "restart")),
    case!("they-close-3000", PLAIN, &[], |link| they_close(link, 3000, "zu spät: 再见 👋")),
    case!("they-close-4999", PLAIN, &[], |link| they_close(link, 4999, LONGEST_REASON)),
    case!("they-close-after-a-burst", PLAIN, &[], they_close_after_a_burst),
    case!("the-page-is-left", PLAIN, &["leave"], the_page_is_left),
    case!("refused", About::Refusal(Some(404)), PLAIN, &[], nothing),
    case!(
        "other-origin",
        About::Refusal(None),
        Terms { foreign: true, ..PLAIN },
        &["leave"],
        nothing
    ),
    case!(
        "silence-with-pings",
        About::Forgetful,
        Terms { keepalive: Some(Duration::from_millis(500)), ..PLAIN },
        &[],
        silence_with_pings
    ),
    case!("silence-without-pings", About::Forgetful, PLAIN, &[], silence_without_pings),
];

/// 123 bytes, the most that fits.
const LONGEST_REASON: &str = "ééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééé.";

async fn nothing(_: &mut Link<'_>) -> Result<(), Failure> {
    Ok(())
}

async fn finish(link: &mut Link<'_>) -> Result<(), Failure> {
    link.close(CloseCode::NORMAL, "done").await
}

async fn text(link: &mut Link<'_>) -> Result<(), Failure> {
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
async fn text_with_bom(link: &mut Link<'_>) -> Result<(), Failure> {
    link.echo(Message::text("\u{feff}hello")).await?;
    link.echo(Message::text("\u{feff}")).await?;
    finish(link).await
}

async fn binary(link: &mut Link<'_>) -> Result<(), Failure> {
    let all: Vec<u8> = (0..=u8::MAX).collect();
    link.echo(Message::binary(all)).await?;
    for bytes in [1, 125, 126, 127, 65535, 65536, 65537] {
        link.echo(Message::binary(noise(bytes))).await?;
    }
    finish(link).await
}

async fn empty(link: &mut Link<'_>) -> Result<(), Failure> {
    link.echo(Message::text("")).await?;
    link.echo(Message::binary(Vec::new())).await?;
    finish(link).await
}

async fn large_binary(link: &mut Link<'_>) -> Result<(), Failure> {
    link.echo(Message::binary(noise(MESSAGE_BYTES))).await?;
    finish(link).await
}

async fn large_text(link: &mut Link<'_>) -> Result<(), Failure> {
    link.echo(Message::text("🦀".repeat(MESSAGE_BYTES / 4))).await?;
    finish(link).await
}

/// Sends a message in frames of `part_bytes`, with characters cut between them.
async fn stream(link: &mut Link<'_>, text: &str, part_bytes: usize) -> Result<(), Failure> {
    let mut writer = link.ws.send_streamed(MessageKind::Text)?;
    for part in text.as_bytes().chunks(part_bytes) {
        writer.write(part).await?;
    }
    writer.finish().await?;
    link.expect_text(text).await
}

async fn our_fragments(link: &mut Link<'_>) -> Result<(), Failure> {
    stream(link, &"Grüße, 世界, 🦀. ".repeat(1000), 101).await?;
    stream(link, &"é".repeat(1 << 20), 65535).await?;
    stream(link, "🦀", 1).await?;
    finish(link).await
}

const FRAGMENTS: usize = 300;

/// The peer sends numbers of 100 digits, a fragment each.
async fn expect_fragments(link: &mut Link<'_>) -> Result<usize, Failure> {
    let before = link.wire.read();
    link.tell(&format!("fragments {FRAGMENTS}")).await?;
    let whole: String = (0..FRAGMENTS).map(|n| format!("{n:0100}")).collect();
    link.expect_text(&whole).await?;
    Ok(link.wire.read() - before)
}

async fn their_fragments(link: &mut Link<'_>) -> Result<(), Failure> {
    let bytes = expect_fragments(link).await?;
    // Each frame brings a header of two bytes or more: without them it was no message in parts.
    if bytes < FRAGMENTS * (100 + 2) {
        return Err(format!("{bytes} bytes cannot be {FRAGMENTS} fragments").into());
    }
    finish(link).await
}

async fn their_compressed_fragments(link: &mut Link<'_>) -> Result<(), Failure> {
    expect_fragments(link).await?;
    finish(link).await
}

async fn our_ping(link: &mut Link<'_>) -> Result<(), Failure> {
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

async fn their_ping(link: &mut Link<'_>) -> Result<(), Failure> {
    link.tell("ping").await?;
    link.expect_text("pong").await?;
    finish(link).await
}

const BURST: usize = 1000;

async fn our_burst(link: &mut Link<'_>) -> Result<(), Failure> {
    for n in 0..BURST {
        link.ws.feed(format!("message {n}")).await?;
    }
    for n in 0..BURST {
        link.expect_text(&format!("message {n}")).await?;
    }
    finish(link).await
}

async fn expect_burst(link: &mut Link<'_>) -> Result<(), Failure> {
    link.tell(&format!("burst {BURST}")).await?;
    for n in 0..BURST {
        link.expect_text(&n.to_string()).await?;
    }
    Ok(())
}

async fn their_burst(link: &mut Link<'_>) -> Result<(), Failure> {
    expect_burst(link).await?;
    finish(link).await
}

/// The server's first message comes in one segment with the end of the handshake.
async fn early_data(link: &mut Link<'_>) -> Result<(), Failure> {
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

/// What was negotiated, as the peer sees it: subprotocol and extensions. `None` if it cannot tell.
async fn negotiated(link: &mut Link<'_>) -> Result<Option<(String, String)>, Failure> {
    if !link.peer.can("negotiated") {
        return Ok(None);
    }
    link.tell("negotiated").await?;
    let message = link.next().await?;
    let text = message.as_text().ok_or("what was negotiated is not text")?;
    let (subprotocol, extensions) = text.split_once('\n').ok_or("no line for the extensions")?;
    Ok(Some((subprotocol.to_owned(), extensions.to_owned())))
}

async fn expect_subprotocol(link: &mut Link<'_>, name: Option<&str>) -> Result<(), Failure> {
    let ours = link.ws.subprotocol().map(str::to_owned);
    let theirs = negotiated(link).await?.map(|it| it.0);
    if ours.as_deref() != name || theirs.as_ref().is_some_and(|it| it != name.unwrap_or("")) {
        return Err(format!("we see {ours:?}, the peer sees {theirs:?}").into());
    }
    finish(link).await
}

async fn no_compression(link: &mut Link<'_>) -> Result<(), Failure> {
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
async fn exchanged(link: &mut Link<'_>, message: Message) -> Result<(usize, usize), Failure> {
    let before = (link.wire.written(), link.wire.read());
    link.echo(message).await?;
    Ok((link.wire.written() - before.0, link.wire.read() - before.1))
}

/// Bytes on the wire for a message of noise, ours and the echo, and for the same message again.
async fn twice(link: &mut Link<'_>) -> Result<[(usize, usize); 2], Failure> {
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

async fn compression_with_takeover(link: &mut Link<'_>) -> Result<(), Failure> {
    let [first, second] = twice(link).await?;
    if second.0 > first.0 / 5 || link.peer.can("deflates") && second.1 > first.1 / 5 {
        return Err(format!("{first:?} and then {second:?} bytes: no context taken over").into());
    }
    finish(link).await
}

async fn compression_without_takeover(link: &mut Link<'_>) -> Result<(), Failure> {
    let [first, second] = twice(link).await?;
    if second.0 < first.0 / 2 || second.1 < first.1 / 2 {
        return Err(format!("{first:?} and then {second:?} bytes: context taken over").into());
    }
    finish(link).await
}

async fn compressed_messages(link: &mut Link<'_>) -> Result<(), Failure> {
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

async fn compressed_fragments(link: &mut Link<'_>) -> Result<(), Failure> {
    stream(link, &"Grüße, 世界, 🦀. ".repeat(1000), 101).await?;
    stream(link, &"é".repeat(1 << 20), 65535).await?;
    link.echo(Message::text("and whole again ".repeat(100))).await?;
    finish(link).await
}

async fn we_close(link: &mut Link<'_>, code: u16, reason: &str) -> Result<(), Failure> {
    link.echo(Message::text("hello")).await?;
    link.close(CloseCode::new(code).ok_or("no such code")?, reason).await
}

async fn they_close(link: &mut Link<'_>, code: u16, reason: &str) -> Result<(), Failure> {
    link.tell(&format!("close {code} {reason}")).await?;
    link.end().await?;
    link.closed_by(Initiator::Peer, CloseCode::new(code), reason).await
}

async fn they_close_without_a_code(link: &mut Link<'_>) -> Result<(), Failure> {
    link.tell("close").await?;
    link.end().await?;
    link.closed_by(Initiator::Peer, None, "").await
}

/// What was sent before a close arrives before it.
async fn they_close_after_a_burst(link: &mut Link<'_>) -> Result<(), Failure> {
    expect_burst(link).await?;
    link.tell(&format!("burst {BURST}")).await?;
    link.tell("close 3000 enough").await?;
    for n in 0..BURST {
        link.expect_text(&n.to_string()).await?;
    }
    link.end().await?;
    link.closed_by(Initiator::Peer, CloseCode::new(3000), "enough").await
}

async fn the_page_is_left(link: &mut Link<'_>) -> Result<(), Failure> {
    link.tell("leave").await?;
    link.end().await?;
    link.closed_by(Initiator::Peer, Some(CloseCode::GOING_AWAY), "").await
}

/// For a proxy that looks at its clock now and then.
const SILENCE: Duration = FORGETS_AFTER.saturating_mul(2);

async fn silence_with_pings(link: &mut Link<'_>) -> Result<(), Failure> {
    link.echo(Message::text("hello")).await?;
    if link.is_cut(SILENCE).await {
        return Err("the proxy cut the connection in spite of our pings".into());
    }
    link.echo(Message::text("still there")).await?;
    finish(link).await
}

async fn silence_without_pings(link: &mut Link<'_>) -> Result<(), Failure> {
    link.echo(Message::text("hello")).await?;
    if link.is_cut(SILENCE).await { Ok(()) } else { Err("the proxy forgets nothing".into()) }
}
