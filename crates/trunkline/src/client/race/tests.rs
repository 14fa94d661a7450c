//! Races in stopped time, between addresses that do as they are told.

use std::future::pending;
use std::sync::{Arc, Mutex};

use tokio::time::sleep;

use super::*;

/// What happened when, in milliseconds.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<(u64, String)>>>);

impl Log {
    fn add(&self, start: Instant, what: String) {
        let at = start.elapsed().as_millis().try_into().unwrap();
        self.0.lock().unwrap().push((at, what));
    }
}

/// Says when it is dropped.
struct Dropped(Log, Instant, SocketAddr);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.add(self.1, format!("{} ends", self.2));
    }
}

/// The last number of an address says what it does: 0 is silent, 1 refuses, 2 connects, at once; others
/// do so after as many milliseconds, even ones connect.
async fn act(address: SocketAddr) -> io::Result<SocketAddr> {
    let port = u64::from(address.port());
    match port {
        0 => pending().await,
        1 | 2 => (),
        _ => sleep(Duration::from_millis(port)).await,
    }
    if port % 2 == 0 { Ok(address) } else { Err(io::ErrorKind::ConnectionRefused.into()) }
}

fn v4(host: u8, port: u16) -> SocketAddr {
    ([10, 0, 0, host], port).into()
}

fn v6(host: u16, port: u16) -> SocketAddr {
    ([0xfd00, 0, 0, 0, 0, 0, 0, host], port).into()
}

async fn after(millis: u64, found: io::Result<Vec<SocketAddr>>) -> io::Result<Vec<SocketAddr>> {
    sleep(Duration::from_millis(millis)).await;
    found
}

/// Runs a race: what was logged, who won, when it was over, and the race.
async fn run(
    lookup: Lookup,
    addresses_max: usize,
) -> (Vec<(u64, String)>, Option<SocketAddr>, u64, Race<SocketAddr>) {
    let (log, start) = (Log::default(), Instant::now());
    let connect = {
        let log = log.clone();
        move |address| {
            log.add(start, format!("{address} begins"));
            let dropped = Dropped(log.clone(), start, address);
            async move {
                let _dropped = dropped;
                act(address).await
            }
        }
    };
    let mut race = Race::new(lookup, Duration::from_millis(250), addresses_max, connect);
    let winner = if race.resolve().await { race.run().await } else { None };
    let end = start.elapsed().as_millis().try_into().unwrap();
    let begun = log.0.lock().unwrap().clone();
    (begun, winner, end, race)
}

fn begun(log: &[(u64, String)]) -> Vec<(u64, String)> {
    let begun =
        log.iter().filter_map(|(at, what)| Some((*at, what.strip_suffix(" begins")?.to_owned())));
    begun.collect()
}

