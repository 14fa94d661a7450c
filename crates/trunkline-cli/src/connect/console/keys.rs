//! Keys, from the bytes that a terminal makes of them.

/// What was pressed, or pasted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Key {
    Char(char),
    /// Text between the marks of a paste: its line breaks send nothing.
    Paste(String),
    Enter,
    Backspace,
    Delete,
    Left,
    Right,
    WordLeft,
    WordRight,
    Home,
    End,
    Up,
    Down,
    DeleteWord,
    DeleteToStart,
    DeleteToEnd,
    ClearScreen,
    CtrlC,
    CtrlD,
    Suspend,
}

/// Turns bytes into keys, one after the other.
#[derive(Default)]
pub(super) struct Keys {
    state: State,
}

#[derive(Default)]
enum State {
    #[default]
    Ground,
    /// The first bytes of a character.
    Character(Vec<u8>),
    Escape,
    /// Parameters of a control sequence.
    Sequence(Vec<u8>),
    Paste(Vec<u8>),
}

/// What stands behind a paste.
const PASTE_END: &[u8] = b"\x1b[201~";

/// No key has a sequence as long; what is longer is dropped.
const SEQUENCE_BYTES_MAX: usize = 16;

impl Keys {
    /// Takes a byte, and gives the key that it completes.
    pub(super) fn on_byte(&mut self, byte: u8) -> Option<Key> {
        match std::mem::take(&mut self.state) {
            State::Ground => self.on_ground(byte),
            State::Character(mut bytes) => {
                bytes.push(byte);
                self.on_character(bytes)
            }
            State::Escape => self.on_escape(byte),
            State::Sequence(mut bytes) => {
                if matches!(byte, 0x20..=0x3f) && bytes.len() < SEQUENCE_BYTES_MAX {
                    bytes.push(byte);
                    self.state = State::Sequence(bytes);
                    return None;
                }
                self.on_sequence(&bytes, byte)
            }
            State::Paste(mut bytes) => {
                bytes.push(byte);
                self.on_paste(bytes)
            }
        }
    }

    fn on_ground(&mut self, byte: u8) -> Option<Key> {
        Some(match byte {
            0x01 => Key::Home,
            0x02 => Key::Left,
            0x03 => Key::CtrlC,
            0x04 => Key::CtrlD,
            0x05 => Key::End,
            0x06 => Key::Right,
            0x08 | 0x7f => Key::Backspace,
            b'\t' => Key::Char('\t'),
            b'\n' | b'\r' => Key::Enter,
            0x0b => Key::DeleteToEnd,
            0x0c => Key::ClearScreen,
            0x0e => Key::Down,
            0x10 => Key::Up,
            0x15 => Key::DeleteToStart,
            0x17 => Key::DeleteWord,
            0x1a => Key::Suspend,
            0x1b => {
                self.state = State::Escape;
                return None;
            }
            0..0x20 => return None,
            _ => return self.on_character(vec![byte]),
        })
    }

    fn on_character(&mut self, bytes: Vec<u8>) -> Option<Key> {
        match std::str::from_utf8(&bytes) {
            Ok(text) => text.chars().next().map(Key::Char),
            // The rest of it is yet to come.
            Err(error) if error.error_len().is_none() => {
                self.state = State::Character(bytes);
                None
            }
            Err(_) => None,
        }
    }

    /// Alt and a key come as Escape and the key. Escape alone does nothing, and neither does it eat
    /// what is typed next.
    fn on_escape(&mut self, byte: u8) -> Option<Key> {
        match byte {
            b'[' | b'O' => self.state = State::Sequence(Vec::new()),
            b'b' => return Some(Key::WordLeft),
            b'f' => return Some(Key::WordRight),
            0x08 | 0x7f => return Some(Key::DeleteWord),
            _ => return self.on_ground(byte),
        }
        None
    }

    fn on_sequence(&mut self, parameters: &[u8], last: u8) -> Option<Key> {
        // Ctrl and Alt with an arrow.
        let by_word = matches!(parameters, b"1;5" | b"1;3");
        match (parameters, last) {
            (b"", b'A') => Some(Key::Up),
            (b"", b'B') => Some(Key::Down),
            (_, b'C') if by_word => Some(Key::WordRight),
            (_, b'D') if by_word => Some(Key::WordLeft),
            (b"", b'C') => Some(Key::Right),
            (b"", b'D') => Some(Key::Left),
            (b"", b'H') | (b"1" | b"7", b'~') => Some(Key::Home),
            (b"", b'F') | (b"4" | b"8", b'~') => Some(Key::End),
            (b"3", b'~') => Some(Key::Delete),
            (b"200", b'~') => {
                self.state = State::Paste(Vec::new());
                None
            }
            _ => None,
        }
    }

    fn on_paste(&mut self, mut bytes: Vec<u8>) -> Option<Key> {
        if !bytes.ends_with(PASTE_END) {
            self.state = State::Paste(bytes);
            return None;
        }
        bytes.truncate(bytes.len() - PASTE_END.len());
        // Terminals send what Enter sends between lines.
        let text = String::from_utf8_lossy(&bytes).replace("\r\n", "\n").replace('\r', "\n");
        Some(Key::Paste(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(bytes: &[u8]) -> Vec<Key> {
        let mut keys = Keys::default();
        bytes.iter().filter_map(|byte| keys.on_byte(*byte)).collect()
    }

    #[test]
    fn characters_of_every_length_are_typed() {
        let typed: Vec<_> = "aé€😀".chars().map(Key::Char).collect();
        assert_eq!(keys("aé€😀".as_bytes()), typed);
    }

    #[test]
    fn what_is_no_character_is_dropped_and_the_next_one_is_not() {
        assert_eq!(keys(b"\xffa\xc3\xffb\x00"), [Key::Char('a'), Key::Char('b')]);
    }

    #[test]
    fn special_keys_are_known_in_the_spellings_of_common_terminals() {
        for (bytes, key) in [
            (&b"\r"[..], Key::Enter),
            (b"\x7f", Key::Backspace),
            (b"\x08", Key::Backspace),
            (b"\x1b[3~", Key::Delete),
            (b"\x1b[A", Key::Up),
            (b"\x1bOA", Key::Up),
            (b"\x1b[H", Key::Home),
            (b"\x1b[1~", Key::Home),
            (b"\x1bOF", Key::End),
            (b"\x1b[1;5D", Key::WordLeft),
            (b"\x1bf", Key::WordRight),
            (b"\x03", Key::CtrlC),
        ] {
            assert_eq!(keys(bytes), [key], "{bytes:?}");
        }
    }

    #[test]
    fn unknown_sequences_do_nothing() {
        for bytes in [&b"\x1b[15~x"[..], b"\x1b[1;2Px", b"\x1b\x1bx", b"\x1bx"] {
            assert_eq!(keys(bytes), [Key::Char('x')], "{bytes:?}");
        }
        assert_eq!(keys(b"\x1b[11111111111111111"), [], "its end is waited for no longer");
    }

    #[test]
    fn a_paste_is_one_key_whatever_is_in_it() {
        let bytes = b"a\x1b[200~{\r\n  1\r}\x1b[2J\x03\xff\x1b[201~b";
        let pasted = Key::Paste("{\n  1\n}\x1b[2J\x03\u{fffd}".into());
        assert_eq!(keys(bytes), [Key::Char('a'), pasted, Key::Char('b')]);
    }
}
