//! [`Record`]: what is counted while a connection is open.

use std::time::{Duration, Instant};

use trunkline_proto::{CloseCode, CloseInfo, Initiator, MessageKind, Role, Timeout};

use crate::error::Error;

/// How often the recorder is told of an open connection that something comes in on: often enough for those
/// who read a recorder every ten seconds or more.
#[cfg(feature = "metrics")]
const FLUSH_INTERVAL: Duration = Duration::from_secs(5);

pub(super) struct Record {
    role: Role,
    began: Instant,
    pub(super) incoming: Traffic,
    pub(super) outgoing: Traffic,
    /// How it ended, if its owner drops it now.
    if_dropped: &'static str,
    has_ended: bool,
    #[cfg(feature = "metrics")]
    metered: Metered,
}

/// Messages in one direction.
#[derive(Clone, Copy, Default)]
pub(super) struct Traffic {
    text: Tally,
    binary: Tally,
}

#[derive(Clone, Copy, Default)]
struct Tally {
    messages: u64,
    bytes: u64,
}

/// What the recorder has been told.
#[cfg(feature = "metrics")]
struct Metered {
    incoming: Traffic,
    outgoing: Traffic,
    /// When it is to be told again.
    due: Instant,
    send_waits: u64,
    waits: bool,
}

/// How a connection ended.
pub(super) struct Ending<'a> {
    pub(super) outcome: &'static str,
    pub(super) code: Option<CloseCode>,
    initiator: Option<Initiator>,
    pub(super) error: Option<&'a Error>,
}

impl Record {
    pub(super) fn begin(role: Role, now: Instant) -> Self {
        #[cfg(feature = "metrics")]
        {
            metrics::gauge!("trunkline_connections_open", "role" => name(role)).increment(1);
            count!(1, "trunkline_connections_opened_total", "role" => name(role));
        }
        Self {
            role,
            began: now,
            incoming: Traffic::default(),
            outgoing: Traffic::default(),
            if_dropped: "dropped",
            has_ended: false,
            #[cfg(feature = "metrics")]
            metered: Metered {
                incoming: Traffic::default(),
                outgoing: Traffic::default(),
                due: now + FLUSH_INTERVAL,
                send_waits: 0,
                waits: false,
            },
        }
    }

    #[inline]
    pub(super) fn received(&mut self, kind: MessageKind, bytes: usize, whole: bool) {
        self.incoming.add(kind, bytes, whole);
    }

    #[inline]
    pub(super) fn sent(&mut self, kind: MessageKind, bytes: usize, whole: bool) {
        self.outgoing.add(kind, bytes, whole);
    }

    pub(super) fn round_trip(&self, round_trip: Duration) {
        time!(round_trip, "trunkline_round_trip_seconds", "role" => name(self.role));
    }

    pub(super) fn write_failed(&mut self, hang_up: bool) {
        self.if_dropped = if hang_up { "disconnected" } else { "io" };
    }

    pub(super) fn ending_if_dropped(&self) -> Ending<'static> {
        Ending { outcome: self.if_dropped, code: None, initiator: None, error: None }
    }

    /// It is over; `false` if that has been told before.
    pub(super) fn end(&mut self, ending: &Ending<'_>) -> bool {
        if std::mem::replace(&mut self.has_ended, true) {
            return false;
        }
        #[cfg(feature = "metrics")]
        {
            let role = name(self.role);
            self.flush();
            metrics::gauge!("trunkline_connections_open", "role" => role).decrement(1);
            time!(self.duration(), "trunkline_connection_duration_seconds", "role" => role);
            count!(
                1,
                "trunkline_connections_closed_total",
                "role" => role, "outcome" => ending.outcome, "code" => class(ending.code)
            );
        }
        true
    }

    fn duration(&self) -> Duration {
        tokio::time::Instant::now().into_std().saturating_duration_since(self.began)
    }

    #[cfg(feature = "tracing")]
    pub(super) fn duration_ms(&self) -> u64 {
        u64::try_from(self.duration().as_millis()).unwrap_or(u64::MAX)
    }
}

#[cfg(feature = "metrics")]
impl Record {
    #[inline]
    pub(super) fn flush_if_due(&mut self, now: Instant) {
        if now >= self.metered.due {
            self.metered.due = now + FLUSH_INTERVAL;
            self.flush();
        }
    }

