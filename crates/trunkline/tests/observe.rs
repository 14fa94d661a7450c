//! What is told of connections, to a subscriber of tracing and a recorder of metrics.

#![cfg(all(feature = "tracing", feature = "metrics"))]

#[path = "support/http.rs"]
mod http_support;
mod support;
#[path = "support/told.rs"]
mod told;

use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use trunkline::handshake::Refusal;
use trunkline::reconnect::Backoff;
use trunkline::tls::ServerTls;
use trunkline::{
    Acceptor, Broadcast, CloseCode, Connector, Drain, DrainHandle, Limit, MessageKind,
    Reconnecting, Role, SlowReceiver, Upgrade, WebSocket,
};

use support::certificates::Authority;
use support::server::{assert_echo, bind, closed_with, connect, serve, serve_echo, until_counted};
use support::*;
use told::{Told, told};

/// All names that are recorded stand in the documentation.
#[track_caller]
fn assert_documented(told: &Told) {
    let documented = include_str!("../src/observe/mod.rs");
    for key in told.keys() {
        let name = key.split('{').next().unwrap();
        assert!(documented.contains(&format!("`{name}`")), "{name} is not in the table");
    }
}

#[test]
fn a_connection_tells_how_it_was_closed_and_what_it_carried() {
    let told = told(false, async |told: Told| {
        let (mut client, mut server) = pair(1 << 16).await;
        assert_eq!(told.number("trunkline_connections_open{role=server}"), 1.0);
        let serving = tokio::spawn(async move {
            while let Some(message) = server.recv().await.unwrap() {
                server.send(message).await.unwrap();
            }
        });
        for message in ["one", "three"] {
            client.send(message).await.unwrap();
            client.recv().await.unwrap().unwrap();
        }
        client.send(&[7; 1000][..]).await.unwrap();
        client.recv().await.unwrap().unwrap();
        client.close(CloseCode::NORMAL, "").await.unwrap();
        serving.await.unwrap();
    });
    for (role, by) in [("client", "local"), ("server", "peer")] {
        let opened = told.line(&["connection opened", &format!("role=\"{role}\"")]);
        assert!(opened.contains("DEBUG") && opened.contains("compressed=false"), "{opened}");
        let ended = told.line(&["connection ended", &format!("role=\"{role}\"")]);
        let numbers = "messages_in=3 messages_out=3 bytes_in=1008 bytes_out=1008";
        assert!(ended.contains(&format!(r#"outcome="closed" code=1000 by="{by}" duration_ms="#)));
        assert!(ended.trim_start().starts_with("INFO") && ended.contains(numbers), "{ended}");
        for direction in ["in", "out"] {
            let of = |kind| format!("{{role={role},direction={direction},kind={kind}}}");
            let messages = |kind| told.number(&format!("trunkline_messages_total{}", of(kind)));
            let bytes = |kind| told.number(&format!("trunkline_message_bytes_total{}", of(kind)));
            assert_eq!((messages("text"), bytes("text")), (2.0, 8.0));
            assert_eq!((messages("binary"), bytes("binary")), (1.0, 1000.0));
        }
        let number = |name: &str| told.number(&format!("trunkline_{name}{{role={role}}}"));
        assert_eq!(number("connections_open"), 0.0);
        assert_eq!(number("connections_opened_total"), 1.0);
        assert_eq!(number("connection_duration_seconds"), 1.0);
        let closed = format!("{{role={role},outcome=closed,code=1000}}");
        assert_eq!(told.number(&format!("trunkline_connections_closed_total{closed}")), 1.0);
    }
    assert_eq!(told.number("trunkline_handshake_duration_seconds"), 1.0);
    assert_eq!(told.number("trunkline_connect_step_seconds{step=handshake}"), 1.0);
    assert_documented(&told);
}

/// Runs a server until it has told its end, with a peer that says `bytes` first, and then hangs up if it
/// `leaves`.
fn ended_after(bytes: &'static [u8], leaves: bool) -> Told {
    told(true, async |_| {
        let (mut ws, mut raw) = raw_pair(Role::Server, 1 << 16, |settings| {
            settings.unfinished_message_timeout = Some(secs(5));
        })
        .await;
        raw.write_all(bytes).await.unwrap();
        let mut raw = Some(raw);
        if leaves {
            raw.take();
        }
        while let Ok(Some(_)) = ws.recv().await {}
    })
}

/// Each way to end is told apart, with what it was.
#[test]
fn each_outcome_is_told() {
    let table: [(&'static [u8], bool, &str, &str, &str); 7] = [
        (b"\x81\x01x", false, "protocol", "1002", "unmasked frame from a client"),
        (b"\x81\x81\0\0\0\0\xff", false, "protocol", "1007", "text is not UTF-8"),
        (b"", true, "disconnected", "none", "without a closing handshake"),
        (b"", false, "timeout_keepalive", "none", "keepalive_timeout"),
        (
            b"\x01\x81\0\0\0\0x",
            false,
            "timeout_unfinished_message",
            "none",
            "unfinished_message_timeout",
        ),
        (b"\x88\x82\0\0\0\0\x0b\xb8", false, "closed", "3xxx", ""),
        (b"\x88\x80\0\0\0\0", false, "closed", "none", ""),
    ];
    for (bytes, leaves, outcome, code, error) in table {
        let told = ended_after(bytes, leaves);
        let ended = told.line(&["connection ended", &format!("outcome=\"{outcome}\"")]);
        assert!(ended.contains(error) && ended.contains("INFO"), "{ended}");
        assert_eq!(ended.contains(" by="), outcome == "closed", "{ended}");
        let key = format!("{{role=server,outcome={outcome},code={code}}}");
        let key = format!("trunkline_connections_closed_total{key}");
        assert_eq!(told.number(&key), 1.0, "{:?}", told.keys());
    }
}

/// Who drops a connection has ended it; after a write that failed, that had been the end before.
#[test]
fn dropping_is_an_end_that_is_told_once() {
    let told = told(false, async |_| {
        let (client, mut server) = pair(1 << 16).await;
        drop(client);
        assert!(server.recv().await.is_err());
        let (client, mut server) = pair(1 << 16).await;
        drop(client);
        assert!(server.send("hello").await.is_err());
    });
    assert_eq!(
        told.lines(&["connection ended", "role=\"client\"", "outcome=\"dropped\""]).len(),
        2
    );
    assert_eq!(told.lines(&["ended", "role=\"server\"", "outcome=\"disconnected\""]).len(), 2);
    for role in ["client", "server"] {
        assert_eq!(told.number(&format!("trunkline_connections_open{{role={role}}}")), 0.0);
    }
}

/// What an open connection has carried is told while it is open, with the first read after five seconds.
#[test]
fn numbers_come_while_a_connection_is_open() {
    told(true, async |told: Told| {
        let (mut client, mut server) = pair(1 << 16).await;
        let received = "trunkline_messages_total{role=server,direction=in,kind=text}";
        for seconds in [0, 4] {
            tokio::time::advance(secs(seconds)).await;
            client.send("hello").await.unwrap();
            server.recv().await.unwrap();
            assert_eq!(told.number(received), 0.0);
        }
        tokio::time::advance(secs(1)).await;
        client.send("hello").await.unwrap();
        server.recv().await.unwrap();
        // What the read brought is counted next time.
        assert_eq!(told.number(received), 2.0);
        drop(server);
        assert_eq!(told.number(received), 3.0);
    });
}

#[test]
fn round_trips_waits_and_streamed_messages_are_counted() {
    let told = told(true, async |_| {
        let (mut client, mut server) = pair(1000).await;
        client.ping().await.unwrap();
        let receiving = tokio::spawn(async move {
            let mut bytes = 0;
            while let Some(mut message) = server.recv_streamed().await.unwrap() {
                while let Some(chunk) = message.chunk().await.unwrap() {
                    bytes += chunk.len();
                }
            }
            bytes
        });
        let high_water = vec![7; 64 << 10];
        client.feed(&*high_water).await.unwrap();
        client.feed("waits for room").await.unwrap();
        let mut message = client.send_streamed(MessageKind::Text).unwrap();
        message.write(b"in two ").await.unwrap();
        message.write(b"parts").await.unwrap();
        message.finish().await.unwrap();
        client.close(CloseCode::NORMAL, "").await.unwrap();
        assert_eq!(receiving.await.unwrap(), (64 << 10) + 14 + 12);
    });
    assert_eq!(told.number("trunkline_round_trip_seconds{role=client}"), 1.0);
    assert_eq!(told.number("trunkline_send_waits_total{role=client}"), 1.0);
    for of in ["role=client,direction=out", "role=server,direction=in"] {
        assert_eq!(told.number(&format!("trunkline_messages_total{{{of},kind=text}}")), 2.0);
        assert_eq!(told.number(&format!("trunkline_message_bytes_total{{{of},kind=text}}")), 26.0);
    }
    assert_documented(&told);
}

async fn refuse(upgrade: Upgrade) {
    let refusal = Refusal::new(404, "no such room").unwrap();
    upgrade.refuse(refusal).await;
}

#[test]
fn refusals_are_told_with_status_and_reason_by_both_ends() {
    let told = told(false, async |told: Told| {
        let (server, address) = bind().await;
        tokio::spawn(server.serve_upgrades(refuse));
        trunkline::connect(&format!("ws://{address}/attic?room=1")).await.unwrap_err();
        let bad = http_support::upgrade_with(&[("Sec-WebSocket-Version", "8")]);
        http_support::ask(address, &bad).await;
        // The server waits until the client has taken note.
        while told.lines(&["handshake refused", "status=426"]).is_empty() {
            tokio::task::yield_now().await;
        }
        let (stream, mut gone) = tokio::io::duplex(1000);
        gone.write_all(b"GET / HT").await.unwrap();
        drop(gone);
        trunkline::accept(stream).await.unwrap_err();
    });
    let refused = told.line(&["handshake refused", "status=404"]);
    assert!(refused.contains(r#"reason="no such room""#) && refused.contains("path=\"/attic\""));
    let peer = "connection{role=\"server\" peer=127.0.0.1:";
    assert!(refused.contains(peer) && refused.trim_start().starts_with("INFO"), "{refused}");
    assert!(told.line(&["handshake refused", "status=426"]).contains("the only version spoken"));
    let failed = told.line(&["connecting failed", "stage=\"handshake\"", "status=404"]);
    assert!(failed.contains("connect{host=\"127.0.0.1\" port="), "{failed}");
    let failed = told.line(&["handshake failed", "peer hung up"]);
    assert!(failed.trim_start().starts_with("DEBUG"), "{failed}");
    let refused = "trunkline_handshakes_refused_total";
    for of in ["role=server,status=404", "role=server,status=426", "role=client,status=404"] {
        assert_eq!(told.number(&format!("{refused}{{{of}}}")), 1.0, "{of}");
    }
    let failed = "trunkline_handshakes_failed_total{role=server,reason=disconnected}";
    assert_eq!(told.number(failed), 1.0);
    assert_documented(&told);
}

/// Too slow, left alone, and cut short by a program that lost interest.
#[test]
fn handshakes_that_come_to_nothing_are_told() {
    let told = told(true, async |_| {
        let (slow, mut peer) = tokio::io::duplex(1000);
        tokio::spawn(async move { read_head(&mut peer).await });
        trunkline::accept(slow).await.unwrap_err();
        let (stream, _peer) = tokio::io::duplex(1000);
        assert!(poll_up_to(1, trunkline::accept(stream)).is_none());
    });
    told.line(&["handshake failed", "handshake_timeout"]);
    told.line(&["handshake failed", "abandoned"]);
    for reason in ["timeout", "abandoned"] {
        let failed = format!("trunkline_handshakes_failed_total{{role=server,reason={reason}}}");
        assert_eq!(told.number(&failed), 1.0, "{reason}");
    }
}

/// A port on which nobody listens.
async fn nobody() -> std::net::SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

#[test]
fn steps_of_connecting_are_spans_and_times() {
    let told = told(false, async |_| {
        let authority = Authority::new();
        let address = tls_echo(authority.server("localhost")).await;
        let tls = trunkline::tls::ClientTls::new().without_platform_roots();
        let connector = Connector::new().with_tls(tls.with_root_pem(authority.pem()).unwrap());
        let url = format!("wss://localhost:{}/", address.port());
        connector.connect(&url).await.unwrap().close(CloseCode::NORMAL, "").await.unwrap();
        trunkline::connect(&format!("ws://{}/", nobody().await)).await.unwrap_err();
    });
    for step in ["resolve", "tcp", "tls", "handshake"] {
        let connect = r#"connect{host="localhost" port="#;
        assert_eq!(told.lines(&["DEBUG", connect, &format!("}}:{step}: trunkline: new")]).len(), 1);
        assert!(told.number(&format!("trunkline_connect_step_seconds{{step={step}}}")) >= 1.0);
    }
    told.line(&["connecting failed", "stage=\"tcp\"", "connection refused"]);
    let failed = "trunkline_handshakes_failed_total{role=client,reason=tcp}";
    assert_eq!(told.number(failed), 1.0);
    assert_documented(&told);
}

/// A server that is full, and one that stops.
#[test]
fn servers_tell_whom_they_turn_away_and_how_they_drain() {
    let told = told(false, async |_| {
        let (server, address) = bind().await;
        let (handle, serving) = serve_echo(server.with_connections(Limit::at_most(1)));
        let mut client = connect(address).await;
        assert_echo(&mut client, "hello").await;
        trunkline::connect(&format!("ws://{address}/")).await.unwrap_err();
        let closing = tokio::spawn(async move { closed_with(&mut client).await.unwrap() });
        handle.drain(Drain::new()).await;
        closing.await.unwrap();
        serving.await.unwrap();
    });
    told.line(&["turned away", "status=503", "peer=127.0.0.1:", "DEBUG"]);
    told.line(&["drain begun", "connections=1 code=1001 deadline_ms=8000 spread_ms=0", "INFO"]);
    told.line(&["drain ended", "closed=1 broken=0 not_accepted=0 dropped=0", "INFO"]);
    let turned_away = "trunkline_handshakes_refused_total{role=server,status=503}";
    assert_eq!(told.number(turned_away), 1.0);
    assert_eq!(told.number("trunkline_drains_total"), 1.0);
    assert_eq!(told.number("trunkline_drained_total{how=closed}"), 1.0);
    assert_documented(&told);
}

#[test]
fn drain_handles_tell_whom_they_have_dropped() {
    let told = told(true, async |_| {
        let connections = DrainHandle::new();
        let acceptor = Acceptor::new().with_drain_handle(connections.clone());
        let (client, server) = tokio::io::duplex(1000);
        let _both = support::connect(&Connector::new(), &acceptor, client, server).await;
        connections.drain(Drain::new()).await;
    });
    told.line(&["drain begun", "connections=1"]);
    told.line(&["drain ended", "dropped=1", "WARN"]);
    assert_eq!(told.number("trunkline_drained_total{how=dropped}"), 1.0);
}

#[test]
fn panics_are_told_in_the_span_of_their_connection() {
    let told = told(false, async |_| {
        let (handle, address) = serve(async |mut ws: WebSocket, _| {
            let message = ws.recv().await.unwrap();
            tracing::info!("about to panic");
            assert!(message.is_none(), "on purpose");
        })
        .await;
        let mut client = connect(address).await;
        client.send("panic").await.unwrap();
        assert_eq!(closed_with(&mut client).await.unwrap().0, 1011);
        until_counted(&handle, |counts| counts.panics == 1).await;
    });
    let span = "connection{role=\"server\" peer=127.0.0.1:";
    told.line(&["about to panic", span, "path=\"/\""]);
    told.line(&["handler panicked", "ERROR", span]);
    assert_eq!(told.number("trunkline_handler_panics_total"), 1.0);
    assert_documented(&told);
}

#[test]
fn slow_receivers_of_a_broadcast_are_told() {
    let told = told(false, async |_| {
        let (_client, mut server) = pair(1000).await;
        let news = Broadcast::new();
        let limits = |slow| trunkline::ReceiverLimits::new(slow).with_messages(Limit::at_most(1));
        let mut subscription =
            news.subscribe(limits(SlowReceiver::Close(CloseCode::TRY_AGAIN_LATER)));
        let _other = news.subscribe(limits(SlowReceiver::DropNewest));
        news.publish("one");
        news.publish("two");
        assert!(poll_up_to(2, subscription.relay(&mut server)).is_none());
        assert!(poll_up_to(2, subscription.relay(&mut server)).is_none());
    });
    told.line(&["receiver too slow", "connection{role=\"server\"", "code=1013", "INFO"]);
    assert_eq!(told.number("trunkline_broadcast_cut_off_total"), 1.0);
    assert_eq!(told.number("trunkline_broadcast_dropped_total"), 3.0);
    assert_documented(&told);
}

#[test]
fn reconnecting_tells_attempts_and_pauses() {
    let told = told(false, async |_| {
        let (listener, address) = http_support::listen().await;
        let backoff = Backoff::new().with_initial(Duration::from_millis(2));
        let mut ws = Reconnecting::new(Connector::new(), format!("ws://{address}/"))
            .with_backoff(backoff)
            .with_jitter(|bound| bound)
            .with_max_attempts(2);
        let serving = tokio::spawn(async move {
            // The first is lost, the second taken; then nobody is there.
            for _ in 0..2 {
                let (tcp, _) = listener.accept().await.unwrap();
                drop(trunkline::accept(tcp).await.unwrap());
            }
        });
        ws.recv().await.unwrap_err();
        serving.await.unwrap();
    });
    assert!(told.lines(&["reconnecting: attempt begins", "attempt=1", "DEBUG"]).len() == 1);
    assert!(!told.lines(&["reconnecting: connected connections=2"]).is_empty());
    let lost = ["reconnecting: no connection", "attempt=1", "backoff_ms=2", "INFO"];
    assert!(told.line(&lost).contains("failure=connection broke"));
    let ended = told.line(&["reconnecting: given up", "WARN"]);
    assert!(ended.contains("attempts=2 why=Attempts"), "{ended}");
    assert_eq!(told.number("trunkline_reconnects_total"), 1.0);
    assert!(told.number("trunkline_reconnect_attempts_total") >= 2.0);
    assert_documented(&told);
}

#[test]
fn certificates_that_change_are_told_and_those_that_do_not() {
    let told = told(false, async |_| {
        let identity = Authority::new().sign("localhost", |_| ());
        let tls = ServerTls::from_pem(identity.pem(), identity.key_pem()).unwrap();
        tls.replace_pem(identity.pem(), identity.key_pem()).unwrap();
        tls.replace_pem(identity.pem(), "no key").unwrap_err();
    });
    told.line(&["certificate replaced", "INFO"]);
    told.line(&["certificate not replaced", "WARN", "no private key could be read"]);
    assert_eq!(told.number("trunkline_tls_reloads_total{outcome=replaced}"), 1.0);
    assert_eq!(told.number("trunkline_tls_reloads_total{outcome=failed}"), 1.0);
    assert_documented(&told);
}

/// What the program says while it connects and serves stands where it belongs.
#[test]
fn spans_are_children_of_those_they_are_made_in() {
    use tracing::Instrument;
    let told = told(false, async |_| {
        let (client, server) = tokio::io::duplex(1 << 16);
        let request = tracing::info_span!("request", id = 7);
        let accepting = trunkline::accept(server).instrument(request);
        let job = tracing::info_span!("job", id = 9);
        let connecting = trunkline::connect_over("ws://localhost/", client).instrument(job);
        let (server, client) = tokio::join!(accepting, connecting);
        let (mut server, mut client) = (server.unwrap(), client.unwrap());
        let closing = tokio::spawn(async move { client.close(CloseCode::NORMAL, "").await });
        assert_eq!(server.recv().await.unwrap(), None);
        closing.await.unwrap().unwrap();
    });
    told.line(&["connection ended", "request{id=7}:connection{role=\"server\""]);
    // Not of `connect`, which is over once it has led to a connection.
    told.line(&["connection ended", "job{id=9}:connection{role=\"client\""]);
    told.line(&["job{id=9}:connect{", "}:handshake: trunkline: new"]);
}

/// The handlers of axum run in the span of their connection, and refusals are told there too.
#[cfg(feature = "axum")]
#[test]
fn upgraded_connections_are_told_like_others() {
    use axum::{Extension, Router, routing::any};
    use trunkline::axum::WebSocketUpgrade;
    let told = told(false, async |_| {
        let greet = async |upgrade: WebSocketUpgrade| {
            upgrade.on_upgrade(async |mut ws| {
                tracing::info!("hello");
                while let Ok(Some(_)) = ws.recv().await {}
            })
        };
        let app = Router::new().route("/chat", any(greet)).layer(Extension(Acceptor::new()));
        let (listener, address) = http_support::listen().await;
        tokio::spawn(async { axum::serve(listener, app).await });
        let mut ws = trunkline::connect(&format!("ws://{address}/chat?a=b")).await.unwrap();
        ws.close(CloseCode::NORMAL, "").await.unwrap();
        let foreign = http_support::upgrade_with(&[("Origin", "https://evil.example")]);
        http_support::ask(address, &foreign).await;
        let bad = http_support::upgrade_with(&[("Sec-WebSocket-Key", "x")]);
        http_support::ask(address, &bad).await;
    });
    let span = r#"connection{role="server" path="/chat"}"#;
    told.line(&["hello", span]);
    told.line(&["connection ended", span, "outcome=\"closed\""]);
    for status in [400, 403] {
        told.line(&["handshake refused", &format!("status={status}")]);
        let refused = format!("trunkline_handshakes_refused_total{{role=server,status={status}}}");
        assert_eq!(told.number(&refused), 1.0);
    }
    assert_eq!(told.number("trunkline_handshake_duration_seconds"), 1.0);
}

/// Everything that must not be told, and all that happens with it in hand.
#[test]
fn no_secret_is_told() {
    const SECRETS: [&str; 9] = [
        "sesam-query",
        "sesam-password",
        "sesam-user",
        "sesam-bearer",
        "sesam-cookie",
        "sesam-protocol",
        "sesam-payload",
        "sesam-reason",
        "sesam-proxy",
    ];
    let basic = "c2VzYW0tdXNlcjpzZXNhbS1wYXNzd29yZA";
    let told = told(false, async |_| {
        let connector = Connector::new()
            .with_header("Authorization", "Bearer sesam-bearer")
            .unwrap()
            .with_header("Cookie", "session=sesam-cookie")
            .unwrap()
            .with_subprotocols(
                trunkline::handshake::Subprotocols::new(["sesam-protocol", "chat"]).unwrap(),
            )
            .with_redirects(1);
        let of = |address: std::net::SocketAddr, path: &str| {
            format!("ws://sesam-user:sesam-password@{address}{path}?token=sesam-query")
        };
        let (server, address) = bind().await;
        let acceptor = Acceptor::new().with_subprotocols(
            trunkline::handshake::Subprotocols::new(["sesam-protocol"]).unwrap(),
        );
        tokio::spawn(server.with_acceptor(acceptor).serve_upgrades(async |upgrade: Upgrade| {
            match upgrade.request().path() {
                "/echo" => {
                    let _ = server::echo(upgrade.accept().await.unwrap(), ()).await;
                }
                "/moved" => {
                    let moved = Refusal::new(302, "").unwrap();
                    let moved = moved.with_header("Location", "/echo?token=sesam-query").unwrap();
                    upgrade.refuse(moved).await;
                }
                "/away" => {
                    let away = "ws://sesam-user:sesam-password@127.0.0.1:1/?token=sesam-query";
                    let moved = Refusal::new(302, "").unwrap();
                    upgrade.refuse(moved.with_header("Location", away).unwrap()).await;
                }
                _ => drop(upgrade.refuse(Refusal::new(403, "no").unwrap()).await),
            }
        }));
        for path in ["/echo", "/moved"] {
            let bare = Connector::new().with_redirects(1);
            for connector in [&connector, &bare] {
                let mut ws = connector.connect(&of(address, path)).await.unwrap();
                ws.send("sesam-payload").await.unwrap();
                ws.recv().await.unwrap();
                ws.close(CloseCode::NORMAL, "sesam-reason").await.unwrap();
            }
        }
        for path in ["/away", "/denied"] {
            connector.connect(&of(address, path)).await.unwrap_err();
        }
        connector.connect(&of(nobody().await, "/")).await.unwrap_err();
        let proxy = format!("http://sesam-proxy:sesam-password@{}", nobody().await);
        let proxied = connector.clone().with_proxy(trunkline::Proxy::parse(&proxy).unwrap());
        proxied.connect(&of(address, "/echo")).await.unwrap_err();
        let mut again = Reconnecting::new(connector, of(address, "/denied"));
        again.recv().await.unwrap_err();
        // A request with its credentials in the target, as to a proxy.
        let absolute = http_support::upgrade_with(&[("Authorization", &format!("Basic {basic}"))])
            .replace("/chat", "http://sesam-user:sesam-password@localhost/sesam?token=sesam-query");
        http_support::ask(address, &absolute).await;
        let broken = http_support::upgrade_with(&[("Cookie", "sesam-cookie\u{1}")]);
        http_support::ask(address, &broken).await;
    });
    let all = format!("{}{:?}", told.text(), told.keys());
    assert!(all.contains("connection ended") && all.contains("redirected"), "{all}");
    for secret in SECRETS.into_iter().chain([basic]) {
        assert!(!all.contains(secret), "{secret} in:\n{}", told.lines(&[secret]).join("\n"));
    }
    assert_documented(&told);
}

/// The table of metrics has nothing in it that nobody records.
#[test]
fn all_metrics_that_are_documented_are_recorded_somewhere() {
    let documented = include_str!("../src/observe/mod.rs");
    let sources = [
        include_str!("../src/observe/client.rs"),
        include_str!("../src/observe/events.rs"),
        include_str!("../src/observe/handshake.rs"),
        include_str!("../src/observe/record.rs"),
    ];
    let rows = documented.lines().filter_map(|line| line.strip_prefix("//! | `trunkline_"));
    let names: Vec<_> = rows.map(|row| row.split('`').next().unwrap()).collect();
    assert!(names.len() > 15);
    for name in names {
        let literal = format!("\"trunkline_{name}\"");
        assert!(sources.iter().any(|source| source.contains(&literal)), "{name}");
    }
}
