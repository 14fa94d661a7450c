//! Deadlines, with the clock stopped: an hour costs nothing.

mod support;

use tokio::io::{AsyncReadExt, AsyncWriteExt, BufWriter, duplex};
use tokio::time::{Instant, sleep, timeout};
use trunkline::limits::Settings;
use trunkline::testing::pipe;
use trunkline::{AcceptError, Acceptor, Connector, Error, Message, SendErrorKind, Timeout};

use support::*;

/// SEC-RL-01: nothing at all comes.
#[tokio::test(start_paused = true)]
async fn sec_rl_01_silent_client_is_told_408_after_ten_seconds() {
    let (server, mut raw) = duplex(1000);
    let start = Instant::now();
    let client = async {
        let mut answer = Vec::new();
        raw.read_to_end(&mut answer).await.unwrap();
        assert_elapsed(start, 10);
        assert!(answer.starts_with(b"HTTP/1.1 408 "));
        drop(raw);
    };
    let (accepted, ()) = tokio::join!(trunkline::accept(server), client);
    assert!(matches!(accepted, Err(AcceptError::Timeout)));
}

/// SEC-RL-02: a byte per second moves nothing.
#[tokio::test(start_paused = true)]
async fn sec_rl_02_slow_client_is_told_408_after_ten_seconds() {
    let (server, raw) = duplex(1000);
    let (mut from_server, mut to_server) = tokio::io::split(raw);
    let start = Instant::now();
    let slow = async {
        for byte in REQUEST {
            if to_server.write_all(&[*byte]).await.is_err() {
                break;
            }
            sleep(secs(1)).await;
        }
    };
    let client = async {
        let mut answer = Vec::new();
        from_server.read_to_end(&mut answer).await.unwrap();
        assert_elapsed(start, 10);
        assert!(answer.starts_with(b"HTTP/1.1 408 "));
    };
    let accepting = async {
        assert!(matches!(trunkline::accept(server).await, Err(AcceptError::Timeout)));
        assert!(start.elapsed() <= secs(12), "it does not linger for long");
    };
    tokio::select! {
        _ = async { tokio::join!(client, accepting) } => {}
        () = async { slow.await; std::future::pending().await } => {}
    }
}

/// The deadline is for the peer, not for the application: it may think for an hour, and the peer then
/// has ten seconds of its own to take the answer.
#[tokio::test(start_paused = true)]
async fn answer_has_ten_seconds_after_the_decision() {
    for (reads_after, expect) in [(9, true), (11, false)] {
        // The answer does not fit, so it takes a peer that reads.
        let (server, mut raw) = duplex(100);
        let serving = async {
            let upgrade = Acceptor::new().read_request(server).await.unwrap();
            sleep(secs(3600)).await;
            let decided = Instant::now();
            let accepted = upgrade.accept().await;
            assert_elapsed(decided, if expect { 9 } else { 10 });
            accepted
        };
        let client = async {
            raw.write_all(REQUEST).await.unwrap();
            sleep(secs(3600 + reads_after)).await;
            let mut answer = vec![0; 12];
            raw.read_exact(&mut answer).await.unwrap();
            assert_eq!(answer, b"HTTP/1.1 101");
            raw.read_to_end(&mut answer).await.unwrap();
        };
        let both = async { tokio::join!(async { serving.await.map(drop) }, client).0 };
        let accepted = timeout(secs(2 * 3600), both).await.expect("nobody waits for ever");
        match accepted {
            Ok(()) => assert!(expect),
            Err(error) => assert!(!expect && matches!(error, AcceptError::Timeout), "{error:?}"),
        }
    }
}

/// SEC-HC-12: a server that is silent, and one that sends a byte now and then.
#[tokio::test(start_paused = true)]
async fn sec_hc_12_slow_server_is_given_up_after_ten_seconds() {
    for interval in [1, 9, 3600] {
        let (client, mut raw) = duplex(1000);
        let start = Instant::now();
        let server = async {
            let response = response_to(&read_head(&mut raw).await);
            for byte in response {
                sleep(secs(interval)).await;
                let _ = raw.write_all(&[byte]).await;
            }
        };
        tokio::select! {
            connected = trunkline::connect_over("ws://localhost/", client) => {
                let error = connected.unwrap_err();
                assert!(error.is_timeout() && error.is_retryable(), "{error:?}");
                assert_eq!(
                    error.to_string(),
                    "the handshake with localhost took longer than handshake_timeout (10s)"
                );
            }
            () = server => panic!("too slow to get there"),
        }
        assert_elapsed(start, 10);
    }
}

