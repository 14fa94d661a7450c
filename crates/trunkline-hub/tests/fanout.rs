//! One publication reaches everyone on its channel once, in one order.

mod support;

use bytes::Bytes;
use support::{World, channel, open_options, settings};
use trunkline_hub::Command;

fn publish(data: &'static str) -> Command {
    Command::Publish { channel: channel("news"), data: Bytes::from_static(data.as_bytes()) }
}

#[test]
fn everyone_gets_it_once_and_the_publisher_too() {
    let mut world = World::new(settings(open_options()));
    let sessions: Vec<_> = ["anna", "bert", "cleo"].map(|user| world.connected(user)).into();
    let outside = world.connected("dora");
    for session in &sessions {
        world.subscribe(*session, 2, "news");
        world.said(*session);
    }
    world.subscribe(outside, 2, "chat");
    world.said(outside);
    world.command(sessions[0], 3, publish("a"));
    assert_eq!(world.said(sessions[0]), ["news: 1 a", "3: published"]);
    assert_eq!(world.said(sessions[1]), ["news: 1 a"]);
    assert_eq!(world.said(sessions[2]), ["news: 1 a"]);
    assert_eq!(world.said(outside), [""; 0]);
    assert_eq!((world.hub.counts().publications, world.hub.counts().deliveries), (1, 3));
}

#[test]
fn the_publication_says_who_published_it() {
    let mut world = World::new(settings(open_options()));
    let session = world.connected("anna");
    world.command(session, 2, publish("a"));
    let publication = &world.broker.streams[&channel("news")].past[0];
    let info = publication.info.as_ref().unwrap();
    assert_eq!((&*info.user, info.client), ("anna", world.hub.client(session).unwrap()));
}

#[test]
fn a_session_is_named_once_for_all_that_it_has_to_write() {
    let mut world = World::new(settings(open_options()));
    let session = world.connected("anna");
    world.subscribe(session, 2, "news");
    world.publish("news", "a");
    world.publish("news", "b");
    assert_eq!(world.hub.poll_marked(), Some(session));
    assert_eq!(world.hub.poll_marked(), None);
}

#[test]
fn all_get_a_channel_in_the_same_order_whoever_publishes() {
    let mut world = World::new(settings(open_options()));
    let sessions: Vec<_> = ["anna", "bert", "cleo"].map(|user| world.connected(user)).into();
    for session in &sessions {
        world.subscribe(*session, 2, "news");
        world.said(*session);
    }
    world.broker_is_late = true;
    for (session, data) in sessions.iter().zip(["a", "b", "c"]) {
        world.command(*session, 3, publish(data));
    }
    // The broker takes them from the last to the first; that is the order for all.
    while let Some(request) = world.late.pop_back() {
        world.broker_does(request);
    }
    for session in sessions {
        let said = world.said(session);
        let news: Vec<_> = said.iter().filter(|it| it.starts_with("news")).collect();
        assert_eq!(news, ["news: 1 c", "news: 2 b", "news: 3 a"]);
    }
}

#[test]
fn the_reply_to_a_subscribe_comes_before_its_publications() {
    let mut world = World::new(settings(open_options()));
    let other = world.connected("bert");
    world.subscribe(other, 2, "news");
    let session = world.connected("anna");
    world.broker_is_late = true;
    world.command(session, 2, publish("a"));
    // The hub knows the answer at once, and it is not its turn yet.
    world.subscribe(session, 3, "news");
    world.publish("news", "b");
    assert_eq!(world.said(session), [""; 0]);
    world.answer();
    assert_eq!(
        world.said(session),
        ["2: published", "3: subscribed at 0", "news: 1 b", "news: 2 a"]
    );
}
