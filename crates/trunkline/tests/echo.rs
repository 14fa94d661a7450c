//! Messages of every size there and back, whole, in batches and in halves, through pipes of any size.

mod support;

use tokio::io::{AsyncRead, AsyncWrite};
use trunkline::testing::{faulty, pipe};
use trunkline::{Acceptor, Batch, CloseCode, Connector, Message, Prepared, WebSocket};

use support::*;

/// Around each change of the header's length, of how payloads are kept, and of what one read brings.
const SIZES: [usize; 14] =
    [0, 1, 125, 126, 127, 4095, 4096, 8191, 8192, 8193, 65_535, 65_536, 300_000, 1 << 20];

/// Text that has a character of each length, `len` bytes of it.
fn text_of(len: usize) -> String {
    let mut text: String = "aä€😀".chars().cycle().take(len / 2).collect();
    while text.len() > len {
        text.pop();
    }
    text.push_str(&"x".repeat(len - text.len()));
    text
}

fn messages(sizes: &[usize]) -> Vec<Message> {
    let binary = |len| (0..=250_u8).cycle().take(len).collect::<Vec<u8>>();
    sizes.iter().flat_map(|len| [Message::text(text_of(*len)), binary(*len).into()]).collect()
}

/// How the server echoes.
#[derive(Clone, Copy, Debug)]
enum Way {
    Recv,
    RecvMany,
    Answer,
    Halves,
    Chunks,
}

const WAYS: [Way; 5] = [Way::Recv, Way::RecvMany, Way::Answer, Way::Halves, Way::Chunks];

async fn echo<S: AsyncRead + AsyncWrite + Unpin>(mut ws: WebSocket<S>, way: Way) {
    match way {
        Way::Recv => {
            while let Some(message) = ws.recv().await.unwrap() {
                ws.feed(message).await.unwrap();
            }
        }
        Way::RecvMany => {
            let mut batch = Batch::new();
            while ws.recv_many(&mut batch).await.unwrap() > 0 {
                for message in &batch {
                    ws.feed(message).await.unwrap();
                }
            }
        }
        Way::Answer => ws.answer(|message, answers| answers.feed(message)).await.unwrap(),
        Way::Halves => {
            let (mut reader, mut writer) = ws.split();
            while let Some(message) = reader.recv().await.unwrap() {
                writer.send(&message).await.unwrap();
            }
        }
        Way::Chunks => {
            let (mut reader, mut writer) = ws.split();
            while let Some(mut message) = reader.recv_streamed().await.unwrap() {
                let mut answer = writer.send_streamed(message.kind()).unwrap();
                while let Some(chunk) = message.chunk().await.unwrap() {
                    answer.write(&chunk).await.unwrap();
                }
                answer.finish().await.unwrap();
            }
        }
    }
}

/// Sends `messages` one by one, then all at once, and checks what comes back.
async fn check<C, S>(client: WebSocket<C>, server: WebSocket<S>, way: Way, messages: &[Message])
where
    C: AsyncRead + AsyncWrite + Unpin,
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut client = client;
    let asking = async {
        for message in messages {
            client.send(message).await.unwrap();
            assert_eq!(client.recv().await.unwrap().as_ref(), Some(message), "{way:?}");
        }
        let (mut reader, mut writer) = client.split();
        let sending = async {
            for message in messages {
                writer.feed(message).await.unwrap();
            }
            writer.flush().await.unwrap();
        };
        let receiving = async {
            for message in messages {
                assert_eq!(reader.recv().await.unwrap().as_ref(), Some(message), "{way:?}");
            }
        };
        tokio::join!(sending, receiving);
        let mut client = reader.reunite(writer).unwrap();
        client.close(CloseCode::NORMAL, "").await.unwrap();
    };
    tokio::join!(asking, echo(server, way));
}

