//! `trunkline bench` against servers that go wrong.

mod support;

use std::io::Write;
use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};

use support::bench::*;
use support::*;

#[test]
fn exit_1_messages_that_are_not_answered_are_lost() {
    let url = answering(|_, _| Vec::new());
    let report = report_of(&url, &["--patience", "50ms"], 1);
    let sent = count(&report, "/messages/sent");
    assert!(sent >= 2, "the place of one that is lost is free for the next");
    assert_eq!(mistakes(&report), [sent, 0, 0, 0, 0]);
    assert_eq!(count(&report, "/messages/answered"), 0);
    // Every second one, at a rate: the others are measured.
    let url = answering(|number, payload| match number % 2 {
        0 => echoed(payload),
        _ => Vec::new(),
    });
    let report = report_of(&url, &["--rate", "200", "--patience", "2s"], 1);
    assert_eq!(count(&report, "/messages/sent"), 60);
    assert_eq!(count(&report, "/messages/answered"), 30);
    assert_eq!(mistakes(&report), [30, 0, 0, 0, 0]);
}

#[test]
fn exit_1_a_second_answer_is_doubled() {
    let url = answering(|number, payload| match number {
        3 => [echoed(payload), echoed(payload)].concat(),
        _ => echoed(payload),
    });
    let report = report_of(&url, &["--rate", "200"], 1);
    assert_eq!(count(&report, "/messages/answered"), 60);
    assert_eq!(mistakes(&report), [0, 0, 2, 0, 0]);
}

#[test]
fn exit_1_an_answer_that_is_none_of_ours_is_wrong() {
    for wrong in [&b"\x1b[31mno"[..], b"", b"0000000000000001"] {
        let url = answering(move |number, payload| match number {
            3 => vec![frame(TEXT, wrong)],
            _ => echoed(payload),
        });
        let report = report_of(&url, &["--rate", "200"], 1);
        assert_eq!(count(&report, "/messages/answered"), 58);
        assert_eq!(mistakes(&report), [0, 0, 0, 2, 0], "{wrong:?}");
        let example = report["mistakes"]["example"].as_str().unwrap();
        assert!(example.starts_with(&format!("text, {} bytes: ", wrong.len())), "{example}");
        assert!(!example.contains('\x1b'), "{example:?}");
    }
    // The right bytes as the wrong kind of message.
    let url = answering(|_, payload| vec![frame(BINARY, payload)]);
    let report = report_of(&url, &["--rate", "100"], 1);
    assert_eq!(mistakes(&report), [0, 0, 0, 30, 0]);
}

/// An answer can come when nobody waits for it any more: then it is late, not lost.
#[test]
fn an_answer_behind_its_time_is_late() {
    let kept = Mutex::new(Vec::new());
    let url = answering(move |number, payload| match number {
        // The second one is sent only once the first is given up.
        0 => {
            kept.lock().unwrap().push(payload.to_vec());
            Vec::new()
        }
        1 => [echoed(&kept.lock().unwrap().remove(0)), echoed(payload)].concat(),
        _ => echoed(payload),
    });
    let report = report_of(&url, &["-c", "1", "--patience", "1s", "--duration", "1500ms"], 0);
    assert_eq!(mistakes(&report), [0, 1, 0, 0, 0]);
    assert_eq!(count(&report, "/messages/answered"), count(&report, "/messages/sent"));
    assert!(report["latency_seconds"]["max"].as_f64().unwrap() >= 1.0);
}

/// The answers to half a second of messages come at its end: those that were due first have waited longest.
#[test]
fn a_latency_counts_from_when_its_message_was_due() {
    let kept = Mutex::new(Vec::new());
    let url = answering(move |_, payload| {
        let mut kept = kept.lock().unwrap();
        kept.push(frame(TEXT, payload));
        if kept.len() == 50 { kept.drain(..).collect() } else { Vec::new() }
    });
    let report = report_of(&url, &["-c", "1", "--rate", "100", "--duration", "500ms"], 0);
    assert_eq!(count(&report, "/messages/answered"), 50);
    let latency = |name: &str| report["latency_seconds"][name].as_f64().unwrap();
    assert!(latency("max") >= 0.489, "{}", latency("max"));
    assert!(latency("p50") >= 0.239, "{}", latency("p50"));
}

/// A server that does not read holds the sender up. What is due in the meantime is late all the same,
/// or the worst of it would not be seen.
#[cfg(unix)]
#[test]
fn a_stalled_server_cannot_hide_behind_the_sender_it_holds_up() {
    // One connection is the clock: the other is not read before the clock has ticked 20 times, which
    // takes a second.
    let clock = Arc::new((Mutex::new(0), Condvar::new()));
    let connections = AtomicUsize::new(0);
    let url = websocket_server_on(listener_that_buffers_little(), move |mut tcp| {
        let is_clock = connections.fetch_add(1, Ordering::Relaxed) == 0;
        let (ticks, ticked) = &*clock;
        if !is_clock {
            drop(ticked.wait_while(ticks.lock().unwrap(), |ticks| *ticks < 20).unwrap());
        }
        while let Some((first, payload)) = read_frame(&mut tcp) {
            if tcp.write_all(&frame(first, &payload)).is_err() {
                return;
            }
            *ticks.lock().unwrap() += usize::from(is_clock);
            ticked.notify_all();
        }
    });
    // 20 a second on each; large enough that what lies between fills up.
    let args = ["--rate", "40", "--duration", "1200ms", "--size", "262144", "--patience", "30s"];
    let report = report_of(&url, &args, 0);
    assert_eq!(count(&report, "/messages/answered"), 48);
    let rows = report["latency_histogram"].as_array().unwrap().iter();
    let slow = rows.filter(|row| row["up_to_seconds"].as_f64().unwrap() > 0.2);
    let slow: u64 = slow.map(|row| count(row, "/count")).sum();
    let held_up = report["lateness_seconds"]["max"].as_f64().unwrap();
    assert!(held_up > 0.05, "the sender was not held up: {report:#}");
    // Those of the first 0.75 seconds.
    assert!(slow >= 15, "only {slow} were slow: {report:#}");
}

