//! Peers that are slow, silent, flooding or broken, alone and by the hundred: each is ended in time and with the right
//! word, memory stays where it is, and honest clients notice nothing.

use std::net::SocketAddr;
use std::pin::pin;
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{interval, sleep, timeout};

use crate::client::{Client, dial, source};
use crate::report::Report;
use crate::server::Server;
use crate::wire::{Ending, PING, TEXT, ending, frame, frames_before_text, upgrade};
use crate::{Failure, Options};

const PATH: &str = "/connection/websocket";

/// Of each peer; longer than the longest deadline, which is that of plain HTTP without a byte that moves, up to 60 s.
const PATIENCE: Duration = Duration::from_secs(75);

/// How long a server waits for the answer to its close frame, and a second to spare.
const CLOSE: Duration = Duration::from_secs(11);

/// Peers of each kind where there are many.
const MANY: usize = 500;

/// What attacks may add to the memory of the server, each by itself. What it keeps of them is far less.
const MEMORY_MIB: f64 = 16.0;

const GAUGES: [&str; 4] = ["connections", "subscriptions", "channels", "presences"];

/// From where the next peer comes: never two from one address, so that no limit for addresses hides another.
struct Sources(usize);

impl Sources {
    fn next(&mut self) -> usize {
        self.0 += 1;
        self.0
    }

    async fn dial(&mut self, to: SocketAddr) -> Result<TcpStream, Failure> {
        dial(source(self.next()), to, None).await
    }
}

pub(crate) async fn run(_: &Options) -> Result<Report, Failure> {
    let mut report = Report::new(format!(
        "`trunkline serve` with compression, and `trunkline echo --compression`; limits and deadlines are those by default. \
         Each peer comes from an address of its own. While the {MANY} of a kind are there, an honest client connects and hears \
         itself every 0.2 s."
    ));
    let mut serve = Server::serve(&["websocket.compression=true"]).await?;
    let mut echo = Server::echo(&["--compression"]).await?;
    let mut sources = Sources(0);
    honest(serve.address(), &mut sources).await?;
    let before = serve.usage()?;

    waiting(&mut report, &serve, &mut sources).await?;
    for (name, server, path) in [("serve", &serve, PATH), ("echo", &echo, "/")] {
        floods(&mut report, name, server, path, &mut sources).await?;
    }
    many(&mut report, &serve, &mut sources).await?;

    let left = serve.come_to_rest(&GAUGES, Duration::from_secs(60)).await?;
    let after = serve.usage()?;
    let all = if left.is_empty() { "all 0".to_owned() } else { left.join(", ") };
    report.check(
        "sessions, subscriptions, channels, presences after it",
        "all 0",
        all,
        left.is_empty(),
    );
    let (fds, was) = (after.fds, before.fds);
    report.check("descriptors after it", format!("{was} as before"), fds.to_string(), fds <= was);
    report.note(
        "memory before, and after it",
        format!("{:.1} MiB, {:.1} MiB", before.rss_mib(), after.rss_mib()),
    );
    let metrics = serve.metrics().await?;
    report.none("panics", metrics.get("panics_total").copied().unwrap_or(u64::MAX));
    report.check("both servers live", "yes", "yes", serve.is_alive() && echo.is_alive());
    Ok(report)
}

/// Those that are ended by a deadline, all at the same time.
async fn waiting(
    report: &mut Report,
    server: &Server,
    sources: &mut Sources,
) -> Result<(), Failure> {
    let to = server.address();
    let mut peers: JoinSet<Result<Row, Failure>> = JoinSet::new();
    let mut tcp = sources.dial(to).await?;
    peers.spawn(
        async move { Row::of("nothing is said", 408, 11, ending(&mut tcp, PATIENCE).await) },
    );
    let tcp = sources.dial(to).await?;
    peers.spawn(async move {
        Row::of(
            "a head of a byte a second",
            408,
            11,
            drip(tcp, b"GET / HTTP/1.1\r\nHost: here\r\nX: y").await,
        )
    });
    let mut tcp = sources.dial(to).await?;
    upgrade(&mut tcp, PATH).await?;
    peers.spawn(async move {
        Row::of("a WebSocket on which nothing is said", 3502, 11, ending(&mut tcp, PATIENCE).await)
    });
    let mut tcp = connected(sources, to).await?;
    peers.spawn(async move {
        Row::of("pings that are not answered", 3012, 35, ending(&mut tcp, PATIENCE).await)
    });
    let mut tcp = connected(sources, to).await?;
    tcp.write_all(&frame(TEXT, &[b' '; 60_000])[..100]).await?;
    peers.spawn(async move {
        Row::of("a message of a byte a second", 3012, 35, drip(tcp, &[b' '; 60]).await)
    });
    let mut tcp = sources.dial(to).await?;
    let head = "POST /api/publish HTTP/1.1\r\nHost: here\r\nX-API-Key: soak\r\nContent-Length: 1000\r\n\r\n";
    tcp.write_all(head.as_bytes()).await?;
    peers.spawn(async move {
        Row::of(
            "a request with a key whose body does not come",
            408,
            22,
            ending(&mut tcp, PATIENCE).await,
        )
    });
    let mut tcp = dial(source(sources.next()), to, Some(4096)).await?;
    let pages = "GET / HTTP/1.1\r\nHost: here\r\n\r\n".repeat(20_000);
    peers.spawn(async move {
        // More answers than the systems of both sides hold.
        let _ = timeout(Duration::from_secs(36), tcp.write_all(pages.as_bytes())).await;
        sleep(Duration::from_secs(1)).await;
        Row::of(
            "20 000 requests whose answers are not read",
            200,
            45,
            ending(&mut tcp, PATIENCE).await,
        )
    });
    while let Some(row) = peers.join_next().await {
        row??.into_report(report);
    }
    Ok(())
}

