//! What is told besides connections and their beginnings: each is one line where it happens.

use std::fmt;
use std::time::Duration;

#[cfg(feature = "server")]
use std::{io, net::SocketAddr};

#[cfg(feature = "server")]
use trunkline_proto::handshake::Refusal;

#[cfg(feature = "server")]
use super::scope::Scope;
#[cfg(feature = "client")]
use crate::reconnect::{Ended, Failure, Why};
#[cfg(feature = "server")]
use crate::server::{Drain, Drained};

/// How much is shown of a refusal's body, which may be a page.
#[cfg(feature = "server")]
const REASON_SHOWN_MAX: usize = 200;

#[cfg(feature = "server")]
pub(super) fn refused_with(scope: &Scope, refusal: &Refusal) {
    let body = refusal.body();
    let reason = String::from_utf8_lossy(body.get(..REASON_SHOWN_MAX).unwrap_or(body));
    tell!(info, parent: &scope.span, status = refusal.status(), reason = &*reason, "handshake refused");
    count_refused("server", refusal.status());
}

/// A server's own statuses are those that its program refuses with; a client may be told any.
pub(super) fn count_refused(role: &'static str, status: u16) {
    #[cfg(feature = "metrics")]
    {
        let status = match status {
            300..=599 => status.to_string(),
            _ => "other".to_owned(),
        };
        count!(1, "trunkline_handshakes_refused_total", "role" => role, "status" => status);
    }
}

/// A server has no room for somebody.
#[cfg(feature = "server")]
pub(crate) fn turned_away(peer: Option<SocketAddr>, refusal: &Refusal) {
    let status = refusal.status();
    tell!(debug, peer = peer.map(tracing::field::display), status, "turned away");
    count_refused("server", status);
}

/// The system does not let a server accept.
#[cfg(feature = "server")]
pub(crate) fn accepting_paused(error: &io::Error) {
    tell!(warn, error = tracing::field::display(error), "accepting paused");
    count!(1, "trunkline_accept_pauses_total");
}

/// Told in the span of the connection, in which its task runs.
#[cfg(feature = "server")]
pub(crate) fn handler_panicked() {
    tell!(error, "handler panicked");
    count!(1, "trunkline_handler_panics_total");
}

#[cfg(feature = "server")]
pub(crate) fn drain_begun(connections: usize, drain: &Drain) {
    tell!(
        info,
        connections,
        code = drain.code.get(),
        deadline_ms = millis(drain.deadline),
        spread_ms = millis(drain.spread),
        "drain begun"
    );
    count!(1, "trunkline_drains_total");
}

#[cfg(feature = "server")]
pub(crate) fn drain_ended(drained: &Drained) {
    let Drained { closed, broken, not_accepted, dropped } = *drained;
    if dropped == 0 {
        tell!(info, closed, broken, not_accepted, dropped, "drain ended");
    } else {
        tell!(warn, closed, broken, not_accepted, dropped, "drain ended");
    }
    #[cfg(feature = "metrics")]
    for (how, connections) in [
        ("closed", closed),
        ("broken", broken),
        ("not_accepted", not_accepted),
        ("dropped", dropped),
    ] {
        count!(connections as u64, "trunkline_drained_total", "how" => how);
    }
}

/// A server shows another certificate, or was to and does not.
#[cfg(all(feature = "rustls", feature = "server"))]
pub(crate) fn certificate_replaced(result: &Result<(), crate::tls::InvalidTls>) {
    let outcome = match result {
        Ok(()) => {
            tell!(info, "certificate replaced");
            "replaced"
        }
        Err(error) => {
            tell!(warn, error = chain(error), "certificate not replaced");
            "failed"
        }
    };
    count!(1, "trunkline_tls_reloads_total", "outcome" => outcome);
}

/// What a publication has not reached.
pub(crate) fn published(dropped: u64, cut_off: u64) {
    if dropped > 0 {
        count!(dropped, "trunkline_broadcast_dropped_total");
    }
    if cut_off > 0 {
        count!(cut_off, "trunkline_broadcast_cut_off_total");
    }
}

#[cfg(feature = "client")]
pub(crate) fn attempt_begins(attempt: u32) {
    tell!(debug, attempt, "reconnecting: attempt begins");
    count!(1, "trunkline_reconnect_attempts_total");
}

#[cfg(feature = "client")]
pub(crate) fn reconnected(connections: u64) {
    tell!(debug, connections, "reconnecting: connected");
    if connections > 1 {
        count!(1, "trunkline_reconnects_total");
    }
}

#[cfg(feature = "client")]
pub(crate) fn no_connection(attempt: u32, failure: &Failure, backoff: Duration) {
    tell!(
        info,
        attempt,
        backoff_ms = millis(backoff),
        failure = tracing::field::display(failure),
        error = known_error(failure),
        "reconnecting: no connection"
    );
}

#[cfg(feature = "client")]
pub(crate) fn gave_up(ended: &Ended) {
    let attempts = ended.attempts();
    if ended.why() == Why::Closed {
        tell!(debug, attempts, "reconnecting: closed");
    } else {
        tell!(
            warn,
            attempts,
            why = tracing::field::debug(ended.why()),
            failure = ended.failure().map(tracing::field::display),
            error = ended.failure().and_then(known_error),
            "reconnecting: given up"
        );
    }
}

/// The error behind a failure, if it is one of ours: what others show is not known.
#[cfg(all(feature = "client", feature = "tracing"))]
fn known_error(failure: &Failure) -> Option<tracing::field::DisplayValue<String>> {
    let error = match failure {
        Failure::Broken(error) => chain(error).to_string(),
        failure => failure.connect_error()?.to_string(),
    };
    Some(tracing::field::display(error))
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// An error and what caused it, in one line.
#[cfg(feature = "tracing")]
pub(super) fn chain<'a>(
    error: &'a (dyn std::error::Error + 'a),
) -> tracing::field::DisplayValue<Chain<'a>> {
    tracing::field::display(Chain(error))
}

#[cfg(feature = "tracing")]
pub(super) struct Chain<'a>(&'a (dyn std::error::Error + 'a));

#[cfg(feature = "tracing")]
impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut source = self.0.source();
        while let Some(error) = source {
            write!(f, ": {error}")?;
            source = error.source();
        }
        Ok(())
    }
}
