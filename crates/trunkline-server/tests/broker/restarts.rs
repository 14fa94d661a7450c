//! What is there when a log is opened again.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use trunkline_hub::broker::{Operation, Outcome, Publish};
use trunkline_hub::{CommandError, HistoryOptions, StreamPosition};
use trunkline_server::broker::{
    Broker, BrokerLimits, Fsync, Homes, Log, LogOptions, LogReport, OpenError, Partitions,
};

use crate::folder::Folder;
use crate::log::{open, options};
use crate::world::{
    ALL, API, HISTORY, HUB, OFF, World, client, entropy, name, offsets, saying, start,
};

const POLICIES: [Fsync; 3] =
    [Fsync::Always, Fsync::Interval(Duration::from_secs(3600)), Fsync::Never];

fn begin(folder: &Folder, fsync: Fsync) -> (World, Log, LogReport) {
    open(options(folder.path(), fsync), BrokerLimits::default(), start()).unwrap()
}

/// What `kill -9` leaves at this moment: the file as it is.
fn snapshot(folder: &Folder) -> Folder {
    let copy = Folder::new();
    std::fs::copy(folder.path().join("history.redb"), copy.path().join("history.redb")).unwrap();
    copy
}

fn keyed(data: &str, key: &str) -> Publish {
    Publish { idempotency_key: Some(key.into()), ..saying(data) }
}

#[test]
fn a_log_that_was_closed_goes_on_under_each_policy() {
    for fsync in POLICIES {
        let folder = Folder::new();
        let (mut world, log, report) = begin(&folder, fsync);
        assert_eq!((report.channels, report.epochs_renewed), (0, false));
        let tags = vec![("a".into(), "1".into())];
        let publish = Publish { info: Some(client(7, "ann")), tags, ..keyed("1", "key") };
        let first = world.publish("news", publish).unwrap();
        for number in 2..=12 {
            world.say("news", &number.to_string());
        }
        world.publish("price", Publish { version: 5, version_epoch: "v".into(), ..saying("5") });
        world.publish("price", saying("no version"));
        let unused = world.top("unused");
        world.say("removed", "1");
        world.done("removed", Operation::RemoveHistory);
        let removed = world.top("removed");
        let before = world.history("news", ALL);
        log.close().unwrap();

        let (mut world, log, report) = begin(&folder, fsync);
        assert!(!report.epochs_renewed && report.damage.is_empty(), "{report:?}");
        assert_eq!((report.channels, report.publications), (4, 12));
        assert_eq!(world.history("news", ALL), before);
        assert_eq!(world.publish("news", keyed("again", "key")), Some(first));
        assert_eq!(world.say("news", "13").offset, 13);
        let old = Publish { version: 5, version_epoch: "v".into(), ..saying("5") };
        assert_eq!(world.publish("price", old).unwrap().offset, 2);
        assert_eq!(world.top("unused"), unused);
        assert_eq!((world.top("removed"), world.kept("removed").len()), (removed, 0));
        log.close().unwrap();
    }
}

#[test]
fn always_leaves_all_that_was_heard_of_to_a_crash() {
    let folder = Folder::new();
    let (mut world, _log, _) = begin(&folder, Fsync::Always);
    let unused = world.attach(HUB, "unused", HISTORY).top;
    let mut crashes = Vec::new();
    for number in 1..=5_u64 {
        let position = world.publish("news", keyed(&number.to_string(), &number.to_string()));
        crashes.push((number, position, snapshot(&folder)));
    }
    for (number, position, copy) in crashes {
        let (mut world, log, report) = begin(&copy, Fsync::Always);
        assert!(!report.epochs_renewed);
        assert_eq!(Some(world.top("news")), position);
        assert_eq!(offsets(&world.history("news", ALL)), (1..=number).collect::<Vec<_>>());
        assert_eq!(world.publish("news", keyed("again", &number.to_string())), position);
        assert_eq!(world.top("unused"), unused);
        log.close().unwrap();
    }
}

#[test]
fn a_crash_of_a_lazy_log_renews_all_epochs() {
    for fsync in [Fsync::Interval(Duration::from_secs(3600)), Fsync::Never] {
        let folder = Folder::new();
        let (mut world, log, _) = begin(&folder, fsync);
        let first = world.publish("news", keyed("1", "key")).unwrap();
        log.close().unwrap();
        // The second process writes nothing more before it crashes.
        let (mut world, _log, _) = begin(&folder, fsync);
        let lost = world.say("news", "2");
        assert_eq!(lost, StreamPosition { offset: 2, epoch: first.epoch });
        let copy = snapshot(&folder);

        for fsync in [fsync, Fsync::Always] {
            let (mut world, log, report) = begin(&copy, fsync);
            let was_lazy = fsync != Fsync::Always;
            assert_eq!(report.epochs_renewed, was_lazy, "the next start of it was in order");
            let top = world.top("news");
            assert_eq!(top.offset, 1);
            assert_ne!(top.epoch, first.epoch);
            assert_eq!(world.kept("news"), ["1"]);
            let again = world.publish("news", keyed("again", "key"));
            assert_eq!(again, Some(StreamPosition { offset: 1, ..top }));
            log.close().unwrap();
        }
    }
}

