//! `trunkline bench` that is ended early, and what it shows until then.

#![cfg(unix)]

mod support;

use std::io::Write;
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

use rustix::process::{Pid, Signal, kill_process};
use support::bench::*;
use support::terminal::Terminal;
use support::*;

fn start(url: &str, args: &[&str]) -> Child {
    let long = ["bench", url, "--json", "--duration", "1h", "--warm-up", "0", "-c", "1"];
    trunkline(&[&long[..], args].concat())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// A server that tells when the first message has come, and echoes if `echoes`.
fn telling(echoes: bool) -> (String, mpsc::Receiver<()>) {
    let (seen, messages) = mpsc::channel();
    let url = answering(move |number, payload| {
        if number == 1 || !echoes {
            seen.send(()).unwrap();
        }
        if echoes { echoed(payload) } else { Vec::new() }
    });
    (url, messages)
}

#[test]
fn exit_130_on_a_signal_with_all_that_was_measured() {
    for signal in [Signal::INT, Signal::TERM] {
        let (url, messages) = telling(true);
        let child = start(&url, &[]);
        messages.recv().unwrap();
        kill_process(Pid::from_child(&child), signal).unwrap();
        let output = child.wait_with_output().unwrap();
        assert_exit(&output, 130);
        let report = report(&output);
        assert_eq!(report["ended"], "interrupted");
        let sent = count(&report, "/messages/sent");
        assert!(sent >= 2 && sent == count(&report, "/messages/answered"), "{report:#}");
        assert!(report["measured_seconds"].as_f64().unwrap() < 60.0);
    }
}

/// The second Ctrl-C does not wait for answers, however patient it was told to be.
#[test]
fn a_second_signal_does_not_wait() {
    let (url, messages) = telling(false);
    let mut child = start(&url, &["--patience", "1h"]);
    messages.recv().unwrap();
    // Two that are sent at once may arrive as one.
    while child.try_wait().unwrap().is_none() {
        kill_process(Pid::from_child(&child), Signal::INT).unwrap();
        thread::yield_now();
    }
    let output = child.wait_with_output().unwrap();
    assert_exit(&output, 130);
    let report = report(&output);
    assert_eq!(count(&report, "/messages/sent"), 1);
    assert_eq!(mistakes(&report), [0; 5], "it was not lost, nobody waited for it");
}

#[test]
fn a_signal_while_connections_open_ends_it_too() {
    let (seen, requests) = mpsc::channel();
    let number = AtomicUsize::new(0);
    let url = server(move |mut tcp| {
        let request = read_head(&mut tcp);
        if number.fetch_add(1, Ordering::Relaxed) == 0 {
            tcp.write_all(&response_to(&request)).unwrap();
            echo_frames(tcp);
        } else {
            seen.send(()).unwrap();
            drain(&mut tcp);
        }
    });
    let child = start(&url, &["-c", "2", "--timeout", "1h"]);
    requests.recv().unwrap();
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_exit(&output, 130);
    let report = report(&output);
    assert_eq!(count(&report, "/connections/opened"), 1);
    assert_eq!(report["measured_seconds"], 0.0);
}

/// A bar for whoever watches, of which nothing stays.
#[test]
fn a_terminal_shows_how_far_it_is() {
    let echo = Echo::start(&[]);
    let args = ["bench", &echo.url, "-d", "1h", "--warm-up", "0"];
    let mut terminal = Terminal::run(&args, &[]);
    terminal.expect("measuring");
    terminal.expect("50 open");
    terminal.terminate();
    let (code, shown) = terminal.end();
    assert_eq!(code, 130);
    // Each is written over the one before, and nothing is left where the table begins.
    let lines: Vec<_> = shown.split("\r\x1b[2K").collect();
    let (table, bars) = lines.split_last().unwrap();
    assert!(table.starts_with(&echo.url), "{shown:?}");
    assert!(table.contains("connections  50 opened"), "{shown:?}");
    for bar in bars {
        // What Ctrl-C shows has room behind it.
        assert!(bar.chars().count() <= 97, "{bar:?}");
    }
}
