//! What may reach a terminal, and how it looks there.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::IsTerminal;

/// Shows what a peer sent without letting it command the terminal.
///
/// Escape sequences can move the cursor, rename the window, answer in the name of the keyboard or copy
/// to the clipboard; characters that turn the direction of writing or have no width can make text read
/// as something else. All of those are spelled out, and so are line breaks: a second line could pass
/// for one of ours.
pub(crate) fn escape(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for it in text.chars() {
        match it {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            it if !is_unsafe(it) => out.push(it),
            it if it.is_ascii() => write!(out, "\\x{:02x}", u32::from(it)).unwrap_or_default(),
            it => write!(out, "\\u{{{:x}}}", u32::from(it)).unwrap_or_default(),
        }
    }
    Cow::Owned(out)
}

/// The same for bytes that should be text but need not be.
pub(crate) fn escape_bytes(bytes: &[u8]) -> String {
    escape(&String::from_utf8_lossy(bytes)).into_owned()
}

/// Whether a character could command a terminal, or make text read as something else.
pub(crate) fn is_unsafe(it: char) -> bool {
    // A tab only moves on. Joiners (200c, 200d) have no width either, but emoji and whole scripts need them.
    it.is_control() && it != '\t'
        || matches!(it,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// How wide the terminal is that `stream` is, if it is one that says so.
#[cfg(unix)]
pub(crate) fn columns(stream: impl std::os::fd::AsFd) -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(stream).ok()?;
    Some(usize::from(size.ws_col)).filter(|columns| *columns > 0)
}

#[cfg(not(unix))]
pub(crate) fn columns(_: impl IsTerminal) -> Option<usize> {
    None
}

/// Whether the terminal understands nothing but text.
pub(crate) fn is_dumb() -> bool {
    std::env::var_os("TERM").is_some_and(|term| term == "dumb")
}

/// Colours, where they are wanted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Colours(bool);

impl Colours {
    /// For what is printed to `stream`: if it is a terminal that has colours, and `NO_COLOR`
    /// (<https://no-color.org>) is not set.
    pub(crate) fn of(stream: &impl IsTerminal) -> Self {
        let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        Self(stream.is_terminal() && !set("NO_COLOR") && !is_dumb())
    }

    #[cfg(test)]
    pub(crate) const fn always() -> Self {
        Self(true)
    }

    #[cfg(test)]
    pub(crate) const fn never() -> Self {
        Self(false)
    }

    pub(crate) fn paint(self, colour: Colour, text: &str) -> Cow<'_, str> {
        match self.0 {
            false => Cow::Borrowed(text),
            true => Cow::Owned(format!("\x1b[{}m{text}\x1b[0m", colour.code())),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Colour {
    Green,
    Yellow,
    Red,
    Cyan,
    Dim,
}

impl Colour {
    const fn code(self) -> u8 {
        match self {
            Self::Dim => 2,
            Self::Red => 31,
            Self::Green => 32,
            Self::Yellow => 33,
            Self::Cyan => 36,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_control_is_spelled_out() {
        let controls = (0..=0x1f).chain(0x7f..=0x9f).filter_map(char::from_u32);
        for it in controls.filter(|it| *it != '\t') {
            let shown = escape(&format!("a{it}b")).into_owned();
            assert!(shown.starts_with("a\\") && shown.ends_with('b'), "{shown:?}");
            assert!(!shown.chars().any(char::is_control), "{shown:?}");
        }
    }

    #[test]
    fn sequences_that_command_a_terminal_are_harmless() {
        for (text, shown) in [
            ("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
            ("\x1b]0;title\x07", "\\x1b]0;title\\x07"),
            ("\u{9b}2J", "\\u{9b}2J"),
            ("a\r\nclosed", "a\\r\\nclosed"),
            ("\u{202e}txt.exe", "\\u{202e}txt.exe"),
            ("pass\u{200b}word", "pass\\u{200b}word"),
            ("\u{e0041}", "\\u{e0041}"),
        ] {
            assert_eq!(escape(text), shown);
        }
    }

    #[test]
    fn ordinary_text_is_left_alone() {
        let text = "plain, äöü, 日本語, עברית, 👨‍👩‍👧, \t, e\u{301}, \\x1b";
        assert!(matches!(escape(text), Cow::Borrowed(it) if it == text));
        assert_eq!(escape_bytes(b"ab\xff\x07"), "ab\u{fffd}\\x07");
    }

    #[test]
    fn colours_are_only_painted_where_they_are_wanted() {
        assert_eq!(Colours::never().paint(Colour::Red, "x"), "x");
        assert_eq!(Colours::always().paint(Colour::Red, "x"), "\x1b[31mx\x1b[0m");
    }
}
