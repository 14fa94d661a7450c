//! What connections tell of themselves: spans and events with the feature `tracing`, numbers with the
//! feature `metrics`.
//!
//! Both are off by default, and then nothing of this is compiled. There is nothing to call either: what is
//! told goes to the subscriber of [tracing](https://docs.rs/tracing) and the recorder of
//! [metrics](https://docs.rs/metrics) that the program has installed.
//!
//! # What is never told
//! Messages, close reasons and other words of a peer; credentials, cookies and headers; query strings. Of a
//! URL or a request there are host, port and path, the latter cut to 200 bytes: put no secret into a path.
//! Told are the reasons of refusals, which the peer is told too, and the errors of this crate, which keep to
//! the same.
//!
//! # Spans
//! Their target is `trunkline`, as that of the events.
//!
//! | span | level | from, to | fields |
//! |---|---|---|---|
//! | `connect` | info | a client begins to connect; it has a connection, or not | `host`, `port`, `path`, `secure` |
//! | `resolve`, `tcp`, `proxy`, `tls`, `handshake` in `connect` | debug | one of its steps | |
//! | `connection` | info | server: a stream or a request has been accepted; client: the connection has opened. Until nobody owns the connection any more | `role`, `peer` (if a [`Server`](crate::Server) accepted it), `host` and `port` (client), `path` |
//! | `handshake` in `connection` | debug | a server reads a request, decides and answers | |
//!
//! They are children of the span in which connecting, accepting or upgrading was called. A task that this
//! crate spawns for a handler ([`Server`](crate::Server), `on_upgrade` of [`axum`](crate::axum), the layer for
//! [`tower`](crate::tower)) runs in its `connection` span: so do the handler's own events.
//!
//! # Events
//! What a peer can cause is told as `info` at the most, so that no peer fills what wakes people up.
//!
//! | event | level | in span | fields |
//! |---|---|---|---|
//! | `connection opened` | debug | `connection` | `compressed` |
//! | `connection ended` | info | `connection` | `outcome` (as below), `code` and `by` (closed: who began), `error` (otherwise), `duration_ms`, `messages_in`, `messages_out`, `bytes_in`, `bytes_out` |
//! | `handshake refused` | info | `connection` | `status`, `reason` |
//! | `handshake failed` | info; debug if the peer hung up, or the program let it go | `connection` | `error` |
//! | `connecting failed` | info | `connect` | `stage`, `status` (of a refusal), `error` |
//! | `redirected` | debug | `connect` | `host`, `port`, `path` |
//! | `receiver too slow` | info | `connection` | `code` |
//! | `reconnecting: attempt begins` | debug | | `attempt` |
//! | `reconnecting: connected` | debug | | `connections` |
//! | `reconnecting: no connection` | info | | `attempt`, `backoff_ms`, `failure`, `error` |
//! | `reconnecting: given up`, `reconnecting: closed` | warn, debug | | `attempts`, `why`, `failure`, `error` |
//! | `turned away` | debug | | `peer`, `status`: a server was full |
//! | `accepting paused` | warn | | `error`: mostly no file descriptor is left |
//! | `handler panicked` | error | `connection` | |
//! | `drain begun` | info | | `connections`, `code`, `deadline_ms`, `spread_ms` |
//! | `drain ended` | info; warn if some were dropped | | `closed`, `broken`, `not_accepted`, `dropped` |
//! | `certificate replaced` | info | | |
//! | `certificate not replaced` | warn | | `error` |
//!
//! # Metrics
//! All labels have few values, whatever peers do.
//!
//! | name | kind | labels | |
//! |---|---|---|---|
//! | `trunkline_connections_open` | gauge | `role` | connections after their handshake |
//! | `trunkline_connections_opened_total` | counter | `role` | accepted by a server, or opened by a client |
//! | `trunkline_connections_closed_total` | counter | `role`, `outcome`, `code` | ended, see below |
//! | `trunkline_connection_duration_seconds` | histogram | `role` | from open to ended |
//! | `trunkline_messages_total` | counter | `role`, `direction`, `kind` | `in` or `out`; `text` or `binary` |
//! | `trunkline_message_bytes_total` | counter | `role`, `direction`, `kind` | their payload, before compression and after inflation |
//! | `trunkline_send_waits_total` | counter | `role` | times that a message had to wait for room in the send queue |
//! | `trunkline_round_trip_seconds` | histogram | `role` | from a ping to its pong |
//! | `trunkline_handshake_duration_seconds` | histogram | | server: from the stream, or the request that an HTTP server has read, to the connection, TLS and the program's decision included |
//! | `trunkline_handshakes_refused_total` | counter | `role`, `status` | server: refused, or turned away; client: was refused |
//! | `trunkline_handshakes_failed_total` | counter | `role`, `reason` | otherwise. Server: `timeout`, `disconnected`, `io`, `abandoned`, `http`; client: the step that failed |
//! | `trunkline_connect_step_seconds` | histogram | `step` | client: `resolve`, `tcp`, `proxy`, `tls`, `handshake`, those that failed included |
//! | `trunkline_reconnect_attempts_total` | counter | | attempts of [`Reconnecting`](crate::Reconnecting), the first included |
//! | `trunkline_reconnects_total` | counter | | connections that it has opened after the first |
//! | `trunkline_broadcast_dropped_total` | counter | | publications that slow receivers have not got |
//! | `trunkline_broadcast_cut_off_total` | counter | | receivers that were cut off because they were slow |
//! | `trunkline_handler_panics_total` | counter | | handlers of a [`Server`](crate::Server) that panicked |
//! | `trunkline_accept_pauses_total` | counter | | times that the system would not let one accept |
//! | `trunkline_drains_total` | counter | | drains begun |
//! | `trunkline_drained_total` | counter | `how` | connections that a drain has ended: `closed`, `broken`, `not_accepted`, `dropped` |
//! | `trunkline_tls_reloads_total` | counter | `outcome` | certificates of a server `replaced`, or `failed` to be |
//!
//! `outcome` is `closed` (by a closing handshake), `protocol` (the peer broke a rule or a limit),
//! `timeout_keepalive`, `timeout_idle`, `timeout_unfinished_message`, `timeout_write`, `timeout_close`,
//! `disconnected`, `io` or `dropped` (its owner dropped it first). `code` is that of the first close frame,
//! one by one below 1016, otherwise `3xxx`, `4xxx` or `other`; `none` where there was none.
//!
//! # What it costs
//! A message costs two additions, in the connection; the recorder hears of it when the connection ends, and
//! with the first read after five seconds. So what a recorder does for each number, looking it up mostly,
//! does not count. Spans and events are for the beginning and the end. A connection is some 250 bytes larger,
//! and what the subscriber keeps for its span.

