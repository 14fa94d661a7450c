//! Publications that get lost, and how it is noticed.

mod support;

use std::sync::Arc;
use std::time::Duration;

use support::{World, channel, open_options, settings};
use trunkline_hub::limits::Limits;
use trunkline_hub::{
    Command, Connect, Disconnect, Epoch, ServerSubscription, SessionId, Settings, StreamPosition,
    Subscribe, SubscribeRights,
};

fn world() -> World {
    World::new(settings(open_options()))
}

fn epoch(world: &World) -> Epoch {
    world.broker.streams[&channel("news")].epoch.unwrap()
}

fn subscribed(world: &mut World, user: &str) -> SessionId {
    let session = world.connected(user);
    world.subscribe(session, 2, "news");
    world.said(session);
    session
}

fn pass(world: &mut World, seconds: u64) {
    world.pass(Duration::from_secs(seconds));
}

/// No pings, so that sessions live without answering them.
fn quiet() -> Settings {
    let limits = Limits { ping_interval: Duration::ZERO, ..Limits::default() };
    Settings { limits: Arc::new(limits), ..settings(open_options()) }
}

#[test]
fn a_gap_is_told_with_2500_instead_of_what_follows_it() {
    let mut world = world();
    let session = subscribed(&mut world, "anna");
    world.publish("news", "a");
    world.lose("news");
    world.publish("news", "c");
    assert_eq!(world.said(session), ["news: 1 a", "news: unsubscribe 2500"]);
}

#[test]
fn a_gap_ends_sessions_with_server_side_subscriptions_with_3010() {
    let mut world = world();
    let session = world.open();
    let own = ServerSubscription { channel: channel("news"), rights: SubscribeRights::default() };
    let connect = Connect { subscriptions: vec![own], ..Connect::default() };
    world.hub.connect(world.now(), session, 1, connect);
    world.run();
    world.lose("news");
    world.publish("news", "b");
    assert_eq!(world.ending(session).map(Disconnect::code), Some(3010));
}

#[test]
fn a_new_epoch_is_told_with_2500() {
    let mut world = world();
    let session = subscribed(&mut world, "anna");
    world.publish("news", "a");
    world.deliver("news", 2, Epoch::parse("other").unwrap());
    assert_eq!(world.said(session), ["news: 1 a", "news: unsubscribe 2500"]);
}

#[test]
fn a_delivery_that_comes_twice_is_said_once() {
    let mut world = world();
    let session = subscribed(&mut world, "anna");
    world.publish("news", "a");
    world.deliver("news", 1, epoch(&world));
    assert_eq!(world.said(session), ["news: 1 a"]);
}

#[test]
fn a_loss_that_nothing_follows_is_noticed_within_a_check_and_an_answer() {
    let mut world = World::new(quiet());
    let session = subscribed(&mut world, "anna");
    world.lose("news");
    pass(&mut world, 44);
    assert_eq!(world.said(session), [""; 0]);
    pass(&mut world, 1);
    assert_eq!(world.said(session), ["news: unsubscribe 2500"], "40 s and 5 s");
}

#[test]
fn a_check_that_finds_what_is_still_on_its_way_says_nothing() {
    let mut world = World::new(quiet());
    let session = subscribed(&mut world, "anna");
    world.lose("news");
    pass(&mut world, 41);
    let epoch = epoch(&world);
    world.deliver("news", 1, epoch);
    pass(&mut world, 200);
    assert_eq!(world.said(session), ["news: 1 x"]);
}

#[test]
fn a_check_finds_a_broker_that_began_anew() {
    let mut world = World::new(quiet());
    let session = subscribed(&mut world, "anna");
    world.publish("news", "a");
    world.broker.restart();
    pass(&mut world, 40);
    assert_eq!(world.said(session), ["news: 1 a", "news: unsubscribe 2500"]);
}

#[test]
fn after_reattaching_deliveries_come_again() {
    let mut world = world();
    let session = subscribed(&mut world, "anna");
    world.broker.forget_attachments();
    world.hub.reattach(world.now());
    world.run();
    world.publish("news", "a");
    assert_eq!(world.said(session), ["news: 1 a"]);
}

#[test]
fn what_was_lost_before_reattaching_is_told() {
    let mut world = World::new(quiet());
    let session = subscribed(&mut world, "anna");
    world.broker.forget_attachments();
    world.lose("news");
    world.hub.reattach(world.now());
    world.run();
    pass(&mut world, 5);
    assert_eq!(world.said(session), ["news: unsubscribe 2500"]);
}

#[test]
fn who_is_not_positioned_is_not_told_and_goes_on() {
    let options = trunkline_hub::ChannelOptions { force_recovery: false, ..open_options() };
    let mut world = World::new(settings(options));
    let session = subscribed(&mut world, "anna");
    world.lose("news");
    world.publish("news", "b");
    assert_eq!(world.said(session), ["news: 2 b"]);
}

/// Somebody live at 5, and somebody who was told 7 by the broker before 6 and 7 were delivered.
fn one_ahead(world: &mut World) -> (SessionId, SessionId, Epoch) {
    for _ in 0..5 {
        world.publish("news", "x");
    }
    let live = subscribed(world, "bert");
    let epoch = epoch(world);
    let ahead = world.connected("anna");
    world.broker_is_late = true;
    world.recover(ahead, 2, "news", StreamPosition { offset: 7, epoch });
    let attach = world.late_attach();
    world.answer_with_top(&attach, 7, epoch);
    assert_eq!(world.said(ahead), ["2: subscribed at 7 recovered"]);
    (live, ahead, epoch)
}

