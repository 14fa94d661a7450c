//! A disk that is full, damaged, or stops in the middle of a write.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use trunkline_hub::broker::{Operation, Outcome, Publish};
use trunkline_hub::{CommandError, Epoch, HistoryOptions};
use trunkline_server::broker::{BrokerLimits, Fsync, Log, LogOptions, Medium, OpenError};

use crate::faulty::{Recorder, Step, apply, failing};
use crate::folder::Folder;
use crate::log::{open_on, options};
use crate::world::{ALL, API, HISTORY, HUB, OFF, World, entropy, saying, start};

fn failed(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Failed(CommandError::Internal))
}

pub(crate) fn open(medium: Medium, options: LogOptions) -> (World, Log) {
    let (world, log, _) = open_on(medium, options, BrokerLimits::default(), start()).unwrap();
    (world, log)
}

/// Publishes until it succeeds, which it does once the writer has tried again.
#[track_caller]
pub(crate) fn insist(world: &mut World, channel: &str, data: &str) -> u64 {
    for _ in 0..10_000 {
        match world.ask(API, channel, Operation::Publish(saying(data))) {
            Outcome::Published(position) => return position.unwrap().offset,
            outcome => assert!(failed(&outcome), "{outcome:?}"),
        }
        std::thread::yield_now();
        world.wait();
    }
    panic!("it does not recover");
}

/// Under each policy: error 100 while it is full, reading goes on, nothing acknowledged is lost, and
/// no failed publication is there later or takes an offset.
#[test]
fn a_full_disk_fails_publications_until_there_is_room() {
    for fsync in [Fsync::Always, Fsync::Interval(std::time::Duration::from_millis(1))] {
        let folder = Folder::new();
        let fails = Arc::new(AtomicBool::new(false));
        let path = folder.path().join("history.redb");
        let (mut world, log) =
            open(failing(&path, Arc::clone(&fails)), options(folder.path(), fsync));
        world.attach(HUB, "news", HISTORY);
        let mut acknowledged = Vec::new();
        for round in 0..5 {
            let data = format!("good {round}");
            assert_eq!(insist(&mut world, "news", &data), acknowledged.len() as u64 + 1);
            acknowledged.push(data);

            fails.store(true, Ordering::SeqCst);
            // Several are under way. A lazy log takes some before it knows.
            let ids: Vec<_> = (0..3)
                .map(|number| {
                    let data = format!("bad {round} {number}");
                    let versioned = Publish { version: 1000 + round, ..saying(&data) };
                    (data, world.tell(API, "news", Operation::Publish(versioned)))
                })
                .collect();
            let mut taken = false;
            for (data, id) in ids {
                match world.answer(API, id) {
                    // The next two have the same version, and are suppressed if the first was taken.
                    Outcome::Published(Some(position)) if !taken => {
                        assert_eq!(position.offset, acknowledged.len() as u64 + 1);
                        assert_ne!(fsync, Fsync::Always);
                        acknowledged.push(data);
                        taken = true;
                    }
                    outcome => assert!(failed(&outcome) || taken, "{outcome:?}"),
                }
            }
            while log.stats().failures == 0 {
                std::thread::yield_now();
            }
            let outcome = loop {
                let outcome = world.ask(API, "news", Operation::Publish(saying("bad")));
                if failed(&outcome) {
                    break outcome;
                }
                acknowledged.push("bad".into());
            };
            assert!(failed(&outcome));
            assert_eq!(world.publish("talk", Publish { history: OFF, ..saying("a") }), None);
            let count = acknowledged.len().min(10);
            assert_eq!(world.kept("news"), acknowledged[acknowledged.len() - count..]);
            fails.store(false, Ordering::SeqCst);
        }
        assert_eq!(insist(&mut world, "news", "last"), acknowledged.len() as u64 + 1);
        acknowledged.push("last".into());
        let heard: Vec<_> =
            (1..).zip(&acknowledged).map(|(it, data)| format!("news {it} {data}")).collect();
        assert_eq!(world.heard(HUB), heard);
        let top = world.top("news");
        log.close().unwrap();

        let (mut world, log) = open(failing(&path, fails), options(folder.path(), fsync));
        assert_eq!(world.top("news"), top);
        let count = acknowledged.len().min(10);
        assert_eq!(world.kept("news"), acknowledged[acknowledged.len() - count..]);
        log.close().unwrap();
    }
}

