//! What can go to another thread: everything whose stream can.

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use trunkline::handshake::{Acceptance, Refusal};
use trunkline::tls::ServerTls;
use trunkline::{
    AcceptError, Accepted, Acceptor, Batch, BatchIter, Broadcast, CloseCode, CollectError,
    ConnectError, Connector, Drain, Error, MessageKind, MessageReader, MessageWriter, Prepared,
    Reader, SendError, Server, ServerHandle, SlowReceiver, Subscription, Upgrade, WebSocket,
    Writer,
};

fn send<T: Send>() {}
fn send_sync<T: Send + Sync + 'static>() {}
fn unpin<T: Unpin>() {}
fn future<T: Send>(_: &T) {}

/// A stream that one thread at a time may use.
struct NotSync(TcpStream, Cell<u8>);

impl AsyncRead for NotSync {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.1.set(0);
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for NotSync {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

#[test]
fn types_over_a_stream_that_is_sync_are_send_and_sync() {
    send_sync::<WebSocket<TcpStream>>();
    send_sync::<Reader<TcpStream>>();
    send_sync::<Writer<TcpStream>>();
    send_sync::<MessageReader<'static, TcpStream>>();
    send_sync::<MessageWriter<'static, TcpStream>>();
    send_sync::<Upgrade<TcpStream>>();
    send_sync::<Acceptor>();
    send_sync::<Server>();
    send_sync::<ServerHandle>();
    send_sync::<ServerTls>();
    send_sync::<Accepted>();
    send_sync::<Broadcast>();
    send_sync::<Subscription>();
    send_sync::<Connector>();
    send_sync::<Batch>();
    send_sync::<BatchIter<'static>>();
    send_sync::<Prepared>();
    send_sync::<Error>();
    send_sync::<SendError>();
    send_sync::<CollectError>();
    send_sync::<AcceptError>();
    send_sync::<ConnectError>();
}

#[test]
fn types_over_a_stream_that_is_only_send_are_send() {
    send::<WebSocket<NotSync>>();
    send::<MessageReader<'static, NotSync>>();
    send::<MessageWriter<'static, NotSync>>();
    send::<Upgrade<NotSync>>();
    // The halves meet in a lock, so they need no Sync of what is in it.
    send_sync::<Reader<NotSync>>();
    send_sync::<Writer<NotSync>>();
}

#[test]
fn no_type_has_to_be_pinned() {
    unpin::<WebSocket<TcpStream>>();
    unpin::<Reader<TcpStream>>();
    unpin::<Writer<TcpStream>>();
    unpin::<MessageReader<'static, TcpStream>>();
    unpin::<MessageWriter<'static, TcpStream>>();
}

/// Never called: what matters is that it compiles.
#[expect(dead_code, reason = "it has to compile, not to run")]
async fn futures_are_send(
    mut ws: WebSocket<NotSync>,
    mut halves: (Reader<NotSync>, Writer<NotSync>),
    stream: fn() -> NotSync,
) -> Result<(), Box<dyn std::error::Error>> {
    let mut batch = Batch::new();
    future(&ws.recv());
    future(&ws.recv_many(&mut batch));
    future(&ws.answer(|message, answers| answers.feed(message)));
    future(&ws.recv_streamed());
    future(&ws.send("text"));
    future(&ws.feed("text"));
    future(&ws.flush());
    future(&ws.ping());
    future(&ws.close(CloseCode::NORMAL, ""));
    let mut writer = ws.send_streamed(MessageKind::Text)?;
    future(&writer.write(b"part"));
    future(&writer.flush());
    future(&writer.finish());
    if let Some(mut reader) = ws.recv_streamed().await? {
        future(&reader.chunk());
        future(&reader.collect(1000));
    }

    let mut subscription = Broadcast::new().subscribe(SlowReceiver::Latest);
    future(&subscription.next());
    future(&subscription.relay(&mut ws));
    future(&subscription.forward(&mut halves.1));
    let server = Server::bind("127.0.0.1:0");
    future(&server);
    let server = server.await?;
    future(&server.handle().drain(Drain::new()));
    future(&server.handle().drained());
    future(&server.serve(|_, _| async {}));
    let server = Server::bind("127.0.0.1:0").await?;
    future(&server.serve_upgrades(|_| async {}));

    let (reader, writer) = &mut halves;
    future(&reader.recv());
    future(&reader.recv_many(&mut batch));
    future(&reader.recv_streamed());
    future(&writer.send("text"));
    future(&writer.feed("text"));
    future(&writer.flush());
    future(&writer.ping());
    future(&writer.close(CloseCode::NORMAL, ""));

    let (acceptor, connector) = (Acceptor::new(), Connector::new());
    future(&trunkline::accept(stream()));
    future(&trunkline::connect_over("ws://localhost/", stream()));
    future(&acceptor.accept(stream()));
    future(&acceptor.read_request_after(b"GET", stream()));
    future(&connector.connect_over("ws://localhost/", stream()));
    future(&connector.connect("ws://localhost/"));
    future(&connector.connect_unix("/run/a.sock", "ws://localhost/"));
    future(&acceptor.read_request(stream()).await?.accept());
    future(&acceptor.read_request(stream()).await?.accept_with(&Acceptance::new()));
    future(&acceptor.read_request(stream()).await?.refuse(Refusal::unavailable()));
    Ok(())
}
