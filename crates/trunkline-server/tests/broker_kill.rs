//! `kill -9` at random moments, and a start on what is left, again and again.
//!
//! A child process publishes and prints what was acknowledged; its parent kills it, starts another on
//! the same folder, and keeps a book of all that any of them has said. `TRUNKLINE_KILL_ROUNDS` is the
//! number of rounds for each policy.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use trunkline_hub::broker::{Answer, Delivery, Operation, Outcome, Publish, Request, RequestId};
use trunkline_hub::{ChannelName, HistoryFilter, HistoryOptions, Now};
use trunkline_server::broker::{
    Broker, BrokerLimits, Caller, Fsync, Log, LogBroker, LogOptions, Outlet, Partitions,
};

const DIR: &str = "TRUNKLINE_KILL_DIR";
const POLICY: &str = "TRUNKLINE_KILL_POLICY";
const CHANNELS: [&str; 3] = ["a", "b", "c"];
const HISTORY: HistoryOptions = HistoryOptions {
    size: 50,
    ttl: Duration::from_secs(3600),
    meta_ttl: Duration::from_secs(3600),
};

fn now() -> Now {
    let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Now { instant: Instant::now(), unix_ms: i64::try_from(unix.as_millis()).unwrap() }
}

#[derive(Default)]
struct Answers(Vec<Answer>);

impl Outlet for Answers {
    fn answer(&mut self, _: Caller, answer: Answer) {
        self.0.push(answer);
    }

    fn deliver(&mut self, _: Caller, _: Delivery) {}
}

/// Not a test of its own: what the test below runs as another process. First it says what it has found
/// (`top` and `kept`), then what is acknowledged (`acked`), until it is killed.
#[test]
fn child() {
    let Ok(dir) = std::env::var(DIR) else { return };
    let fsync = match std::env::var(POLICY).unwrap().as_str() {
        "always" => Fsync::Always,
        "interval" => Fsync::Interval(Duration::from_millis(3)),
        _ => Fsync::Never,
    };
    let (wake, wakes) = channel();
    let wake = Mutex::new(wake);
    let mut seed = u64::from(std::process::id()) ^ now().instant.elapsed().as_nanos() as u64;
    seed ^= u64::try_from(now().unix_ms).unwrap() << 20;
    let partitions = Partitions {
        count: 1,
        home: &|_| 0,
        limits: BrokerLimits::default(),
        entropy: &mut || {
            Box::new(move || {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                seed ^ (seed >> 31)
            })
        },
        wake: Arc::new(move |_| wake.lock().unwrap().send(()).unwrap()),
    };
    let options = LogOptions { fsync, ..LogOptions::new(dir) };
    let opened = Log::open(options, partitions, now()).unwrap();
    let mut broker = opened.partitions.into_iter().next().unwrap();
    let mut out = std::io::stdout().lock();
    report(&mut broker, &mut out, || wakes.recv().unwrap());

    let mut under_way = HashMap::new();
    let mut answers = Answers::default();
    for number in 0_u64.. {
        let channel = CHANNELS[usize::try_from(number % 3).unwrap()];
        let data = format!("{}-{number}", std::process::id());
        let publish = Publish { data: data.clone().into(), history: HISTORY, ..Publish::default() };
        ask(&mut broker, number, channel, Operation::Publish(publish), &mut answers);
        under_way.insert(RequestId(number), (channel, data));
        while under_way.len() > 20 {
            wakes.recv().unwrap();
            broker.handle_wake(now(), &mut answers);
            tell(&mut answers, &mut under_way, &mut out);
        }
        tell(&mut answers, &mut under_way, &mut out);
        while wakes.try_recv().is_ok() {
            broker.handle_wake(now(), &mut answers);
        }
    }
}

fn ask(
    broker: &mut LogBroker,
    id: u64,
    channel: &str,
    operation: Operation,
    answers: &mut Answers,
) {
    let channel = ChannelName::new(channel).unwrap();
    let request = Request { id: RequestId(id), channel, operation };
    broker.handle_request(now(), Caller(0), request, answers);
}