#[track_caller]
fn assert_begun(log: &[(u64, String)], expect: &[(u64, SocketAddr)]) {
    let expect: Vec<_> = expect.iter().map(|(at, address)| (*at, address.to_string())).collect();
    let begun = begun(log);
    assert_eq!(begun.len(), expect.len(), "{begun:?}");
    for (got, expect) in begun.iter().zip(&expect) {
        assert_eq!(got.1, expect.1, "{begun:?}");
        assert!((expect.0..=expect.0 + 3).contains(&got.0), "{begun:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn rfc8305_s4_families_take_turns_and_the_resolvers_first_begins() {
    let found = [v6(1, 1), v6(2, 1), v6(3, 1), v4(1, 1), v4(2, 1)];
    let (log, winner, _, race) = run(Lookup::ready(found), 16).await;
    let order = [v6(1, 1), v4(1, 1), v6(2, 1), v4(2, 1), v6(3, 1)];
    assert_begun(&log, &order.map(|address| (0, address)));
    assert_eq!(winner, None);
    assert_eq!(race.failed.iter().map(|it| it.0).collect::<Vec<_>>(), order);

    let (log, ..) = run(Lookup::ready([v4(1, 1), v4(2, 1), v6(1, 1)]), 16).await;
    assert_begun(&log, &[(0, v4(1, 1)), (0, v6(1, 1)), (0, v4(2, 1))]);
}

#[tokio::test(start_paused = true)]
async fn rfc8305_s5_silent_address_is_overtaken_after_the_attempt_delay() {
    let found = [v6(1, 0), v4(1, 100)];
    let (log, winner, end, race) = run(Lookup::ready(found), 16).await;
    assert_begun(&log, &[(0, v6(1, 0)), (250, v4(1, 100))]);
    assert_eq!(winner, Some(v4(1, 100)));
    assert!((350..355).contains(&end), "{end}");
    let ends = |log: &[(u64, String)]| log.iter().filter(|it| it.1.ends_with(" ends")).count();
    assert_eq!(ends(&log), 1, "the winner: {log:?}");
    drop(race);
}

#[tokio::test(start_paused = true)]
async fn rfc8305_s5_losers_are_dropped_with_the_race() {
    let log = Log::default();
    let start = Instant::now();
    let connect = {
        let log = log.clone();
        move |address| {
            let dropped = Dropped(log.clone(), start, address);
            async move {
                let _dropped = dropped;
                act(address).await
            }
        }
    };
    let found = Lookup::ready([v6(1, 0), v6(2, 0), v4(1, 600)]);
    let mut race = Race::new(found, Duration::from_millis(250), 16, connect);
    assert!(race.resolve().await);
    assert_eq!(race.run().await, Some(v4(1, 600)));
    drop(race);
    assert_eq!(log.0.lock().unwrap().len(), 3, "all three are over");
}

#[tokio::test(start_paused = true)]
async fn rfc8305_s5_failure_begins_the_next_at_once() {
    let found = [v6(1, 101), v4(1, 1), v6(2, 0), v4(2, 2)];
    let (log, winner, end, _) = run(Lookup::ready(found), 16).await;
    let expect = [(0, v6(1, 101)), (101, v4(1, 1)), (101, v6(2, 0)), (351, v4(2, 2))];
    assert_begun(&log, &expect);
    assert_eq!(winner, Some(v4(2, 2)));
    assert!((351..356).contains(&end), "{end}");
}

#[tokio::test(start_paused = true)]
async fn slow_address_wins_if_it_is_faster_than_those_after_it() {
    let found = [v6(1, 400), v4(1, 0), v6(2, 500)];
    let (log, winner, end, _) = run(Lookup::ready(found), 16).await;
    assert_begun(&log, &[(0, v6(1, 400)), (250, v4(1, 0))]);
    assert_eq!(winner, Some(v6(1, 400)));
    assert!((400..405).contains(&end), "{end}");
}

#[tokio::test(start_paused = true)]
async fn no_more_addresses_are_tried_than_allowed() {
    let found = || Lookup::ready((1..=100).map(|host| v4(host, 1)));
    for max in [1, 2, 16] {
        let (log, winner, _, race) = run(found(), max).await;
        assert_eq!((begun(&log).len(), winner, race.untried()), (max, None, 100 - max));
    }
    let (log, _, _, race) = run(found(), 100).await;
    assert_eq!((begun(&log).len(), race.untried()), (100, 0));
}

#[tokio::test(start_paused = true)]
async fn no_more_addresses_are_kept_than_128_of_a_family() {
    let flood = (0..10_000u16).map(|host| v6(host, 1));
    let (_, _, _, race) = run(Lookup::ready(flood.chain([v4(1, 1)])), 2).await;
    assert_eq!(race.untried() + race.failed.len(), 128 + 1);
}

#[tokio::test(start_paused = true)]
async fn address_that_is_found_twice_is_tried_once() {
    let found = [v4(1, 1), v4(1, 1), v6(1, 1), v4(1, 1)];
    let (log, ..) = run(Lookup::ready(found), 16).await;
    assert_begun(&log, &[(0, v4(1, 1)), (0, v6(1, 1))]);
}

#[tokio::test(start_paused = true)]
async fn rfc8305_s3_ipv4_waits_50_ms_for_ipv6() {
    let lookup = |ipv6_after| {
        Lookup::by_family(after(ipv6_after, Ok(vec![v6(1, 2)])), after(10, Ok(vec![v4(1, 2)])))
    };
    // Before, within and after the delay.
    for (ipv6_after, begins, winner) in [(5, 5, v6(1, 2)), (55, 55, v6(1, 2)), (3000, 60, v4(1, 2))]
    {
        let (log, won, ..) = run(lookup(ipv6_after), 16).await;
        assert_begun(&log, &[(begins, winner)]);
        assert_eq!(won, Some(winner));
    }
}

#[tokio::test(start_paused = true)]
async fn rfc8305_s3_ipv6_does_not_wait_for_ipv4() {
    let lookup = Lookup::by_family(after(10, Ok(vec![v6(1, 2)])), pending());
    let (log, winner, ..) = run(lookup, 16).await;
    assert_begun(&log, &[(10, v6(1, 2))]);
    assert_eq!(winner, Some(v6(1, 2)));
}

#[tokio::test(start_paused = true)]
async fn rfc8305_s3_ipv4_does_not_wait_for_ipv6_that_there_is_none_of() {
    for none in [Ok(vec![]), Err(io::ErrorKind::NotFound.into())] {
        let lookup = Lookup::by_family(after(20, none), after(10, Ok(vec![v4(1, 2)])));
        let (log, ..) = run(lookup, 16).await;
        assert_begun(&log, &[(20, v4(1, 2))]);
    }
}

#[tokio::test(start_paused = true)]
async fn rfc8305_s3_addresses_that_are_found_late_join_the_race() {
    let lookup = Lookup::by_family(
        after(400, Ok(vec![v6(1, 2)])),
        after(0, Ok(vec![v4(1, 0), v4(2, 0), v4(3, 0), v4(4, 0)])),
    );
    let (log, winner, ..) = run(lookup, 16).await;
    // The second is due at 300, the third at 550: by then it is IPv6's turn.
    assert_begun(&log, &[(50, v4(1, 0)), (300, v4(2, 0)), (550, v6(1, 2))]);
    assert_eq!(winner, Some(v6(1, 2)));
}

#[tokio::test(start_paused = true)]
async fn race_is_not_lost_while_addresses_are_still_being_found() {
    let lookup = Lookup::by_family(after(400, Ok(vec![v6(1, 2)])), after(0, Ok(vec![v4(1, 1)])));
    let (log, winner, ..) = run(lookup, 16).await;
    assert_begun(&log, &[(50, v4(1, 1)), (400, v6(1, 2))]);
    assert_eq!(winner, Some(v6(1, 2)));
}

#[tokio::test(start_paused = true)]
async fn nothing_to_race_for_is_told_with_the_first_error() {
    let lookup = Lookup::by_family(
        after(20, Err(io::ErrorKind::TimedOut.into())),
        after(10, Err(io::ErrorKind::NotFound.into())),
    );
    let (log, winner, _, race) = run(lookup, 16).await;
    assert_eq!((log.len(), winner), (0, None));
    assert_eq!(race.lookup_error.map(|it| it.kind()), Some(io::ErrorKind::NotFound));
    let (_, winner, _, race) = run(Lookup::ready([]), 16).await;
    assert!(winner.is_none() && race.lookup_error.is_none());
}
