//! [`ChannelName`]: checked once, at the door.

use std::fmt;
use std::sync::Arc;

/// The longest name of a channel in bytes, as Centrifugo has it.
pub const CHANNEL_NAME_BYTES_MAX: usize = 255;

/// What stands between the name of a namespace and the rest of a name: `chat:lobby`.
const NAMESPACE_BOUNDARY: char = ':';
/// What stands between a name and the users it is limited to: `dialog#alice,bob`.
const USER_BOUNDARY: char = '#';
/// What separates those users.
const USER_SEPARATOR: char = ',';
/// How a private channel begins: only a subscription token opens it.
const PRIVATE_PREFIX: char = '$';

/// The name of a channel: 1 to 255 printable ASCII characters, none of them a space, `*` or `>`.
///
/// Names are compared byte by byte. Other scripts are left out because two names that look alike must
/// not be two channels; `*` and `>` because brokers read them as wildcards.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ChannelName(Arc<str>);

/// Why a string names no channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidChannelName {
    /// It has no character.
    Empty,
    /// It has more than [`CHANNEL_NAME_BYTES_MAX`] bytes.
    TooLong,
    /// It has a character that is not allowed.
    Character,
}

impl ChannelName {
    /// Checks `name`.
    ///
    /// # Errors
    /// If it is empty, too long, or has a character that is not allowed.
    pub fn new(name: &str) -> Result<Self, InvalidChannelName> {
        if name.is_empty() {
            return Err(InvalidChannelName::Empty);
        }
        if name.len() > CHANNEL_NAME_BYTES_MAX {
            return Err(InvalidChannelName::TooLong);
        }
        let allowed = |byte: u8| byte.is_ascii_graphic() && byte != b'*' && byte != b'>';
        if !name.bytes().all(allowed) {
            return Err(InvalidChannelName::Character);
        }
        Ok(Self(name.into()))
    }

    /// The name as it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What stands before the first `:`, without the `$` of a private channel; `None` if there is no `:`.
    pub fn namespace(&self) -> Option<&str> {
        let name = self.0.strip_prefix(PRIVATE_PREFIX).unwrap_or(&self.0);
        name.split_once(NAMESPACE_BOUNDARY).map(|(namespace, _)| namespace)
    }

    /// Whether only a subscription token opens it: `$orders`.
    pub fn is_private(&self) -> bool {
        self.0.starts_with(PRIVATE_PREFIX)
    }

    /// Whether the name says which users may enter: `dialog#alice,bob`.
    pub fn is_user_limited(&self) -> bool {
        self.0.contains(USER_BOUNDARY)
    }

    /// Whether `user` is one of those whom a user-limited name lists.
    pub fn allows_user(&self, user: &str) -> bool {
        let Some((_, users)) = self.0.rsplit_once(USER_BOUNDARY) else { return false };
        users.split(USER_SEPARATOR).any(|it| it == user)
    }
}

impl fmt::Display for ChannelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ChannelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

impl fmt::Display for InvalidChannelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "the name of a channel is empty",
            Self::TooLong => "the name of a channel has more than 255 bytes",
            Self::Character => {
                "the name of a channel has a character that is not printable ASCII, or a space, `*` or `>`"
            }
        })
    }
}

impl std::error::Error for InvalidChannelName {}
