//! The line that is being typed, and those before it.

use std::collections::VecDeque;

use unicode_width::UnicodeWidthChar;

use super::keys::Key;
use crate::terminal::is_unsafe;

/// Lines that can be gone back to. They are kept in memory only: they may hold passwords.
const HISTORY: usize = 1000;

const PROMPT: &str = "> ";

/// What a key leads to beyond the line itself.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum Outcome {
    /// The line is finished.
    Line(String),
    /// Ctrl-D on an empty line.
    End,
    CtrlC,
    ClearScreen,
    Suspend,
}

#[derive(Default)]
pub(super) struct Line {
    text: String,
    /// Where the next character goes: a byte between two characters.
    cursor: usize,
    history: VecDeque<String>,
    /// How far back in the history, from the end.
    back: usize,
    /// What was typed before going back.
    draft: String,
}

impl Line {
    pub(super) fn on_key(&mut self, key: Key) -> Option<Outcome> {
        match key {
            Key::Char(it) => self.insert(it.encode_utf8(&mut [0; 4])),
            Key::Paste(text) => self.insert(&text),
            Key::Enter => return Some(Outcome::Line(self.take())),
            Key::Backspace => self.delete(self.left(), self.cursor),
            Key::Delete => self.delete(self.cursor, self.right()),
            Key::Left => self.cursor = self.left(),
            Key::Right => self.cursor = self.right(),
            Key::WordLeft => self.cursor = self.word_left(),
            Key::WordRight => self.cursor = self.word_right(),
            Key::Home => self.cursor = 0,
            Key::End => self.cursor = self.text.len(),
            Key::Up => self.go_back(self.back + 1),
            Key::Down => self.go_back(self.back.saturating_sub(1)),
            Key::DeleteWord => self.delete(self.word_left(), self.cursor),
            Key::DeleteToStart => self.delete(0, self.cursor),
            Key::DeleteToEnd => self.delete(self.cursor, self.text.len()),
            Key::ClearScreen => return Some(Outcome::ClearScreen),
            Key::CtrlC => {
                self.clear();
                return Some(Outcome::CtrlC);
            }
            Key::CtrlD if self.text.is_empty() => return Some(Outcome::End),
            Key::CtrlD => self.delete(self.cursor, self.right()),
            Key::Suspend => return Some(Outcome::Suspend),
        }
        None
    }

    fn insert(&mut self, text: &str) {
        self.text.insert_str(self.cursor, text);
        self.cursor += text.len();
    }

    fn delete(&mut self, from: usize, to: usize) {
        self.text.replace_range(from..to, "");
        self.cursor = from;
    }

    fn clear(&mut self) {
        self.text.clear();
        self.cursor = 0;
        self.back = 0;
    }

    fn take(&mut self) -> String {
        let text = std::mem::take(&mut self.text);
        self.clear();
        if !text.is_empty() && self.history.back() != Some(&text) {
            if self.history.len() == HISTORY {
                self.history.pop_front();
            }
            self.history.push_back(text.clone());
        }
        text
    }

    fn go_back(&mut self, back: usize) {
        if back > self.history.len() || back == self.back {
            return;
        }
        if self.back == 0 {
            self.draft = std::mem::take(&mut self.text);
        }
        self.back = back;
        self.text = match self.history.len().checked_sub(back) {
            Some(at) if back > 0 => self.history[at].clone(),
            _ => std::mem::take(&mut self.draft),
        };
        self.cursor = self.text.len();
    }

    /// One character to the left, with the marks above and below it.
    fn left(&self) -> usize {
        let mut before = self.text[..self.cursor].char_indices().rev();
        before.find(|(_, it)| width(*it) > 0).map_or(0, |(at, _)| at)
    }

    fn right(&self) -> usize {
        let after = &self.text[self.cursor..];
        let mut next = after.char_indices().skip(1);
        next.find(|(_, it)| width(*it) > 0).map_or(self.text.len(), |(at, _)| self.cursor + at)
    }

    fn word_left(&self) -> usize {
        let words = self.text[..self.cursor].trim_end_matches(|it: char| !it.is_alphanumeric());
        words.trim_end_matches(char::is_alphanumeric).len()
    }

    fn word_right(&self) -> usize {
        let rest = self.text[self.cursor..].trim_start_matches(|it: char| !it.is_alphanumeric());
        self.text.len() - rest.trim_start_matches(char::is_alphanumeric).len()
    }

    /// The row with the prompt and as much of the line as fits around the cursor, which is left where
    /// the next character goes.
    pub(super) fn paint(&self, columns: usize) -> String {
        // The last column is left free: what a terminal does behind it differs.
        let room = columns.saturating_sub(PROMPT.len() + 1).max(1);
        let width_of = |text: &str| text.chars().map(width).sum::<usize>();
        let mut from = 0;
        for (at, it) in self.text[..self.cursor].char_indices() {
            if width_of(&self.text[at..self.cursor]) <= room {
                break;
            }
            from = at + it.len_utf8();
        }
        let mut row = String::from(PROMPT);
        let mut used = 0;
        for it in self.text[from..].chars() {
            used += width(it);
            if used > room {
                break;
            }
            row.push(visible(it));
        }
        let column = PROMPT.len() + width_of(&self.text[from..self.cursor]);
        format!("\r\x1b[J{row}\r\x1b[{column}C")
    }

