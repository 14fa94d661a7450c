//! What an incoming message looks like, on a terminal and in a pipe.

use std::fmt::Write as _;

use trunkline::Message;

use crate::args::Binary;
use crate::terminal::{Colour, Colours, escape};

/// Bytes of a text that a terminal is shown: some hundred screens. Files and pipes get all of it.
const TERMINAL_TEXT_BYTES: usize = 64 << 10;

/// Bytes of a binary message that a terminal is shown.
const TERMINAL_BINARY_BYTES: usize = 1 << 10;

/// A message as files and pipes get it: every byte of a text, and a line break.
pub(super) fn for_pipe(message: &Message, binary: Binary, out: &mut Vec<u8>) {
    match (message.as_text(), binary) {
        (Some(text), _) => {
            out.extend_from_slice(text.as_bytes());
            out.push(b'\n');
        }
        (None, Binary::Raw) => out.extend_from_slice(message.as_bytes()),
        (None, Binary::Hex) => {
            out.extend(message.as_bytes().iter().flat_map(|byte| hex_digits(*byte)));
            out.push(b'\n');
        }
    }
}

fn hex_digits(byte: u8) -> [u8; 2] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]
}

/// A message as a terminal shows it: marked, and unable to do anything there.
pub(super) fn for_terminal(message: &Message, colours: Colours) -> String {
    let mark = colours.paint(Colour::Cyan, "<");
    match message.as_text() {
        Some(text) => text_for_terminal(text, &mark),
        None => binary_for_terminal(message.as_bytes(), &mark, colours),
    }
}

fn text_for_terminal(text: &str, mark: &str) -> String {
    let end = (0..=TERMINAL_TEXT_BYTES.min(text.len())).rev().find(|at| text.is_char_boundary(*at));
    let shown = &text[..end.unwrap_or(0)];
    let mut out = String::with_capacity(shown.len() + 16);
    // Lines behind the first are indented, so that none can pass for another message or for ours.
    for (at, line) in shown.split('\n').enumerate() {
        let mark = if at == 0 { mark } else { " " };
        let line = line.strip_suffix('\r').unwrap_or(line);
        let _ = writeln!(out, "{mark} {}", escape(line));
    }
    if shown.len() < text.len() {
        let _ = writeln!(
            out,
            "  … and {} bytes more, which a file or a pipe would get",
            text.len() - shown.len()
        );
    }
    out
}

fn binary_for_terminal(bytes: &[u8], mark: &str, colours: Colours) -> String {
    let shown = &bytes[..bytes.len().min(TERMINAL_BINARY_BYTES)];
    let mut out =
        format!("{mark} {}", colours.paint(Colour::Yellow, &format!("{} bytes:", bytes.len())));
    for byte in shown {
        let _ = write!(out, " {byte:02x}");
    }
    if shown.len() < bytes.len() {
        out.push_str(" …");
    }
    out.push('\n');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piped(message: Message, binary: Binary) -> Vec<u8> {
        let mut out = Vec::new();
        for_pipe(&message, binary, &mut out);
        out
    }

    #[test]
    fn a_pipe_gets_every_byte() {
        assert_eq!(piped(Message::text("a\x1b[2J\r\nb"), Binary::Hex), b"a\x1b[2J\r\nb\n");
        assert_eq!(piped(Message::binary(vec![0, 0xab, 10]), Binary::Hex), b"00ab0a\n");
        assert_eq!(piped(Message::binary(vec![0, 0xab, 10]), Binary::Raw), [0, 0xab, 10]);
    }

    #[test]
    fn a_terminal_gets_nothing_that_commands_it() {
        let shown = |text: &str| for_terminal(&Message::text(text.to_owned()), Colours::never());
        assert_eq!(shown("hello"), "< hello\n");
        assert_eq!(shown("\x1b]0;x\x07"), "< \\x1b]0;x\\x07\n");
        assert_eq!(shown("{\r\n\t1\n}"), "< {\n  \t1\n  }\n");
        assert_eq!(shown("a\rb"), "< a\\rb\n");
        assert_eq!(shown("x\n< y"), "< x\n  < y\n");
        let binary = Message::binary(vec![0x1b, 0x5b]);
        assert_eq!(for_terminal(&binary, Colours::never()), "< 2 bytes: 1b 5b\n");
    }

    #[test]
    fn a_terminal_is_not_flooded() {
        let text = "ä".repeat(TERMINAL_TEXT_BYTES);
        let shown = for_terminal(&Message::text(text), Colours::never());
        assert!(shown.len() < TERMINAL_TEXT_BYTES + 200, "{}", shown.len());
        assert!(shown.ends_with("… and 65536 bytes more, which a file or a pipe would get\n"));
        let binary = Message::binary(vec![7; TERMINAL_BINARY_BYTES + 1]);
        let shown = for_terminal(&binary, Colours::never());
        assert_eq!(shown.matches(" 07").count(), TERMINAL_BINARY_BYTES);
        assert!(shown.starts_with("< 1025 bytes:") && shown.ends_with(" …\n"));
    }
}
