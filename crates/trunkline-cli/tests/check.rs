//! `trunkline check`: what it makes of servers that keep the rules, and of some that do not.

mod support;

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Output;

use serde_json::Value;
use support::certificates::Authority;
use support::*;

fn check(url: &str, args: &[&str]) -> Output {
    run(&[&["check", url], args].concat(), b"")
}

/// The verdict of each rule.
fn verdicts(output: &Output) -> BTreeMap<String, String> {
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let rules = report["rules"].as_array().unwrap().iter();
    rules.map(|rule| (text(&rule["id"]), text(&rule["verdict"]))).collect()
}

fn with_verdict(verdicts: &BTreeMap<String, String>, verdict: &str) -> Vec<String> {
    verdicts.iter().filter(|(_, it)| *it == verdict).map(|(rule, _)| rule.clone()).collect()
}

/// How many rules there are.
fn rules() -> usize {
    stdout(&run(&["check", "--list"], b"")).lines().count()
}

#[test]
fn our_echo_keeps_every_rule() {
    let echo = Echo::start(&["--compression"]);
    let output = check(&echo.url, &["--json", "--strict"]);
    assert_exit(&output, 0);
    let verdicts = verdicts(&output);
    assert_eq!(verdicts.len(), rules());
    let not_ok: Vec<_> = verdicts.iter().filter(|(_, verdict)| *verdict != "ok").collect();
    // It agrees to compression without takeover only.
    let takeover = ("deflate-takeover".to_owned(), "untested".to_owned());
    assert_eq!(not_ok, [(&takeover.0, &takeover.1)]);
}

#[test]
fn without_compression_its_rules_are_untested() {
    let echo = Echo::start(&[]);
    let output = check(&echo.url, &["--json", "--strict"]);
    assert_exit(&output, 0);
    let verdicts = verdicts(&output);
    for rule in with_verdict(&verdicts, "untested") {
        assert!(rule.starts_with("deflate-"), "{rule}");
    }
    assert!(with_verdict(&verdicts, "ok").len() > 40);
}

/// A frame of whatever shape, read without a question: its first byte and payload.
fn read_anything(tcp: &mut impl Read) -> Option<(u8, Vec<u8>)> {
    let mut head = [0; 2];
    tcp.read_exact(&mut head).ok()?;
    let len = match head[1] & 0x7f {
        126 => {
            let mut len = [0; 2];
            tcp.read_exact(&mut len).ok()?;
            u64::from(u16::from_be_bytes(len))
        }
        127 => {
            let mut len = [0; 8];
            tcp.read_exact(&mut len).ok()?;
            u64::from_be_bytes(len)
        }
        len => u64::from(len),
    };
    let mut key = [0; 4];
    if head[1] & 0x80 != 0 {
        tcp.read_exact(&mut key).ok()?;
    }
    let mut payload = Vec::new();
    let read = tcp.take(len).read_to_end(&mut payload).ok()?;
    payload.iter_mut().zip(key.iter().cycle()).for_each(|(byte, key)| *byte ^= key);
    (read as u64 == len).then_some((head[0], payload))
}

/// Accepts whatever asks, and agrees to whatever was offered.
fn accept_anything(tcp: &mut TcpStream) {
    let request = String::from_utf8_lossy(&read_head(tcp)).into_owned();
    let header = |name: &str| {
        request.lines().find_map(|line| {
            let (it, value) = line.split_once(':')?;
            it.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
        })
    };
    let canonical = format!(
        "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {}\r\n\r\n",
        header("Sec-WebSocket-Key")
            .filter(|key| key.len() == 24 && key.ends_with("==") && !key.starts_with('!'))
            .unwrap_or_else(|| "dGhlIHNhbXBsZSBub25jZQ==".into())
    );
    let mut answer = response_to(canonical.as_bytes());
    answer.truncate(answer.len() - 2);
    for name in ["Sec-WebSocket-Protocol", "Sec-WebSocket-Extensions"] {
        if let Some(value) = header(name) {
            // Whatever the parameters were.
            let is_deflate = value.starts_with("permessage-deflate");
            let value = if is_deflate { "permessage-deflate" } else { &value };
            answer.extend(format!("{name}: {value}\r\n").into_bytes());
        }
    }
    answer.extend(b"\r\n");
    tcp.write_all(&answer).unwrap();
}

