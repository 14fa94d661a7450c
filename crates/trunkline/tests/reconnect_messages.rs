//! What happens to messages when a connection is lost, and while there is none: nothing is sent twice,
//! and what cannot have been sent is not lost.

mod support;

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use trunkline::reconnect::{Reconnecting, SendErrorKind, State, Unsent};
use trunkline::testing::{Faulty, Peer, Pipe, pair_over, pipe};
use trunkline::{Acceptor, CloseCode, Connector, Message, WebSocket};

use support::outages::{Meets, World, faulty_peer};
use support::*;

const QUEUE: Unsent = Unsent::Queue { bytes: 1 << 20, count: 1000 };

fn text(message: &Message) -> &str {
    message.as_text().unwrap()
}

fn texts(messages: &[Message]) -> Vec<&str> {
    messages.iter().map(text).collect()
}

/// Connections to servers that take down what they receive, until they are cut.
#[derive(Clone, Default)]
struct Servers {
    received: Arc<Mutex<Vec<String>>>,
}

impl Servers {
    /// A client of theirs, whose connections each take so many bytes, and the last as many as there are.
    fn client(&self, cuts: &[u64]) -> Reconnecting<Faulty<Pipe>> {
        let (received, mut cuts) = (Arc::clone(&self.received), VecDeque::from(cuts.to_vec()));
        Reconnecting::from_fn(move || {
            let (received, cut) = (Arc::clone(&received), cuts.pop_front());
            async move {
                // As with a network, it is not there on the spot.
                tokio::time::sleep(Duration::from_millis(1)).await;
                let (ours, theirs) = pipe(1 << 20);
                let (ours, faults) = trunkline::testing::faulty(ours, 0);
                let pair = pair_over(&Connector::new(), &Acceptor::new(), ours, theirs).await?;
                let (client, mut server) = pair;
                if let Some(cut) = cut {
                    faults.cut_after_writing(faults.bytes_written() + cut);
                }
                tokio::spawn(async move {
                    while let Ok(Some(message)) = server.recv().await {
                        received.lock().unwrap().push(text(&message).to_owned());
                    }
                });
                Ok(client)
            }
        })
    }

    fn received(&self) -> Vec<String> {
        self.received.lock().unwrap().clone()
    }
}

const MESSAGES: [&str; 5] = ["zero", "one", "", "three", "four"];

/// Bytes that they take on the wire, with two bytes of header and four of mask each.
const BYTES: u64 = 4 + 3 + 5 + 4 + 5 * 6;

/// The default, cut at each byte: the peer has a message, or it comes back. Never both, never neither.
#[tokio::test(start_paused = true)]
async fn fail_gives_back_exactly_what_the_peer_has_not_got() {
    for cut in 0..=BYTES {
        let servers = Servers::default();
        let mut ws = servers.client(&[cut]);
        ws.connected().await.unwrap();
        for message in &MESSAGES[..4] {
            ws.feed(*message).await.unwrap();
        }
        let sent = ws.send(MESSAGES[4]).await;
        let mut back = ws.take_unsent();
        if let Err(error) = sent {
            assert!(matches!(error.kind(), SendErrorKind::Unsent), "{error:?}");
            back.push(error.into_message().unwrap());
        } else {
            assert_eq!(cut, BYTES);
        }
        // The next connection brings nothing of it.
        let _ = ws.connected().await;
        ws.close(CloseCode::NORMAL, "").await.ok();
        tokio::task::yield_now().await;
        let mut all = servers.received();
        all.extend(texts(&back).into_iter().map(str::to_owned));
        assert_eq!(all, MESSAGES, "cut after {cut} bytes");
    }
}

/// With a queue, cut at each byte, three times over: the peer gets each message once, in order.
#[tokio::test(start_paused = true)]
async fn queue_sends_exactly_what_the_peer_has_not_got() {
    for cut in 0..=BYTES {
        let servers = Servers::default();
        let mut ws = servers.client(&[cut, cut / 2, 0]).with_unsent(QUEUE);
        ws.connected().await.unwrap();
        for message in &MESSAGES[..4] {
            ws.feed(*message).await.unwrap();
        }
        ws.send(MESSAGES[4]).await.unwrap();
        ws.flush().await.unwrap();
        assert_eq!(ws.unsent(), 0);
        // Where it is about to be cut, it cannot be closed in order any more.
        let _ = ws.close(CloseCode::NORMAL, "").await;
        tokio::task::yield_now().await;
        assert_eq!(servers.received(), MESSAGES, "cut after {cut} bytes");
    }
}

