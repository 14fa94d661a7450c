//! [`WebSocket`]: one connection, used from one task.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use trunkline_proto::{
    CloseCode, CloseInfo, Event, Message, MessageKind, Outgoing, Prepared, QueueError,
    QueueErrorKind, Received,
};

use crate::access::Access;
use crate::answers::{Answers, poll_answers};
use crate::batch::{Batch, poll_recv_many};
use crate::driver::{Driver, Next, OwnedDriver, Sink};
use crate::error::{Error, SendError};
use crate::incoming::{Incoming, poll_recv_incoming};
#[cfg(any(feature = "axum", feature = "tower"))]
use crate::observe::Scope;
use crate::split::{Reader, Writer, split};
use crate::streaming::{MessageReader, MessageWriter};
#[cfg(feature = "server")]
use crate::tether::Tie;
use crate::transport::Transport;

/// A WebSocket connection over the stream `S`, which is [`Transport`] if the library has made it.
///
/// Receiving answers pings, sees to the closing handshake, and writes what [`feed`](Self::feed)
/// queued; sending does so as far as it has to wait. Nothing happens while no method is being
/// awaited: a connection that neither receives nor sends answers no pings.
///
/// For one task that receives and another that sends, see [`split`](Self::split).
///
/// ```
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
/// # let address = listener.local_addr()?;
/// # tokio::spawn(async move {
/// #     let tcp = tokio::net::TcpStream::connect(address).await.unwrap();
/// #     let mut ws = trunkline::connect_over("ws://localhost/", tcp).await.unwrap();
/// #     ws.send("hello").await.unwrap();
/// #     assert_eq!(ws.recv().await.unwrap().unwrap().as_text(), Some("hello"));
/// #     ws.close(trunkline::CloseCode::NORMAL, "").await.unwrap();
/// # });
/// let (tcp, _) = listener.accept().await?;
/// let mut ws = trunkline::accept(tcp).await?;
/// while let Some(message) = ws.recv().await? {
///     ws.send(message).await?;
/// }
/// # Ok(()) }
/// # tokio::runtime::Runtime::new().unwrap().block_on(run()).unwrap();
/// ```
pub struct WebSocket<S = Transport> {
    driver: OwnedDriver<S>,
}

impl<S> WebSocket<S> {
    pub(crate) fn new(driver: Driver<S>) -> Self {
        Self::from_driver(driver.into())
    }

    pub(crate) fn from_driver(driver: OwnedDriver<S>) -> Self {
        Self { driver }
    }

    /// Ties the connection to whoever may tell it to close.
    #[cfg(feature = "server")]
    pub(crate) fn tie(&mut self, tie: Tie<S>) {
        self.driver.tie(tie);
    }

    #[cfg(feature = "stream")]
    pub(crate) fn driver(&self) -> &Driver<S> {
        &self.driver
    }

    /// The span that whoever serves it runs in.
    #[cfg(any(feature = "axum", feature = "tower"))]
    pub(crate) fn scope(&self) -> &Scope {
        self.driver.life().scope()
    }

    pub(crate) fn driver_mut(&mut self) -> &mut Driver<S> {
        &mut self.driver
    }

    /// Whether neither side has begun to close.
    #[cfg(feature = "client")]
    pub(crate) fn is_open(&self) -> bool {
        self.driver.connection().is_open()
    }

    /// The subprotocol that both sides agreed on, if any.
    pub fn subprotocol(&self) -> Option<&str> {
        self.driver.subprotocol()
    }

    /// How the connection was closed, once [`recv`](Self::recv) has given `None`.
    ///
    /// ```
    /// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
    /// # use trunkline::{CloseCode, Initiator};
    /// # let (mut ws, mut peer) = trunkline::testing::pair().await;
    /// # tokio::spawn(async move { peer.close(CloseCode::GOING_AWAY, "good night").await });
    /// while let Some(message) = ws.recv().await? {
    ///     println!("{} bytes", message.len());
    /// }
    /// let info = ws.close_info().expect("it has been closed");
    /// assert_eq!(info.initiator, Initiator::Peer);
    /// assert_eq!(info.code, Some(CloseCode::GOING_AWAY));
    /// assert_eq!(info.reason, "good night");
    /// # Ok(()) }
    /// # tokio::runtime::Runtime::new().unwrap().block_on(run()).unwrap();
    /// ```
    pub fn close_info(&self) -> Option<&CloseInfo> {
        self.driver.close_info()
    }

