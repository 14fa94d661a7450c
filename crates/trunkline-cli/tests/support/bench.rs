//! What the tests of `trunkline bench` share: short runs, what their reports say, and servers that answer as they are told.

use std::io::Write;
use std::net::TcpStream;
use std::process::Output;

use serde_json::Value;

use super::*;

/// A short run that is told as JSON.
pub fn bench(url: &str, args: &[&str]) -> Output {
    let short = ["bench", url, "--json", "--duration", "300ms", "--warm-up", "0", "-c", "2"];
    run(&[&short[..], args].concat(), b"")
}

#[track_caller]
pub fn report(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| {
        panic!("no JSON but {:?}, and {:?}", stdout(output), stderr(output));
    })
}

/// The report of a run that ends with `exit`.
#[track_caller]
pub fn report_of(url: &str, args: &[&str], exit: i32) -> Value {
    let output = bench(url, args);
    assert_exit(&output, exit);
    let report = report(&output);
    assert_eq!(report["exit"], exit);
    report
}

#[track_caller]
pub fn count(report: &Value, pointer: &str) -> u64 {
    let value = report.pointer(pointer).unwrap_or_else(|| panic!("no {pointer} in {report}"));
    value.as_u64().unwrap_or_else(|| panic!("{pointer} is {value}"))
}

/// What went wrong with answers: lost, late, doubled, wrong, unasked.
pub fn mistakes(report: &Value) -> [u64; 5] {
    ["lost", "late", "doubled", "wrong", "unasked"]
        .map(|name| count(report, &format!("/mistakes/{name}")))
}

/// A server that gives `answer` what comes in, with its number on the connection, and sends what it gives.
pub fn answering<F>(answer: F) -> String
where
    F: Fn(usize, &[u8]) -> Vec<Vec<u8>> + Send + Sync + 'static,
{
    websocket_server(move |mut tcp| {
        for number in 0.. {
            match read_frame(&mut tcp) {
                Some((CLOSE, payload)) => {
                    let _ = tcp.write_all(&frame(CLOSE, &payload));
                    return;
                }
                Some((_, payload)) => {
                    if tcp.write_all(&answer(number, &payload).concat()).is_err() {
                        return;
                    }
                }
                None => return,
            }
        }
    })
}

pub fn echoed(payload: &[u8]) -> Vec<Vec<u8>> {
    vec![frame(TEXT, payload)]
}

/// Sends back every frame as it is.
pub fn echo_frames(mut tcp: TcpStream) {
    while let Some((first, payload)) = read_frame(&mut tcp) {
        if tcp.write_all(&frame(first, &payload)).is_err() {
            return;
        }
    }
}