#[test]
fn a_key_of_a_failed_publication_may_be_used_again() {
    let folder = Folder::new();
    let fails = Arc::new(AtomicBool::new(false));
    let path = folder.path().join("history.redb");
    let (mut world, log) =
        open(failing(&path, Arc::clone(&fails)), options(folder.path(), Fsync::Always));
    let keyed = || Publish { idempotency_key: Some("key".into()), ..saying("a") };
    world.say("news", "first");
    fails.store(true, Ordering::SeqCst);
    let ids = [0, 1].map(|_| world.tell(API, "news", Operation::Publish(keyed())));
    for id in ids {
        assert!(failed(&world.answer(API, id)));
    }
    fails.store(false, Ordering::SeqCst);
    insist(&mut world, "news", "second");
    assert_eq!(world.publish("news", keyed()).unwrap().offset, 3);
    log.close().unwrap();
}

/// Who attaches to a stream whose first record cannot be written is not attached, and may try again.
#[test]
fn an_epoch_that_cannot_be_written_is_told_to_nobody() {
    let folder = Folder::new();
    let fails = Arc::new(AtomicBool::new(true));
    let path = folder.path().join("history.redb");
    fails.store(false, Ordering::SeqCst);
    let (mut world, log) =
        open(failing(&path, Arc::clone(&fails)), options(folder.path(), Fsync::Always));
    world.say("other", "a");
    fails.store(true, Ordering::SeqCst);
    let attach = Operation::Attach { history: HISTORY, filter: ALL };
    assert!(failed(&world.ask(HUB, "news", attach.clone())));
    fails.store(false, Ordering::SeqCst);
    insist(&mut world, "news", "a");
    assert!(world.heard(HUB).is_empty());
    world.attach(HUB, "news", HISTORY);
    world.say("news", "b");
    assert_eq!(world.heard(HUB), ["news 2 b"]);
    log.close().unwrap();
}

/// Who gives up on an attachment that waits for the disk is not attached by it later.
#[test]
fn detaching_takes_back_an_attachment_that_waits() {
    let folder = Folder::new();
    let (mut world, log) =
        open(Recorder::default().medium(), options(folder.path(), Fsync::Always));
    world.tell(HUB, "news", Operation::Attach { history: HISTORY, filter: ALL });
    world.tell(HUB, "news", Operation::Detach);
    world.say("news", "a");
    assert!(world.heard(HUB).is_empty());
    log.close().unwrap();
}

/// A stream whose first record was lost is written down again, also if nobody waited for it any more.
#[test]
fn an_epoch_that_was_lost_is_written_again() {
    let folder = Folder::new();
    let fails = Arc::new(AtomicBool::new(false));
    let path = folder.path().join("history.redb");
    let (mut world, log) =
        open(failing(&path, Arc::clone(&fails)), options(folder.path(), Fsync::Always));
    fails.store(true, Ordering::SeqCst);
    world.tell(HUB, "news", Operation::Attach { history: HISTORY, filter: ALL });
    world.tell(HUB, "news", Operation::Detach);
    assert!(failed(&world.ask(API, "other", Operation::Publish(saying("a")))));
    fails.store(false, Ordering::SeqCst);
    insist(&mut world, "other", "b");
    insist(&mut world, "other", "c");
    let top = world.attach(HUB, "news", HISTORY).top;
    let copy = Folder::new();
    std::fs::copy(&path, copy.path().join("history.redb")).unwrap();
    log.close().unwrap();

    let copied = copy.path().join("history.redb");
    let (mut world, log) = open(failing(&copied, fails), options(copy.path(), Fsync::Always));
    assert_eq!(world.top("news"), top);
    log.close().unwrap();
}