#[tokio::test]
async fn every_size_comes_back_through_pipes_of_any_size() {
    for way in WAYS {
        for (room, sizes) in [
            (1, &SIZES[..5]),
            (7, &SIZES[..5]),
            (64, &SIZES[..8]),
            (1000, &SIZES[..11]),
            (4096, &SIZES[..12]),
            (1 << 20, &SIZES[..]),
        ] {
            let (client, server) = pair(room).await;
            check(client, server, way, &messages(sizes)).await;
        }
    }
}

#[tokio::test]
async fn every_size_comes_back_one_byte_at_a_time() {
    // As chunks they would come back in more tiny fragments than a client takes.
    for way in [Way::Recv, Way::RecvMany, Way::Answer, Way::Halves] {
        let (client, server) = pipe(10);
        let (client, faults) = faulty(client, 0);
        faults.one_byte_at_a_time();
        let (client, server) = connect(&Connector::new(), &Acceptor::new(), client, server).await;
        check(client, server, way, &messages(&SIZES[..5])).await;
    }
}

#[tokio::test]
async fn both_sides_send_text_bytes_and_prepared_messages() {
    let (client, server) = pair(100).await;
    for (from, to) in [(client, server)] {
        let (mut from, mut to) = (from, to);
        for _ in 0..2 {
            let prepared = Prepared::new("prepared");
            let owned = String::from("owned");
            let sending = async {
                from.send("text").await.unwrap();
                from.send(b"bytes").await.unwrap();
                from.send(&owned).await.unwrap();
                from.send(vec![1, 2, 3]).await.unwrap();
                from.send(&prepared).await.unwrap();
                from.send(&Prepared::new(vec![5; 5000])).await.unwrap();
            };
            let receiving = async {
                let mut got = Vec::new();
                for _ in 0..6 {
                    got.push(to.recv().await.unwrap().unwrap());
                }
                got
            };
            let ((), got) = tokio::join!(sending, receiving);
            let expect: [Message; 6] = [
                "text".into(),
                b"bytes"[..].into(),
                "owned".into(),
                vec![1, 2, 3].into(),
                "prepared".into(),
                vec![5; 5000].into(),
            ];
            assert_eq!(got, expect);
            std::mem::swap(&mut from, &mut to);
        }
    }
}

#[cfg(feature = "deflate")]
#[tokio::test]
async fn every_size_comes_back_compressed() {
    use trunkline::deflate::{DeflateConfig, Memory};

    for memory in [Memory::Dedicated, Memory::Hibernating, Memory::Stateless] {
        for takeover in [false, true] {
            let config = DeflateConfig::new().memory(memory).context_takeover(takeover);
            let connector = Connector::new().with_compression(config.clone());
            let acceptor = Acceptor::new().with_compression(config);
            for way in WAYS {
                for (room, sizes) in [(7, &SIZES[3..5]), (1 << 20, &SIZES[..9])] {
                    let (client, server) = tokio::io::duplex(room);
                    let (client, server) = connect(&connector, &acceptor, client, server).await;
                    assert!(client.is_compressed() && server.is_compressed());
                    check(client, server, way, &messages(sizes)).await;
                }
            }
        }
    }
}

#[cfg(feature = "deflate")]
#[tokio::test]
async fn compression_needs_both_sides() {
    use trunkline::deflate::DeflateConfig;

    for (client_wants, server_wants) in [(false, false), (true, false), (false, true)] {
        let (mut connector, mut acceptor) = (Connector::new(), Acceptor::new());
        if client_wants {
            connector = connector.with_compression(DeflateConfig::default());
        }
        if server_wants {
            acceptor = acceptor.with_compression(DeflateConfig::default());
        }
        let (client, server) = tokio::io::duplex(10_000);
        let (client, server) = connect(&connector, &acceptor, client, server).await;
        assert!(!client.is_compressed() && !server.is_compressed());
        check(client, server, Way::Recv, &messages(&SIZES[..6])).await;
    }
}
