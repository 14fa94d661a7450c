//! One message to many: in order, gathered, bounded, and nobody waits for the slow.

mod support;

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use allocation_counter::measure;
use tokio::io::AsyncWriteExt;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use trunkline::deflate::DeflateConfig;
use trunkline::limits::Settings;
use trunkline::{
    Acceptor, Broadcast, CloseCode, Connector, Error, Limit, Message, Prepared, ReceiverLimits,
    Role, SlowReceiver, Subscription, Timeout, TooSlow, WebSocket,
};

use support::{
    CLOSE, Heard, TEXT, assert_elapsed, frame, poll_up_to, read_frame, replay, secs, text,
    with_raw_peer,
};
use trunkline::testing::{Pipe, PipeControl, pipe};

const SLOW: CloseCode = CloseCode::POLICY_VIOLATION;

/// All that waits, as text.
fn received(subscription: &mut Subscription) -> Vec<String> {
    let next = || subscription.try_next().unwrap();
    std::iter::from_fn(next).map(|it| it.message().as_text().unwrap().to_owned()).collect()
}

/// Publishes the numbers 0 to 9 to a receiver who has room for three messages and is not looking.
fn publish_ten(slow: SlowReceiver) -> (Broadcast, Subscription) {
    let broadcast = Broadcast::new();
    let limits = ReceiverLimits::new(slow).with_messages(Limit::at_most(3));
    let subscription = broadcast.subscribe(limits);
    (0..10).for_each(|number| broadcast.publish(number.to_string()));
    (broadcast, subscription)
}

#[test]
fn drop_newest_keeps_the_beginning() {
    let (broadcast, mut subscription) = publish_ten(SlowReceiver::DropNewest);
    assert_eq!(received(&mut subscription), ["0", "1", "2"]);
    assert_eq!((subscription.dropped(), broadcast.counts().dropped), (7, 7));
    broadcast.publish("room again");
    assert_eq!(received(&mut subscription), ["room again"]);
}

#[test]
fn drop_oldest_keeps_the_end() {
    let (broadcast, mut subscription) = publish_ten(SlowReceiver::DropOldest);
    assert_eq!(received(&mut subscription), ["7", "8", "9"]);
    assert_eq!((subscription.dropped(), broadcast.counts().dropped), (7, 7));
}

#[test]
fn latest_keeps_one() {
    let (broadcast, mut subscription) = publish_ten(SlowReceiver::Latest);
    assert_eq!(received(&mut subscription), ["9"]);
    assert_eq!((subscription.dropped(), broadcast.counts().dropped), (9, 9));
}

#[test]
fn close_cuts_off_and_drops_what_waited() {
    let (broadcast, mut subscription) = publish_ten(SlowReceiver::Close(SLOW));
    // The fourth was one too many; those after it are none of this receiver's business.
    assert_eq!((subscription.dropped(), subscription.waiting()), (4, 0));
    let counts = broadcast.counts();
    assert_eq!((counts.dropped, counts.cut_off, counts.published), (4, 1, 10));
    for _ in 0..2 {
        let too_slow = subscription.try_next().unwrap_err();
        assert_eq!(too_slow.close_code(), SLOW);
        assert_eq!(poll_up_to(1, subscription.next()).unwrap().unwrap_err(), too_slow);
    }
}

/// One under, at, and one over.
#[test]
fn bytes_are_bounded_too() {
    for (sizes, kept) in [
        (&[50, 49][..], &[50, 49][..]),
        (&[50, 50], &[50, 50]),
        (&[50, 51], &[50]),
        // One always fits, or it could never be received; nothing beside it does.
        (&[1000, 1], &[1000]),
    ] {
        let broadcast = Broadcast::new();
        let limits = ReceiverLimits::new(SlowReceiver::DropNewest).with_bytes(Limit::at_most(100));
        let mut subscription = broadcast.subscribe(limits);
        for size in sizes {
            broadcast.publish(vec![0; *size]);
        }
        let next = || subscription.try_next().unwrap();
        let got: Vec<_> = std::iter::from_fn(next).map(|it| it.message().len()).collect();
        assert_eq!(got, kept);
    }
    // The oldest make room for one that is larger than they are.
    let broadcast = Broadcast::new();
    let limits = ReceiverLimits::new(SlowReceiver::DropOldest).with_bytes(Limit::at_most(100));
    let mut subscription = broadcast.subscribe(limits);
    for text in ["a".repeat(40), "b".repeat(40), "c".repeat(61)] {
        broadcast.publish(text);
    }
    assert_eq!(received(&mut subscription), ["c".repeat(61)]);
    assert_eq!(subscription.dropped(), 2);
}