#[test]
fn the_file_is_never_longer_than_its_limit() {
    let folder = Folder::new();
    let limited = LogOptions { disk_bytes: 64 << 20, ..options(folder.path(), Fsync::Always) };
    let path = folder.path().join("history.redb");
    let fails = Arc::new(AtomicBool::new(false));
    let (mut world, log) = open(failing(&path, fails), limited);
    let history = HistoryOptions { size: 1000, ttl: std::time::Duration::from_secs(60), ..HISTORY };
    let large = "x".repeat(60_000);
    let mut filled = 0;
    // More than memory would drop: 16 channels of 1 MiB each.
    loop {
        let channel = format!("room:{}", filled % 16);
        let publish = Publish { history, ..saying(&large) };
        match world.ask(API, &channel, Operation::Publish(publish)) {
            Outcome::Published(_) => filled += 1,
            outcome => break assert!(failed(&outcome), "{outcome:?}"),
        }
        assert!(std::fs::metadata(&path).unwrap().len() <= 64 << 20);
    }
    assert!(filled > 100, "{filled}");
    // Removing a history makes room, without waiting for anything to expire.
    for number in 0..16 {
        world.done(&format!("room:{number}"), Operation::RemoveHistory);
    }
    insist(&mut world, "news", "a");
    assert!(std::fs::metadata(&path).unwrap().len() <= 64 << 20);
    log.close().unwrap();
}

