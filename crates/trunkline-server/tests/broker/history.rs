//! What is kept, for how long, and how it is asked for.

use std::time::Duration;

use trunkline_hub::broker::{Operation, Publish};
use trunkline_hub::{Epoch, HistoryFilter, HistoryOptions, StreamPosition};
use trunkline_server::broker::BrokerLimits;

use crate::world::{ALL, API, HISTORY, HUB, OFF, Start, World, offsets, page, saying};

const SECOND: Duration = Duration::from_secs(1);

/// A channel with publications 1 to `count`.
fn filled(start: Start<'_>, count: u64) -> (World, Epoch) {
    let mut world = start(BrokerLimits::default());
    let mut epoch = Epoch::NONE;
    for number in 1..=count {
        epoch = world.say("news", &number.to_string()).epoch;
    }
    (world, epoch)
}

#[track_caller]
fn check(world: &mut World, filter: HistoryFilter, expect: &[u64]) {
    let top = world.top("news");
    let page = world.history("news", filter);
    assert_eq!(offsets(&page), expect, "{filter:?}");
    assert_eq!(page.top, top);
    for publication in &page.publications {
        assert_eq!(publication.data, publication.offset.to_string());
    }
}

pub(crate) fn limits_and_directions(start: Start<'_>) {
    let (mut world, _) = filled(start, 5);
    let forward = |limit| HistoryFilter { limit, ..ALL };
    check(&mut world, forward(None), &[1, 2, 3, 4, 5]);
    check(&mut world, forward(Some(2)), &[1, 2]);
    check(&mut world, forward(Some(5)), &[1, 2, 3, 4, 5]);
    check(&mut world, forward(Some(usize::MAX)), &[1, 2, 3, 4, 5]);
    let reverse = |limit| HistoryFilter { limit, reverse: true, ..ALL };
    check(&mut world, reverse(None), &[5, 4, 3, 2, 1]);
    check(&mut world, reverse(Some(2)), &[5, 4]);
}

pub(crate) fn since_a_position(start: Start<'_>) {
    let (mut world, epoch) = filled(start, 5);
    let since = |offset, limit, reverse| HistoryFilter {
        limit,
        since: Some(StreamPosition { offset, epoch }),
        reverse,
    };
    check(&mut world, since(0, None, false), &[1, 2, 3, 4, 5]);
    check(&mut world, since(2, None, false), &[3, 4, 5]);
    check(&mut world, since(2, Some(1), false), &[3]);
    check(&mut world, since(4, None, false), &[5]);
    check(&mut world, since(5, None, false), &[]);
    check(&mut world, since(6, None, false), &[]);
    check(&mut world, since(u64::MAX, None, false), &[]);
    check(&mut world, since(3, None, true), &[2, 1]);
    check(&mut world, since(3, Some(1), true), &[2]);
    check(&mut world, since(1, None, true), &[]);
    check(&mut world, since(0, None, true), &[]);
    check(&mut world, since(6, None, true), &[5, 4, 3, 2, 1]);
    check(&mut world, since(u64::MAX, Some(1), true), &[5]);
}

pub(crate) fn since_a_position_of_another_epoch(start: Start<'_>) {
    let (mut world, _) = filled(start, 5);
    let other = Epoch::parse("other").unwrap();
    for reverse in [false, true] {
        let since = Some(StreamPosition { offset: 2, epoch: other });
        check(&mut world, HistoryFilter { since, reverse, limit: None }, &[]);
    }
    let since = Some(StreamPosition { offset: 3, epoch: Epoch::NONE });
    check(&mut world, HistoryFilter { since, ..ALL }, &[4, 5]);
}

pub(crate) fn since_a_position_that_is_not_kept_any_more(start: Start<'_>) {
    let (mut world, epoch) = filled(start, 15);
    let since = |offset, reverse| HistoryFilter {
        since: Some(StreamPosition { offset, epoch }),
        reverse,
        limit: Some(2),
    };
    // The gap is plain to see: 3 was asked for, and 6 comes.
    check(&mut world, since(2, false), &[6, 7]);
    check(&mut world, since(4, false), &[6, 7]);
    check(&mut world, since(5, false), &[6, 7]);
    check(&mut world, since(6, false), &[7, 8]);
    check(&mut world, since(2, true), &[]);
    check(&mut world, since(6, true), &[]);
    check(&mut world, since(7, true), &[6]);
}

pub(crate) fn limit_zero_asks_for_the_top(start: Start<'_>) {
    let (mut world, epoch) = filled(start, 5);
    for since in [None, Some(StreamPosition { offset: 1, epoch })] {
        for reverse in [false, true] {
            check(&mut world, HistoryFilter { limit: Some(0), since, reverse }, &[]);
        }
    }
    assert_eq!(world.top("news"), StreamPosition { offset: 5, epoch });
}

