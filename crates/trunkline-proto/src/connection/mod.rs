//! One connection: ties frames, messages, closing and keepalive together.
//!
//! ```text
//!   bytes in ──▶ poll_event ──▶ Event            close, ping ──┐
//!                    │                                         ▼
//!                    └── pongs, close replies ──▶ transmit ◀── queue ◀── messages
//!                                                    │
//!   bytes out ◀── poll_transmit, transmitted ◀───────┘      poll_timeout, handle_timeout: the clock
//! ```

mod compression;
mod input;
mod receive;
mod send;
mod sending;
mod whole;

use std::io::IoSlice;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::Role;
use crate::close::CloseCode;
#[cfg(feature = "deflate")]
use crate::deflate::{DeflateConfig, DeflateParams};
use crate::error::Timeout;
use crate::event::CloseInfo;
use crate::frame::MaskSource;
use crate::keepalive::{Keepalive, PingDue, earlier};
use crate::limits::Settings;
use crate::message::Assembler;
use crate::state::{Failed, State};
use crate::transmit::Transmit;

use compression::Compression;
pub use input::Input;
use receive::Frame;
use send::{Pong, Streaming};
pub use sending::Sending;
pub use whole::Filled;

/// One WebSocket connection, after its handshake, without a socket or a clock.
///
/// After every call that changes something, drain it in this order:
/// 1. [`poll_event`](Self::poll_event) with the bytes that came, until it gives `None`;
/// 2. [`poll_transmit`](Self::poll_transmit), write what it gives, and say so with
///    [`transmitted`](Self::transmitted), until there is nothing left or the transport takes no more;
/// 3. [`poll_timeout`](Self::poll_timeout), and call [`handle_timeout`](Self::handle_timeout) once
///    that time has come.
///
/// The connection is over once [`is_finished`](Self::is_finished) says so: then the transport may be
/// closed, by a server at once, by a client when the server has done so or
/// [`poll_timeout`](Self::poll_timeout) has passed (RFC 6455 §7.1.1).
///
/// ```
/// use std::{io::IoSlice, sync::Arc, time::Instant};
/// use trunkline_proto::{Connection, Event, Input, Role, limits::Settings};
///
/// let now = Instant::now();
/// let mut conn = Connection::server(Arc::new(Settings::for_role(Role::Server)), now);
///
/// // "Hello", masked (RFC 6455 §5.7).
/// let mut bytes = [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
/// let mut input = Input::new(&mut bytes);
/// let Ok(Some(Event::Message(hello))) = conn.poll_event(&mut input, now) else { panic!() };
/// assert_eq!(hello.as_text(), Some("Hello"));
///
/// conn.queue("Hello back").unwrap();
/// let mut slices = [IoSlice::new(&[])];
/// assert_eq!(conn.poll_transmit(&mut slices), 1);
/// assert_eq!(&slices[0][..], b"\x81\x0aHello back");
/// ```
pub struct Connection {
    role: Role,
    /// Whether the next message is handed on in chunks.
    streamed: bool,
    /// A whole message was taken whose text is not UTF-8: the next event says so.
    text_is_invalid: bool,
    /// Whole messages up to this length are within every limit.
    in_place_max: u16,
    settings: Arc<Settings>,
    state: State,
    /// How much of the last input was left, because it was too short to be understood.
    left_bytes: u16,
    /// The length of the last message that was read to where it belongs.
    filled_bytes: usize,
    /// The data frame whose payload is coming in.
    frame: Option<Frame>,
    /// The message whose frames are coming in. Most messages are one whole small frame and never get here.
    assembler: Option<Box<Assembler>>,
    transmit: Transmit,
    /// Since when the transport has taken nothing, or kept what it took.
    stalled_since: Option<Instant>,
    pong: Pong,
    /// The message that is being sent in chunks.
    streaming: Option<Box<Streaming>>,
    compression: Option<Box<Compression>>,
    keepalive: Keepalive,
    /// Where masking keys come from; servers need none.
    masks: Option<Box<dyn MaskSource>>,
}

impl Connection {
    /// The server's end, right after the handshake.
    pub fn server(settings: Arc<Settings>, now: Instant) -> Self {
        Self::new(Role::Server, settings, None, now)
    }

    /// The client's end, right after the handshake. `masks` must be unpredictable (RFC 6455 §10.3).
    pub fn client(settings: Arc<Settings>, masks: Box<dyn MaskSource>, now: Instant) -> Self {
        Self::new(Role::Client, settings, Some(masks), now)
    }

