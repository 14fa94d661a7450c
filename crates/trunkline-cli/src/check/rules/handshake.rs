//! The opening handshake (RFC 6455 §4).

use crate::check::probe::{Answer, Probe, Request, random};
use crate::check::rule::{Finding, Found, Rule, rule};
use crate::terminal::escape_bytes;

pub(super) const RULES: &[Rule] = &[
    rule!(
        "handshake-accept",
        "RFC 6455 §4.2.2",
        "a right request is answered with 101 and the hash of its key",
        accept
    ),
    rule!(
        "handshake-case",
        "RFC 6455 §4.2.1",
        "names of headers and their tokens are taken in any case",
        case
    ),
    rule!(
        "handshake-connection-list",
        "RFC 6455 §4.2.1",
        "Connection may hold more than Upgrade",
        connection_list
    ),
    rule!("handshake-in-pieces", "RFC 9112 §2.2", "a request may come a byte at a time", in_pieces),
    rule!("handshake-method", "RFC 6455 §4.2.1", "only GET is answered with 101", method),
    rule!("handshake-http-1-0", "RFC 6455 §4.2.1", "HTTP/1.0 is not answered with 101", http_1_0),
    rule!(
        "handshake-host",
        "RFC 9112 §3.2",
        "a request without Host, or with two, is refused",
        host
    ),
    rule!(
        "handshake-upgrade",
        "RFC 6455 §4.2.1",
        "Upgrade without websocket is not answered with 101",
        upgrade
    ),
    rule!(
        "handshake-connection",
        "RFC 6455 §4.2.1",
        "Connection without Upgrade is not answered with 101",
        connection
    ),
    rule!(
        "handshake-key",
        "RFC 6455 §4.2.1",
        "a key is there once and stands for 16 bytes, or is refused",
        key
    ),
    rule!(
        "handshake-version-missing",
        "RFC 6455 §4.2.1",
        "a request without a version is refused",
        version_missing
    ),
    rule!(
        "handshake-version-other",
        "RFC 6455 §4.4",
        "other versions are refused, and told which is spoken",
        version_other
    ),
    rule!(
        "handshake-subprotocol-unoffered",
        "RFC 6455 §4.2.2",
        "no subprotocol is chosen where none is offered",
        subprotocol_unoffered
    ),
    rule!(
        "handshake-subprotocol-unknown",
        "RFC 6455 §4.2.2",
        "a subprotocol that nobody knows is not chosen",
        subprotocol_unknown
    ),
    rule!(
        "handshake-extension-unoffered",
        "RFC 6455 §9.1",
        "no extension is used where none is offered",
        extension_unoffered
    ),
    rule!(
        "handshake-extension-unknown",
        "RFC 6455 §9.1",
        "an extension that nobody knows is not used",
        extension_unknown
    ),
];

async fn accept(probe: &Probe) -> Found {
    Ok(accepted(&probe.shake_hands(None, |_| ()).await?))
}

async fn case(probe: &Probe) -> Found {
    let answer = probe.shake_hands(None, |request| {
        for (name, value) in &mut request.headers {
            *name = name.to_ascii_uppercase();
            if name == "UPGRADE" {
                *value = "WebSocket".into();
            }
            if name == "CONNECTION" {
                *value = "upgrade".into();
            }
        }
    });
    Ok(accepted(&answer.await?))
}

async fn connection_list(probe: &Probe) -> Found {
    let answer =
        probe.shake_hands(None, |request| request.set("Connection", "keep-alive, Upgrade"));
    Ok(accepted(&answer.await?))
}

async fn in_pieces(probe: &Probe) -> Found {
    Ok(accepted(&probe.shake_hands_slowly().await?))
}

async fn method(probe: &Probe) -> Found {
    let change = |request: &mut Request| request.first = request.first.replacen("GET", "POST", 1);
    not_switched(probe, &[("", &change)]).await
}

async fn http_1_0(probe: &Probe) -> Found {
    let change = |request: &mut Request| {
        request.first = request.first.replacen("HTTP/1.1", "HTTP/1.0", 1);
    };
    not_switched(probe, &[("", &change)]).await
}

async fn upgrade(probe: &Probe) -> Found {
    let missing = |request: &mut Request| request.remove("Upgrade");
    let other = |request: &mut Request| request.set("Upgrade", "h2c");
    not_switched(probe, &[("missing", &missing), ("h2c", &other)]).await
}

async fn connection(probe: &Probe) -> Found {
    let missing = |request: &mut Request| request.remove("Connection");
    let other = |request: &mut Request| request.set("Connection", "keep-alive");
    not_switched(probe, &[("missing", &missing), ("keep-alive", &other)]).await
}

async fn host(probe: &Probe) -> Found {
    let missing = |request: &mut Request| request.remove("Host");
    let twice = |request: &mut Request| request.add("Host", "other.example");
    refused(probe, &[("missing", &missing), ("twice", &twice)]).await
}