    /// The time between the newest answered ping and its pong; `None` before the first.
    pub fn round_trip(&self) -> Option<Duration> {
        self.driver.connection().round_trip()
    }

    /// Whether messages are compressed when that pays: both sides agreed to in the handshake.
    pub fn is_compressed(&self) -> bool {
        self.driver.connection().is_compressed()
    }

    /// Bytes that [`feed`](Self::feed) queued and that have not been written yet.
    pub fn queued_bytes(&self) -> usize {
        self.driver.connection().transmit_bytes()
    }

    /// The stream underneath, to ask it about addresses or certificates.
    pub fn stream(&self) -> &S {
        self.driver.stream()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> WebSocket<S> {
    /// Receives the next message, or `None` once the connection has been closed by a closing
    /// handshake, whoever began it ([`close_info`](Self::close_info) tells how).
    ///
    /// Before it waits, it writes what [`feed`](Self::feed) queued. After 128 messages in a row it lets
    /// other tasks have their turn, however many more are there.
    ///
    /// # Errors
    /// How the connection ended otherwise. After that it gives `None`.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing: no message, and nothing of what was queued.
    pub async fn recv(&mut self) -> Result<Option<Message>, Error> {
        poll_fn(|cx| poll_recv(&mut self.driver, cx)).await
    }

    /// Receives all messages that have come in, at least one, into `batch`, which is emptied before.
    /// Gives how many: 0 once the connection has been closed by a closing handshake.
    ///
    /// The fastest way to receive many small messages: they cost no allocation of their own. A batch
    /// ends with what one read brought, so answers that are fed while it is gone through leave in one write.
    ///
    /// # Errors
    /// How the connection ended otherwise, after the messages that came before have been received.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing: messages are in `batch` only once it has given their number.
    pub async fn recv_many(&mut self, batch: &mut Batch) -> Result<usize, Error> {
        let driver = &mut *self.driver;
        poll_fn(|cx| poll_recv_many(driver, cx, batch)).await
    }

    /// Answers each message that comes in, until the connection has been closed by a closing handshake.
    ///
    /// `answer` is given the message where it lies, and [`Answers`] to queue what is to be said to it: one message,
    /// several, or none. What is queued in answer to one read leaves in one write. The fastest way to serve small
    /// messages: neither they nor their answers are kept anywhere in between.
    ///
    /// ```
    /// # use trunkline::{Received, SendError, WebSocket};
    /// async fn serve(mut ws: WebSocket) -> Result<(), SendError> {
    ///     let mut sum = 0;
    ///     ws.answer(|message, answers| {
    ///         match message.as_text().and_then(|text| text.parse::<i64>().ok()) {
    ///             Some(number) => sum += number,
    ///             None => return answers.feed("send me numbers"),
    ///         }
    ///         answers.feed(sum.to_string())
    ///     })
    ///     .await
    /// }
    /// ```
    ///
    /// A message is taken only when there is room for an answer, so a peer that sends and does not receive is
    /// not read from either. After 128 messages in a row, and those that came with the last, it lets other tasks
    /// have their turn.
    ///
    /// # Errors
    /// What `answer` gives ends it, and the connection can be used on. Otherwise, how the connection ended.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing: each message has either been answered or is received by the next
    /// call, and answers that were queued are written by the next call that writes.
    pub async fn answer<F>(&mut self, mut answer: F) -> Result<(), SendError>
    where
        F: FnMut(Received<'_>, &mut Answers<'_>) -> Result<(), SendError>,
    {
        let driver = &mut *self.driver;
        poll_fn(|cx| poll_answers(driver, cx, &mut answer)).await
    }

    /// Receives what comes next, be it a message, a ping or a pong; otherwise as [`recv`](Self::recv).
    ///
    /// For tools that show what a connection carries. Pings that come in while a `send` waits are
    /// answered and not given.
    ///
    /// # Errors
    /// How the connection ended otherwise. After that it gives `None`.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    ///
    /// # Examples
    /// ```no_run
    /// # async fn run(mut ws: trunkline::WebSocket) -> Result<(), Box<dyn std::error::Error>> {
    /// use trunkline::Incoming;
    ///
    /// ws.ping().await?;
    /// while let Some(incoming) = ws.recv_incoming().await? {
    ///     if let Incoming::Pong(Some(round_trip)) = incoming {
    ///         println!("pong after {round_trip:?}");
    ///     }
    /// }
    /// # Ok(()) }
    /// ```
    pub async fn recv_incoming(&mut self) -> Result<Option<Incoming>, Error> {
        poll_fn(|cx| poll_recv_incoming(&mut self.driver, cx)).await
    }

    /// Receives the next message in chunks as it comes in, of whatever length: only
    /// [`Limits::frame_bytes`](trunkline_proto::limits::Limits::frame_bytes) bounds it. `None` once the
    /// connection has been closed by a closing handshake.
    ///
    /// # Errors
    /// How the connection ended otherwise.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing; a message that has begun by then is received in chunks by
    /// the next call. Dropping the [`MessageReader`] before its end throws the rest of its message away.
    ///
    /// # Examples
    /// ```
    /// # use trunkline::WebSocket;
    /// # async fn receive(ws: &mut WebSocket) -> Result<(), Box<dyn std::error::Error>> {
    /// // Into a file, whatever its size; `take` bounds it.
    /// use tokio::io::AsyncReadExt;
    ///
    /// if let Some(message) = ws.recv_streamed().await? {
    ///     let mut file = tokio::fs::File::create("upload").await?;
    ///     tokio::io::copy(&mut message.take(16 << 30), &mut file).await?;
    /// }
    /// # Ok(()) }
    /// ```
    pub async fn recv_streamed(&mut self) -> Result<Option<MessageReader<'_, S>>, Error> {
        MessageReader::next(Access::Owned(&mut self.driver)).await
    }

    /// Sends a message and waits until the transport has taken it, together with all that was queued before.
    ///
    /// # Errors
    /// Why it was not sent. The message is in the error if none of it was queued.
    ///
    /// # Cancel safety
    /// If the future is dropped, the message was either not queued at all, or queued whole: then it is
    /// written by the next call that writes. Frames are never cut.
    pub async fn send<'m>(&mut self, message: impl Into<Outgoing<'m>>) -> Result<(), SendError> {
        self.feed(message).await?;
        poll_fn(|cx| self.driver.poll_flush(cx))
            .await
            .map_err(|error| SendError::broken(error, None))
    }