    fn new(
        role: Role,
        settings: Arc<Settings>,
        masks: Option<Box<dyn MaskSource>>,
        now: Instant,
    ) -> Self {
        Self {
            role,
            streamed: false,
            text_is_invalid: false,
            in_place_max: whole::in_place_max(&settings.limits),
            settings,
            state: State::Open,
            left_bytes: 0,
            filled_bytes: 0,
            frame: None,
            assembler: None,
            transmit: Transmit::default(),
            stalled_since: None,
            pong: Pong::default(),
            streaming: None,
            compression: None,
            keepalive: Keepalive::new(now),
            masks,
        }
    }

    /// Compresses messages as both sides agreed in the handshake (RFC 7692).
    #[cfg(feature = "deflate")]
    #[must_use]
    pub fn with_deflate(mut self, config: &DeflateConfig, params: DeflateParams) -> Self {
        self.compression = Some(Box::new(Compression::new(config, params, self.role)));
        self
    }

    /// Which end this is.
    pub fn role(&self) -> Role {
        self.role
    }

    /// The limits and deadlines that hold.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Whether messages are compressed when that pays.
    pub fn is_compressed(&self) -> bool {
        self.compression.is_some()
    }

    /// The time between our newest answered ping and its pong; `None` before the first.
    pub fn round_trip(&self) -> Option<Duration> {
        self.keepalive.round_trip()
    }

    /// Whether messages can be queued: neither side has begun to close.
    #[inline]
    pub fn is_open(&self) -> bool {
        self.state.can_send()
    }

    /// Whether both close frames have been exchanged, or the peer broke a rule and was told: nothing
    /// that still comes in is read.
    pub fn is_closed(&self) -> bool {
        !self.state.can_receive()
    }

    /// Whether it is over: closed, and nothing waits to be written.
    pub fn is_finished(&self) -> bool {
        self.is_closed() && self.transmit.is_empty()
    }

    /// How the connection was closed, once both sides have.
    pub fn close_info(&self) -> Option<&CloseInfo> {
        match &self.state {
            State::Closed(closed) => Some(&closed.info),
            _ => None,
        }
    }

