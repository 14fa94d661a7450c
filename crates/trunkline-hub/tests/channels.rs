//! Who gets on channels, and off them.

mod support;

use std::sync::Arc;

use bytes::Bytes;
use support::{World, channel, open_options, settings};
use trunkline_hub::broker::Operation;
use trunkline_hub::limits::Limits;
use trunkline_hub::{
    Allowed, ChannelOptions, Command, History, HistoryFilter, Settings, Subscribe, SubscribeRights,
};

fn world() -> World {
    World::new(settings(open_options()))
}

fn publish(name: &str) -> Command {
    Command::Publish { channel: channel(name), data: Bytes::from_static(b"x") }
}

fn history(name: &str) -> Command {
    Command::History(History { channel: channel(name), filter: HistoryFilter::default() })
}

fn presence(name: &str) -> Command {
    Command::Presence { channel: channel(name) }
}

fn unsubscribe(name: &str) -> Command {
    Command::Unsubscribe { channel: channel(name) }
}

/// What `user` is told to a command under `options`.
fn said(options: ChannelOptions, user: &str, command: Command) -> String {
    let mut world = World::new(settings(options));
    let session = world.connected(user);
    world.command(session, 2, command);
    world.said(session).join(" ")
}

#[test]
fn who_subscribes_gets_what_is_published() {
    let mut world = world();
    let session = world.connected("anna");
    world.subscribe(session, 2, "news");
    world.publish("news", "a");
    assert_eq!(world.said(session), ["2: subscribed at 0", "news: 1 a"]);
}

#[test]
fn a_second_subscription_to_a_channel_is_error_105() {
    let mut world = world();
    let session = world.connected("anna");
    world.broker_is_late = true;
    world.subscribe(session, 2, "news");
    world.subscribe(session, 3, "news");
    world.broker_is_late = false;
    world.answer();
    world.subscribe(session, 4, "news");
    assert_eq!(world.said(session), ["2: subscribed at 0", "3: error 105", "4: error 105"]);
}

#[test]
fn more_subscriptions_than_the_limit_are_error_106() {
    let limits = Limits { subscriptions: 2, ..Limits::default() };
    let mut world = World::new(Settings { limits: Arc::new(limits), ..settings(open_options()) });
    let session = world.connected("anna");
    world.subscribe(session, 2, "one");
    world.subscribe(session, 3, "two");
    world.subscribe(session, 4, "three");
    world.command(session, 5, unsubscribe("one"));
    world.subscribe(session, 6, "three");
    assert_eq!(
        world.said(session),
        [
            "2: subscribed at 0",
            "3: subscribed at 0",
            "4: error 106",
            "5: unsubscribed",
            "6: subscribed at 0"
        ]
    );
}

#[test]
fn a_namespace_that_does_not_exist_is_error_102() {
    for command in [
        Command::Subscribe(Subscribe::new(channel("nowhere:news"))),
        publish("nowhere:news"),
        history("nowhere:news"),
        presence("nowhere:news"),
    ] {
        assert_eq!(said(open_options(), "anna", command), "2: error 102");
    }
}

#[test]
fn nothing_is_allowed_that_the_options_do_not_allow() {
    let none = Allowed::default();
    let options = ChannelOptions {
        subscribe: none,
        publish: none,
        history_read: none,
        presence_read: none,
        ..open_options()
    };
    for command in [
        Command::Subscribe(Subscribe::new(channel("news"))),
        publish("news"),
        history("news"),
        presence("news"),
        Command::PresenceStats { channel: channel("news") },
    ] {
        assert_eq!(said(options.clone(), "anna", command), "2: error 103");
    }
}

#[test]
fn anonymous_clients_may_only_what_is_said_to_be_theirs() {
    let clients = Allowed { clients: true, ..Allowed::default() };
    let options = ChannelOptions { publish: clients, subscribe: clients, ..open_options() };
    assert_eq!(said(options.clone(), "anna", publish("news")), "2: published");
    assert_eq!(said(options.clone(), "", publish("news")), "2: error 103");
    let subscribe = Command::Subscribe(Subscribe::new(channel("news")));
    assert_eq!(said(options, "", subscribe), "2: error 103");
    assert_eq!(said(open_options(), "", publish("news")), "2: published");
}

#[test]
fn what_is_for_subscribers_is_not_for_others() {
    let subscribers = Allowed { subscribers: true, ..Allowed::default() };
    let options = ChannelOptions {
        publish: subscribers,
        history_read: subscribers,
        presence_read: subscribers,
        ..open_options()
    };
    let mut world = World::new(settings(options));
    let session = world.connected("anna");
    for (id, command) in
        [publish("news"), history("news"), presence("news")].into_iter().enumerate()
    {
        world.command(session, 2 + u32::try_from(id).unwrap(), command);
    }
    world.subscribe(session, 5, "news");
    world.command(session, 6, presence("news"));
    world.command(session, 7, history("news"));
    assert_eq!(
        world.said(session),
        [
            "2: error 103",
            "3: error 103",
            "4: error 103",
            "5: subscribed at 0",
            "6: presence [anna]",
            "7: history [] of 0"
        ]
    );
}

