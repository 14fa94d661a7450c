//! Compression (RFC 7692), with servers that agree to it.

use tokio::task::spawn_blocking;
use trunkline::Role;
use trunkline::deflate::{Compressor, DeflateConfig, EncodingKey, WindowBits, compress_prepared};
use trunkline_proto::deflate::DeflateParams;

use super::echo::expect;
use crate::check::frame::{BINARY, CONTINUATION, END, PING, RSV1, TEXT, TEXT_BEGINS, frame};
use crate::check::probe::{Answer, Probe, Request};
use crate::check::rule::{Finding, Found, Rule, Verdict, judge, rule};
use crate::check::wire::Wire;
use crate::terminal::escape_bytes;

pub(super) const RULES: &[Rule] = &[
    rule!(
        "deflate-answer",
        "RFC 7692 §7.1",
        "each offer is answered as offered, or not at all",
        answer
    ),
    rule!(
        "deflate-bad-offer",
        "RFC 7692 §7.1",
        "an offer with wrong parameters is declined",
        bad_offer
    ),
    rule!(
        "deflate-rsv1-continuation",
        "RFC 7692 §6.1",
        "RSV1 behind the first fragment ends it with 1002",
        rsv1_continuation
    ),
    rule!(
        "deflate-rsv1-control",
        "RFC 7692 §6.1",
        "RSV1 of a control frame ends it with 1002",
        rsv1_control
    ),
    rule!(
        "deflate-garbage",
        "RFC 7692 §7.2.2",
        "what does not inflate ends it with 1002 or 1007",
        garbage
    ),
    rule!(
        "deflate-utf8",
        "RFC 6455 §8.1",
        "text that is not UTF-8 after inflation ends it with 1007",
        utf8
    ),
    rule!(
        "deflate-echo",
        "RFC 7692 §7.2",
        "compressed and plain messages come back as they went",
        echoed
    ),
    rule!(
        "deflate-fragments",
        "RFC 7692 §6.1",
        "a compressed message may come in fragments",
        fragments
    ),
    rule!(
        "deflate-final-block",
        "RFC 7692 §7.2.3.4",
        "a message may hold a block that says it is the last",
        final_block
    ),
    rule!("deflate-takeover", "RFC 7692 §7.1.1", "a message may refer to the one before", takeover),
    rule!(
        "deflate-window",
        "RFC 7692 §7.1.2.1",
        "a server that agrees to a small window keeps to it",
        window
    ),
    rule!("deflate-bomb", "RFC 6455 §10.4", "64 MiB in 64 KiB end it with 1009", bomb),
];

const PROTOCOL_ERROR: &[u16] = &[1002];

/// Everything left to the server.
fn offer() -> DeflateConfig {
    DeflateConfig::new()
        .window_bits(WindowBits::MAX)
        .peer_window_bits(WindowBits::MAX)
        .context_takeover(true)
}

/// An open connection with compression, and the sending side of what was agreed on.
async fn open(probe: &Probe) -> Result<(Box<Wire>, DeflateParams), Finding> {
    open_with(probe, offer()).await
}

async fn open_with(
    probe: &Probe,
    config: DeflateConfig,
) -> Result<(Box<Wire>, DeflateParams), Finding> {
    let (wire, opened) = probe.open_with(Some(config)).await?;
    match opened.agreement.deflate {
        Some(params) => Ok((wire, params)),
        None => Err(Finding::untested("the server does not agree to permessage-deflate")),
    }
}

/// A message that refers to nothing before it, in a window that every server has.
fn compressed(payload: &[u8], params: DeflateParams) -> Vec<u8> {
    let key = EncodingKey::new(params.client_max_window_bits, 6, 8);
    compress_prepared(key, payload)
}

async fn answer(probe: &Probe) -> Found {
    let mut worst = Finding::ok();
    let mut agreed = false;
    let bits = |bits| WindowBits::new(bits).unwrap_or(WindowBits::MAX);
    for (variant, config) in [
        ("everything left open", offer()),
        ("no takeover by the server", offer().peer_context_takeover(false)),
        ("a server's window of 10 bits", offer().peer_window_bits(bits(10))),
        ("a client's window of 10 bits", offer().window_bits(bits(10))),
        (
            "no takeover, windows of 9 bits",
            offer().context_takeover(false).window_bits(bits(9)).peer_window_bits(bits(9)),
        ),
    ] {
        let finding = match probe.shake_hands(Some(config), |_| ()).await? {
            Answer::Opened(_, opened) => {
                agreed |= opened.agreement.deflate.is_some();
                Finding::ok()
            }
            other => Finding::violation(other.told()),
        };
        worst = worst.worst(finding.of(variant));
    }
    match agreed || worst.verdict != Verdict::Ok {
        true => Ok(worst),
        false => Ok(Finding::untested("the server does not agree to permessage-deflate")),
    }
}

