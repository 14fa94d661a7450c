//! What becomes of a publication.

use std::time::Duration;

use trunkline_hub::Epoch;
use trunkline_hub::broker::{Event, Operation, Publish};
use trunkline_server::broker::BrokerLimits;

use crate::world::{ALL, HISTORY, HUB, OFF, Start, Word, client, saying};

pub(crate) fn offsets_count_from_one_in_one_epoch(start: Start<'_>) {
    let mut world = start(BrokerLimits::default());
    let first = world.say("news", "a");
    assert_eq!(first.offset, 1);
    assert!(!first.epoch.is_none());
    for offset in 2..=50 {
        let position = world.say("news", "b");
        assert_eq!((position.offset, position.epoch), (offset, first.epoch));
    }
    assert_eq!(world.top("news").offset, 50);
    assert_ne!(world.say("other", "a").epoch, first.epoch);
}

pub(crate) fn without_history_there_are_no_positions(start: Start<'_>) {
    let mut world = start(BrokerLimits::default());
    let page = world.attach(HUB, "talk", OFF);
    assert_eq!((page.top.offset, page.top.epoch), (0, Epoch::NONE));
    for _ in 0..3 {
        assert_eq!(world.publish("talk", Publish { history: OFF, ..saying("a") }), None);
    }
    let deliveries: Vec<_> = world.record.0.drain(..).collect();
    assert_eq!(deliveries.len(), 3);
    for word in deliveries {
        let Word::Delivery(_, delivery) = word else { panic!("{word:?}") };
        let Event::Publication { publication, epoch } = delivery.event else { panic!() };
        assert_eq!((publication.offset, epoch), (0, Epoch::NONE));
    }
    let history = Operation::History { history: OFF, filter: ALL };
    let page = crate::world::page(world.ask(HUB, "talk", history));
    assert!(page.publications.is_empty() && page.top.epoch.is_none());
}

pub(crate) fn a_publication_carries_what_was_said_with_it(start: Start<'_>) {
    let mut world = start(BrokerLimits::default());
    world.attach(HUB, "news", HISTORY);
    world.advance(Duration::from_millis(1234));
    let tags = vec![("a".into(), "1".into()), ("b".into(), "2".into())];
    let publish = Publish { info: Some(client(7, "ann")), tags, ..saying("hello") };
    let position = world.publish("news", publish.clone()).unwrap();

    let Some(Word::Delivery(HUB, delivery)) = world.record.0.pop() else { panic!() };
    let Event::Publication { publication, epoch } = delivery.event else { panic!() };
    assert_eq!((publication.offset, epoch), (position.offset, position.epoch));
    assert_eq!(publication.data, publish.data);
    assert_eq!(publication.info, publish.info);
    assert_eq!(publication.tags, publish.tags);
    assert_eq!(publication.time_ms, 1_700_000_001_234);
    assert_eq!(world.history("news", ALL).publications, [publication]);
}

fn keyed(data: &str, key: &str) -> Publish {
    Publish { idempotency_key: Some(key.into()), ..saying(data) }
}

pub(crate) fn a_second_publication_with_a_key_is_answered_like_the_first(start: Start<'_>) {
    let mut world = start(BrokerLimits::default());
    world.attach(HUB, "news", HISTORY);
    world.attach(HUB, "talk", OFF);
    // Both are under way at once.
    let ids = ["a", "b"].map(|it| world.tell(HUB, "news", Operation::Publish(keyed(it, "key"))));
    let outcomes = ids.map(|id| format!("{:?}", world.answer(HUB, id)));
    assert_eq!(outcomes[0], outcomes[1]);
    let first = world.publish("news", keyed("c", "key"));
    world.say("news", "d");
    assert_eq!(world.publish("news", keyed("e", "key")), first);
    assert_eq!(world.heard(HUB), ["news 1 a", "news 2 d"]);
    assert_eq!(world.kept("news"), ["a", "d"]);

    for data in ["a", "b"] {
        assert_eq!(world.publish("talk", Publish { history: OFF, ..keyed(data, "key") }), None);
    }
    assert_eq!(world.heard(HUB), ["talk 0 a"]);
}

pub(crate) fn a_key_counts_for_five_minutes(start: Start<'_>) {
    let mut world = start(BrokerLimits::default());
    assert_eq!(world.publish("news", keyed("a", "key")).unwrap().offset, 1);
    world.pass(Duration::from_millis(299_999));
    assert_eq!(world.publish("news", keyed("b", "key")).unwrap().offset, 1);
    world.pass(Duration::from_millis(1));
    assert_eq!(world.publish("news", keyed("c", "key")).unwrap().offset, 2);
    // Nobody called handle_timeout in time.
    world.advance(Duration::from_millis(300_000));
    assert_eq!(world.publish("news", keyed("d", "key")).unwrap().offset, 3);
}

pub(crate) fn a_key_counts_in_its_channel(start: Start<'_>) {
    let mut world = start(BrokerLimits::default());
    world.publish("news", keyed("a", "key"));
    assert_eq!(world.publish("other", keyed("b", "key")).unwrap().offset, 1);
    assert_eq!(world.publish("news", keyed("c", "other key")).unwrap().offset, 2);
    assert_eq!(world.kept("other"), ["b"]);
}

fn versioned(data: &str, version: u64, epoch: &str) -> Publish {
    Publish { version, version_epoch: epoch.into(), ..saying(data) }
}

pub(crate) fn a_version_that_is_not_new_is_suppressed(start: Start<'_>) {
    let mut world = start(BrokerLimits::default());
    world.attach(HUB, "price", HISTORY);
    let first = world.publish("price", versioned("5", 5, ""));
    for (data, version) in [("5 again", 5), ("4", 4), ("1", 1)] {
        assert_eq!(world.publish("price", versioned(data, version, "")), first);
    }
    // All are under way at once.
    let versions = [("6", 6), ("6 again", 6), ("5", 5), ("7", 7)];
    let ids = versions.map(|(data, version)| {
        world.tell(HUB, "price", Operation::Publish(versioned(data, version, "")))
    });
    for id in ids {
        world.answer(HUB, id);
    }
    assert_eq!(world.heard(HUB), ["price 1 5", "price 2 6", "price 3 7"]);
    assert_eq!(world.top("price").offset, 3);
}

pub(crate) fn versions_of_another_epoch_count_anew(start: Start<'_>) {
    let mut world = start(BrokerLimits::default());
    world.publish("price", versioned("a9", 9, "a"));
    world.publish("price", versioned("b1", 1, "b"));
    world.publish("price", versioned("b1 again", 1, "b"));
    world.publish("price", versioned("any 1", 1, ""));
    world.publish("price", versioned("any 2", 2, ""));
    world.publish("price", versioned("a9", 9, "a"));
    assert_eq!(world.kept("price"), ["a9", "b1", "any 2", "a9"]);
}

pub(crate) fn a_publication_without_version_is_never_suppressed(start: Start<'_>) {
    let mut world = start(BrokerLimits::default());
    world.publish("price", versioned("5", 5, ""));
    world.publish("price", versioned("none", 0, ""));
    world.publish("price", versioned("5 again", 5, ""));
    world.publish("price", versioned("6", 6, ""));
    assert_eq!(world.kept("price"), ["5", "none", "6"]);
}