/// The same for a program that only receives: `recv` sends what is queued.
#[tokio::test(start_paused = true)]
async fn recv_sends_what_is_queued() {
    let servers = Servers::default();
    let mut ws = servers.client(&[10_000, 20_000]).with_unsent(QUEUE);
    let messages: Vec<String> = (0..500).map(|n| format!("{n:0>1000}")).collect();
    for message in &messages {
        ws.send(message).await.unwrap();
    }
    assert_eq!((ws.unsent(), servers.received().len()), (500, 0));
    let all = async {
        while servers.received().len() < 500 {
            tokio::time::sleep(secs(1)).await;
        }
    };
    tokio::select! {
        received = ws.recv() => panic!("{received:?}"),
        () = all => {}
    }
    assert_eq!(servers.received(), messages);
    assert_eq!((ws.unsent(), ws.connections()), (0, 3));
}

#[tokio::test(start_paused = true)]
async fn fail_gives_a_message_back_at_once_while_there_is_no_connection() {
    let world = World::of([Peer::script().expect_text("later").expect_close(1000)]);
    let mut ws = world.client();
    for _ in 0..2 {
        let error = ws.send("now").await.unwrap_err();
        assert!(matches!(error.kind(), SendErrorKind::NotConnected));
        assert!(!error.is_in_doubt() && !error.is_ended());
        assert_eq!(text(&error.into_message().unwrap()), "now");
        let error = ws.feed(String::from("now")).await.unwrap_err();
        assert_eq!(text(error.message().unwrap()), "now");
    }
    // Nothing was left behind, and there is nothing to flush.
    assert_eq!((ws.unsent(), ws.take_unsent().len()), (0, 0));
    ws.flush().await.unwrap();
    // It has begun to connect all the same.
    assert_eq!(ws.state(), State::Connecting);
    ws.connected().await.unwrap();
    ws.send("later").await.unwrap();
    ws.close(CloseCode::NORMAL, "").await.unwrap();
    world.is_over().await;
}

#[tokio::test(start_paused = true)]
async fn queue_is_sent_after_the_hook_and_in_order() {
    let peer = ["subscribe", "one", "two", "three"]
        .into_iter()
        .fold(Peer::script(), |peer, expect| peer.expect_text(expect))
        .expect_close(1000);
    let world = World::of([Meets::Nobody, peer.into()]);
    let mut ws = world.client().with_unsent(QUEUE).with_hook(|mut ws| async move {
        ws.feed("subscribe").await?;
        Ok(ws)
    });
    ws.send("one").await.unwrap();
    ws.feed("two").await.unwrap();
    assert_eq!(ws.unsent(), 2);
    ws.connected().await.unwrap();
    ws.send("three").await.unwrap();
    ws.close(CloseCode::NORMAL, "").await.unwrap();
    world.is_over().await;
}

#[tokio::test(start_paused = true)]
async fn queue_is_bounded_while_there_is_no_connection() {
    let world = World::of([const { Meets::Nobody }; 1]);
    let mut ws = world.client().with_unsent(Unsent::Queue { bytes: 100, count: 3 });
    for message in ["one", "two", "three"] {
        ws.send(message).await.unwrap();
    }
    let error = ws.send("four").await.unwrap_err();
    assert!(matches!(error.kind(), SendErrorKind::QueueFull));
    assert_eq!(text(&error.into_message().unwrap()), "four");
    assert_eq!(texts(&ws.take_unsent()), ["one", "two", "three"]);

    ws.send(vec![0; 99]).await.unwrap();
    ws.send(vec![0; 5000]).await.unwrap();
    assert!(ws.feed("").await.is_err(), "one message may go beyond the bound, no more");
}

