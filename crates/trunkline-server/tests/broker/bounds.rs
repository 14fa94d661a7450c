//! What a partition may cost, and what happens beyond.

use std::time::Duration;

use trunkline_hub::broker::{Operation, Outcome, Publish};
use trunkline_hub::{CommandError, HistoryOptions};
use trunkline_server::broker::{BrokerLimits, BrokerStats};

use crate::world::{ALL, API, HISTORY, HUB, OFF, Start, World, client, offsets, saying};

fn limits(change: impl FnOnce(&mut BrokerLimits)) -> BrokerLimits {
    let mut limits = BrokerLimits::default();
    change(&mut limits);
    limits
}

#[track_caller]
fn refused(outcome: Outcome, error: CommandError) {
    assert!(matches!(outcome, Outcome::Failed(it) if it == error), "{outcome:?}");
}

fn attach(world: &mut World, channel: &str, history: HistoryOptions) -> Outcome {
    world.ask(HUB, channel, Operation::Attach { history, filter: ALL })
}

/// SEC-HB-18, and SEC-HB-19's second half.
pub(crate) fn channels_that_nobody_uses_leave_nothing(start: Start<'_>) {
    let mut world = start(BrokerLimits::default());
    for number in 0..200_u128 {
        let channel = format!("room:{number}");
        world.attach(HUB, &channel, if number % 2 == 0 { HISTORY } else { OFF });
        world.say(&format!("news:{number}"), "a");
        let info = client(number, "ann");
        let remove = Operation::RemovePresence { client: info.client };
        world.done(&channel, Operation::AddPresence { info, ttl_ms: 60_000 });
        if number % 3 == 0 {
            world.done(&channel, remove);
        }
        world.tell(HUB, &channel, Operation::Detach);
    }
    world.pass(Duration::from_secs(61));
    let stats = world.stats();
    assert_eq!((stats.channels, stats.publications, stats.presences), (200, 0, 0));
    world.pass(Duration::from_secs(600));
    let kept = BrokerStats { accepted: 0, ..world.stats() };
    assert_eq!(kept, BrokerStats { accepted: 0, ..start(BrokerLimits::default()).stats() });
    assert_eq!(world.broker.poll_timeout(), None);
}

pub(crate) fn a_channel_too_many_is_refused_until_there_is_room(start: Start<'_>) {
    let mut world = start(limits(|it| it.channels = 2));
    attach(&mut world, "a", OFF);
    world.say("b", "b");
    refused(attach(&mut world, "c", OFF), CommandError::TooManyRequests);
    let publish = Operation::Publish(saying("c"));
    refused(world.ask(API, "c", publish.clone()), CommandError::TooManyRequests);
    let presence = Operation::AddPresence { info: client(1, "ann"), ttl_ms: 60_000 };
    refused(world.ask(API, "c", presence), CommandError::TooManyRequests);
    // Those that are there go on, and what needs no memory is done.
    world.say("b", "b");
    attach(&mut world, "b", HISTORY);
    assert_eq!(world.publish("c", Publish { history: OFF, ..saying("c") }), None);
    world.tell(HUB, "a", Operation::Detach);
    assert!(matches!(world.ask(API, "c", publish), Outcome::Published(Some(_))));
    let stats = world.stats();
    assert_eq!((stats.channels, stats.refused), (2, 3));
}

pub(crate) fn a_presence_too_many_is_refused_until_there_is_room(start: Start<'_>) {
    let mut world = start(limits(|it| it.presences = 2));
    let add = |number| Operation::AddPresence { info: client(number, "ann"), ttl_ms: 60_000 };
    world.done("a", add(1));
    world.done("b", add(1));
    refused(world.ask(API, "a", add(2)), CommandError::TooManyRequests);
    refused(world.ask(API, "c", add(1)), CommandError::TooManyRequests);
    assert_eq!(world.stats().channels, 2);
    world.done("a", add(1));
    world.done("b", Operation::RemovePresence { client: client(1, "ann").client });
    world.done("a", add(2));
    assert_eq!((world.stats().presences, world.stats().refused), (2, 2));
}

pub(crate) fn bytes_of_a_channel_drop_its_oldest(start: Start<'_>) {
    let mut world = start(limits(|it| it.channel_bytes = 4000));
    let large = "x".repeat(1000);
    for _ in 0..5 {
        world.say("news", &large);
    }
    world.say("other", &large);
    assert_eq!(offsets(&world.history("news", ALL)), [3, 4, 5]);
    assert_eq!(offsets(&world.history("other", ALL)), [1]);
    // One that does not fit at all is delivered, and not kept.
    world.attach(HUB, "news", HISTORY);
    assert_eq!(world.say("news", &"x".repeat(4000)).offset, 6);
    assert_eq!(world.heard(HUB).len(), 1);
    let page = world.history("news", ALL);
    assert_eq!((offsets(&page).len(), page.top.offset), (0, 6));
    assert_eq!(world.stats().evicted, 0);
}