#[test]
fn who_comes_late_or_leaves_early_gets_only_what_is_published_in_between() {
    let broadcast = Broadcast::new();
    broadcast.publish("to nobody");
    let mut early = broadcast.subscribe(SlowReceiver::DropNewest);
    broadcast.publish("one");
    let mut late = broadcast.clone().subscribe(SlowReceiver::DropNewest);
    let last = broadcast.subscribe(SlowReceiver::DropNewest);
    broadcast.publish("two");
    assert_eq!(received(&mut early), ["one", "two"]);
    assert_eq!(broadcast.counts().receivers, 3);
    // The others keep their places, whoever leaves.
    drop(early);
    broadcast.publish("three");
    drop(last);
    broadcast.publish("four");
    assert_eq!(received(&mut late), ["two", "three", "four"]);
    drop(late);
    let counts = broadcast.counts();
    assert_eq!((counts.receivers, counts.published, counts.dropped), (0, 5, 0));
}

/// Counts how often it wakes.
#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn a_receiver_is_woken_when_its_outbox_was_empty_and_not_before_it_is_again() {
    let broadcast = Broadcast::new();
    let limits = ReceiverLimits::new(SlowReceiver::Close(SLOW)).with_messages(Limit::at_most(5));
    let mut subscription = broadcast.subscribe(limits);
    let wakes = Arc::new(Wakes::default());
    let waker = Waker::from(Arc::clone(&wakes));
    let mut cx = Context::from_waker(&waker);
    for round in 1..=3 {
        assert!(pin!(subscription.next()).poll(&mut cx).is_pending());
        (0..5).for_each(|number| broadcast.publish(number.to_string()));
        assert_eq!(wakes.0.load(Ordering::Relaxed), round);
        assert_eq!(received(&mut subscription).len(), 5);
    }
    // Who is cut off is told so, too.
    assert!(pin!(subscription.next()).poll(&mut cx).is_pending());
    (0..6).for_each(|number| broadcast.publish(number.to_string()));
    assert_eq!(wakes.0.load(Ordering::Relaxed), 4, "for the first, before it was cut off");
    let next = pin!(subscription.next()).poll(&mut cx);
    assert!(matches!(next, Poll::Ready(Err(TooSlow { .. }))));
}

/// One whose transport takes nothing has enough to do: it is woken only if it is cut off.
#[tokio::test]
async fn a_stuck_receiver_is_not_woken_for_more() {
    let (mut ws, control, _raw) = server().await;
    control.set_room(0);
    let broadcast = Broadcast::new();
    let limits = ReceiverLimits::new(SlowReceiver::Close(SLOW)).with_messages(Limit::at_most(5));
    let mut subscription = broadcast.subscribe(limits);
    broadcast.publish(vec![0; 70_000]);
    broadcast.publish("1");
    let wakes = Arc::new(Wakes::default());
    let waker = Waker::from(Arc::clone(&wakes));
    let mut cx = Context::from_waker(&waker);
    for message in ["2", "3", "4", "5"] {
        assert!(pin!(subscription.relay(&mut ws)).poll(&mut cx).is_pending());
        broadcast.publish(message);
    }
    assert_eq!((subscription.waiting(), wakes.0.load(Ordering::Relaxed)), (5, 0));
    assert!(pin!(subscription.relay(&mut ws)).poll(&mut cx).is_pending());
    broadcast.publish("6");
    assert_eq!((subscription.waiting(), wakes.0.load(Ordering::Relaxed)), (0, 1));
}

/// All receivers hear all publishers in one order.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn publications_of_many_have_one_order_for_all() {
    const EACH: usize = 500;
    let broadcast = Broadcast::new();
    let mut receivers = JoinSet::new();
    for _ in 0..20 {
        let mut subscription = broadcast.subscribe(
            ReceiverLimits::new(SlowReceiver::Close(SLOW)).with_messages(Limit::at_most(4 * EACH)),
        );
        receivers.spawn(async move {
            let mut heard = Vec::new();
            while heard.len() < 4 * EACH {
                let message = subscription.next().await.unwrap();
                heard.push(message.message().as_text().unwrap().to_owned());
            }
            heard
        });
    }
    for publisher in 0..4 {
        let broadcast = broadcast.clone();
        std::thread::spawn(move || {
            (0..EACH).for_each(|number| broadcast.publish(format!("{publisher} {number}")));
        });
    }
    let heard = receivers.join_all().await;
    assert!(heard.iter().all(|it| *it == heard[0]));
    for publisher in 0..4 {
        let of_publisher = heard[0].iter().filter(|it| it.starts_with(&publisher.to_string()));
        assert!(
            of_publisher.eq(&(0..EACH).map(|n| format!("{publisher} {n}")).collect::<Vec<_>>())
        );
    }
}