/// With a connection it is a bound as well, on what a peer that does not read makes wait.
#[tokio::test(start_paused = true)]
async fn queue_waits_for_a_peer_that_does_not_read() {
    for (unsent, expect) in [
        (Unsent::Queue { bytes: 1 << 20, count: 10 }, 10),
        (Unsent::Queue { bytes: 1000, count: 1000 }, 10),
        (Unsent::Queue { bytes: 0, count: 0 }, 1),
    ] {
        let world = World::of([faulty_peer(Peer::script(), |faults| {
            faults.stall_writes_after(0);
        })]);
        let mut ws = world.client().with_unsent(unsent);
        ws.connected().await.unwrap();
        let mut fed = 0;
        while poll_up_to(1, ws.feed(vec![0; 100])).is_some_and(|it| it.is_ok()) {
            fed += 1;
        }
        assert_eq!((fed, ws.unsent()), (expect, expect), "{unsent:?}");
    }
}

/// It sends and never receives: what it feeds gets there over as many connections as it takes.
#[tokio::test(start_paused = true)]
async fn flush_waits_through_outages() {
    let servers = Servers::default();
    let mut ws = servers.client(&[100, 0, 1000, 70_000]).with_unsent(QUEUE);
    let messages: Vec<String> = (0..300).map(|n| format!("{n:0>500}")).collect();
    for message in &messages {
        ws.feed(message).await.unwrap();
    }
    ws.flush().await.unwrap();
    ws.close(CloseCode::NORMAL, "").await.unwrap();
    assert_eq!(servers.received(), messages);
}

#[tokio::test(start_paused = true)]
async fn close_sends_what_is_queued_first() {
    let servers = Servers::default();
    let mut ws = servers.client(&[]).with_unsent(QUEUE);
    let messages: Vec<String> = (0..500).map(|n| format!("{n:0>1000}")).collect();
    for message in &messages {
        ws.feed(message).await.unwrap();
    }
    ws.connected().await.unwrap();
    ws.close(CloseCode::NORMAL, "").await.unwrap();
    assert_eq!(servers.received(), messages);

    // Without a connection it can only come back.
    let mut ws = Servers::default().client(&[]).with_unsent(QUEUE);
    ws.send("never").await.unwrap();
    ws.close(CloseCode::NORMAL, "").await.unwrap();
    assert_eq!(texts(&ws.take_unsent()), ["never"]);
    assert!(ws.send("later").await.unwrap_err().is_ended());
}

#[tokio::test(start_paused = true)]
async fn what_is_queued_at_the_end_can_be_taken_back() {
    let world = World::of([const { Meets::Nobody }; 1]);
    let mut ws = world.client().with_unsent(QUEUE).with_max_attempts(1);
    ws.feed("one").await.unwrap();
    let error = ws.flush().await.unwrap_err();
    assert!(error.is_ended() && error.message().is_none());
    let error = ws.send("two").await.unwrap_err();
    assert_eq!((error.is_ended(), text(error.message().unwrap())), (true, "two"));
    assert_eq!(texts(&ws.take_unsent()), ["one"]);
    ws.flush().await.unwrap();
}

/// A flush that promises nothing: what was fed and lost is in `take_unsent`, until it is taken.
#[tokio::test(start_paused = true)]
async fn flush_tells_of_what_came_back() {
    let servers = Servers::default();
    let mut ws = servers.client(&[7]);
    ws.connected().await.unwrap();
    ws.feed("first").await.unwrap();
    ws.feed("second").await.unwrap();
    for _ in 0..2 {
        let error = ws.flush().await.unwrap_err();
        assert!(matches!(error.kind(), SendErrorKind::Unsent), "{error:?}");
        ws.connected().await.unwrap();
    }
    ws.send("third").await.unwrap();
    assert!(ws.flush().await.is_err(), "it still is there");
    assert_eq!(texts(&ws.take_unsent()), ["first", "second"]);
    ws.flush().await.unwrap();
}

/// A stream that passes on what it is given, and then says that it could not: as one that encrypts may, when
/// it fails with a later record.
struct Liar {
    pipe: Pipe,
    /// Writes until it lies.
    honest: usize,
}

impl AsyncRead for Liar {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.pipe).poll_read(cx, buf)
    }
}

