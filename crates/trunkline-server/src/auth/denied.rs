//! [`Denied`]: which rule a token breaks, and what its client is told.

use std::fmt;

use trunkline_hub::{CommandError, Disconnect};

/// Why somebody is not let in. It never has anything of the token in it, so it may go into a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Denied {
    /// There is no token, and one is needed.
    NoToken,
    /// The token has more than 8 KiB.
    TooLong,
    /// It is not three parts of Base64 with dots between them.
    Form,
    /// Its header is not JSON of the right form.
    Header,
    /// Its header asks for an extension to be understood (`crit`), and we have none.
    Critical,
    /// Its algorithm is unknown, or `none`.
    Algorithm,
    /// There is no key for its algorithm: keys say which algorithms they are for.
    NoKey,
    /// Keys come from an endpoint, and it does not name one.
    NoKeyId,
    /// The key that it names is not there, and was not when the endpoint was asked again.
    UnknownKey,
    /// The key that it names has to be fetched: call [`Authenticator::fetch_keys`], then ask again with
    /// the same time.
    ///
    /// [`Authenticator::fetch_keys`]: super::Authenticator::fetch_keys
    KeysNeeded,
    /// Keys could not be fetched; trying again later helps.
    KeysUnavailable,
    /// The signature is wrong.
    Signature,
    /// Its claims are not JSON, more than 64 deep, or one is of the wrong type.
    Claims,
    /// `info`, `data` or a Base64 twin of theirs is damaged.
    Base64,
    /// It never expires (`exp`), and must.
    NoExpiry,
    /// It has expired (`exp`).
    Expired,
    /// It is not valid yet (`nbf`).
    NotYet,
    /// It was made in the future (`iat`).
    FromTheFuture,
    /// It is for somebody else (`aud`).
    Audience,
    /// It is from somebody else (`iss`).
    Issuer,
    /// The claim that names the user is no text.
    User,
    /// It names no user, and must.
    Anonymous,
    /// It is for a channel, and shown to connect.
    IsForChannel,
    /// It is for no channel, and shown to subscribe.
    NoChannel,
    /// It is for another channel.
    OtherChannel,
    /// It is another user's.
    OtherUser,
    /// It is another connection's.
    OtherClient,
    /// A channel in it has a name that no channel has.
    ChannelName,
    /// The user's name cannot stand in the name of a personal channel.
    PersonalChannel,
}

/// One table for all cases and their words, so that none is forgotten.
macro_rules! words {
    ($($variant:ident = $word:literal,)*) => {
        impl Denied {
            /// All cases.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// A word for it, as it stands in a label of `trunkline_tokens_denied_total`.
            pub const fn word(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)*
                }
            }
        }
    };
}

words! {
    NoToken = "no_token",
    TooLong = "too_long",
    Form = "form",
    Header = "header",
    Critical = "critical",
    Algorithm = "algorithm",
    NoKey = "no_key",
    NoKeyId = "no_key_id",
    UnknownKey = "unknown_key",
    KeysNeeded = "keys_needed",
    KeysUnavailable = "keys_unavailable",
    Signature = "signature",
    Claims = "claims",
    Base64 = "base64",
    NoExpiry = "no_expiry",
    Expired = "expired",
    NotYet = "not_yet",
    FromTheFuture = "from_the_future",
    Audience = "audience",
    Issuer = "issuer",
    User = "user",
    Anonymous = "anonymous",
    IsForChannel = "is_for_channel",
    NoChannel = "no_channel",
    OtherChannel = "other_channel",
    OtherUser = "other_user",
    OtherClient = "other_client",
    ChannelName = "channel_name",
    PersonalChannel = "personal_channel",
}

/// What a client is told.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "the protocol has these two")]
pub enum Refusal {
    /// An error in the reply.
    Error(CommandError),
    /// The end of the connection.
    Disconnect(Disconnect),
}

