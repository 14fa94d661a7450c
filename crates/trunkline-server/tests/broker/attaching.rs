//! Who hears what, and when.

use trunkline_hub::broker::{Operation, Outcome};
use trunkline_server::broker::BrokerLimits;

use crate::world::{API, HISTORY, HUB, OFF, OTHER_HUB, Start, Word, client, payloads, saying};

pub(crate) fn who_is_attached_hears_each_publication_once_in_order(start: Start<'_>) {
    let mut world = start(BrokerLimits::default());
    for hub in [HUB, OTHER_HUB] {
        let page = world.attach(hub, "news", HISTORY);
        assert_eq!((page.publications.len(), page.top.offset), (0, 0));
    }
    for data in ["a", "b", "c"] {
        world.say("news", data);
    }
    for hub in [HUB, OTHER_HUB] {
        assert_eq!(world.heard(hub), ["news 1 a", "news 2 b", "news 3 c"]);
    }
    assert!(world.heard(API).is_empty());
}

pub(crate) fn who_detached_hears_nothing_more(start: Start<'_>) {
    let mut world = start(BrokerLimits::default());
    for hub in [HUB, OTHER_HUB] {
        world.attach(hub, "news", HISTORY);
    }
    world.say("news", "a");
    world.tell(HUB, "news", Operation::Detach);
    world.say("news", "b");
    assert_eq!(world.heard(HUB), ["news 1 a"]);
    assert_eq!(world.heard(OTHER_HUB), ["news 1 a", "news 2 b"]);

    world.tell(HUB, "news", Operation::Detach);
    let page = world.attach(HUB, "news", HISTORY);
    assert_eq!(page.top.offset, 2);
    world.say("news", "c");
    assert_eq!(world.heard(HUB), ["news 3 c"]);
}

pub(crate) fn attaching_twice_delivers_once(start: Start<'_>) {
    let mut world = start(BrokerLimits::default());
    let first = world.attach(HUB, "news", HISTORY);
    let second = world.attach(HUB, "news", HISTORY);
    assert_eq!(first, second);
    world.say("news", "a");
    assert_eq!(world.heard(HUB), ["news 1 a"]);
    world.tell(HUB, "news", Operation::Detach);
    world.say("news", "b");
    assert!(world.heard(HUB).is_empty());
}

/// Publications are handed in before and behind the attachment, and nobody waits for anything.
pub(crate) fn a_page_and_what_follows_have_no_gap(start: Start<'_>) {
    let mut world = start(BrokerLimits::default());
    let mut last = world.tell(API, "news", Operation::Publish(saying("1")));
    for data in ["2", "3"] {
        last = world.tell(API, "news", Operation::Publish(saying(data)));
    }
    let attach = Operation::Attach { history: HISTORY, filter: crate::world::ALL };
    let attached = world.tell(HUB, "news", attach);
    for data in ["4", "5"] {
        last = world.tell(API, "news", Operation::Publish(saying(data)));
    }
    world.answer(API, last);
    let page = crate::world::page(world.answer(HUB, attached));
    let kept = payloads(&page.publications);
    assert_eq!(u64::try_from(kept.len()).unwrap(), page.top.offset);

    let mut all: Vec<_> = kept.iter().map(|it| format!("news {it} {it}")).collect();
    all.extend(world.heard(HUB));
    all.sort();
    all.dedup();
    assert_eq!(all, ["news 1 1", "news 2 2", "news 3 3", "news 4 4", "news 5 5"]);
}

pub(crate) fn a_publication_is_delivered_before_it_is_answered(start: Start<'_>) {
    let mut world = start(BrokerLimits::default());
    world.attach(HUB, "news", HISTORY);
    world.attach(HUB, "talk", OFF);
    for (channel, history) in [("news", HISTORY), ("talk", OFF)] {
        let publish = trunkline_hub::broker::Publish { history, ..saying("a") };
        let first = world.tell(HUB, channel, Operation::Publish(publish));
        // Another answer behind it shows that the one that is looked for has come.
        let last = world.tell(API, "other", Operation::Publish(saying("b")));
        world.answer(API, last);
        let mut words = world.record.0.drain(..);
        assert!(matches!(words.next(), Some(Word::Delivery(HUB, _))));
        assert!(matches!(
            words.next(),
            Some(Word::Answer(HUB, answer))
                if answer.id == first && matches!(answer.outcome, Outcome::Published(_))
        ));
        assert!(words.next().is_none());
    }
}

pub(crate) fn joins_and_leaves_reach_all_who_are_attached(start: Start<'_>) {
    let mut world = start(BrokerLimits::default());
    world.tell(HUB, "room", Operation::Join(client(1, "early")));
    world.attach(HUB, "room", OFF);
    world.attach(OTHER_HUB, "room", OFF);
    world.tell(HUB, "room", Operation::Join(client(1, "ann")));
    world.tell(OTHER_HUB, "room", Operation::Leave(client(1, "ann")));
    for hub in [HUB, OTHER_HUB] {
        assert_eq!(world.heard(hub), ["room join ann", "room leave ann"]);
    }
    assert!(world.record.0.is_empty(), "nobody is answered");
}

pub(crate) fn channels_do_not_hear_of_each_other(start: Start<'_>) {
    let mut world = start(BrokerLimits::default());
    let channels: Vec<_> = (0..500).map(|it| format!("room:{it}")).collect();
    for channel in &channels {
        world.attach(HUB, channel, HISTORY);
    }
    for channel in &channels {
        assert_eq!(world.say(channel, channel).offset, 1);
    }
    let expected: Vec<_> = channels.iter().map(|it| format!("{it} 1 {it}")).collect();
    assert_eq!(world.heard(HUB), expected);
    for channel in &channels {
        assert_eq!(world.kept(channel), [channel.as_str()]);
    }
}