/// A publication costs its encoding, and nothing for each receiver, once their outboxes have grown.
#[test]
fn publishing_allocates_nothing_per_receiver() {
    let broadcast = Broadcast::new();
    let wakes = Waker::from(Arc::new(Wakes::default()));
    let mut receivers: Vec<_> =
        (0..1000).map(|_| broadcast.subscribe(SlowReceiver::Close(SLOW))).collect();
    for round in 0..3 {
        for receiver in &mut receivers {
            while receiver.try_next().unwrap().is_some() {}
            assert!(pin!(receiver.next()).poll(&mut Context::from_waker(&wakes)).is_pending());
        }
        let cost = measure(|| (0..8).for_each(|_| broadcast.publish("price")));
        assert!(round == 0 || cost.count_total <= 8 * 4, "{} allocations", cost.count_total);
    }
}

/// A stuck receiver pins what its limits allow, whatever is published.
#[test]
fn memory_of_a_stuck_receiver_is_bounded() {
    for slow in [
        SlowReceiver::DropNewest,
        SlowReceiver::DropOldest,
        SlowReceiver::Latest,
        SlowReceiver::Close(SLOW),
    ] {
        let broadcast = Broadcast::new();
        let limits = ReceiverLimits::new(slow).with_bytes(Limit::at_most(1 << 20));
        let stuck = broadcast.subscribe(limits);
        let cost = measure(|| (0..1000).for_each(|_| broadcast.publish(vec![0; 50_000])));
        // The message and its frame are there for each, and one more of both that comes and goes.
        let most = 2 * (1 << 20) + 4 * 50_000;
        assert!(cost.bytes_max < most, "{slow:?}: {}", cost.bytes_max);
        // Without payload the number of messages is the bound.
        let cost = measure(|| (0..100_000).for_each(|_| broadcast.publish("")));
        assert!(cost.bytes_max < 1 << 20, "{slow:?}: {}", cost.bytes_max);
        drop(stuck);
    }
}

/// A server over a pipe, what controls its end, and the peer's.
async fn server() -> (WebSocket<Pipe>, PipeControl, Pipe) {
    let (end, mut raw) = pipe(16 << 20);
    let control = end.control();
    let ws = with_raw_peer(Role::Server, |_| (), end, &mut raw).await;
    control.take_written();
    (ws, control, raw)
}

/// What gathers until a receiver comes round leaves in one write; up to the high-water mark, which is
/// as much as a socket takes.
#[tokio::test]
async fn what_gathers_leaves_in_one_write() {
    for split in [false, true] {
        let (mut ws, control, _raw) = server().await;
        let broadcast = Broadcast::new();
        let mut subscription = broadcast.subscribe(SlowReceiver::Close(SLOW));
        let expected: Vec<Heard> = (0..100).map(|number| text(&number.to_string())).collect();
        let writes = control.writes();
        if split {
            let (_reader, mut writer) = ws.split();
            assert!(poll_up_to(1, subscription.forward(&mut writer)).is_none());
            (0..100).for_each(|number| broadcast.publish(number.to_string()));
            assert!(poll_up_to(1, subscription.forward(&mut writer)).is_none());
            assert_eq!(control.writes(), writes + 1);
            assert_eq!(replay(Role::Server, &control.take_written()), expected);
        } else {
            assert!(poll_up_to(1, subscription.relay(&mut ws)).is_none());
            (0..100).for_each(|number| broadcast.publish(number.to_string()));
            assert!(poll_up_to(1, subscription.relay(&mut ws)).is_none());
            assert_eq!(control.writes(), writes + 1);
            assert_eq!(replay(Role::Server, &control.take_written()), expected);
        }
        assert_eq!(subscription.waiting(), 0);
    }
}

