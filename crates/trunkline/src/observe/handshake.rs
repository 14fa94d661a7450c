//! [`Shaking`]: a server's handshake, from the stream or the request to the open connection.

use std::future::Future;
use std::net::SocketAddr;
use std::time::Instant;

use trunkline_proto::Role;
use trunkline_proto::handshake::{Refusal, Request};

#[cfg(feature = "tracing")]
use super::events::chain;
use super::events::refused_with;
use super::life::Life;
use super::scope::Scope;
use crate::server::AcceptError;

/// What is told of a handshake. Dropped before it has come to anything, it was abandoned: by a program that
/// lost interest, or a server that stopped.
pub(crate) struct Shaking {
    /// Of the connection to be.
    connection: Scope,
    /// Of the handshake in it.
    handshake: Scope,
    #[cfg(feature = "metrics")]
    began: tokio::time::Instant,
    #[cfg(any(feature = "tracing", feature = "metrics"))]
    has_ended: bool,
}

impl Shaking {
    /// Begins with a stream that was accepted, or a request.
    pub(crate) fn begin(peer: Option<SocketAddr>) -> Self {
        #[cfg(feature = "tracing")]
        let connection = {
            let peer = peer.map(tracing::field::display);
            let path = tracing::field::Empty;
            tracing::info_span!(target: "trunkline", "connection", role = "server", peer, path)
        };
        #[cfg(feature = "tracing")]
        let handshake = tracing::debug_span!(target: "trunkline", parent: &connection, "handshake");
        Self {
            connection: Scope {
                #[cfg(feature = "tracing")]
                span: connection,
            },
            handshake: Scope {
                #[cfg(feature = "tracing")]
                span: handshake,
            },
            #[cfg(feature = "metrics")]
            began: tokio::time::Instant::now(),
            #[cfg(any(feature = "tracing", feature = "metrics"))]
            has_ended: false,
        }
    }

    /// The span of the connection.
    pub(crate) fn connection(&self) -> &Scope {
        &self.connection
    }

    /// Runs a part of the handshake in its span.
    pub(crate) fn run<F: Future>(&self, future: F) -> impl Future<Output = F::Output> + use<F> {
        self.handshake.run(future)
    }

    /// The request is there.
    pub(crate) fn asked(&self, request: &Request) {
        #[cfg(feature = "tracing")]
        self.connection.span.record("path", super::shown_path(request.path()));
    }

    /// The request was refused.
    pub(crate) fn refused(&mut self, refusal: &Refusal) {
        self.end();
        refused_with(&self.connection, refusal);
    }

    /// There is no connection, be it that the request was refused.
    pub(crate) fn failed(&mut self, error: &AcceptError) {
        let reason = match error {
            AcceptError::Refused(refusal) => return self.refused(refusal),
            AcceptError::Acceptance(error) => return self.refused(&error.refusal()),
            AcceptError::Timeout => "timeout",
            AcceptError::Disconnected => "disconnected",
            AcceptError::Io(_) => "io",
        };
        self.failed_otherwise(reason, error);
    }

    /// An HTTP server has not handed the connection out.
    #[cfg(feature = "hyper")]
    pub(crate) fn failed_in_http(&mut self, error: &crate::upgrade::UpgradeError) {
        self.failed_otherwise("http", error);
    }

    fn failed_otherwise(&mut self, reason: &'static str, error: &dyn std::error::Error) {
        self.end();
        let connection = &self.connection;
        if reason == "disconnected" {
            tell!(debug, parent: &connection.span, error = chain(error), "handshake failed");
        } else {
            tell!(info, parent: &connection.span, error = chain(error), "handshake failed");
        }
        count!(1, "trunkline_handshakes_failed_total", "role" => "server", "reason" => reason);
    }

    /// There is a connection.
    pub(crate) fn opened(mut self, compressed: bool, now: Instant) -> Life {
        self.end();
        time!(self.began.elapsed(), "trunkline_handshake_duration_seconds");
        Life::begin(Role::Server, self.connection.clone(), compressed, now)
    }

    fn end(&mut self) {
        #[cfg(any(feature = "tracing", feature = "metrics"))]
        {
            self.has_ended = true;
        }
    }
}

#[cfg(any(feature = "tracing", feature = "metrics"))]
impl Drop for Shaking {
    fn drop(&mut self) {
        if !self.has_ended {
            tell!(debug, parent: &self.connection.span, error = "abandoned", "handshake failed");
            let reason = "abandoned";
            count!(1, "trunkline_handshakes_failed_total", "role" => "server", "reason" => reason);
        }
    }
}
