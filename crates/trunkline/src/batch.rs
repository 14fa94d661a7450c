//! Many messages at once.

use std::cell::Cell;
use std::fmt;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite};
use trunkline_proto::message::{InPlace, Masked};
use trunkline_proto::{Event, Message, Received};

use crate::answers::Answers;
use crate::driver::{Driver, Next, Progress, Sink};
use crate::error::Error;

/// The messages that one read brought, see [`WebSocket::recv_many`](crate::WebSocket::recv_many).
///
/// Payloads of small messages lie side by side in the batch, so that a message costs no allocation.
/// Reuse one batch for the life of a connection: while nothing comes in, it owns no memory.
/// Iterating over it gives each message as [`Received`].
///
/// ```
/// # use trunkline::{Batch, WebSocket};
/// # async fn echo(mut ws: WebSocket<tokio::net::TcpStream>) -> Result<(), Box<dyn std::error::Error>> {
/// let mut batch = Batch::new();
/// while ws.recv_many(&mut batch).await? > 0 {
///     ws.feed_all(&batch).await?;
/// }
/// # Ok(()) }
/// ```
#[derive(Default)]
pub struct Batch {
    /// Behind one pointer, which passes from batch to batch of a thread.
    filled: Option<Box<Storage>>,
}

/// What the messages of a batch are made of.
#[derive(Default)]
struct Storage {
    items: Vec<Item>,
    /// The payloads of small texts, one after the other.
    text: String,
    /// The payloads of small binary messages.
    binary: Vec<u8>,
    /// The messages that were too large for that.
    whole: Vec<Message>,
}

static EMPTY: Storage =
    Storage { items: Vec::new(), text: String::new(), binary: Vec::new(), whole: Vec::new() };

thread_local! {
    /// The memory of the batch that was released last, for the next one that fills: between two
    /// messages an idle connection owns none, and a busy one need not ask the allocator for it.
    static SPARE: Cell<Option<Box<Storage>>> = const { Cell::new(None) };
}

/// Memory that is kept for the next batch: that of an ordinary read, not of an exceptional one.
const SPARE_BYTES_MAX: usize = 64 << 10;

/// One message: where its payload ends in the buffer of its kind.
#[derive(Clone, Copy, Debug)]
struct Item {
    kind: ItemKind,
    end: usize,
}

#[derive(Clone, Copy, Debug)]
enum ItemKind {
    Text,
    Binary,
    Whole,
}

impl Batch {
    /// An empty batch; allocates nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many messages it holds.
    pub fn len(&self) -> usize {
        self.storage().items.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.storage().items.is_empty()
    }

    /// The messages, in the order in which they came.
    pub fn iter(&self) -> BatchIter<'_> {
        let storage = self.storage();
        BatchIter { storage, items: storage.items.iter(), text_from: 0, binary_from: 0 }
    }

    fn storage(&self) -> &Storage {
        self.filled.as_deref().unwrap_or(&EMPTY)
    }

    /// Forgets the messages and keeps the memory.
    pub(crate) fn clear(&mut self) {
        if let Some(storage) = &mut self.filled {
            storage.clear();
        }
    }

    /// Gives the memory of an empty batch back.
    #[inline]
    pub(crate) fn release(&mut self) {
        if let Some(storage) = self.filled.take()
            && storage.memory_bytes() <= SPARE_BYTES_MAX
        {
            SPARE.set(Some(storage));
        }
    }

    #[inline(always)]
    pub(crate) fn push(&mut self, received: Received<'_>) {
        self.storage_mut().push(received);
    }

    /// The same for a binary message that is still masked.
    #[inline(always)]
    pub(crate) fn push_binary(&mut self, bytes: &Masked<'_>) {
        self.storage_mut().push_binary(|binary| bytes.append_to(binary));
    }

    #[inline]
    fn storage_mut(&mut self) -> &mut Storage {
        self.filled.get_or_insert_with(take_spare)
    }
}

#[cold]
fn take_spare() -> Box<Storage> {
    SPARE.take().unwrap_or_default()
}

impl Storage {
    fn clear(&mut self) {
        self.items.clear();
        self.text.clear();
        self.binary.clear();
        if !self.whole.is_empty() {
            self.whole.clear();
        }
    }

    fn memory_bytes(&self) -> usize {
        self.items.capacity() * size_of::<Item>()
            + self.text.capacity()
            + self.binary.capacity()
            + self.whole.capacity() * size_of::<Message>()
    }