/// Whatever the transport takes at once leaves at once, in writes of about the high-water mark.
#[tokio::test]
async fn more_than_the_high_water_mark_leaves_in_one_poll() {
    for split in [false, true] {
        let (mut ws, control, _raw) = server().await;
        let broadcast = Broadcast::new();
        let mut subscription = broadcast.subscribe(SlowReceiver::Close(SLOW));
        let messages: Vec<_> = (0..600).map(|n| format!("{n:01000}")).collect();
        messages.iter().for_each(|message| broadcast.publish(message.as_str()));
        let writes = control.writes();
        if split {
            let (_reader, mut writer) = ws.split();
            assert!(poll_up_to(1, subscription.forward(&mut writer)).is_none());
        } else {
            assert!(poll_up_to(1, subscription.relay(&mut ws)).is_none());
        }
        assert_eq!((subscription.waiting(), control.writes() - writes), (0, 10));
        let expected: Vec<_> = messages.iter().map(|message| text(message)).collect();
        assert_eq!(replay(Role::Server, &control.take_written()), expected);
    }
}

/// What does not shrink grows a little when it is compressed, so that the connection takes less than it
/// was thought to: the order is kept.
#[tokio::test]
async fn compressed_publications_keep_their_order() {
    let mut settings = Settings::for_role(Role::Server);
    settings.limits.send_high_water_bytes = Limit::at_most(1 << 20);
    let acceptor =
        Acceptor::new().with_settings(settings).with_compression(DeflateConfig::default());
    let connector = Connector::new().with_compression(DeflateConfig::default());
    let (client, server) = tokio::io::duplex(4 << 20);
    let (mut client, mut server) = support::connect(&connector, &acceptor, client, server).await;
    assert!(server.is_compressed());
    // Eight large ones leave room for the small ones, as long as they do not grow.
    let large = (1 << 17) - 14 - 7;
    let sizes = [[large; 8].as_slice(), &[1, 1, 1], &[large; 8], &[300, 7]].concat();
    let messages: Vec<_> = sizes.into_iter().map(noise).collect();
    let broadcast = Broadcast::new();
    let limits = ReceiverLimits::new(SlowReceiver::Close(SLOW)).with_bytes(Limit::at_most(4 << 20));
    let mut subscription = broadcast.subscribe(limits);
    messages.iter().for_each(|message| broadcast.publish(message.clone()));
    let relaying = tokio::spawn(async move { subscription.relay(&mut server).await });
    for message in messages {
        assert!(client.recv().await.unwrap() == Some(message));
    }
    client.close(CloseCode::NORMAL, "").await.unwrap();
    assert_eq!(relaying.await.unwrap().unwrap(), None);
}

/// Bytes that do not shrink.
fn noise(len: usize) -> Message {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    Message::binary(std::iter::repeat_with(next).take(len).collect::<Vec<_>>())
}

/// More than the connection takes stays in the outbox, where the policy holds, and goes on when the peer
/// reads; dropping the future at any time loses nothing.
#[tokio::test]
async fn what_the_connection_does_not_take_waits_in_the_outbox() {
    let (mut ws, control, _raw) = server().await;
    control.set_room(0);
    let broadcast = Broadcast::new();
    let mut subscription = broadcast.subscribe(SlowReceiver::Close(SLOW));
    let messages: Vec<_> = (0..300).map(|n| format!("{n:01000}")).collect();
    for message in &messages {
        broadcast.publish(message.as_str());
        assert!(poll_up_to(1, subscription.relay(&mut ws)).is_none());
    }
    let under_way = ws.queued_bytes();
    assert!(((64 << 10)..(66 << 10)).contains(&under_way), "{under_way}");
    assert!(subscription.waiting() > 200);
    // Some of it at a time, and each time another future.
    let mut heard = Vec::new();
    control.set_room(10_000);
    while ws.queued_bytes() > 0 {
        assert!(poll_up_to(1, subscription.relay(&mut ws)).is_none());
        heard.extend(control.take_written());
    }
    let expected: Vec<_> = messages.iter().map(|message| text(message)).collect();
    assert_eq!(replay(Role::Server, &heard), expected);
    assert_eq!((subscription.waiting(), subscription.dropped()), (0, 0));
}

/// Messages of the peer come through while publications go out, and neither waits for the other.
#[tokio::test]
async fn relay_receives_while_it_sends() {
    let (mut ws, control, _raw) = server().await;
    let broadcast = Broadcast::new();
    let mut subscription = broadcast.subscribe(SlowReceiver::Close(SLOW));
    for number in 0..10 {
        broadcast.publish(format!("from others {number}"));
        control.push(&frame(Role::Client, TEXT, format!("from the peer {number}").as_bytes()));
        let received = poll_up_to(1, subscription.relay(&mut ws)).unwrap().unwrap();
        assert_eq!(received, Some(Message::text(format!("from the peer {number}"))));
    }
    assert!(poll_up_to(1, subscription.relay(&mut ws)).is_none());
    let expected: Vec<_> = (0..10).map(|number| text(&format!("from others {number}"))).collect();
    assert_eq!(replay(Role::Server, &control.take_written()), expected);
}