#[test]
fn who_is_ahead_of_the_channel_gets_what_is_new_to_it() {
    let mut world = world();
    let (live, ahead, epoch) = one_ahead(&mut world);
    for offset in 6..=8 {
        world.deliver("news", offset, epoch);
    }
    assert_eq!(world.said(live), ["news: 6 x", "news: 7 x", "news: 8 x"]);
    assert_eq!(world.said(ahead), ["news: 8 x"]);
}

#[test]
fn who_is_ahead_is_told_of_a_gap_when_nobody_is_live() {
    let mut world = world();
    let (live, ahead, epoch) = one_ahead(&mut world);
    world.hub.close(live);
    world.deliver("news", 8, epoch);
    assert_eq!(world.said(ahead), ["news: unsubscribe 2500"]);
}

#[test]
fn who_is_ahead_is_told_of_a_new_epoch_when_nobody_is_live() {
    let mut world = world();
    let (live, ahead, _) = one_ahead(&mut world);
    world.hub.close(live);
    world.deliver("news", 1, Epoch::parse("other").unwrap());
    assert_eq!(world.said(ahead), ["news: unsubscribe 2500"]);
}

#[test]
fn who_is_ahead_misses_nothing_because_another_is_further_ahead() {
    let mut world = world();
    let (live, ahead, epoch) = one_ahead(&mut world);
    world.hub.close(live);
    let further = world.connected("cleo");
    world.recover(further, 2, "news", StreamPosition { offset: 9, epoch });
    let attach = world.late_attach();
    world.answer_with_top(&attach, 9, epoch);
    world.said(further);
    for offset in 6..=10 {
        world.deliver("news", offset, epoch);
    }
    assert_eq!(world.said(ahead), ["news: 8 x", "news: 9 x", "news: 10 x"]);
    assert_eq!(world.said(further), ["news: 10 x"]);
}

#[test]
fn who_falls_behind_while_it_joins_is_asked_to_try_again() {
    let mut world = world();
    world.publish("news", "x");
    let epoch = epoch(&world);
    let (anna, bert) = (world.connected("anna"), world.connected("bert"));
    world.broker_is_late = true;
    world.subscribe(anna, 2, "news");
    world.subscribe(bert, 2, "news");
    let (first, second) = (world.late_attach(), world.late_attach());
    // The answers have overtaken each other, and what they know has not been delivered yet.
    world.answer_with_top(&second, 9, epoch);
    world.answer_with_top(&first, 7, epoch);
    assert_eq!(world.said(bert), ["2: subscribed at 9"]);
    assert_eq!(world.said(anna), ["2: error 100"], "8 and 9 would be missing");
}

#[test]
fn more_than_is_held_back_is_no_silent_gap() {
    let limits = Limits { join_buffer: 2, ..Limits::default() };
    let mut world = World::new(Settings { limits: Arc::new(limits), ..settings(open_options()) });
    let first = subscribed(&mut world, "bert");
    let epoch = epoch(&world);
    let anna = world.connected("anna");
    world.broker_is_late = true;
    world.recover(anna, 2, "news", StreamPosition { offset: 0, epoch });
    let attach = world.late_attach();
    for offset in 1..=5 {
        world.deliver("news", offset, epoch);
    }
    world.answer_with_top(&attach, 0, epoch);
    world.deliver("news", 6, epoch);
    assert_eq!(world.said(first).len(), 6);
    assert_eq!(world.said(anna), ["2: error 100"], "4 and 5 were not kept");
}

#[test]
fn an_answer_for_a_subscription_that_has_ended_is_not_for_the_next_one() {
    let mut world = world();
    let other = subscribed(&mut world, "bert");
    let epoch = epoch(&world);
    let anna = world.connected("anna");
    world.broker_is_late = true;
    let since = StreamPosition { offset: 0, epoch };
    let selector =
        trunkline_hub::Selector { user: "anna".into(), ..trunkline_hub::Selector::default() };
    let own = ServerSubscription { channel: channel("news"), rights: SubscribeRights::default() };
    world.hub.subscribe_by_server(world.now(), &selector, &own, Some(since)).unwrap();
    world.run();
    let early = world.late_attach();
    world.command(anna, 2, Command::Unsubscribe { channel: channel("news") });
    world.deliver("news", 1, epoch);
    let subscribe = Subscribe { recover: Some(since), ..Subscribe::new(channel("news")) };
    world.command(anna, 3, Command::Subscribe(subscribe));
    let late = world.late_attach();
    world.answer_with_top(&early, 0, epoch);
    assert_eq!(world.said(anna), ["2: unsubscribed"], "the old answer does not know of 1");
    world.answer_with_top(&late, 1, epoch);
    assert_eq!(world.said(anna), ["3: subscribed at 1 unrecovered"]);
    assert_eq!(world.said(other), ["news: 1 x"]);
}

#[test]
fn offsets_of_an_epoch_that_is_gone_count_for_nothing() {
    let options = trunkline_hub::ChannelOptions {
        force_recovery: false,
        allow_positioning: true,
        ..open_options()
    };
    let mut world = World::new(settings(options));
    let (anna, bert) = (world.connected("anna"), world.connected("bert"));
    let (gone, epoch) = (Epoch::parse("gone").unwrap(), Epoch::parse("new").unwrap());
    world.broker_is_late = true;
    world.subscribe(anna, 2, "news");
    let attach = world.late_attach();
    world.deliver("news", 31, gone);
    world.answer_with_top(&attach, 2, epoch);
    let subscribe = Subscribe { positioned: true, ..Subscribe::new(channel("news")) };
    world.command(bert, 2, Command::Subscribe(subscribe));
    world.deliver("news", 3, epoch);
    assert_eq!(world.said(bert), ["2: subscribed at 2", "news: 3 x"]);
    assert_eq!(world.said(anna), ["2: subscribed nowhere", "news: 31 x", "news: 3 x"]);
}
