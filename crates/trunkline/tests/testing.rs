//! The kit for tests does what it says.

mod support;

use std::io::ErrorKind;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::Instant;
use trunkline::handshake::{Acceptance, Refusal};
use trunkline::testing::{Peer, Playing, Unmet, faulty, pair, pair_over, pipe, transport};
use trunkline::{
    Acceptor, CloseCode, Connector, Error, Fault, MessageKind, ProtocolError, Stage, Timeout,
    WebSocket,
};

use support::*;

async fn client_of(peer: Peer) -> (WebSocket, Playing) {
    peer.client(&Connector::new()).await.unwrap()
}

#[track_caller]
fn assert_unmet(played: Result<(), Unmet>, step: usize, told: &str) {
    let unmet = played.unwrap_err();
    assert_eq!((unmet.step(), unmet.to_string().as_str()), (step, told));
}

#[tokio::test]
async fn pair_talks_both_ways() {
    let (mut client, mut server) = pair().await;
    client.send("up").await.unwrap();
    assert_eq!(server.recv().await.unwrap().unwrap().as_text(), Some("up"));
    server.send("down").await.unwrap();
    assert_eq!(client.recv().await.unwrap().unwrap().as_text(), Some("down"));
}

#[tokio::test]
async fn pair_that_does_not_come_about_says_why() {
    let (client, server) = pipe(1000);
    drop(server);
    let (other, server) = pipe(1000);
    drop(other);
    let error = pair_over(&Connector::new(), &Acceptor::new(), client, server).await.unwrap_err();
    assert_eq!(error.to_string(), "the handshake with localhost broke off: connection closed");
}

/// Whatever the room, and however slowly the handshake moves.
#[tokio::test]
async fn pair_comes_about_over_any_stream() {
    for room in [1, 2, 100] {
        let (client, server) = pipe(room);
        let ((client, slow), (server, slower)) = (faulty(client, 1), faulty(server, 2));
        slow.one_byte_at_a_time();
        slower.one_byte_at_a_time();
        let pair = pair_over(&Connector::new(), &Acceptor::new(), client, server).await;
        let (mut client, mut server) = pair.unwrap();
        let (sent, received) = tokio::join!(client.send("hello"), server.recv());
        sent.unwrap();
        assert_eq!(received.unwrap().unwrap().as_text(), Some("hello"));
    }
}

#[tokio::test]
async fn peer_hears_and_says_what_its_script_says() {
    let peer = Peer::script()
        .expect_path("/chat?room=1")
        .expect_header("X-Token", "secret")
        .accept_with(Acceptance::new().with_header("X-Served-By", "a script").unwrap())
        .expect_text("text")
        .expect_binary([1, 2, 3])
        .send_text("answer")
        .send_binary([4; 70_000])
        .send_fragments(MessageKind::Text, ["in ", "", "three"])
        .expect_ping()
        .expect_message()
        .send_close(4000, "enough")
        .expect_close(4000);
    let (client, server) = pipe(1000);
    let connector = Connector::new().with_header("X-Token", "secret").unwrap();
    let app = async {
        let mut ws = connector.connect_over("ws://localhost/chat?room=1", client).await.unwrap();
        ws.send("text").await.unwrap();
        ws.send([1, 2, 3].to_vec()).await.unwrap();
        assert_eq!(ws.recv().await.unwrap().unwrap().as_text(), Some("answer"));
        assert_eq!(ws.recv().await.unwrap().unwrap().len(), 70_000);
        assert_eq!(ws.recv().await.unwrap().unwrap().as_text(), Some("in three"));
        ws.ping().await.unwrap();
        let mut parts = ws.send_streamed(MessageKind::Binary).unwrap();
        parts.write(b"one").await.unwrap();
        parts.write(b"two").await.unwrap();
        parts.finish().await.unwrap();
        while ws.recv().await.unwrap().is_some() {}
        assert_eq!(ws.close_info().unwrap().code, CloseCode::new(4000));
        assert!(ws.round_trip().is_some(), "its pings are answered");
    };
    let (played, ()) = tokio::join!(peer.serve(server), app);
    played.unwrap();
}