#[test]
fn a_stream_that_has_ended_stays_gone() {
    for fsync in POLICIES {
        let folder = Folder::new();
        let (mut world, log, _) = begin(&folder, fsync);
        let switched_off = world.say("talk", "1");
        world.publish("talk", Publish { history: OFF, ..saying("2") });
        let forgotten = world.say("old", "1");
        world.pass(Duration::from_secs(700));
        log.close().unwrap();

        let now = world.now;
        let (mut world, log, report) =
            open(options(folder.path(), fsync), BrokerLimits::default(), now).unwrap();
        assert_eq!(report.channels, 0);
        assert_ne!(world.top("talk").epoch, switched_off.epoch);
        assert_ne!(world.top("old").epoch, forgotten.epoch);
        log.close().unwrap();
    }
}

#[test]
fn what_expired_meanwhile_is_not_kept() {
    let folder = Folder::new();
    let (mut world, log, _) = begin(&folder, Fsync::Never);
    world.say("news", "1");
    world.pass(Duration::from_secs(30));
    let top = world.say("news", "2");
    world.pass(Duration::from_secs(29));
    log.close().unwrap();
    let mut now = world.now;
    now.instant += Duration::from_secs(10);
    now.unix_ms += 10_000;
    let (mut world, log, _) =
        open(options(folder.path(), Fsync::Never), BrokerLimits::default(), now).unwrap();
    assert_eq!((world.kept("news"), world.top("news")), (vec!["2".to_owned()], top));
    world.pass(Duration::from_secs(21));
    assert_eq!((world.kept("news").len(), world.top("news")), (0, top));
    log.close().unwrap();
}

/// The partitions of a process that has `count`, and a way to ask them.
struct Node {
    worlds: Vec<World>,
    homes: Homes,
    log: Log,
    report: LogReport,
}

impl Node {
    fn open(folder: &Path, count: u16) -> Self {
        let homes = Homes::kept_in(folder, count).unwrap();
        let (mut wakes, mut receivers) = (Vec::new(), Vec::new());
        for _ in 0..count {
            let (wake, receiver) = std::sync::mpsc::channel();
            wakes.push(std::sync::Mutex::new(wake));
            receivers.push(receiver);
        }
        let mut seed = 0;
        let partitions = Partitions {
            count: count.into(),
            home: &|channel| homes.of(channel).into(),
            limits: BrokerLimits::default(),
            entropy: &mut || {
                seed += 1;
                Box::new(entropy(seed))
            },
            wake: Arc::new(move |index: usize| {
                let _ = wakes[index].lock().unwrap().send(());
            }),
        };
        let now = start();
        let opened = Log::open(options(folder, Fsync::Always), partitions, now).unwrap();
        let brokers = opened.partitions.into_iter().zip(receivers);
        let world = |(broker, receiver)| {
            let broker: Box<dyn Broker> = Box::new(broker);
            World::new(broker, Some(receiver), now)
        };
        Self { worlds: brokers.map(world).collect(), homes, log: opened.log, report: opened.report }
    }

    fn of(&mut self, channel: &str) -> &mut World {
        &mut self.worlds[usize::from(self.homes.of(&name(channel)))]
    }
}

#[test]
fn the_number_of_partitions_may_change() {
    let folder = Folder::new();
    let channels: Vec<_> = (0..20).map(|it| format!("room:{it}")).collect();
    let mut positions: Vec<Option<StreamPosition>> = vec![None; channels.len()];
    let mut before = 1;
    for (round, count) in [1, 3, 3, 2, 7].into_iter().enumerate() {
        let mut node = Node::open(folder.path(), count);
        assert!(!node.report.epochs_renewed);
        assert_eq!(node.report.moved, count != before, "from {before} to {count}");
        before = count;
        for (channel, last) in channels.iter().zip(&mut positions) {
            let world = node.of(channel);
            if let Some(last) = last {
                assert_eq!(world.top(channel), *last);
                assert_eq!(world.kept(channel).len(), round);
            }
            *last = Some(world.say(channel, &round.to_string()));
            assert_eq!(world.channels(channel).len(), 1);
        }
        drop(node.worlds);
        node.log.close().unwrap();
    }
}