async fn key(probe: &Probe) -> Found {
    const NAME: &str = "Sec-WebSocket-Key";
    let missing = |request: &mut Request| request.remove(NAME);
    let empty = |request: &mut Request| request.set(NAME, "");
    let short = |request: &mut Request| request.set(NAME, "AAAAAAAAAAAAAAAAAAAA");
    let long = |request: &mut Request| request.set(NAME, "AAAAAAAAAAAAAAAAAAAAAAA=");
    let odd = |request: &mut Request| request.set(NAME, "!!!!!!!!!!!!!!!!!!!!!!==");
    let twice = |request: &mut Request| request.add(NAME, "dGhlIHNhbXBsZSBub25jZQ==");
    let variants: [Variant<'_>; 6] = [
        ("missing", &missing),
        ("empty", &empty),
        ("of 15 bytes", &short),
        ("of 17 bytes", &long),
        ("not base64", &odd),
        ("twice", &twice),
    ];
    refused(probe, &variants).await
}

async fn version_missing(probe: &Probe) -> Found {
    let missing = |request: &mut Request| request.remove("Sec-WebSocket-Version");
    refused(probe, &[("", &missing)]).await
}

/// §4.4 and §4.2.2: an error such as 426, and the versions that are spoken.
async fn version_other(probe: &Probe) -> Found {
    let mut worst = Finding::ok();
    for version in ["12", "14", "255"] {
        let change = |request: &mut Request| request.set("Sec-WebSocket-Version", version);
        let answer = probe.shake_hands(None, change).await?;
        let finding = match &answer {
            Answer::Refused(response) => match response.status() {
                400..=499 if response.headers().list_contains("Sec-WebSocket-Version", "13") => {
                    Finding::ok()
                }
                400..=499 => Finding::violation(format!(
                    "answered {} without Sec-WebSocket-Version: 13",
                    response.status()
                )),
                _ => Finding::deviation(answer.told()),
            },
            answer => refusal(answer),
        };
        worst = worst.worst(finding.of(version));
    }
    Ok(worst)
}

async fn subprotocol_unoffered(probe: &Probe) -> Found {
    let answer =
        probe.shake_hands(None, |request| request.remove("Sec-WebSocket-Protocol")).await?;
    Ok(match answer {
        Answer::Opened(_, opened) => match opened.response.header("Sec-WebSocket-Protocol") {
            None => Finding::ok(),
            Some(chosen) => Finding::violation(format!("chose {}", escape_bytes(chosen))),
        },
        Answer::Wrong(error) => Finding::violation(error.to_string()),
        // A server may insist on one.
        Answer::Refused(_) => Finding::ok(),
        other => Finding::deviation(other.told()),
    })
}

async fn subprotocol_unknown(probe: &Probe) -> Found {
    let name = format!("trunkline-check-{:x}", random());
    // That the answer names what the library has not offered is for the library an error.
    let offered = name.clone();
    let answer =
        probe.shake_hands(None, move |request| request.set("Sec-WebSocket-Protocol", &offered));
    Ok(match answer.await? {
        Answer::Opened(..) | Answer::Refused(_) => Finding::ok(),
        Answer::Wrong(_) => Finding::deviation(format!("agreed to speak {name}")),
        other => Finding::deviation(other.told()),
    })
}

async fn extension_unoffered(probe: &Probe) -> Found {
    Ok(match probe.shake_hands(None, |_| ()).await? {
        Answer::Opened(_, opened) => match opened.response.header("Sec-WebSocket-Extensions") {
            None => Finding::ok(),
            Some(used) => Finding::violation(format!("uses {}", escape_bytes(used))),
        },
        other => Finding::violation(other.told()),
    })
}

async fn extension_unknown(probe: &Probe) -> Found {
    let change = |request: &mut Request| {
        request.set("Sec-WebSocket-Extensions", "x-trunkline-check; level=1, bbf-usp-protocol");
    };
    Ok(match probe.shake_hands(None, change).await? {
        Answer::Opened(..) => Finding::ok(),
        Answer::Wrong(error) => Finding::violation(error.to_string()),
        other => Finding::deviation(other.told()),
    })
}

type Variant<'a> = (&'a str, &'a (dyn Fn(&mut Request) + Sync));

/// Without these it is no request for a WebSocket: anything may be the answer, such as a page, but 101.
async fn not_switched(probe: &Probe, variants: &[Variant<'_>]) -> Found {
    each(probe, variants, |answer| match answer {
        Answer::Refused(_) => Finding::ok(),
        answer => refusal(answer),
    })
    .await
}

/// A request for a WebSocket that is wrong: an error of 4xx has to be the answer (§4.2.1).
async fn refused(probe: &Probe, variants: &[Variant<'_>]) -> Found {
    each(probe, variants, refusal).await
}

async fn each(
    probe: &Probe,
    variants: &[Variant<'_>],
    judge: impl Fn(&Answer) -> Finding + Send,
) -> Found {
    let mut worst = Finding::ok();
    for (variant, change) in variants {
        let answer = probe.shake_hands(None, |request| change(request)).await?;
        worst = worst.worst(judge(&answer).of(variant));
    }
    Ok(worst)
}

fn refusal(answer: &Answer) -> Finding {
    match answer {
        Answer::Refused(response) if (400..=499).contains(&response.status()) => Finding::ok(),
        Answer::Opened(..) | Answer::Wrong(_) => {
            Finding::violation("switched to WebSocket all the same")
        }
        other => Finding::deviation(other.told()),
    }
}

fn accepted(answer: &Answer) -> Finding {
    match answer {
        Answer::Opened(..) => Finding::ok(),
        other => Finding::violation(other.told()),
    }
}