impl AsyncWrite for Liar {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.pipe).poll_write(cx, bytes);
        if self.honest == 0 {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        self.honest -= 1;
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.pipe).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.pipe).poll_shutdown(cx)
    }
}

/// The first write is the request; what is fed goes out with the second.
fn client_of_liar(received: &Arc<Mutex<Vec<String>>>) -> Reconnecting<Liar> {
    let received = Arc::clone(received);
    let mut honest = 1;
    Reconnecting::from_fn(move || {
        let (received, writes) = (Arc::clone(&received), honest);
        honest = 100;
        async move {
            let (ours, theirs) = pipe(1 << 20);
            let ours = Liar { pipe: ours, honest: writes };
            let pair = pair_over(&Connector::new(), &Acceptor::new(), ours, theirs).await?;
            let (client, mut server): (WebSocket<Liar>, WebSocket<Pipe>) = pair;
            tokio::spawn(async move {
                while let Ok(Some(message)) = server.recv().await {
                    received.lock().unwrap().push(text(&message).to_owned());
                }
            });
            Ok(client)
        }
    })
}

#[tokio::test(start_paused = true)]
async fn message_that_a_failed_write_may_have_sent_is_in_doubt_and_not_sent_again() {
    for unsent in [Unsent::Fail, QUEUE] {
        let received = Arc::default();
        let mut ws = client_of_liar(&received).with_unsent(unsent);
        ws.connected().await.unwrap();
        ws.feed("fed").await.unwrap();
        let error = ws.send("sent").await.unwrap_err();
        assert!(error.is_in_doubt(), "{error:?}");
        assert_eq!(text(&error.into_message().unwrap()), "sent");
        // What was fed has nobody else to be told to.
        let error = ws.flush().await.unwrap_err();
        assert!(error.is_in_doubt() && error.message().is_none(), "{error:?}");
        ws.flush().await.unwrap();
        assert_eq!((ws.unsent(), ws.take_unsent().len()), (0, 0));
        ws.connected().await.unwrap();
        ws.send("next").await.unwrap();
        ws.close(CloseCode::NORMAL, "").await.unwrap();
        // They had got there, as it happens: sent again, they would be there twice.
        assert_eq!(*received.lock().unwrap(), ["fed", "sent", "next"]);
    }
}

/// What had come in before a `send` met the end is received, before what the next connection brings.
#[tokio::test(start_paused = true)]
async fn messages_received_before_the_end_are_not_lost() {
    for closes in [false, true] {
        let mut peer = Peer::script().send_text("one").send_text("two");
        if closes {
            peer = peer.send_close(1001, "").expect_close(1001);
        }
        let stalls = faulty_peer(peer, |faults| {
            // So `send` has to wait, and receives meanwhile.
            faults.stall_writes_after(faults.bytes_written());
        });
        let world = World::of([stalls, Peer::script().send_text("three").into()]);
        let mut ws = world.client();
        ws.connected().await.unwrap();
        let error = ws.send("lost").await.unwrap_err();
        assert_eq!(text(error.message().unwrap()), "lost");
        ws.connected().await.unwrap();
        assert_eq!(ws.connections(), 2);
        for expect in ["one", "two", "three"] {
            assert_eq!(text(&ws.recv().await.unwrap().unwrap()), expect);
        }
    }
}

/// A program that only sends does not collect what it never takes.
#[tokio::test(start_paused = true)]
async fn messages_of_lost_connections_are_bounded() {
    let peers = (0..20).map(|_| {
        let peer = (0..50).fold(Peer::script(), |peer, _| peer.send_binary([7; 1000]));
        faulty_peer(peer, |faults| {
            faults.stall_writes_after(faults.bytes_written());
        })
    });
    let world = World::of(peers);
    let mut ws = world.client().with_max_attempts(20);
    let mut given_up = 0;
    while ws.connected().await.is_ok() {
        given_up += 1;
        ws.send("lost").await.unwrap_err();
    }
    assert_eq!(given_up, 20);
    let mut left = 0;
    while let Ok(Some(message)) = ws.recv().await {
        left += message.len();
    }
    assert!((60_000..=64 << 10).contains(&left), "{left} bytes of a million");
}

