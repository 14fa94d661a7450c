//! Requests into commands of the hub, once tokens have been judged.

use bytes::Bytes;
use trunkline_hub::{
    ChannelName, Command, CommandError, Epoch, History, HistoryFilter, StreamPosition, Subscribe,
    SubscribeRights,
};

use super::request::{
    Action, ConnectRequest, HistoryRequest, PublishRequest, SubRefreshRequest, SubscribeRequest,
};

/// The flag of a subscription that is rather refused than not recovered.
const REJECT_UNRECOVERED: i64 = 1 << 1;

/// Checks the name of a channel.
///
/// # Errors
/// [`CommandError::BadRequest`] if it is none.
pub fn channel_name(name: &str) -> Result<ChannelName, CommandError> {
    ChannelName::new(name).map_err(|_| CommandError::BadRequest)
}

impl ConnectRequest<'_> {
    /// Where the client has got to in channels that it is subscribed to without asking. A name that is
    /// no channel's is left out: nobody can be subscribed there.
    pub fn positions(&self) -> Vec<(ChannelName, StreamPosition)> {
        let wanted = self.subs.iter().filter(|(_, it)| it.recover);
        wanted
            .filter_map(|(name, it)| {
                Some((ChannelName::new(name).ok()?, position(it.offset, &it.epoch)))
            })
            .collect()
    }
}

impl SubscribeRequest<'_> {
    /// The command, with what the token says; `None` if there is no token.
    ///
    /// # Errors
    /// If the channel has no valid name, or the client asks for a kind of subscription that we do not
    /// have. One that asks for a filter is refused too: without it, it would get what it did not want.
    pub fn into_command(self, token: Option<SubscribeRights>) -> Result<Command, CommandError> {
        if self.kind != 0 {
            return Err(CommandError::NotAvailable);
        }
        if self.is_filtered {
            return Err(CommandError::BadRequest);
        }
        Ok(Command::Subscribe(Subscribe {
            channel: channel_name(&self.channel)?,
            token,
            recover: self.recover.then(|| position(self.offset, &self.epoch)),
            positioned: self.positioned,
            recoverable: self.recoverable,
            join_leave: self.join_leave,
            reject_unrecovered: self.flag & REJECT_UNRECOVERED != 0,
        }))
    }
}

impl SubRefreshRequest<'_> {
    /// The command, with what the token says.
    ///
    /// # Errors
    /// If the channel has no valid name.
    pub fn into_command(self, rights: SubscribeRights) -> Result<Command, CommandError> {
        Ok(Command::SubRefresh { channel: channel_name(&self.channel)?, rights })
    }
}

impl Action<'_> {
    /// The command.
    ///
    /// Payloads are copied out of the frame, so that a publication that is kept for hours does not
    /// keep a frame of 64 KiB.
    ///
    /// # Errors
    /// If the channel has no valid name, or a payload is missing.
    pub fn into_command(self) -> Result<Command, CommandError> {
        Ok(match self {
            Self::Unsubscribe { channel } => {
                Command::Unsubscribe { channel: channel_name(&channel)? }
            }
            Self::Publish(request) => return request.into_command(),
            Self::Presence { channel } => Command::Presence { channel: channel_name(&channel)? },
            Self::PresenceStats { channel } => {
                Command::PresenceStats { channel: channel_name(&channel)? }
            }
            Self::History(request) => return request.into_command(),
            Self::Send { data } => Command::Send { data: Bytes::copy_from_slice(data) },
            Self::Rpc { method, data } => {
                Command::Rpc { method: method.into(), data: Bytes::copy_from_slice(data) }
            }
        })
    }
}

impl PublishRequest<'_> {
    fn into_command(self) -> Result<Command, CommandError> {
        if self.kind != 0 {
            return Err(CommandError::NotAvailable);
        }
        if self.data.is_empty() {
            return Err(CommandError::BadRequest);
        }
        let channel = channel_name(&self.channel)?;
        Ok(Command::Publish { channel, data: Bytes::copy_from_slice(self.data) })
    }
}

impl HistoryRequest<'_> {
    fn into_command(self) -> Result<Command, CommandError> {
        let filter = HistoryFilter {
            limit: usize::try_from(self.limit).ok(),
            since: self.since.map(|(offset, epoch)| position(offset, &epoch)),
            reverse: self.reverse,
        };
        Ok(Command::History(History { channel: channel_name(&self.channel)?, filter }))
    }
}

/// A position. Of an epoch that is too long to be anybody's the beginning is taken: that is not ours
/// either, and so the client is told that it cannot be recovered, and not that it is wrong.
fn position(offset: u64, epoch: &str) -> StreamPosition {
    let longest = (0..=epoch.len()).rev().filter_map(|len| epoch.get(..len));
    let epoch = longest.filter_map(Epoch::parse).next().unwrap_or(Epoch::NONE);
    StreamPosition { offset, epoch }
}
