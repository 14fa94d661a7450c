//! What is to be sent: first what flags say, then what is typed or piped.

use std::collections::VecDeque;

use tokio::sync::mpsc;

use super::input::Typed;

pub(super) struct Outbox {
    first: VecDeque<String>,
    then: Option<Source>,
    /// Whether lines may be commands.
    by_person: bool,
}

enum Source {
    Keyboard(mpsc::UnboundedReceiver<Typed>),
    Stdin(mpsc::Receiver<Typed>),
}

impl Outbox {
    /// The texts of --send, then what is typed at a terminal that edits lines.
    pub(super) fn from_keyboard(first: &[String], lines: mpsc::UnboundedReceiver<Typed>) -> Self {
        Self {
            first: first.iter().cloned().collect(),
            then: Some(Source::Keyboard(lines)),
            by_person: true,
        }
    }

    /// The texts of --send, then standard input if it is to be read.
    pub(super) fn from_stdin(
        first: &[String],
        then: Option<mpsc::Receiver<Typed>>,
        by_person: bool,
    ) -> Self {
        Self {
            first: first.iter().cloned().collect(),
            by_person: by_person && then.is_some(),
            then: then.map(Source::Stdin),
        }
    }

    /// Whether somebody sits there and types.
    pub(super) fn is_by_person(&self) -> bool {
        self.by_person
    }

    /// The next text of --send: never a command, whatever it begins with.
    pub(super) fn next_first(&mut self) -> Option<String> {
        self.first.pop_front()
    }

    /// What comes after those, or `None` once there will be nothing more.
    pub(super) async fn next(&mut self) -> Option<Typed> {
        match self.then.as_mut()? {
            Source::Keyboard(lines) => lines.recv().await,
            Source::Stdin(input) => input.recv().await,
        }
    }

    /// Whether the next has to be waited for.
    pub(super) fn is_waiting(&self) -> bool {
        match &self.then {
            None => true,
            Some(Source::Keyboard(lines)) => lines.is_empty(),
            Some(Source::Stdin(input)) => input.is_empty(),
        }
    }
}
