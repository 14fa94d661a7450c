//! Many messages at once.

use std::fmt;

use trunkline_proto::{Message, Received};

/// The messages that one read brought, see [`WebSocket::recv_many`](crate::WebSocket::recv_many).
///
/// Payloads of small messages lie side by side in the batch, so that a message costs no allocation.
/// Reuse one batch for the life of a connection: while nothing comes in, it owns no memory.
///
/// ```
/// # use trunkline::{Batch, WebSocket};
/// # async fn echo(mut ws: WebSocket<tokio::net::TcpStream>) -> Result<(), Box<dyn std::error::Error>> {
/// let mut batch = Batch::new();
/// while ws.recv_many(&mut batch).await? > 0 {
///     for message in &batch {
///         ws.feed(message).await?;
///     }
/// }
/// # Ok(()) }
/// ```
#[derive(Default)]
pub struct Batch {
    items: Vec<Item>,
    text: String,
    binary: Vec<u8>,
}

/// One message: where its payload ends in the buffer of its kind, or the message itself.
enum Item {
    Text(usize),
    Binary(usize),
    Whole(Message),
}

impl Batch {
    /// An empty batch; allocates nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many messages it holds.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// The messages, in the order in which they came.
    pub fn iter(&self) -> Iter<'_> {
        Iter { batch: self, next: 0, text_from: 0, binary_from: 0 }
    }

    /// Forgets the messages and keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.items.clear();
        self.text.clear();
        self.binary.clear();
    }

    /// Forgets the messages and gives the memory back.
    pub(crate) fn release(&mut self) {
        *self = Self::default();
    }

    /// Makes room for what `input_bytes` of input can hold, so that it need not grow step by step.
    pub(crate) fn reserve(&mut self, input_bytes: usize) {
        if self.items.capacity() == 0 {
            // One buffer is enough for the input; which one it will be is not known yet.
            let first_guess = (input_bytes / 32).clamp(4, 64);
            self.items.reserve(first_guess);
        }
    }

    #[inline]
    pub(crate) fn push(&mut self, received: Received<'_>) {
        self.items.push(match received {
            Received::Text(text) => {
                self.text.push_str(text);
                Item::Text(self.text.len())
            }
            Received::Binary(bytes) => {
                self.binary.extend_from_slice(bytes);
                Item::Binary(self.binary.len())
            }
            Received::Whole(message) => Item::Whole(message),
        });
    }
}

impl fmt::Debug for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Batch({} messages)", self.len())
    }
}

impl<'a> IntoIterator for &'a Batch {
    type Item = Received<'a>;
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

/// The messages of a [`Batch`]. Large ones are shared with it, small ones borrowed from it.
#[derive(Debug)]
pub struct Iter<'a> {
    batch: &'a Batch,
    next: usize,
    text_from: usize,
    binary_from: usize,
}

impl<'a> Iterator for Iter<'a> {
    type Item = Received<'a>;

    #[inline]
    fn next(&mut self) -> Option<Received<'a>> {
        let item = self.batch.items.get(self.next)?;
        self.next += 1;
        Some(match item {
            Item::Text(to) => {
                let from = std::mem::replace(&mut self.text_from, *to);
                Received::Text(&self.batch.text[from..*to])
            }
            Item::Binary(to) => {
                let from = std::mem::replace(&mut self.binary_from, *to);
                Received::Binary(&self.batch.binary[from..*to])
            }
            Item::Whole(message) => Received::Whole(message.clone()),
        })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.batch.len() - self.next;
        (left, Some(left))
    }
}

impl ExactSizeIterator for Iter<'_> {}
