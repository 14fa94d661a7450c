//! `trunkline connect` in pipes: what goes in, what comes out, and how it ends.

mod support;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::process::Stdio;
use std::sync::mpsc;

use support::*;

fn connect(url: &str, args: &[&str], input: &[u8]) -> std::process::Output {
    run(&[&["connect", url], args].concat(), input)
}

#[test]
fn lines_go_out_as_texts_and_messages_come_in_as_lines() {
    let echo = Echo::start(&[]);
    let output = connect(&echo.url, &[], "one\n\n/close\r\nünï \x1b[2J\nlast".as_bytes());
    assert_exit(&output, 0);
    assert_eq!(stdout(&output), "one\n\n/close\nünï \x1b[2J\nlast\n");
    assert_eq!(stderr(&output), "");
}

#[test]
fn a_long_pipe_is_echoed_to_its_last_line() {
    let echo = Echo::start(&[]);
    let lines: String = (0..20_000).map(|number| format!("line {number}\n")).collect();
    let output = connect(&echo.url, &["--compression"], lines.as_bytes());
    assert_exit(&output, 0);
    assert!(stdout(&output) == lines);
}

#[test]
fn send_goes_first_and_leaves_standard_input_alone() {
    let echo = Echo::start(&[]);
    let output =
        connect(&echo.url, &["--send", "/ping", "--send", "b", "--count", "2"], b"not this\n");
    assert_exit(&output, 0);
    assert_eq!(stdout(&output), "/ping\nb\n");
}

#[test]
fn binary_messages_are_hexadecimal_unless_raw_is_asked_for() {
    let echo = Echo::start(&[]);
    let output = connect(&echo.url, &["--input", "hex"], b"00ff7F\n\n0a\n");
    assert_exit(&output, 0);
    assert_eq!(stdout(&output), "00ff7f\n\n0a\n");
    let output = connect(&echo.url, &["--input", "hex", "--binary", "raw"], b"00ff7F\n0a\n");
    assert_exit(&output, 0);
    assert_eq!(output.stdout, [0, 0xff, 0x7f, 0x0a]);
}

#[test]
fn raw_input_is_one_message_of_any_length() {
    let echo = Echo::start(&[]);
    for len in [0, 1, 300_000] {
        let input: Vec<u8> = (0..=255).cycle().take(len).collect();
        let output = connect(&echo.url, &["--input", "raw", "--binary", "raw", "--once"], &input);
        assert_exit(&output, 0);
        assert!(output.stdout == input, "{len} bytes");
    }
}

#[test]
fn what_cannot_be_sent_is_said_with_its_line() {
    let echo = Echo::start(&[]);
    let output = connect(&echo.url, &[], b"good\n\xff\n");
    assert_exit(&output, 1);
    assert!(stderr(&output).contains("line 2 of standard input: is not UTF-8"));
    let output = connect(&echo.url, &["--input", "hex"], b"xy\n");
    assert_exit(&output, 1);
    assert!(stderr(&output).contains("line 1 of standard input: write hexadecimal digits"));
}

#[test]
fn flags_reach_the_server() {
    let (seen, requests) = mpsc::channel();
    let url = server(move |mut tcp| {
        seen.send(String::from_utf8(read_head(&mut tcp)).unwrap()).unwrap();
    });
    let args = [
        "-H",
        "Authorization: Bearer x:y",
        "--header",
        "X-Empty:",
        "--origin",
        "https://example.com",
        "--subprotocol",
        "chat.v2",
        "--subprotocol",
        "chat.v1",
        "--compression",
    ];
    assert_exit(&connect(&url, &args, b""), 5);
    let request = requests.recv().unwrap();
    for line in [
        "GET / HTTP/1.1\r\n",
        "\r\nAuthorization: Bearer x:y\r\n",
        "\r\nX-Empty: \r\n",
        "\r\nOrigin: https://example.com\r\n",
        "\r\nSec-WebSocket-Protocol: chat.v2, chat.v1\r\n",
        "\r\nSec-WebSocket-Extensions: permessage-deflate",
        concat!("\r\nUser-Agent: trunkline/", env!("CARGO_PKG_VERSION"), "\r\n"),
    ] {
        assert!(request.contains(line), "{line:?} in {request}");
    }
    assert_exit(&connect(&url, &["-H", "User-Agent: me"], b""), 5);
    let request = requests.recv().unwrap();
    assert!(request.contains("\r\nUser-Agent: me\r\n") && !request.contains("trunkline"));
}