#[test]
fn two_processes_cannot_share_a_folder() {
    let folder = Folder::new();
    let (_world, log, _) = begin(&folder, Fsync::Always);
    let second = open(options(folder.path(), Fsync::Always), BrokerLimits::default(), start());
    let error = second.err().expect("the first has it");
    assert!(matches!(&error, OpenError::InUse(path) if path == folder.path()));
    assert!(error.to_string().contains("in use by another process"), "{error}");
    log.close().unwrap();
    begin(&folder, Fsync::Always).1.close().unwrap();
}

#[test]
fn another_format_is_refused() {
    let folder = Folder::new();
    begin(&folder, Fsync::Always).1.close().unwrap();
    let path = folder.path().join("history.redb");
    let database = redb::Database::open(&path).unwrap();
    let write = database.begin_write().unwrap();
    let about = redb::TableDefinition::<&str, u32>::new("about");
    write.open_table(about).unwrap().insert("format", 2).unwrap();
    write.commit().unwrap();
    drop(database);
    let error = open(options(folder.path(), Fsync::Always), BrokerLimits::default(), start())
        .err()
        .expect("the format is unknown");
    assert!(matches!(&error, OpenError::Format { found: 2, .. }), "{error}");
    assert!(error.to_string().contains("has format 2, and this version reads format 1"), "{error}");
}

#[test]
fn a_file_of_another_kind_is_refused_and_left_alone() {
    for content in [&b"hello"[..], &[0; 100], &[0xff; 10_000], &b"redb\x1a\x0a\xa9\x0d\x0a"[..]] {
        let folder = Folder::new();
        let path = folder.path().join("history.redb");
        std::fs::write(&path, content).unwrap();
        let error = open(options(folder.path(), Fsync::Always), BrokerLimits::default(), start())
            .err()
            .expect("it is none of ours");
        assert!(
            matches!(&error, OpenError::Damaged { path: named, .. } if *named == path),
            "{error:?}"
        );
        assert_eq!(std::fs::read(&path).unwrap(), content);
    }
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let folder = Folder::new();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let error = open(options(&file.join("data"), Fsync::Always), BrokerLimits::default(), start())
        .err()
        .expect("a file is no folder");
    assert!(matches!(error, OpenError::Io { path, .. } if path == file.join("data")));
}

#[test]
fn partitions_of_a_closed_log_fail_and_still_tell_what_they_keep() {
    let folder = Folder::new();
    let (mut world, log, _) = begin(&folder, Fsync::Always);
    world.say("news", "1");
    log.close().unwrap();
    let outcome = world.ask(API, "news", Operation::Publish(saying("2")));
    assert!(matches!(outcome, Outcome::Failed(_)));
    assert_eq!(world.kept("news"), ["1"]);
}

/// What was refused, or was accepted before, has ended no stream.
#[test]
fn a_publication_that_is_not_accepted_changes_nothing() {
    let folder = Folder::new();
    let (mut world, _log, _) = begin(&folder, Fsync::Always);
    let top = world.publish("news", keyed("1", "key")).unwrap();
    let long = Publish { history: OFF, ..keyed("2", &"k".repeat(256)) };
    let outcome = world.ask(API, "news", Operation::Publish(long));
    assert!(matches!(outcome, Outcome::Failed(CommandError::LimitExceeded)));
    assert_eq!(world.publish("news", Publish { history: OFF, ..keyed("2", "key") }), Some(top));
    world.say("other", "so that all before is written");
    let copy = snapshot(&folder);
    let (mut world, log, _) = begin(&copy, Fsync::Always);
    assert_eq!(world.top("news"), top);
    log.close().unwrap();
}

#[test]
fn little_room_for_what_waits_is_used_again_and_again() {
    for fsync in POLICIES {
        let folder = Folder::new();
        let little = LogOptions { unwritten_bytes: 10_000, ..options(folder.path(), fsync) };
        let (mut world, log, _) = open(little, BrokerLimits::default(), start()).unwrap();
        let (mut offset, mut refused) = (0, 0);
        while offset < 500 {
            let publish = Operation::Publish(saying(&"x".repeat(100)));
            match world.ask(API, "news", publish) {
                Outcome::Published(Some(position)) => {
                    offset += 1;
                    assert_eq!(position.offset, offset);
                }
                Outcome::Failed(CommandError::TooManyRequests) => {
                    refused += 1;
                    world.wait();
                }
                outcome => panic!("{outcome:?}"),
            }
        }
        assert!(refused > 0 || fsync == Fsync::Always, "waiting was never too much");
        log.close().unwrap();
    }
}

