//! What servers ask of the sessions of a user.

mod support;

use bytes::Bytes;
use support::{World, channel, open_options, settings};
use trunkline_hub::{
    CommandError, Connect, Disconnect, Refreshed, Selector, ServerSubscription, StreamPosition,
    SubscribeRights,
};

fn world() -> World {
    World::new(settings(open_options()))
}

fn of(user: &str) -> Selector {
    Selector { user: user.into(), ..Selector::default() }
}

fn own(name: &str) -> ServerSubscription {
    ServerSubscription { channel: channel(name), rights: SubscribeRights::default() }
}

#[test]
fn all_sessions_of_a_user_are_disconnected_and_nobody_else() {
    let mut world = world();
    let (one, two) = (world.connected("anna"), world.connected("anna"));
    let other = world.connected("bert");
    assert_eq!(world.hub.disconnect(&of("anna"), &Disconnect::FORCE_DISCONNECT), 2);
    for session in [one, two] {
        assert_eq!(world.ending(session).map(Disconnect::code), Some(3503));
    }
    assert_eq!(world.ending(other), None);
}

#[test]
fn sessions_can_be_named_and_excepted() {
    let mut world = world();
    let (one, two) = (world.connected("anna"), world.connected("anna"));
    let except = vec![world.hub.client(one).unwrap()];
    let selector = Selector { except, ..of("anna") };
    assert_eq!(world.hub.disconnect(&selector, &Disconnect::FORCE_DISCONNECT), 1);
    assert!(world.ending(one).is_none() && world.ending(two).is_some());
    let selector = Selector { client: world.hub.client(one), ..of("anna") };
    assert_eq!(world.hub.disconnect(&selector, &Disconnect::FORCE_DISCONNECT), 1);
}

#[test]
fn a_server_takes_a_user_off_a_channel() {
    let mut world = world();
    let session = world.connected("anna");
    world.subscribe(session, 2, "news");
    world.subscribe(session, 3, "chat");
    world.said(session);
    world.hub.unsubscribe_by_server(&of("anna"), Some(&channel("news")));
    world.publish("news", "a");
    world.publish("chat", "b");
    assert_eq!(world.said(session), ["news: unsubscribe 2000", "chat: 1 b"]);
}

#[test]
fn a_server_takes_a_user_off_all_channels() {
    let mut world = world();
    let session = world.connected("anna");
    world.subscribe(session, 2, "news");
    world.subscribe(session, 3, "chat");
    world.said(session);
    world.hub.unsubscribe_by_server(&of("anna"), None);
    assert_eq!(world.said(session), ["news: unsubscribe 2000", "chat: unsubscribe 2000"]);
    assert_eq!(world.hub.gauges().subscriptions, 0);
}

#[test]
fn a_subscribe_that_a_server_ends_on_its_way_is_still_answered() {
    let mut world = world();
    let session = world.connected("anna");
    world.broker_is_late = true;
    world.subscribe(session, 2, "news");
    world.hub.unsubscribe_by_server(&of("anna"), None);
    world.answer();
    world.broker_is_late = false;
    world.subscribe(session, 3, "news");
    assert_eq!(
        world.said(session),
        ["news: unsubscribe 2000", "2: error 100", "3: subscribed at 0"]
    );
}

#[test]
fn a_server_subscribes_a_user() {
    let mut world = world();
    let session = world.connected("anna");
    world.hub.subscribe_by_server(world.now(), &of("anna"), &own("news"), None).unwrap();
    world.run();
    world.publish("news", "a");
    // Again is no error, and changes nothing.
    world.hub.subscribe_by_server(world.now(), &of("anna"), &own("news"), None).unwrap();
    world.publish("news", "b");
    assert_eq!(world.said(session), ["news: subscribe at 0", "news: 1 a", "news: 2 b"]);
}

#[test]
fn a_server_subscribes_from_a_position() {
    let mut world = world();
    world.publish("news", "a");
    world.publish("news", "b");
    let epoch = world.broker.streams[&channel("news")].epoch.unwrap();
    let session = world.connected("anna");
    let since = Some(StreamPosition { offset: 1, epoch });
    world.hub.subscribe_by_server(world.now(), &of("anna"), &own("news"), since).unwrap();
    world.run();
    assert_eq!(world.said(session), ["news: subscribe at 1 recovered [2]"]);
}

#[test]
fn a_server_cannot_subscribe_to_a_namespace_that_does_not_exist() {
    let mut world = world();
    world.connected("anna");
    let subscribed =
        world.hub.subscribe_by_server(world.now(), &of("anna"), &own("nowhere:news"), None);
    assert_eq!(subscribed, Err(CommandError::UnknownChannel));
}

#[test]
fn a_connection_comes_with_subscriptions_and_recovers_them() {
    let mut world = world();
    world.publish("news", "a");
    world.publish("news", "b");
    let epoch = world.broker.streams[&channel("news")].epoch.unwrap();
    let session = world.open();
    let connect = Connect {
        user: "anna".into(),
        subscriptions: vec![own("news"), own("chat"), own("news")],
        recover: vec![(channel("news"), StreamPosition { offset: 1, epoch })],
        ..Connect::default()
    };
    world.broker_is_late = true;
    world.hub.connect(world.now(), session, 1, connect);
    world.run();
    world.publish("news", "c");
    assert_eq!(world.said(session), [""; 0]);
    world.answer();
    world.publish("chat", "d");
    assert_eq!(
        world.said(session),
        ["1: connected [news at 1 recovered [2 3], chat at 0]", "chat: 1 d"]
    );
}

#[test]
fn commands_wait_until_the_connection_has_its_subscriptions() {
    let mut world = world();
    let session = world.open();
    let connect = Connect { subscriptions: vec![own("news")], ..Connect::default() };
    world.broker_is_late = true;
    world.hub.connect(world.now(), session, 1, connect);
    world.run();
    world.subscribe(session, 2, "news");
    world.answer();
    world.answer();
    assert_eq!(world.said(session), ["1: connected [news at 0]", "2: error 105"]);
}

#[test]
fn a_connection_whose_own_channel_has_no_namespace_is_closed_with_3508() {
    let mut world = world();
    let session = world.open();
    let connect = Connect { subscriptions: vec![own("nowhere:news")], ..Connect::default() };
    world.hub.connect(world.now(), session, 1, connect);
    assert_eq!(world.ending(session).map(Disconnect::code), Some(3508));
}

#[test]
fn a_server_sends_and_refreshes() {
    let mut world = world();
    let session = world.open();
    let connect = Connect { user: "anna".into(), client_side_refresh: true, ..Connect::default() };
    world.hub.connect(world.now(), session, 1, connect);
    world.said(session);
    world.hub.send_by_server(&of("anna"), &Bytes::from_static(b"hello"));
    let expire_at = Some(world.now().unix_s() + 60);
    world.hub.refresh_by_server(world.now(), &of("anna"), &Refreshed { expire_at, info: None });
    assert_eq!(world.said(session), ["message hello", "refresh Some(60)"]);
    let expire_at = Some(world.now().unix_s());
    world.hub.refresh_by_server(world.now(), &of("anna"), &Refreshed { expire_at, info: None });
    assert_eq!(world.ending(session).map(Disconnect::code), Some(3005));
}