/// One that makes senders wait as soon as it does not read.
#[cfg(unix)]
fn listener_that_buffers_little() -> TcpListener {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    rustix::net::sockopt::set_socket_recv_buffer_size(&listener, 64 << 10).unwrap();
    listener
}

#[test]
fn exit_9_a_server_that_closes_early() {
    for code in [1000, 1001, 1011] {
        let url = answering(move |number, payload| match number {
            3 => vec![close_frame(code, "that will do")],
            _ => echoed(payload),
        });
        let report = report_of(&url, &[], 9);
        assert_eq!(report["ended"], "deserted", "nobody is left to measure");
        assert_eq!(count(&report, "/connections/ended_early"), 2);
        assert_eq!(count(&report, "/messages/answered"), 6);
        assert_eq!(mistakes(&report), [2, 0, 0, 0, 0]);
        let error = &report["errors"][0];
        assert_eq!((error["kind"].as_str(), count(error, "/count")), (Some("closed"), 2));
        let text = format!("closed by the peer with {code}: \"that will do\"");
        assert_eq!(error["text"], text);
    }
}

#[test]
fn exit_8_a_connection_that_is_cut() {
    let url = websocket_server(|mut tcp| drop(read_frame(&mut tcp)));
    let report = report_of(&url, &[], 8);
    assert_eq!(count(&report, "/connections/ended_early"), 2);
    assert_eq!(report["errors"][0]["kind"], "lost");
    assert_eq!(mistakes(&report), [2, 0, 0, 0, 0]);
}

#[test]
fn exit_6_a_server_that_breaks_the_protocol() {
    let url = answering(|_, _| vec![frame(TEXT, b"\xff")]);
    let report = report_of(&url, &[], 6);
    assert_eq!(report["errors"][0]["kind"], "protocol");
    let text = report["errors"][0]["text"].as_str().unwrap();
    assert!(text.contains("text is not UTF-8"), "{text}");
}

/// An error that says something else each time does not fill the memory, or the screen.
#[test]
fn kinds_of_errors_are_bounded() {
    let number = AtomicUsize::new(0);
    let url = answering(move |_, _| {
        let number = number.fetch_add(1, Ordering::Relaxed);
        vec![close_frame(4000, &format!("number {number}"))]
    });
    let report = report_of(&url, &["-c", "50"], 9);
    assert_eq!(report["errors"].as_array().unwrap().len(), 20);
    assert_eq!(count(&report, "/errors_not_told_apart"), 30);
}

/// Those that did open are measured.
#[test]
fn exit_5_if_some_connections_are_refused() {
    let connections = AtomicUsize::new(0);
    let url = server(move |mut tcp| {
        let request = read_head(&mut tcp);
        if connections.fetch_add(1, Ordering::Relaxed) >= 2 {
            let busy = b"HTTP/1.1 503 Full\r\nContent-Length: 0\r\n\r\n";
            tcp.write_all(busy).unwrap();
            return;
        }
        tcp.write_all(&response_to(&request)).unwrap();
        echo_frames(tcp);
    });
    let report = report_of(&url, &["-c", "6"], 5);
    assert_eq!(count(&report, "/connections/opened"), 2);
    assert_eq!(count(&report, "/connections/failed"), 4);
    assert_eq!(report["errors"][0]["kind"], "refused");
    assert_eq!(count(&report, "/errors/0/count"), 4);
    let sent = count(&report, "/messages/sent");
    assert!(sent > 0 && sent == count(&report, "/messages/answered"));
}

/// The first connection goes alone: if it fails, nothing else is tried, and it is told why.
#[test]
fn nothing_is_measured_if_the_first_connection_fails() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let url = server(move |mut tcp| {
        count.fetch_add(1, Ordering::Relaxed);
        read_head(&mut tcp);
        let refusal = b"HTTP/1.1 401 No\r\nContent-Length: 10\r\n\r\nlog in, do";
        tcp.write_all(refusal).unwrap();
    });
    let output = bench(&url, &["-c", "100"]);
    assert_exit(&output, 5);
    assert_eq!(stdout(&output), "");
    assert!(stderr(&output).contains("--header 'Authorization"), "{}", stderr(&output));
    assert!(stderr(&output).contains("\n  | log in, do"), "{}", stderr(&output));
    assert_eq!(asked.load(Ordering::Relaxed), 1);

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = format!("ws://{}/", listener.local_addr().unwrap());
    drop(listener);
    assert_exit(&bench(&nobody, &[]), 3);
    let silent = server(|mut tcp| drain(&mut tcp));
    assert_exit(&bench(&silent, &["--timeout", "50ms"]), 7);
}
