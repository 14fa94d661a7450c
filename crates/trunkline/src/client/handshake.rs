//! The opening handshake over a stream that leads to the server.

use std::io;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::Instant;
use trunkline_proto::Connection;
use trunkline_proto::handshake::{
    Agreement, ClientHandshake, HandshakeError, Opened, Response, Url,
};

use super::Connector;
use super::error::{ConnectError, Stage, in_words};
use super::refusal;
use super::timeouts::Budget;
use crate::driver::Driver;
use crate::masks::{SystemMasks, random};
use crate::websocket::WebSocket;

impl Connector {
    /// Asks for what `url` names, and nothing else: where `stream` leads to is not checked.
    pub(super) async fn shake_hands<S>(
        &self,
        url: &Url,
        stream: S,
        budget: &Budget,
    ) -> Result<(WebSocket<S>, Response), ConnectError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let config = self.jar.add_to(&self.config, url).map_err(ConnectError::header)?;
        let handshake = ClientHandshake::new(url, config, random());
        let mut attempt = Attempt {
            handshake: handshake.map_err(ConnectError::header)?,
            stream,
            buffer: [0; 2048],
            first: None,
        };
        match budget.run(Stage::Handshake, attempt.run()).await {
            Ok(Ok((opened, early))) => {
                self.jar.store(url, opened.response.headers());
                let Opened { agreement, response, .. } = opened;
                Ok((self.open(url, agreement, attempt.stream, early, budget), response))
            }
            Ok(Err(Failure::Handshake(error))) => Err(self.refused(url, error, attempt.first)),
            Ok(Err(Failure::Io(error))) => Err(broken(url, error)),
            Err(elapsed) => Err(match attempt.handshake.handle_eof() {
                // Its body never ended, but what it says is known.
                refused @ HandshakeError::Refused(_) => self.refused(url, refused, attempt.first),
                _ => ConnectError::elapsed(
                    elapsed,
                    format!("the handshake with {}", url.authority()),
                ),
            }),
        }
    }

    fn refused(&self, url: &Url, error: HandshakeError, first: Option<u8>) -> ConnectError {
        if let HandshakeError::Refused(response) = &error {
            self.jar.store(url, response.headers());
        }
        refusal::explain(url, &self.config, error, first)
    }

    fn open<S>(
        &self,
        url: &Url,
        agreement: Agreement,
        stream: S,
        early: Vec<u8>,
        budget: &Budget,
    ) -> WebSocket<S> {
        let now = Instant::now().into_std();
        let connection = Connection::client(Arc::clone(&self.settings), Box::new(SystemMasks), now);
        #[cfg(feature = "deflate")]
        let connection = match (&self.config.deflate, agreement.deflate) {
            (Some(config), Some(params)) => connection.with_deflate(config, params),
            _ => connection,
        };
        let life = budget.dialing.opened(url, connection.is_compressed(), now);
        WebSocket::new(Driver::new(stream, connection, agreement.subprotocol, early, now, life))
    }
}

/// One handshake on its way.
struct Attempt<S> {
    handshake: ClientHandshake,
    stream: S,
    buffer: [u8; 2048],
    /// The first byte of the answer.
    first: Option<u8>,
}

enum Failure {
    Handshake(HandshakeError),
    Io(io::Error),
}

impl<S: AsyncRead + AsyncWrite + Unpin> Attempt<S> {
    /// Gives what was agreed on, and the bytes behind it.
    async fn run(&mut self) -> Result<(Opened, Vec<u8>), Failure> {
        self.stream.write_all(self.handshake.request()).await.map_err(Failure::Io)?;
        self.stream.flush().await.map_err(Failure::Io)?;
        loop {
            let read = match self.stream.read(&mut self.buffer).await {
                Ok(read) => read,
                Err(error) => return Err(self.on_error(error)),
            };
            let Some(input) = self.buffer.get(..read).filter(|it| !it.is_empty()) else {
                return Err(Failure::Handshake(self.handshake.handle_eof()));
            };
            self.first = self.first.or_else(|| input.first().copied());
            let progress = self.handshake.handle_input(input).map_err(Failure::Handshake)?;
            if let Some(opened) = progress.done {
                return Ok((opened, input.get(progress.taken..).unwrap_or_default().to_vec()));
            }
        }
    }

    /// What came before the error may be all that matters. A server that hangs up without a farewell
    /// of TLS has hung up.
    fn on_error(&mut self, error: io::Error) -> Failure {
        match self.handshake.handle_eof() {
            refused @ HandshakeError::Refused(_) => Failure::Handshake(refused),
            end if error.kind() == io::ErrorKind::UnexpectedEof => Failure::Handshake(end),
            _ => Failure::Io(error),
        }
    }
}

/// The stream broke.
fn broken(url: &Url, error: io::Error) -> ConnectError {
    #[cfg(feature = "rustls")]
    let error = match super::secure::explain(super::bare_host(url), error) {
        Ok(explained) => return explained,
        Err(error) => error,
    };
    let words = in_words(&error);
    let message = format!("the handshake with {} broke off: {words}", url.authority());
    ConnectError::network(Stage::Handshake, message).caused_by(error)
}
