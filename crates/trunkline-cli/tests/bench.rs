//! `trunkline bench`: what it counts, and how it tells.

mod support;

use std::io::Write;
use std::process::Command;
use std::sync::mpsc;
use std::time::Instant;

use serde_json::Value;
use support::bench::*;
use support::certificates::Authority;
use support::*;

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
