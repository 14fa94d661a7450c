//! Both directions at once, through pipes that are always full: nobody may wait for ever.

mod support;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;
use trunkline::{Batch, CloseCode, Message, Reader, WebSocket, Writer};

use support::*;

const MESSAGES: u32 = if cfg!(debug_assertions) { 3000 } else { 10_000 };

async fn send_all<S: AsyncRead + AsyncWrite + Unpin>(writer: Writer<S>, count: u32) {
    let mut writer = send_open(writer, count).await;
    writer.close(CloseCode::NORMAL, "").await.unwrap();
}

/// The same without a close, which would end the other direction too.
async fn send_open<S>(mut writer: Writer<S>, count: u32) -> Writer<S>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    for number in 0..count {
        writer.feed(&number.to_be_bytes()).await.unwrap();
    }
    writer.flush().await.unwrap();
    writer
}

async fn receive_all<S: AsyncRead + AsyncWrite + Unpin>(mut reader: Reader<S>, count: u32) {
    let (mut expect, mut batch) = (0..count, Batch::new());
    while !expect.is_empty() {
        assert_ne!(reader.recv_many(&mut batch).await.unwrap(), 0, "nothing is missing");
        for message in &batch {
            assert_eq!(message.as_bytes(), expect.next().unwrap().to_be_bytes());
        }
    }
}

#[tokio::test]
async fn halves_saturate_both_directions() {
    for room in [1, 64, 100_000] {
        let count = if room == 1 { 300 } else { MESSAGES };
        let (client, server) = pair(room).await;
        let ((reader, writer), (other_reader, other_writer)) = (client.split(), server.split());
        let all = async {
            tokio::join!(
                send_open(writer, count),
                receive_all(reader, count),
                send_open(other_writer, count),
                receive_all(other_reader, count),
            )
        };
        timeout(secs(20), all).await.expect("nobody waits for ever");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn halves_saturate_both_directions_from_four_threads() {
    for room in [64, 5000] {
        let (client, server) = pair(room).await;
        let ((reader, writer), (other_reader, other_writer)) = (client.split(), server.split());
        let sending = [writer, other_writer].map(|it| tokio::spawn(send_open(it, MESSAGES)));
        let receiving = [reader, other_reader].map(|it| tokio::spawn(receive_all(it, MESSAGES)));
        for task in sending {
            timeout(secs(20), task).await.expect("nobody waits for ever").unwrap();
        }
        for task in receiving {
            timeout(secs(20), task).await.expect("nobody waits for ever").unwrap();
        }
    }
}

/// A half that goes away in the middle holds nobody up.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn half_can_be_dropped_at_any_time() {
    for received in (0..200).step_by(9) {
        let (client, server) = pair(64).await;
        let (mut reader, writer) = client.split();
        let sending = tokio::spawn(send_all(writer, 200));
        let dropping = tokio::spawn(async move {
            for _ in 0..received {
                reader.recv().await.unwrap();
            }
        });
        let echo = tokio::spawn(echo(server));
        for task in [sending, dropping, echo] {
            timeout(secs(20), task).await.expect("nobody waits for ever").unwrap();
        }
    }
}

async fn echo<S: AsyncRead + AsyncWrite + Unpin>(mut ws: WebSocket<S>) {
    while let Some(message) = ws.recv().await.unwrap() {
        ws.feed(message).await.unwrap();
    }
}

#[tokio::test]
async fn echo_keeps_up_with_a_client_that_floods() {
    for room in [16, 64, 5000] {
        let (client, server) = pair(room).await;
        let (reader, writer) = client.split();
        let all = async {
            tokio::join!(send_all(writer, MESSAGES), receive_all(reader, MESSAGES), echo(server))
        };
        timeout(secs(20), all).await.expect("nobody waits for ever");
    }
}

/// Each reads ahead while its own `send` waits: as much as that covers, both can send first.
#[tokio::test]
async fn both_sides_send_before_either_receives() {
    for split in [false, true] {
        for pieces in [1, 48, 240] {
            let (client, server) = pair(1 << 10).await;
            let (mut client, mut server) = (Ours::new(client, split), Ours::new(server, split));
            let message = Message::binary(vec![7; (48 << 10) / pieces]);
            let side = async |ours: &mut Ours<_>| {
                for _ in 0..pieces {
                    ours.send(&message).await.unwrap();
                }
                for _ in 0..pieces {
                    assert_eq!(ours.recv().await.unwrap().as_ref(), Some(&message));
                }
                ours.close(CloseCode::NORMAL, "").await.unwrap();
            };
            let all = async { tokio::join!(side(&mut client), side(&mut server)) };
            timeout(secs(20), all).await.expect("nobody waits for ever");
        }
    }
}

/// Pings are answered while our own `send` waits for a peer that does not read.
#[tokio::test]
async fn pings_are_answered_whichever_half_is_polled() {
    for role in ROLES {
        let (ours, mut raw) = raw_pair(role, 10_000, |_| ()).await;
        let (mut reader, mut writer) = ours.split();
        let ping = frame(role.peer(), PING, b"!");
        tokio::io::AsyncWriteExt::write_all(&mut raw, &ping).await.unwrap();
        // Only the reader.
        tokio::select! {
            _ = reader.recv() => panic!("there is no message"),
            pong = read_frame(role, &mut raw) => assert_eq!(pong, Some((PONG, b"!".to_vec()))),
        }
        // Only the writer.
        let sending = async {
            writer.send(vec![0; 50_000]).await.unwrap();
            writer.send("next").await.unwrap();
        };
        let peer = async {
            tokio::io::AsyncWriteExt::write_all(&mut raw, &ping).await.unwrap();
            tokio::task::yield_now().await;
            let mut frames = Vec::new();
            for _ in 0..3 {
                frames.push(read_frame(role, &mut raw).await.unwrap().0);
            }
            frames
        };
        let (_, frames) = tokio::join!(sending, peer);
        assert_eq!(frames, [BINARY, PONG, TEXT]);
    }
}