/// SEC-HB-21.
pub(crate) fn bytes_of_all_channels_drop_the_oldest_of_all(start: Start<'_>) {
    let mut world = start(limits(|it| it.history_bytes = 7500));
    let large = "x".repeat(1000);
    let history =
        HistoryOptions { size: 1_000_000_000, ttl: Duration::MAX, meta_ttl: Duration::MAX };
    for channel in ["a", "a", "b", "a", "c", "b", "a", "a", "d", "a"] {
        world.publish(channel, Publish { history, ..saying(&large) });
        assert!(world.stats().history_bytes <= 7500);
        world.pass(Duration::from_millis(1));
    }
    // Six fit, and those are the last six of all.
    assert_eq!(offsets(&world.history("a", ALL)), [4, 5, 6]);
    assert_eq!(offsets(&world.history("b", ALL)), [2]);
    assert_eq!(offsets(&world.history("c", ALL)), [1]);
    assert_eq!(offsets(&world.history("d", ALL)), [1]);
    let stats = world.stats();
    assert_eq!((stats.publications, stats.evicted), (6, 4));
    assert_eq!(world.top("a").offset, 6);
}

pub(crate) fn a_result_too_many_forgets_the_oldest(start: Start<'_>) {
    let mut world = start(limits(|it| it.results = 2));
    let mut say = |key: &str| {
        let publish = Publish { idempotency_key: Some(key.into()), ..saying(key) };
        world.publish("news", publish).unwrap().offset
    };
    assert_eq!(["a", "b", "c"].map(&mut say), [1, 2, 3]);
    assert_eq!(["b", "c"].map(&mut say), [2, 3]);
    assert_eq!(say("a"), 4);
    assert_eq!((world.stats().results, world.stats().forgotten_results), (2, 2));
}

pub(crate) fn long_keys_are_refused(start: Start<'_>) {
    let mut world = start(BrokerLimits::default());
    let keyed = |len| Publish { idempotency_key: Some("k".repeat(len).into()), ..saying("a") };
    let versioned =
        |len| Publish { version: 1, version_epoch: "k".repeat(len).into(), ..saying("a") };
    for publish in [keyed(255), versioned(255)] {
        assert!(world.publish("news", publish).is_some());
    }
    for publish in [keyed(256), versioned(256)] {
        let outcome = world.ask(API, "news", Operation::Publish(publish));
        refused(outcome, CommandError::LimitExceeded);
    }
    assert_eq!(world.top("news").offset, 2);
}

pub(crate) fn unused_positions_are_forgotten_sooner(start: Start<'_>) {
    let mut world = start(BrokerLimits::default());
    let epoch = world.top("news").epoch;
    world.pass(Duration::from_secs(59));
    assert_eq!(world.top("news").epoch, epoch);
    world.pass(Duration::from_secs(60));
    assert_eq!(world.stats().channels, 0);
    assert_ne!(world.top("news").epoch, epoch);
}

pub(crate) fn ttls_beyond_any_clock_are_taken(start: Start<'_>) {
    let mut world = start(BrokerLimits::default());
    let history = HistoryOptions { size: 10, ttl: Duration::MAX, meta_ttl: Duration::MAX };
    world.publish("news", Publish { history, ..saying("a") });
    world.done("news", Operation::AddPresence { info: client(1, "ann"), ttl_ms: u64::MAX });
    world.pass(Duration::from_secs(100 * 365 * 24 * 3600));
    assert_eq!(offsets(&world.history("news", ALL)), [1]);
    let Outcome::Presence(list) = world.ask(API, "news", Operation::Presence) else { panic!() };
    assert_eq!(list.len(), 1);
}

pub(crate) fn channels_are_listed_by_pattern(start: Start<'_>) {
    let mut world = start(BrokerLimits::default());
    world.attach(HUB, "chat:lobby", OFF);
    world.say("chat:room1", "a");
    world.say("chat:room2", "a");
    world.say("news", "a");
    let all = ["chat:lobby", "chat:room1", "chat:room2", "news"];
    #[track_caller]
    fn check(world: &World, pattern: &str, expect: &[&str]) {
        let channels: Vec<_> =
            world.channels(pattern).iter().map(|it| it.channel.to_string()).collect();
        assert_eq!(channels, expect, "{pattern}");
    }
    check(&world, "", &all);
    check(&world, "*", &all);
    check(&world, "chat:*", &all[..3]);
    check(&world, "chat:room?", &all[1..3]);
    check(&world, "*o*", &all[..3]);
    check(&world, "*s", &all[3..]);
    check(&world, "news", &all[3..]);
    check(&world, "new", &[]);
    check(&world, "news?", &[]);
    check(&world, "**:*r*m*1**", &all[1..2]);
    let channels = world.channels("chat:lobby");
    assert_eq!((channels[0].attached, channels[0].top), (1, None));
    let channels = world.channels("news");
    assert_eq!((channels[0].attached, channels[0].publications), (0, 1));
    assert_eq!(channels[0].top.unwrap().offset, 1);
}

pub(crate) fn what_is_counted(start: Start<'_>) {
    let mut world = start(BrokerLimits::default());
    for _ in 0..11 {
        world.say("news", "a");
    }
    world.publish("talk", Publish { history: OFF, ..saying("a") });
    world.attach(HUB, "talk", OFF);
    world.done("talk", Operation::AddPresence { info: client(1, "ann"), ttl_ms: 60_000 });
    let stats = world.stats();
    assert_eq!((stats.channels, stats.publications, stats.accepted), (2, 10, 12));
    assert_eq!((stats.presences, stats.results), (1, 0));
    let one = stats.history_bytes / 10;
    assert!((100..300).contains(&one), "{one}");
    world.done("news", Operation::RemoveHistory);
    assert_eq!((world.stats().publications, world.stats().history_bytes), (0, 0));
}
