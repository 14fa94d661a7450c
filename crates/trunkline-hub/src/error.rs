//! What a client is told when something cannot be done: errors, the end of a subscription, the end of
//! the connection. Codes are those of the client protocol, which SDKs act upon.

use std::fmt;

/// Why a command was not done. Its session goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CommandError {
    /// Something of ours failed; trying again may help.
    Internal,
    /// Only those may do so who have said who they are.
    Unauthorized,
    /// The namespace of the channel does not exist.
    UnknownChannel,
    /// This session may not do this to that channel.
    PermissionDenied,
    /// There is no such command or method.
    MethodNotFound,
    /// The session is on that channel already.
    AlreadySubscribed,
    /// A bound was hit: subscriptions of one session, the length of something.
    LimitExceeded,
    /// The command does not make sense.
    BadRequest,
    /// The channel is not configured for it.
    NotAvailable,
    /// The token was good once: get another.
    TokenExpired,
    /// The session is to be gone by now.
    Expired,
    /// Too much at once; trying again later helps.
    TooManyRequests,
    /// The position to recover from is not in the history any more.
    UnrecoverablePosition,
}

impl CommandError {
    /// The code that clients see.
    pub const fn code(self) -> u32 {
        match self {
            Self::Internal => 100,
            Self::Unauthorized => 101,
            Self::UnknownChannel => 102,
            Self::PermissionDenied => 103,
            Self::MethodNotFound => 104,
            Self::AlreadySubscribed => 105,
            Self::LimitExceeded => 106,
            Self::BadRequest => 107,
            Self::NotAvailable => 108,
            Self::TokenExpired => 109,
            Self::Expired => 110,
            Self::TooManyRequests => 111,
            Self::UnrecoverablePosition => 112,
        }
    }

    /// The words that go with the code.
    pub const fn message(self) -> &'static str {
        match self {
            Self::Internal => "internal server error",
            Self::Unauthorized => "unauthorized",
            Self::UnknownChannel => "unknown channel",
            Self::PermissionDenied => "permission denied",
            Self::MethodNotFound => "method not found",
            Self::AlreadySubscribed => "already subscribed",
            Self::LimitExceeded => "limit exceeded",
            Self::BadRequest => "bad request",
            Self::NotAvailable => "not available",
            Self::TokenExpired => "token expired",
            Self::Expired => "expired",
            Self::TooManyRequests => "too many requests",
            Self::UnrecoverablePosition => "unrecoverable position",
        }
    }

    /// Whether the same command may succeed when it is sent again.
    pub const fn is_temporary(self) -> bool {
        matches!(self, Self::Internal | Self::TooManyRequests)
    }
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())
    }
}

impl std::error::Error for CommandError {}

/// Why a subscription ended without the client's asking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unsubscribed {
    /// A server asked for it through the API.
    ByServer,
    /// Publications may have been missed: SDKs subscribe again, with recovery.
    InsufficientState,
    /// The subscription's token ran out and was not renewed.
    Expired,
}

impl Unsubscribed {
    /// The code that clients see; from 2500 on SDKs subscribe again.
    pub const fn code(self) -> u32 {
        match self {
            Self::ByServer => 2000,
            Self::InsufficientState => 2500,
            Self::Expired => 2501,
        }
    }

    /// The words that go with the code.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::ByServer => "server unsubscribe",
            Self::InsufficientState => "insufficient state",
            Self::Expired => "subscription expired",
        }
    }
}

/// Why a connection is closed. Clients get code and reason in the close frame; SDKs come back by
/// themselves for codes below 3500, and for 4000 to 4499.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disconnect {
    code: u16,
    reason: std::borrow::Cow<'static, str>,
}

impl Disconnect {
    /// The client, or its connection, is gone: nothing is written any more.
    pub const CLOSED: Self = Self::new(3000, "connection closed");
    /// This process ends.
    pub const SHUTDOWN: Self = Self::new(3001, "shutdown");
    /// Something of ours failed.
    pub const SERVER_ERROR: Self = Self::new(3004, "internal server error");
    /// The connection's token ran out and was not renewed.
    pub const EXPIRED: Self = Self::new(3005, "connection expired");
    /// A server-side subscription ran out and was not renewed.
    pub const SUBSCRIPTION_EXPIRED: Self = Self::new(3006, "subscription expired");
    /// The client does not read what it is sent.
    pub const SLOW: Self = Self::new(3008, "slow");
    /// What it was sent could not be written.
    pub const WRITE_ERROR: Self = Self::new(3009, "write error");
    /// Publications of a server-side subscription may have been missed.
    pub const INSUFFICIENT_STATE: Self = Self::new(3010, "insufficient state");
    /// A server asks it to come back on a fresh connection.
    pub const FORCE_RECONNECT: Self = Self::new(3011, "force reconnect");
    /// A ping was not answered.
    pub const NO_PONG: Self = Self::new(3012, "no pong");
    /// More than the rate that is allowed.
    pub const TOO_MANY_REQUESTS: Self = Self::new(3013, "too many requests");
    /// All clients together hold as much as they may. Of RFC 6455's registry: SDKs come back.
    pub const TRY_AGAIN_LATER: Self = Self::new(1013, "try again later");
    /// The connection token is not one of ours.
    pub const INVALID_TOKEN: Self = Self::new(3500, "invalid token");
    /// The client breaks the protocol.
    pub const BAD_REQUEST: Self = Self::new(3501, "bad request");
    /// It connected and then said nothing.
    pub const STALE: Self = Self::new(3502, "stale");
    /// A server asks it to go and not to come back.
    pub const FORCE_DISCONNECT: Self = Self::new(3503, "force disconnect");
    /// The user has as many connections as one may have.
    pub const CONNECTION_LIMIT: Self = Self::new(3504, "connection limit");
    /// Server-side subscriptions are more than one connection may have.
    pub const CHANNEL_LIMIT: Self = Self::new(3505, "channel limit");
    /// A binary payload is to go to a client that speaks JSON.
    pub const INAPPROPRIATE_PROTOCOL: Self = Self::new(3506, "inappropriate protocol");
    /// A server-side subscription is not permitted.
    pub const PERMISSION_DENIED: Self = Self::new(3507, "permission denied");
    /// What the client needs is not there.
    pub const NOT_AVAILABLE: Self = Self::new(3508, "not available");

    const fn new(code: u16, reason: &'static str) -> Self {
        Self { code, reason: std::borrow::Cow::Borrowed(reason) }
    }

    /// A code of the application's own; `None` outside 3000 to 4999, which clients would not be told.
    /// The close frame has room for 123 bytes of `reason`.
    pub fn custom(code: u16, reason: impl Into<String>) -> Option<Self> {
        (3000..5000).contains(&code).then(|| Self { code, reason: reason.into().into() })
    }

    /// The close code.
    pub const fn code(&self) -> u16 {
        self.code
    }

    /// The reason in the close frame.
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// Whether what is queued goes out before the close frame. A peer that is gone or does not read
    /// would only hold it up.
    pub fn flushes(&self) -> bool {
        ![Self::CLOSED, Self::SLOW, Self::TRY_AGAIN_LATER].contains(self)
    }

    /// Whether SDKs come back by themselves.
    pub const fn reconnects(&self) -> bool {
        matches!(self.code, ..3500 | 4000..4500)
    }
}
