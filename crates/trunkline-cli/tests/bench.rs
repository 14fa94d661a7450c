//! `trunkline bench`: what it counts, against the echo and against servers that go wrong.

mod support;

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, mpsc};
use std::time::Instant;

use serde_json::Value;
use support::certificates::Authority;
use support::*;

/// A short run that is told as JSON.
fn bench(url: &str, args: &[&str]) -> Output {
    let short = ["bench", url, "--json", "--duration", "300ms", "--warm-up", "0", "-c", "2"];
    run(&[&short[..], args].concat(), b"")
}

#[track_caller]
fn report(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| {
        panic!("no JSON but {:?}, and {:?}", stdout(output), stderr(output));
    })
}

/// The report of a run that ends with `exit`.
#[track_caller]
fn report_of(url: &str, args: &[&str], exit: i32) -> Value {
    let output = bench(url, args);
    assert_exit(&output, exit);
    let report = report(&output);
    assert_eq!(report["exit"], exit);
    report
}

#[track_caller]
fn count(report: &Value, pointer: &str) -> u64 {
    let value = report.pointer(pointer).unwrap_or_else(|| panic!("no {pointer} in {report}"));
    value.as_u64().unwrap_or_else(|| panic!("{pointer} is {value}"))
}

/// What went wrong with answers: lost, late, doubled, wrong, unasked.
fn mistakes(report: &Value) -> [u64; 5] {
    ["lost", "late", "doubled", "wrong", "unasked"]
        .map(|name| count(report, &format!("/mistakes/{name}")))
}

/// A server that gives `answer` what comes in, with its number on the connection, and sends what it gives.
fn answering<F>(answer: F) -> String
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

fn echoed(payload: &[u8]) -> Vec<Vec<u8>> {
    vec![frame(TEXT, payload)]
}

#[test]
fn each_connection_keeps_its_messages_in_flight() {
    let echo = Echo::start(&[]);
    let report = report_of(&echo.url, &["-c", "5", "--in-flight", "8"], 0);
    assert_eq!(report["ended"], "completed");
    assert_eq!(count(&report, "/connections/opened"), 5);
    let sent = count(&report, "/messages/sent");
    assert!(sent >= 40, "{sent}");
    assert_eq!(count(&report, "/messages/answered"), sent);
    assert_eq!(count(&report, "/payload/sent_bytes"), sent * 64);
    assert_eq!(mistakes(&report), [0; 5]);
    assert_eq!(report["lateness_seconds"], Value::Null, "nothing is due without a rate");
    assert_eq!(count(&report, "/latency_seconds/count"), sent);
    let rows = report["latency_histogram"].as_array().unwrap().iter();
    assert_eq!(rows.map(|row| count(row, "/count")).sum::<u64>(), sent);
}

/// Every message that is due is sent, and none besides.
#[test]
fn a_rate_is_kept_to_the_message() {
    let echo = Echo::start(&[]);
    for (args, sent) in [
        (&["--rate", "1000"][..], 300),
        (&["--rate", "1000", "--warm-up", "100ms", "-c", "7", "--threads", "3"], 300),
        (&["--rate", "33.5", "--duration", "1s"], 34),
    ] {
        let report = report_of(&echo.url, args, 0);
        assert_eq!(count(&report, "/messages/sent"), sent, "{args:?}");
        assert_eq!(count(&report, "/messages/answered"), sent);
        assert_eq!(count(&report, "/messages/unsent"), 0);
        assert_eq!(count(&report, "/lateness_seconds/count"), sent);
        assert_eq!(mistakes(&report), [0; 5]);
    }
}

#[test]
fn texts_and_binary_messages_of_any_size_are_echoed_compressed_or_not() {
    let echo = Echo::start(&["--compression", "--max-message", "300000"]);
    for args in [
        &["--size", "16"][..],
        &["--size", "300000"],
        &["--binary", "--size", "70000"],
        &["--compression", "--size", "5000"],
        &["--compression", "--binary", "--size", "5000"],
    ] {
        let report = report_of(&echo.url, args, 0);
        let expected = if args.contains(&"--compression") { 2 } else { 0 };
        assert_eq!(count(&report, "/connections/compressed"), expected, "{args:?}");
        assert_eq!(mistakes(&report), [0; 5], "{args:?}");
        assert!(count(&report, "/messages/answered") > 0);
    }
}

#[test]
fn at_rate_0_connections_are_held_and_nothing_is_sent() {
    let echo = Echo::start(&[]);
    let report = report_of(&echo.url, &["--rate", "0", "-c", "30"], 0);
    assert_eq!(count(&report, "/connections/opened"), 30);
    assert_eq!(count(&report, "/messages/sent"), 0);
    assert_eq!(report["latency_seconds"], Value::Null);
    assert_eq!(count(&report, "/connect_seconds/count"), 30);
    assert_eq!(count(&report, "/connect_steps_seconds/handshake/count"), 30);
}