/// How one peer was ended, and how it ought to be.
struct Row {
    what: String,
    /// Status or close code.
    word: u16,
    within: u64,
    ending: Ending,
}

impl Row {
    fn of(
        what: impl Into<String>,
        word: u16,
        within: u64,
        ending: Ending,
    ) -> Result<Self, Failure> {
        Ok(Self { what: what.into(), word, within, ending })
    }

    fn into_report(self, report: &mut Report) {
        let Self { what, word, within, ending } = self;
        let within = Duration::from_secs(within);
        let is_right = ending.is_over
            && ending.word() == Some(word)
            && ending.said_after <= within
            && ending.over_after <= within + CLOSE;
        report.check(
            what,
            format!("{word} within {} s", within.as_secs()),
            ending.show(),
            is_right,
        );
    }
}

/// Sends a byte a second while it reads.
async fn drip(tcp: TcpStream, bytes: &'static [u8]) -> Ending {
    let (mut reader, mut writer) = tcp.into_split();
    let writing = tokio::spawn(async move {
        let mut every = interval(Duration::from_secs(1));
        for &byte in bytes {
            every.tick().await;
            if writer.write_u8(byte).await.is_err() {
                break;
            }
        }
        // Not closed: a silent peer is not one that is gone.
        sleep(PATIENCE).await;
    });
    let ending = ending(&mut reader, PATIENCE).await;
    writing.abort();
    ending
}