    /// The whole of a line that was finished, to stay on the screen.
    pub(super) fn finished(text: &str) -> String {
        let shown: String = text.chars().map(visible).collect();
        format!("\r\x1b[J{PROMPT}{shown}\n")
    }
}

/// What stands for a character that must not reach a terminal as it is.
fn visible(it: char) -> char {
    match it {
        '\n' => '⏎',
        '\t' => ' ',
        it if is_unsafe(it) => '·',
        it => it,
    }
}

fn width(it: char) -> usize {
    visible(it).width().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(keys: impl IntoIterator<Item = Key>) -> Line {
        let mut line = Line::default();
        for key in keys {
            assert_eq!(line.on_key(key), None);
        }
        line
    }

    fn text(text: &str) -> impl Iterator<Item = Key> {
        text.chars().map(Key::Char)
    }

    #[test]
    fn a_line_is_edited_anywhere() {
        for (keys, expected) in [
            (vec![Key::Left, Key::Char('X')], "one twXo"),
            (vec![Key::Home, Key::Delete], "ne two"),
            (vec![Key::Backspace, Key::Backspace], "one t"),
            (vec![Key::WordLeft, Key::Char('X')], "one Xtwo"),
            (vec![Key::Home, Key::WordRight, Key::Char('X')], "oneX two"),
            (vec![Key::DeleteWord], "one "),
            (vec![Key::WordLeft, Key::DeleteToStart], "two"),
            (vec![Key::WordLeft, Key::DeleteToEnd], "one "),
            (vec![Key::Home, Key::CtrlD, Key::End, Key::CtrlD], "ne two"),
            (
                vec![Key::Home, Key::Left, Key::Backspace, Key::End, Key::Right, Key::Delete],
                "one two",
            ),
            (vec![Key::Paste("\n3".into())], "one two\n3"),
        ] {
            let mut line = typed(text("one two").chain(keys));
            assert_eq!(line.on_key(Key::Enter), Some(Outcome::Line(expected.into())));
        }
    }

    #[test]
    fn a_character_goes_with_its_marks() {
        let mut line =
            typed(text("ae\u{301}").chain([Key::Left, Key::Left, Key::Right, Key::Delete]));
        assert_eq!(line.on_key(Key::Enter), Some(Outcome::Line("a".into())));
        let mut line = typed(text("ae\u{301}").chain([Key::Backspace]));
        assert_eq!(line.on_key(Key::Enter), Some(Outcome::Line("a".into())));
    }

    #[test]
    fn lines_can_be_gone_back_to() {
        let mut line = Line::default();
        for sent in ["first", "", "second", "second"] {
            text(sent).for_each(|key| assert_eq!(line.on_key(key), None));
            line.on_key(Key::Enter);
        }
        text("draft").for_each(|key| assert_eq!(line.on_key(key), None));
        for (key, shown) in [
            (Key::Up, "second"),
            (Key::Up, "first"),
            (Key::Up, "first"),
            (Key::Down, "second"),
            (Key::Down, "draft"),
            (Key::Down, "draft"),
        ] {
            line.on_key(key);
            assert_eq!(line.text, shown);
        }
    }

    #[test]
    fn ctrl_d_ends_only_an_empty_line_and_ctrl_c_empties_it() {
        assert_eq!(Line::default().on_key(Key::CtrlD), Some(Outcome::End));
        let mut line = typed(text("x"));
        assert_eq!(line.on_key(Key::CtrlC), Some(Outcome::CtrlC));
        assert_eq!(line.on_key(Key::CtrlD), Some(Outcome::End));
    }

    #[test]
    fn the_row_follows_the_cursor() {
        let row = |line: &Line, columns| line.paint(columns).replace("\r\x1b[J", "");
        assert_eq!(row(&typed(text("abc")), 80), "> abc\r\x1b[5C");
        assert_eq!(row(&typed(text("abc").chain([Key::Left])), 80), "> abc\r\x1b[4C");
        // Room for five.
        assert_eq!(row(&typed(text("abcdefgh")), 8), "> defgh\r\x1b[7C");
        assert_eq!(row(&typed(text("abcdefgh").chain([Key::Home])), 8), "> abcde\r\x1b[2C");
        assert_eq!(row(&typed(text("日本語")), 8), "> 本語\r\x1b[6C");
        for columns in 0..4 {
            typed(text("abc")).paint(columns);
        }
    }

    #[test]
    fn what_is_pasted_cannot_command_the_terminal() {
        let line = typed([Key::Paste("a\n\x1b[2J\u{202e}\u{9b}b".into())]);
        assert_eq!(line.paint(80), "\r\x1b[J> a⏎·[2J··b\r\x1b[11C");
        assert_eq!(Line::finished("a\x1bb\nc"), "\r\x1b[J> a·b⏎c\n");
    }
}