/// Names and kinds of everything, for whoever reads them with a program.
#[test]
fn the_object_has_all_its_names() {
    let echo = Echo::start(&[]);
    let report = report_of(&echo.url, &["--rate", "500"], 0);
    let kind = |value: &Value| match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let mut names = Vec::new();
    for (name, value) in report.as_object().unwrap() {
        names.push(format!("{name} {}", kind(value)));
        let inner = value.as_object().into_iter().flatten();
        names.extend(inner.map(|(inner, value)| format!("{name}.{inner} {}", kind(value))));
    }
    names.sort();
    let times = |of: &str| {
        ["count", "deviation", "max", "mean", "min", "p50", "p75", "p90", "p99", "p99_9", "p99_99"]
            .map(|name| format!("{of}.{name} number"))
    };
    let mut expected: Vec<String> = "\
        busy number|connect_seconds object|connect_steps_seconds object|\
        connect_steps_seconds.TCP object|connect_steps_seconds.handshake object|\
        connect_steps_seconds.name object|connections object|connections.asked number|\
        connections.compressed number|connections.ended_early number|connections.failed number|\
        connections.opened number|ended string|errors array|errors_not_told_apart number|exit number|\
        lateness_seconds object|latency_histogram array|latency_seconds object|measured_seconds number|\
        messages object|messages.answered number|messages.received number|\
        messages.received_per_second number|messages.sent number|messages.sent_per_second number|\
        messages.unsent number|mistakes object|mistakes.doubled number|mistakes.example null|\
        mistakes.late number|mistakes.lost number|mistakes.unasked number|mistakes.wrong number|\
        payload object|payload.received_bytes number|payload.received_bytes_per_second number|\
        payload.sent_bytes number|payload.sent_bytes_per_second number|settings object|\
        settings.compression bool|settings.connections number|settings.duration_seconds number|\
        settings.expects_answers bool|settings.in_flight null|settings.kind string|\
        settings.parallel number|settings.patience_seconds number|settings.ramp_per_second null|\
        settings.rate_per_second number|settings.size_bytes number|settings.threads number|\
        settings.warm_up_seconds number|url string"
        .split('|')
        .map(str::to_owned)
        .collect();
    for of in ["connect_seconds", "lateness_seconds", "latency_seconds"] {
        expected.extend(times(of));
    }
    expected.sort();
    assert_eq!(names, expected);
    let latency = |name: &str| report["latency_seconds"][name].as_f64().unwrap();
    let order = ["min", "p50", "p75", "p90", "p99", "p99_9", "p99_99", "max"].map(latency);
    assert!(order.is_sorted() && order[0] > 0.0 && order[7] < 60.0, "{order:?}");
    assert_eq!(report["measured_seconds"], 0.3);
    assert_eq!(report["url"], echo.url);
}

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