#[test]
fn a_user_limited_channel_lets_in_whom_it_names() {
    let options = || ChannelOptions { allow_user_limited_channels: true, ..open_options() };
    let subscribe = || Command::Subscribe(Subscribe::new(channel("dialog#anna,bert")));
    assert_eq!(said(options(), "anna", subscribe()), "2: subscribed at 0");
    assert_eq!(said(options(), "bert", subscribe()), "2: subscribed at 0");
    assert_eq!(said(options(), "ann", subscribe()), "2: error 103");
    assert_eq!(said(options(), "", subscribe()), "2: error 103");
    let unnamed = Command::Subscribe(Subscribe::new(channel("dialog#,bert")));
    assert_eq!(said(options(), "", unnamed), "2: error 103", "nobody is no user");
}

#[test]
fn a_private_channel_wants_a_token() {
    let subscribe = Subscribe::new(channel("$orders"));
    assert_eq!(said(open_options(), "anna", Command::Subscribe(subscribe.clone())), "2: error 103");
    let subscribe = Subscribe { token: Some(SubscribeRights::default()), ..subscribe };
    assert_eq!(said(open_options(), "anna", Command::Subscribe(subscribe)), "2: subscribed at 0");
}

#[test]
fn what_the_channel_does_not_keep_is_error_108() {
    let options = ChannelOptions {
        presence: false,
        history: trunkline_hub::HistoryOptions::default(),
        ..open_options()
    };
    assert_eq!(said(options.clone(), "anna", history("news")), "2: error 108");
    assert_eq!(said(options, "anna", presence("news")), "2: error 108");
}

#[test]
fn insecure_allows_everything() {
    let mut world = World::new(Settings { insecure: true, ..settings(ChannelOptions::default()) });
    let session = world.connected("");
    world.subscribe(session, 2, "$news");
    world.command(session, 3, publish("$news"));
    assert_eq!(world.said(session), ["2: subscribed nowhere", "$news: 0 x", "3: published"]);
}

#[test]
fn after_unsubscribe_nothing_comes_any_more() {
    let mut world = world();
    let session = world.connected("anna");
    world.subscribe(session, 2, "news");
    world.command(session, 3, unsubscribe("news"));
    world.publish("news", "a");
    assert_eq!(world.said(session), ["2: subscribed at 0", "3: unsubscribed"]);
}

#[test]
fn the_last_one_out_detaches() {
    let mut world = world();
    let (anna, bert) = (world.connected("anna"), world.connected("bert"));
    world.subscribe(anna, 2, "news");
    world.subscribe(bert, 2, "news");
    world.broker_is_late = true;
    world.command(anna, 3, unsubscribe("news"));
    let detaches = |world: &World| {
        world.late.iter().filter(|it| matches!(it.operation, Operation::Detach)).count()
    };
    assert_eq!(detaches(&world), 0, "there is still somebody");
    world.hub.close(bert);
    world.run();
    assert_eq!(detaches(&world), 1);
    assert_eq!(world.hub.gauges().channels, 0);
}

#[test]
fn presence_names_those_who_are_there() {
    let mut world = world();
    let (anna, bert) = (world.connected("anna"), world.connected("bert"));
    world.subscribe(anna, 2, "news");
    world.subscribe(bert, 2, "news");
    world.said(anna);
    world.command(anna, 3, presence("news"));
    world.command(anna, 4, Command::PresenceStats { channel: channel("news") });
    world.hub.close(bert);
    world.run();
    world.command(anna, 5, presence("news"));
    assert_eq!(
        world.said(anna),
        ["3: presence [anna, bert]", "4: 2 clients, 2 users", "5: presence [anna]"]
    );
}

#[test]
fn those_who_want_to_hear_it_are_told_who_comes_and_goes() {
    let options = ChannelOptions { join_leave: true, ..open_options() };
    let mut world = World::new(settings(options));
    let (anna, bert, cleo) =
        (world.connected("anna"), world.connected("bert"), world.connected("cleo"));
    let curious = Subscribe { join_leave: true, ..Subscribe::new(channel("news")) };
    world.command(anna, 2, Command::Subscribe(curious));
    world.subscribe(bert, 2, "news");
    world.said(anna);
    world.said(bert);
    world.subscribe(cleo, 2, "news");
    world.command(cleo, 3, unsubscribe("news"));
    assert_eq!(world.said(anna), ["news: join cleo", "news: leave cleo"]);
    assert_eq!(world.said(bert), [""; 0], "it did not ask");
}

#[test]
fn whom_its_own_recovery_makes_slow_is_not_present_afterwards() {
    let limits = Limits { outbox_entries: 2, ..Limits::default() };
    let options = ChannelOptions { join_leave: true, ..open_options() };
    let mut world = World::new(Settings { limits: Arc::new(limits), ..settings(options) });
    let first = world.connected("bert");
    world.subscribe(first, 2, "news");
    world.said(first);
    let anna = world.connected("anna");
    // Its subscription waits for the reply to a publication, and two more come in the meantime.
    world.broker_is_late = true;
    world.command(anna, 2, publish("news"));
    world.subscribe(anna, 3, "news");
    for data in ["a", "b", "c"] {
        world.publish("news", data);
        world.said(first);
    }
    world.broker_is_late = false;
    world.answer();
    assert_eq!(world.ending(anna).map(trunkline_hub::Disconnect::code), Some(3008));
    let present = &world.broker.streams[&channel("news")].present;
    let present: Vec<_> = present.iter().map(|it| &*it.user).collect();
    assert_eq!(present, ["bert"]);
}
