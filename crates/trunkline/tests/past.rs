//! A frame that was written past its connection: to the stream, by whoever has that at hand.

use tokio::net::{TcpListener, TcpStream};
use trunkline::testing::pair_over;
use trunkline::{Acceptor, CloseCode, Connector, Prepared, WebSocket};

async fn over_tcp() -> (WebSocket<TcpStream>, WebSocket<TcpStream>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (server, _) = listener.accept().await.unwrap();
    pair_over(&Connector::new(), &Acceptor::new(), client, server).await.unwrap()
}

async fn expect(client: &mut WebSocket<TcpStream>, text: &str) {
    assert_eq!(client.recv().await.unwrap().unwrap().as_text(), Some(text));
}

#[tokio::test]
async fn the_rest_of_a_frame_follows_what_was_written_past_the_connection() {
    let (mut client, mut server) = over_tcp().await;
    let prepared = Prepared::new("said to many");
    for written in 1..=prepared.frame().len() {
        let part = prepared.frame().get(..written).unwrap();
        assert_eq!(server.stream().try_write(part).unwrap(), written);
        server.feed_rest(&prepared, written).unwrap();
        assert_eq!(server.queued_bytes(), prepared.frame().len() - written);
        server.send("said to one").await.unwrap();
        expect(&mut client, "said to many").await;
        expect(&mut client, "said to one").await;
    }
}

#[tokio::test]
async fn the_rest_of_a_frame_is_refused_where_nothing_can_follow() {
    let (_client, mut server) = over_tcp().await;
    let prepared = Prepared::new("too late");
    // Closing has begun, and the close frame is on its way.
    let closing =
        tokio::time::timeout(std::time::Duration::ZERO, server.close(CloseCode::NORMAL, ""));
    assert!(closing.await.is_err());
    assert!(server.feed_rest(&prepared, 1).unwrap_err().is_closed());
}

#[tokio::test]
#[should_panic(expected = "past those that are queued")]
async fn a_frame_cannot_have_gone_past_what_is_queued() {
    let (_client, mut server) = over_tcp().await;
    server.feed("queued").await.unwrap();
    let _ = server.feed_rest(&Prepared::new("past it"), 1);
}

#[tokio::test]
#[should_panic(expected = "sends other frames")]
async fn a_client_masks_each_frame_itself() {
    let (mut client, _server) = over_tcp().await;
    let _ = client.feed_rest(&Prepared::new("not masked"), 1);
}
