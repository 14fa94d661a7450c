//! How the process ends when a part of the server has panicked: as `trunkline serve` ends, in a process of its own.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use clap::Parser;
use trunkline_server::fault::Fault;

use super::*;
use crate::args::{self, Args};

/// Says to this test binary that it is to be a server, with which flags, and what is wrong with it.
const FLAGS: &str = "TEST_SERVE_FLAGS";
const FAULT: &str = "TEST_SERVE_FAULT";

/// What is wrong, which part is told to be broken, and what it takes.
const FAULTS: [(&str, Fault, &str, &str); 4] = [
    ("partition", Fault::Partition, "shard ", "fatal"),
    ("listener", Fault::Listener, "the listener", ""),
    ("demo", Fault::Demo, "the market of the demos", ""),
    ("log", Fault::Log, "the thread of the log on disk", "kept"),
];

/// What [`crate::main`] does with `serve`, in the process that [`server`] starts.
#[test]
fn a_server_that_breaks() {
    let Ok(fault) = std::env::var(FAULT) else { return };
    let flags = std::env::var(FLAGS).expect("there are flags with a fault");
    let args::Command::Serve(args) = Args::parse_from(flags.split('\n')).command else {
        panic!("flags of `serve`");
    };
    let (_, fault, ..) = FAULTS.into_iter().find(|it| it.0 == fault).expect("a fault");
    let ended = run_with(&args, async |config| Server::start_with_fault(config, fault).await);
    let exit = ended.unwrap_or_else(|failure| output::complain(&failure));
    std::process::exit(exit as i32);
}

/// The process, and where it listens.
fn server(fault: &str, dir: &Path) -> (Child, String) {
    let dir = dir.display().to_string();
    let mut flags = vec!["trunkline", "serve", "--listen", "127.0.0.1:0", "--data", &dir];
    let set = [
        "http_api.key=k",
        "client.insecure=true",
        "data.fsync=always",
        "channel.without_namespace.history_size=10",
        "channel.without_namespace.history_ttl=1h",
    ];
    flags.extend(set.iter().flat_map(|it| ["--set", it]));
    if fault == "demo" {
        flags.push("--demo");
    }
    let test = "serve::tests::a_server_that_breaks";
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture", "--test-threads=1"])
        .env(FAULT, fault)
        .env(FLAGS, flags.join("\n"))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.as_mut().unwrap()).lines();
    let address = lines
        .map_while(Result::ok)
        .find_map(|line| Some(line.split_once("listening on  http://")?.1.to_owned()));
    (child, address.expect("it says where it listens"))
}

fn publish(address: &str, channel: &str) -> TcpStream {
    let body = format!(r#"{{"channel":"{channel}","data":1}}"#);
    let head = "POST /api/publish HTTP/1.1\r\nHost: a\r\nX-API-Key: k\r\nContent-Length: ";
    let mut tcp = TcpStream::connect(address).unwrap();
    tcp.write_all(format!("{head}{}\r\n\r\n{body}", body.len()).as_bytes()).unwrap();
    tcp
}

/// SEC-RL-15: whatever part has panicked, the process says which, and ends with 70.
#[test]
fn sec_rl_15_whatever_part_has_panicked_the_process_ends_with_70() {
    for (fault, _, part, channel) in FAULTS {
        let name = format!("trunkline-broken-{fault}-{}", std::process::id());
        let dir = std::env::temp_dir().join(name);
        let (mut child, address) = server(fault, &dir);
        // Kept, as a request whose client has gone is not answered.
        let _client = (!channel.is_empty()).then(|| publish(&address, channel));
        let mut log = String::new();
        child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
        let status = child.wait().unwrap();
        assert_eq!(status.code(), Some(70), "{fault}: {log}");
        let says = format!("a mistake of ours has broken {part}");
        assert!(log.contains(&says) && log.contains("start it again"), "{fault}: {log}");
        assert!(log.contains("panicked: a mistake of ours"), "{fault}: {log}");
        // What the clients sent is in no line, the place of the mistake is.
        assert!(log.contains("fault.rs"), "{fault}: {log}");
        let _ = std::fs::remove_dir_all(&dir);
    }
}