/// What is dead goes from the disk, whatever lives beside it.
#[test]
fn the_file_stays_small_however_much_is_published() {
    let folder = Folder::new();
    let fsync = Fsync::Interval(Duration::from_millis(1));
    let (mut world, log, _) = begin(&folder, fsync);
    let old = world.say("old", "never published again");
    let history = HistoryOptions { size: 5, ..HISTORY };
    let large = "x".repeat(4000);
    for number in 0..10_000 {
        let key = (number % 100 == 0).then(|| number.to_string().into());
        let publish = Publish { history, idempotency_key: key, ..saying(&large) };
        world.publish(&format!("room:{}", number % 10), publish);
        // Not faster than the disk.
        let commits = log.stats().commits;
        while number % 250 == 0 && log.stats().commits == commits {
            world.wait();
        }
        world.wake();
    }
    let tops: Vec<_> = (0..10).map(|it| world.top(&format!("room:{it}"))).collect();
    let len = log.stats().disk_bytes;
    assert!(len < 20_000_000, "{len} bytes for 40 MB that were published");
    log.close().unwrap();

    let (mut world, log, report) = begin(&folder, fsync);
    assert_eq!((report.channels, report.publications), (11, 51));
    assert_eq!(world.top("old"), old);
    for (number, top) in tops.into_iter().enumerate() {
        let channel = format!("room:{number}");
        assert_eq!((world.top(&channel), world.kept(&channel).len()), (top, 5));
    }
    // Its publication was dead long ago.
    assert_eq!(world.publish("room:0", keyed("again", "0")).unwrap().offset, 1);
    log.close().unwrap();
}

/// The key is made once, for the owner alone, and what it says is the same in every process.
#[test]
fn channels_live_where_they_lived_before() {
    let (folder, other) = (Folder::new(), Folder::new());
    let names: Vec<_> = (0..1000).map(|it| name(&format!("room:{it}"))).collect();
    let homes = |folder: &Folder| -> Vec<u16> {
        let homes = Homes::kept_in(folder.path(), 8).unwrap();
        names.iter().map(|it| homes.of(it)).collect()
    };
    let first = homes(&folder);
    assert_eq!(homes(&folder), first);
    assert_ne!(homes(&other), first, "each folder has a key of its own");
    for partition in 0..8 {
        let count = first.iter().filter(|it| **it == partition).count();
        assert!((60..200).contains(&count), "{count} of 1000 in one of 8");
    }
}

/// SipHash-1-3 by its definition: homes do not change with the version of anything.
#[test]
fn homes_are_the_same_in_every_version() {
    let key: [u8; 16] = std::array::from_fn(|it| it as u8);
    let homes = Homes::new(&key, 10_007);
    let found = ["news", "room:1", "chat:#anna"].map(|it| homes.of(&name(it)));
    assert_eq!(found, [1868, 8477, 642]);
}

/// Without its key a folder is as good; its channels only move.
#[test]
fn a_key_that_is_lost_or_cut_off_is_made_anew() {
    let folder = Folder::new();
    let channels: Vec<_> = (0..50).map(|it| format!("room:{it}")).collect();
    let mut node = Node::open(folder.path(), 4);
    for channel in &channels {
        node.of(channel).say(channel, "1");
    }
    drop(node.worlds);
    node.log.close().unwrap();
    let key = folder.path().join("homes.key");
    for lose in [|path: &Path| std::fs::remove_file(path), |path: &Path| std::fs::write(path, "x")]
    {
        lose(&key).unwrap();
        let mut node = Node::open(folder.path(), 4);
        assert!(node.report.moved && !node.report.epochs_renewed);
        assert_eq!(std::fs::read(&key).unwrap().len(), 16);
        for channel in &channels {
            assert_eq!(node.of(channel).kept(channel), ["1"]);
        }
        drop(node.worlds);
        node.log.close().unwrap();
    }
}

/// Whatever the umask is: the usual one leaves both to be read by everybody.
#[cfg(unix)]
#[test]
fn what_is_on_the_disk_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;

    let folder = Folder::new();
    let dir = folder.path().join("made/here");
    let (_, log, _) = open(options(&dir, Fsync::Always), BrokerLimits::default(), start()).unwrap();
    log.close().unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&dir), 0o700);
    let mut names = Vec::new();
    for entry in std::fs::read_dir(&dir).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(mode(&entry.path()), 0o600, "{:?}", entry.file_name());
        names.push(entry.file_name());
    }
    assert!(names.contains(&"history.redb".into()), "{names:?}");
}