/// A session by hand, which will not answer.
async fn connected(sources: &mut Sources, to: SocketAddr) -> Result<TcpStream, Failure> {
    let mut tcp = sources.dial(to).await?;
    upgrade(&mut tcp, PATH).await?;
    tcp.write_all(&frame(TEXT, br#"{"id":1,"connect":{}}"#)).await?;
    Ok(tcp)
}

/// One peer after the other that sends more than it should, with the memory that it takes.
async fn floods(
    report: &mut Report,
    name: &str,
    server: &Server,
    path: &str,
    sources: &mut Sources,
) -> Result<(), Failure> {
    let bomb = frame(0x40 | TEXT, &bomb(60_000));
    let fragments = [&frame(0x01, b"x")[..], &frame(0x00, b"x").repeat(200_000)].concat();
    let empty = [&frame(0x01, b"")[..], &frame(0x00, b"").repeat(200_000)].concat();
    let long = frame(TEXT, &vec![b'x'; 2 << 20]);
    for (what, bytes, word) in [
        ("60 KB that inflate to 9.5 MB", bomb, 1009),
        ("a message of fragments of a byte, without an end", fragments, 1008),
        ("a message of empty fragments, without an end", empty, 1008),
        ("a message of 2 MiB", long, 1009),
    ] {
        let mut tcp = sources.dial(server.address()).await?;
        upgrade(&mut tcp, path).await?;
        let (ending, memory) = during(server, flood(tcp, bytes)).await?;
        Row::of(format!("{name}: {what}"), word, 5, ending)?.into_report(report);
        report.at_most(format!("{name}: memory for it"), memory, MEMORY_MIB, "MiB");
    }

    let tcp = sources.dial(server.address()).await?;
    let (pongs, memory) = during(server, pings(tcp, path)).await?;
    let pongs = pongs?;
    report.check(
        format!("{name}: {PINGS} pings, the pongs unread for a while"),
        "some pongs, then an answer",
        format!("{pongs} pongs, then an answer"),
        pongs <= PINGS,
    );
    report.at_most(format!("{name}: memory for them"), memory, MEMORY_MIB, "MiB");
    Ok(())
}

const PINGS: usize = 500_000;

/// How many pongs came before the answer to a message.
async fn pings(mut tcp: TcpStream, path: &str) -> Result<usize, Failure> {
    upgrade(&mut tcp, path).await?;
    let all = frame(PING, b"").repeat(PINGS);
    timeout(PATIENCE, tcp.write_all(&all)).await??;
    sleep(Duration::from_secs(1)).await;
    tcp.write_all(&frame(TEXT, br#"{"id":1,"connect":{}}"#)).await?;
    timeout(PATIENCE, frames_before_text(&mut tcp)).await?
}

/// Sends all of it, as far as it is taken, and hears how that ends.
async fn flood(tcp: TcpStream, bytes: Vec<u8>) -> Ending {
    let (mut reader, mut writer) = tcp.into_split();
    let writing = tokio::spawn(async move {
        let _ = writer.write_all(&bytes).await;
        writer
    });
    let ending = ending(&mut reader, PATIENCE).await;
    writing.abort();
    ending
}

/// What comes of it, and how much memory the server took more than before, at most, in MiB.
async fn during<T>(server: &Server, what: impl Future<Output = T>) -> Result<(T, f64), Failure> {
    let before = server.usage()?.rss_mib();
    let mut most = before;
    let mut what = pin!(what);
    let mut every = interval(Duration::from_millis(10));
    loop {
        tokio::select! {
            outcome = &mut what => return Ok((outcome, most - before)),
            _ = every.tick() => most = most.max(server.usage()?.rss_mib()),
        }
    }
}

/// Zeros, deflated by hand with the codes that RFC 1951 fixes (§3.2.6): one, and then 258 of the one before, again and
/// again, for 13 bits each.
fn bomb(bytes: usize) -> Vec<u8> {
    let mut bits = vec![true, true, false];
    let zero = (0..8).map(|bit| 0b0011_0000 >> (7 - bit) & 1 == 1);
    bits.extend(zero);
    let again: Vec<bool> = (0..13).map(|bit| 0b1_1000_1010_0000 >> (12 - bit) & 1 == 1).collect();
    while bits.len() < 8 * bytes {
        bits.extend(&again);
    }
    bits.chunks(8)
        .map(|byte| byte.iter().rev().fold(0, |sum, &bit| sum << 1 | u8::from(bit)))
        .collect()
}

/// Says hello, publishes, and hears itself. How long that takes.
async fn honest(to: SocketAddr, sources: &mut Sources) -> Result<Duration, Failure> {
    let started = Instant::now();
    let tcp = sources.dial(to).await?;
    let mut client = Client::connect_over(tcp, to).await?;
    client.subscribe("room:honest", None).await?;
    client.publish("room:honest", json!("hello")).await?;
    client.leave().await?;
    Ok(started.elapsed())
}

/// Many of a kind, and an honest client meanwhile.
async fn many(report: &mut Report, server: &Server, sources: &mut Sources) -> Result<(), Failure> {
    let to = server.address();
    let before = server.usage()?.rss_mib();
    for (what, kind, word, within) in [
        ("half a head, and then silence", Kind::HalfHead, Some(408), 12),
        ("half a message, and then a reset", Kind::Reset, None, 1),
        ("half a message, and then a FIN", Kind::HalfClosed, None, 2),
        ("a session, and then silence", Kind::Silent, Some(3012), 46),
    ] {
        let mut peers = JoinSet::new();
        for _ in 0..MANY {
            let mut tcp = sources.dial(to).await?;
            peers.spawn(async move {
                kind.act(&mut tcp).await?;
                Ok::<_, Failure>(ending(&mut tcp, PATIENCE).await)
            });
        }
        let peers = tokio::spawn(peers.join_all());
        let (mut worst, mut memory) = (Duration::ZERO, 0.0_f64);
        while !peers.is_finished() {
            worst = worst.max(honest(to, sources).await?);
            memory = memory.max(server.usage()?.rss_mib() - before);
            sleep(Duration::from_millis(200)).await;
        }
        let (mut right, mut slowest) = (0, Duration::ZERO);
        for ended in peers.await? {
            let ended = ended?;
            slowest = slowest.max(ended.over_after);
            right += usize::from(ended.is_over && ended.word() == word);
        }
        let word = word.map_or_else(|| "the end".to_owned(), |it| it.to_string());
        report.check(
            format!("{MANY} × {what}"),
            format!("{word} for all within {within} s"),
            format!("{right}, the last after {:.1} s", slowest.as_secs_f64()),
            right == MANY && slowest <= Duration::from_secs(within),
        );
        report.at_most(
            format!("{MANY} × {what}: an honest client"),
            worst.as_secs_f64() * 1e3,
            1000.0,
            "ms",
        );
        report.at_most(format!("{MANY} × {what}: memory"), memory, MEMORY_MIB, "MiB");
    }
    Ok(())
}

#[derive(Clone, Copy)]
enum Kind {
    HalfHead,
    Reset,
    HalfClosed,
    Silent,
}

impl Kind {
    async fn act(self, tcp: &mut TcpStream) -> Result<(), Failure> {
        if let Self::HalfHead = self {
            return Ok(tcp.write_all(b"GET /connection/websocket HTTP/1.1\r\nHost: he").await?);
        }
        upgrade(tcp, PATH).await?;
        tcp.write_all(&frame(TEXT, br#"{"id":1,"connect":{}}"#)).await?;
        frames_before_text(tcp).await?;
        match self {
            Self::Reset | Self::HalfClosed => {
                tcp.write_all(&frame(TEXT, &[b' '; 1000])[..500]).await?;
                if let Self::Reset = self {
                    tcp.set_zero_linger()?;
                }
                Ok(tcp.shutdown().await?)
            }
            _ => Ok(()),
        }
    }
}