#[test]
fn exit_2_wrong_flags_and_urls() {
    for args in [
        &["ftp://x/"][..],
        &["ws://"],
        &["ws://x/", "--header", "no colon"],
        &["ws://x/", "--header", "X: a\r\nY: b"],
        &["ws://x/", "--header", "Upgrade: h2c"],
        &["ws://x/", "--origin", "not an origin"],
        &["ws://x/", "--subprotocol", "a b"],
        &["ws://x/", "--count", "0"],
        &["ws://x/", "--once", "--count", "2"],
        &["ws://x/", "--timeout", "soon"],
        &["ws://x/", "--wait", "-1"],
        &["ws://x/", "--proxy", "ftp://y/"],
        &["ws://x/", "--cacert", "/nonexistent"],
        &["ws://x/", "--cert", "/dev/null"],
        &["ws://x/", "--key", "/nonexistent"],
        &["ws://x/", "--cacert", "/dev/null", "--insecure"],
    ] {
        let output = run(&[&["connect"], args].concat(), b"");
        assert_eq!(output.status.code(), Some(2), "{args:?}: {}", stderr(&output));
        assert!(!stderr(&output).is_empty());
    }
}

/// An alias says what is usual, whoever uses it what is not.
#[test]
fn the_last_of_the_same_flag_counts() {
    let echo = Echo::start(&[]);
    let args = ["--count", "1", "--wait", "0s", "--count", "2", "--wait", "10s"];
    let output = connect(&echo.url, &args, b"one\ntwo\n");
    assert_exit(&output, 0);
    assert_eq!(stdout(&output), "one\ntwo\n");
}

#[test]
fn exit_3_nobody_listens() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    drop(listener);
    assert_exit(&connect(&url, &[], b""), 3);
    assert_exit(&connect("ws://name.invalid/", &[], b""), 3);
}

#[test]
fn exit_5_a_refusal_is_shown_with_what_it_says() {
    let url = server(|mut tcp| {
        read_head(&mut tcp);
        tcp.write_all(
            b"HTTP/1.1 401 Un\x80authorized\r\nWWW-Authenticate: Bearer\r\nContent-Length: 21\r\n\r\n\
              log in \x1b[31mfirst\nok?",
        )
        .unwrap();
    });
    let output = connect(&url, &[], b"");
    assert_exit(&output, 5);
    let said = stderr(&output);
    assert!(said.contains(" refused with status 401"), "{said}");
    assert!(said.contains("--header 'Authorization: …'"), "{said}");
    assert!(said.contains("\n  WWW-Authenticate: Bearer\n"), "{said}");
    assert!(said.contains("\n  | log in \\x1b[31mfirst\n  | ok?"), "{said}");
}

#[test]
fn exit_5_an_answer_that_is_no_upgrade() {
    let url = server(|mut tcp| {
        read_head(&mut tcp);
        let wrong = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                     Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n";
        tcp.write_all(wrong.as_bytes()).unwrap();
    });
    assert_exit(&connect(&url, &[], b""), 5);
}

/// Redirects are followed as far as the flag says.
#[test]
fn redirects_are_followed_if_asked_for() {
    let echo = Echo::start(&[]);
    let to = echo.url.clone();
    let url = server(move |mut tcp| {
        read_head(&mut tcp);
        let answer = format!("HTTP/1.1 307 Moved\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n");
        tcp.write_all(answer.as_bytes()).unwrap();
    });
    let output = connect(&url, &["--send", "x", "--once"], b"");
    assert_exit(&output, 5);
    let location = format!("\n  Location: {}\n", echo.url);
    assert!(stderr(&output).contains(&location), "{}", stderr(&output));
    let output = connect(&url, &["--send", "x", "--once", "--redirects", "1"], b"");
    assert_exit(&output, 0);
    assert_eq!(stdout(&output), "x\n");
}