fn echo_frames(mut tcp: TcpStream) {
    while let Some((first, payload)) = read_frame(&mut tcp) {
        if tcp.write_all(&frame(first, &payload)).is_err() {
            return;
        }
    }
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

#[test]
fn messages_of_your_own_are_answered_by_anything() {
    let url = websocket_server(|mut tcp| {
        tcp.write_all(&frame(TEXT, b"welcome")).unwrap();
        while let Some((TEXT, payload)) = read_frame(&mut tcp) {
            assert_eq!(payload, b"{\"ping\":1}");
            tcp.write_all(&frame(BINARY, b"pong")).unwrap();
        }
    });
    let report = report_of(&url, &["--message", "{\"ping\":1}", "--rate", "100"], 0);
    assert_eq!(count(&report, "/messages/answered"), 30);
    assert_eq!(count(&report, "/settings/size_bytes"), 10);
    assert_eq!(mistakes(&report), [0, 0, 0, 0, 2], "a greeting is no mistake");
}

#[test]
fn without_answers_it_is_counted_what_goes_out_and_comes_in() {
    let url = answering(|number, _| match number {
        0 => vec![frame(TEXT, b"whatever")],
        _ => Vec::new(),
    });
    let report = report_of(&url, &["--no-answers"], 0);
    assert!(count(&report, "/messages/sent") > 100, "as fast as it can");
    assert_eq!(count(&report, "/messages/received"), 2);
    assert_eq!(count(&report, "/payload/received_bytes"), 16);
    assert_eq!(report["latency_seconds"], Value::Null);
    let report = report_of(&url, &["--no-answers", "--rate", "100"], 0);
    assert_eq!(count(&report, "/messages/sent"), 30);
}

#[test]
fn a_ramp_opens_connections_one_after_the_other() {
    let (seen, connections) = mpsc::channel();
    let url = server(move |mut tcp| {
        let request = read_head(&mut tcp);
        seen.send(Instant::now()).unwrap();
        tcp.write_all(&response_to(&request)).unwrap();
        echo_frames(tcp);
    });
    let report = report_of(&url, &["-c", "6", "--ramp", "20"], 0);
    assert_eq!(count(&report, "/connections/opened"), 6);
    let times: Vec<Instant> = connections.try_iter().collect();
    // From the first to the last: five times a twentieth of a second.
    let took = times.iter().max().unwrap().duration_since(*times.iter().min().unwrap());
    assert!(took.as_millis() >= 245, "{took:?}");
}

#[test]
fn flags_for_connecting_reach_the_server() {
    let (seen, requests) = mpsc::channel();
    let url = server(move |mut tcp| {
        let request = read_head(&mut tcp);
        tcp.write_all(&response_to(&request)).unwrap();
        seen.send(String::from_utf8(request).unwrap()).unwrap();
        echo_frames(tcp);
    });
    let args = ["-H", "Authorization: Bearer x", "--subprotocol", "chat", "--rate", "0"];
    report_of(&url, &args, 0);
    let request = requests.recv().unwrap();
    assert!(request.contains("\r\nAuthorization: Bearer x\r\n"), "{request}");
    assert!(request.contains("\r\nSec-WebSocket-Protocol: chat\r\n"), "{request}");
}

#[test]
fn exit_2_wrong_flags() {
    for args in [
        &["ftp://x/"][..],
        &["ws://x/", "--connections", "0"],
        &["ws://x/", "--connections", "1000001"],
        &["ws://x/", "--rate", "-1"],
        &["ws://x/", "--rate", "NaN"],
        &["ws://x/", "--rate", "5", "--in-flight", "2"],
        &["ws://x/", "--no-answers", "--in-flight", "2"],
        &["ws://x/", "--size", "15"],
        &["ws://x/", "--size", "16777217"],
        &["ws://x/", "--size", "20", "--message", "x"],
        &["ws://x/", "--in-flight", "65537"],
        &["ws://x/", "--duration", "0"],
        &["ws://x/", "--duration", "soon"],
        &["ws://x/", "--ramp", "0"],
        &["ws://x/", "--ramp", "5", "--parallel", "2"],
        &["ws://x/", "--threads", "0"],
        // Each is fine, all together could take too much memory.
        &["ws://x/", "--connections", "1000", "--in-flight", "65536"],
        &["ws://x/", "--connections", "1000", "--size", "16777216"],
    ] {
        let output = run(&[&["bench"], args].concat(), b"");
        assert_eq!(output.status.code(), Some(2), "{args:?}: {}", stderr(&output));
        assert!(!stderr(&output).is_empty());
    }
}

#[test]
fn over_tls_it_tells_what_that_takes() {
    let authority = Authority::new();
    let url = authority.websocket_server("localhost", false, |mut tls| {
        while let Some((first, payload)) = read_frame(&mut tls) {
            if tls.write_all(&frame(first, &payload)).is_err() {
                return;
            }
        }
    });
    let report = report_of(&url, &["--cacert", &authority.file("bench-root.pem")], 0);
    assert_eq!(count(&report, "/connect_steps_seconds/TLS/count"), 2);
    assert_eq!(mistakes(&report), [0; 5]);
    let unknown = bench(&url, &["--cacert", &Authority::new().file("bench-other.pem")]);
    assert_exit(&unknown, 4);
    assert!(stderr(&unknown).contains("--cacert"), "{}", stderr(&unknown));
}

/// What cannot go well is said before anything is tried.
#[cfg(unix)]
#[test]
fn exit_2_if_the_system_allows_fewer_connections() {
    let bench = format!("ulimit -n 100 && exec {} bench", env!("CARGO_BIN_EXE_trunkline"));
    let with = |connections: &str| {
        let asked = format!("{bench} ws://127.0.0.1:1/ -c {connections}");
        Command::new("sh").args(["-c", &asked]).output().unwrap()
    };
    let output = with("1000");
    assert_exit(&output, 2);
    assert!(stderr(&output).contains("100 are allowed: see `ulimit -n`"), "{}", stderr(&output));
    assert_exit(&with("30"), 3);
}

/// The table for people: nothing of a server's reaches the terminal raw, no colours in a pipe.
#[test]
fn the_table_tells_the_same() {
    let url = answering(|number, payload| match number {
        3 => vec![frame(TEXT, b"\x1b]0;x\x07")],
        5 => vec![close_frame(1011, "\x1b[2J")],
        _ => echoed(payload),
    });
    let output = run(&["bench", &url, "-d", "300ms", "--warm-up", "0", "-c", "1"], b"");
    assert_exit(&output, 9);
    assert_eq!(stderr(&output), "", "no bar in a pipe");
    let said = stdout(&output);
    for text in [
        &format!(
            "{url}\n1 connection with 1 message in flight each, texts of 64 bytes; 1 thread\n"
        ),
        "\nconnections  1 opened, 1 ended early\n",
        "\nmessages     6 sent, 4 answered\n",
        ", when no connection was left\n",
        "\nanswers      1 lost, 1 wrong\n",
        "such as text, 6 bytes: \\x1b]0;x\\x07\n",
        "\nlatency  ",
        "\n  handshake  ",
        "\nlatency up to\n",
        "closed by the peer with 1011: ",
        "\nnote: messages that were lost have no latency",
    ] {
        assert!(said.contains(text), "{text:?} is not in {said}");
    }
    assert!(!said.contains('\x1b') && !said.contains('\x07'), "{said:?}");
}

#[cfg(unix)]
mod signals {
    use std::process::{Child, Stdio};
    use std::thread;

    use rustix::process::{Pid, Signal, kill_process};

    use super::*;

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
        use support::terminal::Terminal;

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
}