#[tokio::test]
async fn peer_is_a_client_as_well() {
    let peer = Peer::script()
        .with_url("ws://localhost/here")
        .send_text("question")
        .expect_text("question")
        .send_close(1000, "")
        .expect_close(1000);
    let (mut server, playing) = peer.server(&Acceptor::new()).await.unwrap();
    let echo = async {
        while let Some(message) = server.recv().await.unwrap() {
            server.send(message).await.unwrap();
        }
    };
    let (played, ()) = tokio::join!(playing, echo);
    played.unwrap();
}

#[tokio::test]
async fn peer_tells_which_step_was_not_met() {
    let (mut ws, playing) = client_of(Peer::script().send_text("a").expect_text("b")).await;
    ws.send("c").await.unwrap();
    assert_unmet(playing.await, 2, "step 2: expected text \"b\": got text \"c\"");
    assert_eq!(ws.recv().await.unwrap().unwrap().as_text(), Some("a"));
    assert!(matches!(ws.recv().await, Err(Error::Disconnected)), "it has hung up");

    let (ws, playing) = client_of(Peer::script().expect_message()).await;
    drop(ws);
    let told = "step 1: expected a message: got the end of the stream";
    assert_unmet(playing.await, 1, told);

    let (ws, playing) = client_of(Peer::script().expect_end()).await;
    drop(ws);
    playing.await.unwrap();

    let (mut ws, mut playing) = client_of(Peer::script().expect_close(1001)).await;
    let (_, played) = tokio::join!(ws.close(CloseCode::NORMAL, ""), &mut playing);
    let told = "step 1: expected a close with 1001: got a close with 1000";
    assert_unmet(played.clone(), 1, told);
    assert_eq!(playing.await, played, "asked again, it says the same");

    let (mut ws, playing) = client_of(Peer::script().expect_pong("x")).await;
    ws.send("y").await.unwrap();
    assert_unmet(playing.await, 1, "step 1: expected a pong with \"x\": got text \"y\"");

    let elsewhere = Peer::script().expect_path("/there");
    let (client, server) = pipe(1000);
    let (_, played) =
        tokio::join!(trunkline::connect_over("ws://localhost/", client), elsewhere.serve(server));
    let told = "handshake: opening: got a request for \"/\" instead of \"/there\"";
    assert_unmet(played, 0, told);

    let error = Peer::script().expect_header("X-Token", "?").client(&Connector::new()).await;
    let told = "handshake: opening: got a request without X-Token: ?";
    assert_eq!(error.unwrap_err().to_string(), told);
}

#[tokio::test(start_paused = true)]
async fn peer_waits_as_long_as_it_was_told() {
    for (script, seconds) in [
        (Peer::script(), 60),
        (Peer::script().within(secs(5)), 5),
        (Peer::script().wait(secs(100)), 160),
    ] {
        let (_ws, playing) = client_of(script.expect_text("never")).await;
        let start = Instant::now();
        let unmet = playing.await.unwrap_err();
        assert!(unmet.to_string().contains("got nothing for"), "{unmet}");
        assert_elapsed(start, seconds);
    }
}

#[tokio::test]
async fn peer_refuses_and_answers_anything() {
    let connect = async |peer: Peer| {
        let (client, server) = pipe(1000);
        let connecting = trunkline::connect_over("ws://localhost/", client);
        let (connected, played) = tokio::join!(connecting, peer.serve(server));
        played.unwrap();
        connected.unwrap_err()
    };
    let refusal = Refusal::unavailable().with_header("Retry-After", "7").unwrap();
    let error = connect(Peer::script().refuse(refusal)).await;
    let response = error.response().unwrap();
    assert_eq!(response.status(), 503);
    assert_eq!(response.header("Retry-After"), Some(&b"7"[..]));
    for (answer, fault) in
        [("ICY 200 OK\r\n\r\n", Fault::Peer), ("HTTP/1.1 101 Switc", Fault::Network)]
    {
        let error = connect(Peer::script().answer_with(answer)).await;
        assert_eq!((error.stage(), error.fault()), (Stage::Handshake, fault), "{error:?}");
    }
}

