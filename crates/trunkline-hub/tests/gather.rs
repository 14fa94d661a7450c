//! With a delay, a publication may wait for those that follow, so that one write takes them all.

mod support;

use std::sync::Arc;
use std::time::Duration;

use support::{World, channel, open_options, settings};
use trunkline_hub::limits::Limits;
use trunkline_hub::{ChannelOptions, Command, Now, Overflow, SessionId, Settings};

const DELAY: Duration = Duration::from_millis(10);
const MOMENT: Duration = Duration::from_millis(1);

fn delayed(options: ChannelOptions) -> Settings {
    let limits = Limits { write_delay: DELAY, ..Limits::default() };
    Settings { limits: Arc::new(limits), ..settings(options) }
}

fn subscribed(world: &mut World, user: &str) -> SessionId {
    let session = world.connected(user);
    world.subscribe(session, 2, "news");
    world.said(session);
    marked(world);
    session
}

/// Who is to be written to now, and what each is told.
fn marked(world: &mut World) -> Vec<(SessionId, Vec<String>)> {
    let marked: Vec<_> = std::iter::from_fn(|| world.hub.poll_marked()).collect();
    marked.into_iter().map(|it| (it, world.said(it))).collect()
}

fn written(world: &mut World) {
    let now = world.now();
    world.hub.handle_written(|| now);
}

#[test]
fn the_first_publication_after_a_silence_does_not_wait() {
    let mut world = World::new(delayed(open_options()));
    let session = subscribed(&mut world, "anna");
    world.publish("news", "a");
    assert_eq!(marked(&mut world), [(session, vec!["news: 1 a".to_owned()])]);
    world.pass(DELAY);
    assert_eq!(marked(&mut world), []);
    world.publish("news", "b");
    assert_eq!(marked(&mut world), [(session, vec!["news: 2 b".to_owned()])]);
}

#[test]
fn those_that_follow_go_out_together_when_the_delay_is_over() {
    for overflow in [Overflow::Disconnect, Overflow::DropOldest] {
        let mut world = World::new(delayed(ChannelOptions { overflow, ..open_options() }));
        let session = subscribed(&mut world, "anna");
        world.publish("news", "a");
        marked(&mut world);
        for data in ["b", "c"] {
            world.pass(MOMENT);
            world.publish("news", data);
            assert_eq!(marked(&mut world), [], "{data} has to wait");
        }
        world.pass(DELAY - 2 * MOMENT);
        let both = ["news: 2 b", "news: 3 c"].map(str::to_owned);
        assert_eq!(marked(&mut world), [(session, both.to_vec())]);
    }
}

#[test]
fn whoever_was_written_to_when_the_delay_was_over_rests_again() {
    let mut world = World::new(delayed(open_options()));
    let session = subscribed(&mut world, "anna");
    world.publish("news", "a");
    world.publish("news", "b");
    marked(&mut world);
    world.publish("news", "c");
    world.pass(DELAY);
    marked(&mut world);
    world.publish("news", "d");
    assert_eq!(marked(&mut world), []);
    world.pass(DELAY);
    assert_eq!(marked(&mut world), [(session, vec!["news: 4 d".to_owned()])]);
    world.pass(DELAY);
    assert_eq!(marked(&mut world), []);
}

#[test]
fn rests_count_from_when_the_last_who_was_marked_was_written_to() {
    let mut world = World::new(delayed(open_options()));
    let session = subscribed(&mut world, "anna");
    world.publish("news", "a");
    world.pass(4 * MOMENT);
    marked(&mut world);
    written(&mut world);
    world.publish("news", "b");
    world.pass(DELAY - MOMENT);
    // Said again, it changes nothing: or what waits could wait for ever.
    written(&mut world);
    assert_eq!(marked(&mut world), []);
    world.pass(MOMENT);
    assert_eq!(marked(&mut world), [(session, vec!["news: 2 b".to_owned()])]);
}

#[test]
fn writes_that_take_longer_than_the_delay_do_not_prolong_it() {
    let mut world = World::new(delayed(open_options()));
    let session = subscribed(&mut world, "anna");
    world.publish("news", "a");
    marked(&mut world);
    world.publish("news", "b");
    let due = world.hub.poll_timeout();
    let later = Now { instant: world.now().instant + DELAY, ..world.now() };
    world.hub.handle_written(|| later);
    assert_eq!(world.hub.poll_timeout(), due);
    world.pass(DELAY);
    assert_eq!(marked(&mut world), [(session, vec!["news: 2 b".to_owned()])]);
}

#[test]
fn an_answer_does_not_wait_and_takes_along_what_does() {
    let mut world = World::new(delayed(open_options()));
    let session = subscribed(&mut world, "anna");
    world.publish("news", "a");
    marked(&mut world);
    world.publish("news", "b");
    world.command(session, 3, Command::Presence { channel: channel("news") });
    let said = ["news: 2 b", "3: presence [anna]"].map(str::to_owned);
    assert_eq!(marked(&mut world), [(session, said.to_vec())]);
}

#[test]
fn the_end_of_a_session_does_not_wait() {
    let mut world = World::new(delayed(open_options()));
    let session = subscribed(&mut world, "anna");
    world.publish("news", "a");
    marked(&mut world);
    world.publish("news", "b");
    world.hub.end(session, trunkline_hub::Disconnect::FORCE_RECONNECT);
    assert_eq!(world.hub.poll_marked(), Some(session));
}

#[test]
fn whoever_does_not_read_is_not_marked_again_for_what_waits_already() {
    let mut world = World::new(delayed(open_options()));
    let session = subscribed(&mut world, "anna");
    world.publish("news", "a");
    world.publish("news", "b");
    assert_eq!(world.hub.poll_marked(), Some(session));
    // It is full, so nothing is taken from its outbox.
    world.pass(10 * DELAY);
    assert_eq!(world.hub.poll_marked(), None);
    world.publish("news", "c");
    assert_eq!(world.hub.poll_marked(), Some(session));
}

#[test]
fn a_session_that_is_gone_leaves_nothing_that_rests() {
    let mut world = World::new(delayed(open_options()));
    let session = subscribed(&mut world, "anna");
    world.publish("news", "a");
    world.hub.close(session);
    world.run();
    world.pass(DELAY);
    let next = world.hub.poll_timeout().map(|it| it - world.now().instant);
    assert!(next.is_none_or(|it| it > DELAY), "{next:?}");
}

#[test]
fn without_a_delay_from_now_on_what_waits_goes_out_and_nobody_rests() {
    let mut world = World::new(delayed(open_options()));
    let session = subscribed(&mut world, "anna");
    world.publish("news", "a");
    marked(&mut world);
    world.publish("news", "b");
    world.hub.configure(settings(open_options()));
    world.pass(DELAY);
    // The client does not read: it is named, and no more than once.
    assert_eq!(std::iter::from_fn(|| world.hub.poll_marked()).collect::<Vec<_>>(), [session]);
    world.pass(DELAY);
    assert_eq!(world.hub.poll_marked(), None);
    world.said(session);
    for data in ["c", "d"] {
        world.publish("news", data);
        assert_eq!(marked(&mut world).len(), 1);
    }
}