fn report(broker: &mut LogBroker, out: &mut impl Write, wait: impl Fn()) {
    for channel in CHANNELS {
        let mut answers = Answers::default();
        let history = Operation::History { history: HISTORY, filter: HistoryFilter::default() };
        ask(broker, 0, channel, history, &mut answers);
        while answers.0.is_empty() {
            wait();
            broker.handle_wake(now(), &mut answers);
        }
        let Some(Answer { outcome: Outcome::Page(page), .. }) = answers.0.pop() else { panic!() };
        writeln!(out, "top {channel} {} {}", page.top.epoch, page.top.offset).unwrap();
        for it in page.publications {
            let data = String::from_utf8(it.data.to_vec()).unwrap();
            writeln!(out, "kept {channel} {} {} {data}", page.top.epoch, it.offset).unwrap();
        }
    }
    writeln!(out, "begun").unwrap();
}

fn tell(
    answers: &mut Answers,
    under_way: &mut HashMap<RequestId, (&str, String)>,
    out: &mut impl Write,
) {
    for answer in answers.0.drain(..) {
        let Outcome::Published(Some(position)) = answer.outcome else { panic!("{answer:?}") };
        let (channel, data) = under_way.remove(&answer.id).unwrap();
        writeln!(out, "acked {channel} {} {} {data}", position.epoch, position.offset).unwrap();
    }
}

/// All that was ever said: what each position of an epoch means, and how far each channel got.
#[derive(Default)]
struct Book {
    meaning: HashMap<(String, String, u64), String>,
    acked: HashMap<String, (String, u64)>,
    count: u64,
}

impl Book {
    /// Takes a line.
    fn take(&mut self, line: &str, is_always: bool) {
        let words: Vec<_> = line.split(' ').collect();
        match words[..] {
            ["top", channel, epoch, offset] if is_always => {
                let Some((acked_epoch, acked)) = self.acked.get(channel) else { return };
                assert_eq!(epoch, acked_epoch, "the epoch of {channel} changed");
                let offset: u64 = offset.parse().unwrap();
                assert!(offset >= *acked, "{channel}: {acked} was acknowledged, {offset} is there");
            }
            [kind @ ("kept" | "acked"), channel, epoch, offset, data] => {
                let offset = offset.parse().unwrap();
                let position = (channel.to_owned(), epoch.to_owned(), offset);
                let before = self.meaning.entry(position).or_insert_with(|| data.to_owned());
                assert_eq!(before, data, "{channel} {epoch} {offset} means two publications");
                if kind == "acked" {
                    self.count += 1;
                    self.acked.insert(channel.to_owned(), (epoch.to_owned(), offset));
                }
            }
            _ => {}
        }
    }
}

fn spawn(dir: &Path, policy: &str) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "child", "--nocapture", "--test-threads=1"]);
    command.env(DIR, dir).env(POLICY, policy).stdout(Stdio::piped()).spawn().unwrap()
}

struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn run(policy: &str, rounds: u64) -> u64 {
    let name = format!("trunkline-kill-{}-{policy}", std::process::id());
    let folder = Folder(std::env::temp_dir().join(name));
    let mut book = Book::default();
    let mut random = 42_u64;
    for _ in 0..rounds {
        random =
            random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let mut child = spawn(&folder.0, policy);
        let mut output = BufReader::new(child.stdout.take().unwrap());
        // Some are killed while they begin, the others after up to 400 lines.
        let mut left = (random >> 33) % 400;
        let mut is_killed = false;
        let mut line = String::new();
        while output.read_line(&mut line).unwrap() > 0 {
            if let Some(line) = line.strip_suffix('\n') {
                book.take(line, policy == "always");
            }
            line.clear();
            if left == 0 && !is_killed {
                child.kill().unwrap();
                is_killed = true;
            }
            left = left.saturating_sub(1);
        }
        assert!(is_killed, "the child ended by itself");
        child.wait().unwrap();
    }
    book.count
}

fn rounds() -> u64 {
    std::env::var("TRUNKLINE_KILL_ROUNDS").map_or(30, |it| it.parse().unwrap())
}

#[test]
fn nothing_acknowledged_is_lost_under_always() {
    let acked = run("always", rounds());
    println!("{acked} acknowledged");
    assert!(acked > rounds());
}

#[test]
fn no_position_means_two_publications_under_interval() {
    let acked = run("interval", rounds());
    println!("{acked} acknowledged");
    assert!(acked > rounds());
}

#[test]
fn no_position_means_two_publications_under_never() {
    let acked = run("never", rounds());
    println!("{acked} acknowledged");
    assert!(acked > rounds());
}