#[tokio::test]
async fn peer_breaks_the_rules() {
    for (peer, error) in [
        (Peer::script().send_frame(0x83, ""), ProtocolError::ReservedOpCode(3)),
        (Peer::script().send_frame(0x09, ""), ProtocolError::FragmentedControlFrame),
        (Peer::script().send_frame(0xc1, "?"), ProtocolError::ReservedBits),
        (Peer::script().send_frame(0x81, [0xff]), ProtocolError::InvalidUtf8),
        (Peer::script().send_close(1005, ""), ProtocolError::InvalidCloseCode(1005)),
        (Peer::script().send_raw([0x81, 0x81, 0, 0, 0, 0, b'!']), ProtocolError::MaskedFrame),
    ] {
        let code = error.close_code().get();
        let (mut ws, playing) = client_of(peer.expect_close(code)).await;
        let (received, played) = tokio::join!(ws.recv(), playing);
        assert!(matches!(received, Err(Error::Protocol(it)) if it == error), "{received:?}");
        played.unwrap();
    }
}

#[tokio::test]
async fn peer_closes_by_halves_and_hangs_up() {
    let peer =
        Peer::script().half_close().expect_text("still heard").hang_up().expect_text("never");
    let (mut ws, playing) = client_of(peer).await;
    let app = async {
        assert!(matches!(ws.recv().await, Err(Error::Disconnected)));
        ws.send("still heard").await.unwrap();
    };
    let (played, ()) = tokio::join!(playing, app);
    played.unwrap();
}

/// The demonstration: forty seconds that take none.
#[tokio::test(start_paused = true)]
async fn silence_of_forty_virtual_seconds_costs_no_real_time() {
    let (real, start) = (std::time::Instant::now(), Instant::now());
    let peer = Peer::script().ignore_pings().expect_ping().expect_close(1011);
    let (mut ws, playing) = client_of(peer).await;
    let (received, played) = tokio::join!(ws.recv(), playing);
    assert!(matches!(received, Err(Error::Timeout(Timeout::Keepalive))));
    played.unwrap();
    assert_elapsed(start, 40);
    assert!(real.elapsed() < secs(20), "{:?}", real.elapsed());

    let (mut ws, playing) = client_of(Peer::script().go_silent()).await;
    let start = Instant::now();
    let app = async {
        assert!(matches!(ws.recv().await, Err(Error::Timeout(Timeout::Keepalive))));
        drop(ws);
    };
    let (played, ()) = tokio::join!(playing, app);
    played.unwrap();
    assert_elapsed(start, 40);
}

#[tokio::test]
async fn cut_happens_at_its_byte_in_both_directions() {
    for at in 0..=5 {
        let (ours, mut theirs) = pipe(100);
        let (mut ours, faults) = faulty(ours, 0);
        faults.cut_after_writing(at);
        let error = ours.write_all(b"hello!").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        assert_eq!(ours.read_u8().await.unwrap_err().kind(), ErrorKind::ConnectionReset);
        let mut heard = Vec::new();
        theirs.read_to_end(&mut heard).await.unwrap();
        assert_eq!((heard.len() as u64, faults.bytes_written()), (at, at));

        let (ours, mut theirs) = pipe(100);
        let (mut ours, faults) = faulty(ours, 0);
        faults.cut_after_reading(at);
        theirs.write_all(b"hello!").await.unwrap();
        let mut heard = Vec::new();
        assert!(ours.read_to_end(&mut heard).await.is_err());
        assert_eq!((heard.len() as u64, faults.bytes_read()), (at, at));
        assert!(ours.write_all(b"?").await.is_err());
        assert!(theirs.write_all(b"?").await.is_err(), "the other end is told");
    }
}