    /// Queues a message. It is written with all that is queued by the next [`flush`](Self::flush) or
    /// [`send`](Self::send), by a `recv` that has to wait, or when as much is queued as
    /// [`Limits::send_high_water_bytes`](trunkline_proto::limits::Limits::send_high_water_bytes) says: only
    /// then does this wait.
    ///
    /// # Errors
    /// Why it was not queued, with the message.
    ///
    /// # Cancel safety
    /// If the future is dropped while it waits, the message was not queued.
    #[inline]
    pub async fn feed<'m>(&mut self, message: impl Into<Outgoing<'m>>) -> Result<(), SendError> {
        self.driver.before_queue();
        match self.driver.queue(message) {
            Ok(()) => Ok(()),
            Err(error) => feed_later(&mut self.driver, error).await,
        }
    }

    /// Queues messages one after the other, as [`feed`](Self::feed) does: the fastest way to answer a
    /// [`Batch`].
    ///
    /// # Errors
    /// Why one was not queued, with it; those before it have been.
    ///
    /// # Cancel safety
    /// If the future is dropped while it waits, some of the messages were queued and the rest not.
    pub async fn feed_all<'m, M>(
        &mut self,
        messages: impl IntoIterator<Item = M>,
    ) -> Result<(), SendError>
    where
        M: Into<Outgoing<'m>>,
    {
        let driver = &mut *self.driver;
        driver.before_queue();
        let mut messages = messages.into_iter();
        loop {
            let Some(refused) = queue_all(driver, &mut messages) else { return Ok(()) };
            feed_later(driver, refused).await?;
        }
    }

    /// Begins a message that is sent as it is made, in parts of any size and without knowing its length.
    /// Until it is finished no other message can be sent; pings are still answered between its parts.
    ///
    /// # Errors
    /// If the connection is closing, or another such message was not finished.
    ///
    /// # Examples
    /// ```
    /// # use trunkline::{MessageKind, SendError, WebSocket};
    /// # async fn send(ws: &mut WebSocket) -> Result<(), SendError> {
    /// let mut message = ws.send_streamed(MessageKind::Text)?;
    /// for row in 0..1_000_000 {
    ///     message.write(format!("{row}\n").as_bytes()).await?;
    /// }
    /// message.finish().await?;
    /// # Ok(()) }
    /// ```
    pub fn send_streamed(&mut self, kind: MessageKind) -> Result<MessageWriter<'_, S>, SendError> {
        MessageWriter::begin(Access::Owned(&mut self.driver), kind)
    }

    /// Bytes of memory that it holds for messages that have come in part, for what waits to be written, and for
    /// compression. None while nothing is under way, unless contexts of compression are kept.
    #[inline]
    pub fn memory_bytes(&self) -> usize {
        self.driver.memory_bytes()
    }

    /// Whether [`try_feed`](Self::try_feed) has room for another message: less waits to be written than
    /// [`Limits::send_high_water_bytes`](trunkline_proto::limits::Limits::send_high_water_bytes). For
    /// whoever keeps a queue of its own, and takes from it no more than the connection does.
    #[inline]
    pub fn has_room(&self) -> bool {
        !self.driver.connection().is_above_high_water()
    }

    /// Queues a message as [`feed`](Self::feed) does, but does not wait for room.
    ///
    /// ```
    /// # fn run(ws: &mut trunkline::WebSocket, outbox: &mut Vec<String>) -> Result<(), trunkline::SendError> {
    /// while ws.has_room() && let Some(message) = outbox.pop() {
    ///     ws.try_feed(message)?;
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// Why it was not queued, with the message; [`SendErrorKind::Refused`](crate::SendErrorKind::Refused) with
    /// [`QueueErrorKind::Full`] if there is no room.
    #[inline]
    pub fn try_feed<'m>(&mut self, message: impl Into<Outgoing<'m>>) -> Result<(), SendError> {
        self.driver.before_queue();
        let queued = self.driver.queue(message);
        queued.map_err(|error| SendError::refused(error.kind(), owned(error.into_outgoing())))
    }

    /// Queues what is left of a prepared message, of whose [`frame`](Prepared::frame) the caller has written the first
    /// `written` bytes to the stream.
    ///
    /// For whoever has the sockets of very many connections side by side, and writes one message to all of them: what
    /// a socket takes at once can go past the connection, whose memory need not be touched then. That is for servers, as
    /// clients mask, and only where messages are not [compressed](Self::is_compressed), nothing is queued, no message is
    /// being sent in parts, and nobody has begun to close.
    ///
    /// ```
    /// # use tokio::net::TcpStream; use trunkline::{Prepared, WebSocket};
    /// # async fn tell(ws: &mut WebSocket<TcpStream>, news: &Prepared) -> Result<(), Box<dyn std::error::Error>> {
    /// let written = ws.stream().try_write(news.frame())?;
    /// if written < news.frame().len() {
    ///     ws.feed_rest(news, written)?;
    ///     ws.flush().await?;
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// If the connection is closing.
    ///
    /// # Panics
    /// If something is queued, messages are compressed, or this is a client: what was written is not what this
    /// connection would have sent.
    pub fn feed_rest(&mut self, prepared: &Prepared, written: usize) -> Result<(), SendError> {
        self.driver.before_queue();
        self.driver.queue_rest(prepared, written).map_err(|kind| SendError::refused(kind, None))
    }

    /// Waits until the transport has taken everything that is queued.
    ///
    /// # Errors
    /// How the connection broke.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing: what was not written stays queued.
    pub async fn flush(&mut self) -> Result<(), Error> {
        poll_fn(|cx| self.driver.poll_flush(cx)).await
    }

    /// Sends a ping. [`round_trip`](Self::round_trip) tells how long its answer took, once a `recv`
    /// has met it. There is no need for this to keep a connection alive: see
    /// [`Settings::keepalive_interval`](trunkline_proto::limits::Settings::keepalive_interval).
    ///
    /// # Errors
    /// How the connection broke.
    ///
    /// # Cancel safety
    /// If the future is dropped, the ping is queued and written by the next call that writes.
    pub async fn ping(&mut self) -> Result<(), Error> {
        self.driver.ping();
        self.flush().await
    }

    /// Closes the connection: sends what is queued and a close frame with `code` and `reason` (cut to
    /// 123 bytes), receives and throws away what the peer still sends, and waits for its close frame
    /// and for the end of the transport, at most
    /// [`Settings::close_timeout`](trunkline_proto::limits::Settings::close_timeout).
    ///
    /// If the peer was faster, `code` and `reason` are its own: [`close_info`](Self::close_info) tells.
    ///
    /// # Errors
    /// How the connection ended otherwise.
    ///
    /// # Cancel safety
    /// If the future is dropped, closing has begun: calling it again waits for the rest.
    pub async fn close(&mut self, code: CloseCode, reason: &str) -> Result<(), Error> {
        self.driver.begin_close(code, reason);
        poll_fn(|cx| self.driver.poll_close(cx)).await
    }

    /// Two halves, for a task that receives and another that sends. No lock is held while either waits.
    ///
    /// Often there is no need to: [`recv`](Self::recv) loses nothing in a `select!`, whose other branches can
    /// send in their bodies.
    ///
    /// ```
    /// # use trunkline::{SendError, WebSocket};
    /// # async fn run(ws: WebSocket) -> Result<(), SendError> {
    /// let (mut reader, mut writer) = ws.split();
    /// let reading = tokio::spawn(async move {
    ///     while let Ok(Some(message)) = reader.recv().await {
    ///         println!("{} bytes", message.len());
    ///     }
    /// });
    /// for n in 0..1000 {
    ///     writer.feed(n.to_string()).await?;
    /// }
    /// writer.flush().await?;
    /// # let _ = reading.await;
    /// # Ok(()) }
    /// ```
    pub fn split(self) -> (Reader<S>, Writer<S>) {
        split(self.driver)
    }
}

