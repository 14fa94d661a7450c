//! Who is subscribed.

use std::time::Duration;

use trunkline_hub::PresenceStats;
use trunkline_hub::broker::{Operation, Outcome};
use trunkline_server::broker::BrokerLimits;

use crate::world::{API, Start, World, client};

fn add(world: &mut World, number: u128, user: &str, ttl_ms: u64) {
    world.done("room", Operation::AddPresence { info: client(number, user), ttl_ms });
}

fn remove(world: &mut World, number: u128) {
    world.done("room", Operation::RemovePresence { client: client(number, "").client });
}

/// Who is there as (client, user), and whether the counts say the same.
#[track_caller]
fn check(world: &mut World, expect: &[(u128, &str)], users: u32) {
    let Outcome::Presence(list) = world.ask(API, "room", Operation::Presence) else { panic!() };
    let mut list: Vec<_> = list.iter().map(|it| (it.client, it.user.to_string())).collect();
    list.sort();
    let mut expect: Vec<_> = expect
        .iter()
        .map(|(number, user)| (client(*number, "").client, (*user).to_owned()))
        .collect();
    expect.sort();
    assert_eq!(list, expect);
    let stats = world.ask(API, "room", Operation::PresenceStats);
    let Outcome::PresenceStats(stats) = stats else { panic!() };
    assert_eq!(stats, PresenceStats { clients: u32::try_from(expect.len()).unwrap(), users });
}

pub(crate) fn clients_are_present_until_removed(start: Start<'_>) {
    let mut world = start(BrokerLimits::default());
    check(&mut world, &[], 0);
    add(&mut world, 1, "ann", 60_000);
    add(&mut world, 2, "bob", 60_000);
    check(&mut world, &[(1, "ann"), (2, "bob")], 2);
    remove(&mut world, 1);
    remove(&mut world, 1);
    remove(&mut world, 3);
    check(&mut world, &[(2, "bob")], 1);
    let Outcome::Presence(other) = world.ask(API, "other", Operation::Presence) else { panic!() };
    assert!(other.is_empty());
}

pub(crate) fn clients_are_forgotten_after_their_ttl(start: Start<'_>) {
    let mut world = start(BrokerLimits::default());
    add(&mut world, 1, "ann", 10_000);
    world.pass(Duration::from_secs(5));
    add(&mut world, 2, "bob", 10_000);
    world.pass(Duration::from_millis(4_999));
    check(&mut world, &[(1, "ann"), (2, "bob")], 2);
    // A client may be taken for present up to a second too long, and never too short.
    world.pass(Duration::from_millis(1_001));
    check(&mut world, &[(2, "bob")], 1);
    // Nobody called handle_timeout in time.
    world.advance(Duration::from_secs(5));
    check(&mut world, &[], 0);
    world.pass(Duration::from_secs(1));
    assert_eq!(world.stats().presences, 0);
}

pub(crate) fn another_word_puts_the_end_off(start: Start<'_>) {
    let mut world = start(BrokerLimits::default());
    add(&mut world, 1, "ann", 10_000);
    for _ in 0..10 {
        world.pass(Duration::from_secs(8));
        add(&mut world, 1, "ann", 10_000);
        check(&mut world, &[(1, "ann")], 1);
    }
    world.pass(Duration::from_secs(11));
    check(&mut world, &[], 0);
}

pub(crate) fn users_are_counted_once(start: Start<'_>) {
    let mut world = start(BrokerLimits::default());
    let all = [(1, "ann"), (2, "ann"), (3, "bob"), (4, ""), (5, "")];
    for (number, user) in all {
        add(&mut world, number, user, 60_000);
    }
    check(&mut world, &all, 3);
    remove(&mut world, 1);
    check(&mut world, &all[1..], 3);
    remove(&mut world, 2);
    check(&mut world, &all[2..], 2);
}

pub(crate) fn a_client_that_changes_its_user_counts_for_the_new_one(start: Start<'_>) {
    let mut world = start(BrokerLimits::default());
    add(&mut world, 1, "ann", 60_000);
    add(&mut world, 2, "bob", 60_000);
    add(&mut world, 1, "bob", 60_000);
    check(&mut world, &[(1, "bob"), (2, "bob")], 1);
    remove(&mut world, 2);
    check(&mut world, &[(1, "bob")], 1);
}