    pub(super) fn waits_for_room(&mut self) {
        self.metered.send_waits += u64::from(!self.metered.waits);
        self.metered.waits = true;
    }

    pub(super) fn has_room(&mut self) {
        self.metered.waits = false;
    }

    #[cold]
    fn flush(&mut self) {
        let role = name(self.role);
        self.incoming.tell_since(&mut self.metered.incoming, role, "in");
        self.outgoing.tell_since(&mut self.metered.outgoing, role, "out");
        let waits = std::mem::take(&mut self.metered.send_waits);
        if waits > 0 {
            count!(waits, "trunkline_send_waits_total", "role" => role);
        }
    }
}

impl Traffic {
    #[inline]
    fn add(&mut self, kind: MessageKind, bytes: usize, whole: bool) {
        let tally = match kind {
            MessageKind::Text => &mut self.text,
            MessageKind::Binary => &mut self.binary,
        };
        tally.messages += u64::from(whole);
        tally.bytes += bytes as u64;
    }

    pub(super) fn messages(&self) -> u64 {
        self.text.messages + self.binary.messages
    }

    pub(super) fn bytes(&self) -> u64 {
        self.text.bytes + self.binary.bytes
    }

    /// Tells what has been added since it was `told`.
    #[cfg(feature = "metrics")]
    fn tell_since(&self, told: &mut Self, role: &'static str, direction: &'static str) {
        let kinds = [("text", self.text, told.text), ("binary", self.binary, told.binary)];
        for (kind, tally, told) in kinds {
            let labels = [("role", role), ("direction", direction), ("kind", kind)];
            if tally.messages > told.messages {
                count!(tally.messages - told.messages, "trunkline_messages_total", &labels);
            }
            if tally.bytes > told.bytes {
                count!(tally.bytes - told.bytes, "trunkline_message_bytes_total", &labels);
            }
        }
        *told = *self;
    }
}

impl<'a> Ending<'a> {
    pub(super) fn of(info: Option<&CloseInfo>, outcome: Result<(), &'a Error>) -> Self {
        let (outcome, code, initiator, error) = match outcome {
            Ok(()) => {
                ("closed", info.and_then(|info| info.code), info.map(|info| info.initiator), None)
            }
            Err(error) => {
                let (outcome, code) = match error {
                    Error::Protocol(error) => ("protocol", Some(error.close_code())),
                    Error::Timeout(timeout) => (name_of(*timeout), None),
                    Error::Disconnected => ("disconnected", None),
                    Error::Io(_) => ("io", None),
                };
                (outcome, code, None, Some(error))
            }
        };
        Self { outcome, code, initiator, error }
    }

    #[cfg(feature = "tracing")]
    pub(super) fn by(&self) -> Option<&'static str> {
        self.initiator.map(|initiator| match initiator {
            Initiator::Local => "local",
            Initiator::Peer => "peer",
        })
    }
}

pub(super) fn name(role: Role) -> &'static str {
    match role {
        Role::Client => "client",
        Role::Server => "server",
    }
}

fn name_of(timeout: Timeout) -> &'static str {
    match timeout {
        Timeout::Keepalive => "timeout_keepalive",
        Timeout::Idle => "timeout_idle",
        Timeout::UnfinishedMessage => "timeout_unfinished_message",
        Timeout::Write => "timeout_write",
        Timeout::Close => "timeout_close",
        _ => "timeout",
    }
}

/// Few labels, whatever codes peers send.
#[cfg(feature = "metrics")]
fn class(code: Option<CloseCode>) -> &'static str {
    const PROTOCOL: [&str; 16] = [
        "1000", "1001", "1002", "1003", "1004", "1005", "1006", "1007", "1008", "1009", "1010",
        "1011", "1012", "1013", "1014", "1015",
    ];
    let Some(code) = code.map(CloseCode::get) else { return "none" };
    match code {
        1000..=1015 => PROTOCOL.get(usize::from(code - 1000)).copied().unwrap_or("other"),
        3000..=3999 => "3xxx",
        4000..=4999 => "4xxx",
        _ => "other",
    }
}