#[tokio::test]
async fn cut_wakes_whoever_waits() {
    let (ours, mut theirs) = pipe(100);
    let (mut ours, faults) = faulty(ours, 0);
    let cut = async {
        tokio::task::yield_now().await;
        faults.cut();
    };
    let (read, ()) = tokio::join!(ours.read_u8(), cut);
    assert_eq!(read.unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert_eq!(theirs.read(&mut [0]).await.unwrap(), 0);
}

#[tokio::test]
async fn failure_of_one_direction_leaves_the_other() {
    let (ours, mut theirs) = pipe(100);
    let (mut ours, faults) = faulty(ours, 0);
    faults.fail_writes_after(2, ErrorKind::TimedOut).fail_reads_after(3, ErrorKind::BrokenPipe);
    assert_eq!(ours.write_all(b"abc").await.unwrap_err().kind(), ErrorKind::TimedOut);
    theirs.write_all(b"abcd").await.unwrap();
    ours.read_exact(&mut [0; 3]).await.unwrap();
    assert_eq!(ours.read_u8().await.unwrap_err().kind(), ErrorKind::BrokenPipe);
    faults.heal();
    assert_eq!(ours.read_u8().await.unwrap(), b'd');
    ours.write_all(b"c").await.unwrap();
    theirs.read_exact(&mut [0; 3]).await.unwrap();
}

#[tokio::test]
async fn stall_lasts_until_it_is_healed() {
    let (ours, mut theirs) = pipe(100);
    let (mut ours, faults) = faulty(ours, 0);
    faults.stall_writes_after(1).stall_reads_after(0);
    theirs.write_all(b"!").await.unwrap();
    assert!(poll_up_to(10, ours.read_u8()).is_none());
    assert!(poll_up_to(10, ours.write_all(b"ab")).is_none());
    assert_eq!(faults.bytes_written(), 1);
    let heal = async {
        tokio::task::yield_now().await;
        faults.heal();
    };
    let (read, ()) = tokio::join!(ours.read_u8(), heal);
    assert_eq!(read.unwrap(), b'!');
    ours.write_all(b"b").await.unwrap();
}

/// What is left to chance is the same for the same seed, within its bounds, and not for another.
#[tokio::test]
async fn pieces_follow_from_the_seed() {
    let pieces = |seed| async move {
        let (ours, theirs) = pipe(10_000);
        let (mut ours, faults) = faulty(ours, seed);
        faults.split_writes(2..=9);
        let mut sizes = Vec::new();
        for _ in 0..100 {
            sizes.push(ours.write(&[0; 50]).await.unwrap());
        }
        drop(theirs);
        sizes
    };
    let first = pieces(1).await;
    assert_eq!(first, pieces(1).await);
    assert_ne!(first, pieces(2).await);
    for size in 0..50 {
        assert_eq!(first.contains(&size), (2..=9).contains(&size), "{size}");
    }
}

#[tokio::test(start_paused = true)]
async fn delay_takes_its_time_for_each_call() {
    let (ours, mut theirs) = pipe(100);
    let (mut ours, faults) = faulty(ours, 0);
    faults.split_writes(1..=1).delay_writes(secs(1)..=secs(1));
    let start = Instant::now();
    ours.write_all(b"four").await.unwrap();
    assert_elapsed(start, 4);
    faults.heal().delay_reads(secs(2)..=secs(3));
    theirs.write_all(b"four").await.unwrap();
    ours.read_u32().await.unwrap();
    let elapsed = start.elapsed() - secs(4);
    assert!((secs(2)..=secs(3) + Duration::from_millis(5)).contains(&elapsed), "{elapsed:?}");
}

/// A connection in which everything is delayed and cut up says the same as one without.
#[tokio::test(start_paused = true)]
async fn faults_below_a_connection_lose_nothing() {
    for seed in 0..20 {
        let (client, server) = pipe(300);
        let ((client, faults), (server, others)) = (faulty(client, seed), faulty(server, seed + 1));
        for faults in [faults, others] {
            faults.split_reads(1..=50).split_writes(1..=50).stutter();
            faults.delay_reads(Duration::ZERO..=Duration::from_millis(20));
        }
        let pair = pair_over(&Connector::new(), &Acceptor::new(), client, server).await;
        let (mut client, mut server) = pair.unwrap();
        let sending = async {
            for number in 0..50 {
                client.send(vec![number; usize::from(number) * 10]).await.unwrap();
            }
            client.close(CloseCode::NORMAL, "").await.unwrap();
        };
        let receiving = async {
            for number in 0..50 {
                let message = server.recv().await.unwrap().unwrap();
                assert_eq!(message.as_bytes(), vec![number; usize::from(number) * 10]);
            }
            assert_eq!(server.recv().await.unwrap(), None);
        };
        tokio::join!(sending, receiving);
    }
}

#[tokio::test]
async fn transport_is_made_of_any_stream() {
    let (ours, theirs) = pipe(100);
    let mut ours = transport(faulty(ours, 0).0);
    let mut theirs = transport(theirs);
    ours.write_all(b"through two boxes").await.unwrap();
    ours.shutdown().await.unwrap();
    let mut heard = String::new();
    theirs.read_to_string(&mut heard).await.unwrap();
    assert_eq!(heard, "through two boxes");
}