impl<S> fmt::Debug for WebSocket<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WebSocket").field(self.driver.connection()).finish()
    }
}

/// Takes the first message.
struct One(Option<Message>);

impl Sink for One {
    #[inline]
    fn on_event(&mut self, event: Event<'_>) -> Next {
        let Event::Message(received) = event else { return Next::Any };
        self.0 = Some(received.into_message());
        Next::Nothing
    }

    fn is_satisfied(&self) -> bool {
        self.0.is_some()
    }
}

pub(crate) fn poll_recv<S: AsyncRead + AsyncWrite + Unpin>(
    driver: &mut Driver<S>,
    cx: &mut Context<'_>,
) -> Poll<Result<Option<Message>, Error>> {
    ready!(driver.poll_turn(cx));
    driver.handed_out(1);
    if let Some(message) = driver.pop_ahead() {
        return Poll::Ready(Ok(Some(message)));
    }
    let mut one = One(None);
    driver.poll_events(cx, &mut one).map_ok(|_| one.0)
}

/// Queues messages up to the first that is refused, which it gives. Apart from the future that waits
/// then: what lives across a wait lies in memory, and this is to keep a message in registers.
#[inline]
fn queue_all<'m, S, M: Into<Outgoing<'m>>>(
    driver: &mut Driver<S>,
    messages: &mut impl Iterator<Item = M>,
) -> Option<QueueError<'m>> {
    messages.find_map(|message| driver.queue(message).err())
}