async fn bad_offer(probe: &Probe) -> Found {
    open(probe).await?;
    let mut worst = Finding::ok();
    for parameters in [
        "server_max_window_bits=7",
        "server_max_window_bits=16",
        "server_max_window_bits=08",
        "server_max_window_bits",
        "server_max_window_bits=x",
        "client_max_window_bits=7",
        "client_max_window_bits=16",
        "server_no_context_takeover=1",
        "client_no_context_takeover; client_no_context_takeover",
        "unknown_parameter",
    ] {
        let change = |request: &mut Request| {
            let value = format!("permessage-deflate; {parameters}");
            request.set("Sec-WebSocket-Extensions", &value);
        };
        let finding = match probe.shake_hands(Some(offer()), change).await? {
            Answer::Opened(_, opened) => match opened.response.header("Sec-WebSocket-Extensions") {
                None => Finding::ok(),
                Some(used) => Finding::violation(format!("agreed: {}", escape_bytes(used))),
            },
            Answer::Wrong(error) => Finding::violation(format!("agreed: {error}")),
            Answer::Refused(response) => Finding::deviation(format!(
                "refused the whole handshake with {}",
                response.status()
            )),
            other => Finding::deviation(other.told()),
        };
        worst = worst.worst(finding.of(parameters));
    }
    Ok(worst)
}

async fn rsv1_continuation(probe: &Probe) -> Found {
    let (mut wire, params) = open(probe).await?;
    let payload = compressed(b"to be continued", params);
    let (head, tail) = payload.split_at(payload.len() / 2);
    let bytes = [frame(TEXT_BEGINS | RSV1, head), frame(END | CONTINUATION | RSV1, tail)].concat();
    Ok(judge(&wire.fate_after(&bytes).await, PROTOCOL_ERROR, Verdict::Violation))
}

async fn rsv1_control(probe: &Probe) -> Found {
    let (mut wire, _) = open(probe).await?;
    let fate = wire.fate_after(&frame(PING | RSV1, b"hello")).await;
    Ok(judge(&fate, PROTOCOL_ERROR, Verdict::Violation))
}

async fn garbage(probe: &Probe) -> Found {
    let mut worst = Finding::ok();
    for (variant, payload) in [
        ("a block of a type that there is not", &[0x07, 1, 2, 3][..]),
        ("a distance beyond the beginning", &[0x4b, 0x04, 0x61, 0x00]),
        ("a stored block with a wrong length", &[0x00, 0x05, 0x00, 0x00, 0x00]),
    ] {
        let (mut wire, _) = open(probe).await?;
        let fate = wire.fate_after(&frame(BINARY | RSV1, payload)).await;
        worst = worst.worst(judge(&fate, &[1002, 1007], Verdict::Violation).of(variant));
    }
    Ok(worst)
}

async fn utf8(probe: &Probe) -> Found {
    let (mut wire, params) = open(probe).await?;
    let fate = wire.fate_after(&frame(TEXT | RSV1, &compressed(b"ab\xff", params))).await;
    Ok(judge(&fate, &[1007], Verdict::Violation))
}

/// The connection, if messages come back on it.
async fn open_echo(probe: &Probe) -> Result<(Box<Wire>, DeflateParams), Finding> {
    if !probe.manner.echoes_text {
        return Err(Finding::untested("the server does not echo texts"));
    }
    open(probe).await
}

async fn echoed(probe: &Probe) -> Found {
    let (mut wire, params) = open_echo(probe).await?;
    for text in ["", "hello", &"all the same ".repeat(1000)] {
        wire.send(&frame(TEXT | RSV1, &compressed(text.as_bytes(), params))).await;
        expect(&mut wire, true, text.as_bytes()).await?;
        // §6: messages between compressed ones need not be compressed.
        wire.send(&frame(TEXT, text.as_bytes())).await;
        expect(&mut wire, true, text.as_bytes()).await?;
    }
    Ok(Finding::ok())
}