/// `recv` on one branch and `send` on the other, and nothing lost, whichever is dropped.
#[tokio::test(start_paused = true)]
async fn works_inside_select() {
    let servers = Servers::default();
    let ws = servers.client(&[1000, 2000, 3000]).with_unsent(QUEUE);
    let (mut reader, mut writer) = ws.split();
    for number in 0..300 {
        let message = format!("{number:0>50}");
        tokio::select! {
            received = reader.recv() => panic!("{received:?}"),
            sent = writer.send(&message) => sent.unwrap(),
        }
    }
    let (flushed, ()) = tokio::join!(writer.flush(), async {
        assert!(reader.connected().await.is_ok());
    });
    flushed.unwrap();
    let expect: Vec<String> = (0..300).map(|n| format!("{n:0>50}")).collect();
    tokio::task::yield_now().await;
    assert_eq!(servers.received(), expect);
    assert_eq!(reader.connections(), 4);

    // As one again, with the body of another branch that sends.
    let mut ws = reader.reunite(writer).unwrap();
    let (orders, mut queue) = tokio::sync::mpsc::channel(10);
    orders.send("order").await.unwrap();
    drop(orders);
    loop {
        tokio::select! {
            received = ws.recv() => panic!("{received:?}"),
            order = queue.recv() => match order {
                Some(order) => ws.send(order).await.unwrap(),
                None => break,
            }
        }
    }
    ws.close(CloseCode::NORMAL, "").await.unwrap();
    assert_eq!(servers.received().last().unwrap(), "order");
}

/// In two tasks: the one that receives connects, the other waits for that and sends.
#[tokio::test(start_paused = true)]
async fn halves_serve_two_tasks() {
    let echo = || Peer::script().expect_text("ping").send_text("pong").expect_message();
    let world = World::of([
        Meets::Nobody,
        faulty_peer(echo(), |faults| {
            // The "ping" has 10 bytes, so the next message does not get there.
            faults.cut_after_writing(faults.bytes_written() + 12);
        }),
        Peer::script().expect_text("again").send_text("bye").expect_close(1000).into(),
    ]);
    let (mut reader, mut writer) = world.client().split();
    let (tell, told) = tokio::sync::oneshot::channel();
    let receiving = tokio::spawn(async move {
        let mut received = vec![text(&reader.recv().await.unwrap().unwrap()).to_owned()];
        tell.send(()).unwrap();
        while let Some(message) = reader.recv().await.unwrap() {
            received.push(text(&message).to_owned());
        }
        assert_eq!(reader.close_info().unwrap().code, Some(CloseCode::NORMAL));
        received
    });
    writer.connected().await.unwrap();
    writer.send("ping").await.unwrap();
    told.await.unwrap();
    let mut message = Message::text("again");
    while let Err(error) = writer.send(message).await {
        assert!(!error.is_in_doubt(), "{error:?}");
        message = error.into_message().unwrap();
        writer.connected().await.unwrap();
    }
    writer.close(CloseCode::NORMAL, "").await.unwrap();
    assert_eq!(receiving.await.unwrap(), ["pong", "bye"]);
    assert_eq!((writer.state(), writer.connections()), (State::Ended, 2));
}

#[tokio::test(start_paused = true)]
async fn writer_without_its_reader_goes_on() {
    let chatty = (0..200).fold(Peer::script(), |peer, _| peer.send_binary([0; 1000]));
    let world = World::of([
        chatty.clone().expect_text("one"),
        chatty.expect_text("two").expect_close(1000),
    ]);
    let (reader, mut writer) = world.client().split();
    drop(reader);
    writer.connected().await.unwrap();
    writer.send("one").await.unwrap();
    while writer.connections() == 1 {
        writer.connected().await.unwrap();
        tokio::task::yield_now().await;
    }
    writer.send("two").await.unwrap();
    writer.close(CloseCode::NORMAL, "").await.unwrap();
    world.is_over().await;
}

#[test]
fn halves_of_different_clients_do_not_reunite() {
    let (one, other) = (World::default().client(), World::default().client());
    let ((reader, _writer), (_reader, writer)) = (one.split(), other.split());
    assert!(reader.reunite(writer).is_err());
}
