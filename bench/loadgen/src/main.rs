//! A neutral WebSocket load generator: raw sockets, epoll, pre-built frames.
//! Prints one JSON object per run.

mod answer;
mod echo;
mod fanout;
mod frames;
mod idle;
mod link;
mod proc;
mod publish;
mod shake;
mod sys;
mod template;

use std::net::SocketAddrV4;

#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Payload {
    Bin,
    Ascii,
    Utf8,
    Json,
}

#[derive(Clone, Debug)]
pub struct Opts {
    pub mode: String,
    pub addr: SocketAddrV4,
    pub path: String,
    pub conns: usize,
    pub size: usize,
    pub window: usize,
    /// echo: sizes from 1/64 of `size` to `size`, the small ones often.
    pub mixed: bool,
    pub secs: f64,
    pub warmup: f64,
    pub threads: usize,
    pub server_pid: Option<u32>,
    pub raw: bool,
    /// echo, idle: over TLS, whatever certificate the server shows.
    pub tls: bool,
    pub payload: Payload,
    pub deflate: bool,
    pub no_context: bool,
    pub verify: bool,
    /// Loopback source addresses to spread connections over (127.0.0.2 up).
    pub sources: u32,
    /// idle: exchange this many messages on each connection before measuring.
    pub touch: usize,
    /// idle: seconds to wait before the last memory reading.
    pub hold: f64,
    pub label: String,
    /// answer: the client to start, and its arguments.
    pub client: Vec<String>,
    pub fan: fanout::Dialect,
}

const HELP: &str = "loadgen MODE --addr IP:PORT [options]
MODE: echo (one message in flight per connection with --window 1, else pipelined) | idle | connect
  | storm (connects --conns, as many as --window at a time, and holds them) | fanout | publish
  | answer (echoes to the client that is measured, --client PROGRAM ARGS..., the last of all flags)
  --conns N --size BYTES --window W --secs S --warmup S --threads N
  --mixed (sizes from 1/64 of --size to --size)
  --payload bin|ascii|utf8|json   --raw (no WebSocket: byte echo)   --tls
  --deflate [--no-context]        --verify (check every echoed byte)
  --server-pid PID  --sources N   --touch N  --hold S  --label TEXT  --path P
fanout: --conns subscribers over --channels K named --channel C0..; one publisher sends --size bytes
  --rate PER_SECOND, or 0 = --window W publications outstanding; --secs 0 = none, only the memory of sessions
  --hello TEXT (repeatable; b:TEXT is binary; {ch}, {token}, \\n, \\xHH)   --ready TEXT (in a reply, before the start)
  --publish TEMPLATE ({id} {ch} {len} {data})   --pub-hello TEXT   --pub-ready TEXT   --pub-path P
  --ping TEXT --pong TEXT   --protocol SUBPROTOCOL   --http PATH ({ch})   --http-header 'K: V'
  --tokens FILE (one a line)   --raw (lines instead of upgrade and client frames)
publish: --conns publishers, each with --window unanswered, spoken to as in fanout";

fn parse() -> Opts {
    let mut a = std::env::args().skip(1);
    let mut o = Opts {
        mode: a.next().unwrap_or_else(|| die(HELP)),
        addr: "127.0.0.1:9001".parse().unwrap(),
        path: "/".into(),
        conns: 64,
        size: 32,
        window: 1,
        mixed: false,
        secs: 2.0,
        warmup: 0.5,
        threads: 1,
        server_pid: None,
        raw: false,
        tls: false,
        payload: Payload::Bin,
        deflate: false,
        no_context: false,
        verify: false,
        sources: 1,
        touch: 0,
        hold: 1.0,
        label: String::new(),
        client: Vec::new(),
        fan: fanout::Dialect::default(),
    };
    while let Some(k) = a.next() {
        let mut v = || a.next().unwrap_or_else(|| die(HELP));
        match k.as_str() {
            "--addr" => o.addr = v().parse().expect("addr"),
            "--path" => o.path = v(),
            "--conns" => o.conns = v().parse().unwrap(),
            "--size" => o.size = v().parse().unwrap(),
            "--window" => o.window = v().parse().unwrap(),
            "--secs" => o.secs = v().parse().unwrap(),
            "--warmup" => o.warmup = v().parse().unwrap(),
            "--threads" => o.threads = v().parse().unwrap(),
            "--server-pid" => o.server_pid = Some(v().parse().unwrap()),
            "--raw" => o.raw = true,
            "--mixed" => o.mixed = true,
            "--tls" => o.tls = true,
            "--payload" => {
                o.payload = match v().as_str() {
                    "bin" => Payload::Bin,
                    "ascii" => Payload::Ascii,
                    "utf8" => Payload::Utf8,
                    "json" => Payload::Json,
                    _ => die(HELP),
                }
            }
            "--deflate" => o.deflate = true,
            "--no-context" => o.no_context = true,
            "--verify" => o.verify = true,
            "--sources" => o.sources = v().parse().unwrap(),
            "--touch" => o.touch = v().parse().unwrap(),
            "--hold" => o.hold = v().parse().unwrap(),
            "--label" => o.label = v(),
            "--client" => o.client = a.by_ref().collect(),
            _ if o.fan.flag(&k, &mut v) => {}
            _ => die(HELP),
        }
    }
    o
}

pub fn die(m: &str) -> ! {
    eprintln!("{m}");
    std::process::exit(2)
}

fn main() {
    let o = parse();
    match o.mode.as_str() {
        "answer" => answer::run(&o),
        "echo" => echo::run(&o),
        "idle" => idle::run(&o),
        "connect" => shake::run(&o),
        "storm" => shake::storm(&o),
        "fanout" => fanout::run(&o),
        "publish" => publish::run(&o),
        _ => die(HELP),
    }
}