/// A process writes; each channel of these got its publications in this order, all acknowledged at
/// their steps.
struct Story {
    /// What there is once it has begun.
    image: Vec<u8>,
    steps: Vec<Step>,
    /// Step, channel, payload, offset.
    acknowledged: Vec<(usize, &'static str, String, u64)>,
    epochs: BTreeMap<&'static str, Epoch>,
    /// What a process leaves that goes on and stops in order.
    closed: Vec<u8>,
}

fn story() -> Story {
    let folder = Folder::new();
    let recorder = Recorder::default();
    let (mut world, log) = open(recorder.medium(), options(folder.path(), Fsync::Always));
    let mut image = Vec::new();
    recorder.take().iter().for_each(|step| apply(&mut image, step));
    let (mut acknowledged, mut epochs) = (Vec::new(), BTreeMap::new());
    for number in 0..12 {
        let ids = ["a", "b"].map(|channel| {
            let data = format!("{channel} {number} {}", "x".repeat(number * 300));
            let history = HistoryOptions { size: 4, ..HISTORY };
            let publish = Operation::Publish(Publish { history, ..saying(&data) });
            (channel, data, world.tell(API, channel, publish))
        });
        for (channel, data, id) in ids {
            let Outcome::Published(Some(position)) = world.answer(API, id) else { panic!() };
            acknowledged.push((recorder.len(), channel, data, position.offset));
            epochs.insert(channel, position.epoch);
        }
    }
    let steps = recorder.take();
    log.close().unwrap();
    let mut closed = image.clone();
    steps.iter().chain(&recorder.take()).for_each(|step| apply(&mut closed, step));
    Story { image, steps, acknowledged, epochs, closed }
}

impl Story {
    /// Opens what a crash after `done` steps has left, and looks whether it is what it must be.
    fn check(&self, folder: &Folder, image: Vec<u8>, done: usize) {
        let (mut world, log) =
            open(Recorder::with(image).medium(), options(folder.path(), Fsync::Always));
        for (channel, epoch) in &self.epochs {
            let of_channel = self.acknowledged.iter().filter(|it| it.1 == *channel);
            let sure =
                of_channel.clone().filter(|it| it.0 <= done).map(|it| it.3).max().unwrap_or(0);
            let top = world.top(channel);
            assert!(top.offset >= sure, "{channel}: {} of {sure} after {done} steps", top.offset);
            assert!(sure == 0 || top.epoch == *epoch);
            for publication in world.history(channel, ALL).publications {
                let published = of_channel.clone().find(|it| it.3 == publication.offset).unwrap();
                assert_eq!(publication.data, published.2);
            }
        }
        log.close().unwrap();
    }
}

/// After each step, and with the next one torn at some bytes: all that was acknowledged is there.
#[test]
fn a_crash_between_or_in_any_two_writes_loses_nothing() {
    let story = story();
    let folder = Folder::new();
    let mut image = story.image.clone();
    for (done, step) in story.steps.iter().enumerate() {
        story.check(&folder, image.clone(), done);
        if let Step::Write(offset, data) = step {
            for cut in [1, data.len() / 2, data.len() - 1] {
                let mut torn = image.clone();
                apply(&mut torn, &Step::Write(*offset, data[..cut].to_vec()));
                story.check(&folder, torn, done);
            }
        }
        apply(&mut image, step);
    }
    story.check(&folder, image, story.steps.len());
}

/// What was not synced may be on the disk or not, each write by itself.
#[test]
fn a_crash_that_loses_any_of_the_writes_since_the_last_sync_loses_nothing() {
    let story = story();
    let folder = Folder::new();
    let mut random = entropy(7);
    let mut synced = story.image.clone();
    let mut pending: Vec<&Step> = Vec::new();
    for (done, step) in story.steps.iter().enumerate() {
        if !pending.is_empty() {
            for _ in 0..3 {
                let mut image = synced.clone();
                for step in &pending {
                    if random().is_multiple_of(2) || matches!(step, Step::SetLen(_)) {
                        apply(&mut image, step);
                    }
                }
                story.check(&folder, image, done);
            }
        }
        pending.push(step);
        if matches!(step, Step::Sync) {
            pending.drain(..).for_each(|it| apply(&mut synced, it));
        }
    }
}

/// Whatever byte is changed or wherever the file is cut: what is served was published, and what is
/// missing is said to be. Except for the last commit before a crash, which looks as if the crash had
/// torn it.
#[test]
fn damage_is_told_and_never_served() {
    let story = story();
    let folder = Folder::new();
    let mut crashed = story.image.clone();
    story.steps.iter().for_each(|step| apply(&mut crashed, step));
    for (image, may_miss) in [(&crashed, 1), (&story.closed, 0)] {
        let used = image.iter().rposition(|it| *it != 0).unwrap() + 1;
        let changed = (0..used).step_by(503).map(|index| {
            let mut image = image.clone();
            image[index] ^= 0x55;
            image
        });
        let cut = (1..used).step_by(9973).map(|len| image[..len].to_vec());
        let (mut whole, mut told) = (0, 0);
        for damaged in changed.chain(cut) {
            match story.is_told(&folder, damaged, may_miss) {
                true => told += 1,
                false => whole += 1,
            }
        }
        println!("{whole} whole, {told} told");
        assert!(told > 0 && whole > 0);
    }
}

impl Story {
    /// Opens a damaged image. Says whether the damage was told; if not, nothing may be missing.
    #[track_caller]
    fn is_told(&self, folder: &Folder, damaged: Vec<u8>, may_miss: u64) -> bool {
        let medium = Recorder::with(damaged).medium();
        let options = options(folder.path(), Fsync::Always);
        let (mut world, log, report) =
            match open_on(medium, options, BrokerLimits::default(), start()) {
                Ok(opened) => opened,
                Err(OpenError::Damaged { .. }) => return true,
                Err(error) => panic!("{error:?}"),
            };
        for (channel, epoch) in &self.epochs {
            let of_channel = self.acknowledged.iter().filter(|it| it.1 == *channel);
            let page = world.history(channel, ALL);
            let last = of_channel.clone().map(|it| it.3).max().unwrap();
            if report.damage.is_empty() {
                assert!(page.top.offset + may_miss >= last, "{} of {last}", page.top.offset);
                assert_eq!(page.top.epoch, *epoch);
            } else {
                assert_ne!(page.top.epoch, *epoch);
            }
            for publication in page.publications {
                let published = of_channel.clone().find(|it| it.3 == publication.offset).unwrap();
                assert_eq!(publication.data, published.2);
            }
        }
        // What was changed may be found when it is closed, too.
        drop(log);
        !report.damage.is_empty()
    }
}
