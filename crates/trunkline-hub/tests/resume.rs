//! Coming back: in time, too late, and while much is going on.

mod support;

use support::{World, open_options, settings};
use trunkline_hub::{Epoch, StreamPosition};

fn position(world: &World, offset: u64) -> StreamPosition {
    let epoch = world.broker.streams.values().next().and_then(|it| it.epoch).unwrap();
    StreamPosition { offset, epoch }
}

#[test]
fn who_comes_back_in_time_gets_what_it_missed() {
    let mut world = World::new(settings(open_options()));
    for data in ["a", "b", "c"] {
        world.publish("news", data);
    }
    let since = position(&world, 1);
    let session = world.connected("anna");
    world.recover(session, 2, "news", since);
    assert_eq!(world.said(session), ["2: subscribed at 1 recovered [2 3]"]);
    world.publish("news", "d");
    assert_eq!(world.said(session), ["news: 4 d"]);
}

#[test]
fn who_comes_back_to_another_epoch_is_told_so() {
    let mut world = World::new(settings(open_options()));
    world.publish("news", "a");
    let session = world.connected("anna");
    let since = StreamPosition { offset: 1, epoch: Epoch::parse("gone").unwrap() };
    world.recover(session, 2, "news", since);
    assert_eq!(world.said(session), ["2: subscribed at 1 unrecovered"]);
}

#[test]
fn what_is_published_while_the_broker_is_asked_comes_after_the_past() {
    let mut world = World::new(settings(open_options()));
    let first = world.connected("bert");
    world.subscribe(first, 2, "news");
    world.publish("news", "a");
    world.publish("news", "b");
    let since = position(&world, 1);
    let session = world.connected("anna");
    world.broker_is_late = true;
    world.recover(session, 2, "news", since);
    world.publish("news", "c");
    assert_eq!(world.said(session), [""; 0], "nothing before the reply");
    world.answer();
    // The broker answered after `c` was accepted: it is part of the past, and not said twice.
    assert_eq!(world.said(session), ["2: subscribed at 1 recovered [2 3]"]);
    world.publish("news", "d");
    assert_eq!(world.said(session), ["news: 4 d"]);
}
