//! What one peer can make this process hold, counted by the allocator: the formula of docs/reliability.md, under every
//! row of `specs/security.md` that attacks memory.

#![cfg(all(unix, feature = "deflate", feature = "rustls"))]

mod support;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use allocation_counter::{measure, opt_out};
use tokio::runtime::{Builder, Runtime};
use trunkline::deflate::{Compressor, DeflateConfig, DeflateParams};
use trunkline::testing::{Pipe, PipeControl, pipe};
use trunkline::tls::ServerTls;
use trunkline::tls::rustls::pki_types::ServerName;
use trunkline::tls::rustls::pki_types::pem::PemObject;
use trunkline::tls::rustls::{self, ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use trunkline::{Acceptor, Connector, Role, Transport, WebSocket};

use support::certificates::Authority;
use support::*;

const KIB: usize = 1 << 10;
/// The longest message of these connections.
const MESSAGE: usize = 1024 * KIB;

/// A message in the making: while its buffer grows, the old one and the new one are there.
const IN_THE_MAKING: usize = 2 * MESSAGE;
/// What waits to be written, at most.
const HIGH_WATER: usize = 64 * KIB;
/// What was read from the transport and not taken yet.
const READ: usize = 256 * KIB;
/// Made room for when the first byte of a large payload is there.
const RESERVED: usize = 64 * KIB;
/// zlib's state, a step of inflation and the window, of a message that is not finished.
const INFLATING: usize = (46 + 16 + 32) * KIB;
/// The connection itself: machine, driver, timer.
const OWN: usize = 8 * KIB;
/// Records of TLS: one each way as it is taken apart and put together, what waits behind it, the handshake.
const TLS: usize = 160 * KIB;

/// What one connection may hold.
const CONNECTION: usize = IN_THE_MAKING + HIGH_WATER + READ + OWN;

/// Nothing costs more than this many times its bytes, beyond the fixed sums.
const FACTOR: usize = 16;

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

fn deflate() -> DeflateConfig {
    DeflateConfig::new().context_takeover(false)
}

/// A server that has agreed on compression if it is asked to, and what controls its end.
fn server(runtime: &Runtime, compressed: bool) -> (WebSocket<Pipe>, PipeControl, WebSocket<Pipe>) {
    let (raw, end) = pipe(64 << 20);
    let control = end.control();
    let (mut acceptor, mut connector) =
        (Acceptor::new().with_message_bytes(MESSAGE), Connector::new());
    if compressed {
        acceptor = acceptor.with_compression(deflate());
        connector = connector.with_compression(deflate());
    }
    let (client, server) = runtime.block_on(connect(&connector, &acceptor, raw, end));
    control.take_written();
    (server, control, client)
}

/// What a peer sends, and what the application does with it.
struct Attack {
    name: &'static str,
    bytes: Vec<u8>,
    compressed: bool,
    echoes: bool,
}

impl Attack {
    fn new(name: &'static str, bytes: Vec<u8>) -> Self {
        Self { name, bytes, compressed: false, echoes: false }
    }

    /// The most that is held while `bytes` come in pieces, and nothing is ever taken from us.
    fn cost(&self, runtime: &Runtime, piece: usize) -> usize {
        let (mut ours, control, _client) = server(runtime, self.compressed);
        control.set_room(0);
        let cost = measure(|| {
            for piece in self.bytes.chunks(piece) {
                // What lies in the pipe is the system's, not ours.
                opt_out(|| control.push(piece));
                // Several reads, or as many messages as there are.
                for _ in 0..piece.len() + 8 {
                    match poll_up_to(1, ours.recv()) {
                        Some(Ok(Some(message))) if self.echoes => {
                            let _ = poll_up_to(1, ours.feed(message));
                        }
                        Some(Ok(Some(_))) => {}
                        _ => break,
                    }
                }
            }
        });
        cost.bytes_max as usize
    }
}

fn header(first: u8, len: usize) -> Vec<u8> {
    frame(Role::Client, first, &vec![0; len])[..14].to_vec()
}

/// A message that never ends, in fragments of `len` bytes.
fn endless(first: u8, len: usize) -> Vec<u8> {
    let mut bytes = frame(Role::Client, first, &vec![b'a'; len]);
    let count = (2 * MESSAGE / len.max(1)).min(3_000);
    bytes.extend(frame(Role::Client, 0x00, &vec![b'a'; len]).repeat(count));
    bytes
}

fn bomb() -> Vec<u8> {
    let mut payload = Vec::new();
    let mut compressor = Compressor::new(&deflate(), DeflateParams::default(), Role::Client);
    compressor.compress(&vec![0; 16 << 20], &mut payload);
    payload
}

/// A bomb whose first fragment inflates to a size that no doubling of which is the limit.
fn odd_bomb(opcode: u8, bomb: &[u8]) -> Vec<u8> {
    let stored = [&[0x00, 0xe8, 0x03, 0x17, 0xfc][..], &[b'o'; 1_000]].concat();
    [frame(Role::Client, 0x40 | opcode, &stored), frame(Role::Client, 0x80, bomb)].concat()
}

fn attacks() -> Vec<Attack> {
    let bomb = bomb();
    let mut bomb_in_bytes = frame(Role::Client, 0x42, &bomb[..1]);
    bomb[1..].iter().for_each(|it| bomb_in_bytes.extend(frame(Role::Client, 0x00, &[*it])));
    let one = |first, len| frame(Role::Client, first, &vec![b'a'; len]);
    let compressed = |name, bytes| Attack { compressed: true, ..Attack::new(name, bytes) };
    vec![
        Attack::new("SEC-FR-09 a promise", header(BINARY, MESSAGE)),
        Attack::new(
            "SEC-FR-09 a promise and a byte",
            [&header(BINARY, MESSAGE)[..], b"a"].concat(),
        ),
        Attack::new("SEC-FR-12 empty messages", one(TEXT, 0).repeat(50_000)),
        Attack::new("SEC-FR-12 tiny messages", one(BINARY, 1).repeat(50_000)),
        Attack::new("SEC-FR-08 messages as long as may be", one(BINARY, MESSAGE).repeat(4)),
        Attack::new("SEC-FG-03 64 KiB fragments", endless(0x02, 64 * KIB)),
        Attack::new("SEC-FG-03 fragments of text", endless(0x01, 1_000)),
        Attack::new("SEC-FG-04 tiny fragments", endless(0x02, 1)),
        Attack::new("SEC-FG-05 empty fragments", endless(0x02, 0)),
        Attack::new("SEC-FG-08 all but one byte", one(0x02, MESSAGE - 1)),
        Attack::new("SEC-CT-03 pings", one(PING, 125).repeat(10_000)),
        Attack::new("SEC-CT-05 pongs", one(PONG, 125).repeat(10_000)),
        Attack::new("SEC-UT-04 half a character, over and over", endless(0x01, 3)),
        Attack {
            echoes: true,
            ..Attack::new("SEC-BP-01 an echo", one(BINARY, 1_000).repeat(2_000))
        },
        Attack {
            echoes: true,
            ..Attack::new("SEC-BP-01 tiny echoes", one(BINARY, 1).repeat(50_000))
        },
        compressed("SEC-PD-01 a bomb", frame(Role::Client, 0xc2, &bomb)),
        compressed("SEC-PD-01 a bomb behind odd bytes", odd_bomb(0x02, &bomb)),
        compressed("SEC-PD-01 a bomb of text behind odd bytes", odd_bomb(0x01, &bomb)),
        compressed("SEC-PD-02 a bomb in bytes", bomb_in_bytes),
        compressed("SEC-PD-08 noise", frame(Role::Client, 0xc2, &vec![0x5a; 100_000])),
    ]
}

/// No row holds more than the formula, or more than 16 times its bytes beyond the fixed sums.
#[test]
fn no_input_holds_more_than_the_formula() {
    let runtime = runtime();
    let _entered = runtime.enter();
    let mut worst = (0.0, "");
    for attack in attacks() {
        let fixed = OWN + RESERVED + if attack.compressed { INFLATING + IN_THE_MAKING } else { 0 };
        let bound = CONNECTION + if attack.compressed { INFLATING } else { 0 };
        for piece in [attack.bytes.len(), 4_096, 100] {
            // The first has the buffers of the thread made.
            attack.cost(&runtime, piece);
            let cost = attack.cost(&runtime, piece);
            let (name, sent) = (attack.name, attack.bytes.len());
            assert!(cost <= bound, "{name} by {piece}: {cost} bytes, allowed: {bound}");
            let allowed = FACTOR * sent + fixed;
            assert!(cost <= allowed, "{name} by {piece}: {cost} bytes for {sent}");
            let ratio = cost.saturating_sub(fixed) as f64 / sent as f64;
            if ratio > worst.0 {
                worst = (ratio, name);
            }
        }
    }
    println!("the worst beyond the fixed sums: {:.2} times its bytes, {}", worst.0, worst.1);
}

/// The head of a request is held once, in parts: as often as its limit allows, whatever it is made of.
#[test]
fn no_head_holds_more_than_16_times_its_bytes() {
    let request = std::str::from_utf8(REQUEST).unwrap().trim_end();
    let many = (0..94).map(|_| "\r\na:").collect::<String>();
    let heads = [
        format!("{request}\r\nX: {}", "x".repeat(16_000)),
        format!("{request}{many}"),
        format!("{request}{}", "\r\nX: ".repeat(200)),
        format!("GET /{}", "x".repeat(8_000)),
        format!("{request}\r\nSec-WebSocket-Protocol: {}", "a,".repeat(7_000)),
        format!("{request}\r\nSec-WebSocket-Extensions: {}", "a,".repeat(7_000)),
    ];
    let runtime = runtime();
    for head in heads {
        for round in 0..2 {
            let (raw, end) = pipe(1 << 20);
            opt_out(|| end.control().push(head.as_bytes()));
            let cost = measure(|| {
                let accepting = runtime.block_on(async {
                    let acceptor = Acceptor::new();
                    let mut accepting = std::pin::pin!(acceptor.accept(end));
                    poll_up_to(8, accepting.as_mut()).map(|it| it.is_ok())
                });
                assert_ne!(accepting, Some(true), "the head is not whole, or refused");
            });
            drop(raw);
            let allowed = (FACTOR * head.len() + OWN) as u64;
            let shown = &head[head.len() - 20..];
            assert!(round == 0 || cost.bytes_max <= allowed, "{}: {shown}", cost.bytes_max);
        }
    }
}

/// A client of TLS that writes `bytes` as records of at most `record` bytes, and reads nothing after the handshake.
fn tls_client(authority: &Authority, address: SocketAddr, bytes: Vec<u8>, record: usize) {
    let mut roots = RootCertStore::empty();
    roots.add(PemObject::from_pem_slice(authority.pem().as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").unwrap();
    thread::spawn(move || {
        let connection = ClientConnection::new(Arc::new(config), name).unwrap();
        let mut tls = StreamOwned::new(connection, TcpStream::connect(address).unwrap());
        tls.write_all(REQUEST).unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            tls.read_exact(&mut byte).unwrap();
            head.push(byte[0]);
        }
        for record in bytes.chunks(record) {
            if tls.write_all(record).is_err() {
                return;
            }
        }
        // The end of the socket without a word, for what comes then counts as well.
    });
}

/// The same under TLS, over real sockets: a fixed sum on top, whatever the records.
#[test]
fn tls_adds_a_fixed_sum() {
    let authority = Authority::new();
    let identity = authority.sign("localhost", |_| ());
    let tls = ServerTls::from_pem(&identity.pem, identity.key.serialize_pem()).unwrap();
    let runtime = runtime();
    let one = |first, len| frame(Role::Client, first, &vec![b'a'; len]);
    let attacks = [
        ("SEC-FG-03 64 KiB fragments", endless(0x02, 64 * KIB), 16 * KIB),
        ("SEC-FG-04 tiny fragments in tiny records", endless(0x02, 1), 1),
        ("SEC-CT-03 pings", one(PING, 125).repeat(10_000), 16 * KIB),
        ("SEC-FR-12 tiny messages in tiny records", one(BINARY, 1).repeat(3_000), 1),
        ("SEC-FR-08 messages as long as may be", one(BINARY, MESSAGE).repeat(4), 16 * KIB),
    ];
    for (name, bytes, record) in attacks {
        for round in 0..2 {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            tls_client(&authority, listener.local_addr().unwrap(), bytes.clone(), record);
            let tcp = listener.accept().unwrap().0;
            tcp.set_nonblocking(true).unwrap();
            let cost = measure(|| {
                runtime.block_on(async {
                    let tcp = tokio::net::TcpStream::from_std(tcp).unwrap();
                    let secured = tls.accept(Transport::from(tcp)).await.unwrap();
                    let acceptor = Acceptor::new().with_message_bytes(MESSAGE);
                    let mut ws = acceptor.accept(secured).await.unwrap();
                    while let Ok(Some(_)) = ws.recv().await {}
                });
            });
            let bound = (CONNECTION + TLS) as u64;
            assert!(round == 0 || cost.bytes_max <= bound, "{name}: {}", cost.bytes_max);
        }
    }
    // What never becomes a handshake.
    let hello = [
        &[22, 3, 1, 0x40, 0, 1, 0, 0xff, 0xff][..],
        &[0; 16_380],
        &[22, 3, 1, 0x40, 0],
        &[0; 16_384],
    ];
    for garbage in [vec![22, 3, 1, 0x40, 0], hello.concat(), [22, 3, 1, 0, 1, 1].repeat(10_000)] {
        let (mut raw, end) = std::os::unix::net::UnixStream::pair().unwrap();
        end.set_nonblocking(true).unwrap();
        let sent = garbage.len();
        thread::spawn(move || drop(raw.write_all(&garbage)));
        let cost = measure(|| {
            runtime.block_on(async {
                let unix = tokio::net::UnixStream::from_std(end).unwrap();
                assert!(tls.accept(Transport::from(unix)).await.is_err());
            });
        });
        assert!(cost.bytes_max <= TLS as u64, "{sent}: {}", cost.bytes_max);
    }
}