    /// The side of it that sends.
    #[inline]
    pub fn sending(&mut self) -> Sending<'_> {
        let is_plain = self.sends_plain_frames();
        Sending::new(self, is_plain)
    }

    /// Takes note that the peer is alive although its bytes are not being read: they wait, and the
    /// application is not ready for them. Its silence counts from `now` on.
    pub fn heard(&mut self, now: Instant) {
        self.keepalive.on_bytes(now);
    }

    /// Takes note that the last message came in by `now`, for whoever passes an older time with messages
    /// than the clock would tell: looking at it costs more than a small message. Silence, and the time
    /// without a message, count from `now` on.
    ///
    /// Call it before [`handle_timeout`](Self::handle_timeout) and [`ping`](Self::ping), which take what
    /// has been heard for all that has come.
    pub fn heard_message(&mut self, now: Instant) {
        self.keepalive.on_bytes(now);
        self.keepalive.on_message(now);
    }

    /// Fills `slices` with the bytes to write next, in order, and gives how many it filled.
    ///
    /// Write them with one call, then say how many bytes went with [`transmitted`](Self::transmitted).
    pub fn poll_transmit<'a>(&'a mut self, slices: &mut [IoSlice<'a>]) -> usize {
        self.push_pending_pong();
        self.transmit.slices(slices)
    }

    /// The bytes to write next if they lie in one piece, which is the common case and the faster one;
    /// `None` asks for [`poll_transmit`](Self::poll_transmit). Empty where there is nothing to write.
    #[inline]
    pub fn poll_transmit_contiguous(&mut self) -> Option<&[u8]> {
        self.push_pending_pong();
        self.transmit.contiguous()
    }

    /// Takes note that the transport took `bytes` of what [`poll_transmit`](Self::poll_transmit)
    /// gave; 0 says that it takes nothing at the moment, which starts the clock of
    /// [`Settings::write_timeout`].
    #[inline]
    pub fn transmitted(&mut self, bytes: usize, now: Instant) {
        if bytes == 0 {
            if !self.transmit.is_empty() {
                self.stalled_since.get_or_insert(now);
            }
        } else {
            self.stalled_since = None;
            self.transmit.advance(bytes);
        }
    }

    /// Takes note that the transport took everything, but keeps some of it in a buffer of its own that
    /// it cannot empty at the moment: this too starts the clock of [`Settings::write_timeout`]. It
    /// stops with [`flushed`](Self::flushed), or when the transport takes more.
    pub fn flush_stalled(&mut self, now: Instant) {
        self.stalled_since.get_or_insert(now);
    }

    /// Takes note that nothing is left in the transport's own buffer.
    pub fn flushed(&mut self) {
        if self.transmit.is_empty() {
            self.stalled_since = None;
        }
    }

    /// Bytes that wait to be written.
    pub fn transmit_bytes(&self) -> usize {
        self.transmit.waiting()
    }

    /// Bytes that have been written since the first frame. Together with
    /// [`transmit_bytes`](Self::transmit_bytes) it says where the last message that was queued ends:
    /// once this has got there, all of it has been written.
    pub fn transmitted_bytes(&self) -> u64 {
        self.transmit.sent()
    }

    /// Whether anything waits to be written.
    #[inline]
    pub fn wants_transmit(&self) -> bool {
        !self.transmit.is_empty() || self.pong.is_pending()
    }

    /// Lends a buffer for frames to be written into, used for its capacity when the connection has
    /// none of its own. It comes back with [`reclaim_buffer`](Self::reclaim_buffer).
    #[inline]
    pub fn lend_buffer(&mut self, buffer: Vec<u8>) {
        self.transmit.lend_buffer(buffer);
    }

    /// Takes the buffer back for others to use. Where bytes still wait, they move to memory of their
    /// own size. An idle connection owns no buffer.
    #[inline]
    pub fn reclaim_buffer(&mut self) -> Option<Vec<u8>> {
        if self.transmit.is_empty() { self.transmit.take_buffer() } else { self.transmit.shrink() }
    }

    /// Bytes of memory that this connection holds on to beyond its own size: the message in the
    /// making, what waits to be written, compression windows.
    pub fn memory_bytes(&self) -> usize {
        self.transmit.memory_bytes()
            + self.pong.memory_bytes()
            + self.assembler.as_ref().map_or(0, |it| size_of::<Assembler>() + it.memory_bytes())
            + self.compression.as_ref().map_or(0, |it| size_of::<Compression>() + it.memory_bytes())
    }

    /// When [`handle_timeout`](Self::handle_timeout) should be called if nothing happens before.
    #[inline]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let keepalive = if self.is_open() { self.keepalive.deadline(&self.settings) } else { None };
        let closing = earlier(self.state.deadline(), keepalive);
        earlier(earlier(self.write_due(), self.unfinished_message_due()), closing)
    }

    /// Whether silence of the peer is all that has a deadline at the moment: no write stalls, no message
    /// is unfinished, no closing is under way.
    #[inline]
    pub fn is_only_silence_due(&self) -> bool {
        self.is_open() && self.stalled_since.is_none() && self.assembler.is_none()
    }

    /// Does what is due: sends a ping, or gives up.
    ///
    /// # Errors
    /// The deadline that passed: the connection is over. A close frame may wait to be written; one
    /// attempt to write it is enough.
    pub fn handle_timeout(&mut self, now: Instant) -> Result<(), Timeout> {
        if self.state.deadline().is_some_and(|due| due <= now) {
            self.abandon();
            return Err(Timeout::Close);
        }
        if self.write_due().is_some_and(|due| due <= now) {
            return Err(self.give_up(Timeout::Write, CloseCode::POLICY_VIOLATION, now));
        }
        if self.unfinished_message_due().is_some_and(|due| due <= now) {
            return Err(self.give_up(Timeout::UnfinishedMessage, CloseCode::POLICY_VIOLATION, now));
        }
        if !self.is_open() {
            return Ok(());
        }
        match self.keepalive.check(&self.settings, now) {
            Ok(PingDue::No) => {}
            Ok(PingDue::Yes) => self.ping(now),
            Err(timeout @ Timeout::Idle) => {
                return Err(self.give_up(timeout, CloseCode::GOING_AWAY, now));
            }
            Err(timeout) => return Err(self.give_up(timeout, CloseCode::INTERNAL_ERROR, now)),
        }
        Ok(())
    }

    fn write_due(&self) -> Option<Instant> {
        self.stalled_since?.checked_add(self.settings.write_timeout?)
    }

    fn unfinished_message_due(&self) -> Option<Instant> {
        let message =
            self.assembler.as_ref().filter(|it| self.state.can_receive() && !it.is_streamed())?;
        message.started().checked_add(self.settings.unfinished_message_timeout?)
    }

    /// Nothing is waited for any more, and nothing that comes is read.
    fn abandon(&mut self) {
        self.frame = None;
        self.assembler = None;
        self.stalled_since = None;
        self.state = State::Failed(Box::new(Failed { deadline: None }));
    }

    fn give_up(&mut self, timeout: Timeout, code: CloseCode, now: Instant) -> Timeout {
        self.fail_with(code, &timeout.to_string(), now);
        self.stalled_since = None;
        timeout
    }
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection")
            .field("role", &self.role)
            .field("state", &self.state)
            .field("transmit_bytes", &self.transmit_bytes())
            .field("compressed", &self.is_compressed())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// There may be a million, and with what surrounds it each lies between blocks at multiples of 128 bytes: a few bytes
    /// more can cost a hundred.
    #[test]
    fn an_idle_connection_is_two_hundred_and_eighty_bytes() {
        assert_eq!(size_of::<Connection>(), 280);
    }
}
