//! Where the log of `trunkline serve` goes, and that it may go nowhere.

#![cfg(target_os = "linux")]

mod support;

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Stdio};

use support::trunkline;

const ARGS: [&str; 7] = [
    "serve",
    "--listen",
    "127.0.0.1:0",
    "--set",
    "http_api.key=k",
    "--set",
    "client.token.hmac_secret_key=a secret of more than thirty-two bytes",
];

fn serve(log: Stdio) -> (Child, String) {
    let mut child = trunkline(&ARGS).stdout(Stdio::piped()).stderr(log).spawn().unwrap();
    let lines = BufReader::new(child.stdout.as_mut().unwrap()).lines().map_while(Result::ok);
    let mut at = lines.filter_map(|it| Some(it.strip_prefix("listening on  http://")?.to_owned()));
    let address = at.next().expect("it says where it listens");
    drop(at);
    (child, address)
}

/// What is answered to a key that is none, which is a line in the log.
fn try_a_key(address: &str) -> String {
    let mut tcp = TcpStream::connect(address).unwrap();
    let request = "POST /api/info HTTP/1.1\r\nHost: a\r\nX-API-Key: x\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}";
    tcp.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    tcp.read_to_string(&mut answer).unwrap();
    answer
}

/// SEC-HB-34: a log that nobody takes any more, for the disk is full or its reader has gone, costs lines of it and
/// nothing else.
#[test]
fn sec_hb_34_a_log_that_cannot_be_written_stops_nothing() {
    let full = File::options().write(true).open("/dev/full").unwrap();
    let (reader, gone) = std::io::pipe().unwrap();
    drop(reader);
    for log in [Stdio::from(full), Stdio::from(gone)] {
        let (mut child, address) = serve(log);
        for _ in 0..3 {
            let answer = try_a_key(&address);
            assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
        }
        assert!(child.try_wait().unwrap().is_none(), "it goes on");
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
