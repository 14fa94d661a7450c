//! The closing handshake (RFC 6455 §5.5.1, §7).

use crate::check::frame::{CLOSE, PING, TEXT, TEXT_BEGINS, close, frame, unmasked};
use crate::check::probe::Probe;
use crate::check::rule::{Finding, Found, Rule, Variants, fails, rule};
use crate::check::wire::{Fate, Heard};

pub(super) const RULES: &[Rule] = &[
    rule!(
        "close-answered",
        "RFC 6455 §5.5.1",
        "a close is answered with a close, whatever its code and reason",
        answered
    ),
    rule!(
        "close-transport",
        "RFC 6455 §5.5.1",
        "after both closes the server ends the transport",
        transport
    ),
    rule!(
        "close-in-message",
        "RFC 6455 §5.4",
        "a close between fragments is answered too",
        in_message
    ),
    rule!(
        "close-then-data",
        "RFC 6455 §5.5.1",
        "what comes behind a close is not answered",
        then_data
    ),
    rule!(
        "close-reserved-codes",
        "RFC 6455 §7.4",
        "codes that must not be sent end it with 1002",
        reserved_codes
    ),
    fails!(
        "close-one-byte",
        "RFC 6455 §5.5.1",
        "a close with half a code ends it with 1002",
        &[1002],
        one_byte
    ),
    fails!(
        "close-reason-utf8",
        "RFC 6455 §5.5.1",
        "a reason that is not UTF-8 ends it with 1007 or 1002",
        &[1007, 1002],
        reason_utf8
    ),
    rule!(
        "fail-then-nothing",
        "RFC 6455 §7.1.7",
        "after a broken rule nothing more is processed",
        fail_then_nothing
    ),
];

async fn answered(probe: &Probe) -> Found {
    let mut worst = Finding::ok();
    let codes = [1000, 1001, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999];
    let coded = codes.map(|code| (code.to_string(), close(code, b""), Some(code)));
    let reasoned = "gute Nacht, bonne nuit, 晚安".as_bytes();
    let others = [
        ("without a code".to_owned(), frame(CLOSE, b""), None),
        ("with a reason".to_owned(), close(1000, reasoned), Some(1000)),
        ("with a reason of 123 bytes".to_owned(), close(1000, &[b'x'; 123]), Some(1000)),
    ];
    for (variant, bytes, code) in coded.into_iter().chain(others) {
        let mut wire = probe.open().await?;
        let finding = match wire.fate_after(&bytes).await {
            // Most servers send the code back, but they need not (§5.5.1).
            Fate::Closed(Some(error @ (1002 | 1007)), _) if Some(error) != code => {
                Finding::deviation(format!("takes it for an error, {error}"))
            }
            Fate::Closed(..) => Finding::ok(),
            Fate::Cut => Finding::violation("cut off without a close in return"),
            Fate::WentOn | Fate::Silent => Finding::violation("no close in return"),
            Fate::Broke(error) => Finding::violation(format!("broke the protocol: {error}")),
        };
        worst = worst.worst(finding.of(&variant));
    }
    Ok(worst)
}

async fn transport(probe: &Probe) -> Found {
    let mut wire = probe.open().await?;
    let Fate::Closed(..) = wire.fate_after(&close(1000, b"")).await else {
        return Ok(Finding::untested("the close was not answered: see close-answered"));
    };
    match wire.ends().await {
        true => Ok(Finding::ok()),
        false => Ok(Finding::violation("leaves it to the client to end the transport")),
    }
}

async fn in_message(probe: &Probe) -> Found {
    let mut wire = probe.open().await?;
    let bytes = [frame(TEXT_BEGINS, b"unfinished"), close(1000, b"")].concat();
    Ok(match wire.fate_after(&bytes).await {
        Fate::Closed(Some(1002 | 1007), _) => Finding::deviation("takes it for an error"),
        Fate::Closed(..) => Finding::ok(),
        Fate::Cut => Finding::violation("cut off without a close in return"),
        Fate::WentOn | Fate::Silent => Finding::violation("no close in return"),
        Fate::Broke(error) => Finding::violation(format!("broke the protocol: {error}")),
    })
}

async fn then_data(probe: &Probe) -> Found {
    let mut wire = probe.open().await?;
    let bytes = [close(1000, b""), frame(TEXT, b"too late"), frame(PING, b"too late")].concat();
    wire.send(&bytes).await;
    let mut closed = false;
    loop {
        let what = match wire.hear().await {
            Heard::Message(_, payload) if payload == b"too late" => "answered a message",
            Heard::Pong(payload) if payload == b"too late" => "answered a ping",
            Heard::Message(..) if closed => "sent a message behind its own close",
            Heard::Broke(error) => return Ok(Finding::violation(error)),
            Heard::Close(..) => {
                closed = true;
                continue;
            }
            // A transport that is ended with unread bytes may lose the close on the way.
            Heard::End | Heard::Nothing => return Ok(Finding::ok()),
            _ => continue,
        };
        return Ok(Finding::violation(what));
    }
}

async fn reserved_codes(probe: &Probe) -> Found {
    let mut worst = Finding::ok();
    for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65_535] {
        let mut wire = probe.open().await?;
        let finding = match wire.fate_after(&close(code, b"")).await {
            Fate::Closed(Some(1002), _) => Finding::ok(),
            // §7.4.1: "MUST NOT be set as a status code in a Close control frame by an endpoint".
            Fate::Closed(Some(back), _) if back == code && [1005, 1006, 1015].contains(&code) => {
                Finding::violation("sent it back, which is forbidden")
            }
            Fate::Closed(Some(back), _) if back == code => Finding::deviation("sent it back"),
            Fate::Closed(Some(back), _) => {
                Finding::deviation(format!("closed with {back} instead of 1002"))
            }
            Fate::Closed(None, _) => Finding::deviation("closed without a code instead of 1002"),
            Fate::Cut => Finding::deviation("cut off without a close frame"),
            Fate::WentOn | Fate::Silent => Finding::violation("no close in return"),
            Fate::Broke(error) => Finding::violation(format!("broke the protocol: {error}")),
        };
        worst = worst.worst(finding.of(&format!("code {code}")));
    }
    Ok(worst)
}

fn one_byte() -> Variants {
    vec![(String::new(), frame(CLOSE, &[0x03]))]
}

fn reason_utf8() -> Variants {
    vec![
        ("a byte that is never in UTF-8".into(), close(1000, b"bye\xff")),
        ("half a character".into(), close(1000, b"bye\xce")),
    ]
}

async fn fail_then_nothing(probe: &Probe) -> Found {
    if !probe.manner.echoes_text {
        return Ok(Finding::untested("the server does not echo texts"));
    }
    let mut wire = probe.open().await?;
    let bytes = [unmasked(TEXT, b"wrong"), frame(TEXT, b"too late")].concat();
    wire.send(&bytes).await;
    loop {
        match wire.hear().await {
            Heard::Message(_, payload) if payload == b"too late" => {
                return Ok(Finding::violation("answered a message behind the broken rule"));
            }
            Heard::End | Heard::Nothing | Heard::Broke(_) => return Ok(Finding::ok()),
            _ => {}
        }
    }
}
