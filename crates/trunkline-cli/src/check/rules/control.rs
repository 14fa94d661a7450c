//! Pings and pongs (RFC 6455 §5.5.2, §5.5.3).

use crate::check::frame::{CONTINUATION, END, PING, PONG, TEXT_BEGINS, frame};
use crate::check::probe::Probe;
use crate::check::rule::{Finding, Found, Rule, rule};
use crate::check::wire::{Heard, Wire};

pub(super) const RULES: &[Rule] = &[
    rule!(
        "ping-payload",
        "RFC 6455 §5.5.3",
        "a pong has the payload of its ping, up to 125 bytes",
        payload
    ),
    rule!(
        "ping-in-message",
        "RFC 6455 §5.4",
        "a ping between fragments is answered before the message ends",
        in_message
    ),
    rule!(
        "ping-many",
        "RFC 6455 §5.5.3",
        "of many pings at once, the last is answered, and none wrongly",
        many
    ),
    rule!("ping-in-pieces", "RFC 6455 §5.2", "a frame may come a byte at a time", in_pieces),
    rule!(
        "pong-unasked",
        "RFC 6455 §5.5.3",
        "a pong that nobody asked for is passed over",
        unasked
    ),
];

async fn payload(probe: &Probe) -> Found {
    let mut wire = probe.open().await?;
    let all: Vec<u8> = (0..=255).collect();
    for payload in [&b""[..], b"x", &all[..125], &all[131..]] {
        wire.send(&frame(PING, payload)).await;
        let finding = match pong(&mut wire).await {
            Ok(answer) if answer == payload => continue,
            Ok(answer) => Finding::violation(format!("the pong has {} other bytes", answer.len())),
            Err(finding) => finding,
        };
        return Ok(finding.of(&format!("a ping of {} bytes", payload.len())));
    }
    Ok(Finding::ok())
}

async fn in_message(probe: &Probe) -> Found {
    let mut wire = probe.open().await?;
    wire.send(&[frame(TEXT_BEGINS, b"to be "), frame(PING, b"between")].concat()).await;
    let answer = pong(&mut wire).await?;
    if answer != b"between" {
        return Ok(Finding::violation("the pong has another payload"));
    }
    wire.send(&[frame(END | CONTINUATION, b"continued"), frame(PING, b"behind")].concat()).await;
    loop {
        match wire.hear().await {
            Heard::Pong(answer) if answer == b"behind" => return Ok(Finding::ok()),
            Heard::Close(Some(code), _) if Some(code) == probe.manner.closes_with => {
                return Ok(Finding::ok());
            }
            Heard::Message(..) | Heard::Ping | Heard::Pong(_) => {}
            other => return Ok(instead_of_pong(&other)),
        }
    }
}

async fn many(probe: &Probe) -> Found {
    // Servers may defend themselves against floods; this is none.
    const PINGS: u32 = 32;
    let mut wire = probe.open().await?;
    let pings: Vec<u8> = (0..PINGS).flat_map(|number| frame(PING, &number.to_be_bytes())).collect();
    wire.send(&pings).await;
    let mut expected = 0;
    while expected < PINGS {
        let answer = pong(&mut wire).await?;
        // §5.5.3: those before the newest may go without an answer, and order is that of the pings.
        match <[u8; 4]>::try_from(answer.as_slice()).map(u32::from_be_bytes) {
            Ok(number) if (expected..PINGS).contains(&number) => expected = number + 1,
            _ => return Ok(Finding::violation("a pong answers no ping, or is out of order")),
        }
    }
    Ok(Finding::ok())
}

async fn in_pieces(probe: &Probe) -> Found {
    let mut wire = probe.open().await?;
    wire.send_slowly(&frame(PING, b"piece by piece")).await;
    match pong(&mut wire).await? == b"piece by piece" {
        true => Ok(Finding::ok()),
        false => Ok(Finding::violation("the pong has another payload")),
    }
}

async fn unasked(probe: &Probe) -> Found {
    let mut wire = probe.open().await?;
    let pongs = [frame(PONG, b""), frame(PONG, b"unasked"), frame(PING, b"behind")].concat();
    wire.send(&pongs).await;
    match pong(&mut wire).await? == b"behind" {
        true => Ok(Finding::ok()),
        false => Ok(Finding::violation("the pong behind it has another payload")),
    }
}

/// The payload of the next pong.
async fn pong(wire: &mut Wire) -> Result<Vec<u8>, Finding> {
    loop {
        match wire.hear().await {
            Heard::Pong(payload) => return Ok(payload),
            Heard::Message(..) | Heard::Ping => {}
            other => return Err(instead_of_pong(&other)),
        }
    }
}

fn instead_of_pong(heard: &Heard) -> Finding {
    match heard {
        Heard::Close(Some(code), _) => Finding::violation(format!("closed with {code}")),
        Heard::Close(None, _) => Finding::violation("closed"),
        Heard::End => Finding::violation("cut off"),
        Heard::Broke(error) => Finding::violation(format!("broke the protocol: {error}")),
        _ => Finding::violation("no pong came"),
    }
}