    #[inline(always)]
    fn push(&mut self, received: Received<'_>) {
        match received {
            Received::Text(text) => {
                self.text.push_str(text);
                self.items.push(Item { kind: ItemKind::Text, end: self.text.len() });
            }
            Received::Binary(bytes) => self.push_binary(|binary| binary.extend_from_slice(bytes)),
            Received::Whole(message) => self.push_whole(message),
        }
    }

    #[inline]
    fn push_binary(&mut self, append: impl FnOnce(&mut Vec<u8>)) {
        append(&mut self.binary);
        self.items.push(Item { kind: ItemKind::Binary, end: self.binary.len() });
    }

    #[cold]
    fn push_whole(&mut self, message: Message) {
        self.whole.push(message);
        self.items.push(Item { kind: ItemKind::Whole, end: self.whole.len() });
    }
}

impl fmt::Debug for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Batch({} messages)", self.len())
    }
}

impl<'a> IntoIterator for &'a Batch {
    type Item = Received<'a>;
    type IntoIter = BatchIter<'a>;

    fn into_iter(self) -> BatchIter<'a> {
        self.iter()
    }
}

/// The messages of a [`Batch`]. Large ones are shared with it, small ones borrowed from it.
pub struct BatchIter<'a> {
    storage: &'a Storage,
    items: std::slice::Iter<'a, Item>,
    text_from: usize,
    binary_from: usize,
}

impl<'a> Iterator for BatchIter<'a> {
    type Item = Received<'a>;

    #[inline]
    fn next(&mut self) -> Option<Received<'a>> {
        let Item { kind, end } = *self.items.next()?;
        Some(match kind {
            ItemKind::Text => {
                let from = std::mem::replace(&mut self.text_from, end);
                Received::Text(&self.storage.text[from..end])
            }
            ItemKind::Binary => {
                let from = std::mem::replace(&mut self.binary_from, end);
                Received::Binary(&self.storage.binary[from..end])
            }
            ItemKind::Whole => Received::Whole(self.storage.whole[end - 1].clone()),
        })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.items.size_hint()
    }
}

impl ExactSizeIterator for BatchIter<'_> {}

impl fmt::Debug for BatchIter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BatchIter({} messages)", self.len())
    }
}

/// Payload that a batch takes before it is full: about what one read brings.
const BATCH_BYTES: usize = 256 << 10;

/// Puts messages into a batch.
struct Fill<'a> {
    batch: &'a mut Batch,
    messages: usize,
    bytes: usize,
}

impl Fill<'_> {
    #[inline]
    fn took(&mut self, bytes: usize) -> Next {
        self.messages += 1;
        self.bytes += bytes;
        if self.bytes < BATCH_BYTES { Next::Messages } else { Next::Nothing }
    }
}

impl Sink for Fill<'_> {
    #[inline(always)]
    fn on_event(&mut self, event: Event<'_>) -> Next {
        let Event::Message(received) = event else { return Next::Any };
        let bytes = received.as_bytes().len();
        self.batch.push(received);
        self.took(bytes)
    }

    #[inline(always)]
    fn on_in_place(&mut self, message: InPlace<'_>, _answers: Answers<'_>) -> Next {
        let bytes = match message {
            InPlace::Text(text) => {
                self.batch.push(Received::Text(text));
                text.len()
            }
            InPlace::Binary(bytes) => {
                self.batch.push_binary(&bytes);
                bytes.len()
            }
        };
        self.took(bytes)
    }

    fn is_satisfied(&self) -> bool {
        self.messages > 0
    }
}

pub(crate) fn poll_recv_many<S: AsyncRead + AsyncWrite + Unpin>(
    driver: &mut Driver<S>,
    cx: &mut Context<'_>,
    batch: &mut Batch,
) -> Poll<Result<usize, Error>> {
    batch.clear();
    ready!(driver.poll_turn(cx));
    let mut fill = Fill { batch: &mut *batch, messages: 0, bytes: 0 };
    while let Some(message) = driver.pop_ahead() {
        fill.on_event(Event::Message(Received::Whole(message)));
    }
    match driver.poll_events(cx, &mut fill) {
        Poll::Ready(Ok(Progress::Satisfied)) => {
            let messages = fill.messages;
            driver.handed_out(messages);
            Poll::Ready(Ok(messages))
        }
        Poll::Ready(Ok(Progress::Closed)) => Poll::Ready(Ok(0)),
        Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
        Poll::Pending => {
            batch.release();
            Poll::Pending
        }
    }
}
