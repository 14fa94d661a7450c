//! How sessions begin, live and end.

mod support;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use support::{World, channel, open_options, settings};
use trunkline_hub::limits::{Limits, Rate};
use trunkline_hub::{Command, Connect, Refreshed, Settings, Subscribe, SubscribeRights};

fn world() -> World {
    World::new(settings(open_options()))
}

fn limited(limits: Limits) -> Settings {
    Settings { limits: Arc::new(limits), ..settings(open_options()) }
}

fn code(world: &World, session: trunkline_hub::SessionId) -> Option<u16> {
    world.ending(session).map(trunkline_hub::Disconnect::code)
}

fn publish(name: &str) -> Command {
    Command::Publish { channel: channel(name), data: Bytes::from_static(b"x") }
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn a_client_that_says_who_it_is_is_connected() {
    let mut world = world();
    let session = world.connected("anna");
    assert_eq!(world.hub.user(session).map(|it| &**it), Some("anna"));
    assert_eq!(code(&world, session), None);
}

#[test]
fn a_second_connect_closes_with_3501() {
    let mut world = world();
    let session = world.connected("anna");
    world.hub.connect(world.now(), session, 2, Connect::default());
    assert_eq!(code(&world, session), Some(3501));
}

#[test]
fn a_command_before_connect_closes_with_3501() {
    let mut world = world();
    let session = world.open();
    world.command(session, 1, publish("news"));
    assert_eq!(code(&world, session), Some(3501));
}

#[test]
fn who_does_not_connect_within_10_s_is_closed_with_3502() {
    let mut world = world();
    let session = world.open();
    world.pass(Duration::from_millis(9_999));
    assert_eq!(code(&world, session), None);
    world.pass(Duration::from_millis(1));
    assert_eq!(code(&world, session), Some(3502));
}

#[test]
fn a_refused_connect_leaves_nothing_but_to_be_closed() {
    let mut world = world();
    let session = world.open();
    world.hub.refuse_connect(session, 1, trunkline_hub::CommandError::TokenExpired);
    assert_eq!(world.said(session), ["1: error 109"]);
    world.command(session, 2, publish("news"));
    assert_eq!(code(&world, session), Some(3501));
}

#[test]
fn a_connection_expires_after_its_grace() {
    let mut world = world();
    let session = world.open();
    let expire_at = Some(world.now().unix_s() + 60);
    world.hub.connect(world.now(), session, 1, Connect { expire_at, ..Connect::default() });
    keep_alive(&mut world, session, 84);
    assert_eq!(code(&world, session), None, "60 s and 25 s of grace are not over");
    keep_alive(&mut world, session, 1);
    assert_eq!(code(&world, session), Some(3005));
}

#[test]
fn a_refresh_puts_the_end_off() {
    let mut world = world();
    let session = world.open();
    let now = world.now().unix_s();
    let connect =
        Connect { expire_at: Some(now + 60), client_side_refresh: true, ..Connect::default() };
    world.hub.connect(world.now(), session, 1, connect);
    keep_alive(&mut world, session, 50);
    world.said(session);
    let refreshed = Refreshed { expire_at: Some(now + 150), info: None };
    world.command(session, 2, Command::Refresh(refreshed));
    assert_eq!(world.said(session), ["2: refreshed Some(100)"]);
    keep_alive(&mut world, session, 124);
    assert_eq!(code(&world, session), None);
    keep_alive(&mut world, session, 1);
    assert_eq!(code(&world, session), Some(3005));
}

#[test]
fn a_refresh_that_had_to_wait_is_kept_as_well() {
    let limits = Limits { ping_interval: Duration::ZERO, ..Limits::default() };
    let mut world = World::new(limited(limits));
    let session = world.open();
    world.pass(seconds(9));
    world.broker_is_late = true;
    let subscription = trunkline_hub::ServerSubscription {
        channel: channel("own"),
        rights: SubscribeRights { presence: Some(false), ..SubscribeRights::default() },
    };
    let connect = Connect { subscriptions: vec![subscription], ..Connect::default() };
    world.hub.connect(world.now(), session, 1, connect);
    world.run();
    let refreshed = Refreshed { expire_at: Some(world.now().unix_s() + 5), info: None };
    world.command(session, 2, Command::Refresh(refreshed));
    // No other deadline is left that would happen to look at this one.
    world.pass(seconds(3));
    world.answer();
    assert_eq!(world.said(session).len(), 2);
    world.pass(seconds(27));
    assert_eq!(code(&world, session), Some(3005));
}

#[test]
fn a_token_that_has_run_out_connects_nobody() {
    let mut world = world();
    let session = world.open();
    let expire_at = Some(world.now().unix_s());
    world.hub.connect(world.now(), session, 1, Connect { expire_at, ..Connect::default() });
    assert_eq!(world.said(session), ["1: error 110"]);
}

#[test]
fn a_subscription_expires_alone() {
    let mut world = world();
    let session = world.connected("anna");
    let expire_at = Some(world.now().unix_s() + 10);
    let rights = SubscribeRights { expire_at, ..SubscribeRights::default() };
    let subscribe = Subscribe { token: Some(rights), ..Subscribe::new(channel("news")) };
    world.command(session, 2, Command::Subscribe(subscribe));
    keep_alive(&mut world, session, 34);
    world.said(session);
    keep_alive(&mut world, session, 1);
    assert!(world.said(session).contains(&"news: unsubscribe 2501".into()));
    assert_eq!(code(&world, session), None);
}

#[test]
fn a_sub_refresh_puts_the_end_of_a_subscription_off() {
    let mut world = world();
    let session = world.connected("anna");
    let now = world.now().unix_s();
    let rights =
        |seconds| SubscribeRights { expire_at: Some(now + seconds), ..SubscribeRights::default() };
    let subscribe = Subscribe { token: Some(rights(10)), ..Subscribe::new(channel("news")) };
    world.command(session, 2, Command::Subscribe(subscribe));
    world.said(session);
    let refresh = Command::SubRefresh { channel: channel("news"), rights: rights(100) };
    world.command(session, 3, refresh);
    assert_eq!(world.said(session), ["3: sub refreshed Some(100)"]);
    keep_alive(&mut world, session, 124);
    assert!(!world.said(session).contains(&"news: unsubscribe 2501".into()));
    keep_alive(&mut world, session, 1);
    assert!(world.said(session).contains(&"news: unsubscribe 2501".into()));
}

#[test]
fn a_ping_that_is_not_answered_within_8_s_closes_with_3012() {
    let mut world = world();
    let session = world.connected("anna");
    let mut waited = 0;
    while world.said(session).is_empty() {
        world.pass(seconds(1));
        waited += 1;
    }
    assert!((12..=25).contains(&waited), "half to all of the interval, not {waited}");
    world.pass(seconds(6));
    assert_eq!(code(&world, session), None);
    world.pass(seconds(2));
    assert_eq!(code(&world, session), Some(3012));
}

#[test]
fn a_pong_keeps_the_connection() {
    let mut world = world();
    let session = world.connected("anna");
    keep_alive(&mut world, session, 300);
    assert_eq!(code(&world, session), None);
}

#[test]
fn a_pong_without_a_ping_closes_with_3501() {
    let mut world = world();
    let session = world.connected("anna");
    world.hub.handle_pong(session);
    assert_eq!(code(&world, session), Some(3501));
}

#[test]
fn replies_come_in_the_order_of_the_commands() {
    let mut world = world();
    let session = world.connected("anna");
    world.broker_is_late = true;
    world.command(session, 2, publish("news"));
    world.subscribe(session, 3, "news");
    world.command(session, 4, Command::Unsubscribe { channel: channel("elsewhere") });
    world.command(session, 5, Command::Presence { channel: channel("elsewhere") });
    assert_eq!(world.said(session), [""; 0]);
    // Answered from the last to the first.
    while let Some(request) = world.late.pop_back() {
        world.broker_does(request);
        world.run();
    }
    assert_eq!(
        world.said(session),
        ["2: published", "3: subscribed at 0", "news: 1 x", "4: unsubscribed", "5: presence []"]
    );
}

#[test]
fn a_broker_that_says_nothing_fails_the_command_after_5_s() {
    let mut world = world();
    let session = world.connected("anna");
    world.broker_is_late = true;
    world.command(session, 2, publish("news"));
    world.command(session, 3, Command::Unsubscribe { channel: channel("news") });
    world.pass(seconds(5));
    assert_eq!(world.said(session), ["2: error 100", "3: unsubscribed"]);
    world.answer();
    assert_eq!(world.said(session), [""; 0], "what comes too late says nothing");
}

#[test]
fn more_commands_than_the_rate_close_with_3013() {
    let command_rate = Rate { per_second: 1.0, burst: 2.0 };
    let mut world = World::new(limited(Limits { command_rate, ..Limits::default() }));
    let session = world.connected("anna");
    world.command(session, 2, publish("news"));
    world.command(session, 3, publish("news"));
    assert_eq!(code(&world, session), None);
    world.command(session, 4, publish("news"));
    assert_eq!(code(&world, session), Some(3013));
}

#[test]
fn more_publications_than_the_rate_are_refused() {
    let publish_rate = Rate { per_second: 1.0, burst: 1.0 };
    let mut world = World::new(limited(Limits { publish_rate, ..Limits::default() }));
    let session = world.connected("anna");
    world.command(session, 2, publish("news"));
    world.command(session, 3, publish("news"));
    assert_eq!(world.said(session), ["2: published", "3: error 111"]);
}

#[test]
fn a_session_that_is_closed_leaves_nothing_behind() {
    let mut world = world();
    let session = world.connected("anna");
    world.subscribe(session, 2, "news");
    world.hub.close(session);
    world.run();
    assert_eq!(world.hub.gauges(), trunkline_hub::Gauges::default());
}

/// Lets time pass for a client that answers pings.
fn keep_alive(world: &mut World, session: trunkline_hub::SessionId, seconds: u64) {
    for _ in 0..seconds * 2 {
        world.pass(Duration::from_millis(500));
        let mut rest = Vec::new();
        while let Some(entry) = world.hub.poll_entry(session) {
            match entry {
                trunkline_hub::Entry::Ping => world.hub.handle_pong(session),
                other => rest.push(other),
            }
        }
        world.keep(session, rest);
    }
}
