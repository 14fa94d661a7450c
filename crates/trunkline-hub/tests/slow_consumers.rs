//! Those who do not read: each namespace says what happens, and nobody else notices.

mod support;

use std::sync::Arc;
use std::time::Duration;

use support::{World, channel, open_options, settings};
use trunkline_hub::limits::Limits;
use trunkline_hub::{
    ChannelOptions, Command, Disconnect, HistoryOptions, Overflow, SessionId, Settings,
};

/// Two on the same channel; outboxes have room for three entries.
fn world(overflow: Overflow, outbox_bytes: usize) -> (World, SessionId, SessionId) {
    let limits = Limits {
        outbox_entries: 3,
        outbox_bytes,
        ping_interval: Duration::ZERO,
        ..Limits::default()
    };
    let options = ChannelOptions {
        overflow,
        presence: false,
        force_recovery: false,
        history: HistoryOptions::default(),
        ..open_options()
    };
    let mut world = World::new(Settings { limits: Arc::new(limits), ..settings(options.clone()) });
    world.broker.options = Some(options);
    let (slow, quick) = (world.connected("slow"), world.connected("quick"));
    for session in [slow, quick] {
        world.subscribe(session, 2, "news");
        world.said(session);
    }
    (world, slow, quick)
}

fn code(world: &World, session: SessionId) -> Option<u16> {
    world.ending(session).map(Disconnect::code)
}

/// Publishes, and `quick` reads each at once.
fn publish(world: &mut World, quick: SessionId, all: &[&str]) {
    for data in all {
        world.publish("news", data);
        assert_eq!(world.said(quick), [format!("news: 0 {data}")]);
    }
}

#[test]
fn by_default_who_does_not_read_is_closed_with_3008() {
    let (mut world, slow, quick) = world(Overflow::Disconnect, 1 << 20);
    publish(&mut world, quick, &["a", "b", "c"]);
    assert_eq!(code(&world, slow), None);
    publish(&mut world, quick, &["d", "e"]);
    assert_eq!(code(&world, slow), Some(3008));
    assert_eq!(world.said(slow), [""; 0], "nothing is written to who does not read");
    assert_eq!((world.hub.counts().slow, world.hub.gauges().subscriptions), (1, 1));
}

#[test]
fn bytes_count_as_entries_do() {
    let (mut world, slow, quick) = world(Overflow::Disconnect, 1000);
    let large = "x".repeat(600);
    publish(&mut world, quick, &[&large]);
    assert_eq!(code(&world, slow), None, "the first one always fits");
    publish(&mut world, quick, &[&large]);
    assert_eq!(code(&world, slow), Some(3008));
}

/// What a client has asked for may be large, and it cannot know what came before: one answer goes beyond, not two.
#[test]
fn a_reply_fits_as_long_as_what_is_there_does() {
    let (mut world, slow, quick) = world(Overflow::Disconnect, 1000);
    publish(&mut world, quick, &["x"]);
    let overhead = world.hub.view(slow).expect("it is there").outbox_bytes - 1;
    world.said(slow);
    publish(&mut world, quick, &[&"x".repeat(990 - overhead)]);
    let unsubscribe = || Command::Unsubscribe { channel: channel("elsewhere") };
    world.command(slow, 3, unsubscribe());
    assert_eq!(code(&world, slow), None, "ten bytes were left, and it has more");
    world.command(slow, 4, unsubscribe());
    assert_eq!(code(&world, slow), Some(3008));
}

#[test]
fn the_oldest_make_room_for_the_newest() {
    let (mut world, slow, quick) = world(Overflow::DropOldest, 1 << 20);
    publish(&mut world, quick, &["a", "b", "c", "d", "e"]);
    assert_eq!(code(&world, slow), None);
    assert_eq!(world.said(slow), ["news: 0 c", "news: 0 d", "news: 0 e"]);
    assert_eq!(world.hub.counts().dropped, 2);
}

#[test]
fn replies_make_room_for_nothing() {
    let (mut world, slow, quick) = world(Overflow::DropOldest, 1 << 20);
    publish(&mut world, quick, &["a"]);
    for id in 3..=4 {
        world.command(slow, id, Command::Unsubscribe { channel: channel("elsewhere") });
    }
    publish(&mut world, quick, &["b"]);
    assert_eq!(world.said(slow), ["3: unsubscribed", "4: unsubscribed", "news: 0 b"]);
}

#[test]
fn the_newest_goes_out_even_if_it_is_larger_than_the_outbox() {
    let (mut world, slow, quick) = world(Overflow::DropOldest, 1000);
    let large = "x".repeat(2000);
    publish(&mut world, quick, &["a", &large]);
    assert_eq!(world.said(slow), [format!("news: 0 {large}")]);
}

#[test]
fn of_the_latest_alone_one_waits() {
    let every = Duration::ZERO;
    let (mut world, slow, quick) = world(Overflow::LatestOnly { every }, 1 << 20);
    publish(&mut world, quick, &["a", "b", "c", "d"]);
    assert_eq!(code(&world, slow), None);
    assert_eq!(world.said(slow), ["news: 0 a"], "it was in the outbox already");
    world.pass(Duration::ZERO);
    assert_eq!(world.said(slow), ["news: 0 d"]);
    assert_eq!(world.hub.counts().dropped, 2);
}

#[test]
fn the_latest_keeps_its_distance() {
    let every = Duration::from_secs(1);
    let (mut world, session, _) = world(Overflow::LatestOnly { every }, 1 << 20);
    world.publish("news", "a");
    assert_eq!(world.said(session), ["news: 0 a"], "the first goes out at once");
    world.publish("news", "b");
    world.publish("news", "c");
    world.pass(Duration::from_millis(999));
    assert_eq!(world.said(session), [""; 0]);
    world.pass(Duration::from_millis(1));
    assert_eq!(world.said(session), ["news: 0 c"]);
}

#[test]
fn the_latest_of_one_channel_waits_for_that_of_another() {
    let every = Duration::ZERO;
    let (mut world, slow, _) = world(Overflow::LatestOnly { every }, 1000);
    world.subscribe(slow, 3, "chat");
    let large = "x".repeat(600);
    world.publish("news", &large);
    world.publish("chat", &large);
    // The reply goes out, and of the two that wait the outbox has room for one.
    let mut all = world.said(slow);
    for _ in 0..3 {
        world.pass(Duration::ZERO);
        all.extend(world.said(slow));
    }
    let news = format!("news: 0 {large}");
    let chat = format!("chat: 0 {large}");
    assert_eq!(all, ["3: subscribed nowhere".to_owned(), news, chat]);
}