impl Denied {
    /// Whether a fresh token would be taken: the client is told so, and gets one.
    pub const fn is_expired(self) -> bool {
        matches!(self, Self::Expired | Self::NotYet | Self::FromTheFuture)
    }

    /// Whether it is no fault of the token.
    pub const fn is_temporary(self) -> bool {
        matches!(self, Self::KeysNeeded | Self::KeysUnavailable)
    }

    /// The answer to `connect`.
    pub const fn on_connect(self) -> Refusal {
        match self {
            _ if self.is_expired() => Refusal::Error(CommandError::TokenExpired),
            _ if self.is_temporary() => Refusal::Error(CommandError::Internal),
            Self::NoToken => Refusal::Disconnect(Disconnect::BAD_REQUEST),
            Self::Anonymous => Refusal::Disconnect(Disconnect::PERMISSION_DENIED),
            _ => Refusal::Disconnect(Disconnect::INVALID_TOKEN),
        }
    }

    /// The answer to `refresh`: who has nothing better than an expired token is gone.
    pub const fn on_refresh(self) -> Refusal {
        match self {
            _ if self.is_expired() => Refusal::Disconnect(Disconnect::EXPIRED),
            _ if self.is_temporary() => Refusal::Error(CommandError::Internal),
            _ => Refusal::Disconnect(Disconnect::INVALID_TOKEN),
        }
    }

    /// The answer to `subscribe`. One who shows the token of another channel, user or connection knows
    /// what it does: SDKs cannot.
    pub const fn on_subscribe(self) -> Refusal {
        match self {
            _ if self.is_expired() => Refusal::Error(CommandError::TokenExpired),
            _ if self.is_temporary() => Refusal::Error(CommandError::Internal),
            Self::OtherChannel | Self::OtherUser | Self::OtherClient => {
                Refusal::Disconnect(Disconnect::INVALID_TOKEN)
            }
            _ => Refusal::Error(CommandError::PermissionDenied),
        }
    }

    /// The answer to `sub_refresh`.
    pub const fn on_sub_refresh(self) -> Refusal {
        match self {
            _ if self.is_expired() => Refusal::Error(CommandError::Expired),
            _ if self.is_temporary() => Refusal::Error(CommandError::Internal),
            _ => Refusal::Disconnect(Disconnect::INVALID_TOKEN),
        }
    }
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoToken => "there is no token",
            Self::TooLong => "the token has more than 8 KiB",
            Self::Form => "the token is not three parts of Base64",
            Self::Header => "the header of the token is damaged",
            Self::Critical => "the token asks for an extension",
            Self::Algorithm => "the algorithm of the token is not supported",
            Self::NoKey => "there is no key for the algorithm of the token",
            Self::NoKeyId => "the token does not say which key it is signed with (kid)",
            Self::UnknownKey => "the key of the token (kid) is unknown",
            Self::KeysNeeded => "the key of the token has to be fetched",
            Self::KeysUnavailable => "keys could not be fetched",
            Self::Signature => "the signature of the token is wrong",
            Self::Claims => "a claim of the token is of the wrong type",
            Self::Base64 => "a claim of the token is not Base64",
            Self::NoExpiry => "the token never expires (exp)",
            Self::Expired => "the token has expired (exp)",
            Self::NotYet => "the token is not valid yet (nbf)",
            Self::FromTheFuture => "the token was made in the future (iat)",
            Self::Audience => "the token is for another audience (aud)",
            Self::Issuer => "the token is from another issuer (iss)",
            Self::User => "the claim that names the user is no text",
            Self::Anonymous => "the token names no user",
            Self::IsForChannel => "the token is for a channel, not to connect",
            Self::NoChannel => "the token is for no channel",
            Self::OtherChannel => "the token is for another channel",
            Self::OtherUser => "the token is for another user",
            Self::OtherClient => "the token is for another connection",
            Self::ChannelName => "a channel in the token has an impossible name",
            Self::PersonalChannel => "the user cannot have a personal channel: its name has characters that no channel has",
        })
    }
}

impl std::error::Error for Denied {}