#[test]
fn a_proxy_is_gone_through() {
    let echo = Echo::start(&[]);
    let proxy = server(|mut tcp| {
        let request = String::from_utf8(read_head(&mut tcp)).unwrap();
        let place = request.strip_prefix("CONNECT ").unwrap().split(' ').next().unwrap();
        let mut server = std::net::TcpStream::connect(place).unwrap();
        tcp.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
        let mut up = (tcp.try_clone().unwrap(), server.try_clone().unwrap());
        std::thread::spawn(move || std::io::copy(&mut up.0, &mut up.1));
        let _ = std::io::copy(&mut server, &mut tcp);
    });
    let proxy = proxy.replace("ws://", "http://");
    let args = ["--proxy", &proxy, "--send", "x", "--once", "--timing"];
    let output = connect(&echo.url, &args, b"");
    assert_exit(&output, 0);
    assert!(stderr(&output).contains("\nproxy "), "{}", stderr(&output));
}

#[test]
fn exit_3_a_proxy_that_refuses() {
    let proxy = server(|mut tcp| {
        read_head(&mut tcp);
        tcp.write_all(b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n").unwrap();
    });
    let output =
        connect("ws://example.invalid/", &["--proxy", &proxy.replace("ws:", "http:")], b"");
    assert_exit(&output, 3);
    assert!(stderr(&output).contains("403"), "{}", stderr(&output));
}

#[test]
fn exit_6_a_server_that_breaks_the_protocol() {
    let url = websocket_server(|mut tcp| {
        tcp.write_all(&frame(TEXT, b"\xff")).unwrap();
        until_close(&mut tcp);
    });
    let output = connect(&url, &["--wait", "forever"], b"");
    assert_exit(&output, 6);
    assert!(stderr(&output).contains("text is not UTF-8"), "{}", stderr(&output));
}

#[test]
fn exit_6_a_message_over_max_message() {
    let url = websocket_server(|mut tcp| {
        tcp.write_all(&frame(TEXT, b"1234")).unwrap();
        tcp.write_all(&frame(TEXT, b"12345")).unwrap();
        until_close(&mut tcp);
    });
    let output = connect(&url, &["--wait", "forever", "--max-message", "4"], b"");
    assert_exit(&output, 6);
    assert_eq!(stdout(&output), "1234\n");
}

#[test]
fn exit_7_a_server_that_never_answers() {
    let url = server(|mut tcp| drain(&mut tcp));
    let output = connect(&url, &["--timeout", "50ms"], b"");
    assert_exit(&output, 7);
    assert!(stderr(&output).contains("--timeout"));
}

#[test]
fn exit_7_messages_that_do_not_come() {
    let echo = Echo::start(&[]);
    let output = connect(&echo.url, &["--send", "x", "--count", "2", "--wait", "50ms"], b"");
    assert_exit(&output, 7);
    assert_eq!(stdout(&output), "x\n");
    assert!(stderr(&output).contains("after 1 of 2 messages"));
}

#[test]
fn exit_8_a_connection_that_is_cut() {
    let url = websocket_server(|mut tcp| tcp.write_all(&frame(TEXT, b"so long")).unwrap());
    let output = connect(&url, &["--wait", "forever"], b"");
    assert_exit(&output, 8);
    assert_eq!(stdout(&output), "so long\n");
    assert!(stderr(&output).contains("without a closing handshake"));
}

#[test]
fn exit_0_or_9_by_the_code_that_a_server_closes_with() {
    for (code, exit) in
        [(1000, 0), (1001, 0), (1003, 9), (1008, 9), (1011, 9), (1013, 9), (4000, 9)]
    {
        let url = websocket_server(move |mut tcp| {
            tcp.write_all(&close_frame(code, "why\x1b[0m")).unwrap();
            until_close(&mut tcp);
        });
        let output = connect(&url, &["--wait", "forever"], b"");
        assert_exit(&output, exit);
        assert_eq!(stderr(&output).contains(&format!("{code}: \"why\\u{{1b}}[0m\"")), exit == 9);
    }
    let url = websocket_server(|mut tcp| {
        tcp.write_all(&frame(CLOSE, b"")).unwrap();
        until_close(&mut tcp);
    });
    assert_exit(&connect(&url, &["--wait", "forever"], b""), 0);
    // Closed cleanly, but what was waited for did not come.
    assert_exit(&connect(&url, &["--once", "--wait", "forever"], b""), 1);
}

/// The end of the input is not the end of what comes in: the server has --wait, and what it sends
/// before its close is printed too.
#[test]
fn answers_behind_the_end_of_the_input_are_printed() {
    let url = websocket_server(|mut tcp| {
        let mut question = Vec::new();
        while let Some((first, payload)) = read_frame(&mut tcp) {
            if first == CLOSE {
                let last = [frame(TEXT, b"behind the close"), frame(CLOSE, &payload)].concat();
                tcp.write_all(&last).unwrap();
                return;
            }
            question.push(payload);
        }
    });
    let output = connect(&url, &["--wait", "10ms"], b"a\nb\n");
    assert_exit(&output, 0);
    assert_eq!(stdout(&output), "behind the close\n");
}

/// `--once` closes with 1000, and waits for the server to agree.
#[test]
fn the_end_is_a_closing_handshake() {
    let (seen, closes) = mpsc::channel();
    let url = websocket_server(move |mut tcp| {
        tcp.write_all(&frame(TEXT, b"enough")).unwrap();
        let close = read_frame(&mut tcp).unwrap();
        tcp.write_all(&frame(CLOSE, &close.1)).unwrap();
        seen.send(close).unwrap();
    });
    assert_exit(&connect(&url, &["--once"], b""), 0);
    assert_eq!(closes.recv().unwrap(), (CLOSE, vec![0x03, 0xe8]));
}

#[test]
fn a_reader_that_has_enough_ends_it_cleanly() {
    let (seen, closes) = mpsc::channel();
    let url = websocket_server(move |mut tcp| {
        let mut reading = tcp.try_clone().unwrap();
        let writing =
            std::thread::spawn(move || while tcp.write_all(&frame(TEXT, b"tick")).is_ok() {});
        while let Some((first, _)) = read_frame(&mut reading) {
            if first == CLOSE {
                break;
            }
        }
        reading.shutdown(std::net::Shutdown::Both).unwrap();
        writing.join().unwrap();
        seen.send(()).unwrap();
    });
    let mut child = trunkline(&["connect", &url, "--wait", "forever"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "tick\n");
    // Its standard output is closed now.
    closes.recv().unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn timing_tells_each_step_on_standard_error() {
    let echo = Echo::start(&[]);
    let output = connect(&echo.url, &["--timing", "--send", "x", "--once"], b"");
    assert_exit(&output, 0);
    assert_eq!(stdout(&output), "x\n");
    let steps = ["name ", "TCP ", "handshake ", "connected ", "there and back ", "first message "];
    let told: Vec<_> = stderr(&output).lines().collect();
    assert_eq!(told.len(), steps.len(), "{told:?}");
    for (told, step) in told.iter().zip(steps) {
        assert!(told.starts_with(step) && told.ends_with('s'), "{told:?}");
    }
}

#[test]
fn verbose_tells_what_happens() {
    let url = websocket_server(|mut tcp| {
        tcp.write_all(&frame(PING, b"123")).unwrap();
        tcp.write_all(&close_frame(1000, "done")).unwrap();
        until_close(&mut tcp);
    });
    let output = connect(&url, &["--verbose", "--wait", "forever"], b"");
    assert_exit(&output, 0);
    let said = stderr(&output);
    for text in [
        "connected to ws://",
        "ping from the server, 3 bytes",
        "closed by the peer with 1000: \"done\"",
    ] {
        assert!(said.contains(text), "{said}");
    }
    assert!(!said.contains('\x1b'), "no colours in a pipe: {said}");
    let echo = Echo::start(&["--compression"]);
    let output = connect(&echo.url, &["-v", "--compression"], b"");
    assert!(stderr(&output).contains(", compressed"));
}

/// Ctrl-C in a pipe closes cleanly, and is told apart all the same.
#[cfg(unix)]
#[test]
fn exit_130_on_a_signal() {
    use rustix::process::{Pid, Signal, kill_process};

    for signal in [Signal::INT, Signal::TERM] {
        let (seen, closes) = mpsc::channel();
        let url = websocket_server(move |mut tcp| {
            tcp.write_all(&frame(TEXT, b"there")).unwrap();
            let close = read_frame(&mut tcp).unwrap();
            tcp.write_all(&frame(CLOSE, &close.1)).unwrap();
            seen.send(close).unwrap();
        });
        let mut child = trunkline(&["connect", &url])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut there = [0; 6];
        child.stdout.as_mut().unwrap().read_exact(&mut there).unwrap();
        kill_process(Pid::from_child(&child), signal).unwrap();
        assert_eq!(closes.recv().unwrap().0, CLOSE);
        assert_eq!(child.wait().unwrap().code(), Some(130));
    }
}