async fn fragments(probe: &Probe) -> Found {
    let (mut wire, params) = open_echo(probe).await?;
    let text = b"a message that is cut wherever it can be";
    let payload = compressed(text, params);
    for cut in 0..=payload.len() {
        let (head, tail) = payload.split_at(cut);
        let bytes = [frame(TEXT_BEGINS | RSV1, head), frame(END | CONTINUATION, tail)].concat();
        wire.send(&bytes).await;
        expect(&mut wire, true, text).await?;
    }
    Ok(Finding::ok())
}

/// The example of §7.2.3.4: a block with BFINAL, then what an empty stored block leaves.
async fn final_block(probe: &Probe) -> Found {
    let (mut wire, _) = open_echo(probe).await?;
    let payload = [0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00];
    wire.send(&frame(TEXT | RSV1, &payload)).await;
    expect(&mut wire, true, b"Hello").await?;
    Ok(Finding::ok())
}

async fn takeover(probe: &Probe) -> Found {
    let (mut wire, params) = open_echo(probe).await?;
    if params.client_no_context_takeover {
        return Ok(Finding::untested("the server asks for no takeover"));
    }
    let mut compressor = Compressor::new(&offer().threshold(0), params, Role::Client);
    for _ in 0..3 {
        let mut payload = Vec::new();
        compressor.compress(b"the same text again and again, and shorter each time", &mut payload);
        wire.send(&frame(TEXT | RSV1, &payload)).await;
        expect(&mut wire, true, b"the same text again and again, and shorter each time").await?;
    }
    Ok(Finding::ok())
}

/// Nothing in the format says how far back a message refers, but its length does: without the window
/// for it, a text that repeats itself at a distance cannot be written shorter.
async fn window(probe: &Probe) -> Found {
    if !probe.manner.echoes_text {
        return Ok(Finding::untested("the server does not echo texts"));
    }
    let (mut wire, params) = open_with(probe, offer().peer_window_bits(small())).await?;
    let text = repeating();
    wire.send(&frame(TEXT | RSV1, &compressed(text.as_bytes(), params))).await;
    expect(&mut wire, true, text.as_bytes()).await?;
    Ok(match wire.compressed_bytes() {
        Some(bytes) if bytes < text.len() / 2 => {
            Finding::violation("refers farther back than it agreed to")
        }
        _ => Finding::ok(),
    })
}

/// 512 bytes.
fn small() -> WindowBits {
    WindowBits::new(9).unwrap_or(WindowBits::MIN)
}

/// A text that repeats itself at a distance which a small window does not hold, and in no other way:
/// each of its 64 characters is as likely as the others, so six bits of eight are needed for each.
fn repeating() -> String {
    let mut state = 1_u32;
    let mut noise = || {
        // The constants of the generator in Numerical Recipes; its upper bits are the random ones.
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        char::from(b'0' + (state >> 26) as u8)
    };
    let line: String = (0..1200).map(|_| noise()).collect();
    line.repeat(8)
}

/// 64 MiB of zeros.
fn bomb_for(params: DeflateParams) -> Vec<u8> {
    const PARTS: usize = 64;
    let mut compressor = Compressor::new(&offer().threshold(0), params, Role::Client);
    let mut payload = Vec::new();
    let zeros = vec![0; 1 << 20];
    for part in 1..=PARTS {
        compressor.compress_chunk(&zeros, part == PARTS, &mut payload);
    }
    payload
}

async fn bomb(probe: &Probe) -> Found {
    // Made before the connection that gets it, and elsewhere: on a slow machine it takes so long that servers
    // would give up those that are silent meanwhile.
    let (_, params) = open(probe).await?;
    let made = spawn_blocking(move || bomb_for(params)).await;
    let payload = made.map_err(|error| Finding::untested(error.to_string()))?;
    let (mut wire, _) = open(probe).await?;
    let fate = wire.fate_after(&frame(BINARY | RSV1, &payload)).await;
    let finding = judge(&fate, &[1009], Verdict::Deviation);
    Ok(match finding.verdict {
        Verdict::Deviation if finding.note.starts_with("went on") => {
            Finding::deviation("took all of it")
        }
        _ => finding,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The question of `deflate-window` is one: who keeps to a small window needs more.
    #[test]
    fn a_text_that_repeats_itself_far_back_shows_the_window() {
        let text = repeating();
        let sent = |bits| compress_prepared(EncodingKey::new(bits, 9, 9), text.as_bytes()).len();
        assert!(sent(WindowBits::MAX) < text.len() / 4);
        assert!(sent(small()) > text.len() * 2 / 3);
    }
}
