//! May this session do this to that channel?

use crate::channel_name::ChannelName;
use crate::error::CommandError;
use crate::options::{Allowed, ChannelOptions};

/// Who asks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asker<'a> {
    pub(crate) user: &'a str,
    /// It is subscribed to the channel in question.
    pub(crate) subscribed: bool,
    /// Everything is allowed, because the configuration says so.
    pub(crate) insecure: bool,
}

impl Asker<'_> {
    /// Without a token: user-limited names ask for one of their users, private ones for a token.
    pub(crate) fn may_subscribe(
        self,
        channel: &ChannelName,
        options: &ChannelOptions,
    ) -> Result<(), CommandError> {
        if self.insecure {
            return Ok(());
        }
        if channel.is_private() {
            return Err(CommandError::PermissionDenied);
        }
        if options.allow_user_limited_channels && channel.is_user_limited() {
            let allowed = !self.user.is_empty() && channel.allows_user(self.user);
            return allowed.then_some(()).ok_or(CommandError::PermissionDenied);
        }
        self.is_among(options.subscribe)
    }

    pub(crate) fn may_publish(self, options: &ChannelOptions) -> Result<(), CommandError> {
        self.is_among(options.publish)
    }

    pub(crate) fn may_read_history(self, options: &ChannelOptions) -> Result<(), CommandError> {
        if !options.history.is_on() {
            return Err(CommandError::NotAvailable);
        }
        self.is_among(options.history_read)
    }

    pub(crate) fn may_read_presence(self, options: &ChannelOptions) -> Result<(), CommandError> {
        if !options.presence {
            return Err(CommandError::NotAvailable);
        }
        self.is_among(options.presence_read)
    }

    fn is_among(self, allowed: Allowed) -> Result<(), CommandError> {
        let known = !self.user.is_empty() || allowed.anonymous;
        let listed = allowed.clients || allowed.subscribers && self.subscribed;
        (self.insecure || known && listed).then_some(()).ok_or(CommandError::PermissionDenied)
    }
}
