//! `trunkline connect` at a terminal: what is typed, and what a server can do to the screen.

#![cfg(unix)]

mod support;

use std::io::Write;

use support::terminal::Terminal;
use support::*;

const CTRL_C: &str = "\x03";
const CTRL_D: &str = "\x04";

#[test]
fn lines_are_sent_and_messages_shown_above_the_next() {
    let echo = Echo::start(&[]);
    let mut terminal = Terminal::run(&["connect", &echo.url], &[]);
    terminal.expect("connected to ");
    terminal.press("hello\r");
    terminal.expect("\x1b[36m<\x1b[0m hello");
    // Edited before it is sent: two characters are taken back.
    terminal.press("good byXX\x7f\x7fe\r");
    terminal.expect("\x1b[0m good bye");
    // The line before the last, from the history.
    terminal.press("\x1b[A\x1b[A!\r");
    terminal.expect("\x1b[0m hello!");
    terminal.press("/hex 1b 5b\r");
    terminal.expect("\x1b[33m2 bytes:\x1b[0m 1b 5b");
    terminal.press("/ping\r");
    terminal.expect("there and back ");
    terminal.press("/nonsense\r");
    terminal.expect("there is no /nonsense");
    terminal.press(CTRL_D);
    let (code, shown) = terminal.end();
    assert_eq!(code, 0);
    assert!(shown.contains("closed by this end with 1000"), "{shown:?}");
}

#[test]
fn close_takes_a_code_and_a_reason() {
    let echo = Echo::start(&[]);
    let mut terminal = Terminal::run(&["connect", &echo.url], &[]);
    terminal.expect("connected to ");
    terminal.press("/close 4000 good bye\r");
    let (code, shown) = terminal.end();
    assert_eq!(code, 0);
    assert!(shown.contains("closed by this end with 4000: \"good bye\""), "{shown:?}");
}

#[test]
fn ctrl_c_drops_the_connection_when_pressed_twice() {
    let echo = Echo::start(&[]);
    let mut terminal = Terminal::run(&["connect", &echo.url], &[]);
    terminal.expect("connected to ");
    terminal.press("half a line");
    terminal.press(CTRL_C);
    terminal.expect("Ctrl-C again");
    terminal.press(CTRL_C);
    assert_eq!(terminal.end().0, 130);
}

/// A line that was pasted with line breaks is one message.
#[test]
fn a_paste_is_sent_once_enter_is_pressed() {
    let echo = Echo::start(&[]);
    let mut terminal = Terminal::run(&["connect", &echo.url], &[]);
    terminal.expect("connected to ");
    terminal.press("\x1b[200~{\r  1\r}\x1b[201~");
    terminal.expect("> {⏎  1⏎}");
    terminal.press("\r");
    terminal.expect("\x1b[36m<\x1b[0m {\r\n    1\r\n  }");
    terminal.press(CTRL_D);
    assert_eq!(terminal.end().0, 0);
}

/// However it ends, keys are echoed again and pastes no longer marked.
#[test]
fn the_terminal_is_given_back_as_it_was() {
    let url = websocket_server(|mut tcp| {
        read_frame(&mut tcp);
    });
    for (keys, exit) in [("x\r", 8), ("\x03\x03", 130), ("", 130)] {
        let mut terminal = Terminal::run(&["connect", &url], &[]);
        let before = terminal.mode();
        terminal.expect("> ");
        assert_ne!(terminal.mode(), before);
        match keys {
            "" => terminal.terminate(),
            keys => terminal.press(keys),
        }
        let after = terminal.mode_at_end();
        let (code, shown) = terminal.end();
        assert_eq!((code, after), (exit, before));
        assert!(shown.contains("\x1b[?2004l"), "{shown:?}");
    }
}

/// A server that says whatever moves cursors, renames windows and answers in the name of the keyboard.
#[test]
fn a_server_cannot_command_the_terminal() {
    let evil = "\x1b]0;owned\x07\x1b[2J\x1b[31mred\u{9b}5n\rover\x08\n\x1b[1Anext \u{202e}live";
    let url = websocket_server(move |mut tcp| {
        tcp.write_all(&frame(PING, b"\x1b[2J")).unwrap();
        tcp.write_all(&frame(TEXT, evil.as_bytes())).unwrap();
        tcp.write_all(&close_frame(1011, "\x1b]0;bye\x07")).unwrap();
        until_close(&mut tcp);
    });
    for args in [&["connect", &url][..], &["connect", &url, "--once"]] {
        let (_, shown) = Terminal::run(args, &[]).end();
        let spelled = "\\x1b]0;owned\\x07\\x1b[2J\\x1b[31mred\\u{9b}5n\\rover\\x08";
        assert!(shown.contains(spelled), "{shown:?}");
        assert!(shown.contains("  \\x1b[1Anext \\u{202e}live"), "{shown:?}");
        for sent in ["\x1b]0;", "\x1b[2J", "\x1b[31mred", "\u{9b}", "\x07", "\x1b[1A", "\u{202e}"] {
            assert!(!shown.contains(sent), "{sent:?} in {shown:?}");
        }
    }
}

#[test]
fn no_color_is_respected() {
    let echo = Echo::start(&[]);
    let mut terminal = Terminal::run(&["connect", &echo.url, "-v"], &[("NO_COLOR", "1")]);
    terminal.expect("connected to ");
    terminal.press("hello\r");
    terminal.expect("< hello");
    terminal.press(CTRL_D);
    let (code, shown) = terminal.end();
    assert_eq!(code, 0);
    for colour in ["\x1b[32m", "\x1b[36m", "\x1b[2m"] {
        assert!(!shown.contains(colour), "{shown:?}");
    }
}

/// A terminal that cannot edit lines still has lines.
#[test]
fn a_dumb_terminal_does() {
    let echo = Echo::start(&[]);
    let mut terminal = Terminal::run(&["connect", &echo.url], &[("TERM", "dumb")]);
    terminal.expect("connected to ");
    terminal.press("hello\n");
    terminal.expect("< hello");
    terminal.press("/close\n");
    let (code, shown) = terminal.end();
    assert_eq!(code, 0);
    assert!(!shown.contains('\x1b'), "{shown:?}");
}

#[test]
fn raw_bytes_are_not_for_terminals() {
    let echo = Echo::start(&[]);
    let (code, shown) = Terminal::run(&["connect", &echo.url, "--binary", "raw"], &[]).end();
    assert_eq!(code, 2);
    assert!(shown.contains("print to a file or a pipe"), "{shown:?}");
}

/// What the server says while a line is half typed does not end up in the line.
#[test]
fn a_message_does_not_disturb_the_line_that_is_typed() {
    let (go, wait) = std::sync::mpsc::channel();
    let wait = std::sync::Mutex::new(wait);
    let url = websocket_server(move |mut tcp| {
        wait.lock().unwrap().recv().unwrap();
        tcp.write_all(&frame(TEXT, b"interruption")).unwrap();
        let line = read_frame(&mut tcp).unwrap();
        assert_eq!(line, (TEXT, b"one line".to_vec()));
        tcp.write_all(&close_frame(1000, "right")).unwrap();
        until_close(&mut tcp);
    });
    let mut terminal = Terminal::run(&["connect", &url], &[]);
    terminal.expect("connected to ");
    terminal.press("one");
    terminal.expect("> one");
    go.send(()).unwrap();
    terminal.expect("interruption");
    terminal.press(" line\r");
    let (code, shown) = terminal.end();
    assert_eq!(code, 0);
    assert!(shown.contains("closed by the peer with 1000: \"right\""), "{shown:?}");
}