/// A server that takes everything as if it were right.
fn never_complains(mut tcp: TcpStream) {
    accept_anything(&mut tcp);
    while let Some((first, payload)) = read_anything(&mut tcp) {
        let answer = match first & 0x0f {
            // Not a thought about fragments, reserved bits or UTF-8.
            0..8 => frame(0x80 | first, &payload[..payload.len().min(125)]),
            8 => frame(0x88, &payload[..payload.len().min(125)]),
            9 => frame(0x8a, &payload[..payload.len().min(125)]),
            _ => continue,
        };
        if tcp.write_all(&answer).is_err() {
            return;
        }
    }
}

#[test]
fn a_server_that_never_complains_is_found_out() {
    let url = server(never_complains);
    let output = check(&url, &["--json", "--patience", "300ms", "--parallel", "16"]);
    assert_exit(&output, 1);
    let verdicts = verdicts(&output);
    let violations = [
        "close-reserved-codes",
        "close-then-data",
        "close-transport",
        "control-fragmented",
        "deflate-answer",
        "deflate-bad-offer",
        "deflate-rsv1-continuation",
        "deflate-rsv1-control",
        "echo-fragments",
        "fail-then-nothing",
        "fragment-interleaved",
        "fragment-stray",
        "frame-reserved-bits",
        "frame-reserved-control-opcodes",
        "frame-reserved-data-opcodes",
        "frame-unmasked",
        "handshake-connection",
        "handshake-extension-unknown",
        "handshake-host",
        "handshake-http-1-0",
        "handshake-key",
        "handshake-method",
        "handshake-upgrade",
        "handshake-version-missing",
        "handshake-version-other",
        "utf8-across-fragments",
        "utf8-invalid",
    ];
    for rule in violations {
        assert_eq!(verdicts[rule], "violation", "{rule}");
    }
    for rule in ["handshake-subprotocol-unknown", "limit-promised-length", "limit-request"] {
        assert_eq!(verdicts[rule], "deviation", "{rule}");
    }
    for rule in
        ["handshake-accept", "handshake-case", "ping-payload", "pong-unasked", "close-answered"]
    {
        assert_eq!(verdicts[rule], "ok", "{rule}");
    }
}

/// Whoever hangs up instead of saying why keeps the rules in effect.
#[test]
fn a_server_that_hangs_up_deviates() {
    let url = websocket_server(|mut tcp| {
        while let Some((first, payload)) = read_anything(&mut tcp) {
            let answer = match first {
                PING => frame(0x8a, &payload),
                TEXT | BINARY if std::str::from_utf8(&payload).is_ok() => frame(first, &payload),
                _ => return,
            };
            tcp.write_all(&answer).unwrap();
        }
    });
    let args = [
        "--json",
        "--rule",
        "frame-reserved",
        "--rule",
        "utf8-invalid",
        "--rule",
        "close-one-byte",
    ];
    let output = check(&url, &args);
    assert_exit(&output, 0);
    let verdicts = verdicts(&output);
    assert_eq!(with_verdict(&verdicts, "deviation").len(), verdicts.len());
    assert_exit(&check(&url, &[&args[..], &["--strict"]].concat()), 1);
}

/// What a server itself does wrong shows, whatever was asked.
#[test]
fn a_frame_that_breaks_the_rules_is_a_violation() {
    let url = websocket_server(|mut tcp| {
        // Masked, which servers must not do.
        tcp.write_all(&[0x81, 0x80, 1, 2, 3, 4]).unwrap();
        until_close(&mut tcp);
    });
    let output = check(&url, &["--json", "--rule", "frame-unmasked"]);
    assert_exit(&output, 1);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let note = report["rules"][0]["note"].as_str().unwrap();
    assert!(note.contains("masked frame from a server"), "{note}");
}

/// A server that talks without end cannot keep it busy without end.
#[test]
fn a_server_that_never_stops_talking_is_given_up_on() {
    let url =
        websocket_server(|mut tcp| while tcp.write_all(&frame(TEXT, &[b'x'; 60_000])).is_ok() {});
    let args =
        ["--json", "--patience", "200ms", "--rule", "ping-payload", "--rule", "close-one-byte"];
    let output = check(&url, &args);
    assert_exit(&output, 1);
    assert_eq!(with_verdict(&verdicts(&output), "violation").len(), 2);
}

