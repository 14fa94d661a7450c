//! SIGHUP to `trunkline serve`, whatever has become of the file.

#![cfg(unix)]

mod support;

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Stdio};

use rustix::fs::{CWD, FileType, Mode, mknodat};
use rustix::process::{Pid, Signal, kill_process};
use support::trunkline;

const GOOD: &str = "http_api.key = 'k'\n[client]\ntoken.hmac_secret_key = 'a secret of more than thirty-two bytes'\n";

struct Serving {
    child: Child,
    log: BufReader<ChildStderr>,
    address: String,
    config: PathBuf,
}

impl Serving {
    fn start(name: &str) -> Self {
        let config = format!("trunkline-reload-{name}-{}.toml", std::process::id());
        let config = std::env::temp_dir().join(config);
        fs::write(&config, GOOD).unwrap();
        let args = ["serve", "--listen", "127.0.0.1:0", "--config", config.to_str().unwrap()];
        let mut child =
            trunkline(&args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        let address = lines.find_map(|it| it.strip_prefix("listening on  http://").map(Into::into));
        let log = BufReader::new(child.stderr.take().unwrap());
        Self { child, log, address: address.expect("it says where it listens"), config }
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, signal).unwrap();
    }

    /// What the log says next of a reload.
    fn told(&mut self) -> String {
        let mut line = String::new();
        while !line.contains("reloaded") {
            line.clear();
            assert!(self.log.read_line(&mut line).unwrap() > 0, "it goes on");
        }
        line
    }

    /// What is answered to a request with the key.
    fn ask(&self) -> String {
        let mut tcp = TcpStream::connect(&self.address).unwrap();
        let request =
            "POST /api/info HTTP/1.1\r\nHost: a\r\nX-API-Key: k\r\nConnection: close\r\n\r\n";
        tcp.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        tcp.read_to_string(&mut answer).unwrap();
        answer
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_file(&self.config);
    }
}

fn write(path: &Path, bytes: &[u8]) {
    File::create(path).unwrap().write_all(bytes).unwrap();
}

/// SEC-HB-42: whatever half of a file is there, the old configuration goes on.
#[test]
fn sec_hb_42_a_file_that_is_half_written_changes_nothing() {
    let mut serving = Serving::start("half");
    let (deep, many) = ("[".repeat(100_000), "a.".repeat(50_000) + "b = 1");
    let cut = &GOOD[..GOOD.len() - 10];
    let cases: [&[u8]; 9] = [
        b"",
        b"\n",
        b"http_api",
        b"\0\0\0\0",
        b"\xff\xfe",
        cut.as_bytes(),
        deep.as_bytes(),
        many.as_bytes(),
        &[b'#'; (4 << 20) + 1],
    ];
    for bytes in cases {
        write(&serving.config, bytes);
        serving.signal(Signal::HUP);
        let told = serving.told();
        assert!(told.contains("not reloaded"), "{told}");
        assert!(
            serving.ask().starts_with("HTTP/1.1 200 "),
            "{}",
            bytes[..bytes.len().min(40)].escape_ascii()
        );
    }
    fs::remove_file(&serving.config).unwrap();
    serving.signal(Signal::HUP);
    assert!(serving.told().contains("not reloaded"));
    write(&serving.config, GOOD.as_bytes());
    serving.signal(Signal::HUP);
    let told = serving.told();
    assert!(!told.contains("not reloaded"), "{told}");
}

/// SEC-HB-42: a file that never ends, or a disk that does not answer, keeps nobody waiting.
#[test]
fn sec_hb_42_a_file_that_cannot_be_read_to_its_end_keeps_nobody_waiting() {
    let mut serving = Serving::start("pipe");
    fs::remove_file(&serving.config).unwrap();
    mknodat(CWD, &serving.config, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    serving.signal(Signal::HUP);
    // Opening it waits for the server to have come so far.
    let mut pipe = File::options().write(true).open(&serving.config).unwrap();
    pipe.write_all(b"http_api.key = 'k'\n").unwrap();
    assert!(serving.ask().starts_with("HTTP/1.1 200 "));
    // Nor is it waited for at the end.
    serving.signal(Signal::TERM);
    assert_eq!(serving.child.wait().unwrap().code(), Some(0));
    drop(pipe);
}
