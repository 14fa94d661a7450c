//! How the sessions of a shard get written what they have to write.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use tokio::task::yield_now;
use trunkline::Prepared;
use trunkline_hub::{Entry, Hub, SessionId};

use super::shortcuts::Shortcut;
use super::{Lines, Shard, State, now};
use crate::dialect::centrifugo::{Encoded, Encoding};

/// Sessions that are attended to before other tasks have their turn: what they publish meanwhile goes out together
/// with what still waits, and they do not wait longer than some hundred writes take.
pub(super) const ATTENDED_AT_ONCE: usize = 128;

/// Bytes of several publications to one client that are written past its connection at once.
const GATHERED_BYTES: usize = 16 << 10;

impl Shard {
    /// Attends to those who have something to write, for as long as it is polled.
    pub(super) async fn attend_marked(self: Rc<Self>) {
        loop {
            self.has_marked.notified().await;
            while self.attend_some() {
                yield_now().await;
            }
        }
    }

    /// Attends to the next who have something to write. Whether there are more.
    fn attend_some(&self) -> bool {
        let lines = &mut *self.lines.borrow_mut();
        for _ in 0..ATTENDED_AT_ONCE {
            let Some(session) = self.with(|state| state.hub.poll_marked()) else { break };
            let written = catch_unwind(AssertUnwindSafe(|| self.write_past(session, lines)));
            if let Ok(true) = written {
                continue;
            }
            let Some(line) = lines.of(session) else { continue };
            match written {
                Ok(_) => line.attend(self),
                Err(_) => line.give_up(self),
            }
        }
        self.with(|state| {
            let has_more = state.hub.has_marked();
            if !has_more {
                state.hub.handle_written(now);
            }
            self.arm(state);
            has_more
        })
    }

    /// Writes what was published to a client to its socket, past its connection, if there is a way and nothing else to
    /// be said before. Whether nothing is left to be seen to.
    fn write_past(&self, session: SessionId, lines: &mut Lines) -> bool {
        let Some(Shortcut { place, encoding }) = self.shortcuts.to(session) else { return false };
        self.with_own(|state| {
            if state.hub.ending(session).is_some() {
                return false;
            }
            let mut gathered = self.gathered.take();
            let frames = frames(&state.hub, session, encoding);
            let bytes = gather(frames, &mut gathered);
            let written = match bytes {
                [] => 0,
                // What goes wrong will do so again where it can be told.
                bytes => self.sockets.try_write(place, bytes).unwrap_or_default(),
            };
            let is_whole = written == bytes.len();
            self.gathered.set(gathered);
            let is_empty = self.take_written(state, session, encoding, written, lines);
            is_whole && is_empty
        })
    }

    /// Takes those pushes from the outbox that are among the first `written` bytes; the rest of one that was cut goes
    /// to the connection. Whether nothing else is in the outbox.
    fn take_written(
        &self,
        state: &mut State,
        session: SessionId,
        encoding: Encoding,
        mut written: usize,
        lines: &mut Lines,
    ) -> bool {
        loop {
            let Some(prepared) = frames(&state.hub, session, encoding).next() else { break };
            if written == 0 {
                return false;
            }
            if written < prepared.frame().len() {
                let line = lines.of(session);
                if line.is_none_or(|it| it.feed_rest(prepared, written).is_err()) {
                    return false;
                }
            }
            written = written.saturating_sub(prepared.frame().len());
            state.bytes_out += prepared.message().as_bytes().len() as u64;
            state.hub.poll_entry(session);
        }
        state.hub.entries(session).next().is_none()
    }
}

/// What was published to a client, up to what else it is to be told.
fn frames(
    hub: &Hub<Encoded>,
    session: SessionId,
    encoding: Encoding,
) -> impl Iterator<Item = &Prepared> {
    hub.entries(session).map_while(move |entry| {
        let Entry::Push(push) = entry else { return None };
        let prepared = Encoded::of(push, encoding).ok()?;
        #[cfg(test)]
        super::tests::fail_at(prepared.message());
        Some(prepared)
    })
}

/// The bytes of the first of these frames: where one is all there is, or is large, they are not copied.
fn gather<'a>(frames: impl Iterator<Item = &'a Prepared>, gathered: &'a mut Vec<u8>) -> &'a [u8] {
    let mut frames = frames.map(|it| it.frame());
    let Some(first) = frames.next() else { return &[] };
    gathered.clear();
    for frame in frames {
        if first.len().max(gathered.len()) + frame.len() > GATHERED_BYTES {
            break;
        }
        if gathered.is_empty() {
            gathered.extend_from_slice(first);
        }
        gathered.extend_from_slice(frame);
    }
    if gathered.is_empty() { first } else { gathered }
}