/// A receiver that is cut off while its transport takes nothing hears of it at once, and its peer, if
/// it reads again, gets what was under way and the reason.
#[tokio::test(start_paused = true)]
async fn who_is_cut_off_is_closed_with_the_code_that_was_said() {
    for split in [false, true] {
        let (mut ws, control, mut raw) = server().await;
        control.set_room(0);
        let broadcast = Broadcast::new();
        let limits = ReceiverLimits::new(SlowReceiver::Close(SLOW));
        let mut subscription = broadcast.subscribe(limits.with_messages(Limit::at_most(2)));
        let slow = tokio::spawn(async move {
            if split {
                let (mut reader, mut writer) = ws.split();
                let forwarded = tokio::join!(subscription.forward(&mut writer), reader.recv());
                forwarded.0.unwrap();
                assert_eq!(forwarded.1.unwrap(), None);
                reader.close_info().unwrap()
            } else {
                assert_eq!(subscription.relay(&mut ws).await.unwrap(), None);
                ws.close_info().cloned().unwrap()
            }
        });
        let start = Instant::now();
        for _ in 0..5 {
            broadcast.publish(vec![0; 70_000]);
            sleep(secs(1)).await;
        }
        assert_eq!(broadcast.counts().cut_off, 1);
        // The first is under way, two waited, the fourth was too much.
        assert_eq!(broadcast.counts().dropped, 3);
        control.set_room(1 << 20);
        assert_eq!(read_frame(Role::Server, &mut raw).await.unwrap().1.len(), 70_000);
        let (first, payload) = read_frame(Role::Server, &mut raw).await.unwrap();
        assert_eq!((first, &payload[..]), (CLOSE, &b"\x03\xf0too slow"[..]));
        raw.write_all(&support::close_frame(Role::Client, 1008, "")).await.unwrap();
        assert_eq!(slow.await.unwrap().code, Some(SLOW));
        assert_elapsed(start, 5);
    }
}

/// One that never reads again is given up on after the time that closing may take.
#[tokio::test(start_paused = true)]
async fn who_is_cut_off_and_stays_stuck_is_given_up_on() {
    let (mut ws, control, _raw) = server().await;
    control.set_room(0);
    let broadcast = Broadcast::new();
    let limits = ReceiverLimits::new(SlowReceiver::Close(SLOW)).with_messages(Limit::at_most(1));
    let mut subscription = broadcast.subscribe(limits);
    let start = Instant::now();
    let slow = tokio::spawn(async move { subscription.relay(&mut ws).await });
    for _ in 0..3 {
        broadcast.publish(vec![0; 70_000]);
        tokio::task::yield_now().await;
    }
    assert!(matches!(slow.await.unwrap(), Err(Error::Timeout(Timeout::Close))));
    assert_elapsed(start, 10);
}

/// Nine read, one does not: the nine get everything in order, and the publisher never waits.
#[tokio::test]
async fn nobody_else_notices_a_slow_receiver() {
    use support::server::*;
    let broadcast = Broadcast::new();
    let publisher = broadcast.clone();
    let (handle, address) = serve(move |mut ws: WebSocket, _| {
        let mut subscription = broadcast.subscribe(SlowReceiver::Close(SLOW));
        async move { subscription.relay(&mut ws).await }
    })
    .await;
    let mut readers = Vec::new();
    for _ in 0..9 {
        readers.push(connect(address).await);
    }
    let mut slow = connect(address).await;
    until_counted(&handle, |counts| counts.open == 10).await;
    while publisher.counts().receivers < 10 {
        tokio::task::yield_now().await;
    }
    // Far more than the sockets hold and the limits allow.
    let payload = "x".repeat(100_000);
    for number in 0..200 {
        let message = Message::text(format!("{number} {payload}"));
        publisher.publish_prepared(&Prepared::new(message.clone()));
        for reader in &mut readers {
            assert_eq!(reader.recv().await.unwrap(), Some(message.clone()));
        }
    }
    assert_eq!(publisher.counts().cut_off, 1);
    assert_eq!(closed_with(&mut slow).await.unwrap(), (1008, "too slow".to_owned()));
}