pub(crate) fn size_bounds_what_is_kept(start: Start<'_>) {
    let (mut world, epoch) = filled(start, 10);
    check(&mut world, ALL, &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    assert_eq!(world.say("news", "11"), StreamPosition { offset: 11, epoch });
    check(&mut world, ALL, &[2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
}

pub(crate) fn a_smaller_size_drops_what_is_kept(start: Start<'_>) {
    let (mut world, _) = filled(start, 9);
    let history = HistoryOptions { size: 3, ..HISTORY };
    world.publish("news", Publish { history, ..saying("10") });
    check(&mut world, ALL, &[8, 9, 10]);
}

pub(crate) fn publications_expire_one_by_one(start: Start<'_>) {
    let (mut world, epoch) = filled(start, 1);
    world.pass(20 * SECOND);
    world.say("news", "2");
    world.pass(40 * SECOND - Duration::from_millis(1));
    check(&mut world, ALL, &[1, 2]);
    world.pass(Duration::from_millis(1));
    check(&mut world, ALL, &[2]);
    // Nobody called handle_timeout in time.
    world.advance(20 * SECOND);
    check(&mut world, ALL, &[]);
    assert_eq!(world.say("news", "3"), StreamPosition { offset: 3, epoch });
    check(&mut world, ALL, &[3]);
}

pub(crate) fn a_stream_is_made_by_who_asks_for_it(start: Start<'_>) {
    let mut world = start(BrokerLimits::default());
    let asked = world.top("news");
    assert_eq!(asked.offset, 0);
    assert!(!asked.epoch.is_none());
    assert_eq!(world.attach(HUB, "news", HISTORY).top, asked);
    assert_eq!(world.say("news", "a"), StreamPosition { offset: 1, epoch: asked.epoch });

    let attached = world.attach(HUB, "other", HISTORY).top;
    assert_eq!(world.top("other"), attached);
    assert_ne!(attached.epoch, asked.epoch);
}

pub(crate) fn a_position_is_forgotten_after_meta_ttl(start: Start<'_>) {
    let (mut world, epoch) = filled(start, 3);
    world.pass(599 * SECOND);
    assert_eq!(world.top("news"), StreamPosition { offset: 3, epoch });
    // Looking is use.
    world.pass(599 * SECOND);
    assert_eq!(world.top("news"), StreamPosition { offset: 3, epoch });
    world.pass(600 * SECOND);
    let anew = world.say("news", "a");
    assert_eq!(anew.offset, 1);
    assert_ne!(anew.epoch, epoch);
    // Nobody called handle_timeout in time.
    world.advance(600 * SECOND);
    let again = world.say("news", "a");
    assert_eq!(again.offset, 1);
    assert!(again.epoch != epoch && again.epoch != anew.epoch);
}

pub(crate) fn a_position_is_not_forgotten_while_somebody_is_attached(start: Start<'_>) {
    let (mut world, epoch) = filled(start, 3);
    world.attach(HUB, "news", HISTORY);
    world.pass(5000 * SECOND);
    assert_eq!(world.say("news", "a"), StreamPosition { offset: 4, epoch });
    world.pass(5000 * SECOND);
    world.tell(HUB, "news", Operation::Detach);
    world.pass(599 * SECOND);
    assert_eq!(world.top("news"), StreamPosition { offset: 4, epoch });
    world.pass(600 * SECOND);
    assert_ne!(world.top("news").epoch, epoch);
}

pub(crate) fn a_position_is_not_forgotten_while_publications_are_kept(start: Start<'_>) {
    let mut world = start(BrokerLimits::default());
    let history = HistoryOptions { size: 10, ttl: 60 * SECOND, meta_ttl: Duration::ZERO };
    let publish = Publish { history, ..saying("a") };
    let first = world.publish("news", publish.clone()).unwrap();
    world.pass(59 * SECOND);
    let second = world.publish("news", publish.clone()).unwrap();
    assert_eq!(second, StreamPosition { offset: 2, epoch: first.epoch });
    world.pass(60 * SECOND);
    let anew = world.publish("news", publish).unwrap();
    assert_eq!(anew.offset, 1);
    assert_ne!(anew.epoch, first.epoch);
}

pub(crate) fn removed_history_leaves_the_position(start: Start<'_>) {
    let (mut world, epoch) = filled(start, 3);
    world.done("news", Operation::RemoveHistory);
    check(&mut world, ALL, &[]);
    assert_eq!(world.top("news"), StreamPosition { offset: 3, epoch });
    assert_eq!(world.say("news", "4"), StreamPosition { offset: 4, epoch });
    check(&mut world, ALL, &[4]);
    world.done("unknown", Operation::RemoveHistory);

    // All are under way at once: what was published first goes, what comes behind stays.
    world.tell(API, "news", Operation::Publish(saying("5")));
    world.tell(API, "news", Operation::RemoveHistory);
    let last = world.tell(API, "news", Operation::Publish(saying("6")));
    world.answer(API, last);
    check(&mut world, ALL, &[6]);
}

pub(crate) fn switching_history_off_ends_the_stream(start: Start<'_>) {
    let (mut world, epoch) = filled(start, 3);
    assert_eq!(world.publish("news", Publish { history: OFF, ..saying("a") }), None);
    let ask = Operation::History { history: OFF, filter: ALL };
    assert!(page(world.ask(API, "news", ask)).top.epoch.is_none());
    let anew = world.say("news", "b");
    assert_eq!(anew.offset, 1);
    assert_ne!(anew.epoch, epoch);
}