#[tokio::test(start_paused = true)]
async fn handshake_timeout_is_as_set() {
    let start = Instant::now();
    let (client, _raw) = duplex(1000);
    let connector = Connector::new().with_handshake_timeout(secs(3));
    assert!(connector.connect_over("ws://localhost/", client).await.is_err());
    assert_elapsed(start, 3);

    let start = Instant::now();
    let (server, raw) = duplex(1000);
    let acceptor = Acceptor::new().with_handshake_timeout(secs(4));
    let hang_up = async {
        sleep(secs(4)).await;
        drop(raw);
    };
    assert!(tokio::join!(acceptor.accept(server), hang_up).0.is_err());
    assert_elapsed(start, 4);
}

/// SEC-HC-10: a refusal whose body never ends is still a refusal, with what came of its body.
#[tokio::test(start_paused = true)]
async fn sec_hc_10_refusal_without_an_end_is_told_by_the_deadline() {
    let (client, mut raw) = duplex(1000);
    let start = Instant::now();
    let server = async {
        read_head(&mut raw).await;
        raw.write_all(b"HTTP/1.1 401 Unauthorized\r\n\r\nlog in").await.unwrap();
        std::future::pending::<()>().await;
    };
    let connected = tokio::select! {
        connected = trunkline::connect_over("ws://localhost/", client) => connected,
        () = server => unreachable!(),
    };
    assert_elapsed(start, 10);
    let error = connected.unwrap_err();
    let response = error.response().expect("it was refused");
    assert_eq!((response.status(), response.body()), (401, &b"log in"[..]));
    assert!(!error.is_timeout(), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn silent_peer_is_pinged_after_20_s_and_given_up_after_40() {
    for role in ROLES {
        for split in [false, true] {
            let (ours, mut raw) = raw_pair(role, 1000, |_| ()).await;
            let mut ours = Ours::new(ours, split);
            let start = Instant::now();
            let receiving = async {
                let ended = ours.recv().await;
                assert!(matches!(ended, Err(Error::Timeout(Timeout::Keepalive))), "{ended:?}");
                assert_elapsed(start, 40);
                assert_eq!(ours.recv().await.unwrap(), None);
                drop(ours);
            };
            let peer = async {
                assert_eq!(read_frame(role, &mut raw).await.unwrap().0, PING);
                assert_elapsed(start, 20);
                let (first, payload) = read_frame(role, &mut raw).await.unwrap();
                assert_eq!((first, &payload[..2]), (CLOSE, &1011_u16.to_be_bytes()[..]));
                assert_elapsed(start, 40);
            };
            tokio::join!(receiving, peer);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn peer_that_answers_is_kept() {
    let (mut client, mut server) = pair(1000).await;
    let hours = async {
        sleep(secs(3 * 3600)).await;
    };
    tokio::select! {
        _ = client.recv() => panic!("there is no message"),
        _ = server.recv() => panic!("there is no message"),
        () = hours => {}
    }
    assert!(client.round_trip().is_some() || server.round_trip().is_some());
}

#[tokio::test(start_paused = true)]
async fn idle_peer_is_given_up_although_it_answers() {
    for role in ROLES {
        let (ours, raw) = raw_pair(role, 1000, |it| it.idle_timeout = Some(secs(90))).await;
        let mut ours = ours;
        let (mut from_us, mut to_us) = tokio::io::split(raw);
        let start = Instant::now();
        let answering = async {
            while let Some((first, payload)) = read_frame(role, &mut from_us).await {
                if first == CLOSE {
                    return payload[..2].to_vec();
                }
                to_us.write_all(&frame(role.peer(), PONG, &payload)).await.unwrap();
            }
            panic!("no close");
        };
        let (ended, code) = tokio::join!(ours.recv(), answering);
        assert!(matches!(ended, Err(Error::Timeout(Timeout::Idle))), "{ended:?}");
        assert_eq!(code, 1001_u16.to_be_bytes());
        assert_elapsed(start, 90);
    }
}

#[tokio::test(start_paused = true)]
async fn message_may_stay_unfinished_for_60_s() {
    for role in ROLES {
        let (mut ours, mut raw) = raw_pair(role, 1000, |_| ()).await;
        let start = Instant::now();
        let slow = async {
            raw.write_all(&frame(role.peer(), 0x02, b"")).await.unwrap();
            loop {
                sleep(secs(1)).await;
                let _ = raw.write_all(&frame(role.peer(), 0x00, b"on")).await;
            }
        };
        tokio::select! {
            ended = ours.recv() => {
                let expect = matches!(ended, Err(Error::Timeout(Timeout::UnfinishedMessage)));
                assert!(expect, "{ended:?}");
            }
            () = slow => {}
        }
        assert_elapsed(start, 60);
    }
}

/// SEC-BP-03: the transport takes nothing for 30 s. Nobody waits for a close handshake then.
#[tokio::test(start_paused = true)]
async fn sec_bp_03_peer_that_takes_nothing_is_given_up_after_30_s() {
    for role in ROLES {
        for split in [false, true] {
            let (ours, mut raw) = raw_pair(role, 500, |_| ()).await;
            let mut ours = Ours::new(ours, split);
            let start = Instant::now();
            let sending = async {
                let error = ours.send(vec![0; 1000]).await.unwrap_err();
                let expect = SendErrorKind::Broken(Error::Timeout(Timeout::Write));
                assert_eq!(format!("{:?}", error.kind()), format!("{expect:?}"));
                assert_elapsed(start, 40);
                let ended = ours.recv().await;
                assert!(matches!(ended, Err(Error::Timeout(Timeout::Write))), "{ended:?}");
                assert_eq!(ours.recv().await.unwrap(), None);
                assert_elapsed(start, 40);
            };
            // It has the time until 30 s after the last byte that was taken.
            let peer = async {
                sleep(secs(10)).await;
                raw.read_exact(&mut [0; 50]).await.unwrap();
                raw.write_all(&frame(role.peer(), PONG, b"alive")).await.unwrap();
                sleep(secs(15)).await;
                raw.write_all(&frame(role.peer(), PONG, b"alive")).await.unwrap();
            };
            tokio::join!(sending, peer);
        }
    }
}

/// A reader that waits knows the deadline of a ping that the other half sends.
#[tokio::test(start_paused = true)]
async fn ping_of_the_writer_gives_the_waiting_reader_a_deadline() {
    for role in ROLES {
        let set = |settings: &mut Settings| {
            settings.keepalive_timeout = secs(2);
        };
        let (ours, _raw) = raw_pair(role, 1000, set).await;
        let (mut reader, mut writer) = ours.split();
        let start = Instant::now();
        let pinging = async {
            sleep(secs(5)).await;
            writer.ping().await.unwrap();
        };
        let (received, ()) = tokio::join!(reader.recv(), pinging);
        assert!(matches!(received, Err(Error::Timeout(Timeout::Keepalive))), "{received:?}");
        // Without the ping: 20 seconds of silence, and 2.
        assert_elapsed(start, 7);
    }
}

/// While a `send` waits, no more is read than is kept. What the peer says beyond that is not read, but
/// it is not silent.
#[tokio::test(start_paused = true)]
async fn peer_that_sends_more_than_is_taken_is_not_silent() {
    for role in ROLES {
        for split in [false, true] {
            let (ours, raw) = raw_pair(role, 10_000, |_| ()).await;
            let mut ours = Ours::new(ours, split);
            let (mut from_us, mut to_us) = tokio::io::split(raw);
            let message = frame(role.peer(), BINARY, &[7; 10_000]);
            let flooding = async { while to_us.write_all(&message).await.is_ok() {} };
            // It takes a little now and then, for ten minutes.
            let reading = async {
                for _ in 0..60 {
                    sleep(secs(10)).await;
                    from_us.read_exact(&mut [0; 10]).await.unwrap();
                }
                from_us.read_exact(&mut vec![0; 99_000]).await.unwrap();
            };
            let peer = async { tokio::join!(flooding, reading) };
            let sent = tokio::select! {
                sent = ours.send(vec![0; 100_000]) => sent,
                _ = peer => unreachable!(),
            };
            sent.unwrap();
            assert_eq!(ours.recv().await.unwrap().unwrap().len(), 10_000);
        }
    }
}

/// SEC-BP-03: the same where it is the stream's own buffer that cannot be emptied: all was taken, and
/// nothing gets through.
#[tokio::test(start_paused = true)]
async fn sec_bp_03_stream_that_cannot_flush_is_given_up_after_30_s() {
    for role in ROLES {
        for split in [false, true] {
            for receives in [false, true] {
                let (ours, mut raw) = duplex(500);
                let ours = BufWriter::with_capacity(10_000, ours);
                let ours = with_raw_peer(role, |_| (), ours, &mut raw).await;
                let mut ours = Ours::new(ours, split);
                let start = Instant::now();
                let sending = async {
                    let ended = if receives {
                        ours.feed(vec![0; 1000]).await.unwrap();
                        assert!(poll_up_to(1, ours.flush()).is_none());
                        ours.recv().await.unwrap_err()
                    } else {
                        let error = ours.send(vec![0; 1000]).await.unwrap_err();
                        let expect = SendErrorKind::Broken(Error::Timeout(Timeout::Write));
                        assert_eq!(format!("{:?}", error.kind()), format!("{expect:?}"));
                        assert_elapsed(start, 30);
                        ours.recv().await.unwrap_err()
                    };
                    assert!(matches!(ended, Error::Timeout(Timeout::Write)), "{ended:?}");
                    assert_elapsed(start, 30);
                    assert_eq!(ours.recv().await.unwrap(), None);
                };
                // It is alive, and reads nothing.
                let peer = async {
                    sleep(secs(15)).await;
                    raw.write_all(&frame(role.peer(), PONG, b"alive")).await.unwrap();
                };
                tokio::join!(sending, peer);
            }
        }
    }
}

/// A flush that takes its time is none that is stuck: the next one has 30 s of its own.
#[tokio::test(start_paused = true)]
async fn flush_that_ends_in_time_leaves_no_deadline_behind() {
    for role in ROLES {
        let (ours, mut raw) = duplex(500);
        let ours = BufWriter::with_capacity(10_000, ours);
        let set = |settings: &mut Settings| settings.keepalive_interval = None;
        let mut ours = with_raw_peer(role, set, ours, &mut raw).await;
        for _ in 0..3 {
            let reading = async {
                sleep(secs(20)).await;
                read_frame(role, &mut raw).await
            };
            let (sent, read) = tokio::join!(ours.send(vec![7; 1000]), reading);
            sent.unwrap();
            assert_eq!(read, Some((BINARY, vec![7; 1000])));
        }
        tokio::select! {
            ended = ours.recv() => panic!("{ended:?}"),
            () = sleep(secs(3600)) => {}
        }
    }
}

/// SEC-BP-08: a peer without room for ten minutes is waited for if that is what was asked for, at no
/// cost; then it gets all of it.
#[tokio::test(start_paused = true)]
async fn sec_bp_08_peer_without_room_for_ten_minutes_gets_all_in_the_end() {
    for role in ROLES {
        for split in [false, true] {
            let (end, mut raw) = pipe(1000);
            let control = end.control();
            let set = |settings: &mut Settings| settings.write_timeout = None;
            let mut ours = Ours::new(with_raw_peer(role, set, end, &mut raw).await, split);
            control.take_written();
            let message = Message::binary(vec![7; 100_000]);
            let peer = async {
                control.set_room(0);
                for _ in 0..40 {
                    control.push(&frame(role.peer(), PONG, b"alive"));
                    sleep(secs(15)).await;
                }
                let polls = control.polls();
                assert!(polls <= 40 * 20, "{polls} attempts in ten minutes");
                control.set_room(1 << 20);
            };
            let start = Instant::now();
            let (sent, ()) = tokio::join!(ours.send(&message), peer);
            sent.unwrap();
            assert_elapsed(start, 600);
            assert_eq!(replay(role, &control.take_written()), [Heard::Message(message)]);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn ping_measures_the_round_trip() {
    for role in ROLES {
        for split in [false, true] {
            let (ours, mut raw) = raw_pair(role, 1000, |_| ()).await;
            assert_eq!(ours.round_trip(), None);
            let mut ours = Ours::new(ours, split);
            ours.ping().await.unwrap();
            let (first, payload) = read_frame(role, &mut raw).await.unwrap();
            assert_eq!(first, PING);
            sleep(secs(7)).await;
            raw.write_all(&frame(role.peer(), PONG, &payload)).await.unwrap();
            raw.write_all(&frame(role.peer(), TEXT, b"!")).await.unwrap();
            ours.recv().await.unwrap();
            let round_trip = match &ours {
                Ours::Whole(ws) => ws.round_trip(),
                Ours::Halves(reader, _) => reader.round_trip(),
            };
            assert_eq!(round_trip.unwrap().as_secs(), 7);
        }
    }
}
