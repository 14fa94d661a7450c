//! [`Dialing`]: a client on its way to a connection.

use std::future::Future;
use std::time::{Duration, Instant};

use trunkline_proto::Role;
use trunkline_proto::handshake::Url;

use super::life::Life;
use super::scope::Scope;
use crate::client::{ConnectError, Stage};

/// What is told of connecting.
#[derive(Clone, Debug)]
pub(crate) struct Dialing {
    #[cfg(feature = "tracing")]
    caller: tracing::Span,
    #[cfg(feature = "tracing")]
    connect: tracing::Span,
}

impl Dialing {
    /// Begins for a caller in the current span.
    pub(crate) fn begin(url: &Url) -> Self {
        Self {
            #[cfg(feature = "tracing")]
            caller: tracing::Span::current(),
            #[cfg(feature = "tracing")]
            connect: tracing::info_span!(
                target: "trunkline",
                "connect",
                host = url.host(),
                port = url.port(),
                path = super::shown_path(url.target()),
                secure = url.is_secure()
            ),
        }
    }

    /// Runs a step in a span of its own.
    pub(crate) fn step<F: Future>(
        &self,
        stage: Stage,
        future: F,
    ) -> impl Future<Output = F::Output> + use<F> {
        Scope {
            #[cfg(feature = "tracing")]
            span: self.step_span(stage),
        }
        .run(future)
    }

    /// The names of spans have to be there when this is compiled.
    #[cfg(feature = "tracing")]
    fn step_span(&self, stage: Stage) -> tracing::Span {
        let parent = &self.connect;
        match stage {
            Stage::Resolve => tracing::debug_span!(target: "trunkline", parent: parent, "resolve"),
            Stage::Tcp => tracing::debug_span!(target: "trunkline", parent: parent, "tcp"),
            Stage::Proxy => tracing::debug_span!(target: "trunkline", parent: parent, "proxy"),
            Stage::Tls => tracing::debug_span!(target: "trunkline", parent: parent, "tls"),
            _ => tracing::debug_span!(target: "trunkline", parent: parent, "handshake"),
        }
    }

    /// A step is through, whatever came of it.
    pub(crate) fn took(&self, stage: Stage, time: Duration) {
        time!(time, "trunkline_connect_step_seconds", "step" => name(stage));
    }

    /// The server has sent the client elsewhere.
    pub(crate) fn redirected(&self, url: &Url) {
        tell!(
            debug,
            parent: &self.connect,
            host = url.host(),
            port = url.port(),
            path = super::shown_path(url.target()),
            "redirected"
        );
    }

    /// There is a connection to the server of `url`.
    pub(crate) fn opened(&self, url: &Url, compressed: bool, now: Instant) -> Life {
        let scope = Scope {
            #[cfg(feature = "tracing")]
            span: tracing::info_span!(
                target: "trunkline",
                parent: &self.caller,
                "connection",
                role = "client",
                host = url.host(),
                port = url.port(),
                path = super::shown_path(url.target())
            ),
        };
        Life::begin(Role::Client, scope, compressed, now)
    }

    /// Passes on what came of it, and tells a failure.
    pub(crate) fn told<T>(&self, result: Result<T, ConnectError>) -> Result<T, ConnectError> {
        if let Err(error) = &result {
            self.failed(error);
        }
        result
    }

    fn failed(&self, error: &ConnectError) {
        let stage = name(error.stage());
        // A proxy that refuses is a step that failed.
        let answer = error.response().filter(|_| error.stage() == Stage::Handshake);
        let status = answer.map(|answer| answer.status());
        // Its sources may be errors of the caller's own, of which nobody knows what they show.
        tell!(
            info,
            parent: &self.connect,
            stage,
            status,
            error = tracing::field::display(error),
            "connecting failed"
        );
        if let Some(status) = status {
            super::events::count_refused("client", status);
        } else {
            count!(1, "trunkline_handshakes_failed_total", "role" => "client", "reason" => stage);
        }
    }
}

fn name(stage: Stage) -> &'static str {
    match stage {
        Stage::Url => "url",
        Stage::Request => "request",
        Stage::Resolve => "resolve",
        Stage::Tcp => "tcp",
        Stage::Proxy => "proxy",
        Stage::Tls => "tls",
        Stage::Handshake => "handshake",
    }
}