/// Tells an event to the subscriber, if there is `tracing`.
macro_rules! tell {
    ($level:ident, $($event:tt)+) => {
        #[cfg(feature = "tracing")]
        ::tracing::$level!(target: "trunkline", $($event)+)
    };
}

/// Adds to a counter, if there are `metrics`.
macro_rules! count {
    ($by:expr, $($counter:tt)+) => {
        #[cfg(feature = "metrics")]
        ::metrics::counter!($($counter)+).increment($by)
    };
}

/// Puts a time into a histogram of seconds, if there are `metrics`.
macro_rules! time {
    ($time:expr, $($histogram:tt)+) => {
        #[cfg(feature = "metrics")]
        ::metrics::histogram!($($histogram)+).record($time.as_secs_f64())
    };
}

#[cfg(feature = "client")]
mod client;
mod events;
#[cfg(feature = "server")]
#[cfg_attr(
    not(any(feature = "tracing", feature = "metrics")),
    expect(clippy::needless_pass_by_ref_mut, reason = "nothing is recorded without the features")
)]
mod handshake;
#[cfg_attr(
    not(feature = "metrics"),
    expect(clippy::needless_pass_by_ref_mut, reason = "less is recorded without the features")
)]
mod life;
#[cfg(any(feature = "tracing", feature = "metrics"))]
mod record;
mod scope;

#[cfg(feature = "client")]
pub(crate) use client::Dialing;
pub(crate) use events::*;
#[cfg(feature = "server")]
pub(crate) use handshake::Shaking;
pub(crate) use life::{Life, Size};
pub(crate) use scope::Scope;

/// What is shown of a request's target: its path, and not all of a long one.
fn shown_path(target: &str) -> &str {
    const SHOWN_MAX: usize = 200;
    let path = target.split(['?', '#']).next().unwrap_or_default();
    path.get(..SHOWN_MAX).unwrap_or(path)
}
