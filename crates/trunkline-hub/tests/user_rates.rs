//! What one user may do over all connections, on whichever hubs they are.

mod support;

use std::sync::Arc;

use bytes::Bytes;
use support::{World, channel, open_options, settings};
use trunkline_hub::limits::{Limits, Rate};
use trunkline_hub::{Command, Connect, Disconnect, SessionId, Settings, UserRates};

const ONE: Rate = Rate { per_second: 1.0, burst: 1.0 };
const TWO: Rate = Rate { per_second: 1.0, burst: 2.0 };

/// Two hubs whose limits of one user are these.
fn worlds(limits: Limits) -> [World; 2] {
    let settings = Settings { limits: Arc::new(limits), ..settings(open_options()) };
    [World::new(settings.clone()), World::new(settings)]
}

fn connected(world: &mut World, user: &str, rates: Option<&Arc<UserRates>>) -> SessionId {
    let session = world.open();
    let connect = Connect { user: user.into(), rates: rates.map(Arc::clone), ..Connect::default() };
    world.hub.connect(world.now(), session, 1, connect);
    world.run();
    world.said(session);
    session
}

fn publish() -> Command {
    Command::Publish { channel: channel("news"), data: Bytes::from_static(b"x") }
}

#[test]
fn publications_of_one_user_are_counted_over_all_hubs() {
    let [mut here, mut there] = worlds(Limits { user_publish_rate: TWO, ..Limits::default() });
    let anna = Arc::new(UserRates::full(here.now().instant));
    let first = connected(&mut here, "anna", Some(&anna));
    let second = connected(&mut there, "anna", Some(&anna));
    here.command(first, 2, publish());
    there.command(second, 2, publish());
    assert_eq!(there.said(second), ["2: published"]);
    there.command(second, 3, publish());
    assert_eq!(there.said(second), ["3: error 111"]);
    here.command(first, 3, publish());
    assert_eq!(here.said(first), ["2: published", "3: error 111"]);
    assert_eq!(here.hub.counts().publishes_refused_user, 1);
    assert_eq!(here.hub.counts().publishes_refused_connection, 0);

    let bert = Arc::new(UserRates::full(here.now().instant));
    let other = connected(&mut here, "bert", Some(&bert));
    here.command(other, 2, publish());
    assert_eq!(here.said(other), ["2: published"], "he has done nothing yet");
}

#[test]
fn commands_beyond_the_rate_of_a_user_close_the_connection_they_came_by_with_3013() {
    let [mut here, mut there] = worlds(Limits { user_command_rate: ONE, ..Limits::default() });
    let anna = Arc::new(UserRates::full(here.now().instant));
    let first = connected(&mut here, "anna", Some(&anna));
    let second = connected(&mut there, "anna", Some(&anna));
    here.command(first, 2, publish());
    there.command(second, 2, publish());
    assert_eq!(there.ending(second).map(Disconnect::code), Some(3013));
    assert_eq!(here.ending(first), None);
    assert_eq!(there.hub.counts().commands_refused_user, 1);
}

/// Those without a user are many, and none of them can use up what the others may do.
#[test]
fn those_without_a_user_are_not_one_user() {
    let [mut world, _] = worlds(Limits { user_publish_rate: ONE, ..Limits::default() });
    for _ in 0..3 {
        let session = connected(&mut world, "", None);
        world.command(session, 2, publish());
        assert_eq!(world.said(session), ["2: published"]);
    }
}