/// Queues a refused message as soon as it can be. On the heap: it is rare, and larger than all else that the
/// futures of callers keep room for.
#[cold]
fn feed_later<'a, S: AsyncRead + AsyncWrite + Unpin>(
    driver: &'a mut Driver<S>,
    refused: QueueError<'a>,
) -> Pin<Box<impl Future<Output = Result<(), SendError>>>> {
    Box::pin(feed_when_there_is_room(driver, refused))
}

async fn feed_when_there_is_room<S: AsyncRead + AsyncWrite + Unpin>(
    driver: &mut Driver<S>,
    refused: QueueError<'_>,
) -> Result<(), SendError> {
    let kind = refused.kind();
    let message = refused.into_outgoing();
    if kind != QueueErrorKind::Full {
        return Err(SendError::refused(kind, owned(message)));
    }
    let mut message = Some(message);
    poll_fn(|cx| poll_feed(driver, cx, &mut message)).await
}

/// Queues `message` once there is room; it stays in place until then.
pub(crate) fn poll_feed<S: AsyncRead + AsyncWrite + Unpin>(
    driver: &mut Driver<S>,
    cx: &mut Context<'_>,
    message: &mut Option<Outgoing<'_>>,
) -> Poll<Result<(), SendError>> {
    let room = ready!(driver.poll_room(cx));
    let Some(message) = message.take() else { return Poll::Ready(Ok(())) };
    if let Err(error) = room {
        return Poll::Ready(Err(SendError::broken(error, owned(message))));
    }
    driver.before_queue();
    Poll::Ready(match driver.queue(message) {
        Ok(()) => Ok(()),
        Err(error) => Err(SendError::refused(error.kind(), owned(error.into_outgoing()))),
    })
}

/// What comes back to a caller who had given it away.
pub(crate) fn owned(message: Outgoing<'_>) -> Option<Message> {
    match message {
        Outgoing::Message(message) => Some(message),
        _ => None,
    }
}