/// Without an echo, everything but the rules about messages is asked.
#[test]
fn a_server_that_does_not_echo_is_still_asked() {
    let url = websocket_server(|mut tcp| {
        while let Some((first, payload)) = read_frame(&mut tcp) {
            match first {
                PING => tcp.write_all(&frame(0x8a, &payload)).unwrap(),
                CLOSE => {
                    let _ = tcp.write_all(&frame(CLOSE, &payload));
                    return;
                }
                _ => {}
            }
        }
    });
    let output =
        check(&url, &["--json", "--patience", "200ms", "--rule", "echo-", "--rule", "ping-"]);
    assert_exit(&output, 0);
    for (rule, verdict) in verdicts(&output) {
        assert_eq!(verdict, if rule.starts_with("echo-") { "untested" } else { "ok" }, "{rule}");
    }
}

#[test]
fn the_json_has_its_shape() {
    let echo = Echo::start(&[]);
    let output =
        check(&echo.url, &["--json", "--rule", "close-one-byte", "--rule", "deflate-bomb"]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["url"], echo.url);
    for (name, count) in [("ok", 1), ("deviations", 0), ("violations", 0), ("untested", 1)] {
        assert_eq!(report[name], count, "{name}");
    }
    let rule = &report["rules"][0];
    assert_eq!(rule["id"], "close-one-byte");
    assert_eq!(rule["section"], "RFC 6455 §5.5.1");
    assert_eq!(rule["verdict"], "ok");
    assert_eq!(rule["note"], "");
    assert!(rule["rule"].is_string() && rule["seconds"].is_f64());
    assert!(report["rules"][1]["note"].as_str().unwrap().contains("permessage-deflate"));
}

#[test]
fn the_table_names_rule_section_and_verdict() {
    let echo = Echo::start(&[]);
    let output = check(&echo.url, &["--rule", "frame-unmasked"]);
    assert_exit(&output, 0);
    let line = stdout(&output).lines().find(|line| line.starts_with("ok ")).unwrap();
    assert!(line.contains(" frame-unmasked ") && line.contains(" RFC 6455 §5.1 "), "{line}");
    assert!(stdout(&output).ends_with("\n1 ok, 0 deviations, 0 violations, 0 untested\n"));
    let quiet = check(&echo.url, &["--rule", "frame-unmasked", "--quiet"]);
    assert_eq!(stdout(&quiet), "1 ok, 0 deviations, 0 violations, 0 untested\n");
}

#[test]
fn exit_codes_of_what_cannot_be_asked() {
    let output = check("ws://127.0.0.1/", &["--rule", "no-such-rule"]);
    assert_exit(&output, 2);
    assert!(stderr(&output).contains("--list"));
    assert_exit(&run(&["check"], b""), 2);
    assert_exit(&check("ftp://x/", &[]), 2);
    assert_exit(&check("ws://name.invalid/", &[]), 3);
    let url = server(|mut tcp| {
        read_head(&mut tcp);
        tcp.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n").unwrap();
    });
    assert_exit(&check(&url, &[]), 5);
}

#[test]
fn servers_behind_tls_are_asked_the_same() {
    let authority = Authority::new();
    let url = authority.websocket_server("localhost", false, |mut tls| {
        while let Some((first, payload)) = read_anything(&mut tls) {
            if first == PING {
                let _ = tls.write_all(&frame(0x8a, &payload));
            }
        }
    });
    let root = authority.file("check-root.pem");
    let args = [
        "--json",
        "--patience",
        "200ms",
        "--cacert",
        &root,
        "--rule",
        "ping-p",
        "--rule",
        "frame-unmasked",
    ];
    let output = check(&url, &args);
    assert_exit(&output, 1);
    let verdicts = verdicts(&output);
    assert_eq!(verdicts["ping-payload"], "ok");
    assert_eq!(verdicts["frame-unmasked"], "violation");
    assert_exit(&check(&url, &["--rule", "ping-p"]), 4);
}

/// On a terminal where not everything fits, what a rule says goes before where it stands.
#[cfg(unix)]
#[test]
fn a_narrow_terminal_shows_the_rule_and_not_its_section() {
    let echo = Echo::start(&[]);
    let args = ["check", &echo.url, "--rule", "close-answered"];
    let (code, shown) = terminal::Terminal::run(&args, &[("NO_COLOR", "1")]).end();
    assert_eq!(code, 0);
    let row = shown.lines().find(|line| line.contains("close-answered")).unwrap();
    assert!(row.contains("a close is answered with a close, whatever its code"), "{row:?}");
    assert!(!row.contains("RFC 6455"), "{row:?}");
    let piped = check(&echo.url, &["--rule", "close-answered"]);
    assert!(stdout(&piped).contains(" RFC 6455 §5.5.1 "), "{}", stdout(&piped));
}
